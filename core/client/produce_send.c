/* Produce requests and what their answers mean; sequences of an idempotent producer.
 *
 * What waits leaves at once while the broker owes no answer; while it does, batches
 * collect and only full ones leave, five at most.  A request holds one batch of each
 * partition.
 *
 * With acks=all every batch has the producer's id, an epoch and a sequence, so the
 * broker recognises one that is sent again:
 *
 *   sequence hole (a batch with one failed, or the broker says so of the oldest)
 *        --> nothing more is sent, until nothing of the partition flies
 *        --> epoch + 1, what waits is numbered anew from 0
 *
 * The new epoch also shuts out whatever of the old may still be on its way.  Each
 * partition has an epoch of its own.
 *
 * A broker refuses a batch whole, before it writes any of it, and names the records
 * that it does not like (from Produce version 8 on).  Those fail, each with its own
 * reason; the others go again at the same place, under the new epoch.  Java's client
 * fails them too, though nothing is wrong with them.
 *
 * Where the cluster gives no id, one request per partition flies at a time, and a
 * retry may write twice; that is said once.
 *
 * acks=0 has no answer.  Behind such a request goes a question about nothing: when
 * that is answered, the broker has read what was before it; when the connection
 * breaks first, as Kafka breaks it where it cannot write, the receipt says so.
 * Thread: the client's. */
#include "core/client/produce_internal.h"

#include "core/base/text.h"

#include <stdlib.h>

#define REQUEST_BYTES ((size_t)4 << 20)
#define BATCHES_MAX 256
#define FULL_BYTES ((size_t)64 << 10)
#define TIMEOUT_MS 8000             /* for the replicas: less than an answer may take, so that there is one */
#define RETRY_FIRST_US 50000
#define RETRY_LAST_US 1000000
#define PID_PAUSE_US 100000

struct prequest {
    struct pbroker *broker;
    size_t n;
    int8_t acks;
    struct pbatch *v[];
};

/* ---- the producer's id ---- */

static bool is_idempotent(const struct pown *o) { return o->client->produce->settings.idempotent && !o->no_pid; }

static void no_pid(struct pown *o, const char *cause) {
    o->no_pid = true;
    client_log(o->client, LOG_WARN,
               "the cluster gives no producer id (%s): a message that is sent again after a lost connection may be "
               "written twice",
               cause);
}

static void on_pid(void *ctx, const struct conn_answer *a) {
    struct pown *o = ctx;
    struct init_producer_id_resp m;
    o->asking_pid = false;
    if (o->closing)
        return;
    o->pid_after_us = wire_now_us() + PID_PAUSE_US;
    if (a->err == OK && conn_decode(a, &o->scratch, &m) == OK) {
        if (m.error_code == 0 && m.producer_id >= 0) {
            o->pid = m.producer_id;
            o->epoch = m.producer_epoch;
        } else if (!kafka_error_retriable(m.error_code)) {
            no_pid(o, kafka_error_name(m.error_code));
        }
    }
    own_step(o);
}

void send_ask_pid(struct pown *o) {
    struct conn *c = nodes_any(&o->nodes);
    struct init_producer_id_req q;
    if (!is_idempotent(o) || o->asking_pid || c == NULL || wire_now_us() < o->pid_after_us)
        return;
    int version = conn_version(c, API_INIT_PRODUCER_ID, 4);
    if (version < 0) {
        no_pid(o, "it does not know InitProducerId");
        return;
    }
    proto_init(PROTO_STRUCT(init_producer_id_req), &q);
    q.transactional_id = SLICE_NULL;
    q.transaction_timeout_ms = INT32_MAX;
    o->asking_pid = true;
    conn_send(c, PROTO_MESSAGE(init_producer_id_req), version, &q, on_pid, o);
}

/* Nothing of it flies: what waits is numbered anew. */
static void part_renumber(struct ppart *p) {
    for (struct pbatch *b = p->first; b != NULL; b = b->next)
        b->sequenced = false;
    p->reset = false;
    p->next_seq = 0;
    if (p->epoch < INT16_MAX)
        p->epoch++;
    else
        p->pid = -1;
}

