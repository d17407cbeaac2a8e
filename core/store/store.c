/* Opening, flushing, timed work, failure and fullness; see internal.h for the path of an append. */
#include "core/base/log.h"
#include "core/store/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_WAL_FILE (16u << 20)
#define DEFAULT_INLINE (64u << 10)
#define DEFAULT_CHECKPOINT (256u << 20)
#define DEFAULT_RESERVE (64u << 20)
#define DEFAULT_OPEN_FILES 512
#define DEFAULT_PRODUCER_EXPIRY_MS INT64_C(86400000)
#define SPACE_EVERY_BYTES (16u << 20)
#define SPACE_EVERY_US INT64_C(20000)
#define LAST_BYTES (8u << 20)         /* of the reserve: for deletes alone, which need no room but in the WAL */
#define SQUEEZES 2                    /* the WAL is kept for the last two snapshots */
#define SPACE_RETRY_US INT64_C(500000)
#define SEAL_AFTER_US INT64_C(1000000)
#define IDLE_CHECKPOINT_US INT64_C(30000000)
#define UNLINKS_A_TICK 64
#define UNLINK_PAUSE_US INT64_C(5000)

static void config_defaults(struct store_config *c) {
    if (c->wal_file_bytes == 0)
        c->wal_file_bytes = DEFAULT_WAL_FILE;
    if (c->inline_max_bytes == 0)
        c->inline_max_bytes = DEFAULT_INLINE;
    if (c->checkpoint_bytes == 0)
        c->checkpoint_bytes = DEFAULT_CHECKPOINT;
    if (c->reserve_bytes == 0)
        c->reserve_bytes = DEFAULT_RESERVE;
    if (c->max_open_files == 0)
        c->max_open_files = DEFAULT_OPEN_FILES;
    if (c->producer_expiry_ms == 0)
        c->producer_expiry_ms = DEFAULT_PRODUCER_EXPIRY_MS;
}

static void store_free(struct store *st) {
    struct store_log *log, *next;
    if (st->syncing_job != NULL)
        sync_job_orphan(st, st->syncing_job); /* frees itself when the env is done with it */
    if (st->checkpoint.job != NULL)
        sync_job_orphan(st, st->checkpoint.job);
    warm_ups_orphan(st);
    HASH_ITER(hh, st->logs, log, next)
        log_free(log);
    map_free(st);
    sync_list_free(st, &st->group);
    if (st->wal.file != NULL)
        st->env->close(st->env, st->wal.file);
    if (st->wal.previous != NULL)
        st->env->close(st->env, st->wal.previous);
    if (st->checkpoint.file != NULL)
        st->env->close(st->env, st->checkpoint.file);
    for (struct doomed *d = st->doomed_first, *after; d != NULL; d = after) {
        after = d->next;
        free(d);
    }
    free(st->wal.old);
    buf_fini(&st->wal.tick);
    buf_fini(&st->checkpoint.body);
    buf_fini(&st->scratch);
    free(st);
}

enum err store_open(struct store **out, struct env *env, const struct store_config *config,
                    const struct store_events *events, struct store_recovery *recovery, struct error *e) {
    struct store *st = mem_zalloc(sizeof *st);
    *out = NULL;
    st->env = env;
    st->config = *config;
    config_defaults(&st->config);
    *recovery = (struct store_recovery){0};
    int64_t began = env->mono_us(env);
    enum err r = store_recover(st, recovery, e);
    if (r == OK) {
        uint64_t total;
        if (env->free_bytes(env, &st->free_bytes, &total) != OK)
            st->free_bytes = UINT64_MAX;
        if (st->free_bytes < st->config.reserve_bytes)
            store_set_full(st, ERR_NO_SPACE);
    }
    recovery->took_us = env->mono_us(env) - began;
    if (r != OK) {
        store_free(st);
        return r;
    }
    if (events != NULL)
        st->events = *events;
    st->checkpoint.last_us = st->idle_since_us = env->mono_us(env);
    *out = st;
    return OK;
}

bool store_idle(const struct store *st) {
    if (st->syncing_job != NULL || st->checkpoint.step != CHECKPOINT_IDLE)
        return false;
    for (const struct store_log *log = st->logs; log != NULL; log = log->hh.next)
        if (log->warming)
            return false;
    return true;
}

