/* Snapshots: everything but the records, as of one frame.
 *
 * file: magic u32, version u16, flags u16 (1: written at a clean close), epoch u64,
 *       seq u64, wal number u64 (files from it on are needed), length u64, crc u32 (of all before and the body), body
 * body: map count u32, (key, value as u32 length + bytes)...
 *       doomed count u32, (dir u8, path as u16 length + bytes)...
 *       log count u32, logs...
 * log:  uuid, partition i32, start i64, end i64, last append i64,
 *       epochs u32 (epoch i32, start i64)...
 *       segments u32 (base i64, next i64, bytes u64, max timestamp i64, created i64)...
 *       producers u32 (id i64, epoch i16, last ms i64, last offset i64, n u8,
 *                 (first i32, last i32, offset i64, ts i64)...)...
 *
 * The last two are kept, with the WAL that the older one needs. */
#include "core/base/log.h"
#include "core/store/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SNAPSHOT_MAGIC 0x57534e50u /* "WSNP" */
#define SNAPSHOT_HEADER_BYTES 44
#define SNAPSHOT_MAX_BYTES (UINT64_C(4) << 30)

void snapshot_path(uint64_t number, bool temporary, char out[PATH_BYTES]) {
    snprintf(out, PATH_BYTES, "snapshot-%" PRIu64 "%s", number, temporary ? ".tmp" : "");
}

static void put_bytes(struct buf *out, struct slice s) {
    buf_put_be32(out, (uint32_t)s.n);
    buf_put(out, s.p, s.n);
}

static void put_producers(struct store_log *log, struct buf *out) {
    buf_put_be32(out, HASH_COUNT(log->producers));
    for (struct producer *p = log->producers; p != NULL; p = p->hh.next) {
        buf_put_be64(out, (uint64_t)p->id);
        buf_put_be16(out, (uint16_t)p->epoch);
        buf_put_be64(out, (uint64_t)p->last_ms);
        buf_put_be64(out, (uint64_t)p->last_offset);
        buf_put_u8(out, p->n);
        for (size_t i = 0; i < p->n; i++) {
            buf_put_be32(out, (uint32_t)p->batches[i].first_sequence);
            buf_put_be32(out, (uint32_t)p->batches[i].last_sequence);
            buf_put_be64(out, (uint64_t)p->batches[i].offset);
            buf_put_be64(out, (uint64_t)p->batches[i].timestamp);
        }
    }
}

static void put_log(struct store_log *log, struct buf *out) {
    uint8_t key[FRAME_LOG_BYTES];
    log_key_put(&log->key, key);
    buf_put(out, key, sizeof key);
    buf_put_be64(out, (uint64_t)log->start);
    buf_put_be64(out, (uint64_t)log->end);
    buf_put_be64(out, (uint64_t)log->last_append_ms);
    buf_put_be32(out, log->n_epochs);
    for (uint32_t i = 0; i < log->n_epochs; i++) {
        buf_put_be32(out, (uint32_t)log->epochs[i].epoch);
        buf_put_be64(out, (uint64_t)log->epochs[i].start);
    }
    buf_put_be32(out, log->n_segments);
    for (uint32_t i = 0; i < log->n_segments; i++) {
        const struct segment *s = log->segments[i];
        buf_put_be64(out, (uint64_t)s->base);
        buf_put_be64(out, (uint64_t)s->next);
        buf_put_be64(out, s->bytes);
        buf_put_be64(out, (uint64_t)s->max_timestamp);
        buf_put_be64(out, (uint64_t)s->created_ms);
    }
    put_producers(log, out);
}

void snapshot_encode(struct store *st, bool clean, struct buf *out) {
    int64_t now_ms = st->env->wall_ms(st->env);
    buf_clear(out);
    uint8_t *header = buf_reserve(out, SNAPSHOT_HEADER_BYTES);
    memset(header, 0, SNAPSHOT_HEADER_BYTES);
    out->n = SNAPSHOT_HEADER_BYTES;
    buf_put_be32(out, HASH_COUNT(st->map));
    for (struct map_item *item = st->map; item != NULL; item = item->hh.next) {
        put_bytes(out, item->key);
        put_bytes(out, item->value);
    }
    size_t n_at = out->n;
    uint32_t n = 0;
    buf_put_be32(out, 0);
    for (struct doomed *d = st->doomed_first; d != NULL; d = d->next, n++) {
        buf_put_u8(out, d->dir);
        buf_put_be16(out, (uint16_t)strlen(d->path));
        buf_puts(out, d->path);
    }
    be32_set(out->p + n_at, n);
    n_at = out->n;
    n = 0;
    buf_put_be32(out, 0);
    for (struct store_log *log = st->logs; log != NULL; log = log->hh.next) {
        if (log->end == 0 && log->n_segments == 0 && log->n_epochs == 0)
            continue;
        producers_expire(log, now_ms);
        put_log(log, out);
        n++;
    }
    be32_set(out->p + n_at, n);
    be32_set(out->p, SNAPSHOT_MAGIC);
    be16_set(out->p + 4, STORE_FORMAT);
    be16_set(out->p + 6, clean ? 1 : 0);
    be64_set(out->p + 8, st->epoch);
    be64_set(out->p + 16, st->wal.seq);
    be64_set(out->p + 24, st->wal.number);
    be64_set(out->p + 32, out->n - SNAPSHOT_HEADER_BYTES);
    uint32_t crc = crc32c(0, out->p, 40);
    be32_set(out->p + 40, crc32c(crc, out->p + SNAPSHOT_HEADER_BYTES, out->n - SNAPSHOT_HEADER_BYTES));
}

