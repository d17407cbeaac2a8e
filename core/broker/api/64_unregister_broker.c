/* UnregisterBroker (64), 0: the one broker cannot go, others are not there (102). */
#include "core/broker/internal.h"

void handle_unregister_broker(struct broker *b, struct request *rq) {
    const struct unregister_broker_req *req = rq->body;
    struct unregister_broker_resp resp;
    proto_init(PROTO_STRUCT(unregister_broker_resp), &resp);
    if (req->broker_id == b->settings.node_id) {
        resp.error_code = KAFKA_INVALID_REQUEST;
        resp.error_message = SLICE("This broker is the only one of the cluster.");
    } else {
        resp.error_code = KAFKA_BROKER_ID_NOT_REGISTERED;
        resp.error_message = request_printf(rq, "Broker ID %d is not currently registered", req->broker_id);
    }
    request_reply(b, rq, &resp);
}
