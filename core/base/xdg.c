/* The user's directories; see xdg.h. */
#include "core/base/xdg.h"

#include <stdio.h>
#include <stdlib.h>

bool xdg_path(char *out, size_t out_size, const char *variable, const char *below, const char *name) {
    const char *base = getenv(variable), *home = getenv("HOME");
    int n = -1;
    if (base != NULL && *base == '/')
        n = snprintf(out, out_size, "%s/%s", base, name);
    else if (home != NULL && *home == '/')
        n = snprintf(out, out_size, "%s/%s/%s", home, below, name);
    return n > 0 && (size_t)n < out_size;
}
