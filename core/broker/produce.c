/* Produce: from the bytes of a request to an append.
 *
 *   form      one whole batch v2, magic, codec known to the version        87, 2, 76
 *   request   acks, internal topics                                        21, 17
 *   batch     offset 0, size, CRC, counts, not control, producer fields    87, 10, 2, 47
 *   records   grammar, timestamps, keys of compacted topics                87, 32, -1
 *   log       sequence                                                     45, 47
 *
 * Up to the CRC a refusal is answered without the log start offset, after it
 * with it, as Kafka does.  The bytes stay where they are in the frame: offset,
 * epoch, append time and a wrong max timestamp are patched in place.  Only
 * another compression.type makes a new batch.
 *
 * Compressed records are decompressed to be checked (half of what such a produce
 * costs: weir.check.compressed.batches): whole up to WHOLE_MAX_BYTES, and what is
 * larger once more, piece by piece, up to STREAM_MAX_BYTES.  Past that, or where all
 * of it is needed at once (recompression, a single block of snappy), it is too large. */
#include "core/broker/produce.h"

#include <inttypes.h>
#include <stdlib.h>

#define MAGIC_END 17                  /* bytes up to and with the magic */
#define MIN_SIZE_FIELD 14             /* of the oldest format, below it no batch can be */
#define AT_MAGIC 16
#define AT_ATTRIBUTES 21
#define AT_MAX_TIME 35
#define WHOLE_MAX_BYTES ((size_t)32 << 20)
#define STREAM_MAX_BYTES ((size_t)256 << 20) /* half a second of gzip, in which nothing else is served */
#define SCRATCH_KEEP_BYTES ((size_t)4 << 20)
#define RECORD_ERRORS_MAX 1000

enum batch_form { FORM_OK, FORM_NONE, FORM_CORRUPT, FORM_MAGIC };

/* Is there a batch at the start of in?  NONE: nothing whole. */
static enum batch_form batch_form(struct slice in, size_t *size) {
    if (in.n < BATCH_LOG_OVERHEAD)
        return FORM_NONE;
    int32_t length = (int32_t)be32_get(in.p + 8);
    if (length < MIN_SIZE_FIELD)
        return FORM_CORRUPT;
    if (in.n < MAGIC_END)
        return FORM_NONE;
    int8_t magic = (int8_t)in.p[AT_MAGIC];
    if (magic < 0 || magic > 2)
        return FORM_MAGIC;
    *size = (size_t)length + BATCH_LOG_OVERHEAD;
    return in.n < *size ? FORM_NONE : FORM_OK;
}

bool produce_is_transactional(struct slice records) {
    return records.n >= BATCH_HEADER_BYTES && records.p[AT_MAGIC] == 2 &&
           (be16_get(records.p + AT_ATTRIBUTES) & BATCH_ATTR_TXN) != 0;
}

static int16_t form_error(struct request *rq, enum batch_form form, struct slice in, struct produce_result *out) {
    switch (form) {
    case FORM_OK: return KAFKA_NONE;
    case FORM_NONE: return KAFKA_INVALID_RECORD;
    case FORM_MAGIC:
        out->message = request_printf(rq, "Invalid magic found in record: %d", (int8_t)in.p[AT_MAGIC]);
        return KAFKA_CORRUPT_MESSAGE;
    case FORM_CORRUPT:
        return KAFKA_CORRUPT_MESSAGE;
    }
    return KAFKA_UNKNOWN_SERVER_ERROR;
}

/* Exactly one batch, of format 2. */
static int16_t check_form(struct request *rq, struct slice in, size_t *size, struct produce_result *out) {
    if (in.p == NULL)
        return KAFKA_INVALID_RECORD; /* Kafka 4.3 never answers this one */
    enum batch_form form = batch_form(in, size);
    if (form != FORM_OK)
        return form_error(rq, form, in, out);
    if (in.p[AT_MAGIC] < 2)
        return KAFKA_INVALID_RECORD;
    if (*size >= BATCH_HEADER_BYTES && (in.p[AT_ATTRIBUTES + 1] & BATCH_ATTR_CODEC) == CODEC_ZSTD &&
        rq->header.version < 7)
        return KAFKA_UNSUPPORTED_COMPRESSION_TYPE;
    struct slice rest = slice_of(in.p + *size, in.n - *size);
    size_t second;
    form = batch_form(rest, &second);
    if (form == FORM_OK)
        return KAFKA_INVALID_RECORD;
    return form == FORM_NONE ? KAFKA_NONE : form_error(rq, form, rest, out);
}

