/* How a record is printed; see tail_format.h. */
#include "tui/cli/tail_format.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- kcat's format ---- */

static int hex_digit(char c) {
    const char *digits = "0123456789abcdef", *at = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c + 32 : c) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/* The byte of an escape at *at (behind the backslash), which moves on; -1: unknown. */
static int escape(const char **at) {
    char c = *(*at)++;
    switch (c) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case '0': return '\0';
    case '\\': return '\\';
    case 'x':
        if (hex_digit((*at)[0]) >= 0 && hex_digit((*at)[1]) >= 0) {
            *at += 2;
            return hex_digit((*at)[-2]) * 16 + hex_digit((*at)[-1]);
        }
        return -1;
    default: return -1;
    }
}

static enum err check(const char *format, struct error *e) {
    for (const char *at = format; *at != '\0';) {
        char c = *at++;
        if (c == '%') {
            if (*at == '\0' || strchr("tpokshTKSR%", *at) == NULL)
                return error_set(e, ERR_USAGE,
                                 "--format: %%%c is unknown; known are %%t %%p %%o %%k %%s %%h %%T %%K %%S "
                                 "%%R %%%%",
                                 *at);
            at++;
        } else if (c == '\\') {
            const char *word = at;
            if (*at == '\0' || escape(&at) < 0)
                return error_set(e, ERR_USAGE, "--format: \\%c is unknown; known are \\n \\t \\r \\0 \\\\ \\xNN",
                                 *word);
        }
    }
    return OK;
}

static void put_foreign(struct tail_printer *p, struct slice s) {
    if (s.p == NULL)
        return;
    if (p->terminal)
        text_sanitize(&p->line, s, SIZE_MAX);
    else
        buf_put(&p->line, s.p, s.n);
}

static void put_headers(struct tail_printer *p, const struct tail_row *r) {
    struct slice rest = r->headers;
    struct record_header h;
    for (int32_t i = 0; i < r->n_headers && record_header_next(&rest, &h) == OK; i++) {
        if (i > 0)
            buf_puts(&p->line, ",");
        put_foreign(p, h.key);
        buf_puts(&p->line, "=");
        if (h.value.p == NULL)
            buf_puts(&p->line, "NULL");
        else
            put_foreign(p, h.value);
    }
}

static void put_field(struct tail_printer *p, const struct tail_row *r, char what) {
    switch (what) {
    case 't': put_foreign(p, p->topic); break;
    case 'p': buf_printf(&p->line, "%d", r->partition); break;
    case 'o': buf_printf(&p->line, "%lld", (long long)r->offset); break;
    case 'k': put_foreign(p, r->key); break;
    case 's': put_foreign(p, r->value); break;
    case 'h': put_headers(p, r); break;
    case 'T': buf_printf(&p->line, "%lld", (long long)r->timestamp_ms); break;
    case 'K': buf_printf(&p->line, "%lld", r->key.p == NULL ? -1 : (long long)r->key_bytes); break;
    case 'S': buf_printf(&p->line, "%lld", r->value.p == NULL ? -1 : (long long)r->value_bytes); break;
    case 'R':
        for (int shift = 24; shift >= 0; shift -= 8)
            buf_put_u8(&p->line, (uint8_t)((uint32_t)(r->value.p == NULL ? UINT32_MAX : r->value_bytes) >> shift));
        break;
    default: buf_puts(&p->line, "%"); break;
    }
}

static void put_format(struct tail_printer *p, const struct tail_row *r) {
    for (const char *at = p->text; *at != '\0';) {
        char c = *at++;
        if (c == '%')
            put_field(p, r, *at++);
        else if (c == '\\')
            buf_put_u8(&p->line, (uint8_t)escape(&at));
        else
            buf_put_u8(&p->line, (uint8_t)c);
    }
}

/* ---- JSON lines ---- */

static void put_base64(struct buf *out, struct slice s) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *to = buf_reserve(out, (s.n + 2) / 3 * 4);
    for (size_t at = 0; at < s.n; at += 3) {
        size_t left = s.n - at;
        uint32_t bits =
            (uint32_t)s.p[at] << 16 | (left > 1 ? (uint32_t)s.p[at + 1] << 8 : 0) | (left > 2 ? s.p[at + 2] : 0);
        *to++ = (uint8_t)digits[bits >> 18];
        *to++ = (uint8_t)digits[bits >> 12 & 63];
        *to++ = left > 1 ? (uint8_t)digits[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? (uint8_t)digits[bits & 63] : '=';
    }
    out->n += (s.n + 2) / 3 * 4;
}

