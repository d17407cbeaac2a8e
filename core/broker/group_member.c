/* Members of a group: what they bring (protocols), how long they live
 * (sessions), static members (KIP-345), ids handed out in advance (KIP-394).
 *
 * Invariant: protocol_counts holds each protocol name of a member once, with the
 * number of members that support it; a member's parked requests are answered
 * before it is freed.  Owner: the group.  Thread: the broker's. */
#include "core/broker/group.h"

#include <stdio.h>
#include <stdlib.h>

#define US_PER_MS 1000
#define SUBSCRIPTION_VERSION_MAX 3

/* ---- protocols ---- */

struct protocols *protocols_new(const struct protocol *v, size_t n) {
    if (n > GROUP_PROTOCOLS_MAX)
        return NULL;
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++)
        bytes += v[i].name.n + v[i].metadata.n;
    struct protocols *p = mem_alloc(sizeof *p + n * sizeof *v + bytes);
    uint8_t *at = (uint8_t *)(p->v + n);
    p->n = 0;
    p->bytes = sizeof *p + n * sizeof *v + bytes;
    for (size_t i = 0; i < n; i++) {
        bool seen = false;
        for (size_t k = 0; k < p->n && !seen; k++)
            seen = slice_eq(p->v[k].name, v[i].name);
        if (seen)
            continue;
        struct protocol *to = &p->v[p->n++];
        to->name = slice_of(at, v[i].name.n);
        to->metadata = slice_of(at + v[i].name.n, v[i].metadata.n);
        if (v[i].name.n > 0)
            memcpy(at, v[i].name.p, v[i].name.n);
        if (v[i].metadata.n > 0)
            memcpy(at + v[i].name.n, v[i].metadata.p, v[i].metadata.n);
        at += v[i].name.n + v[i].metadata.n;
    }
    return p;
}

bool protocols_equal(const struct protocols *a, const struct protocols *b) {
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!slice_eq(a->v[i].name, b->v[i].name) || !slice_eq(a->v[i].metadata, b->v[i].metadata))
            return false;
    return true;
}

static struct protocol_count *count_find(const struct group *g, struct slice name) {
    struct protocol_count *c = NULL;
    name = slice_text(name);
    HASH_FIND(hh, g->protocol_counts, name.p, name.n, c);
    return c;
}

static void count_up(struct group *g, const struct protocols *p) {
    for (size_t i = 0; i < p->n; i++) {
        struct protocol_count *c = count_find(g, p->v[i].name);
        if (c == NULL) {
            c = mem_zalloc(sizeof *c);
            c->name = mem_dup(p->v[i].name);
            HASH_ADD_KEYPTR(hh, g->protocol_counts, c->name.p, c->name.n, c);
        }
        c->n++;
    }
}

static void count_down(struct group *g, const struct protocols *p) {
    for (size_t i = 0; i < p->n; i++) {
        struct protocol_count *c = count_find(g, p->v[i].name);
        if (--c->n == 0) {
            HASH_DELETE(hh, g->protocol_counts, c);
            slice_free(&c->name);
            free(c);
        }
    }
}

static bool supported_by_all(const struct group *g, struct slice name) {
    const struct protocol_count *c = count_find(g, name);
    return (c == NULL ? 0 : c->n) == g->n_members;
}

bool group_supports(const struct group *g, struct slice type, const struct protocols *protocols) {
    if (protocols == NULL || protocols->n == 0 || type.n == 0)
        return false;
    if (g == NULL || g->state == GROUP_EMPTY)
        return true;
    if (!slice_eq(slice_text(g->protocol_type), type))
        return false;
    for (size_t i = 0; i < protocols->n; i++)
        if (supported_by_all(g, protocols->v[i].name))
            return true;
    return false;
}

