/* From the reader's working picture to an immutable snapshot.  Everything is
 * copied into the snapshot's arena in one pass, names once, but for the members and
 * rows of groups: those are replaced as a whole and never changed, so that snapshots
 * share them.  Nothing points back.  Thread: the client's. */
#include "core/client/internal.h"

#include <stdlib.h>

/* A copy of n elements, NULL for none. */
static void *copy(struct arena *a, const void *v, size_t n, size_t size) {
    void *out = n > 0 ? arena_alloc(a, n * size) : NULL;
    if (out != NULL)
        memcpy(out, v, n * size);
    return out;
}

static struct slice text(struct arena *a, const char *s) {
    return s[0] == '\0' ? SLICE_NULL : arena_dup(a, slice_cstr(s));
}

static const struct history *history_copy(struct arena *a, const struct history *h) {
    return h->n == 0 ? NULL : copy(a, h, 1, sizeof *h);
}

/* ---- topics ---- */

struct part_sums {
    int64_t messages, bytes, at_us, bytes_at_us;
    bool known, failed, bytes_known, rates_known, rates_failed, offline;
    enum value_state no_bytes;      /* why not, where they are not known */
    double in;
};

static void part_sum(struct part_sums *sum, const struct model_partition *p) {
    bool here = p->start.at_us != 0 && p->end.at_us != 0;
    if (here) {
        sum->messages += p->end.v > p->start.v ? p->end.v - p->start.v : 0;
        if (p->end.at_us < sum->at_us)
            sum->at_us = p->end.at_us;
    }
    sum->known = sum->known && here;
    sum->failed = sum->failed || p->end.state == VALUE_FAILED || p->start.state == VALUE_FAILED;
    sum->bytes += p->bytes.v;
    if (p->bytes.at_us < sum->bytes_at_us)
        sum->bytes_at_us = p->bytes.at_us;
    sum->bytes_known = sum->bytes_known && p->bytes.state == VALUE_KNOWN;
    if (p->bytes.state == VALUE_FAILED || p->bytes.state == VALUE_NONE)
        sum->no_bytes = p->bytes.state;
    sum->rates_known = sum->rates_known && p->in.state == VALUE_KNOWN;
    sum->rates_failed = sum->rates_failed || p->in.state == VALUE_FAILED;
    sum->in += p->in.v;
    sum->offline = sum->offline || p->leader < 0;
}

/* Silence is shown as silence, not by the last good value. */
static void part_silence(struct model_partition *p) {
    p->start.state = p->end.state = p->bytes.state = VALUE_FAILED;
    p->in.state = VALUE_FAILED;
}

static void topic_copy(struct reader *r, struct snapshot *s, struct model_topic *to, const struct rtopic *t) {
    struct arena *a = &s->arena;
    struct part_sums sum = {.at_us = INT64_MAX,
                            .bytes_at_us = INT64_MAX,
                            .known = t->n_parts > 0,
                            .bytes_known = t->n_parts > 0,
                            .rates_known = t->n_parts > 0};
    *to = (struct model_topic){.name = arena_dup(a, t->name), .id = t->id, .error = t->error, .internal = t->internal};
    struct model_partition *parts = arena_alloc(a, (size_t)t->n_parts * sizeof *parts);
    const int32_t *nodes = copy(a, t->nodes, t->n_nodes, sizeof *t->nodes);
    if (parts == NULL)
        return;
    const struct rbroker *leader = NULL;
    for (int32_t i = 0; i < t->n_parts; i++) {
        const struct rpart *p = &t->parts[i];
        const int32_t *at = nodes != NULL ? nodes + p->nodes_at : NULL;
        parts[i] =
            (struct model_partition){.index = p->index,
                                     .leader = p->leader,
                                     .leader_epoch = p->leader_epoch,
                                     .error = p->error,
                                     .replicas = {p->n_replicas, at},
                                     .isr = {p->n_isr, at != NULL ? at + p->n_replicas : NULL},
                                     .offline = {p->n_offline, at != NULL ? at + p->n_replicas + p->n_isr : NULL},
                                     .start = p->start,
                                     .end = p->end,
                                     .bytes = p->bytes,
                                     .in = p->in};
        if (leader == NULL || leader->node.id != p->leader)
            leader = reader_broker(r, p->leader);
        if (p->leader < 0 || (leader != NULL && reader_is_silent(leader)))
            part_silence(&parts[i]);
        to->in_sync += p->n_isr;
        to->replicas += p->n_replicas;
        if (i == 0 || p->n_replicas > to->replication)
            to->replication = p->n_replicas;
        part_sum(&sum, &parts[i]);
    }
    to->partitions = parts;
    to->n_partitions = t->n_parts;
    enum value_state unknown = sum.failed || t->error != 0 ? VALUE_FAILED : VALUE_WANTED;
    to->messages = sum.known ? (struct value){sum.messages, sum.at_us, sum.failed ? VALUE_FAILED : VALUE_KNOWN}
                             : (struct value){0, 0, unknown};
    to->bytes =
        sum.bytes_known ? (struct value){sum.bytes, sum.bytes_at_us, VALUE_KNOWN} : (struct value){0, 0, sum.no_bytes};
    to->in = (struct rate){sum.in, sum.rates_known ? VALUE_KNOWN : sum.rates_failed ? VALUE_FAILED : VALUE_WANTED};
    to->history = history_copy(a, &t->history);
    to->trouble = sum.offline || t->error != 0 ? TROUBLE_BAD : to->in_sync < to->replicas ? TROUBLE_SOON : TROUBLE_NONE;
}

