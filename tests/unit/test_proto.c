/* The wire codec: every message and version there and back, damage of all kinds,
 * the rules of single lengths, headers, the tables' own order. */
#include "core/base/text.h"
#include "core/proto/apis.h"
#include "core/proto/errors.h"
#include "tests/unit/proto_fill.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARENA_CAP (16u << 20)

/* A heap copy of exactly n bytes, so that the sanitizer sees every byte read too far. */
static struct slice exact(const void *p, size_t n) {
    return mem_dup(slice_of(p != NULL ? p : "", n));
}
static void drop(struct slice s) {
    free((void *)(uintptr_t)s.p);
}

static struct slice encoded(const struct proto_message *m, int version, const void *body) {
    struct proto_out out = {0};
    struct buf flat = {0};
    proto_encode(m, version, body, &out);
    proto_flatten(&out, &flat);
    assert_int_equal(flat.n, proto_out_size(&out));
    struct slice s = exact(flat.p, flat.n);
    buf_fini(&flat);
    proto_out_fini(&out);
    return s;
}

static void print_is_safe(const struct proto_message *m, int version, const void *body, size_t max_bytes) {
    struct buf line = {0};
    proto_print(m, version, body, &line, max_bytes);
    assert_true(line.n <= max_bytes);
    for (size_t at = 0; at < line.n;) {
        int32_t cp;
        at += text_next(line.p + at, line.n - at, &cp);
        assert_true(text_is_plain(cp));
    }
    buf_fini(&line);
}

/* Bytes -> body -> the same bytes; body -> line. */
static void again_equals(const struct proto_message *m, int version, struct slice bytes) {
    struct arena a;
    arena_init(&a, ARENA_CAP);
    void *body = mem_alloc(m->body->size);
    memset(body, 0xa5, m->body->size);
    size_t used = 0;
    assert_int_equal(proto_decode(m, version, bytes, &a, body, &used), OK);
    assert_int_equal(used, bytes.n);
    struct slice again = encoded(m, version, body);
    assert_int_equal(again.n, bytes.n);
    assert_memory_equal(again.p, bytes.p, bytes.n);
    print_is_safe(m, version, body, 100000);
    print_is_safe(m, version, body, 100);
    drop(again);
    free(body);
    arena_fini(&a);
}

/* Any bytes: no crash, no read beyond, no memory beyond the cap; what decodes can
 * be printed and encoded. */
static enum err any_bytes(const struct proto_message *m, int version, struct slice bytes) {
    struct arena a;
    arena_init(&a, ARENA_CAP);
    void *body = mem_alloc(m->body->size);
    size_t used = 0;
    enum err e = proto_decode(m, version, bytes, &a, body, &used);
    assert_true(e == OK || e == ERR_CORRUPT || e == ERR_LIMIT);
    assert_true(a.used_bytes <= ARENA_CAP);
    if (e == OK)
        assert_true(used <= bytes.n);
    drop(encoded(m, e == OK ? version : m->max, body));
    print_is_safe(m, version, body, 300);
    free(body);
    arena_fini(&a);
    return e;
}

static void damage(struct random *r, const struct proto_message *m, int version, struct slice bytes) {
    struct slice copy = exact(bytes.p, bytes.n);
    uint8_t *p = (uint8_t *)(uintptr_t)copy.p;
    for (size_t flips = 1 + random_below(r, 3); flips > 0 && copy.n > 0; flips--)
        p[random_below(r, copy.n)] ^= (uint8_t)(1u << random_below(r, 8));
    any_bytes(m, version, copy);
    if (copy.n >= 4) { /* a hostile length somewhere */
        static const uint32_t lengths[] = {0xffffffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0x00ffffff, 0x0000ffff};
        be32_set(p + random_below(r, copy.n - 3), lengths[random_below(r, 6)]);
        any_bytes(m, version, copy);
    }
    drop(copy);
}

static void every_message(void (*each)(struct random *, const struct proto_message *, int, struct slice), int rounds) {
    struct random r = {20260801};
    struct arena a;
    arena_init(&a, ARENA_CAP);
    for (size_t i = 0; i < proto_messages_n; i++) {
        const struct proto_message *m = &proto_messages[i];
        void *body = mem_alloc(m->body->size);
        for (int version = m->min; version <= m->max; version++) {
            for (int round = 0; round < rounds; round++) {
                arena_reset(&a);
                proto_fill(&r, &a, m->body, version, body);
                struct slice bytes = encoded(m, version, body);
                each(&r, m, version, bytes);
                drop(bytes);
            }
        }
        free(body);
    }
    arena_fini(&a);
}

