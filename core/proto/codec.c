/* Compression of record data: zlib, snappy, lz4 and zstd behind two calls.
 *
 * Input is hostile.  The output buffer grows with what really comes out, never
 * by a size that the input claims, and never past the caller's limit; after an
 * error the buffer is as it was.
 * Contexts live for one call, but for zstd's, which each thread keeps (96 KiB, no
 * window).  libsnappy, which brings the C++ library along, is loaded when its
 * first batch comes; without it that codec is ERR_UNSUPPORTED.  Any thread. */
#include "config.h"
#include "core/base/lazy.h"
#include "core/proto/batch.h"

#include <limits.h>
#include <lz4frame.h>
#include <pthread.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define CHUNK_MIN_BYTES 4096
#define STREAM_CHUNK_BYTES (128 * 1024)
#define ZSTD_CHUNK_BYTES (32 * 1024)
#define ZSTD_USUAL_RATIO 8        /* a second try costs as much as the first */
#define SNAPPY_BLOCK_BYTES (32 * 1024)
#define SNAPPY_MAX_RATIO 32       /* its densest element makes 64 bytes of 3 */

/* Xerial's framing: this, then blocks of a big-endian i32 length and bare snappy. */
static const uint8_t xerial_magic[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
#define XERIAL_HEADER_BYTES 16    /* magic, i32 version, i32 oldest compatible version */

/* Where decompressed bytes go: all into `out`, or piece by piece through it to a sink. */
struct drain {
    struct buf *out;
    size_t start, max_bytes, chunk;
    size_t block_max;             /* of what comes out at once */
    codec_sink_fn *sink;          /* NULL: none */
    void *ctx;
    size_t sunk;
};

static size_t drain_left(const struct drain *d) { return d->max_bytes - (d->out->n - d->start) - d->sunk; }

/* Room for the next piece, at least one byte more than the limit leaves, so that
 * "exactly at the limit" and "over it" differ. */
static uint8_t *drain_room(struct drain *d, size_t *room) {
    size_t left = drain_left(d);
    if (left == SIZE_MAX)
        left--;
    size_t n = d->chunk < left + 1 ? d->chunk : left + 1;
    uint8_t *p = buf_reserve(d->out, n);
    if (d->sink == NULL && d->chunk <= d->max_bytes)
        d->chunk *= 2;
    *room = n;
    return p;
}

static enum err drain_took(struct drain *d, size_t n) {
    size_t left = drain_left(d);
    d->out->n += n;
    if (n > left)
        return ERR_TOO_LARGE;
    if (d->sink == NULL)
        return OK;
    d->out->n = d->start;
    d->sunk += n;
    return d->sink(d->ctx, slice_of(d->out->p + d->start, n));
}

static enum err gzip_decompress(struct slice in, struct drain *d) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n};
    if (inflateInit2(&z, 15 + 16) != Z_OK)
        weir_oom(0);
    enum err e = OK;
    while (e == OK) {
        size_t room;
        z.next_out = drain_room(d, &room);
        z.avail_out = (uInt)room;
        int rc = inflate(&z, Z_NO_FLUSH);
        e = drain_took(d, room - z.avail_out);
        if (rc == Z_STREAM_END) {
            /* Java reads members one after the other and ignores what is none. */
            if (e != OK || z.avail_in < 2 || z.next_in[0] != 0x1f || z.next_in[1] != 0x8b)
                break;
            inflateReset(&z);
        } else if (e == OK && (rc != Z_OK || (z.avail_in == 0 && z.avail_out != 0))) {
            e = ERR_CORRUPT;
        }
    }
    inflateEnd(&z);
    return e;
}

static pthread_once_t zstd_once = PTHREAD_ONCE_INIT;
static pthread_key_t zstd_key;

static void zstd_forget(void *z) {
    ZSTD_freeDCtx(z);
}
static void zstd_make_key(void) {
    int rc = pthread_key_create(&zstd_key, zstd_forget);
    weir_assert(rc == 0);
}

