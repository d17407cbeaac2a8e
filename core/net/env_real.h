/* The real struct env: a data directory, the kernel's clock and randomness.
 *
 * Files are opened relative to the directory's descriptor, never through a
 * symbolic link, 0600 (directories 0700).  The directory also holds the lock and
 * the control socket, which are core/net's own, and the log of a broker that a
 * console started: list() does not show them.
 * Urgent syncs run in order on one thread, the checkpoint's on a second, warm
 * reads and the freeing of unlinked files on a third; each starts with its first
 * job and reports through the loop.
 * Thread: the loop's, as struct env says. */
#ifndef WEIR_NET_ENV_REAL_H
#define WEIR_NET_ENV_REAL_H

#include "core/base/env.h"

#include <uv.h>

#define ENV_LOCK_NAME ".lock"
#define ENV_CONTROL_NAME ".control"
#define ENV_LOG_NAME ".log" /* of a broker that a console started */
/* True for those three. */
bool env_real_is_own(const char *name);

/* Owns dir_fd from here on. */
struct env *env_real_new(uv_loop_t *loop, int dir_fd);
/* After the store is closed; finishes background work first.  The loop must run
 * once more before it is closed. */
void env_real_free(struct env *env);
/* Syncs and warm reads that have not reported yet. */
size_t env_real_pending(const struct env *env);
/* Blocks until they all have (before store_close). */
void env_real_drain(struct env *env);
/* errno as enum err. */
enum err env_real_errno(int error);

#endif
