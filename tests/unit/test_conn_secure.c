/* A connection of the console through TLS and SASL, against a server in a thread of
 * this process: the login and its renewal, and what ends it. */
#include "core/client/client.h"
#include "core/client/conn_secure.h"
#include "core/client/security.h"
#include "core/proto/errors.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
/* after those four */
#include <cmocka.h>

#define LIMIT_US (30 * 1000000LL)

/* ---- the server ---- */

enum ending { STAYS, CLOSES_AT_LOGIN, HUGE_BEFORE_LOGIN };
struct server {
    uint16_t port;
    SSL_CTX *ctx;        /* NULL: in the clear */
    int64_t lifetime_ms; /* of a login */
    enum ending ending;
    size_t padding;                /* bytes in an answer to Metadata */
    _Atomic int logins, intruders; /* intruders: other requests in the middle of a login */
    /* private */
    int listening;
    pthread_t thread;
    bool in_login;
};
struct peer {
    int fd;
    SSL *ssl;
};

static bool take(const struct peer *p, void *to, size_t n) {
    for (size_t got = 0; got < n;) {
        int k = p->ssl != NULL ? SSL_read(p->ssl, (uint8_t *)to + got, (int)(n - got))
                               : (int)recv(p->fd, (uint8_t *)to + got, n - got, 0);
        if (k <= 0)
            return false;
        got += (size_t)k;
    }
    return true;
}

static bool give(const struct peer *p, const void *from, size_t n) {
    for (size_t at = 0; at < n;) {
        int k = p->ssl != NULL ? SSL_write(p->ssl, (const uint8_t *)from + at, (int)(n - at))
                               : (int)send(p->fd, (const uint8_t *)from + at, n - at, MSG_NOSIGNAL);
        if (k <= 0)
            return false;
        at += (size_t)k;
    }
    return true;
}

static void answer_versions(struct proto_out *out, int version) {
    struct api_versions_resp_version keys[] = {{.api_key = API_METADATA, .max_version = 9},
                                               {.api_key = API_SASL_HANDSHAKE, .max_version = 1},
                                               {.api_key = API_API_VERSIONS, .max_version = 3},
                                               {.api_key = API_SASL_AUTHENTICATE, .max_version = 2}};
    struct api_versions_resp r;
    proto_init(PROTO_STRUCT(api_versions_resp), &r);
    r.api_keys.n = 4;
    r.api_keys.v = keys;
    proto_encode(PROTO_MESSAGE(api_versions_resp), version, &r, out);
}

static void answer_authenticate(struct server *s, struct proto_out *out, int version, struct slice body) {
    struct sasl_authenticate_req q;
    struct sasl_authenticate_resp r;
    struct arena arena;
    size_t used;
    arena_init(&arena, 65536);
    proto_init(PROTO_STRUCT(sasl_authenticate_resp), &r);
    if (proto_decode(PROTO_MESSAGE(sasl_authenticate_req), version, body, &arena, &q, &used) != OK ||
        !slice_eq(q.auth_bytes, SLICE("\0alice\0secret"))) {
        r.error_code = KAFKA_SASL_AUTHENTICATION_FAILED;
        r.error_message = SLICE("go \x1b[5m away");
    } else {
        r.session_lifetime_ms = s->lifetime_ms;
        atomic_fetch_add(&s->logins, 1);
    }
    s->in_login = false;
    proto_encode(PROTO_MESSAGE(sasl_authenticate_resp), version, &r, out);
    arena_fini(&arena);
}

