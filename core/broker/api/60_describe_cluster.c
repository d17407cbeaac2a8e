/* DescribeCluster (60), 0-2: v1 which kind of endpoint is asked for (this one is a
 * broker's), v2 fenced brokers, of which there are none. */
#include "core/broker/internal.h"

#define CLUSTER_OPERATIONS 8096
enum { ENDPOINT_BROKER = 1, ENDPOINT_CONTROLLER = 2 };

void handle_describe_cluster(struct broker *b, struct request *rq) {
    const struct describe_cluster_req *req = rq->body;
    struct describe_cluster_resp resp;
    proto_init(PROTO_STRUCT(describe_cluster_resp), &resp);
    if (req->endpoint_type == ENDPOINT_CONTROLLER) {
        resp.error_code = KAFKA_MISMATCHED_ENDPOINT_TYPE;
        resp.error_message =
            SLICE("The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type "
                  "CONTROLLER");
    } else if (req->endpoint_type != ENDPOINT_BROKER) {
        resp.error_code = KAFKA_UNSUPPORTED_ENDPOINT_TYPE;
        resp.error_message = request_printf(rq, "Unsupported endpoint type %d", req->endpoint_type);
    } else {
        resp.cluster_id = slice_cstr(b->cluster_id);
        resp.controller_id = b->settings.node_id;
        resp.brokers.n = 1;
        resp.brokers.v = request_array(rq, describe_cluster_resp_broker, 1);
        resp.brokers.v[0].broker_id = b->settings.node_id;
        resp.brokers.v[0].host = slice_cstr(rq->conn->host);
        resp.brokers.v[0].port = rq->conn->port;
        if (req->include_cluster_authorized_operations)
            resp.cluster_authorized_operations = CLUSTER_OPERATIONS;
    }
    request_reply(b, rq, &resp);
}
