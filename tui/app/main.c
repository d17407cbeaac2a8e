/* The program's beginning: which door is meant.
 *
 *   weir                     the console
 *   weir serve ...           the broker (options of its own)
 *   weir WORD [WORD] ...     a row of tui/cli/commands.def
 *
 * Main thread. */
#include "tui/app/app.h"
#include "tui/cli/output.h"
#include "tui/cli/session.h"
#include "tui/cli/version.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

const struct cli_command cli_commands[] = {
#define COMMAND(name, function, groups, effect, arguments, help) \
    {name, function, (groups) | O_CLUSTER, effect, arguments, help},
#include "tui/cli/commands.def"
#undef COMMAND
    {0},
};

/* ---- help ---- */

static int help(FILE *out, int code) {
    fputs("usage: weir [OPTION...]                       the console\n"
          "       weir serve [OPTION...]                 the broker alone; weir serve --help\n"
          "       weir COMMAND [OPTION...] [ARGUMENT...] one answer, for scripts; weir COMMAND --help\n\n", out);
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        fprintf(out, "  %-16s %s\n", c->name, c->help);
    fputs("\nWithout -b every command uses the broker of the data directory, and starts it if nobody has.\n"
          "Options of the console:\n", out);
    cli_print_options(out, O_CLUSTER | O_SCREEN);
    return code;
}

/* All rows that begin with the word. */
static void command_help(const char *word, size_t n) {
    unsigned groups = 0;
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++)
        if (strncmp(c->name, word, n) == 0 && (c->name[n] == '\0' || c->name[n] == ' ')) {
            printf("%s weir %s [OPTION...]%s%s\n         %s\n", groups == 0 ? "usage:" : "      ", c->name,
                   c->arguments[0] != '\0' ? " " : "", c->arguments, c->help);
            groups |= c->groups;
        }
    putchar('\n');
    cli_print_options(stdout, groups);
    fputs("\nexit codes: 0 done, 1 failed or refused, 2 wrong usage\n", stdout);
}

/* ---- commands ---- */

static size_t word_length(const char *name) {
    return strcspn(name, " ");
}

/* The row that the first argument or the first two name; *words: how many they are.  NULL: none. */
static const struct cli_command *find(const struct cli_options *o, size_t *words) {
    const char *first = o->arguments.v[0], *second = o->arguments.n > 1 ? o->arguments.v[1] : NULL;
    for (const struct cli_command *c = cli_commands; c->name != NULL; c++) {
        size_t n = word_length(c->name);
        if (strlen(first) != n || strncmp(c->name, first, n) != 0)
            continue;
        *words = 1;
        if (c->name[n] == '\0' || second == NULL)
            return c;
        for (; c->name != NULL && word_length(c->name) == n && strncmp(c->name, first, n) == 0; c++)
            if (strcmp(c->name + n + 1, second) == 0) {
                *words = 2;
                return c;
            }
        return NULL;
    }
    return NULL;
}

static int run_command(struct cli_options *o, const struct cli_command *c, size_t words) {
    const char *misfit = cli_misfit(o, c->groups);
    o->arguments.n -= words;
    memmove(o->arguments.v, o->arguments.v + words, o->arguments.n * sizeof *o->arguments.v);
    if (misfit != NULL) {
        cli_complain("%s: --%s is not an option here; weir %s --help lists them", c->name, misfit, c->name);
        return EXIT_WRONG_USAGE;
    }
    if (o->read_only && c->effect != C_LOOKS) {
        cli_complain("%s: refused, --read-only", c->name);
        return EXIT_FAILED;
    }
    if (o->arguments.n == 0 && c->arguments[0] != '\0' && c->arguments[0] != '[') {
        cli_complain("%s: %s is missing; weir %s --help", c->name, c->arguments, c->name);
        return EXIT_WRONG_USAGE;
    }
    if (o->arguments.n > 0 && c->arguments[0] == '\0') {
        cli_complain("%s: takes no arguments, not %s", c->name, o->arguments.v[0]);
        return EXIT_WRONG_USAGE;
    }
    return session_load_files(o) ? c->run(o) : EXIT_FAILED;
}

/* JSON is valid also where there is no answer: it is null then, which no reader takes for an empty list.  No lines
 * are valid lines. */
static int run(struct cli_options *o, const struct cli_command *c, size_t words) {
    int code = run_command(o, c, words);
    bool lines = (c->groups & (O_TAIL | O_PRODUCE)) != 0;
    if (code == EXIT_FAILED && o->format_kind == FORMAT_JSON && !lines && out_is_empty()) {
        out_put(SLICE("null\n"));
        out_flush();
    }
    return code;
}

static int console(struct cli_options *o) {
    const char *misfit = cli_misfit(o, O_CLUSTER | O_SCREEN);
    if (misfit != NULL) {
        cli_complain("--%s is not an option of the console; --help lists them", misfit);
        return EXIT_WRONG_USAGE;
    }
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        cli_complain("the console needs a terminal; weir --help lists the commands for scripts, weir hello tries them");
        return EXIT_WRONG_USAGE;
    }
    return session_load_files(o) ? app_console(o) : EXIT_FAILED;
}

static int dispatch(struct cli_options *o) {
    size_t words = 0;
    if (o->version) {
        version_print(stdout);
        return EXIT_OK;
    }
    if (o->arguments.n == 0)
        return o->help ? help(stdout, EXIT_OK) : console(o);
    const struct cli_command *c = find(o, &words);
    if (c == NULL && o->arguments.n > 1 && words > 0) {
        cli_complain("%s has no %s; weir %s --help lists what it has", o->arguments.v[0], o->arguments.v[1],
                     o->arguments.v[0]);
        return EXIT_WRONG_USAGE;
    }
    if (c == NULL) {
        cli_complain("no command %s; weir --help lists them", o->arguments.v[0]);
        return EXIT_WRONG_USAGE;
    }
    if (o->help) {
        command_help(c->name, words == 2 ? strlen(c->name) : word_length(c->name));
        return EXIT_OK;
    }
    return run(o, c, words);
}

/* A standard descriptor that the caller closed would be given to the next socket, and what is meant for the
 * terminal would go to a broker.  Nothing can be read or written by these. */
static void keep_standard_descriptors(void) {
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
            _exit(EXIT_FAILED);
}

int main(int argc, char **argv) {
    struct cli_options o;
    struct error e;
    keep_standard_descriptors();
    /* Looked at before all options: serve has its own. */
    if (argc > 1 && strcmp(argv[1], "serve") == 0)
        return app_serve(argc - 1, argv + 1);
    cli_set_locale();
    signal(SIGPIPE, SIG_IGN);         /* a closed pipe is an error of write, told by the exit code */
    int code = EXIT_WRONG_USAGE;
    if (cli_parse(&o, argc, argv, &e) == OK)
        code = dispatch(&o);
    else
        cli_complain("%s", e.text);
    if (code == EXIT_OK)
        code = out_flush();
    cli_options_fini(&o);
    return code;
}
