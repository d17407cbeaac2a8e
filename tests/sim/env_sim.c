/* The functions of struct env over the simulated disk; see env_sim.h.
 *
 * Every op goes through op_begin: it counts, hashes, and decides whether a fault
 * or the crash strikes.  Jobs (syncs, warms) wait in one list until env_sim_step
 * takes the one that is due first. */
#include "tests/sim/env_sim.h"
#include "tests/sim/sim_disk.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct env_file {
    struct sim_node *node;     /* NULL: the process or the power died under it */
    struct env_file *next, *prev;
    bool writable, closed;
    unsigned jobs;             /* in flight; the last one frees a closed file */
    uint64_t warm_from, warm_to;
};
struct sim_job {
    int64_t due_us;
    uint64_t seq;
    struct env_sync *sync;     /* one of the two */
    struct env_warm *warm;
    struct sim_capture *captures;
    struct env_file **files;
    size_t n, n_files;
    enum err result;
    struct sim_job *next;
};

static struct env_sim *sim_of(struct env *e) {
    return (struct env_sim *)e;
}

/* ---- trace ---- */

static const char *const op_names[ENV_SIM_OPS] = {
    "open", "close", "write", "read", "size", "truncate", "mkdir", "rename", "unlink", "rmdir", "list", "sync", "warm",
};

static void trace_bytes(struct env_sim *s, const void *p, size_t n) {
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        s->trace = (s->trace ^ b[i]) * UINT64_C(0x100000001b3);
}

static void trace(struct env_sim *s, const char *what, const char *path, uint64_t a, uint64_t b, uint64_t c) {
    uint64_t v[3] = {a, b, c};
    trace_bytes(s, what, strlen(what));
    trace_bytes(s, path, strlen(path));
    trace_bytes(s, v, sizeof v);
    if (s->print)
        fprintf(stderr, "sim %6" PRIu64 " %-8s %-28s %" PRIu64 " %" PRIu64 " %" PRIx64 "\n", s->ops, what, path, a, b,
                c);
}

enum verdict { GO, FAIL, DIE };

/* GO; FAIL: *result is the answer; DIE: the crash is now, and the op may have happened. */
static enum verdict op_begin(struct env_sim *s, enum env_sim_op op, const char *path, uint64_t a, uint64_t b,
                             uint64_t c, enum err *result) {
    s->ops++;
    s->count[op]++;
    trace(s, op_names[op], path, a, b, c);
    *result = ERR_IO;
    if (s->crashed)
        return FAIL;
    if (s->ops >= s->crash_at) {
        s->crashed = true;
        trace(s, "crash", "", s->ops, 0, 0);
        return random_next(&s->random) % 2 == 0 ? DIE : FAIL;
    }
    struct env_sim_fault *f = &s->faults[op];
    if (f->after == UINT64_MAX)
        return GO;
    if (f->after > 0) {
        f->after--;
        return GO;
    }
    *result = f->result;
    if (--f->count == 0)
        f->after = UINT64_MAX;
    trace(s, "fault", op_names[op], (uint64_t)f->result, 0, 0);
    return FAIL;
}

static const char *file_name(const struct env_file *f, char out[24]) {
    if (f->node == NULL)
        return "dead";
    snprintf(out, 24, "#%" PRIu64, f->node->id);
    return out;
}

static enum verdict file_begin(struct env_sim *s, enum env_sim_op op, struct env_file *f, uint64_t a, uint64_t b,
                               uint64_t c, enum err *result) {
    char name[24];
    weir_assert(!f->closed);
    enum verdict v = op_begin(s, op, file_name(f, name), a, b, c, result);
    if (f->node == NULL) {
        *result = ERR_IO;
        return FAIL;
    }
    return v;
}

/* ---- clock and randomness ---- */

static int64_t sim_wall_ms(struct env *e) {
    return sim_of(e)->now_us / 1000 + sim_of(e)->wall_offset_ms;
}

