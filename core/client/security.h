/* How the connections of a client are secured: librdkafka's own settings (-X, -F)
 * as our transport understands them.  Settings that it does not understand are
 * never passed over in silence: `refused` says which, connections end with that
 * sentence, and only librdkafka can use them.
 * Ownership: copies everything; security_fini wipes the secrets.  Thread: constant
 * after security_init, so any. */
#ifndef WEIR_CLIENT_SECURITY_H
#define WEIR_CLIENT_SECURITY_H

#include "core/io/sasl.h"
#include "core/io/tls.h"

struct security {
    bool tls, sasl;
    struct tls_settings tls_settings;
    struct sasl_login login;
    struct error refused;           /* code OK: our own connections can do it */
};
struct client_property;

/* Properties that are not about security are left to librdkafka.  A value that makes no sense is ERR_INVALID. */
enum err security_init(struct security *s, const struct client_property *properties, size_t n,
                       struct error *e) WEIR_MUST_CHECK;
void security_fini(struct security *s);     /* also of a zeroed one */
/* Overwrites a secret before its memory is given back; NULL is allowed. */
void security_wipe(char *secret);

#endif
