/* Messages, partitions and batches: which partition a message goes to, what waits
 * there, and what becomes of it.
 *
 *   part->first -> [flying] -> [flying] -> [closed] -> [open] <- part->last
 *
 * The list is in the order of the messages; what is sent is always its head, so a
 * retry keeps the order.  A batch that fails after it had a sequence leaves a hole
 * in it: the partition then begins a new epoch (produce_send.c).
 * Thread: the client's. */
#include "core/client/produce_internal.h"

#include "core/base/text.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- partitioners, as Java's client has them ---- */

uint32_t murmur2(struct slice key) {
    const uint32_t m = 0x5bd1e995;
    uint32_t h = 0x9747b28cU ^ (uint32_t)key.n;
    const uint8_t *p = key.p;
    size_t n = key.n;
    for (; n >= 4; p += 4, n -= 4) {
        uint32_t k = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        k *= m;
        k ^= k >> 24;
        h = (h * m) ^ (k * m);
    }
    if (n >= 3)
        h ^= (uint32_t)p[2] << 16;
    if (n >= 2)
        h ^= (uint32_t)p[1] << 8;
    if (n >= 1)
        h = (h ^ p[0]) * m;
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}

static uint32_t any_number(struct pown *o) {
    o->random ^= o->random << 13;
    o->random ^= o->random >> 7;
    o->random ^= o->random << 17;
    return (uint32_t)(o->random >> 16);
}

static bool takes_more(const struct ppart *p) { return p->last != NULL && !p->last->closed && !p->last->flying; }

/* The same partition until its batch leaves, then another one that has a leader. */
static int32_t sticky(struct ptopic *t) {
    int32_t n = t->n_now, at = t->sticky;
    if (at >= 0 && at < n && takes_more(t->parts[at]))
        return at;
    int32_t begin = (int32_t)(any_number(t->own) % (uint32_t)n);
    t->sticky = begin;
    for (int32_t i = 0; i < n; i++) {
        int32_t to = (begin + i) % n;
        if (t->parts[to]->leader >= 0 && (to != at || n == 1)) {
            t->sticky = to;
            break;
        }
    }
    return t->sticky;
}

static int32_t choose(struct ptopic *t, const struct pmsg *m) {
    enum partitioner how = t->own->client->produce->settings.partitioner;
    if (m->node.ev.partition >= 0)
        return m->node.ev.partition;
    if (how == PARTITIONER_RANDOM)
        return (int32_t)(any_number(t->own) % (uint32_t)t->n_now);
    if (m->key.p == NULL && how == PARTITIONER_MURMUR2_RANDOM)
        return sticky(t);
    return (int32_t)((murmur2(m->key) & 0x7fffffff) % (uint32_t)t->n_now);
}

/* ---- lists ---- */

static void activate(struct ppart *p) {
    struct pown *o = p->topic->own;
    if (p->active_at != 0)
        return;
    if (o->n_active == o->cap_active) {
        o->cap_active = o->cap_active * 2 + 16;
        o->active = mem_realloc(o->active, o->cap_active * sizeof *o->active);
    }
    o->active[o->n_active++] = p;
    p->active_at = o->n_active;
}

static void deactivate(struct ppart *p) {
    struct pown *o = p->topic->own;
    if (p->active_at == 0 || p->first != NULL)
        return;
    struct ppart *last = o->active[--o->n_active];
    o->active[p->active_at - 1] = last;
    last->active_at = p->active_at;
    p->active_at = 0;
}

static struct pbatch *batch_new(struct ppart *p, int8_t acks, uint8_t codec) {
    struct pbatch *b = mem_zalloc(sizeof *b);
    b->part = p;
    b->acks = acks;
    b->codec = codec;
    b->bytes = BATCH_HEADER_BYTES;
    return b;
}

void batch_free(struct pbatch *b) {
    pmsgs_free(&b->msgs);
    free(b);
}

static void part_add(struct ppart *p, struct pmsg *m) {
    struct pbatch *b = p->last;
    if (!takes_more(p) || b->acks != m->acks || b->codec != m->codec ||
        b->bytes + m->size_bytes > p->topic->batch_bytes) {
        if (b != NULL)
            b->closed = true;
        b = batch_new(p, m->acks, m->codec);
        if (p->last != NULL)
            p->last->next = b;
        else
            p->first = b;
        p->last = b;
        activate(p);
    }
    b->bytes += m->size_bytes;
    pmsgs_add(&b->msgs, m);
    if (b->bytes >= p->topic->batch_bytes)
        b->closed = true;
}

bool batch_assign(struct ptopic *t, struct pmsg *m) {
    char why[400], name[256];
    if (t->n_now <= 0)
        return false;
    int32_t to = choose(t, m);
    if (to < t->n_now) {
        part_add(t->parts[to], m);
        return true;
    }
    if (t->known_us < m->node.ev.took_us)
        return false; /* it may have more by now */
    text_safe(slice_cstr(t->name), name, sizeof name);
    snprintf(why, sizeof why, "UNKNOWN_TOPIC_OR_PARTITION: topic %s has no partition %d, it has 0 to %d", name, to,
             t->n_now - 1);
    batch_refuse(t->own, m, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, why);
    return true;
}

