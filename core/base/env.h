/* The world as core/store and core/broker see it: clock, randomness, files.
 *
 * Those two layers make no system call; they are handed a struct env.  The real
 * one is core/net/env_real.c; the simulated one is tests/sim/env_sim.c (fake
 * disk that loses what was not synced, fake clock, seed).  One thread owns an
 * env and everything that uses it; completions (sync, warm) arrive on that
 * thread, never from inside the call that started them.
 *
 * Paths are relative to the data directory, '/' separated.  A path's parent is
 * made with env->mkdir first.  Durability, as on a real file system: bytes and
 * size of a file are durable after a sync of that file; the entry of a new,
 * renamed or unlinked file after a sync of its directory. */
#ifndef WEIR_BASE_ENV_H
#define WEIR_BASE_ENV_H

#include "core/base/error.h"
#include "core/base/slice.h"

struct env;
struct env_file; /* the env's own */

enum env_open_flags {
    ENV_READ = 0,
    ENV_WRITE = 1,
    ENV_CREATE = 2,   /* with ENV_WRITE: make it if it is not there */
    ENV_EXCL = 4,     /* with ENV_CREATE: ERR_EXISTS if it is */
};
enum env_read_mode {
    ENV_READ_WAIT,    /* may block on the disk: start-up and background only */
    ENV_READ_NOWAIT,  /* page cache only; ERR_AGAIN otherwise */
};

/* A sync of several files and directories; completes once, on the loop. */
#define ENV_SYNC_MAX 64
struct env_sync {
    struct env_file *files[ENV_SYNC_MAX];
    size_t n_files;
    const char *dirs[ENV_SYNC_MAX];   /* caller's strings, alive until done */
    size_t n_dirs;
    bool data_only;                   /* fdatasync instead of fsync (files; directories are always synced whole) */
    bool background;                  /* not urgent: must not hold up a sync that is not */
    void (*done)(struct env_sync *s, enum err result, void *ctx);
    void *ctx;
    void *env_private;
};

/* Brings a cold range into the page cache in the background, then calls done. */
struct env_warm {
    struct env_file *file;
    uint64_t offset;
    size_t n;
    void (*done)(struct env_warm *w, void *ctx);
    void *ctx;
    void *env_private;
};

typedef void env_list_fn(void *ctx, const char *name, bool is_dir);

struct env {
    int64_t (*wall_ms)(struct env *e);            /* Unix time, may jump */
    int64_t (*mono_us)(struct env *e);            /* never goes back */
    void (*random)(struct env *e, void *p, size_t n);

    enum err (*open)(struct env *e, const char *path, int flags, struct env_file **out);
    void (*close)(struct env *e, struct env_file *f);   /* errors of close were sync's business */
    /* Whole or an error: short writes are the env's to finish or to undo.  Page cache; returns at once. */
    enum err (*write)(struct env *e, struct env_file *f, uint64_t offset, const struct slice *v, size_t n);
    /* *got < n only at the end of the file. */
    enum err (*read)(struct env *e, struct env_file *f, uint64_t offset, void *p, size_t n, size_t *got,
                     enum env_read_mode mode);
    enum err (*size)(struct env *e, struct env_file *f, uint64_t *out);
    enum err (*truncate)(struct env *e, struct env_file *f, uint64_t size);
    /* Real blocks of zeroes up to size, so that later overwrites change no extent. */
    enum err (*zero_fill)(struct env *e, struct env_file *f, uint64_t from, uint64_t size);
    enum err (*mkdir)(struct env *e, const char *path);         /* OK when it is there */
    enum err (*rename)(struct env *e, const char *from, const char *to);
    enum err (*unlink)(struct env *e, const char *path);        /* may finish in the background */
    enum err (*rmdir)(struct env *e, const char *path);
    enum err (*list)(struct env *e, const char *path, env_list_fn *each, void *ctx);
    enum err (*free_bytes)(struct env *e, uint64_t *available, uint64_t *total);
    /* Blocking form, for start-up and clean shutdown only. */
    enum err (*sync_now)(struct env *e, struct env_file *f_or_null, const char *dir_or_null);
    void (*sync)(struct env *e, struct env_sync *s);            /* asynchronous */
    void (*warm)(struct env *e, struct env_warm *w);            /* asynchronous */
};

#endif
