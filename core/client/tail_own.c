/* The tail's source by our own codec, on a loop of its own in the tail's thread.
 *
 *   seed --Metadata of the topic--> leaders
 *   leader --ListOffsets earliest, latest (and of a time)--> where to begin
 *   leader --Fetch, long poll--> batches --tail_batches_take--> ring
 *
 * One Fetch per leader is in flight; the next one leaves before the records of the
 * last are worked on, so the broker reads while we filter.  Fetch 4-12 by topic
 * name, no session, no group, nothing committed.  A leader that moved or a
 * connection that broke leads back to Metadata after a pause; what was read is
 * kept, nothing is read twice (the next offset is per partition). */
#include "core/client/tail_internal.h"

#include <stdlib.h>

#define WAIT_MS 500
#define FETCH_BYTES (4 * 1024 * 1024)
#define PARTITION_BYTES (1024 * 1024)
#define AGAIN_US 250000
#define GIVE_UP_US 15000000 /* before the first record only */
#define TELL_US 10000
#define HOLD_US 200000      /* records wait this long at most for others that may be older */

struct own_broker {
    struct node node; /* first; its owner is the struct own */
    bool fetching;
    bool had_turn; /* answered since the window of tail_merge.c began */
    size_t turn; /* partitions take turns at the head of a request, as its bytes are bounded */
    int places;  /* ListOffsets in flight */
};
struct own {
    struct tail *tail;
    uv_loop_t loop;
    uv_async_t wake;
    struct wire wire;
    struct timer again, hold;
    struct nodes nodes;             /* of struct own_broker */
    size_t refused;                 /* attempts that waiting does not mend, before the topic is known */
    struct arena scratch, build;
    struct tail_batches batches;
    bool asking; /* Metadata is in flight */
    bool over;
    int64_t started_us;
};
struct own_call {
    struct own_broker *broker;
    int64_t timestamp;
};

static void own_step(struct own_broker *b);

static void own_over(struct own *o) {
    o->over = true;
    uv_stop(&o->loop);
}

static void own_later(struct own *o) {
    if (!o->over && o->again.slot == 0)
        timers_set(&o->wire.timers, &o->again, wire_now_us() + AGAIN_US);
}

/* ---- Metadata ---- */

static struct own_broker *own_broker_of(const struct own *o, int32_t id) {
    return (struct own_broker *)nodes_find(&o->nodes, id);
}

static struct own_broker *own_broker_at(const struct own *o, size_t i) { return (struct own_broker *)o->nodes.v[i]; }

/* The partitions that are read, worked out once. */
static bool own_make_parts(struct own *o, const struct metadata_resp_topic *m) {
    struct tail *t = o->tail;
    size_t n = t->spec.n_partitions > 0 ? t->spec.n_partitions : (size_t)m->partitions.n;
    t->parts = mem_zalloc(n * sizeof *t->parts);
    for (size_t i = 0; i < n; i++) {
        int32_t id = t->spec.n_partitions > 0 ? t->partitions[i] : m->partitions.v[i].partition_index;
        bool there = false;
        for (int32_t k = 0; k < m->partitions.n; k++)
            there = there || m->partitions.v[k].partition_index == id;
        if (!there) {
            tail_fail(t, "cannot read %s: it has no partition %d", t->spec.topic, id);
            return false;
        }
        t->parts[i] =
            (struct tail_part){.partition = id, .next = -1, .high = -1, .leader = -1, .low = -1, .wanted = -1};
    }
    pthread_mutex_lock(&t->lock);
    t->n_parts = n;
    t->merging = n > 1 && !t->spec.lossless;
    pthread_mutex_unlock(&t->lock);
    return true;
}

