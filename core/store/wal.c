/* The write-ahead log's files and frames.
 *
 * Files are preallocated with real zeroes and used again under a new number, so
 * that a sync after an overwrite changes no extent and no size.  A file that is
 * used again still holds old frames behind the new ones: the sequence number and
 * the previous frame's CRC in each header tell them apart. */
#include "core/store/internal.h"

#include <inttypes.h>
#include <stdio.h>

#define FIRST_FILE_BYTES (128u << 10) /* its zeroes are written and synced before the first acknowledgement */
#define SECOND_FILE_BYTES (4u << 20)

void wal_path(uint64_t number, char out[PATH_BYTES]) {
    snprintf(out, PATH_BYTES, "wal/%010" PRIu64 ".wal", number);
}

static uint64_t wal_take_spare(struct store *st, uint64_t least, uint64_t *bytes) {
    for (size_t i = 0; i < 2; i++) {
        struct wal *w = &st->wal;
        if (w->spare[i] != 0 && w->spare_bytes[i] >= least) {
            uint64_t number = w->spare[i];
            *bytes = w->spare_bytes[i];
            w->spare[i] = 0;
            return number;
        }
    }
    return 0;
}

void wal_add_old(struct store *st, uint64_t number, uint64_t bytes, uint64_t last_seq) {
    struct wal *w = &st->wal;
    if (w->n_old == w->cap_old) {
        w->cap_old = w->cap_old == 0 ? 8 : w->cap_old * 2;
        w->old = mem_realloc(w->old, w->cap_old * sizeof *w->old);
    }
    w->old[w->n_old++] = (struct wal_file){number, bytes, last_seq};
}

/* Makes the next file, or renames a spare one, without touching the current. */
static enum err wal_make(struct store *st, uint64_t number, uint64_t least, struct env_file **out, uint64_t *bytes) {
    struct env *env = st->env;
    char path[PATH_BYTES], from[PATH_BYTES];
    wal_path(number, path);
    uint64_t spare = wal_take_spare(st, least, bytes);
    if (spare != 0) {
        wal_path(spare, from);
        if (env->rename(env, from, path) == OK)
            return env->open(env, path, ENV_WRITE, out);
    }
    uint64_t size = number == 1 ? FIRST_FILE_BYTES : number == 2 ? SECOND_FILE_BYTES : st->config.wal_file_bytes;
    if (size > st->config.wal_file_bytes)
        size = st->config.wal_file_bytes;
    *bytes = size < least ? least : size;
    enum err e = env->open(env, path, ENV_WRITE | ENV_CREATE, out);
    if (e != OK)
        return e;
    e = env->zero_fill(env, *out, 0, *bytes);
    if (e != OK) {
        env->close(env, *out);
        (void)env->unlink(env, path);
    }
    return e;
}

enum err wal_begin_file(struct store *st, uint64_t least_bytes) {
    struct wal *w = &st->wal;
    struct env_file *file;
    uint64_t bytes;
    enum err e = wal_make(st, w->number + 1, least_bytes, &file, &bytes);
    if (e != OK)
        return e;
    if (w->file != NULL) {
        wal_add_old(st, w->number, w->bytes, w->seq);
        if (w->previous != NULL) {
            /* Two rolls within one sync: the older one is synced here and now, which is rare and short. */
            e = st->config.durability == DURABILITY_FSYNC ? st->env->sync_now(st->env, w->previous, NULL) : OK;
            st->env->close(st->env, w->previous);
            w->previous = NULL;
            if (e != OK) {
                st->env->close(st->env, file);
                return ERR_IO;
            }
        }
        w->previous = w->file;
    }
    w->file = file;
    w->number++;
    w->bytes = bytes;
    w->pos = 0;
    w->dir_dirty = true;
    return OK;
}

enum err wal_write_tick(struct store *st) {
    struct wal *w = &st->wal;
    if (w->tick.n == 0)
        return OK;
    struct slice bytes = buf_slice(&w->tick);
    enum err e = st->env->write(st->env, w->file, w->pos, &bytes, 1);
    if (e != OK)
        return e;
    w->pos += w->tick.n;
    w->written = w->seq;
    for (struct store_log *log = st->open; log != NULL; log = log->next_open)
        log->written_end = log->end;
    buf_clear(&w->tick);
    if (w->tick.cap > (4u << 20))
        buf_fini(&w->tick); /* one large tick must not keep its memory */
    return OK;
}

