/* Producing by librdkafka: one producer per acks setting and compression, made
 * when first needed, because both are settings of a producer.
 *
 * Delivery reports come through each producer's event queue; its wake-up is an
 * uv_async_send, and the client thread turns them into receipts.
 *
 * A login or a certificate that is refused is nothing that waiting mends: where a
 * producer has delivered nothing yet, what it holds fails at once, with the reason. */
#include "core/client/produce_internal.h"

#include "core/base/text.h"
#include "core/client/rdk.h"

#include <stdlib.h>

#define ACKS_N 3

struct producer {
    rd_kafka_t *rk;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *topic; /* the newest; see producer_topic */
    int acks;
    char *bootstrap;
    char *refused;          /* why the brokers, or one of them, do not let it in; NULL: they do */
    bool delivered;         /* anything yet */
    struct producer *older; /* of the cluster before a reconnect; still delivers what it has */
};
struct prdk {
    struct producer *_Atomic slots[ACKS_N][CODEC_N];
};
struct owed {
    uint64_t id;
    int64_t sent_us;
};

static void on_queue(rd_kafka_t *rk, void *ctx) {
    (void)rk;
    struct client *c = ctx;
    uv_async_send(&c->async);
}

static bool user_set(const struct client *c, const char *name) {
    for (size_t i = 0; i < c->config.n_properties; i++)
        if (strcmp(c->config.properties[i].name, name) == 0)
            return true;
    return false;
}

static struct producer *producer_new(struct client *c, int acks, enum batch_codec codec, struct error *e) {
    rd_kafka_conf_t *conf = rdk_conf(c, c->config.bootstrap, e);
    char text[16];
    if (conf == NULL)
        return NULL;
    snprintf(text, sizeof text, "%d", acks);
    const char *const settings[][2] = {
        {"request.required.acks", text},    {"compression.codec", codec_name(codec)}, {"message.timeout.ms", "30000"},
        {"message.max.bytes", "100000000"}, /* the broker's limit is the one that counts */
        {"partitioner", "murmur2_random"},  /* as Java's clients do */
    };
    enum err err = OK;
    for (size_t i = 0; err == OK && i < sizeof settings / sizeof *settings; i++)
        if (i < 2 || !user_set(c, settings[i][0]))
            err = rdk_set(conf, settings[i][0], settings[i][1], e);
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR);
    char why[256];
    rd_kafka_t *rk = err == OK ? rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why) : NULL;
    if (rk == NULL) {
        if (err == OK)
            error_set(e, ERR_INVALID, "librdkafka: %s", why);
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    struct producer *p = mem_zalloc(sizeof *p);
    *p = (struct producer){
        .rk = rk, .queue = rd_kafka_queue_get_main(rk), .acks = acks, .bootstrap = mem_strdup(c->config.bootstrap)};
    rd_kafka_queue_cb_event_enable(p->queue, on_queue, c);
    return p;
}

/* A topic that librdkafka meets in a message is looked up when its main thread next looks around, which
 * may take a second; a topic that is named to it first is asked for at once. */
static void producer_topic(struct producer *p, const char *name) {
    if (p->topic != NULL && strcmp(rd_kafka_topic_name(p->topic), name) == 0)
        return;
    if (p->topic != NULL)
        rd_kafka_topic_destroy(p->topic);
    p->topic = rd_kafka_topic_new(p->rk, name, NULL);
}

