/* See group_world.h. */
#include "tests/sim/group_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void start(struct group_world *w) {
    struct store_events events;
    struct store_recovery recovery;
    weir_assert(broker_new(&w->b, &w->sim->env, &w->settings, &w->error) == OK);
    broker_store_events(w->b, &events);
    weir_assert(store_open(&w->st, &w->sim->env, &w->config, &events, &recovery, &w->error) == OK);
    weir_assert(broker_start(w->b, w->st, &w->error) == OK);
    group_world_settle(w);
}

void group_world_init(struct group_world *w, uint64_t seed, const struct broker_setting *settings) {
    *w = (struct group_world){.sim = env_sim_new(seed)};
    arena_init(&w->arena, SIZE_MAX);
    env_sim_set_wall(w->sim, INT64_C(1700000000000));
    w->config = (struct store_config){.durability = DURABILITY_FSYNC, .wal_file_bytes = 1 << 20,
                                      .checkpoint_bytes = 4 << 20, .reserve_bytes = 4096};
    w->settings = (struct broker_settings){.node_id = 1, .version = "test", .settings = settings};
    while (settings != NULL && settings[w->settings.n_settings].name != NULL)
        w->settings.n_settings++;
    start(w);
}

static void stop(struct group_world *w, bool crash) {
    while (w->clients != NULL)
        sim_client_close(w->clients);
    if (!crash)
        group_world_settle(w);
    broker_free(w->b);
    store_close(w->st, crash);
    w->b = NULL;
    w->st = NULL;
}

void group_world_restart(struct group_world *w, bool crash) {
    stop(w, crash);
    if (crash)
        env_sim_crash(w->sim, (uint64_t)w->sim->now_us);
    else
        env_sim_run_until_idle(w->sim);
    start(w);
}

void group_world_fini(struct group_world *w) {
    stop(w, false);
    env_sim_run_until_idle(w->sim);
    env_sim_free(w->sim);
    arena_fini(&w->arena);
}

void group_world_settle(struct group_world *w) {
    do {
        broker_tick_end(w->b);
        env_sim_run_until_idle(w->sim);
        (void)broker_tick(w->b);
        broker_tick_end(w->b);
    } while (env_sim_in_flight(w->sim) > 0);
}

void group_world_advance(struct group_world *w, int64_t ms) {
    int64_t until = w->sim->now_us + ms * 1000;
    for (;;) {
        group_world_settle(w);
        int64_t next = broker_tick(w->b);
        if (next > until || w->sim->now_us >= until)
            break;
        env_sim_advance(w->sim, next > w->sim->now_us ? next - w->sim->now_us : 1);
    }
    if (w->sim->now_us < until)
        env_sim_advance(w->sim, until - w->sim->now_us);
    group_world_settle(w);
}

/* ---- clients ---- */

static void on_send(struct broker_sink *s, struct broker_response *r) {
    struct sim_client *c = (struct sim_client *)s;
    r->next = NULL;
    *(c->last != NULL ? &c->last->next : &c->first) = r;
    c->last = r;
}

static void on_hang_up(struct broker_sink *s, const char *reason) {
    (void)reason;
    ((struct sim_client *)s)->hung_up = true;
}

struct sim_client *sim_client_new(struct group_world *w, const char *client_id) {
    struct sim_client *c = mem_zalloc(sizeof *c);
    c->sink = (struct broker_sink){.send = on_send, .hang_up = on_hang_up};
    c->w = w;
    c->client_id = client_id;
    c->conn = broker_conn_open(w->b, &c->sink, "127.0.0.1", 9092, "/127.0.0.1");
    c->next = w->clients;
    w->clients = c;
    return c;
}

void sim_client_close(struct sim_client *c) {
    struct sim_client **at = &c->w->clients;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    broker_conn_close(c->conn);
    while (c->first != NULL) {
        struct broker_response *r = c->first;
        c->first = r->next;
        broker_response_free(r);
    }
    free(c);
}

void sim_send(struct sim_client *c, int16_t key, int16_t version, const void *request) {
    struct proto_out out = {0};
    struct buf frame = {0};
    struct proto_request_header h = {key, version, c->next_id++, slice_cstr(c->client_id)};
    proto_encode_request_header(&h, &frame);
    proto_encode(api_find(key)->request, version, request, &out);
    proto_flatten(&out, &frame);
    weir_assert(broker_conn_frame(c->conn, frame.p, frame.n) == OK);
    memset(frame.p, 0xdd, frame.n); /* the broker may not keep pointers into it */
    buf_fini(&frame);
    proto_out_fini(&out);
}

