/* One connection of the console; see conn.h for its states.
 *
 * Requests are encoded into `out` and leave in one write per turn of the loop
 * (the prepare handle flushes what is dirty).  Frames come out of core/io's
 * reader, whose memory grows with the bytes received.  A connection that is
 * freed inside one of its own callbacks is buried and reaped by the prepare
 * handle.  Thread: the loop's. */
#include "core/client/conn_secure.h"

#include "config.h"
#include "core/base/text.h"
#include "core/client/security.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define BACKOFF_FIRST_US 250000
#define BACKOFF_LAST_US 5000000
#define BACKOFF_REFUSED_US 30000000
#define EARLY_FRAME_MAX ((size_t)1024 * 1024)
#define SCRATCH_BYTES (256 * 1024)
#define DECODE_CAP_MAX ((size_t)512 * 1024 * 1024)

struct conn_resolve {
    uv_getaddrinfo_t req;
    struct conn *conn; /* NULL: nobody waits any more */
};

static void conn_connect_next(struct conn *c);

int64_t wire_now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- the wire: what connections share ---- */

static void wire_on_timer(uv_timer_t *timer) {
    struct wire *w = timer->data;
    timers_run(&w->timers, wire_now_us(), w);
}

static void conn_flush(struct conn *c);
static void conn_delete(struct conn *c);

static void wire_on_prepare(uv_prepare_t *prepare) {
    struct wire *w = prepare->data;
    while (w->dirty != NULL) {
        struct conn *c = w->dirty;
        w->dirty = c->next_dirty;
        c->is_dirty = false;
        if (!c->is_buried)
            conn_flush(c);
    }
    while (w->buried != NULL) {
        struct conn *c = w->buried;
        w->buried = c->next_dirty;
        conn_delete(c);
    }
    int64_t next = timers_next(&w->timers);
    if (next == INT64_MAX) {
        uv_timer_stop(&w->timer);
        return;
    }
    int64_t left_us = next - wire_now_us();
    uv_update_time(w->loop);
    uv_timer_start(&w->timer, wire_on_timer, left_us <= 0 ? 0 : (uint64_t)(left_us + 999) / 1000, 0);
}

void wire_init(struct wire *w, uv_loop_t *loop) {
    *w = (struct wire){.loop = loop};
    uv_timer_init(loop, &w->timer);
    uv_prepare_init(loop, &w->prepare);
    w->timer.data = w->prepare.data = w;
    uv_prepare_start(&w->prepare, wire_on_prepare);
    frame_pool_init(&w->pool, SCRATCH_BYTES);
}

void wire_fini(struct wire *w) {
    while (w->buried != NULL) {
        struct conn *c = w->buried;
        w->buried = c->next_dirty;
        conn_delete(c);
    }
    uv_close((uv_handle_t *)&w->timer, NULL);
    uv_close((uv_handle_t *)&w->prepare, NULL);
    struct conn_place *place, *next;
    HASH_ITER(hh, w->worked, place, next) {
        HASH_DEL(w->worked, place);
        free(place);
    }
    timers_fini(&w->timers);
    frame_pool_fini(&w->pool);
    proto_out_fini(&w->out);
    tls_context_free(w->tls);
}

/* ---- failure ---- */

static void poll_closed(uv_handle_t *h) { free(h); }

/* Closes what is open; the state is the caller's business. */
static void conn_close_socket(struct conn *c) {
    if (c->poll != NULL) {
        uv_poll_stop(c->poll);
        uv_close((uv_handle_t *)c->poll, poll_closed);
        c->poll = NULL;
        c->poll_events = 0;
    }
    if (c->fd >= 0) {
        close(c->fd);
        c->fd = -1;
    }
    if (c->resolve != NULL) {
        c->resolve->conn = NULL;
        uv_cancel((uv_req_t *)&c->resolve->req);
        c->resolve = NULL;
    }
    frame_reader_fini(&c->in, &c->wire->pool);
    buf_clear(&c->out);
    c->out_sent = 0;
    conn_forget_secrets(c);
    timers_cancel(&c->wire->timers, &c->timer);
}

static void conn_forget_addresses(struct conn *c) {
    if (c->addresses != NULL)
        freeaddrinfo(c->addresses);
    c->addresses = c->address = NULL;
}

