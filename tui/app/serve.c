/* `weir serve`: options and files into core/net.  Main thread. */
#include "tui/app/app.h"

#include "core/config/options.h"
#include "core/net/serve.h"
#include "tui/app/kafka_config.h"
#include "tui/cli/cli.h"
#include "tui/cli/version.h"

#include <stdlib.h>

static int help(void) {
    fputs("usage: weir serve [OPTION...]\n"
          "The broker alone, in the foreground; prints the address it listens on; SIGTERM ends it cleanly.\n\n",
          stdout);
    options_print_help(stdout);
    fputs("\nexit codes: 0 ended cleanly, 1 failed, 2 wrong usage, 3 the data directory is in use,\n"
          "4 the address is taken, 5 the data directory is not weir's\n", stdout);
    return SERVE_OK;
}

/* Kafka's file comes before --set and weir.conf, which have the last word. */
static int run(struct options *in) {
    struct opt_pairs kafka = {0};
    char listen[300] = "";
    int64_t ready_fd = 0;
    const char *lenient = in->value[OPTION_LENIENT];
    if (in->value[OPTION_READY] != NULL && !opts_number(in->value[OPTION_READY], 3, INT32_MAX, &ready_fd)) {
        cli_complain("serve: --ready-fd is a descriptor above 2");
        return SERVE_USAGE;
    }
    if (lenient != NULL && strcmp(lenient, "true") != 0 && strcmp(lenient, "false") != 0) {
        cli_complain("serve: lenient-replication is true or false, not %s", lenient);
        return SERVE_USAGE;
    }
    if (in->value[OPTION_KAFKA] != NULL && !kafka_config_read(in->value[OPTION_KAFKA], &kafka, listen, sizeof listen))
        return SERVE_USAGE;
    size_t n = kafka.n + in->n_sets;
    struct broker_setting *settings = mem_zalloc((n + 1) * sizeof *settings);
    for (size_t i = 0; i < kafka.n; i++)
        settings[i] = (struct broker_setting){kafka.v[i].name, kafka.v[i].value};
    for (size_t i = 0; i < in->n_sets; i++)
        settings[kafka.n + i] = (struct broker_setting){in->sets[i].name, in->sets[i].value};
    if (in->value[OPTION_LISTEN] == NULL && listen[0] != '\0')
        in->value[OPTION_LISTEN] = listen;
    int code = serve_main(&(struct serve_options){
        .data_dir = in->value[OPTION_DATA], .ephemeral = in->value[OPTION_EPHEMERAL] != NULL,
        .listen = in->value[OPTION_LISTEN], .advertise = in->value[OPTION_ADVERTISE],
        .insecure_listen = in->value[OPTION_INSECURE] != NULL, .durability = in->value[OPTION_DURABILITY],
        .address_file = in->value[OPTION_ADDRESS], .attended = in->value[OPTION_ATTENDED] != NULL,
        .remove_data = in->value[OPTION_REMOVE] != NULL, .ready_fd = (int)ready_fd,
        .strict_replication = lenient != NULL && strcmp(lenient, "false") == 0,
        .settings = settings, .n_settings = n, .version = WEIR_VERSION,
    });
    free(settings);
    opts_pairs_fini(&kafka);
    return code;
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
    int code = SERVE_USAGE;
    if (r == OK)
        code = run(&in);
    else
        cli_complain("serve: %s", e.text);
    options_fini(&in);
    return code;
}
