/* DescribeLogDirs (35), 1-5: the one data directory, v4 with its size and what is
 * free.  Topics null: all; unknown ones are left out. */
#include "core/broker/internal.h"

static void fill(struct request *rq, struct topic *t, const int32_t *indexes, int32_t n,
                 struct describe_log_dirs_resp_result *out) {
    struct describe_log_dirs_resp_topic *to = &out->topics.v[out->topics.n];
    to->name = slice_cstr(t->name);
    to->partitions.v = request_array(rq, describe_log_dirs_resp_partition, n);
    for (int32_t i = 0; i < n; i++) {
        struct partition *p = topic_partition(t, indexes == NULL ? i : indexes[i]);
        if (p == NULL)
            continue;
        struct describe_log_dirs_resp_partition *part = &to->partitions.v[to->partitions.n++];
        part->partition_index = p->index;
        part->partition_size = (int64_t)store_log_bytes(p->log);
    }
    if (to->partitions.n > 0)
        out->topics.n++;
}

void handle_describe_log_dirs(struct broker *b, struct request *rq) {
    const struct describe_log_dirs_req *req = rq->body;
    struct describe_log_dirs_resp resp;
    uint64_t available, total;
    proto_init(PROTO_STRUCT(describe_log_dirs_resp), &resp);
    resp.results.n = 1;
    resp.results.v = request_array(rq, describe_log_dirs_resp_result, 1);
    struct describe_log_dirs_resp_result *out = resp.results.v;
    out->log_dir = slice_cstr(b->settings.data_dir == NULL ? "/" : b->settings.data_dir);
    if (b->env->free_bytes(b->env, &available, &total) == OK) {
        out->total_bytes = (int64_t)total;
        out->usable_bytes = (int64_t)available;
    }
    if (b->failed != OK)
        out->error_code = KAFKA_KAFKA_STORAGE_ERROR;
    out->topics.v =
        request_array(rq, describe_log_dirs_resp_topic, req->topics.n < 0 ? (int64_t)b->n_topics : req->topics.n);
    if (req->topics.n < 0)
        for (struct topic *t = b->topics_by_name; t != NULL; t = t->by_name.next)
            fill(rq, t, NULL, t->n_partitions, out);
    for (int32_t i = 0; i < req->topics.n; i++) {
        struct topic *t = topic_find(b, req->topics.v[i].topic);
        if (t != NULL && t->asked_in != b->stats.requests) {
            t->asked_in = b->stats.requests;
            fill(rq, t, req->topics.v[i].partitions.v, req->topics.v[i].partitions.n, out);
        }
    }
    request_reply(b, rq, &resp);
}
