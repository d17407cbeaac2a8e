/* What the commands do that is not a view's own business. */
#include "tui/cmd/command.h"

#include <stdio.h>
#include <stdlib.h>

bool cmd_verb(struct screen *s, const struct command *c, const char *arg) { return ui_verb(&s->ui, c->verb, arg); }

bool cmd_tail(struct screen *s, const struct command *c, const char *arg) {
    if (!*arg)
        return cmd_verb(s, c, arg);
    ui_tail_topic(&s->ui, slice_cstr(arg), -1, -1);
    return true;
}

bool cmd_produce(struct screen *s, const struct command *c, const char *arg) {
    if (!*arg)
        return cmd_verb(s, c, arg);
    ui_produce_topic(&s->ui, slice_cstr(arg));
    return true;
}

bool cmd_new(struct screen *s, const struct command *c, const char *arg) {
    (void)c;
    dialog_new_topic(&s->ui, slice_cstr(arg));
    return true;
}

bool cmd_editor(struct screen *s, const struct command *c, const char *arg) {
    (void)c;
    (void)arg;
    s->ui.editor = ui_view(&s->ui)->ops->text != NULL;
    return true;
}

bool cmd_filter(struct screen *s, const struct command *c, const char *arg) {
    struct table *t = ui_table(&s->ui);
    (void)c;
    if (*arg) {
        if (t)
            table_set_filter(t, arg);
        else
            ui_verb(&s->ui, VERB_FILTER, arg);
        ui_refilter(&s->ui);
        return true;
    }
    struct view *v = ui_view(&s->ui);
    snprintf(s->typed_filter, sizeof s->typed_filter, "%s", t ? t->filter : v->ops->filter ? v->ops->filter(v) : "");
    prompt_open(&s->prompt, '/', s->typed_filter, NULL, NULL);
    if (!t)
        ui_verb(&s->ui, VERB_FILTERING, s->typed_filter);
    return true;
}

bool cmd_sort(struct screen *s, const struct command *c, const char *arg) {
    struct table *t = ui_table(&s->ui);
    (void)c;
    if (!t)
        return false;
    if (!table_sort_by(t, *arg ? arg : NULL)) {
        ui_say(&s->ui, ROLE_bad, "no column is called %s", arg);
        return false;
    }
    ui_remember_sort(&s->ui, t);
    ui_refilter(&s->ui);
    return true;
}

bool cmd_columns(struct screen *s, const struct command *c, const char *arg) {
    struct table *t = ui_table(&s->ui);
    char unknown[48];
    (void)c;
    if (!t)
        return false;
    if (!*arg) {
        columns_open(&s->columns, t);
        return true;
    }
    if (strcmp(arg, "default") == 0) {
        table_columns_reset(t);
    } else if (!table_columns_set(t, arg, true, unknown)) {
        ui_say(&s->ui, ROLE_bad, "no column is called %s; without a name they are listed", unknown);
        return false;
    }
    ui_remember_columns(&s->ui, t);
    return true;
}

bool cmd_mark(struct screen *s, const struct command *c, const char *arg) {
    struct table *t = ui_table(&s->ui);
    (void)arg;
    if (!t || !t->can_mark)
        return false;
    if (strcmp(c->name, "markall") == 0)
        table_mark_all(t);
    else
        table_mark(t);
    return true;
}

bool cmd_reverse(struct screen *s, const struct command *c, const char *arg) {
    struct table *t = ui_table(&s->ui);
    (void)c;
    (void)arg;
    if (!t)
        return false;
    t->descending = !t->descending;
    ui_remember_sort(&s->ui, t);
    ui_refilter(&s->ui);
    return true;
}

bool cmd_exact(struct screen *s, const struct command *c, const char *arg) {
    (void)c;
    (void)arg;
    s->ui.env.exact = !s->ui.env.exact;
    return true;
}

bool cmd_internal(struct screen *s, const struct command *c, const char *arg) {
    (void)c;
    (void)arg;
    s->ui.internal = !s->ui.internal;
    ui_refilter(&s->ui);
    return true;
}

bool cmd_tab(struct screen *s, const struct command *c, const char *arg) {
    (void)arg;
    ui_tab(&s->ui, c->keys[0] - '1');
    return true;
}

bool cmd_next(struct screen *s, const struct command *c, const char *arg) {
    int step = c->verb == VERB_NEXT ? 1 : VIEW_TABS - 1;
    if (!ui_verb(&s->ui, c->verb, arg))
        ui_tab(&s->ui, (s->ui.tab + step) % VIEW_TABS);
    return true;
}

bool cmd_back(struct screen *s, const struct command *c, const char *arg) {
    struct table *t = ui_table(&s->ui);
    (void)c;
    (void)arg;
    if (t && t->n_marked) {
        table_unmark_all(t);
        return true;
    }
    if (t && t->filter[0]) {
        table_set_filter(t, "");
        ui_refilter(&s->ui);
        return true;
    }
    return ui_back(&s->ui);
}

