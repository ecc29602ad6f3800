/* SPDX-License-Identifier: MIT */
/*
 * accounts.c -- who may log in with a password: SCRAM keys (RFC 5802), never
 * the password, kept as KEY ("account", user); and the operator's commands to
 * add and delete them (XEP-0133 4.1, 4.2, 4.7).
 */
#include "../base/table.h"
#include "../base/text.h"
#include "../xmpp/jid.h"
#include "private.h"

struct account {
    struct cnc__scram_keys sha1, sha256;
};

struct cnc__logins {
    struct cnc_service *service;
    struct cnc__table *by_user; /* local part -> struct account */
};

static void
account_free(void *value)
{
    explicit_bzero(value, sizeof(struct account));
    cnc__free(value);
}

struct cnc__logins *
cnc__logins_new(struct cnc_service *s)
{
    struct cnc__logins *a = cnc__zalloc(sizeof(*a));

    a->service = s;
    a->by_user = cnc__table_new();
    return a;
}

void
cnc__logins_free(struct cnc__logins **ap)
{
    if (*ap != NULL) {
        cnc__table_free(&(*ap)->by_user, account_free);
        cnc__free(*ap);
        *ap = NULL;
    }
}

int
cnc__logins_keys(struct cnc__scram_keys *out, const char *user, bool sha256,
                 void *priv)
{
    const struct cnc__logins *a = priv;
    const struct account *found = cnc__table_get(a->by_user, user);

    if (found == NULL) {
        return CNC_ENOENT;
    }
    *out = sha256 ? found->sha256 : found->sha1;
    return 0;
}

bool
cnc__logins_exists(const struct cnc__logins *a, const char *user)
{
    return cnc__table_get(a->by_user, user) != NULL;
}

void
cnc__logins_offload(void (*work)(void *), void (*done)(void *), void *arg,
                    void *priv)
{
    const struct cnc__logins *a = priv;

    cnc__service_offload(work, done, arg, a->service);
}

size_t
cnc__logins_count(const struct cnc__logins *a)
{
    return cnc__table_len(a->by_user);
}

void
cnc__logins_each(const struct cnc__logins *a, size_t max,
                 void (*f)(const char *user, void *priv), void *priv)
{
    for (struct cnc__table_iter i = {0};
         max > 0 && cnc__table_next(a->by_user, &i); max--) {
        f(i.key, priv);
    }
}

/* -- as text: one line a hash: "NAME ITERATIONS SALT STORED SERVER" ------- */

static void
keys_write(struct cnc__str *out, const char *name,
           const struct cnc__scram_keys *k)
{
    cnc__str_printf(out, "%s %u ", name, k->iterations);
    cnc__base64_encode(out, k->salt, k->n_salt);
    cnc__str_putc(out, ' ');
    cnc__base64_encode(out, k->stored_key, k->n_key);
    cnc__str_putc(out, ' ');
    cnc__base64_encode(out, k->server_key, k->n_key);
    cnc__str_putc(out, '\n');
}

static bool
bytes_read(uint8_t *out, size_t cap, size_t *n, const char *word, size_t len)
{
    struct cnc__str s = CNC__STR;
    bool ok = cnc__base64_decode(&s, word, len) == 0 && s.len <= cap;

    if (ok) {
        memcpy(out, cnc__str_c(&s), s.len);
        *n = s.len;
    }
    cnc__str_fini(&s);
    return ok;
}

static bool
keys_read(struct cnc__scram_keys *k, const char **at, const char *name,
          size_t n_key)
{
    const char *word[5];
    size_t len[5], n_server = 0;
    char number[16];
    int64_t iterations;

    for (size_t i = 0; i < 5; i++) {
        word[i] = *at;
        len[i] = strcspn(*at, " \n");
        if ((*at)[len[i]] != (i == 4 ? '\n' : ' ')) {
            return false;
        }
        *at += len[i] + 1;
    }
    if (len[0] != strlen(name) || memcmp(word[0], name, len[0]) != 0 ||
        len[1] >= sizeof(number)) {
        return false;
    }
    memcpy(number, word[1], len[1]);
    number[len[1]] = '\0';
    if (!cnc__parse_int(&iterations, number, 4096, 10000000)) {
        return false;
    }
    k->iterations = (unsigned)iterations;
    return bytes_read(k->salt, sizeof(k->salt), &k->n_salt, word[2], len[2]) &&
           bytes_read(k->stored_key, sizeof(k->stored_key), &k->n_key, word[3],
                      len[3]) &&
           bytes_read(k->server_key, sizeof(k->server_key), &n_server, word[4],
                      len[4]) &&
           n_server == k->n_key && k->n_key == n_key && k->n_salt > 0;
}

