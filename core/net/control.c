/* The broker's own door, both ends of it; see control.h for the lines and the
 * life of an attended broker.
 *
 * Handles of libuv close asynchronously: a connection is freed in its close
 * callback, the control itself by control_free after the loop ran once more.
 * Thread: the loop's (server side); the console's side waits in the caller's. */
#include "core/net/control.h"

#include "core/base/log.h"
#include "core/base/mem.h"
#include "core/io/local.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 64

struct control_conn {
    uv_pipe_t pipe;
    struct control *control;
    struct control_conn *next;
    bool console;                     /* said attach and not leave */
    size_t n;
    char line[CONTROL_LINE_MAX];
};
struct control {
    uv_pipe_t listener;
    uv_timer_t grace;
    struct control_config config;
    char *data_dir, *address, *durability, *version;
    char path[128];                   /* of the socket, through dir_fd when that is needed */
    int dir_fd;
    struct control_conn *conns;
    size_t n_conns, n_consoles;
    bool attended, stopping, closing;
    int open_handles;
};
struct reply {
    uv_write_t write;
    size_t n;
    char text[CONTROL_LINE_MAX];
};

/* ---- who is there ---- */

static void stop_now(struct control *c) {
    if (c->stopping)
        return;
    c->stopping = true;
    uv_timer_stop(&c->grace);
    c->config.stop(c->config.ctx);
}

static void grace_over(uv_timer_t *t) {
    struct control *c = t->data;
    if (c->attended && c->n_consoles == 0 && c->config.clients(c->config.ctx) == 0) {
        log_info("the console that started this broker is gone and nobody else is connected: stopping");
        stop_now(c);
    }
}

void control_turn(struct control *c) {
    if (c->closing || c->stopping || !c->attended)
        return;
    bool alone = c->n_consoles == 0 && c->config.clients(c->config.ctx) == 0;
    bool counting = uv_is_active((uv_handle_t *)&c->grace);
    if (alone && !counting)
        uv_timer_start(&c->grace, grace_over, CONTROL_GRACE_MS, 0);
    else if (!alone && counting)
        uv_timer_stop(&c->grace);
}

/* ---- lines ---- */

static void replied(uv_write_t *w, int status) {
    (void)status;                     /* the asker is gone: its end of file says so too */
    free(w->data);
}

static void answer(struct control_conn *conn, const char *format, ...) WEIR_PRINTF(2, 3);
static void answer(struct control_conn *conn, const char *format, ...) {
    struct reply *r = mem_zalloc(sizeof *r);
    va_list args;
    va_start(args, format);
    vsnprintf(r->text, sizeof r->text - 1, format, args);
    va_end(args);
    r->n = strlen(r->text);
    r->text[r->n++] = '\n';
    r->write.data = r;
    uv_buf_t b = uv_buf_init(r->text, (unsigned)r->n);
    if (uv_write(&r->write, (uv_stream_t *)&conn->pipe, &b, 1, replied) != 0)
        free(r);
}

static void set_console(struct control_conn *conn, bool on) {
    if (conn->console == on)
        return;
    conn->console = on;
    if (on)
        conn->control->n_consoles++;
    else
        conn->control->n_consoles--;
}

static void answer_status(struct control_conn *conn) {
    struct control *c = conn->control;
    answer(conn, "ok address=%s pid=%ld clients=%zu consoles=%zu attended=%d durability=%s version=%s", c->address,
           (long)getpid(), c->config.clients(c->config.ctx), c->n_consoles, c->attended, c->durability, c->version);
}

