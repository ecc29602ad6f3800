/* SPDX-License-Identifier: MIT */
/*
 * messaging.c -- joins what accounts have: log-ins, src/im (roster, presence,
 * messages), and their own PubSub services, which ask im who may see what.
 */
#include "private.h"

#include "../xml/write.h"
#include "../xmpp/sm.h"

/* -- im asks -------------------------------------------------------------- */

static bool
env_exists(const char *user, void *priv)
{
    struct cnc_service *s = priv;

    return cnc__logins_exists(s->accounts, user) ||
           cnc__outside_has(s->outside, user);
}

/* An account that is named as an operator's is the operator's to make. */
static bool
env_is_reserved(const char *user, void *priv)
{
    struct cnc_service *s = priv;
    struct cnc__str bare = CNC__STR;
    bool is;

    cnc__str_printf(&bare, "%s@%s", user, cnc__router_domain(s->router));
    is = cnc__logins_is_operator(bare.data, s->accounts);
    cnc__str_fini(&bare);
    return is;
}

struct newcomer { /* a stranger's account, while an app is asked */
    struct cnc_service *service;
    char *user, *password;
    cnc__im_done_f *done;
    void *priv;
};

static void
on_may_register(int code, const char *text, void *priv)
{
    struct newcomer *n = priv;
    struct cnc_error err = {0};

    if (code == 0 || code == CNC_ENOENT) {
        cnc__outside_add(n->service->outside, n->user, n->password, n->done,
                         n->priv);
    } else {
        cnc_error_set(&err, CNC_EACCES, "not-allowed", "%s",
                      text == NULL ? "no new accounts" : text);
        n->done(&err, n->priv);
    }
    cnc__wipe(n->password, strlen(n->password));
    cnc__free(n->password);
    cnc__free(n->user);
    cnc__free(n);
}

static void
env_set(const char *user, const char *password, bool must_be_new,
        cnc__im_done_f *done, void *done_priv, void *priv)
{
    struct cnc_service *s = priv;
    struct newcomer *n;

    if (!must_be_new) {
        cnc__logins_set(s->accounts, user, password, false, done, done_priv);
        return;
    }
    n = cnc__zalloc(sizeof(*n));
    *n = (struct newcomer){.service = s,
                           .user = cnc__strdup(user),
                           .password = cnc__strdup(password),
                           .done = done,
                           .priv = done_priv};
    cnc__hook_register(s, user, s->enrols == NULL ? "" : s->enrols,
                       on_may_register, n);
}

static void
env_del(const char *user, cnc__im_done_f *done, void *done_priv, void *priv)
{
    struct cnc_service *s = priv;

    cnc__logins_delete(s->accounts, user, done, done_priv);
}

void
cnc__messaging_enrol(const char *addr, const struct cnc_element *iq,
                     void (*reply)(const char *xml, size_t len, void *priv),
                     void *reply_priv, void *logins)
{
    struct cnc_service *s = cnc__logins_service(logins);

    s->enrols = addr;
    cnc__im_register(s->im, addr, iq, reply, reply_priv);
    s->enrols = NULL;
}

/* -- streams ask ---------------------------------------------------------- */

static void
on_return(const char *full, const char *xml, size_t len, int64_t sent_ms,
          void *priv)
{
    struct cnc_service *s = priv;

    cnc__im_undelivered(s->im, full, xml, len, sent_ms);
}

#define NS_CARBONS "urn:xmpp:carbons:2"

static void
on_bind2(struct cnc__session *session, const struct cnc_element *bind,
         struct cnc__str *bound, void *priv)
{
    struct cnc_service *s = priv;

    if (cnc_element_child(bind, NS_CARBONS, "enable") != NULL) {
        cnc__im_enable_carbons(s->im, session);
    }
}

/* -- pubsub asks ---------------------------------------------------------- */

static bool
pep_subscribed(const char *owner, const char *contact, void *priv)
{
    struct cnc_service *s = priv;

    return cnc__im_contact_subscribed(s->im, owner, contact);
}

static bool
pep_in_group(const char *owner, const char *contact, const char *group,
             void *priv)
{
    struct cnc_service *s = priv;

    return cnc__im_in_group(s->im, owner, contact, group);
}

static bool
pep_blocks(const char *owner, const char *jid, void *priv)
{
    struct cnc_service *s = priv;

    return cnc__im_blocks(s->im, owner, jid);
}

static bool
pep_wants(const char *full, const char *feature, void *priv)
{
    struct cnc_service *s = priv;

    return cnc__im_wants(s->im, full, feature);
}

static void
pep_each_available(const char *owner, cnc__pep_each_f *f, void *f_priv,
                   void *priv)
{
    struct cnc_service *s = priv;

    cnc__im_each_available(s->im, owner, NULL, f, f_priv);
}

