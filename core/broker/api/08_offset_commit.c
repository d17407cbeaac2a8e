/* OffsetCommit (8), versions 2-10: consumers, and tools without a member, say how far they are.
 *
 * v2-4 may ask for a retention of their own; v10 names topics by id.  One request
 * is one batch in __consumer_offsets; it is answered when that is durable.
 * Unknown topics and partitions fail by themselves (3, 100); what the group
 * objects to (22, 25, 27, 69, 82) fails all the others.  Metadata that is too
 * long: 12; more than fits into a batch: 28.  Offsets are not looked at: Kafka
 * stores negative ones and those beyond the end. */
#include "core/broker/group.h"

struct commit {
    const struct offset_commit_req *q;
    struct offset_commit_resp *resp;
    struct slice group_id;
    struct slice *names;             /* of the topics, by place in the request */
    size_t n_good;                   /* partitions without an error yet */
};

static void topic_names(struct broker *b, struct request *rq, struct commit *c) {
    size_t n = (size_t)c->q->topics.n, max = (size_t)config_int(b, "offset.metadata.max.bytes");
    c->names = request_alloc(rq, n * sizeof *c->names + 1);
    c->resp->topics.n = (int32_t)n;
    c->resp->topics.v = request_array(rq, offset_commit_resp_topic, n);
    for (size_t i = 0; i < n; i++) {
        const struct offset_commit_req_topic *from = &c->q->topics.v[i];
        struct offset_commit_resp_topic *to = &c->resp->topics.v[i];
        struct topic *t = rq->header.version >= 10 ? topic_find_id(b, &from->topic_id) : topic_find(b, from->name);
        int16_t unknown = rq->header.version >= 10 ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        c->names[i] = t == NULL ? SLICE_NULL : slice_cstr(t->name);
        to->name = from->name;
        to->topic_id = from->topic_id;
        to->partitions.n = from->partitions.n;
        to->partitions.v = request_array(rq, offset_commit_resp_partition, from->partitions.n);
        for (int32_t k = 0; k < from->partitions.n; k++) {
            const struct offset_commit_req_partition *p = &from->partitions.v[k];
            struct offset_commit_resp_partition *answer = &to->partitions.v[k];
            answer->partition_index = p->partition_index;
            if (t == NULL)
                answer->error_code = unknown;
            else if (topic_partition(t, p->partition_index) == NULL)
                answer->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
            else if (p->committed_metadata.n > max && utf16_length(p->committed_metadata) > max)
                answer->error_code = KAFKA_OFFSET_METADATA_TOO_LARGE;
            c->n_good += answer->error_code == KAFKA_NONE;
        }
    }
}

/* The group's word on all partitions that are there. */
static void fail_good(struct offset_commit_resp *resp, int16_t error) {
    for (int32_t i = 0; i < resp->topics.n; i++)
        for (int32_t k = 0; k < resp->topics.v[i].partitions.n; k++)
            if (resp->topics.v[i].partitions.v[k].error_code == KAFKA_NONE ||
                resp->topics.v[i].partitions.v[k].error_code == KAFKA_OFFSET_METADATA_TOO_LARGE)
                resp->topics.v[i].partitions.v[k].error_code = error;
}

/* The store failed before the commit was durable. */
static void commit_failed(struct broker *b, struct request *rq) {
    struct offset_commit_resp *resp = rq->wait;
    fail_good(resp, KAFKA_COORDINATOR_NOT_AVAILABLE);
    group_reply(b, rq, 0, resp, NULL);
}

