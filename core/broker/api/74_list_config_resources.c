/* ListConfigResources (74), 0-1: v0 client metrics only, v1 the types asked for, an
 * empty list is all.  There are configs of topics and of this broker. */
#include "core/broker/internal.h"

enum { RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4, RESOURCE_LOGGER = 8, RESOURCE_METRICS = 16, RESOURCE_GROUP = 32 };

static void add(struct list_config_resources_resp *resp, struct slice name, int8_t type) {
    resp->config_resources.v[resp->config_resources.n].resource_name = name;
    resp->config_resources.v[resp->config_resources.n++].resource_type = type;
}

void handle_list_config_resources(struct broker *b, struct request *rq) {
    const struct list_config_resources_req *req = rq->body;
    struct list_config_resources_resp resp;
    bool topics = rq->header.version >= 1 && req->resource_types.n <= 0, brokers = topics;
    proto_init(PROTO_STRUCT(list_config_resources_resp), &resp);
    for (int32_t i = 0; i < req->resource_types.n; i++) {
        int8_t type = req->resource_types.v[i];
        topics = topics || type == RESOURCE_TOPIC;
        brokers = brokers || type == RESOURCE_BROKER;
        if (type != RESOURCE_TOPIC && type != RESOURCE_BROKER && type != RESOURCE_LOGGER && type != RESOURCE_METRICS &&
            type != RESOURCE_GROUP)
            resp.error_code = KAFKA_UNSUPPORTED_VERSION;
    }
    resp.config_resources.v = request_array(rq, list_config_resources_resp_resource, b->n_topics + 1);
    for (struct topic *t = b->topics_by_name; topics && resp.error_code == KAFKA_NONE && t != NULL; t = t->by_name.next)
        add(&resp, slice_cstr(t->name), RESOURCE_TOPIC);
    if (brokers && resp.error_code == KAFKA_NONE)
        add(&resp, request_printf(rq, "%d", b->settings.node_id), RESOURCE_BROKER);
    request_reply(b, rq, &resp);
}
