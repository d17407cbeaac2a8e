/* The tail by our own Fetch, against a fake broker. */
#include "core/client/client.h"
#include "tests/unit/fake_broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>

#define BOUND_US 20000000

struct stage {
    struct fake fake;
    struct client *client;
    struct tail *tail;
    uint64_t next;               /* serial to come */
    int64_t offsets[FAKE_PARTS]; /* the next one expected */
    size_t rows, headers;
};

static void stage_open(struct stage *s, struct tail_spec spec) {
    char bootstrap[32];
    struct error e;
    fake_start(&s->fake);
    snprintf(bootstrap, sizeof bootstrap, "127.0.0.1:%u", s->fake.port);
    struct client_config config = {.bootstrap = bootstrap, .once = true};
    assert_int_equal(client_new(&s->client, &config, &e), OK);
    if (spec.topic == NULL)
        spec.topic = "alpha";
    assert_int_equal(tail_open(s->client, &spec, &s->tail, &e), OK);
    s->next = 1;
}

static void stage_close(struct stage *s) {
    tail_close(s->tail);
    client_free(s->client);
    fake_stop(&s->fake);
}

/* Every row is what the fake wrote at that offset, in order, none twice. */
static void check_row(struct stage *s, const struct tail_row *row) {
    char value[64];
    int n = snprintf(value, sizeof value, "value-%d-%lld", row->partition, (long long)row->offset);
    assert_true(slice_eq(row->value, slice_of(value, (size_t)n)));
    assert_int_equal(row->timestamp_ms, 1700000000000 + row->offset);
    assert_int_equal(row->key.p != NULL, row->offset % 2 == 0);
    assert_true(row->offset >= s->offsets[row->partition]);
    s->offsets[row->partition] = row->offset + 1;
    if (row->n_headers > 0) {
        struct slice headers = row->headers;
        struct record_header h;
        assert_int_equal(record_header_next(&headers, &h), OK);
        assert_true(slice_is(h.key, "at"));
        s->headers++;
    }
}

/* Reads until the tail has finished, or `rows` rows are there. */
static struct tail_stats stage_read(struct stage *s, size_t rows) {
    struct tail_stats st = {0};
    int64_t until = client_now_us() + BOUND_US;
    while (client_now_us() < until) {
        struct tail_row row[16];
        tail_get_stats(s->tail, &st);
        size_t n = tail_rows(s->tail, s->next, row, 16);
        for (size_t i = 0; i < n; i++) {
            check_row(s, &row[i]);
            s->next = row[i].serial + 1;
            s->rows++;
        }
        if (s->rows >= rows || (st.finished && n == 0))
            return st;
        struct pollfd p = {client_fd(s->client), POLLIN, 0};
        if (n == 0)
            poll(&p, 1, 20);
        snapshot_unref(client_poll(s->client));
    }
    fail_msg("the tail came to no end: %zu rows, %s", s->rows, st.why);
    return st;
}

static void test_from_the_beginning(void **state) {
    (void)state;
    for (int codec = CODEC_NONE; codec < CODEC_N; codec++) {
        struct stage s = {.fake = {.start = 3, .end = 95, .codec = codec}};
        stage_open(&s, (struct tail_spec){.from = TAIL_BEGINNING, .stop_at_end = true, .lossless = true});
        struct tail_stats st = stage_read(&s, SIZE_MAX);
        assert_int_equal(s.rows, 3 * 92);
        assert_int_equal(s.headers, 3 * 9);
        assert_int_equal(st.scanned, 3 * 92);
        assert_false(st.failed);
        assert_int_equal(st.distance, 0);
        stage_close(&s);
    }
}

static void test_from_the_middle_of_a_batch(void **state) {
    (void)state;
    const int32_t one[] = {1};
    struct stage s = {.fake = {.end = 95}};
    stage_open(&s, (struct tail_spec){.from = TAIL_OFFSET,
                                      .value = 47,
                                      .stop_at_end = true,
                                      .lossless = true,
                                      .partitions = one,
                                      .n_partitions = 1});
    s.offsets[1] = 47;
    stage_read(&s, SIZE_MAX);
    assert_int_equal(s.rows, 95 - 47);
    stage_close(&s);
}

