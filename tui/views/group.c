/* One group: its partitions with their lag, its members with what they read. */
#include "tui/views/groups.h"

#include "core/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define READS_MAX 300       /* bytes of a member's topics and partitions */
#define READS_NAME 48       /* of a topic's name among them */
enum { SUB_PARTITIONS, SUB_MEMBERS, SUB_N };
struct lag_row {
    struct model_lag lag;
    struct slice client_id, host;
};
struct member_row {
    const struct model_member *member;
    struct lag_sum sum;
    struct slice reads;         /* "clicks 0,3 orders 1" */
};
struct group_view {
    struct view view;
    int sub;
    struct table tables[SUB_N];
    struct lag_row *lags;
    struct member_row *members;
    struct buf reads;           /* of all members */
};

/* ---- partitions ---- */

static struct slice lag_key(const void *row) {
    static char key[320];
    const struct lag_row *r = row;
    int n = snprintf(key, sizeof key, "%.*s/%" PRId32, (int)(r->lag.topic.n < 250 ? r->lag.topic.n : 250),
                     (const char *)r->lag.topic.p, r->lag.partition);
    return slice_of(key, (size_t)n);
}

static enum trouble lag_trouble(const void *row) {
    const struct model_lag *lag = &((const struct lag_row *)row)->lag;
    return lag->kind == LAG_BELOW_START ? TROUBLE_BAD : lag->kind == LAG_BEYOND_END ? TROUBLE_SOON : TROUBLE_NONE;
}

void lag_cell(const struct model_lag *row, const struct look_env *env, struct out_cell *out) {
    char number[FORMAT_SIZE], other[FORMAT_SIZE];
    out->at_us = row->at_us;
    out->sort = (double)(row->lag > 0 ? row->lag : 0);
    out->role = ROLE_number;
    switch (row->kind) {
    case LAG_EXACT:
        fmt_count(out->text, row->lag, 12, env->exact);
        out->role = row->lag ? ROLE_number : ROLE_zero;
        break;
    case LAG_UPPER_BOUND:
        snprintf(out->text, sizeof out->text, "≤ %s", fmt_count(number, row->lag, 12, env->exact));
        break;
    case LAG_NO_COMMIT:
        snprintf(out->text, sizeof out->text, "none");
        out->role = ROLE_dim;
        break;
    case LAG_BELOW_START:
        snprintf(out->text, sizeof out->text, "%s ▾%s lost",
                 row->start >= 0 && row->end >= 0 ? fmt_count(number, row->end - row->start, 9, env->exact) : "?",
                 fmt_count(other, row->lost, 9, env->exact));
        out->role = ROLE_bad;
        out->sort = (double)(row->end - row->committed);
        break;
    case LAG_BEYOND_END:
        snprintf(out->text, sizeof out->text, "ahead %s", fmt_count(number, row->ahead, 9, env->exact));
        out->role = ROLE_warn;
        break;
    case LAG_UNKNOWN:
        out->state = VALUE_FAILED;
        break;
    }
}

static void get_lag(const void *row, const struct look_env *env, struct out_cell *out) {
    lag_cell(&((const struct lag_row *)row)->lag, env, out);
}

/* without: what it is that there is none. */
static void offset_cell(int64_t v, enum value_state without, struct out_cell *out) {
    out->state = v < 0 ? without : VALUE_KNOWN;
    out->sort = (double)v;
    out->role = ROLE_number;
    fmt_group(out->text, v);
}

static void get_committed(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct model_lag *lag = &((const struct lag_row *)row)->lag;
    (void)env;
    offset_cell(lag->committed, lag->kind == LAG_UNKNOWN ? VALUE_FAILED : VALUE_NONE, out);
}

static void get_end(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    offset_cell(((const struct lag_row *)row)->lag.end, VALUE_FAILED, out);
}

static void get_start(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    offset_cell(((const struct lag_row *)row)->lag.start, VALUE_FAILED, out);
}

static void get_topic(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->foreign = ((const struct lag_row *)row)->lag.topic;
    out->middle = out->is_text = true;
    out->role = ROLE_bright;
}

static void get_partition(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->sort = ((const struct lag_row *)row)->lag.partition;
    out->role = ROLE_number;
    snprintf(out->text, sizeof out->text, "%" PRId32, ((const struct lag_row *)row)->lag.partition);
}

static void get_note(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->foreign = ((const struct lag_row *)row)->lag.metadata;
    out->is_text = true;
    out->role = ROLE_dim;
    if (out->foreign.n == 0)
        out->state = VALUE_NONE;
}

