/* Addresses; see addr.h. */
#include "core/io/addr.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool port_parse(const char *s, uint16_t *port) {
    unsigned long v = 0;
    if (*s == '\0')
        return false;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9')
            return false;
        v = v * 10 + (unsigned long)(*s - '0');
        if (v > 65535)
            return false;
    }
    *port = (uint16_t)v;
    return true;
}

enum err addr_split(const char *text, int default_port, char host[ADDR_HOST_SIZE], uint16_t *port, struct error *e) {
    const char *begin = text, *end, *rest;
    if (*text == '[') {
        begin = text + 1;
        end = strchr(begin, ']');
        if (end == NULL)
            return error_set(e, ERR_USAGE, "\"%s\": the bracket is not closed; write [HOST]:PORT", text);
        rest = end + 1;
    } else {
        end = strrchr(text, ':');
        if (end != NULL && strchr(text, ':') != end)
            return error_set(e, ERR_USAGE, "\"%s\": put an IPv6 address in brackets: [%s]:PORT", text, text);
        if (end == NULL)
            end = text + strlen(text);
        rest = end;
    }
    if ((size_t)(end - begin) >= ADDR_HOST_SIZE)
        return error_set(e, ERR_USAGE, "the host name in an address is longer than %d characters", ADDR_HOST_SIZE - 1);
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    if (strcmp(host, "*") == 0)
        host[0] = '\0';
    if (*rest == '\0' && default_port >= 0) {
        *port = (uint16_t)default_port;
        return OK;
    }
    if (*rest != ':' || !port_parse(rest + 1, port))
        return error_set(e, ERR_USAGE, "\"%s\" is not HOST:PORT with a port from 0 to 65535", text);
    return OK;
}

void addr_join(const char *host, uint16_t port, char out[ADDR_TEXT_SIZE]) {
    const char *format = strchr(host, ':') != NULL ? "[%.*s]:%u" : "%.*s:%u";
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(out, ADDR_TEXT_SIZE, format, ADDR_HOST_SIZE - 1, host, (unsigned)port);
#pragma GCC diagnostic pop
}

static void addr_wildcards(uint16_t port, struct addr *out, size_t max, size_t *n) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    *n = 0;
    if (max > 0) {
        memcpy(&out[0].sa, &four, sizeof four);
        out[(*n)++].n = sizeof four;
    }
    if (max > 1) {
        memcpy(&out[1].sa, &six, sizeof six);
        out[(*n)++].n = sizeof six;
    }
}

enum err addr_resolve(const char *host, uint16_t port, bool passive, struct addr *out, size_t max, size_t *n,
                      struct error *e) {
    *n = 0;
    if (*host == '\0') {
        if (!passive)
            return error_set(e, ERR_USAGE, "an address to connect to needs a host");
        addr_wildcards(port, out, max, n);
        return OK;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(host, NULL, &hints, &list); /* numeric first: no resolver, no files read */
    if (rc == EAI_NONAME) {
        hints.ai_flags = 0;
        rc = getaddrinfo(host, NULL, &hints, &list);
    }
    if (rc != 0)
        return error_set(e, ERR_NET, "cannot resolve the host \"%s\": %s", host, gai_strerror(rc));
    for (struct addrinfo *a = list; a != NULL && *n < max; a = a->ai_next) {
        if (a->ai_addrlen > sizeof out->sa)
            continue;
        struct addr *to = &out[(*n)++];
        memset(to, 0, sizeof *to);
        memcpy(&to->sa, a->ai_addr, a->ai_addrlen);
        to->n = a->ai_addrlen;
        addr_set_port(to, port);
    }
    freeaddrinfo(list);
    return *n > 0 ? OK : error_set(e, ERR_NET, "the host \"%s\" has no address", host);
}

static const struct sockaddr_in *v4(const struct addr *a) {
    return (const struct sockaddr_in *)&a->sa;
}

static const struct sockaddr_in6 *v6(const struct addr *a) {
    return (const struct sockaddr_in6 *)&a->sa;
}

void addr_host(const struct addr *a, char out[ADDR_HOST_SIZE]) {
    const char *made = NULL;
    if (a->sa.ss_family == AF_INET)
        made = inet_ntop(AF_INET, &v4(a)->sin_addr, out, ADDR_HOST_SIZE);
    else if (a->sa.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6(a)->sin6_addr))
        made = inet_ntop(AF_INET, &v6(a)->sin6_addr.s6_addr[12], out, ADDR_HOST_SIZE);
    else if (a->sa.ss_family == AF_INET6)
        made = inet_ntop(AF_INET6, &v6(a)->sin6_addr, out, ADDR_HOST_SIZE);
    if (made == NULL)
        snprintf(out, ADDR_HOST_SIZE, "unknown");
}

uint16_t addr_port(const struct addr *a) {
    return ntohs(a->sa.ss_family == AF_INET6 ? v6(a)->sin6_port : v4(a)->sin_port);
}

void addr_set_port(struct addr *a, uint16_t port) {
    if (a->sa.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&a->sa)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&a->sa)->sin_port = htons(port);
}

bool addr_is_loopback(const struct addr *a) {
    if (a->sa.ss_family == AF_INET)
        return (ntohl(v4(a)->sin_addr.s_addr) >> 24) == 127;
    const struct in6_addr *six = &v6(a)->sin6_addr;
    return a->sa.ss_family == AF_INET6 &&
           (IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127));
}

bool addr_is_wildcard(const struct addr *a) {
    if (a->sa.ss_family == AF_INET)
        return v4(a)->sin_addr.s_addr == INADDR_ANY;
    return a->sa.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6(a)->sin6_addr);
}