static void each_again(struct random *r, const struct proto_message *m, int version, struct slice bytes) {
    (void)r;
    again_equals(m, version, bytes);
}

static void each_damage(struct random *r, const struct proto_message *m, int version, struct slice bytes) {
    for (int i = 0; i < 10; i++)
        damage(r, m, version, bytes);
}

/* No proper prefix of a body is a body. */
static void each_truncated(struct random *r, const struct proto_message *m, int version, struct slice bytes) {
    for (int i = 0; i < 8 && bytes.n > 0; i++) {
        struct slice cut = exact(bytes.p, random_below(r, bytes.n));
        assert_int_equal(any_bytes(m, version, cut), ERR_CORRUPT);
        drop(cut);
    }
}

static void test_round_trip(void **state) {
    (void)state;
    every_message(each_again, 20);
}
static void test_damage(void **state) {
    (void)state;
    every_message(each_damage, 4);
}
static void test_truncation(void **state) {
    (void)state;
    every_message(each_truncated, 2);
}

static void test_defaults(void **state) {
    (void)state;
    for (size_t i = 0; i < proto_messages_n; i++) {
        const struct proto_message *m = &proto_messages[i];
        void *body = mem_alloc(m->body->size);
        for (int version = m->min; version <= m->max; version++) {
            proto_init(m->body, body);
            struct slice bytes = encoded(m, version, body);
            again_equals(m, version, bytes);
            drop(bytes);
        }
        free(body);
    }
    struct fetch_req f;
    proto_init(PROTO_STRUCT(fetch_req), &f);
    assert_int_equal(f.replica_id, -1);
    assert_int_equal(f.max_bytes, INT32_MAX);
    assert_null(f.cluster_id.p);
    assert_non_null(f.rack_id.p);
    assert_int_equal(f.topics.n, 0);
    assert_int_equal(f.replica_state.replica_epoch, -1);
}

struct decoded {
    struct arena a;
    enum err e;
    size_t used;
};
static struct decoded decode(const struct proto_message *m, int version, const void *p, size_t n, void *body) {
    struct decoded d;
    struct slice bytes = exact(p, n);
    arena_init(&d.a, ARENA_CAP);
    d.used = 0;
    d.e = proto_decode(m, version, bytes, &d.a, body, &d.used);
    drop(bytes); /* callers look at numbers and pointers only */
    return d;
}
#define DECODE(m, version, literal, body) decode(m, version, literal, sizeof literal - 1, body)

static void test_lengths(void **state) {
    (void)state;
    struct metadata_req m;
    struct heartbeat_req h;
    /* a list of -1 and of -2 is null, in versions that know null */
    struct decoded d = DECODE(PROTO_MESSAGE(metadata_req), 1, "\xff\xff\xff\xff", &m);
    assert_int_equal(d.e, OK);
    assert_int_equal(m.topics.n, -1);
    d = DECODE(PROTO_MESSAGE(metadata_req), 1, "\xff\xff\xff\xfe", &m);
    assert_int_equal(d.e, OK);
    assert_int_equal(m.topics.n, -1);
    d = DECODE(PROTO_MESSAGE(metadata_req), 0, "\xff\xff\xff\xff", &m);
    assert_int_equal(d.e, ERR_CORRUPT);
    assert_int_equal(m.topics.n, 0); /* all defaults after an error */
    /* a count that its own bytes rule out takes no memory */
    d = DECODE(PROTO_MESSAGE(metadata_req), 1, "\0\0\0\2\0\0\0", &m);
    assert_int_equal(d.e, ERR_CORRUPT);
    assert_int_equal(d.a.used_bytes, 0);
    /* strings: -2 is refused, null only where allowed, length within the bytes */
    d = DECODE(PROTO_MESSAGE(heartbeat_req), 0, "\xff\xfe\0\0\0\1\0\0", &h);
    assert_int_equal(d.e, ERR_CORRUPT);
    d = DECODE(PROTO_MESSAGE(heartbeat_req), 0, "\xff\xff\0\0\0\1\0\0", &h);
    assert_int_equal(d.e, ERR_CORRUPT);
    d = DECODE(PROTO_MESSAGE(heartbeat_req), 0, "\0\1g\0\0\0\1\0\3m", &h);
    assert_int_equal(d.e, ERR_CORRUPT);
    d = DECODE(PROTO_MESSAGE(heartbeat_req), 0, "\0\1g\0\0\0\1\0\1mleft over", &h);
    assert_int_equal(d.e, OK);
    assert_int_equal(d.used, 10);
    d = DECODE(PROTO_MESSAGE(heartbeat_req), 3, "\0\1g\0\0\0\1\0\1m\xff\xff", &h);
    assert_int_equal(d.e, OK);
    assert_null(h.group_instance_id.p);
    d = DECODE(PROTO_MESSAGE(heartbeat_req), 5, "", &h);
    assert_int_equal(d.e, ERR_UNSUPPORTED);
}