bool sim_take(struct sim_client *c, int16_t key, int16_t version, void *response) {
    struct broker_response *r = c->first;
    if (r == NULL)
        return false;
    c->first = r->next;
    if (c->first == NULL)
        c->last = NULL;
    struct buf flat = {0};
    int32_t id;
    size_t used, body_used;
    proto_flatten(&r->out, &flat);
    weir_assert(flat.n >= 4 && be32_get(flat.p) == flat.n - 4);
    struct slice in = arena_dup(&c->w->arena, slice_of(flat.p + 4, flat.n - 4));
    weir_assert(proto_decode_response_header(key, version, in, &id, &used) == OK);
    weir_assert(id == c->expected_id++);
    in = slice_of(in.p + used, in.n - used);
    weir_assert(proto_decode(api_find(key)->response, version, in, &c->w->arena, response, &body_used) == OK);
    weir_assert(body_used == in.n);
    buf_fini(&flat);
    broker_response_free(r);
    return true;
}

void sim_call(struct sim_client *c, int16_t key, int16_t version, const void *request, void *response) {
    sim_send(c, key, version, request);
    group_world_settle(c->w);
    weir_assert(sim_take(c, key, version, response));
}

/* ---- requests, short ---- */

struct slice text(struct group_world *w, const char *format, ...) {
    struct buf b = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&b, format, args);
    va_end(args);
    buf_put_u8(&b, 0);                /* as a C string too */
    struct slice s = arena_dup(&w->arena, buf_slice(&b));
    buf_fini(&b);
    return slice_of(s.p, s.n - 1);
}

void make_topic(struct sim_client *c, const char *name, int32_t partitions) {
    struct create_topics_req q;
    struct create_topics_resp r;
    proto_init(PROTO_STRUCT(create_topics_req), &q);
    struct create_topics_req_creatable_topic t;
    proto_init(PROTO_STRUCT(create_topics_req_creatable_topic), &t);
    t.name = slice_cstr(name);
    t.num_partitions = partitions;
    t.replication_factor = 1;
    q.topics.n = 1;
    q.topics.v = &t;
    q.timeout_ms = 1000;
    sim_call(c, API_CREATE_TOPICS, 7, &q, &r);
    assert_int_equal(r.topics.v[0].error_code, KAFKA_NONE);
}

void delete_topic(struct sim_client *c, const char *name) {
    struct delete_topics_req q;
    struct delete_topics_resp r;
    proto_init(PROTO_STRUCT(delete_topics_req), &q);
    struct slice names[] = {slice_cstr(name)};
    q.topic_names.n = 1;
    q.topic_names.v = names;
    sim_call(c, API_DELETE_TOPICS, 5, &q, &r);
    assert_int_equal(r.responses.v[0].error_code, KAFKA_NONE);
}


void send_join(struct sim_client *c, struct join j) {
    struct join_group_req q;
    proto_init(PROTO_STRUCT(join_group_req), &q);
    struct join_group_req_protocol p = {slice_cstr(j.protocol ? j.protocol : "range"),
                                        slice_cstr(j.metadata ? j.metadata : "m")};
    q.group_id = slice_cstr(j.group);
    q.session_timeout_ms = SESSION_MS;
    q.rebalance_timeout_ms = j.rebalance_ms ? j.rebalance_ms : REBALANCE_MS;
    q.member_id = slice_text(j.member);
    q.group_instance_id = j.instance ? slice_cstr(j.instance) : SLICE_NULL;
    q.protocol_type = slice_cstr(j.type ? j.type : "consumer");
    q.protocols.n = 1;
    q.protocols.v = &p;
    sim_send(c, API_JOIN_GROUP, (int16_t)(j.version ? j.version : 9), &q);
}

bool take_join(struct sim_client *c, struct join_group_resp *r) {
    return sim_take(c, API_JOIN_GROUP, 9, r);
}

struct join_group_resp call_join(struct sim_client *c, struct join j) {
    struct join_group_resp r;
    send_join(c, j);
    group_world_settle(c->w);
    assert_true(sim_take(c, API_JOIN_GROUP, (int16_t)(j.version ? j.version : 9), &r));
    return r;
}

