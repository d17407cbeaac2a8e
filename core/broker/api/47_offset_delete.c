/* OffsetDelete (47), version 0: forgets a group's offsets of topics that no member subscribes to.
 * Answered when durable. */
#include "core/broker/group.h"

struct deletion {
    struct group *group;
    struct slice *topics;            /* that members subscribe to */
    size_t n_topics;
};

static int16_t check_group(struct groups *gs, struct request *rq, struct slice id, struct group **g) {
    if (!group_id_valid(id))
        return KAFKA_INVALID_GROUP_ID;
    *g = group_find(gs, request_utf8(rq, id));
    if (*g == NULL)
        return KAFKA_GROUP_ID_NOT_FOUND;
    if ((*g)->state != GROUP_EMPTY && !slice_is(slice_text((*g)->protocol_type), "consumer"))
        return KAFKA_NON_EMPTY_GROUP;
    return KAFKA_NONE;
}

static int16_t delete_one(struct deletion *d, struct slice topic, int32_t partition) {
    struct group *g = d->group;
    struct groups *gs = g->owner;
    int64_t base;
    if (partition_find(gs->b, topic, partition) == NULL)
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (topic_subscribed(d->topics, d->n_topics, topic))
        return KAFKA_GROUP_SUBSCRIBED_TO_TOPIC;
    struct group_offset *o = group_offset_find(group_topic_find(g, topic), partition);
    if (o == NULL)
        return KAFKA_NONE;
    group_write_start(gs);
    group_write_offset(gs, g, topic, partition, NULL);
    if (group_write_end(gs, g, &base) != OK)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    group_offset_remove(o);
    return KAFKA_NONE;
}

static void delete_failed(struct broker *b, struct request *rq) {
    struct offset_delete_resp resp;
    proto_init(PROTO_STRUCT(offset_delete_resp), &resp);
    resp.error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
    group_reply(b, rq, 0, &resp, NULL);
}

void handle_offset_delete(struct broker *b, struct request *rq) {
    const struct offset_delete_req *q = rq->body;
    struct deletion d = {0};
    struct offset_delete_resp resp;
    proto_init(PROTO_STRUCT(offset_delete_resp), &resp);
    resp.error_code = check_group(b->groups, rq, q->group_id, &d.group);
    if (resp.error_code != KAFKA_NONE) {
        request_reply(b, rq, &resp);
        return;
    }
    if (!group_subscribed(d.group, &rq->arena, &d.topics, &d.n_topics))
        d.n_topics = 0;
    resp.topics.n = q->topics.n;
    resp.topics.v = request_array(rq, offset_delete_resp_topic, q->topics.n);
    for (int32_t i = 0; i < q->topics.n; i++) {
        const struct offset_delete_req_topic *from = &q->topics.v[i];
        struct offset_delete_resp_topic *to = &resp.topics.v[i];
        to->name = from->name;
        to->partitions.n = from->partitions.n;
        to->partitions.v = request_array(rq, offset_delete_resp_partition, from->partitions.n);
        for (int32_t k = 0; k < from->partitions.n; k++) {
            to->partitions.v[k].partition_index = from->partitions.v[k].partition_index;
            to->partitions.v[k].error_code = delete_one(&d, from->name, from->partitions.v[k].partition_index);
        }
    }
    group_reply(b, rq, d.group->ticket, &resp, delete_failed);
}
