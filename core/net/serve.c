/* `weir serve`; see serve.h for the order of things.
 * struct serve holds what has been made so far; serve_end takes it down again
 * from any point of the start. */
#include "core/net/serve.h"

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/io/listen.h"
#include "core/net/control.h"
#include "core/net/datadir.h"
#include "core/net/env_real.h"
#include "core/net/lock.h"
#include "core/net/server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTEN_DEFAULT "127.0.0.1:9092"
#define ADDRESSES_MAX 8
#define LAST_ANSWERS_MS 5000
#define SEGMENT_FILES_MAX 512
#define FILES_MIN 64
#define OTHER_FILES 64                /* WAL, directories, listeners, consoles, the loop's own */

struct serve {
    const struct serve_options *o;
    uv_loop_t loop;
    bool loop_ready;
    char data[PATH_MAX];
    bool made_private;
    int lock_fd;
    struct env *env;
    struct broker *broker;
    struct store_events to_broker;    /* what it wants to hear */
    struct store *store;
    struct server *server;
    struct control *control;
    enum durability durability;
    size_t segment_files_max, connections_max;

    char listen_host[ADDR_HOST_SIZE], advertise_host[ADDR_HOST_SIZE];
    uint16_t advertise_port;
    struct addr wanted[ADDRESSES_MAX];
    size_t n_wanted;
    struct listener listeners[ADDRESSES_MAX];
    size_t n_listeners;
    char address[ADDR_TEXT_SIZE];     /* where consoles of this machine connect */
    bool address_file_written;

    uv_signal_t signals[2];
    uv_timer_t limit;                 /* of the stop */
    bool handles_ready, stopping, limit_passed;
    int code;
};

static int refuse(const struct error *e, const char *remedy, int code) {
    char safe[ERROR_TEXT_SIZE * 2];
    fprintf(stderr, "weir: %s%s\n", text_safe(slice_cstr(e->text), safe, sizeof safe), remedy);
    return code;
}

/* ---- options ---- */

static int check_addresses(struct serve *s) {
    struct error e = {0};
    uint16_t port;
    const char *text = s->o->listen != NULL ? s->o->listen : LISTEN_DEFAULT;
    if (addr_split(text, 9092, s->listen_host, &port, &e) != OK)
        return refuse(&e, "", SERVE_USAGE);
    if (addr_resolve(s->listen_host, port, true, s->wanted, ADDRESSES_MAX - 1, &s->n_wanted, &e) != OK)
        return refuse(&e, "; choose another with --listen HOST:PORT", SERVE_USAGE);
    for (size_t i = 0; i < s->n_wanted && !s->o->insecure_listen; i++)
        if (!addr_is_loopback(&s->wanted[i])) {
            error_set(&e, ERR_USAGE, "%s is open to other machines, and without TLS and authentication whoever reaches "
                      "it can read and change everything; --insecure-listen says that this is meant", text);
            return refuse(&e, "", SERVE_USAGE);
        }
    /* Loopback is both: clients that say localhost may try ::1 first. */
    struct error ignored;
    size_t n;
    if (s->n_wanted == 1 && s->wanted[0].sa.ss_family == AF_INET && addr_is_loopback(&s->wanted[0]) &&
        addr_resolve("::1", port, true, &s->wanted[1], 1, &n, &ignored) == OK)
        s->n_wanted += n;
    for (size_t i = 1; i < s->n_wanted; i++) /* the required first one is IPv4 where there is one */
        if (s->wanted[0].sa.ss_family != AF_INET && s->wanted[i].sa.ss_family == AF_INET) {
            struct addr four = s->wanted[i];
            s->wanted[i] = s->wanted[0];
            s->wanted[0] = four;
        }
    if (s->o->advertise == NULL)
        return SERVE_OK;
    if (addr_split(s->o->advertise, 9092, s->advertise_host, &s->advertise_port, &e) != OK)
        return refuse(&e, "", SERVE_USAGE);
    if (s->advertise_host[0] == '\0') {
        error_set(&e, ERR_USAGE, "--advertise needs a host that clients can connect to");
        return refuse(&e, "", SERVE_USAGE);
    }
    return SERVE_OK;
}

