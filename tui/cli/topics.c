/* weir topics list, describe, create, alter, delete.  Main thread. */
#include "tui/cli/change.h"
#include "tui/cli/kafka_tool.h"
#include "tui/cli/names.h"

#include <stdlib.h>

/* ---- reading ---- */

struct look {                         /* a command that reads */
    struct session s;
    struct names names;
    struct out out;
};

static bool is_asked(struct look *l, const struct model_topic *t) {
    bool hidden = t->internal && !l->s.options->internal && names_open(&l->names);
    return !hidden && names_have(&l->names, t->name);
}

/* The names are there, and the offsets of all that is asked for. */
static bool offsets_are_here(struct session *s, void *ctx) {
    struct look *l = ctx;
    if (s->snapshot == NULL || s->snapshot->topics_state != VALUE_KNOWN)
        return false;
    for (int32_t i = 0; i < s->snapshot->topics.n; i++) {
        const struct model_topic *t = &s->snapshot->topics.v[i];
        if (t->error != 0 || !is_asked(l, t))
            continue;
        if (t->messages.state == VALUE_WANTED || t->bytes.state == VALUE_WANTED)
            return false;
        for (int32_t k = 0; k < t->n_partitions; k++) /* of a topic that is half failed too */
            if (t->partitions[k].end.state == VALUE_WANTED || t->partitions[k].start.state == VALUE_WANTED)
                return false;
    }
    return true;
}

/* False when offsets of a topic that is asked for are not known; says which, and why. */
static bool all_known(struct look *l) {
    const struct snapshot *now = l->s.snapshot;
    struct complaints unknown = {0};
    for (int32_t i = 0; i < now->topics.n; i++) {
        const struct model_topic *t = &now->topics.v[i];
        if (t->messages.state != VALUE_FAILED || t->error != 0 || !is_asked(l, t))
            continue;
        int32_t n = 0, first = -1;
        for (int32_t k = 0; k < t->n_partitions; k++)
            if (t->partitions[k].leader < 0 && n++ == 0)
                first = t->partitions[k].index;
        if (n > 0)
            complaints_add(&unknown, "topic %.*s: %d of its partitions have no leader, the first is %d",
                           SLICE_ARG(t->name), (int)n, (int)first);
        else
            complaints_add(&unknown, "topic %.*s: not all of its offsets are known", SLICE_ARG(t->name));
    }
    return complaints_end(&unknown, "topic");
}

static const struct out_column list_columns[] = {
    {"name", "TOPIC", false}, {"partitions", "PARTITIONS", true}, {"replication_factor", "REPLICATION", true},
    {"in_sync_replicas", "ISR", true}, {"replicas", NULL, true}, {"messages", "MESSAGES", true},
    {"size_bytes", "BYTES", true}, {"is_internal", NULL, false}, {"topic_id", NULL, false},
};

static void print_topic(struct out *out, const struct model_topic *t) {
    char id[UUID_TEXT_SIZE];
    uuid_text(&t->id, id);
    out_text(out, t->name);
    out_number(out, t->n_partitions);
    out_number(out, t->replication);
    out_number(out, t->in_sync);
    out_number(out, t->replicas);
    out_value(out, &t->messages);
    out_value(out, &t->bytes);
    out_bool(out, t->internal);
    out_text(out, uuid_is_zero(&t->id) ? SLICE_NULL : slice_cstr(id));
}

static const struct out_column partition_columns[] = {
    {"topic", "TOPIC", false}, {"partition", "P", true}, {"leader", "LEADER", true}, {"leader_epoch", NULL, true},
    {"replicas", "REPLICAS", false}, {"isr", "ISR", false}, {"offline_replicas", NULL, false},
    {"log_start_offset", "START", true}, {"high_watermark", "END", true}, {"size_bytes", "BYTES", true},
};
static const struct out_column config_columns[] = {
    {"topic", "TOPIC", false}, {"name", "CONFIG", false}, {"value", "VALUE", false}, {"is_default", NULL, false},
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

/* What is not the default in a table, everything for programs. */
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
        out_text(out, r->name);
        out_text(out, r->value);
        out_bool(out, r->is_default);
        out_bool(out, r->read_only);
        out_bool(out, r->sensitive);
        out_number(out, r->source);
        out_text(out, r->doc);
    }
    bool good = ev->ok;
    client_event_free(ev);
    return good;
}

