/* Keys to deeds: what is asked of the cluster, and what is not. */
#include "tests/ui/world.h"

#include "tui/cmd/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void begin(struct world *w) {
    world_init(w, 100, 30, false);
    ui_set_snapshot(&w->screen.ui, world_snapshot(1));
    world_paint(w);
}

/* In the list of groups: one that has lag of every kind. */
static void select_settlement(struct world *w) {
    world_keys(w, "2");
    while (!slice_is(((const struct model_group *)table_selected(ui_table(&w->screen.ui)))->id, "settlement"))
        world_keys(w, "j");
}

static void test_create_topic(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "n enter");
    assert_true(w.screen.ui.dialog.open); /* a topic wants a name */
    assert_int_equal(w.client.n_actions, 0);
    world_keys(&w, "'events tab 'many enter");
    assert_true(w.screen.ui.dialog.open); /* many is no number */
    world_keys(&w, "ctrl-u '12 tab tab 'retention.ms=1000,_cleanup.policy=compact");
    assert_non_null(
        strstr(world_paint(&w), "kafka-topics.sh --bootstrap-server 127.0.0.1:9092 --create --topic events"));
    world_keys(&w, "enter");
    assert_false(w.screen.ui.dialog.open);
    assert_int_equal(w.client.n_actions, 1);
    assert_int_equal(w.client.actions[0].kind, ACTION_CREATE_TOPIC);
    assert_string_equal(w.client.actions[0].name, "events");
    assert_int_equal(w.client.actions[0].partitions, 12);
    assert_int_equal(w.client.actions[0].n_configs, 2);
    world_fini(&w);
}

/* A config's value may be a list; what is none of NAME=VALUE is said and nothing is created without it. */
static void test_create_topic_configs(void **state) {
    static const struct { const char *typed; int n; const char *shown; } rows[] = {
        {"cleanup.policy=compact,delete", 1, " cleanup.policy=compact,delete "},
        {"cleanup.policy=compact,delete,_retention.ms=1", 2, " retention.ms=1 "},
        {"a=1,b=2,_c=3", 3, " c=3 "},
        {"a=", 1, " a= "},
        {",_a=1,", 1, " a=1 "},
        {"retention.ms_1000", -1, "retention.ms is not one of"},
        {"a=1,_delete", -1, "delete is not one of"},
        {"a=1_,delete", -1, "delete is not one of"},
        {"a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1,n=1,o=1,p=1,q=1", -1, "q=1 is not one of up to 16"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        char keys[200];
        begin(&w);
        snprintf(keys, sizeof keys, "n 'events tab tab tab '%s", rows[i].typed);
        world_keys(&w, keys);
        char *before = mem_strdup(world_paint(&w));
        world_keys(&w, "enter");
        assert_int_equal(w.client.n_actions, rows[i].n >= 0);
        assert_non_null(strstr(rows[i].n >= 0 ? before : world_paint(&w), rows[i].shown));
        if (rows[i].n >= 0)
            assert_int_equal(w.client.actions[0].n_configs, rows[i].n);
        free(before);
        world_fini(&w);
    }
}

static void test_delete_wants_the_name(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "j j D enter 'clickz enter");
    assert_true(w.screen.ui.dialog.open);
    assert_int_equal(w.client.n_actions, 0);
    world_keys(&w, "backspace 's enter");
    assert_false(w.screen.ui.dialog.open);
    assert_int_equal(w.client.n_actions, 1);
    assert_int_equal(w.client.actions[0].kind, ACTION_DELETE_TOPIC);
    assert_string_equal(w.client.actions[0].name, "clicks");
    world_keys(&w, "D esc");
    assert_false(w.screen.ui.dialog.open);
    assert_int_equal(w.client.n_actions, 1);
    world_fini(&w);
}

/* Every command that changes something, by its row: refused, whatever the view. */
static void test_read_only(void **state) {
    (void)state;
    size_t refused = 0;
    for (int tab = 0; tab < VIEW_TABS; tab++)
        for (size_t i = 0; i < n_commands; i++) {
            struct world w;
            if (commands[i].effect == LOOKS)
                continue;
            begin(&w);
            w.screen.ui.read_only = true;
            ui_tab(&w.screen.ui, tab);
            assert_false(screen_run(&w.screen, commands[i].name));
            assert_false(w.screen.ui.dialog.open || w.screen.wants.hello);
            assert_int_equal(w.client.n_actions + w.client.n_produced, 0);
            refused += strstr(w.screen.ui.message, "read-only") != NULL;
            world_fini(&w);
        }
    assert_true(refused > VIEW_TABS);
    struct world w;
    begin(&w);
    w.screen.ui.read_only = true;
    world_keys(&w, "4 'clicks tab tab tab tab tab 'hello ctrl-s");
    assert_int_equal(w.client.n_produced, 0);
    assert_non_null(strstr(world_paint(&w), "--read-only"));
    world_fini(&w);
}

