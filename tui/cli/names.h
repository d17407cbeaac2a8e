/* Which topics or groups a command is about: its arguments, all of them without any, or with --regex those
 * that an argument matches, whole names.  Main thread. */
#ifndef WEIR_CLI_NAMES_H
#define WEIR_CLI_NAMES_H

#include "tui/cli/cli.h"

#include <regex.h>

struct names {
    const struct opt_words *words;
    struct slice *v;                  /* the words, sorted unless they are patterns */
    regex_t *patterns;                /* NULL: they are names */
    bool *found;                      /* by v: names_have was true for it */
    size_t n;
};
/* False after a complaint. */
bool names_init(struct names *names, const struct cli_options *o);
void names_fini(struct names *names);
static inline bool names_all(const struct names *names) { return names->n == 0; }
/* Whether the cluster has to tell all names first. */
static inline bool names_open(const struct names *names) { return names->n == 0 || names->patterns != NULL; }
bool names_have(struct names *names, struct slice name);
/* Complains about the words for which names_have was never true: "no topic NAME here". */
bool names_all_found(const struct names *names, const char *what);

#endif
