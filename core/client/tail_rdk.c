/* The tail's source by librdkafka: the plain consumer on one queue, no group, no
 * commits, no subscription; so it leaves nothing behind on the cluster.
 *
 * Start offsets are worked out first (watermarks, or a time), so that "the end
 * seen at the start" and the distance from the end are known before the first
 * record.  Runs on the tail's thread; only figures are touched under its lock. */
#include "core/client/rdk.h"
#include "core/client/tail_internal.h"

#include <stdlib.h>

#define BATCH 10000
#define LOCKED_RUN 64 /* records stored per holding of the lock */
#define WAIT_MS 100
#define ASK_MS 10000
#define HIGH_PERIOD_US 200000

struct source {
    struct tail *tail;
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    rd_kafka_message_t **batch;
    struct buf headers;
    size_t started; /* partitions whose fetching was started */
};

static bool source_new(struct source *s) {
    struct tail *t = s->tail;
    struct error e;
    char why[256];
    rd_kafka_conf_t *conf = rdk_conf(t->client, t->bootstrap, &e);
    if (conf == NULL) {
        tail_fail(t, "%s", e.text);
        return false;
    }
    static const char *const settings[][2] = {
        {"enable.auto.commit", "false"},         {"enable.partition.eof", "true"},
        {"queued.max.messages.kbytes", "16384"}, {"fetch.error.backoff.ms", "100"},
        {"allow.auto.create.topics", "false"},   {"statistics.interval.ms", "0"},
        {"isolation.level", "read_uncommitted"}, /* as tail_own.c and Kafka's own console consumer */
        {"fetch.queue.backoff.ms", "1"},         /* only from 2.2 on */
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (rdk_set(conf, settings[i][0], settings[i][1], &e) != OK && e.code != ERR_UNSUPPORTED)
            client_log(t->client, LOG_WARN, "%s", e.text);
    s->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
    if (s->rk == NULL) {
        rd_kafka_conf_destroy(conf);
        tail_fail(t, "librdkafka: %s", why);
        return false;
    }
    rd_kafka_topic_conf_t *topic_conf = rd_kafka_topic_conf_new();
    rd_kafka_topic_conf_set(topic_conf, "auto.offset.reset", "earliest", why, sizeof why);
    s->topic = rd_kafka_topic_new(s->rk, t->spec.topic, topic_conf);
    s->queue = rd_kafka_queue_new(s->rk);
    s->batch = mem_alloc(BATCH * sizeof *s->batch);
    if (s->topic == NULL) {
        rd_kafka_topic_conf_destroy(topic_conf);
        tail_fail(t, "cannot read %s: not a topic's name", t->spec.topic);
    }
    return s->topic != NULL;
}

static void source_free(struct source *s) {
    for (size_t i = 0; i < s->started; i++)
        rd_kafka_consume_stop(s->topic, s->tail->parts[i].partition);
    if (s->queue != NULL)
        rd_kafka_queue_destroy(s->queue);
    if (s->topic != NULL)
        rd_kafka_topic_destroy(s->topic);
    if (s->rk != NULL)
        rd_kafka_destroy(s->rk);
    free(s->batch);
    buf_fini(&s->headers);
}

/* ---- where to begin ---- */

static bool find_partitions(struct source *s) {
    struct tail *t = s->tail;
    const struct rd_kafka_metadata *m;
    rd_kafka_resp_err_t err = rd_kafka_metadata(s->rk, 0, s->topic, &m, ASK_MS);
    if (err != 0) {
        tail_fail(t, "cannot read %s: %s", t->spec.topic, rd_kafka_err2str(err));
        return false;
    }
    const struct rd_kafka_metadata_topic *mt = m->topic_cnt > 0 ? &m->topics[0] : NULL;
    if (mt == NULL || mt->err != 0 || mt->partition_cnt <= 0) {
        tail_fail(t, "cannot read %s: %s", t->spec.topic,
                  mt == NULL || mt->err == 0 ? "no such topic" : rd_kafka_err2str(mt->err));
        rd_kafka_metadata_destroy(m);
        return false;
    }
    size_t n = t->spec.n_partitions > 0 ? t->spec.n_partitions : (size_t)mt->partition_cnt;
    struct tail_part *parts = mem_zalloc(n * sizeof *parts);
    bool ok = true;
    for (size_t i = 0; i < n; i++) {
        parts[i] = (struct tail_part){
            .partition = t->spec.n_partitions > 0 ? t->partitions[i] : mt->partitions[i].id, .next = -1, .high = -1};
        if (parts[i].partition < 0 || parts[i].partition >= mt->partition_cnt) {
            tail_fail(t, "cannot read %s: it has no partition %d", t->spec.topic, parts[i].partition);
            ok = false;
            break;
        }
    }
    rd_kafka_metadata_destroy(m);
    t->parts = parts;
    if (ok) {
        pthread_mutex_lock(&t->lock);
        t->n_parts = n;
        t->merging = n > 1 && !t->spec.lossless;
        pthread_mutex_unlock(&t->lock);
    }
    return ok;
}

static bool find_time(struct source *s) {
    struct tail *t = s->tail;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)t->n_parts);
    for (size_t i = 0; i < t->n_parts; i++)
        rd_kafka_topic_partition_list_add(list, t->spec.topic, t->parts[i].partition)->offset = t->spec.value;
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(s->rk, list, ASK_MS);
    for (int i = 0; err == 0 && i < list->cnt; i++)
        if (list->elems[i].err == 0 && list->elems[i].offset >= 0)
            t->parts[i].start = list->elems[i].offset;
    rd_kafka_topic_partition_list_destroy(list);
    if (err != 0)
        tail_fail(t, "cannot find the offsets of that time in %s: %s", t->spec.topic, rd_kafka_err2str(err));
    return err == 0;
}