static int check_options(struct serve *s) {
    struct error e = {0};
    const char *durability = s->o->durability != NULL ? s->o->durability : "fsync";
    if (strcmp(durability, "fsync") != 0 && strcmp(durability, "os") != 0) {
        error_set(&e, ERR_USAGE, "--durability is fsync or os, not \"%.100s\"", durability);
        return refuse(&e, "", SERVE_USAGE);
    }
    s->durability = *durability == 'f' ? DURABILITY_FSYNC : DURABILITY_OS;
    for (size_t i = 0; i < s->o->n_settings; i++)
        if (broker_check_setting(s->o->settings[i].name, s->o->settings[i].value, &e) != OK)
            return refuse(&e, "", SERVE_USAGE);
    if (s->o->ephemeral && s->o->data_dir != NULL) {
        error_set(&e, ERR_USAGE, "--ephemeral and --data exclude each other");
        return refuse(&e, "", SERVE_USAGE);
    }
    if (!s->o->ephemeral && s->o->data_dir == NULL && !datadir_default(s->data, sizeof s->data)) {
        error_set(&e, ERR_USAGE, "HOME is not set: say where the data goes with --data DIR");
        return refuse(&e, "", SERVE_USAGE);
    }
    if (s->o->data_dir != NULL &&
        (size_t)snprintf(s->data, sizeof s->data, "%s", s->o->data_dir) >= sizeof s->data) {
        error_set(&e, ERR_USAGE, "the name of the data directory is too long");
        return refuse(&e, "", SERVE_USAGE);
    }
    return check_addresses(s);
}

static int64_t setting(const struct serve *s, const char *name) {
    int64_t value = 0;
    for (size_t i = 0; i < s->o->n_settings; i++)
        if (strcmp(s->o->settings[i].name, name) == 0)
            value = strtoll(s->o->settings[i].value, NULL, 10);
    return value;
}

/* ---- start ---- */

/* As many descriptors as we may have: a part for segments, the rest for connections, so
 * that a crowd of these never takes what the disk needs. */
static int share_descriptors(struct serve *s) {
    struct rlimit r;
    size_t n = 1024;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        struct rlimit all = {.rlim_cur = r.rlim_max, .rlim_max = r.rlim_max};
        if (r.rlim_cur < r.rlim_max && setrlimit(RLIMIT_NOFILE, &all) == 0)
            r.rlim_cur = r.rlim_max;
        n = r.rlim_cur > 1024 * 1024 ? 1024 * 1024 : (size_t)r.rlim_cur;
    }
    if (n < FILES_MIN) {
        struct error e;
        error_set(&e, ERR_LIMIT, "this process may have %zu files open, weir needs at least %d (ulimit -n)", n,
                  FILES_MIN);
        return refuse(&e, "", SERVE_FAILED);
    }
    s->segment_files_max = n / 4 < SEGMENT_FILES_MAX ? n / 4 : SEGMENT_FILES_MAX;
    size_t left = n > s->segment_files_max + OTHER_FILES ? n - s->segment_files_max - OTHER_FILES : 0;
    if (left < n / 4)
        left = n / 4;
    size_t wanted = (size_t)setting(s, "max.connections");
    if (wanted == 0)
        wanted = CONNECTIONS_DEFAULT;
    s->connections_max = wanted < left ? wanted : left;
    return SERVE_OK;
}

static int owned(const struct serve *s, const struct lock_owner *owner) {
    struct error e;
    if (owner->pid != 0 && owner->address[0] != '\0')
        error_set(&e, ERR_LOCKED, "data directory %s is in use by weir pid %ld at %s", s->data, owner->pid,
                  owner->address);
    else if (owner->pid != 0)
        error_set(&e, ERR_LOCKED, "data directory %s is in use by weir pid %ld", s->data, owner->pid);
    else
        error_set(&e, ERR_LOCKED, "data directory %s is in use", s->data);
    return refuse(&e, "", SERVE_LOCKED);
}

static int judge_directory(const struct serve *s) {
    struct error e = {0};
    struct lock_owner owner;
    if (s->o->ephemeral)
        return SERVE_OK;
    if (lock_find_owner(s->data, &owner) == OK)
        return owned(s, &owner);
    enum err r = datadir_judge(s->data, &e);
    if (r != OK)
        return refuse(&e, "", r == ERR_UNSUPPORTED ? SERVE_FOREIGN : SERVE_FAILED);
    return SERVE_OK;
}

