/* The tail: a thread that reads, a filter, a ring, and the user's window on it.
 *
 *   source (tail_own.c or tail_rdk.c) --record--> filter --> ring <-- tail_rows (user's thread)
 *
 * Everything scanned is counted; only what matches is kept, and of that the last
 * ring_bytes.  The thread owns the tail after tail_close and frees it, so closing
 * never waits for the network. */
#include "core/client/tail_internal.h"

#include "core/base/text.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#define RING_BYTES ((size_t)32 * 1024 * 1024)
#define RING_BYTES_MIN ((size_t)256 * 1024)
#define CUT_BYTES ((size_t)64 * 1024)
#define WAKE_GAP_US 10000
#define RATE_US 500000

/* ---- the tail's thread ---- */

bool tail_stopping(struct tail *t) {
    pthread_mutex_lock(&t->lock);
    bool stop = t->stop;
    pthread_mutex_unlock(&t->lock);
    return stop;
}

/* A sentence that may have foreign words in it.  Under the lock where `out` is the user's too. */
WEIR_PRINTF(3, 0) static void tail_sentence(char *out, size_t out_size, const char *format, va_list args) {
    char raw[512];
    vsnprintf(raw, sizeof raw, format, args);
    text_safe(slice_cstr(raw), out, out_size);
}

void tail_fail(struct tail *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&t->lock);
    tail_sentence(t->stats.why, sizeof t->stats.why, format, args);
    va_end(args);
    t->stats.failed = t->stats.finished = true;
    t->stats.away = false;
    pthread_mutex_unlock(&t->lock);
    client_wake(t->client);
}

void tail_note(struct tail *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&t->lock);
    tail_sentence(t->stats.note, sizeof t->stats.note, format, args);
    va_end(args);
    t->stats.notes++;
    pthread_mutex_unlock(&t->lock);
    client_wake(t->client);
}

void tail_away(struct tail *t, const char *why) {
    pthread_mutex_lock(&t->lock);
    bool news = t->stats.away != (why != NULL) && !t->stats.failed;
    if (!t->stats.failed) {
        t->stats.away = why != NULL;
        text_safe(slice_cstr(why != NULL ? why : ""), t->stats.why, sizeof t->stats.why);
    }
    pthread_mutex_unlock(&t->lock);
    if (news)
        client_wake(t->client);
}

static void tail_wake(struct tail *t, int64_t now) {
    t->woke_us = now;
    t->unseen = false;
    client_wake(t->client);
}

bool tail_take(struct tail *t, const struct tail_record *r) {
    t->stats.scanned++;
    if (!tail_match_all(&t->match) && !tail_match_record(&t->match, r->key, r->value, r->headers, r->n_headers))
        return true;
    t->stats.matched++;
    struct slice key = r->key, value = r->value, headers = r->headers;
    if (key.n > t->spec.cut_bytes)
        key.n = t->spec.cut_bytes;
    if (value.n > t->spec.cut_bytes)
        value.n = t->spec.cut_bytes;
    struct ring_record rec = {.partition = r->part->partition,
                              .n_headers = r->n_headers,
                              .append_time = r->append_time,
                              .offset = r->offset,
                              .timestamp_ms = r->timestamp_ms,
                              .key_bytes = r->key.n,
                              .value_bytes = r->value.n};
    if (headers.n > t->spec.cut_bytes) {
        headers.n = 0; /* cut headers cannot be walked */
        rec.n_headers = 0;
    }
    if (t->merging) {
        tail_merge_add(&t->merge, r->part, &rec, key, value, headers);
        return !t->stop;
    }
    while (!ring_put(&t->ring, &rec, key, value, headers) && t->ring.lossless) {
        tail_wake(t, wire_now_us());
        t->waited = true;
        if (t->stop)
            return false;
        pthread_cond_wait(&t->room, &t->lock);
    }
    t->unseen = true;
    return !t->stop;
}

