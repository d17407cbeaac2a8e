/* Deleting what is marked: one question that lists it all, then one action for
 * each, a few under way at a time, and what became of each by its name.
 *
 *   dialog_delete_marked -> typed -> sweep_go -> EVENT_ACTION ... -> the sum in the message line
 *
 * The names are copied when the question is asked.  The dialog of the outcome may be
 * closed; Esc also stops what was not asked yet.  UI thread. */
#include "tui/views/view.h"

#include "core/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define AT_ONCE 8           /* a cluster has other work too */
#define COMMANDS_SHOWN 3

static const char *word(const struct sweep *b) { return b->kind == ACTION_DELETE_TOPIC ? "topic" : "group"; }

void sweep_fini(struct sweep *b) {
    for (size_t i = 0; i < b->n; i++) {
        free(b->v[i].name);
        free(b->v[i].text);
    }
    free(b->v);
    *b = (struct sweep){0};
}

/* ---- under way ---- */

static void outcome_fill(struct dialog *d) {
    static const struct { enum sweep_state state; enum role role; const char *glyph; } kinds[] = {
        {SWEEP_FAILED, ROLE_bad, "! "}, {SWEEP_DONE, ROLE_text, "  "}, {SWEEP_ASKED, ROLE_pending, "… "},
        {SWEEP_WAITS, ROLE_dim, "  "},
    };
    const struct sweep *b = &((struct ui *)d->ctx)->sweep;
    struct block *text = &d->text;
    if (!b->going)
        d->foot = "Enter close";
    block_clear(text);
    block_line(text, 0);
    block_printf(text, b->failed ? ROLE_bad : ROLE_text, "%zu of %zu deleted", b->done, b->n);
    if (b->failed)
        block_printf(text, ROLE_bad, ", %zu failed", b->failed);
    if (b->stopped && b->asked < b->n)
        block_printf(text, ROLE_warn, ", %zu not asked", b->n - b->asked);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (size_t i = 0; i < b->n; i++) {
            const struct sweep_item *item = &b->v[i];
            if (item->state != kinds[k].state)
                continue;
            block_line(text, 2);
            block_own(text, kinds[k].role, kinds[k].glyph);
            block_foreign(text, kinds[k].role, slice_cstr(item->text ? item->text : item->name));
        }
}

static bool outcome_submit(struct dialog *d, void *ctx) {
    (void)d;
    (void)ctx;
    return true;
}

static void tell_sum(struct ui *u) {
    const struct sweep *b = &u->sweep;
    char more[400] = "";
    for (size_t i = 0; i < b->n && !more[0]; i++)
        if (b->v[i].state == SWEEP_FAILED)
            snprintf(more, sizeof more, "; %.380s", b->v[i].text);
    if (b->asked < b->n)
        snprintf(more, sizeof more, "; stopped before the other %zu", b->n - b->asked);
    if (b->done == b->n)
        ui_say(u, ROLE_good, "deleted %zu %ss", b->n, word(b));
    else
        ui_say(u, ROLE_bad, "deleted %zu of %zu %ss%s%s", b->done, b->n, word(b), more,
               b->failed > 1 ? " (all in Log)" : "");
}

static bool under_way(const struct sweep *b) { return b->going && b->done + b->failed < b->asked; }

static void ended(struct ui *u, struct sweep_item *item, bool ok, const char *text, int64_t at_ms) {
    struct sweep *b = &u->sweep;
    item->state = ok ? SWEEP_DONE : SWEEP_FAILED;
    item->text = mem_strdup(text);
    b->done += ok;
    b->failed += !ok;
    notes_add(&u->log, at_ms, ok ? 2 : 0, text);
}

static void sweep_go(struct ui *u) {
    struct sweep *b = &u->sweep;
    for (; b->asked < b->n && !b->stopped && b->asked < b->done + b->failed + AT_ONCE; b->asked++) {
        struct sweep_item *item = &b->v[b->asked];
        item->state = SWEEP_ASKED;
        item->id = client_act(u->client, &(struct client_action){.kind = b->kind, .name = item->name});
    }
    if (!under_way(b) && b->going) {
        b->going = false;
        tell_sum(u);
    }
}

bool sweep_event(struct ui *u, const struct client_event *e) {
    struct sweep *b = &u->sweep;
    size_t i = 0;
    while (i < b->n && !(b->v[i].state == SWEEP_ASKED && b->v[i].id == e->id))
        i++;
    if (e->kind != EVENT_ACTION || !b->going || i == b->n)
        return false;
    char text[400];
    snprintf(text, sizeof text, "%s %s %.250s", e->ok ? "deleted" : "cannot delete", word(b), b->v[i].name);
    ended(u, &b->v[i], e->ok, e->text ? e->text : text, e->wall_ms);
    sweep_go(u);
    if (ui_view(u)->id == VIEW_log)
        ui_refilter(u);
    return true;
}

static void outcome_leave(struct dialog *d, void *ctx) {
    struct ui *u = ctx;
    (void)d;
    u->sweep.stopped = u->sweep.going;
}

/* ---- the question ---- */

