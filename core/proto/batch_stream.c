/* Records that come piece by piece, of which only what a broker checks is looked
 * at: the grammar, the time and whether there is a key.  Keys, values and headers
 * are passed over, however large, so that memory is bounded by the piece.
 *
 *   LENGTH ATTRIBUTES TIME OFFSET KEY VALUE HEADERS [HEADER_KEY HEADER_VALUE]... END
 *
 * It accepts what record_next accepts.  Pure functions. */
#include "core/proto/batch.h"

enum { AT_LENGTH, AT_ATTRIBUTES, AT_TIME, AT_OFFSET, AT_KEY, AT_VALUE, AT_HEADERS, AT_HEADER_KEY, AT_HEADER_VALUE,
       AT_END };

/* A length and what follows it; -1 is null. */
static bool begin_bytes(struct record_stream *s, int64_t n, int64_t least) {
    if (n < least || n > s->left)
        return false;
    s->skip = n > 0 ? n : 0;
    return true;
}

/* The varint of a field is whole; what comes next? */
static bool take_number(struct record_stream *s, int64_t v) {
    if (s->field != AT_TIME && (v < INT32_MIN || v > INT32_MAX))
        return false;
    switch (s->field++) {
    case AT_LENGTH: s->left = v; return v >= 1;
    case AT_TIME:
        s->record.timestamp = s->batch->attributes & BATCH_ATTR_APPEND_TIME
                                  ? s->batch->max_timestamp
                                  : (int64_t)((uint64_t)s->batch->base_timestamp + (uint64_t)v);
        return true;
    case AT_OFFSET: s->record.offset = (int64_t)((uint64_t)s->batch->base_offset + (uint64_t)v); return true;
    case AT_KEY: s->record.key = v < 0 ? SLICE_NULL : SLICE(""); return begin_bytes(s, v, -1);
    case AT_VALUE: return begin_bytes(s, v, -1);
    case AT_HEADERS:
        s->headers = v;
        s->field = v == 0 ? AT_END : AT_HEADER_KEY;
        return v >= 0;
    case AT_HEADER_KEY: return begin_bytes(s, v, 0);
    case AT_HEADER_VALUE:
        s->field = --s->headers == 0 ? AT_END : AT_HEADER_KEY;
        return begin_bytes(s, v, -1);
    default: return false;
    }
}

static bool take_byte(struct record_stream *s, uint8_t byte) {
    int64_t v;
    if (s->field == AT_LENGTH ? s->index >= s->batch->count : s->left-- == 0)
        return false;
    if (s->field == AT_ATTRIBUTES) {
        s->field++;
        return true;
    }
    s->number[s->n_number++] = byte;
    if (byte >= 0x80)
        return s->n_number < sizeof s->number;
    size_t n = s->n_number;
    s->n_number = 0;
    return varint_get(s->number, n, &v) == n && take_number(s, v);
}

enum err record_stream_take(struct record_stream *s, struct slice part) {
    while (part.n > 0) {
        if (s->skip > 0) {
            size_t n = (uint64_t)s->skip < part.n ? (size_t)s->skip : part.n;
            s->skip -= (int64_t)n;
            s->left -= (int64_t)n;
            part = slice_of(part.p + n, part.n - n);
        } else if (take_byte(s, *part.p)) {
            part = slice_of(part.p + 1, part.n - 1);
        } else {
            return ERR_CORRUPT;
        }
        if (s->skip > 0 || s->field != AT_END)
            continue;
        if (s->left != 0)
            return ERR_CORRUPT;
        s->seen(s->ctx, s->index++, &s->record);
        s->field = AT_LENGTH;
    }
    return OK;
}

enum err record_stream_end(const struct record_stream *s) {
    return s->field == AT_LENGTH && s->n_number == 0 && s->index == s->batch->count ? OK : ERR_CORRUPT;
}
