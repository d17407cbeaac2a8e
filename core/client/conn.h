/* One connection to one broker, for the console's own reader and actions.
 *
 * Many requests may be in flight; answers come in their order (Kafka promises
 * that per connection), each with the correlation id of its request.
 *
 *   IDLE --open--> RESOLVING --> CONNECTING --> VERSIONS --ApiVersions--> UP
 *     ^                |             | [SECURING] ^ |         [LOGIN] ------^
 *     |                |             |   TLS -----' |  SASL -----'
 *     |                '-------------'--------------'------any failure-----> DOWN
 *     '-------- conn_open() once retry_at_us has come ------------------------'
 *
 * A failure ends every call in flight with the sentence in `why`, and the next
 * attempt waits: 0.25 s doubling to 5 s; 30 s where a login or a certificate was
 * refused, because some brokers lock the user out.
 * Thread: the one of the wire's loop.  Callbacks run on it; inside one,
 * conn_send, conn_open and conn_free of any connection are allowed. */
#ifndef WEIR_CLIENT_CONN_H
#define WEIR_CLIENT_CONN_H

#include "core/base/heap.h"
#include "core/io/addr.h"
#include "core/io/frame.h"
#include "core/proto/apis.h"

#include <uthash.h>
#include <uv.h>

struct sasl;
struct security;
struct tls;
struct tls_context;

#define CONN_API_KEYS 128
#define CONN_CONNECT_US (5 * 1000000LL)      /* resolving, connecting and ApiVersions */
#define CONN_ANSWER_US (10 * 1000000LL)      /* a call; past it the connection is given up */

struct conn;
struct conn_answer {
    enum err err;                   /* not OK: no answer came, `why` of the connection says more */
    const char *why;
    int16_t key, version;
    struct slice body;              /* valid during the callback */
    int64_t sent_us, at_us;
};
typedef void conn_answer_fn(void *ctx, const struct conn_answer *a);
typedef void conn_state_fn(void *ctx, struct conn *c);

/* An address where a broker has answered with the settings as they are. */
struct conn_place {
    UT_hash_handle hh;
    char name[];
};

/* What the connections of one client share. */
struct wire {
    uv_loop_t *loop;
    uv_timer_t timer;
    uv_prepare_t prepare;
    struct timers timers;
    struct frame_pool pool;
    struct proto_out out;           /* scratch */
    struct conn *dirty;             /* have bytes to send */
    struct conn *buried;            /* freed inside one of its callbacks */
    const struct security *security; /* borrowed; NULL: neither TLS nor SASL */
    struct tls_context *tls;        /* made when first needed */
    struct conn_place *worked;      /* by conn's name */
    const char *client_id;          /* borrowed; NULL: weir */
    conn_state_fn *up, *down;
    void *ctx;
};
int64_t wire_now_us(void);          /* CLOCK_MONOTONIC */
void wire_init(struct wire *w, uv_loop_t *loop);
void wire_fini(struct wire *w);     /* closes its handles; the loop must run on for their callbacks */

enum conn_state {
    CONN_IDLE, CONN_RESOLVING, CONN_CONNECTING, CONN_SECURING, CONN_VERSIONS, CONN_LOGIN, CONN_UP, CONN_DOWN,
};
struct conn_call {
    struct conn_call *next;
    conn_answer_fn *done;
    void *ctx;
    int64_t sent_us;
    int32_t correlation_id;
    int16_t key, version;
};
struct conn_range { int16_t min, max; };   /* max < 0: the broker does not know it */
struct conn {
    struct wire *wire;
    struct conn *next_dirty;
    char host[ADDR_HOST_SIZE];
    uint16_t port;
    char name[ADDR_TEXT_SIZE];      /* host:port, sanitised */
    enum conn_state state;
    enum err err;                   /* DOWN: what kind of failure */
    bool refused_names;             /* DOWN: the name did not resolve */
    char why[400];                  /* DOWN: one sentence, sanitised */
    void *user;                     /* the owner's */
    struct conn_range apis[CONN_API_KEYS];
    int16_t metadata_level;         /* largest metadata.version it supports, -1 unknown */
    int16_t metadata_in_use;        /* the one that the cluster has agreed on, -1 unknown */
    bool has_worked;                /* a broker has answered at this address, this connection or one before it */
    int64_t answered_us;            /* the last answer */
    int64_t rtt_us;                 /* and how long it took */
    int64_t retry_at_us, backoff_us;
    int64_t patience_us;            /* for resolving, connecting and ApiVersions; the owner may shorten it */
    struct conn_call *first, *last; /* in flight, oldest first */
    size_t n_calls;
    /* private */
    struct timer timer;
    struct conn_resolve *resolve;
    struct addrinfo *addresses, *address;
    uv_poll_t *poll;
    int poll_events;
    int fd;
    struct frame_reader in;
    struct buf out;
    size_t out_sent;                /* of out; with TLS of sealed */
    struct tls *tls;                /* NULL: in the clear */
    struct buf sealed;              /* what TLS made of out */
    struct sasl *sasl;              /* a login is going on, also one that is renewed while UP; */
    struct buf held;                /* then what is sent meanwhile waits here */
    struct conn_call *held_first, *held_last;
    struct timer login_timer;       /* when it must be renewed */
    size_t frame_max;               /* small until it is up */
    int32_t next_correlation;
    int32_t answers;                /* since it came up, ApiVersions not counted */
    int depth;                      /* inside callbacks */
    bool is_dirty, is_buried;
    enum err broken;                /* found inside the frame handler, acted on after it */
    char broken_why[ERROR_TEXT_SIZE];
};
struct conn *conn_new(struct wire *w, const char *host, uint16_t port, void *user);
void conn_free(struct conn *c);     /* calls in flight end with ERR_CLOSED */
/* Starts connecting when IDLE, or DOWN and its time has come. */
void conn_open(struct conn *c);
/* The next attempt waits this long, as if one had failed. */
void conn_wait(struct conn *c, int64_t us);
/* Forgets the backoff: the user asked. */
void conn_hurry(struct conn *c);
static inline bool conn_is_up(const struct conn *c) { return c->state == CONN_UP; }
static inline bool conn_is_busy(const struct conn *c) {
    return c->state != CONN_UP && c->state != CONN_DOWN && c->state != CONN_IDLE;
}
/* DOWN for a reason that waiting does not mend: a login, a certificate, a setting. */
static inline bool conn_is_refused(const struct conn *c) {
    return c->err == ERR_AUTH || c->err == ERR_UNSUPPORTED || c->err == ERR_INVALID;
}
/* The highest version that both sides know, at most `max`; -1: none. */
int conn_version(const struct conn *c, int16_t key, int max);
/* Only when UP.  The body is encoded before it returns. */
void conn_send(struct conn *c, const struct proto_message *m, int version, const void *body, conn_answer_fn *done,
               void *ctx);
/* The same for a request that has no answer (Produce with acks=0). */
void conn_tell(struct conn *c, const struct proto_message *m, int version, const void *body);
/* Sends what it can at once, for a caller that will be busy before the loop turns. */
void conn_push(struct conn *c);
/* The caller was busy, not the broker: the time in flight starts anew. */
void conn_forgive(struct conn *c);
/* When the oldest call in flight was sent; INT64_MAX: none. */
static inline int64_t conn_oldest_us(const struct conn *c) { return c->first != NULL ? c->first->sent_us : INT64_MAX; }
/* Decodes an answer; the arena is reset first and capped by the size of the body. */
enum err conn_decode(const struct conn_answer *a, struct arena *arena, void *body) WEIR_MUST_CHECK;

#endif
