/* Every screen, in the sizes it must hold in, in UTF-8 and ASCII, with its looks:
 * compared with tests/ui/screens/NAME-SIZE.txt (tests/ui/shots.h says how they
 * read).  After a change that is meant, look at what WEIR_RECORD=1 writes there,
 * draw it with tests/ui/pictures, and commit it. */
#include "tests/ui/shots.h"
#include "tests/ui/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct { int w, h; } sizes[] = {{80, 24}, {120, 36}, {200, 50}}, small_sizes[] = {{60, 15}, {40, 10}};

/* ---- how the world gets there ---- */

static void usual(struct world *w) { ui_set_snapshot(&w->screen.ui, world_of(WORLD_USUAL, 1)); }
static void hurt(struct world *w) { ui_set_snapshot(&w->screen.ui, world_of(WORLD_HURT, 1)); }
static void waiting(struct world *w) { ui_set_snapshot(&w->screen.ui, world_of(WORLD_WAITING, 1)); }
static void own(struct world *w) { ui_set_snapshot(&w->screen.ui, world_of(WORLD_OWN, 1)); }
static void empty(struct world *w) { ui_set_snapshot(&w->screen.ui, world_empty(LINK_UP, true)); }
static void connecting(struct world *w) { ui_set_snapshot(&w->screen.ui, world_empty(LINK_CONNECTING, false)); }
static void unreachable(struct world *w) { ui_set_snapshot(&w->screen.ui, world_empty(LINK_DOWN, false)); }

static void read_only(struct world *w) {
    w->screen.ui.read_only = true;
    usual(w);
}

static void few_taken(struct world *w) {
    usual(w);
    w->client.produce_room = 1204;
    w->client.pending = 1204;
}

static void later(struct world *w) { w->screen.ui.env.now_us += 12000000; }

static void gone(struct world *w) {
    struct snapshot *s = world_of(WORLD_USUAL, 2);
    s->link = LINK_DOWN;
    s->why = SLICE("cannot reach 127.0.0.1:9092: connection refused; is the broker up?");
    ui_set_snapshot(&w->screen.ui, s);
    later(w);
}

static void receipts(struct world *w) {
    world_receipt(w, 3, 5018005, NULL);
    world_receipt(w, 0, -1, NULL);
    world_receipt(w, -1, -1, "MSG_SIZE_TOO_LARGE: the message is larger than this topic takes (max.message.bytes)");
    world_receipt(w, 3, 5018006, NULL);
}

static void more_records(struct world *w) {
    for (int i = 0; i < 8; i++)
        fake_client_row(&w->client, i % 4, 5018010 + i, SLICE("u-1"), SLICE("{\"page\":\"home\"}"));
    w->client.stats.distance = 0;
    w->client.stats.dropped = 0;
}

static void time_passes(struct world *w) {
    w->screen.ui.env.now_us += 1000000;
    ui_tick(&w->screen.ui);
}

static void tail_gone(struct world *w) {
    snprintf(w->client.stats.why, sizeof w->client.stats.why, "clicks is gone: it was deleted while it was read");
    w->client.stats.failed = w->client.stats.finished = true;
    time_passes(w);
}

static void tail_away(struct world *w) {
    snprintf(w->client.stats.why, sizeof w->client.stats.why, "cannot reach kafka-2:9092: connection refused");
    w->client.stats.away = true;
    time_passes(w);
}

static void tail_noted(struct world *w) {
    snprintf(w->client.stats.note, sizeof w->client.stats.note,
             "partition 3: 5017988 records were deleted, it goes on at offset 5018000");
    w->client.stats.notes = 1;
    time_passes(w);
}

static void offsets_of_a_time(struct world *w) {
    struct client_place places[] = {{(char *)(uintptr_t) "orders.payment.settled.v2", 0, 5900},
                                    {(char *)(uintptr_t) "orders.payment.settled.v2", 2, 1500},
                                    {(char *)(uintptr_t) "orders.payment.settled.v2", 6, -1}};
    struct client_event e = {.kind = EVENT_ACTION, .id = w->client.last_id, .ok = true, .places = places,
                             .n_places = 3};
    ui_event(&w->screen.ui, &e);
}

