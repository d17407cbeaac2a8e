/* The program's own log.  A line is formatted, sanitised as a whole and handed
 * to one sink under one lock, so lines of two threads never mix.  A sink must
 * not log.  Lines are cut at LINE_BYTES. */
#include "core/base/log.h"

#include "core/base/text.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define LINE_BYTES 2048

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static log_sink_fn *sink;
static void *sink_ctx;
static _Atomic int max_level = LOG_INFO;

void log_set_sink(log_sink_fn *new_sink, void *ctx) {
    pthread_mutex_lock(&lock);
    sink = new_sink;
    sink_ctx = ctx;
    pthread_mutex_unlock(&lock);
}

void log_set_level(enum log_level level) {
    atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

enum log_level log_level(void) {
    return (enum log_level)atomic_load_explicit(&max_level, memory_order_relaxed);
}

static void log_to_stderr(enum log_level level, const char *line) {
    static const char *const names[] = {"error", "warn", "info", "debug"};
    struct timespec now;
    struct tm utc;
    char stamp[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(stderr, "%s.%03ldZ %-5s %s\n", stamp, now.tv_nsec / 1000000, names[level], line);
}

void log_write(enum log_level level, const char *format, ...) {
    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
        return;
    char raw[LINE_BYTES], line[LINE_BYTES];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    if (n < 0)
        return;
    size_t used = (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1;
    text_safe(slice_of(raw, used), line, sizeof line);
    pthread_mutex_lock(&lock);
    if (sink != NULL)
        sink(sink_ctx, level, line);
    else
        log_to_stderr(level, line);
    pthread_mutex_unlock(&lock);
}
