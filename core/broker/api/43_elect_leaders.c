/* ElectLeaders (43), 0-2: this broker leads everything, no election is needed (84).
 * All partitions (null): every topic, with nothing to tell. */
#include "core/broker/internal.h"

enum { ELECTION_PREFERRED = 0, ELECTION_UNCLEAN = 1 };

static void elect(struct request *rq, struct slice name, struct topic *t, int32_t index,
                  struct elect_leaders_resp_partition *out) {
    const struct elect_leaders_req *req = rq->body;
    out->partition_id = index;
    if (req->election_type != ELECTION_PREFERRED && req->election_type != ELECTION_UNCLEAN) {
        out->error_code = KAFKA_INVALID_REQUEST;
        out->error_message = request_printf(rq, "Unknown election type %d", req->election_type);
    } else if (t == NULL) {
        out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        out->error_message = request_printf(rq, "No such topic as %.*s", SLICE_ARG(request_utf8(rq, name)));
    } else if (topic_partition(t, index) == NULL) {
        out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        out->error_message = request_printf(rq, "No such partition as %s-%d", t->name, index);
    } else {
        out->error_code = KAFKA_ELECTION_NOT_NEEDED;
        out->error_message = SLICE("Leader election not needed for topic partition.");
    }
}

void handle_elect_leaders(struct broker *b, struct request *rq) {
    const struct elect_leaders_req *req = rq->body;
    struct elect_leaders_resp resp;
    bool all = req->topic_partitions.n < 0;
    proto_init(PROTO_STRUCT(elect_leaders_resp), &resp);
    if (req->election_type != ELECTION_PREFERRED && req->election_type != ELECTION_UNCLEAN)
        resp.error_code = KAFKA_INVALID_REQUEST;
    resp.replica_election_results.v =
        request_array(rq, elect_leaders_resp_replica_election, all ? (int64_t)b->n_topics : req->topic_partitions.n);
    if (all)
        for (struct topic *t = b->topics_by_name; t != NULL; t = t->by_name.next)
            resp.replica_election_results.v[resp.replica_election_results.n++].topic = slice_cstr(t->name);
    for (int32_t i = 0; i < req->topic_partitions.n; i++) {
        const struct elect_leaders_req_topic_partitions *in = &req->topic_partitions.v[i];
        struct elect_leaders_resp_replica_election *out =
            &resp.replica_election_results.v[resp.replica_election_results.n++];
        struct topic *t = topic_find(b, in->topic);
        out->topic = in->topic;
        out->partition_result.v = request_array(rq, elect_leaders_resp_partition, in->partitions.n);
        for (int32_t k = 0; k < in->partitions.n; k++)
            elect(rq, in->topic, t, in->partitions.v[k], &out->partition_result.v[out->partition_result.n++]);
    }
    request_reply(b, rq, &resp);
}