static void topics_copy(struct reader *r, struct snapshot *s) {
    struct model_topic *v = arena_alloc(&s->arena, r->n_topics * sizeof *v);
    if (v == NULL)
        return;
    bool counted = r->groups_known;
    int64_t at_us = 0;
    for (size_t i = 0; i < r->n_groups; i++) {
        counted = counted && r->groups_sorted[i]->fetched;
        if (r->groups_sorted[i]->lag_us > at_us)
            at_us = r->groups_sorted[i]->lag_us;
    }
    for (size_t i = 0; i < r->n_topics; i++) {
        topic_copy(r, s, &v[i], r->topics_sorted[i]);
        v[i].groups = (struct value){r->topics_sorted[i]->n_groups, at_us, counted ? VALUE_KNOWN : VALUE_WANTED};
    }
    s->topics.v = v;
    s->topics.n = (int32_t)r->n_topics;
}

/* ---- groups ---- */

/* What only the coordinator knows, is not known while that one is silent. */
static void group_silence(struct arena *a, struct model_group *to, const struct rbroker *b) {
    int64_t since_us = b->silent_us != 0 ? b->silent_us : b->gone_us;
    long long s = since_us != 0 ? (long long)((wire_now_us() - since_us) / 1000000) : 0;
    struct model_lag *rows = copy(a, to->rows.v, (size_t)to->rows.n, sizeof *rows);
    to->why = s > 0 ? arena_printf(a, "its coordinator has been away for %lld s: %s", s, b->why)
                    : arena_printf(a, "its coordinator is away: %s", b->why);
    to->state = SLICE_NULL;
    to->lag.state = to->n_members.state = VALUE_FAILED;
    to->in.state = to->out.state = VALUE_FAILED;
    if (to->trouble == TROUBLE_NONE)
        to->trouble = TROUBLE_SOON;
    to->rows.n = rows != NULL ? to->rows.n : 0;
    to->sum = (struct lag_sum){0};
    for (int32_t i = 0; i < to->rows.n; i++) {
        rows[i].kind = LAG_UNKNOWN;
        rows[i].committed = rows[i].lag = -1;
        rows[i].lost = rows[i].ahead = 0;
        lag_add(&to->sum, &rows[i]);
    }
    to->rows.v = rows;
}

static void group_copy(struct snapshot *s, struct model_group *to, const struct rgroup *g) {
    struct arena *a = &s->arena;
    *to = (struct model_group){.id = arena_dup(a, g->id),
                               .state = arena_dup(a, g->state),
                               .type = text(a, g->type),
                               .protocol_type = arena_dup(a, g->protocol_type),
                               .protocol = arena_dup(a, g->protocol),
                               .coordinator = g->coordinator != NULL ? g->coordinator->node.id : -1,
                               .error = g->error,
                               .why = text(a, g->why),
                               .trouble = g->trouble,
                               .lag = g->lag,
                               .in = g->in,
                               .out = g->commits_sum.rate,
                               .at_us = g->lag_us};
    enum value_state unknown = g->why[0] != '\0' ? VALUE_FAILED : VALUE_WANTED;
    to->n_members = (struct value){0, 0, g->members_elsewhere ? VALUE_NONE : unknown};
    if (g->described)
        to->n_members = (struct value){g->n_members, g->commits_us, VALUE_KNOWN};
    to->n_topics =
        g->lag_us != 0 ? (struct value){g->rows.n_topics, g->lag_us, VALUE_KNOWN} : (struct value){0, 0, unknown};
    if (g->lag_us == 0 && g->lag.state == VALUE_WANTED)
        to->lag.state = unknown;
    if (g->error != 0)
        to->trouble = TROUBLE_BAD;
    to->members.v = g->members;
    to->members.n = g->n_members;
    to->rows.v = g->rows.v;
    to->rows.n = g->rows.n;
    to->sum = g->rows.sum;
    to->history = g->rows.history != NULL && g->rows.history->n > 0 ? g->rows.history : NULL;
    snapshot_share(s, g->members_in);
    snapshot_share(s, g->rows.in);
    if (g->coordinator != NULL && reader_is_silent(g->coordinator))
        group_silence(a, to, g->coordinator);
}

