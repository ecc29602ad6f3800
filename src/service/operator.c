/* SPDX-License-Identifier: MIT */
/*
 * operator.c -- what an operator sees of sessions and does to them, as ad-hoc
 * commands: those of XEP-0133 under their own names, and "sessions", which
 * says more.  Any client whose session is an operator's may use them.
 */
#include <stdio.h>
#include <time.h>

#include "../base/text.h"
#include "../pubsub/result.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "../xmpp/sm.h"
#include "private.h"

#define ADMIN     "http://jabber.org/protocol/admin#"
#define MAX_ROWS  10000
#define MAX_DELAY 86400 /* seconds until a shutdown */

struct cnc__operator {
    struct cnc_service *service;
    char *motd;           /* told to who logs in; NULL: nothing */
    uint64_t shutdown_ms; /* when; 0: not asked */
};

/* -- result forms
 * ------------------------------------------------------------- */

static void
form_begin(struct cnc__str *out, const char *title)
{
    cnc__xml_printf(out,
                    "<x xmlns='jabber:x:data' type='result'><title>%s</title>"
                    "<field var='FORM_TYPE' type='hidden'><value>"
                    "http://jabber.org/protocol/admin</value></field>",
                    title);
}

/* "25", "none" or nothing: the least of that and MAX_ROWS. */
static size_t
max_of(struct cnc__values *v)
{
    int64_t n = MAX_ROWS;

    return cnc__parse_int(&n, cnc__values_text(v, "max_items"), 1, MAX_ROWS)
               ? (size_t)n
               : MAX_ROWS;
}

/* -- whom
 * ------------------------------------------------------------------------ */

/* Full, bare or a domain; the empty target is everybody. */
static bool
is_meant(const struct cnc__session *s, const char *target)
{
    return target[0] == '\0' || cnc__jid_is_within(s->jid, target);
}

/* What was typed in field, prepared; false after a refusal. */
static bool
read_target(char out[CNC__JID_MAX + 1], struct cnc__command_reply *reply,
            struct cnc__values *v, const char *field, bool needed)
{
    const char *typed = cnc__values_text(v, field);

    out[0] = '\0';
    if (typed[0] == '\0' && !needed) {
        return true;
    }
    if (cnc__jid_prepare(out, typed, strlen(typed), NULL) != 0) {
        cnc__command_refuse(reply, v, field, "This is no Jabber ID.");
        return false;
    }
    return true;
}

/* -- sessions
 * ---------------------------------------------------------------------- */

static const char *
sm_state(const struct cnc__session *s)
{
    return s->stream == NULL         ? "waiting"
           : !cnc__sm_is_on(s)       ? "off"
           : cnc__sm_is_resumable(s) ? "resumable"
                                     : "on";
}

static void
write_session(struct cnc__str *out, const struct cnc_service *service,
              const struct cnc__session *s)
{
    struct cnc__stream_about a = {0};
    char since[32] = "", waiting[24];

    if (s->stream != NULL) {
        cnc__stream_about(&a, s->stream);
        cnc__datetime(since, cnc__service_now_ms(NULL) -
                                 (int64_t)(uv_now(&service->process->loop) -
                                           a.bound_ms));
    }
    cnc__str_puts(out, "<item>");
    cnc__result_cell(out, "jid", s->jid);
    cnc__result_cell(out, "address", a.addr == NULL ? "" : a.addr);
    cnc__result_cell(out, "transport",
                     s->stream == NULL                      ? ""
                     : a.framing == CNC__FRAMING_WS         ? "websocket"
                     : a.secure && a.tls.version[0] == '\0' ? "link"
                                                            : "tcp");
    cnc__result_cell(out, "tls", a.tls.version);
    cnc__result_cell(out, "mechanism", a.mechanism == NULL ? "" : a.mechanism);
    cnc__result_cell(out, "since", since);
    snprintf(waiting, sizeof(waiting), "%llu", (unsigned long long)a.waiting);
    cnc__result_cell(out, "waiting", waiting);
    cnc__result_cell(out, "sm", sm_state(s));
    cnc__result_cell(out, "csi",
                     cnc__sm_is_inactive(s) ? "inactive" : "active");
    cnc__str_puts(out, "</item>");
}

