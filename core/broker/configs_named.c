/* Configs of named things: groups and subscriptions to clients' metrics.  They
 * exist by being set: any name has the defaults.  Kept in the store's map only
 * (MAP_CONFIG), key "group:NAME" or "metrics:NAME", 0, config name.
 * Owner: the store.  Thread: the broker's. */
#include "core/broker/internal.h"

#include <stdio.h>
#include <stdlib.h>

static const char *prefix_of(enum config_scope scope) {
    return scope == SCOPE_GROUP ? "group:" : "metrics:";
}

static struct slice named_key(enum config_scope scope, struct slice name, struct slice config, struct buf *out) {
    buf_clear(out);
    buf_puts(out, prefix_of(scope));
    buf_put(out, name.p, name.n);
    buf_put_u8(out, 0);
    buf_put(out, config.p, config.n);
    return buf_slice(out);
}

struct slice config_named_get(struct broker *b, enum config_scope scope, struct slice name, const char *config) {
    struct buf key = {0};
    struct slice value = store_get(b->store, MAP_CONFIG, named_key(scope, name, slice_cstr(config), &key));
    buf_fini(&key);
    return value;
}

enum err config_named_set(struct broker *b, enum config_scope scope, struct slice name, struct slice config,
                          struct slice value, uint64_t *ticket) {
    struct buf key = {0};
    named_key(scope, name, config, &key);
    enum err e = value.p == NULL ? store_delete(b->store, MAP_CONFIG, buf_slice(&key), ticket)
                                 : store_put(b->store, MAP_CONFIG, buf_slice(&key), value, ticket);
    buf_fini(&key);
    return e;
}

const char *config_named_default(struct broker *b, const struct config_row *row) {
    enum config_source source;
    if (row->def != NULL)
        return row->def;
    const char *value = broker_config_value(b, config_row_find(SCOPE_BROKER, slice_cstr(row->broker)), &source);
    return value == NULL ? "" : value;
}

struct walking {
    struct slice prefix;
    config_named_fn *each;
    void *ctx;
    struct slice last;                /* the name before: keys come in order */
};

static void walk(void *ctx, struct slice key, struct slice value) {
    struct walking *w = ctx;
    (void)value;
    if (key.n < w->prefix.n || memcmp(key.p, w->prefix.p, w->prefix.n) != 0)
        return;
    const uint8_t *name = key.p + w->prefix.n, *end = memchr(name, 0, key.n - w->prefix.n);
    if (end == NULL)
        return;
    struct slice s = slice_of(name, (size_t)(end - name));
    if (w->last.p == NULL || !slice_eq(w->last, s))
        w->each(w->ctx, s);
    w->last = s;
}

void config_named_each(struct broker *b, enum config_scope scope, config_named_fn *each, void *ctx) {
    struct walking w = {.prefix = slice_cstr(prefix_of(scope)), .each = each, .ctx = ctx};
    store_each(b->store, MAP_CONFIG, walk, &w);
}

/* "consumer.session.timeout.ms" stays within "group.consumer.min.session.timeout.ms" and its max. */
static enum err check_bound(struct broker *b, const struct config_row *row, const char *which, int64_t value,
                            struct error *e) {
    char name[96];
    const char *dot = strchr(row->name, '.');
    snprintf(name, sizeof name, "group.%.*s.%s%s", (int)(dot - row->name), row->name, which, dot);
    if (config_row_find(SCOPE_BROKER, slice_cstr(name)) == NULL)
        return OK;
    int64_t bound = config_int(b, name);
    if (strcmp(which, "min") == 0 && value < bound)
        return error_set(e, ERR_INVALID, "%s must be greater than or equal to %s", row->name, name);
    if (strcmp(which, "max") == 0 && value > bound)
        return error_set(e, ERR_INVALID, "%s must be less than or equal to %s", row->name, name);
    return OK;
}

enum err config_named_check(struct broker *b, enum config_scope scope, const struct config_row *row, struct slice value,
                            struct error *e) {
    enum err r = config_check(row, value, e);
    if (r != OK || scope != SCOPE_GROUP || row->type != CONFIG_INT)
        return r;
    char text[32];
    snprintf(text, sizeof text, "%.*s", SLICE_ARG(value));
    int64_t v = strtoll(text, NULL, 10);
    r = check_bound(b, row, "min", v, e);
    return r == OK ? check_bound(b, row, "max", v, e) : r;
}
