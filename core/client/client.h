/* The console's view of a cluster: a client thread that reads by weir's own
 * codec (many requests in flight, one ListOffsets per leader), tails and produces
 * by it, and leaves to librdkafka what only that knows.
 *
 * Threads: every function here may be called from the one thread that made the
 * client (the UI or a script command) and returns at once unless it says
 * "waits".  Snapshots pass by a one-slot mailbox; what must not be lost
 * (events) by a bounded queue that counts what it drops. */
#ifndef WEIR_CLIENT_CLIENT_H
#define WEIR_CLIENT_CLIENT_H

#include "core/model/model.h"
#include "core/proto/batch.h"

struct client;

struct client_property { const char *name, *value; };   /* librdkafka's names: -X, -F */
struct client_config {
    const char *bootstrap;            /* host:port[,host:port...] */
    const struct client_property *properties;
    size_t n_properties;
    int64_t refresh_us;               /* default 1 s */
    bool embedded;                    /* the broker is weir's own on this machine */
    const char *data_dir;             /* embedded: shown */
    const char *durability;
    bool once;                        /* for script commands: no refreshing */
};
enum err client_new(struct client **out, const struct client_config *config, struct error *e) WEIR_MUST_CHECK;
void client_free(struct client *c);   /* waits for the threads; bounded (about 1 s) */
int64_t client_now_us(void);          /* the clock of every at_us */

/* Of the librdkafka that the program runs with. */
const char *client_library_version(void);

/* Readable when there is a new snapshot, event or tail row; drained by client_poll. */
int client_fd(const struct client *c);
/* The newest snapshot if there is one since the last call (the caller owns a
 * reference), else NULL.  Also drains the fd. */
struct snapshot *client_poll(struct client *c);

/* What is on screen, so that it is read first and most often; copied.  Topics: offsets wanted for
 * these; groups: members and offsets for these. all_groups: a list of all lags is wanted (paced).
 * With `once` the snapshot whose `interest` equals the number of these calls and that is `settled` has it all;
 * else no snapshot is made for a change that asks for nothing new. */
struct client_interest {
    const struct slice *topics; size_t n_topics;
    const struct slice *groups; size_t n_groups;
    bool all_offsets, all_groups, sizes, quorum;
};
void client_set_interest(struct client *c, const struct client_interest *i);
void client_refresh(struct client *c);           /* now, not at the next interval */
void client_reconnect(struct client *c, const char *bootstrap_or_null);

/* ---- actions: asynchronous; the outcome comes as an event with the same id ---- */
enum client_action_kind {
    ACTION_CREATE_TOPIC, ACTION_DELETE_TOPIC, ACTION_ADD_PARTITIONS, ACTION_ALTER_CONFIG,
    ACTION_DELETE_RECORDS, ACTION_DELETE_GROUP, ACTION_RESET_OFFSETS, ACTION_DESCRIBE_CONFIGS,
    ACTION_OFFSETS_AT_TIME,           /* offsets[].offset are milliseconds; the answer comes in the event's offsets */
};
struct client_action {
    enum client_action_kind kind;
    const char *name;                 /* topic or group */
    int32_t partitions, replication;  /* create: -1 = the broker's default */
    const struct client_property *configs; size_t n_configs;   /* create, alter; value NULL: back to default */
    const struct client_offset { const char *topic; int32_t partition; int64_t offset; } *offsets; size_t n_offsets;
    bool validate_only;
};
uint64_t client_act(struct client *c, const struct client_action *a);   /* copied; returns its id */

struct client_place { char *topic; int32_t partition; int64_t offset; };    /* offset -1: no record that late */
struct client_config_row { struct slice name, value, doc; bool read_only, sensitive, is_default; int8_t source; };
enum client_event_kind { EVENT_ACTION, EVENT_RECEIPT, EVENT_LOG, EVENT_CHANGE };
struct client_event {
    enum client_event_kind kind;
    uint64_t id;                      /* action or message */
    int16_t error;                    /* Kafka's code; where librdkafka produces also its negative ones */
    bool ok;
    char *text;                       /* sanitised; the sentence for the message line */
    int32_t partition; int64_t offset; int64_t took_us;   /* receipts */
    int64_t wall_ms;                  /* when */
    int log_level;
    struct client_config_row *configs; size_t n_configs;  /* ACTION_DESCRIBE_CONFIGS */
    struct client_place *places; size_t n_places;         /* ACTION_OFFSETS_AT_TIME: by topic and partition */
};
void client_places_sort(struct client_place *v, size_t n);
/* In what is sorted; NULL: not there. */
const struct client_place *client_place_find(const struct client_place *v, size_t n, struct slice topic,
                                             int32_t partition);
