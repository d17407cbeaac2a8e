/* The bulk reader: what is asked of whom, and when.
 *
 *   seed connection --Metadata--> names (published at once), brokers
 *   a connection per broker --> topics_step, groups_step, sizes
 *
 * A tick every interval decides what is wanted; reader_pass then asks every
 * broker that is up for whatever is due, and runs again whenever a connection
 * comes up or an answer makes something due.  "Due" is a matter of time stamps on
 * the things themselves (asked_us), so a slow broker delays only itself: while its
 * oldest question is older than two intervals it is asked nothing more, its values
 * keep their last state and age, and `why` says so.
 *
 * Connecting: the seeds are tried in turn until one answers Metadata; from then on
 * brokers are reached by the addresses they advertise, and the seed is let go once
 * one of them is up.  With nothing up the link is down and the backoff of the
 * seed's connection (0.25 to 5 s) paces the attempts.
 * Thread: the client's. */
#include "core/client/internal.h"

#include "core/base/text.h"

#include <stdio.h>
#include <stdlib.h>

#define PUBLISH_GAP_US 100000
#define PUBLISH_GAP_MOST_US 1000000
#define SHARE 20             /* of the time one part in this many goes into snapshots, and one into what is looked at:
                              * with tens of thousands of topics or groups they take milliseconds, here and there */
#define PUBLISH_BURST 5     /* publishes at once that a pause earns: names, visible rows, the rest */
#define PUBLISH_WAIT_US 20000 /* the other answers of a tick are mostly in by then */
#define QUORUM_PERIOD 5     /* intervals */
#define METADATA_PERIOD 5   /* intervals, for large clusters */
#define METADATA_LARGE 2000 /* partitions */
#define PATIENCE_US 3000000  /* `once`: how long what passes by itself is asked again, */
#define AGAIN_US 100000      /* and how often */

int64_t reader_interval(const struct reader *r) { return r->client->config.refresh_us; }

/* ---- publishing ---- */

static bool reader_settled(const struct reader *r) {
    if (r->link == LINK_DOWN)
        return true;
    if (r->link != LINK_UP || !r->topics_known || r->in_flight > 0 || r->commits_left > 0 || r->asking ||
        r->again)
        return false;
    for (size_t i = 0; i < r->nodes.n; i++) {
        const struct rbroker *b = reader_broker_at(r, i);
        if (!b->gone &&
            ((b->node.conn != NULL && conn_is_busy(b->node.conn)) || (b->act != NULL && conn_is_busy(b->act))))
            return false;
    }
    return true;
}

static int64_t publish_gap(const struct reader *r) {
    int64_t gap = r->publish_took_us * SHARE;
    return gap < PUBLISH_GAP_US ? PUBLISH_GAP_US : gap < PUBLISH_GAP_MOST_US ? gap : PUBLISH_GAP_MOST_US;
}

void reader_publish(struct reader *r) {
    if (r->closing)
        return;
    timers_cancel(&r->wire->timers, &r->publish_timer);
    int64_t now = wire_now_us(), gap = publish_gap(r), earned = now - PUBLISH_BURST * gap;
    r->paced_us = (r->paced_us > earned ? r->paced_us : earned) + gap;
    r->published_us = now;
    struct snapshot *s = reader_snapshot(r);
    r->publish_took_us = wire_now_us() - now;
    s->settled = reader_settled(r);
    s->interest = r->interest_n;
    snapshot_unref(atomic_exchange(&r->client->mailbox, s));
    client_wake(r->client);
}

void reader_changed(struct reader *r) {
    if (r->publish_timer.slot != 0 || r->closing)
        return;
    int64_t at = r->published_us + publish_gap(r), soonest = wire_now_us() + PUBLISH_WAIT_US;
    timers_set(&r->wire->timers, &r->publish_timer, at > soonest ? at : soonest);
}

static void reader_on_publish(struct timer *t, void *ctx) {
    (void)ctx;
    reader_publish((struct reader *)(void *)((char *)t - offsetof(struct reader, publish_timer)));
}

bool reader_again(struct reader *r) {
    int64_t now = wire_now_us();
    if (!r->client->config.once || r->closing || now >= r->patient_until_us)
        return false;
    r->metadata_soon = r->again = true;
    if (r->tick_timer.slot == 0 || r->tick_timer.at_us > now + AGAIN_US)
        timers_set(&r->wire->timers, &r->tick_timer, now + AGAIN_US);
    return true;
}

/* ---- calls ---- */

