/* Heartbeat (12), versions 0-4: a member lives; v3 with its static id.
 * 27 tells it to join again. */
#include "core/broker/group.h"

static int16_t heartbeat(struct broker *b, struct request *rq, const struct heartbeat_req *q) {
    struct member *m;
    if (!group_id_valid(q->group_id))
        return KAFKA_INVALID_GROUP_ID;
    struct group *g = group_find(b->groups, request_utf8(rq, q->group_id));
    if (g == NULL)
        return KAFKA_UNKNOWN_MEMBER_ID;
    int16_t error = member_check(g, q->member_id, q->group_instance_id, &m);
    if (error != KAFKA_NONE)
        return error;
    if (q->generation_id != g->generation)
        return KAFKA_ILLEGAL_GENERATION;
    member_keep_alive(m);
    return g->state == GROUP_PREPARING ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

void handle_heartbeat(struct broker *b, struct request *rq) {
    struct heartbeat_resp resp;
    proto_init(PROTO_STRUCT(heartbeat_resp), &resp);
    resp.error_code = heartbeat(b, rq, rq->body);
    request_reply(b, rq, &resp);
}
