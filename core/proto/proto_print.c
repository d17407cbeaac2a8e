/* The printing half of the interpreter: a struct as one line of text.
 *
 *   metadata_req{topics=[{topic_id=AAAA... name="t"}] allow_auto_topic_creation=true}
 *
 * Strings pass the sanitizer; bytes and records are shown by their size only,
 * because they hold payloads and, in the SASL and token APIs, secrets.  Once the
 * limit is reached nothing more is written, and the line ends in "...". */
#include "core/base/text.h"
#include "core/proto/errors.h"
#include "core/proto/proto_wire.h"

#include <inttypes.h>
#include <stdio.h>

#define CUT "..."

struct printer {
    struct buf *out;
    size_t end;    /* out->n never passes it */
    int version;
    bool full;
};

static void print_struct(struct printer *p, const struct proto_struct *s, const uint8_t *body);

static void print_text(struct printer *p, const char *text) {
    size_t n = strlen(text);
    if (p->full)
        return;
    if (n > p->end - p->out->n) {
        p->full = true;
        return;
    }
    buf_put(p->out, text, n);
}

static void print_slice(struct printer *p, uint8_t type, const struct slice *s) {
    char size[32];
    if (s->p == NULL) {
        print_text(p, "null");
    } else if (type == PT_STRING) {
        print_text(p, "\"");
        if (!p->full)
            p->full = text_sanitize(p->out, *s, p->end - p->out->n) < s->n;
        print_text(p, "\"");
    } else {
        snprintf(size, sizeof size, "<%zu bytes>", s->n);
        print_text(p, size);
    }
}

static void print_scalar(struct printer *p, const struct proto_field *f, const uint8_t *from) {
    char text[64];
    const void *v = from;
    int16_t code = 0;
    text[0] = '\0';
    switch ((enum proto_type)f->type) {
    case PT_BOOL: snprintf(text, sizeof text, "%s", *(const bool *)v ? "true" : "false"); break;
    case PT_I8: snprintf(text, sizeof text, "%d", *(const int8_t *)v); break;
    case PT_I16: snprintf(text, sizeof text, "%d", code = *(const int16_t *)v); break;
    case PT_U16: snprintf(text, sizeof text, "%u", *(const uint16_t *)v); break;
    case PT_I32: snprintf(text, sizeof text, "%" PRId32, *(const int32_t *)v); break;
    case PT_U32: snprintf(text, sizeof text, "%" PRIu32, *(const uint32_t *)v); break;
    case PT_I64: snprintf(text, sizeof text, "%" PRId64, *(const int64_t *)v); break;
    case PT_F64: snprintf(text, sizeof text, "%g", *(const double *)v); break;
    case PT_UUID: uuid_text(v, text); break;
    default: break;
    }
    print_text(p, text);
    if (code != 0 && strcmp(f->name, "error_code") == 0) {
        print_text(p, " ");
        print_text(p, kafka_error_name(code));
    }
}

static void print_value(struct printer *p, const struct proto_field *f, const uint8_t *from) {
    if (f->type == PT_STRUCT)
        print_struct(p, f->sub, from);
    else if (f->type >= PT_STRING)
        print_slice(p, f->type, (const struct slice *)(const void *)from);
    else
        print_scalar(p, f, from);
}

static void print_field(struct printer *p, const struct proto_field *f, const uint8_t *from) {
    if (f->shape == PS_ONE) {
        print_value(p, f, from);
        return;
    }
    if (f->shape == PS_POINTER) {
        const uint8_t *body = *(const uint8_t *const *)(const void *)from;
        if (body == NULL)
            print_text(p, "null");
        else
            print_struct(p, f->sub, body);
        return;
    }
    const struct proto_array *a = (const struct proto_array *)(const void *)from;
    if (a->n < 0) {
        print_text(p, "null");
        return;
    }
    print_text(p, "[");
    const uint8_t *v = a->v;
    for (int32_t i = 0; i < a->n && !p->full; i++, v += proto_element_size(f)) {
        print_text(p, i == 0 ? "" : " ");
        print_value(p, f, v);
    }
    print_text(p, "]");
}

static void print_struct(struct printer *p, const struct proto_struct *s, const uint8_t *body) {
    bool first = true;
    print_text(p, "{");
    for (size_t i = 0; i < s->n_fields && !p->full; i++) {
        const struct proto_field *f = &s->fields[i];
        if (!proto_has(f, p->version))
            continue;
        print_text(p, first ? "" : " ");
        print_text(p, f->name);
        print_text(p, "=");
        print_field(p, f, body + f->offset);
        first = false;
    }
    print_text(p, "}");
}

void proto_print(const struct proto_message *m, int version, const void *body, struct buf *out, size_t max_bytes) {
    size_t cut = max_bytes < sizeof CUT - 1 ? max_bytes : sizeof CUT - 1;
    struct printer p = {.out = out, .end = out->n + max_bytes - cut, .version = version};
    print_text(&p, m->body->name);
    print_struct(&p, m->body, body);
    if (p.full)
        buf_put(out, CUT, cut);
}
