/* SPDX-License-Identifier: MIT */
/*
 * address.c -- which page an address means.  A path may have parameters,
 * "/by/{author}": each is one part between slashes, whole.
 *
 * The declarations stand in an order in which the first that fits is right:
 * of two that fit one address, the one with text where the other has a
 * parameter comes first, the leftmost such place deciding.
 */
#include "../xmpp/jid.h"
#include "web.h"

#define DECL_MAGIC 0x4445434cu /* DECL */

/* -- reading a path ------------------------------------------------------- */

static bool
path_ok(const char *path)
{
    size_t len = strlen(path);
    if (path[0] != '/' || len > CNC__WEB_MAX_PATH ||
        !cnc__utf8_valid(path, len) || strpbrk(path, "?#\\") != NULL) {
        return false;
    }
    if (len == 1) {
        return true;
    }
    for (const char *s = path; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f) {
            return false;
        }
        /* No empty segment, none that starts with a dot: they are folders
         * below www. */
        if (*s == '/' && (s[1] == '/' || s[1] == '.' || s[1] == '\0')) {
            return false;
        }
    }
    return true;
}

static bool
is_name(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool letter = (s[i] >= 'a' && s[i] <= 'z') ||
                      (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_';
        bool other = (s[i] >= '0' && s[i] <= '9') || s[i] == '-';
        if (!letter && (i == 0 || !other)) {
            return false;
        }
    }
    return n > 0;
}

static bool
has_param(const struct cnc__decl *d, const char *name, size_t n)
{
    for (size_t i = 0; i < d->n_parts; i++) {
        const struct cnc__part *p = &d->parts[i];
        if (p->param && strlen(p->text) == n &&
            memcmp(p->text, name, n) == 0) {
            return true;
        }
    }
    return false;
}

static int
add_part(struct cnc__decl *d, const char *s, size_t n, struct cnc_error *err)
{
    struct cnc__part *part = &d->parts[d->n_parts];
    if (d->n_parts == CNC__WEB_MAX_PARTS) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the path %s has more than %u parts", d->path,
                             CNC__WEB_MAX_PARTS);
    }
    bool braces = memchr(s, '{', n) != NULL || memchr(s, '}', n) != NULL;
    if (!braces) {
        part->text = cnc__strndup(s, n);
        d->n_parts++;
        return 0;
    }
    if (n < 3 || s[0] != '{' || s[n - 1] != '}' || !is_name(s + 1, n - 2)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the path %s: \"%.*s\" is no parameter; one is "
                             "a whole part, {name}",
                             d->path, (int)n, s);
    }
    if (has_param(d, s + 1, n - 2)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "the path %s has the parameter %.*s twice",
                             d->path, (int)n, s);
    }
    part->text = cnc__strndup(s + 1, n - 2);
    part->param = true;
    d->n_parts++;
    d->n_params++;
    return 0;
}

static int
read_path(struct cnc__decl *d, struct cnc_error *err)
{
    int rc = 0;
    for (const char *s = d->path; rc == 0 && s[0] == '/' && s[1] != '\0';) {
        size_t n = strcspn(++s, "/");
        rc = add_part(d, s, n, err);
        s += n;
    }
    return rc;
}

/* -- its query ------------------------------------------------------------ */

static const struct cnc_record *
first_record(const struct cnc__decl *d)
{
    size_t n = strcspn(d->node, " ");
    for (const struct cnc_node *k = d->app->nodes;
         k != NULL && k->name != NULL; k++) {
        if (strlen(k->name) == n && memcmp(k->name, d->node, n) == 0) {
            return k->record;
        }
    }
    return NULL;
}

static int
read_asks(struct cnc__decl *d, struct cnc_error *err)
{
    const char *name;
    while ((name = cnc__query_param(d->query, d->n_asks)) != NULL) {
        size_t nth = 0, i = 0;
        for (; i < d->n_parts; i++) {
            if (d->parts[i].param && strcmp(d->parts[i].text, name) == 0) {
                break;
            }
            nth += d->parts[i].param;
        }
        if (i == d->n_parts || d->n_asks == CNC__WEB_MAX_PARTS) {
            return cnc_error_set(err, CNC_EINVAL, NULL,
                                 "page %s: its path has no parameter {%s}",
                                 d->path, name);
        }
        d->asks[d->n_asks++] = nth;
    }
    return 0;
}

