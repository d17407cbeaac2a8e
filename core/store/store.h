/* The store: partition logs and a small durable map, on one commit log.
 *
 * Every change is a frame in the write-ahead log (WAL).  Record batches go to
 * the log's segment file at once (page cache) and into the WAL, either whole
 * (small ones) or as a reference to the segment bytes with their CRC (large
 * ones, then segment and WAL are both synced before the ack).  A tick's frames
 * are written together by store_flush; with durability "fsync" one sync is in
 * flight and what arrives meanwhile joins the next; the durable point moves
 * when it returns 0.  With "os" the durable point moves at the flush.
 *
 * The high watermark of a log is its durable end: readers see nothing above it.
 *
 * Checkpoint: sync the dirty segments, write a snapshot (map, logs, producers),
 * rename it into place, free the WAL before it.  Recovery: load the snapshot,
 * cut each log to it, replay the WAL, sync, only then return.
 *
 * No system calls: files and time come through struct env.  One thread. */
#ifndef WEIR_STORE_STORE_H
#define WEIR_STORE_STORE_H

#include "core/base/env.h"
#include "core/base/mem.h"
#include "core/proto/batch.h"

enum durability { DURABILITY_FSYNC, DURABILITY_OS };

struct store;
struct store_log;

struct store_events {
    /* The durable point moved: every ticket <= durable is safe.  result != OK: the
     * store failed for good (ERR_IO); tickets above durable will never be safe. */
    void (*durable)(void *ctx, uint64_t durable, enum err result);
    /* A log's high watermark or log start moved. */
    void (*advanced)(void *ctx, struct store_log *log);
    /* A read that said ERR_AGAIN may be tried again. */
    void (*readable)(void *ctx, struct store_log *log);
    /* Free space crossed a mark: writable is false while appends are refused. */
    void (*space)(void *ctx, bool writable);
    void *ctx;
};

struct store_config {
    enum durability durability;
    uint64_t wal_file_bytes;          /* 0: default; the first file is smaller */
    uint64_t inline_max_bytes;        /* larger batches are referenced; 0: default */
    uint64_t checkpoint_bytes;        /* data since the last checkpoint that starts one; 0: default */
    uint64_t reserve_bytes;           /* free space below which appends are refused; 0: default */
    size_t max_open_files;            /* segment files kept open; 0: default */
    int64_t producer_expiry_ms;       /* producer.id.expiration.ms; 0: one day */
};

/* What recovery found, for the log line and the console. */
struct store_recovery {
    bool fresh;                       /* nothing was there */
    bool clean;                       /* the last owner closed it */
    uint64_t frames, bytes;           /* replayed */
    uint64_t torn_bytes;              /* cut from the WAL's end */
    uint64_t corrupt;                 /* damage below the durable point: kept, reported */
    int64_t took_us;
};

/* Opens or makes the store in the env's directory.  Blocks until recovered and
 * synced.  ERR_CORRUPT (both snapshots bad), ERR_UNSUPPORTED (newer format, or
 * not a weir directory: non-empty without our format file), ERR_IO, ERR_NO_SPACE. */
enum err store_open(struct store **out, struct env *env, const struct store_config *config,
                    const struct store_events *events, struct store_recovery *recovery,
                    struct error *e) WEIR_MUST_CHECK;
/* A checkpoint and a clean mark, blocking; then frees everything.  crash: only frees (tests). */
void store_close(struct store *st, bool crash);
/* No sync, checkpoint or warm-up is in flight: run the loop until then before store_close. */
bool store_idle(const struct store *st);

/* Writes what this tick appended and starts a sync if none is in flight.  Call once per loop tick. */
void store_flush(struct store *st);
/* Timed work (checkpoint, expiry, space check); returns the next time it wants to be called. */
int64_t store_tick(struct store *st, int64_t now_us);
uint64_t store_durable(const struct store *st);
enum err store_state(const struct store *st);   /* OK, ERR_READ_ONLY after a failure, ERR_NO_SPACE */
struct store_stats {
    uint64_t wal_bytes, wal_seq, syncs, sync_us_total, checkpoints, free_bytes;
    enum durability durability;
    size_t logs, open_files;
};
void store_get_stats(const struct store *st, struct store_stats *out);

/* ---- the map: small durable values by (kind, key); the broker owns their meaning ---- */
/* All three return the ticket in *ticket (durable when store_durable() >= it). */
enum err store_put(struct store *st, uint16_t kind, struct slice key, struct slice value,
                   uint64_t *ticket) WEIR_MUST_CHECK;
enum err store_delete(struct store *st, uint16_t kind, struct slice key, uint64_t *ticket) WEIR_MUST_CHECK;
/* null: not there; valid until changed */
struct slice store_get(const struct store *st, uint16_t kind, struct slice key);
typedef void store_each_fn(void *ctx, struct slice key, struct slice value);
void store_each(const struct store *st, uint16_t kind, store_each_fn *each, void *ctx);   /* by key order */

