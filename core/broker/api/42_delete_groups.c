/* DeleteGroups (42), versions 0-2: groups without members go, with their offsets.
 * A group that is named twice is answered once.  Answered when durable. */
#include "core/broker/group.h"

#include <stdlib.h>

static int compare(const void *a, const void *b) {
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static int16_t delete_one(struct groups *gs, struct slice id) {
    struct group *g = group_find(gs, id);
    if (g == NULL)
        return KAFKA_GROUP_ID_NOT_FOUND;
    if (g->state != GROUP_EMPTY)
        return KAFKA_NON_EMPTY_GROUP;
    return group_delete(g) == OK ? KAFKA_NONE : KAFKA_COORDINATOR_NOT_AVAILABLE;
}

static void delete_failed(struct broker *b, struct request *rq) {
    struct delete_groups_resp *resp = rq->wait;
    for (int32_t i = 0; i < resp->results.n; i++)
        if (resp->results.v[i].error_code == KAFKA_NONE)
            resp->results.v[i].error_code = KAFKA_COORDINATOR_NOT_AVAILABLE;
    group_reply(b, rq, 0, resp, NULL);
}

void handle_delete_groups(struct broker *b, struct request *rq) {
    const struct delete_groups_req *q = rq->body;
    struct delete_groups_resp *resp = request_alloc(rq, sizeof *resp);
    size_t n = q->groups_names.n > 0 ? (size_t)q->groups_names.n : 0;
    struct slice *names = request_alloc(rq, n * sizeof *names + 1);
    uint64_t ticket = 0;
    proto_init(PROTO_STRUCT(delete_groups_resp), resp);
    for (size_t i = 0; i < n; i++)
        names[i] = request_utf8(rq, q->groups_names.v[i]);
    qsort(names, n, sizeof *names, compare);
    resp->results.v = request_array(rq, delete_groups_resp_deletable_group, n);
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && slice_eq(names[i], names[i - 1]))
            continue;
        struct delete_groups_resp_deletable_group *to = &resp->results.v[resp->results.n++];
        to->group_id = names[i];
        to->error_code = delete_one(b->groups, names[i]);
        if (to->error_code == KAFKA_NONE)
            ticket = b->groups->removed_ticket;
    }
    rq->wait = resp;
    group_reply(b, rq, ticket, resp, delete_failed);
}
