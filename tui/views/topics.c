/* The start screen: every topic with what it holds and how fast it grows. */
#include "tui/views/view.h"

#include <stdio.h>

struct topics {
    struct view view;
    struct table table;
};

static struct slice topic_key(const void *row) { return ((const struct model_topic *)row)->name; }
static enum trouble topic_trouble(const void *row) { return ((const struct model_topic *)row)->trouble; }

static bool topic_shown(const void *row, const void *ctx) {
    return ((const struct ui *)ctx)->internal || !((const struct model_topic *)row)->internal;
}

static void get_name(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct model_topic *t = row;
    (void)env;
    out->foreign = t->name;
    out->middle = out->is_text = true;
    out->role = t->internal ? ROLE_dim : ROLE_bright;
}

static void get_isr(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct model_topic *t = row;
    (void)env;
    snprintf(out->text, sizeof out->text, "%d/%d", t->in_sync, t->replicas);
    out->sort = t->replicas ? (double)t->in_sync / t->replicas : 1;
    out->role = t->in_sync < t->replicas ? ROLE_bad : ROLE_number;
}

static void get_offline(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct model_topic *t = row;
    int n = 0;
    (void)env;
    for (int32_t i = 0; i < t->n_partitions; i++)
        n += t->partitions[i].leader < 0;
    snprintf(out->text, sizeof out->text, "%d", n);
    out->sort = n;
    out->role = n ? ROLE_bad : ROLE_zero;
}

/* The fullest partition against the mean: 1.0 is even. */
static void get_skew(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct model_topic *t = row;
    double sum = 0, most = 0;
    (void)env;
    for (int32_t i = 0; i < t->n_partitions; i++) {
        const struct model_partition *p = &t->partitions[i];
        if (p->end.state != VALUE_KNOWN || p->start.state != VALUE_KNOWN) {
            out->state = VALUE_WANTED;
            return;
        }
        double n = (double)(p->end.v - p->start.v);
        sum += n;
        most = n > most ? n : most;
    }
    if (sum <= 0 || t->n_partitions < 2) {
        out->state = VALUE_NONE;
        return;
    }
    out->sort = most * t->n_partitions / sum;
    snprintf(out->text, sizeof out->text, "%.1f", out->sort);
    out->role = out->sort > 3 ? ROLE_warn : ROLE_number;
}

static void get_leaders(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct model_topic *t = row;
    int n = 0;
    (void)env;
    for (int32_t i = 0; i < t->n_partitions; i++) {
        bool seen = t->partitions[i].leader < 0;
        for (int32_t k = 0; k < i && !seen; k++)
            seen = t->partitions[k].leader == t->partitions[i].leader;
        n += !seen;
        if (i > 256)
            break;
    }
    snprintf(out->text, sizeof out->text, "%d", n);
    out->sort = n;
    out->role = n ? ROLE_number : ROLE_bad;
}

static void get_id(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct model_topic *t = row;
    (void)env;
    if (uuid_is_zero(&t->id)) {
        out->state = VALUE_NONE;
        return;
    }
    uuid_text(&t->id, out->text);
    out->role = ROLE_dim;
}

static const struct column topics_columns[] = {
    GET("TOPIC", get_name, FORM_TEXT, false, 24, 60, 0),
    COL("PARTS", struct model_topic, n_partitions, FORM_COUNT, 5, 0, 2),
    COL("REPL", struct model_topic, replication, FORM_COUNT, 4, 0, 8),
    GET("ISR", get_isr, FORM_COUNT, true, 7, 0, 6),
    COL("MESSAGES", struct model_topic, messages, FORM_COUNT, 11, 14, 1),
    COL("SIZE", struct model_topic, bytes, FORM_BYTES, 10, 0, 3),
    COL("IN/S", struct model_topic, in, FORM_RATE, 7, 9, 4),
    COL("TREND", struct model_topic, history, FORM_SPARK, 8, 16, 5),
    COL("GROUPS", struct model_topic, groups, FORM_COUNT, 6, 0, 7),
    GET("SKEW", get_skew, FORM_COUNT, true, 5, 0, 9),
    GET("OFFLINE", get_offline, FORM_COUNT, true, 7, 0, 10),
    GET("BROKERS", get_leaders, FORM_COUNT, true, 7, 0, 11),
    GET("ID", get_id, FORM_TEXT, false, 22, 0, 12),
};

static void topics_open(struct view *v, struct ui *u) {
    struct topics *me = (struct topics *)v;
    table_init(&me->table, topics_columns, sizeof topics_columns / sizeof *topics_columns);
    me->table.key = topic_key;
    me->table.can_mark = true;
    me->table.trouble = topic_trouble;
    me->table.shown = topic_shown;
    me->table.filter_ctx = u;
    ui_recall(u, &me->table, "Topics");
}

static void topics_close(struct view *v, struct ui *u) {
    (void)u;
    table_fini(&((struct topics *)v)->table);
}

static void topics_data(struct view *v, struct ui *u) {
    struct topics *me = (struct topics *)v;
    table_set_rows(&me->table, u->snap->topics.v, (size_t)u->snap->topics.n, sizeof(struct model_topic), &u->env);
}

static struct table *topics_table(struct view *v) { return &((struct topics *)v)->table; }

