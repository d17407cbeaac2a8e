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

void steps_take(struct steps *s, int64_t v, int64_t at_us) {
    if (s->at_us == 0 || v < s->v) {
        *s = (struct steps){.v = v, .at_us = at_us, .rate.state = VALUE_WANTED};
    } else if (v > s->v) {
        if (s->stepped)
            s->rate = rate_between(s->v, s->at_us, v, at_us);
        *s = (struct steps){v, at_us, true, s->rate};
    } else if (at_us - s->at_us > STEPS_STILL_US) {
        s->rate = (struct rate){0, VALUE_KNOWN};
        s->at_us = at_us - STEPS_STILL_US; /* the first step after a rest does not count the rest */
        s->stepped = true;
    }
}
