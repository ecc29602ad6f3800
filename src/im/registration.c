/* SPDX-License-Identifier: MIT */
/*
 * registration.c -- in-band registration (XEP-0077): a new password, the end
 * of one's account, and, where the domain is open, new accounts.
 *
 * The service makes and ends accounts (env.account_set, account_del); here is
 * who may, under which name, and how often.
 */
#include "../xmpp/guard.h"
#include "parts.h"

#define NS_REGISTER   "jabber:iq:register"
#define MAX_PASSWORD  1023
#define PER_HOUR      5 /* accounts from one address */
#define MAX_ADDRESSES 10000

/* The service's own, and those that mean something (RFC 2142). */
static const char *const reserved[] = {
    "abuse",     "admin",      "administrator", "anonymous", "guest",
    "host",      "hostmaster", "info",          "operator",  "postmaster",
    "root",      "security",   "server",        "service",   "support",
    "webmaster", "xmpp"};

static bool
is_reserved(const struct cnc__im *im, const char *user)
{
    for (size_t i = 0; i < CNC_N(reserved); i++) {
        if (strcmp(user, reserved[i]) == 0) {
            return true;
        }
    }
    return strncmp(user, "uid-", 4) == 0 || strncmp(user, "anon-", 5) == 0 ||
           (im->env.is_reserved != NULL &&
            im->env.is_reserved(user, im->env.priv));
}

static const char *
child_text(const struct cnc_element *query, const char *name)
{
    return cnc_element_child_text(query, NS_REGISTER, name);
}

/* The local part somebody asks for: *new*; NULL with err. */
static char *
user_asked(const struct cnc__im *im, const struct cnc_element *query,
           struct cnc_error *err)
{
    const char *typed = child_text(query, "username");
    struct cnc__str jid = CNC__STR;
    char prepared[CNC__JID_MAX + 1];
    char *user = NULL;

    cnc__str_printf(&jid, "%s@%s", typed, im->domain);
    if (typed[0] == '\0' || strpbrk(typed, "@/") != NULL ||
        cnc__jid_prepare(prepared, jid.data, jid.len, NULL) != 0) {
        cnc_error_set(err, CNC_EREFUSED, "not-acceptable",
                      "this cannot be a user's name");
    } else {
        user = cnc__strndup(prepared, strcspn(prepared, "@"));
    }
    cnc__str_fini(&jid);
    return user;
}

static int
check_password(const char *password, struct cnc_error *err)
{
    size_t len = strlen(password);

    return len >= 1 && len <= MAX_PASSWORD
               ? 0
               : cnc_error_set(err, CNC_EREFUSED, "not-acceptable",
                               "a password has 1 to %d bytes; longer is "
                               "better",
                               MAX_PASSWORD);
}

/* -- by oneself ----------------------------------------------------------- */

static void
on_done(const struct cnc_error *err, void *priv)
{
    struct cnc__request *q = priv;

    if (err != NULL) {
        cnc__request_error(&q, err);
    } else {
        cnc__request_result(&q, NULL, 0);
    }
}

/* 3.2, 3.3; the name, when it is said, is one's own. */
static void
change(struct cnc__im *im, struct cnc__request *q,
       const struct cnc__im_user *u)
{
    const char *password = child_text(q->payload, "password");
    const char *typed = child_text(q->payload, "username");
    struct cnc_error err = {0};
    char *user = typed[0] == '\0' ? NULL : user_asked(im, q->payload, &err);

    if (typed[0] != '\0' && (user == NULL || strcmp(user, u->name) != 0)) {
        cnc_error_set(&err, CNC_EACCES, "not-allowed",
                      "the account is %s alone", u->name);
    } else if (check_password(password, &err) == 0) {
        im->env.account_set(u->name, password, false, on_done, q,
                            im->env.priv);
        cnc__free(user);
        return;
    }
    cnc__free(user);
    cnc__request_error(&q, &err);
}

static void
on_set(struct cnc__request *q, struct cnc__im *im, struct cnc__im_user *u)
{
    if (cnc_element_child(q->payload, NS_REGISTER, "remove") == NULL) {
        change(im, q, u);
    } else if (im->env.account_del == NULL) {
        cnc__request_refuse(&q, CNC_EACCES, "not-allowed",
                            "accounts are not ended in this way");
    } else {
        char *user = cnc__strdup(u->name); /* it may go meanwhile */

        im->env.account_del(user, on_done, q, im->env.priv);
        cnc__free(user);
    }
}

static void
on_register(struct cnc__request *q, void *priv)
{
    struct cnc__im *im = priv;
    const struct cnc__session *s =
        cnc__router_session(im->router, q->session_id);
    struct cnc__im_user *u = s == NULL ? NULL : cnc__im_user_of(im, s);
    struct cnc__str xml = CNC__STR;

    if (u == NULL) {
        cnc__request_refuse(&q, CNC_EACCES, "not-allowed",
                            "this is for those who have an account here");
    } else if (q->kind == CNC__IQ_SET) {
        on_set(q, im, u);
    } else {
        cnc__xml_printf(&xml,
                        "<query xmlns='" NS_REGISTER "'><registered/>"
                        "<username>%s</username><password/></query>",
                        u->name);
        cnc__request_result(&q, xml.data, xml.len);
        cnc__str_fini(&xml);
    }
}

