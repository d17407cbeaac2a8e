/* The doors of the program that are not script commands.  Main thread. */
#ifndef WEIR_APP_APP_H
#define WEIR_APP_APP_H

#include "tui/cli/cli.h"

/* `weir serve`; argv[0] is "serve".  Returns the exit code (core/net/serve.h). */
int app_serve(int argc, char **argv);
/* `weir` alone: finds or starts the broker, runs the console, leaves. */
int app_console(const struct cli_options *o);

#endif
