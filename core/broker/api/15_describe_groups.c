/* DescribeGroups (15), versions 0-6: state and members of classic groups.
 *
 * v3 authorized operations (all: there is no authorizer); v4 static ids; v6 an
 * unknown group is an error (69), below it is "Dead" without one.  Metadata of
 * the members is shown of a Stable group only, as in Kafka. */
#include "core/broker/group.h"

/* Bits of Kafka's operations: read 3, delete 6, describe 8, describe configs 10, alter configs 11. */
#define GROUP_OPERATIONS (1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11)

static void describe(struct request *rq, const struct group *g, struct describe_groups_resp_described_group *to) {
    bool stable = g->state == GROUP_STABLE;
    to->protocol_type = slice_text(g->protocol_type);
    if (stable)
        to->protocol_data = slice_text(g->protocol);
    to->members.n = (int32_t)g->n_members;
    to->members.v = request_array(rq, describe_groups_resp_described_group_member, g->n_members);
    struct describe_groups_resp_described_group_member *out = to->members.v;
    for (const struct member *m = g->members; m != NULL; m = m->by_id.next, out++) {
        out->member_id = m->id;
        out->group_instance_id = m->instance_id;
        out->client_id = m->client_id;
        out->client_host = m->client_host;
        if (stable)
            out->member_metadata = member_metadata(m, slice_text(g->protocol));
        out->member_assignment = m->assignment;
    }
}

void handle_describe_groups(struct broker *b, struct request *rq) {
    const struct describe_groups_req *q = rq->body;
    struct describe_groups_resp resp;
    proto_init(PROTO_STRUCT(describe_groups_resp), &resp);
    resp.groups.n = q->groups.n;
    resp.groups.v = request_array(rq, describe_groups_resp_described_group, q->groups.n);
    for (int32_t i = 0; i < q->groups.n; i++) {
        struct describe_groups_resp_described_group *to = &resp.groups.v[i];
        struct slice id = request_utf8(rq, q->groups.v[i]);
        const struct group *g = group_find(b->groups, id);
        to->group_id = id;
        to->group_state = slice_cstr(group_state_name(g));
        if (g != NULL) {
            describe(rq, g, to);
        } else if (rq->header.version >= 6) {
            to->error_code = KAFKA_GROUP_ID_NOT_FOUND;
            to->error_message = request_printf(rq, "Group %.*s not found.", SLICE_ARG(id));
        }
        if (q->include_authorized_operations && to->error_code == KAFKA_NONE)
            to->authorized_operations = GROUP_OPERATIONS;
    }
    request_reply(b, rq, &resp);
}
