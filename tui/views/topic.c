/* One topic: partitions, the groups that read it, its configs. */
#include "tui/views/groups.h"

#include "core/base/text.h"
#include "tui/ui/chart.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { SUB_PARTITIONS, SUB_GROUPS, SUB_CONFIGS, SUB_N };
struct reader_row {             /* a group as this topic sees it */
    const struct model_group *group;
    struct lag_sum sum;
    int32_t members;
};
struct partition_row {
    const struct model_partition *p;
    double share;               /* of the topic's messages */
};
struct config_row { struct slice name, value, doc; bool read_only, sensitive, is_default; int8_t source; };
struct topic_view {
    struct view view;
    int sub;
    struct table tables[SUB_N];
    struct partition_row *partitions;
    struct reader_row *readers;
    size_t n_readers;
    uint64_t asked;             /* id of the describe */
    bool asked_any, config_failed;
    bool was_down;              /* the cluster: what failed then is asked for once more when it is back */
    struct config_row *configs;
    size_t n_configs, n_set;
    char config_why[300];
};

/* ---- partitions ---- */

static struct slice partition_key(const void *row) {
    static char key[16];
    int n = snprintf(key, sizeof key, "%" PRId32, ((const struct partition_row *)row)->p->index);
    return slice_of(key, (size_t)n);
}

static bool in_isr(const struct model_partition *p, int32_t broker) {
    for (int32_t i = 0; i < p->isr.n; i++)
        if (p->isr.v[i] == broker)
            return true;
    return false;
}

static enum trouble partition_trouble(const void *row) {
    const struct model_partition *p = ((const struct partition_row *)row)->p;
    return p->leader < 0 ? TROUBLE_BAD : p->isr.n < p->replicas.n ? TROUBLE_SOON : TROUBLE_NONE;
}

static void get_index(const void *row, const struct look_env *env, struct out_cell *out) {
    int32_t v = ((const struct partition_row *)row)->p->index;
    (void)env;
    out->sort = v;
    out->role = ROLE_bright;
    snprintf(out->text, sizeof out->text, "%" PRId32, v);
}

static void get_leader(const void *row, const struct look_env *env, struct out_cell *out) {
    int32_t v = ((const struct partition_row *)row)->p->leader;
    (void)env;
    out->sort = v;
    snprintf(out->text, sizeof out->text, v < 0 ? "none" : "%" PRId32, v);
    out->role = v < 0 ? ROLE_bad : ROLE_text;
}

static void put_ids(struct out_cell *out, const int32_t *v, int32_t n, const struct model_partition *marks) {
    size_t at = 0;
    for (int32_t i = 0; i < n && at + 16 < sizeof out->text; i++)
        at += (size_t)snprintf(out->text + at, sizeof out->text - at, "%s%" PRId32 "%s", i ? "," : "", v[i],
                               marks && !in_isr(marks, v[i]) ? "*" : "");
    if (n == 0)
        out->state = VALUE_NONE;
}

static void get_replicas(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct model_partition *p = ((const struct partition_row *)row)->p;
    (void)env;
    put_ids(out, p->replicas.v, p->replicas.n, p);
    out->role = p->isr.n < p->replicas.n ? ROLE_warn : ROLE_text;
}

static void get_isr(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct model_partition *p = ((const struct partition_row *)row)->p;
    (void)env;
    put_ids(out, p->isr.v, p->isr.n, NULL);
    out->sort = p->isr.n;
}

static void put_value(const struct value *v, const struct look_env *env, struct out_cell *out) {
    out->state = v->state;
    out->at_us = v->at_us;
    out->sort = (double)v->v;
    out->role = v->v ? ROLE_number : ROLE_zero;
    (void)env;
    if (v->state == VALUE_KNOWN)
        fmt_group(out->text, v->v);
}

static void get_start(const void *row, const struct look_env *env, struct out_cell *out) {
    put_value(&((const struct partition_row *)row)->p->start, env, out);
}

static void get_end(const void *row, const struct look_env *env, struct out_cell *out) {
    put_value(&((const struct partition_row *)row)->p->end, env, out);
}

