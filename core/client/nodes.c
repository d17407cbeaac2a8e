/* The table of a cluster's brokers and the way into it; see nodes.h. */
#include "core/client/nodes.h"

#include "core/proto/apis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_US 2000000             /* for one of several seeds in the first round: then the next is tried */

void nodes_init(struct nodes *ns, struct wire *w, void *owner, size_t node_size) {
    *ns = (struct nodes){.wire = w, .owner = owner, .node_size = node_size};
}

/* ---- the table ---- */

/* The first whose id is not less. */
static size_t place_of(const struct nodes *ns, int32_t id) {
    size_t low = 0, high = ns->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ns->v[middle]->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct node *nodes_find(const struct nodes *ns, int32_t id) {
    size_t at = place_of(ns, id);
    return at < ns->n && ns->v[at]->id == id ? ns->v[at] : NULL;
}

struct node *nodes_get(struct nodes *ns, int32_t id) {
    size_t at = place_of(ns, id);
    if (at < ns->n && ns->v[at]->id == id)
        return ns->v[at];
    if (ns->n >= NODES_MAX)
        return NULL;
    struct node *node = mem_zalloc(ns->node_size);
    node->id = id;
    node->owner = ns->owner;
    ns->v = mem_realloc(ns->v, (ns->n + 1) * sizeof *ns->v);
    memmove(&ns->v[at + 1], &ns->v[at], (ns->n - at) * sizeof *ns->v);
    ns->v[at] = node;
    ns->n++;
    return node;
}

void nodes_clear(struct nodes *ns) {
    conn_free(ns->seed);
    ns->seed = NULL;
    for (size_t i = 0; i < ns->n; i++)
        conn_free(ns->v[i]->conn); /* its calls end here, and may look at other nodes */
    for (size_t i = 0; i < ns->n; i++)
        free(ns->v[i]);
    free(ns->v);
    ns->v = NULL;
    ns->n = 0;
    ns->failed = 0;
    ns->round_us = ns->worst_us = 0;
}

void nodes_fini(struct nodes *ns) {
    nodes_clear(ns);
    free(ns->seeds);
    ns->seeds = NULL;
    ns->n_seeds = 0;
}

/* ---- a node ---- */

bool node_advertise(struct node *node, const struct metadata_resp_broker *m) {
    char host[ADDR_HOST_SIZE] = "";
    uint16_t port = 0;
    if (m->host.n > 0 && m->host.n < sizeof host && memchr(m->host.p, '\0', m->host.n) == NULL && m->port >= 1 &&
        m->port <= UINT16_MAX) {
        memcpy(host, m->host.p, m->host.n);
        port = (uint16_t)m->port;
    }
    if (strcmp(node->host, host) == 0 && node->port == port)
        return false;
    memcpy(node->host, host, sizeof host);
    node->port = port;
    struct conn *old = node->conn;
    node->conn = NULL;
    conn_free(old);
    return true;
}

void nodes_take(struct nodes *ns, const struct metadata_resp *m) {
    for (int32_t i = 0; i < m->brokers.n; i++) {
        struct node *node = nodes_get(ns, m->brokers.v[i].node_id);
        if (node != NULL)
            node_advertise(node, &m->brokers.v[i]);
    }
    nodes_answered(ns);
}

bool node_open(struct nodes *ns, struct node *node) {
    struct conn *seed = ns->seed;
    if (node->host[0] == '\0')
        return false;
    if (node->conn == NULL && seed != NULL && seed->port == node->port && strcmp(seed->host, node->host) == 0) {
        seed->user = node;
        seed->patience_us = CONN_CONNECT_US;
        node->conn = seed;
        ns->seed = NULL;
    }
    if (node->conn == NULL)
        node->conn = conn_new(ns->wire, node->host, node->port, node);
    conn_open(node->conn);
    return true;
}

void node_why(const struct node *node, const struct conn *c, char *out, size_t size) {
    if (c == NULL)
        snprintf(out, size, "broker %d advertises no usable address", node->id);
    else if (c->refused_names)
        snprintf(out, size,
                 "broker %d advertises %s, which does not resolve here · mend its advertised.listeners, or give this "
                 "machine the name",
                 node->id, c->name);
    else
        snprintf(out, size, "broker %d: %s", node->id, c->why);
}

/* ---- the way in ---- */

enum err nodes_set_seeds(struct nodes *ns, const char *bootstrap, struct error *e) {
    struct seed *seeds = NULL;
    size_t n = 0;
    const char *at = bootstrap;
    while (*at != '\0') {
        size_t field = strcspn(at, ","), len = field;
        struct seed s;
        for (; len > 0 && strchr(" \t", *at) != NULL; at++, field--)     /* as Kafka's own clients read the list */
            len--;
        while (len > 0 && strchr(" \t", at[len - 1]) != NULL)
            len--;
        char *one = mem_strndup(slice_of(at, len));
        enum err err = len == 0 ? OK : addr_split(one, 9092, s.host, &s.port, e);
        if (err == OK && len > 0 && s.port == 0)
            err = error_set(e, ERR_USAGE, "\"%s\": nobody listens at port 0; Kafka's is 9092", one);
        free(one);
        if (err != OK) {
            free(seeds);
            return err;
        }
        if (len > 0) {
            seeds = mem_realloc(seeds, (n + 1) * sizeof *seeds);
            if (s.host[0] == '\0')
                snprintf(s.host, sizeof s.host, "localhost");
            seeds[n++] = s;
        }
        at += field + (at[field] == ',');
    }
    if (n == 0)
        return error_set(e, ERR_INVALID, "no broker address given · -b HOST:PORT");
    free(ns->seeds);
    ns->seeds = seeds;
    ns->n_seeds = n;
    ns->seed_at = ns->failed = 0;
    ns->round_us = ns->worst_us = 0;
    return OK;
}

struct conn *nodes_any(const struct nodes *ns) {
    struct conn *best = ns->seed != NULL && conn_is_up(ns->seed) ? ns->seed : NULL;
    for (size_t i = 0; i < ns->n; i++) {
        struct conn *c = ns->v[i]->conn;
        if (c != NULL && conn_is_up(c) && (best == NULL || conn_oldest_us(c) > conn_oldest_us(best)))
            best = c;
    }
    return best;
}

static void make_seed(struct nodes *ns) {
    const struct seed *s = &ns->seeds[ns->seed_at];
    ns->seed = conn_new(ns->wire, s->host, s->port, NULL);
    ns->seed->backoff_us = ns->round_us;
    if (ns->n_seeds > 1 && ns->failed < ns->n_seeds)
        ns->seed->patience_us = SEED_US;
}

void nodes_open_seed(struct nodes *ns) {
    if (ns->n_seeds == 0)
        return;
    if (ns->seed == NULL)
        make_seed(ns);
    conn_open(ns->seed);
}

void nodes_open_all(struct nodes *ns) {
    for (size_t i = 0; i < ns->n; i++)
        node_open(ns, ns->v[i]);
    nodes_open_seed(ns);
}

bool nodes_seed_failed(struct nodes *ns) {
    ns->failed++;
    if (ns->n_seeds < 2)
        return true;
    struct conn *old = ns->seed;
    if (old->backoff_us > ns->worst_us)
        ns->worst_us = old->backoff_us;
    ns->seed_at = (ns->seed_at + 1) % ns->n_seeds;
    bool round = ns->failed % ns->n_seeds == 0;
    if (round) {
        ns->round_us = ns->worst_us;
        ns->worst_us = 0;
    }
    conn_free(old);
    make_seed(ns);
    if (round)
        conn_wait(ns->seed, ns->round_us);
    else
        conn_open(ns->seed);
    return round;
}

void nodes_hurry(struct nodes *ns) {
    ns->round_us = ns->worst_us = 0;
    if (ns->seed != NULL && ns->seed->state == CONN_DOWN)
        conn_hurry(ns->seed);
    for (size_t i = 0; i < ns->n; i++)
        if (ns->v[i]->conn != NULL && ns->v[i]->conn->state == CONN_DOWN)
            conn_hurry(ns->v[i]->conn);
}

void nodes_answered(struct nodes *ns) {
    ns->failed = 0;
    ns->round_us = ns->worst_us = 0;
}

void nodes_drop_seed(struct nodes *ns) {
    if (ns->seed == NULL || conn_oldest_us(ns->seed) != INT64_MAX)
        return;
    conn_free(ns->seed);
    ns->seed = NULL;
}
