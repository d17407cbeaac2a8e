/* Slices and uuids: the few operations too long to be inline.
 * Pure functions; nothing is owned or kept. */
#include "core/base/slice.h"

int slice_cmp(struct slice a, struct slice b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n == 0 ? 0 : memcmp(a.p, b.p, n);
    return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

void uuid_text(const struct uuid *u, char out[UUID_TEXT_SIZE]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *to = out;
    for (int i = 0; i < 15; i += 3) {
        uint32_t v = ((uint32_t)u->b[i] << 16) | ((uint32_t)u->b[i + 1] << 8) | u->b[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *to++ = digits[(v >> shift) & 63];
    }
    *to++ = digits[u->b[15] >> 2];
    *to++ = digits[(u->b[15] & 3) << 4];
    *to = '\0';
}
