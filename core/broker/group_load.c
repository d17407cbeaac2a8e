/* At start: __consumer_offsets back into groups.
 *
 * Each partition is read from its log start to its end; a later record of a key
 * replaces an earlier one.  Members of a group's newest record are members again,
 * Stable, with a fresh session, so that clients go on where they were.
 *
 * Records are our own, but a disk may lie: what does not decode is skipped and
 * counted.  Thread: the broker's, before any connection. */
#include "core/broker/group.h"

#include "core/base/log.h"

#include <stdlib.h>

#define READ_BYTES ((size_t)1 << 20)
#define RECORD_OVERHEAD 16

struct loader {
    struct groups *gs;
    struct offsets_log *log;
    struct arena arena;
    size_t records, bad;
};

/* NULL: it lives in another partition already. */
static struct group *load_group(struct loader *l, struct slice id, bool make) {
    struct group *g = group_find(l->gs, id);
    if (g == NULL && make) {
        g = group_add(l->gs, id);
        g->home = l->log->index;
    }
    return g != NULL && g->home == l->log->index ? g : NULL;
}

static bool versioned(struct slice s, int *version, struct slice *body) {
    if (s.n < 2)
        return false;
    *version = (int16_t)be16_get(s.p);
    *body = slice_of(s.p + 2, s.n - 2);
    return true;
}

static bool decode(struct loader *l, const struct proto_message *m, int version, struct slice in, void *out) {
    size_t used;
    return version >= m->min && version <= m->max && proto_decode(m, version, in, &l->arena, out, &used) == OK;
}

static uint32_t record_bytes(const struct record *r) {
    return (uint32_t)(r->key.n + r->value.n + RECORD_OVERHEAD);
}

static bool load_offset(struct loader *l, const struct record *r, int version, struct slice body) {
    struct offset_commit_key key;
    struct offset_commit_value value;
    if (!decode(l, PROTO_MESSAGE(offset_commit_key), version, body, &key) || key.partition < 0)
        return false;
    if (r->value.p == NULL) {
        struct group *g = load_group(l, key.group, false);
        struct group_offset *o = g == NULL ? NULL : group_offset_find(group_topic_find(g, key.topic), key.partition);
        if (o != NULL)
            group_offset_remove(o);
        return true;
    }
    if (!versioned(r->value, &version, &body) || !decode(l, PROTO_MESSAGE(offset_commit_value), version, body, &value))
        return false;
    struct group *g = load_group(l, key.group, true);
    if (g == NULL)
        return false;
    struct offset_value v = {value.offset, value.commit_timestamp, value.expire_timestamp, value.leader_epoch,
                             value.metadata};
    struct group_offset *o = group_offset_put(g, key.topic, key.partition, &v);
    log_node_set(l->log, &o->node, r->offset, record_bytes(r));
    return true;
}

static void drop_members(struct group *g) {
    while (g->members != NULL)
        member_remove(g->members, KAFKA_UNKNOWN_MEMBER_ID);
}

static void load_member(struct group *g, const struct group_metadata_value *value,
                        const struct group_metadata_value_member *from) {
    if (member_find(g, from->member_id) != NULL ||
        (from->group_instance_id.p != NULL && member_find_static(g, from->group_instance_id) != NULL))
        return;
    struct protocol p = {slice_text(value->protocol), from->subscription};
    struct member *m = member_add(g, from->member_id, from->group_instance_id, from->client_id, from->client_host,
                                  protocols_new(&p, 1));
    m->rebalance_timeout_ms = from->rebalance_timeout >= 0 ? from->rebalance_timeout : from->session_timeout;
    m->session_timeout_ms = from->session_timeout;
    member_set_assignment(m, from->assignment);
    if (slice_eq(slice_text(value->leader), from->member_id))
        g->leader = m;
}

static bool load_metadata(struct loader *l, const struct record *r, int version, struct slice body) {
    struct group_metadata_key key;
    struct group_metadata_value value;
    if (!decode(l, PROTO_MESSAGE(group_metadata_key), version, body, &key))
        return false;
    if (r->value.p == NULL) {
        struct group *g = load_group(l, key.group, false);
        if (g == NULL)
            return true;
        drop_members(g);
        if (g->node.next != NULL)
            log_node_clear(l->log, &g->node);
        slice_free(&g->protocol_type);
        slice_free(&g->protocol);
        g->generation = 0;
        g->state = GROUP_EMPTY;
        return true;
    }
    if (!versioned(r->value, &version, &body) || !decode(l, PROTO_MESSAGE(group_metadata_value), version, body, &value))
        return false;
    struct group *g = load_group(l, key.group, true);
    if (g == NULL)
        return false;
    drop_members(g);
    slice_free(&g->protocol_type);
    slice_free(&g->protocol);
    g->protocol_type = value.protocol_type.n == 0 ? SLICE_NULL : mem_dup(value.protocol_type);
    g->generation = value.generation;
    for (int32_t i = 0; i < value.members.n; i++)
        load_member(g, &value, &value.members.v[i]);
    if (g->members != NULL)
        g->protocol = mem_dup(slice_text(value.protocol));
    g->state = g->members == NULL ? GROUP_EMPTY : GROUP_STABLE;
    g->state_ms = value.current_state_timestamp >= 0 ? value.current_state_timestamp : r->timestamp;
    log_node_set(l->log, &g->node, r->offset, record_bytes(r));
    return true;
}

