/* Text in lines of coloured runs, to scroll and to wrap: help, records, logs.
 * The bytes are copied; a run is ours or foreign (foreign ones are sanitised as
 * they are painted). */
#ifndef WEIR_UI_BLOCK_H
#define WEIR_UI_BLOCK_H

#include "tui/term/canvas.h"

struct block_run {
    uint32_t at, n;         /* in bytes */
    uint8_t role;
    bool foreign;
};
struct block_line {
    uint32_t first, n;      /* runs */
    uint32_t indent;        /* columns before what is wrapped */
};
struct block {
    struct buf bytes;
    struct block_run *runs;
    size_t n_runs, cap_runs;
    struct block_line *lines;
    size_t n_lines, cap_lines;
    bool words;             /* wrap between words; else where the line ends, so that every byte is seen */
};
void block_fini(struct block *b);
void block_clear(struct block *b);
void block_line(struct block *b, uint32_t indent);  /* begins a line */
void block_own(struct block *b, enum role role, const char *s);
void block_printf(struct block *b, enum role role, const char *format, ...) WEIR_PRINTF(3, 4);
void block_foreign(struct block *b, enum role role, struct slice s);
/* Painted rows from `top`; with wrap long lines go on below.  Returns the rows that all lines need in this width. */
int block_paint(const struct block *b, struct canvas *c, struct rect r, int top, int left, bool wrap);
int block_rows(const struct block *b, const struct canvas *c, int w, bool wrap);

#endif
