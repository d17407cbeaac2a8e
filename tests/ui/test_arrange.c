/* What a user arranges: columns, marks and what is done with them, keys, and the file that remembers it. */
#include "tests/ui/world.h"

#include "core/config/pairs.h"
#include "tui/cmd/keymap.h"

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

static const char *columns_now(struct world *w) {
    static char text[300];
    world_paint(w);
    table_columns_text(ui_table(&w->screen.ui), text, sizeof text);
    return text;
}

/* ---- columns ---- */

static void test_columns_command(void **state) {
    struct world w;
    struct candidate found[64];
    (void)state;
    begin(&w);
    assert_true(screen_run(&w.screen, "columns size, parts,trend"));
    assert_string_equal(columns_now(&w), "TOPIC,SIZE,PARTS,TREND");
    assert_non_null(strstr(world_line(&w, 2), "SIZE  PARTS  TREND"));
    assert_false(screen_run(&w.screen, "columns size,bogus"));
    assert_non_null(strstr(world_paint(&w), "no column is called bogus"));
    assert_string_equal(columns_now(&w), "TOPIC,SIZE,PARTS,TREND");
    assert_true(screen_run(&w.screen, "sort parts")); /* on its column, wherever that is */
    assert_non_null(strstr((world_paint(&w), world_line(&w, 2)), "▾PARTS"));
    assert_true(screen_run(&w.screen, "columns parts,size"));
    assert_non_null(strstr((world_paint(&w), world_line(&w, 2)), "▾PARTS"));
    assert_true(screen_run(&w.screen, "columns default"));
    assert_false(ui_table(&w.screen.ui)->arranged.own);
    assert_int_equal(command_complete(&w.screen, "columns PARTS,me", found, 64), 1);
    assert_string_equal(found[0].word, "PARTS,MESSAGES");
    assert_int_equal(command_complete(&w.screen, "columns def", found, 64), 1);
    world_keys(&w, "5");
    assert_int_equal(command_complete(&w.screen, "columns answ", found, 64), 1);
    assert_string_equal(found[0].word, "ANSWERS-IN"); /* one word of the command line */
    world_keys(&w, ": 'columns space 'answ tab ', 'role enter");
    assert_string_equal(columns_now(&w), "NODE,ANSWERS-IN,ROLE");
    world_fini(&w);
}

static void test_columns_keys(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    assert_string_equal(columns_now(&w), "TOPIC,PARTS,MESSAGES,SIZE,IN/S,TREND");
    world_keys(&w, "v j j space");
    assert_non_null(strstr(world_paint(&w), "[x] REPL"));
    assert_non_null(strstr(world_line(&w, 2), "PARTS  REPL")); /* at once, behind it */
    assert_non_null(strstr(world_line(&w, 29), "Space show or hide"));
    world_keys(&w, "< esc");
    assert_string_equal(columns_now(&w), "TOPIC,PARTS,MESSAGES,SIZE,IN/S,TREND");
    assert_null(memory_get(&w.screen.ui.memory, "columns", "Topics"));
    world_keys(&w, "v j j space < enter");
    assert_string_equal(memory_get(&w.screen.ui.memory, "columns", "Topics"),
                        "TOPIC,REPL,PARTS,MESSAGES,SIZE,IN/S,TREND");
    /* More than there is room for: as far as they fit, and it says so. */
    world_keys(&w, "v");
    for (int i = 0; i < 12; i++) {
        world_keys(&w, "j");
        if (!table_column_shown(ui_table(&w.screen.ui), table_column_at(ui_table(&w.screen.ui), i + 1)))
            world_keys(&w, "space");
    }
    assert_non_null(strstr(world_paint(&w), "no room"));
    world_keys(&w, "d enter");
    assert_null(memory_get(&w.screen.ui.memory, "columns", "Topics"));
    /* An opened view's own lists are remembered for the next time one is opened. */
    world_keys(&w, "j j enter");
    assert_true(screen_run(&w.screen, "columns messages,end"));
    world_keys(&w, "esc j enter");
    assert_string_equal(columns_now(&w), "P,MESSAGES,END");
    /* Keys that come faster than the screen. */
    world_keys(&w, "esc 2 v j <");
    assert_true(table_column_shown(ui_table(&w.screen.ui), 1));
    world_keys(&w, "j >");
    assert_int_equal(strspn(columns_now(&w), "GROUP,"), 6);
    assert_true(strlen(columns_now(&w)) > 20);
    world_keys(&w, "esc 1 enter v q q"); /* the first closes the panel alone */
    assert_int_equal(w.screen.ui.depth[0], 1);
    world_fini(&w);
}

