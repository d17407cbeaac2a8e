/* Kafka's server.properties; see kafka_config.h. */
#include "tui/app/kafka_config.h"

#include "core/broker/broker.h"
#include "tui/cli/cli.h"

#include <errno.h>
#include <stdlib.h>

static char *trimmed(char *s) {
    s += strspn(s, " \t\f");
    size_t n = strlen(s);
    while (n > 0 && strchr(" \t\f\r\n", s[n - 1]) != NULL)
        s[--n] = '\0';
    return s;
}

/* listeners=PLAINTEXT://host:port; only the first, only without TLS and SASL. */
static void take_listeners(const char *path, const char *value, char *listen, size_t listen_size) {
    static const char scheme[] = "PLAINTEXT://";
    size_t skip = sizeof scheme - 1, n = strcspn(value, ",");
    if (strncmp(value, scheme, skip) != 0 || n - skip >= listen_size)
        cli_complain("%s: listeners=%s: only PLAINTEXT://HOST:PORT is understood; left out", path, value);
    else if (listen[0] == '\0')
        snprintf(listen, listen_size, "%.*s", (int)(n - skip), value + skip);
}

/* What only a cluster, ZooKeeper or KRaft has a use for, and what weir has its own options for. */
static bool is_cluster_key(const char *name) {
    static const char *const beginnings[] = {
        "process.roles", "node.id", "controller.", "inter.broker.", "listener.", "advertised.listeners", "log.dir",
        "zookeeper.", "broker.id", "num.recovery.threads", "metadata.log",
    };
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

bool kafka_config_read(const char *path, struct opt_pairs *settings, char *listen, size_t listen_size) {
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        cli_complain("cannot read %s: %s", path, strerror(errno));
        return false;
    }
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, f) >= 0) {
        struct error e;
        char *name = trimmed(line), *end = name + strcspn(name, "=: \t");
        if (*name == '\0' || *name == '#' || *name == '!')
            continue;
        char *value = end + strspn(end, " \t");
        value += *value == '=' || *value == ':';
        *end = '\0';
        value = trimmed(value);
        if (strcmp(name, "listeners") == 0)
            take_listeners(path, value, listen, listen_size);
        else if (is_cluster_key(name))
            cli_complain("%s: %s means nothing to a broker on one machine; left out", path, name);
        else if (broker_check_setting(name, value, &e) != OK)
            cli_complain("%s: %s; left out", path, e.text);
        else
            opts_add_pair(settings, slice_cstr(name), slice_cstr(value));
    }
    free(line);
    fclose(f);
    return true;
}
