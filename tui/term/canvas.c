/* Cells and the text that goes into them.  Foreign bytes are cut into atoms: a
 * plain character with its combining marks, or one escape made by text_sanitize. */
#include "tui/term/canvas.h"

#include "core/base/text.h"

#include <stdio.h>
#include <stdlib.h>

#define ESCAPE_MAX 16

struct atom {
    size_t eaten;
    int width;
    uint32_t cp, marks[2];      /* a plain one */
    char escape[ESCAPE_MAX];    /* else this; "" plain */
};

void canvas_init(struct canvas *c, int w, int h, bool ascii) {
    *c = (struct canvas){.ascii = ascii, .cursor_x = -1, .cursor_y = -1};
    canvas_resize(c, w, h);
}

void canvas_fini(struct canvas *c) {
    free(c->cells);
    c->cells = NULL;
}

void canvas_resize(struct canvas *c, int w, int h) {
    c->w = w < 1 ? 1 : w > 2000 ? 2000 : w;
    c->h = h < 1 ? 1 : h > 1000 ? 1000 : h;
    c->cells = mem_realloc(c->cells, (size_t)c->w * (size_t)c->h * sizeof *c->cells);
    canvas_clear(c);
}

void canvas_clear(struct canvas *c) {
    size_t n = (size_t)c->w * (size_t)c->h;
    for (size_t i = 0; i < n; i++)
        c->cells[i] = (struct cell){.cp = ' '};
    c->cursor_x = c->cursor_y = -1;
}

uint32_t glyph_ascii(uint32_t cp) {
    static const struct { uint32_t cp; char ascii; } map[] = {
        {0x2026, '~'} /* … */, {0x2013, '-'} /* – */, {0x2014, '-'}, {0x00b7, '.'} /* · */, {0x25cf, '*'} /* ● */,
        {0x25cb, 'o'} /* ○ */, {0x25b4, '^'} /* ▴ */, {0x25be, 'v'} /* ▾ */, {0x25b8, '>'} /* ▸ */,
        {0x25c2, '<'} /* ◂ */,
        {0x2581, '_'}, {0x2582, '.'}, {0x2583, '-'}, {0x2584, '='}, {0x2585, '+'}, {0x2586, '*'}, {0x2587, '#'},
        {0x2588, '@'}, {0x2591, '.'} /* ░ */, {0x2500, '-'}, {0x2502, '|'}, {0x250c, '+'}, {0x2510, '+'},
        {0x2514, '+'}, {0x2518, '+'}, {0x256d, '+'}, {0x256e, '+'}, {0x256f, '+'}, {0x2570, '+'}, {0x2713, '+'} /* ✓ */,
        {0x2717, 'x'} /* ✗ */, {0x2205, '-'} /* ∅ */, {0x2264, '<'} /* ≤ */, {0x2265, '>'}, {0x2192, '>'} /* → */,
        {0x2190, '<'}, {0x2191, '^'}, {0x2193, 'v'}, {0x2502, '|'}, {0x25c6, '*'} /* ◆ */, {0x00d7, 'x'} /* × */,
        {0x00b5, 'u'}, {0x2503, '|'},
    };
    if (cp < 0x80)
        return cp;
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        if (map[i].cp == cp)
            return (uint32_t)map[i].ascii;
    return '?';
}

/* Both halves of a wide character go when one of them is overwritten. */
static void cell_break_wide(struct canvas *c, int y, int x) {
    struct cell *cell = canvas_cell(c, y, x);
    if (cell->cp == 0 && x > 0)
        canvas_cell(c, y, x - 1)->cp = ' ';
    if (x + 1 < c->w && canvas_cell(c, y, x + 1)->cp == 0)
        canvas_cell(c, y, x + 1)->cp = ' ';
}

static void cell_set(struct canvas *c, int y, int x, enum role role, uint32_t cp, const uint32_t *marks) {
    if (y < 0 || y >= c->h || x < 0 || x >= c->w)
        return;
    cell_break_wide(c, y, x);
    struct cell *cell = canvas_cell(c, y, x);
    *cell = (struct cell){.cp = cp, .role = (uint8_t)role, .style = cell->style};
    if (marks)
        memcpy(cell->marks, marks, sizeof cell->marks);
}