static bool own_take_topic(struct own *o, const struct metadata_resp *m) {
    struct tail *t = o->tail;
    const struct metadata_resp_topic *mt = m->topics.n > 0 ? &m->topics.v[0] : NULL;
    int16_t error = mt != NULL ? mt->error_code : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    if (error == KAFKA_LEADER_NOT_AVAILABLE) {
        own_later(o);
        return false;
    }
    if (error != 0 || mt->partitions.n <= 0) {
        bool gone = error == KAFKA_UNKNOWN_TOPIC_OR_PARTITION || error == 0;
        if (gone && t->parts != NULL)
            tail_fail(t, "%s is gone: it was deleted while it was read", t->spec.topic);
        else
            tail_fail(t, "cannot read %s: %s", t->spec.topic, gone ? "no such topic" : kafka_error_text(error));
        own_over(o);
        return false;
    }
    if (t->parts == NULL && !own_make_parts(o, mt)) {
        own_over(o);
        return false;
    }
    for (size_t i = 0; i < t->n_parts; i++) {
        t->parts[i].leader = -1;
        for (int32_t k = 0; k < mt->partitions.n; k++)
            if (mt->partitions.v[k].partition_index == t->parts[i].partition)
                t->parts[i].leader = mt->partitions.v[k].leader_id;
        if (t->parts[i].leader < 0)
            own_later(o);
    }
    return true;
}

/* Nothing was read for long, and nobody watches who could see why. */
static bool own_gives_up(struct own *o, const char *why) {
    const struct tail *t = o->tail;
    if (t->stats.scanned > 0 || (!t->spec.stop_at_end && t->n_parts > 0) ||
        wire_now_us() - o->started_us <= GIVE_UP_US)
        return false;
    tail_fail(o->tail, "%s", why);
    own_over(o);
    return true;
}

/* What it leads cannot be read until it advertises one. */
static void own_no_address(struct own *o, const struct own_broker *b) {
    char why[80];
    node_why(&b->node, NULL, why, sizeof why);
    if (own_gives_up(o, why))
        return;
    tail_away(o->tail, why);
    own_later(o);
}

static void on_metadata(void *ctx, const struct conn_answer *a) {
    struct own *o = ctx;
    struct metadata_resp m;
    o->asking = false;
    if (o->over)
        return;
    if (a->err != OK || conn_decode(a, &o->scratch, &m) != OK || m.error_code != 0) {
        own_later(o);
        return;
    }
    nodes_take(&o->nodes, &m);
    if (!own_take_topic(o, &m))
        return;
    for (size_t i = 0; i < o->nodes.n && !o->over; i++) {
        struct own_broker *b = own_broker_at(o, i);
        bool leads = false;
        for (size_t k = 0; k < o->tail->n_parts; k++)
            leads = leads || o->tail->parts[k].leader == b->node.id;
        if (leads && !node_open(&o->nodes, &b->node))
            own_no_address(o, b);
        else if (leads)
            own_step(b);
    }
}

static void own_ask_metadata(struct own *o, struct conn *c) {
    int version = conn_version(c, API_METADATA, 12);
    struct metadata_req q;
    struct metadata_req_topic topic = {.name = slice_cstr(o->tail->spec.topic)};
    if (o->asking || o->over || version < 1)
        return;
    proto_init(PROTO_STRUCT(metadata_req), &q);
    q.topics.n = 1;
    q.topics.v = &topic;
    q.allow_auto_topic_creation = false;
    o->asking = true;
    conn_send(c, PROTO_MESSAGE(metadata_req), version, &q, on_metadata, o);
}

static void own_find(struct own *o) {
    struct conn *c = nodes_any(&o->nodes);
    if (c != NULL)
        own_ask_metadata(o, c);
    else
        nodes_open_all(&o->nodes);
}

static void on_again(struct timer *timer, void *ctx) {
    (void)ctx;
    struct own *o = (struct own *)(void *)((char *)timer - offsetof(struct own, again));
    own_find(o);
    if (!o->asking)
        own_later(o);
}

/* ---- where to begin ---- */

