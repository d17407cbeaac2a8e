/* The client against a fake broker: what it shows while answers are missing, and
 * what it says when they never come.  Every wait is for a condition, with a bound
 * that only a failure reaches. */
#include "core/base/log.h"
#include "core/client/client.h"
#include "tests/unit/fake_broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define REFRESH_US 50000
#define BOUND_US 20000000

static struct client *client_to(uint16_t port, bool once) {
    char bootstrap[32];
    struct client *c;
    struct error e;
    snprintf(bootstrap, sizeof bootstrap, "127.0.0.1:%u", port);
    struct client_config config = {.bootstrap = bootstrap, .once = once};
    /* Who asks once has no refresh to wait for, and on a busy machine none may come between. */
    config.refresh_us = once ? BOUND_US : REFRESH_US;
    assert_int_equal(client_new(&c, &config, &e), OK);
    return c;
}

typedef bool seen_fn(const struct snapshot *s, void *ctx);
/* The first snapshot that the condition likes. */
static struct snapshot *wait_for(struct client *c, seen_fn *likes, void *ctx) {
    int64_t until = client_now_us() + BOUND_US;
    while (client_now_us() < until) {
        struct snapshot *s = client_poll(c);
        if (s != NULL && likes(s, ctx))
            return s;
        snapshot_unref(s);
        struct pollfd p = {client_fd(c), POLLIN, 0};
        poll(&p, 1, 100);
    }
    fail_msg("the awaited snapshot never came");
    return NULL;
}

static struct client_event *wait_event(struct client *c, enum client_event_kind kind, const char *part) {
    int64_t until = client_now_us() + BOUND_US;
    while (client_now_us() < until) {
        struct client_event *ev = client_next_event(c);
        if (ev != NULL && ev->kind == kind && (part == NULL || (ev->text != NULL && strstr(ev->text, part) != NULL)))
            return ev;
        if (ev != NULL) {
            client_event_free(ev);
            continue;
        }
        struct pollfd p = {client_fd(c), POLLIN, 0};
        poll(&p, 1, 100);
        snapshot_unref(client_poll(c));
    }
    fail_msg("the awaited event never came");
    return NULL;
}

static bool has(struct slice s, const char *part) { return memmem(s.p, s.n, part, strlen(part)) != NULL; }
static void assert_has(struct slice s, const char *part) {
    if (!has(s, part))
        fail_msg("\"%.*s\" does not say \"%s\"", SLICE_ARG(s), part);
}

static bool has_topics(const struct snapshot *s, void *ctx) {
    (void)ctx;
    return s->topics.n > 0;
}
static bool is_down(const struct snapshot *s, void *ctx) {
    (void)ctx;
    return s->link == LINK_DOWN;
}
static bool has_messages(const struct snapshot *s, void *ctx) {
    (void)ctx;
    return s->topics.n > 0 && s->topics.v[0].messages.state == VALUE_KNOWN;
}
static bool broker_complains(const struct snapshot *s, void *ctx) {
    return s->brokers.n > 0 && s->brokers.v[0].why.p != NULL && has(s->brokers.v[0].why, ctx);
}
static bool why_says(const struct snapshot *s, void *ctx) { return s->why.p != NULL && has(s->why, ctx); }
static bool is_settled(const struct snapshot *s, void *ctx) { return s->settled && s->interest == *(uint64_t *)ctx; }

