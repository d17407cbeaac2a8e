/* The client: its thread, the mailbox, the queues.  See internal.h for who talks
 * to whom.  The user's thread never waits for the network: it leaves a command
 * and wakes the loop; it takes the snapshot out of the one-slot mailbox by an
 * atomic exchange.  client_free is the one call that waits, for about a second at
 * most: a resolver thread that hangs longer is left behind with its memory. */
#include "core/client/internal.h"

#include "core/base/text.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define STOP_WAIT_US 1000000

int64_t client_now_us(void) { return wire_now_us(); }

int64_t client_wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void client_wake(struct client *c) {
    uint64_t one = 1;
    ssize_t n = write(c->fd, &one, sizeof one);
    (void)n; /* full means that it is readable already */
}

bool client_is_ours(const struct client *c) { return c->security.refused.code == OK; }

/* ---- events ---- */

struct client_event *client_event_new(enum client_event_kind kind) {
    struct event_node *node = mem_zalloc(sizeof *node);
    node->ev.kind = kind;
    node->ev.wall_ms = client_wall_ms();
    node->ev.partition = -1;
    node->ev.offset = -1;
    return &node->ev;
}

void client_event_free(struct client_event *ev) {
    if (ev == NULL)
        return;
    for (size_t i = 0; i < ev->n_configs; i++) {
        free((void *)(uintptr_t)ev->configs[i].name.p);
        free((void *)(uintptr_t)ev->configs[i].value.p);
        free((void *)(uintptr_t)ev->configs[i].doc.p);
    }
    for (size_t i = 0; i < ev->n_places; i++)
        free(ev->places[i].topic);
    free(ev->places);
    free(ev->configs);
    if (!((struct event_node *)ev)->text_inside)
        free(ev->text);
    free(ev);
}

static void append_events(struct client *c, struct event_node *first, struct event_node *last) {
    last->next = NULL;
    if (c->events_last != NULL)
        c->events_last->next = first;
    else
        c->events = first;
    c->events_last = last;
}

/* A receipt always has its place: how many there can be is bounded where messages are taken. */
void client_push_event(struct client *c, struct client_event *ev) {
    struct event_node *node = (struct event_node *)ev;
    bool counts = ev->kind != EVENT_RECEIPT;
    pthread_mutex_lock(&c->lock);
    bool full = counts && c->n_events >= EVENTS_MAX;
    if (!full) {
        append_events(c, node, node);
        c->n_events += counts;
    }
    pthread_mutex_unlock(&c->lock);
    if (full) {
        atomic_fetch_add(&c->dropped, 1);
        client_event_free(ev);
        return;
    }
    client_wake(c);
}

void client_push_receipts(struct client *c, struct event_node *first, struct event_node *last) {
    pthread_mutex_lock(&c->lock);
    append_events(c, first, last);
    pthread_mutex_unlock(&c->lock);
    client_wake(c);
}

struct client_event *client_next_event(struct client *c) {
    pthread_mutex_lock(&c->lock);
    struct event_node *node = c->events;
    if (node != NULL) {
        c->events = node->next;
        if (c->events == NULL)
            c->events_last = NULL;
        c->n_events -= node->ev.kind != EVENT_RECEIPT;
    }
    pthread_mutex_unlock(&c->lock);
    if (node != NULL && node->ev.kind == EVENT_RECEIPT)
        produce_taken(c, node);
    return node != NULL ? &node->ev : NULL;
}

uint64_t client_events_dropped(const struct client *c) { return atomic_load(&c->dropped); }

void client_log(struct client *c, int level, const char *format, ...) {
    char raw[1024], text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    text_safe(slice_cstr(raw), text, sizeof text);
    struct client_event *ev = client_event_new(EVENT_LOG);
    ev->log_level = level;
    ev->text = mem_strdup(text);
    client_push_event(c, ev);
}

/* ---- commands ---- */

