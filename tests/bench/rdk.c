/* Produce and consume through librdkafka, and say what it cost on both sides.
 *
 *   rdk produce ADDRESS|mock COUNT SIZE [PID] [topic]   rate and CPU of the broker (PID, or the mock's thread)
 *   rdk spread  ADDRESS COUNT SIZE PID TOPIC PARTITIONS round robin over the partitions of a topic that is there
 *   rdk consume ADDRESS COUNT PID TOPIC
 *   rdk latency ADDRESS RATE SECONDS TOPIC              from produce to consumer, linger 0, at a fixed rate
 *
 * Prints one line of JSON.  "mock" is librdkafka's in-process broker, which
 * keeps messages in memory and syncs nothing: the floor to compare with. */
#include <dirent.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long delivered, failed;

static double seconds(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double stat_cpu(const char *path) {
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    char line[1024];
    double cpu = 0;
    if (fgets(line, sizeof line, f)) {
        char *p = strrchr(line, ')');
        unsigned long user = 0, sys = 0;
        if (p && sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) == 2)
            cpu = (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
    }
    fclose(f);
    return cpu;
}

/* CPU of the mock cluster's own thread, found by its name. */
static double mock_cpu(void) {
    double cpu = 0;
    DIR *d = opendir("/proc/self/task");
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[300], name[32] = "";
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", e->d_name);
        FILE *f = fopen(path, "r");
        if (!f) continue;
        if (!fgets(name, sizeof name, f)) name[0] = 0;
        fclose(f);
        if (strncmp(name, "rdk:mock", 8) != 0) continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/stat", e->d_name);
        cpu += stat_cpu(path);
    }
    if (d) closedir(d);
    return cpu;
}

static double broker_cpu(long pid) {
    if (pid == 0) return mock_cpu();
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    return stat_cpu(path);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    (void)rk;
    (void)opaque;
    m->err ? failed++ : delivered++;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "rdk: %s=%s: %s\n", name, value, text);
        exit(2);
    }
}

static rd_kafka_t *make(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
    char text[256];
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof text);
    if (!rk) {
        fprintf(stderr, "rdk: %s\n", text);
        exit(1);
    }
    return rk;
}

static void report(const char *what, long count, long size, double took, double broker, double client) {
    double n = (double)count;
    printf("{\"what\": \"%s\", \"count\": %ld, \"failed\": %ld, \"size\": %ld, \"seconds\": %.3f, "
           "\"per_second\": %.0f, \"broker_us\": %.4f, \"client_us\": %.4f}\n",
           what, count, failed, size, took, n / took, broker * 1e6 / n, client * 1e6 / n);
}

static int produce(const char *address, long count, long size, long pid, const char *topic, long partitions) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool mock = strcmp(address, "mock") == 0;
    set(conf, mock ? "test.mock.num.brokers" : "bootstrap.servers", mock ? "1" : address);
    set(conf, "acks", "-1");
    set(conf, "linger.ms", "5");
    set(conf, "queue.buffering.max.messages", "1000000");
    set(conf, "queue.buffering.max.kbytes", "1048576");
    set(conf, "batch.size", "1000000");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *rk = make(RD_KAFKA_PRODUCER, conf);
    char *payload = malloc((size_t)size);
    uint64_t x = 88172645463325252u;
    for (long i = 0; i < size; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        payload[i] = (char)('!' + x % 90);
    }
    /* One message first, so that the topic, the connection and the leader are there. */
    if (rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(payload, (size_t)size),
                          RD_KAFKA_V_END) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_flush(rk, 20000) != RD_KAFKA_RESP_ERR_NO_ERROR || delivered != 1) {
        fprintf(stderr, "rdk: the first message was not delivered\n");
        return 1;
    }
    double start = seconds(CLOCK_MONOTONIC), cpu = broker_cpu(pid), own = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (long i = 0; i < count;) {
        rd_kafka_resp_err_t err = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic),
                                                    RD_KAFKA_V_PARTITION((int32_t)(i % partitions)),
                                                    RD_KAFKA_V_VALUE(payload, (size_t)size),
                                                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (err == RD_KAFKA_RESP_ERR_NO_ERROR) i++;
        else if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL) rd_kafka_poll(rk, 10);
        else return 1;
        if (i % 1000 == 0) rd_kafka_poll(rk, 0);
    }
    rd_kafka_flush(rk, 120000);
    double took = seconds(CLOCK_MONOTONIC) - start;
    report("produce", count, size, took, broker_cpu(pid) - cpu, seconds(CLOCK_PROCESS_CPUTIME_ID) - own);
    bool good = failed == 0 && delivered == count + 1;
    free(payload);
    rd_kafka_destroy(rk);
    return good ? 0 : 1;
}

