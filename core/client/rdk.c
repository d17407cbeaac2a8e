/* librdkafka's plumbing: loading it, its settings from ours, its log into the event queue and
 * never to the terminal.  Thread: any; the log callback runs on librdkafka's. */
#include "core/client/internal.h"

#include "core/base/text.h"
#include "core/client/rdk.h"

#define SCRAM_MENDED 0x02060100 /* the version that leaves the nonce as RFC 5802 wants it */

#define ROW LAZY_NAME
static const char names[] =
#include "core/client/rdk.def"
;
#undef ROW
struct rdk_functions rdk;
static struct lazy_library library = LAZY_LIBRARY(RDKAFKA_SONAME, names, rdk);

enum err rdk_load(struct error *e) { return lazy_load(&library, e); }

static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text) {
    struct client *c = rd_kafka_opaque(rk);
    client_log(c,
               level <= 3   ? LOG_ERROR
               : level <= 5 ? LOG_WARN
               : level == 6 ? LOG_INFO
                            : LOG_DEBUG,
               "librdkafka %s: %s", facility, text);
}

enum err rdk_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct error *e) {
    char text[256];
    switch (rd_kafka_conf_set(conf, name, value, text, sizeof text)) {
    case RD_KAFKA_CONF_OK: return OK;
    case RD_KAFKA_CONF_UNKNOWN: return error_set(e, ERR_UNSUPPORTED, "librdkafka %s: %s", rd_kafka_version_str(), text);
    default: return error_set(e, ERR_INVALID, "librdkafka: %s", text);
    }
}

enum err rdk_check(const struct client_config *config, struct error *e) {
    enum err err = rdk_load(e);
    if (err != OK)
        return err;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; err == OK && i < config->n_properties; i++)
        err = rdk_set(conf, config->properties[i].name, config->properties[i].value, e);
    rd_kafka_conf_destroy(conf);
    return err;
}

char *rdk_refusal(const struct client *c, int code, const char *text) {
    char safe[300];
    struct buf b = {0};
    const char *mechanism = sasl_mechanism_name(c->security.login.mechanism);
    if (code != RD_KAFKA_RESP_ERR__AUTHENTICATION && code != RD_KAFKA_RESP_ERR__SSL)
        return NULL;
    bool scram = c->security.sasl && strncmp(mechanism, "SCRAM", 5) == 0;
    if (c->reader.link == LINK_DOWN && client_is_ours(c))
        buf_puts(&b, c->reader.why); /* the same refusal, in better words */
    else if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION && scram && rd_kafka_version() < SCRAM_MENDED)
        buf_printf(&b,
                   "librdkafka %s, which produces, cannot log in by %s to Kafka 3.7.2, 3.8.1 and newer (they refuse "
                   "its nonce) · reading works without it; to produce: librdkafka 2.6.1, or sasl.mechanism=PLAIN",
                   rd_kafka_version_str(), mechanism);
    else
        buf_printf(&b, "librdkafka: %s", text_safe(slice_cstr(text), safe, sizeof safe));
    buf_put_u8(&b, 0);
    return (char *)b.p;
}

rd_kafka_conf_t *rdk_conf(struct client *c, const char *bootstrap, struct error *e) {
    if (rdk_load(e) != OK)
        return NULL;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, c);
    rd_kafka_conf_set_log_cb(conf, on_log);
    enum err err = rdk_set(conf, "client.id", "weir", e);
    if (err == OK)
        err = rdk_set(conf, "bootstrap.servers", bootstrap, e);
    for (size_t i = 0; err == OK && i < c->config.n_properties; i++)
        err = rdk_set(conf, c->config.properties[i].name, c->config.properties[i].value, e);
    if (err == OK)
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}
