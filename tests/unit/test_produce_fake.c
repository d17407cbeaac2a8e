/* Producing against fake brokers that fail by script.  After each story the log must
 * hold every message once and in order, and each message must have had one receipt.
 * Every wait is for a condition, with a bound that only a failure reaches. */
#include "core/client/produce_internal.h"
#include "tests/unit/fake_broker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BOUND_US 30000000

struct story {
    struct fake_log log;
    struct fake f;
    struct client *c;
    const struct client_property *properties;
    size_t n_properties;
    struct buf want, got;           /* the values of partition 0 */
    int next;
    /* receipts */
    int ok, failed;
    int16_t error;                  /* of the last that failed */
    char text[600];                 /* of the last */
    struct buf all;                 /* the texts of all, a line each */
    int64_t offset;
    uint64_t seen_ids;
};

static void begin(struct story *s) {
    char bootstrap[64];
    struct error e;
    fake_log_init(&s->log);
    s->f.log = &s->log;
    fake_start(&s->f);
    snprintf(bootstrap, sizeof bootstrap, "127.0.0.1:%u", s->f.port);
    struct client_config config = {.bootstrap = bootstrap, .refresh_us = 50000, .once = true,
                                   .properties = s->properties, .n_properties = s->n_properties};
    assert_int_equal(client_new(&s->c, &config, &e), OK);
    assert_true(produce_is_own(s->c));
}

static void end(struct story *s) {
    client_free(s->c);
    fake_stop(&s->f);
    fake_log_fini(&s->log);
    buf_fini(&s->want);
    buf_fini(&s->got);
    buf_fini(&s->all);
}

static uint64_t put(struct story *s, const char *topic, int32_t partition, const char *value, int acks) {
    struct produce_message m = {.topic = topic, .partition = partition, .value = slice_cstr(value), .acks = acks};
    uint64_t id = client_produce(s->c, &m);
    assert_int_not_equal(id, 0);
    return id;
}

/* n more messages to partition 0, numbered. */
static void put_next(struct story *s, int n, int acks) {
    for (int i = 0; i < n; i++) {
        char value[16];
        snprintf(value, sizeof value, "m%d", s->next++);
        buf_puts(&s->want, value);
        buf_puts(&s->want, " ");
        put(s, "alpha", 0, value, acks);
    }
}

static void take(struct story *s, const struct client_event *ev) {
    assert_int_equal(s->seen_ids >> ev->id & 1, 0); /* one receipt each */
    s->seen_ids |= (uint64_t)1 << ev->id;
    assert_non_null(ev->text);
    buf_printf(&s->all, "%s\n", ev->text);
    snprintf(s->text, sizeof s->text, "%s", ev->text);
    assert_true(ev->took_us >= 0);
    s->offset = ev->offset;
    if (ev->ok) {
        assert_int_equal(ev->error, 0);
        s->ok++;
    } else {
        s->error = ev->error;
        s->failed++;
    }
}

static void receipts(struct story *s, int n) {
    int64_t until = client_now_us() + BOUND_US;
    while (s->ok + s->failed < n) {
        struct client_event *ev = client_next_event(s->c);
        if (ev != NULL && ev->kind == EVENT_RECEIPT)
            take(s, ev);
        client_event_free(ev);
        if (ev != NULL)
            continue;
        if (client_now_us() > until)
            fail_msg("%d of %d receipts; the last: %s", s->ok + s->failed, n, s->text);
        struct pollfd p = {client_fd(s->c), POLLIN, 0};
        poll(&p, 1, 100);
        snapshot_unref(client_poll(s->c));
    }
    assert_int_equal(client_produce_pending(s->c), 0);
    assert_int_equal(atomic_load(&s->c->produce->owed_bytes), 0);
}

static void once_in_order(struct story *s) {
    fake_log_text(&s->log, 0, &s->got);
    buf_put_u8(&s->want, 0);
    assert_string_equal((char *)s->got.p, (char *)s->want.p);
    s->want.n--;
}

/* A message, then several at once, under this script; all arrive. */
static void arrives(int step, size_t times, int acks) {
    struct story s = {0};
    begin(&s);
    fake_log_script(&s.log, step, times);
    put_next(&s, 1, acks);
    receipts(&s, 1);
    put_next(&s, 20, acks);
    receipts(&s, 21);
    assert_int_equal(s.ok, 21);
    once_in_order(&s);
    assert_false(s.log.bare_acks_all);
    end(&s);
}

