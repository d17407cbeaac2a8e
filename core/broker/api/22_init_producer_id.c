/* InitProducerId (22), 0-5.
 *
 * v2 flexible, v3 the producer's own id and epoch, v4 PRODUCER_FENCED.  Without a
 * transactional id every call gives a new id, epoch 0.  Ids are taken from
 * blocks whose end is durable before the first of them is given out, so that
 * none is given twice, crash or not.  Transactions are not served: a
 * transactional id is refused with 53, which clients report at once and do not
 * retry. */
#include "core/broker/internal.h"

#define BLOCK_IDS 1000

static enum err next_id(struct broker *b, int64_t *id) {
    struct slice key = SLICE("next");
    if (b->producer_id_next == b->producer_id_end) {
        struct slice known = store_get(b->store, MAP_PRODUCER_ID, key);
        int64_t from = known.n == 8 ? (int64_t)be64_get(known.p) : 0;
        uint8_t end[8];
        be64_set(end, (uint64_t)(from + BLOCK_IDS));
        enum err e = store_put(b->store, MAP_PRODUCER_ID, key, slice_of(end, sizeof end), &b->producer_id_ticket);
        if (e != OK)
            return e;
        b->producer_id_next = from;
        b->producer_id_end = from + BLOCK_IDS;
    }
    *id = b->producer_id_next++;
    return OK;
}

static void failed(struct broker *b, struct request *rq) {
    struct init_producer_id_resp resp;
    proto_init(PROTO_STRUCT(init_producer_id_resp), &resp);
    resp.error_code = KAFKA_KAFKA_STORAGE_ERROR;
    resp.producer_epoch = -1;
    request_reply(b, rq, &resp);
}

void handle_init_producer_id(struct broker *b, struct request *rq) {
    const struct init_producer_id_req *req = rq->body;
    struct init_producer_id_resp resp;
    proto_init(PROTO_STRUCT(init_producer_id_resp), &resp);
    resp.producer_epoch = -1;
    if ((req->transactional_id.p != NULL && req->transactional_id.n == 0) ||
        (req->producer_id == -1) != (req->producer_epoch == -1)) {
        resp.error_code = KAFKA_INVALID_REQUEST;
    } else if (req->transactional_id.p != NULL) {
        resp.error_code = KAFKA_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    } else {
        resp.error_code = kafka_error_of(next_id(b, &resp.producer_id));
        if (resp.error_code == KAFKA_NONE)
            resp.producer_epoch = 0;
    }
    rq->on_failed = failed;
    request_reply_when(b, rq, resp.error_code == KAFKA_NONE ? b->producer_id_ticket : 0, &resp);
}
