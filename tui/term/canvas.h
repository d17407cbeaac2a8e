/* The canvas: cells with a meaning, nothing of a terminal in it.
 *
 * Views paint it, tests read it, term_flush shows it.  Text of our own goes in
 * by canvas_put; everything foreign by canvas_put_foreign and its kin, the one
 * place where the screen meets outside bytes: whatever they are, a cell never
 * holds a control, an invisible or an invalid code point.
 *
 * With `ascii` set our own glyphs are replaced by their ASCII forms and foreign
 * characters beyond ASCII are shown escaped.  UI thread; owns its cells. */
#ifndef WEIR_TERM_CANVAS_H
#define WEIR_TERM_CANVAS_H

#include "core/base/mem.h"

enum role {
#define ROLE(name, fallback, mono, help) ROLE_##name,
#include "tui/term/roles.def"
#undef ROLE
    ROLE_N
};
enum cell_style { STYLE_SELECTED = 1, STYLE_MATCH = 2 };

struct cell {
    uint32_t cp;            /* 0: the right half of a wide character */
    uint32_t marks[2];      /* combining characters, 0 none */
    uint8_t role;
    uint8_t style;
};
struct canvas {
    int w, h;
    bool ascii;
    int cursor_y, cursor_x; /* -1: hidden */
    struct cell *cells;     /* w * h, by rows */
};
struct rect { int y, x, h, w; };

void canvas_init(struct canvas *c, int w, int h, bool ascii);
void canvas_fini(struct canvas *c);
void canvas_resize(struct canvas *c, int w, int h);
void canvas_clear(struct canvas *c);
static inline struct cell *canvas_cell(const struct canvas *c, int y, int x) {
    return &c->cells[(size_t)y * (size_t)c->w + (size_t)x];
}

/* Our own UTF-8, cut after max_w columns.  Returns the columns used. */
int canvas_put(struct canvas *c, int y, int x, int max_w, enum role role, const char *s);
int canvas_printf(struct canvas *c, int y, int x, int max_w, enum role role, const char *format, ...)
    WEIR_PRINTF(6, 7);
void canvas_put_cp(struct canvas *c, int y, int x, enum role role, uint32_t cp);
void canvas_fill(struct canvas *c, int y, int x, int w, enum role role, uint32_t cp);
void canvas_style(struct canvas *c, int y, int x, int w, uint8_t style);
/* Columns of our own text, as it will be shown. */
int canvas_width(const struct canvas *c, const char *s);

/* Foreign bytes: as many as fit whole in max_w columns; returns the bytes eaten, *used the columns. */
size_t canvas_put_raw(struct canvas *c, int y, int x, int max_w, enum role role, struct slice s, int *used);
/* The same, the cut marked by an ellipsis at the end or in the middle.  Returns the columns used. */
int canvas_put_foreign(struct canvas *c, int y, int x, int max_w, enum role role, struct slice s);
int canvas_put_middle(struct canvas *c, int y, int x, int max_w, enum role role, struct slice s);
/* Columns that foreign text takes; counting stops past `enough`. */
int canvas_foreign_width(const struct canvas *c, struct slice s, int enough);
/* Bytes of s that fit whole in max_w columns (for wrapping). */
size_t canvas_foreign_fit(const struct canvas *c, struct slice s, int max_w);

/* The ASCII form of one of our glyphs (itself when it is ASCII). */
uint32_t glyph_ascii(uint32_t cp);
/* All rows as UTF-8, trailing blanks cut, for tests and screenshots. */
void canvas_text(const struct canvas *c, struct buf *out);

#endif
