/* The store against a disk that forgets: random work, crashes at any op, also
 * inside recovery, and an oracle.
 *
 * A ticket is the number of a frame, and a recovered store says which frame was
 * its last (stats.wal_seq).  So after a crash, with `last` that frame and `acked`
 * the durable point before the crash:
 *
 *   last >= acked, and never below what an earlier recovery had shown
 *   map        exactly the state after `last`
 *   topics     dropped exactly if the drop's ticket <= last
 *   log start  exactly the last move with ticket <= last
 *   batches    those with ticket <= last, byte for byte, offsets without gaps;
 *              a log may end earlier only at a large batch that was not acked
 *   producers  the last batch, sent again, is answered as a duplicate
 *
 * With durability "os" a power cut may take all, but what is left is a prefix.
 * Some seeds know only power cuts and sound syncs, but the newest snapshot rots now
 * and then: the one before it and the log must give the same state.
 *
 * WEIR_SEEDS=n runs n seeds, WEIR_SEED=s that seed alone; WEIR_SIM_TRACE=1 prints
 * every op of the disk. */
#include "core/base/log.h"
#include "tests/sim/store_world.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DEFAULT_SEEDS 1000
#define LOGS 6
#define KEYS 8
#define PRODUCERS 2
#define RETIRED UINT64_MAX

struct m_batch {
    uint32_t tag;
    int64_t base;
    int32_t count;
    uint64_t ticket;
    struct slice bytes;          /* as the store patched them; heap */
    int producer;                /* -1: none */
    int32_t sequence;
    bool large;
};
struct m_start {
    int64_t offset;
    uint64_t ticket;
};
struct m_log {
    struct uuid topic;
    struct m_batch *v;
    size_t n, cap;
    struct m_start starts[64];
    size_t n_starts;
    int64_t shown_hw;
    int32_t next_sequence[PRODUCERS];
    uint64_t dropped;            /* ticket; 0: lives */
};
struct m_op {
    uint64_t ticket;
    uint8_t key;
    uint32_t value;              /* 0: deleted */
};
struct run {
    uint64_t seed;
    struct random r;
    struct world w;
    struct m_log *logs;          /* living and dropped; a dropped one stays until its drop is safe */
    size_t n_logs;
    struct m_op *ops;
    size_t n_ops, cap_ops;
    uint32_t next_tag;
    uint8_t next_topic;
    uint64_t last_ticket;
    uint64_t segment_bytes;
    uint64_t acked;              /* the durable point that was shown */
    bool full;
    bool rot;                    /* snapshots rot; no kills, no failed syncs */
    uint64_t rotten;             /* number of the last one that did */
};

static struct totals {
    uint64_t rotten, seeds, crashes, kills, failed_opens, acked, appended, reads, sync_failures, refused;
} totals;
static char repeat[160];

#define fail(run, ...) fail_at(run, __LINE__, __VA_ARGS__)
static _Noreturn WEIR_PRINTF(3, 4) void fail_at(const struct run *run, int line, const char *format, ...) {
    va_list args;
    fprintf(stderr, "seed %" PRIu64 ", line %d, op %" PRIu64 ": ", run->seed, line, run->w.sim->ops);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nagain: %s\n", repeat);
    exit(1);
}
#define check(run, e, ...) \
    do { \
        if (!(e)) \
            fail(run, __VA_ARGS__); \
    } while (0)

static size_t below(struct run *run, size_t n) {
    return random_below(&run->r, n);
}

/* ---- the model ---- */

static struct m_log *model_log(struct run *run) {
    for (;;) {
        struct m_log *l = &run->logs[below(run, run->n_logs)];
        if (l->dropped == 0)
            return l;
    }
}

static int64_t model_end(const struct m_log *l, size_t n) {
    return n == 0 ? 0 : l->v[n - 1].base + l->v[n - 1].count;
}

static int64_t model_start(const struct m_log *l) {
    return l->n_starts == 0 ? 0 : l->starts[l->n_starts - 1].offset;
}

