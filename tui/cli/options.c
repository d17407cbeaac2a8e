/* What every command needs of the command line; see cli.h.  Main thread. */
#include "tui/cli/cli.h"

#include "core/config/group.h"
#include "core/config/options.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

static const struct opt_row rows[] = {
#define OPTION(kind, field, letter, name, argument, groups, help) \
    {kind, offsetof(struct cli_options, field), letter, name, argument, groups, help},
#include "tui/cli/options.def"
#undef OPTION
};
#define N_ROWS (sizeof rows / sizeof rows[0])
_Static_assert(N_ROWS <= OPTS_MAX, "cli_options.given has a bit for each row");

static bool ascii_only;         /* --ascii of the command line that was taken apart last */
static bool utf8 = true;        /* the locale */

void cli_set_locale(void) { utf8 = text_locale_is_utf8(); }

/* A terminal that is none of UTF-8 may take the second byte of a letter for a control. */
static bool is_ascii(int fd) { return ascii_only || (!utf8 && isatty(fd) != 0); }

static void sanitize_for(int fd, struct buf *out, struct slice s, size_t max_bytes) {
    static const struct { int32_t cp; const char *ascii; } ours[] = {{0xb7, "-"}, {0x2013, "-"}, {0x2026, "..."}};
    size_t begin = out->n, at = 0;
    text_sanitize(out, s, max_bytes);
    if (!is_ascii(fd))
        return;
    struct buf wide = {0};
    buf_put(&wide, out->p + begin, out->n - begin);
    out->n = begin;
    while (at < wide.n) {
        int32_t cp;
        size_t used = text_next(wide.p + at, wide.n - at, &cp), i = 0;
        while (i < sizeof ours / sizeof *ours && ours[i].cp != cp)
            i++;
        if (cp < 0x80)
            buf_put_u8(out, (uint8_t)cp);
        else if (i < sizeof ours / sizeof *ours)
            buf_puts(out, ours[i].ascii);
        else
            buf_printf(out, "\\u{%x}", (unsigned)cp);
        at += used;
    }
    buf_fini(&wide);
}

void cli_sanitize(struct buf *out, struct slice s, size_t max_bytes) {
    sanitize_for(STDOUT_FILENO, out, s, max_bytes);
}

static void put_stderr(const char *before, const char *text, const char *after) {
    struct buf safe = {0};
    sanitize_for(STDERR_FILENO, &safe, slice_cstr(text), 4096);
    fprintf(stderr, "%s%.*s%s", before, (int)safe.n, safe.n > 0 ? (const char *)safe.p : "", after);
    buf_fini(&safe);
}

static void complain(const char *format, va_list args) WEIR_PRINTF(1, 0);
static void complain(const char *format, va_list args) {
    struct buf raw = {0};
    buf_vprintf(&raw, format, args);
    buf_put_u8(&raw, 0);
    put_stderr("weir: ", (const char *)raw.p, "\n");
    buf_fini(&raw);
}

void cli_complain(const char *format, ...) {
    va_list args;
    va_start(args, format);
    complain(format, args);
    va_end(args);
}

#define COMPLAINTS_MAX 3

void complaints_add(struct complaints *c, const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (c->n++ < COMPLAINTS_MAX)
        complain(format, args);
    va_end(args);
}

bool complaints_end(const struct complaints *c, const char *what) {
    if (c->n > COMPLAINTS_MAX)
        cli_complain("... and %zu more %s%s like these", c->n - COMPLAINTS_MAX, what,
                     c->n > COMPLAINTS_MAX + 1 ? "s" : "");
    return c->n == 0;
}

static enum err read_format(struct cli_options *o, struct error *e) {
    if (o->output == NULL || strcmp(o->output, "table") == 0)
        o->format_kind = FORMAT_TABLE;
    else if (strcmp(o->output, "json") == 0)
        o->format_kind = FORMAT_JSON;
    else if (strcmp(o->output, "csv") == 0)
        o->format_kind = FORMAT_CSV;
    else
        return error_set(e, ERR_USAGE, "--output: %.100s is not table, json or csv; where a tail begins is --from",
                         o->output);
    return OK;
}

/* ---- the configuration file ---- */

/* The rows that may stand there, with '_' for '-': those of the cluster and of the screen. */
static enum err take_setting(void *ctx, const char *name, const char *value, struct error *e) {
    struct cli_options *o = ctx;
    for (size_t i = 0; i < N_ROWS; i++) {
        char key[40];
        snprintf(key, sizeof key, "%s", rows[i].name);
        for (char *at = key; (at = strchr(at, '-')) != NULL;)
            *at = '_';
        if (strcmp(key, name) != 0 || (rows[i].groups & (O_CLUSTER | O_SCREEN)) == 0 || strcmp(key, "config") == 0)
            continue;
        char *copy = mem_strdup(value);
        opts_add_word(&o->owned, copy);
        return opts_set(&rows[i], o, copy, e);
    }
    return error_set(e, ERR_USAGE, "console has no setting %.100s", name);
}

