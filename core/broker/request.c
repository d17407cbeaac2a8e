/* Requests: from a frame to an answer in its turn.
 *
 * A connection's requests form a queue, oldest first.  Handlers are called as
 * frames arrive; an answer leaves when all before it have left.  Requests that
 * wait for the store's durable point also hang in the broker's durable queue,
 * whose tickets ascend: a request with an older ticket than the last one waits
 * for the last one's.
 *
 * Ownership: the broker's; a request is freed when its answer was handed to the
 * sink or its connection was closed.  Thread: the broker's. */
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/broker/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A frame may ask for answers many times its size; this much is granted beyond it. */
#define ARENA_BASE_BYTES ((size_t)256 << 20)
/* Requests that are begun hold their bytes until they are answered, and a long poll may wait for long. */
#define BEGUN_ALL_BYTES ((size_t)256 << 20)
#define BEGUN_SMALL_BYTES ((size_t)1 << 20)
#define SPARE_MAX 256
#define SPARE_ARENA_BYTES ((size_t)64 << 10)
#define N_KEYS 128

static handler_fn *const handlers[N_KEYS] = {
#define HANDLER(key, name) [key] = handle_##name,
#include "core/broker/handlers.def"
#undef HANDLER
};

void broker_response_free(struct broker_response *r) {
    if (r == NULL)
        return;
    proto_out_fini(&r->out);
    buf_fini(&r->records);
    free(r);
}

static struct request *request_new(struct broker_conn *c, const struct api *api) {
    struct broker *b = c->broker;
    struct request *rq = b->spare;
    if (rq != NULL) {
        b->spare = rq->next;
        b->n_spare--;
        struct arena kept = rq->arena;
        *rq = (struct request){.arena = kept};
    } else {
        rq = mem_zalloc(sizeof *rq);
        arena_init(&rq->arena, ARENA_BASE_BYTES);
    }
    rq->conn = c;
    rq->api = api;
    rq->prev = c->last;
    if (c->last != NULL)
        c->last->next = rq;
    else
        c->first = rq;
    c->last = rq;
    c->unfinished++;
    return rq;
}

static void request_unlink(struct request *rq) {
    struct broker_conn *c = rq->conn;
    *(rq->prev != NULL ? &rq->prev->next : &c->first) = rq->next;
    *(rq->next != NULL ? &rq->next->prev : &c->last) = rq->prev;
    c->unfinished--;
    c->begun_bytes -= rq->begun_bytes;
    rq->conn = NULL;
}

/* The memory only; the request is in no queue any more. */
static void request_release(struct broker *b, struct request *rq) {
    broker_response_free(rq->response);
    b->begun_bytes -= rq->begun_bytes;
    if (b->n_spare < SPARE_MAX && rq->arena.used_bytes <= SPARE_ARENA_BYTES) {
        arena_reset(&rq->arena);
        rq->next = b->spare;
        b->spare = rq;
        b->n_spare++;
        return;
    }
    arena_fini(&rq->arena);
    free(rq);
}

/* Takes it off its connection.  One that hangs in the durable queue stays there
 * as a dead entry and is released when its turn comes. */
void request_free(struct broker *b, struct request *rq) {
    if (rq->conn != NULL)
        request_unlink(rq);
    if (rq->state == REQUEST_WAITS_DURABLE)
        rq->dead = true;
    else
        request_release(b, rq);
}

/* Sends what stands answered at the head of the connection's queue. */
static void conn_flush(struct broker *b, struct broker_conn *c) {
    while (c->first != NULL && c->first->state == REQUEST_ANSWERED) {
        struct request *rq = c->first;
        struct broker_response *r = rq->response;
        if (rq->hang_up) {
            if (!c->closing)
                c->sink->hang_up(c->sink, rq->hang_up_reason);
            c->closing = true;
            return;
        }
        rq->response = NULL;
        c->held -= rq->held;
        request_free(b, rq);
        if (r != NULL) {
            b->stats.bytes_out += proto_out_size(&r->out);
            c->sink->send(c->sink, r);
        }
    }
    (void)broker_conn_drained(c);
}

