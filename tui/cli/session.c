/* A place and a client on it; see session.h.  Main thread. */
#include "tui/cli/session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>

#define PROPERTY_LINE_MAX 65536

int64_t session_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- properties ---- */

static struct slice trim(struct slice s) {
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = slice_of(s.p + 1, s.n - 1);
    while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]) != NULL)
        s.n--;
    return s;
}

static bool read_file(struct opt_pairs *out, const char *path) {
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        cli_complain("%s: %s", path, strerror(errno));
        return false;
    }
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    bool good = true;
    for (int number = 1; good && (n = getline(&line, &room, f)) >= 0; number++) {
        struct slice s = trim(slice_of(line, (size_t)n));
        if (s.n == 0 || s.p[0] == '#')
            continue;
        const uint8_t *equals = memchr(s.p, '=', s.n);
        if (equals == NULL || n > PROPERTY_LINE_MAX) {
            cli_complain("%s:%d: not NAME=VALUE", path, number);
            good = false;
            break;
        }
        size_t left = (size_t)(equals - s.p);
        opts_add_pair(out, trim(slice_of(s.p, left)), trim(slice_of(equals + 1, s.n - left - 1)));
    }
    free(line);
    fclose(f);
    return good;
}

/* librdkafka's two names of the addresses. */
static bool is_broker(const char *name) {
    return strcmp(name, "bootstrap.servers") == 0 || strcmp(name, "metadata.broker.list") == 0;
}

bool session_load_files(struct cli_options *o) {
    struct opt_pairs read = {0}, typed = o->properties;
    bool good = true, ours = cli_was_typed(o, "broker");
    for (size_t i = 0; good && i < o->files.n; i++)
        good = read_file(&read, o->files.v[i]);
    for (size_t i = 0; i < typed.n; i++)
        opts_add_pair(&read, slice_cstr(typed.v[i].name), slice_cstr(typed.v[i].value));
    opts_pairs_fini(&o->properties);
    opts_words_fini(&o->files);
    for (size_t i = 0; i < read.n; i++)
        if (!is_broker(read.v[i].name)) {
            opts_add_pair(&o->properties, slice_cstr(read.v[i].name), slice_cstr(read.v[i].value));
        } else if (!ours) {
            char *copy = mem_strdup(read.v[i].value);
            opts_add_word(&o->owned, copy);
            o->broker = copy;
        }
    opts_pairs_fini(&read);
    return good;
}

struct client_property *session_client_properties(const struct cli_options *o) {
    const struct opt_pairs *p = &o->properties;
    struct client_property *v = mem_alloc((p->n + 1) * sizeof *v);
    for (size_t i = 0; i < p->n; i++)
        v[i] = (struct client_property){p->v[i].name, p->v[i].value};
    return v;
}

/* ---- open and close ---- */

bool session_open(struct session *s, const struct cli_options *o) {
    struct error e;
    memset(s, 0, sizeof *s);
    s->options = o;
    if (place_find(&s->place, o, &e) != OK) {
        cli_complain("%s", e.text);
        place_fini(&s->place);
        return false;
    }
    struct client_property *properties = session_client_properties(o);
    struct client_config config = {
        .bootstrap = s->place.address, .properties = properties, .n_properties = o->properties.n,
        .refresh_us = 250000, .embedded = s->place.kind != PLACE_REMOTE, .data_dir = s->place.data_dir,
        .durability = s->place.durability, .once = true,
    };
    enum err r = client_new(&s->client, &config, &e);
    free(properties);
    if (r != OK) {
        cli_complain("%s", e.text);
        s->client = NULL;
        session_close(s);
        return false;
    }
    return true;
}

void session_close(struct session *s) {
    if (s->snapshot != NULL)
        snapshot_unref(s->snapshot);
    if (s->client != NULL)
        client_free(s->client);
    place_fini(&s->place);
    memset(s, 0, sizeof *s);
}

/* ---- waiting ---- */

bool session_turn(struct session *s, int wait_ms) {
    struct pollfd p = {.fd = client_fd(s->client), .events = POLLIN};
    int ready = poll(&p, 1, wait_ms);
    struct snapshot *newest = client_poll(s->client);
    if (newest != NULL) {
        if (s->snapshot != NULL)
            snapshot_unref(s->snapshot);
        s->snapshot = newest;
    }
    return ready > 0;
}

void session_reason(const struct session *s, char *out, size_t out_size) {
    out[0] = '\0';
    if (s->snapshot != NULL && s->snapshot->link == LINK_DOWN)
        snprintf(out, out_size, ": %.*s", SLICE_ARG(s->snapshot->why));
    for (int32_t i = 0; s->snapshot != NULL && i < s->snapshot->brokers.n && out[0] == '\0'; i++)
        if (s->snapshot->brokers.v[i].why.n > 0)
            snprintf(out, out_size, ": %.*s", SLICE_ARG(s->snapshot->brokers.v[i].why));
}

bool session_complain_brokers(const struct session *s) {
    bool any = false;
    for (int32_t i = 0; s->snapshot != NULL && i < s->snapshot->brokers.n; i++)
        if (s->snapshot->brokers.v[i].why.n > 0) {
            cli_complain("%.*s", SLICE_ARG(s->snapshot->brokers.v[i].why));
            any = true;
        }
    return any;
}

bool session_wait(struct session *s, session_done_fn *done, void *ctx, const char *what) {
    int64_t deadline = session_now_ms() + s->options->timeout_ms;
    while (!done(s, ctx)) {
        if (s->snapshot != NULL && s->snapshot->link == LINK_DOWN) {
            cli_complain("%.*s", SLICE_ARG(s->snapshot->why));
            return false;
        }
        int64_t left = deadline - session_now_ms();
        if (left <= 0) {
            char why[400];
            session_reason(s, why, sizeof why);
            cli_complain("%s: no answer from %s in %lld ms%s", what, s->place.address,
                         (long long)s->options->timeout_ms, why);
            return false;
        }
        session_turn(s, left > 1000 ? 1000 : (int)left);
    }
    return true;
}

/* ---- actions ---- */

struct outcome { uint64_t id; struct client_event *event; };

static bool outcome_is_here(struct session *s, void *ctx) {
    struct outcome *o = ctx;
    struct client_event *ev;
    while (o->event == NULL && (ev = client_next_event(s->client)) != NULL) {
        if (ev->kind == EVENT_ACTION && ev->id == o->id)
            o->event = ev;
        else
            client_event_free(ev);
    }
    return o->event != NULL;
}

struct client_event *session_act(struct session *s, const struct client_action *a) {
    struct outcome outcome = {.id = client_act(s->client, a)};
    return session_wait(s, outcome_is_here, &outcome, a->name) ? outcome.event : NULL;
}