static void place(struct tail *t, struct tail_part *p) {
    int64_t low = p->low, high = p->high;
    switch (t->spec.from) {
    case TAIL_BEGINNING: p->start = low; break;
    case TAIL_END: p->start = high; break;
    case TAIL_OFFSET: p->start = t->spec.value < low ? low : t->spec.value > high ? high : t->spec.value; break;
    case TAIL_TIME: p->start = p->wanted >= 0 ? p->wanted : high; break;
    case TAIL_LAST_N: p->start = high - t->spec.value < low ? low : high - t->spec.value; break;
    }
    p->end = high;
    p->next = p->start;
    p->at_end = p->done = p->start >= p->end;
    p->placed = true;
}

static void on_places(void *ctx, const struct conn_answer *a) {
    struct own_call call = *(struct own_call *)ctx;
    struct own *o = call.broker->node.owner;
    struct tail *t = o->tail;
    struct list_offsets_resp m;
    free(ctx);
    call.broker->places--;
    if (o->over)
        return;
    if (a->err != OK || conn_decode(a, &o->scratch, &m) != OK || m.topics.n != 1) {
        own_later(o);
        return;
    }
    for (int32_t i = 0; i < m.topics.v[0].partitions.n; i++) {
        const struct list_offsets_resp_partition *from = &m.topics.v[0].partitions.v[i];
        for (size_t k = 0; k < t->n_parts; k++) {
            struct tail_part *p = &t->parts[k];
            if (p->partition != from->partition_index || p->placed)
                continue;
            if (from->error_code != 0)
                own_later(o);
            else if (call.timestamp == -1)
                p->high = from->offset;
            else if (call.timestamp == -2)
                p->low = from->offset < 0 ? 0 : from->offset;
            else
                p->wanted = from->offset;
        }
    }
    if (call.broker->places > 0)
        return;
    pthread_mutex_lock(&t->lock);
    for (size_t k = 0; k < t->n_parts; k++)
        if (!t->parts[k].placed && t->parts[k].high >= 0 && t->parts[k].low >= 0)
            place(t, &t->parts[k]);
    tail_tell(t);
    bool finished = t->stats.finished;
    pthread_mutex_unlock(&t->lock);
    if (finished)
        own_over(o);
    else
        own_step(call.broker);
}

static bool own_ask_places(struct own_broker *b, int64_t timestamp) {
    struct own *o = b->node.owner;
    struct tail *t = o->tail;
    int version = conn_version(b->node.conn, API_LIST_OFFSETS, 11);
    struct list_offsets_req q;
    struct list_offsets_req_topic topic = {.name = slice_cstr(t->spec.topic)};
    proto_init(PROTO_STRUCT(list_offsets_req), &q);
    arena_reset(&o->build);
    topic.partitions.v = arena_alloc(&o->build, t->n_parts * sizeof *topic.partitions.v);
    for (size_t i = 0; topic.partitions.v != NULL && i < t->n_parts; i++)
        if (t->parts[i].leader == b->node.id && !t->parts[i].placed)
            topic.partitions.v[topic.partitions.n++] = (struct list_offsets_req_partition){
                .partition_index = t->parts[i].partition, .current_leader_epoch = -1, .timestamp = timestamp};
    if (topic.partitions.n == 0 || version < 1)
        return false;
    q.replica_id = -1;
    q.topics.n = 1;
    q.topics.v = &topic;
    struct own_call *call = mem_alloc(sizeof *call);
    *call = (struct own_call){b, timestamp};
    b->places++;
    conn_send(b->node.conn, PROTO_MESSAGE(list_offsets_req), version, &q, on_places, call);
    return true;
}

/* ---- Fetch ---- */

static void on_fetch(void *ctx, const struct conn_answer *a);

static struct tail_part *own_part(struct tail *t, int32_t partition) {
    if (partition >= 0 && (size_t)partition < t->n_parts && t->parts[partition].partition == partition)
        return &t->parts[partition];
    for (size_t i = 0; i < t->n_parts; i++)
        if (t->parts[i].partition == partition)
            return &t->parts[i];
    return NULL;
}

