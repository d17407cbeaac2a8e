/* A store in the simulated world, with what its events said, and batches to feed
 * it: shared by the tests of the store. */
#ifndef WEIR_TESTS_STORE_WORLD_H
#define WEIR_TESTS_STORE_WORLD_H

#include "core/store/store.h"
#include "tests/sim/env_sim.h"

struct world {
    struct env_sim *sim;
    struct store *st;             /* NULL while closed */
    struct store_config config;
    struct store_recovery recovery;
    struct error error;
    /* what the events said since the last open */
    uint64_t durable;
    enum err result;
    unsigned n_durable, n_advanced, n_readable, n_space;
    bool writable;
    struct store_log *last_readable;
};

void world_init(struct world *w, uint64_t seed);   /* small files: 16 KiB WAL, 512 bytes inline, 8 open files */
void world_fini(struct world *w);
enum err world_open(struct world *w);
void world_settle(struct world *w);                /* flush, sync, tick until all is quiet; the clock moves a little */
void world_close(struct world *w);                 /* cleanly */
void world_crash(struct world *w, uint64_t seed);  /* process and power */
void world_kill(struct world *w);                  /* the process alone */

/* One batch; value and key say `tag`, record i at ts + i. */
struct batch_spec {
    uint32_t tag;
    int32_t count;                /* 0: one */
    size_t value_bytes;           /* 0: eight */
    int64_t ts;
    int64_t step_ms;
    int64_t producer_id;          /* with has_producer */
    int16_t producer_epoch;
    int32_t sequence;
    bool has_producer;
    enum batch_codec codec;
};
void batch_spec_build(const struct batch_spec *spec, struct buf *out);   /* replaces out's bytes */
/* Builds and appends. */
enum err world_append(struct store_log *log, const struct batch_spec *spec, struct append_result *result);

/* Reads [from, end) whole, waiting for cold pages. */
enum err world_read(struct world *w, struct store_log *log, int64_t from, int64_t end, struct buf *out);
/* The tag of a batch's first record. */
uint32_t batch_tag(const struct batch *b);
struct uuid world_topic(uint8_t n);

#endif
