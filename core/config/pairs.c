/* Scalars of a libconfig file, one call each. */
#include "core/config/pairs.h"

#include "core/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <libconfig.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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

/* One that cannot be does not hide the others; the first such is the error. */
static enum err pairs_walk(config_t *config, pairs_fn *each, void *ctx, struct error *e) {
    const config_setting_t *root = config_root_setting(config);
    struct error other;
    enum err first = OK;
    for (int i = 0; i < config_setting_length(root); i++) {
        const config_setting_t *s = config_setting_get_elem(root, (unsigned)i);
        bool group = config_setting_is_group(s);
        for (int k = 0; k < (group ? config_setting_length(s) : 1); k++) {
            const config_setting_t *one = group ? config_setting_get_elem(s, (unsigned)k) : s;
            enum err err = pairs_scalar(one, group ? config_setting_name(s) : "", each, ctx, first == OK ? e : &other);
            first = first == OK ? err : first;
        }
    }
    return first;
}

enum err pairs_read_text(const char *text, pairs_fn *each, void *ctx, struct error *e) {
    config_t config;
    enum err err;
    config_init(&config);
    if (strstr(text, "@include")) /* it would open whatever is named there, and read it to its end */
        err = error_set(e, ERR_INVALID, "@include has no meaning here");
    else if (config_read_string(&config, text) != CONFIG_TRUE)
        err = error_set(e, ERR_INVALID, "line %d: %s", config_error_line(&config), config_error_text(&config));
    else
        err = pairs_walk(&config, each, ctx, e);
    config_destroy(&config);
    return err;
}

/* Of a plain file, and no more than PAIRS_FILE_MAX; NULL: it is none, e says why. */
static char *read_text(const char *path, struct error *e) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* what is no file must not keep us waiting */
    struct stat st;
    ssize_t n = -1;
    if (fd < 0) {
        error_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot read %s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = mem_alloc(PAIRS_FILE_MAX + 2);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= PAIRS_FILE_MAX)
        n = read(fd, text, PAIRS_FILE_MAX + 1);
    close(fd);
    if (n < 0 || n > PAIRS_FILE_MAX || memchr(text, '\0', (size_t)n)) {
        error_set(e, ERR_INVALID, "%s is not a small file of text", path);
        free(text);
        return NULL;
    }
    text[n] = '\0';
    return text;
}

enum err pairs_read_file(const char *path, pairs_fn *each, void *ctx, struct error *e) {
    char *text = read_text(path, e);
    struct error inner = {0};
    if (!text)
        return e->code;
    enum err err = pairs_read_text(text, each, ctx, &inner);
    free(text);
    return err == OK ? OK : error_set(e, err, "%s: %s", path, inner.text);
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
