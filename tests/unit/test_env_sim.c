/* The rules of the simulated disk: what a crash keeps, what it may lose, and that
 * a seed gives the same run. */
#include "tests/sim/env_sim.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct env_file *open_file(struct env_sim *s, const char *path, int flags) {
    struct env_file *f = NULL;
    assert_int_equal(s->env.open(&s->env, path, flags, &f), OK);
    return f;
}

static void write_at(struct env_sim *s, struct env_file *f, uint64_t offset, const char *text) {
    struct slice v = slice_cstr(text);
    assert_int_equal(s->env.write(&s->env, f, offset, &v, 1), OK);
}

static bool holds(struct env_sim *s, const char *path, const char *text) {
    struct slice b = env_sim_bytes(s, path);
    return b.p != NULL && slice_is(b, text);
}

static void test_synced_survives(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct env_sim *s = env_sim_new(seed);
        struct env_file *f = open_file(s, "a", ENV_WRITE | ENV_CREATE);
        write_at(s, f, 0, "hello");
        assert_int_equal(s->env.sync_now(&s->env, f, ""), OK);
        write_at(s, f, 5, " world");
        s->env.close(&s->env, f);
        env_sim_crash(s, seed);
        struct slice b = env_sim_bytes(s, "a");
        assert_true(b.n >= 5 && b.n <= 11);
        assert_memory_equal(b.p, "hello", 5);
        env_sim_free(s);
    }
}

static void test_unsynced_bytes_may_go(void **state) {
    (void)state;
    unsigned kept = 0, lost = 0, other = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct env_sim *s = env_sim_new(seed);
        struct env_file *f = open_file(s, "a", ENV_WRITE | ENV_CREATE);
        uint8_t block[2 * 512];
        memset(block, 'a', sizeof block);
        struct slice v = slice_of(block, sizeof block);
        assert_int_equal(s->env.write(&s->env, f, 0, &v, 1), OK);
        assert_int_equal(s->env.sync_now(&s->env, f, "."), OK);
        memset(block, 'b', sizeof block);
        assert_int_equal(s->env.write(&s->env, f, 0, &v, 1), OK);
        s->env.close(&s->env, f);
        env_sim_crash(s, seed);
        struct slice b = env_sim_bytes(s, "a");
        assert_int_equal(b.n, sizeof block);
        bool all_a = true, all_b = true;
        for (size_t i = 0; i < b.n; i++) {
            assert_true(b.p[i] == 'a' || b.p[i] == 'b'); /* an overwrite in place never becomes zeroes */
            assert_true(i % 256 == 0 || b.p[i] == b.p[i - 1]); /* torn in halves of a sector at most */
            all_a = all_a && b.p[i] == 'a';
            all_b = all_b && b.p[i] == 'b';
        }
        kept += all_b;
        lost += all_a;
        other += !all_a && !all_b;
        env_sim_free(s);
    }
    assert_true(kept > 20 && lost > 20 && other > 20);
}

static void test_growth_may_be_zeroes(void **state) {
    (void)state;
    unsigned holes = 0, sizes = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct env_sim *s = env_sim_new(seed);
        struct env_file *f = open_file(s, "a", ENV_WRITE | ENV_CREATE);
        assert_int_equal(s->env.sync_now(&s->env, f, ""), OK);
        uint8_t block[4 * 512];
        memset(block, 'x', sizeof block);
        struct slice v = slice_of(block, sizeof block);
        assert_int_equal(s->env.write(&s->env, f, 0, &v, 1), OK);
        s->env.close(&s->env, f);
        env_sim_crash(s, seed);
        struct slice b = env_sim_bytes(s, "a");
        /* A hole of zeroes before bytes that arrived. */
        bool zero = false, hole = false;
        for (size_t i = 0; i < b.n; i++) {
            zero = zero || b.p[i] == 0;
            hole = hole || (zero && b.p[i] == 'x');
        }
        holes += hole;
        sizes += b.n > 0 && b.n < sizeof block;
        env_sim_free(s);
    }
    assert_true(holes > 20 && sizes > 20);
}

