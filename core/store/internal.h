/* What the store's files share.
 *
 * Path of an append (fsync durability):
 *
 *   store_append   frame into wal.tick; small batch: the same bytes queued for the
 *                  segment; large batch: written to the segment, frame is a reference
 *   store_flush    queued bytes to segments, wal.tick to the WAL file (page cache)
 *                  then, if no sync is in flight: sync what was written
 *   sync done      durable = last frame of that sync; high watermarks move
 *
 * A ticket is the sequence number of a frame. */
#ifndef WEIR_STORE_INTERNAL_H
#define WEIR_STORE_INTERNAL_H

#include "core/store/store.h"

#include <uthash.h>

#define STORE_FORMAT 1
#define PATH_BYTES 160
#define LOG_DIR_BYTES 64 /* "logs/" 32 hex digits "-" 10 digits */

/* ---- write-ahead log ---- */
/*  0 magic u32  4 format u8  5 type u8  6 reserved u16  8 epoch u64 (boot counter)
 * 16 seq u64   24 durable u64 (the durable point when this was written: proves that
 *    everything up to it had been synced)  32 length u32  36 previous frame's crc u32
 * 40 crc u32 (bytes 0-39 and the body)  44 body */
#define FRAME_MAGIC 0x57455246u /* "WERF" */
#define FRAME_HEADER_BYTES 44
#define FRAME_BODY_MAX (96u << 20)
enum frame_type {
    FRAME_BATCH = 1,      /* log, segment base i64, position u64, batch */
    FRAME_BATCH_REF = 2,  /* log, segment base i64, position u64, length u32, crc u32, batch header (61) */
    FRAME_PUT = 3,        /* kind u16, key length u32, key, value */
    FRAME_DELETE = 4,     /* kind u16, key */
    FRAME_LOG_START = 5,  /* log, offset i64 */
    FRAME_TOPIC_DROP = 6, /* uuid */
    FRAME_SEAL = 7,       /* empty */
};
#define FRAME_LOG_BYTES 20 /* uuid, partition i32 */

struct wal_file {
    uint64_t number;
    uint64_t bytes;           /* preallocated */
    uint64_t last_seq;        /* last frame in it */
};
struct wal {
    struct env_file *file;
    uint64_t number, bytes, pos;
    struct env_file *previous; /* rolled, not yet synced; at a first start FORMAT, which goes the same way */
    struct buf tick;          /* frames of this tick, not written yet */
    uint64_t seq;             /* last frame made */
    uint64_t written;         /* last frame written */
    uint32_t crc;             /* of the last frame */
    bool dir_dirty;           /* a new file's entry is not durable yet */
    bool root_dirty;          /* the directory's own entries (FORMAT, wal, logs) */
    struct wal_file *old;     /* rolled files, oldest first */
    size_t n_old, cap_old;
    uint64_t spare[2];        /* numbers of files to be reused, 0: none */
    uint64_t spare_bytes[2];
};

/* ---- segments ---- */
struct index_entry {
    uint32_t delta;           /* base offset of a batch minus the segment's */
    uint32_t position;
    int64_t max_timestamp;    /* of everything before this batch in the segment; INT64_MIN none */
};
#define INDEX_EVERY_BYTES 65536u

struct seg_handle {           /* an open file; outlives its segment while a sync uses it */
    struct env_file *file;
    int pins;
    bool doomed;              /* close when the last pin goes */
    struct segment *owner;
    struct seg_handle *newer, *older; /* LRU */
};
struct segment {
    struct store_log *log;
    int64_t base, next;       /* first offset, offset after the last */
    uint64_t bytes;           /* appended (perhaps still queued) */
    uint64_t flushed;         /* written */
    uint64_t settled;         /* in the snapshot this start began with: never cut, so its saved index holds */
    int64_t max_timestamp;    /* -1: none */
    int64_t created_ms;
    struct seg_handle *handle;
    struct index_entry *index;
    uint32_t n_index, cap_index, saved_index;
    bool index_loaded, on_disk;
    bool dirty;               /* written since the last checkpoint began */
    bool due;                 /* the checkpoint has to sync it */
    bool entry_dirty;         /* its directory entry may not be durable */
    bool referenced;          /* in the group that waits for a sync */
};

/* ---- producers ---- */
#define PRODUCER_BATCHES 5
struct producer_batch { int32_t first_sequence, last_sequence; int64_t offset, timestamp; };
struct producer {
    int64_t id;
    int16_t epoch;
    uint8_t n;
    struct producer_batch batches[PRODUCER_BATCHES]; /* oldest first */
    int64_t last_ms;
    int64_t last_offset;
    UT_hash_handle hh;
};

