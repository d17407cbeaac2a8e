/* A form for a message, and under it the receipts as they come.
 *
 * Typing goes to the form until Esc; then keys mean what they mean elsewhere and
 * Tab or Enter goes back into the form.  What is sent, and how fast, is a run
 * (produce_run.h), fed between two looks at the keyboard. */
#include "tui/views/produce_run.h"
#include "tui/views/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIPTS 500
#define PAINT_US 100000     /* while receipts pour in */
#define MANY 100
#define PAST 32
#define TOPIC_W 30

enum { F_TOPIC, F_PARTITION, F_KEY, F_NULL, F_HEADERS, F_VALUE, F_FILE, F_AS, F_CODEC, F_ACKS, F_COUNT, F_RATE, F_WAIT,
       F_N };
static const int past_fields[] = {F_KEY, F_HEADERS, F_VALUE};
#define N_PAST 3
/* auto: a key that is empty is none. */
static const char *const choices_null[] = {"auto", "key", "value", "both", "none", NULL};
static const char *const choices_as[] = {"lines", "one", "exported", NULL};
static const char *const choices_codec[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};
static const char *const choices_acks[] = {"all", "1", "0", NULL};
static const int acks_of[] = {-1, 1, 0};
static const char *const choices_wait[] = {"no", "each", NULL};

struct receipt { bool ok; int32_t partition; int64_t offset, took_us, wall_ms; char text[160]; };
struct past { char *text[N_PAST]; size_t n[N_PAST]; int null; };
struct produce {
    struct view view;
    struct form form;
    bool typing;
    struct receipt *receipts;   /* ring */
    uint64_t n_receipts;
    uint64_t acked, failed;
    int64_t sent, took_sum_us;
    struct run run;
    struct past past[PAST];     /* what was sent, or gave way to a record, newest last */
    struct past draft;          /* what stood in the form when one of them was brought back */
    int n_past, at_past;        /* at_past == n_past: none of them is in the form */
    char path[200];             /* of the file of the run */
    bool news;                  /* since the last paint */
    int64_t painted_us;
};

/* The form begins from what -X says of acks and compression, as weir produce does. */
static void choose_defaults(struct form *f, const struct client *client) {
    struct produce_message m;
    client_produce_defaults(client, &m);
    f->fields[F_CODEC].choice = (int)m.codec;
    while (acks_of[f->fields[F_ACKS].choice] != m.acks)
        f->fields[F_ACKS].choice++;
}

static void producev_open(struct view *v, struct ui *u) {
    struct produce *me = (struct produce *)v;
    struct form *f = &me->form;
    me->receipts = mem_zalloc(RECEIPTS * sizeof *me->receipts);
    form_add(f, FIELD_TEXT, "Topic", "a topic's name")->width = TOPIC_W;
    struct field *field = form_add(f, FIELD_TEXT, "Partition", "by key");
    field->same_row = true;
    field->width = 8;
    form_add(f, FIELD_TEXT, "Key", NULL)->width = 30;
    field = form_add(f, FIELD_CHOICE, "Null", NULL);
    field->same_row = true;
    field->choices = choices_null;
    form_add(f, FIELD_TEXT, "Headers", "name=value, name=value");
    field = form_add(f, FIELD_LINES, "Value", "as it is sent; with a count {n} is its number; ctrl-e opens $EDITOR");
    field->rows = 5;
    form_add(f, FIELD_TEXT, "or File", "PATH of the values")->width = 30;
    field = form_add(f, FIELD_CHOICE, "As", NULL);
    field->same_row = true;
    field->choices = choices_as;
    field = form_add(f, FIELD_CHOICE, "Codec", NULL);
    field->choices = choices_codec;
    field->width = 36;
    field = form_add(f, FIELD_CHOICE, "Acks", NULL);
    field->choices = choices_acks;
    field->same_row = true;
    field->width = 14;
    form_add(f, FIELD_TEXT, "Count", "1")->width = 12;
    field = form_add(f, FIELD_TEXT, "a second", "as fast as it goes");
    field->same_row = true;
    field->width = 20;
    field = form_add(f, FIELD_CHOICE, "Await", NULL);
    field->same_row = true;
    field->choices = choices_wait;
    choose_defaults(f, u->client);
    me->typing = true;
}

static void past_free(struct past *p) {
    for (int k = 0; k < N_PAST; k++)
        free(p->text[k]);
}

