/* The broker spoken to as a client does, on a simulated disk and clock: each
 * handler's good path, and the answers that clients trip over. */
#include "tests/sim/broker_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/broker_fixture.h"

/* ---- tables ---- */

static void test_tables_agree(void **state) {
    (void)state;
    bool handled[128] = {false};
#define HANDLER(key, name) handled[key] = true;
#include "core/broker/handlers.def"
#undef HANDLER
    for (size_t i = 0; i < apis_n; i++) {
        assert_int_equal(handled[apis[i].key], apis[i].served_max >= apis[i].served_min);
        assert_int_equal(api_advertised(&apis[i]), handled[apis[i].key]);
        if (apis[i].key != API_PRODUCE)
            assert_int_equal(apis[i].advertised_min, apis[i].served_min);
        assert_int_equal(apis[i].advertised_max, apis[i].served_max);
    }
    for (int scope = SCOPE_TOPIC; scope <= SCOPE_METRICS; scope++) {
        size_t n;
        const struct config_row *rows = config_rows((enum config_scope)scope, &n);
        struct error e;
        for (size_t k = 0; k < n; k++) {
            assert_true(k == 0 || strcmp(rows[k - 1].name, rows[k].name) < 0);
            assert_true(rows[k].def == NULL || config_check(&rows[k], slice_cstr(rows[k].def), &e) == OK);
            if (rows[k].broker == NULL || scope != SCOPE_TOPIC)
                continue;
            const struct config_row *other = config_row_find(SCOPE_BROKER, slice_cstr(rows[k].broker));
            assert_non_null(other);
            assert_int_equal(other->type, rows[k].type);
            assert_string_equal(other->rule == NULL  ? ""
                                : other->def == NULL ? rows[k].rule
                                                     : other->rule,
                                rows[k].rule);
        }
        assert_true(scope != SCOPE_TOPIC || n == 33);
    }
}

/* Every API in every version: the emptiest request that there is gets an answer. */
static void test_every_version_answers(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < apis_n; i++)
        for (int16_t v = apis[i].served_min; v <= apis[i].served_max; v++) {
            void *body = mem_zalloc(apis[i].request->body->size);
            proto_init(apis[i].request->body, body);
            if (apis[i].key == API_PRODUCE)
                ((struct produce_req *)body)->acks = 1;
            client_ask(&f->w, &f->c, apis[i].key, v, body);
            assert_false(f->c.hung_up);
            free(body);
        }
}

/* ---- framing ---- */

static void test_unknown_versions(void **state) {
    struct fixture *f = *state;
    uint8_t frame[] = {0, 18, 0, 99, 0, 0, 0, 7, 0xff, 0xff};
    assert_int_equal(broker_conn_frame(f->c.conn, frame, sizeof frame), OK);
    struct api_versions_resp *r = client_answer(&f->c, API_API_VERSIONS, 0, 7);
    assert_int_equal(r->error_code, KAFKA_UNSUPPORTED_VERSION);
    assert_int_equal(r->api_keys.n, 1);
    assert_int_equal(r->api_keys.v[0].api_key, API_API_VERSIONS);
    frame[1] = 3; /* Metadata v99 */
    assert_int_equal(broker_conn_frame(f->c.conn, frame, sizeof frame), ERR_UNSUPPORTED);
    frame[1] = 4; /* gone since 4.0 */
    assert_int_equal(broker_conn_frame(f->c.conn, frame, sizeof frame), ERR_UNSUPPORTED);
    frame[1] = 0, frame[3] = 2; /* Produce v2: advertised, not served */
    assert_int_equal(broker_conn_frame(f->c.conn, frame, sizeof frame), ERR_UNSUPPORTED);
    assert_int_equal(broker_conn_frame(f->c.conn, frame, 5), ERR_CORRUPT);
}

static void test_api_versions(void **state) {
    struct fixture *f = *state;
    struct api_versions_req req = {SLICE("kcat"), SLICE("1.7.1")};
    struct api_versions_resp *r = ASK(&f->w, &f->c, API_VERSIONS, 3, &req, api_versions_resp);
    assert_int_equal(r->error_code, 0);
    assert_int_equal(r->api_keys.v[0].api_key, API_PRODUCE);
    assert_int_equal(r->api_keys.v[0].min_version, 0);
    assert_int_equal(r->supported_features.n, 1);
    assert_int_equal(r->finalized_features.n, 1);
    req.client_software_name = SLICE("a b");
    r = ASK(&f->w, &f->c, API_VERSIONS, 3, &req, api_versions_resp);
    assert_int_equal(r->error_code, KAFKA_INVALID_REQUEST);
    assert_int_equal(r->api_keys.n, 0);
}

