/* The store when the world is unkind: failed and full disks, damaged and foreign
 * directories, rot. */
#include "core/base/log.h"
#include "tests/sim/store_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define assert_ok(e) assert_int_equal((e), OK)

static struct store_log *log_of(struct world *w) {
    struct uuid u = world_topic(1);
    return store_log_get(w->st, &u, 0);
}

static enum err append(struct store_log *log, uint32_t tag, size_t value_bytes) {
    struct append_result r;
    return world_append(log, &(struct batch_spec){.tag = tag, .value_bytes = value_bytes}, &r);
}

/* How many whole batches stand in [from, hw), each with the tag that its offset says. */
static int64_t readable(struct world *w, int64_t from) {
    struct buf out = {0};
    struct store_log *log = log_of(w);
    assert_ok(world_read(w, log, from, store_log_hw(log), &out));
    int64_t next = from;
    for (size_t at = 0; at < out.n;) {
        struct batch b;
        assert_ok(batch_parse(slice_of(out.p + at, out.n - at), &b));
        assert_true(batch_crc_ok(&b));
        assert_int_equal(b.base_offset, next);
        assert_int_equal(batch_tag(&b), next);
        next = batch_last_offset(&b) + 1;
        at += b.bytes.n;
    }
    buf_fini(&out);
    return next;
}

static void start(struct world *w, uint64_t seed, uint32_t n) {
    world_init(w, seed);
    assert_ok(world_open(w));
    for (uint32_t i = 0; i < n; i++)
        assert_ok(append(log_of(w), i, i % 3 == 0 ? 1500 : 50));
    world_settle(w);
}

/* ---- failures are final ---- */

static void assert_failed(struct world *w, int64_t hw) {
    uint64_t ticket;
    struct uuid topic = world_topic(1);
    assert_int_equal(w->result, ERR_IO);
    assert_int_equal(store_state(w->st), ERR_READ_ONLY);
    assert_int_equal(append(log_of(w), 99, 10), ERR_READ_ONLY);
    assert_int_equal(store_put(w->st, 1, SLICE("k"), SLICE("v"), &ticket), ERR_READ_ONLY);
    assert_int_equal(store_delete(w->st, 1, SLICE("k"), &ticket), ERR_READ_ONLY);
    assert_int_equal(store_log_set_start(log_of(w), 1, &ticket), ERR_READ_ONLY);
    assert_int_equal(store_topic_drop(w->st, &topic, &ticket), ERR_READ_ONLY);
    unsigned syncs = (unsigned)w->sim->count[ENV_SIM_SYNC];
    env_sim_heal(w->sim); /* the disk may be well again: it is never trusted again */
    world_settle(w);
    env_sim_advance(w->sim, 100000000);
    world_settle(w);
    assert_int_equal(w->sim->count[ENV_SIM_SYNC], syncs);
    assert_int_equal(store_log_hw(log_of(w)), hw);
    assert_int_equal(readable(w, 0), hw); /* reads go on */
}

static void test_sync_failure_is_final(void **state) {
    (void)state;
    struct world w;
    start(&w, 1, 4);
    uint64_t durable = w.durable;
    assert_ok(append(log_of(&w), 4, 10));
    env_sim_fail(w.sim, ENV_SIM_SYNC, 1, 1, ERR_IO);
    store_flush(w.st);
    assert_int_equal(w.result, OK); /* not known yet */
    env_sim_run_until_idle(w.sim);
    assert_int_equal(w.durable, durable);
    assert_failed(&w, 4);
    world_crash(&w, 5);
    assert_ok(world_open(&w));
    int64_t n = readable(&w, 0);
    assert_true(n == 4 || n == 5);
    world_fini(&w);
}

static void test_write_failure_is_final(void **state) {
    (void)state;
    struct world w;
    start(&w, 1, 4);
    assert_ok(append(log_of(&w), 4, 10));
    env_sim_fail(w.sim, ENV_SIM_WRITE, 1, 1, ERR_IO);
    store_flush(w.st);
    assert_failed(&w, 4);
    world_crash(&w, 5);
    assert_ok(world_open(&w));
    assert_true(readable(&w, 0) >= 4);
    world_fini(&w);
}

