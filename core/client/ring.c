/* The ring of records; see ring.h for the picture.  head is where the next record
 * goes; with head at the oldest record's place the ring is full, and with no
 * record at all head starts over at 0. */
#include "core/client/ring.h"

#include <stdlib.h>

#define ALIGN 8
#define INDEX_FIRST 1024

void ring_init(struct ring *r, size_t size_bytes, bool lossless) {
    /* Pages are touched as they fill, so an unused ring costs nothing. */
    *r = (struct ring){.p = mem_alloc(size_bytes), .size = size_bytes, .first = 1, .lossless = lossless};
    r->index_cap = INDEX_FIRST;
    r->index = mem_alloc(r->index_cap * sizeof *r->index);
}

void ring_fini(struct ring *r) {
    free(r->p);
    free(r->index);
    *r = (struct ring){0};
}

static struct ring_place *place_of(const struct ring *r, uint64_t serial) {
    return &r->index[serial & (r->index_cap - 1)];
}

static bool evict(struct ring *r) {
    if ((r->lossless && r->first > r->read) || (r->keep > 0 && r->first >= r->keep))
        return false;
    if (!r->lossless && !place_of(r, r->first)->read)
        r->dropped++;
    r->used -= place_of(r, r->first)->n;
    r->first++;
    return true;
}

/* Makes n bytes free at head. */
static bool make_room(struct ring *r, size_t n) {
    if (r->lossless && r->read >= r->last) { /* a reader that keeps up needs few pages: begin anew in the same ones */
        r->first = r->last + 1;
        r->used = 0;
    }
    for (;;) {
        if (ring_count(r) == 0) {
            r->head = 0;
            if (n <= r->size)
                return true;
            r->p = mem_realloc(r->p, n); /* one record larger than the ring, which is empty */
            r->size = n;
            return true;
        }
        size_t oldest = place_of(r, r->first)->at;
        if (r->head > oldest) {
            if (r->size - r->head >= n)
                return true;
            r->head = 0;
        } else if (oldest - r->head >= n) {
            return true;
        } else if (!evict(r)) {
            return false;
        }
    }
}

static void index_grow(struct ring *r) {
    struct ring_place *next = mem_alloc(r->index_cap * 2 * sizeof *next);
    for (uint64_t s = r->first; s <= r->last; s++)
        next[s & (r->index_cap * 2 - 1)] = *place_of(r, s);
    free(r->index);
    r->index = next;
    r->index_cap *= 2;
}

static uint8_t *append(uint8_t *to, struct slice s) {
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

bool ring_put(struct ring *r, const struct ring_record *rec, struct slice key, struct slice value,
              struct slice headers) {
    size_t n = sizeof *rec + key.n + value.n + headers.n;
    n = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (!make_room(r, n)) {
        r->dropped += !r->lossless;
        return false;
    }
    if (ring_count(r) == r->index_cap)
        index_grow(r);
    r->last++;
    *place_of(r, r->last) = (struct ring_place){r->head, n, false};
    uint8_t *to = r->p + r->head;
    struct ring_record *head = (struct ring_record *)(void *)to;
    *head = *rec;
    head->key_n = (uint32_t)key.n;
    head->value_n = (uint32_t)value.n;
    head->headers_n = (uint32_t)headers.n;
    head->key_null = key.p == NULL;
    head->value_null = value.p == NULL;
    append(append(append(to + sizeof *rec, key), value), headers);
    r->head += n;
    r->used += n;
    return true;
}

void ring_mark_read(struct ring *r, uint64_t serial) { place_of(r, serial)->read = true; }

const struct ring_record *ring_get(const struct ring *r, uint64_t serial, const uint8_t **bytes) {
    const uint8_t *at = r->p + place_of(r, serial)->at;
    *bytes = at + sizeof(struct ring_record);
    return (const struct ring_record *)(const void *)at;
}
