/* Producing by our own codec: the cluster, its topics and their leaders.
 *
 *   seed --Metadata of the topics in use--> leaders --Produce--> receipts
 *
 * Connections of its own, so that a large batch never stands before the reader's
 * questions.  Metadata is asked for by name and says that a missing topic is to be
 * made, as every producer does; a leader that moved, a connection that broke or an
 * error lead back to it after a pause that grows.  While anything is held, a timer
 * looks around ten times a second; with nothing held nothing happens.
 *
 * Thread: the client's, but for produce_own_new and produce_own_add. */
#include "core/client/produce_internal.h"

#include "core/base/text.h"

#include <stdlib.h>

#define LOOK_US 100000
#define PAUSE_FIRST_US 50000
#define PAUSE_LAST_US 1000000
#define MISSING_US 10000000         /* a topic that is to be made is there by then */
#define STALE_US 300000000          /* partitions may have been added */
#define TOPIC_PARTS_MAX 1000000     /* more is not a topic but an attack */

static void own_find(struct pown *o);

/* ---- topics ---- */

static bool name_is_plain(const char *name) {
    for (; *name != '\0'; name++)
        if (!(*name >= 'a' && *name <= 'z') && !(*name >= 'A' && *name <= 'Z') && !(*name >= '0' && *name <= '9') &&
            strchr("._-", *name) == NULL)
            return false;
    return true;
}

static struct ptopic *topic_of(struct pown *o, const char *name, size_t n) {
    struct ptopic *t = o->last_topic;
    if (t != NULL && t->name_n == n && memcmp(t->name, name, n) == 0)
        return t;
    HASH_FIND(hh, o->topics, name, n, t);
    if (t == NULL) {
        t = mem_zalloc(sizeof *t);
        t->own = o;
        t->name = mem_strndup(slice_of(name, n));
        t->name_n = n;
        t->plain = name_is_plain(t->name);
        t->sticky = -1;
        t->batch_bytes = o->client->produce->settings.batch_bytes;
        HASH_ADD_KEYPTR(hh, o->topics, t->name, t->name_n, t);
    }
    o->last_topic = t;
    return t;
}

static void topic_free(struct ptopic *t) {
    for (int32_t i = 0; i < t->n_parts; i++) {
        struct pbatch *next;
        for (struct pbatch *b = t->parts[i]->first; b != NULL; b = next) {
            next = b->next;
            batch_free(b);
        }
        free(t->parts[i]);
    }
    pmsgs_free(&t->waiting);
    free(t->parts);
    free(t->name);
    free(t);
}

/* Everything of it that is not on its way just now. */
static void topic_fail(struct ptopic *t, int16_t error, const char *text) {
    for (struct pmsg *m; (m = pmsgs_take(&t->waiting)) != NULL;)
        batch_refuse(t->own, m, error, text);
    for (int32_t i = 0; i < t->n_parts; i++) {
        struct pbatch *next;
        for (struct pbatch *b = t->parts[i]->first; b != NULL; b = next) {
            next = b->next;
            if (!b->flying)
                batch_fail(b, error, text);
        }
    }
}

static void topic_refused(struct ptopic *t, int16_t error) {
    char text[500], name[256];
    snprintf(text, sizeof text, "%s: topic %s: %s", kafka_error_name(error),
             text_safe(slice_cstr(t->name), name, sizeof name), kafka_error_text(error));
    topic_fail(t, error, text);
}

static bool topic_in_use(const struct ptopic *t) {
    if (t->waiting.first != NULL)
        return true;
    for (int32_t i = 0; i < t->n_parts; i++)
        if (t->parts[i]->first != NULL)
            return true;
    return false;
}

