/* The table of apis.def and its lookup.  Constant. */
#include "core/proto/apis.h"

#define UNSERVED 0, -1
#define HIDDEN 0, -1
/* UNSERVED and HIDDEN stand for two columns each: expand them before counting. */
#define ROW(...) ROW_EXPANDED(__VA_ARGS__)
#define ROW_EXPANDED(key_, name_, NAME, smin, smax, amin, amax, flexible_) \
    {.key = key_, .name = #name_, .served_min = smin, .served_max = smax, .advertised_min = amin, \
     .advertised_max = amax, .flexible = flexible_, .request = PROTO_MESSAGE(name_##_req), \
     .response = PROTO_MESSAGE(name_##_resp)},

const struct api apis[] = {
#define API(...) ROW(__VA_ARGS__)
#include "core/proto/apis.def"
#undef API
};
const size_t apis_n = sizeof apis / sizeof *apis;

const struct api *api_find(int16_t key) {
    size_t low = 0, high = apis_n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (apis[middle].key == key)
            return &apis[middle];
        if (apis[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}