/* Any bytes: an answer or a closed connection, nothing else. */
static void test_damaged_frames(void **state) {
    struct fixture *f = *state;
    struct random r = {4711};
    for (size_t i = 0; i < apis_n; i++) {
        if (apis[i].served_max < apis[i].served_min)
            continue;
        for (int round = 0; round < 60; round++) {
            struct client c;
            client_init(&c, &f->w);
            size_t n_versions = (size_t)(apis[i].served_max - apis[i].served_min + 1);
            int16_t v = (int16_t)(apis[i].served_min + (int16_t)random_below(&r, n_versions));
            uint8_t body[96], *frame;
            size_t n = random_below(&r, sizeof body);
            struct buf b = {0};
            struct proto_request_header h = {apis[i].key, v, 1, SLICE("x")};
            proto_encode_request_header(&h, &b);
            for (size_t k = 0; k < n; k++)
                body[k] = random_below(&r, 3) == 0 ? (uint8_t)random_next(&r) : (uint8_t)random_below(&r, 4);
            buf_put(&b, body, n);
            frame = mem_alloc(b.n);
            memcpy(frame, b.p, b.n);
            (void)!broker_conn_frame(c.conn, frame, b.n);
            free(frame);
            bworld_settle(&f->w);
            buf_fini(&b);
            client_fini(&c);
        }
    }
}

/* ---- order, waiting, the disk ---- */

static int32_t send_produce(struct fixture *f, struct client *c, const char *topic, struct slice batch, int16_t acks) {
    struct produce_req_partition p = {0, batch};
    struct produce_req_topic t = {.name = slice_cstr(topic), .partition_data = {1, &p}};
    struct produce_req req;
    (void)f;
    proto_init(PROTO_STRUCT(produce_req), &req);
    req.acks = acks;
    req.topic_data.n = 1;
    req.topic_data.v = &t;
    assert_int_equal(client_send(c, API_PRODUCE, 9, &req), OK);
    return c->next_id - 1;
}

static void test_answers_in_order_and_one_sync(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    struct api_versions_req api_versions = {SLICE("a"), SLICE("b")};
    struct store_stats before, after;
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    make_batch(&b, 1, now_ms(f));
    store_get_stats(f->w.st, &before);
    int32_t first = send_produce(f, &f->c, "t", buf_slice(&b), -1);
    int32_t second = send_produce(f, &f->c, "t", buf_slice(&b), 1);
    assert_int_equal(client_send(&f->c, API_API_VERSIONS, 3, &api_versions), OK);
    assert_int_equal(f->c.n_answers, 0); /* the last is known, but not its turn */
    assert_int_equal(broker_conn_unfinished(f->c.conn), 3);
    broker_tick_end(f->w.broker);
    assert_int_equal(f->c.n_answers, 0); /* written, not durable */
    bworld_settle(&f->w);
    store_get_stats(f->w.st, &after);
    assert_int_equal(after.syncs - before.syncs, 1);
    assert_int_equal(f->c.n_answers, 3);
    struct produce_resp *r = client_answer(&f->c, API_PRODUCE, 9, first);
    assert_int_equal(r->responses.v[0].partition_responses.v[0].base_offset, 0);
    r = client_answer(&f->c, API_PRODUCE, 9, second);
    assert_int_equal(r->responses.v[0].partition_responses.v[0].base_offset, 1);
    assert_non_null(client_answer(&f->c, API_API_VERSIONS, 3, second + 1));
    buf_fini(&b);
}

static void test_connection_closed_while_waiting(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    struct client gone;
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    make_batch(&b, 1, now_ms(f));
    client_init(&gone, &f->w);
    send_produce(f, &gone, "t", buf_slice(&b), -1);
    client_fini(&gone);
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, buf_slice(&b))->base_offset, 1);
    buf_fini(&b);
}

static void test_failed_sync(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    make_batch(&b, 1, now_ms(f));
    env_sim_fail(f->w.sim, ENV_SIM_SYNC, 1, UINT64_MAX, ERR_IO);
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, buf_slice(&b))->error_code, KAFKA_KAFKA_STORAGE_ERROR);
    env_sim_heal(f->w.sim);
    struct produce_resp_partition *p = client_produce(&f->w, &f->c, "t", 0, buf_slice(&b));
    assert_int_equal(p->error_code, KAFKA_KAFKA_STORAGE_ERROR);
    assert_int_equal(p->base_offset, -1);
    assert_int_equal(client_create_topic(&f->w, &f->c, "u", 1, NULL, NULL), KAFKA_KAFKA_STORAGE_ERROR);
    buf_fini(&b);
}

static void test_acks_0(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    make_batch(&b, 1, now_ms(f));
    send_produce(f, &f->c, "t", buf_slice(&b), 0);
    bworld_settle(&f->w);
    assert_int_equal(f->c.n_answers, 0);
    assert_false(f->c.hung_up);
    assert_int_equal(broker_conn_unfinished(f->c.conn), 0);
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, buf_slice(&b))->base_offset, 1);
    send_produce(f, &f->c, "nosuch", buf_slice(&b), 0);
    bworld_settle(&f->w);
    assert_true(f->c.hung_up);
    buf_fini(&b);
}

/* ---- Produce ---- */