static enum err close_cleanly(struct store *st) {
    store_flush(st);
    if (st->failed != OK || st->wal.tick.n > 0 || st->wal.file == NULL)
        return ERR_IO;
    for (struct store_log *log = st->logs; log != NULL; log = log->hh.next) {
        for (uint32_t i = 0; i < log->n_segments; i++) {
            struct segment *s = log->segments[i];
            if (!s->dirty && !s->due)
                continue;
            char dir[LOG_DIR_BYTES];
            log_dir(&log->key, dir);
            enum err e = segment_open(s, false);
            if (e == OK)
                e = st->env->sync_now(st->env, s->handle->file, dir);
            if (e != OK)
                return e;
            segment_index_save(s);
        }
    }
    enum err e = st->env->sync_now(st->env, NULL, "logs");
    /* The log too: whoever has to do without this snapshot replays it. */
    if (e == OK && st->wal.previous != NULL)
        e = st->env->sync_now(st->env, st->wal.previous, NULL);
    if (e == OK)
        e = st->env->sync_now(st->env, st->wal.file, "wal");
    return e == OK ? snapshot_write_now(st, true) : e;
}

void store_close(struct store *st, bool crash) {
    bool changed = st->wal.seq != st->checkpoint.seq || st->checkpoint.bytes > 0;
    if (!crash && st->failed == OK && changed && close_cleanly(st) != OK)
        log_error("the store could not be closed cleanly; the next start recovers from the log");
    store_free(st);
}

void store_fail(struct store *st, enum err why) {
    if (st->failed != OK)
        return;
    st->failed = why;
    log_error("storage failed (%s): no more writes are taken; restart weir after mending the disk", err_name(why));
    if (st->events.durable != NULL)
        st->events.durable(st->events.ctx, st->durable, ERR_IO);
}

void store_set_full(struct store *st, enum err why) {
    bool full = why != OK;
    if (st->full == full)
        return;
    st->full = full;
    st->squeezes = full ? SQUEEZES : 0;
    st->next_space_us = st->env->mono_us(st->env) + SPACE_RETRY_US;
    if (!full)
        log_info("there is room again: produce is taken");
    else if (why == ERR_LIMIT)
        log_warn("out of file descriptors: produce is refused until there are some again; raise the limit (ulimit -n)");
    else
        log_warn("the disk is nearly full: produce is refused until there is room again");
    if (st->events.space != NULL)
        st->events.space(st->events.ctx, !full);
}

static void space_check(struct store *st) {
    uint64_t total;
    st->since_space_check = 0;
    st->space_checked_us = st->env->mono_us(st->env);
    if (st->env->free_bytes(st->env, &st->free_bytes, &total) != OK)
        return;
    /* A little more than the reserve before it resumes, so that it does not flap. */
    uint64_t mark = st->config.reserve_bytes + (st->full ? st->config.reserve_bytes / 4 : 0);
    store_set_full(st, st->free_bytes < mark ? ERR_NO_SPACE : OK);
}

enum err store_can_append(struct store *st, bool vital, uint64_t bytes) {
    if (st->failed != OK)
        return ERR_READ_ONLY;
    if (st->since_space_check + bytes > SPACE_EVERY_BYTES ||
        st->since_space_check + bytes + st->config.reserve_bytes > st->free_bytes ||
        st->env->mono_us(st->env) - st->space_checked_us > SPACE_EVERY_US) /* others may fill the disk too */
        space_check(st);
    return st->full && !(vital && st->free_bytes > LAST_BYTES + bytes) ? ERR_NO_SPACE : OK;
}

size_t store_open_share(const struct store *st) {
    return st->config.max_open_files / 4 + 1;
}

void store_moved(struct store *st, struct store_log *log) {
    if (st->events.advanced != NULL)
        st->events.advanced(st->events.ctx, log);
}

/* With durability "os" what is written counts. */
static void advance_os(struct store *st) {
    struct store_log *log = st->open;
    st->open = NULL;
    st->durable = st->wal.written;
    while (log != NULL) {
        struct store_log *next = log->next_open;
        log->open = false;
        if (log->end > log->hw) {
            log->hw = log->end;
            store_moved(st, log);
        }
        log = next;
    }
    if (st->events.durable != NULL)
        st->events.durable(st->events.ctx, st->durable, OK);
}

