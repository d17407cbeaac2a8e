/* Producing: what both ways have in common.
 *
 *   produce_own.c  by our own codec and connections
 *   produce_rdk.c  by librdkafka, where our own connections do not know the security
 *                  that is asked for, or a property is given that only it knows
 *
 * A message is "owed" from client_produce until the user takes its receipt; past
 * OWED_MAX messages or OWED_BYTES no more are taken, so that no receipt is ever
 * dropped and memory has a bound.  A single message of any size is taken when
 * nothing else is owed. */
#include "core/client/produce_internal.h"

#include "core/base/text.h"

#include <stdlib.h>

#define OWED_MAX 10000
#define OWED_BYTES ((size_t)64 << 20)

void pmsgs_add(struct pmsgs *q, struct pmsg *m) {
    m->node.next = NULL;
    if (q->last != NULL)
        q->last->node.next = &m->node;
    else
        q->first = m;
    q->last = m;
    q->n++;
}

struct pmsg *pmsgs_take(struct pmsgs *q) {
    struct pmsg *m = q->first;
    if (m == NULL)
        return NULL;
    q->first = pmsg_next(m);
    if (q->first == NULL)
        q->last = NULL;
    q->n--;
    return m;
}

void pmsgs_free(struct pmsgs *q) {
    for (struct pmsg *m; (m = pmsgs_take(q)) != NULL;)
        free(m);
}

static struct slice put_slice(uint8_t **at, struct slice s) {
    struct slice out = {s.p != NULL ? *at : NULL, s.n};
    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return out;
}

struct pmsg *pmsg_new(const struct produce_message *m, uint64_t id) {
    size_t topic_n = strlen(m->topic), n_headers = m->n_headers > 0 ? (size_t)m->n_headers : 0;
    size_t bytes = m->key.n + m->value.n, head = n_headers * sizeof(struct record_header);
    for (size_t i = 0; i < n_headers; i++)
        bytes += m->headers[i].key.n + m->headers[i].value.n;
    size_t room = bytes > PMSG_TEXT_BYTES ? bytes : PMSG_TEXT_BYTES;
    size_t whole = sizeof(struct pmsg) + head + topic_n + 1 + room;
    struct pmsg *msg = mem_alloc(whole);
    struct record_header *headers = (struct record_header *)(void *)(msg + 1);
    uint8_t *at = (uint8_t *)headers + head;
    *msg = (struct pmsg){.node.ev = {.kind = EVENT_RECEIPT,
                                     .id = id,
                                     .partition = m->partition < 0 ? -1 : m->partition,
                                     .offset = -1,
                                     .took_us = wire_now_us(),
                                     .wall_ms = client_wall_ms()},
                         .node.owed_bytes = whole,
                         .headers = headers,
                         .n_headers = (int32_t)n_headers,
                         .size_bytes = bytes + 40 + 10 * n_headers,
                         .topic_n = (uint16_t)topic_n,
                         .acks = (int8_t)(m->acks < 0 ? -1 : m->acks == 0 ? 0 : 1),
                         .codec = (uint8_t)(m->codec < CODEC_N ? m->codec : CODEC_NONE),
                         .topic = (char *)at};
    memcpy(at, m->topic, topic_n + 1);
    at += topic_n + 1;
    msg->key = put_slice(&at, m->key);
    msg->value = put_slice(&at, m->value);
    for (size_t i = 0; i < n_headers; i++) {
        headers[i].key = put_slice(&at, m->headers[i].key);
        headers[i].value = put_slice(&at, m->headers[i].value);
    }
    return msg;
}

void produce_refuse(struct client *c, uint64_t id, int16_t error, const char *text) {
    struct client_event *ev = client_event_new(EVENT_RECEIPT);
    char safe[512];
    ev->id = id;
    ev->error = error;
    ev->text = mem_strdup(text_safe(slice_cstr(text), safe, sizeof safe));
    client_push_event(c, ev);
}