static void obey(struct control_conn *conn, const char *line) {
    struct control *c = conn->control;
    if (strcmp(line, "status") == 0) {
        answer_status(conn);
    } else if (strcmp(line, "attach") == 0) {
        set_console(conn, true);
        answer_status(conn);
    } else if (strcmp(line, "stay") == 0) {
        c->attended = false;
        uv_timer_stop(&c->grace);
        answer(conn, "ok");
    } else if (strcmp(line, "leave") == 0) {
        set_console(conn, false);
        size_t clients = c->config.clients(c->config.ctx);
        if (c->attended && c->n_consoles == 0 && clients == 0) {
            answer(conn, "ok stopping");
            stop_now(c);
        } else {
            answer(conn, "ok staying clients=%zu", clients);
        }
    } else if (strcmp(line, "stop") == 0) {
        answer(conn, "ok");
        stop_now(c);
    } else {
        answer(conn, "error unknown command; known are status, attach, stay, leave, stop");
    }
}

/* ---- connections ---- */

static void conn_closed(uv_handle_t *h) {
    struct control_conn *conn = h->data;
    conn->control->open_handles--;
    free(conn);
}

static void conn_close(struct control_conn *conn) {
    struct control *c = conn->control;
    set_console(conn, false);
    for (struct control_conn **at = &c->conns; *at != NULL; at = &(*at)->next)
        if (*at == conn) {
            *at = conn->next;
            c->n_conns--;
            break;
        }
    uv_close((uv_handle_t *)&conn->pipe, conn_closed);
    control_turn(c);
}

static void give_room(uv_handle_t *h, size_t suggested, uv_buf_t *b) {
    (void)suggested;
    struct control_conn *conn = h->data;
    *b = uv_buf_init(conn->line + conn->n, (unsigned)(sizeof conn->line - conn->n));
}

static void received(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
    (void)b;
    struct control_conn *conn = s->data;
    if (n == 0)
        return;
    if (n < 0) {
        conn_close(conn);
        return;
    }
    conn->n += (size_t)n;
    char *end;
    while ((end = memchr(conn->line, '\n', conn->n)) != NULL) {
        *end = '\0';
        obey(conn, conn->line);
        size_t used = (size_t)(end - conn->line) + 1;
        conn->n -= used;
        memmove(conn->line, conn->line + used, conn->n);
    }
    if (conn->n == sizeof conn->line)
        conn_close(conn);             /* a line that does not end */
}

static void somebody_came(uv_stream_t *listener, int status) {
    struct control *c = listener->data;
    if (status != 0 || c->closing)
        return;
    struct control_conn *conn = mem_zalloc(sizeof *conn);
    conn->control = c;
    uv_pipe_init(listener->loop, &conn->pipe, 0);
    conn->pipe.data = conn;
    c->open_handles++;
    conn->next = c->conns;
    c->conns = conn;
    c->n_conns++;
    if (uv_accept(listener, (uv_stream_t *)&conn->pipe) != 0 || c->n_conns > CONNECTIONS_MAX ||
        uv_read_start((uv_stream_t *)&conn->pipe, give_room, received) != 0)
        conn_close(conn);
}

/* ---- begin and end ---- */

static void handle_closed(uv_handle_t *h) {
    struct control *c = h->data;
    c->open_handles--;
}

enum err control_new(struct control **out, uv_loop_t *loop, const struct control_config *config, struct error *e) {
    *out = NULL;
    struct control *c = mem_zalloc(sizeof *c);
    enum err r = local_path(config->data_dir, CONTROL_NAME, c->path, sizeof c->path, &c->dir_fd, e);
    if (r != OK) {
        free(c);
        return r;
    }
    c->config = *config;
    c->data_dir = mem_strdup(config->data_dir);
    c->address = mem_strdup(config->address);
    c->durability = mem_strdup(config->durability);
    c->version = mem_strdup(config->version);
    c->attended = config->attended;
    uv_pipe_init(loop, &c->listener, 0);
    uv_timer_init(loop, &c->grace);
    c->listener.data = c->grace.data = c;
    c->open_handles = 2;
    unlink(c->path);
    int status = uv_pipe_bind(&c->listener, c->path);
    if (status == 0 && chmod(c->path, 0600) != 0)
        status = -errno;
    if (status == 0)
        status = uv_listen((uv_stream_t *)&c->listener, 16, somebody_came);
    *out = c;
    if (status != 0)
        return error_set(e, ERR_NET, "cannot listen on %s/%s: %s", config->data_dir, CONTROL_NAME, uv_strerror(status));
    control_turn(c);
    return OK;
}