static void marked_equivalent(struct dialog *d, struct buf *out) {
    struct ui *u = d->ctx;
    const struct sweep *b = &u->sweep;
    for (size_t i = 0; i < b->n && i < COMMANDS_SHOWN; i++) {
        bool topic = b->kind == ACTION_DELETE_TOPIC;
        buf_printf(out, "%s%s --bootstrap-server ", i ? "\n" : "",
                   topic ? "kafka-topics.sh" : "kafka-consumer-groups.sh");
        text_shell_word(out, u->snap->address.n ? u->snap->address : slice_cstr(u->address));
        buf_puts(out, topic ? " --delete --topic " : " --delete --group ");
        text_shell_word(out, slice_cstr(b->v[i].name));
    }
    if (b->n > COMMANDS_SHOWN)
        buf_printf(out, "\nand the same for the other %zu", b->n - COMMANDS_SHOWN);
}

static bool marked_submit(struct dialog *d, void *ctx) {
    struct ui *u = ctx;
    struct sweep *b = &u->sweep;
    char title[64];
    snprintf(title, sizeof title, "Deleting %zu %ss", b->n, word(b));
    dialog_open(d, title, SLICE_NULL);
    d->fill = outcome_fill;
    d->submit = outcome_submit;
    d->leave = outcome_leave;
    d->foot = "Enter close, it goes on · Esc stop the rest";
    d->ctx = u;
    b->going = true;
    sweep_go(u);
    return false;
}

static void about_topic(struct block *text, const struct model_topic *t) {
    char number[FORMAT_SIZE];
    if (t->messages.state == VALUE_KNOWN)
        block_printf(text, ROLE_dim, "  %s messages", fmt_group(number, t->messages.v));
    if (t->groups.state == VALUE_KNOWN && t->groups.v > 0)
        block_printf(text, ROLE_warn, " · read by %s group%s", fmt_group(number, t->groups.v),
                     t->groups.v == 1 ? "" : "s");
    if (t->internal)
        block_own(text, ROLE_bad, " · internal");
}

static void about(struct ui *u, struct block *text, struct slice name) {
    const struct model_topic *t = u->sweep.kind == ACTION_DELETE_TOPIC ? snapshot_topic(u->snap, name) : NULL;
    const struct model_group *g = u->sweep.kind == ACTION_DELETE_GROUP ? snapshot_group(u->snap, name) : NULL;
    block_line(text, 4);
    block_own(text, ROLE_text, "  ");
    block_foreign(text, ROLE_bright, name);
    if (t)
        about_topic(text, t);
    if (g && g->n_members.state == VALUE_KNOWN && g->n_members.v > 0)
        block_printf(text, ROLE_warn, "  has %" PRId64 " member%s, the cluster will refuse", g->n_members.v,
                     g->n_members.v == 1 ? "" : "s");
}

/* Returns how many cannot be: a name in C ends at a zero byte, it would be another one's. */
static size_t sweep_collect(struct sweep *b, const struct table *t, enum client_action_kind kind) {
    size_t at = 0, left_out = 0;
    sweep_fini(b);
    b->kind = kind;
    b->v = mem_zalloc(((size_t)t->n_marked + 1) * sizeof *b->v);
    for (const void *row; b->n < (size_t)t->n_marked && (row = table_next_marked(t, &at));) {
        struct slice name = t->key(row);
        if (memchr(name.p, '\0', name.n))
            left_out++;
        else
            b->v[b->n++].name = mem_strndup(name);
    }
    return left_out;
}

void dialog_delete_marked(struct ui *u, const struct table *t, enum client_action_kind kind) {
    struct sweep *b = &u->sweep;
    struct dialog *d = &u->dialog;
    char phrase[64], title[64];
    if (b->going) {
        ui_say(u, ROLE_warn, "wait until the %ss before are deleted", word(b));
        return;
    }
    size_t left_out = sweep_collect(b, t, kind);
    if (b->n == 1 && left_out == 0) { /* it has a name, which says more than "1 topic" */
        char *name = mem_strdup(b->v[0].name);
        sweep_fini(b);
        if (kind == ACTION_DELETE_TOPIC)
            dialog_delete_topic(u, slice_cstr(name));
        else
            dialog_delete_group(u, slice_cstr(name));
        free(name);
        return;
    }
    snprintf(phrase, sizeof phrase, "delete %zu %s%s", b->n, word(b), b->n == 1 ? "" : "s");
    snprintf(title, sizeof title, "Delete %zu %ss", b->n, word(b));
    dialog_open(d, title, SLICE_NULL);
    u->dirty = true;
    block_line(&d->text, 0);
    block_printf(&d->text, ROLE_text, "Deletes these %zu %ss with all their %s, for everyone. This cannot be undone.",
                 b->n, word(b), kind == ACTION_DELETE_TOPIC ? "records" : "offsets");
    if (left_out)
        block_printf(&d->text, ROLE_warn, " %zu marked more cannot be: a zero byte is in the name.", left_out);
    for (size_t i = 0; i < b->n; i++)
        about(u, &d->text, slice_cstr(b->v[i].name));
    dialog_require(d, "Type", slice_cstr(phrase));
    d->form.fields[0].hint = d->required;
    d->equivalent = marked_equivalent;
    d->submit = marked_submit;
    d->ctx = u;
}

void ui_copy_marked(struct ui *u, const struct table *t) {
    struct buf names = {0};
    size_t at = 0;
    for (const void *row; (row = table_next_marked(t, &at));) {
        struct slice name = t->words ? t->words(row) : t->key(row);
        buf_put(&names, name.p, name.n);
        buf_puts(&names, "\n");
    }
    ui_copy(u, buf_slice(&names));
    ui_say(u, ROLE_good, "copied %d lines", t->n_marked);
    buf_fini(&names);
}