/* ---- the file ---- */

static char state_file[] = "test_arrange.XXXXXX";

static void file_put(const char *text, size_t n) {
    FILE *f = fopen(state_file, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void world_with(struct world *w, const char *text, bool readable) {
    struct error e;
    world_init(w, 100, 30, false);
    file_put(text, strlen(text));
    assert_int_equal(memory_read(&w->screen.ui.memory, state_file, &e) == OK, readable);
    ui_recall_tabs(&w->screen.ui);
    ui_set_snapshot(&w->screen.ui, world_snapshot(1));
    world_paint(w);
}

static void test_state_file(void **state) {
    struct world w;
    struct error e;
    (void)state;
    begin(&w);
    assert_true(screen_run(&w.screen, "columns size,parts"));
    assert_true(screen_run(&w.screen, "sort messages"));
    world_keys(&w, "S 2");
    assert_true(screen_run(&w.screen, "columns eta,lag"));
    memory_put(&w.screen.ui.memory, "console", "theme", "light");
    memory_put(&w.screen.ui.memory, "columns", "Of-another-version", "A,B");
    assert_int_equal(memory_write(&w.screen.ui.memory, state_file, &e), OK);
    world_fini(&w);
    world_init(&w, 100, 30, false);
    assert_int_equal(memory_read(&w.screen.ui.memory, state_file, &e), OK);
    ui_recall_tabs(&w.screen.ui);
    assert_string_equal(columns_now(&w), "TOPIC,SIZE,PARTS");
    struct table *t = ui_table(&w.screen.ui);
    assert_string_equal(t->columns[t->sort].title, "MESSAGES");
    assert_false(t->descending);
    world_keys(&w, "2");
    assert_string_equal(columns_now(&w), "GROUP,ETA,LAG");
    assert_string_equal(memory_get(&w.screen.ui.memory, "console", "theme"), "light");
    assert_string_equal(memory_get(&w.screen.ui.memory, "columns", "Of-another-version"), "A,B");
    world_fini(&w);
}

static void test_state_file_odd(void **state) {
    struct world w;
    (void)state;
    /* Names of other times are passed over, the rest counts. */
    world_with(&w, "sort = { Topics = \"NO SUCH reversed\"; Groups = \"STATE\"; Nobody = \"X\"; };\n"
               "columns = { Topics = \"GONE,SIZE,,TOPIC,PARTS\"; Groups = \"NOTHING,KNOWN\"; Cluster = 7; };\n"
               "other = { x = 1; };", true);
    assert_string_equal(columns_now(&w), "TOPIC,SIZE,PARTS");
    assert_int_equal(ui_table(&w.screen.ui)->sort, 0);
    world_keys(&w, "2");
    assert_false(ui_table(&w.screen.ui)->arranged.own);
    assert_string_equal(ui_table(&w.screen.ui)->columns[ui_table(&w.screen.ui)->sort].title, "STATE");
    world_fini(&w);
    /* A setting of the wrong kind does not hide those after it. */
    world_with(&w, "columns = { Cluster = [ 1, 2 ]; Topics = \"SIZE\"; };", false);
    assert_string_equal(columns_now(&w), "TOPIC,SIZE");
    world_fini(&w);
    static const char *const garbage[] = {
        "", "columns", "columns = {", "@include \"/dev/zero\"\n", "  @include \"/dev/zero\"", "\x1b[2J\xff\xfe",
        "columns = \"x\"; sort = ( ( ( 1 ) ) );", "columns = { Topics = \"\\x1b[2J,\\xff\"; };",
        "columns = { Topics = \"SIZE\"; Topics = \"PARTS\"; };",
    };
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        struct error e;
        world_init(&w, 100, 30, false);
        file_put(garbage[i], strlen(garbage[i]));
        enum err r = memory_read(&w.screen.ui.memory, state_file, &e);
        assert_true(r == OK || e.text[0]);
        ui_recall_tabs(&w.screen.ui);
        ui_set_snapshot(&w.screen.ui, world_snapshot(1));
        assert_non_null(strstr(world_paint(&w), "TOPIC ▴"));
        assert_false(ui_table(&w.screen.ui)->arranged.own);
        assert_int_equal(memory_write(&w.screen.ui.memory, state_file, &e), OK); /* and it is in order again */
        assert_int_equal(memory_read(&w.screen.ui.memory, state_file, &e), OK);
        world_fini(&w);
    }
}

/* Every text cut at every byte, and long ones: whatever is in the file, nothing breaks. */
static void test_state_file_cut(void **state) {
    static const char whole[] = "console = { theme = \"dark\"; };\nsort = { Topics = \"SIZE reversed\"; };\n"
                                "columns = { Topics = \"SIZE,PARTS\"; Groups = \"LAG\"; };\n";
    struct error e;
    (void)state;
    for (size_t n = 0; n <= sizeof whole - 1; n++) {
        struct memory m = {0};
        file_put(whole, n);
        enum err r = memory_read(&m, state_file, &e);
        assert_true(r == OK || m.n == 0);
        memory_fini(&m);
    }
    struct memory m = {0};
    struct buf many = {0};
    buf_puts(&many, "columns = {");
    for (int i = 0; i < 1000; i++)
        buf_printf(&many, "t%d = \"A\";", i);
    buf_puts(&many, "long = \"");
    for (int i = 0; i < 1000; i++)
        buf_puts(&many, "x");
    buf_puts(&many, "\"; };");
    file_put((char *)many.p, many.n);
    assert_int_equal(memory_read(&m, state_file, &e), OK);
    assert_true(m.n <= 64);
    assert_null(memory_get(&m, "columns", "long"));
    for (int i = 0; i < 300; i++)
        buf_printf(&many, "# %1024d\n", i);
    file_put((char *)many.p, many.n);
    assert_int_not_equal(memory_read(&m, state_file, &e), OK); /* no state file is that large */
    file_put("a = 1;\0b", 8);
    assert_int_not_equal(memory_read(&m, state_file, &e), OK);
    assert_int_not_equal(memory_read(&m, ".", &e), OK);
    buf_fini(&many);
    memory_fini(&m);
}

/* ---- marks ---- */

static void test_marks_on_screen(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "j j space space"); /* clicks, dataengineering */
    assert_non_null(strstr(world_paint(&w), "*~ clicks"));
    assert_non_null(strstr(world_line(&w, 1), "2 marked"));
    world_keys(&w, "/ 'click enter");
    world_paint(&w);
    assert_non_null(strstr(world_line(&w, 1), "2 marked, 1 not shown"));
    ui_set_snapshot(&w.screen.ui, world_snapshot(2));
    world_keys(&w, "c");
    assert_int_equal(w.screen.ui.copied.n, strlen("clicks\ndataengineering\n"));
    assert_memory_equal(w.screen.ui.copied.p, "clicks\ndataengineering\n", w.screen.ui.copied.n);
    world_keys(&w, "esc"); /* the marks first, then the filter */
    world_paint(&w);
    assert_null(strstr(world_line(&w, 1), "marked"));
    assert_int_equal(ui_table(&w.screen.ui)->n, 1);
    world_keys(&w, "esc");
    assert_int_equal(ui_table(&w.screen.ui)->n, 7);
    world_keys(&w, "*");
    assert_int_equal(ui_table(&w.screen.ui)->n_marked, 7);
    world_keys(&w, "*");
    assert_int_equal(ui_table(&w.screen.ui)->n_marked, 0);
    /* Opening goes on with the selected row; a list of partitions has no marks. */
    world_keys(&w, "space enter space *");
    assert_int_equal(ui_table(&w.screen.ui)->n_marked, 0);
    world_fini(&w);
    world_init(&w, 80, 24, true);
    ui_set_snapshot(&w.screen.ui, world_snapshot(1));
    world_keys(&w, "space");
    assert_non_null(strstr(world_paint(&w), "*. a "));
    world_fini(&w);
}

