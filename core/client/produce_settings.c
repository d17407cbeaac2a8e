/* librdkafka's properties as our own producer understands them.  One that is not
 * known here is never passed over: it sends the producing to librdkafka.  Acks and
 * compression are what every message says itself; their properties are where it has
 * them from (client_produce_defaults).  Thread: any, once. */
#include "core/client/produce_internal.h"

#include "core/base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define BATCH_BYTES 1000000
#define MESSAGE_BYTES 100000000 /* the broker's limit is the one that counts */
#define TIMEOUT_MS 30000

static enum err wrong(const struct client_property *p, const char *what, struct error *e) {
    char safe[128];
    return error_set(e, ERR_INVALID, "%s: %s is not %s", p->name, text_safe(slice_cstr(p->value), safe, sizeof safe),
                     what);
}

static enum err take_number(const struct client_property *p, double low, double high, double *out, struct error *e) {
    char *end, what[80];
    errno = 0;
    *out = strtod(p->value, &end);
    if (errno == 0 && end != p->value && *end == '\0' && *out >= low && *out <= high)
        return OK;
    snprintf(what, sizeof what, "a number from %.0f to %.0f", low, high);
    return wrong(p, what, e);
}

static enum err take_partitioner(struct produce_settings *s, const struct client_property *p, struct error *e) {
    static const char *const names[] = {"murmur2_random", "murmur2", "random"};
    static const char *const rest[] = {"consistent", "consistent_random", "fnv1a", "fnv1a_random"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(p->value, names[i]) == 0) {
            s->partitioner = (enum partitioner)i;
            return OK;
        }
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        if (strcmp(p->value, rest[i]) == 0) {
            s->foreign = true;
            return OK;
        }
    return wrong(p, "a partitioner, such as murmur2_random, consistent_random, random", e);
}

static enum err take_idempotence(struct produce_settings *s, const struct client_property *p, struct error *e) {
    static const char *const yes[] = {"true", "t", "1"}, *const no[] = {"false", "f", "0"};
    s->idempotent_said = true;
    for (size_t i = 0; i < 3; i++)
        if (strcasecmp(p->value, yes[i]) == 0 || strcasecmp(p->value, no[i]) == 0) {
            s->idempotent = strcasecmp(p->value, yes[i]) == 0;
            return OK;
        }
    return wrong(p, "true or false", e);
}

/* What security.c reads, and the name of the connections. */
static bool is_elsewhere(const char *name) {
    static const char *const names[] = {
        "security.protocol", "sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password",
        "ssl.ca.location", "ssl.certificate.location", "ssl.key.location", "ssl.key.password",
        "ssl.endpoint.identification.algorithm", "enable.ssl.certificate.verification",
        "client.id",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

bool produce_read_acks(const char *text, int *acks) {
    *acks = strcmp(text, "0") == 0 ? 0 : strcmp(text, "1") == 0 ? 1 : -1;
    return *acks >= 0 || strcmp(text, "all") == 0 || strcmp(text, "-1") == 0;
}

static enum err take_one(struct produce_settings *s, const struct client_property *p, struct error *e) {
    double v = 0;
    enum err err = OK;
    if (strcmp(p->name, "linger.ms") == 0 || strcmp(p->name, "queue.buffering.max.ms") == 0) {
        err = take_number(p, 0, 900000, &v, e);
        s->linger_us = (int64_t)(v * 1000);
    } else if (strcmp(p->name, "batch.size") == 0) {
        err = take_number(p, 1, INT32_MAX, &v, e);
        s->batch_bytes = (size_t)v < MESSAGE_BYTES ? (size_t)v : MESSAGE_BYTES;
    } else if (strcmp(p->name, "message.timeout.ms") == 0 || strcmp(p->name, "delivery.timeout.ms") == 0) {
        err = take_number(p, 0, INT32_MAX, &v, e);
        s->timeout_us = v < 1 ? INT64_MAX / 4 : (int64_t)v * 1000; /* 0: never, as librdkafka has it */
    } else if (strcmp(p->name, "message.max.bytes") == 0) {
        err = take_number(p, 1000, 1000000000, &v, e);
        s->message_bytes = (size_t)v;
    } else if (strcmp(p->name, "partitioner") == 0) {
        err = take_partitioner(s, p, e);
    } else if (strcmp(p->name, "enable.idempotence") == 0) {
        err = take_idempotence(s, p, e);
    } else if (strcmp(p->name, "acks") == 0 || strcmp(p->name, "request.required.acks") == 0) {
        if (!produce_read_acks(p->value, &s->acks))
            err = wrong(p, "0, 1 or all", e);
    } else if (strcmp(p->name, "compression.type") == 0 || strcmp(p->name, "compression.codec") == 0) {
        if (!codec_of_name(p->value, &s->codec))
            err = wrong(p, "none, gzip, snappy, lz4 or zstd", e);
    } else if (!is_elsewhere(p->name)) {
        s->foreign = true;
    }
    return err;
}

enum err produce_settings_init(struct produce_settings *s, const struct client_property *v, size_t n,
                               struct error *e) {
    *s = (struct produce_settings){.timeout_us = TIMEOUT_MS * 1000LL,
                                   .batch_bytes = BATCH_BYTES,
                                   .message_bytes = MESSAGE_BYTES,
                                   .acks = -1,
                                   .idempotent = true};
    enum err err = OK;
    for (size_t i = 0; err == OK && i < n; i++)
        err = take_one(s, &v[i], e);
    return err;
}
