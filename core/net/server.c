/* Listeners and connections of the broker; see server.h.
 *
 * Connections hang in one list by their last activity, oldest first, so that the
 * idle check looks at the head only.  A connection with something to send or to
 * end is also on the turn's `dirty` list. */
#include "core/net/server.h"

#include "core/base/log.h"
#include "core/io/frame.h"
#include "core/io/listen.h"
#include "core/io/sock.h"

#include <stdio.h>
#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <unistd.h>

#define SCRATCH_SIZE (128 * 1024)
#define RECEIVES_PER_TURN 16                      /* per connection: fairness */
#define UNSENT_MAX (8 * 1024 * 1024)              /* bytes of one connection */
#define UNSENT_ALL_MAX (256 * 1024 * 1024)        /* of all; past it who owes reads no more, and nobody gets records */
#define ANSWER_SHARE 4                            /* an answer's records take a part of what is left of that */
#define STALLED_S 5                               /* who takes nothing so long, while others wait for room, is closed */
#define INCOMPLETE_ALL_MAX ((size_t)1024 * 1024 * 1024) /* bytes of requests that are not whole yet */
#define INCOMPLETE_SMALL (1024 * 1024)            /* who has no more of them is never closed for it */
#define UNFINISHED_MAX 256                        /* requests of one connection */
#define IDLE_DEFAULT_MS (10 * 60 * 1000)
#define TRIM_AFTER_MS 10000
#define SWOLLEN_BYTES ((size_t)32 * 1024 * 1024)  /* unsent, incomplete, waiting: given back when freed */
#define COMPLAINTS_PER_SPAN 10
#define COMPLAINT_SPAN_MS 10000
#define SEND_PIECES 256

struct conn {
    uv_poll_t poll;
    struct broker_sink sink;
    struct server *server;
    struct broker_conn *broker_conn;              /* NULL once closed */
    struct frame_reader in;
    struct broker_response *out_first, **out_last;
    size_t unsent;                                /* bytes of the answers in the queue: their memory goes as a whole */
    size_t first_sent;                            /* of the first one, what left */
    uint64_t last_ms;
    uint32_t taken_s;                             /* when it last took bytes, or owed none */
    struct conn *older, *newer;
    struct conn *next_dirty;
    int fd;
    uint8_t watching;                             /* the events uv_poll has */
    bool paused, dirty, doomed;
};

struct endpoint {
    struct server *server;
    struct listener *listener;
    char *host;                                   /* NULL: the address the client came to */
};

struct server {
    uv_loop_t *loop;
    struct broker *broker;
    struct env *env;
    struct server_config config;
    char *advertise_host;
    struct frame_pool pool;
    uv_check_t check;
    uv_timer_t timer;
    uint64_t armed_ms;                            /* what the timer is set to; 0: off */
    struct endpoint endpoints[8];
    size_t n_endpoints;
    struct conn *oldest, *newest;
    size_t n_conns;
    struct conn *dirty;
    size_t unsent;
    uint64_t trim_at_ms;
    bool swollen;
    uint64_t complaints_from_ms;
    unsigned complaints;
    void (*turn)(void *ctx);
    void *turn_ctx;
    bool stopping;
    bool resumed;                                 /* frames were begun after the broker's end of tick */
    bool starved;                                 /* an answer waits for room that others take */
    uint64_t stalled_at_ms;                       /* when to look for those others */
};

/* ---- small parts ---- */

/* A line about a client, unless clients have caused many already. */
static bool may_complain(struct server *s) {
    uint64_t now_ms = uv_now(s->loop);
    if (s->complaints_from_ms == 0 || now_ms - s->complaints_from_ms > COMPLAINT_SPAN_MS) {
        if (s->complaints > COMPLAINTS_PER_SPAN)
            log_warn("%u more lines about connections were left out", s->complaints - COMPLAINTS_PER_SPAN);
        s->complaints_from_ms = now_ms;
        s->complaints = 0;
    }
    return ++s->complaints <= COMPLAINTS_PER_SPAN;
}