/* Of the broker's own group, what also says where a broker of ours is. */
static enum err take_serve_setting(void *ctx, const char *name, const char *value, struct error *e) {
    (void)e;
    struct cli_options *o = ctx;
    const char **field = strcmp(name, "data") == 0 ? &o->data : strcmp(name, "listen") == 0 ? &o->listen : NULL;
    if (field != NULL && *field == NULL) {
        char *copy = mem_strdup(value);
        opts_add_word(&o->owned, copy);
        *field = copy;
    }
    return OK;
}

/* -c FILE, or -c NAME for NAME.conf beside the user's weir.conf. */
static char *find_config(const char *name) {
    char path[PATH_MAX];
    if (strchr(name, '/') == NULL && access(name, F_OK) != 0 && options_default_file(path, sizeof path)) {
        size_t n = (size_t)(strrchr(path, '/') + 1 - path);
        int more = snprintf(path + n, sizeof path - n, "%s.conf", name);
        if (more > 0 && (size_t)more < sizeof path - n && access(path, F_OK) == 0)
            return mem_strdup(path);
    }
    return mem_strdup(name);
}

static enum err read_config(struct cli_options *o, const char *given, struct error *e) {
    char usual[PATH_MAX];
    if (given != NULL)
        o->config_path = find_config(given);
    else if (!options_default_file(usual, sizeof usual))
        return OK;
    const char *path = given != NULL ? o->config_path : usual;
    enum err r = group_read(path, "console", take_setting, o, e);
    if (r == OK)
        r = group_read(path, "serve", take_serve_setting, o, e);
    return r == ERR_NOT_FOUND && given == NULL ? OK : r;
}

/* ---- the command line ---- */

static void options_init(struct cli_options *o) {
    memset(o, 0, sizeof *o);
    o->timeout_ms = o->partitions = o->replication = o->count = o->rate = -1;
}

enum err cli_parse(struct cli_options *o, int argc, char **argv, struct error *e) {
    /* Twice: what is typed must come after what the file says, and it is typed which file that is. */
    options_init(o);
    enum err r = opts_parse(rows, N_ROWS, o, argc, argv, &o->given, &o->arguments, e);
    const char *config = o->config;
    bool wanted = !o->help && !o->version;
    cli_options_fini(o);
    options_init(o);
    if (r == OK && wanted)
        r = read_config(o, config, e);
    if (r == OK)
        r = opts_parse(rows, N_ROWS, o, argc, argv, &o->given, &o->arguments, e);
    if (r != OK)
        return r;
    if (getenv("NO_COLOR") != NULL && *getenv("NO_COLOR") != '\0')
        o->no_color = true;
    if (o->timeout_ms < 0)
        o->timeout_ms = 30000;
    ascii_only = o->ascii;
    return read_format(o, e);
}

void cli_options_fini(struct cli_options *o) {
    opts_pairs_fini(&o->properties);
    opts_pairs_fini(&o->topic_configs);
    opts_pairs_fini(&o->headers);
    opts_words_fini(&o->files);
    opts_words_fini(&o->topics);
    opts_words_fini(&o->arguments);
    for (size_t i = 0; i < o->owned.n; i++)
        free((void *)(uintptr_t)o->owned.v[i]);
    opts_words_fini(&o->owned);
    free(o->config_path);
    o->config_path = NULL;
}

bool cli_was_typed(const struct cli_options *o, const char *name) {
    size_t i = 0;
    while (i < N_ROWS && strcmp(rows[i].name, name) != 0)
        i++;
    return i < N_ROWS && (o->given >> i & 1) != 0;
}

const char *cli_misfit(const struct cli_options *o, unsigned groups) {
    for (size_t i = 0; i < N_ROWS; i++)
        if ((o->given >> i & 1) != 0 && (rows[i].groups & (groups | O_ALL)) == 0)
            return rows[i].name;
    return NULL;
}

void cli_print_options(FILE *out, unsigned groups) {
    opts_print(out, rows, N_ROWS, groups | O_ALL, false);
}

bool cli_is_beginning(const char *text) { return strcmp(text, "beginning") == 0 || strcmp(text, "earliest") == 0; }

bool cli_is_end(const char *text) { return strcmp(text, "end") == 0 || strcmp(text, "latest") == 0; }

bool cli_confirmed(const struct cli_options *o, const char *what, const char *name) {
    char typed[300];
    if (o->yes)
        return true;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        cli_complain("%s: not done; say --yes where nobody can be asked", what);
        return false;
    }
    put_stderr("", what, ". Type ");
    put_stderr("", name, " to go on: ");
    fflush(stderr);
    if (fgets(typed, sizeof typed, stdin) != NULL) {
        typed[strcspn(typed, "\n")] = '\0';
        if (strcmp(typed, name) == 0)
            return true;
    }
    cli_complain("%s: not done", what);
    return false;
}
