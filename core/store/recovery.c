/* Recovery: the only way in.
 *
 *   FORMAT checked -> newest good snapshot -> WAL frames after it, in order
 *   -> segments cut to what was accepted -> synced -> new snapshot
 *
 * A frame that does not fit ends the log if nothing proves that it was durable (a
 * torn tail, cut and counted); if a later frame's durable point covers it, it is
 * rot: reported, and what follows it is kept.  The same holds for the segment
 * bytes that a reference names. */
#include "core/base/log.h"
#include "core/store/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define FORMAT_TEXT "weir 1\n"
#define REPLAY_TICK_BYTES (4u << 20)

/* A reference to bytes that are not there: damage, unless a later frame drops the
 * topic or moves the start over it (then its file was rightly unlinked). */
struct missing {
    struct log_key key;
    int64_t offset, last;
    uint32_t bytes;
};

struct replay {
    struct store *st;
    struct store_recovery *r;
    uint64_t expected;        /* next sequence number, 0: take what comes first */
    uint64_t from;            /* frames up to it are in the snapshot */
    uint64_t proven;          /* the highest durable point that any frame states */
    uint64_t epoch;
    uint32_t crc;
    bool chain;               /* crc is that of the frame before `expected` */
    bool scanning;            /* first pass: only proven */
    uint64_t last_seen, last_epoch; /* first pass: the highest, whether it counts or not */
    struct missing *missing;
    size_t n_missing, cap_missing;
};

/* ---- the directory ---- */
struct listing {
    bool format, known, foreign;
    uint64_t *wal;
    size_t n_wal, cap_wal;
    char stranger[64];
};

static void root_entry(void *ctx, const char *name, bool is_dir) {
    struct listing *l = ctx;
    static const char *const ours[] = {"wal", "logs", "address", "ctl", "log"};
    (void)is_dir;
    if (strcmp(name, "FORMAT") == 0) {
        l->format = true;
        return;
    }
    if (strncmp(name, "snapshot-", 9) == 0 || strcmp(name, "wal") == 0 || strcmp(name, "logs") == 0)
        l->known = true;
    if (name[0] == '.' || strncmp(name, "snapshot-", 9) == 0 || strncmp(name, "FORMAT", 6) == 0)
        return;
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(name, ours[i]) == 0)
            return;
    if (!l->foreign)
        snprintf(l->stranger, sizeof l->stranger, "%s", name);
    l->foreign = true;
}

static void wal_entry(void *ctx, const char *name, bool is_dir) {
    struct listing *l = ctx;
    uint64_t number;
    if (is_dir || sscanf(name, "%" SCNu64 ".wal", &number) != 1)
        return;
    if (l->n_wal == l->cap_wal) {
        l->cap_wal = l->cap_wal == 0 ? 16 : l->cap_wal * 2;
        l->wal = mem_realloc(l->wal, l->cap_wal * sizeof *l->wal);
    }
    l->wal[l->n_wal++] = number;
}

/* Synced with the first frames, not by itself: that would cost the first start a fifth
 * of its time.  So a power cut may leave the name without the bytes, but not once
 * anything was acknowledged. */
static enum err format_write(struct store *st) {
    struct slice text = SLICE(FORMAT_TEXT);
    enum err e = st->env->open(st->env, "FORMAT", ENV_WRITE | ENV_CREATE, &st->wal.previous);
    return e == OK ? st->env->write(st->env, st->wal.previous, 0, &text, 1) : e;
}

/* What a power cut may leave of a FORMAT that was never synced: its beginning, then zeroes. */
static bool format_is_torn(const char *text, size_t n) {
    size_t whole = strlen(FORMAT_TEXT), same = 0;
    if (n > whole || strcmp(text, FORMAT_TEXT) == 0)
        return false;
    while (same < n && text[same] == FORMAT_TEXT[same])
        same++;
    while (same < n && text[same] == '\0')
        same++;
    return same == n;
}