static void test_tags(void **state) {
    (void)state;
    struct api_versions_req r;
    /* two unknown tags, one of them twice */
    struct decoded d = DECODE(PROTO_MESSAGE(api_versions_req), 3, "\2a\2b\3\7\2xy\7\0\x88\1\1z", &r);
    assert_int_equal(d.e, OK);
    assert_int_equal(d.used, 15);
    /* a tag larger than the bytes left */
    assert_int_equal(DECODE(PROTO_MESSAGE(api_versions_req), 3, "\2a\2b\1\7\3xy", &r).e, ERR_CORRUPT);
    /* a length of six bytes */
    assert_int_equal(DECODE(PROTO_MESSAGE(api_versions_req), 3, "\x82\x80\x80\x80\x80\x00" "a\2b\0", &r).e,
                     ERR_CORRUPT);
    /* more tags than bytes */
    assert_int_equal(DECODE(PROTO_MESSAGE(api_versions_req), 3, "\2a\2b\xff\xff\xff\xff\x0f", &r).e, ERR_CORRUPT);

    /* known tag: epoch (1) of ApiVersions; error 0, no keys, throttle 0 */
    struct api_versions_resp v;
    d = DECODE(PROTO_MESSAGE(api_versions_resp), 3, "\0\0\1\0\0\0\0\1\1\x08\0\0\0\0\0\0\0\5", &v);
    assert_int_equal(d.e, OK);
    assert_int_equal(v.finalized_features_epoch, 5);
    /* twice: the last one stands */
    d = DECODE(PROTO_MESSAGE(api_versions_resp), 3,
               "\0\0\1\0\0\0\0\2\1\x08\0\0\0\0\0\0\0\5\1\x08\0\0\0\0\0\0\0\6", &v);
    assert_int_equal(d.e, OK);
    assert_int_equal(v.finalized_features_epoch, 6);
    /* its size is the end of what it may read, and all of it is read */
    assert_int_equal(DECODE(PROTO_MESSAGE(api_versions_resp), 3, "\0\0\1\0\0\0\0\1\1\x07\0\0\0\0\0\0\0\5", &v).e,
                     ERR_CORRUPT);
    assert_int_equal(DECODE(PROTO_MESSAGE(api_versions_resp), 3, "\0\0\1\0\0\0\0\1\1\x09\0\0\0\0\0\0\0\5\0", &v).e,
                     ERR_CORRUPT);
}

/* AlterConfigs and IncrementalAlterConfigs answer with the same rows; version 1 is flexible in one of them. */
static void test_shared_struct(void **state) {
    (void)state;
    const struct {
        const struct proto_message *m;
        struct slice bytes;
    } answers[] = {
        {PROTO_MESSAGE(alter_configs_resp), SLICE("\0\0\0\0\0\0\0\1\0\0\xff\xff\2\0\0")},
        {PROTO_MESSAGE(incremental_alter_configs_resp), SLICE("\0\0\0\0\3\0\0\0\4\1\0\0\0\0\4\1\0\0")},
        {PROTO_MESSAGE(alter_configs_resp), SLICE("\0\0\0\0\0\0\0\1\0\0\xff\xff\2\0\0")},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct slice bytes = exact(answers[i].bytes.p, answers[i].bytes.n);
        again_equals(answers[i].m, 1, bytes);
        drop(bytes);
    }
}

