/* SPDX-License-Identifier: MIT */
/*
 * sheet.c -- a sheet: compiled, limited, run.
 */
#include <stdlib.h>

#include <libexslt/exslt.h>
#include <libxml/parserInternals.h>
#include <libxml/xpathInternals.h>
#include <libxslt/documents.h>
#include <libxslt/extensions.h>
#include <libxslt/imports.h>
#include <libxslt/security.h>
#include <libxslt/transform.h>
#include <libxslt/xsltutils.h>

#include "../base/text.h"
#include "memory.h"
#include "pure.h"
#include "sheet.h"

#define MAX_MESSAGES ((size_t)4096)
#define MAX_DEPTH    500
#define MAX_OPS      UINT64_C(50000000)
#define MAX_VARS     15000

static xsltSecurityPrefsPtr forbid;

/* What a sheet that is being compiled may import; else NULL. */
static struct cnc__sheets *loading;

static size_t
loaded(const char *uri)
{
    int64_t n;
    if (loading == NULL || strncmp(uri, "sheet-", 6) != 0 ||
        !cnc__parse_int(&n, uri + 6, 1, (int64_t)loading->names.n - 1)) {
        return 0;
    }
    return (size_t)n;
}

static int
may_load(xsltSecurityPrefsPtr prefs, xsltTransformContextPtr ctxt,
         const char *uri)
{
    return loaded(uri) > 0;
}

/* Nothing is ever loaded but sheets that came along: no document(). */
static xmlDocPtr
load(const xmlChar *uri, xmlDictPtr dict, int options, void *ctxt,
     xsltLoadType type)
{
    size_t n = type == XSLT_LOAD_STYLESHEET ? loaded((const char *)uri) : 0;
    if (n == 0 || loading->docs[n] == NULL) {
        return NULL;
    }
    xmlDocPtr doc = xmlNewDoc((const xmlChar *)"1.0");
    CNC_CHECK(doc != NULL);
    /* libxslt shares strings between sheets and results: they have to be in
     * the dictionary that it gives. */
    doc->dict = dict;
    xmlDictReference(dict);
    doc->URL = xmlStrdup(uri);
    xmlNodePtr root =
        xmlDocCopyNode(xmlDocGetRootElement(loading->docs[n]), doc, 1);
    CNC_CHECK(root != NULL);
    xmlDocSetRootElement(doc, root);
    return doc;
}

static xmlParserInputPtr
no_entity(const char *url, const char *id, xmlParserCtxtPtr ctxt)
{
    return NULL;
}

void
cnc__xslt_init(void)
{
    if (forbid != NULL) {
        return;
    }
    cnc__memory_init();
    xmlInitParser();
    xmlSetExternalEntityLoader(no_entity);
    xsltInit();
    xsltSetLoaderFunc(load);
    exsltCommonRegister();
    exsltStrRegister();
    exsltMathRegister();
    exsltSetsRegister();
    exsltDateRegister();
    forbid = xsltNewSecurityPrefs();
    CNC_CHECK(forbid != NULL);
    for (int what = XSLT_SECPREF_READ_FILE; what <= XSLT_SECPREF_WRITE_NETWORK;
         what++) {
        xsltSetSecurityPrefs(
            forbid, (xsltSecurityOption)what,
            what == XSLT_SECPREF_READ_FILE ? may_load : xsltSecurityForbid);
    }
    xsltSetDefaultSecurityPrefs(forbid);
}

/* -- messages ------------------------------------------------------------ */

static struct cnc__catch *catching;

/* The address of a sheet's document is "sheet-N". */
static void
note_place(struct cnc__catch *c)
{
    const xmlNode *at = c->ctxt == NULL ? NULL : c->ctxt->inst;
    static const char prefix[] = "sheet-";
    if (at == NULL || c->line > 0 || at->doc == NULL || at->doc->URL == NULL) {
        return;
    }
    const char *url = (const char *)at->doc->URL;
    if (strncmp(url, prefix, sizeof(prefix) - 1) == 0) {
        c->line = (unsigned)xmlGetLineNo((xmlNodePtr)at);
        c->sheet = (unsigned)strtoul(url + sizeof(prefix) - 1, NULL, 10);
    }
}

