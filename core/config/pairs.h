/* Flat reading and writing of small libconfig files (themes, what the console
 * remembers): every scalar as (group, name, value in text).  Numbers come as
 * decimal text, booleans as "true" and "false"; deeper groups are refused.
 * Any thread; nothing kept between calls. */
#ifndef WEIR_CONFIG_PAIRS_H
#define WEIR_CONFIG_PAIRS_H

#include "core/base/error.h"

typedef void pairs_fn(void *ctx, const char *group, const char *name, const char *value); /* group "" at the top */

enum err pairs_read_file(const char *path, pairs_fn *each, void *ctx, struct error *e) WEIR_MUST_CHECK;
enum err pairs_read_text(const char *text, pairs_fn *each, void *ctx, struct error *e) WEIR_MUST_CHECK;

struct pair { const char *group, *name, *value; };
/* Written beside, then renamed over; mode 0600. */
enum err pairs_write_file(const char *path, const struct pair *pairs, size_t n, struct error *e) WEIR_MUST_CHECK;

#endif
