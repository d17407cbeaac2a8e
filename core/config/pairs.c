/* Scalars of a libconfig file, one call each. */
#include "core/config/pairs.h"

#include <errno.h>
#include <libconfig.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAIRS_FILE_MAX (256 * 1024) /* a theme is 2 KiB; libconfig would read anything */

static enum err pairs_scalar(const config_setting_t *s, const char *group, pairs_fn *each, void *ctx, struct error *e) {
    char number[64];
    const char *value = number;
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_STRING:
        value = config_setting_get_string(s);
        break;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        snprintf(number, sizeof number, "%lld", config_setting_get_int64(s));
        break;
    case CONFIG_TYPE_FLOAT:
        snprintf(number, sizeof number, "%g", config_setting_get_float(s));
        break;
    case CONFIG_TYPE_BOOL:
        value = config_setting_get_bool(s) ? "true" : "false";
        break;
    default:
        return error_set(e, ERR_INVALID, "line %u: %s is neither text nor number", config_setting_source_line(s),
                         config_setting_name(s) ? config_setting_name(s) : "a setting");
    }
    if (config_setting_name(s))
        each(ctx, group, config_setting_name(s), value);
    return OK;
}

static enum err pairs_walk(config_t *config, pairs_fn *each, void *ctx, struct error *e) {
    const config_setting_t *root = config_root_setting(config);
    for (int i = 0; i < config_setting_length(root); i++) {
        const config_setting_t *s = config_setting_get_elem(root, (unsigned)i);
        if (!config_setting_is_group(s)) {
            enum err err = pairs_scalar(s, "", each, ctx, e);
            if (err != OK)
                return err;
            continue;
        }
        for (int k = 0; k < config_setting_length(s); k++) {
            enum err err = pairs_scalar(config_setting_get_elem(s, (unsigned)k), config_setting_name(s), each, ctx, e);
            if (err != OK)
                return err;
        }
    }
    return OK;
}

enum err pairs_read_text(const char *text, pairs_fn *each, void *ctx, struct error *e) {
    config_t config;
    enum err err;
    config_init(&config);
    if (config_read_string(&config, text) != CONFIG_TRUE)
        err = error_set(e, ERR_INVALID, "line %d: %s", config_error_line(&config), config_error_text(&config));
    else
        err = pairs_walk(&config, each, ctx, e);
    config_destroy(&config);
    return err;
}

enum err pairs_read_file(const char *path, pairs_fn *each, void *ctx, struct error *e) {
    FILE *f = fopen(path, "re");
    if (!f)
        return error_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot read %s: %s", path, strerror(errno));
    struct stat st;
    enum err err;
    config_t config;
    config_init(&config);
    if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > PAIRS_FILE_MAX)
        err = error_set(e, ERR_INVALID, "%s is not a small plain file", path);
    else if (config_read(&config, f) != CONFIG_TRUE)
        err = error_set(e, ERR_INVALID, "%s: line %d: %s", path, config_error_line(&config),
                        config_error_text(&config));
    else
        err = pairs_walk(&config, each, ctx, e);
    config_destroy(&config);
    fclose(f);
    return err;
}

static bool pairs_put(config_t *config, const struct pair *p) {
    config_setting_t *at = config_root_setting(config);
    if (p->group && *p->group) {
        config_setting_t *group = config_setting_get_member(at, p->group);
        at = group ? group : config_setting_add(at, p->group, CONFIG_TYPE_GROUP);
    }
    config_setting_t *s = at ? config_setting_add(at, p->name, CONFIG_TYPE_STRING) : NULL;
    return s && config_setting_set_string(s, p->value) == CONFIG_TRUE;
}

enum err pairs_write_file(const char *path, const struct pair *pairs, size_t n, struct error *e) {
    char beside[4096];
    if (snprintf(beside, sizeof beside, "%s.new", path) >= (int)sizeof beside)
        return error_set(e, ERR_INVALID, "the path %.60s... is too long", path);
    config_t config;
    config_init(&config);
    enum err err = OK;
    for (size_t i = 0; i < n && err == OK; i++)
        if (!pairs_put(&config, &pairs[i]))
            err = error_set(e, ERR_INVALID, "%s is no name for a setting", pairs[i].name);
    mode_t old = umask(0077);
    if (err == OK && (config_write_file(&config, beside) != CONFIG_TRUE || rename(beside, path) != 0)) {
        err = error_set(e, ERR_IO, "cannot write %s: %s", path, strerror(errno));
        unlink(beside);
    }
    umask(old);
    config_destroy(&config);
    return err;
}
