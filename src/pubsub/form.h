/* SPDX-License-Identifier: MIT */
/*
 * form.h -- one declaration (struct cnc_record), three faces: XEP-0004 form
 * with XEP-0122 types, submitted values, and the record's XML.
 *
 * Values are strings by field name; a field may have several (list-multi,
 * text-multi's lines).
 */
#ifndef CNC_PUBSUB_FORM_H
#define CNC_PUBSUB_FORM_H

#include <concordance/app.h>

#include "../base/str.h"
#include "../base/tr.h"

#define CNC__NS_FORM "http://concordance-xmpp.org/ns/form"
/* The hidden field that carries the item id the client chose. */
#define CNC__FORM_ID "concordance#id"

struct cnc__values; /* what was typed, and what is wrong with it */

CNC_API struct cnc__values *cnc__values_new(void);
CNC_API void cnc__values_free(struct cnc__values **vp);
/* A *new* copy of the values, without the errors. */
CNC_API struct cnc__values *cnc__values_copy(const struct cnc__values *v);
/* Limits: 4096 values, 64 kB each, 256 kB together: CNC_ELIMIT. */
CNC_API int cnc__values_add(struct cnc__values *v, const char *name,
                            const char *value, struct cnc_error *err);
/* The one value of name; NULL: it has none any more. */
CNC_API void cnc__values_set(struct cnc__values *v, const char *name,
                             const char *value);
/* The i-th value of name, or NULL. */
CNC_API const char *cnc__values_get(const struct cnc__values *v,
                                    const char *name, size_t i);
/* The first one, or "". */
CNC_API const char *cnc__values_text(const struct cnc__values *v,
                                     const char *name);
/* Appended to out: all of them, as the lines of one text. */
CNC_API void cnc__values_lines(struct cnc__str *out,
                               const struct cnc__values *v, const char *name);
/* A field's error, or the form's (field NULL).  Several per form; one per
 * field (the first stays). */
CNC_API void cnc__values_refuse(struct cnc__values *v, const char *field,
                                const char *text);
CNC_API const char *cnc__values_error(const struct cnc__values *v,
                                      const char *field); /* or NULL */
CNC_API size_t cnc__values_n_errors(const struct cnc__values *v);

/* From <x xmlns="jabber:x:data" type="submit">: CNC_ESYNTAX, CNC_ELIMIT. */
CNC_API int cnc__values_from_form(struct cnc__values *v,
                                  const struct cnc_element *x,
                                  struct cnc_error *err);

/* The app's declarations make sense (names, expressions compile, options,
 * min/max parse): CNC_EINVAL says which record and field. */
CNC_API int cnc__record_check(const struct cnc_record *r,
                              struct cnc_error *err);

/*
 * Validate v and build the record.  Returns 0 with *out a *new* frozen
 * element in namespace xmlns; CNC_EREFUSED with errors in v.  Unknown fields
 * are errors, but for CNC__FORM_ID and FORM_TYPE.  Empty optional fields make
 * no element.
 */
CNC_API int cnc__record_build(struct cnc_element **out,
                              const struct cnc_record *r, const char *xmlns,
                              struct cnc__values *v);
/* The same record with its computed fields made anew: a *new* frozen element.
 * CNC_EREFUSED. */
CNC_API int cnc__record_compute(struct cnc_element **out,
                                const struct cnc_record *r, const char *xmlns,
                                const struct cnc_element *e,
                                struct cnc_error *err);
/* An element published directly is a valid record: CNC_EREFUSED with the
 * first fault in err. */
CNC_API int cnc__record_accepts(const struct cnc_record *r, const char *xmlns,
                                const struct cnc_element *e,
                                struct cnc_error *err);

/* -- REF: the id of an item of another node: ref.c -------------------------
 */

struct cnc__pubsub;
/* A form offers so many items; of more the id is typed. */
#define CNC__MAX_REFS 500

/* Each REF of a valid record names an item that is there, kept or on its way,
 * and each FILE a file that is kept and obeys its field (file.c).
 * CNC_EREFUSED; the fault is said in v (may be NULL) at the field, too. */
CNC_API int cnc__record_refs(struct cnc__pubsub *ps,
                             const struct cnc_record *r,
                             const struct cnc_element *e,
                             struct cnc__values *v, struct cnc_error *err);
/* Append f's items as <option/>s, sorted by what they show; false, and
 * nothing: there are too many, or no such node. */
CNC_API bool cnc__ref_options(struct cnc__str *out, struct cnc__pubsub *ps,
                              const struct cnc_field *f);
/* Append what people see of an item; false, and nothing: it is not there. */
CNC_API bool cnc__ref_name(struct cnc__str *out, struct cnc__pubsub *ps,
                           const struct cnc_field *f, const char *id);
/* The same as an <option/>. */
CNC_API void cnc__ref_option(struct cnc__str *out, struct cnc__pubsub *ps,
                             const struct cnc_field *f, const char *id);

/*
 * Write <x xmlns="jabber:x:data" type="form">: title, FORM_TYPE?, the hidden
 * CNC__FORM_ID with item_id when it is not NULL, the fields with
 * <validate xmlns="http://jabber.org/protocol/xdata-validate"> and, when v is
 * not NULL, what was typed and <error xmlns=CNC__NS_FORM>text</error> inside
 * the field (and directly in <x/> for the whole form).
 */
CNC_API void cnc__form_write(struct cnc__str *out, const struct cnc_record *r,
                             const char *title, const char *item_id,
                             const struct cnc__values *v);
/* The same, with a sentence for people (<instructions/>, or NULL); a REF
 * offers the items of its node in ps (NULL: its id is typed) by what they
 * show. */
CNC_API void cnc__form_write_in(struct cnc__str *out, struct cnc__pubsub *ps,
                                const struct cnc_record *r, const char *title,
                                const char *help, const char *item_id,
                                const struct cnc__values *v);
/* The same in somebody's language: title, help, labels, options, fixed texts
 * and errors; what was typed stays as it is. */
CNC_API void cnc__form_write_tr(struct cnc__str *out, const struct cnc__tr *tr,
                                struct cnc__pubsub *ps,
                                const struct cnc_record *r, const char *title,
                                const char *help, const char *item_id,
                                const struct cnc__values *v);

#endif /* CNC_PUBSUB_FORM_H */
