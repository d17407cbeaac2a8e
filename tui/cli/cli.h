/* The script commands: what every one of them is given.
 *
 * weir WORD [WORD] [OPTION...] [ARGUMENT...]; options are rows of options.def,
 * commands rows of tui/cli/commands.def.  A command gets the parsed options and
 * returns the exit code.  Thread: the main thread, all of it. */
#ifndef WEIR_CLI_CLI_H
#define WEIR_CLI_CLI_H

#include "core/base/text.h"
#include "core/client/client.h"
#include "tui/cli/opts.h"

#include <stdio.h>

enum cli_exit { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_WRONG_USAGE = 2 };   /* weir serve adds its own from 3 on */

enum cli_group {            /* of options */
    O_CLUSTER = 1, O_SCREEN = 2, O_OUTPUT = 4, O_LIST = 8, O_DANGER = 16, O_CHANGE = 32,
    O_TOPIC = 64, O_RESET = 128, O_PRODUCE = 256, O_TAIL = 512, O_ALL = 1024, O_NAMES = 2048, O_GROUP = 4096,
};
enum cli_effect { C_LOOKS, C_CHANGES, C_DESTROYS };
enum cli_format { FORMAT_TABLE, FORMAT_JSON, FORMAT_CSV };

struct cli_options {
    const char *broker, *config, *data, *durability, *theme, *output;
    const char *to, *to_datetime, *partition, *key, *key_delimiter, *delimiter, *acks, *codec, *from, *format, *filter;
    struct opt_pairs properties, topic_configs, headers;
    struct opt_words files, topics;
    bool ephemeral, read_only, ascii, no_color, internal, yes, explain, null_empty, sync, verbose, stop_at_end;
    bool regex, members, lines, help, version;
    int64_t timeout_ms, partitions, replication, count, rate;   /* -1: not given */
    uint64_t given;                                             /* bit per row of options.def */
    enum cli_format format_kind;                                /* of --output */
    struct opt_words arguments;                                 /* what is not an option */
    struct opt_words owned;                                     /* texts of the configuration file, heap */
    const char *listen;                                         /* of the file's group `serve`: for a broker of ours */
    char *config_path;                                          /* of --config, found; heap, NULL: not given */
};

struct cli_command {
    const char *name;                 /* "topics list" */
    int (*run)(const struct cli_options *o);
    unsigned groups;                  /* enum cli_group */
    enum cli_effect effect;
    const char *arguments, *help;
};
extern const struct cli_command cli_commands[];                 /* ends with a NULL name; tui/app/main.c has it */

/* Takes the group `console` of the configuration file, then argv[1..] apart.  ERR_USAGE: the text
 * says what is wrong.  cli_options_fini in any case. */
enum err cli_parse(struct cli_options *o, int argc, char **argv, struct error *e) WEIR_MUST_CHECK;
void cli_options_fini(struct cli_options *o);
/* The option of this long name stands on the command line, and not just in the configuration. */
bool cli_was_typed(const struct cli_options *o, const char *name);
/* The long name of the first given option that none of the groups has; NULL: all fit. */
const char *cli_misfit(const struct cli_options *o, unsigned groups);
/* One line per option of the groups. */
void cli_print_options(FILE *out, unsigned groups);

/* Once, before anything is said. */
void cli_set_locale(void);
/* For standard output: as text_sanitize, and nothing but ASCII with --ascii or on a terminal that is none of UTF-8. */
void cli_sanitize(struct buf *out, struct slice s, size_t max_bytes);
/* "weir: TEXT" on stderr, sanitised. */
void cli_complain(const char *format, ...) WEIR_PRINTF(1, 2);
/* Complaints that thousands of things may give cause for: the first three are said, the others counted. */
struct complaints { size_t n; };
void complaints_add(struct complaints *c, const char *format, ...) WEIR_PRINTF(2, 3);
/* "... and N more groups like these", where what is "group"; true when there was none at all. */
bool complaints_end(const struct complaints *c, const char *what);
/* Where a log begins and ends, in the words of either tool: tails say beginning and end, resets earliest and latest. */
bool cli_is_beginning(const char *text);
bool cli_is_end(const char *text);
/* True when the user agreed: --yes, or typed `name` at the terminal. Complains otherwise. */
bool cli_confirmed(const struct cli_options *o, const char *what, const char *name);

#define COMMAND(name, function, ...) int function(const struct cli_options *o);
#include "tui/cli/commands.def"
#undef COMMAND

#endif
