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

static void find(struct partition *p, int64_t ts, bool committed, int version, struct list_offsets_resp_partition *out) {
    int64_t offset = -1, found = -1, limit = committed ? partition_lso(p) : store_log_hw(p->log);
    enum err e = OK;
    switch (ts) {
    case TIME_LATEST: offset = limit; break;
    case TIME_EARLIEST: case TIME_LOCAL: offset = store_log_start(p->log); break;
    case TIME_TIERED: case TIME_PENDING: break;
    case TIME_MAX: e = store_find_max_time(p->log, &offset, &found); break;
    default: e = store_find_time(p->log, ts, &offset, &found); break;
    }
    if (e != OK) {
        out->error_code = kafka_error_of(e);
        return;
    }
    if (offset > limit || (found >= 0 && offset >= limit))
        offset = found = -1;
    out->offset = offset;
    out->timestamp = found;
    if (offset >= 0 && version >= 4)
        out->leader_epoch = ts == TIME_LATEST ? store_log_epoch(p->log) : epoch_of(p->log, offset);
}

static void answer(struct broker *b, struct request *rq, struct topic *t, const struct list_offsets_req_partition *in,
                   bool twice, struct list_offsets_resp_partition *out) {
    const struct list_offsets_req *req = rq->body;
    (void)b;
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
    if (out->error_code == KAFKA_NONE)
        find(p, in->timestamp, req->isolation_level == 1 && req->replica_id < 0, rq->header.version, out);
}

void handle_list_offsets(struct broker *b, struct request *rq) {
    const struct list_offsets_req *req = rq->body;
    struct list_offsets_resp resp;
    proto_init(PROTO_STRUCT(list_offsets_resp), &resp);
    resp.topics.v = request_array(rq, list_offsets_resp_topic, req->topics.n);
    for (int32_t i = 0; i < req->topics.n; i++) {
        const struct list_offsets_req_topic *in = &req->topics.v[i];
        struct list_offsets_resp_topic *out = &resp.topics.v[resp.topics.n++];
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
            answer(b, rq, t, &in->partitions.v[k], twice, &out->partitions.v[out->partitions.n++]);
        }
    }
    request_reply(b, rq, &resp);
}
