/* The reader's groups: lists, members, commits.  What becomes of the commits is
 * reader_lag.c's business.
 *
 *   ListGroups to every broker    the broker that lists a group coordinates it
 *   IDLE --due--> READING         Describe and OffsetFetch, pipelined
 *   READING --both in--> COMMITTED
 *   COMMITTED --all of this round are in, or 0.5 s passed--> ENDS   (groups_round)
 *   ENDS --every end was asked after the commit--> IDLE             (groups_judge)
 *
 * Many groups ride in one Describe and, from version 8 on, in one OffsetFetch.
 * A group that is listed no more is freed once no call points at it. */
#include "core/client/internal.h"

#include "core/base/text.h"

#include <stdlib.h>
#include <strings.h>

#define LIST_PERIOD 5 /* intervals, when no group is on the screen */
#define GROUPS_SMALL 100
#define GROUPS_SWEEP_TICKS 5
#define DESCRIBE_MAX 100
#define FETCH_MAX 50
#define ROUND_WAIT_US 500000
#define GROUPS_MAX 1000000
#define MEMBERS_FEW 12      /* of so many the memory is made to fit: */
#define MEMBER_BYTES 320    /* names and a few partitions of one */
#define COMMITS_FEW 40
#define COMMIT_BYTES 80     /* the row, and its part of the topic's name */

static void group_unref(struct rgroup *g);

/* ---- the set of groups ---- */

static void group_free(struct rgroup *g) {
    arena_fini(&g->commits_arena);
    shared_unref(g->members_in);
    shared_unref(g->rows.in);
    shared_unref(g->next.in);
    free((void *)(uintptr_t)g->id.p);
    free((void *)(uintptr_t)g->state.p);
    free((void *)(uintptr_t)g->protocol_type.p);
    free((void *)(uintptr_t)g->protocol.p);
    free(g);
}

static void group_unref(struct rgroup *g) {
    if (--g->calls == 0 && g->dead)
        group_free(g);
}

static void group_remove(struct reader *r, struct rgroup *g) {
    HASH_DEL(r->groups, g);
    r->groups_resort = true;
    r->group_topics_changed = true;
    g->dead = true;
    if (g->calls == 0)
        group_free(g);
}

void reader_free_groups(struct reader *r) {
    struct rgroup *g, *next;
    HASH_ITER(hh, r->groups, g, next)
    group_remove(r, g);
    free(r->groups_sorted);
    r->groups_sorted = NULL;
    r->n_groups = 0;
}

static int by_id(const void *a, const void *b) {
    return slice_cmp((*(struct rgroup *const *)a)->id, (*(struct rgroup *const *)b)->id);
}

static void groups_sort(struct reader *r) {
    size_t n = HASH_COUNT(r->groups), i = 0;
    r->groups_sorted = mem_realloc(r->groups_sorted, n * sizeof *r->groups_sorted);
    for (struct rgroup *g = r->groups; g != NULL; g = g->hh.next)
        r->groups_sorted[i++] = g;
    r->n_groups = n;
    qsort(r->groups_sorted, n, sizeof *r->groups_sorted, by_id);
    r->groups_resort = false;
}

static struct rgroup *group_find(struct reader *r, struct slice id) {
    struct rgroup *g = NULL;
    HASH_FIND(hh, r->groups, id.p, id.n, g);
    return g;
}

static void keep_text(char *out, size_t size, struct slice s) {
    size_t n = s.n < size - 1 ? s.n : size - 1;
    if (n > 0)
        memcpy(out, s.p, n);
    out[n] = '\0';
}

static void keep_slice(struct slice *to, struct slice from) {
    if (slice_eq(*to, from) && (to->p == NULL) == (from.p == NULL))
        return;
    free((void *)(uintptr_t)to->p);
    *to = mem_dup(from);
}

static void group_take_state(struct reader *r, struct rgroup *g, struct slice state, bool say) {
    char name[128], now[64], was[64];
    if (state.n == 0 || slice_eq(state, g->state))
        return;
    if (say && g->state.n > 0)
        change_say(r->client, slice_is(state, "Empty") || slice_is(state, "Dead") ? LOG_WARN : LOG_INFO,
                   "group %s: %s, was %s", change_name(g->id, name), text_safe(state, now, sizeof now),
                   text_safe(g->state, was, sizeof was));
    keep_slice(&g->state, state);
}

