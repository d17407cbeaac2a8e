/* The panel that arranges the columns of a table, which shows every change at once behind it. */
#ifndef WEIR_UI_COLUMNS_H
#define WEIR_UI_COLUMNS_H

#include "tui/term/keys.h"
#include "tui/ui/frame.h"

struct columns_panel {
    bool open;
    int at, top;                    /* places */
    struct arrangement before;
};
enum columns_result { COLUMNS_TAKEN, COLUMNS_KEPT, COLUMNS_LEFT };      /* the last two: it is closed */

void columns_open(struct columns_panel *p, struct table *t);
/* t: the same table as at columns_open. */
enum columns_result columns_key(struct columns_panel *p, struct table *t, const struct key *k);
void columns_paint(struct columns_panel *p, const struct table *t, struct canvas *c, struct rect r);
/* Returns how many; for frame_hints. */
int columns_hints(struct frame_hint *out, int max);

#endif