/* A count of 100 million empty topics in 100 bytes; and an arena that ends. */
static void test_bounds(void **state) {
    (void)state;
    uint8_t p[5004] = {0x05, 0xf5, 0xe1, 0x00};
    struct produce_req r;
    struct metadata_req m;
    assert_int_equal(decode(PROTO_MESSAGE(metadata_req), 1, p, 100, &m).e, ERR_CORRUPT);
    be32_set(p, 2500);
    struct arena a;
    size_t used;
    arena_init(&a, 1000);
    assert_int_equal(proto_decode(PROTO_MESSAGE(metadata_req), 1, slice_of(p, sizeof p), &a, &m, &used), ERR_LIMIT);
    assert_int_equal(m.topics.n, 0);
    arena_fini(&a);
    /* acks, timeout, then 2^31 - 1 topics */
    assert_int_equal(DECODE(PROTO_MESSAGE(produce_req), 3, "\xff\xff\0\1\0\0\0\0\x7f\xff\xff\xff\0\0", &r).e,
                     ERR_CORRUPT);
}

static void test_refs(void **state) {
    (void)state;
    static uint8_t records[4096];
    struct fetch_resp_partition parts[3];
    struct fetch_resp_fetchable_topic topic;
    struct fetch_resp resp;
    proto_init(PROTO_STRUCT(fetch_resp), &resp);
    proto_init(PROTO_STRUCT(fetch_resp_fetchable_topic), &topic);
    static const size_t sizes[] = {4096, 100, 1024};
    for (int i = 0; i < 3; i++) {
        proto_init(PROTO_STRUCT(fetch_resp_partition), &parts[i]);
        assert_non_null(parts[i].records.p); /* never null on the wire by accident */
        parts[i].records = slice_of(records, sizes[i]);
        parts[i].current_leader.leader_id = i;
    }
    memset(records, 7, sizeof records);
    topic.partitions.n = 3;
    topic.partitions.v = parts;
    resp.responses.n = 1;
    resp.responses.v = &topic;
    for (int version = 4; version <= 18; version++) {
        struct proto_out out = {0};
        proto_encode(PROTO_MESSAGE(fetch_resp), version, &resp, &out);
        assert_int_equal(out.n_refs, 2);
        assert_ptr_equal(out.refs[0].bytes.p, records);
        assert_int_equal(out.ref_bytes, 4096 + 1024);
        struct buf flat = {0};
        proto_flatten(&out, &flat);
        again_equals(PROTO_MESSAGE(fetch_resp), version, buf_slice(&flat));
        buf_fini(&flat);
        proto_out_clear(&out);
        assert_int_equal(proto_out_size(&out), 0);
        proto_out_fini(&out);
    }
}

static void test_headers(void **state) {
    (void)state;
    struct buf b = {0};
    struct proto_request_header h = {.key = 18, .version = 3, .correlation_id = 77, .client_id = SLICE("me")}, got;
    size_t used;
    proto_encode_request_header(&h, &b);
    assert_int_equal(b.n, 13);
    assert_memory_equal(b.p, "\0\x12\0\3\0\0\0\x4d\0\2me\0", 13);
    assert_int_equal(proto_decode_request_header(buf_slice(&b), &got, &used), OK);
    assert_int_equal(used, 13);
    assert_true(slice_is(got.client_id, "me"));
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(proto_decode_request_header(slice_of(b.p, n), &got, &used), ERR_CORRUPT);
    buf_clear(&b);
    h = (struct proto_request_header){.key = 3, .version = 8, .correlation_id = -1, .client_id = SLICE_NULL};
    proto_encode_request_header(&h, &b);
    assert_int_equal(b.n, 10);
    assert_int_equal(proto_decode_request_header(buf_slice(&b), &got, &used), OK);
    assert_null(got.client_id.p);
    assert_int_equal(got.version, 8);
    /* unknown key: the plain header */
    assert_int_equal(proto_decode_request_header(SLICE("\7\7\0\1\0\0\0\1\0\0"), &got, &used), OK);
    assert_int_equal(used, 10);
    assert_int_equal(proto_decode_request_header(SLICE("\0\1\0\1\0\0\0\1\xff\xfe"), &got, &used), ERR_CORRUPT);

    int32_t id;
    static const struct {
        int16_t key, version;
        size_t n;
    } sizes[] = {{3, 8, 4}, {3, 9, 5}, {18, 3, 4}, {18, 4, 4}, {17, 1, 4}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        buf_clear(&b);
        proto_encode_response_header(sizes[i].key, sizes[i].version, 5, &b);
        assert_int_equal(b.n, sizes[i].n);
        assert_int_equal(proto_decode_response_header(sizes[i].key, sizes[i].version, buf_slice(&b), &id, &used), OK);
        assert_int_equal(used, b.n);
        assert_int_equal(id, 5);
    }
    assert_int_equal(proto_decode_response_header(3, 9, SLICE("\0\0\0\1"), &id, &used), ERR_CORRUPT);
    assert_int_equal(proto_decode_response_header(3, 9, SLICE("\0\0\0\1\1\0\2x"), &id, &used), ERR_CORRUPT);
    assert_int_equal(proto_decode_response_header(3, 9, SLICE("\0\0\0\1\1\0\1x"), &id, &used), OK);
    assert_int_equal(used, 8);
    buf_fini(&b);
}

