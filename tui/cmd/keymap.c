#include "tui/cmd/keymap.h"

#include "core/base/text.h"
#include "core/config/group.h"

#include <stdio.h>
#include <stdlib.h>

#define KEYS_MAX 8          /* of one command */

static size_t row_of(const struct command *c) { return (size_t)(c - commands); }

void keymap_fini(struct keymap *m) {
    for (size_t i = 0; i < KEYMAP_N; i++)
        free(m->keys[i]);
    *m = (struct keymap){0};
}

const char *keymap_keys(const struct keymap *m, const struct command *c) {
    return m && m->keys[row_of(c)] ? m->keys[row_of(c)] : c->keys;
}

bool keymap_next(const char **list, char key[16]) {
    size_t n = strcspn(*list, " ");
    if (n == 0)
        return false;
    snprintf(key, 16, "%.*s", (int)n, *list);
    *list += n + ((*list)[n] == ' ');
    return true;
}

bool keymap_has(const char *list, const char *key) {
    char one[16];
    while (keymap_next(&list, one))
        if (strcmp(one, key) == 0)
            return true;
    return false;
}

/* What no configuration takes away. */
static const char *fixed_keys(const struct command *c) {
    return c->function == cmd_exit ? "ctrl-c" : c->function == cmd_tab ? c->keys : "";
}

/* A character: where text is typed it is text. */
static bool is_typed(const char *key) {
    int32_t cp;
    return strcmp(key, "space") == 0 || text_next((const uint8_t *)key, strlen(key), &cp) == strlen(key);
}

/* ---- first pass: what is asked for ---- */

static enum err take_key(struct keymap *m, const struct command *c, const char *key, struct error *e) {
    for (size_t i = 0; i < n_commands; i++)
        if (&commands[i] != c && keymap_has(fixed_keys(&commands[i]), key))
            return error_set(e, ERR_USAGE, "keys: %s always means %s; give %s another key", key, commands[i].name,
                             c->name);
    if (is_typed(key) && !(c->views & ~VIEW_BIT(produce)))
        return error_set(e, ERR_USAGE, "keys: %s is a key of the produce form, where %s is typed; give it ctrl-x, "
                         "alt-x or f5", c->name, key);
    const char *before = m->keys[row_of(c)];
    if (keymap_has(before, key))
        return OK;
    size_t n = strlen(before) + strlen(key) + 2, count = 1;
    for (const char *p = before; (p = strchr(p, ' ')) != NULL; p++)
        count++;
    if (count >= KEYS_MAX)
        return error_set(e, ERR_USAGE, "keys: %s has too many keys; %d are enough", c->name, KEYS_MAX);
    char *both = mem_alloc(n);
    snprintf(both, n, "%s%s%s", before, *before ? " " : "", key);
    free(m->keys[row_of(c)]);
    m->keys[row_of(c)] = both;
    return OK;
}

static const struct command *exact(const char *name) {
    const struct command *c = command_named(name, strlen(name));
    return c && strcmp(c->name, name) == 0 ? c : NULL;
}

static enum err take(void *ctx, const char *name, const char *value, struct error *e) {
    struct keymap *m = ctx;
    const struct command *c = exact(name);
    if (!c)
        return error_set(e, ERR_USAGE, "keys: no command is called %.60s; ? on the screen lists them", name);
    if (!m->keys[row_of(c)])
        m->keys[row_of(c)] = mem_strdup(fixed_keys(c));
    if (!*value && c->function == cmd_exit)
        return error_set(e, ERR_USAGE, "keys: exit is the way out and cannot be without a key; leave this line out");
    if (!*value)
        return OK;
    if (!key_known(value))
        return error_set(e, ERR_USAGE, "keys: no key is called \"%.60s\"; a key is one character or a name as enter, "
                         "space, pgup, f5, ctrl-x, alt-x", value);
    return take_key(m, c, value, e);
}

/* ---- second pass: who else wants it ---- */

static const char *view_of(uint32_t views) {
    for (int i = 0; i < VIEW_N; i++)
        if (views & 1u << i)
            return view_title((enum view_id)i);
    return "";
}

static enum err check(void *ctx, const char *name, const char *value, struct error *e) {
    const struct keymap *m = ctx;
    const struct command *c = exact(name);
    for (size_t i = 0; *value && i < n_commands; i++) {
        uint32_t both = commands[i].views & c->views & ((1u << VIEW_N) - 1);
        if (&commands[i] != c && both && keymap_has(keymap_keys(m, &commands[i]), value))
            return error_set(e, ERR_USAGE, "keys: %s and %s are both on %s in %s; give %s another key, or \"\" for "
                             "none", c->name, commands[i].name, value, view_of(both), commands[i].name);
    }
    return OK;
}

enum err keymap_read(struct keymap *m, const char *path, struct error *e) {
    enum err r = group_read(path, "keys", take, m, e);
    if (r == OK)
        r = group_read(path, "keys", check, m, e);
    if (r != OK)
        keymap_fini(m);
    return r == ERR_NOT_FOUND ? OK : r;
}
