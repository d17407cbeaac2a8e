/* Defaults, sizes and frame headers of the wire codec.  The rest of the
 * interpreter: proto_tables.c (rows to tables), proto_decode.c, proto_encode.c,
 * proto_print.c.  Pure functions, any thread. */
#include "core/proto/proto_wire.h"

#define API_VERSIONS_KEY 18

const uint8_t proto_scalar_wire[] = {
    [PT_BOOL] = 1, [PT_I8] = 1, [PT_I16] = 2, [PT_U16] = 2, [PT_I32] = 4, [PT_U32] = 4, [PT_I64] = 8,
    [PT_F64] = 8, [PT_UUID] = 16, [PT_STRING] = 0, [PT_BYTES] = 0, [PT_RECORDS] = 0, [PT_STRUCT] = 0,
};
const uint8_t proto_memory_size[] = {
    [PT_BOOL] = sizeof(bool), [PT_I8] = 1, [PT_I16] = 2, [PT_U16] = 2, [PT_I32] = 4, [PT_U32] = 4, [PT_I64] = 8,
    [PT_F64] = sizeof(double), [PT_UUID] = sizeof(struct uuid), [PT_STRING] = sizeof(struct slice),
    [PT_BYTES] = sizeof(struct slice), [PT_RECORDS] = sizeof(struct slice), [PT_STRUCT] = 0,
};

void proto_set_default(const struct proto_field *f, uint8_t *at) {
    if (f->shape == PS_ARRAY) {
        *(struct proto_array *)(void *)at = (struct proto_array){0, NULL};
        return;
    }
    if (f->shape == PS_POINTER) {
        *(void **)(void *)at = NULL;
        return;
    }
    switch ((enum proto_type)f->type) {
    case PT_BOOL: *(bool *)(void *)at = f->def != 0; break;
    case PT_I8: *(int8_t *)(void *)at = (int8_t)f->def; break;
    case PT_I16: case PT_U16: *(int16_t *)(void *)at = (int16_t)f->def; break;
    case PT_I32: case PT_U32: *(int32_t *)(void *)at = (int32_t)f->def; break;
    case PT_I64: *(int64_t *)(void *)at = f->def; break;
    case PT_F64: *(double *)(void *)at = (double)f->def; break;
    case PT_UUID: memset(at, 0, sizeof(struct uuid)); break;
    case PT_STRING: case PT_BYTES: case PT_RECORDS:
        *(struct slice *)(void *)at = proto_null_by_default(f) ? SLICE_NULL : SLICE("");
        break;
    case PT_STRUCT: proto_init(f->sub, at); break;
    }
}

void proto_init(const struct proto_struct *s, void *body) {
    for (size_t i = 0; i < s->n_fields; i++)
        proto_set_default(&s->fields[i], (uint8_t *)body + s->fields[i].offset);
}

static size_t proto_field_min(const struct proto_field *f, int version, bool flexible) {
    if (f->shape == PS_POINTER)
        return 1;
    if (f->shape == PS_ARRAY)
        return flexible ? 1 : 4;
    if (f->type == PT_STRUCT)
        return proto_min_size(f->sub, version, flexible);
    if (f->type == PT_STRING)
        return flexible ? 1 : 2;
    if (f->type == PT_BYTES || f->type == PT_RECORDS)
        return flexible ? 1 : 4;
    return proto_scalar_wire[f->type];
}

size_t proto_min_size(const struct proto_struct *s, int version, bool flexible) {
    weir_assert(version >= 0 && version < PROTO_VERSIONS);
    /* Messages that share the struct become flexible at versions of their own. */
    _Atomic uint16_t *kept = &s->min_size[2 * version + flexible];
    size_t known = atomic_load_explicit(kept, memory_order_relaxed);
    if (known != 0)
        return known;
    size_t n = flexible ? 1 : 0; /* the tag section */
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct proto_field *f = &s->fields[i];
        if (f->tag < 0 && proto_has(f, version))
            n += proto_field_min(f, version, flexible);
    }
    n = n == 0 ? 1 : n;
    atomic_store_explicit(kept, (uint16_t)n, memory_order_relaxed);
    return n;
}