/* Puts what waited for a login behind what was sent. */
static void conn_release(struct conn *c) {
    buf_put(&c->out, c->held.p, c->held.n);
    buf_fini(&c->held);
    if (c->held_first == NULL)
        return;
    if (c->last != NULL)
        c->last->next = c->held_first;
    else
        c->first = c->held_first;
    c->last = c->held_last;
    c->held_first = c->held_last = NULL;
    conn_make_dirty(c);
}

static void conn_end_calls(struct conn *c, enum err err) {
    conn_release(c);
    buf_clear(&c->out);
    struct conn_call *call = c->first;
    c->first = c->last = NULL;
    c->n_calls = 0;
    c->depth++;
    while (call != NULL) {
        struct conn_call *next = call->next;
        struct conn_answer a = {.err = err,
                                .why = c->why,
                                .key = call->key,
                                .version = call->version,
                                .sent_us = call->sent_us,
                                .at_us = wire_now_us()};
        if (call->done != NULL)
            call->done(call->ctx, &a);
        free(call);
        call = next;
    }
    c->depth--;
}

void conn_fail(struct conn *c, enum err err, const char *format, ...) {
    char raw[sizeof c->why];
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    text_safe(slice_cstr(raw), c->why, sizeof c->why);
    c->err = err;
    c->refused_names = err == ERR_NOT_FOUND && c->state == CONN_RESOLVING;
    conn_close_socket(c);
    conn_forget_addresses(c);
    c->state = CONN_DOWN;
    c->backoff_us = c->backoff_us == 0 ? BACKOFF_FIRST_US : c->backoff_us * 2;
    if (c->backoff_us > BACKOFF_LAST_US)
        c->backoff_us = BACKOFF_LAST_US;
    if (conn_is_refused(c))
        c->backoff_us = BACKOFF_REFUSED_US;
    c->retry_at_us = wire_now_us() + c->backoff_us;
    conn_end_calls(c, err);
    if (!c->is_buried && c->wire->down != NULL)
        c->wire->down(c->wire->ctx, c);
}

static const char *errno_text(int e) {
    switch (e) {
    case ECONNREFUSED: return "connection refused";
    case ETIMEDOUT: return "no answer to the connection attempt";
    case EHOSTUNREACH: return "no route to the host";
    case ENETUNREACH: return "the network is unreachable";
    case ECONNRESET: return "connection reset";
    case EPIPE: return "the connection was closed";
    default: return strerror(e);
    }
}

static void conn_on_timer(struct timer *t, void *ctx) {
    (void)ctx;
    struct conn *c = (struct conn *)(void *)((char *)t - offsetof(struct conn, timer));
    switch (c->state) {
    case CONN_RESOLVING:
        conn_fail(c, ERR_TIMEOUT, "cannot reach %s: looking up the name took more than %lld s", c->name,
                  (long long)c->patience_us / 1000000);
        return;
    case CONN_CONNECTING:
        conn_fail(c, ERR_TIMEOUT,
                  "cannot reach %s: no answer within %lld s · is the address right, does a firewall drop it?", c->name,
                  (long long)c->patience_us / 1000000);
        return;
    case CONN_SECURING:
        conn_fail(c, ERR_TIMEOUT, "%s does not answer the TLS handshake · does it speak TLS on this port?", c->name);
        return;
    case CONN_LOGIN:
        conn_fail(c, ERR_TIMEOUT, "%s has not answered the login for %lld s", c->name, CONN_ANSWER_US / 1000000);
        return;
    case CONN_VERSIONS:
        conn_fail(c, ERR_TIMEOUT, "%s accepts connections but does not answer · is it a Kafka broker, is it stopped?",
                  c->name);
        return;
    default: break;
    }
    if (c->first == NULL)
        return;
    int64_t due = c->first->sent_us + CONN_ANSWER_US;
    if (wire_now_us() < due)
        timers_set(&c->wire->timers, &c->timer, due);
    else
        conn_fail(c, ERR_TIMEOUT, "%s has not answered for %lld s", c->name, CONN_ANSWER_US / 1000000);
}

/* ---- sending ---- */

static void conn_on_poll(uv_poll_t *poll, int status, int events);