static void request_answered(struct broker *b, struct request *rq) {
    if (rq->state == REQUEST_PARKED)
        b->stats.parked--;
    rq->state = REQUEST_ANSWERED;
    rq->held = rq->response != NULL ? proto_out_size(&rq->response->out) : 0;
    rq->conn->held += rq->held;
    if (rq == rq->conn->first)
        conn_flush(b, rq->conn);
}

static void request_encode(struct request *rq, const struct proto_message *m, int version, const void *response) {
    if (rq->response == NULL)
        rq->response = mem_zalloc(sizeof *rq->response);
    struct proto_out *out = &rq->response->out;
    proto_out_clear(out);
    buf_put_be32(&out->head, 0);
    proto_encode_response_header(rq->header.key, rq->header.version, rq->header.correlation_id, &out->head);
    proto_encode(m, version, response, out);
    be32_set(out->head.p, (uint32_t)(proto_out_size(out) - 4));
}

void request_hang_up(struct broker *b, struct request *rq, const char *reason) {
    rq->conn->ending = true;
    rq->hang_up = true;
    rq->hang_up_reason = reason;
    request_answered(b, rq);
}

void request_reply(struct broker *b, struct request *rq, const void *response) {
    if (rq->too_large) {
        request_hang_up(b, rq, "the answer would be too large");
        return;
    }
    request_encode(rq, rq->api->response, rq->header.version, response);
    request_answered(b, rq);
}

void request_reply_when(struct broker *b, struct request *rq, uint64_t ticket, const void *response) {
    if (rq->too_large || ticket == 0 || ticket <= store_durable(b->store)) {
        request_reply(b, rq, response);
        return;
    }
    request_encode(rq, rq->api->response, rq->header.version, response);
    weir_assert(rq->state == REQUEST_RUNNING);
    rq->state = REQUEST_WAITS_DURABLE;
    rq->ticket = ticket;
    rq->next_durable = NULL;
    if (b->durable_last == NULL) {
        b->durable_first = rq;
    } else {
        if (rq->ticket < b->durable_last->ticket)
            rq->ticket = b->durable_last->ticket;
        b->durable_last->next_durable = rq;
    }
    b->durable_last = rq;
}

void request_park(struct request *rq, void (*on_abandoned)(struct broker *, struct request *), void *wait) {
    weir_assert(rq->state == REQUEST_RUNNING);
    rq->state = REQUEST_PARKED;
    rq->on_abandoned = on_abandoned;
    rq->wait = wait;
    rq->conn->broker->stats.parked++;
}

static void retry_unlink(struct broker *b, struct request *rq) {
    *(rq->retry_prev != NULL ? &rq->retry_prev->retry_next : &b->retries) = rq->retry_next;
    if (rq->retry_next != NULL)
        rq->retry_next->retry_prev = rq->retry_prev;
}

void request_park_until_readable(struct broker *b, struct request *rq,
                                 void (*retry)(struct broker *, struct request *)) {
    rq->retry = retry;
    rq->retry_prev = NULL;
    rq->retry_next = b->retries;
    if (rq->retry_next != NULL)
        rq->retry_next->retry_prev = rq;
    b->retries = rq;
    if (rq->state == REQUEST_RUNNING)
        request_park(rq, retry_unlink, rq->wait);
}

void request_run_retries(struct broker *b) {
    if (!b->readable)
        return;
    b->readable = false;
    struct request *rq = b->retries, *next;
    b->retries = NULL;
    for (; rq != NULL; rq = next) {
        next = rq->retry_next;
        if (next != NULL)
            next->retry_prev = NULL;
        rq->retry(b, rq); /* perhaps back into b->retries */
    }
}

void request_finish_silently(struct broker *b, struct request *rq) {
    broker_response_free(rq->response);
    rq->response = NULL;
    request_answered(b, rq);
}