static void model_add_log(struct run *run) {
    run->logs = mem_realloc(run->logs, (run->n_logs + 1) * sizeof *run->logs);
    run->logs[run->n_logs++] = (struct m_log){.topic = world_topic(run->next_topic++)};
}

static void model_cut_batches(struct m_log *l, size_t n) {
    while (l->n > n)
        free((void *)(uintptr_t)l->v[--l->n].bytes.p);
    for (int p = 0; p < PRODUCERS; p++)
        l->next_sequence[p] = 0;
    for (size_t i = 0; i < l->n; i++)
        if (l->v[i].producer >= 0)
            l->next_sequence[l->v[i].producer] = l->v[i].sequence + l->v[i].count;
}

static void model_forget_log(struct run *run, size_t i) {
    model_cut_batches(&run->logs[i], 0);
    free(run->logs[i].v);
    run->logs[i] = run->logs[--run->n_logs];
}

static void spec_of(const struct run *run, const struct m_batch *b, struct batch_spec *spec) {
    (void)run;
    struct random r = {b->tag};
    *spec = (struct batch_spec){
        .tag = b->tag, .count = b->count, .ts = 1000000 + (int64_t)b->tag * 10, .step_ms = 1,
        .has_producer = b->producer >= 0, .producer_id = 7 + b->producer, .sequence = b->sequence,
        .value_bytes = 8 + random_below(&r, b->large ? 3000 : 150),
        .codec = random_below(&r, 4) == 0 ? CODEC_LZ4 : CODEC_NONE,
    };
}

static struct store_log *store_side(struct run *run, const struct m_log *l) {
    struct store_log *log = store_log_get(run->w.st, &l->topic, 0);
    store_log_configure(log, &(struct log_config){
        .segment_bytes = run->segment_bytes, .segment_ms = INT64_MAX / 2, .retention_ms = -1, .retention_bytes = -1,
    });
    return log;
}

/* ---- the oracle ---- */

static void verify_bytes(struct run *run, const struct m_log *l, struct store_log *log, int64_t from, int64_t end) {
    struct buf got = {0};
    bool armed = run->w.sim->faults[ENV_SIM_OPEN].after != UINT64_MAX;
    enum err e = world_read(&run->w, log, from, end, &got);
    if (run->w.sim->crashed || (e != OK && armed)) {
        buf_fini(&got);
        return;
    }
    check(run, e == OK, "read of %" PRId64 "..%" PRId64 ": %s", from, end, err_name(e));
    size_t at = 0;
    for (size_t i = 0; i < l->n && model_end(l, i) < end; i++) {
        const struct m_batch *b = &l->v[i];
        if (b->base + b->count <= from)
            continue;
        check(run, got.n - at >= b->bytes.n && memcmp(got.p + at, b->bytes.p, b->bytes.n) == 0,
              "batch %u at offset %" PRId64 " is not what was appended", b->tag, b->base);
        at += b->bytes.n;
    }
    check(run, at == got.n, "%zu bytes too many", got.n - at);
    buf_fini(&got);
    totals.reads++;
}

static uint64_t log_floor(const struct run *run, const struct m_log *l) {
    uint64_t n = 0;
    while (n < l->n && l->v[n].ticket <= run->acked)
        n++;
    return n;
}

