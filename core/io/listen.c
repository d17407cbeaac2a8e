/* Listeners; see listen.h. */
#include "core/io/listen.h"

#include "core/base/log.h"
#include "core/io/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 1024
#define ACCEPTS_PER_TURN 64

static int spare_open(void) {
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static enum err refused(struct listener *l, const struct addr *a, const char *what, struct error *e) {
    int error = errno;
    char host[ADDR_HOST_SIZE], text[ADDR_TEXT_SIZE];
    addr_host(a, host);
    addr_join(host, addr_port(a), text);
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    if (error == EADDRINUSE)
        return error_set(e, ERR_EXISTS, "cannot listen on %s: address already in use", text);
    return error_set(e, ERR_NET, "cannot %s %s: %s", what, text, strerror(error));
}

enum err listener_bind(struct listener *l, const struct addr *a, struct error *e) {
    *l = (struct listener){.fd = -1, .spare_fd = -1};
    l->fd = socket(a->sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return refused(l, a, "make a socket for", e);
    const int on = 1;
    setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sock_options(l->fd);
    if (a->sa.ss_family == AF_INET6)
        setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(l->fd, (const struct sockaddr *)&a->sa, a->n) != 0)
        return refused(l, a, "listen on", e);
    l->bound.n = sizeof l->bound.sa;
    if (getsockname(l->fd, (struct sockaddr *)&l->bound.sa, &l->bound.n) != 0)
        return refused(l, a, "listen on", e);
    return OK;
}

/* Someone waits in the backlog and there is no descriptor for him: answer with a close. */
static void turn_away(struct listener *l) {
    close(l->spare_fd);
    int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        close(fd);
    l->spare_fd = spare_open();
    int64_t now_ms = (int64_t)uv_now(l->poll.loop);
    if (l->complained_ms == 0 || now_ms - l->complained_ms > 10000) {
        l->complained_ms = now_ms;
        log_warn("out of file descriptors: a new connection was closed; raise the limit (ulimit -n)");
    }
}

static void readable(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    struct listener *l = poll->data;
    for (int i = 0; i < ACCEPTS_PER_TURN && l->fd >= 0; i++) {
        struct addr peer = {.n = sizeof peer.sa};
        int fd = accept4(l->fd, (struct sockaddr *)&peer.sa, &peer.n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->accepted(l->ctx, l, fd, &peer);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno == EMFILE || errno == ENFILE) {
            turn_away(l);
            continue;
        }
        break;
    }
}

enum err listener_start(struct listener *l, uv_loop_t *loop, listen_accept_fn *accepted, void *ctx, struct error *e) {
    l->accepted = accepted;
    l->ctx = ctx;
    if (listen(l->fd, BACKLOG) != 0)
        return refused(l, &l->bound, "listen on", e);
    l->spare_fd = spare_open();
    int rc = uv_poll_init(loop, &l->poll, l->fd);
    if (rc == 0) {
        l->poll.data = l;
        l->started = true;
        rc = uv_poll_start(&l->poll, UV_READABLE, readable);
    }
    return rc == 0 ? OK : error_set(e, ERR_NET, "cannot watch a listening socket: %s", uv_strerror(rc));
}

void listener_stop(struct listener *l, uv_close_cb closed) {
    if (l->started)
        uv_close((uv_handle_t *)&l->poll, closed);
    l->started = false;
    if (l->fd >= 0)
        close(l->fd);
    if (l->spare_fd >= 0)
        close(l->spare_fd);
    l->fd = l->spare_fd = -1;
}
