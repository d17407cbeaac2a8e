/* FindCoordinator (10), versions 0-6: which broker leads a group or a transaction.
 *
 * It is always this one.  v1 key types; v4 several keys.  Asking for a group
 * makes __consumer_offsets, as in Kafka; asking for a share coordinator is a bad
 * request (there are no share groups).  The texts are Kafka's: clients show them. */
#include "core/broker/group.h"

#define TYPE_GROUP 0
#define TYPE_TRANSACTION 1
#define TYPE_SHARE 2
#define BAD_REQUEST                                                                                                 \
    "This most likely occurs because of a request being malformed by the client library or the message was sent "   \
    "to an incompatible broker. See the broker logs for more details."

static int16_t find(struct broker *b, int8_t type) {
    if (type != TYPE_GROUP && type != TYPE_TRANSACTION)
        return KAFKA_INVALID_REQUEST;
    if (type == TYPE_GROUP && groups_ready(b->groups) != OK)
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    return KAFKA_NONE;
}

static struct slice message_of(int16_t error, int8_t type, int version) {
    if (error == KAFKA_INVALID_REQUEST)
        return version >= 4 && type == TYPE_SHARE ? SLICE("") : SLICE(BAD_REQUEST);
    if (error == KAFKA_COORDINATOR_NOT_AVAILABLE)
        return version >= 4 ? SLICE("") : SLICE("The coordinator is not available.");
    return version >= 4 ? SLICE("") : SLICE("NONE");
}

void handle_find_coordinator(struct broker *b, struct request *rq) {
    const struct find_coordinator_req *q = rq->body;
    int version = rq->header.version;
    struct find_coordinator_resp resp;
    proto_init(PROTO_STRUCT(find_coordinator_resp), &resp);
    int16_t error = find(b, q->key_type);
    bool found = error == KAFKA_NONE;
    struct slice message = message_of(error, q->key_type, version);
    struct slice host = found ? slice_cstr(rq->conn->host) : SLICE("");
    int32_t node = found ? b->settings.node_id : -1, port = found ? rq->conn->port : -1;
    if (version < 4) {
        resp.error_code = error;
        resp.error_message = message;
        resp.node_id = node;
        resp.host = host;
        resp.port = port;
    } else {
        resp.coordinators.n = q->coordinator_keys.n;
        resp.coordinators.v = request_array(rq, find_coordinator_resp_coordinator, q->coordinator_keys.n);
        for (int32_t i = 0; i < q->coordinator_keys.n; i++) {
            struct find_coordinator_resp_coordinator *to = &resp.coordinators.v[i];
            to->key = q->coordinator_keys.v[i];
            to->node_id = node;
            to->host = host;
            to->port = port;
            to->error_code = error;
            to->error_message = message;
        }
    }
    request_reply(b, rq, &resp);
}
