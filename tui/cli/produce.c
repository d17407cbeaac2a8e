/* weir produce: the lines of standard input become messages.
 *
 *   stdin -> one line -> key, value -> client_produce -> receipt
 *
 * Nothing is lost on the way: when the client's queue is full we wait for
 * receipts.  At the end of input all receipts are awaited; a failed one is told
 * on stderr and makes the exit code 1.  Main thread. */
#include "tui/cli/output.h"
#include "tui/cli/session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_MAX_BYTES (100 << 20)

struct producer {
    struct session s;
    struct produce_message m;         /* topic, partition, headers, acks, codec; key and value line by line */
    struct record_header *headers;
    struct buf typed;                 /* bytes of stdin that are no whole line yet */
    size_t scanned;                   /* of typed: no line end before */
    bool end_of_input, failed;
    uint64_t sent, failures;
};

/* ---- options ---- */

static bool read_acks(const char *text, int *out) {
    if (text == NULL || strcmp(text, "all") == 0 || strcmp(text, "-1") == 0)
        *out = -1;
    else if (strcmp(text, "0") == 0 || strcmp(text, "1") == 0)
        *out = *text - '0';
    else
        return false;
    return true;
}

static bool read_codec(const char *text, enum batch_codec *out) {
    *out = CODEC_NONE;
    if (text == NULL)
        return true;
    for (int c = CODEC_NONE; c < CODEC_N; c++)
        if (strcmp(text, codec_name((enum batch_codec)c)) == 0) {
            *out = (enum batch_codec)c;
            return true;
        }
    return false;
}