/* ---- reading ---- */
struct cursor {
    const uint8_t *p, *end;
    bool bad;
};
static const uint8_t *take(struct cursor *c, size_t n) {
    static const uint8_t zero[64];
    if (c->bad || (size_t)(c->end - c->p) < n) {
        c->bad = true;
        return zero;
    }
    c->p += n;
    return c->p - n;
}
static uint32_t take32(struct cursor *c) { return be32_get(take(c, 4)); }
static int64_t take64(struct cursor *c) { return (int64_t)be64_get(take(c, 8)); }
static struct slice take_bytes(struct cursor *c) {
    uint32_t n = take32(c);
    if (c->bad || (size_t)(c->end - c->p) < n) {
        c->bad = true;
        return SLICE("");
    }
    c->p += n;
    return slice_of(c->p - n, n);
}

static void take_producers(struct store_log *log, struct cursor *c) {
    for (uint32_t n = take32(c); n > 0 && !c->bad; n--) {
        struct producer *p = mem_zalloc(sizeof *p);
        p->id = take64(c);
        p->epoch = (int16_t)be16_get(take(c, 2));
        p->last_ms = take64(c);
        p->last_offset = take64(c);
        p->n = *take(c, 1);
        if (p->n > PRODUCER_BATCHES)
            c->bad = true;
        for (size_t i = 0; i < p->n && !c->bad; i++) {
            p->batches[i].first_sequence = (int32_t)take32(c);
            p->batches[i].last_sequence = (int32_t)take32(c);
            p->batches[i].offset = take64(c);
            p->batches[i].timestamp = take64(c);
        }
        if (c->bad)
            free(p);
        else
            HASH_ADD(hh, log->producers, id, sizeof p->id, p);
    }
}

static void take_log(struct store *st, struct cursor *c) {
    struct log_key key;
    log_key_get(take(c, FRAME_LOG_BYTES), &key);
    if (c->bad)
        return;
    struct store_log *log = log_make(st, &key);
    log->start = take64(c);
    log->end = log->hw = take64(c);
    log->last_append_ms = take64(c);
    for (uint32_t n = take32(c); n > 0 && !c->bad; n--) {
        int32_t epoch = (int32_t)take32(c);
        log_add_epoch(log, epoch, take64(c));
    }
    for (uint32_t n = take32(c); n > 0 && !c->bad; n--) {
        struct segment *s = segment_add(log, take64(c), 0);
        s->next = take64(c);
        s->bytes = s->flushed = s->settled = (uint64_t)take64(c);
        s->max_timestamp = take64(c);
        s->created_ms = take64(c);
    }
    take_producers(log, c);
}

static bool snapshot_decode(struct store *st, struct slice in, uint64_t *seq, bool *clean) {
    if (in.n < SNAPSHOT_HEADER_BYTES || be32_get(in.p) != SNAPSHOT_MAGIC || be16_get(in.p + 4) != STORE_FORMAT ||
        be64_get(in.p + 32) != in.n - SNAPSHOT_HEADER_BYTES)
        return false;
    uint32_t crc = crc32c(0, in.p, 40);
    if (crc32c(crc, in.p + SNAPSHOT_HEADER_BYTES, in.n - SNAPSHOT_HEADER_BYTES) != be32_get(in.p + 40))
        return false;
    struct cursor c = {in.p + SNAPSHOT_HEADER_BYTES, in.p + in.n, false};
    for (uint32_t n = take32(&c); n > 0 && !c.bad; n--) {
        struct slice key = take_bytes(&c), value = take_bytes(&c);
        if (!c.bad && key.n >= 2)
            map_set(st, key, value);
    }
    for (uint32_t n = take32(&c); n > 0 && !c.bad; n--) {
        bool dir = *take(&c, 1);
        size_t length = be16_get(take(&c, 2));
        char path[PATH_BYTES] = "";
        if (length >= PATH_BYTES)
            c.bad = true;
        else if (length > 0 && (size_t)(c.end - c.p) >= length)
            memcpy(path, take(&c, length), length);
        if (!c.bad && strncmp(path, "logs/", 5) == 0)
            doom(st, path, dir, 0);
    }
    for (uint32_t n = take32(&c); n > 0 && !c.bad; n--)
        take_log(st, &c);
    st->epoch = be64_get(in.p + 8);
    st->wal.number = be64_get(in.p + 24);
    *seq = be64_get(in.p + 16);
    *clean = be16_get(in.p + 6) & 1;
    return !c.bad;
}

