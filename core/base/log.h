/* The program's own log: one line per event to a sink (stderr for `serve`, the
 * console's log ring for the screen).  Text from outside is escaped on its way
 * in, so no control byte reaches a terminal or a log file. */
#ifndef WEIR_BASE_LOG_H
#define WEIR_BASE_LOG_H

#include "core/base/error.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

typedef void log_sink_fn(void *ctx, enum log_level level, const char *line);
/* Called from any thread; NULL: stderr. */
void log_set_sink(log_sink_fn *sink, void *ctx);
void log_set_level(enum log_level level);
enum log_level log_level(void);
void log_write(enum log_level level, const char *format, ...) WEIR_PRINTF(2, 3);
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)

#endif
