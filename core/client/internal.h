/* What the files of core/client share.
 *
 *   user's thread                        client thread (libuv loop)
 *   client_set_interest, client_act -->  commands --> reader, actions, produce
 *   client_poll          <-- mailbox (one slot, atomic exchange) -- reader_publish
 *   client_next_event    <-- events (bounded, counts drops) ------- anyone
 *   tail_rows            <-- ring (its own lock) ------------------ a thread per tail
 *
 * The working picture below (struct reader and what hangs on it) belongs to the
 * client thread alone; the user sees only snapshots of it. */
#ifndef WEIR_CLIENT_INTERNAL_H
#define WEIR_CLIENT_INTERNAL_H

#include "config.h"

#include "core/client/client.h"
#include "core/client/nodes.h"
#include "core/client/security.h"
#include "core/base/log.h"
#include "core/proto/errors.h"

#include <pthread.h>
#include <stdio.h>
#include <uthash.h>

#define EVENTS_MAX 16384
#define WHY_SIZE 400

/* ---- the working picture ---- */

struct action;
struct produce;

struct rbroker {
    struct node node;               /* first; its owner is the reader, its connection for reading */
    struct slice rack;              /* heap */
    struct conn *act;               /* for what may take long (actions, DescribeQuorum); made when first needed */
    bool gone;                      /* not in the newest Metadata */
    int64_t gone_us;                /* since when */
    int64_t silent_us;              /* since when it does not answer, told in the changes; 0: it does */
    uint32_t seen;                  /* metadata_serial */
    char why[WHY_SIZE + 40];
    struct value leads, groups, bytes, answered, quorum_lag, fetch_age_ms;
    bool voter, observer;
    int64_t groups_asked_us, sizes_asked_us;
    bool groups_busy, sizes_busy;
};

struct rpart {
    int32_t index, leader, leader_epoch;
    int32_t n_replicas, n_isr, n_offline;
    uint32_t nodes_at;              /* into the topic's nodes: replicas, isr, offline */
    int16_t error;
    bool placed;             /* Metadata filled it */
    struct value start, end, bytes;
    int64_t end_asked_us, start_asked_us;       /* last question sent */
    int64_t end_seen_us, start_seen_us;         /* when the question of the newest answer was sent */
    int64_t lag_us;                 /* when a lag round last wanted its offsets: asked after that */
    int64_t leaderless_us;          /* since when it has had no leader, 0: it has */
    int64_t base_end, base_us;      /* for the rate; base_us 0: none */
    struct rate in;
};

enum want { WANT_NOT, WANT_REST, WANT_VISIBLE };
struct rtopic {
    UT_hash_handle hh;
    struct slice name;              /* heap */
    struct uuid id;
    int16_t error;
    bool internal, rated;           /* rated: a partition got a rate since the last tick */
    bool compacted, configs_known, grouped;     /* grouped: a group has rows of it */
    enum want want;
    uint32_t seen;                  /* metadata_serial */
    int32_t n_parts;
    struct rpart *parts;            /* by index */
    int32_t *nodes;
    uint32_t n_nodes;
    int32_t n_groups;               /* with a commit or an assignment */
    int64_t configs_asked_us;
    struct history history;
};

struct rcommit {
    struct slice topic, metadata;   /* in commits_arena */
    int32_t partition;
    int64_t offset;
};
enum group_phase { GROUP_IDLE, GROUP_READING, GROUP_COMMITTED, GROUP_ENDS };
struct rgroup {
    UT_hash_handle hh;
    struct slice id;                /* heap */
    char type[16];
    struct slice state, protocol_type, protocol;        /* heap */
    struct rbroker *coordinator;
    int16_t error;
    enum want want;
    uint32_t listed;                /* groups_serial of its broker's list */
    enum group_phase phase;
    bool described, fetched;        /* ever answered */
    bool dead;                      /* listed no more; freed when calls is 0 */
    bool members_elsewhere;         /* a share or streams group: described by APIs that are not read here */
    uint32_t calls;                 /* in flight that point here */
    uint32_t describes_left;        /* of this reading */
    bool again;                     /* this reading met what passes by itself: it is read anew */
    int64_t asked_us, commits_us;   /* commits_us: newest answer */
    struct arena commits_arena;
    struct shared *members_in;      /* NULL: no members */
    struct model_member *members;
    int32_t n_members;
    struct rcommit *commits;        /* by topic, partition */
    int32_t n_commits;
    /* Rows by topic and partition, each set with its names in one piece, which snapshots share once it was judged.
     * `next` waits for its ends; `rows` are what was judged last and what is shown meanwhile. */
    struct rrows {
        struct shared *in;
        struct model_lag *v;
        int32_t n, n_topics;
        struct lag_sum sum;
        struct history *history;    /* of the lag */
    } rows, next;
    struct value lag;
    int64_t lag_us;                 /* when it was judged */
    int32_t growing;                /* judgements in a row in which the lag grew, */
    int64_t growing_us;             /* the first of them */
    struct steps commits_sum;       /* of n_summed partitions */
    int32_t n_summed;
    struct rate in;
    enum trouble trouble;
    char why[WHY_SIZE];             /* last: a snapshot reads all the rest of each group */
};