static int64_t sim_mono_us(struct env *e) {
    return sim_of(e)->now_us;
}

static void sim_random(struct env *e, void *p, size_t n) {
    uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        b[i] = (uint8_t)random_next(&sim_of(e)->entropy);
}

/* ---- files ---- */

static enum err sim_open(struct env *e, const char *path, int flags, struct env_file **out) {
    struct env_sim *s = sim_of(e);
    struct sim_node *parent;
    const char *leaf;
    enum err result;
    enum verdict v = op_begin(s, ENV_SIM_OPEN, path, (uint64_t)flags, 0, 0, &result);
    if (v == FAIL)
        return result;
    struct sim_node *n = sim_disk_find(s->disk, path, &parent, &leaf);
    if (n != NULL && n->is_dir)
        return ERR_IO;
    if (n != NULL && (flags & ENV_EXCL))
        return ERR_EXISTS;
    if (n == NULL && (!(flags & ENV_CREATE) || parent == NULL))
        return ERR_NOT_FOUND;
    if (n == NULL)
        n = sim_disk_make(s->disk, parent, leaf, false);
    if (v == DIE)
        return ERR_IO;
    struct env_file *f = mem_zalloc(sizeof *f);
    f->node = n;
    f->writable = (flags & ENV_WRITE) != 0;
    sim_node_hold(s->disk, n);
    f->next = s->files;
    if (f->next != NULL)
        f->next->prev = f;
    s->files = f;
    *out = f;
    return OK;
}

static void file_die(struct env_sim *s, struct env_file *f) {
    if (f->node != NULL)
        sim_node_release(s->disk, f->node);
    f->node = NULL;
}

static void file_release(struct env_sim *s, struct env_file *f) {
    if (!f->closed || f->jobs > 0)
        return;
    file_die(s, f);
    if (f->prev != NULL)
        f->prev->next = f->next;
    else
        s->files = f->next;
    if (f->next != NULL)
        f->next->prev = f->prev;
    free(f);
}

static void sim_close(struct env *e, struct env_file *f) {
    if (f == NULL)
        return;
    struct env_sim *s = sim_of(e);
    char name[24];
    weir_assert(!f->closed);
    s->count[ENV_SIM_CLOSE]++;
    trace(s, "close", file_name(f, name), 0, 0, 0);
    f->closed = true;
    file_release(s, f);
}

static enum err sim_write(struct env *e, struct env_file *f, uint64_t offset, const struct slice *v, size_t n) {
    struct env_sim *s = sim_of(e);
    size_t total = 0;
    uint32_t crc = 0;
    for (size_t i = 0; i < n; i++) {
        total += v[i].n;
        crc = v[i].n > 0 ? crc32c(crc, v[i].p, v[i].n) : crc;
    }
    enum err result;
    enum verdict verdict = file_begin(s, ENV_SIM_WRITE, f, offset, total, crc, &result);
    if (verdict == FAIL)
        return result;
    weir_assert(f->writable);
    if (total > 0 && offset + total > f->node->size && !sim_disk_resize(s->disk, f->node, offset + total)) {
        trace(s, "full", "", total, 0, 0);
        return ERR_NO_SPACE;
    }
    for (size_t i = 0; i < n; i++) {
        weir_assert(sim_disk_write(s->disk, f->node, offset, v[i].p, v[i].n));
        offset += v[i].n;
    }
    s->bytes_written += total;
    return verdict == DIE ? ERR_IO : OK;
}

static bool is_cold(struct env_sim *s, struct env_file *f, uint64_t offset, size_t n) {
    if (f->node->cold)
        return true;
    bool warm = offset >= f->warm_from && offset + n <= f->warm_to;
    if (s->cold_per_1024 == 0 || random_below(&s->random, 1024) >= s->cold_per_1024)
        return false;
    if (!warm)
        return true;
    /* Warmed ranges are left alone mostly, so that who waits gets on. */
    if (random_below(&s->random, 4) == 0)
        f->warm_from = f->warm_to = 0;
    return false;
}

