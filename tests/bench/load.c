/* Requests made before the clock starts, sent as fast as the answers come: what
 * the broker can do when the client costs next to nothing.
 *
 *   load produce ADDRESS|echo CONNECTIONS PARTITIONS SIZE RECORDS SECONDS [PID]
 *            each connection sends the same Produce (acks=all) of RECORDS records of SIZE
 *            bytes and waits for its answer; echo: a bare epoll server in a child answers
 *   load fetch ADDRESS SECONDS [PID]
 *            reads partition 0 of what `produce` left, 1 MiB a request, round and round
 *
 * Prints one line of JSON.  The topic is "load-N" for N partitions. */
#include "core/proto/apis.h"
#include "core/proto/batch.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define SAMPLES_MAX 4000000
#define IN_SIZE (2 * 1024 * 1024)

struct client {
    int fd;
    struct buf request;
    size_t sent;
    uint8_t *in;
    size_t in_n;
    double begun;
};

static void die(const char *what) {
    perror(what);
    exit(1);
}

static double now(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* CPU seconds of a process by the scheduler's clock: fine where /proc/PID/stat counts in 10 ms. */
static double cpu_of(pid_t pid) {
    clockid_t clock;
    return pid > 0 && clock_getcpuclockid(pid, &clock) == 0 ? now(clock) : 0;
}

static int dial(const char *address) {
    char host[200];
    const char *colon = strrchr(address, ':');
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *a;
    int on = 1;
    if (colon == NULL || (size_t)(colon - address) >= sizeof host)
        die("HOST:PORT");
    snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    if (getaddrinfo(host, colon + 1, &hints, &a) != 0)
        die("resolve");
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, a->ai_addr, a->ai_addrlen) != 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    freeaddrinfo(a);
    return fd;
}

/* ---- requests ---- */

static void request(struct buf *out, int16_t key, int16_t version, const struct proto_message *m, const void *body) {
    struct proto_request_header h = {.key = key, .version = version, .correlation_id = 1, .client_id = SLICE("load")};
    struct proto_out o = {0};
    size_t at = out->n;
    buf_put_be32(out, 0);
    proto_encode_request_header(&h, out);
    proto_encode(m, version, body, &o);
    proto_flatten(&o, out);
    be32_set(out->p + at, (uint32_t)(out->n - at - 4));
    proto_out_fini(&o);
}

static void send_all(int fd, const uint8_t *p, size_t n) {
    while (n > 0) {
        ssize_t k = write(fd, p, n);
        if (k <= 0)
            die("write");
        p += k;
        n -= (size_t)k;
    }
}

static size_t read_answer(int fd, uint8_t *p, size_t cap) {
    size_t n = 0, whole = 4;
    while (n < whole) {
        ssize_t k = read(fd, p + n, whole - n);
        if (k <= 0)
            die("read");
        n += (size_t)k;
        if (whole == 4 && n == 4)
            whole = 4 + be32_get(p);
        if (whole > cap)
            die("an answer that is too large");
    }
    return n;
}

static void create_topic(const char *address, const char *name, int partitions) {
    struct create_topics_req_creatable_topic topic;
    struct create_topics_req req;
    struct buf out = {0};
    uint8_t answer[4096];
    proto_init(PROTO_STRUCT(create_topics_req_creatable_topic), &topic);
    proto_init(PROTO_STRUCT(create_topics_req), &req);
    topic.name = slice_cstr(name);
    topic.num_partitions = partitions;
    topic.replication_factor = 1;
    req.topics.n = 1;
    req.topics.v = &topic;
    request(&out, API_CREATE_TOPICS, 5, PROTO_MESSAGE(create_topics_req), &req);
    int fd = dial(address);
    send_all(fd, out.p, out.n);
    read_answer(fd, answer, sizeof answer);
    close(fd);
    buf_fini(&out);
}

static void produce_request(struct buf *out, const char *topic, int partition, size_t size, int records) {
    struct batch_builder b = {0};
    struct buf batch = {0};
    uint8_t *value = mem_alloc(size);
    memset(value, 'x', size);
    batch_start(&b, 0, 1700000000000);
    for (int i = 0; i < records; i++)
        batch_add(&b, i, 1700000000000, SLICE_NULL, slice_of(value, size), NULL, 0);
    if (batch_finish(&b, CODEC_NONE, &batch) != OK)
        die("batch");
    struct produce_req_partition p = {.index = partition, .records = buf_slice(&batch)};
    struct produce_req_topic t = {.name = slice_cstr(topic), .partition_data = {1, &p}};
    struct produce_req req = {.acks = -1, .timeout_ms = 30000, .topic_data = {1, &t}};
    request(out, API_PRODUCE, 9, PROTO_MESSAGE(produce_req), &req);
    buf_fini(&batch);
    batch_builder_fini(&b);
    free(value);
}

