/* A theme: the look of every role.  Themes are libconfig files (themes/NAME.conf):
 *
 *   help = "one line";
 *   palette: { sky = 117; ink = "#d0d0d0"; };
 *   roles: { accent = "bold sky"; tab_current = "ink on sky"; ... };
 *
 * A look is words: bold dim underline italic reverse, a colour, `on` a colour.
 * A colour is a name of the palette, one of the 16 (red, bright-red, ...), a
 * number 0-255, #rrggbb, or default.  Looked for in the user's folder, then the
 * installed one, then among those compiled in.
 *
 * degrade.c is the one place where 256 colours become 16, 8 or none. */
#ifndef WEIR_TERM_THEME_H
#define WEIR_TERM_THEME_H

#include "tui/term/canvas.h"

enum look_attribute { LOOK_BOLD = 1, LOOK_DIM = 2, LOOK_UNDERLINE = 4, LOOK_REVERSE = 8, LOOK_ITALIC = 16 };
#define COLOUR_DEFAULT (-1)
#define COLOUR_RGB 0x1000000 /* or'ed to 0xrrggbb; without it: an index 0-255 */
struct look {
    int32_t fg, bg;
    uint8_t attrs;
};
struct theme {
    char name[32];
    char help[96];
    struct look looks[ROLE_N];
};

/* Folder of the user's own themes, NULL none; the caller's string, kept. */
void theme_set_user_dir(const char *dir);
enum err theme_load(struct theme *t, const char *name, struct error *e) WEIR_MUST_CHECK;
/* The look that needs no file and no colour. */
void theme_mono(struct theme *t);
/* Calls for every theme that can be loaded, compiled-in ones first; a name twice is called twice. */
void theme_each(void (*each)(void *ctx, const char *name), void *ctx);
/* For messages and tests. */
bool look_parse(struct look *out, const char *text, bool (*palette)(void *ctx, const char *name, int32_t *colour),
                void *ctx);

/* What a terminal of so many colours can show: indices below `colours` or COLOUR_DEFAULT. */
struct look look_degrade(struct look l, enum role role, int colours);
/* What a cell of that role and style gets, of looks that the terminal has. */
struct look look_of_cell(const struct cell *cell, const struct look looks[ROLE_N]);

#endif
