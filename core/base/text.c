/* The one sanitizer, on utf8proc's tables.  Pure functions, any thread; but the locale is set by the main thread.
 *
 * What is shown as it is: assigned code points that are neither controls, format
 * characters, separators of lines, surrogates, private use, nor invisible by the
 * list below (Unicode's Default_Ignorable_Code_Point outside the Cf category:
 * fillers and variation selectors, which terminals disagree about). */
#include "core/base/text.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <utf8proc.h>

#define ESCAPE_SIZE 16 /* the longest is \u{10ffff} */

size_t text_next(const uint8_t *p, size_t n, int32_t *cp) {
    utf8proc_int32_t got;
    utf8proc_ssize_t used = utf8proc_iterate(p, n < 4 ? (utf8proc_ssize_t)n : 4, &got);
    if (used <= 0) {
        *cp = -1;
        return 1;
    }
    *cp = got;
    return (size_t)used;
}

static bool text_is_invisible(int32_t cp) {
    static const struct { int32_t first, last; } ranges[] = {
        {0x034f, 0x034f}, {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f}, {0x2065, 0x2065},
        {0x3164, 0x3164}, {0xfe00, 0xfe0f}, {0xffa0, 0xffa0}, {0xfff0, 0xfff8}, {0xe0000, 0xe0fff},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (cp >= ranges[i].first && cp <= ranges[i].last)
            return true;
    return false;
}

bool text_is_plain(int32_t cp) {
    if (cp < 0x7f)
        return cp >= 0x20;
    switch (utf8proc_category(cp)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
        return false;
    default:
        return !text_is_invisible(cp);
    }
}

int text_width(int32_t cp) {
    int w = utf8proc_charwidth(cp);
    return w < 0 ? 0 : w > 2 ? 2 : w;
}

/* The shown form of the character at p: itself, or an escape.  Returns its size. */
static size_t text_one(const uint8_t *p, size_t n, char out[ESCAPE_SIZE], size_t *eaten) {
    int32_t cp;
    *eaten = text_next(p, n, &cp);
    if (text_is_plain(cp)) {
        memcpy(out, p, *eaten);
        return *eaten;
    }
    int used;
    if (cp == '\n' || cp == '\r' || cp == '\t')
        used = snprintf(out, ESCAPE_SIZE, "\\%c", cp == '\n' ? 'n' : cp == '\r' ? 'r' : 't');
    else if (cp < 0x80)
        used = snprintf(out, ESCAPE_SIZE, "\\x%02x", (unsigned)*p);
    else
        used = snprintf(out, ESCAPE_SIZE, "\\u{%x}", (unsigned)cp);
    return (size_t)used;
}

static size_t text_ascii_run(const uint8_t *p, size_t n) {
    size_t i = 0;
    while (i < n && p[i] >= 0x20 && p[i] < 0x7f)
        i++;
    return i;
}

size_t text_sanitize(struct buf *out, struct slice s, size_t max_bytes) {
    size_t at = 0;
    while (at < s.n && max_bytes > 0) {
        size_t left = s.n - at;
        size_t run = text_ascii_run(s.p + at, left < max_bytes ? left : max_bytes);
        if (run > 0) {
            buf_put(out, s.p + at, run);
            at += run;
            max_bytes -= run;
            continue;
        }
        char shown[ESCAPE_SIZE];
        size_t eaten;
        size_t n = text_one(s.p + at, left, shown, &eaten);
        if (n > max_bytes)
            break;
        buf_put(out, shown, n);
        at += eaten;
        max_bytes -= n;
    }
    return at;
}

char *text_safe(struct slice s, char *out, size_t out_size) {
    size_t used = 0, keep = 0; /* keep: the last boundary that leaves room for the dots */
    weir_assert(out_size > 0);
    for (size_t at = 0; at < s.n;) {
        char shown[ESCAPE_SIZE];
        size_t eaten;
        size_t n = text_one(s.p + at, s.n - at, shown, &eaten);
        if (used + n >= out_size) {
            size_t dots = out_size - 1 - keep < 3 ? out_size - 1 - keep : 3;
            memset(out + keep, '.', dots);
            used = keep + dots;
            break;
        }
        memcpy(out + used, shown, n);
        used += n;
        at += eaten;
        if (used + 3 < out_size)
            keep = used;
    }
    out[used] = '\0';
    return out;
}

/* ---- for a shell ---- */

static bool shell_bare(struct slice s) {
    for (size_t i = 0; i < s.n; i++) {
        bool letter = (s.p[i] >= '0' && s.p[i] <= '9') || ((s.p[i] | 32) >= 'a' && (s.p[i] | 32) <= 'z');
        if (!letter && memchr("._-+:,/@%=", s.p[i], 10) == NULL)
            return false;
    }
    return s.n > 0 && s.p[0] != '='; /* zsh looks for the program =NAME */
}

static bool text_is_shown(struct slice s) {
    int32_t cp = ' ';
    for (size_t at = 0; at < s.n && text_is_plain(cp);)
        at += text_next(s.p + at, s.n - at, &cp);
    return text_is_plain(cp);
}

static void shell_quoted(struct buf *out, struct slice s) {
    buf_puts(out, "'");
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '\'')
            buf_puts(out, "'\\''");
        else
            buf_put_u8(out, s.p[i]);
    buf_puts(out, "'");
}

