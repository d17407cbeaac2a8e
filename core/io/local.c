/* Connecting to a socket in a directory; see local.h.  Any thread. */
#include "core/io/local.h"

#include "core/io/addr.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum err local_path(const char *dir, const char *name, char *out, size_t out_size, int *dir_fd, struct error *e) {
    const size_t room = sizeof((struct sockaddr_un *)0)->sun_path;
    *dir_fd = -1;
    int n = snprintf(out, out_size, "%s/%s", dir, name);
    if (n > 0 && (size_t)n < out_size && (size_t)n < room)
        return OK;
    *dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*dir_fd < 0)
        return error_set(e, ERR_NOT_FOUND, "cannot open %s: %s", dir, strerror(errno));
    n = snprintf(out, out_size, "/proc/self/fd/%d/%s", *dir_fd, name);
    if (n > 0 && (size_t)n < out_size && (size_t)n < room)
        return OK;
    close(*dir_fd);
    *dir_fd = -1;
    return error_set(e, ERR_TOO_LARGE, "%s: the name is too long for a socket", name);
}

enum err local_connect(const char *dir, const char *name, int *fd, struct error *e) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int dir_fd;
    enum err r = local_path(dir, name, address.sun_path, sizeof address.sun_path, &dir_fd, e);
    if (r != OK)
        return r;
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0) {
        r = error_set(e, ERR_NET, "cannot make a socket: %s", strerror(errno));
    } else if (connect(*fd, (struct sockaddr *)&address, sizeof address) != 0) {
        r = error_set(e, errno == ENOENT || errno == ECONNREFUSED ? ERR_NOT_FOUND : ERR_NET,
                      "cannot reach the broker of %s: %s", dir, strerror(errno));
        close(*fd);
        *fd = -1;
    }
    if (dir_fd >= 0)
        close(dir_fd);
    return r;
}

size_t local_connections_to(uint16_t port) {
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;
    for (struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;) {
        struct addr peer = {.n = sizeof peer.sa};
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (end == entry->d_name || getpeername((int)fd, (struct sockaddr *)&peer.sa, &peer.n) != 0)
            continue;
        n += (peer.sa.ss_family == AF_INET || peer.sa.ss_family == AF_INET6) && addr_port(&peer) == port &&
             addr_is_loopback(&peer);
    }
    if (d != NULL)
        closedir(d);
    return n;
}
