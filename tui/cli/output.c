/* Rows on standard output; see output.h.  Owns the cells until out_end. */
#include "tui/cli/output.h"

#include <stdlib.h>
#include <unistd.h>

#define CELL_MAX 65536          /* bytes of a cell of a table */

void out_begin(struct out *o, const struct cli_options *options) {
    memset(o, 0, sizeof *o);
    o->format = options->format_kind;
    o->terminal = isatty(STDOUT_FILENO) != 0;
}

/* ---- table ---- */

static int columns_of(const char *s) {
    int width = 0;
    size_t n = strlen(s);
    while (n > 0) {
        int32_t cp;
        size_t used = text_next((const uint8_t *)s, n, &cp);
        width += cp < 0 ? 1 : text_width(cp);
        s += used;
        n -= used;
    }
    return width;
}

static void print_cell(const char *s, int width, bool right, bool last) {
    int pad = width - columns_of(s);
    if (right)
        printf("%*s", pad, "");
    fputs(s, stdout);
    if (!last)
        printf("%*s", (right ? 0 : pad) + 2, "");
}

static void print_table(struct out *o) {
    size_t n = o->n_columns, last = 0;
    int *width = mem_zalloc(n * sizeof *width);
    for (size_t i = 0; i < n; i++)
        if (o->columns[i].title != NULL) {
            width[i] = columns_of(o->columns[i].title);
            last = i;
        }
    for (size_t i = 0; i < o->n_cells; i++)
        if (columns_of(o->cells[i]) > width[i % n])
            width[i % n] = columns_of(o->cells[i]);
    if (o->begun)
        putchar('\n');
    for (size_t i = 0; i < n; i++)
        if (o->columns[i].title != NULL)
            print_cell(o->columns[i].title, width[i], o->columns[i].right, i == last);
    putchar('\n');
    for (size_t i = 0; i < o->n_cells; i++) {
        if (o->columns[i % n].title != NULL)
            print_cell(o->cells[i], width[i % n], o->columns[i % n].right, i % n == last);
        if (i % n == n - 1)
            putchar('\n');
        free(o->cells[i]);
    }
    free(o->cells);
    free(width);
    o->cells = NULL;
    o->n_cells = 0;
}

/* ---- CSV ---- */

static void csv_field(const struct out *o, struct slice s) {
    struct buf safe = {0};
    if (o->terminal) {
        text_sanitize(&safe, s, SIZE_MAX);
        s = buf_slice(&safe);
    }
    bool quote = false;
    for (size_t i = 0; i < s.n; i++)
        quote = quote || strchr("\",\r\n", s.p[i]) != NULL;
    if (o->column > 0)
        putchar(',');
    if (quote)
        putchar('"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            putchar('"');
        putchar(s.p[i]);
    }
    if (quote)
        putchar('"');
    buf_fini(&safe);
}

/* ---- cells ---- */

static void finish_section(struct out *o) {
    weir_assert(o->column == 0);
    if (o->columns != NULL && o->format == FORMAT_TABLE)
        print_table(o);
    o->begun = o->begun || o->columns != NULL;
}

void out_section(struct out *o, const char *name, const struct out_column *columns, size_t n) {
    finish_section(o);
    o->columns = columns;
    o->n_columns = n;
    if (o->format == FORMAT_JSON) {
        o->rows = json_array();
        if (name == NULL) {
            o->top = o->rows;
        } else {
            if (o->top == NULL)
                o->top = json_object();
            json_object_set_new(o->top, name, o->rows);
        }
    } else if (o->format == FORMAT_CSV) {
        if (o->begun)
            putchar('\n');
        for (size_t i = 0; i < n; i++)
            printf("%s%s", i > 0 ? "," : "", columns[i].name);
        putchar('\n');
    }
}

