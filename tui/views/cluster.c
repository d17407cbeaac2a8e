/* Who is in charge, who answers, where the data is. */
#include "tui/views/view.h"

#include "tui/ui/chart.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct broker_row {
    const struct model_broker *b;
    char address[300];
    bool controller, stale, silent;
};
/* What is in it, counted once a snapshot. */
struct totals {
    int64_t topics, internal, partitions, behind, offline, messages, bytes;
    bool messages_part, bytes_part;
};
struct cluster {
    struct view view;
    struct table table;
    struct broker_row *rows;
    struct totals totals;
};

static struct slice broker_key(const void *row) {
    static char key[16];
    int n = snprintf(key, sizeof key, "%" PRId32, ((const struct broker_row *)row)->b->id);
    return slice_of(key, (size_t)n);
}

static enum trouble broker_trouble(const void *row) {
    const struct broker_row *r = row;
    return r->b->why.p || r->silent ? TROUBLE_BAD : TROUBLE_NONE;
}

static void get_id(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->sort = ((const struct broker_row *)row)->b->id;
    out->role = ROLE_bright;
    snprintf(out->text, sizeof out->text, "%" PRId32, ((const struct broker_row *)row)->b->id);
}

static void get_address(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    const struct broker_row *r = row;
    out->foreign = slice_cstr(r->address);
    out->is_text = out->middle = true;
    if (r->b->host.n == 0) { /* known by its replicas only */
        out->foreign = SLICE_NULL;
        out->state = VALUE_NONE;
    }
}

static void get_role(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct broker_row *r = row;
    (void)env;
    snprintf(out->text, sizeof out->text, "%s%s", r->b->voter ? "voter" : r->b->observer ? "observer" : "broker",
             !r->controller ? "" : r->stale ? " CONTROLLER?" : " CONTROLLER");
    out->role = r->controller && r->stale ? ROLE_bad : r->controller ? ROLE_accent : ROLE_text;
    out->sort = r->controller;
}

static void get_rack(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->foreign = ((const struct broker_row *)row)->b->rack;
    out->is_text = true;
    if (!out->foreign.p)
        out->state = VALUE_NONE;
}

static void put(const struct value *v, struct out_cell *out) {
    out->state = v->state;
    out->at_us = v->at_us;
    out->sort = (double)v->v;
    out->role = v->v ? ROLE_number : ROLE_zero;
    if (v->state == VALUE_KNOWN)
        fmt_group(out->text, v->v);
}

static void get_leads(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    put(&((const struct broker_row *)row)->b->leads, out);
}

static void get_groups(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    put(&((const struct broker_row *)row)->b->groups, out);
}

static void get_bytes(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct value *v = &((const struct broker_row *)row)->b->bytes;
    put(v, out);
    if (v->state == VALUE_KNOWN)
        fmt_bytes(out->text, v->v, env->exact);
}

static void get_quorum_lag(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    put(&((const struct broker_row *)row)->b->quorum_lag, out);
}

static void get_fetch_age(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct value *v = &((const struct broker_row *)row)->b->fetch_age_ms;
    (void)env;
    put(v, out);
    if (v->state == VALUE_KNOWN)
        fmt_age(out->text, v->v * 1000);
    out->role = v->v > 10000 ? ROLE_bad : ROLE_number;
}

/* Round trips jitter; what is steady on a quiet network is their order of size. */
static void get_round_trip(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct broker_row *r = row;
    char age[FORMAT_SIZE];
    put(&r->b->answered, out);
    int64_t since = r->b->silent_us ? r->b->silent_us : r->silent ? r->b->answered.at_us : 0;
    if (since) { /* how long already */
        out->state = VALUE_KNOWN;
        out->at_us = env->now_us;
        snprintf(out->text, sizeof out->text, "> %.*s", (int)sizeof out->text - 3,
                 fmt_age(age, (env->now_us - since) / 1000000 * 1000000));
        out->role = ROLE_bad;
        return;
    }
    if (r->b->answered.state != VALUE_KNOWN)
        return;
    if (env->exact)
        fmt_took(out->text, r->b->answered.v);
    else
        snprintf(out->text, sizeof out->text, "< %s",
                 r->b->answered.v < 1000      ? "1 ms"
                 : r->b->answered.v < 10000   ? "10 ms"
                 : r->b->answered.v < 100000  ? "100 ms"
                 : r->b->answered.v < 1000000 ? "1 s"
                                              : "10 s");
    out->role = ROLE_number;
}

