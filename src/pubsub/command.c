/* SPDX-License-Identifier: MIT */
/*
 * command.c -- XEP-0050: one stage each: execute gives the form, complete runs
 * the command with it.
 *
 *   (execute) -> CNC__CALL_OPEN --complete--> CNC__CALL_BUSY --done-->
 * CNC__CALL_DONE |  ^                | cancel +---refused-----+
 *
 * A call belongs to the session that began it and ends with it; of another
 * domain, to the JID, and ends with time, or when too many are open.  Finished
 * ones stay among the session's last few, so that asking again is told apart
 * from asking nonsense.
 */
#include <stdio.h>
#include <time.h>

#include "../xmpp/stream.h"
#include "commandimpl.h"
#include "result.h"

#define CALL_S         (30 * 60) /* seconds a form may lie open */
#define MAX_FAR        4096      /* JIDs of other domains with open calls */
#define MAX_FAR_DOMAIN 512       /* of one domain */

static int64_t
now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

/* -- seats and calls ------------------------------------------------------ */

void
cnc__call_free(struct cnc__call **cp)
{
    if (*cp != NULL) {
        cnc__free((*cp)->item_id);
        cnc__free(*cp);
        *cp = NULL;
    }
}

void
cnc__seat_free(void *value)
{
    struct cnc__seat *s = value;
    for (size_t i = 0; i < CNC__COMMAND_CALLS; i++) {
        cnc__call_free(&s->calls[i]);
    }
    cnc__free(s);
}

/* A session by its number, which is never used again, whoever gets its JID;
 * somebody of another domain by the JID.  No JID is a number alone: a bare
 * name there would be a domain of ours. */
static const char *
seat_key(char key[24], const struct cnc__request *r)
{
    if (r->session_id == 0) {
        return r->from;
    }
    snprintf(key, 24, "#%llu", (unsigned long long)r->session_id);
    return key;
}

static struct cnc__seat *
seat_of(struct cnc__commands *c, const struct cnc__request *r)
{
    char key[24];
    return cnc__table_get(c->seats, seat_key(key, r));
}

static void
seat_end(struct cnc__commands *c, const char *key)
{
    struct cnc__seat *seat = cnc__table_del(c->seats, key);
    if (seat != NULL) {
        c->n_far -= seat->far_;
        cnc__seat_free(seat);
    }
}

static void
on_session_end(struct cnc__session *s, void *priv)
{
    const struct cnc__request r = {.session_id = s->id};
    char key[24];
    seat_end(priv, seat_key(key, &r));
}

static bool
same_domain(const char *a, const char *b)
{
    size_t n_a, n_b;
    const char *x = cnc__jid_domain(a, &n_a), *y = cnc__jid_domain(b, &n_b);
    return n_a == n_b && memcmp(x, y, n_a) == 0;
}

static bool
is_at_work(const struct cnc__seat *seat)
{
    for (size_t i = 0; i < CNC__COMMAND_CALLS; i++) {
        if (seat->calls[i] != NULL &&
            seat->calls[i]->state == CNC__CALL_BUSY) {
            return true;
        }
    }
    return false;
}

/* Room for one more of this domain: what is past its time goes; when that is
 * not enough, the domain's oldest, or that of all. */
static void
make_room(struct cnc__commands *c, const char *jid)
{
    char *oldest = NULL, *of_domain = NULL;
    size_t n = 0;
    int64_t now = now_s(), since[2] = {INT64_MAX, INT64_MAX};
    for (struct cnc__table_iter i = {0}; cnc__table_next(c->seats, &i);) {
        struct cnc__seat *seat = i.value;
        if (!seat->far_ || is_at_work(seat)) {
            continue;
        }
        if (now - seat->since_s > CALL_S) {
            seat_end(c, i.key);
            continue;
        }
        if (seat->since_s < since[0]) {
            since[0] = seat->since_s;
            cnc__free(oldest);
            oldest = cnc__strdup(i.key);
        }
        if (same_domain(i.key, jid)) {
            n++;
            if (seat->since_s < since[1]) {
                since[1] = seat->since_s;
                cnc__free(of_domain);
                of_domain = cnc__strdup(i.key);
            }
        }
    }
    if (n >= MAX_FAR_DOMAIN) {
        seat_end(c, of_domain);
    } else if (c->n_far >= MAX_FAR && oldest != NULL) {
        seat_end(c, oldest);
    }
    cnc__free(oldest);
    cnc__free(of_domain);
}