/* One changed thing in a good batch, and what is answered. */
struct spoilt {
    const char *what;
    size_t at, size;              /* the field */
    int64_t value;
    bool seal;
    int16_t error;
    int64_t log_start;            /* in the answer */
};
static const struct spoilt spoilt[] = {
    {"CRC", 17, 4, 1, false, KAFKA_CORRUPT_MESSAGE, -1},
    {"magic 1", 16, 1, 1, false, KAFKA_INVALID_RECORD, -1},
    {"magic 3", 16, 1, 3, false, KAFKA_CORRUPT_MESSAGE, -1},
    {"base offset", 0, 8, 5, false, KAFKA_INVALID_RECORD, 0},
    {"length too large", 8, 4, 1000, false, KAFKA_INVALID_RECORD, -1},
    {"length too small", 8, 4, 50, false, KAFKA_CORRUPT_MESSAGE, -1},
    {"length 3", 8, 4, 3, false, KAFKA_CORRUPT_MESSAGE, -1},
    {"length negative", 8, 4, -1, false, KAFKA_CORRUPT_MESSAGE, -1},
    {"leader epoch", 12, 4, 7, true, KAFKA_NONE, 0},
    {"count 3 of 2", 57, 4, 3, true, KAFKA_INVALID_RECORD, 0},
    {"count 0", 57, 4, 0, true, KAFKA_INVALID_RECORD, 0},
    {"count -1", 57, 4, -1, true, KAFKA_INVALID_RECORD, 0},
    {"last offset delta 4", 23, 4, 4, true, KAFKA_INVALID_RECORD, 0},
    {"control", 21, 2, BATCH_ATTR_CONTROL, true, KAFKA_INVALID_RECORD, 0},
    {"transactional", 21, 2, BATCH_ATTR_TXN, true, KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED, -1},
    {"codec 5", 21, 2, 5, true, KAFKA_UNKNOWN_SERVER_ERROR, 0},
    {"not gzip", 21, 2, CODEC_GZIP, true, KAFKA_UNKNOWN_SERVER_ERROR, 0},
    {"not zstd", 21, 2, CODEC_ZSTD, true, KAFKA_UNKNOWN_SERVER_ERROR, 0},
    {"unknown attribute", 21, 2, 0x80, true, KAFKA_NONE, 0},
    {"append time claimed", 21, 2, BATCH_ATTR_APPEND_TIME, true, KAFKA_NONE, 0},
    {"max timestamp wrong", 35, 8, 1, true, KAFKA_NONE, 0},
    {"base timestamp 1970", 27, 8, 1, true, KAFKA_NONE, 0},
    {"producer without sequence", 43, 8, 9, true, KAFKA_INVALID_RECORD, 0},
};

static void test_produce_refusals(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    for (size_t i = 0; i < sizeof spoilt / sizeof *spoilt; i++) {
        const struct spoilt *s = &spoilt[i];
        make_batch(&b, 2, now_ms(f));
        for (size_t k = 0; k < s->size; k++)
            b.p[s->at + k] = (uint8_t)((uint64_t)s->value >> (8 * (s->size - 1 - k)));
        if (s->seal)
            batch_seal(b.p, b.n);
        struct produce_resp_partition *p = client_produce(&f->w, &f->c, "t", 0, buf_slice(&b));
        if (p->error_code != s->error || p->log_start_offset != s->log_start)
            fail_msg("%s: error %d, log start %lld", s->what, p->error_code, (long long)p->log_start_offset);
        assert_int_equal(p->base_offset >= 0, s->error == KAFKA_NONE);
    }
    make_batch(&b, 1, now_ms(f));
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, slice_of(b.p, 0))->error_code, KAFKA_INVALID_RECORD);
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, slice_of(b.p, 20))->error_code, KAFKA_INVALID_RECORD);
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, SLICE_NULL)->error_code, KAFKA_INVALID_RECORD);
    assert_int_equal(client_produce(&f->w, &f->c, "t", 9, buf_slice(&b))->error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(client_produce(&f->w, &f->c, "t", -1, buf_slice(&b))->error_code,
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    buf_put_u8(&b, 0);
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, buf_slice(&b))->error_code, KAFKA_NONE);
    size_t one = b.n - 1;
    b.n = one;
    uint8_t *copy = mem_alloc(one);
    memcpy(copy, b.p, one);
    buf_put(&b, copy, one);
    free(copy);
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, buf_slice(&b))->error_code, KAFKA_INVALID_RECORD);
    buf_fini(&b);
}

static void test_produce_timestamps(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    make_batch(&b, 3, now_ms(f) + 2 * 3600 * 1000);
    struct produce_resp_partition *p = client_produce(&f->w, &f->c, "t", 0, buf_slice(&b));
    assert_int_equal(p->error_code, KAFKA_INVALID_TIMESTAMP);
    assert_int_equal(p->record_errors.n, 3);
    assert_int_equal(p->record_errors.v[2].batch_index, 2);
    assert_true(slice_is(p->error_message, "One or more records have been rejected due to invalid timestamp"));

    assert_int_equal(client_create_topic(&f->w, &f->c, "a", 1, "message.timestamp.type", "LogAppendTime"), 0);
    p = client_produce(&f->w, &f->c, "a", 0, buf_slice(&b));
    assert_int_equal(p->error_code, KAFKA_NONE);
    assert_true(p->log_append_time_ms <= now_ms(f) && p->log_append_time_ms > 0);
    buf_fini(&b);
}

