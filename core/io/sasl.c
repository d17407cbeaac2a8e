/* A client's login; see sasl.h.  Sentences begin with the broker's name; what the
 * broker says in its own words is sanitised and bounded. */
#include "core/io/sasl.h"

#include "core/base/text.h"
#include "core/proto/errors.h"

#include <strings.h>

#define ANSWER_CAP (1024 * 1024)

static const char *const mechanism_names[] = {
    [SASL_NONE] = "",
    [SASL_PLAIN] = "PLAIN",
    [SASL_SCRAM_SHA_256] = "SCRAM-SHA-256",
    [SASL_SCRAM_SHA_512] = "SCRAM-SHA-512",
};

const char *sasl_mechanism_name(enum sasl_mechanism m) { return mechanism_names[m]; }

enum sasl_mechanism sasl_mechanism_find(const char *name) {
    for (enum sasl_mechanism m = SASL_PLAIN; m <= SASL_SCRAM_SHA_512; m++)
        if (strcasecmp(mechanism_names[m], name) == 0)
            return m;
    return SASL_NONE;
}

static bool is_scram(const struct sasl *s) { return s->login->mechanism != SASL_PLAIN; }

enum err sasl_init(struct sasl *s, const struct sasl_login *login, const char *peer, struct error *e) {
    *s = (struct sasl){.login = login, .peer = peer};
    if (!is_scram(s))
        return OK;
    struct error why;
    enum scram_hash hash = login->mechanism == SASL_SCRAM_SHA_256 ? SCRAM_SHA_256 : SCRAM_SHA_512;
    enum err err = scram_init(&s->scram, hash, login->user, login->password, NULL, &why);
    return err == OK ? OK : error_set(e, err, "%s %s", peer, why.text);
}

void sasl_fini(struct sasl *s) {
    scram_fini(&s->scram);
    if (s->token.p != NULL)
        explicit_bzero(s->token.p, s->token.cap);
    buf_fini(&s->token);
}

void sasl_next(const struct sasl *s, struct sasl_request *out) {
    if (s->state == SASL_HANDSHAKE) {
        out->message = PROTO_MESSAGE(sasl_handshake_req);
        out->max_version = 1;
        proto_init(PROTO_STRUCT(sasl_handshake_req), &out->body);
        out->body.handshake.mechanism = slice_cstr(sasl_mechanism_name(s->login->mechanism));
    } else {
        out->message = PROTO_MESSAGE(sasl_authenticate_req);
        out->max_version = 2;
        proto_init(PROTO_STRUCT(sasl_authenticate_req), &out->body);
        out->body.authenticate.auth_bytes = buf_slice(&s->token);
    }
}

/* ---- tokens ---- */

/* authorization id (none), user, password, with a zero byte before each of the latter two */
static void plain_token(struct sasl *s) {
    size_t user_n = strlen(s->login->user), password_n = strlen(s->login->password);
    buf_reserve(&s->token, user_n + password_n + 2); /* once: growing would leave copies behind */
    buf_put_u8(&s->token, 0);
    buf_put(&s->token, s->login->user, user_n);
    buf_put_u8(&s->token, 0);
    buf_put(&s->token, s->login->password, password_n);
}

static enum err scram_token(struct sasl *s, struct slice from_server, struct error *e) {
    struct error why;
    enum err err = scram_step(&s->scram, from_server, &s->token, &why);
    return err == OK || err == ERR_AGAIN ? err : error_set(e, err, "%s %s", s->peer, why.text);
}

/* ---- answers ---- */

static enum err refused_mechanism(struct sasl *s, const struct sasl_handshake_resp *r, struct error *e) {
    struct buf list = {0};
    char safe[256];
    for (int32_t i = 0; i < r->mechanisms.n && list.n < sizeof safe; i++) {
        buf_puts(&list, i > 0 ? ", " : "");
        buf_put(&list, r->mechanisms.v[i].p, r->mechanisms.v[i].n);
    }
    text_safe(buf_slice(&list), safe, sizeof safe);
    buf_fini(&list);
    return error_set(e, ERR_AUTH, "%s does not take %s; it takes %s · -X sasl.mechanism=", s->peer,
                     sasl_mechanism_name(s->login->mechanism), safe[0] != '\0' ? safe : "no mechanism at all");
}

static enum err take_handshake(struct sasl *s, const struct sasl_handshake_resp *r, struct error *e) {
    if (r->error_code == KAFKA_UNSUPPORTED_SASL_MECHANISM)
        return refused_mechanism(s, r, e);
    if (r->error_code == KAFKA_ILLEGAL_SASL_STATE)
        return error_set(e, ERR_AUTH,
                         "%s takes no login on this port · is it the right one, or is security.protocol to be "
                         "plaintext or ssl?",
                         s->peer);
    if (r->error_code != 0)
        return error_set(e, ERR_AUTH, "%s refused to begin a login: %s", s->peer, kafka_error_name(r->error_code));
    s->state = SASL_AUTHENTICATE;
    if (is_scram(s))
        return scram_token(s, SLICE_NULL, e);
    plain_token(s);
    return ERR_AGAIN;
}

static enum err take_refusal(struct sasl *s, const struct sasl_authenticate_resp *r, struct error *e) {
    char user[128], why[256];
    text_safe(slice_cstr(s->login->user), user, sizeof user);
    text_safe(r->error_message.n > 0 ? r->error_message : SLICE("without a reason"), why, sizeof why);
    if (r->error_code == KAFKA_SASL_AUTHENTICATION_FAILED)
        return error_set(e, ERR_AUTH, "%s refused to log in %s by %s: %s · are sasl.username and sasl.password right?",
                         s->peer, user, sasl_mechanism_name(s->login->mechanism), why);
    return error_set(e, ERR_AUTH, "%s broke off the login of %s: %s, %s", s->peer, user,
                     kafka_error_name(r->error_code), why);
}

static enum err take_authenticate(struct sasl *s, const struct sasl_authenticate_resp *r, struct error *e) {
    if (r->error_code != 0)
        return take_refusal(s, r, e);
    enum err err = is_scram(s) ? scram_token(s, r->auth_bytes, e) : OK;
    if (err == OK) {
        s->state = SASL_DONE;
        s->lifetime_ms = r->session_lifetime_ms > 0 ? r->session_lifetime_ms : 0;
    }
    return err;
}

enum err sasl_take(struct sasl *s, int16_t version, struct slice body, struct error *e) {
    struct arena arena;
    size_t used;
    enum err err;
    weir_assert(s->state == SASL_HANDSHAKE || s->state == SASL_AUTHENTICATE);
    arena_init(&arena, ANSWER_CAP);
    if (s->state == SASL_HANDSHAKE) {
        struct sasl_handshake_resp r;
        err = proto_decode(PROTO_MESSAGE(sasl_handshake_resp), version, body, &arena, &r, &used);
        err = err == OK ? take_handshake(s, &r, e)
                        : error_set(e, ERR_CORRUPT, "%s began the login with an answer that makes no sense", s->peer);
    } else {
        struct sasl_authenticate_resp r;
        err = proto_decode(PROTO_MESSAGE(sasl_authenticate_resp), version, body, &arena, &r, &used);
        err = err == OK ? take_authenticate(s, &r, e)
                        : error_set(e, ERR_CORRUPT, "%s answered the login with bytes that make no sense", s->peer);
    }
    arena_fini(&arena);
    if (err != OK && err != ERR_AGAIN)
        s->state = SASL_FAILED;
    return err;
}