enum err wal_frame(struct store *st, enum frame_type type, struct slice a, struct slice b, size_t *b_at,
                   uint64_t *ticket) {
    struct wal *w = &st->wal;
    size_t body = a.n + b.n, total = FRAME_HEADER_BYTES + body;
    weir_assert(body <= FRAME_BODY_MAX);
    enum err e = st->failed == OK ? OK : ERR_READ_ONLY;
    if (e != OK)
        return e;
    if (w->file == NULL || w->pos + w->tick.n + total > w->bytes) {
        /* What was queued belongs to the file that ends here. */
        for (struct store_log *log = st->queued; log != NULL; log = st->queued) {
            e = log_write_queue(log);
            if (e != OK)
                return e;
            st->queued = log->next_queued;
            log->queued = false;
        }
        e = wal_write_tick(st);
        if (e == OK)
            e = wal_begin_file(st, total);
        if (e != OK) {
            if (e != ERR_NO_SPACE && e != ERR_LIMIT)
                store_fail(st, e);
            else
                store_set_full(st, e);
            return e == ERR_LIMIT ? ERR_NO_SPACE : e;
        }
    }
    uint8_t *p = buf_reserve(&w->tick, total);
    memset(p, 0, FRAME_HEADER_BYTES);
    be32_set(p, FRAME_MAGIC);
    p[4] = STORE_FORMAT;
    p[5] = (uint8_t)type;
    be64_set(p + 8, st->epoch);
    be64_set(p + 16, w->seq + 1);
    /* Without syncs nothing is proven: a hole is a torn tail then, not damage. */
    be64_set(p + 24, st->config.durability == DURABILITY_FSYNC ? st->durable : 0);
    be32_set(p + 32, (uint32_t)body);
    be32_set(p + 36, w->crc);
    if (a.n > 0)
        memcpy(p + FRAME_HEADER_BYTES, a.p, a.n);
    if (b.n > 0)
        memcpy(p + FRAME_HEADER_BYTES + a.n, b.p, b.n);
    uint32_t crc = crc32c(0, p, 40);
    crc = crc32c(crc, p + FRAME_HEADER_BYTES, body);
    be32_set(p + 40, crc);
    if (b_at != NULL)
        *b_at = w->tick.n + FRAME_HEADER_BYTES + a.n;
    w->tick.n += total;
    w->crc = crc;
    w->seq++;
    st->checkpoint.bytes += total;
    st->since_space_check += total;
    st->sealed = type == FRAME_SEAL;
    if (ticket != NULL)
        *ticket = w->seq;
    return OK;
}

bool frame_parse(struct slice in, struct frame *f) {
    if (in.n < FRAME_HEADER_BYTES || be32_get(in.p) != FRAME_MAGIC || in.p[4] != STORE_FORMAT)
        return false;
    uint32_t length = be32_get(in.p + 32);
    if (length > FRAME_BODY_MAX || length > in.n - FRAME_HEADER_BYTES)
        return false;
    uint32_t crc = crc32c(0, in.p, 40);
    crc = crc32c(crc, in.p + FRAME_HEADER_BYTES, length);
    *f = (struct frame){
        .type = in.p[5], .epoch = be64_get(in.p + 8), .seq = be64_get(in.p + 16), .durable = be64_get(in.p + 24),
        .prev_crc = be32_get(in.p + 36), .crc = crc, .body = slice_of(in.p + FRAME_HEADER_BYTES, length),
        .bytes = FRAME_HEADER_BYTES + length,
    };
    return crc == be32_get(in.p + 40);
}

/* Files below `number` are no longer needed: two are kept to be used again. */
void wal_forget_before(struct store *st, uint64_t number) {
    struct wal *w = &st->wal;
    size_t keep = 0;
    for (size_t i = 0; i < w->n_old; i++) {
        struct wal_file f = w->old[i];
        if (f.number >= number) {
            w->old[keep++] = f;
            continue;
        }
        size_t slot = w->spare[0] == 0 ? 0 : w->spare[1] == 0 ? 1 : 2;
        if (slot < 2 && f.bytes >= st->config.wal_file_bytes) {
            w->spare[slot] = f.number;
            w->spare_bytes[slot] = f.bytes;
            continue;
        }
        char path[PATH_BYTES];
        wal_path(f.number, path);
        (void)st->env->unlink(st->env, path); /* a file that stays is found and dropped at the next start */
    }
    w->n_old = keep;
}
