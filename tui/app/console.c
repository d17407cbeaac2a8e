/* The loop.
 *
 *   keys, signals ----> screen_key ---+
 *   client: snapshot, events ---------+--> dirty --> screen_paint --> term_flush
 *   ticks of views, age of answers ---+
 *
 * It sleeps in poll; a still screen wakes for the client's refresh only and
 * writes nothing.  Paints are at least term_frame_us apart, and so are two looks
 * at the client, so that a tail at full speed leaves time for keys; the answer to
 * a key keeps that distance from other answers only. */
#include "tui/app/console.h"

#include "core/base/log.h"
#include "core/base/text.h"
#include "tui/app/child.h"
#include "tui/cli/cli.h"
#include "tui/cmd/screen.h"
#include "tui/term/term.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 5000
#define KEYS_AT_ONCE 500
#define LOG_RING 64
#define SLOW_LINE_US 50000

struct console {
    struct screen screen;
    struct canvas canvas;
    const struct console_options *options;
    struct theme theme;
    bool answers;                   /* the next paint answers a key: it does not wait for the frame of a snapshot */
    int64_t next_paint_us, next_answer_us, next_client_us;
    struct child hello;
};

/* Lines of the program's own log, from any thread. */
static struct {
    pthread_mutex_t lock;
    struct { enum log_level level; int64_t wall_ms; char text[300]; } v[LOG_RING];
    size_t n, lost;
} console_log = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int64_t mono_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t wall_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void log_arrived(void *ctx, enum log_level level, const char *line) {
    (void)ctx;
    pthread_mutex_lock(&console_log.lock);
    if (console_log.n < LOG_RING) {
        console_log.v[console_log.n].level = level;
        console_log.v[console_log.n].wall_ms = wall_ms();
        snprintf(console_log.v[console_log.n++].text, sizeof console_log.v[0].text, "%s", line);
    } else {
        console_log.lost++;
    }
    pthread_mutex_unlock(&console_log.lock);
}

static void log_drain(struct ui *u) {
    pthread_mutex_lock(&console_log.lock);
    size_t n = console_log.n;
    for (size_t i = 0; i < n; i++)
        notes_add(&u->log, console_log.v[i].wall_ms, (int)console_log.v[i].level, console_log.v[i].text);
    console_log.n = 0;
    pthread_mutex_unlock(&console_log.lock);
    if (n > 0)
        ui_refilter(u);
}

/* ---- what is remembered ---- */

static void state_read(struct console *me) {
    struct error e;
    if (me->options->state_file && memory_read(&me->screen.ui.memory, me->options->state_file, &e) != OK)
        log_debug("%s", e.text);
    ui_recall_tabs(&me->screen.ui);
}

static void state_write(struct console *me) {
    struct error e;
    if (me->options->state_file && memory_write(&me->screen.ui.memory, me->options->state_file, &e) != OK)
        log_debug("%s", e.text);
}

/* ---- hooks ---- */

static bool set_theme(void *ctx, const char *name, char *why, size_t why_size) {
    struct console *me = ctx;
    struct error e;
    if (theme_load(&me->theme, name, &e) != OK) {
        snprintf(why, why_size, "%s", e.text);
        return false;
    }
    memory_put(&me->screen.ui.memory, "console", "theme", name);
    term_set_theme(&me->theme);
    return true;
}

static long ask_others(void *ctx) {
    const struct console_options *o = ((struct console *)ctx)->options;
    return o->others != NULL ? o->others(o->ctx) : 0;
}

static void tell_leave(void *ctx, bool stop_broker) {
    const struct console_options *o = ((struct console *)ctx)->options;
    if (o->leave != NULL)
        o->leave(o->ctx, stop_broker);
}

static void first_theme(struct console *me) {
    char why[ERROR_TEXT_SIZE];
    const char *last = memory_get(&me->screen.ui.memory, "console", "theme");
    char name[64];
    snprintf(name, sizeof name, "%s", me->options->theme ? me->options->theme : last ? last : "dark");
    if (!set_theme(me, name, why, sizeof why)) {
        ui_say(&me->screen.ui, ROLE_bad, "%s", why);
        if (!set_theme(me, "dark", why, sizeof why))
            term_set_theme(&me->theme);
    }
}