/* Four lines in the middle of an empty screen: what runs, and three things to do. */
static void paint_first_run(struct ui *u, struct canvas *c, struct rect r) {
    const struct snapshot *s = u->snap;
    int w = r.w < 76 ? r.w - 2 : 74, x = r.x + (r.w - w) / 2, y = r.y + (r.h - 7) / 2, at;
    if (y < r.y)
        y = r.y;
    at = canvas_put(c, y, x, w, ROLE_text, s->embedded ? "A Kafka broker runs here, at " : "No topics yet at ");
    canvas_put_foreign(c, y, x + at, w - at, ROLE_bright, s->address);
    if (s->durability.n) {
        at = canvas_put(c, y + 1, x, w, ROLE_dim, slice_is(s->durability, "fsync")
                        ? "It syncs to disk before it acknowledges; data in "
                        : "It acknowledges once written (durability os); data in ");
        canvas_put_middle(c, y + 1, x + at, w - at, ROLE_dim, s->data_dir);
    }
    static const struct { const char *command, *text; } lines[] = {
        {"new", "creates a topic"},
        {"hello", "runs the hello test here: create, list, produce, read back"},
    };
    char key[24];
    for (int i = 0; i < 2; i++) {
        canvas_put(c, y + 3 + i, x, 9, ROLE_hint_key, ui_key(u, lines[i].command, key));
        canvas_put(c, y + 3 + i, x + 9, w - 9, ROLE_text, lines[i].text);
    }
    canvas_put(c, y + 5, x, 9, ROLE_hint_key, ui_key(u, "copy", key));
    at = 9 + canvas_put(c, y + 5, x + 9, w - 9, ROLE_text, "copies the address, for any client: ");
    at += canvas_put(c, y + 5, x + at, w - at, ROLE_dim, "kcat -b ");
    at += canvas_put_foreign(c, y + 5, x + at, w - at, ROLE_dim, s->address);
    canvas_put(c, y + 5, x + at, w - at, ROLE_dim, " -L");
}

static void paint_connecting(struct ui *u, struct canvas *c, struct rect r) {
    struct slice address = u->snap->address.n ? u->snap->address : slice_cstr(u->address);
    int w = canvas_foreign_width(c, address, r.w) + 11, y = r.y + (r.h - 2) * 2 / 5;
    int x = r.x + (w < r.w - 2 ? (r.w - w) / 2 : 1), end = r.x + r.w - 1;
    x += canvas_put(c, y, x, end - x, ROLE_dim, "reaching ");
    x += canvas_put_foreign(c, y, x, end - x, ROLE_text, address);
    canvas_put(c, y, x, end - x, ROLE_dim, " …");
}

static void topics_paint(struct view *v, struct ui *u, struct canvas *c, struct rect r) {
    struct topics *me = (struct topics *)v;
    const struct snapshot *s = u->snap;
    if (s->topics.n == 0 && s->link == LINK_DOWN) {
        ui_paint_no_link(u, c, r);
        return;
    }
    if (s->topics_state == VALUE_KNOWN && u->topics.n == (u->internal ? 0 : u->topics.internal)) {
        paint_first_run(u, c, r);
        return;
    }
    table_paint(&me->table, c, r, &u->env);
    if (s->topics.n == 0 && s->link == LINK_CONNECTING)
        paint_connecting(u, c, r);
    if (me->table.n == 0 && me->table.filter[0])
        ui_paint_no_match(u, c, r, "topic");
}

static bool topics_verb(struct view *v, struct ui *u, enum verb verb, const char *arg) {
    struct topics *me = (struct topics *)v;
    const struct model_topic *t = table_selected(&me->table);
    switch (verb) {
    case VERB_NEW:
        dialog_new_topic(u, slice_cstr(arg));
        return true;
    case VERB_COPY:
        ui_copy(u, t ? t->name : u->snap->address);
        return true;
    default:
        break;
    }
    if (!t)
        return false;
    switch (verb) {
    case VERB_OPEN: ui_open(u, VIEW_topic, t->name); return true;
    case VERB_TAIL: ui_tail_topic(u, t->name, -1, -1); return true;
    case VERB_PRODUCE: ui_produce_topic(u, t->name); return true;
    case VERB_DELETE: dialog_delete_topic(u, t->name); return true;
    case VERB_PARTITIONS: dialog_add_partitions(u, t); return true;
    case VERB_TRUNCATE: dialog_delete_records(u, t); return true;
    case VERB_EDIT:
        ui_open(u, VIEW_topic, t->name);
        return ui_verb(u, VERB_EDIT, "configs");
    default: return false;
    }
}

static bool topics_can(struct view *v, struct ui *u, enum verb verb) {
    (void)u;
    return verb == VERB_NEW || verb == VERB_COPY || table_selected(&((struct topics *)v)->table);
}

static void topics_interest(struct view *v, struct ui *u, struct client_interest *i) {
    struct table *t = &((struct topics *)v)->table;
    i->sizes = i->all_offsets = i->all_groups = true;
    for (int k = 0; k < t->height && i->n_topics < UI_WANTED; k++) {
        const struct model_topic *row = table_row(t, t->top + k);
        if (row)
            u->want_topics[i->n_topics++] = row->name;
    }
}

const struct view_ops view_topics = {
    .size = sizeof(struct topics), .open = topics_open, .close = topics_close, .data = topics_data,
    .paint = topics_paint, .verb = topics_verb, .can = topics_can, .interest = topics_interest, .table = topics_table,
};
