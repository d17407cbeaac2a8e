/* Versions; see version.h. */
#include "tui/cli/version.h"

#include "core/client/client.h"

#include <jansson.h>

void version_print(FILE *out) {
    fprintf(out, "weir %s\nlibrdkafka %s, jansson %s\n", WEIR_VERSION, client_library_version(), JANSSON_VERSION);
}
