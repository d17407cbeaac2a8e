/* Where the cluster is: a named one, the broker that owns the data directory, or
 * one of our own started for as long as we are here.
 *
 *   -b given ---------------------------------------------> remote
 *   owner of the data directory answers ------------------> attached
 *   nobody: start `weir serve` (same program, a session of its own, no terminal,
 *           log in the data directory), read its address from a pipe, attach -> started
 *
 * The broker knows its consoles by their open line to its control socket
 * (core/net/control.h): when the last one is gone, however it went, and no other
 * client is connected, a broker that was started here ends by itself.
 * Main thread; waits. */
#ifndef WEIR_CLI_PLACE_H
#define WEIR_CLI_PLACE_H

#include "tui/cli/cli.h"

#include <sys/types.h>

enum place_kind { PLACE_REMOTE, PLACE_ATTACHED, PLACE_STARTED };
struct place {
    enum place_kind kind;
    char address[4096];               /* a list for a remote one */
    char durability[16];              /* "" for a remote one */
    char *data_dir;                   /* NULL for a remote one */
    bool ephemeral;                   /* the broker removes the directory at its end */
    char taken[300];                  /* the address it should have had and another program has; "": none */
    int control_fd;                   /* -1 for a remote one */
    pid_t child;                      /* PLACE_STARTED */
};
#define PLACE_USUAL_PORT "9092"

enum err place_find(struct place *p, const struct cli_options *o, struct error *e) WEIR_MUST_CHECK;
/* Attaches to the owner of the data directory; ERR_NOT_FOUND: there is none. */
enum err place_attach(struct place *p, const struct cli_options *o, struct error *e) WEIR_MUST_CHECK;

/* What place_leave found. */
enum place_left { PLACE_GONE, PLACE_STAYS };
/* Clients that would lose a broker which goes with us: connections that are not ours.  0 where
 * it does not: a remote one, one that somebody else started, one with another console. */
long place_others(struct place *p);
/* Lets go: a broker that nobody else uses ends, and we wait for it. */
enum place_left place_leave(struct place *p);
/* Before place_leave: ends the broker whoever is connected, or makes it nobody's. */
void place_stop(struct place *p);
void place_stay(struct place *p);
void place_fini(struct place *p);


#endif
