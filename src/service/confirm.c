/* SPDX-License-Identifier: MIT */
/*
 * confirm.c -- ask somebody, on whatever server he is, whether an HTTP request
 * is his (XEP-0070): a full JID by <iq/>, a bare one by <message/>, whose
 * answer may come from any of his resources, also as the plain word "OK".
 *
 * One question a person at a time, and few of them: nobody is worn down until
 * he says yes.
 */
#include <strings.h>

#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "private.h"

#define NS_CONFIRM    "http://jabber.org/protocol/http-auth"
#define NS_STANZAS    "urn:ietf:params:xml:ns:xmpp-stanzas"
#define CONFIRM_MAGIC 0x436e666du
#define TIMEOUT_MS    60000u
#define BOUNCED_MS    3000u /* for others, once one cannot be asked */
#define MAX_OPEN      10000u
#define TRIES         5u /* for one person ... */
#define TRIES_S       600u
#define MAX_ID        200u
#define MAX_URL       2000u

struct asked {
    struct cnc__confirms *confirms;
    char *bare, *id, *url;
    char thread[33];
    bool by_iq, bounced;
    uint64_t until_ms;
    void (*done)(int code, void *arg);
    void *arg;
};

struct cnc__confirms {
    unsigned magic;
    struct cnc_service *service;
    struct cnc__table *open; /* bare JID -> struct asked */
    struct cnc__rate *rate;
    uint64_t now_ms;
    bool closed;
};

static void
finish(struct asked *a, int code)
{
    cnc__table_del(a->confirms->open, a->bare);
    cnc__log(CNC_LOG_INFO, "confirm.answer", "jid=%s result=%s", a->bare,
             code == 0 ? "yes" : cnc_err_name(code));
    a->done(code, a->arg);
    cnc__free(a->bare);
    cnc__free(a->id);
    cnc__free(a->url);
    cnc__free(a);
}

/* -- answers ---------------------------------------------------------------
 */

/* He said no (XEP-0070 4.2), or nobody could ask him. */
static int
code_of_error(const struct cnc_element *stanza)
{
    const struct cnc_element *error = cnc_element_child(stanza, NULL, "error");

    return error != NULL && cnc_element_child(error, NS_STANZAS,
                                              "not-authorized") != NULL
               ? CNC_EACCES
               : CNC_ENOENT;
}

static bool
has_type(const struct cnc_element *stanza, const char *type)
{
    const char *is = cnc_element_attr(stanza, NULL, "type");

    return is != NULL && strcmp(is, type) == 0;
}

static void
on_iq(const struct cnc_element *iq, void *priv)
{
    struct asked *a = priv;

    finish(a, iq == NULL               ? CNC_EACCES
              : has_type(iq, "result") ? 0
                                       : code_of_error(iq));
}

static bool
attr_is(const struct cnc_element *e, const char *name, const char *value)
{
    const char *is = e == NULL ? NULL : cnc_element_attr(e, NULL, name);

    return is != NULL && strcmp(is, value) == 0;
}

/* "OK", "No": from somebody whose client does not know the question. */
static int
code_of_word(const char *body)
{
    size_t n;

    body += strspn(body, " \t\r\n");
    n = strcspn(body, " \t\r\n.!");
    if ((n == 2 && strncasecmp(body, "ok", 2) == 0) ||
        (n == 3 && strncasecmp(body, "yes", 3) == 0)) {
        return 0;
    }
    return n == 2 && strncasecmp(body, "no", 2) == 0 ? CNC_EACCES : CNC_EAGAIN;
}

/* CNC_EAGAIN: it answers nothing. */
static int
code_of_message(const struct asked *a, const struct cnc_element *m)
{
    const struct cnc_element *confirm =
        cnc_element_child(m, NS_CONFIRM, "confirm");
    const char *thread = cnc_element_child_text(m, NULL, "thread");
    bool same_thread = strcmp(thread, a->thread) == 0;
    bool same = attr_is(confirm, "id", a->id) &&
                attr_is(confirm, "url", a->url) &&
                (thread[0] == '\0' || same_thread);

    if (has_type(m, "error")) {
        return same || same_thread || attr_is(m, "id", a->thread)
                   ? code_of_error(m)
                   : CNC_EAGAIN;
    }
    if (same) {
        return 0;
    }
    return confirm == NULL && same_thread
               ? code_of_word(cnc_element_child_text(m, NULL, "body"))
               : CNC_EAGAIN;
}

