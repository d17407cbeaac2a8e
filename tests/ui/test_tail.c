/* What is done in the tail and in the produce form, by their keys. */
#include "tests/ui/world.h"

#include "tui/cmd/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void begin(struct world *w) {
    world_init(w, 100, 30, false);
    ui_set_snapshot(&w->screen.ui, world_snapshot(1));
    world_paint(w);
}

static void test_produce(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "j j p 'hello ctrl-s");
    assert_int_equal(w.client.n_produced, 1);
    assert_string_equal(w.client.produced[0].topic, "clicks");
    assert_string_equal(w.client.produced[0].value, "hello");
    assert_int_equal(w.client.produced[0].acks, -1);
    struct client_event receipt = {.kind = EVENT_RECEIPT, .id = 1, .ok = true, .partition = 3, .offset = 5018005,
                                   .took_us = 1200, .wall_ms = 1717165579355};
    ui_event(&w.screen.ui, &receipt);
    assert_non_null(strstr(world_paint(&w), "3@5,018,005  1.2 ms"));
    struct client_event failure = {
        .kind = EVENT_RECEIPT, .id = 2, .error = 10, .text = (char *)(uintptr_t) "MSG_SIZE_TOO_LARGE: too large"};
    ui_event(&w.screen.ui, &failure);
    assert_non_null(strstr(world_paint(&w), "MSG_SIZE_TOO_LARGE"));
    world_fini(&w);
}

/* Enter walks through the form, however often: what writes to a topic is the key that is called send. */
static void test_produce_enter(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "j j p 'hello tab");
    for (int i = 0; i < 20; i++)
        world_keys(&w, "enter tab");
    world_keys(&w, "esc enter enter enter");
    assert_int_equal(w.client.n_produced, 0);
    world_keys(&w, "ctrl-s");
    assert_int_equal(w.client.n_produced, 1);
    world_fini(&w);
}

/* What is being written is not lost to an earlier message, nor to a record that is sent again. */
static void test_produce_draft(void **state) {
    static const struct { const char *keys, *value; } rows[] = {
        {"4 'clicks tab tab tab tab tab 'draft ctrl-p", "draft"},       /* nothing was sent */
        {"j j p 'one ctrl-s ctrl-u 'draft ctrl-p", "one"},
        {"j j p 'one ctrl-s ctrl-u 'draft ctrl-p ctrl-n", "draft"},
        {"j j p 'one ctrl-s ctrl-u 'two ctrl-s ctrl-u 'draft ctrl-p ctrl-p ctrl-p ctrl-n ctrl-n ctrl-n", "draft"},
        {"j j p 'one ctrl-s ctrl-u 'draft ctrl-p ctrl-s ctrl-p", "one"},
        {"j j p 'draft esc 3 k R ctrl-p", "draft"},
        {"j j p 'draft esc 3 k R ctrl-p ctrl-n", "{\"page\":\"checkout\"}"},
        {"j j p 'one ctrl-s esc 3 k R k ctrl-p", "one"},                /* once: it was sent */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        struct key k;
        begin(&w);
        fake_client_row(&w.client, 0, 1, SLICE("k"), SLICE("{\"page\":\"checkout\"}"));
        world_keys(&w, "j j t");
        world_paint(&w);
        world_keys(&w, "1 g");
        world_keys(&w, rows[i].keys);
        assert_true(key_of(&k, "ctrl-s"));
        screen_key(&w.screen, &k);
        assert_string_equal(w.client.produced[w.client.n_produced - 1].value, rows[i].value);
        world_fini(&w);
    }
}

/* Another cluster: the tail reads its topic there, and records of the one before are not sent to it. */
static void test_tail_of_another_cluster(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    fake_client_row(&w.client, 0, 1, SLICE("k"), SLICE("of the first"));
    world_keys(&w, "j j t");
    assert_non_null(strstr(world_paint(&w), "of the first"));
    w.client.n_rows = 0;
    w.client.stats = (struct tail_stats){0};
    assert_true(screen_run(&w.screen, "connect 10.0.0.7:9092"));
    assert_string_equal(w.client.spec_cluster, "10.0.0.7:9092");
    assert_string_equal(w.client.spec_topic, "clicks");
    assert_int_equal(w.client.tails_open, 1);
    assert_null(strstr(world_paint(&w), "of the first"));
    world_keys(&w, "R");
    assert_null(strstr(world_paint(&w), "of the first"));
    world_fini(&w);
}

