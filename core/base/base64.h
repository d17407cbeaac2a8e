/* Base64 with padding and without line breaks (RFC 4648, section 4).  Pure. */
#ifndef WEIR_BASE_BASE64_H
#define WEIR_BASE_BASE64_H

#include "core/base/mem.h"

void base64_put(struct buf *out, struct slice s);
/* The value of a digit, 0 to 63; -1: it is none. */
int base64_digit(uint8_t c);

#endif
