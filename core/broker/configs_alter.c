/* AlterConfigs and IncrementalAlterConfigs: one resource at a time, checked whole,
 * then written whole. */
#include "core/broker/configs_alter.h"

#include "core/base/log.h"
#include "core/broker/keyset.h"

#include <stdlib.h>

#define OVERRIDES_MAX 64

static bool refuse(struct config_change *c, int16_t error, struct slice message) {
    c->error = error;
    c->message = message;
    return false;
}

/* A set of overrides at work; values live in the request's arena. */
struct overrides {
    struct config_entry v[OVERRIDES_MAX];
    size_t n;
};

static struct config_entry *overrides_find(struct overrides *o, struct slice name) {
    for (size_t i = 0; i < o->n; i++)
        if (slice_eq(o->v[i].name, name))
            return &o->v[i];
    return NULL;
}

static bool list_has(struct slice list, struct slice element) {
    for (size_t at = 0; at <= list.n;) {
        const uint8_t *comma = at < list.n ? memchr(list.p + at, ',', list.n - at) : NULL;
        size_t end = comma == NULL ? list.n : (size_t)(comma - list.p);
        if (slice_eq(slice_of(list.p + at, end - at), element))
            return true;
        at = end + 1;
    }
    return false;
}

/* `list` with (append) or without the elements of `change`. */
static struct slice list_change(struct request *rq, struct slice list, struct slice change, bool append) {
    uint8_t *out = request_alloc(rq, list.n + change.n + 2);
    size_t n = 0;
    struct slice parts[2] = {list, append ? change : SLICE("")};
    for (int part = 0; part < 2; part++) {
        struct slice s = parts[part];
        for (size_t at = 0; at <= s.n && s.n > 0;) {
            const uint8_t *comma = at < s.n ? memchr(s.p + at, ',', s.n - at) : NULL;
            size_t end = comma == NULL ? s.n : (size_t)(comma - s.p);
            struct slice element = slice_of(s.p + at, end - at);
            bool skip = part == 0 ? !append && list_has(change, element) : list_has(list, element);
            if (!skip) {
                if (n > 0)
                    out[n++] = ',';
                memcpy(out + n, element.p, element.n);
                n += element.n;
            }
            at = end + 1;
        }
    }
    return slice_of(out, n);
}

/* What every resource's operations have to obey. */
static bool check_ops(struct request *rq, struct config_change *c) {
    struct keyset names;
    bool fresh;
    keyset_init(&names, rq, c->n_ops);
    for (int32_t i = 0; i < c->n_ops; i++) {
        keyset_add(&names, c->ops[i].name, 0, &fresh);
        if (!fresh)
            return refuse(c, KAFKA_INVALID_REQUEST, SLICE("Error due to duplicate config keys"));
    }
    for (int32_t i = 0; i < c->n_ops; i++)
        if (c->ops[i].value.p == NULL && c->ops[i].op != OP_DELETE)
            return refuse(c, KAFKA_INVALID_REQUEST,
                          request_printf(rq, "Null value not supported for : %.*s",
                                         SLICE_ARG(request_utf8(rq, c->ops[i].name))));
    for (int32_t i = 0; i < c->n_ops; i++)
        if (c->ops[i].op < OP_SET || c->ops[i].op > OP_SUBTRACT)
            return refuse(c, KAFKA_UNKNOWN_SERVER_ERROR, SLICE_NULL);
    return true;
}

/* ---- topics ---- */

static const char *op_name(int8_t op) {
    return op == OP_APPEND ? "APPEND" : "SUBTRACT";
}

static bool apply_topic_op(struct broker *b, struct request *rq, struct topic *t, struct config_change *c,
                           const struct config_op *op, struct overrides *o) {
    const struct config_row *row = config_row_find(SCOPE_TOPIC, op->name);
    struct config_entry *entry = overrides_find(o, op->name);
    if (op->op == OP_DELETE) {
        if (entry != NULL)
            *entry = o->v[--o->n];
        return true;
    }
    if (row == NULL)
        return refuse(c, KAFKA_INVALID_CONFIG,
                      request_printf(rq, "Unknown topic config name: %.*s", SLICE_ARG(request_utf8(rq, op->name))));
    struct slice value = op->value;
    if (op->op != OP_SET) {
        enum config_source source;
        if (row->type != CONFIG_LIST)
            return refuse(
                c, KAFKA_INVALID_CONFIG,
                request_printf(rq, "Can't %s to key %s because its type is not LIST.", op_name(op->op), row->name));
        value = list_change(rq, entry != NULL ? entry->value : slice_cstr(topic_config_value(b, t, row, &source)),
                            op->value, op->op == OP_APPEND);
    }
    if (entry == NULL)
        entry = &o->v[o->n++]; /* rows are fewer than OVERRIDES_MAX, names of an op list differ */
    *entry = (struct config_entry){slice_cstr(row->name), value};
    return true;
}

