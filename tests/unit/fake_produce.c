/* See fake_produce.h. */
#include "tests/unit/fake_produce.h"

#include <string.h>

void fake_log_init(struct fake_log *l) {
    *l = (struct fake_log){.lock = PTHREAD_MUTEX_INITIALIZER};
    for (size_t i = 0; i < FAKE_LOG_PARTS; i++)
        l->parts[i].pid = -1;
}

void fake_log_fini(struct fake_log *l) {
    for (size_t i = 0; i < FAKE_LOG_PARTS; i++)
        buf_fini(&l->parts[i].text);
    pthread_mutex_destroy(&l->lock);
}

void fake_log_script(struct fake_log *l, int step, size_t n) {
    pthread_mutex_lock(&l->lock);
    for (; n > 0; n--) {
        weir_assert(l->n_steps < FAKE_STEPS);
        l->steps[l->n_steps++] = step;
    }
    pthread_mutex_unlock(&l->lock);
}

void fake_log_id(struct fake_log *l, struct init_producer_id_resp *r) {
    r->error_code = l->no_ids ? 31 : 0;
    r->producer_id = l->no_ids ? -1 : 1000 + atomic_fetch_add(&l->ids, 1);
    r->producer_epoch = 0;
}

/* 0, or the error; *base is set where the batch is there already. */
static int16_t check_producer(struct fake_part *p, const struct batch *b, int64_t *base) {
    if (p->pid != b->producer_id)
        return 0; /* nothing is known of it: any sequence */
    if (b->producer_epoch < p->epoch)
        return 47;
    if (b->producer_epoch > p->epoch)
        return b->base_sequence == 0 ? 0 : 45;
    for (size_t i = 0; i < p->n_last; i++)
        if (p->last[i].seq == b->base_sequence && p->last[i].count == b->count) {
            *base = p->last[i].base;
            return 0;
        }
    return b->base_sequence == p->next ? 0 : 45;
}

static void remember(struct fake_part *p, const struct batch *b, size_t text_n) {
    if (p->pid != b->producer_id || p->epoch != b->producer_epoch)
        p->n_last = 0;
    p->pid = b->producer_id;
    p->epoch = b->producer_epoch;
    p->next = b->base_sequence + b->count;
    if (p->n_last == FAKE_REMEMBERED) {
        memmove(&p->last[0], &p->last[1], (FAKE_REMEMBERED - 1) * sizeof p->last[0]);
        p->n_last--;
    }
    p->last[p->n_last].seq = b->base_sequence;
    p->last[p->n_last].count = b->count;
    p->last[p->n_last].text_n = text_n;
    p->last[p->n_last++].base = p->end;
}

/* Values that begin with "bad" are refused, and the batch with them, as Kafka does before it looks at sequences. */
static int16_t check_values(const struct batch *b, struct slice plain, struct produce_resp_partition *to,
                            struct arena *a) {
    struct record_iter it = {.batch = b, .rest = plain};
    struct record r;
    to->record_errors.v = arena_zalloc(a, (size_t)b->count * sizeof *to->record_errors.v);
    while (record_next(&it, &r) == OK)
        if (r.value.n >= 3 && memcmp(r.value.p, "bad", 3) == 0)
            to->record_errors.v[to->record_errors.n++] = (struct produce_resp_batch_index_and_error_message){
                it.index - 1, slice_eq(r.value, SLICE("bad mute")) ? SLICE_NULL : SLICE("it is bad")};
    to->error_message = SLICE("some are bad");
    return to->record_errors.n > 0 ? 87 : 0;
}

