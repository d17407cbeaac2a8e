/* Fetch sessions (KIP-227): the broker remembers what a client fetches, the
 * client sends and is sent only changes. */
#ifndef WEIR_BROKER_FETCH_SESSION_H
#define WEIR_BROKER_FETCH_SESSION_H

#include "core/broker/fetch.h"

/* Fills the op's topics from the request and from the session it names, and says
 * which session the answer belongs to.  An error code: the whole answer. */
int16_t fetch_session_begin(struct broker *b, struct request *rq, struct fetch_op *op);
/* Before the answer: marks entries that have nothing new. */
void fetch_session_finish(struct broker *b, struct fetch_op *op);
void fetch_sessions_free(struct broker *b);

#endif