static const struct cnc__column session_columns[] = {
    {"jid", "JID"},
    {"address", "Address"},
    {"transport", "By"},
    {"tls", "TLS"},
    {"mechanism", "Mechanism"},
    {"since", "Since"},
    {"waiting", "Waiting"},
    {"sm", "SM"},
    {"csi", "CSI"}};

static const struct cnc_record list_record = {
    "list", CNC_FIELDS({"jid", "Of this session, account or domain alone",
                        .kind = CNC_FIELD_JID},
                       {"max_items", "At most", .kind = CNC_FIELD_INTEGER})};

static void
run_sessions(struct cnc__command_reply *reply, const struct cnc__caller *c,
             struct cnc__values *v, void *priv)
{
    struct cnc_service *service = ((struct cnc__operator *)priv)->service;
    struct cnc__str form = CNC__STR, note = CNC__STR;
    size_t max = max_of(v), n = 0, shown = 0;
    char target[CNC__JID_MAX + 1];
    struct cnc__session *s;

    if (!read_target(target, reply, v, "jid", false)) {
        return;
    }
    form_begin(&form, "Sessions");
    cnc__result_reported(&form, session_columns, CNC_N(session_columns));
    for (size_t i = 0;
         (s = cnc__router_next_session(service->router, &i)) != NULL;) {
        if (is_meant(s, target) && n++ < max) {
            write_session(&form, service, s);
            shown++;
        }
    }
    cnc__str_printf(&note, "%zu of %zu sessions.", shown, n);
    cnc__result_done(reply, &form, note.data);
    cnc__str_fini(&note);
}

/* -- other servers
 * ------------------------------------------------------------- */

static const struct cnc__column s2s_columns[] = {{"domain", "Domain"},
                                                 {"host", "Of ours"},
                                                 {"direction", "Direction"},
                                                 {"state", "State"},
                                                 {"auth", "By"},
                                                 {"tls", "TLS"},
                                                 {"cert", "Certificate"},
                                                 {"address", "Address"},
                                                 {"queued", "Queued"},
                                                 {"waiting", "Waiting"},
                                                 {"since", "Since"},
                                                 {"error", "Last error"}};

struct servers {
    struct cnc__str *out;
    const struct cnc_service *service;
    size_t n, max;
};

static void
write_server(const struct cnc__s2s_entry *e, void *priv)
{
    struct servers *to = priv;
    char since[32];

    if (to->n++ >= to->max) {
        return;
    }
    cnc__datetime(since, cnc__service_now_ms(NULL) -
                             (int64_t)(uv_now(&to->service->process->loop) -
                                       e->since_ms));
    cnc__str_puts(to->out, "<item>");
    cnc__result_cell(to->out, "domain", e->domain);
    cnc__result_cell(to->out, "host", e->host);
    cnc__result_cell(to->out, "direction", e->direction);
    cnc__result_cell(to->out, "state", e->state);
    cnc__result_cell(to->out, "auth", e->auth);
    cnc__result_cell(to->out, "tls", e->tls);
    cnc__result_cell(to->out, "cert", e->cert ? "trusted" : "");
    cnc__result_cell(to->out, "address", e->addr);
    cnc__result_count(to->out, "queued", e->n_queued);
    cnc__result_count(to->out, "waiting", e->queue_bytes + e->out_bytes);
    cnc__result_cell(to->out, "since", since);
    cnc__result_cell(to->out, "error", e->error);
    cnc__str_puts(to->out, "</item>");
}

