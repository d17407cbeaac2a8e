/* The client's side of SCRAM (RFC 5802, RFC 7677) as a state machine without I/O:
 * the server's message goes in, the client's next one comes out.
 *
 *   START --client-first--> FIRST --server-first/client-final--> FINAL
 *   FINAL --server-final, its signature is right--> DONE
 *   any   --what does not fit-------------------------> FAILED
 *
 *   client-first   n,,n=USER,r=NONCE
 *   server-first   r=NONCE...,s=SALT,i=ITERATIONS
 *   client-final   c=biws,r=NONCE...,p=PROOF
 *   server-final   v=SIGNATURE  or  e=WHY
 *
 * A server that does not know the password cannot sign, so DONE also means that
 * the broker is the right one.  User and password are taken as UTF-8 bytes, as
 * Kafka's own client does; it prepares no strings (SASLprep) either.
 * Ownership: user and password are borrowed until scram_fini, which wipes what was
 * derived from them.  Thread: one. */
#ifndef WEIR_IO_SCRAM_H
#define WEIR_IO_SCRAM_H

#include "core/base/mem.h"

#define SCRAM_ITERATIONS_MIN 4096       /* RFC 7677; fewer would make the password cheap to guess */
#define SCRAM_ITERATIONS_MAX 1000000    /* more would only keep this machine busy */
#define SCRAM_MESSAGE_MAX 4096          /* of the server */
#define SCRAM_NONCE_SIZE 33
#define SCRAM_HASH_MAX 64

enum scram_hash { SCRAM_SHA_256, SCRAM_SHA_512 };
enum scram_state { SCRAM_START, SCRAM_FIRST, SCRAM_FINAL, SCRAM_DONE, SCRAM_FAILED };
struct scram {
    enum scram_hash hash;
    enum scram_state state;
    const char *user, *password;
    char nonce[SCRAM_NONCE_SIZE];
    struct buf auth;                    /* AuthMessage as far as it is known */
    uint8_t signature[SCRAM_HASH_MAX];  /* that the server must send */
};

/* nonce NULL: a random one.  ERR_LIMIT: no randomness to be had. */
enum err scram_init(struct scram *s, enum scram_hash hash, const char *user, const char *password, const char *nonce,
                    struct error *e) WEIR_MUST_CHECK;
void scram_fini(struct scram *s);
/* Takes the server's message (SLICE_NULL at the start).  ERR_AGAIN: *out, which was cleared, goes to
 * the server and its answer comes here; OK: done.  Else the exchange has failed and e, which begins
 * with a verb, says what the server did. */
enum err scram_step(struct scram *s, struct slice from_server, struct buf *out, struct error *e) WEIR_MUST_CHECK;

#endif
