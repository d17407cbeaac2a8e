/* From what curses reads to names. */
#include "tui/term/keys_read.h"

#include "core/base/text.h"

#include <curses.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <wctype.h>

#define PASTE_MAX (1024 * 1024)
#define PASTE_WAIT_MS 500 /* a bracket that never closes ends after this silence */

static const struct { int code; const char *name; } key_codes[] = {
    {KEY_UP, "up"}, {KEY_DOWN, "down"}, {KEY_LEFT, "left"}, {KEY_RIGHT, "right"}, {KEY_PPAGE, "pgup"},
    {KEY_NPAGE, "pgdn"}, {KEY_HOME, "home"}, {KEY_END, "end"}, {KEY_A1, "home"}, {KEY_C1, "end"},
    {KEY_BACKSPACE, "backspace"}, {KEY_DC, "delete"}, {KEY_IC, "insert"}, {KEY_BTAB, "shift-tab"},
    {KEY_ENTER, "enter"}, {KEY_SLEFT, "shift-left"}, {KEY_SRIGHT, "shift-right"}, {KEY_PASTE_BEGIN, "paste"},
};
static struct buf key_paste;

static void key_named(struct key *k, const char *name) { snprintf(k->name, sizeof k->name, "%s", name); }

static size_t utf8_of(uint32_t cp, uint8_t out[4]) {
    if (cp < 0x80)
        return out[0] = (uint8_t)cp, 1;
    if (cp < 0x800)
        return out[0] = (uint8_t)(0xc0 | (cp >> 6)), out[1] = (uint8_t)(0x80 | (cp & 63)), 2;
    if (cp < 0x10000)
        return out[0] = (uint8_t)(0xe0 | (cp >> 12)), out[1] = (uint8_t)(0x80 | ((cp >> 6) & 63)),
               out[2] = (uint8_t)(0x80 | (cp & 63)), 3;
    return out[0] = (uint8_t)(0xf0 | ((cp >> 18) & 7)), out[1] = (uint8_t)(0x80 | ((cp >> 12) & 63)),
           out[2] = (uint8_t)(0x80 | ((cp >> 6) & 63)), out[3] = (uint8_t)(0x80 | (cp & 63)), 4;
}

static void key_from_char(struct key *k, uint32_t cp) {
    static const struct { uint32_t cp; const char *name; } special[] = {
        {'\r', "enter"}, {'\n', "enter"}, {'\t', "tab"}, {27, "esc"}, {127, "backspace"}, {8, "backspace"},
        {0, "ctrl-space"},
    };
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (special[i].cp == cp) {
            key_named(k, special[i].name);
            return;
        }
    if (cp < 27) {
        snprintf(k->name, sizeof k->name, "ctrl-%c", (char)('a' + cp - 1));
    } else if (cp < 32) {
        snprintf(k->name, sizeof k->name, "ctrl-%c", "\\]^_"[cp - 28]);
    } else {
        k->cp = cp;
        uint8_t text[4];
        size_t n = utf8_of(cp, text);
        snprintf(k->name, sizeof k->name, "%.*s", (int)n, (const char *)text);
        if (cp == ' ')
            key_named(k, "space");
    }
}

/* All up to the closing bracket. */
static void key_read_paste(struct key *k) {
    buf_clear(&key_paste);
    for (;;) {
        wint_t c;
        int got = get_wch(&c);
        if (got == ERR) {
            struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
            if (poll(&fd, 1, PASTE_WAIT_MS) <= 0 || (fd.revents & (POLLHUP | POLLERR)))
                break;
        } else if (got == KEY_CODE_YES) {
            if (c == KEY_PASTE_END)
                break;
        } else if (key_paste.n < PASTE_MAX) {
            uint8_t text[4];
            buf_put(&key_paste, text, utf8_of(c == '\r' ? '\n' : (uint32_t)c, text));
        }
    }
    k->paste = buf_slice(&key_paste);
}

static bool key_from_code(struct key *k, wint_t code) {
    for (size_t i = 0; i < sizeof key_codes / sizeof *key_codes; i++)
        if ((wint_t)key_codes[i].code == code) {
            key_named(k, key_codes[i].name);
            if (code == KEY_PASTE_BEGIN)
                key_read_paste(k);
            return true;
        }
    if (code >= KEY_F(1) && code <= KEY_F(24)) {
        snprintf(k->name, sizeof k->name, "f%u", (unsigned)(code - KEY_F(0)));
        return true;
    }
    return false;
}

