/* Finding, starting and leaving a broker; see place.h.  Main thread; the child is
 * forked before any other thread exists. */
#include "tui/cli/place.h"

#include "core/net/control.h"
#include "core/net/datadir.h"
#include "core/net/env_real.h"
#include "core/net/lock.h"
#include "core/net/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_WAIT_MS 60000           /* recovery of a large log is part of it */
#define LEAVE_WAIT_MS 20000
#define LEAVE_QUESTIONS 10
#define LEAVE_PAUSE_MS 10
#define TAKEOVER_WAIT_MS 5000         /* an owner that is on its way out, or not yet listening */
#define LOG_NAME ENV_LOG_NAME
#define READY_FD 3
#define READY_FD_TEXT "3"
#define LOG_KEEP_BYTES (1 << 20)

/* ---- the data directory ---- */

static enum err name_data_dir(struct place *p, const struct cli_options *o, struct error *e) {
    char dir[PATH_MAX];
    if (o->data != NULL)
        p->data_dir = mem_strdup(o->data);
    else if (datadir_default(dir, sizeof dir))
        p->data_dir = mem_strdup(dir);
    else
        return error_set(e, ERR_USAGE, "HOME is not set: say where the data goes with --data DIR");
    return OK;
}

/* Makes it where it is missing, touches nothing where it is somebody else's. */
static enum err prepare_data_dir(const struct place *p, struct error *e) {
    int fd;
    enum err r = datadir_judge(p->data_dir, e);
    if (r == OK)
        r = datadir_open(p->data_dir, &fd, e);
    if (r == OK)
        close(fd);
    return r;
}

static enum err private_dir(struct place *p, struct error *e) {
    char dir[PATH_MAX];
    enum err r = datadir_make_private(dir, sizeof dir, e);
    if (r != OK)
        return r;
    p->data_dir = mem_strdup(dir);
    p->ephemeral = true;
    return OK;
}

/* ---- attaching ---- */

static enum err hold_on(struct place *p, struct error *e) {
    struct control_status status;
    enum err r = control_connect(p->data_dir, &p->control_fd, e);
    if (r != OK)
        return r;
    r = control_get_status(p->control_fd, "attach", &status, e);
    if (r != OK) {
        close(p->control_fd);
        p->control_fd = -1;
        return r == ERR_CLOSED ? ERR_NOT_FOUND : r;
    }
    snprintf(p->address, sizeof p->address, "%s", status.address);
    snprintf(p->durability, sizeof p->durability, "%s", status.durability);
    return OK;
}

static void place_clear(struct place *p) {
    memset(p, 0, sizeof *p);
    p->control_fd = -1;
    p->child = -1;
}

enum err place_attach(struct place *p, const struct cli_options *o, struct error *e) {
    place_clear(p);
    p->kind = PLACE_ATTACHED;
    enum err r = name_data_dir(p, o, e);
    return r == OK ? hold_on(p, e) : r;
}

/* ---- starting ---- */

/* The broker's log; made anew when it has grown past LOG_KEEP_BYTES. *from: where its new lines begin. */
static int open_log(const struct place *p, off_t *from) {
    char *path = mem_alloc(strlen(p->data_dir) + sizeof "/" LOG_NAME);
    memcpy(path, p->data_dir, strlen(p->data_dir));
    memcpy(path + strlen(p->data_dir), "/" LOG_NAME, sizeof "/" LOG_NAME);
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    free(path);
    *from = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
    if (*from > LOG_KEEP_BYTES && ftruncate(fd, 0) == 0)
        *from = 0;
    return fd;
}

