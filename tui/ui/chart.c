#include "tui/ui/chart.h"

#include "tui/ui/format.h"

#include <stdio.h>

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

static void chart_title(struct canvas *c, struct rect r, const char *title, float now, float most,
                        const struct look_env *env) {
    char a[FORMAT_SIZE], b[FORMAT_SIZE], text[120];
    canvas_fill(c, r.y, r.x, r.w, ROLE_frame, 0x2500);
    snprintf(text, sizeof text, " %s ", title);
    int used = canvas_put(c, r.y, r.x + 2, r.w - 2, ROLE_header, text) + 2;
    snprintf(text, sizeof text, " now %s  most %s ", fmt_rate(a, (double)now, env->exact),
             fmt_rate(b, (double)most, env->exact));
    int w = canvas_width(c, text);
    if (used + w + 3 < r.w)
        canvas_put(c, r.y, r.x + r.w - w - 2, w, ROLE_dim, text);
}

/* Times stand under an area that moves; one that is flat at zero is not there, and writes nothing as it gets older. */
void chart_area(struct canvas *c, struct rect r, const char *title, const struct history *h, int64_t interval_us,
                const struct look_env *env) {
    char age[FORMAT_SIZE];
    float top = 0;
    int bars = r.h - 2, n = h->n;
    for (int i = 0; i < n; i++)
        top = h->v[i] > top ? h->v[i] : top;
    chart_title(c, r, title, n ? h->v[n - 1] : 0, top, env);
    if (!(top > 0) || bars < 1)
        return;
    int first = r.w - n * r.w / HISTORY_LEN;
    for (int x = first < 0 ? 0 : first; x < r.w; x++) {
        float at = (float)(x - first) * (float)(n - 1) / (float)(r.w - first > 1 ? r.w - first - 1 : 1);
        int i = (int)at;
        float v = i + 1 < n ? h->v[i] + (h->v[i + 1] - h->v[i]) * (at - (float)i) : h->v[n - 1];
        int eighths = (int)(v / top * (float)(bars * 8) + 0.5f);
        if (eighths == 0 && v > 0)
            eighths = 1;
        for (int k = 0; k < bars && eighths > k * 8; k++)
            canvas_put_cp(c, r.y + bars - k, r.x + x, env->all_stale ? ROLE_stale : ROLE_bar,
                          eighths >= k * 8 + 8 ? 0x2588 : 0x2580 + (uint32_t)(eighths - k * 8));
    }
    int y = r.y + r.h - 1, w = canvas_width(c, fmt_age(age, (int64_t)(n - 1) * interval_us)) + 4;
    if (first + w + 5 < r.w)
        canvas_printf(c, y, r.x + first, r.w - first, ROLE_dim, "%s ago", age);
    canvas_put(c, y, r.x + r.w - 3, 3, ROLE_dim, "now");
}
