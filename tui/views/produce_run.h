/* A run of messages: one or many of the same form, or the lines of a file, as fast
 * as they go or at a rate, waiting for each receipt or not.  The UI thread feeds
 * the client in portions between two looks at the keyboard. */
#ifndef WEIR_VIEWS_PRODUCE_RUN_H
#define WEIR_VIEWS_PRODUCE_RUN_H

#include "core/client/client.h"

#include <stdio.h>

#define RUN_HEADERS_MAX 64

/* Of a file: each line is a value; all of it is one; each line is a record as the tail exports them. */
enum run_as { RUN_LINES, RUN_WHOLE, RUN_EXPORTED };
struct run_spec {                   /* copied */
    const char *topic, *headers;    /* headers: run_headers_parse */
    int32_t partition;              /* -1: by key */
    struct slice key, value;        /* null: none */
    int acks;
    enum batch_codec codec;
    int64_t count, rate;            /* rate 0: as fast as it goes */
    bool sync;
    const char *file;               /* NULL: none */
    enum run_as as;
};
struct run {
    struct produce_message message; /* its slices point below */
    struct record_header headers[RUN_HEADERS_MAX];
    char *topic, *header_text;
    struct slice key, value;        /* heap copies */
    struct buf made[3];             /* key, value, headers with {n} replaced */
    int64_t left, rate, started_us; /* left: messages to come; of a file 1 while there is more of it */
    int64_t sent;
    bool numbered, sync, waits;     /* numbered: {n} is replaced; waits: for the receipt of `id` */
    uint64_t id;
    FILE *file;
    enum run_as as;
    struct buf record;              /* what an exported line stands for */
    char *line;
    size_t line_cap;
    bool have_line;                 /* read and not yet taken by the client */
    struct slice line_value, line_key;
    int64_t line_number;
    int64_t file_bytes, file_read;
    char why[200];                  /* it ended early; "" it did not */
};
/* False: `why` says what is wrong; nothing was sent. */
bool run_begin(struct run *r, const struct run_spec *spec, int64_t now_us, char *why, size_t why_size);
void run_end(struct run *r);
static inline bool run_is_on(const struct run *r) { return r->left > 0; }
/* Sends what is due; returns how many. */
int64_t run_feed(struct run *r, struct client *c, int64_t now_us);
void run_receipt(struct run *r, uint64_t id);
/* Until it must be fed again. */
int64_t run_due_us(const struct run *r);

/* "name=value, name": value null where there is no =, text_escape's escapes in both.  The text is changed in place
 * and pointed into.  NULL, or what is wrong with it. */
const char *run_headers_parse(char *text, struct record_header *out, int32_t *n);
/* The same backwards, so that no byte is lost. */
void run_headers_text(struct buf *out, struct slice encoded, int32_t n);

#endif