static void test_produce_topic_limits(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    char limit[16];
    make_batch(&b, 2, now_ms(f));
    snprintf(limit, sizeof limit, "%zu", b.n);
    assert_int_equal(client_create_topic(&f->w, &f->c, "exact", 1, "max.message.bytes", limit), 0);
    assert_int_equal(client_produce(&f->w, &f->c, "exact", 0, buf_slice(&b))->error_code, KAFKA_NONE);
    snprintf(limit, sizeof limit, "%zu", b.n - 1);
    assert_int_equal(client_create_topic(&f->w, &f->c, "small", 1, "max.message.bytes", limit), 0);
    assert_int_equal(client_produce(&f->w, &f->c, "small", 0, buf_slice(&b))->error_code, KAFKA_MESSAGE_TOO_LARGE);

    struct batch_builder builder = {0};
    assert_int_equal(client_create_topic(&f->w, &f->c, "compact", 1, "cleanup.policy", "compact"), 0);
    batch_start(&builder, 0, now_ms(f));
    batch_add(&builder, 0, now_ms(f), SLICE("k"), SLICE("v"), NULL, 0);
    batch_add(&builder, 1, now_ms(f), SLICE_NULL, SLICE("v"), NULL, 0);
    for (int codec = CODEC_NONE; codec < CODEC_N; codec += CODEC_ZSTD) {
        buf_clear(&b);
        assert_int_equal(batch_finish(&builder, (enum batch_codec)codec, &b), OK);
        struct produce_resp_partition *p = client_produce(&f->w, &f->c, "compact", 0, buf_slice(&b));
        assert_int_equal(p->error_code, KAFKA_INVALID_RECORD);
        assert_int_equal(p->record_errors.n, 1);
        assert_int_equal(p->record_errors.v[0].batch_index, 1);
    }
    batch_builder_fini(&builder);
    assert_int_equal(client_produce(&f->w, &f->c, "__consumer_offsets", 0, buf_slice(&b))->error_code,
                     KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    buf_fini(&b);
}

/* A batch of one record with a value of so many times 32 MiB, a few KiB when it is packed. */
static void make_huge(struct buf *out, enum batch_codec codec, int times, struct slice key, int32_t count, int64_t ms) {
    const size_t part = (size_t)32 << 20, value = part * (size_t)times;
    struct batch_builder builder = {0};
    struct buf body = {0}, head = {0}, zeroes = {0}, packed = {0};
    batch_start(&builder, 0, ms);
    buf_clear(out);
    assert_int_equal(batch_finish(&builder, CODEC_NONE, out), OK);
    buf_put(&body, "\0\0\0", 3); /* attributes, time, offset */
    varint_put(&body, key.p != NULL ? (int64_t)key.n : -1);
    buf_put(&body, key.p, key.n);
    varint_put(&body, (int64_t)value);
    varint_put(&head, (int64_t)(body.n + value + 1));
    buf_put(&head, body.p, body.n);
    memset(buf_reserve(&zeroes, part), 0, part);
    zeroes.n = part;
    assert_int_equal(codec_compress(codec, INT32_MIN, buf_slice(&zeroes), &packed), OK);
    assert_int_equal(codec_compress(codec, INT32_MIN, buf_slice(&head), out), OK);
    for (int i = 0; i < times; i++)
        buf_put(out, packed.p, packed.n);
    assert_int_equal(codec_compress(codec, INT32_MIN, slice_of("\0", 1), out), OK); /* no headers */
    be32_set(out->p + 8, (uint32_t)(out->n - BATCH_LOG_OVERHEAD));
    be16_set(out->p + 21, (uint16_t)codec);
    be32_set(out->p + 23, (uint32_t)(count - 1));
    be64_set(out->p + 35, (uint64_t)ms);
    be32_set(out->p + 57, (uint32_t)count);
    batch_seal(out->p, out->n);
    batch_builder_fini(&builder);
    buf_fini(&body);
    buf_fini(&head);
    buf_fini(&zeroes);
    buf_fini(&packed);
}

/* What is too large to be unpacked whole is checked all the same, and memory for it is not kept. */
static void test_produce_huge(void **state) {
    struct fixture *f = *state;
    int64_t now = now_ms(f), late = now + 2 * 3600 * 1000;
    static const struct { const char *topic; int times; bool key; int32_t count; bool late; int16_t error; } rows[] = {
        {"t", 5, false, 1, false, KAFKA_NONE},
        {"t", 2, false, 2, false, KAFKA_INVALID_RECORD},
        {"t", 2, false, 1, true, KAFKA_INVALID_TIMESTAMP},
        {"compact", 2, true, 1, false, KAFKA_NONE},
        {"compact", 2, false, 1, false, KAFKA_INVALID_RECORD},
        {"gzip", 2, false, 1, false, KAFKA_MESSAGE_TOO_LARGE}, /* all of it is needed */
        {"t", 8, false, 1, false, KAFKA_MESSAGE_TOO_LARGE},
    };
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    assert_int_equal(client_create_topic(&f->w, &f->c, "compact", 1, "cleanup.policy", "compact"), 0);
    assert_int_equal(client_create_topic(&f->w, &f->c, "gzip", 1, "compression.type", "gzip"), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b = {0};
        make_huge(&b, CODEC_ZSTD, rows[i].times, rows[i].key ? SLICE("k") : SLICE_NULL, rows[i].count,
                  rows[i].late ? late : now);
        struct produce_resp_partition *p = client_produce(&f->w, &f->c, rows[i].topic, 0, buf_slice(&b));
        assert_int_equal(p->error_code, rows[i].error);
        bool named = rows[i].error == KAFKA_INVALID_TIMESTAMP || strcmp(rows[i].topic, "compact") == 0;
        assert_int_equal(p->record_errors.n, named && rows[i].error != 0);
        if (rows[i].error == KAFKA_MESSAGE_TOO_LARGE)
            assert_true(slice_is(p->error_message, "The batch unpacks to more than this broker takes"));
        buf_fini(&b);
    }
    assert_int_equal(list_offset(f, 9, now).offset, 0); /* by its time, for which it is opened again */
    assert_int_equal(list_offset(f, 9, now + 1).offset, -1);
    struct buf b = {0};
    make_huge(&b, CODEC_GZIP, 2, SLICE_NULL, 1, now);
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, buf_slice(&b))->error_code, KAFKA_NONE);
    b.p[b.n - 5] ^= 1; /* its last checksum, past what is unpacked whole */
    batch_seal(b.p, b.n);
    assert_int_equal(client_produce(&f->w, &f->c, "t", 0, buf_slice(&b))->error_code, KAFKA_UNKNOWN_SERVER_ERROR);
    buf_fini(&b);
}

