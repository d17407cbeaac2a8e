/* `weir`: finds or starts the broker, runs the console on it, leaves.
 *
 *   place_find -> client_new -> console_run -> client_free -> place_leave
 *
 * Who leaves a broker that would end with this console while others are
 * connected is asked on the screen (place_others) and chooses: stop it, or leave
 * it running as nobody's (weir stop ends it).  A console that is killed or hung
 * up asks nobody: the broker stays for its clients and ends after the last.
 * Main thread. */
#include "tui/app/app.h"

#include "core/base/xdg.h"
#include "core/config/options.h"
#include "tui/app/console.h"
#include "tui/cli/session.h"
#include "tui/cmd/keymap.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct attach {
    struct place place;
    const struct opt_pairs *properties; /* the options' */
    struct keymap keymap;
    char theme_dir[PATH_MAX], state_file[PATH_MAX], notice[512];
    struct opt_words hello;             /* argv of the hello test; its texts are in `texts` */
    struct arena texts;
    int properties_fd;                  /* a file of this process for its hello test, -1: none */
};

/* ---- the user's files ---- */

/* "FILE/.../weir/weir.conf" -> ".../weir/NAME" */
static bool beside_config(char *out, size_t out_size, const char *name) {
    char path[PATH_MAX];
    if (!options_default_file(path, sizeof path))
        return false;
    char *slash = strrchr(path, '/');
    int n = snprintf(out, out_size, "%.*s/%s", (int)(slash - path), path, name);
    return n > 0 && (size_t)n < out_size;
}

/* $XDG_STATE_HOME/weir/console, its directory made. */
static bool state_path(char *out, size_t out_size) {
    if (!xdg_path(out, out_size, "XDG_STATE_HOME", ".local/state", "weir/console"))
        return false;
    for (char *at = out + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        bool made = mkdir(out, 0700) == 0 || errno == EEXIST;
        *at = '/';
        if (!made)
            return false;
    }
    return true;
}

static bool read_keys(struct attach *a, const struct cli_options *o, struct error *e) {
    char usual[PATH_MAX];
    if (o->config_path == NULL && !options_default_file(usual, sizeof usual))
        return true;
    return keymap_read(&a->keymap, o->config_path != NULL ? o->config_path : usual, e) == OK;
}

/* ---- the hello test of this cluster ---- */

/* The properties in memory, as -F reads them: in the words of a command every user could read the passwords. */
static const char *properties_file(struct attach *a) {
    struct buf text = {0};
    for (size_t i = 0; i < a->properties->n; i++)
        buf_printf(&text, "%s=%s\n", a->properties->v[i].name, a->properties->v[i].value);
    a->properties_fd = memfd_create("properties", MFD_CLOEXEC);
    bool written = a->properties_fd >= 0 && write(a->properties_fd, text.p, text.n) == (ssize_t)text.n;
    if (text.p != NULL)
        explicit_bzero(text.p, text.cap);
    buf_fini(&text);
    return written ? (const char *)arena_printf(&a->texts, "/proc/%ld/fd/%d", (long)getpid(), a->properties_fd).p
                   : NULL;
}

static void make_hello(struct attach *a) {
    opts_add_word(&a->hello, "/proc/self/exe");
    opts_add_word(&a->hello, "hello");
    opts_add_word(&a->hello, "-b");
    opts_add_word(&a->hello, a->place.address);
    const char *file = a->properties->n > 0 ? properties_file(a) : NULL;
    if (file != NULL) {
        opts_add_word(&a->hello, "-F");
        opts_add_word(&a->hello, file);
    }
    opts_add_word(&a->hello, NULL);
}

/* ---- leaving ---- */

static long others(void *ctx) {
    return place_others(&((struct attach *)ctx)->place);
}

static void leave(void *ctx, bool stop_broker) {
    struct attach *a = ctx;
    if (stop_broker)
        place_stop(&a->place);
    else
        place_stay(&a->place);
}

/* ---- together ---- */

static void make_notice(struct attach *a) {
    if (a->place.taken[0] != '\0')
        snprintf(a->notice, sizeof a->notice, "%.200s is taken by another program: this broker listens on %.200s",
                 a->place.taken, a->place.address);
    else if (a->place.kind == PLACE_ATTACHED)
        snprintf(a->notice, sizeof a->notice, "attached to the broker that was running already at %.200s",
                 a->place.address);
}

static int run(struct attach *a, const struct cli_options *o) {
    struct client *client;
    struct error e;
    struct client_property *properties = session_client_properties(o);
    const struct client_config config = {
        .bootstrap = a->place.address, .properties = properties, .n_properties = o->properties.n,
        .embedded = a->place.kind != PLACE_REMOTE, .data_dir = a->place.data_dir, .durability = a->place.durability,
    };
    enum err r = client_new(&client, &config, &e);
    free(properties);
    if (r != OK) {
        cli_complain("%s", e.text);
        return EXIT_FAILED;
    }
    make_hello(a);
    make_notice(a);
    const struct console_options options = {
        .client = client, .address = a->place.address, .read_only = o->read_only, .no_color = o->no_color,
        .ascii = o->ascii, .theme = o->theme,
        .keymap = &a->keymap,
        .theme_dir = beside_config(a->theme_dir, sizeof a->theme_dir, "themes") ? a->theme_dir : NULL,
        .state_file = state_path(a->state_file, sizeof a->state_file) ? a->state_file : NULL,
        .hello_argv = o->read_only ? NULL : a->hello.v, .notice = a->notice[0] != '\0' ? a->notice : NULL,
        .others = others, .leave = leave, .ctx = a,
    };
    int code = console_run(&options);
    client_free(client);
    return code;
}

int app_console(const struct cli_options *o) {
    struct attach a = {.properties = &o->properties, .properties_fd = -1};
    struct error e;
    int code = EXIT_FAILED;
    if (!read_keys(&a, o, &e)) {
        cli_complain("%s", e.text);
        return EXIT_WRONG_USAGE;
    }
    arena_init(&a.texts, SIZE_MAX);
    if (place_find(&a.place, o, &e) == OK)
        code = run(&a, o);
    else
        cli_complain("%s", e.text);
    place_fini(&a.place);
    if (a.properties_fd >= 0)
        close(a.properties_fd);
    keymap_fini(&a.keymap);
    opts_words_fini(&a.hello);
    arena_fini(&a.texts);
    return code;
}