struct numbers { uint64_t v[64]; size_t n; };
static void snapshot_seen(void *ctx, const char *name, bool is_dir) {
    struct numbers *found = ctx;
    uint64_t number;
    char tail;
    if (!is_dir && sscanf(name, "snapshot-%" SCNu64 "%c", &number, &tail) == 1 && found->n < 64)
        found->v[found->n++] = number;
}

static enum err snapshot_read(struct store *st, uint64_t number, struct buf *out) {
    char path[PATH_BYTES];
    struct env_file *file;
    uint64_t size = 0;
    size_t got = 0;
    snapshot_path(number, false, path);
    enum err e = st->env->open(st->env, path, ENV_READ, &file);
    if (e != OK)
        return e;
    e = st->env->size(st->env, file, &size);
    if (e == OK && size > SNAPSHOT_MAX_BYTES)
        e = ERR_CORRUPT;
    if (e == OK)
        e = st->env->read(st->env, file, 0, buf_reserve(out, size + 1), size, &got, ENV_READ_WAIT);
    out->n = got;
    st->env->close(st->env, file);
    return e;
}

static void forget_all(struct store *st) {
    struct store_log *log, *next;
    HASH_ITER(hh, st->logs, log, next)
        log_free(log);
    map_free(st);
    while (st->doomed_first != NULL) {
        struct doomed *d = st->doomed_first;
        st->doomed_first = d->next;
        free(d);
    }
    st->doomed_last = NULL;
}

enum err snapshot_load(struct store *st, uint64_t *seq, bool *clean, bool *found, struct error *e) {
    struct numbers all = {0};
    *found = *clean = false;
    *seq = 0;
    enum err r = st->env->list(st->env, ".", snapshot_seen, &all);
    if (r != OK)
        return error_set(e, r, "cannot list the data directory");
    size_t tried = 0;
    while (all.n > 0) {
        size_t best = 0;
        for (size_t i = 1; i < all.n; i++)
            if (all.v[i] > all.v[best])
                best = i;
        uint64_t number = all.v[best];
        all.v[best] = all.v[--all.n];
        if (number > st->snapshot_number)
            st->snapshot_number = number;
        struct buf bytes = {0};
        r = snapshot_read(st, number, &bytes);
        bool good = r == OK && snapshot_decode(st, buf_slice(&bytes), seq, clean);
        buf_fini(&bytes);
        if (good) {
            *found = true;
            st->newest_snapshot_wal = st->wal.number;
            if (tried > 0) {
                *clean = false;
                log_error("snapshot-%" PRIu64 " is damaged; the one before it is used and the log replayed",
                          number + 1);
            }
            return OK;
        }
        forget_all(st);
        tried++;
    }
    if (tried > 0)
        return error_set(e, ERR_CORRUPT, "all snapshots in the data directory are damaged; nothing was changed. "
                         "Restore one from a copy, or start with another --data directory");
    return OK;
}

enum err snapshot_write_now(struct store *st, bool clean) {
    char temporary[PATH_BYTES], path[PATH_BYTES];
    uint64_t number = st->snapshot_number + 1;
    snapshot_path(number, true, temporary);
    snapshot_path(number, false, path);
    struct env_file *file;
    snapshot_encode(st, clean, &st->checkpoint.body);
    enum err e = st->env->open(st->env, temporary, ENV_WRITE | ENV_CREATE, &file);
    if (e != OK)
        return e;
    struct slice bytes = buf_slice(&st->checkpoint.body);
    e = st->env->truncate(st->env, file, 0);
    if (e == OK)
        e = st->env->write(st->env, file, 0, &bytes, 1);
    if (e == OK)
        e = st->env->sync_now(st->env, file, "."); /* the name of logs too, before this one's */
    st->env->close(st->env, file);
    buf_fini(&st->checkpoint.body);
    if (e == OK)
        e = st->env->rename(st->env, temporary, path);
    if (e == OK)
        e = st->env->sync_now(st->env, NULL, ".");
    if (e != OK)
        return e;
    if (number > 2) {
        snapshot_path(number - 2, false, path);
        (void)st->env->unlink(st->env, path);
    }
    st->snapshot_number = number;
    st->checkpoint.seq = st->wal.seq;
    st->checkpoint.bytes = 0;
    return OK;
}