struct fetching {
    struct fetch_req req;
    struct fetch_req_topic topic;
    struct fetch_req_partition partitions[8];
};

static void fetching_init(struct fetching *x, const char *topic, int32_t n) {
    proto_init(PROTO_STRUCT(fetch_req), &x->req);
    proto_init(PROTO_STRUCT(fetch_req_topic), &x->topic);
    for (int32_t i = 0; i < n; i++) {
        proto_init(PROTO_STRUCT(fetch_req_partition), &x->partitions[i]);
        x->partitions[i].partition = i;
        x->partitions[i].partition_max_bytes = 1 << 20;
    }
    x->topic.topic = slice_cstr(topic);
    x->topic.partitions.n = n;
    x->topic.partitions.v = x->partitions;
    x->req.topics.n = 1;
    x->req.topics.v = &x->topic;
    x->req.max_wait_ms = 1000;
    x->req.min_bytes = 1;
}

static void test_produce_other_codec(void **state) {
    struct fixture *f = *state;
    struct buf b = {0}, plain = {0};
    assert_int_equal(client_create_topic(&f->w, &f->c, "z", 1, "compression.type", "zstd"), 0);
    make_batch(&b, 50, now_ms(f));
    assert_int_equal(client_produce(&f->w, &f->c, "z", 0, buf_slice(&b))->base_offset, 0);
    assert_int_equal(client_produce(&f->w, &f->c, "z", 0, buf_slice(&b))->base_offset, 50);
    struct fetching x;
    fetching_init(&x, "z", 1);
    struct fetch_resp *old = ASK(&f->w, &f->c, FETCH, 9, &x.req, fetch_resp);
    assert_int_equal(old->responses.v[0].partitions.v[0].error_code, KAFKA_UNSUPPORTED_COMPRESSION_TYPE);
    struct fetch_resp_partition *p = fetch_all(f, "z", 0);
    struct batch t;
    assert_int_equal(batch_parse(p->records, &t), OK);
    assert_int_equal(batch_codec(&t), CODEC_ZSTD);
    assert_true(batch_crc_ok(&t) && t.bytes.n < b.n);
    assert_int_equal(codec_decompress(CODEC_ZSTD, t.records, 1 << 20, &plain), OK);
    assert_int_equal(plain.n, b.n - BATCH_HEADER_BYTES);
    assert_memory_equal(plain.p, b.p + BATCH_HEADER_BYTES, plain.n);
    buf_fini(&b);
    buf_fini(&plain);
}