static int bind_all(struct serve *s) {
    struct error e = {0};
    for (size_t i = 0; i < s->n_wanted; i++) {
        struct addr a = s->wanted[i];
        if (i > 0 && addr_port(&a) == 0)
            addr_set_port(&a, addr_port(&s->listeners[0].bound));
        enum err r = listener_bind(&s->listeners[s->n_listeners], &a, &e);
        if (r == OK)
            s->n_listeners++;
        else if (i == 0)
            return refuse(&e, r == ERR_EXISTS ? "; choose another with --listen HOST:PORT" : "",
                          r == ERR_EXISTS ? SERVE_PORT_TAKEN : SERVE_FAILED);
        else if (r == ERR_EXISTS)
            log_warn("%s; clients that connect there reach another program", e.text);
    }
    char host[ADDR_HOST_SIZE];
    const struct addr *first = &s->listeners[0].bound;
    addr_host(first, host);
    if (addr_is_wildcard(first))
        snprintf(host, sizeof host, "%s", first->sa.ss_family == AF_INET6 ? "::1" : "127.0.0.1");
    addr_join(host, addr_port(first), s->address);
    return SERVE_OK;
}

static int open_directory(struct serve *s) {
    struct error e = {0};
    struct lock_owner owner;
    int fd;
    if (s->o->ephemeral) {
        if (datadir_make_private(s->data, sizeof s->data, &e) != OK)
            return refuse(&e, "", SERVE_FAILED);
        s->made_private = true;
    }
    if (datadir_open(s->data, &fd, &e) != OK)
        return refuse(&e, "", SERVE_FAILED);
    enum err r = lock_take(fd, &s->lock_fd, &owner, &e);
    if (r != OK) {
        close(fd);
        return r == ERR_LOCKED ? owned(s, &owner) : refuse(&e, "", SERVE_FAILED);
    }
    s->made_private = s->made_private || s->o->remove_data; /* ours to remove from here on */
    if (s->made_private)
        lock_write(s->lock_fd, NULL, true);
    s->env = env_real_new(&s->loop, fd);
    return SERVE_OK;
}

/* The store is closed after the broker is gone: then nobody listens. */
static void on_durable(void *ctx, uint64_t durable, enum err result) {
    struct serve *s = ctx;
    if (s->broker != NULL)
        s->to_broker.durable(s->to_broker.ctx, durable, result);
}

static void on_advanced(void *ctx, struct store_log *log) {
    struct serve *s = ctx;
    if (s->broker != NULL)
        s->to_broker.advanced(s->to_broker.ctx, log);
}

static void on_readable(void *ctx, struct store_log *log) {
    struct serve *s = ctx;
    if (s->broker != NULL)
        s->to_broker.readable(s->to_broker.ctx, log);
}

static void on_space(void *ctx, bool writable) {
    struct serve *s = ctx;
    if (s->broker != NULL && s->to_broker.space != NULL)
        s->to_broker.space(s->to_broker.ctx, writable);
}

static int open_broker(struct serve *s) {
    struct error e = {0};
    const struct store_events events = {
        .durable = on_durable, .advanced = on_advanced, .readable = on_readable, .space = on_space, .ctx = s,
    };
    struct store_recovery found = {0};
    struct store_config config = {
        .durability = s->durability, .producer_expiry_ms = setting(s, "producer.id.expiration.ms"),
        .max_open_files = s->segment_files_max,
    };
    struct broker_settings settings = {
        .node_id = 1, .version = s->o->version, .lenient_replication = !s->o->strict_replication,
        .settings = s->o->settings, .n_settings = s->o->n_settings, .data_dir = s->data,
    };
    if (broker_new(&s->broker, s->env, &settings, &e) != OK)
        return refuse(&e, "", SERVE_USAGE);
    broker_store_events(s->broker, &s->to_broker);
    enum err r = store_open(&s->store, s->env, &config, &events, &found, &e);
    if (r != OK)
        return refuse(&e, "", r == ERR_UNSUPPORTED ? SERVE_FOREIGN : SERVE_FAILED);
    if (!found.fresh && (!found.clean || found.torn_bytes != 0 || found.corrupt != 0))
        log_info("recovered in %lld ms: %llu frames replayed, %llu bytes of a torn end cut, %llu damaged places kept",
                 (long long)(found.took_us / 1000), (unsigned long long)found.frames,
                 (unsigned long long)found.torn_bytes, (unsigned long long)found.corrupt);
    if (broker_start(s->broker, s->store, &e) != OK)
        return refuse(&e, "", SERVE_FAILED);
    return SERVE_OK;
}

