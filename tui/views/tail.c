/* Records of a topic as they come.
 *
 *   live: the newest row is the last one on the screen, no bar
 *   held: (Space, or moving up) nothing moves; what comes is counted; the last
 *         HELD_ROWS before stay, however fast the ring would roll
 *   record: closed -Enter-> below the rows -Enter-> the whole page -Enter-> closed
 *
 * The rows on screen are those of the last tail_rows call; while held and not
 * scrolled it is not called again, so they stay even when the ring has moved on. */
#include "tui/views/tail_view.h"

#include "core/client/json_out.h"
#include "tui/term/term.h"
#include "tui/ui/json.h"

#include <inttypes.h>
#include <stdlib.h>

#define PAINT_US 100000             /* live: ten pictures a second are more than an eye reads */
#define PAGE_US 250000              /* where each would be a whole new page, four are */
#define LINE_BYTES_PER_S 32000      /* what a terminal far away takes without growing slow */
#define HELD_US 250000
#define HELD_ROWS 5000
#define FOLD_DEFAULT 3
#define CUT_BYTES ((size_t)4 * 1024 * 1024)
#define PEEK_BYTES 8192

static void tail_stop(struct tail_view *me, struct ui *u) {
    tail_view_export_stop(me, u, "another tail was begun");
    if (me->tail)
        tail_close(me->tail);
    me->tail = NULL;
    me->stats = (struct tail_stats){.distance = -1};
    me->n_rows = me->fetched_n = 0;
    me->bottom = me->selected = me->seen = me->record_serial = me->notes = 0;
    me->away = false;
    me->key_w = 6;
}

void tail_view_start(struct tail_view *me, struct ui *u) {
    struct error e;
    tail_stop(me, u);
    tail_match_fini(&me->match);
    me->live = true;
    me->detail = DETAIL_CLOSED;
    me->failed = false;
    if (!me->topic[0])
        return;
    struct tail_spec spec = {
        .topic = me->topic, .partitions = me->partitions, .n_partitions = me->n_partitions,
        .from = me->start.from, .value = me->start.value, .filter = me->filter[0] ? me->filter : NULL,
        .cut_bytes = CUT_BYTES, .peek_bytes = PEEK_BYTES,
    };
    if (tail_match_init(&me->match, spec.filter, &e) != OK || tail_open(u->client, &spec, &me->tail, &e) != OK) {
        me->tail = NULL;
        me->failed = true;
        snprintf(me->why, sizeof me->why, "%.290s", e.text);
    }
    u->dirty = true;
}

static void tailv_open(struct view *v, struct ui *u) {
    struct tail_view *me = (struct tail_view *)v;
    (void)u;
    me->rows = mem_zalloc(TAIL_ROWS_MAX * sizeof *me->rows);
    me->fold = FOLD_DEFAULT;
    me->key_w = 6;
    me->stats.distance = -1;
    tail_view_from_default(me);
}

/* Records of the cluster before must not stand under the name of this one, nor be sent again to it. */
static void tailv_connected(struct view *v, struct ui *u) { tail_view_start((struct tail_view *)v, u); }

static void tailv_close(struct view *v, struct ui *u) {
    struct tail_view *me = (struct tail_view *)v;
    tail_stop(me, u);
    tail_match_fini(&me->match);
    block_fini(&me->record);
    free(me->rows);
}

void ui_tail_topic(struct ui *u, struct slice topic, int32_t partition, int64_t offset) {
    struct tail_view *me = (struct tail_view *)u->stack[VIEW_tail][0];
    snprintf(me->topic, sizeof me->topic, "%.*s", (int)(topic.n < 290 ? topic.n : 290), (const char *)topic.p);
    me->partitions[0] = partition;
    me->n_partitions = partition >= 0 ? 1 : 0;
    me->filter[0] = '\0';
    tail_view_from_default(me);
    if (offset >= 0)
        tail_view_from_offset(me, offset);
    ui_tab(u, VIEW_tail);
    tail_view_start(me, u);
}

/* ---- time passes ---- */

