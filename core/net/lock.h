/* One owner per data directory: a lock on DIR/.lock, held for life.
 *
 * The lock is an open-file-description lock, so that it goes with the process
 * however that ends.  The text inside is for people and for consoles that attach:
 *   weir
 *   ephemeral             (the directory goes with its owner: whoever finds it without one may remove it)
 *   pid N
 *   address HOST:PORT     (once the broker accepts)
 * Thread: any, one at a time. */
#ifndef WEIR_NET_LOCK_H
#define WEIR_NET_LOCK_H

#include "core/base/error.h"

#include <stdbool.h>

struct lock_owner {
    long pid;                /* 0: not known */
    char address[300];       /* "": it does not accept yet */
};

/* ERR_LOCKED: *owner says whose it is. */
enum err lock_take(int dir_fd, int *lock_fd, struct lock_owner *owner, struct error *e) WEIR_MUST_CHECK;
/* address NULL: not accepting. */
void lock_write(int lock_fd, const char *address, bool ephemeral);
/* True: the last owner was an ephemeral one and has died; nobody else gets the lock until *lock_fd is closed. */
bool lock_take_abandoned(int dir_fd, int *lock_fd) WEIR_MUST_CHECK;
/* Empties the file and lets go; the file stays (removing it would race with the next owner). */
void lock_release(int lock_fd);
/* OK: the directory has an owner.  ERR_NOT_FOUND: no directory, no lock file, or nobody holds it. */
enum err lock_find_owner(const char *dir, struct lock_owner *owner) WEIR_MUST_CHECK;
/* False when a .lock lies there that weir did not write (Kafka's log directories have one too). */
bool lock_is_ours(int dir_fd);

#endif
