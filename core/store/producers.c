/* Idempotent producers of one log (KIP-98): per producer id its epoch and the
 * last five batches.
 *
 *   same first and last sequence as one of the five   duplicate: its old offset
 *   first sequence == last + 1 (2^31-1 wraps to 0)    next
 *   lower epoch                                       bad epoch
 *   higher epoch, sequence 0                          next; the five are forgotten
 *   nothing known of the producer                     any sequence
 *   anything else                                     out of order */
#include "core/store/internal.h"

#include <stdlib.h>

static int32_t sequence_after(int32_t sequence, int32_t delta) {
    return (int32_t)(((uint32_t)sequence + (uint32_t)delta) & INT32_MAX);
}

int producer_check(struct store_log *log, const struct batch *b, struct producer_batch *duplicate) {
    struct producer *p;
    HASH_FIND(hh, log->producers, &b->producer_id, sizeof b->producer_id, p);
    if (p == NULL || p->n == 0)
        return p != NULL && b->producer_epoch < p->epoch ? PRODUCER_OLD_EPOCH : PRODUCER_NEW;
    if (b->producer_epoch < p->epoch)
        return PRODUCER_OLD_EPOCH;
    if (b->producer_epoch > p->epoch)
        return b->base_sequence == 0 ? PRODUCER_NEW : PRODUCER_GAP;
    int32_t last = sequence_after(b->base_sequence, b->last_offset_delta);
    for (size_t i = 0; i < p->n; i++) {
        if (p->batches[i].first_sequence == b->base_sequence && p->batches[i].last_sequence == last) {
            *duplicate = p->batches[i];
            return PRODUCER_DUPLICATE;
        }
    }
    return b->base_sequence == sequence_after(p->batches[p->n - 1].last_sequence, 1) ? PRODUCER_NEW : PRODUCER_GAP;
}

void producer_record(struct store_log *log, const struct batch *b, int64_t now_ms) {
    struct producer *p;
    HASH_FIND(hh, log->producers, &b->producer_id, sizeof b->producer_id, p);
    if (p == NULL) {
        p = mem_zalloc(sizeof *p);
        p->id = b->producer_id;
        p->epoch = b->producer_epoch;
        HASH_ADD(hh, log->producers, id, sizeof p->id, p);
    }
    if (p->epoch != b->producer_epoch) {
        p->epoch = b->producer_epoch;
        p->n = 0;
    }
    if (p->n == PRODUCER_BATCHES) {
        memmove(p->batches, p->batches + 1, sizeof *p->batches * (PRODUCER_BATCHES - 1));
        p->n--;
    }
    p->batches[p->n++] = (struct producer_batch){
        b->base_sequence, sequence_after(b->base_sequence, b->last_offset_delta), b->base_offset, b->max_timestamp,
    };
    p->last_ms = now_ms;
    p->last_offset = batch_last_offset(b);
}

void producers_expire(struct store_log *log, int64_t now_ms) {
    struct producer *p, *next;
    HASH_ITER(hh, log->producers, p, next) {
        if (now_ms - p->last_ms > log->store->config.producer_expiry_ms) {
            HASH_DEL(log->producers, p);
            free(p);
        }
    }
}

void producers_free(struct store_log *log) {
    struct producer *p, *next;
    HASH_ITER(hh, log->producers, p, next) {
        HASH_DEL(log->producers, p);
        free(p);
    }
}

size_t store_log_producers(const struct store_log *log, struct producer_info *out, size_t max) {
    size_t n = 0;
    for (struct producer *p = log->producers; p != NULL && n < max; p = p->hh.next) {
        const struct producer_batch *last = p->n > 0 ? &p->batches[p->n - 1] : NULL;
        out[n++] = (struct producer_info){
            p->id, p->epoch, last ? last->last_sequence : -1, last ? last->timestamp : -1, p->last_offset,
        };
    }
    return n;
}