/* The oldest event, NULL when there is none; client_event_free it. */
struct client_event *client_next_event(struct client *c);
void client_event_free(struct client_event *ev);
uint64_t client_events_dropped(const struct client *c);

/* ---- produce (idempotent with acks=all) ---- */
struct produce_message {
    const char *topic;
    int32_t partition;                /* -1: by key */
    struct slice key, value;          /* null: none */
    const struct record_header *headers; int32_t n_headers;
    int acks;                         /* -1 all, 0, 1 */
    enum batch_codec codec;
};
/* Copies; the receipt comes as EVENT_RECEIPT with the id (acks=0: when sent).  0: queue full, try after events. */
uint64_t client_produce(struct client *c, const struct produce_message *m);
size_t client_produce_pending(const struct client *c);
/* Acks and codec of the message as the client's properties have them (acks, compression.type and librdkafka's names
 * for them), else all and none. */
void client_produce_defaults(const struct client *c, struct produce_message *m);
/* "all", "-1", "0", "1"; false: none of these. */
bool produce_read_acks(const char *text, int *acks);

/* ---- tail: a bounded ring of records ---- */
struct tail;
enum tail_from { TAIL_BEGINNING, TAIL_END, TAIL_OFFSET, TAIL_TIME, TAIL_LAST_N };
struct tail_spec {
    const char *topic;
    const int32_t *partitions; size_t n_partitions;   /* 0: all */
    enum tail_from from;
    int64_t value;                    /* offset, ms, count */
    const char *filter;               /* NULL: none; tail_match.h has its grammar */
    size_t ring_bytes;                /* 0: 32 MiB */
    bool stop_at_end;                 /* script commands: finish at the end seen at the start */
    /* Script commands that write to a pipe: nothing is dropped; reading from the
     * cluster stops while the ring is full of rows that tail_rows has not handed
     * out (a row is handed out when a later `from` passes it). */
    bool lossless;
    size_t cut_bytes;                 /* keys and values are kept up to this; 0: 64 KiB; SIZE_MAX: whole */
    size_t peek_bytes;                /* tail_rows hands out this much of each, tail_whole all that is kept; 0: all */
};
struct tail_row {                     /* slices valid until the next tail_rows call of this tail */
    uint64_t serial;                  /* 1-based number of this row since the tail was opened */
    int32_t partition;
    int64_t offset, timestamp_ms;
    bool append_time;
    struct slice key, value;          /* cut to cut_bytes each; full length in *_bytes */
    size_t key_bytes, value_bytes;
    int32_t n_headers;
    struct slice headers;             /* encoded: record_header_next */
};
struct tail_stats {
    uint64_t scanned, matched;        /* records seen, records in or through the ring */
    uint64_t dropped;                 /* matched, and pushed out of the ring before tail_rows handed them out */
    uint64_t first, last;             /* serials in the ring now; last 0: empty */
    int64_t distance;                 /* records between the position and the end; -1 unknown */
    double per_second;
    size_t ring_used_bytes;
    bool at_end, finished, failed;
    bool away;                        /* a leader cannot be reached just now; it is tried again */
    char why[256];                    /* of failed, else of away */
    uint64_t notes;                   /* how many there were; the newest: */
    char note[200];                   /* records were deleted under the tail: from where it goes on */
};
enum err tail_open(struct client *c, const struct tail_spec *spec, struct tail **out, struct error *e) WEIR_MUST_CHECK;
void tail_close(struct tail *t);
void tail_get_stats(struct tail *t, struct tail_stats *out);
/* Copies up to n rows beginning at serial `from` (or the oldest after it) out of the ring; returns how many. */
size_t tail_rows(struct tail *t, uint64_t from, struct tail_row *rows, size_t n);
/* Rows from this serial on stay in the ring until it is called again, 0: none; what finds no room is dropped. */
void tail_keep(struct tail *t, uint64_t serial);
/* One row with all that was kept of it; valid until the next tail_whole.  False: it has left the ring. */
bool tail_whole(struct tail *t, uint64_t serial, struct tail_row *row);

#endif
