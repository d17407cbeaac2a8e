/* The whole broker against a disk that forgets: idempotent producers with acks=all
 * and a consumer, over simulated connections; crashes of process and power at any
 * time, also inside recovery; and an oracle.
 *
 *   each message that was acknowledged is there once, in the order of its producer
 *   nothing is there twice, whatever was sent again
 *   what a consumer once read at an offset stays there
 *   no producer id is given out twice
 *
 * A producer keeps up to five batches per partition in flight.  After a crash it
 * sends what was not acknowledged again, with the same sequences.
 *
 * WEIR_SEEDS=n runs n seeds, WEIR_SEED=s that seed alone. */
#include "core/base/log.h"
#include "tests/sim/broker_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_SEEDS 1000
#define PRODUCERS 3
#define PARTITIONS 3
#define IN_FLIGHT 5
#define STEPS 300
#define OFFSETS_MAX 4096
#define IDS_MAX 64

#define CHECK(e, ...)                                                                                                  \
    ((e) ? (void)0                                                                                                     \
         : (fprintf(stderr, "seed %" PRIu64 ": ", seed), fprintf(stderr, __VA_ARGS__), fputc('\n', stderr), abort()))

static uint64_t seed;

struct pending {
    uint32_t first, count;        /* message numbers */
    size_t value_bytes;
    enum batch_codec codec;
};
struct stream {                   /* what one producer sends to one partition */
    uint32_t next, acked;         /* message numbers; a number is also its sequence */
    struct pending pending[IN_FLIGHT];
    int n_pending;
};
struct sent { int32_t id; int partition; };
struct producer {
    struct client c;
    bool connected, broken;
    int64_t id;
    struct stream streams[PARTITIONS];
    struct sent sent[IN_FLIGHT * PARTITIONS];  /* not answered yet, in order */
    int n_sent;
};
struct consumer {
    struct client c;
    bool connected;
    int32_t id;                   /* of the fetch in flight */
    bool waiting;
    int64_t next[PARTITIONS];
};
struct sim {
    struct bworld w;
    struct random r;
    struct producer producers[PRODUCERS];
    struct consumer consumer;
    uint32_t seen[PARTITIONS][OFFSETS_MAX];    /* producer << 24 | number, plus 1; 0: not read yet */
    int64_t ids[IDS_MAX];
    int n_ids;
    unsigned crashes;
};

/* ---- producers ---- */

static void build(struct sim *s, const struct producer *p, const struct pending *b, struct buf *out) {
    struct batch_builder builder = {0};
    int64_t now = s->w.sim->env.wall_ms(&s->w.sim->env);
    char *value = mem_alloc(b->value_bytes + 32);
    batch_start(&builder, 0, now);
    for (uint32_t i = 0; i < b->count; i++) {
        size_t n = (size_t)snprintf(value, 32, "%d %u ", (int)(p - s->producers), b->first + i);
        memset(value + n, 'x', b->value_bytes);
        batch_add(&builder, i, now, SLICE_NULL, slice_of(value, n + b->value_bytes), NULL, 0);
    }
    builder.producer_id = p->id;
    builder.producer_epoch = 0;
    builder.base_sequence = (int32_t)b->first;
    buf_clear(out);
    CHECK(batch_finish(&builder, b->codec, out) == OK, "cannot build a batch");
    batch_builder_fini(&builder);
    free(value);
}

static void send_batch(struct sim *s, struct producer *p, int partition, const struct pending *b) {
    struct buf bytes = {0};
    build(s, p, b, &bytes);
    struct produce_req_partition part = {partition, buf_slice(&bytes)};
    struct produce_req_topic topic = {.name = SLICE("t"), .partition_data = {1, &part}};
    struct produce_req req;
    proto_init(PROTO_STRUCT(produce_req), &req);
    req.acks = -1;
    req.topic_data.n = 1;
    req.topic_data.v = &topic;
    p->sent[p->n_sent++] = (struct sent){p->c.next_id, partition};
    CHECK(client_send(&p->c, API_PRODUCE, 9, &req) == OK, "produce refused");
    buf_fini(&bytes);
}

