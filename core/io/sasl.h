/* A client's login to a broker as a state machine without I/O: it says which
 * request to send and takes the body of the answer.
 *
 *   HANDSHAKE --SaslHandshake v1--> AUTHENTICATE --SaslAuthenticate v0-2, once or more--> DONE
 *       '----------------------------any step---------------------------> FAILED
 *
 * Mechanisms: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512.  Of SaslHandshake only version 1
 * is spoken (Kafka 1.0 and newer): after version 0 the tokens would travel bare.
 * Ownership: the login is borrowed until sasl_fini.  Thread: one. */
#ifndef WEIR_IO_SASL_H
#define WEIR_IO_SASL_H

#include "core/io/scram.h"
#include "core/proto/apis.h"

enum sasl_mechanism { SASL_NONE, SASL_PLAIN, SASL_SCRAM_SHA_256, SASL_SCRAM_SHA_512 };
const char *sasl_mechanism_name(enum sasl_mechanism m);
/* SASL_NONE: not one of ours.  Upper and lower case are the same. */
enum sasl_mechanism sasl_mechanism_find(const char *name);

struct sasl_login {
    enum sasl_mechanism mechanism;
    char *user, *password;
};

enum sasl_state { SASL_HANDSHAKE, SASL_AUTHENTICATE, SASL_DONE, SASL_FAILED };
struct sasl {
    const struct sasl_login *login;
    const char *peer;                   /* borrowed: the broker's name in sentences */
    enum sasl_state state;
    struct scram scram;
    struct buf token;                   /* of the next SaslAuthenticate */
    int64_t lifetime_ms;                /* DONE: how long the broker takes this login for good; 0: for ever */
};
/* The request that is to be sent next, its body valid until the next call. */
struct sasl_request {
    const struct proto_message *message;
    int max_version;
    union {
        struct sasl_handshake_req handshake;
        struct sasl_authenticate_req authenticate;
    } body;
};

enum err sasl_init(struct sasl *s, const struct sasl_login *login, const char *peer, struct error *e) WEIR_MUST_CHECK;
void sasl_fini(struct sasl *s);         /* also of a zeroed one */
void sasl_next(const struct sasl *s, struct sasl_request *out);
/* ERR_AGAIN: send what sasl_next says; OK: logged in; else e says why not. */
enum err sasl_take(struct sasl *s, int16_t version, struct slice body, struct error *e) WEIR_MUST_CHECK;

#endif
