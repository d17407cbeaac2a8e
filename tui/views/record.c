#include "tui/views/record.h"

#include "core/base/text.h"
#include "tui/ui/json.h"

#include <inttypes.h>
#include <stdio.h>

#define SHOWN_MAX ((size_t)1024 * 1024)     /* of a key, of a value: more is for a file */

const char *decode_name(enum decode d) {
    static const char *const names[DECODE_N] = {"auto", "json", "text", "hex"};
    return names[d];
}

/* Text when nearly all of it can be shown as it is. */
static bool looks_like_text(struct slice s) {
    size_t bad = 0, at = 0, n = s.n < 4096 ? s.n : 4096;
    while (at < n) {
        int32_t cp;
        at += text_next(s.p + at, s.n - at, &cp);
        bad += !text_is_plain(cp) && cp != '\n' && cp != '\r' && cp != '\t';
    }
    return bad * 10 <= n;
}

static void put_hex(struct block *b, struct slice s) {
    for (size_t at = 0; at < s.n; at += 16) {
        size_t n = s.n - at < 16 ? s.n - at : 16;
        char text[17], hex[64] = "";
        size_t used = 0;
        block_line(b, 0);
        block_printf(b, ROLE_dim, "%06zx  ", at);
        for (size_t i = 0, from = 0; i < 16; i++) { /* a run for what has one colour, so that a megabyte is no burden */
            bool zero = i < n && s.p[at + i] == 0;
            if (i < n)
                used += (size_t)snprintf(hex + used, sizeof hex - used, "%02x%s", s.p[at + i], i == 7 ? "  " : " ");
            else
                used += (size_t)snprintf(hex + used, sizeof hex - used, i == 7 ? "    " : "   ");
            if (i == 15 || zero != (i + 1 < n && s.p[at + i + 1] == 0)) {
                block_own(b, zero ? ROLE_zero : ROLE_text, hex + from);
                from = used;
            }
        }
        for (size_t i = 0; i < n; i++)
            text[i] = s.p[at + i] >= 0x20 && s.p[at + i] < 0x7f ? (char)s.p[at + i] : '.';
        text[n] = '\0';
        block_own(b, ROLE_frame, " │");
        block_own(b, ROLE_json_string, text);
        block_own(b, ROLE_frame, "│");
    }
}

static void put_text(struct block *b, struct slice s) {
    size_t from = 0;
    for (size_t i = 0; i <= s.n; i++) {
        if (i < s.n && s.p[i] != '\n')
            continue;
        size_t to = i > from && s.p[i - 1] == '\r' ? i - 1 : i;
        block_line(b, 0);
        block_foreign(b, ROLE_text, slice_of(s.p + from, to - from));
        from = i + 1;
    }
}

static void put_bytes(struct block *b, const char *name, struct slice s, size_t bytes, enum decode decode, int fold) {
    char size[FORMAT_SIZE];
    block_line(b, 0);
    block_own(b, ROLE_header, name);
    if (!s.p) {
        block_own(b, ROLE_zero, "  ∅ null");
        return;
    }
    bool cut = s.n < bytes || s.n > SHOWN_MAX;
    if (s.n > SHOWN_MAX)
        s.n = SHOWN_MAX;
    if (decode == DECODE_AUTO)
        decode = json_is(s, cut) ? DECODE_JSON : looks_like_text(s) ? DECODE_TEXT : DECODE_HEX;
    if (decode == DECODE_JSON && !json_is(s, cut))
        decode = DECODE_TEXT;
    block_printf(b, ROLE_dim, "  %s  %s%s", fmt_bytes(size, (int64_t)bytes, false), decode_name(decode),
                 !cut ? "" : s.n < SHOWN_MAX ? "  (the beginning)" : "  (the first MiB)");
    if (bytes == 0)
        return;
    if (decode == DECODE_JSON)
        json_block(b, s, fold);
    else if (decode == DECODE_TEXT)
        put_text(b, s);
    else
        put_hex(b, s);
}

void record_block(struct block *b, const struct tail_row *row, enum decode decode, int fold) {
    struct slice rest = row->headers;
    struct record_header h;
    block_clear(b);
    if (row->n_headers > 0) {
        block_line(b, 0);
        block_printf(b, ROLE_header, "HEADERS");
        block_printf(b, ROLE_dim, "  %" PRId32, row->n_headers);
        while (rest.n > 0 && record_header_next(&rest, &h) == OK) {
            block_line(b, 0);
            block_foreign(b, ROLE_json_key, h.key);
            block_own(b, ROLE_dim, " = ");
            if (!h.value.p)
                block_own(b, ROLE_zero, "∅");
            else
                block_foreign(b, ROLE_json_string, h.value);
        }
    }
    put_bytes(b, "KEY", row->key, row->key_bytes, decode, fold);
    put_bytes(b, "VALUE", row->value, row->value_bytes, decode, fold);
}
