/* The broker's own door: a socket `.control` in the data directory through which
 * consoles of the same user find out about the broker and hold on to it.
 *
 * One line in, one line out (at most CONTROL_LINE_MAX bytes each):
 *   status   ok address=HOST:PORT pid=N clients=N consoles=N attended=0|1 durability=fsync|os version=V
 *   attach   ok ...    this connection is a console: while it is open the broker stays
 *   stay     ok        the broker is nobody's: it stays until it is told to stop
 *   leave    ok stopping | ok staying clients=N    this console goes; a broker that was started
 *                      for consoles stops at once when no console and no client is left
 *   stop     ok        a clean stop, whoever is connected
 *   anything else      error WORDS
 *
 * An attended broker (one that a console started) watches who is there:
 *
 *   watched --no console, no client--> grace (3 s) --still nobody--> stop
 *      ^------ somebody comes ------------'
 *
 * so that a console that was killed leaves nothing running, and yet never takes
 * the broker from under other clients: then it stops when the last one has gone.
 * Clients are connections to the listeners, counted by the server.
 *
 * Server side: the loop's thread.  Client side: any thread; it waits, for at most
 * CONTROL_WAIT_MS. */
#ifndef WEIR_NET_CONTROL_H
#define WEIR_NET_CONTROL_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define CONTROL_NAME ".control"
#define CONTROL_LINE_MAX 512
#define CONTROL_GRACE_MS 3000
#define CONTROL_WAIT_MS 5000

/* ---- the broker's side ---- */
struct control;
struct control_config {
    const char *data_dir;
    const char *address, *durability, *version;      /* copied */
    bool attended;
    size_t (*clients)(void *ctx);                    /* connections that are open now */
    void (*stop)(void *ctx);                         /* asked to stop; called at most once, from the loop */
    void *ctx;
};
/* Call with the data directory's lock held: a socket that lies there is a dead one's.
 * After an error *out is to be closed and freed too, where it is not NULL. */
enum err control_new(struct control **out, uv_loop_t *loop, const struct control_config *config,
                     struct error *e) WEIR_MUST_CHECK;
/* At the end of a turn of the loop in which connections may have come or gone. */
void control_turn(struct control *c);
/* Closes everything and removes the socket; run the loop once more, then control_free. */
void control_close(struct control *c);
void control_free(struct control *c);

/* ---- the console's side ---- */
struct control_status {
    char address[300], durability[16], version[32];
    long pid;
    long clients, consoles;
    bool attended;
};
/* ERR_NOT_FOUND: no broker is listening in this directory. */
enum err control_connect(const char *data_dir, int *fd, struct error *e) WEIR_MUST_CHECK;
/* Sends one line and waits for its answer, which has no line end.  ERR_INVALID: the broker said "error". */
enum err control_ask(int fd, const char *line, char answer[CONTROL_LINE_MAX], struct error *e) WEIR_MUST_CHECK;
/* Asks "status" or "attach".  Of its clients, how many are this process's own: control_own_clients. */
enum err control_get_status(int fd, const char *line, struct control_status *out, struct error *e) WEIR_MUST_CHECK;
long control_own_clients(const struct control_status *s);

#endif