static void check_struct(const struct proto_struct *s) {
    int last_tag = -1;
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct proto_field *f = &s->fields[i];
        assert_true(f->since <= f->until);
        assert_true(f->offset < s->size);
        assert_int_equal(f->sub != NULL, f->type == PT_STRUCT);
        if (f->tag >= 0) {
            assert_true(f->tag > last_tag); /* Kafka writes them in order */
            last_tag = f->tag;
        }
        if (f->sub != NULL)
            check_struct(f->sub);
    }
}

static void test_tables(void **state) {
    (void)state;
    assert_int_equal(proto_messages_n, 59 * 2 + 6);
    for (size_t i = 0; i < proto_messages_n; i++) {
        const struct proto_message *m = &proto_messages[i];
        assert_true(m->min <= m->max && m->max < 32);
        check_struct(m->body);
        if (m->kind == PK_DATA)
            continue;
        const struct proto_message *found = proto_find((enum proto_kind)m->kind, m->key);
        assert_non_null(found);
        assert_ptr_equal(found->body, m->body);
    }
    assert_null(proto_find(PK_REQUEST, 4));
    assert_null(proto_find(PK_REQUEST, -1));
    assert_null(proto_find(PK_RESPONSE, 32767));
    assert_ptr_equal(proto_find(PK_REQUEST, 1), PROTO_MESSAGE(fetch_req));
    for (size_t i = 0; i < apis_n; i++) {
        const struct api *a = &apis[i];
        assert_ptr_equal(api_find(a->key), a);
        assert_true(i == 0 || a->key > apis[i - 1].key);
        assert_int_equal(a->flexible, a->request->flexible);
        assert_int_equal(a->request->key, a->key);
        assert_int_equal(a->response->key, a->key);
        if (a->served_max < a->served_min)
            continue;
        assert_true(a->served_min >= a->request->min && a->served_max <= a->request->max);
        assert_true(a->served_min >= a->response->min && a->served_max <= a->response->max);
    }
    assert_null(api_find(4));
    assert_int_equal(API_FETCH, 1);
}

static void test_errors(void **state) {
    (void)state;
    assert_int_equal(KAFKA_UNKNOWN_TOPIC_OR_PARTITION, 3);
    assert_string_equal(kafka_error_name(3), "UNKNOWN_TOPIC_OR_PARTITION");
    assert_string_equal(kafka_error_name(-1), "UNKNOWN_SERVER_ERROR");
    assert_string_equal(kafka_error_name(133), "SHARE_SESSION_LIMIT_REACHED");
    assert_string_equal(kafka_error_name(134), "UNKNOWN_CODE");
    assert_string_equal(kafka_error_name(INT16_MIN), "UNKNOWN_CODE");
    for (int16_t code = -1; code <= 133; code++)
        assert_string_not_equal(kafka_error_name(code), "UNKNOWN_CODE");
    assert_true(kafka_error_retriable(3));
    assert_false(kafka_error_retriable(42));
}

static void test_print(void **state) {
    (void)state;
    struct metadata_req_topic t;
    struct metadata_req r;
    proto_init(PROTO_STRUCT(metadata_req), &r);
    proto_init(PROTO_STRUCT(metadata_req_topic), &t);
    t.name = SLICE("a\x1b");
    r.topics.n = 1;
    r.topics.v = &t;
    struct buf b = {0};
    proto_print(PROTO_MESSAGE(metadata_req), 4, &r, &b, 1000);
    buf_put_u8(&b, 0);
    assert_string_equal((char *)b.p, "metadata_req{topics=[{name=\"a\\x1b\"}] allow_auto_topic_creation=true}");
    buf_clear(&b);
    proto_print(PROTO_MESSAGE(metadata_req), 4, &r, &b, 20);
    assert_true(b.n <= 20);
    assert_memory_equal(b.p + b.n - 3, "...", 3);
    buf_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_struct), /* first: no smallest size is known yet */
        cmocka_unit_test(test_tables), cmocka_unit_test(test_errors), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_tags), cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_refs), cmocka_unit_test(test_headers), cmocka_unit_test(test_print),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_truncation), cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
