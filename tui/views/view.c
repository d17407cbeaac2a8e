/* The state that views share, their stacks, and the frame around them. */
#include "tui/views/view.h"

#include "core/base/text.h"

#include <stdio.h>
#include <stdlib.h>

static const struct { const struct view_ops *ops; char digit; const char *title; } views[VIEW_N] = {
#define VIEW(id, digit, title, ops) {&ops, digit, title},
#include "tui/views/views.def"
#undef VIEW
};

const char *view_title(enum view_id id) { return views[id].title; }

static struct view *view_new(struct ui *u, enum view_id id, struct slice arg) {
    struct view *v = mem_zalloc(views[id].ops->size);
    v->ops = views[id].ops;
    v->id = id;
    v->arg = mem_dup(arg);
    if (v->ops->open)
        v->ops->open(v, u);
    if (v->ops->data)
        v->ops->data(v, u);
    return v;
}

static void view_free(struct view *v, struct ui *u) {
    if (v->ops->close)
        v->ops->close(v, u);
    free((void *)(uintptr_t)v->arg.p);
    free(v);
}

void ui_init(struct ui *u, struct client *client, const char *address) {
    *u = (struct ui){.client = client, .address = address, .came_from = -1, .dirty = true};
    u->snap = snapshot_new();
    for (int i = 0; i < VIEW_TABS; i++)
        u->stack[i][u->depth[i]++] = view_new(u, (enum view_id)i, SLICE_NULL);
}

static void notes_fini(struct notes *n) {
    for (size_t i = 0; i < n->n; i++)
        free(n->v[i].text);
    free(n->v);
}

void ui_fini(struct ui *u) {
    for (int i = 0; i < VIEW_TABS; i++)
        while (u->depth[i] > 0)
            view_free(u->stack[i][--u->depth[i]], u);
    dialog_close(&u->dialog);
    time_search_fini(&u->by_time);
    sweep_fini(&u->sweep);
    memory_fini(&u->memory);
    notes_fini(&u->log);
    notes_fini(&u->changes);
    buf_fini(&u->copied);
    snapshot_unref(u->snap);
}

void notes_add(struct notes *n, int64_t wall_ms, int level, const char *text) {
    if (!n->v)
        n->v = mem_alloc(NOTES_MAX * sizeof *n->v);
    if (n->n == NOTES_MAX) {
        free(n->v[0].text);
        memmove(&n->v[0], &n->v[1], (NOTES_MAX - 1) * sizeof *n->v);
        n->n--;
    }
    n->v[n->n++] = (struct note){wall_ms, ++n->serial, level, mem_strdup(text)};
}

struct view *ui_view(const struct ui *u) { return u->stack[u->tab][u->depth[u->tab] - 1]; }

struct table *ui_table(const struct ui *u) {
    struct view *v = ui_view(u);
    return v->ops->table ? v->ops->table(v) : NULL;
}

static void ui_data(struct ui *u) {
    struct view *v = ui_view(u);
    if (v->ops->data)
        v->ops->data(v, u);
    u->dirty = true;
}

void ui_refilter(struct ui *u) { ui_data(u); }

static void tally_add(struct tally *all, enum trouble trouble, bool internal) {
    all->n++;
    all->internal += internal;
    all->bad += trouble == TROUBLE_BAD;
    all->soon += trouble == TROUBLE_SOON;
}

void ui_set_snapshot(struct ui *u, struct snapshot *s) {
    struct snapshot *old = u->snap;
    u->snap = s;
    u->topics = u->groups = (struct tally){0};
    for (int32_t i = 0; i < s->topics.n; i++)
        tally_add(&u->topics, s->topics.v[i].trouble, s->topics.v[i].internal);
    for (int32_t i = 0; i < s->groups.n; i++)
        tally_add(&u->groups, s->groups.v[i].trouble, false);
    /* Some answers (sizes) are asked for more seldom than others: old is what missed that too. */
    u->env.stale_us = s->interval_us > 0 ? 12 * s->interval_us + 500000 : 0;
    u->env.all_stale = frame_is_stale(s, u->env.now_us) || s->link == LINK_DOWN;
    /* Every table points into the snapshot it was given: all views move on before the old one goes. */
    for (int i = 0; i < VIEW_TABS; i++)
        for (int k = 0; k < u->depth[i]; k++)
            if (u->stack[i][k]->ops->data)
                u->stack[i][k]->ops->data(u->stack[i][k], u);
    snapshot_unref(old);
    if (u->message_of_link && s->link != LINK_CONNECTING)
        u->message[0] = '\0';
    u->dirty = true;
}

