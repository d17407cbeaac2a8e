/* Produces numbered messages with acks=all and keeps a journal of those that
 * were acknowledged; later checks that each of them is there once, in order.
 *
 * usage: kcheck produce ADDRESS TOPIC PARTITIONS JOURNAL [CODEC]
 *            until SIGTERM; prints the number of acknowledgements every 500.  With a codec
 *            (none, gzip, snappy, lz4, zstd) the messages are text that compresses well
 *        kcheck verify ADDRESS TOPIC PARTITIONS JOURNAL
 *        kcheck consume ADDRESS TOPIC,TOPIC,... PARTITIONS JOURNAL
 *            as a member of the group "kcheck" until SIGTERM; commits, and journals "topic
 *            partition offset" of each commit that was acknowledged; complains when messages
 *            are left out, or come again from before what it had committed
 * journal of produce: one line "partition number offset" an acknowledgement.  The producer
 * is idempotent, so that a retry after a crash may not make a second copy. */
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTITIONS_MAX 64
#define IN_FLIGHT_MAX 20000

static volatile sig_atomic_t stopping;
static FILE *journal;
static unsigned long acked, failed;

static void on_term(int number) {
    (void)number;
    stopping = 1;
}

static void die(const char *what, const char *why) {
    fprintf(stderr, "kcheck: %s: %s\n", what, why);
    exit(1);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char why[300];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK)
        die(name, why);
}

/* A message is its number, then perhaps a space and filling. */
static unsigned long long number_of(const rd_kafka_message_t *m) {
    char text[32];
    snprintf(text, sizeof text, "%.*s", (int)m->len, (const char *)m->payload);
    return strtoull(text, NULL, 10);
}

static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque) {
    (void)rk;
    (void)opaque;
    if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        failed++;
        return;
    }
    fprintf(journal, "%d %llu %lld\n", (int)m->partition, number_of(m), (long long)m->offset);
    if (++acked % 500 == 0) {
        fflush(journal);
        printf("%lu\n", acked);
        fflush(stdout);
    }
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *opaque) {
    (void)opaque;
    char why[300];
    if (err == RD_KAFKA_RESP_ERR__FATAL && rd_kafka_fatal_error(rk, why, sizeof why) != 0)
        die("the producer failed for good", why);
    (void)reason;
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *address, const char *codec) {
    char why[300];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", address);
    set(conf, "log_level", "0");
    set(conf, "reconnect.backoff.ms", "10");
    set(conf, "reconnect.backoff.max.ms", "50");
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (type == RD_KAFKA_PRODUCER) {
        set(conf, "enable.idempotence", "true");
        set(conf, "retry.backoff.ms", "20");
        set(conf, "message.timeout.ms", "120000");
        set(conf, "linger.ms", codec != NULL ? "20" : "1");
        if (codec != NULL)
            set(conf, "compression.codec", codec);
        rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    } else {
        set(conf, "group.id", "kcheck");
        set(conf, "enable.auto.commit", "false");
        set(conf, "auto.offset.reset", "earliest");
        set(conf, "enable.partition.eof", "true");
        set(conf, "fetch.wait.max.ms", "10");
        set(conf, "fetch.error.backoff.ms", "10");
        set(conf, "session.timeout.ms", "10000");
        set(conf, "heartbeat.interval.ms", "500");
    }
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
    if (rk == NULL)
        die("no client", why);
    return rk;
}

static int produce(const char *address, const char *topic, int partitions, const char *path, const char *codec) {
    journal = fopen(path, "a");
    if (journal == NULL)
        die(path, "cannot be opened");
    rd_kafka_t *rk = client(RD_KAFKA_PRODUCER, address, codec);
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    unsigned long number = 0;
    while (!stopping) {
        char text[300];
        int n = snprintf(text, sizeof text, codec != NULL ? "%lu %0200d" : "%lu", number / (unsigned long)partitions, 0);
        if (rd_kafka_outq_len(rk) >= IN_FLIGHT_MAX ||
            rd_kafka_produce(t, (int32_t)(number % (unsigned long)partitions), RD_KAFKA_MSG_F_COPY, text, (size_t)n, NULL,
                             0, NULL) != 0) {
            rd_kafka_poll(rk, 10);
            continue;
        }
        number++;
        rd_kafka_poll(rk, number % 64 == 0 ? 1 : 0);
    }
    rd_kafka_flush(rk, 60000);
    fclose(journal);
    rd_kafka_topic_destroy(t);
    rd_kafka_destroy(rk);
    printf("produced %lu, acknowledged %lu, failed %lu\n", number, acked, failed);
    return acked > 0 ? 0 : 1;
}

