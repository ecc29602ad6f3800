/* SPDX-License-Identifier: MIT */
/*
 * gate.c -- who may ask, the requests under way and their ends.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "../base/text.h"
#include "gate.h"

static void respond(struct cnc__http_responder *self,
                    const struct cnc__http_response *response);
static void resume(struct cnc__http_responder *self);
void
cnc__gate_warn(struct cnc__gate *g, const char *event, const char *jid,
               const char *why)
{
    uint64_t now = cnc__gate_now(g);

    g->stats.refused++;
    if (now >= g->warned_ms + 1000) {
        g->warned_ms = now;
        cnc__log(CNC_LOG_WARN, event, "jid=%s reason=%s", jid, why);
    }
}

/* -- links -----------------------------------------------------------------
 */

static void
link_key(char key[24], uint64_t session)
{
    snprintf(key, 24, "%" PRIu64, session);
}

struct cnc__gate_link *
cnc__gate_link_of(struct cnc__gate *g, uint64_t session)
{
    const struct cnc__session *s =
        cnc__router_session(g->service->router, session);
    struct cnc__gate_link *link;
    char key[24];

    if (s == NULL || !s->web) {
        return NULL;
    }
    link_key(key, session);
    link = cnc__table_get(g->links, key);
    if (link == NULL) {
        link = cnc__zalloc(sizeof(*link));
        link->session = session;
        link->jid = cnc__strdup(s->jid);
        cnc__table_put(g->links, key, link);
    }
    return link;
}

bool
cnc__gate_hold(struct cnc__gate_link *link, size_t *held, size_t n)
{
    if (link->held + n > CNC__GATE_HELD) {
        return false;
    }
    link->held += n;
    *held += n;
    return true;
}

/* -- calls -----------------------------------------------------------------
 */

static void
unlink_call(struct cnc__gate_call *c)
{
    struct cnc__gate_call **first =
        c->link == NULL ? &c->gate->orphans : &c->link->calls;

    if (c->prev != NULL) {
        c->prev->next = c->next;
    } else if (*first == c) {
        *first = c->next;
    }
    if (c->next != NULL) {
        c->next->prev = c->prev;
    }
    if (c->link != NULL) {
        c->link->n--;
        c->link->held -= c->held;
        c->gate->stats.under_way--;
    }
    c->prev = c->next = NULL;
    c->link = NULL;
    c->held = 0;
}

struct cnc__gate_call *
cnc__gate_call_new(struct cnc__gate *g, struct cnc__gate_link *link,
                   struct cnc__request *iq)
{
    struct cnc__gate_call *c = cnc__zalloc(sizeof(*c));

    c->magic = CNC__GATE_CALL_MAGIC;
    c->gate = g;
    c->link = link;
    c->iq = iq;
    c->length = UINT64_MAX;
    c->responder.respond = respond;
    c->responder.resume = resume;
    c->asker.session = link->session;
    cnc__gate_errands_init(c);
    c->request.responder = &c->responder;
    c->request.asker = &c->asker;
    c->request.query = "";
    c->next = link->calls;
    if (c->next != NULL) {
        c->next->prev = c;
    }
    link->calls = c;
    link->n++;
    g->stats.under_way++;
    return c;
}

/* What others hung on the request. */
static void
forget(struct cnc__http_request *r)
{
    struct cnc__http_made *made = r->made;

    cnc__free(r->caller);
    r->caller = NULL;
    r->made = NULL;
    if (made != NULL) {
        made->end(made);
    }
}

void
cnc__gate_call_free(struct cnc__gate_call **cp)
{
    struct cnc__gate_call *c = *cp;

    CNC_OBJ_CHECK(c, CNC__GATE_CALL_MAGIC);
    *cp = NULL;
    unlink_call(c);
    cnc__gate_errands_end(c);
    forget(&c->request);
    cnc__request_free(&c->iq);
    cnc__request_free(&c->block_iq);
    cnc__str_fini(&c->text);
    cnc__str_fini(&c->body);
    cnc__free(c->item);
    cnc__free(c->apps);
    cnc__free(c->sid);
    CNC_OBJ_FREE(c);
}