/* ---- logs ---- */
struct log_key { struct uuid topic; int32_t partition; };
struct log_epoch { int32_t epoch; int64_t start; };
struct pending { size_t at, n; };  /* bytes inside wal.tick */
struct read_cursor { int64_t offset; int64_t segment; uint64_t position; };
#define CURSORS 4

struct store_log {
    struct store *store;
    struct log_key key;
    void *user;
    struct log_config config;
    int64_t start, end, hw, syncing_end;
    int64_t written_end;       /* what of it is in the WAL file */
    struct segment **segments; /* by base */
    uint32_t n_segments, cap_segments;
    struct log_epoch *epochs;
    uint32_t n_epochs;
    struct producer *producers;
    struct pending *queue;     /* queued for the active segment */
    uint32_t n_queue, cap_queue;
    int64_t last_append_ms;
    struct read_cursor cursors[CURSORS];
    uint8_t next_cursor;
    bool dir_made, queued, open, syncing, cut, warming, warm_wait, roll;
    struct store_log *next_queued, *next_open, *next_syncing;
    UT_hash_handle hh;
};

struct map_item {
    struct slice key;          /* kind u16 big-endian, then the key; heap */
    struct slice value;        /* heap */
    UT_hash_handle hh;
};

struct doomed {                /* a file to unlink once its ticket is durable */
    char path[PATH_BYTES];
    bool dir;
    uint64_t ticket;
    struct doomed *next;
};

struct sync_list {             /* what one group must sync; grows */
    struct seg_handle **handles;
    size_t n, cap;
    char (*dirs)[LOG_DIR_BYTES];
    size_t n_dirs, cap_dirs;
};

/* A sync over more files than one env_sync takes; runs piece by piece. */
struct sync_job {
    struct store *store;       /* NULL: the store is gone, free yourself */
    struct env_sync sync;
    struct sync_list list;
    struct env_file *extra[3]; /* WAL files */
    struct env_file *retired;  /* the one of them that is closed when this is done */
    struct env_file *rolled;   /* a WAL file that ended within this group: closed when it is synced */
    size_t n_extra, at_handle, at_dir;
    bool extra_done;
    void (*done)(struct store *st, struct sync_job *job, enum err result);
    uint64_t seq;
};

enum checkpoint_step { CHECKPOINT_IDLE, CHECKPOINT_SEGMENTS, CHECKPOINT_SNAPSHOT, CHECKPOINT_RENAME };
struct checkpoint {
    enum checkpoint_step step;
    struct sync_job *job;
    struct buf body;
    uint64_t seq;              /* the last frame that the newest snapshot on disk has */
    uint64_t encoded_seq;      /* that the one being made has */
    uint64_t number;
    uint64_t wal_number;       /* files below it are covered */
    struct env_file *file;
    int64_t last_us;
    uint64_t bytes;            /* appended since the last one was begun */
    int64_t not_before_us;     /* after one that found no room */
    bool wanted;
    bool stale;                /* a segment in the snapshot went before it was synced */
};

struct store {
    struct env *env;
    struct store_config config;
    struct store_events events;
    uint64_t epoch;            /* boot counter */
    uint64_t durable;
    struct wal wal;
    struct map_item *map;
    struct store_log *logs;
    struct store_log *queued, *open, *syncing; /* lists */
    struct sync_list group;    /* referenced segments and new directories since the last sync began */
    struct sync_job *syncing_job;
    int64_t sync_began_us;
    struct checkpoint checkpoint;
    uint64_t snapshot_number;
    uint64_t newest_snapshot_wal; /* first WAL file that the newest snapshot needs */
    struct doomed *doomed_first, *doomed_last;
    struct seg_handle *lru_newest, *lru_oldest;
    size_t n_handles;
    struct buf scratch;
    struct warm_up *warm_ups;  /* in flight */
    size_t n_warm_ups;
    enum err failed;           /* ERR_IO: final */
    bool full;                 /* no space: appends refused */
    uint64_t free_bytes, since_space_check;
    int64_t space_checked_us;
    unsigned squeezes;         /* checkpoints to make for the room of the WAL behind them */
    int64_t next_space_us, idle_since_us;
    bool sealed;
    struct store_stats stats;
    bool replaying;
    bool reads_wait;           /* store_reads_wait */
};

/* wal.c */
enum err wal_begin_file(struct store *st, uint64_t least_bytes) WEIR_MUST_CHECK;
/* Appends a frame of a head and up to two more parts to the tick; *body_at is where part b begins in wal.tick. */
enum err wal_frame(struct store *st, enum frame_type type, struct slice a, struct slice b, size_t *b_at,
                   uint64_t *ticket) WEIR_MUST_CHECK;
