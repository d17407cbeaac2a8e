/* Actions and their rows; see change.h. */
#include "tui/cli/change.h"

#define COLUMNS(name, title) \
    {{name, title, false}, {"action", "ACTION", false}, {"ok", "OK", false}, {"error_code", NULL, true}, \
     {"message", "MESSAGE", false}}
static const struct out_column columns[2][5] = {COLUMNS("group", "GROUP"), COLUMNS("topic", "TOPIC")};

bool change_begin(struct change *c, const struct cli_options *o, bool of_topics) {
    memset(c, 0, sizeof *c);
    if (!session_open(&c->s, o))
        return false;
    out_begin(&c->out, o);
    out_section(&c->out, NULL, OUT_COLUMNS(columns[of_topics]));
    return true;
}

void change_do(struct change *c, const struct client_action *a, const char *word) {
    struct client_event *ev = session_act(&c->s, a);
    if (ev == NULL || !ev->ok)
        c->failed = true;
    out_text(&c->out, slice_cstr(a->name));
    out_text(&c->out, slice_cstr(word));
    out_bool(&c->out, ev != NULL && ev->ok);
    out_known(&c->out, ev != NULL, ev != NULL ? ev->error : 0);
    out_text(&c->out, slice_cstr(ev != NULL ? ev->text : "no answer"));
    client_event_free(ev);
}

int change_end(struct change *c) {
    int code = out_end(&c->out);
    session_close(&c->s);
    return c->failed ? EXIT_FAILED : code;
}

/* True when the user agreed to each of the arguments: "BEFORE name AFTER". */
static bool change_agreed(const struct cli_options *o, const char *before, const char *after) {
    bool agreed = true;
    for (size_t i = 0; agreed && i < o->arguments.n; i++) {
        char what[400];
        snprintf(what, sizeof what, "%s %s%s", before, o->arguments.v[i], after);
        agreed = cli_confirmed(o, what, o->arguments.v[i]);
    }
    return agreed;
}

int change_delete(const struct cli_options *o, enum client_action_kind kind, const char *what, const char *loss) {
    struct change c;
    if (!change_agreed(o, what, loss) || !change_begin(&c, o, kind == ACTION_DELETE_TOPIC))
        return EXIT_FAILED;
    for (size_t i = 0; i < o->arguments.n; i++)
        change_do(&c, &(struct client_action){.kind = kind, .name = o->arguments.v[i]}, "delete");
    return change_end(&c);
}
