/* Options as rows; see opts.h. */
#include "tui/cli/opts.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>

#define LONG_BASE 1000      /* val of a long option: LONG_BASE + its row */

bool opts_number(const char *text, int64_t least, int64_t most, int64_t *out) {
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || v < least || v > most)
        return false;
    *out = v;
    return true;
}

void opts_add_pair(struct opt_pairs *p, struct slice name, struct slice value) {
    p->v = mem_realloc(p->v, (p->n + 1) * sizeof *p->v);
    p->v[p->n++] = (struct opt_pair){mem_strndup(name), mem_strndup(value)};
}

void opts_add_word(struct opt_words *w, const char *text) {
    w->v = mem_realloc(w->v, (w->n + 1) * sizeof *w->v);
    w->v[w->n++] = text;
}

void opts_pairs_fini(struct opt_pairs *p) {
    for (size_t i = 0; i < p->n; i++) {
        free((void *)p->v[i].name);
        free((void *)p->v[i].value);
    }
    free(p->v);
    *p = (struct opt_pairs){0};
}

void opts_words_fini(struct opt_words *w) {
    free(w->v);
    *w = (struct opt_words){0};
}

enum err opts_set(const struct opt_row *r, void *base, const char *text, struct error *e) {
    void *field = (char *)base + r->at;
    const char *equals;
    switch (r->kind) {
    case FLAG:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return error_set(e, ERR_USAGE, "%s is true or false, not %.100s", r->name, text);
        *(bool *)field = *text == 't';
        break;
    case TEXT:
        *(const char **)field = text;
        break;
    case NUMBER:
        if (!opts_number(text, 0, INT_MAX, field))
            return error_set(e, ERR_USAGE, "%s: %.100s is not a number", r->name, text);
        break;
    case PAIR:
        equals = strchr(text, '=');
        if (equals == NULL || equals == text)
            return error_set(e, ERR_USAGE, "%s: %.100s is not NAME=VALUE", r->name, text);
        opts_add_pair(field, slice_of(text, (size_t)(equals - text)), slice_cstr(equals + 1));
        break;
    case WORD:
        opts_add_word(field, text);
        break;
    }
    return OK;
}

/* getopt's tables: options[n + 1] and the letters, with their colons. */
static void make_tables(const struct opt_row *rows, size_t n, struct option *options, char *letters) {
    size_t at = 0;
    letters[at++] = ':';
    for (size_t i = 0; i < n; i++) {
        bool argument = rows[i].argument != NULL;
        options[i] =
            (struct option){rows[i].name, argument ? required_argument : no_argument, NULL, LONG_BASE + (int)i};
        if (rows[i].letter != 0) {
            letters[at++] = rows[i].letter;
            if (argument)
                letters[at++] = ':';
        }
    }
    letters[at] = '\0';
    options[n] = (struct option){0};
}

static size_t row_of(const struct opt_row *rows, size_t n, int got) {
    if (got >= LONG_BASE)
        return (size_t)(got - LONG_BASE);
    size_t i = 0;
    while (rows[i].letter != got)
        i++;
    weir_assert(i < n);               /* getopt knows the letters from the rows */
    return i;
}

enum err opts_parse(const struct opt_row *rows, size_t n, void *base, int argc, char **argv, uint64_t *given,
                    struct opt_words *words, struct error *e) {
    struct option options[OPTS_MAX + 1];
    char letters[2 * OPTS_MAX + 2];
    weir_assert(n <= OPTS_MAX);
    make_tables(rows, n, options, letters);
    optind = 0;                       /* glibc and musl: begin anew */
    opterr = 0;
    int got;
    while ((got = getopt_long(argc, argv, letters, options, NULL)) != -1) {
        if (got == '?' || got == ':') {
            const char *trouble = got == ':' ? "needs a value" : "is not an option here";
            if (optopt > 0 && optopt < LONG_BASE)
                return error_set(e, ERR_USAGE, "-%c %s; --help lists them", optopt, trouble);
            return error_set(e, ERR_USAGE, "%.100s %s; --help lists them", argv[optind - 1], trouble);
        }
        size_t i = row_of(rows, n, got);
        enum err r = opts_set(&rows[i], base, rows[i].argument != NULL ? optarg : "true", e);
        if (r != OK)
            return r;
        *given |= UINT64_C(1) << i;
    }
    for (int i = optind; i < argc; i++)
        opts_add_word(words, argv[i]);
    return OK;
}

void opts_print(FILE *out, const struct opt_row *rows, size_t n, unsigned groups, bool all) {
    for (size_t i = 0; i < n; i++) {
        if (rows[i].help[0] == '\0' || (!all && (rows[i].groups & groups) == 0))
            continue;
        char left[64], letter[5] = "    ";
        if (rows[i].letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", rows[i].letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, rows[i].name, rows[i].argument ? " " : "",
                 rows[i].argument ? rows[i].argument : "");
        if (strlen(left) > 30)
            fprintf(out, "  %s\n  %-30s  %s\n", left, "", rows[i].help);
        else
            fprintf(out, "  %-30s  %s\n", left, rows[i].help);
    }
}