static void age_unlink(struct server *s, struct conn *c) {
    *(c->older != NULL ? &c->older->newer : &s->oldest) = c->newer;
    *(c->newer != NULL ? &c->newer->older : &s->newest) = c->older;
}

static void age_append(struct server *s, struct conn *c) {
    c->last_ms = uv_now(s->loop);
    c->newer = NULL;
    c->older = s->newest;
    *(s->newest != NULL ? &s->newest->newer : &s->oldest) = c;
    s->newest = c;
}

static void touch(struct conn *c) {
    c->last_ms = uv_now(c->server->loop);
    if (c->newer != NULL) {
        age_unlink(c->server, c);
        age_append(c->server, c);
    }
}

static void make_dirty(struct conn *c) {
    if (c->dirty)
        return;
    c->dirty = true;
    c->next_dirty = c->server->dirty;
    c->server->dirty = c;
}

static void doom(struct conn *c) {
    c->doomed = true;
    make_dirty(c);
}

/* ---- receiving ---- */

static void on_events(uv_poll_t *poll, int status, int events);

static void watch(struct conn *c, bool want_write) {
    bool read = !c->paused && !c->server->stopping;
    uint8_t events = (uint8_t)((read ? UV_READABLE : 0) | (want_write ? UV_WRITABLE : 0));
    if (events == c->watching)
        return;
    c->watching = events;
    /* Even with nothing wanted the kernel reports a broken connection. */
    uv_poll_start(&c->poll, events != 0 ? events : UV_DISCONNECT, on_events);
}

static bool owes_too_much(const struct conn *c) {
    size_t owed = c->unsent + broker_conn_held(c->broker_conn);
    return owed > UNSENT_MAX || broker_conn_unfinished(c->broker_conn) > UNFINISHED_MAX ||
           (owed > 0 && c->server->unsent > UNSENT_ALL_MAX);
}

static bool owes_little(const struct conn *c) {
    size_t owed = c->unsent + broker_conn_held(c->broker_conn);
    return owed <= UNSENT_MAX / 2 && broker_conn_unfinished(c->broker_conn) <= UNFINISHED_MAX / 2 &&
           (owed == 0 || c->server->unsent <= UNSENT_ALL_MAX);
}

static enum frame_next on_frame(void *ctx, uint8_t *frame, size_t n) {
    struct conn *c = ctx;
    if (c->doomed)
        return FRAME_STOP;
    if (broker_conn_frame(c->broker_conn, frame, n) != OK) {
        doom(c);
        return FRAME_STOP;
    }
    if (c->doomed)
        return FRAME_STOP;
    if (owes_too_much(c)) {
        c->paused = true;
        make_dirty(c);
        return FRAME_STOP;
    }
    return FRAME_GO_ON;
}

static void bad_frame(struct conn *c, const uint8_t first[4]) {
    doom(c);
    if (!may_complain(c->server))
        return;
    char text[ADDR_TEXT_SIZE];
    const char *guess = frame_guess(first), *peer = sock_peer_text(c->fd, text);
    if (guess == NULL)
        log_warn("%s sent a frame of %u bytes, above the limit of %d: closed", peer, be32_get(first), FRAME_SIZE_MAX);
    else if (*guess == 'T')
        log_warn("%s speaks TLS, which this listener does not: closed (it takes security.protocol=PLAINTEXT)", peer);
    else
        log_warn("%s speaks HTTP and this is a Kafka port: closed", peer);
}

/* Many large requests at a time, of which this one is too much? */
static bool no_room(struct conn *c) {
    struct server *s = c->server;
    if (s->pool.held <= INCOMPLETE_ALL_MAX || c->in.cap <= INCOMPLETE_SMALL)
        return false;
    doom(c);
    char peer[ADDR_TEXT_SIZE];
    if (may_complain(s))
        log_warn("%s: closed: its request is of %u bytes, and there is no room for more of them",
                 sock_peer_text(c->fd, peer), be32_get(c->in.p));
    return true;
}

