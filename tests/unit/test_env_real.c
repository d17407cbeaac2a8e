/* The real struct env on a real directory. */
#include "core/net/env_real.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/net/datadir.h"
#include "core/net/lock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char path[200];
    uv_loop_t loop;
    struct env *env;
    int dir_fd;
};

static int setup(void **state) {
    struct fixture *f = mem_zalloc(sizeof *f);
    struct error e;
    umask(077);
    if (datadir_make_private(f->path, sizeof f->path, &e) != OK || uv_loop_init(&f->loop) != 0)
        return -1;
    f->dir_fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    f->env = env_real_new(&f->loop, dup(f->dir_fd));
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    env_real_free(f->env);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    int rc = uv_loop_close(&f->loop);
    close(f->dir_fd);
    datadir_remove(f->path);
    int gone = access(f->path, F_OK);
    free(f);
    return rc == 0 && gone != 0 ? 0 : -1;
}

static struct env_file *open_new(struct env *e, const char *path) {
    struct env_file *f = NULL;
    assert_int_equal(e->open(e, path, ENV_WRITE | ENV_CREATE, &f), OK);
    return f;
}

static void bytes_come_back(void **state) {
    struct env *e = ((struct fixture *)*state)->env;
    struct env_file *f = open_new(e, "a");
    struct slice v[200];
    char expected[1000];
    size_t n = 0;
    for (size_t i = 0; i < 200; i++) {   /* more pieces than one call takes, empty ones among them */
        static const char text[] = "0123456789";
        v[i] = slice_of(text, i % 8);
        memcpy(expected + n, text, i % 8);
        n += i % 8;
    }
    assert_int_equal(e->write(e, f, 5, v, 200), OK);
    char got[2000];
    size_t have;
    uint64_t size;
    assert_int_equal(e->size(e, f, &size), OK);
    assert_int_equal(size, n + 5);
    for (int mode = ENV_READ_WAIT; mode <= ENV_READ_NOWAIT; mode++) {
        assert_int_equal(e->read(e, f, 5, got, sizeof got, &have, (enum env_read_mode)mode), OK);
        assert_int_equal(have, n);
        assert_memory_equal(got, expected, n);
    }
    assert_int_equal(e->truncate(e, f, 3), OK);
    assert_int_equal(e->read(e, f, 5, got, 10, &have, ENV_READ_WAIT), OK);
    assert_int_equal(have, 0);
    e->close(e, f);
}

static void a_short_write_leaves_no_trace(void **state) {
    struct fixture *fx = *state;
    struct env *e = fx->env;
    struct env_file *f = open_new(e, "a");
    static uint8_t page[8192];
    struct slice v[2] = {slice_of(page, 8192), slice_of(page, 8192)};
    assert_int_equal(e->write(e, f, 0, v, 1), OK);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 20000;
    setrlimit(RLIMIT_FSIZE, &small);
    enum err result = e->write(e, f, 8192, v, 2); /* 3,616 bytes of 16,384 fit */
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(result, ERR_NO_SPACE);
    uint64_t size;
    assert_int_equal(e->size(e, f, &size), OK);
    assert_int_equal(size, 8192);
    assert_int_equal(e->write(e, f, 8192, v, 2), OK);
    e->close(e, f);
}

static void count_name(void *ctx, const char *name, bool is_dir) {
    buf_printf(ctx, "%s%s ", name, is_dir ? "/" : "");
}

