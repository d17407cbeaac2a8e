/* The store through its header, in the simulated world: what a caller is promised. */
#include "core/base/log.h"
#include "tests/sim/store_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define assert_ok(e) assert_int_equal((e), OK)

static struct store_log *log_of(struct world *w, uint8_t topic) {
    struct uuid u = world_topic(topic);
    return store_log_get(w->st, &u, 0);
}

static struct append_result append(struct store_log *log, struct batch_spec spec) {
    struct append_result r;
    assert_ok(world_append(log, &spec, &r));
    return r;
}

/* Checks that [from, hw) holds the batches with these tags, in order. */
static void assert_tags(struct world *w, struct store_log *log, int64_t from, const uint32_t *tags, size_t n) {
    struct buf out = {0};
    assert_ok(world_read(w, log, from, store_log_hw(log), &out));
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        struct batch b;
        assert_true(at < out.n);
        assert_ok(batch_parse(slice_of(out.p + at, out.n - at), &b));
        assert_true(batch_crc_ok(&b));
        assert_int_equal(batch_tag(&b), tags[i]);
        at += b.bytes.n;
    }
    assert_int_equal(at, out.n);
    buf_fini(&out);
}

static void configure(struct store_log *log, uint64_t segment_bytes, int64_t retention_bytes, int64_t retention_ms) {
    store_log_configure(log, &(struct log_config){
        .segment_bytes = segment_bytes, .segment_ms = INT64_C(604800000), .retention_bytes = retention_bytes,
        .retention_ms = retention_ms, .delete_old = true,
    });
}

static void reopen(struct world *w, bool clean) {
    if (clean)
        world_close(w);
    else
        world_crash(w, 1234);
    assert_ok(world_open(w));
}

/* ---- appends and the durable point ---- */

static void test_visible_when_durable(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    assert_ok(world_open(&w));
    assert_true(w.recovery.fresh);
    struct store_log *log = log_of(&w, 1);
    struct append_result r = append(log, (struct batch_spec){.tag = 1, .count = 3});
    assert_false(r.duplicate);
    assert_int_equal(r.sequence, APPEND_OK);
    assert_int_equal(r.base_offset, 0);
    assert_int_equal(append(log, (struct batch_spec){.tag = 2}).base_offset, 3);
    assert_int_equal(store_log_end(log), 4);
    assert_int_equal(store_log_hw(log), 0);
    store_flush(w.st);
    assert_int_equal(store_log_hw(log), 0); /* written, not synced */
    assert_int_equal(w.n_durable, 0);
    append(log, (struct batch_spec){.tag = 3}); /* after the sync began: joins the next */
    store_flush(w.st);
    while (w.n_durable == 0)
        assert_true(env_sim_step(w.sim));
    assert_int_equal(store_log_hw(log), 4);
    assert_true(w.durable >= r.ticket);
    assert_true(w.n_advanced > 0);
    world_settle(&w);
    assert_int_equal(store_log_hw(log), 5);
    assert_tags(&w, log, 0, (uint32_t[]){1, 2, 3}, 3);
    world_fini(&w);
}

static void test_os_visible_at_flush(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    w.config.durability = DURABILITY_OS;
    assert_ok(world_open(&w));
    struct store_log *log = log_of(&w, 1);
    struct append_result r = append(log, (struct batch_spec){.tag = 1});
    assert_int_equal(store_log_hw(log), 0);
    store_flush(w.st);
    assert_int_equal(store_log_hw(log), 1);
    assert_true(store_durable(w.st) >= r.ticket && w.durable >= r.ticket);
    assert_int_equal(env_sim_in_flight(w.sim), 0);
    world_kill(&w); /* the process dies: what the page cache has stays */
    assert_ok(world_open(&w));
    log = log_of(&w, 1);
    assert_tags(&w, log, 0, (uint32_t[]){1}, 1);
    world_fini(&w);
}