void ui_event(struct ui *u, const struct client_event *e) {
    bool taken = dialog_event(u, e) || sweep_event(u, e);
    for (int i = 0; i < VIEW_TABS; i++)
        for (int k = 0; k < u->depth[i]; k++)
            if (u->stack[i][k]->ops->event)
                taken = u->stack[i][k]->ops->event(u->stack[i][k], u, e) || taken;
    if (e->kind == EVENT_LOG)
        notes_add(&u->log, e->wall_ms, e->log_level, e->text ? e->text : "");
    if (e->kind == EVENT_CHANGE)
        notes_add(&u->changes, e->wall_ms, e->log_level, e->text ? e->text : "");
    bool told = e->kind == EVENT_ACTION && !taken && !e->configs && e->text && *e->text;
    if (told) { /* the next key takes the message away: what became of an action can be read later too */
        ui_say(u, e->ok ? ROLE_good : ROLE_bad, "%s", e->text);
        notes_add(&u->log, e->wall_ms, e->ok ? 2 : 0, e->text);
    }
    if (told || e->kind == EVENT_LOG || e->kind == EVENT_CHANGE)
        ui_data(u);
    u->dirty = u->dirty || e->kind != EVENT_RECEIPT; /* of these there are many: their view says when to paint */
}

void ui_connected(struct ui *u, const char *address) {
    char text[300];
    snprintf(text, sizeof text, "what follows is of %.250s", address);
    notes_add(&u->changes, u->wall_ms, 2, text);
    u->sweep.stopped = u->sweep.going; /* the rest was meant for the cluster before */
    ui_say(u, ROLE_text, "connecting to %s …", address);
    u->message_of_link = true;
    for (int i = 0; i < VIEW_TABS; i++)
        for (int k = 0; k < u->depth[i]; k++)
            if (u->stack[i][k]->ops->connected)
                u->stack[i][k]->ops->connected(u->stack[i][k], u);
}

void ui_tab(struct ui *u, int tab) {
    if (tab < 0 || tab >= VIEW_TABS || tab == u->tab)
        return;
    u->came_from = u->tab;
    u->tab = tab;
    ui_data(u);
}

void ui_open(struct ui *u, enum view_id id, struct slice arg) {
    int *depth = &u->depth[u->tab];
    if (*depth == UI_DEPTH)
        view_free(u->stack[u->tab][--*depth], u);
    u->stack[u->tab][*depth] = view_new(u, id, arg);
    (*depth)++;
    u->dirty = true;
}

bool ui_back(struct ui *u) {
    u->dirty = true;
    if (u->depth[u->tab] > 1) {
        view_free(u->stack[u->tab][--u->depth[u->tab]], u);
        ui_data(u);
        return true;
    }
    if (u->came_from < 0 || u->came_from == u->tab)
        return false;
    u->tab = u->came_from;
    u->came_from = -1;
    ui_data(u);
    return true;
}

static bool table_verb(struct table *t, enum verb verb) {
    if (verb < VERB_UP || verb > VERB_RIGHT)
        return false;
    table_move(t, (enum table_move)(verb - VERB_UP));
    return true;
}

/* What acts on all that is marked; the rest goes on with the selected row. */
static bool marks_verb(struct ui *u, const struct table *t, enum verb verb) {
    enum view_id id = ui_view(u)->id;
    if (!t || t->n_marked == 0 || !(verb == VERB_COPY || verb == VERB_DELETE))
        return false;
    if (verb == VERB_COPY)
        ui_copy_marked(u, t);
    else if (id == VIEW_topics || id == VIEW_groups)
        dialog_delete_marked(u, t, id == VIEW_topics ? ACTION_DELETE_TOPIC : ACTION_DELETE_GROUP);
    else
        return false;
    return true;
}

bool ui_verb(struct ui *u, enum verb verb, const char *arg) {
    struct view *v = ui_view(u);
    struct table *t = ui_table(u);
    u->dirty = true;
    if (marks_verb(u, t, verb) || (v->ops->verb && v->ops->verb(v, u, verb, arg)))
        return true;
    t = ui_table(u);
    return t && table_verb(t, verb);
}

bool ui_can(struct ui *u, enum verb verb) {
    struct view *v = ui_view(u);
    return !v->ops->can || v->ops->can(v, u, verb);
}