/* A plain character of one or two columns; a wide one that does not fit becomes a blank. */
static void cell_put(struct canvas *c, int y, int x, enum role role, uint32_t cp, const uint32_t *marks, int width) {
    if (width == 2 && x + 1 >= c->w) {
        cell_set(c, y, x, role, ' ', NULL);
        return;
    }
    cell_set(c, y, x, role, cp, marks);
    if (width == 2 && x >= 0) {
        cell_break_wide(c, y, x + 1);
        struct cell *right = canvas_cell(c, y, x + 1);
        *right = (struct cell){.cp = 0, .role = (uint8_t)role, .style = right->style};
    }
}

void canvas_put_cp(struct canvas *c, int y, int x, enum role role, uint32_t cp) {
    cell_set(c, y, x, role, c->ascii ? glyph_ascii(cp) : cp, NULL);
}

void canvas_fill(struct canvas *c, int y, int x, int w, enum role role, uint32_t cp) {
    for (int i = 0; i < w; i++)
        canvas_put_cp(c, y, x + i, role, cp);
}

void canvas_style(struct canvas *c, int y, int x, int w, uint8_t style) {
    if (y < 0 || y >= c->h)
        return;
    for (int i = x < 0 ? 0 : x; i < x + w && i < c->w; i++)
        canvas_cell(c, y, i)->style |= style;
}

int canvas_width(const struct canvas *c, const char *s) {
    int w = 0;
    size_t n = strlen(s);
    for (size_t at = 0; at < n;) {
        int32_t cp;
        at += text_next((const uint8_t *)s + at, n - at, &cp);
        w += c->ascii || cp < 0 ? 1 : text_width(cp);
    }
    return w;
}

/* In ASCII "at most" takes the blank behind it for its second half: "<" alone would be another claim. */
int canvas_put(struct canvas *c, int y, int x, int max_w, enum role role, const char *s) {
    int used = 0;
    bool halved = false;
    size_t n = strlen(s);
    for (size_t at = 0; at < n;) {
        int32_t cp;
        at += text_next((const uint8_t *)s + at, n - at, &cp);
        if (cp < 0x20 || !text_is_plain(cp))
            cp = '?';
        uint32_t shown = halved && cp == ' ' ? '=' : c->ascii ? glyph_ascii((uint32_t)cp) : (uint32_t)cp;
        halved = c->ascii && (cp == 0x2264 || cp == 0x2265);
        int w = shown < 0x80 ? 1 : text_width((int32_t)shown);
        if (w == 0)
            continue;
        if (used + w > max_w)
            break;
        cell_put(c, y, x + used, role, shown, NULL, w);
        used += w;
    }
    return used;
}

int canvas_printf(struct canvas *c, int y, int x, int max_w, enum role role, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return canvas_put(c, y, x, max_w, role, text);
}

static void atom_escape(struct atom *a, const uint8_t *p, size_t eaten, int32_t cp) {
    struct buf shown = {0};
    text_sanitize(&shown, slice_of(p, eaten), ESCAPE_MAX - 1);
    if (cp >= 0x80 && text_is_plain(cp)) /* plain, but not here: ASCII, or a mark without a base */
        snprintf(a->escape, sizeof a->escape, "\\u{%x}", (unsigned)cp);
    else
        snprintf(a->escape, sizeof a->escape, "%.*s", (int)shown.n, (const char *)shown.p);
    a->width = (int)strlen(a->escape);
    buf_fini(&shown);
}

/* The next atom of s at `at`. */
static struct atom atom_next(const struct canvas *c, struct slice s, size_t at) {
    struct atom a = {0};
    int32_t cp;
    a.eaten = text_next(s.p + at, s.n - at, &cp);
    if (cp >= 0x20 && cp < 0x7f) {
        a.cp = (uint32_t)cp;
        a.width = 1;
    } else if (cp < 0x80 || c->ascii || !text_is_plain(cp) || text_width(cp) == 0) {
        atom_escape(&a, s.p + at, a.eaten, cp);
        return a;
    } else {
        a.cp = (uint32_t)cp;
        a.width = text_width(cp);
    }
    for (int i = 0; i < 2 && at + a.eaten < s.n && s.p[at + a.eaten] >= 0x80 && !c->ascii; i++) {
        size_t n = text_next(s.p + at + a.eaten, s.n - at - a.eaten, &cp);
        if (cp < 0 || !text_is_plain(cp) || text_width(cp) != 0)
            break;
        a.marks[i] = (uint32_t)cp;
        a.eaten += n;
    }
    return a;
}

