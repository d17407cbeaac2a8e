/* Memory: checked heap calls, growable buffers and capped arenas.
 * Want of memory ends the program (weir_oom); whatever the network or the disk
 * asks for is capped by the caller before it gets here. */
#ifndef WEIR_BASE_MEM_H
#define WEIR_BASE_MEM_H

#include "core/base/error.h"
#include "core/base/slice.h"

#include <stdarg.h>

void *mem_alloc(size_t n);                       /* never NULL, not zeroed */
void *mem_zalloc(size_t n);                      /* never NULL, zeroed */
void *mem_realloc(void *p, size_t n);            /* never NULL */
char *mem_strdup(const char *s);
char *mem_strndup(struct slice s);               /* NUL-terminated copy */
struct slice mem_dup(struct slice s);            /* heap copy; null stays null; free((void *)out.p) */

/* A growable byte buffer.  Zero-initialise, fill, buf_fini. */
struct buf {
    uint8_t *p;
    size_t n;
    size_t cap;
};
void buf_fini(struct buf *b);
static inline void buf_clear(struct buf *b) { b->n = 0; }
/* Room for n more bytes; returns where they go.  Does not move b->n. */
uint8_t *buf_reserve(struct buf *b, size_t n);
void buf_put(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *format, ...) WEIR_PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *format, va_list args) WEIR_PRINTF(2, 0);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_be16(struct buf *b, uint16_t v);
void buf_put_be32(struct buf *b, uint32_t v);
void buf_put_be64(struct buf *b, uint64_t v);
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);
static inline struct slice buf_slice(const struct buf *b) { return slice_of(b->p, b->n); }

/* A bump allocator.  Everything in it dies at once.  cap_bytes bounds the sum of
 * what is handed out; past it arena_alloc returns NULL and `exhausted` stays
 * set, so that a decoder can carry on to its own sticky error. */
struct arena_block;
struct arena {
    struct arena_block *blocks;
    size_t used_bytes;
    size_t cap_bytes;
    bool exhausted;
};
void arena_init(struct arena *a, size_t cap_bytes);
void arena_fini(struct arena *a);
/* The first block is this large: for small arenas of which there are thousands. */
void arena_reserve(struct arena *a, size_t n);
/* Keeps the first block for the next use. */
void arena_reset(struct arena *a);
void *arena_alloc(struct arena *a, size_t n);    /* aligned to 16, not zeroed; NULL past the cap */
void *arena_zalloc(struct arena *a, size_t n);   /* zeroed; NULL past the cap */
struct slice arena_dup(struct arena *a, struct slice s);  /* null stays null; null past the cap */
struct slice arena_printf(struct arena *a, const char *format, ...) WEIR_PRINTF(2, 3);

static inline uint16_t be16_get(const uint8_t *p) { return (uint16_t)((p[0] << 8) | p[1]); }
static inline uint32_t be32_get(const uint8_t *p) {
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}
static inline uint64_t be64_get(const uint8_t *p) { return ((uint64_t)be32_get(p) << 32) | be32_get(p + 4); }
static inline void be16_set(uint8_t *p, uint16_t v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }
static inline void be32_set(uint8_t *p, uint32_t v) { be16_set(p, (uint16_t)(v >> 16)); be16_set(p + 2, (uint16_t)v); }
static inline void be64_set(uint8_t *p, uint64_t v) { be32_set(p, (uint32_t)(v >> 32)); be32_set(p + 4, (uint32_t)v); }

/* CRC32C (Castagnoli), by the processor's instruction where it has one (ISA-L). */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

#endif
