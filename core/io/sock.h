/* The few calls on connected sockets, so that only core/io needs their headers.
 * None of them blocks on a non-blocking socket; EINTR is retried.  Any thread. */
#ifndef WEIR_IO_SOCK_H
#define WEIR_IO_SOCK_H

#include "core/io/addr.h"

#include <sys/types.h>
#include <sys/uio.h>

/* Bytes, 0 at the end, -1: nothing there now, -2: broken. */
ssize_t sock_receive(int fd, struct iovec *iov, int n);
/* Bytes, -1: no room now, -2: broken.  No signal. */
ssize_t sock_send(int fd, struct iovec *iov, int n);
bool sock_peer(int fd, struct addr *out);
bool sock_local(int fd, struct addr *out);
/* HOST:PORT of the other end, or words when it is gone. */
const char *sock_peer_text(int fd, char out[ADDR_TEXT_SIZE]);
/* No Nagle, and probes that find a dead peer in two minutes.  Linux hands a
 * listener's options down to what it accepts: no system call per connection. */
void sock_options(int fd);

#endif