/* How long a picture stands: the more of the page changes, the longer, so that a line is never flooded. */
static int64_t paint_us(const struct tail_view *me, const struct tail_stats *now) {
    if (!me->live || now->last == me->stats.last)
        return HELD_US;
    uint64_t rows = now->last - me->stats.last, page = me->list_h > 0 ? (uint64_t)me->list_h : 1;
    bool whole = rows >= page;
    int64_t us = (int64_t)(whole ? page : rows) * me->page_w * 1000000 / LINE_BYTES_PER_S;
    int64_t least = whole ? PAGE_US : PAINT_US;
    return us > least ? us : least;
}

static bool has_news(const struct tail_view *me, const struct tail_stats *now) {
    return now->last != me->stats.last || now->dropped != me->stats.dropped || now->scanned != me->stats.scanned ||
           now->failed != me->stats.failed || now->distance != me->stats.distance || now->away != me->away ||
           now->notes != me->notes || now->at_end != me->stats.at_end;
}

static void tell_news(struct tail_view *me, struct ui *u) {
    const struct tail_stats *s = &me->stats;
    if (s->notes != me->notes)
        ui_say(u, ROLE_warn, "%s", s->note);
    else if (s->away && !me->away)
        ui_say(u, ROLE_bad, "%s · it is tried again", s->why);
    else if (!s->away && me->away && !s->failed)
        ui_say(u, ROLE_good, "the leader is back; the tail goes on where it was");
    me->notes = s->notes;
    me->away = s->away;
}

static bool tailv_tick(struct view *v, struct ui *u) {
    struct tail_view *me = (struct tail_view *)v;
    struct tail_stats now;
    if (tail_view_exporting(me))
        tail_view_export_step(me, u);
    if (!me->tail || ui_view(u) != v)
        return false;
    tail_get_stats(me->tail, &now);
    if (!has_news(me, &now) || u->env.now_us - me->painted_us < paint_us(me, &now))
        return false;
    me->stats = now;
    tell_news(me, u);
    return true;
}

/* Something new since the paint: look again when the eye has had its time. */
static int64_t tailv_tick_us(struct view *v, struct ui *u) {
    struct tail_view *me = (struct tail_view *)v;
    struct tail_stats now;
    if (tail_view_exporting(me))
        return 0;
    if (!me->tail || ui_view(u) != v)
        return INT64_MAX;
    tail_get_stats(me->tail, &now);
    if (!has_news(me, &now))
        return INT64_MAX;
    int64_t due = me->painted_us + paint_us(me, &now) - u->env.now_us;
    return due > 0 ? due : 0;
}

/* ---- moving ---- */

const struct tail_row *tail_view_selected(const struct tail_view *me) {
    for (size_t i = 0; i < me->n_rows; i++)
        if (me->rows[i].serial == me->selected)
            return &me->rows[i];
    return NULL;
}

bool tail_view_whole(struct tail_view *me, struct tail_row *row) {
    const struct tail_row *shown = tail_view_selected(me);
    if (!shown)
        return false;
    if (!tail_whole(me->tail, shown->serial, row))
        *row = *shown;
    return true;
}

static void tail_hold(struct tail_view *me) {
    if (me->live) {
        me->seen = me->stats.matched;
        if (me->tail)
            tail_keep(me->tail, me->bottom > HELD_ROWS ? me->bottom - HELD_ROWS : 1);
    }
    me->live = false;
}

static void tail_follow(struct tail_view *me) {
    if (!me->live && me->tail)
        tail_keep(me->tail, 0);
    me->live = true;
}

/* What is older than the oldest is said once one asks for it. */
static void tell_oldest(const struct tail_view *me, struct ui *u, uint64_t before) {
    char a[FORMAT_SIZE], b[FORMAT_SIZE], key[24];
    const struct tail_stats *s = &me->stats;
    int64_t kept = (int64_t)(s->last + 1 - s->first);
    if (before < s->first)
        ui_say(u, ROLE_warn, "%s records left the memory meanwhile; this is the oldest of the %s kept",
               fmt_group(a, (int64_t)(s->first - before)), fmt_group(b, kept));
    else if (s->first > 1)
        ui_say(u, ROLE_text, "this is the oldest of the %s records kept; %s reads the ones before it again",
               fmt_group(b, kept), ui_key(u, "from", key));
}

