/* Foreign bytes in cells, themes, and what few colours make of them. */
#include "tests/ui/world.h"

#include "tui/term/theme.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct canvas canvas;
static struct buf text;

static const char *shown(void) {
    buf_clear(&text);
    canvas_text(&canvas, &text);
    buf_put_u8(&text, 0);
    char *end = strchr((char *)text.p, '\n');
    *end = '\0';
    return (const char *)text.p;
}

static const char *put(int w, bool ascii, const char *bytes, size_t n) {
    canvas_fini(&canvas);
    canvas_init(&canvas, w, 1, ascii);
    canvas_put_foreign(&canvas, 0, 0, w, ROLE_text, slice_of(bytes, n));
    return shown();
}
#define PUT(w, ascii, literal) put(w, ascii, "" literal, sizeof literal - 1)

static void test_hostile_bytes(void **state) {
    (void)state;
    assert_string_equal(PUT(60, false, "\x1b]0;title\x07 and \x1b[2J"), "\\x1b]0;title\\x07 and \\x1b[2J");
    assert_string_equal(PUT(60, false, "\xc2\x9b" "31m \x9b" "31m"), "\\u{9b}31m \\x9b31m");
    assert_string_equal(PUT(60, false,
                            "a\xe2\x80\xae"
                            "b\xe2\x80\x8b"
                            "c\xef\xbb\xbf"),
                        "a\\u{202e}b\\u{200b}c\\u{feff}");
    assert_string_equal(PUT(60, false, "\n\r\t\0x"), "\\n\\r\\t\\x00x");
    assert_string_equal(PUT(60, false, "caf\xc3\xa9 \xe6\x9d\xb1"), "caf\xc3\xa9 \xe6\x9d\xb1");
    assert_string_equal(PUT(60, true, "caf\xc3\xa9"), "caf\\u{e9}");
    /* A mark needs something to stand on, and two are enough. */
    assert_string_equal(PUT(60, false, "e\xcc\x81"), "e\xcc\x81");
    assert_string_equal(PUT(60, false, "\xcc\x81"), "\\u{301}");
    assert_string_equal(PUT(60, false, "e\xcc\x81\xcc\x81\xcc\x81"), "e\xcc\x81\xcc\x81\\u{301}");
}

/* What is "at most" with all glyphs stays so in ASCII, and takes no more room. */
static void test_own_text_in_ascii(void **state) {
    (void)state;
    canvas_fini(&canvas);
    canvas_init(&canvas, 20, 1, true);
    assert_int_equal(canvas_put(&canvas, 0, 0, 20, ROLE_text, "≤ 1,204 ≥ 7 … ≤"), 15);
    assert_string_equal(shown(), "<=1,204 >=7 ~ <");
}

static void test_every_byte_and_pair(void **state) {
    (void)state;
    struct world w = {0};
    for (int ascii = 0; ascii < 2; ascii++)
        for (int i = 0; i < 65536; i++) {
            char bytes[4] = {(char)(i >> 8), (char)i, (char)0x80, 'x'};
            put(30, ascii != 0, bytes, sizeof bytes);
            w.canvas = canvas;
            world_check_cells(&w);
        }
}

static void test_cuts(void **state) {
    (void)state;
    assert_string_equal(PUT(6, false, "abcdef"), "abcdef");
    assert_string_equal(PUT(6, false, "abcdefg"), "abcde\xe2\x80\xa6");
    assert_string_equal(PUT(4, false, "ab\x1b[2J"), "ab\xe2\x80\xa6"); /* never half an escape */
    assert_string_equal(PUT(4, false, "a\xe6\x9d\xb1\xe4\xba\xac"), "a\xe6\x9d\xb1\xe2\x80\xa6");
    canvas_fini(&canvas);
    canvas_init(&canvas, 11, 1, false);
    int used = canvas_put_middle(&canvas, 0, 0, 11, ROLE_text, SLICE("abcdefghijklmnop"));
    assert_int_equal(used, 11);
    assert_string_equal(shown(), "abcde\xe2\x80\xa6lmnop");
    canvas_put_middle(&canvas, 0, 0, 11, ROLE_text,
                      SLICE("\xe6\x9d\xb1\xe6\x9d\xb1\xe6\x9d\xb1\xe6\x9d\xb1\xe6\x9d\xb1\xe6\x9d\xb1"));
    assert_true(canvas_foreign_width(&canvas, slice_cstr(shown()), 100) <= 11);
}