/* The header's own rules. */
static int16_t check_header(const struct batch *t) {
    if ((int64_t)t->last_offset_delta + 1 <= 0 || t->count <= 0 || (int64_t)t->last_offset_delta + 1 != t->count)
        return KAFKA_INVALID_RECORD;
    if (t->attributes & BATCH_ATTR_CONTROL)
        return KAFKA_INVALID_RECORD;
    if (t->producer_id >= 0 && t->base_sequence < 0)
        return KAFKA_INVALID_RECORD;
    if (batch_codec(t) >= CODEC_N)
        return KAFKA_UNKNOWN_SERVER_ERROR;
    if (t->producer_id >= 0 && t->producer_epoch < 0)
        return KAFKA_INVALID_PRODUCER_EPOCH;
    return KAFKA_NONE;
}

/* ---- the records ---- */

struct walk {
    struct request *rq;
    struct partition *p;
    const struct batch *batch;
    struct produce_result *out;
    int64_t low_ms, high_ms;          /* accepted timestamps */
    int64_t max_ms;                   /* the largest found; -1: none */
    bool bad_time;
};

static void record_error(struct walk *w, int32_t index, struct slice message) {
    if (w->out->errors == NULL)
        w->out->errors = request_alloc(w->rq, RECORD_ERRORS_MAX * sizeof *w->out->errors);
    if (w->out->n_errors < RECORD_ERRORS_MAX)
        w->out->errors[w->out->n_errors++] = (struct produce_error){index, message};
}

static void check_record(struct walk *w, int32_t index, const struct record *r) {
    const struct topic *t = w->p->topic;
    if (t->v.compact && r->key.p == NULL) {
        record_error(w, index,
                     request_printf(w->rq, "Compacted topic cannot accept message without key in topic partition %s-%d",
                                    t->name, w->p->index));
    } else if (!t->v.append_time && r->timestamp != -1 && (r->timestamp < w->low_ms || r->timestamp > w->high_ms)) {
        w->bad_time = true;
        record_error(w, index,
                     request_printf(w->rq,
                                    "Timestamp %" PRId64 " of message with offset %" PRId64
                                    " is out of range. The timestamp should be within [%" PRId64 ", %" PRId64 "]",
                                    r->timestamp, r->offset, w->low_ms, w->high_ms));
    }
    if (r->timestamp > w->max_ms)
        w->max_ms = r->timestamp;
}

/* The sentence that goes with the record errors. */
static int16_t record_errors(struct walk *w) {
    struct produce_result *out = w->out;
    if (out->n_errors == 0)
        return KAFKA_NONE;
    if (w->bad_time) {
        out->message = SLICE("One or more records have been rejected due to invalid timestamp");
        return KAFKA_INVALID_TIMESTAMP;
    }
    struct buf text = {0};
    buf_printf(&text, "One or more records have been rejected due to %d record errors in total, and only showing the "
                      "first three errors at most: [", out->n_errors);
    for (int32_t i = 0; i < out->n_errors && i < 3; i++)
        buf_printf(&text, "%sRecordError(batchIndex=%d, message='%.*s')", i == 0 ? "" : ", ", out->errors[i].index,
                   SLICE_ARG(out->errors[i].message));
    buf_puts(&text, "]");
    out->message = request_dup(w->rq, buf_slice(&text));
    buf_fini(&text);
    return KAFKA_INVALID_RECORD;
}

static int16_t walk_records(struct walk *w, struct slice records) {
    struct record_iter it = {.batch = w->batch, .rest = records};
    struct record r;
    enum err e;
    while ((e = record_next(&it, &r)) == OK)
        check_record(w, it.index - 1, &r);
    if (e != ERR_NOT_FOUND) {
        w->out->n_errors = 0;
        return KAFKA_INVALID_RECORD;
    }
    return record_errors(w);
}