/* ---- logs ---- */
struct log_config {
    uint64_t segment_bytes;           /* segment.bytes */
    int64_t segment_ms;               /* segment.ms */
    int64_t retention_ms;             /* -1: no limit */
    int64_t retention_bytes;          /* -1: no limit */
    bool delete_old;                  /* cleanup.policy has "delete" */
    bool vital;                       /* appends are taken from the reserve of a full disk (offset commits) */
};
/* Finds the log or makes it (no file before the first append).  Making it is not
 * a change by itself: an empty log needs no trace. */
struct store_log *store_log_get(struct store *st, const struct uuid *topic, int32_t partition);
struct store_log *store_log_find(struct store *st, const struct uuid *topic, int32_t partition);  /* NULL: not there */
void store_log_each(struct store *st, void (*each)(void *ctx, struct store_log *log), void *ctx);
void store_log_configure(struct store_log *log, const struct log_config *config);
/* Removes all logs of a topic: durable first, then the files in the background.
 * Pointers to them are invalid when this returns. */
enum err store_topic_drop(struct store *st, const struct uuid *topic, uint64_t *ticket) WEIR_MUST_CHECK;

void *store_log_user(const struct store_log *log);           /* the broker's own pointer */
void store_log_set_user(struct store_log *log, void *user);
const struct uuid *store_log_topic(const struct store_log *log);
int32_t store_log_partition(const struct store_log *log);
int64_t store_log_start(const struct store_log *log);        /* log start offset */
int64_t store_log_hw(const struct store_log *log);           /* high watermark: durable end */
int64_t store_log_end(const struct store_log *log);          /* next offset to be given out */
uint64_t store_log_bytes(const struct store_log *log);
int32_t store_log_epoch(const struct store_log *log);        /* leader epoch */
int64_t store_log_last_append_ms(const struct store_log *log);   /* -1: never */
/* KIP-320: the end offset of the given leader epoch and the epoch it answers for; -1/-1 unknown. */
void store_log_epoch_end(const struct store_log *log, int32_t epoch, int32_t *found_epoch, int64_t *end_offset);

struct append_result {
    int64_t base_offset;
    int64_t duplicate_timestamp;      /* max timestamp of the earlier batch; -1 unless duplicate */
    bool duplicate;                   /* one of the producer's last five: base_offset is the old one */
    uint64_t ticket;
    enum { APPEND_OK, APPEND_OUT_OF_ORDER, APPEND_BAD_EPOCH } sequence; /* not OK: nothing appended */
};
/* Appends one batch that the caller has validated (format, CRC, size, timestamps).
 * Patches base offset and leader epoch in place, checks the producer's sequence
 * (protocol.md 2.3: last five batches per producer, 45 and 47).
 * `batch` may be reused when this returns.
 * ERR_NO_SPACE, ERR_READ_ONLY, ERR_IO: nothing appended. */
enum err store_append(struct store_log *log, uint8_t *batch, size_t n, struct append_result *out) WEIR_MUST_CHECK;

/* Appends to `out` whole batches from the one that holds `offset` up to `end`
 * (an offset, exclusive: high watermark or last stable offset), at most max_bytes, but at least one
 * batch when min_one.  OK with nothing appended: offset == end.  ERR_RANGE: outside
 * [start, end].  ERR_AGAIN: cold; events.readable follows.  ERR_IO, ERR_CORRUPT. */
enum err store_read(struct store_log *log, int64_t offset, int64_t end, size_t max_bytes, bool min_one,
                    struct buf *out) WEIR_MUST_CHECK;
/* While it is on, reads wait for the disk instead of saying ERR_AGAIN: for the broker's start, before the loop runs. */
void store_reads_wait(struct store *st, bool on);
/* Bytes between offset and end, for fetch.min.bytes; an estimate from the index is enough above 64 KiB. */
uint64_t store_log_bytes_between(struct store_log *log, int64_t offset, int64_t end);
/* First offset with timestamp >= ts below the high watermark: *offset -1 when none.  May read. */
enum err store_find_time(struct store_log *log, int64_t ts, int64_t *offset, int64_t *found_ts) WEIR_MUST_CHECK;
/* The record with the largest timestamp (ListOffsets -3). */
enum err store_find_max_time(struct store_log *log, int64_t *offset, int64_t *found_ts) WEIR_MUST_CHECK;
/* Moves the log start up (DeleteRecords); whole segments below it are freed. */
enum err store_log_set_start(struct store_log *log, int64_t offset, uint64_t *ticket) WEIR_MUST_CHECK;
/* The next append begins a new segment, so that what is before it can be freed by store_log_set_start. */
void store_log_roll(struct store_log *log);
/* Applies retention now (also done by store_tick). */
void store_log_retain(struct store_log *log, int64_t now_ms);

/* Producers of a log (DescribeProducers, idempotence). */
struct producer_info { int64_t id; int16_t epoch; int32_t last_sequence; int64_t last_timestamp; int64_t last_offset; };
size_t store_log_producers(const struct store_log *log, struct producer_info *out, size_t max);

#endif
