/* Options from the command line; see options.h.  The file's side is in file.c. */
#include "core/config/options.h"

#include "core/base/mem.h"

#include <getopt.h>
#include <stdlib.h>

struct row {
    char letter;
    const char *name, *argument, *help;
};
static const struct row rows[OPTION_N] = {
#define OPTION(id, letter, name, argument, key, help) [OPTION_##id] = {letter, name, argument, help},
#include "core/config/options.def"
#undef OPTION
};

#define LONG_BASE 1000    /* val of a long option: LONG_BASE + its row */

static enum err set_add(struct options *o, const char *text, struct error *e) {
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text)
        return error_set(e, ERR_USAGE, "--set: \"%.100s\" is not NAME=VALUE", text);
    o->sets = mem_realloc(o->sets, (o->n_sets + 1) * sizeof *o->sets);
    o->sets[o->n_sets].name = mem_strndup(slice_of(text, (size_t)(equals - text)));
    o->sets[o->n_sets++].value = mem_strdup(equals + 1);
    return OK;
}

static int row_of(int got) {
    if (got >= LONG_BASE)
        return got - LONG_BASE;
    for (int i = 0; i < OPTION_N; i++)
        if (rows[i].letter != 0 && rows[i].letter == got)
            return i;
    return -1;
}

static enum err wrong(int got, const char *word, struct error *e) {
    const char *trouble = got == ':' ? "needs a value" : "is not an option of weir serve";
    if (optopt > 0 && optopt < LONG_BASE)
        return error_set(e, ERR_USAGE, "-%c %s; --help lists them", optopt, trouble);
    return error_set(e, ERR_USAGE, "%.100s %s; --help lists them", word, trouble);
}

enum err options_parse(struct options *o, int argc, char **argv, struct error *e) {
    struct option table[OPTION_N + 1] = {0};
    char letters[2 * OPTION_N + 2] = ":";
    size_t n = 1;
    memset(o, 0, sizeof *o);
    for (int i = 0; i < OPTION_N; i++) {
        int kind = rows[i].argument != NULL ? required_argument : no_argument;
        table[i] = (struct option){rows[i].name, kind, NULL, LONG_BASE + i};
        if (rows[i].letter == 0)
            continue;
        letters[n++] = rows[i].letter;
        if (kind == required_argument)
            letters[n++] = ':';
    }
    letters[n] = '\0';
    int got;
    optind = 1;
    opterr = 0;
    while ((got = getopt_long(argc, argv, letters, table, NULL)) != -1) {
        int i = got == '?' || got == ':' ? -1 : row_of(got);
        if (i < 0)
            return wrong(got, argv[optind - 1], e);
        o->value[i] = rows[i].argument != NULL ? optarg : "true";
        if (i == OPTION_SET && set_add(o, optarg, e) != OK)
            return ERR_USAGE;
    }
    if (optind < argc)
        return error_set(e, ERR_USAGE, "\"%.100s\": weir serve takes options only; --help lists them", argv[optind]);
    return OK;
}

void options_fini(struct options *o) {
    for (size_t i = 0; i < o->n_sets; i++) {
        free(o->sets[i].name);
        free(o->sets[i].value);
    }
    free(o->sets);
    for (size_t i = 0; i < OPTION_N; i++)
        free(o->owned[i]);
}

void options_print_help(FILE *out) {
    for (int i = 0; i < OPTION_N; i++) {
        const struct row *r = &rows[i];
        if (r->help == NULL)
            continue;
        char left[64], letter[5] = "    ";
        if (r->letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", r->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, r->name, r->argument != NULL ? " " : "",
                 r->argument != NULL ? r->argument : "");
        fprintf(out, "  %-28s  %s\n", left, r->help);
    }
}