static void entries(void **state) {
    struct fixture *fx = *state;
    struct env *e = fx->env;
    struct env_file *f;
    struct buf names = {0};
    assert_int_equal(e->open(e, "a", ENV_WRITE, &f), ERR_NOT_FOUND);
    assert_int_equal(e->mkdir(e, "d"), OK);
    assert_int_equal(e->mkdir(e, "d"), OK);
    e->close(e, open_new(e, "d/x"));
    assert_int_equal(e->open(e, "d/x", ENV_WRITE | ENV_CREATE | ENV_EXCL, &f), ERR_EXISTS);
    assert_int_equal(e->mkdir(e, "d/x"), ERR_EXISTS);
    assert_int_equal(e->rmdir(e, "d"), ERR_EXISTS);
    assert_int_equal(e->rename(e, "d/x", "d/y"), OK);
    assert_int_equal(e->list(e, "d", count_name, &names), OK);
    assert_int_equal(names.n, 2);
    assert_memory_equal(names.p, "y ", 2);
    close(openat(fx->dir_fd, ENV_LOCK_NAME, O_CREAT | O_WRONLY, 0600));
    buf_clear(&names);
    assert_int_equal(e->list(e, "", count_name, &names), OK);
    assert_memory_equal(names.p, "d/ ", 3);
    assert_int_equal(names.n, 3);
    struct stat st;
    assert_int_equal(fstatat(fx->dir_fd, "d/y", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(fstatat(fx->dir_fd, "d", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    /* a link is not followed, a directory is not a file */
    assert_int_equal(symlinkat("y", fx->dir_fd, "d/link"), 0);
    assert_int_equal(e->open(e, "d/link", ENV_WRITE, &f), ERR_IO);
    assert_int_equal(e->open(e, "d", ENV_READ, &f), ERR_IO);
    buf_fini(&names);
}

static void an_unlinked_name_is_free_at_once(void **state) {
    struct env *e = ((struct fixture *)*state)->env;
    struct env_file *f = open_new(e, "big");
    uint64_t size;
    assert_int_equal(e->zero_fill(e, f, 0, 3 * 1024 * 1024 + 5), OK);
    assert_int_equal(e->size(e, f, &size), OK);
    assert_int_equal(size, 3 * 1024 * 1024 + 5);
    struct stat st;
    assert_int_equal(fstatat(((struct fixture *)*state)->dir_fd, "big", &st, 0), 0);
    assert_true(st.st_blocks * 512 >= 3 * 1024 * 1024); /* written, not a hole */
    assert_int_equal(e->unlink(e, "big"), OK);
    e->close(e, f);
    f = open_new(e, "big");
    assert_int_equal(e->size(e, f, &size), OK);
    assert_int_equal(size, 0);
    e->close(e, f);
    env_real_drain(e);
    assert_int_equal(e->open(e, "big", ENV_READ, &f), OK);
    e->close(e, f);
}

static void count_sync(struct env_sync *s, enum err result, void *ctx) {
    (void)s;
    assert_int_equal(result, OK);
    ++*(int *)ctx;
}

static void count_warm(struct env_warm *w, void *ctx) {
    (void)w;
    ++*(int *)ctx;
}

static void syncs_and_warm_reads_report_on_the_loop(void **state) {
    struct fixture *fx = *state;
    struct env *e = fx->env;
    int syncs = 0, warms = 0;
    struct env_file *f = open_new(e, "a");
    struct slice text = SLICE("hello");
    assert_int_equal(e->write(e, f, 0, &text, 1), OK);
    struct env_sync s[3] = {
        {.files = {f}, .n_files = 1, .data_only = true, .done = count_sync, .ctx = &syncs},
        {.files = {f}, .n_files = 1, .dirs = {""}, .n_dirs = 1, .done = count_sync, .ctx = &syncs},
        {.files = {f}, .n_files = 1, .background = true, .done = count_sync, .ctx = &syncs},
    };
    struct env_warm w = {.file = f, .n = 100000, .done = count_warm, .ctx = &warms};
    for (size_t i = 0; i < 3; i++)
        e->sync(e, &s[i]);
    e->warm(e, &w);
    e->close(e, f);                      /* lives until they are done */
    assert_int_equal(syncs + warms, 0);  /* never from inside the call */
    while (env_real_pending(e) > 0)
        uv_run(&fx->loop, UV_RUN_ONCE);
    assert_int_equal(syncs, 3);
    assert_int_equal(warms, 1);
    s[1].n_files = 0;
    e->sync(e, &s[1]);                   /* a directory alone */
    env_real_drain(e);
    assert_int_equal(syncs, 4);
}

static void one_owner(void **state) {
    struct fixture *fx = *state;
    struct lock_owner owner;
    struct error e;
    int first, second;
    assert_int_equal(lock_find_owner(fx->path, &owner), ERR_NOT_FOUND);
    assert_int_equal(lock_take(fx->dir_fd, &first, &owner, &e), OK);
    lock_write(first, "127.0.0.1:1234", false);
    assert_int_equal(lock_take(fx->dir_fd, &second, &owner, &e), ERR_LOCKED);
    assert_int_equal(owner.pid, getpid());
    assert_string_equal(owner.address, "127.0.0.1:1234");
    assert_int_equal(lock_find_owner(fx->path, &owner), OK);
    assert_int_equal(owner.pid, getpid());
    lock_release(first);
    assert_int_equal(lock_find_owner(fx->path, &owner), ERR_NOT_FOUND);
    assert_int_equal(datadir_judge(fx->path, &e), OK);
    close(openat(fx->dir_fd, "meta.properties", O_CREAT | O_WRONLY, 0600));
    assert_int_equal(datadir_judge(fx->path, &e), ERR_UNSUPPORTED);
    close(openat(fx->dir_fd, "FORMAT", O_CREAT | O_WRONLY, 0600));
    assert_int_equal(datadir_judge(fx->path, &e), OK);
}

static void quiet(void *ctx, enum log_level level, const char *line) {
    (void)ctx;
    (void)level;
    (void)line;
}

int main(void) {
    log_set_sink(quiet, NULL); /* the failures here are meant */
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(bytes_come_back), TEST(a_short_write_leaves_no_trace), TEST(entries),
        TEST(an_unlinked_name_is_free_at_once), TEST(syncs_and_warm_reads_report_on_the_loop),
        TEST(one_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
