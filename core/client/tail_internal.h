/* What the tail and its sources share.  A source runs on the tail's own thread,
 * reads records and hands each to tail_take; the user reads the ring under the
 * same lock, which is held for a few records at a time. */
#ifndef WEIR_CLIENT_TAIL_INTERNAL_H
#define WEIR_CLIENT_TAIL_INTERNAL_H

#include "core/client/internal.h"
#include "core/client/ring.h"
#include "core/client/tail_match.h"

struct tail_part {
    int32_t partition;
    int64_t start, end;             /* end: seen at the start */
    int64_t next;                   /* the offset to come, -1 unknown */
    int64_t high;                   /* newest end known, -1 unknown */
    bool at_end, done;              /* done: stop_at_end and the end is reached */
    /* tail_own.c */
    int32_t leader;
    int64_t low, wanted;            /* log start; offset of a time; -1 not known */
    bool placed;                    /* start is worked out */
};

struct tail {
    struct client *client;
    struct tail_spec spec;          /* strings are heap copies */
    int32_t *partitions;
    char *bootstrap;                /* of when it was opened */
    pthread_t thread;
    pthread_mutex_t lock;           /* ring, stats, parts' figures */
    pthread_cond_t room;
    bool stop;                      /* under the lock */
    struct ring ring;
    struct tail_stats stats;
    struct tail_match match;
    struct tail_part *parts;
    size_t n_parts;
    int64_t rate_us;
    uint64_t rate_scanned;
    int64_t woke_us;
    bool unseen;                    /* the user was not woken for what is in the ring */
    bool waited;                    /* tail_take had to wait for room */
    uv_async_t *wake;               /* tail_own.c: its loop, to be told of `stop`; under the lock */
    struct buf rows;                /* user's thread: what tail_rows returned last */
};

struct tail_record {
    int32_t partition;
    int64_t offset, timestamp_ms;
    bool append_time;
    struct slice key, value, headers;
    int32_t n_headers;
};

/* On the tail's thread. */
bool tail_stopping(struct tail *t);
/* Filters and stores; waits for room in a lossless tail.  With the lock held; false: it is being closed. */
bool tail_take(struct tail *t, const struct tail_record *r);
/* Figures after a batch; wakes the user at most every 10 ms.  With the lock held. */
void tail_tell(struct tail *t);
void tail_fail(struct tail *t, const char *format, ...) WEIR_PRINTF(2, 3);   /* without the lock */

/* tail_rdk.c: where our own connections do not know the security that is asked for */
void tail_rdk_run(struct tail *t);
/* tail_own.c: by our own Fetch, several times as fast */
void tail_own_run(struct tail *t);
/* tail_batch.c: the batches of one partition's answer, from t->parts[..].next on.  Takes and
 * releases the lock.  False: closing, or failed. */
struct tail_batches { struct tail *tail; struct buf plain; };
bool tail_batches_take(struct tail_batches *b, struct tail_part *p, struct slice records);
/* The offset after the last whole batch; from when there is none. */
int64_t tail_batches_next(struct slice records, int64_t from);

#endif