static void verify_log(struct run *run, struct m_log *l, uint64_t last) {
    struct store_log *log = store_log_find(run->w.st, &l->topic, 0);
    if (l->dropped != 0 && l->dropped <= last) {
        check(run, log == NULL, "a dropped topic is there again");
        return;
    }
    l->dropped = 0;
    while (l->n_starts > 0 && l->starts[l->n_starts - 1].ticket > last)
        l->n_starts--;
    size_t floor = log_floor(run, l), most = 0, n = 0;
    while (most < l->n && l->v[most].ticket <= last)
        most++;
    int64_t end = log == NULL ? 0 : store_log_end(log);
    while (n < l->n && model_end(l, n) < end)
        n++;
    if (run->w.config.durability == DURABILITY_OS && end > 0 && end == model_start(l)) {
        /* The start's move may have come through a power cut and the batches below it not: it is left alone. */
        l->dropped = RETIRED;
        return;
    }
    check(run, model_end(l, n) == end, "the log ends at %" PRId64 ", inside or beyond what was appended", end);
    check(run, n >= floor, "%zu acked batches are lost (the log ends at %" PRId64 ")", floor - n, end);
    check(run, n <= most, "a batch of a later frame is there");
    check(run, n == most || l->v[n].large, "%zu small batches of accepted frames are lost", most - n);
    check(run, end >= l->shown_hw, "the high watermark went from %" PRId64 " to %" PRId64, l->shown_hw, end);
    model_cut_batches(l, n);
    if (log == NULL)
        return;
    check(run, store_log_hw(log) == end, "recovered but not visible");
    check(run, store_log_start(log) == model_start(l), "log start %" PRId64 ", should be %" PRId64,
          store_log_start(log), model_start(l));
    verify_bytes(run, l, log, model_start(l), end);
}

static void map_state(const struct run *run, uint64_t last, uint32_t values[KEYS]) {
    memset(values, 0, KEYS * sizeof *values);
    for (size_t i = 0; i < run->n_ops; i++)
        if (run->ops[i].ticket <= last)
            values[run->ops[i].key] = run->ops[i].value;
}

static void verify_map(struct run *run, uint64_t last) {
    uint32_t values[KEYS];
    map_state(run, last, values);
    for (uint8_t k = 0; k < KEYS; k++) {
        struct slice v = store_get(run->w.st, 3, slice_of(&k, 1));
        check(run, (v.p != NULL) == (values[k] != 0), "key %u is %s", k, v.p ? "there" : "lost");
        check(run, v.p == NULL || (v.n == 4 && be32_get(v.p) == values[k]), "key %u has another value", k);
    }
    while (run->n_ops > 0 && run->ops[run->n_ops - 1].ticket > last)
        run->n_ops--;
}

/* The last batch of each producer, sent again. */
static void verify_producers(struct run *run, struct m_log *l) {
    for (int p = 0; p < PRODUCERS; p++) {
        size_t i = l->n;
        while (i > 0 && l->v[i - 1].producer != p)
            i--;
        if (i == 0)
            continue;
        const struct m_batch *b = &l->v[i - 1];
        struct batch_spec spec;
        struct append_result result;
        spec_of(run, b, &spec);
        enum err e = world_append(store_side(run, l), &spec, &result);
        check(run, e == OK && result.duplicate && result.base_offset == b->base,
              "batch %u sent again: %s, duplicate %d, offset %" PRId64 " instead of %" PRId64, b->tag, err_name(e),
              result.duplicate, result.base_offset, b->base);
    }
}

static void verify(struct run *run) {
    struct store_stats stats;
    store_get_stats(run->w.st, &stats);
    uint64_t last = stats.wal_seq;
    check(run, last >= run->acked, "frames up to %" PRIu64 " were durable, recovered only up to %" PRIu64, run->acked,
          last);
    check(run, last <= run->last_ticket + 64, "frame %" PRIu64 " was never made", last);
    check(run, run->w.recovery.corrupt == 0, "recovery reports damage that was not done");
    verify_map(run, last);
    for (size_t i = 0; i < run->n_logs; i++)
        verify_log(run, &run->logs[i], last);
    run->acked = store_durable(run->w.st);
    check(run, run->acked == last, "recovered up to %" PRIu64 ", durable %" PRIu64, last, run->acked);
    run->last_ticket = last;
    for (size_t i = run->n_logs; i-- > 0;)
        if (run->logs[i].dropped != 0)
            model_forget_log(run, i);
        else
            verify_producers(run, &run->logs[i]);
    while (run->n_logs < LOGS)
        model_add_log(run);
}

/* ---- dying and coming back ---- */