static void part_number(struct ppart *p, struct pbatch *b) {
    struct pown *o = p->topic->own;
    if (b->sequenced)
        return;
    if (p->pid < 0) {
        p->pid = o->pid;
        p->epoch = o->epoch;
        p->next_seq = 0;
    }
    b->seq = p->next_seq;
    b->sequenced = true;
    p->next_seq = (int32_t)(((uint32_t)p->next_seq + (uint32_t)b->msgs.n) & 0x7fffffff);
}

/* ---- answers ---- */

static void say(const struct pbatch *b, int16_t error, const char *more, char out[700]) {
    char name[256], words[300];
    text_safe(slice_cstr(more != NULL && more[0] != '\0' ? more : kafka_error_text(error)), words, sizeof words);
    snprintf(out, 700, "%s: %s/%d: %s", kafka_error_name(error),
             text_safe(slice_cstr(b->part->topic->name), name, sizeof name), b->part->index, words);
}

static void fail(struct pbatch *b, int16_t error, const char *more) {
    char text[700];
    say(b, error, more, text);
    batch_fail(b, error, text);
}

/* Once more, after a pause. */
static void again(struct pbatch *b, int16_t error, const char *why, bool ask) {
    struct ppart *p = b->part;
    int64_t pause_us = RETRY_FIRST_US << (b->tries < 6 ? b->tries : 6);
    p->error = error;
    text_safe(slice_cstr(why != NULL ? why : ""), p->why, sizeof p->why);
    p->retry_us = wire_now_us() + (pause_us > RETRY_LAST_US ? RETRY_LAST_US : pause_us);
    if (ask)
        p->topic->ask = true;
}

static void too_large(struct pbatch *b, int16_t error) {
    char text[200];
    struct ppart *p = b->part;
    if (batch_split(b)) {
        p->error = 0;
        return;
    }
    snprintf(text, sizeof text, "a message of %zu bytes is more than the topic or the broker takes (max.message.bytes)",
             b->msgs.first->key.n + b->msgs.first->value.n);
    fail(b, error, text);
}

/* The broker misses something before this batch, or does not know the producer any more. */
static void out_of_order(struct pbatch *b, int16_t error) {
    struct ppart *p = b->part;
    if (!b->sequenced) {
        fail(b, error, NULL);
        return;
    }
    if (p->first == b)
        p->reset = true; /* nothing before it is still to come */
    again(b, error, NULL, false);
}

/* ---- records that the broker names ---- */

struct named {
    struct pbatch *batch;
    int16_t error;
    const struct slice **words;         /* by index in the batch, NULL: not named */
    size_t n;
    char text[900];
};

/* The broker's reason and how the record begins: its receipt is read where its number is not known. */
static const char *verdict(void *ctx, size_t index, const struct pmsg *m) {
    struct named *v = ctx;
    const struct slice *words = v->words[index];
    if (words == NULL)
        return NULL;
    char why[700], reason[300], start[48];
    bool by_value = m->value.n > 0;
    text_safe(*words, reason, sizeof reason);
    text_safe(by_value ? m->value : m->key, start, sizeof start);
    say(v->batch, v->error, reason, why);
    snprintf(v->text, sizeof v->text, "%s · the record %s \"%s\"", why, by_value ? "with" : "with the key", start);
    return v->text;
}

/* What the others are told where they cannot go again. */
static const char *doubtful(void *ctx, size_t index, const struct pmsg *m) {
    struct named *v = ctx;
    char more[300];
    if (v->words[index] != NULL)
        return verdict(ctx, index, m);
    snprintf(more, sizeof more,
             "it was in a batch with %zu record%s that the broker refused · sent before without an answer: whether it "
             "was written is not known",
             v->n, v->n == 1 ? "" : "s");
    say(v->batch, v->error, more, v->text);
    return v->text;
}

/* False: the broker names none. */
static bool refuse_named(struct pbatch *b, const struct produce_resp_partition *m) {
    static const struct slice none = {NULL, 0};
    struct named v = {.batch = b, .error = m->error_code, .words = mem_zalloc(b->msgs.n * sizeof *v.words)};
    for (int32_t i = 0; i < m->record_errors.n; i++) {
        int32_t at = m->record_errors.v[i].batch_index;
        const struct slice *words = &m->record_errors.v[i].batch_index_error_message;
        if (at < 0 || (size_t)at >= b->msgs.n || v.words[at] != NULL)
            continue;
        v.words[at] = words->n > 0 ? words : m->error_message.n > 0 ? &m->error_message : &none;
        v.n++;
    }
    if (v.n > 0) {
        b->part->error = 0;
        b->part->retry_us = 0;
        batch_sift(b, m->error_code, b->doubt ? doubtful : verdict, &v);
    }
    free(v.words);
    return v.n > 0;
}

