/* See tail_match.h.  regexec with REG_STARTEND takes bytes with a length, so a
 * NUL in a payload ends nothing.  A pattern of ASCII only is compiled for bytes:
 * that is two to five times as fast as for UTF-8, and bytes that are no UTF-8
 * match too. */
#include "config.h"

#include "core/client/tail_match.h"

#include "core/proto/batch.h"

#include <locale.h>
#include <stdlib.h>

static bool is_ascii(const char *s) {
    for (; *s != '\0'; s++)
        if ((unsigned char)*s >= 0x80)
            return false;
    return true;
}

static enum err regex_init(struct tail_term *t, bool no_case, struct error *e) {
    locale_t bytes = is_ascii(t->text) ? newlocale(LC_CTYPE_MASK, "C", (locale_t)0) : (locale_t)0;
    locale_t before = bytes != (locale_t)0 ? uselocale(bytes) : (locale_t)0;
    int code = regcomp(&t->regex, t->text, REG_EXTENDED | (no_case ? REG_ICASE : 0));
    if (bytes != (locale_t)0) {
        uselocale(before);
        freelocale(bytes);
    }
    if (code != 0) {
        char why[128];
        regerror(code, &t->regex, why, sizeof why);
        return error_set(e, ERR_INVALID, "/%s/ is no regular expression: %s", t->text, why);
    }
    t->is_regex = true;
    return OK;
}

/* What follows the place: a text, or a pattern between slashes. */
static enum err what_init(struct tail_term *t, struct slice what, struct error *e) {
    const char *p = (const char *)what.p;
    size_t end = what.n;
    bool no_case = end > 2 && p[end - 1] == 'i' && p[end - 2] == '/';
    end -= no_case;
    if (end > 2 && p[0] == '/' && p[end - 1] == '/') {
        t->text = mem_strndup(slice_of(p + 1, end - 2));
        return regex_init(t, no_case, e);
    }
    t->text = mem_strndup(what);
    t->n = what.n;
    return OK;
}

static bool eat(struct slice *s, const char *word) {
    size_t n = strlen(word);
    if (s->n < n || memcmp(s->p, word, n) != 0)
        return false;
    *s = slice_of(s->p + n, s->n - n);
    return true;
}

static enum err term_init(struct tail_term *t, struct slice s, struct error *e) {
    t->inverse = s.n > 1 && eat(&s, "!");
    if (eat(&s, "key:")) {
        t->where = TAIL_KEY;
    } else if (eat(&s, "value:")) {
        t->where = TAIL_VALUE;
    } else if (eat(&s, "header:")) {
        t->where = TAIL_HEADER;
        const uint8_t *equal = s.n > 0 && s.p[0] != '/' ? memchr(s.p, '=', s.n) : NULL;
        if (equal != NULL) {
            t->header = mem_strndup(slice_of(s.p, (size_t)(equal - s.p)));
            s = slice_of(equal + 1, s.n - (size_t)(equal + 1 - s.p));
        }
    }
    return what_init(t, s, e);
}

enum err tail_match_init(struct tail_match *m, const char *filter, struct error *e) {
    static const char and[] = " && ";
    enum err err = OK;
    *m = (struct tail_match){0};
    for (const char *from = filter, *next; from != NULL && *from != '\0' && err == OK; from = next) {
        const char *end = strstr(from, and);
        struct slice one = end != NULL ? slice_of(from, (size_t)(end - from)) : slice_cstr(from);
        next = end != NULL ? end + sizeof and - 1 : NULL;
        if (one.n == 0)
            continue;
        if (m->n == TAIL_TERMS)
            err = error_set(e, ERR_INVALID, "a filter has at most %d terms", TAIL_TERMS);
        else
            err = term_init(&m->terms[m->n++], one, e);
    }
    if (err != OK)
        tail_match_fini(m);
    return err;
}

void tail_match_fini(struct tail_match *m) {
    for (size_t i = 0; i < m->n; i++) {
        free(m->terms[i].text);
        free(m->terms[i].header);
        if (m->terms[i].is_regex)
            regfree(&m->terms[i].regex);
    }
    *m = (struct tail_match){0};
}

static bool term_find(const struct tail_term *t, struct slice s, size_t from, size_t *at, size_t *n) {
    if (s.p == NULL || from > s.n)
        return false;
    if (t->is_regex) {
        regmatch_t hit = {.rm_so = (regoff_t)from, .rm_eo = (regoff_t)(s.n > INT32_MAX ? INT32_MAX : s.n)};
        if (regexec(&t->regex, (const char *)s.p, 1, &hit, REG_STARTEND | (from > 0 ? REG_NOTBOL : 0)) != 0)
            return false;
        *at = (size_t)hit.rm_so;
        *n = (size_t)(hit.rm_eo - hit.rm_so);
        return true;
    }
    const uint8_t *hit = memmem(s.p + from, s.n - from, t->text, t->n);
    *at = hit != NULL ? (size_t)(hit - s.p) : 0;
    *n = t->n;
    return hit != NULL;
}

static bool term_has(const struct tail_term *t, struct slice s) {
    size_t at, n;
    if (t->n == 0 && !t->is_regex)
        return s.n == 0;
    return term_find(t, s, 0, &at, &n);
}

static bool headers_have(const struct tail_term *t, struct slice headers, int32_t n_headers) {
    struct record_header h;
    for (int32_t i = 0; i < n_headers && record_header_next(&headers, &h) == OK; i++) {
        if (t->header != NULL && !slice_eq(h.key, slice_cstr(t->header)))
            continue;
        if (term_has(t, h.value) || (t->header == NULL && t->n > 0 && term_has(t, h.key)) ||
            (t->header == NULL && t->is_regex && term_has(t, h.key)))
            return true;
    }
    return false;
}

bool tail_match_record(const struct tail_match *m, struct slice key, struct slice value, struct slice headers,
                       int32_t n_headers) {
    for (size_t i = 0; i < m->n; i++) {
        const struct tail_term *t = &m->terms[i];
        bool any = t->where == TAIL_ANYWHERE;
        bool has = ((any || t->where == TAIL_VALUE) && term_has(t, value)) ||
                   ((any || t->where == TAIL_KEY) && term_has(t, key)) ||
                   ((any || t->where == TAIL_HEADER) && headers_have(t, headers, n_headers));
        if (has == t->inverse)
            return false;
    }
    return true;
}

bool tail_match_may(const struct tail_match *m, struct slice s) {
    for (size_t i = 0; i < m->n; i++) {
        const struct tail_term *t = &m->terms[i];
        if (!t->inverse && !t->is_regex && t->n > 0 && memmem(s.p, s.n, t->text, t->n) == NULL)
            return false;
    }
    return true;
}

bool tail_match_find(const struct tail_match *m, enum tail_where where, struct slice s, size_t from, size_t *at,
                     size_t *n) {
    bool found = false;
    for (size_t i = 0; i < m->n; i++) {
        const struct tail_term *t = &m->terms[i];
        size_t begin, length;
        if (t->inverse || (t->where != TAIL_ANYWHERE && t->where != where) || (t->n == 0 && !t->is_regex) ||
            !term_find(t, s, from, &begin, &length) || length == 0 || (found && begin >= *at))
            continue;
        *at = begin;
        *n = length;
        found = true;
    }
    return found;
}
