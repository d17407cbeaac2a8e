/* weir produce: the lines of standard input become messages, or files do.
 *
 *   stdin or a file -> one line, or all of it -> key, value -> client_produce -> receipt
 *
 * Nothing is lost on the way: when the client's queue is full we wait for
 * receipts.  At the end of input all receipts are awaited; a failed one is told
 * on stderr and makes the exit code 1.  Ctrl-c and SIGTERM end the input: the
 * receipts of what was sent are awaited, for a shorter time, then the signal ends
 * the program; the second one ends it at once.  Main thread. */
#include "tui/cli/output.h"
#include "tui/cli/session.h"

#include "core/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define MESSAGE_MAX_BYTES (100 << 20)
#define COMPLAINTS_MAX 10
#define PATIENCE_MS 1000              /* then it is said why there are no receipts */
#define LAST_WAIT_MS 5000             /* for a receipt, once interrupted */

struct producer {
    struct session s;
    struct produce_message m;         /* topic, partition, headers, acks, codec; key and value line by line */
    struct record_header *headers;
    struct out out;                   /* of --verbose */
    struct buf delimiter, key_delimiter;        /* of two messages; of key and value, empty: no keys */
    struct input {
        int fd;
        const char *name;
        bool whole, ended;            /* one message; nothing more comes */
    } in;
    struct buf typed;                 /* bytes of the input that are no whole message yet */
    size_t scanned;                   /* of typed: no delimiter begins before */
    bool failed, told;                /* why it waits */
    uint64_t sent, failures;
    int64_t began_ms;                 /* the first message; for the rate */
};

static volatile sig_atomic_t interrupted;     /* by this signal */

static void on_interrupt(int signal_number) { interrupted = signal_number; }

static void catch_signals(void) {
    struct sigaction stop = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
}

/* ---- options ---- */

static int read_options(struct producer *p, const struct cli_options *o) {
    int64_t partition = -1;
    if (o->acks != NULL && !produce_read_acks(o->acks, &p->m.acks)) {
        cli_complain("--acks: %s is not 0, 1 or all", o->acks);
        return EXIT_WRONG_USAGE;
    }
    if (o->codec != NULL && !codec_of_name(o->codec, &p->m.codec)) {
        cli_complain("--compression: %s is not none, gzip, snappy, lz4 or zstd", o->codec);
        return EXIT_WRONG_USAGE;
    }
    if (o->partition != NULL && !opts_number(o->partition, 0, INT32_MAX, &partition)) {
        cli_complain("--partition: %s is not a partition", o->partition);
        return EXIT_WRONG_USAGE;
    }
    if (!text_unescape(&p->delimiter, o->delimiter != NULL ? o->delimiter : "\n") || p->delimiter.n == 0 ||
        !text_unescape(&p->key_delimiter, o->key_delimiter != NULL ? o->key_delimiter : "")) {
        cli_complain("--delimiter, --key-delimiter: a text; its escapes are " TEXT_ESCAPES);
        return EXIT_WRONG_USAGE;
    }
    if (o->rate == 0) {
        cli_complain("--rate: at least 1 message a second");
        return EXIT_WRONG_USAGE;
    }
    if (o->lines && o->arguments.n < 2) {
        cli_complain("--lines: of which FILE? the lines of standard input are taken without it");
        return EXIT_WRONG_USAGE;
    }
    p->m.topic = o->arguments.v[0];
    p->m.partition = (int32_t)partition;
    p->headers = mem_alloc((o->headers.n + 1) * sizeof *p->headers);
    for (size_t i = 0; i < o->headers.n; i++)
        p->headers[i] = (struct record_header){slice_cstr(o->headers.v[i].name), slice_cstr(o->headers.v[i].value)};
    p->m.headers = p->headers;
    p->m.n_headers = (int32_t)o->headers.n;
    return EXIT_OK;
}

/* What no option says a property may: librdkafka's names and Kafka's. */
static void read_properties(struct producer *p) {
    struct produce_message said = p->m;
    client_produce_defaults(p->s.client, &p->m);
    if (p->s.options->acks != NULL)
        p->m.acks = said.acks;
    if (p->s.options->codec != NULL)
        p->m.codec = said.codec;
}

/* ---- receipts ---- */

static const struct out_column receipt_columns[] = {
    {"topic", NULL, false}, {"partition", NULL, true}, {"offset", NULL, true}, {"took_us", NULL, true},
    {"error_code", NULL, true}, {"message", NULL, false},
};

static void print_receipt(struct producer *p, const struct client_event *ev) {
    struct out *out = &p->out;
    bool good = ev->ok && ev->error == 0;
    if (out->format == FORMAT_TABLE) {
        char at[24] = "-", line[80];
        if (ev->offset >= 0)
            snprintf(at, sizeof at, "%lld", (long long)ev->offset);
        snprintf(line, sizeof line, "%d@%s  %.1f ms\n", ev->partition, at, (double)ev->took_us / 1000.0);
        if (good)
            out_put(slice_cstr(line));
        return;
    }
    out_text(out, slice_cstr(p->m.topic));
    out_known(out, ev->partition >= 0, ev->partition);
    out_known(out, ev->offset >= 0, ev->offset);
    out_number(out, ev->took_us);
    out_number(out, ev->error);
    out_text(out, good || ev->text == NULL ? SLICE_NULL : slice_cstr(ev->text));
}