static int
read_query(struct cnc__decl *d, struct cnc_error *err)
{
    if (d->where[0] == '\0' && d->sort[0] == '\0') {
        return 0;
    }
    const struct cnc_record *record = first_record(d);
    if (record == NULL) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "page %s has where or sort, and its first node "
                             "has no record",
                             d->path);
    }
    struct cnc_error why = {0};
    int rc = cnc__query_new(&d->query, record, d->where[0] ? d->where : NULL,
                            d->sort[0] ? d->sort : NULL, &why);
    if (rc != 0) {
        return cnc_error_set(err, rc, NULL, "page %s: %s", d->path, why.text);
    }
    return read_asks(d, err);
}

/* -- life ----------------------------------------------------------------- */

static char *
copy(const char *s)
{
    return cnc__strdup(s != NULL ? s : "");
}

int
cnc__decl_new(struct cnc__decl **out, struct cnc__agent *a,
              const struct cnc_app *app, const struct cnc_page *page,
              struct cnc_error *err)
{
    const char *title = page->title ? page->title : app->title;
    if (page->path == NULL || !path_ok(page->path)) {
        return cnc_error_set(err, CNC_EINVAL, NULL,
                             "app %s: \"%s\" is no path of a page (it starts "
                             "with / and has no empty or dotted part)",
                             app->name, page->path ? page->path : "");
    }
    struct cnc__decl *d = cnc__zalloc(sizeof(*d));
    d->magic = DECL_MAGIC;
    d->refs = 1;
    d->agent = a;
    d->app = app;
    d->app_name = copy(app->name);
    d->path = copy(page->path);
    d->title = copy(title ? title : app->name);
    d->template_ = copy(page->template_);
    d->node = copy(page->node);
    d->where = copy(page->where);
    d->sort = copy(page->sort);
    d->command = copy(page->command);
    d->readers = copy(page->readers);
    d->window = page->window ? page->window : CNC__WEB_WINDOW;
    int rc = read_path(d, err);
    if (rc == 0 && (d->node[0] == '\0') == (d->command[0] == '\0')) {
        rc = cnc_error_set(err, CNC_EINVAL, NULL,
                           d->node[0] == '\0'
                               ? "page %s shows no node and no command"
                               : "page %s shows a node or a command, not both",
                           d->path);
    }
    if (rc == 0) {
        rc = read_query(d, err);
    }
    if (rc != 0) {
        cnc__decl_unref(&d);
        return rc;
    }
    *out = d;
    return 0;
}

void
cnc__decl_unref(struct cnc__decl **dp)
{
    struct cnc__decl *d = *dp;
    *dp = NULL;
    if (d == NULL) {
        return;
    }
    CNC_OBJ_CHECK(d, DECL_MAGIC);
    if (--d->refs > 0) {
        return;
    }
    for (size_t i = 0; i < d->n_parts; i++) {
        cnc__free(d->parts[i].text);
    }
    cnc__query_free(&d->query);
    cnc__free(d->app_name);
    cnc__free(d->path);
    cnc__free(d->title);
    cnc__free(d->template_);
    cnc__free(d->node);
    cnc__free(d->where);
    cnc__free(d->sort);
    cnc__free(d->command);
    cnc__free(d->readers);
    CNC_OBJ_FREE(d);
}

#define SWAP(a, b)                                                            \
    do {                                                                      \
        __typeof__(a) swap_ = (a);                                            \
        (a) = (b);                                                            \
        (b) = swap_;                                                          \
    } while (0)

void
cnc__decl_take(struct cnc__decl *d, struct cnc__decl *from)
{
    SWAP(d->app, from->app);
    SWAP(d->title, from->title);
    SWAP(d->template_, from->template_);
    SWAP(d->readers, from->readers);
    SWAP(d->query, from->query);
    d->window = from->window;
}

bool
cnc__decl_may_read(const struct cnc__decl *d, const struct cnc__actor *who)
{
    struct cnc__agent *a = d->agent;
    if (d->readers[0] == '\0' || who->operator_) {
        return true;
    }
    if (who->anonymous || a->env.has_role == NULL) {
        return false;
    }
    char *bare = cnc__strndup(who->jid, cnc__jid_bare_len(who->jid));
    bool has = a->env.has_role(bare, d->readers, a->env.priv);
    cnc__free(bare);
    return has;
}

/* -- their order ---------------------------------------------------------- */

/* Text before parameter at the first place where they differ. */
static bool
goes_before(const struct cnc__decl *a, const struct cnc__decl *b)
{
    for (size_t i = 0; i < a->n_parts && i < b->n_parts; i++) {
        if (a->parts[i].param != b->parts[i].param) {
            return b->parts[i].param;
        }
    }
    return false;
}

