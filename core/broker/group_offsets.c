/* Committed offsets of a group: by topic name, then by partition.
 *
 * Invariant: a topic in the group has at least one offset; each offset's node is
 * in the live list of the group's home log once its record was written.
 * Owner: the group.  Thread: the broker's. */
#include "core/broker/group.h"

#include "core/base/log.h"

#include <stdlib.h>

/* Tombstones are written in batches of about this size. */
#define CHUNK_BYTES ((size_t)256 << 10)

struct group_topic *group_topic_find(const struct group *g, struct slice name) {
    struct group_topic *t = NULL;
    name = slice_text(name);
    HASH_FIND(hh, g->topics, name.p, name.n, t);
    return t;
}

/* The first place with a partition >= the one asked for. */
static size_t place_of(const struct group_topic *t, int32_t partition) {
    size_t from = 0, to = t->n;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (t->v[mid]->partition < partition)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

struct group_offset *group_offset_find(const struct group_topic *t, int32_t partition) {
    if (t == NULL)
        return NULL;
    size_t i = place_of(t, partition);
    return i < t->n && t->v[i]->partition == partition ? t->v[i] : NULL;
}

static size_t topic_bytes(const struct group_topic *t) {
    return sizeof *t + t->name.n;
}

static size_t offset_bytes(const struct group_offset *o) {
    return sizeof *o + sizeof o + o->metadata.n;
}

static struct group_topic *topic_add(struct group *g, struct slice name) {
    struct group_topic *t = mem_zalloc(sizeof *t);
    t->group = g;
    t->name = mem_dup(slice_text(name));
    HASH_ADD_KEYPTR(hh, g->topics, t->name.p, t->name.n, t);
    g->owner->bytes += topic_bytes(t);
    return t;
}

static struct group_offset *offset_add(struct group_topic *t, int32_t partition) {
    struct group_offset *o = mem_zalloc(sizeof *o);
    size_t i = place_of(t, partition);
    o->topic = t;
    o->partition = partition;
    if (t->n == t->cap) {
        t->cap = t->cap == 0 ? 4 : t->cap * 2;
        t->v = mem_realloc(t->v, t->cap * sizeof *t->v);
    }
    memmove(t->v + i + 1, t->v + i, (t->n - i) * sizeof *t->v);
    t->v[i] = o;
    t->n++;
    t->group->n_offsets++;
    t->group->owner->bytes += offset_bytes(o);
    return o;
}

struct group_offset *group_offset_put(struct group *g, struct slice topic, int32_t partition,
                                      const struct offset_value *v) {
    struct group_topic *t = group_topic_find(g, topic);
    if (t == NULL)
        t = topic_add(g, topic);
    struct group_offset *o = group_offset_find(t, partition);
    if (o == NULL)
        o = offset_add(t, partition);
    g->owner->bytes -= offset_bytes(o);
    slice_free(&o->metadata);
    o->offset = v->offset;
    o->commit_ms = v->commit_ms;
    o->expire_ms = v->expire_ms;
    o->leader_epoch = v->leader_epoch;
    o->metadata = v->metadata.n == 0 ? SLICE_NULL : mem_dup(v->metadata);
    g->owner->bytes += offset_bytes(o);
    return o;
}

void group_offset_remove(struct group_offset *o) {
    struct group_topic *t = o->topic;
    struct group *g = t->group;
    if (o->node.next != NULL)
        log_node_clear(group_log(g), &o->node);
    size_t i = place_of(t, o->partition);
    memmove(t->v + i, t->v + i + 1, (t->n - i - 1) * sizeof *t->v);
    t->n--;
    g->n_offsets--;
    g->owner->bytes -= offset_bytes(o);
    slice_free(&o->metadata);
    free(o);
    if (t->n == 0) {
        HASH_DELETE(hh, g->topics, t);
        g->owner->bytes -= topic_bytes(t);
        slice_free(&t->name);
        free(t->v);
        free(t);
    }
}

static enum err flush(struct group *g) {
    int64_t base;
    enum err e = group_write_end(g->owner, g, &base);
    group_write_start(g->owner);
    return e;
}

static enum err write_topic_tombstones(struct group_topic *t) {
    struct group *g = t->group;
    enum err e = OK;
    for (size_t i = 0; i < t->n && e == OK; i++) {
        group_write_offset(g->owner, g, t->name, t->v[i]->partition, NULL);
        if (g->owner->writer.bytes > CHUNK_BYTES)
            e = flush(g);
    }
    return e;
}

void group_topic_remove(struct group_topic *t) {
    struct group *g = t->group;
    group_write_start(g->owner);
    enum err e = write_topic_tombstones(t);
    if (e == OK)
        e = flush(g);
    if (e != OK)
        log_warn("The end of committed offsets could not be written: %s.", err_name(e));
    for (size_t n = t->n; n > 0; n--)
        group_offset_remove(t->v[n - 1]);
}

enum err group_delete(struct group *g) {
    struct groups *gs = g->owner;
    enum err e = OK;
    if (g->n_offsets > 0 || g->node.next != NULL) {
        group_write_start(gs);
        for (struct group_topic *t = g->topics; t != NULL && e == OK; t = t->hh.next)
            e = write_topic_tombstones(t);
        if (g->node.next != NULL)
            group_write_group(gs, g, true);
        if (e == OK)
            e = flush(g);
    }
    if (e == OK)
        group_remove(gs, g);
    return e;
}

/* ---- expiry ---- */

struct expiry {
    struct group *group;
    int64_t now_ms, retention_ms;
    bool by_group;                   /* counted from when the group became empty */
    bool members;                    /* of topics that no member subscribes to */
    const struct slice *topics;
    size_t n_topics;
};

static bool expired(const struct expiry *x, const struct group_offset *o) {
    if (o->expire_ms >= 0)
        return x->now_ms >= o->expire_ms;
    int64_t since = x->by_group ? x->group->state_ms : o->commit_ms;
    return x->now_ms - since >= x->retention_ms;
}

/* Walks backwards: removal may free the topic with its last offset. */
static enum err expire_topic(const struct expiry *x, struct group_topic *t) {
    struct group *g = x->group;
    enum err e = OK;
    for (size_t n = t->n; n > 0 && e == OK; n--) {
        struct group_offset *o = t->v[n - 1];
        if (!expired(x, o))
            continue;
        group_write_start(g->owner);
        group_write_offset(g->owner, g, t->name, o->partition, NULL);
        e = flush(g);
        if (e == OK)
            group_offset_remove(o);
    }
    return e;
}

size_t group_expire(struct group *g, int64_t now_ms, int64_t retention_ms) {
    struct expiry x = {.group = g, .now_ms = now_ms, .retention_ms = retention_ms};
    size_t looked_at = g->n_offsets;
    struct arena a;
    struct slice *topics;
    enum err e = OK;
    if (g->state != GROUP_EMPTY && g->state != GROUP_STABLE)
        return 0;
    arena_init(&a, GROUP_BYTES_MAX * 2);
    x.by_group = g->state == GROUP_EMPTY && g->protocol_type.p != NULL;
    bool may = g->state == GROUP_EMPTY;
    if (!may && g->n_offsets > 0) {
        may = x.members = group_subscribed(g, &a, &topics, &x.n_topics);
        x.topics = topics;
    }
    struct group_topic *t, *next;
    if (may) {
        HASH_ITER(hh, g->topics, t, next) {
            if (e == OK && !(x.members && topic_subscribed(x.topics, x.n_topics, t->name)))
                e = expire_topic(&x, t);
        }
    }
    arena_fini(&a);
    if (g->state == GROUP_EMPTY && g->n_pending == 0 && g->n_offsets == 0 && e == OK && group_delete(g) != OK)
        log_warn("The end of an empty group could not be written; it will be tried again.");
    return looked_at;
}
