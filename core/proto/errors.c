/* Names and texts of Kafka's error codes, from errors.def.  Constant tables. */
#include "core/proto/errors.h"

#include <stddef.h>

struct error_row {
    const char *name, *text;
    bool retriable;
};

/* By code + 1: the first is -1. */
static const struct error_row rows[] = {
#define ERROR(code, NAME, retriable, text) [code + 1] = {#NAME, text, retriable},
#include "core/proto/errors.def"
#undef ERROR
};

static const struct error_row *error_row(int16_t code) {
    static const struct error_row unknown = {"UNKNOWN_CODE", "An error code that weir does not know.", false};
    size_t at = (size_t)(code + 1);
    return code >= -1 && at < sizeof rows / sizeof *rows && rows[at].name != NULL ? &rows[at] : &unknown;
}

const char *kafka_error_name(int16_t code) {
    return error_row(code)->name;
}

const char *kafka_error_text(int16_t code) {
    return error_row(code)->text;
}

bool kafka_error_retriable(int16_t code) {
    return error_row(code)->retriable;
}