static void get_messages(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct model_partition *p = ((const struct partition_row *)row)->p;
    struct value v = p->end;
    if (p->start.state != VALUE_KNOWN)
        v.state = p->start.state;
    v.v = p->end.v - p->start.v;
    put_value(&v, env, out);
}

static void get_bytes(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct model_partition *p = ((const struct partition_row *)row)->p;
    put_value(&p->bytes, env, out);
    if (p->bytes.state == VALUE_KNOWN)
        fmt_bytes(out->text, p->bytes.v, env->exact);
}

static void get_in(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct rate *in = &((const struct partition_row *)row)->p->in;
    out->state = in->state;
    out->sort = in->v;
    out->role = in->v >= 0.05 ? ROLE_number : ROLE_zero;
    fmt_rate(out->text, in->v, env->exact);
}

static void get_share(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->part = out->sort = ((const struct partition_row *)row)->share;
    if (out->part < 0)
        out->state = VALUE_WANTED;
}

static void get_epoch(const void *row, const struct look_env *env, struct out_cell *out) {
    int32_t v = ((const struct partition_row *)row)->p->leader_epoch;
    (void)env;
    out->state = v < 0 ? VALUE_NONE : VALUE_KNOWN;
    out->sort = v;
    out->role = ROLE_dim;
    snprintf(out->text, sizeof out->text, "%" PRId32, v);
}

static const struct column partition_columns[] = {
    GET("P", get_index, FORM_COUNT, true, 5, 0, 0),
    GET("LEADER", get_leader, FORM_TEXT, true, 6, 0, 1),
    GET("REPLICAS", get_replicas, FORM_TEXT, false, 8, 20, 4),
    GET("ISR", get_isr, FORM_TEXT, false, 7, 20, 5),
    GET("START", get_start, FORM_COUNT, true, 13, 0, 7),
    GET("END", get_end, FORM_COUNT, true, 13, 0, 2),
    GET("MESSAGES", get_messages, FORM_COUNT, true, 13, 0, 1),
    GET("SIZE", get_bytes, FORM_BYTES, true, 10, 0, 6),
    GET("IN/S", get_in, FORM_RATE, true, 7, 0, 3),
    GET("SHARE", get_share, FORM_BAR, false, 10, 40, 8),
    GET("EPOCH", get_epoch, FORM_COUNT, true, 5, 0, 9),
};

/* ---- groups ---- */

static struct slice reader_key(const void *row) { return ((const struct reader_row *)row)->group->id; }

/* What hurts the group here: records lost, or offsets beyond the end, in another topic are no trouble of this one. */
static enum trouble reader_trouble(const void *row) {
    const struct reader_row *r = row;
    const struct model_group *g = r->group;
    bool members = g->n_members.state == VALUE_KNOWN && g->n_members.v > 0;
    if (r->sum.lost > 0 || (r->sum.ahead > 0 && members))
        return TROUBLE_BAD;
    if (g->sum.lost == 0 && g->sum.ahead == 0)
        return g->trouble;
    return r->sum.ahead > 0 || (r->sum.lag > 0 && !members) ? TROUBLE_SOON : TROUBLE_NONE;
}

static void get_group(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->foreign = ((const struct reader_row *)row)->group->id;
    out->middle = out->is_text = true;
    out->role = ROLE_bright;
}

static void get_group_state(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    group_state_cell(((const struct reader_row *)row)->group, true, out);
}

static void get_group_lag(const void *row, const struct look_env *env, struct out_cell *out) {
    lag_sum_cell(&((const struct reader_row *)row)->sum, env, 12, out);
    out->at_us = ((const struct reader_row *)row)->group->at_us;
}

static void get_group_parts(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->sort = ((const struct reader_row *)row)->sum.rows;
    out->role = ROLE_number;
    snprintf(out->text, sizeof out->text, "%" PRId32, ((const struct reader_row *)row)->sum.rows);
}

static const struct column reader_columns[] = {
    GET("GROUP", get_group, FORM_TEXT, false, 24, 60, 0),
    GET("STATE", get_group_state, FORM_TEXT, false, 13, 0, 2),
    COL("MEMBERS", struct reader_row, members, FORM_COUNT, 7, 0, 3),
    GET("PARTS", get_group_parts, FORM_COUNT, true, 5, 0, 4),
    GET("LAG", get_group_lag, FORM_COUNT, true, 16, 24, 1),
};

