/* The picture of a cluster: one immutable snapshot at a time.
 *
 * The client thread builds a snapshot and publishes it; the screen and the
 * script commands only read.  Names and texts in it are raw foreign bytes: they
 * pass text_sanitize before they are shown.  A snapshot is reference-counted
 * (atomic); everything in it lives in its own arena, or in what it shares, and dies with it. */
#ifndef WEIR_MODEL_MODEL_H
#define WEIR_MODEL_MODEL_H

#include "core/base/mem.h"

#include <stdatomic.h>

/* SCREENS.md rule 4: the states of a cell.  Stale is not a state but an age. */
enum value_state {
    VALUE_WANTED,       /* asked or to be asked, not here yet */
    VALUE_KNOWN,
    VALUE_FAILED,       /* asked and failed: `why` of the row or of the snapshot says it */
    VALUE_NONE,         /* does not apply, or this cluster cannot give it */
};
struct value {
    int64_t v;
    int64_t at_us;      /* monotonic time of the answer; with VALUE_FAILED: of the last good one, 0 none */
    enum value_state state;
};
struct rate {           /* per second */
    double v;
    enum value_state state;
};

#define HISTORY_LEN 64
struct history {        /* one rate per refresh, newest last */
    float v[HISTORY_LEN];
    uint8_t n;
};

/* One more value at the end; the oldest goes when it is full. */
void history_push(struct history *h, double v);
/* From two readings of a counter.  A counter that went back (deleted and made
 * again, truncated) and a time that did not pass give VALUE_WANTED: no rate yet. */
struct rate rate_between(int64_t v0, int64_t at0_us, int64_t v1, int64_t at1_us);
/* How fast something goes that moves in steps: a consumer commits every 5 s (auto.commit.interval.ms) and is looked at
 * every second.  The rate is that from one step to the next and stays while none comes; 0 after STEPS_STILL_US without.
 * Before the second step it is not known.  All zero: begins. */
#define STEPS_STILL_US 12000000
struct steps {
    int64_t v, at_us;           /* of the last step, or of the first look; at_us 0: none */
    bool stepped;
    struct rate rate;
};
void steps_take(struct steps *s, int64_t v, int64_t at_us);

struct model_broker {
    int32_t id;
    struct slice host;
    int32_t port;
    struct slice rack;              /* null: none */
    struct value leads;             /* partitions it leads */
    struct value groups;            /* groups it coordinates */
    struct value bytes;             /* log dirs */
    struct value answered;          /* at_us: when it last answered; v: round trip us */
    struct slice why;               /* last failure, null: none */
    int64_t silent_us;              /* since when it does not answer; 0: it does, or it never did */
    bool misnamed;                  /* the failure: the name that it advertises does not resolve */
    bool voter, observer;           /* DescribeQuorum */
    struct value quorum_lag;        /* log end of the leader minus its own */
    struct value fetch_age_ms;
};

struct model_partition {
    int32_t index, leader, leader_epoch;
    int16_t error;                  /* Kafka code of Metadata */
    struct { int32_t n; const int32_t *v; } replicas, isr, offline;
    struct value start, end;        /* log start offset; high watermark */
    struct value bytes;
    struct rate in;                 /* messages per second */
};

enum trouble { TROUBLE_NONE, TROUBLE_SOON, TROUBLE_BAD };

struct model_topic {
    struct slice name;
    struct uuid id;
    int16_t error;
    bool internal;
    enum trouble trouble;           /* under-replicated, offline partition */
    int32_t n_partitions, replication, in_sync, replicas; /* sums for the ISR column */
    const struct model_partition *partitions;   /* by index */
    struct value messages;          /* sum of end - start */
    struct value bytes;
    struct rate in;
    const struct history *history;  /* NULL: nothing yet */
    struct value groups;            /* groups with a commit or an assignment */
};

