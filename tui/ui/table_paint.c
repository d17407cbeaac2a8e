/* Which columns, how wide, and their cells on the canvas. */
#include "tui/ui/table.h"

#include "tui/ui/chart.h"

#include <stdio.h>

#define GAP 2
#define GUTTER 3
#define COLUMNS_MAX TABLE_COLUMNS_MAX
#define MEASURED 256    /* rows that say how wide a column is, besides those on the screen */

struct layout {
    int n;
    struct { int column, x, w; } at[COLUMNS_MAX];
};

static void measure_row(struct table *t, const void *row, const struct canvas *c, const struct look_env *env) {
    for (int i = 0; i < t->n_columns; i++) {
        const struct column *col = &t->columns[i];
        struct out_cell cell;
        if (col->form == FORM_SPARK || col->form == FORM_BAR || (i == 0 && !col->right))
            continue;
        column_cell(col, row, env, &cell);
        int w = cell.state != VALUE_KNOWN ? 1
                : cell.foreign.p          ? canvas_foreign_width(c, cell.foreign, UINT8_MAX)
                                          : canvas_width(c, cell.text);
        w = w < UINT8_MAX ? w : UINT8_MAX;
        if (w > t->widest[i])
            t->widest[i] = (uint8_t)w;
    }
}

static void table_measure(struct table *t, const struct canvas *c, const struct look_env *env) {
    if (t->measured_exact != env->exact) {
        memset(t->widest, 0, sizeof t->widest);
        t->measured = false;
    }
    for (int i = 0; !t->measured && i < t->n && i < MEASURED; i++)
        measure_row(t, table_row(t, i), c, env);
    for (int i = t->top > MEASURED ? t->top : MEASURED; i < t->top + t->height && i < t->n; i++)
        measure_row(t, table_row(t, i), c, env);
    t->measured = true;
    t->measured_exact = env->exact;
}

/* What a column takes of `most`.  Exact numbers are longer. */
static int column_width(const struct table *t, const struct canvas *c, int i, int most, const struct look_env *env) {
    const struct column *col = &t->columns[i];
    if (col->form == FORM_SPARK || col->form == FORM_BAR || (i == 0 && !col->right))
        return most;
    int w = canvas_width(c, col->title);
    int usual = col->form == FORM_BYTES ? 9 : col->form == FORM_RATE ? 6 : 0; /* these move up and down: room at once */
    if (w < usual)
        w = usual;
    if (w < t->widest[i])
        w = t->widest[i];
    most += !env->exact ? 0 : col->form == FORM_RATE ? 4 : col->form == FORM_BYTES || col->form == FORM_COUNT ? 10 : 0;
    return w < most ? w : most;
}

static int first_width(const struct table *t, int least) {
    const struct column *col = &t->columns[0];
    int w = t->longest > least ? t->longest : least;
    return col->max <= col->width ? least : w < col->max ? w : col->max;
}

/* Scrolled: in their order from the first that is not scrolled away.  Else by priority. */
static void layout_choose(const struct table *t, int width, bool chosen[COLUMNS_MAX], int *used, int from, int to,
                          const int least[COLUMNS_MAX]) {
    for (int priority = from; priority < to; priority++) {
        for (int i = 1; i < t->n_columns; i++) {
            if (t->scroll ? priority != 0 || i <= t->scroll : t->columns[i].priority != priority)
                continue;
            int need = GAP + least[i];
            if (chosen[i])
                continue;
            if (*used + need > width) {
                if (t->scroll)
                    return;
                continue;
            }
            chosen[i] = true;
            *used += need;
        }
    }
}

/* The user's, in the user's order, after those that are scrolled away. */
static bool layout_own(const struct table *t, int width, bool chosen[COLUMNS_MAX], int *used,
                      const int least[COLUMNS_MAX]) {
    int n = 0;
    bool full = false;
    for (int place = 1; place < t->n_columns; place++) {
        int i = table_column_at(t, place);
        if (!table_column_shown(t, i) || n++ < t->scroll)
            continue;
        full = full || *used + GAP + least[i] > width;
        chosen[i] = !full;
        *used += full ? 0 : GAP + least[i];
    }
    return full;
}