static void
write_component(const struct cnc__component_entry *c, void *priv)
{
    struct servers *to = priv;

    write_server(
        &(struct cnc__s2s_entry){
            .domain = c->name,
            .host = cnc__router_domain(to->service->router),
            .direction = "component",
            .state = c->connected ? "ready" : "idle",
            .auth = c->connected ? "secret" : "none",
            .tls = "",
            .addr = c->addr,
            .out_bytes = c->out_bytes,
            .since_ms =
                c->connected ? c->since_ms : to->service->process->started_ms,
            .error = ""},
        to);
}

/* The server whose component we are carries everything. */
static void
write_attach(struct servers *to)
{
    const struct cnc_service *s = to->service;
    bool ready = cnc__attach_is_ready(s->attach);

    write_server(
        &(struct cnc__s2s_entry){.domain = "*",
                                 .host = cnc__router_domain(s->router),
                                 .direction = "attached",
                                 .state = ready ? "ready" : "connecting",
                                 .auth = ready ? "secret" : "none",
                                 .tls = "",
                                 .addr = s->o.attach,
                                 .since_ms = s->process->started_ms,
                                 .error = ""},
        to);
}

static void
run_s2s(struct cnc__command_reply *reply, const struct cnc__caller *c,
        struct cnc__values *v, void *priv)
{
    struct cnc_service *service = ((struct cnc__operator *)priv)->service;
    struct cnc__str form = CNC__STR, note = CNC__STR;
    struct servers to = {&form, service, 0, max_of(v)};

    form_begin(&form, "Other servers");
    cnc__result_reported(&form, s2s_columns, CNC_N(s2s_columns));
    if (service->s2s != NULL) {
        cnc__s2s_each(service->s2s, write_server, &to);
    }
    if (service->components != NULL) {
        cnc__components_each(service->components, write_component, &to);
    }
    if (service->attach != NULL) {
        write_attach(&to);
    }
    if (service->s2s == NULL && to.n == 0) {
        cnc__str_puts(&note, "This service speaks to no other; --s2s, "
                             "--attach and --component-secret change that.");
    } else {
        cnc__str_printf(&note, "%zu of %zu streams and domains.",
                        to.n < to.max ? to.n : to.max, to.n);
    }
    cnc__result_done(reply, &form, note.data);
    cnc__str_fini(&note);
}

/* -- users
 * ------------------------------------------------------------------------ */

/* XEP-0133 4.20: who is online. */
static const struct cnc_record max_record = {
    "list", CNC_FIELDS({"max_items", "At most", .kind = CNC_FIELD_TEXT})};

static void
run_online(struct cnc__command_reply *reply, const struct cnc__caller *c,
           struct cnc__values *v, void *priv)
{
    struct cnc_service *service = ((struct cnc__operator *)priv)->service;
    struct cnc__str form = CNC__STR;
    size_t max = max_of(v), n = 0;
    struct cnc__session *s;

    form_begin(&form, "Online users");
    cnc__str_puts(&form, "<field var='onlineuserjids' type='jid-multi' "
                         "label='Online users'>");
    for (size_t i = 0; n < max && (s = cnc__router_next_session(
                                       service->router, &i)) != NULL;) {
        cnc__xml_printf(&form, "<value>%s</value>", s->jid);
        n++;
    }
    cnc__str_puts(&form, "</field>");
    cnc__result_done(reply, &form, NULL);
}

/* 4.19, 4.17 */
static void
run_counts(struct cnc__command_reply *reply, const struct cnc__caller *c,
           struct cnc__values *v, void *priv)
{
    struct cnc_service *service = ((struct cnc__operator *)priv)->service;
    struct cnc__str form = CNC__STR;

    form_begin(&form, "Numbers of users");
    cnc__result_number(&form, "onlineusersnum", "Online users",
                       cnc__router_n_sessions(service->router));
    cnc__result_number(&form, "registeredusersnum", "Registered users",
                       cnc__logins_count(service->accounts));
    cnc__result_done(reply, &form, NULL);
}

