/* The coordinator of classic groups: what its files share.
 *
 *   group.c          the groups by id, their states, limits, expiry
 *   group_member.c   members, protocols, sessions
 *   group_join.c     the rebalance: join, sync, leave
 *   group_offsets.c  committed offsets in memory
 *   group_log.c      records in __consumer_offsets, and their copying forward
 *   group_load.c     __consumer_offsets back into groups, at start
 *
 * States of a group (a group that is not there is Dead to those who ask):
 *
 *             first member            all members joined, or the
 *             joins                   rebalance timeout passed
 *     Empty ----------> Preparing ---------------------------> Completing
 *       ^ ^             Rebalance <--------------------------- Rebalance
 *       | |              |  ^ ^      member joins, leaves or        |
 *       | '--------------'  | |      expires; sync timeout          | leader's SyncGroup
 *       |  nobody joined    | |                                     v
 *       |                   | '--------------------------------- Stable
 *    offsets of an          |        member joins with news, leader joins,
 *    unknown group          |        member leaves or expires
 *                           '- group.initial.rebalance.delay.ms while more join
 *
 * What an answer shows is durable: a commit is applied at once but answered, and
 * shown by OffsetFetch, when the group's last ticket is durable.
 *
 * Owner: struct groups, in struct broker.  Thread: the broker's. */
#ifndef WEIR_BROKER_GROUP_H
#define WEIR_BROKER_GROUP_H

#include "core/broker/internal.h"

#define GROUPS_MAX 100000
#define GROUPS_BYTES_MAX ((size_t)1 << 30)       /* all groups' members and offsets in memory */
#define GROUP_BYTES_MAX ((size_t)32 << 20)       /* members of one group: one record holds them */
#define GROUP_PENDING_MAX 1000                   /* ids handed out and not yet used */
#define GROUP_PROTOCOLS_MAX 100                  /* of one member */
#define GROUP_BATCH_BYTES_MAX ((size_t)16 << 20) /* one OffsetCommit */
#define GROUP_NEW_MEMBER_TIMEOUT_MS 300000       /* a first JoinGroup may be parked this long */

enum group_state { GROUP_EMPTY, GROUP_PREPARING, GROUP_COMPLETING, GROUP_STABLE };

/* A key that is alive in __consumer_offsets, in the order of its newest record. */
struct log_node {
    struct log_node *prev, *next;    /* NULL: no record */
    int64_t offset;                  /* of the newest record */
    uint32_t bytes;
    bool is_group;                   /* group metadata; else a committed offset */
};

/* One partition of __consumer_offsets. */
struct offsets_log {
    int32_t index;
    struct log_node live;            /* list head: oldest record first */
    uint64_t live_bytes;             /* of the records in the list */
    uint64_t log_bytes;              /* of the batches from the log start on */
    bool compacting;
    int64_t mark;                    /* compacting: live records below are written again */
    uint64_t mark_bytes;             /* log_bytes when it began */
    int64_t not_before_us;           /* after a failure */
};

struct group_offset {
    struct log_node node;
    struct group_topic *topic;
    int64_t offset, commit_ms, expire_ms;   /* expire_ms -1: by the broker's retention */
    int32_t partition, leader_epoch;
    struct slice metadata;                  /* heap */
};

struct group_topic {
    struct group *group;
    struct slice name;               /* heap */
    struct group_offset **v;         /* by partition */
    size_t n, cap;
    UT_hash_handle hh;
};

struct protocol {
    struct slice name, metadata;
};
/* One heap block with the bytes behind the array. */
struct protocols {
    size_t n, bytes;
    struct protocol v[];
};

struct member {
    struct group *group;
    struct slice id, instance_id, client_id, client_host;   /* heap; instance_id null: dynamic */
    int32_t session_timeout_ms, rebalance_timeout_ms;
    struct protocols *protocols;
    struct slice assignment;         /* heap */
    bool awaiting_join;              /* it has joined the coming generation */
    bool is_new;                     /* its first JoinGroup is not answered: it does not know its id */
    bool pending_sync;               /* joined this generation, SyncGroup not seen */
    struct request *join, *sync;     /* parked; NULL: none, or the connection went away */
    struct timer session;
    UT_hash_handle by_id, by_instance;
};

