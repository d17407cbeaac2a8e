/* Random bodies for any message of the schema, from its tables alone.  What a
 * version has is filled, null where it may be null; the rest keeps its default. */
#ifndef WEIR_TESTS_PROTO_FILL_H
#define WEIR_TESTS_PROTO_FILL_H

#include "core/proto/proto.h"
#include "tests/unit/random.h"

void proto_fill(struct random *r, struct arena *a, const struct proto_struct *s, int version, void *body);

#endif