static const struct column lag_columns[] = {
    GET("TOPIC", get_topic, FORM_TEXT, false, 20, 60, 0),
    GET("P", get_partition, FORM_COUNT, true, 5, 0, 1),
    GET("LAG", get_lag, FORM_COUNT, true, 16, 24, 2),
    GET("COMMITTED", get_committed, FORM_COUNT, true, 13, 0, 3),
    GET("END", get_end, FORM_COUNT, true, 13, 0, 4),
    COL("MEMBER", struct lag_row, client_id, FORM_TEXT, 18, 30, 6),
    COL("HOST", struct lag_row, host, FORM_TEXT, 16, 0, 7),
    GET("START", get_start, FORM_COUNT, true, 13, 0, 8),
    GET("NOTE", get_note, FORM_TEXT, false, 16, 40, 9),
};

/* ---- members ---- */

static struct slice member_key(const void *row) { return ((const struct member_row *)row)->member->id; }

static void get_client(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->foreign = ((const struct member_row *)row)->member->client_id;
    out->is_text = true;
    out->role = ROLE_bright;
}

static void get_host(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->foreign = ((const struct member_row *)row)->member->host;
    out->is_text = true;
}

static void get_member_id(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->foreign = ((const struct member_row *)row)->member->id;
    out->is_text = out->middle = true;
    out->role = ROLE_dim;
}

static void get_instance(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->foreign = ((const struct member_row *)row)->member->instance_id;
    out->is_text = true;
    if (!out->foreign.p)
        out->state = VALUE_NONE;
}

static void get_n_assigned(const void *row, const struct look_env *env, struct out_cell *out) {
    int32_t n = ((const struct member_row *)row)->member->assigned.n;
    (void)env;
    out->sort = n;
    out->role = n ? ROLE_number : ROLE_zero;
    fmt_group(out->text, n);
}

static void get_member_lag(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct member_row *r = row;
    if (r->sum.rows == 0)
        out->state = VALUE_NONE;
    else
        lag_sum_cell(&r->sum, env, 12, out);
}

static void get_reads(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct member_row *r = row;
    (void)env;
    out->foreign = r->reads;
    out->is_text = out->middle = true; /* the partitions stand at the end */
    out->role = ROLE_dim;
    out->state = r->reads.n ? VALUE_KNOWN : VALUE_NONE;
}

static const struct column member_columns[] = {
    GET("MEMBER", get_client, FORM_TEXT, false, 20, 40, 0),
    GET("HOST", get_host, FORM_TEXT, false, 18, 0, 2),
    GET("PARTS", get_n_assigned, FORM_COUNT, true, 5, 0, 1),
    GET("LAG", get_member_lag, FORM_COUNT, true, 14, 0, 3),
    GET("READS", get_reads, FORM_TEXT, false, 22, 255, 4),
    GET("INSTANCE", get_instance, FORM_TEXT, false, 12, 24, 6),
    GET("ID", get_member_id, FORM_TEXT, false, 24, 60, 5),
};

/* ---- the view ---- */

static void groupv_open(struct view *v, struct ui *u) {
    struct group_view *me = (struct group_view *)v;
    table_init(&me->tables[SUB_PARTITIONS], lag_columns, sizeof lag_columns / sizeof *lag_columns);
    table_init(&me->tables[SUB_MEMBERS], member_columns, sizeof member_columns / sizeof *member_columns);
    me->tables[SUB_PARTITIONS].key = lag_key;
    me->tables[SUB_PARTITIONS].trouble = lag_trouble;
    me->tables[SUB_PARTITIONS].sort = -1;
    me->tables[SUB_MEMBERS].key = member_key;
    ui_recall(u, &me->tables[SUB_PARTITIONS], "Group-Partitions");
    ui_recall(u, &me->tables[SUB_MEMBERS], "Group-Members");
}

static void groupv_close(struct view *v, struct ui *u) {
    struct group_view *me = (struct group_view *)v;
    (void)u;
    for (int i = 0; i < SUB_N; i++)
        table_fini(&me->tables[i]);
    free(me->lags);
    free(me->members);
    buf_fini(&me->reads);
}

/* The names that people give are whole; one that fills the screen would hide its partitions. */
static void put_topic(struct buf *out, struct slice name, bool ascii) {
    const size_t part = READS_NAME / 2;
    if (name.n <= READS_NAME) {
        buf_put(out, name.p, name.n);
        return;
    }
    buf_put(out, name.p, part);
    buf_puts(out, ascii ? "..." : "…");
    buf_put(out, name.p + name.n - part, part);
}

