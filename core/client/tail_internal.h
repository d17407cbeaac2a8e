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
    /* tail_merge.c */
    uint64_t window;                /* when_ms is of this one */
    int64_t when_ms;                /* latest time in it */
};

/* Rows of one window, see tail_merge.c. */
struct tail_held {
    int64_t when_ms;
    size_t turn, at;                /* order of arrival; place in bytes */
    struct ring_record rec;
    size_t key_n, value_n, headers_n;
    bool key_null, value_null;
};
struct tail_merge {
    struct buf bytes;
    struct tail_held *rows;
    size_t n, cap;
    bool sorted;
    uint64_t window;
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
    struct tail_merge merge;
    bool merging;                   /* set once, before the first record */
    struct buf rows, whole;         /* user's thread: what tail_rows and tail_whole returned last */
};

struct tail_record {
    struct tail_part *part;
    int64_t offset, timestamp_ms;
    bool append_time;
    struct slice key, value, headers;
    int32_t n_headers;
};

/* On the tail's thread. */
bool tail_stopping(struct tail *t);
/* Filters and stores; waits for room in a lossless tail.  With the lock held; false: it is being closed. */
bool tail_take(struct tail *t, const struct tail_record *r);
/* Puts what was held for its order into the ring.  Without the lock. */
void tail_merge_flush(struct tail *t);
void tail_merge_add(struct tail_merge *m, struct tail_part *p, const struct ring_record *rec, struct slice key,
                    struct slice value, struct slice headers);
bool tail_merge_full(const struct tail_merge *m);
void tail_merge_fini(struct tail_merge *m);
/* Figures after a batch; wakes the user at most every 10 ms.  With the lock held. */
void tail_tell(struct tail *t);
void tail_fail(struct tail *t, const char *format, ...) WEIR_PRINTF(2, 3);   /* without the lock */
/* Something that the user should know and that ends nothing.  Without the lock. */
void tail_note(struct tail *t, const char *format, ...) WEIR_PRINTF(2, 3);
/* A leader cannot be reached, why NULL: all can.  Without the lock. */
void tail_away(struct tail *t, const char *why);

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