static void alter_topic(struct broker *b, struct request *rq, struct config_change *c, bool validate_only,
                        uint64_t *ticket) {
    struct topic *t = topic_find(b, c->resource_name);
    struct overrides before = {.n = 0}, after;
    struct error e;
    uint64_t mine = 0;
    if (c->resource_name.n == 0) {
        refuse(c, KAFKA_INVALID_REQUEST, SLICE("Default topic resources are not allowed."));
        return;
    }
    if (t == NULL) {
        refuse(c, KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
               request_printf(rq, "The topic '%.*s' does not exist.", SLICE_ARG(request_utf8(rq, c->resource_name))));
        return;
    }
    before.n = topic_configs_list(t, before.v, OVERRIDES_MAX);
    for (size_t i = 0; i < before.n; i++)
        before.v[i].value = request_dup(rq, before.v[i].value);
    after = before;
    if (c->replace)
        after.n = 0;
    for (int32_t i = 0; i < c->n_ops; i++)
        if (!apply_topic_op(b, rq, t, c, &c->ops[i], &after))
            return;
    if (topic_configs_check(b, after.v, after.n, &e) != OK) {
        refuse(c, KAFKA_INVALID_CONFIG, request_printf(rq, "%s", e.text));
        return;
    }
    if (validate_only)
        return;
    topic_configs_set(t, after.v, after.n);
    enum err saved = topic_save(b, t, &mine);
    if (saved != OK) {
        topic_configs_set(t, before.v, before.n);
        refuse(c, kafka_error_of(saved), slice_cstr(kafka_error_text(kafka_error_of(saved))));
        return;
    }
    topic_configs_resolve(b, t);
    /* A shorter retention acts at once, on this topic only: others wait for their interval, as in Kafka. */
    for (int32_t i = 0; i < t->n_partitions; i++)
        store_log_retain(t->partitions[i]->log, broker_now_ms(b));
    *ticket = mine > *ticket ? mine : *ticket;
}

/* ---- brokers ---- */

static bool check_broker_op(struct request *rq, struct config_change *c, bool whole, const struct config_op *op) {
    const struct config_row *row = config_row_find(SCOPE_BROKER, op->name);
    struct error e;
    if (row == NULL)
        return true; /* Kafka keeps them for plugins that may know them */
    if (row->update == UPDATE_READ_ONLY)
        return refuse(c, KAFKA_INVALID_REQUEST,
                      request_printf(rq, "Cannot update these configs dynamically: [%s]", row->name));
    if (whole && row->update == UPDATE_PER_BROKER)
        return refuse(c, KAFKA_INVALID_REQUEST,
                      request_printf(rq, "Cannot update these configs at default cluster level: [%s]", row->name));
    if ((op->op == OP_APPEND || op->op == OP_SUBTRACT) && row->type != CONFIG_LIST)
        return refuse(
            c, KAFKA_INVALID_CONFIG,
            request_printf(rq, "Can't %s to key %s because its type is not LIST.", op_name(op->op), row->name));
    if (op->op != OP_DELETE && config_check(row, op->value, &e) != OK)
        return refuse(c, KAFKA_INVALID_REQUEST, request_printf(rq, "%s", e.text));
    return true;
}

static bool write_broker_op(struct broker *b, struct request *rq, struct config_change *c, bool whole,
                            const struct config_op *op, uint64_t *ticket) {
    const struct config_row *row = config_row_find(SCOPE_BROKER, op->name);
    struct slice value = op->value;
    uint64_t mine = 0;
    if (op->op == OP_APPEND || op->op == OP_SUBTRACT) {
        enum config_source source;
        const char *now = row == NULL ? "" : broker_config_value(b, row, &source);
        value = list_change(rq, slice_cstr(now == NULL ? "" : now), op->value, op->op == OP_APPEND);
    }
    const char *text = op->op == OP_DELETE ? NULL : (const char *)request_printf(rq, "%.*s", SLICE_ARG(value)).p;
    enum err e = broker_config_set(b, whole, op->name, text, &mine);
    if (e == ERR_NOT_FOUND)
        return true; /* to delete what is not set */
    *ticket = mine > *ticket ? mine : *ticket;
    return e == OK || refuse(c, kafka_error_of(e), slice_cstr(kafka_error_text(kafka_error_of(e))));
}

