/* SPDX-License-Identifier: MIT */
/*
 * locale.h -- catalogues: English texts and what they are in other languages.
 *
 * A catalogue is a PO file of gettext: pairs of msgid and msgstr.
 *
 *   # a comment
 *   msgid "%s is needed."
 *   msgstr "%s fehlt."
 *
 * Entries that are fuzzy or without translation are skipped, and so are those
 * with a context (msgctxt) or a plural.  UTF-8 alone; at most 1 MB, 10,000
 * entries, 8 kB a text.
 *
 * Each app has catalogues of its own; all of a domain's apps are asked, the
 * one that was loaded last first, and after them the service's own, which has
 * the words that the service itself says.  The languages of a domain are
 * those that its apps have, and English.  The core's thread alone.
 */
#ifndef CNC_WEB_LOCALE_H
#define CNC_WEB_LOCALE_H

#include "../base/str.h"
#include "../base/tr.h"

#define CNC__LOCALE_MAX_LANG  35u /* RFC 5646 4.4.1 */
#define CNC__LOCALE_MAX_LANGS 32u /* of a domain, English too */

/* -- one catalogue -------------------------------------------------------- */

struct cnc__catalogue;

/* file is said in errors.  CNC_ESYNTAX, CNC_ELIMIT: "FILE, line N: ..."; what
 * is skipped for its kind is logged. */
CNC_API int cnc__catalogue_parse(struct cnc__catalogue **out, const char *file,
                                 const char *text, size_t len,
                                 struct cnc_error *err);
CNC_API void cnc__catalogue_free(struct cnc__catalogue **cp);
CNC_API size_t cnc__catalogue_len(const struct cnc__catalogue *c);
/* *borrowed*, or NULL. */
CNC_API const char *cnc__catalogue_text(const struct cnc__catalogue *c,
                                        const char *text);
/* text is one that a msgid with %s, %d, ... stands for: what its msgstr says,
 * with the same values (%1$s is the first, in whatever place); *new* or NULL.
 * Of several the msgid with most words of its own counts.  tr: for the values,
 * which may be texts, too; or NULL. */
CNC_API char *cnc__catalogue_match(const struct cnc__catalogue *c,
                                   const char *text, const struct cnc__tr *tr);

/* -- all of a domain ------------------------------------------------------ */

struct cnc__locale;

CNC_API struct cnc__locale *cnc__locale_new(void);
CNC_API void cnc__locale_free(struct cnc__locale **lp);
/* The catalogue of owner in that language: steals; NULL: it has none. */
CNC_API void cnc__locale_put(struct cnc__locale *l, const char *owner,
                             const char *lang, struct cnc__catalogue *c);
/* All DIR/LL.po, in place of what owner had; a fault is logged and leaves that
 * file out.  dir NULL: it has none any more. */
CNC_API void cnc__locale_load(struct cnc__locale *l, const char *owner,
                              const char *dir);
/* Does this app have a catalogue, or OWNER/BASE, what it extends? */
CNC_API bool cnc__locale_has(const struct cnc__locale *l, const char *owner);
/* The languages that there are, English first; borrowed as long as l.  One
 * alone: there are no catalogues. */
CNC_API size_t cnc__locale_langs(const struct cnc__locale *l,
                                 const char *out[CNC__LOCALE_MAX_LANGS]);
/* The one of them that a tag (RFC 5646) asks for, "de" for "de-AT", or NULL;
 * borrowed as long as l. */
CNC_API const char *cnc__locale_find(const struct cnc__locale *l,
                                     const char *tag, size_t len);
/* What Accept-Language (RFC 9110 12.5.4) likes best, or NULL. */
CNC_API const char *cnc__locale_accept(const struct cnc__locale *l,
                                       const char *accept);
/* Of a language or tag; NULL for English and for one that there is not.
 * Borrowed as long as l. */
CNC_API const struct cnc__tr *cnc__locale_tr(const struct cnc__locale *l,
                                             const char *lang);

#endif /* CNC_WEB_LOCALE_H */
