#include "tests/ui/world.h"

#include "core/base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct value known(int64_t v) { return (struct value){v, WORLD_NOW_US - 300000, VALUE_KNOWN}; }

static struct snapshot *begin(uint64_t serial) {
    struct snapshot *s = snapshot_new();
    s->serial = serial;
    s->at_us = WORLD_NOW_US - 300000;
    s->interval_us = 1000000;
    s->link = LINK_UP;
    s->address = SLICE("127.0.0.1:9092");
    s->controller = 2;
    s->controller_true = true;
    s->controller_epoch = 17;
    s->topics_state = s->groups_state = VALUE_KNOWN;
    return s;
}

struct snapshot *world_empty(enum link_state link, bool embedded) {
    struct snapshot *s = begin(1);
    s->link = link;
    s->embedded = embedded;
    if (embedded) {
        s->durability = SLICE("fsync");
        s->data_dir = SLICE("/home/ada/.local/share/weir");
    }
    if (link == LINK_DOWN)
        s->why = SLICE("cannot reach 10.0.0.7:9092: connection refused; is the broker up?");
    if (link != LINK_UP) {
        s->topics_state = s->groups_state = VALUE_WANTED;
        s->at_us = 0;
    }
    return s;
}

struct seed {
    const char *name;
    int32_t partitions, replication, in_sync;
    int64_t messages, bytes;
    double in;
    enum trouble trouble;
};
static const struct seed seeds[] = {
    {"__consumer_offsets", 50, 3, 150, 12004, 1843200, 0.2, TROUBLE_NONE},
    {"a", 1, 1, 1, 0, 0, 0, TROUBLE_NONE},
    {"billing-enricher-KSTREAM-AGGREGATE-STATE-STORE-0000000014-changelog", 5, 3, 15, -1, -1, -1, TROUBLE_NONE},
    {"clicks", 24, 1, 24, 88120331, 109199571763, 9912.4, TROUBLE_SOON},
    {"dataengineering", 3, 1, 3, 12345, 1258291, 312.04, TROUBLE_NONE},
    {"orders.payment.settled.v2", 12, 3, 35, 9812004, 15139759390, 2104, TROUBLE_BAD},
    {"\xc3\xbcnic\xc3\xb6" "de.\xe6\x9d\xb1\xe4\xba\xac", 2, 1, 2, 7, 512, 0, TROUBLE_NONE},
    {"zz\x1b]0;title\x07\xe2\x80\xaewen\xc2\x9b", 1, 1, 1, 3, 99, 0, TROUBLE_NONE},
};

static const struct history *history_of(struct snapshot *s, double rate) {
    struct history *h = arena_zalloc(&s->arena, sizeof *h);
    static const float wave[8] = {0.3f, 0.45f, 0.6f, 0.9f, 1.0f, 0.8f, 0.6f, 0.5f};
    h->n = 24;
    for (int i = 0; i < 24; i++)
        h->v[i] = rate > 0 ? (float)rate * wave[i % 8] : 0;
    return h;
}

static const struct model_partition *partitions_of(struct snapshot *s, const struct seed *seed, enum world_kind kind) {
    struct model_partition *p = arena_zalloc(&s->arena, (size_t)seed->partitions * sizeof *p);
    static const int32_t ring[6] = {1, 2, 3, 1, 2, 3};
    for (int32_t i = 0; i < seed->partitions; i++) {
        bool hurt = seed->trouble == TROUBLE_BAD && i == 1;
        p[i] = (struct model_partition){.index = i, .leader = 1 + i % seed->replication, .leader_epoch = 4};
        p[i].replicas.n = seed->replication;
        p[i].replicas.v = ring + i % seed->replication % 3;
        p[i].isr.n = hurt ? seed->replication - 1 : seed->replication;
        p[i].isr.v = p[i].replicas.v;
        if (seed->messages < 0 || kind == WORLD_WAITING)
            continue;
        int64_t share = seed->messages / seed->partitions + (i == 0 ? seed->messages % seed->partitions : 0);
        p[i].start = known(1000);
        p[i].end = known(1000 + share);
        p[i].bytes = known(seed->bytes / seed->partitions);
        p[i].in = (struct rate){seed->in / seed->partitions, VALUE_KNOWN};
        if (kind == WORLD_HURT && seed->trouble == TROUBLE_BAD && i == 2) { /* its last replica in sync is down */
            p[i].leader = -1;
            p[i].error = 5;
            p[i].isr.n = 1;
            p[i].offline.n = seed->replication;
            p[i].offline.v = p[i].replicas.v;
            p[i].start.state = p[i].end.state = p[i].bytes.state = p[i].in.state = VALUE_FAILED;
        }
    }
    return p;
}

