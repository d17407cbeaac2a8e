/* Errors of the world, as opposed to bugs (weir_assert) and want of memory
 * (weir_oom): a code to act on and a sentence for a person. */
#ifndef WEIR_BASE_ERROR_H
#define WEIR_BASE_ERROR_H

#include <stddef.h>
#include <stdnoreturn.h>

enum err {
    OK = 0,
    ERR_AGAIN,       /* not now; an event will tell when */
    ERR_NOT_FOUND,
    ERR_EXISTS,
    ERR_INVALID,     /* the caller's input breaks a rule */
    ERR_CORRUPT,     /* bytes that fail their checksum or their grammar */
    ERR_RANGE,       /* an offset or size outside what is there */
    ERR_TOO_LARGE,
    ERR_NO_SPACE,    /* the disk is full, or would be */
    ERR_IO,          /* the disk failed; final for the store */
    ERR_READ_ONLY,   /* the store stopped taking writes after ERR_IO */
    ERR_LOCKED,      /* someone else owns it */
    ERR_LIMIT,       /* a configured bound was reached */
    ERR_CLOSED,
    ERR_TIMEOUT,
    ERR_NET,
    ERR_AUTH,
    ERR_UNSUPPORTED,
    ERR_USAGE,
};

#define ERROR_TEXT_SIZE 512
struct error {
    enum err code;
    char text[ERROR_TEXT_SIZE]; /* one sentence: the thing, the cause, the remedy */
};

#define WEIR_MUST_CHECK __attribute__((warn_unused_result))
#define WEIR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

const char *err_name(enum err code);
/* Fills e (NULL is allowed) and returns code, so that `return error_set(...)` reads well. */
enum err error_set(struct error *e, enum err code, const char *format, ...) WEIR_PRINTF(3, 4);

/* Bugs.  Kept in release builds: a broker that is wrong about itself must stop
 * before it writes. */
noreturn void weir_assert_failed(const char *expression, const char *file, int line);
#define weir_assert(e) ((e) ? (void)0 : weir_assert_failed(#e, __FILE__, __LINE__))

noreturn void weir_oom(size_t bytes);

#endif