static void say_good(struct world *w) { ui_say(&w->screen.ui, ROLE_good, "topic events created, 12 partitions"); }
static void say_bad(struct world *w) {
    ui_say(&w->screen.ui, ROLE_bad, "topic clicks: TOPIC_ALREADY_EXISTS: a topic of that name is there already");
}
static void say_warn(struct world *w) { ui_say(&w->screen.ui, ROLE_warn, "stopped: 1200 messages were not sent"); }
static void say_foreign(struct world *w) { ui_say(&w->screen.ui, ROLE_text, "copied: \x1b[31mred\xe2\x80\xae …"); }

static long two_others(void *ctx) { return ctx ? 0 : 2; }
static void leave(void *ctx, bool stop_broker) { (void)ctx, (void)stop_broker; }
static void others(struct world *w) {
    w->screen.hooks.others = two_others;
    w->screen.hooks.leave = leave;
    own(w);
}


/* ---- the screens ---- */

struct screen_case {
    const char *name;
    void (*begin)(struct world *w);
    const char *keys;                   /* a paint between each, as on a terminal */
    void (*then)(struct world *w);      /* what the cluster answers, or time brings */
    const char *keys_then;
};
static const struct screen_case screens[] = {
    {"topics", usual, "", NULL, ""},
    {"topics-exact", usual, "= i", NULL, ""},
    {"topics-filter", usual, "/ 'or", NULL, ""},
    {"topics-filtered", usual, "/ 'or enter", NULL, ""},
    {"topics-none", usual, "/ 'nosuchtopic enter", NULL, ""},
    {"topics-sorted", usual, "s s s s j", NULL, ""},
    {"topics-hurt", hurt, "j j j j", NULL, ""},
    {"topics-waiting", waiting, "", NULL, ""},
    {"topics-stale", usual, "j j", later, ""},
    {"topics-gone", usual, "", gone, ""},
    {"topics-read-only", read_only, "n", NULL, ""},
    {"topics-own", own, "", NULL, ""},
    {"first-run", empty, "", NULL, ""},
    {"connecting", connecting, "", NULL, ""},
    {"no-answer", unreachable, "", NULL, ""},
    {"topic", usual, "j j j j enter", NULL, ""},
    {"topic-hurt", hurt, "j j j j enter j j", NULL, ""},
    {"topic-groups", usual, "j j j j enter tab", NULL, ""},
    {"topic-groups-none", usual, "enter tab", NULL, ""},
    {"topic-configs", usual, "j j enter", world_configs, "tab tab"},
    {"topic-configs-long", usual, "j j enter", world_configs, "tab tab j j j j j"},
    {"groups", usual, "2", NULL, ""},
    {"groups-none", empty, "2", NULL, ""},
    {"groups-waiting", waiting, "2", NULL, ""},
    {"groups-stale", usual, "2", later, ""},
    {"group", usual, "2 j enter", NULL, ""},
    {"group-stale", usual, "2 j enter", later, ""},
    {"group-members", usual, "2 j enter tab", NULL, ""},
    {"group-members-none", usual, "2 enter tab", NULL, ""},
    {"tail-empty", usual, "3", NULL, ""},
    {"tail", usual, "j j t", NULL, ""},
    {"tail-at-end", usual, "j j t", more_records, ""},
    {"tail-held", usual, "j j t space k k", more_records, ""},
    {"tail-filtered", usual, "j j t / 'checkout enter", NULL, ""},
    {"tail-matched", usual, "j j t / '/items|u-9|tomb/ enter", NULL, ""},
    {"tail-filter-typed", usual, "j j t / 'key:/u-(", NULL, "'/"},
    {"tail-from", usual, "j j t b", NULL, ""},
    {"tail-from-wrong", usual, "j j t b right right right right tab ctrl-u 'noon enter", NULL, ""},
    {"tail-gone", usual, "j j t", tail_gone, ""},
    {"tail-away", usual, "j j t", tail_away, ""},
    {"tail-noted", usual, "j j t", tail_noted, ""},
    {"tail-wrapped", usual, "j j t w", NULL, ""},
    {"record", usual, "j j t k k k k k enter", NULL, ""},
    {"record-folded", usual, "j j t k k k k k enter - -", NULL, ""},
    {"record-whole", usual, "j j t k k k k k enter enter +", NULL, ""},
    {"record-hex", usual, "j j t k k k enter d d d", NULL, ""},
    {"produce", usual, "4", NULL, ""},
    {"produce-topic", usual, "4 'cl", NULL, ""},
    {"produce-file", usual, "j j p tab '~/orders.jsonl", NULL, ""},
    {"produce-run", few_taken, "j j p 'hello_{n} tab", NULL, "tab tab tab '100000 ctrl-s"},
    {"produce-leave", few_taken, "j j p 'hello tab", NULL, "tab tab tab '100000 ctrl-s ctrl-q"},
    {"produce-receipts", usual, "j j p 'hello ctrl-s", receipts, "esc"},
    {"cluster", usual, "5 G", NULL, ""},
    {"cluster-own", own, "5", NULL, ""},
    {"cluster-waiting", connecting, "5", NULL, ""},
    {"changes", usual, "6", NULL, ""},
    {"changes-none", empty, "6", NULL, ""},
    {"log", usual, "7", NULL, ""},
    {"log-none", empty, "7", NULL, ""},
    {"help", usual, "?", NULL, ""},
    {"help-topic", usual, "j j enter ?", NULL, ""},
    {"help-groups", usual, "2 ?", NULL, ""},
    {"help-group", usual, "2 j enter ?", NULL, ""},
    {"help-tail", usual, "j j t ?", NULL, ""},
    {"help-produce", usual, "4 esc ?", NULL, ""},
    {"help-cluster", usual, "5 ?", NULL, ""},
    {"help-changes", usual, "6 ?", NULL, ""},
    {"command", usual, ":", NULL, ""},
    {"command-completed", usual, ": 'ta tab", NULL, ""},
    {"new-topic", usual, "n 'events tab '12", NULL, ""},
    {"new-topic-wrong", usual, "n tab '0 enter", NULL, ""},
    {"delete-topic", usual, "j j D", NULL, ""},
    {"delete-topic-wrong", usual, "j j D 'click enter", NULL, ""},
    {"add-partitions", usual, "j j + '48", NULL, ""},
    {"delete-records", usual, "j j : 'truncate enter", NULL, ""},
    {"set-config", usual, "j j enter", world_configs, "tab tab enter"},
    {"delete-group", usual, "2 j D", NULL, ""},
    {"reset-offsets", usual, "2 j o right right tab '1200", NULL, ""},
    {"reset-earliest", usual, "2 j o", NULL, ""},
    {"reset-shift", usual, "2 j o right right right tab '-100", NULL, ""},
    {"reset-time", usual, "2 j o right right right right tab '2024-05-31T12:00", offsets_of_a_time, ""},
    {"leave-others", others, "ctrl-c", NULL, ""},
    {"message-good", usual, "", say_good, ""},
    {"message-bad", usual, "", say_bad, ""},
    {"message-warn", usual, "", say_warn, ""},
    {"message-foreign", usual, "", say_foreign, ""},
};
#define N_SCREENS (sizeof screens / sizeof *screens)
/* The longest title, form and page in a window that is too small for them. */
static const struct screen_case small_screens[] = {
    {"small-topics", usual, "", NULL, ""},
    {"small-help", usual, "?", NULL, ""},
    {"small-group", usual, "2 j enter", NULL, ""},
    {"small-reset", usual, "2 j o right right tab '1200", NULL, ""},
    {"small-produce", usual, "4", NULL, ""},
    {"small-record", usual, "j j t k k k k k enter", NULL, ""},
};

