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
    bool check_compressed;            /* open compressed batches to check their records */
    bool compact, delete_old;
    struct log_config log;
};

struct partition {
    struct topic *topic;
    struct store_log *log;            /* store_log_user(log) points back here */
    int32_t index;
    uint64_t asked_in;                /* as in struct topic */
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
    uint64_t asked_in;                /* the request that met it last (stats.requests), to find repeats */
    bool deleting;                    /* topic_delete is at work: its long polls see it as unknown */
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
    size_t held;                      /* REQUEST_ANSWERED: its bytes in conn->held */
    size_t begun_bytes;               /* what it was decoded to, in conn->begun_bytes and the broker's */
    bool no_response;                 /* Produce with acks=0 */
    bool hang_up;                     /* instead of an answer, in its turn */
    bool too_large;                   /* its arena went past the cap: hang up instead of the answer */
    const char *hang_up_reason;
    /* Store failed while waiting: must build and encode the error answer with request_reply. */
    void (*on_failed)(struct broker *b, struct request *rq);
    /* Connection gone while parked: unhook from wherever it waits; the request is freed after. */
    void (*on_abandoned)(struct broker *b, struct request *rq);
    /* Parked, and its answer could leave now: first of its connection, or there is room again.  NULL: no matter.
     * True: something will be done at the end of the tick. */
    bool (*on_turn)(struct broker *b, struct request *rq);
    void *wait;                       /* the handler's own, in the arena */
    struct request *next, *prev;      /* the connection's queue, oldest first */
    void (*retry)(struct broker *b, struct request *rq);   /* waits for a cold read (request_park_until_readable) */
    struct request *retry_next, *retry_prev;
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
    size_t unfinished, held;          /* requests; bytes of answers that wait for their turn */
    size_t begun_bytes;
    bool ending;                      /* a request in the queue ends it: later frames are not begun */
    bool closing;                     /* hang_up was called */
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
    uint64_t producer_id_ticket;      /* of the block that producer_id_next is in */
    struct broker_conn *conns;
    struct request *durable_first, *durable_last;
    struct request *retries;          /* wait for cold reads */
    bool readable;                    /* one of those may have come */
    size_t begun_bytes;               /* of requests that are begun, on all connections */
    struct request *spare;            /* freed requests with a small arena, for the next frame */
    size_t n_spare;
    struct fetch_op *woken;           /* long polls to look at when the tick ends (fetch.c) */
    struct timer retention_timer;
    uint64_t hash_seed;               /* keyset.c */
    struct buf scratch, recompressed; /* of one produce (produce.c) */
    struct timers timers;
    struct broker_stats stats;
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
/* For a handler whose store call said ERR_AGAIN: `retry` is called once some log can be read
 * again (or a topic went); it answers, or calls this once more. */
void request_park_until_readable(struct broker *b, struct request *rq,
                                 void (*retry)(struct broker *, struct request *));
void request_run_retries(struct broker *b);
/* acks=0: no answer, the request is done. */
void request_finish_silently(struct broker *b, struct request *rq);
void request_hang_up(struct broker *b, struct request *rq, const char *reason);
/* A zeroed, defaulted array of n response structs in the request's arena; never NULL (response arenas
 * are capped far above what a request of the size limit can ask for; past it the connection closes). */
#define request_array(rq, type, n) ((struct type *)request_alloc_array((rq), PROTO_STRUCT(type), (int64_t)(n)))
void *request_alloc_array(struct request *rq, const struct proto_struct *s, int64_t n);   /* below 0: 0 */
/* The same for bytes and text: never null. */
void *request_alloc(struct request *rq, size_t n);                 /* zeroed */
struct slice request_dup(struct request *rq, struct slice s);      /* null stays null */
struct slice request_printf(struct request *rq, const char *format, ...) WEIR_PRINTF(2, 3);
/* Text from a client as valid UTF-8: bytes that are none become U+FFFD, as Kafka's decoder does. */
struct slice request_utf8(struct request *rq, struct slice s);
bool request_client_is(const struct request *rq, const char *client_id);
/* The store's durable event: answers what waited for it. */
void request_on_durable(struct broker *b, uint64_t durable, enum err result);
void request_free(struct broker *b, struct request *rq);
static inline int64_t broker_now_us(struct broker *b) { return b->env->mono_us(b->env); }
static inline int64_t broker_now_ms(struct broker *b) { return b->env->wall_ms(b->env); }

/* ---- handlers: api/NN_name.c, one row each in handlers.def ---- */
typedef void handler_fn(struct broker *b, struct request *rq);
#define HANDLER(key, name) handler_fn handle_##name;
#include "core/broker/handlers.def"
#undef HANDLER

/* ---- topic.c ---- */
#define TOPIC_NAME_MAX 249
#define PARTITIONS_MAX 1000000        /* of all topics */
bool topic_name_valid(struct slice name, const char **why);
/* The sentence that Kafka answers for a bad name; in the request's arena. */
struct slice topic_name_error(struct request *rq, struct slice name);
/* A topic whose name differs only in '.' and '_'; NULL: none. */
struct topic *topic_colliding(struct broker *b, struct slice name);
bool topic_name_internal(struct slice name);
struct topic *topic_find(struct broker *b, struct slice name);
struct topic *topic_find_id(struct broker *b, const struct uuid *id);
/* OK, ERR_EXISTS, ERR_INVALID, ERR_LIMIT, store errors.  Configs: names checked before (configs.c). */
struct config_entry { struct slice name, value; };
enum err topic_create(struct broker *b, struct slice name, int32_t n_partitions, const struct config_entry *configs,
                      size_t n_configs, struct topic **out, uint64_t *ticket) WEIR_MUST_CHECK;
enum err topic_delete(struct broker *b, struct topic *t, uint64_t *ticket) WEIR_MUST_CHECK;
enum err topic_add_partitions(struct broker *b, struct topic *t, int32_t n_partitions,
                              uint64_t *ticket) WEIR_MUST_CHECK;
enum err topic_save(struct broker *b, struct topic *t, uint64_t *ticket) WEIR_MUST_CHECK;
struct partition *partition_find(struct broker *b, struct slice topic, int32_t index);  /* NULL: unknown */
enum err topics_load(struct broker *b, struct error *e);
void topics_free(struct broker *b);
struct partition *topic_partition(struct topic *t, int32_t index);  /* NULL: t is NULL or has no such partition */
/* Why a manual list of replicas cannot be, as Kafka says it; null: it can. */
struct slice assignment_error(struct broker *b, struct request *rq, const int32_t *ids, int32_t n);
/* Last stable offset: the high watermark until transactions are there. */
int64_t partition_lso(const struct partition *p);
/* The internal topic __consumer_offsets, made when first needed. */
enum err topic_offsets(struct broker *b, struct topic **out, uint64_t *ticket) WEIR_MUST_CHECK;
int16_t kafka_error_of(enum err e);   /* store's errors as Kafka's codes */
/* KAFKA_NONE, or 74/75 when a client's idea of the leader epoch is behind or ahead; negative: no idea. */
int16_t partition_check_epoch(const struct partition *p, int32_t current_leader_epoch);

/* ---- produce.c: also used for internal appends ---- */
/* Appends a batch that the broker built itself. */
enum err partition_append(struct broker *b, struct partition *p, uint8_t *batch, size_t n,
                          struct append_result *out) WEIR_MUST_CHECK;

/* ---- fetch.c ---- */
void fetch_partition_advanced(struct broker *b, struct partition *p);   /* high watermark or start moved */
void fetch_partition_readable(struct broker *b, struct partition *p);   /* a cold read may be tried again */
void fetch_topic_deleted(struct broker *b, struct topic *t);            /* wakes its long polls */
void fetch_run_woken(struct broker *b);                                 /* end of tick */

/* ---- group.c and its files (the coordinator) ---- */
enum err groups_new(struct broker *b, struct error *e);      /* after topics_load: replays __consumer_offsets */
void groups_free(struct broker *b);
void groups_topic_deleted(struct broker *b, struct topic *t, uint64_t *ticket);
size_t groups_count(const struct broker *b);

/* ---- configs_rows.c (tables), configs.c (values), configs_named.c, configs_alter.c ---- */
enum config_scope { SCOPE_TOPIC, SCOPE_BROKER, SCOPE_GROUP, SCOPE_METRICS };
/* Kafka's codes of config types and sources */
enum config_type {
    CONFIG_BOOLEAN = 1, CONFIG_STRING, CONFIG_INT, CONFIG_SHORT, CONFIG_LONG, CONFIG_DOUBLE, CONFIG_LIST, CONFIG_CLASS,
    CONFIG_PASSWORD,
};
enum config_source {
    SOURCE_TOPIC = 1, SOURCE_BROKER, SOURCE_DEFAULT_BROKER, SOURCE_STATIC, SOURCE_DEFAULT, SOURCE_LOGGER,
    SOURCE_METRICS, SOURCE_GROUP,
};
enum { RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4, RESOURCE_LOGGER = 8, RESOURCE_METRICS = 16, RESOURCE_GROUP = 32 };
enum config_update { UPDATE_READ_ONLY, UPDATE_PER_BROKER, UPDATE_CLUSTER };
/* One row of configs.def. */
struct config_row {
    const char *name;
    enum config_type type;
    const char *def;                  /* NULL: null */
    const char *broker;               /* topic rows: the broker config it falls back to; NULL: none */
    const char *rule;                 /* ">=N", "N..M", "a|b|c", "" */
    enum config_update update;        /* broker rows */
    bool acts;                        /* false: stored and shown only */
    const char *doc;
};
const struct config_row *config_row_find(enum config_scope scope, struct slice name);   /* NULL: unknown */
const struct config_row *config_rows(enum config_scope scope, size_t *n);               /* by name */
/* OK or ERR_INVALID with Kafka's own sentence. */
enum err config_check(const struct config_row *row, struct slice value, struct error *e) WEIR_MUST_CHECK;
/* A topic's whole set of overrides: names, values, and the rules between them. */
enum err topic_configs_check(struct broker *b, const struct config_entry *v, size_t n, struct error *e) WEIR_MUST_CHECK;
/* The override of a topic, NULL: not set. */
const char *topic_configs_get(const struct topic *t, const char *name);
size_t topic_configs_list(const struct topic *t, struct config_entry *out, size_t max);
void topic_configs_set(struct topic *t, const struct config_entry *v, size_t n);   /* replaces all */
void topic_configs_free(struct topic *t);
/* What a topic config is worth without an override, and where that comes from. */
const char *topic_config_default(struct broker *b, const struct config_row *row, enum config_source *source);
/* A broker config and where its value comes from; NULL: null. */
const char *broker_config_value(struct broker *b, const struct config_row *row, enum config_source *source);
/* Every place that gives a broker config a value, the winner first. */
struct config_place { const char *value; enum config_source source; };
size_t broker_config_places(struct broker *b, const struct config_row *row, struct config_place out[4]);
/* Dynamic broker configs: of this broker (whole = false) or the cluster's default.  value NULL: removed. */
enum err broker_config_set(struct broker *b, bool whole, struct slice name, const char *value,
                           uint64_t *ticket) WEIR_MUST_CHECK;
/* Names of the dynamic ones, also those without a row. */
size_t broker_config_dynamic(struct broker *b, bool whole, struct config_entry *out, size_t max);
bool config_broker_id(struct slice text, int32_t *id);       /* false: not a number */
enum err configs_new(struct broker *b, struct error *e);     /* settings and the map's dynamic ones */
void configs_free(struct broker *b);
int64_t config_int(struct broker *b, const char *name);      /* resolved broker config; bug if unknown */
double config_double(struct broker *b, const char *name);
bool config_bool(struct broker *b, const char *name);
const char *config_string(struct broker *b, const char *name);
/* Overrides and broker defaults -> t->v, store_log_configure */
void topic_configs_resolve(struct broker *b, struct topic *t);
/* Groups and metrics subscriptions: SCOPE_GROUP and SCOPE_METRICS, any name. */
/* null: not set */
struct slice config_named_get(struct broker *b, enum config_scope scope, struct slice name, const char *config);
enum err config_named_set(struct broker *b, enum config_scope scope, struct slice name, struct slice config,
                          struct slice value, uint64_t *ticket) WEIR_MUST_CHECK;   /* value null: removes */
const char *config_named_default(struct broker *b, const struct config_row *row);
enum err config_named_check(struct broker *b, enum config_scope scope, const struct config_row *row, struct slice value,
                            struct error *e) WEIR_MUST_CHECK;
/* The names that have any set. */
typedef void config_named_fn(void *ctx, struct slice name);
void config_named_each(struct broker *b, enum config_scope scope, config_named_fn *each, void *ctx);
/* handler's helper: CreateTopics and DescribeConfigs list a topic's configs the same way */
const char *topic_config_value(struct broker *b, const struct topic *t, const struct config_row *row,
                               enum config_source *source);

#endif
