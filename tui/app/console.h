/* The console: the loop that joins terminal, client and screen.  Main thread. */
#ifndef WEIR_APP_CONSOLE_H
#define WEIR_APP_CONSOLE_H

#include "core/client/client.h"

struct keymap;
struct console_options {
    struct client *client;          /* the caller's */
    const char *address;            /* shown until the cluster has answered */
    bool read_only, no_color, ascii;
    const char *theme;              /* NULL: what was used last, else dark */
    const struct keymap *keymap;    /* NULL: the keys of the rows */
    const char *theme_dir;          /* the user's own themes, NULL none */
    const char *state_file;         /* what is remembered between runs (theme, order, columns), NULL: nothing */
    const char *const *hello_argv;  /* a program that prints the hello test on this cluster; NULL none */
    const char *notice;             /* a sentence to begin with, NULL none */
    /* Clients besides consoles on the embedded broker; NULL: not ours to ask about. */
    long (*others)(void *ctx);
    void (*leave)(void *ctx, bool stop_broker);
    void *ctx;
};
/* Returns the exit code: 0 left by the user, 1 no terminal to work with (said on stderr). */
int console_run(const struct console_options *o);

#endif
