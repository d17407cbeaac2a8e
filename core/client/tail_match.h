/* The tail's filter: terms that must all hold, each a text or a /regex/ (POSIX
 * extended) that is looked for in the key, the value, the names and values of the
 * headers, or in one of these only.
 *
 *   filter := term { " && " term }
 *   term   := [ "!" ] [ "key:" | "value:" | "header:" [ NAME "=" ] ] what
 *   what   := TEXT | "/" REGEX "/" [ "i" ]
 *
 * A place with nothing behind it ("value:") holds for what is null or empty.
 * Thread: any, one at a time. */
#ifndef WEIR_CLIENT_TAIL_MATCH_H
#define WEIR_CLIENT_TAIL_MATCH_H

#include "core/base/mem.h"

#include <regex.h>

#define TAIL_TERMS 8

enum tail_where { TAIL_ANYWHERE, TAIL_KEY, TAIL_VALUE, TAIL_HEADER };
struct tail_term {
    enum tail_where where;
    bool inverse, is_regex;
    char *header;                   /* NULL: any */
    char *text;                     /* what is looked for, or the pattern */
    size_t n;
    regex_t regex;
};
struct tail_match {
    struct tail_term terms[TAIL_TERMS];
    size_t n;                       /* 0: everything matches */
};
/* filter NULL or "": everything. */
enum err tail_match_init(struct tail_match *m, const char *filter, struct error *e) WEIR_MUST_CHECK;
void tail_match_fini(struct tail_match *m);
static inline bool tail_match_all(const struct tail_match *m) { return m->n == 0; }
/* headers: encoded as in a record. */
bool tail_match_record(const struct tail_match *m, struct slice key, struct slice value, struct slice headers,
                       int32_t n_headers);
/* False: no record whose bytes, uncompressed, lie within s can match. */
bool tail_match_may(const struct tail_match *m, struct slice s);
/* The first place in s (a key or a value, by `where`), from byte `from` on, that a term looked for; false: none. */
bool tail_match_find(const struct tail_match *m, enum tail_where where, struct slice s, size_t from, size_t *at,
                     size_t *n);

#endif
