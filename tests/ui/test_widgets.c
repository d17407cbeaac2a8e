/* Numbers, tables, text being typed, JSON. */
#include "tests/ui/world.h"

#include "tui/ui/columns.h"
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

/* ---- columns ---- */

static const struct column wide_columns[] = {
    COL("NAME", struct row, name, FORM_TEXT, 10, 0, 0), COL("N", struct row, n, FORM_COUNT, 6, 0, 4),
    COL("SECOND N", struct row, n, FORM_COUNT, 8, 0, 3), COL("THIRD", struct row, n, FORM_COUNT, 6, 0, 1),
    COL("FOURTH", struct row, n, FORM_COUNT, 6, 0, 2),
};

static const char *header_of(struct table *t, int w) {
    static struct canvas c;
    static struct buf out;
    canvas_fini(&c);
    canvas_init(&c, w, 6, true);
    table_paint(t, &c, (struct rect){0, 0, 6, w}, &env);
    buf_clear(&out);
    canvas_text(&c, &out);
    out.n = (size_t)((const uint8_t *)memchr(out.p, '\n', out.n) - out.p);
    buf_put_u8(&out, 0);
    return (const char *)out.p;
}

static void wide_table(struct table *t, struct row *rows) {
    table_init(t, wide_columns, 5);
    t->key = row_key;
    t->can_mark = true;
    rows_make(rows, 40, 3);
    table_set_rows(t, rows, 40, sizeof *rows, &env);
}

static void test_columns_of_the_user(void **state) {
    struct row rows[40];
    struct table t;
    char unknown[48], text[200];
    (void)state;
    wide_table(&t, rows);
    assert_string_equal(header_of(&t, 80), "   NAME ^       N  SECOND N  THIRD  FOURTH");
    assert_string_equal(header_of(&t, 33), "   NAME ^      THIRD  FOURTH    >"); /* by priority */
    assert_true(table_columns_set(&t, "fourth, second-n,N", true, unknown));
    assert_string_equal(header_of(&t, 80), "   NAME ^      FOURTH  SECOND N   N");
    assert_string_equal(header_of(&t, 33), "   NAME ^      FOURTH  SECOND N >"); /* as far as they fit, in this order */
    table_move(&t, MOVE_RIGHT);
    assert_string_equal(header_of(&t, 33), "   NAME ^    < SECOND N   N");
    table_columns_text(&t, text, sizeof text);
    assert_string_equal(text, "NAME,FOURTH,SECOND-N,N");
    /* Sorted by its column wherever that stands. */
    assert_true(table_sort_by(&t, "second n"));
    table_set_rows(&t, rows, 40, sizeof *rows, &env);
    assert_true(table_columns_set(&t, "NAME,THIRD,SECOND-N", true, unknown));
    assert_non_null(strstr(header_of(&t, 80), "vSECOND N"));
    assert_int_equal(t.sort, 2);
    static const int next[] = {0, 3, 2, 0}; /* the ones on the screen, as they stand there */
    for (int i = 0; i < 4; i++) {
        assert_true(table_sort_by(&t, NULL));
        assert_int_equal(t.sort, next[i]);
    }
    assert_true(table_sort_by(&t, "second n"));
    /* A wrong name: said, nothing done; from a file: left out, the others stay. */
    assert_false(table_columns_set(&t, "FOURTH,bogus\x1b[2J,N", true, unknown));
    assert_string_equal(unknown, "bogus\x1b[2J");
    table_columns_text(&t, text, sizeof text);
    assert_string_equal(text, "NAME,THIRD,SECOND-N");
    assert_true(table_columns_set(&t, ",,bogus,FOURTH,,N,N,NAME,", false, unknown));
    table_columns_text(&t, text, sizeof text);
    assert_string_equal(text, "NAME,FOURTH,N");
    assert_false(table_columns_set(&t, "nothing,known", false, unknown));
    assert_true(table_columns_set(&t, "NAME", true, unknown));
    assert_string_equal(header_of(&t, 80), "   NAME");
    table_columns_reset(&t);
    assert_non_null(strstr(header_of(&t, 80), "THIRD  FOURTH"));
    table_columns_text(&t, text, 12); /* never half a title */
    assert_string_equal(text, "NAME,N");
    table_fini(&t);
}

static void columns_type(struct columns_panel *p, struct table *t, const char *keys) {
    struct key k;
    for (char name[16]; *keys; keys += strcspn(keys, " "), keys += *keys == ' ') {
        snprintf(name, sizeof name, "%.*s", (int)strcspn(keys, " "), keys);
        assert_true(key_of(&k, name));
        columns_key(p, t, &k);
    }
}

