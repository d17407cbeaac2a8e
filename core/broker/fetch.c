/* Fetch and its long polls.
 *
 *   fetch_begin: an error, enough bytes, no time to wait --> read and answer
 *         |                                                      ^   |
 *         '-> parked on its partitions: advanced, readable,      |   | nothing read, the disk is cold
 *              deleted -> woken -> looked at when the tick ends -'<--' (parked until readable)
 *              timer ------------------------------------------->
 *
 * Records are read when the answer can leave: one that is not the first of its
 * connection, or for which the network has no room, is held without its bytes.
 * So a client that asks much and reads nothing costs one answer.
 *
 * A high watermark that moves only marks the polls of its partition; they are
 * looked at once at the end of the tick, when all of the tick's logs have moved.
 * Answers hold whole batches.  The first partition with data gives one even above
 * the limits; the order of partitions is the client's.
 *
 * Owner of ops: their request's arena.  Thread: the broker's. */
#include "core/broker/fetch.h"
#include "core/broker/fetch_session.h"

#include <stdlib.h>

#define US_PER_MS 1000
/* A cold read is worth waiting for longer than a client's shortest poll. */
#define COLD_PATIENCE_US (1000 * US_PER_MS)

/* ---- the queues ---- */

static void op_link(struct fetch_op *op) {
    for (int32_t i = 0; i < op->n_topics && !op->linked; i++)
        for (int32_t k = 0; k < op->topics[i].n; k++) {
            struct fetch_entry *e = &op->topics[i].entries[k];
            if (e->p == NULL)
                continue;
            e->wait.op = op;
            e->wait.prev = NULL;
            e->wait.next = e->p->waiters;
            if (e->wait.next != NULL)
                e->wait.next->prev = &e->wait;
            e->p->waiters = &e->wait;
        }
    op->linked = true;
}

static void entry_unlink(struct fetch_entry *e) {
    if (e->p == NULL)
        return;
    *(e->wait.prev != NULL ? &e->wait.prev->next : &e->p->waiters) = e->wait.next;
    if (e->wait.next != NULL)
        e->wait.next->prev = e->wait.prev;
}

static void op_unlink(struct broker *b, struct fetch_op *op) {
    for (int32_t i = 0; i < op->n_topics && op->linked; i++)
        for (int32_t k = 0; k < op->topics[i].n; k++)
            entry_unlink(&op->topics[i].entries[k]);
    op->linked = false;
    timers_cancel(&b->timers, &op->timer);
    if (op->woken) {
        struct fetch_op **at = &b->woken;
        while (*at != op)
            at = &(*at)->next_woken;
        *at = op->next_woken;
        op->woken = false;
    }
}

static void on_abandoned(struct broker *b, struct request *rq) {
    op_unlink(b, rq->wait);
}

static void op_wake(struct broker *b, struct fetch_op *op) {
    if (op->woken)
        return;
    op->woken = true;
    op->next_woken = b->woken;
    b->woken = op;
}

void fetch_partition_advanced(struct broker *b, struct partition *p) {
    for (struct fetch_wait *w = p->waiters; w != NULL; w = w->next)
        if (!w->op->held)
            op_wake(b, w->op);
}

void fetch_partition_readable(struct broker *b, struct partition *p) {
    for (struct fetch_wait *w = p->waiters; w != NULL; w = w->next)
        if (w->op->cold && !w->op->held)
            op_wake(b, w->op);
}

void fetch_topic_deleted(struct broker *b, struct topic *t) {
    for (int32_t i = 0; i < t->n_partitions; i++) {
        struct partition *p = t->partitions[i];
        while (p->waiters != NULL) {
            struct fetch_wait *w = p->waiters;
            struct fetch_entry *e = (struct fetch_entry *)w; /* its first member */
            entry_unlink(e);
            e->p = NULL;
            e->error = w->op->rq->header.version >= 13 ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
            e->unknown = true;
            op_wake(b, w->op);
        }
    }
}

/* ---- looking ---- */

