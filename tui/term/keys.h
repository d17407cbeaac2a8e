/* Keys by name: "j", "G", "ctrl-r", "alt-x", "enter", "esc", "tab", "shift-tab",
 * "up", "pgdn", "f5", "space", ... and "paste" for text pasted in brackets. */
#ifndef WEIR_TERM_KEYS_H
#define WEIR_TERM_KEYS_H

#include "core/base/mem.h"

struct key {
    char name[16];
    uint32_t cp;            /* the character when it is one that can be typed, else 0 */
    struct slice paste;     /* "paste": raw foreign bytes, valid until the next key */
};
static inline bool key_is(const struct key *k, const char *name) { return strcmp(k->name, name) == 0; }
/* A key as a person spells it: name -> key (for tests and key files); false: no such key. */
bool key_of(struct key *k, const char *name);
/* A terminal can send a key of this name, and a command may be bound to it. */
bool key_known(const char *name);

#endif
