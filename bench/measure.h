/* SPDX-License-Identifier: MIT */
/*
 * measure.h -- what programs that measure a server share: time, the server's
 * CPU and its memory.
 */
#ifndef CNC_BENCH_MEASURE_H
#define CNC_BENCH_MEASURE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../src/base/check.h"

/* Seconds, monotonic. */
static inline double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds of CPU that the process has had, all its threads together. */
static inline double
server_cpu(const char *pid)
{
    char path[512];
    double total = 0;
    struct dirent *e;
    DIR *d;

    snprintf(path, sizeof(path), "/proc/%s/task", pid);
    d = opendir(path);
    CNC_CHECK(d != NULL);
    while ((e = readdir(d)) != NULL) {
        unsigned long long ns = 0;
        FILE *f;

        snprintf(path, sizeof(path), "/proc/%s/task/%s/schedstat", pid,
                 e->d_name);
        f = e->d_name[0] == '.' ? NULL : fopen(path, "r");
        if (f != NULL) {
            if (fscanf(f, "%llu", &ns) == 1) {
                total += (double)ns / 1e9;
            }
            fclose(f);
        }
    }
    closedir(d);
    return total;
}

/* Bytes of memory that the process holds. */
static inline long
server_rss(const char *pid)
{
    char path[64], line[256];
    long kb = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%s/status", pid);
    f = fopen(path, "r");
    CNC_CHECK(f != NULL);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0) {
            kb = strtol(line + 6, NULL, 10);
        }
    }
    fclose(f);
    return kb * 1024;
}

#endif /* CNC_BENCH_MEASURE_H */