/* What needs no cluster to be refused. */
static bool refuse_here(struct client *c, const struct produce_message *m, uint64_t id, size_t bytes) {
    const struct produce_settings *s = &c->produce->settings;
    char why[256];
    size_t topic_n = strlen(m->topic);
    if (topic_n == 0 || topic_n > 249) {
        produce_refuse(c, id, KAFKA_INVALID_TOPIC_EXCEPTION,
                       topic_n == 0 ? "INVALID_TOPIC_EXCEPTION: the topic has no name"
                                    : "INVALID_TOPIC_EXCEPTION: a topic's name has at most 249 characters");
        return true;
    }
    if (bytes > s->message_bytes || bytes > INT32_MAX / 2) {
        snprintf(why, sizeof why, "MESSAGE_TOO_LARGE: %zu bytes are more than message.max.bytes=%zu", bytes,
                 s->message_bytes);
        produce_refuse(c, id, KAFKA_MESSAGE_TOO_LARGE, why);
        return true;
    }
    if (s->idempotent && s->idempotent_said && m->acks >= 0) {
        produce_refuse(c, id, KAFKA_INVALID_REQUIRED_ACKS,
                       "INVALID_REQUIRED_ACKS: enable.idempotence=true goes with acks=all alone");
        return true;
    }
    return false;
}

static struct pown *own_for(struct client *c) {
    struct pown *o = atomic_load(&c->produce->own);
    if (o != NULL && strcmp(o->bootstrap, c->config.bootstrap) == 0)
        return o;
    struct pown *fresh = produce_own_new(c, c->config.bootstrap);
    fresh->older = o;
    atomic_store(&c->produce->own, fresh);
    return fresh;
}

bool produce_is_own(const struct client *c) {
    return !c->produce->settings.foreign && client_is_ours(c);
}

uint64_t client_produce(struct client *c, const struct produce_message *m) {
    struct produce *p = c->produce;
    if (atomic_load(&c->receipts_owed) >= OWED_MAX)
        return 0;
    size_t bytes = m->key.n + m->value.n, owed = atomic_load(&p->owed_bytes);
    if (owed > 0 && (owed >= OWED_BYTES || bytes > OWED_BYTES - owed))
        return 0;
    uint64_t id = atomic_fetch_add(&c->next_id, 1) + 1;
    if (!produce_is_own(c))
        return produce_rdk_send(c, m, id) ? id : 0;
    atomic_fetch_add(&c->receipts_owed, 1);
    if (refuse_here(c, m, id, bytes))
        return id;
    struct pmsg *msg = pmsg_new(m, id);
    atomic_fetch_add(&p->owed_bytes, msg->node.owed_bytes);
    produce_own_add(own_for(c), msg);
    return id;
}

size_t client_produce_pending(const struct client *c) { return atomic_load(&c->receipts_owed); }

void client_produce_defaults(const struct client *c, struct produce_message *m) {
    m->acks = c->produce->settings.acks;
    m->codec = c->produce->settings.codec;
}

void produce_taken(struct client *c, const struct event_node *receipt) {
    atomic_fetch_sub(&c->receipts_owed, 1);
    atomic_fetch_sub(&c->produce->owed_bytes, receipt->owed_bytes);
}

enum err produce_start(struct client *c, const struct client_config *config, struct error *e) {
    struct produce *p = mem_zalloc(sizeof *p);
    enum err err = produce_settings_init(&p->settings, config->properties, config->n_properties, e);
    c->produce = p;
    return err;
}

bool produce_knows_properties(const struct client *c) { return !c->produce->settings.foreign; }

void produce_on_loop(struct client *c) {
    for (struct pown *o = atomic_load(&c->produce->own); o != NULL; o = o->older)
        produce_own_on_loop(o);
    produce_rdk_on_loop(c);
}

void produce_stop(struct client *c) {
    for (struct pown *o = atomic_load(&c->produce->own); o != NULL; o = o->older)
        produce_own_stop(o);
    produce_rdk_free(c);
}

void produce_free(struct client *c) {
    struct pown *older;
    for (struct pown *o = atomic_load(&c->produce->own); o != NULL; o = older) {
        older = o->older;
        produce_own_free(o);
    }
    free(c->produce);
    c->produce = NULL;
}