/* The thread's context.  Making one costs five times the work on a small batch. */
static ZSTD_DCtx *zstd_context(void) {
    pthread_once(&zstd_once, zstd_make_key);
    ZSTD_DCtx *z = pthread_getspecific(zstd_key);
    if (z == NULL) {
        z = ZSTD_createDCtx();
        if (z == NULL || pthread_setspecific(zstd_key, z) != 0)
            weir_oom(0);
    }
    return z;
}

/* Whole frames into a buffer that doubles while it is too small: unlike zstd's
 * streaming it needs no window, so a frame cannot ask for memory by claiming one.
 * "Too small" comes from a block of at most 128 KiB that is really there. */
static enum err zstd_decompress(struct slice in, struct drain *d) {
    if (in.n == 0)
        return ERR_CORRUPT; /* zstd takes it for zero frames */
    ZSTD_DCtx *z = zstd_context();
    enum err e = OK;
    d->chunk = in.n * ZSTD_USUAL_RATIO < ZSTD_CHUNK_BYTES ? ZSTD_CHUNK_BYTES : in.n * ZSTD_USUAL_RATIO;
    for (bool again = true; again;) {
        size_t room;
        uint8_t *to = drain_room(d, &room);
        size_t n = ZSTD_decompressDCtx(z, to, room, in.p, in.n);
        again = ZSTD_isError(n) && ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall && room <= d->max_bytes;
        if (!ZSTD_isError(n))
            e = drain_took(d, n);
        else if (!again)
            e = ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall ? ERR_TOO_LARGE : ERR_CORRUPT;
    }
    return e;
}

/* In pieces it does need the window, which zstd itself bounds (128 MiB, as Kafka has it): a context of its own. */
static enum err zstd_decompress_stream(struct slice in, struct drain *d) {
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_inBuffer from = {in.p, in.n, 0};
    enum err e = in.n == 0 ? ERR_CORRUPT : OK;
    if (z == NULL)
        weir_oom(0);
    for (bool whole = false; e == OK && !whole;) {
        size_t room;
        ZSTD_outBuffer to = {.dst = drain_room(d, &room)};
        to.size = room;
        size_t rc = ZSTD_decompressStream(z, &to, &from);
        ZSTD_ErrorCode code = ZSTD_getErrorCode(rc);
        if (ZSTD_isError(rc))
            e = code == ZSTD_error_frameParameter_windowTooLarge || code == ZSTD_error_memory_allocation ? ERR_TOO_LARGE
                                                                                                        : ERR_CORRUPT;
        else if ((e = drain_took(d, to.pos)) == OK && from.pos == from.size && rc == 0)
            whole = true;
        else if (e == OK && from.pos == from.size && to.pos < room)
            e = ERR_CORRUPT; /* it wants more than there is */
    }
    ZSTD_freeDCtx(z);
    return e;
}

static enum err lz4_decompress(struct slice in, struct drain *d) {
    LZ4F_dctx *z;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&z, LZ4F_VERSION)))
        weir_oom(0);
    enum err e = OK;
    for (size_t rc = 1, at = 0; e == OK && rc != 0;) {
        size_t room, used = in.n - at;
        uint8_t *to = drain_room(d, &room);
        size_t made = room;
        rc = LZ4F_decompress(z, to, &made, in.p + at, &used, NULL);
        at += used;
        if (LZ4F_isError(rc))
            e = ERR_CORRUPT;
        else if ((e = drain_took(d, made)) == OK && rc != 0 && at == in.n && made < room)
            e = ERR_CORRUPT; /* it wants more than there is */
    }
    LZ4F_freeDecompressionContext(z);
    return e;
}

#define SNAPPY_FUNCTIONS(ROW) \
    ROW(snappy_compress) ROW(snappy_max_compressed_length) ROW(snappy_uncompress) ROW(snappy_uncompressed_length)