static void groups_copy(struct reader *r, struct snapshot *s) {
    struct model_group *v = arena_alloc(&s->arena, r->n_groups * sizeof *v);
    if (v == NULL || !snapshot_shares(s, 2 * r->n_groups))
        return;
    for (size_t i = 0; i < r->n_groups; i++)
        group_copy(s, &v[i], r->groups_sorted[i]);
    s->groups.v = v;
    s->groups.n = (int32_t)r->n_groups;
}

/* ---- brokers and the cluster ---- */

static void brokers_copy(struct reader *r, struct snapshot *s) {
    struct model_broker *v = arena_alloc(&s->arena, r->nodes.n * sizeof *v);
    if (v == NULL)
        return;
    for (size_t i = 0; i < r->nodes.n; i++) {
        const struct rbroker *b = reader_broker_at(r, i);
        v[i] = (struct model_broker){.id = b->node.id,
                                     .host = arena_dup(&s->arena, slice_cstr(b->node.host)),
                                     .port = b->node.port,
                                     .rack = arena_dup(&s->arena, b->rack),
                                     .leads = b->leads,
                                     .groups = b->groups,
                                     .bytes = b->bytes,
                                     .answered = b->answered,
                                     .why = text(&s->arena, b->why),
                                     .misnamed = b->why[0] != '\0' && b->node.conn != NULL &&
                                                 b->node.conn->refused_names,
                                     .voter = b->voter,
                                     .observer = b->observer,
                                     .quorum_lag = b->quorum_lag,
                                     .fetch_age_ms = b->fetch_age_ms};
        if (reader_is_silent(b)) {
            v[i].answered.state = v[i].bytes.state = v[i].groups.state = VALUE_FAILED;
            v[i].silent_us = b->silent_us != 0 ? b->silent_us : b->gone_us;
        }
    }
    s->brokers.v = v;
    s->brokers.n = (int32_t)r->nodes.n;
}

static void apis_copy(struct reader *r, struct snapshot *s) {
    struct conn *c = reader_any_conn(r);
    struct model_api v[CONN_API_KEYS];
    int32_t n = 0;
    if (c == NULL)
        return;
    for (int16_t k = 0; k < CONN_API_KEYS; k++)
        if (c->apis[k].max >= 0 && c->apis[k].max >= c->apis[k].min)
            v[n++] = (struct model_api){k, c->apis[k].min, c->apis[k].max};
    s->apis.v = copy(&s->arena, v, (size_t)n, sizeof *v);
    s->apis.n = n;
    const char *version = cluster_version(c);
    if (version != NULL)
        s->version = slice_cstr(version); /* a literal */
    s->metadata_most = c->metadata_level;
    s->metadata_in_use = c->metadata_in_use;
}

/* Named by an answer, but the last was long ago, or it has fallen silent since. */
static bool controller_stale(struct reader *r) {
    const struct rbroker *b = reader_broker(r, r->controller);
    int64_t at_us = r->zookeeper ? r->metadata_us : r->quorum_us, now = wire_now_us();
    return r->controller_true && ((b != NULL && b->silent_us != 0 && at_us < b->silent_us + reader_interval(r)) ||
                                  now - at_us > 12 * reader_interval(r) + 500000);
}

struct snapshot *reader_snapshot(struct reader *r) {
    const struct client_config *config = &r->client->config;
    struct snapshot *s = snapshot_new();
    groups_count_topics(r);
    groups_known(r);
    s->serial = ++r->serial;
    s->at_us = r->newest_us;
    s->interval_us = config->refresh_us;
    s->link = r->link;
    s->why = text(&s->arena, r->why);
    s->address = text(&s->arena, r->address);
    s->embedded = config->embedded;
    if (config->durability != NULL)
        s->durability = arena_dup(&s->arena, slice_cstr(config->durability));
    if (config->data_dir != NULL)
        s->data_dir = arena_dup(&s->arena, slice_cstr(config->data_dir));
    s->cluster_id = arena_dup(&s->arena, r->cluster_id);
    s->controller = r->controller;
    s->controller_true = r->controller_true;
    s->controller_at_us = r->zookeeper ? r->metadata_us : r->quorum_us;
    s->controller_epoch = r->controller_epoch;
    s->topics_state = r->topics_known ? VALUE_KNOWN : r->link == LINK_DOWN ? VALUE_FAILED : VALUE_WANTED;
    s->groups_state = r->groups_known ? VALUE_KNOWN : r->link == LINK_DOWN ? VALUE_FAILED : VALUE_WANTED;
    s->in = r->in;
    s->out = r->out;
    s->in_history = history_copy(&s->arena, &r->in_history);
    brokers_copy(r, s);
    s->controller_stale = controller_stale(r);
    topics_copy(r, s);
    groups_copy(r, s);
    apis_copy(r, s);
    return s;
}
