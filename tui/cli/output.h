/* Rows on standard output: a table for people, JSON or CSV for programs.
 *
 * Cells are given one after another in the order of the columns.  On a terminal
 * everything foreign is sanitised; CSV into a pipe is the bytes as they are, JSON
 * is always valid UTF-8 (bytes that are not are escaped as the sanitizer does)
 * and on a terminal plain ASCII.  Column names are the protocol's in snake_case.
 *
 *   out_begin, [out_section, out_COLUMN... per row]..., out_end
 * Without a section JSON is one array of objects; with sections an object of
 * arrays, table and CSV are blocks with an empty line between.
 * Main thread. */
#ifndef WEIR_CLI_OUTPUT_H
#define WEIR_CLI_OUTPUT_H

#include "tui/cli/cli.h"

#include "core/model/model.h"

#include <jansson.h>

struct out_column {
    const char *name;                 /* of the JSON member and of the CSV head */
    const char *title;                /* of the table; NULL: not in the table */
    bool right;                       /* numbers */
};
struct out {
    enum cli_format format;
    bool terminal;                    /* standard output is one */
    const struct out_column *columns;
    size_t n_columns, column;
    json_t *top, *rows, *row;
    char **cells;                     /* of the table: rows x columns */
    size_t n_cells;
    bool begun;                       /* a section was printed already */
};
void out_begin(struct out *o, const struct cli_options *options);
void out_section(struct out *o, const char *name_or_null, const struct out_column *columns, size_t n);
void out_text(struct out *o, struct slice s);          /* null: null */
void out_number(struct out *o, int64_t v);
void out_value(struct out *o, const struct value *v);  /* known or null; table: … ? – */
void out_bool(struct out *o, bool v);
void out_null(struct out *o);                          /* table: – */
void out_ints(struct out *o, const int32_t *v, int32_t n);
/* Prints; EXIT_FAILED when standard output does not take it. */
int out_end(struct out *o);

/* Any bytes as a JSON string. */
json_t *out_json_string(struct slice s);
/* One JSON value on a line of its own; safe for a terminal where it is one. */
int out_json_line(json_t *value, bool terminal, size_t indent);

#endif
