/* The frame reader; see frame.h.
 *
 * Receiving goes to two places at once: the free end of the incomplete frame,
 * and the scratch behind it.  So a large frame is received in place, and what
 * follows it lands in the scratch and is cut there. */
#include "core/io/frame.h"

#include <stdlib.h>

#define FIRST_CAP 1024

void frame_pool_init(struct frame_pool *pool, size_t scratch_size) {
    *pool = (struct frame_pool){.scratch = mem_alloc(scratch_size), .scratch_size = scratch_size};
}

void frame_pool_trim(struct frame_pool *pool) {
    while (pool->n_spares > 0)
        free(pool->spare[--pool->n_spares].p);
}

void frame_pool_fini(struct frame_pool *pool) {
    frame_pool_trim(pool);
    free(pool->scratch);
    pool->scratch = NULL;
}

/* A buffer of at least n bytes: a spare one as large as it is, else just enough. */
static void lease(struct frame_reader *r, struct frame_pool *pool, size_t n) {
    if (n > FIRST_CAP) {
        for (size_t i = pool->n_spares; i-- > 0;) {
            if (pool->spare[i].cap < n)
                continue;
            r->p = pool->spare[i].p;
            r->cap = (uint32_t)pool->spare[i].cap;
            pool->held += r->cap;
            pool->spare[i] = pool->spare[--pool->n_spares];
            return;
        }
    }
    r->cap = (uint32_t)(n < FIRST_CAP ? FIRST_CAP : n);
    r->p = mem_alloc(r->cap);
    pool->held += r->cap;
}

static void grow(struct frame_reader *r, struct frame_pool *pool, size_t cap) {
    r->p = mem_realloc(r->p, cap);
    pool->held += cap - r->cap;
    r->cap = (uint32_t)cap;
}

static void give_back(struct frame_reader *r, struct frame_pool *pool) {
    if (r->p == NULL)
        return;
    pool->held -= r->cap;
    if (r->cap >= 64 * 1024 && r->cap <= FRAME_SPARE_MAX && pool->n_spares < FRAME_SPARES) {
        pool->spare[pool->n_spares].p = r->p;
        pool->spare[pool->n_spares++].cap = r->cap;
    } else {
        free(r->p);
    }
    *r = (struct frame_reader){0};
}

void frame_reader_fini(struct frame_reader *r, struct frame_pool *pool) {
    give_back(r, pool);
}

/* Bytes that the frame at p will have with its size field; 4 while that is not known. */
static size_t frame_whole(const uint8_t *p, size_t n) {
    return n < 4 ? 4 : (size_t)be32_get(p) + 4;
}

/* Appends to the incomplete frame: the first lease fits what came, each later one doubles. */
static void keep(struct frame_reader *r, struct frame_pool *pool, const uint8_t *p, size_t n) {
    if (n == 0)
        return;
    size_t need = (size_t)r->n + n;
    if (r->p == NULL) {
        lease(r, pool, need);
    } else if (need > r->cap) {
        size_t cap = (size_t)r->cap * 2;
        grow(r, pool, cap < need ? need : cap);
    }
    memcpy(r->p + r->n, p, n);
    r->n = (uint32_t)need;
}

int frame_reader_room(struct frame_reader *r, struct frame_pool *pool, struct iovec iov[2]) {
    int k = 0;
    if (r->p != NULL) {
        size_t whole = frame_whole(r->p, r->n);
        if (r->n == r->cap && whole > r->cap) {
            /* Full of received bytes: room for as many again. */
            size_t cap = (size_t)r->cap * 2;
            grow(r, pool, cap < whole ? cap : whole);
        }
        size_t room = (whole < r->cap ? whole : r->cap) - r->n;
        if (room > 0)
            iov[k++] = (struct iovec){r->p + r->n, room};
    }
    iov[k++] = (struct iovec){pool->scratch, pool->scratch_size};
    return k;
}

static bool size_ok(const uint8_t *p, size_t size_max, uint8_t bad[4]) {
    if (be32_get(p) <= size_max)
        return true;
    memcpy(bad, p, 4);
    return false;
}

