#include "ceiling.h"

#include <stdio.h>
#include <time.h>

double seconds_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int64_t wall_milliseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void report(const char *name, long messages, double seconds) {
    double rate = seconds > 0 ? (double)messages / seconds : 0;
    printf("{\"name\":\"%s\",\"messages\":%ld,\"seconds\":%.4f,\"per_second\":%.0f}\n", name, messages, seconds, rate);
}
