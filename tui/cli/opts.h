/* Options as rows: a field of a struct, a letter, a long name.  getopt_long does
 * the parsing; its tables are made from the rows.  Main thread. */
#ifndef WEIR_CLI_OPTS_H
#define WEIR_CLI_OPTS_H

#include "core/base/mem.h"

#include <stdio.h>

enum opt_kind {
    FLAG,             /* bool */
    TEXT,             /* const char *, of argv */
    NUMBER,           /* int64_t, 0 to INT_MAX */
    PAIR,             /* struct opt_pairs, NAME=VALUE, repeatable */
    WORD,             /* struct opt_words, repeatable */
};
struct opt_pair { const char *name, *value; };                  /* on the heap */
struct opt_pairs { struct opt_pair *v; size_t n; };
struct opt_words { const char **v; size_t n; };                 /* of argv */

struct opt_row {
    enum opt_kind kind;
    size_t at;                        /* offset of the field */
    char letter;                      /* 0: none */
    const char *name, *argument;      /* argument NULL: takes none */
    unsigned groups;
    const char *help;                 /* "": not shown */
};
#define OPTS_MAX 64                   /* rows; *given has a bit for each */

/* argv[0] is skipped; what is not an option goes to words.  ERR_USAGE: the text says what is wrong. */
enum err opts_parse(const struct opt_row *rows, size_t n, void *base, int argc, char **argv, uint64_t *given,
                    struct opt_words *words, struct error *e) WEIR_MUST_CHECK;
/* One line per row that has one of the groups; all: every row. */
void opts_print(FILE *out, const struct opt_row *rows, size_t n, unsigned groups, bool all);

/* One row's field from text; a switch takes "true" or "false". */
enum err opts_set(const struct opt_row *row, void *base, const char *text, struct error *e) WEIR_MUST_CHECK;

void opts_add_pair(struct opt_pairs *p, struct slice name, struct slice value);
void opts_add_word(struct opt_words *w, const char *text);
void opts_pairs_fini(struct opt_pairs *p);
void opts_words_fini(struct opt_words *w);
/* A number, all of the text; false when it is not one or out of the range. */
bool opts_number(const char *text, int64_t least, int64_t most, int64_t *out);

#endif
