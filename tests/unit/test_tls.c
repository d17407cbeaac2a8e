/* TLS against a server in the same process, over memory alone, with certificates
 * made here: the good, the wrong name, the untrusted, the expired, the cut. */
#include "core/io/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* after those four */
#include <cmocka.h>

#define PEER "broker.example:9093"
#define DAY (24 * 60 * 60)

/* ---- certificates ---- */

struct identity {
    X509 *x;
    EVP_PKEY *key;
};
static struct identity authority, good, expired, future, stranger, bad_name;
enum { PATH_SIZE = 512 };
static char dir[PATH_SIZE - 32], ca_file[PATH_SIZE], other_ca_file[PATH_SIZE], certificate_file[PATH_SIZE];
static char key_file[PATH_SIZE], locked_key_file[PATH_SIZE], garbage_file[PATH_SIZE];

static void extend(X509 *x, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(ext);
    X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
}

/* by NULL: signs itself, as an authority. */
static struct identity make(const char *name, const char *hosts, long from, long to, const struct identity *by) {
    static long serial;
    struct identity id = {X509_new(), EVP_EC_gen("P-256")};
    X509_NAME *subject = X509_get_subject_name(id.x);
    const struct identity *issuer = by != NULL ? by : &id;
    X509_set_version(id.x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id.x), ++serial);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(id.x, X509_get_subject_name(issuer->x));
    X509_gmtime_adj(X509_getm_notBefore(id.x), from);
    X509_gmtime_adj(X509_getm_notAfter(id.x), to);
    X509_set_pubkey(id.x, id.key);
    extend(id.x, issuer->x, NID_basic_constraints, by == NULL ? "critical,CA:TRUE" : "CA:FALSE");
    if (hosts != NULL)
        extend(id.x, issuer->x, NID_subject_alt_name, hosts);
    assert_true(X509_sign(id.x, issuer->key, EVP_sha256()) > 0);
    return id;
}

static void identity_free(struct identity *id) {
    X509_free(id->x);
    EVP_PKEY_free(id->key);
}