static void conn_want(struct conn *c, int events) {
    if (c->poll_events == events)
        return;
    c->poll_events = events;
    uv_poll_start(c->poll, events, conn_on_poll);
}

static void conn_flush(struct conn *c) {
    if (c->fd < 0 || c->state == CONN_CONNECTING)
        return;
    struct buf *out = conn_seal(c);
    if (out == NULL) {
        conn_fail(c, c->broken, "%s", c->broken_why);
        return;
    }
    while (c->out_sent < out->n) {
        ssize_t n = send(c->fd, out->p + c->out_sent, out->n - c->out_sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            conn_want(c, UV_READABLE | UV_WRITABLE);
            return;
        }
        if (n < 0) {
            conn_fail(c, ERR_NET, "lost %s: %s", c->name, errno_text(errno));
            return;
        }
        c->out_sent += (size_t)n;
    }
    c->out_sent = 0;
    buf_clear(out);
    if (out->cap > SCRATCH_BYTES)
        buf_fini(out);
    conn_want(c, UV_READABLE);
}

void conn_make_dirty(struct conn *c) {
    if (c->is_dirty || c->is_buried)
        return;
    c->is_dirty = true;
    c->next_dirty = c->wire->dirty;
    c->wire->dirty = c;
}

/* A login is going on: what is no part of it waits. */
static bool conn_holds(const struct conn *c, const struct proto_message *m) {
    return c->sasl != NULL && m->key != API_SASL_HANDSHAKE && m->key != API_SASL_AUTHENTICATE;
}

static void conn_encode(struct conn *c, const struct proto_message *m, int version, const void *body) {
    c->next_correlation = c->next_correlation == INT32_MAX ? 1 : c->next_correlation + 1;
    struct proto_request_header h = {
        .key = m->key, .version = (int16_t)version, .correlation_id = c->next_correlation,
        .client_id = c->wire->client_id != NULL ? slice_cstr(c->wire->client_id) : SLICE("weir")};
    struct buf *bytes = conn_holds(c, m) ? &c->held : &c->out;
    struct proto_out *out = &c->wire->out;
    proto_out_clear(out);
    proto_encode_request_header(&h, &out->head);
    proto_encode(m, version, body, out);
    buf_put_be32(bytes, (uint32_t)proto_out_size(out));
    proto_flatten(out, bytes);
    if (out->head.cap > SCRATCH_BYTES)
        proto_out_fini(out);
    conn_make_dirty(c);
}

void conn_tell(struct conn *c, const struct proto_message *m, int version, const void *body) {
    weir_assert(c->state == CONN_UP && !c->is_buried);
    conn_encode(c, m, version, body);
}

void conn_enqueue(struct conn *c, const struct proto_message *m, int version, const void *body, conn_answer_fn *done,
                  void *ctx) {
    struct conn_call *call = mem_zalloc(sizeof *call);
    conn_encode(c, m, version, body);
    *call = (struct conn_call){.done = done,
                               .ctx = ctx,
                               .sent_us = wire_now_us(),
                               .correlation_id = c->next_correlation,
                               .key = m->key,
                               .version = (int16_t)version};
    bool hold = conn_holds(c, m);
    struct conn_call **first = hold ? &c->held_first : &c->first, **last = hold ? &c->held_last : &c->last;
    if (*last != NULL)
        (*last)->next = call;
    else
        *first = call;
    *last = call;
    c->n_calls++;
    if (c->timer.slot == 0)
        timers_set(&c->wire->timers, &c->timer, call->sent_us + CONN_ANSWER_US);
}

void conn_send(struct conn *c, const struct proto_message *m, int version, const void *body, conn_answer_fn *done,
               void *ctx) {
    weir_assert(c->state == CONN_UP && !c->is_buried);
    conn_enqueue(c, m, version, body, done, ctx);
}

void conn_push(struct conn *c) {
    if (c->state != CONN_UP || c->fd < 0)
        return;
    struct buf *out = conn_seal(c);
    ssize_t n = out != NULL ? send(c->fd, out->p + c->out_sent, out->n - c->out_sent, MSG_NOSIGNAL) : 0;
    if (n > 0)
        c->out_sent += (size_t)n; /* the rest, or the error, is the flush's business */
}