static void test_names_first(void **state) {
    (void)state;
    struct fake f = {.start = 10, .end = 110, .hold_offsets = true};
    fake_start(&f);
    struct client *c = client_to(f.port, false);
    struct snapshot *s = wait_for(c, has_topics, NULL);
    assert_int_equal(s->link, LINK_UP);
    assert_int_equal(s->topics.n, 1);
    assert_true(slice_is(s->topics.v[0].name, "alpha"));
    assert_int_equal(s->topics.v[0].messages.state, VALUE_WANTED);
    assert_int_equal(s->topics.v[0].n_partitions, FAKE_PARTS);
    assert_int_equal(s->topics.v[0].trouble, TROUBLE_SOON); /* one of two replicas is in sync */
    for (int32_t i = 0; i < FAKE_PARTS; i++)
        assert_int_equal(s->topics.v[0].partitions[i].index, i);
    assert_false(s->settled);
    snapshot_unref(s);
    f.hold_offsets = false;
    s = wait_for(c, has_messages, NULL);
    assert_int_equal(s->topics.v[0].messages.v, 3 * 100);
    assert_true(s->topics.v[0].messages.at_us > 0 && s->topics.v[0].messages.at_us <= client_now_us());
    assert_int_equal(s->brokers.v[0].leads.v, 3);
    snapshot_unref(s);
    client_free(c);
    assert_false(f.auto_create_seen);
    assert_int_equal(f.seen[API_FIND_COORDINATOR], 0);
    fake_stop(&f);
}

static bool lag_known(const struct snapshot *s, void *ctx) {
    (void)ctx;
    return s->groups.n == 1 && s->groups.v[0].rows.n > 0 && s->settled;
}

static void lag_of(int64_t committed, bool compacted, enum lag_kind kind, int64_t lag, int64_t lost, int64_t ahead) {
    struct fake f = {.start = 50, .end = 100, .committed = committed, .compacted = compacted};
    fake_start(&f);
    struct client *c = client_to(f.port, true);
    client_set_interest(c, &(struct client_interest){.all_groups = true});
    struct snapshot *s = wait_for(c, lag_known, NULL);
    const struct model_group *g = snapshot_group(s, SLICE("crew"));
    assert_non_null(g);
    assert_int_equal(g->rows.n, 3);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(lag_kind_name(g->rows.v[i].kind), lag_kind_name(kind));
        assert_int_equal(g->rows.v[i].committed, committed);
        assert_int_equal(g->rows.v[i].lag, lag);
        assert_int_equal(g->rows.v[i].lost, lost);
        assert_int_equal(g->rows.v[i].ahead, ahead);
        assert_int_equal(g->rows.v[i].member, -1);
    }
    assert_int_equal(g->rows.v[2].kind, LAG_NO_COMMIT);
    assert_int_equal(g->rows.v[2].member, 0); /* assigned, never committed */
    assert_true(slice_is(g->members.v[0].client_id, "rower"));
    assert_int_equal(s->topics.v[0].groups.v, 1);
    if (lag >= 0) {
        assert_int_equal(g->lag.state, VALUE_KNOWN);
        assert_int_equal(g->lag.v, 2 * lag);
    }
    snapshot_unref(s);
    client_free(c);
    fake_stop(&f);
}

static void test_lag(void **state) {
    (void)state;
    lag_of(80, false, LAG_EXACT, 20, 0, 0);
    lag_of(80, true, LAG_UPPER_BOUND, 20, 0, 0);
    lag_of(30, false, LAG_BELOW_START, -1, 20, 0);
    lag_of(103, false, LAG_BEYOND_END, -1, 0, 3);
}

/* A broker that falls silent: values stay with their age, the row says why, and it recovers. */
static void test_silence(void **state) {
    (void)state;
    struct fake f = {.start = 0, .end = 7};
    fake_start(&f);
    struct client *c = client_to(f.port, false);
    snapshot_unref(wait_for(c, has_messages, NULL));
    f.mood = FAKE_MUTE;
    struct snapshot *s = wait_for(c, broker_complains, "has not answered");
    assert_int_equal(s->topics.v[0].messages.v, 21);
    assert_true(s->topics.v[0].messages.at_us < client_now_us() - 2 * REFRESH_US);
    assert_int_equal(s->brokers.v[0].answered.state, VALUE_FAILED);
    assert_true(s->brokers.v[0].answered.at_us > 0);
    snapshot_unref(s);
    client_event_free(wait_event(c, EVENT_CHANGE, "does not answer"));
    client_free(c);
    fake_stop(&f);
}

