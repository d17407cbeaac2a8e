#include "tui/views/produce_run.h"

#include "core/base/base64.h"
#include "core/base/text.h"

#include <errno.h>
#include <jansson.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORTION 2000
#define PORTION_BYTES ((int64_t)4 * 1024 * 1024)
#define PORTION_US 20000
#define MESSAGE_MAX ((int64_t)100 * 1024 * 1024)

/* ---- headers as text ---- */

_Static_assert(RUN_HEADERS_MAX == 64, "as it is said below");

const char *run_headers_parse(char *text, struct record_header *out, int32_t *n) {
    const char *from = text;
    char *to = text;
    *n = 0;
    while (*(from += strspn(from, " ,"))) {
        if (*n == RUN_HEADERS_MAX)
            return "a message has at most 64 headers here";
        char *begin = to;
        struct record_header h = {.value = SLICE_NULL};
        bool in_value = false;
        while (*from && *from != ',') {
            int c = (uint8_t)*from++;
            if (c == '=' && !in_value) {
                h.key = slice_of(begin, (size_t)(to - begin));
                begin = to;
                in_value = true;
                continue;
            }
            if (c == '\\' && (c = text_escape(&from)) < 0)
                return "Headers: that is no escape; they are " TEXT_ESCAPES;
            *to++ = (char)c;
        }
        *(in_value ? &h.value : &h.key) = slice_of(begin, (size_t)(to - begin));
        out[(*n)++] = h;
    }
    return NULL;
}

static void put_escaped(struct buf *out, struct slice s, bool name) {
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (c == ',' || c == '\\' || (name && c == '='))
            buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f || (c == ' ' && i == 0))
            buf_printf(out, "\\x%02x", c);
        else
            buf_put_u8(out, c);
    }
}

void run_headers_text(struct buf *out, struct slice encoded, int32_t n) {
    struct record_header h;
    for (int32_t i = 0; i < n && record_header_next(&encoded, &h) == OK; i++) {
        if (i > 0)
            buf_puts(out, ", ");
        put_escaped(out, h.key, true);
        if (!h.value.p)
            continue;
        buf_puts(out, "=");
        put_escaped(out, h.value, false);
    }
}

/* ---- {n} ---- */

static bool has_number(struct slice s) { return s.n >= 3 && memmem(s.p, s.n, "{n}", 3) != NULL; }

static struct slice number_in(struct buf *out, struct slice s, int64_t n) {
    buf_clear(out);
    while (has_number(s)) {
        const uint8_t *at = memmem(s.p, s.n, "{n}", 3);
        size_t before = (size_t)(at - s.p);
        buf_put(out, s.p, before);
        buf_printf(out, "%" PRId64, n);
        s = slice_of(at + 3, s.n - before - 3);
    }
    buf_put(out, s.p, s.n);
    return buf_slice(out);
}

/* The message to come, with its number where one is asked for. */
static void make_message(struct run *r) {
    struct produce_message *m = &r->message;
    if (r->have_line && r->as == RUN_EXPORTED)
        m->key = r->line_key;
    if (r->have_line)
        m->value = r->line_value;
    if (!r->numbered)
        return;
    if (has_number(r->key))
        m->key = number_in(&r->made[0], r->key, r->sent + 1);
    if (!r->file && has_number(r->value))
        m->value = number_in(&r->made[1], r->value, r->sent + 1);
    if (strstr(r->header_text, "{n}")) {
        number_in(&r->made[2], slice_cstr(r->header_text), r->sent + 1);
        buf_put_u8(&r->made[2], 0);
        const char *wrong = run_headers_parse((char *)r->made[2].p, r->headers, &m->n_headers);
        weir_assert(!wrong); /* {n} is in no escape that was taken at the beginning */
    }
}

/* ---- files ---- */

