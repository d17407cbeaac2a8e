/* The decoding half of the interpreter: bytes to structs.
 *
 * One pass over the rows of a struct: a row that the version has is read, any
 * other takes its default; then, in a flexible version, the tag section:
 *
 *   uvarint count, count x (uvarint tag, uvarint size, size bytes)
 *
 * A known tag is read with its size as the end of the input, so that it can
 * never read past it; an unknown one is skipped.
 * Lengths: plain strings i16, bytes and arrays i32, null -1; compact ones uvarint
 * of length + 1, null 0.  Nothing is copied; memory is taken only for arrays and
 * nullable structs, after their count was held against the bytes left. */
#include "core/proto/proto_wire.h"

struct decoder {
    const uint8_t *p, *end;
    struct arena *arena;
    int version;
    bool flexible;
    enum err bad; /* the first error; set once, everything unwinds */
};

static bool decode_struct(struct decoder *d, const struct proto_struct *s, uint8_t *body);

static bool decode_fail(struct decoder *d, enum err e) {
    d->bad = e;
    return false;
}

static inline bool decode_uvarint(struct decoder *d, uint32_t *v) {
    if (d->p < d->end && *d->p < 0x80) {
        *v = *d->p++;
        return true;
    }
    size_t used = proto_uvarint_get(d->p, (size_t)(d->end - d->p), v);
    d->p += used;
    return used != 0 || decode_fail(d, ERR_CORRUPT);
}

static inline bool decode_scalar(struct decoder *d, uint8_t type, uint8_t *to) {
    const uint8_t *p = d->p;
    size_t n = proto_scalar_wire[type];
    if ((size_t)(d->end - p) < n)
        return decode_fail(d, ERR_CORRUPT);
    d->p = p + n;
    switch ((enum proto_type)type) {
    case PT_BOOL: *(bool *)(void *)to = *p != 0; break;
    case PT_I8: *to = *p; break;
    case PT_I16: case PT_U16: *(uint16_t *)(void *)to = be16_get(p); break;
    case PT_I32: case PT_U32: *(uint32_t *)(void *)to = be32_get(p); break;
    case PT_I64: case PT_F64: {
        uint64_t v = be64_get(p);
        memcpy(to, &v, sizeof v);
        break;
    }
    default: memcpy(to, p, sizeof(struct uuid)); break;
    }
    return true;
}

/* Strings, bytes and records. */
static inline bool decode_slice(struct decoder *d, uint8_t type, bool null_allowed, struct slice *to) {
    size_t left, n;
    bool null;
    if (d->flexible) {
        uint32_t v;
        if (!decode_uvarint(d, &v))
            return false;
        null = v == 0;
        n = null ? 0 : v - 1;
    } else {
        size_t prefix = type == PT_STRING ? 2 : 4;
        if ((size_t)(d->end - d->p) < prefix)
            return decode_fail(d, ERR_CORRUPT);
        int32_t v = type == PT_STRING ? (int16_t)be16_get(d->p) : (int32_t)be32_get(d->p);
        d->p += prefix;
        if (v < -1)
            return decode_fail(d, ERR_CORRUPT);
        null = v < 0;
        n = null ? 0 : (size_t)v;
    }
    left = (size_t)(d->end - d->p);
    if (n > left || (null && !null_allowed))
        return decode_fail(d, ERR_CORRUPT);
    *to = slice_of(null ? NULL : d->p, n);
    d->p += n;
    return true;
}

static bool decode_elements(struct decoder *d, const struct proto_field *f, uint8_t *v, size_t n) {
    if (f->type == PT_STRUCT) {
        for (size_t i = 0, size = f->sub->size; i < n; i++, v += size)
            if (!decode_struct(d, f->sub, v))
                return false;
    } else if (f->type >= PT_STRING) {
        for (size_t i = 0; i < n; i++)
            if (!decode_slice(d, f->type, false, (struct slice *)(void *)v + i))
                return false;
    } else {
        for (size_t i = 0, size = proto_memory_size[f->type]; i < n; i++, v += size)
            if (!decode_scalar(d, f->type, v))
                return false;
    }
    return true;
}

static size_t decode_element_min(const struct decoder *d, const struct proto_field *f) {
    if (f->type == PT_STRUCT)
        return proto_min_size(f->sub, d->version, d->flexible);
    if (f->type >= PT_STRING)
        return d->flexible ? 1 : f->type == PT_STRING ? 2 : 4;
    return proto_scalar_wire[f->type];
}

