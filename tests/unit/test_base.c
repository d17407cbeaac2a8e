/* core/base: slices, memory, timers, errors, the sanitizer, the log, CRC32C. */
#include "core/base/heap.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/base/xdg.h"
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_slice(void **state) {
    (void)state;
    assert_true(slice_cmp(SLICE("a"), SLICE("ab")) < 0);
    assert_true(slice_cmp(SLICE("b"), SLICE("ab")) > 0);
    assert_true(slice_cmp(SLICE("\xff"), SLICE("a")) > 0);
    assert_int_equal(slice_cmp(SLICE("ab"), SLICE("ab")), 0);
    assert_int_equal(slice_cmp(SLICE_NULL, SLICE("")), 0);
    struct uuid u = {{0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0xff, 0xfe}};
    char text[UUID_TEXT_SIZE];
    uuid_text(&u, text);
    assert_string_equal(text, "AQIDBAUGBwgJCgsMDQ7__g");
    memset(&u, 0, sizeof u);
    uuid_text(&u, text);
    assert_string_equal(text, "AAAAAAAAAAAAAAAAAAAAAA");
}

static void test_crc32c(void **state) {
    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283);
    assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xE3069283);
    assert_int_equal(crc32c(0, "", 0), 0);
    static const uint8_t zeroes[32];
    assert_int_equal(crc32c(0, zeroes, sizeof zeroes), 0x8A9136AA); /* RFC 3720, B.4 */
}

static void test_buf(void **state) {
    (void)state;
    struct buf b = {0};
    buf_put_u8(&b, 1);
    buf_put_be16(&b, 0x0203);
    buf_put_be32(&b, 0x04050607);
    buf_put_be64(&b, 0x08090a0b0c0d0e0f);
    for (uint8_t i = 0; i < 15; i++)
        assert_int_equal(b.p[i], i + 1);
    assert_int_equal(be64_get(b.p + 7), 0x08090a0b0c0d0e0f);
    buf_consume(&b, 14);
    assert_int_equal(b.n, 1);
    assert_int_equal(b.p[0], 15);
    buf_clear(&b);
    char longer[300];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    buf_printf(&b, "%d %s", 7, longer);
    assert_int_equal(b.n, 301);
    assert_memory_equal(b.p, "7 xxx", 5);
    buf_puts(&b, "end");
    assert_memory_equal(b.p + 301, "end", 3);
    buf_fini(&b);
}

static void test_arena(void **state) {
    (void)state;
    struct arena a;
    arena_init(&a, 100000);
    uint8_t *first = arena_alloc(&a, 1);
    for (int i = 0; i < 500; i++) {
        uint8_t *p = arena_zalloc(&a, 100);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_int_equal(p[99], 0);
        memset(p, 0xaa, 100);
    }
    assert_null(arena_alloc(&a, 100000));
    assert_true(a.exhausted);
    assert_null(arena_alloc(&a, 1)); /* sticky */
    arena_reset(&a);
    assert_false(a.exhausted);
    assert_ptr_equal(arena_alloc(&a, 1), first); /* the first block stays */
    assert_non_null(arena_alloc(&a, 90000));     /* larger than any block */
    assert_null(arena_alloc(&a, SIZE_MAX));
    arena_reset(&a);
    struct slice s = arena_dup(&a, SLICE("abc"));
    assert_true(slice_is(s, "abc"));
    assert_null(arena_dup(&a, SLICE_NULL).p);
    assert_non_null(arena_dup(&a, SLICE("")).p);
    assert_true(slice_is(arena_printf(&a, "%d-%s", 5, "x"), "5-x"));
    arena_fini(&a);
}

static void test_mem(void **state) {
    (void)state;
    assert_null(mem_dup(SLICE_NULL).p);
    struct slice empty = mem_dup(SLICE(""));
    assert_non_null(empty.p);
    free((void *)(uintptr_t)empty.p);
    char *s = mem_strndup(slice_of("abcdef", 3));
    assert_string_equal(s, "abc");
    free(s);
}

struct fired {
    struct timer t;
    int id;
};
struct firing {
    struct timers h;
    int order[16], n;
    struct fired *again, *cancel;
};

