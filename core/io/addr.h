/* HOST:PORT in and out of socket addresses.
 * Text forms: 127.0.0.1:9092, localhost:9092, [::1]:9092, :9092 and *:9092 (all
 * addresses).  Pure but for addr_resolve, which asks the resolver and may block. */
#ifndef WEIR_IO_ADDR_H
#define WEIR_IO_ADDR_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDR_HOST_SIZE 256                  /* a DNS name and its NUL */
#define ADDR_TEXT_SIZE (ADDR_HOST_SIZE + 9) /* [host]:65535 */

struct addr {
    struct sockaddr_storage sa;
    socklen_t n;
};

/* Splits; default_port < 0: the port must be there.  Brackets are taken off, "" and "*" become "". */
enum err addr_split(const char *text, int default_port, char host[ADDR_HOST_SIZE], uint16_t *port,
                    struct error *e) WEIR_MUST_CHECK;
/* Host and port together again, with brackets where the host has colons. */
void addr_join(const char *host, uint16_t port, char out[ADDR_TEXT_SIZE]);
/* Up to max addresses, in the resolver's order.  passive: "" means the wildcard. */
enum err addr_resolve(const char *host, uint16_t port, bool passive, struct addr *out, size_t max, size_t *n,
                      struct error *e) WEIR_MUST_CHECK;
/* The numeric host; a v4 address in v6 clothes is shown as v4. */
void addr_host(const struct addr *a, char out[ADDR_HOST_SIZE]);
uint16_t addr_port(const struct addr *a);
void addr_set_port(struct addr *a, uint16_t port);
bool addr_is_loopback(const struct addr *a);
bool addr_is_wildcard(const struct addr *a);

#endif
