/* DescribeConfigs (32), 1-4.
 *
 * v1 sources and synonyms, v3 types and documentation, v4 flexible.  Topics (2),
 * brokers (4; this one's id, or "" for the cluster's dynamic defaults), the root
 * logger (8), metrics subscriptions (16) and groups (32), which have defaults
 * whether they exist or not.  Keys null or empty: all; unknown keys are left out.
 * The text of success is ''. */
#include "core/base/log.h"
#include "core/broker/internal.h"

typedef const struct describe_configs_req_resource *asked;
typedef struct describe_configs_resp_result *answer;

static void refuse(answer out, int16_t error, struct slice message) {
    out->error_code = error;
    out->error_message = message;
}

/* Which rows are asked for. */
static bool *wanted_rows(struct request *rq, asked in, enum config_scope scope) {
    size_t n;
    const struct config_row *rows = config_rows(scope, &n);
    bool *wanted = request_alloc(rq, n);
    for (size_t i = 0; i < n; i++)
        wanted[i] = in->configuration_keys.n <= 0;
    for (int32_t i = 0; i < in->configuration_keys.n; i++) {
        const struct config_row *row = config_row_find(scope, in->configuration_keys.v[i]);
        if (row != NULL)
            wanted[row - rows] = true;
    }
    return wanted;
}

static void add_synonym(struct describe_configs_resp_resource *out, const char *name, const char *value,
                        enum config_source source) {
    struct describe_configs_resp_synonym *s = &out->synonyms.v[out->synonyms.n++];
    s->name = slice_cstr(name);
    s->value = slice_cstr(value);
    s->source = (int8_t)source;
}

static struct describe_configs_resp_resource *add(struct request *rq, answer out, const struct config_row *row,
                                                  const char *value, enum config_source source) {
    const struct describe_configs_req *req = rq->body;
    struct describe_configs_resp_resource *to = &out->configs.v[out->configs.n++];
    to->name = slice_cstr(row->name);
    to->is_sensitive = row->type == CONFIG_PASSWORD;
    to->value = value == NULL || to->is_sensitive ? SLICE_NULL : request_dup(rq, slice_cstr(value));
    to->config_source = (int8_t)source;
    to->config_type = (int8_t)row->type;
    if (req->include_documentation)
        to->documentation = slice_cstr(row->doc);
    if (req->include_synonyms)
        to->synonyms.v = request_array(rq, describe_configs_resp_synonym, 5);
    return to;
}

static void broker_synonyms(struct broker *b, const struct config_row *row,
                            struct describe_configs_resp_resource *out) {
    struct config_place places[4];
    size_t n = broker_config_places(b, row, places);
    for (size_t i = 0; i < n && !out->is_sensitive; i++)
        add_synonym(out, row->name, places[i].value, places[i].source);
}

static void describe_topic(struct broker *b, struct request *rq, asked in, answer out) {
    const struct describe_configs_req *req = rq->body;
    struct topic *t = topic_find(b, in->resource_name);
    size_t n;
    const struct config_row *rows = config_rows(SCOPE_TOPIC, &n);
    if (!topic_name_valid(in->resource_name, NULL)) {
        refuse(out, KAFKA_INVALID_TOPIC_EXCEPTION, topic_name_error(rq, in->resource_name));
        return;
    }
    if (t == NULL) {
        refuse(out, KAFKA_UNKNOWN_TOPIC_OR_PARTITION, SLICE(""));
        return;
    }
    bool *wanted = wanted_rows(rq, in, SCOPE_TOPIC);
    out->configs.v = request_array(rq, describe_configs_resp_resource, n);
    for (size_t i = 0; i < n; i++) {
        if (!wanted[i])
            continue;
        enum config_source source;
        const char *value = topic_config_value(b, t, &rows[i], &source);
        struct describe_configs_resp_resource *to = add(rq, out, &rows[i], value, source);
        if (!req->include_synonyms)
            continue;
        if (source == SOURCE_TOPIC)
            add_synonym(to, rows[i].name, value, SOURCE_TOPIC);
        if (rows[i].broker != NULL)
            broker_synonyms(b, config_row_find(SCOPE_BROKER, slice_cstr(rows[i].broker)), to);
    }
}

static void describe_broker(struct broker *b, struct request *rq, asked in, answer out) {
    const struct describe_configs_req *req = rq->body;
    size_t n;
    const struct config_row *rows = config_rows(SCOPE_BROKER, &n);
    bool *wanted = wanted_rows(rq, in, SCOPE_BROKER);
    out->configs.v = request_array(rq, describe_configs_resp_resource, n);
    for (size_t i = 0; i < n; i++) {
        if (!wanted[i])
            continue;
        enum config_source source;
        const char *value = broker_config_value(b, &rows[i], &source);
        struct describe_configs_resp_resource *to = add(rq, out, &rows[i], value, source);
        to->read_only = rows[i].update == UPDATE_READ_ONLY;
        if (req->include_synonyms)
            broker_synonyms(b, &rows[i], to);
    }
}