static struct cnc__seat *
seat_new(struct cnc__commands *c, const struct cnc__request *r)
{
    char key[24];
    struct cnc__seat *seat = cnc__zalloc(sizeof(*seat));
    seat->far_ = r->session_id == 0;
    if (seat->far_ && c->n_far >= MAX_FAR_DOMAIN) {
        make_room(c, r->from);
    }
    c->n_far += seat->far_;
    cnc__table_put(c->seats, seat_key(key, r), seat);
    return seat;
}

static struct cnc__call *
call_find(struct cnc__commands *c, const struct cnc__request *r,
          const char *id)
{
    struct cnc__seat *seat = seat_of(c, r);
    for (size_t i = 0; seat != NULL && i < CNC__COMMAND_CALLS; i++) {
        if (seat->calls[i] != NULL && strcmp(seat->calls[i]->id, id) == 0) {
            return seat->calls[i];
        }
    }
    return NULL;
}

/* A new call in a free place, or in that of the oldest one that is not at
 * work; NULL when all are. */
static struct cnc__call *
call_new(struct cnc__commands *c, const struct cnc__request *r,
         const struct cnc__command *command)
{
    struct cnc__seat *seat = seat_of(c, r);
    if (seat == NULL) {
        seat = seat_new(c, r);
    }
    seat->since_s = now_s();
    struct cnc__call **place = NULL;
    for (size_t i = 0; i < CNC__COMMAND_CALLS; i++) {
        struct cnc__call **at = &seat->calls[i];
        if (*at == NULL) {
            place = at;
            break;
        }
        if ((*at)->state != CNC__CALL_BUSY &&
            (place == NULL || (*at)->serial < (*place)->serial)) {
            place = at;
        }
    }
    if (place == NULL) {
        return NULL;
    }
    cnc__call_free(place);
    struct cnc__call *call = cnc__zalloc(sizeof(*call));
    cnc__random_hex(call->id, 16);
    call->command = command;
    call->since_s = now_s();
    call->serial = ++c->serial;
    if (command->item_id) {
        char id[33];
        cnc__random_hex(id, 8);
        call->item_id = cnc__strdup(id);
    }
    *place = call;
    return call;
}

/* -- whose language ------------------------------------------------------ */

/* The stanza's (RFC 6120 8.1.5); it lives as long as the request. */
static const char *
lang_of(const struct cnc__request *r)
{
    const char *lang = cnc_element_attr(
        r->stanza, "http://www.w3.org/XML/1998/namespace", "lang");

    return lang == NULL || lang[0] == '\0' ? "en" : lang;
}

static const struct cnc__tr *
tr_of(const struct cnc__commands *c, const struct cnc__request *r)
{
    return cnc__commands_tr(c, lang_of(r));
}

/* -- answers -------------------------------------------------------------- */

static int
fault(struct cnc_error *err, const char *condition, const char *specific,
      const char *text)
{
    cnc_error_set(err, CNC_EPROTO, condition, "%s", text);
    err->specific = specific;
    err->specific_ns = specific == NULL ? NULL : CNC__NS_COMMANDS;
    return CNC_EPROTO;
}

static void
open_command(struct cnc__str *xml, const struct cnc__command *command,
             const char *call_id, const char *status)
{
    cnc__xml_printf(xml,
                    "<command xmlns='" CNC__NS_COMMANDS "' node='%s'"
                    " sessionid='%s' status='%s'>",
                    command->node, call_id, status);
}

