/* Records of a topic as they come.
 *
 *   live: the newest row is the last one on the screen, no bar
 *   held: (Space, or moving up) nothing moves; what comes is counted
 *
 * The rows on screen are those of the last tail_rows call; while held and not
 * scrolled it is not called again, so they stay even when the ring has moved on. */
#include "tui/views/record.h"

#include "core/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROWS_MAX 400
#define LAST_N 200
#define PAINT_US 100000     /* live: ten pictures a second are more than an eye reads */
#define HELD_US 250000
#define FOLD_DEFAULT 3

struct tail_view {
    struct view view;
    struct tail *tail;
    struct tail_stats stats;
    char topic[300], filter[256], from_text[64];
    enum tail_from from;
    int64_t value;
    int32_t partitions[64];
    size_t n_partitions;        /* 0 all */
    bool live, wrap, detail;
    uint64_t bottom;            /* serial of the last row on screen */
    uint64_t selected;          /* serial */
    uint64_t seen;              /* stats.last when held */
    int64_t painted_us;
    struct tail_row *rows;      /* of the last fetch */
    size_t n_rows;
    uint64_t fetched_from;
    size_t fetched_n;
    int key_w, scroll;          /* detail scroll */
    int list_h;
    enum decode decode;
    int fold;
    struct block record;
    uint64_t record_serial;
    bool failed;
    char why[300];
};

static void tail_stop(struct tail_view *me) {
    if (me->tail)
        tail_close(me->tail);
    me->tail = NULL;
    me->stats = (struct tail_stats){.distance = -1};
    me->n_rows = me->fetched_n = 0;
    me->bottom = me->selected = me->seen = me->record_serial = 0;
    me->key_w = 6;
}

static void tail_start(struct tail_view *me, struct ui *u) {
    struct error e;
    tail_stop(me);
    me->live = true;
    me->detail = false;
    me->failed = false;
    if (!me->topic[0])
        return;
    struct tail_spec spec = {
        .topic = me->topic, .partitions = me->partitions, .n_partitions = me->n_partitions,
        .from = me->from, .value = me->value, .filter = me->filter[0] ? me->filter : NULL,
    };
    if (tail_open(u->client, &spec, &me->tail, &e) != OK) {
        me->tail = NULL;
        me->failed = true;
        snprintf(me->why, sizeof me->why, "%.290s", e.text);
    }
    u->dirty = true;
}

static void tail_from_default(struct tail_view *me) {
    me->from = TAIL_LAST_N;
    me->value = LAST_N;
    snprintf(me->from_text, sizeof me->from_text, "last %d", LAST_N);
}

static void tailv_open(struct view *v, struct ui *u) {
    struct tail_view *me = (struct tail_view *)v;
    (void)u;
    me->rows = mem_zalloc(ROWS_MAX * sizeof *me->rows);
    me->fold = FOLD_DEFAULT;
    me->key_w = 6;
    me->stats.distance = -1;
    tail_from_default(me);
}

static void tailv_close(struct view *v, struct ui *u) {
    struct tail_view *me = (struct tail_view *)v;
    (void)u;
    tail_stop(me);
    block_fini(&me->record);
    free(me->rows);
}

void ui_tail_topic(struct ui *u, struct slice topic, int32_t partition, int64_t offset) {
    struct tail_view *me = (struct tail_view *)u->stack[VIEW_tail][0];
    snprintf(me->topic, sizeof me->topic, "%.*s", (int)(topic.n < 290 ? topic.n : 290), (const char *)topic.p);
    me->partitions[0] = partition;
    me->n_partitions = partition >= 0 ? 1 : 0;
    me->filter[0] = '\0';
    tail_from_default(me);
    if (offset >= 0) {
        me->from = TAIL_OFFSET;
        me->value = offset;
        snprintf(me->from_text, sizeof me->from_text, "offset %" PRId64, offset);
    }
    ui_tab(u, VIEW_tail);
    tail_start(me, u);
}

