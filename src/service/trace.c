/* SPDX-License-Identifier: MIT */
/*
 * trace.c -- an operator looks on: a copy of every stanza from and to a
 * session, an account or a domain, sent to the operator's session.
 *
 *   <message type='headline'><trace xmlns='NS' session='...' direction='in'>
 *     <delay stamp='...'/><forwarded><iq .../></forwarded></trace></message>
 *
 * Nobody is slowed down by it: what the operator's connection does not take
 * in time is left out, and <trace dropped='N'/> says how many that were.
 * Passwords inside stanzas are left out; those of logging in never come here,
 * since SASL's elements are no stanzas.
 */
#include <strings.h>
#include <time.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "private.h"

#define NS_TRACE    "http://concordance-xmpp.org/ns/trace"
#define MAX_WATCHES 16
#define MAX_WAITING ((uint64_t)1 << 20) /* bytes at the operator's stream */
#define MAX_STANZA  ((size_t)256 << 10)
#define MAX_DEPTH   140

struct watch {
    uint64_t session_id; /* of the operator; 0: free */
    char *target;        /* prepared */
    uint64_t dropped;
};

struct cnc__traces {
    struct cnc_service *service;
    struct watch list[MAX_WATCHES];
    bool busy; /* copies are being sent: those are not traced */
    uint64_t n_sent, n_dropped;
};

/* -- who is meant ------------------------------------------------------------
 */

/* Is jid the target, or of it? */
static bool
is_of(const char *target, const char *jid)
{
    return jid != NULL && cnc__jid_is_within(jid, target);
}

/* The sessions that somebody watches are marked, so that all others cost
 * nothing. */
static void
mark(struct cnc__traces *t, struct cnc__session *s)
{
    s->traced = false;
    for (size_t i = 0; i < MAX_WATCHES; i++) {
        const struct watch *w = &t->list[i];

        if (w->session_id != 0 && w->session_id != s->id &&
            is_of(w->target, s->jid)) {
            s->traced = true;
        }
    }
}

static void on_stanza(struct cnc__session *s, bool in, const char *from,
                      const char *to, const char *xml, size_t len, void *priv);

static void
mark_all(struct cnc__traces *t)
{
    struct cnc__router *r = t->service->router;
    struct cnc__session *s;
    bool any = false;

    for (size_t i = 0; i < MAX_WATCHES; i++) {
        any = any || t->list[i].session_id != 0;
    }
    cnc__router_trace(r, any ? on_stanza : NULL, t);
    for (size_t i = 0; (s = cnc__router_next_session(r, &i)) != NULL;) {
        mark(t, s);
    }
}

static void
end(struct cnc__traces *t, struct watch *w)
{
    cnc__log(CNC_LOG_INFO, "trace.end", "target=%s dropped=%llu", w->target,
             (unsigned long long)w->dropped);
    cnc__free(w->target);
    memset(w, 0, sizeof(*w));
}

static void
on_session_start(struct cnc__session *s, void *priv)
{
    mark(priv, s);
}

static void
on_session_end(struct cnc__session *s, void *priv)
{
    struct cnc__traces *t = priv;
    bool was = false;

    for (size_t i = 0; i < MAX_WATCHES; i++) {
        if (t->list[i].session_id == s->id && s->id != 0) {
            end(t, &t->list[i]);
            was = true;
        }
    }
    if (was) {
        mark_all(t);
    }
}

/* -- a copy
 * ------------------------------------------------------------------- */

static void
blank(struct cnc_element *e)
{
    static const char words[] = "(left out)";

    cnc_element_remove(e, 0, cnc_element_n_children(e), NULL);
    cnc_element_insert_text(e, 0, words, sizeof(words) - 1, NULL);
}

static bool
is_secret(const struct cnc_element *e, const struct cnc_element *parent)
{
    const char *name = cnc_element_name(e);
    const char *var, *type;

    if (strcmp(name, "password") == 0 || strcmp(name, "secret") == 0) {
        return true;
    }
    if (strcmp(name, "value") != 0 ||
        !cnc_element_is(parent, "jabber:x:data", "field")) {
        return false;
    }
    var = cnc_element_attr(parent, NULL, "var");
    type = cnc_element_attr(parent, NULL, "type");
    return (type != NULL && strcmp(type, "text-private") == 0) ||
           (var != NULL && strcasestr(var, "password") != NULL);
}