static void test_offsets_go_on(void **state) {
    (void)state;
    for (int clean = 0; clean < 2; clean++) {
        struct world w;
        world_init(&w, 7);
        assert_ok(world_open(&w));
        int64_t next = 0;
        uint32_t tags[12], n = 0;
        for (int life = 0; life < 4; life++) {
            struct store_log *log = log_of(&w, 1);
            assert_int_equal(store_log_end(log), next);
            for (int i = 0; i < 3; i++, n++) { /* small ones and large ones */
                tags[n] = n + 1;
                struct batch_spec spec = {.tag = n + 1, .count = 2, .value_bytes = i == 1 ? 2000 : 20};
                assert_int_equal(append(log, spec).base_offset, next);
                next += 2;
            }
            world_settle(&w);
            reopen(&w, clean);
            assert_false(w.recovery.fresh);
            assert_int_equal(w.recovery.clean, clean);
            assert_int_equal(w.recovery.corrupt, 0);
        }
        struct store_log *log = log_of(&w, 1);
        assert_int_equal(store_log_hw(log), next);
        assert_tags(&w, log, 0, tags, n);
        world_fini(&w);
    }
}

static void test_unacked_is_whole_or_absent(void **state) {
    (void)state;
    unsigned there = 0, gone = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct world w;
        world_init(&w, seed);
        assert_ok(world_open(&w));
        struct store_log *log = log_of(&w, 1);
        append(log, (struct batch_spec){.tag = 1});
        world_settle(&w);
        append(log, (struct batch_spec){.tag = 2, .count = 5, .value_bytes = 100});
        store_flush(w.st);
        world_crash(&w, seed);
        assert_ok(world_open(&w));
        log = log_of(&w, 1);
        bool whole = store_log_end(log) == 6;
        assert_true(whole || store_log_end(log) == 1);
        assert_tags(&w, log, 0, (uint32_t[]){1, 2}, whole ? 2 : 1);
        there += whole;
        gone += !whole;
        world_fini(&w);
    }
    assert_true(there > 0 && gone > 0);
}

/* ---- reads ---- */

static size_t read_count(struct store_log *log, int64_t offset, int64_t end, size_t max, bool min_one) {
    struct buf out = {0};
    assert_ok(store_read(log, offset, end, max, min_one, &out));
    size_t n = 0;
    for (size_t at = 0; at < out.n; n++) {
        struct batch b;
        assert_ok(batch_parse(slice_of(out.p + at, out.n - at), &b)); /* whole batches only */
        if (n == 0)
            assert_true(b.base_offset <= offset && batch_last_offset(&b) >= offset);
        at += b.bytes.n;
    }
    buf_fini(&out);
    return n;
}

static void test_read_limits(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    assert_ok(world_open(&w));
    struct store_log *log = log_of(&w, 1);
    configure(log, 3000, -1, -1);
    struct buf one = {0};
    struct batch_spec spec = {.count = 10, .value_bytes = 30};
    batch_spec_build(&spec, &one);
    for (uint32_t i = 0; i < 20; i++)
        append(log, (struct batch_spec){.tag = i, .count = 10, .value_bytes = 30});
    world_settle(&w);
    size_t n = one.n;
    assert_int_equal(store_log_hw(log), 200);
    assert_int_equal(read_count(log, 0, 200, n, false), 1);
    assert_int_equal(read_count(log, 0, 200, n - 1, false), 0);
    assert_int_equal(read_count(log, 0, 200, n - 1, true), 1);
    assert_int_equal(read_count(log, 0, 200, 1, true), 1);
    assert_int_equal(read_count(log, 0, 200, 2 * n + n / 2, false), 2);
    assert_int_equal(read_count(log, 35, 200, 2 * n, false), 2);      /* from the middle of a batch */
    assert_int_equal(read_count(log, 39, 200, 1, true), 1);
    assert_int_equal(read_count(log, 0, 30, 100 * n, false), 3);      /* up to `end` */
    assert_int_equal(read_count(log, 0, 31, 100 * n, false), 4);      /* the batch that begins below it */
    assert_int_equal(read_count(log, 200, 200, 100 * n, true), 0);
    struct buf out = {0};
    assert_int_equal(store_read(log, 201, 201, n, true, &out), ERR_RANGE);
    assert_int_equal(store_read(log, -1, 200, n, true, &out), ERR_RANGE);
    assert_int_equal(out.n, 0);
    assert_int_equal(store_log_bytes_between(log, 0, 200), 20 * n);
    assert_int_equal(store_log_bytes_between(log, 200, 200), 0);
    assert_int_equal(store_log_bytes_between(log, 190, 200), n);
    assert_int_equal(store_log_bytes(log), 20 * n);
    buf_fini(&out);
    buf_fini(&one);
    world_fini(&w);
}

