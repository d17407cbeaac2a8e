/* The rebalance: JoinGroup, SyncGroup and what sets them off.  States: group.h.
 *
 * A JoinGroup is parked until all members have joined (or the longest rebalance
 * timeout of the members has passed: those who did not come are removed, static
 * members stay).  Then each gets the new generation, its leader with everybody's
 * metadata; a SyncGroup is parked until the leader's brings the assignment.
 *
 * Members: the broker sees subscriptions and assignments as bytes; cooperative
 * rebalancing is two of these rounds and needs nothing here.
 * Thread: the broker's. */
#include "core/broker/group.h"

#include "core/base/log.h"

#include <stdlib.h>

#define US_PER_MS 1000
#define MEMBER_OF(t, type, field) ((type *)(void *)((char *)(t) - offsetof(type, field)))

static void prepare_rebalance(struct group *g);
static void complete_join(struct group *g);

static void timer_set_ms(struct group *g, struct timer *t, int64_t ms) {
    struct broker *b = g->owner->b;
    timers_set(&b->timers, t, broker_now_us(b) + ms * US_PER_MS);
}

static int32_t rebalance_timeout_ms(const struct group *g) {
    int32_t longest = 0;
    for (const struct member *m = g->members; m != NULL; m = m->by_id.next)
        if (m->rebalance_timeout_ms > longest)
            longest = m->rebalance_timeout_ms;
    return longest;
}

/* ---- answers ---- */

void group_join_fail(struct broker *b, struct request *rq, int16_t error, struct slice member_id) {
    struct join_group_resp resp;
    proto_init(PROTO_STRUCT(join_group_resp), &resp);
    resp.error_code = error;
    resp.generation_id = -1;
    resp.member_id = slice_text(member_id);
    resp.protocol_name = rq->header.version < 7 ? SLICE("") : SLICE_NULL;
    group_reply(b, rq, 0, &resp, NULL);
}

static void join_failed(struct broker *b, struct request *rq) {
    const struct join_group_req *q = rq->body;
    group_join_fail(b, rq, KAFKA_COORDINATOR_NOT_AVAILABLE, q->member_id);
}

static void join_members(struct request *rq, const struct group *g, struct join_group_resp *resp) {
    resp->members.v = request_array(rq, join_group_resp_member, g->n_members);
    resp->members.n = (int32_t)g->n_members;
    struct join_group_resp_member *to = resp->members.v;
    for (const struct member *m = g->members; m != NULL; m = m->by_id.next, to++) {
        to->member_id = m->id;
        to->group_instance_id = m->instance_id;
        to->metadata = member_metadata(m, g->protocol);
    }
}

struct join_answer {
    bool members, skip_assignment;
    struct slice leader;             /* null: the group's */
    uint64_t ticket;
};

static void join_reply(struct request *rq, const struct group *g, const struct member *m, struct join_answer how) {
    struct join_group_resp resp;
    proto_init(PROTO_STRUCT(join_group_resp), &resp);
    resp.generation_id = g->generation;
    resp.protocol_type = g->protocol_type;
    resp.protocol_name = slice_text(g->protocol);
    resp.leader = how.leader.p != NULL ? how.leader : g->leader != NULL ? g->leader->id : SLICE("");
    resp.skip_assignment = how.skip_assignment;
    resp.member_id = m->id;
    if (how.members)
        join_members(rq, g, &resp);
    group_reply(g->owner->b, rq, how.ticket, &resp, join_failed);
}

static void sync_failed(struct broker *b, struct request *rq) {
    group_sync_reply(b, rq, KAFKA_COORDINATOR_NOT_AVAILABLE, NULL);
}

void group_sync_reply(struct broker *b, struct request *rq, int16_t error, const struct member *m) {
    struct sync_group_resp resp;
    proto_init(PROTO_STRUCT(sync_group_resp), &resp);
    resp.error_code = error;
    resp.assignment = SLICE("");
    uint64_t ticket = 0;
    if (error == KAFKA_NONE) {
        resp.protocol_type = m->group->protocol_type;
        resp.protocol_name = m->group->protocol;
        resp.assignment = m->assignment;
        ticket = m->group->ticket;
    }
    group_reply(b, rq, ticket, &resp, sync_failed);
}