/* 4.18 */
static void
add_user(const char *user, void *priv)
{
    cnc__xml_printf(((struct cnc__str **)priv)[0], "<value>%s@%s</value>",
                    user, ((char **)priv)[1]);
}

static void
run_registered(struct cnc__command_reply *reply, const struct cnc__caller *c,
               struct cnc__values *v, void *priv)
{
    struct cnc_service *service = ((struct cnc__operator *)priv)->service;
    struct cnc__str form = CNC__STR;
    void *to[2] = {&form, (char *)cnc__router_domain(service->router)};

    form_begin(&form, "Registered users");
    cnc__str_puts(&form, "<field var='registereduserjids' type='jid-multi' "
                         "label='Registered users'>");
    cnc__logins_each(service->accounts, max_of(v), add_user, to);
    cnc__str_puts(&form, "</field>");
    cnc__result_done(reply, &form, NULL);
}

/* 4.9 */
static const struct cnc_record one_record = {
    "user", CNC_FIELDS({"accountjid", "The Jabber ID of the account",
                        .kind = CNC_FIELD_JID, .required = true})};

static void
run_statistics(struct cnc__command_reply *reply, const struct cnc__caller *c,
               struct cnc__values *v, void *priv)
{
    struct cnc_service *service = ((struct cnc__operator *)priv)->service;
    struct cnc__str form = CNC__STR, addresses = CNC__STR;
    char target[CNC__JID_MAX + 1];
    struct cnc__session *s;
    size_t n = 0;

    if (!read_target(target, reply, v, "accountjid", true)) {
        return;
    }
    for (size_t i = 0;
         (s = cnc__router_next_session(service->router, &i)) != NULL;) {
        struct cnc__stream_about a = {0};

        if (!is_meant(s, target)) {
            continue;
        }
        if (s->stream != NULL) {
            cnc__stream_about(&a, s->stream);
        }
        cnc__xml_printf(&addresses, "<value>%s</value>",
                        a.addr == NULL ? "" : a.addr);
        n++;
    }
    form_begin(&form, "User statistics");
    cnc__xml_printf(&form,
                    "<field var='ipaddresses' type='text-multi' "
                    "label='Addresses'>%pR</field>",
                    cnc__str_c(&addresses));
    cnc__result_number(&form, "onlineresources", "Resources online", n);
    cnc__result_done(reply, &form, NULL);
    cnc__str_fini(&addresses);
}

/* -- acts
 * ---------------------------------------------------------------------------
 */

/* 4.7 */
static const struct cnc_record end_record = {
    "user", CNC_FIELDS({"accountjids", "The Jabber ID of a session or account",
                        .kind = CNC_FIELD_JID, .required = true})};

static void
run_end(struct cnc__command_reply *reply, const struct cnc__caller *c,
        struct cnc__values *v, void *priv)
{
    struct cnc_service *service = ((struct cnc__operator *)priv)->service;
    struct cnc__str note = CNC__STR;
    char target[CNC__JID_MAX + 1];
    struct cnc__session *s;
    size_t n = 0;

    if (!read_target(target, reply, v, "accountjids", true)) {
        return;
    }
    if (!cnc__jid_has_local(target)) {
        cnc__command_refuse(reply, v, "accountjids",
                            "Name a session or an account.");
        return;
    }
    for (size_t i = 0;
         (s = cnc__router_next_session(service->router, &i)) != NULL;) {
        if (is_meant(s, target)) {
            cnc__session_end(s, "policy-violation",
                             "an operator ended this session");
            n++;
        }
    }
    if (n == 0) {
        cnc__command_refuse(reply, v, "accountjids",
                            "There is no such session.");
        return;
    }
    cnc__log(CNC_LOG_INFO, "session.ended", "target=%s n=%zu by=%s", target, n,
             c->who.jid);
    cnc__str_printf(&note, "Ended: %zu.", n);
    cnc__command_done(reply, NULL, note.data, NULL);
    cnc__str_fini(&note);
}

