/* weir groups list, describe, reset, delete.  Main thread. */
#include "tui/cli/kafka_tool.h"
#include "tui/cli/output.h"

#include <stdlib.h>
#include <time.h>

/* ---- reading ---- */

static bool is_asked(const struct cli_options *o, const struct model_group *g) {
    if (o->arguments.n == 0)
        return true;
    for (size_t i = 0; i < o->arguments.n; i++)
        if (slice_is(g->id, o->arguments.v[i]))
            return true;
    return false;
}

static bool lags_are_here(struct session *s, void *ctx) {
    (void)ctx;
    if (s->snapshot == NULL || s->snapshot->groups_state == VALUE_WANTED || s->snapshot->link == LINK_DOWN)
        return false;                 /* down: session_wait says why */
    for (int32_t i = 0; i < s->snapshot->groups.n; i++) {
        const struct model_group *g = &s->snapshot->groups.v[i];
        if (is_asked(s->options, g) && g->error == 0 &&
            (g->lag.state == VALUE_WANTED || g->n_members.state == VALUE_WANTED))
            return false;
    }
    return true;
}

static void want_groups(struct session *s) {
    const struct opt_words *w = &s->options->arguments;
    struct slice *ids = mem_alloc((w->n + 1) * sizeof *ids);
    for (size_t i = 0; i < w->n; i++)
        ids[i] = slice_cstr(w->v[i]);
    struct client_interest interest = {.groups = ids, .n_groups = w->n, .all_groups = w->n == 0};
    client_set_interest(s->client, &interest);
    free(ids);
}

/* True when all are there; a group that could not be read is told with its reason. */
static bool all_found(struct session *s) {
    bool all = true;
    for (size_t i = 0; i < s->options->arguments.n; i++) {
        const char *id = s->options->arguments.v[i];
        const struct model_group *g = snapshot_group(s->snapshot, slice_cstr(id));
        if (g == NULL)
            cli_complain("no group %s here", id);
        else if (g->error != 0)
            cli_complain("group %s: %.*s", id, SLICE_ARG(g->why));
        all = all && g != NULL && g->error == 0;
    }
    return all;
}

static const struct out_column list_columns[] = {
    {"group", "GROUP", false}, {"group_state", "STATE", false}, {"group_type", NULL, false},
    {"protocol_type", NULL, false}, {"members", "MEMBERS", true}, {"topics", "TOPICS", true}, {"lag", "LAG", true},
    {"coordinator", "COORDINATOR", true},
};

int groups_list(const struct cli_options *o) {
    struct session s;
    struct out out;
    int code = EXIT_FAILED;
    if (!session_open(&s, o))
        return code;
    want_groups(&s);
    if (session_wait(&s, lags_are_here, NULL, "groups")) {
        out_begin(&out, o);
        out_section(&out, NULL, list_columns, sizeof list_columns / sizeof *list_columns);
        for (int32_t i = 0; i < s.snapshot->groups.n; i++) {
            const struct model_group *g = &s.snapshot->groups.v[i];
            if (!is_asked(o, g))
                continue;
            out_text(&out, g->id);
            out_text(&out, g->state);
            out_text(&out, g->type);
            out_text(&out, g->protocol_type);
            out_value(&out, &g->n_members);
            out_value(&out, &g->n_topics);
            out_value(&out, &g->lag);
            out_number(&out, g->coordinator);
        }
        code = out_end(&out);
        if (!all_found(&s))
            code = EXIT_FAILED;
    }
    session_close(&s);
    return code;
}

static const struct out_column lag_columns[] = {
    {"group", "GROUP", false}, {"topic", "TOPIC", false}, {"partition", "P", true}, {"committed", "COMMITTED", true},
    {"start", "START", true}, {"end", "END", true}, {"lag", "LAG", true}, {"kind", "KIND", false},
    {"lost", "LOST", true}, {"ahead", "AHEAD", true}, {"readable", NULL, true}, {"member", NULL, false},
    {"client_id", "CLIENT", false}, {"host", "HOST", false},
};

static void known(struct out *out, bool is_known, int64_t v) {
    if (is_known)
        out_number(out, v);
    else
        out_null(out);
}

/* Records that the group could still read: from its commit, or from the log start, to the end. */
static int64_t readable(const struct model_lag *row) {
    int64_t from = row->committed > row->start ? row->committed : row->start;
    return row->end > from ? row->end - from : 0;
}