/* The cluster's dynamic defaults: only what is set. */
static void describe_whole(struct broker *b, struct request *rq, asked in, answer out) {
    const struct describe_configs_req *req = rq->body;
    size_t n;
    const struct config_row *rows = config_rows(SCOPE_BROKER, &n);
    bool *wanted = wanted_rows(rq, in, SCOPE_BROKER);
    out->configs.v = request_array(rq, describe_configs_resp_resource, n);
    for (size_t i = 0; i < n; i++) {
        struct config_place places[4];
        size_t k = 0, n_places = broker_config_places(b, &rows[i], places);
        while (k < n_places && places[k].source != SOURCE_DEFAULT_BROKER)
            k++;
        if (k == n_places || !wanted[i])
            continue;
        struct describe_configs_resp_resource *to = add(rq, out, &rows[i], places[k].value, places[k].source);
        if (req->include_synonyms)
            add_synonym(to, rows[i].name, places[k].value, places[k].source);
    }
}

static void describe_named(struct broker *b, struct request *rq, asked in, enum config_scope scope, answer out) {
    const struct describe_configs_req *req = rq->body;
    size_t n;
    const struct config_row *rows = config_rows(scope, &n);
    bool *wanted = wanted_rows(rq, in, scope);
    out->configs.v = request_array(rq, describe_configs_resp_resource, n);
    for (size_t i = 0; i < n; i++) {
        if (!wanted[i])
            continue;
        struct slice set = config_named_get(b, scope, in->resource_name, rows[i].name);
        const char *def = config_named_default(b, &rows[i]);
        const char *value = set.p == NULL ? def : (const char *)request_printf(rq, "%.*s", SLICE_ARG(set)).p;
        enum config_source source = scope == SCOPE_GROUP ? SOURCE_GROUP : SOURCE_METRICS;
        if (set.p == NULL)
            source = SOURCE_DEFAULT;
        struct describe_configs_resp_resource *to = add(rq, out, &rows[i], value, source);
        if (!req->include_synonyms)
            continue;
        if (set.p != NULL)
            add_synonym(to, rows[i].name, value, source);
        add_synonym(to, rows[i].name, def, SOURCE_DEFAULT);
    }
}

/* The one logger there is. */
static void describe_logger(struct broker *b, struct request *rq, asked in, answer out) {
    static const char *const levels[] = {
        [LOG_ERROR] = "ERROR", [LOG_WARN] = "WARN", [LOG_INFO] = "INFO", [LOG_DEBUG] = "DEBUG"};
    int32_t id;
    bool root = in->configuration_keys.n <= 0;
    if (in->resource_name.n == 0) {
        refuse(out, KAFKA_INVALID_REQUEST, SLICE("Broker id must not be empty"));
        return;
    }
    if (!config_broker_id(in->resource_name, &id) || id != b->settings.node_id) {
        refuse(out, KAFKA_INVALID_REQUEST, request_printf(rq, "Unexpected broker id, expected %d but received %.*s",
                                                          b->settings.node_id, SLICE_ARG(out->resource_name)));
        return;
    }
    for (int32_t i = 0; i < in->configuration_keys.n; i++)
        root = root || slice_is(in->configuration_keys.v[i], "root");
    if (!root)
        return;
    out->configs.n = 1;
    out->configs.v = request_array(rq, describe_configs_resp_resource, 1);
    out->configs.v[0].name = SLICE("root");
    out->configs.v[0].value = slice_cstr(levels[log_level()]);
    out->configs.v[0].config_source = SOURCE_LOGGER;
    out->configs.v[0].documentation = SLICE("");
}

static void describe(struct broker *b, struct request *rq, asked in, answer out) {
    int32_t id;
    out->resource_type = in->resource_type;
    out->resource_name = request_utf8(rq, in->resource_name);
    out->error_message = SLICE("");
    if (in->resource_type == RESOURCE_TOPIC) {
        describe_topic(b, rq, in, out);
    } else if (in->resource_type == RESOURCE_METRICS) {
        describe_named(b, rq, in, SCOPE_METRICS, out);
    } else if (in->resource_type == RESOURCE_GROUP && in->resource_name.n == 0) {
        refuse(out, KAFKA_INVALID_REQUEST, SLICE("Group name must not be empty"));
    } else if (in->resource_type == RESOURCE_GROUP) {
        describe_named(b, rq, in, SCOPE_GROUP, out);
    } else if (in->resource_type == RESOURCE_LOGGER) {
        describe_logger(b, rq, in, out);
    } else if (in->resource_type != RESOURCE_BROKER) {
        refuse(
            out, KAFKA_INVALID_REQUEST,
            SLICE(
                "This most likely occurs because of a request being malformed by the client library or the message was "
                "sent to an incompatible broker. See the broker logs for more details."));
    } else if (in->resource_name.n == 0) {
        describe_whole(b, rq, in, out);
    } else if (!config_broker_id(in->resource_name, &id)) {
        refuse(out, KAFKA_INVALID_REQUEST,
               request_printf(rq, "Broker id must be an integer, but it is: %.*s", SLICE_ARG(out->resource_name)));
    } else if (id != b->settings.node_id) {
        refuse(out, KAFKA_INVALID_REQUEST,
               request_printf(rq, "Unexpected broker id, expected %d or empty string, but received %d",
                              b->settings.node_id, id));
    } else {
        describe_broker(b, rq, in, out);
    }
}

void handle_describe_configs(struct broker *b, struct request *rq) {
    const struct describe_configs_req *req = rq->body;
    struct describe_configs_resp resp;
    proto_init(PROTO_STRUCT(describe_configs_resp), &resp);
    resp.results.v = request_array(rq, describe_configs_resp_result, req->resources.n);
    for (int32_t i = 0; i < req->resources.n && !rq->too_large; i++)
        describe(b, rq, &req->resources.v[i], &resp.results.v[resp.results.n++]);
    request_reply(b, rq, &resp);
}