static enum err sim_read(struct env *e, struct env_file *f, uint64_t offset, void *p, size_t n, size_t *got,
                         enum env_read_mode mode) {
    struct env_sim *s = sim_of(e);
    enum err result;
    *got = 0;
    if (file_begin(s, ENV_SIM_READ, f, offset, n, mode, &result) != GO)
        return result;
    if (mode == ENV_READ_NOWAIT && is_cold(s, f, offset, n)) {
        trace(s, "again", "", offset, n, 0);
        return ERR_AGAIN;
    }
    f->node->cold = false;
    if (offset < f->node->size) {
        uint64_t left = f->node->size - offset;
        *got = left < n ? (size_t)left : n;
        memcpy(p, f->node->bytes + offset, *got);
    }
    s->bytes_read += *got;
    return OK;
}

static enum err sim_size(struct env *e, struct env_file *f, uint64_t *out) {
    enum err result;
    if (file_begin(sim_of(e), ENV_SIM_SIZE, f, 0, 0, 0, &result) != GO)
        return result;
    *out = f->node->size;
    return OK;
}

static enum err sim_truncate(struct env *e, struct env_file *f, uint64_t size) {
    struct env_sim *s = sim_of(e);
    enum err result;
    enum verdict v = file_begin(s, ENV_SIM_TRUNCATE, f, size, 0, 0, &result);
    if (v == FAIL)
        return result;
    weir_assert(f->writable);
    if (!sim_disk_resize(s->disk, f->node, size))
        return ERR_NO_SPACE;
    return v == DIE ? ERR_IO : OK;
}

static enum err sim_zero_fill(struct env *e, struct env_file *f, uint64_t from, uint64_t size) {
    struct env_sim *s = sim_of(e);
    if (from >= size)
        return OK;
    enum err result;
    enum verdict v = file_begin(s, ENV_SIM_WRITE, f, from, size - from, 0, &result);
    if (v == FAIL)
        return result;
    weir_assert(f->writable);
    if (size > f->node->size && !sim_disk_resize(s->disk, f->node, size))
        return ERR_NO_SPACE;
    uint8_t *zeroes = mem_zalloc((size_t)(size - from));
    weir_assert(sim_disk_write(s->disk, f->node, from, zeroes, (size_t)(size - from)));
    free(zeroes);
    s->bytes_written += size - from;
    return v == DIE ? ERR_IO : OK;
}

/* ---- names ---- */

static enum err sim_mkdir(struct env *e, const char *path) {
    struct env_sim *s = sim_of(e);
    struct sim_node *parent;
    const char *leaf;
    enum err result;
    enum verdict v = op_begin(s, ENV_SIM_MKDIR, path, 0, 0, 0, &result);
    if (v == FAIL)
        return result;
    struct sim_node *n = sim_disk_find(s->disk, path, &parent, &leaf);
    if (n != NULL)
        return n->is_dir ? OK : ERR_EXISTS;
    if (parent == NULL)
        return ERR_NOT_FOUND;
    sim_disk_make(s->disk, parent, leaf, true);
    return v == DIE ? ERR_IO : OK;
}

static enum err sim_rename(struct env *e, const char *from, const char *to) {
    struct env_sim *s = sim_of(e);
    struct sim_node *from_dir, *to_dir;
    const char *from_leaf, *to_leaf;
    enum err result;
    enum verdict v = op_begin(s, ENV_SIM_RENAME, from, crc32c(0, to, strlen(to)), 0, 0, &result);
    if (v == FAIL)
        return result;
    struct sim_node *n = sim_disk_find(s->disk, from, &from_dir, &from_leaf);
    struct sim_node *old = sim_disk_find(s->disk, to, &to_dir, &to_leaf);
    if (n == NULL || to_dir == NULL || from_dir == NULL)
        return ERR_NOT_FOUND;
    if (old != NULL && old->is_dir)
        return ERR_EXISTS;
    sim_disk_rename(s->disk, from_dir, from_leaf, to_dir, to_leaf);
    return v == DIE ? ERR_IO : OK;
}