/* ---- ListGroups ---- */

static void groups_list_take(struct reader *r, struct rbroker *b, const struct list_groups_resp *m) {
    char name[128];
    bool say = b->groups.state == VALUE_KNOWN;
    r->groups_serial++;
    for (int32_t i = 0; i < m->groups.n; i++) {
        const struct list_groups_resp_listed_group *from = &m->groups.v[i];
        struct rgroup *g = group_find(r, from->group_id);
        if (g == NULL) {
            if (HASH_COUNT(r->groups) >= GROUPS_MAX)
                break;
            g = mem_zalloc(sizeof *g);
            g->id = mem_dup(from->group_id);
            HASH_ADD_KEYPTR(hh, r->groups, g->id.p, g->id.n, g);
            r->groups_resort = true;
            if (say)
                change_say(r->client, LOG_INFO, "group %s appeared", change_name(g->id, name));
        } else if (g->coordinator != b && g->coordinator != NULL && say) {
            change_say(r->client, LOG_WARN, "group %s: coordinator moved from %d to %d", change_name(g->id, name),
                       g->coordinator->node.id, b->node.id);
        }
        g->coordinator = b;
        g->listed = r->groups_serial;
        keep_slice(&g->protocol_type, from->protocol_type);
        if (from->group_type.n > 0)
            keep_text(g->type, sizeof g->type, from->group_type);
        group_take_state(r, g, from->group_state, say);
    }
    struct rgroup *g, *next;
    HASH_ITER(hh, r->groups, g, next) {
        if (g->coordinator != b || g->listed == r->groups_serial)
            continue;
        change_say(r->client, LOG_WARN, "group %s is gone", change_name(g->id, name));
        group_remove(r, g);
    }
    if (r->groups_resort)
        groups_sort(r);
}

void groups_known(struct reader *r) {
    bool all = r->nodes.n > 0;
    for (size_t i = 0; i < r->nodes.n; i++)
        if (!reader_is_silent(reader_broker_at(r, i)) && reader_broker_at(r, i)->groups.state == VALUE_WANTED)
            all = false;
    r->groups_known = r->groups_known || all;
}

static void on_list(void *ctx, const struct conn_answer *a) {
    struct rcall call = reader_begin(ctx, a);
    struct reader *r = call.reader;
    struct rbroker *b = call.broker;
    struct list_groups_resp m;
    b->groups_busy = false;
    bool ok = false, passes = false;
    if (a->err == OK && !r->closing) {
        bool whole = conn_decode(a, &r->scratch, &m) == OK;
        ok = whole && m.error_code == 0;
        passes = whole && kafka_error_retriable(m.error_code);
        if (ok) {
            groups_list_take(r, b, &m);
            b->groups = (struct value){m.groups.n, a->at_us, VALUE_KNOWN};
        }
        arena_reset(&r->scratch);
    }
    if (!ok && passes && reader_again(r))
        b->groups_asked_us = 0;
    else if (!ok)
        b->groups.state = VALUE_FAILED;
    if (!r->closing) {
        groups_want(r, false);
        if (ok && reader_broker_ready(r, b))
            groups_step(r, b, wire_now_us());
    }
    reader_end(r);
}

static void groups_ask_list(struct reader *r, struct rbroker *b, int64_t now) {
    bool wanted = r->interest.all_groups || r->interest.n_groups > 0;
    int64_t period = wanted ? reader_interval(r) / 2 : LIST_PERIOD * reader_interval(r) - reader_interval(r) / 2;
    int version = conn_version(b->node.conn, API_LIST_GROUPS, 5);
    if (b->groups_busy || version < 0)
        return;
    if (b->groups_asked_us != 0 && (r->client->config.once || now - b->groups_asked_us < period))
        return;
    struct list_groups_req q;
    proto_init(PROTO_STRUCT(list_groups_req), &q);
    b->groups_busy = true;
    b->groups_asked_us = now;
    reader_send(r, b->node.conn, PROTO_MESSAGE(list_groups_req), version, &q, on_list, &(struct rcall){.broker = b});
}

/* ---- a round's bookkeeping ---- */

static void round_sent(struct reader *r) {
    r->commits_left++;
    if (r->round_timer.slot == 0)
        timers_set(&r->wire->timers, &r->round_timer, wire_now_us() + ROUND_WAIT_US);
}