static int16_t append(struct fake_log *l, const struct produce_req *q, const struct produce_req_partition *from,
                      struct produce_resp_partition *to, struct arena *a) {
    struct fake_part *p = &l->parts[from->index];
    int64_t *base = &to->base_offset;
    struct batch b;
    struct buf plain = {0};
    struct record r;
    weir_assert(batch_parse(from->records, &b) == OK && batch_crc_ok(&b) && b.base_offset == 0);
    if (l->max_bytes > 0 && from->records.n > (size_t)l->max_bytes)
        return 10;
    if (b.producer_id < 0 && q->acks < 0)
        l->bare_acks_all = true;
    *base = -1;
    weir_assert(codec_decompress(batch_codec(&b), b.records, 1 << 24, &plain) == OK);
    int16_t error = check_values(&b, buf_slice(&plain), to, a);
    if (error == 0 && b.producer_id >= 0)
        error = check_producer(p, &b, base);
    if (error != 0 || *base >= 0) {
        buf_fini(&plain);
        return error;
    }
    if (b.count > l->batches_max)
        l->batches_max = b.count;
    struct record_iter it = {.batch = &b, .rest = buf_slice(&plain)};
    size_t text_n = p->text.n;
    while (record_next(&it, &r) == OK) {
        buf_put(&p->text, r.value.p, r.value.n < 8 ? r.value.n : 8);
        buf_puts(&p->text, " ");
    }
    weir_assert(it.index == b.count);
    if (b.producer_id >= 0)
        remember(p, &b, text_n);
    *base = p->end;
    p->end += b.count;
    buf_fini(&plain);
    return 0;
}

static void forget(struct fake_log *l) {
    for (size_t i = 0; i < FAKE_LOG_PARTS; i++) {
        l->parts[i].pid = -1;
        l->parts[i].n_last = 0;
    }
}

/* The newest batch of partition 0 never reached the disk. */
static void lose(struct fake_part *p) {
    if (p->n_last == 0)
        return;
    p->n_last--;
    p->text.n = p->last[p->n_last].text_n;
    p->end = p->last[p->n_last].base;
    p->next = p->last[p->n_last].seq;
}

enum fake_then fake_log_take(struct fake_log *l, const struct produce_req *q, bool leads, struct produce_resp *r,
                             struct arena *a) {
    pthread_mutex_lock(&l->lock);
    l->requests++;
    int step = l->at_step < l->n_steps ? l->steps[l->at_step++] : 0;
    bool writes = step == 0 || (step <= STEP_MUTE && step != STEP_CUT_BEFORE && step != STEP_FORGET);
    bool failed = false;
    if (step == STEP_FORGET)
        forget(l);
    if (step == STEP_LOST)
        lose(&l->parts[0]);
    r->responses.n = q->topic_data.n;
    r->responses.v = arena_zalloc(a, (size_t)q->topic_data.n * sizeof *r->responses.v);
    for (int32_t i = 0; i < q->topic_data.n; i++) {
        const struct produce_req_topic *t = &q->topic_data.v[i];
        int32_t n = t->partition_data.n;
        r->responses.v[i].name = t->name;
        r->responses.v[i].partition_responses.n = n;
        r->responses.v[i].partition_responses.v = arena_zalloc(a, (size_t)n * sizeof(struct produce_resp_partition));
        for (int32_t k = 0; k < n; k++) {
            struct produce_resp_partition *to = &r->responses.v[i].partition_responses.v[k];
            proto_init(PROTO_STRUCT(produce_resp_partition), to);
            to->index = t->partition_data.v[k].index;
            to->base_offset = -1;
            to->error_code = !leads ? 6 : step > 0 ? (int16_t)step : step == STEP_FORGET ? 59 : 0;
            if (writes && leads)
                to->error_code = append(l, q, &t->partition_data.v[k], to, a);
            if (to->error_code == 0 && step == STEP_LATE)
                to->error_code = 7;
            failed = failed || to->error_code != 0;
        }
    }
    pthread_mutex_unlock(&l->lock);
    if (step == STEP_CUT_BEFORE || step == STEP_CUT_AFTER || (q->acks == 0 && failed))
        return FAKE_CUT;
    return step == STEP_MUTE || q->acks == 0 ? FAKE_SILENT : FAKE_ANSWER;
}

void fake_log_text(struct fake_log *l, int partition, struct buf *out) {
    pthread_mutex_lock(&l->lock);
    buf_clear(out);
    buf_put(out, l->parts[partition].text.p, l->parts[partition].text.n);
    buf_put_u8(out, 0);
    pthread_mutex_unlock(&l->lock);
}