static void test_names(void **state) {
    (void)state;
    unsigned lost_new = 0, kept_new = 0, old_name = 0, new_name = 0, still_there = 0;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct env_sim *s = env_sim_new(seed);
        assert_int_equal(s->env.mkdir(&s->env, "d"), OK);
        struct env_file *f = open_file(s, "d/keep", ENV_WRITE | ENV_CREATE);
        struct env_file *g = open_file(s, "d/gone", ENV_WRITE | ENV_CREATE);
        struct env_file *h = open_file(s, "d/target", ENV_WRITE | ENV_CREATE);
        write_at(s, f, 0, "f");
        write_at(s, h, 0, "h");
        assert_int_equal(s->env.sync_now(&s->env, f, "d"), OK);
        assert_int_equal(s->env.sync_now(&s->env, h, ""), OK);
        assert_int_equal(s->env.unlink(&s->env, "d/gone"), OK);
        struct env_file *n = open_file(s, "d/new", ENV_WRITE | ENV_CREATE | ENV_EXCL);
        write_at(s, n, 0, "n");
        assert_int_equal(s->env.sync_now(&s->env, n, NULL), OK); /* the file, not its name */
        assert_int_equal(s->env.rename(&s->env, "d/keep", "d/target"), OK);
        assert_false(env_sim_exists(s, "d/gone"));
        assert_true(holds(s, "d/target", "f"));
        s->env.close(&s->env, f);
        s->env.close(&s->env, g);
        s->env.close(&s->env, h);
        s->env.close(&s->env, n);
        env_sim_crash(s, seed);
        assert_true(env_sim_exists(s, "d"));
        still_there += env_sim_exists(s, "d/gone");
        if (env_sim_exists(s, "d/new")) {
            assert_true(holds(s, "d/new", "n"));
            kept_new++;
        } else {
            lost_new++;
        }
        if (env_sim_exists(s, "d/keep")) { /* whole or not at all */
            assert_true(holds(s, "d/keep", "f") && holds(s, "d/target", "h"));
            old_name++;
        } else {
            assert_true(holds(s, "d/target", "f"));
            new_name++;
        }
        env_sim_free(s);
    }
    assert_true(lost_new > 20 && kept_new > 20 && old_name > 20 && new_name > 20);
    assert_true(still_there > 20);
}

/* Renamed twice: whatever a crash keeps, it has one name. */
static void test_renamed_twice(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct env_sim *s = env_sim_new(seed);
        env_sim_put(s, "1", SLICE("x"));
        assert_int_equal(s->env.rename(&s->env, "1", "2"), OK);
        assert_int_equal(s->env.rename(&s->env, "2", "3"), OK);
        env_sim_crash(s, seed);
        assert_int_equal(env_sim_exists(s, "1") + env_sim_exists(s, "2") + env_sim_exists(s, "3"), 1);
        env_sim_free(s);
    }
}

static void test_lost_directory_takes_all(void **state) {
    (void)state;
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct env_sim *s = env_sim_new(seed);
        assert_int_equal(s->env.mkdir(&s->env, "d"), OK);
        struct env_file *f = open_file(s, "d/f", ENV_WRITE | ENV_CREATE);
        assert_int_equal(s->env.sync_now(&s->env, f, "d"), OK);
        s->env.close(&s->env, f);
        env_sim_crash(s, seed);
        lost += !env_sim_exists(s, "d");
        assert_int_equal(env_sim_exists(s, "d/f"), env_sim_exists(s, "d"));
        env_sim_free(s);
    }
    assert_true(lost > 10);
}

struct ended {
    int n;
    enum err result;
};

static void on_sync(struct env_sync *sync, enum err result, void *ctx) {
    (void)sync;
    struct ended *e = ctx;
    e->n++;
    e->result = result;
}

