/* Loading by dlopen; see lazy.h.
 *
 * The soname is what configure saw in the library that weir was compiled against,
 * so the ABI is the header's.  One lock for all libraries: it is held for the few
 * milliseconds of a first load and never again, since the state is read without it. */
#include "core/base/lazy.h"

#include "core/base/log.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

_Static_assert(sizeof(void *) == sizeof(void (*)(void)), "dlsym gives functions as void *");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static const char *reason(void) {
    const char *text = dlerror();
    return text != NULL ? text : "no reason given";
}

/* All pointers, or `error`. */
static enum err load(struct lazy_library *l) {
    l->handle = dlopen(l->soname, RTLD_NOW | RTLD_LOCAL);
    if (l->handle == NULL)
        return error_set(&l->error, ERR_UNSUPPORTED, "the library %s cannot be loaded: %s", l->soname, reason());
    const char *name = l->names;
    for (size_t i = 0; i < l->n_pointers; i++, name += strlen(name) + 1) {
        void *function = dlsym(l->handle, name);
        if (function == NULL)
            return error_set(&l->error, ERR_UNSUPPORTED, "the library %s has no %s: it is older than the one that weir "
                             "was made for", l->soname, name);
        memcpy((char *)l->pointers + i * sizeof function, &function, sizeof function);
    }
    return OK;
}

enum err lazy_load(struct lazy_library *l, struct error *e) {
    if (atomic_load_explicit(&l->state, memory_order_acquire) == LAZY_UNTRIED) {
        pthread_mutex_lock(&lock);
        if (atomic_load_explicit(&l->state, memory_order_relaxed) == LAZY_UNTRIED) {
            enum lazy_state state = load(l) == OK ? LAZY_LOADED : LAZY_MISSING;
            atomic_store_explicit(&l->state, state, memory_order_release);
        }
        pthread_mutex_unlock(&lock);
    }
    if (atomic_load_explicit(&l->state, memory_order_acquire) == LAZY_LOADED)
        return OK;
    if (e == NULL && !atomic_exchange(&l->logged, true))
        log_error("%s", l->error.text);
    return error_set(e, l->error.code, "%s", l->error.text);
}
