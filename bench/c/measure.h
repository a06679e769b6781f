/* Time, and rates: what ../rust/common/src/measure.rs does. */
#ifndef MEASURE_H
#define MEASURE_H

#include <stdlib.h>
#include <time.h>

#include "peer.h"

/* A rate is the median of so many. */
#define SLICES 11

typedef double (*Clock)(void);

/* Does a job so many times; seconds of what counts of it. */
typedef double (*Turn)(void *state, long times);

static double seconds(clockid_t clock)
{
    struct timespec time;
    CHECK(clock_gettime(clock, &time) == 0);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* Of all threads of the process. */
static inline double processor_time(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

static inline double wall_time(void)
{
    return seconds(CLOCK_MONOTONIC);
}

static int ascending(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* How often a second a job runs, in `budget` seconds. */
static double rate(Turn turn, void *state, double budget)
{
    double slices[SLICES], took;
    long times = 1;
    int i;
    while ((took = turn(state, times)) < budget / (4 * SLICES)) {
        times *= 2;
    }
    times = (long)((double)times * budget / SLICES / took);
    times = times < 1 ? 1 : times;
    for (i = 0; i < SLICES; i++) {
        slices[i] = (double)times / turn(state, times);
    }
    qsort(slices, SLICES, sizeof slices[0], ascending);
    return slices[SLICES / 2];
}

#endif
