/* Topics and their partitions, in memory and in the store's map.
 *
 * Topic record (MAP_TOPIC, key: the name), format 1:
 *
 *   0  format      u8    1
 *   1  id          16
 *  17  partitions  i32
 *  21  flags       u8    0
 *  22  configs     u16 count, then count x (u16 length, name, u32 length, value)
 *
 * Deleting a topic writes two frames (the record's end, the logs' end); logs
 * whose topic is not there are dropped at the next start.
 * Owner: the broker.  Thread: its own. */
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/broker/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOPIC_FORMAT 1
#define TOPIC_CONFIGS_MAX 64
#define OFFSETS_TOPIC "__consumer_offsets"

/* ---- names ---- */

bool topic_name_valid(struct slice name, const char **why) {
    const char *problem = NULL;
    if (name.n == 0)
        problem = "it is empty";
    else if (slice_is(name, ".") || slice_is(name, ".."))
        problem = "'.' and '..' are not names";
    else if (name.n > TOPIC_NAME_MAX)
        problem = "it is longer than 249 characters";
    for (size_t i = 0; problem == NULL && i < name.n; i++) {
        uint8_t c = name.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '.' || c == '_' ||
              c == '-'))
            problem = "only ASCII letters, digits, '.', '_' and '-' are allowed";
    }
    if (why != NULL)
        *why = problem;
    return problem == NULL;
}

/* Characters, not bytes, as Kafka counts them. */
static size_t name_length(struct slice name) {
    size_t n = 0;
    for (size_t i = 0; i < name.n; n++) {
        int32_t cp;
        i += text_next(name.p + i, name.n - i, &cp);
    }
    return n;
}

struct slice topic_name_error(struct request *rq, struct slice name) {
    struct slice shown = request_utf8(rq, name);
    if (name.n == 0)
        return SLICE("Topic name is invalid: the empty string is not allowed");
    if (slice_is(name, ".") || slice_is(name, ".."))
        return request_printf(rq, "Topic name is invalid: '%.*s' is not allowed", SLICE_ARG(name));
    if (name_length(name) > TOPIC_NAME_MAX)
        return request_printf(rq,
                              "Topic name is invalid: the length of '%.*s' is longer than the max allowed length %d",
                              SLICE_ARG(shown), TOPIC_NAME_MAX);
    return request_printf(rq,
                          "Topic name is invalid: '%.*s' contains one or more characters other than ASCII "
                          "alphanumerics, '.', '_' and '-'",
                          SLICE_ARG(shown));
}

bool topic_name_internal(struct slice name) {
    return slice_is(name, OFFSETS_TOPIC) || slice_is(name, "__transaction_state") ||
           slice_is(name, "__share_group_state");
}

static bool names_collide(struct slice a, struct slice b) {
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++) {
        uint8_t x = a.p[i] == '.' ? '_' : a.p[i], y = b.p[i] == '.' ? '_' : b.p[i];
        if (x != y)
            return false;
    }
    return true;
}

struct topic *topic_colliding(struct broker *b, struct slice name) {
    if (memchr(name.p, '.', name.n) == NULL && memchr(name.p, '_', name.n) == NULL)
        return NULL;
    for (struct topic *t = b->topics_by_name; t != NULL; t = t->by_name.next)
        if (names_collide(name, slice_cstr(t->name)))
            return t;
    return NULL;
}

/* ---- looking up ---- */

struct topic *topic_find(struct broker *b, struct slice name) {
    struct topic *t = NULL;
    if (name.n != 0)
        HASH_FIND(by_name, b->topics_by_name, name.p, name.n, t);
    return t;
}

struct topic *topic_find_id(struct broker *b, const struct uuid *id) {
    struct topic *t = NULL;
    HASH_FIND(by_id, b->topics_by_id, id, sizeof *id, t);
    return t;
}

struct partition *topic_partition(struct topic *t, int32_t index) {
    return t == NULL || t->deleting || index < 0 || index >= t->n_partitions ? NULL : t->partitions[index];
}

struct partition *partition_find(struct broker *b, struct slice topic, int32_t index) {
    return topic_partition(topic_find(b, topic), index);
}

