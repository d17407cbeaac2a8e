/* weir groups list, describe, delete.  Main thread. */
#include "tui/cli/change.h"
#include "tui/cli/groups.h"
#include "tui/cli/kafka_tool.h"
#include "tui/cli/names.h"

#include <stdlib.h>

/* ---- reading ---- */

struct look {                         /* a command that reads */
    struct session s;
    struct names names;
    struct chosen chosen;             /* of --topic */
    struct out out;
};

bool groups_are_here(struct session *s) {
    return s->snapshot != NULL && s->snapshot->groups_state != VALUE_WANTED &&
           s->snapshot->link != LINK_DOWN;      /* down: session_wait says why */
}

bool group_is_read(const struct model_group *g) {
    return g->error != 0 || (g->lag.state != VALUE_WANTED && g->n_members.state != VALUE_WANTED);
}

static bool lags_are_here(struct session *s, void *ctx) {
    struct look *l = ctx;
    if (!groups_are_here(s))
        return false;
    for (int32_t i = 0; i < s->snapshot->groups.n; i++) {
        const struct model_group *g = &s->snapshot->groups.v[i];
        if (!group_is_read(g) && names_have(&l->names, g->id))
            return false;
    }
    return true;
}

static const struct out_column list_columns[] = {
    {"group", "GROUP", false}, {"group_state", "STATE", false}, {"group_type", NULL, false},
    {"protocol_type", NULL, false}, {"members", "MEMBERS", true}, {"topics", "TOPICS", true}, {"lag", "LAG", true},
    {"coordinator", "COORDINATOR", true},
};

static void print_group(struct look *l, const struct model_group *g) {
    out_text(&l->out, g->id);
    out_text(&l->out, g->state);
    out_text(&l->out, g->type);
    out_text(&l->out, g->protocol_type);
    out_value(&l->out, &g->n_members);
    out_value(&l->out, &g->n_topics);
    out_value(&l->out, &g->lag);
    out_number(&l->out, g->coordinator);
}

static const struct out_column lag_columns[] = {
    {"group", "GROUP", false}, {"topic", "TOPIC", false}, {"partition", "P", true}, {"committed", "COMMITTED", true},
    {"start", "START", true}, {"end", "END", true}, {"lag", "LAG", true}, {"kind", "KIND", false},
    {"lost", "LOST", true}, {"ahead", "AHEAD", true}, {"readable", NULL, true}, {"member", NULL, false},
    {"client_id", "CLIENT", false}, {"host", "HOST", false},
};

/* Records that the group could still read: from its commit, or from the log start, to the end. */
static int64_t readable(const struct model_lag *row) {
    int64_t from = row->committed > row->start ? row->committed : row->start;
    return row->end > from ? row->end - from : 0;
}

static void print_lag(struct out *out, const struct model_group *g, const struct model_lag *row) {
    static const struct model_member nobody;
    bool assigned = row->member >= 0 && row->member < g->members.n;
    const struct model_member *m = assigned ? &g->members.v[row->member] : &nobody;
    out_text(out, g->id);
    out_text(out, row->topic);
    out_number(out, row->partition);
    out_known(out, row->committed >= 0, row->committed);
    out_known(out, row->start >= 0, row->start);
    out_known(out, row->end >= 0, row->end);
    out_known(out, row->kind == LAG_EXACT || row->kind == LAG_UPPER_BOUND, row->lag);
    out_text(out, slice_cstr(lag_kind_name(row->kind)));
    out_known(out, row->kind == LAG_BELOW_START, row->lost);
    out_known(out, row->kind == LAG_BEYOND_END, row->ahead);
    out_known(out, row->start >= 0 && row->end >= 0, readable(row));
    out_text(out, m->id);
    out_text(out, m->client_id);
    out_text(out, m->host);
}

static void print_lags(struct look *l, const struct model_group *g) {
    for (int32_t r = 0; r < g->rows.n; r++)
        if (chosen_has(&l->chosen, g->rows.v[r].topic, g->rows.v[r].partition))
            print_lag(&l->out, g, &g->rows.v[r]);
}

static const struct out_column member_columns[] = {
    {"group", "GROUP", false}, {"member", "MEMBER", false}, {"client_id", "CLIENT", false}, {"host", "HOST", false},
    {"group_instance_id", NULL, false}, {"partitions", "PARTITIONS", true}, {"assignment", "ASSIGNMENT", false},
};

/* "topic:0,1 other:2", as --topic takes them. */
static void print_assignment(struct out *out, const struct model_member *m) {
    struct buf text = {0};
    struct slice before = SLICE_NULL;
    for (int32_t i = 0; i < m->assigned.n; i++) {
        const struct model_assigned *a = &m->assigned.v[i];
        if (i > 0 && slice_eq(before, a->topic))
            buf_printf(&text, ",%d", a->partition);
        else
            buf_printf(&text, "%s%.*s:%d", i > 0 ? " " : "", SLICE_ARG(a->topic), a->partition);
        before = a->topic;
    }
    out_text(out, slice_of(text.n > 0 ? (const void *)text.p : "", text.n));
    buf_fini(&text);
}

