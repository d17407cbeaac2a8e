/* TLS and SASL on a connection; see conn.h for its states.
 *
 *   receive:  socket -> tls_feed -> tls_read -> frame reader -> conn_on_frame
 *   send:     out -> tls_write -> sealed -> socket
 *
 * Login: SaslHandshake, then SaslAuthenticate until core/io/sasl.c is content.  A
 * broker that bounds a login in time (connections.max.reauth.ms) is logged in to
 * again on the same connection before that, which stays UP: what is asked meanwhile
 * is held back, for the broker takes nothing else then.
 * Thread: the loop's. */
#include "core/client/conn_secure.h"

#include "core/client/security.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define SEALED_BYTES (32 * 1024)
#define SHORTEST_LOGIN_MS 1000

/* ---- TLS ---- */

static void conn_send_once(struct conn *c, const struct buf *b) {
    ssize_t n = b->n > 0 ? send(c->fd, b->p, b->n, MSG_NOSIGNAL) : 0;
    (void)n; /* the alert that tells the broker why; nobody waits for it */
}

static bool conn_shake_hands(struct conn *c) {
    struct error e;
    enum err err = tls_handshake(c->tls, &e);
    tls_take(c->tls, &c->sealed);
    if (err == OK) {
        conn_greet(c);
    } else if (err == ERR_AGAIN) {
        conn_make_dirty(c);
    } else {
        conn_send_once(c, &c->sealed);
        conn_fail(c, err, "%s", e.text);
        return false;
    }
    return true;
}

void conn_start_tls(struct conn *c) {
    struct error e;
    struct wire *w = c->wire;
    enum err err = w->tls != NULL ? OK : tls_context_new(&w->tls, &w->security->tls_settings, &e);
    if (err == OK)
        err = tls_new(&c->tls, w->tls, c->host, c->name, &e);
    if (err != OK) {
        conn_fail(c, err, "%s", e.text);
        return;
    }
    c->state = CONN_SECURING;
    conn_shake_hands(c);
}

struct buf *conn_seal(struct conn *c) {
    struct error e;
    if (c->tls == NULL)
        return &c->out;
    if (c->state != CONN_SECURING && c->out.n > 0) {
        enum err err = tls_write(c->tls, c->out.p, c->out.n, &e);
        buf_clear(&c->out);
        if (err != OK) {
            c->broken = err;
            snprintf(c->broken_why, sizeof c->broken_why, "%s", e.text);
            return NULL;
        }
        tls_take(c->tls, &c->sealed);
    }
    return &c->sealed;
}

/* Hands on everything that what was fed makes readable; false: over. */
static bool conn_unseal(struct conn *c) {
    struct error e;
    if (c->state == CONN_SECURING && !conn_shake_hands(c))
        return false;
    while (c->state != CONN_SECURING) {
        struct iovec iov[2];
        int k = frame_reader_room(&c->in, &c->wire->pool, iov);
        size_t total = 0, n = 0;
        enum err err = OK;
        for (int i = 0; i < k && err == OK; i++)
            for (size_t at = 0; at < iov[i].iov_len && err == OK; at += n, total += n)
                err = tls_read(c->tls, (uint8_t *)iov[i].iov_base + at, iov[i].iov_len - at, &n, &e);
        if (total > 0 && !conn_take(c, total))
            return false;
        if (err == ERR_AGAIN)
            break;
        if (err == ERR_CLOSED)
            conn_closed_by_peer(c, 0);
        else if (err != OK)
            conn_fail(c, err, "%s", e.text);
        if (err != OK)
            return false;
    }
    tls_take(c->tls, &c->sealed); /* answers of TLS itself */
    if (c->sealed.n > 0)
        conn_make_dirty(c);
    return true;
}

void conn_cut_handshake(struct conn *c, const char *cause) {
    struct error e;
    tls_cut(c->tls, cause, &e);
    conn_fail(c, ERR_NET, "%s", e.text);
}

