/* CreateAcls (30), 1-3: there is no authorizer, 54 per entry. */
#include "core/broker/internal.h"

void handle_create_acls(struct broker *b, struct request *rq) {
    const struct create_acls_req *req = rq->body;
    struct create_acls_resp resp;
    proto_init(PROTO_STRUCT(create_acls_resp), &resp);
    resp.results.v = request_array(rq, create_acls_resp_acl_creation, req->creations.n);
    for (int32_t i = 0; i < req->creations.n; i++) {
        struct create_acls_resp_acl_creation *out = &resp.results.v[resp.results.n++];
        out->error_code = KAFKA_SECURITY_DISABLED;
        out->error_message = SLICE("No Authorizer is configured.");
    }
    request_reply(b, rq, &resp);
}
