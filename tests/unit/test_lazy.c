/* Libraries that are loaded when first needed, and what happens where they are not
 * there: this program's own dlopen hides whatever name `hidden` holds. */
#include "core/base/lazy.h"
#include "core/base/log.h"
#include "core/proto/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <gnu/lib-names.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *hidden;
static _Atomic int opened, logged;
static char last_line[512];

void *dlopen(const char *name, int flags) {
    void *(*real)(const char *, int), *found = dlsym(RTLD_NEXT, "dlopen");
    memcpy(&real, &found, sizeof real);
    opened++;
    return hidden != NULL && strncmp(name, hidden, strlen(hidden)) == 0 ? NULL : real(name, flags);
}
char *dlerror(void) { return (char *)(uintptr_t)"hidden by the test"; }

static void take_line(void *ctx, enum log_level level, const char *line) {
    (void)ctx;
    assert_int_equal(level, LOG_ERROR);
    snprintf(last_line, sizeof last_line, "%s", line);
    logged++;
}

#define NUMBERS(ROW) ROW(labs) ROW(abs)
#define MORE(ROW) ROW(abs) ROW(weir_future)
int weir_future(int x);

static void test_pointers_in_order(void **state) {
    (void)state;
    static struct { NUMBERS(LAZY_POINTER) } f;
    static struct lazy_library l = LAZY_LIBRARY(LIBC_SO, NUMBERS(LAZY_NAME), f);
    int before = opened;
    assert_int_equal(l.n_pointers, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(lazy_load(&l, NULL), OK);
    assert_int_equal(opened, before + 1);
    assert_int_equal(f.abs(-10), 10);
    assert_int_equal(f.labs(-(1L << 40)), 1L << 40); /* not the one of int */
}

static void test_missing(void **state) {
    (void)state;
    static struct { NUMBERS(LAZY_POINTER) } f;
    static struct lazy_library l = LAZY_LIBRARY("libnone.so.7", NUMBERS(LAZY_NAME), f);
    struct error e;
    int lines = logged;
    hidden = "libnone";
    for (int i = 0; i < 3; i++) {
        assert_int_equal(lazy_load(&l, &e), ERR_UNSUPPORTED);
        assert_string_equal(e.text, "the library libnone.so.7 cannot be loaded: hidden by the test");
    }
    hidden = NULL;
    assert_int_equal(logged, lines);
    for (int i = 0; i < 3; i++)
        assert_int_equal(lazy_load(&l, NULL), ERR_UNSUPPORTED); /* the answer stays */
    assert_int_equal(logged, lines + 1);
    assert_string_equal(last_line, e.text);
}

static void test_too_old(void **state) {
    (void)state;
    static struct { MORE(LAZY_POINTER) } f;
    static struct lazy_library l = LAZY_LIBRARY(LIBC_SO, MORE(LAZY_NAME), f);
    struct error e;
    assert_int_equal(lazy_load(&l, &e), ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, LIBC_SO " has no weir_future"));
}

static struct { NUMBERS(LAZY_POINTER) } shared;
static struct lazy_library shared_library = LAZY_LIBRARY(LIBC_SO, NUMBERS(LAZY_NAME), shared);

static void *load_and_call(void *ctx) {
    (void)ctx;
    return (void *)(uintptr_t)(lazy_load(&shared_library, NULL) == OK ? shared.abs(-2) + (int)shared.labs(-3) : 0);
}

static void test_threads(void **state) {
    (void)state;
    pthread_t threads[8];
    int before = opened;
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, load_and_call, NULL), 0);
    for (size_t i = 0; i < 8; i++) {
        void *sum;
        pthread_join(threads[i], &sum);
        assert_int_equal((uintptr_t)sum, 5);
    }
    assert_int_equal(opened, before + 1);
}

static void test_codec_without_its_library(void **state) {
    (void)state;
    struct buf out = {0};
    int lines = logged;
    hidden = "libsnappy";
    buf_puts(&out, "kept");
    assert_int_equal(codec_decompress(CODEC_SNAPPY, SLICE("\x01\0a"), 100, &out), ERR_UNSUPPORTED);
    assert_int_equal(codec_compress(CODEC_SNAPPY, 0, SLICE("a"), &out), ERR_UNSUPPORTED);
    assert_int_equal(out.n, 4);
    assert_int_equal(logged, lines + 1);
    assert_non_null(strstr(last_line, "libsnappy"));
    assert_int_equal(codec_compress(CODEC_LZ4, 0, SLICE("a"), &out), OK);
    buf_fini(&out);
}

int main(void) {
    log_set_sink(take_line, NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pointers_in_order),
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_too_old),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_codec_without_its_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
