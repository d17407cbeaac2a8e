#include "tui/ui/frame.h"

#include "core/base/text.h"
#include "tui/ui/block.h"
#include "tui/ui/chart.h"

#include <stdio.h>

bool frame_is_stale(const struct snapshot *s, int64_t now_us) {
    return s->link != LINK_CONNECTING && s->at_us > 0 && now_us - s->at_us > 2 * s->interval_us + 500000;
}

/* One piece of the right end, laid from right to left; dropped when it does not fit behind `left`. */
static int piece_right(struct canvas *c, int y, int right, int left, enum role role, const char *text) {
    int w = canvas_width(c, text);
    if (right - w <= left)
        return right;
    canvas_put(c, y, right - w, w, role, text);
    return right - w;
}

static int status_rates(struct canvas *c, int y, int right, int left, const struct snapshot *s,
                        const struct look_env *env) {
    char rate[FORMAT_SIZE], text[64];
    if (s->out.state == VALUE_KNOWN) {
        snprintf(text, sizeof text, "out %s/s  ", fmt_rate(rate, s->out.v, env->exact));
        right = piece_right(c, y, right, left, ROLE_dim, text);
    }
    if (s->in.state != VALUE_KNOWN)
        return right;
    snprintf(text, sizeof text, "in %s/s ", fmt_rate(rate, s->in.v, env->exact));
    int w = canvas_width(c, text);
    if (s->in_history && right - 10 - w > left) {
        chart_spark(c, y, right - 10, 8, ROLE_spark, s->in_history);
        right -= 10;
    } else if (right - 2 - w > left) {
        right -= 2;
    }
    int at = piece_right(c, y, right, left, ROLE_text, text);
    if (at < right)
        canvas_put(c, y, at, 3, ROLE_dim, "in ");
    return at;
}

static void status_age(const struct snapshot *s, const struct look_env *env, char text[64], enum role *role) {
    char age[FORMAT_SIZE];
    *role = ROLE_dim;
    if (!s || s->link == LINK_CONNECTING) {
        snprintf(text, 64, "connecting");
    } else if (frame_is_stale(s, env->now_us)) {
        snprintf(text, 64, " stale %s ", fmt_age(age, env->now_us - s->at_us));
        *role = ROLE_alarm;
    } else if (s->link == LINK_DOWN) {
        snprintf(text, 64, " no answer ");
        *role = ROLE_alarm;
    } else {
        /* A bound that holds for every value on the screen: it need not be repainted to stay true. */
        snprintf(text, 64, "≤ %s ago", fmt_age(age, (s->interval_us + 500000) / 1000000 * 1000000));
        char *dot = strstr(text, ".0 s");
        if (dot)
            memmove(dot, dot + 2, strlen(dot + 2) + 1);
    }
}

void frame_status(struct canvas *c, int y, const struct snapshot *s, const struct look_env *env, const char *address,
                  bool read_only) {
    char text[64];
    enum role role;
    int x = 1;
    canvas_fill(c, y, 0, c->w, ROLE_text, ' ');
    x += canvas_put(c, y, x, c->w - x, ROLE_brand, "weir") + 2;
    if (s && s->embedded)
        x += canvas_put(c, y, x, c->w - x, ROLE_dim, "local") + 1;
    struct slice shown = s && s->address.n ? s->address : slice_cstr(address);
    x += canvas_put_foreign(c, y, x, 40 < c->w - x ? 40 : c->w - x, ROLE_bright, shown) + 1;
    enum link_state link = s ? s->link : LINK_CONNECTING;
    canvas_put_cp(c, y, x, link == LINK_UP ? ROLE_good : link == LINK_DOWN ? ROLE_bad : ROLE_warn,
                  link == LINK_UP ? 0x25cf : link == LINK_DOWN ? 0xd7 : 0x25cb);
    x += 2;
    if (s && s->durability.n)
        x += canvas_put_foreign(c, y, x, 12, ROLE_dim, s->durability) + 1;
    if (read_only)
        x += canvas_put(c, y, x, c->w - x, ROLE_warn, "read-only") + 1;
    status_age(s, env, text, &role);
    int right = piece_right(c, y, c->w - 1, x, role, text) - 2;
    if (s && s->link == LINK_UP)
        status_rates(c, y, right, x, s, env);
}