/* What the batch could not be decompressed for. */
static int16_t codec_error(struct walk *w, enum err e) {
    if (e == ERR_TOO_LARGE)
        w->out->message = SLICE("The batch unpacks to more than this broker takes");
    return e == ERR_TOO_LARGE     ? KAFKA_MESSAGE_TOO_LARGE
           : e == ERR_UNSUPPORTED ? KAFKA_UNSUPPORTED_COMPRESSION_TYPE /* its library is not installed here */
                                  : KAFKA_UNKNOWN_SERVER_ERROR;
}

static void stream_seen(void *ctx, int32_t index, const struct record *r) { check_record(ctx, index, r); }

struct streaming {
    struct record_stream records;
    bool malformed;
};

static enum err stream_part(void *ctx, struct slice part) {
    struct streaming *s = ctx;
    enum err e = record_stream_take(&s->records, part);
    s->malformed = e != OK;
    return e;
}

/* Too large to be unpacked whole. */
static int16_t stream_records(struct broker *b, struct walk *w) {
    struct streaming s = {.records = {.batch = w->batch, .seen = stream_seen, .ctx = w}};
    enum err e = codec_decompress_stream(batch_codec(w->batch), w->batch->records, STREAM_MAX_BYTES, WHOLE_MAX_BYTES,
                                         &b->scratch, stream_part, &s);
    if (e == OK)
        s.malformed = record_stream_end(&s.records) != OK;
    if (e == OK && !s.malformed)
        return record_errors(w);
    w->out->n_errors = 0;
    return s.malformed ? KAFKA_INVALID_RECORD : codec_error(w, e);
}

/* `plain`: the records, decompressed where they have to be; all of them where they are `wanted`. */
static int16_t check_records(struct broker *b, struct walk *w, bool wanted, struct slice *plain) {
    enum batch_codec codec = batch_codec(w->batch);
    int64_t now_ms = broker_now_ms(b), after = w->p->topic->v.timestamp_after_max_ms;
    w->low_ms = now_ms - w->p->topic->v.timestamp_before_max_ms;
    w->high_ms = after > INT64_MAX - now_ms ? INT64_MAX : now_ms + after;
    w->max_ms = -1;
    *plain = w->batch->records;
    if (codec != CODEC_NONE && !wanted && !w->p->topic->v.compact && !w->p->topic->v.check_compressed) {
        w->max_ms = w->batch->max_timestamp;
        return KAFKA_NONE;
    }
    if (codec != CODEC_NONE) {
        buf_clear(&b->scratch);
        enum err e = codec_decompress(codec, w->batch->records, WHOLE_MAX_BYTES, &b->scratch);
        if (e == ERR_TOO_LARGE && !wanted)
            return stream_records(b, w);
        if (e != OK)
            return codec_error(w, e);
        *plain = buf_slice(&b->scratch);
    }
    return walk_records(w, *plain);
}

/* ---- changes ---- */

/* A header that says another largest time than the records do would spoil the
 * time index; so would the bit of an append time that is not ours. */
static void mend_times(struct topic *t, uint8_t *batch, size_t n, int64_t max_ms, int64_t now_ms) {
    uint16_t attributes = be16_get(batch + AT_ATTRIBUTES);
    if (t->v.append_time) {
        batch_set_append_time(batch, n, now_ms);
        return;
    }
    if ((int64_t)be64_get(batch + AT_MAX_TIME) == max_ms && (attributes & BATCH_ATTR_APPEND_TIME) == 0)
        return;
    be16_set(batch + AT_ATTRIBUTES, (uint16_t)(attributes & ~BATCH_ATTR_APPEND_TIME));
    be64_set(batch + AT_MAX_TIME, (uint64_t)max_ms);
    batch_seal(batch, n);
}

/* The batch again with other compression, in b->recompressed. */
static enum err recompress(struct broker *b, struct topic *t, const uint8_t *batch, struct slice plain) {
    struct buf *out = &b->recompressed;
    buf_clear(out);
    buf_put(out, batch, BATCH_HEADER_BYTES);
    enum batch_codec codec = (enum batch_codec)t->v.compression;
    if (codec == CODEC_NONE) {
        buf_put(out, plain.p, plain.n);
    } else {
        enum err e = codec_compress(codec, t->v.compression_level, plain, out);
        if (e != OK)
            return e;
    }
    uint16_t attributes = be16_get(out->p + AT_ATTRIBUTES);
    be16_set(out->p + AT_ATTRIBUTES, (uint16_t)((attributes & ~(unsigned)BATCH_ATTR_CODEC) | (unsigned)codec));
    be32_set(out->p + 8, (uint32_t)(out->n - BATCH_LOG_OVERHEAD));
    batch_seal(out->p, out->n);
    return OK;
}

