/* The timer heap.  v[0] is the earliest; slot is the place plus one, so that a
 * zeroed timer is one that waits for nothing.  The heap owns only its array.
 * Equal times fire in an order that depends on nothing but the calls made, as
 * the simulator needs. */
#include "core/base/heap.h"

#include "core/base/mem.h"

#include <stdlib.h>

static void heap_place(struct timers *h, size_t at, struct timer *t) {
    h->v[at] = t;
    t->slot = at + 1;
}

static void heap_up(struct timers *h, size_t at, struct timer *t) {
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (h->v[parent]->at_us <= t->at_us)
            break;
        heap_place(h, at, h->v[parent]);
        at = parent;
    }
    heap_place(h, at, t);
}

static void heap_down(struct timers *h, size_t at, struct timer *t) {
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= h->n)
            break;
        if (child + 1 < h->n && h->v[child + 1]->at_us < h->v[child]->at_us)
            child++;
        if (h->v[child]->at_us >= t->at_us)
            break;
        heap_place(h, at, h->v[child]);
        at = child;
    }
    heap_place(h, at, t);
}

static void heap_settle(struct timers *h, size_t at, struct timer *t) {
    if (at > 0 && h->v[(at - 1) / 2]->at_us > t->at_us)
        heap_up(h, at, t);
    else
        heap_down(h, at, t);
}

void timers_fini(struct timers *h) {
    for (size_t i = 0; i < h->n; i++)
        h->v[i]->slot = 0;
    free(h->v);
    *h = (struct timers){0};
}

void timers_set(struct timers *h, struct timer *t, int64_t at_us) {
    t->at_us = at_us;
    if (t->slot != 0) {
        heap_settle(h, t->slot - 1, t);
        return;
    }
    if (h->n == h->cap) {
        h->cap = h->cap == 0 ? 16 : h->cap * 2;
        h->v = mem_realloc(h->v, h->cap * sizeof(struct timer *));
    }
    h->n++;
    heap_up(h, h->n - 1, t);
}

void timers_cancel(struct timers *h, struct timer *t) {
    if (t->slot == 0)
        return;
    size_t at = t->slot - 1;
    weir_assert(at < h->n && h->v[at] == t);
    struct timer *last = h->v[--h->n];
    t->slot = 0;
    if (last != t)
        heap_settle(h, at, last);
}

int64_t timers_next(const struct timers *h) {
    return h->n == 0 ? INT64_MAX : h->v[0]->at_us;
}

void timers_run(struct timers *h, int64_t now_us, void *ctx) {
    /* As many as there are now: one that sets itself anew to the past waits for
     * the next turn and cannot hold the loop. */
    for (size_t left = h->n; left > 0 && h->n > 0 && h->v[0]->at_us <= now_us; left--) {
        struct timer *t = h->v[0];
        timers_cancel(h, t);
        t->fire(t, ctx);
    }
}
