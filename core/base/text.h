/* The one sanitizer.  Every byte from outside (payloads, keys, headers, names,
 * error texts) passes it before it reaches a cell, stdout, a log, the title or
 * the clipboard.  Shown escaped: C0 and DEL (\x1b, \n \r \t by name), C1, invalid
 * UTF-8 (each bad byte as \xNN), bidi controls, zero-width and other invisible
 * characters, tag characters, private-use and unassigned code points (\u{202e}). */
#ifndef WEIR_BASE_TEXT_H
#define WEIR_BASE_TEXT_H

#include "core/base/mem.h"

/* Decodes one code point; returns bytes eaten (>= 1), *cp = -1 when the byte is not UTF-8. */
size_t text_next(const uint8_t *p, size_t n, int32_t *cp);
/* True when the code point may be shown as it is. */
bool text_is_plain(int32_t cp);
/* Columns of a plain code point on a terminal: 0 (combining), 1 or 2. */
int text_width(int32_t cp);
/* Appends the printable form of s, at most max_bytes of output (never cut inside
 * an escape or a character); returns the input bytes that were used. */
size_t text_sanitize(struct buf *out, struct slice s, size_t max_bytes);
/* As one C string in a caller's buffer, cut with "..." where it does not fit. */
char *text_safe(struct slice s, char *out, size_t out_size);
/* What people write for bytes that they cannot type, everywhere the same: \n \t \r \0 \xNN, and \\ \, \= for
 * the characters themselves. */
#define TEXT_ESCAPES "\\n \\t \\r \\0 \\\\ \\, \\= \\xNN"
/* The byte of the escape whose backslash stands before *at, which moves on behind it; -1: there is none such. */
int text_escape(const char **at);
/* The text with its escapes taken; false: one is unknown. */
bool text_unescape(struct buf *out, const char *text);
/* Appends s as one word of a shell, bare, in '...' or, where it has what may not be shown, in $'...' with octal escapes
 * (bash, ksh, zsh, POSIX 2024): nothing that is left of it breaks out of the word or changes when it is sanitised. */
void text_shell_word(struct buf *out, struct slice s);
/* Sets LC_CTYPE from the environment; false: its terminals do not show UTF-8, whose bytes may be controls there. */
bool text_locale_is_utf8(void);
/* A time as people write it, in ms since 1970: 90s, 10m, 2h or 1d (that long before now_ms); 2026-01-31,
 * 2026-01-31T12:00 or with :SS and .mmm, a blank for the T, local time, or UTC with Z at the end. */
bool text_time(const char *text, int64_t now_ms, int64_t *ms);

#endif