static enum err remove_name(struct env_sim *s, enum env_sim_op op, const char *path, bool is_dir) {
    struct sim_node *parent;
    const char *leaf;
    enum err result;
    enum verdict v = op_begin(s, op, path, 0, 0, 0, &result);
    if (v == FAIL)
        return result;
    struct sim_node *n = sim_disk_find(s->disk, path, &parent, &leaf);
    if (n == NULL)
        return ERR_NOT_FOUND;
    if (n->is_dir != is_dir || parent == NULL)
        return ERR_IO;
    if (is_dir && n->names != NULL)
        return ERR_EXISTS;
    sim_disk_unlink(s->disk, parent, leaf);
    return v == DIE ? ERR_IO : OK;
}

static enum err sim_unlink(struct env *e, const char *path) {
    return remove_name(sim_of(e), ENV_SIM_UNLINK, path, false);
}

static enum err sim_rmdir(struct env *e, const char *path) {
    return remove_name(sim_of(e), ENV_SIM_RMDIR, path, true);
}

/* In seeded disorder, as directories are; `each` may change the directory. */
static enum err sim_list(struct env *e, const char *path, env_list_fn *each, void *ctx) {
    struct env_sim *s = sim_of(e);
    enum err result;
    if (op_begin(s, ENV_SIM_LIST, path, 0, 0, 0, &result) != GO)
        return result;
    struct sim_node *dir = sim_disk_find(s->disk, path, NULL, NULL);
    if (dir == NULL || !dir->is_dir)
        return ERR_NOT_FOUND;
    size_t n = HASH_COUNT(dir->names), at = 0;
    struct { char *name; bool is_dir; } *all = mem_alloc((n + 1) * sizeof *all);
    for (struct sim_name *x = dir->names; x != NULL; x = x->hh.next, at++) {
        size_t k = random_below(&s->random, at + 1);
        all[at] = all[k];
        all[k].name = mem_strdup(x->name);
        all[k].is_dir = x->node->is_dir;
    }
    for (size_t i = 0; i < n; i++) {
        each(ctx, all[i].name, all[i].is_dir);
        free(all[i].name);
    }
    free(all);
    return OK;
}

static enum err sim_free_bytes(struct env *e, uint64_t *available, uint64_t *total) {
    const struct sim_disk *d = sim_of(e)->disk;
    *available = d->total > d->used ? d->total - d->used : 0;
    *total = d->total;
    return sim_of(e)->crashed ? ERR_IO : OK;
}

/* ---- syncs and warms ---- */

static enum err sim_sync_now(struct env *e, struct env_file *f, const char *dir) {
    struct env_sim *s = sim_of(e);
    char name[24];
    enum err result;
    const char *what = dir != NULL ? dir : file_name(f, name);
    enum verdict v = op_begin(s, ENV_SIM_SYNC, what, f != NULL, dir != NULL, 0, &result);
    struct sim_node *nodes[2] = {f != NULL ? f->node : NULL, NULL};
    if (dir != NULL)
        nodes[1] = sim_disk_find(s->disk, dir, NULL, NULL);
    if ((f != NULL && nodes[0] == NULL) || (dir != NULL && nodes[1] == NULL))
        return ERR_IO;
    for (size_t i = 0; i < 2 && !(s->crashed && v == FAIL); i++)
        if (nodes[i] != NULL) {
            struct sim_capture c;
            sim_capture_take(s->disk, nodes[i], &c);
            sim_capture_land(s->disk, &c, v == FAIL ? &s->random : NULL);
            sim_capture_free(s->disk, &c);
        }
    return v == GO ? OK : result;
}

