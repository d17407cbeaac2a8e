/* The tail view's inside, shared by tail.c (life, keys), tail_from.c (where it
 * reads), tail_paint.c and tail_export.c.  UI thread. */
#ifndef WEIR_VIEWS_TAIL_VIEW_H
#define WEIR_VIEWS_TAIL_VIEW_H

#include "core/client/tail_match.h"
#include "tui/views/record.h"

#include <stdio.h>

#define TAIL_ROWS_MAX 400
#define TAIL_PARTITIONS 64

/* A file being written, in portions between two looks at the keyboard. */
struct tail_export {
    FILE *file;
    char name[400];
    uint64_t next, last;        /* serials */
    uint64_t n, lost;           /* written; gone from the ring before */
};

/* Where it begins, and how that was said. */
struct tail_start {
    enum tail_from from;
    int64_t value;
    char text[64];
};

struct tail_view {
    struct view view;
    struct tail *tail;
    struct tail_stats stats;
    char topic[300], filter[256];
    struct tail_match match;    /* of filter, to mark what it found */
    struct tail_start start;
    int32_t partitions[TAIL_PARTITIONS];
    size_t n_partitions;        /* 0 all */
    bool live, wrap;
    enum { DETAIL_CLOSED, DETAIL_SPLIT, DETAIL_WHOLE } detail;
    uint64_t bottom;            /* serial of the last row on screen */
    uint64_t selected;          /* serial */
    uint64_t seen;              /* stats.matched when held */
    uint64_t notes;             /* of stats.notes, told */
    bool away;                  /* told */
    int64_t painted_us;
    struct tail_row *rows;      /* of the last fetch */
    size_t n_rows;
    uint64_t fetched_from;
    size_t fetched_n;
    int key_w, scroll;          /* scroll: of the record */
    int list_h, detail_h, page_w;
    enum decode decode;
    int fold;
    struct block record;
    uint64_t record_serial;     /* what the block shows; 0 nothing */
    int record_rows, record_w;  /* rows that the block takes in this width */
    struct tail_export export;
    bool failed;
    char why[300];
};

/* tail.c */
void tail_view_start(struct tail_view *me, struct ui *u);
const struct tail_row *tail_view_selected(const struct tail_view *me);
/* The selected record with all its bytes; from the screen where it has left the ring.  False: none is selected. */
bool tail_view_whole(struct tail_view *me, struct tail_row *row);
/* tail_from.c */
void tail_view_from_default(struct tail_view *me);
void tail_view_from_offset(struct tail_view *me, int64_t offset);
bool tail_view_set_from(struct tail_view *me, struct ui *u, const char *arg);     /* "" asks by a form */
bool tail_view_set_only(struct tail_view *me, struct ui *u, const char *arg);
/* tail_export.c */
void tail_view_export(struct tail_view *me, struct ui *u, const char *path);
bool tail_view_exporting(const struct tail_view *me);
void tail_view_export_step(struct tail_view *me, struct ui *u);
void tail_view_export_stop(struct tail_view *me, struct ui *u, const char *why);   /* NULL: it is whole */
/* tail_paint.c */
void tail_view_paint(struct view *v, struct ui *u, struct canvas *c, struct rect r);

#endif
