/* The broker on sockets: listeners, connections, limits, the loop.
 *
 * One turn of the loop: poll -> receive -> frames -> broker; then once per turn
 * the broker's tick, its end of tick (one write of the WAL, one sync), and one
 * writev for each connection that has answers.  Nothing wakes the loop but
 * sockets, finished syncs and the next deadline.
 *
 *   connection: open --too much unsent or unfinished--> paused --drained--> open
 *                 '--- end, error, hang up, idle ---> closing --turn's end--> gone
 *
 * Thread: the loop's.  Owns its connections; borrows broker and listeners. */
#ifndef WEIR_NET_SERVER_H
#define WEIR_NET_SERVER_H

#include "core/broker/broker.h"
#include "core/io/addr.h"

#include <uv.h>

#define CONNECTIONS_DEFAULT 20000

struct server;
struct listener;

struct server_config {
    const char *advertise_host;      /* NULL: the listener's, see server_listen */
    uint16_t advertise_port;
    size_t connections_max;          /* 0: default */
    int64_t idle_max_ms;             /* connections.max.idle.ms; 0: default */
};

struct server *server_new(uv_loop_t *loop, struct broker *broker, struct env *env, const struct server_config *config);
/* Starts a bound listener.  host: what its clients are told; NULL: the address they came to. */
enum err server_listen(struct server *s, struct listener *l, const char *host, struct error *e) WEIR_MUST_CHECK;
/* Closes the listeners and stops reading; the loop goes on so that answers can leave. */
void server_stop(struct server *s);
/* True when nothing is waiting to be sent. */
bool server_flushed(const struct server *s);
/* Called at the end of every turn, after the answers went out; NULL: nobody. */
void server_on_turn(struct server *s, void (*turn)(void *ctx), void *ctx);
/* Closes every connection; run the loop to its end, then server_free. */
void server_close(struct server *s);
void server_free(struct server *s);
size_t server_connections(const struct server *s);

#endif
