/* A record in full: head line, headers, key and value, decoded. */
#ifndef WEIR_VIEWS_RECORD_H
#define WEIR_VIEWS_RECORD_H

#include "tui/views/view.h"

enum decode { DECODE_AUTO, DECODE_JSON, DECODE_TEXT, DECODE_HEX, DECODE_N };
const char *decode_name(enum decode d);
void record_block(struct block *b, const struct tail_row *row, enum decode decode, int fold);

#endif
