/* Programs that the console runs: the hello test beside the screen, $EDITOR
 * instead of it.  Main thread. */
#ifndef WEIR_APP_CHILD_H
#define WEIR_APP_CHILD_H

#include "core/base/mem.h"

#include <sys/types.h>

struct child {
    pid_t pid;              /* 0: none */
    int fd;                 /* its stdout and stderr */
    struct buf text;
    size_t read_to;         /* what child_line has given out */
    bool ended;
};
enum err child_start(struct child *c, const char *const *argv, struct error *e) WEIR_MUST_CHECK;
bool child_read(struct child *c);                       /* false: it has closed its end */
bool child_line(struct child *c, struct slice *line);   /* the next whole line, or the rest at the end */
int child_end(struct child *c);                         /* waits; its exit code */
void child_stop(struct child *c);                       /* harmless when there is none */

/* Lets $VISUAL or $EDITOR change a text; waits.  The terminal must have been left. */
enum err child_edit(struct slice text, struct buf *out, struct error *e) WEIR_MUST_CHECK;

#endif
