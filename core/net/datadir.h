/* The data directory as a place: finding, judging, making, removing it.
 * Thread: the main thread, before and after the loop. */
#ifndef WEIR_NET_DATADIR_H
#define WEIR_NET_DATADIR_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* $XDG_DATA_HOME/weir, else ~/.local/share/weir; false: no home. */
bool datadir_default(char *out, size_t out_size);
/* Looks, touches nothing.  OK: not there yet, empty, or weir's.  ERR_UNSUPPORTED: someone else's. */
enum err datadir_judge(const char *path, struct error *e) WEIR_MUST_CHECK;
/* Makes it with its parents (0700) where it is missing, and opens it. */
enum err datadir_open(const char *path, int *fd, struct error *e) WEIR_MUST_CHECK;
/* A private directory under $TMPDIR (or /tmp), for --ephemeral.  Those there whose brokers were killed are removed. */
enum err datadir_make_private(char *out, size_t out_size, struct error *e) WEIR_MUST_CHECK;
/* With all that is in it; never follows a link out. */
void datadir_remove(const char *path);

#endif