static void test_cold_reads(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    assert_ok(world_open(&w));
    struct store_log *log = log_of(&w, 1);
    append(log, (struct batch_spec){.tag = 1, .value_bytes = 100});
    world_settle(&w);
    env_sim_evict(w.sim);
    struct buf out = {0};
    assert_int_equal(store_read(log, 0, 1, 4096, true, &out), ERR_AGAIN);
    assert_int_equal(out.n, 0);
    assert_int_equal(w.n_readable, 0); /* never from inside the call */
    assert_int_equal(store_read(log, 0, 1, 4096, true, &out), ERR_AGAIN);
    env_sim_run_until_idle(w.sim);
    assert_int_equal(w.n_readable, 1);
    assert_ptr_equal(w.last_readable, log);
    assert_ok(store_read(log, 0, 1, 4096, true, &out));
    assert_true(out.n > 0);
    buf_fini(&out);
    world_fini(&w);
}

/* A log dropped, and a store closed, while a warm-up is in flight. */
static void test_cold_read_then_gone(void **state) {
    (void)state;
    for (int drop = 0; drop < 2; drop++) {
        struct world w;
        world_init(&w, 1);
        assert_ok(world_open(&w));
        struct store_log *log = log_of(&w, 1);
        append(log, (struct batch_spec){.tag = 1});
        world_settle(&w);
        env_sim_evict(w.sim);
        struct buf out = {0};
        assert_int_equal(store_read(log, 0, 1, 4096, true, &out), ERR_AGAIN);
        if (drop) {
            struct uuid topic = world_topic(1);
            assert_ok(store_topic_drop(w.st, &topic, NULL));
            world_settle(&w);
            assert_int_equal(w.n_readable, 0);
        } else {
            world_kill(&w);
            assert_ok(world_open(&w));
        }
        buf_fini(&out);
        world_fini(&w);
    }
}

/* ---- the map ---- */

static void each_key(void *ctx, struct slice key, struct slice value) {
    buf_printf(ctx, "%.*s=%.*s ", SLICE_ARG(key), SLICE_ARG(value));
}

static void test_map(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    assert_ok(world_open(&w));
    uint64_t t1, t2;
    assert_null(store_get(w.st, 1, SLICE("b")).p);
    assert_ok(store_put(w.st, 1, SLICE("b"), SLICE("2"), &t1));
    assert_ok(store_put(w.st, 1, SLICE("a"), SLICE("1"), &t2));
    assert_true(t2 > t1);
    assert_ok(store_put(w.st, 1, SLICE("ab"), SLICE(""), NULL));
    assert_ok(store_put(w.st, 2, SLICE("a"), SLICE("other"), NULL));
    assert_ok(store_put(w.st, 1, SLICE("gone"), SLICE("x"), NULL));
    assert_ok(store_put(w.st, 1, SLICE("b"), SLICE("3"), NULL));
    assert_ok(store_delete(w.st, 1, SLICE("gone"), NULL));
    assert_ok(store_delete(w.st, 1, SLICE("never"), NULL));
    for (int life = 0; life < 4; life++) {
        struct buf all = {0};
        store_each(w.st, 1, each_key, &all);
        assert_true(slice_is(buf_slice(&all), "a=1 ab= b=3 "));
        assert_true(slice_is(store_get(w.st, 2, SLICE("a")), "other"));
        assert_non_null(store_get(w.st, 1, SLICE("ab")).p); /* empty is not null */
        assert_null(store_get(w.st, 1, SLICE("gone")).p);
        buf_fini(&all);
        world_settle(&w);
        reopen(&w, life % 2 == 0);
    }
    world_fini(&w);
}

