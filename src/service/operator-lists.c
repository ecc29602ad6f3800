/* SPDX-License-Identifier: MIT */
/*
 * operator-lists.c -- what an operator sees: sessions, other servers, users.
 * "sessions" and "s2s" say more than the commands of XEP-0133.
 */
#include <stdio.h>
#include <time.h>

#include "../base/text.h"
#include "../pubsub/result.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "../xmpp/sm.h"
#include "operator.h"

#define MAX_ROWS 10000

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
                     s->stream == NULL              ? ""
                     : a.framing == CNC__FRAMING_WS ? "websocket"
                     : strcmp(a.addr, "link") == 0  ? "link"
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
    struct cnc_service *service = priv;
    struct cnc__str form = CNC__STR, note = CNC__STR;
    size_t max = max_of(v), n = 0, shown = 0;
    char target[CNC__JID_MAX + 1];
    struct cnc__session *s;

    if (!cnc__operator_target(target, reply, v, "jid", false)) {
        return;
    }
    form_begin(&form, "Sessions");
    cnc__result_reported(&form, session_columns, CNC_N(session_columns));
    for (size_t i = 0;
         (s = cnc__router_next_session(service->router, &i)) != NULL;) {
        if (cnc__operator_means(s, target) && n++ < max) {
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
    struct cnc_service *service = priv;
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
    struct cnc_service *service = priv;
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
    struct cnc_service *service = priv;
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
    struct cnc_service *service = priv;
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
    struct cnc_service *service = priv;
    struct cnc__str form = CNC__STR, addresses = CNC__STR;
    char target[CNC__JID_MAX + 1];
    struct cnc__session *s;
    size_t n = 0;

    if (!cnc__operator_target(target, reply, v, "accountjid", true)) {
        return;
    }
    for (size_t i = 0;
         (s = cnc__router_next_session(service->router, &i)) != NULL;) {
        struct cnc__stream_about a = {0};

        if (!cnc__operator_means(s, target)) {
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

int
cnc__operator_lists(struct cnc_service *s, struct cnc_error *err)
{
    static const struct cnc__operator_command table[] = {
        {"sessions", "Sessions", &list_record, run_sessions, true,
         "Who is connected, by what, since when, and what waits for them."},
        {"s2s", "Other servers", &max_record, run_s2s, true,
         "The streams to and from other servers, and their last errors."},
        {CNC__ADMIN "get-online-users-list", "Who is online", &max_record,
         run_online, true, "The Jabber IDs that are connected now."},
        {CNC__ADMIN "get-online-users-num", "How many are online", NULL,
         run_counts, true,
         "How many are connected, and how many accounts there are."},
        {CNC__ADMIN "get-registered-users-list", "Registered users",
         &max_record, run_registered, true, "The accounts of this domain."},
        {CNC__ADMIN "get-registered-users-num", "How many are registered",
         NULL, run_counts, true,
         "How many accounts there are, and how many are connected."},
        {CNC__ADMIN "get-user-statistics", "Statistics of a user", &one_record,
         run_statistics, true, "From where an account is connected."},
    };

    return cnc__operator_add(s, table, CNC_N(table), s, err);
}
