/* Numbers, tables, text being typed, JSON. */
#include "tests/ui/world.h"

#include "tui/ui/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_format(void **state) {
    char out[FORMAT_SIZE];
    (void)state;
    assert_string_equal(fmt_group(out, 0), "0");
    assert_string_equal(fmt_group(out, 1204551), "1,204,551");
    assert_string_equal(fmt_group(out, -1000), "-1,000");
    assert_string_equal(fmt_group(out, INT64_MIN), "-9,223,372,036,854,775,808");
    assert_string_equal(fmt_count(out, 88120331, 8, false), "88.1M");
    assert_string_equal(fmt_count(out, 88120331, 8, true), "88,120,331");
    assert_string_equal(fmt_bytes(out, 1023, false), "1,023 B");
    assert_string_equal(fmt_bytes(out, 15139759390, false), "14.1 GiB");
    assert_string_equal(fmt_bytes(out, 1048575, false), "1.0 MiB"); /* never 1024.0 KiB */
    assert_string_equal(fmt_bytes(out, 15139759390, true), "15,139,759,390 B");
    assert_string_equal(fmt_rate(out, 0.01, false), "0");
    assert_string_equal(fmt_rate(out, 999.96, false), "1.0k");
    assert_string_equal(fmt_rate(out, 61234, false), "61.2k");
    assert_string_equal(fmt_age(out, 400000), "0.4 s");
    assert_string_equal(fmt_age(out, 9990000), "10 s");
    assert_string_equal(fmt_age(out, 604800000000), "7 d");
    assert_string_equal(fmt_ms_config(out, 604800000), "7 d");
    assert_string_equal(fmt_ms_config(out, 1500), "1500 ms");
}

struct row { struct slice name; struct value n; enum trouble trouble; };
static struct slice row_key(const void *row) { return ((const struct row *)row)->name; }
static enum trouble row_trouble(const void *row) { return ((const struct row *)row)->trouble; }
static const struct column columns[] = {
    COL("NAME", struct row, name, FORM_TEXT, 10, 30, 0),
    COL("N", struct row, n, FORM_COUNT, 6, 0, 1),
};
static const struct look_env env = {.now_us = 100};

static void rows_make(struct row *rows, int n, int64_t factor) {
    static char names[100][16];
    for (int i = 0; i < n; i++) {
        snprintf(names[i], sizeof names[i], "r%02d", i);
        rows[i] = (struct row){slice_cstr(names[i]), {(i * factor) % 17, 0, VALUE_KNOWN}, TROUBLE_NONE};
    }
}

static void test_selection_stays_on_its_key(void **state) {
    struct row rows[40];
    struct table t;
    (void)state;
    table_init(&t, columns, 2);
    t.key = row_key;
    t.height = 10;
    rows_make(rows, 40, 3);
    assert_true(table_sort_by(&t, "n"));
    table_set_rows(&t, rows, 40, sizeof *rows, &env);
    for (int i = 0; i < 15; i++)
        table_move(&t, MOVE_DOWN);
    struct slice chosen = row_key(table_selected(&t));
    int height = t.selected - t.top;
    rows_make(rows, 40, 5); /* another order */
    table_set_rows(&t, rows, 40, sizeof *rows, &env);
    assert_true(slice_eq(row_key(table_selected(&t)), chosen));
    if (t.top > 0 && t.top + t.height < t.n)
        assert_int_equal(t.selected - t.top, height);
    /* Gone: the place stays.  Back: the bar is on it again. */
    table_set_rows(&t, rows, 5, sizeof *rows, &env);
    assert_int_equal(t.selected, 4);
    table_set_rows(&t, rows, 40, sizeof *rows, &env);
    assert_true(slice_eq(row_key(table_selected(&t)), chosen));
    table_set_rows(&t, rows, 0, sizeof *rows, &env);
    assert_null(table_selected(&t));
    table_move(&t, MOVE_END);
    table_fini(&t);
}

static void test_order(void **state) {
    struct row rows[6];
    struct table t;
    (void)state;
    rows_make(rows, 6, 1);
    rows[1].n.state = VALUE_WANTED;
    rows[4].n.state = VALUE_FAILED;
    rows[5].trouble = TROUBLE_BAD;
    table_init(&t, columns, 2);
    t.key = row_key;
    t.trouble = row_trouble;
    assert_true(table_sort_by(&t, "n"));
    table_set_rows(&t, rows, 6, sizeof *rows, &env);
    assert_true(t.descending);
    static const char *const by_n[] = {"r05", "r03", "r02", "r00", "r01", "r04"}; /* what has no value is last */
    for (int i = 0; i < 6; i++)
        assert_true(slice_is(row_key(table_row(&t, i)), by_n[i]));
    t.descending = false;
    table_set_rows(&t, rows, 6, sizeof *rows, &env);
    assert_true(slice_is(row_key(table_row(&t, 0)), "r00"));
    assert_true(slice_is(row_key(table_row(&t, 5)), "r04"));
    assert_true(table_sort_by(&t, "trouble"));
    table_set_rows(&t, rows, 6, sizeof *rows, &env);
    assert_true(slice_is(row_key(table_row(&t, 0)), "r05"));
    assert_false(table_sort_by(&t, "nothing"));
    table_fini(&t);
}

