/* Which topics or groups are meant; see names.h. */
#include "tui/cli/names.h"

#include <stdlib.h>

static bool compile(regex_t *out, const char *word) {
    struct buf whole = {0};
    char why[128];
    buf_printf(&whole, "^(%s)$", word);
    buf_put_u8(&whole, 0);
    int code = regcomp(out, (const char *)whole.p, REG_EXTENDED);
    buf_fini(&whole);
    if (code == 0)
        return true;
    regerror(code, out, why, sizeof why);
    cli_complain("--regex: %s: %s", word, why);
    return false;
}

static int by_name(const void *a, const void *b) {
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

bool names_init(struct names *names, const struct cli_options *o) {
    const struct opt_words *w = &o->arguments;
    *names = (struct names){.words = w};
    names->v = mem_alloc((w->n + 1) * sizeof *names->v);
    names->found = mem_zalloc((w->n + 1) * sizeof *names->found);
    if (o->regex && w->n > 0)
        names->patterns = mem_zalloc(w->n * sizeof *names->patterns);
    for (; names->n < w->n; names->n++) {
        names->v[names->n] = slice_cstr(w->v[names->n]);
        if (names->patterns != NULL && !compile(&names->patterns[names->n], w->v[names->n])) {
            names_fini(names);
            return false;
        }
    }
    if (names->patterns == NULL)
        qsort(names->v, names->n, sizeof *names->v, by_name);
    return true;
}

void names_fini(struct names *names) {
    for (size_t i = 0; names->patterns != NULL && i < names->n; i++)
        regfree(&names->patterns[i]);
    free(names->patterns);
    free(names->found);
    free(names->v);
    *names = (struct names){0};
}

static bool matches(const regex_t *pattern, struct slice name) {
    regmatch_t at = {.rm_so = 0, .rm_eo = (regoff_t)name.n};
    return regexec(pattern, name.p != NULL ? (const char *)name.p : "", 1, &at, REG_STARTEND) == 0;
}

static bool have_word(struct names *names, struct slice name) {
    const struct slice *at = bsearch(&name, names->v, names->n, sizeof *names->v, by_name);
    if (at == NULL)
        return false;
    size_t i = (size_t)(at - names->v);
    while (i > 0 && slice_eq(names->v[i - 1], name))
        i--;
    for (; i < names->n && slice_eq(names->v[i], name); i++) /* who is named twice */
        names->found[i] = true;
    return true;
}

bool names_have(struct names *names, struct slice name) {
    bool any = names->n == 0;
    if (names->patterns == NULL)
        return any || have_word(names, name);
    for (size_t i = 0; i < names->n; i++)
        if (matches(&names->patterns[i], name))
            any = names->found[i] = true;
    return any;
}

bool names_all_found(const struct names *names, const char *what) {
    struct complaints c = {0};
    for (size_t i = 0; i < names->n; i++)
        if (!names->found[i])
            complaints_add(&c, names->patterns != NULL ? "no %s matches %.*s" : "no %s %.*s here", what,
                           SLICE_ARG(names->v[i]));
    return complaints_end(&c, what);
}
