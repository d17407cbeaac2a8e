/* SCRAM for a client: the example of RFC 7677, the same exchange by SHA-512 (its
 * figures by another implementation), and servers that cheat. */
#include "core/io/scram.h"
#include "tests/unit/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
/* after those four */
#include <cmocka.h>

struct vector {
    enum scram_hash hash;
    const char *user, *password, *nonce;
    const char *client_first, *server_first, *client_final, *server_final;
};
static const struct vector vectors[] = {
    {SCRAM_SHA_256, "user", "pencil", "rOprNGfwEbeRWgbNEkqO", "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
     "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
     "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
     "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="},
    {SCRAM_SHA_512, "us,er=", "pencil", "fyko+d2lbbFgONRv9qkxdawL", "n,,n=us=2Cer=3D,r=fyko+d2lbbFgONRv9qkxdawL",
     "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=8192",
     "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,"
     "p=Wth6e+m/4yyhaMB/EMivfkO0GpVqTdsA03oEt/hD33ntiH1SizhuVgNp5MDWCsap9ZkGweVlu0B5A4NjVwnQXA==",
     "v=/3rRxvWx2vi35tfPav6sMLZj/lPZZm0j2PGnNn6q8QohlCtk2u1m3ZUvu1LIpZw+mTHiE3S9qvFqSNT+B2R1eg=="},
};

static void text_is(const struct buf *b, const char *want) {
    assert_int_equal(b->n, strlen(want));
    assert_memory_equal(b->p, want, b->n);
}

/* Goes on until the server's first message is due. */
static void begin(struct scram *s, const struct vector *v, const char *password, struct buf *out) {
    struct error e;
    assert_int_equal(scram_init(s, v->hash, v->user, password, v->nonce, &e), OK);
    assert_int_equal(scram_step(s, SLICE_NULL, out, &e), ERR_AGAIN);
    text_is(out, v->client_first);
}

static void test_vectors(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        const struct vector *v = &vectors[i];
        struct scram s;
        struct buf out = {0};
        struct error e;
        begin(&s, v, v->password, &out);
        assert_int_equal(scram_step(&s, slice_cstr(v->server_first), &out, &e), ERR_AGAIN);
        text_is(&out, v->client_final);
        assert_int_equal(scram_step(&s, slice_cstr(v->server_final), &out, &e), OK);
        assert_int_equal(s.state, SCRAM_DONE);
        assert_int_equal(scram_step(&s, slice_cstr(v->server_final), &out, &e), ERR_CLOSED);
        scram_fini(&s);
        buf_fini(&out);
    }
}

/* The proof differs, and the signature of one who knows the right password is not believed either. */
static void test_wrong_password(void **state) {
    (void)state;
    const struct vector *v = &vectors[0];
    struct scram s;
    struct buf out = {0};
    struct error e;
    begin(&s, v, "pencils", &out);
    assert_int_equal(scram_step(&s, slice_cstr(v->server_first), &out, &e), ERR_AGAIN);
    assert_int_equal(out.n, strlen(v->client_final));
    assert_memory_not_equal(out.p, v->client_final, out.n);
    assert_int_equal(scram_step(&s, slice_cstr(v->server_final), &out, &e), ERR_AUTH);
    assert_int_equal(s.state, SCRAM_FAILED);
    scram_fini(&s);
    buf_fini(&out);
}

static enum err final_step(const char *server_final, size_t n, struct error *e) {
    const struct vector *v = &vectors[0];
    struct scram s;
    struct buf out = {0};
    begin(&s, v, v->password, &out);
    assert_int_equal(scram_step(&s, slice_cstr(v->server_first), &out, e), ERR_AGAIN);
    enum err err = scram_step(&s, slice_of(server_final, n), &out, e);
    assert_int_equal(s.state, err == OK ? SCRAM_DONE : SCRAM_FAILED);
    scram_fini(&s);
    buf_fini(&out);
    return err;
}

static void test_server_signature(void **state) {
    (void)state;
    const char *good = vectors[0].server_final;
    struct error e;
    char text[128];
    size_t n = strlen(good);
    assert_int_equal(final_step(good, n, &e), OK);
    /* every bit of every byte, but the bits that base64 throws away */
    for (size_t i = 0; i < n - 1; i++)
        for (int bit = 0; bit < 8; bit++) {
            memcpy(text, good, n);
            text[i] = (char)(text[i] ^ (1 << bit));
            if (i == n - 2 && bit < 2)
                continue;
            assert_int_not_equal(final_step(text, n, &e), OK);
        }
    for (size_t cut = 0; cut < n; cut++)
        assert_int_not_equal(final_step(good, cut, &e), OK);
    assert_int_equal(final_step("v=", 2, &e), ERR_CORRUPT);
    assert_int_equal(final_step("e=invalid-proof", 15, &e), ERR_AUTH);
    assert_non_null(strstr(e.text, "invalid-proof"));
    assert_int_equal(final_step("e=\x1b[2J", 6, &e), ERR_AUTH);
    assert_null(strchr(e.text, '\x1b'));
}