/* An id by KIP-394, not yet a member. */
struct slice new_id(struct sim_client *c, const char *group) {
    struct join_group_resp r = call_join(c, (struct join){.group = group});
    assert_int_equal(r.error_code, KAFKA_MEMBER_ID_REQUIRED);
    assert_true(r.member_id.n > 0);
    return r.member_id;
}

void send_sync(struct sim_client *c, const char *group, int32_t generation, struct slice member,
                      const struct slice *members, int n) {
    struct sync_group_req q;
    struct sync_group_req_assignment a[8];
    char bytes[8];
    proto_init(PROTO_STRUCT(sync_group_req), &q);
    for (int i = 0; i < n; i++) {
        bytes[i] = (char)('A' + i);
        a[i] = (struct sync_group_req_assignment){members[i], slice_of(bytes + i, 1)};
    }
    q.group_id = slice_cstr(group);
    q.generation_id = generation;
    q.member_id = member;
    q.protocol_type = SLICE("consumer");
    q.protocol_name = SLICE("range");
    q.assignments.n = n;
    q.assignments.v = a;
    sim_send(c, API_SYNC_GROUP, 5, &q);
}

struct sync_group_resp take_sync(struct sim_client *c) {
    struct sync_group_resp r;
    group_world_settle(c->w);
    assert_true(sim_take(c, API_SYNC_GROUP, 5, &r));
    return r;
}

int16_t beat_as(struct sim_client *c, const char *group, int32_t generation, struct slice member,
                       const char *instance) {
    struct heartbeat_req q;
    struct heartbeat_resp r;
    proto_init(PROTO_STRUCT(heartbeat_req), &q);
    q.group_id = slice_cstr(group);
    q.generation_id = generation;
    q.member_id = member;
    q.group_instance_id = instance ? slice_cstr(instance) : SLICE_NULL;
    sim_call(c, API_HEARTBEAT, 4, &q, &r);
    return r.error_code;
}

int16_t beat(struct sim_client *c, const char *group, int32_t generation, struct slice member) {
    return beat_as(c, group, generation, member, NULL);
}

int16_t leave(struct sim_client *c, const char *group, struct slice member) {
    struct leave_group_req q;
    struct leave_group_resp r;
    struct leave_group_req_member_identity m = {.member_id = member};
    proto_init(PROTO_STRUCT(leave_group_req), &q);
    q.group_id = slice_cstr(group);
    q.members.n = 1;
    q.members.v = &m;
    sim_call(c, API_LEAVE_GROUP, 5, &q, &r);
    assert_int_equal(r.error_code, KAFKA_NONE);
    return r.members.v[0].error_code;
}

struct describe_groups_resp_described_group describe(struct sim_client *c, const char *group) {
    struct describe_groups_req q;
    struct describe_groups_resp r;
    struct slice names[] = {slice_cstr(group)};
    proto_init(PROTO_STRUCT(describe_groups_req), &q);
    q.groups.n = 1;
    q.groups.v = names;
    sim_call(c, API_DESCRIBE_GROUPS, 5, &q, &r);
    return r.groups.v[0];
}

void assert_state(struct sim_client *c, const char *group, const char *state, int members) {
    struct describe_groups_resp_described_group g = describe(c, group);
    char is[32];
    snprintf(is, sizeof is, "%.*s", SLICE_ARG(g.group_state));
    assert_string_equal(is, state);
    assert_int_equal(g.members.n, members);
}


void send_commit(struct sim_client *c, const char *group, struct as who, const char *topic, int32_t partition,
                        int64_t offset, const char *metadata) {
    struct offset_commit_req q;
    struct offset_commit_req_partition p = {partition, offset, 3, slice_cstr(metadata)};
    struct offset_commit_req_topic t;
    proto_init(PROTO_STRUCT(offset_commit_req), &q);
    proto_init(PROTO_STRUCT(offset_commit_req_topic), &t);
    t.name = slice_cstr(topic);
    t.partitions.n = 1;
    t.partitions.v = &p;
    q.group_id = slice_cstr(group);
    q.generation_id_or_member_epoch = who.generation;
    q.member_id = slice_text(who.member);
    q.group_instance_id = who.instance ? slice_cstr(who.instance) : SLICE_NULL;
    q.topics.n = 1;
    q.topics.v = &t;
    sim_send(c, API_OFFSET_COMMIT, 9, &q);
}