static void fire(struct timer *t, void *ctx) {
    struct firing *f = ctx;
    struct fired *x = (struct fired *)(void *)t;
    assert_int_equal(t->slot, 0);
    f->order[f->n++] = x->id;
    if (f->again == x)
        timers_set(&f->h, t, 0);
    if (f->cancel != NULL)
        timers_cancel(&f->h, &f->cancel->t);
}

static void test_timers(void **state) {
    (void)state;
    struct firing f = {.n = 0};
    struct fired t[4] = {{.id = 0}, {.id = 1}, {.id = 2}, {.id = 3}};
    assert_int_equal(timers_next(&f.h), INT64_MAX);
    for (int i = 0; i < 4; i++) {
        t[i].t.fire = fire;
        timers_set(&f.h, &t[i].t, 40 - i * 10);
    }
    assert_int_equal(timers_next(&f.h), 10);
    timers_set(&f.h, &t[0].t, 5); /* moves */
    timers_cancel(&f.h, &t[2].t);
    timers_cancel(&f.h, &t[2].t); /* twice is fine */
    f.again = &t[0];
    timers_run(&f.h, 30, &f);
    assert_int_equal(f.n, 3);     /* 0, 0 again, 3; the budget ends the turn */
    assert_int_equal(f.order[0], 0);
    assert_int_equal(f.order[1], 0);
    f.again = NULL;
    f.cancel = &t[1];
    f.n = 0;
    timers_run(&f.h, 100, &f);
    assert_int_equal(f.h.n, 0);
    timers_fini(&f.h);
}

/* Against a plain search for the smallest. */
static void test_timers_random(void **state) {
    (void)state;
    enum { N = 200 };
    static struct fired t[N];
    struct firing f = {.n = 0};
    struct random r = {11};
    for (int round = 0; round < 20000; round++) {
        struct fired *x = &t[random_below(&r, N)];
        if (random_below(&r, 3) == 0)
            timers_cancel(&f.h, &x->t);
        else
            timers_set(&f.h, &x->t, (int64_t)random_below(&r, 1000));
        int64_t least = INT64_MAX;
        size_t n = 0;
        for (int i = 0; i < N; i++) {
            if (t[i].t.slot == 0)
                continue;
            n++;
            least = t[i].t.at_us < least ? t[i].t.at_us : least;
        }
        assert_int_equal(f.h.n, n);
        assert_int_equal(timers_next(&f.h), least);
    }
    timers_fini(&f.h);
    assert_int_equal(t[0].t.slot, 0);
}

static void test_error(void **state) {
    (void)state;
    struct error e;
    assert_int_equal(error_set(&e, ERR_IO, "disk %d", 1), ERR_IO);
    assert_string_equal(e.text, "disk 1");
    assert_int_equal(error_set(NULL, ERR_LOCKED, "x"), ERR_LOCKED);
    for (int code = OK; code <= ERR_USAGE; code++)
        assert_string_not_equal(err_name((enum err)code), "unknown error");
}

static void sanitized(struct slice in, const char *expected) {
    struct buf b = {0};
    assert_int_equal(text_sanitize(&b, in, SIZE_MAX), in.n);
    buf_put_u8(&b, 0);
    assert_string_equal((char *)b.p, expected);
    buf_fini(&b);
}

