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

bool names_have(struct names *names, struct slice name) {
    bool any = names->n == 0;
    for (size_t i = 0; i < names->n; i++)
        if (names->patterns != NULL ? matches(&names->patterns[i], name) : slice_eq(name, names->v[i]))
            any = names->found[i] = true;
    return any;
}

bool names_all_found(const struct names *names, const char *what) {
    bool all = true;
    for (size_t i = 0; i < names->n; i++)
        if (!names->found[i]) {
            cli_complain(names->patterns != NULL ? "no %s matches %s" : "no %s %s here", what, names->words->v[i]);
            all = false;
        }
    return all;
}