/* What a member reads, as far as a screen may show it. */
static size_t put_reads(struct buf *out, const struct model_member *m, bool ascii) {
    size_t from = out->n;
    for (int32_t i = 0; i < m->assigned.n && out->n - from < READS_MAX; i++) {
        struct slice topic = m->assigned.v[i].topic;
        bool again = i > 0 && slice_eq(topic, m->assigned.v[i - 1].topic);
        if (!again) {
            buf_puts(out, i ? " " : "");
            put_topic(out, topic, ascii);
        }
        buf_printf(out, "%s%" PRId32, again ? "," : " ", m->assigned.v[i].partition);
    }
    return out->n - from;
}

static void reads_find(struct group_view *me, int32_t n_members, bool ascii) {
    buf_clear(&me->reads);
    for (int32_t i = 0; i < n_members; i++)
        me->members[i].reads.n = put_reads(&me->reads, me->members[i].member, ascii);
    const uint8_t *p = me->reads.p;
    for (int32_t i = 0; i < n_members; p += me->members[i++].reads.n)
        me->members[i].reads.p = p;
}

static void groupv_data(struct view *v, struct ui *u) {
    struct group_view *me = (struct group_view *)v;
    const struct model_group *g = snapshot_group(u->snap, v->arg);
    int32_t n_rows = g ? g->rows.n : 0, n_members = g ? g->members.n : 0;
    me->lags = mem_realloc(me->lags, (size_t)(n_rows + 1) * sizeof *me->lags);
    me->members = mem_realloc(me->members, (size_t)(n_members + 1) * sizeof *me->members);
    for (int32_t i = 0; i < n_members; i++)
        me->members[i] = (struct member_row){.member = &g->members.v[i]};
    reads_find(me, n_members, u->ascii);
    for (int32_t i = 0; i < n_rows; i++) {
        const struct model_lag *lag = &g->rows.v[i];
        me->lags[i] = (struct lag_row){.lag = *lag};
        if (lag->member < 0 || lag->member >= n_members)
            continue;
        struct member_row *m = &me->members[lag->member];
        me->lags[i].client_id = m->member->client_id;
        me->lags[i].host = m->member->host;
        m->sum.rows++;
        m->sum.kinds[lag->kind]++;
        m->sum.lag += lag->lag > 0 ? lag->lag : 0;
        m->sum.lost += lag->kind == LAG_BELOW_START ? lag->lost : 0;
    }
    table_set_rows(&me->tables[SUB_PARTITIONS], me->lags, (size_t)n_rows, sizeof *me->lags, &u->env);
    table_set_rows(&me->tables[SUB_MEMBERS], me->members, (size_t)n_members, sizeof *me->members, &u->env);
}

/* A broker's word as a piece: whole, or not there. */
static int piece_foreign(struct canvas *c, int y, int at, int end, struct slice word) {
    int w = canvas_foreign_width(c, word, end - at + 1);
    return word.n && at + 2 + w <= end ? at + 2 + canvas_put_foreign(c, y, at + 2, w, ROLE_dim, word) : at;
}

/* What matters most first: a piece that finds no room is left out, since a number that is cut is another number.
 * The lag is said as the list of groups says it. */
static void paint_figures(const struct model_group *g, struct ui *u, struct canvas *c, int y, int x, int w) {
    struct out_cell state = {.state = VALUE_KNOWN}, lag = {.state = VALUE_KNOWN};
    char number[FORMAT_SIZE];
    group_state_cell(g, false, &state);
    group_lag_cell(g, &u->env, &lag);
    int state_w = state.state == VALUE_KNOWN ? canvas_width(c, state.text) + 3 : 0;
    int lag_w = lag.state == VALUE_KNOWN ? canvas_width(c, lag.text) + 6 : 0;
    int end = x + w, name_w = w - state_w - lag_w < 60 ? w - state_w - lag_w : 60;
    int at = x + canvas_put_middle(c, y, x, name_w, ROLE_bright, g->id) + 1;
    if (state_w)
        at = frame_piece(c, y, at, end, state.role, "  %s", state.text);
    if (lag_w)
        at = frame_piece(c, y, at, end, lag.role == ROLE_bad ? ROLE_bad : ROLE_text, "  lag %s", lag.text);
    if (g->out.state == VALUE_KNOWN)
        at = frame_piece(c, y, at, end, ROLE_dim, "  out %s/s", fmt_rate(number, g->out.v, u->env.exact));
    if (g->coordinator >= 0)
        at = frame_piece(c, y, at, end, ROLE_dim, "  coordinator %" PRId32, g->coordinator);
    at = piece_foreign(c, y, at, end, g->type);
    at = piece_foreign(c, y, at, end, g->protocol);
    if (g->why.n && at + 2 < end)
        canvas_put_foreign(c, y, at + 2, end - at - 2, ROLE_bad, g->why);
}

