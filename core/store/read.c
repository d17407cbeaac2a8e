/* Reading: whole batches by offset, look-up by time.
 *
 * A cursor remembers where the last reads ended, so that a consumer that reads
 * on needs no index and no walk. */
#include "core/store/internal.h"

#include <stdlib.h>

#define WALK_BYTES (128u << 10)
#define UNPACKED_MAX_BYTES ((size_t)1 << 30)
#define PIECE_MAX_BYTES ((size_t)128 << 20)

struct warm_up {
    struct env_warm warm;
    struct store *store;
    struct log_key key;
    struct seg_handle *handle;
    struct warm_up *next, *prev;
};

static void warmed(struct env_warm *w, void *ctx) {
    struct warm_up *u = ctx;
    struct store *st = u->store;
    (void)w;
    if (st == NULL) { /* the store was closed meanwhile */
        free(u);
        return;
    }
    st->n_warm_ups--;
    *(u->prev != NULL ? &u->prev->next : &st->warm_ups) = u->next;
    if (u->next != NULL)
        u->next->prev = u->prev;
    struct store_log *log;
    HASH_FIND(hh, st->logs, &u->key, sizeof u->key, log);
    handle_unpin(st, u->handle);
    if (log != NULL) {
        log->warming = false;
        log->warm_wait = true; /* the next read may wait: no chasing of pages that are pushed out again */
        if (st->events.readable != NULL)
            st->events.readable(st->events.ctx, log);
    }
    free(u);
}

void warm_ups_orphan(struct store *st) {
    for (struct warm_up *u = st->warm_ups; u != NULL; u = u->next) {
        handle_unpin(st, u->handle);
        u->store = NULL;
    }
    st->warm_ups = NULL;
}

static void warm_start(struct segment *s, uint64_t position, size_t n) {
    struct store *st = s->log->store;
    if (s->log->warming)
        return;
    struct warm_up *u = mem_zalloc(sizeof *u);
    u->store = st;
    u->key = s->log->key;
    u->handle = s->handle;
    handle_pin(u->handle);
    u->warm = (struct env_warm){.file = s->handle->file, .offset = position, .n = n, .done = warmed, .ctx = u};
    s->log->warming = true;
    st->n_warm_ups++;
    u->next = st->warm_ups;
    if (u->next != NULL)
        u->next->prev = u;
    st->warm_ups = u;
    st->env->warm(st->env, &u->warm);
}

void store_reads_wait(struct store *st, bool on) {
    st->reads_wait = on;
}

static enum err segment_read(struct segment *s, uint64_t position, void *p, size_t n, size_t *got) {
    struct store *st = s->log->store;
    enum err e = segment_open(s, false);
    if (e != OK)
        return e == ERR_NOT_FOUND || e == ERR_LIMIT ? ERR_IO : e;
    bool wait = s->log->warm_wait || st->replaying || st->reads_wait ||
                (st->n_warm_ups >= store_open_share(st) && !s->log->warming); /* each keeps a file open */
    enum env_read_mode mode = wait ? ENV_READ_WAIT : ENV_READ_NOWAIT;
    e = st->env->read(st->env, s->handle->file, position, p, n, got, mode);
    if (e == ERR_AGAIN)
        warm_start(s, position, n);
    return e;
}

static void cursor_set(struct store_log *log, int64_t offset, const struct segment *s, uint64_t position) {
    for (size_t i = 0; i < CURSORS; i++) {
        if (log->cursors[i].offset == offset)
            return;
    }
    log->cursors[log->next_cursor] = (struct read_cursor){offset, s->base, position};
    log->next_cursor = (uint8_t)((log->next_cursor + 1) % CURSORS);
}

static bool cursor_get(const struct store_log *log, int64_t offset, const struct segment *s, uint64_t *position) {
    for (size_t i = 0; i < CURSORS; i++) {
        if (log->cursors[i].offset == offset && log->cursors[i].segment == s->base) {
            *position = log->cursors[i].position;
            return true;
        }
    }
    return false;
}

/* Position of the batch that holds `offset` (exactly its first byte). */
static enum err locate(struct segment *s, int64_t offset, uint64_t *position) {
    if (cursor_get(s->log, offset, s, position) || offset == s->base) {
        if (offset == s->base)
            *position = 0;
        return OK;
    }
    enum err e = segment_index_load(s);
    if (e != OK)
        return e == ERR_NOT_FOUND ? ERR_IO : e;
    uint64_t at = segment_index_find(s, offset);
    struct buf *walk = &s->log->store->scratch;
    for (;;) {
        size_t got = 0, used = 0;
        buf_clear(walk);
        if (at >= s->flushed)
            return ERR_CORRUPT;
        e = segment_read(s, at, buf_reserve(walk, WALK_BYTES), WALK_BYTES, &got);
        if (e != OK)
            return e;
        while (used + BATCH_HEADER_BYTES <= got) {
            struct batch b;
            enum err parsed = batch_parse(slice_of(walk->p + used, got - used), &b);
            if (parsed != OK && parsed != ERR_RANGE)
                return ERR_CORRUPT;
            if (batch_last_offset(&b) >= offset) {
                *position = at + used;
                return OK;
            }
            used += (size_t)b.length + BATCH_LOG_OVERHEAD;
        }
        if (used == 0)
            return ERR_CORRUPT;
        at += used;
    }
}