static void
on_generic(void *priv, const char *fmt, ...)
{
    if (catching == NULL || catching->text.len >= MAX_MESSAGES) {
        return;
    }
    va_list ap;
    char line[1024];
    note_place(catching);
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (n > 0) {
        cnc__str_puts(&catching->text, line);
    }
}

static void
on_structured(void *priv, xmlErrorPtr e)
{
    if (e != NULL && e->message != NULL && e->level > XML_ERR_WARNING) {
        on_generic(NULL, "XPath: %s", e->message);
    }
}

void
cnc__catch_begin(struct cnc__catch *c)
{
    memset(c, 0, sizeof(*c));
    c->outer = catching;
    catching = c;
    xsltSetGenericErrorFunc(NULL, on_generic);
    xmlSetGenericErrorFunc(NULL, on_generic);
    xmlSetStructuredErrorFunc(NULL, on_structured);
}

void
cnc__catch_end(struct cnc__catch *c)
{
    CNC_CHECK(catching == c);
    catching = c->outer;
    cnc__str_fini(&c->text);
    if (catching == NULL) {
        xsltSetGenericErrorFunc(NULL, NULL);
        xmlSetGenericErrorFunc(NULL, NULL);
        xmlSetStructuredErrorFunc(NULL, NULL);
    }
}

static void
one_line(char *s)
{
    char *to = s;
    for (const char *from = s; *from != '\0'; from++) {
        bool blank = (unsigned char)*from <= ' ';
        if (!blank) {
            *to++ = *from;
        } else if (to > s && to[-1] != ' ') {
            *to++ = ' ';
        }
    }
    while (to > s && (to[-1] == ' ' || to[-1] == '.')) {
        to--;
    }
    *to = '\0';
}

/* libxslt writes "compilation error: element value-of" or "runtime error:
 * file sheet-0 line 5 element value-of", a line end, and the message. */
static unsigned
place_number(const char *line, const char *after)
{
    const char *p = strstr(line, after);
    if (p == NULL) {
        return 0;
    }
    p += strlen(after);
    char digits[12] = "";
    size_t n = strspn(p, "0123456789");
    int64_t value;
    if (n == 0 || n >= sizeof(digits)) {
        return 0;
    }
    memcpy(digits, p, n);
    return cnc__parse_int(&value, digits, 0, INT32_MAX) ? (unsigned)value : 0;
}

int
cnc__catch_error(const struct cnc__catch *c, struct cnc_error *err,
                 const char *what)
{
    struct cnc__str said = CNC__STR;
    unsigned line = 0, sheet = 0;
    const char *s = cnc__str_c(&c->text);
    while (*s != '\0' && said.len < 300) {
        size_t len = strcspn(s, "\n");
        char *one = cnc__strndup(s, len);
        if (strncmp(one, "compilation error:", 18) == 0 ||
            strncmp(one, "runtime error:", 14) == 0) {
            if (line == 0) {
                line = place_number(one, " line ");
                sheet = place_number(one, " file sheet-");
            }
        } else if (strspn(one, " ^\t") != len) {
            cnc__str_printf(&said, "%s%s", said.len > 0 ? "; " : "", one);
        }
        cnc__free(one);
        s += len;
        s += *s == '\n';
    }
    if (line == 0) {
        line = c->line;
        sheet = c->sheet;
    }
    if (said.len > 0) {
        one_line(said.data);
    }
    cnc_error_set(err, CNC_ERENDER, "not-acceptable", "%s",
                  said.len > 0 && said.data[0] != '\0' ? said.data : what);
    if (c->names != NULL) {
        cnc__sheet_names_place(c->names, sheet, line, err);
    } else if (err != NULL) {
        err->line = line;
    }
    cnc__str_fini(&said);
    return CNC_ERENDER;
}

