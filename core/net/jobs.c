/* Worker threads with a queue each; see jobs.h.
 * One mutex guards all queues and the done list: a job takes 100 us and more, so
 * the lock is never the cost. */
#include "core/net/jobs.h"

#include "core/base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#define WORKERS_MAX 4

struct queue {
    struct job *first, **last;
};

struct worker {
    struct jobs *jobs;
    const char *name;
    pthread_t thread;
    pthread_cond_t wake;
    struct queue queue;
    bool started;
};

struct jobs {
    pthread_mutex_t lock;
    pthread_cond_t finished;
    uv_async_t door;
    struct queue done;
    struct worker workers[WORKERS_MAX];
    size_t n_workers;
    size_t pending;
    bool stopping;
};

static void queue_init(struct queue *q) {
    q->first = NULL;
    q->last = &q->first;
}

static void queue_put(struct queue *q, struct job *j) {
    j->next = NULL;
    *q->last = j;
    q->last = &j->next;
}

static struct job *queue_take(struct queue *q) {
    struct job *j = q->first;
    if (j != NULL) {
        q->first = j->next;
        if (q->first == NULL)
            q->last = &q->first;
    }
    return j;
}

static void *worker_main(void *arg) {
    struct worker *w = arg;
    struct jobs *js = w->jobs;
    pthread_setname_np(pthread_self(), w->name);
    pthread_mutex_lock(&js->lock);
    for (;;) {
        struct job *j = queue_take(&w->queue);
        if (j == NULL) {
            if (js->stopping)
                break;
            pthread_cond_wait(&w->wake, &js->lock);
            continue;
        }
        pthread_mutex_unlock(&js->lock);
        j->run(j);
        pthread_mutex_lock(&js->lock);
        bool was_empty = js->done.first == NULL;
        queue_put(&js->done, j);
        pthread_cond_signal(&js->finished);
        if (was_empty && !js->stopping)
            uv_async_send(&js->door);
    }
    pthread_mutex_unlock(&js->lock);
    return NULL;
}

bool jobs_collect(struct jobs *js) {
    pthread_mutex_lock(&js->lock);
    struct job *j = js->done.first;
    queue_init(&js->done);
    pthread_mutex_unlock(&js->lock);
    bool any = j != NULL;
    while (j != NULL) {
        struct job *next = j->next;
        js->pending--;
        j->done(j);
        j = next;
    }
    return any;
}

static void door_opened(uv_async_t *door) {
    jobs_collect(door->data);
}

struct jobs *jobs_new(uv_loop_t *loop) {
    struct jobs *js = mem_zalloc(sizeof *js);
    pthread_mutex_init(&js->lock, NULL);
    pthread_cond_init(&js->finished, NULL);
    queue_init(&js->done);
    int rc = uv_async_init(loop, &js->door, door_opened);
    weir_assert(rc == 0);
    js->door.data = js;
    return js;
}

struct worker *jobs_worker(struct jobs *js, const char *name) {
    weir_assert(js->n_workers < WORKERS_MAX);
    struct worker *w = &js->workers[js->n_workers++];
    w->jobs = js;
    w->name = name;
    queue_init(&w->queue);
    pthread_cond_init(&w->wake, NULL);
    return w;
}

static void worker_start(struct worker *w) {
    /* Signals are the loop's: the thread inherits a full mask. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, 256 * 1024);
    int rc = pthread_create(&w->thread, &attr, worker_main, w);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    weir_assert(rc == 0);
    w->started = true;
}

void jobs_post(struct jobs *js, struct worker *w, struct job *j) {
    if (!w->started)
        worker_start(w);
    js->pending++;
    pthread_mutex_lock(&js->lock);
    queue_put(&w->queue, j);
    pthread_mutex_unlock(&js->lock);
    pthread_cond_signal(&w->wake);
}

size_t jobs_pending(const struct jobs *js) {
    return js->pending;
}

void jobs_drain(struct jobs *js) {
    while (js->pending > 0) {
        pthread_mutex_lock(&js->lock);
        while (js->done.first == NULL)
            pthread_cond_wait(&js->finished, &js->lock);
        pthread_mutex_unlock(&js->lock);
        jobs_collect(js);
    }
}

static void door_closed(uv_handle_t *door) {
    struct jobs *js = door->data;
    pthread_cond_destroy(&js->finished);
    pthread_mutex_destroy(&js->lock);
    free(js);
}

void jobs_free(struct jobs *js) {
    pthread_mutex_lock(&js->lock);
    js->stopping = true;
    pthread_mutex_unlock(&js->lock);
    for (size_t i = 0; i < js->n_workers; i++) {
        struct worker *w = &js->workers[i];
        pthread_cond_signal(&w->wake);
        if (w->started)
            pthread_join(w->thread, NULL);
        pthread_cond_destroy(&w->wake);
    }
    jobs_collect(js);
    uv_close((uv_handle_t *)&js->door, door_closed);
}