/* ---- configs ---- */

static struct slice config_key(const void *row) { return ((const struct config_row *)row)->name; }

static void get_config(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->foreign = ((const struct config_row *)row)->name;
    out->is_text = true;
    out->role = ((const struct config_row *)row)->is_default ? ROLE_text : ROLE_bright;
}

/* Numbers that stand for a word, by the config's name. */
static const struct { const char *name; int64_t value; const char *word; } config_words[] = {
    {"retention.ms", -1, "for ever"},
    {"retention.bytes", -1, "no limit"},
    {"local.retention.ms", -2, "as retention.ms"},
    {"local.retention.bytes", -2, "as retention.bytes"},
    {"flush.messages", INT64_MAX, "never"},
    {"flush.ms", INT64_MAX, "never"},
    {"max.compaction.lag.ms", INT64_MAX, "no limit"},
    {"message.timestamp.before.max.ms", INT64_MAX, "no limit"},
    {"message.timestamp.after.max.ms", INT64_MAX, "no limit"},
    {"message.timestamp.difference.max.ms", INT64_MAX, "no limit"},
    {"compression.gzip.level", -1, "the codec's own"},
};

static const char *config_word(const struct config_row *r, int64_t v) {
    for (size_t i = 0; i < sizeof config_words / sizeof *config_words; i++)
        if (config_words[i].value == v && slice_is(r->name, config_words[i].name))
            return config_words[i].word;
    return NULL;
}

static bool ends_in(struct slice s, const char *end) {
    size_t n = strlen(end);
    return s.n > n && memcmp(s.p + s.n - n, end, n) == 0;
}

/* 604800000 · 7 d, never · 2^63-1: numbers of milliseconds and bytes that nobody reads, said again. */
static void say_again(const struct config_row *r, const struct look_env *env, struct out_cell *out) {
    char digits[24] = "", again[FORMAT_SIZE];
    for (size_t i = 0; i < r->value.n; i++) {
        bool digit = (r->value.p[i] >= '0' && r->value.p[i] <= '9') || (i == 0 && r->value.p[i] == '-');
        if (!digit || i >= sizeof digits - 2)
            return;
        digits[i] = (char)r->value.p[i];
    }
    int64_t v = strtoll(digits, NULL, 10);
    const char *word = config_word(r, v);
    bool ms = ends_in(r->name, ".ms"), bytes = ends_in(r->name, ".bytes");
    if (!word && (!(ms || bytes) || v < 1000 || v == INT64_MAX))
        return;
    out->foreign = SLICE_NULL;
    if (word)
        snprintf(out->text, sizeof out->text, "%s · %s", v == INT64_MAX && !env->exact ? "2^63-1" : digits, word);
    else
        snprintf(out->text, sizeof out->text, "%s · %s", digits,
                 ms ? fmt_ms_config(again, v) : fmt_bytes(again, v, false));
}

static void get_config_value(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct config_row *r = row;
    out->foreign = r->value;
    out->is_text = true;
    out->role = r->is_default ? ROLE_dim : ROLE_accent;
    if (r->sensitive || !r->value.p) {
        out->foreign = SLICE_NULL;
        snprintf(out->text, sizeof out->text, r->sensitive ? "hidden" : "none");
        out->role = ROLE_dim;
    } else {
        say_again(r, env, out);
    }
}

static void get_config_source(const void *row, const struct look_env *env, struct out_cell *out) {
    static const char *const names[] = {"unknown", "this topic", "this broker, dynamic", "all brokers, dynamic",
                                        "broker's file", "default", "logger", "client metrics", "group"};
    const struct config_row *r = row;
    (void)env;
    bool known = r->source >= 0 && (size_t)r->source < sizeof names / sizeof *names;
    snprintf(out->text, sizeof out->text, "%s%s", names[known ? r->source : 0], r->read_only ? ", fixed" : "");
    out->sort = r->source;
    out->role = r->is_default ? ROLE_zero : ROLE_text;
}

