/* JoinGroup (11), versions 0-9: a member comes into a classic group, or back to it.
 *
 * v1 rebalance timeout (v0: the session timeout); v4 an id is handed out first
 * (KIP-394); v5 static members; v7 protocol type and null names; v8 reason; v9
 * skip_assignment.  Parked until the group is complete: group_join.c. */
#include "core/broker/group.h"

void handle_join_group(struct broker *b, struct request *rq) {
    const struct join_group_req *q = rq->body;
    if (!group_id_valid(q->group_id)) {
        group_join_fail(b, rq, KAFKA_INVALID_GROUP_ID, q->member_id);
        return;
    }
    if (q->session_timeout_ms < config_int(b, "group.min.session.timeout.ms") ||
        q->session_timeout_ms > config_int(b, "group.max.session.timeout.ms")) {
        group_join_fail(b, rq, KAFKA_INVALID_SESSION_TIMEOUT, q->member_id);
        return;
    }
    if (groups_ready(b->groups) != OK) {
        group_join_fail(b, rq, KAFKA_COORDINATOR_NOT_AVAILABLE, q->member_id);
        return;
    }
    size_t n = q->protocols.n > 0 ? (size_t)q->protocols.n : 0;
    struct protocol *v = NULL;
    if (n > 0 && n <= GROUP_PROTOCOLS_MAX) {
        v = request_alloc(rq, n * sizeof *v);
        for (size_t i = 0; i < n; i++)
            v[i] = (struct protocol){q->protocols.v[i].name, q->protocols.v[i].metadata};
    }
    struct group_join j = {
        .rq = rq,
        .version = rq->header.version,
        .group_id = request_utf8(rq, q->group_id),
        .member_id = q->member_id,
        .instance_id = request_utf8(rq, q->group_instance_id),
        .protocol_type = q->protocol_type,
        .session_timeout_ms = q->session_timeout_ms,
        .rebalance_timeout_ms = q->rebalance_timeout_ms >= 0 ? q->rebalance_timeout_ms : q->session_timeout_ms,
        .protocols = protocols_new(v, n),
    };
    group_join(b->groups, &j);
}