static void tail_move(struct tail_view *me, struct ui *u, int64_t by) {
    int64_t to = (int64_t)me->selected + by;
    uint64_t before = me->selected;
    if (me->stats.last == 0)
        return;
    tail_hold(me);
    if (to < (int64_t)me->stats.first) {
        to = (int64_t)me->stats.first;
        tell_oldest(me, u, before);
    }
    if (to > (int64_t)me->stats.last)
        to = (int64_t)me->stats.last;
    me->selected = (uint64_t)to;
    int64_t top = (int64_t)me->bottom - me->list_h + 1;
    if (to > (int64_t)me->bottom)
        me->bottom = (uint64_t)to;
    if (to < top)
        me->bottom = (uint64_t)(to + me->list_h - 1);
}

/* With a record open paging and the ends are its own. */
static bool record_move(struct tail_view *me, enum verb verb) {
    int page = me->detail_h > 2 ? me->detail_h - 2 : 1;
    switch (verb) {
    case VERB_PAGE_UP: me->scroll -= page; return true;
    case VERB_PAGE_DOWN: me->scroll += page; return true;
    case VERB_HOME: me->scroll = 0; return true;
    case VERB_END: me->scroll = me->record_rows; return true;
    default: return false;
    }
}

static bool tailv_move_verb(struct tail_view *me, struct ui *u, enum verb verb) {
    int page = me->list_h > 1 ? me->list_h - 1 : 1;
    if (me->detail && record_move(me, verb))
        return true;
    switch (verb) {
    case VERB_UP: tail_move(me, u, -1); return true;
    case VERB_DOWN: tail_move(me, u, 1); return true;
    case VERB_PAGE_UP: tail_move(me, u, -page); return true;
    case VERB_PAGE_DOWN: tail_move(me, u, page); return true;
    case VERB_HOME: tail_move(me, u, -(int64_t)me->selected); return true;
    case VERB_END: case VERB_FOLLOW: tail_follow(me); return true;
    default: return false;
    }
}

/* ---- acting ---- */

/* To the clipboard: "key", "value" (or the key of a tombstone), "record" as a line of JSON. */
static void tail_copy(struct tail_view *me, struct ui *u, const struct tail_row *row, const char *what) {
    char size[FORMAT_SIZE], shown[FORMAT_SIZE], hotkey[24];
    struct buf line = {0};
    bool key = strcmp(what, "key") == 0 || (!*what && !row->value.p), record = strcmp(what, "record") == 0;
    const char *name = record ? "record" : key ? "key" : "value";
    if (*what && !key && !record && strcmp(what, "value") != 0) {
        ui_say(u, ROLE_bad, "copy key, copy value, or copy record");
        return;
    }
    if (record)
        json_put_record(&line, slice_cstr(me->topic), row, false);
    struct slice text = record ? buf_slice(&line) : key ? row->key : row->value;
    if (record && text.n > 0)
        text.n--; /* the line's end */
    fmt_bytes(size, (int64_t)text.n, false);
    if (!text.p) {
        ui_say(u, ROLE_warn, "this record has no %s", name);
    } else if (text.n > TERM_COPY_MAX) {
        ui_say(u, ROLE_bad, "the %s has %s, the clipboard takes %s: %s writes a file", name, size,
               fmt_bytes(shown, TERM_COPY_MAX, false), ui_key(u, "export", hotkey));
    } else {
        ui_copy(u, text);
        if (record || *what)
            ui_say(u, ROLE_good, "copied the %s, %s%s", name, size, record ? " as a line of JSON" : "");
        else
            ui_say(u, ROLE_good, "copied the %s, %s · %s copies the whole record", name, size,
                   ui_key(u, "copyrecord", hotkey));
    }
    buf_fini(&line);
}

static bool tailv_row_verb(struct tail_view *me, struct ui *u, enum verb verb, const char *arg) {
    struct tail_row row;
    if (!me->tail || !tail_view_whole(me, &row))
        return false;
    switch (verb) {
    case VERB_OPEN:
        tail_hold(me);
        me->detail = me->detail == DETAIL_CLOSED  ? DETAIL_SPLIT
                     : me->detail == DETAIL_SPLIT ? DETAIL_WHOLE
                                                  : DETAIL_CLOSED;
        return true;
    case VERB_COPY: tail_copy(me, u, &row, arg); return true;
    case VERB_COPY_RECORD: tail_copy(me, u, &row, "record"); return true;
    case VERB_RESEND: ui_produce_record(u, slice_cstr(me->topic), &row); return true;
    default: return false;
    }
}

