/* The coordinator's records in __consumer_offsets, in Kafka's own formats, and
 * keeping that topic small.
 *
 *   offset    key   i16 1, group, topic, i32 partition
 *             value i16 3 (i16 1 with an expiry of its own), offset_commit_value
 *   group     key   i16 2, group
 *             value i16 3, group_metadata_value
 *   a null value ends a key
 *
 * Keeping it small: every key that is alive hangs in its log's list in the order
 * of its newest record.  When the log is more than twice as large as its live
 * records and a MiB, the oldest live records are written again, some at a time
 * (they move to the list's end), until none is left below the mark, the log's
 * end when it began; then the log start moves up to the mark.  The WAL keeps the
 * order: a log start that survives a crash comes after the copies.
 * Thread: the broker's. */
#include "core/broker/group.h"

#include "core/base/log.h"
#include "core/base/text.h"

#include <stdlib.h>

#define OFFSET_KEY_VERSION 1
#define OFFSET_VALUE_VERSION 3
#define OFFSET_VALUE_VERSION_EXPIRING 1
#define GROUP_KEY_VERSION 2
#define GROUP_VALUE_VERSION 3
#define RECORD_OVERHEAD 16           /* lengths, deltas, attributes */
#define COMPACT_SLACK_BYTES ((uint64_t)1 << 20)
#define COMPACT_STEP_RECORDS 256
#define COMPACT_STEP_BYTES ((size_t)256 << 10)
#define COMPACT_PAUSE_US 5000
#define COMPACT_RETRY_US 60000000
#define NODE_OF(n, type) ((type *)(void *)((char *)(n) - offsetof(type, node)))

/* ---- where ---- */

/* Java's String.hashCode, over UTF-16. */
static int32_t java_hash(struct slice s) {
    uint32_t h = 0;
    for (size_t i = 0; i < s.n;) {
        int32_t cp;
        i += text_next(s.p + i, s.n - i, &cp);
        if (cp < 0)
            cp = 0xfffd;
        if (cp > 0xffff) {
            h = 31 * h + 0xd800 + (uint32_t)((cp - 0x10000) >> 10);
            cp = 0xdc00 + ((cp - 0x10000) & 0x3ff);
        }
        h = 31 * h + (uint32_t)cp;
    }
    return (int32_t)h;
}

int32_t group_home(const struct groups *gs, struct slice id) {
    int32_t h = java_hash(id);
    weir_assert(gs->n_logs > 0);
    return (h == INT32_MIN ? 0 : h < 0 ? -h : h) % gs->n_logs;
}

struct offsets_log *group_log(const struct group *g) {
    return g->owner->logs[g->home];
}

void groups_set_topic(struct groups *gs, struct topic *t) {
    gs->topic = t;
    int32_t n = t == NULL ? 0 : t->n_partitions;
    for (int32_t i = n; i < gs->n_logs; i++)
        free(gs->logs[i]);
    if (n == 0) {
        free(gs->logs);
        gs->logs = NULL;
    } else {
        gs->logs = mem_realloc(gs->logs, (size_t)n * sizeof *gs->logs);
    }
    for (int32_t i = gs->n_logs; i < n; i++) {
        struct offsets_log *log = mem_zalloc(sizeof *log);
        log->index = i;
        log->live.prev = log->live.next = &log->live;
        gs->logs[i] = log;
    }
    gs->n_logs = n;
}

/* ---- the list of live keys ---- */

void log_node_clear(struct offsets_log *log, struct log_node *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    node->prev = node->next = NULL;
    log->live_bytes -= node->bytes;
}

void log_node_set(struct offsets_log *log, struct log_node *node, int64_t offset, uint32_t bytes) {
    if (node->next != NULL)
        log_node_clear(log, node);
    node->offset = offset;
    node->bytes = bytes;
    node->prev = log->live.prev;
    node->next = &log->live;
    node->prev->next = node->next->prev = node;
    log->live_bytes += bytes;
}

/* ---- writing ---- */

void groups_writer_fini(struct groups *gs) {
    struct group_writer *w = &gs->writer;
    batch_builder_fini(&w->builder);
    proto_out_fini(&w->key);
    proto_out_fini(&w->value);
    buf_fini(&w->batch);
    free(w->sizes);
}