/* Without the words that its row says already. */
static struct slice broker_cause(const struct model_broker *b) {
    char own[24];
    int n = snprintf(own, sizeof own, "broker %" PRId32, b->id);
    struct slice why = b->why;
    if (why.n > (size_t)n + 2 && memcmp(why.p, own, (size_t)n) == 0)
        why = slice_of(why.p + n, why.n - (size_t)n);
    while (why.n > 0 && (why.p[0] == ':' || why.p[0] == ' '))
        why = slice_of(why.p + 1, why.n - 1);
    return why;
}

static void get_why(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->foreign = broker_cause(((const struct broker_row *)row)->b);
    out->is_text = true;
    out->role = ROLE_bad;
    if (!out->foreign.p)
        snprintf(out->text, sizeof out->text, " ");
}

static const struct column broker_columns[] = {
    GET("NODE", get_id, FORM_COUNT, true, 5, 0, 0),
    GET("ADDRESS", get_address, FORM_TEXT, false, 21, 40, 1),
    GET("ROLE", get_role, FORM_TEXT, false, 19, 0, 2),
    GET("LEADS", get_leads, FORM_COUNT, true, 6, 0, 3),
    GET("GROUPS", get_groups, FORM_COUNT, true, 6, 0, 4),
    GET("DISK", get_bytes, FORM_BYTES, true, 10, 0, 5),
    GET("ANSWERS IN", get_round_trip, FORM_AGE, true, 10, 0, 6),
    GET("LOG END LAG", get_quorum_lag, FORM_COUNT, true, 11, 0, 8),
    GET("LAST FETCH", get_fetch_age, FORM_AGE, true, 10, 0, 9),
    GET("RACK", get_rack, FORM_TEXT, false, 16, 0, 10),
    GET("TROUBLE", get_why, FORM_TEXT, false, 24, 120, 7),
};

static void cluster_open(struct view *v, struct ui *u) {
    struct cluster *me = (struct cluster *)v;
    table_init(&me->table, broker_columns, sizeof broker_columns / sizeof *broker_columns);
    me->table.key = broker_key;
    me->table.trouble = broker_trouble;
    ui_recall(u, &me->table, "Cluster");
}

static void cluster_close(struct view *v, struct ui *u) {
    (void)u;
    table_fini(&((struct cluster *)v)->table);
    free(((struct cluster *)v)->rows);
}

static struct totals totals_of(const struct snapshot *s) {
    struct totals all = {0};
    for (int32_t i = 0; i < s->topics.n; i++) {
        const struct model_topic *t = &s->topics.v[i];
        all.topics++;
        all.internal += t->internal;
        all.partitions += t->n_partitions;
        for (int32_t k = 0; k < t->n_partitions; k++) {
            all.offline += t->partitions[k].leader < 0;
            all.behind += t->partitions[k].leader >= 0 && t->partitions[k].isr.n < t->partitions[k].replicas.n;
        }
        all.messages += t->messages.state == VALUE_KNOWN ? t->messages.v : 0;
        all.messages_part = all.messages_part || t->messages.state != VALUE_KNOWN;
    }
    for (int32_t i = 0; i < s->brokers.n; i++) {
        all.bytes += s->brokers.v[i].bytes.state == VALUE_KNOWN ? s->brokers.v[i].bytes.v : 0;
        all.bytes_part = all.bytes_part || s->brokers.v[i].bytes.state != VALUE_KNOWN;
    }
    return all;
}

static void cluster_data(struct view *v, struct ui *u) {
    struct cluster *me = (struct cluster *)v;
    const struct snapshot *s = u->snap;
    me->rows = mem_realloc(me->rows, (size_t)(s->brokers.n + 1) * sizeof *me->rows);
    for (int32_t i = 0; i < s->brokers.n; i++) {
        const struct model_broker *b = &s->brokers.v[i];
        struct broker_row *r = &me->rows[i];
        *r = (struct broker_row){.b = b, .controller = b->id == s->controller && s->controller_true,
                                 .stale = s->controller_stale};
        snprintf(r->address, sizeof r->address, "%.*s:%" PRId32, (int)(b->host.n < 250 ? b->host.n : 250),
                 b->host.p ? (const char *)b->host.p : "", b->port);
        r->silent = b->answered.state == VALUE_KNOWN && s->interval_us > 0 &&
                    u->env.now_us - b->answered.at_us > 12 * s->interval_us;
    }
    me->totals = totals_of(s);
    table_set_rows(&me->table, me->rows, (size_t)s->brokers.n, sizeof *me->rows, &u->env);
}

