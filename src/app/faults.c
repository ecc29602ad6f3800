/* SPDX-License-Identifier: MIT */
/*
 * faults.c -- what an app's handlers do wrong, counted; an app that does too
 * much of it, or floods, is paused.
 */
#include "private.h"

/* Which codes are the app's own fault, and not an answer. */
static bool
is_fault(const struct cnc_request *r, int code)
{
    if (code == 0 || r->refused || code == CNC_EREFUSED) {
        return false;
    }
    if (r->entry != CNC__ENTRY_COMMAND && r->entry != CNC__ENTRY_HOOK) {
        return true;
    }
    switch (code) { /* these answer the question */
    case CNC_ENOENT:
    case CNC_EACCES:
    case CNC_EEXIST:
    case CNC_ELIMIT:
    case CNC_EAUTH:
    case CNC_EPROTO:
    case CNC_ESTORE:
    case CNC_ECLOSED:
        return false;
    default:
        return true;
    }
}

/* -- pausing ----------------------------------------------------------------
 */

#define MAX_STREAK 5 /* faults in a row */

struct pausing {
    struct cnc__apps *apps;
    char *name;
    struct cnc__str why;
};

static void
paused(const struct cnc_error *err, const char *text, void *priv)
{
    struct pausing *p = priv;
    struct cnc__app *app = cnc__app_running_as(p->apps, p->name);

    if (err == NULL && app != NULL) {
        cnc__app_set_state(app, CNC__APP_PAUSED, p->why.data);
        cnc__apps_keep(p->apps, NULL, NULL);
        cnc__log(CNC_LOG_ERROR, "app.paused", "app=%s %s%s%s", p->name,
                 p->why.data, text == NULL ? "" : "; stopped with it: ",
                 text == NULL ? "" : text);
        if (p->apps->env.audit != NULL) {
            p->apps->env.audit(cnc__router_domain(p->apps->env.router),
                               "apps/pause", p->name, p->apps->env.priv);
        }
    }
    cnc__free(p->name);
    cnc__str_fini(&p->why);
    cnc__free(p);
}

static void
pause_now(void *arg)
{
    struct cnc__apps *a = arg;

    /* While another change goes on, the tick asks again. */
    for (struct cnc__app *app = a->first;
         app != NULL && !a->busy && !a->leaving; app = app->next) {
        struct pausing *p;

        if (app->harm == NULL) {
            continue;
        }
        p = cnc__zalloc(sizeof(*p));
        p->apps = a;
        p->name = cnc__strdup(app->own->name);
        cnc__str_puts(&p->why, app->harm);
        cnc__free(app->harm);
        app->harm = NULL;
        if (app->state == CNC__APP_RUNNING) {
            cnc__app_stop(a, p->name, paused, p);
        } else {
            paused(&(struct cnc_error){.code = CNC_ENOENT}, NULL, p);
        }
        break; /* the list may be another now */
    }
}

/* Never within the call that did it: the app's entries go. */
static void
pause_soon(struct cnc__app *app, const char *fmt, ...)
{
    struct cnc__str why = CNC__STR;
    va_list ap;

    if (app->harm != NULL || app->state != CNC__APP_RUNNING) {
        return;
    }
    va_start(ap, fmt);
    cnc__str_vprintf(&why, fmt, ap);
    va_end(ap);
    app->harm = cnc__str_steal(&why);
    app->apps->env.post(pause_now, app->apps, app->apps->env.priv);
}

static void
count_fault(struct cnc__app *app)
{
    uint64_t now = app->apps->now_ms;
    /* The place of the one that is so many ago. */
    uint64_t *at = &app->fault_ms[app->n_faults++ % CNC__APP_MINUTE];
    uint64_t before = *at;

    *at = now;
    app->streak++;
    if (app->streak >= MAX_STREAK) {
        pause_soon(app, "%u faults in a row, the last: %s", app->streak,
                   app->error);
    } else if (app->n_faults > CNC__APP_MINUTE && now - before < 60000) {
        pause_soon(app, "%u faults in a minute, the last: %s",
                   CNC__APP_MINUTE + 1, app->error);
    }
}