static void test_idempotence(void **state) {
    struct fixture *f = *state;
    struct init_producer_id_req init;
    proto_init(PROTO_STRUCT(init_producer_id_req), &init);
    int64_t id = ASK(&f->w, &f->c, INIT_PRODUCER_ID, 4, &init, init_producer_id_resp)->producer_id;
    assert_int_equal(ASK(&f->w, &f->c, INIT_PRODUCER_ID, 4, &init, init_producer_id_resp)->producer_id, id + 1);
    init.transactional_id = SLICE("t");
    assert_int_equal(ASK(&f->w, &f->c, INIT_PRODUCER_ID, 4, &init, init_producer_id_resp)->error_code,
                     KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
    init.transactional_id = SLICE("");
    assert_int_equal(ASK(&f->w, &f->c, INIT_PRODUCER_ID, 4, &init, init_producer_id_resp)->error_code,
                     KAFKA_INVALID_REQUEST);

    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    struct buf b = {0};
    static const struct { int16_t epoch; int32_t sequence; int16_t error; int64_t offset; } steps[] = {
        {0, 0, KAFKA_NONE, 0}, {0, 0, KAFKA_NONE, 0}, {0, 5, KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER, -1},
        {0, 1, KAFKA_NONE, 1}, {1, 3, KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER, -1}, {1, 0, KAFKA_NONE, 2},
        {0, 2, KAFKA_INVALID_PRODUCER_EPOCH, -1}, {-1, 2, KAFKA_INVALID_PRODUCER_EPOCH, -1},
    };
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        make_batch(&b, 1, now_ms(f));
        be64_set(b.p + 43, (uint64_t)id);
        be16_set(b.p + 51, (uint16_t)steps[i].epoch);
        be32_set(b.p + 53, (uint32_t)steps[i].sequence);
        batch_seal(b.p, b.n);
        struct produce_resp_partition *p = client_produce(&f->w, &f->c, "t", 0, buf_slice(&b));
        if (p->error_code != steps[i].error || p->base_offset != steps[i].offset)
            fail_msg("step %zu: error %d, offset %lld", i, p->error_code, (long long)p->base_offset);
        if (i == 1)
            assert_true(p->log_append_time_ms > 0); /* the time of the first one */
    }
    buf_fini(&b);
}

/* ---- Fetch ---- */

static void test_fetch_waits_and_wakes(void **state) {
    struct fixture *f = *state;
    struct fetching x;
    struct client producer;
    struct buf b = {0};
    client_init(&producer, &f->w);
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 2, NULL, NULL), 0);
    fetching_init(&x, "t", 2);
    int32_t id = f->c.next_id;
    assert_int_equal(client_send(&f->c, API_FETCH, 12, &x.req), OK);
    bworld_settle(&f->w);
    assert_int_equal(f->c.n_answers, 0);
    make_batch(&b, 3, now_ms(f));
    send_produce(f, &producer, "t", buf_slice(&b), -1);
    bworld_settle(&f->w);
    assert_int_equal(producer.n_answers, 1);
    assert_int_equal(f->c.n_answers, 1); /* in the tick in which the high watermark moved */
    struct fetch_resp *r = client_answer(&f->c, API_FETCH, 12, id);
    assert_int_equal(r->responses.v[0].partitions.n, 2);
    assert_int_equal(r->responses.v[0].partitions.v[0].high_watermark, 3);
    assert_int_equal(r->responses.v[0].partitions.v[0].records.n, b.n);
    assert_int_equal(r->responses.v[0].partitions.v[1].records.n, 0);
    assert_non_null(r->responses.v[0].partitions.v[1].records.p); /* empty, never null */

    x.partitions[0].fetch_offset = 3;
    id = f->c.next_id;
    assert_int_equal(client_send(&f->c, API_FETCH, 12, &x.req), OK);
    bworld_advance(&f->w, 999 * 1000);
    assert_int_equal(f->c.n_answers, 0);
    bworld_advance(&f->w, 1000);
    r = client_answer(&f->c, API_FETCH, 12, id);
    assert_int_equal(r->responses.v[0].partitions.v[0].records.n, 0);

    x.req.min_bytes = (int32_t)b.n + 1; /* one batch is not enough */
    id = f->c.next_id;
    assert_int_equal(client_send(&f->c, API_FETCH, 12, &x.req), OK);
    send_produce(f, &producer, "t", buf_slice(&b), -1);
    bworld_settle(&f->w);
    assert_int_equal(f->c.n_answers, 0);
    send_produce(f, &producer, "t", buf_slice(&b), -1);
    bworld_settle(&f->w);
    r = client_answer(&f->c, API_FETCH, 12, id);
    assert_int_equal(r->responses.v[0].partitions.v[0].records.n, 2 * b.n);
    client_fini(&producer);
    buf_fini(&b);
}

