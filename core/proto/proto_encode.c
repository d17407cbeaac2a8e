/* The encoding half of the interpreter: structs to bytes.
 *
 * A tagged field is written behind one byte kept for its size; when the size
 * needs more bytes, what was written moves up.  Records inside a tag are copied,
 * never referenced, so nothing that moves has a reference into it. */
#include "core/proto/proto_wire.h"

#include <stdlib.h>

#define REF_MIN_BYTES 1024 /* below this a copy is cheaper than one more piece of I/O */

struct encoder {
    struct proto_out *out;
    int version;
    bool flexible;
    bool in_tag;
};

static void encode_struct(struct encoder *e, const struct proto_struct *s, const uint8_t *body);

static inline uint8_t *encode_room(struct encoder *e, size_t n) {
    struct buf *b = &e->out->head;
    return b->cap - b->n >= n && b->p != NULL ? b->p + b->n : buf_reserve(b, n);
}

static inline void encode_uvarint(struct encoder *e, uint32_t v) {
    e->out->head.n += proto_uvarint_set(encode_room(e, 5), v);
}

static inline void encode_scalar(struct encoder *e, uint8_t type, const uint8_t *from) {
    size_t n = proto_scalar_wire[type];
    uint8_t *to = encode_room(e, n);
    switch ((enum proto_type)type) {
    case PT_BOOL: *to = *(const bool *)(const void *)from ? 1 : 0; break;
    case PT_I8: *to = *from; break;
    case PT_I16: case PT_U16: be16_set(to, *(const uint16_t *)(const void *)from); break;
    case PT_I32: case PT_U32: be32_set(to, *(const uint32_t *)(const void *)from); break;
    case PT_I64: case PT_F64: {
        uint64_t v;
        memcpy(&v, from, sizeof v);
        be64_set(to, v);
        break;
    }
    default: memcpy(to, from, sizeof(struct uuid)); break;
    }
    e->out->head.n += n;
}

/* The length of a string, bytes, records or array; -1 is null. */
static inline void encode_length(struct encoder *e, bool is_string, int64_t n) {
    if (e->flexible) {
        weir_assert(n < INT32_MAX);
        encode_uvarint(e, (uint32_t)(n + 1));
    } else if (is_string) {
        weir_assert(n <= INT16_MAX);
        be16_set(encode_room(e, 2), (uint16_t)n);
        e->out->head.n += 2;
    } else {
        weir_assert(n <= INT32_MAX);
        be32_set(encode_room(e, 4), (uint32_t)n);
        e->out->head.n += 4;
    }
}

static void encode_ref(struct proto_out *o, struct slice s) {
    if (o->n_refs == o->cap_refs) {
        o->cap_refs = o->cap_refs == 0 ? 8 : o->cap_refs * 2;
        o->refs = mem_realloc(o->refs, o->cap_refs * sizeof *o->refs);
    }
    o->refs[o->n_refs++] = (struct proto_ref){o->head.n, s};
    o->ref_bytes += s.n;
}

static inline void encode_slice(struct encoder *e, uint8_t type, bool null_allowed, const struct slice *s) {
    weir_assert(s->p != NULL || null_allowed);
    encode_length(e, type == PT_STRING, s->p == NULL ? -1 : (int64_t)s->n);
    if (s->p == NULL || s->n == 0)
        return;
    if (type == PT_RECORDS && s->n >= REF_MIN_BYTES && !e->in_tag) {
        encode_ref(e->out, *s);
        return;
    }
    memcpy(encode_room(e, s->n), s->p, s->n);
    e->out->head.n += s->n;
}

static void encode_array(struct encoder *e, const struct proto_field *f, const struct proto_array *a) {
    weir_assert(a->n >= 0 || e->version >= f->null_since);
    encode_length(e, false, a->n < 0 ? -1 : a->n);
    const uint8_t *v = a->v;
    int32_t n = a->n;
    if (f->type == PT_STRUCT) {
        for (int32_t i = 0; i < n; i++, v += f->sub->size)
            encode_struct(e, f->sub, v);
    } else if (f->type >= PT_STRING) {
        for (int32_t i = 0; i < n; i++)
            encode_slice(e, f->type, false, (const struct slice *)(const void *)v + i);
    } else {
        for (int32_t i = 0; i < n; i++, v += proto_memory_size[f->type])
            encode_scalar(e, f->type, v);
    }
}

static void encode_pointer(struct encoder *e, const struct proto_field *f, const void *body) {
    weir_assert(body != NULL || e->version >= f->null_since);
    *encode_room(e, 1) = body == NULL ? 0xff : 1;
    e->out->head.n++;
    if (body != NULL)
        encode_struct(e, f->sub, body);
}