size_t proto_uvarint_get(const uint8_t *p, size_t n, uint32_t *v) {
    uint64_t out = 0;
    for (size_t i = 0; i < n && i < 5; i++) {
        out |= (uint64_t)(p[i] & 0x7f) << (7 * i);
        if (p[i] < 0x80) {
            *v = (uint32_t)out;
            return out <= UINT32_MAX ? i + 1 : 0;
        }
    }
    return 0;
}

size_t proto_uvarint_set(uint8_t *p, uint32_t v) {
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    return n;
}

/* Whether the message's frame header is the flexible one. */
static bool proto_flexible_header(int16_t key, int16_t version) {
    const struct proto_message *m = proto_find(PK_REQUEST, key);
    return m != NULL && version >= m->flexible;
}

/* Skips a tag section; false when it does not fit. */
static bool proto_skip_tags(struct slice in, size_t *at) {
    uint32_t n, tag, size;
    size_t used = proto_uvarint_get(in.p + *at, in.n - *at, &n);
    for (*at += used; used != 0 && n > 0; n--) {
        used = proto_uvarint_get(in.p + *at, in.n - *at, &tag);
        *at += used;
        if (used == 0)
            break;
        used = proto_uvarint_get(in.p + *at, in.n - *at, &size);
        *at += used;
        if (used == 0 || size > in.n - *at)
            return false;
        *at += size;
    }
    return used != 0;
}

/* Request header: i16 key, i16 version, i32 correlation id, i16 length and
 * client id (never compact), then in the flexible form a tag section. */
enum err proto_decode_request_header(struct slice frame, struct proto_request_header *h, size_t *used) {
    if (frame.n < 10)
        return ERR_CORRUPT;
    h->key = (int16_t)be16_get(frame.p);
    h->version = (int16_t)be16_get(frame.p + 2);
    h->correlation_id = (int32_t)be32_get(frame.p + 4);
    h->client_id = SLICE_NULL;
    int16_t n = (int16_t)be16_get(frame.p + 8);
    size_t at = 10;
    if (n < -1 || (n > 0 && (size_t)n > frame.n - at))
        return ERR_CORRUPT;
    if (n >= 0) {
        h->client_id = slice_of(frame.p + at, (size_t)n);
        at += (size_t)n;
    }
    if (proto_flexible_header(h->key, h->version) && !proto_skip_tags(frame, &at))
        return ERR_CORRUPT;
    *used = at;
    return OK;
}

void proto_encode_request_header(const struct proto_request_header *h, struct buf *out) {
    weir_assert(h->client_id.n <= INT16_MAX);
    buf_put_be16(out, (uint16_t)h->key);
    buf_put_be16(out, (uint16_t)h->version);
    buf_put_be32(out, (uint32_t)h->correlation_id);
    buf_put_be16(out, h->client_id.p == NULL ? UINT16_MAX : (uint16_t)h->client_id.n);
    buf_put(out, h->client_id.p, h->client_id.n);
    if (proto_flexible_header(h->key, h->version))
        buf_put_u8(out, 0);
}

void proto_encode_response_header(int16_t key, int16_t version, int32_t correlation_id, struct buf *out) {
    buf_put_be32(out, (uint32_t)correlation_id);
    if (key != API_VERSIONS_KEY && proto_flexible_header(key, version))
        buf_put_u8(out, 0);
}

enum err proto_decode_response_header(int16_t key, int16_t version, struct slice frame, int32_t *correlation_id,
                                      size_t *used) {
    if (frame.n < 4)
        return ERR_CORRUPT;
    *correlation_id = (int32_t)be32_get(frame.p);
    size_t at = 4;
    if (key != API_VERSIONS_KEY && proto_flexible_header(key, version) && !proto_skip_tags(frame, &at))
        return ERR_CORRUPT;
    *used = at;
    return OK;
}