static void round_answered(struct reader *r) {
    if (r->commits_left > 0 && --r->commits_left == 0 && !r->closing)
        groups_round(r);
}

static void group_answered(struct rgroup *g) {
    if (g->phase != GROUP_READING || g->describes_left > 0)
        return;
    g->phase = g->again ? GROUP_IDLE : GROUP_COMMITTED;
    g->asked_us = g->again ? 0 : g->asked_us;
    g->again = false;
}

/* Its coordinator moves or loads: who asks only once asks again, the lists too. */
static bool group_again(struct reader *r, struct rgroup *g, int16_t code) {
    if (!kafka_error_retriable(code) || !reader_again(r))
        return false;
    for (size_t i = 0; i < r->nodes.n; i++)
        reader_broker_at(r, i)->groups_asked_us = 0;
    g->again = true;
    return true;
}

/* One of the two questions about a group has its answer, good or bad. */
static void group_part_done(struct rgroup *g) {
    if (g->describes_left > 0)
        g->describes_left--;
    group_answered(g);
}

/* The calls to this broker died: what waited for them is over. */
static void groups_failed(struct reader *r, struct rbroker *b, const char *why) {
    for (size_t i = 0; i < r->n_groups; i++) {
        struct rgroup *g = r->groups_sorted[i];
        if (g->coordinator != b || g->phase != GROUP_READING)
            continue;
        g->phase = GROUP_IDLE;
        g->describes_left = 0;
        g->lag.state = VALUE_FAILED;
        snprintf(g->why, sizeof g->why, "%s", why);
    }
}

/* ---- members ---- */

static void group_members_start(struct rgroup *g, int32_t n) {
    shared_unref(g->members_in);
    g->members_in = n > 0 ? shared_new((size_t)64 << 20, n < MEMBERS_FEW ? (size_t)n * MEMBER_BYTES : 0) : NULL;
    g->n_members = 0;
    g->members = n > 0 ? arena_zalloc(&g->members_in->arena, (size_t)n * sizeof *g->members) : NULL;
    g->described = true;
}

static struct model_assigned *assigned_room(struct rgroup *g, struct model_member *m, size_t n) {
    struct model_assigned *v = arena_alloc(&g->members_in->arena, n * sizeof *v);
    m->assigned.v = v;
    m->assigned.n = 0;
    return v;
}

/* Into the room for them, NULL: there is none. */
static void assigned_put(struct rgroup *g, struct model_member *m, struct model_assigned *room, struct slice topic,
                         const int32_t *partitions, int32_t n) {
    struct slice name = arena_dup(&g->members_in->arena, topic);
    for (int32_t i = 0; room != NULL && i < n; i++)
        room[m->assigned.n++] = (struct model_assigned){name, partitions[i]};
}

static void classic_assignment(struct rgroup *g, struct model_member *m, struct slice bytes) {
    struct consumer_assignment as;
    struct arena arena;
    size_t used, n = 0;
    if (bytes.n < 2)
        return;
    int version = be16_get(bytes.p) > 3 ? 3 : be16_get(bytes.p);
    arena_init(&arena, bytes.n * 16 + 4096);
    if (proto_decode(PROTO_MESSAGE(consumer_assignment), version, slice_of(bytes.p + 2, bytes.n - 2), &arena, &as,
                     &used) == OK) {
        for (int32_t i = 0; i < as.assigned_partitions.n; i++)
            n += (size_t)as.assigned_partitions.v[i].partitions.n;
        struct model_assigned *v = assigned_room(g, m, n);
        for (int32_t i = 0; i < as.assigned_partitions.n; i++)
            assigned_put(g, m, v, as.assigned_partitions.v[i].topic, as.assigned_partitions.v[i].partitions.v,
                         as.assigned_partitions.v[i].partitions.n);
    }
    arena_fini(&arena);
}

/* The part that both kinds of description have.  NULL: nothing more to take. */
static struct rgroup *group_take_head(struct reader *r, struct slice id, int16_t error, int32_t n_members) {
    struct rgroup *g = group_find(r, id);
    if (g == NULL)
        return NULL;
    bool again = group_again(r, g, error);
    group_part_done(g);
    if (again)
        return NULL;
    g->error = error;
    if (error != 0) {
        snprintf(g->why, sizeof g->why, "describing it failed: %s", kafka_error_name(error));
        return NULL;
    }
    group_members_start(g, n_members);
    return g;
}

