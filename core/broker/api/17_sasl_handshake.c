/* SaslHandshake (17), 0-1, on a listener without authentication: 34, no mechanisms.
 * Listeners with authentication answer it in core/net, before the broker. */
#include "core/broker/internal.h"

void handle_sasl_handshake(struct broker *b, struct request *rq) {
    struct sasl_handshake_resp resp;
    proto_init(PROTO_STRUCT(sasl_handshake_resp), &resp);
    resp.error_code = KAFKA_ILLEGAL_SASL_STATE;
    request_reply(b, rq, &resp);
}
