/* From the look a theme wants to the look a terminal has.  Pure.
 *
 *   >= 2^24 colours  as it is          256  nearest of cube and greys
 *   16               hue and lightness 8    the same, bright as bold, grey as dim
 *   fewer            attributes of the role only */
#include "tui/term/theme.h"

struct rgb { int r, g, b; };

static struct rgb rgb_of(int32_t colour) {
    static const struct rgb base[16] = {
        {0, 0, 0}, {205, 0, 0}, {0, 205, 0}, {205, 205, 0}, {0, 0, 238}, {205, 0, 205}, {0, 205, 205}, {229, 229, 229},
        {127, 127, 127}, {255, 0, 0}, {0, 255, 0}, {255, 255, 0}, {92, 92, 255}, {255, 0, 255}, {0, 255, 255},
        {255, 255, 255},
    };
    static const int step[6] = {0, 95, 135, 175, 215, 255};
    if (colour & COLOUR_RGB)
        return (struct rgb){(colour >> 16) & 255, (colour >> 8) & 255, colour & 255};
    if (colour < 16)
        return base[colour];
    if (colour >= 232)
        return (struct rgb){8 + 10 * (colour - 232), 8 + 10 * (colour - 232), 8 + 10 * (colour - 232)};
    colour -= 16;
    return (struct rgb){step[colour / 36], step[colour / 6 % 6], step[colour % 6]};
}

static int32_t nearest_256(int32_t colour) {
    struct rgb want = rgb_of(colour);
    int32_t best = 16;
    long least = -1;
    for (int32_t i = 16; i < 256; i++) {
        struct rgb c = rgb_of(i);
        long d = 3L * (c.r - want.r) * (c.r - want.r) + 4L * (c.g - want.g) * (c.g - want.g) +
                 2L * (c.b - want.b) * (c.b - want.b);
        if (least < 0 || d < least) {
            least = d;
            best = i;
        }
    }
    return best;
}

/* By lightness when grey, else by the sector of the hue; the bright half for what is light. */
static int32_t nearest_16(int32_t colour) {
    struct rgb c = rgb_of(colour);
    int max = c.r > c.g ? (c.r > c.b ? c.r : c.b) : (c.g > c.b ? c.g : c.b);
    int min = c.r < c.g ? (c.r < c.b ? c.r : c.b) : (c.g < c.b ? c.g : c.b);
    int light = (3 * c.r + 6 * c.g + c.b) / 10;
    if (max - min < 40)
        return light < 40 ? 0 : light < 150 ? 8 : light < 215 ? 7 : 15;
    int middle = (max + min) / 2;
    int32_t bits = (c.r >= middle ? 1 : 0) | (c.g >= middle ? 2 : 0) | (c.b >= middle ? 4 : 0);
    return bits + (light > 140 ? 8 : 0);
}

struct look look_degrade(struct look l, enum role role, int colours) {
    static const uint8_t mono[ROLE_N] = {
#define ROLE(name, fallback, attrs, help) [ROLE_##name] = attrs,
#include "tui/term/roles.def"
#undef ROLE
    };
    if (colours < 8)
        return (struct look){COLOUR_DEFAULT, COLOUR_DEFAULT, mono[role]};
    if (colours < 256 && l.bg != COLOUR_DEFAULT) { /* on a field of colour: black or white, whichever can be read */
        struct rgb field = rgb_of(l.bg);
        l.fg = 3 * field.r + 6 * field.g + field.b > 1100 ? 0 : 15;
        l.attrs &= (uint8_t)~LOOK_BOLD; /* bold black is grey on many terminals */
    }
    int32_t *ends[2] = {&l.fg, &l.bg};
    for (int i = 0; i < 2; i++) {
        int32_t *colour = ends[i];
        if (*colour == COLOUR_DEFAULT || colours >= 1 << 24)
            continue;
        if (colours >= 256) {
            if (*colour & COLOUR_RGB)
                *colour = nearest_256(*colour);
            continue;
        }
        int32_t c = *colour >= 0 && *colour < 16 ? *colour : nearest_16(*colour);
        if (colours < 16 && c >= 8) {
            if (i == 0)
                l.attrs |= c == 8 ? LOOK_DIM : LOOK_BOLD;
            c = c == 8 ? (i == 0 ? 7 : 0) : c - 8;
        }
        *colour = c;
    }
    /* A grey bar under grey text cannot be read with few colours: reverse says the same. */
    if (colours < 256 && role == ROLE_selected)
        return (struct look){COLOUR_DEFAULT, COLOUR_DEFAULT, LOOK_REVERSE};
    return l;
}

/* On the bar only what hurts keeps its colour; the rest is one look, which also makes a step of the bar cheap on
 * the line: curses says the background again with every colour. */
struct look look_of_cell(const struct cell *cell, const struct look looks[ROLE_N]) {
    static const bool meant[ROLE_N] = {
        [ROLE_bad] = true, [ROLE_failed] = true, [ROLE_escape] = true, [ROLE_match] = true,
    };
    struct look l = looks[cell->role];
    if (cell->style & STYLE_MATCH) {
        l.fg = looks[ROLE_match].fg;
        l.attrs |= looks[ROLE_match].attrs;
    }
    if (cell->style & STYLE_SELECTED) {
        struct look bar = looks[ROLE_selected];
        if ((bar.attrs & LOOK_REVERSE) || (!meant[cell->role] && !(cell->style & STYLE_MATCH)))
            return bar;
        if (l.fg == bar.bg)
            l.fg = bar.fg;
        l.bg = bar.bg;
        l.attrs |= bar.attrs;
    }
    return l;
}
