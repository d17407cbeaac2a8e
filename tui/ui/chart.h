/* Sparklines and bars in cells; the canvas turns the blocks into ASCII. */
#ifndef WEIR_UI_CHART_H
#define WEIR_UI_CHART_H

#include "tui/ui/table.h"

/* The newest w values, right-aligned, scaled to the greatest of them; one mark at the left when all are alike. */
void chart_spark(struct canvas *c, int y, int x, int w, enum role role, const struct history *h);
/* The same over the whole rectangle: a title with the newest and the greatest value, the area, its times below. */
void chart_area(struct canvas *c, struct rect r, const char *title, const struct history *h, int64_t interval_us,
                const struct look_env *env);
/* part of whole, 0 to 1. */
void chart_bar(struct canvas *c, int y, int x, int w, double part);

#endif