/* One request; false: the connection is to be closed. */
static bool serve_one(struct server *s, const struct peer *p) {
    uint8_t size[4], *frame;
    struct proto_request_header h;
    size_t used;
    if (!take(p, size, 4))
        return false;
    size_t n = be32_get(size);
    weir_assert(n < 65536);
    frame = mem_alloc(n);
    struct proto_out body = {0};
    struct buf out = {0};
    bool go_on = take(p, frame, n) && proto_decode_request_header(slice_of(frame, n), &h, &used) == OK;
    if (go_on && s->in_login && h.key != API_SASL_AUTHENTICATE)
        atomic_fetch_add(&s->intruders, 1);
    if (go_on && h.key == API_API_VERSIONS) {
        answer_versions(&body, h.version);
    } else if (go_on && h.key == API_SASL_HANDSHAKE) {
        struct sasl_handshake_resp r;
        proto_init(PROTO_STRUCT(sasl_handshake_resp), &r);
        proto_encode(PROTO_MESSAGE(sasl_handshake_resp), h.version, &r, &body);
        s->in_login = true;
        go_on = s->ending != CLOSES_AT_LOGIN;
    } else if (go_on && h.key == API_SASL_AUTHENTICATE) {
        answer_authenticate(s, &body, h.version, slice_of(frame + used, n - used));
    } else if (go_on) {
        struct metadata_resp r;
        uint8_t *padding = mem_zalloc(s->padding + 1);
        proto_init(PROTO_STRUCT(metadata_resp), &r);
        r.cluster_id = slice_of(padding, s->padding);
        proto_encode(PROTO_MESSAGE(metadata_resp), h.version, &r, &body);
        free(padding);
    }
    buf_put_be32(&out, 0);
    if (go_on)
        proto_encode_response_header(h.key, h.version, h.correlation_id, &out);
    proto_flatten(&body, &out);
    be32_set(out.p, s->ending == HUGE_BEFORE_LOGIN ? 50 * 1024 * 1024 : (uint32_t)(out.n - 4));
    go_on = go_on && give(p, out.p, out.n);
    proto_out_fini(&body);
    buf_fini(&out);
    free(frame);
    return go_on;
}

static void *server_main(void *arg) {
    struct server *s = arg;
    struct peer p = {.fd = accept(s->listening, NULL, NULL)};
    if (p.fd < 0)
        return NULL;
    if (s->ctx != NULL) {
        p.ssl = SSL_new(s->ctx);
        SSL_set_fd(p.ssl, p.fd);
    }
    if (p.ssl == NULL || SSL_accept(p.ssl) == 1)
        while (serve_one(s, &p))
            ;
    SSL_free(p.ssl);
    close(p.fd);
    return NULL;
}

static void server_start(struct server *s, bool tls) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    s->listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listening, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(s->listening, 4), 0);
    assert_int_equal(getsockname(s->listening, (struct sockaddr *)&a, &n), 0);
    s->port = ntohs(a.sin_port);
    if (tls) {
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *x = X509_new();
        X509_gmtime_adj(X509_getm_notBefore(x), -60);
        X509_gmtime_adj(X509_getm_notAfter(x), 3600);
        X509_set_pubkey(x, key);
        X509_sign(x, key, EVP_sha256());
        s->ctx = SSL_CTX_new(TLS_server_method());
        assert_int_equal(SSL_CTX_use_certificate(s->ctx, x), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(s->ctx, key), 1);
        X509_free(x);
        EVP_PKEY_free(key);
    }
    assert_int_equal(pthread_create(&s->thread, NULL, server_main, s), 0);
}

static void server_stop(struct server *s) {
    shutdown(s->listening, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->listening);
    SSL_CTX_free(s->ctx);
}

/* ---- the client ---- */

struct client_end {
    uv_loop_t loop;
    struct wire wire;
    struct security security;
    struct conn *conn;
    int ups, downs, answers, failures;
    size_t bytes;
    int64_t last_id; /* answers come in the order of the questions */
};

static void on_up(void *ctx, struct conn *c) {
    (void)c;
    ((struct client_end *)ctx)->ups++;
}

static void on_down(void *ctx, struct conn *c) {
    (void)c;
    ((struct client_end *)ctx)->downs++;
}

static struct client_end *end_of_answers;
static void on_answer(void *ctx, const struct conn_answer *a) {
    struct client_end *x = end_of_answers;
    int64_t id = (int64_t)(intptr_t)ctx;
    assert_true(id == x->last_id + 1);
    x->last_id = id;
    x->bytes += a->body.n;
    if (a->err == OK)
        x->answers++;
    else
        x->failures++;
}

