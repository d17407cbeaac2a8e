/* The tail on the screen: a title that always tells the distance, the drops and
 * the filter, the rows, and below them one record. */
#include "tui/views/tail_view.h"

#include "core/base/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MARKS_MAX 16

/* Brings the rows [bottom - h + 1, bottom] here; held and unchanged ones are here already. */
static void tail_fetch(struct tail_view *me, int h) {
    if (me->live)
        me->bottom = me->selected = me->stats.last;
    if (me->bottom > me->stats.last)
        me->bottom = me->stats.last;
    size_t want = (size_t)(h < 1 ? 1 : h > TAIL_ROWS_MAX ? TAIL_ROWS_MAX : h);
    if (me->selected > 0 && me->selected + want <= me->bottom) /* a record was opened over it: the list is lower */
        me->bottom = me->selected + want - 1;
    uint64_t from = me->bottom >= want ? me->bottom - want + 1 : 1;
    if (from == me->fetched_from && want == me->fetched_n && me->n_rows > 0 &&
        me->rows[me->n_rows - 1].serial == me->bottom)
        return;
    me->n_rows = tail_rows(me->tail, from, me->rows, want);
    while (me->n_rows > 0 && me->rows[me->n_rows - 1].serial > me->bottom)
        me->n_rows--;
    if (me->n_rows == 0) { /* all of them left the ring: the oldest there are */
        me->n_rows = tail_rows(me->tail, me->stats.first, me->rows, want);
        if (me->n_rows > 0)
            me->bottom = me->rows[me->n_rows - 1].serial;
    }
    me->fetched_from = from;
    me->fetched_n = want;
    if (me->n_rows > 0 && me->selected < me->rows[0].serial)
        me->selected = me->rows[0].serial;
    if (me->selected > me->bottom)
        me->selected = me->bottom;
}

/* ---- the title ---- */

static void title_state(const struct tail_view *me, char *text, size_t size, enum role *role) {
    char number[FORMAT_SIZE];
    const struct tail_stats *s = &me->stats;
    *role = ROLE_warn;
    if (s->failed || me->failed) {
        snprintf(text, size, "✗ ended");
        *role = ROLE_bad;
    } else if (!me->live) {
        snprintf(text, size, "○ held, %s new", fmt_group(number, (int64_t)(s->matched - me->seen)));
    } else if (s->away) {
        snprintf(text, size, "! no leader");
        *role = ROLE_bad;
    } else {
        snprintf(text, size,
                 s->finished                     ? "● finished"
                 : s->at_end || s->distance == 0 ? "● live"
                                                 : "● catching up");
        *role = ROLE_good;
    }
}

static int title_right(struct canvas *c, int y, int right, enum role role, const char *text) {
    int w = canvas_width(c, text);
    canvas_put(c, y, right - w, w, role, text);
    return right - w - 2;
}

/* What a filter found is worth more room than a part of the name, and than that nothing was dropped. */
static bool title_narrow(const struct tail_view *me, const struct canvas *c) { return me->filter[0] && c->w < 100; }

/* The right end: what must always be there. */
static int paint_title_right(struct tail_view *me, struct ui *u, struct canvas *c, int y, int right) {
    char text[64], number[FORMAT_SIZE];
    const struct tail_stats *s = &me->stats;
    enum role role;
    title_state(me, text, sizeof text, &role);
    right = title_right(c, y, right, role, text);
    snprintf(text, sizeof text, "%s dropped", fmt_count(number, (int64_t)s->dropped, 7, u->env.exact));
    if (s->dropped || !title_narrow(me, c))
        right = title_right(c, y, right, s->dropped ? ROLE_warn : ROLE_dim, text);
    if (s->distance < 0)
        snprintf(text, sizeof text, "… behind");
    else
        snprintf(text, sizeof text, "%s behind", fmt_count(number, s->distance, 9, u->env.exact));
    return title_right(c, y, right, s->distance > 0 ? ROLE_text : ROLE_dim, text);
}

