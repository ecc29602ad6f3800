/* SPDX-License-Identifier: MIT */
/*
 * sasl2.c -- what XEP-0388 has and RFC 6120 has not: a request that says what
 * shall follow, and an answer that says what did.
 *
 *   authenticate, challenge, response ... -> the mechanism is DONE
 *     -> tokens (XEP-0484), kept before anybody hears of them
 *     -> resume, or else bind (XEP-0386)
 *     -> <success/> with all that; features; the stream goes on
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "sasl.h"
#include "sm.h"
#include "stream-priv.h"

/* Tokens are being kept. */
struct cnc__sasl2_wait {
    struct cnc__stream *stream; /* NULL: the exchange has ended */
    struct cnc__str token;      /* <token/>, or nothing */
};

/* XEP-0388 section 4: after TLS alone. */
bool
cnc__sasl2_offered(const struct cnc__stream *s)
{
    return s->secure && s->uid < 0;
}

void
cnc__sasl2_add_feature(struct cnc__str *out, const struct cnc__stream *s)
{
    struct cnc__str list = CNC__STR;

    cnc__sasl_add_list(&list, s, false);
    if (cnc__sasl2_offered(s) && list.len > 0) {
        cnc__xml_printf(out,
                        "<authentication xmlns='" CNC__NS_SASL2 "'>%pR"
                        "<inline>",
                        list.data);
        cnc__str_puts(out, "<sm xmlns='" CNC__NS_SM "'/>");
        cnc__bind2_add_feature(out, s);
        cnc__str_clear(&list);
        cnc__sasl_add_list(&list, s, true);
        if (list.len > 0) {
            cnc__xml_printf(out, "<fast xmlns='" CNC__NS_FAST "'>%pR</fast>",
                            list.data);
        }
        cnc__str_puts(out, "</inline></authentication>");
    }
    cnc__str_fini(&list);
}

void
cnc__sasl2_authenticate(struct cnc__stream *s, struct cnc_element *e)
{
    const char *name = cnc_element_attr(e, NULL, "mechanism");
    const struct cnc_element *in =
        cnc_element_child(e, CNC__NS_SASL2, "initial-response");
    const struct cnc__mechanism *m = cnc__sasl_find(s, name, false);

    if (m == NULL) {
        m = cnc__sasl_find(s, name, true);
    }
    if (s->sasl != NULL) { /* one exchange at a time */
        cnc__sasl_refuse(s, CNC__NS_SASL2, "malformed-request");
    } else if (m == NULL) {
        cnc__sasl_refuse(s, CNC__NS_SASL2, "invalid-mechanism");
    } else {
        cnc__sasl_begin(s, m, in == NULL ? NULL : cnc_element_text(in), e);
    }
}

bool
cnc__sasl2_agent(char out[37], const struct cnc__sasl *x)
{
    const struct cnc_element *agent =
        cnc_element_child(x->request, CNC__NS_SASL2, "user-agent");
    const char *id =
        agent == NULL ? NULL : cnc_element_attr(agent, NULL, "id");

    if (id == NULL || strlen(id) != 36) {
        return false;
    }
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char two[2] = {'0', id[i]};

        if (dash ? id[i] != '-' : cnc__unhex(two) < 0) {
            return false;
        }
        out[i] = (char)(id[i] >= 'A' && id[i] <= 'F' ? id[i] | 0x20 : id[i]);
    }
    out[36] = '\0';
    return true;
}

void
cnc__sasl2_forget(struct cnc__sasl *x)
{
    if (x->wait != NULL) {
        x->wait->stream = NULL; /* kept() frees it */
        x->wait = NULL;
    }
}

/* -- success -------------------------------------------------------------- */

static void
wait_free(struct cnc__sasl2_wait *w)
{
    if (w->token.data != NULL) {
        cnc__wipe(w->token.data, w->token.len);
    }
    cnc__str_fini(&w->token);
    cnc__free(w);
}

enum next { NOTHING, RESUMED, BOUND, ENDED };

/* What follows authentication; *out is said with <success/>.  XEP-0386 3.2:
 * to resume comes first, and to bind if that failed. */
static enum next
go_on(struct cnc__stream *s, const struct cnc_element *request,
      const char *agent, struct cnc__str *out)
{
    const struct cnc_element *resume =
        cnc_element_child(request, CNC__NS_SM, "resume");
    const struct cnc_element *bind =
        cnc_element_child(request, CNC__NS_BIND2, "bind");

    if (resume != NULL && cnc__sm_resume(s, resume, out)) {
        return RESUMED;
    }
    if (s->state >= CNC__STREAM_CLOSING) {
        return ENDED;
    }
    return bind != NULL && cnc__bind2(s, bind, agent, out) ? BOUND : NOTHING;
}