static void receive(struct conn *c) {
    struct server *s = c->server;
    touch(c);
    for (int i = 0; i < RECEIVES_PER_TURN && !c->doomed && !c->paused; i++) {
        struct iovec iov[2];
        int k = frame_reader_room(&c->in, &s->pool, iov);
        size_t room = iov[0].iov_len + (k > 1 ? iov[1].iov_len : 0);
        ssize_t got = sock_receive(c->fd, iov, k);
        if (got == -1)
            return;
        if (got <= 0) {
            doom(c);
            return;
        }
        uint8_t bad[4];
        if (frame_reader_received(&c->in, &s->pool, (size_t)got, FRAME_SIZE_MAX, on_frame, c, bad) != OK) {
            bad_frame(c, bad);
            return;
        }
        if (no_room(c) || (size_t)got < room)
            return;
    }
}

/* Back to reading; first what was kept when it was paused. */
static void resume(struct conn *c) {
    uint8_t bad[4];
    c->paused = false;
    c->server->resumed = true;
    if (frame_reader_resume(&c->in, &c->server->pool, FRAME_SIZE_MAX, on_frame, c, bad) != OK)
        bad_frame(c, bad);
}

/* ---- sending ---- */

static uint32_t now_s(const struct server *s) {
    return (uint32_t)(uv_now(s->loop) / 1000);
}

/* Who takes his answers finds room; what the others leave unread is shared out in ever smaller parts. */
static size_t room(struct broker_sink *sink) {
    struct conn *c = (struct conn *)((char *)sink - offsetof(struct conn, sink));
    struct server *s = c->server;
    if (c->unsent > UNSENT_MAX / 2)
        return 0;
    if (s->unsent < UNSENT_ALL_MAX)
        return (UNSENT_ALL_MAX - s->unsent) / ANSWER_SHARE + 1;
    s->starved = true;
    return 0;
}

static void on_answer(struct broker_sink *sink, struct broker_response *r) {
    struct conn *c = (struct conn *)((char *)sink - offsetof(struct conn, sink));
    size_t n = proto_out_size(&r->out);
    if (c->unsent == 0)
        c->taken_s = now_s(c->server);
    r->next = NULL;
    *c->out_last = r;
    c->out_last = &r->next;
    c->unsent += n;
    c->server->unsent += n;
    make_dirty(c);
}

static void on_hang_up(struct broker_sink *sink, const char *reason) {
    struct conn *c = (struct conn *)((char *)sink - offsetof(struct conn, sink));
    if (!c->doomed && reason != NULL && may_complain(c->server)) {
        char peer[ADDR_TEXT_SIZE];
        log_warn("%s: closed: %s", sock_peer_text(c->fd, peer), reason);
    }
    doom(c);
}

static void piece(struct iovec *iov, int *k, const uint8_t *p, size_t n, size_t *skip) {
    if (n <= *skip) {
        *skip -= n;
        return;
    }
    iov[(*k)++] = (struct iovec){(void *)(uintptr_t)(p + *skip), n - *skip};
    *skip = 0;
}

/* The bytes of an answer after the first `skip`: head and records in turn. */
static int answer_pieces(const struct broker_response *r, size_t skip, struct iovec *iov, int max) {
    const struct proto_out *o = &r->out;
    int k = 0;
    size_t at = 0;
    for (size_t i = 0; i < o->n_refs && k + 1 < max; i++) {
        piece(iov, &k, o->head.p + at, o->refs[i].at - at, &skip);
        piece(iov, &k, o->refs[i].bytes.p, o->refs[i].bytes.n, &skip);
        at = o->refs[i].at;
    }
    if (k + 1 < max)
        piece(iov, &k, o->head.p + at, o->head.n - at, &skip);
    return k;
}