/* The ticket will never be durable: the handler says what that means for the answer. */
static void request_failed(struct broker *b, struct request *rq) {
    rq->state = REQUEST_RUNNING;
    if (rq->on_failed != NULL)
        rq->on_failed(b, rq);
    else
        request_hang_up(b, rq, "the store failed");
}

void request_on_durable(struct broker *b, uint64_t durable, enum err result) {
    if (result != OK && b->failed == OK) {
        b->failed = result;
        log_error("The store failed (%s): the broker takes no more changes.", err_name(result));
    }
    while (b->durable_first != NULL && (b->durable_first->ticket <= durable || b->failed != OK)) {
        struct request *rq = b->durable_first;
        b->durable_first = rq->next_durable;
        if (b->durable_first == NULL)
            b->durable_last = NULL;
        if (rq->dead) {
            request_release(b, rq);
        } else if (rq->ticket <= durable) {
            request_answered(b, rq);
        } else {
            request_failed(b, rq);
        }
    }
}

/* ---- the request's memory ---- */

void *request_alloc(struct request *rq, size_t n) {
    void *p = arena_zalloc(&rq->arena, n);
    if (p == NULL) {
        /* The handler goes on, the answer is not sent.  What it can still ask for
         * is bounded by what the decoder let through. */
        rq->too_large = true;
        rq->arena.exhausted = false;
        rq->arena.cap_bytes = SIZE_MAX / 2;
        p = arena_zalloc(&rq->arena, n);
        if (p == NULL)
            weir_oom(n);
    }
    return p;
}

void *request_alloc_array(struct request *rq, const struct proto_struct *s, int64_t n) {
    size_t count = n < 0 ? 0 : (size_t)n;
    uint8_t *p = request_alloc(rq, count == 0 ? 1 : count * s->size);
    if (count == 0)
        return p;
    proto_init(s, p);
    for (size_t i = 1; i < count; i++)
        memcpy(p + i * s->size, p, s->size);
    return p;
}

struct slice request_dup(struct request *rq, struct slice s) {
    if (s.p == NULL)
        return s;
    uint8_t *p = request_alloc(rq, s.n + 1);
    memcpy(p, s.p, s.n);
    return slice_of(p, s.n);
}

struct slice request_printf(struct request *rq, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    weir_assert(n >= 0);
    char *p = request_alloc(rq, (size_t)n + 1);
    va_start(args, format);
    vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    return slice_of(p, (size_t)n);
}

struct slice request_utf8(struct request *rq, struct slice s) {
    bool plain = true;
    for (size_t i = 0; i < s.n && plain; i++)
        plain = s.p[i] < 0x80;
    if (plain)
        return s;
    uint8_t *out = request_alloc(rq, s.n * 3);
    size_t n = 0;
    for (size_t i = 0; i < s.n;) {
        int32_t cp;
        size_t used = text_next(s.p + i, s.n - i, &cp);
        if (cp < 0) {
            memcpy(out + n, "\xef\xbf\xbd", 3);
            n += 3;
        } else {
            memcpy(out + n, s.p + i, used);
            n += used;
        }
        i += used;
    }
    return slice_of(out, n);
}

bool request_client_is(const struct request *rq, const char *client_id) {
    return slice_is(rq->header.client_id, client_id);
}

/* ---- connections ---- */

struct broker_conn *broker_conn_open(struct broker *b, struct broker_sink *sink, const char *host, int32_t port,
                                     const char *peer) {
    struct broker_conn *c = mem_zalloc(sizeof *c);
    c->broker = b;
    c->sink = sink;
    c->host = mem_strdup(host);
    c->port = port;
    c->peer = mem_strdup(peer);
    c->next = b->conns;
    if (b->conns != NULL)
        b->conns->prev = c;
    b->conns = c;
    b->stats.connections++;
    return c;
}

