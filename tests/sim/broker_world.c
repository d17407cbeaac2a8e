/* See broker_world.h. */
#include "tests/sim/broker_world.h"

#include <stdio.h>
#include <stdlib.h>

#define CHECK(e) ((e) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #e), abort()))

void bworld_init(struct bworld *w, uint64_t seed) {
    *w = (struct bworld){.sim = env_sim_new(seed)};
    w->config = (struct store_config){.wal_file_bytes = 64 << 10, .inline_max_bytes = 512, .max_open_files = 8};
    w->settings = (struct broker_settings){.node_id = 1, .version = "test", .lenient_replication = true};
}

void bworld_fini(struct bworld *w) {
    if (w->broker != NULL)
        bworld_close(w);
    env_sim_free(w->sim);
}

enum err bworld_open(struct bworld *w) {
    struct store_events events;
    enum err e = broker_new(&w->broker, &w->sim->env, &w->settings, &w->error);
    if (e != OK)
        return e;
    broker_store_events(w->broker, &events);
    e = store_open(&w->st, &w->sim->env, &w->config, &events, &w->recovery, &w->error);
    if (e == OK)
        e = broker_start(w->broker, w->st, &w->error);
    if (e != OK) {
        broker_free(w->broker);
        if (w->st != NULL)
            store_close(w->st, true);
        w->broker = NULL;
        w->st = NULL;
    }
    return e;
}

void bworld_settle(struct bworld *w) {
    for (int i = 0; i < 100; i++) {
        broker_tick_end(w->broker);
        if (env_sim_run_until_idle(w->sim) == 0)
            break;
        broker_tick(w->broker);
    }
}

void bworld_advance(struct bworld *w, int64_t us) {
    env_sim_advance(w->sim, us);
    broker_tick(w->broker);
    bworld_settle(w);
}

static void shut(struct bworld *w, bool crash) {
    broker_free(w->broker);
    w->broker = NULL;
    store_close(w->st, crash);
    w->st = NULL;
}

void bworld_close(struct bworld *w) {
    bworld_settle(w);
    shut(w, false);
}

void bworld_crash(struct bworld *w, uint64_t seed) {
    shut(w, true);
    env_sim_crash(w->sim, seed);
}

static void on_send(struct broker_sink *s, struct broker_response *r) {
    struct client *c = (struct client *)s;
    r->next = NULL;
    *(c->last != NULL ? &c->last->next : &c->first) = r;
    c->last = r;
    c->n_answers++;
}

static void on_hang_up(struct broker_sink *s, const char *reason) {
    (void)reason;
    ((struct client *)s)->hung_up = true;
}

void client_init(struct client *c, struct bworld *w) {
    *c = (struct client){.sink = {.send = on_send, .hang_up = on_hang_up}, .client_id = "test"};
    arena_init(&c->arena, SIZE_MAX / 2);
    c->conn = broker_conn_open(w->broker, &c->sink, "127.0.0.1", 9092, "/127.0.0.1");
}

void client_fini(struct client *c) {
    broker_conn_close(c->conn);
    while (c->first != NULL) {
        struct broker_response *r = c->first;
        c->first = r->next;
        broker_response_free(r);
    }
    arena_fini(&c->arena);
    buf_fini(&c->frame);
    buf_fini(&c->request);
}

enum err client_send(struct client *c, int16_t key, int16_t version, const void *body) {
    struct proto_request_header h = {key, version, c->next_id++, slice_cstr(c->client_id)};
    struct proto_out out = {0};
    buf_clear(&c->request);
    proto_encode_request_header(&h, &c->request);
    proto_encode(api_find(key)->request, version, body, &out);
    proto_flatten(&out, &c->request);
    proto_out_fini(&out);
    /* Exactly as many bytes as there are, in memory of their own: an over-read is seen, and so is
     * anything that still points there when the frame is gone. */
    uint8_t *frame = mem_alloc(c->request.n);
    memcpy(frame, c->request.p, c->request.n);
    enum err e = broker_conn_frame(c->conn, frame, c->request.n);
    memset(frame, 0xa5, c->request.n);
    free(frame);
    return e;
}

void *client_answer(struct client *c, int16_t key, int16_t version, int32_t id) {
    struct broker_response *r = c->first;
    if (r == NULL)
        return NULL;
    c->first = r->next;
    if (c->first == NULL)
        c->last = NULL;
    c->n_answers--;
    buf_clear(&c->frame);
    proto_flatten(&r->out, &c->frame);
    broker_response_free(r);
    CHECK(c->frame.n >= 8 && be32_get(c->frame.p) == c->frame.n - 4);
    struct slice in = slice_of(c->frame.p + 4, c->frame.n - 4);
    int32_t got_id;
    size_t used, n;
    CHECK(proto_decode_response_header(key, version, in, &got_id, &used) == OK);
    CHECK(got_id == id);
    const struct proto_message *m = api_find(key)->response;
    arena_reset(&c->arena);
    void *body = arena_alloc(&c->arena, m->body->size);
    in = slice_of(in.p + used, in.n - used);
    CHECK(proto_decode(m, version, in, &c->arena, body, &n) == OK);
    CHECK(n == in.n);
    return body;
}

void *client_ask(struct bworld *w, struct client *c, int16_t key, int16_t version, const void *body) {
    int32_t id = c->next_id;
    CHECK(client_send(c, key, version, body) == OK);
    bworld_settle(w);
    void *answer = client_answer(c, key, version, id);
    CHECK(answer != NULL);
    return answer;
}

int16_t client_create_topic(struct bworld *w, struct client *c, const char *name, int32_t n_partitions,
                            const char *config, const char *value) {
    struct create_topics_req req;
    struct create_topics_req_creatable_topic t;
    struct create_topics_req_creatable_topic_config entry = {slice_cstr(config), slice_cstr(value)};
    proto_init(PROTO_STRUCT(create_topics_req), &req);
    proto_init(PROTO_STRUCT(create_topics_req_creatable_topic), &t);
    t.name = slice_cstr(name);
    t.num_partitions = n_partitions;
    t.replication_factor = 1;
    t.configs.n = config != NULL;
    t.configs.v = &entry;
    req.topics.n = 1;
    req.topics.v = &t;
    return ASK(w, c, CREATE_TOPICS, 7, &req, create_topics_resp)->topics.v[0].error_code;
}

struct produce_resp_partition *client_produce(struct bworld *w, struct client *c, const char *topic, int32_t partition,
                                              struct slice batch) {
    struct produce_req req;
    struct produce_req_partition p = {partition, batch};
    struct produce_req_topic t = {.name = slice_cstr(topic), .partition_data = {1, &p}};
    proto_init(PROTO_STRUCT(produce_req), &req);
    req.acks = -1;
    req.timeout_ms = 1000;
    req.topic_data.n = 1;
    req.topic_data.v = &t;
    struct produce_resp *resp = ASK(w, c, PRODUCE, 9, &req, produce_resp);
    CHECK(resp->responses.n == 1 && resp->responses.v[0].partition_responses.n == 1);
    return &resp->responses.v[0].partition_responses.v[0];
}

void make_batch(struct buf *out, int32_t n, int64_t timestamp_ms) {
    struct batch_builder b = {0};
    char value[32];
    batch_start(&b, 0, timestamp_ms);
    for (int32_t i = 0; i < n; i++) {
        snprintf(value, sizeof value, "value-%d", i);
        batch_add(&b, i, timestamp_ms + i, SLICE("key"), slice_cstr(value), NULL, 0);
    }
    buf_clear(out);
    CHECK(batch_finish(&b, CODEC_NONE, out) == OK);
    batch_builder_fini(&b);
}
