/* A broker in the simulated world, and clients that speak the protocol to it
 * through the codec: shared by the tests of the broker. */
#ifndef WEIR_TESTS_BROKER_WORLD_H
#define WEIR_TESTS_BROKER_WORLD_H

#include "core/broker/broker.h"
#include "core/proto/apis.h"
#include "core/proto/errors.h"
#include "tests/sim/env_sim.h"

struct bworld {
    struct env_sim *sim;
    struct store *st;             /* NULL while closed */
    struct broker *broker;        /* NULL while closed */
    struct store_config config;
    struct broker_settings settings;
    struct store_recovery recovery;
    struct error error;
};

void bworld_init(struct bworld *w, uint64_t seed);     /* small files, lenient replication */
void bworld_fini(struct bworld *w);
enum err bworld_open(struct bworld *w);
void bworld_settle(struct bworld *w);                  /* ends ticks and syncs until all is quiet */
void bworld_advance(struct bworld *w, int64_t us);     /* and time passes: timers fire */
/* Clients must be gone (client_fini) before these. */
void bworld_close(struct bworld *w);
void bworld_crash(struct bworld *w, uint64_t seed);    /* process and power */

struct client {
    struct broker_sink sink;      /* first */
    struct broker_conn *conn;
    struct broker_response *first, *last;   /* answers not looked at yet */
    size_t n_answers;
    bool hung_up;
    int32_t next_id;
    const char *client_id;
    struct arena arena;           /* of the last answer */
    struct buf frame;
    struct buf request;           /* the last one sent, without its size */
};
void client_init(struct client *c, struct bworld *w);
void client_fini(struct client *c);                    /* closes; what it waits for is abandoned */
/* Sends a request; `body` is the struct of the API's request.  Returns what the broker said. */
enum err client_send(struct client *c, int16_t key, int16_t version, const void *body);
/* The oldest answer, decoded; NULL: none yet.  Checks that it is of the request with this id. */
void *client_answer(struct client *c, int16_t key, int16_t version, int32_t id);
/* Sends, settles, returns the answer; fails when there is none. */
void *client_ask(struct bworld *w, struct client *c, int16_t key, int16_t version, const void *body);
#define ASK(w, c, KEY, version, body, type) ((struct type *)client_ask(w, c, API_##KEY, version, body))

/* Shorthands. */
int16_t client_create_topic(struct bworld *w, struct client *c, const char *name, int32_t n_partitions,
                            const char *config, const char *value);
/* acks=-1, to one partition; version 9.  Returns the partition's answer, valid until the next one. */
struct produce_resp_partition *client_produce(struct bworld *w, struct client *c, const char *topic, int32_t partition,
                                              struct slice batch);
/* n records "value-0" ... without producer; replaces out's bytes. */
void make_batch(struct buf *out, int32_t n, int64_t timestamp_ms);

#endif