static void take_part(struct pbatch *b, const struct produce_resp_partition *m) {
    char words[300];
    struct ppart *p = b->part;
    text_safe(m->error_message, words, sizeof words);
    switch (m->error_code) {
    case 0:
    case KAFKA_DUPLICATE_SEQUENCE_NUMBER:
        p->error = 0;
        p->retry_us = 0;
        batch_done(b, m->error_code == 0 ? m->base_offset : -1);
        return;
    case KAFKA_MESSAGE_TOO_LARGE:
    case KAFKA_RECORD_LIST_TOO_LARGE: too_large(b, m->error_code); return;
    case KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case KAFKA_UNKNOWN_PRODUCER_ID: out_of_order(b, m->error_code); return;
    case KAFKA_INVALID_PRODUCER_EPOCH:
    case KAFKA_INVALID_PRODUCER_ID_MAPPING:
    case KAFKA_PRODUCER_FENCED:
        /* Somebody else writes by this id.  The others go on with a new one. */
        p->topic->own->pid = p->pid = -1;
        fail(b, m->error_code, words);
        p->epoch = INT16_MAX;
        return;
    default: break;
    }
    if (kafka_error_retriable(m->error_code)) {
        b->doubt = b->doubt || m->error_code == KAFKA_REQUEST_TIMED_OUT ||
                   m->error_code == KAFKA_NOT_ENOUGH_REPLICAS_AFTER_APPEND;
        again(b, m->error_code, words, true);
    } else if (!refuse_named(b, m)) {
        fail(b, m->error_code, words);
    }
}

static const struct produce_resp_partition *part_of(const struct produce_resp *m, const struct pbatch *b) {
    struct slice name = slice_of(b->part->topic->name, b->part->topic->name_n);
    for (int32_t i = 0; i < m->responses.n; i++) {
        const struct produce_resp_topic *t = &m->responses.v[i];
        for (int32_t k = 0; slice_eq(t->name, name) && k < t->partition_responses.n; k++)
            if (t->partition_responses.v[k].index == b->part->index)
                return &t->partition_responses.v[k];
    }
    return NULL;
}

/* True: somebody still waits for it. */
static bool land(struct pbatch *b) {
    struct ppart *p = b->part;
    p->n_flying--;
    if (p->n_flying == 0)
        p->flying_to = NULL;
    b->flying = false;
    if (!b->dead)
        return true;
    batch_free(b);
    return false;
}

static void lost(struct prequest *q, const struct conn_answer *a, const char *why) {
    char text[700];
    for (size_t i = 0; i < q->n; i++) {
        struct pbatch *b = q->v[i];
        if (!land(b))
            continue;
        if (q->acks != 0) {
            b->doubt = true;
            again(b, KAFKA_NETWORK_EXCEPTION, why, a->err != OK);
            continue;
        }
        snprintf(text, sizeof text, "%s · whether it was written is not known (acks=0)", why);
        fail(b, KAFKA_NETWORK_EXCEPTION, text);
    }
}

static void on_produced(void *ctx, const struct conn_answer *a) {
    struct prequest *q = ctx;
    struct pbroker *broker = q->broker;
    struct pown *o = broker->node.owner;
    struct produce_resp m;
    broker->n_flying--;
    if (o->closing) {
        for (size_t i = 0; i < q->n; i++)
            if (q->v[i]->dead)
                batch_free(q->v[i]);
        free(q);
        return;
    }
    if (a->err != OK) {
        lost(q, a, a->why);
    } else if (q->acks == 0) {
        for (size_t i = 0; i < q->n; i++)
            if (land(q->v[i]))
                batch_done(q->v[i], -1);
    } else if (conn_decode(a, &o->scratch, &m) != OK) {
        lost(q, a, "its answer makes no sense");
    } else {
        static const struct produce_resp_partition none = {.error_code = KAFKA_UNKNOWN_SERVER_ERROR};
        for (size_t i = 0; i < q->n; i++) {
            const struct produce_resp_partition *p = part_of(&m, q->v[i]);
            if (land(q->v[i]))
                take_part(q->v[i], p != NULL ? p : &none);
        }
    }
    free(q);
    if (node_is_up(&broker->node))
        conn_forgive(broker->node.conn); /* it works in order: the others waited for this one */
    own_step(o);
}

