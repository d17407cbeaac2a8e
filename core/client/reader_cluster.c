/* The reader's view of the cluster as such: who controls it (DescribeQuorum; a
 * KRaft broker answers Metadata with any live broker), how much the logs take
 * (DescribeLogDirs), and which version it seems to be.  Thread: the client's. */
#include "core/client/internal.h"

#include <stdlib.h>

#define SIZES_PERIOD_US 10000000

/* ---- DescribeLogDirs ---- */

/* Of what the broker leads, what still waits for its size waits no more; how many. */
static size_t sizes_left(struct reader *r, const struct rbroker *b, enum value_state state) {
    size_t left = 0;
    for (size_t i = 0; i < r->n_topics; i++)
        for (int32_t k = 0; k < r->topics_sorted[i]->n_parts; k++) {
            struct rpart *p = &r->topics_sorted[i]->parts[k];
            if (p->leader == b->node.id && p->bytes.state == VALUE_WANTED) {
                p->bytes.state = state;
                left++;
            }
        }
    return left;
}

/* The broker gives no sizes (an ACL, an old version): nothing waits for them any more. */
static void sizes_missing(struct reader *r, struct rbroker *b, enum value_state state) {
    b->bytes.state = state;
    sizes_left(r, b, state);
}

static void sizes_take(struct reader *r, struct rbroker *b, const struct describe_log_dirs_resp *m, int64_t at_us) {
    int64_t sum = 0;
    bool any = false;
    for (int32_t i = 0; i < m->results.n; i++) {
        const struct describe_log_dirs_resp_result *dir = &m->results.v[i];
        if (dir->error_code != 0)
            continue;
        any = true;
        for (int32_t k = 0; k < dir->topics.n; k++) {
            struct rtopic *t = topics_find(r, dir->topics.v[k].name);
            for (int32_t j = 0; j < dir->topics.v[k].partitions.n; j++) {
                const struct describe_log_dirs_resp_partition *from = &dir->topics.v[k].partitions.v[j];
                if (from->partition_size > 0 && sum <= INT64_MAX - from->partition_size)
                    sum += from->partition_size;
                struct rpart *p = t != NULL && !from->is_future_key ? topic_part(t, from->partition_index) : NULL;
                if (p != NULL && p->leader == b->node.id)
                    p->bytes = (struct value){from->partition_size, at_us, VALUE_KNOWN};
            }
        }
    }
    if (!any) {
        sizes_missing(r, b, VALUE_FAILED);
        return;
    }
    b->bytes = (struct value){sum, at_us, VALUE_KNOWN};
    /* A log that is not made yet has no size.  A console looks again soon anyway. */
    if (r->client->config.once && sizes_left(r, b, VALUE_WANTED) > 0) {
        if (reader_again(r))
            b->sizes_asked_us = 0;
        else
            sizes_left(r, b, VALUE_FAILED);
    }
}

static void on_sizes(void *ctx, const struct conn_answer *a) {
    struct rcall call = reader_begin(ctx, a);
    struct reader *r = call.reader;
    struct describe_log_dirs_resp m;
    call.broker->sizes_busy = false;
    if (a->err == OK && !r->closing) {
        if (conn_decode(a, &r->scratch, &m) == OK && m.error_code == 0)
            sizes_take(r, call.broker, &m, a->at_us);
        else
            sizes_missing(r, call.broker, VALUE_FAILED);
        arena_reset(&r->scratch);
    } else {
        sizes_missing(r, call.broker, VALUE_FAILED);
    }
    reader_end(r);
}

void cluster_ask_sizes(struct reader *r, struct rbroker *b, int64_t now) {
    if (!r->interest.sizes || b->sizes_busy)
        return;
    if (b->sizes_asked_us != 0 && (r->client->config.once || now - b->sizes_asked_us < SIZES_PERIOD_US))
        return;
    int version = conn_version(b->node.conn, API_DESCRIBE_LOG_DIRS, 5);
    b->sizes_asked_us = now;
    if (version < 0) {
        sizes_missing(r, b, VALUE_NONE);
        return;
    }
    struct describe_log_dirs_req q;
    proto_init(PROTO_STRUCT(describe_log_dirs_req), &q);
    q.topics.n = -1; /* null: all */
    b->sizes_busy = true;
    reader_send(r, b->node.conn, PROTO_MESSAGE(describe_log_dirs_req), version, &q, on_sizes,
                &(struct rcall){.broker = b});
}

/* ---- DescribeQuorum ---- */

static void quorum_member(struct reader *r, const struct describe_quorum_resp_replica_state *s, bool voter,
                          int64_t leader_end, int64_t at_us) {
    struct rbroker *b = reader_broker(r, s->replica_id);
    if (b == NULL)
        return;
    b->voter = voter;
    b->observer = !voter;
    if (s->log_end_offset >= 0 && leader_end >= 0)
        b->quorum_lag = (struct value){leader_end - s->log_end_offset, at_us, VALUE_KNOWN};
    else
        b->quorum_lag.state = VALUE_FAILED;
    int64_t age = client_wall_ms() - s->last_fetch_timestamp;
    if (s->last_fetch_timestamp > 0 && s->replica_id != r->controller)
        b->fetch_age_ms = (struct value){age > 0 ? age : 0, at_us, VALUE_KNOWN};
    else /* its own log, or one that has not fetched from this leader yet */
        b->fetch_age_ms = (struct value){0, 0, s->replica_id == r->controller ? VALUE_NONE : VALUE_FAILED};
}