static void test_reset_offsets(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    select_settlement(&w);
    world_keys(&w, "o right right tab '1200");
    const char *text = world_paint(&w);
    assert_non_null(strstr(text, "orders.payment.settled.v2  0  5,000  1,200     5,004"));
    assert_non_null(strstr(text, " 3  2,012  1,200       800"));
    assert_non_null(strstr(text, "--to-offset 1200"));
    world_keys(&w, "enter");
    assert_int_equal(w.client.n_actions, 0); /* the name was not typed */
    world_keys(&w, "'settlement enter");
    assert_int_equal(w.client.n_actions, 1);
    assert_int_equal(w.client.actions[0].kind, ACTION_RESET_OFFSETS);
    assert_int_equal(w.client.actions[0].n_offsets, 6); /* not the one whose log is not known */
    assert_int_equal(w.client.actions[0].first_offset, 1200);
    world_fini(&w);
}

/* The offsets of a time are asked of the cluster once; until they are here nothing can be reset by them. */
static void test_reset_by_time(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    select_settlement(&w);
    world_keys(&w, "o right right right right tab '10m tab tab 'settlement");
    world_paint(&w);
    world_paint(&w);
    assert_int_equal(w.client.n_actions, 1);
    assert_int_equal(w.client.actions[0].kind, ACTION_OFFSETS_AT_TIME);
    assert_int_equal(w.client.actions[0].n_offsets, 6);
    assert_int_equal(w.client.actions[0].first_offset, w.screen.ui.wall_ms - 600000);
    world_keys(&w, "enter");
    assert_int_equal(w.client.n_actions, 1);
    assert_true(w.screen.ui.dialog.open);
    char topic[] = "orders.payment.settled.v2";
    struct client_place places[] = {{topic, 0, 1500}, {topic, 3, -1}};
    ui_event(&w.screen.ui, &(struct client_event){.kind = EVENT_ACTION, .id = w.client.last_id, .ok = true,
                                                  .places = places, .n_places = 2});
    const char *text = world_paint(&w);
    assert_non_null(strstr(text, "orders.payment.settled.v2  0  5,000  1,500     4,704"));
    assert_non_null(strstr(text, "--to-datetime"));
    world_keys(&w, "enter");
    assert_false(w.screen.ui.dialog.open);
    assert_int_equal(w.client.n_actions, 2);
    assert_int_equal(w.client.actions[1].kind, ACTION_RESET_OFFSETS);
    assert_int_equal(w.client.actions[1].n_offsets, 2);
    assert_int_equal(w.client.actions[1].first_offset, 1500);
    world_fini(&w);
}

/* The command that a reset shows says what was typed, and nothing in the place of what was not. */
static void test_reset_commands(void **state) {
    static const struct { const char *keys, *shown; } rows[] = {
        {"", "--to-earliest"}, {"right", "--to-latest"}, {"right right", "--to-offset ''"},
        {"right right tab '12", "--to-offset 12"}, {"right right right", "--shift-by ''"},
        {"right right right tab '-5", "--shift-by -5"}, {"left", "--to-datetime ''"},
        {"left tab 'noon", "--to-datetime noon"},
        {"left tab '2024-05-31T12:00Z", "--to-datetime 2024-05-31T12:00:00.000Z"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        begin(&w);
        world_keys(&w, "2 j o");
        world_keys(&w, rows[i].keys);
        assert_non_null(strstr(world_paint(&w), rows[i].shown));
        world_fini(&w);
    }
}

/* The brokers refuse to reset a group that has members: the question says so, for as long as it is so. */
static void test_reset_with_members(void **state) {
    static const struct { int64_t members; const char *said; } rows[] = {
        {3, " 3 now: stop them first."}, {1, " 1 now: stop it first."}, {0, NULL},
    };
    struct world w;
    (void)state;
    begin(&w);
    select_settlement(&w);
    world_keys(&w, "o");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct snapshot *s = world_snapshot(i + 2);
        struct model_group *g = (struct model_group *)(uintptr_t)snapshot_group(s, SLICE("settlement"));
        g->n_members = (struct value){.state = VALUE_KNOWN, .v = rows[i].members};
        ui_set_snapshot(&w.screen.ui, s);
        const char *said = strstr(world_paint(&w), rows[i].said ? rows[i].said : " now: stop ");
        assert_int_equal(said != NULL, rows[i].said != NULL);
    }
    world_fini(&w);
}