bool keys_read(struct key *k) {
    for (;;) {
        wint_t c, next;
        *k = (struct key){0};
        int got = get_wch(&c);
        if (got == ERR)
            return false;
        if (got == KEY_CODE_YES) {
            if (key_from_code(k, c))
                return true;
            continue;
        }
        key_from_char(k, (uint32_t)c);
        if (c == 27 && (got = get_wch(&next)) != ERR) {
            struct key second = {0};
            if (got == KEY_CODE_YES ? !key_from_code(&second, next) : (key_from_char(&second, (uint32_t)next), false))
                return true;
            snprintf(k->name, sizeof k->name, "alt-%.11s", second.name);
        }
        return true;
    }
}

/* A terminal is often not quite the one that TERM names: what its entry gives no meaning to means the usual. */
void keys_define(void) {
    static const struct { const char *sequence; int code; } usual[] = {
        {"\033[200~", KEY_PASTE_BEGIN}, {"\033[201~", KEY_PASTE_END},
        {"\033[A", KEY_UP}, {"\033[B", KEY_DOWN}, {"\033[C", KEY_RIGHT}, {"\033[D", KEY_LEFT},
        {"\033OA", KEY_UP}, {"\033OB", KEY_DOWN}, {"\033OC", KEY_RIGHT}, {"\033OD", KEY_LEFT},
        {"\033[H", KEY_HOME}, {"\033[F", KEY_END}, {"\033OH", KEY_HOME}, {"\033OF", KEY_END},
        {"\033[2~", KEY_IC}, {"\033[3~", KEY_DC}, {"\033[5~", KEY_PPAGE}, {"\033[6~", KEY_NPAGE},
        {"\033[7~", KEY_HOME}, {"\033[8~", KEY_END}, {"\033[Z", KEY_BTAB},
    };
    define_key("\033[1~", KEY_HOME); /* what vt220 calls find and select */
    define_key("\033[4~", KEY_END);
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (key_defined(usual[i].sequence) == 0)
            define_key(usual[i].sequence, usual[i].code);
}

/* One character that is not a control: as wide as it is in UTF-8. */
static bool key_is_character(const char *name, size_t n) {
    int32_t cp;
    return n > 0 && text_next((const uint8_t *)name, n, &cp) == n && cp > ' ' && text_is_plain(cp);
}

bool key_known(const char *name) {
    static const char *const others[] = {"enter", "tab", "esc", "space", "ctrl-space", "ctrl-\\", "ctrl-]", "ctrl-^",
                                         "ctrl-_"};
    size_t n = strlen(name);
    if (n >= sizeof((struct key *)NULL)->name)
        return false;
    if (strncmp(name, "alt-", 4) == 0)
        return strncmp(name + 4, "alt-", 4) != 0 && n < 15 && key_known(name + 4);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strcmp(others[i], name) == 0)
            return true;
    for (size_t i = 0; i < sizeof key_codes / sizeof *key_codes; i++)
        if (key_codes[i].code != KEY_PASTE_BEGIN && strcmp(key_codes[i].name, name) == 0)
            return true;
    if (name[0] == 'f' && n > 1) {
        char *end;
        long number = strtol(name + 1, &end, 10);
        return *end == '\0' && name[1] >= '1' && name[1] <= '9' && number >= 1 && number <= 24;
    }
    if (n == 6 && strncmp(name, "ctrl-", 5) == 0) /* four letters arrive as keys of their own */
        return name[5] >= 'a' && name[5] <= 'z' && !strchr("hijm", name[5]);
    return key_is_character(name, n);
}

bool key_of(struct key *k, const char *name) {
    *k = (struct key){0};
    size_t n = strlen(name);
    int32_t cp = n == 1 ? (uint8_t)name[0] : -1;
    if (strcmp(name, "space") == 0)
        cp = ' ';
    if (n == 0 || n >= sizeof k->name)
        return false;
    key_named(k, name);
    k->cp = cp >= 32 ? (uint32_t)cp : 0;
    return true;
}