void conn_forgive(struct conn *c) {
    for (struct conn_call *call = c->first; call != NULL; call = call->next)
        call->sent_us = wire_now_us();
}

/* ---- ApiVersions ---- */

static void conn_ask_versions(struct conn *c, int version);

static void conn_take_versions(struct conn *c, const struct api_versions_resp *r) {
    for (size_t i = 0; i < CONN_API_KEYS; i++)
        c->apis[i] = (struct conn_range){0, -1};
    for (int32_t i = 0; i < r->api_keys.n; i++) {
        const struct api_versions_resp_version *v = &r->api_keys.v[i];
        if (v->api_key >= 0 && v->api_key < CONN_API_KEYS)
            c->apis[v->api_key] = (struct conn_range){v->min_version, v->max_version};
    }
    c->metadata_level = c->metadata_in_use = -1;
    for (int32_t i = 0; i < r->supported_features.n; i++)
        if (slice_is(r->supported_features.v[i].name, "metadata.version"))
            c->metadata_level = r->supported_features.v[i].max_version;
    for (int32_t i = 0; i < r->finalized_features.n; i++)
        if (slice_is(r->finalized_features.v[i].name, "metadata.version"))
            c->metadata_in_use = r->finalized_features.v[i].max_version_level;
}

static void conn_on_versions(void *ctx, const struct conn_answer *a) {
    struct conn *c = ctx;
    if (a->err != OK)
        return;
    struct api_versions_resp r;
    struct arena arena = {0};
    size_t used;
    int version = a->version;
    /* An unknown version is answered with error 35 in the shape of version 0 (KIP-511). */
    if (a->body.n >= 2 && be16_get(a->body.p) == 35 && version != 0) {
        conn_ask_versions(c, 0);
        return;
    }
    arena_init(&arena, 4 * 1024 * 1024);
    enum err e = proto_decode(PROTO_MESSAGE(api_versions_resp), version, a->body, &arena, &r, &used);
    if (e != OK || r.error_code != 0) {
        c->broken = ERR_CORRUPT;
        snprintf(c->broken_why, sizeof c->broken_why, "%s does not speak Kafka's protocol: its first answer %s",
                 c->name, e != OK ? "makes no sense" : "is an error");
    } else {
        conn_take_versions(c, &r);
        if (c->wire->security != NULL && c->wire->security->sasl)
            conn_login(c);
        else
            conn_ready(c);
    }
    arena_fini(&arena);
}

void conn_ready(struct conn *c) {
    bool renewed = c->state == CONN_UP;
    conn_release(c);
    if (renewed)
        return;
    c->state = CONN_UP;
    c->answers = 0;
    c->frame_max = FRAME_SIZE_MAX;
    timers_cancel(&c->wire->timers, &c->timer);
    if (c->wire->up != NULL)
        c->wire->up(c->wire->ctx, c);
}

static void conn_ask_versions(struct conn *c, int version) {
    struct api_versions_req req;
    proto_init(PROTO_STRUCT(api_versions_req), &req);
    req.client_software_name = SLICE("weir");
    req.client_software_version = SLICE(PACKAGE_VERSION);
    conn_enqueue(c, PROTO_MESSAGE(api_versions_req), version, &req, conn_on_versions, c);
}

/* ---- receiving ---- */

/* From now on a failure at this address is not a wrong setting: no sentence guesses at one. */
static void conn_worked(struct conn *c) {
    struct conn_place *place;
    if (c->has_worked)
        return;
    c->has_worked = true;
    HASH_FIND_STR(c->wire->worked, c->name, place);
    if (place != NULL)
        return;
    size_t n = strlen(c->name) + 1;
    place = mem_alloc(sizeof *place + n);
    memcpy(place->name, c->name, n);
    HASH_ADD_KEYPTR(hh, c->wire->worked, place->name, n - 1, place);
}

static enum frame_next conn_break(struct conn *c, const char *what) {
    c->broken = ERR_CORRUPT;
    snprintf(c->broken_why, sizeof c->broken_why, "%s %s", c->name, what);
    return FRAME_STOP;
}