static void client_start(struct client_end *x, const struct server *s, const char *password) {
    const struct client_property p[] = {{"security.protocol", s->ctx != NULL ? "sasl_ssl" : "SASL_PLAINTEXT"},
                                        {"sasl.mechanism", "PLAIN"},
                                        {"sasl.username", "alice"},
                                        {"sasl.password", password},
                                        {"enable.ssl.certificate.verification", "false"}};
    struct error e;
    *x = (struct client_end){0};
    end_of_answers = x;
    assert_int_equal(security_init(&x->security, p, sizeof p / sizeof *p, &e), OK);
    uv_loop_init(&x->loop);
    wire_init(&x->wire, &x->loop);
    x->wire.security = &x->security;
    x->wire.up = on_up;
    x->wire.down = on_down;
    x->wire.ctx = x;
    x->conn = conn_new(&x->wire, "127.0.0.1", s->port, NULL);
    conn_open(x->conn);
}

static void client_stop(struct client_end *x) {
    conn_free(x->conn);
    wire_fini(&x->wire);
    uv_run(&x->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&x->loop), 0);
    security_fini(&x->security);
}

#define UNTIL(x, condition)                                                                                            \
    for (int64_t until_ = wire_now_us() + LIMIT_US; !(condition);) {                                                   \
        assert_true(wire_now_us() < until_);                                                                           \
        uv_run(&(x)->loop, UV_RUN_ONCE);                                                                               \
    }

static void ask(struct client_end *x, int from, int n) {
    struct metadata_req q;
    proto_init(PROTO_STRUCT(metadata_req), &q);
    for (int i = from; i < from + n; i++)
        conn_send(x->conn, PROTO_MESSAGE(metadata_req), 9, &q, on_answer, (void *)(intptr_t)i);
}

/* ---- tests ---- */

static void both(bool tls) {
    struct server s = {.padding = 300000};
    struct client_end x;
    server_start(&s, tls);
    client_start(&x, &s, "secret");
    UNTIL(&x, x.ups == 1);
    ask(&x, 1, 20);
    UNTIL(&x, x.answers == 20);
    assert_true(x.bytes > 20 * s.padding);
    assert_int_equal(s.logins, 1);
    assert_int_equal(x.downs, 0);
    client_stop(&x);
    server_stop(&s);
}

static void test_in_the_clear(void **state) {
    (void)state;
    both(false);
}

static void test_tls(void **state) {
    (void)state;
    both(true);
}

/* The login lasts a second: it is renewed on the connection, which stays up, and what is asked in the
 * middle of that is held back and answered in its order. */
static void test_renewal(void **state) {
    (void)state;
    for (int tls = 0; tls < 2; tls++) {
        struct server s = {.padding = 10, .lifetime_ms = 1000};
        struct client_end x;
        server_start(&s, tls != 0);
        client_start(&x, &s, "secret");
        UNTIL(&x, x.ups == 1);
        ask(&x, 1, 3);
        UNTIL(&x, x.answers == 3);
        UNTIL(&x, x.conn->sasl != NULL);
        assert_true(conn_is_up(x.conn));
        ask(&x, 4, 3);
        assert_non_null(x.conn->held_first);
        UNTIL(&x, x.answers == 6);
        assert_null(x.conn->sasl);
        UNTIL(&x, x.conn->sasl != NULL);
        ask(&x, 7, 2);
        conn_free(x.conn); /* what is held ends as all else does */
        assert_int_equal(x.answers, 6);
        assert_int_equal(x.failures, 2);
        assert_int_equal(s.intruders, 0);
        assert_true(s.logins >= 2);
        assert_int_equal(x.ups, 1);
        assert_int_equal(x.downs, 0);
        client_stop(&x);
        server_stop(&s);
    }
}

