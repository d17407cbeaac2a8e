/* What the commands about groups share.  Main thread. */
#ifndef WEIR_CLI_GROUPS_H
#define WEIR_CLI_GROUPS_H

#include "tui/cli/session.h"

bool groups_are_here(struct session *s);
/* Its members and lag are there, or will not come. */
bool group_is_read(const struct model_group *g);

/* What --topic names; without it everything.  The names are the options'. */
struct chosen {
    struct chosen_topic {
        struct slice name;
        bool all, found;              /* its partitions; one was asked for */
        struct chosen_partition { int32_t index; bool found; } *v;     /* else these, sorted */
        size_t n;
    } *v;
    size_t n;
};
/* False after a complaint: a word is no topic with partitions. */
bool chosen_init(struct chosen *c, const struct cli_options *o);
void chosen_fini(struct chosen *c);
bool chosen_has(struct chosen *c, struct slice topic, int32_t partition);
/* Complains of what chosen_has was never asked for; false when there was any. */
bool chosen_all_found(const struct chosen *c);

#endif