/* Hands out the whole frames at p; *used is what they took. */
static enum err cut(uint8_t *p, size_t n, size_t size_max, frame_fn *each, void *ctx, uint8_t bad[4], size_t *used,
                    bool *stopped) {
    size_t at = 0;
    while (n - at >= 4 && !*stopped) {
        if (!size_ok(p + at, size_max, bad)) {
            *used = at;
            return ERR_TOO_LARGE;
        }
        size_t whole = frame_whole(p + at, 4);
        if (n - at < whole)
            break;
        *stopped = each(ctx, p + at + 4, whole - 4) == FRAME_STOP;
        at += whole;
    }
    *used = at;
    return OK;
}

/* Tops the incomplete frame up from p, hands it out when it is whole, and says how many bytes it took. */
static enum err complete(struct frame_reader *r, struct frame_pool *pool, const uint8_t *p, size_t n, size_t size_max,
                         frame_fn *each, void *ctx, uint8_t bad[4], size_t *used, bool *stopped) {
    *used = 0;
    if (r->n < 4) {
        size_t take = 4 - r->n < n ? 4 - r->n : n;
        keep(r, pool, p, take);
        *used = take;
        if (r->n < 4)
            return OK;
    }
    if (!size_ok(r->p, size_max, bad))
        return ERR_TOO_LARGE;
    size_t whole = frame_whole(r->p, r->n);
    size_t missing = whole - r->n, left = n - *used;
    size_t take = missing < left ? missing : left;
    keep(r, pool, p + *used, take);
    *used += take;
    if (r->n < whole)
        return OK;
    struct frame_reader done = *r;
    *r = (struct frame_reader){0};
    *stopped = each(ctx, done.p + 4, whole - 4) == FRAME_STOP;
    give_back(&done, pool);
    return OK;
}

static enum err feed(struct frame_reader *r, struct frame_pool *pool, uint8_t *p, size_t n, size_t size_max,
                     frame_fn *each, void *ctx, uint8_t bad[4]) {
    bool stopped = false;
    size_t used = 0;
    enum err e = OK;
    if (r->p != NULL) {
        e = complete(r, pool, p, n, size_max, each, ctx, bad, &used, &stopped);
        if (e != OK || r->p != NULL)
            return e;
        p += used;
        n -= used;
    }
    if (!stopped) {
        e = cut(p, n, size_max, each, ctx, bad, &used, &stopped);
        if (e != OK)
            return e;
        p += used;
        n -= used;
    }
    keep(r, pool, p, n);
    return OK;
}

enum err frame_reader_received(struct frame_reader *r, struct frame_pool *pool, size_t n, size_t size_max,
                               frame_fn *each, void *ctx, uint8_t bad[4]) {
    size_t behind = n;
    if (r->p != NULL) {
        size_t whole = frame_whole(r->p, r->n);
        size_t room = (whole < r->cap ? whole : r->cap) - r->n;
        size_t in_place = room < n ? room : n;
        r->n += (uint32_t)in_place;
        behind = n - in_place;
    }
    return feed(r, pool, pool->scratch, behind, size_max, each, ctx, bad);
}

enum err frame_reader_resume(struct frame_reader *r, struct frame_pool *pool, size_t size_max, frame_fn *each,
                             void *ctx, uint8_t bad[4]) {
    if (r->p == NULL)
        return OK;
    struct frame_reader kept = *r;
    *r = (struct frame_reader){0};
    enum err e = feed(r, pool, kept.p, kept.n, size_max, each, ctx, bad);
    give_back(&kept, pool);
    return e;
}

const char *frame_guess(const uint8_t first[4]) {
    if ((first[0] == 0x16 || first[0] == 0x15) && first[1] == 0x03)
        return "TLS";
    static const char methods[][5] = {"GET ", "POST", "PUT ", "HEAD", "OPTI", "DELE", "CONN", "PRI "};
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (memcmp(first, methods[i], 4) == 0)
            return "HTTP";
    return NULL;
}
