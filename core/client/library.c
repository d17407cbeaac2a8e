/* What the client is built on. */
#include "core/client/client.h"
#include "core/client/rdk.h"

const char *client_library_version(void) {
    return rdk_load(NULL) == OK ? rd_kafka_version_str() : "(not installed)";
}
