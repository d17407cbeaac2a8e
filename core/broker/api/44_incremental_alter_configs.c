/* IncrementalAlterConfigs (44), 0-1: sets, deletes, appends to and takes from single
 * configs of a resource (configs_alter.c). */
#include "core/broker/configs_alter.h"

static const struct config_op *ops_of(struct request *rq, const struct incremental_alter_configs_req_resource *in) {
    struct config_op *ops = request_alloc(rq, (size_t)(in->configs.n + 1) * sizeof *ops);
    for (int32_t i = 0; i < in->configs.n; i++)
        ops[i] = (struct config_op){in->configs.v[i].name, in->configs.v[i].value, in->configs.v[i].config_operation};
    return ops;
}

void handle_incremental_alter_configs(struct broker *b, struct request *rq) {
    const struct incremental_alter_configs_req *req = rq->body;
    struct incremental_alter_configs_resp resp;
    uint64_t ticket;
    int32_t n = req->resources.n < 0 ? 0 : req->resources.n;
    struct config_change *changes = request_alloc(rq, (size_t)(n + 1) * sizeof *changes);
    for (int32_t i = 0; i < n; i++) {
        const struct incremental_alter_configs_req_resource *in = &req->resources.v[i];
        changes[i] = (struct config_change){.resource_type = in->resource_type, .resource_name = in->resource_name,
                                            .ops = ops_of(rq, in), .n_ops = in->configs.n, .replace = false};
    }
    proto_init(PROTO_STRUCT(incremental_alter_configs_resp), &resp);
    resp.responses.n = n;
    resp.responses.v = configs_alter(b, rq, changes, n, req->validate_only, &ticket);
    request_reply_when(b, rq, ticket, &resp);
}
