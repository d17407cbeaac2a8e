/* A form for a message, and under it the receipts as they come.
 *
 * Typing goes to the form until Esc; then keys mean what they mean elsewhere and
 * Tab or Enter goes back into the form.  A run of many messages is fed to the
 * client in portions between two looks at the keyboard. */
#include "tui/views/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RECEIPTS 500
#define PORTION 2000
#define PORTION_US 20000
#define PAST 32
#define HEADERS_MAX 32

enum { F_TOPIC, F_PARTITION, F_KEY, F_NULL, F_HEADERS, F_VALUE, F_CODEC, F_ACKS, F_COUNT, F_RATE, F_N };
static const char *const choices_null[] = {"none", "key", "value", "both", NULL};
static const char *const choices_codec[] = {"none", "gzip", "snappy", "lz4", "zstd", NULL};
static const char *const choices_acks[] = {"all", "1", "0", NULL};

struct receipt { bool ok; int32_t partition; int64_t offset, took_us, wall_ms; char text[160]; };
struct produce {
    struct view view;
    struct form form;
    bool typing;
    struct receipt *receipts;   /* ring */
    uint64_t n_receipts;
    uint64_t sent, acked, failed, first_id;
    int64_t took_sum_us;
    /* the run */
    int64_t left, rate, started_us, run_sent;
    struct produce_message message;
    struct record_header headers[HEADERS_MAX];
    char *topic, *header_text;
    struct slice key, value;
    char *past[PAST][3];        /* key, headers, value of what was sent, newest last */
    int n_past, at_past;
};

static void producev_open(struct view *v, struct ui *u) {
    struct produce *me = (struct produce *)v;
    struct form *f = &me->form;
    (void)u;
    me->receipts = mem_zalloc(RECEIPTS * sizeof *me->receipts);
    form_add(f, FIELD_TEXT, "Topic", "a topic's name")->width = 36;
    struct field *field = form_add(f, FIELD_TEXT, "Partition", "by key");
    field->same_row = true;
    field->width = 8;
    form_add(f, FIELD_TEXT, "Key", NULL)->width = 36;
    field = form_add(f, FIELD_CHOICE, "Null", NULL);
    field->same_row = true;
    field->choices = choices_null;
    form_add(f, FIELD_TEXT, "Headers", "name=value, name=value");
    field = form_add(f, FIELD_LINES, "Value", "text as it is sent; ctrl-e opens your editor");
    field->rows = 5;
    form_add(f, FIELD_CHOICE, "Codec", NULL)->choices = choices_codec;
    form_add(f, FIELD_CHOICE, "Acks", NULL)->choices = choices_acks;
    f->fields[F_CODEC].width = 36;
    f->fields[F_ACKS].same_row = true;
    f->fields[F_ACKS].width = 14;
    field = form_add(f, FIELD_TEXT, "Count", "1");
    field->width = 12;
    field = form_add(f, FIELD_TEXT, "a second", "as fast as it goes");
    field->same_row = true;
    field->width = 20;
    me->typing = true;
}

static void run_forget(struct produce *me) {
    free(me->topic);
    free(me->header_text);
    free((void *)(uintptr_t)me->key.p);
    free((void *)(uintptr_t)me->value.p);
    me->topic = me->header_text = NULL;
    me->key = me->value = SLICE_NULL;
    me->left = 0;
}

static void producev_close(struct view *v, struct ui *u) {
    struct produce *me = (struct produce *)v;
    (void)u;
    form_fini(&me->form);
    run_forget(me);
    free(me->receipts);
    for (int i = 0; i < me->n_past; i++)
        for (int k = 0; k < 3; k++)
            free(me->past[i][k]);
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
    struct buf headers = {0};
    struct slice rest = row->headers;
    struct record_header h;
    while (rest.n > 0 && record_header_next(&rest, &h) == OK) {
        if (headers.n)
            buf_puts(&headers, ", ");
        buf_put(&headers, h.key.p, h.key.n);
        buf_puts(&headers, "=");
        buf_put(&headers, h.value.p, h.value.n);
    }
    edit_set(&me->form.fields[F_KEY].edit, row->key);
    edit_set(&me->form.fields[F_VALUE].edit, row->value);
    edit_set(&me->form.fields[F_HEADERS].edit, buf_slice(&headers));
    me->form.fields[F_NULL].choice = (row->key.p ? 0 : 1) + (row->value.p ? 0 : 2);
    buf_fini(&headers);
    ui_produce_topic(u, topic);
    if (row->value_bytes > row->value.n || row->key_bytes > row->key.n)
        ui_say(u, ROLE_warn, "only the first 64 KiB of that record are here: what is sent would be shorter");
}

/* ---- sending ---- */

