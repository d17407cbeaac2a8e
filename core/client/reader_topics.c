/* The reader's topics: Metadata, offsets, rates, and which topics are compacted.
 *
 * Offsets: one ListOffsets per leader and end (a request may not name a partition
 * twice, so latest and earliest are two), visible topics in a request of their own
 * so that they come first, then the paced rest.  Starts move seldom and are asked
 * seldom, except in a lag round, which wants both fresh.
 *
 * Names are foreign bytes and keys of the hash; counts in answers are bounded by
 * the codec, partitions of a cluster by PARTS_MAX. */
#include "core/client/internal.h"

#include <stdlib.h>

#define PARTS_MAX 2000000
#define START_PERIOD_US 10000000
#define REST_LARGE 2000 /* up to this many partitions the rest is read at every tick */
#define REST_SWEEP_TICKS 10
#define OFFSETS_PER_REQUEST 20000
#define CONFIGS_PERIOD_US 60000000
#define CONFIGS_PER_REQUEST 200
#define LATEST (-1)
#define EARLIEST (-2)

/* ---- topics and partitions ---- */

struct rtopic *topics_find(struct reader *r, struct slice name) {
    struct rtopic *t = NULL;
    HASH_FIND(hh, r->topics, name.p, name.n, t);
    return t;
}

