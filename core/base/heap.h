/* A binary heap of timers, ordered by an absolute time in microseconds.  The
 * node lives inside the caller's object; insert, move and remove are O(log n). */
#ifndef WEIR_BASE_HEAP_H
#define WEIR_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    int64_t at_us;      /* absolute, the clock of whoever owns the heap */
    size_t slot;        /* 1-based place in the heap, 0 when not in it */
    void (*fire)(struct timer *t, void *ctx);
};
struct timers {
    struct timer **v;
    size_t n;
    size_t cap;
};
void timers_fini(struct timers *h);
/* Inserts, or moves if it is in already. */
void timers_set(struct timers *h, struct timer *t, int64_t at_us);
void timers_cancel(struct timers *h, struct timer *t);
/* Earliest deadline, INT64_MAX when there is none. */
int64_t timers_next(const struct timers *h);
/* Fires all that are due, each after its removal; a fire may set or cancel any timer. */
void timers_run(struct timers *h, int64_t now_us, void *ctx);

#endif
