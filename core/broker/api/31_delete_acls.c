/* DeleteAcls (31), 1-3: there is no authorizer, 54 per filter. */
#include "core/broker/internal.h"

void handle_delete_acls(struct broker *b, struct request *rq) {
    const struct delete_acls_req *req = rq->body;
    struct delete_acls_resp resp;
    proto_init(PROTO_STRUCT(delete_acls_resp), &resp);
    resp.filter_results.v = request_array(rq, delete_acls_resp_filter, req->filters.n);
    for (int32_t i = 0; i < req->filters.n; i++) {
        struct delete_acls_resp_filter *out = &resp.filter_results.v[resp.filter_results.n++];
        out->error_code = KAFKA_SECURITY_DISABLED;
        out->error_message = SLICE("No Authorizer is configured.");
    }
    request_reply(b, rq, &resp);
}
