/* Partition logs: append, start, drop, what is known of them.
 *
 * end        next offset to be given out
 * hw         durable end; readers see nothing above
 * syncing_end  what hw becomes when the sync in flight returns */
#include "core/base/log.h"
#include "core/store/internal.h"

#include <stdio.h>
#include <stdlib.h>

struct store_log *log_make(struct store *st, const struct log_key *key) {
    struct store_log *log;
    HASH_FIND(hh, st->logs, key, sizeof *key, log);
    if (log != NULL)
        return log;
    log = mem_zalloc(sizeof *log);
    log->store = st;
    log->key = *key;
    log->last_append_ms = -1;
    log->config = (struct log_config){
        .segment_bytes = 1u << 30, .segment_ms = INT64_C(604800000), .retention_ms = -1, .retention_bytes = -1,
    };
    for (size_t i = 0; i < CURSORS; i++)
        log->cursors[i].offset = -1;
    HASH_ADD(hh, st->logs, key, sizeof log->key, log);
    return log;
}

struct store_log *store_log_get(struct store *st, const struct uuid *topic, int32_t partition) {
    struct log_key key = {*topic, partition};
    return log_make(st, &key);
}

struct store_log *store_log_find(struct store *st, const struct uuid *topic, int32_t partition) {
    struct log_key key = {*topic, partition};
    struct store_log *log;
    HASH_FIND(hh, st->logs, &key, sizeof key, log);
    return log;
}

void store_log_each(struct store *st, void (*each)(void *ctx, struct store_log *log), void *ctx) {
    struct store_log *log, *next;
    HASH_ITER(hh, st->logs, log, next)
        each(ctx, log);
}

#define UNLINK(list, member, next) \
    do { \
        for (struct store_log **at = &(list); *at != NULL; at = &(*at)->next) { \
            if (*at == (member)) { \
                *at = (member)->next; \
                break; \
            } \
        } \
    } while (0)

void log_free(struct store_log *log) {
    struct store *st = log->store;
    if (log->queued)
        UNLINK(st->queued, log, next_queued);
    if (log->open)
        UNLINK(st->open, log, next_open);
    if (log->syncing)
        UNLINK(st->syncing, log, next_syncing);
    HASH_DEL(st->logs, log);
    for (uint32_t i = 0; i < log->n_segments; i++)
        segment_free(log->segments[i]);
    producers_free(log);
    free(log->segments);
    free(log->epochs);
    free(log->queue);
    free(log);
}

void log_key_put(const struct log_key *key, uint8_t out[FRAME_LOG_BYTES]) {
    memcpy(out, key->topic.b, sizeof key->topic.b);
    be32_set(out + 16, (uint32_t)key->partition);
}

void log_key_get(const uint8_t *p, struct log_key *key) {
    memset(key, 0, sizeof *key);
    memcpy(key->topic.b, p, sizeof key->topic.b);
    key->partition = (int32_t)be32_get(p + 16);
}

void log_add_epoch(struct store_log *log, int32_t epoch, int64_t start) {
    log->epochs = mem_realloc(log->epochs, (log->n_epochs + 1) * sizeof *log->epochs);
    log->epochs[log->n_epochs++] = (struct log_epoch){epoch, start};
}

/* ---- writing ---- */
static enum err segment_write(struct segment *s, const struct slice *v, size_t n, size_t bytes) {
    struct store *st = s->log->store;
    enum err e = segment_open(s, true);
    if (e == OK)
        e = st->env->write(st->env, s->handle->file, s->flushed, v, n);
    if (e != OK)
        return e;
    s->flushed += bytes;
    s->dirty = true;
    return OK;
}

/* What this tick queued for the active segment, in one write. */
enum err log_write_queue(struct store_log *log) {
    if (log->n_queue == 0)
        return OK;
    struct slice few[64], *v = few;
    size_t bytes = 0;
    if (log->n_queue > 64)
        v = mem_alloc(log->n_queue * sizeof *v);
    for (uint32_t i = 0; i < log->n_queue; i++) {
        v[i] = slice_of(log->store->wal.tick.p + log->queue[i].at, log->queue[i].n);
        bytes += log->queue[i].n;
    }
    enum err e = segment_write(log_active(log), v, log->n_queue, bytes);
    if (v != few)
        free(v);
    if (e == OK)
        log->n_queue = 0;
    return e;
}