static void test_order_changes_under_the_bar(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "s s s s"); /* by messages, then on */
    world_paint(&w);
    assert_true(screen_run(&w.screen, "sort messages"));
    world_keys(&w, "g j");
    const struct model_topic *t = table_selected(ui_table(&w.screen.ui));
    assert_true(slice_is(t->name, "orders.payment.settled.v2"));
    world_keys(&w, "S"); /* reversed: the bar is still on it */
    t = table_selected(ui_table(&w.screen.ui));
    assert_true(slice_is(t->name, "orders.payment.settled.v2"));
    ui_set_snapshot(&w.screen.ui, world_snapshot(2)); /* a new picture: the same topic */
    t = table_selected(ui_table(&w.screen.ui));
    assert_true(slice_is(t->name, "orders.payment.settled.v2"));
    world_fini(&w);
}

static void test_filter_keys(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    struct table *t = ui_table(&w.screen.ui);
    int all = t->n;
    world_keys(&w, "/ 'cli");
    assert_int_equal(t->n, 1); /* while it is typed */
    world_keys(&w, "esc");
    assert_int_equal(t->n, all);
    world_keys(&w, "/ 'cli enter");
    assert_int_equal(t->n, 1);
    world_keys(&w, "esc");
    assert_int_equal(t->n, all);
    world_keys(&w, "i");
    assert_int_equal(t->n, all + 1); /* __consumer_offsets */
    world_fini(&w);
}

static void test_paste_is_not_keys(void **state) {
    struct world w;
    struct key paste = {.name = "paste", .paste = SLICE("Dq\x03:theme x\n")};
    (void)state;
    begin(&w);
    screen_key(&w.screen, &paste);
    assert_false(w.screen.wants.quit || w.screen.ui.dialog.open || w.screen.prompt.open);
    world_keys(&w, ":");
    screen_key(&w.screen, &paste);
    assert_true(w.screen.prompt.open); /* the line break did not run it */
    world_fini(&w);
}

static void test_leaving(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "enter q");
    assert_false(w.screen.wants.quit); /* closed the topic */
    world_keys(&w, "q");
    assert_true(w.screen.wants.quit);
    world_fini(&w);
}

/* On a screen that shows nothing, keys do nothing; what was open is there again when it is larger. */
static void test_too_small(void **state) {
    static const struct { int w, h; } sizes[] = {{39, 24}, {80, 9}, {20, 5}, {1, 1}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct world w;
        begin(&w);
        world_keys(&w, "j j D 'clicks");
        canvas_resize(&w.canvas, sizes[i].w, sizes[i].h);
        world_paint(&w);
        world_keys(&w, "enter esc q 2 'clicks enter");
        assert_int_equal(w.client.n_actions, 0);
        assert_false(w.screen.wants.quit);
        canvas_resize(&w.canvas, 100, 30);
        assert_non_null(strstr(world_paint(&w), "Deletes clicks with all its records"));
        world_keys(&w, "enter");
        assert_int_equal(w.client.n_actions, 1);
        canvas_resize(&w.canvas, sizes[i].w, sizes[i].h);
        world_paint(&w);
        world_keys(&w, "ctrl-c");
        assert_true(w.screen.wants.quit);
        world_fini(&w);
    }
}

static long others_two(void *ctx) { return ctx ? 2 : 2; }
static int left_how = -1;
static void leave(void *ctx, bool stop) { left_how = ctx ? stop : stop; }

static void test_leaving_others(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    w.screen.hooks.others = others_two;
    w.screen.hooks.leave = leave;
    world_keys(&w, "q");
    assert_false(w.screen.wants.quit);
    assert_non_null(strstr(world_paint(&w), "2 other clients are connected"));
    world_keys(&w, "esc");
    assert_false(w.screen.wants.quit);
    world_keys(&w, "q right enter");
    assert_true(w.screen.wants.quit);
    assert_int_equal(left_how, 1);
    world_fini(&w);
}