/* AlterConfigs: what is set and not named any more goes. */
static bool drop_unnamed(struct broker *b, struct request *rq, struct config_change *c, bool whole, uint64_t *ticket) {
    struct config_entry v[OVERRIDES_MAX * 4];
    size_t n = broker_config_dynamic(b, whole, v, sizeof v / sizeof *v);
    for (size_t i = 0; i < n; i++)
        v[i].name = request_dup(rq, v[i].name);
    for (size_t i = 0; i < n; i++) {
        bool named = false;
        for (int32_t k = 0; k < c->n_ops && !named; k++)
            named = slice_eq(c->ops[k].name, v[i].name);
        struct config_op op = {.name = v[i].name, .op = OP_DELETE};
        if (!named && !write_broker_op(b, rq, c, whole, &op, ticket))
            return false;
    }
    return true;
}

static void alter_broker(struct broker *b, struct request *rq, struct config_change *c, bool validate_only,
                         uint64_t *ticket) {
    bool whole = c->resource_name.n == 0;
    int32_t id;
    if (!whole && !config_broker_id(c->resource_name, &id)) {
        refuse(c, KAFKA_INVALID_REQUEST,
               request_printf(rq, "Node id must be an integer, but it is: %.*s",
                              SLICE_ARG(request_utf8(rq, c->resource_name))));
        return;
    }
    if (!whole && id != b->settings.node_id) {
        refuse(c, KAFKA_INVALID_REQUEST,
               request_printf(rq, "Unexpected broker id, expected %d, but received %d", b->settings.node_id, id));
        return;
    }
    for (int32_t i = 0; i < c->n_ops; i++)
        if (!check_broker_op(rq, c, whole, &c->ops[i]))
            return;
    if (validate_only || (c->replace && !drop_unnamed(b, rq, c, whole, ticket)))
        return;
    for (int32_t i = 0; i < c->n_ops; i++)
        if (!write_broker_op(b, rq, c, whole, &c->ops[i], ticket))
            return;
}

/* ---- groups, metrics subscriptions ---- */

/* Kafka's own sentences differ by a word. */
static const char *scope_word(enum config_scope scope) {
    return scope == SCOPE_GROUP ? "group" : "client metrics";
}

static bool named_value(struct broker *b, struct request *rq, struct config_change *c, enum config_scope scope,
                        const struct config_op *op, struct slice *value) {
    const struct config_row *row = config_row_find(scope, op->name);
    struct error e;
    *value = SLICE_NULL;
    if (op->op == OP_DELETE)
        return true;
    if (row == NULL)
        return refuse(c, KAFKA_INVALID_CONFIG, request_printf(rq, "Unknown %s config name: %.*s", scope_word(scope),
                                                              SLICE_ARG(request_utf8(rq, op->name))));
    *value = op->value;
    if (op->op != OP_SET) {
        if (row->type != CONFIG_LIST)
            return refuse(
                c, KAFKA_INVALID_CONFIG,
                request_printf(rq, "Can't %s to key %s because its type is not LIST.", op_name(op->op), row->name));
        struct slice now = config_named_get(b, scope, c->resource_name, row->name);
        *value = list_change(rq, now.p == NULL ? slice_cstr(config_named_default(b, row)) : now, op->value,
                             op->op == OP_APPEND);
    }
    if (config_named_check(b, scope, row, *value, &e) != OK)
        return refuse(c, KAFKA_INVALID_CONFIG, request_printf(rq, "%s", e.text));
    return true;
}

static void alter_named(struct broker *b, struct request *rq, struct config_change *c, enum config_scope scope,
                        bool validate_only, uint64_t *ticket) {
    struct slice *values = request_alloc(rq, (size_t)(c->n_ops + 1) * sizeof *values);
    size_t n_rows;
    const struct config_row *rows = config_rows(scope, &n_rows);
    uint64_t mine = 0;
    enum err e = OK;
    if (c->resource_name.n == 0 || memchr(c->resource_name.p, 0, c->resource_name.n) != NULL) {
        refuse(c, KAFKA_INVALID_REQUEST,
               request_printf(rq, "Default %s resources are not allowed.", scope_word(scope)));
        return;
    }
    for (int32_t i = 0; i < c->n_ops; i++)
        if (!named_value(b, rq, c, scope, &c->ops[i], &values[i]))
            return;
    if (validate_only)
        return;
    for (size_t i = 0; i < n_rows && c->replace && e == OK; i++)
        if (config_named_get(b, scope, c->resource_name, rows[i].name).p != NULL)
            e = config_named_set(b, scope, c->resource_name, slice_cstr(rows[i].name), SLICE_NULL, &mine);
    for (int32_t i = 0; i < c->n_ops && e == OK; i++)
        if (values[i].p != NULL || config_row_find(scope, c->ops[i].name) != NULL) {
            e = config_named_set(b, scope, c->resource_name, c->ops[i].name, values[i], &mine);
            e = e == ERR_NOT_FOUND ? OK : e; /* to delete what is not set */
        }
    *ticket = mine > *ticket ? mine : *ticket;
    if (e != OK)
        refuse(c, kafka_error_of(e), slice_cstr(kafka_error_text(kafka_error_of(e))));
}

