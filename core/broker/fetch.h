/* One fetch at work: what was asked for, what was found, and its place in the
 * queues while it waits.  Lives in the request's arena. */
#ifndef WEIR_BROKER_FETCH_H
#define WEIR_BROKER_FETCH_H

#include "core/broker/internal.h"

struct fetch_op;

/* A place in a partition's list of long polls. */
struct fetch_wait {
    struct fetch_wait *next, *prev;
    struct fetch_op *op;
};

struct fetch_entry {
    struct fetch_wait wait;
    struct partition *p;              /* NULL: unknown, error says how */
    int32_t index;
    int64_t offset;
    int32_t max_bytes, current_epoch, last_fetched_epoch;
    /* the answer */
    int16_t error;
    bool unknown;                     /* the error was found before there was a partition */
    int64_t hw, lso, start;
    int32_t diverging_epoch;          /* -1: none */
    int64_t diverging_end;
    size_t records_at, records_n;     /* in the response's records */
    bool left_out;                    /* of an incremental answer: nothing new */
};

struct fetch_topic {
    struct slice name;                /* versions 4-12 */
    struct uuid id;                   /* 13 and above */
    struct fetch_entry *entries;
    int32_t n;
};

struct fetch_op {
    struct timer timer;
    struct request *rq;
    struct fetch_topic *topics;
    int32_t n_topics, n_entries;
    int32_t min_bytes, max_bytes;
    bool committed;                   /* isolation level 1 */
    bool linked;                      /* its entries hang in the partitions' lists */
    bool cold;                        /* waits for a read, not for new data */
    bool held;                        /* to be answered as soon as the answer can leave */
    bool woken;
    struct fetch_op *next_woken;
    int64_t deadline_us;
    int16_t error;                    /* of the whole answer */
    int32_t session_id;               /* to answer with; 0: none */
    bool incremental;                 /* leave out what has nothing new */
};

/* Answers now or parks; the op's topics and entries are filled. */
void fetch_begin(struct broker *b, struct fetch_op *op, int32_t max_wait_ms);

#endif
