#pragma once

// glibc declares it in <sched.h> under _GNU_SOURCE only, which Swift's Glibc module does not define.
int sched_getcpu(void);