/* ---- a new generation ---- */

/* False: nobody is here to lead. */
static bool elect_leader(struct group *g) {
    if (g->leader != NULL && g->leader->awaiting_join)
        return true;
    for (struct member *m = g->members; m != NULL; m = m->by_id.next) {
        if (m->awaiting_join) {
            g->leader = m;
            return true;
        }
    }
    return false;
}

static void remove_absent(struct group *g) {
    struct member *m, *next;
    for (m = g->members; m != NULL; m = next) {
        next = m->by_id.next;
        if (!m->awaiting_join && m->instance_id.p == NULL)
            member_remove(m, KAFKA_UNKNOWN_MEMBER_ID);
    }
}

static void next_generation(struct group *g) {
    g->generation = g->generation == INT32_MAX ? 1 : g->generation + 1;
    g->initial = false;
    slice_free(&g->protocol);
    g->n_pending_sync = 0;
    if (g->members == NULL) {
        group_set_state(g, GROUP_EMPTY);
        group_save(g);
        return;
    }
    g->protocol = mem_dup(group_select_protocol(g));
    group_set_state(g, GROUP_COMPLETING);
    for (struct member *m = g->members; m != NULL; m = m->by_id.next) {
        m->pending_sync = true;
        g->n_pending_sync++;
    }
}

static void complete_join(struct group *g) {
    struct broker *b = g->owner->b;
    timers_cancel(&b->timers, &g->join_timer);
    remove_absent(g);
    if (g->members != NULL && !elect_leader(g)) {
        /* Only static members, and none of them has come: their sessions end it. */
        timer_set_ms(g, &g->join_timer, rebalance_timeout_ms(g));
        return;
    }
    next_generation(g);
    if (g->state != GROUP_COMPLETING)
        return;
    for (struct member *m = g->members; m != NULL; m = m->by_id.next) {
        struct request *rq = m->join;
        m->join = NULL;
        m->awaiting_join = false;
        m->is_new = false;
        member_keep_alive(m);
        if (rq != NULL)
            join_reply(rq, g, m, (struct join_answer){.members = m == g->leader});
    }
    g->n_awaiting_join = 0;
    timer_set_ms(g, &g->sync_timer, rebalance_timeout_ms(g));
}

static bool all_joined(const struct group *g) {
    return g->n_members <= g->n_awaiting_join && g->n_pending == 0;
}

static void maybe_complete_join(struct group *g) {
    if (g->state == GROUP_PREPARING && !g->initial && all_joined(g))
        complete_join(g);
}

/* Ends the wait for the leader's assignment: everybody joins again. */
static void cancel_syncs(struct group *g) {
    struct broker *b = g->owner->b;
    for (struct member *m = g->members; m != NULL; m = m->by_id.next) {
        struct request *rq = m->sync;
        member_set_assignment(m, SLICE(""));
        m->sync = NULL;
        if (rq != NULL) {
            group_sync_reply(b, rq, KAFKA_REBALANCE_IN_PROGRESS, NULL);
            member_keep_alive(m);
        }
    }
}

static void prepare_rebalance(struct group *g) {
    struct broker *b = g->owner->b;
    if (g->state == GROUP_COMPLETING)
        cancel_syncs(g);
    timers_cancel(&b->timers, &g->sync_timer);
    g->initial = g->state == GROUP_EMPTY;
    group_set_state(g, GROUP_PREPARING);
    if (g->initial) {
        int32_t delay_ms = (int32_t)config_int(b, "group.initial.rebalance.delay.ms");
        g->more_joined = false;
        g->initial_left_ms = rebalance_timeout_ms(g) - delay_ms;
        if (delay_ms > 0)
            timer_set_ms(g, &g->join_timer, delay_ms);
        else
            complete_join(g);
    } else if (all_joined(g)) {
        complete_join(g);
    } else {
        timer_set_ms(g, &g->join_timer, rebalance_timeout_ms(g));
    }
}

