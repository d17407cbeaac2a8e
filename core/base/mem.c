/* Memory: checked heap calls, growable buffers, capped arenas, and CRC32C.
 *
 * An arena is a list of blocks, newest first; the oldest one is kept by
 * arena_reset.  Only the newest block is filled, so an allocation is a compare
 * and an add.  Blocks double from 4 KiB to 256 KiB; a larger request gets a
 * block of its own size.  Owner and thread: the caller's, one at a time. */
#include "core/base/mem.h"

#include <isa-l/crc.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define BUF_FIRST_BYTES 64
#define ARENA_ALIGN 16
#define ARENA_BLOCK_MIN 4096
#define ARENA_BLOCK_MAX (256 * 1024)

struct arena_block {
    struct arena_block *older;
    size_t n, cap;
    _Alignas(ARENA_ALIGN) uint8_t bytes[];
};

void *mem_alloc(size_t n) {
    void *p = malloc(n != 0 ? n : 1);
    if (p == NULL)
        weir_oom(n);
    return p;
}

void *mem_zalloc(size_t n) {
    void *p = calloc(1, n != 0 ? n : 1);
    if (p == NULL)
        weir_oom(n);
    return p;
}

void *mem_realloc(void *p, size_t n) {
    void *out = realloc(p, n != 0 ? n : 1);
    if (out == NULL)
        weir_oom(n);
    return out;
}

char *mem_strdup(const char *s) {
    return mem_strndup(slice_cstr(s));
}

char *mem_strndup(struct slice s) {
    char *out = mem_alloc(s.n + 1);
    if (s.n != 0)
        memcpy(out, s.p, s.n);
    out[s.n] = '\0';
    return out;
}

struct slice mem_dup(struct slice s) {
    if (s.p == NULL)
        return SLICE_NULL;
    uint8_t *p = mem_alloc(s.n);
    memcpy(p, s.p, s.n);
    return slice_of(p, s.n);
}

void buf_fini(struct buf *b) {
    free(b->p);
    *b = (struct buf){0};
}

uint8_t *buf_reserve(struct buf *b, size_t n) {
    if (b->cap - b->n < n || b->p == NULL) {
        if (n > SIZE_MAX / 2 - b->n)
            weir_oom(n);
        size_t cap = b->cap < BUF_FIRST_BYTES / 2 ? BUF_FIRST_BYTES : b->cap * 2;
        if (cap < b->n + n)
            cap = b->n + n;
        b->p = mem_realloc(b->p, cap);
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_put(struct buf *b, const void *p, size_t n) {
    if (n != 0) {
        memcpy(buf_reserve(b, n), p, n);
        b->n += n;
    }
}

void buf_puts(struct buf *b, const char *s) {
    buf_put(b, s, strlen(s));
}

void buf_vprintf(struct buf *b, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int n = vsnprintf((char *)buf_reserve(b, BUF_FIRST_BYTES), BUF_FIRST_BYTES, format, args);
    weir_assert(n >= 0);
    if ((size_t)n >= BUF_FIRST_BYTES)
        vsnprintf((char *)buf_reserve(b, (size_t)n + 1), (size_t)n + 1, format, again);
    b->n += (size_t)n;
    va_end(again);
}

void buf_printf(struct buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

void buf_put_u8(struct buf *b, uint8_t v) {
    *buf_reserve(b, 1) = v;
    b->n += 1;
}

void buf_put_be16(struct buf *b, uint16_t v) {
    be16_set(buf_reserve(b, 2), v);
    b->n += 2;
}

void buf_put_be32(struct buf *b, uint32_t v) {
    be32_set(buf_reserve(b, 4), v);
    b->n += 4;
}

void buf_put_be64(struct buf *b, uint64_t v) {
    be64_set(buf_reserve(b, 8), v);
    b->n += 8;
}

void buf_consume(struct buf *b, size_t n) {
    weir_assert(n <= b->n);
    b->n -= n;
    if (b->n != 0 && n != 0)
        memmove(b->p, b->p + n, b->n);
}

void arena_init(struct arena *a, size_t cap_bytes) {
    *a = (struct arena){.cap_bytes = cap_bytes};
}

void arena_fini(struct arena *a) {
    while (a->blocks != NULL) {
        struct arena_block *b = a->blocks;
        a->blocks = b->older;
        free(b);
    }
    a->used_bytes = 0;
}

void arena_reset(struct arena *a) {
    while (a->blocks != NULL && a->blocks->older != NULL) {
        struct arena_block *b = a->blocks;
        a->blocks = b->older;
        free(b);
    }
    if (a->blocks != NULL)
        a->blocks->n = 0;
    a->used_bytes = 0;
    a->exhausted = false;
}

static void arena_add_block(struct arena *a, size_t cap) {
    struct arena_block *b = mem_alloc(sizeof *b + cap);
    b->older = a->blocks;
    b->n = 0;
    b->cap = cap;
    a->blocks = b;
}

static void arena_grow(struct arena *a, size_t n) {
    size_t cap = a->blocks == NULL ? ARENA_BLOCK_MIN : a->blocks->cap * 2;
    if (cap > ARENA_BLOCK_MAX)
        cap = ARENA_BLOCK_MAX;
    arena_add_block(a, cap > n ? cap : n);
}

void arena_reserve(struct arena *a, size_t n) {
    weir_assert(a->blocks == NULL && n <= a->cap_bytes);
    arena_add_block(a, (n + (ARENA_ALIGN - 1)) & ~(size_t)(ARENA_ALIGN - 1));
}

void *arena_alloc(struct arena *a, size_t n) {
    if (a->exhausted || n > a->cap_bytes - a->used_bytes || n > SIZE_MAX / 2) {
        a->exhausted = true;
        return NULL;
    }
    size_t padded = (n + (ARENA_ALIGN - 1)) & ~(size_t)(ARENA_ALIGN - 1);
    if (a->blocks == NULL || a->blocks->cap - a->blocks->n < padded)
        arena_grow(a, padded);
    void *p = a->blocks->bytes + a->blocks->n;
    a->blocks->n += padded;
    /* The padding counts too, but never past the cap: what was asked for fits it. */
    a->used_bytes += padded <= a->cap_bytes - a->used_bytes ? padded : n;
    return p;
}

void *arena_zalloc(struct arena *a, size_t n) {
    void *p = arena_alloc(a, n);
    if (p != NULL)
        memset(p, 0, n);
    return p;
}

struct slice arena_dup(struct arena *a, struct slice s) {
    if (s.p == NULL)
        return SLICE_NULL;
    uint8_t *p = arena_alloc(a, s.n);
    if (p == NULL)
        return SLICE_NULL;
    memcpy(p, s.p, s.n);
    return slice_of(p, s.n);
}

struct slice arena_printf(struct arena *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    weir_assert(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    if (p == NULL)
        return SLICE_NULL;
    va_start(args, format);
    vsnprintf(p, (size_t)n + 1, format, args);
    va_end(args);
    return slice_of(p, (size_t)n);
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n) {
    const uint8_t *from = p;
    /* ISA-L leaves both inversions to the caller, takes an int length and is not const-correct. */
    uint32_t state = ~crc;
    while (n > 0) {
        int part = n > INT_MAX ? INT_MAX : (int)n;
        state = crc32_iscsi((unsigned char *)(uintptr_t)from, part, state);
        from += part;
        n -= (size_t)part;
    }
    return ~state;
}