static FILE *open_new(char path[PATH_SIZE], const char *name) {
    snprintf(path, PATH_SIZE, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    return f;
}

static int make_all(void **state) {
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/weir-test-tls-XXXXXX", tmp != NULL ? tmp : P_tmpdir);
    assert_non_null(mkdtemp(dir));
    authority = make("our authority", NULL, -DAY, DAY, NULL);
    struct identity other = make("their authority", NULL, -DAY, DAY, NULL);
    good = make("broker", "DNS:broker.example,DNS:*.wild.example,IP:127.0.0.1,IP:::1", -DAY, DAY, &authority);
    expired = make("broker", "DNS:broker.example", -2 * DAY, -DAY, &authority);
    future = make("broker", "DNS:broker.example", DAY, 2 * DAY, &authority);
    stranger = make("broker", "DNS:broker.example", -DAY, DAY, &other);
    bad_name = make("broker", "DNS:\x1b[31mred.example,DNS:b,DNS:c,DNS:d,DNS:e,DNS:f", -DAY, DAY, &authority);
    FILE *f = open_new(ca_file, "ca.pem");
    PEM_write_X509(f, authority.x);
    fclose(f);
    f = open_new(other_ca_file, "other.pem");
    PEM_write_X509(f, other.x);
    fclose(f);
    f = open_new(certificate_file, "client.pem");
    PEM_write_X509(f, good.x);
    fclose(f);
    f = open_new(key_file, "client.key");
    PEM_write_PrivateKey(f, good.key, NULL, NULL, 0, NULL, NULL);
    fclose(f);
    f = open_new(locked_key_file, "locked.key");
    PEM_write_PKCS8PrivateKey(f, good.key, EVP_aes_256_cbc(), "sesame", 6, NULL, NULL);
    fclose(f);
    f = open_new(garbage_file, "garbage");
    fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", f);
    fclose(f);
    identity_free(&other);
    return 0;
}

static int remove_all(void **state) {
    (void)state;
    const char *const files[] = {ca_file, other_ca_file, certificate_file, key_file, locked_key_file, garbage_file};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(files[i]);
    rmdir(dir);
    struct identity *const all[] = {&authority, &good, &expired, &future, &stranger, &bad_name};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        identity_free(all[i]);
    return 0;
}

/* ---- the two ends ---- */

struct ends {
    struct tls_context *context;
    struct tls *client;
    SSL_CTX *server_ctx;
    SSL *server;
    BIO *in, *out;          /* of the server */
    struct buf wire;        /* from the client */
    size_t sent, cut_after; /* bytes from the server; SIZE_MAX: never cut */
    size_t piece;           /* so many bytes at a time */
};

static struct tls_settings settings(void) { return (struct tls_settings){.ca_location = ca_file}; }

static void ends_init(struct ends *x, const struct identity *id, const struct tls_settings *s, const char *host) {
    struct error e;
    *x = (struct ends){.cut_after = SIZE_MAX, .piece = SIZE_MAX};
    if (tls_context_new(&x->context, s, &e) != OK)
        fail_msg("%s", e.text);
    assert_int_equal(tls_new(&x->client, x->context, host, PEER, &e), OK);
    x->server_ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(x->server_ctx, id->x);
    SSL_CTX_use_PrivateKey(x->server_ctx, id->key);
    X509_STORE_add_cert(SSL_CTX_get_cert_store(x->server_ctx), authority.x);
    x->server = SSL_new(x->server_ctx);
    x->in = BIO_new(BIO_s_mem());
    x->out = BIO_new(BIO_s_mem());
    SSL_set_bio(x->server, x->in, x->out);
    SSL_set_accept_state(x->server);
}

static void ends_fini(struct ends *x) {
    tls_free(x->client);
    tls_context_free(x->context);
    SSL_free(x->server);
    SSL_CTX_free(x->server_ctx);
    buf_fini(&x->wire);
}

/* One exchange in both directions; true when a byte moved. */
static bool carry(struct ends *x) {
    uint8_t bytes[4096];
    bool moved = false;
    tls_take(x->client, &x->wire);
    size_t n = x->wire.n < x->piece ? x->wire.n : x->piece;
    if (n > 0) {
        BIO_write(x->in, x->wire.p, (int)n);
        buf_consume(&x->wire, n);
        moved = true;
    }
    size_t room = sizeof bytes < x->piece ? sizeof bytes : x->piece;
    if (room > x->cut_after - x->sent)
        room = x->cut_after - x->sent;
    int got = room > 0 ? BIO_read(x->out, bytes, (int)room) : 0;
    if (got > 0) {
        tls_feed(x->client, bytes, (size_t)got);
        x->sent += (size_t)got;
        moved = true;
    }
    return moved;
}

/* Until the client is open or has failed, or nothing moves any more (ERR_AGAIN). */
static enum err shake(struct ends *x, struct error *e) {
    for (bool moved = true;;) {
        enum err err = tls_handshake(x->client, e);
        if (err != ERR_AGAIN || !moved)
            return err;
        moved = carry(x);
        SSL_do_handshake(x->server);
        ERR_clear_error();
        moved = carry(x) || moved;
    }
}

static enum err try_host(const struct identity *id, const struct tls_settings *s, const char *host, struct error *e) {
    struct ends x;
    ends_init(&x, id, s, host);
    enum err err = shake(&x, e);
    assert_int_equal(tls_state(x.client), err == OK ? TLS_OPEN : TLS_FAILED);
    ends_fini(&x);
    return err;
}

static void has(const struct error *e, const char *part) {
    if (strstr(e->text, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, e->text);
    assert_null(strchr(e->text, '\x1b'));
    assert_null(strchr(e->text, '\n'));
    assert_null(strstr(e->text, "error:"));
}

/* ---- tests ---- */

static void test_good(void **state) {
    (void)state;
    struct tls_settings s = settings();
    struct error e;
    static const char *const hosts[] = {
        "broker.example", "BROKER.example", "broker.example.", "a.wild.example", "127.0.0.1", "::1", "::1%lo"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        if (try_host(&good, &s, hosts[i], &e) != OK)
            fail_msg("%s: %s", hosts[i], e.text);
}

static void test_wrong_name(void **state) {
    (void)state;
    struct tls_settings s = settings();
    struct error e;
    static const char *const hosts[] = {
        "other.example", "broker.example.evil", "a.b.wild.example", "wild.example", "127.0.0.2", "::2", "broker"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        if (try_host(&good, &s, hosts[i], &e) != ERR_AUTH)
            fail_msg("%s was let through", hosts[i]);
        has(&e, PEER " shows a certificate for broker.example, *.wild.example, 127.0.0.1");
        has(&e, hosts[i]);
        has(&e, "ssl.endpoint.identification.algorithm=none");
    }
    assert_int_equal(try_host(&bad_name, &s, "broker.example", &e), ERR_AUTH);
    has(&e, "\\x1b[31mred.example");
    has(&e, " and 2 more");
    s.any_name = true;
    assert_int_equal(try_host(&good, &s, "other.example", &e), OK);
    assert_int_equal(try_host(&stranger, &s, "broker.example", &e), ERR_AUTH);
}

static void test_untrusted(void **state) {
    (void)state;
    struct tls_settings s = settings();
    struct error e;
    assert_int_equal(try_host(&stranger, &s, "broker.example", &e), ERR_AUTH);
    has(&e, "an authority that is not trusted here (their authority)");
    has(&e, "ssl.ca.location");
    s.ca_location = other_ca_file;
    assert_int_equal(try_host(&stranger, &s, "broker.example", &e), OK);
    assert_int_equal(try_host(&good, &s, "broker.example", &e), ERR_AUTH);
    s.ca_location = NULL; /* the system's do not know our authority */
    assert_int_equal(try_host(&good, &s, "broker.example", &e), ERR_AUTH);
    s.any_certificate = true;
    assert_int_equal(try_host(&stranger, &s, "elsewhere", &e), OK);
}

static void test_expired(void **state) {
    (void)state;
    struct tls_settings s = settings();
    struct error e;
    assert_int_equal(try_host(&expired, &s, "broker.example", &e), ERR_AUTH);
    has(&e, "expired at 20");
    assert_int_equal(try_host(&future, &s, "broker.example", &e), ERR_AUTH);
    has(&e, "is not valid before 20");
}

/* Cut after each number of bytes: never open before the end, and a sentence for it. */
static void test_cut(void **state) {
    (void)state;
    struct tls_settings s = settings();
    struct error e;
    struct ends whole;
    ends_init(&whole, &good, &s, "broker.example");
    assert_int_equal(shake(&whole, &e), OK);
    size_t total = whole.sent;
    ends_fini(&whole);
    for (size_t cut = 0; cut < total; cut += cut < 64 ? 1 : 37) {
        struct ends x;
        ends_init(&x, &good, &s, "broker.example");
        x.cut_after = cut;
        enum err err = shake(&x, &e);
        if (err == OK) { /* the tickets that come after the handshake were cut */
            assert_true(cut > total / 2);
        } else {
            assert_int_equal(err, ERR_AGAIN);
            tls_cut(x.client, "connection reset", &e);
            assert_int_equal(tls_state(x.client), TLS_FAILED);
            has(&e, PEER);
            has(&e, cut == 0 ? "did not answer the TLS handshake: connection reset"
                             : "in the middle of the TLS handshake: connection reset");
        }
        ends_fini(&x);
    }
}

static void test_small_pieces(void **state) {
    (void)state;
    struct tls_settings s = settings();
    struct error e;
    struct ends x;
    ends_init(&x, &good, &s, "broker.example");
    x.piece = 1;
    assert_int_equal(shake(&x, &e), OK);
    assert_string_equal(tls_version(x.client), "TLSv1.3");
    ends_fini(&x);
}

/* 100,000 bytes there and back, then a goodbye. */
static void test_bytes(void **state) {
    (void)state;
    enum { N = 100000 };
    struct tls_settings s = settings();
    struct error e;
    struct ends x;
    uint8_t *data = mem_alloc(N), *back = mem_zalloc(N);
    size_t at_server = 0, at_client = 0, n;
    for (size_t i = 0; i < N; i++)
        data[i] = (uint8_t)(i * 7);
    ends_init(&x, &good, &s, "broker.example");
    assert_int_equal(shake(&x, &e), OK);
    assert_int_equal(tls_write(x.client, data, N, &e), OK);
    while (carry(&x) || x.wire.n > 0)
        for (int got; (got = SSL_read(x.server, back + at_server, (int)(N - at_server))) > 0;)
            at_server += (size_t)got;
    assert_int_equal(at_server, N);
    assert_memory_equal(back, data, N);
    memset(back, 0, N);
    assert_int_equal(SSL_write(x.server, data, N), N);
    SSL_shutdown(x.server);
    enum err err = ERR_AGAIN;
    while (err == ERR_AGAIN && carry(&x))
        while ((err = tls_read(x.client, back + at_client, N + 1 - at_client, &n, &e)) == OK)
            at_client += n;
    assert_int_equal(err, ERR_CLOSED);
    assert_int_equal(tls_state(x.client), TLS_CLOSED);
    assert_int_equal(at_client, N);
    assert_memory_equal(back, data, N);
    ends_fini(&x);
    free(data);
    free(back);
}

/* A byte that was changed on its way ends the connection, it is never handed on. */
static void test_tampered(void **state) {
    (void)state;
    struct tls_settings s = settings();
    struct error e;
    struct ends x;
    uint8_t bytes[4096], got[64];
    size_t n;
    ends_init(&x, &good, &s, "broker.example");
    assert_int_equal(shake(&x, &e), OK);
    while (carry(&x))
        assert_int_equal(tls_read(x.client, got, sizeof got, &n, &e), ERR_AGAIN);
    SSL_write(x.server, "hello", 5);
    int r = BIO_read(x.out, bytes, sizeof bytes);
    assert_true(r > 10);
    bytes[r - 3] ^= 1;
    tls_feed(x.client, bytes, (size_t)r);
    assert_int_equal(tls_read(x.client, got, sizeof got, &n, &e), ERR_CORRUPT);
    has(&e, "the TLS connection to " PEER " failed");
    assert_int_equal(n, 0);
    ends_fini(&x);
}

static void test_not_tls(void **state) {
    (void)state;
    struct tls_settings s = settings();
    struct error e;
    static const char *const openings[] = {"HTTP/1.1 400 Bad Request\r\n\r\n", "\0\0\0\x0cwhatever you",
                                           "SSH-2.0-OpenSSH\r\n"};
    for (size_t i = 0; i < sizeof openings / sizeof *openings; i++) {
        struct ends x;
        ends_init(&x, &good, &s, "broker.example");
        tls_feed(x.client, openings[i], 16);
        assert_int_equal(tls_handshake(x.client, &e), ERR_CORRUPT);
        has(&e, PEER " does not speak TLS on this port");
        ends_fini(&x);
    }
}

static void test_old_version(void **state) {
    (void)state;
    struct tls_settings s = settings();
    struct error e;
    struct ends x;
    ends_init(&x, &good, &s, "broker.example");
    SSL_set_security_level(x.server, 0);
    SSL_set_min_proto_version(x.server, TLS1_VERSION);
    SSL_set_max_proto_version(x.server, TLS1_1_VERSION);
    assert_int_equal(shake(&x, &e), ERR_UNSUPPORTED);
    has(&e, "speaks no TLS of version 1.2 or newer");
    ends_fini(&x);
}

static void test_client_certificate(void **state) {
    (void)state;
    struct error e;
    uint8_t byte;
    size_t n;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++)
        for (int own = 0; own < 2; own++) {
            struct tls_settings s = settings();
            struct ends x;
            if (own)
                s = (struct tls_settings){.ca_location = ca_file,
                                          .certificate = certificate_file,
                                          .key = locked_key_file,
                                          .key_password = (char *)(uintptr_t) "sesame"};
            ends_init(&x, &good, &s, "broker.example");
            SSL_set_verify(x.server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
            SSL_set_max_proto_version(x.server, version);
            enum err err = shake(&x, &e);
            while (err == OK && carry(&x)) { /* TLS 1.3 refuses after the client's handshake is done */
                SSL_do_handshake(x.server);
                enum err read = tls_read(x.client, &byte, 1, &n, &e);
                err = read == ERR_AGAIN ? OK : read;
            }
            assert_int_equal(err, own ? OK : ERR_AUTH);
            if (!own)
                has(&e, "it wants a client's certificate");
            ERR_clear_error();
            ends_fini(&x);
        }
}

static void test_settings(void **state) {
    (void)state;
    static char none[] = "/nonexistent/file", wrong[] = "open";
    const struct {
        struct tls_settings s;
        const char *part;
    } rows[] = {
        {{.ca_location = none}, "cannot read the authorities in /nonexistent/file (ssl.ca.location): No such file"},
        {{.ca_location = key_file}, "(ssl.ca.location) is no PEM file that can be used"},
        {{.ca_location = garbage_file}, "(ssl.ca.location) is no PEM file that can be used"},
        {{.ca_location = ca_file, .certificate = certificate_file}, "without ssl.key.location"},
        {{.ca_location = ca_file, .key = key_file}, "without ssl.certificate.location"},
        {{.ca_location = ca_file, .certificate = none, .key = key_file},
         "cannot read the certificate /nonexistent/file"},
        {{.ca_location = ca_file, .certificate = garbage_file, .key = key_file}, "is no PEM file"},
        {{.ca_location = ca_file, .certificate = certificate_file, .key = none}, "cannot read the private key"},
        {{.ca_location = ca_file, .certificate = certificate_file, .key = ca_file}, "ssl.key.location"},
        {{.ca_location = ca_file, .certificate = ca_file, .key = key_file},
         "is not the one of ssl.certificate.location"},
        {{.ca_location = ca_file, .certificate = certificate_file, .key = locked_key_file}, "needs its password"},
        {{.ca_location = ca_file, .certificate = certificate_file, .key = locked_key_file, .key_password = wrong},
         "does not open with ssl.key.password"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tls_context *c;
        struct error e;
        assert_int_not_equal(tls_context_new(&c, &rows[i].s, &e), OK);
        has(&e, rows[i].part);
    }
    struct tls_settings folder = {.ca_location = dir};
    struct tls_context *c;
    struct error e;
    assert_int_equal(tls_context_new(&c, &folder, &e), OK);
    tls_context_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_wrong_name),
        cmocka_unit_test(test_untrusted),
        cmocka_unit_test(test_expired),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_small_pieces),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_tampered),
        cmocka_unit_test(test_not_tls),
        cmocka_unit_test(test_old_version),
        cmocka_unit_test(test_client_certificate),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, make_all, remove_all);
}
