/* SPDX-License-Identifier: MIT */
#include "world.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

struct posted {
    void (*f)(void *arg);
    void *arg;
    struct posted *next;
};

struct world {
    struct cnc__router *router;
    struct cnc__pubsub *ps;
    struct cnc__commands *commands;
    struct cnc__apps *apps;
    struct cnc__apps_env env;
    struct cnc__commit **waiting;
    size_t n_waiting;
    bool left;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct posted *first, **last;
};

/* -- what stands for the rooms around ------------------------------------ */

static struct cnc__str heard;

void __wrap_cnc__session_send(struct cnc__session *s, const char *xml,
                              size_t len);
void __wrap_cnc__session_send_shared(struct cnc__session *s, const char *head,
                                     size_t head_len,
                                     const struct cnc_buf *tail);

void
__wrap_cnc__session_send(struct cnc__session *s, const char *xml, size_t len)
{
    cnc__str_clear(&heard);
    cnc__str_add(&heard, xml, len);
}

void
__wrap_cnc__session_send_shared(struct cnc__session *s, const char *head,
                                size_t head_len, const struct cnc_buf *tail)
{
}

const char *
world_heard(void)
{
    return cnc__str_c(&heard);
}

static void
commit(struct cnc__commit *c, void *priv)
{
    struct world *w = priv;

    w->waiting =
        cnc__realloc(w->waiting, w->n_waiting + 1, sizeof(*w->waiting));
    w->waiting[w->n_waiting++] = c;
}

void
world_flush(struct world *w, const char *fails)
{
    struct cnc_error err = {0};

    cnc_error_set(&err, CNC_ESTORE, NULL, "%s", fails == NULL ? "" : fails);
    while (w->n_waiting > 0) {
        struct cnc__commit *c = w->waiting[0];

        w->n_waiting--;
        memmove(w->waiting, w->waiting + 1, w->n_waiting * sizeof(c));
        c->done(c, fails == NULL ? NULL : &err);
    }
}

static int64_t
now_ms(void *priv)
{
    return 1795384800000;
}

static void
post(void (*f)(void *arg), void *arg, void *priv)
{
    struct world *w = priv;
    struct posted *p = cnc__zalloc(sizeof(*p));

    p->f = f;
    p->arg = arg;
    pthread_mutex_lock(&w->lock);
    *w->last = p;
    w->last = &p->next;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

/* One post, waiting for it up to the deadline; false when none came. */
static bool
run_post(struct world *w, const struct timespec *until)
{
    struct posted *p;
    int rc = 0;

    pthread_mutex_lock(&w->lock);
    while (w->first == NULL && until != NULL && rc == 0) {
        rc = pthread_cond_timedwait(&w->wake, &w->lock, until);
    }
    p = w->first;
    if (p != NULL) {
        w->first = p->next;
        if (w->first == NULL) {
            w->last = &w->first;
        }
    }
    pthread_mutex_unlock(&w->lock);
    if (p == NULL) {
        return false;
    }
    p->f(p->arg);
    cnc__free(p);
    return true;
}

void
world_pump(struct world *w, bool (*f)(void *arg), void *arg)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 30;
    while (!f(arg)) {
        assert_true(run_post(w, &until));
    }
}

/* Anna is of the staff. */
static bool
has_role(const char *bare, const char *roles, void *priv)
{
    return strcmp(bare, "anna@example.com") == 0 &&
           strncmp(roles, "staff", 5) == 0;
}

/* -- life ------------------------------------------------------------------
 */

struct world *
world_new(void)
{
    struct world *w = cnc__zalloc(sizeof(*w));
    struct cnc__pubsub_env ps = {
        .commit = commit, .now_ms = now_ms, .priv = w};
    struct cnc__apps_env apps = {
        .commit = commit, .post = post, .has_role = has_role, .priv = w};

    w->last = &w->first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    ps.router = apps.router = w->router = cnc__router_new("example.com");
    apps.pubsub = w->ps = cnc__pubsub_new(&ps);
    apps.commands = w->commands = cnc__commands_new(w->router);
    cnc__commands_roles(w->commands, has_role, NULL);
    w->env = apps;
    w->apps = cnc__apps_new(&apps);
    return w;
}

