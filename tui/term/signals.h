/* Signals of the terminal, for term.c. */
#ifndef WEIR_TERM_SIGNALS_H
#define WEIR_TERM_SIGNALS_H

#include "tui/term/term.h"

enum err signals_open(struct error *e) WEIR_MUST_CHECK;
void signals_close(void);
void signals_stop_self(void);   /* stops the process group as ctrl-z does; returns when continued */

#endif