static void get_config_doc(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->foreign = ((const struct config_row *)row)->doc;
    out->is_text = true;
    out->role = ROLE_dim;
    if (out->foreign.n == 0)
        out->state = VALUE_NONE;
}

static const struct column config_columns[] = {
    GET("CONFIG", get_config, FORM_TEXT, false, 28, 48, 0),
    GET("VALUE", get_config_value, FORM_TEXT, false, 24, 40, 1),
    GET("FROM", get_config_source, FORM_TEXT, false, 22, 0, 2),
    GET("MEANS", get_config_doc, FORM_TEXT, false, 30, 255, 3),
};

static int config_order(const void *a, const void *b) {
    const struct config_row *x = a, *y = b;
    if (x->is_default != y->is_default)
        return x->is_default ? 1 : -1;
    return slice_cmp(x->name, y->name);
}

/* Kafka explains its configs in HTML. */
static const struct { const char *name, *text; } tags[] = {
    {"a", ""}, {"b", ""}, {"br", " "}, {"code", ""}, {"em", ""}, {"i", ""}, {"li", " · "}, {"ol", " "}, {"p", " "},
    {"pre", " "}, {"strong", ""}, {"tt", ""}, {"ul", " "},
}, entities[] = {{"&amp;", "&"}, {"&gt;", ">"}, {"&lt;", "<"}, {"&nbsp;", " "}, {"&quot;", "\""}};

/* Bytes of the tag or entity that begins there, 0 none; *text is what stands for it. */
static size_t markup_at(struct slice s, const char **text) {
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        size_t n = strlen(entities[i].name);
        *text = entities[i].text;
        if (s.n >= n && memcmp(s.p, entities[i].name, n) == 0)
            return n;
    }
    const uint8_t *end = s.p[0] == '<' ? memchr(s.p, '>', s.n) : NULL;
    if (!end)
        return 0;
    bool closing = s.p[1] == '/';
    const char *name = (const char *)s.p + 1 + closing;
    size_t n = strcspn(name, " />");
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        *text = closing ? "" : tags[i].text;
        if (strlen(tags[i].name) == n && memcmp(name, tags[i].name, n) == 0)
            return (size_t)(end + 1 - s.p);
    }
    return 0;
}

/* A copy without it. */
static struct slice plain_text(struct slice doc) {
    struct buf out = {0};
    for (size_t i = 0; i < doc.n;) {
        const char *text;
        size_t n = markup_at(slice_of(doc.p + i, doc.n - i), &text);
        bool gap = out.n == 0 || out.p[out.n - 1] == ' ';
        if (n > 0)
            buf_puts(&out, text + (gap && *text == ' '));
        else
            buf_put_u8(&out, doc.p[i]);
        i += n > 0 ? n : 1;
    }
    struct slice plain = mem_dup(buf_slice(&out));
    buf_fini(&out);
    return plain;
}

static void configs_forget(struct topic_view *me) {
    for (size_t i = 0; i < me->n_configs; i++) {
        free((void *)(uintptr_t)me->configs[i].name.p);
        free((void *)(uintptr_t)me->configs[i].value.p);
        free((void *)(uintptr_t)me->configs[i].doc.p);
    }
    free(me->configs);
    me->configs = NULL;
    me->n_configs = me->n_set = 0;
}

static void configs_ask(struct topic_view *me, struct ui *u) {
    char *name = mem_strndup(me->view.arg);
    me->asked = client_act(u->client, &(struct client_action){.kind = ACTION_DESCRIBE_CONFIGS, .name = name});
    me->asked_any = true;
    me->config_failed = false;
    free(name);
}