static void print_lag(struct out *out, const struct model_group *g, const struct model_lag *row) {
    bool offsets = row->start >= 0 && row->end >= 0;
    out_text(out, g->id);
    out_text(out, row->topic);
    out_number(out, row->partition);
    known(out, row->committed >= 0, row->committed);
    known(out, row->start >= 0, row->start);
    known(out, row->end >= 0, row->end);
    known(out, row->kind == LAG_EXACT || row->kind == LAG_UPPER_BOUND, row->lag);
    out_text(out, slice_cstr(lag_kind_name(row->kind)));
    known(out, row->kind == LAG_BELOW_START, row->lost);
    known(out, row->kind == LAG_BEYOND_END, row->ahead);
    known(out, offsets, readable(row));
    if (row->member >= 0 && row->member < g->members.n) {
        const struct model_member *m = &g->members.v[row->member];
        out_text(out, m->id);
        out_text(out, m->client_id);
        out_text(out, m->host);
    } else {
        out_null(out);
        out_null(out);
        out_null(out);
    }
}

int groups_describe(const struct cli_options *o) {
    struct session s;
    struct out out;
    int code = EXIT_FAILED;
    if (!session_open(&s, o))
        return code;
    want_groups(&s);
    if (session_wait(&s, lags_are_here, NULL, "groups")) {
        out_begin(&out, o);
        out_section(&out, NULL, lag_columns, sizeof lag_columns / sizeof *lag_columns);
        for (int32_t i = 0; i < s.snapshot->groups.n; i++) {
            const struct model_group *g = &s.snapshot->groups.v[i];
            for (int32_t r = 0; is_asked(o, g) && r < g->rows.n; r++)
                print_lag(&out, g, &g->rows.v[r]);
        }
        code = out_end(&out);
        if (!all_found(&s))
            code = EXIT_FAILED;
    }
    session_close(&s);
    return code;
}

/* ---- changing ---- */

static const struct out_column result_columns[] = {
    {"group", "GROUP", false}, {"action", "ACTION", false}, {"ok", "OK", false}, {"error_code", NULL, true},
    {"message", "MESSAGE", false},
};

static bool act_and_print(struct session *s, struct out *out, const struct client_action *a, const char *word) {
    struct client_event *ev = session_act(s, a);
    if (ev == NULL)
        return false;
    out_text(out, slice_cstr(a->name));
    out_text(out, slice_cstr(word));
    out_bool(out, ev->ok);
    out_number(out, ev->error);
    out_text(out, slice_cstr(ev->text));
    bool good = ev->ok;
    client_event_free(ev);
    return good;
}

int groups_delete(const struct cli_options *o) {
    struct session s;
    struct out out;
    if (o->explain) {
        for (size_t i = 0; i < o->arguments.n; i++) {
            struct tool t;
            tool_begin(&t, o, "kafka-consumer-groups.sh");
            tool_word(&t, "--delete");
            tool_option(&t, "--group", o->arguments.v[i]);
            tool_print(&t);
        }
        return EXIT_OK;
    }
    for (size_t i = 0; i < o->arguments.n; i++) {
        char what[400];
        snprintf(what, sizeof what, "delete group %s and its commits", o->arguments.v[i]);
        if (!cli_confirmed(o, what, o->arguments.v[i]))
            return EXIT_FAILED;
    }
    if (!session_open(&s, o))
        return EXIT_FAILED;
    bool good = true;
    out_begin(&out, o);
    out_section(&out, NULL, result_columns, sizeof result_columns / sizeof *result_columns);
    for (size_t i = 0; i < o->arguments.n; i++) {
        struct client_action a = {.kind = ACTION_DELETE_GROUP, .name = o->arguments.v[i]};
        good = act_and_print(&s, &out, &a, "delete") && good;
    }
    int code = out_end(&out);
    session_close(&s);
    return good ? code : EXIT_FAILED;
}

/* ---- reset ---- */

enum aim_kind { AIM_EARLIEST, AIM_LATEST, AIM_OFFSET, AIM_SHIFT, AIM_TIME };
struct aim {
    enum aim_kind kind;
    int64_t v;                       /* offset, shift, or ms */
    struct client_event *found;      /* AIM_TIME: the offsets */
};

