/* Base64; see base64.h. */
#include "core/base/base64.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_put(struct buf *out, struct slice s) {
    uint8_t *to = buf_reserve(out, (s.n + 2) / 3 * 4);
    for (size_t at = 0; at < s.n; at += 3) {
        size_t left = s.n - at;
        uint32_t bits =
            (uint32_t)s.p[at] << 16 | (left > 1 ? (uint32_t)s.p[at + 1] << 8 : 0) | (left > 2 ? s.p[at + 2] : 0);
        *to++ = (uint8_t)digits[bits >> 18];
        *to++ = (uint8_t)digits[bits >> 12 & 63];
        *to++ = left > 1 ? (uint8_t)digits[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? (uint8_t)digits[bits & 63] : '=';
    }
    out->n += (s.n + 2) / 3 * 4;
}

int base64_digit(uint8_t c) {
    const char *at = c != '\0' ? strchr(digits, c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}
