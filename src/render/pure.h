/* SPDX-License-Identifier: MIT */
/*
 * pure.h -- which parts of a sheet depend on one record alone.
 *
 * The body of an xsl:for-each, or of a matched xsl:template, is a *region*
 * when what it makes depends on the node it is run for and on what is below
 * that, and on nothing else: no step up or sideways, no absolute path, no
 * position in the set of records, no key, no variable from outside but
 * constants; and the same holds for every template it can reach.  What a
 * region made of a record can be used again as long as the record is the
 * same, whatever changes around it.  The check is conservative: what it does
 * not know is impure.
 *
 * Each region is wrapped in an extension element, so that we are asked when
 * it is run:
 *
 *   <xsl:for-each select="l:book">      <xsl:for-each select="l:book">
 *     <xsl:sort select="l:title"/>        <xsl:sort select="l:title"/>
 *     <li>...</li>                        <r:region><li>...</li></r:region>
 *   </xsl:for-each>                     </xsl:for-each>
 */
#ifndef CNC_RENDER_PURE_H
#define CNC_RENDER_PURE_H

#include <libxml/tree.h>

#include "../base/check.h"

#define CNC__NS_REGION "http://concordance-xmpp.org/ns/page#region"
#define CNC__REGION    "region"

/* Mark the regions of sheets that are not compiled yet: one and those that it
 * imports (an entry may be NULL).  False: they have none, and are as they
 * were. */
CNC_API bool cnc__pure_mark(xmlDocPtr *sheets, size_t n);

/* An element of XSLT of that name? */
bool cnc__xsl_is(const xmlNode *n, const char *name);

/* xpath.c: may this expression (pattern false) stand in a region?  at: the
 * element that bears it; local: position() and last() are of a set inside
 * the region.  variable() is asked for each $name. */
typedef bool cnc__variable_f(const char *name, const xmlNode *at, void *priv);
bool cnc__xpath_pure(const char *expr, const xmlNode *at, bool local,
                     cnc__variable_f *variable, void *priv);

#endif /* CNC_RENDER_PURE_H */