void
cnc__decl_add(struct cnc__decl *d)
{
    struct cnc__agent *a = d->agent;
    size_t i = 0;
    a->decls =
        cnc__realloc(a->decls, a->n_decls + 1, sizeof(struct cnc__decl *));
    while (i < a->n_decls && !goes_before(d, a->decls[i])) {
        i++;
    }
    memmove(&a->decls[i + 1], &a->decls[i],
            (a->n_decls - i) * sizeof(struct cnc__decl *));
    a->decls[i] = d;
    a->n_decls++;
}

void
cnc__decl_del(struct cnc__decl *d)
{
    struct cnc__agent *a = d->agent;
    size_t i = 0;
    while (i < a->n_decls && a->decls[i] != d) {
        i++;
    }
    CNC_CHECK(i < a->n_decls);
    a->n_decls--;
    memmove(&a->decls[i], &a->decls[i + 1],
            (a->n_decls - i) * sizeof(struct cnc__decl *));
    cnc__decl_unref(&d);
}

struct cnc__decl *
cnc__decl_same(const struct cnc__agent *a, const struct cnc__decl *d)
{
    for (size_t i = 0; i < a->n_decls; i++) {
        const struct cnc__decl *x = a->decls[i];
        size_t k = 0;
        while (x->n_parts == d->n_parts && k < d->n_parts &&
               x->parts[k].param == d->parts[k].param &&
               (d->parts[k].param ||
                strcmp(x->parts[k].text, d->parts[k].text) == 0)) {
            k++;
        }
        if (x->n_parts == d->n_parts && k == d->n_parts) {
            return a->decls[i];
        }
    }
    return NULL;
}

/* -- an address ----------------------------------------------------------- */

void
cnc__decl_free_values(char *values[CNC__WEB_MAX_PARTS])
{
    for (size_t i = 0; i < CNC__WEB_MAX_PARTS; i++) {
        cnc__free(values[i]);
        values[i] = NULL;
    }
}

static bool
fits(const struct cnc__decl *d, const char *path,
     char *values[CNC__WEB_MAX_PARTS])
{
    size_t n_values = 0;
    if (path[1] == '\0') {
        return d->n_parts == 0;
    }
    for (size_t i = 0; i < d->n_parts; i++) {
        const struct cnc__part *part = &d->parts[i];
        if (path[0] != '/') {
            return false;
        }
        size_t n = strcspn(++path, "/");
        if (!part->param &&
            (strlen(part->text) != n || memcmp(part->text, path, n) != 0)) {
            return false;
        }
        if (part->param && (n == 0 || n > CNC__WEB_MAX_VALUE)) {
            return false;
        }
        if (part->param) {
            values[n_values++] = cnc__strndup(path, n);
        }
        path += n;
    }
    return path[0] == '\0';
}

struct cnc__decl *
cnc__decl_find(const struct cnc__agent *a, const char *path,
               char *values[CNC__WEB_MAX_PARTS])
{
    size_t len = strlen(path);
    memset(values, 0, CNC__WEB_MAX_PARTS * sizeof(*values));
    if (len > CNC__WEB_MAX_PATH || !cnc__xml_chars_valid(path, len)) {
        return NULL;
    }
    for (size_t i = 0; i < a->n_decls; i++) {
        if (fits(a->decls[i], path, values)) {
            return a->decls[i];
        }
        cnc__decl_free_values(values);
    }
    return NULL;
}

static const char *
value_of(const struct cnc__decl *d, const char *name, size_t n,
         char *const values[CNC__WEB_MAX_PARTS])
{
    size_t nth = 0;
    for (size_t i = 0; i < d->n_parts; i++) {
        const struct cnc__part *p = &d->parts[i];
        if (p->param && strlen(p->text) == n &&
            memcmp(p->text, name, n) == 0) {
            return values[nth];
        }
        nth += p->param;
    }
    return NULL;
}

char *
cnc__decl_expand(const struct cnc__decl *d, const char *text,
                 char *const values[CNC__WEB_MAX_PARTS])
{
    struct cnc__str out = CNC__STR;
    cnc__str_puts(&out, "");
    while (*text != '\0') {
        size_t n = strcspn(text + 1, "}");
        const char *value =
            text[0] == '{' ? value_of(d, text + 1, n, values) : NULL;
        if (value != NULL) {
            cnc__str_puts(&out, value);
            text += n + 2;
        } else {
            cnc__str_putc(&out, *text++);
        }
    }
    return out.data != NULL ? cnc__str_steal(&out) : cnc__strdup("");
}
