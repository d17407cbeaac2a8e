/* The doors of the program that are not script commands.  Main thread. */
#ifndef WEIR_APP_APP_H
#define WEIR_APP_APP_H

/* `weir serve`; argv[0] is "serve".  Returns the exit code (core/net/serve.h). */
int app_serve(int argc, char **argv);

#endif