static void test_filter(void **state) {
    size_t at, n;
    (void)state;
    assert_true(filter_match("pay", SLICE("orders.payment"), &at, &n));
    assert_int_equal(at, 7);
    assert_int_equal(n, 3);
    assert_true(filter_match("PAY", SLICE("orders.PAYMENT"), &at, &n));
    assert_false(filter_match("PAY", SLICE("orders.payment"), &at, &n));
    assert_true(filter_match("ord pay", SLICE("orders.payment"), &at, &n));
    assert_false(filter_match("ord !pay", SLICE("orders.payment"), &at, &n));
    assert_true(filter_match("", SLICE("x"), &at, &n));
    assert_true(filter_match("!", SLICE("x!"), &at, &n));
}

static void type(struct edit *e, const char *keys) {
    struct key k;
    char name[16];
    while (*keys) {
        size_t n = strcspn(keys, " ");
        snprintf(name, sizeof name, "%.*s", (int)n, keys);
        key_of(&k, name);
        edit_key(e, &k);
        keys += n + (keys[n] == ' ');
    }
}

static void test_edit(void **state) {
    struct edit e = {0};
    (void)state;
    type(&e, "a b space c left left backspace");
    assert_string_equal(edit_cstr(&e), "a c");
    type(&e, "home x end y ctrl-w");
    assert_string_equal(edit_cstr(&e), "xa ");
    type(&e, "ctrl-u");
    assert_string_equal(edit_cstr(&e), "");
    struct key paste = {.name = "paste", .paste = SLICE("two\nlines\x1b[2J")};
    edit_key(&e, &paste);
    assert_string_equal(edit_cstr(&e), "two lines\x1b[2J"); /* kept as it is; shown escaped */
    edit_set(&e, SLICE("\xe6\x9d\xb1\xc3\xa9"));
    type(&e, "backspace");
    assert_string_equal(edit_cstr(&e), "\xe6\x9d\xb1");
    type(&e, "left delete delete");
    assert_string_equal(edit_cstr(&e), "");
    e.multiline = true;
    type(&e, "a b enter c up x");
    assert_string_equal(edit_cstr(&e), "axb\nc");
    edit_fini(&e);
}

static const char *json_lines(const char *s, int fold) {
    static struct canvas c;
    static struct buf out;
    struct block b = {0};
    canvas_fini(&c);
    canvas_init(&c, 70, 12, false);
    json_block(&b, slice_cstr(s), fold);
    block_paint(&b, &c, (struct rect){0, 0, 12, 70}, 0, 0, true);
    buf_clear(&out);
    canvas_text(&c, &out);
    while (out.n > 1 && out.p[out.n - 1] == '\n')
        out.n--;
    buf_put_u8(&out, 0);
    block_fini(&b);
    return (const char *)out.p;
}

static void test_json(void **state) {
    (void)state;
    assert_true(json_is(SLICE("{\"a\":[1,2,{\"b\":null}],\"a\":1.50}"), false));
    assert_true(json_is(SLICE(" 12 "), false));
    assert_false(json_is(SLICE(""), false));
    assert_false(json_is(SLICE("{\"a\":1"), false));
    assert_true(json_is(SLICE("{\"a\":1"), true));
    assert_false(json_is(SLICE("{\"a\" 1}"), false));
    assert_false(json_is(SLICE("{\"a\":1,}"), false));
    assert_false(json_is(SLICE("[1}"), false));
    assert_false(json_is(SLICE("{} x"), false));
    assert_false(json_is(SLICE("\"a\nb\""), false));
    /* Digits, order and doubles as they were sent. */
    assert_string_equal(json_lines("{\"n\":1.500e3,\"n\":12345678901234567890,\"s\":\"\\u001b\"}", 9),
                        "{\n  \"n\": 1.500e3,\n  \"n\": 12345678901234567890,\n  \"s\": \"\\u001b\"\n}");
    assert_string_equal(json_lines("{\"a\":{\"b\":[1,2,3]},\"c\":[]}", 1),
                        "{\n  \"a\": {\xe2\x80\xa6 1},\n  \"c\": []\n}");
    assert_string_equal(json_lines("[\"a\\\"b\",true]", 3), "[\n  \"a\\\"b\",\n  true\n]");
    char deep[2000];
    memset(deep, '[', sizeof deep);
    assert_false(json_is(slice_of(deep, sizeof deep), false));
}

static void test_shell_words(void **state) {
    struct buf b = {0};
    (void)state;
    shell_word(&b, SLICE("plain-name_1.2:3"));
    shell_word(&b, SLICE(" it's; rm -rf"));
    buf_put_u8(&b, 0);
    assert_string_equal((char *)b.p, "plain-name_1.2:3' it'\\''s; rm -rf'");
    buf_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format), cmocka_unit_test(test_selection_stays_on_its_key), cmocka_unit_test(test_order),
        cmocka_unit_test(test_filter), cmocka_unit_test(test_edit), cmocka_unit_test(test_json),
        cmocka_unit_test(test_shell_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
