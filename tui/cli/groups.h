/* What the commands about groups share.  Main thread. */
#ifndef WEIR_CLI_GROUPS_H
#define WEIR_CLI_GROUPS_H

#include "tui/cli/session.h"

bool groups_are_here(struct session *s);
/* Its members and lag are there, or will not come. */
bool group_is_read(const struct model_group *g);
/* Whether --topic names the partition; without --topic all are. */
bool topics_choose(const struct cli_options *o, struct slice topic, int32_t partition);
/* False after a complaint: what --topic says is no topic with partitions. */
bool topics_are_words(const struct cli_options *o);

#endif
