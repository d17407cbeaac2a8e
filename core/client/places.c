/* The offsets of a time, by topic and partition.  Any thread. */
#include "core/client/client.h"

#include <stdlib.h>

static int by_partition(const void *a, const void *b) {
    const struct client_place *x = a, *y = b;
    return partition_cmp(slice_cstr(x->topic), x->partition, slice_cstr(y->topic), y->partition);
}

void client_places_sort(struct client_place *v, size_t n) {
    if (n > 0)
        qsort(v, n, sizeof *v, by_partition);
}

const struct client_place *client_place_find(const struct client_place *v, size_t n, struct slice topic,
                                             int32_t partition) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = partition_cmp(slice_cstr(v[middle].topic), v[middle].partition, topic, partition);
        if (order == 0)
            return &v[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