/* Its link has gone: nobody waits for it any more. */
static void
abandon(struct cnc__gate_call *c)
{
    struct cnc__http_sink *sink = c->sink;

    unlink_call(c);
    cnc__request_free(&c->iq);
    cnc__request_free(&c->block_iq);
    c->sink = NULL;
    if (sink != NULL) {
        sink->gone(sink);
    }
    if (!c->with_handler) {
        cnc__gate_call_free(&c);
        return;
    }
    /* Its handler will still answer, and that frees it, or the service ends
     * first. */
    c->next = c->gate->orphans;
    if (c->next != NULL) {
        c->next->prev = c;
    }
    c->gate->orphans = c;
    cnc__gate_errands_end(c);
    if (c->answered && !c->in_handler) {
        cnc__gate_call_free(&c);
    }
}

static void
on_session_end(struct cnc__session *s, void *priv)
{
    struct cnc__gate *g = priv;
    struct cnc__gate_link *link;
    char key[24];

    link_key(key, s->id);
    link = cnc__table_get(g->links, key);
    if (link == NULL) {
        return;
    }
    while (link->calls != NULL) {
        abandon(link->calls);
    }
    cnc__gate_send_end(link);
    cnc__table_del(g->links, key);
    cnc__free(link->jid);
    cnc__free(link);
}

/* -- answers ---------------------------------------------------------------
 */

void
cnc__gate_refuse(struct cnc__gate_call *c, int code, const char *condition,
                 const char *why)
{
    struct cnc__http_sink *sink = c->sink;

    c->sink = NULL;
    if (sink != NULL) {
        sink->gone(sink);
    }
    c->gate->stats.refused++;
    if (c->block_iq != NULL) {
        cnc__request_refuse(&c->block_iq, code, condition, "%s", why);
    }
    if (c->iq != NULL) {
        cnc__request_refuse(&c->iq, code, condition, "%s", why);
    }
    cnc__gate_call_free(&c);
}

void
cnc__gate_say(struct cnc__gate_call *c, int status, const char *headers,
              const char *why)
{
    struct cnc__str text = CNC__STR;
    struct cnc_buf *body;

    cnc__str_printf(&text, "%s: %s.\n", cnc__http_status_text(status), why);
    body = cnc_buf_new(text.data, text.len);
    c->with_handler = true;
    c->responder.respond(&c->responder,
                         &(struct cnc__http_response){
                             .status = status,
                             .content_type = "text/plain; charset=utf-8",
                             .headers = headers,
                             .body = body});
    cnc_buf_unref(&body);
    cnc__str_fini(&text);
}

static void
close_file(const struct cnc__http_response *r)
{
    if (r->file != NULL) {
        close(r->file->fd);
    }
}

/* The body that is too large for one IQ goes after its head. */
static void
answer(struct cnc__gate_call *c, const struct cnc__http_response *r)
{
    uint64_t len = cnc__gate_body_len(&c->request, r);
    bool blocks = len > CNC__GATE_INLINE || (len > 0 && r->file != NULL);
    struct cnc__gate_link *link = c->link;
    struct cnc__str xml = CNC__STR;
    char sid[33] = "";

    /* A page as every guest gets it is there once, however many read it. */
    if (blocks && r->file == NULL && r->kept == NULL &&
        link->held + len > CNC__GATE_HELD) {
        cnc__gate_warn(c->gate, "gate.busy", link->jid,
                       "too many bytes of bodies");
        cnc__request_refuse(&c->iq, CNC_ELIMIT, "resource-constraint",
                            "too many bodies are under way");
        return;
    }
    if (blocks) {
        cnc__random_hex(sid, 16);
    } else {
        close_file(r);
    }
    cnc__gate_write(&xml, &c->request, r, blocks ? sid : NULL);
    cnc__request_result(&c->iq, xml.data, xml.len);
    cnc__str_fini(&xml);
    if (blocks) {
        cnc__gate_send(c->gate, link, r, sid);
    }
}

static void
respond(struct cnc__http_responder *self,
        const struct cnc__http_response *response)
{
    struct cnc__gate_call *c =
        CNC_CONTAINER(self, struct cnc__gate_call, responder);

    CNC_OBJ_CHECK(c, CNC__GATE_CALL_MAGIC);
    CNC_CHECK(c->with_handler && !c->answered);
    c->answered = true;
    c->gate->stats.answered++;
    if (c->link != NULL && c->iq != NULL) {
        answer(c, response);
    } else {
        close_file(response);
    }
    if (!c->in_handler) {
        cnc__gate_call_free(&c);
    }
}

static void
resume(struct cnc__http_responder *self)
{
    cnc__gate_body_resume(
        CNC_CONTAINER(self, struct cnc__gate_call, responder));
}

/* -- requests --------------------------------------------------------------
 */

/* It would change something, where nothing of ours is: another application may
 * want it, from wherever it comes and with all of its body. */
