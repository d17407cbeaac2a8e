/* The distinct keys of one request (names, ids) with a number each, so that
 * repeats are found without comparing all with all.  Lives in the request's
 * arena; keys are borrowed.  Thread: the broker's. */
#ifndef WEIR_BROKER_KEYSET_H
#define WEIR_BROKER_KEYSET_H

#include "core/base/slice.h"

struct request;
struct keyset_slot { struct slice key; int32_t value; bool used; };
struct keyset {
    struct keyset_slot *slots;
    size_t mask;
    uint64_t seed;
};
/* Room for n keys. */
void keyset_init(struct keyset *s, struct request *rq, int32_t n);
/* The key's number; a new key gets `value`, and *fresh says so. */
int32_t keyset_add(struct keyset *s, struct slice key, int32_t value, bool *fresh);

#endif
