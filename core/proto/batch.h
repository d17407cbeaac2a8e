/* Record batch v2 (KIP-98), the only format stored or served.
 *
 *   0  base_offset      i64   patched by the broker; outside the CRC
 *   8  batch_length     i32   bytes after this field
 *  12  leader_epoch     i32   patched by the broker; outside the CRC
 *  16  magic            i8    2
 *  17  crc              u32   CRC32C of everything from attributes on
 *  21  attributes       i16   0-2 codec, 3 LogAppendTime, 4 transactional, 5 control, 6 delete horizon
 *  23  last_offset_delta i32
 *  27  base_timestamp   i64
 *  35  max_timestamp    i64
 *  43  producer_id      i64
 *  51  producer_epoch   i16
 *  53  base_sequence    i32
 *  57  records_count    i32
 *  61  records
 *
 * record: varint length, i8 attributes, varlong timestamp delta, varint offset
 * delta, varint key length (-1 null), key, varint value length, value, varint
 * header count, headers (varint key length, key, varint value length, value). */
#ifndef WEIR_PROTO_BATCH_H
#define WEIR_PROTO_BATCH_H

#include "core/base/mem.h"

#define BATCH_HEADER_BYTES 61
#define BATCH_LOG_OVERHEAD 12 /* base_offset and batch_length */

enum batch_codec { CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD, CODEC_N };
#define BATCH_ATTR_CODEC 0x07
#define BATCH_ATTR_APPEND_TIME 0x08
#define BATCH_ATTR_TXN 0x10
#define BATCH_ATTR_CONTROL 0x20

struct batch {
    int64_t base_offset;
    int32_t length;               /* as on the wire; the whole batch is length + 12 bytes */
    int32_t leader_epoch;
    int8_t magic;
    uint32_t crc;
    int16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp, max_timestamp;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t count;
    struct slice bytes;           /* the whole batch */
    struct slice records;         /* after the header, perhaps compressed */
};
static inline int64_t batch_last_offset(const struct batch *b) { return b->base_offset + b->last_offset_delta; }
static inline enum batch_codec batch_codec(const struct batch *b) {
    return (enum batch_codec)(b->attributes & BATCH_ATTR_CODEC);
}

/* Reads the header at the start of in.  ERR_RANGE: in ends before the batch does
 * (b->bytes is then what is there, b->length is valid when in.n >= 12);
 * ERR_CORRUPT: length below the minimum.  Does not check magic or CRC. */
enum err batch_parse(struct slice in, struct batch *b) WEIR_MUST_CHECK;
bool batch_crc_ok(const struct batch *b);
/* In place; outside the CRC. */
void batch_set_offset(uint8_t *batch, int64_t base_offset, int32_t leader_epoch);
/* In place; LogAppendTime: sets the attribute bit and max_timestamp, computes the CRC anew. */
void batch_set_append_time(uint8_t *batch, size_t n, int64_t ms);
/* CRC over the batch as it stands, written into it. */
void batch_seal(uint8_t *batch, size_t n);

struct record_header { struct slice key, value; };
struct record {
    int64_t offset;
    int64_t timestamp;
    struct slice key, value;      /* null: p == NULL */
    int32_t n_headers;
    struct slice headers;         /* still encoded; record_header_next walks them */
    struct slice raw;             /* the record's own bytes with its length */
};
/* Walks the records of decompressed bytes.  Zero-initialise `it`, set batch and rest. */
struct record_iter {
    const struct batch *batch;
    struct slice rest;
    int32_t index;
};
/* OK; ERR_NOT_FOUND at the end, when count records used up all bytes; ERR_CORRUPT.
 * Headers are checked here, so record_header_next succeeds n_headers times. */
enum err record_next(struct record_iter *it, struct record *r) WEIR_MUST_CHECK;

/* The same walk over bytes that come in pieces; of a record only offset, timestamp and whether its key is null are
 * known.  Zero-initialise, set batch, seen and ctx. */
struct record_stream {
    const struct batch *batch;
    void (*seen)(void *ctx, int32_t index, const struct record *r);
    void *ctx;
    int32_t index;                /* records seen */
    int field;
    uint8_t number[10];           /* a varint that is not whole */
    size_t n_number;
    int64_t left, skip, headers;  /* of the record: bytes, bytes of this field, headers */
    struct record record;
};
enum err record_stream_take(struct record_stream *s, struct slice part) WEIR_MUST_CHECK;      /* OK, ERR_CORRUPT */
enum err record_stream_end(const struct record_stream *s) WEIR_MUST_CHECK;     /* count records, and all bytes used */

enum err record_header_next(struct slice *headers, struct record_header *h) WEIR_MUST_CHECK;

/* Appends the decompressed records to out; at most max_bytes come out whatever
 * the input says (ERR_TOO_LARGE).  ERR_UNSUPPORTED: codec 5-7.  Snappy both in
 * xerial's framing (Java) and bare. */
enum err codec_decompress(enum batch_codec codec, struct slice in, size_t max_bytes, struct buf *out) WEIR_MUST_CHECK;
/* The same in pieces, which `sink` takes one after the other out of `piece`; what it returns but OK ends it.  A piece
 * has at most piece_bytes: a bare block of snappy that is larger is ERR_TOO_LARGE, like more than max_bytes in all, or
 * a frame of zstd that wants a window of more than 128 MiB. */
typedef enum err codec_sink_fn(void *ctx, struct slice part);
enum err codec_decompress_stream(enum batch_codec codec, struct slice in, size_t max_bytes, size_t piece_bytes,
                                 struct buf *piece, codec_sink_fn *sink, void *ctx) WEIR_MUST_CHECK;
/* Appends the compressed records.  level: Kafka's, INT32_MIN for the codec's own default. */
enum err codec_compress(enum batch_codec codec, int level, struct slice in, struct buf *out) WEIR_MUST_CHECK;
const char *codec_name(enum batch_codec codec);             /* "none" "gzip" "snappy" "lz4" "zstd" */
bool codec_of_name(const char *name, enum batch_codec *out);

/* Builds a batch record by record: start, add..., finish (sealed bytes appended to out).
 * Zero-initialise; may be started again.  start sets the producer fields to "none";
 * they and the attributes may be set between start and finish. */
struct batch_builder {
    struct buf records;
    int64_t base_offset, base_timestamp, max_timestamp, producer_id;
    int16_t attributes, producer_epoch;
    int32_t base_sequence, count, leader_epoch, last_offset_delta;
};
void batch_start(struct batch_builder *b, int64_t base_offset, int64_t base_timestamp_ms);
void batch_add(struct batch_builder *b, int64_t offset_delta, int64_t timestamp_ms, struct slice key,
               struct slice value, const struct record_header *headers, int32_t n_headers);
enum err batch_finish(struct batch_builder *b, enum batch_codec codec, struct buf *out) WEIR_MUST_CHECK;
void batch_builder_fini(struct batch_builder *b);

/* Zig-zag varints of record data.  Returns bytes eaten, 0 when cut or too long. */
size_t varint_get(const uint8_t *p, size_t n, int64_t *v);
void varint_put(struct buf *out, int64_t v);

#endif
