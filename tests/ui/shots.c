#include "tests/ui/shots.h"

#include "tui/term/theme.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct { const char *name; char letter; } roles[ROLE_N] = {
#define ROLE(name, fallback, mono, help) [ROLE_##name] = {#name, 0},
#include "tui/term/roles.def"
#undef ROLE
};
/* By their meaning and not by their order: a new role changes no file but its own. */
static const char letters[ROLE_N] = {
    [ROLE_text] = '.', [ROLE_bright] = 'B', [ROLE_dim] = 'd', [ROLE_frame] = 'f', [ROLE_accent] = 'a',
    [ROLE_good] = 'g',
    [ROLE_warn] = 'w', [ROLE_bad] = 'b', [ROLE_brand] = 'W', [ROLE_header] = 'h', [ROLE_header_sort] = 'H',
    [ROLE_number] = 'n', [ROLE_unit] = 'u', [ROLE_zero] = 'z', [ROLE_pending] = 'p', [ROLE_failed] = '?',
    [ROLE_stale] = 's', [ROLE_alarm] = '!', [ROLE_spark] = '*', [ROLE_bar] = '@', [ROLE_bar_rest] = '-',
    [ROLE_tab] = 't', [ROLE_tab_key] = 'T', [ROLE_tab_count] = 'c', [ROLE_tab_current] = 'R', [ROLE_selected] = '#',
    [ROLE_match] = 'm', [ROLE_hint_key] = 'K', [ROLE_hint] = 'k', [ROLE_hint_off] = 'o', [ROLE_hint_bad] = 'D',
    [ROLE_input] = 'i', [ROLE_placeholder] = 'P', [ROLE_escape] = 'e', [ROLE_json_key] = 'j', [ROLE_json_string] = 'S',
    [ROLE_json_number] = 'N', [ROLE_json_word] = 'J',
};
/* What keeps its own look on the bar, and what a filter found. */
static const struct { enum role role; uint8_t style; char letter; const char *name; } styled[] = {
    {ROLE_bad, STYLE_SELECTED, '&', "bad, selected"},
    {ROLE_failed, STYLE_SELECTED, '%', "failed, selected"},
    {ROLE_escape, STYLE_SELECTED, '$', "escape, selected"},
    {ROLE_match, STYLE_SELECTED, '+', "match, selected"},
    {ROLE_bright, STYLE_MATCH, 'M', "bright, match"},
    {ROLE_bright, STYLE_MATCH | STYLE_SELECTED, '^', "bright, match, selected"},
    {ROLE_text, STYLE_MATCH, 'q', "text, match"},
    {ROLE_dim, STYLE_MATCH, 'x', "dim, match"},
    {ROLE_stale, STYLE_MATCH, 'y', "stale, match"},
    {ROLE_escape, STYLE_MATCH, 'E', "escape, match"},
};
#define N_STYLED (sizeof styled / sizeof *styled)

struct looks { struct look of[ROLE_N]; };

static const char *screens_dir(void) { return getenv("SCREENS") ? getenv("SCREENS") : "tests/ui/screens"; }

static struct looks looks_load(const char *theme, int colours) {
    static char dir[4096];
    struct theme t;
    struct error e;
    struct looks l;
    snprintf(dir, sizeof dir, "%s/../../../themes", screens_dir()); /* not those of a weir that is installed */
    theme_set_user_dir(dir);
    if (theme_load(&t, theme, &e) != OK)
        fail_msg("%s", e.text);
    for (int i = 0; i < ROLE_N; i++)
        l.of[i] = look_degrade(t.looks[i], (enum role)i, colours);
    return l;
}

static bool look_same(struct look a, struct look b) { return a.fg == b.fg && a.bg == b.bg && a.attrs == b.attrs; }