/* It came back from one of his resources, perhaps one that is gone already;
 * another may have it, and answers in a moment. */
static void
bounced(struct asked *a)
{
    uint64_t until_ms = a->confirms->now_ms + BOUNCED_MS;

    a->bounced = true;
    a->until_ms = until_ms < a->until_ms ? until_ms : a->until_ms;
}

static bool
on_message(const char *from, const struct cnc_element *m, void *priv)
{
    struct cnc__confirms *c = priv;
    struct asked *a = cnc__table_getn(c->open, from, cnc__jid_bare_len(from));
    int code = a == NULL || a->by_iq ? CNC_EAGAIN : code_of_message(a, m);

    if (code == CNC_EAGAIN) {
        return false;
    }
    if (code == CNC_ENOENT) {
        bounced(a);
    } else {
        finish(a, code);
    }
    return true;
}

/* -- the question ----------------------------------------------------------
 */

static void
add_confirm(struct cnc__str *out, const struct asked *a)
{
    cnc__xml_printf(out,
                    "<confirm xmlns='" NS_CONFIRM "' id='%s' method='GET' "
                    "url='%s'/>",
                    a->id, a->url);
}

static int
ask_by_iq(struct cnc_service *s, struct asked *a, const char *jid)
{
    struct cnc__str payload = CNC__STR;

    if (cnc__router_where(s->router, jid) != CNC__TO_ELSEWHERE &&
        cnc__router_session_by_jid(s->router, jid) == NULL) {
        return CNC_ENOENT;
    }
    add_confirm(&payload, a);
    cnc__router_ask(s->router, NULL, jid, "get", payload.data, payload.len,
                    TIMEOUT_MS, on_iq, a);
    cnc__str_fini(&payload);
    return 0;
}

int
cnc__service_say(struct cnc_service *s, const char *to, const char *xml,
                 size_t len)
{
    struct cnc_element *stanza;

    if (cnc__router_where(s->router, to) == CNC__TO_ELSEWHERE) {
        return cnc__router_send(s->router, s->o.domain, to, xml, len, NULL);
    }
    stanza = cnc__router_parse(xml, len);
    if (stanza == NULL) {
        return CNC_EINVAL;
    }
    cnc__router_route(s->router, NULL, cnc__router_domain(s->router), to,
                      stanza);
    cnc_element_unref(&stanza);
    return 0;
}

static bool
is_nobody_here(const struct cnc_service *s, const char *bare)
{
    const char *domain = cnc__router_domain(s->router);
    char *user;
    bool none;

    if (!cnc__jid_is_at(bare, domain)) {
        return false;
    }
    user = cnc__strndup(bare, strcspn(bare, "@"));
    none = !cnc__logins_exists(s->accounts, user) &&
           !cnc__outside_has(s->outside, user);
    cnc__free(user);
    return none;
}

static int
ask_by_message(struct cnc_service *s, const struct asked *a)
{
    struct cnc__str xml = CNC__STR;
    int code;

    cnc__xml_printf(
        &xml,
        "<message type='normal' id='%s' from='%s' to='%s'><thread>%s</thread>"
        "<body>Somebody, you perhaps, asks for %s\n\nThe code shown there is "
        "%s\n\nIf it was you, and the code is the same, answer this message "
        "with OK; if not, with No.</body>",
        a->thread, cnc__router_domain(s->router), a->bare, a->thread, a->url,
        a->id);
    add_confirm(&xml, a);
    cnc__str_puts(&xml, "</message>");
    code = cnc__service_say(s, a->bare, xml.data, xml.len);
    cnc__str_fini(&xml);
    return code == 0 ? 0 : CNC_ENOENT;
}