static void test_last_n(void **state) {
    (void)state;
    struct stage s = {.fake = {.start = 90, .end = 95}};
    stage_open(&s, (struct tail_spec){.from = TAIL_LAST_N, .value = 3, .stop_at_end = true, .lossless = true});
    stage_read(&s, SIZE_MAX);
    assert_int_equal(s.rows, 3 * 3);
    assert_int_equal(s.offsets[0], 95);
    stage_close(&s);
}

/* A tail for eyes gives several partitions in the order of time, and each in its own order. */
static void test_merged(void **state) {
    (void)state;
    struct stage s = {.fake = {.end = 95, .codec = CODEC_GZIP}};
    stage_open(&s, (struct tail_spec){.from = TAIL_BEGINNING, .stop_at_end = true});
    struct tail_row row[300];
    struct tail_stats st;
    int64_t until = client_now_us() + BOUND_US;
    do {
        tail_get_stats(s.tail, &st);
        assert_true(client_now_us() < until);
        poll(NULL, 0, 1);
    } while (!st.finished);
    assert_int_equal(tail_rows(s.tail, 1, row, 300), 3 * 95);
    for (size_t i = 0; i < 3 * 95; i++) {
        check_row(&s, &row[i]);
        assert_int_equal(row[i].timestamp_ms, 1700000000000 + (int64_t)i / 3);
    }
    stage_close(&s);
}

/* The list gets the beginning of a record, the page of one record has it whole. */
static void test_peek(void **state) {
    (void)state;
    struct stage s = {.fake = {.end = 20}};
    stage_open(&s, (struct tail_spec){.from = TAIL_BEGINNING, .stop_at_end = true, .peek_bytes = 3});
    struct tail_row row, whole;
    struct tail_stats st;
    int64_t until = client_now_us() + BOUND_US;
    do {
        tail_get_stats(s.tail, &st);
        assert_true(client_now_us() < until);
        poll(NULL, 0, 1);
    } while (!st.finished);
    assert_int_equal(tail_rows(s.tail, 7, &row, 1), 1);
    assert_true(slice_is(row.value, "val"));
    assert_int_equal(row.value_bytes, strlen("value-0-0"));
    assert_true(tail_whole(s.tail, 7, &whole));
    check_row(&s, &whole);
    assert_false(tail_whole(s.tail, 61, &whole));
    stage_close(&s);
}

/* Records that were deleted before they were read: it says so, and from where it goes on. */
static void test_deleted_under_it(void **state) {
    (void)state;
    struct stage s = {.fake = {.end = 50}};
    stage_open(&s, (struct tail_spec){.from = TAIL_BEGINNING});
    stage_read(&s, 150);
    s.fake.start = 70;
    s.fake.end = 80;
    struct tail_stats st = stage_read(&s, 150 + 3 * 10);
    assert_int_equal(s.offsets[0], 80);
    assert_int_equal(st.notes, 3);
    assert_non_null(strstr(st.note, "20 records were deleted, it goes on at offset 70"));
    stage_close(&s);
}

static void filtered(const char *filter, size_t matched) {
    struct stage s = {.fake = {.end = 100}};
    stage_open(&s, (struct tail_spec){.from = TAIL_BEGINNING, .stop_at_end = true, .lossless = true, .filter = filter});
    struct tail_stats st = stage_read(&s, SIZE_MAX);
    assert_int_equal(st.scanned, 300);
    assert_int_equal(st.matched, matched);
    assert_int_equal(s.rows, matched);
    stage_close(&s);
}

static void test_filter(void **state) {
    (void)state;
    filtered("value-1-55", 1);
    filtered("/-0-[0-9]$/", 10);
    filtered("even", 150);
    filtered("head-er", 30);
    filtered("nowhere", 0);
}