static void sent(struct conn *c, size_t n) {
    c->taken_s = now_s(c->server);
    while (c->out_first != NULL) {
        struct broker_response *r = c->out_first;
        size_t whole = proto_out_size(&r->out), left = whole - c->first_sent;
        if (n < left) {
            c->first_sent += n;
            return;
        }
        n -= left;
        c->first_sent = 0;
        c->unsent -= whole;
        c->server->unsent -= whole;
        c->out_first = r->next;
        if (c->out_first == NULL)
            c->out_last = &c->out_first;
        broker_response_free(r);
    }
}

/* Writes as much as the socket takes; false: it broke. */
static bool flush(struct conn *c) {
    while (c->out_first != NULL) {
        struct iovec iov[SEND_PIECES];
        int k = 0;
        size_t skip = c->first_sent;
        for (struct broker_response *r = c->out_first; r != NULL && k + 2 < SEND_PIECES; r = r->next) {
            int added = answer_pieces(r, skip, iov + k, SEND_PIECES - k);
            k += added;
            skip = 0;
            if (k + 2 >= SEND_PIECES)
                break;
        }
        ssize_t n = sock_send(c->fd, iov, k);
        if (n < 0)
            return n == -1;
        sent(c, (size_t)n);
    }
    return true;
}

/* ---- coming and going ---- */

static void conn_freed(uv_handle_t *h) {
    free(h->data);
}

static void conn_close(struct conn *c) {
    struct server *s = c->server;
    broker_conn_close(c->broker_conn);
    c->broker_conn = NULL;
    frame_reader_fini(&c->in, &s->pool);
    s->unsent -= c->unsent;
    while (c->out_first != NULL) {
        struct broker_response *r = c->out_first;
        c->out_first = r->next;
        broker_response_free(r);
    }
    age_unlink(s, c);
    s->n_conns--;
    uv_close((uv_handle_t *)&c->poll, conn_freed);
    close(c->fd);
}

static void on_events(uv_poll_t *poll, int status, int events) {
    struct conn *c = poll->data;
    if (c->doomed)
        return;
    if (status < 0 || (events & UV_DISCONNECT) != 0) {
        doom(c);
        return;
    }
    if ((events & UV_WRITABLE) != 0)
        make_dirty(c);
    if ((events & UV_READABLE) != 0)
        receive(c);
}

/* What the broker tells this client to connect to. */
static void advertised(const struct server *s, const struct endpoint *ep, int fd, char host[ADDR_HOST_SIZE],
                       uint16_t *port) {
    struct addr own;
    *port = s->config.advertise_port != 0 ? s->config.advertise_port : addr_port(&ep->listener->bound);
    const char *fixed = s->advertise_host != NULL ? s->advertise_host : ep->host;
    if (fixed != NULL)
        snprintf(host, ADDR_HOST_SIZE, "%s", fixed);
    else if (sock_local(fd, &own))
        addr_host(&own, host);
    else
        addr_host(&ep->listener->bound, host);
}

static void accepted(void *ctx, struct listener *l, int fd, const struct addr *peer) {
    struct endpoint *ep = ctx;
    struct server *s = ep->server;
    (void)l;
    if (s->n_conns >= s->config.connections_max) {
        if (may_complain(s))
            log_warn("%zu connections are open, the limit: a new one was closed", s->n_conns);
        close(fd);
        return;
    }
    struct conn *c = mem_zalloc(sizeof *c);
    c->server = s;
    c->fd = fd;
    c->sink.send = on_answer;
    c->sink.hang_up = on_hang_up;
    c->sink.room = room;
    c->out_last = &c->out_first;
    if (uv_poll_init(s->loop, &c->poll, fd) != 0) {
        close(fd);
        free(c);
        return;
    }
    c->poll.data = c;
    char host[ADDR_HOST_SIZE], peer_host[ADDR_HOST_SIZE], from[ADDR_HOST_SIZE + 1];
    uint16_t port;
    advertised(s, ep, fd, host, &port);
    addr_host(peer, peer_host);
    snprintf(from, sizeof from, "/%s", peer_host);
    c->broker_conn = broker_conn_open(s->broker, &c->sink, host, port, from);
    age_append(s, c);
    s->n_conns++;
    watch(c, false);
}

