/* Borrowed bytes: a pointer and a length.  A slice owns nothing; its bytes live
 * as long as the frame, arena or file block they were cut from.  p == NULL is
 * the protocol's null, which is different from an empty slice. */
#ifndef WEIR_BASE_SLICE_H
#define WEIR_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *p;
    size_t n;
};

struct uuid {
    uint8_t b[16];
};

#define SLICE_NULL ((struct slice){NULL, 0})
/* A string literal as a slice. */
#define SLICE(literal) ((struct slice){(const uint8_t *)("" literal), sizeof(literal) - 1})
/* For printf: "%.*s", SLICE_ARG(s).  Only for text that was sanitised or checked. */
#define SLICE_ARG(s) (int)(s).n, (const char *)(s).p

static inline struct slice slice_of(const void *p, size_t n) {
    return (struct slice){p, n};
}
static inline struct slice slice_cstr(const char *s) {
    return (struct slice){(const uint8_t *)s, s ? strlen(s) : 0};
}
static inline bool slice_eq(struct slice a, struct slice b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
static inline bool slice_is(struct slice a, const char *literal) {
    return slice_eq(a, slice_cstr(literal));
}
/* memcmp order, a prefix before what it begins. */
int slice_cmp(struct slice a, struct slice b);

static inline bool uuid_is_zero(const struct uuid *u) {
    static const struct uuid zero;
    return memcmp(u, &zero, sizeof zero) == 0;
}
static inline bool uuid_eq(const struct uuid *a, const struct uuid *b) {
    return memcmp(a, b, sizeof *a) == 0;
}
/* Kafka's text form: 22 characters of URL-safe base64 without padding. */
#define UUID_TEXT_SIZE 23
void uuid_text(const struct uuid *u, char out[UUID_TEXT_SIZE]);

#endif
