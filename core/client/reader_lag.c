/* From commits to lag.
 *
 * A round takes every group whose commits are in, lays out its rows (every
 * partition of every topic the group commits on or is assigned), and asks for
 * start and end of those partitions anew, one request per leader for all groups
 * together.  A group is judged when each of its rows has an end that was asked for
 * after the commits had arrived: so a group that keeps committing never looks as
 * if it were beyond the end, and the lag is never negative.
 *
 * What a hung leader does not answer is judged at the next tick as unknown; until
 * a group is judged its last rows stay, with their time.  Thread: the client's. */
#include "core/client/internal.h"

#include <stdlib.h>

#define ROWS_MAX 200000
#define ROWS_CAP_BYTES ((size_t)256 << 20)
#define ROUND_AGAIN_US 500000
#define GROWING 5 /* judgements in a row that make a group hurt */

/* ---- rows ---- */

struct seat {
    struct slice topic;
    int32_t partition, member;
};

static int by_seat(const void *a, const void *b) {
    const struct seat *x = a, *y = b;
    return partition_cmp(x->topic, x->partition, y->topic, y->partition);
}

static struct seat *seats_of(struct reader *r, const struct rgroup *g, int32_t *n) {
    size_t total = 0;
    for (int32_t i = 0; i < g->n_members; i++)
        total += (size_t)g->members[i].assigned.n;
    struct seat *v = total <= ROWS_MAX ? arena_alloc(&r->build, total * sizeof *v) : NULL;
    *n = 0;
    for (int32_t i = 0; v != NULL && i < g->n_members; i++)
        for (int32_t k = 0; k < g->members[i].assigned.n; k++)
            v[(*n)++] = (struct seat){g->members[i].assigned.v[k].topic, g->members[i].assigned.v[k].partition, i};
    if (v != NULL)
        qsort(v, (size_t)*n, sizeof *v, by_seat);
    return v;
}

/* The place in both sorted lists, and the rows so far. */
struct layout {
    struct rgroup *group;
    struct seat *seats;
    int32_t n_seats, seat_at, commit_at;
    struct model_lag *rows;
    int32_t n_rows, cap;
    int64_t at_us;
};

static void layout_row(struct layout *l, struct slice topic, int32_t partition) {
    struct rgroup *g = l->group;
    struct model_lag row = {.topic = topic,
                            .partition = partition,
                            .kind = LAG_UNKNOWN,
                            .committed = -1,
                            .start = -1,
                            .end = -1,
                            .lag = -1,
                            .member = -1,
                            .at_us = l->at_us};
    while (l->commit_at < g->n_commits && g->commits[l->commit_at].partition == partition &&
           slice_eq(g->commits[l->commit_at].topic, topic)) {
        row.committed = g->commits[l->commit_at].offset;
        row.metadata = g->commits[l->commit_at].metadata;
        l->commit_at++;
    }
    while (l->seat_at < l->n_seats && l->seats[l->seat_at].partition == partition &&
           slice_eq(l->seats[l->seat_at].topic, topic))
        row.member = l->seats[l->seat_at++].member;
    if (l->n_rows < l->cap)
        l->rows[l->n_rows++] = row;
}

/* All partitions of one topic: those Metadata knows, those committed, those assigned. */
static void layout_topic(struct reader *r, struct layout *l, struct slice topic) {
    struct rgroup *g = l->group;
    struct rtopic *t = topics_find(r, topic);
    int32_t part_at = 0, n_parts = t != NULL ? t->n_parts : 0;
    for (;;) {
        int64_t next = INT64_MAX;
        if (part_at < n_parts)
            next = t->parts[part_at].index;
        if (l->commit_at < g->n_commits && slice_eq(g->commits[l->commit_at].topic, topic) &&
            g->commits[l->commit_at].partition < next)
            next = g->commits[l->commit_at].partition;
        if (l->seat_at < l->n_seats && slice_eq(l->seats[l->seat_at].topic, topic) &&
            l->seats[l->seat_at].partition < next)
            next = l->seats[l->seat_at].partition;
        if (next == INT64_MAX)
            break;
        while (part_at < n_parts && t->parts[part_at].index <= next) {
            t->parts[part_at].lag_us = r->round_us;
            part_at++;
        }
        layout_row(l, topic, (int32_t)next);
    }
    if (t != NULL)
        t->grouped = true;
    g->next.n_topics++;
}

