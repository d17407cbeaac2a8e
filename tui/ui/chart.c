#include "tui/ui/chart.h"

void chart_spark(struct canvas *c, int y, int x, int w, enum role role, const struct history *h) {
    float top = 0;
    int n = h->n < w ? h->n : w;
    for (int i = 0; i < n; i++)
        if (h->v[h->n - n + i] > top)
            top = h->v[h->n - n + i];
    for (int i = 0; i < n; i++) {
        float v = h->v[h->n - n + i];
        bool nothing = !(v > 0) || !(top > 0);
        int step = nothing ? 0 : (int)(v / top * 7.0f + 0.5f);
        step = step < 0 ? 0 : step > 7 ? 7 : step;
        canvas_put_cp(c, y, x + w - n + i, nothing ? ROLE_zero : role, 0x2581 + (uint32_t)step);
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