static bool topicv_event(struct view *v, struct ui *u, const struct client_event *e) {
    struct topic_view *me = (struct topic_view *)v;
    if (e->kind != EVENT_ACTION)
        return false;
    /* Some action is done: it may have been a config of ours.  But an answer with configs changed nothing: it is
     * another view's, or of one that was closed, and to ask again for it would never end. */
    if (e->id != me->asked) {
        if (e->ok && me->asked_any && !e->configs)
            configs_ask(me, u);
        return false;
    }
    configs_forget(me);
    me->config_failed = !e->ok;
    snprintf(me->config_why, sizeof me->config_why, "%s", e->text ? e->text : "");
    me->configs = mem_zalloc((e->n_configs + 1) * sizeof *me->configs);
    for (size_t i = 0; i < e->n_configs; i++) {
        const struct client_config_row *from = &e->configs[i];
        me->configs[i] = (struct config_row){
            mem_dup(from->name), mem_dup(from->value), plain_text(from->doc),
            from->read_only, from->sensitive, from->is_default, from->source,
        };
        me->n_set += !from->is_default;
    }
    me->n_configs = e->n_configs;
    qsort(me->configs, me->n_configs, sizeof *me->configs, config_order);
    table_set_rows(&me->tables[SUB_CONFIGS], me->configs, me->n_configs, sizeof *me->configs, &u->env);
    return true;
}

/* ---- the view ---- */

static void topicv_open(struct view *v, struct ui *u) {
    struct topic_view *me = (struct topic_view *)v;
    table_init(&me->tables[SUB_PARTITIONS], partition_columns, sizeof partition_columns / sizeof *partition_columns);
    table_init(&me->tables[SUB_GROUPS], reader_columns, sizeof reader_columns / sizeof *reader_columns);
    table_init(&me->tables[SUB_CONFIGS], config_columns, sizeof config_columns / sizeof *config_columns);
    me->tables[SUB_PARTITIONS].key = partition_key;
    me->tables[SUB_PARTITIONS].trouble = partition_trouble;
    me->tables[SUB_GROUPS].key = reader_key;
    me->tables[SUB_GROUPS].trouble = reader_trouble;
    me->tables[SUB_CONFIGS].key = config_key;
    me->tables[SUB_CONFIGS].sort = -1; /* as they come: what is set first */
    ui_recall(u, &me->tables[SUB_PARTITIONS], "Topic-Partitions");
    ui_recall(u, &me->tables[SUB_GROUPS], "Topic-Groups");
    ui_recall(u, &me->tables[SUB_CONFIGS], "Topic-Configs");
    configs_ask(me, u);
}

static void topicv_close(struct view *v, struct ui *u) {
    struct topic_view *me = (struct topic_view *)v;
    (void)u;
    configs_forget(me);
    for (int i = 0; i < SUB_N; i++)
        table_fini(&me->tables[i]);
    free(me->partitions);
    free(me->readers);
}

static void readers_find(struct topic_view *me, struct ui *u) {
    const struct snapshot *s = u->snap;
    me->n_readers = 0;
    me->readers = mem_realloc(me->readers, (size_t)(s->groups.n + 1) * sizeof *me->readers);
    for (int32_t i = 0; i < s->groups.n; i++) {
        const struct model_group *g = &s->groups.v[i];
        struct reader_row r = {.group = g, .sum = group_lag_sum(g, me->view.arg)};
        if (r.sum.rows == 0)
            continue;
        for (int32_t k = 0; k < g->members.n; k++) {
            bool reads = false;
            for (int32_t a = 0; a < g->members.v[k].assigned.n && !reads; a++)
                reads = slice_eq(g->members.v[k].assigned.v[a].topic, me->view.arg);
            r.members += reads;
        }
        me->readers[me->n_readers++] = r;
    }
}

static void topicv_data(struct view *v, struct ui *u) {
    struct topic_view *me = (struct topic_view *)v;
    if (me->was_down && u->snap->link == LINK_UP && me->config_failed)
        configs_ask(me, u);
    me->was_down = u->snap->link == LINK_DOWN;
    const struct model_topic *t = snapshot_topic(u->snap, v->arg);
    int32_t n = t ? t->n_partitions : 0;
    bool whole = t && t->messages.state == VALUE_KNOWN;
    me->partitions = mem_realloc(me->partitions, (size_t)(n + 1) * sizeof *me->partitions);
    for (int32_t i = 0; i < n; i++) {
        const struct model_partition *p = &t->partitions[i];
        double messages = (double)(p->end.v - p->start.v);
        me->partitions[i] = (struct partition_row){p, !whole          ? -1
                                                      : t->messages.v ? messages / (double)t->messages.v
                                                                      : 0};
    }
    readers_find(me, u);
    table_set_rows(&me->tables[SUB_PARTITIONS], me->partitions, (size_t)n, sizeof *me->partitions, &u->env);
    table_set_rows(&me->tables[SUB_GROUPS], me->readers, me->n_readers, sizeof *me->readers, &u->env);
    table_set_rows(&me->tables[SUB_CONFIGS], me->configs, me->n_configs, sizeof *me->configs, &u->env);
}