/* The rows with all that they point at, in one piece that is as large as it must be: of many groups it is most of the
 * memory.  What lies in the commits' arena or in a member is copied, a topic's name once. */
static void rows_keep(struct rgroup *g, const struct layout *l) {
    size_t bytes = (size_t)l->n_rows * sizeof *l->rows + sizeof *g->next.history + 2 * 16;
    const uint8_t *from = NULL;
    for (int32_t i = 0; i < l->n_rows; i++) {
        bytes += l->rows[i].topic.p != from ? l->rows[i].topic.n + 16 : 0;
        bytes += l->rows[i].metadata.n > 0 ? l->rows[i].metadata.n + 16 : 0;
        from = l->rows[i].topic.p;
    }
    g->next.in = shared_new(ROWS_CAP_BYTES, bytes < ROWS_CAP_BYTES ? bytes : 0);
    struct arena *a = &g->next.in->arena;
    g->next.history = arena_zalloc(a, sizeof *g->next.history);
    g->next.v = arena_alloc(a, (size_t)l->n_rows * sizeof *g->next.v);
    g->next.n = g->next.v != NULL ? l->n_rows : 0;
    struct slice topic = SLICE_NULL;
    from = NULL;
    for (int32_t i = 0; i < g->next.n; i++) {
        struct model_lag *row = &g->next.v[i];
        *row = l->rows[i];
        if (row->topic.p != from)
            topic = arena_dup(a, row->topic);
        from = row->topic.p;
        row->topic = topic;
        row->metadata = row->metadata.n > 0 ? arena_dup(a, row->metadata)
                                            : slice_of(row->metadata.p != NULL ? "" : NULL, 0);
    }
}

static void rows_lay_out(struct reader *r, struct rgroup *g) {
    arena_reset(&r->build);
    shared_unref(g->next.in);
    g->next = (struct rrows){0};
    struct layout l = {.group = g, .cap = ROWS_MAX, .at_us = g->commits_us};
    l.seats = seats_of(r, g, &l.n_seats);
    l.rows = r->rows_scratch;
    while (l.commit_at < g->n_commits || l.seat_at < l.n_seats) {
        struct slice topic;
        if (l.commit_at >= g->n_commits)
            topic = l.seats[l.seat_at].topic;
        else if (l.seat_at >= l.n_seats)
            topic = g->commits[l.commit_at].topic;
        else
            topic = slice_cmp(l.seats[l.seat_at].topic, g->commits[l.commit_at].topic) < 0
                        ? l.seats[l.seat_at].topic
                        : g->commits[l.commit_at].topic;
        int32_t before = l.commit_at + l.seat_at;
        layout_topic(r, &l, topic);
        if (before == l.commit_at + l.seat_at)
            break; /* no memory within the cap */
    }
    rows_keep(g, &l);
    /* Hundreds of groups: what is laid out is not kept twice. */
    arena_fini(&g->commits_arena);
    g->commits = NULL;
    g->n_commits = 0;
    arena_reset(&r->build);
}

void groups_round(struct reader *r) {
    bool any = false;
    timers_cancel(&r->wire->timers, &r->round_timer);
    if (r->closing)
        return;
    r->round_us = wire_now_us();
    r->rows_scratch = mem_alloc(ROWS_MAX * sizeof *r->rows_scratch);
    for (size_t i = 0; i < r->n_groups; i++) {
        struct rgroup *g = r->groups_sorted[i];
        if (g->phase != GROUP_COMMITTED)
            continue;
        rows_lay_out(r, g);
        g->phase = GROUP_ENDS;
        any = true;
    }
    free(r->rows_scratch);
    r->rows_scratch = NULL;
    if (any) {
        reader_pass(r);
        topics_ask_configs(r);
        groups_judge(r, false); /* those without rows, or whose leaders are away */
        reader_changed(r);
    }
    if (r->commits_left > 0)
        timers_set(&r->wire->timers, &r->round_timer, wire_now_us() + ROUND_AGAIN_US);
}

