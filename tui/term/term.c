/* The terminal by curses: one place that sets it up, shows a canvas, and gives
 * it back.  What was shown last is kept, so that an unchanged canvas costs a
 * comparison and not a byte on the line. */
#include "tui/term/term.h"

#include "tui/term/keys_read.h"
#include "tui/term/quiet.h"
#include "tui/term/signals.h"

#include "core/base/base64.h"
#include "core/base/text.h"

#include <curses.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <term.h>
#include <termios.h>
#include <unistd.h>

#undef lines
#undef columns

#define ESCAPE_DELAY_MS 25
#define FRAME_US 16667
#define FRAME_SSH_US 50000
#define FRAME_QUEUED_US 100000
#define PAIRS_MAX 250

struct pair_entry { int32_t fg, bg; };
static struct {
    SCREEN *screen;
    bool open, ascii, gone, redraw, brackets, clears_coloured;
    int colours;
    struct theme theme;
    struct pair_entry pairs[PAIRS_MAX];     /* pair i + 1 */
    int n_pairs;
    struct canvas shown;
    int cursor;                             /* curs_set as it stands */
} term;

static bool term_name_has(const char *const *prefixes) {
    const char *name = getenv("TERM");
    for (; name && *prefixes; prefixes++)
        if (strncmp(name, *prefixes, strlen(*prefixes)) == 0)
            return true;
    return false;
}

static void term_modes(void) {
    raw();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    idlok(stdscr, TRUE);
    set_escdelay(ESCAPE_DELAY_MS);
    keys_define();
}

static const char *capability(const char *name) {
    const char *s = tigetstr(name);
    return s && s != (const char *)-1 ? s : NULL;
}

/* Pasted text in brackets, so that it is never taken for keys. */
static void term_brackets(bool on) {
    const char *sequence = capability(on ? "BE" : "BD");
    if (sequence)
        putp(sequence);
    fflush(stdout);
}

/* What a crash has to write. */
static void term_prepare_crash(void) {
    static const char *const names[] = {"BD", "rmkx", "sgr0", "cnorm", "rmcup"};
    char all[200] = "";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *s = capability(names[i]);
        size_t at = strlen(all);
        if (s)
            snprintf(all + at, sizeof all - at, "%s", s);
    }
    quiet_on_crash(all);
}

/* newterm also takes terminals that only print line after line. */
static bool screen_open(struct error *e) {
    const char *name = getenv("TERM");
    char shown[64];
    term.screen = newterm(NULL, stdout, stdin);
    if (term.screen && capability("cup") && (capability("ed") || capability("clear")))
        return true;
    if (term.screen) {
        endwin();
        delscreen(term.screen);
    }
    if (name && *name)
        error_set(e, ERR_UNSUPPORTED, "the terminal \"%s\" is not known here or cannot place the cursor; set TERM, for "
                                      "example to xterm-256color", text_safe(slice_cstr(name), shown, sizeof shown));
    else
        error_set(e, ERR_UNSUPPORTED, "TERM is not set; it names the kind of terminal, for example xterm-256color");
    return false;
}

enum err term_open(const struct term_options *o, struct error *e) {
    static const char *const bare[] = {"vt1", "vt2", "vt5", "ansi", NULL};
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return error_set(e, ERR_USAGE, "the console needs a terminal; for scripts there are weir topics, groups, "
                                       "produce, tail and others (weir --help)");
    bool utf8 = text_locale_is_utf8();
    enum err err = signals_open(e);
    if (err != OK)
        return err;
    quiet_begin();
    if (!screen_open(e)) {
        quiet_end();
        signals_close();
        return ERR_UNSUPPORTED;
    }
    term.open = true;
    term.ascii = o->ascii || !utf8 || term_name_has(bare);
    term.cursor = -1;
    term_modes();
    if (!o->no_color && has_colors() && start_color() == OK && COLORS >= 8) {
        use_default_colors();
        term.colours = COLORS;
    }
    term.clears_coloured = tigetflag("bce") == 1;
    term_prepare_crash();
    term_brackets(true);
    theme_mono(&term.theme);
    term_resized(); /* curses lets LINES and COLUMNS go before what the terminal says */
    canvas_init(&term.shown, COLS, LINES, term.ascii);
    term.redraw = true;
    return OK;
}

