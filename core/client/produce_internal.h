/* What the files of producing share.
 *
 *   user's thread                    client thread (libuv loop)
 *   client_produce --pmsg--> queue --> topic, partition --> batches --> Produce requests
 *   client_next_event <-- receipts <------------------------------------ answers
 *
 * A message is one block of memory: it waits in the queue and in its batch, and
 * when its fate is known the same block is the receipt.  Nothing of it is freed
 * before the user takes that; so what is owed is bounded in messages and in bytes,
 * and no receipt is ever dropped.
 *
 * Everything from struct pbatch on belongs to the client thread. */
#ifndef WEIR_CLIENT_PRODUCE_INTERNAL_H
#define WEIR_CLIENT_PRODUCE_INTERNAL_H

#include "core/client/internal.h"

#define PRODUCE_FLYING_MAX 5            /* what a broker remembers of an idempotent producer */

enum partitioner { PARTITIONER_MURMUR2_RANDOM, PARTITIONER_MURMUR2, PARTITIONER_RANDOM };
struct produce_settings {
    int64_t linger_us, timeout_us;
    size_t batch_bytes, message_bytes;
    enum partitioner partitioner;
    int acks;                           /* what a message is given that is not told others */
    enum batch_codec codec;
    bool idempotent, idempotent_said;   /* said: the user insists */
    bool foreign;                       /* a property that only librdkafka knows */
};
enum err produce_settings_init(struct produce_settings *s, const struct client_property *v, size_t n,
                               struct error *e) WEIR_MUST_CHECK;

struct pown;
struct prdk;
struct produce {
    struct produce_settings settings;
    struct pown *_Atomic own;           /* newest first; the user's thread adds */
    struct prdk *_Atomic rdk;           /* made when first needed */
    _Atomic size_t owed_bytes;
};

/* ---- a message, later its receipt ---- */

struct pmsg {
    struct event_node node;             /* first.  Before it is a receipt: ev.took_us when it was handed over,
                                         * ev.wall_ms its timestamp, ev.partition as asked, next the queue */
    struct slice key, value;
    const struct record_header *headers;
    size_t size_bytes;                  /* encoded, at most */
    int32_t n_headers;
    uint16_t topic_n;
    int8_t acks;
    uint8_t codec;
    char *topic;                        /* behind it there is room for PMSG_TEXT_BYTES once the message is done with */
};
#define PMSG_TEXT_BYTES 48
static inline struct pmsg *pmsg_next(const struct pmsg *m) { return (struct pmsg *)m->node.next; }

struct pmsgs { struct pmsg *first, *last; size_t n; };
void pmsgs_add(struct pmsgs *q, struct pmsg *m);
struct pmsg *pmsgs_take(struct pmsgs *q);           /* the oldest, NULL: none */
void pmsgs_free(struct pmsgs *q);

/* ---- batches ---- */

struct pbatch {
    struct pbatch *next;
    struct ppart *part;
    struct pmsgs msgs;
    size_t bytes;                       /* uncompressed, at most */
    int tries;                          /* times sent */
    int32_t seq;
    int8_t acks;
    uint8_t codec;
    bool closed;                        /* takes no more */
    bool flying;
    bool sequenced;                     /* seq is of the partition's present id and epoch */
    bool doubt;                         /* an attempt ended without saying whether it was written */
    bool dead;                          /* out of the list, only its request still knows it */
};

struct ppart {
    struct ptopic *topic;
    int32_t index, leader;
    struct pbatch *first, *last;        /* in order; flying ones first */
    size_t n_flying;
    struct pbroker *flying_to;
    size_t active_at;                   /* 1-based place among the active; 0: has no batch */
    int64_t retry_us;                   /* not before */
    int64_t pid;
    int32_t next_seq;
    int16_t epoch;
    bool reset;                         /* its sequence has a hole: a new epoch once nothing flies */
    int16_t error;                      /* of the last attempt, 0: none */
    char why[200];                      /* and the broker's own words */
};

struct ptopic {
    UT_hash_handle hh;
    struct pown *own;
    char *name;
    size_t name_n;
    bool plain;                         /* the name may be shown as it is */
    struct ppart **parts;
    int32_t n_parts;                    /* ever seen, 0: not known */
    int32_t n_now;                      /* in the newest answer: fewer where it was made anew */
    int32_t sticky;
    int64_t known_us;                   /* when the newest good answer was asked for */
    int64_t missing_us;                 /* since when the cluster says that there is none, 0: it does not */
    int16_t error;                      /* of the newest answer */
    bool ask;
    size_t batch_bytes;
    struct pmsgs waiting;               /* for Metadata */
};