static bool
is_lost(const struct cnc_service *s, const struct cnc__http_request *r)
{
    return r->method != CNC__HTTP_GET && r->method != CNC__HTTP_HEAD &&
           (r->place == CNC__HTTP_OUTSIDE ||
            (r->site != NULL && !cnc__agent_knows(s->agent, r->path)));
}

/* At most once a second. */
static void
warn_stranger(struct cnc__gate_call *c)
{
    struct cnc_service *s = c->gate->service;
    uint64_t now = uv_now(&s->process->loop);
    struct cnc__str text = CNC__STR;

    if (s->stranger_ms != 0 && now - s->stranger_ms < 1000) {
        return;
    }
    s->stranger_ms = now;
    cnc__origin_tell(&text, &c->request, c->host);
    cnc__log(CNC_LOG_WARN, "http.origin", "%s", cnc__str_c(&text));
    cnc__str_fini(&text);
}

bool
cnc__gate_may_go_on(struct cnc__gate_call *c)
{
    struct cnc_service *s = c->gate->service;
    struct cnc__http_request *r = &c->request;
    const char *why = NULL;
    int status;

    cnc__process_place(r, s->process);
    r->unknown = r->place == CNC__HTTP_OUTSIDE;
    if (r->place == CNC__HTTP_STRANGE || (r->site != NULL && r->site != s)) {
        cnc__gate_say(c, 421, NULL, "there is no such site here");
        return false;
    }
    if (is_lost(s, r)) {
        cnc__free(c->sid); /* its body is not waited for */
        c->sid = NULL;
        cnc__str_clear(&c->body);
        cnc__gate_dispatch(c);
        return false;
    }
    status =
        cnc__origin_check(r, c->host, CNC__UPLOADS_OPEN, s->o.origins, &why);
    if (status != 0) {
        warn_stranger(c);
        cnc__gate_say(c, status, NULL, why);
        return false;
    }
    return true;
}

bool
cnc__gate_expect(struct cnc__gate_call *c)
{
    struct cnc__process *p = c->gate->service->process;

    c->max_body = CNC__GATE_MAX_BODY;
    if (c->length != UINT64_MAX && c->length > c->max_body) {
        uint32_t larger = cnc__process_larger(&c->request, p);

        c->max_body = larger > c->max_body ? larger : c->max_body;
        if (c->length > c->max_body) {
            cnc__gate_say(c, 413, NULL, "the body is too large");
            return false;
        }
    }
    c->with_handler = c->in_handler = true;
    c->sink = cnc__process_sink(&c->request, c->length, p);
    c->in_handler = c->with_handler = false;
    if (c->answered) {
        CNC_CHECK(c->sink == NULL);
        cnc__gate_call_free(&c);
        return false;
    }
    return true;
}

void
cnc__gate_dispatch(struct cnc__gate_call *c)
{
    struct cnc__http_sink *sink = c->sink;

    c->sink = NULL;
    c->deadline_ms = 0; /* ours to keep */
    c->request.body = cnc__str_c(&c->body);
    c->request.body_len = c->body.len;
    c->with_handler = c->in_handler = true;
    if (sink != NULL) {
        sink->end(sink);
    } else {
        cnc__process_http(&c->request, c->gate->service->process);
    }
    c->in_handler = false;
    if (c->answered) {
        cnc__gate_call_free(&c);
    }
}

/* Its body is inside. */
static void
take_inline(struct cnc__gate_call *c)
{
    c->length = c->body.len;
    if (!cnc__gate_expect(c)) {
        return;
    }
    if (c->sink != NULL) {
        c->sink->data(c->sink, cnc__str_c(&c->body), c->body.len);
        cnc__str_clear(&c->body);
    }
    cnc__gate_dispatch(c);
}