static const struct config_row *config_of(const struct topic_view *me, const char *name) {
    for (size_t i = 0; i < me->n_configs; i++)
        if (slice_is(me->configs[i].name, name))
            return &me->configs[i];
    return NULL;
}

/* One piece: a time without its policy would be said of the size before it. */
static int piece_policy(const struct topic_view *me, struct canvas *c, int y, int at, int end) {
    const struct config_row *policy = config_of(me, "cleanup.policy"), *keep = config_of(me, "retention.ms");
    char number[FORMAT_SIZE], shown[40], time[FORMAT_SIZE + 4] = "";
    if (!policy || !policy->value.n)
        return at;
    if (keep && keep->value.n && keep->value.n < 20) {
        char *text = mem_strndup(keep->value);
        int64_t ms = strtoll(text, NULL, 10);
        free(text);
        snprintf(time, sizeof time, ", %s", ms < 0 ? "for ever" : fmt_ms_config(number, ms));
    }
    return frame_piece(c, y, at, end, ROLE_dim, " · %s%s", text_safe(policy->value, shown, sizeof shown), time);
}

/* One line: what it is, how it keeps, what it holds. */
static void paint_figures(const struct topic_view *me, const struct model_topic *t, struct ui *u, struct canvas *c,
                          int y, int x, int w) {
    char number[FORMAT_SIZE];
    int end = x + w, at = x + canvas_put_middle(c, y, x, w < 60 ? w : 60, ROLE_bright, t->name) + 2;
    at = frame_piece(c, y, at, end, ROLE_text, " %" PRId32 " partition%s", t->n_partitions,
                     t->n_partitions == 1 ? "" : "s");
    at = frame_piece(c, y, at, end, ROLE_dim, " · RF %" PRId32, t->replication);
    if (t->messages.state == VALUE_KNOWN)
        at = frame_piece(c, y, at, end, ROLE_dim, " · %s messages", fmt_group(number, t->messages.v));
    if (t->bytes.state == VALUE_KNOWN)
        at = frame_piece(c, y, at, end, ROLE_dim, " · %s", fmt_bytes(number, t->bytes.v, u->env.exact));
    at = piece_policy(me, c, y, at, end);
    if (t->in.state == VALUE_KNOWN)
        frame_piece(c, y, at, end, ROLE_dim, " · in %s/s", fmt_rate(number, t->in.v, u->env.exact));
}

static void topicv_tabs(struct topic_view *me, struct frame_tab tabs[SUB_N]) {
    char number[FORMAT_SIZE];
    for (size_t i = 0; i < me->tables[SUB_PARTITIONS].n_base; i++) {
        tabs[0].trouble += partition_trouble(&me->partitions[i]) == TROUBLE_BAD;
        tabs[0].soon += partition_trouble(&me->partitions[i]) == TROUBLE_SOON;
    }
    snprintf(tabs[0].count, sizeof tabs[0].count, "%.20s",
             fmt_group(number, (int64_t)me->tables[SUB_PARTITIONS].n_base));
    snprintf(tabs[1].count, sizeof tabs[1].count, "%.20s", fmt_group(number, (int64_t)me->n_readers));
    if (me->n_configs)
        snprintf(tabs[2].count, sizeof tabs[2].count, "%zu set / %zu", me->n_set, me->n_configs);
    else
        snprintf(tabs[2].count, sizeof tabs[2].count, me->config_failed ? "?" : "…");
    tabs[me->sub].current = true;
}

static void config_explain(const struct config_row *row, struct block *b) {
    block_foreign(b, ROLE_bright, row->name);
    block_own(b, ROLE_text, "  ");
    if (row->doc.n)
        block_foreign(b, ROLE_dim, row->doc);
    else
        block_own(b, ROLE_dim, "the broker does not explain it");
}