static struct model_member *group_add_member(struct rgroup *g, struct slice id, struct slice client_id,
                                             struct slice host, struct slice instance_id) {
    struct model_member *m = &g->members[g->n_members++];
    struct arena *a = &g->members_in->arena;
    m->id = arena_dup(a, id);
    m->client_id = arena_dup(a, client_id);
    m->host = arena_dup(a, host);
    m->instance_id = arena_dup(a, instance_id);
    return m;
}

static void group_take_classic(struct reader *r, const struct describe_groups_resp_described_group *from) {
    struct rgroup *g = group_take_head(r, from->group_id, from->error_code, from->members.n);
    if (g == NULL)
        return;
    keep_slice(&g->protocol, from->protocol_data);
    group_take_state(r, g, from->group_state, true);
    for (int32_t i = 0; g->members != NULL && i < from->members.n; i++) {
        const struct describe_groups_resp_described_group_member *f = &from->members.v[i];
        struct model_member *m = group_add_member(g, f->member_id, f->client_id, f->client_host, f->group_instance_id);
        if (slice_is(g->protocol_type, "consumer"))
            classic_assignment(g, m, f->member_assignment);
    }
}

static void group_take_consumer(struct reader *r, const struct consumer_group_describe_resp_described *from) {
    struct rgroup *g = group_take_head(r, from->group_id, from->error_code, from->members.n);
    if (g == NULL)
        return;
    keep_slice(&g->protocol, from->assignor_name);
    group_take_state(r, g, from->group_state, true);
    for (int32_t i = 0; g->members != NULL && i < from->members.n; i++) {
        const struct consumer_group_describe_resp_member *f = &from->members.v[i];
        struct model_member *m = group_add_member(g, f->member_id, f->client_id, f->client_host, f->instance_id);
        size_t n = 0;
        for (int32_t k = 0; k < f->assignment.topic_partitions.n; k++)
            n += (size_t)f->assignment.topic_partitions.v[k].partitions.n;
        struct model_assigned *v = assigned_room(g, m, n);
        for (int32_t k = 0; k < f->assignment.topic_partitions.n; k++) {
            const struct consumer_group_describe_resp_topic_partitions *tp = &f->assignment.topic_partitions.v[k];
            assigned_put(g, m, v, tp->topic_name, tp->partitions.v, tp->partitions.n);
        }
    }
}

static void on_describe(void *ctx, const struct conn_answer *a) {
    struct rcall call = reader_begin(ctx, a);
    struct reader *r = call.reader;
    if (a->err == OK && !r->closing) {
        struct describe_groups_resp classic;
        struct consumer_group_describe_resp consumer;
        if (a->key == API_DESCRIBE_GROUPS && conn_decode(a, &r->scratch, &classic) == OK) {
            for (int32_t i = 0; i < classic.groups.n; i++)
                group_take_classic(r, &classic.groups.v[i]);
        } else if (a->key == API_CONSUMER_GROUP_DESCRIBE && conn_decode(a, &r->scratch, &consumer) == OK) {
            for (int32_t i = 0; i < consumer.groups.n; i++)
                group_take_consumer(r, &consumer.groups.v[i]);
        } else {
            groups_failed(r, call.broker, "its broker sent a malformed description");
        }
        arena_reset(&r->scratch);
    } else if (!r->closing) {
        groups_failed(r, call.broker, a->why);
    }
    round_answered(r);
    reader_end(r);
}

static void groups_ask_describe(struct reader *r, struct rbroker *b, struct rgroup **v, size_t n, bool consumer) {
    int16_t api = consumer ? API_CONSUMER_GROUP_DESCRIBE : API_DESCRIBE_GROUPS;
    int version = conn_version(b->node.conn, api, consumer ? 1 : 6);
    proto_string ids[DESCRIBE_MAX];
    for (size_t i = 0; i < n; i++) {
        ids[i] = v[i]->id;
        if (version >= 0)
            v[i]->describes_left++;
    }
    if (n == 0 || version < 0)
        return;
    struct describe_groups_req classic;
    struct consumer_group_describe_req next;
    proto_init(PROTO_STRUCT(describe_groups_req), &classic);
    proto_init(PROTO_STRUCT(consumer_group_describe_req), &next);
    classic.groups.n = next.group_ids.n = (int32_t)n;
    classic.groups.v = next.group_ids.v = ids;
    round_sent(r);
    if (consumer)
        reader_send(r, b->node.conn, PROTO_MESSAGE(consumer_group_describe_req), version, &next, on_describe,
                    &(struct rcall){.broker = b});
    else
        reader_send(r, b->node.conn, PROTO_MESSAGE(describe_groups_req), version, &classic, on_describe,
                    &(struct rcall){.broker = b});
}

