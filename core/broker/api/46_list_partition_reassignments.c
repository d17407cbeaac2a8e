/* ListPartitionReassignments (46), 0: on one broker nothing ever moves. */
#include "core/broker/internal.h"

void handle_list_partition_reassignments(struct broker *b, struct request *rq) {
    struct list_partition_reassignments_resp resp;
    proto_init(PROTO_STRUCT(list_partition_reassignments_resp), &resp);
    request_reply(b, rq, &resp);
}