/* ---- requests ---- */

static struct pbatch *first_waiting(const struct ppart *p) {
    struct pbatch *b = p->first;
    while (b != NULL && b->flying)
        b = b->next;
    return b;
}

/* The batch of this partition that may leave now.  `busy`: the broker owes answers. */
static struct pbatch *ready(struct ppart *p, struct pbroker *to, bool busy, int64_t now) {
    struct pown *o = to->node.owner;
    const struct produce_settings *s = &o->client->produce->settings;
    if (p->reset && p->n_flying == 0)
        part_renumber(p);
    struct pbatch *b = p->reset ? NULL : first_waiting(p);
    if (b == NULL || (p->n_flying > 0 && p->flying_to != to))
        return NULL;
    if (p->retry_us > now) {
        own_later(o, p->retry_us);
        return NULL;
    }
    bool idempotent = b->acks < 0 && is_idempotent(o);
    if (p->n_flying >= (idempotent ? PRODUCE_FLYING_MAX : 1) || (p->n_flying > 0 && p->first->acks != b->acks))
        return NULL;
    if (b->tries == 0 && !b->closed) {
        int64_t ripe_us = b->msgs.first->node.ev.took_us + s->linger_us;
        if (busy && b->bytes < FULL_BYTES)
            return NULL;
        if (s->linger_us > 0 && ripe_us > now) {
            own_later(o, ripe_us);
            return NULL;
        }
    }
    if (idempotent && !b->sequenced && p->pid < 0 && o->pid < 0) {
        send_ask_pid(o);
        return NULL;
    }
    return b;
}

/* Builds the batch; false: it cannot be, and was failed. */
static bool load(struct pown *o, struct pbatch *b, struct conn *c, int version) {
    char why[400];
    enum err err = ERR_UNSUPPORTED;
    if (b->acks < 0 && o->no_pid && o->client->produce->settings.idempotent_said) {
        fail(b, KAFKA_CLUSTER_AUTHORIZATION_FAILED, "enable.idempotence=true, but the cluster gives no producer id");
        return false;
    }
    if (b->acks < 0 && is_idempotent(o))
        part_number(b->part, b);
    if (b->codec == CODEC_ZSTD && version < 7)
        snprintf(why, sizeof why, "%s is older than Kafka 2.1 and does not know zstd", c->name);
    else if ((err = batch_build(o, b, &o->batches)) != OK)
        snprintf(why, sizeof why, "cannot compress by %s: %s", codec_name((enum batch_codec)b->codec), err_name(err));
    if (err != OK)
        fail(b, KAFKA_UNSUPPORTED_COMPRESSION_TYPE, why);
    return err == OK;
}

/* What leaves together: one batch of each partition, all of the same acks. */
static struct prequest *gather(struct pbroker *to, int version, struct slice *bytes) {
    struct pown *o = to->node.owner;
    struct pbatch *v[BATCHES_MAX];
    size_t at[BATCHES_MAX + 1], n = 0, sum = 0;
    int64_t now = wire_now_us();
    bool busy = to->n_flying > 0;
    buf_clear(&o->batches);
    for (size_t i = 0; i < o->n_active && n < BATCHES_MAX && sum < REQUEST_BYTES;) {
        size_t before = o->n_active;
        struct ppart *p = o->active[(o->turn + i) % before];
        struct pbatch *b = p->leader == to->node.id ? ready(p, to, busy, now) : NULL;
        if (b != NULL && (n == 0 || (b->acks == v[0]->acks && sum + b->bytes <= REQUEST_BYTES))) {
            at[n] = o->batches.n;
            if (load(o, b, to->node.conn, version)) {
                sum += b->bytes;
                v[n++] = b;
            }
        }
        i += o->n_active == before; /* a failed batch may have been its partition's last */
    }
    o->turn = o->n_active > 0 ? (o->turn + 1) % o->n_active : 0;
    if (n == 0)
        return NULL;
    at[n] = o->batches.n;
    struct prequest *q = mem_alloc(sizeof *q + n * sizeof *q->v);
    *q = (struct prequest){.broker = to, .n = n, .acks = v[0]->acks};
    for (size_t i = 0; i < n; i++) {
        q->v[i] = v[i];
        bytes[i] = slice_of(o->batches.p + at[i], at[i + 1] - at[i]);
        v[i]->closed = v[i]->flying = true;
        v[i]->tries++;
        v[i]->part->n_flying++;
        v[i]->part->flying_to = to;
    }
    return q;
}

