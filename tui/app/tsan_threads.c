/* Only in builds with --enable-sanitizers=thread: librdkafka starts its threads
 * with C11's thrd_create, which the sanitizer of gcc 12 does not know; such a
 * thread dies at its first allocation.  This one, found before libc's, goes by
 * way of pthread_create.  Any thread. */
#include "core/base/mem.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

struct start { thrd_start_t run; void *arg; };

static void *begin(void *p) {
    struct start s = *(struct start *)p;
    free(p);
    return (void *)(intptr_t)s.run(s.arg);
}

int thrd_create(thrd_t *thread, thrd_start_t run, void *arg) {
    struct start *s = mem_alloc(sizeof *s);
    *s = (struct start){run, arg};
    if (pthread_create(thread, NULL, begin, s) == 0)
        return thrd_success;
    free(s);
    return thrd_error;
}

/* A thread that ended through pthread_create answers with a pointer; libc's thrd_join would read an int. */
int thrd_join(thrd_t thread, int *result) {
    void *value;
    if (pthread_join(thread, &value) != 0)
        return thrd_error;
    if (result != NULL)
        *result = (int)(intptr_t)value;
    return thrd_success;
}