static struct { SNAPPY_FUNCTIONS(LAZY_POINTER) } snappy;
static struct lazy_library snappy_library = LAZY_LIBRARY(SNAPPY_SONAME, SNAPPY_FUNCTIONS(LAZY_NAME), snappy);

/* One bare block.  Its size is claimed by its first bytes: it must be within what
 * the format can reach before memory is taken for it. */
static enum err snappy_block(struct slice in, struct drain *d) {
    size_t n;
    if (snappy.snappy_uncompressed_length((const char *)in.p, in.n, &n) != SNAPPY_OK || n / SNAPPY_MAX_RATIO > in.n)
        return ERR_CORRUPT;
    if (n > drain_left(d) || n > d->block_max)
        return ERR_TOO_LARGE;
    char *to = (char *)buf_reserve(d->out, n);
    if (snappy.snappy_uncompress((const char *)in.p, in.n, to, &n) != SNAPPY_OK)
        return ERR_CORRUPT;
    return drain_took(d, n);
}

static enum err snappy_decompress(struct slice in, struct drain *d) {
    enum err e = lazy_load(&snappy_library, NULL);
    if (e != OK)
        return e;
    if (in.n < XERIAL_HEADER_BYTES || memcmp(in.p, xerial_magic, sizeof xerial_magic) != 0)
        return snappy_block(in, d);
    in = slice_of(in.p + XERIAL_HEADER_BYTES, in.n - XERIAL_HEADER_BYTES);
    while (e == OK && in.n > 0) {
        if (in.n < 4)
            return ERR_CORRUPT;
        size_t n = be32_get(in.p);
        if (n > in.n - 4)
            return ERR_CORRUPT;
        e = snappy_block(slice_of(in.p + 4, n), d);
        in = slice_of(in.p + 4 + n, in.n - 4 - n);
    }
    return e;
}

enum err codec_decompress(enum batch_codec codec, struct slice in, size_t max_bytes, struct buf *out) {
    struct drain d = {.out = out, .start = out->n, .max_bytes = max_bytes, .block_max = SIZE_MAX,
                      .chunk = in.n < CHUNK_MIN_BYTES / 2 ? CHUNK_MIN_BYTES : in.n * 2};
    enum err e;
    if (in.p == NULL)
        in = SLICE("");
    if (in.n > INT32_MAX)
        return ERR_TOO_LARGE;
    switch (codec) {
    case CODEC_NONE:
        if (in.n > max_bytes)
            return ERR_TOO_LARGE;
        buf_put(out, in.p, in.n);
        return OK;
    case CODEC_GZIP: e = gzip_decompress(in, &d); break;
    case CODEC_SNAPPY: e = snappy_decompress(in, &d); break;
    case CODEC_LZ4: e = lz4_decompress(in, &d); break;
    case CODEC_ZSTD: e = zstd_decompress(in, &d); break;
    default: return ERR_UNSUPPORTED;
    }
    if (e != OK)
        out->n = d.start;
    return e;
}

enum err codec_decompress_stream(enum batch_codec codec, struct slice in, size_t max_bytes, size_t piece_bytes,
                                 struct buf *piece, codec_sink_fn *sink, void *ctx) {
    buf_clear(piece);
    struct drain d = {.out = piece, .max_bytes = max_bytes, .block_max = piece_bytes, .sink = sink, .ctx = ctx,
                      .chunk = piece_bytes < STREAM_CHUNK_BYTES ? piece_bytes : STREAM_CHUNK_BYTES};
    if (in.n > INT32_MAX)
        return ERR_TOO_LARGE;
    switch (codec) {
    case CODEC_NONE: return in.n > max_bytes ? ERR_TOO_LARGE : sink(ctx, in);
    case CODEC_GZIP: return gzip_decompress(in, &d);
    case CODEC_SNAPPY: return snappy_decompress(in, &d);
    case CODEC_LZ4: return lz4_decompress(in, &d);
    case CODEC_ZSTD: return zstd_decompress_stream(in, &d);
    default: return ERR_UNSUPPORTED;
    }
}

