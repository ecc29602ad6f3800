/* SPDX-License-Identifier: MIT */
/*
 * parts.c -- what only some see of a page (docs/apps.md "One viewer's part of
 * a shared page"): it comes from the render process beside the page, and goes
 * into it when the page is sent, for whoever it is for.
 */
#include "../xmpp/jid.h"
#include "web.h"

/* -- who looks ------------------------------------------------------------ */

void
cnc__viewer_init(struct cnc__viewer *v, const struct cnc__actor *who)
{
    memset(v, 0, sizeof(*v));
    if (who == NULL || who->anonymous) {
        return;
    }
    size_t bare = cnc__jid_bare_len(who->jid);
    const char *at = memchr(who->jid, '@', bare);
    v->bare = cnc__strndup(who->jid, bare);
    v->name =
        cnc__strndup(who->jid, at == NULL ? bare : (size_t)(at - who->jid));
}

void
cnc__viewer_copy(struct cnc__viewer *v, const struct cnc__viewer *from)
{
    v->bare = cnc__strdup(from->bare);
    v->name = cnc__strdup(from->name);
    v->note = cnc__strdup(from->note);
}

void
cnc__viewer_fini(struct cnc__viewer *v)
{
    cnc__free(v->bare);
    cnc__free(v->name);
    cnc__free(v->note);
    memset(v, 0, sizeof(*v));
}

/* One word of for="". */
static bool
is_for(const struct cnc__agent *a, const struct cnc__viewer *v,
       const char *word)
{
    if (strcmp(word, "flash") == 0) {
        return v->note != NULL;
    }
    if (strcmp(word, "guests") == 0) {
        return v->bare == NULL;
    }
    if (v->bare == NULL) {
        return false;
    }
    return strcmp(word, "users") == 0 ||
           (a->env.has_role != NULL &&
            a->env.has_role(v->bare, word, a->env.priv));
}

static bool
sees(const struct cnc__agent *a, const struct cnc__viewer *v,
     const struct cnc__page_part *part)
{
    for (const char *s = part->for_ + strspn(part->for_, " "); *s != '\0';
         s += strspn(s, " ")) {
        size_t n = strcspn(s, " ");
        char *word = cnc__strndup(s, n);
        bool yes = is_for(a, v, word);
        cnc__free(word);
        if (yes) {
            return true;
        }
        s += n;
    }
    return false;
}

/* -- the parts ------------------------------------------------------------ */

static void
blanks(char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '\t' || *s == '\n' || *s == '\r') {
            *s = ' ';
        }
    }
}

/* What it depends on. */
static void
classify(struct cnc__parts *p, const char *for_)
{
    for (const char *s = for_ + strspn(for_, " "); *s != '\0';
         s += strspn(s, " ")) {
        size_t n = strcspn(s, " ");
        bool flash = n == 5 && memcmp(s, "flash", 5) == 0;
        p->flash = p->flash || flash;
        p->personal = p->personal || !flash;
        s += n;
    }
}

static bool
number(size_t *out, const char *data, size_t len, size_t min, size_t max)
{
    char *text = cnc__strndup(data, len);
    int64_t n;
    bool ok = cnc__parse_int(&n, text, (int64_t)min, (int64_t)max);
    *out = ok ? (size_t)n : 0;
    cnc__free(text);
    return ok;
}

struct cnc__parts *
cnc__parts_read(const struct cnc__render_message *reply)
{
    struct cnc__parts *p;
    const char *data, *at, *end;
    size_t len, from = 0, whole;
    if (reply->n_fields < 2 || reply->fields[1].len == 0) {
        return NULL;
    }
    p = cnc__zalloc(sizeof(*p));
    p->refs = 1;
    whole = reply->fields[0].len;
    at = reply->fields[1].data;
    end = at + reply->fields[1].len;
    while (p->n < CNC__PARTS_MAX &&
           cnc__render_unpack(&data, &len, &at, end)) {
        struct cnc__page_part *part = &p->all[p->n];
        bool ok = number(&part->at, data, len, from, whole) &&
                  cnc__render_unpack(&data, &len, &at, end) &&
                  number(&part->cut, data, len, 0, whole - part->at) &&
                  cnc__render_unpack(&data, &len, &at, end);
        if (!ok) {
            break;
        }
        from = part->at + part->cut;
        part->for_ = cnc__strndup(data, len);
        blanks(part->for_);
        classify(p, part->for_);
        p->n++;
        if (!cnc__render_unpack(&data, &len, &at, end)) {
            len = 0;
        }
        part->html = cnc__strndup(data, len);
        part->len = len;
    }
    return p;
}

struct cnc__parts *
cnc__parts_ref(struct cnc__parts *p)
{
    if (p != NULL) {
        p->refs++;
    }
    return p;
}

void
cnc__parts_unref(struct cnc__parts **pp)
{
    struct cnc__parts *p = *pp;
    *pp = NULL;
    if (p == NULL || --p->refs > 0) {
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        cnc__free(p->all[i].for_);
        cnc__free(p->all[i].html);
    }
    cnc__free(p);
}

uint32_t
cnc__parts_of(const struct cnc__agent *a, const struct cnc__parts *p,
              const struct cnc__viewer *v)
{
    uint32_t mask = 0;
    for (size_t i = 0; p != NULL && i < p->n; i++) {
        mask |= sees(a, v, &p->all[i]) ? UINT32_C(1) << i : 0;
    }
    return mask;
}

static void
put_text(struct cnc__str *out, const char *text)
{
    for (const char *s = text == NULL ? "" : text; *s != '\0'; s++) {
        switch (*s) {
        case '&':
            cnc__str_puts(out, "&amp;");
            break;
        case '<':
            cnc__str_puts(out, "&lt;");
            break;
        case '>':
            cnc__str_puts(out, "&gt;");
            break;
        default:
            cnc__str_putc(out, *s);
        }
    }
}

/* A byte stands for the name, another one for the note, in texts alone: no
 * attribute can have them. */
static void
put_part(struct cnc__str *out, const struct cnc__page_part *part,
         const struct cnc__viewer *v)
{
    const char *s = part->html;
    for (;;) {
        size_t n = strcspn(s, CNC__PART_NAME CNC__PART_NOTE);
        cnc__str_add(out, s, n);
        if (s[n] == '\0') {
            break;
        }
        put_text(out, s[n] == CNC__PART_NOTE[0] ? v->note : v->name);
        s += n + 1;
    }
}

void
cnc__parts_put(struct cnc__str *out, const struct cnc__parts *p, uint32_t mask,
               const struct cnc__viewer *v, const char *html, size_t len)
{
    size_t from = 0;
    cnc__str_reserve(out, len + 1);
    for (size_t i = 0; p != NULL && i < p->n; i++) {
        cnc__str_add(out, html + from, p->all[i].at - from);
        from = p->all[i].at;
        if ((mask >> i & 1) != 0) {
            put_part(out, &p->all[i], v);
            from += p->all[i].cut;
        }
    }
    cnc__str_add(out, html + from, len - from);
}

void
cnc__parts_sum(unsigned char out[32], const struct cnc__parts *p,
               const char *html, size_t len)
{
    struct cnc__str s = CNC__STR;
    cnc__render_pack(&s, html, len);
    for (size_t i = 0; i < p->n; i++) {
        cnc__str_printf(&s, "%zu %zu ", p->all[i].at, p->all[i].cut);
        cnc__render_pack(&s, p->all[i].for_, strlen(p->all[i].for_));
        cnc__render_pack(&s, p->all[i].html, p->all[i].len);
    }
    cnc__pack_sha256(out, s.data, s.len);
    cnc__str_fini(&s);
}