void ui_say(struct ui *u, enum role role, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(u->message, sizeof u->message, format, args);
    va_end(args);
    u->message_role = role;
    u->message_of_link = false;
    u->dirty = true;
}

void ui_copy(struct ui *u, struct slice text) {
    char shown[80];
    buf_clear(&u->copied);
    buf_put(&u->copied, text.p, text.n);
    u->copy = true;
    ui_say(u, ROLE_good, "copied: %s", text_safe(text, shown, sizeof shown));
}

const char *ui_key(const struct ui *u, const char *command, char out[24]) {
    if (u->key_label)
        u->key_label(u, command, out);
    else
        snprintf(out, 24, ":%.20s", command);
    return out;
}

static uint64_t hash_bytes(uint64_t h, const void *p, size_t n) {
    const uint8_t *b = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ b[i]) * 0x100000001b3u;
    return (h ^ n) * 0x100000001b3u;
}

/* The client is told only when something else is on the screen. */
void ui_interest(struct ui *u) {
    struct client_interest interest = {.topics = u->want_topics, .groups = u->want_groups};
    struct view *v = ui_view(u);
    if (v->ops->interest)
        v->ops->interest(v, u, &interest);
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < interest.n_topics; i++)
        h = hash_bytes(h, interest.topics[i].p, interest.topics[i].n);
    h = hash_bytes(h, &interest.n_topics, sizeof interest.n_topics);
    for (size_t i = 0; i < interest.n_groups; i++)
        h = hash_bytes(h, interest.groups[i].p, interest.groups[i].n);
    uint8_t flags =
        (uint8_t)(interest.all_offsets | interest.all_groups << 1 | interest.sizes << 2 | interest.quorum << 3);
    h = hash_bytes(h, &flags, 1);
    if (h == u->wanted)
        return;
    u->wanted = h;
    client_set_interest(u->client, &interest);
}

/* Every view that wants ticks: the one on top, and those that work in the background. */
static int64_t ui_ticks(struct ui *u, bool act) {
    int64_t soonest = INT64_MAX;
    for (int i = 0; i < VIEW_TABS; i++)
        for (int k = 0; k < u->depth[i]; k++) {
            struct view *v = u->stack[i][k];
            if (v != ui_view(u) && !v->ops->background)
                continue;
            if (act && v->ops->tick && v->ops->tick(v, u))
                u->dirty = true;
            int64_t us = !act && v->ops->tick_us ? v->ops->tick_us(v, u) : INT64_MAX;
            soonest = us < soonest ? us : soonest;
        }
    return soonest;
}

void ui_tick(struct ui *u) { ui_ticks(u, true); }
int64_t ui_tick_us(struct ui *u) { return ui_ticks(u, false); }

/* ---- the frame ---- */

void ui_paint_no_match(const struct ui *u, struct canvas *c, struct rect r, const char *what) {
    char key[24], text[80], more[48];
    snprintf(text, sizeof text, "No %s matches", what);
    snprintf(more, sizeof more, "%s shows all", ui_key(u, "back", key));
    frame_nothing(c, r, text, more);
}

static void tab_count(struct ui *u, enum view_id id, struct frame_tab *tab) {
    const struct snapshot *s = u->snap;
    int64_t n = -1;
    enum value_state state = VALUE_KNOWN;
    if (id == VIEW_topics || id == VIEW_groups) {
        const struct tally *all = id == VIEW_topics ? &u->topics : &u->groups;
        n = u->internal ? all->n : all->n - all->internal;
        tab->trouble = all->bad;
        tab->soon = all->soon;
        state = id == VIEW_topics ? s->topics_state : s->groups_state;
    } else if (id == VIEW_cluster) {
        for (int32_t i = 0; i < s->brokers.n; i++)
            tab->trouble += s->brokers.v[i].why.n > 0;
    } else if (id == VIEW_changes) {
        n = (int64_t)u->changes.n;
    }
    if (state == VALUE_WANTED)
        snprintf(tab->count, sizeof tab->count, "…");
    else if (state == VALUE_FAILED)
        snprintf(tab->count, sizeof tab->count, "?");
    else if (n >= 0 && !(id == VIEW_changes && n == 0)) {
        char number[FORMAT_SIZE];
        snprintf(tab->count, sizeof tab->count, "%.20s", fmt_group(number, n));
    }
}

/* What keeps the screen empty though the bootstrap answered: a broker whose advertised name does not resolve, or
 * none that can be reached.  One that is down among others is told by the rows that it hurts. */
