/* SPDX-License-Identifier: MIT */
/*
 * login_api.c -- concordance/login.h for handlers: carried to the core's
 * thread, where the service does it.
 *
 * Slow work with a then(): CNC_EAGAIN, and then() later on the handler's
 * thread.  Without one the thread of a threaded app waits, and with it the
 * app's other handlers.
 */
#include <time.h>

#include "../xmpp/jid.h"
#include "private.h"

enum what { CHECK, SET, REMOVE, ROLE, TOKEN_NEW, TOKEN_TAKE, CONFIRM };

struct cnc__slow {
    struct cnc_request *r; /* NULL: it is over */
    cnc_then_f *then;
    struct cnc__slow *next; /* of the same request */
    enum what what;
    char *a, *b, *c; /* what it is about */
    bool flag;
    char *text; /* of a token, where its caller wants it */
    size_t size;
    uint32_t seconds;
    int code;
    bool done, waited;       /* waited: a thread does, and frees it */
    struct cnc_request call; /* then(), on the app's thread */
};

static const struct cnc__login_ops *
ops_of(const struct cnc_request *r)
{
    return r->app->apps->env.logins;
}

static void *
priv_of(const struct cnc_request *r)
{
    return r->app->apps->env.priv;
}

static void
slow_free(struct cnc__slow *s)
{
    char *const texts[] = {s->a, s->b, s->c};

    for (size_t i = 0; i < CNC_N(texts); i++) {
        if (texts[i] != NULL) {
            cnc__wipe(texts[i], strlen(texts[i]));
            cnc__free(texts[i]);
        }
    }
    cnc__free(s);
}

void
cnc__login_forget(struct cnc_request *r)
{
    while (r->slow != NULL) {
        struct cnc__slow *s = r->slow;

        r->slow = s->next;
        s->r = NULL;
    }
}

/* -- on the core's thread --------------------------------------------------
 */

/* r is told: it has one less under way. */
static void
unlink_slow(struct cnc__slow *s)
{
    struct cnc__slow **at = &s->r->slow;

    while (*at != s) {
        at = &(*at)->next;
    }
    *at = s->next;
}

static int
run_then(struct cnc_request *call)
{
    struct cnc__slow *s = call->priv;

    s->then(s->r, s->code);
    return 0;
}

static void
after_then(struct cnc_request *call, int code)
{
    struct cnc__slow *s = call->priv;

    cnc__request_call_fini(call);
    slow_free(s);
}

/* Some turns later, on the core's thread. */
static void
tell(void *arg)
{
    struct cnc__slow *s = arg;

    if (s->r == NULL) {
        slow_free(s);
        return;
    }
    unlink_slow(s);
    s->call = (struct cnc_request){
        .app = s->r->app, .priv = s, .run = run_then, .after = after_then};
    cnc__app_call(&s->call);
}

static void
finished(int code, void *arg)
{
    struct cnc__slow *s = arg;

    s->code = code;
    if (s->waited) { /* s is the thread's from here on */
        cnc__app_thread_done(s->r->app->thread, &s->done);
    } else if (s->r != NULL) {
        /* Not within the call that asked. */
        s->r->app->apps->env.post(tell, s, priv_of(s->r));
    } else {
        slow_free(s);
    }
}

static void
begin(void *arg)
{
    struct cnc__slow *s = arg;
    const struct cnc__login_ops *ops = ops_of(s->r);
    const struct cnc_request *r = s->r;
    void *priv = priv_of(r);
    int code = 0;

    switch (s->what) {
    case CHECK:
        ops->check(s->a, s->b, s->c, finished, s, priv);
        break;
    case SET:
        ops->set(s->a, s->b, s->flag, finished, s, priv);
        break;
    case REMOVE:
        ops->remove(s->a, finished, s, priv);
        break;
    case ROLE:
        ops->role(s->a, s->b, s->flag, finished, s, priv);
        break;
    case TOKEN_NEW:
        code =
            ops->token_new(s->text, s->b, s->c, s->seconds, finished, s, priv);
        break;
    case TOKEN_TAKE:
        code =
            ops->token_take(s->a, s->b, s->text, s->size, finished, s, priv);
        break;
    case CONFIRM:
        ops->confirm(s->a, s->b, s->c, finished, s, priv);
        break;
    }
    if (code != 0) {
        finished(code, s);
    }
}