/* An alternate screen goes empty: after a resize tmux 3.3 leaves lines of it in the other. */
static void give_back(void) {
    term_brackets(false);
    if (capability("rmcup")) {
        erase();
        refresh();
    }
    curs_set(1);
    endwin();
}

void term_close(void) {
    if (!term.open)
        return;
    term.open = false;
    if (!term.gone) {
        give_back();
        delscreen(term.screen);
    }
    canvas_fini(&term.shown);
    quiet_end();
    signals_close();
}

bool term_is_ascii(void) { return term.ascii; }
int term_colours(void) { return term.colours; }
bool term_gone(void) { return term.gone; }

void term_size(int *w, int *h) {
    *w = COLS;
    *h = LINES;
}

void term_set_theme(const struct theme *t) {
    term.theme = *t;
    term.n_pairs = 0;
    term.redraw = true;
}

static int pair_of(int32_t fg, int32_t bg) {
    if (fg == COLOUR_DEFAULT && bg == COLOUR_DEFAULT)
        return 0;
    int max = COLOR_PAIRS - 1 < PAIRS_MAX ? COLOR_PAIRS - 1 : PAIRS_MAX;
    for (int i = 0; i < term.n_pairs; i++)
        if (term.pairs[i].fg == fg && term.pairs[i].bg == bg)
            return i + 1;
    if (term.n_pairs >= max)
        return 0;
    int rgb = term.colours >= 1 << 24 ? COLOUR_RGB - 1 : 0xffff;
    term.pairs[term.n_pairs] = (struct pair_entry){fg, bg};
    init_extended_pair(++term.n_pairs, fg < 0 ? -1 : fg & rgb, bg < 0 ? -1 : bg & rgb);
    return term.n_pairs;
}

static attr_t attributes_of(uint8_t attrs) {
    return (attrs & LOOK_BOLD ? A_BOLD : 0) | (attrs & LOOK_DIM ? A_DIM : 0) |
           (attrs & LOOK_UNDERLINE ? A_UNDERLINE : 0) | (attrs & LOOK_REVERSE ? A_REVERSE : 0) |
           (attrs & LOOK_ITALIC ? A_ITALIC : 0);
}

/* Blanks between words take the look of what is before them where that cannot be seen, those at the start of a row of
 * what follows them: every change of colour is ten bytes on the line.  The end of a row is cleared in one go: in the
 * look before it where the terminal clears to any colour or the row has a background, else in none. */
static void row_show(const struct canvas *c, int y, const struct look looks[ROLE_N]) {
    static cchar_t row[2048];
    int n = 0, end = c->w, first = 0;
    struct look before = {COLOUR_DEFAULT, COLOUR_DEFAULT, 0};
    while (end > 0 && canvas_cell(c, y, end - 1)->cp == ' ')
        end--;
    while (first < end && canvas_cell(c, y, first)->cp == ' ')
        first++;
    if (first < end)
        before = look_of_cell(canvas_cell(c, y, first), looks);
    for (int x = 0; x < c->w; x++) {
        const struct cell *cell = canvas_cell(c, y, x);
        if (cell->cp == 0)
            continue;
        struct look l = look_of_cell(cell, looks);
        bool unseen = cell->cp == ' ' && !((l.attrs | before.attrs) & (LOOK_UNDERLINE | LOOK_REVERSE));
        if (unseen && l.bg == before.bg && (x < end || term.clears_coloured || l.bg != COLOUR_DEFAULT))
            l = before;
        else if (unseen && x >= end)
            l = (struct look){COLOUR_DEFAULT, l.bg, 0};
        before = l;
        wchar_t text[4] = {(wchar_t)cell->cp, (wchar_t)cell->marks[0], (wchar_t)cell->marks[1], 0};
        setcchar(&row[n++], text, attributes_of(l.attrs), (short)pair_of(l.fg, l.bg), NULL);
    }
    mvadd_wchnstr(y, 0, row, n);
}

