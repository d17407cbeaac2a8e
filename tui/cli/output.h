/* Rows on standard output: a table for people, JSON or CSV for programs.
 *
 * Cells are given one after another in the order of the columns.  A table is kept
 * until its end, for the widths; rows of JSON and CSV leave as they are complete,
 * so that much output needs little memory.
 *
 *   out_begin, [out_section, out_COLUMN... per row]..., out_end
 *
 * Without a name a section of JSON is an array of objects, with names an object
 * of arrays; out_stream: an object on each line and no array, for what may never
 * end.  In JSON and CSV blocks of several sections have an empty line between.
 *
 * On a terminal everything foreign is sanitised.  CSV (RFC 4180, lines end with
 * \n) into a pipe is the bytes as they are: null is nothing, an empty text is "".
 * JSON is always UTF-8 and loses nothing: bytes that are not come as null and, in
 * base64, as NAME_base64.  Column names are the protocol's in snake_case.
 * Main thread. */
#ifndef WEIR_CLI_OUTPUT_H
#define WEIR_CLI_OUTPUT_H

#include "tui/cli/cli.h"

#include "core/model/model.h"

struct out_column {
    const char *name;                 /* of the JSON member and of the CSV head */
    const char *title;                /* of the table; NULL: not in the table */
    bool right;                       /* numbers */
};
#define OUT_COLUMNS(array) (array), sizeof(array) / sizeof *(array)

struct out {
    enum cli_format format;
    bool safe;                        /* a terminal, or --ascii: nothing foreign as it is */
    bool begun, printed;              /* a section was begun; a table was printed */
    bool named, stream;               /* JSON is an object; see out_stream */
    const struct out_column *columns;
    size_t n_columns, column, n_rows; /* of this section */
    struct buf line;                  /* the row so far */
    struct buf cells;                 /* of the table, those with a title, each with a 0 at its end; */
    int *width;                       /* of its columns, none above: */
    int widest;
};
void out_begin(struct out *o, const struct cli_options *options);
void out_section(struct out *o, const char *name_or_null, const struct out_column *columns, size_t n);
void out_stream(struct out *o, const struct out_column *columns, size_t n);   /* JSON, CSV */
void out_text(struct out *o, struct slice s);          /* null: null */
void out_number(struct out *o, int64_t v);
void out_known(struct out *o, bool known, int64_t v);  /* else null */
void out_value(struct out *o, const struct value *v);  /* known or null; table: ? where it could not be read, else - */
void out_bool(struct out *o, bool v);
void out_null(struct out *o);                          /* table: - */
void out_ints(struct out *o, const int32_t *v, int32_t n);
/* Prints the rest; the exit code of out_flush. */
int out_end(struct out *o);

/* Nothing was printed by out_put so far. */
bool out_is_empty(void);
/* The bytes as they are; false when standard output takes no more. */
bool out_put(struct slice s);
/* EXIT_FAILED and a complaint when standard output did not take all.  A reader that has seen enough
 * (weir ... | head) is no failure. */
int out_flush(void);

/* A field of CSV without its comma; null: nothing. */
void out_csv_field(struct buf *to, struct slice s, bool safe);

#endif