static void log_enqueue(struct store_log *log, size_t at, size_t n) {
    if (log->n_queue == log->cap_queue) {
        log->cap_queue = log->cap_queue == 0 ? 2 : log->cap_queue * 2;
        log->queue = mem_realloc(log->queue, log->cap_queue * sizeof *log->queue);
    }
    log->queue[log->n_queue++] = (struct pending){at, n};
    if (!log->queued) {
        log->queued = true;
        log->next_queued = log->store->queued;
        log->store->queued = log;
    }
}

/* The segment that takes n more bytes at `offset`; a new one when the last is full or old. */
static enum err log_segment_for(struct store_log *log, size_t n, int64_t now_ms, struct segment **out) {
    struct segment *s = log_active(log);
    bool full = s != NULL && s->bytes > 0 &&
                (log->roll || s->bytes + n > log->config.segment_bytes || s->bytes + n > INT32_MAX ||
                 log->end - s->base > INT32_MAX || now_ms - s->created_ms > log->config.segment_ms);
    if (full) {
        enum err e = log_write_queue(log);
        if (e != OK)
            return e;
        segment_index_save(s);
    }
    if (s == NULL || full) {
        s = segment_add(log, log->end, now_ms);
        s->index_loaded = true;
        log->roll = false;
    }
    *out = s;
    return OK;
}

/* A large batch: its bytes to the segment now, a reference into the WAL. */
static enum err append_reference(struct store_log *log, struct segment *s, const struct batch *b, uint64_t *ticket) {
    struct store *st = log->store;
    enum err e = log_write_queue(log);
    uint64_t position = s->flushed;
    if (e == OK)
        e = segment_write(s, &b->bytes, 1, b->bytes.n);
    if (e != OK)
        return e;
    uint8_t head[FRAME_LOG_BYTES + 24 + BATCH_HEADER_BYTES];
    log_key_put(&log->key, head);
    be64_set(head + 20, (uint64_t)s->base);
    be64_set(head + 28, position);
    be32_set(head + 36, (uint32_t)b->bytes.n);
    be32_set(head + 40, crc32c(0, b->bytes.p, BATCH_HEADER_BYTES)); /* the batch's own CRC covers the rest */
    memcpy(head + 44, b->bytes.p, BATCH_HEADER_BYTES);
    struct seg_handle *handle = s->handle;
    handle_pin(handle); /* a frame may end a WAL file, which opens other segments */
    e = wal_frame(st, FRAME_BATCH_REF, slice_of(head, sizeof head), SLICE_NULL, NULL, ticket);
    if (e == OK && !s->referenced && st->config.durability == DURABILITY_FSYNC) {
        s->referenced = true;
        sync_list_add(&st->group, handle);
    }
    handle_unpin(st, handle);
    if (e != OK) {
        s->flushed = position; /* the next write goes over it */
        return e;
    }
    if (s->entry_dirty && st->config.durability == DURABILITY_FSYNC) {
        char dir[LOG_DIR_BYTES];
        log_dir(&log->key, dir);
        s->entry_dirty = false;
        sync_list_add_dir(&st->group, dir);
        sync_list_add_dir(&st->group, "logs");
    }
    st->checkpoint.bytes += b->bytes.n;
    st->since_space_check += b->bytes.n;
    return OK;
}

static enum err append_inline(struct store_log *log, struct segment *s, const struct batch *b, uint64_t *ticket) {
    uint8_t head[FRAME_LOG_BYTES + 16];
    size_t at;
    log_key_put(&log->key, head);
    be64_set(head + 20, (uint64_t)s->base);
    be64_set(head + 28, s->bytes);
    enum err e = wal_frame(log->store, FRAME_BATCH, slice_of(head, sizeof head), b->bytes, &at, ticket);
    if (e == OK)
        log_enqueue(log, at, b->bytes.n);
    return e;
}

static void append_note(struct store_log *log, struct segment *s, const struct batch *b, int64_t now_ms) {
    struct store *st = log->store;
    if (s->index_loaded)
        segment_index_add(s, b, s->bytes);
    if (b->max_timestamp > s->max_timestamp)
        s->max_timestamp = b->max_timestamp;
    s->bytes += b->bytes.n;
    s->next = log->end = batch_last_offset(b) + 1;
    log->last_append_ms = now_ms;
    if (b->producer_id >= 0)
        producer_record(log, b, now_ms);
    if (!log->open) {
        log->open = true;
        log->next_open = st->open;
        st->open = log;
    }
}

