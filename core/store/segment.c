/* Segment files: names, open handles (LRU) and the sparse index.
 *
 * A segment's file holds batches one behind the other.  The index has an entry
 * for about every 64 KiB; it is a cache: saved beside the segment as 20-byte
 * entries (delta u32, position u32, max timestamp i64, crc u32), never synced,
 * checked when loaded and built again from the batches when in doubt. */
#include "core/store/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SCAN_BYTES (1u << 20)
#define SAVED_ENTRY_BYTES 20

void log_dir(const struct log_key *key, char out[LOG_DIR_BYTES]) {
    char hex[33];
    for (size_t i = 0; i < sizeof key->topic.b; i++)
        snprintf(hex + 2 * i, 3, "%02x", key->topic.b[i]);
    snprintf(out, LOG_DIR_BYTES, "logs/%s-%" PRId32, hex, key->partition);
}

void segment_path(const struct segment *s, bool index, char out[PATH_BYTES]) {
    char dir[LOG_DIR_BYTES];
    log_dir(&s->log->key, dir);
    snprintf(out, PATH_BYTES, "%s/%020" PRId64 ".%s", dir, s->base, index ? "index" : "log");
}

struct segment *segment_add(struct store_log *log, int64_t base, int64_t created_ms) {
    if (log->n_segments == log->cap_segments) {
        log->cap_segments = log->cap_segments == 0 ? 2 : log->cap_segments * 2;
        log->segments = mem_realloc(log->segments, log->cap_segments * sizeof *log->segments);
    }
    struct segment *s = mem_zalloc(sizeof *s);
    s->log = log;
    s->base = s->next = base;
    s->max_timestamp = -1;
    s->created_ms = created_ms;
    log->segments[log->n_segments++] = s;
    return s;
}

struct segment *log_active(const struct store_log *log) {
    return log->n_segments > 0 ? log->segments[log->n_segments - 1] : NULL;
}

