/* How a record is printed; see tail_format.h. */
#include "tui/cli/tail_format.h"

#include "core/base/text.h"
#include "core/client/json_out.h"

#include <unistd.h>

/* ---- kcat's format ---- */

static enum err check(const char *format, struct error *e) {
    for (const char *at = format; *at != '\0';) {
        char c = *at++;
        if (c == '%') {
            if (*at == '\0')
                return error_set(e, ERR_USAGE, "--format: a %% at the end; %%%% is a percent sign");
            if (strchr("tpokshTKSR%", *at) == NULL)
                return error_set(e, ERR_USAGE,
                                 "--format: %%%c is unknown; known are %%t %%p %%o %%k %%s %%h %%T %%K %%S "
                                 "%%R %%%%",
                                 *at);
            at++;
        } else if (c == '\\') {
            const char *word = at;
            if (text_escape(&at) < 0)
                return error_set(e, ERR_USAGE, "--format: \\%c is unknown; known are " TEXT_ESCAPES, *word);
        }
    }
    return OK;
}

static void put_foreign(struct tail_printer *p, struct slice s) {
    if (s.p == NULL)
        return;
    if (p->safe)
        cli_sanitize(&p->line, s, SIZE_MAX);
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
            buf_put_u8(&p->line, (uint8_t)text_escape(&at));
        else
            buf_put_u8(&p->line, (uint8_t)c);
    }
}

/* ---- CSV ---- */

static void put_csv(struct tail_printer *p, const struct tail_row *r) {
    struct buf headers = {0};
    out_csv_field(&p->line, p->topic, p->safe);
    buf_printf(&p->line, ",%d,%lld,%lld,%s,", r->partition, (long long)r->offset, (long long)r->timestamp_ms,
               json_time_type(r));
    out_csv_field(&p->line, r->key, p->safe);
    buf_puts(&p->line, ",");
    out_csv_field(&p->line, r->value, p->safe);
    buf_puts(&p->line, ",");
    json_put_headers(&headers, r, p->safe);
    out_csv_field(&p->line, buf_slice(&headers), p->safe);
    buf_puts(&p->line, "\n");
    buf_fini(&headers);
}

/* ---- the printer ---- */

enum err tail_printer_init(struct tail_printer *p, const struct cli_options *o, struct error *e) {
    memset(p, 0, sizeof *p);
    p->format = o->format_kind;
    p->text = o->format != NULL ? o->format : "%s\\n";
    p->topic = slice_cstr(o->arguments.v[0]);
    p->safe = o->ascii || isatty(STDOUT_FILENO) != 0;
    return check(p->text, e);
}

void tail_printer_fini(struct tail_printer *p) {
    buf_fini(&p->line);
}

void tail_print_head(struct tail_printer *p) {
    if (p->format == FORMAT_CSV)
        out_put(SLICE("topic,partition,offset,timestamp,timestamp_type,key,value,headers\n"));
}

bool tail_print(struct tail_printer *p, const struct tail_row *r) {
    buf_clear(&p->line);
    if (p->format == FORMAT_JSON)
        json_put_record(&p->line, p->topic, r, p->safe);
    else if (p->format == FORMAT_CSV)
        put_csv(p, r);
    else
        put_format(p, r);
    return out_put(buf_slice(&p->line));
}