/* One message to everybody but web visitors without a name, whose pages have
 * no place for it. */
static size_t
announce(struct cnc_service *service, const char *subject, const char *text)
{
    struct cnc__session *s;
    size_t n = 0;

    for (size_t i = 0;
         (s = cnc__router_next_session(service->router, &i)) != NULL;) {
        struct cnc__str xml = CNC__STR;

        if (s->anonymous) {
            continue;
        }
        cnc__xml_printf(&xml,
                        "<message type='headline' from='%s' to='%s'>"
                        "<subject>%s</subject><body>%s</body></message>",
                        cnc__router_domain(service->router), s->jid, subject,
                        text);
        cnc__session_send(s, xml.data, xml.len);
        cnc__str_fini(&xml);
        n++;
    }
    return n;
}

/* 4.23 */
static const struct cnc_record announce_record = {
    "announcement", CNC_FIELDS({"subject", "Subject"},
                               {"announcement", "Announcement",
                                .kind = CNC_FIELD_LINES, .required = true})};

static void
run_announce(struct cnc__command_reply *reply, const struct cnc__caller *c,
             struct cnc__values *v, void *priv)
{
    struct cnc_service *service = ((struct cnc__operator *)priv)->service;
    struct cnc__str text = CNC__STR, note = CNC__STR;

    cnc__values_lines(&text, v, "announcement");
    if (text.len == 0) {
        cnc__command_refuse(reply, v, "announcement",
                            "There is nothing to announce.");
        return;
    }
    cnc__str_printf(
        &note, "Sent to %zu sessions.",
        announce(service, cnc__values_text(v, "subject"), text.data));
    cnc__log(CNC_LOG_INFO, "operator.announce", "by=%s", c->who.jid);
    cnc__command_done(reply, NULL, note.data, NULL);
    cnc__str_fini(&text);
    cnc__str_fini(&note);
}

/* -- the message of the day (4.24 to 4.26)
 * ------------------------------------ */

static void
tell_motd(const struct cnc__operator *o, struct cnc__session *s)
{
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml,
                    "<message type='headline' from='%s' to='%s'><body>%s"
                    "</body></message>",
                    cnc__router_domain(o->service->router), s->jid, o->motd);
    cnc__session_send(s, xml.data, xml.len);
    cnc__str_fini(&xml);
}

static void
on_session_start(struct cnc__session *s, void *priv)
{
    const struct cnc__operator *o = priv;

    /* Web visitors without a name have no place for it; tools neither. */
    if (o->motd != NULL && !s->anonymous && !s->operator_) {
        tell_motd(o, s);
    }
}

struct motd {
    struct cnc__operator *operator_;
    struct cnc__command_reply *reply;
    char *text; /* NULL: none any more */
    bool tell;  /* those who are online too */
    struct cnc__commit commit;
    struct cnc_store_op op;
};

static void
motd_kept(struct cnc__commit *commit, const struct cnc_error *err)
{
    struct motd *m = commit->priv;
    struct cnc__operator *o = m->operator_;

    if (err == NULL) {
        cnc__free(o->motd);
        o->motd = m->text;
        m->text = NULL;
        if (o->motd != NULL && m->tell) {
            announce(o->service, "", o->motd);
        }
    }
    cnc__command_done(m->reply, err, "It is kept.", NULL);
    cnc__free(m->text);
    cnc__free(m);
}