/* How many of the n bytes are whole batches that begin below `end`; *next_offset is where the reader goes on. */
static size_t whole_batches(const uint8_t *p, size_t n, int64_t end, int64_t *next_offset, size_t *first_bytes) {
    size_t at = 0;
    *first_bytes = 0;
    while (at + BATCH_HEADER_BYTES <= n) {
        int64_t base = (int64_t)be64_get(p + at);
        size_t bytes = (size_t)(int32_t)be32_get(p + at + 8) + BATCH_LOG_OVERHEAD;
        if (base >= end || bytes < BATCH_HEADER_BYTES)
            break;
        if (*first_bytes == 0)
            *first_bytes = bytes;
        if (bytes > n - at)
            break;
        *next_offset = base + (int32_t)be32_get(p + at + 23) + 1;
        at += bytes;
    }
    return at;
}

/* From one segment; *next says where to go on, unchanged when nothing was taken. */
static enum err read_segment(struct segment *s, int64_t *next, int64_t end, size_t max, bool min_one, struct buf *out) {
    uint64_t position;
    enum err e = locate(s, *next, &position);
    if (e != OK)
        return e;
    size_t want = max < BATCH_HEADER_BYTES ? BATCH_HEADER_BYTES : max, got = 0, first;
    if (want > s->flushed - position)
        want = (size_t)(s->flushed - position);
    e = segment_read(s, position, buf_reserve(out, want), want, &got);
    if (e != OK)
        return e;
    int64_t after = *next;
    size_t whole = whole_batches(out->p + out->n, got, end, &after, &first);
    if (whole == 0 && min_one && first > got) {
        e = segment_read(s, position, buf_reserve(out, first), first, &got);
        if (e != OK)
            return e;
        whole = whole_batches(out->p + out->n, got, end, &after, &first);
        if (whole == 0)
            return ERR_CORRUPT;
    }
    if (whole == 0 && min_one)
        return ERR_CORRUPT; /* not a batch: better said than read for ever */
    if (whole > max && !min_one)
        whole = 0;
    if (whole == 0)
        return OK;
    out->n += whole;
    *next = after;
    cursor_set(s->log, after, s, position + whole);
    return OK;
}

enum err store_read(struct store_log *log, int64_t offset, int64_t end, size_t max_bytes, bool min_one,
                    struct buf *out) {
    if (offset < log->start || offset > log->end || offset > end)
        return ERR_RANGE;
    int64_t next = offset;
    size_t before = out->n;
    while (next < end) {
        struct segment *s = log_segment_of(log, next);
        if (s == NULL)
            return ERR_CORRUPT;
        if (next >= s->next) { /* a gap between segments */
            uint32_t i = 0;
            while (i < log->n_segments && log->segments[i]->base <= next)
                i++;
            if (i == log->n_segments)
                break;
            next = log->segments[i]->base;
            continue;
        }
        int64_t was = next;
        size_t taken = out->n - before;
        if (taken >= max_bytes && taken > 0)
            break;
        enum err e = read_segment(s, &next, end, max_bytes - taken, min_one && taken == 0, out);
        if (e == ERR_AGAIN && taken > 0)
            break;
        if (e != OK)
            return e;
        if (next == was || next < s->next)
            break;
    }
    log->warm_wait = false;
    return OK;
}

uint64_t store_log_bytes_between(struct store_log *log, int64_t offset, int64_t end) {
    uint64_t total = 0;
    if (offset < log->start)
        offset = log->start;
    for (uint32_t i = log->n_segments; i-- > 0;) {
        struct segment *s = log->segments[i];
        if (s->base >= end)
            continue;
        if (s->next <= offset)
            break;
        uint64_t low = 0, high = s->flushed;
        if (offset > s->base && !cursor_get(log, offset, s, &low)) {
            low = segment_index_find(s, offset);
            uint64_t exact;
            if (s->bytes - low < 2 * INDEX_EVERY_BYTES && locate(s, offset, &exact) == OK)
                low = exact;
        }
        total += high > low ? high - low : 0;
    }
    return total;
}

/* ---- by time ---- */
struct time_search {
    struct record_stream records;
    int64_t from, ts, *offset, *found;
    bool hit;
};