void reader_send(struct reader *r, struct conn *c, const struct proto_message *m, int version, const void *body,
                 conn_answer_fn *done, struct rcall *call) {
    struct rcall *copy = mem_alloc(sizeof *copy);
    *copy = *call;
    copy->reader = r;
    r->in_flight++;
    conn_send(c, m, version, body, done, copy);
}

static void reader_broker_heard(struct rbroker *b) {
    const struct reader *r = b->node.owner;
    char after[64];
    if (b->silent_us != 0)
        change_say(r->client, LOG_INFO, "broker %d answers again%s", b->node.id,
                   change_after(b->silent_us, after));
    b->silent_us = 0;
    b->why[0] = '\0';
}

struct rcall reader_begin(void *ctx, const struct conn_answer *a) {
    struct rcall call = *(struct rcall *)ctx;
    struct reader *r = call.reader;
    free(ctx);
    r->in_flight--;
    if (a->err == OK) {
        r->newest_us = a->at_us;
        struct rbroker *b = call.broker;
        if (b != NULL) {
            b->answered = (struct value){a->at_us - a->sent_us, a->at_us, VALUE_KNOWN};
            reader_broker_heard(b);
        }
    }
    return call;
}

/* The last answer is shown at once, but not at every line that a held key scrolls: a snapshot of thousands of topics
 * costs milliseconds here and in the console. */
void reader_end(struct reader *r) {
    bool may = r->client->config.once || r->paced_us <= wire_now_us() - publish_gap(r);
    if (r->in_flight == 0 && !r->closing && may)
        reader_publish(r);
    else
        reader_changed(r);
}

/* ---- brokers ---- */

struct rbroker *reader_broker(struct reader *r, int32_t id) {
    return (struct rbroker *)nodes_find(&r->nodes, id);
}

struct rbroker *reader_add_broker(struct reader *r, int32_t id) {
    struct rbroker *b = (struct rbroker *)nodes_get(&r->nodes, id);
    if (b == NULL)
        return NULL;
    b->quorum_lag.state = b->fetch_age_ms.state = VALUE_NONE;
    return b;
}

struct rbroker *reader_broker_of_metadata(struct reader *r, const struct metadata_resp_broker *m) {
    struct rbroker *b = reader_broker(r, m->node_id);
    char after[64];
    bool new_one = b == NULL;
    if (new_one && (b = reader_add_broker(r, m->node_id)) == NULL)
        return NULL;
    if (node_advertise(&b->node, m)) {
        conn_free(b->act);
        b->act = NULL;
    }
    if (!slice_eq(b->rack, m->rack) || (b->rack.p == NULL) != (m->rack.p == NULL)) {
        free((void *)(uintptr_t)b->rack.p);
        b->rack = mem_dup(m->rack);
    }
    if (new_one && r->metadata_us != 0)
        change_say(r->client, LOG_INFO, "broker %d joined", b->node.id);
    else if (b->gone)
        change_say(r->client, LOG_INFO, "broker %d is back%s", b->node.id, change_after(b->gone_us, after));
    b->gone = false;
    return b;
}

bool reader_broker_ready(struct reader *r, struct rbroker *b) {
    if (b->gone || !node_is_up(&b->node))
        return false;
    return conn_oldest_us(b->node.conn) > wire_now_us() - 2 * reader_interval(r);
}

static void reader_connect_broker(struct reader *r, struct rbroker *b) {
    if (!b->gone && !node_open(&r->nodes, &b->node))
        node_why(&b->node, NULL, b->why, sizeof b->why);
}

struct rbroker *reader_any_broker(struct reader *r) {
    struct rbroker *best = NULL;
    for (size_t i = 0; i < r->nodes.n; i++) {
        struct rbroker *b = reader_broker_at(r, i);
        if (reader_broker_ready(r, b) && (best == NULL || b->node.id == r->metadata_controller))
            best = b;
    }
    return best;
}

struct conn *reader_any_conn(struct reader *r) {
    struct rbroker *b = reader_any_broker(r);
    if (b != NULL)
        return b->node.conn;
    return r->nodes.seed != NULL && conn_is_up(r->nodes.seed) ? r->nodes.seed : NULL;
}

