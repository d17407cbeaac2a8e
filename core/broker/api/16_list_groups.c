/* ListGroups (16), versions 0-5: all groups; v4 filters by state, v5 by type.
 * Filters are compared without case; a name that is no state or type matches nothing. */
#include "core/broker/group.h"

#include <strings.h>

#define TYPE "classic"

static bool listed(const struct slice *filter, int32_t n, const char *word) {
    size_t length = strlen(word);
    bool any = n <= 0;
    for (int32_t i = 0; i < n && !any; i++)
        any = filter[i].n == length && strncasecmp((const char *)filter[i].p, word, length) == 0;
    return any;
}

void handle_list_groups(struct broker *b, struct request *rq) {
    const struct list_groups_req *q = rq->body;
    struct list_groups_resp resp;
    proto_init(PROTO_STRUCT(list_groups_resp), &resp);
    resp.groups.v = request_array(rq, list_groups_resp_listed_group, b->groups->n);
    if (listed(q->types_filter.v, q->types_filter.n, TYPE)) {
        for (const struct group *g = b->groups->by_id; g != NULL; g = g->by_id.next) {
            if (!listed(q->states_filter.v, q->states_filter.n, group_state_name(g)))
                continue;
            struct list_groups_resp_listed_group *to = &resp.groups.v[resp.groups.n++];
            to->group_id = g->id;
            to->protocol_type = slice_text(g->protocol_type);
            to->group_state = slice_cstr(group_state_name(g));
            to->group_type = SLICE(TYPE);
        }
    }
    request_reply(b, rq, &resp);
}