static void press(struct world *w, const char *keys) {
    for (const char *p = keys; *p;) {
        char one[64];
        size_t n = strcspn(p, " ");
        snprintf(one, sizeof one, "%.*s", (int)n, p);
        world_keys(w, one);
        world_paint(w);
        p += n + (p[n] == ' ');
    }
}

static void play(struct world *w, const struct screen_case *s, int columns, int rows, bool ascii) {
    world_init(w, columns, rows, ascii);
    if (strcmp(s->name, "tail-empty") != 0)
        world_records(w);
    s->begin(w);
    if (s->begin != empty) {
        notes_add(&w->screen.ui.log, 1717165579355, 1, "a broker said \x1b[31mred\x1b[0m and \xe2\x80\xae back");
        notes_add(&w->screen.ui.log, 1717165580001, 0, "kafka-3:9092: connection refused");
        notes_add(&w->screen.ui.changes, 1717165579355, 2, "topic clicks: 12 partitions, 24 now");
        notes_add(&w->screen.ui.changes, 1717165591002, 1, "broker 3 does not answer any more");
    }
    world_paint(w);
    press(w, s->keys);
    if (s->then)
        s->then(w);
    press(w, s->keys_then);
    world_paint(w);
}

static void check(const struct screen_case *s, int columns, int rows) {
    struct world utf8, ascii;
    play(&utf8, s, columns, rows, false);
    play(&ascii, s, columns, rows, true);
    shot_check(s->name, &utf8.canvas, &ascii.canvas);
    world_fini(&utf8);
    world_fini(&ascii);
}