static void client_command(struct client *c, struct command *k) {
    k->next = NULL;
    pthread_mutex_lock(&c->lock);
    if (c->commands_last != NULL)
        c->commands_last->next = k;
    else
        c->commands = k;
    c->commands_last = k;
    pthread_mutex_unlock(&c->lock);
    uv_async_send(&c->async);
}

static void command_free(struct command *k) {
    reader_interest_free(&k->interest);
    free(k->bootstrap);
    if (k->action != NULL)
        action_free(k->action);
    free(k);
}

static void client_obey(struct client *c, struct command *k) {
    switch (k->kind) {
    case COMMAND_INTEREST: reader_take_interest(&c->reader, &k->interest); break;
    case COMMAND_REFRESH: reader_refresh(&c->reader); break;
    case COMMAND_RECONNECT: reader_reconnect(&c->reader, k->bootstrap); break;
    case COMMAND_ACTION:
        action_run(c, k->action);
        k->action = NULL;
        break;
    case COMMAND_STOP: c->stopping = true; break;
    }
    command_free(k);
}

static void on_async(uv_async_t *async) {
    struct client *c = async->data;
    pthread_mutex_lock(&c->lock);
    struct command *k = c->commands;
    c->commands = c->commands_last = NULL;
    pthread_mutex_unlock(&c->lock);
    while (k != NULL) {
        struct command *next = k->next;
        client_obey(c, k);
        k = next;
    }
    produce_on_loop(c);
    if (c->stopping)
        uv_stop(&c->loop);
}

static struct slice *copy_slices(const struct slice *v, size_t n) {
    struct slice *out = mem_alloc(n * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i] = mem_dup(v[i]);
    return out;
}

void client_set_interest(struct client *c, const struct client_interest *i) {
    struct command *k = mem_zalloc(sizeof *k);
    k->kind = COMMAND_INTEREST;
    k->interest = (struct interest){.topics = copy_slices(i->topics, i->n_topics),
                                    .n_topics = i->n_topics,
                                    .groups = copy_slices(i->groups, i->n_groups),
                                    .n_groups = i->n_groups,
                                    .all_offsets = i->all_offsets,
                                    .all_groups = i->all_groups,
                                    .sizes = i->sizes,
                                    .quorum = i->quorum};
    client_command(c, k);
}

void client_refresh(struct client *c) {
    struct command *k = mem_zalloc(sizeof *k);
    k->kind = COMMAND_REFRESH;
    client_command(c, k);
}

void client_reconnect(struct client *c, const char *bootstrap) {
    struct command *k = mem_zalloc(sizeof *k);
    k->kind = COMMAND_RECONNECT;
    k->bootstrap = bootstrap != NULL ? mem_strdup(bootstrap) : NULL;
    if (bootstrap != NULL) {
        free((void *)(uintptr_t)c->config.bootstrap);
        c->config.bootstrap = mem_strdup(bootstrap);
    }
    client_command(c, k);
}

/* Hands an action over; see actions.c for the copy. */
void client_hand_action(struct client *c, struct action *a) {
    struct command *k = mem_zalloc(sizeof *k);
    k->kind = COMMAND_ACTION;
    k->action = a;
    client_command(c, k);
}

/* ---- snapshots ---- */

int client_fd(const struct client *c) { return c->fd; }

struct snapshot *client_poll(struct client *c) {
    uint64_t n;
    ssize_t got = read(c->fd, &n, sizeof n);
    (void)got;
    return atomic_exchange(&c->mailbox, NULL);
}

/* ---- life ---- */

