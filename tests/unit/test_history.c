/* Rates, their histories, and what a snapshot can be asked. */
#include "core/model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void test_push_keeps_the_newest(void **state) {
    (void)state;
    struct history h = {0};
    for (int i = 0; i < HISTORY_LEN + 10; i++)
        history_push(&h, i);
    assert_int_equal(h.n, HISTORY_LEN);
    assert_true(h.v[0] == 10.0f);
    assert_true(h.v[HISTORY_LEN - 1] == (float)(HISTORY_LEN + 9));
}

static void test_rate(void **state) {
    (void)state;
    struct rate r = rate_between(100, 1000000, 350, 1500000);
    assert_int_equal(r.state, VALUE_KNOWN);
    assert_true(r.v > 499.9 && r.v < 500.1);
    /* Deleted and made again; no time between. */
    assert_int_equal(rate_between(100, 1000000, 5, 2000000).state, VALUE_WANTED);
    assert_int_equal(rate_between(100, 1000000, 105, 1000000).state, VALUE_WANTED);
    assert_int_equal(rate_between(100, 1000000, 100, 2000000).state, VALUE_KNOWN);
}

static void test_find(void **state) {
    (void)state;
    struct snapshot *s = snapshot_new();
    struct model_topic *v = arena_zalloc(&s->arena, 100 * sizeof *v);
    struct model_group *g = arena_zalloc(&s->arena, sizeof *g);
    for (int i = 0; i < 100; i++)
        v[i].name = arena_printf(&s->arena, "topic-%02d", i);
    g->id = SLICE("only");
    s->topics.v = v;
    s->topics.n = 100;
    s->groups.v = g;
    s->groups.n = 1;
    for (int i = 0; i < 100; i++) {
        char name[24];
        snprintf(name, sizeof name, "topic-%02d", i);
        assert_ptr_equal(snapshot_topic(s, slice_cstr(name)), &v[i]);
    }
    assert_null(snapshot_topic(s, SLICE("topic-")));
    assert_null(snapshot_topic(s, SLICE("topic-50x")));
    assert_null(snapshot_topic(s, SLICE("zz")));
    assert_ptr_equal(snapshot_group(s, SLICE("only")), g);
    assert_null(snapshot_group(s, SLICE("")));
    struct snapshot *again = snapshot_ref(s);
    snapshot_unref(s);
    assert_int_equal(again->topics.n, 100);
    snapshot_unref(again);
    snapshot_unref(NULL);
}

/* A consumer that commits every 5 s, looked at every second: its rate stays between the steps, a rest ends it. */
static void test_steps(void **state) {
    struct steps s = {0};
    int64_t at_us = 1000000, v = 100;
    (void)state;
    for (int second = 0; second < 30; second++, at_us += 1000000) {
        v += second % 5 == 3 ? 500 : 0;
        steps_take(&s, v, at_us);
        assert_int_equal(s.rate.state, second < 8 ? VALUE_WANTED : VALUE_KNOWN);
        if (second >= 8)
            assert_true(s.rate.v > 99.9 && s.rate.v < 100.1);
    }
    for (int second = 0; second < 12; second++, at_us += 1000000)
        steps_take(&s, v, at_us);
    assert_true(s.rate.state == VALUE_KNOWN && s.rate.v == 0);
    at_us += 3600 * (int64_t)1000000;
    steps_take(&s, v, at_us);
    steps_take(&s, v + 1200, at_us + 1000000); /* after an hour: not 1200 an hour, and not all in one second */
    assert_true(s.rate.v > 50 && s.rate.v < 150);
    steps_take(&s, 3, at_us + 2000000); /* reset to the beginning */
    assert_int_equal(s.rate.state, VALUE_WANTED);
}

/* Two snapshots and their maker hold the same rows; they go with the last of the three. */
static void test_shared(void **state) {
    (void)state;
    struct shared *rows = shared_new(1024, 64);
    struct snapshot *both[2];
    char *text = arena_alloc(&rows->arena, 6);
    memcpy(text, "alpha", 6);
    for (int i = 0; i < 2; i++) {
        both[i] = snapshot_new();
        assert_true(snapshot_shares(both[i], 2));
        snapshot_share(both[i], rows);
        snapshot_share(both[i], NULL);
        assert_int_equal(both[i]->shared.n, 1);
    }
    assert_int_equal(rows->refs, 3);
    shared_unref(rows);
    snapshot_unref(both[0]);
    assert_int_equal(rows->refs, 1);
    assert_string_equal(text, "alpha");
    snapshot_unref(both[1]);
    shared_unref(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push_keeps_the_newest),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_shared),
        cmocka_unit_test(test_find),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
