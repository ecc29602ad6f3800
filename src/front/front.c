/* SPDX-License-Identifier: MIT */
/*
 * front.c -- a front's life, and which way a request goes:
 *
 *   kept? --yes--> the page
 *     no
 *   the link up? --no, not in time--> without the service (down.c)
 *     yes <-------------------+
 *   asked: answer             | broke off: once more, if that does no harm
 *          nothing in time -> 504
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/text.h"
#include "../web/head.h"
#include "../web/locale.h"
#include "../web/web.h"
#include "impl.h"

#define FRONT_MAGIC  0x46524f4eu
#define MAX_TRIES    3
#define SAY_AGAIN_MS 60000
#define NEW_S        10 /* how long a browser sees what it has just posted */

/* -- fork -----------------------------------------------------------------
 */

static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cnc__front *all;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
prepare(void)
{
    pthread_mutex_lock(&all_lock);
    for (struct cnc__front *f = all; f != NULL; f = f->next) {
        cnc__flink_fork_prepare(f->link);
        cnc__fkept_fork_prepare(f->kept);
    }
}

static void
parent(void)
{
    for (struct cnc__front *f = all; f != NULL; f = f->next) {
        cnc__fkept_fork_parent(f->kept);
        cnc__flink_fork_parent(f->link);
    }
    pthread_mutex_unlock(&all_lock);
}

static void
child(void)
{
    for (struct cnc__front *f = all; f != NULL; f = f->next) {
        cnc__fkept_fork_child(f->kept);
        cnc__flink_fork_child(f->link);
    }
    pthread_mutex_init(&all_lock, NULL);
}

static void
at_fork(void)
{
    pthread_atfork(prepare, parent, child);
}

/* -- the link's events, on its thread -------------------------------------
 */

static void
on_up(struct cnc__flink *l, void *priv)
{
    struct cnc__front *f = priv;

    cnc__fkept_up(f->kept, l);
}

static void
on_down(void *priv)
{
    struct cnc__front *f = priv;

    cnc__fkept_down(f->kept);
}

static void
on_message(const struct cnc_element *e, void *priv)
{
    struct cnc__front *f = priv;

    cnc__fkept_message(f->kept, e);
}

/* -- life -----------------------------------------------------------------
 */

static void
set_defaults(struct cnc__front_config *c)
{
    c->max_kept = c->max_kept > 0 ? c->max_kept : (size_t)64 << 20;
    c->wait_ms = c->wait_ms > 0 ? c->wait_ms : 30000;
    c->retry_ms = c->retry_ms > 0 ? c->retry_ms : 2000;
    c->ping_ms = c->ping_ms > 0 ? c->ping_ms : 10000;
}

static struct cnc__locale *
make_locale(void)
{
    struct cnc__locale *l = cnc__locale_new();
    struct cnc__catalogue *none = NULL;

    /* German is spoken where somebody has a catalogue of it. */
    CNC_CHECK(cnc__catalogue_parse(&none, "", "", 0, NULL) == 0);
    cnc__locale_put(l, "front", "de", none);
    return l;
}

int
cnc__front_new(struct cnc__front **out, const struct cnc__front_config *config,
               struct cnc_error *err)
{
    struct cnc__front *f;

    if (config->link == NULL || config->link[0] == '\0') {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "say where the service's socket is, DATA/link");
    }
    f = cnc__zalloc(sizeof(*f));
    f->magic = FRONT_MAGIC;
    f->c = *config;
    set_defaults(&f->c);
    f->c.link = f->path = cnc__strdup(config->link);
    f->c.domain = f->domain = cnc__strdup(config->domain);
    f->c.www = f->www = cnc__strdup(config->www);
    f->c.prefix = f->prefix = cnc__strdup(config->prefix);
    f->c.apps = f->apps = cnc__strdup(config->apps);
    f->empty = cnc_buf_new(NULL, 0);
    f->locale = make_locale();
    f->kept = cnc__fkept_new(f->c.max_kept);
    f->link =
        cnc__flink_new(&(struct cnc__flink_config){.path = f->path,
                                                   .domain = f->domain,
                                                   .owner = f->c.owner,
                                                   .ping_ms = f->c.ping_ms,
                                                   .up = on_up,
                                                   .down = on_down,
                                                   .message = on_message,
                                                   .priv = f});
    pthread_once(&once, at_fork);
    pthread_mutex_lock(&all_lock);
    f->next = all;
    all = f;
    pthread_mutex_unlock(&all_lock);
    *out = f;
    return 0;
}