void term_flush(const struct canvas *c) {
    struct look looks[ROLE_N];
    bool changed = term.redraw, ready = false;
    if (term.gone || !term.open)
        return;
    if (term.shown.w != c->w || term.shown.h != c->h) {
        canvas_resize(&term.shown, c->w, c->h);
        changed = term.redraw = true;
    }
    if (term.redraw)
        clearok(stdscr, TRUE);
    for (int y = 0; y < c->h && y < LINES; y++) {
        size_t bytes = (size_t)c->w * sizeof *c->cells;
        if (!term.redraw && memcmp(canvas_cell(c, y, 0), canvas_cell(&term.shown, y, 0), bytes) == 0)
            continue;
        for (int i = 0; !ready && i < ROLE_N; i++)
            looks[i] = look_degrade(term.theme.looks[i], (enum role)i, term.colours);
        ready = changed = true;
        row_show(c, y, looks);
        memcpy(canvas_cell(&term.shown, y, 0), canvas_cell(c, y, 0), bytes);
    }
    term.redraw = false;
    bool cursor = c->cursor_y >= 0;
    if (!changed && (cursor ? 1 : 0) == term.cursor && c->cursor_y == term.shown.cursor_y &&
        c->cursor_x == term.shown.cursor_x)
        return;
    term.shown.cursor_y = c->cursor_y;
    term.shown.cursor_x = c->cursor_x;
    if ((cursor ? 1 : 0) != term.cursor)
        curs_set(term.cursor = cursor ? 1 : 0);
    leaveok(stdscr, !cursor);
    if (cursor)
        move(c->cursor_y, c->cursor_x);
    refresh();
}

void term_redraw(void) { term.redraw = true; }

int64_t term_frame_us(void) {
    int queued = 0;
    if (ioctl(STDOUT_FILENO, TIOCOUTQ, &queued) == 0 && queued > 0)
        return FRAME_QUEUED_US;
    const char *ssh = getenv("SSH_CONNECTION");
    return ssh && *ssh ? FRAME_SSH_US : FRAME_US;
}

bool term_can_paint(void) {
    struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT);
}

bool term_key(struct key *k) { return term.open && keys_read(k); }

void term_hung_up(void) { term.gone = true; }

void term_resized(void) {
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
        return;
    if (size.ws_row != LINES || size.ws_col != COLS)
        resizeterm(size.ws_row, size.ws_col);
    term.redraw = true;
}

void term_leave(void) {
    give_back();
    term.cursor = 1;
    fflush(stdout);
}

void term_return(void) {
    refresh();
    term_brackets(true);
    term_resized();
    term.redraw = true;
}

void term_continued(void) { reset_prog_mode(); }

void term_stop(void) {
    term_leave();
    signals_stop_self();
    term_return();
}

bool term_copy(struct slice text) {
    static const char *const without[] = {"linux", "vt", "dumb", "ansi", NULL};
    if (term.gone || term_name_has(without) || text.n > TERM_COPY_MAX)
        return false;
    struct buf safe = {0}, sequence = {0};
    text_sanitize(&safe, text, TERM_COPY_MAX);
    buf_puts(&sequence, "\033]52;c;");
    base64_put(&sequence, buf_slice(&safe));
    buf_puts(&sequence, "\a");
    fflush(stdout);
    size_t sent = 0;
    while (sent < sequence.n) {
        ssize_t n = write(STDOUT_FILENO, sequence.p + sent, sequence.n - sent);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    bool whole = sent == sequence.n;
    buf_fini(&safe);
    buf_fini(&sequence);
    return whole;
}
