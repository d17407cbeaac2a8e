/* SCRAM for a client; see scram.h for the messages.
 *
 *   SaltedPassword  = PBKDF2(password, salt, iterations)
 *   ClientKey       = HMAC(SaltedPassword, "Client Key")
 *   ClientSignature = HMAC(H(ClientKey), AuthMessage)
 *   proof           = ClientKey XOR ClientSignature
 *   ServerSignature = HMAC(HMAC(SaltedPassword, "Server Key"), AuthMessage)
 *   AuthMessage     = client-first without "n,,", server-first, client-final without its proof
 *
 * Hashes are OpenSSL's.  What is derived from the password is wiped where it was. */
#include "core/io/scram.h"

#include "core/base/base64.h"
#include "core/base/text.h"
#include "core/io/openssl.h"

#include <limits.h>
#include <stdio.h>

#define SALT_MAX 1024
#define BASE64_BITS_PER_CHAR 6

static const EVP_MD *hash_of(const struct scram *s) { return s->hash == SCRAM_SHA_256 ? EVP_sha256() : EVP_sha512(); }

static size_t hash_size(const struct scram *s) { return s->hash == SCRAM_SHA_256 ? 32 : 64; }

/* Strict, as EVP_DecodeBlock is not: it takes white space and does not tell the padding. */
static bool base64_get(struct slice in, uint8_t *out, size_t room, size_t *n) {
    size_t digits = in.n;
    while (digits > 0 && in.n - digits < 2 && in.p[digits - 1] == '=')
        digits--;
    if (in.n % 4 != 0 || digits % 4 == 1 || digits * BASE64_BITS_PER_CHAR / 8 > room)
        return false;
    uint32_t bits = 0;
    int held = 0;
    *n = 0;
    for (size_t i = 0; i < digits; i++) {
        int digit = base64_digit(in.p[i]);
        if (digit < 0)
            return false;
        bits = (bits << BASE64_BITS_PER_CHAR) | (uint32_t)digit;
        held += BASE64_BITS_PER_CHAR;
        if (held >= 8) {
            held -= 8;
            out[(*n)++] = (uint8_t)(bits >> held);
        }
    }
    return true;
}

/* ---- messages ---- */

/* Takes "NAME=VALUE" and a comma or the end off the front of *m. */
static bool take_attribute(struct slice *m, char name, struct slice *value) {
    if (m->n < 2 || m->p[0] != (uint8_t)name || m->p[1] != '=')
        return false;
    const uint8_t *comma = memchr(m->p, ',', m->n);
    size_t n = comma != NULL ? (size_t)(comma - m->p) : m->n;
    *value = slice_of(m->p + 2, n - 2);
    *m = comma != NULL ? slice_of(comma + 1, m->n - n - 1) : slice_of(m->p + n, 0);
    return true;
}

static bool take_number(struct slice s, long *out) {
    if (s.n == 0 || s.n > 9)
        return false;
    *out = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        *out = *out * 10 + (s.p[i] - '0');
    }
    return true;
}

static void put_user(struct buf *out, const char *user) {
    for (const char *at = user; *at != '\0'; at++) {
        if (*at == '=')
            buf_puts(out, "=3D");
        else if (*at == ',')
            buf_puts(out, "=2C");
        else
            buf_put_u8(out, (uint8_t)*at);
    }
}

static void first_message(struct scram *s, struct buf *out) {
    buf_puts(&s->auth, "n=");
    put_user(&s->auth, s->user);
    buf_printf(&s->auth, ",r=%s", s->nonce);
    buf_puts(out, "n,,");
    buf_put(out, s->auth.p, s->auth.n);
}

/* ---- proof and signature ---- */

static bool hmac(const struct scram *s, const uint8_t *key, const void *data, size_t n, uint8_t *out) {
    unsigned int size;
    return HMAC(hash_of(s), key, (int)hash_size(s), data, n, out, &size) != NULL;
}

/* The proof goes to *proof, the signature that is due to s->signature. */
static bool derive(struct scram *s, const uint8_t *salt, size_t salt_n, long iterations, uint8_t *proof) {
    uint8_t salted[SCRAM_HASH_MAX], key[SCRAM_HASH_MAX], stored[SCRAM_HASH_MAX], signature[SCRAM_HASH_MAX];
    size_t size = hash_size(s), password_n = strlen(s->password);
    bool ok = password_n <= INT_MAX &&
              PKCS5_PBKDF2_HMAC(s->password, (int)password_n, salt, (int)salt_n, (int)iterations, hash_of(s), (int)size,
                                salted) == 1 &&
              hmac(s, salted, "Client Key", 10, key) && EVP_Digest(key, size, stored, NULL, hash_of(s), NULL) == 1 &&
              hmac(s, stored, s->auth.p, s->auth.n, signature);
    for (size_t i = 0; ok && i < size; i++)
        proof[i] = key[i] ^ signature[i];
    ok = ok && hmac(s, salted, "Server Key", 10, key) && hmac(s, key, s->auth.p, s->auth.n, s->signature);
    explicit_bzero(salted, sizeof salted);
    explicit_bzero(key, sizeof key);
    explicit_bzero(stored, sizeof stored);
    return ok;
}

