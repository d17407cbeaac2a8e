/* OffsetFetch (9), versions 1-10: how far a group is.
 *
 * v2 null topics ask for all; v5 leader epoch; v7 require_stable (no open
 * transactions here: every offset is stable); v8 several groups; v9 member and
 * epoch, which classic groups do not look at; v10 topics by id.
 * An unknown group or partition is no error: offset -1.  The answer waits until
 * what it shows is durable, so that no committed offset is seen to go back. */
#include "core/broker/group.h"

#define NO_OFFSET (-1)

struct fetched {
    struct groups *gs;
    struct request *rq;
    const struct group *group;       /* NULL: unknown */
    uint64_t ticket;
};

static void fill(const struct group_offset *o, struct offset_fetch_resp_partition *to) {
    to->committed_offset = o == NULL ? NO_OFFSET : o->offset;
    to->committed_leader_epoch = o == NULL ? -1 : o->leader_epoch;
    to->metadata = o == NULL ? SLICE("") : slice_text(o->metadata);
}

static void fetch_topic(struct fetched *f, struct slice name, const int32_t *partitions, int32_t n, int16_t error,
                        struct offset_fetch_resp_topic *to) {
    const struct group_topic *t = f->group == NULL || name.p == NULL ? NULL : group_topic_find(f->group, name);
    to->partitions.n = n;
    to->partitions.v = request_array(f->rq, offset_fetch_resp_partition, n);
    for (int32_t i = 0; i < n; i++) {
        fill(group_offset_find(t, partitions[i]), &to->partitions.v[i]);
        to->partitions.v[i].partition_index = partitions[i];
        to->partitions.v[i].error_code = error;
    }
}

static struct offset_fetch_resp_topic *fetch_all(struct fetched *f, int32_t *n) {
    size_t most = f->group == NULL ? 0 : HASH_COUNT(f->group->topics);
    struct offset_fetch_resp_topic *v = request_array(f->rq, offset_fetch_resp_topic, most);
    *n = 0;
    for (const struct group_topic *t = f->group == NULL ? NULL : f->group->topics; t != NULL; t = t->hh.next) {
        const struct topic *topic = topic_find(f->gs->b, t->name);
        struct offset_fetch_resp_topic *answer = &v[(*n)++];
        answer->name = t->name;
        if (topic != NULL)
            answer->topic_id = topic->id;
        answer->partitions.n = (int32_t)t->n;
        answer->partitions.v = request_array(f->rq, offset_fetch_resp_partition, t->n);
        for (size_t i = 0; i < t->n; i++) {
            fill(t->v[i], &answer->partitions.v[i]);
            answer->partitions.v[i].partition_index = t->v[i]->partition;
        }
    }
    return v;
}

/* What is asked for, all where *n is null; *n: how many came. */
static struct offset_fetch_resp_topic *fetch_topics(struct fetched *f, const struct offset_fetch_req_topic *asked,
                                                    int32_t *n) {
    bool by_id = f->rq->header.version >= 10;
    if (*n < 0)
        return fetch_all(f, n);
    struct offset_fetch_resp_topic *v = request_array(f->rq, offset_fetch_resp_topic, *n);
    for (int32_t i = 0; i < *n; i++) {
        const struct offset_fetch_req_topic *from = &asked[i];
        const struct topic *t = by_id ? topic_find_id(f->gs->b, &from->topic_id) : NULL;
        struct slice name = !by_id ? from->name : t == NULL ? SLICE_NULL : slice_cstr(t->name);
        v[i].name = from->name;
        v[i].topic_id = from->topic_id;
        fetch_topic(f, name, from->partition_indexes.v, from->partition_indexes.n,
                    by_id && t == NULL ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_NONE, &v[i]);
    }
    return v;
}

static void begin(struct fetched *f, struct slice group_id) {
    f->group = group_find(f->gs, group_id);
    uint64_t ticket = f->group == NULL ? f->gs->removed_ticket : f->group->ticket;
    if (ticket > f->ticket)
        f->ticket = ticket;
}

/* What would be shown was never made durable: it is not shown. */
static void fetch_failed(struct broker *b, struct request *rq) {
    const struct offset_fetch_req *q = rq->body;
    struct offset_fetch_resp resp;
    proto_init(PROTO_STRUCT(offset_fetch_resp), &resp);
    resp.error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
    if (rq->header.version >= 8) {
        resp.groups.n = q->groups.n;
        resp.groups.v = request_array(rq, offset_fetch_resp_group, q->groups.n);
        for (int32_t i = 0; i < q->groups.n; i++) {
            resp.groups.v[i].group_id = q->groups.v[i].group_id;
            resp.groups.v[i].error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
        }
    }
    group_reply(b, rq, 0, &resp, NULL);
}

void handle_offset_fetch(struct broker *b, struct request *rq) {
    const struct offset_fetch_req *q = rq->body;
    struct fetched f = {.gs = b->groups, .rq = rq};
    struct offset_fetch_resp resp;
    proto_init(PROTO_STRUCT(offset_fetch_resp), &resp);
    if (rq->header.version >= 8) {
        resp.groups.n = q->groups.n;
        resp.groups.v = request_array(rq, offset_fetch_resp_group, q->groups.n);
        for (int32_t i = 0; i < q->groups.n; i++) {
            struct offset_fetch_resp_group *to = &resp.groups.v[i];
            to->group_id = request_utf8(rq, q->groups.v[i].group_id);
            begin(&f, to->group_id);
            to->topics.n = q->groups.v[i].topics.n;
            to->topics.v = fetch_topics(&f, q->groups.v[i].topics.v, &to->topics.n);
        }
    } else {
        begin(&f, request_utf8(rq, q->group_id));
        resp.topics.n = q->topics.n;
        resp.topics.v = fetch_topics(&f, q->topics.v, &resp.topics.n);
    }
    group_reply(b, rq, f.ticket, &resp, fetch_failed);
}
