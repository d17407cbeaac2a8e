/* CreateTopics (19), 2-7.
 *
 * v4 partitions and factor -1 (the defaults; below v4 too), v5 the topic's whole
 * configs in the answer, v7 its id.  validate_only makes nothing; a timeout of 0
 * makes nothing either and answers 7, as Kafka does.  A replication factor above 1
 * is taken as 1 when the broker is lenient, else refused.  Answered when durable. */
#include "core/broker/internal.h"
#include "core/broker/keyset.h"

#define PARTITIONS_PER_REQUEST_MAX 10000

typedef const struct create_topics_req_creatable_topic *asked;
typedef struct create_topics_resp_creatable_topic *answer;

static bool refuse(answer out, int16_t error, struct slice message) {
    out->error_code = error;
    out->error_message = message;
    return false;
}

/* A manual assignment: every partition from 0 on, each on this broker alone. */
static bool check_assignment(struct broker *b, struct request *rq, asked in, answer out) {
    int32_t n = in->assignments.n;
    bool *seen = request_alloc(rq, (size_t)n);
    if (in->replication_factor != -1)
        return refuse(out, KAFKA_INVALID_REQUEST,
                      SLICE("A manual partition assignment was specified, but replication factor was not set to -1."));
    if (in->num_partitions != -1)
        return refuse(out, KAFKA_INVALID_REQUEST,
                      SLICE("A manual partition assignment was specified, but numPartitions was not set to -1."));
    for (int32_t i = 0; i < n; i++) {
        int32_t index = in->assignments.v[i].partition_index;
        if (index < 0 || index >= n || seen[index])
            return refuse(
                out, KAFKA_INVALID_REPLICA_ASSIGNMENT,
                index >= 0 && index < n
                    ? request_printf(rq, "Found multiple manual partition assignments for partition %d", index)
                    : SLICE("partitions should be a consecutive 0-based integer sequence"));
        seen[index] = true;
        struct slice why =
            assignment_error(b, rq, in->assignments.v[i].broker_ids.v, in->assignments.v[i].broker_ids.n);
        if (why.p != NULL)
            return refuse(out, KAFKA_INVALID_REPLICA_ASSIGNMENT, why);
    }
    return true;
}

static bool check_counts(struct broker *b, struct request *rq, asked in, answer out, int32_t *n_partitions) {
    if (in->assignments.n > 0) {
        *n_partitions = in->assignments.n;
        return check_assignment(b, rq, in, out);
    }
    if (in->replication_factor < -1 || in->replication_factor == 0)
        return refuse(out, KAFKA_INVALID_REPLICATION_FACTOR,
                      SLICE("Replication factor must be larger than 0, or -1 to use the default value."));
    if (in->num_partitions < -1 || in->num_partitions == 0)
        return refuse(out, KAFKA_INVALID_PARTITIONS,
                      SLICE("Number of partitions was set to an invalid non-positive value."));
    *n_partitions = in->num_partitions == -1 ? (int32_t)config_int(b, "num.partitions") : in->num_partitions;
    if (in->replication_factor > 1 && !b->settings.lenient_replication)
        return refuse(
            out, KAFKA_INVALID_REPLICATION_FACTOR,
            request_printf(rq,
                           "Unable to replicate the partition %d time(s): The target replication factor of %d "
                           "cannot be reached because only 1 broker(s) are registered or some brokers have all their "
                           "log directories cordoned.",
                           in->replication_factor, in->replication_factor));
    return true;
}

static bool check_topic(struct broker *b, struct request *rq, asked in, answer out, int32_t *n_partitions,
                        struct config_entry *configs) {
    struct error e;
    if (!topic_name_valid(in->name, NULL))
        return refuse(out, KAFKA_INVALID_TOPIC_EXCEPTION, topic_name_error(rq, in->name));
    if (topic_find(b, in->name) != NULL || topic_name_internal(in->name)) /* the broker makes those itself */
        return refuse(out, KAFKA_TOPIC_ALREADY_EXISTS,
                      request_printf(rq, "Topic '%.*s' already exists.", SLICE_ARG(in->name)));
    struct topic *other = topic_colliding(b, in->name);
    if (other != NULL)
        return refuse(
            out, KAFKA_INVALID_TOPIC_EXCEPTION,
            request_printf(rq, "Topic '%.*s' collides with existing topic: %s", SLICE_ARG(in->name), other->name));
    if (!check_counts(b, rq, in, out, n_partitions))
        return false;
    for (int32_t i = 0; i < in->configs.n; i++)
        configs[i] = (struct config_entry){in->configs.v[i].name, in->configs.v[i].value};
    if (topic_configs_check(b, configs, in->configs.n < 0 ? 0 : (size_t)in->configs.n, &e) != OK)
        return refuse(out, KAFKA_INVALID_CONFIG, request_printf(rq, "%s", e.text));
    return true;
}