static int consume(const char *address, long count, long pid, const char *topic) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", address);
    set(conf, "group.id", "bench");
    set(conf, "enable.auto.commit", "false");
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "fetch.message.max.bytes", "8388608");
    set(conf, "queued.max.messages.kbytes", "131072");
    rd_kafka_t *rk = make(RD_KAFKA_CONSUMER, conf);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = 0;
    double start = seconds(CLOCK_MONOTONIC), cpu = broker_cpu(pid), own = seconds(CLOCK_PROCESS_CPUTIME_ID);
    rd_kafka_assign(rk, list);
    rd_kafka_message_t *batch[10000];
    long got = 0, size = 0;
    while (got < count && seconds(CLOCK_MONOTONIC) - start < 120) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 200, batch, 10000);
        for (ssize_t i = 0; i < n; i++) {
            if (!batch[i]->err) got++, size = (long)batch[i]->len;
            rd_kafka_message_destroy(batch[i]);
        }
    }
    double took = seconds(CLOCK_MONOTONIC) - start;
    report("consume", got, size, took, broker_cpu(pid) - cpu, seconds(CLOCK_PROCESS_CPUTIME_ID) - own);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return got >= count ? 0 : 1;
}

/* ---- latency: a producer that keeps to its schedule, a consumer in a thread of its own ---- */
struct reader {
    rd_kafka_t *rk;
    double *samples;
    long n, cap;
};

static void *read_all(void *arg) {
    struct reader *r = arg;
    for (double last = seconds(CLOCK_MONOTONIC); r->n < r->cap && seconds(CLOCK_MONOTONIC) - last < 10;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(r->rk, 100);
        if (!m) continue;
        if (!m->err && m->len >= sizeof(double)) {
            double sent;
            memcpy(&sent, m->payload, sizeof sent);
            last = seconds(CLOCK_MONOTONIC);
            r->samples[r->n++] = last - sent;
        }
        rd_kafka_message_destroy(m);
    }
    return NULL;
}

static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static int latency(const char *address, long rate, long duration, const char *topic) {
    rd_kafka_conf_t *pc = rd_kafka_conf_new(), *cc = rd_kafka_conf_new();
    set(pc, "bootstrap.servers", address);
    set(pc, "linger.ms", "0");
    set(pc, "acks", "-1");
    rd_kafka_conf_set_dr_msg_cb(pc, on_delivery);
    set(cc, "bootstrap.servers", address);
    set(cc, "group.id", "bench-latency");
    set(cc, "enable.auto.commit", "false");
    rd_kafka_t *producer = make(RD_KAFKA_PRODUCER, pc);
    struct reader r = {.rk = make(RD_KAFKA_CONSUMER, cc), .cap = rate * duration};
    r.samples = calloc((size_t)r.cap, sizeof *r.samples);
    rd_kafka_poll_set_consumer(r.rk);
    char payload[100] = {0};
    rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(payload, 1),
                      RD_KAFKA_V_END);
    rd_kafka_flush(producer, 20000);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    int64_t low, high = 0;
    rd_kafka_query_watermark_offsets(producer, topic, 0, &low, &high, 10000);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = high;
    rd_kafka_assign(r.rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    pthread_t thread;
    pthread_create(&thread, NULL, read_all, &r);
    for (double ready = seconds(CLOCK_MONOTONIC) + 1; seconds(CLOCK_MONOTONIC) < ready;) rd_kafka_poll(producer, 50);
    double start = seconds(CLOCK_MONOTONIC);
    for (long i = 0; i < r.cap; i++) {
        for (double due = start + (double)i / (double)rate, left; (left = due - seconds(CLOCK_MONOTONIC)) > 0;)
            nanosleep(&(struct timespec){.tv_nsec = (long)(left * 1e9 > 50000 ? 50000 : left * 1e9)}, NULL);
        double now = start + (double)i / (double)rate; /* as scheduled: a late send counts as latency */
        memcpy(payload, &now, sizeof now);
        rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
                          RD_KAFKA_V_VALUE(payload, sizeof payload), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        rd_kafka_poll(producer, 0);
    }
    rd_kafka_flush(producer, 20000);
    pthread_join(thread, NULL);
    qsort(r.samples, (size_t)r.n, sizeof *r.samples, by_size);
    const double *at = r.samples;
    if (r.n > 0)
        printf("{\"what\": \"latency\", \"count\": %ld, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f}\n", r.n,
               at[r.n / 2] * 1e3, at[r.n * 99 / 100] * 1e3, at[r.n * 999 / 1000] * 1e3);
    bool good = r.n == r.cap;
    free(r.samples);
    rd_kafka_consumer_close(r.rk);
    rd_kafka_destroy(r.rk);
    rd_kafka_destroy(producer);
    return good ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc >= 5 && strcmp(argv[1], "produce") == 0)
        return produce(argv[2], atol(argv[3]), atol(argv[4]), argc > 5 ? atol(argv[5]) : 0,
                       argc > 6 ? argv[6] : "bench", 1);
    if (argc == 8 && strcmp(argv[1], "spread") == 0)
        return produce(argv[2], atol(argv[3]), atol(argv[4]), atol(argv[5]), argv[6], atol(argv[7]));
    if (argc == 6 && strcmp(argv[1], "latency") == 0)
        return latency(argv[2], atol(argv[3]), atol(argv[4]), argv[5]);
    if (argc == 6 && strcmp(argv[1], "consume") == 0)
        return consume(argv[2], atol(argv[3]), atol(argv[4]), argv[5]);
    fprintf(stderr, "usage: rdk produce|spread|consume|latency ..., see the head of rdk.c\n");
    return 2;
}