void tail_tell(struct tail *t) {
    int64_t now = wire_now_us(), distance = 0;
    bool at_end = t->n_parts > 0, finished = t->spec.stop_at_end && t->n_parts > 0;
    for (size_t i = 0; i < t->n_parts; i++) {
        const struct tail_part *p = &t->parts[i];
        if (p->high >= 0 && p->next >= 0 && distance >= 0)
            distance += p->high > p->next ? p->high - p->next : 0;
        else
            distance = -1;
        at_end = at_end && p->at_end;
        finished = finished && p->done;
    }
    bool news =
        t->unseen || t->stats.at_end != at_end || t->stats.distance != distance || (finished && !t->stats.finished);
    t->stats.distance = distance;
    t->stats.at_end = at_end;
    if (now - t->rate_us >= RATE_US) {
        t->stats.per_second = (double)(t->stats.scanned - t->rate_scanned) * 1e6 / (double)(now - t->rate_us);
        t->rate_us = now;
        t->rate_scanned = t->stats.scanned;
    }
    if (finished)
        t->stats.finished = true;
    if (news && (now - t->woke_us >= WAKE_GAP_US || finished))
        tail_wake(t, now);
}

static void tail_free(struct tail *t) {
    ring_fini(&t->ring);
    tail_merge_fini(&t->merge);
    tail_match_fini(&t->match);
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->room);
    buf_fini(&t->rows);
    buf_fini(&t->whole);
    free((void *)(uintptr_t)t->spec.topic);
    free(t->partitions);
    free(t->bootstrap);
    free(t->parts);
    free(t);
}

static void *tail_main(void *arg) {
    struct tail *t = arg;
    struct client *c = t->client;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    if (client_is_ours(c))
        tail_own_run(t);
    else
        tail_rdk_run(t);
    /* What failed or finished still has rows to read: the user closes it. */
    pthread_mutex_lock(&t->lock);
    while (!t->stop)
        pthread_cond_wait(&t->room, &t->lock);
    pthread_mutex_unlock(&t->lock);
    tail_free(t);
    atomic_fetch_sub(&c->tails, 1);
    return NULL;
}

/* ---- the user's thread ---- */

enum err tail_open(struct client *c, const struct tail_spec *spec, struct tail **out, struct error *e) {
    struct tail *t = mem_zalloc(sizeof *t);
    enum err err = tail_match_init(&t->match, spec->filter, e);
    if (err != OK) {
        free(t);
        return err;
    }
    t->client = c;
    t->spec = *spec;
    t->bootstrap = mem_strdup(c->config.bootstrap);
    t->spec.topic = mem_strdup(spec->topic);
    t->spec.filter = NULL;
    t->partitions = mem_alloc(spec->n_partitions * sizeof *t->partitions);
    if (spec->n_partitions > 0)
        memcpy(t->partitions, spec->partitions, spec->n_partitions * sizeof *t->partitions);
    t->spec.partitions = t->partitions;
    if (t->spec.cut_bytes == 0)
        t->spec.cut_bytes = CUT_BYTES;
    size_t size = spec->ring_bytes == 0               ? RING_BYTES
                  : spec->ring_bytes < RING_BYTES_MIN ? RING_BYTES_MIN
                                                      : spec->ring_bytes;
    ring_init(&t->ring, size, spec->lossless);
    t->stats.distance = -1;
    t->rate_us = wire_now_us();
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->room, NULL);
    atomic_fetch_add(&c->tails, 1);
    if (pthread_create(&t->thread, NULL, tail_main, t) != 0) {
        atomic_fetch_sub(&c->tails, 1);
        tail_free(t);
        return error_set(e, ERR_LIMIT, "cannot start a thread for the tail");
    }
    pthread_detach(t->thread);
    *out = t;
    return OK;
}

void tail_close(struct tail *t) {
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    if (t->wake != NULL)
        uv_async_send(t->wake);
    pthread_cond_broadcast(&t->room);
    pthread_mutex_unlock(&t->lock);
}