static void test_plain(void **state) {
    (void)state;
    arrives(0, 1, -1);
    arrives(0, 1, 1);
    arrives(0, 1, 0);
}

static void test_receipt(void **state) {
    (void)state;
    struct story s = {0};
    begin(&s);
    put(&s, "alpha", 2, "x", -1);
    receipts(&s, 1);
    assert_string_equal(s.text, "alpha/2@0 acks=all");
    put(&s, "alpha", 2, "y", 1);
    receipts(&s, 2);
    assert_string_equal(s.text, "alpha/2@1 acks=1");
    assert_int_equal(s.offset, 1);
    put(&s, "alpha", 2, "z", 0);
    receipts(&s, 3);
    assert_string_equal(s.text, "alpha/2 sent, acks=0");
    assert_int_equal(s.offset, -1);
    end(&s);
}

static void test_errors_that_pass(void **state) {
    (void)state;
    static const int codes[] = {2, 3, 5, 6, 7, 19, 20, 56};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        arrives(codes[i], 2, -1);
    arrives(6, 3, 1);
}

/* The answer is lost with the connection, or late: the same batch is sent again, and is there once. */
static void test_lost_answers(void **state) {
    (void)state;
    arrives(STEP_CUT_BEFORE, 2, -1);
    arrives(STEP_CUT_AFTER, 2, -1);
    arrives(STEP_LATE, 2, -1);
    arrives(STEP_CUT_BEFORE, 1, 1);
}

/* The broker forgot the producer, or lost what it had acknowledged: a new epoch, and all of the rest. */
static void test_sequences(void **state) {
    (void)state;
    arrives(STEP_FORGET, 1, -1);
    arrives(45, 2, -1);
    struct story s = {0};
    begin(&s);
    put_next(&s, 1, -1);
    receipts(&s, 1);
    put_next(&s, 1, -1);
    receipts(&s, 2);
    fake_log_script(&s.log, STEP_LOST, 1);
    put_next(&s, 3, -1);
    receipts(&s, 5);
    assert_int_equal(s.ok, 5);
    fake_log_text(&s.log, 0, &s.got);
    assert_string_equal((char *)s.got.p, "m0 m2 m3 m4 "); /* m1 is the broker's loss, the others are there */
    assert_int_equal(s.log.parts[0].epoch, 1);
    end(&s);
}

static void test_fenced(void **state) {
    (void)state;
    struct story s = {0};
    begin(&s);
    fake_log_script(&s.log, 47, 1);
    put_next(&s, 1, -1);
    receipts(&s, 1);
    assert_int_equal(s.failed, 1);
    assert_int_equal(s.error, 47);
    assert_non_null(strstr(s.text, "INVALID_PRODUCER_EPOCH: alpha/0: "));
    buf_clear(&s.want);
    put_next(&s, 5, -1);
    receipts(&s, 6);
    assert_int_equal(s.ok, 5);
    once_in_order(&s);
    assert_int_equal(s.log.ids, 2);
    end(&s);
}

static void test_errors_that_stay(void **state) {
    (void)state;
    static const int codes[] = {17, 29, 87, 32, -1, 12345};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct story s = {0};
        begin(&s);
        if (codes[i] > 0)
            fake_log_script(&s.log, codes[i], 1);
        else
            fake_log_script(&s.log, 10, 1);
        put_next(&s, 1, -1);
        receipts(&s, 1);
        assert_int_equal(s.failed, 1);
        assert_non_null(strstr(s.text, "alpha/0: "));
        buf_clear(&s.want);
        put_next(&s, 3, -1); /* the hole in the sequence is mended */
        receipts(&s, 4);
        assert_int_equal(s.ok, 3);
        once_in_order(&s);
        end(&s);
    }
}

/* How many receipts have this in their text. */
static int told(struct story *s, const char *text) {
    int n = 0;
    buf_put_u8(&s->all, 0);
    for (const char *at = (char *)s->all.p; (at = strstr(at, text)) != NULL; at += strlen(text))
        n++;
    s->all.n--;
    return n;
}

static const struct client_property wait_a_little[] = {{"linger.ms", "200"}};

