/* What the interpreter's files share: the shape of a field in memory and on the
 * wire.  Private to core/proto. */
#ifndef WEIR_PROTO_PROTO_WIRE_H
#define WEIR_PROTO_PROTO_WIRE_H

#include "core/proto/proto.h"

#include <stdatomic.h>

#define PROTO_VERSIONS 32 /* versions above this are not described anywhere */

/* Every list and array has this shape; v points to elements of proto_element_size. */
struct proto_array {
    int32_t n;
    void *v;
};

/* Wire bytes of a scalar by proto_type, 0 for what has a length of its own. */
extern const uint8_t proto_scalar_wire[];
/* Bytes of one element in memory by proto_type; structs have their own. */
extern const uint8_t proto_memory_size[];

static inline bool proto_has(const struct proto_field *f, int version) {
    return version >= f->since && version <= f->until;
}
static inline size_t proto_element_size(const struct proto_field *f) {
    return f->type == PT_STRUCT ? f->sub->size : proto_memory_size[f->type];
}
/* Null is the default of strings and bytes that may be null from their first
 * version on.  Not of records and arrays: where they may be null clients have
 * been seen to end on it, so null there is always said aloud. */
static inline bool proto_null_by_default(const struct proto_field *f) {
    return f->shape == PS_ONE && f->null_since <= f->since && f->type != PT_RECORDS;
}
/* The fewest bytes the struct can take in this version; at least 1. */
size_t proto_min_size(const struct proto_struct *s, int version, bool flexible);
/* The default of one field, whatever was there. */
void proto_set_default(const struct proto_field *f, uint8_t *at);

#endif
