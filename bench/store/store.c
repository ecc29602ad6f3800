/* SPDX-License-Identifier: MIT */
/*
 * Publishes a second through the store: each publish is an ITEM and a HISTORY
 * entry of 1 kB; a group is what one commit() carries, as the service's
 * writer thread gathers it.
 *
 *   bench-store MODULE.so [DIR]        prints one JSON line a group size
 */
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <concordance/store.h>

#include "../../src/base/str.h"

#define PAYLOAD 1024
#define SECONDS 2.0

static double
now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const struct cnc_store_driver *
load(const char *path)
{
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct cnc_store_driver *driver =
        module == NULL ? NULL : dlsym(module, CNC_STORE_SYMBOL);

    if (driver == NULL) {
        fprintf(stderr, "bench-store: %s\n", dlerror());
        exit(2);
    }
    return driver;
}

static void
must(int rc, const struct cnc_error *err)
{
    if (rc != 0) {
        fprintf(stderr, "bench-store: %s\n", err->text);
        exit(1);
    }
}

/* One group of publishes with sequence numbers from *seq on. */
static void
publish(const struct cnc_store_driver *driver, struct cnc_store *s,
        struct cnc_store_op *ops, char (*ids)[32], size_t group, uint64_t *seq,
        const char *payload)
{
    struct cnc_error err = {0};

    for (size_t i = 0; i < group; i++) {
        struct cnc_store_entry *e = &ops[2 * i].entry;

        ++*seq;
        snprintf(ids[i], sizeof(ids[i]), "item-%016llx",
                 (unsigned long long)*seq * 0x9e3779b97f4a7c15u);
        *e = (struct cnc_store_entry){CNC_STORE_ITEM, "library", ids[i],
                                      *seq,           *seq,      1700000000000,
                                      "ann@x",        payload,   PAYLOAD};
        ops[2 * i].verb = ops[2 * i + 1].verb = CNC_STORE_PUT;
        ops[2 * i + 1].entry = *e;
        ops[2 * i + 1].entry.kind = CNC_STORE_HISTORY;
    }
    must(driver->commit(s, ops, 2 * group, &err), &err);
}

static void
run(const struct cnc_store_driver *driver, const char *dir, size_t group)
{
    struct cnc_store_op *ops = cnc__zalloc(2 * group * sizeof(*ops));
    char(*ids)[32] = cnc__zalloc(group * sizeof(*ids));
    char payload[PAYLOAD];
    struct cnc_error err = {0};
    struct cnc_store *s = NULL;
    uint64_t seq = 0;
    double start, took;

    memset(payload, 'x', sizeof(payload));
    must(driver->open(&s, dir, &err), &err);
    start = now_s();
    do {
        publish(driver, s, ops, ids, group, &seq, payload);
        took = now_s() - start;
    } while (took < SECONDS);
    printf("{\"bench\":\"store\",\"driver\":\"%s\",\"group\":%zu,"
           "\"payload\":%d,\"publishes\":%llu,\"publishes_per_s\":%.0f}\n",
           driver->name, group, PAYLOAD, (unsigned long long)seq,
           (double)seq / took);
    fflush(stdout);
    driver->close(&s);
    cnc__free(ops);
    cnc__free(ids);
}

static void
remove_files(const char *dir)
{
    static const char *const names[] = {"concordance.db", "concordance.lock",
                                        "concordance.db-wal",
                                        "concordance.db-shm"};
    char path[4096 + 64];

    for (size_t i = 0; i < CNC_N(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
}

int
main(int argc, char **argv)
{
    static const size_t groups[] = {1, 8, 64, 512};
    char template[4096];
    const struct cnc_store_driver *driver;

    if (argc < 2) {
        fprintf(stderr, "usage: bench-store MODULE.so [DIR]\n");
        return 2;
    }
    driver = load(argv[1]);
    snprintf(template, sizeof(template), "%s/bench-store-XXXXXX",
             argc > 2 ? argv[2] : "/var/tmp");
    if (mkdtemp(template) == NULL) {
        perror(template);
        return 1;
    }
    for (size_t i = 0; i < CNC_N(groups); i++) {
        run(driver, template, groups[i]);
        remove_files(template);
    }
    return rmdir(template) == 0 ? 0 : 1;
}