static void test_columns_panel(void **state) {
    struct columns_panel p;
    struct row rows[40];
    struct table t;
    char text[200];
    (void)state;
    wide_table(&t, rows);
    header_of(&t, 33); /* NAME THIRD FOURTH */
    columns_open(&p, &t);
    columns_type(&p, &t, "space < > k"); /* the name is always there, and first */
    table_columns_text(&t, text, sizeof text);
    assert_string_equal(text, "NAME,THIRD,FOURTH");
    columns_type(&p, &t, "j space"); /* N too: what is on the screen stays */
    table_columns_text(&t, text, sizeof text);
    assert_string_equal(text, "NAME,N,THIRD,FOURTH");
    columns_type(&p, &t, "< G K K"); /* FOURTH before SECOND N; nothing goes before the name */
    table_columns_text(&t, text, sizeof text);
    assert_string_equal(text, "NAME,N,FOURTH,THIRD");
    assert_int_equal(p.at, 2);
    assert_string_equal(header_of(&t, 80), "   NAME ^       N  FOURTH  THIRD");
    columns_type(&p, &t, "esc");
    assert_false(p.open || t.arranged.own);
    columns_open(&p, &t);
    columns_type(&p, &t, "G space enter");
    assert_false(p.open);
    assert_true(t.arranged.own && !table_column_shown(&t, 4));
    columns_open(&p, &t);
    columns_type(&p, &t, "d");
    assert_false(t.arranged.own);
    columns_type(&p, &t, "q");
    assert_true(t.arranged.own); /* left: as it was */
    table_fini(&t);
}

/* ---- marks ---- */

static int marked(const struct table *t, const char *names) {
    struct buf out = {0};
    size_t at = 0;
    for (const void *row; (row = table_next_marked(t, &at));)
        buf_printf(&out, "%.*s ", (int)row_key(row).n, (const char *)row_key(row).p);
    buf_put_u8(&out, 0);
    assert_string_equal((char *)out.p, names);
    buf_fini(&out);
    return t->n_marked;
}

static void test_marks(void **state) {
    struct row rows[40], fewer[2];
    struct table t;
    (void)state;
    wide_table(&t, rows);
    t.height = 10;
    table_mark(&t);
    table_move(&t, MOVE_DOWN);
    table_mark(&t);
    assert_int_equal(marked(&t, "r00 r02 "), 2);
    assert_int_equal(t.selected, 3); /* the bar goes on to the next */
    rows_make(rows, 40, 7);          /* new values, another order */
    assert_true(table_sort_by(&t, "n"));
    table_set_rows(&t, rows, 40, sizeof *rows, &env);
    assert_int_equal(marked(&t, "r00 r02 "), 2);
    table_set_filter(&t, "r0");
    table_set_rows(&t, rows, 40, sizeof *rows, &env);
    table_mark_all(&t);
    assert_int_equal(t.n_marked, 10);
    table_set_filter(&t, "r1");
    table_set_rows(&t, rows, 40, sizeof *rows, &env);
    assert_int_equal(t.n_marked, 10);
    assert_int_equal(t.n_marked_shown, 0); /* filtered away, still marked */
    table_mark_all(&t);
    assert_int_equal(t.n_marked, 20);
    table_mark_all(&t); /* again: only what the filter shows */
    assert_int_equal(t.n_marked, 10);
    /* What is gone loses its mark and does not get it back. */
    fewer[0] = rows[2];
    fewer[1] = rows[30];
    table_set_rows(&t, fewer, 2, sizeof *fewer, &env);
    assert_int_equal(marked(&t, "r02 "), 1);
    table_set_rows(&t, rows, 40, sizeof *rows, &env);
    assert_int_equal(marked(&t, "r02 "), 1);
    table_set_filter(&t, "");
    table_set_rows(&t, rows, 40, sizeof *rows, &env);
    assert_true(table_select_key(&t, SLICE("r02")));
    table_mark(&t); /* takes it away */
    assert_int_equal(marked(&t, ""), 0);
    table_mark_all(&t);
    table_unmark_all(&t);
    assert_int_equal(t.n_marked + t.n_marked_shown, 0);
    table_mark_all(&t);
    table_set_rows(&t, rows, 0, sizeof *rows, &env);
    table_mark(&t);
    assert_int_equal(t.n_marked, 0);
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

/* A sentence that is longer than the line is told whole, between words. */
static void test_long_message(void **state) {
    static const char *const sentence = "cannot reach kafka-1.example:9092: connection refused \xc2\xb7 is the broker "
                                        "up? \xc2\xb7 R tries again, or :connect goes to another";
    (void)state;
    for (int ascii = 0; ascii < 2; ascii++) {
        struct canvas c;
        struct buf b = {0}, words = {0};
        canvas_init(&c, 62, 6, ascii);
        canvas_clear(&c);
        assert_int_equal(frame_message_rows(&c, "short"), 1);
        assert_int_equal(frame_message_rows(&c, sentence), 2);
        frame_message(&c, 4, ROLE_bad, sentence);
        canvas_text(&c, &b);
        buf_put_u8(&b, 0);
        for (const char *at = (const char *)b.p; *(at += strspn(at, " \n")); at += strcspn(at, " \n"))
            buf_printf(&words, "%s%.*s", words.n ? " " : "", (int)strcspn(at, " \n"), at);
        buf_put_u8(&words, 0);
        assert_string_equal((char *)words.p, ascii ? "cannot reach kafka-1.example:9092: connection refused . is the "
                                                     "broker up? . R tries again, or :connect goes to another"
                                                   : sentence);
        buf_fini(&b);
        buf_fini(&words);
        canvas_fini(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_format), cmocka_unit_test(test_selection_stays_on_its_key), cmocka_unit_test(test_order),
        cmocka_unit_test(test_filter), cmocka_unit_test(test_edit), cmocka_unit_test(test_json),
        cmocka_unit_test(test_columns_of_the_user),
        cmocka_unit_test(test_columns_panel), cmocka_unit_test(test_marks), cmocka_unit_test(test_long_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
