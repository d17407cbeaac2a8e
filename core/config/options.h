/* Options of `weir serve`: rows in options.def, values from the command line and
 * from the configuration file, both as text.  The command line goes before the
 * file.  What the values mean is for the caller (core/net) to say.
 *
 * Thread: the main thread, at start.  Owns copies of the file's values; those of
 * the command line point into argv. */
#ifndef WEIR_CONFIG_OPTIONS_H
#define WEIR_CONFIG_OPTIONS_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stdio.h>

enum option_id {
#define OPTION(id, ...) OPTION_##id,
#include "core/config/options.def"
#undef OPTION
    OPTION_N
};

struct option_pair {
    char *name, *value;      /* the heap's */
};
struct options {
    const char *value[OPTION_N];    /* NULL: not given; a switch that is on: "true" */
    char *owned[OPTION_N];          /* those that the file gave */
    struct option_pair *sets;       /* --set and the file's `set`, the command line's last */
    size_t n_sets;
};

/* argv[1..]; nothing may follow the options. */
enum err options_parse(struct options *o, int argc, char **argv, struct error *e) WEIR_MUST_CHECK;
/* Reads the file named by --config, else the user's weir.conf where there is one. */
enum err options_read_file(struct options *o, struct error *e) WEIR_MUST_CHECK;
void options_fini(struct options *o);
/* One line for each row. */
void options_print_help(FILE *out);
/* $XDG_CONFIG_HOME/weir/weir.conf; false: no home. */
bool options_default_file(char *out, size_t out_size);

#endif