/* ---- commits ---- */

static int by_partition(const void *a, const void *b) {
    const struct rcommit *x = a, *y = b;
    return partition_cmp(x->topic, x->partition, y->topic, y->partition);
}

static struct rcommit *commits_start(struct rgroup *g, size_t n) {
    arena_fini(&g->commits_arena);
    arena_init(&g->commits_arena, (size_t)64 << 20);
    if (n <= COMMITS_FEW)
        arena_reserve(&g->commits_arena, n * COMMIT_BYTES);
    g->n_commits = 0;
    g->commits = arena_alloc(&g->commits_arena, n * sizeof *g->commits);
    return g->commits;
}

static void commits_end(struct rgroup *g, int64_t at_us) {
    qsort(g->commits, (size_t)g->n_commits, sizeof *g->commits, by_partition);
    g->fetched = true;
    g->commits_us = at_us;
    g->why[0] = '\0';
    group_part_done(g);
}

static void group_fetch_failed(struct reader *r, struct rgroup *g, int16_t error) {
    if (group_again(r, g, error)) {
        group_part_done(g);
        return;
    }
    g->error = error;
    g->lag.state = VALUE_FAILED;
    snprintf(g->why, sizeof g->why, "reading its offsets failed: %s", kafka_error_name(error));
    g->phase = GROUP_IDLE;
    g->describes_left = 0;
}

static void group_take(struct reader *r, struct rgroup *g, int16_t error, const struct offset_fetch_resp_topic *topics,
                       int32_t n_topics, int64_t at_us) {
    size_t n = 0;
    if (error != 0) {
        group_fetch_failed(r, g, error);
        return;
    }
    for (int32_t i = 0; i < n_topics; i++)
        n += (size_t)topics[i].partitions.n;
    struct rcommit *v = commits_start(g, n);
    for (int32_t i = 0; v != NULL && i < n_topics; i++) {
        struct slice topic = arena_dup(&g->commits_arena, topics[i].name);
        for (int32_t k = 0; k < topics[i].partitions.n; k++) {
            const struct offset_fetch_resp_partition *p = &topics[i].partitions.v[k];
            if (p->error_code == 0 && p->committed_offset >= 0)
                v[g->n_commits++] = (struct rcommit){topic, arena_dup(&g->commits_arena, p->metadata),
                                                     p->partition_index, p->committed_offset};
        }
    }
    commits_end(g, at_us);
}

static void on_fetch(void *ctx, const struct conn_answer *a) {
    struct rcall call = reader_begin(ctx, a);
    struct reader *r = call.reader;
    struct offset_fetch_resp m;
    if (a->err == OK && !r->closing) {
        if (conn_decode(a, &r->scratch, &m) != OK)
            groups_failed(r, call.broker, "its broker sent malformed offsets");
        else if (call.group != NULL && !call.group->dead)
            group_take(r, call.group, m.error_code, m.topics.v, m.topics.n, a->at_us);
        for (int32_t i = 0; call.group == NULL && i < m.groups.n; i++) {
            const struct offset_fetch_resp_group *from = &m.groups.v[i];
            struct rgroup *g = group_find(r, from->group_id);
            if (g != NULL)
                group_take(r, g, from->error_code, from->topics.v, from->topics.n, a->at_us);
        }
        arena_reset(&r->scratch);
    } else if (!r->closing) {
        groups_failed(r, call.broker, a->why);
    }
    if (call.group != NULL)
        group_unref(call.group);
    round_answered(r);
    reader_end(r);
}