static enum err first_step(struct slice server_first, struct error *e) {
    struct scram s;
    struct buf out = {0};
    begin(&s, &vectors[0], "pencil", &out);
    enum err err = scram_step(&s, server_first, &out, e);
    scram_fini(&s);
    buf_fini(&out);
    return err;
}

static void test_challenges(void **state) {
    (void)state;
#define NONCE "r=rOprNGfwEbeRWgbNEkqO"
    static const struct {
        const char *text;
        enum err want;
    } rows[] = {
        {NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", ERR_AGAIN},
        {NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,extension=x", ERR_AGAIN},
        {NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4095", ERR_AUTH},
        {NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1000001", ERR_AUTH},
        {NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0", ERR_AUTH},
        {NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-4096", ERR_CORRUPT},
        {NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096x", ERR_CORRUPT},
        {NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999999999999999", ERR_CORRUPT},
        {NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=", ERR_CORRUPT},
        {NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==", ERR_CORRUPT},
        {NONCE "x,s=,i=4096", ERR_CORRUPT},
        {NONCE "x,s=W22Z!J0S,i=4096", ERR_CORRUPT},
        {NONCE "x,s=W22ZaJ0,i=4096", ERR_CORRUPT},
        {NONCE ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", ERR_AUTH}, /* ours and nothing of the server's */
        {"r=ROprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", ERR_AUTH},
        {"r=rOprNGfwEbeRWgbNEkq,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", ERR_AUTH},
        {"r=,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", ERR_AUTH},
        {"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096," NONCE "x", ERR_CORRUPT},
        {"m=x," NONCE "x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", ERR_CORRUPT}, /* mandatory extension: unknown */
        {"", ERR_CORRUPT},
        {",", ERR_CORRUPT},
        {"r", ERR_CORRUPT},
    };
    struct error e;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (first_step(slice_cstr(rows[i].text), &e) != rows[i].want)
            fail_msg("%s: not %s", rows[i].text, err_name(rows[i].want));
    assert_int_equal(first_step(SLICE_NULL, &e), ERR_CORRUPT);
    struct buf large = {0};
    buf_puts(&large, NONCE);
    while (large.n <= SCRAM_MESSAGE_MAX)
        buf_puts(&large, "xxxxxxxxxxxxxxxx");
    assert_int_equal(first_step(buf_slice(&large), &e), ERR_TOO_LARGE);
    /* a salt that fits the message and not the room for it */
    buf_clear(&large);
    buf_puts(&large, NONCE "x,s=");
    for (int i = 0; i < 500; i++)
        buf_puts(&large, "AAAA");
    buf_puts(&large, ",i=4096");
    assert_int_equal(first_step(buf_slice(&large), &e), ERR_CORRUPT);
    buf_fini(&large);
}

/* Noise that begins as a challenge does, for the sanitizers. */
static void test_noise(void **state) {
    (void)state;
    struct random r = {7};
    struct error e;
    const char *good = vectors[0].server_first;
    for (int round = 0; round < 20000; round++) {
        char text[256];
        size_t n = strlen(good);
        memcpy(text, good, n);
        for (size_t k = random_below(&r, 4) + 1; k > 0; k--)
            text[random_below(&r, n - 4)] = (char)random_next(&r);
        n -= 4 + random_below(&r, 80); /* without i=4096: no time is spent on PBKDF2 */
        assert_int_not_equal(first_step(slice_of(text, n), &e), OK);
    }
}

static void test_random_nonces(void **state) {
    (void)state;
    struct scram a, b;
    struct error e;
    assert_int_equal(scram_init(&a, SCRAM_SHA_256, "u", "p", NULL, &e), OK);
    assert_int_equal(scram_init(&b, SCRAM_SHA_256, "u", "p", NULL, &e), OK);
    assert_int_equal(strlen(a.nonce), SCRAM_NONCE_SIZE - 1);
    assert_null(strchr(a.nonce, ','));
    assert_string_not_equal(a.nonce, b.nonce);
    scram_fini(&a);
    scram_fini(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_wrong_password),
        cmocka_unit_test(test_server_signature),
        cmocka_unit_test(test_challenges),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_random_nonces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
