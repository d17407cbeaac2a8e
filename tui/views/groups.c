/* Consumer groups, those that hurt first. */
#include "tui/views/groups.h"

#include <stdio.h>

struct groups {
    struct view view;
    struct table table;
};

static struct slice group_key(const void *row) { return ((const struct model_group *)row)->id; }
static enum trouble group_trouble(const void *row) { return ((const struct model_group *)row)->trouble; }

static void get_id(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    out->foreign = ((const struct model_group *)row)->id;
    out->middle = out->is_text = true;
    out->role = ROLE_bright;
}

/* In a column these are cut to words as long as the others, so that no column moves while a group rebalances. */
static const struct { const char *state, *in_column; } long_states[] = {
    {"PreparingRebalance", "Preparing"}, {"CompletingRebalance", "Completing"},
};

void group_state_cell(const struct model_group *g, bool in_column, struct out_cell *out) {
    bool alive = g->n_members.state == VALUE_KNOWN && g->n_members.v > 0;
    if (g->error != 0 && g->why.p) {
        out->state = VALUE_FAILED;
        return;
    }
    if (!g->state.p) {
        out->state = g->why.p ? VALUE_FAILED : VALUE_WANTED;
        return;
    }
    /* The state is a word of the broker: only known letters are taken into our own text. */
    size_t n = 0;
    while (n < g->state.n && n < 22 && ((g->state.p[n] | 32) >= 'a' && (g->state.p[n] | 32) <= 'z'))
        n++;
    const char *word = (const char *)g->state.p;
    for (size_t i = 0; in_column && i < sizeof long_states / sizeof *long_states; i++)
        if (slice_is(g->state, long_states[i].state)) {
            word = long_states[i].in_column;
            n = strlen(word);
        }
    snprintf(out->text, sizeof out->text, "%s %.*s", alive ? "●" : "○", (int)n, word);
    out->role = slice_is(g->state, "Stable") ? ROLE_good : slice_is(g->state, "Empty") ? ROLE_zero : ROLE_warn;
}

static void get_state(const void *row, const struct look_env *env, struct out_cell *out) {
    (void)env;
    group_state_cell(row, true, out);
    out->sort = out->role == ROLE_good ? 2 : out->role == ROLE_zero ? 1 : 0;
}

struct lag_sum group_lag_sum(const struct model_group *g, struct slice topic) {
    struct lag_sum sum = {0};
    for (int32_t i = 0; i < g->rows.n; i++) {
        const struct model_lag *row = &g->rows.v[i];
        if (slice_eq(topic, row->topic))
            lag_add(&sum, row);
    }
    return sum;
}

void lag_sum_cell(const struct lag_sum *sum, const struct look_env *env, int w, struct out_cell *out) {
    char number[FORMAT_SIZE], lost[FORMAT_SIZE];
    int32_t told = sum->rows - sum->kinds[LAG_NO_COMMIT] - sum->kinds[LAG_UNKNOWN];
    out->sort = (double)(sum->lag + sum->lost);
    out->role = sum->lag + sum->lost == 0 ? ROLE_zero : ROLE_number;
    bool none = sum->rows && sum->kinds[LAG_NO_COMMIT] == sum->rows;
    if (!sum->lost && !none && sum->rows && told == 0)
        out->state = VALUE_FAILED;
    if (out->state == VALUE_FAILED || env->only_order)
        return;
    fmt_count(number, sum->lag, w, env->exact);
    if (sum->lost) {
        snprintf(out->text, sizeof out->text, "%s▾%s", number, fmt_count(lost, sum->lost, 6, env->exact));
        out->role = ROLE_bad;
    } else if (none) {
        snprintf(out->text, sizeof out->text, "none");
        out->role = ROLE_dim;
    } else if (sum->ahead) {
        snprintf(out->text, sizeof out->text, "%s▴%s", number, fmt_count(lost, sum->ahead, 6, env->exact));
        out->role = ROLE_warn;
    } else {
        snprintf(out->text, sizeof out->text, "%s%s",
                 sum->kinds[LAG_UPPER_BOUND] ? "≤ "
                 : sum->kinds[LAG_UNKNOWN]   ? "≥ "
                                             : "",
                 number);
    }
}

void group_lag_cell(const struct model_group *g, const struct look_env *env, struct out_cell *out) {
    if (g->rows.n > 0) {
        lag_sum_cell(&g->sum, env, 12, out);
        out->at_us = g->at_us;
        return;
    }
    out->state = g->lag.state;
    out->sort = (double)g->lag.v;
    out->at_us = g->lag.at_us;
    out->role = g->lag.v ? ROLE_number : ROLE_zero;
    if (g->lag.state == VALUE_KNOWN)
        fmt_count(out->text, g->lag.v, 12, env->exact);
}

static void get_lag(const void *row, const struct look_env *env, struct out_cell *out) {
    group_lag_cell(row, env, out);
}