static char letter_of(const struct cell *cell) {
    if (!letters[cell->role])
        fail_msg("the role %s wants a letter in tests/ui/shots.c", roles[cell->role].name);
    if (!cell->style)
        return letters[cell->role];
    for (size_t i = 0; i < N_STYLED; i++)
        if (styled[i].role == (enum role)cell->role && styled[i].style == cell->style)
            return styled[i].letter;
    static bool loaded;
    static struct looks colour;
    if (!loaded)
        colour = looks_load("dark", 256);
    loaded = true;
    if (!(cell->style & STYLE_SELECTED) || !look_same(look_of_cell(cell, colour.of), colour.of[ROLE_selected]))
        fail_msg("%s with style %d wants a letter in tests/ui/shots.c", roles[cell->role].name, cell->style);
    return letters[ROLE_selected];
}

/* A blank shows nothing but a background, a line under it or a field of it. */
static bool blank_is_seen(const struct cell *cell) {
    static bool loaded;
    static struct looks colour, mono;
    if (!loaded) {
        colour = looks_load("dark", 256);
        mono = looks_load("dark", 0);
    }
    loaded = true;
    struct look c = look_of_cell(cell, colour.of), m = look_of_cell(cell, mono.of);
    return c.bg != COLOUR_DEFAULT || ((c.attrs | m.attrs) & (LOOK_UNDERLINE | LOOK_REVERSE));
}

static void put_looks(const struct canvas *c, struct buf *out) {
    for (int y = 0; y < c->h; y++) {
        size_t end = out->n;
        for (int x = 0; x < c->w; x++) {
            const struct cell *cell = canvas_cell(c, y, x);
            char letter = cell->cp == ' ' && !blank_is_seen(cell) ? ' ' : letter_of(cell);
            buf_put_u8(out, (uint8_t)letter);
            end = letter != ' ' ? out->n : end;
        }
        out->n = end;
        buf_put_u8(out, '\n');
    }
}

/* The lines of `to` that differ from those of `from`; =N stands for N that do not. */
static void put_difference(struct buf *out, const struct buf *from, const struct buf *to) {
    const char *a = (const char *)from->p, *b = (const char *)to->p;
    int same = 0;
    for (size_t i = 0, k = 0; k < to->n;) {
        size_t a_n = strcspn(a + i, "\n"), b_n = strcspn(b + k, "\n");
        bool equal = a_n == b_n && memcmp(a + i, b + k, b_n) == 0;
        same += equal;
        if (same && (!equal || k + b_n + 1 >= to->n)) {
            buf_printf(out, "=%d\n", same);
            same = 0;
        }
        if (!equal)
            buf_put(out, b + k, b_n + 1);
        i += a_n + 1;
        k += b_n + 1;
    }
}

static void print_lines(const char *path, const char *want, const char *now) {
    int shown = 0;
    for (int line = 1; *want && *now && shown < 10; line++) {
        int a = (int)strcspn(want, "\n"), b = (int)strcspn(now, "\n");
        if ((a != b || memcmp(want, now, (size_t)a) != 0) && ++shown)
            print_error("%s:%d\nkept %.*s\nnow  %.*s\n", path, line, a, want, b, now);
        want += a + (want[a] != '\0');
        now += b + (now[b] != '\0');
    }
}

static void check_file(const char *name, struct buf *now) {
    char path[4096];
    struct buf want = {0};
    snprintf(path, sizeof path, "%s/%s.txt", screens_dir(), name);
    buf_put_u8(now, 0);
    if (getenv("WEIR_RECORD")) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fputs((char *)now->p, f);
        assert_int_equal(fclose(f), 0);
        return;
    }
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("%s is missing: WEIR_RECORD=1 makes it", path);
    for (size_t n; (n = fread(buf_reserve(&want, 65536), 1, 65536, f)) > 0;)
        want.n += n;
    fclose(f);
    buf_put_u8(&want, 0);
    if (strcmp((char *)want.p, (char *)now->p) != 0) {
        print_lines(path, (char *)want.p, (char *)now->p);
        fail_msg("%s differs from what is painted now; when that is meant: WEIR_RECORD=1, and look at the difference",
                 path);
    }
    buf_fini(&want);
}

