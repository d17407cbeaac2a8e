/* Records of several partitions in the order of their times, as far as that does
 * not hold them up.
 *
 *   tail_take --> held: one window of rows --sort--> ring
 *
 * A window ends when every partition that is behind had its turn, when it is full
 * or when it has waited long enough (its source says so); within it a stable sort
 * by time keeps each partition's own order, whatever its timestamps are.
 * Everything here is the tail's thread's; the ring is filled under the lock. */
#include "core/client/tail_internal.h"

#include <stdlib.h>

#define WINDOW_BYTES ((size_t)4 * 1024 * 1024)
#define KEPT_BYTES ((size_t)8 * 1024 * 1024)
#define LOCKED_RUN 256

void tail_merge_fini(struct tail_merge *m) {
    buf_fini(&m->bytes);
    free(m->rows);
}

bool tail_merge_full(const struct tail_merge *m) { return m->bytes.n >= WINDOW_BYTES; }

void tail_merge_add(struct tail_merge *m, struct tail_part *p, const struct ring_record *rec, struct slice key,
                    struct slice value, struct slice headers) {
    if (m->n == m->cap) {
        m->cap = m->cap > 0 ? m->cap * 2 : 256;
        m->rows = mem_realloc(m->rows, m->cap * sizeof *m->rows);
    }
    if (p->window != m->window) {
        p->window = m->window;
        p->when_ms = INT64_MIN;
    }
    if (rec->timestamp_ms > p->when_ms)
        p->when_ms = rec->timestamp_ms;
    struct tail_held *h = &m->rows[m->n];
    *h = (struct tail_held){.when_ms = p->when_ms, .turn = m->n, .at = m->bytes.n, .rec = *rec,
                            .key_n = key.n, .value_n = value.n, .headers_n = headers.n,
                            .key_null = key.p == NULL, .value_null = value.p == NULL};
    m->sorted = m->n == 0 || (m->sorted && m->rows[m->n - 1].when_ms <= h->when_ms);
    m->n++;
    buf_put(&m->bytes, key.p, key.n);
    buf_put(&m->bytes, value.p, value.n);
    buf_put(&m->bytes, headers.p, headers.n);
}

static int by_time(const void *a, const void *b) {
    const struct tail_held *x = a, *y = b;
    if (x->when_ms != y->when_ms)
        return x->when_ms < y->when_ms ? -1 : 1;
    return x->turn < y->turn ? -1 : x->turn > y->turn;
}

void tail_merge_flush(struct tail *t) {
    struct tail_merge *m = &t->merge;
    if (m->n == 0)
        return;
    buf_reserve(&m->bytes, 1); /* an empty value is not null */
    if (!m->sorted)
        qsort(m->rows, m->n, sizeof *m->rows, by_time);
    for (size_t i = 0; i < m->n;) {
        pthread_mutex_lock(&t->lock);
        for (size_t k = 0; k < LOCKED_RUN && i < m->n; k++, i++) {
            const struct tail_held *h = &m->rows[i];
            const uint8_t *p = m->bytes.p + h->at;
            struct slice key = {h->key_null ? NULL : p, h->key_n};
            struct slice value = {h->value_null ? NULL : p + h->key_n, h->value_n};
            ring_put(&t->ring, &h->rec, key, value, slice_of(p + h->key_n + h->value_n, h->headers_n));
        }
        t->unseen = true;
        pthread_mutex_unlock(&t->lock);
    }
    m->n = 0;
    m->window++;
    buf_clear(&m->bytes);
    if (m->bytes.cap > KEPT_BYTES)
        buf_fini(&m->bytes);
}