static void
add_note(struct cnc__str *xml, const struct cnc__tr *tr, const char *type,
         const char *text)
{
    if (text != NULL && *text != '\0') {
        char *said = cnc__tr_sentence(tr, text);
        cnc__xml_printf(xml, "<note type='%s'>%s</note>", type, said);
        cnc__free(said);
    }
}

/* Most clients know nothing of errors at fields: the note says them too. */
static void
add_refusal(struct cnc__str *xml, const struct cnc__tr *tr,
            const struct cnc_record *record, const struct cnc__values *v,
            const char *error)
{
    struct cnc__str text = CNC__STR;
    char *whole = cnc__tr_sentence(tr, error);
    cnc__str_puts(&text, whole);
    cnc__free(whole);
    for (const struct cnc_field *f = record->fields;
         v != NULL && f != NULL && f->name != NULL; f++) {
        const char *said = cnc__values_error(v, f->name);
        if (said != NULL && strcmp(said, error) != 0) {
            char *mine = cnc__tr_sentence(tr, said);
            cnc__str_printf(&text, " %s: %s", cnc__tr(tr, cnc__field_label(f)),
                            mine);
            cnc__free(mine);
        }
    }
    add_note(xml, NULL, "error", text.data);
    cnc__str_fini(&text);
}

static void
send(struct cnc__request **rp, struct cnc__str *xml)
{
    cnc__str_puts(xml, "</command>");
    cnc__request_result(rp, xml->data, xml->len);
    cnc__str_fini(xml);
}

static void
send_form(struct cnc__request **rp, const struct cnc__tr *tr,
          const struct cnc__call *call, const struct cnc__values *v,
          const char *error)
{
    const struct cnc__command *command = call->command;
    const char *typed = v == NULL ? NULL : cnc__values_get(v, CNC__FORM_ID, 0);
    const char *item_id =
        command->item_id && typed != NULL ? typed : call->item_id;
    struct cnc__str xml = CNC__STR;
    open_command(&xml, command, call->id, "executing");
    cnc__str_puts(&xml, "<actions execute='complete'><complete/></actions>");
    cnc__form_write_tr(&xml, tr, command->refs, command->record, command->name,
                       command->help, item_id, v);
    if (error != NULL) {
        add_refusal(&xml, tr, command->record, v, error);
    }
    send(rp, &xml);
}

static void
refuse(struct cnc__command_reply *reply, const struct cnc_error *err)
{
    struct cnc__call *call =
        call_find(reply->commands, reply->request, reply->call_id);
    if (call == NULL || reply->command->record == NULL) {
        cnc__request_error(&reply->request, err);
        return;
    }
    call->state = CNC__CALL_OPEN;
    call->since_s = now_s();
    send_form(&reply->request, tr_of(reply->commands, reply->request), call,
              reply->values, err->text);
}

static void
complete(struct cnc__command_reply *reply, const char *note,
         const char *result_xml)
{
    struct cnc__str xml = CNC__STR;
    open_command(&xml, reply->command, reply->call_id, "completed");
    cnc__result_tr(&xml, tr_of(reply->commands, reply->request), result_xml);
    add_note(&xml, tr_of(reply->commands, reply->request), "info", note);
    send(&reply->request, &xml);
}

void
cnc__command_send(struct cnc__command_reply *reply,
                  const struct cnc_error *err, const char *note,
                  const char *result_xml)
{
    struct cnc__call *call =
        call_find(reply->commands, reply->request, reply->call_id);

    if (call != NULL) {
        call->state = CNC__CALL_DONE;
    }
    if (err == NULL) {
        complete(reply, note, result_xml);
    } else if (err->code == CNC_EREFUSED) {
        refuse(reply, err);
    } else {
        cnc__request_error(&reply->request, err);
    }
}