static void
on_req(struct cnc__request *q, void *priv)
{
    struct cnc__gate *g = priv;
    struct cnc__gate_link *link = cnc__gate_link_of(g, q->session_id);
    struct cnc_error err = {0};
    struct cnc__gate_call *c;

    if (link == NULL) {
        cnc__gate_warn(g, "gate.forbidden", q->from, "not a web process");
        cnc__request_refuse(&q, CNC_EACCES, "forbidden",
                            "only a process of the service's own user, or of "
                            "--link-user, may ask for browsers");
        return;
    }
    if (link->n >= CNC__GATE_CALLS) {
        cnc__gate_warn(g, "gate.busy", link->jid, "too many at once");
        cnc__request_refuse(&q, CNC_ELIMIT, "resource-constraint",
                            "%u requests are under way already",
                            CNC__GATE_CALLS);
        return;
    }
    g->stats.requests++;
    c = cnc__gate_call_new(g, link, q);
    if (cnc__gate_read(c, q->payload, &err) != 0) {
        cnc__gate_warn(g, "gate.bad", link->jid, err.text);
        cnc__gate_refuse(c, err.code, err.condition, err.text);
    } else if (!cnc__gate_may_go_on(c)) {
        return;
    } else if (c->sid != NULL) {
        if (cnc__gate_expect(c)) {
            c->deadline_ms = cnc__gate_now(g) + g->stall_ms;
        }
    } else if (c->body.len > 0) {
        take_inline(c);
    } else {
        cnc__gate_dispatch(c);
    }
}

/* -- life ------------------------------------------------------------------
 */

static uint32_t
stall_ms(void)
{
    const char *said = getenv("CONCORDANCE_STALL_S"); /* for tests */
    int64_t s = 75;

    if (said != NULL) {
        cnc__parse_int(&s, said, 1, 75);
    }
    return (uint32_t)s * 1000;
}

int
cnc__gate_new(struct cnc_service *s, struct cnc_error *err)
{
    struct cnc__gate *g = s->gate = cnc__zalloc(sizeof(*g));
    int code;

    g->service = s;
    g->stall_ms = stall_ms();
    g->links = cnc__table_new();
    cnc__gate_pages_declare(g);
    cnc__router_on_session_end(s->router, on_session_end, g);
    code = cnc__router_handle(s->router,
                              &(struct cnc__handler){.kinds = CNC__IQ_SET,
                                                     .ns = CNC__NS_HTTP,
                                                     .name = "req",
                                                     .feature = CNC__NS_HTTP,
                                                     .f = on_req,
                                                     .priv = g},
                              err);
    return code != 0 ? code : cnc__gate_body_handlers(g, err);
}

void
cnc__gate_users(struct cnc__gate *g, struct cnc__stream_env *link)
{
    const char *const *users = g->service->process->o.link_users;
    size_t n = 0;

    for (; users != NULL && users[n] != NULL; n++) {
        g->uids = cnc__realloc(g->uids, n + 1, sizeof(*g->uids));
        g->uids[n] = cnc__user_find(users[n]);
        cnc__log(CNC_LOG_INFO, "gate.user", "user=%s uid=%" PRId64, users[n],
                 g->uids[n]);
    }
    link->web_uids = g->uids;
    link->n_web_uids = n;
}

/* From here on no session is left. */
void
cnc__gate_end(struct cnc__gate *g)
{
    while (g != NULL && g->orphans != NULL) {
        struct cnc__gate_call *c = g->orphans;

        cnc__gate_call_free(&c);
    }
}

void
cnc__gate_free(struct cnc__gate **gp)
{
    struct cnc__gate *g = *gp;

    if (g == NULL) {
        return;
    }
    *gp = NULL;
    CNC_CHECK(cnc__table_len(g->links) == 0 && g->orphans == NULL);
    cnc__table_free(&g->links, NULL);
    cnc__free(g->uids);
    cnc__free(g);
}

static void
late(struct cnc__gate_call *c)
{
    c->deadline_ms = 0;
    if (c->errands != NULL) {
        cnc__gate_errands_end(c);
        if (c->answered && !c->in_handler) {
            cnc__gate_call_free(&c);
        }
    } else if (!c->with_handler) {
        cnc__gate_warn(c->gate, "gate.stalled", c->link->jid,
                       "a body did not come");
        cnc__gate_refuse(c, CNC_ECLOSED, "remote-server-timeout",
                         "the body did not come in time");
    }
}

static void
tick_list(struct cnc__gate_call *c, uint64_t now_ms)
{
    while (c != NULL) {
        struct cnc__gate_call *next = c->next;

        if (c->deadline_ms != 0 && now_ms >= c->deadline_ms) {
            late(c);
        }
        c = next;
    }
}

void
cnc__gate_tick(struct cnc__gate *g, uint64_t now_ms)
{
    for (struct cnc__table_iter i = {0}; cnc__table_next(g->links, &i);) {
        tick_list(((struct cnc__gate_link *)i.value)->calls, now_ms);
    }
    tick_list(g->orphans, now_ms);
}

void
cnc__gate_stats(const struct cnc__gate *g, struct cnc__gate_stats *out)
{
    *out = g->stats;
    out->links = cnc__table_len(g->links);
}