/* What is left of a run was not meant for another cluster. */
static void test_run_and_another_cluster(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    w.client.produce_room = 10;
    world_keys(&w, "j j p 'hello");
    world_paint(&w);
    world_keys(&w, "tab tab tab tab '100 ctrl-s");
    assert_int_equal(w.client.n_produced, 10);
    assert_true(screen_run(&w.screen, "connect 10.0.0.7:9092"));
    w.client.produce_room = 1000;
    w.screen.ui.env.now_us += 1000000;
    ui_tick(&w.screen.ui);
    assert_int_equal(w.client.n_produced, 10);
    assert_non_null(strstr(world_paint(&w), "stopped: 90 messages were not sent"));
    world_fini(&w);
}

/* A name that no topic has is said to be none before something is sent there: the broker may create it. */
static void test_produce_no_such_topic(void **state) {
    static const struct { const char *keys; bool said; } rows[] = {
        {"4", false}, {"4 'clicks", false}, {"4 'clicks tab", false}, {"4 'clicks2", true},
        {"4 'clicks2 tab tab", true},
        {"4 'click", false}, {"4 'click tab", true}, {"4 'click right tab", false}, {"4 'clicks2 esc", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        begin(&w);
        world_keys(&w, rows[i].keys);
        assert_int_equal(strstr(world_paint(&w), "no such topic") != NULL, rows[i].said);
        ui_set_snapshot(&w.screen.ui, world_empty(LINK_CONNECTING, false)); /* nothing is known of topics */
        assert_null(strstr(world_paint(&w), "no such topic"));
        world_fini(&w);
    }
}

/* While the form is typed into, the hints name no key that would only be typed; `leave form` brings them back. */
static void test_produce_hints(void **state) {
    static const struct { const char *keys; bool typing; } rows[] = {
        {"4", true}, {"4 'clicks tab tab", true}, {"4 esc", false}, {"4 esc tab", true}, {"j j p", true},
        {"j j p 'x ctrl-s", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        struct frame_hint hints[32];
        int letters = 0;
        bool way_out = false;
        begin(&w);
        world_keys(&w, rows[i].keys);
        int n = command_hints(&w.screen, hints, 32);
        for (int k = 0; k < n; k++) {
            letters += hints[k].key[1] == '\0';
            way_out = way_out || (strcmp(hints[k].key, "Esc") == 0 && strcmp(hints[k].label, "leave form") == 0);
        }
        assert_int_equal(letters == 0, rows[i].typing);
        assert_int_equal(way_out, rows[i].typing);
        world_keys(&w, "f1"); /* the page of keys is there all the same */
        assert_non_null(strstr(world_paint(&w), "HERE, IN Produce"));
        world_fini(&w);
    }
}

/* What -X acks and compression.type say is what the form begins with; it may be changed there. */
static void test_produce_defaults(void **state) {
    static const int acks[] = {-1, 1, 0};
    (void)state;
    for (int i = 0; i < 3; i++) {
        struct world w;
        fake_client_init(&w.client);
        w.client.acks = acks[i];
        w.client.codec = (enum batch_codec)(CODEC_GZIP + i);
        world_begin(&w, 100, 30, false);
        ui_set_snapshot(&w.screen.ui, world_snapshot(1));
        world_keys(&w, "j j p 'x ctrl-s");
        world_paint(&w);
        world_keys(&w, "tab tab tab right ctrl-s");
        assert_int_equal(w.client.n_produced, 2);
        assert_int_equal(w.client.produced[0].acks, acks[i]);
        assert_int_equal(w.client.produced[0].codec, CODEC_GZIP + i);
        assert_int_equal(w.client.produced[1].acks, acks[(i + 1) % 3]);
        world_fini(&w);
    }
}

static void test_produce_many(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    w.client.produce_room = 1500; /* then the queue is full */
    world_keys(&w, "j j p 'x shift-tab 'a=1,b=2 tab tab");
    world_paint(&w); /* the form learns what is off */
    world_keys(&w, "tab tab tab '5000 ctrl-s");
    assert_int_equal(w.client.n_produced, 1500);
    assert_int_equal(w.client.produced[0].n_headers, 2);
    assert_true(ui_tick_us(&w.screen.ui) < 1000000);
    w.client.produce_room = SIZE_MAX;
    world_keys(&w, "esc 1"); /* it goes on behind another tab */
    for (int i = 0; i < 10; i++)
        ui_tick(&w.screen.ui);
    assert_int_equal(w.client.n_produced, 5000);
    assert_true(ui_tick_us(&w.screen.ui) == INT64_MAX);
    /* A rate is kept: at 100 a second 3 after 20 ms. */
    world_keys(&w, "4 tab tab 'x ctrl-u '100 ctrl-s");
    world_fini(&w);
}

/* {n} is the number of the message, in the key, the value and the headers, once there are several. */
static void test_produce_numbered(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "j j p 'v{n}{n} shift-tab 'h=<{n}> ctrl-s");
    assert_string_equal(w.client.produced[0].value, "v{n}{n}");
    assert_string_equal(w.client.produced[0].headers, "h=<{n}>;");
    world_keys(&w, "tab tab");
    world_paint(&w);
    world_keys(&w, "tab tab tab '2 ctrl-s");
    assert_int_equal(w.client.n_produced, 3);
    assert_string_equal(w.client.produced[1].value, "v11");
    assert_string_equal(w.client.produced[2].value, "v22");
    assert_string_equal(w.client.produced[2].headers, "h=<2>;");
    world_fini(&w);
}

/* What is written behind a backslash in Headers is the same as in weir produce -D; what is none is not sent. */
static void test_produce_escapes(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "j j p 'hello shift-tab 'a\\=b=c\\,\\x21,d\\\\ ctrl-s");
    assert_string_equal(w.client.produced[0].headers, "a=b=c,!;d\\;");
    world_keys(&w, "ctrl-u 'a=\\q ctrl-s");
    assert_int_equal(w.client.n_produced, 1);
    assert_non_null(strstr(world_paint(&w), "that is no escape; they are \\n \\t"));
    world_fini(&w);
}

