/* The login as a broker sees it: requests in their order, and what becomes of every
 * kind of answer.  Answers are made by the codec, so a version's bytes are real. */
#include "core/io/sasl.h"
#include "core/proto/errors.h"
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
/* after those four */
#include <cmocka.h>

#define PEER "broker:9092"

static struct proto_out answer;

static struct slice encoded(const struct proto_message *m, int version, const void *body) {
    proto_out_clear(&answer);
    proto_encode(m, version, body, &answer);
    return buf_slice(&answer.head);
}

static enum err take_handshake(struct sasl *s, int16_t error, struct slice *offered, int32_t n, struct error *e) {
    struct sasl_handshake_resp r;
    proto_init(PROTO_STRUCT(sasl_handshake_resp), &r);
    r.error_code = error;
    r.mechanisms.n = n;
    r.mechanisms.v = offered;
    return sasl_take(s, 1, encoded(PROTO_MESSAGE(sasl_handshake_resp), 1, &r), e);
}

static enum err take_authenticate(struct sasl *s, int16_t version, int16_t error, struct slice message,
                                  struct slice token, int64_t lifetime_ms, struct error *e) {
    struct sasl_authenticate_resp r;
    proto_init(PROTO_STRUCT(sasl_authenticate_resp), &r);
    r.error_code = error;
    r.error_message = message;
    r.auth_bytes = token;
    r.session_lifetime_ms = lifetime_ms;
    return sasl_take(s, version, encoded(PROTO_MESSAGE(sasl_authenticate_resp), version, &r), e);
}

static struct sasl_login login_of(enum sasl_mechanism m) {
    return (struct sasl_login){m, (char *)(uintptr_t) "alice", (char *)(uintptr_t) "secret"};
}

static void begin(struct sasl *s, const struct sasl_login *login) {
    struct error e;
    struct sasl_request rq;
    assert_int_equal(sasl_init(s, login, PEER, &e), OK);
    sasl_next(s, &rq);
    assert_ptr_equal(rq.message, PROTO_MESSAGE(sasl_handshake_req));
    assert_int_equal(rq.max_version, 1);
    assert_true(slice_is(rq.body.handshake.mechanism, sasl_mechanism_name(login->mechanism)));
}

static void test_plain(void **state) {
    (void)state;
    for (int16_t version = 0; version <= 2; version++) {
        struct sasl_login login = login_of(SASL_PLAIN);
        struct sasl s;
        struct sasl_request rq;
        struct error e;
        begin(&s, &login);
        assert_int_equal(take_handshake(&s, 0, NULL, 0, &e), ERR_AGAIN);
        sasl_next(&s, &rq);
        assert_ptr_equal(rq.message, PROTO_MESSAGE(sasl_authenticate_req));
        assert_int_equal(rq.max_version, 2);
        assert_true(slice_eq(rq.body.authenticate.auth_bytes, SLICE("\0alice\0secret")));
        assert_int_equal(take_authenticate(&s, version, 0, SLICE_NULL, SLICE(""), 3600000, &e), OK);
        assert_int_equal(s.state, SASL_DONE);
        assert_int_equal(s.lifetime_ms, version == 0 ? 0 : 3600000);
        sasl_fini(&s);
    }
}

static void test_scram_order(void **state) {
    (void)state;
    struct sasl_login login = login_of(SASL_SCRAM_SHA_512);
    struct sasl s;
    struct sasl_request rq;
    struct error e;
    struct buf challenge = {0};
    begin(&s, &login);
    assert_int_equal(take_handshake(&s, 0, NULL, 0, &e), ERR_AGAIN);
    sasl_next(&s, &rq);
    struct slice first = rq.body.authenticate.auth_bytes;
    assert_true(first.n > 12);
    assert_memory_equal(first.p, "n,,n=alice,r=", 13);
    buf_printf(&challenge, "r=%sserver,s=c2FsdA==,i=4096", s.scram.nonce);
    assert_int_equal(take_authenticate(&s, 2, 0, SLICE_NULL, buf_slice(&challenge), 0, &e), ERR_AGAIN);
    sasl_next(&s, &rq);
    assert_memory_equal(rq.body.authenticate.auth_bytes.p, "c=biws,r=", 9);
    /* A broker that says "welcome" without having proved that it knows the password is not believed. */
    assert_int_equal(take_authenticate(&s, 2, 0, SLICE_NULL, SLICE(""), 0, &e), ERR_CORRUPT);
    assert_int_equal(s.state, SASL_FAILED);
    assert_memory_equal(e.text, PEER " ", strlen(PEER) + 1);
    buf_fini(&challenge);
    sasl_fini(&s);
}

