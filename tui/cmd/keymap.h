/* Which keys mean which command: those of the rows, and in their place those of
 * the configuration file.
 *
 *   keys = { tail = "T"; quit = [ "q", "f10" ]; theme = "f6"; wrap = ""; };
 *
 * A digit always shows its tab and ctrl-c always leaves: there is a way out of
 * every configuration.  Main thread, at start; read only afterwards. */
#ifndef WEIR_CMD_KEYMAP_H
#define WEIR_CMD_KEYMAP_H

#include "core/base/error.h"
#include "tui/cmd/command.h"

enum {
    KEYMAP_N = 0
#define COMMAND(...) +1
#include "tui/cmd/commands.def"
#undef COMMAND
};
struct keymap {
    char *keys[KEYMAP_N];       /* by the row of commands; NULL: those of the row */
};
/* The group `keys` of a file; no such file or group is fine.  An error is one sentence with file, line and remedy. */
enum err keymap_read(struct keymap *m, const char *path, struct error *e) WEIR_MUST_CHECK;
void keymap_fini(struct keymap *m);
/* Names between blanks, "" none; m may be NULL. */
const char *keymap_keys(const struct keymap *m, const struct command *c);
/* Walks such a list: the next name, false at the end. */
bool keymap_next(const char **list, char key[16]);
bool keymap_has(const char *list, const char *key);

#endif
