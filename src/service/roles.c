/* SPDX-License-Identifier: MIT */
/*
 * roles.c -- which bare JID, of any domain, has which role: KEY ("role", JID),
 * the names with blanks between.
 *
 * A change holds at once and is told when it is durable.  One that cannot be
 * kept is taken back if it gave something; if it took something away, that
 * stays away until the next start.
 */
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "private.h"

#define ROLES_MAGIC  0x524f4c45u
#define MAX_JIDS     200000u
#define MAX_PER_JID  64u
#define MAX_NAME     64u
#define NAME_CHARS   "abcdefghijklmnopqrstuvwxyz0123456789_-"
#define STORE_FAILED "The store could not keep it; see the service's log."

struct cnc__roles {
    unsigned magic;
    struct cnc_service *service;
    struct cnc__table *by_jid; /* bare JID -> its roles, a string */
    struct cnc__table *operators;
};

struct cnc__roles *
cnc__roles_new(struct cnc_service *s)
{
    struct cnc__roles *r = cnc__zalloc(sizeof(*r));
    struct cnc__str link = CNC__STR;

    r->magic = ROLES_MAGIC;
    r->service = s;
    r->by_jid = cnc__table_new();
    r->operators = cnc__table_new();
    for (const char *const *o = s->o.operators; o != NULL && *o != NULL; o++) {
        char jid[CNC__JID_MAX + 1];

        if (cnc__jid_prepare(jid, *o, strlen(*o), NULL) == 0) {
            cnc__table_put(r->operators, jid, r);
        }
    }
    /* Who comes by the link as the service's own user. */
    cnc__str_printf(&link, "operator@%s", cnc__router_domain(s->router));
    cnc__table_put(r->operators, link.data, r);
    cnc__str_fini(&link);
    return r;
}

void
cnc__roles_free(struct cnc__roles **rp)
{
    struct cnc__roles *r = *rp;

    if (r != NULL) {
        CNC_OBJ_CHECK(r, ROLES_MAGIC);
        *rp = NULL;
        cnc__table_free(&r->by_jid, cnc__free);
        cnc__table_free(&r->operators, NULL);
        CNC_OBJ_FREE(r);
    }
}

void
cnc__roles_load(struct cnc__roles *r, const struct cnc_store_entry *e)
{
    CNC_OBJ_CHECK(r, ROLES_MAGIC);
    cnc__free(
        cnc__table_put(r->by_jid, e->id, cnc__strndup(e->value, e->len)));
}

/* -- lists of names, with blanks between -----------------------------------
 */

/* The next name of a list; its length, 0 past the last. */
static size_t
next_name(const char **at)
{
    *at += strspn(*at, " ");
    return strcspn(*at, " ");
}

static bool
list_has(const char *list, const char *name, size_t len)
{
    for (size_t n; list != NULL && (n = next_name(&list)) > 0; list += n) {
        if (n == len && memcmp(list, name, len) == 0) {
            return true;
        }
    }
    return false;
}

static size_t
list_count(const char *list)
{
    size_t count = 0;

    for (size_t n; list != NULL && (n = next_name(&list)) > 0; list += n) {
        count++;
    }
    return count;
}

/* list without name, and with it at the end if it is to be there. */
static void
list_change(struct cnc__str *out, const char *list, const char *name, bool has)
{
    size_t len = strlen(name);

    for (size_t n; list != NULL && (n = next_name(&list)) > 0; list += n) {
        if (n != len || memcmp(list, name, len) != 0) {
            cnc__str_printf(out, "%s%.*s", out->len > 0 ? " " : "", (int)n,
                            list);
        }
    }
    if (has) {
        cnc__str_printf(out, "%s%s", out->len > 0 ? " " : "", name);
    }
}

/* -- asking ----------------------------------------------------------------
 */

bool
cnc__roles_has(const char *jid, const char *roles, void *priv)
{
    const struct cnc__roles *r = priv;
    size_t len = cnc__jid_bare_len(jid);
    const char *list;

    CNC_OBJ_CHECK(r, ROLES_MAGIC);
    if (roles == NULL) {
        return false;
    }
    list = cnc__table_getn(r->by_jid, jid, len);
    for (size_t n; (n = next_name(&roles)) > 0; roles += n) {
        if (list_has(list, roles, n)) {
            return true;
        }
        if (n == 5 && memcmp(roles, "admin", 5) == 0 &&
            cnc__table_getn(r->operators, jid, len) != NULL) {
            return true;
        }
    }
    return false;
}

void
cnc__roles_of(const struct cnc__roles *r, struct cnc__str *out,
              const char *bare)
{
    const char *list = cnc__table_get(r->by_jid, bare);
    bool operator_ = cnc__table_get(r->operators, bare) != NULL;

    CNC_OBJ_CHECK(r, ROLES_MAGIC);
    if (operator_ && !list_has(list, "admin", 5)) {
        cnc__str_printf(out, "admin%s", list == NULL ? "" : " ");
    }
    cnc__str_puts(out, list == NULL ? "" : list);
}

