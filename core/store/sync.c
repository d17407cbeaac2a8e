/* What a sync must cover, and syncs of more files than one env_sync takes. */
#include "core/store/internal.h"

#include <stdio.h>
#include <stdlib.h>

void sync_list_add(struct sync_list *l, struct seg_handle *h) {
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 8 : l->cap * 2;
        l->handles = mem_realloc(l->handles, l->cap * sizeof *l->handles);
    }
    handle_pin(h);
    l->handles[l->n++] = h;
}

void sync_list_add_dir(struct sync_list *l, const char *dir) {
    if (l->n_dirs == l->cap_dirs) {
        l->cap_dirs = l->cap_dirs == 0 ? 8 : l->cap_dirs * 2;
        l->dirs = mem_realloc(l->dirs, l->cap_dirs * sizeof *l->dirs);
    }
    snprintf(l->dirs[l->n_dirs++], LOG_DIR_BYTES, "%s", dir);
}

void sync_list_free(struct store *st, struct sync_list *l) {
    for (size_t i = 0; i < l->n; i++)
        handle_unpin(st, l->handles[i]);
    free(l->handles);
    free(l->dirs);
    *l = (struct sync_list){0};
}

static void job_piece_done(struct env_sync *sync, enum err result, void *ctx);

/* Submits the next piece; false: nothing is left. */
static bool job_next(struct sync_job *job) {
    struct env_sync *s = &job->sync;
    s->n_files = s->n_dirs = 0;
    while (s->n_files < ENV_SYNC_MAX && job->at_handle < job->list.n)
        s->files[s->n_files++] = job->list.handles[job->at_handle++]->file;
    while (s->n_dirs < ENV_SYNC_MAX && job->at_dir < job->list.n_dirs)
        s->dirs[s->n_dirs++] = job->list.dirs[job->at_dir++];
    /* The WAL goes last: a reference in it is worth something once its segment is there. */
    if (job->at_handle == job->list.n && !job->extra_done && s->n_files + job->n_extra <= ENV_SYNC_MAX) {
        for (size_t i = 0; i < job->n_extra; i++)
            s->files[s->n_files++] = job->extra[i];
        job->extra_done = true;
    }
    if (s->n_files + s->n_dirs == 0)
        return false;
    struct env *env = job->store->env;
    env->sync(env, s);
    return true;
}

static void job_piece_done(struct env_sync *sync, enum err result, void *ctx) {
    struct sync_job *job = ctx;
    struct store *st = job->store;
    (void)sync;
    if (st == NULL) { /* the store was closed meanwhile */
        free(job->list.dirs);
        free(job);
        return;
    }
    if (result == OK && job_next(job))
        return;
    job->done(st, job, result);
}

void sync_job_start(struct sync_job *job, bool background) {
    job->sync.done = job_piece_done;
    job->sync.ctx = job;
    job->sync.data_only = true;
    job->sync.background = background;
    if (!job_next(job))
        job->done(job->store, job, OK);
}

void sync_job_free(struct store *st, struct sync_job *job) {
    sync_list_free(st, &job->list);
    free(job);
}

void sync_job_orphan(struct store *st, struct sync_job *job) {
    for (size_t i = 0; i < job->list.n; i++)
        handle_unpin(st, job->list.handles[i]);
    free(job->list.handles);
    job->list.handles = NULL;
    if (job->retired != NULL)
        st->env->close(st->env, job->retired);
    job->store = NULL;
}

static void group_done(struct store *st, struct sync_job *job, enum err result) {
    st->syncing_job = NULL;
    st->stats.syncs++;
    st->stats.sync_us_total += (uint64_t)(st->env->mono_us(st->env) - st->sync_began_us);
    uint64_t seq = job->seq;
    if (job->retired != NULL)
        st->env->close(st->env, job->retired);
    sync_job_free(st, job);
    if (result != OK) {
        store_fail(st, ERR_IO);
        return;
    }
    st->durable = seq;
    struct store_log *log = st->syncing;
    st->syncing = NULL;
    while (log != NULL) {
        struct store_log *next = log->next_syncing;
        log->syncing = false;
        log->next_syncing = NULL;
        if (log->syncing_end > log->hw) {
            log->hw = log->syncing_end;
            store_moved(st, log);
        }
        log = next;
    }
    if (st->events.durable != NULL)
        st->events.durable(st->events.ctx, st->durable, OK);
    if (st->failed == OK)
        sync_group_begin(st);
}

/* Starts a sync of everything written since the last one began, unless one is in flight. */
void sync_group_begin(struct store *st) {
    struct wal *w = &st->wal;
    if (st->syncing_job != NULL || w->written == st->durable || st->failed != OK)
        return;
    struct sync_job *job = mem_zalloc(sizeof *job);
    job->store = st;
    job->seq = w->written;
    job->done = group_done;
    job->list = st->group;
    st->group = (struct sync_list){0};
    for (size_t i = 0; i < job->list.n; i++)
        if (job->list.handles[i]->owner != NULL)
            job->list.handles[i]->owner->referenced = false;
    if (w->root_dirty) {
        sync_list_add_dir(&job->list, ".");
        w->root_dirty = false;
    }
    if (w->dir_dirty) {
        sync_list_add_dir(&job->list, "wal");
        w->dir_dirty = false;
    }
    if (w->previous != NULL)
        job->extra[job->n_extra++] = job->retired = w->previous;
    w->previous = NULL;
    job->extra[job->n_extra++] = w->file;
    struct store_log *log = st->open;
    st->open = NULL;
    while (log != NULL) {
        struct store_log *next = log->next_open;
        log->open = log->end > log->written_end; /* the rest is of a tick that is not written yet */
        if (log->open) {
            log->next_open = st->open;
            st->open = log;
        }
        if (log->written_end > log->hw) {
            log->next_syncing = st->syncing;
            st->syncing = log;
            log->syncing = true;
            log->syncing_end = log->written_end;
        }
        log = next;
    }
    st->syncing_job = job;
    st->sync_began_us = st->env->mono_us(st->env);
    sync_job_start(job, false);
}