static void
say_success(struct cnc__stream *s, const struct cnc__str *data, bool has_data,
            const struct cnc__str *more, const struct cnc__str *token)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_puts(&xml, "<success xmlns='" CNC__NS_SASL2 "'>");
    if (has_data) {
        cnc__str_puts(&xml, "<additional-data>");
        cnc__base64_encode(&xml, data->data, data->len);
        cnc__str_puts(&xml, "</additional-data>");
    }
    cnc__xml_printf(&xml,
                    "<authorization-identifier>%s</authorization-identifier>",
                    s->session != NULL ? s->session->jid : s->account);
    cnc__str_add(&xml, cnc__str_c(more), more->len);
    cnc__str_add(&xml, cnc__str_c(token), token->len);
    cnc__str_puts(&xml, "</success>");
    cnc__stream_say(s, &xml);
    cnc__wipe(xml.data, xml.len); /* there may be a token in it */
    cnc__str_fini(&xml);
    cnc__c2s_say_features(s);
}

/* The stream is authenticated from here on.  token: <token/>, or nothing. */
static void
complete(struct cnc__stream *s, const struct cnc__str *token)
{
    struct cnc__sasl *x = s->sasl;
    struct cnc_element *request = cnc_element_ref(x->request);
    struct cnc__str data = x->out, more = CNC__STR;
    char agent[37];
    bool has_agent = cnc__sasl2_agent(agent, x), has_data = x->has_out;
    enum next next;

    x->out = (struct cnc__str)CNC__STR;
    s->account = x->account;
    x->account = NULL;
    s->login = x->login;
    x->login = NULL;
    s->anonymous = x->anonymous;
    s->operator_ = x->operator_ || cnc__sasl_is_operator(s);
    cnc__sasl_abandon(s);
    cnc__stream_authenticated(s);
    next = go_on(s, request, has_agent ? agent : NULL, &more);
    cnc_element_unref(&request);
    if (next != ENDED) {
        say_success(s, &data, has_data, &more, token);
    }
    cnc__str_fini(&data);
    cnc__str_fini(&more);
    if (next == BOUND) {
        cnc__router_started(s->session);
    } else if (next == RESUMED) {
        cnc__sm_resumed(s);
    }
}

static void
kept(void *arg, bool is_kept)
{
    struct cnc__sasl2_wait *w = arg;
    struct cnc__stream *s = w->stream;

    if (s != NULL) {
        s->sasl->wait = NULL;
        s->sasl->waiting = false;
        if (!is_kept) { /* a token that may be gone tomorrow is none */
            cnc__str_clear(&w->token);
        }
        complete(s, &w->token);
    }
    wait_free(w);
}

/* -- tokens --------------------------------------------------------------- */

static bool
is_true(const struct cnc_element *e, const char *attr)
{
    const char *value = e == NULL ? NULL : cnc_element_attr(e, NULL, attr);

    return value != NULL &&
           (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

static void
issue(struct cnc__str *out, struct cnc__fast *fast, const char *user,
      const char *agent, enum cnc__fast_binding binding)
{
    char token[CNC__FAST_TOKEN], date[32];
    int64_t expiry_ms;

    cnc__fast_issue(fast, user, agent, binding, token, &expiry_ms);
    cnc__datetime(date, expiry_ms - expiry_ms % 1000);
    cnc__xml_printf(out,
                    "<token xmlns='" CNC__NS_FAST "' expiry='%s' token='%s'/>",
                    date, token);
    cnc__wipe(token, sizeof(token));
}

/* XEP-0484 3.2 to 3.6.  False: nothing to keep. */
static bool
change_tokens(struct cnc__stream *s, const char *user, const char *agent,
              struct cnc__str *out)
{
    struct cnc__sasl *x = s->sasl;
    const struct cnc_element *fast =
        cnc_element_child(x->request, CNC__NS_FAST, "fast");
    const struct cnc_element *wish =
        cnc_element_child(x->request, CNC__NS_FAST, "request-token");
    const struct cnc__mechanism *m = NULL;
    bool invalidate = x->mechanism->token && is_true(fast, "invalidate");

    if (wish != NULL) {
        m = cnc__sasl_find(s, cnc_element_attr(wish, NULL, "mechanism"), true);
    } else if (x->rotate && !invalidate) {
        m = x->mechanism;
    }
    if (invalidate) {
        cnc__fast_invalidate(s->env->fast, user, agent);
    }
    if (m != NULL) {
        issue(out, s->env->fast, user, agent, m->binding);
    }
    return invalidate || m != NULL || x->tokens_changed;
}

/* A token belongs to an account and a client: to a visitor without a name, or
 * a client without an id, none is given; nor to a browser's page, whose log-in
 * it would outlive. */
void
cnc__sasl2_succeed(struct cnc__stream *s)
{
    struct cnc__sasl *x = s->sasl;
    struct cnc__sasl2_wait *w;
    char agent[37], *user;
    bool changed = false;

    w = cnc__zalloc(sizeof(*w));
    user = cnc__strndup(x->account, strcspn(x->account, "@"));
    if (s->env->fast != NULL && !x->anonymous && x->login == NULL &&
        cnc__sasl2_agent(agent, x)) {
        changed = change_tokens(s, user, agent, &w->token);
    }
    if (changed) {
        w->stream = s;
        x->wait = w;
        x->waiting = true;
        cnc__fast_keep(s->env->fast, user, agent, kept, w);
    } else {
        complete(s, &w->token);
        wait_free(w);
    }
    cnc__free(user);
}
