/* Which columns a table shows and in which order, once the user has chosen. */
#include "tui/ui/table.h"

#include <ctype.h>
#include <stdio.h>

static uint32_t bit(int column) { return UINT32_C(1) << column; }

int table_column_at(const struct table *t, int place) { return t->arranged.own ? t->arranged.order[place] : place; }

/* What is on the screen; keys may come before the first paint: then what will be there in most of them. */
static uint32_t seen(const struct table *t) {
    uint32_t mask = t->painted;
    for (int i = 0; i < t->n_columns && t->painted == 0; i++)
        mask |= t->columns[i].priority <= COLUMN_ESSENTIAL ? bit(i) : 0;
    return mask | bit(0);
}

bool table_column_shown(const struct table *t, int column) {
    return ((t->arranged.own ? t->arranged.shown : seen(t)) & bit(column)) != 0;
}

/* From what is on the screen now: the first change must not bring others with it. */
static void own(struct table *t) {
    if (t->arranged.own)
        return;
    for (int i = 0; i < t->n_columns; i++)
        t->arranged.order[i] = (uint8_t)i;
    t->arranged.shown = seen(t);
    t->arranged.own = true;
}

void table_column_show(struct table *t, int place, bool shown) {
    if (place <= 0 || place >= t->n_columns)
        return;
    own(t);
    uint32_t mask = bit(t->arranged.order[place]);
    t->arranged.shown = shown ? t->arranged.shown | mask : t->arranged.shown & ~mask;
    t->scroll = 0;
}

int table_column_move(struct table *t, int place, int step) {
    int to = place + step;
    if (place <= 0 || to <= 0 || place >= t->n_columns || to >= t->n_columns)
        return place;
    own(t);
    uint8_t moved = t->arranged.order[place];
    t->arranged.order[place] = t->arranged.order[to];
    t->arranged.order[to] = moved;
    t->scroll = 0;
    return to;
}

void table_columns_reset(struct table *t) {
    t->arranged = (struct arrangement){0};
    t->scroll = 0;
}

/* ---- by name ---- */

/* A blank in a title may be written as - or _, so that a list of titles is one word. */
static int title_letter(char c) { return c == '-' || c == '_' ? ' ' : toupper((unsigned char)c); }

int table_column_named(const struct table *t, const char *name, size_t n) {
    int found = -1;
    for (int i = 0; n > 0 && i < t->n_columns; i++) {
        const char *title = t->columns[i].title;
        size_t k = 0;
        while (k < n && title[k] && title_letter(title[k]) == title_letter(name[k]))
            k++;
        if (k == n && title[n] == '\0')
            return i;
        if (k == n && found < 0)
            found = i;
    }
    return found;
}

bool table_columns_set(struct table *t, const char *names, bool strict, char unknown[48]) {
    struct arrangement a = {.own = true, .shown = bit(0)};
    int n = 1; /* order[0] is column 0 */
    unknown[0] = '\0';
    for (const char *p = names; *p; p += *p == ',') {
        size_t len = strcspn(p, ","), from = strspn(p, " "), end = len;
        while (end > from && p[end - 1] == ' ')
            end--;
        int column = end > from ? table_column_named(t, p + from, end - from) : 0;
        if (column < 0 && !unknown[0])
            snprintf(unknown, 48, "%.*s", (int)(end - from < 40 ? end - from : 40), p + from);
        if (column > 0 && !(a.shown & bit(column))) {
            a.order[n++] = (uint8_t)column;
            a.shown |= bit(column);
        }
        p += len;
    }
    if (unknown[0] && (strict || n == 1)) /* a list of which nothing is known says nothing */
        return false;
    for (int i = 1; i < t->n_columns; i++)
        if (!(a.shown & bit(i)))
            a.order[n++] = (uint8_t)i;
    t->arranged = a;
    t->scroll = 0;
    return true;
}

void table_columns_text(const struct table *t, char *out, size_t size) {
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < t->n_columns; i++) {
        int column = table_column_at(t, i);
        if (!table_column_shown(t, column))
            continue;
        int more = snprintf(out + at, size - at, "%s%s", at ? "," : "", t->columns[column].title);
        if (more < 0 || (size_t)more >= size - at) {
            out[at] = '\0';
            return;
        }
        for (size_t end = at + (size_t)more; at < end; at++)
            if (out[at] == ' ')
                out[at] = '-';
    }
}