static void send_new(struct sim *s, struct producer *p) {
    int partition = (int)random_below(&s->r, PARTITIONS);
    struct stream *st = &p->streams[partition];
    if (st->n_pending == IN_FLIGHT || !p->connected || p->broken)
        return;
    struct pending *b = &st->pending[st->n_pending++];
    *b = (struct pending){st->next, 1 + (uint32_t)random_below(&s->r, 4), random_below(&s->r, 4) == 0 ? 600 : 10,
                          CODEC_NONE};
    if (random_below(&s->r, 4) == 0)
        b->codec = CODEC_LZ4;
    st->next += b->count;
    send_batch(s, p, partition, b);
}

/* Takes the answers that are there. */
static void take_answers(struct producer *p) {
    while (p->connected && p->c.n_answers > 0) {
        struct sent sent = p->sent[0];
        struct produce_resp *r = client_answer(&p->c, API_PRODUCE, 9, sent.id);
        memmove(p->sent, p->sent + 1, (size_t)--p->n_sent * sizeof p->sent[0]);
        struct stream *st = &p->streams[sent.partition];
        int16_t error = r->responses.v[0].partition_responses.v[0].error_code;
        if (error == KAFKA_KAFKA_STORAGE_ERROR) {
            p->broken = true; /* until the restart */
            continue;
        }
        CHECK(error == KAFKA_NONE, "produce: error %d", error);
        CHECK(!p->broken, "an append was acknowledged after one before it had failed");
        st->acked = st->pending[0].first + st->pending[0].count;
        memmove(st->pending, st->pending + 1, (size_t)--st->n_pending * sizeof st->pending[0]);
    }
}

static void producer_start(struct sim *s, struct producer *p) {
    client_init(&p->c, &s->w);
    p->connected = true;
    p->broken = false;
    p->n_sent = 0;
    if (p->id < 0) {
        struct init_producer_id_req req;
        proto_init(PROTO_STRUCT(init_producer_id_req), &req);
        p->id = ASK(&s->w, &p->c, INIT_PRODUCER_ID, 4, &req, init_producer_id_resp)->producer_id;
        for (int i = 0; i < s->n_ids; i++)
            CHECK(s->ids[i] != p->id, "producer id %" PRId64 " was given out twice", p->id);
        s->ids[s->n_ids++] = p->id;
    }
    for (int i = 0; i < PARTITIONS; i++)
        for (int k = 0; k < p->streams[i].n_pending; k++)
            send_batch(s, p, i, &p->streams[i].pending[k]);
}

/* ---- the consumer ---- */

static void check_record(struct sim *s, int32_t partition, const struct record *r) {
    unsigned producer, number;
    char text[32];
    size_t n = r->value.n < sizeof text - 1 ? r->value.n : sizeof text - 1;
    memcpy(text, r->value.p, n);
    text[n] = '\0';
    CHECK(sscanf(text, "%u %u", &producer, &number) == 2 && producer < PRODUCERS, "a value that nobody wrote");
    CHECK(r->offset >= 0 && r->offset < OFFSETS_MAX, "offset %" PRId64, r->offset);
    uint32_t mark = (producer << 24 | number) + 1, *seen = &s->seen[partition][r->offset];
    CHECK(*seen == 0 || *seen == mark, "partition %d, offset %" PRId64 ": another message than before", partition,
          r->offset);
    *seen = mark;
}

static void check_records(struct sim *s, int32_t partition, struct slice in, int64_t *next) {
    struct buf plain = {0};
    while (in.n > 0) {
        struct batch b;
        CHECK(batch_parse(in, &b) == OK && batch_crc_ok(&b), "a bad batch was served");
        in = slice_of(in.p + b.bytes.n, in.n - b.bytes.n);
        buf_clear(&plain);
        CHECK(codec_decompress(batch_codec(&b), b.records, 1 << 20, &plain) == OK, "a batch that does not open");
        struct record_iter it = {.batch = &b, .rest = buf_slice(&plain)};
        struct record r;
        while (record_next(&it, &r) == OK)
            check_record(s, partition, &r);
        *next = batch_last_offset(&b) + 1;
    }
    buf_fini(&plain);
}