static void take_parts(struct ptopic *t, const struct metadata_resp_topic *m) {
    int32_t n = t->n_parts;
    for (int32_t i = 0; i < m->partitions.n; i++)
        if (m->partitions.v[i].partition_index >= n && m->partitions.v[i].partition_index < TOPIC_PARTS_MAX)
            n = m->partitions.v[i].partition_index + 1;
    if (n > m->partitions.n && n > t->n_parts)
        n = m->partitions.n > t->n_parts ? m->partitions.n : t->n_parts; /* indexes have no holes */
    if (n > t->n_parts)
        t->parts = mem_realloc(t->parts, (size_t)n * sizeof *t->parts);
    for (; t->n_parts < n; t->n_parts++) {
        struct ppart *p = mem_zalloc(sizeof *p);
        *p = (struct ppart){.topic = t, .index = t->n_parts, .leader = -1, .pid = -1, .epoch = -1};
        t->parts[t->n_parts] = p;
    }
    t->n_now = m->partitions.n < n ? m->partitions.n : n;
    for (int32_t i = 0; i < n; i++)
        t->parts[i]->leader = -1;
    for (int32_t i = 0; i < m->partitions.n; i++) {
        const struct metadata_resp_partition *from = &m->partitions.v[i];
        if (from->partition_index < 0 || from->partition_index >= n)
            continue;
        struct ppart *p = t->parts[from->partition_index];
        p->leader = from->leader_id;
    }
    for (int32_t i = 0; i < n; i++)
        t->ask = t->ask || (t->parts[i]->leader < 0 && t->parts[i]->first != NULL);
}

static void topic_missing(struct ptopic *t, int64_t now) {
    char text[500], name[256];
    if (t->missing_us == 0)
        t->missing_us = now;
    t->ask = topic_in_use(t);
    int64_t limit_us = t->own->client->produce->settings.timeout_us;
    if (limit_us > MISSING_US)
        limit_us = MISSING_US;
    if (!t->ask || now - t->missing_us < limit_us)
        return;
    text_safe(slice_cstr(t->name), name, sizeof name);
    snprintf(text, sizeof text,
             "UNKNOWN_TOPIC_OR_PARTITION: there is no topic %s, and the cluster did not make it within %lld s · create "
             "it first",
             name, (long long)(limit_us / 1000000));
    topic_fail(t, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, text);
    t->missing_us = 0;
    t->ask = false;
}

static void take_topic(struct ptopic *t, const struct metadata_resp_topic *m, int64_t asked_us) {
    t->error = m->error_code;
    t->ask = false;
    if (m->error_code == KAFKA_UNKNOWN_TOPIC_OR_PARTITION) {
        topic_missing(t, wire_now_us());
        return;
    }
    t->missing_us = 0;
    if (m->error_code != 0 && m->partitions.n == 0) {
        if (kafka_error_retriable(m->error_code))
            t->ask = topic_in_use(t);
        else
            topic_refused(t, m->error_code);
        return;
    }
    take_parts(t, m);
    if (t->n_now == 0) {
        t->ask = topic_in_use(t);
        return;
    }
    t->known_us = asked_us;
    struct pmsgs waiting = t->waiting;
    t->waiting = (struct pmsgs){0};
    for (struct pmsg *w; (w = pmsgs_take(&waiting)) != NULL;)
        if (!batch_assign(t, w)) {
            pmsgs_add(&t->waiting, w);
            t->ask = true;
        }
}

/* ---- Metadata ---- */

static void on_metadata(void *ctx, const struct conn_answer *a) {
    struct pown *o = ctx;
    struct metadata_resp m;
    o->asking = false;
    if (o->closing)
        return;
    int64_t now = wire_now_us();
    o->metadata_pause_us = o->metadata_pause_us * 2 + PAUSE_FIRST_US;
    if (o->metadata_pause_us > PAUSE_LAST_US)
        o->metadata_pause_us = PAUSE_LAST_US;
    o->metadata_after_us = now + o->metadata_pause_us;
    if (a->err == OK && conn_decode(a, &o->scratch, &m) == OK && m.error_code == 0) {
        o->why[0] = '\0';
        nodes_take(&o->nodes, &m);
        for (int32_t i = 0; i < m.topics.n; i++) {
            struct ptopic *t;
            struct slice name = m.topics.v[i].name;
            HASH_FIND(hh, o->topics, name.p, name.n, t);
            if (t != NULL)
                take_topic(t, &m.topics.v[i], a->sent_us);
        }
        bool more = false;
        for (struct ptopic *t = o->topics; t != NULL; t = t->hh.next)
            more = more || t->ask;
        if (!more)
            o->metadata_pause_us = o->metadata_after_us = 0;
    }
    own_step(o);
}