void
cnc__command_progress(struct cnc__command_reply *reply, const char *text)
{
    const struct cnc__request *r = reply->request;
    struct cnc__str xml = CNC__STR;
    if (!cnc__command_is_open(reply) || r == NULL || r->session_id == 0) {
        return;
    }
    cnc__xml_printf(&xml,
                    "<message xmlns='jabber:client' type='headline' from='%s' "
                    "to='%s'><progress xmlns='" CNC__NS_PROGRESS
                    "' node='%s' sessionid='%s'>%s</progress></message>",
                    cnc__router_domain(r->router), r->from,
                    reply->command->node, reply->call_id, text);
    cnc__router_send(r->router, cnc__router_domain(r->router), r->from,
                     xml.data, xml.len, NULL);
    cnc__str_fini(&xml);
}

/* -- running -------------------------------------------------------------- */

/* Whom limits count: a client's address, of somebody of another server that
 * server's domain, "" for who comes by the link. */
struct whence {
    char addr[256];
    const char *login;
};

static void
find_whence(struct whence *out, const struct cnc__commands *c,
            const struct cnc__request *r)
{
    const struct cnc__session *s =
        r->session_id == 0 ? NULL
                           : cnc__router_session(c->router, r->session_id);
    const char *at = strchr(r->from, '@');

    *out = (struct whence){.login = s == NULL ? NULL : s->login};
    if (s != NULL && s->stream != NULL) {
        struct cnc__stream_about about;

        cnc__stream_about(&about, s->stream);
        if (about.addr != NULL && strcmp(about.addr, "link") != 0) {
            snprintf(out->addr, sizeof(out->addr), "%s", about.addr);
        }
    } else if (s == NULL) {
        at = at == NULL ? r->from : at + 1;
        snprintf(out->addr, sizeof(out->addr), "%.*s", (int)strcspn(at, "/"),
                 at);
    }
}

/* Steals the request and v. */
static void
run(struct cnc__commands *c, struct cnc__request **rp, struct cnc__call *call,
    struct cnc__values *v)
{
    struct cnc__command_reply *reply = cnc__command_begin(c, call->command, v);
    struct cnc__request *r = *rp;
    struct whence from;
    struct cnc__caller who = {.who = {.jid = r->from,
                                      .anonymous = r->anonymous,
                                      .operator_ = r->operator_},
                              .session_id = r->session_id,
                              .lang = lang_of(r),
                              .addr = from.addr};

    find_whence(&from, c, r);
    who.login = from.login;
    reply->request = r;
    reply->who = cnc__strdup(r->from);
    memcpy(reply->call_id, call->id, sizeof(call->id));
    *rp = NULL;
    call->state = CNC__CALL_BUSY;
    cnc__command_run(reply, &who);
}

static int
submit(struct cnc__commands *c, struct cnc__request **rp,
       struct cnc__call *call, const struct cnc_element *x,
       struct cnc_error *err)
{
    struct cnc__values *v = cnc__values_new();
    if (call->command->record != NULL) {
        int rc = cnc__values_from_form(v, x, err);
        if (rc != 0) {
            cnc__values_free(&v);
            err->condition = "bad-request";
            err->specific = "bad-payload";
            err->specific_ns = CNC__NS_COMMANDS;
            return rc;
        }
    }
    run(c, rp, call, v);
    return 0;
}

static bool
has_type(const struct cnc_element *x, const char *type)
{
    const char *is = x == NULL ? NULL : cnc_element_attr(x, NULL, "type");
    return is != NULL && strcmp(is, type) == 0;
}

static void
send_filled(struct cnc__commands *c, struct cnc__request **rp,
            const struct cnc__call *call)
{
    const struct cnc__command *command = call->command;
    const struct cnc__request *r = *rp;
    const struct cnc__caller who = {.who = {.jid = r->from,
                                            .anonymous = r->anonymous,
                                            .operator_ = r->operator_},
                                    .session_id = r->session_id,
                                    .lang = lang_of(r),
                                    .addr = ""};
    struct cnc__values *v = cnc__values_new();
    for (const struct cnc_field *f = command->record->fields; f->name != NULL;
         f++) {
        if (f->value != NULL && f->kind != CNC_FIELD_FIXED &&
            f->kind != CNC_FIELD_HIDDEN) {
            cnc__values_add(v, f->name, f->value, NULL);
        }
    }
    command->fill(v, &who, command->priv);
    send_form(rp, tr_of(c, *rp), call, v, NULL);
    cnc__values_free(&v);
}