/* ---- drop, log start, retention ---- */

static void each_name(void *ctx, const char *name, bool is_dir) {
    (void)is_dir;
    buf_printf(ctx, "%s ", name);
}

static size_t files_under(struct world *w, const char *text) {
    /* Names are the store's own business: what counts is how many paths a topic still has. */
    struct buf all = {0};
    assert_ok(w->sim->env.list(&w->sim->env, "logs", each_name, &all));
    buf_put_u8(&all, 0);
    size_t n = 0;
    for (const char *p = (const char *)all.p; (p = strstr(p, text)) != NULL; p++)
        n++;
    buf_fini(&all);
    return n;
}

static void test_topic_drop(void **state) {
    (void)state;
    for (int crash = 0; crash < 2; crash++) {
        struct world w;
        world_init(&w, 1);
        assert_ok(world_open(&w));
        struct uuid topic = world_topic(9);
        struct store_log *log = log_of(&w, 9), *other = log_of(&w, 1);
        configure(log, 500, -1, -1);
        for (uint32_t i = 0; i < 10; i++) {
            append(log, (struct batch_spec){.tag = i, .value_bytes = 300});
            append(store_log_get(w.st, &topic, 1), (struct batch_spec){.tag = i, .value_bytes = 900});
        }
        append(other, (struct batch_spec){.tag = 77});
        world_settle(&w);
        assert_int_equal(files_under(&w, "aa09"), 2);
        append(log, (struct batch_spec){.tag = 11}); /* queued when the drop comes */
        uint64_t ticket;
        assert_ok(store_topic_drop(w.st, &topic, &ticket));
        assert_null(store_log_find(w.st, &topic, 0));
        assert_null(store_log_find(w.st, &topic, 1));
        assert_int_equal(files_under(&w, "aa09"), 2); /* not before it is durable */
        store_flush(w.st);
        while (w.durable < ticket)
            assert_true(env_sim_step(w.sim));
        if (crash)
            reopen(&w, false);
        assert_null(store_log_find(w.st, &topic, 0));
        world_settle(&w);
        env_sim_advance(w.sim, 1000000);
        world_settle(&w);
        assert_int_equal(files_under(&w, "aa09"), 0);
        assert_int_equal(files_under(&w, "aa01"), 1);
        reopen(&w, true);
        assert_null(store_log_find(w.st, &topic, 0));
        assert_tags(&w, log_of(&w, 1), 0, (uint32_t[]){77}, 1);
        world_fini(&w);
    }
}

