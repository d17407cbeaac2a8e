/* Snapshots made by hand, and screens without a terminal. */
#ifndef WEIR_TESTS_UI_WORLD_H
#define WEIR_TESTS_UI_WORLD_H

#include "tests/ui/fake_client.h"
#include "tui/cmd/screen.h"

#define WORLD_NOW_US 1000000000
struct world {
    struct client client;
    struct screen screen;
    struct canvas canvas;
    struct buf text;
};
/* A cluster of three brokers, eight topics, four groups; the same every time. */
struct snapshot *world_snapshot(uint64_t serial);
enum world_kind {
    WORLD_USUAL,
    WORLD_HURT,         /* a partition without a leader, one out of sync */
    WORLD_WAITING,      /* names are here, numbers are not */
    WORLD_OWN,          /* weir's own broker */
};
struct snapshot *world_of(enum world_kind kind, uint64_t serial);
/* Nothing in it yet but the link. */
struct snapshot *world_empty(enum link_state link, bool embedded);

void world_init(struct world *w, int columns, int rows, bool ascii);
void world_begin(struct world *w, int columns, int rows, bool ascii);  /* the same with a client that is there */
void world_fini(struct world *w);
void world_keys(struct world *w, const char *keys);     /* names between blanks: "j j enter"; 'text types it */
const char *world_paint(struct world *w);               /* the screen as text */
const char *world_line(struct world *w, int y);         /* of the last paint */
/* Answers as they would come from the cluster. */
void world_configs(struct world *w);                    /* of the topic that is open */
void world_receipt(struct world *w, int32_t partition, int64_t offset, const char *failure_or_null);
void world_records(struct world *w);                    /* a few, some hostile, for every tail */
/* Every cell holds what a terminal may be given. */
void world_check_cells(const struct world *w);

#endif