static void time_seen(void *ctx, int32_t index, const struct record *r) {
    struct time_search *s = ctx;
    (void)index;
    if (s->hit || r->timestamp < s->ts || r->offset < s->from)
        return;
    *s->offset = r->offset;
    *s->found = r->timestamp;
    s->hit = true;
}

static enum err time_part(void *ctx, struct slice part) {
    struct time_search *s = ctx;
    enum err e = record_stream_take(&s->records, part);
    return s->hit ? ERR_EXISTS : e; /* the rest need not be unpacked */
}

/* The first record at or after `from` with timestamp >= ts in this batch; ERR_NOT_FOUND. */
static enum err batch_find_time(const struct batch *b, int64_t from, int64_t ts, int64_t *offset, int64_t *found) {
    if (b->attributes & BATCH_ATTR_APPEND_TIME) {
        *offset = b->base_offset < from ? from : b->base_offset;
        *found = b->max_timestamp;
        return OK;
    }
    struct buf piece = {0};
    struct time_search s = {.records = {.batch = b, .seen = time_seen}, .from = from, .ts = ts, .offset = offset,
                            .found = found};
    s.records.ctx = &s;
    enum err e = codec_decompress_stream(batch_codec(b), b->records, UNPACKED_MAX_BYTES, PIECE_MAX_BYTES, &piece,
                                         time_part, &s);
    buf_fini(&piece);
    if (s.hit)
        return OK;
    return e == OK && record_stream_end(&s.records) == OK ? ERR_NOT_FOUND : ERR_CORRUPT;
}

/* The first record at or after the log start with timestamp >= ts in this segment; ERR_NOT_FOUND. */
static enum err segment_find_time(struct segment *s, int64_t ts, int64_t *offset, int64_t *found) {
    enum err e = segment_index_load(s);
    if (e != OK)
        return e;
    struct store_log *log = s->log;
    uint64_t at = 0;
    for (uint32_t i = 0; i < s->n_index && s->index[i].max_timestamp < ts; i++)
        at = s->index[i].position;
    int64_t next = s->base;
    if (at > 0) {
        uint8_t header[8];
        size_t got;
        e = segment_read(s, at, header, sizeof header, &got);
        if (e != OK)
            return e;
        next = (int64_t)be64_get(header);
        cursor_set(log, next, s, at);
    }
    struct buf chunk = {0};
    while (e == OK && next < s->next && next < log->hw) {
        buf_clear(&chunk);
        int64_t before = next;
        e = read_segment(s, &next, log->hw, WALK_BYTES, true, &chunk);
        if (next == before)
            break;
        struct slice rest = buf_slice(&chunk);
        while (e == OK && rest.n > 0) {
            struct batch b;
            if (batch_parse(rest, &b) != OK)
                break;
            if (b.max_timestamp >= ts && batch_last_offset(&b) >= log->start) {
                e = batch_find_time(&b, log->start, ts, offset, found);
                if (e == OK) {
                    buf_fini(&chunk);
                    return OK;
                }
                e = e == ERR_NOT_FOUND ? OK : e;
            }
            rest = slice_of(rest.p + b.bytes.n, rest.n - b.bytes.n);
        }
    }
    buf_fini(&chunk);
    return e == OK ? ERR_NOT_FOUND : e;
}

enum err store_find_time(struct store_log *log, int64_t ts, int64_t *offset, int64_t *found_ts) {
    *offset = *found_ts = -1;
    for (uint32_t i = 0; i < log->n_segments; i++) {
        struct segment *s = log->segments[i];
        if (s->max_timestamp < ts || s->next <= log->start || s->base >= log->hw)
            continue;
        enum err e = segment_find_time(s, ts, offset, found_ts);
        if (e != ERR_NOT_FOUND)
            return e;
    }
    log->warm_wait = false;
    return OK;
}

enum err store_find_max_time(struct store_log *log, int64_t *offset, int64_t *found_ts) {
    *offset = *found_ts = -1;
    int64_t best = -1;
    for (uint32_t i = 0; i < log->n_segments; i++)
        if (log->segments[i]->next > log->start && log->segments[i]->max_timestamp > best)
            best = log->segments[i]->max_timestamp;
    while (best >= 0) {
        enum err e = store_find_time(log, best, offset, found_ts);
        if (e != OK || *offset >= 0)
            return e;
        /* The segment's newest record was deleted or is not durable yet: look at what is left. */
        int64_t lower = -1;
        for (uint32_t i = 0; i < log->n_segments; i++)
            if (log->segments[i]->max_timestamp < best && log->segments[i]->max_timestamp > lower)
                lower = log->segments[i]->max_timestamp;
        best = lower;
    }
    return OK;
}