/* -- on the handler's thread -----------------------------------------------
 */

static struct cnc__slow *
slow_new(struct cnc_request *r, cnc_then_f *then, enum what what,
         const char *a, const char *b, const char *c)
{
    struct cnc__slow *s = cnc__zalloc(sizeof(*s));

    s->r = r;
    s->then = then;
    s->what = what;
    s->a = cnc__strdup(a);
    s->b = cnc__strdup(b);
    s->c = cnc__strdup(c);
    return s;
}

static int
wait_for(struct cnc__slow *s)
{
    int code = CNC_ECLOSED;

    s->waited = true;
    if (cnc__app_on_core(s->r, begin, s)) {
        cnc__app_thread_wait(s->r->app->thread, &s->done);
        code = s->code;
    }
    slow_free(s);
    return code;
}

static void
begin_linked(void *arg)
{
    struct cnc__slow *s = arg;

    s->next = s->r->slow;
    s->r->slow = s;
    begin(s);
}

/* s: steals. */
static int
run(struct cnc__slow *s)
{
    const struct cnc_request *r = s->r;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    if (s->then == NULL && r->app->thread != NULL) {
        return wait_for(s);
    }
    if (s->then == NULL || !r->may_wait) {
        cnc__log(CNC_LOG_WARN, "app.misuse",
                 "app=%s this handler cannot wait: it needs then, and to be a "
                 "command's",
                 r->app->decl->name);
        slow_free(s);
        return CNC_EINVAL;
    }
    if (!cnc__app_on_core(s->r, begin_linked, s)) {
        slow_free(s);
        return CNC_ECLOSED;
    }
    return CNC_EAGAIN;
}

/* -- accounts --------------------------------------------------------------
 */

struct quick { /* what the core answers at once */
    struct cnc_request *r;
    const char *a, *b;
    uint32_t seconds;
    cnc_login_f *on_login;
    cnc_role_f *on_role;
    void *priv;
    bool found;
    int code;
    char *text;
    size_t size;
    unsigned n;
};

static int
ask(struct quick *q, void (*f)(void *arg))
{
    return cnc__app_on_core(q->r, f, q) ? q->code : CNC_ECLOSED;
}

int
cnc_bare_jid(const struct cnc_request *r, char out[CNC_JID_SIZE],
             const char *text, bool *ours)
{
    const char *domain;
    struct cnc__str jid = CNC__STR;
    char prepared[CNC__JID_MAX + 1];
    size_t len;
    int code;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    domain = cnc__router_domain(r->app->apps->env.router);
    text += strspn(text, " \t\r\n");
    len = strcspn(text, " \t\r\n");
    cnc__str_add(&jid, text, len);
    if (len > 0 && strchr(jid.data, '@') == NULL) {
        cnc__str_printf(&jid, "@%s", domain);
    }
    code = text[len + strspn(text + len, " \t\r\n")] != '\0' || len == 0
               ? CNC_EINVAL
               : cnc__jid_prepare(prepared, jid.data, jid.len, NULL);
    cnc__str_fini(&jid);
    if (code != 0 || !cnc__jid_has_local(prepared) ||
        cnc__jid_bare_len(prepared) >= CNC_JID_SIZE) {
        return CNC_EINVAL;
    }
    prepared[cnc__jid_bare_len(prepared)] = '\0';
    memcpy(out, prepared, strlen(prepared) + 1);
    if (ours != NULL) {
        *ours = cnc__jid_is_at(out, domain);
    }
    return 0;
}

static void
exists_on_core(void *arg)
{
    struct quick *q = arg;

    q->found = ops_of(q->r)->exists(q->a, priv_of(q->r));
}

bool
cnc_account_exists(struct cnc_request *r, const char *user)
{
    struct quick q = {.r = r, .a = user};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return ask(&q, exists_on_core) == 0 && q.found;
}

int
cnc_account_check(struct cnc_request *r, const char *user,
                  const char *password, cnc_then_f *then)
{
    return run(slow_new(r, then, CHECK, user, password, cnc_addr(r)));
}