/* What is read, matched and how fast, in that order as there is room. */
static void paint_title_figures(struct tail_view *me, struct ui *u, struct canvas *c, int y, int x, int right) {
    char text[4][96], a[FORMAT_SIZE], b[FORMAT_SIZE];
    const struct tail_stats *s = &me->stats;
    int n = 0;
    bool wide = right - x > 60 || u->env.exact;
    if (me->filter[0])
        snprintf(text[n++], sizeof text[0], "%s of %s match", fmt_count(a, (int64_t)s->matched, wide ? 15 : 6, wide),
                 fmt_count(b, (int64_t)s->scanned, wide ? 15 : 6, wide));
    snprintf(text[n++], sizeof text[0], "from %s", me->start.text);
    if (!me->filter[0])
        snprintf(text[n++], sizeof text[0], "%s read", fmt_count(a, (int64_t)s->scanned, wide ? 15 : 6, wide));
    snprintf(text[n++], sizeof text[0], "%s/s", fmt_rate(a, s->per_second, u->env.exact));
    for (int i = 0; i < n; i++) {
        int w = canvas_width(c, text[i]);
        if (x + w > right)
            continue;
        canvas_put(c, y, x, w, ROLE_dim, text[i]);
        x += w + 2;
    }
}

static void paint_title(struct tail_view *me, struct ui *u, struct canvas *c, struct rect r) {
    int right = paint_title_right(me, u, c, r.y, r.x + r.w - 1), x = r.x + 1;
    int name_w = canvas_foreign_width(c, slice_cstr(me->topic), 40), filter_w = right - x > 50 ? 24 : 14;
    int most = title_narrow(me, c) ? 20 : me->filter[0] ? 24 : 40;
    if (name_w > most)
        name_w = most;
    if (name_w > right - x)
        name_w = right - x;
    x += canvas_put_middle(c, r.y, x, name_w, ROLE_bright, slice_cstr(me->topic)) + 2;
    if (me->n_partitions == 1)
        x += canvas_printf(c, r.y, x, right - x, ROLE_text, "partition %" PRId32, me->partitions[0]) + 2;
    else if (me->n_partitions > 1)
        x += canvas_printf(c, r.y, x, right - x, ROLE_text, "%zu partitions", me->n_partitions) + 2;
    if (me->filter[0] && right - x > 4) {
        x += canvas_put(c, r.y, x, right - x, ROLE_accent, "/ ");
        x += canvas_put_foreign(c, r.y, x, right - x < filter_w ? right - x : filter_w, ROLE_input,
                                slice_cstr(me->filter)) + 2;
    }
    paint_title_figures(me, u, c, r.y, x, right);
}

/* ---- the rows ---- */

static const char *null_text(const struct canvas *c) { return c->ascii ? "NULL" : "∅"; }

struct tail_columns { int time_w, partition_w, offset_w, key_w, value_x; };

static struct tail_columns tail_columns(struct tail_view *me, struct ui *u, const struct canvas *c, int w) {
    struct tail_columns k = {.time_w = 12};
    char text[FORMAT_SIZE], day[FORMAT_SIZE], first[FORMAT_SIZE] = "";
    int64_t most = 9999999;
    bool date = false;
    int key_max = w >= 160 ? 40 : w >= 110 ? 24 : 14;
    for (size_t i = 0; i < me->n_rows; i++) {
        const struct tail_row *row = &me->rows[i];
        int key_w = row->key.p ? canvas_foreign_width(c, row->key, key_max) : canvas_width(c, null_text(c));
        if (key_w > key_max)
            key_w = key_max;
        me->key_w = key_w > me->key_w ? key_w : me->key_w; /* only ever grows: nothing jumps */
        k.partition_w = row->partition != me->rows[0].partition ? 4 : k.partition_w;
        most = row->offset > most ? row->offset : most;
        fmt_day(day, row->timestamp_ms);
        if (i == 0)
            memcpy(first, day, sizeof first);
        date = date || strcmp(first, day) != 0;
    }
    time_t now = time(NULL);
    date = date || (first[0] && strcmp(first, fmt_day(text, (int64_t)now * 1000)) != 0);
    k.time_w = !date ? 12 : w >= 100 ? 23 : 14;
    const struct model_topic *t = snapshot_topic(u->snap, slice_cstr(me->topic));
    if (me->n_partitions != 1 && !(t && t->n_partitions == 1))
        k.partition_w = 4;
    k.offset_w = (int)strlen(fmt_group(text, most));
    k.key_w = me->key_w;
    k.value_x = 3 + k.time_w + 2 + (k.partition_w ? k.partition_w + 2 : 0) + k.offset_w + 2 + k.key_w + 2;
    return k;
}