static void test_fetch_of_a_topic_that_goes(void **state) {
    struct fixture *f = *state;
    struct fetching x;
    struct client other, gone;
    client_init(&other, &f->w);
    client_init(&gone, &f->w);
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 2, NULL, NULL), 0);
    fetching_init(&x, "t", 2);
    int32_t id = f->c.next_id;
    assert_int_equal(client_send(&f->c, API_FETCH, 12, &x.req), OK);
    assert_int_equal(client_send(&gone, API_FETCH, 12, &x.req), OK);
    client_fini(&gone); /* while it waits */
    delete_topic(f, &other, "t");
    struct fetch_resp *r = client_answer(&f->c, API_FETCH, 12, id);
    assert_non_null(r);
    assert_int_equal(r->responses.v[0].partitions.v[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    client_fini(&other);
}

static size_t room_now;

static size_t room(struct broker_sink *s) {
    (void)s;
    return room_now;
}

/* The next answer's records of one partition; -1: there is no answer. */
static int64_t fetched_bytes(struct fixture *f, struct client *c, int32_t id) {
    bworld_settle(&f->w);
    struct fetch_resp *r = client_answer(c, API_FETCH, 12, id);
    return r == NULL ? -1 : (int64_t)r->responses.v[0].partitions.v[0].records.n;
}

/* Records are read when the answer can leave, and only as many as there is room for. */
static void test_fetch_waits_for_room(void **state) {
    struct fixture *f = *state;
    struct fetching x;
    struct client slow;
    struct buf b = {0};
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    make_batch(&b, 3, now_ms(f));
    for (int i = 0; i < 4; i++)
        client_produce(&f->w, &f->c, "t", 0, buf_slice(&b));
    client_init(&slow, &f->w);
    slow.sink.room = room;
    fetching_init(&x, "t", 1);
    room_now = 0;
    int32_t id = slow.next_id;
    for (int i = 0; i < 4; i++)
        assert_int_equal(client_send(&slow, API_FETCH, 12, &x.req), OK);
    bworld_advance(&f->w, 100 * 1000 * 1000);         /* long after its time */
    assert_int_equal(slow.n_answers, 0);
    assert_int_equal(broker_conn_held(slow.conn), 0);  /* and no bytes wait */
    room_now = 2 * b.n;
    assert_true(broker_conn_drained(slow.conn));
    assert_int_equal(fetched_bytes(f, &slow, id), 2 * b.n); /* the others follow by themselves, in order */
    room_now = 0;
    assert_int_equal(fetched_bytes(f, &slow, id + 1), 2 * b.n);
    assert_int_equal(fetched_bytes(f, &slow, id + 2), 2 * b.n);
    assert_int_equal(fetched_bytes(f, &slow, id + 3), 2 * b.n);

    id = slow.next_id;
    assert_int_equal(client_send(&slow, API_FETCH, 12, &x.req), OK);
    assert_int_equal(client_send(&slow, API_FETCH, 12, &x.req), OK);
    bworld_settle(&f->w);
    delete_topic(f, &f->c, "t");                      /* while they are held */
    bworld_settle(&f->w);
    assert_int_equal(slow.n_answers, 0);
    room_now = 1;
    assert_true(broker_conn_drained(slow.conn));
    bworld_settle(&f->w);
    for (int i = 0; i < 2; i++) {
        struct fetch_resp *r = client_answer(&slow, API_FETCH, 12, id + i);
        assert_int_equal(r->responses.v[0].partitions.v[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    }
    assert_false(broker_conn_drained(slow.conn));

    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    client_produce(&f->w, &f->c, "t", 0, buf_slice(&b));
    room_now = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(client_send(&slow, API_FETCH, 12, &x.req), OK);
    bworld_settle(&f->w);
    client_fini(&slow); /* while they are held */
    bworld_advance(&f->w, 2000 * 1000);
    buf_fini(&b);
}

static void test_fetch_limits_and_errors(void **state) {
    struct fixture *f = *state;
    struct fetching x;
    struct buf b = {0};
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 2, NULL, NULL), 0);
    make_batch(&b, 2, now_ms(f));
    for (int i = 0; i < 3; i++)
        client_produce(&f->w, &f->c, "t", 0, buf_slice(&b));
    client_produce(&f->w, &f->c, "t", 1, buf_slice(&b));
    fetching_init(&x, "t", 2);
    x.partitions[0].partition_max_bytes = x.partitions[1].partition_max_bytes = 1;
    struct fetch_resp *r = ASK(&f->w, &f->c, FETCH, 12, &x.req, fetch_resp);
    assert_int_equal(r->responses.v[0].partitions.v[0].records.n, b.n); /* the first gets a whole batch */
    assert_int_equal(r->responses.v[0].partitions.v[1].records.n, 0);
    assert_int_equal(r->responses.v[0].partitions.v[0].aborted_transactions.n, -1);

    fetching_init(&x, "t", 2);
    x.req.max_bytes = (int32_t)b.n * 2;
    r = ASK(&f->w, &f->c, FETCH, 12, &x.req, fetch_resp);
    assert_int_equal(r->responses.v[0].partitions.v[0].records.n, b.n * 2);
    assert_int_equal(r->responses.v[0].partitions.v[1].records.n, 0);

    static const struct { int64_t offset; int32_t max, epoch, fetched; int16_t error; } rows[] = {
        {6, 1 << 20, -1, -1, KAFKA_NONE}, {7, 1 << 20, -1, -1, KAFKA_OFFSET_OUT_OF_RANGE},
        {-1, 1 << 20, -1, -1, KAFKA_OFFSET_OUT_OF_RANGE}, {0, -1, -1, -1, KAFKA_UNKNOWN_SERVER_ERROR},
        {0, 1 << 20, 5, -1, KAFKA_UNKNOWN_LEADER_EPOCH}, {0, 1 << 20, 0, 0, KAFKA_NONE},
        {0, 1 << 20, -1, 9, KAFKA_OFFSET_OUT_OF_RANGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fetching_init(&x, "t", 1);
        x.req.max_wait_ms = 0;
        x.partitions[0].fetch_offset = rows[i].offset;
        x.partitions[0].partition_max_bytes = rows[i].max;
        x.partitions[0].current_leader_epoch = rows[i].epoch;
        x.partitions[0].last_fetched_epoch = rows[i].fetched;
        r = ASK(&f->w, &f->c, FETCH, 12, &x.req, fetch_resp);
        assert_int_equal(r->responses.v[0].partitions.v[0].error_code, rows[i].error);
        assert_int_equal(r->responses.v[0].partitions.v[0].high_watermark, rows[i].error == 0 ? 6 : -1);
    }
    fetching_init(&x, "nosuch", 1);
    r = ASK(&f->w, &f->c, FETCH, 13, &x.req, fetch_resp);
    assert_int_equal(r->responses.v[0].partitions.v[0].error_code, KAFKA_UNKNOWN_TOPIC_ID);
    assert_int_equal(r->responses.v[0].partitions.v[0].aborted_transactions.n, 0);
    buf_fini(&b);
}

static void test_fetch_cold(void **state) {
    struct fixture *f = *state;
    struct buf b = {0};
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 1, NULL, NULL), 0);
    int64_t t = now_ms(f);
    make_batch(&b, 100, t);
    client_produce(&f->w, &f->c, "t", 0, buf_slice(&b));
    env_sim_evict(f->w.sim);
    assert_int_equal(fetch_all(f, "t", 0)->records.n, b.n); /* wait 0, and still not empty */
    env_sim_evict(f->w.sim);
    assert_int_equal(list_offset(f, 9, t + 50).offset, 50);
    buf_fini(&b);
}