static enum err format_check(struct store *st, bool *torn, struct error *e) {
    struct env_file *file;
    char text[32] = "";
    size_t got = 0;
    enum err r = st->env->open(st->env, "FORMAT", ENV_READ, &file);
    if (r != OK)
        return error_set(e, r, "cannot read FORMAT in the data directory: %s", err_name(r));
    r = st->env->read(st->env, file, 0, text, sizeof text - 1, &got, ENV_READ_WAIT);
    st->env->close(st->env, file);
    if (r != OK)
        return error_set(e, r, "cannot read FORMAT in the data directory: %s", err_name(r));
    *torn = format_is_torn(text, got);
    if (*torn || strcmp(text, FORMAT_TEXT) == 0)
        return OK;
    int version = 0;
    if (sscanf(text, "weir %d", &version) == 1 && version > STORE_FORMAT)
        return error_set(e, ERR_UNSUPPORTED, "the data directory was written by a newer weir (format %d, this one "
                         "knows %d); nothing was changed", version, STORE_FORMAT);
    return error_set(e, ERR_UNSUPPORTED, "the data directory's FORMAT file is not weir's; nothing was changed");
}

/* *fresh: nothing of ours was there.  Nothing is written before every check has passed. */
static enum err directory_open(struct store *st, bool *fresh, struct error *e) {
    struct listing l = {0};
    enum err r = st->env->list(st->env, ".", root_entry, &l);
    if (r != OK)
        return error_set(e, r, "cannot list the data directory: %s", err_name(r));
    if (l.format) {
        bool torn;
        r = format_check(st, &torn, e);
        if (r != OK)
            return r;
        l.format = !torn;
    }
    if (!l.format && l.foreign) {
        return error_set(e, ERR_UNSUPPORTED, "the directory is not empty and not weir's (it holds \"%s\"); nothing was "
                         "changed. Choose another with --data", l.stranger);
    }
    *fresh = !l.known && !l.format;
    /* Every time: a power cut may have left any of the three from a first start.  FORMAT comes first, so that
     * whoever looks after a kill sees whose directory it is. */
    r = l.format ? OK : format_write(st);
    if (r == OK)
        r = st->env->mkdir(st->env, "wal");
    if (r == OK)
        r = st->env->mkdir(st->env, "logs");
    st->wal.root_dirty = true;
    return r == OK ? OK : error_set(e, r, "cannot write to the data directory: %s", err_name(r));
}

/* ---- frames ---- */
static enum err replay_flush(struct store *st) {
    while (st->queued != NULL) {
        struct store_log *log = st->queued;
        enum err e = log_write_queue(log);
        if (e != OK)
            return e;
        st->queued = log->next_queued;
        log->queued = false;
    }
    buf_clear(&st->wal.tick);
    return OK;
}

static enum err replay_segment(struct store_log *log, int64_t base, uint64_t position, struct segment **out) {
    struct segment *s = log_active(log);
    if (s == NULL || s->base != base) {
        if (s != NULL && base < s->next)
            return ERR_CORRUPT;
        enum err e = s != NULL ? log_write_queue(log) : OK;
        if (e != OK)
            return e;
        s = segment_add(log, base, log->store->env->wall_ms(log->store->env));
        s->index_loaded = position == 0;
    }
    if (position < s->bytes)
        return ERR_CORRUPT;
    if (position > s->bytes) { /* what was between is lost */
        enum err e = log_write_queue(log);
        if (e != OK)
            return e;
        s->bytes = s->flushed = position;
    }
    *out = s;
    return OK;
}

static void replay_note(struct store_log *log, struct segment *s, const struct batch *b) {
    if (s->index_loaded)
        segment_index_add(s, b, s->bytes);
    if (b->max_timestamp > s->max_timestamp)
        s->max_timestamp = b->max_timestamp;
    s->bytes += (uint64_t)b->length + BATCH_LOG_OVERHEAD;
    s->next = log->end = batch_last_offset(b) + 1;
    log->last_append_ms = b->max_timestamp;
    if (log->n_epochs == 0)
        log_add_epoch(log, 0, 0);
    if (b->producer_id >= 0)
        producer_record(log, b, log->store->env->wall_ms(log->store->env));
}