static void fetch_send(struct consumer *c, int32_t max_wait_ms) {
    struct fetch_req_partition p[PARTITIONS];
    struct fetch_req_topic t = {.topic = SLICE("t"), .partitions = {PARTITIONS, p}};
    struct fetch_req req;
    proto_init(PROTO_STRUCT(fetch_req), &req);
    for (int i = 0; i < PARTITIONS; i++) {
        proto_init(PROTO_STRUCT(fetch_req_partition), &p[i]);
        p[i].partition = i;
        p[i].fetch_offset = c->next[i];
        p[i].partition_max_bytes = 2000;
    }
    req.max_wait_ms = max_wait_ms;
    req.min_bytes = 1;
    req.topics.n = 1;
    req.topics.v = &t;
    c->id = c->c.next_id;
    CHECK(client_send(&c->c, API_FETCH, 12, &req) == OK, "fetch refused");
    c->waiting = true;
}

/* True when there was an answer; *more: it had records or less than all. */
static bool fetch_take(struct sim *s, bool *more) {
    struct consumer *c = &s->consumer;
    struct fetch_resp *r = client_answer(&c->c, API_FETCH, 12, c->id);
    *more = false;
    if (r == NULL)
        return false;
    c->waiting = false;
    for (int32_t i = 0; i < r->responses.v[0].partitions.n; i++) {
        struct fetch_resp_partition *p = &r->responses.v[0].partitions.v[i];
        if (p->error_code == KAFKA_KAFKA_STORAGE_ERROR)
            continue;
        CHECK(p->error_code == KAFKA_NONE, "fetch: error %d", p->error_code);
        check_records(s, p->partition_index, p->records, &c->next[p->partition_index]);
        CHECK(c->next[p->partition_index] <= p->high_watermark, "records above the high watermark");
        *more = *more || c->next[p->partition_index] < p->high_watermark;
    }
    return true;
}

/* ---- life and death ---- */

static void connect_all(struct sim *s) {
    for (int i = 0; i < PRODUCERS; i++)
        producer_start(s, &s->producers[i]);
    client_init(&s->consumer.c, &s->w);
    s->consumer.connected = true;
    s->consumer.waiting = false;
}

static void disconnect_all(struct sim *s) {
    for (int i = 0; i < PRODUCERS; i++) {
        take_answers(&s->producers[i]); /* they were on the wire */
        client_fini(&s->producers[i].c);
        s->producers[i].connected = false;
    }
    client_fini(&s->consumer.c);
    s->consumer.connected = false;
}

static void reopen(struct sim *s) {
    enum err e = ERR_IO;
    for (int tries = 0; e != OK; tries++) {
        CHECK(tries < 20, "does not open: %s", s->w.error.text);
        if (tries < 3 && random_below(&s->r, 4) == 0)
            env_sim_crash_after(s->w.sim, 1 + random_below(&s->r, 60));
        e = bworld_open(&s->w);
        env_sim_crash_after(s->w.sim, 0);
        if (e != OK)
            env_sim_crash(s->w.sim, random_next(&s->r));
        else if (s->w.sim->crashed) /* it dies just after the start */
            bworld_crash(&s->w, random_next(&s->r)), e = ERR_IO;
    }
    CHECK(s->w.recovery.corrupt == 0, "recovery found damage");
}

static void crash(struct sim *s) {
    disconnect_all(s);
    bworld_crash(&s->w, random_next(&s->r));
    s->crashes++;
    reopen(s);
    connect_all(s);
}

static void step(struct sim *s) {
    bool more;
    switch (random_below(&s->r, 8)) {
    case 0: case 1: case 2: send_new(s, &s->producers[random_below(&s->r, PRODUCERS)]); break;
    case 3: broker_tick_end(s->w.broker); break;
    case 4: env_sim_step(s->w.sim); break;
    case 5:
        env_sim_advance(s->w.sim, (int64_t)random_below(&s->r, 20000));
        broker_tick(s->w.broker);
        break;
    case 6:
        if (!s->consumer.waiting)
            fetch_send(&s->consumer, 10);
        else
            fetch_take(s, &more);
        break;
    default:
        if (random_below(&s->r, 10) == 0)
            env_sim_evict(s->w.sim);
        break;
    }
    for (int i = 0; i < PRODUCERS; i++)
        take_answers(&s->producers[i]);
}