static inline void encode_field(struct encoder *e, const struct proto_field *f, const uint8_t *from) {
    if (f->shape == PS_ARRAY)
        encode_array(e, f, (const struct proto_array *)(const void *)from);
    else if (f->shape == PS_POINTER)
        encode_pointer(e, f, *(const void *const *)(const void *)from);
    else if (f->type < PT_STRING)
        encode_scalar(e, f->type, from);
    else if (f->type != PT_STRUCT)
        encode_slice(e, f->type, e->version >= f->null_since, (const struct slice *)(const void *)from);
    else
        encode_struct(e, f->sub, from);
}

static bool encode_is_default(const struct proto_field *f, const uint8_t *from) {
    if (f->shape == PS_ARRAY)
        return ((const struct proto_array *)(const void *)from)->n == 0;
    if (f->shape == PS_POINTER)
        return *(const void *const *)(const void *)from == NULL;
    if (f->type == PT_STRUCT) {
        for (size_t i = 0; i < f->sub->n_fields; i++)
            if (!encode_is_default(&f->sub->fields[i], from + f->sub->fields[i].offset))
                return false;
        return true;
    }
    if (f->type >= PT_STRING) {
        const struct slice *s = (const struct slice *)(const void *)from;
        return proto_null_by_default(f) ? s->p == NULL : s->p != NULL && s->n == 0;
    }
    struct uuid def; /* as large as any scalar */
    proto_set_default(f, (uint8_t *)&def);
    return memcmp(&def, from, proto_memory_size[f->type]) == 0;
}

static void encode_tag(struct encoder *e, const struct proto_field *f, const uint8_t *from) {
    struct buf *b = &e->out->head;
    bool outer = e->in_tag;
    encode_uvarint(e, (uint32_t)f->tag);
    size_t at = b->n;
    *encode_room(e, 1) = 0;
    b->n++;
    e->in_tag = true;
    encode_field(e, f, from);
    e->in_tag = outer;
    size_t size = b->n - at - 1;
    uint8_t prefix[5];
    size_t n = proto_uvarint_set(prefix, (uint32_t)size);
    if (n > 1) {
        encode_room(e, n - 1);
        memmove(b->p + at + n, b->p + at + 1, size);
        b->n += n - 1;
    }
    memcpy(b->p + at, prefix, n);
}

static void encode_tags(struct encoder *e, const struct proto_struct *s, const uint8_t *body) {
    uint32_t n = 0;
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct proto_field *f = &s->fields[i];
        n += f->tag >= 0 && proto_has(f, e->version) && !encode_is_default(f, body + f->offset);
    }
    encode_uvarint(e, n);
    for (size_t i = 0; n > 0 && i < s->n_fields; i++) {
        const struct proto_field *f = &s->fields[i];
        if (f->tag >= 0 && proto_has(f, e->version) && !encode_is_default(f, body + f->offset))
            encode_tag(e, f, body + f->offset);
    }
}

static void encode_struct(struct encoder *e, const struct proto_struct *s, const uint8_t *body) {
    const struct proto_field *f = s->fields, *last = f + s->n_fields;
    bool tagged = false;
    for (; f != last; f++) {
        if (f->tag >= 0)
            tagged = true;
        else if (proto_has(f, e->version))
            encode_field(e, f, body + f->offset);
    }
    if (!e->flexible)
        return;
    if (tagged)
        encode_tags(e, s, body);
    else
        encode_uvarint(e, 0);
}

void proto_encode(const struct proto_message *m, int version, const void *body, struct proto_out *out) {
    weir_assert(version >= m->min && version <= m->max);
    struct encoder e = {.out = out, .version = version, .flexible = version >= m->flexible, .in_tag = false};
    encode_struct(&e, m->body, body);
}

void proto_out_fini(struct proto_out *o) {
    buf_fini(&o->head);
    free(o->refs);
    *o = (struct proto_out){0};
}

void proto_out_clear(struct proto_out *o) {
    buf_clear(&o->head);
    o->n_refs = 0;
    o->ref_bytes = 0;
}

void proto_flatten(const struct proto_out *o, struct buf *out) {
    size_t at = 0;
    if (proto_out_size(o) == 0)
        return;
    buf_reserve(out, proto_out_size(o));
    for (size_t i = 0; i < o->n_refs; i++) {
        buf_put(out, o->head.p + at, o->refs[i].at - at);
        buf_put(out, o->refs[i].bytes.p, o->refs[i].bytes.n);
        at = o->refs[i].at;
    }
    buf_put(out, o->head.p + at, o->head.n - at);
}