/* ---- judging ---- */

/* Connected, or still on its first way there: not yet a reason to call a lag unknown. */
static bool leader_answers(struct reader *r, const struct rpart *p) {
    struct rbroker *b = reader_broker(r, p->leader);
    return b != NULL && b->node.conn != NULL && !b->gone &&
           (conn_is_up(b->node.conn) || (b->node.conn->state != CONN_DOWN && b->why[0] == '\0'));
}

static bool part_fresh(const struct rpart *p, int64_t commits_us) {
    return p->end_seen_us >= commits_us && p->start_seen_us >= commits_us;
}

static bool group_ready(struct reader *r, const struct rgroup *g) {
    struct rtopic *t = NULL;
    const uint8_t *name = NULL;
    for (int32_t i = 0; i < g->next.n; i++) {
        const struct model_lag *row = &g->next.v[i];
        if (row->topic.p != name) {
            name = row->topic.p;
            t = topics_find(r, row->topic);
        }
        if (t != NULL && !t->configs_known && r->configs_busy)
            return false;
        struct rpart *p = t != NULL ? topic_part(t, row->partition) : NULL;
        if (p != NULL && !part_fresh(p, g->commits_us) && leader_answers(r, p))
            return false;
    }
    return true;
}

static void group_trouble(struct rgroup *g, int64_t before, bool had, bool lost, bool ahead) {
    if (!had || g->lag.v <= before)
        g->growing = 0;
    else if (g->growing++ == 0)
        g->growing_us = g->lag_us;
    bool members = g->n_members > 0;
    bool balancing = slice_is(g->state, "PreparingRebalance") || slice_is(g->state, "CompletingRebalance");
    /* Between two commits every lag grows. */
    bool grows = g->growing >= GROWING && g->lag_us - g->growing_us >= STEPS_STILL_US;
    if (lost || grows || (ahead && members))
        g->trouble = TROUBLE_BAD;
    else if (balancing || ahead || (!members && g->described && g->lag.v > 0))
        g->trouble = TROUBLE_SOON;
    else
        g->trouble = TROUBLE_NONE;
}

struct tally {
    int64_t lag, commits;
    int32_t n_commits, n_known;
    bool lost, ahead, unknown, rated;
    double in;
};

static void row_judge(struct reader *r, struct rgroup *g, struct model_lag *row, struct rtopic *t, struct tally *sum) {
    struct rpart *p = t != NULL ? topic_part(t, row->partition) : NULL;
    if (p != NULL && part_fresh(p, g->commits_us)) {
        row->start = p->start.state == VALUE_KNOWN ? p->start.v : -1;
        row->end = p->end.state == VALUE_KNOWN ? p->end.v : -1;
        row->at_us = p->end.at_us;
    }
    lag_judge(row, t != NULL && t->compacted);
    if (p != NULL && p->in.state == VALUE_KNOWN) {
        sum->in += p->in.v;
        sum->rated = true;
    }
    if (row->committed >= 0) {
        sum->commits += row->committed;
        sum->n_commits++;
    }
    (void)r;
    sum->lost |= row->kind == LAG_BELOW_START;
    sum->ahead |= row->kind == LAG_BEYOND_END;
    sum->unknown |= row->kind == LAG_UNKNOWN;
    if (row->lag >= 0) {
        sum->lag += row->lag;
        sum->n_known++;
    }
}

/* The next row of another topic. */
static int32_t topic_after(const struct rrows *rows, int32_t i) {
    const uint8_t *name = rows->v[i].topic.p;
    while (i < rows->n && rows->v[i].topic.p == name)
        i++;
    return i;
}