static bool file_open(struct run *r, const char *path, char *why, size_t why_size) {
    char name[4200];
    struct stat st;
    const char *home = getenv("HOME");
    bool tilde = path[0] == '~' && path[1] == '/' && home;
    snprintf(name, sizeof name, "%s%s", tilde ? home : "", tilde ? path + 1 : path);
    int fd = open(name, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a fifo would hold the screen */
    if (fd < 0 || fstat(fd, &st) != 0) {
        snprintf(why, why_size, "cannot read %s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        snprintf(why, why_size, "%s is no file of bytes; in a pipe: weir produce TOPIC", path);
    } else if ((r->file = fdopen(fd, "r")) != NULL) {
        r->file_bytes = st.st_size;
        return true;
    }
    if (fd >= 0)
        close(fd);
    return false;
}

/* Member NAME of an exported object, or NAME_base64, behind what is in `to`, which has room.  False: neither. */
static bool exported_bytes(struct buf *to, json_t *from, const char *name, struct slice *out) {
    char coded_name[40];
    const json_t *text = json_object_get(from, name);
    uint8_t *begin = to->p + to->n;
    snprintf(coded_name, sizeof coded_name, "%s_base64", name);
    const json_t *coded = json_object_get(from, coded_name);
    if (json_is_string(text)) {
        buf_put(to, json_string_value(text), json_string_length(text));
    } else if (json_is_string(coded)) {
        uint32_t bits = 0;
        int have = 0;
        for (const char *p = json_string_value(coded); *p && *p != '='; p++) {
            int six = base64_digit((uint8_t)*p);
            if (six < 0)
                return false;
            bits = bits << 6 | (uint32_t)six;
            have += 6;
            if (have >= 8)
                buf_put_u8(to, (uint8_t)(bits >> (have -= 8)));
        }
    } else {
        *out = SLICE_NULL;
        return json_is_null(text);
    }
    *out = slice_of(begin, (size_t)(to->p + to->n - begin));
    return true;
}

static bool exported_headers(struct run *r, json_t *headers) {
    size_t n = json_array_size(headers);
    if (n > RUN_HEADERS_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!exported_bytes(&r->record, json_array_get(headers, i), "key", &r->headers[i].key) ||
            !exported_bytes(&r->record, json_array_get(headers, i), "value", &r->headers[i].value))
            return false;
    r->message.n_headers = (int32_t)n;
    return true;
}

/* The record of a line as json_put_record writes it.  What it decodes to is shorter than the line. */
static bool exported_take(struct run *r) {
    json_error_t e;
    json_t *line = json_loadb((const char *)r->line_value.p, r->line_value.n, JSON_ALLOW_NUL, &e);
    buf_clear(&r->record);
    buf_reserve(&r->record, r->line_value.n + 1);
    bool good = json_is_object(line) && !json_is_true(json_object_get(line, "cut")) &&
                exported_bytes(&r->record, line, "key", &r->line_key) &&
                exported_headers(r, json_object_get(line, "headers")) &&
                exported_bytes(&r->record, line, "value", &r->line_value);
    json_decref(line);
    if (!good)
        snprintf(r->why, sizeof r->why, "line %" PRId64 " is no whole record as the tail exports them: it ends there",
                 r->line_number);
    return good;
}

/* False: there is no more, or it cannot be read. */
static bool file_next(struct run *r) {
    errno = 0;
    ssize_t n = getline(&r->line, &r->line_cap, r->file);
    if (n < 0) {
        if (errno != 0)
            snprintf(r->why, sizeof r->why, "the file could not be read on: %s", strerror(errno));
        return false;
    }
    r->file_read += n;
    if (n > 0 && r->line[n - 1] == '\n')
        n--;
    r->line_value = slice_of(r->line, (size_t)n);
    r->line_number++;
    r->have_line = r->as != RUN_EXPORTED || exported_take(r);
    return r->have_line;
}

static bool file_whole(struct run *r, const char *path, char *why, size_t why_size) {
    if (r->file_bytes > MESSAGE_MAX) {
        snprintf(why, why_size, "%s is larger than any message may be", path);
        return false;
    }
    uint8_t *p = mem_alloc((size_t)r->file_bytes + 1);
    size_t n = fread(p, 1, (size_t)r->file_bytes, r->file);
    fclose(r->file);
    r->file = NULL;
    r->value = (struct slice){p, n};
    return true;
}

/* ---- the run ---- */

void run_end(struct run *r) {
    free(r->topic);
    free(r->header_text);
    free((void *)(uintptr_t)r->key.p);
    free((void *)(uintptr_t)r->value.p);
    free(r->line);
    for (int i = 0; i < 3; i++)
        buf_fini(&r->made[i]);
    buf_fini(&r->record);
    if (r->file)
        fclose(r->file);
    char why[sizeof r->why];
    memcpy(why, r->why, sizeof why);
    int64_t sent = r->sent;
    *r = (struct run){.sent = sent};
    memcpy(r->why, why, sizeof why);
}

bool run_begin(struct run *r, const struct run_spec *spec, int64_t now_us, char *why, size_t why_size) {
    run_end(r);
    *r = (struct run){.rate = spec->rate, .sync = spec->sync, .started_us = now_us, .as = spec->as};
    if (spec->file && (!file_open(r, spec->file, why, why_size) ||
                       (spec->as == RUN_WHOLE && !file_whole(r, spec->file, why, why_size)))) {
        run_end(r);
        return false;
    }
    r->topic = mem_strdup(spec->topic);
    r->header_text = mem_strdup(spec->headers);
    r->key = mem_dup(spec->key);
    if (!spec->file)
        r->value = mem_dup(spec->value);
    r->numbered = spec->count > 1 || r->file;
    r->message = (struct produce_message){
        .topic = r->topic, .partition = spec->partition, .key = r->key, .value = r->value, .headers = r->headers,
        .acks = spec->acks, .codec = spec->codec,
    };
    buf_puts(&r->made[2], spec->headers);
    buf_put_u8(&r->made[2], 0);
    const char *wrong = run_headers_parse((char *)r->made[2].p, r->headers, &r->message.n_headers);
    if (wrong) {
        snprintf(why, why_size, "%s", wrong);
        run_end(r);
        return false;
    }
    r->left = r->file ? 1 : spec->count;
    return true;
}

int64_t run_feed(struct run *r, struct client *c, int64_t now_us) {
    int64_t due = r->file ? INT64_MAX : r->left, n = 0, bytes = 0;
    if (r->left == 0 || r->waits)
        return 0;
    if (r->rate > 0) {
        int64_t by_now = (now_us - r->started_us) * r->rate / 1000000 + 1;
        due = by_now - r->sent < due ? by_now - r->sent : due;
    }
    while (n < due && n < PORTION && bytes < PORTION_BYTES && !r->waits) {
        if (r->file && !r->have_line && !file_next(r)) {
            r->left = 0;
            break;
        }
        make_message(r);
        uint64_t id = client_produce(c, &r->message);
        if (id == 0) /* the client has enough: again after receipts */
            break;
        bytes += (int64_t)r->message.value.n;
        r->have_line = false;
        r->id = id;
        r->waits = r->sync;
        r->sent++;
        n++;
        if (!r->file && --r->left == 0)
            break;
    }
    if (r->left == 0)
        run_end(r);
    return n;
}

void run_receipt(struct run *r, uint64_t id) {
    if (r->waits && id == r->id)
        r->waits = false;
}

int64_t run_due_us(const struct run *r) {
    if (r->left == 0 || r->waits)
        return INT64_MAX;
    if (r->sync && r->rate == 0)
        return 0;
    int64_t between = r->rate > 0 ? 1000000 / r->rate : 0;
    return between > PORTION_US ? between : PORTION_US;
}
