/* DescribeQuorum (55), 0-2: this broker is the whole quorum.  Offsets are those of
 * the commit log.  Anything but partition 0 of __cluster_metadata alone: 3 for
 * all that was asked. */
#include "core/broker/internal.h"

#define METADATA_TOPIC "__cluster_metadata"

static bool asks_for_it(const struct describe_quorum_req *req) {
    return req->topics.n == 1 && slice_is(req->topics.v[0].topic_name, METADATA_TOPIC) &&
           req->topics.v[0].partitions.n == 1 && req->topics.v[0].partitions.v[0].partition_index == 0;
}

static void fill_quorum(struct broker *b, struct request *rq, struct describe_quorum_resp_partition *out) {
    struct store_stats stats;
    store_get_stats(b->store, &stats);
    out->error_message = SLICE("");
    out->leader_id = b->settings.node_id;
    out->leader_epoch = 1;
    out->high_watermark = (int64_t)stats.wal_seq;
    out->current_voters.n = 1;
    out->current_voters.v = request_array(rq, describe_quorum_resp_replica_state, 1);
    out->current_voters.v[0].replica_id = b->settings.node_id;
    out->current_voters.v[0].log_end_offset = (int64_t)stats.wal_seq;
    out->current_voters.v[0].last_fetch_timestamp = out->current_voters.v[0].last_caught_up_timestamp =
        broker_now_ms(b);
}

static void fill_nodes(struct broker *b, struct request *rq, struct describe_quorum_resp *resp) {
    resp->nodes.n = 1;
    resp->nodes.v = request_array(rq, describe_quorum_resp_node, 1);
    resp->nodes.v[0].node_id = b->settings.node_id;
    resp->nodes.v[0].listeners.n = 1;
    resp->nodes.v[0].listeners.v = request_array(rq, describe_quorum_resp_listener, 1);
    resp->nodes.v[0].listeners.v[0].name = SLICE("CONTROLLER");
    resp->nodes.v[0].listeners.v[0].host = slice_cstr(rq->conn->host);
    resp->nodes.v[0].listeners.v[0].port = (uint16_t)rq->conn->port;
}

void handle_describe_quorum(struct broker *b, struct request *rq) {
    const struct describe_quorum_req *req = rq->body;
    struct describe_quorum_resp resp;
    bool good = asks_for_it(req);
    proto_init(PROTO_STRUCT(describe_quorum_resp), &resp);
    resp.error_message = SLICE("");
    resp.topics.v = request_array(rq, describe_quorum_resp_topic, req->topics.n);
    for (int32_t i = 0; i < req->topics.n; i++) {
        const struct describe_quorum_req_topic *in = &req->topics.v[i];
        struct describe_quorum_resp_topic *out = &resp.topics.v[resp.topics.n++];
        out->topic_name = in->topic_name;
        out->partitions.v = request_array(rq, describe_quorum_resp_partition, in->partitions.n);
        for (int32_t k = 0; k < in->partitions.n; k++) {
            struct describe_quorum_resp_partition *p = &out->partitions.v[out->partitions.n++];
            p->partition_index = in->partitions.v[k].partition_index;
            if (good)
                fill_quorum(b, rq, p);
            else
                p->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        }
    }
    if (good)
        fill_nodes(b, rq, &resp);
    request_reply(b, rq, &resp);
}