static void ask_metadata(struct pown *o, struct conn *c) {
    int version = conn_version(c, API_METADATA, 12);
    struct metadata_req q;
    size_t n = 0, in_use = HASH_COUNT(o->topics);
    if (version < 4) {
        snprintf(o->why, sizeof o->why, "%s is older than Kafka 0.11, to which weir does not produce", c->name);
        return;
    }
    arena_reset(&o->build);
    proto_init(PROTO_STRUCT(metadata_req), &q);
    q.topics.v = arena_zalloc(&o->build, in_use * sizeof *q.topics.v);
    for (struct ptopic *t = o->topics; q.topics.v != NULL && t != NULL; t = t->hh.next)
        if (t->ask)
            q.topics.v[n++].name = slice_of(t->name, t->name_n);
    if (n == 0)
        return;
    q.topics.n = (int32_t)n;
    q.allow_auto_topic_creation = true;
    o->asking = true;
    conn_send(c, PROTO_MESSAGE(metadata_req), version, &q, on_metadata, o);
}

static void own_find(struct pown *o) {
    int64_t now = wire_now_us();
    bool wanted = false;
    for (struct ptopic *t = o->topics; t != NULL && !wanted; t = t->hh.next)
        wanted = t->ask;
    if (!wanted || o->asking)
        return;
    struct conn *c = nodes_any(&o->nodes);
    if (c != NULL) {
        if (now >= o->metadata_after_us)
            ask_metadata(o, c);
        return;
    }
    nodes_open_all(&o->nodes);
}

/* ---- messages ---- */

static void take_message(struct pown *o, struct pmsg *m) {
    struct ptopic *t = topic_of(o, m->topic, m->topic_n);
    o->n_held++;
    o->wants_pid = o->wants_pid || m->acks < 0;
    if (t->n_parts > 0 && m->node.ev.took_us - t->known_us > STALE_US)
        t->ask = true;
    if (t->waiting.first == NULL && batch_assign(t, m))
        return;
    pmsgs_add(&t->waiting, m);
    if (!t->ask)
        o->metadata_after_us = o->metadata_pause_us = 0; /* another topic's trouble is not this one's */
    t->ask = true;
}

/* A broker that lets nobody in: what is meant for it would wait in vain. */
static void refuse_all(struct pown *o, const struct pbroker *b, const char *why) {
    int16_t error = KAFKA_SASL_AUTHENTICATION_FAILED;
    for (struct ptopic *t = o->topics; t != NULL; t = t->hh.next) {
        for (struct pmsg *m; b == NULL && (m = pmsgs_take(&t->waiting)) != NULL;)
            batch_refuse(o, m, error, why);
        for (int32_t i = 0; i < t->n_parts; i++)
            while (t->parts[i]->first != NULL && (b == NULL || t->parts[i]->leader == b->node.id))
                batch_fail(t->parts[i]->first, error, why);
    }
}

/* ---- the timer ---- */

void own_later(struct pown *o, int64_t at_us) {
    if (!o->closing && (o->again.slot == 0 || o->again.at_us > at_us))
        timers_set(&o->wire.timers, &o->again, at_us);
}

static void on_again(struct timer *timer, void *ctx) {
    (void)ctx;
    struct pown *o = (struct pown *)(void *)((char *)timer - offsetof(struct pown, again));
    int64_t now = wire_now_us();
    for (struct ptopic *t = o->topics; t != NULL; t = t->hh.next) {
        batch_expire(t, now);
        t->ask = t->ask && topic_in_use(t);
    }
    own_step(o);
}

void own_step(struct pown *o) {
    if (o->closing)
        return;
    send_all(o);
    if (o->n_held > 0 && o->wants_pid && o->pid < 0)
        send_ask_pid(o);
    own_find(o);
    batch_push_receipts(o);
    if (o->n_held > 0)
        own_later(o, wire_now_us() + LOOK_US);
}

/* ---- connections ---- */

static void on_up(void *ctx, struct conn *c) {
    struct pown *o = ctx;
    struct pbroker *b = c->user;
    o->refused = 0;
    if (b != NULL) {
        b->why[0] = '\0';
        nodes_drop_seed(&o->nodes);
    }
    own_step(o);
}

