/* SPDX-License-Identifier: MIT */
/*
 * guard.c -- how often a password may be guessed.
 */
#include "guard.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "../base/check.h"
#include "../base/str.h"
#include "../base/table.h"

#define GUARD_MAGIC 0x47554152u

/* When the bucket will be empty.  A failure is one leak's worth later. */
struct bucket {
    uint64_t empty_ms;
};

struct cnc__guard {
    unsigned magic;
    struct cnc__table *addrs, *accounts; /* -> struct bucket */
    struct cnc__table *known;            /* "addr account" that got in */
};

struct cnc__guard *
cnc__guard_new(void)
{
    struct cnc__guard *g = cnc__zalloc(sizeof(*g));

    g->magic = GUARD_MAGIC;
    g->addrs = cnc__table_new();
    g->accounts = cnc__table_new();
    g->known = cnc__table_new();
    return g;
}

void
cnc__guard_free(struct cnc__guard **gp)
{
    struct cnc__guard *g = *gp;

    if (g != NULL) {
        *gp = NULL;
        CNC_OBJ_CHECK(g, GUARD_MAGIC);
        cnc__table_free(&g->addrs, cnc__free);
        cnc__table_free(&g->accounts, cnc__free);
        cnc__table_free(&g->known, NULL);
        CNC_OBJ_FREE(g);
    }
}

void
cnc__addr_network(char out[64], const char *addr)
{
    struct in6_addr six;

    snprintf(out, 64, "%s", addr);
    if (inet_pton(AF_INET6, addr, &six) == 1) {
        memset(six.s6_addr + 8, 0, 8);
        inet_ntop(AF_INET6, &six, out, 64);
    }
}

static void
pair(struct cnc__str *out, const char *net, const char *account)
{
    cnc__str_printf(out, "%s %s", net, account);
}

/* Room for one more: what was put first goes first. */
static void
make_room(struct cnc__table *t, void (*free_value)(void *))
{
    struct cnc__table_iter i = {0};

    while (cnc__table_len(t) >= CNC__GUARD_MAX && cnc__table_next(t, &i)) {
        void *value = cnc__table_del(t, i.key);

        if (free_value != NULL) {
            free_value(value);
        }
    }
}

static void
fill(struct cnc__table *t, const char *key, uint32_t leak_ms, uint64_t now_ms)
{
    struct bucket *b = cnc__table_get(t, key);

    if (b == NULL) {
        make_room(t, cnc__free);
        b = cnc__zalloc(sizeof(*b));
        cnc__table_put(t, key, b);
    }
    b->empty_ms = (b->empty_ms > now_ms ? b->empty_ms : now_ms) + leak_ms;
}

static bool
is_full(const struct cnc__table *t, const char *key, uint32_t tries,
        uint32_t leak_ms, uint64_t now_ms)
{
    const struct bucket *b = cnc__table_get(t, key);

    return b != NULL && b->empty_ms > now_ms + (uint64_t)(tries - 1) * leak_ms;
}

bool
cnc__guard_may_try(struct cnc__guard *g, const char *addr, bool exempt,
                   const char *account, uint64_t now_ms, uint32_t *delay_ms)
{
    struct cnc__str key = CNC__STR;
    char net[64];
    bool is_known;

    CNC_OBJ_CHECK(g, GUARD_MAGIC);
    cnc__addr_network(net, addr);
    pair(&key, net, account);
    is_known = !exempt && cnc__table_get(g->known, key.data) != NULL;
    cnc__str_fini(&key);
    *delay_ms = 0;
    if (is_known) {
        return true;
    }
    if (is_full(g->accounts, account, CNC__GUARD_USER_TRIES,
                CNC__GUARD_USER_LEAK_MS, now_ms)) {
        *delay_ms = CNC__GUARD_DELAY_MS;
    }
    return exempt || !is_full(g->addrs, net, CNC__GUARD_ADDR_TRIES,
                              CNC__GUARD_ADDR_LEAK_MS, now_ms);
}

void
cnc__guard_failed(struct cnc__guard *g, const char *addr, const char *account,
                  uint64_t now_ms)
{
    char net[64];

    CNC_OBJ_CHECK(g, GUARD_MAGIC);
    cnc__addr_network(net, addr);
    fill(g->addrs, net, CNC__GUARD_ADDR_LEAK_MS, now_ms);
    fill(g->accounts, account, CNC__GUARD_USER_LEAK_MS, now_ms);
}

void
cnc__guard_succeeded(struct cnc__guard *g, const char *addr,
                     const char *account)
{
    struct cnc__str key = CNC__STR;
    char net[64];

    CNC_OBJ_CHECK(g, GUARD_MAGIC);
    cnc__addr_network(net, addr);
    pair(&key, net, account);
    if (cnc__table_get(g->known, key.data) == NULL) {
        make_room(g->known, NULL);
        cnc__table_put(g->known, key.data, g);
    }
    cnc__str_fini(&key);
}