/* While a filter is typed: what is wrong with it, else what can be typed. */
static void judge_filter(struct ui *u, const char *typed) {
    struct tail_match m;
    struct error e;
    if (tail_match_init(&m, typed, &e) != OK) {
        ui_say(u, ROLE_bad, "%s", e.text);
        return;
    }
    bool open_ended = false;
    for (size_t i = 0; i < m.n; i++)
        open_ended = open_ended || (!m.terms[i].is_regex && m.terms[i].text[0] == '/');
    tail_match_fini(&m);
    if (open_ended)
        ui_say(u, ROLE_dim, "as a text, beginning with a slash; a regular expression ends with one too: /x/ or /x/i");
    else
        ui_say(u, ROLE_dim, "text or /regex/ · key:… value:… header:NAME=… in one place · !… not · a && b both");
}

static bool tailv_record_verb(struct tail_view *me, enum verb verb) {
    switch (verb) {
    case VERB_WRAP: me->wrap = !me->wrap; return true;
    case VERB_DECODE: me->decode = (enum decode)((me->decode + 1) % DECODE_N); break;
    case VERB_FOLD: me->fold -= me->fold > 1; break;
    case VERB_UNFOLD: me->fold += me->fold < JSON_DEPTH_MAX; break;
    default: return false;
    }
    me->record_serial = 0;
    return true;
}

static bool tailv_verb(struct view *v, struct ui *u, enum verb verb, const char *arg) {
    struct tail_view *me = (struct tail_view *)v;
    if (tailv_move_verb(me, u, verb) || tailv_row_verb(me, u, verb, arg) || tailv_record_verb(me, verb))
        return true;
    switch (verb) {
    case VERB_PAUSE:
        if (me->live)
            tail_hold(me);
        else
            tail_follow(me);
        return true;
    case VERB_FILTERING: judge_filter(u, arg); return true;
    case VERB_FILTER:
        snprintf(me->filter, sizeof me->filter, "%s", arg);
        tail_view_start(me, u);
        return true;
    case VERB_FROM: return tail_view_set_from(me, u, arg);
    case VERB_ONLY: return tail_view_set_only(me, u, arg);
    case VERB_EXPORT:
        if (me->n_rows > 0)
            tail_view_export(me, u, arg);
        return me->n_rows > 0;
    case VERB_PRODUCE: ui_produce_topic(u, slice_cstr(me->topic)); return true;
    case VERB_CLOSE: {
        bool open = me->detail != DETAIL_CLOSED;
        me->detail = DETAIL_CLOSED;
        return open;
    }
    case VERB_REFRESH:
        if (me->failed || me->stats.failed)
            tail_view_start(me, u);
        return true;
    default: return false;
    }
}

/* Esc closes the record, then ends the filter; only then does it leave. */
static bool tailv_key(struct view *v, struct ui *u, const struct key *k) {
    struct tail_view *me = (struct tail_view *)v;
    if (!key_is(k, "esc"))
        return false;
    u->dirty = true;
    return tailv_verb(v, u, VERB_CLOSE, "") || (me->filter[0] && tailv_verb(v, u, VERB_FILTER, ""));
}

static bool tailv_can(struct view *v, struct ui *u, enum verb verb) {
    struct tail_view *me = (struct tail_view *)v;
    (void)u;
    if (verb == VERB_OPEN || verb == VERB_COPY || verb == VERB_COPY_RECORD || verb == VERB_RESEND ||
        verb == VERB_EXPORT)
        return me->n_rows > 0;
    if (verb == VERB_DECODE || verb == VERB_FOLD || verb == VERB_UNFOLD)
        return me->detail != DETAIL_CLOSED;
    if (verb == VERB_FOLLOW)
        return !me->live;
    return me->topic[0] != '\0';
}

static const char *tailv_filter(struct view *v) { return ((struct tail_view *)v)->filter; }

const struct view_ops view_tail = {
    .size = sizeof(struct tail_view), .background = true, .open = tailv_open, .close = tailv_close,
    .connected = tailv_connected,
    .paint = tail_view_paint, .key = tailv_key, .verb = tailv_verb, .can = tailv_can, .tick = tailv_tick,
    .tick_us = tailv_tick_us, .filter = tailv_filter,
};