/* -- documents ----------------------------------------------------------- */

static void
refuse_dtd(void *priv, const xmlChar *name, const xmlChar *external,
           const xmlChar *system)
{
    xmlParserCtxtPtr p = priv;
    p->_private = p; /* told from other faults by this */
    xmlStopParser(p);
}

static void
read_error(xmlParserCtxtPtr p, int code, struct cnc_error *err)
{
    const xmlError *e = xmlCtxtGetLastError(p);
    if (p->_private != NULL) {
        cnc_error_set(err, code, "not-acceptable",
                      "a document type declaration is not allowed");
        return;
    }
    cnc_error_set(err, code, "not-acceptable", "not well-formed: %s",
                  e == NULL || e->message == NULL ? "no element" : e->message);
    if (err != NULL) {
        one_line(err->text);
        err->line = e == NULL || e->line < 0 ? 0 : (unsigned)e->line;
    }
}

xmlDocPtr
cnc__xml_read(const char *xml, size_t len, int code, struct cnc_error *err)
{
    cnc__xslt_init();
    xmlParserCtxtPtr p = xmlNewParserCtxt();
    CNC_CHECK(p != NULL);
    p->sax->internalSubset = refuse_dtd;
    /* Everything here is UTF-8, whatever a declaration says: converters are
     * files that are not there in the sandbox. */
    xmlDocPtr doc =
        len > INT32_MAX
            ? NULL
            : xmlCtxtReadMemory(p, xml, (int)len, NULL, "UTF-8",
                                XML_PARSE_NONET | XML_PARSE_NOCDATA |
                                    XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
                                    XML_PARSE_COMPACT);
    if (p->_private != NULL || doc == NULL) {
        read_error(p, code, err);
        if (doc != NULL) {
            xmlFreeDoc(doc);
            doc = NULL;
        }
    }
    xmlFreeParserCtxt(p);
    return doc;
}

/* -- sheets -------------------------------------------------------------- */

/* The source is changed for a sheet that strips, wherever it says so. */
static bool
strips(xsltStylesheetPtr style)
{
    for (; style != NULL; style = xsltNextImport(style)) {
        if (style->stripSpaces != NULL || style->stripAll != 0) {
            return true;
        }
    }
    return false;
}

static int
compile(struct cnc__sheet *s, struct cnc__sheets *set, struct cnc_error *err)
{
    struct cnc__catch c;
    int rc = 0;
    xmlDocPtr doc = set->docs[0];
    set->docs[0] = NULL;
    cnc__catch_begin(&c);
    c.names = &set->names;
    loading = set;
    s->style = xsltParseStylesheetDoc(doc);
    loading = NULL;
    if (s->style == NULL) {
        xmlFreeDoc(doc);
        rc = cnc__catch_error(&c, err, "this is no stylesheet");
    } else if (s->style->errors != 0) {
        rc = cnc__catch_error(&c, err, "the stylesheet has errors");
        xsltFreeStylesheet(s->style);
    }
    cnc__catch_end(&c);
    return rc;
}

int
cnc__sheet_compile(struct cnc__sheet **out, const struct cnc__engine_sheet *in,
                   struct cnc_error *err)
{
    struct cnc__sheet s = {.refs = 1};
    struct cnc__sheets set;
    cnc__xslt_init();
    int rc = cnc__sheets_read(&set, in, err);
    if (rc != 0) {
        return rc;
    }
    s.regions = cnc__pure_mark(set.docs, set.names.n);
    rc = compile(&s, &set, err);
    if (rc == 0) {
        s.strips = strips(s.style);
        s.names = set.names;
        set.names.n = 0;
        for (size_t i = 0; i < CNC_N(set.docs); i++) {
            if (set.docs[i] != NULL) {
                xmlFreeDoc(set.docs[i]);
            }
        }
        *out = cnc__zalloc(sizeof(s));
        **out = s;
    }
    cnc__sheets_fini(&set);
    return rc;
}

