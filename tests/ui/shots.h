/* What is kept of a screen: its text, and under it a letter a cell for its look;
 * the same in ASCII where that differs.  tests/ui/screens/looks.txt says what
 * each letter is in every theme and in mono; tests/ui/pictures draws them.
 *
 * WEIR_RECORD=1 writes the files instead of comparing with them. */
#ifndef WEIR_TESTS_UI_SHOTS_H
#define WEIR_TESTS_UI_SHOTS_H

#include "tui/term/canvas.h"

/* One painted twice: in UTF-8 and in ASCII. */
void shot_check(const char *name, const struct canvas *utf8, const struct canvas *ascii);
/* The letters and the looks that terminals get. */
void shot_check_looks(void);

#endif
