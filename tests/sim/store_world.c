/* See store_world.h. */
#include "tests/sim/store_world.h"

#include <stdlib.h>

static void on_durable(void *ctx, uint64_t durable, enum err result) {
    struct world *w = ctx;
    weir_assert(durable >= w->durable);
    w->durable = durable;
    w->n_durable++;
    if (result != OK)
        w->result = result;
}

static void on_advanced(void *ctx, struct store_log *log) {
    (void)log;
    ((struct world *)ctx)->n_advanced++;
}

static void on_readable(void *ctx, struct store_log *log) {
    struct world *w = ctx;
    w->n_readable++;
    w->last_readable = log;
}

static void on_space(void *ctx, bool writable) {
    struct world *w = ctx;
    w->n_space++;
    w->writable = writable;
}

void world_init(struct world *w, uint64_t seed) {
    *w = (struct world){.sim = env_sim_new(seed)};
    w->config = (struct store_config){
        .durability = DURABILITY_FSYNC, .wal_file_bytes = 16384, .inline_max_bytes = 512,
        .checkpoint_bytes = UINT64_C(1) << 40, .reserve_bytes = 4096, .max_open_files = 8,
    };
}

void world_fini(struct world *w) {
    if (w->st != NULL)
        world_close(w);
    env_sim_free(w->sim);
}

enum err world_open(struct world *w) {
    struct store_events events = {on_durable, on_advanced, on_readable, on_space, w};
    weir_assert(w->st == NULL);
    w->durable = 0;
    w->result = OK;
    w->n_durable = w->n_advanced = w->n_readable = w->n_space = 0;
    w->writable = true;
    return store_open(&w->st, &w->sim->env, &w->config, &events, &w->recovery, &w->error);
}

void world_settle(struct world *w) {
    do {
        store_flush(w->st);
        env_sim_run_until_idle(w->sim);
        (void)store_tick(w->st, w->sim->now_us);
    } while (env_sim_in_flight(w->sim) > 0 && !w->sim->crashed);
}

void world_close(struct world *w) {
    world_settle(w);
    store_close(w->st, false);
    w->st = NULL;
    env_sim_run_until_idle(w->sim);
    weir_assert(env_sim_open_files(w->sim) == 0);
}

static void world_die(struct world *w) {
    if (w->st != NULL)
        store_close(w->st, true);
    w->st = NULL;
}

void world_crash(struct world *w, uint64_t seed) {
    world_die(w);
    env_sim_crash(w->sim, seed);
    weir_assert(env_sim_open_files(w->sim) == 0);
}

void world_kill(struct world *w) {
    world_die(w);
    env_sim_kill(w->sim);
    weir_assert(env_sim_open_files(w->sim) == 0);
}

/* ---- batches ---- */

void batch_spec_build(const struct batch_spec *spec, struct buf *out) {
    struct batch_builder b = {0};
    size_t n = spec->value_bytes < 8 ? 8 : spec->value_bytes;
    uint8_t *value = mem_alloc(n);
    struct random r = {spec->tag};
    batch_start(&b, 0, spec->ts);
    if (spec->has_producer) {
        b.producer_id = spec->producer_id;
        b.producer_epoch = spec->producer_epoch;
        b.base_sequence = spec->sequence;
    }
    int32_t count = spec->count < 1 ? 1 : spec->count;
    for (int32_t i = 0; i < count; i++) {
        for (size_t k = 0; k < n; k++)
            value[k] = (uint8_t)random_next(&r);
        be32_set(value, spec->tag);
        be32_set(value + 4, (uint32_t)i);
        batch_add(&b, i, spec->ts + i * spec->step_ms, SLICE("k"), slice_of(value, n), NULL, 0);
    }
    buf_clear(out);
    weir_assert(batch_finish(&b, spec->codec, out) == OK);
    batch_builder_fini(&b);
    free(value);
}

enum err world_append(struct store_log *log, const struct batch_spec *spec, struct append_result *result) {
    struct buf b = {0};
    batch_spec_build(spec, &b);
    enum err e = store_append(log, b.p, b.n, result);
    buf_fini(&b);
    return e;
}

enum err world_read(struct world *w, struct store_log *log, int64_t from, int64_t end, struct buf *out) {
    int64_t next = from;
    for (unsigned tries = 0; next < end; tries++) {
        size_t before = out->n;
        enum err e = store_read(log, next, end, 4096, true, out);
        if (e == ERR_AGAIN && tries < 10000) {
            env_sim_run_until_idle(w->sim);
            continue;
        }
        if (e != OK)
            return e;
        if (out->n == before)
            return ERR_RANGE;
        while (before < out->n) {
            struct batch b;
            if (batch_parse(slice_of(out->p + before, out->n - before), &b) != OK)
                return ERR_CORRUPT;
            next = batch_last_offset(&b) + 1;
            before += b.bytes.n;
        }
    }
    return OK;
}

uint32_t batch_tag(const struct batch *b) {
    struct buf plain = {0};
    struct slice records = b->records;
    if (batch_codec(b) != CODEC_NONE) {
        weir_assert(codec_decompress(batch_codec(b), b->records, 1u << 24, &plain) == OK);
        records = buf_slice(&plain);
    }
    struct record_iter it = {.batch = b, .rest = records};
    struct record r;
    uint32_t tag = record_next(&it, &r) == OK && r.value.n >= 4 ? be32_get(r.value.p) : UINT32_MAX;
    buf_fini(&plain);
    return tag;
}

struct uuid world_topic(uint8_t n) {
    struct uuid u = {{0xaa, n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n}};
    return u;
}