/* An id that was handed out (KIP-394) and not yet used. */
struct pending_member {
    struct group *group;
    struct slice id;                 /* heap */
    struct timer session;
    UT_hash_handle hh;
};

struct protocol_count {
    struct slice name;               /* heap */
    size_t n;                        /* members that support it */
    UT_hash_handle hh;
};

struct group {
    struct slice id;                 /* heap */
    struct groups *owner;
    int32_t home;                    /* partition of __consumer_offsets */
    enum group_state state;
    bool initial;                    /* preparing its first generation since it was empty */
    bool more_joined;                /* initial: somebody joined since the delay began */
    int32_t initial_left_ms;
    int64_t state_ms;                /* wall time of the last change of state */
    int32_t generation;
    struct slice protocol_type;      /* heap; null: committed offsets only */
    struct slice protocol;           /* heap; null outside a generation */
    struct member *members, *statics, *leader;
    size_t n_members, n_awaiting_join, n_pending_sync, member_bytes;
    struct pending_member *pending;
    size_t n_pending;
    struct protocol_count *protocol_counts;
    struct timer join_timer, sync_timer;
    struct group_topic *topics;
    size_t n_offsets;
    struct log_node node;
    uint64_t ticket;                 /* of the last record written for it */
    UT_hash_handle by_id;
};

/* Records for one partition, then one append. */
struct group_writer {
    struct batch_builder builder;
    struct proto_out key, value;
    struct buf batch;
    uint32_t *sizes;                 /* of the records, in order */
    size_t n, cap;
    size_t bytes;                    /* their sum */
    int64_t now_ms;
};

struct groups {
    struct broker *b;
    struct group *by_id;
    size_t n;
    size_t bytes;                    /* heap of members and offsets */
    struct topic *topic;             /* __consumer_offsets; NULL: not there yet */
    struct offsets_log **logs;       /* one for each of its partitions */
    int32_t n_logs;
    struct group_writer writer;
    struct timer compact_timer, expire_timer;
    struct group *expire_next;       /* where the running sweep goes on */
    uint64_t removed_ticket;         /* of the last removal of a whole group */
    bool loading;                    /* limits do not hold: what is stored is kept */
    bool warned;                     /* that records cannot be written */
};

/* ---- group.c ---- */
struct group *group_find(struct groups *gs, struct slice id);
/* NULL: the limit of groups or of their memory is reached. */
struct group *group_add(struct groups *gs, struct slice id);
void group_remove(struct groups *gs, struct group *g);         /* from memory; it has no members */
bool group_unused(const struct group *g);                      /* nothing to remember it for */
enum err groups_ready(struct groups *gs);                      /* __consumer_offsets is there */
const char *group_state_name(const struct group *g);
void group_set_state(struct group *g, enum group_state state);
bool groups_full(const struct groups *gs, size_t more_bytes);
/* Answers a request, running or parked, when the ticket is durable; on_failed when it never will be. */
void group_reply(struct broker *b, struct request *rq, uint64_t ticket, const void *response,
                 void (*on_failed)(struct broker *, struct request *));
bool group_id_valid(struct slice id);                          /* not empty */
size_t utf16_length(struct slice s);                           /* as Java counts text */
void slice_free(struct slice *s);
struct slice slice_text(struct slice s);                       /* null becomes empty */

/* ---- group_member.c ---- */
struct member *member_find(const struct group *g, struct slice id);
struct member *member_find_static(const struct group *g, struct slice instance_id);
struct pending_member *pending_find(const struct group *g, struct slice id);
struct member *member_add(struct group *g, struct slice id, struct slice instance_id, struct slice client_id,
                          struct slice client_host, struct protocols *protocols);
