/* Groups by id: finding, making, removing; limits; the sweep that expires
 * offsets; start and end of the coordinator.  See group.h.
 *
 * Invariant: gs->bytes is the sum of what group_add, member_* and group_offset_*
 * counted; a group in the hash with members is never Empty.
 * Owner: struct broker.  Thread: the broker's. */
#include "core/broker/group.h"

#include "core/base/log.h"
#include "core/base/text.h"

#include <stdlib.h>

#define US_PER_MS 1000
/* One step of the sweep, so that no tick is long. */
#define SWEEP_OFFSETS 1000
#define SWEEP_GROUPS 200
#define SWEEP_PAUSE_MS 10

/* ---- small things ---- */

void slice_free(struct slice *s) {
    free((void *)(uintptr_t)s->p);
    *s = SLICE_NULL;
}

struct slice slice_text(struct slice s) {
    return s.p == NULL ? SLICE("") : s;
}

bool group_id_valid(struct slice id) {
    return id.n != 0;
}

size_t utf16_length(struct slice s) {
    size_t n = 0;
    for (size_t i = 0; i < s.n;) {
        int32_t cp;
        i += text_next(s.p + i, s.n - i, &cp);
        n += cp > 0xffff ? 2 : 1;
    }
    return n;
}

const char *group_state_name(const struct group *g) {
    if (g == NULL)
        return "Dead";
    switch (g->state) {
    case GROUP_EMPTY: return "Empty";
    case GROUP_PREPARING: return "PreparingRebalance";
    case GROUP_COMPLETING: return "CompletingRebalance";
    default: return "Stable";
    }
}

void group_set_state(struct group *g, enum group_state state) {
    g->state = state;
    g->state_ms = broker_now_ms(g->owner->b);
}

bool groups_full(const struct groups *gs, size_t more_bytes) {
    return !gs->loading && (more_bytes > GROUPS_BYTES_MAX || gs->bytes > GROUPS_BYTES_MAX - more_bytes);
}

void group_reply(struct broker *b, struct request *rq, uint64_t ticket, const void *response,
                 void (*on_failed)(struct broker *, struct request *)) {
    if (rq->state == REQUEST_PARKED) {
        b->stats.parked--;
        rq->state = REQUEST_RUNNING;
    }
    if (b->failed != OK && ticket > store_durable(b->store)) {
        on_failed(b, rq);
        return;
    }
    rq->on_failed = on_failed;
    request_reply_when(b, rq, ticket, response);
}

/* ---- groups ---- */

struct group *group_find(struct groups *gs, struct slice id) {
    struct group *g = NULL;
    id = slice_text(id);
    HASH_FIND(by_id, gs->by_id, id.p, id.n, g);
    return g;
}

static size_t group_bytes(struct slice id) {
    return sizeof(struct group) + id.n;
}

struct group *group_add(struct groups *gs, struct slice id) {
    if ((gs->n >= GROUPS_MAX && !gs->loading) || groups_full(gs, group_bytes(id)))
        return NULL;
    struct group *g = mem_zalloc(sizeof *g);
    g->id = mem_dup(slice_text(id));
    g->owner = gs;
    g->home = group_home(gs, g->id);
    g->node.is_group = true;
    g->join_timer.fire = group_join_due;
    g->sync_timer.fire = group_sync_due;
    g->ticket = gs->removed_ticket; /* its predecessor's end comes before its beginning */
    group_set_state(g, GROUP_EMPTY);
    HASH_ADD_KEYPTR(by_id, gs->by_id, g->id.p, g->id.n, g);
    gs->n++;
    gs->bytes += group_bytes(g->id);
    return g;
}

static void group_free(struct groups *gs, struct group *g) {
    timers_cancel(&gs->b->timers, &g->join_timer);
    timers_cancel(&gs->b->timers, &g->sync_timer);
    while (g->pending != NULL)
        pending_remove(g->pending);
    while (g->topics != NULL)
        group_offset_remove(g->topics->v[0]);
    if (g->node.next != NULL)
        log_node_clear(group_log(g), &g->node);
    weir_assert(g->members == NULL && g->protocol_counts == NULL);
    gs->bytes -= group_bytes(g->id);
    slice_free(&g->id);
    slice_free(&g->protocol_type);
    slice_free(&g->protocol);
    free(g);
}