static void run_editor(struct console *me) {
    struct ui *u = &me->screen.ui;
    struct view *v = ui_view(u);
    struct buf text = {0};
    struct error e;
    u->editor = false;
    if (!v->ops->text)
        return;
    term_leave();
    enum err err = child_edit(v->ops->text(v), &text, &e);
    term_return();
    if (err == OK)
        v->ops->edited(v, u, buf_slice(&text));
    else
        ui_say(u, ROLE_bad, "%s", e.text);
    buf_fini(&text);
}

static void run_hello(struct console *me) {
    struct error e;
    me->screen.wants.hello = false;
    if (!me->options->hello_argv) {
        ui_say(&me->screen.ui, ROLE_warn, "the hello test is weir hello");
        return;
    }
    screen_page(&me->screen, "Hello test");
    if (child_start(&me->hello, me->options->hello_argv, &e) != OK)
        ui_say(&me->screen.ui, ROLE_bad, "%s", e.text);
}

static void hello_readable(struct console *me) {
    struct slice line;
    bool open = child_read(&me->hello);
    while (child_line(&me->hello, &line)) {
        bool ok = line.n >= 2 && memcmp(line.p, "ok", 2) == 0;
        block_line(&me->screen.page, 0);
        block_foreign(&me->screen.page,
                      ok                                                ? ROLE_text
                      : line.n >= 6 && memcmp(line.p, "FAILED", 6) == 0 ? ROLE_bad
                                                                        : ROLE_dim,
                      line);
    }
    if (!open) {
        block_line(&me->screen.page, 0);
        block_line(&me->screen.page, 0);
        bool good = child_end(&me->hello) == 0;
        block_own(&me->screen.page, good ? ROLE_good : ROLE_bad, good ? "● it works" : "✗ it does not work here");
        client_refresh(me->screen.ui.client);
    }
    me->screen.ui.dirty = true;
}

/* What keys left to be done with the terminal. */
static void do_wants(struct console *me) {
    struct screen *s = &me->screen;
    if (s->wants.redraw) {
        term_redraw();
        s->ui.dirty = true;
    }
    s->wants.redraw = false;
    if (s->wants.suspend) {
        s->wants.suspend = false;
        term_stop();
        s->ui.dirty = true;
    }
    if (s->ui.editor)
        run_editor(me);
    if (s->wants.hello)
        run_hello(me);
    if (s->ui.copy) {
        s->ui.copy = false;
        if (!term_copy(buf_slice(&s->ui.copied)))
            ui_say(&s->ui, ROLE_warn, "this terminal has no clipboard that weir can reach, or it is too much text");
    }
}

/* ---- the loop ---- */

static void resized(struct console *me) {
    int w, h;
    term_resized();
    term_size(&w, &h);
    canvas_resize(&me->canvas, w, h);
    me->screen.ui.dirty = true;
}

static void take_signals(struct console *me) {
    int bits = term_signals();
    if (bits & TERM_END)
        me->screen.wants.quit = true;
    if (bits & TERM_STOP) {
        term_stop();
        me->screen.ui.dirty = true;
    }
    if (bits & TERM_CONTINUED)
        term_continued();
    if (bits & (TERM_RESIZED | TERM_CONTINUED))
        resized(me);
}

static void take_client(struct console *me) {
    struct ui *u = &me->screen.ui;
    struct snapshot *s = client_poll(u->client);
    if (s)
        ui_set_snapshot(u, s);
    for (int i = 0; i < EVENTS_AT_ONCE; i++) {
        struct client_event *e = client_next_event(u->client);
        if (!e)
            break;
        ui_event(u, e);
        client_event_free(e);
    }
    me->next_client_us = u->env.now_us + term_frame_us();
}

/* When the age in the status line turns to "stale" or grows by a unit. */
static int64_t age_due_us(const struct ui *u) {
    const struct snapshot *s = u->snap;
    int64_t age = u->env.now_us - s->at_us;
    if (s->link == LINK_CONNECTING || s->at_us == 0)
        return INT64_MAX;
    if (!frame_is_stale(s, u->env.now_us))
        return 2 * s->interval_us + 500000 - age + 1000;
    return age < 120000000 ? 1000000 : 60000000;
}

static void take_clock(struct console *me) {
    me->screen.ui.env.now_us = mono_us();
    me->screen.ui.wall_ms = wall_ms();
}