void broker_conn_close(struct broker_conn *c) {
    struct broker *b = c->broker;
    c->closing = true;
    while (c->first != NULL) {
        struct request *rq = c->first;
        if (rq->state == REQUEST_PARKED) {
            b->stats.parked--;
            rq->on_abandoned(b, rq);
        }
        request_free(b, rq);
    }
    *(c->prev != NULL ? &c->prev->next : &b->conns) = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    b->stats.connections--;
    free(c->host);
    free(c->peer);
    free(c);
}

size_t broker_conn_unfinished(const struct broker_conn *c) {
    return c->unfinished;
}

size_t broker_conn_held(const struct broker_conn *c) {
    return c->held;
}

bool broker_conn_drained(struct broker_conn *c) {
    struct request *rq = c->first;
    return rq != NULL && rq->state == REQUEST_PARKED && rq->on_turn != NULL && rq->on_turn(c->broker, rq);
}

/* KIP-511: the answer that every client can read, whatever it asked with. */
static void answer_unknown_api_versions(struct broker *b, struct request *rq) {
    struct api_versions_resp_version *v = request_array(rq, api_versions_resp_version, 1);
    struct api_versions_resp resp;
    proto_init(PROTO_STRUCT(api_versions_resp), &resp);
    v->api_key = API_API_VERSIONS;
    v->min_version = rq->api->advertised_min;
    v->max_version = rq->api->advertised_max;
    resp.error_code = KAFKA_UNSUPPORTED_VERSION;
    resp.api_keys.n = 1;
    resp.api_keys.v = v;
    request_encode(rq, rq->api->response, 0, &resp);
    request_answered(b, rq);
}

size_t broker_begun_bytes(const struct broker *b) { return b->begun_bytes; }

/* Many large requests wait, of which one more of this connection would be too much.  A batch is not kept. */
static bool no_room(struct broker_conn *c, int16_t key, size_t n) {
    size_t more = key == API_PRODUCE ? 0 : n;
    if (c->broker->begun_bytes + more <= BEGUN_ALL_BYTES || c->begun_bytes + more <= BEGUN_SMALL_BYTES)
        return false;
    c->closing = true;
    c->sink->hang_up(c->sink, "its requests are large, and there is no room for more that wait");
    return true;
}

enum err broker_conn_frame(struct broker_conn *c, uint8_t *frame, size_t n) {
    struct broker *b = c->broker;
    if (c->closing || c->ending)
        return OK;
    if (n < 8)
        return ERR_CORRUPT;
    int16_t key = (int16_t)be16_get(frame), version = (int16_t)be16_get(frame + 2);
    const struct api *api = api_find(key);
    if (api == NULL || key < 0 || key >= N_KEYS || handlers[key] == NULL)
        return ERR_UNSUPPORTED;
    if (!api_serves(api, version) && key != API_API_VERSIONS)
        return ERR_UNSUPPORTED;
    if (no_room(c, key, n))
        return OK;
    struct request *rq = request_new(c, api);
    b->stats.requests++;
    b->stats.requests_by_api[key]++;
    b->stats.bytes_in += n + 4;
    if (!api_serves(api, version)) {
        rq->header = (struct proto_request_header){key, version, (int32_t)be32_get(frame + 4), SLICE_NULL};
        answer_unknown_api_versions(b, rq);
        return OK;
    }
    rq->arena.cap_bytes = ARENA_BASE_BYTES + 4 * n;
    struct slice in = slice_of(frame, n);
    if (key != API_PRODUCE)
        in = request_dup(rq, in);
    size_t used;
    enum err e = proto_decode_request_header(in, &rq->header, &used);
    if (e == OK) {
        rq->body = request_alloc(rq, api->request->body->size);
        e = proto_decode(api->request, version, slice_of(in.p + used, in.n - used), &rq->arena, rq->body, &used);
    }
    if (e != OK) {
        request_free(b, rq);
        return e;
    }
    rq->begun_bytes = rq->arena.used_bytes;
    c->begun_bytes += rq->begun_bytes;
    b->begun_bytes += rq->begun_bytes;
    handlers[key](b, rq);
    return OK;
}