static void paint_heads(struct canvas *c, struct rect r, const struct tail_columns *k) {
    int x = r.x + 3;
    canvas_put(c, r.y, x, 4, ROLE_header, "TIME");
    x += k->time_w + 2;
    if (k->partition_w) {
        canvas_put(c, r.y, x + k->partition_w - 1, 1, ROLE_header, "P");
        x += k->partition_w + 2;
    }
    canvas_put(c, r.y, x + k->offset_w - 6, 6, ROLE_header, "OFFSET");
    x += k->offset_w + 2;
    canvas_put(c, r.y, x, k->key_w, ROLE_header, "KEY");
    canvas_put(c, r.y, r.x + k->value_x, 5, ROLE_header, "VALUE");
}

/* Marks what the filter found in text that begins at byte `from` of s and stands at x. */
static void mark(const struct tail_view *me, enum tail_where where, struct canvas *c, int y, int x, int w,
                 struct slice s, size_t from) {
    size_t after = from, at, n;
    for (int i = 0; i < MARKS_MAX && tail_match_find(&me->match, where, s, after, &at, &n); i++) {
        int before = canvas_foreign_width(c, slice_of(s.p + from, at - from), w);
        int wide = canvas_foreign_width(c, slice_of(s.p + at, n), w);
        if (before >= w)
            return;
        canvas_style(c, y, x + before, wide < w - before ? wide : w - before, STYLE_MATCH);
        after = at + n;
    }
}

/* Where to begin, so that the first thing found is seen: at the beginning if it is there. */
static size_t begin_at(const struct tail_view *me, enum tail_where where, const struct canvas *c, int w,
                       struct slice s) {
    size_t at, n;
    if (w < 12 || !tail_match_find(&me->match, where, s, 0, &at, &n) ||
        canvas_foreign_width(c, slice_of(s.p, at + (n < 8 ? n : 8)), w) < w)
        return 0;
    size_t from = at > (size_t)w / 3 ? at - (size_t)w / 3 : 0;
    while (from < at && (s.p[from] & 0xc0) == 0x80)
        from++;
    return from;
}

static void paint_bytes(const struct tail_view *me, enum tail_where where, struct canvas *c, int y, int x, int w,
                        enum role role, struct slice s, bool cut) {
    if (!s.p || s.n == 0) {
        canvas_put(c, y, x, w, ROLE_zero, s.p ? "\"\"" : null_text(c));
        return;
    }
    size_t from = begin_at(me, where, c, w, s);
    if (from > 0) {
        canvas_put_cp(c, y, x++, ROLE_dim, 0x2026);
        w--;
    }
    int used = canvas_put_foreign(c, y, x, w, role, slice_of(s.p + from, s.n - from));
    if (cut && used < w)
        canvas_put_cp(c, y, x + used, ROLE_dim, 0x2026);
    mark(me, where, c, y, x, w, s, from);
}

static char *short_time(char *out, int64_t wall_ms, int w) {
    char day[FORMAT_SIZE], clock[FORMAT_SIZE];
    if (w == 14) /* the day, and no milliseconds */
        snprintf(out, FORMAT_SIZE, "%.5s %.8s", fmt_day(day, wall_ms) + 5, fmt_time(clock, wall_ms, false));
    else
        fmt_time(out, wall_ms, w > 14);
    return out;
}

static void paint_row_head(struct tail_view *me, struct canvas *c, int y, int left, const struct tail_row *row,
                           const struct tail_columns *k) {
    char text[FORMAT_SIZE];
    int x = left + 3;
    if (row->timestamp_ms >= 0)
        canvas_put(c, y, x, k->time_w, ROLE_dim, short_time(text, row->timestamp_ms, k->time_w));
    else
        canvas_put(c, y, x, k->time_w, ROLE_zero, "–");
    x += k->time_w + 2;
    if (k->partition_w) {
        canvas_printf(c, y, x, k->partition_w, ROLE_dim, "%*" PRId32, k->partition_w, row->partition);
        x += k->partition_w + 2;
    }
    canvas_printf(c, y, x, k->offset_w, ROLE_dim, "%*s", k->offset_w, fmt_group(text, row->offset));
    x += k->offset_w + 2;
    paint_bytes(me, TAIL_KEY, c, y, x, k->key_w, ROLE_text, row->key, row->key.n < row->key_bytes);
}

