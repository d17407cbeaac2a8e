/* Every screen as text, in the sizes and alphabets it must hold in, compared
 * with tests/ui/screens/NAME.txt.  After a change that is meant, look at what
 * WEIR_RECORD=1 writes there, and commit it. */
#include "tests/ui/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct size { int w, h; bool ascii; const char *name; };
static const struct size sizes[] = {
    {80, 24, false, "80x24"}, {80, 24, true, "80x24-ascii"}, {120, 36, false, "120x36"}, {200, 50, false, "200x50"},
};
#define N_SIZES 4

static void compare(const char *name, const char *size, const char *text) {
    const char *dir = getenv("SCREENS");
    char path[4096];
    struct buf want = {0};
    snprintf(path, sizeof path, "%s/%s-%s.txt", dir ? dir : "tests/ui/screens", name, size);
    if (getenv("WEIR_RECORD")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs(text, f);
        assert_int_equal(fclose(f), 0);
        return;
    }
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s is missing: WEIR_RECORD=1 makes it", path);
    for (size_t n; (n = fread(buf_reserve(&want, 65536), 1, 65536, f)) > 0;)
        want.n += n;
    fclose(f);
    buf_put_u8(&want, 0);
    if (strcmp((char *)want.p, text) != 0)
        print_error("%s differs; now:\n%s", path, text);
    assert_string_equal((char *)want.p, text);
    buf_fini(&want);
}

static void records(struct client *c) {
    fake_client_row(c, 0, 5018004, SLICE("u-18231"),
                    SLICE("{\"page\":\"checkout\",\"ms\":182,\"ok\":true,\"cart\":{\"items\":[{\"id\":7}]}}"));
    fake_client_row(c, 7, 4990120, SLICE("u-99"), SLICE("{\"page\":\"checkout\",\"ms\":9,\"ok\":false}"));
    fake_client_row(c, 0, 5018005, SLICE_NULL,
                    SLICE("\x1b]0;title\x07\x1b[2J\xc2\x9b"
                          "31m\xe2\x80\xaegnp\xe2\x80\xac\xff\xfe"));
    fake_client_row(c, 3, 12, SLICE("tomb"), SLICE_NULL);
    fake_client_row(c, 3, 13, SLICE(""), SLICE(""));
    fake_client_row(c, 3, 14, SLICE("\xe6\x9d\xb1\xe4\xba\xac"), SLICE("caf\xc3\xa9 e\xcc\x81 \xe2\x80\x8b|"));
    c->stats.distance = 1204;
    c->stats.dropped = 3;
    c->stats.per_second = 61234;
}

/* name, keys; a new world for each. */
static const struct { const char *name, *keys; } screens[] = {
    {"topics", ""},
    {"topics-exact", "= i"},
    {"topics-filter", "/ 'or"},
    {"topics-none", "/ 'nosuchtopic enter"},
    {"groups", "2"},
    {"group", "2 j enter"},
    {"group-members", "2 j enter tab"},
    {"tail-empty", "3"},
    {"tail", "j j t"},
    {"record", "j j t k k k k k enter"},
    {"record-hex", "j j t k k k enter d d d"},
    {"produce", "4"},
    {"topic", "j j j j enter"},
    {"topic-groups", "j j j j enter tab"},
    {"cluster", "5 G"},
    {"changes", "6"},
    {"log", "7"},
    {"help", "?"},
    {"command", ":"},
    {"new-topic", "n 'events tab '12"},
    {"delete-topic", "j j D"},
    {"reset-offsets", "2 j o right right tab '1200"},
};

static void test_screens(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof screens / sizeof *screens; i++)
        for (size_t k = 0; k < N_SIZES; k++) {
            struct world w;
            world_init(&w, sizes[k].w, sizes[k].h, sizes[k].ascii);
            if (strcmp(screens[i].name, "tail-empty") != 0)
                records(&w.client);
            ui_set_snapshot(&w.screen.ui, world_snapshot(1));
            notes_add(&w.screen.ui.log, 1717165579355, 1, "a broker said \x1b[31mred\x1b[0m and \xe2\x80\xae back");
            notes_add(&w.screen.ui.changes, 1717165579355, 2, "topic clicks: 12 partitions, 24 now");
            world_paint(&w);
            for (const char *p = screens[i].keys; *p;) { /* a paint between keys, as on a terminal */
                char one[64];
                size_t n = strcspn(p, " ");
                snprintf(one, sizeof one, "%.*s", (int)n, p);
                world_keys(&w, one);
                world_paint(&w);
                p += n + (p[n] == ' ');
            }
            compare(screens[i].name, sizes[k].name, world_paint(&w));
            world_fini(&w);
        }
}

