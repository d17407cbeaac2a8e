/* Produce (0), served 3-13, advertised 0-13 (old clients look for 0-2 there).
 *
 * v3 batch v2 only, v5 log start offset, v7 zstd, v8 record errors, v9 flexible,
 * v13 topic ids.  One batch per partition; of a partition given twice the last
 * one counts.  acks=0 is never answered: an error closes the connection.  acks 1
 * and -1 are both answered when the store calls the append durable, and
 * min.insync.replicas counts at most as the one replica there is.  Transactions
 * are not served: a transactional batch is refused with 53, as from a producer
 * without the right to its transactional id. */
#include "core/broker/produce.h"

static bool has_transactional(const struct produce_req *req) {
    for (int32_t i = 0; i < req->topic_data.n; i++)
        for (int32_t k = 0; k < req->topic_data.v[i].partition_data.n; k++)
            if (produce_is_transactional(req->topic_data.v[i].partition_data.v[k].records))
                return true;
    return false;
}

/* Which partitions of the topic come again later; NULL: none, as nearly always. */
static bool *find_repeats(struct broker *b, struct request *rq, const struct produce_req_topic *in, struct topic *t) {
    int32_t n = in->partition_data.n;
    if (n < 2)
        return NULL;
    bool *repeated = request_alloc(rq, (size_t)n);
    for (int32_t i = n; i-- > 0;) {
        struct partition *p = topic_partition(t, in->partition_data.v[i].index);
        if (p == NULL)
            continue;
        repeated[i] = p->asked_in == b->stats.requests;
        p->asked_in = b->stats.requests;
    }
    return repeated;
}

static void fill(struct request *rq, const struct produce_result *r, struct produce_resp_partition *out) {
    out->error_code = r->error;
    out->base_offset = r->base_offset;
    out->log_append_time_ms = r->append_time_ms;
    out->log_start_offset = r->log_start;
    out->error_message = r->message;
    if (r->n_errors == 0)
        return;
    out->record_errors.n = r->n_errors;
    out->record_errors.v = request_array(rq, produce_resp_batch_index_and_error_message, r->n_errors);
    for (int32_t i = 0; i < r->n_errors; i++) {
        out->record_errors.v[i].batch_index = r->errors[i].index;
        out->record_errors.v[i].batch_index_error_message = r->errors[i].message;
    }
}

struct outcome {
    int16_t error;                    /* the first one, for acks=0 */
    uint64_t ticket;
};

static void produce_topic(struct broker *b, struct request *rq, const struct produce_req_topic *in, int16_t refused,
                          struct produce_resp_topic *out, struct outcome *all) {
    const struct produce_req *req = rq->body;
    bool by_id = rq->header.version >= 13;
    struct topic *t = by_id ? topic_find_id(b, &in->topic_id) : topic_find(b, in->name);
    int16_t unknown = by_id ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    bool *repeated = find_repeats(b, rq, in, t);
    out->name = in->name;
    out->topic_id = in->topic_id;
    out->partition_responses.v = request_array(rq, produce_resp_partition, in->partition_data.n);
    for (int32_t i = 0; i < in->partition_data.n; i++) {
        const struct produce_req_partition *from = &in->partition_data.v[i];
        struct produce_result r = {.base_offset = -1, .append_time_ms = -1, .log_start = -1};
        struct partition *p = topic_partition(t, from->index);
        if (repeated != NULL && repeated[i])
            continue;
        if (refused != KAFKA_NONE)
            r.error = refused;
        else if (p == NULL)
            r.error = t == NULL ? unknown : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        else
            produce_batch(b, rq, p, req->acks, from->records, &r);
        struct produce_resp_partition *to = &out->partition_responses.v[out->partition_responses.n++];
        to->index = from->index;
        fill(rq, &r, to);
        if (all->error == KAFKA_NONE)
            all->error = r.error;
        if (r.ticket > all->ticket)
            all->ticket = r.ticket;
    }
}

/* The store failed before the appends were durable: the answer that waits is
 * read back, and says so. */
static void produce_failed(struct broker *b, struct request *rq) {
    struct slice frame = request_dup(rq, slice_of(rq->response->out.head.p + 4, rq->response->out.head.n - 4));
    struct produce_resp *resp = request_array(rq, produce_resp, 1);
    int32_t correlation_id;
    size_t used = 0;
    enum err e = proto_decode_response_header(rq->header.key, rq->header.version, frame, &correlation_id, &used);
    if (e == OK)
        e = proto_decode(rq->api->response, rq->header.version, slice_of(frame.p + used, frame.n - used), &rq->arena,
                         resp, &used);
    if (e != OK) {
        request_hang_up(b, rq, "the store failed");
        return;
    }
    for (int32_t i = 0; i < resp->responses.n; i++)
        for (int32_t k = 0; k < resp->responses.v[i].partition_responses.n; k++) {
            struct produce_resp_partition *p = &resp->responses.v[i].partition_responses.v[k];
            if (p->error_code != KAFKA_NONE)
                continue;
            p->error_code = KAFKA_KAFKA_STORAGE_ERROR;
            p->base_offset = p->log_append_time_ms = p->log_start_offset = -1;
        }
    request_reply(b, rq, resp);
}

void handle_produce(struct broker *b, struct request *rq) {
    const struct produce_req *req = rq->body;
    struct produce_resp resp;
    struct outcome all = {KAFKA_NONE, 0};
    int16_t refused = has_transactional(req) ? KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED : KAFKA_NONE;
    proto_init(PROTO_STRUCT(produce_resp), &resp);
    int32_t n = req->topic_data.n < 0 ? 0 : req->topic_data.n;
    resp.responses.v = request_array(rq, produce_resp_topic, n);
    for (int32_t i = 0; i < n; i++)
        if (req->topic_data.v[i].partition_data.n > 0)
            produce_topic(b, rq, &req->topic_data.v[i], refused, &resp.responses.v[resp.responses.n++], &all);
    if (req->acks == 0) {
        if (all.error != KAFKA_NONE)
            request_hang_up(b, rq, kafka_error_name(all.error));
        else
            request_finish_silently(b, rq);
        return;
    }
    rq->on_failed = produce_failed;
    request_reply_when(b, rq, all.ticket, &resp);
}
