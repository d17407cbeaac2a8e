/* The tail's ring against a plain model, and its filter. */
#include "core/client/ring.h"
#include "core/client/tail_match.h"
#include "core/proto/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static uint32_t seed = 1;
static uint32_t pseudo(uint32_t n) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

/* Record n always has the same bytes. */
static struct slice content(uint64_t n, uint8_t *room) {
    size_t size = (size_t)(n * 37 % 301);
    for (size_t i = 0; i < size; i++)
        room[i] = (uint8_t)(n + i);
    return slice_of(room, size);
}

static void put(struct ring *r, uint64_t n, bool expected) {
    uint8_t room[301];
    struct ring_record rec = {.partition = (int32_t)(n % 7), .offset = (int64_t)n, .value_bytes = n};
    struct slice value = content(n, room);
    bool ok = ring_put(r, &rec, n % 3 == 0 ? SLICE_NULL : SLICE("key"), value, SLICE_NULL);
    assert_int_equal(ok, expected);
}

static void check_all(const struct ring *r) {
    uint8_t room[301];
    for (uint64_t s = r->first; s <= r->last; s++) {
        const uint8_t *bytes;
        const struct ring_record *rec = ring_get(r, s, &bytes);
        assert_int_equal(rec->offset, s);
        assert_int_equal(rec->key_null, s % 3 == 0);
        struct slice value = content(s, room);
        assert_true(slice_eq(slice_of(bytes + rec->key_n, rec->value_n), value));
    }
}

static void test_oldest_out(void **state) {
    (void)state;
    struct ring r;
    ring_init(&r, 64 * 1024, false);
    for (uint64_t n = 1; n <= 5000; n++) {
        put(&r, n, true);
        assert_int_equal(r.last, n);
        if (pseudo(50) == 0)
            check_all(&r);
    }
    check_all(&r);
    assert_true(ring_count(&r) > 100);
    assert_true(r.used <= r.size);
    /* Nothing was handed out: all that is gone was dropped. */
    assert_int_equal(r.dropped, r.first - 1);
    ring_fini(&r);
}

static void test_what_was_read_is_not_dropped(void **state) {
    (void)state;
    struct ring r;
    ring_init(&r, 64 * 1024, false);
    for (uint64_t n = 1; n <= 5000; n++) {
        put(&r, n, true);
        if (n % 2 == 0)
            ring_mark_read(&r, n);
    }
    assert_true(r.first > 1);
    assert_int_equal(r.dropped, r.first / 2); /* the odd ones below first */
    ring_fini(&r);
}

static void test_lossless_waits(void **state) {
    (void)state;
    struct ring r;
    ring_init(&r, 64 * 1024, true);
    uint64_t n = 0;
    uint8_t room[301];
    struct ring_record rec = {0};
    for (;;) {
        rec.offset = (int64_t)(n + 1);
        if (!ring_put(&r, &rec, SLICE("k"), content(n + 1, room), SLICE_NULL))
            break;
        n++;
    }
    assert_true(n > 100);
    assert_int_equal(r.first, 1);
    assert_int_equal(ring_count(&r), n);
    r.read = n / 2;
    put(&r, n + 1, true);
    assert_true(r.first > 1 && r.first <= r.read + 1);
    assert_int_equal(r.dropped, 0);
    ring_fini(&r);
}

/* What is to be kept stays; what then finds no room is counted, and later ones are taken again. */
static void test_keep(void **state) {
    (void)state;
    struct ring r;
    struct ring_record rec = {0};
    uint8_t room[301];
    ring_init(&r, 64 * 1024, false);
    uint64_t n = 0, refused = 0;
    while (n < 1000)
        put(&r, ++n, true);
    uint64_t keep = r.last - 20, first = r.first, dropped = r.dropped;
    r.keep = keep;
    for (int i = 0; i < 3000; i++)
        refused += !ring_put(&r, &rec, SLICE("k"), content((uint64_t)i, room), SLICE_NULL);
    assert_true(refused > 2000);
    assert_int_equal(r.first, keep);
    assert_int_equal(r.last + refused, 1000 + 3000);
    assert_int_equal(r.dropped, dropped + refused + (keep - first)); /* the rest made room before */
    const uint8_t *bytes;
    assert_int_equal(ring_get(&r, keep, &bytes)->offset, (int64_t)keep);
    r.keep = 0;
    assert_true(ring_put(&r, &rec, SLICE("k"), content(1, room), SLICE_NULL));
    assert_true(r.first > keep);
    ring_fini(&r);
}

static void test_larger_than_the_ring(void **state) {
    (void)state;
    struct ring r;
    size_t n = 3 * 1024 * 1024;
    uint8_t *big = mem_zalloc(n);
    ring_init(&r, 256 * 1024, true);
    struct ring_record rec = {.offset = 1};
    assert_true(ring_put(&r, &rec, SLICE("small"), SLICE("x"), SLICE_NULL));
    assert_false(ring_put(&r, &rec, SLICE_NULL, slice_of(big, n), SLICE_NULL));
    r.read = 1;
    assert_true(ring_put(&r, &rec, SLICE_NULL, slice_of(big, n), SLICE_NULL));
    const uint8_t *bytes;
    assert_int_equal(ring_get(&r, 2, &bytes)->value_n, n);
    ring_fini(&r);
    free(big);
}