static void test_log_start(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    assert_ok(world_open(&w));
    struct store_log *log = log_of(&w, 1);
    configure(log, 600, -1, -1);
    for (uint32_t i = 0; i < 10; i++)
        append(log, (struct batch_spec){.tag = i, .count = 2, .value_bytes = 100});
    world_settle(&w);
    uint64_t ticket = 0, before = store_log_bytes(log);
    assert_int_equal(store_log_set_start(log, 21, &ticket), ERR_RANGE);
    assert_ok(store_log_set_start(log, 9, &ticket));
    assert_true(ticket > 0);
    assert_int_equal(store_log_start(log), 9);
    assert_true(store_log_bytes(log) < before);
    assert_ok(store_log_set_start(log, 5, &ticket)); /* never back */
    assert_int_equal(store_log_start(log), 9);
    struct buf out = {0};
    assert_int_equal(store_read(log, 8, 20, 4096, true, &out), ERR_RANGE);
    buf_fini(&out);
    world_settle(&w);
    for (int life = 0; life < 3; life++) {
        log = log_of(&w, 1);
        assert_int_equal(store_log_start(log), 9);
        assert_tags(&w, log, 9, (uint32_t[]){4, 5, 6, 7, 8, 9}, 6);
        reopen(&w, life == 1);
    }
    log = log_of(&w, 1);
    assert_ok(store_log_set_start(log, 20, &ticket)); /* all of it */
    world_settle(&w);
    reopen(&w, false);
    log = log_of(&w, 1);
    assert_int_equal(store_log_start(log), 20);
    assert_int_equal(store_log_end(log), 20);
    assert_int_equal(append(log, (struct batch_spec){.tag = 42}).base_offset, 20);
    world_settle(&w);
    assert_tags(&w, log, 20, (uint32_t[]){42}, 1);
    reopen(&w, false);
    assert_tags(&w, log_of(&w, 1), 20, (uint32_t[]){42}, 1);
    world_fini(&w);
}

static void test_retention(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    assert_ok(world_open(&w));
    struct store_log *log = log_of(&w, 1);
    int64_t now = w.sim->env.wall_ms(&w.sim->env);
    configure(log, 600, 1500, -1);
    for (uint32_t i = 0; i < 20; i++)
        append(log, (struct batch_spec){.tag = i, .value_bytes = 200, .ts = now + i * 1000});
    store_log_retain(log, now); /* nothing is durable: nothing goes */
    assert_int_equal(store_log_start(log), 0);
    world_settle(&w);
    store_log_retain(log, now);
    assert_true(store_log_start(log) > 0);
    assert_true(store_log_bytes(log) >= 1500 && store_log_bytes(log) < 1500 + 2 * 600);
    int64_t start = store_log_start(log);
    configure(log, 600, -1, 60000);
    store_log_retain(log, now + 60000);
    assert_int_equal(store_log_start(log), start); /* none is old enough */
    store_log_retain(log, now + 60000 + (start + 3) * 1000);
    assert_true(store_log_start(log) > start && store_log_start(log) < 20);
    store_log_retain(log, now + 600000);
    assert_int_equal(store_log_start(log), 20); /* the last segment too */
    world_settle(&w);
    assert_int_equal(append(log, (struct batch_spec){.tag = 20}).base_offset, 20);
    world_settle(&w);
    reopen(&w, false);
    assert_tags(&w, log_of(&w, 1), 20, (uint32_t[]){20}, 1);
    world_fini(&w);
}

static void test_no_retention_without_delete(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    assert_ok(world_open(&w));
    struct store_log *log = log_of(&w, 1);
    store_log_configure(log, &(struct log_config){.segment_bytes = 300, .segment_ms = 1000, .retention_ms = 1,
                                                  .retention_bytes = 1, .delete_old = false});
    for (uint32_t i = 0; i < 5; i++)
        append(log, (struct batch_spec){.tag = i, .value_bytes = 200});
    world_settle(&w);
    store_log_retain(log, INT64_MAX / 2);
    assert_int_equal(store_log_start(log), 0);
    world_fini(&w);
}

static void test_segments_roll(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    assert_ok(world_open(&w));
    struct store_log *log = log_of(&w, 1);
    configure(log, 1000, -1, -1);
    uint32_t tags[40];
    for (uint32_t i = 0; i < 40; i++) {
        tags[i] = i;
        /* Also batches that are larger than a segment. */
        append(log, (struct batch_spec){.tag = i, .value_bytes = i % 5 == 0 ? 1500 : 150});
        if (i % 7 == 0)
            world_settle(&w);
    }
    world_settle(&w);
    struct store_stats stats;
    store_get_stats(w.st, &stats);
    assert_true(stats.open_files <= w.config.max_open_files);
    assert_tags(&w, log, 0, tags, 40);
    assert_tags(&w, log, 13, tags + 13, 27);
    reopen(&w, false);
    assert_tags(&w, log_of(&w, 1), 0, tags, 40);
    world_fini(&w);
}

