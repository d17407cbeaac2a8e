/* weir hello: the first thing anyone does with Kafka, step by step, through the
 * public protocol on whatever cluster it is:
 *
 *   connect -> create the topic (or find it there) -> list it -> produce 5
 *   messages -> read them back from the beginning -> and from an offset
 *
 * The messages carry a mark of this run, so that a topic with other messages in
 * it does not matter.  Each step prints one line; the first that fails ends the
 * test with exit code 1.  Main thread. */
#include "tui/cli/output.h"
#include "tui/cli/session.h"

#include <stdlib.h>
#include <sys/random.h>

#define HELLO_TOPIC "dataengineering"
#define N_MESSAGES 5
#define TOPIC_EXISTS 36               /* Kafka's error code */

struct sent { int32_t partition; int64_t offset; uint64_t id; };
struct hello {
    struct session s;
    const char *topic;
    char mark[24];                    /* of this run */
    char text[N_MESSAGES][80];
    struct sent sent[N_MESSAGES];
    size_t receipts;
    int64_t begin_ms, step_ms;
    struct out out;                   /* of JSON and CSV */
};

/* ---- telling ---- */

static const struct out_column step_columns[] = {
    {"step", NULL, false}, {"ok", NULL, false}, {"message", NULL, false}, {"took_ms", NULL, true},
};

static bool tell(struct hello *h, bool ok, const char *step, const char *format, ...) WEIR_PRINTF(4, 5);
static bool tell(struct hello *h, bool ok, const char *step, const char *format, ...) {
    struct buf raw = {0}, safe = {0};
    va_list args;
    va_start(args, format);
    buf_vprintf(&raw, format, args);
    va_end(args);
    int64_t now = session_now_ms();
    if (h->out.format != FORMAT_TABLE) {
        out_text(&h->out, slice_cstr(step));
        out_bool(&h->out, ok);
        out_text(&h->out, buf_slice(&raw));
        out_number(&h->out, now - h->step_ms);
    } else {
        cli_sanitize(&safe, buf_slice(&raw), 4096);
        printf("%-6s %-8s %.*s (%lld ms)\n", ok ? "ok" : "FAILED", step, (int)safe.n, (const char *)safe.p,
               (long long)(now - h->step_ms));
    }
    fflush(stdout);
    h->step_ms = now;
    buf_fini(&raw);
    buf_fini(&safe);
    return ok;
}

/* ---- steps ---- */

static bool topics_are_here(struct session *s, void *ctx) {
    (void)ctx;
    return s->snapshot != NULL && s->snapshot->topics_state == VALUE_KNOWN;
}

static bool connect_step(struct hello *h) {
    if (!session_wait(&h->s, topics_are_here, NULL, "connect")) {
        char why[400];
        session_reason(&h->s, why, sizeof why);
        return tell(h, false, "connect", "no answer from %s%s", h->s.place.address, why);
    }
    const struct place *p = &h->s.place;
    static const char *const kinds[] = {"", ", weir's own broker, already running",
                                        ", weir's own broker, started for this"};
    return tell(h, true, "connect", "%s%s%s%s%s%s", p->address, kinds[p->kind],
                p->durability[0] != '\0' ? ", durability " : "", p->durability,
                p->taken[0] != '\0' ? ", because another program has " : "", p->taken);
}

static bool create_step(struct hello *h) {
    struct client_action a = {.kind = ACTION_CREATE_TOPIC, .name = h->topic, .partitions = -1, .replication = -1};
    struct client_event *ev = session_act(&h->s, &a);
    bool ok = ev != NULL && (ev->ok || ev->error == TOPIC_EXISTS);
    if (ev == NULL)
        tell(h, false, "create", "topic %s: no answer", h->topic);
    else if (!ok)
        tell(h, false, "create", "topic %s: %s", h->topic, ev->text);
    else
        tell(h, true, "create", ev->ok ? "topic %s" : "topic %s is there already", h->topic);
    client_event_free(ev);
    return ok;
}

/* A created topic may take a refresh to show; on a cluster of many it is not everywhere at once. */
static bool topic_is_listed(struct session *s, void *ctx) {
    const struct model_topic *t = s->snapshot == NULL ? NULL : snapshot_topic(s->snapshot, slice_cstr(ctx));
    if (t != NULL && t->error == 0 && t->n_partitions > 0)
        return true;
    client_refresh(s->client);
    return false;
}

static bool list_step(struct hello *h) {
    client_refresh(h->s.client);
    if (!session_wait(&h->s, topic_is_listed, (void *)h->topic, "list"))
        return tell(h, false, "list", "topic %s is not among the cluster's topics", h->topic);
    const struct model_topic *t = snapshot_topic(h->s.snapshot, slice_cstr(h->topic));
    return tell(h, true, "list", "topic %s, %d partition%s, among %d topic%s", h->topic, t->n_partitions,
                t->n_partitions == 1 ? "" : "s", h->s.snapshot->topics.n, h->s.snapshot->topics.n == 1 ? "" : "s");
}

static bool receipts_are_here(struct session *s, void *ctx) {
    struct hello *h = ctx;
    struct client_event *ev;
    while ((ev = client_next_event(s->client)) != NULL) {
        for (size_t i = 0; ev->kind == EVENT_RECEIPT && i < N_MESSAGES; i++)
            if (h->sent[i].id == ev->id) {
                h->sent[i].partition = ev->partition;
                h->sent[i].offset = ev->ok ? ev->offset : -1;
                h->receipts++;
                if (!ev->ok)
                    cli_complain("not delivered: %s", ev->text != NULL ? ev->text : "no reason given");
            }
        client_event_free(ev);
    }
    return h->receipts == N_MESSAGES;
}