static struct sim_job *job_new(struct env_sim *s, int64_t min_us, int64_t max_us) {
    struct sim_job *j = mem_zalloc(sizeof *j);
    j->due_us = s->now_us + min_us + (int64_t)random_below(&s->random, (size_t)(max_us - min_us) + 1);
    j->seq = ++s->job_seq;
    struct sim_job **at = &s->jobs;
    while (*at != NULL && (*at)->due_us <= j->due_us)
        at = &(*at)->next;
    j->next = *at;
    *at = j;
    return j;
}

static void job_file(struct sim_job *j, struct env_file *f) {
    weir_assert(!f->closed);
    j->files[j->n_files++] = f;
    f->jobs++;
}

static void sim_sync(struct env *e, struct env_sync *what) {
    struct env_sim *s = sim_of(e);
    weir_assert(what->n_files <= ENV_SYNC_MAX && what->n_dirs <= ENV_SYNC_MAX);
    struct sim_job *j = job_new(s, s->sync_min_us, s->sync_max_us);
    enum err result;
    enum verdict v = op_begin(s, ENV_SIM_SYNC, what->n_dirs > 0 ? what->dirs[0] : "", what->n_files, what->n_dirs,
                              j->seq, &result);
    j->sync = what;
    j->result = v == GO ? OK : result;
    j->captures = mem_zalloc((what->n_files + what->n_dirs + 1) * sizeof *j->captures);
    j->files = mem_zalloc((what->n_files + 1) * sizeof *j->files);
    what->env_private = j;
    for (size_t i = 0; i < what->n_files; i++) {
        job_file(j, what->files[i]);
        if (what->files[i]->node != NULL)
            sim_capture_take(s->disk, what->files[i]->node, &j->captures[j->n++]);
        else
            j->result = ERR_IO;
    }
    for (size_t i = 0; i < what->n_dirs; i++) {
        struct sim_node *dir = sim_disk_find(s->disk, what->dirs[i], NULL, NULL);
        if (dir != NULL && dir->is_dir)
            sim_capture_take(s->disk, dir, &j->captures[j->n++]);
        else
            j->result = ERR_IO;
    }
}

static void sim_warm(struct env *e, struct env_warm *w) {
    struct env_sim *s = sim_of(e);
    struct sim_job *j = job_new(s, s->warm_min_us, s->warm_max_us);
    enum err result;
    (void)file_begin(s, ENV_SIM_WARM, w->file, w->offset, w->n, j->seq, &result);
    j->warm = w;
    j->files = mem_zalloc(sizeof *j->files);
    job_file(j, w->file);
    w->env_private = j;
}

/* land: the disk did its part; otherwise only the owner hears, of ERR_IO. */
static void job_end(struct env_sim *s, struct sim_job *j, bool land) {
    s->jobs = j->next;
    trace(s, "done", "", j->seq, (uint64_t)j->result, land);
    for (size_t i = 0; i < j->n; i++) {
        if (land)
            sim_capture_land(s->disk, &j->captures[i], j->result == OK ? NULL : &s->random);
        sim_capture_free(s->disk, &j->captures[i]);
    }
    if (j->warm != NULL && j->files[0]->node != NULL) {
        j->files[0]->node->cold = false;
        j->files[0]->warm_from = j->warm->offset;
        j->files[0]->warm_to = j->warm->offset + j->warm->n;
    }
    for (size_t i = 0; i < j->n_files; i++) {
        j->files[i]->jobs--;
        file_release(s, j->files[i]);
    }
    struct env_sync *sync = j->sync;
    struct env_warm *warm = j->warm;
    enum err result = land ? j->result : ERR_IO;
    free(j->captures);
    free(j->files);
    free(j);
    if (sync != NULL) {
        sync->env_private = NULL;
        sync->done(sync, result, sync->ctx);
    } else {
        warm->env_private = NULL;
        warm->done(warm, warm->ctx);
    }
}