static void assert_time(struct world *w, struct store_log *log, int64_t ts, int64_t offset, int64_t found) {
    int64_t o, t;
    enum err e;
    while ((e = store_find_time(log, ts, &o, &t)) == ERR_AGAIN)
        assert_true(env_sim_step(w->sim));
    assert_ok(e);
    assert_int_equal(o, offset);
    assert_int_equal(t, found);
}

/* The index is a cache: whatever happens to its file, reads find their place. */
static void test_index(void **state) {
    (void)state;
    static const char path[] = "logs/aa010000000000000000000000000001-0/00000000000000000000.index";
    struct world w;
    world_init(&w, 1);
    w.config.wal_file_bytes = 4 << 20;
    w.config.inline_max_bytes = 4096;
    assert_ok(world_open(&w));
    struct store_log *log = log_of(&w, 1);
    for (uint32_t i = 0; i < 1000; i++) {
        append(log, (struct batch_spec){.tag = i, .count = 3, .value_bytes = 300, .ts = i, .step_ms = 0});
        if (i % 50 == 0)
            world_settle(&w);
    }
    world_settle(&w);
    struct random r = {5};
    for (int life = 0; life < 5; life++) {
        log = log_of(&w, 1);
        for (int i = 0; i < 100; i++) {
            int64_t offset = (int64_t)random_below(&r, 3000);
            struct buf out = {0};
            struct batch b;
            enum err e;
            while ((e = store_read(log, offset, 3000, 5000, true, &out)) == ERR_AGAIN)
                env_sim_run_until_idle(w.sim);
            assert_ok(e);
            assert_ok(batch_parse(buf_slice(&out), &b));
            assert_int_equal(b.base_offset, offset / 3 * 3);
            assert_int_equal(batch_tag(&b), offset / 3);
            buf_fini(&out);
            assert_true(store_log_bytes_between(log, offset, 3000) <= store_log_bytes(log));
            assert_time(&w, log, offset / 3, offset / 3 * 3, offset / 3);
        }
        reopen(&w, life % 2 == 0);
        world_close(&w);
        size_t n = env_sim_bytes(w.sim, path).n;
        assert_true(n > 0 || life > 0); /* a power cut may take it: nobody syncs a cache */
        if (n == 0 || life == 1)
            env_sim_put(w.sim, path, SLICE("not an index at all, but some text of another kind"));
        else if (life > 1)
            for (int i = 0; i < 20; i++)
                env_sim_flip(w.sim, path, random_below(&r, n), (uint8_t)(1u << random_below(&r, 8)));
        assert_ok(world_open(&w));
    }
    world_fini(&w);
}

/* ---- by time ---- */

static void assert_max_time(struct world *w, struct store_log *log, int64_t offset, int64_t found) {
    int64_t o, t;
    enum err e;
    while ((e = store_find_max_time(log, &o, &t)) == ERR_AGAIN)
        assert_true(env_sim_step(w->sim));
    assert_ok(e);
    assert_int_equal(o, offset);
    assert_int_equal(t, found);
}

