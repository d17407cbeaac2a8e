/* Record batch v2: header fields, records and building.  The layout is in
 * batch.h.  Everything read here comes from outside: every length is held
 * against the bytes left.  Pure functions; slices point into the input. */
#include "core/proto/batch.h"

/* Byte positions in the header. */
enum {
    AT_LENGTH = 8, AT_EPOCH = 12, AT_MAGIC = 16, AT_CRC = 17, AT_ATTRIBUTES = 21, AT_LAST_DELTA = 23,
    AT_BASE_TIME = 27, AT_MAX_TIME = 35, AT_PRODUCER_ID = 43, AT_PRODUCER_EPOCH = 51, AT_SEQUENCE = 53, AT_COUNT = 57,
};

enum err batch_parse(struct slice in, struct batch *b) {
    *b = (struct batch){.bytes = in};
    if (in.n < BATCH_LOG_OVERHEAD)
        return ERR_RANGE;
    b->base_offset = (int64_t)be64_get(in.p);
    b->length = (int32_t)be32_get(in.p + AT_LENGTH);
    if (in.n > AT_MAGIC)
        b->magic = (int8_t)in.p[AT_MAGIC];
    if (b->length < BATCH_HEADER_BYTES - BATCH_LOG_OVERHEAD)
        return ERR_CORRUPT;
    size_t whole = (size_t)b->length + BATCH_LOG_OVERHEAD;
    if (in.n >= BATCH_HEADER_BYTES) {
        b->leader_epoch = (int32_t)be32_get(in.p + AT_EPOCH);
        b->crc = be32_get(in.p + AT_CRC);
        b->attributes = (int16_t)be16_get(in.p + AT_ATTRIBUTES);
        b->last_offset_delta = (int32_t)be32_get(in.p + AT_LAST_DELTA);
        b->base_timestamp = (int64_t)be64_get(in.p + AT_BASE_TIME);
        b->max_timestamp = (int64_t)be64_get(in.p + AT_MAX_TIME);
        b->producer_id = (int64_t)be64_get(in.p + AT_PRODUCER_ID);
        b->producer_epoch = (int16_t)be16_get(in.p + AT_PRODUCER_EPOCH);
        b->base_sequence = (int32_t)be32_get(in.p + AT_SEQUENCE);
        b->count = (int32_t)be32_get(in.p + AT_COUNT);
    }
    if (in.n < whole)
        return ERR_RANGE;
    b->bytes = slice_of(in.p, whole);
    b->records = slice_of(in.p + BATCH_HEADER_BYTES, whole - BATCH_HEADER_BYTES);
    return OK;
}

bool batch_crc_ok(const struct batch *b) {
    return b->bytes.n >= BATCH_HEADER_BYTES &&
           crc32c(0, b->bytes.p + AT_ATTRIBUTES, b->bytes.n - AT_ATTRIBUTES) == b->crc;
}

void batch_set_offset(uint8_t *batch, int64_t base_offset, int32_t leader_epoch) {
    be64_set(batch, (uint64_t)base_offset);
    be32_set(batch + AT_EPOCH, (uint32_t)leader_epoch);
}

void batch_set_append_time(uint8_t *batch, size_t n, int64_t ms) {
    be16_set(batch + AT_ATTRIBUTES, be16_get(batch + AT_ATTRIBUTES) | BATCH_ATTR_APPEND_TIME);
    be64_set(batch + AT_MAX_TIME, (uint64_t)ms);
    batch_seal(batch, n);
}

void batch_seal(uint8_t *batch, size_t n) {
    weir_assert(n >= BATCH_HEADER_BYTES);
    be32_set(batch + AT_CRC, crc32c(0, batch + AT_ATTRIBUTES, n - AT_ATTRIBUTES));
}

size_t varint_get(const uint8_t *p, size_t n, int64_t *v) {
    uint64_t out = 0;
    for (size_t i = 0; i < n && i < 10; i++) {
        out |= (uint64_t)(p[i] & 0x7f) << (7 * i);
        if (p[i] < 0x80) {
            *v = (int64_t)(out >> 1) ^ -(int64_t)(out & 1);
            return i < 9 || p[i] <= 1 ? i + 1 : 0;
        }
    }
    return 0;
}

