/* Lag by its kinds: each sentence of DESIGN.md 6 as a row. */
#include "core/model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_start_unknown),
        cmocka_unit_test(test_upper_bound),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
