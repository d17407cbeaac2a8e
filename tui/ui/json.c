/* A scanner without recursion: nesting is counted, not followed, so that a
 * megabyte of brackets costs a megabyte of time and no stack. */
#include "tui/ui/json.h"

#include <stdlib.h>

enum token { TOKEN_END, TOKEN_BAD, TOKEN_OPEN, TOKEN_CLOSE, TOKEN_COLON, TOKEN_COMMA, TOKEN_STRING, TOKEN_NUMBER,
             TOKEN_WORD };
struct scan { struct slice s; size_t at, from; };

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static enum token scan_string(struct scan *j) {
    for (j->at++; j->at < j->s.n; j->at++) {
        uint8_t c = j->s.p[j->at];
        if (c == '\\' && j->at + 1 < j->s.n) {
            j->at++;
            if (!memchr("\"\\/bfnrtu", j->s.p[j->at], 9))
                return TOKEN_BAD;
        } else if (c == '"')
            return j->at++, TOKEN_STRING;
        else if (c < 0x20)
            return TOKEN_BAD;
    }
    j->at = j->s.n;
    return TOKEN_END;
}

static size_t scan_digits(struct scan *j) {
    size_t n = 0;
    for (; j->at < j->s.n && j->s.p[j->at] >= '0' && j->s.p[j->at] <= '9'; n++)
        j->at++;
    return n;
}

static enum token scan_number(struct scan *j) {
    j->at += j->s.p[j->at] == '-';
    size_t from = j->at, whole = scan_digits(j);
    bool good = whole == 1 || (whole > 1 && j->s.p[from] != '0');
    if (good && j->at < j->s.n && j->s.p[j->at] == '.') {
        j->at++;
        good = scan_digits(j) > 0;
    }
    if (good && j->at < j->s.n && (j->s.p[j->at] | 32) == 'e') {
        j->at++;
        j->at += j->at < j->s.n && (j->s.p[j->at] == '+' || j->s.p[j->at] == '-');
        good = scan_digits(j) > 0;
    }
    /* A number that the end cut is as good as none: it is the end. */
    return good ? TOKEN_NUMBER : j->at == j->s.n && whole > 0 ? TOKEN_END : TOKEN_BAD;
}

static enum token scan_next(struct scan *j) {
    static const char *const words[] = {"true", "false", "null"};
    while (j->at < j->s.n && is_blank(j->s.p[j->at]))
        j->at++;
    j->from = j->at;
    if (j->at >= j->s.n)
        return TOKEN_END;
    switch (j->s.p[j->at]) {
    case '{': case '[': return j->at++, TOKEN_OPEN;
    case '}': case ']': return j->at++, TOKEN_CLOSE;
    case ':': return j->at++, TOKEN_COLON;
    case ',': return j->at++, TOKEN_COMMA;
    case '"': return scan_string(j);
    default: break;
    }
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if (j->s.n - j->at >= n && memcmp(j->s.p + j->at, words[i], n) == 0)
            return j->at += n, TOKEN_WORD;
    }
    uint8_t c = j->s.p[j->at];
    return c == '-' || (c >= '0' && c <= '9') ? scan_number(j) : TOKEN_BAD;
}