/* With "each" the next message waits for the receipt of the one before. */
static void test_produce_sync(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "j j p 'v tab");
    world_paint(&w);
    world_keys(&w, "tab tab tab '3 tab tab right ctrl-s");
    for (size_t i = 1; i <= 3; i++) {
        ui_tick(&w.screen.ui);
        assert_int_equal(w.client.n_produced, i);
        assert_true(w.screen.ui.hurry == (i < 3));
        struct client_event receipt = {.kind = EVENT_RECEIPT, .id = w.client.last_id, .ok = true};
        ui_event(&w.screen.ui, &receipt);
        ui_tick(&w.screen.ui);
    }
    assert_int_equal(w.client.n_produced, 3);
    assert_false(w.screen.ui.hurry);
    world_fini(&w);
}

static void make_file(char *name, const char *text) {
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void test_produce_file(void **state) {
    struct world w;
    char name[] = "weir-values-XXXXXX", keys[80];
    (void)state;
    begin(&w);
    make_file(name, "one\n\ntwo {n}\nlast");
    world_keys(&w, "j j p tab");
    snprintf(keys, sizeof keys, "'%s ctrl-s", name);
    world_keys(&w, keys);
    assert_int_equal(w.client.n_produced, 4);
    assert_string_equal(w.client.produced[0].value, "one");
    assert_string_equal(w.client.produced[1].value, "");
    assert_false(w.client.produced[1].null_value);
    assert_string_equal(w.client.produced[2].value, "two {n}"); /* of a file nothing is replaced */
    assert_string_equal(w.client.produced[3].value, "last");
    world_paint(&w);
    world_keys(&w, "tab right ctrl-s"); /* as one message */
    assert_int_equal(w.client.n_produced, 5);
    assert_string_equal(w.client.produced[4].value, "one\n\ntwo {n}\nlast");
    unlink(name);
    world_keys(&w, "ctrl-s");
    assert_non_null(strstr(world_paint(&w), "cannot read weir-values-"));
    world_keys(&w, "ctrl-u '/dev/zero ctrl-s");
    assert_non_null(strstr(world_paint(&w), "is no file of bytes"));
    assert_int_equal(w.client.n_produced, 5);
    world_fini(&w);
}

/* What the tail exported is sent again byte by byte. */
static void test_produce_exported(void **state) {
    struct world w;
    char name[] = "weir-values-XXXXXX", keys[80];
    (void)state;
    begin(&w);
    make_file(name, "{\"topic\":\"t\",\"partition\":1,\"offset\":7,\"timestamp\":5,\"key\":\"k\\u000a1\","
                    "\"value\":null,\"headers\":[{\"key\":\"h\",\"value\":null,\"value_base64\":\"/3o=\"},"
                    "{\"key\":\"n\",\"value\":null}]}\n"
                    "{\"key\":null,\"value\":null,\"value_base64\":\"AP8=\",\"headers\":[]}\n"
                    "{\"key\":\"\",\"value\":\"x\",\"headers\":[]}\n{\"no\":1}\n{\"key\":null,\"value\":\"y\"}\n");
    world_keys(&w, "j j p tab");
    snprintf(keys, sizeof keys, "'%s", name);
    world_keys(&w, keys);
    world_paint(&w);
    world_keys(&w, "tab left ctrl-s");
    unlink(name);
    assert_non_null(strstr(world_paint(&w), "line 4 is no whole record"));
    assert_int_equal(w.client.n_produced, 3);
    assert_string_equal(w.client.produced[0].key, "k\n1");
    assert_true(w.client.produced[0].null_value);
    assert_string_equal(w.client.produced[0].headers, "h=\xffz;n;");
    assert_true(w.client.produced[1].null_key);
    assert_int_equal(w.client.produced[1].value_n, 2);
    assert_int_equal(w.client.produced[1].n_headers, 0);
    assert_false(w.client.produced[2].null_key);
    assert_string_equal(w.client.produced[2].value, "x");
    world_fini(&w);
}

/* A file's line that found the queue full is sent again, and none is lost or sent twice. */
static void test_produce_file_queue_full(void **state) {
    struct world w;
    char name[] = "weir-values-XXXXXX", keys[80], text[2000] = "";
    (void)state;
    begin(&w);
    for (int i = 0; i < 30; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "line-%d\n", i);
    make_file(name, text);
    w.client.produce_room = 3;
    world_keys(&w, "j j p tab");
    snprintf(keys, sizeof keys, "'%s ctrl-s", name);
    world_keys(&w, keys);
    assert_non_null(strstr(world_paint(&w), "of the file"));
    for (int i = 0; i < 9; i++) {
        w.client.produce_room = 3;
        ui_tick(&w.screen.ui);
    }
    w.client.produce_room = SIZE_MAX;
    ui_tick(&w.screen.ui);
    unlink(name);
    assert_int_equal(w.client.n_produced, 30);
    for (int i = 0; i < 30; i++) {
        snprintf(text, sizeof text, "line-%d", i);
        assert_string_equal(w.client.produced[i].value, text);
    }
    assert_int_equal(ui_tick_us(&w.screen.ui), 0); /* the news must be painted */
    world_paint(&w);
    assert_true(ui_tick_us(&w.screen.ui) == INT64_MAX);
    world_fini(&w);
}

/* Leaving while messages are still to be sent is asked about. */
static void test_leaving_a_run(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    w.client.produce_room = 1;
    world_keys(&w, "j j p 'v tab");
    world_paint(&w);
    world_keys(&w, "tab tab tab '3 ctrl-s ctrl-q");
    assert_false(w.screen.wants.quit);
    assert_non_null(strstr(world_paint(&w), "2 messages are still to be sent."));
    world_keys(&w, "esc ctrl-s");
    assert_non_null(strstr(world_paint(&w), "a run is under way"));
    world_keys(&w, "ctrl-x");
    assert_non_null(strstr(world_paint(&w), "stopped: 2 messages were not sent"));
    w.client.pending = 1;
    world_keys(&w, "ctrl-q");
    assert_non_null(strstr(world_paint(&w), "1 message waits for a receipt."));
    world_keys(&w, "enter");
    assert_true(w.screen.wants.quit);
    world_fini(&w);
}

static void test_produce_topic_completed(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "4 'cl");
    assert_non_null(strstr(world_paint(&w), "clicks →"));
    world_keys(&w, "right tab tab tab tab 'x ctrl-s");
    assert_string_equal(w.client.produced[0].topic, "clicks");
    world_fini(&w);
}

