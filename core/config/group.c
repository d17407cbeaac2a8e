/* One group of a configuration file; see group.h. */
#include "core/config/group.h"

#include <errno.h>
#include <libconfig.h>
#include <stdio.h>
#include <string.h>

static enum err tell_one(const config_setting_t *s, const char *name, group_fn *each, void *ctx, struct error *e) {
    char number[32];
    switch (config_setting_type(s)) {
    case CONFIG_TYPE_STRING:
        return each(ctx, name, config_setting_get_string(s), e);
    case CONFIG_TYPE_BOOL:
        return each(ctx, name, config_setting_get_bool(s) ? "true" : "false", e);
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        snprintf(number, sizeof number, "%lld", config_setting_get_int64(s));
        return each(ctx, name, number, e);
    default:
        return error_set(e, ERR_USAGE, "%s is neither a text nor a number nor true or false", name);
    }
}

static enum err tell(const config_setting_t *s, group_fn *each, void *ctx, struct error *e) {
    const char *name = config_setting_name(s);
    if (!config_setting_is_array(s) && !config_setting_is_list(s))
        return tell_one(s, name, each, ctx, e);
    enum err r = OK;
    unsigned n = (unsigned)config_setting_length(s);
    if (n == 0)
        return error_set(e, ERR_USAGE, "%s is an empty list; leave the line out", name);
    for (unsigned i = 0; i < n && r == OK; i++)
        r = tell_one(config_setting_get_elem(s, i), name, each, ctx, e);
    return r;
}

static enum err read_open(const char *path, FILE *in, const char *group, group_fn *each, void *ctx, struct error *e) {
    config_t config;
    struct error inner = {0};
    enum err r = OK;
    config_init(&config);
    if (config_read(&config, in) != CONFIG_TRUE) {
        r = error_set(e, ERR_USAGE, "%s:%d: %s", path, config_error_line(&config), config_error_text(&config));
    } else {
        const config_setting_t *g = config_lookup(&config, group);
        unsigned n = g == NULL ? 0 : (unsigned)config_setting_length(g);
        if (g != NULL && !config_setting_is_group(g))
            r = error_set(e, ERR_USAGE, "%s: %s is a group: %s = { ... };", path, group, group);
        for (unsigned i = 0; i < n && r == OK; i++) {
            const config_setting_t *s = config_setting_get_elem(g, i);
            r = tell(s, each, ctx, &inner);
            if (r != OK)
                error_set(e, r, "%s:%u: %s", path, config_setting_source_line(s), inner.text);
        }
    }
    config_destroy(&config);
    return r;
}

enum err group_read(const char *path, const char *group, group_fn *each, void *ctx, struct error *e) {
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return error_set(e, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, "cannot read %s: %s", path,
                         strerror(errno));
    enum err r = read_open(path, in, group, each, ctx, e);
    fclose(in);
    return r;
}