/* Batches by topic, as the request has them. */
static bool fill(struct pown *o, const struct prequest *q, const struct slice *bytes, struct produce_req *m) {
    arena_reset(&o->build);
    struct produce_req_topic *topics = arena_zalloc(&o->build, q->n * sizeof *topics);
    struct produce_req_partition *parts = arena_zalloc(&o->build, q->n * sizeof *parts);
    bool *taken = arena_zalloc(&o->build, q->n);
    size_t n_topics = 0, n_parts = 0;
    if (topics == NULL || parts == NULL || taken == NULL)
        return false;
    for (size_t i = 0; i < q->n; i++) {
        if (taken[i])
            continue;
        const struct ptopic *t = q->v[i]->part->topic;
        struct produce_req_topic *to = &topics[n_topics++];
        to->name = slice_of(t->name, t->name_n);
        to->partition_data.v = &parts[n_parts];
        for (size_t k = i; k < q->n; k++) {
            if (taken[k] || q->v[k]->part->topic != t)
                continue;
            taken[k] = true;
            parts[n_parts++] =
                (struct produce_req_partition){.index = q->v[k]->part->index, .records = bytes[k]};
            to->partition_data.n++;
        }
    }
    proto_init(PROTO_STRUCT(produce_req), m);
    m->transactional_id = SLICE_NULL;
    m->acks = q->acks;
    m->timeout_ms = TIMEOUT_MS;
    m->topic_data.n = (int32_t)n_topics;
    m->topic_data.v = topics;
    return true;
}

/* Behind a request that has no answer: a question about no topic at all. */
static void ask_nothing(struct conn *c, struct prequest *q) {
    struct metadata_req m;
    static struct metadata_req_topic none;
    proto_init(PROTO_STRUCT(metadata_req), &m);
    m.topics.n = 0;
    m.topics.v = &none; /* empty, not null: that would be all */
    m.allow_auto_topic_creation = false;
    conn_send(c, PROTO_MESSAGE(metadata_req), conn_version(c, API_METADATA, 12), &m, on_produced, q);
}

void send_step(struct pown *o, struct pbroker *b) {
    struct slice bytes[BATCHES_MAX];
    struct produce_req m;
    int version = conn_version(b->node.conn, API_PRODUCE, 11);
    if (version < 3) {
        snprintf(o->why, sizeof o->why, "broker %d is older than Kafka 0.11, to which weir does not produce",
                 b->node.id);
        return;
    }
    while (b->n_flying < PRODUCE_FLYING_MAX) {
        struct prequest *q = gather(b, version, bytes);
        if (q == NULL)
            return;
        bool filled = fill(o, q, bytes, &m);
        weir_assert(filled); /* a request's batches are few */
        b->n_flying++;
        if (q->acks == 0) {
            conn_tell(b->node.conn, PROTO_MESSAGE(produce_req), version, &m);
            ask_nothing(b->node.conn, q);
        } else {
            conn_send(b->node.conn, PROTO_MESSAGE(produce_req), version, &m, on_produced, q);
        }
    }
}

void send_all(struct pown *o) {
    for (size_t i = 0; i < o->n_active; i++) {
        struct ppart *p = o->active[i];
        struct pbroker *b = own_broker(o, p->leader);
        if (b != NULL && (node_is_up(&b->node) || node_open(&o->nodes, &b->node)))
            continue;
        p->topic->ask = true;
        if (b != NULL)
            node_why(&b->node, NULL, b->why, sizeof b->why);
    }
    for (size_t i = 0; o->n_active > 0 && i < o->nodes.n; i++)
        if (node_is_up(o->nodes.v[i]))
            send_step(o, (struct pbroker *)o->nodes.v[i]);
}
