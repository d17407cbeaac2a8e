/* Calls on sockets; see sock.h. */
#include "core/io/sock.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

ssize_t sock_receive(int fd, struct iovec *iov, int n) {
    for (;;) {
        ssize_t got = n == 1 ? recv(fd, iov->iov_base, iov->iov_len, 0) : readv(fd, iov, n);
        if (got >= 0)
            return got;
        if (errno != EINTR)
            return errno == EAGAIN ? -1 : -2;
    }
}

ssize_t sock_send(int fd, struct iovec *iov, int n) {
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)n};
    for (;;) {
        ssize_t put = n == 1 ? send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT)
                             : sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (put >= 0)
            return put;
        if (errno != EINTR)
            return errno == EAGAIN ? -1 : -2;
    }
}

bool sock_peer(int fd, struct addr *out) {
    *out = (struct addr){.n = sizeof out->sa};
    return getpeername(fd, (struct sockaddr *)&out->sa, &out->n) == 0;
}

bool sock_local(int fd, struct addr *out) {
    *out = (struct addr){.n = sizeof out->sa};
    return getsockname(fd, (struct sockaddr *)&out->sa, &out->n) == 0;
}

const char *sock_peer_text(int fd, char out[ADDR_TEXT_SIZE]) {
    struct addr a;
    char host[ADDR_HOST_SIZE];
    if (!sock_peer(fd, &a))
        return "a client that left";
    addr_host(&a, host);
    addr_join(host, addr_port(&a), out);
    return out;
}

void sock_options(int fd) {
    const int on = 1, idle_s = 60, interval_s = 15, probes = 4;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
#ifdef TCP_KEEPIDLE
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
#endif
}