/* The same straight after the handshake: SCRAM's first answer must be a challenge. */
static void test_scram_skipped(void **state) {
    (void)state;
    struct sasl_login login = login_of(SASL_SCRAM_SHA_256);
    struct sasl s;
    struct error e;
    begin(&s, &login);
    assert_int_equal(take_handshake(&s, 0, NULL, 0, &e), ERR_AGAIN);
    assert_int_equal(take_authenticate(&s, 2, 0, SLICE_NULL, SLICE(""), 0, &e), ERR_CORRUPT);
    sasl_fini(&s);
}

static void refused(int16_t error, struct slice *offered, int32_t n, const char *part) {
    struct sasl_login login = login_of(SASL_PLAIN);
    struct sasl s;
    struct error e;
    begin(&s, &login);
    assert_int_equal(take_handshake(&s, error, offered, n, &e), ERR_AUTH);
    assert_int_equal(s.state, SASL_FAILED);
    assert_non_null(strstr(e.text, PEER));
    assert_non_null(strstr(e.text, part));
    assert_null(strchr(e.text, '\x1b'));
    sasl_fini(&s);
}

static void test_handshake_refused(void **state) {
    (void)state;
    struct slice offered[] = {SLICE("SCRAM-SHA-256"), SLICE("GSSAPI"), SLICE("\x1b]0;x\x07")};
    struct slice many[1000];
    for (size_t i = 0; i < 1000; i++)
        many[i] = SLICE("MECHANISM");
    refused(KAFKA_UNSUPPORTED_SASL_MECHANISM, offered, 3, "does not take PLAIN; it takes SCRAM-SHA-256, GSSAPI");
    refused(KAFKA_UNSUPPORTED_SASL_MECHANISM, NULL, 0, "no mechanism at all");
    refused(KAFKA_UNSUPPORTED_SASL_MECHANISM, many, 1000, "MECHANISM, ");
    refused(KAFKA_ILLEGAL_SASL_STATE, NULL, 0, "takes no login on this port");
    refused(-1, NULL, 0, "refused to begin a login");
}

static void test_login_refused(void **state) {
    (void)state;
    struct sasl_login login = login_of(SASL_PLAIN);
    struct sasl s;
    struct error e;
    begin(&s, &login);
    assert_int_equal(take_handshake(&s, 0, NULL, 0, &e), ERR_AGAIN);
    assert_int_equal(
        take_authenticate(&s, 1, KAFKA_SASL_AUTHENTICATION_FAILED, SLICE("no \x1b[31m way"), SLICE(""), 0, &e),
        ERR_AUTH);
    assert_non_null(strstr(e.text, "refused to log in alice by PLAIN: no \\x1b[31m way"));
    assert_null(strstr(e.text, "secret"));
    sasl_fini(&s);
}

/* Bodies cut and damaged anywhere: no crash, and damage never logs in by SCRAM. */
static void test_damage(void **state) {
    (void)state;
    struct random r = {11};
    struct sasl_login login = login_of(SASL_SCRAM_SHA_256);
    struct error e;
    for (int round = 0; round < 20000; round++) {
        struct sasl s;
        uint8_t body[64];
        begin(&s, &login);
        assert_int_equal(take_handshake(&s, 0, NULL, 0, &e), ERR_AGAIN);
        size_t n = random_below(&r, sizeof body);
        for (size_t i = 0; i < n; i++)
            body[i] = i < 2 ? 0 : (uint8_t)random_next(&r);
        assert_int_not_equal(sasl_take(&s, (int16_t)random_below(&r, 3), slice_of(body, n), &e), OK);
        sasl_fini(&s);
    }
}

static void test_names(void **state) {
    (void)state;
    assert_int_equal(sasl_mechanism_find("scram-sha-512"), SASL_SCRAM_SHA_512);
    assert_int_equal(sasl_mechanism_find("PLAIN"), SASL_PLAIN);
    assert_int_equal(sasl_mechanism_find("GSSAPI"), SASL_NONE);
    assert_int_equal(sasl_mechanism_find(""), SASL_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),         cmocka_unit_test(test_scram_order),
        cmocka_unit_test(test_scram_skipped), cmocka_unit_test(test_handshake_refused),
        cmocka_unit_test(test_login_refused), cmocka_unit_test(test_damage),
        cmocka_unit_test(test_names),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    proto_out_fini(&answer);
    return failed;
}