struct pbroker {
    struct node node;                   /* first; its owner is the pown */
    size_t n_flying;                    /* requests */
    char why[WHY_SIZE + 160];           /* since it was lost, "": it is there, or was never needed */
};

/* One cluster's worth of producing. */
struct pown {
    struct pown *older;                 /* of the cluster before a reconnect; still delivers what it has */
    struct client *client;
    char *bootstrap;
    pthread_mutex_t lock;
    struct pmsgs queue;                 /* under the lock */
    /* the client thread's */
    bool started, closing, delivered;
    struct wire wire;
    struct nodes nodes;                 /* of struct pbroker */
    size_t refused;                     /* seeds that let nobody in, in a row */
    struct ptopic *topics, *last_topic;
    struct ppart **active;
    size_t n_active, cap_active, turn;
    size_t n_held;                      /* messages that wait for Metadata or are in batches */
    struct timer again;
    struct arena scratch, build;
    struct batch_builder builder;
    struct buf batches;
    int64_t pid;                        /* -1: none yet */
    int16_t epoch;
    int64_t pid_after_us;
    bool asking_pid, wants_pid;
    bool no_pid;                        /* the cluster gives none */
    bool asking;                        /* Metadata is in flight */
    int64_t metadata_after_us, metadata_pause_us;
    uint64_t random;
    struct pmsgs receipts;              /* not yet pushed */
    char why[WHY_SIZE];                 /* why the cluster cannot be reached, "": it can */
};

/* produce.c */
struct pmsg *pmsg_new(const struct produce_message *m, uint64_t id);
void produce_refuse(struct client *c, uint64_t id, int16_t error, const char *text);

/* produce_own.c */
struct pown *produce_own_new(struct client *c, const char *bootstrap);
void produce_own_add(struct pown *o, struct pmsg *m);          /* the user's thread */
void produce_own_on_loop(struct pown *o);
void produce_own_stop(struct pown *o);                         /* the client thread is gone */
void produce_own_free(struct pown *o);                         /* and the loop has closed the handles */
void own_step(struct pown *o);                                 /* whatever can be done now */
void own_later(struct pown *o, int64_t at_us);
static inline struct pbroker *own_broker(struct pown *o, int32_t id) {
    return (struct pbroker *)nodes_find(&o->nodes, id);
}

/* produce_batch.c */
uint32_t murmur2(struct slice key);
/* False: it has to wait for Metadata.  A message that can never be sent is failed. */
bool batch_assign(struct ptopic *t, struct pmsg *m);
void batch_receipt(struct pown *o, struct pmsg *m, const struct ppart *p, int64_t offset);
void batch_refuse(struct pown *o, struct pmsg *m, int16_t error, const char *text);
void batch_push_receipts(struct pown *o);
/* Ends all its messages; takes it out of its partition's list. */
void batch_fail(struct pbatch *b, int16_t error, const char *text);
void batch_done(struct pbatch *b, int64_t base_offset);
/* What the broker said about one message of the batch, NULL: nothing. */
typedef const char *batch_verdict_fn(void *ctx, size_t index, const struct pmsg *m);
/* Fails the messages that have a verdict; the others stay, to be sent as if they never had been. */
void batch_sift(struct pbatch *b, int16_t error, batch_verdict_fn *verdict, void *ctx);
bool batch_split(struct pbatch *b);                            /* false: it is one message */
void batch_expire(struct ptopic *t, int64_t now);
void batch_free(struct pbatch *b);
enum err batch_build(struct pown *o, struct pbatch *b, struct buf *out) WEIR_MUST_CHECK;

/* produce_send.c */
void send_all(struct pown *o);
void send_step(struct pown *o, struct pbroker *b);
void send_ask_pid(struct pown *o);

/* produce_rdk.c */
bool produce_rdk_send(struct client *c, const struct produce_message *m, uint64_t id);  /* false: its queue is full */
void produce_rdk_on_loop(struct client *c);
void produce_rdk_free(struct client *c);

#endif