static void answer(struct world *w, uint64_t id, bool ok, const char *text) {
    struct client_event e = {.kind = EVENT_ACTION, .id = id, .ok = ok, .text = (char *)(uintptr_t)text};
    ui_event(&w->screen.ui, &e);
}

static void test_delete_marked(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "j j space j space space G D"); /* clicks, orders..., zz... */
    const char *text = world_paint(&w);
    assert_non_null(strstr(text, "Delete 3 topics"));
    assert_non_null(strstr(text, "clicks  88,120,331 messages · read by 3 groups"));
    assert_non_null(strstr(text, "zz\\x1b]0;title")); /* a hostile name is a name */
    assert_non_null(strstr(text, "kafka-topics.sh --bootstrap-server 127.0.0.1:9092 --delete --topic clicks"));
    world_keys(&w, "enter 'clicks enter");
    assert_non_null(strstr(world_paint(&w), "type this to go on: delete 3 topics"));
    assert_int_equal(w.client.n_actions, 0);
    world_keys(&w, "ctrl-u 'delete_3_topics enter");
    assert_int_equal(w.client.n_actions, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(w.client.actions[i].kind, ACTION_DELETE_TOPIC);
    assert_string_equal(w.client.actions[0].name, "clicks");
    assert_string_equal(w.client.actions[1].name, "orders.payment.settled.v2");
    uint64_t last = w.client.last_id;
    answer(&w, last - 2, true, "deleted topic clicks");
    text = world_paint(&w);
    assert_non_null(strstr(text, "1 of 3 deleted"));
    assert_non_null(strstr(text, "deleted topic clicks"));
    answer(&w, last, false, "cannot delete topic zz: not authorized");
    answer(&w, last - 1, true, "deleted topic orders.payment.settled.v2");
    text = world_paint(&w);
    assert_non_null(strstr(text, "2 of 3 deleted, 1 failed"));
    assert_non_null(strstr(text, "! cannot delete topic zz: not authorized"));
    assert_null(strstr(text, "stop the rest"));
    assert_non_null(strstr(world_line(&w, 28), "deleted 2 of 3 topics; cannot delete topic zz: not authorized"));
    assert_int_equal(w.screen.ui.log.n, 3); /* each by its name, to be read later */
    world_keys(&w, "enter");
    assert_false(w.screen.ui.dialog.open);
    world_fini(&w);
}

