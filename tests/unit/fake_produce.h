/* What a fake broker keeps of Produce: the values of each partition in their order,
 * and what a broker remembers of idempotent producers, checked as Kafka does.  One
 * log may be shared by several fakes, which are then brokers of one cluster.  A value
 * that begins with "bad" is refused by name; "bad mute" without a reason of its own.
 * What goes wrong is a script: one step for each Produce request, in their order. */
#ifndef WEIR_TESTS_FAKE_PRODUCE_H
#define WEIR_TESTS_FAKE_PRODUCE_H

#include "core/proto/apis.h"
#include "core/proto/batch.h"

#include <pthread.h>
#include <stdatomic.h>

#define FAKE_LOG_PARTS 3
#define FAKE_REMEMBERED 5
#define FAKE_STEPS 64

/* A step: 0 fine, an error code of Kafka (nothing is written), or one of these. */
enum {
    STEP_CUT_BEFORE = -100, /* the connection breaks, nothing is written */
    STEP_CUT_AFTER,         /* it is written, the connection breaks */
    STEP_LATE,              /* it is written, the answer is REQUEST_TIMED_OUT */
    STEP_FORGET,            /* what is known of producers is gone; UNKNOWN_PRODUCER_ID */
    STEP_LOST,              /* the last batch is lost, as after a crash; then as usual */
    STEP_MUTE,              /* written, never answered */
};

struct fake_log {
    pthread_mutex_t lock;
    int steps[FAKE_STEPS];
    size_t n_steps, at_step;
    _Atomic int max_bytes;          /* of a batch; 0: any */
    _Atomic bool no_ids;            /* InitProducerId is refused */
    _Atomic int requests, ids, batches_max;     /* batches_max: records of the largest batch */
    _Atomic bool bare_acks_all;     /* a batch with acks=all came without a producer's id */
    struct fake_part {
        struct buf text;            /* the values, a blank behind each */
        int64_t end;
        int64_t pid;
        int16_t epoch;
        int32_t next;
        size_t n_last;
        struct { int32_t seq, count; int64_t base; size_t text_n; } last[FAKE_REMEMBERED];
    } parts[FAKE_LOG_PARTS];
};
void fake_log_init(struct fake_log *l);
void fake_log_fini(struct fake_log *l);
/* The same step n times. */
void fake_log_script(struct fake_log *l, int step, size_t n);

enum fake_then { FAKE_ANSWER, FAKE_SILENT, FAKE_CUT };
/* Takes a request; what to do with the answer in *r. */
enum fake_then fake_log_take(struct fake_log *l, const struct produce_req *q, bool leads, struct produce_resp *r,
                             struct arena *a);
void fake_log_id(struct fake_log *l, struct init_producer_id_resp *r);
/* What is in a partition now, for strcmp. */
void fake_log_text(struct fake_log *l, int partition, struct buf *out);

#endif