static void read_all(struct sim *s) {
    bool more = true;
    if (s->consumer.waiting) {
        bworld_advance(&s->w, 2000 * 1000);
        CHECK(fetch_take(s, &more), "a fetch without an answer");
    }
    for (int i = 0; i < PARTITIONS; i++)
        s->consumer.next[i] = 0;
    for (more = true; more;) {
        fetch_send(&s->consumer, 0);
        bworld_settle(&s->w);
        CHECK(fetch_take(s, &more), "a fetch without an answer");
    }
}

static void verify(struct sim *s) {
    uint32_t next[PRODUCERS][PARTITIONS] = {{0}};
    for (int i = 0; i < PARTITIONS; i++)
        for (int64_t o = 0; o < s->consumer.next[i]; o++) {
            CHECK(s->seen[i][o] != 0, "partition %d: nothing at offset %" PRId64, i, o);
            uint32_t mark = s->seen[i][o] - 1, producer = mark >> 24, number = mark & 0xffffff;
            CHECK(number == next[producer][i], "partition %d, offset %" PRId64 ": message %u of producer %u, %u is due",
                  i, o, number, producer, next[producer][i]);
            next[producer][i]++;
        }
    for (int p = 0; p < PRODUCERS; p++)
        for (int i = 0; i < PARTITIONS; i++)
            CHECK(next[p][i] == s->producers[p].streams[i].acked && s->producers[p].streams[i].n_pending == 0,
                  "producer %d, partition %d: %u acknowledged, %u there", p, i, s->producers[p].streams[i].acked,
                  next[p][i]);
}

static uint64_t run(uint64_t n, unsigned *crashes) {
    struct sim *s = mem_zalloc(sizeof *s);
    seed = n;
    s->r.state = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
    bworld_init(&s->w, seed);
    for (int i = 0; i < PRODUCERS; i++)
        s->producers[i].id = -1;
    CHECK(bworld_open(&s->w) == OK, "%s", s->w.error.text);
    connect_all(s);
    CHECK(client_create_topic(&s->w, &s->consumer.c, "t", PARTITIONS, NULL, NULL) == 0, "cannot create the topic");
    for (int i = 0; i < STEPS; i++) {
        step(s);
        if (random_below(&s->r, 60) == 0)
            env_sim_crash_after(s->w.sim, 1 + random_below(&s->r, 20)); /* in the middle of whatever comes */
        if (s->w.sim->crashed || s->producers[0].broken || random_below(&s->r, 50) == 0)
            crash(s);
    }
    crash(s);
    for (int i = 0; i < 50; i++) { /* what was sent again is answered */
        bworld_settle(&s->w);
        for (int p = 0; p < PRODUCERS; p++)
            take_answers(&s->producers[p]);
    }
    read_all(s);
    verify(s);
    *crashes += s->crashes;
    disconnect_all(s);
    uint64_t trace = env_sim_trace(s->w.sim);
    bworld_fini(&s->w);
    free(s);
    return trace;
}

static void quiet(void *ctx, enum log_level level, const char *line) {
    (void)ctx;
    (void)level;
    (void)line;
}

int main(void) {
    const char *one = getenv("WEIR_SEED"), *many = getenv("WEIR_SEEDS");
    uint64_t first = one != NULL ? strtoull(one, NULL, 10) : 1;
    uint64_t n = one != NULL ? 1 : many != NULL ? strtoull(many, NULL, 10) : DEFAULT_SEEDS;
    unsigned crashes = 0;
    if (one == NULL)
        log_set_sink(quiet, NULL);
    for (uint64_t i = first; i < first + n; i++) {
        uint64_t trace = run(i, &crashes);
        if (i % 100 == 1 || n == 1)
            CHECK(run(i, &crashes) == trace, "the same seed, another trace");
    }
    printf("%" PRIu64 " seeds, %u crashes\n", n, crashes);
    return 0;
}
