#include "tui/app/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_MAX (256 * 1024)
#define EDIT_MAX_BYTES (1024 * 1024)

/* A child begins with the signals as a program expects them. */
static void child_signals(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH, SIGPIPE, SIGQUIT};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        signal(numbers[i], SIG_DFL);
}

enum err child_start(struct child *c, const char *const *argv, struct error *e) {
    int pipe_fds[2];
    child_stop(c);
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return error_set(e, ERR_LIMIT, "no pipe to be had: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        int nothing = open("/dev/null", O_RDONLY);
        dup2(nothing, STDIN_FILENO);
        dup2(pipe_fds[1], STDOUT_FILENO);
        dup2(pipe_fds[1], STDERR_FILENO);
        child_signals();
        execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(pipe_fds[1]);
    if (pid < 0) {
        close(pipe_fds[0]);
        return error_set(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
    }
    fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
    *c = (struct child){.pid = pid, .fd = pipe_fds[0]};
    return OK;
}

bool child_read(struct child *c) {
    for (;;) {
        uint8_t *to = buf_reserve(&c->text, 4096);
        ssize_t n = read(c->fd, to, 4096);
        if (n > 0 && c->text.n < OUTPUT_MAX)
            c->text.n += (size_t)n;
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            c->ended = true;
            return false;
        }
        if (n < 0)
            return true;
    }
}

bool child_line(struct child *c, struct slice *line) {
    const uint8_t *from = c->text.p + c->read_to;
    size_t left = c->text.n - c->read_to;
    const uint8_t *end = left ? memchr(from, '\n', left) : NULL;
    if (left == 0 || (!end && !c->ended))
        return false;
    *line = slice_of(from, end ? (size_t)(end - from) : left);
    c->read_to += line->n + (end ? 1 : 0);
    return true;
}

int child_end(struct child *c) {
    int status = 0;
    pid_t pid = c->pid;
    close(c->fd);
    buf_fini(&c->text);
    *c = (struct child){.fd = -1};
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void child_stop(struct child *c) {
    if (c->pid == 0)
        return;
    kill(c->pid, SIGTERM);
    child_end(c);
}

/* ---- the editor ---- */

/* While the editor has the terminal its keys are the editor's: ctrl-c ends nothing here, and ctrl-z stops both, or the
 * shell would not know. */
static int wait_editor(pid_t pid) {
    static const struct { int number; void (*meanwhile)(int); } keys[] = {
        {SIGINT, SIG_IGN}, {SIGQUIT, SIG_IGN}, {SIGTSTP, SIG_DFL}};
    struct sigaction before[3];
    int status = 0;
    for (size_t i = 0; i < 3; i++)
        sigaction(keys[i].number, &(struct sigaction){.sa_handler = keys[i].meanwhile}, &before[i]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    for (size_t i = 0; i < 3; i++)
        sigaction(keys[i].number, &before[i], NULL);
    return status;
}

static enum err run_editor(const char *path, struct error *e) {
    const char *editor = getenv("VISUAL");
    char command[1024];
    if (!editor || !*editor)
        editor = getenv("EDITOR");
    if (!editor || !*editor)
        editor = "vi";
    if (snprintf(command, sizeof command, "exec %s \"$1\"", editor) >= (int)sizeof command)
        return error_set(e, ERR_USAGE, "the words of $VISUAL or $EDITOR are too long");
    pid_t pid = fork();
    if (pid < 0)
        return error_set(e, ERR_LIMIT, "cannot start a process: %s", strerror(errno));
    if (pid == 0) {
        child_signals();
        /* The user's own words may have options in them; the path goes in as an argument, not as text. */
        execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
        _exit(127);
    }
    int status = wait_editor(pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return error_set(e, ERR_IO, "%s ended with a failure: the text is as it was", editor);
    return OK;
}

static enum err read_back(const char *path, struct buf *out, struct error *e) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;
    if (fd >= 0) {
        while ((n = read(fd, buf_reserve(out, 65536), 65536)) > 0 && out->n < EDIT_MAX_BYTES)
            out->n += (size_t)n;
        close(fd);
    }
    return n == 0 ? OK : error_set(e, ERR_IO, "cannot read back what was written (up to 1 MiB)");
}

enum err child_edit(struct slice text, struct buf *out, struct error *e) {
    char path[512];
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof path, "%.400s/weir-value-XXXXXX", dir && *dir ? dir : "/tmp");
    int fd = mkstemp(path);
    if (fd < 0)
        return error_set(e, ERR_IO, "cannot make a file for the editor: %s", strerror(errno));
    size_t sent = 0;
    while (sent < text.n) {
        ssize_t n = write(fd, text.p + sent, text.n - sent);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    close(fd);
    enum err err = sent == text.n ? run_editor(path, e) : error_set(e, ERR_NO_SPACE, "no room for the editor's file");
    if (err == OK)
        err = read_back(path, out, e);
    unlink(path);
    return err;
}
