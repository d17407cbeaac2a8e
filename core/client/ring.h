/* The tail's memory: a fixed ring of bytes and an index into it.
 *
 *   bytes  [ rec 5 | rec 6 | ....free.... | rec 3 | rec 4 |gap]   a record is never split
 *   index  serial -> place and size, a power of two long
 *
 * The oldest goes when a new one needs its room.  What is to be kept stays, and in
 * a lossless ring what was not handed out: ring_put then says no.
 * Thread: the owner's lock. */
#ifndef WEIR_CLIENT_RING_H
#define WEIR_CLIENT_RING_H

#include "core/base/mem.h"

struct ring_record {                /* precedes the bytes of key, value and headers */
    int32_t partition;
    uint32_t key_n, value_n, headers_n;     /* kept here; key and value may be cut */
    int32_t n_headers;
    bool append_time, key_null, value_null;
    int64_t offset, timestamp_ms;
    size_t key_bytes, value_bytes;
};
struct ring_place { size_t at, n; bool read; };     /* read: handed out */
struct ring {
    uint8_t *p;
    size_t size, head, used;
    struct ring_place *index;
    size_t index_cap;
    uint64_t first, last;           /* serials; last < first: empty */
    uint64_t read;                  /* lossless: all up to here may go */
    uint64_t keep;                  /* from here on none may go; 0: all may */
    uint64_t dropped;               /* pushed out before they were handed out */
    bool lossless;
};
void ring_init(struct ring *r, size_t size_bytes, bool lossless);
void ring_fini(struct ring *r);
/* False: no room until more is read (lossless), or because of what is kept: it was counted as dropped. */
bool ring_put(struct ring *r, const struct ring_record *rec, struct slice key, struct slice value,
              struct slice headers);
static inline size_t ring_count(const struct ring *r) { return r->last + 1 - r->first; }
/* It was handed out: pushing it out is no loss. */
void ring_mark_read(struct ring *r, uint64_t serial);
/* The record of a serial within first..last, and where its bytes begin. */
const struct ring_record *ring_get(const struct ring *r, uint64_t serial, const uint8_t **bytes);

#endif
