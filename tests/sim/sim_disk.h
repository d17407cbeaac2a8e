/* The simulated disk's inside: nodes, names and what of both is durable.  The
 * rules are in env_sim.h; only env_sim.c and sim_disk.c see this. */
#ifndef WEIR_TESTS_SIM_DISK_H
#define WEIR_TESTS_SIM_DISK_H

#include "core/base/mem.h"
#include "tests/unit/random.h"

#include <uthash.h>

#define SECTOR_BYTES 512u
#define SECTOR_LOST UINT32_MAX     /* a failed sync took it: never durable by a later sync */

struct sim_node;
struct sim_name {
    char *name;
    struct sim_node *node;
    UT_hash_handle hh;
};
struct sim_node {
    bool is_dir;
    bool cold;
    unsigned refs;                 /* names, handles, changes and captures that point here */
    unsigned live;                 /* names and handles as they stand: it takes space */
    uint64_t id;
    /* a directory */
    struct sim_name *names, *durable_names;
    /* a file; bytes past its size are zero */
    uint8_t *bytes, *durable;
    uint64_t size, durable_size, capacity;
    uint32_t *written;             /* per sector: number of the last write not durable yet, 0 none */
    uint32_t *landed;              /* per sector: number of the write that the durable bytes are of */
    uint32_t size_landed;          /* number of the capture that the durable size is of */
    struct sim_node *next, *prev;
};
/* A change of names that is not durable yet.  to == NULL: name is unlinked. */
struct sim_change {
    uint64_t seq;
    struct sim_node *dir, *to_dir; /* to_dir: of a rename, else NULL */
    char *name, *to;
    struct sim_node *node;         /* what is linked or renamed; NULL: unlinked */
    bool dir_synced, to_synced;
    struct sim_change *next;
};
struct sim_disk {
    struct sim_node *root;
    struct sim_node *nodes;        /* all */
    struct sim_change *changes, **changes_end;
    uint64_t change_seq, node_id, used, total;
    uint32_t write_seq;
};
/* What a sync found when it was started. */
struct sim_capture {
    struct sim_node *node;
    uint64_t change_seq;           /* a directory: changes up to this */
    uint32_t number;
    uint64_t size;
    size_t n;
    uint32_t *sectors, *written;
    uint8_t *bytes;
};

struct sim_disk *sim_disk_new(uint64_t total);
void sim_disk_free(struct sim_disk *d);
/* NULL: not there.  *leaf and *parent, if asked, are set when the parent is there. */
struct sim_node *sim_disk_find(struct sim_disk *d, const char *path, struct sim_node **parent, const char **leaf);
struct sim_node *sim_disk_make(struct sim_disk *d, struct sim_node *parent, const char *leaf, bool is_dir);
void sim_disk_unlink(struct sim_disk *d, struct sim_node *parent, const char *leaf);
void sim_disk_rename(struct sim_disk *d, struct sim_node *from, const char *name, struct sim_node *to,
                     const char *new_name);
void sim_node_hold(struct sim_disk *d, struct sim_node *node);      /* a handle */
void sim_node_release(struct sim_disk *d, struct sim_node *node);
bool sim_disk_write(struct sim_disk *d, struct sim_node *node, uint64_t offset, const uint8_t *p, size_t n);
bool sim_disk_resize(struct sim_disk *d, struct sim_node *node, uint64_t size);   /* false: no room */
void sim_capture_take(struct sim_disk *d, struct sim_node *node, struct sim_capture *c);
/* failed: some of it lands, all of it is never written again. */
void sim_capture_land(struct sim_disk *d, struct sim_capture *c, struct random *failed);
void sim_capture_free(struct sim_disk *d, struct sim_capture *c);
void sim_disk_crash(struct sim_disk *d, struct random *r);

#endif
