/* A place and a client on it, for one script command.
 *
 * session_open finds or starts the broker and begins to read; session_wait turns
 * the wheel: it polls the client's descriptor, keeps the newest snapshot and asks
 * the caller's question of it.  session_close ends what was started.
 * Main thread. */
#ifndef WEIR_CLI_SESSION_H
#define WEIR_CLI_SESSION_H

#include "tui/cli/place.h"

#include "core/model/model.h"

struct session {
    const struct cli_options *options;
    struct place place;
    struct client *client;
    struct snapshot *snapshot;        /* the newest, NULL before the first */
};

/* Complains by itself; false: nothing is left open. */
bool session_open(struct session *s, const struct cli_options *o);
void session_close(struct session *s);
/* Says on stderr which brokers do not answer; false: none. */
bool session_complain_brokers(const struct session *s);
/* ": " and why a broker cannot be reached; "" when all can, as far as the newest snapshot knows. */
void session_reason(const struct session *s, char *out, size_t out_size);

/* True when the question is answered: `done` is asked after each snapshot, event or
 * tail row; it returns true to end the wait.  False (and a complaint) when
 * the cluster cannot be reached or the time is over. */
typedef bool session_done_fn(struct session *s, void *ctx);
bool session_wait(struct session *s, session_done_fn *done, void *ctx, const char *what);
/* Ready to wait: the milliseconds that are left of --timeout-ms; -1 forever. */
bool session_turn(struct session *s, int wait_ms);

/* Runs an action and waits for its outcome; the event is the caller's, NULL after a complaint. */
struct client_event *session_act(struct session *s, const struct client_action *a);

/* Makes the lines of -F files properties like those of -X, once, for a file may be a pipe.  Where librdkafka's
 * property says which cluster it is, that is the broker, unless -b is typed.  False after a complaint. */
bool session_load_files(struct cli_options *o);
/* As the client wants them; free the array, the texts stay the pairs'. */
struct client_property *session_client_properties(const struct cli_options *o);
int64_t session_now_ms(void);

#endif