/* What the journal says of one partition, by number. */
#define NOT_ACKED (-1)
#define SEEN (-2)
#define SOMEWHERE (-3)     /* acknowledged as a copy of an earlier attempt, without its offset */
struct truth {
    long long *offset;
    size_t n, cap;
};

static void truth_add(struct truth *t, size_t number, long long offset) {
    if (number >= t->cap) {
        size_t cap = number * 2 + 1024;
        t->offset = realloc(t->offset, cap * sizeof *t->offset);
        if (t->offset == NULL)
            die("memory", "none");
        for (size_t i = t->cap; i < cap; i++)
            t->offset[i] = NOT_ACKED;
        t->cap = cap;
    }
    t->offset[number] = offset < 0 ? SOMEWHERE : offset;
    t->n = number >= t->n ? number + 1 : t->n;
}

static unsigned long wrong;

static void complain(const char *what, int partition, unsigned long long number, long long offset) {
    if (++wrong <= 20)
        fprintf(stderr, "kcheck: partition %d, message %llu, offset %lld: %s\n", partition, number, offset, what);
}

static void verify_partition(rd_kafka_topic_t *t, int partition, struct truth *truth) {
    unsigned long long next = 0; /* numbers must rise by one: the producer's order without a gap or a copy */
    long long last_offset = -1;
    if (rd_kafka_consume_start(t, partition, RD_KAFKA_OFFSET_BEGINNING) != 0)
        die("consume", "cannot start");
    for (;;) {
        rd_kafka_message_t *m = rd_kafka_consume(t, partition, 30000);
        if (m == NULL)
            die("consume", "nothing came for 30 s");
        if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            rd_kafka_message_destroy(m);
            break;
        }
        if (m->err != 0)
            die("consume", rd_kafka_message_errstr(m));
        unsigned long long number = number_of(m);
        if (number != next)
            complain(number < next ? "again, or out of order" : "messages before it are missing", partition, number,
                     m->offset);
        if (m->offset != last_offset + 1)
            complain("its offset does not follow", partition, number, m->offset);
        if (number < truth->n) {
            if (truth->offset[number] >= 0 && truth->offset[number] != m->offset)
                complain("is not where its acknowledgement said", partition, number, m->offset);
            truth->offset[number] = SEEN;
        }
        next = number + 1;
        last_offset = m->offset;
        rd_kafka_message_destroy(m);
    }
    rd_kafka_consume_stop(t, partition);
    for (size_t i = 0; i < truth->n; i++)
        if (truth->offset[i] >= 0 || truth->offset[i] == SOMEWHERE)
            complain("acknowledged and lost", partition, i, truth->offset[i]);
}

static int verify(const char *address, const char *topic, int partitions, const char *path) {
    static struct truth truth[PARTITIONS_MAX];
    int partition;
    unsigned long number, n = 0;
    long long offset;
    FILE *in = fopen(path, "r");
    if (in == NULL)
        die(path, "cannot be opened");
    while (fscanf(in, "%d %lu %lld", &partition, &number, &offset) == 3) {
        if (partition < 0 || partition >= partitions)
            die(path, "names a partition that is not there");
        truth_add(&truth[partition], number, offset);
        n++;
    }
    fclose(in);
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, address, NULL);
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    for (int i = 0; i < partitions; i++) {
        verify_partition(t, i, &truth[i]);
        free(truth[i].offset);
    }
    rd_kafka_topic_destroy(t);
    rd_kafka_destroy(rk);
    printf("%lu acknowledged messages, %lu wrong\n", n, wrong);
    return n > 0 && wrong == 0 ? 0 : 1;
}

/* ---- a member of a group ---- */
#define TOPICS_MAX 8
#define COMMIT_EVERY 500
struct follower {
    char *topics[TOPICS_MAX];
    int n_topics, partitions;
    long long next[TOPICS_MAX][PARTITIONS_MAX];      /* what should come; -1: nothing came yet */
    long long committed[TOPICS_MAX][PARTITIONS_MAX]; /* acknowledged */
    unsigned long consumed, commits;
};

