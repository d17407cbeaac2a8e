/* Reading themes.  Text in them is the user's own, yet it reaches nothing but
 * numbers here. */
#include "tui/term/theme.h"

#include "core/config/pairs.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define PALETTE_MAX 64

struct palette_entry { char name[32]; int32_t colour; };
struct theme_reader {
    struct palette_entry palette[PALETTE_MAX];
    size_t n_palette;
    char *roles[ROLE_N];    /* texts of the file, NULL: fallback */
    struct theme *theme;
    bool mono;
    char wrong[128];        /* first thing not understood */
};

static const struct { const char *name; enum role fallback; uint8_t mono; } theme_roles[ROLE_N] = {
#define ROLE(name, fallback, mono, help) {#name, ROLE_##fallback, mono},
#include "tui/term/roles.def"
#undef ROLE
};
static const struct { const char *name, *text; } theme_builtin[] = {
#define THEME(name, text) {name, text},
#include "themes/builtin.h"
#undef THEME
};
#define THEME_BUILTIN_N (sizeof theme_builtin / sizeof *theme_builtin)

static const char *theme_user_dir;

void theme_set_user_dir(const char *dir) { theme_user_dir = dir; }

static bool colour_parse(const char *word, int32_t *out, bool (*palette)(void *, const char *, int32_t *), void *ctx) {
    static const char *const names[8] = {"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"};
    char *end;
    if (palette && palette(ctx, word, out))
        return true;
    if (strcmp(word, "default") == 0) {
        *out = COLOUR_DEFAULT;
        return true;
    }
    if (word[0] == '#' && strlen(word) == 7) {
        long v = strtol(word + 1, &end, 16);
        *out = (int32_t)v | COLOUR_RGB;
        return *end == '\0' && v >= 0;
    }
    if (isdigit((unsigned char)word[0])) {
        long v = strtol(word, &end, 10);
        *out = (int32_t)v;
        return *end == '\0' && v < 256;
    }
    bool light = strncmp(word, "bright-", 7) == 0;
    for (int32_t i = 0; i < 8; i++)
        if (strcmp(word + (light ? 7 : 0), names[i]) == 0) {
            *out = i + (light ? 8 : 0);
            return true;
        }
    return false;
}

bool look_parse(struct look *out, const char *text, bool (*palette)(void *, const char *, int32_t *), void *ctx) {
    static const struct { const char *name; uint8_t bit; } attributes[] = {
        {"bold", LOOK_BOLD}, {"dim", LOOK_DIM}, {"underline", LOOK_UNDERLINE}, {"italic", LOOK_ITALIC},
        {"reverse", LOOK_REVERSE},
    };
    char copy[128], *save = NULL;
    bool background = false;
    *out = (struct look){COLOUR_DEFAULT, COLOUR_DEFAULT, 0};
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        size_t i = 0, n = sizeof attributes / sizeof *attributes;
        while (i < n && strcmp(word, attributes[i].name) != 0)
            i++;
        if (i < n)
            out->attrs |= attributes[i].bit;
        else if (strcmp(word, "on") == 0)
            background = true;
        else if (!colour_parse(word, background ? &out->bg : &out->fg, palette, ctx))
            return false;
    }
    return true;
}

static bool reader_palette(void *ctx, const char *name, int32_t *colour) {
    const struct theme_reader *r = ctx;
    for (size_t i = 0; i < r->n_palette; i++)
        if (strcmp(r->palette[i].name, name) == 0) {
            *colour = r->palette[i].colour;
            return true;
        }
    return false;
}