static void note_acked(struct run *run) {
    uint64_t durable = store_durable(run->w.st);
    check(run, durable >= run->acked, "the durable point went back");
    run->acked = durable;
    for (size_t i = 0; i < run->n_logs; i++) {
        struct m_log *l = &run->logs[i];
        struct store_log *log = l->dropped == 0 ? store_log_find(run->w.st, &l->topic, 0) : NULL;
        if (log == NULL)
            continue;
        int64_t hw = store_log_hw(log);
        check(run, hw >= l->shown_hw, "the high watermark went back");
        check(run, hw == model_end(l, log_floor(run, l)) || hw <= model_end(l, log_floor(run, l)),
              "the high watermark %" PRId64 " is above the durable end", hw);
        l->shown_hw = hw;
    }
}

/* Nothing was promised. */
static void forget_acked(struct run *run) {
    run->acked = 0;
    for (size_t i = 0; i < run->n_logs; i++)
        run->logs[i].shown_hw = 0;
}

static void newest_snapshot(void *ctx, const char *name, bool is_dir) {
    uint64_t number;
    char tail;
    if (!is_dir && sscanf(name, "snapshot-%" SCNu64 "%c", &number, &tail) == 1 && number > *(uint64_t *)ctx)
        *(uint64_t *)ctx = number;
}

/* The newest, if the one before it is there and sound. */
static void snapshot_rots(struct run *run) {
    uint64_t newest = 0;
    char path[64];
    weir_assert(run->w.sim->env.list(&run->w.sim->env, "", newest_snapshot, &newest) == OK);
    snprintf(path, sizeof path, "snapshot-%" PRIu64, newest - 1);
    if (newest < 2 || newest < run->rotten + 2 || !env_sim_exists(run->w.sim, path))
        return;
    snprintf(path, sizeof path, "snapshot-%" PRIu64, newest);
    env_sim_flip(run->w.sim, path, below(run, env_sim_bytes(run->w.sim, path).n), (uint8_t)(1u << below(run, 8)));
    run->rotten = newest;
    totals.rotten++;
}

static void reopen(struct run *run) {
    env_sim_heal(run->w.sim);
    bool tight = run->full || below(run, 20) == 0;
    if (!tight)
        env_sim_set_free_bytes(run->w.sim, UINT64_C(1) << 30);
    else
        env_sim_set_free_bytes(run->w.sim, below(run, 40000));
    for (unsigned depth = 0;; depth++) {
        if (run->rot && below(run, 3) == 0)
            snapshot_rots(run);
        if (depth < 3 && below(run, 3) == 0)
            env_sim_crash_after(run->w.sim, 1 + below(run, 60));
        enum err e = world_open(&run->w);
        if (e == OK && !run->w.sim->crashed)
            break;
        totals.failed_opens++;
        check(run, run->w.sim->crashed || (e == ERR_NO_SPACE && tight), "the store does not open: %s",
              run->w.error.text);
        check(run, depth < 6, "the store never opens");
        tight = false;
        env_sim_set_free_bytes(run->w.sim, UINT64_C(1) << 30);
        if (!run->rot && below(run, 4) == 0) {
            world_kill(&run->w);
            continue;
        }
        if (run->w.config.durability == DURABILITY_OS)
            forget_acked(run);
        world_crash(&run->w, random_next(&run->r));
    }
    env_sim_crash_after(run->w.sim, 0);
    env_sim_set_free_bytes(run->w.sim, UINT64_C(1) << 30);
    run->full = false;
    verify(run);
    if (below(run, 3) == 0)
        env_sim_crash_after(run->w.sim, 1 + below(run, 400));
}

static void die(struct run *run) {
    note_acked(run);
    bool os = run->w.config.durability == DURABILITY_OS;
    bool power = run->rot || (below(run, 4) != 0) != os;
    if (os && power)
        forget_acked(run);
    if (power) {
        totals.crashes++;
        world_crash(&run->w, random_next(&run->r));
    } else {
        totals.kills++;
        world_kill(&run->w);
    }
    reopen(run);
}