void
cnc__logins_load(struct cnc__logins *a, const struct cnc_store_entry *e)
{
    struct account *account = cnc__zalloc(sizeof(*account));
    char *text = cnc__strndup(e->value, e->len);
    const char *at = text;

    if (keys_read(&account->sha256, &at, "SCRAM-SHA-256", 32) &&
        keys_read(&account->sha1, &at, "SCRAM-SHA-1", 20)) {
        account = cnc__table_put(a->by_user, e->id, account);
    } else {
        cnc__log(CNC_LOG_ERROR, "account.load",
                 "user=%s the kept keys cannot be read; set a new password "
                 "with concordctl passwd",
                 e->id);
    }
    if (account != NULL) {
        account_free(account);
    }
    explicit_bzero(text, e->len);
    cnc__free(text);
}

/* -- changing an account -------------------------------------------------- */

struct change {
    struct cnc__logins *accounts;
    struct cnc__command_reply *reply;
    char *user, *password;
    struct account *account; /* NULL: delete */
    struct cnc__str value;
    struct cnc__commit commit;
    struct cnc_store_op op;
};

static void
change_free(struct change *c)
{
    if (c->password != NULL) {
        explicit_bzero(c->password, strlen(c->password));
    }
    if (c->account != NULL) {
        account_free(c->account);
    }
    if (c->value.data != NULL) {
        explicit_bzero(c->value.data, c->value.len);
    }
    cnc__str_fini(&c->value);
    cnc__free(c->user);
    cnc__free(c->password);
    cnc__free(c);
}

/* Who is logged in does not outlive the account. */
static void
end_sessions(struct cnc__logins *a, const char *user)
{
    struct cnc__router *router = a->service->router;
    struct cnc__str bare = CNC__STR;
    struct cnc__session *s;

    cnc__str_printf(&bare, "%s@%s", user, cnc__router_domain(router));
    for (size_t i = 0; (s = cnc__router_next_session(router, &i)) != NULL;) {
        if (s->bare_len == bare.len &&
            memcmp(s->jid, bare.data, bare.len) == 0) {
            cnc__session_end(s, "not-authorized", "the account was deleted");
        }
    }
    cnc__str_fini(&bare);
}

static void
changed(struct cnc__commit *commit, const struct cnc_error *err)
{
    struct change *c = commit->priv;
    bool deleted = c->account == NULL;

    if (err == NULL) {
        struct account *old =
            deleted
                ? cnc__table_del(c->accounts->by_user, c->user)
                : cnc__table_put(c->accounts->by_user, c->user, c->account);

        if (deleted) {
            cnc__messaging_account_deleted(c->accounts->service, c->user);
            end_sessions(c->accounts, c->user);
        } else {
            c->account = NULL;
        }
        if (old != NULL) {
            account_free(old);
        }
        cnc__log(CNC_LOG_INFO, deleted ? "account.deleted" : "account.set",
                 "user=%s", c->user);
    }
    cnc__command_done(
        c->reply, err,
        deleted ? "The account is deleted." : "The account is ready.", NULL);
    change_free(c);
}

static void
store(struct change *c)
{
    c->op.verb = c->account == NULL ? CNC_STORE_DEL : CNC_STORE_PUT;
    c->op.entry = (struct cnc_store_entry){.kind = CNC_STORE_KEY,
                                           .node = "account",
                                           .id = c->user,
                                           .publisher = "",
                                           .value = cnc__str_c(&c->value),
                                           .len = c->value.len};
    c->commit.ops = &c->op;
    c->commit.n_ops = 1;
    c->commit.done = changed;
    c->commit.priv = c;
    cnc__commits_add(c->accounts->service->commits, &c->commit);
}

static void
derive_work(void *arg)
{
    struct change *c = arg;

    cnc__scram_derive(&c->account->sha256, c->password, true,
                      CNC__SCRAM_ITERATIONS);
    cnc__scram_derive(&c->account->sha1, c->password, false,
                      CNC__SCRAM_ITERATIONS);
}

static void
derive_done(void *arg)
{
    struct change *c = arg;

    keys_write(&c->value, "SCRAM-SHA-256", &c->account->sha256);
    keys_write(&c->value, "SCRAM-SHA-1", &c->account->sha1);
    store(c);
}

static const struct cnc_record user_record = {
    "user", CNC_FIELDS({"accountjid", "The Jabber ID of the account",
                        .kind = CNC_FIELD_JID, .required = true},
                       {"password", "The password", .required = true},
                       {"password-verify", "The password again"})};

static const struct cnc_record delete_record = {
    "user", CNC_FIELDS({"accountjids", "The Jabber ID of the account",
                        .kind = CNC_FIELD_JID, .required = true})};

static void
refuse(struct cnc__command_reply *reply, struct cnc__values *v,
       const char *field, const char *text)
{
    struct cnc_error err = {0};

    cnc__values_refuse(v, field, text);
    cnc_error_set(&err, CNC_EREFUSED, NULL, "%s", text);
    cnc__command_done(reply, &err, NULL, NULL);
}

/* Names that the service gives out itself: to whoever comes by the link, or
 * without a name. */