/* `answer`: the one that is about to be worked on; its partitions go on after it. */
static void own_fetch(struct own_broker *b, const struct fetch_resp_fetchable_topic *answer) {
    struct own *o = b->node.owner;
    struct tail *t = o->tail;
    int version = conn_version(b->node.conn, API_FETCH, 12); /* 13 names topics by id */
    struct fetch_req q;
    struct fetch_req_topic topic = {.topic = slice_cstr(t->spec.topic)};
    arena_reset(&o->build);
    topic.partitions.v = arena_alloc(&o->build, t->n_parts * sizeof *topic.partitions.v);
    b->turn++;
    for (size_t i = 0; topic.partitions.v != NULL && i < t->n_parts; i++) {
        const struct tail_part *p = &t->parts[(b->turn + i) % t->n_parts];
        int64_t next = p->next;
        if (p->leader != b->node.id || !p->placed)
            continue;
        for (int32_t k = 0; answer != NULL && k < answer->partitions.n; k++)
            if (answer->partitions.v[k].partition_index == p->partition && answer->partitions.v[k].error_code == 0)
                next = tail_batches_next(answer->partitions.v[k].records, next);
        if (t->spec.stop_at_end && next >= p->end)
            continue;
        struct fetch_req_partition *to = &topic.partitions.v[topic.partitions.n++];
        proto_init(PROTO_STRUCT(fetch_req_partition), to);
        to->partition = p->partition;
        to->fetch_offset = next;
        to->partition_max_bytes = PARTITION_BYTES;
    }
    if (topic.partitions.n == 0)
        return;
    if (version < 4) {
        tail_fail(t, "cannot read %s: broker %d is older than Kafka 0.11", t->spec.topic, b->node.id);
        own_over(o);
        return;
    }
    proto_init(PROTO_STRUCT(fetch_req), &q);
    q.max_wait_ms = WAIT_MS;
    q.min_bytes = 1;
    q.max_bytes = FETCH_BYTES;
    q.session_epoch = -1;
    q.rack_id = SLICE("");
    q.topics.n = 1;
    q.topics.v = &topic;
    b->fetching = true;
    conn_send(b->node.conn, PROTO_MESSAGE(fetch_req), version, &q, on_fetch, b);
    conn_push(b->node.conn);
}

static bool part_error(struct own *o, struct tail_part *p, const struct fetch_resp_partition *from) {
    struct tail *t = o->tail;
    switch (from->error_code) {
    case 0: return true;
    case KAFKA_OFFSET_OUT_OF_RANGE:
        /* Deleted from under us, or made anew: from what there is. */
        if (from->log_start_offset > p->next) {
            tail_note(t, "partition %d: %lld records were deleted, it goes on at offset %lld", p->partition,
                      (long long)(from->log_start_offset - p->next), (long long)from->log_start_offset);
            p->next = from->log_start_offset;
        } else if (from->high_watermark >= 0 && from->high_watermark < p->next) {
            p->next = from->log_start_offset >= 0 ? from->log_start_offset : 0;
            tail_note(t, "partition %d ends before what was read of it, it goes on at offset %lld", p->partition,
                      (long long)p->next);
        } else {
            p->placed = false;
        }
        p->done = p->done || (p->placed && p->next >= p->end);
        own_later(o);
        return true;
    case KAFKA_TOPIC_AUTHORIZATION_FAILED:
        tail_fail(t, "cannot read %s: %s", t->spec.topic, kafka_error_text(from->error_code));
        return false;
    default:
        p->leader = -1; /* Metadata knows better */
        own_later(o);
        return true;
    }
}

