/* Open addressing over at least twice the keys; the seed is the run's own, so
 * that nobody can choose keys that all meet in one place. */
#include "core/broker/keyset.h"

#include "core/broker/internal.h"

void keyset_init(struct keyset *s, struct request *rq, int32_t n) {
    size_t size = 8;
    while (size < (size_t)(n < 0 ? 0 : n) * 2)
        size *= 2;
    s->mask = size - 1;
    s->seed = rq->conn->broker->hash_seed;
    s->slots = request_alloc(rq, size * sizeof *s->slots);
}

static uint64_t hash(uint64_t h, struct slice key) {
    while (key.n > 0) {
        uint64_t word = 0;
        size_t n = key.n < sizeof word ? key.n : sizeof word;
        memcpy(&word, key.p, n);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
        h = (h + key.n) * UINT64_C(0xbf58476d1ce4e5b9);
        h ^= h >> 32;
        key = slice_of(key.p + n, key.n - n);
    }
    return h;
}

int32_t keyset_add(struct keyset *s, struct slice key, int32_t value, bool *fresh) {
    size_t at = hash(s->seed, key) & s->mask;
    while (s->slots[at].used && !slice_eq(s->slots[at].key, key))
        at = (at + 1) & s->mask;
    *fresh = !s->slots[at].used;
    if (*fresh)
        s->slots[at] = (struct keyset_slot){key, value, true};
    return s->slots[at].value;
}
