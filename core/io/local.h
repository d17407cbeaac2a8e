/* Connecting to a socket in a directory (AF_UNIX), for the caller who waits.
 *
 * A path longer than sun_path is reached through the directory's descriptor
 * (/proc/self/fd), so that a data directory may lie as deep as it likes.
 * Any thread. */
#ifndef WEIR_IO_LOCAL_H
#define WEIR_IO_LOCAL_H

#include "core/base/error.h"

#include <stddef.h>
#include <stdint.h>

/* A path that fits a socket address and names the file `name` of the directory;
 * *dir_fd is the descriptor it goes through, -1 when it needs none; close it
 * after use. */
enum err local_path(const char *dir, const char *name, char *out, size_t out_size, int *dir_fd,
                    struct error *e) WEIR_MUST_CHECK;
/* ERR_NOT_FOUND: nobody listens there. */
enum err local_connect(const char *dir, const char *name, int *fd, struct error *e) WEIR_MUST_CHECK;
/* How many of this process's sockets are connected to this port of this machine. */
size_t local_connections_to(uint16_t port);

#endif