static void rebalance(struct group *g) {
    if (g->state == GROUP_PREPARING)
        maybe_complete_join(g);
    else
        prepare_rebalance(g);
}

void group_join_due(struct timer *t, void *ctx) {
    struct broker *b = ctx;
    struct group *g = MEMBER_OF(t, struct group, join_timer);
    if (g->state != GROUP_PREPARING)
        return;
    if (g->initial && g->more_joined && g->initial_left_ms > 0) {
        int32_t delay_ms = (int32_t)config_int(b, "group.initial.rebalance.delay.ms");
        delay_ms = delay_ms < g->initial_left_ms ? delay_ms : g->initial_left_ms;
        g->more_joined = false;
        g->initial_left_ms -= delay_ms;
        timer_set_ms(g, t, delay_ms);
        return;
    }
    complete_join(g);
}

/* Members that joined but never asked for their assignment hold up the others. */
void group_sync_due(struct timer *t, void *ctx) {
    (void)ctx;
    struct group *g = MEMBER_OF(t, struct group, sync_timer);
    if ((g->state != GROUP_COMPLETING && g->state != GROUP_STABLE) || g->n_pending_sync == 0)
        return;
    struct member *m, *next;
    for (m = g->members; m != NULL; m = next) {
        next = m->by_id.next;
        if (m->pending_sync)
            member_remove(m, KAFKA_UNKNOWN_MEMBER_ID);
    }
    prepare_rebalance(g);
}

void group_member_gone(struct group *g) {
    if (g->state == GROUP_STABLE || g->state == GROUP_COMPLETING)
        prepare_rebalance(g);
    else
        maybe_complete_join(g);
}

void group_pending_gone(struct pending_member *p) {
    struct group *g = p->group;
    pending_remove(p);
    maybe_complete_join(g);
    if (group_unused(g))
        group_remove(g->owner, g);
}

void group_session_expired(struct timer *t, void *ctx) {
    (void)ctx;
    struct member *m = MEMBER_OF(t, struct member, session);
    struct group *g = m->group;
    /* Who waits for an answer is alive, but for one who waits for its first too long. */
    if ((m->join != NULL && !m->is_new) || m->sync != NULL)
        return;
    member_remove(m, KAFKA_UNKNOWN_MEMBER_ID);
    group_member_gone(g);
}

void group_pending_expired(struct timer *t, void *ctx) {
    (void)ctx;
    group_pending_gone(MEMBER_OF(t, struct pending_member, session));
}

/* ---- JoinGroup ---- */

static bool has_room(const struct group *g, const struct member *m) {
    size_t max = (size_t)config_int(g->owner->b, "group.max.size");
    switch (g->state) {
    case GROUP_EMPTY: return true;
    case GROUP_PREPARING: return (m != NULL && m->awaiting_join) || g->n_awaiting_join < max;
    default: return m != NULL || g->n_members < max;
    }
}

static void member_update(struct member *m, struct group_join *j) {
    m->session_timeout_ms = j->session_timeout_ms;
    m->rebalance_timeout_ms = j->rebalance_timeout_ms;
    member_set_protocols(m, j->protocols);
    j->protocols = NULL;
}

static void join_add(struct group *g, struct group_join *j, struct slice member_id) {
    struct request *rq = j->rq;
    if (g->members == NULL) {
        slice_free(&g->protocol_type);
        g->protocol_type = mem_dup(j->protocol_type);
    }
    struct member *m = member_add(g, member_id, j->instance_id, request_utf8(rq, rq->header.client_id),
                                  slice_cstr(rq->conn->peer), j->protocols);
    j->protocols = NULL;
    m->session_timeout_ms = j->session_timeout_ms;
    m->rebalance_timeout_ms = j->rebalance_timeout_ms;
    m->is_new = true;
    g->more_joined = true;
    member_park_join(m, rq);
    /* It cannot send heartbeats before it knows its id; if its client gave up and
     * asked anew by another connection, this entry must end some time. */
    timer_set_ms(g, &m->session, GROUP_NEW_MEMBER_TIMEOUT_MS);
    rebalance(g);
}