double
cnc__app_rate(const struct cnc__app *app, unsigned seconds)
{
    unsigned n = app->n_samples < seconds ? app->n_samples : seconds;
    uint64_t then;

    if (n == 0) {
        return 0;
    }
    then = app->samples[(app->n_sampled - n) % CNC__APP_SAMPLES];
    return app->counts.published < then
               ? 0
               : (double)(app->counts.published - then) / n;
}

static void
look_for_flood(struct cnc__app *app)
{
    const struct cnc__apps_limits *max = &app->apps->env.limits;

    if (app->n_samples > 0 &&
        app->counts.published <
            app->samples[(app->n_sampled - 1) % CNC__APP_SAMPLES]) {
        app->n_samples = 0; /* it was started anew */
    }
    app->samples[app->n_sampled++ % CNC__APP_SAMPLES] = app->counts.published;
    app->n_samples +=
        app->n_samples < CNC__APP_SAMPLES; /* one more, up to all */
    if (app->n_samples > max->flood_s) {
        uint64_t then = app->samples[(app->n_sampled - 1 - max->flood_s) %
                                     CNC__APP_SAMPLES];
        uint64_t rate = (app->counts.published - then) / max->flood_s;

        if (rate > max->flood_rate) {
            pause_soon(app, "it published %llu items a second for %u seconds",
                       (unsigned long long)rate, max->flood_s);
        }
    }
}

static void
look_for_leak(struct cnc__app *app)
{
    uint64_t max = app->apps->env.limits.memory;
    int64_t more = cnc__heap_bytes(app->heap) - app->heap_before;

    if (max > 0 && more > 0 && (uint64_t)more > max) {
        pause_soon(app, "it holds %lld MB of memory more than when it started",
                   (long long)(more >> 20));
    }
}

/* Its thread is given up, and with it whatever waits there. */
static void
look_for_stuck(struct cnc__app *app)
{
    uint32_t s = app->apps->env.limits.handler_s;
    struct cnc__app_thread *t = app->thread;
    struct cnc__str why = CNC__STR, text = CNC__STR;

    if (t == NULL || app->apps->leaving ||
        !cnc__app_thread_stuck(t, app->apps->now_ms, (uint64_t)s * 1000)) {
        return;
    }
    cnc__str_printf(&why, "a handler did not return within %u seconds", s);
    cnc__log(CNC_LOG_WARN, "app.stuck", "app=%s %s; left behind",
             app->own->name, why.data);
    cnc__app_fault(app, why.data);
    cnc__str_printf(&text,
                    "The app \"%s\" did not answer within %u seconds and is "
                    "paused. Please try again later.",
                    app->own->name, s);
    cnc__app_thread_lose(t, text.data);
    if (app->thread == t) { /* or it was reloading: the old one goes on */
        pause_soon(app, "%s", why.data);
    }
    cnc__str_fini(&why);
    cnc__str_fini(&text);
}

void
cnc__app_sample(struct cnc__app *app)
{
    look_for_flood(app);
    look_for_leak(app);
    look_for_stuck(app);
    if (app->harm != NULL) {
        pause_now(app->apps);
    }
}

void
cnc__app_fault(struct cnc__app *app, const char *text)
{
    app->apps->stats.failures++;
    app->counts.faults++;
    cnc__free(app->error);
    app->error = cnc__strdup(text);
    count_fault(app);
}

const char *
cnc__request_why(const struct cnc_request *r, int code)
{
    return r->refused            ? r->refusal
           : r->fault[0] != '\0' ? r->fault
                                 : cnc_err_text(code);
}

void
cnc__app_judge(const struct cnc_request *r, int code)
{
    struct cnc__app *app = r->app;

    if (is_fault(r, code)) {
        cnc__app_fault(app, cnc__request_why(r, code));
    } else {
        app->streak = 0;
    }
    look_for_leak(app);
}