static void producev_close(struct view *v, struct ui *u) {
    struct produce *me = (struct produce *)v;
    (void)u;
    form_fini(&me->form);
    run_end(&me->run);
    free(me->receipts);
    for (int i = 0; i < me->n_past; i++)
        past_free(&me->past[i]);
    past_free(&me->draft);
}

static void past_take(struct produce *me, struct past *p) {
    for (int k = 0; k < N_PAST; k++) {
        struct slice text = buf_slice(&me->form.fields[past_fields[k]].edit.text);
        p->text[k] = mem_strndup(text.p ? text : SLICE(""));
        p->n[k] = text.n;
    }
    p->null = me->form.fields[F_NULL].choice;
}

static void past_add(struct produce *me) {
    if (me->n_past == PAST) {
        past_free(&me->past[0]);
        memmove(me->past, me->past + 1, (PAST - 1) * sizeof me->past[0]);
        me->n_past--;
    }
    past_take(me, &me->past[me->n_past]);
    past_free(&me->draft);
    me->draft = (struct past){0};
    me->at_past = ++me->n_past;
}

/* What is in the form and was not sent gives way to something else: it can be brought back too. */
static void past_keep(struct produce *me) {
    const struct past *last = me->n_past > 0 ? &me->past[me->n_past - 1] : NULL;
    bool empty = true, again = last != NULL;
    for (int k = 0; k < N_PAST; k++) {
        struct slice text = buf_slice(&me->form.fields[past_fields[k]].edit.text);
        empty = empty && text.n == 0;
        again = again && slice_eq(text, slice_of(last->text[k], last->n[k]));
    }
    if (!empty && !again)
        past_add(me);
}

void ui_produce_topic(struct ui *u, struct slice topic) {
    struct produce *me = (struct produce *)u->stack[VIEW_produce][0];
    edit_set(&me->form.fields[F_TOPIC].edit, topic);
    me->form.focus = F_VALUE;
    me->typing = true;
    ui_tab(u, VIEW_produce);
}

void ui_produce_record(struct ui *u, struct slice topic, const struct tail_row *row) {
    struct produce *me = (struct produce *)u->stack[VIEW_produce][0];
    struct field *fields = me->form.fields;
    struct buf headers = {0};
    if (row->value_bytes > row->value.n || row->key_bytes > row->key.n || row->value.n > EDIT_MAX ||
        row->key.n > EDIT_MAX) {
        ui_say(u, ROLE_bad, "that record is too large for the form, which takes 1 MiB");
        return;
    }
    past_keep(me);
    run_headers_text(&headers, row->headers, row->n_headers);
    edit_set(&fields[F_KEY].edit, row->key);
    edit_set(&fields[F_VALUE].edit, row->value);
    edit_set(&fields[F_HEADERS].edit, buf_slice(&headers));
    edit_set(&fields[F_FILE].edit, SLICE(""));
    int null = (row->key.p ? 0 : 1) + (row->value.p ? 0 : 2);
    fields[F_NULL].choice = null == 0 && row->key.n == 0 ? 4 : null; /* an empty key stays one */
    if (headers.n > EDIT_MAX || row->n_headers > RUN_HEADERS_MAX)
        ui_say(u, ROLE_warn, "that record has more headers than fit here: they are not all sent");
    buf_fini(&headers);
    ui_produce_topic(u, topic);
}

/* ---- sending ---- */

static bool number_of(struct form *f, int i, int64_t if_empty, int64_t *out) {
    const char *text = form_text(f, i);
    char *end;
    *out = if_empty;
    if (!*text)
        return true;
    *out = strtoll(text, &end, 10);
    return *end == '\0' && *out >= 0;
}

static void past_move(struct produce *me, struct ui *u, int step) {
    int to = me->at_past + step;
    if (me->n_past == 0 || to < 0 || to > me->n_past) {
        ui_say(u, ROLE_dim, "%s", step < 0 ? "nothing earlier" : "nothing later");
        return;
    }
    if (me->at_past == me->n_past) { /* what is being written comes back after the newest */
        past_free(&me->draft);
        past_take(me, &me->draft);
    }
    me->at_past = to;
    const struct past *p = to == me->n_past ? &me->draft : &me->past[to];
    for (int k = 0; k < N_PAST; k++)
        edit_set(&me->form.fields[past_fields[k]].edit, slice_of(p->text[k], p->n[k]));
    me->form.fields[F_NULL].choice = p->null;
    if (to < me->n_past)
        ui_say(u, ROLE_dim, "earlier, %d of %d · ^P before that, ^N back to what you were writing", me->n_past - to,
               me->n_past);
}