/* One that is marked is asked for by its name, also where the filter hides it or the bar is on another. */
static void test_delete_one_marked(void **state) {
    static const struct { const char *keys, *title, *typed; enum client_action_kind kind; } rows[] = {
        {"j j space G D", "Delete topic", "clicks", ACTION_DELETE_TOPIC},
        {"j j space / 'zz enter D", "Delete topic", "clicks", ACTION_DELETE_TOPIC},
        {"2 G space g D", "Delete group", "loading", ACTION_DELETE_GROUP},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        char keys[64];
        begin(&w);
        world_keys(&w, rows[i].keys);
        assert_non_null(strstr(world_paint(&w), rows[i].title));
        world_keys(&w, "'delete_1_topic enter");
        assert_int_equal(w.client.n_actions, 0);
        snprintf(keys, sizeof keys, "ctrl-u '%s enter", rows[i].typed);
        world_keys(&w, keys);
        assert_int_equal(w.client.n_actions, 1);
        assert_int_equal(w.client.actions[0].kind, rows[i].kind);
        assert_string_equal(w.client.actions[0].name, rows[i].typed);
        world_fini(&w);
    }
}

static void test_delete_marked_groups(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    world_keys(&w, "2 * D");
    const char *text = world_paint(&w);
    assert_non_null(strstr(text, "settlement  has 2 members, the cluster will refuse"));
    assert_non_null(strstr(text, "and the same for the other 1"));
    world_keys(&w, "esc");
    assert_int_equal(w.client.n_actions, 0);
    world_keys(&w, "D 'delete_4_groups enter");
    assert_int_equal(w.client.n_actions, 4);
    assert_int_equal(w.client.actions[0].kind, ACTION_DELETE_GROUP);
    world_keys(&w, "enter D"); /* closed, still under way: not twice */
    assert_non_null(strstr(w.screen.ui.message, "wait"));
    for (uint64_t i = 0; i < 4; i++)
        answer(&w, w.client.last_id - i, true, NULL);
    assert_string_equal(w.screen.ui.message, "deleted 4 groups");
    world_fini(&w);
}