static int read_options(struct producer *p, const struct cli_options *o) {
    int64_t partition = -1;
    if (o->arguments.n != 1) {
        cli_complain("produce: one topic");
        return EXIT_WRONG_USAGE;
    }
    if (!read_acks(o->acks, &p->m.acks)) {
        cli_complain("--acks: %s is not 0, 1 or all", o->acks);
        return EXIT_WRONG_USAGE;
    }
    if (!read_codec(o->codec, &p->m.codec)) {
        cli_complain("--compression: %s is not none, gzip, snappy, lz4 or zstd", o->codec);
        return EXIT_WRONG_USAGE;
    }
    if (o->partition != NULL && !opts_number(o->partition, 0, INT32_MAX, &partition)) {
        cli_complain("--partition: %s is not a partition", o->partition);
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

/* ---- receipts ---- */

static void receipt(struct producer *p, const struct client_event *ev) {
    if (ev->error != 0 || !ev->ok) {
        p->failures++;
        if (p->failures <= 10)
            cli_complain("not delivered: %s", ev->text != NULL ? ev->text : "no reason given");
    } else if (p->s.options->verbose && p->s.options->format_kind == FORMAT_JSON) {
        printf("{\"topic\":");
        json_t *topic = out_json_string(slice_cstr(p->m.topic));
        char *text = json_dumps(topic, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
        printf("%s,\"partition\":%d,\"offset\":%lld,\"took_us\":%lld}\n", text, ev->partition, (long long)ev->offset,
               (long long)ev->took_us);
        free(text);
        json_decref(topic);
    } else if (p->s.options->verbose) {
        printf("%d@%lld  %.1f ms\n", ev->partition, (long long)ev->offset, (double)ev->took_us / 1000.0);
    }
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

/* Waits until at most `most` messages are on their way.  The time limit is for progress, not for the whole. */
static bool drain(struct producer *p, size_t most) {
    int64_t deadline = session_now_ms() + p->s.options->timeout_ms;
    size_t before = client_produce_pending(p->s.client);
    for (;;) {
        take_events(p);
        size_t pending = client_produce_pending(p->s.client);
        if (pending <= most)
            break;
        if (pending < before)
            deadline = session_now_ms() + p->s.options->timeout_ms;
        before = pending;
        if (session_now_ms() > deadline) {
            char why[400];
            session_reason(&p->s, why, sizeof why);
            cli_complain("%zu message%s not acknowledged after %lld ms%s", pending, pending == 1 ? " is" : "s are",
                         (long long)p->s.options->timeout_ms, why);
            p->failed = true;
            return false;
        }
        session_turn(&p->s, 100);
    }
    take_events(p);                   /* the last receipts may have come between the two looks */
    return true;
}

/* ---- lines ---- */

static bool send_line(struct producer *p, struct slice line) {
    const struct cli_options *o = p->s.options;
    p->m.key = o->key != NULL ? slice_cstr(o->key) : SLICE_NULL;
    p->m.value = line;
    if (o->delimiter != NULL && *o->delimiter != '\0') {
        const uint8_t *at = memmem(line.p, line.n, o->delimiter, strlen(o->delimiter));
        if (at != NULL) {
            size_t key = (size_t)(at - line.p), skip = key + strlen(o->delimiter);
            p->m.key = slice_of(line.p, key);
            p->m.value = slice_of(line.p + skip, line.n - skip);
        }
    }
    if (p->m.value.n == 0 && o->null_empty)
        p->m.value = SLICE_NULL;
    while (client_produce(p->s.client, &p->m) == 0) {
        size_t pending = client_produce_pending(p->s.client);
        if (!drain(p, pending > 0 ? pending - 1 : 0))
            return false;
    }
    p->sent++;
    return !o->sync || drain(p, 0);
}

/* Reads what is there and sends the whole lines of it; false to stop. */
static bool read_some(struct producer *p) {
    if (p->typed.n > LINE_MAX_BYTES) {
        cli_complain("a line of more than %d MiB", LINE_MAX_BYTES >> 20);
        p->failed = true;
        return false;
    }
    ssize_t n = read(STDIN_FILENO, buf_reserve(&p->typed, 65536), 65536);
    if (n < 0) {
        if (errno == EINTR || errno == EAGAIN)
            return true;
        cli_complain("standard input: %s", strerror(errno));
        p->failed = true;
        return false;
    }
    p->typed.n += (size_t)n;
    size_t begin = 0;
    uint8_t *end;
    while ((end = memchr(p->typed.p + p->scanned, '\n', p->typed.n - p->scanned)) != NULL) {
        size_t at = (size_t)(end - p->typed.p);
        if (!send_line(p, slice_of(p->typed.p + begin, at - begin)))
            return false;
        begin = p->scanned = at + 1;
    }
    if (n == 0) {
        p->end_of_input = true;
        if (p->typed.n > begin && !send_line(p, slice_of(p->typed.p + begin, p->typed.n - begin)))
            return false;
        begin = p->typed.n;
    }
    buf_consume(&p->typed, begin);
    p->scanned = p->typed.n;
    return true;
}

static void pump(struct producer *p) {
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "weir: one message a line, end with ctrl-d\n");
    while (!p->end_of_input) {
        struct pollfd v[2] = {
            {.fd = STDIN_FILENO, .events = POLLIN}, {.fd = client_fd(p->s.client), .events = POLLIN},
        };
        if (poll(v, 2, -1) < 0 && errno != EINTR)
            break;
        if (v[1].revents != 0)
            session_turn(&p->s, 0);
        take_events(p);
        if (v[0].revents != 0 && !read_some(p))
            return;
    }
    drain(p, 0);
}

int produce_run(const struct cli_options *o) {
    struct producer p = {0};
    int code = read_options(&p, o);
    if (code == EXIT_OK && !session_open(&p.s, o))
        code = EXIT_FAILED;
    if (code == EXIT_OK) {
        pump(&p);
        if (p.failures > 10)
            cli_complain("%llu messages were not delivered", (unsigned long long)p.failures);
        if (p.failures > 0 || p.failed || fflush(stdout) != 0)
            code = EXIT_FAILED;
        session_close(&p.s);
    }
    buf_fini(&p.typed);
    free(p.headers);
    return code;
}
