/* SPDX-License-Identifier: MIT */
/*
 * notify.c -- what the service manager is told (sd_notify(3)): that we are
 * ready, reload, stop; how many are connected; and that the core's loop turns,
 * without which a stuck core is killed and started again.
 *
 * That it turns, says the loop alone, never another thread: a core that
 * stands still is what the manager is to find out.
 */
#ifdef CNC_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include <time.h>

#include "private.h"

#define EXTEND_EVERY_MS 5000 /* while we start */
#define EXTEND_BY       "EXTEND_TIMEOUT_USEC=30000000"
#define STATUS_EVERY_MS 5000

struct cnc__notify {
    uv_timer_t watchdog;
    uint64_t extended_ms, told_ms;
    size_t n_told; /* sessions */
    bool ready;
};

#ifdef CNC_SYSTEMD
static void
tell(const char *text)
{
    sd_notify(0, text);
}

static uint64_t
watchdog_us(void)
{
    uint64_t us = 0;

    return sd_watchdog_enabled(0, &us) > 0 ? us : 0;
}
#else
static void
tell(const char *text)
{
}

static uint64_t
watchdog_us(void)
{
    return 0;
}
#endif

static uint64_t
now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static void
on_watchdog(uv_timer_t *timer)
{
    tell("WATCHDOG=1");
}

struct cnc__notify *
cnc__notify_new(uv_loop_t *loop)
{
    struct cnc__notify *n = cnc__zalloc(sizeof(*n));
    uint64_t half_ms = watchdog_us() / 2000;

    CNC_CHECK(uv_timer_init(loop, &n->watchdog) == 0);
    if (half_ms > 0) {
        uv_timer_start(&n->watchdog, on_watchdog, half_ms, half_ms);
        uv_unref((uv_handle_t *)&n->watchdog);
    }
    n->extended_ms = now_ms();
    return n;
}

void
cnc__notify_close(struct cnc__notify *n)
{
    uv_close((uv_handle_t *)&n->watchdog, NULL);
}

void
cnc__notify_free(struct cnc__notify **np)
{
    cnc__free(*np);
    *np = NULL;
}

/* -- start ---------------------------------------------------------------- */

void
cnc__notify_starting(struct cnc__notify *n, const char *what,
                     const char *domain)
{
    struct cnc__str text = CNC__STR;
    uint64_t now = now_ms();

    if (now - n->extended_ms < EXTEND_EVERY_MS) {
        return;
    }
    n->extended_ms = now;
    cnc__str_printf(&text, EXTEND_BY "\nSTATUS=%s %s", what, domain);
    tell(text.data);
    cnc__str_fini(&text);
}

/* -- status --------------------------------------------------------------- */

static void
add_status(struct cnc__str *out, const struct cnc__process *p, size_t n)
{
    cnc__str_puts(out, "STATUS=");
    if (p->n_domains == 1) {
        cnc__str_printf(out, "%s", p->domains[0]->o.domain);
    } else {
        cnc__str_printf(out, "%zu domains", p->n_domains);
    }
    cnc__str_printf(out, ", %zu session%s", n, n == 1 ? "" : "s");
}

static void
tell_ready(struct cnc__process *p, size_t n_sessions)
{
    struct cnc__str text = CNC__STR;

    cnc__str_puts(&text, "READY=1\n");
    add_status(&text, p, n_sessions);
    tell(text.data);
    cnc__str_fini(&text);
}

void
cnc__notify_ready(struct cnc__process *p)
{
    p->notify->ready = true;
    tell_ready(p, cnc__process_n_sessions(p));
}

void
cnc__notify_tick(struct cnc__process *p)
{
    struct cnc__notify *n = p->notify;
    size_t sessions = cnc__process_n_sessions(p);
    struct cnc__str text = CNC__STR;
    uint64_t now = now_ms();

    if (p->stop_asked) {
        return;
    }
    if (!n->ready) {
        cnc__notify_starting(n, "rendering the pages of",
                             p->domains[0]->o.domain);
    } else if (sessions != n->n_told && now - n->told_ms >= STATUS_EVERY_MS) {
        n->n_told = sessions;
        n->told_ms = now;
        add_status(&text, p, sessions);
        tell(text.data);
        cnc__str_fini(&text);
    }
}

/* -- reload, stop --------------------------------------------------------- */

/* A start that is not over yet is no more ready for a reload in it. */
void
cnc__notify_reloading(struct cnc__process *p)
{
    struct cnc__str text = CNC__STR;
    struct timespec t;

    if (!p->notify->ready) {
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &t);
    cnc__str_printf(&text, "RELOADING=1\nMONOTONIC_USEC=%lld",
                    (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000);
    tell(text.data);
    cnc__str_fini(&text);
}

void
cnc__notify_reloaded(struct cnc__process *p)
{
    if (p->notify->ready && !p->stop_asked) {
        tell_ready(p, cnc__process_n_sessions(p));
    }
}

void
cnc__notify_stopping(struct cnc__process *p)
{
    tell("STOPPING=1\nSTATUS=stopping");
}