void control_close(struct control *c) {
    if (c->closing)
        return;
    c->closing = true;
    uv_timer_stop(&c->grace);
    while (c->conns != NULL)
        conn_close(c->conns);
    uv_close((uv_handle_t *)&c->grace, handle_closed);
    uv_close((uv_handle_t *)&c->listener, handle_closed);
    unlink(c->path);
}

void control_free(struct control *c) {
    if (c == NULL)
        return;
    weir_assert(c->open_handles == 0);
    if (c->dir_fd >= 0)
        close(c->dir_fd);
    free(c->data_dir);
    free(c->address);
    free(c->durability);
    free(c->version);
    free(c);
}

/* ---- the console's side ---- */

enum err control_connect(const char *data_dir, int *fd, struct error *e) {
    return local_connect(data_dir, CONTROL_NAME, fd, e);
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for one line; ERR_CLOSED at end of file, ERR_TIMEOUT. */
static enum err read_line(int fd, char *line, struct error *e) {
    size_t n = 0;
    int64_t deadline = now_ms() + CONTROL_WAIT_MS;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = deadline - now_ms();
        int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return error_set(e, ERR_TIMEOUT, "the broker of the data directory does not answer");
        ssize_t got = read(fd, line + n, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(e, ERR_CLOSED, "the broker of the data directory has ended");
        if (line[n] == '\n') {
            line[n] = '\0';
            return OK;
        }
        if (++n == CONTROL_LINE_MAX)
            return error_set(e, ERR_INVALID, "the broker of the data directory answered without end");
    }
}

enum err control_ask(int fd, const char *line, char answer_line[CONTROL_LINE_MAX], struct error *e) {
    char text[CONTROL_LINE_MAX];
    int n = snprintf(text, sizeof text, "%s\n", line);
    weir_assert(n > 0 && (size_t)n < sizeof text);
    if (write(fd, text, (size_t)n) != n)
        return error_set(e, ERR_CLOSED, "the broker of the data directory has ended");
    enum err r = read_line(fd, answer_line, e);
    if (r == OK && strncmp(answer_line, "ok", 2) != 0)
        return error_set(e, ERR_INVALID, "the broker of the data directory says: %.200s", answer_line);
    return r;
}

static bool field(const char *line, const char *name, char *out, size_t out_size) {
    char key[32];
    snprintf(key, sizeof key, " %s=", name);
    const char *at = strstr(line, key);
    if (at == NULL)
        return false;
    at += strlen(key);
    size_t n = strcspn(at, " ");
    if (n >= out_size)
        return false;
    memcpy(out, at, n);
    out[n] = '\0';
    return true;
}

static long number(const char *line, const char *name) {
    char text[24];
    return field(line, name, text, sizeof text) ? strtol(text, NULL, 10) : 0;
}

enum err control_get_status(int fd, const char *line, struct control_status *out, struct error *e) {
    char got[CONTROL_LINE_MAX];
    memset(out, 0, sizeof *out);
    enum err r = control_ask(fd, line, got, e);
    if (r != OK)
        return r;
    if (!field(got, "address", out->address, sizeof out->address))
        return error_set(e, ERR_INVALID, "the broker of the data directory does not say where it listens");
    if (!field(got, "durability", out->durability, sizeof out->durability))
        out->durability[0] = '\0';
    if (!field(got, "version", out->version, sizeof out->version))
        out->version[0] = '\0';
    out->pid = number(got, "pid");
    out->clients = number(got, "clients");
    out->consoles = number(got, "consoles");
    out->attended = number(got, "attended") != 0;
    return OK;
}

long control_own_clients(const struct control_status *s) {
    const char *colon = strrchr(s->address, ':');
    long port = colon == NULL ? 0 : strtol(colon + 1, NULL, 10);
    return port > 0 && port <= 65535 ? (long)local_connections_to((uint16_t)port) : 0;
}