static enum err final_message(struct scram *s, struct slice from_server, struct buf *out, struct error *e) {
    struct slice rest = from_server, nonce, salt64, number;
    uint8_t salt[SALT_MAX], proof[SCRAM_HASH_MAX];
    size_t salt_n, own_n = strlen(s->nonce);
    long iterations;
    if (!take_attribute(&rest, 'r', &nonce) || !take_attribute(&rest, 's', &salt64) ||
        !take_attribute(&rest, 'i', &number) || !base64_get(salt64, salt, sizeof salt, &salt_n) || salt_n == 0 ||
        !take_number(number, &iterations))
        return error_set(e, ERR_CORRUPT, "sent a SCRAM challenge that makes no sense");
    /* Longer than ours, or an answer that was recorded earlier would do. */
    if (nonce.n <= own_n || memcmp(nonce.p, s->nonce, own_n) != 0)
        return error_set(e, ERR_AUTH, "answered a SCRAM challenge that is not ours · is somebody in between?");
    if (iterations < SCRAM_ITERATIONS_MIN || iterations > SCRAM_ITERATIONS_MAX)
        return error_set(e, ERR_AUTH,
                         "asks for %ld iterations of SCRAM, which must be from %d to %d · the user's credentials need "
                         "to be made anew",
                         iterations, SCRAM_ITERATIONS_MIN, SCRAM_ITERATIONS_MAX);
    buf_puts(out, "c=biws,r="); /* base64 of "n,,": no channel binding */
    buf_put(out, nonce.p, nonce.n);
    buf_put_u8(&s->auth, ',');
    buf_put(&s->auth, from_server.p, from_server.n);
    buf_put_u8(&s->auth, ',');
    buf_put(&s->auth, out->p, out->n);
    if (!derive(s, salt, salt_n, iterations, proof))
        return error_set(e, ERR_UNSUPPORTED, "wants a SCRAM hash that this machine's OpenSSL refuses");
    buf_puts(out, ",p=");
    base64_put(out, slice_of(proof, hash_size(s)));
    return ERR_AGAIN;
}

static enum err check_signature(struct scram *s, struct slice from_server, struct error *e) {
    struct slice rest = from_server, value;
    uint8_t signature[SCRAM_HASH_MAX];
    size_t n;
    char safe[128];
    if (take_attribute(&rest, 'e', &value))
        return error_set(e, ERR_AUTH, "refused the login: %s", text_safe(value, safe, sizeof safe));
    if (!take_attribute(&rest, 'v', &value) || !base64_get(value, signature, sizeof signature, &n) || n != hash_size(s))
        return error_set(e, ERR_CORRUPT, "ended the SCRAM exchange with a message that makes no sense");
    if (CRYPTO_memcmp(signature, s->signature, n) != 0)
        return error_set(e, ERR_AUTH,
                         "does not know the password that it takes: its SCRAM signature is wrong · is this the right "
                         "broker?");
    return OK;
}

/* ---- life ---- */

enum err scram_init(struct scram *s, enum scram_hash hash, const char *user, const char *password, const char *nonce,
                    struct error *e) {
    *s = (struct scram){.hash = hash, .user = user, .password = password};
    struct error library;
    if (openssl_load(&library) != OK)
        return error_set(e, library.code, "cannot be logged in to by SCRAM: %.300s", library.text);
    if (nonce != NULL) {
        snprintf(s->nonce, sizeof s->nonce, "%s", nonce);
        return OK;
    }
    uint8_t random[(SCRAM_NONCE_SIZE - 1) / 4 * 3];
    struct buf text = {0};
    if (RAND_bytes(random, sizeof random) != 1)
        return error_set(e, ERR_LIMIT, "cannot be logged in to: this machine gives no random numbers");
    base64_put(&text, slice_of(random, sizeof random));
    memcpy(s->nonce, text.p, SCRAM_NONCE_SIZE - 1);
    buf_fini(&text);
    return OK;
}

void scram_fini(struct scram *s) {
    buf_fini(&s->auth);
    explicit_bzero(s, sizeof *s);
}

enum err scram_step(struct scram *s, struct slice from_server, struct buf *out, struct error *e) {
    enum err err;
    buf_clear(out);
    if (from_server.n > SCRAM_MESSAGE_MAX) {
        s->state = SCRAM_FAILED;
        return error_set(e, ERR_TOO_LARGE, "sent a SCRAM message of %zu bytes", from_server.n);
    }
    switch (s->state) {
    case SCRAM_START:
        first_message(s, out);
        s->state = SCRAM_FIRST;
        return ERR_AGAIN;
    case SCRAM_FIRST:
        err = final_message(s, from_server, out, e);
        s->state = err == ERR_AGAIN ? SCRAM_FINAL : SCRAM_FAILED;
        return err;
    case SCRAM_FINAL:
        err = check_signature(s, from_server, e);
        s->state = err == OK ? SCRAM_DONE : SCRAM_FAILED;
        return err;
    default: return error_set(e, ERR_CLOSED, "sent more after the end of the SCRAM exchange");
    }
}
