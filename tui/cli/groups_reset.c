/* weir groups reset: where a group goes on.
 *
 *   rows: what the group has commits for or is assigned, narrowed by --topic, and
 *   the partitions of those topics that it has no commits for yet
 *   -> a target for each, inside its log -> shown -> agreed to -> committed
 *
 * A group that is not there yet comes to be by its first commits, where --topic
 * says for what.  Main thread. */
#include "tui/cli/groups.h"
#include "tui/cli/kafka_tool.h"
#include "tui/cli/output.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* ---- which partitions ---- */

static int by_number(const void *a, const void *b) {
    int32_t x = ((const struct chosen_partition *)a)->index, y = ((const struct chosen_partition *)b)->index;
    return (x > y) - (x < y);
}

/* "TOPIC" or "TOPIC:P,..."; a topic's name has no colon. */
static bool read_word(struct chosen_topic *t, const char *word) {
    const char *at = word + strcspn(word, ":");
    t->name = slice_of(word, (size_t)(at - word));
    t->all = *at == '\0';
    while (*at != '\0') {
        char *end;
        errno = 0;
        long p = strtol(++at, &end, 10);
        bool digit = *at >= '0' && *at <= '9';
        if (!digit || (*end != ',' && *end != '\0') || errno != 0 || p > INT32_MAX)
            return false;
        t->v = mem_realloc(t->v, (t->n + 1) * sizeof *t->v);
        t->v[t->n++] = (struct chosen_partition){.index = (int32_t)p};
        at = end;
    }
    if (t->n > 0)
        qsort(t->v, t->n, sizeof *t->v, by_number);
    return true;
}

bool chosen_init(struct chosen *c, const struct cli_options *o) {
    *c = (struct chosen){.v = mem_zalloc((o->topics.n + 1) * sizeof *c->v)};
    for (; c->n < o->topics.n; c->n++)
        if (!read_word(&c->v[c->n], o->topics.v[c->n])) {
            cli_complain("--topic: %s is not TOPIC or TOPIC:P,...", o->topics.v[c->n++]);
            chosen_fini(c);
            return false;
        }
    return true;
}

void chosen_fini(struct chosen *c) {
    for (size_t i = 0; i < c->n; i++)
        free(c->v[i].v);
    free(c->v);
    *c = (struct chosen){0};
}

/* Who is named twice is found twice. */
static bool topic_has(struct chosen_topic *t, int32_t partition) {
    struct chosen_partition key = {.index = partition};
    struct chosen_partition *p = t->all ? NULL : bsearch(&key, t->v, t->n, sizeof *t->v, by_number);
    t->found = true;
    if (p == NULL)
        return t->all;
    for (; p > t->v && p[-1].index == partition; p--)
        ;
    for (; p < t->v + t->n && p->index == partition; p++)
        p->found = true;
    return true;
}

bool chosen_has(struct chosen *c, struct slice topic, int32_t partition) {
    bool has = c->n == 0;
    for (size_t i = 0; i < c->n; i++)
        if (slice_eq(c->v[i].name, topic))
            has = topic_has(&c->v[i], partition) || has;
    return has;
}

bool chosen_all_found(const struct chosen *chosen) {
    struct complaints c = {0};
    for (size_t i = 0; i < chosen->n; i++) {
        const struct chosen_topic *t = &chosen->v[i];
        if (!t->found)
            complaints_add(&c, "--topic: nothing of %.*s here", SLICE_ARG(t->name));
        for (size_t k = 0; t->found && k < t->n; k++)
            if (!t->v[k].found)
                complaints_add(&c, "--topic: no partition %d of %.*s here", t->v[k].index, SLICE_ARG(t->name));
    }
    return complaints_end(&c, "topic");
}

/* ---- where to ---- */

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
    bool first = cli_is_beginning(text);
    if (first || cli_is_end(text)) {
        out->kind = first ? AIM_EARLIEST : AIM_LATEST;
        return true;
    }
    out->kind = *text == '+' || *text == '-' ? AIM_SHIFT : AIM_OFFSET;
    return opts_number(text, INT64_MIN / 2, INT64_MAX / 2, &out->v);
}

/* ---- rows ---- */

struct reset {
    struct session s;
    struct aim aim;
    const char *id;
    struct chosen chosen;            /* of --topic */
    struct snapshot *held;           /* the rows' names live in it */
    struct model_lag *rows;          /* the chosen ones */
    size_t n;
};