static struct layout table_layout(struct table *t, const struct canvas *c, int width, const struct look_env *env) {
    struct layout l = {0};
    bool chosen[COLUMNS_MAX] = {true};
    int least[COLUMNS_MAX] = {0};
    for (int i = 0; i < t->n_columns; i++)
        least[i] = column_width(t, c, i, t->columns[i].width, env);
    int x = GUTTER, used = x + least[0];
    t->more_right = t->arranged.own && layout_own(t, width - 2, chosen, &used, least);
    if (!t->arranged.own)
        layout_choose(t, width - 2, chosen, &used, 0, t->scroll ? 1 : COLUMN_ESSENTIAL + 1, least);
    int rest = width - 2 - used, first = first_width(t, least[0]);
    int grow = first - least[0] < rest ? first - least[0] : rest;
    first = least[0] + (grow > 0 ? grow : 0);
    used += grow > 0 ? grow : 0;
    if (!t->scroll && !t->arranged.own)
        layout_choose(t, width - 2, chosen, &used, COLUMN_ESSENTIAL + 1, 256, least);
    rest = width - 2 - used;
    t->painted = 0;
    for (int place = 0; place < t->n_columns; place++) {
        int i = table_column_at(t, place);
        if (!chosen[i]) {
            t->more_right = t->more_right || (!t->arranged.own && i > t->scroll);
            continue;
        }
        t->painted |= UINT32_C(1) << i;
        int w = i == 0 ? first : least[i];
        if (i > 0 && t->columns[i].max > t->columns[i].width && rest > 0) {
            int more = column_width(t, c, i, t->columns[i].max, env) - w;
            more = more < rest ? more : rest;
            w += more;
            rest -= more;
        }
        l.at[l.n].column = i;
        l.at[l.n].x = x;
        l.at[l.n++].w = w;
        x += w + GAP;
    }
    return l;
}

static void paint_header(const struct table *t, const struct layout *l, struct canvas *c, struct rect r) {
    canvas_fill(c, r.y, r.x, r.w, ROLE_text, ' ');
    if (t->trouble && t->sort == -1)
        canvas_put_cp(c, r.y, r.x + 1, ROLE_header_sort, 0x25be);
    for (int i = 0; i < l->n; i++) {
        const struct column *col = &t->columns[l->at[i].column];
        bool sorts = l->at[i].column == t->sort;
        char title[48];
        const char *arrow = !sorts ? "" : t->descending ? "▾" : "▴";
        snprintf(title, sizeof title, "%s%s%s%s", col->right ? arrow : "", col->title, sorts && !col->right ? " " : "",
                 col->right ? "" : arrow);
        int w = canvas_width(c, title);
        int x = r.x + l->at[i].x + (col->right && w < l->at[i].w ? l->at[i].w - w : 0);
        if (col->right && w > l->at[i].w)
            x = r.x + l->at[i].x + l->at[i].w - w; /* the arrow of a full column stands in the gap */
        canvas_put(c, r.y, x, w, sorts ? ROLE_header_sort : ROLE_header, title);
    }
    if (t->more_right)
        canvas_put_cp(c, r.y, r.x + r.w - 1, ROLE_header, 0x25b8);
    if (t->scroll > 0) /* where the columns are that were scrolled away */
        canvas_put_cp(c, r.y, r.x + l->at[0].x + l->at[0].w, ROLE_header, 0x25c2);
}

static void paint_state(struct canvas *c, int y, int x, int w, bool right, enum value_state state) {
    static const struct { uint32_t cp; enum role role;
    } glyphs[] = {
        [VALUE_WANTED] = {0x2026, ROLE_pending},
        [VALUE_FAILED] = {'?', ROLE_failed},
        [VALUE_NONE] = {0x2013, ROLE_zero},
    };
    canvas_put_cp(c, y, right ? x + w - 1 : x, glyphs[state].role, glyphs[state].cp);
}

