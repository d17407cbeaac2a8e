/* Taking one client batch for one partition: what Kafka checks, in its order.
 * The request's arena holds what the result points to.  Thread: the broker's. */
#ifndef WEIR_BROKER_PRODUCE_H
#define WEIR_BROKER_PRODUCE_H

#include "core/broker/internal.h"

struct produce_error { int32_t index; struct slice message; };
struct produce_result {
    int16_t error;                    /* KAFKA_NONE: the rest is of the append */
    int64_t base_offset, append_time_ms, log_start;   /* -1: none */
    uint64_t ticket;
    struct slice message;             /* null: none */
    struct produce_error *errors;     /* of single records */
    int32_t n_errors;
};

/* The bit in a v2 batch's header; a batch that is cut has none. */
bool produce_is_transactional(struct slice records);
/* `records` may be changed in place.  acks: -1, 0 and 1 pass. */
void produce_batch(struct broker *b, struct request *rq, struct partition *p, int16_t acks, struct slice records,
                   struct produce_result *out);

#endif