/* ---- time ---- */

bool env_sim_step(struct env_sim *s) {
    struct sim_job *j = s->jobs;
    if (j == NULL || s->crashed)
        return false;
    if (s->now_us < j->due_us)
        s->now_us = j->due_us;
    job_end(s, j, true);
    return true;
}

size_t env_sim_run_until_idle(struct env_sim *s) {
    size_t n = 0;
    while (env_sim_step(s))
        n++;
    return n;
}

void env_sim_advance(struct env_sim *s, int64_t us) {
    int64_t until = s->now_us + us;
    while (s->jobs != NULL && s->jobs->due_us <= until && env_sim_step(s))
        ;
    if (s->now_us < until)
        s->now_us = until;
}

void env_sim_set_wall(struct env_sim *s, int64_t wall_ms) {
    s->wall_offset_ms = wall_ms - s->now_us / 1000;
}

int64_t env_sim_next_due(const struct env_sim *s) {
    return s->jobs == NULL || s->crashed ? INT64_MAX : s->jobs->due_us;
}

size_t env_sim_in_flight(const struct env_sim *s) {
    size_t n = 0;
    for (const struct sim_job *j = s->jobs; j != NULL; j = j->next)
        n++;
    return n;
}

/* ---- crash and faults ---- */

static void process_dies(struct env_sim *s) {
    while (s->jobs != NULL)
        job_end(s, s->jobs, false);
    for (struct env_file *f = s->files; f != NULL; f = f->next)
        file_die(s, f);
    s->crashed = false;
    s->crash_at = UINT64_MAX;
}

void env_sim_crash(struct env_sim *s, uint64_t seed) {
    struct random r = {seed};
    trace(s, "power", "", seed, 0, 0);
    s->crashed = true; /* owners of ended jobs write nothing more */
    process_dies(s);
    sim_disk_crash(s->disk, &r);
}

void env_sim_kill(struct env_sim *s) {
    trace(s, "kill", "", 0, 0, 0);
    s->crashed = true;
    process_dies(s);
}

void env_sim_crash_after(struct env_sim *s, uint64_t nth) {
    s->crash_at = nth == 0 ? UINT64_MAX : s->ops + nth;
}

void env_sim_fail(struct env_sim *s, enum env_sim_op op, uint64_t nth, uint64_t count, enum err result) {
    weir_assert(nth > 0 && count > 0);
    s->faults[op] = (struct env_sim_fault){nth - 1, count, result};
}

void env_sim_heal(struct env_sim *s) {
    for (size_t i = 0; i < ENV_SIM_OPS; i++)
        s->faults[i].after = UINT64_MAX;
}

void env_sim_set_free_bytes(struct env_sim *s, uint64_t bytes) {
    s->disk->total = s->disk->used + bytes;
}

void env_sim_evict(struct env_sim *s) {
    for (struct sim_node *n = s->disk->nodes; n != NULL; n = n->next)
        n->cold = true;
}

/* ---- from outside ---- */

uint64_t env_sim_trace(const struct env_sim *s) {
    return s->trace;
}

bool env_sim_exists(struct env_sim *s, const char *path) {
    return sim_disk_find(s->disk, path, NULL, NULL) != NULL;
}

struct slice env_sim_bytes(struct env_sim *s, const char *path) {
    const struct sim_node *n = sim_disk_find(s->disk, path, NULL, NULL);
    if (n == NULL || n->is_dir)
        return SLICE_NULL;
    return slice_of(n->bytes != NULL ? n->bytes : (const uint8_t *)"", (size_t)n->size);
}

static void node_sync(struct env_sim *s, struct sim_node *n) {
    struct sim_capture c;
    sim_capture_take(s->disk, n, &c);
    sim_capture_land(s->disk, &c, NULL);
    sim_capture_free(s->disk, &c);
}

