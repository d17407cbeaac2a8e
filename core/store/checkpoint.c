/* A checkpoint, in steps that never hold up the loop:
 *
 *   IDLE --begin--> SEGMENTS --synced--> SNAPSHOT --synced--> RENAME --synced--> IDLE
 *
 * begin     flush, roll the WAL, encode the snapshot as of now, mark the dirty segments due
 * SEGMENTS  their bytes and directory entries become durable, as many at a time as may be open
 * SNAPSHOT  the snapshot's bytes, in a temporary file
 * RENAME    its name; then the WAL below the snapshot before it is free */
#include "core/base/log.h"
#include "core/store/internal.h"

#include <inttypes.h>
#include <stdlib.h>

#define RETRY_US INT64_C(10000000)

static void checkpoint_end(struct store *st, enum err result) {
    struct checkpoint *c = &st->checkpoint;
    if (c->file != NULL)
        st->env->close(st->env, c->file);
    c->file = NULL;
    c->job = NULL;
    buf_fini(&c->body);
    c->step = CHECKPOINT_IDLE;
    c->last_us = st->env->mono_us(st->env);
    if (result == ERR_NO_SPACE || result == ERR_LIMIT) {
        c->not_before_us = c->last_us + RETRY_US;
        log_warn("no room for a checkpoint; it is tried again later");
    } else if (result != OK)
        store_fail(st, ERR_IO);
}

static void renamed(struct store *st, struct sync_job *job, enum err result) {
    struct checkpoint *c = &st->checkpoint;
    sync_job_free(st, job);
    c->job = NULL;
    if (result == OK) {
        char path[PATH_BYTES];
        st->snapshot_number = c->number;
        if (c->number > 2) {
            snapshot_path(c->number - 2, false, path);
            (void)st->env->unlink(st->env, path);
        }
        wal_forget_before(st, st->newest_snapshot_wal);
        st->newest_snapshot_wal = c->wal_number;
        c->seq = c->encoded_seq;
        st->stats.checkpoints++;
    }
    checkpoint_end(st, result);
}

static void snapshot_synced(struct store *st, struct sync_job *job, enum err result) {
    struct checkpoint *c = &st->checkpoint;
    char from[PATH_BYTES], to[PATH_BYTES];
    sync_job_free(st, job);
    c->job = NULL;
    snapshot_path(c->number, true, from);
    snapshot_path(c->number, false, to);
    if (result == OK)
        result = st->failed;
    if (result == OK)
        result = st->env->rename(st->env, from, to);
    if (result != OK) {
        checkpoint_end(st, result);
        return;
    }
    c->step = CHECKPOINT_RENAME;
    c->job = mem_zalloc(sizeof *c->job);
    c->job->store = st;
    c->job->done = renamed;
    sync_list_add_dir(&c->job->list, ".");
    sync_job_start(c->job, true);
}

static void write_snapshot(struct store *st) {
    struct checkpoint *c = &st->checkpoint;
    char path[PATH_BYTES];
    snapshot_path(c->number, true, path);
    enum err result = st->env->open(st->env, path, ENV_WRITE | ENV_CREATE, &c->file);
    struct slice bytes = buf_slice(&c->body);
    if (result == OK)
        result = st->env->truncate(st->env, c->file, 0);
    if (result == OK)
        result = st->env->write(st->env, c->file, 0, &bytes, 1);
    if (result != OK) {
        checkpoint_end(st, result);
        return;
    }
    c->step = CHECKPOINT_SNAPSHOT;
    c->job = mem_zalloc(sizeof *c->job);
    c->job->store = st;
    c->job->done = snapshot_synced;
    c->job->extra[c->job->n_extra++] = c->file;
    sync_job_start(c->job, true);
}

static void mark_due(struct store *st) {
    for (struct store_log *log = st->logs; log != NULL; log = log->hh.next)
        for (uint32_t i = 0; i < log->n_segments; i++) {
            struct segment *s = log->segments[i];
            s->due = s->due || s->dirty;
            s->dirty = false;
        }
}

/* The next ones that are due; none: the list stays empty. */
static enum err take_due(struct store *st, struct sync_list *list) {
    size_t most = store_open_share(st);
    for (struct store_log *log = st->logs; log != NULL && list->n < most; log = log->hh.next) {
        bool dir = false;
        for (uint32_t i = log->n_segments; i-- > 0 && list->n < most;) {
            struct segment *s = log->segments[i];
            if (!s->due)
                continue;
            enum err e = segment_open(s, false);
            if (e != OK) {
                for (size_t k = 0; k < list->n; k++) /* the next checkpoint must take them again */
                    list->handles[k]->owner->due = true;
                return e;
            }
            sync_list_add(list, s->handle);
            s->due = false;
            dir = true;
        }
        if (dir) {
            char path[LOG_DIR_BYTES];
            log_dir(&log->key, path);
            sync_list_add_dir(list, path);
        }
    }
    if (list->n > 0) {
        sync_list_add_dir(list, "logs");
        sync_list_add_dir(list, "."); /* the snapshot's name must not be there before that of logs */
    }
    return OK;
}

static void segments_synced(struct store *st, struct sync_job *job, enum err result);

static void sync_segments(struct store *st) {
    struct checkpoint *c = &st->checkpoint;
    c->job = mem_zalloc(sizeof *c->job);
    c->job->store = st;
    c->job->done = segments_synced;
    enum err e = take_due(st, &c->job->list);
    if (e == OK && c->job->list.n > 0) {
        sync_job_start(c->job, true);
        return;
    }
    sync_job_free(st, c->job);
    c->job = NULL;
    if (e == OK && !c->stale) {
        write_snapshot(st);
        return;
    }
    /* A drop whose frame may yet be lost took a segment: what the snapshot says of it would not be on disk. */
    c->wanted = c->stale;
    checkpoint_end(st, e);
}

static void segments_synced(struct store *st, struct sync_job *job, enum err result) {
    struct checkpoint *c = &st->checkpoint;
    for (size_t i = 0; i < job->list.n; i++) {
        struct segment *s = job->list.handles[i]->owner;
        if (s == NULL)
            continue;
        segment_index_save(s);
        if (result == OK)
            s->entry_dirty = false; /* only now: a reference must not rely on it before */
    }
    sync_job_free(st, job);
    c->job = NULL;
    /* Once a sync has failed, a later one of the same file that succeeds says nothing. */
    if (result == OK)
        result = st->failed;
    if (result == OK)
        sync_segments(st);
    else
        checkpoint_end(st, result);
}

void checkpoint_begin(struct store *st) {
    struct checkpoint *c = &st->checkpoint;
    store_flush(st);
    if (st->failed != OK || st->wal.tick.n > 0 || c->step != CHECKPOINT_IDLE)
        return;
    c->wanted = false;
    if (st->squeezes > 0)
        st->squeezes--;
    enum err e = wal_begin_file(st, 0);
    if (e != OK) {
        checkpoint_end(st, e);
        return;
    }
    c->number = st->snapshot_number + 1;
    c->wal_number = st->wal.number;
    c->encoded_seq = st->wal.seq;
    c->bytes = 0;
    c->step = CHECKPOINT_SEGMENTS;
    snapshot_encode(st, false, &c->body);
    mark_due(st);
    c->stale = false;
    sync_segments(st);
}
