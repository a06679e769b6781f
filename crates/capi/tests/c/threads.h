/* What the tests with threads share. */
#ifndef THREADS_H
#define THREADS_H

#include <pthread.h>
#include <sched.h>

#include "check.h"

#define THREADS 8

/*
 * What the library makes once in a process is made here where ThreadSanitizer watches: the Rust standard library, which is not built with it, has other
 * threads wait for that without its knowledge. Elsewhere the first call of several threads at once is part of the test.
 */
static inline void begin(void)
{
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
    (void)ntlm_sspi_live(0);
    (void)ntlm_sspi_status_name(0);
#endif
#endif
}

/* Starts all threads at once and waits for them. The bodies take `argument` and their number. */
typedef void (*Body)(void *argument, unsigned number);
typedef struct Start {
    Body body;
    void *argument;
    unsigned number;
    pthread_barrier_t *barrier;
} Start;

static inline void *start(void *argument)
{
    Start *given = (Start *)argument;
    pthread_barrier_wait(given->barrier);
    given->body(given->argument, given->number);
    return NULL;
}

static inline void together(unsigned threads, Body body, void *argument)
{
    pthread_t running[THREADS];
    Start starts[THREADS];
    pthread_barrier_t barrier;
    unsigned i;
    pthread_barrier_init(&barrier, NULL, threads);
    for (i = 0; i < threads; i++) {
        starts[i] = (Start){body, argument, i, &barrier};
        if (pthread_create(&running[i], NULL, start, &starts[i]) != 0) {
            abort();
        }
    }
    for (i = 0; i < threads; i++) {
        CHECK(pthread_join(running[i], NULL) == 0);
    }
    pthread_barrier_destroy(&barrier);
}

#endif