static bool tailv_tick(struct view *v, struct ui *u) {
    struct tail_view *me = (struct tail_view *)v;
    uint64_t last = me->stats.last, dropped = me->stats.dropped, scanned = me->stats.scanned;
    bool failed = me->stats.failed;
    int64_t distance = me->stats.distance;
    if (!me->tail || u->env.now_us - me->painted_us < (me->live ? PAINT_US : HELD_US))
        return false;
    tail_get_stats(me->tail, &me->stats);
    return me->stats.last != last || me->stats.dropped != dropped || me->stats.scanned != scanned ||
           me->stats.failed != failed || me->stats.distance != distance;
}

/* Something new since the paint: look again when the eye has had its time. */
static int64_t tailv_tick_us(struct view *v, struct ui *u) {
    struct tail_view *me = (struct tail_view *)v;
    struct tail_stats now;
    if (!me->tail)
        return INT64_MAX;
    tail_get_stats(me->tail, &now);
    if (now.scanned == me->stats.scanned && now.last == me->stats.last && now.distance == me->stats.distance)
        return INT64_MAX;
    int64_t due = me->painted_us + (me->live ? PAINT_US : HELD_US) - u->env.now_us;
    return due > 0 ? due : 0;
}

/* Brings the rows [bottom - h + 1, bottom] here; held and unchanged ones are here already. */
static void tail_fetch(struct tail_view *me, int h) {
    if (me->live)
        me->bottom = me->selected = me->stats.last;
    if (me->bottom > me->stats.last)
        me->bottom = me->stats.last;
    size_t want = (size_t)(h < 1 ? 1 : h > ROWS_MAX ? ROWS_MAX : h);
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

static const struct tail_row *tail_selected(const struct tail_view *me) {
    for (size_t i = 0; i < me->n_rows; i++)
        if (me->rows[i].serial == me->selected)
            return &me->rows[i];
    return NULL;
}

/* ---- painting ---- */

static void paint_title(struct tail_view *me, struct ui *u, struct canvas *c, struct rect r) {
    char text[64], number[FORMAT_SIZE], other[FORMAT_SIZE];
    const struct tail_stats *s = &me->stats;
    int right = r.x + r.w - 1, x = r.x + 1;
    if (me->live)
        snprintf(text, sizeof text,
                 s->finished                     ? "● finished"
                 : s->at_end || s->distance == 0 ? "● live"
                                                 : "● catching up");
    else
        snprintf(text, sizeof text, "○ held, %s new", fmt_group(number, (int64_t)(s->last - me->seen)));
    int w = canvas_width(c, text);
    canvas_put(c, r.y, right - w, w, me->live ? ROLE_good : ROLE_warn, text);
    right -= w + 2;
    /* What must always be there: drops and the distance from the end. */
    snprintf(text, sizeof text, "%s dropped", fmt_count(number, (int64_t)s->dropped, 9, u->env.exact));
    w = canvas_width(c, text);
    canvas_put(c, r.y, right - w, w, s->dropped ? ROLE_warn : ROLE_dim, text);
    right -= w + 2;
    if (s->distance < 0)
        snprintf(text, sizeof text, "… behind");
    else
        snprintf(text, sizeof text, "%s behind", fmt_count(number, s->distance, 9, u->env.exact));
    w = canvas_width(c, text);
    canvas_put(c, r.y, right - w, w, s->distance > 0 ? ROLE_text : ROLE_dim, text);
    right -= w + 2;
    x += canvas_put_middle(c, r.y, x, right - x < 40 ? right - x : 40, ROLE_bright, slice_cstr(me->topic)) + 2;
    if (me->n_partitions == 1)
        x += canvas_printf(c, r.y, x, right - x, ROLE_dim, "partition %" PRId32 "  ", me->partitions[0]);
    else if (me->n_partitions > 1)
        x += canvas_printf(c, r.y, x, right - x, ROLE_dim, "%zu partitions  ", me->n_partitions);
    x += canvas_printf(c, r.y, x, right - x, ROLE_dim, "from %s", me->from_text) + 2;
    if (me->filter[0] && right - x > 8) {
        x += canvas_put(c, r.y, x, right - x, ROLE_accent, "/ ");
        x += canvas_put_foreign(c, r.y, x, right - x < 24 ? right - x : 24, ROLE_input, slice_cstr(me->filter)) + 2;
    }
    if (right - x > 40 && me->filter[0])
        x += canvas_printf(c, r.y, x, right - x, ROLE_dim, "%s of %s match  ",
                           fmt_group(number, (int64_t)s->matched), fmt_group(other, (int64_t)s->scanned));
    else if (right - x > 20)
        x += canvas_printf(c, r.y, x, right - x, ROLE_dim, "%s read  ", fmt_group(number, (int64_t)s->scanned));
    if (right - x > 12)
        canvas_printf(c, r.y, x, right - x, ROLE_dim, "%s/s", fmt_rate(number, s->per_second, u->env.exact));
}

struct tail_columns { int time_w, partition_w, offset_w, key_w, value_x; bool date; };

static struct tail_columns tail_columns(struct tail_view *me, struct ui *u, const struct canvas *c, int w) {
    struct tail_columns k = {.time_w = 12};
    char text[FORMAT_SIZE], day[FORMAT_SIZE], first[FORMAT_SIZE] = "";
    int64_t most = 9999999;
    int key_max = w >= 160 ? 40 : w >= 110 ? 24 : 14;
    for (size_t i = 0; i < me->n_rows; i++) {
        const struct tail_row *row = &me->rows[i];
        int key_w = row->key.p ? canvas_foreign_width(c, row->key, key_max) : 1;
        if (key_w > key_max)
            key_w = key_max;
        me->key_w = key_w > me->key_w ? key_w : me->key_w; /* only ever grows: nothing jumps */
        k.partition_w = row->partition != me->rows[0].partition ? 4 : k.partition_w;
        most = row->offset > most ? row->offset : most;
        fmt_day(day, row->timestamp_ms);
        if (i == 0)
            memcpy(first, day, sizeof first);
        k.date = k.date || strcmp(first, day) != 0;
    }
    time_t now = time(NULL);
    k.date = k.date || (first[0] && strcmp(first, fmt_day(text, (int64_t)now * 1000)) != 0);
    k.time_w = k.date && w >= 100 ? 23 : 12;
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

static void paint_bytes(struct canvas *c, int y, int x, int w, enum role role, struct slice s) {
    if (!s.p)
        canvas_put(c, y, x, w, ROLE_zero, "∅");
    else if (s.n == 0)
        canvas_put(c, y, x, w, ROLE_zero, "\"\"");
    else
        canvas_put_foreign(c, y, x, w, role, s);
}

static void paint_row_head(struct canvas *c, int y, int left, const struct tail_row *row,
                           const struct tail_columns *k) {
    char text[FORMAT_SIZE];
    int x = left + 3;
    if (row->timestamp_ms >= 0)
        canvas_put(c, y, x, k->time_w, ROLE_dim, fmt_time(text, row->timestamp_ms, k->time_w > 12));
    else
        canvas_put(c, y, x, k->time_w, ROLE_zero, "–");
    x += k->time_w + 2;
    if (k->partition_w) {
        canvas_printf(c, y, x, k->partition_w, ROLE_number, "%*" PRId32, k->partition_w, row->partition);
        x += k->partition_w + 2;
    }
    canvas_printf(c, y, x, k->offset_w, ROLE_dim, "%*s", k->offset_w, fmt_group(text, row->offset));
    x += k->offset_w + 2;
    paint_bytes(c, y, x, k->key_w, ROLE_text, row->key);
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
    for (size_t i = first; i < me->n_rows && y < r.y + r.h; i++) {
        const struct tail_row *row = &me->rows[i];
        int from = y;
        paint_row_head(c, y, r.x, row, k);
        if (!me->wrap || row->value.n == 0) {
            paint_bytes(c, y++, r.x + k->value_x, w, ROLE_bright, row->value);
        } else {
            for (struct slice s = row->value; s.n > 0 && y < r.y + r.h; y++) {
                int used;
                size_t n = canvas_put_raw(c, y, r.x + k->value_x, w, ROLE_bright, s, &used);
                if (n == 0)
                    break;
                s = slice_of(s.p + n, s.n - n);
            }
            y += y == from;
        }
        if (!me->live && row->serial == me->selected)
            for (int line = from; line < y; line++)
                canvas_style(c, line, r.x, r.w, STYLE_SELECTED);
        if (me->detail && row->serial == me->selected)
            canvas_put_cp(c, from, r.x + 1, ROLE_accent, 0x25b8);
    }
}

static void paint_record(struct tail_view *me, struct canvas *c, struct rect r) {
    const struct tail_row *row = tail_selected(me);
    char time_text[FORMAT_SIZE], number[FORMAT_SIZE];
    canvas_fill(c, r.y, r.x, r.w, ROLE_frame, 0x2500);
    if (!row)
        return;
    int x = r.x + 2;
    canvas_put_cp(c, r.y, x - 1, ROLE_text, ' ');
    x += canvas_printf(c, r.y, x, r.w - 4, ROLE_accent, "%" PRId32 "@%s", row->partition,
                       fmt_group(number, row->offset));
    x += canvas_printf(c, r.y, x, r.w - 4, ROLE_dim, "  %s %s  %s ", fmt_time(time_text, row->timestamp_ms, true),
                       row->append_time ? "appended" : "created", decode_name(me->decode));
    (void)x;
    if (me->record_serial != row->serial) {
        record_block(&me->record, row, me->decode, me->fold);
        me->record_serial = row->serial;
        me->scroll = 0;
    }
    int rows = block_rows(&me->record, c, r.w - 3, true);
    if (me->scroll > rows - (r.h - 1))
        me->scroll = rows - (r.h - 1);
    if (me->scroll < 0)
        me->scroll = 0;
    block_paint(&me->record, c, (struct rect){r.y + 1, r.x + 2, r.h - 1, r.w - 3}, me->scroll, 0, true);
}

static void paint_empty(struct tail_view *me, struct canvas *c, struct rect r) {
    int y = r.y + r.h / 2;
    if (me->failed || me->stats.failed) {
        canvas_put_foreign(c, y, r.x + 3, r.w - 6, ROLE_bad, slice_cstr(me->failed ? me->why : me->stats.why));
    } else if (!me->topic[0]) {
        int used = canvas_put(c, y, r.x + 3, r.w - 3, ROLE_text, "Which topic?  ");
        used += canvas_put(c, y, r.x + 3 + used, r.w - 3 - used, ROLE_hint_key, "t");
        used += canvas_put(c, y, r.x + 3 + used, r.w - 3 - used, ROLE_text, " on a topic of the list, or ");
        used += canvas_put(c, y, r.x + 3 + used, r.w - 3 - used, ROLE_hint_key, ":tail");
        canvas_put(c, y, r.x + 3 + used, r.w - 3 - used, ROLE_text, " TOPIC");
    } else if (me->stats.last == 0) {
        canvas_put(c, y, r.x + 3, r.w - 6, ROLE_dim,
                   me->filter[0] ? "no record matches yet" : "no record yet; it will be here as soon as there is one");
    }
}

static void tailv_paint(struct view *v, struct ui *u, struct canvas *c, struct rect r) {
    struct tail_view *me = (struct tail_view *)v;
    if (r.h < 3)
        return;
    if (me->tail)
        tail_get_stats(me->tail, &me->stats);
    me->painted_us = u->env.now_us;
    if (me->topic[0])
        paint_title(me, u, c, (struct rect){r.y, r.x, 1, r.w});
    int detail_h = me->detail ? (r.h - 2) * 3 / 5 : 0;
    me->list_h = r.h - 2 - detail_h;
    if (me->tail && me->stats.last > 0) {
        tail_fetch(me, me->list_h);
        struct tail_columns k = tail_columns(me, u, c, r.w);
        paint_heads(c, (struct rect){r.y + 1, r.x, 1, r.w}, &k);
        paint_rows(me, c, (struct rect){r.y + 2, r.x, me->list_h, r.w}, &k);
    }
    if (me->n_rows == 0)
        paint_empty(me, c, r);
    if (me->stats.failed && me->n_rows > 0)
        canvas_put_foreign(c, r.y + 1, r.x + 1, r.w - 2, ROLE_bad, slice_cstr(me->stats.why));
    if (detail_h > 1)
        paint_record(me, c, (struct rect){r.y + r.h - detail_h, r.x, detail_h, r.w});
}

/* ---- acting ---- */

static void tail_hold(struct tail_view *me) {
    if (me->live)
        me->seen = me->stats.last;
    me->live = false;
}

static void tail_move(struct tail_view *me, int64_t by) {
    int64_t to = (int64_t)me->selected + by;
    tail_hold(me);
    if (to < (int64_t)me->stats.first)
        to = (int64_t)me->stats.first;
    if (to > (int64_t)me->stats.last)
        to = (int64_t)me->stats.last;
    me->selected = (uint64_t)to;
    int64_t top = (int64_t)me->bottom - me->list_h + 1;
    if (to > (int64_t)me->bottom)
        me->bottom = (uint64_t)to;
    if (to < top)
        me->bottom = (uint64_t)(to + me->list_h - 1);
}

static bool tail_set_from(struct tail_view *me, struct ui *u, const char *arg) {
    char word[16] = "";
    int64_t n = -1;
    int got = sscanf(arg, "%15s %" SCNd64, word, &n);
    if (got >= 1 && strcmp(word, "beginning") == 0)
        me->from = TAIL_BEGINNING;
    else if (got >= 1 && strcmp(word, "end") == 0)
        me->from = TAIL_END;
    else if (got == 2 && strcmp(word, "offset") == 0 && n >= 0)
        me->from = TAIL_OFFSET;
    else if (got == 2 && strcmp(word, "last") == 0 && n > 0)
        me->from = TAIL_LAST_N;
    else if (strncmp(arg, "time ", 5) == 0) {
        int64_t ms;
        if (text_time(arg + 5, u->wall_ms, &ms))
            n = ms;
        else if (got < 2)
            goto wrong;
        me->from = TAIL_TIME;
    } else
        goto wrong;
    me->value = n;
    snprintf(me->from_text, sizeof me->from_text, "%.60s", arg);
    tail_start(me, u);
    return true;
wrong:
    ui_say(u, ROLE_bad,
           "from beginning, end, offset N, last N, or time 2024-05-31T12:00:00 (or 10m ago, or milliseconds)");
    return true;
}

/* "0,3,7" or "all". */
static bool tail_set_only(struct tail_view *me, struct ui *u, const char *arg) {
    int32_t chosen[64];
    size_t n = 0;
    for (const char *p = arg; strcmp(arg, "all") != 0;) {
        char *end;
        long v = strtol(p, &end, 10);
        if (end == p || v < 0 || v > INT32_MAX || n == 64 || (*end && *end != ',')) {
            ui_say(u, ROLE_bad, "only N,N,... (up to 64 partitions), or only all");
            return true;
        }
        chosen[n++] = (int32_t)v;
        if (!*end)
            break;
        p = end + 1;
    }
    memcpy(me->partitions, chosen, n * sizeof *chosen);
    me->n_partitions = n;
    tail_start(me, u);
    return true;
}

static void tail_copy(struct ui *u, const struct tail_row *row) {
    ui_copy(u, row->value.p ? row->value : row->key);
}

static void tail_export(struct tail_view *me, struct ui *u, const char *path) {
    struct buf line = {0};
    char name[400];
    size_t n = 0;
    if (*path)
        snprintf(name, sizeof name, "%s", path);
    else
        snprintf(name, sizeof name, "%s-%lld.jsonl", me->topic, (long long)time(NULL));
    FILE *f = fopen(name, "wxe");
    if (!f) {
        ui_say(u, ROLE_bad, "cannot make the file %s (it must not be there yet)", name);
        return;
    }
    for (uint64_t from = me->stats.first; from <= me->stats.last;) {
        size_t got = tail_rows(me->tail, from, me->rows, ROWS_MAX);
        for (size_t i = 0; i < got; i++) {
            buf_clear(&line);
            record_json(&line, slice_cstr(me->topic), &me->rows[i]);
            n += fwrite(line.p, 1, line.n, f) == line.n;
            from = me->rows[i].serial + 1;
        }
        if (got == 0)
            break;
    }
    me->n_rows = me->fetched_n = 0;
    bool whole = fclose(f) == 0;
    ui_say(u, whole ? ROLE_good : ROLE_bad,
           whole ? "%zu records written to %s" : "%zu records, then the disk failed: %s", n, name);
    buf_fini(&line);
}

static bool tailv_move_verb(struct tail_view *me, enum verb verb) {
    int page = me->list_h > 1 ? me->list_h - 1 : 1;
    switch (verb) {
    case VERB_UP: tail_move(me, -1); return true;
    case VERB_DOWN: tail_move(me, 1); return true;
    case VERB_PAGE_UP: case VERB_PAGE_DOWN:
        if (me->detail)
            me->scroll += verb == VERB_PAGE_UP ? -page : page;
        else
            tail_move(me, verb == VERB_PAGE_UP ? -page : page);
        return true;
    case VERB_HOME: tail_move(me, INT32_MIN); return true;
    case VERB_END: case VERB_FOLLOW: me->live = true; return true;
    default: return false;
    }
}

static bool tailv_row_verb(struct tail_view *me, struct ui *u, enum verb verb) {
    const struct tail_row *row = tail_selected(me);
    if (!row)
        return false;
    switch (verb) {
    case VERB_OPEN:
        tail_hold(me);
        me->detail = !me->detail;
        me->record_serial = 0;
        return true;
    case VERB_COPY: tail_copy(u, row); return true;
    case VERB_RESEND: ui_produce_record(u, slice_cstr(me->topic), row); return true;
    default: return false;
    }
}

static bool tailv_verb(struct view *v, struct ui *u, enum verb verb, const char *arg) {
    struct tail_view *me = (struct tail_view *)v;
    if (tailv_move_verb(me, verb) || tailv_row_verb(me, u, verb))
        return true;
    switch (verb) {
    case VERB_PAUSE:
        if (me->live)
            tail_hold(me);
        else
            me->live = true;
        return true;
    case VERB_WRAP: me->wrap = !me->wrap; return true;
    case VERB_DECODE:
        me->decode = (enum decode)((me->decode + 1) % DECODE_N);
        me->record_serial = 0;
        return true;
    case VERB_FOLD: case VERB_UNFOLD:
        me->fold += verb == VERB_FOLD ? (me->fold > 1 ? -1 : 0) : 1;
        me->record_serial = 0;
        return true;
    case VERB_FILTER:
        snprintf(me->filter, sizeof me->filter, "%s", arg);
        tail_start(me, u);
        return true;
    case VERB_FROM: return tail_set_from(me, u, arg);
    case VERB_ONLY: return tail_set_only(me, u, arg);
    case VERB_EXPORT:
        if (me->tail && me->stats.last > 0)
            tail_export(me, u, arg);
        return true;
    case VERB_PRODUCE: ui_produce_topic(u, slice_cstr(me->topic)); return true;
    default: return false;
    }
}

/* Esc closes the record, then ends the hold, then the filter; only then does it leave. */
static bool tailv_key(struct view *v, struct ui *u, const struct key *k) {
    struct tail_view *me = (struct tail_view *)v;
    if (!key_is(k, "esc"))
        return false;
    u->dirty = true;
    if (me->detail)
        me->detail = false;
    else if (me->filter[0])
        tailv_verb(v, u, VERB_FILTER, "");
    else
        return false;
    return true;
}

static bool tailv_can(struct view *v, struct ui *u, enum verb verb) {
    struct tail_view *me = (struct tail_view *)v;
    (void)u;
    if (verb == VERB_OPEN || verb == VERB_COPY || verb == VERB_RESEND || verb == VERB_EXPORT)
        return me->n_rows > 0;
    if (verb == VERB_DECODE || verb == VERB_FOLD || verb == VERB_UNFOLD)
        return me->detail;
    if (verb == VERB_FOLLOW)
        return !me->live;
    return me->topic[0] != '\0';
}

const struct view_ops view_tail = {
    .size = sizeof(struct tail_view), .open = tailv_open, .close = tailv_close, .paint = tailv_paint, .key = tailv_key,
    .verb = tailv_verb, .can = tailv_can, .tick = tailv_tick, .tick_us = tailv_tick_us,
};