static struct fetch_resp *session_fetch(struct fixture *f, struct fetching *x, int32_t id, int32_t epoch, bool topics) {
    x->req.session_id = id;
    x->req.session_epoch = epoch;
    x->req.max_wait_ms = 0;
    x->req.topics.n = topics;
    return ASK(&f->w, &f->c, FETCH, 12, &x->req, fetch_resp);
}

static void test_fetch_sessions(void **state) {
    struct fixture *f = *state;
    struct fetching x;
    struct buf b = {0};
    assert_int_equal(client_create_topic(&f->w, &f->c, "t", 3, NULL, NULL), 0);
    make_batch(&b, 2, now_ms(f));
    fetching_init(&x, "t", 3);
    assert_int_equal(session_fetch(f, &x, 12345, 1, true)->error_code, KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    struct fetch_resp *r = session_fetch(f, &x, 0, 0, true);
    int32_t id = r->session_id;
    assert_true(id != 0);
    assert_int_equal(r->responses.v[0].partitions.n, 3);
    assert_int_equal(session_fetch(f, &x, id, 1, false)->responses.n, 0); /* nothing new, nothing sent */
    client_produce(&f->w, &f->c, "t", 1, buf_slice(&b));
    r = session_fetch(f, &x, id, 2, false);
    assert_int_equal(r->responses.v[0].partitions.n, 1);
    assert_int_equal(r->responses.v[0].partitions.v[0].partition_index, 1);
    assert_int_equal(r->responses.v[0].partitions.v[0].records.n, b.n);
    assert_int_equal(session_fetch(f, &x, id, 2, false)->error_code, KAFKA_INVALID_FETCH_SESSION_EPOCH);
    x.partitions[0] = x.partitions[1];
    x.partitions[0].fetch_offset = 2; /* moved on */
    x.topic.partitions.n = 1;
    assert_int_equal(session_fetch(f, &x, id, 3, true)->responses.n, 0);
    delete_topic(f, &f->c, "t");
    r = session_fetch(f, &x, id, 4, false);
    assert_int_equal(r->responses.v[0].partitions.n, 3);
    assert_int_equal(r->responses.v[0].partitions.v[0].error_code, KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    int32_t all[] = {0, 1, 2};
    struct fetch_req_forgotten_topic forget = {.topic = SLICE("t"), .partitions = {3, all}};
    x.req.forgotten_topics_data.n = 1;
    x.req.forgotten_topics_data.v = &forget;
    assert_int_equal(session_fetch(f, &x, id, 5, false)->session_id, 0);
    x.req.forgotten_topics_data.n = 0;
    assert_int_equal(session_fetch(f, &x, id, 6, false)->error_code, KAFKA_FETCH_SESSION_ID_NOT_FOUND);
    buf_fini(&b);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables_agree),
        T(test_every_version_answers),
        T(test_unknown_versions),
        T(test_api_versions),
        T(test_damaged_frames),
        T(test_answers_in_order_and_one_sync),
        T(test_connection_closed_while_waiting),
        T(test_failed_sync),
        T(test_acks_0),
        T(test_produce_refusals),
        T(test_produce_timestamps),
        T(test_produce_topic_limits),
        T(test_produce_huge),
        T(test_produce_other_codec),
        T(test_idempotence),
        T(test_fetch_waits_and_wakes),
        T(test_fetch_of_a_topic_that_goes),
        T(test_fetch_waits_for_room),
        T(test_fetch_limits_and_errors),
        T(test_fetch_cold),
        T(test_fetch_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
