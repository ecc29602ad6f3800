/* SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "../../../src/base/str.h"
#include "store-tests.h"

const struct cnc_store_driver *driver;
char dir[64];

void
load_driver(void)
{
    void *module = dlopen(STORE_SO, RTLD_NOW | RTLD_LOCAL);

    if (module == NULL) {
        fprintf(stderr, "%s\n", dlerror());
    }
    assert_non_null(module);
    driver = dlsym(module, CNC_STORE_SYMBOL);
    assert_non_null(driver);
}

int
setup_dir(void **state)
{
    snprintf(dir, sizeof(dir), "/tmp/cnc-store-XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
remove_one(const char *path, const struct stat *st, int flag,
           struct FTW *where)
{
    return remove(path);
}

int
teardown_dir(void **state)
{
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *
in_dir(const char *name)
{
    static char path[128];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

struct cnc_store *
must_open(void)
{
    struct cnc_error err = {0};
    struct cnc_store *s = NULL;

    if (driver->open(&s, dir, &err) != 0) {
        fail_msg("open: %s", err.text);
    }
    return s;
}

void
must_commit(struct cnc_store *s, const struct cnc_store_op *ops, size_t n)
{
    struct cnc_error err = {0};

    if (driver->commit(s, ops, n, &err) != 0) {
        fail_msg("commit: %s", err.text);
    }
}

struct cnc_store_op
put_item(const char *node, const char *id, uint64_t seq, const char *value)
{
    return (struct cnc_store_op){CNC_STORE_PUT,
                                 {CNC_STORE_ITEM, node, id, seq, seq,
                                  1000 + (int64_t)seq, "ann@example.org",
                                  value, strlen(value)}};
}

static int
add_line(const struct cnc_store_entry *e, void *priv)
{
    static const char *const kinds[] = {"?", "NODE", "ITEM", "HISTORY", "KEY"};

    cnc__str_printf(priv, "%s %s %s %llu %llu %lld %s ", kinds[e->kind],
                    e->node, e->id, (unsigned long long)e->seq,
                    (unsigned long long)e->created, (long long)e->published_ms,
                    e->publisher);
    cnc__str_add(priv, e->value, e->len);
    cnc__str_putc(priv, '\n');
    return 0;
}

char *
dump(struct cnc_store *s)
{
    struct cnc__str text = CNC__STR;
    struct cnc_error err = {0};

    cnc__str_puts(&text, "");
    if (driver->each(s, add_line, &text, &err) != 0) {
        fail_msg("each: %s", err.text);
    }
    return cnc__str_steal(&text);
}

void
free_dump(char *text)
{
    cnc__free(text);
}
