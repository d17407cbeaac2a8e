/* A simulated world for core/store and core/broker: a disk that forgets what was
 * not synced, a clock that moves when told to, randomness from a seed.  The same
 * seed and the same calls give the same trace.
 *
 *     struct env_sim *sim = env_sim_new(42);
 *     struct store *st;
 *     enum err e = store_open(&st, &sim->env, &config, &events, NULL, &error);
 *     store_append(log, batch, n, &result);
 *     store_flush(st);                  // starts a sync ...
 *     env_sim_run_until_idle(sim);      // ... which ends here: events.durable
 *     store_close(st, true);            // the process dies (first),
 *     env_sim_crash(sim, 7);            // the power too
 *     e = store_open(&st, &sim->env, ...);   // what is there now?
 *     store_close(st, false);
 *     env_sim_free(sim);
 *
 * The disk, stricter than ext4:
 * - A write goes to the page cache: readers see it at once.  It is durable only
 *   once a sync of that file that was started after it has ended well; so is the
 *   file's size.  Per 512-byte sector.
 * - A new, renamed or unlinked name is durable after a sync of its directory; a
 *   synced file whose name was not synced is gone after a crash, and so is all
 *   under a directory whose own name was not.
 * - At a crash each sector that is not durable is, independently, the new bytes,
 *   the old bytes, half and half, or (where the file had grown) zeroes; the size
 *   is the old, the new or between; each name is the old or the new.  A rename
 *   happens whole or not at all.  Bytes that a rewrite left as they were survive.
 * - A failed sync made some of it durable, and a later sync of the same bytes
 *   says OK and does nothing (as Linux does).
 * Syncs and warms end in env_sim_step(), in the order of seeded delays. */
#ifndef WEIR_TESTS_ENV_SIM_H
#define WEIR_TESTS_ENV_SIM_H

#include "core/base/env.h"
#include "core/base/mem.h"
#include "tests/unit/random.h"

struct sim_disk;
struct sim_job;

enum env_sim_op {
    ENV_SIM_OPEN, ENV_SIM_CLOSE, ENV_SIM_WRITE, ENV_SIM_READ, ENV_SIM_SIZE, ENV_SIM_TRUNCATE, ENV_SIM_MKDIR,
    ENV_SIM_RENAME, ENV_SIM_UNLINK, ENV_SIM_RMDIR, ENV_SIM_LIST, ENV_SIM_SYNC, ENV_SIM_WARM, ENV_SIM_OPS
};
struct env_sim_fault {
    uint64_t after;            /* how many more go well; UINT64_MAX: off */
    uint64_t count;            /* then so many fail */
    enum err result;
};
struct env_sim {
    struct env env;            /* first: hand out &sim->env */
    struct sim_disk *disk;
    struct random random;      /* of the disk's decisions and delays */
    struct random entropy;     /* of env->random */
    int64_t now_us;            /* mono */
    int64_t wall_offset_ms;    /* wall = mono + this */
    int64_t sync_min_us, sync_max_us, warm_min_us, warm_max_us;
    struct sim_job *jobs;      /* in flight */
    struct env_file *files;    /* every handle not closed yet */
    struct env_sim_fault faults[ENV_SIM_OPS];
    uint64_t count[ENV_SIM_OPS];   /* calls so far */
    uint64_t bytes_written, bytes_read;
    uint64_t ops;              /* calls that ask the disk, all kinds */
    uint64_t crash_at;         /* the op that crashes; UINT64_MAX: never */
    bool crashed;
    uint64_t trace;
    uint64_t job_seq;
    unsigned cold_per_1024;    /* chance that ENV_READ_NOWAIT says ERR_AGAIN */
    bool print;                /* every op to stderr; also WEIR_SIM_TRACE=1 in the environment */
};

struct env_sim *env_sim_new(uint64_t seed);
/* Ends what is in flight with ERR_IO, then frees all, open handles too. */
void env_sim_free(struct env_sim *s);

/* ---- time ---- */
/* Ends the operation in flight that is due first, moving the clock to it.  false: none. */
bool env_sim_step(struct env_sim *s);
/* Steps until nothing is in flight; returns how many ended. */
size_t env_sim_run_until_idle(struct env_sim *s);
/* Moves both clocks on; what falls due on the way ends. */
void env_sim_advance(struct env_sim *s, int64_t us);
void env_sim_set_wall(struct env_sim *s, int64_t wall_ms);   /* wall clock only, may jump back */
int64_t env_sim_next_due(const struct env_sim *s);           /* INT64_MAX: nothing in flight */
size_t env_sim_in_flight(const struct env_sim *s);

/* ---- the end of the process, of the power ---- */
/* Close the store with crash = true first: what is in flight then ends with ERR_IO
 * so that its owners can free themselves.  Handles still open give ERR_IO for ever. */
void env_sim_crash(struct env_sim *s, uint64_t seed);
/* kill -9: what was written stays readable but is no more durable than before. */
void env_sim_kill(struct env_sim *s);
/* The nth op from now (1: the next) and all after it fail with ERR_IO, nothing in
 * flight ends any more, until env_sim_crash or env_sim_kill. 0: never. */
void env_sim_crash_after(struct env_sim *s, uint64_t nth);

/* ---- faults ---- */
/* The nth call of this kind from now (1: the next) and count - 1 after it fail. */
void env_sim_fail(struct env_sim *s, enum env_sim_op op, uint64_t nth, uint64_t count, enum err result);
void env_sim_heal(struct env_sim *s);                        /* no faults any more */
/* Room for so many more bytes from now on. */
void env_sim_set_free_bytes(struct env_sim *s, uint64_t bytes);
/* Nothing is in the page cache: ENV_READ_NOWAIT says ERR_AGAIN until a warm or a waiting read of that file. */
void env_sim_evict(struct env_sim *s);

/* ---- looking and meddling from outside; not ops, not in the trace ---- */
uint64_t env_sim_trace(const struct env_sim *s);             /* hash of all ops and their results so far */
bool env_sim_exists(struct env_sim *s, const char *path);
/* Current bytes, valid until the file changes; null: not there. */
struct slice env_sim_bytes(struct env_sim *s, const char *path);
/* Makes or replaces a file, and the directories on the way, durably. */
void env_sim_put(struct env_sim *s, const char *path, struct slice bytes);
/* Rot: flips bits of a durable byte. */
void env_sim_flip(struct env_sim *s, const char *path, uint64_t offset, uint8_t mask);
/* Hash over every name and byte, as it stands now: "nothing was touched". */
uint64_t env_sim_digest(struct env_sim *s);
size_t env_sim_open_files(const struct env_sim *s);

#endif