enum err store_append(struct store_log *log, uint8_t *batch, size_t n, struct append_result *out) {
    struct store *st = log->store;
    struct batch b;
    *out = (struct append_result){.base_offset = -1, .duplicate_timestamp = -1, .sequence = APPEND_OK};
    weir_assert(n <= FRAME_BODY_MAX);
    if (batch_parse(slice_of(batch, n), &b) != OK)
        return ERR_INVALID;
    if (b.producer_id >= 0) {
        struct producer_batch earlier;
        switch (producer_check(log, &b, &earlier)) {
        case PRODUCER_DUPLICATE:
            /* Safe only when the earlier one is; its ticket is not kept, the newest covers it. */
            *out = (struct append_result){earlier.offset, earlier.timestamp, true, st->wal.seq, APPEND_OK};
            return OK;
        case PRODUCER_GAP: out->sequence = APPEND_OUT_OF_ORDER; return OK;
        case PRODUCER_OLD_EPOCH: out->sequence = APPEND_BAD_EPOCH; return OK;
        default: break;
        }
    }
    int64_t now_ms = st->env->wall_ms(st->env);
    int32_t epoch = store_log_epoch(log);
    batch_set_offset(batch, log->end, epoch);
    b.base_offset = log->end;
    struct segment *s = NULL;
    enum err e = store_can_append(st, log->config.vital, n);
    if (e == OK)
        e = log_segment_for(log, n, now_ms, &s);
    if (e == OK)
        e = n > st->config.inline_max_bytes && (s->referenced || st->group.n < store_open_share(st))
                ? append_reference(log, s, &b, &out->ticket)
                : append_inline(log, s, &b, &out->ticket);
    if (e == ERR_NO_SPACE || e == ERR_LIMIT) {
        store_set_full(st, e);
        e = ERR_NO_SPACE;
    } else if (e == ERR_IO)
        store_fail(st, e);
    if (e != OK)
        return e;
    if (log->n_epochs == 0)
        log_add_epoch(log, 0, 0);
    out->base_offset = b.base_offset;
    append_note(log, s, &b, now_ms);
    return OK;
}

/* ---- start, drop ---- */
void doom(struct store *st, const char *path, bool dir, uint64_t ticket) {
    struct doomed *d = mem_zalloc(sizeof *d);
    snprintf(d->path, PATH_BYTES, "%s", path);
    d->dir = dir;
    d->ticket = ticket;
    *(st->doomed_last ? &st->doomed_last->next : &st->doomed_first) = d;
    st->doomed_last = d;
}

static void segment_doom(struct segment *s, uint64_t ticket) {
    char path[PATH_BYTES];
    segment_path(s, false, path);
    doom(s->log->store, path, false, ticket);
    segment_path(s, true, path);
    doom(s->log->store, path, false, ticket);
}

void log_apply_start(struct store_log *log, int64_t offset, uint64_t ticket) {
    if (offset <= log->start)
        return;
    log->start = offset;
    if (log->end < offset)
        log->end = log->hw = offset;
    /* A last segment that is wholly below the start is closed, so that its space can go
     * too.  The same in a replay: its file may be gone, and what follows names the next. */
    const struct segment *s = log_active(log);
    if (s != NULL && s->bytes > 0 && s->next <= offset) {
        log->n_queue = 0;
        segment_add(log, log->end, log->store->env->wall_ms(log->store->env))->index_loaded = true;
    }
    uint32_t gone = 0;
    /* The last segment stays: it is being written. */
    while (gone + 1 < log->n_segments && log->segments[gone]->next <= offset) {
        segment_doom(log->segments[gone], ticket);
        segment_free(log->segments[gone++]);
    }
    memmove(log->segments, log->segments + gone, (log->n_segments - gone) * sizeof *log->segments);
    log->n_segments -= gone;
}

enum err store_log_set_start(struct store_log *log, int64_t offset, uint64_t *ticket) {
    if (ticket != NULL)
        *ticket = 0;
    if (offset > log->hw)
        return ERR_RANGE;
    if (offset <= log->start)
        return OK;
    uint8_t body[FRAME_LOG_BYTES + 8];
    uint64_t t;
    log_key_put(&log->key, body);
    be64_set(body + FRAME_LOG_BYTES, (uint64_t)offset);
    enum err e = wal_frame(log->store, FRAME_LOG_START, slice_of(body, sizeof body), SLICE_NULL, NULL, &t);
    if (e != OK)
        return e;
    log_apply_start(log, offset, t);
    if (ticket != NULL)
        *ticket = t;
    store_moved(log->store, log);
    return OK;
}