/* Ended because of `refused` and not of itself. */
static bool gave_up(const struct producer *p, rd_kafka_resp_err_t err) {
    return p->refused != NULL && (err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
                                  err == RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
}

static void receipt_text(struct client_event *ev, const rd_kafka_message_t *m, const struct producer *p) {
    int acks = p->acks;
    char topic[128];
    struct buf b = {0};
    text_safe(slice_cstr(m->rkt != NULL ? rd_kafka_topic_name(m->rkt) : ""), topic, sizeof topic);
    if (gave_up(p, m->err)) {
        buf_puts(&b, p->refused);
    } else if (m->err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION) {
        buf_printf(&b, "topic %s has no partition %d", topic, m->partition);
    } else if (m->err != 0) {
        /* Not rd_kafka_message_errstr: in a receipt that is the message's own bytes, without an end. */
        buf_printf(&b, "%s: %s", rd_kafka_err2name(m->err), rd_kafka_err2str(m->err));
    } else if (m->offset >= 0) {
        buf_printf(&b, "%s/%d@%lld acks=%s", topic, m->partition, (long long)m->offset,
                   acks < 0    ? "all"
                   : acks == 0 ? "0"
                               : "1");
    } else {
        buf_printf(&b, "%s/%d sent, acks=0", topic, m->partition);
    }
    buf_put_u8(&b, 0);
    ev->text = (char *)b.p;
}

static void take_error(struct client *c, struct producer *p, rd_kafka_event_t *rkev) {
    char *why = rdk_refusal(c, rd_kafka_event_error(rkev), rd_kafka_event_error_string(rkev));
    if (why == NULL)
        return;
    free(p->refused);
    p->refused = why;
    if (!p->delivered)
        rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

static void take_reports(struct client *c, struct producer *p) {
    for (rd_kafka_event_t *rkev; (rkev = rd_kafka_queue_poll(p->queue, 0)) != NULL; rd_kafka_event_destroy(rkev)) {
        if (rd_kafka_event_type(rkev) == RD_KAFKA_EVENT_ERROR)
            take_error(c, p, rkev);
        if (rd_kafka_event_type(rkev) != RD_KAFKA_EVENT_DR)
            continue;
        for (const rd_kafka_message_t *m; (m = rd_kafka_event_message_next(rkev)) != NULL;) {
            struct owed *o = m->_private;
            struct client_event *ev = client_event_new(EVENT_RECEIPT);
            ev->id = o->id;
            ev->error = (int16_t)m->err;
            ev->ok = m->err == 0;
            ev->partition = m->partition;
            ev->offset = m->err == 0 ? m->offset : -1;
            ev->took_us = wire_now_us() - o->sent_us;
            p->delivered = p->delivered || ev->ok;
            receipt_text(ev, m, p);
            free(o);
            client_push_event(c, ev);
        }
    }
}

void produce_rdk_on_loop(struct client *c) {
    struct prdk *all = atomic_load(&c->produce->rdk);
    for (size_t i = 0; all != NULL && i < ACKS_N; i++)
        for (size_t k = 0; k < CODEC_N; k++) {
            for (struct producer *p = atomic_load(&all->slots[i][k]); p != NULL; p = p->older)
                take_reports(c, p);
        }
}

static rd_kafka_headers_t *headers_of(const struct produce_message *m) {
    rd_kafka_headers_t *h = rd_kafka_headers_new((size_t)m->n_headers);
    for (int32_t i = 0; i < m->n_headers; i++)
        rd_kafka_header_add(h, (const char *)m->headers[i].key.p, (ssize_t)m->headers[i].key.n, m->headers[i].value.p,
                            (ssize_t)m->headers[i].value.n);
    return h;
}

bool produce_rdk_send(struct client *c, const struct produce_message *m, uint64_t id) {
    struct prdk *all = atomic_load(&c->produce->rdk);
    if (all == NULL) {
        all = mem_zalloc(sizeof *all);
        atomic_store(&c->produce->rdk, all);
    }
    size_t slot = m->acks < 0 ? 2 : m->acks == 0 ? 0 : 1;
    enum batch_codec codec = m->codec < CODEC_N ? m->codec : CODEC_NONE;
    struct producer *p = atomic_load(&all->slots[slot][codec]);
    struct error e;
    if (p == NULL || strcmp(p->bootstrap, c->config.bootstrap) != 0) {
        struct producer *older = p;
        p = producer_new(c, m->acks < 0 ? -1 : m->acks == 0 ? 0 : 1, codec, &e);
        if (p == NULL) {
            atomic_fetch_add(&c->receipts_owed, 1);
            produce_refuse(c, id, RD_KAFKA_RESP_ERR__INVALID_ARG, e.text);
            return true;
        }
        p->older = older;
        atomic_store(&all->slots[slot][codec], p);
    }
    producer_topic(p, m->topic);
    struct owed *o = mem_alloc(sizeof *o);
    *o = (struct owed){id, wire_now_us()};
    rd_kafka_headers_t *headers = m->n_headers > 0 ? headers_of(m) : NULL;
    rd_kafka_vu_t v[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = m->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = m->partition < 0 ? RD_KAFKA_PARTITION_UA : m->partition},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)m->key.p, m->key.n}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)m->value.p, m->value.n}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = o},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    atomic_fetch_add(&c->receipts_owed, 1);
    rd_kafka_error_t *error = rd_kafka_produceva(p->rk, v, headers != NULL ? 7 : 6);
    if (error == NULL)
        return true;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    if (headers != NULL)
        rd_kafka_headers_destroy(headers);
    free(o);
    bool full = code == RD_KAFKA_RESP_ERR__QUEUE_FULL;
    if (full)
        atomic_fetch_sub(&c->receipts_owed, 1);
    else
        produce_refuse(c, id, (int16_t)code, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return !full;
}

static void producer_free(struct client *c, struct producer *p) {
    rd_kafka_queue_cb_event_enable(p->queue, NULL, NULL);
    rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    take_reports(c, p);
    rd_kafka_queue_destroy(p->queue);
    if (p->topic != NULL)
        rd_kafka_topic_destroy(p->topic);
    rd_kafka_destroy(p->rk);
    free(p->bootstrap);
    free(p->refused);
    free(p);
}

/* The client thread is gone; what is not acknowledged by now is given up. */
void produce_rdk_free(struct client *c) {
    struct prdk *all = atomic_load(&c->produce->rdk);
    if (all == NULL)
        return;
    atomic_store(&c->produce->rdk, NULL);
    for (size_t i = 0; i < ACKS_N; i++)
        for (size_t k = 0; k < CODEC_N; k++) {
            struct producer *next;
            for (struct producer *p = atomic_load(&all->slots[i][k]); p != NULL; p = next) {
                next = p->older;
                producer_free(c, p);
            }
        }
    free(all);
}
