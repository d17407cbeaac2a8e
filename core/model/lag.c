/* Lag, said honestly: a number only where it is one.
 *
 *   start        committed        end
 *     |----read----|----lag----|            exact, or an upper bound where some
 *                                           offsets hold no readable record
 *   committed < start   below_start: start - committed records are lost to the group
 *   committed > end     beyond_end: the group will skip `ahead` records
 *
 * The caller reads the end after the commit, so that a group that commits while
 * it is looked at never appears to be beyond the end.  Pure. */
#include "core/model/model.h"

#include <stdlib.h>

void lag_judge(struct model_lag *row, bool upper_bound) {
    row->lag = -1;
    row->lost = row->ahead = 0;
    if (row->committed < 0) {
        row->kind = LAG_NO_COMMIT;
    } else if (row->end < 0) {
        row->kind = LAG_UNKNOWN;
    } else if (row->committed > row->end) {
        row->kind = LAG_BEYOND_END;
        row->ahead = row->committed - row->end;
    } else if (row->start >= 0 && row->committed < row->start) {
        row->kind = LAG_BELOW_START;
        row->lost = row->start - row->committed;
    } else {
        row->lag = row->end - row->committed;
        row->kind = upper_bound && row->lag > 0 ? LAG_UPPER_BOUND : LAG_EXACT;
    }
}

static int by_partition(const void *a, const void *b) {
    const struct model_lag *x = a, *y = b;
    int order = partition_cmp(x->topic, x->partition, y->topic, y->partition);
    return order != 0 ? order : (x->at_us < y->at_us) - (x->at_us > y->at_us);
}

size_t lags_unite(struct model_lag *v, size_t n) {
    size_t kept = 0;
    if (n > 0)
        qsort(v, n, sizeof *v, by_partition);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || v[kept - 1].partition != v[i].partition || !slice_eq(v[kept - 1].topic, v[i].topic))
            v[kept++] = v[i];
    return kept;
}

void lag_add(struct lag_sum *sum, const struct model_lag *row) {
    sum->rows++;
    sum->kinds[row->kind]++;
    sum->lag += row->lag > 0 ? row->lag : 0;
    sum->lost += row->kind == LAG_BELOW_START ? row->lost : 0;
    sum->ahead += row->kind == LAG_BEYOND_END ? row->ahead : 0;
}

const char *lag_kind_name(enum lag_kind k) {
    switch (k) {
    case LAG_UNKNOWN: return "unknown";
    case LAG_EXACT: return "exact";
    case LAG_NO_COMMIT: return "no_commit";
    case LAG_BELOW_START: return "below_start";
    case LAG_BEYOND_END: return "beyond_end";
    case LAG_UPPER_BOUND: return "upper_bound";
    }
    return "unknown";
}
