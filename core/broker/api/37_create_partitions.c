/* CreatePartitions (37), 0-3: more partitions for a topic, never fewer.  Assignments,
 * when given, are one per new partition, each this broker alone.  validate_only
 * changes nothing.  Answered when durable. */
#include "core/broker/internal.h"
#include "core/broker/keyset.h"

#define PARTITIONS_PER_REQUEST_MAX 10000

static void refuse(struct create_partitions_resp_topic *out, int16_t error, struct slice message) {
    out->error_code = error;
    out->error_message = message;
}

static bool check(struct broker *b, struct request *rq, const struct create_partitions_req_topic *in, struct topic *t,
                  struct create_partitions_resp_topic *out) {
    int32_t more = in->count - t->n_partitions;
    if (in->count == t->n_partitions) {
        refuse(out, KAFKA_INVALID_PARTITIONS,
               request_printf(rq, "Topic already has %d partition(s).", t->n_partitions));
    } else if (in->count < t->n_partitions) {
        refuse(out, KAFKA_INVALID_PARTITIONS,
               request_printf(rq, "The topic %s currently has %d partition(s); %d would not be an increase.", t->name,
                              t->n_partitions, in->count));
    } else if (more > PARTITIONS_PER_REQUEST_MAX) {
        refuse(out, KAFKA_POLICY_VIOLATION, SLICE("Excessively large number of partitions per request."));
    } else if (in->assignments.n >= 0 && in->assignments.n != more) {
        refuse(out, KAFKA_INVALID_REPLICA_ASSIGNMENT,
               request_printf(rq,
                              "Attempted to add %d additional partition(s), but only %d assignment(s) were specified.",
                              more, in->assignments.n));
    }
    for (int32_t i = 0; i < in->assignments.n && out->error_code == KAFKA_NONE; i++) {
        struct slice why =
            assignment_error(b, rq, in->assignments.v[i].broker_ids.v, in->assignments.v[i].broker_ids.n);
        if (why.p != NULL)
            refuse(out, KAFKA_INVALID_REPLICA_ASSIGNMENT, why);
    }
    return out->error_code == KAFKA_NONE;
}

static void add(struct broker *b, struct request *rq, const struct create_partitions_req_topic *in,
                struct create_partitions_resp_topic *out, uint64_t *ticket) {
    const struct create_partitions_req *req = rq->body;
    struct topic *t = topic_find(b, in->name);
    uint64_t mine = 0;
    if (t == NULL) {
        refuse(out, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, SLICE_NULL);
        return;
    }
    if (!check(b, rq, in, t, out) || req->validate_only)
        return;
    if (t->internal) {
        refuse(out, KAFKA_INVALID_REQUEST,
               SLICE("The partitions of an internal topic cannot be changed: its keys would move."));
        return;
    }
    enum err e = topic_add_partitions(b, t, in->count, &mine);
    if (e != OK)
        refuse(out, kafka_error_of(e), slice_cstr(kafka_error_text(kafka_error_of(e))));
    *ticket = mine > *ticket ? mine : *ticket;
}

void handle_create_partitions(struct broker *b, struct request *rq) {
    const struct create_partitions_req *req = rq->body;
    struct create_partitions_resp resp;
    struct keyset names;
    uint64_t ticket = 0;
    bool fresh;
    int32_t n = req->topics.n < 0 ? 0 : req->topics.n;
    int32_t *first = request_alloc(rq, (size_t)(n + 1) * sizeof *first); /* -1: named twice */
    keyset_init(&names, rq, n);
    proto_init(PROTO_STRUCT(create_partitions_resp), &resp);
    resp.results.v = request_array(rq, create_partitions_resp_topic, n);
    for (int32_t i = 0; i < n; i++) {
        int32_t at = keyset_add(&names, req->topics.v[i].name, resp.results.n, &fresh);
        first[at] = fresh ? i : -1;
        if (fresh)
            resp.results.v[resp.results.n++].name = req->topics.v[i].name;
    }
    for (int32_t i = 0; i < resp.results.n; i++) {
        if (first[i] < 0)
            refuse(&resp.results.v[i], KAFKA_INVALID_REQUEST, SLICE("Duplicate topic name."));
        else
            add(b, rq, &req->topics.v[first[i]], &resp.results.v[i], &ticket);
    }
    request_reply_when(b, rq, ticket, &resp);
}
