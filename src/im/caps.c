/* SPDX-License-Identifier: MIT */
/*
 * caps.c -- entity capabilities (XEP-0115): a presence names a hash, one of
 * those who name it is asked once what it stands for, and is believed when the
 * answer hashes to it.  What does not is nobody's: a wrong answer is not
 * shared, and another that names the hash is asked in its place.
 *
 * Only features that end in "+notify" are kept: nothing else is asked for.
 */
#include <openssl/evp.h>

#include "parts.h"

#define MAX_KEY     1100 /* bytes of hash, node and ver */
#define MAX_NOTIFY  256  /* features kept of one hash */
#define MAX_FEATURE 1100
#define MAX_INFO    1000 /* identities, features, fields of one answer */
#define OTHERS      4    /* who may be asked when the first says nothing */
#define NS_DATA     "jabber:x:data"

struct cnc__caps {
    struct cnc__im *im;
    char *key;               /* "HASH\nNODE#VER" */
    char *hash, *ver, *node; /* node: "NODE#VER" */
    unsigned refs;           /* of presences, and of a question */
    enum { ASKED, KNOWN, FAILED } state;
    struct cnc__table *features; /* "NODE+notify" */
    struct {
        char *full, *asker;
    } others[OTHERS];
    size_t n_others;
};

static void ask(struct cnc__caps *c, const char *asker, const char *full);

void
cnc__caps_init(struct cnc__im *im)
{
    im->caps = cnc__table_new();
}

static void
drop_others(struct cnc__caps *c)
{
    while (c->n_others > 0) {
        c->n_others--;
        cnc__free(c->others[c->n_others].full);
        cnc__free(c->others[c->n_others].asker);
    }
}

static void
caps_free(struct cnc__caps *c)
{
    drop_others(c);
    cnc__table_free(&c->features, NULL);
    cnc__free(c->key);
    cnc__free(c->hash);
    cnc__free(c->ver);
    cnc__free(c->node);
    cnc__free(c);
}

/* Questions may be answered after the room: by the router's end. */
void
cnc__caps_fini(struct cnc__im *im)
{
    for (struct cnc__table_iter i = {0}; cnc__table_next(im->caps, &i);) {
        struct cnc__caps *c = i.value;

        c->im = NULL;
        if (c->refs == 0) {
            caps_free(c);
        }
    }
    cnc__table_free(&im->caps, NULL);
}

/* One that is known stays for the next who names it. */
void
cnc__caps_unref(struct cnc__im *im, struct cnc__caps **cp)
{
    struct cnc__caps *c = *cp;

    *cp = NULL;
    if (c != NULL && --c->refs == 0 && (c->im == NULL || c->state == FAILED)) {
        caps_free(c);
    }
}

bool
cnc__caps_known(const struct cnc__caps *c)
{
    return c->state != ASKED;
}

bool
cnc__caps_have(const struct cnc__caps *c, const char *feature)
{
    return c->features != NULL && cnc__table_get(c->features, feature) != NULL;
}

/* -- the string that is hashed (5.1) -------------------------------------- */

struct lines {
    char **all;
    size_t n, cap;
};

static void
add_line(struct lines *l, struct cnc__str *s)
{
    cnc__str_putc(s, '<');
    l->all = cnc__grow(l->all, l->n, &l->cap, sizeof(*l->all));
    l->all[l->n++] = cnc__str_steal(s);
}

/* By octets, of what stands before the '<': "muc" comes before "muc#user". */
static int
by_text(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;

    while (*x != '\0' && *x == *y) {
        x++;
        y++;
    }
    return (*x == '<' ? 1 : (unsigned char)*x) -
           (*y == '<' ? 1 : (unsigned char)*y);
}

/* Sorted into out; false: one comes twice (5.4: ill-formed). */
static bool
end_lines(struct cnc__str *out, struct lines *l, bool unique)
{
    bool ok = true;

    if (l->n > 0) {
        qsort(l->all, l->n, sizeof(*l->all), by_text);
    }
    for (size_t i = 0; i < l->n; i++) {
        ok =
            ok && (!unique || i == 0 || strcmp(l->all[i], l->all[i - 1]) != 0);
        cnc__str_puts(out, l->all[i]);
        if (i > 0) {
            cnc__free(l->all[i - 1]);
        }
    }
    if (l->n > 0) {
        cnc__free(l->all[l->n - 1]);
    }
    cnc__free(l->all);
    *l = (struct lines){0};
    return ok;
}

static const char *
or_nothing(const char *s)
{
    return s == NULL ? "" : s;
}

