/* Config values: checks, and who wins.
 *
 *   topic    override > broker config it falls back to > default
 *   broker   this broker's dynamic value > the cluster's dynamic default > --set and file > default
 *
 * Dynamic broker configs are kept in the store's map (MAP_CONFIG), key
 * "broker:<id>" or "broker", 0, config name; names without a row are kept too,
 * as Kafka does.  Topic overrides are part of the topic record (topic.c).
 * Owner: the broker.  Thread: its own. */
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/broker/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BROKER_ROWS_MAX 384

struct topic_configs {
    size_t n;
    struct topic_override {
        const struct config_row *row;
        char *value;
    } v[];
};

struct broker_configs {
    char *fixed[BROKER_ROWS_MAX];       /* --set and file */
    char *own[BROKER_ROWS_MAX];         /* dynamic, this broker */
    char *whole[BROKER_ROWS_MAX];       /* dynamic, the cluster's default */
    char derived[4][24];              /* values in ms that follow from hours or minutes */
};

/* The place of a broker row in the arrays above. */
static size_t row_index(const struct config_row *row) {
    size_t n;
    size_t i = (size_t)(row - config_rows(SCOPE_BROKER, &n));
    weir_assert(i < n && n <= BROKER_ROWS_MAX);
    return i;
}

static size_t broker_row_index(const char *name) {
    const struct config_row *row = config_row_find(SCOPE_BROKER, slice_cstr(name));
    weir_assert(row != NULL);
    return row_index(row);
}

/* ---- checks ---- */

static struct slice trimmed(struct slice s) {
    while (s.n > 0 && s.p[0] <= ' ')
        s = slice_of(s.p + 1, s.n - 1);
    while (s.n > 0 && s.p[s.n - 1] <= ' ')
        s.n--;
    return s;
}

static bool parse_i64(struct slice s, int64_t min, int64_t max, int64_t *out) {
    char text[32], *end;
    s = trimmed(s);
    if (s.n == 0 || s.n >= sizeof text || (s.p[0] != '-' && s.p[0] != '+' && (s.p[0] < '0' || s.p[0] > '9')))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    errno = 0;
    long long v = strtoll(text, &end, 10);
    *out = v;
    return errno == 0 && end == text + s.n && v >= min && v <= max;
}

bool config_broker_id(struct slice text, int32_t *id) {
    int64_t v;
    if (!parse_i64(text, INT32_MIN, INT32_MAX, &v))
        return false;
    *id = (int32_t)v;
    return true;
}

