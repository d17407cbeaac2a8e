/* One group of a configuration file: its scalars, and the elements of its lists
 * of text, as (name, value in text).  Booleans come as "true" and "false".
 * Any thread; nothing kept between calls. */
#ifndef WEIR_CONFIG_GROUP_H
#define WEIR_CONFIG_GROUP_H

#include "core/base/error.h"

/* Returns OK, or fills e and returns why this setting cannot be. */
typedef enum err group_fn(void *ctx, const char *name, const char *value, struct error *e);
/* ERR_NOT_FOUND: no such file.  A file without the group is fine.  Errors name file and line. */
enum err group_read(const char *path, const char *group, group_fn *each, void *ctx, struct error *e) WEIR_MUST_CHECK;

#endif
