/* Work off the loop: threads that each run a queue of blocking jobs in order,
 * and one door back to the loop through which finished jobs come.
 *
 *   loop: jobs_post -> queue -> worker: run -> done list -> uv_async -> loop: done
 *
 * A thread starts with its first job.  A job lives in the caller's object until
 * its done() ran.  done() runs on the loop thread only.
 * Thread: everything but `run` belongs to the loop thread. */
#ifndef WEIR_NET_JOBS_H
#define WEIR_NET_JOBS_H

#include "core/base/error.h"

#include <stdbool.h>
#include <uv.h>

struct job {
    void (*run)(struct job *j);    /* on the worker */
    void (*done)(struct job *j);   /* on the loop */
    struct job *next;
};

struct jobs;
struct worker;

struct jobs *jobs_new(uv_loop_t *loop);
/* Runs what is queued to its end, joins the threads, calls the outstanding
 * done()s and closes the door; the loop must run once more before it is closed. */
void jobs_free(struct jobs *js);
struct worker *jobs_worker(struct jobs *js, const char *name);
void jobs_post(struct jobs *js, struct worker *w, struct job *j);
/* Jobs posted whose done() has not run. */
size_t jobs_pending(const struct jobs *js);
/* Calls the done()s of what is finished; true if there was one. */
bool jobs_collect(struct jobs *js);
/* Blocks until nothing is pending, jobs that a done() posts included. */
void jobs_drain(struct jobs *js);

#endif
