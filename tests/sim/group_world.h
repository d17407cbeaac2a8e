/* A broker in the simulated world and members of groups that talk to it by
 * frames: what the tests of the coordinator share.
 *
 *     struct group_world w;
 *     world(&w, NULL);                                    // with a topic "t" of 4 partitions
 *     struct sim_client *c = sim_client_new(&w, "me");
 *     struct slice id = stable_one(c, "g");
 *     group_world_restart(&w, true);                      // the power fails; clients are gone
 *     group_world_fini(&w);
 *
 * Answers live until the world's end.  Time moves only by group_world_advance,
 * and by the disk's delays. */
#ifndef WEIR_TESTS_GROUP_WORLD_H
#define WEIR_TESTS_GROUP_WORLD_H

#include "core/broker/group.h"
#include "tests/sim/env_sim.h"

#define SESSION_MS 10000
#define REBALANCE_MS 20000

struct sim_client;
struct group_world {
    struct env_sim *sim;
    struct store *st;
    struct broker *b;
    struct store_config config;
    struct broker_settings settings;
    struct error error;
    struct arena arena;
    struct sim_client *clients;
};

struct sim_client {
    struct broker_sink sink;          /* first */
    struct group_world *w;
    struct broker_conn *conn;
    const char *client_id;
    int32_t next_id, expected_id;     /* correlation ids, sent and answered */
    struct broker_response *first, *last;
    bool hung_up;
    struct sim_client *next;
};

/* Settings (NULL, or ended by a null name) are read before the start. */
void group_world_init(struct group_world *w, uint64_t seed, const struct broker_setting *settings);
void group_world_fini(struct group_world *w);
/* Ends the broker, by a crash of the power or cleanly, and starts it again; all clients are gone. */
void group_world_restart(struct group_world *w, bool crash);
/* Runs ticks until nothing is in flight. */
void group_world_settle(struct group_world *w);
/* The same for `ms`, firing each timer when it is due. */
void group_world_advance(struct group_world *w, int64_t ms);

struct sim_client *sim_client_new(struct group_world *w, const char *client_id);
void sim_client_close(struct sim_client *c);
/* Sends and does not run the broker's tick: nothing becomes durable by it. */
void sim_send(struct sim_client *c, int16_t key, int16_t version, const void *request);
/* The next answer into *response; false: none there yet. */
bool sim_take(struct sim_client *c, int16_t key, int16_t version, void *response);
/* Send, settle, take; an answer that does not come is a failed assertion. */
void sim_call(struct sim_client *c, int16_t key, int16_t version, const void *request, void *response);

/* ---- requests, short: send_ does not run the tick, take_ does not wait ---- */
struct join {
    const char *group, *instance;
    struct slice member;
    const char *metadata, *protocol, *type;
    int version;
    int32_t rebalance_ms;
};

struct as {
    int32_t generation;
    struct slice member;
    const char *instance;
};
#define NOBODY ((struct as){.generation = -1})

struct slice text(struct group_world *w, const char *format, ...) WEIR_PRINTF(2, 3);
void make_topic(struct sim_client *c, const char *name, int32_t partitions);
void delete_topic(struct sim_client *c, const char *name);
void send_join(struct sim_client *c, struct join j);
bool take_join(struct sim_client *c, struct join_group_resp *r);
struct join_group_resp call_join(struct sim_client *c, struct join j);
struct slice new_id(struct sim_client *c, const char *group);
void send_sync(struct sim_client *c, const char *group, int32_t generation, struct slice member,
                      const struct slice *members, int n);
struct sync_group_resp take_sync(struct sim_client *c);
int16_t beat_as(struct sim_client *c, const char *group, int32_t generation, struct slice member,
                       const char *instance);
int16_t beat(struct sim_client *c, const char *group, int32_t generation, struct slice member);
int16_t leave(struct sim_client *c, const char *group, struct slice member);
struct describe_groups_resp_described_group describe(struct sim_client *c, const char *group);
void assert_state(struct sim_client *c, const char *group, const char *state, int members);
void send_commit(struct sim_client *c, const char *group, struct as who, const char *topic, int32_t partition,
                        int64_t offset, const char *metadata);
bool take_commit(struct sim_client *c, int16_t *error);
int16_t commit_as(struct sim_client *c, const char *group, struct as who, const char *topic, int32_t partition,
                         int64_t offset);
void commit(struct sim_client *c, const char *group, const char *topic, int32_t partition, int64_t offset);
void send_fetch(struct sim_client *c, const char *group, const char *topic, int32_t partition);
bool take_fetch(struct sim_client *c, int16_t *error, int64_t *offset);
int64_t fetched(struct sim_client *c, const char *group, const char *topic, int32_t partition);
int16_t delete_group(struct sim_client *c, const char *group);
void world(struct group_world *w, const struct broker_setting *settings);
struct slice stable_one(struct sim_client *c, const char *group);
struct slice stable_two(struct sim_client *a, struct sim_client *b, const char *group, struct slice first);

#endif