struct slice assignment_error(struct broker *b, struct request *rq, const int32_t *ids, int32_t n) {
    if (n <= 0)
        return SLICE("The manual partition assignment includes an empty replica list.");
    for (int32_t i = 0; i < n; i++)
        if (i > 0 && ids[i] == ids[0])
            return request_printf(rq, "The manual partition assignment includes the broker %d more than once.", ids[i]);
    for (int32_t i = 0; i < n; i++)
        if (ids[i] != b->settings.node_id)
            return request_printf(
                rq, "The manual partition assignment includes broker %d, but no such broker is registered.", ids[i]);
    return SLICE_NULL;
}

int64_t partition_lso(const struct partition *p) {
    return store_log_hw(p->log);
}

int16_t partition_check_epoch(const struct partition *p, int32_t current_leader_epoch) {
    int32_t ours = store_log_epoch(p->log);
    if (current_leader_epoch < 0 || current_leader_epoch == ours)
        return KAFKA_NONE;
    return current_leader_epoch < ours ? KAFKA_FENCED_LEADER_EPOCH : KAFKA_UNKNOWN_LEADER_EPOCH;
}

int16_t kafka_error_of(enum err e) {
    switch (e) {
    case OK: return KAFKA_NONE;
    case ERR_NOT_FOUND: return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    case ERR_EXISTS: return KAFKA_TOPIC_ALREADY_EXISTS;
    case ERR_INVALID: return KAFKA_INVALID_REQUEST;
    case ERR_RANGE: return KAFKA_OFFSET_OUT_OF_RANGE;
    case ERR_TOO_LARGE: return KAFKA_MESSAGE_TOO_LARGE;
    case ERR_CORRUPT: return KAFKA_KAFKA_STORAGE_ERROR;
    case ERR_LIMIT: return KAFKA_POLICY_VIOLATION;
    /* Clients try again, and succeed once there is space. */
    case ERR_NO_SPACE: case ERR_IO: case ERR_READ_ONLY: return KAFKA_KAFKA_STORAGE_ERROR;
    default: return KAFKA_UNKNOWN_SERVER_ERROR;
    }
}

/* ---- the record ---- */

static void topic_encode(const struct topic *t, struct buf *out) {
    struct config_entry configs[TOPIC_CONFIGS_MAX];
    size_t n = topic_configs_list(t, configs, TOPIC_CONFIGS_MAX);
    buf_put_u8(out, TOPIC_FORMAT);
    buf_put(out, t->id.b, sizeof t->id.b);
    buf_put_be32(out, (uint32_t)t->n_partitions);
    buf_put_u8(out, 0);
    buf_put_be16(out, (uint16_t)n);
    for (size_t i = 0; i < n; i++) {
        buf_put_be16(out, (uint16_t)configs[i].name.n);
        buf_put(out, configs[i].name.p, configs[i].name.n);
        buf_put_be32(out, (uint32_t)configs[i].value.n);
        buf_put(out, configs[i].value.p, configs[i].value.n);
    }
}

struct topic_record {
    struct uuid id;
    int32_t n_partitions;
    struct config_entry configs[TOPIC_CONFIGS_MAX];
    size_t n_configs;
};

static bool take(struct slice *in, size_t n, struct slice *out) {
    if (in->n < n)
        return false;
    *out = slice_of(in->p, n);
    *in = slice_of(in->p + n, in->n - n);
    return true;
}

static bool topic_decode(struct slice in, struct topic_record *r) {
    struct slice s;
    if (!take(&in, 24, &s) || s.p[0] != TOPIC_FORMAT)
        return false;
    memcpy(r->id.b, s.p + 1, sizeof r->id.b);
    r->n_partitions = (int32_t)be32_get(s.p + 17);
    r->n_configs = be16_get(s.p + 22);
    if (r->n_partitions <= 0 || r->n_configs > TOPIC_CONFIGS_MAX)
        return false;
    for (size_t i = 0; i < r->n_configs; i++) {
        if (!take(&in, 2, &s) || !take(&in, be16_get(s.p), &r->configs[i].name) || !take(&in, 4, &s) ||
            !take(&in, be32_get(s.p), &r->configs[i].value))
            return false;
    }
    return true;
}

