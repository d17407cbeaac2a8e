/* DeleteTopics (20), 1-6.
 *
 * Up to v5 by name, v6 by name or by id; v5 error texts.  Answered when the
 * deletion is durable.  The same topic twice, also once by name and once by id:
 * 42.  Internal topics stay. */
#include "core/broker/internal.h"
#include "core/broker/keyset.h"

static void refuse(struct delete_topics_resp_deletable_topic *out, int16_t error, struct slice message) {
    out->error_code = error;
    out->error_message = message;
}

static struct topic *find(struct broker *b, const struct delete_topics_req_topic_state *in,
                          struct delete_topics_resp_deletable_topic *out) {
    bool by_id = !uuid_is_zero(&in->topic_id);
    out->name = in->name;
    out->topic_id = in->topic_id;
    if (by_id && in->name.p != NULL) {
        refuse(out, KAFKA_INVALID_REQUEST, SLICE("You may not specify both topic name and topic id."));
        return NULL;
    }
    if (!by_id && in->name.p == NULL) {
        refuse(out, KAFKA_INVALID_REQUEST, SLICE("Neither topic name nor id were specified."));
        return NULL;
    }
    struct topic *t = by_id ? topic_find_id(b, &in->topic_id) : topic_find(b, in->name);
    if (t == NULL && by_id)
        refuse(out, KAFKA_UNKNOWN_TOPIC_ID, SLICE("This server does not host this topic ID."));
    else if (t == NULL)
        refuse(out, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, SLICE("This server does not host this topic-partition."));
    return t;
}

/* What makes two entries the same: the topic where there is one, else the name as it was given. */
static struct slice identity(const struct topic *t, const struct delete_topics_req_topic_state *in) {
    if (t != NULL)
        return slice_cstr(t->name);
    return in->name.p != NULL ? in->name : slice_of(in->topic_id.b, sizeof in->topic_id.b);
}

static void delete_one(struct broker *b, struct request *rq, struct topic *t,
                           struct delete_topics_resp_deletable_topic *out, uint64_t *ticket) {
    uint64_t mine = 0;
    out->name = request_dup(rq, slice_cstr(t->name));
    out->topic_id = t->id;
    if (t->internal) {
        refuse(out, KAFKA_INVALID_REQUEST, SLICE("Internal topics cannot be deleted."));
        return;
    }
    if (!config_bool(b, "delete.topic.enable")) {
        refuse(out, KAFKA_TOPIC_DELETION_DISABLED, SLICE("Topic deletion is disabled."));
        return;
    }
    enum err e = topic_delete(b, t, &mine);
    if (e != OK)
        refuse(out, kafka_error_of(e), slice_cstr(kafka_error_text(kafka_error_of(e))));
    *ticket = mine > *ticket ? mine : *ticket;
}

/* One list for all versions. */
static const struct delete_topics_req_topic_state *asked(struct request *rq, int32_t *n) {
    const struct delete_topics_req *req = rq->body;
    if (rq->header.version >= 6) {
        *n = req->topics.n < 0 ? 0 : req->topics.n;
        return req->topics.v;
    }
    *n = req->topic_names.n < 0 ? 0 : req->topic_names.n;
    struct delete_topics_req_topic_state *out = request_array(rq, delete_topics_req_topic_state, *n);
    for (int32_t i = 0; i < *n; i++)
        out[i].name = req->topic_names.v[i];
    return out;
}

/* The same topic again: its one answer becomes a refusal. */
static void refuse_repeat(struct request *rq, const struct topic *t, const struct delete_topics_req_topic_state *in,
                          struct delete_topics_resp_deletable_topic *first) {
    bool names = in->name.p != NULL && first->name.p != NULL;
    refuse(first, KAFKA_INVALID_REQUEST,
           names ? SLICE("Duplicate topic name.")
                 : SLICE("The provided topic name maps to an ID that was already supplied."));
    if (!names && t != NULL) {
        first->name = request_dup(rq, slice_cstr(t->name));
        first->topic_id = t->id;
    }
}

void handle_delete_topics(struct broker *b, struct request *rq) {
    struct delete_topics_resp resp;
    struct keyset seen;
    uint64_t ticket = 0;
    int32_t n;
    bool fresh = true;
    const struct delete_topics_req_topic_state *in = asked(rq, &n);
    proto_init(PROTO_STRUCT(delete_topics_resp), &resp);
    resp.responses.v = request_array(rq, delete_topics_resp_deletable_topic, n);
    struct topic **found = request_alloc(rq, (size_t)(n + 1) * sizeof *found);
    keyset_init(&seen, rq, n);
    for (int32_t i = 0; i < n; i++) {
        struct delete_topics_resp_deletable_topic *out = &resp.responses.v[resp.responses.n];
        struct topic *t = find(b, &in[i], out);
        int32_t at = resp.responses.n;
        if (out->error_code != KAFKA_INVALID_REQUEST)
            at = keyset_add(&seen, identity(t, &in[i]), at, &fresh);
        if (at == resp.responses.n) {
            found[resp.responses.n++] = t;
            continue;
        }
        refuse_repeat(rq, t, &in[i], &resp.responses.v[at]);
        found[at] = NULL;
        proto_init(PROTO_STRUCT(delete_topics_resp_deletable_topic), out);
    }
    for (int32_t i = 0; i < resp.responses.n; i++)
        if (found[i] != NULL && resp.responses.v[i].error_code == KAFKA_NONE)
            delete_one(b, rq, found[i], &resp.responses.v[i], &ticket);
    request_reply_when(b, rq, ticket, &resp);
}
