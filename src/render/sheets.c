/* SPDX-License-Identifier: MIT */
/*
 * sheets.c -- which sheets import which, all of them read.
 */
#include "sheets.h"
#include "../base/table.h"
#include "proto.h"
#include "pure.h"
#include "sheet.h"
#include "tree.h"

#define MAX_DEPTH 8
#define MAX_LOADS 64

struct text {
    const char *data;
    size_t len;
};

struct reading {
    struct cnc__sheets *out;
    struct text texts[CNC__SHEETS_MAX];
    size_t path[MAX_DEPTH + 1]; /* from the sheet to what is read */
    size_t depth, loads;
};

void
cnc__sheet_names_fini(struct cnc__sheet_names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        cnc__free(names->name[i]);
    }
    names->n = 0;
}

void
cnc__sheet_names_place(const struct cnc__sheet_names *names, size_t sheet,
                       unsigned line, struct cnc_error *err)
{
    if (err == NULL) {
        return;
    }
    const char *name = sheet < names->n ? names->name[sheet] : "";
    err->line = line;
    if (name[0] != '\0') {
        struct cnc_error was = *err;
        if (line > 0) {
            cnc_error_set(err, was.code, was.condition,
                          "%.100s, line %u: %.380s", name, line, was.text);
        } else {
            cnc_error_set(err, was.code, was.condition, "%.100s: %.380s", name,
                          was.text);
        }
        err->line = 0;
    }
}

void
cnc__sheets_fini(struct cnc__sheets *s)
{
    for (size_t i = 0; i < s->names.n; i++) {
        if (s->docs[i] != NULL) {
            xmlFreeDoc(s->docs[i]);
            s->docs[i] = NULL;
        }
    }
    cnc__sheet_names_fini(&s->names);
}

static bool
is_import(const xmlNode *n)
{
    return cnc__xsl_is(n, "import") || cnc__xsl_is(n, "include");
}

static int
refuse(struct reading *r, const xmlNode *at, struct cnc_error *err,
       const char *text)
{
    cnc_error_set(err, CNC_ERENDER, "not-acceptable", "%s", text);
    cnc__sheet_names_place(&r->out->names, r->path[r->depth],
                           (unsigned)xmlGetLineNo((xmlNodePtr)at), err);
    return CNC_ERENDER;
}

/* The sheet that href names; 0: none. */
static size_t
find(const struct cnc__sheets *s, const char *href)
{
    for (size_t i = 1; i < s->names.n; i++) {
        if (strcmp(s->names.name[i], href) == 0) {
            return i;
        }
    }
    return 0;
}

static int
refuse_circle(struct reading *r, const xmlNode *at, size_t again,
              struct cnc_error *err)
{
    struct cnc__str s = CNC__STR;
    size_t i = 0;
    while (r->path[i] != again) {
        i++;
    }
    cnc__str_puts(&s, "a circle of imports: ");
    for (; i <= r->depth; i++) {
        cnc__str_printf(&s, "%.60s imports ", r->out->names.name[r->path[i]]);
    }
    cnc__str_printf(&s, "%.60s", r->out->names.name[again]);
    int rc = refuse(r, at, err, s.data);
    cnc__str_fini(&s);
    return rc;
}

static bool
on_path(const struct reading *r, size_t sheet)
{
    for (size_t i = 0; i <= r->depth; i++) {
        if (r->path[i] == sheet) {
            return true;
        }
    }
    return false;
}

/* The sheet that an xsl:import names, or 0 with err set. */
static size_t
target(struct reading *r, const xmlNode *at, struct cnc_error *err)
{
    struct cnc__str s = CNC__STR;
    xmlChar *href = xmlGetNoNsProp((xmlNodePtr)at, (const xmlChar *)"href");
    size_t to = href == NULL ? 0 : find(r->out, (const char *)href);
    if (to == 0) {
        cnc__str_printf(&s, "xsl:%s: there is no template \"%.100s\"",
                        at->name, href == NULL ? "" : (const char *)href);
        refuse(r, at, err, s.data);
    } else if (on_path(r, to)) {
        refuse_circle(r, at, to, err);
        to = 0;
    } else if (r->depth == MAX_DEPTH) {
        refuse(r, at, err, "templates import each other more than 8 deep");
        to = 0;
    } else if (++r->loads > MAX_LOADS) {
        refuse(r, at, err,
               "more than 64 imports, each as often as it is "
               "reached");
        to = 0;
    }
    cnc__str_fini(&s);
    xmlFree(href);
    return to;
}