/* ---- the work ---- */

static void do_append(struct run *run) {
    struct m_log *l = model_log(run);
    struct store_log *log = store_side(run, l);
    struct m_batch b = {.tag = ++run->next_tag, .count = 1 + (int32_t)below(run, 4), .producer = -1};
    b.large = below(run, 3) == 0;
    if (below(run, 2) == 0) {
        b.producer = (int)below(run, PRODUCERS);
        b.sequence = l->next_sequence[b.producer];
    }
    struct batch_spec spec;
    struct append_result result;
    struct buf bytes = {0};
    spec_of(run, &b, &spec);
    batch_spec_build(&spec, &bytes);
    b.large = bytes.n > run->w.config.inline_max_bytes;
    bool failed = store_state(run->w.st) == ERR_READ_ONLY;
    enum err e = store_append(log, bytes.p, bytes.n, &result);
    check(run, e == OK || e == ERR_NO_SPACE || e == ERR_READ_ONLY || e == ERR_IO, "append: %s", err_name(e));
    check(run, !failed || e == ERR_READ_ONLY, "a failed store takes an append");
    if (e != OK) {
        totals.refused++;
        buf_fini(&bytes);
        return;
    }
    check(run, !result.duplicate && result.sequence == APPEND_OK, "batch %u was not taken as new", b.tag);
    check(run, result.base_offset == model_end(l, l->n), "offset %" PRId64 " given out, %" PRId64 " was next",
          result.base_offset, model_end(l, l->n));
    check(run, result.ticket > run->acked, "a ticket that is durable already");
    b.base = result.base_offset;
    b.ticket = result.ticket;
    b.bytes = slice_of(bytes.p, bytes.n);
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 16 : l->cap * 2;
        l->v = mem_realloc(l->v, l->cap * sizeof *l->v);
    }
    l->v[l->n++] = b;
    if (b.producer >= 0)
        l->next_sequence[b.producer] += b.count;
    run->last_ticket = b.ticket;
    totals.appended++;
}

/* One of the last five again, or a gap: neither changes anything. */
static void do_wrong_sequence(struct run *run) {
    struct m_log *l = model_log(run);
    int p = (int)below(run, PRODUCERS);
    size_t recent[5], n = 0;
    for (size_t i = l->n; i > 0 && n < 5; i--)
        if (l->v[i - 1].producer == p)
            recent[n++] = i - 1;
    if (n == 0)
        return;
    struct m_batch b = l->v[recent[below(run, n)]];
    bool gap = below(run, 2) == 0;
    if (gap)
        b.sequence = l->next_sequence[p] + 1 + (int32_t)below(run, 5);
    struct batch_spec spec;
    struct append_result result;
    spec_of(run, &b, &spec);
    enum err e = world_append(store_side(run, l), &spec, &result);
    if (e != OK)
        return;
    if (gap)
        check(run, result.sequence == APPEND_OUT_OF_ORDER, "a gap in the sequence was taken");
    else
        check(run, result.duplicate && result.base_offset == b.base, "a duplicate of %u was not seen", b.tag);
}

static void do_map(struct run *run) {
    struct m_op op = {.key = (uint8_t)below(run, KEYS), .value = below(run, 3) == 0 ? 0 : ++run->next_tag};
    uint8_t value[4];
    be32_set(value, op.value);
    enum err e = op.value == 0 ? store_delete(run->w.st, 3, slice_of(&op.key, 1), &op.ticket)
                               : store_put(run->w.st, 3, slice_of(&op.key, 1), slice_of(value, 4), &op.ticket);
    if (e != OK)
        return;
    if (run->n_ops == run->cap_ops) {
        run->cap_ops = run->cap_ops == 0 ? 64 : run->cap_ops * 2;
        run->ops = mem_realloc(run->ops, run->cap_ops * sizeof *run->ops);
    }
    run->ops[run->n_ops++] = op;
    run->last_ticket = op.ticket;
}

