/* LeaveGroup (13), versions 0-5: a member goes, or an admin removes members.
 *
 * v0-2 name one member and answer at the top; v3 several, each with an answer; a
 * static member may be named by its instance id alone. */
#include "core/broker/group.h"

static int16_t leave_one(struct group *g, struct slice member_id, struct slice instance_id, bool *gone) {
    struct member *m = NULL;
    struct pending_member *p = pending_find(g, member_id);
    int16_t error = KAFKA_NONE;
    if (member_id.n == 0 && instance_id.p != NULL) {
        m = member_find_static(g, instance_id);
        error = m == NULL ? KAFKA_UNKNOWN_MEMBER_ID : KAFKA_NONE;
    } else if (p != NULL) {
        group_pending_gone(p);
    } else {
        error = member_check(g, member_id, instance_id, &m);
    }
    if (error == KAFKA_NONE && m != NULL) {
        member_remove(m, KAFKA_UNKNOWN_MEMBER_ID);
        *gone = true;
    }
    return error;
}

void handle_leave_group(struct broker *b, struct request *rq) {
    const struct leave_group_req *q = rq->body;
    struct leave_group_resp resp;
    proto_init(PROTO_STRUCT(leave_group_resp), &resp);
    bool valid = group_id_valid(q->group_id), gone = false;
    struct slice id = request_utf8(rq, q->group_id);
    struct group *g = valid ? group_find(b->groups, id) : NULL;
    if (!valid) {
        resp.error_code = KAFKA_INVALID_GROUP_ID;
    } else if (rq->header.version < 3) {
        resp.error_code = g == NULL ? KAFKA_UNKNOWN_MEMBER_ID : leave_one(g, q->member_id, SLICE_NULL, &gone);
    } else {
        resp.members.n = q->members.n;
        resp.members.v = request_array(rq, leave_group_resp_member, q->members.n);
        for (int32_t i = 0; i < q->members.n; i++) {
            const struct leave_group_req_member_identity *from = &q->members.v[i];
            struct leave_group_resp_member *to = &resp.members.v[i];
            to->member_id = from->member_id;
            to->group_instance_id = from->group_instance_id;
            to->error_code = g == NULL ? KAFKA_UNKNOWN_MEMBER_ID
                                       : leave_one(g, from->member_id, from->group_instance_id, &gone);
            g = group_find(b->groups, id); /* a group goes with its last pending id */
        }
    }
    if (gone)
        group_member_gone(g);
    request_reply(b, rq, &resp);
}