static void load_record(struct loader *l, const struct record *r) {
    int version;
    struct slice body;
    bool ok = versioned(r->key, &version, &body);
    arena_reset(&l->arena);
    if (ok && (version == 0 || version == 1))
        ok = load_offset(l, r, version, body);
    else if (ok && version == 2)
        ok = load_metadata(l, r, version, body);
    l->records++;
    l->bad += !ok;
}

static void load_batch(struct loader *l, const struct batch *b, int64_t start) {
    struct record_iter it = {.batch = b, .rest = b->records};
    struct record r;
    enum err e;
    if (!batch_crc_ok(b) || batch_codec(b) != CODEC_NONE || (b->attributes & BATCH_ATTR_CONTROL) != 0) {
        l->bad++;
        return;
    }
    while ((e = record_next(&it, &r)) == OK)
        if (r.offset >= start)
            load_record(l, &r);
    l->bad += e != ERR_NOT_FOUND;
}

static enum err load_log(struct loader *l, struct error *e) {
    struct store_log *log = l->gs->topic->partitions[l->log->index]->log;
    int64_t start = store_log_start(log), at = start, end = store_log_hw(log);
    struct buf bytes = {0};
    enum err r = OK;
    while (at < end && r == OK) {
        buf_clear(&bytes);
        r = store_read(log, at, end, READ_BYTES, true, &bytes);
        struct slice rest = buf_slice(&bytes);
        struct batch b;
        if (r == OK && rest.n == 0)
            break;
        while (r == OK && rest.n > 0 && batch_parse(rest, &b) == OK) {
            load_batch(l, &b, start);
            l->log->log_bytes += b.bytes.n;
            at = batch_last_offset(&b) + 1;
            rest = slice_of(rest.p + b.bytes.n, rest.n - b.bytes.n);
        }
        if (r == OK && rest.n == bytes.n)
            r = ERR_CORRUPT; /* not one whole batch */
    }
    buf_fini(&bytes);
    if (r == ERR_CORRUPT) {
        log_error("Partition %d of __consumer_offsets is damaged at offset %lld: what follows is not read.",
                  (int)l->log->index, (long long)at);
        return OK;
    }
    return r == OK ? OK : error_set(e, r, "cannot read partition %d of __consumer_offsets: %s", (int)l->log->index,
                                    err_name(r));
}

/* What came together is made whole: offsets of topics that are gone end, groups
 * without anything go, sessions begin. */
static void settle(struct groups *gs) {
    struct group *g, *next;
    HASH_ITER(by_id, gs->by_id, g, next) {
        struct group_topic *t, *next_topic;
        HASH_ITER(hh, g->topics, t, next_topic) {
            if (topic_find(gs->b, t->name) == NULL)
                group_topic_remove(t);
        }
        if (group_unused(g)) {
            group_remove(gs, g);
            continue;
        }
        for (struct member *m = g->members; m != NULL; m = m->by_id.next)
            member_keep_alive(m);
    }
}

enum err groups_load(struct groups *gs, struct error *e) {
    struct topic *t = topic_find(gs->b, SLICE("__consumer_offsets"));
    if (t == NULL)
        return OK;
    groups_set_topic(gs, t);
    struct loader l = {.gs = gs};
    enum err r = OK;
    gs->loading = true;
    store_reads_wait(gs->b->store, true);
    arena_init(&l.arena, SIZE_MAX);
    for (int32_t i = 0; i < gs->n_logs && r == OK; i++) {
        l.log = gs->logs[i];
        r = load_log(&l, e);
    }
    arena_fini(&l.arena);
    store_reads_wait(gs->b->store, false);
    if (r == OK) {
        settle(gs);
        gs->loading = false;
        for (int32_t i = 0; i < gs->n_logs; i++)
            group_log_check(gs, gs->logs[i]);
    }
    gs->loading = false;
    if (l.bad > 0)
        log_error("%zu of %zu records of __consumer_offsets could not be read and were left out.", l.bad, l.records);
    return r;
}
