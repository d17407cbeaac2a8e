/* A client without a cluster, for tests of the screen: what is asked of it is
 * written down, what it answers is what the test put there. */
#ifndef WEIR_TESTS_UI_FAKE_CLIENT_H
#define WEIR_TESTS_UI_FAKE_CLIENT_H

#include "core/client/client.h"

struct fake_action {
    enum client_action_kind kind;
    char name[300];
    int32_t partitions;
    size_t n_configs, n_offsets;
    int64_t first_offset;
};
struct client {
    struct fake_action actions[32];
    size_t n_actions;
    uint64_t last_id;
    struct { char topic[300]; char key[64], value[256]; int32_t n_headers; int acks; enum batch_codec codec;
             bool null_key, null_value; char headers[200]; size_t value_n; } produced[32];
    int acks;                           /* of client_produce_defaults */
    enum batch_codec codec;
    size_t pending;                     /* receipts that are owed */
    size_t n_produced, produce_room;    /* messages taken before "queue full" */
    size_t n_interests, n_refreshes, n_reconnects;
    size_t interest_topics, interest_groups;
    char reconnected[300];
    struct tail_row rows[64];           /* what every tail has */
    size_t n_rows;
    struct tail_stats stats;            /* last is kept by the fake */
    struct tail_spec spec;              /* of the last tail_open; texts copied below */
    char spec_topic[300], spec_filter[300], spec_cluster[300];  /* the last: what was connected to before it */
    int32_t spec_partition;
    uint64_t kept;                      /* of the last tail_keep */
    size_t tails_open;
};
void fake_client_init(struct client *c);
void fake_client_row(struct client *c, int32_t partition, int64_t offset, struct slice key, struct slice value);

#endif