/* A word of a shell has no zero byte: it becomes a backslash and zeroes, which name nothing. */
static void shell_escaped(struct buf *out, struct slice s) {
    buf_puts(out, "$'");
    for (size_t at = 0; at < s.n;) {
        int32_t cp;
        size_t n = text_next(s.p + at, s.n - at, &cp);
        if (cp == '\'' || cp == '\\' || cp == 0)
            buf_puts(out, cp == 0 ? "\\\\000" : cp == '\'' ? "\\'" : "\\\\");
        else if (text_is_plain(cp))
            buf_put(out, s.p + at, n);
        else
            for (size_t i = 0; i < n; i++)
                buf_printf(out, "\\%03o", (unsigned)s.p[at + i]);
        at += n;
    }
    buf_puts(out, "'");
}

void text_shell_word(struct buf *out, struct slice s) {
    if (shell_bare(s))
        buf_put(out, s.p, s.n);
    else if (text_is_shown(s))
        shell_quoted(out, s);
    else
        shell_escaped(out, s);
}

/* ---- the locale ---- */

/* No locale set at all, or one that this machine lacks: C.UTF-8, but for one that names another character set. */
bool text_locale_is_utf8(void) {
    const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    const char *asked = "";
    for (size_t i = 0; i < 3 && *asked == '\0'; i++)
        asked = getenv(names[i]) != NULL ? getenv(names[i]) : "";
    const char *set = strchr(asked, '.');
    bool other = set != NULL && strncasecmp(set, ".utf8", 5) != 0 && strncasecmp(set, ".utf-8", 6) != 0;
    if (*asked == '\0' || setlocale(LC_CTYPE, "") == NULL)
        if (other || setlocale(LC_CTYPE, "C.UTF-8") == NULL)
            setlocale(LC_CTYPE, "C");
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* ---- times ---- */

static bool time_ago(const char *text, int64_t now_ms, int64_t *ms) {
    static const char units[] = "smhd";
    static const int64_t unit_ms[] = {1000, 60000, 3600000, 86400000};
    char *end;
    long long n = strtoll(text, &end, 10);
    const char *unit = end != text && *end != '\0' && end[1] == '\0' ? strchr(units, *end) : NULL;
    if (unit == NULL || n < 0 || n > 1000000)
        return false;
    *ms = now_ms - n * unit_ms[unit - units];
    return true;
}

bool text_time(const char *text, int64_t now_ms, int64_t *ms) {
    static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M",
                                        "%Y-%m-%d"};
    if (time_ago(text, now_ms, ms))
        return true;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {.tm_isdst = -1};
        int64_t part = 0;
        const char *end = strptime(text, forms[i], &tm);
        if (end == NULL)
            continue;
        if (*end == '.' && i < 2) {
            int64_t unit = 100;
            for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
                part += (*end - '0') * unit;
        }
        if (*end != '\0' && strcmp(end, "Z") != 0)
            continue;
        time_t t = *end == 'Z' ? timegm(&tm) : mktime(&tm);
        *ms = (int64_t)t * 1000 + part;
        return t != (time_t)-1;
    }
    return false;
}

static int hex_digit(char c) {
    const char *digits = "0123456789abcdef", *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

int text_escape(const char **at) {
    static const char letters[] = "ntr0\\,=", bytes[] = "\n\t\r\0\\,=";
    const char *from = *at, *letter = *from != '\0' ? strchr(letters, *from) : NULL;
    if (letter != NULL) {
        *at = from + 1;
        return bytes[letter - letters];
    }
    if (*from != 'x' || hex_digit(from[1]) < 0 || hex_digit(from[2]) < 0)
        return -1;
    *at = from + 3;
    return hex_digit(from[1]) * 16 + hex_digit(from[2]);
}

bool text_unescape(struct buf *out, const char *text) {
    while (*text != '\0') {
        int byte = (uint8_t)*text++;
        if (byte == '\\' && (byte = text_escape(&text)) < 0)
            return false;
        buf_put_u8(out, (uint8_t)byte);
    }
    return true;
}