void
cnc__front_free(struct cnc__front **fp)
{
    struct cnc__front *f = *fp;

    *fp = NULL;
    if (f == NULL) {
        return;
    }
    CNC_OBJ_CHECK(f, FRONT_MAGIC);
    pthread_mutex_lock(&all_lock);
    for (struct cnc__front **at = &all; *at != NULL; at = &(*at)->next) {
        if (*at == f) {
            *at = f->next;
            break;
        }
    }
    pthread_mutex_unlock(&all_lock);
    cnc__flink_free(&f->link);
    cnc__fkept_free(&f->kept);
    cnc__locale_free(&f->locale);
    cnc_buf_unref(&f->empty);
    cnc__free(f->path);
    cnc__free(f->domain);
    cnc__free(f->www);
    cnc__free(f->prefix);
    cnc__free(f->apps);
    CNC_OBJ_FREE(f);
}

/* -- a request ------------------------------------------------------------
 */

static void
make_id(char out[CNC__FRONT_UUID])
{
    unsigned char b[16];
    char hex[33];

    cnc__random(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* RFC 9562 5.4 */
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    cnc__hex(hex, b, sizeof(b));
    snprintf(out, CNC__FRONT_UUID, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8,
             hex + 12, hex + 16, hex + 20);
}

/* May it be sent once more after the connection broke? */
static bool
may_repeat(const struct cnc__exchange *x)
{
    return !x->streamed && x->whole && !x->gone &&
           (!x->sent || x->s.get || x->s.head || cnc__fseen_is_form(&x->s));
}

/* What the browser posted shows in the next page that it asks for: no kept
 * one, of whatever process, which may not have heard of it yet. */
static void
mark_new(struct cnc__front_answer *out, const struct cnc__exchange *x)
{
    char value[96];

    if (!x->s.get && !x->s.head && out->status < 500) {
        snprintf(value, sizeof(value),
                 CNC__COOKIE_NEW "=1; Path=/; Max-Age=%d; HttpOnly; "
                                 "SameSite=Lax%s",
                 NEW_S, x->r->secure ? "; Secure" : "");
        cnc__fanswer_add(out, "Set-Cookie", value);
    }
}

/* Each request may be refused: one line a minute says it. */
static void
log_refused(struct cnc__front *f, const struct cnc_error *err)
{
    long long now = cnc__flink_now(), last = atomic_load(&f->refused_ms);

    if ((last == 0 || now - last >= SAY_AGAIN_MS) &&
        atomic_compare_exchange_strong(&f->refused_ms, &last, now)) {
        cnc__log(CNC_LOG_WARN, "front.refused", "link=%s condition=%s %s",
                 f->path, err->condition == NULL ? "" : err->condition,
                 err->text);
    }
}

/* The service said no to the request as such. */
static void
answer_error(struct cnc__front_answer *out, struct cnc__exchange *x,
             const struct cnc_error *err)
{
    const char *is = err->condition == NULL ? "" : err->condition;

    if (strcmp(is, "bad-request") == 0) {
        cnc__fdown_say(out, x, 400, "That request cannot be read", err->text);
    } else if (strcmp(is, "policy-violation") == 0) {
        cnc__fdown_say(out, x, x->n_read > 0 ? 413 : 431, "That is too large",
                       err->text);
    } else if (strcmp(is, "resource-constraint") == 0) {
        cnc__fdown_say(out, x, 503, "Too many at once",
                       "Please try again in a moment.");
    } else {
        log_refused(x->f, err);
        cnc__fdown_say(out, x, 502, "The service did not answer this",
                       "The service refuses what the web server asks it.");
    }
}

static void
ask_service(struct cnc__exchange *x, struct cnc__front_answer *out)
{
    struct cnc_error err = {0};
    bool patient = !x->s.get && !x->s.head;
    int rc = CNC_ESYS;

    /* What has gone before it was all here is not asked for. */
    for (int i = 0; i < MAX_TRIES && !x->gone; i++) {
        rc = cnc__flink_up(x->f->link, x->f->c.retry_ms, patient, &err);
        if (rc != 0) {
            rc = CNC_ECLOSED;
            break;
        }
        rc = cnc__exchange_try(x, out, &err);
        if ((rc != CNC_ECLOSED && rc != CNC_ESYS) || !may_repeat(x)) {
            break;
        }
    }
    if (rc == 0) {
        mark_new(out, x);
    } else if (rc == CNC_EAGAIN) {
        cnc__fdown_say(out, x, 504, "The service did not answer in time",
                       "It may be doing too much at once. Please try again "
                       "later.");
    } else if (rc == CNC_EREFUSED) {
        answer_error(out, x, &err);
    } else if (x->gone) {
        cnc__fdown_say(out, x, 400, "That request cannot be read",
                       "Its body ended too early.");
    } else {
        cnc__fdown_answer(out, x);
    }
}

void
cnc__front_ask(struct cnc__front *f, struct cnc__front_answer *out,
               const struct cnc__front_request *request)
{
    struct cnc__exchange x = {.f = f, .r = request};
    struct cnc__fpage *p;

    CNC_OBJ_CHECK(f, FRONT_MAGIC);
    atomic_fetch_add(&f->asked, 1);
    cnc__fseen_read(&x.s, request);
    if ((p = cnc__fkept_get(f->kept, &x.s)) != NULL) {
        atomic_fetch_add(&f->n_kept, 1);
        cnc__fanswer_page(out, f, p, &x.s);
        return;
    }
    make_id(x.item);
    x.unconditional = x.s.get && x.s.if_none_match != NULL && !x.s.fresh &&
                      cnc__fkept_fits(&x.s) &&
                      cnc__fkept_knows(f->kept, &x.s, f->prefix);
    cnc__exchange_read(&x);
    ask_service(&x, out);
    cnc__str_fini(&x.body);
    cnc__str_fini(&x.head);
    if (out->status >= 500) {
        atomic_fetch_add(&f->n_failed, 1);
    }
}

int
cnc__front_iq(struct cnc__front *f, const char *type, const char *payload_xml,
              struct cnc_element **reply, struct cnc_error *err)
{
    struct cnc__fask a = {0};
    int rc;

    CNC_OBJ_CHECK(f, FRONT_MAGIC);
    if (cnc__flink_up(f->link, f->c.retry_ms, true, err) != 0) {
        return CNC_EAGAIN;
    }
    if (cnc__flink_send(f->link, &a, 0, type, payload_xml,
                        strlen(payload_xml)) != 0) {
        return cnc_error_set(err, CNC_EAGAIN, NULL,
                             "the connection to the service broke");
    }
    rc = cnc__flink_wait(f->link, &a, cnc__flink_now() + f->c.wait_ms, err);
    if (reply != NULL) {
        *reply = a.reply;
        a.reply = NULL;
    }
    cnc__fask_fini(&a);
    return rc;
}

void
cnc__front_stats(struct cnc__front *f, struct cnc__front_stats *out)
{
    CNC_OBJ_CHECK(f, FRONT_MAGIC);
    memset(out, 0, sizeof(*out));
    out->asked = atomic_load(&f->asked);
    out->kept = atomic_load(&f->n_kept);
    out->stale = atomic_load(&f->n_stale);
    out->failed = atomic_load(&f->n_failed);
    out->up = cnc__flink_is_up(f->link, &out->connects);
    cnc__fkept_count(f->kept, &out->n_pages, &out->n_bytes);
}
