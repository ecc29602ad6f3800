/* SPDX-License-Identifier: MIT */
/*
 * engine.h -- the XSLT engine: records + sheet -> safe tree -> HTML, patch.
 *
 * Pure computation, no I/O: runs in the sandboxed render process, in tests
 * and in fuzzers.  libxml2 and libxslt are used here and nowhere else in the
 * service.  They may crash when memory runs out, which is why the process
 * that calls this is a child with limits.
 *
 * THE SOURCE DOCUMENT of a page.  One wrapper per node of the page; a page
 * with one node has that wrapper as its root, a page with several has them
 * inside <page xmlns=CNC__NS_PAGE>:
 *
 *   <library xmlns="http://concordance-xmpp.org/apps/mybookcase"
 *            xmlns:c="http://concordance-xmpp.org/ns/page"
 *            c:node="library" c:title="..." c:path="/" c:assets="..."
 *            c:runtime="..." c:older="?before=ID">
 *     <book c:id="ITEM" c:published="2026-11-22T21:40:00Z"
 *           c:publisher="juliet@example.org">...</book>
 *   </library>
 *
 * Records stand in order of creation; the c: attributes are added to each
 * record's root.  Page metadata is on the root element.
 *
 * THE SHEET is XSLT 1.0.  Its result is XHTML in no namespace or in the XHTML
 * namespace.  The element <c:form node="library"/> in the result is replaced
 * with the node's HTML form.  An element made from a record should carry
 * id="{@c:id}": patches then follow it when it moves.
 *
 * <c:part for="users">...</c:part> in the result is for those alone who are
 * named: users, guests, whoever has one of some roles, or (flash) whoever is
 * to be told something.  In the tree stands
 * an empty <span data-cnc-part="N"/> (tree.h), so that neither a patch nor the
 * HTML has it; it comes beside that.  <c:viewer/> in it is the byte 0x01,
 * which no XML can hold, in place of the viewer's name, and <c:flash/> the
 * byte 0x02 in place of what he is told.  A part has no parts,
 * and where the allow-list or HTML has no place for a span it is left out.
 * Directly in a list, a table or a select it is one element of that, and what
 * stands in the tree is a hidden one; another one there is an error.
 *
 * THE SAFE TREE is the result after the allow-list: elements, attributes and
 * URL schemes that cannot run script; what is not allowed is dropped (an
 * unknown element is replaced with its children; script, style, iframe,
 * object, ... with nothing).  disable-output-escaping is plain text.  It is
 * made such that the browser's HTML parser gives back exactly this tree.
 *
 * TEXTS.  <c:text>words</c:text> in the sheet is those words, blanks squeezed,
 * or what the sheet's texts have for them; <h1 c:text="words"> is an h1 that
 * begins with them.
 */
#ifndef CNC_RENDER_ENGINE_H
#define CNC_RENDER_ENGINE_H

#include "../base/str.h"

#define CNC__NS_PAGE "http://concordance-xmpp.org/ns/page"
#define CNC__NS_VIEW "http://concordance-xmpp.org/ns/view"

#define CNC__ENGINE_MAX_IMPORTS 16

struct cnc__engine_sheet {
    const char *text;
    size_t len;
    const char *name; /* said in errors; NULL or "": their line alone is */
    /* What it may import: cnc__render_pack() of name, text, name, text... */
    const char *imports;
    size_t imports_len;
    /* What its <c:text> are in another language: cnc__render_pack() of text,
     * translation, text...  What is not there stays as it is. */
    const char *texts;
    size_t texts_len;
    /* Addresses that begin with / are below this ("/books"), as the page
     * leaves; NULL or "": they stay. */
    const char *prefix;
};

struct cnc__engine_limits { /* zero: the default in brackets */
    uint32_t max_depth;     /* template recursion [500] */
    uint64_t max_ops;       /* libxslt and XPath operations [50,000,000] */
    uint32_t max_output;    /* bytes of HTML [16 MB] */
    uint32_t max_patch;     /* bytes; a larger one becomes <resync/>
                               [256 kB] */
};

struct cnc__page_doc; /* one page: sheet, source, the tree last rendered */

/* Compile a sheet (text) and run it once on source (may be NULL: an empty
 * one).  CNC_ERENDER with line and message. */
CNC_API int cnc__engine_check(const char *sheet, size_t len,
                              const char *source, size_t source_len,
                              const struct cnc__engine_limits *limits,
                              struct cnc_error *err);
CNC_API int cnc__engine_try(const struct cnc__engine_sheet *sheet,
                            const char *source, size_t source_len,
                            const struct cnc__engine_limits *limits,
                            struct cnc_error *err);

CNC_API struct cnc__page_doc *
cnc__page_doc_new(const struct cnc__engine_limits *limits);
CNC_API void cnc__page_doc_free(struct cnc__page_doc **pp);

CNC_API int cnc__page_doc_sheet(struct cnc__page_doc *d, const char *sheet,
                                size_t len, struct cnc_error *err);
CNC_API int cnc__page_doc_sheets(struct cnc__page_doc *d,
                                 const struct cnc__engine_sheet *sheet,
                                 struct cnc_error *err);
/* The whole source document. */
CNC_API int cnc__page_doc_source(struct cnc__page_doc *d, const char *xml,
                                 size_t len, struct cnc_error *err);
/* One record with its c: attributes: replaces the record of that id in the
 * wrapper of node, or is appended to it.  xml NULL: it is taken out. */
CNC_API int cnc__page_doc_upsert(struct cnc__page_doc *d, const char *node,
                                 const char *id, const char *xml, size_t len,
                                 struct cnc_error *err);
/* Attribute {CNC__NS_PAGE}name of the wrapper of node. NULL: removed. */
CNC_API void cnc__page_doc_meta(struct cnc__page_doc *d, const char *node,
                                const char *name, const char *value);
/* The XEP-0004 form of node ("form" type, may hold values and errors), or
 * NULL.  action: where it is posted. */
CNC_API int cnc__page_doc_form(struct cnc__page_doc *d, const char *node,
                               const char *x_data, size_t len,
                               const char *action, struct cnc_error *err);

/*
 * Render what changed since the last call (the record alone when the sheet
 * allows it, else everything).  patch: appended <patch xmlns=CNC__NS_VIEW>...
 * from the tree of the last call to the new one; nothing is appended when
 * they are equal.  The first call makes no patch.  On an error the old tree
 * stays.
 */
CNC_API int cnc__page_doc_render(struct cnc__page_doc *d,
                                 struct cnc__str *patch,
                                 struct cnc_error *err);
/* The tree as a whole HTML document.  head_html is put, as it is, at the end
 * of <head> (metadata and script of the runtime; made by src/web). */
CNC_API void cnc__page_doc_html(const struct cnc__page_doc *d,
                                const char *head_html, struct cnc__str *out);
/* The same, with the list of what only some see (proto.h). */
CNC_API void cnc__page_doc_html_parts(const struct cnc__page_doc *d,
                                      const char *head_html,
                                      struct cnc__str *out,
                                      struct cnc__str *parts);
/* The last render changed what only some see: the HTML is another, also when
 * it made no patch. */
CNC_API bool cnc__page_doc_parts_moved(const struct cnc__page_doc *d);
/* How many records were rendered alone / whole documents; for the bench. */
CNC_API void cnc__page_doc_counts(const struct cnc__page_doc *d,
                                  uint64_t *incremental, uint64_t *full);

#endif /* CNC_RENDER_ENGINE_H */
