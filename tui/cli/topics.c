/* weir topics list, describe, create, alter, delete.  Main thread. */
#include "tui/cli/kafka_tool.h"
#include "tui/cli/output.h"

#include <stdlib.h>

/* ---- reading ---- */

static bool is_asked(const struct cli_options *o, const struct model_topic *t) {
    if (o->arguments.n == 0)
        return !t->internal || o->internal;
    for (size_t i = 0; i < o->arguments.n; i++)
        if (slice_is(t->name, o->arguments.v[i]))
            return true;
    return false;
}

/* The names are there, and the offsets of all that is asked for. */
static bool offsets_are_here(struct session *s, void *ctx) {
    (void)ctx;
    if (s->snapshot == NULL || s->snapshot->topics_state != VALUE_KNOWN)
        return false;
    for (int32_t i = 0; i < s->snapshot->topics.n; i++) {
        const struct model_topic *t = &s->snapshot->topics.v[i];
        if (t->error == 0 && is_asked(s->options, t) &&
            (t->messages.state == VALUE_WANTED || t->bytes.state == VALUE_WANTED))
            return false;
    }
    return true;
}

static void want_topics(struct session *s) {
    const struct opt_words *w = &s->options->arguments;
    struct slice *names = mem_alloc((w->n + 1) * sizeof *names);
    for (size_t i = 0; i < w->n; i++)
        names[i] = slice_cstr(w->v[i]);
    struct client_interest interest = {.topics = names, .n_topics = w->n, .all_offsets = w->n == 0, .sizes = true};
    client_set_interest(s->client, &interest);
    free(names);
}

/* Complains about the topics asked for that are not there. */
static bool all_found(struct session *s) {
    bool all = true;
    for (size_t i = 0; i < s->options->arguments.n; i++)
        if (snapshot_topic(s->snapshot, slice_cstr(s->options->arguments.v[i])) == NULL) {
            cli_complain("no topic %s here", s->options->arguments.v[i]);
            all = false;
        }
    return all;
}

static const struct out_column list_columns[] = {
    {"name", "TOPIC", false}, {"partitions", "PARTITIONS", true}, {"replication_factor", "REPLICATION", true},
    {"in_sync_replicas", "ISR", true}, {"messages", "MESSAGES", true}, {"size_bytes", "BYTES", true},
    {"is_internal", NULL, false}, {"topic_id", NULL, false},
};

int topics_list(const struct cli_options *o) {
    struct session s;
    struct out out;
    int code = EXIT_FAILED;
    if (!session_open(&s, o))
        return code;
    want_topics(&s);
    if (session_wait(&s, offsets_are_here, NULL, "topics")) {
        out_begin(&out, o);
        out_section(&out, NULL, list_columns, sizeof list_columns / sizeof *list_columns);
        for (int32_t i = 0; i < s.snapshot->topics.n; i++) {
            const struct model_topic *t = &s.snapshot->topics.v[i];
            char id[UUID_TEXT_SIZE];
            if (!is_asked(o, t))
                continue;
            uuid_text(&t->id, id);
            out_text(&out, t->name);
            out_number(&out, t->n_partitions);
            out_number(&out, t->replication);
            out_number(&out, t->in_sync);
            out_value(&out, &t->messages);
            out_value(&out, &t->bytes);
            out_bool(&out, t->internal);
            out_text(&out, uuid_is_zero(&t->id) ? SLICE_NULL : slice_cstr(id));
        }
        code = out_end(&out);
        if (!all_found(&s))
            code = EXIT_FAILED;
    }
    session_close(&s);
    return code;
}

static const struct out_column partition_columns[] = {
    {"topic", "TOPIC", false}, {"partition", "P", true}, {"leader", "LEADER", true}, {"leader_epoch", NULL, true},
    {"replicas", "REPLICAS", false}, {"isr", "ISR", false}, {"offline_replicas", NULL, false},
    {"log_start_offset", "START", true}, {"high_watermark", "END", true}, {"size_bytes", "BYTES", true},
};
static const struct out_column config_columns[] = {
    {"topic", "TOPIC", false}, {"name", "CONFIG", false}, {"value", "VALUE", false}, {"is_default", "DEFAULT", false},
    {"read_only", NULL, false}, {"is_sensitive", NULL, false}, {"config_source", NULL, true},
    {"documentation", NULL, false},
};