size_t canvas_put_raw(struct canvas *c, int y, int x, int max_w, enum role role, struct slice s, int *used) {
    size_t at = 0;
    int w = 0;
    while (at < s.n && w < max_w) {
        struct atom a = atom_next(c, s, at);
        if (w + a.width > max_w)
            break;
        if (a.escape[0])
            for (int i = 0; a.escape[i]; i++)
                cell_set(c, y, x + w + i, ROLE_escape, (uint8_t)a.escape[i], NULL);
        else
            cell_put(c, y, x + w, role, a.cp, a.marks, a.width);
        w += a.width;
        at += a.eaten;
    }
    *used = w;
    return at;
}

int canvas_put_foreign(struct canvas *c, int y, int x, int max_w, enum role role, struct slice s) {
    int used;
    if (max_w <= 0)
        return 0;
    if (canvas_put_raw(c, y, x, max_w, role, s, &used) == s.n)
        return used;
    canvas_put_raw(c, y, x, max_w - 1, role, s, &used);
    canvas_put_cp(c, y, x + used, ROLE_dim, 0x2026);
    for (int i = used + 1; i < max_w; i++)
        canvas_put_cp(c, y, x + i, role, ' ');
    return max_w;
}

int canvas_foreign_width(const struct canvas *c, struct slice s, int enough) {
    int w = 0;
    for (size_t at = 0; at < s.n && w <= enough;) {
        struct atom a = atom_next(c, s, at);
        w += a.width;
        at += a.eaten;
    }
    return w;
}

size_t canvas_foreign_fit(const struct canvas *c, struct slice s, int max_w) {
    size_t at = 0;
    for (int w = 0; at < s.n;) {
        struct atom a = atom_next(c, s, at);
        w += a.width;
        if (w > max_w)
            break;
        at += a.eaten;
    }
    return at;
}

int canvas_put_middle(struct canvas *c, int y, int x, int max_w, enum role role, struct slice s) {
    enum { LONGEST = 1024 };
    int used, total = canvas_foreign_width(c, s, LONGEST);
    if (total <= max_w || max_w < 5 || total > LONGEST)
        return canvas_put_foreign(c, y, x, max_w, role, s);
    /* The tail tells names apart at least as often as the head: it gets the larger half. */
    int head_w = (max_w - 1) / 2, tail_w = max_w - 1 - head_w;
    canvas_put_raw(c, y, x, head_w, role, s, &used);
    canvas_put_cp(c, y, x + used, role, 0x2026); /* its own colour would cost twenty bytes a row */
    int at_w = used + 1;
    size_t at = 0;
    for (int w = total; at < s.n && w > tail_w;) {
        struct atom a = atom_next(c, s, at);
        w -= a.width;
        at += a.eaten;
    }
    canvas_put_raw(c, y, x + at_w, max_w - at_w, role, slice_of(s.p + at, s.n - at), &used);
    return at_w + used;
}

static void put_utf8(struct buf *out, uint32_t cp) {
    if (cp < 0x80) {
        buf_put_u8(out, (uint8_t)cp);
    } else if (cp < 0x800) {
        buf_put_u8(out, (uint8_t)(0xc0 | (cp >> 6)));
        buf_put_u8(out, (uint8_t)(0x80 | (cp & 63)));
    } else if (cp < 0x10000) {
        buf_put_u8(out, (uint8_t)(0xe0 | (cp >> 12)));
        buf_put_u8(out, (uint8_t)(0x80 | ((cp >> 6) & 63)));
        buf_put_u8(out, (uint8_t)(0x80 | (cp & 63)));
    } else {
        buf_put_u8(out, (uint8_t)(0xf0 | (cp >> 18)));
        buf_put_u8(out, (uint8_t)(0x80 | ((cp >> 12) & 63)));
        buf_put_u8(out, (uint8_t)(0x80 | ((cp >> 6) & 63)));
        buf_put_u8(out, (uint8_t)(0x80 | (cp & 63)));
    }
}

void canvas_text(const struct canvas *c, struct buf *out) {
    for (int y = 0; y < c->h; y++) {
        size_t end = out->n;
        for (int x = 0; x < c->w; x++) {
            const struct cell *cell = canvas_cell(c, y, x);
            if (cell->cp == 0)
                continue;
            put_utf8(out, cell->cp);
            for (int i = 0; i < 2 && cell->marks[i]; i++)
                put_utf8(out, cell->marks[i]);
            if (cell->cp != ' ')
                end = out->n;
        }
        out->n = end;
        buf_put_u8(out, '\n');
    }
}