static void
on_available(const char *owner, const char *full, bool first, void *priv)
{
    struct cnc_service *s = priv;

    if (first) { /* XEP-0163 4.3.3: not at each presence */
        cnc__pep_available(s->pubsub, owner, full);
    }
}

static void
on_unavailable(const char *owner, const char *full, void *priv)
{
    struct cnc_service *s = priv;

    if (owner != NULL) {
        cnc__pep_roster_changed(s->pubsub, owner);
    }
}

static void
pep_disco(struct cnc__str *out, const char *owner,
          const struct cnc__request *q, void *priv)
{
    struct cnc_service *s = priv;

    cnc__pep_disco(s->pubsub, out, false, NULL, q);
}

static bool
is_left_out(const struct cnc_service *s, const char *name)
{
    for (const char *const *w = s->o.without; w != NULL && *w != NULL; w++) {
        if (strcmp(*w, name) == 0) {
            return true;
        }
    }
    return false;
}

static void
start_pep(struct cnc_service *s)
{
    const struct cnc__pep_env pep = {.subscribed = pep_subscribed,
                                     .in_group = pep_in_group,
                                     .blocks = pep_blocks,
                                     .wants = pep_wants,
                                     .each_available = pep_each_available,
                                     .priv = s};

    if (is_left_out(s, "pep")) {
        return;
    }
    cnc__pep_start(s->pubsub, &pep);
    cnc__im_on_available(s->im, on_available, s);
    cnc__im_on_unavailable(s->im, on_unavailable, s);
    cnc__im_account_disco(s->im, pep_disco, s);
}

/* -- whom people may write to (XEP-0157) ---------------------------------- */

static int
contact_disco(struct cnc__str *out, bool items, const char *node,
              const struct cnc__request *q, void *priv)
{
    static const char *const kinds[] = {"abuse", "admin", "feedback",
                                        "security", "support"};
    const struct cnc_service *s = priv;

    if (node != NULL || strcmp(q->to, cnc__router_domain(s->router)) != 0) {
        return CNC_ENOENT;
    }
    if (items || s->o.contact == NULL || s->o.contact[0] == NULL) {
        return 0;
    }
    cnc__str_puts(out, "<x xmlns='jabber:x:data' type='result'>"
                       "<field var='FORM_TYPE' type='hidden'><value>"
                       "http://jabber.org/network/serverinfo</value></field>");
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        cnc__xml_printf(out, "<field var='%s-addresses' type='list-multi'>",
                        kinds[k]);
        for (const char *const *c = s->o.contact; *c != NULL; c++) {
            cnc__xml_printf(out, "<value>%s</value>", *c);
        }
        cnc__str_puts(out, "</field>");
    }
    cnc__str_puts(out, "</x>");
    return 0;
}

/* -- life ----------------------------------------------------------------- */

int
cnc__messaging_new(struct cnc_service *s, struct cnc_error *err)
{
    struct cnc__im_env env = {.router = s->router,
                              .commit = cnc__service_commit,
                              .now_ms = cnc__service_now_ms,
                              .account_exists = env_exists,
                              .account_set = env_set,
                              .account_del = env_del,
                              .register_open = s->o.registration,
                              .is_reserved = env_is_reserved,
                              .without = s->o.without,
                              .priv = s};
    static const char *const names[] = {
        "roster", "offline", "carbons",      "archive", "blocking",
        "vcard",  "private", "registration", "pep",     "upload"};

    for (const char *const *w = s->o.without; w != NULL && *w != NULL; w++) {
        size_t i = 0;

        while (i < CNC_N(names) && strcmp(names[i], *w) != 0) {
            i++;
        }
        if (i == CNC_N(names)) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "--without %s: accounts have no such part; "
                                 "there are roster, offline, carbons, "
                                 "archive, blocking, vcard, private, "
                                 "registration, pep and upload",
                                 *w);
        }
    }
    cnc__router_identity(s->router, "server", "im", "Concordance");
    s->im = cnc__im_new(&env);
    start_pep(s);
    if (!is_left_out(s, "carbons")) {
        cnc__router_on_bind2(s->router, NS_CARBONS, on_bind2, s);
    }
    cnc__sm_on_return(s->router, on_return, s);
    cnc__router_disco(s->router, contact_disco, s);
    return 0;
}

void
cnc__messaging_account_deleted(struct cnc_service *s, const char *user)
{
    struct cnc__str bare = CNC__STR;

    cnc__str_printf(&bare, "%s@%s", user, cnc__router_domain(s->router));
    cnc__im_account_deleted(s->im, user);
    cnc__pep_account_deleted(s->pubsub, bare.data);
    cnc__uploads_account_deleted(s->uploads, bare.data);
    cnc__str_fini(&bare);
}
