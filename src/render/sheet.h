/* SPDX-License-Identifier: MIT */
/*
 * sheet.h -- a compiled stylesheet, its limits, and what libxml2 and libxslt
 * said when something failed.
 */
#ifndef CNC_RENDER_SHEET_H
#define CNC_RENDER_SHEET_H

#include <libxslt/xsltInternals.h>

#include "engine.h"
#include "sheets.h"

/* Once per process, before anything of libxml2 is used; cheap after that. */
void cnc__xslt_init(void);

/*
 * Messages between begin and end are kept here and nowhere printed.  Nests.
 * The messages of XPath and of compiling can be had through libxml2's global
 * handlers alone, which are put back by end.
 */
struct cnc__catch {
    struct cnc__str text;
    const struct cnc__sheet_names *names; /* of the sheets, or NULL */
    /* While a sheet runs: where it was when the first message came, which is
     * all that is known of an xsl:message. */
    xsltTransformContextPtr ctxt;
    unsigned line, sheet;
    struct cnc__catch *outer;
};
void cnc__catch_begin(struct cnc__catch *c);
void cnc__catch_end(struct cnc__catch *c);
/* Make CNC_ERENDER of what was caught; what: said when nothing was. */
int cnc__catch_error(const struct cnc__catch *c, struct cnc_error *err,
                     const char *what);

/* A document without a DTD; *new*, or NULL with err set to code. */
xmlDocPtr cnc__xml_read(const char *xml, size_t len, int code,
                        struct cnc_error *err);

struct cnc__sheet { /* counted; never changes */
    unsigned refs;
    xsltStylesheetPtr style; /* owns its document */
    bool regions;            /* records may be rendered alone (pure.h) */
    bool strips;             /* xsl:strip-space: changes the source */
    struct cnc__sheet_names names;
};

/* *new*; CNC_ERENDER. */
int cnc__sheet_compile(struct cnc__sheet **out,
                       const struct cnc__engine_sheet *in,
                       struct cnc_error *err);
struct cnc__sheet *cnc__sheet_ref(struct cnc__sheet *s);
void cnc__sheet_unref(struct cnc__sheet **sp);

/* kept.c: the same, or a reference to one of the same text that is there
 * still. */
CNC_API int cnc__sheet_get(struct cnc__sheet **out,
                           const struct cnc__engine_sheet *in,
                           struct cnc_error *err);
CNC_API size_t cnc__sheet_n_kept(void);

/* Called for each region of the sheet (see pure.h) that is run. */
typedef void cnc__region_f(xsltTransformContextPtr ctxt, xmlNodePtr node,
                           xmlNodePtr inst, void *priv);

/* Run it; *out is a *new* result document.  region may be NULL. */
int cnc__sheet_run(const struct cnc__sheet *s, xmlDocPtr source,
                   const struct cnc__engine_limits *limits,
                   cnc__region_f *region, void *priv, xmlDocPtr *out,
                   struct cnc_error *err);

#endif /* CNC_RENDER_SHEET_H */