/* As many rows as the longest explanation needs, at most a third: the list does not move with the bar. */
static int explain_rows(const struct topic_view *me, const struct canvas *c, int h, int w) {
    int most = 0;
    for (size_t i = 0; i < me->n_configs && most < h / 3; i++) {
        struct block b = {.words = true};
        config_explain(&me->configs[i], &b);
        int rows = block_rows(&b, c, w, true);
        most = rows > most ? rows : most;
        block_fini(&b);
    }
    return most < h / 3 ? most : h / 3;
}

/* Rows under the table: what the selected config means, or the topic's last minute where there is room. */
static int topicv_below(const struct topic_view *me, const struct model_topic *t, const struct canvas *c, int h) {
    if (me->sub == SUB_CONFIGS)
        return h >= 12 && me->n_configs ? 1 + explain_rows(me, c, h, c->w - 6) : 0;
    int free_rows = h - 2 - me->tables[me->sub].n;
    return me->sub == SUB_PARTITIONS && t->history && free_rows >= 8 ? (free_rows < 12 ? free_rows : 12) : 0;
}

static void paint_below(const struct topic_view *me, const struct model_topic *t, struct ui *u, struct canvas *c,
                        struct rect r) {
    if (me->sub == SUB_PARTITIONS) {
        chart_area(c, r, "IN, MESSAGES A SECOND", t->history, u->snap->interval_us, &u->env);
        return;
    }
    const struct config_row *row = table_selected(&me->tables[SUB_CONFIGS]);
    struct block b = {.words = true};
    canvas_fill(c, r.y, r.x, r.w, ROLE_frame, 0x2500);
    if (!row)
        return;
    config_explain(row, &b);
    int rows = block_paint(&b, c, (struct rect){r.y + 1, r.x + 2, r.h - 1, r.w - 4}, 0, 0, true);
    block_fini(&b);
    if (rows > r.h - 1) /* the dialog that changes it has the rest */
        canvas_put(c, r.y + r.h - 1, r.x + r.w - 2, 1, ROLE_dim, "…");
}

static void topicv_paint(struct view *v, struct ui *u, struct canvas *c, struct rect r) {
    struct topic_view *me = (struct topic_view *)v;
    const struct model_topic *t = snapshot_topic(u->snap, v->arg);
    struct frame_tab tabs[SUB_N] = {{.name = "Partitions"}, {.name = "Groups"}, {.name = "Configs"}};
    if (!t) {
        int used = canvas_put_middle(c, r.y, r.x + 1, r.w / 2, ROLE_bright, v->arg);
        canvas_put(c, r.y, r.x + 2 + used, r.w - used - 3, ROLE_warn, "is not there (any more)");
        return;
    }
    paint_figures(me, t, u, c, r.y, r.x + 1, r.w - 2);
    topicv_tabs(me, tabs);
    frame_subtabs(c, r.y + 1, tabs, SUB_N);
    struct table *table = &me->tables[me->sub];
    int below = topicv_below(me, t, c, r.h - 2);
    table_paint(table, c, (struct rect){r.y + 2, r.x, r.h - 2 - below, r.w}, &u->env);
    if (below)
        paint_below(me, t, u, c, (struct rect){me->sub == SUB_CONFIGS ? r.y + r.h - below : r.y + 4 + table->n, r.x + 1,
                                               below, r.w - 2});
    if (table->n > 0)
        return;
    struct rect list = {r.y + 2, r.x, r.h - 2, r.w};
    if (table->filter[0] && table->n_base > 0)
        ui_paint_no_match(u, c, list, "row");
    else if (me->sub == SUB_CONFIGS && me->config_failed)
        canvas_put_foreign(c, list.y + list.h * 2 / 5, r.x + 3, r.w - 4, ROLE_bad, slice_cstr(me->config_why));
    else if (me->sub == SUB_CONFIGS)
        frame_nothing(c, list, "asking for its configs …", "");
    else if (me->sub == SUB_GROUPS)
        frame_nothing(c, list, "No group reads this topic", "none has committed here or has a partition of it");
    else
        frame_nothing(c, list, "It has no partitions", "");
}