/* The question before the end is told where there is no room for a dialog, and the same key answers it. */
static void test_leaving_too_small(void **state) {
    struct world w;
    (void)state;
    world_init(&w, 38, 9, false);
    ui_set_snapshot(&w.screen.ui, world_snapshot(1));
    w.screen.hooks.others = others_two;
    w.screen.hooks.leave = leave;
    assert_non_null(strstr(world_paint(&w), "^C leaves weir"));
    left_how = -1;
    world_keys(&w, "ctrl-c");
    assert_false(w.screen.wants.quit);
    assert_non_null(strstr(world_paint(&w), "^C again leaves weir"));
    assert_non_null(strstr(world_paint(&w), "2 other clients"));
    world_keys(&w, "q enter esc");
    assert_false(w.screen.wants.quit);
    world_keys(&w, "ctrl-c");
    assert_true(w.screen.wants.quit);
    assert_int_equal(left_how, 0); /* the broker goes on */
    world_fini(&w);
}

static void test_nothing_new_says_nothing(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "5");
    world_paint(&w);
    size_t n = w.client.n_interests, cells = (size_t)w.canvas.w * (size_t)w.canvas.h * sizeof *w.canvas.cells;
    struct cell *before = mem_alloc(cells);
    memcpy(before, w.canvas.cells, cells);
    for (int tab = 0; tab < 3; tab++) {
        ui_set_snapshot(&w.screen.ui, world_snapshot(2)); /* the same values, read again */
        w.screen.ui.env.now_us += 100000;
        world_paint(&w);
        assert_memory_equal(before, w.canvas.cells, cells);
    }
    assert_int_equal(w.client.n_interests, n); /* and the client is not told again what it knows */
    free(before);
    world_fini(&w);
}

static void test_commands(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    assert_false(screen_run(&w.screen, "nonsense"));
    assert_false(screen_run(&w.screen, "theme nosuch"));
    assert_true(screen_run(&w.screen, "theme dark"));
    assert_true(screen_run(&w.screen, "connect 10.0.0.7:9092"));
    assert_string_equal(w.client.reconnected, "10.0.0.7:9092");
    assert_true(screen_run(&w.screen, "tail clicks"));
    assert_string_equal(w.client.spec_topic, "clicks");
    /* No two rows may mean the same key in the same view. */
    for (size_t i = 0; i < n_commands; i++)
        for (size_t k = i + 1; k < n_commands; k++)
            if (commands[i].views & commands[k].views & ((1u << VIEW_N) - 1)) {
                char keys[64], *save = NULL;
                snprintf(keys, sizeof keys, "%s", commands[k].keys);
                for (char *key = strtok_r(keys, " ", &save); key; key = strtok_r(NULL, " ", &save)) {
                    char framed[80], word[40];
                    snprintf(framed, sizeof framed, " %s ", commands[i].keys);
                    snprintf(word, sizeof word, " %.30s ", key);
                    if (strstr(framed, word))
                        fail_msg("%s and %s both want %s", commands[i].name, commands[k].name, key);
                }
            }
    world_fini(&w);
}