/* Grammar with a bit per level (object or array) and what may come next. */
bool json_is(struct slice s, bool cut_short) {
    struct scan j = {.s = s};
    uint8_t nest[JSON_DEPTH_MAX];
    int depth = 0;
    enum { WANT_VALUE, WANT_VALUE_OR_CLOSE, WANT_KEY, WANT_KEY_OR_CLOSE, WANT_COLON, WANT_COMMA, WANT_NOTHING } want =
        WANT_VALUE;
    bool any = false;
    for (;;) {
        enum token t = scan_next(&j);
        bool value = t == TOKEN_STRING || t == TOKEN_NUMBER || t == TOKEN_WORD || t == TOKEN_OPEN;
        if (t == TOKEN_END)
            return (want == WANT_NOTHING && j.from == s.n) || (cut_short && any && depth > 0);
        if (t == TOKEN_BAD || want == WANT_NOTHING)
            return false;
        any = true;
        if (want == WANT_COLON) {
            if (t != TOKEN_COLON)
                return false;
            want = WANT_VALUE;
        } else if (t == TOKEN_CLOSE) {
            if (depth == 0 || want == WANT_VALUE || want == WANT_KEY || nest[depth - 1] != s.p[j.from] - 2)
                return false;
            want = --depth ? WANT_COMMA : WANT_NOTHING;
        } else if (want == WANT_COMMA) {
            if (t != TOKEN_COMMA)
                return false;
            want = nest[depth - 1] == '{' ? WANT_KEY : WANT_VALUE;
        } else if (want == WANT_KEY || want == WANT_KEY_OR_CLOSE) {
            if (t != TOKEN_STRING)
                return false;
            want = WANT_COLON;
        } else if (!value) {
            return false;
        } else if (t == TOKEN_OPEN) {
            if (depth == JSON_DEPTH_MAX)
                return false;
            nest[depth++] = s.p[j.from];
            want = s.p[j.from] == '{' ? WANT_KEY_OR_CLOSE : WANT_VALUE_OR_CLOSE;
        } else {
            want = depth ? WANT_COMMA : WANT_NOTHING;
        }
    }
}

/* From behind an open bracket to behind its close; counts the members. */
static size_t skip_container(struct scan *j, bool *closed) {
    size_t members = 0;
    int depth = 1;
    *closed = false;
    for (bool first = true;; first = false) {
        enum token t = scan_next(j);
        if (t == TOKEN_END || t == TOKEN_BAD)
            return members;
        if (first && t != TOKEN_CLOSE)
            members = 1;
        depth += t == TOKEN_OPEN ? 1 : t == TOKEN_CLOSE ? -1 : 0;
        members += t == TOKEN_COMMA && depth == 1;
        if (depth == 0) {
            *closed = true;
            return members;
        }
    }
}

static void put_open(struct block *b, struct scan *j, int *depth, int fold) {
    struct scan ahead = *j;
    bool closed;
    size_t open = j->from;
    size_t members = skip_container(&ahead, &closed);
    if (closed && (members == 0 || *depth >= fold)) {
        block_foreign(b, ROLE_dim, slice_of(j->s.p + open, 1));
        if (members)
            block_printf(b, ROLE_dim, "… %zu", members);
        block_foreign(b, ROLE_dim, slice_of(j->s.p + ahead.at - 1, 1));
        *j = ahead;
        return;
    }
    block_foreign(b, ROLE_dim, slice_of(j->s.p + open, 1));
    (*depth)++;
    block_line(b, 0);
    block_printf(b, ROLE_dim, "%*s", *depth * 2 < 200 ? *depth * 2 : 200, "");
}

void json_block(struct block *b, struct slice s, int fold) {
    struct scan j = {.s = s};
    int depth = 0;
    block_line(b, 0);
    for (;;) {
        enum token t = scan_next(&j);
        struct slice text = slice_of(s.p + j.from, j.at - j.from);
        struct scan ahead = j;
        switch (t) {
        case TOKEN_END: /* a cut string too */
        case TOKEN_BAD:
            block_foreign(b, ROLE_text, slice_of(s.p + j.from, s.n - j.from));
            return;
        case TOKEN_OPEN:
            put_open(b, &j, &depth, fold);
            break;
        case TOKEN_CLOSE:
            depth -= depth > 0;
            block_line(b, 0);
            block_printf(b, ROLE_dim, "%*s", depth * 2 < 200 ? depth * 2 : 200, "");
            block_foreign(b, ROLE_dim, text);
            break;
        case TOKEN_COLON:
            block_own(b, ROLE_dim, ": ");
            break;
        case TOKEN_COMMA:
            block_own(b, ROLE_dim, ",");
            block_line(b, 0);
            block_printf(b, ROLE_dim, "%*s", depth * 2 < 200 ? depth * 2 : 200, "");
            break;
        case TOKEN_STRING:
            block_foreign(b, scan_next(&ahead) == TOKEN_COLON ? ROLE_json_key : ROLE_json_string, text);
            break;
        case TOKEN_NUMBER:
            block_foreign(b, ROLE_json_number, text);
            break;
        case TOKEN_WORD:
            block_foreign(b, ROLE_json_word, text);
            break;
        }
    }
}