int
cnc_account_add(struct cnc_request *r, const char *user, const char *password,
                cnc_then_f *then)
{
    struct cnc__slow *s = slow_new(r, then, SET, user, password, NULL);

    s->flag = true;
    return run(s);
}

int
cnc_account_password(struct cnc_request *r, const char *user,
                     const char *password, cnc_then_f *then)
{
    return run(slow_new(r, then, SET, user, password, NULL));
}

int
cnc_account_delete(struct cnc_request *r, const char *user, cnc_then_f *then)
{
    return run(slow_new(r, then, REMOVE, user, NULL, NULL));
}

/* -- roles -----------------------------------------------------------------
 */

int
cnc_role_set(struct cnc_request *r, const char *jid, const char *role,
             bool has, cnc_then_f *then)
{
    struct cnc__slow *s = slow_new(r, then, ROLE, jid, role, NULL);

    s->flag = has;
    return run(s);
}

static void
roles_on_core(void *arg)
{
    struct quick *q = arg;

    q->code = ops_of(q->r)->roles(q->on_role, q->priv, priv_of(q->r));
}

/* A copy of what the core has: f runs on the handler's thread. */
struct rows {
    struct cnc__str text; /* NUL after each */
    size_t n;
};

static int
keep_role(const char *jid, const char *role, void *priv)
{
    struct rows *rows = priv;

    cnc__str_add(&rows->text, jid, strlen(jid) + 1);
    cnc__str_add(&rows->text, role, strlen(role) + 1);
    rows->n++;
    return 0;
}

int
cnc_roles_each(struct cnc_request *r, cnc_role_f *f, void *priv)
{
    struct rows rows = {CNC__STR, 0};
    struct quick q = {.r = r, .on_role = keep_role, .priv = &rows};
    const char *at;
    int stop;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    stop = ask(&q, roles_on_core);
    at = rows.text.data;
    for (size_t i = 0; i < rows.n && stop == 0; i++) {
        const char *role = at + strlen(at) + 1;

        stop = f(at, role, priv);
        at = role + strlen(role) + 1;
    }
    cnc__str_fini(&rows.text);
    return stop;
}

/* -- log-ins ---------------------------------------------------------------
 */

static void
login_on_core(void *arg)
{
    struct quick *q = arg;
    struct cnc__web_call *web = cnc__request_web(q->r);

    q->code = web == NULL
                  ? CNC_EPROTO
                  : ops_of(q->r)->login(web, q->a, q->seconds, priv_of(q->r));
}

int
cnc_login(struct cnc_request *r, const char *jid, uint32_t seconds)
{
    struct quick q = {.r = r, .a = jid, .seconds = seconds};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return ask(&q, login_on_core);
}

static void
logout_on_core(void *arg)
{
    struct quick *q = arg;
    struct cnc__web_call *web = cnc__request_web(q->r);

    q->code = web == NULL ? CNC_EPROTO : 0;
    if (web != NULL) {
        ops_of(q->r)->logout(web, priv_of(q->r));
    }
}

int
cnc_logout(struct cnc_request *r)
{
    struct quick q = {.r = r};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return ask(&q, logout_on_core);
}

struct login_rows {
    struct cnc_login_info *rows;
    size_t n, cap;
};

static int
keep_login(const struct cnc_login_info *l, void *priv)
{
    struct login_rows *all = priv;
    struct cnc_login_info *row;

    all->rows = cnc__grow(all->rows, all->n, &all->cap, sizeof(*all->rows));
    row = &all->rows[all->n++];
    *row = *l;
    row->id = cnc__strdup(l->id);
    row->jid = cnc__strdup(l->jid);
    row->agent = cnc__strdup(l->agent);
    row->addr = cnc__strdup(l->addr);
    return 0;
}

static void
logins_on_core(void *arg)
{
    struct quick *q = arg;

    q->code = ops_of(q->r)->each(q->a, q->r->caller, q->on_login, q->priv,
                                 priv_of(q->r));
}

