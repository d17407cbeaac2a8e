/* Rows on standard output; see output.h.  Owns the cells until out_end. */
#include "tui/cli/output.h"

#include "core/client/json_out.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CELL_MAX 65536          /* bytes of a cell of a table */
#define COLUMN_LEAST 32         /* what a column may take of the narrowest terminal */

/* ---- standard output ---- */

static int put_errno;           /* of the first write that failed */
static bool tried;              /* to write anything */

bool out_is_empty(void) { return !tried; }

bool out_put(struct slice s) {
    tried = tried || s.n > 0;
    if (put_errno == 0 && s.n > 0 && fwrite(s.p, 1, s.n, stdout) != s.n)
        put_errno = errno;
    return put_errno == 0;
}

static bool out_puts(const char *s) { return out_put(slice_cstr(s)); }

static bool reader_is_gone(void) {
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return put_errno == EPIPE || (poll(&p, 1, 0) == 1 && (p.revents & POLLERR) != 0);
}

int out_flush(void) {
    if (fflush(stdout) != 0 && put_errno == 0)
        put_errno = errno;
    if ((put_errno == 0 && ferror(stdout) == 0) || reader_is_gone())
        return EXIT_OK;
    cli_complain("standard output: %s", put_errno != 0 ? strerror(put_errno) : "not all could be written");
    clearerr(stdout);           /* said once */
    put_errno = 0;
    return EXIT_FAILED;
}

/* ---- CSV ---- */

void out_csv_field(struct buf *to, struct slice s, bool safe) {
    struct buf text = {0};
    if (safe && s.p != NULL) {
        cli_sanitize(&text, s, SIZE_MAX);
        s = slice_of(text.n > 0 ? (const void *)text.p : "", text.n);
    }
    bool quote = s.p != NULL && s.n == 0;
    for (size_t i = 0; i < s.n; i++)
        quote = quote || s.p[i] == '"' || s.p[i] == ',' || s.p[i] == '\r' || s.p[i] == '\n';
    if (quote)
        buf_puts(to, "\"");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_put_u8(to, '"');
        buf_put_u8(to, s.p[i]);
    }
    if (quote)
        buf_puts(to, "\"");
    buf_fini(&text);
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

static void print_cell(struct buf *line, const char *s, int width, bool right, bool last) {
    int columns = columns_of(s), pad = columns < width ? width - columns : 0;
    if (right)
        buf_printf(line, "%*s", pad, "");
    buf_puts(line, s);
    if (!last)
        buf_printf(line, "%*s", (right ? 0 : pad) + 2, "");
}

/* Of the titles where cell is NULL; returns the cell after the line. */
static const char *print_line(struct out *o, const char *cell, size_t last) {
    buf_clear(&o->line);
    for (size_t i = 0; i <= last; i++) {
        const char *title = o->columns[i].title;
        if (title == NULL)
            continue;
        print_cell(&o->line, cell != NULL ? cell : title, o->width[i], o->columns[i].right, i == last);
        if (cell != NULL)
            cell += strlen(cell) + 1;
    }
    buf_puts(&o->line, "\n");
    out_put(buf_slice(&o->line));
    return cell;
}

static void print_table(struct out *o) {
    size_t last = o->n_columns - 1;
    const char *cell = (const char *)o->cells.p;
    while (last > 0 && o->columns[last].title == NULL)
        last--;
    out_puts(o->printed ? "\n" : "");
    o->printed = true;
    print_line(o, NULL, last);
    for (size_t row = 0; row < o->n_rows; row++)
        cell = print_line(o, cell, last);
}

/* ---- sections ---- */

/* One long name does not pad every row past the lines of a terminal; into a pipe columns are as wide as they are. */
static int widest_column(void) {
    struct winsize w;
    if (isatty(STDOUT_FILENO) == 0)
        return INT_MAX;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 2 * COLUMN_LEAST ? w.ws_col / 2 : COLUMN_LEAST;
}

void out_begin(struct out *o, const struct cli_options *options) {
    memset(o, 0, sizeof *o);
    o->format = options->format_kind;
    o->safe = options->ascii || isatty(STDOUT_FILENO) != 0;
    o->widest = widest_column();
}

static void finish_section(struct out *o) {
    weir_assert(o->column == 0);
    if (o->columns == NULL)
        return;
    if (o->format == FORMAT_TABLE && (o->n_rows > 0 || !o->named))
        print_table(o);
    else if (o->format == FORMAT_JSON && !o->stream)
        out_puts(o->n_rows > 0 ? "\n]" : "]");
    buf_fini(&o->cells);
    free(o->width);
    o->width = NULL;
}