void store_flush(struct store *st) {
    if (st->failed != OK || (st->wal.tick.n == 0 && st->wal.written == st->durable))
        return;
    enum err e = OK;
    while (st->queued != NULL && e == OK) {
        struct store_log *log = st->queued;
        e = log_write_queue(log);
        if (e == OK) {
            st->queued = log->next_queued;
            log->queued = false;
        }
    }
    if (e == OK)
        e = wal_write_tick(st);
    if (e == ERR_NO_SPACE || e == ERR_LIMIT) {
        /* Nothing was acknowledged; what waits is tried again when there is room. */
        store_set_full(st, e);
        return;
    }
    if (e != OK) {
        store_fail(st, e);
        return;
    }
    st->idle_since_us = st->env->mono_us(st->env);
    if (st->config.durability == DURABILITY_OS && st->wal.written != st->durable)
        advance_os(st);
    else if (st->config.durability == DURABILITY_FSYNC)
        sync_group_begin(st);
}

/* Files whose end is durable, a few at a time; true: more are ready. */
static bool unlink_doomed(struct store *st) {
    /* With durability os the frame may be lost yet, and the files would be missed: the next snapshot will have it. */
    uint64_t safe = st->config.durability == DURABILITY_FSYNC ? st->durable : st->checkpoint.seq;
    for (size_t n = 0; st->doomed_first != NULL && st->doomed_first->ticket <= safe; n++) {
        if (n == UNLINKS_A_TICK)
            return true;
        struct doomed *d = st->doomed_first;
        if (d->dir)
            (void)st->env->rmdir(st->env, d->path);
        else
            (void)st->env->unlink(st->env, d->path);
        st->doomed_first = d->next;
        if (st->doomed_first == NULL)
            st->doomed_last = NULL;
        free(d);
    }
    return false;
}

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

int64_t store_tick(struct store *st, int64_t now_us) {
    int64_t next = INT64_MAX;
    if (st->failed != OK)
        return next;
    if (unlink_doomed(st))
        next = now_us + UNLINK_PAUSE_US;
    if (st->full) {
        if (now_us >= st->next_space_us) {
            st->next_space_us = now_us + SPACE_RETRY_US;
            space_check(st);
            if (!st->full)
                store_flush(st);
        }
        if (st->full)
            next = earlier(next, st->next_space_us);
    }
    bool quiet = st->wal.seq == st->durable && st->wal.tick.n == 0;
    if (quiet && !st->sealed && st->wal.seq > 0 && st->config.durability == DURABILITY_FSYNC) {
        if (now_us - st->idle_since_us >= SEAL_AFTER_US) {
            if (wal_frame(st, FRAME_SEAL, SLICE_NULL, SLICE_NULL, NULL, NULL) == OK)
                store_flush(st);
            st->sealed = true;
        } else {
            next = earlier(next, st->idle_since_us + SEAL_AFTER_US);
        }
    }
    if (st->checkpoint.step == CHECKPOINT_IDLE && (st->checkpoint.bytes > 0 || st->squeezes > 0)) {
        if (now_us < st->checkpoint.not_before_us)
            next = earlier(next, st->checkpoint.not_before_us);
        else if (st->squeezes > 0 || st->checkpoint.bytes >= st->config.checkpoint_bytes || st->checkpoint.wanted ||
            now_us - st->idle_since_us >= IDLE_CHECKPOINT_US)
            checkpoint_begin(st);
        else
            next = earlier(next, st->idle_since_us + IDLE_CHECKPOINT_US);
    }
    return next;
}

uint64_t store_durable(const struct store *st) {
    return st->durable;
}

enum err store_state(const struct store *st) {
    return st->failed != OK ? ERR_READ_ONLY : st->full ? ERR_NO_SPACE : OK;
}

void store_get_stats(const struct store *st, struct store_stats *out) {
    *out = st->stats;
    out->wal_seq = st->wal.seq;
    out->wal_bytes = st->wal.pos;
    for (size_t i = 0; i < st->wal.n_old; i++)
        out->wal_bytes += st->wal.old[i].bytes;
    out->free_bytes = st->free_bytes;
    out->durability = st->config.durability;
    out->logs = HASH_COUNT(st->logs);
    out->open_files = st->n_handles;
}