static void test_live(void **state) {
    (void)state;
    struct stage s = {.fake = {.end = 20}};
    stage_open(&s, (struct tail_spec){.from = TAIL_END});
    struct tail_stats st;
    int64_t until = client_now_us() + BOUND_US;
    do {
        tail_get_stats(s.tail, &st);
        assert_true(client_now_us() < until);
        poll(NULL, 0, 1);
    } while (!st.at_end);
    assert_int_equal(st.scanned, 0);
    s.fake.end = 25;
    stage_read(&s, 3 * 5);
    assert_int_equal(s.offsets[2], 25);
    stage_close(&s);
}

/* Everything was deleted and made again under the tail. */
static void test_truncated(void **state) {
    (void)state;
    struct stage s = {.fake = {.end = 50}};
    stage_open(&s, (struct tail_spec){.from = TAIL_BEGINNING});
    stage_read(&s, 150);
    s.fake.end = 4;
    memset(s.offsets, 0, sizeof s.offsets);
    stage_read(&s, 150 + 3 * 4);
    stage_close(&s);
}

static void fails_with(struct stage *s, struct tail_spec spec, const char *part) {
    stage_open(s, spec);
    struct tail_stats st = stage_read(s, SIZE_MAX);
    assert_true(st.failed);
    assert_true(st.finished);
    if (strstr(st.why, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", st.why, part);
    stage_close(s);
}

static void test_failures(void **state) {
    (void)state;
    const int32_t far[] = {77};
    fails_with(&(struct stage){.fake = {.end = 5}}, (struct tail_spec){.topic = "nowhere"}, "no such topic");
    fails_with(&(struct stage){.fake = {.end = 5}}, (struct tail_spec){.partitions = far, .n_partitions = 1},
               "no partition 77");
    fails_with(&(struct stage){.fake = {.end = 5, .rotten = true}}, (struct tail_spec){.from = TAIL_BEGINNING},
               "checksum");
}

/* No name of a host is that long: nobody is asked for a part of it, and the tail says what it waits for. */
static void test_advertised_nonsense(void **state) {
    (void)state;
    static char host[300];
    struct stage s = {.fake = {.advertised_host = host}};
    struct tail_stats st = {0};
    memset(host, 'a', sizeof host - 1);
    stage_open(&s, (struct tail_spec){.from = TAIL_BEGINNING});
    for (int64_t until = client_now_us() + BOUND_US; !st.away && client_now_us() < until; poll(NULL, 0, 1))
        tail_get_stats(s.tail, &st);
    assert_true(st.away && !st.failed);
    assert_string_equal(st.why, "broker 1 advertises no usable address");
    stage_close(&s);
}

/* A lossless tail whose reader is away keeps what it has and goes on later. */
static void test_lossless_waits(void **state) {
    (void)state;
    struct stage s = {.fake = {.end = 100000}};
    stage_open(&s, (struct tail_spec){.from = TAIL_BEGINNING, .stop_at_end = true, .lossless = true, .ring_bytes = 1});
    struct tail_stats st = {0}, before;
    int64_t until = client_now_us() + BOUND_US;
    do {
        before = st;
        poll(NULL, 0, 20);
        tail_get_stats(s.tail, &st);
        assert_true(client_now_us() < until);
    } while (st.scanned == 0 || st.scanned != before.scanned);
    assert_true(st.scanned < 10000);
    st = stage_read(&s, SIZE_MAX);
    assert_int_equal(s.rows, 300000);
    assert_int_equal(st.dropped, 0);
    stage_close(&s);
}

static void test_close_at_any_time(void **state) {
    (void)state;
    struct stage s = {.fake = {.end = 100000}};
    stage_open(&s, (struct tail_spec){.from = TAIL_BEGINNING, .lossless = true});
    stage_close(&s);
    struct stage t = {.fake = {.mood = FAKE_MUTE}};
    stage_open(&t, (struct tail_spec){.from = TAIL_END});
    stage_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_advertised_nonsense),
        cmocka_unit_test(test_from_the_beginning),
        cmocka_unit_test(test_from_the_middle_of_a_batch),
        cmocka_unit_test(test_last_n),
        cmocka_unit_test(test_merged),
        cmocka_unit_test(test_peek),
        cmocka_unit_test(test_deleted_under_it),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_live),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_lossless_waits),
        cmocka_unit_test(test_close_at_any_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