static void reader_pair(void *ctx, const char *group, const char *name, const char *value) {
    struct theme_reader *r = ctx;
    if (strcmp(group, "palette") == 0 && r->n_palette < PALETTE_MAX) {
        struct palette_entry *entry = &r->palette[r->n_palette];
        if (!colour_parse(value, &entry->colour, reader_palette, r)) {
            snprintf(r->wrong, sizeof r->wrong, "palette %.40s: no colour is called %.40s", name, value);
            return;
        }
        snprintf(entry->name, sizeof entry->name, "%s", name);
        r->n_palette++;
    } else if (strcmp(group, "roles") == 0) {
        for (size_t i = 0; i < ROLE_N; i++)
            if (strcmp(theme_roles[i].name, name) == 0) {
                free(r->roles[i]);
                r->roles[i] = mem_strdup(value);
                return;
            }
        snprintf(r->wrong, sizeof r->wrong, "there is no role %.60s", name);
    } else if (strcmp(name, "help") == 0) {
        snprintf(r->theme->help, sizeof r->theme->help, "%s", value);
    } else if (strcmp(name, "mono") == 0) {
        r->mono = strcmp(value, "true") == 0;
    }
}

void theme_mono(struct theme *t) {
    *t = (struct theme){.name = "mono"};
    for (size_t i = 0; i < ROLE_N; i++)
        t->looks[i] = (struct look){COLOUR_DEFAULT, COLOUR_DEFAULT, theme_roles[i].mono};
}

/* Roles are listed with every fallback before what falls back on it. */
static void reader_finish(struct theme_reader *r) {
    struct theme *t = r->theme;
    for (size_t i = 0; i < ROLE_N; i++) {
        if (r->mono)
            t->looks[i] = (struct look){COLOUR_DEFAULT, COLOUR_DEFAULT, theme_roles[i].mono};
        else if (r->roles[i] && !look_parse(&t->looks[i], r->roles[i], reader_palette, r))
            snprintf(r->wrong, sizeof r->wrong, "role %s: %.60s is no look", theme_roles[i].name, r->roles[i]);
        else if (!r->roles[i])
            t->looks[i] = i == ROLE_text ? (struct look){COLOUR_DEFAULT, COLOUR_DEFAULT, 0}
                                         : t->looks[theme_roles[i].fallback];
        free(r->roles[i]);
    }
}

static enum err theme_read(struct theme_reader *r, const char *name, struct error *e) {
    const char *const dirs[] = {theme_user_dir, WEIR_PKGDATADIR "/themes"};
    char path[4096];
    for (size_t i = 0; i < 2; i++) {
        if (!dirs[i] || snprintf(path, sizeof path, "%s/%s.conf", dirs[i], name) >= (int)sizeof path)
            continue;
        enum err err = pairs_read_file(path, reader_pair, r, e);
        if (err != ERR_NOT_FOUND)
            return err;
    }
    for (size_t i = 0; i < THEME_BUILTIN_N; i++)
        if (strcmp(theme_builtin[i].name, name) == 0)
            return pairs_read_text(theme_builtin[i].text, reader_pair, r, e);
    return error_set(e, ERR_NOT_FOUND, "there is no theme %s", name);
}

enum err theme_load(struct theme *t, const char *name, struct error *e) {
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_')
            return error_set(e, ERR_INVALID, "a theme's name has letters, digits, - and _ only");
    struct theme loaded = {0};
    struct theme_reader r = {.theme = &loaded};
    snprintf(loaded.name, sizeof loaded.name, "%s", name);
    enum err err = theme_read(&r, name, e);
    reader_finish(&r);
    if (err == OK && r.wrong[0])
        err = error_set(e, ERR_INVALID, "theme %s: %s", name, r.wrong);
    if (err == OK)
        *t = loaded;
    return err;
}

void theme_each(void (*each)(void *ctx, const char *name), void *ctx) {
    const char *const dirs[] = {theme_user_dir, WEIR_PKGDATADIR "/themes"};
    for (size_t i = 0; i < THEME_BUILTIN_N; i++)
        each(ctx, theme_builtin[i].name);
    for (size_t i = 0; i < 2; i++) {
        DIR *dir = dirs[i] ? opendir(dirs[i]) : NULL;
        for (struct dirent *d; dir && (d = readdir(dir));) {
            size_t n = strlen(d->d_name);
            char name[32];
            if (n <= 5 || n - 5 >= sizeof name || strcmp(d->d_name + n - 5, ".conf") != 0)
                continue;
            snprintf(name, sizeof name, "%.*s", (int)(n - 5), d->d_name);
            each(ctx, name);
        }
        if (dir)
            closedir(dir);
    }
}