static void produce_feed(struct produce *me, struct ui *u) {
    if (!run_is_on(&me->run))
        return;
    me->sent += run_feed(&me->run, u->client, u->env.now_us);
    me->news = true;
    if (!run_is_on(&me->run) && me->run.why[0])
        ui_say(u, ROLE_bad, "%s", me->run.why);
    u->hurry = me->run.waits;
}

static bool produce_wrong(struct produce *me, struct ui *u, int field, const char *why) {
    ui_say(u, ROLE_bad, "%s", why);
    me->form.focus = field;
    return true;
}

static bool produce_send(struct produce *me, struct ui *u) {
    struct form *f = &me->form;
    int64_t count, rate, partition;
    char why[300];
    if (run_is_on(&me->run))
        return ui_say(u, ROLE_warn, "a run is under way; stop it first"), true;
    if (!*form_text(f, F_TOPIC))
        return produce_wrong(me, u, F_TOPIC, "which topic?");
    if (!number_of(f, F_COUNT, 1, &count) || count < 1)
        return produce_wrong(me, u, F_COUNT, "Count is a number from 1");
    if (!number_of(f, F_RATE, 0, &rate))
        return produce_wrong(me, u, F_RATE, "the rate is a number of messages a second");
    if (!number_of(f, F_PARTITION, -1, &partition) || partition > INT32_MAX)
        return produce_wrong(me, u, F_PARTITION, "Partition is a number, or empty: chosen by the key");
    int null = f->fields[F_NULL].choice;
    bool key_null = null == 1 || null == 3, value_null = null == 2 || null == 3, none = null == 4;
    struct slice key = buf_slice(&f->fields[F_KEY].edit.text), value = buf_slice(&f->fields[F_VALUE].edit.text);
    const char *path = form_text(f, F_FILE);
    snprintf(me->path, sizeof me->path, "%s", path);
    struct run_spec spec = {
        .topic = form_text(f, F_TOPIC), .headers = form_text(f, F_HEADERS), .partition = (int32_t)partition,
        .key = key_null || (key.n == 0 && !none) ? SLICE_NULL : key.n == 0 ? SLICE("") : key,
        .value = value_null ? SLICE_NULL : value.n == 0 ? SLICE("") : value,
        .acks = acks_of[f->fields[F_ACKS].choice], .codec = (enum batch_codec)f->fields[F_CODEC].choice,
        .count = count, .rate = rate, .sync = f->fields[F_WAIT].choice == 1, .file = *path && !value_null ? path : NULL,
        .as = (enum run_as)f->fields[F_AS].choice,
    };
    if (!run_begin(&me->run, &spec, u->env.now_us, why, sizeof why))
        return produce_wrong(me, u, spec.file ? F_FILE : F_HEADERS, why);
    past_add(me);
    me->sent = me->took_sum_us = 0;
    me->acked = me->failed = 0;
    u->message[0] = '\0';
    produce_feed(me, u);
    return true;
}

static void produce_stop(struct produce *me, struct ui *u) {
    char n[FORMAT_SIZE];
    struct run *r = &me->run;
    if (r->file)
        ui_say(u, ROLE_warn, "stopped after %s messages of %s", fmt_group(n, me->sent), me->path);
    else
        ui_say(u, ROLE_warn, "stopped: %s message%s not sent", fmt_group(n, r->left), r->left == 1 ? " was" : "s were");
    run_end(r);
    u->hurry = false;
}

/* The rest of a run was meant for the cluster before. */
static void producev_connected(struct view *v, struct ui *u) {
    if (run_is_on(&((struct produce *)v)->run))
        produce_stop((struct produce *)v, u);
}

static bool producev_event(struct view *v, struct ui *u, const struct client_event *e) {
    struct produce *me = (struct produce *)v;
    if (e->kind != EVENT_RECEIPT)
        return false;
    struct receipt *r = &me->receipts[me->n_receipts++ % RECEIPTS];
    *r = (struct receipt){.ok = e->ok, .partition = e->partition, .offset = e->offset, .took_us = e->took_us,
                          .wall_ms = e->wall_ms};
    snprintf(r->text, sizeof r->text, "%s", e->text ? e->text : "");
    me->acked += e->ok;
    me->failed += !e->ok;
    me->took_sum_us += e->ok ? e->took_us : 0;
    me->news = true;
    run_receipt(&me->run, e->id);
    u->hurry = me->run.waits;
    return true;
}