void conn_receive_sealed(struct conn *c) {
    uint8_t sealed[SEALED_BYTES];
    for (int turns = 0; turns < 8 && c->fd >= 0; turns++) {
        ssize_t n = recv(c->fd, sealed, sizeof sealed, 0);
        if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n <= 0) {
            conn_closed_by_peer(c, n < 0 ? errno : 0);
            return;
        }
        tls_feed(c->tls, sealed, (size_t)n);
        if (!conn_unseal(c) || (size_t)n < sizeof sealed)
            return;
    }
}

/* ---- SASL ---- */

static void conn_ask_login(struct conn *c);

static void conn_end_login(struct conn *c) {
    if (c->sasl == NULL)
        return;
    sasl_fini(c->sasl);
    free(c->sasl);
    c->sasl = NULL;
    /* Sent, so empty; the password of PLAIN was in both. */
    if (c->out.p != NULL && c->out.n == 0)
        explicit_bzero(c->out.p, c->out.cap);
}

static void conn_on_login(void *ctx, const struct conn_answer *a) {
    struct conn *c = ctx;
    struct error e;
    if (a->err != OK || c->sasl == NULL)
        return;
    enum err err = sasl_take(c->sasl, a->version, a->body, &e);
    if (err == ERR_AGAIN) {
        conn_ask_login(c);
        return;
    }
    int64_t lifetime_ms = c->sasl->lifetime_ms;
    conn_end_login(c);
    if (err != OK) {
        c->broken = err;
        snprintf(c->broken_why, sizeof c->broken_why, "%s", e.text);
        return;
    }
    if (lifetime_ms > 0) {
        lifetime_ms = lifetime_ms < SHORTEST_LOGIN_MS ? SHORTEST_LOGIN_MS : lifetime_ms;
        timers_set(&c->wire->timers, &c->login_timer, wire_now_us() + lifetime_ms * 850); /* 85 % of it */
    }
    conn_ready(c);
}

static void conn_ask_login(struct conn *c) {
    struct sasl_request rq;
    sasl_next(c->sasl, &rq);
    int version = conn_version(c, rq.message->key, rq.max_version);
    if (version < 0 || (rq.message == PROTO_MESSAGE(sasl_handshake_req) && version < 1)) {
        c->broken = ERR_UNSUPPORTED;
        snprintf(c->broken_why, sizeof c->broken_why, "%s knows no login that weir speaks (Kafka 1.0 or newer)",
                 c->name);
        return;
    }
    conn_enqueue(c, rq.message, version, &rq.body, conn_on_login, c);
    if (c->wire->out.head.p != NULL) /* the encoder's scratch, which had the token too */
        explicit_bzero(c->wire->out.head.p, c->wire->out.head.cap);
}

void conn_login(struct conn *c) {
    struct error e;
    c->sasl = mem_zalloc(sizeof *c->sasl);
    if (c->state != CONN_UP) {
        c->state = CONN_LOGIN;
        timers_set(&c->wire->timers, &c->timer, wire_now_us() + CONN_ANSWER_US);
    }
    if (sasl_init(c->sasl, &c->wire->security->login, c->name, &e) == OK) {
        conn_ask_login(c);
        return;
    }
    c->broken = e.code;
    snprintf(c->broken_why, sizeof c->broken_why, "%s", e.text);
}

void conn_on_login_timer(struct timer *t, void *ctx) {
    (void)ctx;
    struct conn *c = (struct conn *)(void *)((char *)t - offsetof(struct conn, login_timer));
    if (c->state != CONN_UP || c->sasl != NULL)
        return;
    conn_login(c);
    if (c->broken != OK)
        conn_fail(c, c->broken, "%s", c->broken_why);
}

void conn_forget_secrets(struct conn *c) {
    conn_end_login(c);
    tls_free(c->tls);
    c->tls = NULL;
    buf_fini(&c->sealed);
    timers_cancel(&c->wire->timers, &c->login_timer);
}