static void test_large_write_failure(void **state) {
    (void)state;
    struct world w;
    start(&w, 1, 4);
    env_sim_fail(w.sim, ENV_SIM_WRITE, 1, 1, ERR_IO);
    assert_int_equal(append(log_of(&w), 4, 2000), ERR_IO);
    assert_failed(&w, 4);
    world_fini(&w);
}

/* After a failed sync the page cache shows what the disk does not have; a restart of
 * the process must not believe it. */
static void test_kill_after_failed_sync(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        struct world w;
        start(&w, seed, 4);
        assert_ok(append(log_of(&w), 4, seed % 2 ? 3000 : 50));
        env_sim_fail(w.sim, ENV_SIM_SYNC, 1, 1, ERR_IO);
        world_settle(&w);
        world_kill(&w);
        assert_ok(world_open(&w));
        int64_t shown = readable(&w, 0);
        world_crash(&w, seed);
        assert_ok(world_open(&w));
        assert_true(readable(&w, 0) == shown);
        assert_int_equal(w.recovery.corrupt, 0);
        world_fini(&w);
    }
}

/* ---- a full disk ---- */

static void test_full_and_again(void **state) {
    (void)state;
    struct world w;
    start(&w, 1, 1);
    w.writable = true;
    env_sim_set_free_bytes(w.sim, w.config.reserve_bytes + 20000);
    int64_t n = 1;
    enum err e;
    while ((e = append(log_of(&w), (uint32_t)n, 1000)) == OK) {
        n++;
        world_settle(&w);
        assert_true(n < 100);
    }
    assert_int_equal(e, ERR_NO_SPACE);
    assert_false(w.writable);
    assert_int_equal(store_state(w.st), ERR_NO_SPACE);
    assert_int_equal(store_log_hw(log_of(&w)), n); /* what was taken is safe */
    assert_int_equal(readable(&w, 0), n);
    uint64_t ticket; /* room is kept for what frees space and for offsets */
    assert_ok(store_put(w.st, 1, SLICE("k"), SLICE("v"), &ticket));
    assert_ok(store_log_set_start(log_of(&w), 1, &ticket));
    world_settle(&w);
    assert_true(w.durable >= ticket);
    assert_int_equal(append(log_of(&w), (uint32_t)n, 10), ERR_NO_SPACE);
    env_sim_set_free_bytes(w.sim, 1 << 20);
    for (int i = 0; i < 10; i++) {
        env_sim_advance(w.sim, 500000);
        world_settle(&w);
    }
    assert_true(w.writable); /* by itself */
    assert_int_equal(store_state(w.st), OK);
    assert_ok(append(log_of(&w), (uint32_t)n, 1000));
    world_settle(&w);
    assert_int_equal(readable(&w, 1), n + 1);
    world_crash(&w, 3);
    assert_ok(world_open(&w));
    assert_int_equal(readable(&w, 1), n + 1);
    world_fini(&w);
}

/* The disk says "full" in the middle of a flush: nothing acked is lost, what waits is safe later. */
static void test_full_in_a_flush(void **state) {
    (void)state;
    for (uint64_t nth = 1; nth < 6; nth++) {
        struct world w;
        start(&w, nth, 4);
        assert_ok(append(log_of(&w), 4, 100));
        assert_ok(append(log_of(&w), 5, 100));
        env_sim_fail(w.sim, ENV_SIM_WRITE, nth, 3, ERR_NO_SPACE);
        world_settle(&w);
        assert_int_equal(readable(&w, 0), store_log_hw(log_of(&w)));
        for (int i = 0; i < 10; i++) {
            env_sim_advance(w.sim, 500000);
            world_settle(&w);
        }
        assert_int_equal(store_state(w.st), OK);
        assert_int_equal(readable(&w, 0), 6);
        env_sim_heal(w.sim);
        assert_ok(append(log_of(&w), 6, 100));
        world_settle(&w);
        world_crash(&w, nth);
        assert_ok(world_open(&w));
        assert_int_equal(readable(&w, 0), 7);
        world_fini(&w);
    }
}

/* ---- directories that are not ours to touch ---- */