static void add_topics(struct snapshot *s, enum world_kind kind) {
    size_t n = sizeof seeds / sizeof *seeds;
    struct model_topic *t = arena_zalloc(&s->arena, n * sizeof *t);
    for (size_t i = 0; i < n; i++) {
        const struct seed *seed = &seeds[i];
        t[i] = (struct model_topic){
            .name = slice_cstr(seed->name), .internal = seed->name[0] == '_', .trouble = seed->trouble,
            .n_partitions = seed->partitions, .replication = seed->replication, .in_sync = seed->in_sync,
            .replicas = seed->partitions * seed->replication, .partitions = partitions_of(s, seed, kind),
        };
        t[i].id.b[0] = (uint8_t)(i + 1);
        if (seed->messages < 0 || kind == WORLD_WAITING)
            continue;
        t[i].messages = known(seed->messages);
        t[i].bytes = known(seed->bytes);
        t[i].in = (struct rate){seed->in, VALUE_KNOWN};
        t[i].history = history_of(s, seed->in);
        t[i].groups = known((int64_t)i);
    }
    s->topics.v = t;
    s->topics.n = (int32_t)n;
}

static void add_lags(struct snapshot *s, struct model_group *g) {
    static const struct { int64_t committed, start, end; bool bound; } offsets[] = {
        {5000, 1000, 6204, false}, {-1, 1000, 2000, false}, {784, 1000, 1648, false}, {2012, 1000, 2000, false},
        {900, 0, 2104, true}, {100, -1, -1, false}, {2000, 1000, 2000, false},
    };
    size_t n = sizeof offsets / sizeof *offsets;
    struct model_lag *rows = arena_zalloc(&s->arena, n * sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        rows[i] = (struct model_lag){
            .topic = SLICE("orders.payment.settled.v2"),
            .partition = (int32_t)i,
            .committed = offsets[i].committed,
            .start = offsets[i].start,
            .end = offsets[i].end,
            .at_us = WORLD_NOW_US - 300000,
            .member = i < 4 ? (int32_t)i % 2 : -1,
        };
        lag_judge(&rows[i], offsets[i].bound);
        lag_add(&g->sum, &rows[i]);
    }
    g->rows.v = rows;
    g->rows.n = (int32_t)n;
}

static void add_members(struct snapshot *s, struct model_group *g) {
    struct model_member *m = arena_zalloc(&s->arena, 2 * sizeof *m);
    struct model_assigned *a = arena_zalloc(&s->arena, 4 * sizeof *a);
    for (int32_t i = 0; i < 4; i++)
        a[i] = (struct model_assigned){SLICE("orders.payment.settled.v2"), i / 2 + i % 2 * 2};
    m[0] = (struct model_member){
        .id = SLICE("settler-1-5b1c7e0a"), .client_id = SLICE("settler-1"), .host = SLICE("/10.0.0.11")};
    m[1] = (struct model_member){.id = SLICE("settler-2-91d2\x1b[2J"), .client_id = SLICE("settler-2\x1b[31m"),
                                 .host = SLICE("/10.0.0.12"), .instance_id = SLICE("static-2")};
    m[0].assigned.v = a;
    m[0].assigned.n = 2;
    m[1].assigned.v = a + 2;
    m[1].assigned.n = 2;
    g->members.v = m;
    g->members.n = 2;
}