struct segment *log_segment_of(const struct store_log *log, int64_t offset) {
    uint32_t low = 0, high = log->n_segments;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (log->segments[middle]->base <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? log->segments[low - 1] : NULL;
}

/* ---- handles ---- */
static void lru_remove(struct store *st, struct seg_handle *h) {
    *(h->newer ? &h->newer->older : &st->lru_newest) = h->older;
    *(h->older ? &h->older->newer : &st->lru_oldest) = h->newer;
    h->newer = h->older = NULL;
}

static void lru_push(struct store *st, struct seg_handle *h) {
    h->older = st->lru_newest;
    h->newer = NULL;
    *(st->lru_newest ? &st->lru_newest->newer : &st->lru_oldest) = h;
    st->lru_newest = h;
}

void handle_pin(struct seg_handle *h) {
    h->pins++;
}

void handle_unpin(struct store *st, struct seg_handle *h) {
    weir_assert(h->pins > 0);
    if (--h->pins == 0 && h->doomed) {
        st->env->close(st->env, h->file);
        free(h);
    }
}

void segment_close(struct segment *s) {
    struct seg_handle *h = s->handle;
    struct store *st = s->log->store;
    if (h == NULL)
        return;
    s->handle = NULL;
    lru_remove(st, h);
    st->n_handles--;
    h->owner = NULL;
    h->doomed = true;
    handle_pin(h);
    handle_unpin(st, h);
}

static void handles_trim(struct store *st, size_t most) {
    struct seg_handle *h = st->lru_oldest;
    while (st->n_handles > most && h != NULL) {
        struct seg_handle *newer = h->newer;
        /* A dirty file's handle may be closed: a later open and sync covers the same pages. */
        if (h->pins == 0)
            segment_close(h->owner);
        h = newer;
    }
}

enum err segment_open(struct segment *s, bool write) {
    struct store *st = s->log->store;
    struct env *env = st->env;
    if (s->handle != NULL) {
        if (st->lru_newest != s->handle) {
            lru_remove(st, s->handle);
            lru_push(st, s->handle);
        }
        return OK;
    }
    handles_trim(st, st->config.max_open_files - 1);
    char path[PATH_BYTES], dir[LOG_DIR_BYTES];
    segment_path(s, false, path);
    struct env_file *file;
    enum err e;
    if (write && !s->log->dir_made) {
        log_dir(&s->log->key, dir);
        e = env->mkdir(env, dir);
        if (e != OK)
            return e;
        s->log->dir_made = true;
    }
    e = env->open(env, path, ENV_WRITE | (write ? ENV_CREATE : 0), &file);
    if (e == ERR_LIMIT) { /* the process has fewer descriptors than we were told */
        handles_trim(st, st->n_handles / 2);
        e = env->open(env, path, ENV_WRITE | (write ? ENV_CREATE : 0), &file);
    }
    if (e != OK)
        return e;
    if (write && !s->on_disk && !st->replaying) {
        s->on_disk = true;
        s->entry_dirty = true;
        e = env->truncate(env, file, s->flushed); /* bytes of a life before the last crash */
        if (e != OK) {
            env->close(env, file);
            return e;
        }
    }
    struct seg_handle *h = mem_zalloc(sizeof *h);
    h->file = file;
    h->owner = s;
    s->handle = h;
    lru_push(st, h);
    st->n_handles++;
    return OK;
}

void segment_free(struct segment *s) {
    if (s->due)
        s->log->store->checkpoint.stale = true;
    segment_close(s);
    free(s->index);
    free(s);
}

/* ---- index ---- */
static void index_push(struct segment *s, struct index_entry e) {
    if (s->n_index == s->cap_index) {
        s->cap_index = s->cap_index == 0 ? 4 : s->cap_index * 2;
        s->index = mem_realloc(s->index, s->cap_index * sizeof *s->index);
    }
    s->index[s->n_index++] = e;
}

/* Called with every batch in order; max_timestamp is that of what came before. */
void segment_index_add(struct segment *s, const struct batch *b, uint64_t position) {
    if (s->n_index > 0 && position - s->index[s->n_index - 1].position < INDEX_EVERY_BYTES)
        return;
    if (s->n_index == 0 && position < INDEX_EVERY_BYTES)
        return; /* the walk from 0 is as short */
    index_push(s, (struct index_entry){(uint32_t)(b->base_offset - s->base), (uint32_t)position, s->max_timestamp});
}

uint64_t segment_index_find(const struct segment *s, int64_t offset) {
    uint32_t low = 0, high = s->n_index;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (s->base + s->index[middle].delta <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? s->index[low - 1].position : 0;
}

/* Walks the batch headers from `position` on and indexes them. */
static enum err index_scan(struct segment *s, uint64_t position, int64_t max_timestamp) {
    struct env *env = s->log->store->env;
    struct buf chunk = {0};
    enum err e = OK;
    int64_t whole = s->max_timestamp;
    s->max_timestamp = max_timestamp;
    while (position + BATCH_HEADER_BYTES <= s->flushed) {
        size_t got = 0, at = 0;
        e = env->read(env, s->handle->file, position, buf_reserve(&chunk, SCAN_BYTES), SCAN_BYTES, &got, ENV_READ_WAIT);
        if (e != OK || got < BATCH_HEADER_BYTES)
            break;
        while (at + BATCH_HEADER_BYTES <= got && position + at < s->flushed) {
            struct batch b;
            enum err parsed = batch_parse(slice_of(chunk.p + at, got - at), &b);
            if (parsed != OK && parsed != ERR_RANGE) {
                e = ERR_CORRUPT;
                break;
            }
            segment_index_add(s, &b, position + at);
            if (b.max_timestamp > s->max_timestamp)
                s->max_timestamp = b.max_timestamp;
            at += (size_t)b.length + BATCH_LOG_OVERHEAD;
        }
        position += at;
        if (e != OK)
            break;
    }
    buf_fini(&chunk);
    if (whole > s->max_timestamp)
        s->max_timestamp = whole;
    return e;
}

static void index_read_saved(struct segment *s) {
    struct env *env = s->log->store->env;
    char path[PATH_BYTES];
    struct env_file *file;
    uint64_t size = 0;
    segment_path(s, true, path);
    if (env->open(env, path, ENV_READ, &file) != OK)
        return;
    uint64_t most = (s->bytes / INDEX_EVERY_BYTES + 1) * SAVED_ENTRY_BYTES;
    if (env->size(env, file, &size) == OK && size <= most) {
        uint8_t *p = mem_alloc(size + 1);
        size_t got = 0;
        if (env->read(env, file, 0, p, size, &got, ENV_READ_WAIT) == OK) {
            for (size_t at = 0; at + SAVED_ENTRY_BYTES <= got; at += SAVED_ENTRY_BYTES) {
                struct index_entry e = {be32_get(p + at), be32_get(p + at + 4), (int64_t)be64_get(p + at + 8)};
                const struct index_entry *last = s->n_index > 0 ? &s->index[s->n_index - 1] : NULL;
                /* Behind what is settled it may be the index of batches that a recovery cut. */
                if (crc32c(0, p + at, 16) != be32_get(p + at + 16) || e.position >= s->settled ||
                    s->base + e.delta >= s->next ||
                    (last && (e.position <= last->position || e.delta <= last->delta)))
                    break;
                index_push(s, e);
            }
        }
        free(p);
    }
    env->close(env, file);
}

/* True when the entry points at the batch it names. */
static bool index_entry_true(struct segment *s, const struct index_entry *e) {
    uint8_t header[BATCH_HEADER_BYTES];
    size_t got = 0;
    struct env *env = s->log->store->env;
    return env->read(env, s->handle->file, e->position, header, sizeof header, &got, ENV_READ_WAIT) == OK &&
           got == sizeof header && (int64_t)be64_get(header) == s->base + e->delta && header[16] == 2;
}

enum err segment_index_load(struct segment *s) {
    if (s->index_loaded)
        return OK;
    enum err e = segment_open(s, false);
    if (e != OK)
        return e;
    s->n_index = 0;
    index_read_saved(s);
    if (s->n_index > 0 && !index_entry_true(s, &s->index[s->n_index - 1]))
        s->n_index = 0;
    s->saved_index = s->n_index;
    const struct index_entry *last = s->n_index > 0 ? &s->index[s->n_index - 1] : NULL;
    e = index_scan(s, last ? last->position : 0, last ? last->max_timestamp : -1);
    s->index_loaded = e == OK;
    return e;
}

/* Appends the entries that are not saved yet; nobody depends on it. */
void segment_index_save(struct segment *s) {
    struct env *env = s->log->store->env;
    if (!s->index_loaded || s->n_index <= s->saved_index)
        return;
    char path[PATH_BYTES];
    struct env_file *file;
    struct buf bytes = {0};
    segment_path(s, true, path);
    if (env->open(env, path, ENV_WRITE | ENV_CREATE, &file) != OK)
        return;
    for (uint32_t i = s->saved_index; i < s->n_index; i++) {
        buf_put_be32(&bytes, s->index[i].delta);
        buf_put_be32(&bytes, s->index[i].position);
        buf_put_be64(&bytes, (uint64_t)s->index[i].max_timestamp);
        buf_put_be32(&bytes, crc32c(0, bytes.p + bytes.n - 16, 16));
    }
    struct slice v = buf_slice(&bytes);
    uint64_t at = (uint64_t)s->saved_index * SAVED_ENTRY_BYTES; /* what stands behind it is of another life */
    if (env->truncate(env, file, at) == OK && env->write(env, file, at, &v, 1) == OK)
        s->saved_index = s->n_index;
    env->close(env, file);
    buf_fini(&bytes);
}