/* Until the news must be seen; INT64_MAX: there are none, or nobody looks. */
static int64_t news_us(struct produce *me, struct ui *u) {
    if (!me->news || ui_view(u) != &me->view)
        return INT64_MAX;
    bool many = run_is_on(&me->run) || client_produce_pending(u->client) > MANY;
    int64_t due = me->painted_us + (many ? PAINT_US : 0) - u->env.now_us;
    return due > 0 ? due : 0;
}

static bool producev_tick(struct view *v, struct ui *u) {
    produce_feed((struct produce *)v, u);
    return news_us((struct produce *)v, u) == 0;
}

static int64_t producev_tick_us(struct view *v, struct ui *u) {
    int64_t feed = run_due_us(&((struct produce *)v)->run), paint = news_us((struct produce *)v, u);
    return feed < paint ? feed : paint;
}

/* Why leaving now would lose something. */
static bool producev_busy(struct view *v, struct ui *u, char *why, size_t size) {
    struct produce *me = (struct produce *)v;
    char n[FORMAT_SIZE];
    size_t pending = client_produce_pending(u->client);
    if (me->run.file)
        snprintf(why, size, "Messages are still being sent from %s.", me->path);
    else if (run_is_on(&me->run))
        snprintf(why, size, "%s message%s still to be sent.", fmt_group(n, me->run.left),
                 me->run.left == 1 ? " is" : "s are");
    else if (pending > 0)
        snprintf(why, size, "%s message%s for a receipt.", fmt_group(n, (int64_t)pending),
                 pending == 1 ? " waits" : "s wait");
    return run_is_on(&me->run) || pending > 0;
}

/* ---- the topic's name ---- */

/* What would complete it, null when nothing would. */
static struct slice topic_rest(struct produce *me, const struct ui *u) {
    const struct edit *e = &me->form.fields[F_TOPIC].edit;
    const struct snapshot *s = u->snap;
    for (int32_t i = 0; e->text.n > 0 && i < s->topics.n; i++) {
        struct slice name = s->topics.v[i].name;
        if (name.n >= e->text.n && memcmp(name.p, e->text.p, e->text.n) == 0 && !s->topics.v[i].internal)
            return name.n > e->text.n ? slice_of(name.p + e->text.n, name.n - e->text.n) : SLICE_NULL;
    }
    return SLICE_NULL;
}

static bool topic_take(struct produce *me, struct ui *u) {
    struct edit *e = &me->form.fields[F_TOPIC].edit;
    struct slice rest = topic_rest(me, u);
    if (!rest.p || e->cursor != e->text.n)
        return false;
    struct buf name = {0};
    buf_put(&name, e->text.p, e->text.n);
    buf_put(&name, rest.p, rest.n);
    edit_set(e, buf_slice(&name));
    buf_fini(&name);
    return true;
}

static void paint_topic_rest(struct produce *me, struct ui *u, struct canvas *c) {
    struct slice rest = me->typing && me->form.focus == F_TOPIC ? topic_rest(me, u) : SLICE_NULL;
    int x = c->cursor_x, room = 28 - (c->cursor_x - me->form.label_w - 3);
    if (!rest.p || c->cursor_y < 0 || room < 4)
        return;
    x += canvas_put_foreign(c, c->cursor_y, x, room, ROLE_placeholder, rest);
    canvas_put(c, c->cursor_y, x, 2, ROLE_hint_key, " →");
}

/* A name that no topic has: the broker may make one of it, or refuse.  Said once the names are known. */
static void paint_topic_new(struct produce *me, struct ui *u, struct canvas *c, int y, int x) {
    const struct edit *e = &me->form.fields[F_TOPIC].edit;
    int used = canvas_foreign_width(c, buf_slice(&e->text), TOPIC_W), w = canvas_width(c, "no such topic");
    if (u->snap->topics_state == VALUE_KNOWN && e->text.n > 0 && used + 2 + w <= TOPIC_W &&
        !snapshot_topic(u->snap, buf_slice(&e->text)))
        canvas_put(c, y, x + me->form.label_w + 1 + TOPIC_W - w, w, ROLE_warn, "no such topic");
}