/* A broker that has owed an answer for two refreshes says so in its row. */
static void reader_note_silence(struct reader *r) {
    int64_t now = wire_now_us();
    for (size_t i = 0; i < r->nodes.n; i++) {
        struct rbroker *b = reader_broker_at(r, i);
        if (b->gone || b->node.conn == NULL)
            continue;
        int64_t oldest = conn_oldest_us(b->node.conn);
        bool late = oldest != INT64_MAX && now - oldest > 2 * reader_interval(r);
        if (!late)
            continue;
        reader_changed(r);
        snprintf(b->why, sizeof b->why, "broker %d has not answered for %lld s (%s)", b->node.id,
                 (long long)((now - oldest) / 1000000), b->node.conn->name);
        if (b->silent_us == 0) {
            b->silent_us = oldest;
            change_say(r->client, LOG_ERROR, "broker %d does not answer", b->node.id);
        }
    }
}

/* ---- the link ---- */

static void reader_link_down(struct reader *r, const char *why) {
    bool was_up = r->link == LINK_UP;
    r->link = LINK_DOWN;
    snprintf(r->why, sizeof r->why, "%s", why);
    if (was_up) {
        r->down_us = wire_now_us();
        change_say(r->client, LOG_ERROR, "the cluster cannot be reached: %s", why);
    }
    actions_again(r->client);
    reader_publish(r);
}

static void reader_link_up(struct reader *r, struct conn *c) {
    char after[64];
    if (r->link == LINK_DOWN && r->topics_known)
        change_say(r->client, LOG_INFO, "the cluster answers again%s", change_after(r->down_us, after));
    r->link = LINK_UP;
    nodes_answered(&r->nodes);
    r->why[0] = '\0';
    if (r->address[0] == '\0' || c == r->nodes.seed)
        snprintf(r->address, sizeof r->address, "%s", c->name);
}

/* Makes sure that some way into the cluster is being tried. */
static void reader_connect_seed(struct reader *r) {
    if (r->closing || r->nodes.n_seeds == 0 || reader_any_conn(r) != NULL)
        return;
    bool first = r->nodes.seed == NULL;
    nodes_open_seed(&r->nodes);
    if (first && r->link != LINK_UP && r->nodes.seed != NULL)
        snprintf(r->address, sizeof r->address, "%s", r->nodes.seed->name);
}

static void reader_seed_failed(struct reader *r, const struct conn *c) {
    char why[WHY_SIZE];
    snprintf(why, sizeof why, "%s", c->why);
    if (reader_any_conn(r) != NULL || !nodes_seed_failed(&r->nodes))
        return;
    reader_link_down(r, why);
    int64_t at = r->nodes.seed->retry_at_us;
    if (r->tick_timer.slot == 0 || r->tick_timer.at_us > at)
        timers_set(&r->wire->timers, &r->tick_timer, at);
}

static void reader_on_up(void *ctx, struct conn *c) {
    struct reader *r = ctx;
    struct rbroker *b = c->user;
    if (b != NULL && c == b->act) {
        action_on_up(r->client, c);
        if (r->quorum_asked_us == 0)
            cluster_ask_quorum(r);
        reader_changed(r);
        return;
    }
    if (r->patient_until_us == 0)
        r->patient_until_us = wire_now_us() + PATIENCE_US;
    if (c == r->nodes.seed || !r->topics_known || r->link != LINK_UP)
        topics_ask_metadata(r, c);
    if (b != NULL) {
        nodes_drop_seed(&r->nodes);
        reader_broker_heard(b);
        reader_pass(r);
        actions_again(r->client);
    }
}

static void reader_on_down(void *ctx, struct conn *c) {
    struct reader *r = ctx;
    struct rbroker *b = c->user;
    if (r->closing)
        return;
    if (c == r->nodes.seed) {
        reader_seed_failed(r, c);
        return;
    }
    if (b == NULL)
        return;
    if (c == b->act) {
        action_on_down(r->client, c);
        return;
    }
    node_why(&b->node, c, b->why, sizeof b->why);
    if (b->silent_us == 0) {
        b->silent_us = wire_now_us();
        change_say(r->client, LOG_ERROR, "%s", b->why);
    }
    r->metadata_soon = true;
    if (reader_any_conn(r) == NULL) {
        if (r->link == LINK_UP)
            reader_link_down(r, c->why);
        reader_connect_seed(r);
    }
    groups_judge(r, false); /* what waited for this leader is not known now */
    reader_changed(r);
}

/* ---- the tick ---- */

void reader_pass(struct reader *r) {
    int64_t now = wire_now_us();
    for (size_t i = 0; i < r->nodes.n; i++) {
        struct rbroker *b = reader_broker_at(r, i);
        if (!reader_broker_ready(r, b))
            continue;
        topics_step(r, b, now);
        groups_step(r, b, now);
        cluster_ask_sizes(r, b, now);
    }
}

