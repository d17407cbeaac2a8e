/* The broker: Kafka's request/response semantics over the store.
 *
 * Events go in (a whole request frame, end of tick, time, peer gone, and the
 * store's own events); responses come out through each connection's sink, in
 * the order of the requests.  A request is begun as soon as it arrives; a
 * produce that waits for its sync or a long poll holds back later answers of its
 * connection, not later appends.
 *
 * No system calls; one thread.  The caller (core/net) owns sockets and buffers. */
#ifndef WEIR_BROKER_BROKER_H
#define WEIR_BROKER_BROKER_H

#include "core/base/env.h"
#include "core/proto/proto.h"
#include "core/store/store.h"

struct broker;
struct broker_conn;

/* One answer on its way out: the 4-byte size is in out.head already.  The sink
 * owns it from `send` on and gives it back with broker_response_free. */
struct broker_response {
    struct proto_out out;
    struct buf records;               /* what out's refs point into (Fetch) */
    struct broker_response *next;     /* for the sink's queue */
};
void broker_response_free(struct broker_response *r);

/* The network's end of a connection; the broker never calls it from inside
 * broker_conn_close. */
struct broker_sink {
    void (*send)(struct broker_sink *s, struct broker_response *r);
    /* The broker wants this connection gone (bad frame, acks=0 error): the sink
     * calls broker_conn_close later, from the loop. */
    void (*hang_up)(struct broker_sink *s, const char *reason);
    /* Bytes of records that an answer may hold now; 0: none until broker_conn_drained.  NULL: any number. */
    size_t (*room)(struct broker_sink *s);
};

struct broker_settings {
    int32_t node_id;                  /* 1 */
    const char *version;
    const char *data_dir;             /* as DescribeLogDirs shows it; NULL: "/" */
    bool lenient_replication;         /* replication factor above 1 is taken as 1 */
    /* Broker configs by Kafka's name, `--set name=value` and file; unknown names
     * and bad values are refused by broker_check_setting first. */
    const struct broker_setting { const char *name, *value; } *settings;
    size_t n_settings;
};
/* OK, ERR_NOT_FOUND (no such config), ERR_INVALID (text says the rule). */
enum err broker_check_setting(const char *name, const char *value, struct error *e);

/* Reads the broker's state from the store's map and logs.  The store's events
 * must be wired to broker_store_events(). */
enum err broker_new(struct broker **out, struct env *env, const struct broker_settings *settings,
                    struct error *e) WEIR_MUST_CHECK;
/* The events to hand to store_open; then broker_start with what it returned. */
void broker_store_events(struct broker *b, struct store_events *out);
enum err broker_start(struct broker *b, struct store *store, struct error *e) WEIR_MUST_CHECK;
void broker_free(struct broker *b);   /* after all connections are closed; does not close the store */

/* host/port: what Metadata and FindCoordinator tell this connection's client
 * (the listener's advertised address).  peer: for group descriptions, "/127.0.0.1". */
struct broker_conn *broker_conn_open(struct broker *b, struct broker_sink *sink, const char *host, int32_t port,
                                     const char *peer);
void broker_conn_close(struct broker_conn *c);
/* One frame without its size field.  The bytes may be changed in place (record
 * batches get their offsets) and may be reused when this returns.
 * ERR_CORRUPT, ERR_UNSUPPORTED: close the connection (Kafka does). */
enum err broker_conn_frame(struct broker_conn *c, uint8_t *frame, size_t n) WEIR_MUST_CHECK;
/* Requests begun and not answered; the network stops reading above its limit. */
size_t broker_conn_unfinished(const struct broker_conn *c);
/* Bytes of answers that are made and wait for one before them. */
size_t broker_conn_held(const struct broker_conn *c);
/* There is room again for a connection that had none.  True: the next end of a tick answers what waited for it. */
bool broker_conn_drained(struct broker_conn *c);
/* Bytes of requests that are begun, on all connections. */
size_t broker_begun_bytes(const struct broker *b);

/* End of a loop tick: flushes the store, sends what became ready. */
void broker_tick_end(struct broker *b);
/* Fires timers (long polls, sessions, retention); returns the next deadline, us of env->mono_us. */
int64_t broker_tick(struct broker *b);

struct broker_stats {
    uint64_t requests, bytes_in, bytes_out, messages_in, batches_in;
    size_t connections, topics, partitions, groups, parked;
    uint64_t requests_by_api[128];
};
void broker_get_stats(const struct broker *b, struct broker_stats *out);
const char *broker_cluster_id(const struct broker *b);

#endif