enum err topic_save(struct broker *b, struct topic *t, uint64_t *ticket) {
    struct buf record = {0};
    topic_encode(t, &record);
    enum err e = store_put(b->store, MAP_TOPIC, slice_cstr(t->name), buf_slice(&record), ticket);
    buf_fini(&record);
    return e;
}

/* ---- in memory ---- */

static void topic_grow(struct broker *b, struct topic *t, int32_t n_partitions) {
    t->partitions = mem_realloc(t->partitions, (size_t)n_partitions * sizeof *t->partitions);
    for (int32_t i = t->n_partitions; i < n_partitions; i++) {
        struct partition *p = mem_zalloc(sizeof *p);
        p->topic = t;
        p->index = i;
        p->log = store_log_get(b->store, &t->id, i);
        store_log_set_user(p->log, p);
        t->partitions[i] = p;
    }
    b->n_partitions += (size_t)(n_partitions - t->n_partitions);
    t->n_partitions = n_partitions;
}

static struct topic *topic_new(struct slice name, const struct uuid *id, const struct config_entry *configs,
                               size_t n_configs) {
    struct topic *t = mem_zalloc(sizeof *t);
    t->id = *id;
    t->name = mem_strndup(name);
    t->internal = topic_name_internal(name);
    topic_configs_set(t, configs, n_configs);
    return t;
}

static void topic_add(struct broker *b, struct topic *t, int32_t n_partitions) {
    HASH_ADD_KEYPTR(by_name, b->topics_by_name, t->name, strlen(t->name), t);
    HASH_ADD(by_id, b->topics_by_id, id, sizeof t->id, t);
    b->n_topics++;
    topic_grow(b, t, n_partitions);
    topic_configs_resolve(b, t);
}

static void topic_release(struct broker *b, struct topic *t) {
    b->n_partitions -= (size_t)t->n_partitions;
    for (int32_t i = 0; i < t->n_partitions; i++)
        free(t->partitions[i]);
    free(t->partitions);
    topic_configs_free(t);
    free(t->name);
    free(t);
}

/* Kafka keeps ids 0 and 1 for itself, and none begins with '-' as text, which
 * command line tools would take for an option. */
static void topic_new_id(struct broker *b, struct uuid *id) {
    char text[UUID_TEXT_SIZE];
    do {
        b->env->random(b->env, id->b, sizeof id->b);
        id->b[6] = (uint8_t)((id->b[6] & 0x0f) | 0x40);
        id->b[8] = (uint8_t)((id->b[8] & 0x3f) | 0x80);
        uuid_text(id, text);
    } while (text[0] == '-' || topic_find_id(b, id) != NULL);
}

enum err topic_create(struct broker *b, struct slice name, int32_t n_partitions, const struct config_entry *configs,
                      size_t n_configs, struct topic **out, uint64_t *ticket) {
    if (!topic_name_valid(name, NULL) || n_partitions <= 0 || n_configs > TOPIC_CONFIGS_MAX)
        return ERR_INVALID;
    if (topic_find(b, name) != NULL)
        return ERR_EXISTS;
    if ((size_t)n_partitions > PARTITIONS_MAX - b->n_partitions)
        return ERR_LIMIT;
    struct uuid id;
    topic_new_id(b, &id);
    struct topic *t = topic_new(name, &id, configs, n_configs);
    t->n_partitions = n_partitions;
    enum err e = topic_save(b, t, ticket);
    t->n_partitions = 0;
    if (e != OK) {
        topic_release(b, t);
        return e;
    }
    topic_add(b, t, n_partitions);
    *out = t;
    return OK;
}

enum err topic_add_partitions(struct broker *b, struct topic *t, int32_t n_partitions, uint64_t *ticket) {
    int32_t before = t->n_partitions;
    if ((size_t)(n_partitions - before) > PARTITIONS_MAX - b->n_partitions)
        return ERR_LIMIT;
    t->n_partitions = n_partitions;
    enum err e = topic_save(b, t, ticket);
    t->n_partitions = before;
    if (e != OK)
        return e;
    topic_grow(b, t, n_partitions);
    topic_configs_resolve(b, t);
    return OK;
}

