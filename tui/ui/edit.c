#include "tui/ui/edit.h"

void edit_fini(struct edit *e) { buf_fini(&e->text); }

void edit_set(struct edit *e, struct slice text) {
    buf_clear(&e->text);
    buf_put(&e->text, text.p, text.n < EDIT_MAX ? text.n : EDIT_MAX);
    e->cursor = e->text.n;
    e->scroll = 0;
    e->top = 0;
}

const char *edit_cstr(struct edit *e) {
    *buf_reserve(&e->text, 1) = '\0';
    return (const char *)e->text.p;
}

static void edit_insert(struct edit *e, const uint8_t *p, size_t n) {
    if (e->text.n + n > EDIT_MAX)
        return;
    buf_reserve(&e->text, n);
    memmove(e->text.p + e->cursor + n, e->text.p + e->cursor, e->text.n - e->cursor);
    memcpy(e->text.p + e->cursor, p, n);
    e->text.n += n;
    e->cursor += n;
}

static void edit_remove(struct edit *e, size_t from, size_t to) {
    memmove(e->text.p + from, e->text.p + to, e->text.n - to);
    e->text.n -= to - from;
    e->cursor = from;
}

static size_t edit_before(const struct edit *e, size_t at) {
    if (at > 0)
        at--;
    while (at > 0 && (e->text.p[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static size_t edit_after(const struct edit *e, size_t at) {
    if (at < e->text.n)
        at++;
    while (at < e->text.n && (e->text.p[at] & 0xc0) == 0x80)
        at++;
    return at;
}

static size_t line_start(const struct edit *e, size_t at) {
    while (at > 0 && !(e->multiline && e->text.p[at - 1] == '\n'))
        at--;
    return at;
}

static size_t line_end(const struct edit *e, size_t at) {
    while (at < e->text.n && !(e->multiline && e->text.p[at] == '\n'))
        at++;
    return at;
}

static bool edit_vertical(struct edit *e, bool up) {
    size_t start = line_start(e, e->cursor), column = e->cursor - start;
    size_t to;
    if (up ? start == 0 : line_end(e, e->cursor) == e->text.n)
        return false;
    to = up ? line_start(e, start - 1) : line_end(e, e->cursor) + 1;
    size_t end = line_end(e, to);
    e->cursor = to + column < end ? to + column : end;
    while (e->cursor < e->text.n && e->cursor > to && (e->text.p[e->cursor] & 0xc0) == 0x80)
        e->cursor--;
    return true;
}

static size_t word_before(const struct edit *e) {
    size_t at = e->cursor;
    while (at > 0 && e->text.p[at - 1] == ' ')
        at--;
    while (at > 0 && e->text.p[at - 1] != ' ' && e->text.p[at - 1] != '\n')
        at--;
    return at;
}

static void edit_paste(struct edit *e, struct slice s) {
    if (e->multiline) {
        edit_insert(e, s.p, s.n);
        return;
    }
    for (size_t i = 0; i < s.n; i++) /* one line: breaks become blanks */
        edit_insert(e, s.p[i] == '\n' ? (const uint8_t *)" " : &s.p[i], 1);
}

static bool edit_move_key(struct edit *e, const struct key *k) {
    if (key_is(k, "left") || key_is(k, "ctrl-b"))
        e->cursor = edit_before(e, e->cursor);
    else if (key_is(k, "right") || key_is(k, "ctrl-f"))
        e->cursor = edit_after(e, e->cursor);
    else if (key_is(k, "home") || key_is(k, "ctrl-a"))
        e->cursor = line_start(e, e->cursor);
    else if (key_is(k, "end"))
        e->cursor = line_end(e, e->cursor);
    else if (e->multiline && (key_is(k, "up") || key_is(k, "down")))
        return edit_vertical(e, key_is(k, "up"));
    else
        return false;
    return true;
}

bool edit_key(struct edit *e, const struct key *k) {
    uint8_t utf8[4];
    if (k->cp) {
        size_t n = 0;
        if (k->cp < 0x80)
            utf8[n++] = (uint8_t)k->cp;
        else if (k->cp < 0x800)
            utf8[n++] = (uint8_t)(0xc0 | (k->cp >> 6));
        else if (k->cp < 0x10000)
            utf8[n++] = (uint8_t)(0xe0 | (k->cp >> 12));
        else
            utf8[n++] = (uint8_t)(0xf0 | ((k->cp >> 18) & 7));
        for (int shift = k->cp < 0x80 ? -1 : k->cp < 0x800 ? 0 : k->cp < 0x10000 ? 6 : 12; shift >= 0; shift -= 6)
            utf8[n++] = (uint8_t)(0x80 | ((k->cp >> shift) & 63));
        edit_insert(e, utf8, n);
        return true;
    }
    if (key_is(k, "paste"))
        edit_paste(e, k->paste);
    else if (key_is(k, "enter") && e->multiline)
        edit_insert(e, (const uint8_t *)"\n", 1);
    else if (key_is(k, "backspace"))
        edit_remove(e, edit_before(e, e->cursor), e->cursor);
    else if (key_is(k, "delete"))
        edit_remove(e, e->cursor, edit_after(e, e->cursor));
    else if (key_is(k, "ctrl-u"))
        edit_remove(e, line_start(e, e->cursor), e->cursor);
    else if (key_is(k, "ctrl-k"))
        edit_remove(e, e->cursor, line_end(e, e->cursor));
    else if (key_is(k, "ctrl-w"))
        edit_remove(e, word_before(e), e->cursor);
    else
        return edit_move_key(e, k);
    return true;
}

static void paint_line(const struct edit *e, size_t from, size_t to, struct canvas *c, int y, struct rect r,
                       enum role role, bool focus) {
    const uint8_t *text = e->text.p ? e->text.p : (const uint8_t *)"";
    int used, before;
    canvas_fill(c, y, r.x, r.w, role, ' ');
    canvas_put_raw(c, y, r.x, r.w, role, slice_of(text + from, to - from), &used);
    if (focus && e->cursor >= from && e->cursor <= to) {
        before = canvas_foreign_width(c, slice_of(text + from, e->cursor - from), r.w);
        c->cursor_y = y;
        c->cursor_x = r.x + (before < r.w ? before : r.w - 1);
    }
}

void edit_paint(struct edit *e, struct canvas *c, struct rect r, enum role role, bool focus) {
    if (!e->multiline) {
        if (e->cursor < e->scroll || e->scroll > e->text.n)
            e->scroll = e->cursor;
        while (e->scroll < e->cursor &&
               canvas_foreign_width(c, slice_of(e->text.p + e->scroll, e->cursor - e->scroll), r.w) >= r.w)
            e->scroll = edit_after(e, e->scroll);
        paint_line(e, e->scroll, e->text.n, c, r.y, r, role, focus);
        return;
    }
    int at_line = 0;
    for (size_t i = 0; i < e->cursor; i++)
        at_line += e->text.p[i] == '\n';
    if (at_line < e->top)
        e->top = at_line;
    if (at_line >= e->top + r.h)
        e->top = at_line - r.h + 1;
    size_t from = 0;
    for (int line = 0; line < e->top + r.h; line++) {
        bool past = from > e->text.n;
        size_t to = past ? from : line_end(e, from);
        if (line >= e->top && past)
            canvas_fill(c, r.y + line - e->top, r.x, r.w, role, ' ');
        else if (line >= e->top)
            paint_line(e, from, to, c, r.y + line - e->top, r, role, focus);
        from = to + (past ? 0 : 1);
    }
}