static void test_null_value(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "j j p shift-tab shift-tab right right ctrl-s");
    assert_int_equal(w.client.n_produced, 1);
    assert_true(w.client.produced[0].null_value);
    world_fini(&w);
}

static void test_tail(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    fake_client_row(&w.client, 0, 1, SLICE("k"), SLICE("v1"));
    fake_client_row(&w.client, 0, 2, SLICE("k"), SLICE("v2"));
    world_keys(&w, "j j t");
    world_paint(&w);
    assert_string_equal(w.client.spec_topic, "clicks");
    assert_int_equal(w.client.spec_partition, -1);
    assert_non_null(strstr(world_paint(&w), "live"));
    world_keys(&w, "space");
    fake_client_row(&w.client, 0, 3, SLICE("k"), SLICE("v3-new"));
    assert_non_null(strstr(world_paint(&w), "held, 1 new"));
    assert_null(strstr(world_paint(&w), "v3-new")); /* held: nothing moves */
    world_keys(&w, "f");
    assert_non_null(strstr(world_paint(&w), "v3-new"));
    world_keys(&w, "/ '/v[23]/ enter");
    assert_string_equal(w.client.spec_filter, "/v[23]/");
    world_keys(&w, "/ ctrl-u '/(/ enter");
    assert_non_null(strstr(world_paint(&w), "no regular expression"));
    world_keys(&w, "esc");
    assert_string_equal(w.client.spec_filter, "");
    assert_true(screen_run(&w.screen, "from offset 17"));
    assert_int_equal(w.client.spec.from, TAIL_OFFSET);
    assert_int_equal(w.client.spec.value, 17);
    assert_true(screen_run(&w.screen, "from time 2024-05-31"));
    assert_int_equal(w.client.spec.value, 1717113600000);
    assert_true(screen_run(&w.screen, "only 3,0"));
    assert_int_equal(w.client.spec.n_partitions, 2);
    assert_int_equal(w.client.spec_partition, 3);
    assert_true(screen_run(&w.screen, "only 3,x")); /* says what it wants, changes nothing */
    assert_int_equal(w.client.spec.n_partitions, 2);
    assert_true(screen_run(&w.screen, "only all"));
    assert_int_equal(w.client.spec.n_partitions, 0);
    world_keys(&w, "esc"); /* back to where we came from */
    assert_int_equal(w.screen.ui.tab, VIEW_topics);
    world_fini(&w);
}