static void join_update(struct member *m, struct group_join *j) {
    struct group *g = m->group;
    member_update(m, j);
    member_park_join(m, j->rq);
    rebalance(g);
}

/* The generation as it stands, to a member that asks again. */
static void join_current(const struct member *m, struct group_join *j, bool members) {
    join_reply(j->rq, m->group, m, (struct join_answer){.members = members, .ticket = m->group->ticket});
}

/* A static member is back (restarted): it takes its former self's place, without a
 * rebalance if the group is Stable and would choose the same protocol. */
static void join_static_again(struct group *g, struct member *m, struct group_join *j, struct slice new_id) {
    bool leads = g->leader == m;
    struct slice leader = request_dup(j->rq, g->leader->id);
    member_rename(m, new_id);
    member_update(m, j);
    member_keep_alive(m);
    if (g->state == GROUP_STABLE && slice_eq(group_select_protocol(g), g->protocol)) {
        group_save(g);
        struct join_answer how = {.ticket = g->ticket, .members = leads && j->version >= 9,
                                  .skip_assignment = leads && j->version >= 9};
        if (j->version < 9)
            how.leader = leader; /* its old id: so that it does not take itself for the one that assigns */
        join_reply(j->rq, g, m, how);
        return;
    }
    member_park_join(m, j->rq);
    rebalance(g);
}

static void join_new(struct groups *gs, struct group *g, struct group_join *j) {
    struct broker *b = gs->b;
    struct request *rq = j->rq;
    bool is_static = j->instance_id.p != NULL;
    struct member *former = is_static && g != NULL ? member_find_static(g, j->instance_id) : NULL;
    size_t bytes = j->protocols->bytes + 4096;
    if (groups_full(gs, bytes) || (g != NULL && g->member_bytes + bytes > GROUP_BYTES_MAX) ||
        (g != NULL && g->n_pending >= GROUP_PENDING_MAX)) {
        group_join_fail(b, rq, KAFKA_GROUP_MAX_SIZE_REACHED, SLICE(""));
        return;
    }
    if (g == NULL)
        g = group_add(gs, j->group_id);
    if (g == NULL) {
        group_join_fail(b, rq, KAFKA_GROUP_MAX_SIZE_REACHED, SLICE(""));
        return;
    }
    struct slice id = member_new_id(rq, is_static ? j->instance_id : request_utf8(rq, rq->header.client_id));
    if (former != NULL) {
        join_static_again(g, former, j, id);
    } else if (!is_static && j->version >= 4) {
        pending_add(g, id, j->session_timeout_ms);
        group_join_fail(b, rq, KAFKA_MEMBER_ID_REQUIRED, id);
    } else {
        join_add(g, j, id);
    }
}

static void join_known(struct group *g, struct group_join *j) {
    struct broker *b = g->owner->b;
    struct pending_member *p = pending_find(g, j->member_id);
    if (p != NULL) {
        pending_remove(p);
        join_add(g, j, j->member_id);
        return;
    }
    struct member *m;
    int16_t error = member_check(g, j->member_id, j->instance_id, &m);
    if (error == KAFKA_NONE && g->member_bytes + j->protocols->bytes > GROUP_BYTES_MAX)
        error = KAFKA_GROUP_MAX_SIZE_REACHED;
    if (error != KAFKA_NONE) {
        group_join_fail(b, j->rq, error, j->member_id);
        return;
    }
    bool same = protocols_equal(m->protocols, j->protocols);
    if (g->state == GROUP_COMPLETING && same)
        join_current(m, j, g->leader == m); /* the answer may have been lost */
    else if (g->state == GROUP_STABLE && same && g->leader != m)
        join_current(m, j, false);
    else
        join_update(m, j);
}

