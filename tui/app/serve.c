/* `weir serve`: options into core/net.  Main thread. */
#include "tui/app/app.h"

#include "config.h"
#include "core/base/mem.h"
#include "core/base/text.h"
#include "core/config/options.h"
#include "core/net/serve.h"

#include <stdlib.h>

static int usage(const struct error *e) {
    char safe[ERROR_TEXT_SIZE * 2];
    fprintf(stderr, "weir serve: %s\n", text_safe(slice_cstr(e->text), safe, sizeof safe));
    return SERVE_USAGE;
}

static int help(void) {
    fputs("usage: weir serve [OPTION...]\n"
          "The broker alone, in the foreground; SIGTERM ends it cleanly.\n\n", stdout);
    options_print_help(stdout);
    fputs("\nexit codes: 0 ended cleanly, 1 failed, 2 wrong usage, 3 the data directory is in use,\n"
          "4 the address is taken, 5 the data directory is not weir's\n", stdout);
    return SERVE_OK;
}

int app_serve(int argc, char **argv) {
    struct options in;
    struct error e = {0};
    enum err r = options_parse(&in, argc, argv, &e);
    if (r == OK && in.value[OPTION_HELP] != NULL) {
        options_fini(&in);
        return help();
    }
    if (r == OK)
        r = options_read_file(&in, &e);
    if (r == OK && in.value[OPTION_EPHEMERAL] != NULL && in.owned[OPTION_DATA] != NULL)
        in.value[OPTION_DATA] = NULL; /* the file's directory is not meant by one run with --ephemeral */
    int code;
    if (r == OK) {
        struct broker_setting *settings = mem_zalloc((in.n_sets + 1) * sizeof *settings);
        for (size_t i = 0; i < in.n_sets; i++)
            settings[i] = (struct broker_setting){in.sets[i].name, in.sets[i].value};
        code = serve_main(&(struct serve_options){
            .data_dir = in.value[OPTION_DATA], .ephemeral = in.value[OPTION_EPHEMERAL] != NULL,
            .listen = in.value[OPTION_LISTEN], .advertise = in.value[OPTION_ADVERTISE],
            .insecure_listen = in.value[OPTION_INSECURE] != NULL, .durability = in.value[OPTION_DURABILITY],
            .address_file = in.value[OPTION_ADDRESS], .attended = in.value[OPTION_ATTENDED] != NULL,
            .settings = settings, .n_settings = in.n_sets, .version = PACKAGE_VERSION,
        });
        free(settings);
    } else {
        code = usage(&e);
    }
    options_fini(&in);
    return code;
}
