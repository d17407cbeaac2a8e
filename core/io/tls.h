/* TLS for the client's side of a connection as a state machine without I/O: bytes
 * from the network go in, bytes for it come out.
 *
 *   HANDSHAKE --tls_handshake: OK--> OPEN --tls_read: ERR_CLOSED--> CLOSED
 *       '------what does not fit------'---------------------------> FAILED
 *
 *   network --tls_feed--> [ struct tls ] --tls_read--> plain bytes
 *   network <--tls_take-- [ struct tls ] <--tls_write-- plain bytes
 *
 * TLS 1.2 at least.  The broker's certificate must lead to a trusted authority and
 * name the host that was asked for (a DNS name or an address), unless told otherwise.
 * OpenSSL is first touched when a context is made.  Errors are one sentence and
 * sanitised.  Ownership: a context must outlive what was made from it.  Thread: one
 * per context. */
#ifndef WEIR_IO_TLS_H
#define WEIR_IO_TLS_H

#include "core/base/mem.h"

/* NULL: not given.  Files are PEM; key_password may be NULL for a key in the clear. */
struct tls_settings {
    char *ca_location;              /* a file or a directory; NULL: the system's authorities */
    char *certificate, *key, *key_password;
    bool any_certificate;           /* no verification at all */
    bool any_name;                  /* the certificate may be for another host */
};

struct tls_context;
enum err tls_context_new(struct tls_context **out, const struct tls_settings *s, struct error *e) WEIR_MUST_CHECK;
void tls_context_free(struct tls_context *c);

enum tls_state { TLS_HANDSHAKE, TLS_OPEN, TLS_CLOSED, TLS_FAILED };
struct tls;
/* host: what was asked for, as name or address; peer: the broker in sentences.  Both are copied. */
enum err tls_new(struct tls **out, struct tls_context *c, const char *host, const char *peer,
                 struct error *e) WEIR_MUST_CHECK;
void tls_free(struct tls *t);
enum tls_state tls_state(const struct tls *t);
/* "TLSv1.3"; NULL before the handshake is done. */
const char *tls_version(const struct tls *t);

/* What came from the network.  Everything readable must be read before the next feed. */
void tls_feed(struct tls *t, const void *p, size_t n);
/* Appends what is to be sent; to be called after every other call but tls_feed, also after a failed one. */
void tls_take(struct tls *t, struct buf *out);
/* OK: done; ERR_AGAIN: more is to be sent or fed. */
enum err tls_handshake(struct tls *t, struct error *e) WEIR_MUST_CHECK;
/* ERR_AGAIN: nothing more for now; ERR_CLOSED: the broker said goodbye. */
enum err tls_read(struct tls *t, void *p, size_t room, size_t *n, struct error *e) WEIR_MUST_CHECK;
/* Takes all of it.  Only when OPEN. */
enum err tls_write(struct tls *t, const void *p, size_t n, struct error *e) WEIR_MUST_CHECK;
/* The network ended (cause: how) before a goodbye: the sentence for it. */
void tls_cut(struct tls *t, const char *cause, struct error *e);

#endif