static void test_async_sync(void **state) {
    (void)state;
    struct env_sim *s = env_sim_new(1);
    struct env_file *f = open_file(s, "a", ENV_WRITE | ENV_CREATE);
    assert_int_equal(s->env.sync_now(&s->env, NULL, ""), OK);
    write_at(s, f, 0, "one");
    struct ended e = {0};
    struct env_sync sync = {.files = {f}, .n_files = 1, .dirs = {""}, .n_dirs = 1, .done = on_sync, .ctx = &e};
    s->env.sync(&s->env, &sync);
    assert_int_equal(e.n, 0); /* never from inside the call */
    write_at(s, f, 0, "two"); /* after the sync was started: not its business */
    s->env.close(&s->env, f); /* allowed while a sync holds it */
    int64_t before = s->env.mono_us(&s->env);
    assert_true(env_sim_step(s));
    assert_true(s->env.mono_us(&s->env) > before);
    assert_int_equal(e.n, 1);
    assert_int_equal(e.result, OK);
    assert_false(env_sim_step(s));
    assert_int_equal(env_sim_open_files(s), 0);
    uint64_t seed = 0;
    while (seed < 100) { /* some crash loses "two", none loses "one" */
        env_sim_crash(s, seed++);
        if (holds(s, "a", "one"))
            break;
        assert_true(holds(s, "a", "two"));
        f = open_file(s, "a", ENV_WRITE);
        write_at(s, f, 0, "one");
        assert_int_equal(s->env.sync_now(&s->env, f, NULL), OK);
        write_at(s, f, 0, "two");
        s->env.close(&s->env, f);
    }
    assert_true(holds(s, "a", "one"));
    env_sim_free(s);
}

/* A sync in flight while a later one ends: its older bytes do not land on the newer. */
static void test_overtaken_sync(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct env_sim *s = env_sim_new(seed);
        struct env_file *f = open_file(s, "a", ENV_WRITE | ENV_CREATE);
        assert_int_equal(s->env.sync_now(&s->env, NULL, ""), OK);
        write_at(s, f, 0, "1");
        struct ended e = {0};
        struct env_sync sync = {.files = {f}, .n_files = 1, .done = on_sync, .ctx = &e};
        s->env.sync(&s->env, &sync);
        write_at(s, f, 0, "two");
        assert_int_equal(s->env.sync_now(&s->env, f, NULL), OK);
        assert_true(env_sim_step(s));
        s->env.close(&s->env, f);
        env_sim_crash(s, seed);
        assert_true(holds(s, "a", "two"));
        env_sim_free(s);
    }
}

static void test_failed_sync_lies_later(void **state) {
    (void)state;
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct env_sim *s = env_sim_new(seed);
        struct env_file *f = open_file(s, "a", ENV_WRITE | ENV_CREATE);
        write_at(s, f, 0, "old");
        assert_int_equal(s->env.sync_now(&s->env, f, ""), OK);
        write_at(s, f, 0, "new");
        env_sim_fail(s, ENV_SIM_SYNC, 1, 1, ERR_IO);
        assert_int_equal(s->env.sync_now(&s->env, f, NULL), ERR_IO);
        assert_true(holds(s, "a", "new"));
        assert_int_equal(s->env.sync_now(&s->env, f, NULL), OK);
        s->env.close(&s->env, f);
        env_sim_crash(s, seed);
        lost += holds(s, "a", "old");
        env_sim_free(s);
    }
    assert_true(lost > 10);
}

static void test_faults(void **state) {
    (void)state;
    struct env_sim *s = env_sim_new(1);
    struct env_file *f = open_file(s, "a", ENV_WRITE | ENV_CREATE);
    struct slice v = SLICE("0123456789");
    env_sim_fail(s, ENV_SIM_WRITE, 2, 2, ERR_NO_SPACE);
    assert_int_equal(s->env.write(&s->env, f, 0, &v, 1), OK);
    assert_int_equal(s->env.write(&s->env, f, 10, &v, 1), ERR_NO_SPACE);
    assert_int_equal(s->env.write(&s->env, f, 10, &v, 1), ERR_NO_SPACE);
    assert_int_equal(env_sim_bytes(s, "a").n, 10);
    assert_int_equal(s->env.write(&s->env, f, 10, &v, 1), OK);

    env_sim_set_free_bytes(s, 5);
    uint64_t available, total;
    assert_int_equal(s->env.free_bytes(&s->env, &available, &total), OK);
    assert_int_equal(available, 5);
    assert_int_equal(s->env.write(&s->env, f, 20, &v, 1), ERR_NO_SPACE);
    assert_int_equal(env_sim_bytes(s, "a").n, 20);
    assert_int_equal(s->env.write(&s->env, f, 10, &v, 1), OK); /* in place */
    assert_int_equal(s->env.zero_fill(&s->env, f, 20, 26), ERR_NO_SPACE);
    assert_int_equal(s->env.truncate(&s->env, f, 10), OK);
    assert_int_equal(s->env.zero_fill(&s->env, f, 10, 25), OK);
    assert_int_equal(s->env.unlink(&s->env, "a"), OK);
    assert_int_equal(s->env.free_bytes(&s->env, &available, &total), OK);
    assert_int_equal(available, 0); /* still open */
    s->env.close(&s->env, f);
    assert_int_equal(s->env.free_bytes(&s->env, &available, &total), OK);
    assert_int_equal(available, 25);
    env_sim_free(s);
}