static void reader_tick(struct reader *r) {
    int64_t now = wire_now_us();
    int64_t interval = reader_interval(r);
    frame_pool_trim(&r->wire->pool);
    reader_note_silence(r);
    topics_tick(r);
    groups_tick(r);
    for (size_t i = 0; i < r->nodes.n; i++)
        reader_connect_broker(r, reader_broker_at(r, i));
    struct conn *c = reader_any_conn(r);
    if (c == NULL) {
        reader_connect_seed(r);
    } else {
        int64_t period = r->n_parts > METADATA_LARGE && !r->metadata_soon ? METADATA_PERIOD * interval : interval / 2;
        if (now - r->metadata_asked_us >= period || r->metadata_asked_us == 0)
            topics_ask_metadata(r, c);
        if (r->quorum_asked_us == 0 ||
            now - r->quorum_asked_us >= (r->interest.quorum ? interval / 2 : QUORUM_PERIOD * interval))
            cluster_ask_quorum(r);
        topics_want(r, true);
        groups_want(r, true);
        reader_pass(r);
        topics_ask_configs(r);
    }
    /* With no refreshing the tick still drives the attempts to connect. */
    int64_t next = now + interval;
    if (r->link != LINK_UP && r->nodes.seed != NULL && r->nodes.seed->state == CONN_DOWN)
        next = r->nodes.seed->retry_at_us;
    r->again = false;
    if (r->client->config.once && r->link == LINK_UP && topics_leaderless(r) && !reader_again(r))
        topics_give_up(r);
    if (!r->client->config.once || r->link != LINK_UP)
        timers_set(&r->wire->timers, &r->tick_timer, next > now ? next : now + 1000);
    if (r->serial == 0 || r->in_flight == 0)
        reader_changed(r);
}

static void reader_on_tick(struct timer *t, void *ctx) {
    (void)ctx;
    reader_tick((struct reader *)(void *)((char *)t - offsetof(struct reader, tick_timer)));
}

static void reader_on_round(struct timer *t, void *ctx) {
    (void)ctx;
    groups_round((struct reader *)(void *)((char *)t - offsetof(struct reader, round_timer)));
}

/* After Metadata: brokers are known, everything else follows from here. */
void reader_after_metadata(struct reader *r, struct conn *c) {
    bool first = r->link != LINK_UP || r->metadata_us == 0;
    r->asking = true;
    reader_link_up(r, c);
    for (size_t i = 0; i < r->nodes.n; i++)
        reader_connect_broker(r, reader_broker_at(r, i));
    if (first) {
        reader_publish(r);
        if (r->quorum_asked_us == 0)
            cluster_ask_quorum(r);
    }
    topics_want(r, false);
    groups_want(r, false);
    reader_pass(r);
    topics_ask_configs(r);
    r->asking = false;
    actions_again(r->client); /* a seed that became a broker's connection does not come up again */
}

/* ---- commands ---- */

void reader_interest_free(struct interest *i) {
    for (size_t k = 0; k < i->n_topics; k++)
        free((void *)(uintptr_t)i->topics[k].p);
    for (size_t k = 0; k < i->n_groups; k++)
        free((void *)(uintptr_t)i->groups[k].p);
    free(i->topics);
    free(i->groups);
    *i = (struct interest){0};
}

static void reader_follow_interest(struct reader *r) {
    int64_t begun = wire_now_us();
    timers_cancel(&r->wire->timers, &r->interest_timer);
    topics_want(r, false);
    groups_want(r, false);
    if (r->link == LINK_UP) {
        reader_pass(r);
        topics_ask_configs(r);
        if (r->interest.quorum && r->quorum_asked_us == 0)
            cluster_ask_quorum(r);
    }
    r->interest_us = wire_now_us();
    r->interest_took_us = r->interest_us - begun;
    /* A console scrolls: where nothing had to be asked a new snapshot would hold nothing new, and one of thousands of
     * topics takes milliseconds.  Who asks once waits for the one that knows of its interest. */
    if (r->in_flight == 0 && r->client->config.once)
        reader_publish(r);
    else if (r->in_flight > 0)
        reader_changed(r);
}

static void reader_on_interest(struct timer *t, void *ctx) {
    (void)ctx;
    reader_follow_interest((struct reader *)(void *)((char *)t - offsetof(struct reader, interest_timer)));
}

/* It changes with each line that is scrolled, and all topics and groups are walked for it: not more often than the
 * time that took lets it. */