static enum frame_next conn_on_frame(void *ctx, uint8_t *frame, size_t n) {
    struct conn *c = ctx;
    struct conn_call *call = c->first;
    if (call == NULL)
        return conn_break(c, "sent an answer to no question · is it a Kafka broker?");
    int32_t correlation_id;
    size_t used;
    struct slice bytes = slice_of(frame, n);
    if (proto_decode_response_header(call->key, call->version, bytes, &correlation_id, &used) != OK ||
        correlation_id != call->correlation_id)
        return conn_break(c, "does not speak Kafka's protocol: an answer does not fit its request");
    c->first = call->next;
    if (c->first == NULL)
        c->last = NULL;
    c->n_calls--;
    int64_t now = wire_now_us();
    c->answered_us = now;
    c->rtt_us = now - call->sent_us;
    if (c->state == CONN_UP && ++c->answers == 1) {
        c->backoff_us = 0;
        conn_worked(c);
    }
    if (c->state == CONN_UP && c->first == NULL)
        timers_cancel(&c->wire->timers, &c->timer);
    struct conn_answer a = {.err = OK,
                            .why = "",
                            .key = call->key,
                            .version = call->version,
                            .body = slice_of(frame + used, n - used),
                            .sent_us = call->sent_us,
                            .at_us = now};
    if (call->done != NULL)
        call->done(call->ctx, &a);
    free(call);
    return c->is_buried || c->broken != OK ? FRAME_STOP : FRAME_GO_ON;
}

void conn_closed_by_peer(struct conn *c, int error) {
    const char *cause = error != 0 ? errno_text(error) : "it closed the connection";
    const struct security *s = c->wire->security;
    if (c->state == CONN_SECURING)
        conn_cut_handshake(c, cause);
    else if (c->state == CONN_LOGIN)
        conn_fail(c, ERR_NET, "cannot log in to %s: %s in the middle of the login", c->name, cause);
    else if (c->state == CONN_VERSIONS && c->tls != NULL)
        conn_fail(c, ERR_NET, "cannot talk to %s: %s after the TLS handshake%s", c->name, cause,
                  c->has_worked ? "" : " · is it a Kafka broker?");
    else if (c->state == CONN_UP && s != NULL && s->sasl && c->answers == 0)
        conn_fail(c, ERR_NET, "cannot talk to %s: %s after the login", c->name, cause);
    else if (c->state == CONN_VERSIONS)
        conn_fail(c, ERR_NET, "cannot talk to %s: %s at the first request%s", c->name, cause,
                  c->has_worked ? "" : " · does it want TLS (-X security.protocol=ssl)?");
    else if (c->answers == 0 && c->first != NULL && !c->has_worked)
        conn_fail(c, ERR_NET, "cannot talk to %s: %s · does it want SASL (-X security.protocol=%s)?", c->name, cause,
                  c->tls != NULL ? "sasl_ssl" : "sasl_plaintext");
    else
        conn_fail(c, ERR_NET, "lost %s: %s", c->name, cause);
}

static void conn_bad_size(struct conn *c, const uint8_t bad[4]) {
    const char *guess = memcmp(bad, "HTTP", 4) == 0 ? "HTTP" : frame_guess(bad);
    if (guess != NULL)
        conn_fail(c, ERR_CORRUPT, "%s does not speak Kafka's protocol in the clear, it looks like %s%s", c->name, guess,
                  strcmp(guess, "TLS") != 0                                         ? ""
                  : c->wire->security != NULL && c->wire->security->sasl ? " · try -X security.protocol=sasl_ssl"
                                                                         : " · try -X security.protocol=ssl");
    else
        conn_fail(c, ERR_CORRUPT, "%s does not speak Kafka's protocol: it announced %lu bytes", c->name,
                  (unsigned long)be32_get(bad));
}

bool conn_take(struct conn *c, size_t n) {
    uint8_t bad[4];
    c->depth++;
    enum err e = frame_reader_received(&c->in, &c->wire->pool, n, c->frame_max, conn_on_frame, c, bad);
    c->depth--;
    if (c->is_buried)
        return false;
    if (c->broken != OK) {
        enum err broken = c->broken;
        c->broken = OK;
        conn_fail(c, broken, "%s", c->broken_why);
        return false;
    }
    if (e != OK) {
        conn_bad_size(c, bad);
        return false;
    }
    return c->fd >= 0;
}