/* The broker names records of a batch: they fail with its reason, the others are written, once and in order. */
static void test_refused_records(void **state) {
    (void)state;
    for (int acks = -1; acks <= 1; acks += 2) {
        struct story s = {.properties = wait_a_little, .n_properties = 1};
        begin(&s);
        fake_log_script(&s.log, 6, 1); /* an answer that says that nothing was written leaves no doubt */
        put_next(&s, 2, acks);
        put(&s, "alpha", 0, "bad \x1b", acks);
        put_next(&s, 20, acks);
        put(&s, "alpha", 0, "bad mute", acks);
        put_next(&s, 2, acks);
        receipts(&s, 26);
        assert_int_equal(s.ok, 24);
        assert_int_equal(s.error, 87);
        assert_int_equal(told(&s, "INVALID_RECORD: alpha/0: it is bad · the record with \"bad \\x1b\"\n"), 1);
        assert_int_equal(told(&s, "INVALID_RECORD: alpha/0: some are bad · the record with \"bad mute\"\n"), 1);
        once_in_order(&s);
        put_next(&s, 3, acks); /* the sequence goes on */
        put(&s, "alpha", 0, "bad last", acks);
        receipts(&s, 30);
        assert_int_equal(s.ok, 27);
        put(&s, "alpha", 0, "bad alone", acks);
        put_next(&s, 1, acks);
        receipts(&s, 32);
        once_in_order(&s);
        end(&s);
    }
}

/* An earlier attempt was never answered: what is not named may have been written by it, and is not sent again. */
static void test_refused_in_doubt(void **state) {
    (void)state;
    static const int steps[] = {STEP_CUT_BEFORE, 7, 20};
    /* full, and so on its way, with three messages of together six bytes; 40 each and 61 are reckoned for the rest */
    static const struct client_property by_three[] = {{"linger.ms", "20000"}, {"batch.size", "187"}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct story s = {.properties = by_three, .n_properties = 2};
        begin(&s);
        fake_log_script(&s.log, steps[i], 1);
        put(&s, "alpha", 0, "m", -1);
        put(&s, "alpha", 0, "bad1", -1);
        put(&s, "alpha", 0, "n", -1);
        receipts(&s, 3);
        assert_int_equal(s.failed, 3);
        assert_int_equal(told(&s, "it is bad · the record with \"bad1\""), 1);
        assert_int_equal(told(&s, "in a batch with 1 record that the broker refused · sent before without an answer: "
                                  "whether it was written is not known"), 2);
        put_next(&s, 3, -1);
        receipts(&s, 6);
        assert_int_equal(s.ok, 3);
        once_in_order(&s);
        end(&s);
    }
}

/* A batch that is too large is halved until it fits; a message that is too large fails alone. */
static void test_too_large(void **state) {
    (void)state;
    struct story s = {0};
    char large[600];
    begin(&s);
    s.log.max_bytes = 200;
    fake_log_script(&s.log, 6, 1); /* meanwhile the others make one batch */
    put_next(&s, 20, -1);
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    put(&s, "alpha", 0, large, -1);
    put_next(&s, 20, -1);
    receipts(&s, 41);
    assert_int_equal(s.ok, 40);
    assert_int_equal(s.error, 10);
    once_in_order(&s);
    end(&s);
}

/* The leader moves to another broker and back. */
static void test_two_brokers(void **state) {
    (void)state;
    struct story s = {0};
    struct fake second = {.node = 2, .leader = 2, .log = &s.log, .other = &s.f};
    s.f.node = 1;
    fake_start(&second);
    s.f.other = &second;
    begin(&s);
    put_next(&s, 3, -1);
    receipts(&s, 3);
    s.f.leader = 2;
    put_next(&s, 20, -1);
    receipts(&s, 23);
    second.leader = s.f.leader = 1;
    put_next(&s, 20, -1);
    receipts(&s, 43);
    assert_int_equal(s.ok, 43);
    once_in_order(&s);
    end(&s);
    fake_stop(&second);
}

static void test_unknown(void **state) {
    (void)state;
    static const struct client_property quick[] = {{"message.timeout.ms", "300"}};
    struct story s = {.properties = quick, .n_properties = 1};
    begin(&s);
    put(&s, "alpha", 9, "x", -1);
    receipts(&s, 1);
    assert_int_equal(s.error, 3);
    assert_non_null(strstr(s.text, "topic alpha has no partition 9, it has 0 to 2"));
    put(&s, "omega", -1, "x", -1);
    receipts(&s, 2);
    assert_non_null(strstr(s.text, "omega"));
    assert_int_equal(s.failed, 2);
    end(&s);
    struct story t = {.f = {.makes_after = 3}};
    begin(&t);
    put(&t, "gamma", -1, "x", 1);
    receipts(&t, 1);
    assert_int_equal(t.ok, 1);
    assert_true(t.f.auto_create_seen);
    end(&t);
}