static void
keep_motd(struct cnc__operator *o, struct cnc__command_reply *reply,
          char *text, bool tell)
{
    struct motd *m = cnc__zalloc(sizeof(*m));

    m->operator_ = o;
    m->reply = reply;
    m->text = text;
    m->tell = tell;
    m->op.verb = text == NULL ? CNC_STORE_DEL : CNC_STORE_PUT;
    m->op.entry =
        (struct cnc_store_entry){.kind = CNC_STORE_KEY,
                                 .node = "operator",
                                 .id = "motd",
                                 .publisher = "",
                                 .value = text == NULL ? "" : text,
                                 .len = text == NULL ? 0 : strlen(text)};
    m->commit.ops = &m->op;
    m->commit.n_ops = 1;
    m->commit.done = motd_kept;
    m->commit.priv = m;
    cnc__commits_add(o->service->commits, &m->commit);
}

void
cnc__operator_load(struct cnc__operator *o, const struct cnc_store_entry *e)
{
    if (strcmp(e->id, "motd") == 0 && cnc__xml_chars_valid(e->value, e->len)) {
        cnc__free(o->motd);
        o->motd = cnc__strndup(e->value, e->len);
    }
}

static const struct cnc_record motd_record = {
    "motd", CNC_FIELDS({"motd", "Message of the day", .kind = CNC_FIELD_LINES,
                        .required = true})};

static void
read_motd(struct cnc__operator *o, struct cnc__command_reply *reply,
          struct cnc__values *v, bool tell)
{
    struct cnc__str text = CNC__STR;

    cnc__values_lines(&text, v, "motd");
    if (text.len == 0) {
        cnc__command_refuse(reply, v, "motd", "There is nothing to say.");
    } else {
        keep_motd(o, reply, cnc__strdup(text.data), tell);
    }
    cnc__str_fini(&text);
}

static void
run_set_motd(struct cnc__command_reply *reply, const struct cnc__caller *c,
             struct cnc__values *v, void *priv)
{
    read_motd(priv, reply, v, true);
}

static void
run_edit_motd(struct cnc__command_reply *reply, const struct cnc__caller *c,
              struct cnc__values *v, void *priv)
{
    read_motd(priv, reply, v, false);
}

static void
run_delete_motd(struct cnc__command_reply *reply, const struct cnc__caller *c,
                struct cnc__values *v, void *priv)
{
    struct cnc__operator *o = priv;

    if (o->motd == NULL) {
        cnc__command_done(reply, NULL, "There is none.", NULL);
    } else {
        keep_motd(o, reply, NULL, false);
    }
}

/* -- the end
 * ------------------------------------------------------------------- */

/* 4.31 */
static const struct cnc_record shutdown_record = {
    "shutdown",
    CNC_FIELDS({"delay", "Seconds until then", .kind = CNC_FIELD_INTEGER},
               {"announcement", "Announcement", .kind = CNC_FIELD_LINES})};

/* An operator is that of his domain; by the link comes who runs the process.
 */
static bool
serves_others(const struct cnc__operator *o, const struct cnc__caller *c)
{
    char *bare = cnc__strndup(c->who.jid, cnc__jid_bare_len(c->who.jid));
    bool others = o->service->process->n_domains > 1 &&
                  cnc__logins_is_operator(bare, o->service->accounts);

    cnc__free(bare);
    return others;
}

static void
run_shutdown(struct cnc__command_reply *reply, const struct cnc__caller *c,
             struct cnc__values *v, void *priv)
{
    struct cnc__operator *o = priv;
    struct cnc__str text = CNC__STR;
    struct cnc_error err = {0};
    int64_t delay_s = 0;

    if (serves_others(o, c)) {
        cnc_error_set(&err, CNC_EACCES, "forbidden",
                      "other domains are served here too: who may use the "
                      "link of the process stops it");
        cnc__command_done(reply, &err, NULL, NULL);
        return;
    }
    if (cnc__values_text(v, "delay")[0] != '\0' &&
        !cnc__parse_int(&delay_s, cnc__values_text(v, "delay"), 0,
                        MAX_DELAY)) {
        cnc__command_refuse(reply, v, "delay", "That is 0 to 86400 seconds.");
        return;
    }
    cnc__values_lines(&text, v, "announcement");
    if (text.len > 0) {
        announce(o->service, "", text.data);
    }
    cnc__log(CNC_LOG_INFO, "operator.shutdown", "by=%s delay_s=%lld",
             c->who.jid, (long long)delay_s);
    /* The answer leaves first: the stop comes with a tick. */
    o->shutdown_ms =
        uv_now(&o->service->process->loop) + (uint64_t)delay_s * 1000 + 1;
    cnc__command_done(reply, NULL, "It will be done.", NULL);
    cnc__str_fini(&text);
}