/* ---- the anchor: what the loop, the sockets and this client cost by themselves ---- */

static char *echo_server(pid_t *pid) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (bind(listener, (struct sockaddr *)&a, sizeof a) != 0 || listen(listener, 1024) != 0 ||
        getsockname(listener, (struct sockaddr *)&a, &n) != 0)
        die("echo");
    static char address[40];
    snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(a.sin_port));
    *pid = fork();
    if (*pid != 0) {
        close(listener);
        return address;
    }
    int ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = listener}, got[256];
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
    static uint8_t scratch[256 * 1024];
    for (;;) {
        int k = epoll_wait(ep, got, 256, -1);
        for (int i = 0; i < k; i++) {
            int fd = got[i].data.fd;
            if (fd == listener) {
                ev.data.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
                setsockopt(ev.data.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev);
                continue;
            }
            ssize_t r = read(fd, scratch, sizeof scratch);
            if (r <= 0)
                close(fd);
            else
                send_all(fd, scratch, (size_t)r);
        }
    }
}

/* ---- produce ---- */

static float *samples;
static size_t n_samples;
static unsigned long answers, bytes_in, errors;

static void send_more(struct client *c) {
    ssize_t k = send(c->fd, c->request.p + c->sent, c->request.n - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (k > 0)
        c->sent += (size_t)k;
}

static void begin(struct client *c) {
    c->sent = 0;
    c->begun = now(CLOCK_MONOTONIC);
    send_more(c);
}

/* The error code of a Produce v9 answer with one topic and one partition. */
static void look(const uint8_t *p, size_t n, bool echo) {
    struct arena a;
    struct produce_resp resp;
    int32_t id;
    size_t used, body;
    if (echo)
        return;
    arena_init(&a, 1 << 20);
    if (proto_decode_response_header(API_PRODUCE, 9, slice_of(p, n), &id, &used) != OK ||
        proto_decode(PROTO_MESSAGE(produce_resp), 9, slice_of(p + used, n - used), &a, &resp, &body) != OK ||
        resp.responses.n != 1 || resp.responses.v[0].partition_responses.v[0].error_code != 0)
        errors++;
    arena_fini(&a);
}

static void receive(struct client *c, bool echo) {
    ssize_t k = recv(c->fd, c->in + c->in_n, IN_SIZE - c->in_n, MSG_DONTWAIT);
    if (k == 0)
        die("the broker closed");
    if (k < 0)
        return;
    c->in_n += (size_t)k;
    if (c->in_n < 4 || c->in_n < 4 + (size_t)be32_get(c->in))
        return;
    if (answers % 256 == 0)
        look(c->in + 4, be32_get(c->in), echo);
    if (n_samples < SAMPLES_MAX)
        samples[n_samples++] = (float)(now(CLOCK_MONOTONIC) - c->begun);
    answers++;
    c->in_n = 0;
    begin(c);
}

static int by_time(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

static double quantile(double q) {
    return n_samples == 0 ? 0 : (double)samples[(size_t)((double)(n_samples - 1) * q)] * 1e6;
}

static void run(struct client *clients, int n, double seconds, bool echo) {
    int ep = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < n; i++) {
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &clients[i]};
        epoll_ctl(ep, EPOLL_CTL_ADD, clients[i].fd, &ev);
        begin(&clients[i]);
    }
    double end = now(CLOCK_MONOTONIC) + seconds;
    while (now(CLOCK_MONOTONIC) < end) {
        struct epoll_event got[256];
        int k = epoll_wait(ep, got, 256, 1);
        for (int i = 0; i < k; i++)
            receive(got[i].data.ptr, echo);
        for (int i = 0; i < n; i++) /* large requests leave in pieces */
            if (clients[i].sent < clients[i].request.n)
                send_more(&clients[i]);
    }
    close(ep);
}