/* Offsets and errors of one partition as they are now; the bytes there for it. */
static uint64_t entry_look(const struct fetch_op *op, struct fetch_entry *e) {
    struct partition *p = e->p;
    if (p == NULL)
        return 0;
    e->error = partition_check_epoch(p, e->current_epoch);
    if (e->error == KAFKA_NONE && e->max_bytes < 0)
        e->error = KAFKA_UNKNOWN_SERVER_ERROR;
    if (e->error == KAFKA_NONE && op->rq->header.version < 10 && p->topic->v.compression == CODEC_ZSTD)
        e->error = KAFKA_UNSUPPORTED_COMPRESSION_TYPE; /* what is stored would not be understood */
    e->hw = store_log_hw(p->log);
    e->lso = partition_lso(p);
    e->start = store_log_start(p->log);
    e->diverging_epoch = -1;
    if (e->error == KAFKA_NONE && e->last_fetched_epoch >= 0) {
        int32_t epoch = -1;
        int64_t end = -1;
        store_log_epoch_end(p->log, e->last_fetched_epoch, &epoch, &end);
        if (epoch < 0 || end < 0) {
            e->error = KAFKA_OFFSET_OUT_OF_RANGE;
        } else if (epoch < e->last_fetched_epoch || end < e->offset) {
            e->diverging_epoch = epoch;
            e->diverging_end = end;
            return 0;
        }
    }
    if (e->error == KAFKA_NONE && (e->offset < e->start || e->offset > store_log_end(p->log)))
        e->error = KAFKA_OFFSET_OUT_OF_RANGE;
    int64_t end = op->committed ? e->lso : e->hw;
    if (e->error != KAFKA_NONE || e->offset >= end)
        return 0;
    uint64_t n = store_log_bytes_between(p->log, e->offset, end);
    return n < (uint64_t)e->max_bytes ? n : (uint64_t)e->max_bytes;
}

/* Is there a reason to answer now? */
static bool op_ready(struct fetch_op *op) {
    uint64_t bytes = 0, needed = op->min_bytes < 0 ? 0 : (uint64_t)op->min_bytes;
    if (op->n_entries == 0)
        return true;
    for (int32_t i = 0; i < op->n_topics; i++)
        for (int32_t k = 0; k < op->topics[i].n; k++) {
            struct fetch_entry *e = &op->topics[i].entries[k];
            bytes += entry_look(op, e);
            if (e->error != KAFKA_NONE || e->diverging_epoch >= 0 || bytes >= needed)
                return true;
        }
    return false;
}

/* ---- reading ---- */

struct reading {
    struct buf *out;
    size_t left;                      /* of the whole answer's limit */
    bool min_one;
    bool cold;                        /* a partition's data has to come from the disk first */
};

static void entry_read(const struct fetch_op *op, struct fetch_entry *e, struct reading *r) {
    entry_look(op, e);
    e->records_at = r->out->n;
    e->records_n = 0;
    if (e->p == NULL || e->error != KAFKA_NONE || e->diverging_epoch >= 0)
        return;
    int64_t end = op->committed ? e->lso : e->hw;
    size_t max = (size_t)e->max_bytes < r->left ? (size_t)e->max_bytes : r->left;
    if (e->offset >= end || (max == 0 && !r->min_one))
        return;
    enum err err = store_read(e->p->log, e->offset, end, max, r->min_one, r->out);
    if (err == ERR_AGAIN) {
        r->cold = true;
        r->out->n = e->records_at;
        return;
    }
    if (err != OK) {
        e->error = kafka_error_of(err);
        r->out->n = e->records_at;
        return;
    }
    e->records_n = r->out->n - e->records_at;
    r->left = e->records_n > r->left ? 0 : r->left - e->records_n;
    r->min_one = r->min_one && e->records_n == 0;
}

/* The bytes that an answer of this connection may have; 0: it cannot leave yet. */
static size_t op_room(const struct fetch_op *op) {
    const struct broker_conn *c = op->rq->conn;
    if (c->first != op->rq)
        return 0;
    return c->sink->room == NULL ? SIZE_MAX : c->sink->room(c->sink);
}

/* Fills the entries; false: nothing but cold partitions. */
static bool op_read(struct broker *b, struct fetch_op *op, size_t room) {
    int64_t most = config_int(b, "fetch.max.bytes");
    struct request *rq = op->rq;
    if (rq->response == NULL)
        rq->response = mem_zalloc(sizeof *rq->response);
    int64_t limit = op->max_bytes < 0 ? 0 : op->max_bytes < most ? op->max_bytes : most;
    struct reading r = {
        .out = &rq->response->records, .left = (size_t)limit < room ? (size_t)limit : room, .min_one = true};
    buf_clear(r.out);
    for (int32_t i = 0; i < op->n_topics; i++)
        for (int32_t k = 0; k < op->topics[i].n; k++)
            entry_read(op, &op->topics[i].entries[k], &r);
    return !r.cold || r.out->n != 0;
}

/* ---- answering ---- */

