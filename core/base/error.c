/* Errors and the two ways the program ends by itself: a bug, and want of memory.
 * Any thread; nothing is kept. */
#include "core/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *err_name(enum err code) {
    switch (code) {
    case OK: return "ok";
    case ERR_AGAIN: return "not now";
    case ERR_NOT_FOUND: return "not found";
    case ERR_EXISTS: return "exists already";
    case ERR_INVALID: return "invalid";
    case ERR_CORRUPT: return "corrupt";
    case ERR_RANGE: return "out of range";
    case ERR_TOO_LARGE: return "too large";
    case ERR_NO_SPACE: return "no space";
    case ERR_IO: return "input/output error";
    case ERR_READ_ONLY: return "read-only";
    case ERR_LOCKED: return "locked";
    case ERR_LIMIT: return "limit reached";
    case ERR_CLOSED: return "closed";
    case ERR_TIMEOUT: return "timed out";
    case ERR_NET: return "network error";
    case ERR_AUTH: return "not authorised";
    case ERR_UNSUPPORTED: return "unsupported";
    case ERR_USAGE: return "wrong usage";
    }
    return "unknown error";
}

enum err error_set(struct error *e, enum err code, const char *format, ...) {
    if (e != NULL) {
        va_list args;
        va_start(args, format);
        e->code = code;
        vsnprintf(e->text, sizeof e->text, format, args);
        va_end(args);
    }
    return code;
}

noreturn void weir_assert_failed(const char *expression, const char *file, int line) {
    fprintf(stderr, "weir: a bug: %s does not hold at %s:%d\n", expression, file, line);
    abort();
}

noreturn void weir_oom(size_t bytes) {
    fprintf(stderr, "weir: no memory for %zu bytes\n", bytes);
    abort();
}