static bool find_starts(struct source *s) {
    struct tail *t = s->tail;
    for (size_t i = 0; i < t->n_parts; i++) {
        struct tail_part *p = &t->parts[i];
        int64_t low, high;
        rd_kafka_resp_err_t err =
            rd_kafka_query_watermark_offsets(s->rk, t->spec.topic, p->partition, &low, &high, ASK_MS);
        if (err != 0) {
            tail_fail(t, "cannot read %s/%d: %s", t->spec.topic, p->partition, rd_kafka_err2str(err));
            return false;
        }
        switch (t->spec.from) {
        case TAIL_BEGINNING: p->start = low; break;
        case TAIL_END: p->start = high; break;
        case TAIL_OFFSET: p->start = t->spec.value < low ? low : t->spec.value > high ? high : t->spec.value; break;
        case TAIL_TIME: p->start = high; break; /* nothing that new: find_time leaves it */
        case TAIL_LAST_N: p->start = high - t->spec.value < low ? low : high - t->spec.value; break;
        }
        p->end = p->high = high;
    }
    if (t->spec.from == TAIL_TIME && !find_time(s))
        return false;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->n_parts; i++) {
        t->parts[i].next = t->parts[i].start;
        t->parts[i].at_end = t->parts[i].start >= t->parts[i].end;
        t->parts[i].done = t->parts[i].at_end;
    }
    tail_tell(t);
    pthread_mutex_unlock(&t->lock);
    return true;
}

static bool start_fetching(struct source *s) {
    struct tail *t = s->tail;
    for (size_t i = 0; i < t->n_parts; i++) {
        if (rd_kafka_consume_start_queue(s->topic, t->parts[i].partition, t->parts[i].start, s->queue) != 0) {
            tail_fail(t, "cannot read %s/%d: %s", t->spec.topic, t->parts[i].partition,
                      rd_kafka_err2str(rd_kafka_last_error()));
            return false;
        }
        s->started = i + 1;
    }
    return true;
}

/* ---- records ---- */

static struct tail_part *part_of(struct tail *t, int32_t partition) {
    if (partition >= 0 && (size_t)partition < t->n_parts && t->parts[partition].partition == partition)
        return &t->parts[partition];
    for (size_t i = 0; i < t->n_parts; i++)
        if (t->parts[i].partition == partition)
            return &t->parts[i];
    return NULL;
}