/* Many: a few at a time; Esc, and another cluster, stop what was not asked yet. */
static void test_delete_many(void **state) {
    struct world w;
    (void)state;
    for (int how = 0; how < 2; how++) {
        begin(&w);
        struct snapshot *s = world_snapshot(2);
        struct model_topic *t = arena_zalloc(&s->arena, 30 * sizeof *t);
        for (int i = 0; i < 30; i++)
            t[i] = (struct model_topic){.name = arena_printf(&s->arena, "many-%02d", i)};
        s->topics.v = t;
        s->topics.n = 30;
        ui_set_snapshot(&w.screen.ui, s);
        world_keys(&w, "* D");
        assert_null(strstr(world_paint(&w), "many-29"));
        for (int i = 0; i < 4; i++) {
            world_keys(&w, "pgdn");
            world_paint(&w);
        }
        assert_non_null(strstr(world_paint(&w), "many-29")); /* all are listed, by pages */
        assert_non_null(strstr(world_paint(&w), "Type"));
        world_keys(&w, "'delete_30_topics enter");
        size_t first = w.client.n_actions;
        assert_true(first >= 2 && first < 30);
        answer(&w, 1 + w.client.last_id - first, true, "deleted topic many-00");
        assert_int_equal(w.client.n_actions, first + 1);
        world_paint(&w);
        if (how == 0)
            world_keys(&w, "esc");
        else
            world_keys(&w, "enter : 'connect_10.0.0.7:9092 enter");
        uint64_t last = w.client.last_id;
        for (size_t i = 0; i < first; i++)
            answer(&w, last - i, true, "deleted");
        assert_int_equal(w.client.n_actions, first + 1);
        assert_non_null(strstr(w.screen.ui.message, "stopped before the other"));
        world_fini(&w);
    }
}

static void test_read_only_marks(void **state) {
    struct world w;
    (void)state;
    begin(&w);
    w.screen.ui.read_only = true;
    world_keys(&w, "* D");
    assert_false(w.screen.ui.dialog.open);
    assert_non_null(strstr(w.screen.ui.message, "read-only"));
    assert_int_equal(w.client.n_actions, 0);
    world_keys(&w, "c"); /* looking and copying is allowed */
    assert_true(w.screen.ui.copy);
    world_fini(&w);
}

/* ---- keys ---- */

static bool keys_from(struct keymap *m, const char *text, char *why, size_t why_size) {
    struct error e = {0};
    *m = (struct keymap){0};
    file_put(text, strlen(text));
    enum err r = keymap_read(m, state_file, &e);
    snprintf(why, why_size, "%s", e.text + (strncmp(e.text, state_file, strlen(state_file)) ? 0 : strlen(state_file)));
    return r == OK;
}

static void test_keys_bound(void **state) {
    struct keymap m;
    struct world w;
    char why[600];
    (void)state;
    assert_true(keys_from(&m, "keys: { tail = \"T\"; quit = [\"Q\", \"f10\"]; wrap = \"\"; theme = \"f6\"; "
                              "new = \"t\";\n"
                              "sort = \"alt-s\"; topics = \"f7\"; exit = \"ctrl-q\"; };", why, sizeof why));
    begin(&w);
    w.screen.keymap = &m;
    const char *text = world_paint(&w);
    assert_non_null(strstr(text, "T tail"));
    assert_non_null(strstr(text, "t new"));
    world_keys(&w, "?");
    text = world_paint(&w);
    assert_non_null(strstr(text, "T             :tail"));
    world_keys(&w, "esc q");
    assert_false(w.screen.wants.quit); /* q means nothing now */
    world_keys(&w, "t");
    assert_true(w.screen.ui.dialog.open);
    assert_string_equal(w.screen.ui.dialog.title, "New topic");
    world_keys(&w, "esc alt-s");
    assert_int_equal(ui_table(&w.screen.ui)->sort, 1);
    world_keys(&w, "2 f7");
    assert_int_equal(w.screen.ui.tab, VIEW_topics);
    world_keys(&w, "2 1"); /* a digit is a tab whatever was bound */
    assert_int_equal(w.screen.ui.tab, VIEW_topics);
    assert_true(table_select_key(ui_table(&w.screen.ui), SLICE("clicks")));
    world_keys(&w, "T");
    assert_string_equal(w.client.spec_topic, "clicks");
    world_keys(&w, "Q");
    assert_true(w.screen.wants.quit);
    w.screen.wants.quit = false;
    world_keys(&w, "ctrl-c");
    assert_true(w.screen.wants.quit);
    world_fini(&w);
    keymap_fini(&m);
    /* What is not bound is called by its name. */
    assert_true(keys_from(&m, "keys = { new = \"\"; copy = \"y\"; };", why, sizeof why));
    world_init(&w, 100, 30, false);
    w.screen.keymap = &m;
    ui_set_snapshot(&w.screen.ui, world_empty(LINK_UP, true));
    text = world_paint(&w);
    assert_non_null(strstr(text, ":new     creates a topic"));
    assert_non_null(strstr(text, "y        copies the address"));
    world_fini(&w);
    keymap_fini(&m);
}

