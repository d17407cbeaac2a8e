/* The world behind core/store and core/broker; see env_real.h and core/base/env.h.
 *
 * Every call on the loop thread either cannot block on the disk (page cache,
 * directory entries) or says so in env.h.  EINTR is retried everywhere but in
 * close, whose descriptor is gone either way. */
#include "core/net/env_real.h"

#include "config.h"
#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/net/jobs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

struct env_file {
    int fd;
    unsigned jobs;        /* syncs and warm reads in flight; the last one closes a closed file */
    bool closed;
    uint64_t end;         /* of what is in the file as far as this handle knows; for undoing short writes */
};

struct env_real {
    struct env env;       /* first: a struct env * is a struct env_real * */
    int dir_fd;
    struct jobs *jobs;
    struct worker *syncer, *slow, *reader;  /* urgent syncs; checkpoints; warm reads and freeing */
    bool no_nowait;       /* this file system does not know RWF_NOWAIT */
};

static struct env_real *real_of(struct env *e) {
    return (struct env_real *)e;
}

enum err env_real_errno(int error) {
    switch (error) {
    case 0: return OK;
    case ENOENT: return ERR_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY: return ERR_EXISTS;
    case EAGAIN: return ERR_AGAIN;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ERR_NO_SPACE;  /* EFBIG: RLIMIT_FSIZE, SIGXFSZ being ignored */
    case EMFILE:
    case ENFILE: return ERR_LIMIT;
    default: return ERR_IO;
    }
}

/* What is not an everyday answer is worth a line: the code alone loses the cause. */
static enum err failed(const char *what, const char *path) {
    int error = errno;
    enum err e = env_real_errno(error);
    if (e == ERR_IO || e == ERR_NO_SPACE || e == ERR_LIMIT)
        log_error("%s %s: %s", what, path, strerror(error));
    return e;
}

bool env_real_is_own(const char *name) {
    return strcmp(name, ENV_LOCK_NAME) == 0 || strcmp(name, ENV_CONTROL_NAME) == 0 ||
           strcmp(name, ENV_LOG_NAME) == 0;
}

/* ---- clock and randomness ---- */

static int64_t clock_us(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t real_wall_ms(struct env *e) {
    (void)e;
    return clock_us(CLOCK_REALTIME) / 1000;
}

static int64_t real_mono_us(struct env *e) {
    (void)e;
    return clock_us(CLOCK_MONOTONIC);
}

static void real_random(struct env *e, void *p, size_t n) {
    (void)e;
    uint8_t *at = p;
    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0) {
            weir_assert(errno == EINTR);
            continue;
        }
        at += got;
        n -= (size_t)got;
    }
}

/* ---- files ---- */

static enum err real_open(struct env *e, const char *path, int flags, struct env_file **out) {
    int oflags = O_CLOEXEC | O_NOFOLLOW | (flags & ENV_WRITE ? O_RDWR : O_RDONLY);
    if (flags & ENV_CREATE)
        oflags |= O_CREAT;
    if (flags & ENV_EXCL)
        oflags |= O_EXCL;
    int fd;
    do
        fd = openat(real_of(e)->dir_fd, path, oflags, 0600);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return failed("open", path);
    struct stat st;
    bool known = fstat(fd, &st) == 0;
    if (!known || !S_ISREG(st.st_mode)) {
        if (known)
            errno = EINVAL;
        enum err result = failed("open (not a regular file)", path);
        close(fd);
        return result;
    }
    struct env_file *f = mem_zalloc(sizeof *f);
    f->fd = fd;
    f->end = (uint64_t)st.st_size;
    *out = f;
    return OK;
}

static void file_release(struct env_file *f) {
    if (f->closed && f->jobs == 0) {
        close(f->fd);
        free(f);
    }
}

static void real_close(struct env *e, struct env_file *f) {
    (void)e;
    if (f == NULL)
        return;
    f->closed = true;
    file_release(f);
}

/* A write that stopped half way leaves the file as long as it was. */
static enum err write_undo(struct env_file *f, uint64_t written_to) {
    enum err result = failed("write", "to the data directory");
    if (written_to > f->end && ftruncate(f->fd, (off_t)f->end) != 0)
        return failed("undo a short write", "in the data directory") == OK ? result : ERR_IO;
    return result;
}