static void test_wide_halves(void **state) {
    (void)state;
    canvas_fini(&canvas);
    canvas_init(&canvas, 6, 1, false);
    canvas_put_foreign(&canvas, 0, 0, 6, ROLE_text, SLICE("\xe6\x9d\xb1\xe4\xba\xac"));
    canvas_put(&canvas, 0, 1, 1, ROLE_text, "x"); /* into the right half of the first */
    assert_string_equal(shown(), " x\xe4\xba\xac");
    canvas_put(&canvas, 0, 2, 1, ROLE_text, "y"); /* over the left half of the second */
    assert_string_equal(shown(), " xy");
    struct world w = {.canvas = canvas};
    world_check_cells(&w);
}

static void count_theme(void *ctx, const char *name) {
    struct theme t;
    struct error e;
    if (theme_load(&t, name, &e) != OK)
        fail_msg("%s", e.text);
    ++*(int *)ctx;
    if (strcmp(name, "mono") != 0 && strcmp(name, "phosphor") != 0)
        assert_true(t.looks[ROLE_bad].fg != t.looks[ROLE_good].fg);
    for (int i = 0; i < ROLE_N; i++)
        for (int c = 0; c < 4; c++) {
            static const int colours[] = {0, 8, 16, 256};
            struct look l = look_degrade(t.looks[i], (enum role)i, colours[c]);
            assert_true(l.fg == COLOUR_DEFAULT || (l.fg >= 0 && l.fg < colours[c]));
            assert_true(l.bg == COLOUR_DEFAULT || (l.bg >= 0 && l.bg < colours[c]));
        }
    /* What must not be missed has an attribute where there is no colour. */
    assert_true(look_degrade(t.looks[ROLE_selected], ROLE_selected, 0).attrs & LOOK_REVERSE);
    assert_true(look_degrade(t.looks[ROLE_tab_current], ROLE_tab_current, 0).attrs & LOOK_REVERSE);
    assert_true(look_degrade(t.looks[ROLE_selected], ROLE_selected, 16).attrs & LOOK_REVERSE);
}

static void test_themes(void **state) {
    int n = 0;
    struct theme t;
    struct error e;
    (void)state;
    theme_each(count_theme, &n);
    assert_true(n >= 6);
    assert_int_equal(theme_load(&t, "no-such-theme", &e), ERR_NOT_FOUND);
    assert_int_equal(theme_load(&t, "../dark", &e), ERR_INVALID);
}

static void test_looks(void **state) {
    struct look l;
    (void)state;
    assert_true(look_parse(&l, "bold 117 on #102030", NULL, NULL));
    assert_int_equal(l.fg, 117);
    assert_int_equal(l.bg, 0x102030 | COLOUR_RGB);
    assert_int_equal(l.attrs, LOOK_BOLD);
    assert_true(look_parse(&l, "bright-red", NULL, NULL) && l.fg == 9);
    assert_false(look_parse(&l, "mauve", NULL, NULL));
    assert_false(look_parse(&l, "256", NULL, NULL));
    assert_int_equal(look_degrade((struct look){0xff0000 | COLOUR_RGB, COLOUR_DEFAULT, 0}, ROLE_text, 256).fg, 196);
    struct look grey = look_degrade((struct look){242, COLOUR_DEFAULT, 0}, ROLE_text, 8);
    assert_int_equal(grey.attrs, LOOK_DIM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_bytes), cmocka_unit_test(test_own_text_in_ascii),
        cmocka_unit_test(test_every_byte_and_pair), cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_wide_halves), cmocka_unit_test(test_themes), cmocka_unit_test(test_looks),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    canvas_fini(&canvas);
    buf_fini(&text);
    return failed;
}
