/* Snapshots: made by the client thread, read by any number of holders, gone with
 * the last reference.  Nothing in one changes after it was published, so only the
 * count of references is atomic. */
#include "core/model/model.h"

#include <stdlib.h>

#define SNAPSHOT_CAP_BYTES ((size_t)1024 * 1024 * 1024)

struct shared *shared_new(size_t cap_bytes, size_t first_bytes) {
    struct shared *s = mem_alloc(sizeof *s);
    atomic_init(&s->refs, 1);
    arena_init(&s->arena, cap_bytes);
    if (first_bytes > 0)
        arena_reserve(&s->arena, first_bytes);
    return s;
}

void shared_unref(struct shared *s) {
    if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    arena_fini(&s->arena);
    free(s);
}

struct snapshot *snapshot_new(void) {
    struct snapshot *s = mem_zalloc(sizeof *s);
    atomic_init(&s->refs, 1);
    arena_init(&s->arena, SNAPSHOT_CAP_BYTES);
    s->controller = -1;
    s->controller_epoch = -1;
    return s;
}

struct snapshot *snapshot_ref(struct snapshot *s) {
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void snapshot_unref(struct snapshot *s) {
    if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (int32_t i = 0; i < s->shared.n; i++)
        shared_unref(s->shared.v[i]);
    arena_fini(&s->arena);
    free(s);
}

bool snapshot_shares(struct snapshot *s, size_t n) {
    s->shared.v = arena_alloc(&s->arena, n * sizeof *s->shared.v);
    return s->shared.v != NULL;
}

void snapshot_share(struct snapshot *s, struct shared *part) {
    if (part == NULL)
        return;
    atomic_fetch_add_explicit(&part->refs, 1, memory_order_relaxed);
    s->shared.v[s->shared.n++] = part;
}

const struct model_topic *snapshot_topic(const struct snapshot *s, struct slice name) {
    int32_t low = 0, high = s->topics.n;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = slice_cmp(s->topics.v[middle].name, name);
        if (order == 0)
            return &s->topics.v[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct model_group *snapshot_group(const struct snapshot *s, struct slice id) {
    int32_t low = 0, high = s->groups.n;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = slice_cmp(s->groups.v[middle].id, id);
        if (order == 0)
            return &s->groups.v[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