/* The next cell, in whichever form the format wants; takes `value`. */
static void cell(struct out *o, struct slice text, json_t *(*value)(const void *), const void *argument) {
    if (o->format == FORMAT_JSON) {
        if (o->column == 0) {
            o->row = json_object();
            json_array_append_new(o->rows, o->row);
        }
        json_object_set_new(o->row, o->columns[o->column].name, value(argument));
    } else if (o->format == FORMAT_CSV) {
        csv_field(o, text);
        if (o->column + 1 == o->n_columns)
            putchar('\n');
    } else {
        struct buf safe = {0};
        text_sanitize(&safe, text, CELL_MAX);
        if ((o->n_cells & (o->n_cells - 1)) == 0)
            o->cells = mem_realloc(o->cells, (o->n_cells == 0 ? 1 : 2 * o->n_cells) * sizeof *o->cells);
        o->cells[o->n_cells++] = mem_strndup(buf_slice(&safe));
        buf_fini(&safe);
    }
    o->column = (o->column + 1) % o->n_columns;
}

json_t *out_json_string(struct slice s) {
    if (s.p == NULL)
        return json_null();
    json_t *j = json_stringn((const char *)s.p, s.n);
    if (j != NULL)
        return j;
    struct buf safe = {0};            /* not UTF-8 */
    text_sanitize(&safe, s, SIZE_MAX);
    j = json_stringn((const char *)safe.p, safe.n);
    buf_fini(&safe);
    return j;
}

static json_t *json_of_slice(const void *s) { return out_json_string(*(const struct slice *)s); }
static json_t *json_of_number(const void *v) { return json_integer(*(const int64_t *)v); }
static json_t *json_of_bool(const void *v) { return json_boolean(*(const bool *)v); }
static json_t *json_of_nothing(const void *v) { (void)v; return json_null(); }

void out_text(struct out *o, struct slice s) {
    if (s.p == NULL)
        out_null(o);
    else
        cell(o, s, json_of_slice, &s);
}

void out_number(struct out *o, int64_t v) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    cell(o, slice_cstr(text), json_of_number, &v);
}

void out_bool(struct out *o, bool v) {
    cell(o, slice_cstr(v ? "true" : "false"), json_of_bool, &v);
}

void out_null(struct out *o) {
    cell(o, slice_cstr(o->format == FORMAT_TABLE ? "-" : ""), json_of_nothing, NULL);
}

void out_value(struct out *o, const struct value *v) {
    if (v->state == VALUE_KNOWN)
        out_number(o, v->v);
    else if (v->state == VALUE_NONE || o->format != FORMAT_TABLE)
        out_null(o);
    else
        cell(o, slice_cstr("?"), json_of_nothing, NULL);
}

struct ints { const int32_t *v; int32_t n; };

static json_t *json_of_ints(const void *p) {
    const struct ints *ints = p;
    json_t *j = json_array();
    for (int32_t i = 0; i < ints->n; i++)
        json_array_append_new(j, json_integer(ints->v[i]));
    return j;
}

void out_ints(struct out *o, const int32_t *v, int32_t n) {
    struct ints ints = {v, n};
    struct buf text = {0};
    for (int32_t i = 0; i < n; i++)
        buf_printf(&text, "%s%d", i > 0 ? "," : "", v[i]);
    buf_puts(&text, "");
    cell(o, slice_of(text.n > 0 ? (const void *)text.p : "", text.n), json_of_ints, &ints);
    buf_fini(&text);
}

/* DEL is the one control byte that JSON lets through; it can only stand in a string. */
static void print_json_text(const char *s, bool terminal) {
    for (; *s != '\0'; s++)
        if (*s == 0x7f && terminal)
            fputs("\\u007f", stdout);
        else
            putchar(*s);
}

int out_json_line(json_t *value, bool terminal, size_t indent) {
    size_t flags =
        JSON_ENCODE_ANY | (terminal ? JSON_ENSURE_ASCII : 0) | (indent > 0 ? JSON_INDENT(indent) : JSON_COMPACT);
    char *text = json_dumps(value, flags);
    if (text == NULL)
        return EXIT_FAILED;
    print_json_text(text, terminal);
    putchar('\n');
    free(text);
    return EXIT_OK;
}

int out_end(struct out *o) {
    finish_section(o);
    int code = EXIT_OK;
    if (o->top != NULL) {
        code = out_json_line(o->top, o->terminal, 2);
        json_decref(o->top);
    }
    if (fflush(stdout) != 0 || ferror(stdout))
        code = EXIT_FAILED;
    return code;
}
