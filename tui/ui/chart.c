#include "tui/ui/chart.h"

#include "tui/ui/format.h"

void chart_spark(struct canvas *c, int y, int x, int w, enum role role, const struct history *h) {
    float top = 0, low = -1;
    int n = h->n < w ? h->n : w;
    for (int i = 0; i < n; i++) {
        float v = h->v[h->n - n + i];
        top = v > top ? v : top;
        low = v < low || low < 0 ? v : low;
    }
    /* Steady or still: one calm mark, no wall.  It stands at the left, so that nothing is written as time passes, and a
     * row whose end is blank is cheap on the line. */
    if (n > 0 && (top - low < top * 0.15f || !(top > 0))) {
        canvas_put_cp(c, y, x, ROLE_zero, top > 0 ? '-' : '_');
        return;
    }
    for (int i = 0; i < n; i++) {
        float v = h->v[h->n - n + i];
        int step = (int)(v / top * 7.0f + 0.5f);
        step = step < 0 ? 0 : step > 7 ? 7 : step;
        canvas_put_cp(c, y, x + w - n + i, v > 0 ? role : ROLE_zero, 0x2581 + (uint32_t)step);
    }
}

void chart_bar(struct canvas *c, int y, int x, int w, double part) {
    int full = (int)(part * w + 0.5);
    if (part > 0 && full == 0)
        full = 1;
    if (full > w)
        full = w;
    canvas_fill(c, y, x, full, ROLE_bar, 0x2588);
    canvas_fill(c, y, x + full, w - full, ROLE_bar_rest, 0x2591);
}

void chart_area(struct canvas *c, struct rect r, const char *title, const struct history *h, bool exact) {
    char number[FORMAT_SIZE];
    float top = 0;
    int bars = r.h - 1, each = r.w / HISTORY_LEN > 0 ? r.w / HISTORY_LEN : 1, room = r.w / each;
    int n = h->n < room ? h->n : room;
    for (int i = 0; i < n; i++)
        top = h->v[h->n - n + i] > top ? h->v[h->n - n + i] : top;
    canvas_fill(c, r.y, r.x, r.w, ROLE_frame, 0x2500);
    int used = canvas_put(c, r.y, r.x + 2, r.w - 2, ROLE_text, " ");
    used += canvas_put(c, r.y, r.x + 2 + used, r.w - 2 - used, ROLE_header, title);
    canvas_put(c, r.y, r.x + 2 + used, r.w - 2 - used, ROLE_text, " ");
    fmt_rate(number, (double)top, exact);
    used = canvas_width(c, number);
    canvas_put(c, r.y, r.x + r.w - used - 4, used + 4, ROLE_text, " ");
    canvas_printf(c, r.y, r.x + r.w - used - 3, used + 3, ROLE_dim, "%s ", number);
    for (int i = 0; i < n && top > 0; i++) {
        int eighths = (int)(h->v[h->n - n + i] / top * (float)(bars * 8) + 0.5f);
        if (eighths == 0 && h->v[h->n - n + i] > 0)
            eighths = 1;
        for (int k = 0; k < bars && eighths > k * 8; k++) {
            uint32_t block = eighths >= k * 8 + 8 ? 0x2588 : 0x2580 + (uint32_t)(eighths - k * 8);
            canvas_fill(c, r.y + bars - k, r.x + r.w - (n - i) * each, each, ROLE_bar, block);
        }
    }
}
