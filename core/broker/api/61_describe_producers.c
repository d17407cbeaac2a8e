/* DescribeProducers (61), 0: the idempotent producers that a partition remembers. */
#include "core/broker/internal.h"

static void fill_producers(struct request *rq, struct partition *p, struct describe_producers_resp_partition *out) {
    size_t n = store_log_producers(p->log, NULL, 0);
    struct producer_info *v = request_alloc(rq, (n + 1) * sizeof *v);
    size_t got = store_log_producers(p->log, v, n);
    n = got < n ? got : n;
    out->active_producers.n = (int32_t)n;
    out->active_producers.v = request_array(rq, describe_producers_resp_producer_state, n);
    for (size_t i = 0; i < n; i++) {
        struct describe_producers_resp_producer_state *to = &out->active_producers.v[i];
        to->producer_id = v[i].id;
        to->producer_epoch = v[i].epoch;
        to->last_sequence = v[i].last_sequence;
        to->last_timestamp = v[i].last_timestamp;
        to->coordinator_epoch = -1;
    }
}

static void answer(struct broker *b, struct request *rq, struct slice name, int32_t index,
                   struct describe_producers_resp_partition *out) {
    struct partition *p = partition_find(b, name, index);
    out->partition_index = index;
    if (!topic_name_valid(name, NULL)) {
        out->error_code = KAFKA_INVALID_TOPIC_EXCEPTION;
        out->error_message = topic_name_error(rq, name);
    } else if (p == NULL) {
        out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        out->error_message = SLICE("This server does not host this topic-partition.");
    } else {
        fill_producers(rq, p, out);
    }
}

void handle_describe_producers(struct broker *b, struct request *rq) {
    const struct describe_producers_req *req = rq->body;
    struct describe_producers_resp resp;
    proto_init(PROTO_STRUCT(describe_producers_resp), &resp);
    resp.topics.v = request_array(rq, describe_producers_resp_topic, req->topics.n);
    for (int32_t i = 0; i < req->topics.n; i++) {
        const struct describe_producers_req_topic *in = &req->topics.v[i];
        struct describe_producers_resp_topic *out = &resp.topics.v[resp.topics.n++];
        out->name = in->name;
        out->partitions.v = request_array(rq, describe_producers_resp_partition, in->partition_indexes.n);
        for (int32_t k = 0; k < in->partition_indexes.n; k++)
            answer(b, rq, in->name, in->partition_indexes.v[k], &out->partitions.v[out->partitions.n++]);
    }
    request_reply(b, rq, &resp);
}