static void test_find_time(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    assert_ok(world_open(&w));
    struct store_log *log = log_of(&w, 1);
    configure(log, 2000, -1, -1);
    assert_time(&w, log, 0, -1, -1);
    assert_max_time(&w, log, -1, -1);
    for (uint32_t i = 0; i < 20; i++) /* batch i: offsets 10i.., times 1000i, +10 each; every codec */
        append(log, (struct batch_spec){.tag = i, .count = 10, .ts = 1000 * (int64_t)i, .step_ms = 10,
                                        .value_bytes = 30, .codec = (enum batch_codec)(i % CODEC_N)});
    assert_time(&w, log, 0, -1, -1); /* nothing is below the high watermark yet */
    world_settle(&w);
    for (int life = 0; life < 2; life++) {
        log = log_of(&w, 1);
        assert_time(&w, log, -1, 0, 0);
        assert_time(&w, log, 0, 0, 0);
        for (int64_t i = 0; i < 20; i++) {
            assert_time(&w, log, 1000 * i + 10, 10 * i + 1, 1000 * i + 10);
            assert_time(&w, log, 1000 * i + 81, 10 * i + 9, 1000 * i + 90);
            if (i > 0)
                assert_time(&w, log, 1000 * i - 500, 10 * i, 1000 * i);
        }
        assert_time(&w, log, 19091, -1, -1);
        assert_max_time(&w, log, 199, 19090);
        env_sim_evict(w.sim);
        assert_time(&w, log, 7050, 75, 7050);
        reopen(&w, false);
    }
    log = log_of(&w, 1);
    assert_ok(store_log_set_start(log, 105, NULL));
    world_settle(&w);
    assert_time(&w, log, 0, 105, 10050);
    /* An older timestamp later: the first offset that is new enough counts. */
    append(log, (struct batch_spec){.tag = 30, .ts = 500});
    world_settle(&w);
    assert_time(&w, log, 19000, 190, 19000);
    assert_max_time(&w, log, 199, 19090);
    world_fini(&w);
}

static void test_find_append_time(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    assert_ok(world_open(&w));
    struct store_log *log = log_of(&w, 1);
    struct buf b = {0};
    for (uint32_t i = 0; i < 5; i++) {
        enum batch_codec codec = i % 2 ? CODEC_ZSTD : CODEC_NONE;
        struct batch_spec spec = {.tag = i, .count = 3, .ts = 5, .step_ms = 1, .codec = codec};
        struct append_result r;
        batch_spec_build(&spec, &b);
        batch_set_append_time(b.p, b.n, 10000 + i * 100);
        assert_ok(store_append(log, b.p, b.n, &r));
    }
    buf_fini(&b);
    world_settle(&w);
    assert_time(&w, log, 10050, 3, 10100);
    assert_time(&w, log, 10400, 12, 10400);
    assert_time(&w, log, 10401, -1, -1);
    int64_t offset, ts;
    assert_ok(store_find_max_time(log, &offset, &ts));
    assert_int_equal(ts, 10400);
    assert_true(offset >= 12 && offset <= 14);
    world_fini(&w);
}

/* ---- idempotent producers ---- */

static struct append_result send(struct store_log *log, int64_t id, int16_t epoch, int32_t sequence, int32_t count) {
    return append(log, (struct batch_spec){
        .tag = (uint32_t)sequence, .count = count, .ts = 1000 + (int64_t)sequence, .has_producer = true,
        .producer_id = id, .producer_epoch = epoch, .sequence = sequence,
    });
}