static void test_screens(void **state) {
    (void)state;
    for (size_t i = 0; i < N_SCREENS; i++)
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
            check(&screens[i], sizes[k].w, sizes[k].h);
}

static void test_small_screens(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof small_screens / sizeof *small_screens; i++)
        for (size_t k = 0; k < sizeof small_sizes / sizeof *small_sizes; k++)
            check(&small_screens[i], small_sizes[k].w, small_sizes[k].h);
}

static void test_looks(void **state) {
    (void)state;
    shot_check_looks();
}

static void test_config_commands(void **state) {
    (void)state;
    struct world w;
    world_init(&w, 80, 24, false);
    usual(&w);
    world_paint(&w);
    press(&w, "j j enter");
    world_configs(&w);
    press(&w, "tab tab enter");
    assert_non_null(strstr(world_paint(&w), "--add-config retention.ms=604800000"));
    press(&w, "tab right");
    assert_non_null(strstr(world_paint(&w), "--delete-config retention.ms"));
    world_fini(&w);
}

static void test_stale(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 80, 24, false);
    ui_set_snapshot(&w.screen.ui, world_snapshot(1));
    world_paint(&w);
    assert_non_null(strstr(world_line(&w, 0), "1 s ago"));
    later(&w);
    world_paint(&w);
    assert_non_null(strstr(world_line(&w, 0), "stale 12 s"));
    /* The rows are dimmed, the words are the same. */
    for (int x = 0; x < 80; x++)
        if (canvas_cell(&w.canvas, 4, x)->cp == '8')
            assert_int_equal(canvas_cell(&w.canvas, 4, x)->role, ROLE_stale);
    world_fini(&w);
}

/* Sizes that nobody designs for: nothing is written outside, nothing breaks. */
static void test_odd_sizes(void **state) {
    static const int widths[] = {1, 2, 7, 20, 39, 79, 133, 400}, heights[] = {1, 2, 3, 4, 6, 9, 23, 100};
    (void)state;
    for (size_t i = 0; i < N_SCREENS; i++)
        for (size_t k = i % 2; k < 64; k += 2) {
            struct world w;
            play(&w, &screens[i], widths[k % 8], heights[k / 8], k % 3 == 0);
            canvas_resize(&w.canvas, widths[(k + 3) % 8], heights[(k / 8 + 5) % 8]);
            world_paint(&w);
            ui_set_snapshot(&w.screen.ui, world_empty(LINK_DOWN, false));
            world_paint(&w);
            world_fini(&w);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screens), cmocka_unit_test(test_small_screens), cmocka_unit_test(test_looks),
        cmocka_unit_test(test_config_commands), cmocka_unit_test(test_stale), cmocka_unit_test(test_odd_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