void reader_take_interest(struct reader *r, struct interest *i) {
    reader_interest_free(&r->interest);
    r->interest = *i;
    *i = (struct interest){0};
    r->interest_n++;
    int64_t at = r->interest_us + r->interest_took_us * SHARE;
    if (r->client->config.once || wire_now_us() >= at)
        reader_follow_interest(r);
    else if (r->interest_timer.slot == 0)
        timers_set(&r->wire->timers, &r->interest_timer, at);
}

void reader_refresh(struct reader *r) {
    for (size_t i = 0; i < r->n_topics; i++)
        for (int32_t k = 0; k < r->topics_sorted[i]->n_parts; k++) {
            r->topics_sorted[i]->parts[k].end_asked_us = 0;
            r->topics_sorted[i]->parts[k].start_asked_us = 0;
        }
    for (size_t i = 0; i < r->n_groups; i++)
        if (r->groups_sorted[i]->phase == GROUP_IDLE)
            r->groups_sorted[i]->asked_us = 0;
    for (size_t i = 0; i < r->nodes.n; i++)
        reader_broker_at(r, i)->groups_asked_us = reader_broker_at(r, i)->sizes_asked_us = 0;
    nodes_hurry(&r->nodes);
    r->metadata_asked_us = r->quorum_asked_us = 0;
    reader_tick(r);
}

static void reader_reset(struct reader *r) {
    /* Calls in flight end inside conn_free; their handlers see `closing`. */
    r->closing = true;
    conn_free(r->nodes.seed);
    r->nodes.seed = NULL;
    for (size_t i = 0; i < r->nodes.n; i++) {
        struct rbroker *b = reader_broker_at(r, i);
        conn_free(b->node.conn);
        conn_free(b->act);
        b->node.conn = b->act = NULL;
    }
    reader_free_groups(r);
    reader_free_topics(r);
    for (size_t i = 0; i < r->nodes.n; i++)
        free((void *)(uintptr_t)reader_broker_at(r, i)->rack.p);
    nodes_clear(&r->nodes);
    free((void *)(uintptr_t)r->cluster_id.p);
    r->cluster_id = SLICE_NULL;
    timers_cancel(&r->wire->timers, &r->tick_timer);
    timers_cancel(&r->wire->timers, &r->publish_timer);
    timers_cancel(&r->wire->timers, &r->interest_timer);
    timers_cancel(&r->wire->timers, &r->round_timer);
    r->closing = false;
}

void reader_reconnect(struct reader *r, const char *bootstrap) {
    struct error e;
    if (bootstrap == NULL) {
        reader_refresh(r);
        return;
    }
    if (nodes_set_seeds(&r->nodes, bootstrap, &e) != OK) {
        client_log(r->client, LOG_ERROR, "%s", e.text);
        return;
    }
    reader_reset(r);
    r->link = LINK_CONNECTING;
    r->address[0] = r->why[0] = '\0';
    r->controller = r->controller_epoch = r->metadata_controller = -1;
    r->controller_true = r->zookeeper = r->topics_known = r->groups_known = false;
    r->metadata_busy = r->quorum_busy = r->configs_busy = false;
    r->metadata_asked_us = r->metadata_us = r->quorum_asked_us = r->quorum_us = r->patient_until_us = 0;
    r->metadata_crc = 0;
    r->commits_left = 0;
    r->in = r->out = (struct rate){0};
    r->in_history = (struct history){0};
    reader_start(r);
}

/* ---- life ---- */

void reader_init(struct reader *r, struct client *c) {
    r->client = c;
    r->wire = &c->wire;
    nodes_init(&r->nodes, r->wire, r, sizeof(struct rbroker));
    r->controller = r->controller_epoch = r->metadata_controller = -1;
    r->tick_timer.fire = reader_on_tick;
    r->publish_timer.fire = reader_on_publish;
    r->interest_timer.fire = reader_on_interest;
    r->round_timer.fire = reader_on_round;
    c->wire.up = reader_on_up;
    c->wire.down = reader_on_down;
    c->wire.ctx = r;
    arena_init(&r->scratch, 0);
    arena_init(&r->build, (size_t)1 << 30);
}

void reader_start(struct reader *r) {
    r->link = LINK_CONNECTING;
    reader_tick(r);
}

void reader_fini(struct reader *r) {
    reader_reset(r);
    r->closing = true;
    reader_interest_free(&r->interest);
    nodes_fini(&r->nodes);
    arena_fini(&r->scratch);
    arena_fini(&r->build);
}
