#include "tui/ui/block.h"

#include "core/base/text.h"

#include <stdio.h>
#include <stdlib.h>

void block_fini(struct block *b) {
    buf_fini(&b->bytes);
    free(b->runs);
    free(b->lines);
    *b = (struct block){0};
}

void block_clear(struct block *b) {
    buf_clear(&b->bytes);
    b->n_runs = b->n_lines = 0;
}

void block_line(struct block *b, uint32_t indent) {
    if (b->n_lines == b->cap_lines) {
        b->cap_lines = b->cap_lines ? b->cap_lines * 2 : 32;
        b->lines = mem_realloc(b->lines, b->cap_lines * sizeof *b->lines);
    }
    b->lines[b->n_lines++] = (struct block_line){.first = (uint32_t)b->n_runs, .indent = indent};
}

static void block_run(struct block *b, enum role role, const void *p, size_t n, bool foreign) {
    if (b->n_lines == 0)
        block_line(b, 0);
    if (n == 0)
        return;
    if (b->n_runs == b->cap_runs) {
        b->cap_runs = b->cap_runs ? b->cap_runs * 2 : 64;
        b->runs = mem_realloc(b->runs, b->cap_runs * sizeof *b->runs);
    }
    b->runs[b->n_runs++] = (struct block_run){(uint32_t)b->bytes.n, (uint32_t)n, (uint8_t)role, foreign};
    b->lines[b->n_lines - 1].n++;
    buf_put(&b->bytes, p, n);
}

void block_own(struct block *b, enum role role, const char *s) { block_run(b, role, s, strlen(s), false); }
void block_foreign(struct block *b, enum role role, struct slice s) { block_run(b, role, s.p, s.n, true); }

void block_printf(struct block *b, enum role role, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    block_own(b, role, text);
}

static void put_own(struct canvas *c, int y, int x, int w, enum role role, struct slice s) {
    char text[520];
    snprintf(text, sizeof text, "%.*s", (int)s.n, (const char *)s.p);
    canvas_put(c, y, x, w, role, text);
}

/* Bytes of our own text that fit; their columns. */
static size_t own_fit(const struct canvas *c, struct slice s, int max_w, int *w) {
    size_t at = 0;
    *w = 0;
    while (at < s.n) {
        int32_t cp;
        size_t n = text_next(s.p + at, s.n - at, &cp);
        int one = c->ascii || cp < 0 ? 1 : text_width(cp);
        if (*w + one > max_w)
            break;
        *w += one;
        at += n;
    }
    return at;
}

/* The same for either kind of run. */
static size_t run_fit(const struct canvas *c, bool foreign, struct slice s, int max_w, int *w) {
    if (!foreign)
        return own_fit(c, s, max_w, w);
    size_t n = canvas_foreign_fit(c, s, max_w);
    *w = canvas_foreign_width(c, slice_of(s.p, n), max_w);
    return n;
}

/* Where to break s, of which `fits` bytes fit: behind the last blank; nothing at all (0) when a word that begins
 * here would fit whole on a line of its own. */
static size_t break_at_word(struct slice s, size_t fits, bool at_start) {
    if (fits >= s.n)
        return fits;
    for (size_t i = fits + 1; i > 0; i--)
        if (s.p[i - 1] == ' ')
            return i;
    return at_start ? fits : 0;
}

/* Lays one line out; paints what falls on rows [0, r.h) after `row`.  Returns the row after it. */
static int line_lay(const struct block *b, const struct block_line *line, struct canvas *c, struct rect r, int row,
                    int left, bool wrap, bool paint) {
    int x = -left, start = (int)line->indent < r.w / 2 ? (int)line->indent : 0;
    for (uint32_t i = 0; i < line->n; i++) {
        const struct block_run *run = &b->runs[line->first + i];
        struct slice s = slice_of(b->bytes.p + run->at, run->n);
        while (s.n > 0) {
            int free_w = r.w - (x > 0 ? x : 0), used = 0;
            size_t eaten;
            if (x < 0) { /* scrolled away to the left */
                eaten = run_fit(c, run->foreign, s, -x, &used);
                if (eaten == 0) {
                    x = 0;
                    continue;
                }
            } else {
                eaten = run_fit(c, run->foreign, s, free_w, &used);
                if (b->words && wrap) {
                    eaten = break_at_word(s, eaten, x == start);
                    run_fit(c, run->foreign, slice_of(s.p, eaten), free_w, &used);
                }
                if (paint && row >= 0 && row < r.h && run->foreign)
                    canvas_put_raw(c, r.y + row, r.x + x, free_w, run->role, slice_of(s.p, eaten), &used);
                else if (paint && row >= 0 && row < r.h)
                    put_own(c, r.y + row, r.x + x, free_w, run->role, slice_of(s.p, eaten));
            }
            x += used;
            s = slice_of(s.p + eaten, s.n - eaten);
            if (s.n == 0)
                break;
            if (!wrap)
                return row + 1;
            if (x <= start && eaten == 0) /* not even one character fits */
                return row + 1;
            row++;
            x = start;
        }
    }
    return row + 1;
}

int block_rows(const struct block *b, const struct canvas *c, int w, bool wrap) {
    int row = 0;
    if (!wrap)
        return (int)b->n_lines;
    /* Layout without painting: the canvas is only asked for widths. */
    struct canvas *asked = (struct canvas *)(uintptr_t)c;
    for (size_t i = 0; i < b->n_lines; i++)
        row = line_lay(b, &b->lines[i], asked, (struct rect){0, 0, 0, w}, row, 0, true, false);
    return row;
}

int block_paint(const struct block *b, struct canvas *c, struct rect r, int top, int left, bool wrap) {
    int row = -top;
    size_t first = 0;
    if (!wrap && top > 0) {
        first = (size_t)top < b->n_lines ? (size_t)top : b->n_lines;
        row = 0;
    }
    for (size_t i = first; i < b->n_lines && row < r.h; i++)
        row = line_lay(b, &b->lines[i], c, r, row, left, wrap, true);
    return wrap ? block_rows(b, c, r.w, true) : (int)b->n_lines;
}
