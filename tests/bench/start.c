/* From fork to the first acknowledged message, for a Kafka broker and for
 * nats-server with JetStream, by the same clock and the same retry.
 *
 *   start kafka PORT RUNS DIR COMMAND...    Metadata (creates the topic), Produce acks=all
 *   start nats  PORT RUNS DIR COMMAND...    creates a file stream, publishes, waits for its ack
 *
 * DIR is emptied by the caller's COMMAND being given a fresh DIR/N each run: the
 * word @DIR in COMMAND is replaced by it.  Prints each run's milliseconds. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int dial(int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (double end = now_ms() + 20000; now_ms() < end;) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) {
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
            return fd;
        }
        close(fd);
        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    }
    return -1;
}

static bool send_all(int fd, const void *p, size_t n) {
    return send(fd, p, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static bool read_n(int fd, uint8_t *p, size_t n) {
    for (size_t got = 0; got < n;) {
        ssize_t r = read(fd, p + got, n - got);
        if (r <= 0) return false;
        got += (size_t)r;
    }
    return true;
}

/* ---- Kafka ---- */
static void put(uint8_t **p, uint64_t v, int bytes) {
    for (int i = bytes - 1; i >= 0; i--) *(*p)++ = (uint8_t)(v >> (8 * i));
}
static void put_text(uint8_t **p, const char *s) {
    put(p, strlen(s), 2);
    memcpy(*p, s, strlen(s));
    *p += strlen(s);
}
static void header(uint8_t **p, int key, int version) {
    put(p, 0, 4);
    put(p, (uint64_t)key, 2);
    put(p, (uint64_t)version, 2);
    put(p, 1, 4);
    put_text(p, "start");
}
static bool exchange(int fd, uint8_t *request, uint8_t *end, uint8_t *answer, size_t cap, size_t *n) {
    uint8_t *p = request, size[4];
    put(&p, (uint64_t)(end - request - 4), 4);
    if (!send_all(fd, request, (size_t)(end - request)) || !read_n(fd, size, 4)) return false;
    *n = (size_t)size[0] << 24 | (size_t)size[1] << 16 | (size_t)size[2] << 8 | size[3];
    return *n <= cap && read_n(fd, answer, *n);
}
static uint32_t crc32c_slow(const uint8_t *p, size_t n) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++) crc = crc & 1 ? crc >> 1 ^ 0x82F63B78u : crc >> 1;
    }
    return ~crc;
}
static uint8_t *batch(uint8_t *p) {
    uint8_t *start = p;
    static const uint8_t record[] = {0x12, 0, 0, 0, 0x01, 0x06, 'h', 'e', 'y', 0};   /* null key, value "hey" */
    put(&p, 0, 8);
    put(&p, 61 - 12 + sizeof record, 4);
    put(&p, 0xffffffff, 4);
    put(&p, 2, 1);
    uint8_t *crc = p;
    put(&p, 0, 4);
    put(&p, 0, 2);
    put(&p, 0, 4);
    uint64_t ms = (uint64_t)time(NULL) * 1000;
    put(&p, ms, 8);
    put(&p, ms, 8);
    put(&p, UINT64_MAX, 8);
    put(&p, 0xffff, 2);
    put(&p, 0xffffffff, 4);
    put(&p, 1, 4);
    memcpy(p, record, sizeof record);
    p += sizeof record;
    put(&crc, crc32c_slow(start + 21, (size_t)(p - start) - 21), 4);
    return p;
}
static bool kafka(int port) {
    uint8_t request[512], answer[65536], *p = request;
    size_t n = 0;
    int fd = dial(port);
    if (fd < 0) return false;
    bool good = false;
    /* Apache Kafka answers the first Metadata with an error while it makes the topic. */
    for (int i = 0; i < 400 && !good; i++) {
        p = request;
        header(&p, 3, 4);
        put(&p, 1, 4);
        put_text(&p, "first");
        put(&p, 1, 1);
        if (!exchange(fd, request, p, answer, sizeof answer, &n)) break;
        p = request;
        header(&p, 0, 3);
        put(&p, 0xffff, 2);
        put(&p, 0xffff, 2);
        put(&p, 10000, 4);
        put(&p, 1, 4);
        put_text(&p, "first");
        put(&p, 1, 4);
        put(&p, 0, 4);
        uint8_t *size = p;
        put(&p, 0, 4);
        uint8_t *end = batch(p);
        put(&size, (uint64_t)(end - p), 4);
        if (!exchange(fd, request, end, answer, sizeof answer, &n)) break;
        /* correlation 4, topics 4, name 2+5, partitions 4, index 4, then the error */
        good = n > 25 && answer[23] == 0 && answer[24] == 0;
        if (!good) nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    close(fd);
    return good;
}

/* ---- NATS ---- */
static bool nats(int port) {
    int fd = dial(port);
    if (fd < 0) return false;
    static const char create[] = "{\"name\":\"first\",\"subjects\":[\"first\"],\"storage\":\"file\"}";
    char text[1024];
    int n = snprintf(text, sizeof text,
                     "CONNECT {\"verbose\":false,\"headers\":false}\r\nSUB inbox 1\r\n"
                     "PUB $JS.API.STREAM.CREATE.first inbox %zu\r\n%s\r\nPUB first inbox 3\r\nhey\r\n",
                     sizeof create - 1, create);
    char answer[16384];
    size_t got = 0;
    bool good = send_all(fd, text, (size_t)n);
    while (good && got < sizeof answer - 1) {
        ssize_t r = read(fd, answer + got, sizeof answer - 1 - got);
        if (r <= 0) good = false;
        else answer[got += (size_t)r] = 0;
        if (strstr(answer, "\"seq\":1")) break;
    }
    close(fd);
    return good;
}

static double run(bool is_kafka, int port, const char *dir, char **command) {
    char *argv[64];
    int n = 0;
    for (; command[n] && n < 63; n++) argv[n] = strcmp(command[n], "@DIR") == 0 ? (char *)(uintptr_t)dir : command[n];
    argv[n] = NULL;
    double start = now_ms();
    fflush(stdout); /* the child must not print it again */
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) _exit(126);
        execvp(argv[0], argv);
        _exit(127);
    }
    bool good = is_kafka ? kafka(port) : nats(port);
    double took = now_ms() - start;
    kill(pid, SIGTERM);
    waitpid(pid, NULL, 0);
    return good ? took : -1;
}

int main(int argc, char **argv) {
    if (argc < 6) {
        fprintf(stderr, "usage: start kafka|nats PORT RUNS DIR COMMAND... (@DIR: a fresh directory)\n");
        return 2;
    }
    bool is_kafka = strcmp(argv[1], "kafka") == 0;
    for (int i = 0; i < atoi(argv[3]); i++) {
        char dir[512];
        snprintf(dir, sizeof dir, "%s/%d", argv[4], i);
        mkdir(dir, 0700);
        double ms = run(is_kafka, atoi(argv[2]), dir, argv + 5);
        if (ms < 0) {
            fprintf(stderr, "start: run %d got no acknowledgement\n", i);
            return 1;
        }
        printf("%.3f\n", ms);
    }
    return 0;
}