static bool
add_identities(struct cnc__str *out, const struct cnc_element *query)
{
    const struct cnc_element *e;
    struct lines l = {0};

    for (size_t i = 0; (e = cnc_element_next(query, &i, CNC__NS_INFO,
                                             "identity")) != NULL;) {
        struct cnc__str s = CNC__STR;

        cnc__str_printf(&s, "%s/%s/%s/%s",
                        or_nothing(cnc_element_attr(e, NULL, "category")),
                        or_nothing(cnc_element_attr(e, NULL, "type")),
                        or_nothing(cnc_element_attr(e, CNC__NS_XML, "lang")),
                        or_nothing(cnc_element_attr(e, NULL, "name")));
        add_line(&l, &s);
    }
    return end_lines(out, &l, true);
}

static bool
add_features(struct cnc__str *out, const struct cnc_element *query)
{
    const struct cnc_element *e;
    struct lines l = {0};

    for (size_t i = 0;
         (e = cnc_element_next(query, &i, CNC__NS_INFO, "feature")) != NULL;) {
        struct cnc__str s = CNC__STR;

        cnc__str_puts(&s, or_nothing(cnc_element_attr(e, NULL, "var")));
        add_line(&l, &s);
    }
    return end_lines(out, &l, true);
}

static bool
is_form_type(const struct cnc_element *field)
{
    const char *var = cnc_element_attr(field, NULL, "var");
    const char *type = cnc_element_attr(field, NULL, "type");

    return var != NULL && strcmp(var, "FORM_TYPE") == 0 && type != NULL &&
           strcmp(type, "hidden") == 0;
}

/* "VAR<VALUE<VALUE<", the values sorted */
static void
add_field(struct lines *to, const struct cnc_element *field)
{
    const struct cnc_element *v;
    struct cnc__str s = CNC__STR;
    struct lines values = {0};
    struct cnc__str text = CNC__STR;

    for (size_t i = 0;
         (v = cnc_element_next(field, &i, NS_DATA, "value")) != NULL;) {
        struct cnc__str one = CNC__STR;

        cnc__str_puts(&one, cnc_element_text(v));
        add_line(&values, &one);
    }
    end_lines(&text, &values, false);
    cnc__str_printf(&s, "%s<%s",
                    or_nothing(cnc_element_attr(field, NULL, "var")),
                    cnc__str_c(&text));
    cnc__str_fini(&text);
    if (s.data[s.len - 1] == '<') {
        s.data[--s.len] = '\0'; /* add_line() has its own */
    }
    add_line(to, &s);
}

/* One form to a line of its own; without FORM_TYPE it does not count. */
static void
add_form(struct lines *to, const struct cnc_element *x)
{
    const struct cnc_element *field, *form_type = NULL;
    struct lines fields = {0};
    struct cnc__str s = CNC__STR;

    for (size_t i = 0;
         (field = cnc_element_next(x, &i, NS_DATA, "field")) != NULL;) {
        if (form_type == NULL && is_form_type(field)) {
            form_type = field;
        } else {
            add_field(&fields, field);
        }
    }
    if (form_type != NULL) {
        cnc__str_printf(&s, "%s<",
                        cnc_element_child_text(form_type, NS_DATA, "value"));
    }
    end_lines(&s, &fields, false);
    if (form_type == NULL) {
        cnc__str_fini(&s);
        return;
    }
    s.data[--s.len] = '\0';
    add_line(to, &s);
}

static bool
verify_string(struct cnc__str *out, const struct cnc_element *query)
{
    const struct cnc_element *x;
    struct lines forms = {0};
    bool ok = add_identities(out, query);

    ok = add_features(out, query) && ok;
    for (size_t i = 0;
         (x = cnc_element_next(query, &i, NS_DATA, "x")) != NULL;) {
        add_form(&forms, x);
    }
    return end_lines(out, &forms, true) && ok;
}

static const EVP_MD *
digest_of(const char *hash)
{
    return strcmp(hash, "sha-1") == 0     ? EVP_sha1()
           : strcmp(hash, "sha-256") == 0 ? EVP_sha256()
           : strcmp(hash, "sha-512") == 0 ? EVP_sha512()
                                          : NULL;
}