static void test_filter(void **state) {
    (void)state;
    struct tail_match m;
    struct error e;
    struct buf headers = {0};
    varint_put(&headers, 5);
    buf_puts(&headers, "trace");
    varint_put(&headers, 4);
    buf_puts(&headers, "abcd");
    struct slice h = buf_slice(&headers);
    assert_int_equal(tail_match_init(&m, NULL, &e), OK);
    assert_true(tail_match_all(&m));
    tail_match_fini(&m);

    assert_int_equal(tail_match_init(&m, "needle", &e), OK);
    assert_true(tail_match_record(&m, SLICE_NULL, SLICE("a needle\0b"), SLICE_NULL, 0));
    assert_true(tail_match_record(&m, SLICE("needle"), SLICE_NULL, SLICE_NULL, 0));
    assert_false(tail_match_record(&m, SLICE("need"), SLICE("le"), h, 1));
    tail_match_fini(&m);

    assert_int_equal(tail_match_init(&m, "bc", &e), OK);
    assert_true(tail_match_record(&m, SLICE_NULL, SLICE_NULL, h, 1));
    tail_match_fini(&m);

    assert_int_equal(tail_match_init(&m, "/b [0-9]$/", &e), OK);
    assert_true(tail_match_record(&m, SLICE_NULL, SLICE("a\0b 7"), SLICE_NULL, 0));
    assert_false(tail_match_record(&m, SLICE_NULL, SLICE("b x"), SLICE_NULL, 0));
    tail_match_fini(&m);

    assert_int_equal(tail_match_init(&m, "/(/", &e), ERR_INVALID);
    assert_non_null(strstr(e.text, "/(/ is no regular expression"));
    buf_fini(&headers);
}

static bool matches(const char *filter, struct slice key, struct slice value, struct slice headers, int32_t n) {
    struct tail_match m;
    struct error e;
    assert_int_equal(tail_match_init(&m, filter, &e), OK);
    bool is = tail_match_record(&m, key, value, headers, n);
    tail_match_fini(&m);
    return is;
}

static void put_header(struct buf *out, struct slice key, struct slice value) {
    varint_put(out, (int64_t)key.n);
    buf_put(out, key.p, key.n);
    varint_put(out, value.p != NULL ? (int64_t)value.n : -1);
    buf_put(out, value.p, value.n);
}

/* Every term in every place, against a record whose fields have nothing in common. */
static void test_filter_terms(void **state) {
    (void)state;
    struct buf headers = {0};
    put_header(&headers, SLICE("trace"), SLICE("abcd"));
    put_header(&headers, SLICE("gone"), SLICE_NULL);
    struct slice key = SLICE("user-17"), value = SLICE("{\"page\":\"checkout\"}\0z"), h = buf_slice(&headers);
    static const struct { const char *filter; bool is; } cases[] = {
        {"user", true}, {"checkout", true}, {"abcd", true}, {"trace", true}, {"nowhere", false},
        {"!nowhere", true}, {"!user", false}, {"!abcd", false}, {"!", false},
        {"key:user", true}, {"key:checkout", false}, {"key:/^user-[0-9]+$/", true}, {"!key:/^user/", false},
        {"value:checkout", true}, {"value:user", false}, {"value:/z$/", true}, {"value:/CHECK/", false},
        {"value:/CHECK/i", true}, {"!value:user", true},
        {"header:abcd", true}, {"header:trace", true}, {"header:user", false}, {"header:trace=abcd", true},
        {"header:trace=bc", true}, {"header:trace=xy", false}, {"header:other=abcd", false},
        {"header:trace=/^ab/", true}, {"header:/^tr/", true}, {"header:gone=", true}, {"header:trace=", false},
        {"!header:other=abcd", true}, {"key:", false}, {"value:", false}, {"!value:", true},
        {"key:user && value:checkout", true}, {"key:user && value:cart", false}, {"user && !abcd", false},
        {"user && !cart && header:trace=/d$/", true},
        {"key:/", false}, {"/", false}, {"//", false}, {"key:/i", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (matches(cases[i].filter, key, value, h, 2) != cases[i].is)
            fail_msg("%s should be %d", cases[i].filter, cases[i].is);
    assert_true(matches("value:", key, SLICE_NULL, h, 2));
    assert_true(matches("value:", key, SLICE(""), h, 2));
    assert_true(matches("key:", SLICE_NULL, value, h, 2));
    assert_true(matches("/^.x$/", key, SLICE("\xffx"), SLICE_NULL, 0)); /* no UTF-8, and found all the same */
    assert_true(matches("/caf[\xc3\xa9\xc3\xa8]/", key, SLICE("caf\xc3\xa9"), SLICE_NULL, 0));
    buf_fini(&headers);

    struct tail_match m;
    struct error e;
    size_t at, n;
    assert_int_equal(tail_match_init(&m, "a && b && c && d && e && f && g && h && i", &e), ERR_INVALID);
    assert_int_equal(tail_match_init(&m, "value:/x[0-9]+/ && !key:y && ok", &e), OK);
    assert_true(tail_match_find(&m, TAIL_VALUE, SLICE("..x123 ok"), 0, &at, &n));
    assert_int_equal(at, 2);
    assert_int_equal(n, 4);
    assert_true(tail_match_find(&m, TAIL_KEY, SLICE("x123 ok"), 0, &at, &n));
    assert_int_equal(at, 5);
    assert_false(tail_match_find(&m, TAIL_KEY, SLICE("y x123"), 0, &at, &n));
    assert_true(tail_match_find(&m, TAIL_VALUE, SLICE("..x123 ok x9"), 6, &at, &n));
    assert_int_equal(at, 7);
    assert_true(tail_match_may(&m, SLICE("is ok")));
    assert_false(tail_match_may(&m, SLICE("is not")));
    tail_match_fini(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oldest_out),     cmocka_unit_test(test_what_was_read_is_not_dropped),
        cmocka_unit_test(test_lossless_waits), cmocka_unit_test(test_larger_than_the_ring),
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_filter),         cmocka_unit_test(test_filter_terms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