void log_apply_drop(struct store *st, const struct uuid *topic, uint64_t ticket) {
    struct store_log *log, *next;
    HASH_ITER(hh, st->logs, log, next) {
        if (!uuid_eq(&log->key.topic, topic))
            continue;
        for (uint32_t i = 0; i < log->n_segments; i++)
            segment_doom(log->segments[i], ticket);
        if (log->n_segments > 0) {
            char dir[LOG_DIR_BYTES];
            log_dir(&log->key, dir);
            doom(st, dir, true, ticket);
        }
        log_free(log);
    }
}

enum err store_topic_drop(struct store *st, const struct uuid *topic, uint64_t *ticket) {
    uint64_t t;
    enum err e = wal_frame(st, FRAME_TOPIC_DROP, slice_of(topic->b, sizeof topic->b), SLICE_NULL, NULL, &t);
    if (e != OK)
        return e;
    /* Queued bytes of its logs are in this tick's buffer and go to the WAL only. */
    log_apply_drop(st, topic, t);
    if (ticket != NULL)
        *ticket = t;
    return OK;
}

/* ---- retention ---- */
void store_log_retain(struct store_log *log, int64_t now_ms) {
    if (!log->config.delete_old || log->n_segments == 0)
        return;
    int64_t start = log->start;
    uint64_t total = store_log_bytes(log);
    for (uint32_t i = 0; i < log->n_segments; i++) {
        const struct segment *s = log->segments[i];
        int64_t newest = s->max_timestamp >= 0 ? s->max_timestamp : s->created_ms;
        bool old = log->config.retention_ms >= 0 && now_ms - newest > log->config.retention_ms;
        bool much = log->config.retention_bytes >= 0 && total - s->bytes >= (uint64_t)log->config.retention_bytes;
        if (s->bytes == 0 || s->next > log->hw || !(old || much) || (!old && i + 1 == log->n_segments))
            break;
        total -= s->bytes;
        start = s->next;
    }
    if (start > log->start) {
        enum err e = store_log_set_start(log, start, NULL);
        if (e == OK)
            log_info("retention moved a log start up to %lld", (long long)start);
    }
}

/* ---- what is known ---- */
void store_log_roll(struct store_log *log) {
    log->roll = true;
}
void store_log_configure(struct store_log *log, const struct log_config *config) {
    log->config = *config;
}
void *store_log_user(const struct store_log *log) { return log->user; }
void store_log_set_user(struct store_log *log, void *user) { log->user = user; }
const struct uuid *store_log_topic(const struct store_log *log) { return &log->key.topic; }
int32_t store_log_partition(const struct store_log *log) { return log->key.partition; }
int64_t store_log_start(const struct store_log *log) { return log->start; }
int64_t store_log_hw(const struct store_log *log) { return log->hw; }
int64_t store_log_end(const struct store_log *log) { return log->end; }
int64_t store_log_last_append_ms(const struct store_log *log) { return log->last_append_ms; }

uint64_t store_log_bytes(const struct store_log *log) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < log->n_segments; i++)
        bytes += log->segments[i]->bytes;
    return bytes;
}

int32_t store_log_epoch(const struct store_log *log) {
    return log->n_epochs > 0 ? log->epochs[log->n_epochs - 1].epoch : 0;
}

void store_log_epoch_end(const struct store_log *log, int32_t epoch, int32_t *found_epoch, int64_t *end_offset) {
    int32_t current = store_log_epoch(log);
    *found_epoch = -1;
    *end_offset = -1;
    if (epoch < 0 || epoch > current)
        return;
    if (epoch == current) {
        *found_epoch = epoch;
        *end_offset = log->hw;
        return;
    }
    for (uint32_t i = log->n_epochs; i-- > 0;) {
        if (log->epochs[i].epoch <= epoch) {
            *found_epoch = log->epochs[i].epoch;
            *end_offset = i + 1 < log->n_epochs ? log->epochs[i + 1].start : log->hw;
            return;
        }
    }
    *found_epoch = epoch;
    *end_offset = log->n_epochs > 0 ? log->epochs[0].start : log->hw;
}