/* The whole mutable tree, with the way down as a list. */
static void
leave_out(struct cnc_element *root)
{
    struct {
        struct cnc_element *e;
        size_t i;
    } path[MAX_DEPTH] = {{root, 0}};
    size_t depth = 1;

    while (depth > 0) {
        struct cnc_element *e = path[depth - 1].e, *c;

        c = cnc_element_next(e, &path[depth - 1].i, NULL, NULL);
        if (c == NULL) {
            depth--;
        } else if (is_secret(c, e)) {
            blank(c);
        } else if (depth < MAX_DEPTH) {
            path[depth].e = c;
            path[depth++].i = 0;
        }
    }
}

/* The stanza as XML that declares its namespace; what cannot be shown is
 * said. */
static void
copy(struct cnc__str *out, const char *xml, size_t len)
{
    struct cnc__str whole = CNC__STR;
    struct cnc_element *root = NULL;
    int rc = CNC_ELIMIT;

    if (len <= MAX_STANZA) {
        cnc__str_puts(&whole, "<x xmlns='jabber:client'>");
        cnc__str_add(&whole, xml, len);
        cnc__str_puts(&whole, "</x>");
        rc = cnc_xml_parse(&root, whole.data, whole.len, CNC_PARSE_THAW, NULL,
                           NULL);
    }
    if (rc == 0 && cnc_element_child(root, NULL, NULL) != NULL) {
        leave_out(root);
        cnc__xml_printf(out,
                        "<forwarded xmlns='urn:xmpp:forward:0'>%pE"
                        "</forwarded>",
                        cnc_element_child(root, NULL, NULL));
    } else {
        cnc__xml_printf(out, "<large bytes='%zu'/>", len);
    }
    cnc_element_unref(&root);
    cnc__str_fini(&whole);
}

static void
head(struct cnc__str *out, struct cnc__traces *t,
     const struct cnc__session *to)
{
    cnc__xml_printf(out,
                    "<message type='headline' from='%s' to='%s'>"
                    "<trace xmlns='" NS_TRACE "'",
                    cnc__router_domain(t->service->router), to->jid);
}

/* The operator's session, when it takes more now. */
static struct cnc__session *
taker(struct cnc__traces *t, const struct watch *w)
{
    struct cnc__session *s =
        cnc__router_session(t->service->router, w->session_id);
    struct cnc__stream_about about;

    if (s == NULL || s->stream == NULL) {
        return NULL;
    }
    cnc__stream_about(&about, s->stream);
    return about.waiting > MAX_WAITING ? NULL : s;
}

static void
tell_dropped(struct cnc__traces *t, struct watch *w, struct cnc__session *s)
{
    struct cnc__str xml = CNC__STR;

    head(&xml, t, s);
    cnc__xml_printf(&xml, " dropped='%llu'/></message>",
                    (unsigned long long)w->dropped);
    w->dropped = 0;
    cnc__session_send(s, xml.data, xml.len);
    cnc__str_fini(&xml);
}

static void
tell(struct cnc__traces *t, struct watch *w, const char *who, bool in,
     const struct cnc__str *stanza)
{
    struct cnc__session *s = taker(t, w);
    struct cnc__str xml = CNC__STR;
    char stamp[32];

    if (s == NULL) {
        w->dropped++;
        t->n_dropped++;
        return;
    }
    if (w->dropped > 0) {
        tell_dropped(t, w, s);
    }
    cnc__datetime(stamp, cnc__service_now_ms(NULL));
    head(&xml, t, s);
    cnc__xml_printf(&xml,
                    " direction='%s' session='%s'><delay "
                    "xmlns='urn:xmpp:delay' stamp='%s'/>%pR</trace></message>",
                    in ? "in" : "out", who, stamp, stanza->data);
    t->n_sent++;
    cnc__session_send(s, xml.data, xml.len);
    cnc__str_fini(&xml);
}