/* -- life
 * ---------------------------------------------------------------------------
 */

void
cnc__operator_tick(struct cnc__operator *o, uint64_t now_ms)
{
    if (o->shutdown_ms != 0 && now_ms >= o->shutdown_ms) {
        o->shutdown_ms = 0;
        cnc_service_stop(o->service);
    }
}

struct cnc__operator *
cnc__operator_new(struct cnc_service *s)
{
    struct cnc__operator *o = cnc__zalloc(sizeof(*o));

    o->service = s;
    cnc__router_on_session_start(s->router, on_session_start, o);
    return o;
}

void
cnc__operator_free(struct cnc__operator **op)
{
    if (*op != NULL) {
        cnc__free((*op)->motd);
    }
    cnc__free(*op);
    *op = NULL;
}

int
cnc__operator_commands(struct cnc__operator *o, struct cnc_error *err)
{
    static const struct {
        const char *node, *name;
        const struct cnc_record *record;
        void (*run)(struct cnc__command_reply *, const struct cnc__caller *,
                    struct cnc__values *, void *);
        bool safe;
        const char *help;
    } table[] = {
        {"sessions", "Sessions", &list_record, run_sessions, true,
         "Who is connected, by what, since when, and what waits for them."},
        {"s2s", "Other servers", &max_record, run_s2s, true,
         "The streams to and from other servers, and their last errors."},
        {ADMIN "get-online-users-list", "Who is online", &max_record,
         run_online, true, "The Jabber IDs that are connected now."},
        {ADMIN "get-online-users-num", "How many are online", NULL, run_counts,
         true, "How many are connected, and how many accounts there are."},
        {ADMIN "get-registered-users-list", "Registered users", &max_record,
         run_registered, true, "The accounts of this domain."},
        {ADMIN "get-registered-users-num", "How many are registered", NULL,
         run_counts, true,
         "How many accounts there are, and how many are connected."},
        {ADMIN "get-user-statistics", "Statistics of a user", &one_record,
         run_statistics, true, "From where an account is connected."},
        {ADMIN "end-user-session", "End sessions", &end_record, run_end, false,
         "Ends one session, or all of an account."},
        {ADMIN "announce", "Tell everybody who is online", &announce_record,
         run_announce, false, "Sends a message to each who is connected."},
        {ADMIN "set-motd", "Set the message of the day", &motd_record,
         run_set_motd, false,
         "Tells everybody now, and whoever logs in from now on."},
        {ADMIN "edit-motd", "Change the message of the day", &motd_record,
         run_edit_motd, false,
         "Tells whoever logs in from now on, and nobody now."},
        {ADMIN "delete-motd", "Delete the message of the day", NULL,
         run_delete_motd, false, "Nobody is told any more."},
        {ADMIN "shutdown", "Stop the service", &shutdown_record, run_shutdown,
         false, "Stops the service, at once or after some seconds."},
    };

    for (size_t i = 0; i < CNC_N(table); i++) {
        struct cnc__command cmd = {.node = (char *)table[i].node,
                                   .name = (char *)table[i].name,
                                   .record = table[i].record,
                                   .help = (char *)table[i].help,
                                   .who = CNC_ADMINS,
                                   .safe = table[i].safe,
                                   .run = table[i].run,
                                   .priv = o};
        int code = cnc__commands_add(o->service->commands, &cmd, err);

        if (code != 0) {
            return code;
        }
    }
    return 0;
}