static void ends(struct server *s, const char *password, enum err err, const char *part) {
    struct client_end x;
    server_start(s, true);
    client_start(&x, s, password);
    UNTIL(&x, x.downs == 1);
    assert_int_equal(x.ups, 0);
    assert_int_equal(x.conn->err, err);
    if (strstr(x.conn->why, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, x.conn->why);
    assert_null(strchr(x.conn->why, '\x1b'));
    assert_null(x.conn->sasl);
    assert_null(x.conn->tls);
    if (err == ERR_AUTH) /* not tried again soon: some brokers lock the user out */
        assert_true(x.conn->retry_at_us - wire_now_us() > 20 * 1000000LL);
    client_stop(&x);
    server_stop(s);
}

static void test_endings(void **state) {
    (void)state;
    struct server wrong = {0}, closes = {.ending = CLOSES_AT_LOGIN}, huge = {.ending = HUGE_BEFORE_LOGIN};
    ends(&wrong, "wrong", ERR_AUTH, "refused to log in alice by PLAIN: go \\x1b[5m away");
    ends(&closes, "secret", ERR_NET, "in the middle of the login");
    ends(&huge, "secret", ERR_CORRUPT, "announced 52428800 bytes");
}

static void test_properties(void **state) {
    (void)state;
    const struct {
        struct client_property p[4];
        enum err err, refused;
        const char *part;
    } rows[] = {
        {{{"security.protocol", "ssl"}}, OK, OK, ""},
        {{{"security.protocol", "sasl_ssl"}}, OK, ERR_UNSUPPORTED, "not by GSSAPI"},
        {{{"security.protocol", "sasl_ssl"}, {"sasl.mechanisms", "OAUTHBEARER"}}, OK, ERR_UNSUPPORTED, "OAUTHBEARER"},
        {{{"security.protocol", "sasl_ssl"}, {"sasl.mechanisms", "PLAIN"}}, ERR_INVALID, OK, "sasl.username"},
        {{{"security.protocol", "sasl_ssl"}, {"sasl.mechanism", "PLAIN"}, {"sasl.username", "u"}},
         ERR_INVALID,
         OK,
         "sasl.password"},
        {{{"security.protocol", "ssl"}, {"ssl.crl.location", "x"}}, OK, ERR_UNSUPPORTED, "ssl.crl.location"},
        {{{"ssl.crl.location", "x"}}, OK, OK, ""},
        {{{"security.protocol", "\x1b[m"}}, ERR_INVALID, OK, "\\x1b[m is none of plaintext"},
        {{{"ssl.endpoint.identification.algorithm", "maybe"}}, ERR_INVALID, OK, "https, none"},
        {{{"enable.ssl.certificate.verification", "perhaps"}}, ERR_INVALID, OK, "true, false"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct security s;
        struct error e = {0};
        size_t n = 0;
        while (n < 4 && rows[i].p[n].name != NULL)
            n++;
        assert_int_equal(security_init(&s, rows[i].p, n, &e), rows[i].err);
        if (rows[i].err == OK)
            assert_int_equal(s.refused.code, rows[i].refused);
        assert_non_null(strstr(rows[i].err != OK ? e.text : s.refused.text, rows[i].part));
        security_fini(&s);
    }
    /* the last of two wins, as librdkafka has it */
    const struct client_property twice[] = {{"security.protocol", "ssl"},
                                            {"ssl.endpoint.identification.algorithm", "none"},
                                            {"security.protocol", "plaintext"},
                                            {"ssl.endpoint.identification.algorithm", "https"}};
    struct security s;
    struct error e;
    assert_int_equal(security_init(&s, twice, 4, &e), OK);
    assert_false(s.tls);
    assert_false(s.tls_settings.any_name);
    security_fini(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_the_clear), cmocka_unit_test(test_tls),        cmocka_unit_test(test_renewal),
        cmocka_unit_test(test_endings),      cmocka_unit_test(test_properties),
    };
    signal(SIGPIPE, SIG_IGN); /* the server writes to clients that left */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