static int16_t check_member(struct group *g, const struct offset_commit_req *q, struct member **m) {
    int32_t generation = q->generation_id_or_member_epoch;
    *m = NULL;
    if (generation < 0 && g->state == GROUP_EMPTY)
        return KAFKA_NONE; /* a tool, or a consumer that assigns by itself */
    if (generation < 0 && q->member_id.n == 0 && q->group_instance_id.p == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    int16_t error = member_check(g, q->member_id, q->group_instance_id, m);
    if (error != KAFKA_NONE)
        return error;
    if (generation != g->generation)
        return KAFKA_ILLEGAL_GENERATION;
    return g->state == GROUP_COMPLETING ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

static int16_t find_group(struct groups *gs, struct request *rq, struct commit *c, struct group **g) {
    *g = NULL;
    if (groups_ready(gs) != OK)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    *g = group_find(gs, c->group_id);
    if (*g != NULL)
        return KAFKA_NONE;
    if (c->q->generation_id_or_member_epoch >= 0)
        return rq->header.version >= 9 ? KAFKA_GROUP_ID_NOT_FOUND : KAFKA_ILLEGAL_GENERATION;
    *g = group_add(gs, c->group_id);
    return *g == NULL ? KAFKA_POLICY_VIOLATION : KAFKA_NONE;
}

static struct offset_value value_of(const struct commit *c, const struct offset_commit_req_partition *p,
                                    int64_t now_ms) {
    int64_t retention_ms = c->q->retention_time_ms;
    return (struct offset_value){
        .offset = p->committed_offset,
        .commit_ms = now_ms,
        .expire_ms = retention_ms < 0 ? -1 : retention_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + retention_ms,
        .leader_epoch = p->committed_leader_epoch,
        .metadata = p->committed_metadata,
    };
}

static int16_t write_records(struct groups *gs, const struct group *g, const struct commit *c) {
    group_write_start(gs);
    for (int32_t i = 0; i < c->q->topics.n; i++) {
        for (int32_t k = 0; k < c->q->topics.v[i].partitions.n; k++) {
            const struct offset_commit_req_partition *p = &c->q->topics.v[i].partitions.v[k];
            if (c->resp->topics.v[i].partitions.v[k].error_code != KAFKA_NONE)
                continue;
            struct offset_value v = value_of(c, p, gs->writer.now_ms);
            group_write_offset(gs, g, c->names[i], p->partition_index, &v);
            if (gs->writer.bytes > GROUP_BATCH_BYTES_MAX)
                return KAFKA_INVALID_COMMIT_OFFSET_SIZE;
        }
    }
    return groups_full(gs, gs->writer.bytes) ? KAFKA_POLICY_VIOLATION : KAFKA_NONE;
}

static void apply(struct groups *gs, struct group *g, const struct commit *c, int64_t base) {
    size_t record = 0;
    for (int32_t i = 0; i < c->q->topics.n; i++) {
        for (int32_t k = 0; k < c->q->topics.v[i].partitions.n; k++) {
            const struct offset_commit_req_partition *p = &c->q->topics.v[i].partitions.v[k];
            if (c->resp->topics.v[i].partitions.v[k].error_code != KAFKA_NONE)
                continue;
            struct offset_value v = value_of(c, p, gs->writer.now_ms);
            struct group_offset *o = group_offset_put(g, c->names[i], p->partition_index, &v);
            log_node_set(group_log(g), &o->node, base + (int64_t)record, gs->writer.sizes[record]);
            record++;
        }
    }
}

static int16_t commit(struct groups *gs, struct request *rq, struct commit *c, struct group **out) {
    struct group *g;
    struct member *m;
    int16_t error = find_group(gs, rq, c, &g);
    if (error != KAFKA_NONE)
        return error;
    *out = g;
    error = check_member(g, c->q, &m);
    if (m != NULL && error == KAFKA_NONE)
        member_keep_alive(m);
    if (error == KAFKA_NONE && c->n_good > 0) {
        int64_t base;
        error = write_records(gs, g, c);
        if (error == KAFKA_NONE && group_write_end(gs, g, &base) != OK)
            error = KAFKA_COORDINATOR_NOT_AVAILABLE;
        if (error == KAFKA_NONE)
            apply(gs, g, c, base);
    }
    if (error != KAFKA_NONE && group_unused(g)) {
        group_remove(gs, g);
        *out = NULL;
    }
    return error;
}

static bool has_known(const struct offset_commit_resp *resp) {
    for (int32_t i = 0; i < resp->topics.n; i++)
        for (int32_t k = 0; k < resp->topics.v[i].partitions.n; k++)
            if (resp->topics.v[i].partitions.v[k].error_code == KAFKA_NONE ||
                resp->topics.v[i].partitions.v[k].error_code == KAFKA_OFFSET_METADATA_TOO_LARGE)
                return true;
    return false;
}

void handle_offset_commit(struct broker *b, struct request *rq) {
    struct commit c = {.q = rq->body, .resp = request_alloc(rq, sizeof *c.resp)};
    struct group *g = NULL;
    proto_init(PROTO_STRUCT(offset_commit_resp), c.resp);
    c.group_id = request_utf8(rq, c.q->group_id);
    rq->wait = c.resp;
    topic_names(b, rq, &c);
    if (has_known(c.resp)) {
        int16_t error = commit(b->groups, rq, &c, &g);
        if (error != KAFKA_NONE)
            fail_good(c.resp, error);
    }
    group_reply(b, rq, g == NULL ? 0 : g->ticket, c.resp, commit_failed);
}
