/* OffsetForLeaderEpoch (23), 2-4: where a leader epoch ended, so that a consumer
 * finds what a crash cut.  Epoch -1 and epochs to come: -1/-1; an epoch below the
 * first: itself and the log start. */
#include "core/broker/internal.h"

static void answer(struct topic *t, const struct offset_for_leader_epoch_req_partition *in,
                   struct offset_for_leader_epoch_resp_end *out) {
    struct partition *p = topic_partition(t, in->partition);
    out->partition = in->partition;
    out->error_code = p == NULL ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : partition_check_epoch(p, in->current_leader_epoch);
    if (out->error_code != KAFKA_NONE || in->leader_epoch == -1)
        return;
    if (in->leader_epoch < 0) {
        out->leader_epoch = in->leader_epoch;
        out->end_offset = store_log_start(p->log);
        return;
    }
    store_log_epoch_end(p->log, in->leader_epoch, &out->leader_epoch, &out->end_offset);
}

void handle_offset_for_leader_epoch(struct broker *b, struct request *rq) {
    const struct offset_for_leader_epoch_req *req = rq->body;
    struct offset_for_leader_epoch_resp resp;
    proto_init(PROTO_STRUCT(offset_for_leader_epoch_resp), &resp);
    resp.topics.v = request_array(rq, offset_for_leader_epoch_resp_topic, req->topics.n);
    for (int32_t i = 0; i < req->topics.n; i++) {
        const struct offset_for_leader_epoch_req_topic *in = &req->topics.v[i];
        struct offset_for_leader_epoch_resp_topic *out = &resp.topics.v[resp.topics.n++];
        struct topic *t = topic_find(b, in->topic);
        out->topic = in->topic;
        out->partitions.v = request_array(rq, offset_for_leader_epoch_resp_end, in->partitions.n);
        for (int32_t k = 0; k < in->partitions.n; k++)
            answer(t, &in->partitions.v[k], &out->partitions.v[out->partitions.n++]);
    }
    request_reply(b, rq, &resp);
}