void member_set_protocols(struct member *m, struct protocols *protocols);   /* takes them */
void member_set_assignment(struct member *m, struct slice assignment);
/* Answers what is parked with `error` and frees it. */
void member_remove(struct member *m, int16_t error);
void member_rename(struct member *m, struct slice id);
void member_keep_alive(struct member *m);                      /* session timer from now */
void member_park_join(struct member *m, struct request *rq);
void member_park_sync(struct member *m, struct request *rq);
/* KAFKA_NONE, UNKNOWN_MEMBER_ID or FENCED_INSTANCE_ID; *out the member. */
int16_t member_check(const struct group *g, struct slice id, struct slice instance_id, struct member **out);
struct slice member_new_id(struct request *rq, struct slice prefix);
void pending_add(struct group *g, struct slice id, int32_t session_timeout_ms);
void pending_remove(struct pending_member *p);
struct slice member_metadata(const struct member *m, struct slice protocol);   /* empty: does not support it */
/* Deduplicated copy of what a JoinGroup says; NULL: too many. */
struct protocols *protocols_new(const struct protocol *v, size_t n);
bool protocols_equal(const struct protocols *a, const struct protocols *b);
/* KAFKA's rule for JoinGroup: the type matches and all members support one of them. */
bool group_supports(const struct group *g, struct slice type, const struct protocols *protocols);
struct slice group_select_protocol(const struct group *g);     /* most votes; a slice of a member's */
/* Topics that the members subscribe to, sorted, in `a`.  False: not known (no consumers, unreadable). */
bool group_subscribed(const struct group *g, struct arena *a, struct slice **topics, size_t *n);
bool topic_subscribed(const struct slice *topics, size_t n, struct slice topic);

/* ---- group_join.c ---- */
struct group_join {                  /* what a JoinGroup asks */
    struct request *rq;
    int version;
    struct slice group_id, member_id, instance_id, protocol_type;
    int32_t session_timeout_ms, rebalance_timeout_ms;
    struct protocols *protocols;     /* NULL: too many */
};
void group_join(struct groups *gs, struct group_join *j);      /* takes j->protocols */
void group_sync(struct groups *gs, struct group *g, struct member *m, struct request *rq);
void group_join_fail(struct broker *b, struct request *rq, int16_t error, struct slice member_id);
void group_sync_reply(struct broker *b, struct request *rq, int16_t error, const struct member *m);
void group_member_gone(struct group *g);                       /* rebalance, or finish the one that waited for it */
void group_pending_gone(struct pending_member *p);             /* the same for an id; may remove an unused group */
void group_session_expired(struct timer *t, void *ctx);
void group_pending_expired(struct timer *t, void *ctx);
void group_join_due(struct timer *t, void *ctx);
void group_sync_due(struct timer *t, void *ctx);

/* ---- group_offsets.c ---- */
struct group_topic *group_topic_find(const struct group *g, struct slice name);
struct group_offset *group_offset_find(const struct group_topic *t, int32_t partition);
struct offset_value {
    int64_t offset, commit_ms, expire_ms;
    int32_t leader_epoch;
    struct slice metadata;
};
struct group_offset *group_offset_put(struct group *g, struct slice topic, int32_t partition,
                                      const struct offset_value *v);
void group_offset_remove(struct group_offset *o);              /* may free its topic */
/* Removes all offsets of a topic and writes their tombstones. */
void group_topic_remove(struct group_topic *t);
/* The whole group, records and all; it has no members. */
enum err group_delete(struct group *g) WEIR_MUST_CHECK;
/* Removes what has expired, and the group when nothing is left; returns the offsets looked at. */
size_t group_expire(struct group *g, int64_t now_ms, int64_t retention_ms);

/* ---- group_log.c ---- */
struct offsets_log *group_log(const struct group *g);
void group_write_start(struct groups *gs);
void group_write_offset(struct groups *gs, const struct group *g, struct slice topic, int32_t partition,
                        const struct offset_value *v);         /* v NULL: a tombstone */
void group_write_group(struct groups *gs, const struct group *g, bool tombstone);
/* Appends what was written since start, for g's partition.  *base: offset of the first record. */
enum err group_write_end(struct groups *gs, struct group *g, int64_t *base) WEIR_MUST_CHECK;
/* Writes the group's metadata; a failure costs only what a restart remembers. */
void group_save(struct group *g);
void log_node_set(struct offsets_log *log, struct log_node *node, int64_t offset, uint32_t bytes);
void log_node_clear(struct offsets_log *log, struct log_node *node);
void group_compact_due(struct timer *t, void *ctx);
void group_log_check(struct groups *gs, struct offsets_log *log);
void groups_set_topic(struct groups *gs, struct topic *t);     /* NULL: gone */
void groups_writer_fini(struct groups *gs);
int32_t group_home(const struct groups *gs, struct slice id);

/* ---- group_load.c ---- */
enum err groups_load(struct groups *gs, struct error *e) WEIR_MUST_CHECK;

#endif