static enum err replay_batch(struct replay *p, const struct frame *f) {
    struct store *st = p->st;
    struct log_key key;
    struct batch b;
    if (f->body.n < FRAME_LOG_BYTES + 16 + BATCH_HEADER_BYTES)
        return ERR_CORRUPT;
    log_key_get(f->body.p, &key);
    if (batch_parse(slice_of(f->body.p + 36, f->body.n - 36), &b) != OK)
        return ERR_CORRUPT;
    struct store_log *log = log_make(st, &key);
    if (log->cut || b.base_offset < log->end)
        return OK;
    struct segment *s;
    enum err e = replay_segment(log, (int64_t)be64_get(f->body.p + 20), be64_get(f->body.p + 28), &s);
    if (e != OK)
        return e;
    if (log->n_queue == log->cap_queue) {
        log->cap_queue = log->cap_queue == 0 ? 4 : log->cap_queue * 2;
        log->queue = mem_realloc(log->queue, log->cap_queue * sizeof *log->queue);
    }
    log->queue[log->n_queue++] = (struct pending){st->wal.tick.n, b.bytes.n};
    buf_put(&st->wal.tick, b.bytes.p, b.bytes.n);
    if (!log->queued) {
        log->queued = true;
        log->next_queued = st->queued;
        st->queued = log;
    }
    replay_note(log, s, &b);
    return st->wal.tick.n > REPLAY_TICK_BYTES ? replay_flush(st) : OK;
}

/* OK when the segment holds the batch that the reference describes, ERR_CORRUPT when not.
 * It is written again: after a failed sync the page cache has bytes that the disk does
 * not have and that no later sync would bring there. */
static enum err reference_check(struct segment *s, uint64_t position, uint32_t n, const uint8_t *header) {
    struct store *st = s->log->store;
    struct buf *bytes = &st->scratch;
    struct batch b;
    size_t got = 0;
    buf_clear(bytes);
    enum err e = segment_open(s, false);
    if (e == OK)
        e = st->env->read(st->env, s->handle->file, position, buf_reserve(bytes, n), n, &got, ENV_READ_WAIT);
    if (e != OK)
        return e == ERR_NOT_FOUND ? ERR_CORRUPT : e;
    if (got != n || memcmp(bytes->p, header, BATCH_HEADER_BYTES) != 0 || batch_parse(slice_of(bytes->p, n), &b) != OK ||
        b.bytes.n != n || !batch_crc_ok(&b))
        return ERR_CORRUPT;
    struct slice v = slice_of(bytes->p, n);
    return st->env->write(st->env, s->handle->file, position, &v, 1);
}

static enum err replay_reference(struct replay *p, const struct frame *f) {
    struct store *st = p->st;
    struct log_key key;
    struct batch b;
    if (f->body.n != FRAME_LOG_BYTES + 24 + BATCH_HEADER_BYTES)
        return ERR_CORRUPT;
    log_key_get(f->body.p, &key);
    uint64_t position = be64_get(f->body.p + 28);
    uint32_t n = be32_get(f->body.p + 36);
    const uint8_t *header = f->body.p + 44;
    if (n > FRAME_BODY_MAX || batch_parse(slice_of(header, BATCH_HEADER_BYTES), &b) == ERR_CORRUPT ||
        (uint32_t)b.length + BATCH_LOG_OVERHEAD != n)
        return ERR_CORRUPT;
    struct store_log *log = log_make(st, &key);
    if (log->cut || b.base_offset < log->end)
        return OK;
    struct segment *s;
    enum err e = replay_segment(log, (int64_t)be64_get(f->body.p + 20), position, &s);
    if (e == OK)
        e = log_write_queue(log);
    if (e != OK)
        return e;
    e = reference_check(s, position, n, header);
    if (e != OK && (e != ERR_IO || f->seq > p->proven) && e != ERR_CORRUPT)
        return e; /* a bad sector is damage like any other only where it is known that there was data */
    if (e != OK) {
        if (f->seq > p->proven) { /* never acknowledged: the log ends here */
            log->cut = true;
            p->r->torn_bytes += n;
            return OK;
        }
        if (p->n_missing == p->cap_missing) {
            p->cap_missing = p->cap_missing == 0 ? 8 : p->cap_missing * 2;
            p->missing = mem_realloc(p->missing, p->cap_missing * sizeof *p->missing);
        }
        p->missing[p->n_missing++] = (struct missing){key, b.base_offset, batch_last_offset(&b), n};
    }
    replay_note(log, s, &b);
    s->flushed = s->bytes;
    s->dirty = true;
    return OK;
}

