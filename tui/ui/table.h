/* The table: every list of the console.
 *
 * A column is one row: COL(...) reads a member of the row's struct by its type,
 * GET(...) calls a function.  The rows themselves belong to the caller and live
 * until the next table_set_rows.  The selection is a key (a topic's name), not
 * a place: when the order changes the bar goes with its row and stays at the same
 * height of the screen if it can.  Column 0 is always shown; of the others those
 * with the smallest priority number are, as many as fit, until the user has chosen:
 * then the chosen ones are, in the user's order, as far as they fit.  A column is as wide as
 * its title and the widest cell it had: it may grow, up to its width, and never
 * shrinks, so that nothing jumps. */
#ifndef WEIR_UI_TABLE_H
#define WEIR_UI_TABLE_H

#include "core/model/model.h"
#include "tui/term/canvas.h"
#include "tui/ui/format.h"

struct look_env {           /* what painting depends on besides the data */
    int64_t now_us;
    int64_t stale_us;       /* a value older than this is dimmed; 0: none is */
    bool exact;
    bool all_stale;         /* the cluster does not answer */
    bool only_order;        /* rows are being sorted: numbers need no text */
};
struct out_cell {
    enum value_state state;
    char text[64];          /* our own words, when foreign.p is NULL */
    struct slice foreign;
    bool middle;            /* cut names in the middle */
    bool is_text;           /* sorts by foreign or text, else by sort */
    double sort;
    enum role role;
    int64_t at_us;          /* 0: has no age */
    const struct history *history;
    double part;            /* a bar, with column->form == FORM_BAR */
};
enum column_form { FORM_TEXT, FORM_COUNT, FORM_BYTES, FORM_RATE, FORM_SPARK, FORM_BAR, FORM_AGE };
enum column_from { FROM_GET, FROM_VALUE, FROM_RATE, FROM_SLICE, FROM_I32, FROM_HISTORY };
struct column {
    const char *title;
    enum column_form form;
    enum column_from from;
    bool right;
    uint8_t width, max;     /* at most width; max > width: up to that where there is free room */
    uint8_t priority;
    size_t offset;
    void (*get)(const void *row, const struct look_env *env, struct out_cell *out);
};
#define COLUMN_FROM(member) _Generic((member), struct value: FROM_VALUE, struct rate: FROM_RATE, \
    struct slice: FROM_SLICE, int32_t: FROM_I32, const struct history *: FROM_HISTORY)
#define COL(title, type, member, form, width, max, priority) \
    {title, form, COLUMN_FROM(((type *)0)->member), (form) != FORM_TEXT && (form) != FORM_SPARK, width, max, priority, \
     offsetof(type, member), NULL}
#define GET(title, function, form, right, width, max, priority) \
    {title, form, FROM_GET, right, width, max, priority, 0, function}

#define TABLE_KEY_MAX 512
#define TABLE_COLUMNS_MAX 32
#define COLUMN_ESSENTIAL 5  /* columns of a priority up to this come before the full width of column 0 */
struct arrangement {        /* the user's choice of columns */
    bool own;               /* false: none, by priority */
    uint8_t order[TABLE_COLUMNS_MAX];   /* every column, 0 first */
    uint32_t shown;         /* bits of columns */
};
struct mark;
struct table {
    const struct column *columns;
    int n_columns;
    const char *name;                                           /* under which it is remembered; NULL: it is not */
    bool can_mark;
    struct slice (*key)(const void *row);                       /* of a row, unique */
    struct slice (*words)(const void *row);                     /* what a filter looks at; NULL: the key */
    enum trouble (*trouble)(const void *row);                   /* NULL: no gutter */
    bool (*shown)(const void *row, const void *ctx);            /* NULL: all; ctx is filter_ctx */
    const void *filter_ctx;

    const uint8_t *base;
    size_t n_base, stride;
    uint32_t *rows;         /* of base, filtered and sorted */
    int n, cap;
    int sort;               /* column; -1: trouble first */
    bool descending;
    char filter[128];
    int selected, top;
    uint8_t selected_key[TABLE_KEY_MAX];
    size_t selected_n;      /* 0: no key yet */
    int scroll;             /* columns scrolled away */
    int height;             /* rows shown by the last paint */
    int longest;            /* columns of the longest text of column 0 */
    bool more_right;        /* columns were dropped */
    uint8_t widest[TABLE_COLUMNS_MAX];  /* cell of each column so far */
    bool measured, measured_exact;
    struct arrangement arranged;
    uint32_t painted;       /* columns on the screen, as bits */
    struct mark *marks;
    int n_marked, n_marked_shown;
};
void table_init(struct table *t, const struct column *columns, int n_columns);
void table_fini(struct table *t);
/* New rows: n structs of `stride` bytes.  Filters, sorts, finds the selection again. */
void table_set_rows(struct table *t, const void *base, size_t n, size_t stride, const struct look_env *env);
void table_set_filter(struct table *t, const char *filter);     /* takes effect with the next table_set_rows */
/* The next column on the screen, or the one whose title begins with name (NULL: next); by_number descends first. */
bool table_sort_by(struct table *t, const char *name);
const void *table_selected(const struct table *t);              /* NULL: no row */
const void *table_row(const struct table *t, int i);
bool table_select_key(struct table *t, struct slice key);
enum table_move { MOVE_UP, MOVE_DOWN, MOVE_PAGE_UP, MOVE_PAGE_DOWN, MOVE_HOME, MOVE_END, MOVE_LEFT, MOVE_RIGHT };
void table_move(struct table *t, enum table_move move);
void table_paint(struct table *t, struct canvas *c, struct rect r, const struct look_env *env);
void column_cell(const struct column *col, const void *row, const struct look_env *env, struct out_cell *out);

/* ---- columns, in table_columns.c; a place is an index into their order ---- */
int table_column_at(const struct table *t, int place);
bool table_column_shown(const struct table *t, int column);
void table_column_show(struct table *t, int place, bool shown);
int table_column_move(struct table *t, int place, int step);     /* returns the new place */
void table_columns_reset(struct table *t);
/* The column whose title is name, else begins with it; -1 none. */
int table_column_named(const struct table *t, const char *name, size_t n);
/* "TITLE,TITLE": these, in this order.  strict: false and nothing done when one is unknown; else those are left out. */
bool table_columns_set(struct table *t, const char *names, bool strict, char unknown[48]);
void table_columns_text(const struct table *t, char *out, size_t size);

/* ---- marks, in table_marks.c: they belong to keys and go with their rows ---- */
bool table_is_marked(const struct table *t, const void *row);
void table_mark(struct table *t);           /* the selected row, or takes its mark; the bar moves on */
void table_mark_all(struct table *t);       /* what the filter shows; all of that is marked: none of it */
void table_unmark_all(struct table *t);
void table_marks_follow(struct table *t);   /* a row that is gone loses its mark; table_set_rows does it */
const void *table_next_marked(const struct table *t, size_t *at);   /* from *at = 0; NULL: no more */

/* Words of a filter: all must be there, !word must not; upper case is exact. */
bool filter_match(const char *filter, struct slice text, size_t *at, size_t *n);

#endif