struct rpart *topic_part(struct rtopic *t, int32_t index) {
    if (index >= 0 && index < t->n_parts && t->parts[index].index == index)
        return &t->parts[index];
    int32_t low = 0, high = t->n_parts;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (t->parts[middle].index == index)
            return &t->parts[middle];
        if (t->parts[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void topic_free(struct rtopic *t) {
    free((void *)(uintptr_t)t->name.p);
    free(t->parts);
    free(t->nodes);
    free(t);
}

static void topic_remove(struct reader *r, struct rtopic *t) {
    HASH_DEL(r->topics, t);
    topic_free(t);
    r->topics_resort = true;
}

void reader_free_topics(struct reader *r) {
    struct rtopic *t, *next;
    HASH_ITER(hh, r->topics, t, next)
    topic_remove(r, t);
    free(r->topics_sorted);
    r->topics_sorted = NULL;
    r->n_topics = r->n_parts = 0;
}

static int by_name(const void *a, const void *b) {
    return slice_cmp((*(struct rtopic *const *)a)->name, (*(struct rtopic *const *)b)->name);
}

static void topics_sort(struct reader *r) {
    size_t n = HASH_COUNT(r->topics), i = 0;
    r->topics_sorted = mem_realloc(r->topics_sorted, n * sizeof *r->topics_sorted);
    for (struct rtopic *t = r->topics; t != NULL; t = t->hh.next)
        r->topics_sorted[i++] = t;
    r->n_topics = n;
    qsort(r->topics_sorted, n, sizeof *r->topics_sorted, by_name);
    r->topics_resort = false;
}

/* ---- Metadata ---- */

static int by_index(const void *a, const void *b) {
    int32_t x = ((const struct metadata_resp_partition *)a)->partition_index;
    int32_t y = ((const struct metadata_resp_partition *)b)->partition_index;
    return (x > y) - (x < y);
}

static void topic_take_nodes(struct rtopic *t, const struct metadata_resp_topic *m) {
    size_t n = 0;
    for (int32_t i = 0; i < m->partitions.n; i++) {
        const struct metadata_resp_partition *p = &m->partitions.v[i];
        n += (size_t)p->replica_nodes.n + (size_t)p->isr_nodes.n + (size_t)p->offline_replicas.n;
    }
    if (n != t->n_nodes) {
        t->nodes = mem_realloc(t->nodes, n * sizeof *t->nodes);
        t->n_nodes = (uint32_t)n;
    }
    uint32_t at = 0;
    for (int32_t i = 0; i < m->partitions.n; i++) {
        const struct metadata_resp_partition *p = &m->partitions.v[i];
        struct rpart *to = &t->parts[i];
        to->nodes_at = at;
        to->n_replicas = p->replica_nodes.n;
        to->n_isr = p->isr_nodes.n;
        to->n_offline = p->offline_replicas.n;
        for (int32_t k = 0; k < to->n_replicas; k++)
            t->nodes[at++] = p->replica_nodes.v[k];
        for (int32_t k = 0; k < to->n_isr; k++)
            t->nodes[at++] = p->isr_nodes.v[k];
        for (int32_t k = 0; k < to->n_offline; k++)
            t->nodes[at++] = p->offline_replicas.v[k];
    }
}

static void part_new(struct rpart *p) {
    *p = (struct rpart){.leader = -1, .leader_epoch = -1};
    p->bytes.state = VALUE_WANTED;
}

/* At most three lines per topic and answer: a dead broker moves hundreds of leaders. */
static void say_leader(struct reader *r, const struct rtopic *t, const struct rpart *p, int32_t to, int *said) {
    char name[128], after[64];
    if (++*said > 3)
        return;
    change_name(t->name, name);
    if (*said == 3)
        change_say(r->client, LOG_WARN, "%s: more of its leaders moved", name);
    else if (to < 0)
        change_say(r->client, LOG_ERROR, "%s/%d has no leader (was broker %d)", name, p->index, p->leader);
    else if (p->leader < 0)
        change_say(r->client, LOG_INFO, "%s/%d: leader is broker %d%s", name, p->index, to,
                   change_after(p->leaderless_us, after));
    else
        change_say(r->client, LOG_WARN, "%s/%d: leader moved from %d to %d", name, p->index, p->leader, to);
}

static void topic_take(struct reader *r, struct rtopic *t, struct metadata_resp_topic *m) {
    qsort(m->partitions.v, (size_t)(m->partitions.n > 0 ? m->partitions.n : 0), sizeof *m->partitions.v, by_index);
    bool again = !uuid_is_zero(&t->id) && !uuid_eq(&t->id, &m->topic_id);
    int32_t n = m->partitions.n > 0 ? m->partitions.n : 0;
    char name[128];
    if (again && r->topics_known)
        change_say(r->client, LOG_WARN, "topic %s was deleted and made again", change_name(t->name, name));
    t->id = m->topic_id;
    t->error = m->error_code;
    t->internal = m->is_internal;
    t->seen = r->metadata_serial;
    if (n == 0 && t->error != 0)
        return; /* the partitions of a moment ago are better than none */
    if (n != t->n_parts) {
        t->parts = mem_realloc(t->parts, (size_t)n * sizeof *t->parts);
        for (int32_t i = t->n_parts; i < n; i++)
            part_new(&t->parts[i]);
        if (t->n_parts > 0 && n > t->n_parts)
            change_say(r->client, LOG_INFO, "topic %s has %d partitions now", change_name(t->name, name), n);
        t->n_parts = n;
    }
    int said = 0;
    for (int32_t i = 0; i < n; i++) {
        const struct metadata_resp_partition *p = &m->partitions.v[i];
        struct rpart *to = &t->parts[i];
        if (again || (to->placed && to->index != p->partition_index))
            part_new(to);
        bool moved = to->leader != p->leader_id;
        if (to->placed && moved) {
            say_leader(r, t, to, p->leader_id, &said);
            to->leaderless_us = p->leader_id < 0 ? wire_now_us() : 0;
            to->end_asked_us = to->start_asked_us = 0;
            struct rbroker *b = r->client->config.once ? reader_broker(r, p->leader_id) : NULL;
            if (b != NULL) /* its sizes may be in already, without this one */
                b->sizes_asked_us = 0;
        }
        to->placed = true;
        to->index = p->partition_index;
        to->leader = p->leader_id;
        to->leader_epoch = p->leader_epoch;
        to->error = p->error_code;
        /* One that was just made may have none yet; one whose replicas are away has none for longer. */
        if (p->leader_id < 0 && (p->offline_replicas.n > 0 || !reader_again(r)))
            to->end.state = to->start.state = VALUE_FAILED;
        else if (moved && to->end.at_us == 0)
            to->end.state = to->start.state = VALUE_WANTED;
    }
    topic_take_nodes(t, m);
}

static void topics_take(struct reader *r, struct metadata_resp *m) {
    size_t parts = 0;
    char name[128];
    for (int32_t i = 0; i < m->topics.n; i++) {
        struct metadata_resp_topic *from = &m->topics.v[i];
        parts += (size_t)(from->partitions.n > 0 ? from->partitions.n : 0);
        if (from->name.p == NULL || parts > PARTS_MAX)
            continue;
        struct rtopic *t = topics_find(r, from->name);
        if (t == NULL) {
            t = mem_zalloc(sizeof *t);
            t->name = mem_dup(from->name);
            HASH_ADD_KEYPTR(hh, r->topics, t->name.p, t->name.n, t);
            r->topics_resort = r->group_topics_changed = true;
            if (r->topics_known)
                change_say(r->client, LOG_INFO, "topic %s was created", change_name(t->name, name));
        }
        topic_take(r, t, from);
    }
    struct rtopic *t, *next;
    HASH_ITER(hh, r->topics, t, next) {
        if (t->seen == r->metadata_serial)
            continue;
        change_say(r->client, LOG_WARN, "topic %s was deleted", change_name(t->name, name));
        topic_remove(r, t);
    }
    if (r->topics_resort)
        topics_sort(r);
    r->n_parts = parts;
    r->topics_known = true;
}

/* Replicas on a broker that Metadata does not name: it was down before we came. */
static void brokers_missing(struct reader *r, int64_t at_us) {
    for (size_t i = 0; i < r->n_topics; i++)
        for (uint32_t k = 0; k < r->topics_sorted[i]->n_nodes; k++) {
            int32_t id = r->topics_sorted[i]->nodes[k];
            struct rbroker *b = id >= 0 && reader_broker(r, id) == NULL ? reader_add_broker(r, id) : NULL;
            if (b == NULL)
                continue;
            b->gone = true;
            b->leads = (struct value){0, at_us, VALUE_KNOWN};
            snprintf(b->why, sizeof b->why,
                     "broker %d has replicas, but is not in the cluster's metadata · is it up?", id);
        }
}

static void brokers_take(struct reader *r, const struct metadata_resp *m, int64_t at_us) {
    for (int32_t i = 0; i < m->brokers.n; i++) {
        struct rbroker *b = reader_broker_of_metadata(r, &m->brokers.v[i]);
        if (b != NULL)
            b->seen = r->metadata_serial;
    }
    for (size_t i = 0; i < r->nodes.n; i++) {
        struct rbroker *b = reader_broker_at(r, i);
        b->leads = (struct value){0, at_us, VALUE_KNOWN};
        if (b->seen == r->metadata_serial || b->gone)
            continue;
        b->gone = true;
        b->gone_us = wire_now_us();
        snprintf(b->why, sizeof b->why, "broker %d is not in the cluster's metadata any more", b->node.id);
        change_say(r->client, LOG_ERROR, "broker %d is gone", b->node.id);
    }
    for (size_t i = 0; i < r->n_topics; i++)
        for (int32_t k = 0; k < r->topics_sorted[i]->n_parts; k++) {
            struct rbroker *b = reader_broker(r, r->topics_sorted[i]->parts[k].leader);
            if (b != NULL)
                b->leads.v++;
        }
}

static void metadata_take(struct reader *r, struct metadata_resp *m, int64_t at_us) {
    r->metadata_serial++;
    if (m->cluster_id.p != NULL && !slice_eq(m->cluster_id, r->cluster_id)) {
        if (r->cluster_id.p != NULL)
            change_say(r->client, LOG_WARN, "this is another cluster now: its id changed");
        r->controller_true = false;
        r->controller_epoch = -1;
        free((void *)(uintptr_t)r->cluster_id.p);
        r->cluster_id = mem_dup(m->cluster_id);
    }
    r->metadata_controller = m->controller_id;
    if (r->zookeeper && r->metadata_us != 0 && r->controller != m->controller_id)
        change_say(r->client, LOG_WARN, "the controller moved from %d to %d", r->controller, m->controller_id);
    if (!r->controller_true || r->zookeeper)
        r->controller = m->controller_id;
    r->controller_true = r->controller_true || r->zookeeper;
    topics_take(r, m);
    brokers_take(r, m, at_us);
    brokers_missing(r, at_us);
}

static void on_metadata(void *ctx, const struct conn_answer *a) {
    struct rcall call = reader_begin(ctx, a);
    struct reader *r = call.reader;
    r->metadata_busy = false;
    bool late = a->sent_us < r->metadata_sent_us; /* another was asked meanwhile, and has answered */
    if (a->err == OK && !r->closing && !late) {
        uint32_t crc = crc32c(0, a->body.p, a->body.n);
        struct metadata_resp m;
        r->metadata_sent_us = a->sent_us;
        if (crc == r->metadata_crc && r->topics_known && r->link == LINK_UP) {
            for (size_t i = 0; i < r->nodes.n; i++)
                reader_broker_at(r, i)->leads.at_us = a->at_us;
            r->metadata_us = a->at_us;
        } else if (conn_decode(a, &r->scratch, &m) == OK && m.error_code == 0) {
            r->zookeeper = conn_version(call.conn, API_DESCRIBE_QUORUM, 2) < 0;
            metadata_take(r, &m, a->at_us);
            r->metadata_crc = crc;
            r->metadata_soon = false;
            reader_after_metadata(r, call.conn);
            r->metadata_us = a->at_us;
        } else {
            client_log(r->client, LOG_ERROR, "an answer to Metadata cannot be used (%s)",
                       m.error_code != 0 ? kafka_error_name(m.error_code) : "malformed");
        }
        arena_reset(&r->scratch);
    }
    reader_end(r);
}

void topics_ask_metadata(struct reader *r, struct conn *c) {
    int version = conn_version(c, API_METADATA, 13);
    /* A broker that hangs is not waited for: another one is asked. */
    bool waiting = r->metadata_busy && wire_now_us() - r->metadata_asked_us < 2 * reader_interval(r);
    if (waiting || version < 1)
        return;
    struct metadata_req q;
    proto_init(PROTO_STRUCT(metadata_req), &q);
    q.topics.n = -1; /* null: all */
    q.allow_auto_topic_creation = false;
    r->metadata_busy = true;
    r->metadata_asked_us = wire_now_us();
    reader_send(r, c, PROTO_MESSAGE(metadata_req), version, &q, on_metadata,
                &(struct rcall){.broker = c->user, .conn = c});
}

/* ---- which topics are wanted ---- */

void topics_want(struct reader *r, bool tick) {
    bool once = r->client->config.once;
    bool small = r->n_parts <= REST_LARGE;
    bool rest = r->interest.all_offsets || (!once && small);
    for (size_t i = 0; i < r->n_topics; i++)
        if (tick || r->topics_sorted[i]->want != WANT_REST)
            r->topics_sorted[i]->want = rest && (small || once) ? WANT_REST : WANT_NOT;
    if (!once && !small) {
        /* The rest in slices, a whole sweep in some ticks; what was never read, at once. */
        size_t budget = r->n_parts / REST_SWEEP_TICKS + 1, done = 0;
        for (size_t i = 0; i < r->n_topics && r->interest.all_offsets; i++)
            if (r->topics_sorted[i]->n_parts > 0 && r->topics_sorted[i]->parts[0].end_asked_us == 0)
                r->topics_sorted[i]->want = WANT_REST;
        for (size_t i = 0; tick && i < r->n_topics && done < budget; i++) {
            r->sweep_at = (r->sweep_at + 1) % r->n_topics;
            r->topics_sorted[r->sweep_at]->want = WANT_REST;
            done += (size_t)r->topics_sorted[r->sweep_at]->n_parts;
        }
    }
    for (size_t i = 0; i < r->interest.n_topics; i++) {
        struct rtopic *t = topics_find(r, r->interest.topics[i]);
        if (t != NULL)
            t->want = WANT_VISIBLE;
    }
}

/* ---- ListOffsets ---- */

static void part_take_end(struct reader *r, struct rtopic *t, struct rpart *p, int64_t offset,
                          const struct conn_answer *a) {
    p->end = (struct value){offset, a->at_us, VALUE_KNOWN};
    p->end_seen_us = a->sent_us;
    if (p->base_us == 0 || offset < p->base_end) {
        p->base_end = offset;
        p->base_us = a->at_us;
    } else if (a->at_us - p->base_us >= reader_interval(r) * 3 / 4) {
        p->in = rate_between(p->base_end, p->base_us, offset, a->at_us);
        p->base_end = offset;
        p->base_us = a->at_us;
        t->rated = true;
    }
}

static void part_fail(struct reader *r, struct rpart *p, bool latest, int16_t code, const struct conn_answer *a) {
    bool passes = kafka_error_retriable(code);
    r->metadata_soon = r->metadata_soon || passes;
    if (passes && reader_again(r)) {
        *(latest ? &p->end_asked_us : &p->start_asked_us) = 0;
        return;
    }
    (latest ? &p->end : &p->start)->state = VALUE_FAILED;
    *(latest ? &p->end_seen_us : &p->start_seen_us) = a->sent_us;
}

static void offsets_take(struct reader *r, const struct rcall *call, const struct list_offsets_resp *m,
                         const struct conn_answer *a) {
    bool latest = call->timestamp == LATEST;
    for (int32_t i = 0; i < m->topics.n; i++) {
        struct rtopic *t = topics_find(r, m->topics.v[i].name);
        for (int32_t k = 0; t != NULL && k < m->topics.v[i].partitions.n; k++) {
            const struct list_offsets_resp_partition *from = &m->topics.v[i].partitions.v[k];
            struct rpart *p = topic_part(t, from->partition_index);
            if (p == NULL)
                continue;
            if (from->error_code != 0) {
                part_fail(r, p, latest, from->error_code, a);
            } else if (latest) {
                part_take_end(r, t, p, from->offset, a);
            } else {
                p->start = (struct value){from->offset < 0 ? 0 : from->offset, a->at_us, VALUE_KNOWN};
                p->start_seen_us = a->sent_us;
            }
        }
    }
}

/* What this broker was asked and never told before: asked and failed. */
static void offsets_failed(struct reader *r, const struct rcall *call) {
    bool latest = call->timestamp == LATEST;
    for (size_t i = 0; i < r->n_topics; i++)
        for (int32_t k = 0; k < r->topics_sorted[i]->n_parts; k++) {
            struct rpart *p = &r->topics_sorted[i]->parts[k];
            struct value *v = latest ? &p->end : &p->start;
            if (p->leader == call->broker->node.id && v->state == VALUE_WANTED &&
                (latest ? p->end_asked_us : p->start_asked_us) != 0)
                v->state = VALUE_FAILED;
        }
}

static bool part_awaits_leader(const struct rpart *p) { return p->leader < 0 && p->end.state == VALUE_WANTED; }

bool topics_leaderless(const struct reader *r) {
    for (size_t i = 0; i < r->n_topics; i++)
        for (int32_t k = 0; k < r->topics_sorted[i]->n_parts; k++)
            if (part_awaits_leader(&r->topics_sorted[i]->parts[k]))
                return true;
    return false;
}

void topics_give_up(struct reader *r) {
    for (size_t i = 0; i < r->n_topics; i++)
        for (int32_t k = 0; k < r->topics_sorted[i]->n_parts; k++) {
            struct rpart *p = &r->topics_sorted[i]->parts[k];
            if (part_awaits_leader(p))
                p->end.state = p->start.state = VALUE_FAILED;
        }
}

static void on_offsets(void *ctx, const struct conn_answer *a) {
    struct rcall call = reader_begin(ctx, a);
    struct reader *r = call.reader;
    if (a->err == OK && !r->closing) {
        struct list_offsets_resp m;
        if (conn_decode(a, &r->scratch, &m) == OK)
            offsets_take(r, &call, &m, a);
        else
            client_log(r->client, LOG_ERROR, "an answer to ListOffsets of broker %d is malformed",
                       call.broker->node.id);
        arena_reset(&r->scratch);
    } else if (!r->closing) {
        offsets_failed(r, &call);
    }
    if (!r->closing)
        groups_judge(r, false);
    reader_end(r);
}

/* Which partitions a request is for. */
struct offsets_pick {
    struct rbroker *broker;
    enum want want;
    int64_t timestamp, now;
    bool for_lag;
    size_t topic_at; /* goes on here */
};

static bool part_due(const struct reader *r, const struct rpart *p, const struct offsets_pick *k) {
    if (p->leader != k->broker->node.id)
        return false;
    int64_t asked = k->timestamp == LATEST ? p->end_asked_us : p->start_asked_us;
    if (k->for_lag)
        return asked < p->lag_us; /* also of an earlier round, whose leader was not connected yet */
    if (asked == 0)
        return true;
    if (r->client->config.once)
        return false;
    int64_t period = k->timestamp == LATEST ? reader_interval(r) / 2 : START_PERIOD_US;
    return k->now - asked >= period;
}

/* Sends one request; false when there was nothing to ask. */
static bool offsets_ask(struct reader *r, struct offsets_pick *k, int version) {
    struct list_offsets_req q;
    proto_init(PROTO_STRUCT(list_offsets_req), &q);
    q.replica_id = -1;
    arena_reset(&r->build);
    size_t cap = r->n_topics - k->topic_at, total = 0;
    q.topics.v = arena_alloc(&r->build, (cap + 1) * sizeof *q.topics.v);
    q.topics.n = 0;
    for (; q.topics.v != NULL && k->topic_at < r->n_topics && total < OFFSETS_PER_REQUEST; k->topic_at++) {
        struct rtopic *t = r->topics_sorted[k->topic_at];
        struct list_offsets_req_topic *to = NULL;
        for (int32_t i = 0; (k->for_lag || t->want == k->want) && i < t->n_parts; i++) {
            struct rpart *p = &t->parts[i];
            if (!part_due(r, p, k))
                continue;
            if (to == NULL) {
                to = &q.topics.v[q.topics.n];
                *to = (struct list_offsets_req_topic){.name = t->name};
                to->partitions.v = arena_alloc(&r->build, (size_t)(t->n_parts - i) * sizeof *to->partitions.v);
                if (to->partitions.v == NULL)
                    break;
                q.topics.n++;
            }
            to->partitions.v[to->partitions.n++] = (struct list_offsets_req_partition){
                .partition_index = p->index, .current_leader_epoch = -1, .timestamp = k->timestamp};
            *(k->timestamp == LATEST ? &p->end_asked_us : &p->start_asked_us) = k->now;
            total++;
        }
    }
    if (total == 0)
        return false;
    reader_send(r, k->broker->node.conn, PROTO_MESSAGE(list_offsets_req), version, &q, on_offsets,
                &(struct rcall){.broker = k->broker, .timestamp = k->timestamp, .for_lag = k->for_lag});
    arena_reset(&r->build);
    return true;
}

static void offsets_ask_all(struct reader *r, struct offsets_pick k, int version) {
    while (conn_is_up(k.broker->node.conn) && offsets_ask(r, &k, version))
        continue;
}

void topics_step(struct reader *r, struct rbroker *b, int64_t now) {
    int version = conn_version(b->node.conn, API_LIST_OFFSETS, 11);
    if (version < 1)
        return;
    if (r->round_us != 0) {
        offsets_ask_all(r, (struct offsets_pick){b, WANT_NOT, LATEST, now, true, 0}, version);
        offsets_ask_all(r, (struct offsets_pick){b, WANT_NOT, EARLIEST, now, true, 0}, version);
    }
    for (int want = WANT_VISIBLE; want >= WANT_REST; want--) {
        offsets_ask_all(r, (struct offsets_pick){b, (enum want)want, LATEST, now, false, 0}, version);
        offsets_ask_all(r, (struct offsets_pick){b, (enum want)want, EARLIEST, now, false, 0}, version);
    }
}

/* ---- rates ---- */

void topics_tick(struct reader *r) {
    double sum = 0;
    bool any = false;
    for (size_t i = 0; i < r->n_topics; i++) {
        struct rtopic *t = r->topics_sorted[i];
        double in = 0;
        bool known = t->n_parts > 0;
        for (int32_t k = 0; k < t->n_parts; k++) {
            known = known && t->parts[k].in.state == VALUE_KNOWN;
            in += t->parts[k].in.v;
        }
        if (known && t->rated)
            history_push(&t->history, in);
        t->rated = false;
        if (known && !t->internal) {
            sum += in;
            any = true;
        }
    }
    if (!any)
        return;
    r->in = (struct rate){sum, VALUE_KNOWN};
    history_push(&r->in_history, sum);
}

/* ---- cleanup.policy: whose lag is an upper bound ---- */

static void on_configs(void *ctx, const struct conn_answer *a) {
    struct rcall call = reader_begin(ctx, a);
    struct reader *r = call.reader;
    struct describe_configs_resp m;
    r->configs_busy = false;
    if (a->err == OK && !r->closing && conn_decode(a, &r->scratch, &m) == OK) {
        for (int32_t i = 0; i < m.results.n; i++) {
            struct rtopic *t = topics_find(r, m.results.v[i].resource_name);
            if (t != NULL)
                t->configs_known = true;
            for (int32_t k = 0; t != NULL && k < m.results.v[i].configs.n; k++) {
                const struct describe_configs_resp_resource *c = &m.results.v[i].configs.v[k];
                if (slice_is(c->name, "cleanup.policy"))
                    t->compacted = c->value.n >= 7 && memmem(c->value.p, c->value.n, "compact", 7) != NULL;
            }
        }
        arena_reset(&r->scratch);
    }
    if (!r->closing) {
        topics_ask_configs(r);
        groups_judge(r, false);
    }
    reader_end(r);
}

/* Of topics that groups have to do with, some at a time. */
void topics_ask_configs(struct reader *r) {
    struct conn *c = reader_any_conn(r);
    int version = c != NULL ? conn_version(c, API_DESCRIBE_CONFIGS, 4) : -1;
    if (version < 1 || r->configs_busy)
        return;
    int64_t now = wire_now_us();
    struct describe_configs_req q;
    proto_init(PROTO_STRUCT(describe_configs_req), &q);
    struct describe_configs_req_resource resources[CONFIGS_PER_REQUEST];
    proto_string key = SLICE("cleanup.policy");
    q.resources.v = resources;
    q.resources.n = 0;
    for (size_t i = 0; i < r->n_topics && q.resources.n < CONFIGS_PER_REQUEST; i++) {
        struct rtopic *t = r->topics_sorted[i];
        if (!t->grouped || (t->configs_asked_us != 0 && now - t->configs_asked_us < CONFIGS_PERIOD_US))
            continue;
        t->configs_asked_us = now;
        struct describe_configs_req_resource *to = &resources[q.resources.n++];
        *to = (struct describe_configs_req_resource){.resource_type = 2, .resource_name = t->name};
        to->configuration_keys.n = 1;
        to->configuration_keys.v = &key;
    }
    if (q.resources.n == 0)
        return;
    r->configs_busy = true;
    reader_send(r, c, PROTO_MESSAGE(describe_configs_req), version, &q, on_configs, &(struct rcall){.broker = c->user});
}
