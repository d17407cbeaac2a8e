/* Where the user's files are, by the XDG Base Directory Specification.  Any thread. */
#ifndef WEIR_BASE_XDG_H
#define WEIR_BASE_XDG_H

#include <stdbool.h>
#include <stddef.h>

/* "$VARIABLE/name", or "$HOME/below/name" where the variable is not an absolute path; false: neither is, or no room. */
bool xdg_path(char *out, size_t out_size, const char *variable, const char *below, const char *name);

#endif
