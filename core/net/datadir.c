/* The data directory as a place; see datadir.h. */
#include "core/net/datadir.h"

#include "core/base/xdg.h"
#include "core/net/env_real.h"
#include "core/net/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT_NAME "FORMAT" /* the store's mark */
#define PRIVATE_PREFIX "weir-"
#define PRIVATE_UNIQUE "XXXXXX"

bool datadir_default(char *out, size_t out_size) {
    return xdg_path(out, out_size, "XDG_DATA_HOME", ".local/share", "weir");
}

enum err datadir_judge(const char *path, struct error *e) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return OK;
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (d == NULL) {
        int error = errno;
        if (fd >= 0)
            close(fd);
        return error_set(e, error == ENOTDIR ? ERR_UNSUPPORTED : ERR_IO, "cannot use %s as the data directory: %s",
                         path, strerror(error));
    }
    bool ours = false, others = false;
    struct dirent *entry;
    while ((entry = readdir(d)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, FORMAT_NAME) == 0)
            ours = true;
        else if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !env_real_is_own(name))
            others = true;
    }
    bool foreign = !ours && (others || !lock_is_ours(fd));
    closedir(d);
    if (foreign)
        return error_set(e, ERR_UNSUPPORTED,
                         "%s is not empty and not a data directory of weir; nothing there was touched; "
                         "choose another with --data DIR", path);
    return OK;
}

static bool make_path(char *path) {
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        int rc = mkdir(path, 0700);
        *at = '/';
        if (rc != 0 && errno != EEXIST)
            return false;
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

enum err datadir_open(const char *path, int *fd, struct error *e) {
    char copy[PATH_MAX];
    int n = snprintf(copy, sizeof copy, "%s", path);
    if (n <= 0 || (size_t)n >= sizeof copy)
        return error_set(e, ERR_USAGE, "the name of the data directory is empty or too long");
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0 && errno == ENOENT && make_path(copy))
        *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return error_set(e, ERR_IO, "cannot open the data directory %s: %s", path, strerror(errno));
    return OK;
}

/* Empties the directory behind fd, but for `keep`, and closes it. */
static void empty(int fd, const char *keep) {
    DIR *d = fdopendir(fd);
    if (d == NULL) {
        close(fd);
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(d)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || (keep != NULL && strcmp(name, keep) == 0))
            continue;
        int inner = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (inner >= 0)
            empty(inner, NULL);
        unlinkat(fd, name, inner >= 0 ? AT_REMOVEDIR : 0);
    }
    closedir(d);
}

/* The lock goes last: it says whose the rest is. */
static void remove_at(int base_fd, const char *name) {
    int fd = openat(base_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int again = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (again >= 0) {
        empty(fd, ENV_LOCK_NAME);
        unlinkat(again, ENV_LOCK_NAME, 0);
        unlinkat(base_fd, name, AT_REMOVEDIR);
        close(again);
    } else if (fd >= 0) {
        close(fd);
    }
}

void datadir_remove(const char *path) {
    remove_at(AT_FDCWD, path);
}

/* ---- for --ephemeral ---- */

/* Ours, nobody else's to write, and left by a broker that was killed: then its lock is held while it goes. */
static void sweep_one(int base_fd, const char *name) {
    struct stat st;
    int lock_fd, fd = openat(base_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && (st.st_mode & 077) == 0 &&
        lock_take_abandoned(fd, &lock_fd)) {
        remove_at(base_fd, name);
        close(lock_fd);
    }
    close(fd);
}

static void sweep(const char *base) {
    DIR *d = opendir(base);
    if (d == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(d)) != NULL)
        if (strncmp(entry->d_name, PRIVATE_PREFIX, strlen(PRIVATE_PREFIX)) == 0 &&
            strlen(entry->d_name) == strlen(PRIVATE_PREFIX PRIVATE_UNIQUE))
            sweep_one(dirfd(d), entry->d_name);
    closedir(d);
}

enum err datadir_make_private(char *out, size_t out_size, struct error *e) {
    const char *base = getenv("TMPDIR");
    if (base == NULL || *base == '\0')
        base = "/tmp";
    int n = snprintf(out, out_size, "%s/" PRIVATE_PREFIX PRIVATE_UNIQUE, base);
    if (n <= 0 || (size_t)n >= out_size)
        return error_set(e, ERR_USAGE, "the name in TMPDIR is too long");
    sweep(base);
    if (mkdtemp(out) == NULL)
        return error_set(e, ERR_IO, "cannot make the directory %s: %s", out, strerror(errno));
    return OK;
}