static bool own_take_part(struct own *o, const struct fetch_resp_partition *from) {
    struct tail *t = o->tail;
    struct tail_part *p = own_part(t, from->partition_index);
    if (p == NULL || !p->placed)
        return true;
    if (from->error_code != 0)
        return part_error(o, p, from);
    bool go_on = tail_batches_take(&o->batches, p, from->records);
    pthread_mutex_lock(&t->lock);
    p->high = from->high_watermark > p->next ? from->high_watermark : p->next;
    p->at_end = p->next >= p->high;
    p->done = p->done || p->next >= p->end;
    pthread_mutex_unlock(&t->lock);
    return go_on;
}

static void own_forgive(struct own *o) {
    o->tail->waited = false;
    for (size_t i = 0; i < o->nodes.n; i++)
        if (o->nodes.v[i]->conn != NULL)
            conn_forgive(o->nodes.v[i]->conn);
}

/* ---- the order of several partitions ---- */

/* Every partition that is behind was asked since the window began. */
static bool own_window_done(struct own *o) {
    struct tail *t = o->tail;
    for (size_t i = 0; t->merging && i < t->n_parts; i++) {
        const struct own_broker *b = t->parts[i].at_end ? NULL : own_broker_of(o, t->parts[i].leader);
        if (!t->parts[i].at_end && (b == NULL || !b->had_turn))
            return false;
    }
    return true;
}

static void own_flush(struct own *o) {
    timers_cancel(&o->wire.timers, &o->hold);
    for (size_t i = 0; i < o->nodes.n; i++)
        own_broker_at(o, i)->had_turn = false;
    tail_merge_flush(o->tail);
}

static void on_hold(struct timer *timer, void *ctx) {
    (void)ctx;
    struct own *o = (struct own *)(void *)((char *)timer - offsetof(struct own, hold));
    own_flush(o);
    pthread_mutex_lock(&o->tail->lock);
    tail_tell(o->tail);
    pthread_mutex_unlock(&o->tail->lock);
}

static void own_order(struct own_broker *b) {
    struct own *o = b->node.owner;
    b->had_turn = true;
    if (own_window_done(o))
        own_flush(o);
    else if (o->tail->merge.n > 0 && o->hold.slot == 0)
        timers_set(&o->wire.timers, &o->hold, wire_now_us() + HOLD_US);
}

/* An answer came: is every leader back? */
static void own_is_back(struct own *o) {
    struct tail *t = o->tail;
    bool all = t->stats.away;
    for (size_t i = 0; all && i < t->n_parts; i++) {
        const struct own_broker *b = own_broker_of(o, t->parts[i].leader);
        all = b != NULL && node_is_up(&b->node);
    }
    if (all)
        tail_away(t, NULL);
}

static void on_fetch(void *ctx, const struct conn_answer *a) {
    struct own_broker *b = ctx;
    struct own *o = b->node.owner;
    struct tail *t = o->tail;
    struct fetch_resp m;
    b->fetching = false;
    if (o->over)
        return;
    if (a->err != OK || conn_decode(a, &o->scratch, &m) != OK || m.error_code != 0) {
        own_later(o);
        return;
    }
    const struct fetch_resp_fetchable_topic *topic = m.responses.n > 0 ? &m.responses.v[0] : NULL;
    bool errors = false;
    for (int32_t i = 0; topic != NULL && i < topic->partitions.n; i++)
        errors = errors || topic->partitions.v[i].error_code != 0;
    if (!errors)
        own_fetch(b, topic);
    bool go_on = true;
    for (int32_t i = 0; go_on && topic != NULL && i < topic->partitions.n; i++)
        go_on = own_take_part(o, &topic->partitions.v[i]);
    own_order(b);
    own_is_back(o);
    if (t->waited)
        own_forgive(o);
    pthread_mutex_lock(&t->lock);
    tail_tell(t);
    go_on = go_on && !t->stop && !t->stats.finished;
    bool untold = t->unseen; /* the user was woken a moment ago */
    pthread_mutex_unlock(&t->lock);
    if (untold && o->hold.slot == 0)
        timers_set(&o->wire.timers, &o->hold, wire_now_us() + TELL_US);
    if (!go_on)
        own_over(o);
    else if (errors)
        own_step(b);
}