static void do_start(struct run *run) {
    struct m_log *l = model_log(run);
    struct store_log *log = store_side(run, l);
    int64_t start = model_start(l), hw = store_log_hw(log);
    check(run, store_log_start(log) == start, "log start %" PRId64 ", should be %" PRId64, store_log_start(log), start);
    if (hw <= start || l->n_starts == sizeof l->starts / sizeof *l->starts)
        return;
    struct m_start s = {.offset = start + 1 + (int64_t)below(run, (size_t)(hw - start))};
    if (store_log_set_start(log, s.offset, &s.ticket) != OK)
        return;
    check(run, store_log_start(log) == s.offset, "the log start did not move");
    l->starts[l->n_starts++] = s;
    run->last_ticket = s.ticket;
}

static void do_drop(struct run *run) {
    struct m_log *l = model_log(run);
    uint64_t ticket;
    if (store_topic_drop(run->w.st, &l->topic, &ticket) != OK)
        return;
    check(run, store_log_find(run->w.st, &l->topic, 0) == NULL, "a dropped log is still found");
    l->dropped = run->last_ticket = ticket;
    model_add_log(run);
}

static void do_read(struct run *run) {
    struct m_log *l = model_log(run);
    struct store_log *log = store_side(run, l);
    int64_t start = store_log_start(log), hw = store_log_hw(log);
    verify_bytes(run, l, log, start + (int64_t)below(run, (size_t)(hw - start) + 1), hw);
}

static void do_fault(struct run *run) {
    struct env_sim *sim = run->w.sim;
    switch (below(run, 5)) {
    case 0:
        if (run->rot)
            break;
        env_sim_fail(sim, ENV_SIM_SYNC, 1 + below(run, 4), 1, ERR_IO);
        totals.sync_failures++;
        break;
    case 1: env_sim_fail(sim, ENV_SIM_WRITE, 1 + below(run, 20), 1, below(run, 2) ? ERR_IO : ERR_NO_SPACE); break;
    case 2: {
        static const enum err results[] = {ERR_IO, ERR_NO_SPACE, ERR_LIMIT};
        env_sim_fail(sim, ENV_SIM_OPEN, 1 + below(run, 10), 1, results[below(run, 3)]);
        break;
    }
    default:
        run->full = !run->full;
        env_sim_set_free_bytes(sim, run->full ? below(run, 30000) : UINT64_C(1) << 30);
    }
}

static void do_close(struct run *run) {
    bool healthy = store_state(run->w.st) == OK && run->w.sim->crash_at == UINT64_MAX && !run->full;
    for (size_t i = 0; i < ENV_SIM_OPS; i++)
        healthy = healthy && run->w.sim->faults[i].after == UINT64_MAX;
    world_settle(&run->w);
    note_acked(run);
    if (healthy && store_state(run->w.st) == OK && run->last_ticket > 0)
        check(run, run->acked >= run->last_ticket, "idle, and not all is durable");
    store_close(run->w.st, false);
    run->w.st = NULL;
    if (run->w.config.durability == DURABILITY_OS || (!run->rot && below(run, 2) == 0))
        world_kill(&run->w);
    else
        world_crash(&run->w, random_next(&run->r));
    reopen(run);
}

static void work(struct run *run) {
    struct world *w = &run->w;
    size_t dice = below(run, 200);
    if (dice < 80)
        do_append(run);
    else if (dice < 100)
        do_map(run);
    else if (dice < 130)
        store_flush(w->st);
    else if (dice < 160)
        env_sim_step(w->sim);
    else if (dice < 168)
        env_sim_advance(w->sim, (int64_t)below(run, below(run, 20) == 0 ? 40000000 : 2000000));
    else if (dice < 178)
        (void)store_tick(w->st, w->sim->now_us);
    else if (dice < 184)
        do_read(run);
    else if (dice < 189)
        do_start(run);
    else if (dice < 193)
        do_wrong_sequence(run);
    else if (dice < 194)
        do_drop(run);
    else if (dice < 195)
        do_fault(run);
    else if (dice < 196)
        world_settle(w);
    else if (dice < 197)
        do_close(run);
    else if (dice < 198)
        die(run);
}