struct cnc__sheet *
cnc__sheet_ref(struct cnc__sheet *s)
{
    s->refs++;
    return s;
}

void
cnc__sheet_unref(struct cnc__sheet **sp)
{
    struct cnc__sheet *s = *sp;
    *sp = NULL;
    if (s == NULL || --s->refs > 0) {
        return;
    }
    xsltFreeStylesheet(s->style);
    cnc__sheet_names_fini(&s->names);
    cnc__free(s);
}

struct run { /* ctxt->_private */
    cnc__region_f *region;
    void *priv;
};

static void
on_region(xsltTransformContextPtr ctxt, xmlNodePtr node, xmlNodePtr inst,
          xsltElemPreCompPtr comp)
{
    struct run *run = ctxt->_private;
    if (run->region == NULL) {
        xsltApplyOneTemplate(ctxt, node, inst->children, NULL, NULL);
    } else {
        run->region(ctxt, node, inst, run->priv);
    }
}

static void
set_limits(xsltTransformContextPtr ctxt,
           const struct cnc__engine_limits *limits)
{
    uint64_t ops = limits->max_ops == 0 ? MAX_OPS : limits->max_ops;
    ctxt->maxTemplateDepth =
        (int)(limits->max_depth == 0 ? MAX_DEPTH : limits->max_depth);
    ctxt->maxTemplateVars = MAX_VARS;
    ctxt->opLimit = ops;
    ctxt->xpathCtxt->opLimit = ops;
    ctxt->xpathCtxt->opCount = 0;
    xsltSetCtxtSecurityPrefs(forbid, ctxt);
    xsltSetCtxtParseOptions(ctxt, XML_PARSE_NONET);
}

int
cnc__sheet_run(const struct cnc__sheet *s, xmlDocPtr source,
               const struct cnc__engine_limits *limits, cnc__region_f *region,
               void *priv, xmlDocPtr *out, struct cnc_error *err)
{
    struct run run = {region, priv};
    struct cnc__catch c;
    xmlDocPtr copy = s->strips ? xmlCopyDoc(source, 1) : NULL;
    cnc__catch_begin(&c);
    c.names = &s->names;
    xsltTransformContextPtr ctxt =
        xsltNewTransformContext(s->style, copy == NULL ? source : copy);
    CNC_CHECK(ctxt != NULL);
    ctxt->_private = &run;
    c.ctxt = ctxt;
    xsltSetTransformErrorFunc(ctxt, NULL, on_generic);
    xsltRegisterExtElement(ctxt, (const xmlChar *)CNC__REGION,
                           (const xmlChar *)CNC__NS_REGION, on_region);
    set_limits(ctxt, limits);
    cnc__memory_watch(ctxt, limits);
    xmlDocPtr doc = xsltApplyStylesheetUser(
        s->style, copy == NULL ? source : copy, NULL, NULL, NULL, ctxt);
    bool too_big = cnc__memory_unwatch();
    int rc = 0;
    if (too_big) {
        rc = cnc_error_set(err, CNC_ERENDER, "not-acceptable",
                           "the template makes too much");
    } else if (ctxt->opCount >= ctxt->opLimit ||
               ctxt->xpathCtxt->opCount >= ctxt->xpathCtxt->opLimit) {
        rc = cnc_error_set(err, CNC_ERENDER, "not-acceptable",
                           "the template takes too long: more than %llu "
                           "operations",
                           (unsigned long long)ctxt->opLimit);
    } else if (doc == NULL || ctxt->state != XSLT_STATE_OK) {
        rc = cnc__catch_error(&c, err, "the template stopped");
    }
    c.ctxt = NULL;
    xsltFreeTransformContext(ctxt);
    cnc__catch_end(&c);
    if (copy != NULL) {
        xmlFreeDoc(copy);
    }
    if (rc != 0) {
        if (doc != NULL) {
            xmlFreeDoc(doc);
        }
        return rc;
    }
    *out = doc;
    return 0;
}