static void child_side(struct place *p, const struct cli_options *o, const char *listen, int ready, int log) {
    const char *argv[24];
    size_t n = 0;
    setsid();
    int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    /* Nothing else of the console's goes along: a terminal that the broker holds open never hangs up. */
    if (dup2(ready, READY_FD) == READY_FD)
        fcntl(READY_FD, F_SETFD, 0);
    close_range(READY_FD + 1, ~0U, 0);
    const char *fixed[] = {"weir",     "serve", "--attended", "--ready-fd", READY_FD_TEXT,
                           "--listen", listen,  "--data",     p->data_dir};
    for (; n < sizeof fixed / sizeof fixed[0]; n++)
        argv[n] = fixed[n];
    if (o->durability != NULL) {
        argv[n++] = "--durability";
        argv[n++] = o->durability;
    }
    if (o->config_path != NULL) {
        argv[n++] = "-c";
        argv[n++] = o->config_path;
    }
    if (p->ephemeral)
        argv[n++] = "--remove-data";
    argv[n] = NULL;
    signal(SIGPIPE, SIG_DFL);
    execv("/proc/self/exe", (char *const *)argv);
    dprintf(STDERR_FILENO, "weir: cannot start the broker: %s\n", strerror(errno));
    _exit(127);
}

/* The last line that the broker wrote before it gave up, without the program's name. */
static void last_words(int log, off_t from, char *out, size_t out_size) {
    char text[4096];
    ssize_t n = pread(log, text, sizeof text - 1, from);
    while (n > 0 && text[n - 1] == '\n')
        n--;
    if (n <= 0) {
        snprintf(out, out_size, "it ended without a word");
        return;
    }
    text[n] = '\0';
    char *line = strrchr(text, '\n');
    line = line == NULL ? text : line + 1;
    text_safe(slice_cstr(strncmp(line, "weir: ", 6) == 0 ? line + 6 : line), out, out_size);
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reads the address line; false at end of file (the broker gave up) and after START_WAIT_MS. */
static bool read_address(int fd, char *out, size_t out_size) {
    int64_t deadline = now_ms() + START_WAIT_MS;
    for (size_t n = 0; n + 1 < out_size;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - now_ms();
        int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t got = ready > 0 ? read(fd, out + n, 1) : 0;
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        if (out[n] == '\n') {
            out[n] = '\0';
            return true;
        }
        n++;
    }
    return false;
}

/* Waits for the child's end; its exit code, 128 and the signal, or -1 after wait_ms. */
static int wait_child(pid_t pid, int64_t wait_ms) {
    int64_t deadline = now_ms() + wait_ms;
    for (;;) {
        int status;
        pid_t got = waitpid(pid, &status, WNOHANG);
        if (got == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (got < 0 || now_ms() > deadline)
            return -1;
        poll(NULL, 0, 2);
    }
}

/* One attempt.  ERR_EXISTS: the address is taken. */
static enum err start_once(struct place *p, const struct cli_options *o, const char *listen, struct error *e) {
    int ready[2];
    off_t from;
    int log = open_log(p, &from);
    if (log < 0)
        return error_set(e, ERR_IO, "cannot write %s/%s: %s", p->data_dir, LOG_NAME, strerror(errno));
    if (pipe2(ready, O_CLOEXEC) != 0) {
        close(log);
        return error_set(e, ERR_IO, "cannot make a pipe: %s", strerror(errno));
    }
    p->child = fork();
    if (p->child == 0)
        child_side(p, o, listen, ready[1], log);
    close(ready[1]);
    enum err r = OK;
    if (p->child < 0) {
        r = error_set(e, ERR_IO, "cannot start the broker: %s", strerror(errno));
    } else if (!read_address(ready[0], p->address, sizeof p->address)) {
        char words[300];
        int code = wait_child(p->child, 1000);
        last_words(log, from, words, sizeof words);
        if (code == -1)
            kill(p->child, SIGTERM);
        p->child = -1;
        r = error_set(e, code == SERVE_PORT_TAKEN ? ERR_EXISTS : ERR_IO, "the broker did not start: %s", words);
    }
    close(ready[0]);
    close(log);
    return r;
}

static enum err start(struct place *p, const struct cli_options *o, struct error *e) {
    p->kind = PLACE_STARTED;
    const char *listen = o->listen != NULL ? o->listen : "127.0.0.1:" PLACE_USUAL_PORT;
    enum err r = start_once(p, o, listen, e);
    if (r == ERR_EXISTS) {
        snprintf(p->taken, sizeof p->taken, "%s", listen);
        r = start_once(p, o, "127.0.0.1:0", e);
    }
    return r == OK ? hold_on(p, e) : r;
}

/* ---- the three ways ---- */

/* True while somebody holds the directory's lock, whether he answers or not. */
static bool owned(const char *dir) {
    struct lock_owner owner;
    return lock_find_owner(dir, &owner) == OK;
}

enum err place_find(struct place *p, const struct cli_options *o, struct error *e) {
    place_clear(p);
    if (o->broker != NULL) {
        p->kind = PLACE_REMOTE;
        snprintf(p->address, sizeof p->address, "%s", o->broker);
        return strlen(o->broker) < sizeof p->address ? OK : error_set(e, ERR_USAGE, "--broker: too long");
    }
    enum err r;
    if (o->ephemeral) {
        r = private_dir(p, e);
        return r == OK ? start(p, o, e) : r;
    }
    r = name_data_dir(p, o, e);
    if (r == OK)
        r = prepare_data_dir(p, e);
    if (r != OK)
        return r;
    /* An owner that does not answer is about to listen or about to go: both pass. */
    int64_t deadline = now_ms() + TAKEOVER_WAIT_MS;
    for (;;) {
        p->kind = PLACE_ATTACHED;
        r = hold_on(p, e);
        if (r != ERR_NOT_FOUND)
            return r;
        if (!owned(p->data_dir)) {
            r = start(p, o, e);
            if (r == OK || !owned(p->data_dir))
                return r;
        }
        if (now_ms() > deadline)
            return error_set(e, ERR_LOCKED, "another process owns %s and does not answer", p->data_dir);
        poll(NULL, 0, 20);
    }
}

/* ---- leaving ---- */

long place_others(struct place *p) {
    struct control_status status;
    if (p->control_fd < 0 || control_get_status(p->control_fd, "status", &status, NULL) != OK || !status.attended ||
        status.consoles > 1)
        return 0;
    long others = status.clients - control_own_clients(&status);
    return others > 0 ? others : 0;
}

void place_stop(struct place *p) {
    char answer[CONTROL_LINE_MAX];
    if (p->control_fd >= 0 && control_ask(p->control_fd, "stop", answer, NULL) != OK)
        return;                       /* it has ended already */
}

void place_stay(struct place *p) {
    char answer[CONTROL_LINE_MAX];
    if (p->control_fd >= 0 && control_ask(p->control_fd, "stay", answer, NULL) != OK)
        return;
}

/* A busy broker may not have noticed yet that our own connections are closed: it is asked again, for a
 * tenth of a second at most, and only where it could end: consoles started it, and no other one is there. */
static enum place_left ask_to_leave(int fd) {
    char answer[CONTROL_LINE_MAX];
    struct control_status status;
    if (control_get_status(fd, "status", &status, NULL) != OK)
        return PLACE_GONE;
    int questions = status.attended && status.consoles <= 1 ? LEAVE_QUESTIONS : 1;
    for (int i = 0; i < questions; i++) {
        if (i > 0)
            poll(NULL, 0, LEAVE_PAUSE_MS);
        if (control_ask(fd, "leave", answer, NULL) != OK || strncmp(answer, "ok staying", 10) != 0)
            return PLACE_GONE;
    }
    return PLACE_STAYS;
}

enum place_left place_leave(struct place *p) {
    if (p->control_fd < 0)
        return PLACE_STAYS;
    enum place_left left = ask_to_leave(p->control_fd);
    if (left == PLACE_GONE) {
        /* Its end closes the connection; the child is then reaped. */
        struct pollfd end = {.fd = p->control_fd, .events = POLLIN};
        char rest;
        while (poll(&end, 1, LEAVE_WAIT_MS) > 0 && read(p->control_fd, &rest, 1) > 0) {
        }
        if (p->child > 0)
            wait_child(p->child, LEAVE_WAIT_MS);
        p->child = -1;
    }
    close(p->control_fd);
    p->control_fd = -1;
    return left;
}

void place_fini(struct place *p) {
    if (p->control_fd >= 0)
        place_leave(p);
    free(p->data_dir);
    p->data_dir = NULL;
}