/* ---- the turn ---- */

static void settle(struct conn *c) {
    if (!flush(c))
        c->doomed = true;
    if (c->doomed)
        return;
    if (c->unsent <= UNSENT_MAX / 2 && broker_conn_drained(c->broker_conn))
        c->server->resumed = true;
    if (c->paused && !c->server->stopping && owes_little(c))
        resume(c);
    watch(c, c->out_first != NULL);
}

/* Answers leave, the doomed go.  Resuming can dirty a connection again: until none is left. */
static void settle_all(struct server *s) {
    while (s->dirty != NULL) {
        struct conn *c = s->dirty;
        s->dirty = c->next_dirty;
        c->dirty = false;
        if (!c->doomed)
            settle(c);
        else
            flush(c);
        if (c->doomed && !c->dirty)
            conn_close(c);
    }
}

static uint64_t close_idle(struct server *s) {
    uint64_t now_ms = uv_now(s->loop), idle_ms = (uint64_t)s->config.idle_max_ms;
    while (s->oldest != NULL && s->oldest->last_ms + idle_ms <= now_ms) {
        struct conn *c = s->oldest;
        touch(c); /* off the head in any case */
        if (broker_conn_unfinished(c->broker_conn) == 0)
            doom(c);
    }
    return s->oldest != NULL ? s->oldest->last_ms + idle_ms : UINT64_MAX;
}

/* Answers wait for room: those that leave theirs unread for long are closed. */
static uint64_t close_stalled(struct server *s) {
    if (!s->starved)
        return UINT64_MAX;
    uint64_t now_ms = uv_now(s->loop);
    if (now_ms < s->stalled_at_ms)
        return s->stalled_at_ms;
    s->stalled_at_ms = now_ms + 1000;
    for (struct conn *c = s->oldest; c != NULL; c = c->newer) {
        if (c->unsent == 0 || now_s(s) - c->taken_s < STALLED_S)
            continue;
        doom(c);
        char peer[ADDR_TEXT_SIZE];
        if (may_complain(s))
            log_warn("%s: closed: it leaves %zu bytes of answers unread, and there is no room for others' answers",
                     sock_peer_text(c->fd, peer), c->unsent);
    }
    return s->stalled_at_ms;
}

/* There is room again: who waited for it is looked at. */
static void feed_starved(struct server *s) {
    if (!s->starved || s->unsent >= UNSENT_ALL_MAX)
        return;
    s->starved = false;
    for (struct conn *c = s->oldest; c != NULL; c = c->newer)
        if (!c->doomed && c->unsent <= UNSENT_MAX / 2 && broker_conn_drained(c->broker_conn))
            s->resumed = true;
}

static uint64_t trim(struct server *s) {
    bool swollen = s->unsent + s->pool.held + broker_begun_bytes(s->broker) > SWOLLEN_BYTES;
    s->swollen = s->swollen || swollen;
    if (s->pool.n_spares == 0 && !s->swollen)
        return UINT64_MAX;
    uint64_t now_ms = uv_now(s->loop);
    if (s->trim_at_ms == 0)
        s->trim_at_ms = now_ms + TRIM_AFTER_MS;
    if (s->trim_at_ms > now_ms)
        return s->trim_at_ms;
    frame_pool_trim(&s->pool);
    s->trim_at_ms = 0;
    if (swollen)
        return now_ms + TRIM_AFTER_MS;
#ifdef __GLIBC__
    if (s->swollen)
        malloc_trim(0);
#endif
    s->swollen = false;
    return UINT64_MAX;
}

static void end_turn(struct server *s);

static void timer_fired(uv_timer_t *t) {
    struct server *s = t->data;
    s->armed_ms = 0;
    end_turn(s);
}