static bool same_topics(const struct rrows *x, const struct rrows *y) {
    int32_t i = 0, k = 0;
    while (i < x->n && k < y->n && slice_eq(x->v[i].topic, y->v[k].topic)) {
        i = topic_after(x, i);
        k = topic_after(y, k);
    }
    return i == x->n && k == y->n;
}

static void group_judge(struct reader *r, struct rgroup *g) {
    struct tally sum = {0};
    struct rtopic *t = NULL;
    const uint8_t *name = NULL;
    for (int32_t i = 0; i < g->next.n; i++) {
        if (g->next.v[i].topic.p != name) {
            name = g->next.v[i].topic.p;
            t = topics_find(r, g->next.v[i].topic);
        }
        row_judge(r, g, &g->next.v[i], t, &sum);
        lag_add(&g->next.sum, &g->next.v[i]);
    }
    int64_t now = wire_now_us(), before = g->lag.v;
    bool had = g->lag.state == VALUE_KNOWN;
    if (g->rows.history != NULL)
        *g->next.history = *g->rows.history;
    bool other_topics = !same_topics(&g->rows, &g->next);
    shared_unref(g->rows.in);
    g->rows = g->next;
    g->next = (struct rrows){0};
    g->phase = GROUP_IDLE;
    g->lag_us = now;
    if (sum.unknown)
        g->lag.state = VALUE_FAILED;
    else if (sum.n_known == 0)
        g->lag = (struct value){0, now, VALUE_NONE};
    else
        g->lag = (struct value){sum.lag, now, VALUE_KNOWN};
    if (g->lag.state == VALUE_KNOWN)
        history_push(g->rows.history, (double)sum.lag);
    g->in = sum.rated ? (struct rate){sum.in, VALUE_KNOWN} : (struct rate){0, VALUE_WANTED};
    if (g->n_summed != sum.n_commits)
        g->commits_sum = (struct steps){0};
    g->n_summed = sum.n_commits;
    steps_take(&g->commits_sum, sum.commits, g->commits_us);
    group_trouble(g, before, had, sum.lost, sum.ahead);
    r->group_topics_changed |= other_topics;
}

void groups_judge(struct reader *r, bool all) {
    for (size_t i = 0; i < r->n_groups; i++) {
        struct rgroup *g = r->groups_sorted[i];
        if (g->phase == GROUP_ENDS && (all || group_ready(r, g)))
            group_judge(r, g);
    }
}

/* ---- the tick ---- */

/* How many groups have to do with each topic. */
static void count_topic_groups(struct reader *r) {
    for (size_t i = 0; i < r->n_topics; i++)
        r->topics_sorted[i]->n_groups = 0;
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct rgroup *g = r->groups_sorted[i];
        for (int32_t k = 0; k < g->rows.n; k = topic_after(&g->rows, k)) {
            struct rtopic *t = topics_find(r, g->rows.v[k].topic);
            if (t != NULL)
                t->n_groups++;
        }
    }
}

void groups_count_topics(struct reader *r) {
    if (r->group_topics_changed)
        count_topic_groups(r);
    r->group_topics_changed = false;
}

void groups_tick(struct reader *r) {
    int64_t now = wire_now_us();
    /* A script asks once and has no next refresh in which a late answer would show. */
    int64_t patience = r->client->config.once ? CONN_ANSWER_US : reader_interval(r);
    double out = 0;
    bool any = false;
    for (size_t i = 0; i < r->n_groups; i++) {
        struct rgroup *g = r->groups_sorted[i];
        if (g->phase == GROUP_ENDS && now - g->commits_us >= patience)
            group_judge(r, g);
        else if (g->phase == GROUP_READING && now - g->asked_us > 2 * CONN_ANSWER_US)
            g->phase = GROUP_IDLE; /* its broker answered, but not about this group */
        if (g->commits_sum.rate.state == VALUE_KNOWN) {
            out += g->commits_sum.rate.v;
            any = true;
        }
    }
    if (any)
        r->out = (struct rate){out, VALUE_KNOWN};
    groups_count_topics(r);
}
