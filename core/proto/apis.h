/* The API keys and what this program serves of them.  Rows: apis.def. */
#ifndef WEIR_PROTO_APIS_H
#define WEIR_PROTO_APIS_H

#include "core/proto/proto.h"

enum api_key {
#define API(key, name, NAME, ...) API_##NAME = key,
#include "core/proto/apis.def"
#undef API
};

/* An empty range has its last below its first. */
struct api {
    int16_t key;
    const char *name;                          /* "offset_fetch" */
    int16_t served_min, served_max;
    int16_t advertised_min, advertised_max;
    int16_t flexible;                          /* first flexible version */
    const struct proto_message *request, *response;
};
extern const struct api apis[];                /* ascending by key */
extern const size_t apis_n;
const struct api *api_find(int16_t key);       /* NULL: not a key of the schema */

static inline bool api_serves(const struct api *a, int version) {
    return version >= a->served_min && version <= a->served_max;
}
static inline bool api_advertised(const struct api *a) {
    return a->advertised_max >= a->advertised_min;
}

#endif
