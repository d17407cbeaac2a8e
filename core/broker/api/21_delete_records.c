/* DeleteRecords (21), 0-2.
 *
 * Moves the log start up; -1 is the high watermark, below the log start changes
 * nothing.  A topic that is only compacted refuses (44), internal topics too (17).
 * Answered when durable, with the new log start. */
#include "core/broker/internal.h"

static void delete_up_to(struct partition *p, int64_t offset, struct delete_records_resp_partition *out,
                         uint64_t *ticket) {
    uint64_t mine = 0;
    int64_t hw = store_log_hw(p->log);
    if (offset == -1)
        offset = hw;
    if (offset < 0 || offset > hw) {
        out->error_code = KAFKA_OFFSET_OUT_OF_RANGE;
        return;
    }
    if (offset > store_log_start(p->log))
        out->error_code = kafka_error_of(store_log_set_start(p->log, offset, &mine));
    if (out->error_code == KAFKA_NONE)
        out->low_watermark = store_log_start(p->log);
    *ticket = mine > *ticket ? mine : *ticket;
}

void handle_delete_records(struct broker *b, struct request *rq) {
    const struct delete_records_req *req = rq->body;
    struct delete_records_resp resp;
    uint64_t ticket = 0;
    proto_init(PROTO_STRUCT(delete_records_resp), &resp);
    resp.topics.v = request_array(rq, delete_records_resp_topic, req->topics.n);
    for (int32_t i = 0; i < req->topics.n; i++) {
        const struct delete_records_req_topic *in = &req->topics.v[i];
        struct delete_records_resp_topic *out = &resp.topics.v[resp.topics.n++];
        struct topic *t = topic_find(b, in->name);
        out->name = in->name;
        out->partitions.v = request_array(rq, delete_records_resp_partition, in->partitions.n);
        for (int32_t k = 0; k < in->partitions.n; k++) {
            struct delete_records_resp_partition *to = &out->partitions.v[out->partitions.n++];
            struct partition *p = topic_partition(t, in->partitions.v[k].partition_index);
            to->partition_index = in->partitions.v[k].partition_index;
            to->low_watermark = -1;
            if (topic_name_internal(in->name))
                to->error_code = KAFKA_INVALID_TOPIC_EXCEPTION;
            else if (p == NULL)
                to->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
            else if (!t->v.delete_old && t->v.compact)
                to->error_code = KAFKA_POLICY_VIOLATION;
            else
                delete_up_to(p, in->partitions.v[k].offset, to, &ticket);
        }
    }
    request_reply_when(b, rq, ticket, &resp);
}