static void stop(void *ctx);
static void turn(void *ctx);

static size_t clients(void *ctx) {
    return server_connections(((struct serve *)ctx)->server);
}

static int open_doors(struct serve *s) {
    struct error e = {0};
    struct server_config config = {
        .advertise_host = s->advertise_host[0] != '\0' ? s->advertise_host : NULL,
        .advertise_port = s->advertise_port,
        .connections_max = s->connections_max,
        .idle_max_ms = setting(s, "connections.max.idle.ms"),
    };
    s->server = server_new(&s->loop, s->broker, s->env, &config);
    server_on_turn(s->server, turn, s);
    struct control_config door = {
        .data_dir = s->data, .address = s->address, .durability = s->durability == DURABILITY_FSYNC ? "fsync" : "os",
        .version = s->o->version, .attended = s->o->attended, .clients = clients, .stop = stop, .ctx = s,
    };
    if (control_new(&s->control, &s->loop, &door, &e) != OK)
        return refuse(&e, "", SERVE_FAILED);
    bool wildcard = addr_is_wildcard(&s->listeners[0].bound);
    for (size_t i = 0; i < s->n_listeners; i++) {
        enum err r = server_listen(s->server, &s->listeners[i], wildcard ? NULL : s->listen_host, &e);
        if (r != OK && i == 0)
            return refuse(&e, r == ERR_EXISTS ? "; choose another with --listen HOST:PORT" : "",
                          r == ERR_EXISTS ? SERVE_PORT_TAKEN : SERVE_FAILED);
    }
    return SERVE_OK;
}

/* Whole or not at all: whoever waits for the file reads it once. */
static int write_address_file(struct serve *s) {
    const char *path = s->o->address_file;
    char temporary[PATH_MAX];
    struct error e;
    if (path == NULL)
        return SERVE_OK;
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.%ld", path, (long)getpid()) < sizeof temporary) {
        FILE *out = fopen(temporary, "wxe");
        if (out != NULL) {
            bool good = fprintf(out, "%s\n", s->address) > 0;
            good = fclose(out) == 0 && good && rename(temporary, path) == 0;
            if (good) {
                s->address_file_written = true;
                return SERVE_OK;
            }
            int error = errno;
            unlink(temporary);
            errno = error;
        }
    } else {
        errno = ENAMETOOLONG;
    }
    error_set(&e, ERR_IO, "cannot write the address file %s: %s", path, strerror(errno));
    return refuse(&e, "", SERVE_FAILED);
}

static int announce(struct serve *s) {
    char data[PATH_MAX];
    lock_write(s->lock_fd, s->address, s->made_private);
    int code = write_address_file(s);
    if (code != SERVE_OK)
        return code;
    if (s->o->ready_fd > 0) {
        dprintf(s->o->ready_fd, "%s\n", s->address); /* whoever does not read it has gone: the door tells */
        close(s->o->ready_fd);
    }
    printf("weir %s listens on %s, durability %s, data in %s\n", s->o->version, s->address,
           s->durability == DURABILITY_FSYNC ? "fsync" : "os",
           s->made_private ? "a private directory" : text_safe(slice_cstr(s->data), data, sizeof data));
    fflush(stdout);
    return SERVE_OK;
}

/* ---- end ---- */

static void limit_fired(uv_timer_t *t) {
    struct serve *s = t->data;
    s->limit_passed = true;
    uv_stop(&s->loop);
}

static void stop(void *ctx) {
    struct serve *s = ctx;
    if (s->stopping)
        return;
    s->stopping = true;
    for (int i = 0; i < 2; i++)
        uv_signal_stop(&s->signals[i]); /* a second one kills */
    server_stop(s->server);
    uv_timer_start(&s->limit, limit_fired, LAST_ANSWERS_MS, 0);
}

