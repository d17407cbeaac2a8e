/* SyncGroup (14), versions 0-5: the leader brings the assignment, everybody gets theirs.
 *
 * v3 static id; v5 protocol type and name, which must be there and be the group's.
 * Parked until the leader's has come: group_join.c. */
#include "core/broker/group.h"

static int16_t check(const struct group *g, const struct sync_group_req *q, struct member **m) {
    int16_t error = member_check(g, q->member_id, q->group_instance_id, m);
    if (error != KAFKA_NONE)
        return error;
    if (q->generation_id != g->generation)
        return KAFKA_ILLEGAL_GENERATION;
    if ((q->protocol_type.p != NULL && !slice_eq(q->protocol_type, slice_text(g->protocol_type))) ||
        (q->protocol_name.p != NULL && !slice_eq(q->protocol_name, slice_text(g->protocol))))
        return KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    return KAFKA_NONE;
}

void handle_sync_group(struct broker *b, struct request *rq) {
    const struct sync_group_req *q = rq->body;
    struct member *m = NULL;
    struct group *g = NULL;
    int16_t error = KAFKA_NONE;
    if (rq->header.version >= 5 && (q->protocol_type.p == NULL || q->protocol_name.p == NULL))
        error = KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    else if (!group_id_valid(q->group_id))
        error = KAFKA_INVALID_GROUP_ID;
    else if ((g = group_find(b->groups, request_utf8(rq, q->group_id))) == NULL)
        error = KAFKA_UNKNOWN_MEMBER_ID;
    else
        error = check(g, q, &m);
    if (error != KAFKA_NONE)
        group_sync_reply(b, rq, error, NULL);
    else
        group_sync(b->groups, g, m, rq);
}
