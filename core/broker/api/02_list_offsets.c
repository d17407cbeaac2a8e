/* ListOffsets (2), 1-11.
 *
 * Timestamps -1 high watermark (last stable offset for read_committed), -2 log
 * start, -3 largest timestamp (v7), -4 start of what is local (v8), -5 end of
 * what is tiered (v9), -6 what waits for tiering (v11); others: the first record
 * at or after that time, -1 and no error when there is none.  A special time that
 * the version does not know: 35 for its partition.  A partition given twice: 42,
 * once.  With a replica id of 0 and above the isolation level does not count. */
#include "core/broker/internal.h"

enum { TIME_LATEST = -1, TIME_EARLIEST = -2, TIME_MAX = -3, TIME_LOCAL = -4, TIME_TIERED = -5, TIME_PENDING = -6 };

static bool time_known(int64_t ts, int version) {
    return ts >= TIME_EARLIEST || (ts == TIME_MAX && version >= 7) || (ts == TIME_LOCAL && version >= 8) ||
           (ts == TIME_TIERED && version >= 9) || (ts == TIME_PENDING && version >= 11);
}

/* The epoch that the record at the offset was written in. */
static int32_t epoch_of(const struct store_log *log, int64_t offset) {
    int32_t epoch = store_log_epoch(log);
    while (epoch > 0) {
        int32_t found;
        int64_t end;
        store_log_epoch_end(log, epoch - 1, &found, &end);
        if (found < 0 || end <= offset)
            break;
        epoch = found;
    }
    return epoch;
}

/* A time that is still to be found: its log has to come from the disk first. */
struct lookup {
    struct slice topic;
    int32_t index;
    int64_t ts;
    bool committed, pending;
    struct list_offsets_resp_partition *out;
};
struct lookups {
    struct list_offsets_resp resp;
    struct lookup *v;
    int32_t n;
};

/* false: not now. */
static bool find(struct partition *p, const struct lookup *l, int version) {
    int64_t offset = -1, found = -1, limit = l->committed ? partition_lso(p) : store_log_hw(p->log);
    enum err e = OK;
    switch (l->ts) {
    case TIME_LATEST: offset = limit; break;
    case TIME_EARLIEST: case TIME_LOCAL: offset = store_log_start(p->log); break;
    case TIME_TIERED: case TIME_PENDING: break;
    case TIME_MAX: e = store_find_max_time(p->log, &offset, &found); break;
    default: e = store_find_time(p->log, l->ts, &offset, &found); break;
    }
    if (e == ERR_AGAIN)
        return false;
    if (e != OK) {
        l->out->error_code = kafka_error_of(e);
        return true;
    }
    if (offset > limit || (found >= 0 && offset >= limit))
        offset = found = -1;
    l->out->offset = offset;
    l->out->timestamp = found;
    if (offset >= 0 && version >= 4)
        l->out->leader_epoch = l->ts == TIME_LATEST ? store_log_epoch(p->log) : epoch_of(p->log, offset);
    return true;
}

/* Looks for what is not found yet; answers when there is nothing left. */
static void find_all(struct broker *b, struct request *rq) {
    struct lookups *all = rq->wait;
    bool pending = false;
    for (int32_t i = 0; i < all->n; i++) {
        struct lookup *l = &all->v[i];
        if (!l->pending)
            continue;
        struct partition *p = partition_find(b, l->topic, l->index);
        if (p == NULL)
            l->out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        l->pending = p != NULL && !find(p, l, rq->header.version);
        pending = pending || l->pending;
    }
    if (pending)
        request_park_until_readable(b, rq, find_all);
    else
        request_reply(b, rq, &all->resp);
}

static void begin(struct request *rq, struct slice name, struct topic *t, const struct list_offsets_req_partition *in,
                  bool twice, struct list_offsets_resp_partition *out, struct lookups *all) {
    const struct list_offsets_req *req = rq->body;
    struct partition *p = topic_partition(t, in->partition_index);
    out->partition_index = in->partition_index;
    if (twice)
        out->error_code = KAFKA_INVALID_REQUEST;
    else if (!time_known(in->timestamp, rq->header.version))
        out->error_code = KAFKA_UNSUPPORTED_VERSION;
    else if (p == NULL)
        out->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    else if (req->isolation_level < 0 || req->isolation_level > 1)
        out->error_code = KAFKA_UNKNOWN_SERVER_ERROR;
    else
        out->error_code = partition_check_epoch(p, in->current_leader_epoch);
    struct lookup l = {.topic = name, .index = in->partition_index, .ts = in->timestamp, .out = out, .pending = true,
                       .committed = req->isolation_level == 1 && req->replica_id < 0};
    if (out->error_code == KAFKA_NONE && !find(p, &l, rq->header.version))
        all->v[all->n++] = l;
}

static void begin_topic(struct broker *b, struct request *rq, const struct list_offsets_req_topic *in,
                        struct list_offsets_resp_topic *out, struct lookups *all) {
    struct topic *t = topic_find(b, in->name);
    int32_t n = in->partitions.n;
    /* How often each partition is asked for; 2: more than once, 3: and answered. */
    uint8_t *times = t == NULL || n < 2 ? NULL : request_alloc(rq, (size_t)t->n_partitions);
    out->name = in->name;
    out->partitions.v = request_array(rq, list_offsets_resp_partition, n);
    for (int32_t k = 0; k < n && times != NULL; k++) {
        int32_t index = in->partitions.v[k].partition_index;
        if (topic_partition(t, index) != NULL && times[index] < 2)
            times[index]++;
    }
    for (int32_t k = 0; k < n; k++) {
        int32_t index = in->partitions.v[k].partition_index;
        bool twice = times != NULL && topic_partition(t, index) != NULL && times[index] >= 2;
        if (twice && times[index] == 3)
            continue;
        if (twice)
            times[index] = 3;
        begin(rq, in->name, t, &in->partitions.v[k], twice, &out->partitions.v[out->partitions.n++], all);
    }
}

void handle_list_offsets(struct broker *b, struct request *rq) {
    const struct list_offsets_req *req = rq->body;
    struct lookups *all = request_alloc(rq, sizeof *all);
    size_t n = 0;
    proto_init(PROTO_STRUCT(list_offsets_resp), &all->resp);
    for (int32_t i = 0; i < req->topics.n; i++)
        n += req->topics.v[i].partitions.n < 0 ? 0 : (size_t)req->topics.v[i].partitions.n;
    all->v = request_alloc(rq, (n + 1) * sizeof *all->v);
    all->resp.topics.v = request_array(rq, list_offsets_resp_topic, req->topics.n);
    for (int32_t i = 0; i < req->topics.n; i++)
        begin_topic(b, rq, &req->topics.v[i], &all->resp.topics.v[all->resp.topics.n++], all);
    rq->wait = all;
    if (all->n > 0)
        request_park_until_readable(b, rq, find_all);
    else
        request_reply(b, rq, &all->resp);
}