void group_write_start(struct groups *gs) {
    struct group_writer *w = &gs->writer;
    w->now_ms = broker_now_ms(gs->b);
    w->n = w->bytes = 0;
    batch_start(&w->builder, 0, w->now_ms);
}

static void out_begin(struct proto_out *out, int version) {
    proto_out_clear(out);
    buf_put_be16(&out->head, (uint16_t)version);
}

static void writer_add(struct group_writer *w, bool tombstone) {
    struct slice key = buf_slice(&w->key.head), value = tombstone ? SLICE_NULL : buf_slice(&w->value.head);
    batch_add(&w->builder, (int64_t)w->n, w->now_ms, key, value, NULL, 0);
    if (w->n == w->cap) {
        w->cap = w->cap == 0 ? 64 : w->cap * 2;
        w->sizes = mem_realloc(w->sizes, w->cap * sizeof *w->sizes);
    }
    w->sizes[w->n] = (uint32_t)(key.n + value.n + RECORD_OVERHEAD);
    w->bytes += w->sizes[w->n++];
}

void group_write_offset(struct groups *gs, const struct group *g, struct slice topic, int32_t partition,
                        const struct offset_value *v) {
    struct group_writer *w = &gs->writer;
    struct offset_commit_key key = {.group = g->id, .topic = topic, .partition = partition};
    out_begin(&w->key, OFFSET_KEY_VERSION);
    proto_encode(PROTO_MESSAGE(offset_commit_key), OFFSET_KEY_VERSION, &key, &w->key);
    if (v != NULL) {
        int version = v->expire_ms >= 0 ? OFFSET_VALUE_VERSION_EXPIRING : OFFSET_VALUE_VERSION;
        struct offset_commit_value value;
        proto_init(PROTO_STRUCT(offset_commit_value), &value);
        value.offset = v->offset;
        value.leader_epoch = v->leader_epoch;
        value.metadata = slice_text(v->metadata);
        value.commit_timestamp = v->commit_ms;
        value.expire_timestamp = v->expire_ms;
        out_begin(&w->value, version);
        proto_encode(PROTO_MESSAGE(offset_commit_value), version, &value, &w->value);
    }
    writer_add(w, v == NULL);
}

static void encode_group(struct group_writer *w, const struct group *g) {
    struct group_metadata_value value;
    proto_init(PROTO_STRUCT(group_metadata_value), &value);
    value.protocol_type = slice_text(g->protocol_type);
    value.generation = g->generation;
    value.protocol = g->protocol;
    value.leader = g->leader == NULL ? SLICE_NULL : g->leader->id;
    value.current_state_timestamp = g->state_ms;
    struct group_metadata_value_member *to = mem_zalloc((g->n_members + 1) * sizeof *to);
    value.members.n = (int32_t)g->n_members;
    value.members.v = to;
    for (const struct member *m = g->members; m != NULL; m = m->by_id.next, to++) {
        to->member_id = m->id;
        to->group_instance_id = m->instance_id;
        to->client_id = m->client_id;
        to->client_host = m->client_host;
        to->rebalance_timeout = m->rebalance_timeout_ms;
        to->session_timeout = m->session_timeout_ms;
        to->subscription = member_metadata(m, slice_text(g->protocol));
        to->assignment = m->assignment;
    }
    out_begin(&w->value, GROUP_VALUE_VERSION);
    proto_encode(PROTO_MESSAGE(group_metadata_value), GROUP_VALUE_VERSION, &value, &w->value);
    free(value.members.v);
}

void group_write_group(struct groups *gs, const struct group *g, bool tombstone) {
    struct group_writer *w = &gs->writer;
    struct group_metadata_key key = {.group = g->id};
    out_begin(&w->key, GROUP_KEY_VERSION);
    proto_encode(PROTO_MESSAGE(group_metadata_key), GROUP_KEY_VERSION, &key, &w->key);
    if (!tombstone)
        encode_group(w, g);
    writer_add(w, tombstone);
}

static enum err writer_append(struct groups *gs, struct offsets_log *log, int64_t *base, uint64_t *ticket) {
    struct group_writer *w = &gs->writer;
    buf_clear(&w->batch);
    enum err e = batch_finish(&w->builder, CODEC_NONE, &w->batch);
    if (e != OK)
        return e;
    struct append_result r;
    e = partition_append(gs->b, gs->topic->partitions[log->index], w->batch.p, w->batch.n, &r);
    if (e != OK)
        return e;
    log->log_bytes += w->batch.n;
    *base = r.base_offset;
    *ticket = r.ticket;
    return OK;
}