/* in: it came from there to us. */
static void
on_stanza(struct cnc__session *s, bool in, const char *from, const char *to,
          const char *xml, size_t len, void *priv)
{
    struct cnc__traces *t = priv;
    struct cnc__str stanza = CNC__STR;
    const char *who = s != NULL ? s->jid : in ? from : to;

    if (t->busy) {
        return;
    }
    t->busy = true;
    for (size_t i = 0; i < MAX_WATCHES; i++) {
        struct watch *w = &t->list[i];

        if (w->session_id == 0 || !is_of(w->target, who) ||
            (s != NULL && s->id == w->session_id)) {
            continue;
        }
        if (stanza.len == 0) {
            copy(&stanza, xml, len);
        }
        tell(t, w, who == NULL ? "" : who, in, &stanza);
    }
    t->busy = false;
    cnc__str_fini(&stanza);
}

/* -- the command
 * ----------------------------------------------------------------- */

static const struct cnc_record record = {
    "trace",
    CNC_FIELDS({"jid", "A session, an account or a domain; empty: stop",
                .kind = CNC_FIELD_JID})};

static struct watch *
watch_of(struct cnc__traces *t, uint64_t session_id)
{
    for (size_t i = 0; i < MAX_WATCHES; i++) {
        if (t->list[i].session_id == session_id) {
            return &t->list[i];
        }
    }
    return NULL;
}

static void
run(struct cnc__command_reply *reply, const struct cnc__caller *c,
    struct cnc__values *v, void *priv)
{
    struct cnc__traces *t = priv;
    const char *typed = cnc__values_get(v, "jid", 0);
    char target[CNC__JID_MAX + 1];
    struct watch *w;

    if (c->session_id == 0) {
        cnc__command_refuse(reply, v, "jid",
                            "Stanzas can be shown to an XMPP session alone.");
        return;
    }
    w = watch_of(t, c->session_id);
    if (w != NULL) {
        end(t, w);
    }
    if (typed == NULL || typed[0] == '\0') {
        mark_all(t);
        cnc__command_done(reply, NULL, "Nothing is traced.", NULL);
        return;
    }
    w = watch_of(t, 0);
    if (w == NULL ||
        cnc__jid_prepare(target, typed, strlen(typed), NULL) != 0) {
        cnc__command_refuse(reply, v, "jid",
                            w == NULL ? "Too many look on already."
                                      : "This is no Jabber ID.");
        return;
    }
    w->session_id = c->session_id;
    w->target = cnc__strdup(target);
    cnc__log(CNC_LOG_INFO, "trace.start", "target=%s by=%s", target,
             c->who.jid);
    mark_all(t);
    cnc__command_done(reply, NULL, "Each stanza comes as a message.", NULL);
}

/* -- life
 * ---------------------------------------------------------------------------
 */

struct cnc__traces *
cnc__traces_new(struct cnc_service *s)
{
    struct cnc__traces *t = cnc__zalloc(sizeof(*t));

    t->service = s;
    cnc__router_on_session_start(s->router, on_session_start, t);
    cnc__router_on_session_end(s->router, on_session_end, t);
    return t;
}

int
cnc__traces_command(struct cnc__traces *t, struct cnc_error *err)
{
    struct cnc__command cmd = {.node = (char *)"trace",
                               .name = (char *)"Look at stanzas as they pass",
                               .record = &record,
                               .help = (char *)"Each comes as a message to "
                                               "the session that asks.",
                               .who = CNC_ADMINS,
                               .run = run,
                               .priv = t};

    return cnc__commands_add(t->service->commands, &cmd, err);
}

void
cnc__traces_tick(struct cnc__traces *t)
{
    for (size_t i = 0; i < MAX_WATCHES; i++) {
        struct watch *w = &t->list[i];
        struct cnc__session *s = w->dropped == 0 ? NULL : taker(t, w);

        if (s != NULL) {
            tell_dropped(t, w, s);
        }
    }
}

void
cnc__traces_stats(const struct cnc__traces *t, struct cnc__traces_stats *out)
{
    *out =
        (struct cnc__traces_stats){.sent = t->n_sent, .dropped = t->n_dropped};
    for (size_t i = 0; i < MAX_WATCHES; i++) {
        out->watches += t->list[i].session_id != 0;
    }
}

void
cnc__traces_free(struct cnc__traces **tp)
{
    struct cnc__traces *t = *tp;

    if (t == NULL) {
        return;
    }
    *tp = NULL;
    for (size_t i = 0; i < MAX_WATCHES; i++) {
        cnc__free(t->list[i].target);
    }
    cnc__free(t);
}