static int
by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int
cnc__roles_each(struct cnc__roles *r,
                int (*f)(const char *jid, const char *role, void *priv),
                void *priv)
{
    size_t n = cnc__table_len(r->by_jid), i = 0;
    const char **jids = cnc__zalloc((n + 1) * sizeof(*jids));
    int stop = 0;

    CNC_OBJ_CHECK(r, ROLES_MAGIC);
    for (struct cnc__table_iter it = {0}; cnc__table_next(r->by_jid, &it);) {
        jids[i++] = it.key;
    }
    qsort(jids, n, sizeof(*jids), by_text);
    for (i = 0; i < n && stop == 0; i++) {
        const char *list = cnc__table_get(r->by_jid, jids[i]);

        for (size_t len; stop == 0 && (len = next_name(&list)) > 0;
             list += len) {
            char *name = cnc__strndup(list, len);

            stop = f(jids[i], name, priv);
            cnc__free(name);
        }
    }
    cnc__free(jids);
    return stop;
}

/* -- changing --------------------------------------------------------------
 */

struct change {
    struct cnc__roles *roles;
    char *jid, *role;
    bool gave;
    cnc__roles_done_f *done;
    void *priv;
};

/* What it may see may have changed. */
static void
changed(struct cnc__roles *r, const char *jid)
{
    cnc__pubsub_roles_changed(r->service->pubsub, jid);
}

/* The list becomes what it is now; *new* text, "" for none. */
static char *
put(struct cnc__roles *r, const char *jid, const char *role, bool has)
{
    struct cnc__str list = CNC__STR;

    list_change(&list, cnc__table_get(r->by_jid, jid), role, has);
    if (list.len == 0) {
        cnc__free(cnc__table_del(r->by_jid, jid));
        return cnc__strdup("");
    }
    cnc__free(cnc__table_put(r->by_jid, jid, cnc__strdup(list.data)));
    return cnc__str_steal(&list);
}

static void
kept(void *arg, bool is_kept)
{
    struct change *c = arg;

    if (!is_kept && c->gave) {
        cnc__free(put(c->roles, c->jid, c->role, false));
        changed(c->roles, c->jid);
    }
    if (c->done != NULL) {
        c->done(is_kept ? 0 : CNC_ESTORE, c->priv);
    }
    cnc__free(c->jid);
    cnc__free(c->role);
    cnc__free(c);
}

static bool
valid_name(const char *role)
{
    return role != NULL && role[0] >= 'a' && role[0] <= 'z' &&
           strlen(role) <= MAX_NAME && role[strspn(role, NAME_CHARS)] == '\0';
}

/* Names that the service gives out to whoever comes: what one of them may,
 * the next one would. */
static bool
is_nobodys(const struct cnc__roles *r, const char *jid)
{
    const char *domain = cnc__router_domain(r->service->router);

    return cnc__jid_is_at(jid, domain) &&
           (strncmp(jid, "anon-", 5) == 0 || strncmp(jid, "guest@", 6) == 0);
}

static int
check(const struct cnc__roles *r, char out[CNC__JID_MAX + 1], const char *jid,
      const char *role, struct cnc_error *err)
{
    if (cnc__jid_prepare(out, jid, strlen(jid), NULL) != 0 ||
        cnc__jid_resource(out) != NULL || is_nobodys(r, out)) {
        return cnc_error_set(err, CNC_EINVAL, "not-acceptable",
                             "\"%s\" is no bare Jabber ID of somebody", jid);
    }
    if (!valid_name(role)) {
        return cnc_error_set(err, CNC_EINVAL, "not-acceptable",
                             "a role is lower-case letters, digits, _ and -, "
                             "and starts with a letter; \"%s\" is none",
                             role == NULL ? "" : role);
    }
    return 0;
}

int
cnc__roles_set(struct cnc__roles *r, const char *jid, const char *role,
               bool has, cnc__roles_done_f *done, void *priv,
               struct cnc_error *err)
{
    char prepared[CNC__JID_MAX + 1], *value;
    struct change *c;
    const char *list;
    int code;