#define WRITE_PIECES 64
static enum err real_write(struct env *e, struct env_file *f, uint64_t offset, const struct slice *v, size_t n) {
    (void)e;
    size_t i = 0, skip = 0; /* next slice, and bytes of it that are written */
    while (i < n) {
        struct iovec iov[WRITE_PIECES];
        int pieces = 0;
        for (size_t k = i; k < n && pieces < WRITE_PIECES; k++) {
            size_t from = k == i ? skip : 0;
            if (v[k].n > from)
                iov[pieces++] = (struct iovec){(uint8_t *)(uintptr_t)v[k].p + from, v[k].n - from};
        }
        if (pieces == 0)
            break;
        ssize_t done = pwritev(f->fd, iov, pieces, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            if (done == 0)
                errno = EIO;
            return write_undo(f, offset);
        }
        offset += (uint64_t)done;
        for (size_t left = (size_t)done; i < n; i++) {
            if (left < v[i].n - skip) {
                skip += left;
                break;
            }
            left -= v[i].n - skip;
            skip = 0;
        }
    }
    if (offset > f->end)
        f->end = offset;
    return OK;
}

static enum err real_read(struct env *e, struct env_file *f, uint64_t offset, void *p, size_t n, size_t *got,
                          enum env_read_mode mode) {
    struct env_real *r = real_of(e);
    size_t have = 0;
    while (have < n) {
        ssize_t k;
        if (mode == ENV_READ_NOWAIT && !r->no_nowait) {
            struct iovec iov = {(uint8_t *)p + have, n - have};
            k = preadv2(f->fd, &iov, 1, (off_t)(offset + have), RWF_NOWAIT);
            if (k < 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
                r->no_nowait = true;
                continue;
            }
        } else {
            k = pread(f->fd, (uint8_t *)p + have, n - have, (off_t)(offset + have));
        }
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return failed("read", "from the data directory");
        if (k == 0)
            break;
        have += (size_t)k;
    }
    *got = have;
    return OK;
}

static enum err real_size(struct env *e, struct env_file *f, uint64_t *out) {
    (void)e;
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return failed("size", "of a file in the data directory");
    *out = (uint64_t)st.st_size;
    return OK;
}

static enum err real_truncate(struct env *e, struct env_file *f, uint64_t size) {
    (void)e;
    int rc;
    do
        rc = ftruncate(f->fd, (off_t)size);
    while (rc != 0 && errno == EINTR);
    if (rc != 0)
        return failed("truncate", "a file in the data directory");
    f->end = size;
    return OK;
}

static enum err real_zero_fill(struct env *e, struct env_file *f, uint64_t from, uint64_t size) {
    static const uint8_t zeroes[16 * 1024];
    struct slice v[16];
    while (from < size) {
        size_t n = 0;
        uint64_t at = from;
        while (n < 16 && at < size) {
            size_t piece = size - at < sizeof zeroes ? (size_t)(size - at) : sizeof zeroes;
            v[n++] = slice_of(zeroes, piece);
            at += piece;
        }
        enum err result = real_write(e, f, from, v, n);
        if (result != OK)
            return result;
        from = at;
    }
    return OK;
}

/* ---- directory entries ---- */

static enum err real_mkdir(struct env *e, const char *path) {
    int dir = real_of(e)->dir_fd;
    if (mkdirat(dir, path, 0700) == 0)
        return OK;
    if (errno != EEXIST)
        return failed("mkdir", path);
    struct stat st;
    if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return OK;
    return ERR_EXISTS;
}

static enum err real_rename(struct env *e, const char *from, const char *to) {
    int dir = real_of(e)->dir_fd;
    return renameat(dir, from, dir, to) == 0 ? OK : failed("rename", from);
}

struct close_job {
    struct job job;
    int fd;
};

static void close_run(struct job *j) {
    close(((struct close_job *)j)->fd);
}

static void close_done(struct job *j) {
    free(j);
}

/* The name goes at once, so that it can be used again; freeing a large file's
 * blocks takes long and happens with its last descriptor, in the background. */