/* The broker goes away and comes back on the same port. */
static void test_lost_and_found(void **state) {
    (void)state;
    struct fake f = {.start = 0, .end = 7};
    fake_start(&f);
    struct client *c = client_to(f.port, false);
    snapshot_unref(wait_for(c, has_messages, NULL));
    f.mood = FAKE_CLOSING;
    struct snapshot *s = wait_for(c, is_down, NULL);
    assert_int_equal(s->topics.n, 1); /* what was known stays */
    assert_int_equal(s->topics.v[0].messages.v, 21);
    snapshot_unref(s);
    f.mood = FAKE_FINE;
    f.end = 9;
    for (;;) {
        s = wait_for(c, has_messages, NULL);
        bool back = s->link == LINK_UP && s->topics.v[0].messages.v == 27;
        snapshot_unref(s);
        if (back)
            break;
    }
    client_free(c);
    fake_stop(&f);
}

/* What has worked is not asked for another security protocol, though it does what a listener for that does. */
static void test_no_guess_where_it_worked(void **state) {
    (void)state;
    static const struct {
        enum fake_mood mood;
        const char *part;
    } rows[] = {{FAKE_SHUT, "at the first request"}, {FAKE_CLOSING, "lost 127.0.0.1:"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fake f = {.end = 1};
        fake_start(&f);
        struct client *c = client_to(f.port, false);
        snapshot_unref(wait_for(c, has_messages, NULL));
        f.mood = rows[i].mood;
        for (int tries = 0; tries < 3; tries++) { /* the later ones by new connections */
            int asked = f.seen[API_API_VERSIONS];
            struct snapshot *s;
            for (s = NULL; f.seen[API_API_VERSIONS] == asked || !why_says(s, (void *)(uintptr_t)rows[i].part);) {
                snapshot_unref(s);
                client_reconnect(c, NULL);
                s = wait_for(c, is_down, NULL);
            }
            assert_false(has(s->why, "security.protocol"));
            snapshot_unref(s);
        }
        client_free(c);
        fake_stop(&f);
    }
}

static void refused_with(enum fake_mood mood, const char *part) {
    struct fake f = {.mood = mood};
    fake_start(&f);
    struct client *c = client_to(f.port, false);
    struct snapshot *s = wait_for(c, is_down, NULL);
    assert_has(s->why, part);
    assert_has(s->why, "127.0.0.1:");
    assert_int_equal(s->topics_state, VALUE_FAILED);
    snapshot_unref(s);
    client_free(c);
    fake_stop(&f);
}

static void test_strangers(void **state) {
    (void)state;
    refused_with(FAKE_GARBAGE, "does not speak Kafka's protocol");
    refused_with(FAKE_HTTP, "HTTP");
    refused_with(FAKE_CLOSING, "SASL");
    refused_with(FAKE_SHUT, "TLS");
    refused_with(FAKE_WRONG_ID, "does not fit its request");
}

/* Counts that promise gigabytes cost nothing and end in a log line, not in a crash. */
static void test_lies(void **state) {
    (void)state;
    struct fake f = {.mood = FAKE_LIES};
    fake_start(&f);
    struct client *c = client_to(f.port, false);
    client_event_free(wait_event(c, EVENT_LOG, "Metadata"));
    client_free(c);
    fake_stop(&f);
}

static void test_refused(void **state) {
    (void)state;
    struct client *c = client_to(fake_free_port(), false);
    struct snapshot *s = wait_for(c, is_down, NULL);
    assert_has(s->why, "cannot reach 127.0.0.1:");
    assert_has(s->why, "connection refused");
    assert_has(s->address, "127.0.0.1:");
    snapshot_unref(s);
    client_free(c);
}

static void test_wrong_names(void **state) {
    (void)state;
    struct client *c;
    struct error e;
    struct client_config config = {.bootstrap = "no-such-host.invalid:9092"};
    assert_int_equal(client_new(&c, &config, &e), OK);
    snapshot_unref(wait_for(c, why_says, "resolve"));
    client_free(c);
    config.bootstrap = "host:99999";
    assert_int_not_equal(client_new(&c, &config, &e), OK);
    config.bootstrap = "";
    assert_int_equal(client_new(&c, &config, &e), ERR_INVALID);
}

static void test_advertised_name(void **state) {
    (void)state;
    struct fake f = {.advertised_host = "no-such-host.invalid", .advertised_port = 1234};
    fake_start(&f);
    struct client *c = client_to(f.port, false);
    struct snapshot *s = wait_for(c, broker_complains, "does not resolve");
    assert_has(s->brokers.v[0].why, "broker 1 advertises no-such-host.invalid:1234");
    assert_true(s->brokers.v[0].misnamed);
    assert_int_equal(s->topics.n, 1); /* the names came by the bootstrap */
    snapshot_unref(s);
    client_free(c);
    fake_stop(&f);
}

static void test_second_seed(void **state) {
    (void)state;
    struct fake f = {.end = 1};
    fake_start(&f);
    char bootstrap[64];
    struct client *c;
    struct error e;
    snprintf(bootstrap, sizeof bootstrap, "127.0.0.1:%u,127.0.0.1:%u", fake_free_port(), f.port);
    struct client_config config = {.bootstrap = bootstrap, .refresh_us = REFRESH_US};
    assert_int_equal(client_new(&c, &config, &e), OK);
    snapshot_unref(wait_for(c, has_messages, NULL));
    client_free(c);
    fake_stop(&f);
}

/* ApiVersions 3 is refused in the shape of 0; everything at old versions. */
static void test_old_broker(void **state) {
    (void)state;
    struct fake f = {.old = true, .start = 5, .end = 6};
    fake_start(&f);
    struct client *c = client_to(f.port, false);
    struct snapshot *s = wait_for(c, has_messages, NULL);
    assert_int_equal(s->topics.v[0].messages.v, 3);
    snapshot_unref(s);
    client_free(c);
    fake_stop(&f);
}

static void change(struct client *c, enum log_level level, const char *text) {
    struct client_event *ev = wait_event(c, EVENT_CHANGE, text);
    assert_int_equal(ev->log_level, level);
    client_event_free(ev);
}

/* What is missing is an error, what went away or moved a warning; how long it took is said. */
static void test_changes(void **state) {
    (void)state;
    struct fake f = {.end = 1};
    fake_start(&f);
    struct client *c = client_to(f.port, false);
    snapshot_unref(wait_for(c, has_messages, NULL));
    f.second_topic = true;
    change(c, LOG_INFO, "topic beta was created");
    f.leader = -1;
    change(c, LOG_ERROR, "alpha/0 has no leader");
    f.leader = 1;
    change(c, LOG_INFO, "alpha/0: leader is broker 1, after ");
    f.second_topic = false;
    change(c, LOG_WARN, "topic beta was deleted");
    client_free(c);
    fake_stop(&f);
}

/* Once: asks what the interest wants, then is still. */
static void test_once(void **state) {
    (void)state;
    struct fake f = {.end = 4};
    fake_start(&f);
    struct client *c = client_to(f.port, true);
    uint64_t interest = 1;
    client_set_interest(c, &(struct client_interest){.all_offsets = true});
    struct snapshot *s = wait_for(c, is_settled, &interest);
    assert_int_equal(s->topics.v[0].messages.state, VALUE_KNOWN);
    assert_int_equal(s->topics.v[0].messages.v, 12);
    snapshot_unref(s);
    assert_int_equal(f.seen[API_METADATA], 1);
    client_free(c);
    fake_stop(&f);
}

static void test_action(void **state) {
    (void)state;
    struct fake f = {.end = 4};
    fake_start(&f);
    struct client *c = client_to(f.port, true);
    uint64_t id = client_act(
        c, &(struct client_action){.kind = ACTION_CREATE_TOPIC, .name = "fresh", .partitions = 3, .replication = -1});
    struct client_event *ev = wait_event(c, EVENT_ACTION, NULL);
    assert_int_equal(ev->id, id);
    assert_true(ev->ok);
    assert_string_equal(ev->text, "created topic fresh");
    client_event_free(ev);
    client_act(c, &(struct client_action){.kind = ACTION_CREATE_TOPIC, .name = "taken"});
    ev = wait_event(c, EVENT_ACTION, NULL);
    assert_false(ev->ok);
    assert_int_equal(ev->error, 36);
    assert_non_null(strstr(ev->text, "TOPIC_ALREADY_EXISTS"));
    assert_null(strchr(ev->text, '\x1b')); /* the broker's own words, escaped */
    client_event_free(ev);
    /* Nothing was asked that this broker does not offer. */
    client_act(c, &(struct client_action){.kind = ACTION_DELETE_GROUP, .name = "crew"});
    ev = wait_event(c, EVENT_ACTION, NULL);
    assert_false(ev->ok);
    client_event_free(ev);
    client_free(c);
    fake_stop(&f);
}

/* Whatever the order of the questions: the answers stand by topic and partition. */
static void test_offsets_at_time(void **state) {
    (void)state;
    struct fake f = {.start = 5, .end = 9};
    fake_start(&f);
    struct client *c = client_to(f.port, true);
    const struct client_offset asked[] = {{"alpha", 2, -2}, {"alpha", 0, -1}, {"alpha", 1, -2}};
    client_act(c, &(struct client_action){
                      .kind = ACTION_OFFSETS_AT_TIME, .name = "crew", .offsets = asked, .n_offsets = 3});
    struct client_event *ev = wait_event(c, EVENT_ACTION, NULL);
    assert_true(ev->ok);
    assert_int_equal(ev->n_places, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(ev->places[i].partition, i);
        const struct client_place *p =
            client_place_find(ev->places, ev->n_places, slice_cstr(asked[i].topic), asked[i].partition);
        assert_non_null(p);
        assert_int_equal(p->offset, asked[i].offset == -2 ? 5 : 9);
    }
    assert_null(client_place_find(ev->places, ev->n_places, SLICE("alpha"), 3));
    assert_null(client_place_find(ev->places, ev->n_places, SLICE("alph"), 0));
    client_event_free(ev);
    client_free(c);
    fake_stop(&f);
}

static void test_action_without_cluster(void **state) {
    (void)state;
    struct client *c = client_to(fake_free_port(), true);
    client_act(c, &(struct client_action){.kind = ACTION_DELETE_TOPIC, .name = "x"});
    struct client_event *ev = wait_event(c, EVENT_ACTION, NULL);
    assert_false(ev->ok);
    assert_non_null(strstr(ev->text, "connection refused"));
    client_event_free(ev);
    client_free(c);
}

static void test_reconnect(void **state) {
    (void)state;
    struct fake a = {.end = 1}, b = {.end = 2};
    fake_start(&a);
    fake_start(&b);
    struct client *c = client_to(a.port, false);
    snapshot_unref(wait_for(c, has_messages, NULL));
    char bootstrap[32];
    snprintf(bootstrap, sizeof bootstrap, "127.0.0.1:%u", b.port);
    client_reconnect(c, bootstrap);
    for (;;) {
        struct snapshot *s = wait_for(c, has_messages, NULL);
        bool there = s->topics.v[0].messages.v == 6 && has(s->address, strchr(bootstrap, ':'));
        snapshot_unref(s);
        if (there)
            break;
    }
    client_free(c);
    fake_stop(&a);
    fake_stop(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_first),
        cmocka_unit_test(test_lag),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_lost_and_found),
        cmocka_unit_test(test_no_guess_where_it_worked),
        cmocka_unit_test(test_strangers),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_wrong_names),
        cmocka_unit_test(test_advertised_name),
        cmocka_unit_test(test_second_seed),
        cmocka_unit_test(test_old_broker),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_action),
        cmocka_unit_test(test_offsets_at_time),
        cmocka_unit_test(test_action_without_cluster),
        cmocka_unit_test(test_reconnect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
