/* A line (or a few) of text being typed: bytes of UTF-8, perhaps pasted and so
 * foreign; painted by the foreign path. */
#ifndef WEIR_UI_EDIT_H
#define WEIR_UI_EDIT_H

#include "tui/term/canvas.h"
#include "tui/term/keys.h"

#define EDIT_MAX (1024 * 1024)
struct edit {
    struct buf text;        /* not NUL-terminated; edit_cstr */
    size_t cursor;
    size_t scroll;          /* first byte shown of a one-line edit */
    int top;                /* first line shown of a long one */
    bool multiline;
};
void edit_fini(struct edit *e);
void edit_set(struct edit *e, struct slice text);       /* cursor to the end */
const char *edit_cstr(struct edit *e);                   /* valid until the next change */
/* True when the key was taken. */
bool edit_key(struct edit *e, const struct key *k);
/* With focus the canvas gets the cursor. */
void edit_paint(struct edit *e, struct canvas *c, struct rect r, enum role role, bool focus);

#endif
