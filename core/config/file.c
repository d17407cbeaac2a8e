/* The configuration file of `weir serve`; see options.h.
 *
 *   serve = {
 *     listen = "127.0.0.1:9092";
 *     durability = "fsync";
 *     set = [ "log.retention.hours=24", "num.partitions=3" ];
 *   };
 *
 * Other groups of the file belong to the console and are left alone.  A key that
 * no row has, or a value of the wrong kind, is an error: a misspelt setting that
 * is silently ignored costs an evening. */
#include "core/base/mem.h"
#include "core/base/xdg.h"
#include "core/config/options.h"

#include <errno.h>
#include <libconfig.h>
#include <stdlib.h>

static const struct {
    const char *key;
    bool is_switch;
} rows[OPTION_N] = {
#define OPTION(id, letter, name, argument, key, help) [OPTION_##id] = {key, (argument) == NULL},
#include "core/config/options.def"
#undef OPTION
};

bool options_default_file(char *out, size_t out_size) {
    return xdg_path(out, out_size, "XDG_CONFIG_HOME", ".config", "weir/weir.conf");
}

/* The file's sets come before the command line's, so that the latter have the last word. */
static enum err read_sets(struct options *o, const char *path, const config_setting_t *list, struct error *e) {
    size_t n = config_setting_is_aggregate(list) ? (size_t)config_setting_length(list) : 0;
    struct option_pair *all = mem_zalloc((n + o->n_sets + 1) * sizeof *all);
    size_t n_file = 0;
    enum err result = config_setting_is_aggregate(list) ? OK : ERR_USAGE;
    for (unsigned i = 0; i < n && result == OK; i++) {
        const char *text = config_setting_get_string_elem(list, (int)i);
        const char *equals = text != NULL ? strchr(text, '=') : NULL;
        if (equals == NULL || equals == text) {
            result = ERR_USAGE;
            break;
        }
        all[n_file].name = mem_strndup(slice_of(text, (size_t)(equals - text)));
        all[n_file++].value = mem_strdup(equals + 1);
    }
    if (o->n_sets > 0)
        memcpy(all + n_file, o->sets, o->n_sets * sizeof *all);
    free(o->sets);
    o->sets = all;
    o->n_sets += n_file;
    if (result != OK)
        return error_set(e, ERR_USAGE, "%s:%u: set is a list of \"NAME=VALUE\"", path,
                         config_setting_source_line(list));
    return OK;
}

static enum err read_value(struct options *o, const char *path, const config_setting_t *s, struct error *e) {
    const char *name = config_setting_name(s);
    int i = 0;
    while (i < OPTION_N && (rows[i].key == NULL || strcmp(rows[i].key, name) != 0))
        i++;
    if (i == OPTION_N)
        return error_set(e, ERR_USAGE, "%s:%u: serve has no setting \"%.100s\"", path, config_setting_source_line(s),
                         name);
    if (i == OPTION_SET)
        return read_sets(o, path, s, e);
    bool truth = config_setting_type(s) == CONFIG_TYPE_BOOL;    /* also for a row of "true|false" */
    if (!truth && (rows[i].is_switch || config_setting_type(s) != CONFIG_TYPE_STRING))
        return error_set(e, ERR_USAGE, "%s:%u: %s takes %s", path, config_setting_source_line(s), name,
                         rows[i].is_switch ? "true or false" : "a text in quotes");
    if (o->value[i] != NULL)
        return OK;
    if (rows[i].is_switch) {
        o->value[i] = config_setting_get_bool(s) ? "true" : NULL;
        return OK;
    }
    o->owned[i] = mem_strdup(!truth ? config_setting_get_string(s) : config_setting_get_bool(s) ? "true" : "false");
    o->value[i] = o->owned[i];
    return OK;
}

/* A setting of the broker outside its group would be silently without effect. */
static enum err check_strays(const config_t *config, const char *path, struct error *e) {
    const config_setting_t *root = config_root_setting(config);
    for (unsigned i = 0; i < (unsigned)config_setting_length(root); i++) {
        const config_setting_t *s = config_setting_get_elem(root, i);
        for (size_t k = 0; k < OPTION_N; k++)
            if (rows[k].key != NULL && strcmp(rows[k].key, config_setting_name(s)) == 0)
                return error_set(e, ERR_USAGE, "%s:%u: %s belongs into the group serve = { ... };", path,
                                 config_setting_source_line(s), rows[k].key);
    }
    return OK;
}

static enum err read_open_file(struct options *o, const char *path, FILE *in, struct error *e) {
    config_t config;
    config_init(&config);
    enum err result = OK;
    if (!config_read(&config, in)) {
        result = error_set(e, ERR_USAGE, "%s:%d: %s", path, config_error_line(&config), config_error_text(&config));
    } else {
        const config_setting_t *serve = config_lookup(&config, "serve");
        if (serve != NULL && !config_setting_is_group(serve))
            result = error_set(e, ERR_USAGE, "%s: serve is a group: serve = { ... };", path);
        if (result == OK)
            result = check_strays(&config, path, e);
        unsigned n = serve != NULL && result == OK ? (unsigned)config_setting_length(serve) : 0;
        for (unsigned i = 0; i < n && result == OK; i++)
            result = read_value(o, path, config_setting_get_elem(serve, i), e);
    }
    config_destroy(&config);
    return result;
}

enum err options_read_file(struct options *o, struct error *e) {
    char usual[4096];
    const char *path = o->value[OPTION_CONFIG];
    if (path == NULL && !options_default_file(usual, sizeof usual))
        return OK;
    FILE *in = fopen(path != NULL ? path : usual, "re");
    if (in == NULL && path == NULL && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
        return OK;
    if (in == NULL)
        return error_set(e, ERR_USAGE, "cannot read %s: %s", path != NULL ? path : usual, strerror(errno));
    enum err result = read_open_file(o, path != NULL ? path : usual, in, e);
    fclose(in);
    return result;
}
