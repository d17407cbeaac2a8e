/* Who is in charge, who answers, where the data is. */
#include "tui/views/view.h"

#include "tui/ui/chart.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct broker_row {
    const struct model_broker *b;
    char address[300];
    bool controller, silent;
};
struct cluster {
    struct view view;
    struct table table;
    struct broker_row *rows;
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
    out->foreign = slice_cstr(((const struct broker_row *)row)->address);
    out->is_text = out->middle = true;
}

static void get_role(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct broker_row *r = row;
    (void)env;
    snprintf(out->text, sizeof out->text, "broker%s%s%s", r->b->voter ? " voter" : "",
             r->b->observer ? " observer" : "", r->controller ? " CONTROLLER" : "");
    out->role = r->controller ? ROLE_accent : ROLE_text;
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
    put(&r->b->answered, out);
    if (r->b->answered.state != VALUE_KNOWN)
        return;
    if (r->silent)
        fmt_age(out->text, env->now_us - r->b->answered.at_us);
    else if (env->exact)
        fmt_took(out->text, r->b->answered.v);
    else
        snprintf(out->text, sizeof out->text, "< %s",
                 r->b->answered.v < 1000      ? "1 ms"
                 : r->b->answered.v < 10000   ? "10 ms"
                 : r->b->answered.v < 100000  ? "100 ms"
                 : r->b->answered.v < 1000000 ? "1 s"
                                              : "10 s");
    out->role = r->silent ? ROLE_bad : ROLE_number;
}

static void get_why(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->foreign = ((const struct broker_row *)row)->b->why;
    out->is_text = true;
    out->role = ROLE_bad;
    if (!out->foreign.p)
        snprintf(out->text, sizeof out->text, " ");
}

