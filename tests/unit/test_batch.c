/* Record batches: varints, headers, records, building, and damage. */
#include "core/proto/batch.h"
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define LIMIT (1u << 20)

static void test_varint(void **state) {
    (void)state;
    static const struct { int64_t v; size_t n; } cases[] = {
        {0, 1}, {-1, 1}, {1, 1}, {63, 1}, {-64, 1}, {64, 2}, {300, 2}, {INT32_MAX, 5}, {INT32_MIN, 5},
        {INT64_MAX, 10}, {INT64_MIN, 10},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b = {0};
        int64_t v;
        varint_put(&b, cases[i].v);
        assert_int_equal(b.n, cases[i].n);
        assert_int_equal(varint_get(b.p, b.n, &v), b.n);
        assert_int_equal(v, cases[i].v);
        assert_int_equal(varint_get(b.p, b.n - 1, &v), 0);
        buf_fini(&b);
    }
    int64_t v;
    assert_int_equal(varint_get((const uint8_t *)"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, &v), 0);
    assert_int_equal(varint_get((const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, &v), 0);
    assert_int_equal(varint_get((const uint8_t *)"\x04", 1, &v), 1);
    assert_int_equal(v, 2); /* zig-zag */
}

static struct buf build(enum batch_codec codec) {
    struct batch_builder b = {0};
    struct buf out = {0};
    struct record_header headers[2] = {{SLICE("h1"), SLICE("v1")}, {SLICE("h2"), SLICE_NULL}};
    batch_start(&b, 1000, 5000);
    b.producer_id = 77;
    b.producer_epoch = 3;
    b.base_sequence = 9;
    b.attributes = BATCH_ATTR_TXN | BATCH_ATTR_CODEC; /* the codec bits are finish's to set */
    batch_add(&b, 0, 5000, SLICE("key"), SLICE("value"), headers, 2);
    batch_add(&b, 1, 4990, SLICE_NULL, SLICE(""), NULL, 0);
    batch_add(&b, 7, 5100, SLICE(""), SLICE_NULL, NULL, 0);
    assert_int_equal(batch_finish(&b, codec, &out), OK);
    batch_builder_fini(&b);
    return out;
}

static void test_build(void **state) {
    (void)state;
    for (int codec = CODEC_NONE; codec < CODEC_N; codec++) {
        struct buf bytes = build((enum batch_codec)codec), records = {0};
        struct batch b;
        buf_put(&bytes, "more", 4); /* what follows a batch is not its own */
        assert_int_equal(batch_parse(buf_slice(&bytes), &b), OK);
        assert_int_equal(b.bytes.n, bytes.n - 4);
        assert_true(batch_crc_ok(&b));
        assert_int_equal(b.magic, 2);
        assert_int_equal(b.base_offset, 1000);
        assert_int_equal(batch_last_offset(&b), 1007);
        assert_int_equal(b.count, 3);
        assert_int_equal(b.base_timestamp, 5000);
        assert_int_equal(b.max_timestamp, 5100);
        assert_int_equal(b.producer_id, 77);
        assert_int_equal(b.producer_epoch, 3);
        assert_int_equal(b.base_sequence, 9);
        assert_int_equal(batch_codec(&b), codec);
        assert_true(b.attributes & BATCH_ATTR_TXN);
        assert_int_equal(codec_decompress(batch_codec(&b), b.records, LIMIT, &records), OK);

        struct record_iter it = {.batch = &b, .rest = buf_slice(&records)};
        struct record r;
        struct record_header h;
        assert_int_equal(record_next(&it, &r), OK);
        assert_int_equal(r.offset, 1000);
        assert_int_equal(r.timestamp, 5000);
        assert_true(slice_is(r.key, "key") && slice_is(r.value, "value"));
        assert_int_equal(r.n_headers, 2);
        assert_int_equal(record_header_next(&r.headers, &h), OK);
        assert_true(slice_is(h.key, "h1") && slice_is(h.value, "v1"));
        assert_int_equal(record_header_next(&r.headers, &h), OK);
        assert_true(slice_is(h.key, "h2") && h.value.p == NULL);
        assert_int_equal(record_header_next(&r.headers, &h), ERR_NOT_FOUND);
        assert_int_equal(record_next(&it, &r), OK);
        assert_int_equal(r.timestamp, 4990);
        assert_true(r.key.p == NULL && r.value.p != NULL && r.value.n == 0);
        assert_int_equal(record_next(&it, &r), OK);
        assert_int_equal(r.offset, 1007);
        assert_true(r.key.p != NULL && r.key.n == 0 && r.value.p == NULL);
        assert_int_equal(record_next(&it, &r), ERR_NOT_FOUND);

        batch_set_offset(bytes.p, 1 << 20, 4);
        batch_set_append_time(bytes.p, bytes.n - 4, 9999);
        assert_int_equal(batch_parse(buf_slice(&bytes), &b), OK);
        assert_true(batch_crc_ok(&b));
        assert_int_equal(b.base_offset, 1 << 20);
        assert_int_equal(b.leader_epoch, 4);
        assert_int_equal(b.max_timestamp, 9999);
        it = (struct record_iter){.batch = &b, .rest = buf_slice(&records)};
        assert_int_equal(record_next(&it, &r), OK);
        assert_int_equal(r.timestamp, 9999);
        buf_fini(&records);
        buf_fini(&bytes);
    }
}

static void test_parse_short(void **state) {
    (void)state;
    struct buf bytes = build(CODEC_NONE);
    struct batch b;
    for (size_t n = 0; n < bytes.n; n++) {
        struct slice cut = mem_dup(slice_of(bytes.p, n));
        assert_int_equal(batch_parse(cut, &b), ERR_RANGE);
        if (n >= BATCH_LOG_OVERHEAD)
            assert_int_equal(b.length, bytes.n - BATCH_LOG_OVERHEAD);
        free((void *)(uintptr_t)cut.p);
    }
    be32_set(bytes.p + 8, 48);
    assert_int_equal(batch_parse(buf_slice(&bytes), &b), ERR_CORRUPT);
    be32_set(bytes.p + 8, 0xffffffff);
    assert_int_equal(batch_parse(buf_slice(&bytes), &b), ERR_CORRUPT);
    buf_fini(&bytes);
    bytes = build(CODEC_NONE);
    bytes.p[bytes.n - 1] ^= 1;
    assert_int_equal(batch_parse(buf_slice(&bytes), &b), OK);
    assert_false(batch_crc_ok(&b));
    buf_fini(&bytes);
}

/* What the walk saw, for the walk in pieces to see the same. */
struct seen {
    struct { int64_t offset, timestamp; bool key; } v[8];
    int32_t n;
};

static void see(void *ctx, int32_t index, const struct record *r) {
    struct seen *s = ctx;
    assert_int_equal(index, s->n);
    s->v[s->n].offset = r->offset;
    s->v[s->n].timestamp = r->timestamp;
    s->v[s->n++].key = r->key.p != NULL;
}

static void walk_in_pieces(const struct batch *b, struct slice records, size_t piece, enum err want,
                           const struct seen *whole) {
    struct seen seen = {.n = 0};
    struct record_stream s = {.batch = b, .seen = see, .ctx = &seen};
    enum err e = OK;
    for (size_t at = 0; e == OK && at < records.n; at += piece)
        e = record_stream_take(&s, slice_of(records.p + at, records.n - at < piece ? records.n - at : piece));
    if (e == OK)
        e = record_stream_end(&s);
    assert_int_equal(e, want == ERR_NOT_FOUND ? OK : want);
    assert_int_equal(seen.n, whole->n);
    for (int32_t i = 0; i < seen.n; i++) {
        assert_int_equal(seen.v[i].offset, whole->v[i].offset);
        assert_int_equal(seen.v[i].timestamp, whole->v[i].timestamp);
        assert_int_equal(seen.v[i].key, whole->v[i].key);
    }
}

static enum err walk(struct slice records, int32_t count) {
    struct slice copy = mem_dup(records); /* exact, for the sanitizer */
    struct batch b = {.count = count, .base_offset = INT64_MAX, .base_timestamp = INT64_MAX};
    struct record_iter it = {.batch = &b, .rest = copy};
    struct record r;
    struct seen seen = {.n = 0};
    enum err e;
    while ((e = record_next(&it, &r)) == OK) {
        struct record_header h;
        see(&seen, seen.n, &r);
        for (int32_t i = 0; i < r.n_headers; i++)
            assert_int_equal(record_header_next(&r.headers, &h), OK);
        assert_int_equal(record_header_next(&r.headers, &h), ERR_NOT_FOUND);
    }
    for (size_t piece = 1; piece < 40; piece = piece * 2 + 1)
        walk_in_pieces(&b, copy, piece, e, &seen);
    free((void *)(uintptr_t)copy.p);
    return e;
}

static void test_bad_records(void **state) {
    (void)state;
    /* length 7: attributes, time 0, offset 0, key -1, value "a", no headers */
    assert_int_equal(walk(SLICE("\x0e\0\0\0\1\2a\0"), 1), ERR_NOT_FOUND);
    assert_int_equal(walk(SLICE("\x0e\0\0\0\1\2a\0"), 2), ERR_CORRUPT);         /* fewer than promised */
    assert_int_equal(walk(SLICE("\x0e\0\0\0\1\2a\0more"), 1), ERR_CORRUPT);     /* bytes left */
    assert_int_equal(walk(SLICE("\x10\0\0\0\1\2a\0"), 1), ERR_CORRUPT);         /* longer than there is */
    assert_int_equal(walk(SLICE("\x0c\0\0\0\1\2a\0"), 1), ERR_CORRUPT);         /* shorter than its fields */
    assert_int_equal(walk(SLICE("\x01\0\0\0\1\2a\0"), 1), ERR_CORRUPT);         /* negative */
    assert_int_equal(walk(SLICE("\x0e\0\0\0\3\2a\0"), 1), ERR_CORRUPT);         /* key of -2 bytes */
    assert_int_equal(walk(SLICE("\x0e\0\0\0\1\2a\1"), 1), ERR_CORRUPT);         /* -1 headers */
    assert_int_equal(walk(SLICE("\x12\0\0\0\1\2a\2\1\1"), 1), ERR_CORRUPT);     /* header without a key */
    assert_int_equal(walk(SLICE("\x0c\0\0\0\1\1\0\0"), 1), ERR_CORRUPT);        /* a byte behind the last header */
    assert_int_equal(walk(SLICE("\x0e\0\0\0\1\x08" "a\0"), 1), ERR_CORRUPT);   /* a value past its record */
    assert_int_equal(walk(SLICE(""), 0), ERR_NOT_FOUND);
}

static void test_random_records(void **state) {
    (void)state;
    struct random r = {5};
    struct buf bytes = build(CODEC_NONE);
    for (int round = 0; round < 20000; round++) {
        struct slice copy = mem_dup(slice_of(bytes.p + BATCH_HEADER_BYTES, bytes.n - BATCH_HEADER_BYTES));
        uint8_t *p = (uint8_t *)(uintptr_t)copy.p;
        p[random_below(&r, copy.n)] = (uint8_t)random_next(&r);
        p[random_below(&r, copy.n)] ^= (uint8_t)(1u << random_below(&r, 8));
        enum err e = walk(slice_of(p, random_below(&r, 3) == 0 ? random_below(&r, copy.n) : copy.n), 3);
        assert_true(e == ERR_NOT_FOUND || e == ERR_CORRUPT);
        free(p);
    }
    buf_fini(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_varint), cmocka_unit_test(test_build), cmocka_unit_test(test_parse_short),
        cmocka_unit_test(test_bad_records), cmocka_unit_test(test_random_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
