/* Listening sockets on the loop.
 *
 * Bind and listen are two steps, so that a taken port is found before anything
 * else is touched, and nobody gets in before recovery is done.  Out of file
 * descriptors, a spare one is given up to accept and close the caller, who would
 * otherwise wait in the backlog while the loop spins.
 * Thread: the loop's.  The accept callback owns the descriptor it is given. */
#ifndef WEIR_IO_LISTEN_H
#define WEIR_IO_LISTEN_H

#include "core/io/addr.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct listener;
typedef void listen_accept_fn(void *ctx, struct listener *l, int fd, const struct addr *peer);

struct listener {
    uv_poll_t poll;
    int fd, spare_fd;
    struct addr bound;
    listen_accept_fn *accepted;
    void *ctx;
    int64_t complained_ms;   /* when the log last said that descriptors ran out */
    bool started;
};

/* Binds; port 0 gets the kernel's choice, which `bound` then has.
 * ERR_EXISTS: the address is in use.  ERR_NET: anything else. */
enum err listener_bind(struct listener *l, const struct addr *a, struct error *e) WEIR_MUST_CHECK;
enum err listener_start(struct listener *l, uv_loop_t *loop, listen_accept_fn *accepted, void *ctx,
                        struct error *e) WEIR_MUST_CHECK;
/* Closes the sockets at once; *l must live until `closed` ran (NULL: until the loop's next turn). */
void listener_stop(struct listener *l, uv_close_cb closed);

#endif
