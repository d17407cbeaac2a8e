/* SaslAuthenticate (36), 0-2, when there is nothing (more) to authenticate: 34. */
#include "core/broker/internal.h"

void handle_sasl_authenticate(struct broker *b, struct request *rq) {
    struct sasl_authenticate_resp resp;
    proto_init(PROTO_STRUCT(sasl_authenticate_resp), &resp);
    resp.error_code = KAFKA_ILLEGAL_SASL_STATE;
    resp.error_message = SLICE("SaslAuthenticate request received after successful authentication");
    request_reply(b, rq, &resp);
}