/* Nobody answers: the receipt comes at the time-out and says why and for how long. */
static void test_time_out(void **state) {
    (void)state;
    static const struct client_property quick[] = {{"message.timeout.ms", "1200"}};
    struct story s = {.properties = quick, .n_properties = 1};
    begin(&s);
    fake_log_script(&s.log, 19, FAKE_STEPS - 1);
    put_next(&s, 3, -1);
    receipts(&s, 3);
    assert_int_equal(s.failed, 3);
    assert_int_equal(s.error, 7);
    assert_non_null(strstr(s.text, "REQUEST_TIMED_OUT: alpha/0 did not take it for "));
    assert_non_null(strstr(s.text, "NOT_ENOUGH_REPLICAS"));
    end(&s);
    struct story mute = {.properties = quick, .n_properties = 1};
    begin(&mute);
    fake_log_script(&mute.log, STEP_MUTE, 1);
    put_next(&mute, 1, -1);
    receipts(&mute, 1);
    assert_non_null(strstr(mute.text, "sent 1 time: whether it was written is not known"));
    end(&mute);
}

static void test_no_cluster(void **state) {
    (void)state;
    static const struct client_property quick[] = {{"message.timeout.ms", "1000"}};
    struct story s = {.properties = quick, .n_properties = 1};
    begin(&s);
    client_free(s.c);
    char bootstrap[32];
    struct error e;
    snprintf(bootstrap, sizeof bootstrap, "127.0.0.1:%u", fake_free_port());
    struct client_config config = {.bootstrap = bootstrap, .properties = quick, .n_properties = 1};
    assert_int_equal(client_new(&s.c, &config, &e), OK);
    put(&s, "alpha", -1, "x", -1);
    receipts(&s, 1);
    assert_non_null(strstr(s.text, "connection refused"));
    end(&s);
}

/* The advertised name leads nowhere: the receipt says what the brokers' view says. */
static void test_advertised_name(void **state) {
    (void)state;
    static const struct client_property quick[] = {{"message.timeout.ms", "1500"}};
    struct story s = {.properties = quick, .n_properties = 1};
    s.f.advertised_host = "no-such-host.invalid";
    s.f.advertised_port = 1234;
    begin(&s);
    put(&s, "alpha", 0, "x", -1);
    receipts(&s, 1);
    assert_non_null(strstr(s.text, "broker 1 advertises no-such-host.invalid:1234, which does not resolve here"));
    end(&s);
}

/* No name of a host is that long: nobody is asked for a part of it. */
static void test_advertised_nonsense(void **state) {
    (void)state;
    static const struct client_property quick[] = {{"message.timeout.ms", "700"}};
    static char host[ADDR_HOST_SIZE + 1];
    struct story s = {.properties = quick, .n_properties = 1};
    memset(host, 'a', sizeof host - 1);
    s.f.advertised_host = host;
    s.f.advertised_port = 1234;
    begin(&s);
    put(&s, "alpha", 0, "x", -1);
    receipts(&s, 1);
    assert_non_null(strstr(s.text, ": broker 1 advertises no usable address"));
    end(&s);
}

/* acks=0 is sent once: what became of it behind a broken connection is not known, and said. */
static void test_acks_0(void **state) {
    (void)state;
    struct story s = {0};
    begin(&s);
    fake_log_script(&s.log, STEP_CUT_AFTER, 1);
    put_next(&s, 1, 0);
    receipts(&s, 1);
    assert_int_equal(s.failed, 1);
    assert_non_null(strstr(s.text, "whether it was written is not known (acks=0)"));
    put_next(&s, 1, 0);
    receipts(&s, 2);
    once_in_order(&s);
    end(&s);
}

/* A cluster that gives no producer id: it works, and is said. */
static void test_no_ids(void **state) {
    (void)state;
    struct story s = {0};
    begin(&s);
    s.log.no_ids = true;
    put_next(&s, 10, -1);
    receipts(&s, 10);
    assert_int_equal(s.ok, 10);
    once_in_order(&s);
    assert_true(s.log.bare_acks_all);
    end(&s);
    static const struct client_property insist[] = {{"enable.idempotence", "true"}};
    struct story t = {.properties = insist, .n_properties = 1};
    begin(&t);
    t.log.no_ids = true;
    put_next(&t, 1, -1);
    receipts(&t, 1);
    assert_non_null(strstr(t.text, "enable.idempotence=true"));
    put_next(&t, 1, 1);
    receipts(&t, 2);
    assert_int_equal(t.failed, 2);
    end(&t);
}

