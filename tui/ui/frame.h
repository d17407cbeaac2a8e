/* The fixed lines: status at the top, tabs below it, hints at the bottom, a
 * message over them while there is something to say. */
#ifndef WEIR_UI_FRAME_H
#define WEIR_UI_FRAME_H

#include "tui/ui/table.h"

struct frame_tab {
    char key;
    const char *name;
    char count[48];         /* "" none, "…" not known yet */
    int trouble, soon;      /* rows that hurt, that will; 0 none */
    bool current;
};
struct frame_hint {
    char key[24];
    const char *label;
    bool off;               /* cannot act now */
    bool bad;               /* destructive: set apart at the right */
    bool right;             /* always there: before the destructive ones */
};
void frame_status(struct canvas *c, int y, const struct snapshot *s, const struct look_env *env, const char *address,
                  bool read_only);
/* marked: how many rows are, in words, "" none.  Returns the column after the last tab. */
int frame_tabs(struct canvas *c, int y, struct frame_tab *tabs, int n, const char *filter, const char *marked);
void frame_hints(struct canvas *c, int y, const struct frame_hint *hints, int n);
/* A sentence in as many lines as it needs, FRAME_MESSAGE_ROWS at most; y is the last of them. */
#define FRAME_MESSAGE_ROWS 3
int frame_message_rows(const struct canvas *c, const char *text);
void frame_message(struct canvas *c, int y, enum role role, const char *text);
/* Sub tabs of an opened view: "Partitions 12 !1  Groups 7". */
void frame_subtabs(struct canvas *c, int y, const struct frame_tab *tabs, int n);
/* A rounded panel with a title; returns what is inside of it. */
struct rect frame_panel(struct canvas *c, struct rect r, const char *title, const char *foot);
/* In the middle of an empty list: what there is not, and in a dimmer line when there will be. */
void frame_nothing(struct canvas *c, struct rect r, const char *text, const char *more);
/* A piece of a line, whole or not at all.  Returns the column after it. */
int frame_piece(struct canvas *c, int y, int at, int end, enum role role, const char *format, ...) WEIR_PRINTF(6, 7);
/* True when the answers are older than two refreshes. */
bool frame_is_stale(const struct snapshot *s, int64_t now_us);

#endif