void group_remove(struct groups *gs, struct group *g) {
    if (gs->expire_next == g)
        gs->expire_next = g->by_id.next;
    HASH_DELETE(by_id, gs->by_id, g);
    gs->n--;
    if (g->ticket > gs->removed_ticket)
        gs->removed_ticket = g->ticket;
    group_free(gs, g);
}

bool group_unused(const struct group *g) {
    return g->state == GROUP_EMPTY && g->n_pending == 0 && g->n_offsets == 0 && g->node.next == NULL;
}

enum err groups_ready(struct groups *gs) {
    if (gs->topic == NULL) {
        struct topic *t;
        uint64_t ticket;
        enum err e = topic_offsets(gs->b, &t, &ticket);
        if (e != OK)
            return e;
        groups_set_topic(gs, t);
    } else if (gs->topic->n_partitions > gs->n_logs) {
        groups_set_topic(gs, gs->topic);
    }
    return OK;
}

/* ---- expiry ---- */

static void sweep_due(struct timer *t, void *ctx) {
    struct broker *b = ctx;
    struct groups *gs = b->groups;
    int64_t now_ms = broker_now_ms(b), retention_ms = config_int(b, "offsets.retention.minutes") * 60000;
    if (gs->expire_next == NULL)
        gs->expire_next = gs->by_id;
    size_t offsets = 0;
    for (int i = 0; gs->expire_next != NULL && i < SWEEP_GROUPS && offsets < SWEEP_OFFSETS; i++) {
        struct group *g = gs->expire_next;
        gs->expire_next = g->by_id.next;
        offsets += group_expire(g, now_ms, retention_ms);
    }
    int64_t pause_ms = gs->expire_next != NULL ? SWEEP_PAUSE_MS : config_int(b, "offsets.retention.check.interval.ms");
    timers_set(&b->timers, t, broker_now_us(b) + pause_ms * US_PER_MS);
}

/* ---- topics that go ---- */

static void member_remove_all(struct group *g) {
    while (g->members != NULL)
        member_remove(g->members, KAFKA_NOT_COORDINATOR);
}

/* Somebody deleted __consumer_offsets: with it go all groups, as in Kafka. */
static void groups_clear(struct groups *gs) {
    while (gs->by_id != NULL) {
        member_remove_all(gs->by_id);
        group_remove(gs, gs->by_id);
    }
    groups_set_topic(gs, NULL);
}

void groups_topic_deleted(struct broker *b, struct topic *t, uint64_t *ticket) {
    struct groups *gs = b->groups;
    *ticket = 0;
    if (gs == NULL)
        return;
    if (t == gs->topic) {
        log_warn("The topic of committed offsets was deleted: all groups and their offsets are gone.");
        groups_clear(gs);
        return;
    }
    struct group *g, *next;
    HASH_ITER(by_id, gs->by_id, g, next) {
        struct group_topic *gt = group_topic_find(g, slice_cstr(t->name));
        if (gt == NULL)
            continue;
        group_topic_remove(gt);
        if (g->ticket > *ticket)
            *ticket = g->ticket;
    }
}

/* ---- start and end ---- */

enum err groups_new(struct broker *b, struct error *e) {
    struct groups *gs = mem_zalloc(sizeof *gs);
    gs->b = b;
    b->groups = gs;
    gs->compact_timer.fire = group_compact_due;
    gs->expire_timer.fire = sweep_due;
    enum err r = groups_load(gs, e);
    if (r != OK)
        return r;
    timers_set(&b->timers, &gs->expire_timer,
               broker_now_us(b) + config_int(b, "offsets.retention.check.interval.ms") * US_PER_MS);
    return OK;
}

void groups_free(struct broker *b) {
    struct groups *gs = b->groups;
    if (gs == NULL)
        return;
    groups_clear(gs);
    timers_cancel(&b->timers, &gs->compact_timer);
    timers_cancel(&b->timers, &gs->expire_timer);
    weir_assert(gs->bytes == 0);
    groups_writer_fini(gs);
    free(gs);
    b->groups = NULL;
}

size_t groups_count(const struct broker *b) {
    return b->groups->n;
}