    CNC_OBJ_CHECK(r, ROLES_MAGIC);
    if ((code = check(r, prepared, jid, role, err)) != 0) {
        return code;
    }
    list = cnc__table_get(r->by_jid, prepared);
    if (has && ((list == NULL && cnc__table_len(r->by_jid) >= MAX_JIDS) ||
                list_count(list) >= MAX_PER_JID)) {
        return cnc_error_set(err, CNC_ELIMIT, "resource-constraint",
                             "there are too many roles");
    }
    c = cnc__zalloc(sizeof(*c));
    *c = (struct change){r,
                         cnc__strdup(prepared),
                         cnc__strdup(role),
                         has && !list_has(list, role, strlen(role)),
                         done,
                         priv};
    value = put(r, prepared, role, has);
    cnc__keep_key(r->service, "role", prepared, value, strlen(value), kept, c);
    cnc__free(value);
    cnc__log(CNC_LOG_INFO, "role.set", "jid=%s role=%s has=%s", prepared, role,
             has ? "yes" : "no");
    changed(r, prepared);
    return 0;
}

void
cnc__roles_forget(struct cnc__roles *r, const char *bare)
{
    char *list = cnc__table_del(r->by_jid, bare);

    CNC_OBJ_CHECK(r, ROLES_MAGIC);
    if (list != NULL) {
        cnc__keep_key(r->service, "role", bare, "", 0, NULL, NULL);
        changed(r, bare);
        cnc__free(list);
    }
}

/* -- commands --------------------------------------------------------------
 */

static const struct cnc_record set_record = {
    "role",
    CNC_FIELDS({"jid", "The Jabber ID", .kind = CNC_FIELD_JID,
                .required = true, .help = "somebody@example.org"},
               {"role", "The role", .required = true,
                .match = "[a-z][a-z0-9_-]*", .max_len = MAX_NAME,
                .help = "admin, or one that an app declares"},
               {"has", "Has it", .kind = CNC_FIELD_BOOLEAN, .value = "true"})};

static int
add_row(const char *jid, const char *role, void *priv)
{
    cnc__xml_printf(priv,
                    "<item><field var='jid'><value>%s</value></field>"
                    "<field var='role'><value>%s</value></field></item>",
                    jid, role);
    return 0;
}

static void
run_list(struct cnc__command_reply *reply, const struct cnc__caller *who,
         struct cnc__values *v, void *priv)
{
    struct cnc__roles *r = priv;
    struct cnc__str form = CNC__STR, note = CNC__STR;

    cnc__str_puts(&form,
                  "<x xmlns='jabber:x:data' type='result'><reported>"
                  "<field var='jid' label='Jabber ID' type='jid-single'/>"
                  "<field var='role' label='Role' type='text-single'/>"
                  "</reported>");
    for (struct cnc__table_iter i = {0}; cnc__table_next(r->operators, &i);) {
        add_row(i.key, "admin", &form);
    }
    cnc__roles_each(r, add_row, &form);
    cnc__str_puts(&form, "</x>");
    cnc__str_printf(&note, "%zu have roles; operators have admin.",
                    cnc__table_len(r->by_jid));
    cnc__command_done(reply, NULL, note.data, form.data);
    cnc__str_fini(&form);
    cnc__str_fini(&note);
}

static void
answer(int code, void *priv)
{
    struct cnc_error err = {0};

    if (code != 0) {
        cnc_error_set(&err, code, NULL, "%s", STORE_FAILED);
    }
    cnc__command_done(priv, code == 0 ? NULL : &err, "It is done.", NULL);
}

static void
run_set(struct cnc__command_reply *reply, const struct cnc__caller *who,
        struct cnc__values *v, void *priv)
{
    const char *jid = cnc__values_get(v, "jid", 0);
    const char *role = cnc__values_get(v, "role", 0);
    const char *has = cnc__values_get(v, "has", 0);
    bool yes = has == NULL || strcmp(has, "true") == 0 || has[0] == '1';
    struct cnc_error err = {0};

    if (cnc__roles_set(priv, jid == NULL ? "" : jid, role, yes, answer, reply,
                       &err) != 0) {
        cnc__command_refuse(reply, v, valid_name(role) ? "jid" : "role",
                            err.text);
    }
}

int
cnc__roles_commands(struct cnc__roles *r, struct cnc_error *err)
{
    static const struct cnc__command list = {.node = (char *)"roles",
                                             .name = (char *)"Roles",
                                             .help =
                                                 (char *)"Who has which role.",
                                             .safe = true,
                                             .run = run_list};
    static const struct cnc__command set = {
        .node = (char *)"roles/set",
        .name = (char *)"Give or take a role",
        .help = (char *)"What a role allowed ends at once with it.",
        .record = &set_record,
        .see = (char *)"/_do/roles",
        .run = run_set};
    const struct cnc__command *const both[] = {&list, &set};

    CNC_OBJ_CHECK(r, ROLES_MAGIC);
    for (size_t i = 0; i < CNC_N(both); i++) {
        struct cnc__command c = *both[i];
        int code;

        c.priv = r;
        if ((code = cnc__commands_add(r->service->commands, &c, err)) != 0) {
            return code;
        }
    }
    return 0;
}