static void test_newer_format(void **state) {
    (void)state;
    struct world w;
    start(&w, 1, 4);
    world_close(&w);
    env_sim_put(w.sim, "FORMAT", SLICE("weir 999\n"));
    uint64_t before = env_sim_digest(w.sim);
    assert_int_equal(world_open(&w), ERR_UNSUPPORTED);
    assert_true(strlen(w.error.text) > 0);
    assert_null(w.st);
    assert_true(env_sim_digest(w.sim) == before);
    env_sim_put(w.sim, "FORMAT", SLICE("something else\n"));
    before = env_sim_digest(w.sim);
    assert_int_equal(world_open(&w), ERR_UNSUPPORTED);
    assert_true(env_sim_digest(w.sim) == before);
    env_sim_put(w.sim, "FORMAT", SLICE("weir 1\n"));
    assert_ok(world_open(&w));
    assert_int_equal(readable(&w, 0), 4);
    world_fini(&w);
}

/* A power cut before the first acknowledgement: the name without its bytes, or with some. */
static void test_torn_format(void **state) {
    (void)state;
    static const char *const torn[] = {"", "w", "weir ", "weir 1", "weir 1\0", "weir\0\0", "\0\0\0\0\0\0\0"};
    static const size_t bytes[] = {0, 1, 5, 6, 7, 6, 7};
    for (size_t i = 0; i < sizeof torn / sizeof *torn; i++) {
        struct world w;
        start(&w, 1, 4);
        world_close(&w);
        env_sim_put(w.sim, "FORMAT", slice_of((const uint8_t *)torn[i], bytes[i]));
        assert_ok(world_open(&w));
        assert_int_equal(readable(&w, 0), 4);
        world_close(&w);
        env_sim_put(w.sim, "FORMAT", slice_of((const uint8_t *)torn[i], bytes[i]));
        env_sim_put(w.sim, "notes.txt", SLICE("mine"));
        uint64_t before = env_sim_digest(w.sim);
        assert_int_equal(world_open(&w), ERR_UNSUPPORTED); /* no longer a sign that it is ours */
        assert_true(env_sim_digest(w.sim) == before);
        world_fini(&w);
    }
}

/* Wherever a kill ends the first start, what it leaves is known as ours: FORMAT is there before anything else is. */
static void test_killed_first_start(void **state) {
    (void)state;
    for (uint64_t nth = 1; nth <= 12; nth++) {
        struct world w;
        world_init(&w, nth);
        env_sim_crash_after(w.sim, nth);
        (void)!world_open(&w);
        world_kill(&w);
        bool begun = env_sim_exists(w.sim, "wal") || env_sim_exists(w.sim, "logs");
        assert_true(!begun || env_sim_exists(w.sim, "FORMAT"));
        assert_ok(world_open(&w));
        world_fini(&w);
    }
}

static void test_foreign_directory(void **state) {
    (void)state;
    static const char *const names[] = {"notes.txt", "photos/cat.jpg", "meta.properties"};
    for (size_t i = 0; i < 3; i++) {
        struct world w;
        world_init(&w, 1);
        env_sim_put(w.sim, names[i], SLICE("mine"));
        uint64_t before = env_sim_digest(w.sim);
        assert_int_equal(world_open(&w), ERR_UNSUPPORTED);
        assert_true(env_sim_digest(w.sim) == before);
        world_fini(&w);
    }
}

/* ---- snapshots ---- */

struct names {
    char v[8][64];
    size_t n;
};

static void snapshot_name(void *ctx, const char *name, bool is_dir) {
    struct names *s = ctx;
    if (!is_dir && strncmp(name, "snapshot-", 9) == 0 && strstr(name, ".tmp") == NULL && s->n < 8)
        snprintf(s->v[s->n++], sizeof s->v[0], "%s", name);
}

static int by_length_then_name(const void *a, const void *b) {
    size_t x = strlen(a), y = strlen(b);
    return x != y ? (x > y) - (x < y) : strcmp(a, b);
}

static void find_snapshots(struct world *w, struct names *s) {
    s->n = 0;
    assert_ok(w->sim->env.list(&w->sim->env, "", snapshot_name, s));
    qsort(s->v, s->n, sizeof s->v[0], by_length_then_name);
}