static int produce(int argc, char **argv) {
    if (argc < 8)
        return 2;
    bool echo = strcmp(argv[2], "echo") == 0;
    int n = atoi(argv[3]), partitions = atoi(argv[4]), records = atoi(argv[6]);
    size_t size = (size_t)atoi(argv[5]);
    double seconds = strtod(argv[7], NULL);
    pid_t pid = argc > 8 ? atoi(argv[8]) : 0;
    const char *address = echo ? echo_server(&pid) : argv[2];
    static struct client clients[CONNECTIONS_MAX];
    char topic[40];
    snprintf(topic, sizeof topic, "load-%d", partitions);
    if (!echo)
        create_topic(address, topic, partitions);
    samples = mem_alloc(SAMPLES_MAX * sizeof *samples);
    for (int i = 0; i < n; i++) {
        clients[i].fd = dial(address);
        clients[i].in = mem_alloc(IN_SIZE);
        produce_request(&clients[i].request, topic, i % partitions, size, records);
    }
    run(clients, n, seconds / 5, echo); /* warm */
    n_samples = 0;
    answers = 0;
    for (int i = 0; i < n; i++) { /* start from nothing in flight */
        close(clients[i].fd);
        clients[i].fd = dial(address);
        clients[i].in_n = 0;
    }
    double cpu = cpu_of(pid), begin_s = now(CLOCK_MONOTONIC);
    run(clients, n, seconds, echo);
    double took = now(CLOCK_MONOTONIC) - begin_s;
    cpu = cpu_of(pid) - cpu;
    qsort(samples, n_samples, sizeof *samples, by_time);
    double messages = (double)answers * records;
    printf("{\"requests_per_second\": %.0f, \"per_second\": %.0f, \"p50_us\": %.0f, \"p99_us\": %.0f, "
           "\"broker_us_per_request\": %.2f, \"broker_us\": %.3f, \"mb_per_second\": %.0f, \"errors\": %lu}\n",
           (double)answers / took, messages / took, quantile(0.5), quantile(0.99), cpu * 1e6 / (double)answers,
           cpu * 1e6 / messages, messages * (double)size / took / 1e6, errors);
    if (echo)
        kill(pid, SIGKILL);
    return errors == 0 && answers > 0 ? 0 : 1;
}

/* ---- fetch ---- */

static int fetch(int argc, char **argv) {
    if (argc < 4)
        return 2;
    double seconds = strtod(argv[3], NULL);
    pid_t pid = argc > 4 ? atoi(argv[4]) : 0;
    int fd = dial(argv[2]);
    size_t cap = 8 * 1024 * 1024;
    uint8_t *in = mem_alloc(cap);
    struct buf out = {0};
    struct arena a;
    int64_t offset = 0;
    unsigned long requests = 0, rounds = 0;
    arena_init(&a, 1 << 20);
    double cpu = cpu_of(pid), begun = now(CLOCK_MONOTONIC), took;
    while ((took = now(CLOCK_MONOTONIC) - begun) < seconds) {
        struct fetch_req_partition p;
        proto_init(PROTO_STRUCT(fetch_req_partition), &p);
        p.fetch_offset = offset;
        p.partition_max_bytes = 1024 * 1024;
        struct fetch_req_topic t = {.topic = SLICE("load-1"), .partitions = {1, &p}};
        struct fetch_req req;
        proto_init(PROTO_STRUCT(fetch_req), &req);
        req.max_bytes = 1024 * 1024;
        req.min_bytes = 1;
        req.topics.n = 1;
        req.topics.v = &t;
        req.rack_id = SLICE("");
        buf_clear(&out);
        request(&out, API_FETCH, 11, PROTO_MESSAGE(fetch_req), &req);
        send_all(fd, out.p, out.n);
        size_t n = read_answer(fd, in, cap), used, body;
        struct fetch_resp resp;
        int32_t id;
        arena_reset(&a);
        if (proto_decode_response_header(API_FETCH, 11, slice_of(in + 4, n - 4), &id, &used) != OK ||
            proto_decode(PROTO_MESSAGE(fetch_resp), 11, slice_of(in + 4 + used, n - 4 - used), &a, &resp, &body) != OK)
            die("decode");
        struct fetch_resp_partition *got = &resp.responses.v[0].partitions.v[0];
        if (got->error_code != 0)
            die("fetch error");
        struct slice rest = got->records;
        int64_t next = offset;
        struct batch b;
        while (rest.n > 0 && batch_parse(rest, &b) == OK) {
            next = batch_last_offset(&b) + 1;
            rest = slice_of(rest.p + b.bytes.n, rest.n - b.bytes.n);
        }
        requests++;
        bytes_in += got->records.n;
        rounds += next >= got->high_watermark || next == offset;
        offset = next >= got->high_watermark || next == offset ? 0 : next;
    }
    cpu = cpu_of(pid) - cpu;
    printf("{\"gb_per_second\": %.3f, \"broker_s_per_gb\": %.3f, \"requests\": %lu, \"rounds\": %lu}\n",
           (double)bytes_in / took / 1e9, cpu / ((double)bytes_in / 1e9), requests, rounds);
    return bytes_in > 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    int code = 2;
    signal(SIGPIPE, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "produce") == 0)
        code = produce(argc, argv);
    else if (argc > 1 && strcmp(argv[1], "fetch") == 0)
        code = fetch(argc, argv);
    if (code == 2)
        fprintf(stderr, "usage: load produce ADDRESS|echo CONNECTIONS PARTITIONS SIZE RECORDS SECONDS [PID]\n"
                        "       load fetch ADDRESS SECONDS [PID]\n");
    return code;
}
