/* Fetch sessions (KIP-227).
 *
 *   request            id 0 or any, epoch -1   no session; an existing one ends
 *                      id 0 or any, epoch 0    full list; a new session, if there is room
 *                      id, epoch n             changes only; n must be the next one
 *   answer to epoch n  only partitions with records, an error, or a moved high
 *                      watermark or log start since they were last answered
 *
 * A session keeps its partitions in an order: those answered with records go to
 * its end, so that none starves.  Sessions hold names or ids, never pointers to
 * topics; a waiting fetch holds the session's id, never a pointer to it: either
 * may go while it waits.
 *
 * Owner: the broker.  At most max.incremental.fetch.session.cache.slots sessions
 * and PARTS_MAX partitions in all of them; when full, the one idle longest goes
 * if it was idle for IDLE_US, else the client fetches without one. */
#include "core/broker/fetch_session.h"

#include <stdlib.h>

#define IDLE_US (INT64_C(120) * 1000 * 1000)
#define PARTS_MAX ((size_t)2 << 20)
enum { EPOCH_FINAL = -1, EPOCH_INITIAL = 0 };

struct session_part {
    UT_hash_handle hh;
    struct session_part *next, *prev;
    int64_t offset;
    int32_t index, max_bytes, current_epoch, last_fetched_epoch;
    int64_t sent_hw, sent_start;      /* -1: must be sent */
    size_t n_key;
    uint8_t key[];                    /* topic name or id, then the index */
};

struct fetch_session {
    UT_hash_handle hh;
    int32_t id, next_epoch;
    bool by_id;                       /* made by a version with topic ids */
    int64_t used_us;
    struct fetch_session *newer, *older;
    struct session_part *parts;       /* the hash */
    struct session_part *first, *last;
};

struct fetch_sessions {
    struct fetch_session *by_id;
    struct fetch_session *newest, *oldest;
    size_t n_parts;
};

/* ---- parts ---- */

static void part_unlink(struct fetch_session *s, struct session_part *p) {
    *(p->prev != NULL ? &p->prev->next : &s->first) = p->next;
    *(p->next != NULL ? &p->next->prev : &s->last) = p->prev;
}

static void part_append(struct fetch_session *s, struct session_part *p) {
    p->next = NULL;
    p->prev = s->last;
    *(s->last != NULL ? &s->last->next : &s->first) = p;
    s->last = p;
}

static struct slice part_key(struct buf *b, bool by_id, struct slice name, const struct uuid *id, int32_t index) {
    buf_clear(b);
    if (by_id)
        buf_put(b, id->b, sizeof id->b);
    else
        buf_put(b, name.p, name.n);
    buf_put_be32(b, (uint32_t)index);
    return buf_slice(b);
}

static struct session_part *part_find(struct fetch_session *s, struct slice key) {
    struct session_part *p;
    HASH_FIND(hh, s->parts, key.p, key.n, p);
    return p;
}

/* Adds or changes; false: no room. */
static bool part_put(struct fetch_sessions *all, struct fetch_session *s, struct slice key,
                     const struct fetch_entry *e) {
    struct session_part *p = part_find(s, key);
    if (p == NULL) {
        if (all->n_parts == PARTS_MAX)
            return false;
        p = mem_zalloc(sizeof *p + key.n);
        memcpy(p->key, key.p, key.n);
        p->n_key = key.n;
        p->index = e->index;
        p->sent_hw = p->sent_start = -1;
        HASH_ADD_KEYPTR(hh, s->parts, p->key, p->n_key, p);
        part_append(s, p);
        all->n_parts++;
    }
    p->offset = e->offset;
    p->max_bytes = e->max_bytes;
    p->current_epoch = e->current_epoch;
    p->last_fetched_epoch = e->last_fetched_epoch;
    return true;
}

static void part_drop(struct fetch_sessions *all, struct fetch_session *s, struct session_part *p) {
    HASH_DEL(s->parts, p);
    part_unlink(s, p);
    free(p);
    all->n_parts--;
}

/* ---- sessions ---- */

