/* The brokers of a cluster by the addresses that Metadata names, and the way in:
 * one table for the reader, for each tail and for each producer.
 *
 *   seeds, in turn --Metadata--> nodes_get, node_advertise --node_open--> a connection each
 *
 * An address counts where it can be one: a name that fits and has no NUL in it, and
 * a port from 1 to 65535.  With another address the connection to the old one ends.
 * A seed with the address of a node becomes that node's connection.  Where a seed
 * fails the next is tried at once; a whole round of them that failed waits, each
 * round longer, and as long as a refused login wants it.
 * Thread: the one of the wire's loop. */
#ifndef WEIR_CLIENT_NODES_H
#define WEIR_CLIENT_NODES_H

#include "core/client/conn.h"

#define NODES_MAX 4096              /* more is not a cluster but an attack */

struct metadata_resp;
struct metadata_resp_broker;
struct node {                       /* begins the owner's own struct */
    int32_t id;
    uint16_t port;
    char host[ADDR_HOST_SIZE];      /* "": it advertises no address that could be one */
    struct conn *conn;              /* NULL before node_open; its user is the node */
    void *owner;                    /* of nodes_init */
};
struct seed { char host[ADDR_HOST_SIZE]; uint16_t port; };
struct nodes {
    struct wire *wire;
    void *owner;
    size_t node_size;               /* of the owner's struct for a node */
    struct node **v;                /* by id; none is freed before nodes_clear */
    size_t n;
    struct seed *seeds;
    size_t n_seeds, seed_at;
    size_t failed;                  /* seeds, since Metadata was answered last */
    int64_t round_us, worst_us;     /* what the last round of seeds waited; what this one will have to */
    struct conn *seed;              /* its user is NULL; NULL while none is needed */
};

void nodes_init(struct nodes *ns, struct wire *w, void *owner, size_t node_size);
/* "host:port,host:port"; what was there before stays where it is none. */
enum err nodes_set_seeds(struct nodes *ns, const char *bootstrap, struct error *e) WEIR_MUST_CHECK;
void nodes_clear(struct nodes *ns); /* no node, no connection; calls in flight end */
void nodes_fini(struct nodes *ns);

struct node *nodes_find(const struct nodes *ns, int32_t id);
struct node *nodes_get(struct nodes *ns, int32_t id);               /* made where it is not there; NULL: too many */
/* All that an answer names, for whom no more than their addresses counts; the seeds are good. */
void nodes_take(struct nodes *ns, const struct metadata_resp *m);
/* True: the address is another than before, and the connection is gone. */
bool node_advertise(struct node *node, const struct metadata_resp_broker *m);
/* Makes and opens its connection, as far as the backoff lets it.  False: it has no address. */
bool node_open(struct nodes *ns, struct node *node);
static inline bool node_is_up(const struct node *node) { return node->conn != NULL && conn_is_up(node->conn); }
/* "broker 3: ...", of a connection of it that went down; NULL: it has no address for one. */
void node_why(const struct node *node, const struct conn *c, char *out, size_t size);

/* One that is up, of several the one that owes no old answer; NULL: none. */
struct conn *nodes_any(const struct nodes *ns);
void nodes_open_seed(struct nodes *ns);
void nodes_open_all(struct nodes *ns);                              /* the seed and every node: any of them will do */
/* The seed went down.  True: it was the last of a round, and the next attempt waits.  The seed is another one then. */
bool nodes_seed_failed(struct nodes *ns);
void nodes_hurry(struct nodes *ns);                                 /* no attempt waits any longer: the user asked */
void nodes_answered(struct nodes *ns);                              /* Metadata came: the seeds are good */
void nodes_drop_seed(struct nodes *ns);                             /* a node is up: what owes nothing is let go */

#endif
