/* JSON that weir writes; see json_out.h.  Texts are jansson's work. */
#include "core/client/json_out.h"

#include "core/base/base64.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

void json_put_name(struct buf *to, const char *name, const char *more) {
    char last = to->n > 0 ? (char)to->p[to->n - 1] : '{';
    buf_printf(to, "%s\"%s%s\":", last == '{' || last == '[' ? "" : ",", name, more);
}

/* False: it is no UTF-8. */
static bool put_text(struct buf *to, struct slice s, bool ascii) {
    json_t *j = json_stringn((const char *)s.p, s.n);
    char *text = j == NULL ? NULL : json_dumps(j, JSON_ENCODE_ANY | (ascii ? JSON_ENSURE_ASCII : 0));
    json_decref(j);
    for (const char *c = text; c != NULL && *c != '\0'; c++)
        if (*c == 0x7f && ascii)      /* the one control byte that JSON lets through */
            buf_puts(to, "\\u007f");
        else
            buf_put_u8(to, (uint8_t)*c);
    free(text);
    return text != NULL;
}

void json_put_member(struct buf *to, const char *name, struct slice s, bool ascii) {
    json_put_name(to, name, "");
    if (s.p == NULL) {
        buf_puts(to, "null");
    } else if (!put_text(to, s, ascii)) {
        buf_puts(to, "null");
        json_put_name(to, name, "_base64");
        buf_puts(to, "\"");
        base64_put(to, s);
        buf_puts(to, "\"");
    }
}

void json_put_headers(struct buf *to, const struct tail_row *row, bool ascii) {
    struct slice rest = row->headers;
    struct record_header h;
    buf_puts(to, "[");
    for (int32_t i = 0; i < row->n_headers && record_header_next(&rest, &h) == OK; i++) {
        buf_puts(to, i > 0 ? ",{" : "{");
        json_put_member(to, "key", h.key, ascii);
        json_put_member(to, "value", h.value, ascii);
        buf_puts(to, "}");
    }
    buf_puts(to, "]");
}

void json_put_record(struct buf *to, struct slice topic, const struct tail_row *row, bool ascii) {
    buf_puts(to, "{");
    json_put_member(to, "topic", topic, ascii);
    buf_printf(to,
               ",\"partition\":%" PRId32 ",\"offset\":%" PRId64 ",\"timestamp\":%" PRId64 ",\"timestamp_type\":\"%s\"",
               row->partition, row->offset, row->timestamp_ms, json_time_type(row));
    json_put_member(to, "key", row->key, ascii);
    json_put_member(to, "value", row->value, ascii);
    if (row->key.n < row->key_bytes || row->value.n < row->value_bytes) /* larger than what the tail keeps */
        buf_printf(to, ",\"key_bytes\":%zu,\"value_bytes\":%zu,\"cut\":true", row->key_bytes, row->value_bytes);
    buf_puts(to, ",\"headers\":");
    json_put_headers(to, row, ascii);
    buf_puts(to, "}\n");
}