enum err topic_delete(struct broker *b, struct topic *t, uint64_t *ticket) {
    enum err e = store_delete(b->store, MAP_TOPIC, slice_cstr(t->name), ticket);
    if (e != OK)
        return e;
    t->deleting = true;
    HASH_DELETE(by_name, b->topics_by_name, t);
    HASH_DELETE(by_id, b->topics_by_id, t);
    b->n_topics--;
    uint64_t more = 0;
    groups_topic_deleted(b, t, &more);
    *ticket = more > *ticket ? more : *ticket;
    fetch_topic_deleted(b, t);
    b->readable = true; /* whoever waits to read it has to look again */
    for (int32_t i = 0; i < t->n_partitions; i++)
        store_log_set_user(t->partitions[i]->log, NULL);
    /* If this fails the record is gone all the same: the logs go at the next start. */
    e = store_topic_drop(b->store, &t->id, &more);
    if (e == OK)
        *ticket = more > *ticket ? more : *ticket;
    topic_release(b, t);
    return OK;
}

enum err topic_offsets(struct broker *b, struct topic **out, uint64_t *ticket) {
    *ticket = 0;
    *out = topic_find(b, SLICE(OFFSETS_TOPIC));
    if (*out != NULL)
        return OK;
    char segment_bytes[24];
    snprintf(segment_bytes, sizeof segment_bytes, "%lld", (long long)config_int(b, "offsets.topic.segment.bytes"));
    const struct config_entry configs[] = {
        {SLICE("cleanup.policy"), SLICE("compact")},
        {SLICE("compression.type"), SLICE("producer")},
        {SLICE("segment.bytes"), slice_cstr(segment_bytes)},
    };
    return topic_create(b, SLICE(OFFSETS_TOPIC), (int32_t)config_int(b, "offsets.topic.num.partitions"), configs,
                        sizeof configs / sizeof *configs, out, ticket);
}

/* ---- start and end ---- */

struct loading {
    struct broker *b;
    size_t bad;
};

static void load_topic(void *ctx, struct slice key, struct slice value) {
    struct loading *l = ctx;
    struct topic_record r;
    if (!topic_name_valid(key, NULL) || !topic_decode(value, &r)) {
        l->bad++;
        return;
    }
    struct topic *t = topic_new(key, &r.id, r.configs, r.n_configs);
    topic_add(l->b, t, r.n_partitions);
}

struct orphans {
    struct broker *b;
    struct uuid *ids;
    size_t n, cap;
};

static void find_orphan(void *ctx, struct store_log *log) {
    struct orphans *o = ctx;
    const struct uuid *id = store_log_topic(log);
    if (topic_find_id(o->b, id) != NULL || (o->n > 0 && uuid_eq(&o->ids[o->n - 1], id)))
        return;
    if (o->n == o->cap) {
        o->cap = o->cap == 0 ? 16 : o->cap * 2;
        o->ids = mem_realloc(o->ids, o->cap * sizeof *o->ids);
    }
    o->ids[o->n++] = *id;
}

enum err topics_load(struct broker *b, struct error *e) {
    struct loading l = {b, 0};
    store_each(b->store, MAP_TOPIC, load_topic, &l);
    if (l.bad != 0) /* dropping their logs would destroy what a newer version wrote */
        return error_set(e, ERR_UNSUPPORTED, "%zu topic records are in a format that this version does not know",
                         l.bad);
    struct orphans o = {.b = b};
    store_log_each(b->store, find_orphan, &o);
    for (size_t i = 0; i < o.n; i++) {
        uint64_t ticket;
        if (store_topic_drop(b->store, &o.ids[i], &ticket) != OK)
            log_warn("The logs of a deleted topic could not be removed; they will be at the next start.");
    }
    free(o.ids);
    return OK;
}

void topics_free(struct broker *b) {
    struct topic *t, *next;
    HASH_ITER(by_name, b->topics_by_name, t, next) {
        HASH_DELETE(by_name, b->topics_by_name, t);
        HASH_DELETE(by_id, b->topics_by_id, t);
        for (int32_t i = 0; i < t->n_partitions; i++)
            store_log_set_user(t->partitions[i]->log, NULL);
        topic_release(b, t);
    }
    b->n_topics = 0;
}