static void print_partitions(struct out *out, const struct model_topic *t) {
    for (int32_t i = 0; i < t->n_partitions; i++) {
        const struct model_partition *p = &t->partitions[i];
        out_text(out, t->name);
        out_number(out, p->index);
        out_number(out, p->leader);
        out_number(out, p->leader_epoch);
        out_ints(out, p->replicas.v, p->replicas.n);
        out_ints(out, p->isr.v, p->isr.n);
        out_ints(out, p->offline.v, p->offline.n);
        out_value(out, &p->start);
        out_value(out, &p->end);
        out_value(out, &p->bytes);
    }
}

/* What is not the default first in a table, everything for programs. */
static bool print_configs(struct session *s, struct out *out, const char *topic) {
    struct client_action action = {.kind = ACTION_DESCRIBE_CONFIGS, .name = topic};
    struct client_event *ev = session_act(s, &action);
    if (ev == NULL)
        return false;
    if (!ev->ok)
        cli_complain("%s: configs: %s", topic, ev->text);
    for (size_t i = 0; ev->ok && i < ev->n_configs; i++) {
        const struct client_config_row *r = &ev->configs[i];
        if (out->format == FORMAT_TABLE && r->is_default)
            continue;
        out_text(out, slice_cstr(topic));
        out_text(out, slice_cstr(r->name));
        out_text(out, slice_cstr(r->value));
        out_bool(out, r->is_default);
        out_bool(out, r->read_only);
        out_bool(out, r->sensitive);
        out_number(out, r->source);
        out_text(out, slice_cstr(r->doc));
    }
    bool good = ev->ok;
    client_event_free(ev);
    return good;
}

int topics_describe(const struct cli_options *o) {
    struct session s;
    struct out out;
    int code = EXIT_FAILED;
    if (!session_open(&s, o))
        return code;
    want_topics(&s);
    if (session_wait(&s, offsets_are_here, NULL, "topics") && all_found(&s)) {
        bool good = true;
        out_begin(&out, o);
        out_section(&out, "partitions", partition_columns, sizeof partition_columns / sizeof *partition_columns);
        for (int32_t i = 0; i < s.snapshot->topics.n; i++)
            if (is_asked(o, &s.snapshot->topics.v[i]))
                print_partitions(&out, &s.snapshot->topics.v[i]);
        out_section(&out, "configs", config_columns, sizeof config_columns / sizeof *config_columns);
        for (size_t i = 0; i < o->arguments.n; i++)
            good = print_configs(&s, &out, o->arguments.v[i]) && good;
        code = out_end(&out);
        if (!good)
            code = EXIT_FAILED;
    }
    session_close(&s);
    return code;
}

/* ---- changing ---- */

static const struct out_column result_columns[] = {
    {"topic", "TOPIC", false}, {"action", "ACTION", false}, {"ok", "OK", false}, {"error_code", NULL, true},
    {"message", "MESSAGE", false},
};

/* Does one action and prints its row; false when it failed. */
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

/* Value NULL means "back to the default" in an action; NAME= says it on the command line. */
static struct client_property *copy_configs(const struct cli_options *o) {
    const struct opt_pairs *p = &o->topic_configs;
    struct client_property *v = mem_alloc((p->n + 1) * sizeof *v);
    for (size_t i = 0; i < p->n; i++)
        v[i] = (struct client_property){p->v[i].name, p->v[i].value[0] == '\0' ? NULL : p->v[i].value};
    return v;
}

static void explain_number(struct tool *t, const char *option, int64_t v) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    if (v >= 0)
        tool_option(t, option, text);
}

static void explain_configs(const struct cli_options *o, const char *topic) {
    struct tool t;
    struct buf set = {0}, unset = {0};
    for (size_t i = 0; i < o->topic_configs.n; i++) {
        const struct opt_pair *c = &o->topic_configs.v[i];
        struct buf *to = c->value[0] == '\0' ? &unset : &set;
        buf_printf(to, "%s%s", to->n > 0 ? "," : "", c->name);
        if (to == &set)
            buf_printf(to, "=%s", c->value);
    }
    buf_put_u8(&set, 0);
    buf_put_u8(&unset, 0);
    tool_begin(&t, o, "kafka-configs.sh");
    tool_word(&t, "--alter");
    tool_option(&t, "--topic", topic);
    if (set.n > 1)
        tool_option(&t, "--add-config", (const char *)set.p);
    if (unset.n > 1)
        tool_option(&t, "--delete-config", (const char *)unset.p);
    tool_print(&t);
    buf_fini(&set);
    buf_fini(&unset);
}