static void test_text(void **state) {
    (void)state;
    sanitized(SLICE("plain ~"), "plain ~");
    sanitized(SLICE("\x1b[31m\n\r\t\x7f"), "\\x1b[31m\\n\\r\\t\\x7f");
    sanitized(slice_of("\0", 1), "\\x00");
    sanitized(SLICE("\xc2\x85\xc2\x9b"), "\\u{85}\\u{9b}");              /* C1 */
    sanitized(SLICE("a\xff\xc3"), "a\\xff\\xc3");                        /* not UTF-8 */
    sanitized(SLICE("\xc0\xaf\xed\xa0\x80"), "\\xc0\\xaf\\xed\\xa0\\x80"); /* overlong, surrogate */
    sanitized(SLICE("\xe2\x80\xae" "x"), "\\u{202e}x");                  /* bidi override */
    sanitized(SLICE("\xe2\x80\x8b\xef\xbb\xbf"), "\\u{200b}\\u{feff}");  /* zero width */
    sanitized(SLICE("\xe2\x80\xa8"), "\\u{2028}");
    sanitized(SLICE("\xf3\xa0\x81\x81"), "\\u{e0041}");                  /* tag character */
    sanitized(SLICE("\xee\x80\x80"), "\\u{e000}");                       /* private use */
    sanitized(SLICE("\xe3\x85\xa4\xef\xb8\x8f"), "\\u{3164}\\u{fe0f}");  /* filler, variation selector */
    sanitized(SLICE("\xc3\xa4\xe6\xbc\xa2\xf0\x9f\x98\x80"), "\xc3\xa4\xe6\xbc\xa2\xf0\x9f\x98\x80");
    assert_int_equal(text_width(0x6f22), 2);
    assert_int_equal(text_width('a'), 1);
    assert_int_equal(text_width(0x301), 0);
}

static void test_shell_words(void **state) {
    static const struct { struct slice in; const char *out; } rows[] = {
        {SLICE("plain-name_1.2:3"), "plain-name_1.2:3"}, {SLICE(""), "''"}, {SLICE("=ls"), "'=ls'"},
        {SLICE(" it's; rm -rf"), "' it'\\''s; rm -rf'"},
        {SLICE("gr\xc3\xbc\xc3\x9f" "e\\"), "'gr\xc3\xbc\xc3\x9f" "e\\'"},
        {SLICE("a'\n\\\x1b[m\xc2\x9b\xff"), "$'a\\'\\012\\\\\\033[m\\302\\233\\377'"},
        {SLICE("gone\0more"), "$'gone\\\\000more'"}, /* names nothing, and not what \"gone\" names */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b = {0}, safe = {0};
        text_shell_word(&b, rows[i].in);
        text_sanitize(&safe, buf_slice(&b), SIZE_MAX);
        assert_true(slice_eq(buf_slice(&b), buf_slice(&safe)));
        buf_put_u8(&b, 0);
        assert_string_equal((char *)b.p, rows[i].out);
        buf_fini(&b);
        buf_fini(&safe);
    }
}

static void test_text_limits(void **state) {
    (void)state;
    struct buf b = {0};
    assert_int_equal(text_sanitize(&b, SLICE("ab\x1b" "cd"), 5), 2); /* the escape does not fit */
    assert_int_equal(b.n, 2);
    buf_fini(&b);
    char out[8];
    assert_string_equal(text_safe(SLICE("1234567"), out, sizeof out), "1234567");
    assert_string_equal(text_safe(SLICE("12345678"), out, sizeof out), "1234...");
    assert_string_equal(text_safe(SLICE("123\x1b" "4"), out, sizeof out), "123...");
    assert_string_equal(text_safe(SLICE(""), out, sizeof out), "");
    assert_string_equal(text_safe(SLICE("abc"), out, 2), ".");
    assert_string_equal(text_safe(SLICE("abc"), out, 1), "");
}