static void fill_partition(const struct fetch_op *op, const struct fetch_entry *e, struct fetch_resp_partition *out) {
    out->partition_index = e->index;
    out->error_code = e->error;
    out->high_watermark = out->last_stable_offset = out->log_start_offset = -1;
    out->records = slice_of(op->rq->response->records.p, 0);
    if (out->records.p == NULL)
        out->records = SLICE("");
    out->aborted_transactions.n = e->unknown || (e->error == KAFKA_NONE && op->committed) ? 0 : -1;
    if (e->error != KAFKA_NONE)
        return;
    out->high_watermark = e->hw;
    out->last_stable_offset = e->lso;
    out->log_start_offset = e->start;
    if (e->diverging_epoch >= 0) {
        out->diverging_epoch.epoch = e->diverging_epoch;
        out->diverging_epoch.end_offset = e->diverging_end;
    }
    if (e->records_n != 0)
        out->records = slice_of(op->rq->response->records.p + e->records_at, e->records_n);
}

static void op_answer(struct broker *b, struct fetch_op *op) {
    struct request *rq = op->rq;
    struct fetch_resp resp;
    proto_init(PROTO_STRUCT(fetch_resp), &resp);
    fetch_session_finish(b, op);
    resp.error_code = op->error;
    resp.session_id = op->session_id;
    resp.responses.v = request_array(rq, fetch_resp_fetchable_topic, op->n_topics);
    for (int32_t i = 0; i < op->n_topics; i++) {
        struct fetch_topic *t = &op->topics[i];
        struct fetch_resp_fetchable_topic *to = &resp.responses.v[resp.responses.n];
        to->topic = t->name;
        to->topic_id = t->id;
        to->partitions.v = request_array(rq, fetch_resp_partition, t->n);
        for (int32_t k = 0; k < t->n; k++)
            if (!t->entries[k].left_out)
                fill_partition(op, &t->entries[k], &to->partitions.v[to->partitions.n++]);
        if (to->partitions.n > 0)
            resp.responses.n++;
    }
    request_reply(b, rq, &resp);
}

static bool on_turn(struct broker *b, struct request *rq) {
    struct fetch_op *op = rq->wait;
    if (op->held)
        op_wake(b, op);
    return op->held;
}

static void op_link_and_park(struct fetch_op *op) {
    op_link(op);
    if (op->rq->state != REQUEST_RUNNING)
        return;
    request_park(op->rq, on_abandoned, op);
    op->rq->on_turn = on_turn;
}

/* True: the answer cannot leave yet, and none is made. */
static bool op_hold(struct broker *b, struct fetch_op *op, size_t room) {
    op->held = room == 0;
    if (op->held) {
        timers_cancel(&b->timers, &op->timer);
        op_link_and_park(op);
    }
    return op->held;
}

static void on_timer(struct timer *t, void *ctx) {
    struct broker *b = ctx;
    struct fetch_op *op = (struct fetch_op *)t; /* its first member */
    size_t room = op_room(op);
    if (op_hold(b, op, room))
        return;
    op_unlink(b, op);
    (void)op_read(b, op, room);
    op_answer(b, op);
}

static void op_park(struct broker *b, struct fetch_op *op) {
    op->timer.fire = on_timer;
    timers_set(&b->timers, &op->timer, op->deadline_us);
    op_link_and_park(op);
}

static void op_finish(struct broker *b, struct fetch_op *op) {
    size_t room = op_room(op);
    if (op_hold(b, op, room))
        return;
    if (!op_read(b, op, room)) {
        int64_t patience_us = broker_now_us(b) + COLD_PATIENCE_US;
        if (!op->cold && op->deadline_us < patience_us)
            op->deadline_us = patience_us;
        op->cold = true;
        op_park(b, op);
        return;
    }
    op_unlink(b, op);
    op_answer(b, op);
}

void fetch_begin(struct broker *b, struct fetch_op *op, int32_t max_wait_ms) {
    op->deadline_us = broker_now_us(b) + (int64_t)(max_wait_ms < 0 ? 0 : max_wait_ms) * US_PER_MS;
    if (max_wait_ms <= 0 || op_ready(op))
        op_finish(b, op);
    else
        op_park(b, op);
}

void fetch_run_woken(struct broker *b) {
    struct fetch_op *op;
    while ((op = b->woken) != NULL) {
        b->woken = op->next_woken;
        op->woken = false;
        if (op->held || op->cold || op_ready(op))
            op_finish(b, op);
    }
}