static void receipt(struct producer *p, const struct client_event *ev) {
    if (ev->error != 0 || !ev->ok) {
        p->failures++;
        if (p->failures <= COMPLAINTS_MAX)
            cli_complain("not delivered: %s", ev->text != NULL ? ev->text : "no reason given");
    }
    if (p->s.options->verbose)
        print_receipt(p, ev);
}

static void take_events(struct producer *p) {
    struct client_event *ev;
    while ((ev = client_next_event(p->s.client)) != NULL) {
        if (ev->kind == EVENT_RECEIPT)
            receipt(p, ev);
        client_event_free(ev);
    }
    fflush(stdout);
}

/* Said once, long before the time is over: a wrong address is seen by then. */
static void say_why(struct producer *p, int64_t waited_ms) {
    char why[400];
    if (p->told || waited_ms < PATIENCE_MS)
        return;
    session_reason(&p->s, why, sizeof why);
    if (why[0] != '\0')
        cli_complain("waiting%s", why);
    p->told = why[0] != '\0';
}

/* Waits until at most `most` messages are on their way.  The time limit is for progress, not for the whole. */
static bool drain(struct producer *p, size_t most) {
    int64_t since_ms = session_now_ms();
    size_t before = client_produce_pending(p->s.client);
    for (;;) {
        take_events(p);
        size_t pending = client_produce_pending(p->s.client);
        if (pending <= most)
            break;
        if (pending < before)
            since_ms = session_now_ms();
        before = pending;
        int64_t limit_ms = p->s.options->timeout_ms, waited_ms = session_now_ms() - since_ms;
        if (interrupted != 0 && limit_ms > LAST_WAIT_MS)
            limit_ms = LAST_WAIT_MS;
        say_why(p, waited_ms);
        if (waited_ms > limit_ms) {
            char why[400];
            session_reason(&p->s, why, sizeof why);
            cli_complain("%zu message%s not acknowledged after %lld ms%s", pending, pending == 1 ? " is" : "s are",
                         (long long)limit_ms, why);
            p->failed = true;
            return false;
        }
        session_turn(&p->s, 100);
    }
    take_events(p);                   /* the last receipts may have come between the two looks */
    return true;
}

/* ---- messages ---- */

/* --rate: waits until the next one is due. */
static void pace(struct producer *p) {
    int64_t rate = p->s.options->rate;
    if (rate < 0)
        return;
    if (p->sent == 0)
        p->began_ms = session_now_ms();
    int64_t due_ms = p->began_ms + (int64_t)(p->sent / (uint64_t)rate) * 1000 +
                     (int64_t)(p->sent % (uint64_t)rate) * 1000 / rate;
    for (int64_t left; interrupted == 0 && (left = due_ms - session_now_ms()) > 0;) {
        session_turn(&p->s, left > 1000 ? 1000 : (int)left);
        take_events(p);
    }
}

/* False: no more, because of a failure or because --count is reached. */
static bool send_message(struct producer *p, struct slice bytes) {
    const struct cli_options *o = p->s.options;
    p->m.key = o->key != NULL ? slice_cstr(o->key) : SLICE_NULL;
    p->m.value = bytes;
    if (p->key_delimiter.n > 0 && bytes.n > 0) {
        const uint8_t *at = memmem(bytes.p, bytes.n, p->key_delimiter.p, p->key_delimiter.n);
        if (at != NULL) {
            size_t key = (size_t)(at - bytes.p), skip = key + p->key_delimiter.n;
            p->m.key = slice_of(bytes.p, key);
            p->m.value = slice_of(bytes.p + skip, bytes.n - skip);
        }
    }
    if (p->m.value.n == 0)
        p->m.value = o->null_empty ? SLICE_NULL : SLICE("");
    pace(p);
    while (client_produce(p->s.client, &p->m) == 0) {
        size_t pending = client_produce_pending(p->s.client);
        if (!drain(p, pending > 0 ? pending - 1 : 0))
            return false;
    }
    p->sent++;
    return (!o->sync || drain(p, 0)) && (o->count < 0 || p->sent < (uint64_t)o->count) && interrupted == 0;
}

static bool fail(struct producer *p, const char *why) {
    cli_complain("%s: %s", p->in.name, why);
    p->failed = true;
    return false;
}

