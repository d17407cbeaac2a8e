/* Reading keys from curses, for term.c. */
#ifndef WEIR_TERM_KEYS_READ_H
#define WEIR_TERM_KEYS_READ_H

#include "tui/term/keys.h"

#define KEY_PASTE_BEGIN 02000 /* beyond what curses and its terminals define */
#define KEY_PASTE_END 02001

void keys_define(void);         /* sequences that terminfo does not tell */
bool keys_read(struct key *k);

#endif
