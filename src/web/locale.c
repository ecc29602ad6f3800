/* SPDX-License-Identifier: MIT */
/*
 * locale.c -- the catalogues of a domain: which there are, what a text is in
 * a language, and which language somebody is answered in.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include "de-po.h"
#include "locale.h"
#include "web.h"

#define MAX_FILE ((size_t)1 << 20)

struct owned { /* the catalogue of an app, in order of loading */
    char *owner;
    struct cnc__catalogue *catalogue;
};

struct lang {
    struct cnc__locale *locale;
    char name[CNC__LOCALE_MAX_LANG + 1];
    struct cnc__tr tr;
    struct owned *all;
    size_t n;
    struct cnc__catalogue *builtin; /* the service's own, or NULL */
};

/* A language stays once it was there: callers hold its name. */
struct cnc__locale {
    struct lang *langs[CNC__LOCALE_MAX_LANGS - 1];
    size_t n;
};

static const char english[] = "en";

/* -- texts ---------------------------------------------------------------- */

static const char *
text_in(const char *text, void *priv)
{
    const struct lang *g = priv;
    const char *found = NULL;
    for (size_t i = g->n; i-- > 0 && found == NULL;) {
        found = cnc__catalogue_text(g->all[i].catalogue, text);
    }
    if (found == NULL && g->builtin != NULL) {
        found = cnc__catalogue_text(g->builtin, text);
    }
    return found != NULL ? found : text;
}

static char *
sentence_in(const char *text, void *priv)
{
    const struct lang *g = priv;
    const char *whole = text_in(text, priv);
    char *found = whole != text ? cnc__strdup(whole) : NULL;
    for (size_t i = g->n; i-- > 0 && found == NULL;) {
        found = cnc__catalogue_match(g->all[i].catalogue, text, &g->tr);
    }
    if (found == NULL && g->builtin != NULL) {
        found = cnc__catalogue_match(g->builtin, text, &g->tr);
    }
    return found != NULL ? found : cnc__strdup(text);
}

/* -- languages ------------------------------------------------------------ */

/* '_' of file names is '-'. */
static bool
same_tag(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char x = a[i] == '_' ? '-' : a[i], y = b[i] == '_' ? '-' : b[i];
        x |= x >= 'A' && x <= 'Z' ? 0x20 : 0;
        y |= y >= 'A' && y <= 'Z' ? 0x20 : 0;
        if (x != y || x == '\0') {
            return false;
        }
    }
    return a[len] == '\0';
}

static struct lang *
get(const struct cnc__locale *l, const char *tag, size_t len)
{
    for (size_t i = 0; i < l->n; i++) {
        if (same_tag(l->langs[i]->name, tag, len)) {
            return l->langs[i];
        }
    }
    return NULL;
}

static bool
is_tag(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool alpha = (s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'z';
        bool more = s[i] == '-' || s[i] == '_' || (s[i] >= '0' && s[i] <= '9');
        if (!alpha && (i < 2 || !more)) {
            return false;
        }
    }
    return len >= 2 && len <= CNC__LOCALE_MAX_LANG;
}

/* NULL: too many, or English. */
static struct lang *
make(struct cnc__locale *l, const char *tag)
{
    size_t len = strlen(tag);
    struct lang *g = get(l, tag, len);
    if (g != NULL || same_tag(english, tag, len) || l->n == CNC_N(l->langs)) {
        return g;
    }
    g = cnc__zalloc(sizeof(*g));
    for (size_t i = 0; i < len; i++) {
        g->name[i] = tag[i] == '_' ? '-' : tag[i];
    }
    g->locale = l;
    g->tr = (struct cnc__tr){text_in, sentence_in, g};
    l->langs[l->n++] = g;
    return g;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

size_t
cnc__locale_langs(const struct cnc__locale *l,
                  const char *out[CNC__LOCALE_MAX_LANGS])
{
    size_t n = 0;
    out[n++] = english;
    for (size_t i = 0; i < l->n; i++) {
        if (l->langs[i]->n > 0) {
            out[n++] = l->langs[i]->name;
        }
    }
    qsort(out + 1, n - 1, sizeof(*out), by_name);
    return n;
}

const char *
cnc__locale_find(const struct cnc__locale *l, const char *tag, size_t len)
{
    while (len > 0) {
        const struct lang *g = get(l, tag, len);
        if (g != NULL && g->n > 0) {
            return g->name;
        }
        if (same_tag(english, tag, len)) {
            return english;
        }
        while (len > 0 && tag[--len] != '-') {
        }
    }
    return NULL;
}

/* q=0.8 as 800; what cannot be read is 0. */
static unsigned
quality(const char *s, size_t len)
{
    const char *q = memmem(s, len, "q=", 2);
    unsigned n = 0, unit = 1000;
    if (memchr(s, ';', len) == NULL) {
        return 1000;
    }
    if (q == NULL) {
        return 0;
    }
    for (q += 2; q < s + len && unit > 0; q++) {
        if (*q >= '0' && *q <= '9') {
            n += (unsigned)(*q - '0') * unit;
            unit /= 10;
        } else if (*q != '.') {
            break;
        }
    }
    return n > 1000 ? 1000 : n;
}

const char *
cnc__locale_accept(const struct cnc__locale *l, const char *accept)
{
    const char *best = NULL;
    unsigned best_q = 0;
    for (const char *s = accept; s != NULL && *s != '\0';) {
        s += strspn(s, ", \t");
        size_t len = strcspn(s, ","), n = strcspn(s, ",; \t");
        unsigned q = quality(s, len);
        const char *found = cnc__locale_find(l, s, n);
        if (found != NULL && q > best_q) {
            best = found;
            best_q = q;
        }
        s += len;
    }
    return best;
}

const struct cnc__tr *
cnc__locale_tr(const struct cnc__locale *l, const char *lang)
{
    const char *name =
        lang == NULL ? NULL : cnc__locale_find(l, lang, strlen(lang));
    struct lang *g =
        name == NULL || name == english ? NULL : get(l, name, strlen(name));
    return g == NULL ? NULL : &g->tr;
}

/* -- catalogues ----------------------------------------------------------- */

static void
drop(struct lang *g, const char *owner)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (strcmp(g->all[i].owner, owner) == 0) {
            cnc__free(g->all[i].owner);
            cnc__catalogue_free(&g->all[i].catalogue);
        } else {
            g->all[n++] = g->all[i];
        }
    }
    g->n = n;
}

