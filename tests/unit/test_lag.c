/* Lag by its kinds: each sentence of DESIGN.md 6 as a row. */
#include "core/model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct model_lag judged(int64_t committed, int64_t start, int64_t end, bool upper_bound) {
    struct model_lag row = {.committed = committed, .start = start, .end = end, .lag = 77, .lost = 77, .ahead = 77};
    lag_judge(&row, upper_bound);
    return row;
}

static void assert_row(struct model_lag row, enum lag_kind kind, int64_t lag, int64_t lost, int64_t ahead) {
    assert_string_equal(lag_kind_name(row.kind), lag_kind_name(kind));
    assert_int_equal(row.lag, lag);
    assert_int_equal(row.lost, lost);
    assert_int_equal(row.ahead, ahead);
}

static void test_kinds(void **state) {
    (void)state;
    assert_row(judged(40, 0, 100, false), LAG_EXACT, 60, 0, 0);
    assert_row(judged(100, 0, 100, false), LAG_EXACT, 0, 0, 0);
    assert_row(judged(0, 0, 0, false), LAG_EXACT, 0, 0, 0);
    assert_row(judged(-1, 0, 100, false), LAG_NO_COMMIT, -1, 0, 0);
    assert_row(judged(-1, -1, -1, false), LAG_NO_COMMIT, -1, 0, 0);
    assert_row(judged(40, 0, -1, false), LAG_UNKNOWN, -1, 0, 0);
    assert_row(judged(40, 50, 100, false), LAG_BELOW_START, -1, 10, 0);
    assert_row(judged(50, 50, 100, false), LAG_EXACT, 50, 0, 0);
    assert_row(judged(112, 0, 100, false), LAG_BEYOND_END, -1, 0, 12);
}

static void test_start_unknown(void **state) {
    (void)state;
    assert_row(judged(40, -1, 100, false), LAG_EXACT, 60, 0, 0);
}

static void test_upper_bound(void **state) {
    (void)state;
    assert_row(judged(40, 0, 100, true), LAG_UPPER_BOUND, 60, 0, 0);
    assert_row(judged(100, 0, 100, true), LAG_EXACT, 0, 0, 0); /* nothing left is nothing left */
    assert_row(judged(40, 50, 100, true), LAG_BELOW_START, -1, 10, 0);
}

static void test_names(void **state) {
    (void)state;
    assert_string_equal(lag_kind_name(LAG_NO_COMMIT), "no_commit");
    assert_string_equal(lag_kind_name(LAG_UNKNOWN), "unknown");
    assert_string_equal(lag_kind_name(LAG_BELOW_START), "below_start");
    assert_string_equal(lag_kind_name(LAG_BEYOND_END), "beyond_end");
    assert_string_equal(lag_kind_name(LAG_UPPER_BOUND), "upper_bound");
}

/* A hundred thousand rows in the worst order, half of them twice: by topic and partition, the newer of two. */
static void test_unite(void **state) {
    (void)state;
    enum { PARTITIONS = 50000 };
    size_t n = 0;
    struct model_lag *v = mem_zalloc(3 * PARTITIONS * sizeof *v);
    for (int32_t p = PARTITIONS - 1; p >= 0; p--) {
        v[n++] = (struct model_lag){.topic = SLICE("b"), .partition = p, .at_us = p % 2};
        v[n++] = (struct model_lag){.topic = SLICE("a"), .partition = p, .at_us = 1};
        v[n++] = (struct model_lag){.topic = SLICE("b"), .partition = p, .at_us = 1 - p % 2};
    }
    assert_int_equal(lags_unite(v, n), 2 * PARTITIONS);
    for (int32_t i = 0; i < 2 * PARTITIONS; i++) {
        assert_true(slice_eq(v[i].topic, i < PARTITIONS ? SLICE("a") : SLICE("b")));
        assert_int_equal(v[i].partition, i % PARTITIONS);
        assert_int_equal(v[i].at_us, 1);
    }
    free(v);
    assert_int_equal(lags_unite(NULL, 0), 0);
}

static void test_sum(void **state) {
    (void)state;
    struct model_lag rows[] = {judged(40, 0, 100, false), judged(-1, 0, 100, false), judged(40, 50, 100, false),
                               judged(112, 0, 100, false), judged(99, 0, 100, true)};
    struct lag_sum sum = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        lag_add(&sum, &rows[i]);
    assert_int_equal(sum.rows, 5);
    assert_int_equal(sum.kinds[LAG_EXACT] + sum.kinds[LAG_UPPER_BOUND], 2);
    assert_int_equal(sum.lag, 61);
    assert_int_equal(sum.lost, 10);
    assert_int_equal(sum.ahead, 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_start_unknown),
        cmocka_unit_test(test_upper_bound),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unite),
        cmocka_unit_test(test_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