static uint8_t *varint_set(uint8_t *p, int64_t v) {
    uint64_t z = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
    for (; z >= 0x80; z >>= 7)
        *p++ = (uint8_t)(z | 0x80);
    *p++ = (uint8_t)z;
    return p;
}

void varint_put(struct buf *out, int64_t v) {
    uint8_t *p = buf_reserve(out, 10);
    out->n += (size_t)(varint_set(p, v) - p);
}

static size_t varint_size(int64_t v) {
    uint64_t z = ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
    size_t n = 1;
    for (; z >= 0x80; z >>= 7)
        n++;
    return n;
}

/* These run for every record of every batch that is checked: pointers in
 * registers and the one-byte form first take a third off it. */
struct cursor {
    const uint8_t *p, *end;
};

static bool take_long_slow(struct cursor *c, int64_t *v) {
    size_t used = varint_get(c->p, (size_t)(c->end - c->p), v);
    c->p += used;
    return used != 0;
}

static inline bool take_long(struct cursor *c, int64_t *v) {
    if (c->p == c->end || *c->p >= 0x80)
        return take_long_slow(c, v);
    *v = (int64_t)(*c->p >> 1) ^ -(int64_t)(*c->p & 1);
    c->p++;
    return true;
}

/* A varint that must fit 32 bits. */
static inline bool take_int(struct cursor *c, int64_t *v) {
    return take_long(c, v) && *v >= INT32_MIN && *v <= INT32_MAX;
}

/* Length and bytes; -1 is null. */
static inline bool take_bytes(struct cursor *c, struct slice *out) {
    int64_t n;
    if (!take_int(c, &n) || n < -1 || n > c->end - c->p)
        return false;
    *out = n < 0 ? SLICE_NULL : slice_of(c->p, (size_t)n);
    c->p += out->n;
    return true;
}

static bool take_header(struct cursor *c, struct record_header *h) {
    return take_bytes(c, &h->key) && h->key.p != NULL && take_bytes(c, &h->value);
}

enum err record_next(struct record_iter *it, struct record *r) {
    if (it->index >= it->batch->count)
        return it->rest.n == 0 ? ERR_NOT_FOUND : ERR_CORRUPT;
    if (it->rest.n == 0)
        return ERR_CORRUPT;
    const uint8_t *start = it->rest.p;
    struct cursor c = {start, start + it->rest.n};
    int64_t length, time_delta, offset_delta, n_headers;
    if (!take_int(&c, &length) || length < 1 || length > c.end - c.p)
        return ERR_CORRUPT;
    const uint8_t *next = c.p + length;
    it->rest = slice_of(next, (size_t)(c.end - next));
    c = (struct cursor){c.p + 1, next}; /* behind the unused attributes */
    if (!take_long(&c, &time_delta) || !take_int(&c, &offset_delta) || !take_bytes(&c, &r->key) ||
        !take_bytes(&c, &r->value) || !take_int(&c, &n_headers) || n_headers < 0)
        return ERR_CORRUPT;
    r->headers = slice_of(c.p, (size_t)(next - c.p));
    r->n_headers = (int32_t)n_headers;
    for (struct record_header h; n_headers > 0; n_headers--)
        if (!take_header(&c, &h))
            return ERR_CORRUPT;
    if (c.p != next)
        return ERR_CORRUPT;
    /* Unsigned: hostile deltas may wrap, they must not be undefined. */
    const struct batch *b = it->batch;
    r->offset = (int64_t)((uint64_t)b->base_offset + (uint64_t)offset_delta);
    r->timestamp = b->attributes & BATCH_ATTR_APPEND_TIME
                       ? b->max_timestamp
                       : (int64_t)((uint64_t)b->base_timestamp + (uint64_t)time_delta);
    r->raw = slice_of(start, (size_t)(next - start));
    it->index++;
    return OK;
}

enum err record_header_next(struct slice *headers, struct record_header *h) {
    if (headers->n == 0)
        return ERR_NOT_FOUND;
    struct cursor c = {headers->p, headers->p + headers->n};
    if (!take_header(&c, h))
        return ERR_CORRUPT;
    *headers = slice_of(c.p, (size_t)(c.end - c.p));
    return OK;
}