/* Numbers and their unit: the unit is dimmer. */
static void paint_own(struct canvas *c, int y, int x, int w, bool right, enum role role, const char *text) {
    int need = canvas_width(c, text);
    if (right && need < w)
        x += w - need;
    int used = canvas_put(c, y, x, need < w ? need : w, role, text);
    if (need > w && w > 0) { /* never a number that is cut and looks whole */
        canvas_put_cp(c, y, x + w - 1, ROLE_dim, 0x2026);
        return;
    }
    const char *unit = strchr(text, ' ');
    if (unit && role == ROLE_number && *text >= '0' && *text <= '9') {
        int number = (int)(unit - text);
        canvas_put(c, y, x + number, used - number, ROLE_unit, unit);
    }
}

static void paint_cell(const struct table *t, const struct column *col, const void *row, struct canvas *c, int y, int x,
                       int w, const struct look_env *env) {
    struct out_cell cell;
    column_cell(col, row, env, &cell);
    if (cell.state != VALUE_KNOWN) {
        paint_state(c, y, x, w, col->right, cell.state);
        return;
    }
    bool old = env->all_stale || (env->stale_us && cell.at_us && env->now_us - cell.at_us > env->stale_us);
    enum role role = old ? ROLE_stale : cell.role;
    if (cell.history) {
        chart_spark(c, y, x, w, old ? ROLE_stale : ROLE_spark, cell.history);
    } else if (col->form == FORM_BAR) {
        chart_bar(c, y, x, w, cell.part);
    } else if (cell.foreign.p) {
        int used = cell.middle ? canvas_put_middle(c, y, x, w, role, cell.foreign)
                               : canvas_put_foreign(c, y, x, w, role, cell.foreign);
        size_t at, n;
        if (col == t->columns && t->filter[0] && filter_match(t->filter, cell.foreign, &at, &n) && n &&
            (size_t)used == cell.foreign.n)
            canvas_style(c, y, x + (int)at, (int)n, STYLE_MATCH);
    } else {
        paint_own(c, y, x, w, col->right, role, cell.text);
    }
}

/* The name says it too, where there is colour. */
static void paint_mark(struct canvas *c, int y, int x, int name_w) {
    canvas_put_cp(c, y, x, ROLE_accent, '*');
    for (int i = x + GUTTER; i < x + GUTTER + name_w && i < c->w; i++)
        canvas_cell(c, y, i)->role = ROLE_accent;
}

static void paint_gutter(const struct table *t, const void *row, struct canvas *c, int y, int x) {
    static const struct { uint32_t cp; enum role role; } glyphs[] = {
        [TROUBLE_NONE] = {0xb7, ROLE_frame}, [TROUBLE_SOON] = {'~', ROLE_warn}, [TROUBLE_BAD] = {'!', ROLE_bad},
    };
    enum trouble trouble = t->trouble(row);
    canvas_put_cp(c, y, x + 1, glyphs[trouble].role, glyphs[trouble].cp);
}

void table_paint(struct table *t, struct canvas *c, struct rect r, const struct look_env *env) {
    if (r.h < 2)
        return;
    if (t->height != r.h - 1) {
        t->height = r.h - 1;
        int s = t->selected;
        if (t->top < s - t->height + 1)
            t->top = s - t->height + 1;
        if (t->top > t->n - t->height)
            t->top = t->n > t->height ? t->n - t->height : 0;
    }
    table_measure(t, c, env);
    struct layout l = table_layout(t, c, r.w, env);
    paint_header(t, &l, c, r);
    for (int i = 0; i < t->height; i++) {
        const void *row = table_row(t, t->top + i);
        int y = r.y + 1 + i;
        if (!row)
            break;
        if (t->trouble)
            paint_gutter(t, row, c, y, r.x);
        for (int k = 0; k < l.n; k++)
            paint_cell(t, &t->columns[l.at[k].column], row, c, y, r.x + l.at[k].x, l.at[k].w, env);
        if (table_is_marked(t, row))
            paint_mark(c, y, r.x, l.at[0].w);
        if (t->top + i == t->selected)
            canvas_style(c, y, r.x, r.w, STYLE_SELECTED);
    }
}
