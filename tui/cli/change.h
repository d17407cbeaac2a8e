/* What the commands share that change something: one row of output for each
 * action, exit code 1 when one of them failed.  Main thread. */
#ifndef WEIR_CLI_CHANGE_H
#define WEIR_CLI_CHANGE_H

#include "tui/cli/output.h"
#include "tui/cli/session.h"

struct change {
    struct session s;
    struct out out;
    bool failed;
};
/* False after a complaint; of_topics or of groups. */
bool change_begin(struct change *c, const struct cli_options *o, bool of_topics);
/* word: what is done, for the row. */
void change_do(struct change *c, const struct client_action *a, const char *word);
int change_end(struct change *c);
/* Deletes each of the arguments, when the user agreed: "WHAT name LOSS". */
int change_delete(const struct cli_options *o, enum client_action_kind kind, const char *what, const char *loss);

#endif