static void test_beginnings(void **state) {
    (void)state;
    static const struct { const char *name; enum link_state link; bool embedded; } begins[] = {
        {"first-run", LINK_UP, true}, {"connecting", LINK_CONNECTING, false}, {"no-answer", LINK_DOWN, false},
    };
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < N_SIZES; k++) {
            struct world w;
            world_init(&w, sizes[k].w, sizes[k].h, sizes[k].ascii);
            ui_set_snapshot(&w.screen.ui, world_empty(begins[i].link, begins[i].embedded));
            compare(begins[i].name, sizes[k].name, world_paint(&w));
            world_fini(&w);
        }
}

static char *text_of(const char *s) { return (char *)(uintptr_t)s; }

static void test_configs(void **state) {
    (void)state;
    struct client_config_row rows[] = {
        {text_of("cleanup.policy"), text_of("delete"), false, false, true, 5, text_of("What becomes of old segments.")},
        {text_of("retention.ms"), text_of("604800000"), false, false, false, 1, text_of("How long records are kept.")},
        {text_of("segment.bytes"), text_of("1073741824"), true, false, true, 4, NULL},
        {text_of("secret\x1b[2J"), NULL, false, true, true, 5, text_of("\xe2\x80\xaehidden")},
    };
    for (size_t k = 0; k < N_SIZES; k++) {
        struct world w;
        world_init(&w, sizes[k].w, sizes[k].h, sizes[k].ascii);
        ui_set_snapshot(&w.screen.ui, world_snapshot(1));
        world_paint(&w);
        world_keys(&w, "j j enter");
        struct client_event e = {
            .kind = EVENT_ACTION, .id = w.client.last_id, .ok = true, .configs = rows, .n_configs = 4};
        ui_event(&w.screen.ui, &e);
        world_keys(&w, "tab tab");
        compare("topic-configs", sizes[k].name, world_paint(&w));
        world_keys(&w, "enter");
        assert_non_null(strstr(world_paint(&w), "--add-config retention.ms=604800000"));
        world_keys(&w, "tab right");
        assert_non_null(strstr(world_paint(&w), "--delete-config retention.ms"));
        world_fini(&w);
    }
}

static void test_stale(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 80, 24, false);
    ui_set_snapshot(&w.screen.ui, world_snapshot(1));
    world_paint(&w);
    assert_non_null(strstr(world_line(&w, 0), "1 s ago"));
    w.screen.ui.env.now_us += 12000000;
    world_paint(&w);
    assert_non_null(strstr(world_line(&w, 0), "stale 12 s"));
    /* The rows are dimmed, the words are the same. */
    for (int x = 0; x < 80; x++)
        if (canvas_cell(&w.canvas, 4, x)->cp == '8')
            assert_int_equal(canvas_cell(&w.canvas, 4, x)->role, ROLE_stale);
    compare("stale", "80x24", world_paint(&w));
    world_fini(&w);
}

/* Sizes that nobody designs for: nothing is written outside, nothing breaks. */
static void test_odd_sizes(void **state) {
    static const int widths[] = {1, 2, 7, 20, 39, 79, 133, 400}, heights[] = {1, 2, 3, 4, 6, 9, 23, 100};
    (void)state;
    for (size_t i = 0; i < sizeof screens / sizeof *screens; i++)
        for (size_t k = 0; k < 64; k++) {
            struct world w;
            world_init(&w, widths[k % 8], heights[k / 8], k % 3 == 0);
            records(&w.client);
            ui_set_snapshot(&w.screen.ui, world_snapshot(1));
            world_paint(&w);
            world_keys(&w, screens[i].keys);
            world_paint(&w);
            canvas_resize(&w.canvas, widths[(k + 3) % 8], heights[(k / 8 + 5) % 8]);
            world_paint(&w);
            ui_set_snapshot(&w.screen.ui, world_empty(LINK_DOWN, false));
            world_paint(&w);
            world_fini(&w);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screens), cmocka_unit_test(test_beginnings), cmocka_unit_test(test_configs),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_odd_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