/* ---- the logger ---- */

static void alter_logger(struct broker *b, struct request *rq, struct config_change *c, bool validate_only) {
    static const struct { const char *name; enum log_level level; } levels[] = {
        {"OFF", LOG_ERROR}, {"FATAL", LOG_ERROR}, {"ERROR", LOG_ERROR}, {"WARN", LOG_WARN},
        {"INFO", LOG_INFO}, {"DEBUG", LOG_DEBUG}, {"TRACE", LOG_DEBUG},
    };
    int32_t id;
    if (!config_broker_id(c->resource_name, &id) || id != b->settings.node_id) {
        refuse(c, KAFKA_INVALID_REQUEST,
               request_printf(rq, "Unexpected broker id, expected %d, but received %.*s", b->settings.node_id,
                              SLICE_ARG(request_utf8(rq, c->resource_name))));
        return;
    }
    for (int32_t i = 0; i < c->n_ops; i++) {
        size_t k = 0, n = sizeof levels / sizeof *levels;
        while (k < n && !slice_is(c->ops[i].value, levels[k].name))
            k++;
        if (!slice_is(c->ops[i].name, "root") || c->ops[i].op != OP_SET || k == n) {
            refuse(c, KAFKA_INVALID_CONFIG,
                   SLICE("There is one logger, root; its level can be set to ERROR, WARN, INFO or DEBUG."));
            return;
        }
        if (!validate_only)
            log_set_level(levels[k].level);
    }
}

/* ---- all of them ---- */

static void refuse_repeats(struct request *rq, struct config_change *v, int32_t n) {
    struct keyset seen;
    bool fresh;
    keyset_init(&seen, rq, n);
    for (int32_t i = 0; i < n; i++) {
        struct slice key = request_printf(rq, "%d:%.*s", v[i].resource_type, SLICE_ARG(v[i].resource_name));
        int32_t first = keyset_add(&seen, key, i, &fresh);
        if (fresh)
            continue;
        refuse(&v[i], KAFKA_INVALID_REQUEST, SLICE("Each resource must appear at most once."));
        refuse(&v[first], KAFKA_INVALID_REQUEST, v[i].message);
    }
}

struct alter_configs_resp_resource *configs_alter(struct broker *b, struct request *rq, struct config_change *v,
                                                  int32_t n, bool validate_only, uint64_t *ticket) {
    struct alter_configs_resp_resource *answers = request_array(rq, alter_configs_resp_resource, n);
    *ticket = 0;
    refuse_repeats(rq, v, n);
    for (int32_t i = 0; i < n; i++) {
        struct config_change *c = &v[i];
        if (c->error != KAFKA_NONE || !check_ops(rq, c))
            continue;
        if (c->resource_type == RESOURCE_TOPIC)
            alter_topic(b, rq, c, validate_only, ticket);
        else if (c->resource_type == RESOURCE_BROKER)
            alter_broker(b, rq, c, validate_only, ticket);
        else if (c->resource_type == RESOURCE_GROUP)
            alter_named(b, rq, c, SCOPE_GROUP, validate_only, ticket);
        else if (c->resource_type == RESOURCE_METRICS)
            alter_named(b, rq, c, SCOPE_METRICS, validate_only, ticket);
        else if (c->resource_type == RESOURCE_LOGGER && !c->replace)
            alter_logger(b, rq, c, validate_only);
        else
            refuse(c, KAFKA_INVALID_REQUEST, request_printf(rq, "Unknown resource type %d", c->resource_type));
    }
    for (int32_t i = 0; i < n; i++) {
        answers[i].error_code = v[i].error;
        answers[i].error_message = v[i].message;
        answers[i].resource_type = v[i].resource_type;
        answers[i].resource_name = v[i].resource_name;
    }
    return answers;
}