void
cnc__locale_put(struct cnc__locale *l, const char *owner, const char *lang,
                struct cnc__catalogue *c)
{
    struct lang *g = make(l, lang);
    if (g == NULL) {
        cnc__catalogue_free(&c);
        return;
    }
    drop(g, owner);
    if (c != NULL) {
        g->all = cnc__realloc(g->all, g->n + 1, sizeof(*g->all));
        g->all[g->n++] = (struct owned){cnc__strdup(owner), c};
    }
}

/* "wiki/base" is what "wiki" has of the app that it extends. */
static bool
owns(const char *owner, const char *app)
{
    size_t n = strlen(app);
    return strncmp(owner, app, n) == 0 &&
           (owner[n] == '\0' || owner[n] == '/');
}

bool
cnc__locale_has(const struct cnc__locale *l, const char *owner)
{
    for (size_t i = 0; i < l->n; i++) {
        for (size_t k = 0; k < l->langs[i]->n; k++) {
            if (owns(l->langs[i]->all[k].owner, owner)) {
                return true;
            }
        }
    }
    return false;
}

static void
load_one(struct cnc__locale *l, const char *owner, const char *dir, int fd,
         const char *name)
{
    struct cnc__str text = CNC__STR, path = CNC__STR;
    struct cnc__catalogue *c = NULL;
    struct cnc_error err = {0};
    char *lang = cnc__strndup(name, strlen(name) - 3);
    cnc__str_printf(&path, "%s/%s", dir, name);
    int rc = cnc__disk_read(&text, fd, name, MAX_FILE, &err);
    if (rc == 0) {
        rc = cnc__catalogue_parse(&c, path.data, cnc__str_c(&text), text.len,
                                  &err);
    }
    if (rc == 0 && make(l, lang) == NULL) {
        rc = cnc_error_set(&err, CNC_ELIMIT, NULL,
                           "%s: texts are English as they are, and there "
                           "are at most %u languages",
                           path.data, CNC__LOCALE_MAX_LANGS);
        cnc__catalogue_free(&c);
    }
    if (rc == 0) {
        cnc__locale_put(l, owner, lang, c);
    } else {
        cnc__log(CNC_LOG_ERROR, "locale.error", "app=%s %s", owner, err.text);
    }
    cnc__free(lang);
    cnc__str_fini(&text);
    cnc__str_fini(&path);
}

void
cnc__locale_load(struct cnc__locale *l, const char *owner, const char *dir)
{
    struct dirent *e;
    for (size_t i = 0; i < l->n; i++) {
        drop(l->langs[i], owner);
    }
    int fd = dir == NULL ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(dup(fd));
    if (d == NULL && dir != NULL && errno != ENOENT) {
        cnc__log(CNC_LOG_ERROR, "locale.error",
                 "app=%s the folder %s cannot be read: %s", owner, dir,
                 strerror(errno));
    }
    while (d != NULL && (e = readdir(d)) != NULL) {
        size_t n = strlen(e->d_name);
        if (n > 3 && strcmp(e->d_name + n - 3, ".po") == 0 &&
            is_tag(e->d_name, n - 3)) {
            load_one(l, owner, dir, fd, e->d_name);
        }
    }
    if (d != NULL) {
        closedir(d);
    }
    if (fd >= 0) {
        close(fd);
    }
}

struct cnc__locale *
cnc__locale_new(void)
{
    struct cnc__locale *l = cnc__zalloc(sizeof(*l));
    struct cnc__catalogue *c = NULL;
    struct lang *g = make(l, "de");
    CNC_CHECK(cnc__catalogue_parse(&c, "de.po", cnc__de_po, cnc__de_po_len,
                                   NULL) == 0);
    g->builtin = c;
    return l;
}

void
cnc__locale_free(struct cnc__locale **lp)
{
    struct cnc__locale *l = *lp;
    *lp = NULL;
    for (size_t i = 0; l != NULL && i < l->n; i++) {
        struct lang *g = l->langs[i];
        for (size_t n = 0; n < g->n; n++) {
            cnc__free(g->all[n].owner);
            cnc__catalogue_free(&g->all[n].catalogue);
        }
        cnc__catalogue_free(&g->builtin);
        cnc__free(g->all);
        cnc__free(g);
    }
    cnc__free(l);
}
