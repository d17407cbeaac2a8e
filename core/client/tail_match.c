/* See tail_match.h.  regexec with REG_STARTEND takes bytes with a length, so a
 * NUL in a payload ends nothing. */
#include "config.h"

#include "core/client/tail_match.h"

#include "core/proto/batch.h"

#include <stdlib.h>

enum err tail_match_init(struct tail_match *m, const char *filter, struct error *e) {
    *m = (struct tail_match){0};
    if (filter == NULL || filter[0] == '\0')
        return OK;
    size_t n = strlen(filter);
    const char *end = filter[0] == '/' && n > 2 ? strrchr(filter + 1, '/') : NULL;
    bool no_case = end != NULL && strcmp(end, "/i") == 0;
    if (end == NULL || (end[1] != '\0' && !no_case)) {
        m->text = mem_strdup(filter);
        m->n = n;
        return OK;
    }
    char *pattern = mem_strndup(slice_of(filter + 1, (size_t)(end - filter - 1)));
    int code = regcomp(&m->regex, pattern, REG_EXTENDED | (no_case ? REG_ICASE : 0));
    free(pattern);
    if (code != 0) {
        char why[128];
        regerror(code, &m->regex, why, sizeof why);
        return error_set(e, ERR_INVALID, "the filter is no regular expression: %s", why);
    }
    m->is_regex = true;
    return OK;
}

void tail_match_fini(struct tail_match *m) {
    free(m->text);
    if (m->is_regex)
        regfree(&m->regex);
    *m = (struct tail_match){0};
}

bool tail_match_bytes(const struct tail_match *m, struct slice s) {
    if (s.p == NULL)
        return false;
    if (m->is_regex) {
        regmatch_t at = {.rm_so = 0, .rm_eo = (regoff_t)(s.n > INT32_MAX ? INT32_MAX : s.n)};
        return regexec(&m->regex, (const char *)s.p, 1, &at, REG_STARTEND) == 0;
    }
    return memmem(s.p, s.n, m->text, m->n) != NULL;
}

bool tail_match_record(const struct tail_match *m, struct slice key, struct slice value, struct slice headers,
                       int32_t n_headers) {
    if (tail_match_all(m) || tail_match_bytes(m, value) || tail_match_bytes(m, key))
        return true;
    for (int32_t i = 0; i < n_headers; i++) {
        struct record_header h;
        if (record_header_next(&headers, &h) != OK)
            return false;
        if (tail_match_bytes(m, h.value))
            return true;
    }
    return false;
}