static int headers_parse(char *text, struct record_header *out) {
    int n = 0;
    char *save = NULL;
    for (char *p = strtok_r(text, ",", &save); p && n < HEADERS_MAX; p = strtok_r(NULL, ",", &save)) {
        p += strspn(p, " ");
        char *equal = strchr(p, '=');
        if (equal)
            *equal = '\0';
        out[n].key = slice_cstr(p);
        out[n++].value = equal ? slice_cstr(equal + 1) : SLICE_NULL;
    }
    return n;
}

static bool number_of(struct form *f, int i, int64_t if_empty, int64_t *out) {
    const char *text = form_text(f, i);
    char *end;
    *out = if_empty;
    if (!*text)
        return true;
    *out = strtoll(text, &end, 10);
    return *end == '\0' && *out >= 0;
}

static void past_add(struct produce *me) {
    static const int fields[3] = {F_KEY, F_HEADERS, F_VALUE};
    if (me->n_past == PAST) {
        for (int k = 0; k < 3; k++)
            free(me->past[0][k]);
        memmove(me->past[0], me->past[1], (PAST - 1) * sizeof me->past[0]);
        me->n_past--;
    }
    for (int k = 0; k < 3; k++)
        me->past[me->n_past][k] = mem_strdup(form_text(&me->form, fields[k]));
    me->at_past = ++me->n_past;
}

static void past_move(struct produce *me, int step) {
    static const int fields[3] = {F_KEY, F_HEADERS, F_VALUE};
    int to = me->at_past + step;
    if (to < 0 || to > me->n_past)
        return;
    me->at_past = to;
    for (int k = 0; k < 3; k++)
        edit_set(&me->form.fields[fields[k]].edit, slice_cstr(to == me->n_past ? "" : me->past[to][k]));
}

static void produce_feed(struct produce *me, struct ui *u) {
    int64_t due = me->left;
    if (me->left == 0)
        return;
    if (me->rate > 0) {
        int64_t by_now = (u->env.now_us - me->started_us) * me->rate / 1000000 + 1;
        due = by_now - me->run_sent < due ? by_now - me->run_sent : due;
    }
    for (int64_t i = 0; i < due && i < PORTION; i++) {
        uint64_t id = client_produce(u->client, &me->message);
        if (id == 0)
            break;
        me->sent++;
        me->run_sent++;
        me->left--;
    }
    if (me->left == 0)
        run_forget(me);
    u->dirty = true;
}

static bool produce_send(struct produce *me, struct ui *u) {
    struct form *f = &me->form;
    int64_t count, rate, partition;
    if (!*form_text(f, F_TOPIC))
        return ui_say(u, ROLE_bad, "which topic?"), f->focus = F_TOPIC, true;
    if (!number_of(f, F_COUNT, 1, &count) || count < 1)
        return ui_say(u, ROLE_bad, "Count is a number from 1"), f->focus = F_COUNT, true;
    if (!number_of(f, F_RATE, 0, &rate))
        return ui_say(u, ROLE_bad, "the rate is a number of messages a second"), f->focus = F_RATE, true;
    if (!number_of(f, F_PARTITION, -1, &partition) || partition > INT32_MAX)
        return ui_say(u, ROLE_bad, "Partition is a number, or empty: chosen by the key"), f->focus = F_PARTITION, true;
    run_forget(me);
    int null = f->fields[F_NULL].choice;
    me->topic = mem_strdup(form_text(f, F_TOPIC));
    me->header_text = mem_strdup(form_text(f, F_HEADERS));
    struct slice key = buf_slice(&f->fields[F_KEY].edit.text), value = buf_slice(&f->fields[F_VALUE].edit.text);
    me->key = null & 1 || key.n == 0 ? SLICE_NULL : mem_dup(key);
    me->value = null & 2 ? SLICE_NULL : mem_dup(value.p ? value : SLICE(""));
    me->message = (struct produce_message){
        .topic = me->topic, .partition = (int32_t)partition, .key = me->key, .value = me->value,
        .headers = me->headers, .n_headers = headers_parse(me->header_text, me->headers),
        .acks = f->fields[F_ACKS].choice == 0 ? -1 : f->fields[F_ACKS].choice == 1 ? 1 : 0,
        .codec = (enum batch_codec)f->fields[F_CODEC].choice,
    };
    past_add(me);
    me->left = count;
    me->rate = rate;
    me->started_us = u->env.now_us;
    me->run_sent = 0;
    me->sent = me->acked = me->failed = 0;
    me->took_sum_us = 0;
    u->message[0] = '\0';
    produce_feed(me, u);
    return true;
}

static bool producev_event(struct view *v, struct ui *u, const struct client_event *e) {
    struct produce *me = (struct produce *)v;
    (void)u;
    if (e->kind != EVENT_RECEIPT)
        return false;
    struct receipt *r = &me->receipts[me->n_receipts++ % RECEIPTS];
    *r = (struct receipt){.ok = e->ok, .partition = e->partition, .offset = e->offset, .took_us = e->took_us,
                          .wall_ms = e->wall_ms};
    snprintf(r->text, sizeof r->text, "%s", e->text ? e->text : "");
    me->acked += e->ok;
    me->failed += !e->ok;
    me->took_sum_us += e->ok ? e->took_us : 0;
    return true;
}