static void on_warm(struct env_warm *w, void *ctx) {
    (void)w;
    ++*(int *)ctx;
}

static void test_cold_reads(void **state) {
    (void)state;
    struct env_sim *s = env_sim_new(1);
    struct env_file *f = open_file(s, "a", ENV_WRITE | ENV_CREATE);
    write_at(s, f, 0, "hello");
    char p[8];
    size_t got;
    assert_int_equal(s->env.read(&s->env, f, 0, p, 8, &got, ENV_READ_NOWAIT), OK);
    assert_int_equal(got, 5);
    env_sim_evict(s);
    assert_int_equal(s->env.read(&s->env, f, 0, p, 5, &got, ENV_READ_NOWAIT), ERR_AGAIN);
    int warmed = 0;
    struct env_warm w = {.file = f, .n = 5, .done = on_warm, .ctx = &warmed};
    s->env.warm(&s->env, &w);
    assert_int_equal(warmed, 0);
    assert_int_equal(env_sim_run_until_idle(s), 1);
    assert_int_equal(warmed, 1);
    assert_int_equal(s->env.read(&s->env, f, 1, p, 4, &got, ENV_READ_NOWAIT), OK);
    assert_memory_equal(p, "ello", 4);
    s->env.close(&s->env, f);
    env_sim_free(s);
}

static void test_crash_after(void **state) {
    (void)state;
    unsigned happened = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct env_sim *s = env_sim_new(seed);
        struct env_file *f = open_file(s, "a", ENV_WRITE | ENV_CREATE);
        assert_int_equal(s->env.sync_now(&s->env, f, ""), OK);
        env_sim_crash_after(s, 2);
        write_at(s, f, 0, "1");
        struct slice v = SLICE("2");
        assert_int_equal(s->env.write(&s->env, f, 1, &v, 1), ERR_IO);
        assert_true(s->crashed);
        assert_int_equal(s->env.write(&s->env, f, 2, &v, 1), ERR_IO);
        assert_int_equal(s->env.sync_now(&s->env, f, NULL), ERR_IO);
        struct ended e = {0};
        struct env_sync sync = {.files = {f}, .n_files = 1, .done = on_sync, .ctx = &e};
        s->env.sync(&s->env, &sync);
        assert_false(env_sim_step(s));
        env_sim_crash(s, seed);
        assert_int_equal(e.n, 1);
        assert_int_equal(e.result, ERR_IO);
        assert_int_equal(s->env.write(&s->env, f, 0, &v, 1), ERR_IO); /* a dead handle */
        s->env.close(&s->env, f);
        assert_true(env_sim_bytes(s, "a").n <= 2);
        happened += env_sim_bytes(s, "a").n == 2;
        f = open_file(s, "a", ENV_WRITE);
        assert_int_equal(s->env.write(&s->env, f, 0, &v, 1), OK);
        s->env.close(&s->env, f);
        env_sim_free(s);
    }
    assert_true(happened > 5 && happened < 90);
}

