/* A checkpoint, in steps that never hold up the loop:
 *
 *   IDLE --begin--> SEGMENTS --synced--> SNAPSHOT --synced--> RENAME --synced--> IDLE
 *
 * begin     flush, roll the WAL, encode the snapshot as of now, take the dirty segments
 * SEGMENTS  their bytes and directory entries become durable
 * SNAPSHOT  the snapshot's bytes, in a temporary file
 * RENAME    its name; then the WAL below the snapshot before it is free */
#include "core/base/log.h"
#include "core/store/internal.h"

#include <inttypes.h>
#include <stdlib.h>

static void checkpoint_end(struct store *st, enum err result) {
    struct checkpoint *c = &st->checkpoint;
    if (c->file != NULL)
        st->env->close(st->env, c->file);
    c->file = NULL;
    c->job = NULL;
    buf_fini(&c->body);
    c->step = CHECKPOINT_IDLE;
    c->last_us = st->env->mono_us(st->env);
    if (result == ERR_NO_SPACE)
        log_warn("no room for a checkpoint; it is tried again later");
    else if (result != OK)
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
        c->seq = st->wal.seq;
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

static void segments_synced(struct store *st, struct sync_job *job, enum err result) {
    struct checkpoint *c = &st->checkpoint;
    char path[PATH_BYTES];
    for (size_t i = 0; i < job->list.n; i++)
        if (job->list.handles[i]->owner != NULL)
            segment_index_save(job->list.handles[i]->owner);
    sync_job_free(st, job);
    c->job = NULL;
    /* Once a sync has failed, a later one of the same file that succeeds says nothing. */
    if (result == OK)
        result = st->failed;
    if (result == OK) {
        snapshot_path(c->number, true, path);
        result = st->env->open(st->env, path, ENV_WRITE | ENV_CREATE, &c->file);
    }
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

static enum err take_dirty(struct store *st, struct sync_list *list) {
    bool any_dir = false;
    for (struct store_log *log = st->logs; log != NULL; log = log->hh.next) {
        bool dir = false;
        for (uint32_t i = log->n_segments; i-- > 0;) {
            struct segment *s = log->segments[i];
            if (!s->dirty)
                continue;
            enum err e = segment_open(s, false);
            if (e != OK) {
                for (size_t k = 0; k < list->n; k++) /* the next checkpoint must take them again */
                    list->handles[k]->owner->dirty = true;
                return e;
            }
            sync_list_add(list, s->handle);
            s->dirty = false;
            s->entry_dirty = false;
            dir = true;
        }
        if (dir) {
            char path[LOG_DIR_BYTES];
            log_dir(&log->key, path);
            sync_list_add_dir(list, path);
            any_dir = true;
        }
    }
    if (any_dir)
        sync_list_add_dir(list, "logs");
    return OK;
}

void checkpoint_begin(struct store *st) {
    struct checkpoint *c = &st->checkpoint;
    store_flush(st);
    if (st->failed != OK || st->wal.tick.n > 0 || c->step != CHECKPOINT_IDLE)
        return;
    c->wanted = false;
    enum err e = wal_begin_file(st, 0);
    if (e != OK) {
        checkpoint_end(st, e);
        return;
    }
    c->number = st->snapshot_number + 1;
    c->wal_number = st->wal.number;
    c->bytes = 0;
    c->step = CHECKPOINT_SEGMENTS;
    snapshot_encode(st, false, &c->body);
    c->job = mem_zalloc(sizeof *c->job);
    c->job->store = st;
    c->job->done = segments_synced;
    e = take_dirty(st, &c->job->list);
    if (e != OK) {
        sync_job_free(st, c->job);
        checkpoint_end(st, e);
        return;
    }
    sync_job_start(c->job, true);
}