static struct slice ui_broker_why(const struct ui *u) {
    const struct snapshot *s = u->snap;
    struct slice first = SLICE_NULL;
    int32_t n = 0;
    for (int32_t i = 0; s->link == LINK_UP && i < s->brokers.n; i++) {
        if (s->brokers.v[i].misnamed)
            return s->brokers.v[i].why;
        n += s->brokers.v[i].why.n > 0;
        first = n == 1 ? s->brokers.v[i].why : first;
    }
    return n > 0 && n == s->brokers.n ? first : SLICE_NULL;
}

/* The rows are old and the reason stands over the hints, unless a key was just answered. */
static bool ui_tells_why(const struct ui *u) {
    if (ui_broker_why(u).n > 0)
        return true;
    return u->snap->link == LINK_DOWN && u->snap->why.n && u->snap->topics.n > 0 &&
           (!u->message[0] || u->message_role == ROLE_text);
}

/* What stands above the hints, null nothing.  The buffer is the caller's to free. */
static const char *ui_sentence(struct ui *u, struct buf *why, enum role *role) {
    if (!ui_tells_why(u) || (u->snap->link != LINK_DOWN && u->message[0])) {
        *role = u->message_role;
        return u->message[0] ? u->message : NULL;
    }
    char key[24];
    struct slice broker = ui_broker_why(u), text = broker.n > 0 ? broker : u->snap->why;
    *role = ROLE_bad;
    buf_put(why, text.p, text.n < 400 ? text.n : 400);
    if (broker.n == 0)
        buf_printf(why, " · %s tries again", ui_key(u, "retry", key));
    buf_put_u8(why, 0);
    return (const char *)why->p;
}

void ui_paint_no_link(struct ui *u, struct canvas *c, struct rect r) {
    struct slice why = u->snap->why.n ? u->snap->why : SLICE("the cluster does not answer");
    int w = canvas_foreign_width(c, why, r.w), most = r.w < 100 ? r.w - 4 : 96;
    w = w < 54 ? 54 : w < most ? w : most;
    int x = r.x + (r.w - w > 2 ? (r.w - w) / 2 : 1), y = r.y + r.h * 2 / 5, used;
    struct block b = {.words = true};
    block_foreign(&b, ROLE_bad, why);
    int h = block_rows(&b, c, w, true);
    block_paint(&b, c, (struct rect){y - h + 1, x, h, w}, 0, 0, true);
    block_fini(&b);
    char key[24];
    used = canvas_put(c, y + 2, x, r.w - x, ROLE_hint_key, ui_key(u, "retry", key));
    used += canvas_put(c, y + 2, x + used, r.w - x - used, ROLE_text, " tries again   ");
    used += canvas_put(c, y + 2, x + used, r.w - x - used, ROLE_hint_key, ":connect");
    canvas_put(c, y + 2, x + used, r.w - x - used, ROLE_text, " HOST:PORT goes to another");
}

void ui_paint(struct ui *u, struct canvas *c) {
    struct frame_tab tabs[VIEW_TABS] = {0};
    struct table *t = ui_table(u);
    struct view *v = ui_view(u);
    u->env.all_stale = frame_is_stale(u->snap, u->env.now_us) || u->snap->link == LINK_DOWN;
    for (int i = 0; i < VIEW_TABS; i++) {
        tabs[i].key = views[i].digit;
        tabs[i].name = views[i].title;
        tabs[i].current = i == u->tab;
        tab_count(u, (enum view_id)i, &tabs[i]);
    }
    canvas_clear(c);
    frame_status(c, 0, u->snap, &u->env, u->address, u->read_only);
    char marked[48] = "";
    if (t && t->n_marked > t->n_marked_shown)
        snprintf(marked, sizeof marked, "%d marked, %d not shown", t->n_marked, t->n_marked - t->n_marked_shown);
    else if (t && t->n_marked)
        snprintf(marked, sizeof marked, "%d marked", t->n_marked);
    frame_tabs(c, 1, tabs, VIEW_TABS, t ? t->filter : NULL, marked);
    struct buf why = {0};
    enum role role;
    const char *sentence = ui_sentence(u, &why, &role);
    struct rect body = {2, 0, c->h - 3 - (sentence ? frame_message_rows(c, sentence) : 0), c->w};
    if (body.h > 0)
        v->ops->paint(v, u, c, body);
    if (sentence)
        frame_message(c, c->h - 2, role, sentence);
    buf_fini(&why);
}