static bool produce_step(struct hello *h) {
    for (size_t i = 0; i < N_MESSAGES; i++) {
        snprintf(h->text[i], sizeof h->text[i], "hello from weir, message %zu of %d, run %s", i + 1, N_MESSAGES,
                 h->mark);
        struct produce_message m = {
            .topic = h->topic, .partition = -1, .key = SLICE("weir"), .value = slice_cstr(h->text[i]), .acks = -1,
        };
        h->sent[i].id = client_produce(h->s.client, &m);
        if (h->sent[i].id == 0)
            return tell(h, false, "produce", "message %zu was not taken", i + 1);
    }
    if (!session_wait(&h->s, receipts_are_here, h, "produce"))
        return tell(h, false, "produce", "%zu of %d messages were acknowledged", h->receipts, N_MESSAGES);
    for (size_t i = 0; i < N_MESSAGES; i++)
        if (h->sent[i].offset < 0 || h->sent[i].partition != h->sent[0].partition ||
            h->sent[i].offset != h->sent[0].offset + (int64_t)i)
            return tell(h, false, "produce", "message %zu went to partition %d offset %lld", i + 1,
                        h->sent[i].partition, (long long)h->sent[i].offset);
    return tell(h, true, "produce", "%d messages, acks=all, to partition %d at offsets %lld-%lld", N_MESSAGES,
                h->sent[0].partition, (long long)h->sent[0].offset, (long long)h->sent[N_MESSAGES - 1].offset);
}

struct reading { struct hello *h; struct tail *t; uint64_t next; size_t first, found; bool wrong; };

/* Takes the rows of this run: they must be the messages from `first` on, in order, where the receipts said. */
static void take_rows(struct reading *r) {
    struct tail_row rows[16];
    size_t n;
    while ((n = tail_rows(r->t, r->next, rows, 16)) > 0)
        for (size_t i = 0; i < n; i++) {
            size_t want = r->first + r->found;
            r->next = rows[i].serial + 1;
            if (memmem(rows[i].value.p, rows[i].value.n, r->h->mark, strlen(r->h->mark)) == NULL)
                continue;
            if (want >= N_MESSAGES || !slice_is(rows[i].value, r->h->text[want]) || !slice_is(rows[i].key, "weir") ||
                rows[i].offset != r->h->sent[want].offset || rows[i].partition != r->h->sent[want].partition)
                r->wrong = true;
            r->found++;
        }
}

static bool rows_are_here(struct session *s, void *ctx) {
    (void)s;
    struct reading *r = ctx;
    struct tail_stats stats;
    tail_get_stats(r->t, &stats);
    take_rows(r);
    return stats.finished || stats.failed || r->wrong;
}

static bool read_step(struct hello *h, bool from_offset) {
    const char *step = from_offset ? "offset" : "read";
    struct reading r = {.h = h, .first = from_offset ? 2 : 0, .next = 1};
    struct tail_spec spec = {
        .topic = h->topic, .partitions = &h->sent[0].partition, .n_partitions = 1, .filter = h->mark,
        .from = from_offset ? TAIL_OFFSET : TAIL_BEGINNING, .value = h->sent[r.first].offset, .stop_at_end = true,
        .lossless = true,
    };
    struct error e;
    struct tail_stats stats;
    if (tail_open(h->s.client, &spec, &r.t, &e) != OK)
        return tell(h, false, step, "%s", e.text);
    bool waited = session_wait(&h->s, rows_are_here, &r, step);
    tail_get_stats(r.t, &stats);
    take_rows(&r);
    tail_close(r.t);
    size_t want = N_MESSAGES - r.first;
    if (stats.failed)
        return tell(h, false, step, "%s", stats.why);
    if (!waited || r.wrong || r.found != want)
        return tell(h, false, step, "%zu of %zu messages came back%s", r.found, want,
                    r.wrong ? ", not as they were sent" : "");
    if (from_offset)
        return tell(h, true, step, "from offset %lld: %zu of %zu messages, the same bytes",
                    (long long)h->sent[r.first].offset, r.found, want);
    return tell(h, true, step, "from the beginning: %zu of %zu messages, the same bytes, in order", r.found, want);
}

static bool read_from_beginning(struct hello *h) { return read_step(h, false); }
static bool read_from_offset(struct hello *h) { return read_step(h, true); }

int hello_run(const struct cli_options *o) {
    static bool (*const steps[])(struct hello *) = {
        connect_step, create_step, list_step, produce_step, read_from_beginning, read_from_offset,
    };
    struct hello h = {.topic = o->arguments.n > 0 ? o->arguments.v[0] : HELLO_TOPIC};
    uint64_t random = 0;
    bool ok = true;
    if (o->arguments.n > 1) {
        cli_complain("hello: one topic at most");
        return EXIT_WRONG_USAGE;
    }
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = (uint64_t)session_now_ms();
    snprintf(h.mark, sizeof h.mark, "%016llx", (unsigned long long)random);
    h.begin_ms = h.step_ms = session_now_ms();
    if (!session_open(&h.s, o))
        return EXIT_FAILED;
    out_begin(&h.out, o);
    if (o->format_kind != FORMAT_TABLE)
        out_section(&h.out, NULL, OUT_COLUMNS(step_columns));
    for (size_t i = 0; ok && i < sizeof steps / sizeof *steps; i++)
        ok = steps[i](&h);
    int64_t took = session_now_ms() - h.begin_ms;
    if (o->format_kind == FORMAT_TABLE)
        printf("hello: %s in %lld ms\n", ok ? "passed" : "FAILED", (long long)took);
    int code = out_end(&h.out);
    session_close(&h.s);
    return ok ? code : EXIT_FAILED;
}
