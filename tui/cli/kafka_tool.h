/* The command of Kafka's own tools that does the same, for --explain: printed,
 * quoted for a shell, sanitised.  Main thread. */
#ifndef WEIR_CLI_KAFKA_TOOL_H
#define WEIR_CLI_KAFKA_TOOL_H

#include "tui/cli/session.h"

struct tool {
    struct buf text;
};
/* kafka-TOPICS.sh --bootstrap-server ADDRESS */
void tool_begin(struct tool *t, const struct cli_options *o, const char *program);
void tool_word(struct tool *t, const char *word);
void tool_option(struct tool *t, const char *option, const char *value);
/* Prints the line and forgets it. */
void tool_print(struct tool *t);

#endif