static int
begin(struct cnc__commands *c, struct cnc__request **rp,
      const struct cnc__command *command, const char *action,
      const struct cnc_element *x, struct cnc_error *err)
{
    /* A client that has the form already may send it at once. */
    bool filled = has_type(x, "submit");
    if (strcmp(action, "execute") != 0 &&
        !(filled && strcmp(action, "complete") == 0)) {
        return fault(err, "bad-request", "bad-sessionid",
                     "the call has not begun: execute comes first");
    }
    struct cnc__call *call = call_new(c, *rp, command);
    if (call == NULL) {
        return fault(err, "resource-constraint", NULL,
                     "too many commands are under way");
    }
    if (filled || command->record == NULL) {
        return submit(c, rp, call, x, err);
    }
    if (command->fill != NULL) {
        send_filled(c, rp, call);
    } else {
        send_form(rp, tr_of(c, *rp), call, NULL, NULL);
    }
    return 0;
}

static void
cancel(struct cnc__request **rp, struct cnc__call *call)
{
    struct cnc__str xml = CNC__STR;
    call->state = CNC__CALL_DONE;
    open_command(&xml, call->command, call->id, "canceled");
    send(rp, &xml);
}

static int
go_on(struct cnc__commands *c, struct cnc__request **rp,
      struct cnc__call *call, const char *action, const struct cnc_element *x,
      struct cnc_error *err)
{
    if (call->state == CNC__CALL_DONE || now_s() - call->since_s > CALL_S) {
        call->state = CNC__CALL_DONE;
        return fault(err, "not-allowed", "session-expired",
                     "this call is over; execute begins a new one");
    }
    if (call->state == CNC__CALL_BUSY) {
        return fault(err, "bad-request", "bad-action",
                     "the command is at work on it");
    }
    if (strcmp(action, "cancel") == 0 || has_type(x, "cancel")) {
        cancel(rp, call);
        return 0;
    }
    if (strcmp(action, "prev") == 0 || strcmp(action, "next") == 0) {
        return fault(err, "bad-request", "bad-action",
                     "this command has one stage");
    }
    if (x == NULL) {
        return fault(err, "bad-request", "bad-payload", "the form is missing");
    }
    return submit(c, rp, call, x, err);
}

static bool
is_action(const char *s)
{
    static const char *const actions[] = {"execute", "complete", "cancel",
                                          "prev", "next"};
    for (size_t i = 0; i < CNC_N(actions); i++) {
        if (strcmp(actions[i], s) == 0) {
            return true;
        }
    }
    return false;
}

static bool
may_run(const struct cnc__commands *c, const struct cnc__command *command,
        const struct cnc__request *r)
{
    const struct cnc__actor who = {
        .jid = r->from, .anonymous = r->anonymous, .operator_ = r->operator_};

    return cnc__commands_may(c, command, &who);
}

static int
handle(struct cnc__commands *c, struct cnc__request **rp,
       struct cnc_error *err)
{
    const struct cnc_element *e = (*rp)->payload;
    const char *node = cnc_element_attr(e, NULL, "node");
    const char *action = cnc_element_attr(e, NULL, "action");
    const char *id = cnc_element_attr(e, NULL, "sessionid");
    const struct cnc_element *x = cnc_element_child(e, "jabber:x:data", "x");
    action = action == NULL ? "execute" : action;
    const struct cnc__command *command =
        node == NULL ? NULL : cnc__table_get(c->by_node, node);
    if (command == NULL) {
        return fault(err, "item-not-found", NULL, "there is no such command");
    }
    if (!may_run(c, command, *rp)) {
        return fault(err, "forbidden", NULL,
                     command->who == CNC_USERS
                         ? "this command is for people who are logged in"
                         : "this command is for the operator");
    }
    if (!is_action(action)) {
        return fault(err, "bad-request", "malformed-action",
                     "there is no such action");
    }
    if (id == NULL) {
        return begin(c, rp, command, action, x, err);
    }
    struct cnc__call *call = call_find(c, *rp, id);
    if (call == NULL || call->command != command) {
        return fault(err, "bad-request", "bad-sessionid",
                     "there is no such call of yours");
    }
    return go_on(c, rp, call, action, x, err);
}