static void session_unlink(struct fetch_sessions *all, struct fetch_session *s) {
    *(s->newer != NULL ? &s->newer->older : &all->newest) = s->older;
    *(s->older != NULL ? &s->older->newer : &all->oldest) = s->newer;
}

static void session_touch(struct fetch_sessions *all, struct fetch_session *s, int64_t now_us) {
    s->used_us = now_us;
    s->newer = NULL;
    s->older = all->newest;
    *(all->newest != NULL ? &all->newest->newer : &all->oldest) = s;
    all->newest = s;
}

static void session_end(struct fetch_sessions *all, struct fetch_session *s) {
    while (s->first != NULL)
        part_drop(all, s, s->first);
    HASH_DEL(all->by_id, s);
    session_unlink(all, s);
    free(s);
}

static struct fetch_session *session_find(struct broker *b, int32_t id) {
    struct fetch_session *s = NULL;
    if (b->sessions != NULL && id != 0)
        HASH_FIND_INT(b->sessions->by_id, &id, s);
    return s;
}

static struct fetch_session *session_new(struct broker *b, bool by_id) {
    int64_t now_us = broker_now_us(b), slots = config_int(b, "max.incremental.fetch.session.cache.slots");
    if (b->sessions == NULL)
        b->sessions = mem_zalloc(sizeof *b->sessions);
    struct fetch_sessions *all = b->sessions;
    if ((int64_t)HASH_COUNT(all->by_id) >= slots || all->n_parts == PARTS_MAX) {
        if (slots == 0 || all->oldest == NULL || now_us - all->oldest->used_us < IDLE_US)
            return NULL;
        session_end(all, all->oldest);
    }
    struct fetch_session *s = mem_zalloc(sizeof *s);
    do {
        b->env->random(b->env, &s->id, sizeof s->id);
        s->id &= INT32_MAX;
    } while (s->id == 0 || session_find(b, s->id) != NULL);
    s->by_id = by_id;
    s->next_epoch = 1;
    HASH_ADD_INT(all->by_id, id, s);
    session_touch(all, s, now_us);
    return s;
}

void fetch_sessions_free(struct broker *b) {
    while (b->sessions != NULL && b->sessions->newest != NULL)
        session_end(b->sessions, b->sessions->newest);
    free(b->sessions);
    b->sessions = NULL;
}

/* ---- the request ---- */

static void entry_take(const struct fetch_req_partition *from, struct fetch_entry *e) {
    e->index = from->partition;
    e->offset = from->fetch_offset;
    e->max_bytes = from->partition_max_bytes;
    e->current_epoch = from->current_leader_epoch;
    e->last_fetched_epoch = from->last_fetched_epoch;
    e->diverging_epoch = -1;
}

/* Finds the partition, or says why there is none. */
static void entry_resolve(struct topic *t, bool by_id, int16_t refused, struct fetch_entry *e) {
    e->p = topic_partition(t, e->index);
    if (e->p == NULL) {
        e->unknown = true;
        e->error = t == NULL && by_id ? KAFKA_UNKNOWN_TOPIC_ID : KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    } else if (refused != KAFKA_NONE) {
        e->p = NULL;
        e->error = refused;
        e->unknown = refused == KAFKA_UNKNOWN_SERVER_ERROR;
    }
}

/* The topics of the request as entries.  From the back, because of a partition
 * that is given twice the last counts. */
static void take_topic(struct broker *b, struct request *rq, const struct fetch_req_topic *in, int16_t refused,
                       struct fetch_topic *out) {
    bool by_id = rq->header.version >= 13;
    struct topic *t = by_id ? topic_find_id(b, &in->topic_id) : topic_find(b, in->topic);
    int32_t n = in->partitions.n < 0 ? 0 : in->partitions.n, at = n;
    out->name = in->topic;
    out->id = in->topic_id;
    out->entries = request_alloc(rq, (size_t)(n + 1) * sizeof *out->entries);
    for (int32_t i = n; i-- > 0;) {
        struct partition *p = topic_partition(t, in->partitions.v[i].partition);
        if (p != NULL && p->asked_in == b->stats.requests)
            continue;
        if (p != NULL)
            p->asked_in = b->stats.requests;
        entry_take(&in->partitions.v[i], &out->entries[--at]);
        entry_resolve(t, by_id, refused, &out->entries[at]);
    }
    out->entries += at;
    out->n = n - at;
}