static bool describe(struct look *l) {
    struct snapshot *held = snapshot_ref(l->s.snapshot);    /* reading configs brings newer ones */
    bool good = true;
    out_section(&l->out, "partitions", OUT_COLUMNS(partition_columns));
    for (int32_t i = 0; i < held->topics.n; i++)
        if (is_asked(l, &held->topics.v[i]))
            print_partitions(&l->out, &held->topics.v[i]);
    out_section(&l->out, "configs", OUT_COLUMNS(config_columns));
    for (int32_t i = 0; good && i < held->topics.n; i++)
        if (is_asked(l, &held->topics.v[i])) {
            char *name = mem_strndup(held->topics.v[i].name);
            good = print_configs(&l->s, &l->out, name);
            free(name);
        }
    snapshot_unref(held);
    return good;
}

static bool list(struct look *l) {
    const struct snapshot *now = l->s.snapshot;
    out_section(&l->out, NULL, OUT_COLUMNS(list_columns));
    for (int32_t i = 0; i < now->topics.n; i++)
        if (is_asked(l, &now->topics.v[i]))
            print_topic(&l->out, &now->topics.v[i]);
    return true;
}

static int look(const struct cli_options *o, bool (*print)(struct look *l)) {
    struct look l;
    int code = EXIT_FAILED;
    if (!names_init(&l.names, o))
        return EXIT_WRONG_USAGE;
    if (session_open(&l.s, o)) {
        struct client_interest interest = {.sizes = true, .all_offsets = names_open(&l.names)};
        if (!interest.all_offsets) {
            interest.topics = l.names.v;
            interest.n_topics = l.names.n;
        }
        client_set_interest(l.s.client, &interest);
        if (session_wait(&l.s, offsets_are_here, &l, "topics")) {
            out_begin(&l.out, o);
            bool good = print(&l);
            code = out_end(&l.out);
            bool known = all_known(&l);
            if (!known)
                session_complain_brokers(&l.s);
            if (!names_all_found(&l.names, "topic") || !good || !known)
                code = EXIT_FAILED;
        }
        session_close(&l.s);
    }
    names_fini(&l.names);
    return code;
}

int topics_list(const struct cli_options *o) { return look(o, list); }
int topics_describe(const struct cli_options *o) { return look(o, describe); }

/* ---- changing ---- */

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

/* Zero is no way to say "as the cluster has it": that is the option's absence. */
static bool counts_are_some(const struct cli_options *o) {
    if (o->partitions != 0 && o->replication != 0)
        return true;
    cli_complain("--%s: at least 1", o->partitions == 0 ? "partitions" : "replication");
    return false;
}

int topics_create(const struct cli_options *o) {
    struct change c;
    if (!counts_are_some(o))
        return EXIT_WRONG_USAGE;
    if (o->explain)
        return explain(o, "--create");
    if (!change_begin(&c, o, true))
        return EXIT_FAILED;
    struct client_property *configs = copy_configs(o);
    for (size_t i = 0; i < o->arguments.n; i++) {
        struct client_action a = {
            .kind = ACTION_CREATE_TOPIC, .name = o->arguments.v[i], .partitions = (int32_t)o->partitions,
            .replication = (int32_t)o->replication, .configs = configs, .n_configs = o->topic_configs.n,
        };
        change_do(&c, &a, "create");
    }
    free(configs);
    return change_end(&c);
}

int topics_alter(const struct cli_options *o) {
    struct change c;
    if (o->partitions < 0 && o->topic_configs.n == 0) {
        cli_complain("topics alter: --partitions N or --set NAME=VALUE says what to change");
        return EXIT_WRONG_USAGE;
    }
    if (o->replication >= 0) {
        cli_complain("topics alter: --replication cannot be changed afterwards");
        return EXIT_WRONG_USAGE;
    }
    if (!counts_are_some(o))
        return EXIT_WRONG_USAGE;
    if (o->explain)
        return explain(o, "--alter");
    if (!change_begin(&c, o, true))
        return EXIT_FAILED;
    struct client_property *configs = copy_configs(o);
    for (size_t i = 0; i < o->arguments.n; i++) {
        struct client_action grow = {
            .kind = ACTION_ADD_PARTITIONS, .name = o->arguments.v[i], .partitions = (int32_t)o->partitions,
        };
        struct client_action set = {
            .kind = ACTION_ALTER_CONFIG, .name = o->arguments.v[i], .configs = configs, .n_configs = o->topic_configs.n,
        };
        if (o->partitions >= 0)
            change_do(&c, &grow, "add partitions");
        if (o->topic_configs.n > 0)
            change_do(&c, &set, "set configs");
    }
    free(configs);
    return change_end(&c);
}

int topics_delete(const struct cli_options *o) {
    if (o->explain)
        return explain(o, "--delete");
    return change_delete(o, ACTION_DELETE_TOPIC, "delete topic", " and every message in it");
}
