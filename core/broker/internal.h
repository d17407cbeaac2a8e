/* What the broker's files share: topics, requests, waiting.  See broker.h for
 * the outside.
 *
 * Life of a request:
 *
 *   frame -> begun -> handler --reply-------------------> answered -> sent in order
 *                       |--reply_when(ticket)-> durable?-^   (store failed: on_failed)
 *                       '--park------------> woken/timer-^   (conn gone: on_abandoned)
 *
 * A request is freed when its answer was handed to the sink or its connection
 * went away.  Everything it needs is in its arena: for all APIs but Produce the
 * frame was copied into it before decoding. */
#ifndef WEIR_BROKER_INTERNAL_H
#define WEIR_BROKER_INTERNAL_H

#include "core/base/heap.h"
#include "core/broker/broker.h"
#include "core/proto/apis.h"
#include "core/proto/errors.h"

#include <uthash.h>

/* store map kinds; append only */
enum map_kind {
    MAP_CLUSTER = 1,       /* "id" -> cluster id text */
    MAP_TOPIC = 2,         /* name -> topic record (topic.c) */
    MAP_CONFIG = 3,        /* "broker" or "broker:<id>" + 0 + config name -> value */
    MAP_PRODUCER_ID = 4,   /* "next" -> i64: first id not yet handed to this run */
    MAP_QUOTA = 5,
    MAP_SCRAM = 6,
    MAP_FEATURE = 7,
};

struct topic_configs;      /* configs.c: overrides by name, and the resolved values below */
struct topic_values {
    int32_t max_message_bytes;
    bool append_time;                 /* message.timestamp.type=LogAppendTime */
    int64_t timestamp_before_max_ms, timestamp_after_max_ms;
    int compression;                  /* -1: producer; else enum batch_codec */
    int compression_level;
    bool compact;
    struct log_config log;
};

struct partition {
    struct topic *topic;
    struct store_log *log;            /* store_log_user(log) points back here */
    int32_t index;
    struct fetch_wait *waiters;       /* long polls that look at this partition (fetch.c) */
};

struct topic {
    struct uuid id;
    char *name;                       /* valid Kafka name: no escaping needed */
    int32_t n_partitions;
    struct partition **partitions;    /* each allocated by itself: pointers stay */
    bool internal;
    struct topic_configs *configs;
    struct topic_values v;            /* resolved */
    UT_hash_handle by_name, by_id;
};

enum request_state { REQUEST_RUNNING, REQUEST_WAITS_DURABLE, REQUEST_PARKED, REQUEST_ANSWERED };

struct request {
    struct broker_conn *conn;
    struct proto_request_header header;
    const struct api *api;
    struct arena arena;
    void *body;                       /* the decoded struct of the API's request */
    enum request_state state;
    uint64_t ticket;                  /* REQUEST_WAITS_DURABLE */
    struct broker_response *response;
    bool no_response;                 /* Produce with acks=0 */
    /* Store failed while waiting: must build and encode the error answer with request_reply. */
    void (*on_failed)(struct broker *b, struct request *rq);
    /* Connection gone while parked: unhook from wherever it waits; the request is freed after. */
    void (*on_abandoned)(struct broker *b, struct request *rq);
    void *wait;                       /* the handler's own, in the arena */
    struct request *next, *prev;      /* the connection's queue, oldest first */
    struct request *next_durable;     /* the broker's queue of waiting tickets, ascending */
    bool dead;                        /* abandoned but still on the durable queue */
};

struct broker_conn {
    struct broker *broker;
    struct broker_sink *sink;
    char *host;                       /* advertised to this client */
    int32_t port;
    char *peer;
    struct request *first, *last;     /* begun, not sent */
    size_t unfinished;
    bool closing;                     /* hang_up was called */
    char software_name[64], software_version[64];
    struct broker_conn *next, *prev;
};

struct broker {
    struct env *env;
    struct store *store;
    struct broker_settings settings;
    char cluster_id[UUID_TEXT_SIZE];
    struct topic *topics_by_name, *topics_by_id;
    size_t n_topics, n_partitions;
    struct broker_configs *configs;   /* configs.c */
    struct groups *groups;            /* group.c */
    struct fetch_sessions *sessions;  /* fetch_session.c */
    int64_t producer_id_next, producer_id_end;
    struct broker_conn *conns;
    struct request *durable_first, *durable_last;
    struct timers timers;
    struct broker_stats stats;
    bool writable;                    /* false while the disk is full */
    enum err failed;                  /* the store's final error */
};