/* -- by strangers --------------------------------------------------------- */

struct address {
    int64_t since_ms;
    unsigned n;
};

/* May one more account come from there? */
static bool
may_register(struct cnc__im *im, const char *from)
{
    int64_t now_ms = cnc__im_now(im);
    struct address *a;
    char net[64];

    cnc__addr_network(net, from);
    a = cnc__table_get(im->addresses, net);
    if (a == NULL) {
        if (cnc__table_len(im->addresses) >= MAX_ADDRESSES) {
            return false;
        }
        a = cnc__zalloc(sizeof(*a));
        a->since_ms = now_ms;
        cnc__table_put(im->addresses, net, a);
    }
    return a->n++ < PER_HOUR;
}

static void
tick(struct cnc__im *im, int64_t now_ms)
{
    for (struct cnc__table_iter i = {0}; cnc__table_next(im->addresses, &i);) {
        const struct address *a = i.value;

        if (now_ms - a->since_ms > 3600000) {
            cnc__free(cnc__table_del(im->addresses, i.key));
        }
    }
}

struct stranger {
    char *id;
    cnc__im_reply_f *reply;
    void *priv;
};

static void
answer(struct stranger *s, const struct cnc_error *err, const char *payload)
{
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml, "<iq type='%s' id='%s'>",
                    err == NULL ? "result" : "error", s->id);
    if (err != NULL) {
        cnc__stanza_error_add(&xml, err);
    } else {
        cnc__str_puts(&xml, payload);
    }
    cnc__str_puts(&xml, "</iq>");
    s->reply(xml.data, xml.len, s->priv);
    cnc__str_fini(&xml);
    cnc__free(s->id);
    cnc__free(s);
}

static void
on_made(const struct cnc_error *err, void *priv)
{
    answer(priv, err, "");
}

static void
make(struct cnc__im *im, struct stranger *s, const char *from,
     const struct cnc_element *query)
{
    const char *password = child_text(query, "password");
    struct cnc_error err = {0};
    char *user = user_asked(im, query, &err);

    if (user != NULL && is_reserved(im, user)) {
        cnc_error_set(&err, CNC_EEXIST, "conflict",
                      "that name is not to be had");
    } else if (user != NULL && check_password(password, &err) == 0 &&
               !may_register(im, from)) {
        cnc_error_set(&err, CNC_ELIMIT, "resource-constraint",
                      "too many accounts from there; try again in an hour");
    }
    if (err.code != 0) {
        answer(s, &err, NULL);
    } else {
        if (!im->env.account_exists(user, im->env.priv)) {
            cnc__im_account_deleted(im, user); /* what may be left of one */
        }
        im->env.account_set(user, password, true, on_made, s, im->env.priv);
    }
    cnc__free(user);
}

void
cnc__im_register(struct cnc__im *im, const char *from,
                 const struct cnc_element *iq, cnc__im_reply_f *reply,
                 void *priv)
{
    const struct cnc_element *query =
        cnc_element_child(iq, NS_REGISTER, "query");
    const char *type = cnc_element_attr(iq, NULL, "type");
    const char *id = cnc_element_attr(iq, NULL, "id");
    struct stranger *s = cnc__zalloc(sizeof(*s));
    struct cnc_error err = {0};

    s->id = cnc__strdup(id == NULL ? "" : id);
    s->reply = reply;
    s->priv = priv;
    if (!cnc__im_has(im, "registration") || im->env.account_set == NULL ||
        !im->env.register_open) {
        cnc_error_set(&err, CNC_EACCES, "not-allowed",
                      "new accounts are made by the operator");
        answer(s, &err, NULL);
    } else if (query != NULL && type != NULL && strcmp(type, "get") == 0) {
        answer(s, NULL,
               "<query xmlns='" NS_REGISTER "'><instructions>Choose a name "
               "and a password.</instructions><username/><password/>"
               "</query>");
    } else if (query != NULL && type != NULL && strcmp(type, "set") == 0) {
        make(im, s, from, query);
    } else {
        cnc_error_set(&err, CNC_EPROTO, "bad-request",
                      "this registers nobody");
        answer(s, &err, NULL);
    }
}

/* -- life ----------------------------------------------------------------- */

static void
init(struct cnc__im *im)
{
    const struct cnc__handler h = {.kinds = CNC__IQ_GET | CNC__IQ_SET,
                                   .ns = NS_REGISTER,
                                   .name = "query",
                                   .feature = NS_REGISTER,
                                   .f = on_register,
                                   .priv = im,
                                   .account = true};

    im->addresses = cnc__table_new();
    if (im->env.account_set != NULL) {
        CNC_CHECK(cnc__router_handle(im->router, &h, NULL) == 0);
    }
}

static void
fini(struct cnc__im *im)
{
    cnc__table_free(&im->addresses, cnc__free);
}

const struct cnc__im_ext cnc__im_registration = {
    .name = "registration",
    .init = init,
    .tick = tick,
    .fini = fini,
};
