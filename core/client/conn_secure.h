/* What conn.c and conn_secure.c share: the steps of a connection between
 * "connected" and "up", and the bytes that TLS seals.  See conn.h for the states.
 * Thread: the loop's. */
#ifndef WEIR_CLIENT_CONN_SECURE_H
#define WEIR_CLIENT_CONN_SECURE_H

#include "core/client/conn.h"

/* conn.c */
void conn_fail(struct conn *c, enum err err, const char *format, ...) WEIR_PRINTF(3, 4);
void conn_enqueue(struct conn *c, const struct proto_message *m, int version, const void *body, conn_answer_fn *done,
                  void *ctx);
void conn_make_dirty(struct conn *c);               /* has bytes to send */
void conn_greet(struct conn *c);                    /* the first thing said: ApiVersions */
void conn_ready(struct conn *c);                    /* the last step is done */
void conn_closed_by_peer(struct conn *c, int error);
bool conn_take(struct conn *c, size_t n);           /* n plain bytes are where frame_reader_room said; false: over */

/* conn_secure.c */
void conn_start_tls(struct conn *c);                /* connected, and TLS is wanted */
void conn_receive_sealed(struct conn *c);
void conn_cut_handshake(struct conn *c, const char *cause);
/* Moves `out` into `sealed` where there is TLS; the buffer that is to be sent.  NULL: c->broken says why. */
struct buf *conn_seal(struct conn *c);
void conn_login(struct conn *c);                    /* ApiVersions are known, and SASL is wanted */
void conn_on_login_timer(struct timer *t, void *ctx);
void conn_forget_secrets(struct conn *c);           /* the socket was closed */

#endif
