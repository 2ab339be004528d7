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
    struct timespec cpu;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    double rate = seconds > 0 ? (double)messages / seconds : 0;
    printf("{\"name\":\"%s\",\"messages\":%ld,\"seconds\":%.4f,\"per_second\":%.0f,\"cpu_seconds\":%.4f}\n", name,
        messages, seconds, rate, (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9);
}