void batch_start(struct batch_builder *b, int64_t base_offset, int64_t base_timestamp_ms) {
    struct buf records = b->records;
    buf_clear(&records);
    *b = (struct batch_builder){
        .records = records, .base_offset = base_offset, .base_timestamp = base_timestamp_ms, .max_timestamp = -1,
        .producer_id = -1, .producer_epoch = -1, .base_sequence = -1, .leader_epoch = -1, .last_offset_delta = -1,
    };
}

static size_t bytes_size(struct slice s) {
    return s.p == NULL ? 1 : varint_size((int64_t)s.n) + s.n;
}

static uint8_t *bytes_set(uint8_t *p, struct slice s) {
    p = varint_set(p, s.p == NULL ? -1 : (int64_t)s.n);
    if (s.n != 0)
        memcpy(p, s.p, s.n);
    return p + s.n;
}

void batch_add(struct batch_builder *b, int64_t offset_delta, int64_t timestamp_ms, struct slice key,
               struct slice value, const struct record_header *headers, int32_t n_headers) {
    int64_t time_delta = (int64_t)((uint64_t)timestamp_ms - (uint64_t)b->base_timestamp);
    size_t size = 1 + varint_size(time_delta) + varint_size(offset_delta) + bytes_size(key) + bytes_size(value) +
                  varint_size(n_headers);
    for (int32_t i = 0; i < n_headers; i++)
        size += bytes_size(headers[i].key) + bytes_size(headers[i].value);
    weir_assert(size <= INT32_MAX && offset_delta <= INT32_MAX);
    uint8_t *start = buf_reserve(&b->records, size + 5);
    uint8_t *p = varint_set(start, (int64_t)size);
    *p++ = 0;
    p = varint_set(p, time_delta);
    p = varint_set(p, offset_delta);
    p = bytes_set(bytes_set(p, key), value);
    p = varint_set(p, n_headers);
    for (int32_t i = 0; i < n_headers; i++)
        p = bytes_set(bytes_set(p, headers[i].key), headers[i].value);
    b->records.n += (size_t)(p - start);
    b->count++;
    if (offset_delta > b->last_offset_delta)
        b->last_offset_delta = (int32_t)offset_delta;
    if (timestamp_ms > b->max_timestamp)
        b->max_timestamp = timestamp_ms;
}

enum err batch_finish(struct batch_builder *b, enum batch_codec codec, struct buf *out) {
    size_t at = out->n;
    memset(buf_reserve(out, BATCH_HEADER_BYTES), 0, BATCH_HEADER_BYTES);
    out->n += BATCH_HEADER_BYTES;
    enum err e = codec_compress(codec, INT32_MIN, buf_slice(&b->records), out);
    size_t n = out->n - at;
    if (e == OK && n > INT32_MAX)
        e = ERR_TOO_LARGE;
    if (e != OK) {
        out->n = at;
        return e;
    }
    uint8_t *p = out->p + at;
    batch_set_offset(p, b->base_offset, b->leader_epoch);
    be32_set(p + AT_LENGTH, (uint32_t)(n - BATCH_LOG_OVERHEAD));
    p[AT_MAGIC] = 2;
    be16_set(p + AT_ATTRIBUTES, (uint16_t)((b->attributes & ~BATCH_ATTR_CODEC) | (int)codec));
    be32_set(p + AT_LAST_DELTA, (uint32_t)b->last_offset_delta);
    be64_set(p + AT_BASE_TIME, (uint64_t)b->base_timestamp);
    be64_set(p + AT_MAX_TIME, (uint64_t)b->max_timestamp);
    be64_set(p + AT_PRODUCER_ID, (uint64_t)b->producer_id);
    be16_set(p + AT_PRODUCER_EPOCH, (uint16_t)b->producer_epoch);
    be32_set(p + AT_SEQUENCE, (uint32_t)b->base_sequence);
    be32_set(p + AT_COUNT, (uint32_t)b->count);
    batch_seal(p, n);
    return OK;
}

void batch_builder_fini(struct batch_builder *b) {
    buf_fini(&b->records);
}