static void *client_main(void *arg) {
    struct client *c = arg;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    reader_start(&c->reader);
    uv_run(&c->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void config_free(struct client_config *config) {
    free((void *)(uintptr_t)config->bootstrap);
    free((void *)(uintptr_t)config->data_dir);
    free((void *)(uintptr_t)config->durability);
    for (size_t i = 0; i < config->n_properties; i++) {
        free((void *)(uintptr_t)config->properties[i].name);
        security_wipe((char *)(uintptr_t)config->properties[i].value);
        free((void *)(uintptr_t)config->properties[i].value);
    }
    free((void *)(uintptr_t)config->properties);
}

static void config_copy(struct client_config *out, const struct client_config *in) {
    *out = *in;
    out->bootstrap = mem_strdup(in->bootstrap != NULL ? in->bootstrap : "");
    out->data_dir = in->data_dir != NULL ? mem_strdup(in->data_dir) : NULL;
    out->durability = in->durability != NULL ? mem_strdup(in->durability) : NULL;
    if (out->refresh_us <= 0)
        out->refresh_us = 1000000;
    struct client_property *p = mem_alloc(in->n_properties * sizeof *p);
    for (size_t i = 0; i < in->n_properties; i++)
        p[i] = (struct client_property){mem_strdup(in->properties[i].name), mem_strdup(in->properties[i].value)};
    out->properties = p;
}

/* Blocks of snapshots and large answers go back to the system when they are freed,
 * instead of leaving holes: glibc would raise the threshold with the first of them. */
static void memory_settings(void) {
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, 64 * 1024);
#endif
}

enum err client_new(struct client **out, const struct client_config *config, struct error *e) {
    memory_settings();
    struct client *c = mem_zalloc(sizeof *c);
    enum err err = security_init(&c->security, config->properties, config->n_properties, e);
    if (err == OK)
        err = produce_start(c, config, e);
    if (err == OK && !produce_knows_properties(c))
        err = rdk_check(config, e);
    if (err != OK) {
        free(c->produce);
        security_fini(&c->security);
        free(c);
        return err;
    }
    config_copy(&c->config, config);
    pthread_mutex_init(&c->lock, NULL);
    c->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (c->fd < 0 || uv_loop_init(&c->loop) != 0) {
        err = error_set(e, ERR_IO, "no event loop: %s", strerror(errno));
        if (c->fd >= 0)
            close(c->fd);
        config_free(&c->config);
        free(c->produce);
        security_fini(&c->security);
        free(c);
        return err;
    }
    uv_async_init(&c->loop, &c->async, on_async);
    c->async.data = c;
    wire_init(&c->wire, &c->loop);
    c->wire.security = &c->security;
    reader_init(&c->reader, c);
    err = nodes_set_seeds(&c->reader.nodes, c->config.bootstrap, e);
    if (err == OK && pthread_create(&c->thread, NULL, client_main, c) != 0)
        err = error_set(e, ERR_LIMIT, "cannot start the client's thread: %s", strerror(errno));
    if (err != OK) {
        c->thread = 0;
        client_free(c);
        return err;
    }
    *out = c;
    return OK;
}

void client_free(struct client *c) {
    if (c == NULL)
        return;
    if (c->thread != 0) {
        struct command *k = mem_zalloc(sizeof *k);
        k->kind = COMMAND_STOP;
        client_command(c, k);
        pthread_join(c->thread, NULL);
    }
    produce_stop(c);
    reader_fini(&c->reader);
    actions_free(c);
    wire_fini(&c->wire);
    uv_close((uv_handle_t *)&c->async, NULL);
    int64_t until = wire_now_us() + STOP_WAIT_US;
    bool closed = false, clean = false;
    while (!clean && wire_now_us() < until) {
        if (!closed) {
            uv_run(&c->loop, UV_RUN_NOWAIT);
            closed = uv_loop_close(&c->loop) == 0;
        }
        clean = closed && atomic_load(&c->tails) == 0;
        if (!clean)
            usleep(1000);
    }
    snapshot_unref(atomic_exchange(&c->mailbox, NULL));
    while (c->commands != NULL) {
        struct command *next = c->commands->next;
        command_free(c->commands);
        c->commands = next;
    }
    for (struct client_event *ev; (ev = client_next_event(c)) != NULL;)
        client_event_free(ev);
    if (!clean)
        return; /* a thread still looks at it */
    close(c->fd);
    produce_free(c);
    config_free(&c->config);
    security_fini(&c->security);
    pthread_mutex_destroy(&c->lock);
    free(c);
}
