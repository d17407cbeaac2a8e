/* Metadata (3), 0-13.
 *
 * v0: an empty list is all topics; v1 and above: null is all, empty is none.
 * v4 says whether a missing topic may be made (before it always may), v8-10
 * cluster operations, v10 topic ids in the answer, v12 in the request, v13 an
 * error of the whole answer.  A topic that is made here is answered at once as it
 * is, once it is durable; Kafka answers UNKNOWN_TOPIC_OR_PARTITION first. */
#include "core/broker/internal.h"

#define CLUSTER_OPERATIONS 8096       /* all that an unrestricted user may do */
#define TOPIC_OPERATIONS 3576

/* A request for very many missing topics gets no more than this many at once. */
#define AUTO_CREATE_MAX 1000

struct answering {
    struct request *rq;
    struct metadata_resp *resp;
    int32_t *self;                    /* the list of the one broker */
    uint64_t ticket;
    int created;
};

static void fill_topic(struct answering *a, const struct topic *t, struct metadata_resp_topic *out) {
    out->name = slice_cstr(t->name);
    out->topic_id = t->id;
    out->is_internal = t->internal;
    out->partitions.n = t->n_partitions;
    out->partitions.v = request_array(a->rq, metadata_resp_partition, t->n_partitions);
    for (int32_t i = 0; i < t->n_partitions; i++) {
        struct metadata_resp_partition *p = &out->partitions.v[i];
        p->partition_index = i;
        p->leader_id = *a->self;
        p->leader_epoch = store_log_epoch(t->partitions[i]->log);
        p->replica_nodes.n = p->isr_nodes.n = 1;
        p->replica_nodes.v = p->isr_nodes.v = a->self;
    }
}

/* Makes the topic that is asked for, where that is allowed. */
static struct topic *auto_create(struct broker *b, struct answering *a, struct slice name) {
    const struct metadata_req *req = a->rq->body;
    struct topic *t = NULL;
    uint64_t ticket;
    if (!req->allow_auto_topic_creation || a->created == AUTO_CREATE_MAX || topic_name_internal(name) ||
        !config_bool(b, "auto.create.topics.enable") || topic_colliding(b, name) != NULL)
        return NULL;
    if (topic_create(b, name, (int32_t)config_int(b, "num.partitions"), NULL, 0, &t, &ticket) != OK)
        return NULL;
    a->ticket = ticket > a->ticket ? ticket : a->ticket;
    a->created++;
    return t;
}

static void answer_by_name(struct broker *b, struct answering *a, struct slice name, struct metadata_resp_topic *out,
                           struct topic **found) {
    out->name = request_utf8(a->rq, name);
    if (!topic_name_valid(name, NULL)) {
        out->error_code = KAFKA_INVALID_TOPIC_EXCEPTION;
        return;
    }
    *found = topic_find(b, name);
    if (*found == NULL)
        *found = auto_create(b, a, name);
    if (*found != NULL)
        return;
    out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    out->is_internal = topic_name_internal(name);
}

/* One topic of the request. */
static void answer_asked(struct broker *b, struct answering *a, const struct metadata_req_topic *in) {
    struct metadata_resp_topic *out = &a->resp->topics.v[a->resp->topics.n];
    int version = a->rq->header.version;
    struct topic *t = NULL;
    bool by_id = !uuid_is_zero(&in->topic_id);
    if (version < 12 && (by_id || in->name.p == NULL)) {
        out->error_code = KAFKA_INVALID_REQUEST;
        out->topic_id = in->topic_id;
    } else if (by_id) {
        t = topic_find_id(b, &in->topic_id);
        out->topic_id = in->topic_id;
        out->name = SLICE_NULL;
        out->error_code = t == NULL ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_NONE;
    } else if (in->name.p == NULL) {
        out->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
    } else {
        answer_by_name(b, a, in->name, out, &t);
    }
    if (t != NULL && t->asked_in == b->stats.requests) {
        proto_init(PROTO_STRUCT(metadata_resp_topic), out);
        return; /* repeated */
    }
    if (t != NULL) {
        t->asked_in = b->stats.requests;
        fill_topic(a, t, out);
    }
    a->resp->topics.n++;
}

static void answer_all(struct broker *b, struct answering *a) {
    a->resp->topics.v = request_array(a->rq, metadata_resp_topic, b->n_topics);
    for (struct topic *t = b->topics_by_name; t != NULL; t = t->by_name.next)
        fill_topic(a, t, &a->resp->topics.v[a->resp->topics.n++]);
}

static void answer_operations(const struct metadata_req *req, int version, struct metadata_resp *resp) {
    if (version >= 8 && version <= 10 && req->include_cluster_authorized_operations)
        resp->cluster_authorized_operations = CLUSTER_OPERATIONS;
    for (int32_t i = 0; i < resp->topics.n && req->include_topic_authorized_operations; i++)
        if (resp->topics.v[i].error_code == KAFKA_NONE)
            resp->topics.v[i].topic_authorized_operations = TOPIC_OPERATIONS;
}

void handle_metadata(struct broker *b, struct request *rq) {
    const struct metadata_req *req = rq->body;
    struct metadata_resp resp;
    struct answering a = {.rq = rq, .resp = &resp, .self = &b->settings.node_id};
    proto_init(PROTO_STRUCT(metadata_resp), &resp);
    resp.brokers.n = 1;
    resp.brokers.v = request_array(rq, metadata_resp_broker, 1);
    resp.brokers.v[0].node_id = b->settings.node_id;
    resp.brokers.v[0].host = slice_cstr(rq->conn->host);
    resp.brokers.v[0].port = rq->conn->port;
    resp.cluster_id = slice_cstr(b->cluster_id);
    resp.controller_id = b->settings.node_id;
    if (req->topics.n < 0 || (req->topics.n == 0 && rq->header.version == 0)) {
        answer_all(b, &a);
    } else {
        resp.topics.v = request_array(rq, metadata_resp_topic, req->topics.n);
        for (int32_t i = 0; i < req->topics.n; i++)
            answer_asked(b, &a, &req->topics.v[i]);
    }
    answer_operations(req, rq->header.version, &resp);
    request_reply_when(b, rq, a.ticket, &resp);
}