static void add_groups(struct snapshot *s) {
    struct model_group *g = arena_zalloc(&s->arena, 4 * sizeof *g);
    g[0] = (struct model_group){.id = SLICE("audit-archiver"),
                                .state = SLICE("Empty"),
                                .coordinator = 1,
                                .trouble = TROUBLE_SOON,
                                .n_members = known(0),
                                .n_topics = known(1),
                                .lag = known(98112),
                                .in = {180, VALUE_KNOWN},
                                .out = {0, VALUE_NONE}};
    g[1] = (struct model_group){.id = SLICE("dataengineering"),
                                .state = SLICE("Stable"),
                                .coordinator = 3,
                                .protocol = SLICE("range"),
                                .type = SLICE("classic"),
                                .n_members = known(1),
                                .n_topics = known(1),
                                .lag = known(23),
                                .in = {312, VALUE_KNOWN},
                                .out = {311, VALUE_KNOWN}};
    g[2] = (struct model_group){.id = SLICE("loading"), .coordinator = -1};
    g[3] = (struct model_group){.id = SLICE("settlement"),
                                .state = SLICE("Stable"),
                                .coordinator = 2,
                                .trouble = TROUBLE_BAD,
                                .protocol = SLICE("cooperative-sticky"),
                                .type = SLICE("classic"),
                                .n_members = known(2),
                                .n_topics = known(1),
                                .lag = known(2408),
                                .in = {2104, VALUE_KNOWN},
                                .out = {1810, VALUE_KNOWN},
                                .at_us = WORLD_NOW_US - 300000};
    g[1].history = history_of(s, 23);
    g[3].history = history_of(s, 2408);
    add_lags(s, &g[3]);
    add_members(s, &g[3]);
    s->groups.v = g;
    s->groups.n = 4;
}

static void add_brokers(struct snapshot *s) {
    static const char *const hosts[] = {"kafka-1", "kafka-2", "kafka-3"};
    struct model_broker *b = arena_zalloc(&s->arena, 3 * sizeof *b);
    for (int i = 0; i < 3; i++) {
        b[i] = (struct model_broker){.id = i + 1,
                                     .host = slice_cstr(hosts[i]),
                                     .port = 9092,
                                     .leads = known(812 - i * 13),
                                     .groups = known(17 - i),
                                     .bytes = known(44023414784),
                                     .answered = known(400),
                                     .voter = true,
                                     .quorum_lag = known(0),
                                     .fetch_age_ms = known(200)};
        b[i].answered.v = 400;
    }
    b[1].quorum_lag.state = b[1].fetch_age_ms.state = VALUE_NONE;
    b[2].why = SLICE("connection refused");
    b[2].bytes.state = VALUE_FAILED;
    b[2].answered.at_us = WORLD_NOW_US - 31000000;
    s->brokers.v = b;
    s->brokers.n = 3;
}

struct snapshot *world_of(enum world_kind kind, uint64_t serial) {
    struct snapshot *s = begin(serial);
    s->version = SLICE("4.3");
    s->cluster_id = SLICE("4L6g3nShT-eMCtK--X86sw");
    s->metadata_in_use = kind == WORLD_OWN ? 30 : 25;
    s->metadata_most = 30;
    add_topics(s, kind);
    add_groups(s);
    add_brokers(s);
    if (kind == WORLD_WAITING) {
        s->groups_state = VALUE_WANTED;
        s->groups.n = 0;
        return s;
    }
    s->in = (struct rate){12331, VALUE_KNOWN};
    s->out = (struct rate){3120, VALUE_KNOWN};
    s->in_history = history_of(s, 12331);
    if (kind == WORLD_OWN) {
        s->embedded = true;
        s->durability = SLICE("fsync");
        s->data_dir = SLICE("/home/ada/.local/share/weir");
        s->controller = 1;
        s->controller_epoch = 1;
        s->brokers.n = 1;
    }
    return s;
}

struct snapshot *world_snapshot(uint64_t serial) { return world_of(WORLD_USUAL, serial); }

static char *text_of(const char *s) { return (char *)(uintptr_t)s; }

void world_configs(struct world *w) {
    struct client_config_row rows[] = {
        {SLICE("cleanup.policy"), SLICE("delete"), SLICE("What becomes of old segments: delete, compact, or both."),
         false, false, true, 5},
        {SLICE("retention.ms"), SLICE("604800000"), SLICE("How long records are kept."), false, false, false, 1},
        {SLICE("retention.bytes"), SLICE("-1"),
         SLICE("This configuration controls the maximum size a partition (which consists of log segments) can grow "
               "to before we will discard old log segments to free up space if we are using the \"delete\" retention "
               "policy. By default there is no size limit only a time limit. Since this limit is enforced at the "
               "partition level, multiply it by the number of partitions to compute the topic retention in bytes."),
         false, false, true, 5},
        {SLICE("flush.messages"), SLICE("9223372036854775807"), SLICE("Messages between two syncs."), false, false,
         true, 5},
        {SLICE("local.retention.ms"), SLICE("-2"), SLICE("How long records are kept on this machine."), false, false,
         true, 5},
        {SLICE("segment.bytes"), SLICE("1073741824"), SLICE_NULL, true, false, true, 4},
        {SLICE("secret\x1b[2J"), SLICE_NULL, SLICE("\xe2\x80\xaehidden"), false, true, true, 5},
    };
    struct client_event e = {
        .kind = EVENT_ACTION, .id = w->client.last_id, .ok = true, .configs = rows, .n_configs = 7};
    ui_event(&w->screen.ui, &e);
}

