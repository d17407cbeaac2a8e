/* DescribeTopicPartitions (75), 0: topics by name, page by page.
 *
 * An empty list is all topics.  An answer holds at most the asked-for number of
 * partitions (at least 1); the cursor in it is where the next one begins: a topic,
 * compared by name, and a partition. */
#include "core/broker/internal.h"
#include "core/broker/keyset.h"

#include <stdlib.h>

#define TOPIC_OPERATIONS 3576

static int by_name(const void *a, const void *b) {
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* The names in order, each once, from the cursor's on. */
static struct slice *names_from(struct broker *b, struct request *rq, struct slice from, size_t *n) {
    const struct describe_topic_partitions_req *req = rq->body;
    bool all = req->topics.n <= 0, fresh;
    struct slice *names = request_alloc(rq, ((all ? b->n_topics : (size_t)req->topics.n) + 1) * sizeof *names);
    struct keyset seen;
    *n = 0;
    if (!all)
        keyset_init(&seen, rq, req->topics.n);
    for (struct topic *t = b->topics_by_name; all && t != NULL; t = t->by_name.next)
        if (slice_cmp(slice_cstr(t->name), from) >= 0)
            names[(*n)++] = slice_cstr(t->name);
    for (int32_t i = 0; i < req->topics.n; i++) {
        keyset_add(&seen, req->topics.v[i].name, 0, &fresh);
        if (fresh && slice_cmp(req->topics.v[i].name, from) >= 0)
            names[(*n)++] = req->topics.v[i].name;
    }
    qsort(names, *n, sizeof *names, by_name);
    return names;
}

static void fill_partition(struct broker *b, struct partition *p,
                           struct describe_topic_partitions_resp_partition *out) {
    out->partition_index = p->index;
    out->leader_id = b->settings.node_id;
    out->leader_epoch = store_log_epoch(p->log);
    out->replica_nodes.n = out->isr_nodes.n = 1;
    out->replica_nodes.v = out->isr_nodes.v = &b->settings.node_id;
    out->eligible_leader_replicas.n = out->last_known_elr.n = 0;
}

/* Returns how many partitions went into the answer. */
static int32_t fill_topic(struct broker *b, struct request *rq, struct slice name, int32_t from, int32_t room,
                          struct describe_topic_partitions_resp_topic *out) {
    struct topic *t = topic_find(b, name);
    out->name = request_utf8(rq, name);
    out->topic_authorized_operations = TOPIC_OPERATIONS;
    if (t == NULL) {
        out->error_code =
            topic_name_valid(name, NULL) ? KAFKA_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_INVALID_TOPIC_EXCEPTION;
        return 0;
    }
    out->topic_id = t->id;
    out->is_internal = t->internal;
    int32_t n = t->n_partitions - from;
    n = n < 0 ? 0 : n > room ? room : n;
    out->partitions.n = n;
    out->partitions.v = request_array(rq, describe_topic_partitions_resp_partition, n);
    for (int32_t i = 0; i < n; i++)
        fill_partition(b, t->partitions[from + i], &out->partitions.v[i]);
    return n;
}

static void refuse_cursor(struct broker *b, struct request *rq, struct slice name) {
    struct describe_topic_partitions_resp resp;
    proto_init(PROTO_STRUCT(describe_topic_partitions_resp), &resp);
    resp.topics.n = 1;
    resp.topics.v = request_array(rq, describe_topic_partitions_resp_topic, 1);
    resp.topics.v[0].error_code = KAFKA_INVALID_REQUEST;
    resp.topics.v[0].name = request_utf8(rq, name);
    request_reply(b, rq, &resp);
}

static void set_cursor(struct request *rq, struct describe_topic_partitions_resp *resp, struct slice name,
                       int32_t index) {
    resp->next_cursor = request_array(rq, describe_topic_partitions_resp_cursor, 1);
    resp->next_cursor->topic_name = name;
    resp->next_cursor->partition_index = index;
}

void handle_describe_topic_partitions(struct broker *b, struct request *rq) {
    const struct describe_topic_partitions_req *req = rq->body;
    struct describe_topic_partitions_resp resp;
    struct slice cursor = req->cursor == NULL ? SLICE("") : req->cursor->topic_name;
    size_t n;
    int32_t limit = req->response_partition_limit, room, from = req->cursor == NULL ? 0 : req->cursor->partition_index;
    int32_t most = (int32_t)config_int(b, "max.request.partition.size.limit");
    room = limit < 1 ? 1 : limit > most ? most : limit;
    struct slice *names = names_from(b, rq, cursor, &n);
    if (req->cursor != NULL && (from < 0 || (req->topics.n > 0 && (n == 0 || !slice_eq(names[0], cursor))))) {
        refuse_cursor(b, rq, req->topics.n > 0 ? req->topics.v[0].name : cursor);
        return;
    }
    proto_init(PROTO_STRUCT(describe_topic_partitions_resp), &resp);
    resp.topics.v = request_array(rq, describe_topic_partitions_resp_topic, n);
    for (size_t i = 0; i < n && resp.next_cursor == NULL; i++) {
        int32_t first = slice_eq(names[i], cursor) ? from : 0;
        if (room == 0) {
            set_cursor(rq, &resp, names[i], 0);
            break;
        }
        struct topic *t = topic_find(b, names[i]);
        int32_t got = fill_topic(b, rq, names[i], first, room, &resp.topics.v[resp.topics.n++]);
        room -= got;
        if (t != NULL && first + got < t->n_partitions)
            set_cursor(rq, &resp, slice_cstr(t->name), first + got);
    }
    request_reply(b, rq, &resp);
}