static void conn_receive(struct conn *c) {
    for (int turns = 0; turns < 8 && c->fd >= 0; turns++) {
        struct iovec iov[2];
        int k = frame_reader_room(&c->in, &c->wire->pool, iov);
        size_t room = iov[0].iov_len + (k > 1 ? iov[1].iov_len : 0);
        ssize_t n = readv(c->fd, iov, k);
        if (n < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n <= 0) {
            conn_closed_by_peer(c, n < 0 ? errno : 0);
            return;
        }
        if (!conn_take(c, (size_t)n) || (size_t)n < room)
            return;
    }
}

/* ---- connecting ---- */

static void conn_established(struct conn *c) {
    conn_forget_addresses(c);
    c->broken = OK;
    c->frame_max = EARLY_FRAME_MAX;
    conn_want(c, UV_READABLE);
    if (c->wire->security != NULL && c->wire->security->tls)
        conn_start_tls(c);
    else
        conn_greet(c);
}

void conn_greet(struct conn *c) {
    c->state = CONN_VERSIONS;
    conn_ask_versions(c, 3);
}

static void conn_on_poll(uv_poll_t *poll, int status, int events) {
    struct conn *c = poll->data;
    if (c->state == CONN_CONNECTING) {
        int error = 0;
        socklen_t n = sizeof error;
        if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0)
            error = errno;
        if (error == 0 && status < 0)
            error = -status;
        if (error != 0) {
            c->broken = ERR_NET;
            snprintf(c->broken_why, sizeof c->broken_why, "%s", errno_text(error));
            conn_connect_next(c);
        } else {
            conn_established(c);
        }
        return;
    }
    c->depth++;
    if (status == 0 && (events & UV_WRITABLE) != 0)
        conn_flush(c);
    /* After an error too: what the broker said before it reset the connection says why. */
    if (c->fd >= 0 && !c->is_buried && c->tls != NULL)
        conn_receive_sealed(c);
    else if (c->fd >= 0 && !c->is_buried)
        conn_receive(c);
    if (status < 0 && c->fd >= 0 && !c->is_buried)
        conn_closed_by_peer(c, ECONNRESET);
    c->depth--;
}

/* Tries the addresses one after the other; past the last one the connection fails. */
static void conn_connect_next(struct conn *c) {
    for (; c->address != NULL; c->address = c->address->ai_next) {
        if (c->poll != NULL || c->fd >= 0) {
            /* the one before; its timer goes on */
            if (c->poll != NULL) {
                uv_poll_stop(c->poll);
                uv_close((uv_handle_t *)c->poll, poll_closed);
                c->poll = NULL;
                c->poll_events = 0;
            }
            close(c->fd);
            c->fd = -1;
        }
        struct addrinfo *a = c->address;
        c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (c->fd < 0)
            continue;
        int one = 1;
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (connect(c->fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EINPROGRESS) {
            snprintf(c->broken_why, sizeof c->broken_why, "%s", errno_text(errno));
            continue;
        }
        c->poll = mem_zalloc(sizeof *c->poll);
        if (uv_poll_init_socket(c->wire->loop, c->poll, c->fd) != 0) {
            free(c->poll);
            c->poll = NULL;
            continue;
        }
        c->poll->data = c;
        c->state = CONN_CONNECTING;
        c->address = a->ai_next;
        conn_want(c, UV_WRITABLE);
        return;
    }
    const char *cause = c->broken_why[0] != '\0' ? c->broken_why : "no usable address";
    c->broken = OK;
    conn_fail(c, ERR_NET, "cannot reach %s: %s · is the broker up?", c->name, cause);
}

static void conn_resolved(struct conn *c, int status, struct addrinfo *list) {
    if (status != 0) {
        conn_fail(c, ERR_NOT_FOUND, "cannot reach %s: the name does not resolve (%s) · is it spelled right?", c->name,
                  status == UV_EAI_NONAME || status == UV_EAI_NODATA ? "unknown host" : uv_strerror(status));
        return;
    }
    c->addresses = c->address = list;
    c->broken_why[0] = '\0';
    conn_connect_next(c);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *list) {
    struct conn_resolve *r = (struct conn_resolve *)(void *)req;
    struct conn *c = r->conn;
    free(r);
    if (c == NULL) {
        if (status == 0)
            uv_freeaddrinfo(list);
        return;
    }
    c->resolve = NULL;
    c->depth++;
    conn_resolved(c, status, list);
    c->depth--;
}

void conn_open(struct conn *c) {
    if (c->is_buried || (c->state != CONN_IDLE && c->state != CONN_DOWN))
        return;
    int64_t now = wire_now_us();
    if (c->state == CONN_DOWN && now < c->retry_at_us)
        return;
    c->state = CONN_RESOLVING;
    if (c->wire->security != NULL && c->wire->security->refused.code != OK) {
        conn_fail(c, ERR_UNSUPPORTED, "%s", c->wire->security->refused.text);
        return;
    }
    timers_set(&c->wire->timers, &c->timer, now + c->patience_us);
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)c->port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *list = NULL;
    /* A numeric address needs no resolver and no thread. */
    if (getaddrinfo(c->host, service, &hints, &list) == 0) {
        conn_resolved(c, 0, list);
        return;
    }
    hints.ai_flags = AI_ADDRCONFIG;
    c->resolve = mem_zalloc(sizeof *c->resolve);
    c->resolve->conn = c;
    int e = uv_getaddrinfo(c->wire->loop, &c->resolve->req, on_resolved, c->host, service, &hints);
    if (e != 0) {
        free(c->resolve);
        c->resolve = NULL;
        conn_resolved(c, e, NULL);
    }
}

