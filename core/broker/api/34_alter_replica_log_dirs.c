/* AlterReplicaLogDirs (34), 1-2: there is one directory; moving to it is done,
 * to any other 57. */
#include "core/broker/internal.h"

static void answer(struct broker *b, struct request *rq, const struct alter_replica_log_dirs_req_dir *dir,
                   const struct alter_replica_log_dirs_req_dir_topic *in,
                   struct alter_replica_log_dirs_resp_dir_topic *out) {
    bool ours = b->settings.data_dir != NULL && slice_is(dir->path, b->settings.data_dir);
    out->topic_name = in->name;
    out->partitions.v = request_array(rq, alter_replica_log_dirs_resp_dir_partition, in->partitions.n);
    for (int32_t i = 0; i < in->partitions.n; i++) {
        struct alter_replica_log_dirs_resp_dir_partition *p = &out->partitions.v[out->partitions.n++];
        p->partition_index = in->partitions.v[i];
        if (!ours)
            p->error_code = KAFKA_LOG_DIR_NOT_FOUND;
        else if (partition_find(b, in->name, in->partitions.v[i]) == NULL)
            p->error_code = KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
}

void handle_alter_replica_log_dirs(struct broker *b, struct request *rq) {
    const struct alter_replica_log_dirs_req *req = rq->body;
    struct alter_replica_log_dirs_resp resp;
    int64_t n = 0;
    proto_init(PROTO_STRUCT(alter_replica_log_dirs_resp), &resp);
    for (int32_t i = 0; i < req->dirs.n; i++)
        n += req->dirs.v[i].topics.n;
    resp.results.v = request_array(rq, alter_replica_log_dirs_resp_dir_topic, n);
    for (int32_t i = 0; i < req->dirs.n; i++)
        for (int32_t k = 0; k < req->dirs.v[i].topics.n; k++)
            answer(b, rq, &req->dirs.v[i], &req->dirs.v[i].topics.v[k], &resp.results.v[resp.results.n++]);
    request_reply(b, rq, &resp);
}