static int value_lines(const struct canvas *c, const struct tail_row *row, int w) {
    int lines = 0;
    for (struct slice s = row->value; lines < 200; lines++) {
        if (s.n == 0)
            break;
        size_t n = canvas_foreign_fit(c, s, w);
        if (n == 0)
            break;
        s = slice_of(s.p + n, s.n - n);
    }
    return lines ? lines : 1;
}

/* One record, perhaps on several lines; returns the line after it. */
static int paint_row(struct tail_view *me, struct canvas *c, struct rect r, int y, const struct tail_row *row,
                     const struct tail_columns *k, int w) {
    int from = y;
    paint_row_head(me, c, y, r.x, row, k);
    if (!me->wrap || row->value.n == 0) {
        paint_bytes(me, TAIL_VALUE, c, y++, r.x + k->value_x, w, ROLE_bright, row->value,
                    row->value.n < row->value_bytes);
    } else {
        for (struct slice s = row->value; s.n > 0 && y < r.y + r.h; y++) {
            int used;
            size_t n = canvas_put_raw(c, y, r.x + k->value_x, w, ROLE_bright, s, &used);
            if (n == 0)
                break;
            mark(me, TAIL_VALUE, c, y, r.x + k->value_x, w, row->value, (size_t)(s.p - row->value.p));
            s = slice_of(s.p + n, s.n - n);
        }
        y += y == from;
    }
    if (!me->live && row->serial == me->selected) /* the value keeps its colours, and a step repaints no value */
        for (int line = from; line < y; line++)
            canvas_style(c, line, r.x, k->value_x - 1, STYLE_SELECTED);
    if (me->detail && row->serial == me->selected)
        canvas_put_cp(c, from, r.x + 1, ROLE_accent, 0x25b8);
    return y;
}

static void paint_rows(struct tail_view *me, struct canvas *c, struct rect r, const struct tail_columns *k) {
    int w = r.w - k->value_x - 1, lines = 0, y = r.y;
    size_t first = me->n_rows;
    if (w < 4)
        w = 4;
    while (first > 0) {
        int need = me->wrap ? value_lines(c, &me->rows[first - 1], w) : 1;
        if (lines + need > r.h && lines > 0)
            break;
        lines += need;
        first--;
    }
    for (size_t i = first; i < me->n_rows && y < r.y + r.h; i++)
        y = paint_row(me, c, r, y, &me->rows[i], k, w);
}

/* ---- one record ---- */

static void paint_record(struct tail_view *me, struct canvas *c, struct rect r) {
    const struct tail_row *row = tail_view_selected(me);
    struct tail_row whole;
    char time_text[FORMAT_SIZE], number[FORMAT_SIZE];
    canvas_fill(c, r.y, r.x, r.w, ROLE_frame, 0x2500);
    if (!row)
        return;
    if (me->record_serial != row->serial && tail_view_whole(me, &whole)) {
        record_block(&me->record, &whole, me->decode, me->fold);
        me->record_serial = row->serial;
        me->record_w = 0;
        me->scroll = 0;
    }
    if (me->record_w != r.w - 3) {
        me->record_w = r.w - 3;
        me->record_rows = block_rows(&me->record, c, me->record_w, true);
    }
    int room = r.h - 1;
    if (me->scroll > me->record_rows - room)
        me->scroll = me->record_rows - room;
    if (me->scroll < 0)
        me->scroll = 0;
    int x = r.x + 2;
    canvas_put_cp(c, r.y, x - 1, ROLE_text, ' ');
    x += canvas_printf(c, r.y, x, r.w - 4, ROLE_accent, "%" PRId32 "@%s", row->partition,
                       fmt_group(number, row->offset));
    x += canvas_printf(c, r.y, x, r.w - 4, ROLE_dim, "  %s %s  %s ",
                       row->timestamp_ms >= 0 ? fmt_time(time_text, row->timestamp_ms, true) : "no time,",
                       row->append_time ? "appended" : "created", decode_name(me->decode));
    if (me->record_rows > room && r.x + r.w - x > 24)
        canvas_printf(c, r.y, x, r.x + r.w - x, ROLE_dim, " line %d of %d ", me->scroll + 1, me->record_rows);
    block_paint(&me->record, c, (struct rect){r.y + 1, r.x + 2, room, me->record_w}, me->scroll, 0, true);
}