enum err wal_write_tick(struct store *st) WEIR_MUST_CHECK;
void wal_path(uint64_t number, char out[PATH_BYTES]);
void wal_forget_before(struct store *st, uint64_t number);
void wal_add_old(struct store *st, uint64_t number, uint64_t bytes, uint64_t last_seq);
struct frame { uint8_t type; uint64_t epoch, seq, durable; uint32_t prev_crc, crc; struct slice body; size_t bytes; };
bool frame_parse(struct slice in, struct frame *f); /* magic, format, length and CRC good */

/* map.c */
void map_set(struct store *st, struct slice key_with_kind, struct slice value); /* value null: remove */
void map_free(struct store *st);

/* segment.c */
void log_dir(const struct log_key *key, char out[LOG_DIR_BYTES]);
void segment_path(const struct segment *s, bool index, char out[PATH_BYTES]);
struct segment *segment_add(struct store_log *log, int64_t base, int64_t created_ms);
enum err segment_open(struct segment *s, bool write) WEIR_MUST_CHECK;
void segment_close(struct segment *s);           /* handle closed or left to its pins */
void segment_free(struct segment *s);
void segment_index_add(struct segment *s, const struct batch *b, uint64_t position);
enum err segment_index_load(struct segment *s) WEIR_MUST_CHECK;
void segment_index_save(struct segment *s);
uint64_t segment_index_find(const struct segment *s, int64_t offset);   /* position to begin the walk */
void handle_pin(struct seg_handle *h);
void handle_unpin(struct store *st, struct seg_handle *h);
struct segment *log_active(const struct store_log *log);                 /* NULL: none */
struct segment *log_segment_of(const struct store_log *log, int64_t offset); /* the one that holds it or is below */

/* log.c */
struct store_log *log_make(struct store *st, const struct log_key *key);
void log_free(struct store_log *log);
enum err log_write_queue(struct store_log *log) WEIR_MUST_CHECK;
void log_key_put(const struct log_key *key, uint8_t out[FRAME_LOG_BYTES]);
void log_key_get(const uint8_t *p, struct log_key *key);
/* Moves the start and frees whole segments below it; files go once the ticket is durable. */
void log_apply_start(struct store_log *log, int64_t offset, uint64_t ticket);
void log_apply_drop(struct store *st, const struct uuid *topic, uint64_t ticket);
void log_add_epoch(struct store_log *log, int32_t epoch, int64_t start);
void doom(struct store *st, const char *path, bool dir, uint64_t ticket);

/* producers.c */
enum { PRODUCER_NEW, PRODUCER_DUPLICATE, PRODUCER_GAP, PRODUCER_OLD_EPOCH };
int producer_check(struct store_log *log, const struct batch *b, struct producer_batch *duplicate);
void producer_record(struct store_log *log, const struct batch *b, int64_t now_ms);
void producers_expire(struct store_log *log, int64_t now_ms);
void producers_free(struct store_log *log);

/* snapshot.c */
void snapshot_encode(struct store *st, bool clean, struct buf *out);
enum err snapshot_load(struct store *st, uint64_t *seq, bool *clean, bool *found, struct error *e) WEIR_MUST_CHECK;
enum err snapshot_write_now(struct store *st, bool clean) WEIR_MUST_CHECK; /* blocking: start and end */
void snapshot_path(uint64_t number, bool temporary, char out[PATH_BYTES]);

/* sync.c */
void sync_list_add(struct sync_list *l, struct seg_handle *h);
void sync_list_add_dir(struct sync_list *l, const char *dir);
void sync_list_free(struct store *st, struct sync_list *l);
void sync_group_begin(struct store *st);
void sync_job_start(struct sync_job *job, bool background);
void sync_job_free(struct store *st, struct sync_job *job);
/* The store goes while it is in flight: it lets go of all but what the env still reads. */
void sync_job_orphan(struct store *st, struct sync_job *job);

/* read.c */
void warm_ups_orphan(struct store *st); /* as sync_job_orphan */

/* checkpoint.c */
void checkpoint_begin(struct store *st);

/* recovery.c */
enum err store_recover(struct store *st, struct store_recovery *r, struct error *e) WEIR_MUST_CHECK;

/* store.c */
void store_fail(struct store *st, enum err why);
/* May a batch of that size be appended? vital: the reserve is for it. */
enum err store_can_append(struct store *st, bool vital, uint64_t bytes) WEIR_MUST_CHECK;
/* why: ERR_NO_SPACE, ERR_LIMIT (of file descriptors), OK: neither. */
void store_set_full(struct store *st, enum err why);
/* Of max_open_files, what syncs, checkpoints and warm-ups may keep open each. */
size_t store_open_share(const struct store *st);
void store_moved(struct store *st, struct store_log *log);

#endif