void tail_get_stats(struct tail *t, struct tail_stats *out) {
    pthread_mutex_lock(&t->lock);
    *out = t->stats;
    out->dropped = t->ring.dropped;
    out->first = t->ring.first;
    out->last = ring_count(&t->ring) > 0 ? t->ring.last : 0;
    out->ring_used_bytes = t->ring.used;
    pthread_mutex_unlock(&t->lock);
}

static void row_fill(struct tail_row *row, uint64_t serial, const struct ring_record *rec, const uint8_t *bytes) {
    *row = (struct tail_row){.serial = serial,
                             .partition = rec->partition,
                             .offset = rec->offset,
                             .timestamp_ms = rec->timestamp_ms,
                             .append_time = rec->append_time,
                             .key = {rec->key_null ? NULL : bytes, rec->key_n},
                             .key_bytes = rec->key_bytes,
                             .value_bytes = rec->value_bytes,
                             .n_headers = rec->n_headers};
}

/* Of the bytes of a record no more than `peek` of the key and of the value, and the headers. */
static uint8_t *row_copy(uint8_t *to, struct tail_row *row, uint64_t serial, const struct ring_record *rec,
                         const uint8_t *at, size_t peek) {
    size_t key_n = rec->key_n < peek ? rec->key_n : peek, value_n = rec->value_n < peek ? rec->value_n : peek;
    row_fill(row, serial, rec, to);
    memcpy(to, at, key_n);
    row->key.n = key_n;
    to += key_n;
    memcpy(to, at + rec->key_n, value_n);
    row->value = (struct slice){rec->value_null ? NULL : to, value_n};
    to += value_n;
    memcpy(to, at + rec->key_n + rec->value_n, rec->headers_n);
    row->headers = slice_of(to, rec->headers_n);
    return to + rec->headers_n;
}

static size_t row_size(const struct ring_record *rec, size_t peek) {
    return (rec->key_n < peek ? rec->key_n : peek) + (rec->value_n < peek ? rec->value_n : peek) + rec->headers_n;
}

void tail_keep(struct tail *t, uint64_t serial) {
    pthread_mutex_lock(&t->lock);
    t->ring.keep = serial;
    pthread_mutex_unlock(&t->lock);
}

size_t tail_rows(struct tail *t, uint64_t from, struct tail_row *rows, size_t n) {
    size_t peek = t->spec.peek_bytes > 0 ? t->spec.peek_bytes : SIZE_MAX;
    pthread_mutex_lock(&t->lock);
    struct ring *r = &t->ring;
    if (r->lossless && from > 0 && from - 1 > r->read) {
        r->read = from - 1 < r->last ? from - 1 : r->last;
        pthread_cond_broadcast(&t->room);
    }
    uint64_t first = from < r->first ? r->first : from;
    size_t there = first > r->last ? 0 : (size_t)(r->last - first + 1);
    size_t count = there < n ? there : n, bytes = 0;
    const uint8_t *at;
    for (size_t i = 0; i < count; i++)
        bytes += row_size(ring_get(r, first + i, &at), peek);
    buf_clear(&t->rows);
    uint8_t *to = buf_reserve(&t->rows, bytes + 1);
    for (size_t i = 0; i < count; i++) {
        const struct ring_record *rec = ring_get(r, first + i, &at);
        ring_mark_read(r, first + i);
        to = row_copy(to, &rows[i], first + i, rec, at, peek);
    }
    pthread_mutex_unlock(&t->lock);
    return count;
}

bool tail_whole(struct tail *t, uint64_t serial, struct tail_row *row) {
    pthread_mutex_lock(&t->lock);
    bool there = serial >= t->ring.first && serial <= t->ring.last;
    if (there) {
        const uint8_t *at;
        const struct ring_record *rec = ring_get(&t->ring, serial, &at);
        buf_clear(&t->whole);
        row_copy(buf_reserve(&t->whole, row_size(rec, SIZE_MAX) + 1), row, serial, rec, at, SIZE_MAX);
    }
    pthread_mutex_unlock(&t->lock);
    return there;
}