enum lag_kind { LAG_UNKNOWN, LAG_EXACT, LAG_NO_COMMIT, LAG_BELOW_START, LAG_BEYOND_END, LAG_UPPER_BOUND };
struct model_lag {
    struct slice topic;
    int32_t partition;
    enum lag_kind kind;
    int64_t committed, start, end;  /* -1: not known */
    int64_t lag;                    /* exact, upper_bound; else -1 */
    int64_t lost, ahead;            /* below_start: commit to start; beyond_end: end to commit */
    int64_t at_us;
    int32_t member;                 /* index into members, -1 none */
    struct slice metadata;
};
/* Rows of one group, or of one of its topics. */
struct lag_sum {
    int32_t rows, kinds[LAG_UPPER_BOUND + 1];
    int64_t lag, lost, ahead;
};
struct model_member {
    struct slice id, client_id, host, instance_id;
    struct { int32_t n; const struct model_assigned { struct slice topic; int32_t partition; } *v; } assigned;
};
struct model_group {
    struct slice id, state, type, protocol_type, protocol;
    int32_t coordinator;
    int16_t error;
    struct slice why;
    enum trouble trouble;
    struct value n_members, n_topics, lag;
    struct { int32_t n; const struct model_member *v; } members;
    struct { int32_t n; const struct model_lag *v; } rows;   /* by topic, partition */
    struct lag_sum sum;             /* of the rows */
    struct rate in, out;            /* of its topics; of its commits */
    const struct history *history;  /* of its lag */
    int64_t at_us;                  /* offsets read */
};

enum link_state { LINK_CONNECTING, LINK_UP, LINK_DOWN };
struct model_api { int16_t key, min, max; };

/* What does not change from one snapshot to the next, thousands of rows, is not copied into each: they hold it
 * together, and the last holder frees it.  From the time that a snapshot has it, nothing in it changes. */
struct shared {
    atomic_int refs;
    struct arena arena;
};
struct shared *shared_new(size_t cap_bytes, size_t first_bytes);    /* first_bytes 0: not known */
void shared_unref(struct shared *s);    /* NULL: nothing */

struct snapshot {
    atomic_int refs;
    struct arena arena;
    struct { int32_t n; struct shared **v; } shared;
    uint64_t serial;                /* grows with each snapshot */
    int64_t at_us;                  /* monotonic time of the newest answer in it */
    int64_t interval_us;            /* refresh interval: older than twice is stale */
    enum link_state link;
    struct slice why;               /* LINK_DOWN: one sentence */
    struct slice address;           /* the bootstrap that answered, or that is tried */
    bool embedded;                  /* weir's own broker */
    struct slice durability;        /* "fsync", "os", null: not weir's broker */
    struct slice data_dir;
    struct slice cluster_id, version;   /* version: guessed from features and APIs, null unknown */
    int16_t metadata_in_use, metadata_most; /* metadata.version: agreed on, possible; below 1 unknown */
    int32_t controller;             /* -1 unknown */
    bool controller_true;           /* from DescribeQuorum, or Metadata of a ZooKeeper cluster; not a guess */
    bool controller_stale;          /* the answer is old, or the controller has been silent since */
    int64_t controller_at_us;       /* when it was named */
    int32_t controller_epoch;
    struct { int32_t n; const struct model_broker *v; } brokers;   /* by id */
    struct { int32_t n; const struct model_topic *v; } topics;     /* by name */
    struct { int32_t n; const struct model_group *v; } groups;     /* by id */
    enum value_state topics_state, groups_state;
    struct { int32_t n; const struct model_api *v; } apis;
    struct rate in, out;            /* of the cluster; out: commits of all groups */
    const struct history *in_history;
    bool settled;                   /* all that was asked for is here or failed; script commands wait for it */
    uint64_t interest;              /* how many client_set_interest calls it knows of */
};
struct snapshot *snapshot_new(void);
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s);
/* While it is built: room for so many, then each one; NULL: nothing.  False: no room within the cap. */
bool snapshot_shares(struct snapshot *s, size_t n);
void snapshot_share(struct snapshot *s, struct shared *part);
const struct model_topic *snapshot_topic(const struct snapshot *s, struct slice name);   /* NULL: not there */
const struct model_group *snapshot_group(const struct snapshot *s, struct slice id);
/* Lag by the rules of DESIGN.md 6, from committed (-1: no commit), start and end (-1: not known);
 * fills kind, lag, lost and ahead.  upper_bound: the topic is compacted or transactional. */
void lag_judge(struct model_lag *row, bool upper_bound);
/* The order of all rows: by topic, then by partition. */
static inline int partition_cmp(struct slice topic, int32_t partition, struct slice other_topic, int32_t other) {
    int order = slice_cmp(topic, other_topic);
    return order != 0 ? order : (partition > other) - (partition < other);
}
/* Sorts rows by topic and partition; of two about the same partition the newer one stays.  How many are left. */
size_t lags_unite(struct model_lag *v, size_t n);
void lag_add(struct lag_sum *sum, const struct model_lag *row);
const char *lag_kind_name(enum lag_kind k);   /* exact no_commit unknown below_start beyond_end upper_bound */

#endif