/* Returns the hash of all that it did to the disk. */
static uint64_t one_seed(uint64_t seed) {
    struct run run = {.seed = seed, .r = {seed * 977 + 1}};
    const char *before = getenv("WEIR_REPEAT");
    snprintf(repeat, sizeof repeat, "WEIR_SEED=%" PRIu64 " %s", seed,
             before != NULL ? before : "tests/sim/test_store_sim");
    world_init(&run.w, seed);
    run.w.config.wal_file_bytes = 4096u << below(&run, 4);
    run.w.config.inline_max_bytes = 150u << below(&run, 6);
    run.w.config.checkpoint_bytes = below(&run, 4) == 0 ? UINT64_C(1) << 40 : 1000u << below(&run, 6);
    run.w.config.max_open_files = 1 + below(&run, 8);
    run.w.config.durability = below(&run, 8) == 0 ? DURABILITY_OS : DURABILITY_FSYNC;
    run.rot = run.w.config.durability == DURABILITY_FSYNC && below(&run, 6) == 0;
    run.w.sim->cold_per_1024 = below(&run, 3) == 0 ? 200 : 0;
    run.segment_bytes = 500u << below(&run, 7);
    run.next_topic = 1;
    reopen(&run);
    for (size_t steps = 100 + below(&run, 300); steps > 0; steps--) {
        work(&run);
        if (run.w.sim->crashed || (store_state(run.w.st) == ERR_READ_ONLY && below(&run, 5) == 0))
            die(&run);
        note_acked(&run);
    }
    die(&run);
    for (size_t i = 0; i < run.n_logs; i++)
        totals.acked += run.logs[i].n;
    store_close(run.w.st, true);
    run.w.st = NULL;
    uint64_t trace = env_sim_trace(run.w.sim);
    env_sim_free(run.w.sim);
    while (run.n_logs > 0)
        model_forget_log(&run, 0);
    free(run.logs);
    free(run.ops);
    totals.seeds++;
    return trace;
}

static void on_abort(int signal) {
    (void)signal;
    (void)!write(2, "again: ", 7);
    (void)!write(2, repeat, strlen(repeat));
    (void)!write(2, "\n", 1);
    _exit(1);
}

static void quiet(void *ctx, enum log_level level, const char *line) {
    (void)ctx;
    if (getenv("WEIR_SIM_TRACE") != NULL)
        fprintf(stderr, "log %d %s\n", (int)level, line);
}

int main(void) {
    const char *one = getenv("WEIR_SEED"), *many = getenv("WEIR_SEEDS");
    signal(SIGABRT, on_abort);
    log_set_sink(quiet, NULL);
    if (one != NULL) {
        one_seed(strtoull(one, NULL, 10));
    } else {
        uint64_t n = many != NULL ? strtoull(many, NULL, 10) : DEFAULT_SEEDS;
        for (uint64_t seed = 1; seed <= n; seed++) {
            uint64_t trace = one_seed(seed);
            if (seed <= 10 && one_seed(seed) != trace) {
                fprintf(stderr, "seed %" PRIu64 " did not do the same twice\n", seed);
                return 1;
            }
        }
    }
    printf("%" PRIu64 " seeds, %" PRIu64 " power cuts, %" PRIu64 " kills, %" PRIu64 " opens cut short, %" PRIu64
           " appended, %" PRIu64 " acked batches there at the end, %" PRIu64 " reads compared, %" PRIu64
           " sync failures, %" PRIu64 " appends refused, %" PRIu64 " snapshots rotten\n",
           totals.seeds, totals.crashes, totals.kills, totals.failed_opens, totals.appended, totals.acked, totals.reads,
           totals.sync_failures, totals.refused, totals.rotten);
    return 0;
}