static const struct model_topic *topic_named(const struct reset *r, size_t i) {
    return snapshot_topic(r->s.snapshot, r->chosen.v[i].name);
}

/* The group's members and commits, and the ends of the topics that --topic names. */
static bool all_is_here(struct session *s, void *ctx) {
    struct reset *r = ctx;
    if (!groups_are_here(s) || s->snapshot->topics_state != VALUE_KNOWN)
        return false;
    const struct model_group *g = snapshot_group(s->snapshot, slice_cstr(r->id));
    bool here = g == NULL || group_is_read(g);
    for (size_t i = 0; here && i < r->chosen.n; i++) {
        const struct model_topic *t = topic_named(r, i);
        here = t == NULL || t->error != 0 || t->messages.state != VALUE_WANTED;
    }
    return here;
}

static bool wait_for_all(struct reset *r) {
    const struct chosen *c = &r->chosen;
    struct slice id = slice_cstr(r->id), *topics = mem_alloc((c->n + 1) * sizeof *topics);
    for (size_t i = 0; i < c->n; i++)
        topics[i] = c->v[i].name;
    struct client_interest interest = {.groups = &id, .n_groups = 1, .topics = topics, .n_topics = c->n};
    client_set_interest(r->s.client, &interest);
    free(topics);
    return session_wait(&r->s, all_is_here, r, "groups");
}

static void rows_add(struct reset *r, struct model_lag row) {
    if (!chosen_has(&r->chosen, row.topic, row.partition))
        return;
    if ((r->n & (r->n - 1)) == 0)       /* full, as it is at each power of two */
        r->rows = mem_realloc(r->rows, (r->n == 0 ? 1 : 2 * r->n) * sizeof *r->rows);
    r->rows[r->n++] = row;
}

/* False after a complaint. */
static bool rows_choose(struct reset *r) {
    const struct chosen *c = &r->chosen;
    const struct model_group *g = snapshot_group(r->s.snapshot, slice_cstr(r->id));
    r->held = snapshot_ref(r->s.snapshot);
    if (g == NULL && c->n == 0)
        cli_complain("no group %s here; for a new one --topic says what to commit", r->id);
    else if (g != NULL && g->error != 0)
        cli_complain("group %s: %.*s", r->id, SLICE_ARG(g->why));
    if ((g == NULL && c->n == 0) || (g != NULL && g->error != 0))
        return false;
    for (int32_t i = 0; g != NULL && i < g->rows.n; i++)
        rows_add(r, g->rows.v[i]);
    for (size_t k = 0; k < c->n; k++) {
        const struct model_topic *t = topic_named(r, k);
        if (t == NULL) {
            cli_complain("no topic %.*s here", SLICE_ARG(c->v[k].name));
            return false;
        }
        for (int32_t i = 0; i < t->n_partitions; i++) {
            const struct model_partition *p = &t->partitions[i];
            rows_add(r, (struct model_lag){
                            .topic = t->name, .partition = p->index, .committed = -1, .member = -1,
                            .start = p->start.state == VALUE_KNOWN ? p->start.v : -1,
                            .end = p->end.state == VALUE_KNOWN ? p->end.v : -1,
                        });
        }
    }
    r->n = lags_unite(r->rows, r->n);   /* the group's own are the newer ones: the others have no time */
    return chosen_all_found(c);
}

/* For an action; the names go to the arena. */
static struct client_offset offset_of(const struct model_lag *row, int64_t offset, struct arena *names) {
    return (struct client_offset){(const char *)arena_printf(names, "%.*s", SLICE_ARG(row->topic)).p, row->partition,
                                  offset};
}

/* The offsets of AIM_TIME for all rows; false: said why. */
static bool find_by_time(struct reset *r, struct arena *names) {
    struct client_offset *v = mem_alloc((r->n + 1) * sizeof *v);
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        if (r->rows[i].end >= 0 && memchr(r->rows[i].topic.p, 0, r->rows[i].topic.n) == NULL)
            v[n++] = offset_of(&r->rows[i], r->aim.v, names);
    struct client_action a = {.kind = ACTION_OFFSETS_AT_TIME, .name = r->id, .offsets = v, .n_offsets = n};
    struct client_event *ev = n > 0 ? session_act(&r->s, &a) : NULL;
    if (ev != NULL && !ev->ok)
        cli_complain("%s", ev->text);
    r->aim.found = ev;
    free(v);
    return n == 0 || (ev != NULL && ev->ok);
}

