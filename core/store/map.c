/* The map: small durable values by (kind, key).  All of it is in memory and in
 * every snapshot; changes are frames. */
#include "core/store/internal.h"

#include <stdlib.h>

static void map_key(uint16_t kind, struct slice key, struct buf *out) {
    buf_put_be16(out, kind);
    buf_put(out, key.p, key.n);
}

void map_set(struct store *st, struct slice key, struct slice value) {
    struct map_item *item;
    HASH_FIND(hh, st->map, key.p, key.n, item);
    if (value.p == NULL) {
        if (item != NULL) {
            HASH_DEL(st->map, item);
            free((void *)(uintptr_t)item->key.p);
            free((void *)(uintptr_t)item->value.p);
            free(item);
        }
        return;
    }
    struct slice copy = mem_dup(value);
    if (item != NULL) {
        free((void *)(uintptr_t)item->value.p);
        item->value = copy;
        return;
    }
    item = mem_zalloc(sizeof *item);
    item->key = mem_dup(key);
    item->value = copy;
    HASH_ADD_KEYPTR(hh, st->map, item->key.p, item->key.n, item);
}

void map_free(struct store *st) {
    struct map_item *item, *next;
    HASH_ITER(hh, st->map, item, next) {
        HASH_DEL(st->map, item);
        free((void *)(uintptr_t)item->key.p);
        free((void *)(uintptr_t)item->value.p);
        free(item);
    }
}

enum err store_put(struct store *st, uint16_t kind, struct slice key, struct slice value, uint64_t *ticket) {
    struct buf head = {0};
    buf_put_be16(&head, kind);
    buf_put_be32(&head, (uint32_t)key.n);
    buf_put(&head, key.p, key.n);
    if (value.p == NULL)
        value = SLICE("");
    enum err e = wal_frame(st, FRAME_PUT, buf_slice(&head), value, NULL, ticket);
    if (e == OK) {
        buf_clear(&head);
        map_key(kind, key, &head);
        map_set(st, buf_slice(&head), value);
    }
    buf_fini(&head);
    return e;
}

enum err store_delete(struct store *st, uint16_t kind, struct slice key, uint64_t *ticket) {
    struct buf full = {0};
    map_key(kind, key, &full);
    enum err e = wal_frame(st, FRAME_DELETE, buf_slice(&full), SLICE_NULL, NULL, ticket);
    if (e == OK)
        map_set(st, buf_slice(&full), SLICE_NULL);
    buf_fini(&full);
    return e;
}

struct slice store_get(const struct store *st, uint16_t kind, struct slice key) {
    struct buf full = {0};
    struct map_item *item;
    map_key(kind, key, &full);
    HASH_FIND(hh, st->map, full.p, full.n, item);
    buf_fini(&full);
    return item != NULL ? item->value : SLICE_NULL;
}

static int map_order(const void *a, const void *b) {
    const struct map_item *const *x = a, *const *y = b;
    return slice_cmp((*x)->key, (*y)->key);
}

void store_each(const struct store *st, uint16_t kind, store_each_fn *each, void *ctx) {
    size_t n = 0;
    struct map_item **items = mem_alloc((HASH_COUNT(st->map) + 1) * sizeof *items);
    for (struct map_item *item = st->map; item != NULL; item = item->hh.next)
        if (be16_get(item->key.p) == kind)
            items[n++] = item;
    qsort(items, n, sizeof *items, map_order);
    for (size_t i = 0; i < n; i++)
        each(ctx, slice_of(items[i]->key.p + 2, items[i]->key.n - 2), items[i]->value);
    free(items);
}