/* Those of the cluster before are not of this one. */
static void topicv_connected(struct view *v, struct ui *u) {
    struct topic_view *me = (struct topic_view *)v;
    configs_forget(me);
    table_set_rows(&me->tables[SUB_CONFIGS], me->configs, 0, sizeof *me->configs, &u->env);
    configs_ask(me, u);
}

static struct table *topicv_table(struct view *v) {
    struct topic_view *me = (struct topic_view *)v;
    return &me->tables[me->sub];
}

static bool topicv_edit(struct topic_view *me, struct ui *u, const char *arg) {
    const struct config_row *row = me->sub == SUB_CONFIGS ? table_selected(&me->tables[SUB_CONFIGS]) : NULL;
    if (me->sub != SUB_CONFIGS || strcmp(arg, "configs") == 0) {
        me->sub = SUB_CONFIGS;
        return true;
    }
    if (row && row->read_only) {
        char shown[80];
        ui_say(u, ROLE_warn, "this broker does not let %s be changed", text_safe(row->name, shown, sizeof shown));
        return true;
    }
    char *name = row ? mem_strndup(row->name) : mem_strdup(""), *value = row ? mem_strndup(row->value) : mem_strdup("");
    dialog_set_config(u, me->view.arg, name, value, row ? row->doc : SLICE_NULL);
    free(name);
    free(value);
    return true;
}

static bool topicv_row_verb(struct topic_view *me, struct ui *u, enum verb verb) {
    const void *row = table_selected(&me->tables[me->sub]);
    if (!row)
        return false;
    if (verb == VERB_COPY) {
        const struct config_row *config = row;
        ui_copy(u, me->sub == SUB_CONFIGS ? config->value : me->sub == SUB_GROUPS ? reader_key(row) : me->view.arg);
        return true;
    }
    if (me->sub == SUB_GROUPS)
        ui_open(u, VIEW_group, ((const struct reader_row *)row)->group->id);
    else if (me->sub == SUB_PARTITIONS)
        ui_tail_topic(u, me->view.arg, ((const struct partition_row *)row)->p->index, -1);
    else
        return u->run(u, "edit");
    return true;
}

static bool topicv_verb(struct view *v, struct ui *u, enum verb verb, const char *arg) {
    struct topic_view *me = (struct topic_view *)v;
    const struct model_topic *t = snapshot_topic(u->snap, v->arg);
    switch (verb) {
    case VERB_NEXT: me->sub = (me->sub + 1) % SUB_N; return true;
    case VERB_PREVIOUS: me->sub = (me->sub + SUB_N - 1) % SUB_N; return true;
    case VERB_TAIL: ui_tail_topic(u, v->arg, -1, -1); return true;
    case VERB_PRODUCE: ui_produce_topic(u, v->arg); return true;
    case VERB_DELETE: dialog_delete_topic(u, v->arg); return true;
    case VERB_PARTITIONS: if (t) dialog_add_partitions(u, t); return t != NULL;
    case VERB_TRUNCATE: if (t) dialog_delete_records(u, t); return t != NULL;
    case VERB_EDIT: return topicv_edit(me, u, arg);
    case VERB_REFRESH: configs_ask(me, u); return true;
    case VERB_OPEN: case VERB_COPY: return topicv_row_verb(me, u, verb);
    default: return false;
    }
}

static void topicv_interest(struct view *v, struct ui *u, struct client_interest *i) {
    i->sizes = true;
    i->all_groups = true;
    u->want_topics[i->n_topics++] = v->arg;
    for (size_t k = 0; k < ((struct topic_view *)v)->n_readers && i->n_groups < UI_WANTED; k++)
        u->want_groups[i->n_groups++] = ((struct topic_view *)v)->readers[k].group->id;
}

const struct view_ops view_topic = {
    .size = sizeof(struct topic_view),
    .open = topicv_open,
    .close = topicv_close,
    .data = topicv_data,
    .paint = topicv_paint,
    .verb = topicv_verb,
    .event = topicv_event,
    .connected = topicv_connected,
    .interest = topicv_interest,
    .table = topicv_table,
};