static void arm(struct server *s, uint64_t at_ms) {
    if (at_ms == s->armed_ms)
        return;
    s->armed_ms = at_ms;
    uint64_t now_ms = uv_now(s->loop);
    if (at_ms == UINT64_MAX)
        uv_timer_stop(&s->timer);
    else
        uv_timer_start(&s->timer, timer_fired, at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

static void end_turn(struct server *s) {
    int64_t next_us;
    uint64_t stalled_ms;
    do {
        s->resumed = false;
        broker_tick_end(s->broker);
        next_us = broker_tick(s->broker);
        broker_tick_end(s->broker); /* what the timers appended or answered */
        settle_all(s);
        stalled_ms = close_stalled(s);
        settle_all(s); /* the stalled ones */
        feed_starved(s);
    } while (s->resumed);
    uint64_t at_ms = next_us == INT64_MAX ? UINT64_MAX : ((uint64_t)next_us + 999) / 1000;
    uint64_t idle_ms = close_idle(s), trim_ms = trim(s);
    settle_all(s); /* the idle ones */
    at_ms = at_ms < idle_ms ? at_ms : idle_ms;
    at_ms = at_ms < stalled_ms ? at_ms : stalled_ms;
    arm(s, at_ms < trim_ms ? at_ms : trim_ms);
    if (s->turn != NULL)
        s->turn(s->turn_ctx);
}

static void polled(uv_check_t *check) {
    end_turn(check->data);
}

/* ---- the whole ---- */

struct server *server_new(uv_loop_t *loop, struct broker *broker, struct env *env, const struct server_config *config) {
    struct server *s = mem_zalloc(sizeof *s);
    s->loop = loop;
    s->broker = broker;
    s->env = env;
    s->config = *config;
    s->advertise_host = config->advertise_host != NULL ? mem_strdup(config->advertise_host) : NULL;
    if (s->config.connections_max == 0)
        s->config.connections_max = CONNECTIONS_DEFAULT;
    if (s->config.idle_max_ms <= 0)
        s->config.idle_max_ms = IDLE_DEFAULT_MS;
    frame_pool_init(&s->pool, SCRATCH_SIZE);
    uv_check_init(loop, &s->check);
    uv_timer_init(loop, &s->timer);
    s->check.data = s->timer.data = s;
    uv_check_start(&s->check, polled);
    arm(s, uv_now(loop) + 1); /* the first turn sets the rest */
    return s;
}

enum err server_listen(struct server *s, struct listener *l, const char *host, struct error *e) {
    weir_assert(s->n_endpoints < sizeof s->endpoints / sizeof *s->endpoints);
    struct endpoint *ep = &s->endpoints[s->n_endpoints];
    *ep = (struct endpoint){.server = s, .listener = l, .host = host != NULL ? mem_strdup(host) : NULL};
    enum err result = listener_start(l, s->loop, accepted, ep, e);
    if (result == OK)
        s->n_endpoints++;
    else
        free(ep->host);
    return result;
}

void server_stop(struct server *s) {
    s->stopping = true;
    for (size_t i = 0; i < s->n_endpoints; i++)
        listener_stop(s->endpoints[i].listener, NULL);
    for (struct conn *c = s->oldest; c != NULL; c = c->newer)
        watch(c, c->out_first != NULL);
}

bool server_flushed(const struct server *s) {
    return s->unsent == 0;
}

void server_on_turn(struct server *s, void (*turn)(void *ctx), void *ctx) {
    s->turn = turn;
    s->turn_ctx = ctx;
}

void server_close(struct server *s) {
    s->dirty = NULL;
    while (s->oldest != NULL)
        conn_close(s->oldest);
    uv_close((uv_handle_t *)&s->check, NULL);
    uv_close((uv_handle_t *)&s->timer, NULL);
}

void server_free(struct server *s) {
    for (size_t i = 0; i < s->n_endpoints; i++)
        free(s->endpoints[i].host);
    frame_pool_fini(&s->pool);
    free(s->advertise_host);
    free(s);
}

size_t server_connections(const struct server *s) {
    return s->n_conns;
}
