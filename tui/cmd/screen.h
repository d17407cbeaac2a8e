/* The whole screen without a terminal: keys go in, a canvas comes out.
 *
 * The app loop (tui/app/console.c) brings keys, snapshots and events, and does
 * what `wants` says; tests do the same without it.  UI thread. */
#ifndef WEIR_CMD_SCREEN_H
#define WEIR_CMD_SCREEN_H

#include "tui/ui/columns.h"
#include "tui/ui/prompt.h"
#include "tui/views/view.h"

struct screen_hooks {
    /* Clients other than us on the embedded broker, 0 none; NULL: nobody to ask about. */
    long (*others)(void *ctx);
    /* What becomes of it when we leave. */
    void (*leave)(void *ctx, bool stop_broker);
    /* Makes `name` the theme; false: the message says why. */
    bool (*theme)(void *ctx, const char *name, char *why, size_t why_size);
    void (*each_theme)(void (*each)(void *to, const char *name), void *to);
    void *ctx;
};
struct keymap;
struct screen {
    struct ui ui;
    struct prompt prompt;
    struct columns_panel columns;
    const struct keymap *keymap;    /* the caller's; NULL: the keys of the rows */
    struct screen_hooks hooks;
    struct block page;              /* help, or what a command printed */
    char page_title[64];
    bool page_open;
    bool too_small;                 /* the last paint showed nothing but that: keys only leave */
    int page_top;
    char typed_filter[128];         /* before the prompt changed it, for Esc */
    struct { bool redraw, suspend, hello, quit; } wants;
};
void screen_init(struct screen *s, struct client *client, const char *address, const struct screen_hooks *hooks);
void screen_fini(struct screen *s);
void screen_key(struct screen *s, const struct key *k);
void screen_paint(struct screen *s, struct canvas *c);
/* A line as typed after `:`; false: the message says what is wrong. */
bool screen_run(struct screen *s, const char *line);
void screen_page(struct screen *s, const char *title);      /* opens an empty page; fill s->page */

#endif