static void paint_empty(struct tail_view *me, const struct ui *u, struct canvas *c, struct rect r) {
    char number[FORMAT_SIZE], key[24];
    int y = r.y + r.h / 2, x = r.x + 3, w = r.w - 6;
    const struct tail_stats *s = &me->stats;
    if (me->failed || s->failed) {
        canvas_put_foreign(c, y, x, w, ROLE_bad, slice_cstr(me->failed ? me->why : s->why));
        if (!me->failed)
            canvas_printf(c, y + 1, x, w, ROLE_dim, "%s tries again", ui_key(u, "refresh", key));
    } else if (!me->topic[0]) {
        int used = canvas_put(c, y, x, r.w - 3, ROLE_text, "Which topic?  ");
        used += canvas_put(c, y, x + used, r.w - 3 - used, ROLE_hint_key, ui_key(u, "tail", key));
        used += canvas_put(c, y, x + used, r.w - 3 - used, ROLE_text, " on a topic of the list, or ");
        used += canvas_put(c, y, x + used, r.w - 3 - used, ROLE_hint_key, ":tail");
        canvas_put(c, y, x + used, r.w - 3 - used, ROLE_text, " TOPIC");
    } else if (s->away) {
        canvas_put_foreign(c, y, x, w, ROLE_bad, slice_cstr(s->why));
        canvas_put(c, y + 1, x, w, ROLE_dim, "it is tried again and again");
    } else if (s->distance < 0) {
        canvas_put(c, y, x, w, ROLE_pending, "… asking the leaders where to begin");
    } else if (s->last == 0 && me->filter[0]) {
        canvas_printf(c, y, x, w, ROLE_dim, "no record matches yet, of %s that were read",
                      fmt_group(number, (int64_t)s->scanned));
    } else if (s->last == 0 && s->distance > 0) {
        canvas_put(c, y, x, w, ROLE_pending, "… reading");
    } else if (s->last == 0 && (me->start.from == TAIL_END || me->start.from == TAIL_TIME)) {
        canvas_printf(c, y, x, w, ROLE_dim, "no record since then yet · %s reads from earlier on",
                      ui_key(u, "from", key));
    } else if (s->last == 0) {
        canvas_put(c, y, x, w, ROLE_dim, "no record yet; it will be here as soon as there is one");
    }
}

void tail_view_paint(struct view *v, struct ui *u, struct canvas *c, struct rect r) {
    struct tail_view *me = (struct tail_view *)v;
    if (r.h < 3)
        return;
    if (me->tail)
        tail_get_stats(me->tail, &me->stats);
    me->painted_us = u->env.now_us;
    me->page_w = r.w;
    if (me->topic[0])
        paint_title(me, u, c, (struct rect){r.y, r.x, 1, r.w});
    me->detail_h = me->detail == DETAIL_SPLIT ? (r.h - 2) * 3 / 5 : me->detail == DETAIL_WHOLE ? r.h - 1 : 0;
    me->list_h = r.h - 2 - (me->detail == DETAIL_SPLIT ? me->detail_h : 0); /* behind a whole page it moves too */
    if (me->list_h < 1)
        me->list_h = 1;
    if (me->tail && me->stats.last > 0) {
        tail_fetch(me, me->list_h);
        struct tail_columns k = tail_columns(me, u, c, r.w);
        if (me->detail != DETAIL_WHOLE) {
            paint_heads(c, (struct rect){r.y + 1, r.x, 1, r.w}, &k);
            paint_rows(me, c, (struct rect){r.y + 2, r.x, me->list_h, r.w}, &k);
        }
    }
    if (me->n_rows == 0)
        paint_empty(me, u, c, r);
    if (me->detail_h > 1)
        paint_record(me, c, (struct rect){r.y + r.h - me->detail_h, r.x, me->detail_h, r.w});
    else if (me->stats.failed && me->n_rows > 0) {
        canvas_fill(c, r.y + 1, r.x, r.w, ROLE_text, ' ');
        canvas_put_foreign(c, r.y + 1, r.x + 3, r.w - 4, ROLE_bad, slice_cstr(me->stats.why));
    }
}
