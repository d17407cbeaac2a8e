/* What the client is built on. */
#include "core/client/client.h"

#include <librdkafka/rdkafka.h>

const char *client_library_version(void) {
    return rd_kafka_version_str();
}
