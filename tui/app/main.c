/* The program's beginning: which door is meant. */
#include "config.h"
#include "tui/app/app.h"

#include <stdio.h>
#include <string.h>

static int help(FILE *out, int code) {
    fputs("usage: weir serve [OPTION...]    the broker; weir serve --help lists its options\n"
          "       weir --version | --help\n", out);
    return code;
}

int main(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : "";
    if (strcmp(word, "serve") == 0)
        return app_serve(argc - 1, argv + 1);
    if (strcmp(word, "--version") == 0) {
        puts(PACKAGE_STRING);
        return 0;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        return help(stdout, 0);
    return help(stderr, 2);
}
