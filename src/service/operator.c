/* SPDX-License-Identifier: MIT */
/*
 * operator.c -- what an operator does to sessions and the service, as ad-hoc
 * commands: those of XEP-0133 under their own names.  Any client whose session
 * is an operator's may use them.
 */

#include "operator.h"
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"

#define MAX_DELAY 86400 /* seconds until a shutdown */

struct cnc__operator {
    struct cnc_service *service;
    char *motd;           /* told to who logs in; NULL: nothing */
    uint64_t shutdown_ms; /* when; 0: not asked */
};

/* -- whom
 * ------------------------------------------------------------------------ */

bool
cnc__operator_means(const struct cnc__session *s, const char *target)
{
    return target[0] == '\0' || cnc__jid_is_within(s->jid, target);
}

bool
cnc__operator_target(char out[CNC__JID_MAX + 1],
                     struct cnc__command_reply *reply, struct cnc__values *v,
                     const char *field, bool needed)
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

    if (!cnc__operator_target(target, reply, v, "accountjids", true)) {
        return;
    }
    if (!cnc__jid_has_local(target)) {
        cnc__command_refuse(reply, v, "accountjids",
                            "Name a session or an account.");
        return;
    }
    for (size_t i = 0;
         (s = cnc__router_next_session(service->router, &i)) != NULL;) {
        if (cnc__operator_means(s, target)) {
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

static void
run_reload(struct cnc__command_reply *reply, const struct cnc__caller *c,
           struct cnc__values *v, void *priv)
{
    struct cnc__operator *o = priv;
    struct cnc_error err = {0};

    if (serves_others(o, c)) {
        cnc_error_set(&err, CNC_EACCES, "forbidden",
                      "other domains are served here too: who may use the "
                      "link of the process reloads it");
        cnc__command_done(reply, &err, NULL, NULL);
        return;
    }
    cnc__log(CNC_LOG_INFO, "operator.reload", "by=%s", c->who.jid);
    cnc__reload_command(reply, o->service->process);
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
cnc__operator_add(struct cnc_service *s,
                  const struct cnc__operator_command *table, size_t n,
                  void *priv, struct cnc_error *err)
{
    int code = 0;

    for (size_t i = 0; code == 0 && i < n; i++) {
        const struct cnc__command cmd = {.node = (char *)table[i].node,
                                         .name = (char *)table[i].name,
                                         .record = table[i].record,
                                         .help = (char *)table[i].help,
                                         .who = CNC_ADMINS,
                                         .safe = table[i].safe,
                                         .run = table[i].run,
                                         .priv = priv};

        code = cnc__commands_add(s->commands, &cmd, err);
    }
    return code;
}

int
cnc__operator_commands(struct cnc__operator *o, struct cnc_error *err)
{
    static const struct cnc__operator_command table[] = {
        {CNC__ADMIN "end-user-session", "End sessions", &end_record, run_end,
         false, "Ends one session, or all of an account."},
        {CNC__ADMIN "announce", "Tell everybody who is online",
         &announce_record, run_announce, false,
         "Sends a message to each who is connected."},
        {CNC__ADMIN "set-motd", "Set the message of the day", &motd_record,
         run_set_motd, false,
         "Tells everybody now, and whoever logs in from now on."},
        {CNC__ADMIN "edit-motd", "Change the message of the day", &motd_record,
         run_edit_motd, false,
         "Tells whoever logs in from now on, and nobody now."},
        {CNC__ADMIN "delete-motd", "Delete the message of the day", NULL,
         run_delete_motd, false, "Nobody is told any more."},
        {CNC__ADMIN "shutdown", "Stop the service", &shutdown_record,
         run_shutdown, false,
         "Stops the service, at once or after some seconds."},
        {"service/reload", "Read everything again", NULL, run_reload, false,
         "The configuration file, certificates, the log's file, and apps that "
         "have changed; nobody is disconnected."},
    };
    int code = cnc__operator_lists(o->service, err);

    return code != 0
               ? code
               : cnc__operator_add(o->service, table, CNC_N(table), o, err);
}