static int tab_paint(struct canvas *c, int y, int x, const struct frame_tab *tab) {
    int from = x, room = c->w - x;
    char trouble[16];
    if (tab->key) {
        char key[3] = {tab->key, ' ', 0};
        x += canvas_put(c, y, x, room, tab->current ? ROLE_tab_current : ROLE_tab_key, key);
    }
    x += canvas_put(c, y, x, c->w - x, tab->current ? ROLE_tab_current : ROLE_tab, tab->name);
    if (tab->count[0]) {
        x += canvas_put(c, y, x, c->w - x, tab->current ? ROLE_tab_current : ROLE_tab_count, " ");
        x += canvas_put(c, y, x, c->w - x, tab->current ? ROLE_tab_current : ROLE_tab_count, tab->count);
    }
    if (tab->trouble || tab->soon) {
        snprintf(trouble, sizeof trouble, tab->trouble ? " !%d" : " ~%d", tab->trouble ? tab->trouble : tab->soon);
        enum role role = tab->current ? ROLE_tab_current : tab->trouble ? ROLE_bad : ROLE_warn;
        x += canvas_put(c, y, x, c->w - x, role, trouble);
    }
    if (tab->current) { /* the reversed field reaches one column to each side */
        canvas_put_cp(c, y, from - 1, ROLE_tab_current, ' ');
        canvas_put_cp(c, y, x, ROLE_tab_current, ' ');
    }
    return x;
}

static int tab_width(const struct canvas *c, const struct frame_tab *tab) {
    char trouble[16] = "";
    if (tab->trouble || tab->soon)
        snprintf(trouble, sizeof trouble, tab->trouble ? " !%d" : " ~%d", tab->trouble ? tab->trouble : tab->soon);
    return (tab->key ? 2 : 0) + canvas_width(c, tab->name) + (tab->count[0] ? 1 + canvas_width(c, tab->count) : 0) +
           (int)strlen(trouble);
}

int frame_tabs(struct canvas *c, int y, struct frame_tab *tabs, int n, const char *filter, const char *marked) {
    int total = 1, x = 1;
    canvas_fill(c, y, 0, c->w, ROLE_text, ' ');
    for (int i = 0; i < n; i++)
        total += tab_width(c, &tabs[i]) + 2;
    int filter_w = filter && *filter ? canvas_width(c, filter) + 4 : 0;
    int marked_w = *marked ? canvas_width(c, marked) + 2 : 0;
    int room = c->w - filter_w - marked_w;
    int gap = total <= room + 2 ? 2 : 1;
    for (int i = n - 1; i >= 0 && total - (gap == 1 ? n : 0) > room + gap; i--) { /* counts go, from the right */
        total -= tab_width(c, &tabs[i]);
        tabs[i].count[0] = '\0';
        total += tab_width(c, &tabs[i]);
    }
    bool full = false; /* a name that is cut is none */
    for (int i = 0; i < n; i++) {
        full = full || x + tab_width(c, &tabs[i]) > room;
        if (!full || tabs[i].current)
            x = tab_paint(c, y, x, &tabs[i]) + gap;
    }
    if (filter_w) {
        int at = c->w - filter_w < 1 ? 1 : c->w - filter_w;
        canvas_fill(c, y, at, c->w - at, ROLE_text, ' ');
        canvas_put(c, y, at + 1, 1, ROLE_accent, "/");
        canvas_put_foreign(c, y, at + 3, c->w - at - 3, ROLE_input, slice_cstr(filter));
    }
    if (marked_w) {
        int at = c->w - filter_w - marked_w < 1 ? 1 : c->w - filter_w - marked_w;
        canvas_fill(c, y, at, marked_w, ROLE_text, ' ');
        canvas_put(c, y, at + 1, marked_w - 1, ROLE_accent, marked);
    }
    return x;
}

void frame_subtabs(struct canvas *c, int y, const struct frame_tab *tabs, int n) {
    int x = 1;
    canvas_fill(c, y, 0, c->w, ROLE_text, ' ');
    for (int i = 0; i < n; i++)
        x = tab_paint(c, y, x, &tabs[i]) + 2;
}

static int hint_paint(struct canvas *c, int y, int x, int room, const struct frame_hint *h) {
    int used = canvas_put(c, y, x, room, h->off ? ROLE_hint_off : h->bad ? ROLE_hint_bad : ROLE_hint_key, h->key);
    used += canvas_put(c, y, x + used, room - used, ROLE_hint, " ");
    return used + canvas_put(c, y, x + used, room - used, h->off ? ROLE_hint_off : ROLE_hint, h->label);
}

static int hint_width(const struct canvas *c, const struct frame_hint *h) {
    return canvas_width(c, h->key) + 1 + canvas_width(c, h->label);
}