static int64_t paint_due_us(const struct console *me) { return me->answers ? me->next_answer_us : me->next_paint_us; }

static int wait_ms(struct console *me) {
    struct ui *u = &me->screen.ui;
    int64_t us = ui_tick_us(u), age = age_due_us(u);
    us = age < us ? age : us;
    if (u->dirty && paint_due_us(me) - u->env.now_us < us)
        us = paint_due_us(me) - u->env.now_us;
    if (!u->hurry && me->next_client_us > u->env.now_us && me->next_client_us - u->env.now_us < us)
        us = me->next_client_us - u->env.now_us;
    if (us == INT64_MAX)
        return -1;
    return us <= 0 ? 0 : us > 3600000000 ? 3600000 : (int)((us + 999) / 1000);
}

static void paint(struct console *me) {
    struct ui *u = &me->screen.ui;
    if (!u->dirty || u->env.now_us < paint_due_us(me))
        return;
    if (!term_can_paint()) {
        me->next_paint_us = me->next_answer_us = u->env.now_us + SLOW_LINE_US;
        return;
    }
    screen_paint(&me->screen, &me->canvas);
    term_flush(&me->canvas);
    ui_interest(u); /* afterwards: the client's thread must not take the processor from the paint */
    me->next_paint_us = u->env.now_us + term_frame_us();
    if (me->answers)
        me->next_answer_us = me->next_paint_us;
    me->answers = false;
}

static void loop(struct console *me) {
    struct ui *u = &me->screen.ui;
    bool was_stale = false;
    while (!me->screen.wants.quit && !term_gone()) {
        struct pollfd fds[4] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = term_signal_fd(), .events = POLLIN},
                                {.fd = client_fd(u->client), .events = POLLIN}, {.fd = me->hello.fd, .events = POLLIN}};
        struct key k;
        take_clock(me);
        bool stale = frame_is_stale(u->snap, u->env.now_us);
        u->dirty = u->dirty || stale || stale != was_stale;
        was_stale = stale;
        paint(me);
        if (!u->hurry && u->env.now_us < me->next_client_us)
            fds[2].fd = -1;
        if (me->hello.pid == 0)
            fds[3].fd = -1;
        poll(fds, 4, wait_ms(me));
        take_clock(me);
        if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            term_hung_up();
        if (fds[1].revents & POLLIN)
            take_signals(me);
        for (int i = 0; i < KEYS_AT_ONCE && !me->screen.wants.quit && (fds[0].revents & POLLIN) && term_key(&k); i++) {
            screen_key(&me->screen, &k);
            do_wants(me);
            me->answers = u->dirty;
        }
        if (fds[2].fd >= 0 && (fds[2].revents & POLLIN))
            take_client(me);
        if (fds[3].fd >= 0 && fds[3].revents)
            hello_readable(me);
        log_drain(u);
        ui_tick(u);
    }
}

int console_run(const struct console_options *o) {
    struct console me = {.options = o, .hello = {.fd = -1}};
    struct error e;
    int w, h;
    theme_set_user_dir(o->theme_dir);
    theme_mono(&me.theme);
    enum err err = term_open(&(struct term_options){.no_color = o->no_color, .ascii = o->ascii}, &e);
    if (err != OK) {
        cli_complain("%s", e.text);
        return 1;
    }
    log_set_sink(log_arrived, NULL);
    struct screen_hooks hooks = {ask_others, tell_leave, set_theme, theme_each, &me};
    take_clock(&me);
    screen_init(&me.screen, o->client, o->address, &hooks);
    me.screen.hooks.ctx = &me;
    me.screen.ui.read_only = o->read_only;
    me.screen.ui.ascii = term_is_ascii();
    me.screen.keymap = o->keymap;
    state_read(&me);
    first_theme(&me);
    if (o->notice)
        ui_say(&me.screen.ui, ROLE_text, "%s", o->notice);
    term_size(&w, &h);
    canvas_init(&me.canvas, w, h, term_is_ascii());
    take_clock(&me);
    loop(&me);
    log_set_sink(NULL, NULL);
    term_close();
    state_write(&me);
    child_stop(&me.hello);
    screen_fini(&me.screen);
    canvas_fini(&me.canvas);
    return 0;
}