static const struct column broker_columns[] = {
    GET("NODE", get_id, FORM_COUNT, true, 5, 0, 0),
    GET("ADDRESS", get_address, FORM_TEXT, false, 21, 40, 1),
    GET("ROLE", get_role, FORM_TEXT, false, 23, 0, 2),
    GET("LEADS", get_leads, FORM_COUNT, true, 6, 0, 3),
    GET("GROUPS", get_groups, FORM_COUNT, true, 6, 0, 4),
    GET("DISK", get_bytes, FORM_BYTES, true, 10, 0, 5),
    GET("ANSWERS IN", get_round_trip, FORM_AGE, true, 10, 0, 6),
    GET("LOG END LAG", get_quorum_lag, FORM_COUNT, true, 11, 0, 8),
    GET("LAST FETCH", get_fetch_age, FORM_AGE, true, 10, 0, 9),
    GET("RACK", get_rack, FORM_TEXT, false, 10, 0, 10),
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

static void cluster_data(struct view *v, struct ui *u) {
    struct cluster *me = (struct cluster *)v;
    const struct snapshot *s = u->snap;
    me->rows = mem_realloc(me->rows, (size_t)(s->brokers.n + 1) * sizeof *me->rows);
    for (int32_t i = 0; i < s->brokers.n; i++) {
        const struct model_broker *b = &s->brokers.v[i];
        struct broker_row *r = &me->rows[i];
        *r = (struct broker_row){.b = b, .controller = b->id == s->controller && s->controller_true};
        snprintf(r->address, sizeof r->address, "%.*s:%" PRId32, (int)(b->host.n < 250 ? b->host.n : 250),
                 b->host.p ? (const char *)b->host.p : "", b->port);
        r->silent = b->answered.state == VALUE_KNOWN && s->interval_us > 0 &&
                    u->env.now_us - b->answered.at_us > 12 * s->interval_us;
    }
    table_set_rows(&me->table, me->rows, (size_t)s->brokers.n, sizeof *me->rows, &u->env);
}

static struct table *cluster_table(struct view *v) { return &((struct cluster *)v)->table; }

static int label(struct canvas *c, int y, int x, int w, const char *name, struct slice foreign, const char *own) {
    int at = x + canvas_put(c, y, x, w, ROLE_dim, name) + 1;
    at += foreign.p ? canvas_put_foreign(c, y, at, w < 40 ? w : 40, ROLE_text, foreign)
                    : canvas_put(c, y, at, w, ROLE_text, own);
    return at + 3;
}

static void paint_figures(struct ui *u, struct canvas *c, int y, struct rect r) {
    const struct snapshot *s = u->snap;
    char text[80];
    int x = r.x + 1, end = r.x + r.w - 1, voters = 0, observers = 0;
    for (int32_t i = 0; i < s->brokers.n; i++) {
        voters += s->brokers.v[i].voter;
        observers += s->brokers.v[i].observer;
    }
    if (s->version.p)
        x = label(c, y, x, end - x, s->embedded ? "weir, as Kafka" : "Kafka", s->version, "");
    x = label(c, y, x, end - x, "cluster", s->cluster_id.n ? s->cluster_id : SLICE_NULL, "…");
    if (!s->controller_true || s->controller < 0)
        snprintf(text, sizeof text, "–");
    else if (s->controller_epoch >= 0)
        snprintf(text, sizeof text, "%" PRId32 ", epoch %" PRId32, s->controller, s->controller_epoch);
    else
        snprintf(text, sizeof text, "%" PRId32, s->controller);
    if (end - x > 16)
        x = label(c, y, x, end - x, "controller", SLICE_NULL, text);
    if (voters && end - x > 16)
        canvas_printf(c, y, x, end - x, ROLE_dim, "%d voter%s, %d observer%s", voters, voters == 1 ? "" : "s",
                      observers, observers == 1 ? "" : "s");
}

static void paint_embedded(struct ui *u, struct canvas *c, int y, struct rect r) {
    const struct snapshot *s = u->snap;
    int x = r.x + 1, end = r.x + r.w - 1;
    if (s->durability.n)
        x = label(c, y, x, end - x, "durability", s->durability, "");
    if (s->data_dir.n && end - x > 12) {
        x += canvas_put(c, y, x, end - x, ROLE_dim, "data") + 1;
        canvas_put_middle(c, y, x, end - x, ROLE_text, s->data_dir);
    }
}

static void cluster_paint(struct view *v, struct ui *u, struct canvas *c, struct rect r) {
    struct cluster *me = (struct cluster *)v;
    int y = r.y;
    if (r.h < 4)
        return;
    paint_figures(u, c, y++, r);
    if (u->snap->embedded)
        paint_embedded(u, c, y++, r);
    y++;
    table_paint(&me->table, c, (struct rect){y, r.x, r.y + r.h - y, r.w}, &u->env);
    y += 1 + me->table.n;
    const struct broker_row *row = table_selected(&me->table);
    if (row && row->b->why.n && y < r.y + r.h) {
        int used = canvas_printf(c, y, r.x + 3, r.w - 4, ROLE_dim, "%" PRId32 ": ", row->b->id);
        canvas_put_foreign(c, y, r.x + 3 + used, r.w - 4 - used, ROLE_bad, row->b->why);
    }
    y++;
    if (u->snap->in_history && r.y + r.h - y >= 8) {
        int h = r.y + r.h - y < 12 ? r.y + r.h - y : 12;
        chart_area(c, (struct rect){y, r.x + 1, h, r.w - 2}, "IN, MESSAGES A SECOND", u->snap->in_history,
                   u->env.exact);
    }
    if (me->table.n == 0)
        canvas_put_foreign(c, y + 2, r.x + 3, r.w - 4, ROLE_dim,
                           u->snap->why.n ? u->snap->why : SLICE("asking who is there ..."));
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
    i->quorum = i->sizes = true;
}

const struct view_ops view_cluster = {
    .size = sizeof(struct cluster), .open = cluster_open, .close = cluster_close, .data = cluster_data,
    .paint = cluster_paint, .verb = cluster_verb, .interest = cluster_interest, .table = cluster_table,
};