int
cnc_logins_each(struct cnc_request *r, const char *jid, cnc_login_f *f,
                void *priv)
{
    struct login_rows all = {NULL, 0, 0};
    struct quick q = {.r = r, .a = jid, .on_login = keep_login, .priv = &all};
    int stop;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    stop = ask(&q, logins_on_core);
    for (size_t i = 0; i < all.n; i++) {
        struct cnc_login_info *row = &all.rows[i];

        stop = stop == 0 ? f(row, priv) : stop;
        cnc__free((char *)row->id);
        cnc__free((char *)row->jid);
        cnc__free((char *)row->agent);
        cnc__free((char *)row->addr);
    }
    cnc__free(all.rows);
    return stop;
}

static void
end_on_core(void *arg)
{
    struct quick *q = arg;

    q->code = ops_of(q->r)->end(q->a, q->b, priv_of(q->r));
}

int
cnc_logins_end(struct cnc_request *r, const char *jid, const char *id)
{
    struct quick q = {.r = r, .a = jid, .b = id};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return ask(&q, end_on_core);
}

/* -- tokens, confirmation, messages ----------------------------------------
 */

/* A thread waits until it is durable.  On the core's thread nobody may: what a
 * handler keeps because of a token is kept after it, in this order. */

int
cnc_token_new(struct cnc_request *r, char token[CNC_TOKEN_SIZE],
              const char *purpose, const char *text, uint32_t seconds)
{
    struct cnc__slow *s;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    if (r->app->thread == NULL) {
        return ops_of(r)->token_new(token, purpose, text, seconds, NULL, NULL,
                                    priv_of(r));
    }
    s = slow_new(r, NULL, TOKEN_NEW, NULL, purpose, text);
    s->text = token;
    s->seconds = seconds;
    return wait_for(s);
}

int
cnc_token_take(struct cnc_request *r, const char *token, const char *purpose,
               char *text, size_t size)
{
    struct cnc__slow *s;

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    if (r->app->thread == NULL) {
        return ops_of(r)->token_take(token, purpose, text, size, NULL, NULL,
                                     priv_of(r));
    }
    s = slow_new(r, NULL, TOKEN_TAKE, token, purpose, NULL);
    s->text = text;
    s->size = size;
    return wait_for(s);
}

static void
look_on_core(void *arg)
{
    struct quick *q = arg;

    q->code =
        ops_of(q->r)->token_look(q->a, q->b, q->text, q->size, priv_of(q->r));
}

int
cnc_token_look(struct cnc_request *r, const char *token, const char *purpose,
               char *text, size_t size)
{
    struct quick q = {
        .r = r, .a = token, .b = purpose, .text = text, .size = size};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return ask(&q, look_on_core);
}

int
cnc_confirm(struct cnc_request *r, const char *jid, const char *id,
            const char *url, cnc_then_f *then)
{
    return run(slow_new(r, then, CONFIRM, jid, id, url));
}

static void
message_on_core(void *arg)
{
    struct quick *q = arg;

    q->code = ops_of(q->r)->message(q->a, q->b, priv_of(q->r));
}

int
cnc_message(struct cnc_request *r, const char *to, const char *body)
{
    struct quick q = {.r = r, .a = to, .b = body};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return ask(&q, message_on_core);
}

static void
rate_on_core(void *arg)
{
    struct quick *q = arg;
    struct cnc__str key = CNC__STR;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    cnc__str_printf(&key, "%s %.500s", q->r->app->decl->name, q->a);
    q->code = cnc__rate_take(q->r->app->apps->rate, key.data, q->n, q->seconds,
                             (uint64_t)now.tv_sec * 1000 +
                                 (uint64_t)now.tv_nsec / 1000000)
                  ? 0
                  : CNC_ELIMIT;
    cnc__str_fini(&key);
}

int
cnc_rate(struct cnc_request *r, const char *key, unsigned n, unsigned seconds)
{
    struct quick q = {.r = r,
                      .a = key,
                      .n = n == 0 ? 1 : n,
                      .seconds = seconds == 0 ? 1 : seconds};

    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return ask(&q, rate_on_core);
}

const char *
cnc_addr(const struct cnc_request *r)
{
    CNC_OBJ_CHECK(r, CNC__CALL_MAGIC);
    return r->caller == NULL || r->caller->addr == NULL ? "" : r->caller->addr;
}