void env_sim_put(struct env_sim *s, const char *path, struct slice bytes) {
    struct sim_node *parent;
    const char *leaf;
    char prefix[512];
    for (size_t i = 0; path[i] != '\0' && i < sizeof prefix - 1; i++) {
        prefix[i] = path[i];
        prefix[i + 1] = '\0';
        if (path[i] != '/')
            continue;
        prefix[i] = '\0';
        if (sim_disk_find(s->disk, prefix, &parent, &leaf) == NULL) {
            weir_assert(parent != NULL);
            sim_disk_make(s->disk, parent, leaf, true);
            node_sync(s, parent);
        }
        prefix[i] = '/';
    }
    struct sim_node *n = sim_disk_find(s->disk, path, &parent, &leaf);
    if (n == NULL)
        n = sim_disk_make(s->disk, parent, leaf, false);
    weir_assert(sim_disk_resize(s->disk, n, 0) && sim_disk_write(s->disk, n, 0, bytes.p, bytes.n));
    node_sync(s, n);
    node_sync(s, parent);
}

void env_sim_flip(struct env_sim *s, const char *path, uint64_t offset, uint8_t mask) {
    struct sim_node *n = sim_disk_find(s->disk, path, NULL, NULL);
    weir_assert(n != NULL && !n->is_dir && offset < n->size);
    n->bytes[offset] = (uint8_t)(n->bytes[offset] ^ mask);
    n->durable[offset] = (uint8_t)(n->durable[offset] ^ mask);
}

static uint64_t digest(const struct sim_node *n) {
    uint64_t h = 0;
    if (!n->is_dir)
        return n->size == 0 ? 1 : n->size * UINT64_C(0x9e3779b97f4a7c15) + crc32c(0, n->bytes, (size_t)n->size);
    for (const struct sim_name *e = n->names; e != NULL; e = e->hh.next) {
        struct random mix = {digest(e->node) ^ ((uint64_t)crc32c(7, e->name, strlen(e->name)) << 32)};
        h += random_next(&mix); /* whatever the order */
    }
    return h;
}

uint64_t env_sim_digest(struct env_sim *s) {
    return digest(s->disk->root);
}

size_t env_sim_open_files(const struct env_sim *s) {
    size_t n = 0;
    for (const struct env_file *f = s->files; f != NULL; f = f->next)
        n += !f->closed;
    return n;
}

/* ---- start and end ---- */

struct env_sim *env_sim_new(uint64_t seed) {
    struct env_sim *s = mem_zalloc(sizeof *s);
    s->env = (struct env){
        .wall_ms = sim_wall_ms, .mono_us = sim_mono_us, .random = sim_random,
        .open = sim_open, .close = sim_close, .write = sim_write, .read = sim_read,
        .size = sim_size, .truncate = sim_truncate, .zero_fill = sim_zero_fill,
        .mkdir = sim_mkdir, .rename = sim_rename, .unlink = sim_unlink, .rmdir = sim_rmdir,
        .list = sim_list, .free_bytes = sim_free_bytes,
        .sync_now = sim_sync_now, .sync = sim_sync, .warm = sim_warm,
    };
    s->disk = sim_disk_new(UINT64_C(1) << 40);
    s->random.state = seed;
    s->entropy.state = ~seed;
    s->now_us = 1000000;
    s->wall_offset_ms = INT64_C(1700000000000);
    s->sync_min_us = 100;
    s->sync_max_us = 2000;
    s->warm_min_us = 50;
    s->warm_max_us = 500;
    s->crash_at = UINT64_MAX;
    s->trace = UINT64_C(0xcbf29ce484222325);
    s->print = getenv("WEIR_SIM_TRACE") != NULL;
    env_sim_heal(s);
    return s;
}

void env_sim_free(struct env_sim *s) {
    s->crashed = true;
    process_dies(s);
    for (struct env_file *f = s->files, *next; f != NULL; f = next) {
        next = f->next;
        free(f);
    }
    sim_disk_free(s->disk);
    free(s);
}
