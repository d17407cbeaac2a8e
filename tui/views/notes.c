/* Changes and log: lines as they come, the newest at the end. */
#include "tui/views/view.h"

#include <stdio.h>

struct notes_view {
    struct view view;
    struct table table;
    bool left_end;          /* the reader moved up: do not run after new lines */
};

static struct slice note_key(const void *row) {
    const struct note *n = row;
    return slice_of(&n->serial, sizeof n->serial);
}

static struct slice note_words(const void *row) { return slice_cstr(((const struct note *)row)->text); }

static enum trouble note_trouble(const void *row) {
    int level = ((const struct note *)row)->level;
    return level == 0 ? TROUBLE_BAD : level == 1 ? TROUBLE_SOON : TROUBLE_NONE;
}

static void get_time(const void *row, const struct look_env *env, struct out_cell *out) {
    char text[FORMAT_SIZE];
    (void)env;
    out->sort = (double)((const struct note *)row)->serial;
    out->role = ROLE_dim;
    snprintf(out->text, sizeof out->text, "%s", fmt_time(text, ((const struct note *)row)->wall_ms, true));
}

static void get_text(const void *row, const struct look_env *env, struct out_cell *out) {
    const struct note *n = row;
    (void)env;
    out->foreign = slice_cstr(n->text);
    out->is_text = true;
    out->role = n->level == 0 ? ROLE_bad : n->level == 1 ? ROLE_warn : ROLE_text;
}

static const struct column notes_columns[] = {
    GET("WHEN", get_time, FORM_TEXT, false, 23, 0, 0),
    GET("WHAT", get_text, FORM_TEXT, false, 40, 255, 1),
};

static struct notes *notes_of(struct view *v, struct ui *u) { return v->id == VIEW_changes ? &u->changes : &u->log; }

static void notesv_open(struct view *v, struct ui *u) {
    struct notes_view *me = (struct notes_view *)v;
    (void)u;
    table_init(&me->table, notes_columns, 2);
    me->table.key = note_key;
    me->table.trouble = note_trouble;
    me->table.words = note_words;
    me->table.can_mark = true;
}

static void notesv_close(struct view *v, struct ui *u) {
    (void)u;
    table_fini(&((struct notes_view *)v)->table);
}

static void notesv_data(struct view *v, struct ui *u) {
    struct notes_view *me = (struct notes_view *)v;
    struct notes *notes = notes_of(v, u);
    struct table *t = &me->table;
    table_set_rows(t, notes->v, notes->n, sizeof *notes->v, &u->env);
    if (!me->left_end)
        table_move(t, t->descending ? MOVE_HOME : MOVE_END);
}

static struct table *notesv_table(struct view *v) { return &((struct notes_view *)v)->table; }

static void notesv_paint(struct view *v, struct ui *u, struct canvas *c, struct rect r) {
    struct notes_view *me = (struct notes_view *)v;
    struct look_env env = u->env;
    env.all_stale = false;
    table_paint(&me->table, c, r, &env);
    if (me->table.n == 0 && me->table.filter[0])
        ui_paint_no_match(u, c, r, "line");
    else if (me->table.n == 0 && v->id == VIEW_changes)
        frame_nothing(c, r, "Nothing has changed", "topics, leaders and brokers that come, go or move stand here");
    else if (me->table.n == 0)
        frame_nothing(c, r, "Nothing to tell", "what became of your actions, and warnings and errors, stand here");
}

static bool notesv_verb(struct view *v, struct ui *u, enum verb verb, const char *arg) {
    struct notes_view *me = (struct notes_view *)v;
    const struct note *row = table_selected(&me->table);
    (void)arg;
    if (verb >= VERB_UP && verb <= VERB_RIGHT) {
        table_move(&me->table, (enum table_move)(verb - VERB_UP));
        me->left_end = me->table.selected < me->table.n - 1;
        return true;
    }
    if (verb == VERB_COPY && row) {
        ui_copy(u, slice_cstr(row->text));
        return true;
    }
    if (verb == VERB_OPEN && row) {
        ui_say(u, ROLE_text, "%s", row->text);
        return true;
    }
    return false;
}

const struct view_ops view_changes = {
    .size = sizeof(struct notes_view), .open = notesv_open, .close = notesv_close, .data = notesv_data,
    .paint = notesv_paint, .verb = notesv_verb, .table = notesv_table,
};
const struct view_ops view_log = {
    .size = sizeof(struct notes_view), .open = notesv_open, .close = notesv_close, .data = notesv_data,
    .paint = notesv_paint, .verb = notesv_verb, .table = notesv_table,
};