void
world_leave(struct world *w)
{
    cnc__apps_leave(w->apps);
    w->left = true;
    while (run_post(w, NULL)) {
    }
}

void
world_free(struct world **wp)
{
    struct world *w = *wp;
    struct cnc__session *s;
    size_t i = 0;

    if (!w->left) {
        world_leave(w);
    }
    while ((s = cnc__router_next_session(w->router, &i)) != NULL) {
        cnc__router_unbind(&s);
        i = 0;
    }
    cnc__pubsub_free(&w->ps);
    cnc__apps_free(&w->apps);
    world_flush(w, "the end");
    cnc__commands_free(&w->commands);
    cnc__router_free(&w->router);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    cnc__free(w->waiting);
    cnc__free(w);
    cnc__str_fini(&heard);
    *wp = NULL;
}

struct cnc__apps *
world_apps(struct world *w)
{
    return w->apps;
}

struct cnc__commands *
world_commands(struct world *w)
{
    return w->commands;
}

const struct cnc__apps_env *
world_env(struct world *w)
{
    return &w->env;
}

struct cnc__pubsub *
world_pubsub(struct world *w)
{
    return w->ps;
}

void
world_add(struct world *w, const struct cnc_app *app)
{
    struct cnc_error err = {0};

    if (world_try(w, app, &err) != 0) {
        fail_msg("%s", err.text);
    }
    world_flush(w, NULL);
}

int
world_try(struct world *w, const struct cnc_app *app, struct cnc_error *err)
{
    int code = cnc__apps_add(w->apps, app, err);

    if (code == 0) {
        code = cnc__apps_declare(w->apps, err);
    }
    world_flush(w, NULL);
    return code;
}

/* -- submits ------------------------------------------------------------- */

static void
answered(const struct cnc__submit_result *r, struct cnc__values *v, void *priv)
{
    struct answer *a = priv;
    const char *form = cnc__values_error(v, NULL);
    const char *title = cnc__values_error(v, "title");

    a->n++;
    a->code = r->code;
    snprintf(a->text, sizeof(a->text), "%s", r->text == NULL ? "" : r->text);
    snprintf(a->id, sizeof(a->id), "%s", r->id);
    snprintf(a->form, sizeof(a->form), "%s", form == NULL ? "" : form);
    snprintf(a->title, sizeof(a->title), "%s", title == NULL ? "" : title);
}

void
world_submit(struct world *w, struct answer *a, const char *node,
             const struct cnc__actor *who, const char *id, ...)
{
    struct cnc__values *v = cnc__values_new();
    const char *name;
    va_list ap;

    *a = (struct answer){0};
    va_start(ap, id);
    while ((name = va_arg(ap, const char *)) != NULL) {
        assert_int_equal(
            cnc__values_add(v, name, va_arg(ap, const char *), NULL), 0);
    }
    va_end(ap);
    cnc__apps_submit(w->apps, node, who, v, id, answered, a);
}

size_t
world_n_items(struct world *w, const char *node)
{
    return cnc__node_n_items(cnc__pubsub_node(w->ps, node));
}

const char *
world_item(struct world *w, const char *node, const char *id)
{
    struct cnc__item *item = cnc__node_item(cnc__pubsub_node(w->ps, node), id);

    assert_non_null(item);
    return cnc_buf_data(item->payload);
}

/* -- sessions --------------------------------------------------------------
 */

struct cnc__session *
world_session(struct world *w, const char *bare, bool operator_)
{
    struct cnc__session *s = cnc__router_bind(w->router, NULL, bare, "r", 0);

    s->operator_ = operator_;
    cnc__router_started(s);
    return s;
}

void
world_say(struct cnc__session *s, const char *xml)
{
    struct cnc_element *stanza = NULL;
    struct cnc_error err = {0};

    if (cnc_xml_parse(&stanza, xml, strlen(xml), 0, NULL, &err) != 0) {
        fail_msg("%s: %s", err.text, xml);
    }
    cnc__str_clear(&heard);
    cnc__router_stanza(s, stanza);
    cnc_element_unref(&stanza);
}