/* Sends the whole messages of what was typed; false to stop. */
static bool send_typed(struct producer *p) {
    size_t begin = 0, n = p->delimiter.n;
    uint8_t *end = NULL;
    while (!p->in.whole && p->typed.n - p->scanned >= n &&
           (end = memmem(p->typed.p + p->scanned, p->typed.n - p->scanned, p->delimiter.p, n)) != NULL) {
        size_t at = (size_t)(end - p->typed.p);
        if (!send_message(p, slice_of(p->typed.p + begin, at - begin)))
            return false;
        begin = p->scanned = at + n;
    }
    if (p->in.ended && (p->typed.n > begin || p->in.whole)) {
        if (!send_message(p, slice_of(p->typed.p + begin, p->typed.n - begin)))
            return false;
        begin = p->typed.n;
    }
    buf_consume(&p->typed, begin);
    p->scanned = p->typed.n >= n ? p->typed.n - n + 1 : 0;
    return true;
}

/* Reads what is there and sends what is whole; false to stop. */
static bool read_some(struct producer *p) {
    if (p->typed.n > MESSAGE_MAX_BYTES)
        return fail(p, "a message of more than 100 MiB");
    ssize_t n = read(p->in.fd, buf_reserve(&p->typed, 65536), 65536);
    if (n < 0)
        return errno == EINTR || errno == EAGAIN || fail(p, strerror(errno));
    p->typed.n += (size_t)n;
    p->in.ended = n == 0;
    return send_typed(p);
}

/* A signal that comes just before the wait ends it too. */
static int wait_for_either(struct pollfd v[2], const struct timespec *limit_or_null) {
    sigset_t stop, before;
    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, &before);
    int ready = interrupted == 0 ? ppoll(v, 2, limit_or_null, &before) : 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    return ready;
}

/* One input to its end; false to stop. */
static bool pump(struct producer *p) {
    static const struct timespec second = {.tv_sec = 1};
    bool going = true;
    size_t pending = 0;
    int64_t heard_ms = 0;             /* of what is pending */
    while (going && !p->in.ended && interrupted == 0) {
        struct pollfd v[2] = {
            {.fd = p->in.fd, .events = POLLIN}, {.fd = client_fd(p->s.client), .events = POLLIN},
        };
        size_t before = pending;
        pending = client_produce_pending(p->s.client);
        if (before == 0 || pending < before)
            heard_ms = session_now_ms();
        else
            say_why(p, session_now_ms() - heard_ms);
        int ready = wait_for_either(v, pending > 0 && !p->told ? &second : NULL);
        if (ready < 0 && errno != EINTR)
            break;
        if (ready < 0)
            continue;
        if (v[1].revents != 0)
            session_turn(&p->s, 0);
        take_events(p);
        if (v[0].revents != 0)
            going = read_some(p);
    }
    return going && interrupted == 0;
}

/* "-" is standard input, as everywhere. */
static bool pump_file(struct producer *p, const char *name) {
    bool typed = strcmp(name, "-") == 0;
    p->in = (struct input){.fd = typed ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC),
                           .name = typed ? "standard input" : name, .whole = !p->s.options->lines};
    if (p->in.fd < 0)
        return fail(p, strerror(errno));
    p->scanned = 0;
    bool going = pump(p);
    if (!typed)
        close(p->in.fd);
    return going;
}

static void pump_all(struct producer *p) {
    const struct opt_words *files = &p->s.options->arguments;
    bool going = p->s.options->count != 0;
    for (size_t i = 1; going && i < files->n; i++)
        going = pump_file(p, files->v[i]);
    if (files->n == 1 && going) {
        p->in = (struct input){.fd = STDIN_FILENO, .name = "standard input"};
        if (isatty(STDIN_FILENO))
            fprintf(stderr, "weir: one message a line, end with ctrl-d\n");
        pump(p);
    }
    drain(p, 0);
}

static void say_interrupted(const struct producer *p) {
    unsigned long long sent = p->sent, lost = p->failures + client_produce_pending(p->s.client);
    if (lost == 0)
        cli_complain("interrupted: %llu message%s sent and acknowledged", sent, sent == 1 ? "" : "s");
    else
        cli_complain("interrupted: %llu message%s sent, %llu not acknowledged", sent, sent == 1 ? "" : "s", lost);
}

int produce_run(const struct cli_options *o) {
    struct producer p = {0};
    int code = read_options(&p, o);
    if (code == EXIT_OK && !session_open(&p.s, o))
        code = EXIT_FAILED;
    if (code == EXIT_OK) {
        read_properties(&p);
        out_begin(&p.out, o);
        if (o->verbose && o->format_kind != FORMAT_TABLE)
            out_stream(&p.out, OUT_COLUMNS(receipt_columns));
        catch_signals();
        pump_all(&p);
        if (p.failures > COMPLAINTS_MAX)
            cli_complain("%llu messages were not delivered", (unsigned long long)p.failures);
        code = out_end(&p.out);
        if (p.failures > 0 || p.failed)
            code = EXIT_FAILED;
        if (interrupted != 0)
            say_interrupted(&p);
        session_close(&p.s);
    }
    buf_fini(&p.typed);
    buf_fini(&p.delimiter);
    buf_fini(&p.key_delimiter);
    free(p.headers);
    if (interrupted != 0) {           /* a shell's loop ends with it, as with any other program */
        signal(interrupted, SIG_DFL);
        raise(interrupted);
    }
    return code;
}
