/* Fetch sessions: for now none is given out, which the protocol allows: the
 * client gets session id 0 and sends its full list each time. */
#include "core/broker/fetch_session.h"

/* A list from the client as entries; of a partition given twice the last counts. */
static void take_topic(struct broker *b, struct request *rq, const struct fetch_req_topic *in, int16_t refused,
                       struct fetch_topic *out) {
    bool by_id = rq->header.version >= 13;
    struct topic *t = by_id ? topic_find_id(b, &in->topic_id) : topic_find(b, in->topic);
    int32_t n = in->partitions.n;
    bool *seen = n < 2 || t == NULL ? NULL : request_alloc(rq, (size_t)t->n_partitions + 1);
    out->name = in->topic;
    out->id = in->topic_id;
    out->entries = request_alloc(rq, (size_t)(n < 1 ? 1 : n) * sizeof *out->entries);
    /* Filled from the back, so that the last of a repeated partition is the one met first. */
    int32_t at = n;
    for (int32_t i = n; i-- > 0;) {
        const struct fetch_req_partition *from = &in->partitions.v[i];
        struct partition *p = topic_partition(t, from->partition);
        if (p != NULL && seen != NULL && seen[from->partition])
            continue;
        if (p != NULL && seen != NULL)
            seen[from->partition] = true;
        struct fetch_entry *e = &out->entries[--at];
        e->p = p;
        e->index = from->partition;
        e->offset = from->fetch_offset;
        e->max_bytes = from->partition_max_bytes;
        e->current_epoch = from->current_leader_epoch;
        e->last_fetched_epoch = from->last_fetched_epoch;
        e->diverging_epoch = -1;
        if (p == NULL) {
            e->unknown = true;
            e->error = t == NULL && by_id ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        } else if (refused != KAFKA_NONE) {
            e->p = NULL;
            e->error = refused;
            e->unknown = refused == KAFKA_UNKNOWN_SERVER_ERROR;
        }
    }
    out->entries += at;
    out->n = n < 0 ? 0 : n - at;
}

int16_t fetch_session_begin(struct broker *b, struct request *rq, struct fetch_op *op) {
    const struct fetch_req *req = rq->body;
    if (req->session_epoch > 0)
        return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
    int32_t replica = rq->header.version >= 15 ? req->replica_state.replica_id : req->replica_id;
    int16_t refused = req->isolation_level < 0 || req->isolation_level > 1 ? KAFKA_UNKNOWN_SERVER_ERROR
                      : replica >= 0                                       ? KAFKA_NOT_LEADER_OR_FOLLOWER
                                                                           : KAFKA_NONE;
    int32_t n = req->topics.n < 0 ? 0 : req->topics.n;
    op->topics = request_alloc(rq, (size_t)(n + 1) * sizeof *op->topics);
    for (int32_t i = 0; i < n; i++) {
        take_topic(b, rq, &req->topics.v[i], refused, &op->topics[i]);
        op->n_entries += op->topics[i].n;
    }
    op->n_topics = n;
    return KAFKA_NONE;
}

void fetch_session_finish(struct broker *b, struct fetch_op *op) {
    (void)b;
    (void)op;
}

void fetch_sessions_free(struct broker *b) {
    (void)b;
}
