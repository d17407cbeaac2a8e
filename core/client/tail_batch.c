/* From the bytes of a Fetch answer to records.
 *
 * A text that is looked for in an uncompressed batch is first looked for in the
 * whole batch at once; only a hit makes it worth walking the records.  Everything
 * is counted as scanned either way.  Checksums are checked, control batches are
 * skipped, a cut batch at the end is what Fetch always leaves there. */
#include "core/client/tail_internal.h"

#define LOCKED_RUN 64
#define PLAIN_MAX ((size_t)256 * 1024 * 1024)
#define PLAIN_KEPT ((size_t)1024 * 1024)

int64_t tail_batches_next(struct slice records, int64_t from) {
    struct batch b;
    while (batch_parse(records, &b) == OK) {
        if (batch_last_offset(&b) >= from)
            from = batch_last_offset(&b) + 1;
        records = slice_of(records.p + b.bytes.n, records.n - b.bytes.n);
    }
    return from;
}

/* Nothing in the batch can match: its records are counted and that is all. */
static bool batch_is_clean(const struct tail *t, const struct batch *b) {
    return batch_codec(b) == CODEC_NONE && !tail_match_all(&t->match) && !tail_match_may(&t->match, b->records);
}

static bool batch_take(struct tail_batches *x, struct tail_part *p, const struct batch *b, struct slice plain) {
    struct tail *t = x->tail;
    struct record_iter it = {.batch = b, .rest = plain};
    struct record rec;
    bool go_on = true, more = true;
    enum err err = OK;
    while (go_on && more) {
        pthread_mutex_lock(&t->lock);
        for (size_t i = 0; i < LOCKED_RUN && go_on && !tail_merge_full(&t->merge); i++) {
            err = record_next(&it, &rec);
            more = err == OK;
            if (!more)
                break;
            if (rec.offset < p->next)
                continue; /* the batch began before the offset that was asked for */
            if (t->spec.stop_at_end && rec.offset >= p->end)
                continue;
            struct tail_record r = {.part = p,
                                    .offset = rec.offset,
                                    .timestamp_ms = rec.timestamp,
                                    .append_time = (b->attributes & BATCH_ATTR_APPEND_TIME) != 0,
                                    .key = rec.key,
                                    .value = rec.value,
                                    .headers = rec.headers,
                                    .n_headers = rec.n_headers};
            go_on = tail_take(t, &r);
        }
        pthread_mutex_unlock(&t->lock);
        if (tail_merge_full(&t->merge))
            tail_merge_flush(t);
    }
    if (err == ERR_CORRUPT) {
        tail_fail(t, "%s/%d: the records of the batch at offset %lld are damaged", t->spec.topic, p->partition,
                  (long long)b->base_offset);
        return false;
    }
    return go_on;
}

/* The batch's records, decompressed where they need to be. */
static bool batch_open(struct tail_batches *x, struct tail_part *p, const struct batch *b, struct slice *plain) {
    struct tail *t = x->tail;
    const char *what = NULL;
    if (b->magic != 2)
        what = "is in the old message format, which weir does not read";
    else if (!batch_crc_ok(b))
        what = "fails its checksum";
    else if (batch_codec(b) == CODEC_NONE)
        *plain = b->records;
    else {
        buf_clear(&x->plain);
        enum err e = codec_decompress(batch_codec(b), b->records, PLAIN_MAX, &x->plain);
        if (e != OK)
            what = e == ERR_TOO_LARGE ? "unpacks to more than 256 MiB" : "does not decompress";
        *plain = buf_slice(&x->plain);
    }
    if (what != NULL)
        tail_fail(t, "%s/%d: the batch at offset %lld %s", t->spec.topic, p->partition, (long long)b->base_offset,
                  what);
    return what == NULL;
}

bool tail_batches_take(struct tail_batches *x, struct tail_part *p, struct slice records) {
    struct tail *t = x->tail;
    struct batch b;
    bool go_on = true;
    while (go_on && batch_parse(records, &b) == OK) {
        int64_t next = batch_last_offset(&b) + 1;
        records = slice_of(records.p + b.bytes.n, records.n - b.bytes.n);
        if (next <= p->next)
            continue;
        bool past = t->spec.stop_at_end && b.base_offset >= p->end;
        struct slice plain;
        if ((b.attributes & BATCH_ATTR_CONTROL) != 0 || past) {
            go_on = !tail_stopping(t);
        } else if (b.magic == 2 && b.base_offset >= p->next && batch_is_clean(t, &b) &&
                   !(t->spec.stop_at_end && next > p->end) && batch_crc_ok(&b)) {
            pthread_mutex_lock(&t->lock);
            t->stats.scanned += b.count > 0 ? (uint64_t)b.count : 0;
            go_on = !t->stop;
            pthread_mutex_unlock(&t->lock);
        } else {
            go_on = batch_open(x, p, &b, &plain) && batch_take(x, p, &b, plain);
        }
        if (go_on)
            p->next = next;
    }
    if (x->plain.cap > PLAIN_KEPT)
        buf_fini(&x->plain);
    return go_on;
}