/* Headers in the form of a record, which is what the ring keeps. */
static int32_t encode_headers(struct source *s, const rd_kafka_message_t *m) {
    rd_kafka_headers_t *headers;
    int32_t n = 0;
    buf_clear(&s->headers);
    if (rd_kafka_message_headers(m, &headers) != 0)
        return 0;
    const char *name;
    const void *value;
    size_t size;
    for (; rd_kafka_header_get_all(headers, (size_t)n, &name, &value, &size) == 0; n++) {
        varint_put(&s->headers, (int64_t)strlen(name));
        buf_puts(&s->headers, name);
        varint_put(&s->headers, value != NULL ? (int64_t)size : -1);
        if (value != NULL)
            buf_put(&s->headers, value, size);
    }
    return n;
}

static bool take_message(struct source *s, const rd_kafka_message_t *m) {
    struct tail *t = s->tail;
    struct tail_part *p = part_of(t, m->partition);
    if (p == NULL)
        return true;
    if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        p->at_end = true;
        p->next = m->offset;
        p->high = p->high > m->offset ? p->high : m->offset;
        p->done = p->done || m->offset >= p->end;
        return true;
    }
    if (m->err != 0)
        return true;
    p->next = m->offset + 1;
    p->at_end = false;
    if (p->high < p->next)
        p->high = p->next;
    if (t->spec.stop_at_end && m->offset >= p->end)
        return true;
    rd_kafka_timestamp_type_t kind;
    int32_t n_headers = encode_headers(s, m);
    struct tail_record r = {.part = p,
                            .offset = m->offset,
                            .timestamp_ms = rd_kafka_message_timestamp(m, &kind),
                            .key = {m->key, m->key_len},
                            .value = {m->payload, m->len},
                            .headers = buf_slice(&s->headers),
                            .n_headers = n_headers};
    r.append_time = kind == RD_KAFKA_TIMESTAMP_LOG_APPEND_TIME;
    bool go_on = tail_take(t, &r);
    p->done = p->done || p->next >= p->end;
    return go_on;
}

/* An error that no waiting will mend ends the tail. */
static bool fatal(struct source *s, const rd_kafka_message_t *m) {
    switch (m->err) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        tail_fail(s->tail, "%s/%d: %s", s->tail->spec.topic, m->partition, rd_kafka_message_errstr(m));
        return true;
    default: return false;
    }
}

static bool take_batch(struct source *s, size_t n) {
    struct tail *t = s->tail;
    bool go_on = true;
    size_t i = 0;
    while (i < n && go_on) {
        pthread_mutex_lock(&t->lock);
        for (size_t k = 0; k < LOCKED_RUN && i < n && go_on && !tail_merge_full(&t->merge); k++)
            go_on = take_message(s, s->batch[i++]);
        pthread_mutex_unlock(&t->lock);
        if (i == n || tail_merge_full(&t->merge))
            tail_merge_flush(t);
    }
    for (size_t k = 0; k < n; k++) {
        if (go_on && s->batch[k]->err != 0 && fatal(s, s->batch[k]))
            go_on = false;
        rd_kafka_message_destroy(s->batch[k]);
    }
    return go_on;
}

static void learn_ends(struct source *s) {
    struct tail *t = s->tail;
    for (size_t i = 0; i < t->n_parts; i++) {
        int64_t low, high;
        if (rd_kafka_get_watermark_offsets(s->rk, t->spec.topic, t->parts[i].partition, &low, &high) == 0 &&
            high >= 0 && high > t->parts[i].high)
            t->parts[i].high = high;
    }
}

void tail_rdk_run(struct tail *t) {
    struct source s = {.tail = t};
    int64_t learned_us = 0;
    bool go_on = source_new(&s) && find_partitions(&s) && find_starts(&s);
    if (go_on && t->stats.finished)
        go_on = false; /* nothing there to read */
    go_on = go_on && start_fetching(&s);
    while (go_on && !tail_stopping(t)) {
        ssize_t n = rd_kafka_consume_batch_queue(s.queue, WAIT_MS, s.batch, BATCH);
        if (n > 0)
            go_on = take_batch(&s, (size_t)n);
        rd_kafka_poll(s.rk, 0);
        pthread_mutex_lock(&t->lock);
        int64_t now = wire_now_us();
        if (now - learned_us >= HIGH_PERIOD_US) {
            learned_us = now;
            learn_ends(&s);
        }
        tail_tell(t);
        go_on = go_on && !t->stats.finished;
        pthread_mutex_unlock(&t->lock);
    }
    source_free(&s);
}