/* In whatever width, what a headline says is whole: 13 is another lag than 136, and a time belongs to its policy. */
static void test_headlines_are_whole(void **state) {
    static const struct { const char *keys; bool configs; const char *part, *whole; } rows[] = {
        {"2 j enter", false, " lag ", " lag 2,408▾216 "},
        {"j j enter", true, ", 7 d", " · delete, 7 d "},
        {"j j enter", true, " messages", " 88,120,331 messages "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int said = 0;
        for (int columns = 40; columns <= 140; columns++) {
            struct world w;
            char line[2000];
            world_init(&w, columns, 30, false);
            ui_set_snapshot(&w.screen.ui, world_snapshot(1));
            world_paint(&w);
            world_keys(&w, rows[i].keys);
            if (rows[i].configs)
                world_configs(&w);
            world_paint(&w);
            snprintf(line, sizeof line, "%s ", world_line(&w, 2));
            if (strstr(line, rows[i].part) && !strstr(line, rows[i].whole))
                fail_msg("%d columns: %s", columns, line);
            said += strstr(line, rows[i].whole) != NULL;
            world_fini(&w);
        }
        assert_true(said > 40);
    }
}

/* Every state of a group is whole in its column at 80 columns, and whole in Kafka's own word in its headline. */
static void test_group_states(void **state) {
    static const struct { const char *state, *listed; } rows[] = {
        {"Stable", "● Stable "}, {"Empty", "● Empty "}, {"Dead", "● Dead "}, {"PreparingRebalance", "● Preparing "},
        {"CompletingRebalance", "● Completing "}, {"Assigning", "● Assigning "}, {"Reconciling", "● Reconciling"},
        {"NotReady", "● NotReady "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        char headline[80];
        world_init(&w, 80, 24, false);
        struct snapshot *s = world_snapshot(1);
        ((struct model_group *)(uintptr_t)snapshot_group(s, SLICE("settlement")))->state = slice_cstr(rows[i].state);
        ui_set_snapshot(&w.screen.ui, s);
        world_keys(&w, "2");
        assert_non_null(strstr(world_paint(&w), rows[i].listed));
        world_keys(&w, "j enter");
        world_paint(&w);
        snprintf(headline, sizeof headline, "settlement   ● %s  lag ", rows[i].state);
        assert_non_null(strstr(world_line(&w, 2), headline));
        world_fini(&w);
    }
}

/* A group that lost records of one topic hurts in that topic, and in the list of groups, but not in another topic. */
static void test_trouble_of_the_topic(void **state) {
    static const struct { const char *keys, *shown; } rows[] = {
        {"j j enter tab", " ! settlement "}, {"j j j j enter tab", " · settlement "}, {"2", " ! settlement "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        world_init(&w, 100, 30, false);
        struct snapshot *s = world_snapshot(1);
        const struct model_group *g = snapshot_group(s, SLICE("settlement"));
        for (int32_t k = 0; k < g->rows.n; k++)
            if (g->rows.v[k].kind == LAG_BELOW_START || g->rows.v[k].kind == LAG_BEYOND_END)
                ((struct model_lag *)(uintptr_t)&g->rows.v[k])->topic = SLICE("clicks");
        ui_set_snapshot(&w.screen.ui, s);
        world_paint(&w);
        world_keys(&w, rows[i].keys);
        const char *text = world_paint(&w);
        if (!strstr(text, rows[i].shown))
            fail_msg("%s:\n%s", rows[i].keys, text);
        world_fini(&w);
    }
}

/* A command that is typed answers, also where there is nothing that it could act on. */
static void test_typed_command_answers(void **state) {
    static const struct { const char *keys, *line, *said; } rows[] = {
        {"/ 'nosuch enter", "open", "open has nothing to act on here now"},
        {"/ 'nosuch enter", "delete", "delete has nothing to act on here now"},
        {"3", "export", "export has nothing to act on here now"},
        {"4", "stop", "stop has nothing to act on here now"},
        {"", "fold", "fold does not apply here"},
        {"", "nonsense", "no command is called nonsense"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        begin(&w);
        world_keys(&w, rows[i].keys);
        assert_false(screen_run(&w.screen, rows[i].line));
        if (!strstr(world_paint(&w), rows[i].said))
            fail_msg("%s: %s", rows[i].line, w.screen.ui.message);
        world_fini(&w);
    }
}

/* What became of an action is gone from the message line with the next key, and stands in the log; the one that
 * failed is marked there. */
static void test_actions_in_the_log(void **state) {
    static const struct { bool ok; const char *text, *line; } rows[] = {
        {false, "cannot delete topic clicks: TOPIC_AUTHORIZATION_FAILED", " ! "},
        {true, "deleted topic clicks", " · "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        begin(&w);
        world_keys(&w, "j j D 'clicks enter");
        struct client_event e = {.kind = EVENT_ACTION, .id = w.client.last_id, .ok = rows[i].ok,
                                 .text = (char *)(uintptr_t)rows[i].text, .wall_ms = 1717165579355};
        ui_event(&w.screen.ui, &e);
        assert_non_null(strstr(world_paint(&w), rows[i].text));
        world_keys(&w, "j");
        assert_null(strstr(world_paint(&w), rows[i].text));
        world_keys(&w, "7");
        world_paint(&w);
        const char *line = world_line(&w, 3);
        assert_true(strncmp(line, rows[i].line, strlen(rows[i].line)) == 0);
        assert_non_null(strstr(line, rows[i].text));
        world_fini(&w);
    }
}

/* The configs of an open topic are read again by refresh, and are not those of the cluster before. */
static void test_configs_again(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "j j enter");
    world_configs(&w);
    world_keys(&w, "tab tab");
    assert_non_null(strstr(world_paint(&w), "604800000"));
    uint64_t asked = w.client.last_id;
    world_keys(&w, "r");
    assert_int_equal(w.client.last_id, asked + 1);
    assert_non_null(strstr(world_paint(&w), "604800000")); /* until the answer is here */
    assert_true(screen_run(&w.screen, "connect 10.0.0.7:9092"));
    assert_int_equal(w.client.last_id, asked + 2);
    assert_null(strstr(world_paint(&w), "604800000"));
    world_configs(&w);
    assert_non_null(strstr(world_paint(&w), "604800000"));
    world_keys(&w, "6");
    assert_non_null(strstr(world_paint(&w), "what follows is of 10.0.0.7:9092"));
    world_fini(&w);
}

/* The list says that columns are to the right of it, and to the left once they were scrolled away. */
static void test_columns_scrolled(void **state) {
    static const struct { const char *keys; bool left; } rows[] = {
        {"", false}, {"right", true}, {"right right", true}, {"right left", false}, {"l h h", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int ascii = 0; ascii < 2; ascii++) {
            struct world w;
            world_init(&w, 80, 24, ascii);
            ui_set_snapshot(&w.screen.ui, world_snapshot(1));
            world_keys(&w, "2");
            world_paint(&w);
            world_keys(&w, rows[i].keys);
            world_paint(&w);
            assert_int_equal(strstr(world_line(&w, 2), ascii ? "<" : "◂") != NULL, rows[i].left);
            world_fini(&w);
        }
}

/* Configs that could not be read while the cluster was away are asked for once it is back, and only once. */
static void test_configs_when_it_is_back(void **state) {
    static const struct { bool failed; enum link_state links[3]; uint64_t asked; } rows[] = {
        {true, {LINK_DOWN, LINK_UP, LINK_UP}, 1}, {false, {LINK_DOWN, LINK_UP, LINK_UP}, 0},
        {true, {LINK_UP, LINK_UP, LINK_UP}, 0}, {true, {LINK_DOWN, LINK_DOWN, LINK_DOWN}, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        begin(&w);
        world_keys(&w, "j j enter");
        uint64_t first = w.client.last_id;
        ui_event(&w.screen.ui, &(struct client_event){.kind = EVENT_ACTION, .id = first, .ok = !rows[i].failed,
                                                      .text = (char *)(uintptr_t) "cannot reach it"});
        for (int k = 0; k < 3; k++) {
            struct snapshot *s = world_snapshot((uint64_t)k + 2);
            s->link = rows[i].links[k];
            ui_set_snapshot(&w.screen.ui, s);
            if (k == 1 && w.client.last_id > first) /* refused again: that is the answer */
                ui_event(&w.screen.ui, &(struct client_event){.kind = EVENT_ACTION, .id = w.client.last_id});
        }
        assert_int_equal(w.client.last_id - first, rows[i].asked);
        world_fini(&w);
    }
}

/* Of a cluster that is away nothing is known, which is not at least 0. */
static void test_totals_unknown(void **state) {
    static const struct { enum value_state state; const char *messages; } rows[] = {
        {VALUE_FAILED, " ? messages"}, {VALUE_KNOWN, " messages"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        world_init(&w, 120, 30, false);
        struct snapshot *s = world_snapshot(1);
        for (int32_t k = 0; rows[i].state == VALUE_FAILED && k < s->topics.n; k++) {
            struct model_topic *t = (struct model_topic *)(uintptr_t)&s->topics.v[k];
            t->messages.state = VALUE_FAILED;
        }
        for (int32_t k = 0; rows[i].state == VALUE_FAILED && k < s->brokers.n; k++) {
            struct model_broker *b = (struct model_broker *)(uintptr_t)&s->brokers.v[k];
            b->bytes = (struct value){.state = VALUE_FAILED};
        }
        ui_set_snapshot(&w.screen.ui, s);
        world_keys(&w, "5");
        const char *text = world_paint(&w);
        assert_non_null(strstr(text, rows[i].messages));
        assert_null(strstr(text, "≥ 0 "));
        assert_int_equal(strstr(text, "? on disk") != NULL, rows[i].state == VALUE_FAILED);
        world_fini(&w);
    }
}

/* A member's topics by their whole names; one that is longer than a screen leaves room for its partitions. */
static void test_member_reads(void **state) {
    static const char wide[] = "a-name-of-sixty-characters-that-somebody-gave-to-a-topic-once";
    static const struct { const char *topic; const char *shown; } rows[] = {
        {"clicks", "  clicks 0,2 orders 1 "},
        {"orders.payment.settled.by-region.v2", "  orders.payment.settled.by-region.v2 0,2 orders 1 "},
        {wide, "  a-name-of-sixty-characte…ody-gave-to-a-topic-once 0,2 orders 1 "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        struct model_assigned assigned[] = {{slice_cstr(rows[i].topic), 0}, {slice_cstr(rows[i].topic), 2},
                                            {SLICE("orders"), 1}};
        world_init(&w, 200, 30, false);
        struct snapshot *s = world_snapshot(1);
        struct model_group *g = (struct model_group *)(uintptr_t)snapshot_group(s, SLICE("settlement"));
        struct model_member *m = (struct model_member *)(uintptr_t)&g->members.v[0];
        m->assigned.v = assigned;
        m->assigned.n = 3;
        ui_set_snapshot(&w.screen.ui, s);
        world_paint(&w);
        world_keys(&w, "2 j enter tab");
        const char *text = world_paint(&w);
        if (!strstr(text, rows[i].shown))
            fail_msg("%s", text);
        world_fini(&w);
    }
}

/* Kafka explains its configs in HTML; what only looks like it stays. */
static void test_config_explained(void **state) {
    static const struct { const char *doc, *shown; } rows[] = {
        {"the <i>least</i> with <code>acks</code>", " the least with acks "},
        {"to <a href=\"#x\">the section</a>", " to the section "},
        {"one.<br>Two.<p>Three</p>", " one. Two. Three "},
        {"of<ul><li>this</li><li>that</li></ul>", " of · this · that "},
        {"a &lt; b &amp;&amp; &quot;c&quot;", " a < b && \"c\" "},
        {"a < b, <host>:<port>, <i", " a < b, <host>:<port>, <i "},
        {"</", " </ "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        struct client_config_row row = {.name = SLICE("min.insync.replicas"), .value = SLICE("1"),
                                        .doc = slice_cstr(rows[i].doc), .is_default = true, .source = 5};
        begin(&w);
        world_keys(&w, "j j enter");
        ui_event(&w.screen.ui, &(struct client_event){.kind = EVENT_ACTION, .id = w.client.last_id, .ok = true,
                                                      .configs = &row, .n_configs = 1});
        world_keys(&w, "tab tab enter");
        const char *text = world_paint(&w);
        if (!strstr(text, rows[i].shown))
            fail_msg("%s is shown as:\n%s", rows[i].doc, text);
        world_fini(&w);
    }
}

/* "connecting" is said until it is no longer so; what was said meanwhile of something else stays. */
static void test_connecting_is_over(void **state) {
    static const struct { const char *command, *said; enum link_state link; bool stays; } rows[] = {
        {"connect 10.0.0.7:9092", "connecting to 10.0.0.7:9092", LINK_CONNECTING, true},
        {"connect 10.0.0.7:9092", "connecting to 10.0.0.7:9092", LINK_UP, false},
        {"connect 10.0.0.7:9092", "connecting to 10.0.0.7:9092", LINK_DOWN, false},
        {"retry", "trying again", LINK_UP, false},
        {"nonsense", "no command is called nonsense", LINK_UP, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        begin(&w);
        screen_run(&w.screen, "connect 10.0.0.8:9092");
        screen_run(&w.screen, rows[i].command);
        assert_non_null(strstr(world_paint(&w), rows[i].said));
        ui_set_snapshot(&w.screen.ui, world_empty(rows[i].link, false));
        assert_int_equal(strstr(world_paint(&w), rows[i].said) != NULL, rows[i].stays);
        world_fini(&w);
    }
}

static void put_keys(struct buf *out, const struct command *c) {
    const char *between = "";
    for (const char *p = c->keys; *p;) {
        char name[24], key[24];
        size_t n = strcspn(p, " ");
        snprintf(name, sizeof name, "%.*s", (int)n, p);
        key_spelled(name, key);
        buf_printf(out, "%s`%s`", between, key);
        between = " ";
        p += n + (p[n] == ' ');
    }
}

static void put_views(struct buf *out, const struct command *c) {
    const char *between = "";
    if (c->views == UINT32_MAX) {
        buf_puts(out, "everywhere");
        return;
    }
    for (int i = 0; i < VIEW_N; i++)
        if (c->views & (1u << i)) {
            buf_printf(out, "%s%s", between, view_title((enum view_id)i));
            between = ", ";
        }
}

/* doc/keys.md is what the rows say; WEIR_RECORD=1 writes it. */
static void test_keys_page(void **state) {
    struct buf page = {0}, there = {0};
    const char *screens = getenv("SCREENS");
    char path[4096];
    (void)state;
    buf_puts(
        &page,
        "# Keys and commands of the console\n\nMade from tui/cmd/commands.def; in the console `?` shows those of the "
        "view.\nA command is typed after `:`; the beginning of its name is enough.\n"
        "The group `keys` of weir.conf gives commands other keys: "
        "`keys = { tail = \"T\"; quit = [ \"q\", \"f10\" ]; };`\n"
        "Commands marked ✎ change the cluster and are refused under `--read-only`.\n\n"
        "| key | command | where | |\n|-|-|-|-|\n");
    for (size_t i = 0; i < n_commands; i++) {
        buf_puts(&page, "| ");
        put_keys(&page, &commands[i]);
        buf_printf(&page, " | `:%s`%s | ", commands[i].name, commands[i].effect != LOOKS ? " ✎" : "");
        put_views(&page, &commands[i]);
        buf_puts(&page, " | ");
        for (const char *p = commands[i].help; *p; p++)
            buf_printf(&page, "%s%c", *p == '|' ? "\\" : "", *p);
        buf_puts(&page, " |\n");
    }
    buf_put_u8(&page, 0);
    snprintf(path, sizeof path, "%s/../../../doc/keys.md", screens ? screens : "tests/ui/screens");
    FILE *f = fopen(path, getenv("WEIR_RECORD") ? "w+" : "r");
    if (!f)
        fail_msg("%s cannot be opened", path);
    if (getenv("WEIR_RECORD")) {
        fputs((char *)page.p, f);
        rewind(f);
    }
    for (size_t n; (n = fread(buf_reserve(&there, 65536), 1, 65536, f)) > 0;)
        there.n += n;
    fclose(f);
    buf_put_u8(&there, 0);
    assert_string_equal((char *)there.p, (char *)page.p);
    buf_fini(&page);
    buf_fini(&there);
}

static void test_completion(void **state) {
    struct world w;
    struct candidate found[64];
    (void)state;
    begin(&w);
    assert_int_equal(command_complete(&w.screen, "tai", found, 64), 1);
    assert_string_equal(found[0].word, "tail");
    size_t n = command_complete(&w.screen, "tail ", found, 64);
    assert_int_equal(n, 7); /* not the internal one */
    assert_int_equal(command_complete(&w.screen, "tail ord", found, 64), 1);
    world_keys(&w, ":");
    assert_non_null(strstr(world_paint(&w), " more")); /* not all of them are on the screen */
    world_keys(&w, "'to");
    assert_null(strstr(world_paint(&w), " more"));
    world_keys(&w, "esc");
    world_keys(&w, ": 't 'a tab 'ord tab");
    assert_string_equal(edit_cstr(&w.screen.prompt.edit), "tail orders.payment.settled.v2 ");
    world_keys(&w, "enter");
    assert_string_equal(w.client.spec_topic, "orders.payment.settled.v2");
    world_fini(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_topic),
        cmocka_unit_test(test_create_topic_configs),
        cmocka_unit_test(test_delete_wants_the_name),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_reset_offsets),
        cmocka_unit_test(test_reset_by_time),
        cmocka_unit_test(test_reset_commands),
        cmocka_unit_test(test_reset_with_members),
        cmocka_unit_test(test_order_changes_under_the_bar),
        cmocka_unit_test(test_filter_keys),
        cmocka_unit_test(test_paste_is_not_keys),
        cmocka_unit_test(test_leaving),
        cmocka_unit_test(test_too_small),
        cmocka_unit_test(test_leaving_too_small),
        cmocka_unit_test(test_leaving_others),
        cmocka_unit_test(test_nothing_new_says_nothing),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_headlines_are_whole),
        cmocka_unit_test(test_config_explained),
        cmocka_unit_test(test_member_reads),
        cmocka_unit_test(test_configs_when_it_is_back),
        cmocka_unit_test(test_totals_unknown),
        cmocka_unit_test(test_columns_scrolled),
        cmocka_unit_test(test_configs_again),
        cmocka_unit_test(test_actions_in_the_log),
        cmocka_unit_test(test_typed_command_answers),
        cmocka_unit_test(test_trouble_of_the_topic),
        cmocka_unit_test(test_connecting_is_over),
        cmocka_unit_test(test_group_states),
        cmocka_unit_test(test_keys_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