static void
on_command(struct cnc__request *r, void *priv)
{
    struct cnc_error err = {0};
    if (handle(priv, &r, &err) != 0) {
        cnc__request_error(&r, &err);
    }
}

/* -- discovery (XEP-0050 2.1 - 2.3) --------------------------------------- */

/* XEP-0128: what a list of commands says of each. */
static void
add_about(struct cnc__str *out, const struct cnc__tr *tr,
          const struct cnc__command *command)
{
    cnc__xml_printf(out,
                    "<x xmlns='" CNC__NS_DATA "' type='result'>"
                    "<field var='FORM_TYPE' type='hidden'><value>"
                    "http://concordance-xmpp.org/ns/command</value></field>"
                    "<field var='form'><value>%s</value></field>"
                    "<field var='safe'><value>%s</value></field>",
                    command->record == NULL ? "false" : "true",
                    command->safe ? "true" : "false");
    if (command->help != NULL) {
        cnc__xml_printf(out, "<field var='help'><value>%s</value></field>",
                        cnc__tr(tr, command->help));
    }
    cnc__str_puts(out, "</x>");
}

static int
on_disco(struct cnc__str *out, bool items, const char *node,
         const struct cnc__request *r, void *priv)
{
    struct cnc__commands *c = priv;
    if (strcmp(r->to, cnc__router_domain(c->router)) != 0) {
        return CNC_ENOENT; /* accounts have none */
    }
    if (node == NULL) {
        return 0;
    }
    const struct cnc__tr *tr = tr_of(c, r);
    if (strcmp(node, CNC__NS_COMMANDS) == 0 && items) {
        struct cnc__table_iter i = {0};
        while (cnc__table_next(c->by_node, &i)) {
            const struct cnc__command *command = i.value;
            if (may_run(c, command, r)) {
                cnc__xml_printf(out, "<item jid='%s' node='%s' name='%s'/>",
                                cnc__router_domain(c->router), command->node,
                                cnc__tr(tr, command->name));
            }
        }
        return 0;
    }
    const struct cnc__command *command = cnc__table_get(c->by_node, node);
    if (command != NULL && may_run(c, command, r)) {
        if (!items) {
            cnc__xml_printf(out,
                            "<identity category='automation'"
                            " type='command-node' name='%s'/>"
                            "<feature var='" CNC__NS_COMMANDS "'/>"
                            "<feature var='jabber:x:data'/>",
                            cnc__tr(tr, command->name));
            add_about(out, tr, command);
        }
        return 0;
    }
    if (strcmp(node, CNC__NS_COMMANDS) == 0) {
        cnc__str_puts(out, "<identity category='automation'"
                           " type='command-list' name='Commands'/>"
                           "<feature var='" CNC__NS_COMMANDS "'/>");
        return 0;
    }
    return CNC_ENOENT;
}

void
cnc__command_streams(struct cnc__commands *c)
{
    const struct cnc__handler h = {.kinds = CNC__IQ_SET,
                                   .ns = CNC__NS_COMMANDS,
                                   .name = "command",
                                   .feature = CNC__NS_COMMANDS,
                                   .f = on_command,
                                   .priv = c};

    CNC_CHECK(cnc__router_handle(c->router, &h, NULL) == 0);
    cnc__router_disco(c->router, on_disco, c);
    cnc__router_on_session_end(c->router, on_session_end, c);
}