struct interest {                   /* a heap copy of struct client_interest */
    struct slice *topics; size_t n_topics;
    struct slice *groups; size_t n_groups;
    bool all_offsets, all_groups, sizes, quorum;
};

struct reader {
    struct client *client;
    struct wire *wire;
    struct nodes nodes;             /* of struct rbroker */
    enum link_state link;
    char why[WHY_SIZE], address[ADDR_TEXT_SIZE];
    struct slice cluster_id;        /* heap */
    int32_t controller, controller_epoch, metadata_controller;
    bool controller_true;
    bool zookeeper;                 /* no DescribeQuorum: Metadata's controller is the real one */
    struct rtopic *topics, **topics_sorted;
    size_t n_topics, n_parts;
    struct rgroup *groups, **groups_sorted;
    size_t n_groups;
    bool topics_resort, groups_resort;
    bool topics_known, groups_known;
    uint32_t metadata_serial, groups_serial;
    uint32_t metadata_crc;
    int64_t round_us;               /* start of the running lag round, 0: none was */
    bool metadata_busy, metadata_soon, quorum_busy, configs_busy;
    int64_t metadata_asked_us, metadata_us, quorum_asked_us;
    int64_t metadata_sent_us;       /* when the newest answer was asked for */
    int64_t quorum_us;              /* when DescribeQuorum last named a controller, 0: never */
    int64_t patient_until_us;       /* `once`: until then what passes by itself is asked again, */
    bool again;                     /* at the next tick */
    struct interest interest;
    uint64_t interest_n;            /* interests taken over */
    size_t sweep_at, group_sweep_at;/* where the paced rest goes on */
    size_t in_flight;               /* calls */
    size_t commits_left;            /* OffsetFetch and describe calls of the running round */
    struct timer tick_timer, publish_timer, round_timer, interest_timer;
    struct arena scratch, build;    /* answers; requests */
    bool group_topics_changed;
    struct model_lag *rows_scratch; /* during groups_round */
    uint64_t serial;
    int64_t newest_us, published_us, publish_took_us, interest_us, interest_took_us;
    int64_t paced_us;               /* published_us plus what a burst has used up */
    int64_t down_us;                /* when the link was lost last */
    struct rate in, out;
    struct history in_history;
    bool asking;                    /* more questions follow in this turn */
    bool closing;
};

/* The context of a call: freed by its handler. */
struct rcall {
    struct reader *reader;
    struct rbroker *broker;         /* NULL: any */
    struct rgroup *group;
    struct conn *conn;              /* Metadata */
    int64_t timestamp;              /* ListOffsets */
    bool for_lag;
};

/* ---- the client ---- */

enum command_kind { COMMAND_INTEREST, COMMAND_REFRESH, COMMAND_RECONNECT, COMMAND_ACTION, COMMAND_STOP };
struct command {
    struct command *next;
    enum command_kind kind;
    struct interest interest;
    char *bootstrap;
    struct action *action;
};
struct event_node {
    struct client_event ev;
    struct event_node *next;
    size_t owed_bytes;              /* of a receipt: what its message took */
    bool text_inside;               /* ev.text is part of this block */
};

struct client {
    struct client_config config;    /* strings are heap copies; bootstrap: the user's thread */
    int fd;                         /* eventfd */
    struct snapshot *_Atomic mailbox;
    pthread_t thread;
    uv_loop_t loop;
    uv_async_t async;
    struct security security;       /* constant */
    struct wire wire;
    struct reader reader;
    struct produce *produce;
    struct action_part *waiting;    /* for their connections; client thread */
    struct action *deferred;        /* until a broker can be asked */
    _Atomic size_t receipts_owed;   /* produced, and the receipt not yet taken by the user */
    _Atomic int tails;              /* threads */
    pthread_mutex_t lock;           /* the two queues below */
    struct command *commands, *commands_last;
    struct event_node *events, *events_last;
    size_t n_events;
    _Atomic uint64_t dropped;
    _Atomic uint64_t next_id;
    bool stopping;                  /* client thread */
};

void client_wake(struct client *c);                 /* any thread */
bool client_is_ours(const struct client *c);        /* its security is one that our connections know; any thread */
struct client_event *client_event_new(enum client_event_kind kind);
void client_push_event(struct client *c, struct client_event *ev);     /* any thread; takes it */
void client_push_receipts(struct client *c, struct event_node *first, struct event_node *last);
void client_log(struct client *c, int level, const char *format, ...) WEIR_PRINTF(3, 4);
int64_t client_wall_ms(void);
void client_hand_action(struct client *c, struct action *a);           /* any thread; takes it */