static bool producev_tick(struct view *v, struct ui *u) {
    produce_feed((struct produce *)v, u);
    return false;
}

static int64_t producev_tick_us(struct view *v, struct ui *u) {
    struct produce *me = (struct produce *)v;
    (void)u;
    if (me->left == 0)
        return INT64_MAX;
    int64_t between = me->rate > 0 ? 1000000 / me->rate : 0;
    return between > PORTION_US ? between : PORTION_US;
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

static void paint_sum(struct produce *me, struct ui *u, struct canvas *c, int y, int x, int w) {
    char a[FORMAT_SIZE], b[FORMAT_SIZE];
    int at = x + canvas_put(c, y, x, w, ROLE_header, "RECEIPTS") + 2;
    if (me->sent == 0 && me->n_receipts == 0) {
        canvas_put(c, y, at, x + w - at, ROLE_dim, "none yet");
        return;
    }
    at += canvas_printf(c, y, at, x + w - at, ROLE_text, "%s sent", fmt_group(a, (int64_t)me->sent)) + 2;
    at += canvas_printf(c, y, at, x + w - at, ROLE_good, "%s acknowledged", fmt_group(a, (int64_t)me->acked)) + 2;
    if (me->failed)
        at += canvas_printf(c, y, at, x + w - at, ROLE_bad, "%s failed", fmt_group(a, (int64_t)me->failed)) + 2;
    if (me->acked)
        at += canvas_printf(c, y, at, x + w - at, ROLE_dim, "%s each",
                            fmt_took(b, me->took_sum_us / (int64_t)me->acked)) + 2;
    if (me->left)
        at += canvas_printf(c, y, at, x + w - at, ROLE_warn, "%s to go", fmt_group(a, me->left)) + 2;
    size_t pending = client_produce_pending(u->client);
    if (pending)
        canvas_printf(c, y, at, x + w - at, ROLE_warn, "%s under way", fmt_group(a, (int64_t)pending));
}

static void producev_paint(struct view *v, struct ui *u, struct canvas *c, struct rect r) {
    struct produce *me = (struct produce *)v;
    int y = r.y + 1;
    me->form.fields[F_PARTITION].hint = me->typing && me->form.focus == F_PARTITION ? NULL : "by key";
    me->form.fields[F_VALUE].rows = r.h >= 40 ? 14 : r.h >= 28 ? 8 : 4;
    me->form.fields[F_KEY].off = me->form.fields[F_NULL].choice & 1;
    me->form.fields[F_VALUE].off = me->form.fields[F_NULL].choice & 2;
    int form_w = r.w - 4 < 120 ? r.w - 4 : 120;
    y += form_paint(&me->form, c, (struct rect){y, r.x + 2, r.h - 2, form_w}, me->typing) + 1;
    if (y >= r.y + r.h)
        return;
    paint_sum(me, u, c, y++, r.x + 3, r.w - 4);
    for (uint64_t i = 0; i < me->n_receipts && i < RECEIPTS && y < r.y + r.h; i++, y++)
        paint_receipt(c, y, r.x, r.w - 1, &me->receipts[(me->n_receipts - 1 - i) % RECEIPTS], &u->env);
}

/* ---- keys ---- */

static bool producev_key(struct view *v, struct ui *u, const struct key *k) {
    struct produce *me = (struct produce *)v;
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
    if (key_is(k, "ctrl-p") || key_is(k, "ctrl-n") || (key_is(k, "up") && me->form.focus == F_TOPIC)) {
        past_move(me, key_is(k, "ctrl-n") ? 1 : -1);
        return true;
    }
    enum form_result result = form_key(&me->form, k);
    if (result == FORM_SUBMIT)
        u->run(u, "send");
    return result != FORM_NO;
}

static bool producev_verb(struct view *v, struct ui *u, enum verb verb, const char *arg) {
    struct produce *me = (struct produce *)v;
    (void)arg;
    if (verb == VERB_SEND)
        return produce_send(me, u);
    if (verb == VERB_PAUSE && me->left) {
        ui_say(u, ROLE_warn, "stopped: %" PRId64 " messages were not sent", me->left);
        run_forget(me);
        return true;
    }
    if (verb == VERB_TAIL) {
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
    edit_set(&me->form.fields[F_VALUE].edit, text);
    u->dirty = true;
}

static bool producev_can(struct view *v, struct ui *u, enum verb verb) {
    struct produce *me = (struct produce *)v;
    (void)u;
    return verb != VERB_PAUSE || me->left > 0;
}

const struct view_ops view_produce = {
    .size = sizeof(struct produce), .background = true, .open = producev_open, .close = producev_close,
    .paint = producev_paint, .key = producev_key, .verb = producev_verb, .can = producev_can,
    .event = producev_event, .tick = producev_tick, .tick_us = producev_tick_us, .text = producev_text,
    .edited = producev_edited,
};
