/* SPDX-License-Identifier: MIT */
/*
 * sheets.h -- a sheet and those that it imports or includes, before they are
 * compiled.
 *
 * The render process has no files: what may be imported came with the sheet,
 * by name.  Circles, what is not there, and more than 16 sheets, 8 deep or 64
 * loads, are refused with the place of the xsl:import.  Each document has the
 * address "sheet-N", which is what libxslt says in its messages; N is its
 * place among the names, 0 the sheet itself.
 */
#ifndef CNC_RENDER_SHEETS_H
#define CNC_RENDER_SHEETS_H

#include <libxml/tree.h>

#include "engine.h"

#define CNC__SHEETS_MAX (CNC__ENGINE_MAX_IMPORTS + 1)

struct cnc__sheet_names {
    size_t n;
    char *name[CNC__SHEETS_MAX]; /* [0] may be "" */
};
void cnc__sheet_names_fini(struct cnc__sheet_names *names);
/* Where a fault is: in the sheet itself err gets the line, in another one (or
 * one with a name) the text begins with "NAME, line N: ". */
void cnc__sheet_names_place(const struct cnc__sheet_names *names, size_t sheet,
                            unsigned line, struct cnc_error *err);

struct cnc__sheets {
    struct cnc__sheet_names names;
    xmlDocPtr docs[CNC__SHEETS_MAX]; /* NULL: not read */
    size_t n_loads;
};

/* Read all that are reached; CNC_ERENDER. */
int cnc__sheets_read(struct cnc__sheets *s, const struct cnc__engine_sheet *in,
                     struct cnc_error *err);
void cnc__sheets_fini(struct cnc__sheets *s);

#endif /* CNC_RENDER_SHEETS_H */
