/* How weir tail prints a record: kcat's format, JSON lines or CSV.  Into a pipe
 * bytes go as they are; on a terminal everything foreign is sanitised.
 * Main thread. */
#ifndef WEIR_CLI_TAIL_FORMAT_H
#define WEIR_CLI_TAIL_FORMAT_H

#include "tui/cli/output.h"

struct tail_printer {
    enum cli_format format;
    const char *text;                 /* the format, NULL: the value and a line end */
    struct slice topic;
    bool safe;                        /* a terminal, or --ascii */
    struct buf line;
};
/* ERR_USAGE: the format has an unknown % or \. */
enum err tail_printer_init(struct tail_printer *p, const struct cli_options *o, struct error *e) WEIR_MUST_CHECK;
void tail_printer_fini(struct tail_printer *p);
void tail_print_head(struct tail_printer *p);
/* False when standard output takes no more. */
bool tail_print(struct tail_printer *p, const struct tail_row *r);

#endif