void conn_wait(struct conn *c, int64_t us) {
    c->state = CONN_DOWN;
    c->backoff_us = us;
    c->retry_at_us = wire_now_us() + us;
}

void conn_hurry(struct conn *c) {
    c->backoff_us = 0;
    c->retry_at_us = 0;
}

/* ---- life ---- */

struct conn *conn_new(struct wire *w, const char *host, uint16_t port, void *user) {
    struct conn *c = mem_zalloc(sizeof *c);
    c->wire = w;
    c->fd = -1;
    c->port = port;
    c->user = user;
    c->metadata_level = c->metadata_in_use = -1;
    c->patience_us = CONN_CONNECT_US;
    c->timer.fire = conn_on_timer;
    c->login_timer.fire = conn_on_login_timer;
    snprintf(c->host, sizeof c->host, "%s", host);
    char joined[ADDR_TEXT_SIZE];
    addr_join(c->host, port, joined);
    text_safe(slice_cstr(joined), c->name, sizeof c->name);
    struct conn_place *place;
    HASH_FIND_STR(w->worked, c->name, place);
    c->has_worked = place != NULL;
    return c;
}

static void conn_delete(struct conn *c) {
    buf_fini(&c->out);
    free(c);
}

void conn_free(struct conn *c) {
    if (c == NULL || c->is_buried)
        return;
    c->is_buried = true;
    snprintf(c->why, sizeof c->why, "the connection to %s was closed", c->name);
    conn_close_socket(c);
    conn_forget_addresses(c);
    c->state = CONN_DOWN;
    conn_end_calls(c, ERR_CLOSED);
    for (struct conn **at = &c->wire->dirty; *at != NULL; at = &(*at)->next_dirty)
        if (*at == c) {
            *at = c->next_dirty;
            break;
        }
    c->is_dirty = false;
    c->next_dirty = c->wire->buried;
    c->wire->buried = c;
}

int conn_version(const struct conn *c, int16_t key, int max) {
    const struct proto_message *m = proto_find(PK_REQUEST, key);
    if (m == NULL || key < 0 || key >= CONN_API_KEYS)
        return -1;
    int low = m->min > c->apis[key].min ? m->min : c->apis[key].min;
    int high = m->max < c->apis[key].max ? m->max : c->apis[key].max;
    if (high > max)
        high = max;
    return high >= low ? high : -1;
}

enum err conn_decode(const struct conn_answer *a, struct arena *arena, void *body) {
    arena_reset(arena);
    size_t cap = a->body.n < DECODE_CAP_MAX / 16 ? a->body.n * 16 + 1024 * 1024 : DECODE_CAP_MAX;
    arena->cap_bytes = cap;
    size_t used;
    return proto_decode(proto_find(PK_RESPONSE, a->key), a->version, a->body, arena, body, &used);
}