static enum err replay_apply(struct replay *p, const struct frame *f) {
    struct store *st = p->st;
    struct slice body = f->body;
    struct log_key key;
    switch ((enum frame_type)f->type) {
    case FRAME_BATCH: return replay_batch(p, f);
    case FRAME_BATCH_REF: return replay_reference(p, f);
    case FRAME_PUT: {
        size_t n = body.n >= 6 ? be32_get(body.p + 2) : 0;
        if (body.n < 6 || n > body.n - 6)
            return ERR_CORRUPT;
        struct buf full = {0};
        buf_put(&full, body.p, 2);
        buf_put(&full, body.p + 6, n);
        map_set(st, buf_slice(&full), slice_of(body.p + 6 + n, body.n - 6 - n));
        buf_fini(&full);
        return OK;
    }
    case FRAME_DELETE:
        if (body.n < 2)
            return ERR_CORRUPT;
        map_set(st, body, SLICE_NULL);
        return OK;
    case FRAME_LOG_START:
        if (body.n != FRAME_LOG_BYTES + 8)
            return ERR_CORRUPT;
        log_key_get(body.p, &key);
        log_apply_start(log_make(st, &key), (int64_t)be64_get(body.p + FRAME_LOG_BYTES), 0);
        return OK;
    case FRAME_TOPIC_DROP: {
        struct uuid topic;
        if (body.n != sizeof topic.b)
            return ERR_CORRUPT;
        memcpy(topic.b, body.p, sizeof topic.b);
        log_apply_drop(st, &topic, 0);
        return OK;
    }
    case FRAME_SEAL: return OK;
    default: return ERR_CORRUPT;
    }
}

static bool frame_follows(const struct replay *p, const struct frame *f) {
    /* A frame that an earlier recovery cut may stand in a file that is used again: its epoch is too low. */
    if (f->seq > p->from && f->epoch < p->epoch)
        return false;
    if (p->expected == 0)
        return f->seq <= p->from + 1; /* the first file may begin with frames that the snapshot has */
    /* The first frame of a life cannot always name the one before it: that may be only in the snapshot. */
    return f->seq == p->expected && (!p->chain || f->epoch > p->epoch || f->prev_crc == p->crc);
}

/* The next good frame behind a bad place; on the second pass only if the bad place is known to have been durable. */
static size_t find_next(const struct replay *p, struct slice in, size_t at, struct frame *f) {
    if (!p->scanning && p->expected > p->proven)
        return in.n;
    for (at++; at + FRAME_HEADER_BYTES <= in.n; at++) {
        const uint8_t *hit = memchr(in.p + at, FRAME_MAGIC >> 24, in.n - at);
        if (hit == NULL)
            break;
        at = (size_t)(hit - in.p);
        if (frame_parse(slice_of(in.p + at, in.n - at), f) && f->seq > p->expected && f->epoch >= p->epoch)
            return at;
    }
    return in.n;
}

static enum err replay_take(struct replay *p, const struct frame *f) {
    p->expected = f->seq + 1;
    p->crc = f->crc;
    p->chain = true;
    if (f->epoch > p->epoch)
        p->epoch = f->epoch;
    if (f->seq > p->last_seen)
        p->last_seen = f->seq;
    if (f->durable > p->proven)
        p->proven = f->durable;
    if (p->scanning || f->seq <= p->from)
        return OK;
    p->r->frames++;
    p->r->bytes += f->bytes;
    enum err e = replay_apply(p, f);
    if (e == ERR_CORRUPT) {
        p->r->corrupt++;
        log_error("frame %" PRIu64 " of the log makes no sense; it is left out", f->seq);
        e = OK;
    }
    return e;
}