static void on_down(void *ctx, struct conn *c) {
    struct pown *o = ctx;
    struct pbroker *b = c->user;
    if (o->closing)
        return;
    if (b != NULL)
        node_why(&b->node, c, b->why, sizeof b->why);
    if (nodes_any(&o->nodes) == NULL)
        text_safe(slice_cstr(c->why), o->why, sizeof o->why);
    if (b == NULL && conn_is_refused(c) && ++o->refused >= o->nodes.n_seeds && !o->delivered)
        refuse_all(o, NULL, c->why);
    else if (b != NULL && conn_is_refused(c) && !o->delivered)
        refuse_all(o, b, c->why);
    if (c == o->nodes.seed && nodes_any(&o->nodes) == NULL)
        nodes_seed_failed(&o->nodes);
    for (size_t i = 0; b != NULL && i < o->n_active; i++)
        if (o->active[i]->leader == b->node.id)
            o->active[i]->topic->ask = true; /* another may lead by now */
    batch_push_receipts(o);
    if (o->n_held > 0)
        own_later(o, wire_now_us() + LOOK_US);
}

/* ---- life ---- */

struct pown *produce_own_new(struct client *c, const char *bootstrap) {
    struct pown *o = mem_zalloc(sizeof *o);
    o->client = c;
    o->bootstrap = mem_strdup(bootstrap);
    pthread_mutex_init(&o->lock, NULL);
    o->pid = -1;
    o->random = (uint64_t)wire_now_us() * 2654435761u ^ (uint64_t)(uintptr_t)o ^ (uint64_t)client_wall_ms() << 20;
    o->random |= 1;
    return o;
}

void produce_own_add(struct pown *o, struct pmsg *m) {
    pthread_mutex_lock(&o->lock);
    pmsgs_add(&o->queue, m);
    bool first = o->queue.n == 1;
    pthread_mutex_unlock(&o->lock);
    if (first)
        uv_async_send(&o->client->async);
}

static void own_start(struct pown *o) {
    struct error e;
    o->started = true;
    wire_init(&o->wire, &o->client->loop);
    nodes_init(&o->nodes, &o->wire, o, sizeof(struct pbroker));
    if (nodes_set_seeds(&o->nodes, o->bootstrap, &e) != OK)
        text_safe(slice_cstr(e.text), o->why, sizeof o->why);
    o->wire.security = &o->client->security;
    o->wire.up = on_up;
    o->wire.down = on_down;
    o->wire.ctx = o;
    for (size_t i = 0; i < o->client->config.n_properties; i++)
        if (strcmp(o->client->config.properties[i].name, "client.id") == 0)
            o->wire.client_id = o->client->config.properties[i].value;
    o->again.fire = on_again;
    arena_init(&o->scratch, 0);
    arena_init(&o->build, (size_t)64 << 20);
}

void produce_own_on_loop(struct pown *o) {
    pthread_mutex_lock(&o->lock);
    struct pmsgs q = o->queue;
    o->queue = (struct pmsgs){0};
    pthread_mutex_unlock(&o->lock);
    if (q.first == NULL)
        return;
    if (!o->started)
        own_start(o);
    for (struct pmsg *m; (m = pmsgs_take(&q)) != NULL;)
        take_message(o, m);
    own_step(o);
}

void produce_own_stop(struct pown *o) {
    o->closing = true;
    pmsgs_free(&o->queue);
    if (!o->started)
        return;
    timers_cancel(&o->wire.timers, &o->again);
    nodes_fini(&o->nodes);
    wire_fini(&o->wire);
}

void produce_own_free(struct pown *o) {
    struct ptopic *t, *next;
    HASH_ITER(hh, o->topics, t, next) {
        HASH_DELETE(hh, o->topics, t);
        topic_free(t);
    }
    free(o->active);
    if (o->started) {
        arena_fini(&o->scratch);
        arena_fini(&o->build);
    }
    batch_builder_fini(&o->builder);
    buf_fini(&o->batches);
    pthread_mutex_destroy(&o->lock);
    pmsgs_free(&o->receipts);
    free(o->bootstrap);
    free(o);
}