static bool parse_double(struct slice s, double *out) {
    char text[64], *end;
    s = trimmed(s);
    if (s.n == 0 || s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    *out = strtod(text, &end);
    return end == text + s.n && !isnan(*out);
}

static bool word_in(const char *words, struct slice s) {
    for (const char *w = words; *w != '\0';) {
        size_t n = strcspn(w, "|");
        if (n == s.n && memcmp(w, s.p, n) == 0)
            return true;
        w += n + (w[n] == '|');
    }
    return false;
}

/* Next element of a comma-separated list; false at its end. */
static bool list_next(struct slice *rest, struct slice *element) {
    if (rest->p == NULL)
        return false;
    const uint8_t *comma = memchr(rest->p, ',', rest->n);
    size_t n = comma == NULL ? rest->n : (size_t)(comma - rest->p);
    *element = trimmed(slice_of(rest->p, n));
    *rest = comma == NULL ? SLICE_NULL : slice_of(comma + 1, rest->n - n - 1);
    return true;
}

static enum err refuse(const struct config_row *row, struct slice value, struct error *e, const char *why) {
    char shown[160];
    text_safe(value, shown, sizeof shown);
    return error_set(e, ERR_INVALID, "Invalid value %s for configuration %s: %s", shown, row->name, why);
}

static enum err check_words(const struct config_row *row, struct slice value, struct slice whole, struct error *e) {
    char why[128];
    if (row->rule[0] == '\0' || word_in(row->rule, value))
        return OK;
    size_t n = (size_t)snprintf(why, sizeof why, "String must be one of: ");
    for (const char *r = row->rule; *r != '\0' && n + 3 < sizeof why; r++) {
        why[n++] = *r == '|' ? ',' : *r;
        if (*r == '|')
            why[n++] = ' ';
    }
    why[n] = '\0';
    return refuse(row, row->type == CONFIG_LIST ? value : whole, e, why);
}

/* ">=N", "N..M", "N..M or V" */
static enum err check_range(const struct config_row *row, double v, struct slice value, struct error *e) {
    char why[96], *end;
    const char *rule = row->rule;
    if (rule[0] == '\0')
        return OK;
    if (rule[0] == '>') {
        if (v >= strtod(rule + 2, NULL))
            return OK;
        snprintf(why, sizeof why, "Value must be at least %s", rule + 2);
        return refuse(row, value, e, why);
    }
    double low = strtod(rule, &end), high = strtod(strstr(rule, "..") + 2, &end);
    const char *also = strstr(rule, " or ");
    if ((v >= low && v <= high) || (also != NULL && v == strtod(also + 4, NULL)))
        return OK;
    if (also != NULL)
        snprintf(why, sizeof why, "Value must be between %g and %g or equal to %s", low, high, also + 4);
    else
        snprintf(why, sizeof why, v < low ? "Value must be at least %g" : "Value must be no more than %g",
                 v < low ? low : high);
    return refuse(row, value, e, why);
}

enum err config_check(const struct config_row *row, struct slice value, struct error *e) {
    int64_t v = 0;
    double d = 0;
    struct slice s = trimmed(value), element;
    switch (row->type) {
    case CONFIG_BOOLEAN:
        if ((s.n == 4 && strncasecmp((const char *)s.p, "true", 4) == 0) ||
            (s.n == 5 && strncasecmp((const char *)s.p, "false", 5) == 0))
            return OK;
        return refuse(row, value, e, "Expected value to be either true or false");
    case CONFIG_INT:
        if (!parse_i64(s, INT32_MIN, INT32_MAX, &v))
            return refuse(row, value, e, "Not a number of type INT");
        return check_range(row, (double)v, value, e);
    case CONFIG_SHORT:
        if (!parse_i64(s, INT16_MIN, INT16_MAX, &v))
            return refuse(row, value, e, "Not a number of type SHORT");
        return check_range(row, (double)v, value, e);
    case CONFIG_LONG:
        if (!parse_i64(s, INT64_MIN, INT64_MAX, &v))
            return refuse(row, value, e, "Not a number of type LONG");
        return check_range(row, (double)v, value, e);
    case CONFIG_DOUBLE:
        if (!parse_double(s, &d))
            return refuse(row, value, e, "Not a number of type DOUBLE");
        return check_range(row, d, value, e);
    case CONFIG_LIST:
        if (s.n == 0)
            return OK;
        while (list_next(&s, &element))
            if (check_words(row, element, value, e) != OK)
                return ERR_INVALID;
        return OK;
    case CONFIG_STRING:
        return check_words(row, value, value, e);
    case CONFIG_CLASS: case CONFIG_PASSWORD:
        return OK;
    }
    return OK;
}

enum err broker_check_setting(const char *name, const char *value, struct error *e) {
    const struct config_row *row = config_row_find(SCOPE_BROKER, slice_cstr(name));
    if (row == NULL)
        return error_set(e, ERR_NOT_FOUND, "there is no broker config %.100s", name);
    static const char *const options[][2] = {
        {"advertised.listeners", "--advertise"},
        {"listeners", "--listen"},
        {"log.dir", "--data"},
        {"log.dirs", "--data"},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(name, options[i][0]) == 0)
            return error_set(e, ERR_INVALID, "%s is what %s says, not a setting", name, options[i][1]);
    return config_check(row, slice_cstr(value), e);
}

/* ---- a topic's overrides ---- */

static const struct config_entry *last_of(const struct config_entry *v, size_t n, const char *name) {
    for (size_t i = n; i-- > 0;)
        if (slice_is(v[i].name, name))
            return &v[i];
    return NULL;
}

static int64_t merged_i64(struct broker *b, const struct config_entry *v, size_t n, const char *name) {
    const struct config_entry *entry = last_of(v, n, name);
    enum config_source source;
    const char *value = topic_config_default(b, config_row_find(SCOPE_TOPIC, slice_cstr(name)), &source);
    int64_t out = 0;
    parse_i64(entry != NULL ? entry->value : slice_cstr(value), INT64_MIN, INT64_MAX, &out);
    return out;
}

enum err topic_configs_check(struct broker *b, const struct config_entry *v, size_t n, struct error *e) {
    char shown[160];
    for (size_t i = 0; i < n; i++) {
        text_safe(v[i].name, shown, sizeof shown);
        if (v[i].value.p == NULL)
            return error_set(e, ERR_INVALID, "Null value not supported for topic configs: %s", shown);
    }
    for (size_t i = 0; i < n; i++) {
        const struct config_row *row = config_row_find(SCOPE_TOPIC, v[i].name);
        text_safe(v[i].name, shown, sizeof shown);
        if (row == NULL)
            return error_set(e, ERR_INVALID, "Unknown topic config name: %s", shown);
        enum err r = config_check(row, v[i].value, e);
        if (r != OK)
            return r;
    }
    int64_t low = merged_i64(b, v, n, "min.compaction.lag.ms"), high = merged_i64(b, v, n, "max.compaction.lag.ms");
    if (low > high)
        return error_set(e, ERR_INVALID,
                         "conflict topic config setting min.compaction.lag.ms (%" PRId64
                         ") > max.compaction.lag.ms (%" PRId64 ")",
                         low, high);
    const struct config_entry *remote = last_of(v, n, "remote.storage.enable");
    if (remote != NULL && trimmed(remote->value).n == 4)
        return error_set(e, ERR_INVALID, "Tiered Storage functionality is disabled in the broker. "
                                         "Topic cannot be configured with remote log storage.");
    return OK;
}

void topic_configs_free(struct topic *t) {
    for (size_t i = 0; t->configs != NULL && i < t->configs->n; i++)
        free(t->configs->v[i].value);
    free(t->configs);
    t->configs = NULL;
}

void topic_configs_set(struct topic *t, const struct config_entry *v, size_t n) {
    struct topic_configs *c = mem_zalloc(sizeof *c + n * sizeof c->v[0]);
    for (size_t i = 0; i < n; i++) {
        const struct config_row *row = config_row_find(SCOPE_TOPIC, v[i].name);
        size_t at = 0;
        if (row == NULL)
            continue; /* of a newer version */
        while (at < c->n && c->v[at].row != row)
            at++;
        free(c->v[at].value); /* given twice: the last counts */
        c->v[at].row = row;
        c->v[at].value = mem_strndup(v[i].value);
        c->n += at == c->n;
    }
    topic_configs_free(t);
    t->configs = c;
}

size_t topic_configs_list(const struct topic *t, struct config_entry *out, size_t max) {
    size_t n = 0;
    for (; n < t->configs->n && n < max; n++)
        out[n] = (struct config_entry){slice_cstr(t->configs->v[n].row->name), slice_cstr(t->configs->v[n].value)};
    return n;
}

const char *topic_configs_get(const struct topic *t, const char *name) {
    for (size_t i = 0; i < t->configs->n; i++)
        if (strcmp(t->configs->v[i].row->name, name) == 0)
            return t->configs->v[i].value;
    return NULL;
}

/* ---- broker values ---- */

size_t broker_config_places(struct broker *b, const struct config_row *row, struct config_place out[4]) {
    size_t i = row_index(row), n = 0;
    if (b->configs->own[i] != NULL)
        out[n++] = (struct config_place){b->configs->own[i], SOURCE_BROKER};
    if (b->configs->whole[i] != NULL)
        out[n++] = (struct config_place){b->configs->whole[i], SOURCE_DEFAULT_BROKER};
    if (b->configs->fixed[i] != NULL)
        out[n++] = (struct config_place){b->configs->fixed[i], SOURCE_STATIC};
    if (row->def != NULL)
        out[n++] = (struct config_place){row->def, SOURCE_DEFAULT};
    return n;
}

const char *broker_config_value(struct broker *b, const struct config_row *row, enum config_source *source) {
    struct config_place places[4];
    size_t n = broker_config_places(b, row, places);
    *source = n == 0 ? SOURCE_DEFAULT : places[0].source;
    return n == 0 ? NULL : places[0].value;
}

const char *config_string(struct broker *b, const char *name) {
    enum config_source source;
    return broker_config_value(b, config_row_find(SCOPE_BROKER, slice_cstr(name)), &source);
}

int64_t config_int(struct broker *b, const char *name) {
    int64_t v = 0;
    const char *value = config_string(b, name);
    weir_assert(value != NULL && parse_i64(slice_cstr(value), INT64_MIN, INT64_MAX, &v));
    return v;
}

double config_double(struct broker *b, const char *name) {
    double v = 0;
    const char *value = config_string(b, name);
    weir_assert(value != NULL && parse_double(slice_cstr(value), &v));
    return v;
}

bool config_bool(struct broker *b, const char *name) {
    const char *value = config_string(b, name);
    return value != NULL && strncasecmp(value + strspn(value, " \t"), "true", 4) == 0;
}

/* ---- what a topic falls back to ---- */

/* log.retention.ms and its like are null by default: a coarser config, in
 * `unit_ms`, stands behind them. */
static const char *derived_value(struct broker *b, int slot, const char *coarse, int64_t unit_ms,
                                 enum config_source *source) {
    const char *value = broker_config_value(b, config_row_find(SCOPE_BROKER, slice_cstr(coarse)), source);
    int64_t v = 0;
    if (value == NULL)
        return NULL;
    weir_assert(parse_i64(slice_cstr(value), INT64_MIN, INT64_MAX, &v));
    v = v < 0 ? -1 : v > INT64_MAX / unit_ms ? INT64_MAX : v * unit_ms;
    snprintf(b->configs->derived[slot], sizeof b->configs->derived[slot], "%" PRId64, v);
    return b->configs->derived[slot];
}

const char *topic_config_default(struct broker *b, const struct config_row *row, enum config_source *source) {
    *source = SOURCE_DEFAULT;
    if (row->broker == NULL)
        return row->def;
    const char *value = broker_config_value(b, config_row_find(SCOPE_BROKER, slice_cstr(row->broker)), source);
    if (value == NULL && strcmp(row->broker, "log.retention.ms") == 0) {
        value = derived_value(b, 0, "log.retention.minutes", 60000, source);
        if (value == NULL)
            value = derived_value(b, 0, "log.retention.hours", 3600000, source);
    } else if (value == NULL && strcmp(row->broker, "log.roll.ms") == 0) {
        value = derived_value(b, 1, "log.roll.hours", 3600000, source);
    } else if (value == NULL && strcmp(row->broker, "log.roll.jitter.ms") == 0) {
        value = derived_value(b, 2, "log.roll.jitter.hours", 3600000, source);
    } else if (value == NULL && strcmp(row->broker, "log.flush.interval.ms") == 0) {
        value = derived_value(b, 3, "log.flush.scheduler.interval.ms", 1, source);
    }
    return value == NULL ? row->def : value;
}

const char *topic_config_value(struct broker *b, const struct topic *t, const struct config_row *row,
                               enum config_source *source) {
    const char *value = topic_configs_get(t, row->name);
    if (value == NULL)
        return topic_config_default(b, row, source);
    *source = SOURCE_TOPIC;
    return value;
}

static struct slice resolved(struct broker *b, struct topic *t, const char *name) {
    enum config_source source;
    return slice_cstr(topic_config_value(b, t, config_row_find(SCOPE_TOPIC, slice_cstr(name)), &source));
}

static int64_t resolved_i64(struct broker *b, struct topic *t, const char *name) {
    int64_t v = 0;
    weir_assert(parse_i64(resolved(b, t, name), INT64_MIN, INT64_MAX, &v));
    return v;
}

static bool list_has(struct slice list, const char *word) {
    struct slice element;
    while (list_next(&list, &element))
        if (slice_is(element, word))
            return true;
    return false;
}

static void resolve_compression(struct broker *b, struct topic *t) {
    static const char *const names[] = {"uncompressed", "gzip", "snappy", "lz4", "zstd"};
    struct slice type = resolved(b, t, "compression.type");
    char level[32];
    t->v.compression = -1;
    t->v.compression_level = INT32_MIN;
    for (int i = 0; i < CODEC_N; i++)
        if (slice_is(type, names[i]))
            t->v.compression = i;
    if (t->v.compression == CODEC_GZIP || t->v.compression == CODEC_LZ4 || t->v.compression == CODEC_ZSTD) {
        snprintf(level, sizeof level, "compression.%s.level", names[t->v.compression]);
        t->v.compression_level = (int)resolved_i64(b, t, level);
        if (t->v.compression == CODEC_GZIP && t->v.compression_level == -1)
            t->v.compression_level = INT32_MIN;
    }
}

void topic_configs_resolve(struct broker *b, struct topic *t) {
    struct topic_values *v = &t->v;
    struct slice policy = resolved(b, t, "cleanup.policy");
    v->max_message_bytes = (int32_t)resolved_i64(b, t, "max.message.bytes");
    v->append_time = slice_is(resolved(b, t, "message.timestamp.type"), "LogAppendTime");
    v->timestamp_before_max_ms = resolved_i64(b, t, "message.timestamp.before.max.ms");
    v->timestamp_after_max_ms = resolved_i64(b, t, "message.timestamp.after.max.ms");
    bool compact = list_has(policy, "compact");
    if (compact && !v->compact && !t->internal)
        log_warn("topic %s: cleanup.policy=compact refuses records without key; compaction itself is still to come, "
                 "so every record is kept", t->name);
    v->compact = compact;
    v->delete_old = list_has(policy, "delete");
    v->check_compressed = config_bool(b, "weir.check.compressed.batches");
    resolve_compression(b, t);
    v->log = (struct log_config){
        .segment_bytes = (uint64_t)resolved_i64(b, t, "segment.bytes"),
        .segment_ms = resolved_i64(b, t, "segment.ms"),
        .retention_ms = resolved_i64(b, t, "retention.ms"),
        .retention_bytes = resolved_i64(b, t, "retention.bytes"),
        .delete_old = v->delete_old,
        .vital = t->internal,
    };
    for (int32_t i = 0; i < t->n_partitions; i++)
        store_log_configure(t->partitions[i]->log, &v->log);
}

/* ---- dynamic broker configs ---- */

static struct slice dynamic_key(struct broker *b, bool whole, struct slice name, struct buf *out) {
    buf_clear(out);
    if (whole)
        buf_puts(out, "broker");
    else
        buf_printf(out, "broker:%d", b->settings.node_id);
    buf_put_u8(out, 0);
    buf_put(out, name.p, name.n);
    return buf_slice(out);
}

static void dynamic_remember(struct broker *b, bool whole, struct slice name, const char *value) {
    const struct config_row *row = config_row_find(SCOPE_BROKER, name);
    if (row == NULL)
        return;
    char **at = &(whole ? b->configs->whole : b->configs->own)[row_index(row)];
    free(*at);
    *at = value == NULL ? NULL : mem_strdup(value);
}

enum err broker_config_set(struct broker *b, bool whole, struct slice name, const char *value, uint64_t *ticket) {
    struct buf key = {0};
    dynamic_key(b, whole, name, &key);
    enum err e = value == NULL ? store_delete(b->store, MAP_CONFIG, buf_slice(&key), ticket)
                               : store_put(b->store, MAP_CONFIG, buf_slice(&key), slice_cstr(value), ticket);
    buf_fini(&key);
    if (e != OK)
        return e;
    dynamic_remember(b, whole, name, value);
    for (struct topic *t = b->topics_by_name; t != NULL; t = t->by_name.next)
        topic_configs_resolve(b, t);
    return OK;
}

struct dynamic_list {
    struct slice prefix;
    struct config_entry *out;
    size_t n, max;
};

static void dynamic_each(void *ctx, struct slice key, struct slice value) {
    struct dynamic_list *l = ctx;
    if (key.n < l->prefix.n || memcmp(key.p, l->prefix.p, l->prefix.n) != 0 || l->n == l->max)
        return;
    l->out[l->n++] = (struct config_entry){slice_of(key.p + l->prefix.n, key.n - l->prefix.n), value};
}

size_t broker_config_dynamic(struct broker *b, bool whole, struct config_entry *out, size_t max) {
    struct buf prefix = {0};
    struct dynamic_list l = {dynamic_key(b, whole, SLICE(""), &prefix), out, 0, max};
    store_each(b->store, MAP_CONFIG, dynamic_each, &l);
    buf_fini(&prefix);
    return l.n;
}

static void load_dynamic(struct broker *b, bool whole) {
    struct config_entry v[BROKER_ROWS_MAX * 2];
    size_t n = broker_config_dynamic(b, whole, v, sizeof v / sizeof *v);
    for (size_t i = 0; i < n; i++) {
        const struct config_row *row = config_row_find(SCOPE_BROKER, v[i].name);
        struct error e;
        if (row == NULL || config_check(row, v[i].value, &e) != OK)
            continue; /* kept in the map, without effect */
        char *value = mem_strndup(v[i].value);
        dynamic_remember(b, whole, v[i].name, value);
        free(value);
    }
}

enum err configs_new(struct broker *b, struct error *e) {
    b->configs = mem_zalloc(sizeof *b->configs);
    char node_id[16];
    snprintf(node_id, sizeof node_id, "%d", b->settings.node_id);
    b->configs->fixed[broker_row_index("node.id")] = mem_strdup(node_id);
    b->configs->fixed[broker_row_index("broker.id")] = mem_strdup(node_id);
    if (b->settings.data_dir != NULL)
        b->configs->fixed[broker_row_index("log.dirs")] = mem_strdup(b->settings.data_dir);
    for (size_t i = 0; i < b->settings.n_settings; i++) {
        const struct broker_setting *s = &b->settings.settings[i];
        enum err r = broker_check_setting(s->name, s->value, e);
        if (r != OK)
            return r;
        char **at = &b->configs->fixed[broker_row_index(s->name)];
        free(*at);
        *at = mem_strdup(s->value);
    }
    load_dynamic(b, true);
    load_dynamic(b, false);
    return OK;
}

void configs_free(struct broker *b) {
    if (b->configs == NULL)
        return;
    for (size_t i = 0; i < BROKER_ROWS_MAX; i++) {
        free(b->configs->fixed[i]);
        free(b->configs->own[i]);
        free(b->configs->whole[i]);
    }
    free(b->configs);
    b->configs = NULL;
}