/* reader.c */
void reader_init(struct reader *r, struct client *c);
void reader_fini(struct reader *r);
void reader_start(struct reader *r);
void reader_take_interest(struct reader *r, struct interest *i);
void reader_refresh(struct reader *r);
void reader_reconnect(struct reader *r, const char *bootstrap);
void reader_pass(struct reader *r);                 /* asks every broker for what is due */
struct conn *reader_any_conn(struct reader *r);     /* one that is up, NULL: none */
struct rbroker *reader_any_broker(struct reader *r); /* one that is ready, NULL: none */
struct rbroker *reader_broker(struct reader *r, int32_t id);
static inline struct rbroker *reader_broker_at(const struct reader *r, size_t i) {
    return (struct rbroker *)r->nodes.v[i];
}
struct rbroker *reader_add_broker(struct reader *r, int32_t id);     /* NULL: too many */
struct rbroker *reader_broker_of_metadata(struct reader *r, const struct metadata_resp_broker *m);
bool reader_broker_ready(struct reader *r, struct rbroker *b);
void reader_send(struct reader *r, struct conn *c, const struct proto_message *m, int version, const void *body,
                 conn_answer_fn *done, struct rcall *call);
/* First and last thing of every handler: takes the context; publishes when the last answer is in. */
struct rcall reader_begin(void *ctx, const struct conn_answer *a);
void reader_end(struct reader *r);
void reader_changed(struct reader *r);              /* publish soon */
/* A script has no next refresh: what a cluster still has to hear of (a new topic's leader, a coordinator that
 * loads) is asked again for a moment.  True when it will be. */
bool reader_again(struct reader *r);
/* Refused, hung or gone: what it leads and coordinates cannot be read now. */
static inline bool reader_is_silent(const struct rbroker *b) { return b->why[0] != '\0'; }
void reader_publish(struct reader *r);              /* now */
void reader_interest_free(struct interest *i);
int64_t reader_interval(const struct reader *r);
void reader_after_metadata(struct reader *r, struct conn *c);

/* reader_topics.c */
void topics_ask_metadata(struct reader *r, struct conn *c);
void topics_want(struct reader *r, bool tick);
void topics_step(struct reader *r, struct rbroker *b, int64_t now);
void topics_ask_configs(struct reader *r);
void topics_tick(struct reader *r);                 /* rates into histories */
void reader_free_topics(struct reader *r);
struct rtopic *topics_find(struct reader *r, struct slice name);
struct rpart *topic_part(struct rtopic *t, int32_t index);
bool topics_leaderless(const struct reader *r);     /* some partition is still expected to get a leader; */
void topics_give_up(struct reader *r);              /* not any more */

/* reader_cluster.c */
void cluster_ask_sizes(struct reader *r, struct rbroker *b, int64_t now);
void cluster_ask_quorum(struct reader *r);
const char *cluster_version(const struct conn *c);

/* reader_groups.c */
void groups_want(struct reader *r, bool tick);
void groups_step(struct reader *r, struct rbroker *b, int64_t now);
void groups_known(struct reader *r);                /* notes whether every list is in that can be */
void reader_free_groups(struct reader *r);

/* reader_lag.c */
void groups_tick(struct reader *r);
void groups_judge(struct reader *r, bool all);
void groups_round(struct reader *r);                /* asks for the ends of what was committed */
void groups_count_topics(struct reader *r);

/* reader_snapshot.c */
struct snapshot *reader_snapshot(struct reader *r);

/* changes.c */
void change_say(struct client *c, enum log_level level, const char *format, ...) WEIR_PRINTF(3, 4);
/* ", after 12 s without" for what began then; "" where the beginning is not known (0). */
char *change_after(int64_t began_us, char out[64]);
/* A foreign name for a sentence, in the caller's buffer. */
char *change_name(struct slice s, char out[128]);

/* actions.c */
void action_run(struct client *c, struct action *a);
void action_free(struct action *a);
void actions_again(struct client *c);               /* a broker came up, or the link went down */
void actions_free(struct client *c);
void action_on_up(struct client *c, struct conn *conn);
void action_on_down(struct client *c, struct conn *conn);

/* produce.c */
enum err produce_start(struct client *c, const struct client_config *config, struct error *e) WEIR_MUST_CHECK;
bool produce_knows_properties(const struct client *c);      /* all of them, so that librdkafka need not be asked */
bool produce_is_own(const struct client *c);                /* any thread */
void produce_on_loop(struct client *c);             /* client thread: messages and receipts */
void produce_taken(struct client *c, const struct event_node *receipt);
void produce_stop(struct client *c);                /* after the client thread */
void produce_free(struct client *c);                /* after the loop */

/* rdk.c */
struct rd_kafka_s;
struct rd_kafka_conf_s;
/* The sentence for an error of librdkafka that no waiting mends (heap), NULL: it is none.  Client thread. */
char *rdk_refusal(const struct client *c, int code, const char *text);
/* Whether librdkafka knows the properties and their values. */
enum err rdk_check(const struct client_config *config, struct error *e) WEIR_MUST_CHECK;
/* With the user's properties; logs go to EVENT_LOG. */
struct rd_kafka_conf_s *rdk_conf(struct client *c, const char *bootstrap, struct error *e);
enum err rdk_set(struct rd_kafka_conf_s *conf, const char *name, const char *value, struct error *e) WEIR_MUST_CHECK;

#endif