static int
read_one(struct reading *r, size_t sheet, struct cnc_error *err)
{
    struct cnc__sheets *s = r->out;
    char url[24];
    if (s->docs[sheet] != NULL) {
        return 0;
    }
    s->docs[sheet] = cnc__xml_read(r->texts[sheet].data, r->texts[sheet].len,
                                   CNC_ERENDER, err);
    if (s->docs[sheet] == NULL) {
        cnc__sheet_names_place(&s->names, sheet, err == NULL ? 0 : err->line,
                               err);
        return CNC_ERENDER;
    }
    /* libxslt tells the line of an error only in a file with a name. */
    snprintf(url, sizeof(url), "sheet-%zu", sheet);
    s->docs[sheet]->URL = xmlStrdup((const xmlChar *)url);
    return 0;
}

/* What this one imports, and what that does: at most MAX_DEPTH calls deep. */
static int
follow(struct reading *r, struct cnc_error *err)
{
    size_t sheet = r->path[r->depth];
    int rc = read_one(r, sheet, err);
    if (rc != 0) {
        return rc;
    }
    const xmlNode *root = xmlDocGetRootElement(r->out->docs[sheet]);
    for (const xmlNode *n = root->children; n != NULL; n = n->next) {
        if (!is_import(n)) {
            continue;
        }
        size_t to = target(r, n, err);
        if (to == 0) {
            return CNC_ERENDER;
        }
        r->path[++r->depth] = to;
        rc = follow(r, err);
        r->depth--;
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* Names may be anything; addresses are ours. */
static void
link_sheets(struct cnc__sheets *s)
{
    char url[24];
    for (size_t i = 0; i < s->names.n; i++) {
        if (s->docs[i] == NULL) {
            continue;
        }
        xmlNodePtr root = xmlDocGetRootElement(s->docs[i]);
        for (xmlNodePtr n = root->children; n != NULL; n = n->next) {
            if (is_import(n)) {
                xmlChar *href = xmlGetNoNsProp(n, (const xmlChar *)"href");
                snprintf(url, sizeof(url), "sheet-%zu",
                         find(s, (const char *)href));
                xmlSetProp(n, (const xmlChar *)"href", (const xmlChar *)url);
                xmlFree(href);
            }
        }
    }
}

/* -- texts --------------------------------------------------------------- */

/* text -> translation; NULL: there are none. */
static struct cnc__table *
read_lexicon(const char *at, size_t len)
{
    const char *end = at + len;
    struct text from, to;
    if (len == 0) {
        return NULL;
    }
    struct cnc__table *words = cnc__table_new();
    while (cnc__render_unpack(&from.data, &from.len, &at, end) &&
           cnc__render_unpack(&to.data, &to.len, &at, end)) {
        char *key = cnc__strndup(from.data, from.len);
        char *value = cnc__strndup(to.data, to.len);
        cnc__free(cnc__table_put(words, key, value));
        cnc__free(key);
    }
    return words;
}

static bool
is_text(const xmlNode *n)
{
    return n->type == XML_ELEMENT_NODE && n->ns != NULL &&
           strcmp((const char *)n->ns->href, CNC__NS_PAGE) == 0 &&
           strcmp((const char *)n->name, "text") == 0;
}

/* Blanks at the ends go, those inside are one each, as gettext's tools that
 * read XML have them. */
static void
squeeze(char *s)
{
    char *to = s, *from = s;
    while (*from != '\0') {
        bool blank = strchr(" \t\r\n", *from) != NULL;
        if (!blank || (to > s && to[-1] != ' ')) {
            *to++ = blank ? ' ' : *from;
        }
        from++;
    }
    to -= to > s && to[-1] == ' ';
    *to = '\0';
}

/* What to say for them, as a node. */
static xmlNodePtr
text_node(xmlDocPtr doc, char *words, const struct cnc__table *lexicon)
{
    squeeze(words);
    const char *said = lexicon == NULL ? NULL : cnc__table_get(lexicon, words);
    return xmlNewDocText(doc, (const xmlChar *)(said == NULL ? words : said));
}

/* <c:text>words</c:text> becomes <xsl:text>words</xsl:text>: what is known of
 * a sheet's parts (pure.h) does not depend on the language. */
static void
replace_text(xmlNodePtr n, xmlNsPtr xsl, const struct cnc__table *lexicon)
{
    char *words = (char *)xmlNodeGetContent(n);
    xmlNodePtr kid;
    while ((kid = n->children) != NULL) {
        xmlUnlinkNode(kid);
        xmlFreeNode(kid);
    }
    xmlNodeSetName(n, (const xmlChar *)"text");
    xmlSetNs(n, xsl);
    xmlFreePropList(n->properties);
    n->properties = NULL;
    xmlAddChild(n, text_node(n->doc, words, lexicon));
    xmlFree(words);
}

/* <h1 c:text="words"/> becomes <h1><xsl:text>words</xsl:text></h1>; what its
 * content says of attributes stays before it. */
static void
replace_attribute(xmlNodePtr n, xmlNsPtr xsl, const struct cnc__table *lexicon)
{
    xmlAttrPtr attr = xmlHasNsProp(n, (const xmlChar *)"text",
                                   (const xmlChar *)CNC__NS_PAGE);
    if (attr == NULL || cnc__xsl_is(n, "text")) {
        return;
    }
    char *words = (char *)xmlNodeGetContent((xmlNodePtr)attr);
    xmlNodePtr text =
        xmlNewDocNode(n->doc, xsl, (const xmlChar *)"text", NULL);
    xmlNodePtr at = n->children;
    xmlRemoveProp(attr);
    xmlAddChild(text, text_node(n->doc, words, lexicon));
    while (at != NULL && (cnc__xsl_is(at, "attribute") || xmlIsBlankNode(at) ||
                          at->type == XML_COMMENT_NODE)) {
        at = at->next;
    }
    if (at == NULL) {
        xmlAddChild(n, text);
    } else {
        xmlAddPrevSibling(at, text);
    }
    xmlFree(words);
}

static bool
is_part(const xmlNode *n)
{
    return n->ns != NULL &&
           strcmp((const char *)n->ns->href, CNC__NS_PAGE) == 0 &&
           strcmp((const char *)n->name, "part") == 0;
}

/* What is made of it says where it is from (tree.h). */
static void
mark_part(xmlNodePtr n, size_t sheet)
{
    char at[40];
    snprintf(at, sizeof(at), "%zu:%ld", sheet, xmlGetLineNo(n));
    xmlSetProp(n, (const xmlChar *)CNC__PART_AT, (const xmlChar *)at);
}

static void
prepare(xmlDocPtr doc, size_t sheet, const struct cnc__table *lexicon)
{
    xmlNodePtr root = xmlDocGetRootElement(doc);
    if (!cnc__xsl_is(root, "stylesheet") && !cnc__xsl_is(root, "transform")) {
        return;
    }
    for (xmlNodePtr n = root; n != NULL;) {
        if (is_text(n)) {
            replace_text(n, root->ns, lexicon);
        } else if (n->type == XML_ELEMENT_NODE) {
            replace_attribute(n, root->ns, lexicon);
            if (is_part(n)) {
                mark_part(n, sheet);
            }
            if (n->children != NULL) {
                n = n->children;
                continue;
            }
        }
        while (n != root && n->next == NULL) {
            n = n->parent;
        }
        n = n == root ? NULL : n->next;
    }
}

static void
add(struct reading *r, const char *name, size_t name_len, const char *data,
    size_t len)
{
    struct cnc__sheet_names *names = &r->out->names;
    r->texts[names->n] = (struct text){data, len};
    names->name[names->n++] = cnc__strndup(name, name_len);
}

int
cnc__sheets_read(struct cnc__sheets *s, const struct cnc__engine_sheet *in,
                 struct cnc_error *err)
{
    struct reading r = {.out = s};
    const char *name, *text, *at = in->imports, *end = at + in->imports_len;
    size_t name_len, len;
    memset(s, 0, sizeof(*s));
    add(&r, in->name == NULL ? "" : in->name,
        in->name == NULL ? 0 : strlen(in->name), in->text, in->len);
    while (s->names.n < CNC__SHEETS_MAX && in->imports_len > 0 &&
           cnc__render_unpack(&name, &name_len, &at, end) &&
           cnc__render_unpack(&text, &len, &at, end)) {
        add(&r, name, name_len, text, len);
    }
    int rc = follow(&r, err);
    if (rc != 0) {
        cnc__sheets_fini(s);
        return rc;
    }
    link_sheets(s);
    struct cnc__table *words = read_lexicon(in->texts, in->texts_len);
    for (size_t i = 0; i < s->names.n; i++) {
        if (s->docs[i] != NULL) {
            prepare(s->docs[i], i, words);
        }
    }
    cnc__table_free(&words, cnc__free);
    return 0;
}