static void begin_section(struct out *o, const char *name, const struct out_column *columns, size_t n) {
    finish_section(o);
    o->columns = columns;
    o->n_columns = n;
    o->n_rows = 0;
    o->named = name != NULL;
    o->width = mem_zalloc(n * sizeof *o->width);
    for (size_t i = 0; i < n; i++)
        o->width[i] = columns[i].title != NULL ? columns_of(columns[i].title) : 0;
    buf_clear(&o->line);
    if (o->format == FORMAT_JSON && o->named)
        buf_printf(&o->line, "%s\"%s\": [", o->begun ? ",\n" : "{", name);
    else if (o->format == FORMAT_JSON && !o->stream)
        buf_puts(&o->line, "[");
    else if (o->format == FORMAT_CSV && o->begun)
        buf_puts(&o->line, "\n");
    for (size_t i = 0; o->format == FORMAT_CSV && i < n; i++)
        buf_printf(&o->line, "%s%s%s", i > 0 ? "," : "", columns[i].name, i + 1 == n ? "\n" : "");
    out_put(buf_slice(&o->line));
    buf_clear(&o->line);
    o->begun = true;
}

void out_section(struct out *o, const char *name, const struct out_column *columns, size_t n) {
    begin_section(o, name, columns, n);
}

void out_stream(struct out *o, const struct out_column *columns, size_t n) {
    o->stream = true;
    begin_section(o, NULL, columns, n);
}

int out_end(struct out *o) {
    finish_section(o);
    if (o->format == FORMAT_JSON && o->begun && !o->stream)
        out_puts(o->named ? "}\n" : "\n");
    buf_fini(&o->line);
    return out_flush();
}

/* ---- cells ---- */

static void finish_row(struct out *o) {
    if (o->format == FORMAT_JSON)
        buf_puts(&o->line, o->stream ? "}\n" : "}");
    else if (o->format == FORMAT_CSV)
        buf_puts(&o->line, "\n");
    out_put(buf_slice(&o->line));
    buf_clear(&o->line);
    o->n_rows++;
    o->column = 0;
}

static void keep_cell(struct out *o, struct slice text) {
    size_t begin = o->cells.n;
    if (o->columns[o->column].title == NULL)
        return;
    cli_sanitize(&o->cells, text, CELL_MAX);
    buf_put_u8(&o->cells, 0);
    int width = columns_of((const char *)o->cells.p + begin);
    if (width > o->widest)
        width = o->widest;            /* it stands out of its column, whole */
    if (width > o->width[o->column])
        o->width[o->column] = width;
}

/* The next cell: `json` is its JSON, NULL where `text` is a string. */
static void cell(struct out *o, struct slice text, const char *json) {
    const char *name = o->columns[o->column].name;
    if (o->format == FORMAT_TABLE) {
        keep_cell(o, text);
    } else if (o->format == FORMAT_CSV) {
        buf_puts(&o->line, o->column > 0 ? "," : "");
        out_csv_field(&o->line, text, o->safe);
    } else {
        if (o->column == 0)
            buf_puts(&o->line, o->stream ? "{" : o->n_rows > 0 ? ",\n{" : "\n{");
        if (json == NULL)
            json_put_member(&o->line, name, text, o->safe);
        else
            json_put_name(&o->line, name, "");
        buf_puts(&o->line, json != NULL ? json : "");
    }
    if (++o->column == o->n_columns)
        finish_row(o);
}

void out_text(struct out *o, struct slice s) {
    if (s.p == NULL)
        out_null(o);
    else
        cell(o, s, NULL);
}

void out_number(struct out *o, int64_t v) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    cell(o, slice_cstr(text), text);
}

void out_bool(struct out *o, bool v) {
    const char *text = v ? "true" : "false";
    cell(o, slice_cstr(text), text);
}

void out_null(struct out *o) {
    cell(o, o->format == FORMAT_TABLE ? slice_cstr("-") : SLICE_NULL, "null");
}

void out_known(struct out *o, bool known, int64_t v) {
    if (known)
        out_number(o, v);
    else
        out_null(o);
}

void out_value(struct out *o, const struct value *v) {
    if (v->state == VALUE_KNOWN)
        out_number(o, v->v);
    else if (v->state == VALUE_NONE || o->format != FORMAT_TABLE)
        out_null(o);
    else
        cell(o, slice_cstr("?"), NULL);
}

void out_ints(struct out *o, const int32_t *v, int32_t n) {
    struct buf json = {0};
    buf_puts(&json, "[");
    for (int32_t i = 0; i < n; i++)
        buf_printf(&json, "%s%d", i > 0 ? "," : "", v[i]);
    buf_put(&json, "]", 2);           /* with its end */
    cell(o, slice_of(json.p + 1, json.n - 3), (const char *)json.p);
    buf_fini(&json);
}