/* ---- request.c ---- */
/* Encodes the answer (a struct of the API's response) and queues it for sending.  rq may be
 * gone when this returns. */
void request_reply(struct broker *b, struct request *rq, const void *response);
/* The same, sent once the ticket is durable; ticket 0 or already durable: at once.
 * `response` may be reused after the call; on_failed must be set (or conn is closed on failure). */
void request_reply_when(struct broker *b, struct request *rq, uint64_t ticket, const void *response);
/* The handler keeps the request; it must end in request_reply or in on_abandoned. */
void request_park(struct request *rq, void (*on_abandoned)(struct broker *, struct request *), void *wait);
/* acks=0: no answer, the request is done. */
void request_finish_silently(struct broker *b, struct request *rq);
void request_hang_up(struct broker *b, struct request *rq, const char *reason);
/* A zeroed, defaulted array of n response structs in the request's arena; never NULL (response arenas
 * are capped far above what a request of the size limit can ask for; past it the connection closes). */
#define request_array(rq, type, n) ((struct type *)request_alloc_array((rq), PROTO_STRUCT(type), (size_t)(n)))
void *request_alloc_array(struct request *rq, const struct proto_struct *s, size_t n);
static inline int64_t broker_now_us(struct broker *b) { return b->env->mono_us(b->env); }
static inline int64_t broker_now_ms(struct broker *b) { return b->env->wall_ms(b->env); }

/* ---- handlers: api/NN_name.c, one row each in handlers.def ---- */
typedef void handler_fn(struct broker *b, struct request *rq);
#define HANDLER(key, name) handler_fn handle_##name;
#include "core/broker/handlers.def"
#undef HANDLER

/* ---- topic.c ---- */
#define TOPIC_NAME_MAX 249
bool topic_name_valid(struct slice name, const char **why);
struct topic *topic_find(struct broker *b, struct slice name);
struct topic *topic_find_id(struct broker *b, const struct uuid *id);
/* OK, ERR_EXISTS, ERR_INVALID, store errors.  Configs: names checked before (configs.c). */
struct config_entry { struct slice name, value; };
enum err topic_create(struct broker *b, struct slice name, int32_t n_partitions, const struct config_entry *configs,
                      size_t n_configs, struct topic **out, uint64_t *ticket) WEIR_MUST_CHECK;
enum err topic_delete(struct broker *b, struct topic *t, uint64_t *ticket) WEIR_MUST_CHECK;
enum err topic_add_partitions(struct broker *b, struct topic *t, int32_t n_partitions, uint64_t *ticket) WEIR_MUST_CHECK;
enum err topic_save(struct broker *b, struct topic *t, uint64_t *ticket) WEIR_MUST_CHECK;
struct partition *partition_find(struct broker *b, struct slice topic, int32_t index);  /* NULL: unknown */
enum err topics_load(struct broker *b, struct error *e);
void topics_free(struct broker *b);
/* Last stable offset: the high watermark until transactions are there. */
int64_t partition_lso(const struct partition *p);
/* The internal topic __consumer_offsets, made when first needed. */
enum err topic_offsets(struct broker *b, struct topic **out, uint64_t *ticket) WEIR_MUST_CHECK;
int16_t kafka_error_of(enum err e);   /* store's errors as Kafka's codes */

/* ---- produce.c: also used for internal appends ---- */
/* Appends a batch that the broker built itself. */
enum err partition_append(struct broker *b, struct partition *p, uint8_t *batch, size_t n, struct append_result *out) WEIR_MUST_CHECK;

/* ---- fetch.c ---- */
void fetch_partition_advanced(struct broker *b, struct partition *p);   /* high watermark or start moved */
void fetch_topic_deleted(struct broker *b, struct topic *t);            /* wakes its long polls */

/* ---- group.c and its files (the coordinator) ---- */
enum err groups_new(struct broker *b, struct error *e);      /* after topics_load: replays __consumer_offsets */
void groups_free(struct broker *b);
void groups_topic_deleted(struct broker *b, struct topic *t, uint64_t *ticket);
size_t groups_count(const struct broker *b);

/* ---- configs.c ---- */
enum err configs_new(struct broker *b, struct error *e);     /* settings and the map's dynamic ones */
void configs_free(struct broker *b);
int64_t config_int(struct broker *b, const char *name);      /* resolved broker config; bug if unknown */
bool config_bool(struct broker *b, const char *name);
const char *config_string(struct broker *b, const char *name);
void topic_configs_resolve(struct broker *b, struct topic *t);   /* overrides and broker defaults -> t->v, store_log_configure */

#endif
