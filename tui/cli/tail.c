/* weir tail: records as they come, until the end that was asked for.
 *
 * Nothing is dropped here: the ring of the client holds back reading while we
 * print (tail_spec.lossless), so a slow pipe slows the reading.  Main thread. */
#include "tui/cli/session.h"
#include "tui/cli/tail_format.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BATCH_ROWS 256
#define RING_BYTES (16 << 20)

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

/* ---- options ---- */

static bool read_partitions(const char *text, int32_t **out, size_t *n) {
    if (text != NULL && *text == '\0')
        return false;                 /* not all of them: a variable of a script that is empty */
    for (const char *at = text; at != NULL && *at != '\0';) {
        char word[16];
        int64_t v;
        size_t length = strcspn(at, ",");
        if (length == 0 || length >= sizeof word)
            return false;
        memcpy(word, at, length);
        word[length] = '\0';
        if (!opts_number(word, 0, INT32_MAX, &v))
            return false;
        size_t i = 0;
        while (i < *n && (*out)[i] != v)
            i++;
        if (i == *n) {                /* a partition that is named twice is read once */
            *out = mem_realloc(*out, (*n + 1) * sizeof **out);
            (*out)[(*n)++] = (int32_t)v;
        }
        at += length;
        at += *at == ',';
    }
    return true;
}

static int64_t wall_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool read_from(const char *text, struct tail_spec *spec) {
    if (cli_is_beginning(text))
        spec->from = TAIL_BEGINNING;
    else if (cli_is_end(text))
        spec->from = TAIL_END;
    else if (opts_number(text, 0, INT64_MAX, &spec->value))
        spec->from = TAIL_OFFSET;
    else if (*text == '-' && opts_number(text + 1, 0, INT64_MAX, &spec->value))
        spec->from = TAIL_LAST_N;
    else if (text_time(text, wall_ms(), &spec->value))
        spec->from = TAIL_TIME;
    else
        return false;
    return true;
}

/* ---- printing ---- */

/* Prints what is in the ring from serial *next on; false when it is enough. */
static bool print_rows(struct tail *t, struct tail_printer *printer, uint64_t *next, int64_t *left) {
    static struct tail_row rows[BATCH_ROWS];
    size_t n;
    while (*left != 0 && !interrupted && (n = tail_rows(t, *next, rows, BATCH_ROWS)) > 0) {
        for (size_t i = 0; i < n && *left != 0; i++) {
            if (!tail_print(printer, &rows[i]))
                return false;
            *next = rows[i].serial + 1;
            if (*left > 0)
                --*left;
        }
    }
    return fflush(stdout) == 0 && *left != 0 && !interrupted;
}

/* A leader that cannot be reached is said once, until records come again; with --exit the end will then not
 * come, and this is a failure. */
struct stall { uint64_t scanned; int64_t since_ms; bool told; };
static bool stalled(struct session *s, struct stall *st, const struct tail_stats *stats) {
    int64_t now = session_now_ms();
    char why[400];
    session_reason(s, why, sizeof why);
    if (stats->away)
        snprintf(why, sizeof why, ": %s", stats->why);
    if (st->since_ms == 0 || stats->scanned != st->scanned || (stats->at_end && why[0] == '\0'))
        *st = (struct stall){.scanned = stats->scanned, .since_ms = now};
    if (st->told || now - st->since_ms < s->options->timeout_ms || why[0] == '\0')
        return false;
    cli_complain("%s: nothing in %lld ms%s", s->options->arguments.v[0], (long long)s->options->timeout_ms, why);
    st->told = true;
    return s->options->stop_at_end;
}

/* Waits for rows; false when whoever read them has gone: "| grep -m 1" must not wait for one more record. */
static bool wait_for_rows(struct session *s) {
    struct pollfd v[2] = {{.fd = client_fd(s->client), .events = POLLIN}, {.fd = STDOUT_FILENO}};
    int ready = poll(v, 2, 1000);
    session_turn(s, 0);
    for (struct client_event *ev; (ev = client_next_event(s->client)) != NULL;)
        client_event_free(ev);
    return ready <= 0 || (v[1].revents & POLLERR) == 0;
}

static int follow(struct session *s, struct tail *t, struct tail_printer *printer) {
    struct stall stall = {0};
    uint64_t next = 1;
    int64_t left = s->options->count;
    struct tail_stats stats;
    struct sigaction stop = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    tail_print_head(printer);
    for (;;) {
        /* The state first: rows that come after it are printed in the next round. */
        tail_get_stats(t, &stats);
        if (!print_rows(t, printer, &next, &left))
            break;
        if (stats.failed) {
            cli_complain("%s: %s", s->options->arguments.v[0], stats.why);
            return EXIT_FAILED;
        }
        if (stats.finished)
            break;
        if (stalled(s, &stall, &stats))
            return EXIT_FAILED;
        if (!wait_for_rows(s))
            break;
    }
    return out_flush();
}

int tail_run(const struct cli_options *o) {
    struct session s;
    struct tail_printer printer;
    struct error e;
    struct tail *t;
    int32_t *partitions = NULL;
    struct tail_spec spec = {.stop_at_end = o->stop_at_end, .filter = o->filter, .lossless = true,
                             .cut_bytes = SIZE_MAX, .ring_bytes = RING_BYTES};
    const char *from = o->from != NULL ? o->from : o->stop_at_end ? "beginning" : "end";
    int code = EXIT_WRONG_USAGE;
    if (o->arguments.n != 1)
        cli_complain("tail: one topic");
    else if (!read_partitions(o->partition, &partitions, &spec.n_partitions))
        cli_complain("--partition: %s is not a list of partitions", o->partition);
    else if (!read_from(from, &spec))
        cli_complain("--from: %s is not beginning, end, an offset, -N, 10m or 2026-01-31T12:00:00", from);
    else if (tail_printer_init(&printer, o, &e) != OK)
        cli_complain("%s", e.text);
    else
        code = EXIT_OK;
    if (code == EXIT_OK && session_open(&s, o)) {
        spec.topic = o->arguments.v[0];
        spec.partitions = partitions;
        if (tail_open(s.client, &spec, &t, &e) == OK) {
            code = follow(&s, t, &printer);
            tail_close(t);
        } else {
            cli_complain("%s", e.text);
            code = e.code == ERR_INVALID ? EXIT_WRONG_USAGE : EXIT_FAILED;     /* a filter that is none */
        }
        session_close(&s);
        tail_printer_fini(&printer);
    } else if (code == EXIT_OK) {
        code = EXIT_FAILED;
    }
    free(partitions);
    return code;
}