/* ---- painting ---- */

static void paint_receipt(struct canvas *c, int y, int x, int w, const struct receipt *r, const struct look_env *env) {
    char text[FORMAT_SIZE], took[FORMAT_SIZE];
    int at = x + 3;
    canvas_put(c, y, x + 1, 1, r->ok ? ROLE_good : ROLE_bad, r->ok ? "✓" : "✗");
    at += canvas_put(c, y, at, w, ROLE_dim, fmt_time(text, r->wall_ms, false)) + 2;
    if (r->ok && r->offset >= 0)
        at += canvas_printf(c, y, at, w, ROLE_bright, "%" PRId32 "@%s", r->partition, fmt_group(text, r->offset)) + 2;
    else if (r->ok)
        at += canvas_put(c, y, at, w, ROLE_text, "sent, no offset asked for") + 2;
    if (r->ok)
        at += canvas_put(c, y, at, w, ROLE_number, fmt_took(took, r->took_us)) + 2;
    if (r->text[0])
        canvas_put_foreign(c, y, at, x + w - at, r->ok ? ROLE_dim : ROLE_bad, slice_cstr(r->text));
    (void)env;
}

/* Whole pieces, the time of each last: that is what a small screen can do without. */
static void paint_sum(struct produce *me, struct ui *u, struct canvas *c, int y, int x, int w) {
    char a[FORMAT_SIZE], b[FORMAT_SIZE];
    int end = x + w, at = x + canvas_put(c, y, x, w, ROLE_header, "RECEIPTS") + 2;
    if (me->sent == 0 && me->n_receipts == 0) {
        canvas_put(c, y, at, x + w - at, ROLE_dim, "none yet");
        return;
    }
    at = frame_piece(c, y, at, end, ROLE_text, "%s sent", fmt_group(a, me->sent));
    at = frame_piece(c, y, at, end, ROLE_good, "  %s acknowledged", fmt_group(a, (int64_t)me->acked));
    if (me->failed)
        at = frame_piece(c, y, at, end, ROLE_bad, "  %s failed", fmt_group(a, (int64_t)me->failed));
    if (me->run.file && me->run.file_bytes > 0)
        at = frame_piece(c, y, at, end, ROLE_warn, "  %" PRId64 "%% of the file",
                         me->run.file_read * 100 / me->run.file_bytes);
    else if (run_is_on(&me->run))
        at = frame_piece(c, y, at, end, ROLE_warn, "  %s to go", fmt_group(a, me->run.left));
    size_t pending = client_produce_pending(u->client);
    if (pending)
        at = frame_piece(c, y, at, end, ROLE_warn, "  %s under way", fmt_group(a, (int64_t)pending));
    if (me->acked)
        frame_piece(c, y, at, end, ROLE_dim, "  %s each", fmt_took(b, me->took_sum_us / (int64_t)me->acked));
}

static void producev_paint(struct view *v, struct ui *u, struct canvas *c, struct rect r) {
    struct produce *me = (struct produce *)v;
    int y = r.y + 1;
    me->painted_us = u->env.now_us;
    me->news = false;
    me->form.fields[F_PARTITION].hint = me->typing && me->form.focus == F_PARTITION ? NULL : "by key";
    int null = me->form.fields[F_NULL].choice;
    bool file = me->form.fields[F_FILE].edit.text.n > 0, lines = file && me->form.fields[F_AS].choice != RUN_WHOLE;
    bool exported = file && me->form.fields[F_AS].choice == RUN_EXPORTED;
    me->form.fields[F_VALUE].rows = r.h >= 40 ? 14 : r.h >= 28 ? 8 : 4;
    me->form.fields[F_KEY].off = null == 1 || null == 3 || exported;
    me->form.fields[F_HEADERS].off = exported;
    me->form.fields[F_VALUE].off = null == 2 || null == 3 || file;
    me->form.fields[F_FILE].off = null == 2 || null == 3;
    me->form.fields[F_AS].off = !file;
    me->form.fields[F_COUNT].off = lines;
    me->form.fields[F_COUNT].hint = lines ? "all lines" : "1";
    int form_w = r.w - 4 < 120 ? r.w - 4 : 120;
    y += form_paint(&me->form, c, (struct rect){y, r.x + 2, r.h - 2, form_w}, me->typing) + 1;
    paint_topic_rest(me, u, c);
    if (!(me->typing && me->form.focus == F_TOPIC && topic_rest(me, u).p)) /* else its end is offered there */
        paint_topic_new(me, u, c, r.y + 1, r.x + 2);
    if (y >= r.y + r.h)
        return;
    paint_sum(me, u, c, y++, r.x + 3, r.w - 4);
    for (uint64_t i = 0; i < me->n_receipts && i < RECEIPTS && y < r.y + r.h; i++, y++)
        paint_receipt(c, y, r.x, r.w - 1, &me->receipts[(me->n_receipts - 1 - i) % RECEIPTS], &u->env);
}