static bool read_aim(const struct cli_options *o, struct aim *out) {
    const char *text = o->to_datetime != NULL ? o->to_datetime : o->to;
    struct timespec now;
    if (text == NULL || (o->to != NULL && o->to_datetime != NULL))
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    if (text_time(text, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, &out->v)) {
        out->kind = AIM_TIME;
        return true;
    }
    if (o->to_datetime != NULL)
        return false;
    if (strcmp(text, "earliest") == 0 || strcmp(text, "latest") == 0) {
        out->kind = *text == 'e' ? AIM_EARLIEST : AIM_LATEST;
        return true;
    }
    out->kind = *text == '+' || *text == '-' ? AIM_SHIFT : AIM_OFFSET;
    return opts_number(text, INT64_MIN / 2, INT64_MAX / 2, &out->v);
}

/* "topic" or "topic:0,2" names this partition. */
static bool topic_word_has(const char *word, const struct model_lag *row) {
    const char *colon = strrchr(word, ':');
    size_t n = colon == NULL ? strlen(word) : (size_t)(colon - word);
    if (!slice_eq(row->topic, slice_of(word, n)))
        return false;
    if (colon == NULL)
        return true;
    for (const char *at = colon + 1; *at != '\0';) {
        char *end;
        long p = strtol(at, &end, 10);
        if (end == at)
            return false;
        if (p == row->partition)
            return true;
        at = *end == ',' ? end + 1 : end;
    }
    return false;
}

static bool row_is_chosen(const struct cli_options *o, const struct model_lag *row) {
    for (size_t i = 0; i < o->topics.n; i++)
        if (topic_word_has(o->topics.v[i], row))
            return true;
    return o->topics.n == 0;
}

/* The offsets of AIM_TIME for all chosen rows; false: said why. */
static bool find_by_time(struct session *s, struct aim *aim, const struct model_group *g) {
    struct client_offset *v = mem_alloc(((size_t)g->rows.n + 1) * sizeof *v);
    struct arena names;
    size_t n = 0;
    arena_init(&names, SIZE_MAX);
    for (int32_t i = 0; i < g->rows.n; i++) {
        const struct model_lag *row = &g->rows.v[i];
        if (row_is_chosen(s->options, row) && row->end >= 0)
            v[n++] = (struct client_offset){
                (const char *)arena_printf(&names, "%.*s", SLICE_ARG(row->topic)).p, row->partition, aim->v};
    }
    struct client_action a = {.kind = ACTION_OFFSETS_AT_TIME, .name = s->options->arguments.v[0], .offsets = v,
                              .n_offsets = n};
    aim->found = n > 0 ? session_act(s, &a) : NULL;
    if (aim->found != NULL && !aim->found->ok)
        cli_complain("%s", aim->found->text);
    arena_fini(&names);
    free(v);
    return n == 0 || (aim->found != NULL && aim->found->ok);
}

/* Kafka's tools do the same: past the last record of that time is the end. */
static int64_t target_by_time(const struct aim *a, const struct model_lag *row) {
    for (size_t i = 0; a->found != NULL && i < a->found->n_places; i++) {
        const struct client_place *p = &a->found->places[i];
        if (p->partition == row->partition && slice_is(row->topic, p->topic))
            return p->offset < 0 ? row->end : p->offset;
    }
    return -1;
}

/* Where the row goes: inside the log, whatever was asked; -1 when its offsets are not known. */
static int64_t target(const struct aim *a, const struct model_lag *row) {
    if (row->start < 0 || row->end < 0)
        return -1;
    int64_t v = a->v;
    if (a->kind == AIM_EARLIEST)
        v = row->start;
    else if (a->kind == AIM_LATEST)
        v = row->end;
    else if (a->kind == AIM_SHIFT)
        v = (row->committed >= 0 ? row->committed : row->start) + a->v;
    else if (a->kind == AIM_TIME && (v = target_by_time(a, row)) < 0)
        return -1;
    return v < row->start ? row->start : v > row->end ? row->end : v;
}

static const struct out_column reset_columns[] = {
    {"group", "GROUP", false}, {"topic", "TOPIC", false}, {"partition", "P", true}, {"committed", "FROM", true},
    {"new_offset", "TO", true}, {"start", "START", true}, {"end", "END", true},
};

/* Prints what would happen and collects it; the names live as long as the snapshot's copy in `names`. */
static size_t preview(struct session *s, const struct model_group *g, const struct aim *aim, struct out *out,
                      struct client_offset *v, struct arena *names) {
    size_t n = 0;
    for (int32_t i = 0; i < g->rows.n; i++) {
        const struct model_lag *row = &g->rows.v[i];
        int64_t to = target(aim, row);
        if (!row_is_chosen(s->options, row))
            continue;
        out_text(out, g->id);
        out_text(out, row->topic);
        out_number(out, row->partition);
        known(out, row->committed >= 0, row->committed);
        known(out, to >= 0, to);
        known(out, row->start >= 0, row->start);
        known(out, row->end >= 0, row->end);
        if (to >= 0)
            v[n++] = (struct client_offset){
                (const char *)arena_printf(names, "%.*s", SLICE_ARG(row->topic)).p, row->partition, to};
    }
    return n;
}