static struct table *cluster_table(struct view *v) { return &((struct cluster *)v)->table; }

/* name and value, whole or not at all; the value foreign or our own. */
static int label(struct canvas *c, int y, int x, int end, const char *name, struct slice foreign, const char *own) {
    int name_w = canvas_width(c, name), w = foreign.p ? canvas_foreign_width(c, foreign, 60) : canvas_width(c, own);
    w = w < 60 ? w : 60;
    if (x + name_w + 1 + w > end)
        return x;
    canvas_put(c, y, x, name_w, ROLE_dim, name);
    x += name_w + 1;
    if (foreign.p)
        canvas_put_foreign(c, y, x, w, ROLE_text, foreign);
    else
        canvas_put(c, y, x, w, ROLE_text, own);
    return x + w + 3;
}

/* Who and what: version, id, controller, voters. */
static void paint_who(struct ui *u, struct canvas *c, int y, int x, int end) {
    const struct snapshot *s = u->snap;
    char text[80], age[FORMAT_SIZE];
    int voters = 0, observers = 0;
    for (int32_t i = 0; i < s->brokers.n; i++) {
        voters += s->brokers.v[i].voter;
        observers += s->brokers.v[i].observer;
    }
    if (s->version.p)
        x = label(c, y, x, end, s->embedded ? "weir, as Kafka" : "Kafka", s->version, "");
    x = label(c, y, x, end, "cluster", s->cluster_id.n ? s->cluster_id : SLICE_NULL, "…");
    if (!s->controller_true || s->controller < 0)
        snprintf(text, sizeof text, "–");
    else if (s->controller_stale)
        snprintf(text, sizeof text, "? (was %" PRId32 ", %s ago)", s->controller,
                 fmt_age(age, (u->env.now_us - s->controller_at_us) / 1000000 * 1000000));
    else if (s->controller_epoch >= 0)
        snprintf(text, sizeof text, "%" PRId32 ", epoch %" PRId32, s->controller, s->controller_epoch);
    else
        snprintf(text, sizeof text, "%" PRId32, s->controller);
    x = label(c, y, x, end, "controller", SLICE_NULL, text);
    if (s->metadata_in_use > 0) {
        snprintf(text, sizeof text, s->metadata_most > s->metadata_in_use ? "%d of %d possible" : "%d",
                 s->metadata_in_use, s->metadata_most);
        x = label(c, y, x, end, "metadata.version", SLICE_NULL, text);
    }
    snprintf(text, sizeof text, "%" PRId32, s->apis.n);
    if (s->apis.n > 0)
        x = label(c, y, x, end, "APIs", SLICE_NULL, text);
    if (voters)
        frame_piece(c, y, x, end, ROLE_dim, "%d voter%s, %d observer%s", voters, voters == 1 ? "" : "s", observers,
                    observers == 1 ? "" : "s");
}

static int total(struct canvas *c, int y, int x, int end, enum role role, const char *number, const char *what) {
    int w = canvas_width(c, number) + 1 + canvas_width(c, what);
    if (x + w > end)
        return x;
    int used = canvas_put(c, y, x, w, role, number) + 1;
    canvas_put(c, y, x + used, w - used, role == ROLE_number ? ROLE_dim : role, what);
    return x + w + 3;
}

/* A sum of which parts are not known is a lower bound; where none is known, nothing is. */
static const char *sum_text(char text[FORMAT_SIZE + 8], const char *number, int64_t sum, bool part) {
    snprintf(text, FORMAT_SIZE + 8, "%s%s", !part ? "" : sum ? "≥ " : "?", part && !sum ? "" : number);
    return text;
}