static bool
is_right(const struct cnc__caps *c, const struct cnc_element *query)
{
    const EVP_MD *md = digest_of(c->hash);
    struct cnc__str s = CNC__STR, ver = CNC__STR;
    unsigned char sum[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    bool ok;

    if (md == NULL || cnc_element_n_children(query) > MAX_INFO) {
        return false;
    }
    ok = verify_string(&s, query) &&
         EVP_Digest(cnc__str_c(&s), s.len, sum, &len, md, NULL) == 1;
    if (ok) {
        cnc__base64_encode(&ver, sum, len);
        ok = strcmp(ver.data, c->ver) == 0;
    }
    cnc__str_fini(&ver);
    cnc__str_fini(&s);
    return ok;
}

/* -- asking --------------------------------------------------------------- */

static void
keep_features(struct cnc__caps *c, const struct cnc_element *query)
{
    static char present;
    const struct cnc_element *e;

    for (size_t i = 0;
         (e = cnc_element_next(query, &i, CNC__NS_INFO, "feature")) != NULL;) {
        const char *var = or_nothing(cnc_element_attr(e, NULL, "var"));
        size_t len = strlen(var);

        if (len < 8 || len > MAX_FEATURE ||
            strcmp(var + len - 7, "+notify") != 0) {
            continue;
        }
        if (c->features == NULL) {
            c->features = cnc__table_new();
        }
        if (cnc__table_len(c->features) < MAX_NOTIFY) {
            cnc__table_put(c->features, var, &present);
        }
    }
}

static void
tell_known(struct cnc__im *im, const struct cnc__caps *c)
{
    struct cnc__session *s;

    for (size_t i = 0;
         (s = cnc__router_next_session(im->router, &i)) != NULL;) {
        struct cnc__im_session *state = cnc__im_state(s);

        if (state != NULL && state->caps == c) {
            struct cnc__im_user *u = cnc__im_user_of(im, s);

            if (u != NULL) {
                cnc__im_announce(u, state);
            }
        }
    }
    cnc__im_far_caps_known(im, c);
}

static void
on_answer(const struct cnc_element *iq, void *priv)
{
    struct cnc__caps *c = priv;
    struct cnc__im *im = c->im;
    const struct cnc_element *query =
        cnc_element_child(iq, CNC__NS_INFO, "query");

    if (im == NULL) {
        cnc__caps_unref(NULL, &c);
        return;
    }
    if (query != NULL && is_right(c, query)) {
        keep_features(c, query);
        c->state = KNOWN;
    } else if (c->n_others > 0) {
        char *full = c->others[--c->n_others].full;
        char *asker = c->others[c->n_others].asker;

        ask(c, asker, full);
        cnc__free(full);
        cnc__free(asker);
        cnc__caps_unref(im, &c);
        return;
    } else {
        c->state = FAILED;
        cnc__table_del(im->caps, c->key);
    }
    drop_others(c);
    tell_known(im, c);
    cnc__caps_unref(im, &c);
}

static void
ask(struct cnc__caps *c, const char *asker, const char *full)
{
    struct cnc__str query = CNC__STR;

    cnc__xml_printf(&query, "<query xmlns='" CNC__NS_INFO "' node='%s'/>",
                    c->node);
    c->refs++;
    cnc__router_ask(c->im->router, asker, full, "get", query.data, query.len,
                    0, on_answer, c);
    cnc__str_fini(&query);
}

/* -- of a presence -------------------------------------------------------- */

/* Those nobody names make room. */
static bool
make_room(struct cnc__im *im)
{
    if (cnc__table_len(im->caps) < im->limits.caps) {
        return true;
    }
    for (struct cnc__table_iter i = {0}; cnc__table_next(im->caps, &i);) {
        struct cnc__caps *c = i.value;

        if (c->refs == 0) {
            cnc__table_del(im->caps, c->key);
            caps_free(c);
        }
    }
    return cnc__table_len(im->caps) < im->limits.caps;
}

static void
add_other(struct cnc__caps *c, const char *asker, const char *full)
{
    if (c->n_others < OTHERS) {
        c->others[c->n_others].full = cnc__strdup(full);
        c->others[c->n_others++].asker = cnc__strdup(asker);
    }
}

struct cnc__caps *
cnc__caps_of(struct cnc__im *im, const char *asker, const char *full,
             const struct cnc_element *presence)
{
    const struct cnc_element *e =
        cnc_element_child(presence, CNC__NS_CAPS, "c");
    const char *hash = e == NULL ? NULL : cnc_element_attr(e, NULL, "hash");
    const char *node = e == NULL ? NULL : cnc_element_attr(e, NULL, "node");
    const char *ver = e == NULL ? NULL : cnc_element_attr(e, NULL, "ver");
    struct cnc__str key = CNC__STR;
    struct cnc__caps *c;

    /* Without a hash nothing can be verified. */
    if (hash == NULL || node == NULL || ver == NULL ||
        digest_of(hash) == NULL || strlen(node) + strlen(ver) > MAX_KEY - 16) {
        return NULL;
    }
    cnc__str_printf(&key, "%s\n%s#%s", hash, node, ver);
    c = cnc__table_get(im->caps, key.data);
    if (c == NULL && make_room(im)) {
        c = cnc__zalloc(sizeof(*c));
        c->im = im;
        c->key = cnc__strdup(key.data);
        c->hash = cnc__strdup(hash);
        c->ver = cnc__strdup(ver);
        c->node = cnc__strdup(key.data + strlen(hash) + 1);
        cnc__table_put(im->caps, c->key, c);
        ask(c, asker, full);
    } else if (c != NULL && c->state == ASKED) {
        add_other(c, asker, full);
    }
    cnc__str_fini(&key);
    if (c != NULL) {
        c->refs++;
    }
    return c;
}