/* ---- receipts ---- */

static char *put_number(char *at, int64_t v) {
    char digits[20];
    size_t n = 0;
    do
        digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    while (n > 0)
        *at++ = digits[--n];
    return at;
}

static char *put_text(char *at, const char *text) {
    size_t n = strlen(text);
    memcpy(at, text, n);
    return at + n;
}

/* "topic/0@17 acks=all", made where the message was: its own bytes are no longer needed. */
static void success_text(struct pmsg *m, const struct ppart *p, int64_t offset) {
    char *at = m->topic + m->topic_n;
    *at++ = '/';
    at = put_number(at, p->index);
    if (offset >= 0) {
        *at++ = '@';
        at = put_number(at, offset);
        at = put_text(at, m->acks < 0 ? " acks=all" : " acks=1");
    } else {
        at = put_text(at, m->acks < 0 ? " acks=all" : m->acks == 0 ? " sent, acks=0" : " acks=1");
    }
    *at = '\0';
    m->node.text_inside = p->topic->plain;
    m->node.ev.text = m->topic;
    if (p->topic->plain)
        return;
    char safe[400];
    m->node.ev.text = mem_strdup(text_safe(slice_cstr(m->topic), safe, sizeof safe));
}

static void finish(struct pown *o, struct pmsg *m) {
    m->node.ev.took_us = wire_now_us() - m->node.ev.took_us;
    m->node.ev.wall_ms = client_wall_ms();
    o->n_held--;
    pmsgs_add(&o->receipts, m);
}

void batch_receipt(struct pown *o, struct pmsg *m, const struct ppart *p, int64_t offset) {
    m->node.ev.ok = true;
    m->node.ev.partition = p->index;
    m->node.ev.offset = offset;
    success_text(m, p, offset);
    finish(o, m);
}

void batch_refuse(struct pown *o, struct pmsg *m, int16_t error, const char *text) {
    char safe[900];
    m->node.ev.error = error;
    m->node.ev.text = mem_strdup(text_safe(slice_cstr(text), safe, sizeof safe));
    finish(o, m);
}

void batch_push_receipts(struct pown *o) {
    if (o->receipts.first == NULL)
        return;
    client_push_receipts(o->client, &o->receipts.first->node, &o->receipts.last->node);
    o->receipts = (struct pmsgs){0};
}

/* ---- the end of a batch ---- */

static void unlink_batch(struct pbatch *b) {
    struct ppart *p = b->part;
    struct pbatch *before = NULL;
    for (struct pbatch *x = p->first; x != b; x = x->next)
        before = x;
    if (before != NULL)
        before->next = b->next;
    else
        p->first = b->next;
    if (p->last == b)
        p->last = before;
    b->next = NULL;
    deactivate(p);
}

static void drop(struct pbatch *b) {
    if (b->flying)
        b->dead = true; /* its request frees it */
    else
        batch_free(b);
}

void batch_done(struct pbatch *b, int64_t base_offset) {
    struct pown *o = b->part->topic->own;
    int64_t offset = base_offset;
    unlink_batch(b);
    for (struct pmsg *m; (m = pmsgs_take(&b->msgs)) != NULL; offset += base_offset >= 0)
        batch_receipt(o, m, b->part, offset);
    o->delivered = true;
    drop(b);
}

void batch_fail(struct pbatch *b, int16_t error, const char *text) {
    struct ppart *p = b->part;
    unlink_batch(b);
    for (struct pmsg *m; (m = pmsgs_take(&b->msgs)) != NULL;) {
        m->node.ev.partition = p->index;
        batch_refuse(p->topic->own, m, error, text);
    }
    p->reset = p->reset || b->sequenced;
    drop(b);
}

void batch_sift(struct pbatch *b, int16_t error, batch_verdict_fn *verdict, void *ctx) {
    struct ppart *p = b->part;
    struct pmsgs all = b->msgs;
    size_t index = 0;
    b->msgs = (struct pmsgs){0};
    b->bytes = BATCH_HEADER_BYTES;
    for (struct pmsg *m; (m = pmsgs_take(&all)) != NULL; index++) {
        const char *text = verdict(ctx, index, m);
        if (text == NULL) {
            b->bytes += m->size_bytes;
            pmsgs_add(&b->msgs, m);
            continue;
        }
        m->node.ev.partition = p->index;
        batch_refuse(p->topic->own, m, error, text);
    }
    p->reset = p->reset || b->sequenced;
    b->sequenced = false;
    b->tries = 0;
    if (b->msgs.n == 0) {
        unlink_batch(b);
        drop(b);
    }
}