void group_join(struct groups *gs, struct group_join *j) {
    struct broker *b = gs->b;
    struct group *g = group_find(gs, j->group_id);
    struct member *m = g == NULL ? NULL : member_find(g, j->member_id);
    if (g == NULL && j->member_id.n != 0) {
        group_join_fail(b, j->rq, KAFKA_UNKNOWN_MEMBER_ID, j->member_id);
    } else if (g != NULL && !has_room(g, m)) {
        struct pending_member *p = pending_find(g, j->member_id);
        if (p != NULL)
            pending_remove(p);
        group_join_fail(b, j->rq, KAFKA_GROUP_MAX_SIZE_REACHED, SLICE(""));
    } else if (!group_supports(g, j->protocol_type, j->protocols)) {
        group_join_fail(b, j->rq, KAFKA_INCONSISTENT_GROUP_PROTOCOL, SLICE(""));
    } else if (j->member_id.n == 0) {
        join_new(gs, g, j);
    } else {
        join_known(g, j);
    }
    free(j->protocols);
    j->protocols = NULL;
}

/* ---- SyncGroup ---- */

static size_t assignment_bytes(const struct group *g, const struct sync_group_req *q) {
    size_t bytes = g->member_bytes;
    for (int32_t i = 0; i < q->assignments.n; i++)
        bytes += q->assignments.v[i].assignment.n;
    return bytes;
}

static void take_assignments(struct group *g, const struct sync_group_req *q) {
    for (struct member *m = g->members; m != NULL; m = m->by_id.next)
        member_set_assignment(m, SLICE(""));
    for (int32_t i = 0; i < q->assignments.n; i++) {
        struct member *m = member_find(g, q->assignments.v[i].member_id);
        if (m != NULL)
            member_set_assignment(m, q->assignments.v[i].assignment);
    }
}

static void finish_sync(struct group *g) {
    struct broker *b = g->owner->b;
    group_set_state(g, GROUP_STABLE);
    group_save(g);
    for (struct member *m = g->members; m != NULL; m = m->by_id.next) {
        struct request *rq = m->sync;
        m->sync = NULL;
        /* A session that ended while its SyncGroup was parked was let pass: count anew. */
        member_keep_alive(m);
        if (rq != NULL)
            group_sync_reply(b, rq, KAFKA_NONE, m);
    }
}

static void sync_seen(struct group *g, struct member *m) {
    g->n_pending_sync -= m->pending_sync;
    m->pending_sync = false;
    if (g->n_pending_sync == 0)
        timers_cancel(&g->owner->b->timers, &g->sync_timer);
}

void group_sync(struct groups *gs, struct group *g, struct member *m, struct request *rq) {
    const struct sync_group_req *q = rq->body;
    switch (g->state) {
    case GROUP_EMPTY:
        group_sync_reply(gs->b, rq, KAFKA_UNKNOWN_MEMBER_ID, NULL);
        return;
    case GROUP_PREPARING:
        group_sync_reply(gs->b, rq, KAFKA_REBALANCE_IN_PROGRESS, NULL);
        return;
    case GROUP_STABLE:
        sync_seen(g, m);
        member_keep_alive(m);
        group_sync_reply(gs->b, rq, KAFKA_NONE, m);
        return;
    case GROUP_COMPLETING:
        break;
    }
    sync_seen(g, m);
    member_park_sync(m, rq);
    if (m != g->leader)
        return;
    if (assignment_bytes(g, q) > GROUP_BYTES_MAX) {
        log_warn("A group's leader sent assignments that are too large to be kept: the group rebalances.");
        m->sync = NULL;
        group_sync_reply(gs->b, rq, KAFKA_UNKNOWN_SERVER_ERROR, NULL);
        prepare_rebalance(g);
        return;
    }
    take_assignments(g, q);
    finish_sync(g);
}