struct slice group_select_protocol(const struct group *g) {
    struct slice names[GROUP_PROTOCOLS_MAX];
    size_t votes[GROUP_PROTOCOLS_MAX], n = 0, best = 0;
    for (size_t i = 0; i < g->members->protocols->n; i++) {
        struct slice name = g->members->protocols->v[i].name;
        if (supported_by_all(g, name)) {
            votes[n] = 0;
            names[n++] = name;
        }
    }
    weir_assert(n > 0);
    for (const struct member *m = g->members; m != NULL; m = m->by_id.next) {
        size_t k = n;
        for (size_t i = 0; i < m->protocols->n && k == n; i++)
            for (k = 0; k < n && !slice_eq(names[k], m->protocols->v[i].name);)
                k++;
        weir_assert(k < n); /* every member supports all candidates */
        votes[k]++;
    }
    for (size_t i = 1; i < n; i++)
        if (votes[i] > votes[best])
            best = i;
    return names[best];
}

struct slice member_metadata(const struct member *m, struct slice protocol) {
    for (size_t i = 0; i < m->protocols->n; i++)
        if (slice_eq(m->protocols->v[i].name, protocol))
            return m->protocols->v[i].metadata;
    return SLICE("");
}

/* ---- subscriptions ---- */

static int compare_slices(const void *a, const void *b) {
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static bool subscription_topics(struct slice metadata, struct arena *a, struct consumer_subscription *out) {
    size_t used;
    if (metadata.n < 2)
        return false;
    int version = (int16_t)be16_get(metadata.p);
    if (version < 0)
        return false;
    if (version > SUBSCRIPTION_VERSION_MAX)
        version = SUBSCRIPTION_VERSION_MAX;
    return proto_decode(PROTO_MESSAGE(consumer_subscription), version, slice_of(metadata.p + 2, metadata.n - 2), a, out,
                        &used) == OK;
}

bool group_subscribed(const struct group *g, struct arena *a, struct slice **topics, size_t *n) {
    *topics = NULL;
    *n = 0;
    if (g->members == NULL || g->protocol.p == NULL || !slice_is(slice_text(g->protocol_type), "consumer"))
        return false;
    size_t cap = 0;
    for (const struct member *m = g->members; m != NULL; m = m->by_id.next) {
        struct consumer_subscription s;
        if (!subscription_topics(member_metadata(m, g->protocol), a, &s))
            return false;
        size_t add = s.topics.n > 0 ? (size_t)s.topics.n : 0;
        if (*n + add > cap) {
            cap = (*n + add) * 2;
            struct slice *more = arena_alloc(a, cap * sizeof *more);
            if (more == NULL)
                return false;
            if (*n > 0)
                memcpy(more, *topics, *n * sizeof *more);
            *topics = more;
        }
        for (size_t i = 0; i < add; i++)
            (*topics)[(*n)++] = s.topics.v[i];
    }
    if (*n > 1)
        qsort(*topics, *n, sizeof **topics, compare_slices);
    return true;
}

bool topic_subscribed(const struct slice *topics, size_t n, struct slice topic) {
    return n > 0 && bsearch(&topic, topics, n, sizeof *topics, compare_slices) != NULL;
}

/* ---- members ---- */

struct member *member_find(const struct group *g, struct slice id) {
    struct member *m = NULL;
    id = slice_text(id);
    HASH_FIND(by_id, g->members, id.p, id.n, m);
    return m;
}

struct member *member_find_static(const struct group *g, struct slice instance_id) {
    struct member *m = NULL;
    instance_id = slice_text(instance_id);
    HASH_FIND(by_instance, g->statics, instance_id.p, instance_id.n, m);
    return m;
}

int16_t member_check(const struct group *g, struct slice id, struct slice instance_id, struct member **out) {
    *out = NULL;
    if (instance_id.p != NULL) {
        const struct member *owner = member_find_static(g, instance_id);
        if (owner == NULL)
            return KAFKA_UNKNOWN_MEMBER_ID;
        if (!slice_eq(owner->id, id))
            return KAFKA_FENCED_INSTANCE_ID;
    }
    *out = member_find(g, id);
    return *out == NULL ? KAFKA_UNKNOWN_MEMBER_ID : KAFKA_NONE;
}

static void member_count(struct group *g, const struct protocols *p, bool add) {
    if (add) {
        g->member_bytes += p->bytes;
        g->owner->bytes += p->bytes;
    } else {
        g->member_bytes -= p->bytes;
        g->owner->bytes -= p->bytes;
    }
}

static size_t member_own_bytes(const struct member *m) {
    return sizeof *m + m->id.n + m->instance_id.n + m->client_id.n + m->client_host.n + m->assignment.n;
}

static void bytes_changed(struct group *g, size_t before, size_t after) {
    g->member_bytes += after - before;
    g->owner->bytes += after - before;
}

struct member *member_add(struct group *g, struct slice id, struct slice instance_id, struct slice client_id,
                          struct slice client_host, struct protocols *protocols) {
    struct member *m = mem_zalloc(sizeof *m);
    m->group = g;
    m->id = mem_dup(slice_text(id));
    m->instance_id = mem_dup(instance_id);
    m->client_id = mem_dup(slice_text(client_id));
    m->client_host = mem_dup(slice_text(client_host));
    m->assignment = mem_dup(SLICE(""));
    m->protocols = protocols;
    m->session.fire = group_session_expired;
    HASH_ADD_KEYPTR(by_id, g->members, m->id.p, m->id.n, m);
    if (m->instance_id.p != NULL)
        HASH_ADD_KEYPTR(by_instance, g->statics, m->instance_id.p, m->instance_id.n, m);
    g->n_members++;
    if (g->leader == NULL)
        g->leader = m;
    count_up(g, protocols);
    member_count(g, protocols, true);
    bytes_changed(g, 0, member_own_bytes(m));
    return m;
}

void member_set_protocols(struct member *m, struct protocols *protocols) {
    count_up(m->group, protocols);
    member_count(m->group, protocols, true);
    count_down(m->group, m->protocols);
    member_count(m->group, m->protocols, false);
    free(m->protocols);
    m->protocols = protocols;
}

void member_set_assignment(struct member *m, struct slice assignment) {
    bytes_changed(m->group, m->assignment.n, assignment.n);
    slice_free(&m->assignment);
    m->assignment = mem_dup(slice_text(assignment));
}

/* Its parked requests get their answer. */
static void member_dismiss(struct member *m, int16_t error) {
    struct broker *b = m->group->owner->b;
    struct request *join = m->join, *sync = m->sync;
    m->join = m->sync = NULL;
    if (join != NULL)
        group_join_fail(b, join, error, m->id);
    if (sync != NULL)
        group_sync_reply(b, sync, error, NULL);
}

void member_remove(struct member *m, int16_t error) {
    struct group *g = m->group;
    member_dismiss(m, error);
    timers_cancel(&g->owner->b->timers, &m->session);
    g->n_awaiting_join -= m->awaiting_join;
    g->n_pending_sync -= m->pending_sync;
    bytes_changed(g, member_own_bytes(m), 0);
    member_count(g, m->protocols, false);
    count_down(g, m->protocols);
    HASH_DELETE(by_id, g->members, m);
    if (m->instance_id.p != NULL)
        HASH_DELETE(by_instance, g->statics, m);
    g->n_members--;
    if (g->leader == m)
        g->leader = g->members;
    slice_free(&m->id);
    slice_free(&m->instance_id);
    slice_free(&m->client_id);
    slice_free(&m->client_host);
    slice_free(&m->assignment);
    free(m->protocols);
    free(m);
}

/* A static member came back: the same member under a new id, its former self is fenced. */
void member_rename(struct member *m, struct slice id) {
    struct group *g = m->group;
    member_dismiss(m, KAFKA_FENCED_INSTANCE_ID);
    g->n_awaiting_join -= m->awaiting_join;
    m->awaiting_join = false;
    HASH_DELETE(by_id, g->members, m);
    bytes_changed(g, m->id.n, id.n);
    slice_free(&m->id);
    m->id = mem_dup(id);
    HASH_ADD_KEYPTR(by_id, g->members, m->id.p, m->id.n, m);
}

/* ---- sessions ---- */

void member_keep_alive(struct member *m) {
    struct broker *b = m->group->owner->b;
    timers_set(&b->timers, &m->session, broker_now_us(b) + (int64_t)m->session_timeout_ms * US_PER_MS);
}

/* The connection of a parked request went away.  That does not remove the
 * member, who may be back by another one; its session does. */
static void join_abandoned(struct broker *b, struct request *rq) {
    (void)b;
    struct member *m = rq->wait;
    m->join = NULL;
    member_keep_alive(m);
}

static void sync_abandoned(struct broker *b, struct request *rq) {
    (void)b;
    struct member *m = rq->wait;
    m->sync = NULL;
    member_keep_alive(m);
}

void member_park_join(struct member *m, struct request *rq) {
    struct request *earlier = m->join;
    m->join = NULL;
    if (earlier != NULL) /* the same member asks again by another connection */
        group_join_fail(m->group->owner->b, earlier, KAFKA_REBALANCE_IN_PROGRESS, m->id);
    m->group->n_awaiting_join += !m->awaiting_join;
    m->awaiting_join = true;
    m->join = rq;
    request_park(rq, join_abandoned, m);
}

void member_park_sync(struct member *m, struct request *rq) {
    struct request *earlier = m->sync;
    m->sync = NULL;
    if (earlier != NULL)
        group_sync_reply(m->group->owner->b, earlier, KAFKA_REBALANCE_IN_PROGRESS, NULL);
    m->sync = rq;
    request_park(rq, sync_abandoned, m);
}

/* ---- ids ---- */

struct slice member_new_id(struct request *rq, struct slice prefix) {
    struct broker *b = rq->conn->broker;
    uint8_t u[16];
    char text[40];
    b->env->random(b->env, u, sizeof u);
    u[6] = (uint8_t)((u[6] & 0x0f) | 0x40);
    u[8] = (uint8_t)((u[8] & 0x3f) | 0x80);
    size_t n = 0;
    for (size_t i = 0; i < sizeof u; i++) {
        bool dash = i == 0 || (i >= 4 && i <= 10 && i % 2 == 0);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%02x", dash ? "-" : "", u[i]);
    }
    uint8_t *p = request_alloc(rq, prefix.n + n);
    if (prefix.n > 0)
        memcpy(p, prefix.p, prefix.n);
    memcpy(p + prefix.n, text, n);
    return slice_of(p, prefix.n + n);
}

struct pending_member *pending_find(const struct group *g, struct slice id) {
    struct pending_member *p = NULL;
    id = slice_text(id);
    HASH_FIND(hh, g->pending, id.p, id.n, p);
    return p;
}

void pending_add(struct group *g, struct slice id, int32_t session_timeout_ms) {
    struct broker *b = g->owner->b;
    struct pending_member *p = mem_zalloc(sizeof *p);
    p->group = g;
    p->id = mem_dup(id);
    p->session.fire = group_pending_expired;
    HASH_ADD_KEYPTR(hh, g->pending, p->id.p, p->id.n, p);
    g->n_pending++;
    bytes_changed(g, 0, sizeof *p + id.n);
    timers_set(&b->timers, &p->session, broker_now_us(b) + (int64_t)session_timeout_ms * US_PER_MS);
}

void pending_remove(struct pending_member *p) {
    struct group *g = p->group;
    timers_cancel(&g->owner->b->timers, &p->session);
    HASH_DELETE(hh, g->pending, p);
    g->n_pending--;
    bytes_changed(g, sizeof *p + p->id.n, 0);
    slice_free(&p->id);
    free(p);
}