static void print_members(struct look *l, const struct model_group *g) {
    for (int32_t i = 0; i < g->members.n; i++) {
        const struct model_member *m = &g->members.v[i];
        out_text(&l->out, g->id);
        out_text(&l->out, m->id);
        out_text(&l->out, m->client_id);
        out_text(&l->out, m->host);
        out_text(&l->out, m->instance_id);
        out_number(&l->out, m->assigned.n);
        print_assignment(&l->out, m);
    }
}

typedef void print_fn(struct look *l, const struct model_group *g);

static bool is_half_known(const struct model_group *g) {
    bool unknown = g->lag.state == VALUE_FAILED || g->n_members.state == VALUE_FAILED;
    for (int32_t i = 0; i < g->rows.n && !unknown; i++)
        unknown = g->rows.v[i].kind == LAG_UNKNOWN;
    return unknown;
}

/* False: a group was not, or not wholly, read; it is told with its reason. */
static bool print_groups(struct look *l, print_fn *print) {
    const struct snapshot *now = l->s.snapshot;
    struct complaints c = {0};
    for (int32_t i = 0; i < now->groups.n; i++) {
        const struct model_group *g = &now->groups.v[i];
        if (!names_have(&l->names, g->id))
            continue;
        print(l, g);
        if (g->error != 0)
            complaints_add(&c, "group %.*s: %.*s", SLICE_ARG(g->id), SLICE_ARG(g->why));
        else if (is_half_known(g))
            complaints_add(&c, "group %.*s: not all of it is known%s%.*s", SLICE_ARG(g->id), g->why.n > 0 ? ": " : "",
                           SLICE_ARG(g->why));
    }
    return complaints_end(&c, "group");
}

/* A broker that does not answer may coordinate groups that nobody else knows. */
static bool lists_are_whole(const struct session *s) {
    for (int32_t i = 0; i < s->snapshot->brokers.n; i++)
        if (s->snapshot->brokers.v[i].groups.state == VALUE_FAILED) {
            cli_complain("groups that a silent broker coordinates are missing here");
            return false;
        }
    return true;
}

static int look(const struct cli_options *o, print_fn *print, const struct out_column *columns, size_t n_columns) {
    struct look l;
    int code = EXIT_FAILED;
    if (!chosen_init(&l.chosen, o))
        return EXIT_WRONG_USAGE;
    if (!names_init(&l.names, o)) {
        chosen_fini(&l.chosen);
        return EXIT_WRONG_USAGE;
    }
    if (session_open(&l.s, o)) {
        struct client_interest interest = {.all_groups = names_open(&l.names)};
        if (!interest.all_groups) {
            interest.groups = l.names.v;
            interest.n_groups = l.names.n;
        }
        client_set_interest(l.s.client, &interest);
        if (session_wait(&l.s, lags_are_here, &l, "groups")) {
            out_begin(&l.out, o);
            out_section(&l.out, NULL, columns, n_columns);
            bool good = print_groups(&l, print);
            code = out_end(&l.out);
            bool found = names_all_found(&l.names, "group");
            if (found)                /* else nobody knows what the others would have had */
                found = chosen_all_found(&l.chosen);
            if (!found || names_open(&l.names))
                found = lists_are_whole(&l.s) && found;
            if (!found || !good) {
                session_complain_brokers(&l.s);
                code = EXIT_FAILED;
            }
        }
        session_close(&l.s);
    }
    names_fini(&l.names);
    chosen_fini(&l.chosen);
    return code;
}

int groups_list(const struct cli_options *o) { return look(o, print_group, OUT_COLUMNS(list_columns)); }

int groups_describe(const struct cli_options *o) {
    if (o->members && o->topics.n > 0) {
        cli_complain("groups describe: --topic says of which partitions, --members shows none");
        return EXIT_WRONG_USAGE;
    }
    if (o->members)
        return look(o, print_members, OUT_COLUMNS(member_columns));
    return look(o, print_lags, OUT_COLUMNS(lag_columns));
}

/* ---- deleting ---- */

int groups_delete(const struct cli_options *o) {
    for (size_t i = 0; o->explain && i < o->arguments.n; i++) {
        struct tool t;
        tool_begin(&t, o, "kafka-consumer-groups.sh");
        tool_word(&t, "--delete");
        tool_option(&t, "--group", o->arguments.v[i]);
        tool_print(&t);
    }
    if (o->explain)
        return EXIT_OK;
    return change_delete(o, ACTION_DELETE_GROUP, "delete group", " and its commits");
}