/* After each turn.  Nothing on its way to the disk and nothing to send: all acks are out. */
static void turn(void *ctx) {
    struct serve *s = ctx;
    if (s->control != NULL)
        control_turn(s->control);
    if (s->stopping && env_real_pending(s->env) == 0 && store_idle(s->store) && server_flushed(s->server))
        uv_stop(&s->loop);
}

static void signalled(uv_signal_t *h, int number) {
    (void)number;
    stop(h->data);
}

static void prepare_handles(struct serve *s) {
    static const int numbers[2] = {SIGTERM, SIGINT};
    uv_timer_init(&s->loop, &s->limit);
    s->limit.data = s;
    for (int i = 0; i < 2; i++) {
        uv_signal_init(&s->loop, &s->signals[i]);
        s->signals[i].data = s;
        uv_signal_start(&s->signals[i], signalled, numbers[i]);
    }
    s->handles_ready = true;
}

/* Takes down whatever there is; the store is closed cleanly if the start got that far. */
static void serve_end(struct serve *s) {
    if (s->control != NULL)
        control_close(s->control);
    if (s->server != NULL) {
        server_stop(s->server);
        server_close(s->server);
    }
    if (s->env != NULL)
        env_real_drain(s->env);
    if (s->store != NULL && store_state(s->store) == ERR_READ_ONLY && s->code == SERVE_OK)
        s->code = SERVE_FAILED;
    struct broker *broker = s->broker;
    s->broker = NULL;
    broker_free(broker);
    if (s->store != NULL)
        store_close(s->store, false);
    if (s->env != NULL)
        env_real_free(s->env);
    for (size_t i = 0; i < s->n_listeners; i++)
        listener_stop(&s->listeners[i], NULL);
    if (s->handles_ready) {
        uv_close((uv_handle_t *)&s->limit, NULL);
        for (int i = 0; i < 2; i++)
            uv_close((uv_handle_t *)&s->signals[i], NULL);
    }
    if (s->loop_ready) {
        uv_run(&s->loop, UV_RUN_DEFAULT);
        int rc = uv_loop_close(&s->loop);
        weir_assert(rc == 0);
    }
    if (s->server != NULL)
        server_free(s->server);
    if (s->control != NULL)
        control_free(s->control);
    if (s->address_file_written)
        unlink(s->o->address_file);
    if (s->made_private)
        datadir_remove(s->data); /* under the lock: what a kill leaves of it is still marked as ephemeral */
    if (s->lock_fd >= 0)
        lock_release(s->lock_fd);
}

static int serve_start(struct serve *s) {
    int (*const steps[])(struct serve *) = {open_directory, open_broker, open_doors, announce};
    int code = share_descriptors(s);
    if (code == SERVE_OK)
        code = judge_directory(s);
    if (code == SERVE_OK)
        code = bind_all(s);
    if (code != SERVE_OK)
        return code;
    int rc = uv_loop_init(&s->loop);
    if (rc != 0) {
        fprintf(stderr, "weir: cannot start the event loop: %s\n", uv_strerror(rc));
        return SERVE_FAILED;
    }
    s->loop_ready = true;
    prepare_handles(s);
    for (size_t i = 0; i < sizeof steps / sizeof *steps && code == SERVE_OK; i++)
        code = steps[i](s);
    return code;
}

int serve_main(const struct serve_options *o) {
    struct serve *s = mem_zalloc(sizeof *s);
    s->o = o;
    s->lock_fd = -1;
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* writes then fail with EFBIG, which the store takes as a full disk */
    s->code = check_options(s);
    if (s->code == SERVE_OK)
        s->code = serve_start(s);
    if (s->code == SERVE_OK)
        uv_run(&s->loop, UV_RUN_DEFAULT);
    if (s->limit_passed)
        log_warn("stopped with answers that could not be sent in %d s", LAST_ANSWERS_MS / 1000);
    serve_end(s);
    int code = s->code;
    free(s);
    return code;
}

bool serve_default_data_dir(char *out, size_t out_size) {
    return datadir_default(out, out_size);
}

enum err serve_find_owner(const char *data_dir, long *pid, char address[SERVE_ADDRESS_SIZE]) {
    struct lock_owner owner;
    enum err r = lock_find_owner(data_dir, &owner);
    if (r != OK)
        return r;
    *pid = owner.pid;
    snprintf(address, SERVE_ADDRESS_SIZE, "%s", owner.address);
    return OK;
}