static void test_keys_wrong(void **state) {
    static const struct { const char *text, *why; } wrong[] = {
        {"keys = {\n tial = \"t\"; };", ":2: keys: no command is called tial"},
        {"keys = { tai = \"T\"; };", ":1: keys: no command is called tai;"}, /* no beginnings here */
        {"keys = { tail = \"nokey\"; };", ":1: keys: no key is called \"nokey\""},
        {"keys = { tail = \"ctrl-i\"; };", "no key is called"}, /* a terminal sends tab */
        {"keys = { tail = \"paste\"; };", "no key is called"},
        {"keys = { tail = \"f25\"; };", "no key is called"},
        {"keys = { tail = \"\\x1b\"; };", "no key is called"},
        {"keys = { tail = \" \"; };", "no key is called"},
        {"keys = { tail = 7; };", ":1: keys: 7 always means log; give tail another key"},
        {"keys = { tail = \"ctrl-c\"; };", "ctrl-c always means exit"},
        {"keys = {\n\n tail = \"p\"; };",
         ":3: keys: tail and produce are both on p in Topics; give produce another key"},
        {"keys = { tail = \"x\";\n wrap = \"x\"; };", ":2: keys: wrap and export are both on x in Tail"},
        {"keys = { new = \"x\";\n tail = \"x\"; };", ":1: keys: new and tail are both on x in Topics"},
        {"keys = { exit = \"\"; };", ":1: keys: exit is the way out"},
        {"keys = { tail = []; };", ":1: tail is an empty list"},
        {"keys = { send = \"s\"; };", "send is a key of the produce form"},
        {"keys = { tail = { a = 1; }; };", "tail"},
        {"keys = 3;", "keys is a group"},
        {"keys = { up = [\"f1\",\"f2\",\"f3\",\"f4\",\"f5\",\"f6\",\"f7\",\"f8\",\"f9\"]; };", "too many keys"},
    };
    struct keymap m;
    char why[600];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        if (keys_from(&m, wrong[i].text, why, sizeof why))
            fail_msg("taken: %s", wrong[i].text);
        if (!strstr(why, wrong[i].why))
            fail_msg("%s: %s", wrong[i].text, why);
        assert_null(strchr(why, '\n'));
    }
    /* The same key where the views differ, and a swap, are fine; so is a file without the group. */
    assert_true(keys_from(&m, "keys = { tail = \"p\"; produce = \"t\"; wrap = \"n\"; };", why, sizeof why));
    keymap_fini(&m);
    assert_true(keys_from(&m, "console = { theme = \"dark\"; };", why, sizeof why));
    struct error e;
    unlink(state_file);
    assert_int_equal(keymap_read(&m, state_file, &e), OK);
}

/* The rows themselves say names that a terminal can send. */
static void test_keys_of_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < n_commands; i++) {
        const char *list = commands[i].keys;
        for (char key[16]; keymap_next(&list, key);)
            if (!key_known(key))
                fail_msg("%s: %s", commands[i].name, key);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_command), cmocka_unit_test(test_columns_keys),
        cmocka_unit_test(test_state_file), cmocka_unit_test(test_state_file_odd),
        cmocka_unit_test(test_state_file_cut), cmocka_unit_test(test_marks_on_screen),
        cmocka_unit_test(test_delete_marked), cmocka_unit_test(test_delete_marked_groups),
        cmocka_unit_test(test_delete_one_marked),
        cmocka_unit_test(test_delete_many), cmocka_unit_test(test_read_only_marks),
        cmocka_unit_test(test_keys_bound), cmocka_unit_test(test_keys_wrong), cmocka_unit_test(test_keys_of_rows),
    };
    int fd = mkstemp(state_file);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(state_file);
    return failed;
}
