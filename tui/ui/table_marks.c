/* Marked rows of a table: a set of keys, which order and filter leave alone. */
#include "tui/ui/table.h"

#include <stdlib.h>
#include <uthash.h>

struct mark {
    UT_hash_handle hh;
    bool seen;
    size_t n;
    uint8_t key[];
};

static struct mark *find(const struct table *t, struct slice key) {
    struct mark *m = NULL;
    if (t->marks && key.n > 0)
        HASH_FIND(hh, t->marks, key.p, key.n, m);
    return m;
}

static void take(struct table *t, struct mark *m) {
    HASH_DEL(t->marks, m);
    free(m);
    t->n_marked--;
}

static void put(struct table *t, struct slice key) {
    if (key.n == 0 || find(t, key))
        return;
    struct mark *m = mem_zalloc(sizeof *m + key.n);
    m->n = key.n;
    memcpy(m->key, key.p, key.n);
    HASH_ADD_KEYPTR(hh, t->marks, m->key, m->n, m);
    t->n_marked++;
}

bool table_is_marked(const struct table *t, const void *row) { return t->marks && find(t, t->key(row)); }

static void count_hidden(struct table *t) {
    t->n_marked_shown = 0;
    for (int i = 0; i < t->n && t->marks; i++)
        t->n_marked_shown += table_is_marked(t, table_row(t, i));
}

void table_mark(struct table *t) {
    const void *row = table_selected(t);
    if (!t->can_mark || !row)
        return;
    struct mark *m = find(t, t->key(row));
    if (m)
        take(t, m);
    else
        put(t, t->key(row));
    count_hidden(t);
    table_move(t, MOVE_DOWN);
}

void table_mark_all(struct table *t) {
    if (!t->can_mark)
        return;
    bool all = t->n_marked_shown == t->n;
    for (int i = 0; i < t->n; i++) {
        struct slice key = t->key(table_row(t, i));
        struct mark *m = find(t, key);
        if (all && m)
            take(t, m);
        else if (!all)
            put(t, key);
    }
    count_hidden(t);
}

void table_unmark_all(struct table *t) {
    struct mark *m, *next;
    HASH_ITER(hh, t->marks, m, next) take(t, m);
    t->n_marked_shown = 0;
}

void table_marks_follow(struct table *t) {
    struct mark *m, *next;
    if (!t->marks)
        return;
    for (size_t i = 0; i < t->n_base; i++) {
        m = find(t, t->key(t->base + i * t->stride));
        if (m)
            m->seen = true;
    }
    HASH_ITER(hh, t->marks, m, next) {
        if (!m->seen)
            take(t, m);
        else
            m->seen = false;
    }
    count_hidden(t);
}

const void *table_next_marked(const struct table *t, size_t *at) {
    while (t->marks && *at < t->n_base) {
        const void *row = t->base + (*at)++ * t->stride;
        if (table_is_marked(t, row))
            return row;
    }
    return NULL;
}