void shot_check(const char *name, const struct canvas *utf8, const struct canvas *ascii) {
    struct buf out = {0}, text = {0}, looks = {0}, other = {0}, other_looks = {0};
    char file[256];
    canvas_text(utf8, &text);
    put_looks(utf8, &looks);
    canvas_text(ascii, &other);
    put_looks(ascii, &other_looks);
    buf_printf(&out, "screen %dx%d", utf8->w, utf8->h);
    if (utf8->cursor_y >= 0)
        buf_printf(&out, ", cursor at row %d, column %d", utf8->cursor_y + 1, utf8->cursor_x + 1);
    buf_puts(&out, "\n");
    buf_put(&out, text.p, text.n);
    buf_puts(&out, "looks\n");
    buf_put(&out, looks.p, looks.n);
    buf_puts(&out, "ascii\n");
    put_difference(&out, &text, &other);
    buf_puts(&out, "ascii looks\n");
    put_difference(&out, &looks, &other_looks);
    snprintf(file, sizeof file, "%s-%dx%d", name, utf8->w, utf8->h);
    check_file(file, &out);
    buf_fini(&out);
    buf_fini(&text);
    buf_fini(&looks);
    buf_fini(&other);
    buf_fini(&other_looks);
}

static void put_colour(char *out, size_t size, int32_t colour) {
    if (colour == COLOUR_DEFAULT)
        snprintf(out, size, "-");
    else
        snprintf(out, size, "%d", (int)colour);
}

/* fg/bg and the first letters of bold dim underline reverse italic: 75/-b */
static void put_look(struct buf *out, struct look l, bool colours) {
    char fg[8], bg[8], text[40];
    put_colour(fg, sizeof fg, l.fg);
    put_colour(bg, sizeof bg, l.bg);
    snprintf(text, sizeof text, "%s%s%s %s%s%s%s%s", colours ? fg : "", colours ? "/" : "", colours ? bg : "",
             l.attrs & LOOK_BOLD ? "b" : "", l.attrs & LOOK_DIM ? "d" : "", l.attrs & LOOK_UNDERLINE ? "u" : "",
             l.attrs & LOOK_REVERSE ? "r" : "", l.attrs & LOOK_ITALIC ? "i" : "");
    buf_printf(out, "  %-10s", text);
}

static void put_row(struct buf *out, char letter, const char *name, const struct cell *cell, const struct looks *all,
                    size_t n) {
    buf_printf(out, "%c %-24s", letter, name);
    for (size_t i = 0; i < n; i++)
        put_look(out, look_of_cell(cell, all[i].of), i > 0);
    while (out->n > 0 && out->p[out->n - 1] == ' ')
        out->n--;
    buf_puts(out, "\n");
}

void shot_check_looks(void) {
    static const struct { const char *theme; int colours; } columns[] = {
        {"mono", 0}, {"dark", 256}, {"dark", 16}, {"dark", 8}, {"contrast", 256}, {"ember", 256}, {"fjord", 256},
        {"light", 256}, {"phosphor", 256}, {"tide", 256},
    };
    enum { N = sizeof columns / sizeof *columns };
    struct looks all[N];
    struct buf out = {0};
    buf_printf(&out, "  %-24s", "role");
    for (size_t i = 0; i < N; i++) {
        char title[24];
        all[i] = looks_load(columns[i].theme, columns[i].colours);
        snprintf(title, sizeof title, i ? "%s %d" : "%s", columns[i].theme, columns[i].colours);
        buf_printf(&out, i + 1 < N ? "  %-10s" : "  %s\n", title);
    }
    for (int i = 0; i < ROLE_N; i++) {
        struct cell cell = {.cp = 'x', .role = (uint8_t)i};
        put_row(&out, letter_of(&cell), roles[i].name, &cell, all, N);
    }
    for (size_t i = 0; i < N_STYLED; i++) {
        struct cell cell = {.cp = 'x', .role = (uint8_t)styled[i].role, .style = styled[i].style};
        put_row(&out, styled[i].letter, styled[i].name, &cell, all, N);
    }
    check_file("looks", &out);
    buf_fini(&out);
}