/* The 33 configs of the topic, as it is or would be. */
static void fill_configs(struct broker *b, struct request *rq, const struct topic *t, answer out) {
    size_t n;
    const struct config_row *rows = config_rows(SCOPE_TOPIC, &n);
    out->configs.n = (int32_t)n;
    out->configs.v = request_array(rq, create_topics_resp_creatable_topic_configs, n);
    for (size_t i = 0; i < n; i++) {
        enum config_source source;
        const char *value = topic_config_value(b, t, &rows[i], &source);
        out->configs.v[i].name = slice_cstr(rows[i].name);
        out->configs.v[i].value = request_dup(rq, slice_cstr(value));
        out->configs.v[i].config_source = (int8_t)source;
    }
}

static void create(struct broker *b, struct request *rq, asked in, int32_t n_partitions,
                   const struct config_entry *configs, answer out, uint64_t *ticket) {
    const struct create_topics_req *req = rq->body;
    struct topic *t = NULL, pretended = {0};
    uint64_t mine = 0;
    size_t n_configs = in->configs.n < 0 ? 0 : (size_t)in->configs.n;
    if (req->validate_only) {
        topic_configs_set(&pretended, configs, n_configs);
        t = &pretended;
    } else {
        enum err e = topic_create(b, in->name, n_partitions, configs, n_configs, &t, &mine);
        if (e != OK) {
            refuse(out, kafka_error_of(e), slice_cstr(kafka_error_text(kafka_error_of(e))));
            return;
        }
        out->topic_id = t->id;
    }
    out->num_partitions = n_partitions;
    out->replication_factor = 1;
    if (rq->header.version >= 5)
        fill_configs(b, rq, t, out);
    topic_configs_free(&pretended);
    *ticket = mine > *ticket ? mine : *ticket;
}

/* Kafka counts all topics of the request before it makes any. */
static bool too_many(struct broker *b, const struct create_topics_req *req) {
    int64_t sum = 0;
    for (int32_t i = 0; i < req->topics.n; i++) {
        asked in = &req->topics.v[i];
        if (in->assignments.n > 0)
            sum += in->assignments.n;
        else if (in->num_partitions > 0)
            sum += in->num_partitions;
        else
            sum += config_int(b, "num.partitions");
    }
    return sum > PARTITIONS_PER_REQUEST_MAX;
}

static void create_one(struct broker *b, struct request *rq, asked in, bool many, answer out, uint64_t *ticket) {
    const struct create_topics_req *req = rq->body;
    int32_t n_partitions = 0;
    struct config_entry *configs = request_alloc(rq, (size_t)(in->configs.n + 1) * sizeof *configs);
    if (!req->validate_only && req->timeout_ms <= 0)
        refuse(out, KAFKA_REQUEST_TIMED_OUT, SLICE_NULL);
    else if (many)
        refuse(out, KAFKA_POLICY_VIOLATION, SLICE("Excessively large number of partitions per request."));
    else if (check_topic(b, rq, in, out, &n_partitions, configs))
        create(b, rq, in, n_partitions, configs, out, ticket);
}

void handle_create_topics(struct broker *b, struct request *rq) {
    const struct create_topics_req *req = rq->body;
    struct create_topics_resp resp;
    struct keyset names;
    uint64_t ticket = 0;
    bool many = too_many(b, req), fresh;
    int32_t n = req->topics.n < 0 ? 0 : req->topics.n;
    asked *first = request_alloc(rq, (size_t)(n + 1) * sizeof *first); /* NULL: named twice */
    keyset_init(&names, rq, n);
    proto_init(PROTO_STRUCT(create_topics_resp), &resp);
    resp.topics.v = request_array(rq, create_topics_resp_creatable_topic, n);
    for (int32_t i = 0; i < n; i++) {
        int32_t at = keyset_add(&names, req->topics.v[i].name, resp.topics.n, &fresh);
        first[at] = fresh ? &req->topics.v[i] : NULL;
        if (!fresh)
            continue;
        resp.topics.v[at].name = request_utf8(rq, req->topics.v[i].name);
        resp.topics.v[at].configs.n = -1;
        resp.topics.n++;
    }
    for (int32_t i = 0; i < resp.topics.n; i++) {
        if (first[i] == NULL)
            refuse(&resp.topics.v[i], KAFKA_INVALID_REQUEST, SLICE("Duplicate topic name."));
        else
            create_one(b, rq, first[i], many, &resp.topics.v[i], &ticket);
    }
    request_reply_when(b, rq, ticket, &resp);
}