static void groupv_paint(struct view *v, struct ui *u, struct canvas *c, struct rect r) {
    struct group_view *me = (struct group_view *)v;
    const struct model_group *g = snapshot_group(u->snap, v->arg);
    struct frame_tab tabs[SUB_N] = {{.name = "Partitions"}, {.name = "Members"}};
    char number[FORMAT_SIZE];
    if (!g) {
        int used = canvas_put_middle(c, r.y, r.x + 1, r.w / 2, ROLE_bright, v->arg);
        canvas_put(c, r.y, r.x + 2 + used, r.w - used - 3, ROLE_warn, "is not there (any more)");
        return;
    }
    paint_figures(g, u, c, r.y, r.x + 1, r.w - 2);
    snprintf(tabs[0].count, sizeof tabs[0].count, "%.20s", fmt_group(number, g->rows.n));
    snprintf(tabs[1].count, sizeof tabs[1].count, "%.20s", fmt_group(number, g->members.n));
    for (int32_t i = 0; i < g->rows.n; i++)
        tabs[0].trouble += g->rows.v[i].kind == LAG_BELOW_START;
    tabs[me->sub].current = true;
    frame_subtabs(c, r.y + 1, tabs, SUB_N);
    table_paint(&me->tables[me->sub], c, (struct rect){r.y + 2, r.x, r.h - 2, r.w}, &u->env);
    struct rect list = {r.y + 2, r.x, r.h - 2, r.w};
    if (me->tables[me->sub].n > 0)
        return;
    if (me->tables[me->sub].n_base > 0)
        ui_paint_no_match(u, c, list, "row");
    else if (me->sub == SUB_MEMBERS)
        frame_nothing(c, list, "No members", "nobody consumes with this group now");
    else if (g->lag.state == VALUE_WANTED)
        frame_nothing(c, list, "asking for its offsets …", "");
    else
        frame_nothing(c, list, "No offsets", "none committed, nothing assigned");
}

static struct table *groupv_table(struct view *v) {
    struct group_view *me = (struct group_view *)v;
    return &me->tables[me->sub];
}

static bool groupv_verb(struct view *v, struct ui *u, enum verb verb, const char *arg) {
    struct group_view *me = (struct group_view *)v;
    const struct model_group *g = snapshot_group(u->snap, v->arg);
    const void *row = table_selected(&me->tables[me->sub]);
    (void)arg;
    switch (verb) {
    case VERB_NEXT: case VERB_PREVIOUS:
        me->sub = (me->sub + 1) % SUB_N;
        return true;
    case VERB_RESET:
        if (g)
            dialog_reset_group(u, g);
        return g != NULL;
    case VERB_DELETE: dialog_delete_group(u, v->arg); return true;
    case VERB_COPY:
        ui_copy(u,
                row ? (me->sub == SUB_MEMBERS ? member_key(row) : ((const struct lag_row *)row)->lag.topic) : v->arg);
        return true;
    case VERB_OPEN: case VERB_TAIL:
        if (!row || me->sub != SUB_PARTITIONS)
            return false;
        if (verb == VERB_OPEN)
            ui_open(u, VIEW_topic, ((const struct lag_row *)row)->lag.topic);
        else
            ui_tail_topic(u, ((const struct lag_row *)row)->lag.topic, ((const struct lag_row *)row)->lag.partition,
                          ((const struct lag_row *)row)->lag.committed);
        return true;
    default: return false;
    }
}

static bool groupv_can(struct view *v, struct ui *u, enum verb verb) {
    struct group_view *me = (struct group_view *)v;
    (void)u;
    return !(verb == VERB_OPEN || verb == VERB_TAIL) || (me->sub == SUB_PARTITIONS && table_selected(&me->tables[0]));
}

static void groupv_interest(struct view *v, struct ui *u, struct client_interest *i) {
    u->want_groups[i->n_groups++] = v->arg;
}

const struct view_ops view_group = {
    .size = sizeof(struct group_view), .open = groupv_open, .close = groupv_close, .data = groupv_data,
    .paint = groupv_paint, .verb = groupv_verb, .can = groupv_can, .interest = groupv_interest, .table = groupv_table,
};
