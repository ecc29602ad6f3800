/* SPDX-License-Identifier: MIT */
/*
 * accounts.c -- who may log in with a password: SCRAM keys (RFC 5802), never
 * the password, kept as KEY ("account", user); and changing that.
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
    struct cnc__table *busy;    /* local parts being changed */
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
    a->busy = cnc__table_new();
    return a;
}

void
cnc__logins_free(struct cnc__logins **ap)
{
    if (*ap != NULL) {
        cnc__table_free(&(*ap)->by_user, account_free);
        cnc__table_free(&(*ap)->busy, NULL);
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

struct cnc_service *
cnc__logins_service(const struct cnc__logins *a)
{
    return a->service;
}

bool
cnc__logins_is_operator(const char *account, void *priv)
{
    const struct cnc__logins *a = priv;

    for (const char *const *o = a->service->o.operators;
         o != NULL && *o != NULL; o++) {
        char prepared[CNC__JID_MAX + 1];

        if (cnc__jid_prepare(prepared, *o, strlen(*o), NULL) == 0 &&
            strcmp(prepared, account) == 0) {
            return true;
        }
    }
    return false;
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

void
cnc__logins_features(struct cnc__str *out, void *priv)
{
    const struct cnc__logins *a = priv;

    cnc__im_stream_features(a->service->im, out);
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

bool
cnc__logins_exists(const struct cnc__logins *a, const char *user)
{
    return cnc__table_get(a->by_user, user) != NULL;
}

const char *
cnc__logins_domain(const struct cnc__logins *a)
{
    return cnc__router_domain(a->service->router);
}

/* -- changing an account -------------------------------------------------- */

struct change {
    struct cnc__logins *accounts;
    cnc__login_done_f *done;
    void *done_priv;
    char *user, *password;
    struct account *account; /* NULL: delete, or it is in its place */
    bool deletes;
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

/* Whoever has the name next is somebody else. */
static void
end_what_it_has(struct cnc_service *s, const char *user)
{
    struct cnc__str bare = CNC__STR;

    cnc__str_printf(&bare, "%s@%s", user, cnc__router_domain(s->router));
    cnc__roles_forget(s->roles, bare.data);
    cnc__weblogins_end(s, bare.data, NULL, NULL, NULL);
    cnc__str_fini(&bare);
}

/* Tokens stand for the password that was (XEP-0484).  Forgotten before the
 * change is kept, so that a crash between the two leaves none, and once more
 * after it, for one that was given meanwhile. */
static void
end_tokens(const struct change *c)
{
    if (c->account == NULL && c->deletes) {
        end_what_it_has(c->accounts->service, c->user);
    }
    if (c->accounts->service->fast != NULL) {
        cnc__fast_forget_user(c->accounts->service->fast, c->user);
    }
}

static void
keep_change(struct change *c)
{
    struct cnc__logins *a = c->accounts;
    bool deleted = c->account == NULL;
    struct account *old;

    end_tokens(c);
    if (deleted) {
        old = cnc__table_del(a->by_user, c->user);
        cnc__messaging_account_deleted(a->service, c->user);
        end_sessions(a, c->user);
    } else {
        old = cnc__table_put(a->by_user, c->user, c->account);
        c->account = NULL;
    }
    if (old != NULL) {
        account_free(old);
    }
    cnc__log(CNC_LOG_INFO, deleted ? "account.deleted" : "account.set",
             "user=%s", c->user);
}

static void
changed(struct cnc__commit *commit, const struct cnc_error *err)
{
    struct change *c = commit->priv;

    cnc__table_del(c->accounts->busy, c->user);
    if (err == NULL) {
        keep_change(c);
    }
    c->done(err, c->done_priv);
    change_free(c);
}

static void
store(struct change *c)
{
    end_tokens(c);
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

/* One change of an account at a time: two that make it must not both win. */
static struct change *
begin(struct cnc__logins *a, const char *user, cnc__login_done_f *done,
      void *priv)
{
    struct change *c = cnc__zalloc(sizeof(*c));

    c->accounts = a;
    c->done = done;
    c->done_priv = priv;
    c->user = cnc__strdup(user);
    cnc__table_put(a->busy, user, c);
    return c;
}

/* Names that the service gives out itself: to whoever comes by the link, or
 * without a name. */
bool
cnc__logins_is_reserved(const char *user)
{
    return strcmp(user, "operator") == 0 || strcmp(user, "guest") == 0 ||
           strncmp(user, "uid-", 4) == 0 || strncmp(user, "anon-", 5) == 0;
}

static int
check_name(const struct cnc__logins *a, const char *user, bool must_be_new,
           struct cnc_error *err)
{
    if (cnc__logins_is_reserved(user)) {
        return cnc_error_set(err, CNC_EINVAL, "not-acceptable",
                             "That name is the service's own; choose "
                             "another.");
    }
    if (must_be_new && cnc__logins_exists(a, user)) {
        return cnc_error_set(err, CNC_EEXIST, "conflict",
                             "There is an account of this name.");
    }
    if (!must_be_new && !cnc__logins_exists(a, user)) {
        return cnc_error_set(err, CNC_ENOENT, "item-not-found",
                             "There is no account of this name.");
    }
    if (cnc__table_get(a->busy, user) != NULL) {
        return cnc_error_set(err, CNC_EREFUSED, "resource-constraint",
                             "The account is being changed right now; try "
                             "again.");
    }
    return 0;
}

void
cnc__logins_set(struct cnc__logins *a, const char *user, const char *password,
                bool must_be_new, cnc__login_done_f *done, void *priv)
{
    struct cnc_error err = {0};
    struct change *c;

    if (check_name(a, user, must_be_new, &err) != 0) {
        done(&err, priv);
        return;
    }
    if (password[0] == '\0' || strlen(password) > 1023) {
        cnc_error_set(&err, CNC_EINVAL, "not-acceptable",
                      "A password has 1 to 1023 bytes; longer is better.");
        done(&err, priv);
        return;
    }
    c = begin(a, user, done, priv);
    c->password = cnc__strdup(password);
    c->account = cnc__zalloc(sizeof(*c->account));
    cnc__service_offload(derive_work, derive_done, c, a->service);
}

void
cnc__logins_delete(struct cnc__logins *a, const char *user,
                   cnc__login_done_f *done, void *priv)
{
    struct cnc_error err = {0};
    struct change *c;

    if (check_name(a, user, false, &err) != 0) {
        done(&err, priv);
        return;
    }
    c = begin(a, user, done, priv);
    c->deletes = true;
    store(c);
}