static void own_step(struct own_broker *b) {
    struct own *o = b->node.owner;
    if (o->over || !node_is_up(&b->node))
        return;
    if (b->places == 0) {
        bool asked = own_ask_places(b, -2);
        if (asked && o->tail->spec.from == TAIL_TIME)
            own_ask_places(b, o->tail->spec.value);
        if (asked)
            own_ask_places(b, -1);
    }
    if (!b->fetching)
        own_fetch(b, NULL);
}

/* ---- connections ---- */

static void on_up(void *ctx, struct conn *c) {
    struct own *o = ctx;
    if (o->over)
        return;
    if (c->user == NULL) {
        own_ask_metadata(o, c);
        return;
    }
    nodes_drop_seed(&o->nodes);
    own_step(c->user);
}

static void on_down(void *ctx, struct conn *c) {
    struct own *o = ctx;
    struct tail *t = o->tail;
    if (o->over)
        return;
    if (t->n_parts == 0 && conn_is_refused(c) && ++o->refused >= o->nodes.n_seeds) {
        tail_fail(t, "%s", c->why);
        own_over(o);
        return;
    }
    if (own_gives_up(o, c->why))
        return;
    const struct own_broker *b = c->user;
    bool matters = t->n_parts == 0;
    for (size_t i = 0; b != NULL && i < t->n_parts; i++)
        matters = matters || t->parts[i].leader == b->node.id;
    if (matters)
        tail_away(t, c->why);
    if (c == o->nodes.seed && nodes_any(&o->nodes) == NULL)
        nodes_seed_failed(&o->nodes);
    own_later(o);
}

static void on_wake(uv_async_t *async) {
    struct own *o = async->data;
    if (tail_stopping(o->tail))
        own_over(o);
}

static void own_close(struct own *o) {
    struct tail *t = o->tail;
    o->over = true;
    pthread_mutex_lock(&t->lock);
    t->wake = NULL;
    pthread_mutex_unlock(&t->lock);
    timers_cancel(&o->wire.timers, &o->again);
    own_flush(o);
    nodes_fini(&o->nodes);
    wire_fini(&o->wire);
    uv_close((uv_handle_t *)&o->wake, NULL);
    uv_run(&o->loop, UV_RUN_DEFAULT);
    uv_loop_close(&o->loop);
    arena_fini(&o->scratch);
    arena_fini(&o->build);
    buf_fini(&o->batches.plain);
}

void tail_own_run(struct tail *t) {
    struct own o = {.tail = t, .batches = {.tail = t}, .started_us = wire_now_us()};
    struct error e;
    nodes_init(&o.nodes, &o.wire, &o, sizeof(struct own_broker));
    bool good = nodes_set_seeds(&o.nodes, t->bootstrap, &e) == OK;
    if (good && uv_loop_init(&o.loop) != 0)
        good = error_set(&e, ERR_IO, "no event loop") == OK;
    if (!good) {
        tail_fail(t, "cannot read %s: %s", t->spec.topic, e.text);
        nodes_fini(&o.nodes);
        return;
    }
    uv_async_init(&o.loop, &o.wake, on_wake);
    o.wake.data = &o;
    wire_init(&o.wire, &o.loop);
    o.wire.security = &t->client->security;
    o.wire.up = on_up;
    o.wire.down = on_down;
    o.wire.ctx = &o;
    o.again.fire = on_again;
    o.hold.fire = on_hold;
    arena_init(&o.scratch, 0);
    arena_init(&o.build, (size_t)256 << 20);
    pthread_mutex_lock(&t->lock);
    t->wake = &o.wake;
    bool stop = t->stop;
    pthread_mutex_unlock(&t->lock);
    if (!stop) {
        own_find(&o);
        if (!o.over)
            uv_run(&o.loop, UV_RUN_DEFAULT);
    }
    own_close(&o);
}