bool take_commit(struct sim_client *c, int16_t *error) {
    struct offset_commit_resp r;
    if (!sim_take(c, API_OFFSET_COMMIT, 9, &r))
        return false;
    *error = r.topics.v[0].partitions.v[0].error_code;
    return true;
}

int16_t commit_as(struct sim_client *c, const char *group, struct as who, const char *topic, int32_t partition,
                         int64_t offset) {
    int16_t error = -1;
    send_commit(c, group, who, topic, partition, offset, "");
    group_world_settle(c->w);
    assert_true(take_commit(c, &error));
    return error;
}

void commit(struct sim_client *c, const char *group, const char *topic, int32_t partition, int64_t offset) {
    assert_int_equal(commit_as(c, group, NOBODY, topic, partition, offset), KAFKA_NONE);
}

void send_fetch(struct sim_client *c, const char *group, const char *topic, int32_t partition) {
    struct offset_fetch_req q;
    struct offset_fetch_req_topic t = {.name = slice_cstr(topic), .partition_indexes = {1, &partition}};
    proto_init(PROTO_STRUCT(offset_fetch_req), &q);
    q.group_id = slice_cstr(group);
    q.topics.n = 1;
    q.topics.v = &t;
    sim_send(c, API_OFFSET_FETCH, 7, &q);
}

bool take_fetch(struct sim_client *c, int16_t *error, int64_t *offset) {
    struct offset_fetch_resp r;
    if (!sim_take(c, API_OFFSET_FETCH, 7, &r))
        return false;
    *error = r.error_code;
    *offset = r.error_code == KAFKA_NONE ? r.topics.v[0].partitions.v[0].committed_offset : -1;
    return true;
}

int64_t fetched(struct sim_client *c, const char *group, const char *topic, int32_t partition) {
    int64_t offset = -1;
    int16_t error = -1;
    send_fetch(c, group, topic, partition);
    group_world_settle(c->w);
    assert_true(take_fetch(c, &error, &offset));
    assert_int_equal(error, KAFKA_NONE);
    return offset;
}

int16_t delete_group(struct sim_client *c, const char *group) {
    struct delete_groups_req q;
    struct delete_groups_resp r;
    struct slice names[] = {slice_cstr(group)};
    proto_init(PROTO_STRUCT(delete_groups_req), &q);
    q.groups_names.n = 1;
    q.groups_names.v = names;
    sim_call(c, API_DELETE_GROUPS, 2, &q, &r);
    return r.results.v[0].error_code;
}

void world(struct group_world *w, const struct broker_setting *settings) {
    group_world_init(w, 11, settings);
    struct sim_client *c = sim_client_new(w, "setup");
    make_topic(c, "t", 4);
    sim_client_close(c);
}

/* A Stable group of one; the member's id, generation 1. */
struct slice stable_one(struct sim_client *c, const char *group) {
    struct slice id = new_id(c, group);
    struct join_group_resp r = call_join(c, (struct join){.group = group, .member = id});
    assert_int_equal(r.error_code, KAFKA_NONE);
    send_sync(c, group, r.generation_id, id, &id, 1);
    assert_int_equal(take_sync(c).error_code, KAFKA_NONE);
    return id;
}

/* A second member joins; the first joins again; both sync: generation 2. */
struct slice stable_two(struct sim_client *a, struct sim_client *b, const char *group, struct slice first) {
    struct join_group_resp ra, rb;
    struct slice second = new_id(b, group);
    send_join(b, (struct join){.group = group, .member = second});
    ra = call_join(a, (struct join){.group = group, .member = first});
    assert_true(take_join(b, &rb));
    assert_int_equal(ra.error_code, KAFKA_NONE);
    assert_int_equal(rb.error_code, KAFKA_NONE);
    assert_int_equal(rb.generation_id, 2);
    struct slice both[] = {first, second};
    send_sync(b, group, 2, second, NULL, 0);
    send_sync(a, group, 2, first, both, 2);
    assert_true(slice_is(take_sync(a).assignment, "A"));
    assert_true(slice_is(take_sync(b).assignment, "B"));
    return second;
}
