/* The terminal: the only users of curses are in this folder.
 *
 * One terminal per process (curses has globals).  UI thread only.  Signals are
 * turned into bits behind a pipe: the loop polls term_signal_fd. */
#ifndef WEIR_TERM_TERM_H
#define WEIR_TERM_TERM_H

#include "tui/term/canvas.h"
#include "tui/term/keys.h"
#include "tui/term/theme.h"

struct term_options {
    bool no_color;
    bool ascii;
};
enum err term_open(const struct term_options *o, struct error *e) WEIR_MUST_CHECK;
void term_close(void);              /* restores the terminal; harmless when not open */

bool term_is_ascii(void);
int term_colours(void);
void term_size(int *w, int *h);
void term_set_theme(const struct theme *t);
/* Shows what differs from the last flush; writes nothing when nothing does. */
void term_flush(const struct canvas *c);
void term_redraw(void);             /* the next flush paints everything (ctrl-l) */
/* Shortest time between two paints on this line: 16 ms, more over ssh or with output still queued. */
int64_t term_frame_us(void);

/* False while the line has not taken what was written before: a paint would block. */
bool term_can_paint(void);

/* The next key, false when none is waiting. */
bool term_key(struct key *k);
bool term_gone(void);               /* hung up: nothing may be written any more */
void term_hung_up(void);            /* the loop saw the line go */

enum term_signal { TERM_RESIZED = 1, TERM_STOP = 2, TERM_CONTINUED = 4, TERM_END = 8 };
int term_signal_fd(void);
int term_signals(void);             /* drains; bits of term_signal */
void term_resized(void);
void term_stop(void);               /* ctrl-z: gives the terminal back and stops; returns when continued */
void term_continued(void);          /* after a stop that nobody announced: the modes may be the shell's */
void term_leave(void);              /* for a child program ($EDITOR) */
void term_return(void);
#define TERM_COPY_MAX (64 * 1024)
/* To the clipboard by OSC 52; text is sanitised.  False: too long, or the terminal is known not to have it. */
bool term_copy(struct slice text);

#endif