/* Kafka's tools do the same: past the last record of that time is the end. */
static int64_t target_by_time(const struct aim *a, const struct model_lag *row) {
    const struct client_event *ev = a->found;
    const struct client_place *p =
        ev != NULL ? client_place_find(ev->places, ev->n_places, row->topic, row->partition) : NULL;
    return p == NULL ? -1 : p->offset < 0 ? row->end : p->offset;
}

/* Where the row goes: inside the log, whatever was asked; -1 when its offsets are not known, or when its topic's
 * name has a zero byte: an action takes names as C does, and would find another topic. */
static int64_t target(const struct aim *a, const struct model_lag *row) {
    if (row->start < 0 || row->end < 0 || memchr(row->topic.p, 0, row->topic.n) != NULL)
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

/* Prints what would happen and collects it. */
static size_t preview(struct reset *r, struct out *out, struct client_offset *v, struct arena *names) {
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct model_lag *row = &r->rows[i];
        int64_t to = target(&r->aim, row);
        out_text(out, slice_cstr(r->id));
        out_text(out, row->topic);
        out_number(out, row->partition);
        out_known(out, row->committed >= 0, row->committed);
        out_known(out, to >= 0, to);
        out_known(out, row->start >= 0, row->start);
        out_known(out, row->end >= 0, row->end);
        if (to >= 0)
            v[n++] = offset_of(row, to, names);
    }
    return n;
}

static int commit(struct reset *r, const struct client_offset *v, size_t n) {
    struct client_action a = {.kind = ACTION_RESET_OFFSETS, .name = r->id, .offsets = v, .n_offsets = n};
    struct client_event *ev = session_act(&r->s, &a);
    int code = ev != NULL && ev->ok ? EXIT_OK : EXIT_FAILED;
    if (ev == NULL || !ev->ok)
        cli_complain("group %s: %s", r->id, ev != NULL ? ev->text : "no answer");
    client_event_free(ev);
    return code;
}

static int show_and_commit(struct reset *r, struct arena *names) {
    struct client_offset *v = mem_alloc((r->n + 1) * sizeof *v);
    struct out out;
    char what[400];
    out_begin(&out, r->s.options);
    out_section(&out, NULL, OUT_COLUMNS(reset_columns));
    size_t n = preview(r, &out, v, names);
    int code = out_end(&out);
    snprintf(what, sizeof what, "reset %zu offset%s of group %s", n, n == 1 ? "" : "s", r->id);
    if (n == 0) {
        cli_complain("group %s: no offset to reset", r->id);
        code = EXIT_FAILED;
    } else if (!cli_confirmed(r->s.options, what, r->id) || commit(r, v, n) != EXIT_OK) {
        code = EXIT_FAILED;
    } else if (n < r->n) {
        cli_complain("group %s: %zu of %zu offsets not reset: where they could go is not known", r->id, r->n - n, r->n);
        code = EXIT_FAILED;
    }
    free(v);
    return code;
}

static int reset(struct reset *r) {
    struct arena names;
    int code = EXIT_FAILED;
    arena_init(&names, SIZE_MAX);
    if (wait_for_all(r) && rows_choose(r) && (r->aim.kind != AIM_TIME || find_by_time(r, &names)))
        code = show_and_commit(r, &names);
    arena_fini(&names);
    client_event_free(r->aim.found);
    free(r->rows);
    if (r->held != NULL)
        snapshot_unref(r->held);
    return code;
}

/* ---- the command ---- */

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

int groups_reset(const struct cli_options *o) {
    struct reset r = {0};
    if (o->arguments.n != 1 || !read_aim(o, &r.aim)) {
        cli_complain("groups reset: one group, and --to earliest, latest, an offset, +N, -N, or a time (10m, "
                     "2026-01-31T12:00:00) as --to-datetime takes it too");
        return EXIT_WRONG_USAGE;
    }
    if (!chosen_init(&r.chosen, o))
        return EXIT_WRONG_USAGE;
    int code = EXIT_FAILED;
    r.id = o->arguments.v[0];
    if (o->explain) {
        code = explain_reset(o, &r.aim);
    } else if (session_open(&r.s, o)) {
        code = reset(&r);
        session_close(&r.s);
    }
    chosen_fini(&r.chosen);
    return code;
}
