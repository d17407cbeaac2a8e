/* A broker that runs and one client of it, for the unit tests of the broker.
 * After cmocka.h. */
#ifndef WEIR_TESTS_BROKER_FIXTURE_H
#define WEIR_TESTS_BROKER_FIXTURE_H

#include "core/broker/internal.h"
#include "tests/sim/broker_world.h"

struct fixture {
    struct bworld w;
    struct client c;
};

static inline int setup(void **state) {
    struct fixture *f = mem_zalloc(sizeof *f);
    bworld_init(&f->w, 1);
    assert_int_equal(bworld_open(&f->w), OK);
    client_init(&f->c, &f->w);
    *state = f;
    return 0;
}

static inline int teardown(void **state) {
    struct fixture *f = *state;
    client_fini(&f->c);
    bworld_fini(&f->w);
    free(f);
    return 0;
}

static inline int64_t now_ms(struct fixture *f) {
    return f->w.sim->env.wall_ms(&f->w.sim->env);
}

static inline struct fetch_resp_partition *fetch_all(struct fixture *f, const char *topic, int64_t offset) {
    struct fetch_req_partition p;
    struct fetch_req_topic t = {.topic = slice_cstr(topic), .partitions = {1, &p}};
    struct fetch_req req;
    proto_init(PROTO_STRUCT(fetch_req_partition), &p);
    proto_init(PROTO_STRUCT(fetch_req), &req);
    p.fetch_offset = offset;
    p.partition_max_bytes = 1 << 20;
    req.topics.n = 1;
    req.topics.v = &t;
    return ASK(&f->w, &f->c, FETCH, 12, &req, fetch_resp)->responses.v[0].partitions.v;
}

static inline void delete_topic(struct fixture *f, struct client *c, const char *name) {
    struct slice names[] = {slice_cstr(name)};
    struct delete_topics_req req;
    proto_init(PROTO_STRUCT(delete_topics_req), &req);
    req.topic_names.n = 1;
    req.topic_names.v = names;
    req.timeout_ms = 1000;
    assert_int_equal(ASK(&f->w, c, DELETE_TOPICS, 5, &req, delete_topics_resp)->responses.v[0].error_code, 0);
}

static inline struct list_offsets_resp_partition list_offset(struct fixture *f, int16_t version, int64_t timestamp) {
    struct list_offsets_req_partition p = {0, -1, timestamp};
    struct list_offsets_req_topic t = {SLICE("t"), {1, &p}};
    struct list_offsets_req req;
    proto_init(PROTO_STRUCT(list_offsets_req), &req);
    req.replica_id = -1;
    req.topics.n = 1;
    req.topics.v = &t;
    return ASK(&f->w, &f->c, LIST_OFFSETS, version, &req, list_offsets_resp)->topics.v[0].partitions.v[0];
}

#endif