bool batch_split(struct pbatch *b) {
    size_t keep = b->msgs.n / 2;
    if (keep == 0)
        return false;
    struct ppart *p = b->part;
    struct pbatch *rest = batch_new(p, b->acks, b->codec);
    struct pmsgs all = b->msgs;
    size_t was = b->bytes;
    b->msgs = (struct pmsgs){0};
    b->bytes = BATCH_HEADER_BYTES;
    for (struct pmsg *m; (m = pmsgs_take(&all)) != NULL;) {
        struct pbatch *to = b->msgs.n < keep ? b : rest;
        to->bytes += m->size_bytes;
        pmsgs_add(&to->msgs, m);
    }
    rest->next = b->next;
    rest->closed = b->closed = true;
    rest->tries = b->tries;
    rest->doubt = b->doubt;
    rest->sequenced = b->sequenced;
    rest->seq = (int32_t)(((uint32_t)b->seq + (uint32_t)keep) & 0x7fffffff);
    b->next = rest;
    if (p->last == b)
        p->last = rest;
    if (p->topic->batch_bytes > was / 2)
        p->topic->batch_bytes = was / 2; /* the next ones fit at once */
    return true;
}

/* ---- time-outs ---- */

/* Why it took so long, as far as is known. */
static void reason(const struct ptopic *t, const struct ppart *p, int tries, char *out, size_t size) {
    struct pown *o = t->own;
    const struct pbroker *b = p != NULL ? own_broker(o, p->leader) : NULL;
    size_t n = 0;
    out[0] = '\0';
    if (b != NULL && b->why[0] != '\0')
        snprintf(out, size, ": %s", b->why);
    else if (p != NULL && p->error != 0)
        snprintf(out, size, ": %s%s%s", kafka_error_name(p->error), p->why[0] != '\0' ? ", " : "", p->why);
    else if (o->why[0] != '\0')
        snprintf(out, size, ": %s", o->why);
    else if (p != NULL && p->leader < 0)
        snprintf(out, size, ": the partition has no leader");
    else if (p == NULL && t->error != 0)
        snprintf(out, size, ": %s", kafka_error_name(t->error));
    n = strlen(out);
    if (tries > 0 && n < size)
        snprintf(out + n, size - n, " · sent %d time%s: whether it was written is not known", tries,
                 tries == 1 ? "" : "s");
}

static void timed_out(const struct ptopic *t, const struct ppart *p, int tries, int64_t since_us, int64_t now,
                      char out[900]) {
    char why[660], name[200], where[16] = "";
    if (p != NULL)
        snprintf(where, sizeof where, "/%d", p->index);
    reason(t, p, tries, why, sizeof why);
    snprintf(out, 900, "REQUEST_TIMED_OUT: %s%s did not take it for %" PRId64 " s%s",
             text_safe(slice_cstr(t->name), name, sizeof name), where, (now - since_us) / 1000000, why);
}

static void part_expire(struct ppart *p, int64_t now, int64_t timeout_us) {
    char why[900];
    struct pown *o = p->topic->own;
    struct pbatch *next;
    for (struct pbatch *b = p->first; b != NULL; b = next) {
        next = b->next;
        while (b->tries == 0 && b->msgs.n > 1 && now - b->msgs.first->node.ev.took_us >= timeout_us) {
            struct pmsg *m = pmsgs_take(&b->msgs);
            timed_out(p->topic, p, 0, m->node.ev.took_us, now, why);
            b->bytes -= m->size_bytes;
            m->node.ev.partition = p->index;
            batch_refuse(o, m, KAFKA_REQUEST_TIMED_OUT, why);
        }
        if (now - b->msgs.first->node.ev.took_us < timeout_us)
            return;
        timed_out(p->topic, p, b->tries, b->msgs.first->node.ev.took_us, now, why);
        batch_fail(b, KAFKA_REQUEST_TIMED_OUT, why);
    }
}

void batch_expire(struct ptopic *t, int64_t now) {
    char why[900];
    int64_t timeout_us = t->own->client->produce->settings.timeout_us;
    while (t->waiting.first != NULL && now - t->waiting.first->node.ev.took_us >= timeout_us) {
        timed_out(t, NULL, 0, t->waiting.first->node.ev.took_us, now, why);
        batch_refuse(t->own, pmsgs_take(&t->waiting), KAFKA_REQUEST_TIMED_OUT, why);
    }
    for (int32_t i = 0; i < t->n_parts; i++)
        if (t->parts[i]->first != NULL)
            part_expire(t->parts[i], now, timeout_us);
}

/* ---- bytes ---- */

enum err batch_build(struct pown *o, struct pbatch *b, struct buf *out) {
    struct batch_builder *to = &o->builder;
    const struct ppart *p = b->part;
    int64_t delta = 0;
    batch_start(to, 0, b->msgs.first->node.ev.wall_ms);
    if (b->sequenced) {
        to->producer_id = p->pid;
        to->producer_epoch = p->epoch;
        to->base_sequence = b->seq;
    }
    for (const struct pmsg *m = b->msgs.first; m != NULL; m = pmsg_next(m))
        batch_add(to, delta++, m->node.ev.wall_ms, m->key, m->value, m->headers, m->n_headers);
    return batch_finish(to, (enum batch_codec)b->codec, out);
}
