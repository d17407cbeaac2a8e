#include "tui/ui/columns.h"

#include <stdio.h>

void columns_open(struct columns_panel *p, struct table *t) {
    t->scroll = 0;
    *p = (struct columns_panel){.open = true, .before = t->arranged};
}

static void columns_reset(struct columns_panel *p, struct table *t) {
    int column = table_column_at(t, p->at);
    table_columns_reset(t);
    p->at = column;
}

enum columns_result columns_key(struct columns_panel *p, struct table *t, const struct key *k) {
    static const struct { const char *key; int move, carry; } steps[] = {
        {"j", 1, 0}, {"down", 1, 0}, {"k", -1, 0}, {"up", -1, 0}, {"g", -TABLE_COLUMNS_MAX, 0},
        {"home", -TABLE_COLUMNS_MAX, 0}, {"G", TABLE_COLUMNS_MAX, 0}, {"end", TABLE_COLUMNS_MAX, 0}, {"<", 0, -1},
        {"K", 0, -1}, {"shift-left", 0, -1}, {">", 0, 1}, {"J", 0, 1}, {"shift-right", 0, 1},
    };
    if (key_is(k, "enter") || key_is(k, "esc") || key_is(k, "q") || key_is(k, "ctrl-c")) {
        p->open = false;
        if (key_is(k, "enter"))
            return COLUMNS_KEPT;
        t->arranged = p->before;
        return COLUMNS_LEFT;
    }
    if (key_is(k, "space"))
        table_column_show(t, p->at, !table_column_shown(t, table_column_at(t, p->at)));
    if (key_is(k, "d"))
        columns_reset(p, t);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (key_is(k, steps[i].key)) {
            p->at = steps[i].carry ? table_column_move(t, p->at, steps[i].carry) : p->at + steps[i].move;
            break;
        }
    p->at = p->at < 0 ? 0 : p->at >= t->n_columns ? t->n_columns - 1 : p->at;
    return COLUMNS_TAKEN;
}

void columns_paint(struct columns_panel *p, const struct table *t, struct canvas *c, struct rect r) {
    int w = 30, h = t->n_columns + 2 < r.h ? t->n_columns + 2 : r.h;
    if (r.w < w + 2 || h < 3)
        return;
    struct rect in = frame_panel(c, (struct rect){r.y, r.x + r.w - w - 1, h, w}, "Columns", NULL);
    p->top = p->top > p->at ? p->at : p->top < p->at - in.h + 1 ? p->at - in.h + 1 : p->top;
    p->top = p->top > t->n_columns - in.h ? t->n_columns - in.h : p->top;
    for (int i = 0; i < in.h; i++) {
        int place = p->top + i, column = table_column_at(t, place), y = in.y + i;
        bool shown = table_column_shown(t, column), room = t->painted >> column & 1;
        canvas_put(c, y, in.x, 4, shown ? ROLE_accent : ROLE_dim, shown ? "[x]" : "[ ]");
        canvas_put(c, y, in.x + 4, in.w - 4, shown ? ROLE_bright : ROLE_text, t->columns[column].title);
        const char *why = column == 0 ? "always" : shown && !room ? "no room" : "";
        canvas_put(c, y, in.x + in.w - 7, 7, ROLE_dim, why);
        if (place == p->at)
            canvas_style(c, y, in.x, in.w, STYLE_SELECTED);
    }
}

int columns_hints(struct frame_hint *out, int max) {
    static const struct frame_hint hints[] = {
        {.key = "Space", .label = "show or hide"}, {.key = "<", .label = "left"}, {.key = ">", .label = "right"},
        {.key = "d", .label = "default"}, {.key = "Enter", .label = "keep"}, {.key = "Esc", .label = "leave"},
    };
    int n = 0;
    for (; n < max && n < (int)(sizeof hints / sizeof *hints); n++)
        out[n] = hints[n];
    return n;
}
