/* Libraries that are loaded when something first needs them, not with the program:
 * linking one dynamically costs every start of weir its relocations and its memory,
 * and most starts never use it (ARCHITECTURE.md has the figures).
 *
 * The functions used are rows of an X macro.  The struct of pointers and the names
 * are made from the same rows, so their order cannot differ, and the pointers have
 * the types of the library's own header, so every call is checked:
 *
 *   #define ZIP_FUNCTIONS(ROW) ROW(zip_open) ROW(zip_close)
 *   static struct { ZIP_FUNCTIONS(LAZY_POINTER) } zip;
 *   static struct lazy_library zip_library = LAZY_LIBRARY(ZIP_SONAME, ZIP_FUNCTIONS(LAZY_NAME), zip);
 *   ...
 *   if (lazy_load(&zip_library, e) == OK)
 *       zip.zip_open(...);
 *
 * Whoever calls through a pointer has had an OK from lazy_load in its thread or has
 * what such a caller made.  Nothing is unloaded.  Any thread. */
#ifndef WEIR_BASE_LAZY_H
#define WEIR_BASE_LAZY_H

#include "core/base/error.h"

#include <stdatomic.h>

enum lazy_state { LAZY_UNTRIED, LAZY_LOADED, LAZY_MISSING };
struct lazy_library {
    const char *soname;
    const char *names;       /* "first\0second\0": the pointers' functions, in their order */
    void *pointers;          /* nothing but pointers to functions */
    size_t n_pointers;
    _Atomic(enum lazy_state) state;
    void *handle;
    struct error error;      /* of LAZY_MISSING; written once, before the state */
    atomic_bool logged;
};

#define LAZY_POINTER(function) __typeof__(function) *function;
#define LAZY_NAME(function) #function "\0"
#define LAZY_LIBRARY(so_name, function_names, table) \
    {.soname = (so_name), .names = (function_names), .pointers = &(table), .n_pointers = sizeof(table) / sizeof(void *)}

/* Fills the pointers, at the first call; all of them or ERR_UNSUPPORTED, which is the answer
 * from then on.  The sentence goes to e; where that is NULL to the log, once. */
enum err lazy_load(struct lazy_library *l, struct error *e) WEIR_MUST_CHECK;

#endif
