/* Kafka's own server.properties, for weir serve --kafka-config: what means
 * something here becomes a broker setting, the rest is named on stderr.
 * Main thread. */
#ifndef WEIR_APP_KAFKA_CONFIG_H
#define WEIR_APP_KAFKA_CONFIG_H

#include "tui/cli/opts.h"

/* listen: filled from `listeners` when it is ""; false after a complaint. */
bool kafka_config_read(const char *path, struct opt_pairs *settings, char *listen, size_t listen_size);

#endif