static enum err real_unlink(struct env *e, const char *path) {
    struct env_real *r = real_of(e);
    int fd = openat(r->dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    bool large = fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 1024 * 1024;
    enum err result = unlinkat(r->dir_fd, path, 0) == 0 ? OK : failed("unlink", path);
    if (large) {
        struct close_job *c = mem_zalloc(sizeof *c);
        c->job.run = close_run;
        c->job.done = close_done;
        c->fd = fd;
        jobs_post(r->jobs, r->reader, &c->job);
    } else if (fd >= 0) {
        close(fd);
    }
    return result;
}

static enum err real_rmdir(struct env *e, const char *path) {
    return unlinkat(real_of(e)->dir_fd, path, AT_REMOVEDIR) == 0 ? OK : failed("rmdir", path);
}

static enum err real_list(struct env *e, const char *path, env_list_fn *each, void *ctx) {
    const char *name = *path != '\0' ? path : ".";
    int fd = openat(real_of(e)->dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return failed("list", name);
    DIR *d = fdopendir(fd);
    if (d == NULL) {
        enum err result = failed("list", name);
        close(fd);
        return result;
    }
    bool top = strcmp(name, ".") == 0;
    struct dirent *entry;
    while (errno = 0, (entry = readdir(d)) != NULL) {
        const char *s = entry->d_name;
        if (strcmp(s, ".") == 0 || strcmp(s, "..") == 0 || (top && env_real_is_own(s)))
            continue;
        bool is_dir = entry->d_type == DT_DIR;
        if (entry->d_type == DT_UNKNOWN) {
            struct stat st;
            is_dir = fstatat(fd, s, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
        }
        each(ctx, s, is_dir);
    }
    enum err result = errno == 0 ? OK : failed("list", name);
    closedir(d);
    return result;
}

static enum err real_free_bytes(struct env *e, uint64_t *available, uint64_t *total) {
    struct statvfs s;
    if (fstatvfs(real_of(e)->dir_fd, &s) != 0)
        return failed("statvfs", "the data directory");
    *available = (uint64_t)s.f_bavail * s.f_frsize;
    *total = (uint64_t)s.f_blocks * s.f_frsize;
    return OK;
}

/* ---- syncs ---- */

static enum err sync_fd(int fd, bool data_only, const char *what) {
    int rc;
    do
        rc = data_only ? fdatasync(fd) : fsync(fd);
    while (rc != 0 && errno == EINTR);
    if (rc == 0)
        return OK;
    failed("sync", what);
    return ERR_IO; /* ENOSPC too: what a failed sync lost is not known */
}

/* Begins what a sync will wait for.  With all files of a sync under way before the first
 * is waited for, what each needs of the file system's journal is in one transaction. */
static enum err write_out(int fd, const char *what) {
#ifdef HAVE_SYNC_FILE_RANGE
    if (sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE) != 0 && errno != EINVAL && errno != ENOSYS && errno != EINTR) {
        failed("write out", what);
        return ERR_IO; /* perhaps the sync would not hear of it again */
    }
#else
    (void)fd, (void)what;
#endif
    return OK;
}

static enum err sync_dir(int dir_fd, const char *path) {
    const char *name = *path != '\0' ? path : ".";
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        failed("open for sync", name);
        return ERR_IO;
    }
    enum err result = sync_fd(fd, false, name);
    close(fd);
    return result;
}

static enum err real_sync_now(struct env *e, struct env_file *f, const char *dir) {
    enum err result = OK;
    if (f != NULL)
        result = sync_fd(f->fd, false, "a file");
    if (result == OK && dir != NULL)
        result = sync_dir(real_of(e)->dir_fd, dir);
    return result;
}

struct sync_job {
    struct job job;
    struct env_real *env;
    struct env_sync *sync;
    enum err result;
};

static void sync_run(struct job *j) {
    struct sync_job *s = (struct sync_job *)j;
    const struct env_sync *what = s->sync;
    enum err result = OK;
    for (size_t i = 0; i < what->n_files && what->n_files > 1 && result == OK; i++)
        result = write_out(what->files[i]->fd, "a file");
    for (size_t i = 0; i < what->n_files && result == OK; i++)
        result = sync_fd(what->files[i]->fd, what->data_only, "a file");
    for (size_t i = 0; i < what->n_dirs && result == OK; i++)
        result = sync_dir(s->env->dir_fd, what->dirs[i]);
    s->result = result;
}

static void sync_done(struct job *j) {
    struct sync_job *s = (struct sync_job *)j;
    struct env_sync *what = s->sync;
    enum err result = s->result;
    free(s);
    what->env_private = NULL;
    for (size_t i = 0; i < what->n_files; i++) {
        what->files[i]->jobs--;
        file_release(what->files[i]);
    }
    what->done(what, result, what->ctx);
}

static void real_sync(struct env *e, struct env_sync *what) {
    struct env_real *r = real_of(e);
    weir_assert(what->n_files <= ENV_SYNC_MAX && what->n_dirs <= ENV_SYNC_MAX);
    struct sync_job *s = mem_zalloc(sizeof *s);
    s->job.run = sync_run;
    s->job.done = sync_done;
    s->env = r;
    s->sync = what;
    what->env_private = s;
    for (size_t i = 0; i < what->n_files; i++)
        what->files[i]->jobs++;
    jobs_post(r->jobs, what->background ? r->slow : r->syncer, &s->job);
}

/* ---- warm reads ---- */

struct warm_job {
    struct job job;
    struct env_warm *warm;
};

static void warm_run(struct job *j) {
    const struct env_warm *w = ((struct warm_job *)j)->warm;
    uint8_t sink[64 * 1024]; /* the stack of a worker has room; as __thread every thread would pay for it */
    uint64_t at = w->offset, end = w->offset + w->n;
    posix_fadvise(w->file->fd, (off_t)at, (off_t)w->n, POSIX_FADV_WILLNEED);
    while (at < end) {
        size_t n = end - at < sizeof sink ? (size_t)(end - at) : sizeof sink;
        ssize_t got = pread(w->file->fd, sink, n, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break; /* the read that follows says what is wrong */
        at += (uint64_t)got;
    }
}

static void warm_done(struct job *j) {
    struct env_warm *w = ((struct warm_job *)j)->warm;
    free(j);
    w->env_private = NULL;
    w->file->jobs--;
    file_release(w->file);
    w->done(w, w->ctx);
}

static void real_warm(struct env *e, struct env_warm *w) {
    struct env_real *r = real_of(e);
    struct warm_job *j = mem_zalloc(sizeof *j);
    j->job.run = warm_run;
    j->job.done = warm_done;
    j->warm = w;
    w->env_private = j;
    w->file->jobs++;
    jobs_post(r->jobs, r->reader, &j->job);
}

struct env *env_real_new(uv_loop_t *loop, int dir_fd) {
    struct env_real *r = mem_zalloc(sizeof *r);
    r->env = (struct env){
        .wall_ms = real_wall_ms, .mono_us = real_mono_us, .random = real_random,
        .open = real_open, .close = real_close, .write = real_write, .read = real_read,
        .size = real_size, .truncate = real_truncate, .zero_fill = real_zero_fill,
        .mkdir = real_mkdir, .rename = real_rename, .unlink = real_unlink, .rmdir = real_rmdir,
        .list = real_list, .free_bytes = real_free_bytes,
        .sync_now = real_sync_now, .sync = real_sync, .warm = real_warm,
    };
    r->dir_fd = dir_fd;
    r->jobs = jobs_new(loop);
    r->syncer = jobs_worker(r->jobs, "weir-sync");
    r->slow = jobs_worker(r->jobs, "weir-checkpoint");
    r->reader = jobs_worker(r->jobs, "weir-reader");
    return &r->env;
}

void env_real_free(struct env *env) {
    struct env_real *r = real_of(env);
    jobs_free(r->jobs);
    close(r->dir_fd);
    free(r);
}

size_t env_real_pending(const struct env *env) {
    return jobs_pending(((const struct env_real *)env)->jobs);
}

void env_real_drain(struct env *env) {
    jobs_drain(real_of(env)->jobs);
}