static void quorum_take(struct reader *r, const struct describe_quorum_resp_partition *p, int64_t at_us) {
    if (r->controller_true && p->leader_epoch < r->controller_epoch)
        return; /* the answer of one that was left behind */
    if (r->controller_true && r->controller != p->leader_id)
        change_say(r->client, LOG_WARN, "the controller moved from %d to %d (epoch %d)", r->controller, p->leader_id,
                   p->leader_epoch);
    r->controller = p->leader_id;
    r->controller_epoch = p->leader_epoch;
    r->controller_true = true;
    r->quorum_us = at_us;
    int64_t leader_end = -1;
    for (int32_t i = 0; i < p->current_voters.n; i++)
        if (p->current_voters.v[i].replica_id == p->leader_id)
            leader_end = p->current_voters.v[i].log_end_offset;
    for (int32_t i = 0; i < p->current_voters.n; i++)
        quorum_member(r, &p->current_voters.v[i], true, leader_end, at_us);
    for (int32_t i = 0; i < p->observers.n; i++)
        quorum_member(r, &p->observers.v[i], false, leader_end, at_us);
}

static void on_quorum(void *ctx, const struct conn_answer *a) {
    struct rcall call = reader_begin(ctx, a);
    struct reader *r = call.reader;
    struct describe_quorum_resp m;
    if (a->sent_us >= r->quorum_asked_us)
        r->quorum_busy = false; /* no other was asked since */
    if (a->err == OK && !r->closing) {
        if (conn_decode(a, &r->scratch, &m) == OK && m.error_code == 0 && m.topics.n == 1 &&
            m.topics.v[0].partitions.n == 1 && m.topics.v[0].partitions.v[0].error_code == 0)
            quorum_take(r, &m.topics.v[0].partitions.v[0], a->at_us);
        arena_reset(&r->scratch);
    }
    reader_end(r);
}

/* A broker passes this on to the controller, and one that hangs would hold up all
 * other answers of the connection: so it has a connection that the reader does not use. */
void cluster_ask_quorum(struct reader *r) {
    bool waiting = r->quorum_busy && wire_now_us() - r->quorum_asked_us < 2 * reader_interval(r);
    struct rbroker *b = NULL;
    for (size_t i = 0; i < r->nodes.n; i++) {
        struct rbroker *one = reader_broker_at(r, i);
        bool idle = one->act == NULL || conn_oldest_us(one->act) == INT64_MAX;
        if (idle && reader_broker_ready(r, one) && (b == NULL || one->node.id == r->metadata_controller))
            b = one;
    }
    /* Nor does a script's action wait behind what nobody asked for. */
    bool wanted = r->interest.quorum || !r->client->config.once;
    if (b == NULL || waiting || !wanted || conn_version(b->node.conn, API_DESCRIBE_QUORUM, 2) < 0)
        return;
    if (b->act == NULL)
        b->act = conn_new(r->wire, b->node.host, b->node.port, b);
    if (!conn_is_up(b->act)) {
        conn_open(b->act); /* and again when it is */
        return;
    }
    int version = conn_version(b->act, API_DESCRIBE_QUORUM, 2);
    if (version < 0)
        return;
    struct describe_quorum_req_partition partition = {.partition_index = 0};
    struct describe_quorum_req_topic topic = {.topic_name = SLICE("__cluster_metadata")};
    topic.partitions.n = 1;
    topic.partitions.v = &partition;
    struct describe_quorum_req q;
    proto_init(PROTO_STRUCT(describe_quorum_req), &q);
    q.topics.n = 1;
    q.topics.v = &topic;
    r->quorum_busy = true;
    r->quorum_asked_us = wire_now_us();
    reader_send(r, b->act, PROTO_MESSAGE(describe_quorum_req), version, &q, on_quorum, &(struct rcall){.broker = b});
}

/* ---- the version ---- */

/* The release whose broker supports this metadata.version at most. */
static const char *const levels[] = {
    [7] = "3.3",  [8] = "3.4",  [9] = "3.5",  [10] = "3.5", [11] = "3.5", [12] = "3.6", [13] = "3.6", [14] = "3.6",
    [15] = "3.7", [16] = "3.7", [17] = "3.7", [18] = "3.7", [19] = "3.7", [20] = "3.8", [21] = "3.9", [22] = "4.0",
    [23] = "4.0", [24] = "4.0", [25] = "4.0", [26] = "4.1", [27] = "4.1", [28] = "4.2", [29] = "4.2", [30] = "4.3",
};

const char *cluster_version(const struct conn *c) {
    size_t n = sizeof levels / sizeof *levels;
    int fetch = c->apis[API_FETCH].max, level = c->metadata_level;
    if (level > 0 && (size_t)level < n && levels[level] != NULL)
        return levels[level];
    if (level >= (int)n)
        return "newer than 4.3";
    if (fetch >= 15)
        return "3.5 or later";
    switch (fetch) {
    case 14: return "3.5";
    case 13: return "3.1-3.4";
    case 12: return "2.7-3.0";
    case 11: return "2.3-2.6";
    case 10: return "2.1-2.2";
    case 8: return "2.0";
    default: return fetch > 0 ? "older than 2.0" : NULL;
    }
}
