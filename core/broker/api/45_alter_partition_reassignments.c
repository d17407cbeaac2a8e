/* AlterPartitionReassignments (45), 0-1: to where a partition is already, that is
 * this broker, there is nothing to do; elsewhere 39; nothing runs that could be
 * cancelled (85). */
#include "core/broker/internal.h"

static void reassign(struct broker *b, struct request *rq, struct slice name,
                     const struct alter_partition_reassignments_req_reassignable *in,
                     struct alter_partition_reassignments_resp_reassignable *out) {
    struct topic *t = topic_find(b, name);
    out->partition_index = in->partition_index;
    if (t == NULL) {
        out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        out->error_message =
            request_printf(rq, "Unable to find a topic named %.*s.", SLICE_ARG(request_utf8(rq, name)));
    } else if (topic_partition(t, in->partition_index) == NULL) {
        out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        out->error_message = request_printf(rq, "Unable to find partition %s:%d.", t->name, in->partition_index);
    } else if (in->replicas.n < 0) {
        out->error_code = KAFKA_NO_REASSIGNMENT_IN_PROGRESS;
    } else {
        out->error_message = assignment_error(b, rq, in->replicas.v, in->replicas.n);
        if (out->error_message.p != NULL)
            out->error_code = KAFKA_INVALID_REPLICA_ASSIGNMENT;
    }
}

void handle_alter_partition_reassignments(struct broker *b, struct request *rq) {
    const struct alter_partition_reassignments_req *req = rq->body;
    struct alter_partition_reassignments_resp resp;
    proto_init(PROTO_STRUCT(alter_partition_reassignments_resp), &resp);
    resp.allow_replication_factor_change = req->allow_replication_factor_change;
    resp.responses.v = request_array(rq, alter_partition_reassignments_resp_reassignable_topic, req->topics.n);
    for (int32_t i = 0; i < req->topics.n; i++) {
        const struct alter_partition_reassignments_req_reassignable_topic *in = &req->topics.v[i];
        struct alter_partition_reassignments_resp_reassignable_topic *out = &resp.responses.v[resp.responses.n++];
        out->name = in->name;
        out->partitions.v = request_array(rq, alter_partition_reassignments_resp_reassignable, in->partitions.n);
        for (int32_t k = 0; k < in->partitions.n; k++)
            reassign(b, rq, in->name, &in->partitions.v[k], &out->partitions.v[out->partitions.n++]);
    }
    request_reply(b, rq, &resp);
}