/* While one request is out the others collect: few requests, and the order stays. */
static void test_batches(void **state) {
    (void)state;
    static const struct client_property linger[] = {{"linger.ms", "200"}, {"client.id", "me"}};
    struct story s = {.properties = linger, .n_properties = 2};
    begin(&s);
    put_next(&s, 60, -1);
    receipts(&s, 60);
    once_in_order(&s);
    assert_true(s.log.batches_max > 1);
    assert_true(s.log.requests < 60);
    end(&s);
}

/* What is not acknowledged when the client ends is given up, without a leak. */
static void test_end_in_the_middle(void **state) {
    (void)state;
    struct story s = {0};
    begin(&s);
    fake_log_script(&s.log, STEP_MUTE, 1);
    put_next(&s, 20, -1);
    put(&s, "omega", -1, "x", 1);
    put(&s, "alpha", 1, "x", 0);
    while (s.log.requests == 0)
        usleep(1000);
    end(&s);
}

static void test_murmur2(void **state) {
    (void)state;
    /* the values of Java's own test */
    assert_int_equal((int32_t)murmur2(SLICE("21")), -973932308);
    assert_int_equal((int32_t)murmur2(SLICE("foobar")), -790332482);
    assert_int_equal((int32_t)murmur2(SLICE("a-little-bit-long-string")), -985981536);
    assert_int_equal((int32_t)murmur2(SLICE("a-little-bit-longer-string")), -1486304829);
    assert_int_equal((int32_t)murmur2(SLICE("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")), -58897971);
}

static enum err settings(struct produce_settings *s, const char *name, const char *value) {
    struct error e;
    struct client_property p = {name, value};
    return produce_settings_init(s, &p, 1, &e);
}

static void test_settings(void **state) {
    (void)state;
    struct produce_settings s;
    assert_int_equal(settings(&s, "linger.ms", "0.5"), OK);
    assert_int_equal(s.linger_us, 500);
    assert_int_equal(settings(&s, "delivery.timeout.ms", "7000"), OK);
    assert_int_equal(s.timeout_us, 7000000);
    assert_int_equal(settings(&s, "batch.size", "lots"), ERR_INVALID);
    assert_int_equal(settings(&s, "enable.idempotence", "perhaps"), ERR_INVALID);
    assert_int_equal(settings(&s, "partitioner", "fair"), ERR_INVALID);
    assert_int_equal(settings(&s, "partitioner", "random"), OK);
    assert_false(s.foreign);
    assert_int_equal(settings(&s, "partitioner", "fnv1a"), OK);
    assert_true(s.foreign);
    assert_int_equal(settings(&s, "sasl.mechanism", "PLAIN"), OK);
    assert_false(s.foreign);
    assert_int_equal(s.acks, -1);
    assert_int_equal(s.codec, CODEC_NONE);
    assert_int_equal(settings(&s, "request.required.acks", "-1"), OK);
    assert_int_equal(s.acks, -1);
    assert_int_equal(settings(&s, "acks", "0"), OK);
    assert_int_equal(s.acks, 0);
    assert_int_equal(settings(&s, "acks", "2"), ERR_INVALID);
    assert_int_equal(settings(&s, "acks", ""), ERR_INVALID);
    assert_int_equal(settings(&s, "compression.type", "lzma"), ERR_INVALID);
    assert_int_equal(settings(&s, "compression.codec", "lz4"), OK);
    assert_int_equal(s.codec, CODEC_LZ4);
    assert_false(s.foreign);
    assert_int_equal(settings(&s, "sasl.usrname", "x"), OK);
    assert_true(s.foreign);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_receipt),
        cmocka_unit_test(test_errors_that_pass),
        cmocka_unit_test(test_lost_answers),
        cmocka_unit_test(test_sequences),
        cmocka_unit_test(test_fenced),
        cmocka_unit_test(test_errors_that_stay),
        cmocka_unit_test(test_refused_records),
        cmocka_unit_test(test_refused_in_doubt),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_two_brokers),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_time_out),
        cmocka_unit_test(test_no_cluster),
        cmocka_unit_test(test_advertised_name),
        cmocka_unit_test(test_advertised_nonsense),
        cmocka_unit_test(test_acks_0),
        cmocka_unit_test(test_no_ids),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_end_in_the_middle),
        cmocka_unit_test(test_murmur2),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