/* ---- keys ---- */

static bool producev_key(struct view *v, struct ui *u, const struct key *k) {
    struct produce *me = (struct produce *)v;
    int focus = me->form.focus;
    u->dirty = true;
    if (!me->typing) {
        if (key_is(k, "tab") || key_is(k, "enter") || key_is(k, "i")) {
            me->typing = true;
            return true;
        }
        return false;
    }
    if (key_is(k, "esc")) {
        me->typing = false;
        return true;
    }
    if (focus == F_TOPIC && (key_is(k, "right") || key_is(k, "end") || key_is(k, "ctrl-f")) && topic_take(me, u))
        return true;
    if (key_is(k, "ctrl-p") || key_is(k, "ctrl-n") || (key_is(k, "up") && focus == F_TOPIC)) {
        past_move(me, u, key_is(k, "ctrl-n") ? 1 : -1);
        return true;
    }
    /* Only the key that is called send sends: Enter goes into the form, and one more must not write to a topic. */
    enum form_result result = form_key(&me->form, k);
    if (result == FORM_SUBMIT)
        form_walk(&me->form, 1);
    return result != FORM_NO;
}

static const struct own_key *producev_own_keys(const struct view *v, bool *typing) {
    static const struct own_key out[] = {{"tab", "fill in"}, {NULL, NULL}},
                                in[] = {{"tab", "next field"}, {"esc", "leave form"}, {NULL, NULL}},
                                again[] = {{"tab", "next field"}, {"esc", "leave form"}, {"ctrl-p", "earlier"},
                                           {NULL, NULL}};
    const struct produce *me = (const struct produce *)v;
    *typing = me->typing;
    return !me->typing ? out : me->n_past > 0 ? again : in;
}

static bool producev_verb(struct view *v, struct ui *u, enum verb verb, const char *arg) {
    struct produce *me = (struct produce *)v;
    (void)arg;
    if (verb == VERB_SEND)
        return produce_send(me, u);
    if (verb == VERB_PAUSE && run_is_on(&me->run)) {
        produce_stop(me, u);
        return true;
    }
    if (verb == VERB_TAIL && *form_text(&me->form, F_TOPIC)) {
        ui_tail_topic(u, slice_cstr(form_text(&me->form, F_TOPIC)), -1, -1);
        return true;
    }
    return false;
}

static struct slice producev_text(struct view *v) {
    return buf_slice(&((struct produce *)v)->form.fields[F_VALUE].edit.text);
}

static void producev_edited(struct view *v, struct ui *u, struct slice text) {
    struct produce *me = (struct produce *)v;
    if (text.n > 0 && text.p[text.n - 1] == '\n') /* the editor's, not the message's */
        text.n--;
    if (text.n > EDIT_MAX) {
        ui_say(u, ROLE_bad, "that is more than the form takes, 1 MiB; File sends it");
        return;
    }
    edit_set(&me->form.fields[F_VALUE].edit, text);
    u->dirty = true;
}

static bool producev_can(struct view *v, struct ui *u, enum verb verb) {
    struct produce *me = (struct produce *)v;
    (void)u;
    if (verb == VERB_TAIL)
        return me->form.fields[F_TOPIC].edit.text.n > 0;
    if (verb == VERB_COPY)
        return false;
    return verb != VERB_PAUSE || run_is_on(&me->run);
}

const struct view_ops view_produce = {
    .size = sizeof(struct produce), .background = true, .open = producev_open, .close = producev_close,
    .paint = producev_paint, .key = producev_key, .own_keys = producev_own_keys, .verb = producev_verb,
    .can = producev_can, .event = producev_event, .connected = producev_connected, .tick = producev_tick,
    .tick_us = producev_tick_us, .text = producev_text, .edited = producev_edited, .busy = producev_busy,
};