static void take_full(struct broker *b, struct request *rq, int16_t refused, struct fetch_op *op) {
    const struct fetch_req *req = rq->body;
    int32_t n = req->topics.n < 0 ? 0 : req->topics.n;
    op->topics = request_alloc(rq, (size_t)(n + 1) * sizeof *op->topics);
    for (int32_t i = n; i-- > 0;) {
        take_topic(b, rq, &req->topics.v[i], refused, &op->topics[i]);
        op->n_entries += op->topics[i].n;
    }
    op->n_topics = n;
}

/* A session out of the full list. */
static void remember(struct broker *b, struct fetch_op *op, bool by_id) {
    struct fetch_session *s = op->n_entries == 0 ? NULL : session_new(b, by_id);
    struct buf key = {0};
    bool room = s != NULL;
    for (int32_t i = 0; i < op->n_topics && room; i++)
        for (int32_t k = 0; k < op->topics[i].n && room; k++) {
            const struct fetch_entry *e = &op->topics[i].entries[k];
            room = part_put(b->sessions, s, part_key(&key, by_id, op->topics[i].name, &op->topics[i].id, e->index), e);
        }
    if (s != NULL && !room)
        session_end(b->sessions, s);
    else if (s != NULL)
        op->session_id = s->id;
    buf_fini(&key);
}

/* Applies the request's changes to its session; false: no room for them. */
static bool apply_changes(struct broker *b, const struct fetch_req *req, struct fetch_session *s) {
    struct buf key = {0};
    bool room = true;
    for (int32_t i = 0; i < req->topics.n && room; i++) {
        const struct fetch_req_topic *t = &req->topics.v[i];
        for (int32_t k = 0; k < t->partitions.n && room; k++) {
            struct fetch_entry e;
            entry_take(&t->partitions.v[k], &e);
            room = part_put(b->sessions, s, part_key(&key, s->by_id, t->topic, &t->topic_id, e.index), &e);
        }
    }
    for (int32_t i = 0; i < req->forgotten_topics_data.n; i++) {
        const struct fetch_req_forgotten_topic *t = &req->forgotten_topics_data.v[i];
        for (int32_t k = 0; k < t->partitions.n; k++) {
            struct session_part *p = part_find(s, part_key(&key, s->by_id, t->topic, &t->topic_id, t->partitions.v[k]));
            if (p != NULL)
                part_drop(b->sessions, s, p);
        }
    }
    buf_fini(&key);
    return room;
}

static bool same_topic(const struct session_part *a, const struct session_part *b) {
    return a->n_key == b->n_key && memcmp(a->key, b->key, a->n_key - 4) == 0;
}

/* The session's whole list as entries; neighbours of one topic together. */
static void take_session(struct broker *b, struct request *rq, struct fetch_session *s, int16_t refused,
                         struct fetch_op *op) {
    int32_t n = (int32_t)HASH_COUNT(s->parts);
    struct fetch_entry *e = request_alloc(rq, (size_t)(n + 1) * sizeof *e);
    op->topics = request_alloc(rq, (size_t)(n + 1) * sizeof *op->topics);
    op->n_entries = n;
    struct topic *topic = NULL;
    for (struct session_part *p = s->first; p != NULL; p = p->next, e++) {
        struct fetch_topic *t = op->n_topics == 0 ? NULL : &op->topics[op->n_topics - 1];
        if (t == NULL || !same_topic(p->prev, p)) {
            t = &op->topics[op->n_topics++];
            t->entries = e;
            if (s->by_id)
                memcpy(t->id.b, p->key, sizeof t->id.b);
            t->name = s->by_id ? SLICE("") : request_dup(rq, slice_of(p->key, p->n_key - 4));
            topic = s->by_id ? topic_find_id(b, &t->id) : topic_find(b, t->name);
        }
        t->n++;
        *e = (struct fetch_entry){.index = p->index,
                                  .offset = p->offset,
                                  .max_bytes = p->max_bytes,
                                  .diverging_epoch = -1,
                                  .current_epoch = p->current_epoch,
                                  .last_fetched_epoch = p->last_fetched_epoch};
        entry_resolve(topic, s->by_id, refused, e);
    }
}

