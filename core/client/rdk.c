/* librdkafka's plumbing: its settings from ours, its log into the event queue and
 * never to the terminal.  Thread: any; the log callback runs on librdkafka's. */
#include "core/client/internal.h"

#include <librdkafka/rdkafka.h>

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
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    enum err err = OK;
    for (size_t i = 0; err == OK && i < config->n_properties; i++)
        err = rdk_set(conf, config->properties[i].name, config->properties[i].value, e);
    rd_kafka_conf_destroy(conf);
    return err;
}

rd_kafka_conf_t *rdk_conf(struct client *c, const char *bootstrap, struct error *e) {
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