static int
check(struct cnc__confirms *c, const char *bare, const char *id,
      const char *url)
{
    if (id[0] == '\0' || strlen(id) > MAX_ID || url[0] == '\0' ||
        strlen(url) > MAX_URL) {
        return CNC_EINVAL;
    }
    if (c->closed) {
        return CNC_ECLOSED;
    }
    if (cnc__table_get(c->open, bare) != NULL ||
        cnc__table_len(c->open) >= MAX_OPEN ||
        !cnc__rate_take(c->rate, bare, TRIES, TRIES_S, c->now_ms)) {
        return CNC_ELIMIT;
    }
    return is_nobody_here(c->service, bare) ? CNC_ENOENT : 0;
}

int
cnc__confirm(struct cnc__confirms *c, const char *jid, const char *id,
             const char *url, void (*done)(int code, void *arg), void *arg)
{
    char prepared[CNC__JID_MAX + 1];
    struct asked *a;
    char *bare;
    int code;

    CNC_OBJ_CHECK(c, CONFIRM_MAGIC);
    if (cnc__jid_prepare(prepared, jid, strlen(jid), NULL) != 0 ||
        !cnc__jid_has_local(prepared)) {
        return CNC_EINVAL;
    }
    bare = cnc__strndup(prepared, cnc__jid_bare_len(prepared));
    if ((code = check(c, bare, id, url)) != 0) {
        cnc__free(bare);
        return code;
    }
    a = cnc__zalloc(sizeof(*a));
    *a = (struct asked){.confirms = c,
                        .bare = bare,
                        .id = cnc__strdup(id),
                        .url = cnc__strdup(url),
                        .by_iq = cnc__jid_resource(prepared) != NULL,
                        .until_ms = c->now_ms + TIMEOUT_MS,
                        .done = done,
                        .arg = arg};
    cnc__random_hex(a->thread, 16);
    cnc__table_put(c->open, bare, a);
    code = a->by_iq ? ask_by_iq(c->service, a, prepared)
                    : ask_by_message(c->service, a);
    /* It may have been answered within the call. */
    prepared[cnc__jid_bare_len(prepared)] = '\0';
    if (code != 0 && cnc__table_get(c->open, prepared) == a) {
        finish(a, code);
    }
    return 0;
}

/* -- life ------------------------------------------------------------------
 */

struct cnc__confirms *
cnc__confirms_new(struct cnc_service *s)
{
    struct cnc__confirms *c = cnc__zalloc(sizeof(*c));

    c->magic = CONFIRM_MAGIC;
    c->service = s;
    c->open = cnc__table_new();
    c->rate = cnc__rate_new();
    cnc__router_on_message(s->router, on_message, c);
    return c;
}

void
cnc__confirms_tick(struct cnc__confirms *c, uint64_t now_ms)
{
    struct cnc__table_iter i = {0};
    struct asked *late = NULL;

    CNC_OBJ_CHECK(c, CONFIRM_MAGIC);
    c->now_ms = now_ms;
    /* What is done may ask again, so one at a time. */
    do {
        late = NULL;
        i = (struct cnc__table_iter){0};
        while (late == NULL && cnc__table_next(c->open, &i)) {
            struct asked *a = i.value;

            late = !a->by_iq && a->until_ms <= now_ms ? a : NULL;
        }
        if (late != NULL) {
            finish(late, late->bounced ? CNC_ENOENT : CNC_EACCES);
        }
    } while (late != NULL);
}

void
cnc__confirms_free(struct cnc__confirms **cp)
{
    struct cnc__confirms *c = *cp;
    struct cnc__table_iter i = {0};

    if (c == NULL) {
        return;
    }
    CNC_OBJ_CHECK(c, CONFIRM_MAGIC);
    *cp = NULL;
    c->closed = true;
    while (cnc__table_next(c->open, &i)) {
        finish(i.value, CNC_ECLOSED);
        i = (struct cnc__table_iter){0};
    }
    cnc__table_free(&c->open, NULL);
    cnc__rate_free(&c->rate);
    CNC_OBJ_FREE(c);
}
