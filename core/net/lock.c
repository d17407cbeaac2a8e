/* The lock of a data directory; see lock.h. */
#include "core/net/lock.h"

#include "core/net/env_real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC "weir\n"
#define EPHEMERAL "ephemeral\n"
#define TEXT_MAX 512

static struct flock whole_file(short type) {
    return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

/* The file's text, cut and terminated; its length. */
static size_t lock_read(int fd, char text[TEXT_MAX]) {
    ssize_t n = pread(fd, text, TEXT_MAX - 1, 0);
    if (n < 0)
        n = 0;
    text[n] = '\0';
    return (size_t)n;
}

/* A value from a line "NAME value"; what is not plain ASCII there does not come from weir. */
static void line_value(const char *text, const char *name, char *out, size_t size) {
    const char *at = strstr(text, name);
    size_t n = 0;
    if (at != NULL)
        for (at += strlen(name); *at > ' ' && *at < 127 && n + 1 < size; at++)
            out[n++] = *at;
    out[n] = '\0';
}

static void parse_owner(int fd, struct lock_owner *owner) {
    char text[TEXT_MAX], pid[24];
    *owner = (struct lock_owner){0};
    lock_read(fd, text);
    if (strncmp(text, MAGIC, strlen(MAGIC)) != 0)
        return;
    line_value(text, "\npid ", pid, sizeof pid);
    line_value(text, "\naddress ", owner->address, sizeof owner->address);
    owner->pid = strtol(pid, NULL, 10);
}

enum err lock_take(int dir_fd, int *lock_fd, struct lock_owner *owner, struct error *e) {
    int fd = openat(dir_fd, ENV_LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set(e, ERR_IO, "cannot open the lock file: %s", strerror(errno));
    struct flock whole = whole_file(F_WRLCK);
    if (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        int error = errno;
        parse_owner(fd, owner);
        close(fd);
        if (error == EAGAIN || error == EACCES)
            return error_set(e, ERR_LOCKED, "the lock is held");
        return error_set(e, ERR_IO, "cannot lock the data directory: %s", strerror(error));
    }
    *lock_fd = fd;
    lock_write(fd, NULL, false);
    return OK;
}

bool lock_take_abandoned(int dir_fd, int *lock_fd) {
    char text[TEXT_MAX];
    struct flock whole = whole_file(F_WRLCK);
    int fd = openat(dir_fd, ENV_LOCK_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return false;
    if (fcntl(fd, F_OFD_SETLK, &whole) == 0 && lock_read(fd, text) > 0 &&
        strncmp(text, MAGIC EPHEMERAL, strlen(MAGIC EPHEMERAL)) == 0) {
        *lock_fd = fd;
        return true;
    }
    close(fd);
    return false;
}

void lock_write(int lock_fd, const char *address, bool ephemeral) {
    char text[TEXT_MAX];
    int n = snprintf(text, sizeof text, MAGIC "%spid %ld\n", ephemeral ? EPHEMERAL : "", (long)getpid());
    if (address != NULL)
        n += snprintf(text + n, sizeof text - (size_t)n, "address %s\n", address);
    /* Only a hint: the lock itself is the kernel's. */
    if (pwrite(lock_fd, text, (size_t)n, 0) == n && ftruncate(lock_fd, n) != 0)
        return;
}

void lock_release(int lock_fd) {
    if (ftruncate(lock_fd, 0) == 0)
        (void)!pwrite(lock_fd, MAGIC, strlen(MAGIC), 0);
    close(lock_fd);
}

enum err lock_find_owner(const char *dir, struct lock_owner *owner) {
    *owner = (struct lock_owner){0};
    int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return ERR_NOT_FOUND;
    int fd = openat(dir_fd, ENV_LOCK_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    close(dir_fd);
    if (fd < 0)
        return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
    struct flock whole = whole_file(F_WRLCK);
    bool held = fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    if (held)
        parse_owner(fd, owner);
    close(fd);
    return held ? OK : ERR_NOT_FOUND;
}

bool lock_is_ours(int dir_fd) {
    int fd = openat(dir_fd, ENV_LOCK_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT;
    char text[TEXT_MAX];
    size_t n = lock_read(fd, text);
    close(fd);
    return n == 0 || strncmp(text, MAGIC, strlen(MAGIC)) == 0;
}