static void groups_ask_fetch(struct reader *r, struct rbroker *b, struct rgroup **v, size_t n) {
    int version = conn_version(b->node.conn, API_OFFSET_FETCH, 9); /* 10 names topics by id */
    struct offset_fetch_req q;
    if (version < 2) {
        for (size_t i = 0; i < n; i++)
            v[i]->lag.state = VALUE_NONE; /* cannot say all commits of a group */
        return;
    }
    for (size_t at = 0; at < n;) {
        proto_init(PROTO_STRUCT(offset_fetch_req), &q);
        struct offset_fetch_req_group groups[FETCH_MAX];
        struct rcall call = {.broker = b};
        if (version >= 8) {
            q.groups.v = groups;
            q.groups.n = 0;
            for (; at < n && q.groups.n < FETCH_MAX; at++) {
                struct offset_fetch_req_group *to = &groups[q.groups.n++];
                proto_init(PROTO_STRUCT(offset_fetch_req_group), to);
                to->group_id = v[at]->id;
                to->topics.n = -1;
                v[at]->describes_left++;
            }
        } else {
            q.group_id = v[at]->id;
            q.topics.n = -1;
            v[at]->describes_left++;
            v[at]->calls++;
            call.group = v[at++];
        }
        round_sent(r);
        reader_send(r, b->node.conn, PROTO_MESSAGE(offset_fetch_req), version, &q, on_fetch, &call);
    }
}

/* ---- who is asked ---- */

void groups_want(struct reader *r, bool tick) {
    bool once = r->client->config.once, all = r->interest.all_groups;
    bool whole = all && (once || r->n_groups <= GROUPS_SMALL);
    for (size_t i = 0; i < r->n_groups; i++) {
        struct rgroup *g = r->groups_sorted[i];
        if (whole || (all && !g->fetched))
            g->want = WANT_REST;
        else if (tick || g->want != WANT_REST || !all)
            g->want = WANT_NOT;
    }
    size_t budget = r->n_groups / GROUPS_SWEEP_TICKS + 1;
    for (size_t i = 0; tick && all && !whole && i < budget && r->n_groups > 0; i++) {
        r->group_sweep_at = (r->group_sweep_at + 1) % r->n_groups;
        r->groups_sorted[r->group_sweep_at]->want = WANT_REST;
    }
    for (size_t i = 0; i < r->interest.n_groups; i++) {
        struct rgroup *g = group_find(r, r->interest.groups[i]);
        if (g != NULL)
            g->want = WANT_VISIBLE;
    }
}

static bool group_due(const struct reader *r, const struct rgroup *g, int64_t now) {
    if (g->phase != GROUP_IDLE)
        return false;
    if (g->asked_us == 0)
        return true;
    return !r->client->config.once && now - g->asked_us >= reader_interval(r) / 2;
}

static void groups_ask(struct reader *r, struct rbroker *b, struct rgroup **v, size_t n) {
    struct rgroup *kinds[2][DESCRIBE_MAX];
    size_t counts[2] = {0, 0};
    for (size_t i = 0; i < n; i++) {
        /* Share and streams groups keep what they are by other APIs. */
        bool classic = v[i]->type[0] == '\0' || strcasecmp(v[i]->type, "classic") == 0;
        bool consumer = strcasecmp(v[i]->type, "consumer") == 0;
        v[i]->members_elsewhere = !classic && !consumer;
        if (!v[i]->members_elsewhere)
            kinds[consumer][counts[consumer]++] = v[i];
    }
    groups_ask_describe(r, b, kinds[0], counts[0], false);
    groups_ask_describe(r, b, kinds[1], counts[1], true);
    groups_ask_fetch(r, b, v, n);
    for (size_t i = 0; i < n; i++) {
        v[i]->again = false;
        v[i]->phase = v[i]->describes_left > 0 ? GROUP_READING : GROUP_IDLE;
    }
}

void groups_step(struct reader *r, struct rbroker *b, int64_t now) {
    groups_ask_list(r, b, now);
    for (int want = WANT_VISIBLE; want >= WANT_REST; want--) {
        struct rgroup *v[DESCRIBE_MAX];
        size_t n = 0;
        for (size_t i = 0; i <= r->n_groups; i++) {
            struct rgroup *g = i < r->n_groups ? r->groups_sorted[i] : NULL;
            if (g != NULL && g->coordinator == b && g->want == (enum want)want && group_due(r, g, now)) {
                g->asked_us = now;
                v[n++] = g;
            }
            if (n == DESCRIBE_MAX || (g == NULL && n > 0)) {
                groups_ask(r, b, v, n);
                n = 0;
            }
        }
    }
}
