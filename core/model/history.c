/* Rates and their short histories.  Pure. */
#include "core/model/model.h"

void history_push(struct history *h, double v) {
    if (h->n == HISTORY_LEN)
        memmove(h->v, h->v + 1, (HISTORY_LEN - 1) * sizeof h->v[0]);
    else
        h->n++;
    h->v[h->n - 1] = (float)v;
}

struct rate rate_between(int64_t v0, int64_t at0_us, int64_t v1, int64_t at1_us) {
    if (at1_us <= at0_us || v1 < v0)
        return (struct rate){0, VALUE_WANTED};
    return (struct rate){(double)(v1 - v0) * 1e6 / (double)(at1_us - at0_us), VALUE_KNOWN};
}