static void test_xdg(void **state) {
    (void)state;
    static const struct { const char *base, *home, *want; } rows[] = {
        {"/x", "/home/me", "/x/weir"},
        {NULL, "/home/me", "/home/me/.config/weir"},
        {"", "/home/me", "/home/me/.config/weir"},
        {"relative", "/home/me", "/home/me/.config/weir"},
        {NULL, NULL, NULL},
        {"relative", "", NULL},
        {NULL, "/a/home/that/is/longer/than/the/room", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[40];
        (void)(rows[i].base != NULL ? setenv("WEIR_TEST_XDG", rows[i].base, 1) : unsetenv("WEIR_TEST_XDG"));
        (void)(rows[i].home != NULL ? setenv("HOME", rows[i].home, 1) : unsetenv("HOME"));
        assert_int_equal(xdg_path(out, sizeof out, "WEIR_TEST_XDG", ".config", "weir"), rows[i].want != NULL);
        if (rows[i].want != NULL)
            assert_string_equal(out, rows[i].want);
    }
}

static void test_text_escapes(void **state) {
    (void)state;
    static const struct { const char *text; struct slice bytes; } rows[] = {
        {"", SLICE("")},
        {"plain, as it is", SLICE("plain, as it is")},
        {"\\n\\t\\r\\0\\\\\\,\\=", {(const uint8_t *)"\n\t\r\0\\,=", 7}},
        {"\\x00\\xfF\\x4a4", {(const uint8_t *)"\0\xffJ4", 4}},
        {"\\\\n", SLICE("\\n")},
        {"\xc3\xa4\\x41", SLICE("\xc3\xa4" "A")},
        {"\\", SLICE_NULL}, {"a\\q", SLICE_NULL}, {"\\N", SLICE_NULL}, {"\\x", SLICE_NULL}, {"\\x4", SLICE_NULL},
        {"\\xg0", SLICE_NULL}, {"\\x0:", SLICE_NULL}, {"\\{n}", SLICE_NULL}, {"\\1", SLICE_NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf out = {0};
        assert_int_equal(text_unescape(&out, rows[i].text), rows[i].bytes.p != NULL);
        if (rows[i].bytes.p != NULL)
            assert_true(slice_eq(buf_slice(&out), rows[i].bytes));
        buf_fini(&out);
    }
}

/* Whatever goes in: what comes out is UTF-8 of plain code points only. */
static void test_text_random(void **state) {
    (void)state;
    struct random r = {3};
    for (int round = 0; round < 3000; round++) {
        uint8_t in[64];
        size_t n = random_below(&r, sizeof in);
        for (size_t i = 0; i < n; i++)
            in[i] = (uint8_t)random_next(&r);
        char safe[40];
        text_safe(slice_of(in, n), safe, 1 + random_below(&r, sizeof safe));
        for (size_t at = 0, len = strlen(safe); at < len;) {
            int32_t cp;
            at += text_next((const uint8_t *)safe + at, len - at, &cp);
            assert_true(text_is_plain(cp));
        }
    }
}

static char logged[256];
static void log_keep(void *ctx, enum log_level level, const char *line) {
    (void)ctx;
    (void)level;
    snprintf(logged, sizeof logged, "%s", line);
}

static void test_log(void **state) {
    (void)state;
    log_set_sink(log_keep, NULL);
    log_info("topic %s", "\x1b]0;x\x07");
    assert_string_equal(logged, "topic \\x1b]0;x\\x07");
    log_debug("not shown");
    assert_string_equal(logged, "topic \\x1b]0;x\\x07");
    log_set_level(LOG_DEBUG);
    log_debug("shown");
    assert_string_equal(logged, "shown");
    log_set_sink(NULL, NULL);
    log_set_level(LOG_INFO);
}

static void test_time(void **state) {
    (void)state;
    int64_t ms = 0;
    assert_true(text_time("2026-01-31T12:00:00Z", 0, &ms));
    assert_int_equal(ms, 1769860800000);
    assert_true(text_time("2026-01-31 12:00:00.25Z", 0, &ms));
    assert_int_equal(ms, 1769860800250);
    assert_true(text_time("2026-01-31Z", 0, &ms));
    assert_int_equal(ms, 1769817600000);
    assert_true(text_time("10m", 1000000, &ms));
    assert_int_equal(ms, 400000);
    static const char *const wrong[] = {"", "noon", "12", "10x", "-1h", "2026-13-01", "2026-01-31T12:00:00x", "+5"};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        assert_false(text_time(wrong[k], 0, &ms));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_slice), cmocka_unit_test(test_crc32c), cmocka_unit_test(test_buf),
        cmocka_unit_test(test_arena), cmocka_unit_test(test_mem), cmocka_unit_test(test_timers),
        cmocka_unit_test(test_timers_random), cmocka_unit_test(test_error), cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_limits), cmocka_unit_test(test_text_escapes), cmocka_unit_test(test_xdg),
        cmocka_unit_test(test_text_random), cmocka_unit_test(test_log),
        cmocka_unit_test(test_shell_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