/* As Kafka's tools read it, in UTC. */
static const char *tool_time(int64_t ms, char *out, size_t out_size) {
    time_t t = (time_t)(ms / 1000);
    struct tm tm;
    char second[24];
    strftime(second, sizeof second, "%Y-%m-%dT%H:%M:%S", gmtime_r(&t, &tm));
    snprintf(out, out_size, "%s.%03dZ", second, (int)(ms % 1000 < 0 ? 0 : ms % 1000));
    return out;
}

static int explain_reset(const struct cli_options *o, const struct aim *aim) {
    struct tool t;
    char text[24], when[40];
    tool_begin(&t, o, "kafka-consumer-groups.sh");
    tool_word(&t, "--reset-offsets");
    tool_option(&t, "--group", o->arguments.v[0]);
    if (o->topics.n == 0)
        tool_word(&t, "--all-topics");
    for (size_t i = 0; i < o->topics.n; i++)
        tool_option(&t, "--topic", o->topics.v[i]);
    snprintf(text, sizeof text, "%lld", (long long)aim->v);
    if (aim->kind == AIM_EARLIEST)
        tool_word(&t, "--to-earliest");
    else if (aim->kind == AIM_LATEST)
        tool_word(&t, "--to-latest");
    else if (aim->kind == AIM_TIME)
        tool_option(&t, "--to-datetime", tool_time(aim->v, when, sizeof when));
    else
        tool_option(&t, aim->kind == AIM_SHIFT ? "--shift-by" : "--to-offset", text);
    tool_word(&t, "--execute");
    tool_print(&t);
    return EXIT_OK;
}

static int reset_offsets(struct session *s, struct aim *aim) {
    const struct cli_options *o = s->options;
    const char *id = o->arguments.v[0];
    struct out out;
    struct arena names;
    struct snapshot *held = s->snapshot; /* looking up by time may bring a newer one */
    const struct model_group *g = snapshot_group(snapshot_ref(held), slice_cstr(id));
    if (aim->kind == AIM_TIME && !find_by_time(s, aim, g)) {
        snapshot_unref(held);
        return EXIT_FAILED;
    }
    struct client_offset *v = mem_alloc(((size_t)g->rows.n + 1) * sizeof *v);
    char what[400];
    arena_init(&names, SIZE_MAX);
    out_begin(&out, o);
    out_section(&out, NULL, reset_columns, sizeof reset_columns / sizeof *reset_columns);
    size_t n = preview(s, g, aim, &out, v, &names);
    int code = out_end(&out);
    snprintf(what, sizeof what, "reset %zu offsets of group %s", n, id);
    if (n == 0) {
        cli_complain("group %s: no offset to reset", id);
        code = EXIT_FAILED;
    } else if (!cli_confirmed(o, what, id)) {
        code = EXIT_FAILED;
    } else {
        struct client_action a = {.kind = ACTION_RESET_OFFSETS, .name = id, .offsets = v, .n_offsets = n};
        struct client_event *ev = session_act(s, &a);
        if (ev == NULL || !ev->ok) {
            cli_complain("group %s: %s", id, ev != NULL ? ev->text : "no answer");
            code = EXIT_FAILED;
        }
        client_event_free(ev);
    }
    arena_fini(&names);
    free(v);
    client_event_free(aim->found);
    snapshot_unref(held);
    return code;
}

int groups_reset(const struct cli_options *o) {
    struct session s;
    struct aim aim = {0};
    int code = EXIT_FAILED;
    if (o->arguments.n != 1 || !read_aim(o, &aim)) {
        cli_complain("groups reset: one group, and --to earliest, latest, an offset, +N, -N, or a time (10m, "
                     "2026-01-31T12:00:00) as --to-datetime takes it too");
        return EXIT_WRONG_USAGE;
    }
    if (o->explain)
        return explain_reset(o, &aim);
    if (!session_open(&s, o))
        return code;
    want_groups(&s);
    if (session_wait(&s, lags_are_here, NULL, "groups") && all_found(&s))
        code = reset_offsets(&s, &aim);
    session_close(&s);
    return code;
}