/* What is in it. */
static void paint_totals(const struct totals *all, struct ui *u, struct canvas *c, int y, int x, int end) {
    const struct snapshot *s = u->snap;
    char number[FORMAT_SIZE], text[FORMAT_SIZE + 8];
    if (s->topics_state != VALUE_KNOWN) {
        canvas_put(c, y, x, end - x, ROLE_pending, s->topics_state == VALUE_FAILED ? "? topics" : "… topics");
        return;
    }
    x = total(c, y, x, end, ROLE_number, fmt_group(number, all->topics), all->topics == 1 ? "topic" : "topics");
    if (all->internal)
        x = frame_piece(c, y, x - 3, end, ROLE_dim, ", %s internal", fmt_group(number, all->internal)) + 3;
    x = total(c, y, x, end, ROLE_number, fmt_group(number, all->partitions),
              all->partitions == 1 ? "partition" : "partitions");
    if (all->offline)
        x = total(c, y, x, end, ROLE_bad, fmt_group(number, all->offline), "without a leader");
    if (all->behind)
        x = total(c, y, x, end, ROLE_warn, fmt_group(number, all->behind), "under-replicated");
    if (!all->offline && !all->behind && x + 14 <= end)
        x += canvas_put(c, y, x, end - x, ROLE_dim, "all in sync") + 3;
    if (s->groups_state == VALUE_KNOWN)
        x = total(c, y, x, end, ROLE_number, fmt_group(number, s->groups.n), s->groups.n == 1 ? "group" : "groups");
    fmt_count(number, all->messages, 11, u->env.exact);
    x = total(c, y, x, end, ROLE_number, sum_text(text, number, all->messages, all->messages_part),
              all->messages == 1 ? "message" : "messages");
    fmt_bytes(number, all->bytes, u->env.exact);
    total(c, y, x, end, ROLE_number, sum_text(text, number, all->bytes, all->bytes_part), "on disk");
}

static void paint_embedded(struct ui *u, struct canvas *c, int y, int x, int end) {
    const struct snapshot *s = u->snap;
    if (s->durability.n) {
        x = label(c, y, x, end, "durability", s->durability, "");
        bool synced = slice_is(s->durability, "fsync");
        x = 3 + frame_piece(c, y, x - 3, end, ROLE_dim, " · %s before it is acknowledged",
                            synced ? "synced" : "written");
    }
    if (s->data_dir.n && end - x > 12) {
        x += canvas_put(c, y, x, end - x, ROLE_dim, "data") + 1;
        canvas_put_middle(c, y, x, end - x, ROLE_text, s->data_dir);
    }
}

/* Whose sentence stands below the table: the selected one's, else the first that has one. */
static const struct broker_row *row_in_trouble(const struct cluster *me) {
    const struct broker_row *row = table_selected(&me->table);
    for (int i = 0; i < me->table.n && !(row && row->b->why.n); i++)
        row = table_row(&me->table, i);
    return row && row->b->why.n ? row : NULL;
}

static void cluster_paint(struct view *v, struct ui *u, struct canvas *c, struct rect r) {
    struct cluster *me = (struct cluster *)v;
    int y = r.y, x = r.x + 1, end = r.x + r.w - 1;
    if (r.h < 4)
        return;
    if (u->snap->brokers.n == 0) {
        if (u->snap->link == LINK_DOWN)
            ui_paint_no_link(u, c, r);
        else
            frame_nothing(c, r, "asking who is there …", "");
        return;
    }
    paint_who(u, c, y++, x, end);
    paint_totals(&me->totals, u, c, y++, x, end);
    if (u->snap->embedded)
        paint_embedded(u, c, y++, x, end);
    y += r.h >= 12;
    table_paint(&me->table, c, (struct rect){y, r.x, r.y + r.h - y, r.w}, &u->env);
    y += 1 + me->table.n;
    const struct broker_row *row = row_in_trouble(me);
    if (row && y < r.y + r.h)
        canvas_put_foreign(c, y++, r.x + 3, r.w - 4, ROLE_bad, row->b->why);
    y++;
    if (u->snap->in_history && r.y + r.h - y >= 6) {
        int h = r.y + r.h - y < 22 ? r.y + r.h - y : 22;
        chart_area(c, (struct rect){y, r.x + 1, h, r.w - 2}, "IN, MESSAGES A SECOND", u->snap->in_history,
                   u->snap->interval_us, &u->env);
    }
}

static bool cluster_verb(struct view *v, struct ui *u, enum verb verb, const char *arg) {
    const struct broker_row *row = table_selected(&((struct cluster *)v)->table);
    (void)arg;
    if (verb != VERB_COPY)
        return false;
    ui_copy(u, row ? slice_cstr(row->address) : u->snap->address);
    return true;
}

static void cluster_interest(struct view *v, struct ui *u, struct client_interest *i) {
    (void)v;
    (void)u;
    i->quorum = i->sizes = i->all_offsets = true;
}

const struct view_ops view_cluster = {
    .size = sizeof(struct cluster), .open = cluster_open, .close = cluster_close, .data = cluster_data,
    .paint = cluster_paint, .verb = cluster_verb, .interest = cluster_interest, .table = cluster_table,
};