static int explain(const struct cli_options *o, const char *what) {
    for (size_t i = 0; i < o->arguments.n; i++) {
        struct tool t;
        bool configs_only = strcmp(what, "--alter") == 0 && o->partitions < 0;
        if (!configs_only) {
            tool_begin(&t, o, "kafka-topics.sh");
            tool_word(&t, what);
            tool_option(&t, "--topic", o->arguments.v[i]);
            if (strcmp(what, "--delete") != 0) {
                explain_number(&t, "--partitions", o->partitions);
                explain_number(&t, "--replication-factor", o->replication);
            }
            for (size_t c = 0; strcmp(what, "--create") == 0 && c < o->topic_configs.n; c++) {
                struct buf pair = {0};
                buf_printf(&pair, "%s=%s", o->topic_configs.v[c].name, o->topic_configs.v[c].value);
                buf_put_u8(&pair, 0);
                tool_option(&t, "--config", (const char *)pair.p);
                buf_fini(&pair);
            }
            tool_print(&t);
        }
        if (strcmp(what, "--alter") == 0 && o->topic_configs.n > 0)
            explain_configs(o, o->arguments.v[i]);
    }
    return EXIT_OK;
}

static int finish(struct session *s, struct out *out, bool good) {
    int code = out_end(out);
    session_close(s);
    return good ? code : EXIT_FAILED;
}

int topics_create(const struct cli_options *o) {
    struct session s;
    struct out out;
    if (o->explain)
        return explain(o, "--create");
    if (!session_open(&s, o))
        return EXIT_FAILED;
    bool good = true;
    struct client_property *configs = copy_configs(o);
    out_begin(&out, o);
    out_section(&out, NULL, result_columns, sizeof result_columns / sizeof *result_columns);
    for (size_t i = 0; i < o->arguments.n; i++) {
        struct client_action a = {
            .kind = ACTION_CREATE_TOPIC, .name = o->arguments.v[i], .partitions = (int32_t)o->partitions,
            .replication = (int32_t)o->replication, .configs = configs, .n_configs = o->topic_configs.n,
        };
        good = act_and_print(&s, &out, &a, "create") && good;
    }
    free(configs);
    return finish(&s, &out, good);
}

int topics_alter(const struct cli_options *o) {
    struct session s;
    struct out out;
    if (o->partitions < 0 && o->topic_configs.n == 0) {
        cli_complain("topics alter: --partitions N or --set NAME=VALUE says what to change");
        return EXIT_WRONG_USAGE;
    }
    if (o->explain)
        return explain(o, "--alter");
    if (!session_open(&s, o))
        return EXIT_FAILED;
    bool good = true;
    struct client_property *configs = copy_configs(o);
    out_begin(&out, o);
    out_section(&out, NULL, result_columns, sizeof result_columns / sizeof *result_columns);
    for (size_t i = 0; i < o->arguments.n; i++) {
        struct client_action grow = {
            .kind = ACTION_ADD_PARTITIONS, .name = o->arguments.v[i], .partitions = (int32_t)o->partitions,
        };
        struct client_action set = {
            .kind = ACTION_ALTER_CONFIG, .name = o->arguments.v[i], .configs = configs, .n_configs = o->topic_configs.n,
        };
        if (o->partitions >= 0)
            good = act_and_print(&s, &out, &grow, "add partitions") && good;
        if (o->topic_configs.n > 0)
            good = act_and_print(&s, &out, &set, "set configs") && good;
    }
    free(configs);
    return finish(&s, &out, good);
}

int topics_delete(const struct cli_options *o) {
    struct session s;
    struct out out;
    if (o->explain)
        return explain(o, "--delete");
    for (size_t i = 0; i < o->arguments.n; i++) {
        char what[400];
        snprintf(what, sizeof what, "delete topic %s and every message in it", o->arguments.v[i]);
        if (!cli_confirmed(o, what, o->arguments.v[i]))
            return EXIT_FAILED;
    }
    if (!session_open(&s, o))
        return EXIT_FAILED;
    bool good = true;
    out_begin(&out, o);
    out_section(&out, NULL, result_columns, sizeof result_columns / sizeof *result_columns);
    for (size_t i = 0; i < o->arguments.n; i++) {
        struct client_action a = {.kind = ACTION_DELETE_TOPIC, .name = o->arguments.v[i]};
        good = act_and_print(&s, &out, &a, "delete") && good;
    }
    return finish(&s, &out, good);
}
