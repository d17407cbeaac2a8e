/* A small broker for tests of the client: one thread, our own codec, a cluster
 * that the test writes down.  What it does wrong, it does on request. */
#ifndef WEIR_TESTS_FAKE_BROKER_H
#define WEIR_TESTS_FAKE_BROKER_H

#include "core/proto/apis.h"
#include "core/proto/batch.h"
#include "tests/unit/fake_produce.h"

#include <pthread.h>
#include <stdatomic.h>

#define FAKE_KEYS 128

enum fake_mood {
    FAKE_FINE,
    FAKE_MUTE,          /* reads and never answers */
    FAKE_GARBAGE,       /* answers with noise */
    FAKE_HTTP,          /* answers as a web server */
    FAKE_CLOSING,       /* closes at the first request after ApiVersions */
    FAKE_SHUT,          /* closes at any request */
    FAKE_WRONG_ID,      /* answers with another correlation id */
    FAKE_LIES,          /* counts that promise more than is there */
};
#define FAKE_PARTS 3
struct fake {
    uint16_t port;
    const char *advertised_host;    /* default 127.0.0.1 */
    _Atomic int advertised_port;    /* 0: its own */
    _Atomic int mood;
    _Atomic bool hold_offsets;      /* ListOffsets waits until this is false */
    _Atomic bool old;               /* knows ApiVersions 0 and Metadata 1 only */
    _Atomic bool second_topic;      /* "beta" exists */
    _Atomic int leader;             /* of every partition; 1 is the broker itself */
    _Atomic int64_t start, end, committed;  /* of every partition of "alpha"; group "crew" */
    _Atomic bool compacted;
    _Atomic int codec;              /* of the batches that Fetch gives: ten records each, "value-OFFSET" */
    _Atomic bool rotten;            /* one bit of every batch is wrong */
    struct fake_log *log;           /* what Produce writes to; NULL: it is not offered */
    struct fake *other;             /* broker 2 of the same cluster, or 1 where node is 2 */
    int node;                       /* its own id; default 1 */
    _Atomic int makes_after;        /* so many questions for "gamma" until it is made; 0: never */
    _Atomic int seen[FAKE_KEYS];       /* requests by key */
    _Atomic bool auto_create_seen;  /* a Metadata request that would have created topics */
    /* private */
    int fd, wake[2];
    pthread_t thread;
};
void fake_start(struct fake *f);
void fake_stop(struct fake *f);
/* A port of 127.0.0.1 on which nobody listens. */
uint16_t fake_free_port(void);

#endif