static void test_damaged_snapshots(void **state) {
    (void)state;
    for (uint64_t where = 0; where < 40; where += 3) {
        struct world w;
        start(&w, where, 4);
        uint64_t ticket;
        assert_ok(store_put(w.st, 1, SLICE("k"), SLICE("v"), &ticket));
        world_close(&w);
        for (uint32_t i = 4; i < 8; i += 2) {
            assert_ok(world_open(&w));
            assert_ok(append(log_of(&w), i, 50));
            assert_ok(append(log_of(&w), i + 1, 1500));
            world_close(&w);
        }
        struct names s;
        find_snapshots(&w, &s);
        assert_int_equal(s.n, 2);
        env_sim_flip(w.sim, s.v[1], where, 0x10);
        assert_ok(world_open(&w)); /* the one before it, and the log */
        assert_false(w.recovery.clean);
        assert_int_equal(readable(&w, 0), 8);
        assert_true(slice_is(store_get(w.st, 1, SLICE("k")), "v"));
        world_close(&w);
        find_snapshots(&w, &s);
        for (size_t i = 0; i < s.n; i++)
            env_sim_flip(w.sim, s.v[i], where, 0x01);
        uint64_t before = env_sim_digest(w.sim);
        assert_int_equal(world_open(&w), ERR_CORRUPT); /* never "start empty" */
        assert_true(env_sim_digest(w.sim) == before);
        world_fini(&w);
    }
}

/* ---- rot ---- */

/* A bit flips in what was acked: the store says so or is not touched by it, and gives out no damaged byte. */
static void test_rot_is_told(void **state) {
    (void)state;
    unsigned told = 0;
    struct random r = {99};
    for (uint64_t seed = 0; seed < 120; seed++) {
        struct world w;
        start(&w, seed, 6);
        for (uint32_t i = 6; i < 12; i++) {
            assert_ok(append(log_of(&w), i, 60));
            world_settle(&w);
        }
        world_crash(&w, seed); /* the power was cut, and now also: */
        const char *path = "wal/0000000001.wal";
        if (seed % 2)
            path = "logs/aa010000000000000000000000000001-0/00000000000000000000.log";
        struct slice bytes = env_sim_bytes(w.sim, path);
        assert_non_null(bytes.p);
        size_t n = bytes.n < 2500 ? bytes.n : 2500;
        env_sim_flip(w.sim, path, random_below(&r, n), (uint8_t)(1u << random_below(&r, 8)));
        enum err e = world_open(&w);
        if (e != OK) {
            told++;
            assert_true(e == ERR_CORRUPT && strlen(w.error.text) > 0);
            world_fini(&w);
            continue;
        }
        told += w.recovery.corrupt > 0;
        struct store_log *log = log_of(&w);
        struct buf out = {0};
        e = world_read(&w, log, 0, store_log_hw(log), &out);
        if (w.recovery.corrupt == 0 && e == OK) {
            /* Nobody said anything: then all of it must be there and good, but for the very last group. */
            assert_true(store_log_hw(log) >= 11);
            for (size_t at = 0; at < out.n;) {
                struct batch b;
                assert_ok(batch_parse(slice_of(out.p + at, out.n - at), &b));
                assert_true(batch_crc_ok(&b));
                at += b.bytes.n;
            }
        }
        buf_fini(&out);
        world_fini(&w);
    }
    assert_true(told > 10);
}

static void quiet(void *ctx, enum log_level level, const char *line) {
    (void)ctx;
    (void)level;
    (void)line;
}

int main(void) {
    log_set_sink(quiet, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sync_failure_is_final),  cmocka_unit_test(test_write_failure_is_final),
        cmocka_unit_test(test_large_write_failure),    cmocka_unit_test(test_kill_after_failed_sync),
        cmocka_unit_test(test_full_and_again),         cmocka_unit_test(test_full_in_a_flush),
        cmocka_unit_test(test_newer_format), cmocka_unit_test(test_torn_format),
        cmocka_unit_test(test_killed_first_start),
        cmocka_unit_test(test_foreign_directory),
        cmocka_unit_test(test_damaged_snapshots),      cmocka_unit_test(test_rot_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
