/* DescribeAcls (29), 1-3: there is no authorizer, 54. */
#include "core/broker/internal.h"

void handle_describe_acls(struct broker *b, struct request *rq) {
    struct describe_acls_resp resp;
    proto_init(PROTO_STRUCT(describe_acls_resp), &resp);
    resp.error_code = KAFKA_SECURITY_DISABLED;
    resp.error_message = SLICE("No Authorizer is configured on the broker");
    request_reply(b, rq, &resp);
}