static bool decode_array(struct decoder *d, const struct proto_field *f, struct proto_array *to) {
    int64_t n;
    if (d->flexible) {
        uint32_t v;
        if (!decode_uvarint(d, &v))
            return false;
        n = (int64_t)v - 1;
    } else {
        if (d->end - d->p < 4)
            return decode_fail(d, ERR_CORRUPT);
        n = (int32_t)be32_get(d->p);
        d->p += 4;
    }
    *to = (struct proto_array){0, NULL};
    if (n < 0) {
        to->n = -1;
        return d->version >= f->null_since || decode_fail(d, ERR_CORRUPT);
    }
    if (n == 0)
        return true;
    size_t left = (size_t)(d->end - d->p);
    if ((uint64_t)n > left / decode_element_min(d, f))
        return decode_fail(d, ERR_CORRUPT);
    to->v = arena_alloc(d->arena, (size_t)n * proto_element_size(f));
    if (to->v == NULL)
        return decode_fail(d, ERR_LIMIT);
    to->n = (int32_t)n;
    return decode_elements(d, f, to->v, (size_t)n);
}

/* i8: negative null, else present. */
static bool decode_pointer(struct decoder *d, const struct proto_field *f, void **to) {
    *to = NULL;
    if (d->p == d->end)
        return decode_fail(d, ERR_CORRUPT);
    if ((int8_t)*d->p++ < 0)
        return d->version >= f->null_since || decode_fail(d, ERR_CORRUPT);
    void *body = arena_alloc(d->arena, f->sub->size);
    if (body == NULL)
        return decode_fail(d, ERR_LIMIT);
    *to = body;
    return decode_struct(d, f->sub, body);
}

static inline bool decode_field(struct decoder *d, const struct proto_field *f, uint8_t *to) {
    if (f->shape == PS_ONE) {
        if (f->type < PT_STRING)
            return decode_scalar(d, f->type, to);
        if (f->type != PT_STRUCT)
            return decode_slice(d, f->type, d->version >= f->null_since, (struct slice *)(void *)to);
        return decode_struct(d, f->sub, to);
    }
    return f->shape == PS_ARRAY ? decode_array(d, f, (struct proto_array *)(void *)to)
                                : decode_pointer(d, f, (void **)(void *)to);
}

static const struct proto_field *decode_find_tag(const struct decoder *d, const struct proto_struct *s, uint32_t tag) {
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct proto_field *f = &s->fields[i];
        if (f->tag >= 0 && (uint32_t)f->tag == tag && proto_has(f, d->version))
            return f;
    }
    return NULL;
}

static bool decode_tags(struct decoder *d, const struct proto_struct *s, uint8_t *body, uint32_t n) {
    for (; n > 0; n--) {
        uint32_t tag, size;
        if (!decode_uvarint(d, &tag) || !decode_uvarint(d, &size))
            return false;
        if (size > (size_t)(d->end - d->p))
            return decode_fail(d, ERR_CORRUPT);
        const uint8_t *outer = d->end, *next = d->p + size;
        const struct proto_field *f = decode_find_tag(d, s, tag);
        d->end = next;
        if (f != NULL && (!decode_field(d, f, body + f->offset) || d->p != next))
            return decode_fail(d, d->bad != OK ? d->bad : ERR_CORRUPT);
        d->p = next;
        d->end = outer;
    }
    return true;
}

static bool decode_struct(struct decoder *d, const struct proto_struct *s, uint8_t *body) {
    const struct proto_field *f = s->fields, *last = f + s->n_fields;
    for (; f != last; f++) {
        if (f->tag < 0 && proto_has(f, d->version)) {
            if (!decode_field(d, f, body + f->offset))
                return false;
        } else {
            proto_set_default(f, body + f->offset);
        }
    }
    if (!d->flexible)
        return true;
    uint32_t n;
    return decode_uvarint(d, &n) && (n == 0 || decode_tags(d, s, body, n));
}

enum err proto_decode(const struct proto_message *m, int version, struct slice in, struct arena *a, void *body,
                      size_t *used) {
    if (version < m->min || version > m->max) {
        proto_init(m->body, body);
        return ERR_UNSUPPORTED;
    }
    if (in.p == NULL)
        in = SLICE("");
    struct decoder d = {
        .p = in.p, .end = in.p + in.n, .arena = a, .version = version, .flexible = version >= m->flexible, .bad = OK,
    };
    if (!decode_struct(&d, m->body, body)) {
        proto_init(m->body, body); /* nothing half-read is ever seen */
        return d.bad;
    }
    *used = (size_t)(d.p - in.p);
    return OK;
}