void world_receipt(struct world *w, int32_t partition, int64_t offset, const char *failure_or_null) {
    struct client_event e = {
        .kind = EVENT_RECEIPT, .id = 1, .ok = failure_or_null == NULL, .partition = partition, .offset = offset,
        .took_us = 1200, .wall_ms = 1717165579355, .text = text_of(failure_or_null),
    };
    ui_event(&w->screen.ui, &e);
}

void world_records(struct world *w) {
    struct client *c = &w->client;
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

static bool theme_none(void *ctx, const char *name, char *why, size_t why_size) {
    (void)ctx;
    snprintf(why, why_size, "there is no theme %s", name);
    return strcmp(name, "dark") == 0;
}

void world_init(struct world *w, int columns, int rows, bool ascii) {
    fake_client_init(&w->client);
    world_begin(w, columns, rows, ascii);
}

void world_begin(struct world *w, int columns, int rows, bool ascii) {
    static const struct screen_hooks hooks = {.theme = theme_none};
    setenv("TZ", "UTC", 1);
    *w = (struct world){.client = w->client};
    screen_init(&w->screen, &w->client, "127.0.0.1:9092", &hooks);
    w->screen.ui.env.now_us = WORLD_NOW_US;
    canvas_init(&w->canvas, columns, rows, ascii);
}

void world_fini(struct world *w) {
    screen_fini(&w->screen);
    canvas_fini(&w->canvas);
    buf_fini(&w->text);
    assert_int_equal(w->client.tails_open, 0);
}

void world_keys(struct world *w, const char *keys) {
    struct key k;
    while (*keys) {
        char name[64];
        size_t n = strcspn(keys, " ");
        if (*keys == '\'') { /* typed letter by letter */
            for (size_t i = 1; i < n; i++) {
                name[0] = keys[i] == '_' ? ' ' : keys[i];
                name[1] = '\0';
                assert_true(key_of(&k, name[0] == ' ' ? "space" : name));
                screen_key(&w->screen, &k);
            }
        } else {
            snprintf(name, sizeof name, "%.*s", (int)n, keys);
            assert_true(key_of(&k, name));
            screen_key(&w->screen, &k);
        }
        keys += n + (keys[n] == ' ');
    }
}

const char *world_paint(struct world *w) {
    screen_paint(&w->screen, &w->canvas);
    ui_interest(&w->screen.ui);
    world_check_cells(w);
    buf_clear(&w->text);
    canvas_text(&w->canvas, &w->text);
    buf_put_u8(&w->text, 0);
    return (const char *)w->text.p;
}

const char *world_line(struct world *w, int y) {
    static char line[8192];
    const char *p = (const char *)w->text.p;
    while (y-- > 0 && (p = strchr(p, '\n')))
        p++;
    snprintf(line, sizeof line, "%.*s", p ? (int)strcspn(p, "\n") : 0, p ? p : "");
    return line;
}

void world_check_cells(const struct world *w) {
    for (int y = 0; y < w->canvas.h; y++)
        for (int x = 0; x < w->canvas.w; x++) {
            const struct cell *cell = canvas_cell(&w->canvas, y, x);
            if (cell->cp == 0) { /* only behind a wide character */
                assert_true(x > 0);
                assert_int_equal(text_width((int32_t)canvas_cell(&w->canvas, y, x - 1)->cp), 2);
                continue;
            }
            assert_true(cell->cp >= 0x20 && text_is_plain((int32_t)cell->cp));
            assert_true(cell->role < ROLE_N);
            if (w->canvas.ascii)
                assert_true(cell->cp < 0x7f);
            for (int i = 0; i < 2; i++)
                if (cell->marks[i])
                    assert_true(text_is_plain((int32_t)cell->marks[i]) && text_width((int32_t)cell->marks[i]) == 0);
        }
}