static int topic_index(const struct follower *f, const char *name) {
    for (int i = 0; i < f->n_topics; i++)
        if (strcmp(f->topics[i], name) == 0)
            return i;
    die(name, "is not one of the topics");
    return 0;
}

static void follow_message(struct follower *f, const rd_kafka_message_t *m) {
    int t = topic_index(f, rd_kafka_topic_name(m->rkt));
    long long *next = &f->next[t][m->partition];
    if (number_of(m) != (unsigned long long)m->offset)
        complain("a message is lost or doubled before it", (int)m->partition, number_of(m), (long long)m->offset);
    if (m->offset < f->committed[t][m->partition])
        complain("comes again, although more was committed", (int)m->partition, number_of(m), (long long)m->offset);
    if (m->offset > (*next < 0 ? 0 : *next))
        complain("messages before it were left out", (int)m->partition, number_of(m), (long long)m->offset);
    *next = m->offset + 1;
    f->consumed++;
}

static void follow_commit(struct follower *f, rd_kafka_t *rk) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    for (int t = 0; t < f->n_topics; t++)
        for (int p = 0; p < f->partitions; p++)
            if (f->next[t][p] > f->committed[t][p])
                rd_kafka_topic_partition_list_add(list, f->topics[t], p)->offset = f->next[t][p];
    if (list->cnt > 0 && rd_kafka_commit(rk, list, 0) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        for (int i = 0; i < list->cnt; i++) {
            const rd_kafka_topic_partition_t *p = &list->elems[i];
            if (p->err != RD_KAFKA_RESP_ERR_NO_ERROR)
                continue;
            f->committed[topic_index(f, p->topic)][p->partition] = p->offset;
            fprintf(journal, "%s %d %lld\n", p->topic, (int)p->partition, (long long)p->offset);
            f->commits++;
        }
        fflush(journal);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static int consume(const char *address, char *topics, int partitions, const char *path) {
    static struct follower f;
    journal = fopen(path, "a");
    if (journal == NULL)
        die(path, "cannot be opened");
    rd_kafka_t *rk = client(RD_KAFKA_CONSUMER, address, NULL);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    f.partitions = partitions;
    for (char *t = strtok(topics, ","); t != NULL && f.n_topics < TOPICS_MAX; t = strtok(NULL, ",")) {
        f.topics[f.n_topics++] = t;
        rd_kafka_topic_partition_list_add(list, t, RD_KAFKA_PARTITION_UA);
    }
    memset(f.next, 0xff, sizeof f.next);
    rd_kafka_poll_set_consumer(rk);
    if (rd_kafka_subscribe(rk, list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        die("subscribe", topics);
    rd_kafka_topic_partition_list_destroy(list);
    unsigned long since = 0;
    while (!stopping) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 100);
        if (m != NULL && m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            follow_message(&f, m);
            since++;
        }
        if (since >= COMMIT_EVERY || (m == NULL && since > 0)) {
            follow_commit(&f, rk);
            since = 0;
        }
        if (m != NULL)
            rd_kafka_message_destroy(m);
    }
    follow_commit(&f, rk);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    fclose(journal);
    printf("consumed %lu, committed %lu times, %lu wrong\n", f.consumed, f.commits, wrong);
    return f.commits > 0 && wrong == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
    int partitions = argc == 6 || argc == 7 ? (int)strtol(argv[4], NULL, 10) : 0;
    if (partitions < 1 || partitions > PARTITIONS_MAX) {
        fprintf(stderr, "usage: kcheck produce|verify|consume ADDRESS TOPIC PARTITIONS JOURNAL [CODEC]\n");
        return 2;
    }
    signal(SIGTERM, on_term);
    if (strcmp(argv[1], "consume") == 0)
        return consume(argv[2], argv[3], partitions, argv[5]);
    return strcmp(argv[1], "produce") == 0 ? produce(argv[2], argv[3], partitions, argv[5], argc == 7 ? argv[6] : NULL)
                                           : verify(argv[2], argv[3], partitions, argv[5]);
}