/* "NAME": text, or null and "NAME_base64" where the bytes are no UTF-8: nothing is lost. */
static void set_bytes(json_t *row, const char *name, struct slice s) {
    json_t *text = s.p == NULL ? json_null() : json_stringn((const char *)s.p, s.n);
    if (text != NULL) {
        json_object_set_new(row, name, text);
        return;
    }
    char key[40];
    struct buf coded = {0};
    snprintf(key, sizeof key, "%s_base64", name);
    json_object_set_new(row, name, json_null());
    put_base64(&coded, s);
    json_object_set_new(row, key, json_stringn((const char *)coded.p, coded.n));
    buf_fini(&coded);
}

static bool print_json(struct tail_printer *p, const struct tail_row *r) {
    json_t *row = json_object(), *headers = json_array();
    json_object_set_new(row, "topic", out_json_string(p->topic));
    json_object_set_new(row, "partition", json_integer(r->partition));
    json_object_set_new(row, "offset", json_integer(r->offset));
    json_object_set_new(row, "timestamp", json_integer(r->timestamp_ms));
    json_object_set_new(row, "timestamp_type", json_string(r->append_time ? "log_append_time" : "create_time"));
    set_bytes(row, "key", r->key);
    set_bytes(row, "value", r->value);
    struct slice rest = r->headers;
    struct record_header h;
    for (int32_t i = 0; i < r->n_headers && record_header_next(&rest, &h) == OK; i++) {
        json_t *one = json_object();
        set_bytes(one, "key", h.key);
        set_bytes(one, "value", h.value);
        json_array_append_new(headers, one);
    }
    json_object_set_new(row, "headers", headers);
    int code = out_json_line(row, p->terminal, 0);
    json_decref(row);
    return code == EXIT_OK;
}

/* ---- CSV ---- */

static void put_csv(struct tail_printer *p, struct slice s) {
    struct buf safe = {0};
    if (p->terminal) {
        text_sanitize(&safe, s, SIZE_MAX);
        s = buf_slice(&safe);
    }
    buf_puts(&p->line, ",\"");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_put_u8(&p->line, '"');
        buf_put_u8(&p->line, s.p[i]);
    }
    buf_puts(&p->line, "\"");
    buf_fini(&safe);
}

static void put_csv_row(struct tail_printer *p, const struct tail_row *r) {
    buf_printf(&p->line, "%d,%lld,%lld", r->partition, (long long)r->offset, (long long)r->timestamp_ms);
    if (r->key.p == NULL)
        buf_puts(&p->line, ",");
    else
        put_csv(p, r->key);
    if (r->value.p == NULL)
        buf_puts(&p->line, ",");
    else
        put_csv(p, r->value);
    buf_puts(&p->line, "\n");
}

/* ---- the printer ---- */

enum err tail_printer_init(struct tail_printer *p, const struct cli_options *o, struct error *e) {
    memset(p, 0, sizeof *p);
    p->format = o->format_kind;
    p->text = o->format != NULL ? o->format : "%s\\n";
    p->topic = slice_cstr(o->arguments.v[0]);
    p->terminal = isatty(STDOUT_FILENO) != 0;
    return check(p->text, e);
}

void tail_printer_fini(struct tail_printer *p) {
    buf_fini(&p->line);
}

void tail_print_head(struct tail_printer *p) {
    if (p->format == FORMAT_CSV)
        puts("partition,offset,timestamp,key,value");
}

bool tail_print(struct tail_printer *p, const struct tail_row *r) {
    if (p->format == FORMAT_JSON)
        return print_json(p, r) && !ferror(stdout);
    buf_clear(&p->line);
    if (p->format == FORMAT_CSV)
        put_csv_row(p, r);
    else
        put_format(p, r);
    return p->line.n == 0 || fwrite(p->line.p, 1, p->line.n, stdout) == p->line.n;
}
