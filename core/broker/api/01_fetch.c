/* Fetch (1), 4-18.
 *
 * v4 isolation level, v7 sessions, v9 leader epochs, v11 rack, v12 flexible and
 * diverging epochs, v13 topic ids, v15 replica state.  Up to the high watermark,
 * or the last stable offset for read_committed.  A client that calls itself a
 * replica is told that it is none (6).  Waiting and reading: fetch.c; sessions:
 * fetch_session.c. */
#include "core/broker/fetch.h"
#include "core/broker/fetch_session.h"

void handle_fetch(struct broker *b, struct request *rq) {
    const struct fetch_req *req = rq->body;
    struct fetch_op *op = request_alloc(rq, sizeof *op);
    op->rq = rq;
    op->min_bytes = req->min_bytes;
    op->max_bytes = req->max_bytes;
    op->committed = req->isolation_level == 1;
    int16_t error = fetch_session_begin(b, rq, op);
    if (error != KAFKA_NONE) {
        struct fetch_resp resp;
        proto_init(PROTO_STRUCT(fetch_resp), &resp);
        resp.error_code = error;
        request_reply(b, rq, &resp);
        return;
    }
    fetch_begin(b, op, req->max_wait_ms);
}