bool cmd_refresh(struct screen *s, const struct command *c, const char *arg) {
    (void)c;
    (void)arg;
    client_refresh(s->ui.client);
    ui_verb(&s->ui, VERB_REFRESH, "");
    return true;
}

bool cmd_retry(struct screen *s, const struct command *c, const char *arg) {
    (void)c;
    (void)arg;
    client_reconnect(s->ui.client, NULL);
    ui_say(&s->ui, ROLE_text, "trying again …");
    s->ui.message_of_link = true;
    return true;
}

bool cmd_connect(struct screen *s, const struct command *c, const char *arg) {
    (void)c;
    if (!*arg || !strchr(arg, ':')) {
        ui_say(&s->ui, ROLE_bad, "connect HOST:PORT");
        return false;
    }
    client_reconnect(s->ui.client, arg);
    ui_connected(&s->ui, arg);
    return true;
}

bool cmd_hello(struct screen *s, const struct command *c, const char *arg) {
    (void)c;
    (void)arg;
    s->wants.hello = true;
    return true;
}

bool cmd_theme(struct screen *s, const struct command *c, const char *arg) {
    char why[256] = "";
    (void)c;
    if (!*arg) {
        prompt_open(&s->prompt, ':', "theme ", command_complete, s);
        return true;
    }
    bool done = s->hooks.theme && s->hooks.theme(s->hooks.ctx, arg, why, sizeof why);
    if (!done)
        ui_say(&s->ui, ROLE_bad, "%s", why);
    return done;
}

bool cmd_prompt(struct screen *s, const struct command *c, const char *arg) {
    (void)c;
    prompt_open(&s->prompt, ':', arg, command_complete, s);
    return true;
}

bool cmd_help(struct screen *s, const struct command *c, const char *arg) {
    (void)c;
    (void)arg;
    command_help(s);
    return true;
}

bool cmd_redraw(struct screen *s, const struct command *c, const char *arg) {
    (void)c;
    (void)arg;
    s->wants.redraw = true;
    return true;
}

bool cmd_suspend(struct screen *s, const struct command *c, const char *arg) {
    (void)c;
    (void)arg;
    s->wants.suspend = true;
    return true;
}

bool cmd_quit(struct screen *s, const struct command *c, const char *arg) {
    if (ui_verb(&s->ui, VERB_CLOSE, ""))
        return true;
    if (s->ui.depth[s->ui.tab] > 1)
        return ui_back(&s->ui);
    return cmd_exit(s, c, arg);
}

/* ---- leaving ---- */

#define LEAVE_FOOT "Enter leave weir · Esc stay"     /* "leave" alone would be the dialog's, elsewhere */

static bool leave_submit(struct dialog *d, void *ctx) {
    struct screen *s = ctx;
    s->hooks.leave(s->hooks.ctx, d->form.fields[0].choice == 1);
    s->wants.quit = true;
    return true;
}

/* Asks what becomes of the broker where others use it, else leaves.  True: weir ends. */
static bool leave_broker(struct screen *s) {
    static const char *const choices[] = {"leave it running", "stop it", NULL};
    long others = s->hooks.others ? s->hooks.others(s->hooks.ctx) : 0;
    if (others <= 0 || !s->hooks.leave) {
        s->wants.quit = true;
        return true;
    }
    struct dialog *d = &s->ui.dialog;
    dialog_open(d, "Leave weir", SLICE_NULL);
    block_line(&d->text, 0);
    block_printf(&d->text, ROLE_text, "%ld other client%s connected to the broker that runs here.", others,
                 others == 1 ? " is" : "s are");
    form_add(&d->form, FIELD_CHOICE, "The broker", NULL)->choices = choices;
    d->foot = LEAVE_FOOT;
    d->submit = leave_submit;
    d->ctx = s;
    return false;
}

static bool abandon_submit(struct dialog *d, void *ctx) {
    (void)d;
    return leave_broker(ctx);
}

bool leaving_is_asked(const struct screen *s) {
    const struct dialog *d = &s->ui.dialog;
    return d->open && (d->submit == leave_submit || d->submit == abandon_submit);
}

bool cmd_exit(struct screen *s, const struct command *c, const char *arg) {
    char why[200];
    struct ui *u = &s->ui;
    (void)c;
    (void)arg;
    for (int i = 0; i < VIEW_TABS; i++) {
        struct view *v = u->stack[i][0];
        if (!v->ops->busy || !v->ops->busy(v, u, why, sizeof why))
            continue;
        struct dialog *d = &u->dialog;
        dialog_open(d, "Leave weir", SLICE_NULL);
        block_line(&d->text, 0);
        block_foreign(&d->text, ROLE_text, slice_cstr(why));
        block_line(&d->text, 0);
        block_own(&d->text, ROLE_text, "Leaving gives that up.");
        d->foot = LEAVE_FOOT;
        d->submit = abandon_submit;
        d->ctx = s;
        return true;
    }
    leave_broker(s);
    return true;
}
