/* Kafka's error codes: KAFKA_UNKNOWN_TOPIC_OR_PARTITION is 3.  Rows: errors.def. */
#ifndef WEIR_PROTO_ERRORS_H
#define WEIR_PROTO_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

enum kafka_error {
#define ERROR(code, NAME, retriable, text) KAFKA_##NAME = code,
#include "core/proto/errors.def"
#undef ERROR
};

/* Any code may come from outside: an unknown one is "UNKNOWN_CODE", with a text. */
const char *kafka_error_name(int16_t code);
const char *kafka_error_text(int16_t code);
bool kafka_error_retriable(int16_t code);

#endif