static bool
is_reserved(const char *user)
{
    return strcmp(user, "operator") == 0 || strcmp(user, "guest") == 0 ||
           strncmp(user, "uid-", 4) == 0 || strncmp(user, "anon-", 5) == 0;
}

/* The local part of an account of this domain, or NULL after a refusal. */
static char *
local_part(struct cnc__logins *a, struct cnc__command_reply *reply,
           struct cnc__values *v, const char *field)
{
    const char *typed = cnc__values_get(v, field, 0);
    const char *ours = cnc__router_domain(a->service->router);
    char jid[CNC__JID_MAX + 1];
    const char *domain;
    char *user;
    size_t len;

    if (typed == NULL ||
        cnc__jid_prepare(jid, typed, strlen(typed), NULL) != 0) {
        refuse(reply, v, field, "This is no Jabber ID.");
        return NULL;
    }
    domain = cnc__jid_domain(jid, &len);
    if (!cnc__jid_has_local(jid) || cnc__jid_resource(jid) != NULL ||
        len != strlen(ours) || memcmp(domain, ours, len) != 0) {
        struct cnc__str text = CNC__STR;

        cnc__str_printf(&text, "It must be somebody@%s.", ours);
        refuse(reply, v, field, text.data);
        cnc__str_fini(&text);
        return NULL;
    }
    user = cnc__strndup(jid, (size_t)(domain - jid) - 1);
    if (is_reserved(user)) {
        refuse(reply, v, field,
               "That name is the service's own; choose another.");
        cnc__free(user);
        return NULL;
    }
    return user;
}

static void
set_user(struct cnc__logins *a, struct cnc__command_reply *reply,
         struct cnc__values *v, bool must_be_new)
{
    const char *password = cnc__values_get(v, "password", 0);
    const char *again = cnc__values_get(v, "password-verify", 0);
    char *user = local_part(a, reply, v, "accountjid");
    struct change *c;

    if (user == NULL) {
        return;
    }
    if (must_be_new && cnc__table_get(a->by_user, user) != NULL) {
        cnc__free(user);
        refuse(reply, v, "accountjid", "There is an account of this name.");
        return;
    }
    if (!must_be_new && cnc__table_get(a->by_user, user) == NULL) {
        cnc__free(user);
        refuse(reply, v, "accountjid", "There is no account of this name.");
        return;
    }
    if (password == NULL || password[0] == '\0' || strlen(password) > 1023) {
        cnc__free(user);
        refuse(reply, v, "password",
               "A password has 1 to 1023 bytes; longer is better.");
        return;
    }
    if (again != NULL && strcmp(password, again) != 0) {
        cnc__free(user);
        refuse(reply, v, "password-verify", "The two are not the same.");
        return;
    }
    c = cnc__zalloc(sizeof(*c));
    c->accounts = a;
    c->reply = reply;
    c->user = user;
    c->password = cnc__strdup(password);
    c->account = cnc__zalloc(sizeof(*c->account));
    cnc__service_offload(derive_work, derive_done, c, a->service);
}

static void
run_add(struct cnc__command_reply *reply, const struct cnc__request *r,
        struct cnc__values *v, void *priv)
{
    set_user(priv, reply, v, true);
}

static void
run_change(struct cnc__command_reply *reply, const struct cnc__request *r,
           struct cnc__values *v, void *priv)
{
    set_user(priv, reply, v, false);
}

static void
run_delete(struct cnc__command_reply *reply, const struct cnc__request *r,
           struct cnc__values *v, void *priv)
{
    struct cnc__logins *a = priv;
    char *user = local_part(a, reply, v, "accountjids");
    struct change *c;

    if (user == NULL) {
        return;
    }
    if (cnc__table_get(a->by_user, user) == NULL) {
        cnc__free(user);
        refuse(reply, v, "accountjids", "There is no account of this name.");
        return;
    }
    c = cnc__zalloc(sizeof(*c));
    c->accounts = a;
    c->reply = reply;
    c->user = user;
    store(c);
}

int
cnc__logins_commands(struct cnc__logins *a, struct cnc__commands *commands,
                     struct cnc_error *err)
{
    static const struct {
        const char *node, *name;
        const struct cnc_record *record;
        void (*run)(struct cnc__command_reply *, const struct cnc__request *,
                    struct cnc__values *, void *);
    } table[] = {
        {"http://jabber.org/protocol/admin#add-user", "Add a user",
         &user_record, run_add},
        {"http://jabber.org/protocol/admin#change-user-password",
         "Change a user's password", &user_record, run_change},
        {"http://jabber.org/protocol/admin#delete-user", "Delete a user",
         &delete_record, run_delete},
    };

    for (size_t i = 0; i < CNC_N(table); i++) {
        struct cnc__command cmd = {.node = (char *)table[i].node,
                                   .name = (char *)table[i].name,
                                   .record = table[i].record,
                                   .operator_only = true,
                                   .run = table[i].run,
                                   .priv = a};
        int code = cnc__commands_add(commands, &cmd, err);

        if (code != 0) {
            return code;
        }
    }
    return 0;
}