void frame_hints(struct canvas *c, int y, const struct frame_hint *hints, int n) {
    int right = c->w - 1, x = 1;
    canvas_fill(c, y, 0, c->w, ROLE_text, ' ');
    for (int pass = 0; pass < 2; pass++) /* destructive ones outermost */
        for (int i = n - 1; i >= 0; i--) {
            if (pass == 0 ? !hints[i].bad : !hints[i].right)
                continue;
            int w = hint_width(c, &hints[i]);
            hint_paint(c, y, right - w, w, &hints[i]);
            right -= w + 2;
        }
    for (int i = 0; i < n; i++) {
        int w = hint_width(c, &hints[i]);
        if (hints[i].bad || hints[i].right || x + w > right)
            continue;
        x += hint_paint(c, y, x, w, &hints[i]) + 2;
    }
}

/* Whole, between words, in up to FRAME_MESSAGE_ROWS lines; our own glyphs have ASCII forms, which the foreign path
 * does not know. */
static void message_block(const struct canvas *c, struct block *b, enum role role, const char *text) {
    *b = (struct block){.words = true};
    if (c->ascii) {
        struct buf safe = {0};
        text_sanitize(&safe, slice_cstr(text), 2000);
        buf_put_u8(&safe, 0);
        block_own(b, role, (const char *)safe.p);
        buf_fini(&safe);
    } else {
        block_foreign(b, role, slice_cstr(text));
    }
}

int frame_message_rows(const struct canvas *c, const char *text) {
    struct block b;
    message_block(c, &b, ROLE_text, text);
    int rows = block_rows(&b, c, c->w - 2, true);
    block_fini(&b);
    return rows < 1 ? 1 : rows < FRAME_MESSAGE_ROWS ? rows : FRAME_MESSAGE_ROWS;
}

void frame_message(struct canvas *c, int y, enum role role, const char *text) {
    struct block b;
    int rows = frame_message_rows(c, text);
    message_block(c, &b, role, text);
    for (int i = 0; i < rows; i++)
        canvas_fill(c, y - i, 0, c->w, role, ' ');
    block_paint(&b, c, (struct rect){y - rows + 1, 1, rows, c->w - 2}, 0, 0, true);
    block_fini(&b);
}

struct rect frame_panel(struct canvas *c, struct rect r, const char *title, const char *foot) {
    for (int y = r.y; y < r.y + r.h; y++) {
        bool edge = y == r.y || y == r.y + r.h - 1;
        canvas_fill(c, y, r.x, r.w, ROLE_text, ' ');
        if (y >= 0 && y < c->h)
            for (int x = r.x < 0 ? 0 : r.x; x < r.x + r.w && x < c->w; x++)
                canvas_cell(c, y, x)->style = 0;
        canvas_put_cp(c, y, r.x, ROLE_frame, y == r.y ? 0x256d : edge ? 0x2570 : 0x2502);
        canvas_put_cp(c, y, r.x + r.w - 1, ROLE_frame, y == r.y ? 0x256e : edge ? 0x256f : 0x2502);
        if (edge)
            canvas_fill(c, y, r.x + 1, r.w - 2, ROLE_frame, 0x2500);
    }
    if (title && *title) {
        canvas_put_cp(c, r.y, r.x + 2, ROLE_text, ' ');
        int used = canvas_put(c, r.y, r.x + 3, r.w - 6, ROLE_accent, title);
        canvas_put_cp(c, r.y, r.x + 3 + used, ROLE_text, ' ');
    }
    if (foot && *foot) {
        int w = canvas_width(c, foot);
        for (const char *next; w > r.w - 6 && (next = strstr(foot, " · ")); w = canvas_width(c, foot))
            foot = next + strlen(" · "); /* the last ones matter most */
        canvas_put_cp(c, r.y + r.h - 1, r.x + r.w - w - 4, ROLE_text, ' ');
        canvas_put(c, r.y + r.h - 1, r.x + r.w - w - 3, w, ROLE_dim, foot);
        canvas_put_cp(c, r.y + r.h - 1, r.x + r.w - 3, ROLE_text, ' ');
    }
    return (struct rect){r.y + 1, r.x + 2, r.h - 2, r.w - 4};
}

void frame_nothing(struct canvas *c, struct rect r, const char *text, const char *more) {
    const char *const lines[2] = {text, more};
    int y = r.y + (r.h - 2) * 2 / 5;
    for (int i = 0; i < 2; i++) {
        int w = canvas_width(c, lines[i]);
        canvas_put(c, y + i, r.x + (w < r.w - 2 ? (r.w - w) / 2 : 1), r.w - 2, i == 0 ? ROLE_text : ROLE_dim, lines[i]);
    }
}

int frame_piece(struct canvas *c, int y, int at, int end, enum role role, const char *format, ...) {
    char text[160];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return at + canvas_width(c, text) <= end ? at + canvas_put(c, y, at, end - at, role, text) : at;
}