static int16_t continue_session(struct broker *b, struct request *rq, int16_t refused, struct fetch_op *op) {
    const struct fetch_req *req = rq->body;
    struct fetch_session *s = session_find(b, req->session_id);
    if (s == NULL)
        return KAFKA_FETCH_SESSION_ID_NOT_FOUND;
    if (s->next_epoch != req->session_epoch)
        return KAFKA_INVALID_FETCH_SESSION_EPOCH;
    if (s->by_id != (rq->header.version >= 13))
        return KAFKA_FETCH_SESSION_TOPIC_ID_ERROR;
    if (!apply_changes(b, req, s)) {
        session_end(b->sessions, s);
        return KAFKA_FETCH_SESSION_ID_NOT_FOUND; /* the client goes on with a full list */
    }
    if (s->first == NULL) {
        session_end(b->sessions, s);
        return KAFKA_NONE;
    }
    s->next_epoch = s->next_epoch == INT32_MAX ? 1 : s->next_epoch + 1;
    session_unlink(b->sessions, s);
    session_touch(b->sessions, s, broker_now_us(b));
    take_session(b, rq, s, refused, op);
    op->session_id = s->id;
    op->incremental = true;
    return KAFKA_NONE;
}

int16_t fetch_session_begin(struct broker *b, struct request *rq, struct fetch_op *op) {
    const struct fetch_req *req = rq->body;
    int32_t replica = rq->header.version >= 15 ? req->replica_state.replica_id : req->replica_id;
    int16_t refused = replica >= 0 ? KAFKA_NOT_LEADER_OR_FOLLOWER : KAFKA_NONE;
    if (req->isolation_level < 0 || req->isolation_level > 1)
        refused = op->error = KAFKA_UNKNOWN_SERVER_ERROR;
    if (req->session_epoch != EPOCH_FINAL && req->session_epoch != EPOCH_INITIAL)
        return continue_session(b, rq, refused, op);
    struct fetch_session *old = session_find(b, req->session_id);
    if (old != NULL)
        session_end(b->sessions, old);
    take_full(b, rq, refused, op);
    if (req->session_epoch == EPOCH_INITIAL && rq->header.version >= 7 && refused == KAFKA_NONE)
        remember(b, op, rq->header.version >= 13);
    return KAFKA_NONE;
}

/* ---- the answer ---- */

static void finish_entry(struct fetch_session *s, struct session_part *p, bool incremental, struct fetch_entry *e) {
    bool news = e->records_n != 0 || e->error != KAFKA_NONE || e->diverging_epoch >= 0 || p->sent_hw != e->hw ||
                p->sent_start != e->start;
    e->left_out = incremental && !news;
    p->sent_hw = e->error == KAFKA_NONE ? e->hw : -1;
    p->sent_start = e->error == KAFKA_NONE ? e->start : -1;
    if (e->records_n != 0) {
        part_unlink(s, p);
        part_append(s, p);
    }
}

void fetch_session_finish(struct broker *b, struct fetch_op *op) {
    struct fetch_session *s = session_find(b, op->session_id);
    struct buf key = {0};
    for (int32_t i = 0; i < op->n_topics && s != NULL; i++)
        for (int32_t k = 0; k < op->topics[i].n; k++) {
            struct fetch_entry *e = &op->topics[i].entries[k];
            struct session_part *p =
                part_find(s, part_key(&key, s->by_id, op->topics[i].name, &op->topics[i].id, e->index));
            if (p != NULL)
                finish_entry(s, p, op->incremental, e);
        }
    buf_fini(&key);
}