/* The filter is judged while it is typed, and what it found is marked. */
static void test_filter_while_typing(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    fake_client_row(&w.client, 0, 1, SLICE("k"), SLICE("some needle here"));
    world_keys(&w, "j j t / 'value:/(");
    assert_non_null(strstr(world_paint(&w), "a regular expression ends with one too"));
    world_keys(&w, "'x/");
    assert_non_null(strstr(world_paint(&w), "is no regular expression"));
    assert_string_equal(w.client.spec_filter, ""); /* not meant yet */
    world_keys(&w, "ctrl-u 'value:needle");
    assert_non_null(strstr(world_paint(&w), "header:NAME"));
    world_keys(&w, "enter");
    assert_string_equal(w.client.spec_filter, "value:needle");
    world_paint(&w);
    int marked = 0;
    for (int x = 0; x < w.canvas.w; x++)
        marked += (canvas_cell(&w.canvas, 4, x)->style & STYLE_MATCH) != 0;
    assert_int_equal(marked, 6);
    world_keys(&w, "/"); /* the one that is on stands there to be changed */
    assert_non_null(strstr(world_paint(&w), "/ value:needle"));
    world_keys(&w, "esc esc");
    assert_string_equal(w.client.spec_filter, "");
    world_fini(&w);
}

/* What is found beyond the edge is brought on the screen. */
static void test_match_far_to_the_right(void **state) {
    struct world w;
    char value[600];
    (void)state;
    begin(&w);
    memset(value, '.', sizeof value);
    memcpy(value + 500, "needle", 6);
    fake_client_row(&w.client, 0, 1, SLICE("k"), slice_of(value, sizeof value));
    world_keys(&w, "j j t");
    assert_null(strstr(world_paint(&w), "needle"));
    world_keys(&w, "/ 'needle enter");
    assert_non_null(strstr(world_paint(&w), "..needle.."));
    world_fini(&w);
}

static void test_from_form(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "j j t b");
    world_paint(&w);
    world_keys(&w, "right right right tab ctrl-u '17 tab '3,0 enter"); /* last, beginning, end, offset */
    assert_false(w.screen.ui.dialog.open);
    assert_int_equal(w.client.spec.from, TAIL_OFFSET);
    assert_int_equal(w.client.spec.value, 17);
    assert_int_equal(w.client.spec.n_partitions, 2);
    world_keys(&w, "b");
    world_paint(&w);
    world_keys(&w, "right tab ctrl-u 'noon enter");
    assert_true(w.screen.ui.dialog.open);
    assert_non_null(strstr(world_paint(&w), "a time is"));
    world_keys(&w, "esc");
    assert_true(screen_run(&w.screen, "only 3")); /* begins anew where it was told last */
    assert_int_equal(w.client.spec.from, TAIL_OFFSET);
    assert_int_equal(w.client.spec.value, 17);
    world_keys(&w, "b");
    world_paint(&w);
    world_keys(&w, "right tab ctrl-u '2024-05-31 tab ctrl-u 'x enter");
    assert_non_null(strstr(world_paint(&w), "partitions are numbers"));
    world_keys(&w, "ctrl-u 'all enter");
    assert_int_equal(w.client.spec.from, TAIL_TIME);
    assert_int_equal(w.client.spec.value, 1717113600000);
    assert_int_equal(w.client.spec.n_partitions, 0);
    assert_true(screen_run(&w.screen, "from last 0"));
    assert_non_null(strstr(world_paint(&w), "last N"));
    assert_int_equal(w.client.spec.from, TAIL_TIME);
    world_fini(&w);
}