static void test_kill_keeps_the_cache(void **state) {
    (void)state;
    unsigned lost = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct env_sim *s = env_sim_new(seed);
        struct env_file *f = open_file(s, "a", ENV_WRITE | ENV_CREATE);
        assert_int_equal(s->env.sync_now(&s->env, f, ""), OK);
        write_at(s, f, 0, "cached");
        s->env.close(&s->env, f);
        env_sim_kill(s);
        assert_true(holds(s, "a", "cached"));
        env_sim_crash(s, seed);
        lost += !holds(s, "a", "cached");
        env_sim_free(s);
    }
    assert_true(lost > 5);
}

static void list_one(void *ctx, const char *name, bool is_dir) {
    buf_printf(ctx, "%s%s ", name, is_dir ? "/" : "");
}

static void test_outside(void **state) {
    (void)state;
    struct env_sim *s = env_sim_new(3);
    env_sim_put(s, "x/y/z", SLICE("deep"));
    assert_true(holds(s, "x/y/z", "deep"));
    uint64_t before = env_sim_digest(s);
    env_sim_crash(s, 1);
    assert_true(env_sim_digest(s) == before);
    env_sim_flip(s, "x/y/z", 0, 1);
    assert_true(holds(s, "x/y/z", "eeep"));
    assert_true(env_sim_digest(s) != before);
    struct buf b = {0};
    assert_int_equal(s->env.list(&s->env, "x", list_one, &b), OK);
    assert_true(slice_is(buf_slice(&b), "y/ "));
    assert_int_equal(s->env.rmdir(&s->env, "x/y"), ERR_EXISTS);
    assert_int_equal(s->env.unlink(&s->env, "x/y/z"), OK);
    assert_int_equal(s->env.rmdir(&s->env, "x/y"), OK);
    assert_int_equal(s->env.list(&s->env, "x/y", list_one, &b), ERR_NOT_FOUND);
    struct env_file *f;
    assert_int_equal(s->env.open(&s->env, "no/file", ENV_WRITE | ENV_CREATE, &f), ERR_NOT_FOUND);
    assert_int_equal(s->env.open(&s->env, "file", ENV_READ, &f), ERR_NOT_FOUND);
    buf_fini(&b);
    env_sim_free(s);
}

/* A little of everything, and the trace of it. */
static uint64_t wander(uint64_t seed) {
    struct env_sim *s = env_sim_new(seed);
    struct ended e = {0};
    struct env_sync syncs[8] = {0};
    for (size_t i = 0; i < 8; i++) {
        char path[8] = {(char)('a' + i % 4)};
        uint8_t bytes[64];
        s->env.random(&s->env, bytes, sizeof bytes);
        struct env_file *f = open_file(s, path, ENV_WRITE | ENV_CREATE);
        struct slice v = slice_of(bytes, sizeof bytes);
        assert_int_equal(s->env.write(&s->env, f, i * 100, &v, 1), OK);
        syncs[i] = (struct env_sync){.files = {f}, .n_files = 1, .done = on_sync, .ctx = &e};
        s->env.sync(&s->env, &syncs[i]);
        if (i % 3 == 0)
            env_sim_step(s);
        s->env.close(&s->env, f);
    }
    env_sim_crash(s, seed);
    uint64_t t = env_sim_trace(s) ^ env_sim_digest(s);
    assert_int_equal(e.n, 8);
    env_sim_free(s);
    return t;
}

static void test_same_seed_same_trace(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        assert_true(wander(seed) == wander(seed));
        assert_true(wander(seed) != wander(seed + 1));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_synced_survives),      cmocka_unit_test(test_unsynced_bytes_may_go),
        cmocka_unit_test(test_growth_may_be_zeroes), cmocka_unit_test(test_names),
        cmocka_unit_test(test_lost_directory_takes_all), cmocka_unit_test(test_async_sync),
        cmocka_unit_test(test_overtaken_sync),       cmocka_unit_test(test_renamed_twice),
        cmocka_unit_test(test_failed_sync_lies_later), cmocka_unit_test(test_faults),
        cmocka_unit_test(test_cold_reads),           cmocka_unit_test(test_crash_after),
        cmocka_unit_test(test_kill_keeps_the_cache), cmocka_unit_test(test_outside),
        cmocka_unit_test(test_same_seed_same_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