static void gzip_compress(int level, struct slice in, struct buf *out) {
    z_stream z = {.next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n};
    if (deflateInit2(&z, level < 1 || level > 9 ? Z_DEFAULT_COMPRESSION : level, Z_DEFLATED, 15 + 16, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        weir_oom(0);
    size_t room = deflateBound(&z, (uLong)in.n);
    z.next_out = buf_reserve(out, room);
    z.avail_out = (uInt)room;
    int rc = deflate(&z, Z_FINISH);
    weir_assert(rc == Z_STREAM_END);
    out->n += room - z.avail_out;
    deflateEnd(&z);
}

static void zstd_compress(int level, struct slice in, struct buf *out) {
    size_t room = ZSTD_compressBound(in.n);
    if (level == INT32_MIN)
        level = ZSTD_CLEVEL_DEFAULT;
    size_t n = ZSTD_compress(buf_reserve(out, room), room, in.p, in.n, level);
    if (ZSTD_isError(n)) /* the room is enough and any level is clamped: only memory is left */
        weir_oom(room);
    out->n += n;
}

static void lz4_compress(int level, struct slice in, struct buf *out) {
    LZ4F_preferences_t how = {
        .frameInfo = {.blockSizeID = LZ4F_max64KB, .blockMode = LZ4F_blockIndependent},
        .compressionLevel = level == INT32_MIN ? 0 : level,
    };
    size_t room = LZ4F_compressFrameBound(in.n, &how);
    size_t n = LZ4F_compressFrame(buf_reserve(out, room), room, in.p, in.n, &how);
    if (LZ4F_isError(n))
        weir_oom(room);
    out->n += n;
}

static enum err snappy_compress_framed(struct slice in, struct buf *out) {
    enum err e = lazy_load(&snappy_library, NULL);
    if (e != OK)
        return e;
    buf_put(out, xerial_magic, sizeof xerial_magic);
    buf_put_be32(out, 1);
    buf_put_be32(out, 1);
    for (size_t at = 0; at < in.n;) {
        size_t part = in.n - at < SNAPPY_BLOCK_BYTES ? in.n - at : SNAPPY_BLOCK_BYTES;
        size_t n = snappy.snappy_max_compressed_length(part);
        uint8_t *to = buf_reserve(out, n + 4);
        snappy_status rc = snappy.snappy_compress((const char *)in.p + at, part, (char *)to + 4, &n);
        weir_assert(rc == SNAPPY_OK);
        be32_set(to, (uint32_t)n);
        out->n += n + 4;
        at += part;
    }
    return OK;
}

enum err codec_compress(enum batch_codec codec, int level, struct slice in, struct buf *out) {
    if (in.p == NULL)
        in = SLICE("");
    if (in.n > INT32_MAX / 2)
        return ERR_TOO_LARGE;
    switch (codec) {
    case CODEC_NONE: buf_put(out, in.p, in.n); return OK;
    case CODEC_GZIP: gzip_compress(level, in, out); return OK;
    case CODEC_SNAPPY: return snappy_compress_framed(in, out);
    case CODEC_LZ4: lz4_compress(level, in, out); return OK;
    case CODEC_ZSTD: zstd_compress(level, in, out); return OK;
    default: return ERR_UNSUPPORTED;
    }
}

const char *codec_name(enum batch_codec codec) {
    static const char *const names[CODEC_N] = {"none", "gzip", "snappy", "lz4", "zstd"};
    return (unsigned)codec < CODEC_N ? names[codec] : "unknown";
}

bool codec_of_name(const char *name, enum batch_codec *out) {
    for (int c = CODEC_NONE; c < CODEC_N; c++)
        if (strcmp(name, codec_name((enum batch_codec)c)) == 0) {
            *out = (enum batch_codec)c;
            return true;
        }
    return false;
}