/* A number of records is no time: what another kind of beginning wanted does not stay, and what is typed does. */
static void test_from_form_kinds(void **state) {
    static const struct { const char *keys; enum tail_from from; int64_t value; bool wrong; } rows[] = {
        {"b enter", TAIL_LAST_N, 200, false},
        {"b right right right tab '17 enter", TAIL_OFFSET, 17, false},
        {"b right right right enter", TAIL_LAST_N, 200, true},
        {"b left tab '1717113600000 enter", TAIL_TIME, 1717113600000, false},
        {"b left enter", TAIL_LAST_N, 200, true},
        {"b left right enter", TAIL_LAST_N, 200, false},
        {"b tab backspace '5 shift-tab right left enter", TAIL_LAST_N, 200, false},
        {"b tab ctrl-u '7 enter", TAIL_LAST_N, 7, false},
        {"b right enter", TAIL_BEGINNING, -1, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        begin(&w);
        world_keys(&w, "j j t");
        world_keys(&w, rows[i].keys);
        assert_int_equal(w.screen.ui.dialog.open, rows[i].wrong);
        assert_int_equal(w.client.spec.from, rows[i].from);
        assert_int_equal(w.client.spec.value, rows[i].value);
        world_fini(&w);
    }
}

/* q closes the record that is open, as Esc does, and only then weir; a filter is nothing that it closes. */
static void test_quit_closes_the_record(void **state) {
    static const struct { const char *keys; bool quits; } rows[] = {
        {"q", true}, {"enter q", false}, {"enter enter q", false}, {"enter q q", true}, {"enter esc q", true},
        {"/ 'val enter q", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        begin(&w);
        fake_client_row(&w.client, 0, 1, SLICE("k"), SLICE("val"));
        world_keys(&w, "j j t");
        world_paint(&w);
        world_keys(&w, rows[i].keys);
        assert_int_equal(w.screen.wants.quit, rows[i].quits);
        assert_null(strstr(world_paint(&w), "VALUE  3 B"));
        world_fini(&w);
    }
}

static void test_copy_of_a_record(void **state) {
    struct world w;
    static char big[100000];
    (void)state;
    begin(&w);
    memset(big, 'x', sizeof big);
    fake_client_row(&w.client, 2, 1, SLICE("key1"), SLICE("val\"1"));
    fake_client_row(&w.client, 2, 2, SLICE("tomb"), SLICE_NULL);
    fake_client_row(&w.client, 2, 3, SLICE("k\xff"), slice_of(big, sizeof big));
    world_keys(&w, "j j t");
    world_paint(&w);
    world_keys(&w, "c");
    assert_false(w.screen.ui.copy);
    assert_non_null(strstr(world_paint(&w), "the value has 97.7 KiB"));
    world_keys(&w, "k c"); /* of a tombstone the key */
    assert_true(w.screen.ui.copy);
    assert_true(slice_is(buf_slice(&w.screen.ui.copied), "tomb"));
    assert_non_null(strstr(world_paint(&w), "copied the key, 4 B"));
    world_keys(&w, "k c");
    assert_true(slice_is(buf_slice(&w.screen.ui.copied), "val\"1"));
    world_keys(&w, "C");
    assert_true(slice_is(buf_slice(&w.screen.ui.copied),
                         "{\"topic\":\"clicks\",\"partition\":2,\"offset\":1,\"timestamp\":1717165579356,"
                         "\"timestamp_type\":\"create_time\",\"key\":\"key1\",\"value\":\"val\\\"1\",\"headers\":[]}"));
    assert_true(screen_run(&w.screen, "copy key"));
    assert_true(slice_is(buf_slice(&w.screen.ui.copied), "key1"));
    assert_true(screen_run(&w.screen, "copy value"));
    assert_true(slice_is(buf_slice(&w.screen.ui.copied), "val\"1"));
    world_fini(&w);
}

/* What leaves the ring is said when one asks for it; the record that is looked at stays. */
static void test_ring_rolls_while_held(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    for (int i = 1; i <= 40; i++)
        fake_client_row(&w.client, 0, i, SLICE("k"), SLICE("v"));
    world_keys(&w, "j j t");
    world_paint(&w);
    world_keys(&w, "k k enter");
    assert_int_equal(w.client.kept, 1); /* all of it: less than what is kept at least */
    assert_non_null(strstr(world_paint(&w), "0@38"));
    w.client.stats.first = 40;
    assert_non_null(strstr(world_paint(&w), "0@38"));
    world_keys(&w, "k");
    assert_non_null(strstr(world_paint(&w), "2 records left the memory meanwhile"));
    world_keys(&w, "k");
    assert_non_null(strstr(world_paint(&w), "the oldest of the 1 records kept"));
    world_keys(&w, "f");
    assert_int_equal(w.client.kept, 0);
    world_fini(&w);
}

static void tick(struct world *w) {
    w->screen.ui.env.now_us += 1000000;
    ui_tick(&w->screen.ui);
}

/* A leader that goes and comes back, records deleted under the tail, a topic deleted and made again. */
static void test_tail_in_trouble(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "j j t");
    world_paint(&w);
    snprintf(w.client.stats.why, sizeof w.client.stats.why, "cannot reach it");
    w.client.stats.away = true;
    tick(&w);
    assert_non_null(strstr(world_paint(&w), "! no leader"));
    assert_non_null(strstr(world_paint(&w), "cannot reach it · it is tried again"));
    w.client.stats.away = false;
    tick(&w);
    assert_non_null(strstr(world_paint(&w), "the leader is back"));
    w.client.stats.notes = 1;
    snprintf(w.client.stats.note, sizeof w.client.stats.note, "it goes on at 70");
    tick(&w);
    assert_non_null(strstr(world_paint(&w), "it goes on at 70"));
    snprintf(w.client.stats.why, sizeof w.client.stats.why, "clicks is gone");
    w.client.stats.failed = true;
    tick(&w);
    assert_non_null(strstr(world_paint(&w), "✗ ended"));
    w.client.stats.failed = false;
    w.client.spec_topic[0] = '\0';
    world_keys(&w, "r");
    assert_string_equal(w.client.spec_topic, "clicks");
    world_fini(&w);
}

/* A flood is painted at most four times a second, and a held screen counts without moving. */
static void test_flood_is_calm(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    for (int i = 1; i <= 60; i++)
        fake_client_row(&w.client, 0, i, SLICE("k"), SLICE("v"));
    w.client.stats.last = 1;
    world_keys(&w, "j j t");
    world_paint(&w);
    w.client.stats.last = 60;
    assert_in_range(ui_tick_us(&w.screen.ui), 240000, 1000000);
    w.client.stats.last = 2;
    assert_in_range(ui_tick_us(&w.screen.ui), 90000, 110000);
    world_keys(&w, "1"); /* not on the screen: nothing to wait for */
    assert_true(ui_tick_us(&w.screen.ui) == INT64_MAX);
    world_fini(&w);
}

static void test_export(void **state) {
    struct world w;
    char command[80], text[2048] = "", name[] = "weir-export-XXXXXX.jsonl";
    (void)state;
    begin(&w);
    fake_client_row(&w.client, 2, 1, SLICE_NULL, SLICE("a\nb"));
    fake_client_row(&w.client, 2, 2, SLICE(""), SLICE("\xff\x00\x01"));
    world_keys(&w, "j j t");
    world_paint(&w);
    int fd = mkstemps(name, 6);
    assert_true(fd >= 0);
    snprintf(command, sizeof command, "export %s", name);
    assert_true(screen_run(&w.screen, command)); /* never over a file that is there */
    assert_non_null(strstr(world_paint(&w), "it is there already"));
    close(fd);
    unlink(name);
    assert_true(screen_run(&w.screen, command));
    assert_non_null(strstr(world_paint(&w), "2 records written"));
    FILE *f = fopen(name, "r");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    unlink(name);
    assert_non_null(strstr(text, "\"key\":null,\"value\":\"a\\nb\",\"headers\":[]}\n"));
    assert_non_null(strstr(text, "\"key\":\"\",\"value\":null,\"value_base64\":\"/wAB\",\"headers\":[]}\n"));
    world_fini(&w);
}

static void put_header(struct buf *out, struct slice key, struct slice value) {
    varint_put(out, (int64_t)key.n);
    buf_put(out, key.p, key.n);
    varint_put(out, value.p ? (int64_t)value.n : -1);
    buf_put(out, value.p, value.n);
}

/* What is sent again is what was there: nulls, empty keys, bytes that are no text, every header. */
static void test_resend(void **state) {
    struct world w;
    struct buf headers = {0};
    (void)state;
    begin(&w);
    fake_client_row(&w.client, 0, 1, SLICE("key1"), SLICE("again"));
    fake_client_row(&w.client, 0, 2, SLICE(""), SLICE_NULL);
    fake_client_row(&w.client, 0, 3, SLICE(""), SLICE("v"));
    put_header(&headers, SLICE("a=b, c"), SLICE(" x,y\\z=\xff"));
    put_header(&headers, SLICE("null"), SLICE_NULL);
    put_header(&headers, SLICE("empty"), SLICE(""));
    w.client.rows[0].headers = buf_slice(&headers);
    w.client.rows[0].n_headers = 3;
    world_keys(&w, "j j t");
    world_paint(&w);
    world_keys(&w, "k k R ctrl-s");
    assert_int_equal(w.client.n_produced, 1);
    assert_string_equal(w.client.produced[0].key, "key1");
    assert_string_equal(w.client.produced[0].value, "again");
    assert_string_equal(w.client.produced[0].headers, "a=b, c= x,y\\z=\xff;null;empty=;");
    world_keys(&w, "esc 3");
    world_paint(&w);
    world_keys(&w, "j R ctrl-s esc 3");
    assert_true(w.client.produced[1].null_value);
    assert_int_equal(w.client.produced[1].n_headers, 0);
    world_paint(&w);
    world_keys(&w, "j R ctrl-s");
    assert_false(w.client.produced[2].null_key);
    assert_string_equal(w.client.produced[2].key, "");
    world_keys(&w, "ctrl-p ctrl-p ctrl-p"); /* the history has the first one, with its headers */
    assert_non_null(strstr(world_paint(&w), "again"));
    world_keys(&w, "ctrl-s");
    assert_string_equal(w.client.produced[3].headers, "a=b, c= x,y\\z=\xff;null;empty=;");
    buf_fini(&headers);
    world_fini(&w);
}

/* What a filter found stands in the title at 80 columns too, whatever the topic's name; so do drops once there are. */
static void test_title_of_a_filter(void **state) {
    static const struct { uint64_t dropped; const char *said, *not_said; } rows[] = {
        {0, " of 210 match ", "dropped"}, {3, " 3 dropped ", " 0 dropped"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        world_init(&w, 80, 24, false);
        world_records(&w);
        ui_set_snapshot(&w.screen.ui, world_snapshot(1));
        world_paint(&w);
        world_keys(&w, "j j j j t / 'checkout enter");
        w.client.stats.dropped = rows[i].dropped;
        w.client.stats.scanned = 210;
        w.client.stats.distance = 0;
        world_paint(&w);
        assert_non_null(strstr(world_line(&w, 2), rows[i].said));
        assert_null(strstr(world_line(&w, 2), rows[i].not_said));
        world_fini(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_produce),
        cmocka_unit_test(test_produce_enter),
        cmocka_unit_test(test_produce_hints),
        cmocka_unit_test(test_tail_of_another_cluster),
        cmocka_unit_test(test_run_and_another_cluster),
        cmocka_unit_test(test_produce_draft),
        cmocka_unit_test(test_produce_no_such_topic),
        cmocka_unit_test(test_title_of_a_filter),
        cmocka_unit_test(test_produce_many),
        cmocka_unit_test(test_produce_numbered),
        cmocka_unit_test(test_produce_defaults),
        cmocka_unit_test(test_produce_escapes),
        cmocka_unit_test(test_produce_sync),
        cmocka_unit_test(test_produce_file),
        cmocka_unit_test(test_produce_exported),
        cmocka_unit_test(test_produce_file_queue_full),
        cmocka_unit_test(test_leaving_a_run),
        cmocka_unit_test(test_produce_topic_completed),
        cmocka_unit_test(test_null_value),
        cmocka_unit_test(test_tail),
        cmocka_unit_test(test_filter_while_typing),
        cmocka_unit_test(test_match_far_to_the_right),
        cmocka_unit_test(test_from_form),
        cmocka_unit_test(test_quit_closes_the_record),
        cmocka_unit_test(test_from_form_kinds),
        cmocka_unit_test(test_copy_of_a_record),
        cmocka_unit_test(test_ring_rolls_while_held),
        cmocka_unit_test(test_tail_in_trouble),
        cmocka_unit_test(test_flood_is_calm),
        cmocka_unit_test(test_export),
        cmocka_unit_test(test_resend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
