/* The tail's filter: a text, or /regex/ (POSIX extended), looked for in the key,
 * the value and the header values.  Thread: one at a time. */
#ifndef WEIR_CLIENT_TAIL_MATCH_H
#define WEIR_CLIENT_TAIL_MATCH_H

#include "core/base/mem.h"

#include <regex.h>

struct tail_match {
    char *text;                     /* NULL: everything matches, or a regex */
    size_t n;
    bool is_regex;
    regex_t regex;
};
/* filter NULL or "": everything.  "/x/" is a regex, "/x/i" one without regard to case. */
enum err tail_match_init(struct tail_match *m, const char *filter, struct error *e) WEIR_MUST_CHECK;
void tail_match_fini(struct tail_match *m);
bool tail_match_bytes(const struct tail_match *m, struct slice s);
static inline bool tail_match_all(const struct tail_match *m) { return m->text == NULL && !m->is_regex; }
/* headers: encoded as in a record. */
bool tail_match_record(const struct tail_match *m, struct slice key, struct slice value, struct slice headers,
                       int32_t n_headers);

#endif
