/* ListConfigResources (74), 0-1: v0 metrics subscriptions only, v1 the types asked
 * for, an empty list is all: topics, this broker, its logger, and what metrics
 * subscriptions and groups have configs of their own. */
#include "core/broker/internal.h"

struct listing {
    struct request *rq;
    struct list_config_resources_resp resp;
    int32_t cap;
    int8_t type;                      /* of what is being added */
};

static void add(void *ctx, struct slice name) {
    struct listing *l = ctx;
    if (l->resp.config_resources.n == l->cap) {
        int32_t cap = l->cap * 2 + 16;
        struct list_config_resources_resp_resource *v =
            request_array(l->rq, list_config_resources_resp_resource, cap);
        if (l->cap > 0)
            memcpy(v, l->resp.config_resources.v, (size_t)l->cap * sizeof *v);
        l->resp.config_resources.v = v;
        l->cap = cap;
    }
    l->resp.config_resources.v[l->resp.config_resources.n].resource_name = request_dup(l->rq, name);
    l->resp.config_resources.v[l->resp.config_resources.n++].resource_type = l->type;
}

/* The types asked for as bits; 0: one of them is unknown. */
static int wanted_types(struct request *rq) {
    const struct list_config_resources_req *req = rq->body;
    const int all = RESOURCE_TOPIC | RESOURCE_BROKER | RESOURCE_LOGGER | RESOURCE_METRICS | RESOURCE_GROUP;
    if (rq->header.version == 0)
        return RESOURCE_METRICS;
    int wanted = req->resource_types.n <= 0 ? all : 0;
    for (int32_t i = 0; i < req->resource_types.n; i++) {
        int type = req->resource_types.v[i];
        if (type <= 0 || (type & all) != type || (type & (type - 1)) != 0)
            return 0;
        wanted |= type;
    }
    return wanted;
}

void handle_list_config_resources(struct broker *b, struct request *rq) {
    struct listing l = {.rq = rq};
    int wanted = wanted_types(rq);
    struct slice self = request_printf(rq, "%d", b->settings.node_id);
    proto_init(PROTO_STRUCT(list_config_resources_resp), &l.resp);
    if (wanted == 0)
        l.resp.error_code = KAFKA_UNSUPPORTED_VERSION;
    l.type = RESOURCE_TOPIC;
    for (struct topic *t = b->topics_by_name; (wanted & RESOURCE_TOPIC) && t != NULL; t = t->by_name.next)
        add(&l, slice_cstr(t->name));
    for (l.type = RESOURCE_BROKER; l.type <= RESOURCE_LOGGER; l.type = (int8_t)(l.type * 2))
        if (wanted & l.type)
            add(&l, self);
    l.type = RESOURCE_METRICS;
    if (wanted & RESOURCE_METRICS)
        config_named_each(b, SCOPE_METRICS, add, &l);
    l.type = RESOURCE_GROUP;
    if (wanted & RESOURCE_GROUP)
        config_named_each(b, SCOPE_GROUP, add, &l);
    request_reply(b, rq, &l.resp);
}