static void append(struct broker *b, struct partition *p, const struct batch *t, uint8_t *bytes, size_t n,
                   int64_t now_ms, struct produce_result *out) {
    struct append_result r;
    enum err e = store_append(p->log, bytes, n, &r);
    if (e != OK) {
        out->error = kafka_error_of(e);
        if (e == ERR_NO_SPACE)
            out->message = SLICE("The broker's disk is nearly full: nothing is appended until there is room again");
        return;
    }
    if (r.sequence != APPEND_OK) {
        out->error = r.sequence == APPEND_BAD_EPOCH ? KAFKA_INVALID_PRODUCER_EPOCH : KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER;
        return;
    }
    out->base_offset = r.base_offset;
    out->ticket = r.ticket;
    if (r.duplicate) {
        out->append_time_ms = r.duplicate_timestamp;
        return;
    }
    if (p->topic->v.append_time)
        out->append_time_ms = now_ms;
    b->stats.batches_in++;
    b->stats.messages_in += (uint64_t)t->count;
}

static void scratch_trim(struct buf *b) {
    if (b->cap > SCRATCH_KEEP_BYTES)
        buf_fini(b);
}

void produce_batch(struct broker *b, struct request *rq, struct partition *p, int16_t acks, struct slice records,
                   struct produce_result *out) {
    struct topic *topic = p->topic;
    struct batch t;
    size_t n = 0;
    *out = (struct produce_result){.base_offset = -1, .append_time_ms = -1, .log_start = -1};
    out->error = check_form(rq, records, &n, out);
    if (out->error == KAFKA_NONE && (acks < -1 || acks > 1))
        out->error = KAFKA_INVALID_REQUIRED_ACKS;
    else if (out->error == KAFKA_NONE && topic->internal && !request_client_is(rq, "__admin_client"))
        out->error = KAFKA_INVALID_TOPIC_EXCEPTION;
    if (out->error != KAFKA_NONE)
        return;
    struct slice whole = slice_of(records.p, n);
    enum err parsed = batch_parse(whole, &t);
    if (be64_get(whole.p) != 0)
        out->log_start = store_log_start(p->log), out->error = KAFKA_INVALID_RECORD;
    else if (n > (size_t)topic->v.max_message_bytes)
        out->error = KAFKA_MESSAGE_TOO_LARGE;
    else if (parsed != OK || !batch_crc_ok(&t))
        out->error = KAFKA_CORRUPT_MESSAGE;
    if (out->error != KAFKA_NONE)
        return;
    out->log_start = store_log_start(p->log);
    out->error = check_header(&t);
    if (out->error != KAFKA_NONE)
        return;

    bool other_codec = topic->v.compression >= 0 && topic->v.compression != (int)batch_codec(&t);
    struct walk w = {.rq = rq, .p = p, .batch = &t, .out = out};
    struct slice plain;
    out->error = check_records(b, &w, other_codec, &plain);
    uint8_t *bytes = (uint8_t *)(uintptr_t)whole.p;
    int64_t now_ms = broker_now_ms(b);
    if (out->error == KAFKA_NONE && other_codec) {
        if (recompress(b, topic, bytes, plain) != OK)
            out->error = KAFKA_UNKNOWN_SERVER_ERROR;
        bytes = b->recompressed.p;
        n = b->recompressed.n;
        if (n > (size_t)topic->v.max_message_bytes)
            out->error = KAFKA_MESSAGE_TOO_LARGE, out->log_start = -1;
    }
    if (out->error == KAFKA_NONE) {
        mend_times(topic, bytes, n, w.max_ms, now_ms);
        append(b, p, &t, bytes, n, now_ms, out);
    }
    scratch_trim(&b->scratch);
    scratch_trim(&b->recompressed);
}

enum err partition_append(struct broker *b, struct partition *p, uint8_t *batch, size_t n, struct append_result *out) {
    (void)b;
    return store_append(p->log, batch, n, out);
}