/* Time until it has caught up at today's speeds. */
static void get_eta(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct model_group *g = row;
    (void)env;
    if (g->lag.state != VALUE_KNOWN || g->out.state != VALUE_KNOWN || g->in.state != VALUE_KNOWN) {
        out->state = g->lag.state == VALUE_WANTED ? VALUE_WANTED : VALUE_NONE;
        return;
    }
    double gain = g->out.v - g->in.v;
    out->sort = 0;
    if (g->n_members.state == VALUE_KNOWN && g->n_members.v == 0) { /* nobody reads: there is no speed to judge by */
        out->state = VALUE_NONE;
        return;
    }
    if (g->lag.v == 0 || (double)g->lag.v < g->out.v) {
        snprintf(out->text, sizeof out->text, "< 1 s");
        out->role = ROLE_zero;
    } else if (gain <= 0.05) {
        snprintf(out->text, sizeof out->text, "never");
        out->role = ROLE_bad;
        out->sort = 1e18;
    } else {
        out->sort = (double)g->lag.v / gain;
        fmt_age(out->text, out->sort < 1e12 ? (int64_t)(out->sort * 1e6) : INT64_MAX / 2);
        out->role = ROLE_number;
    }
}

static void get_coordinator(const void *row, const struct look_env *env, struct out_cell *out) {
    int32_t v = ((const struct model_group *)row)->coordinator;
    (void)env;
    out->state = v < 0 ? VALUE_WANTED : VALUE_KNOWN;
    out->sort = v;
    snprintf(out->text, sizeof out->text, "%d", (int)v);
}

static const struct column groups_columns[] = {
    GET("GROUP", get_id, FORM_TEXT, false, 24, 60, 0),
    GET("LAG", get_lag, FORM_COUNT, true, 14, 0, 1),
    COL("TOPICS", struct model_group, n_topics, FORM_COUNT, 6, 0, 7),
    GET("STATE", get_state, FORM_TEXT, false, 13, 0, 3),
    COL("MEMBERS", struct model_group, n_members, FORM_COUNT, 7, 0, 4),
    COL("IN/S", struct model_group, in, FORM_RATE, 7, 0, 6),
    COL("OUT/S", struct model_group, out, FORM_RATE, 7, 0, 5),
    GET("ETA", get_eta, FORM_COUNT, true, 7, 0, 8),
    COL("TREND", struct model_group, history, FORM_SPARK, 8, 16, 2),
    GET("COORD", get_coordinator, FORM_COUNT, true, 5, 0, 9),
    COL("ASSIGNOR", struct model_group, protocol, FORM_TEXT, 18, 0, 10),
    COL("PROTOCOL", struct model_group, type, FORM_TEXT, 10, 0, 11),
};

static void groups_open(struct view *v, struct ui *u) {
    struct groups *me = (struct groups *)v;
    table_init(&me->table, groups_columns, sizeof groups_columns / sizeof *groups_columns);
    me->table.key = group_key;
    me->table.can_mark = true;
    me->table.trouble = group_trouble;
    table_sort_by(&me->table, "LAG");
    ui_recall(u, &me->table, "Groups");
}

static void groups_close(struct view *v, struct ui *u) {
    (void)u;
    table_fini(&((struct groups *)v)->table);
}

static void groups_data(struct view *v, struct ui *u) {
    table_set_rows(&((struct groups *)v)->table, u->snap->groups.v, (size_t)u->snap->groups.n,
                   sizeof(struct model_group), &u->env);
}

static struct table *groups_table(struct view *v) { return &((struct groups *)v)->table; }

static void groups_paint(struct view *v, struct ui *u, struct canvas *c, struct rect r) {
    struct table *t = &((struct groups *)v)->table;
    if (u->snap->groups.n == 0 && u->snap->link == LINK_DOWN) {
        ui_paint_no_link(u, c, r);
        return;
    }
    table_paint(t, c, r, &u->env);
    if (t->n == 0 && t->filter[0])
        ui_paint_no_match(u, c, r, "group");
    else if (t->n == 0 && u->snap->groups_state == VALUE_WANTED)
        frame_nothing(c, r, "asking for the groups …", "");
    else if (t->n == 0 && u->snap->groups_state == VALUE_FAILED)
        frame_nothing(c, r, "The groups could not be read", "7 Log says why");
    else if (t->n == 0)
        frame_nothing(c, r, "No consumer group", "one is here once a consumer has joined or committed");
}

static bool groups_verb(struct view *v, struct ui *u, enum verb verb, const char *arg) {
    const struct model_group *g = table_selected(&((struct groups *)v)->table);
    (void)arg;
    if (!g)
        return false;
    switch (verb) {
    case VERB_OPEN: ui_open(u, VIEW_group, g->id); return true;
    case VERB_COPY: ui_copy(u, g->id); return true;
    case VERB_DELETE: dialog_delete_group(u, g->id); return true;
    case VERB_RESET: dialog_reset_group(u, g); return true;
    default: return false;
    }
}

static bool groups_can(struct view *v, struct ui *u, enum verb verb) {
    (void)u;
    (void)verb;
    return table_selected(&((struct groups *)v)->table) != NULL;
}

static void groups_interest(struct view *v, struct ui *u, struct client_interest *i) {
    struct table *t = &((struct groups *)v)->table;
    i->all_groups = true;
    for (int k = 0; k < t->height && i->n_groups < UI_WANTED; k++) {
        const struct model_group *row = table_row(t, t->top + k);
        if (row)
            u->want_groups[i->n_groups++] = row->id;
    }
}

const struct view_ops view_groups = {
    .size = sizeof(struct groups), .open = groups_open, .close = groups_close, .data = groups_data,
    .paint = groups_paint, .verb = groups_verb, .can = groups_can, .interest = groups_interest, .table = groups_table,
};