static enum err replay_bytes(struct replay *p, struct slice in) {
    size_t at = 0;
    while (at + FRAME_HEADER_BYTES <= in.n) {
        struct frame f;
        bool good = frame_parse(slice_of(in.p + at, in.n - at), &f);
        if (good && frame_follows(p, &f)) {
            enum err e = replay_take(p, &f);
            if (e != OK)
                return e;
            at += f.bytes;
            continue;
        }
        if (p->expected <= p->from) { /* what the snapshot has is not missed */
            p->expected = p->from + 1;
            p->chain = false;
            continue;
        }
        /* An old frame of a file that is used again: the end of this file. */
        if (good && f.seq < p->expected)
            break;
        /* Such a file may also go on in the middle of an old frame; a torn one has at least its number. */
        bool torn = be32_get(in.p + at) == FRAME_MAGIC && be64_get(in.p + at + 16) >= p->expected;
        size_t next = good && f.seq > p->expected && f.epoch >= p->epoch && (p->scanning || p->expected <= p->proven)
                          ? at : find_next(p, in, at, &f);
        if (next == in.n) {
            if (torn && !p->scanning) {
                p->r->torn_bytes += good ? f.bytes : FRAME_HEADER_BYTES;
            }
            break;
        }
        if (p->scanning) {
            p->chain = false;
            p->expected = f.seq;
            at = next;
            continue;
        }
        p->r->corrupt++;
        log_error("frames %" PRIu64 " to %" PRIu64 " of the log were durable and are damaged; what follows is kept",
                  p->expected, f.seq - 1);
        p->chain = false;
        p->expected = f.seq;
        at = next;
    }
    return OK;
}

static enum err replay_file(struct replay *p, uint64_t number, uint64_t *size) {
    struct store *st = p->st;
    char path[PATH_BYTES];
    struct env_file *file;
    struct buf bytes = {0};
    size_t got = 0;
    wal_path(number, path);
    enum err e = st->env->open(st->env, path, ENV_READ, &file);
    if (e != OK)
        return e;
    e = st->env->size(st->env, file, size);
    if (e == OK)
        e = st->env->read(st->env, file, 0, buf_reserve(&bytes, *size + 1), *size, &got, ENV_READ_WAIT);
    st->env->close(st->env, file);
    if (e == OK)
        e = replay_bytes(p, slice_of(bytes.p, got));
    buf_fini(&bytes);
    return e;
}

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* A file that is used again and was not written anew holds frames from before the snapshot: they tell nothing. */
static void replay_next_file(struct replay *p) {
    if (p->expected < p->from + 1) {
        p->expected = p->from + 1;
        p->chain = false;
    }
}

static void report_missing(struct replay *p) {
    for (size_t i = 0; i < p->n_missing; i++) {
        const struct missing *m = &p->missing[i];
        const struct store_log *log = store_log_find(p->st, &m->key.topic, m->key.partition);
        if (log == NULL || log->start > m->last)
            continue;
        p->r->corrupt++;
        log_error("a batch of %u bytes at offset %" PRId64 " was acknowledged and is damaged on disk; it is kept as it "
                  "is", m->bytes, m->offset);
    }
    free(p->missing);
    p->missing = NULL;
}

/* Two passes: the first learns what had been durable, the second applies. */
static enum err replay_all(struct replay *p, struct listing *l, uint64_t first_needed) {
    struct replay scan = *p;
    uint64_t size;
    scan.scanning = true;
    for (size_t i = 0; i < l->n_wal; i++) {
        if (l->wal[i] < first_needed)
            continue;
        enum err e = replay_file(&scan, l->wal[i], &size);
        if (e != OK)
            return e;
        replay_next_file(&scan);
    }
    p->proven = scan.proven;
    p->last_seen = scan.last_seen;
    p->last_epoch = scan.epoch;
    for (size_t i = 0; i < l->n_wal; i++) {
        enum err e = OK;
        size = p->st->config.wal_file_bytes;
        if (l->wal[i] >= first_needed)
            e = replay_file(p, l->wal[i], &size);
        if (e != OK)
            return e;
        if (l->wal[i] >= first_needed)
            replay_next_file(p);
        wal_add_old(p->st, l->wal[i], size, 0);
    }
    return replay_flush(p->st);
}