static void test_sequences(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    assert_ok(world_open(&w));
    struct store_log *log = log_of(&w, 1);
    assert_int_equal(send(log, 5, 0, 100, 2).base_offset, 0); /* nothing known: any sequence */
    assert_int_equal(send(log, 5, 0, 102, 1).base_offset, 2);
    assert_int_equal(send(log, 6, 0, 0, 1).base_offset, 3);   /* another producer */
    struct append_result r = send(log, 5, 0, 100, 2);
    assert_true(r.duplicate && r.sequence == APPEND_OK);
    assert_int_equal(r.base_offset, 0);
    assert_int_equal(r.duplicate_timestamp, 1100);
    assert_int_equal(send(log, 5, 0, 104, 1).sequence, APPEND_OUT_OF_ORDER);  /* a gap */
    assert_int_equal(send(log, 5, 0, 100, 1).sequence, APPEND_OUT_OF_ORDER);  /* same start, not the same batch */
    assert_int_equal(send(log, 5, 1, 103, 1).sequence, APPEND_OUT_OF_ORDER);  /* a new epoch begins at 0 */
    assert_int_equal(store_log_end(log), 4);
    assert_int_equal(send(log, 5, 1, 0, 1).base_offset, 4);
    assert_int_equal(send(log, 5, 0, 103, 1).sequence, APPEND_BAD_EPOCH);
    for (int32_t i = 1; i <= 5; i++)
        send(log, 5, 1, i, 1);
    assert_true(send(log, 5, 1, 1, 1).duplicate);                             /* the fifth last */
    assert_int_equal(send(log, 5, 1, 0, 1).sequence, APPEND_OUT_OF_ORDER);    /* the sixth last is forgotten */
    world_settle(&w);
    for (int life = 0; life < 4; life++) { /* all of it survives */
        reopen(&w, life % 2 == 1);
        log = log_of(&w, 1);
        r = send(log, 5, 1, 3, 1);
        assert_true(r.duplicate);
        assert_int_equal(r.base_offset, 7);
        assert_int_equal(send(log, 5, 1, 7, 1).sequence, APPEND_OUT_OF_ORDER);
        assert_int_equal(send(log, 5, 0, 103, 1).sequence, APPEND_BAD_EPOCH);
        assert_true(send(log, 6, 0, 0, 1).duplicate);
        assert_int_equal(store_log_end(log), 10);
        struct producer_info info[4];
        assert_int_equal(store_log_producers(log, info, 4), 2);
        const struct producer_info *five = info[0].id == 5 ? &info[0] : &info[1];
        assert_int_equal(five->id, 5);
        assert_int_equal(five->epoch, 1);
        assert_int_equal(five->last_sequence, 5);
        assert_int_equal(five->last_offset, 9);
    }
    assert_int_equal(send(log, 5, 1, 6, 1).base_offset, 10);
    world_fini(&w);
}

static void test_sequence_wraps(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    assert_ok(world_open(&w));
    struct store_log *log = log_of(&w, 1);
    send(log, 5, 0, INT32_MAX - 1, 2); /* 2^31-2, 2^31-1 */
    assert_int_equal(send(log, 5, 0, 0, 1).base_offset, 2);
    assert_int_equal(send(log, 5, 0, 1, 1).base_offset, 3);
    send(log, 9, 0, INT32_MAX, 3);     /* 2^31-1, 0, 1 within one batch */
    assert_int_equal(send(log, 9, 0, 2, 1).base_offset, 7);
    assert_true(send(log, 9, 0, INT32_MAX, 3).duplicate);
    world_fini(&w);
}

static void test_producers_expire(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 1);
    w.config.producer_expiry_ms = 1000;
    assert_ok(world_open(&w));
    struct store_log *log = log_of(&w, 1);
    send(log, 5, 3, 7, 1);
    world_settle(&w);
    env_sim_advance(w.sim, 2000000);
    reopen(&w, true); /* expiry rides on a checkpoint */
    assert_int_equal(send(log_of(&w, 1), 5, 0, 50, 1).sequence, APPEND_OK);
    world_fini(&w);
}

static void quiet(void *ctx, enum log_level level, const char *line) {
    (void)ctx;
    (void)level;
    (void)line;
}

int main(void) {
    log_set_sink(quiet, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_visible_when_durable), cmocka_unit_test(test_os_visible_at_flush),
        cmocka_unit_test(test_offsets_go_on),        cmocka_unit_test(test_unacked_is_whole_or_absent),
        cmocka_unit_test(test_read_limits),          cmocka_unit_test(test_cold_reads),
        cmocka_unit_test(test_cold_read_then_gone),  cmocka_unit_test(test_map),
        cmocka_unit_test(test_topic_drop),           cmocka_unit_test(test_log_start),
        cmocka_unit_test(test_retention),            cmocka_unit_test(test_no_retention_without_delete),
        cmocka_unit_test(test_segments_roll),        cmocka_unit_test(test_index),
        cmocka_unit_test(test_find_time),
        cmocka_unit_test(test_find_append_time),     cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_sequence_wraps),       cmocka_unit_test(test_producers_expire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