enum err group_write_end(struct groups *gs, struct group *g, int64_t *base) {
    if (gs->writer.n == 0)
        return OK;
    enum err e = writer_append(gs, group_log(g), base, &g->ticket);
    if (e == OK) {
        gs->warned = false;
        group_log_check(gs, group_log(g));
    } else if (!gs->warned) {
        gs->warned = true;
        log_warn("Group records cannot be written now (%s).", err_name(e));
    }
    return e;
}

void group_save(struct group *g) {
    struct groups *gs = g->owner;
    int64_t base;
    group_write_start(gs);
    group_write_group(gs, g, false);
    if (group_write_end(gs, g, &base) == OK)
        log_node_set(group_log(g), &g->node, base, gs->writer.sizes[0]);
}

/* ---- keeping it small ---- */

void group_log_check(struct groups *gs, struct offsets_log *log) {
    int64_t now_us = broker_now_us(gs->b);
    if (gs->loading || log->compacting || log->log_bytes <= 2 * log->live_bytes + COMPACT_SLACK_BYTES ||
        now_us < log->not_before_us)
        return;
    log->compacting = true;
    log->mark = store_log_end(gs->topic->partitions[log->index]->log);
    log->mark_bytes = log->log_bytes;
    store_log_roll(gs->topic->partitions[log->index]->log);
    if (gs->compact_timer.slot == 0)
        timers_set(&gs->b->timers, &gs->compact_timer, now_us + COMPACT_PAUSE_US);
}

static void write_again(struct groups *gs, struct log_node *node) {
    if (node->is_group) {
        group_write_group(gs, NODE_OF(node, struct group), false);
        return;
    }
    const struct group_offset *o = NODE_OF(node, struct group_offset);
    struct offset_value v = {o->offset, o->commit_ms, o->expire_ms, o->leader_epoch, o->metadata};
    group_write_offset(gs, o->topic->group, o->topic->name, o->partition, &v);
}

static enum err copy_step(struct groups *gs, struct offsets_log *log) {
    struct group_writer *w = &gs->writer;
    group_write_start(gs);
    for (struct log_node *node = log->live.next;
         node != &log->live && node->offset < log->mark && w->n < COMPACT_STEP_RECORDS && w->bytes < COMPACT_STEP_BYTES;
         node = node->next)
        write_again(gs, node);
    if (w->n == 0)
        return OK;
    int64_t base;
    uint64_t ticket;
    enum err e = writer_append(gs, log, &base, &ticket);
    if (e != OK)
        return e;
    for (size_t i = 0; i < w->n; i++)
        log_node_set(log, log->live.next, base + (int64_t)i, w->sizes[i]);
    return OK;
}

static void compact_step(struct groups *gs, struct offsets_log *log) {
    enum err e = copy_step(gs, log);
    if (e == OK && log->live.next != &log->live && log->live.next->offset < log->mark)
        return;
    struct store_log *store_log = gs->topic->partitions[log->index]->log;
    if (e == OK && gs->b->failed != OK)
        e = gs->b->failed;
    if (e == OK && store_log_hw(store_log) < log->mark)
        return; /* what the copies follow is not durable yet */
    uint64_t ticket;
    if (e == OK)
        e = store_log_set_start(store_log, log->mark, &ticket);
    log->compacting = false;
    if (e == OK) {
        log->log_bytes -= log->mark_bytes;
        return;
    }
    log->not_before_us = broker_now_us(gs->b) + COMPACT_RETRY_US;
    log_warn("Partition %d of the committed offsets could not be made smaller (%s); it will be tried again.",
             (int)log->index, err_name(e));
}

void group_compact_due(struct timer *t, void *ctx) {
    struct broker *b = ctx;
    struct groups *gs = b->groups;
    int32_t i = 0;
    while (i < gs->n_logs && !gs->logs[i]->compacting)
        i++;
    if (i == gs->n_logs)
        return;
    compact_step(gs, gs->logs[i]);
    timers_set(&b->timers, t, broker_now_us(b) + COMPACT_PAUSE_US);
}