/* ---- after the replay ---- */
static enum err settle_segment(struct segment *s, bool sync) {
    struct store *st = s->log->store;
    char dir[LOG_DIR_BYTES];
    uint64_t size = 0;
    enum err e = segment_open(s, true);
    if (e == OK)
        e = st->env->size(st->env, s->handle->file, &size);
    if (e == OK && size > s->flushed)
        e = st->env->truncate(st->env, s->handle->file, s->flushed);
    s->on_disk = true;
    s->dirty = false;
    log_dir(&s->log->key, dir);
    return e == OK && sync ? st->env->sync_now(st->env, s->handle->file, dir) : e;
}

static enum err settle(struct store *st, bool bump_all) {
    bool any = false;
    for (struct store_log *log = st->logs; log != NULL; log = log->hh.next) {
        for (uint32_t i = 0; i < log->n_segments; i++) {
            if (!log->segments[i]->dirty)
                continue;
            enum err e = settle_segment(log->segments[i], true);
            if (e != OK)
                return e;
            any = true;
        }
        log->hw = log->end;
        if ((log->cut || (bump_all && log->n_epochs > 0)) && log->end > 0)
            log_add_epoch(log, store_log_epoch(log) + 1, log->end);
        log->cut = false;
    }
    return any ? st->env->sync_now(st->env, NULL, "logs") : OK;
}

enum err store_recover(struct store *st, struct store_recovery *r, struct error *e) {
    bool found, clean;
    struct replay p = {.st = st, .r = r};
    enum err x = directory_open(st, &r->fresh, e);
    if (x != OK)
        return x;
    st->epoch = 1;
    if (r->fresh)
        return OK;
    x = snapshot_load(st, &p.from, &clean, &found, e);
    if (x != OK)
        return x;
    struct listing l = {0};
    x = st->env->list(st->env, "wal", wal_entry, &l);
    if (x != OK)
        return error_set(e, x, "cannot list the data directory's wal: %s", err_name(x));
    if (l.n_wal > 0)
        qsort(l.wal, l.n_wal, sizeof *l.wal, by_number);
    p.epoch = st->epoch;
    st->replaying = true;
    uint64_t first_needed = found ? st->newest_snapshot_wal : 0;
    x = replay_all(&p, &l, first_needed);
    report_missing(&p);
    uint64_t last = l.n_wal > 0 ? l.wal[l.n_wal - 1] : st->wal.number;
    if (p.last_epoch > p.epoch)
        p.epoch = p.last_epoch;
    free(l.wal);
    /* With durability os what was shown may be lost without a trace: the epoch tells consumers. */
    bool bump = st->config.durability == DURABILITY_OS && (!clean || p.last_seen > p.from);
    if (x == OK)
        x = settle(st, bump);
    st->replaying = false;
    if (x != OK)
        return error_set(e, x, "cannot recover the data directory: %s; nothing was acknowledged from it", err_name(x));
    st->wal.number = last > st->wal.number ? last : st->wal.number;
    st->wal.seq = st->wal.written = st->durable = p.expected > p.from + 1 ? p.expected - 1 : p.from;
    st->wal.crc = p.crc;
    st->epoch = p.epoch + 1;
    st->checkpoint.seq = st->wal.seq;
    st->sealed = true;
    r->clean = clean && r->frames == 0;
    /* Frames that were cut must never be read again as what follows a snapshot: so both
     * snapshots that are kept are of after this recovery, and none of the WAL before it. */
    if (!clean || r->frames > 0 || p.last_seen > p.from || r->torn_bytes > 0 || !found) {
        st->wal.number++; /* what the new snapshot needs begins behind all there is */
        x = snapshot_write_now(st, false);
        if (x == OK)
            x = snapshot_write_now(st, false);
        if (x != OK)
            return error_set(e, x, "cannot write a snapshot: %s", err_name(x));
        wal_forget_before(st, st->wal.number);
        st->newest_snapshot_wal = st->wal.number;
        return OK;
    }
    /* The snapshot's name may be only in memory, if the process died between the rename and its sync. */
    x = st->env->sync_now(st->env, NULL, ".");
    return x == OK ? OK : error_set(e, x, "cannot sync the data directory: %s", err_name(x));
}
