/* See proto_fill.h.  Sizes are drawn so that every form of a length occurs: empty,
 * one byte, more than 127 (two-byte varints, tags that move), and records above
 * the size from which they are sent by reference. */
#include "tests/unit/proto_fill.h"

struct array {
    int32_t n;
    void *v;
};

static struct slice fill_bytes(struct random *r, struct arena *a, size_t n) {
    uint8_t *p = arena_alloc(a, n);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)random_next(r);
    return slice_of(p, n);
}

static struct slice fill_slice(struct random *r, struct arena *a, const struct proto_field *f, bool null_allowed) {
    size_t kind = random_below(r, 8);
    if (kind == 0 && null_allowed)
        return SLICE_NULL;
    if (kind == 1)
        return SLICE("");
    if (kind == 2)
        return fill_bytes(r, a, 100 + random_below(r, 200));
    if (kind == 3 && f->type == PT_RECORDS)
        return fill_bytes(r, a, 1000 + random_below(r, 3000));
    return fill_bytes(r, a, random_below(r, 20));
}

static void fill_one(struct random *r, struct arena *a, const struct proto_field *f, int version, uint8_t *to) {
    if (f->type == PT_STRUCT) {
        proto_fill(r, a, f->sub, version, to);
    } else if (f->type >= PT_STRING) {
        struct slice s = fill_slice(r, a, f, f->shape == PS_ONE && version >= f->null_since);
        memcpy(to, &s, sizeof s);
    } else if (f->type == PT_BOOL) {
        bool v = random_below(r, 2) != 0;
        memcpy(to, &v, sizeof v);
    } else if (f->type == PT_UUID) {
        memcpy(to, fill_bytes(r, a, 16).p, 16);
    } else {
        static const uint8_t sizes[] = {[PT_I8] = 1, [PT_I16] = 2, [PT_U16] = 2, [PT_I32] = 4, [PT_U32] = 4,
                                        [PT_I64] = 8, [PT_F64] = 8};
        uint64_t v = random_next(r);
        memcpy(to, &v, sizes[f->type]);
    }
}

static size_t element_size(const struct proto_field *f) {
    static const uint8_t sizes[] = {
        [PT_BOOL] = sizeof(bool), [PT_I8] = 1, [PT_I16] = 2, [PT_U16] = 2, [PT_I32] = 4, [PT_U32] = 4, [PT_I64] = 8,
        [PT_F64] = 8, [PT_UUID] = 16, [PT_STRING] = sizeof(struct slice), [PT_BYTES] = sizeof(struct slice),
        [PT_RECORDS] = sizeof(struct slice),
    };
    return f->type == PT_STRUCT ? f->sub->size : sizes[f->type];
}

static void fill_array(struct random *r, struct arena *a, const struct proto_field *f, int version, uint8_t *to) {
    struct array v = {(int32_t)random_below(r, 4), NULL};
    if (version >= f->null_since && random_below(r, 4) == 0)
        v.n = -1;
    if (v.n > 0) {
        uint8_t *p = arena_zalloc(a, (size_t)v.n * element_size(f));
        for (int32_t i = 0; i < v.n; i++)
            fill_one(r, a, f, version, p + (size_t)i * element_size(f));
        v.v = p;
    }
    memcpy(to, &v, sizeof v);
}

void proto_fill(struct random *r, struct arena *a, const struct proto_struct *s, int version, void *body) {
    proto_init(s, body);
    for (size_t i = 0; i < s->n_fields; i++) {
        const struct proto_field *f = &s->fields[i];
        uint8_t *to = (uint8_t *)body + f->offset;
        if (version < f->since || version > f->until || (f->tag >= 0 && random_below(r, 2) == 0))
            continue;
        if (f->shape == PS_ARRAY) {
            fill_array(r, a, f, version, to);
        } else if (f->shape == PS_ONE) {
            fill_one(r, a, f, version, to);
        } else if (version < f->null_since || random_below(r, 2) == 0) {
            void *sub = arena_zalloc(a, f->sub->size);
            proto_fill(r, a, f->sub, version, sub);
            memcpy(to, &sub, sizeof sub);
        }
    }
}
