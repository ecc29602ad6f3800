/* SPDX-License-Identifier: MIT */
/*
 * records.h -- commands about the records of the nodes that an app names in
 * .admin: "records", "records/set", "records/delete", "records/change", and
 * for each node "records/NODE/edit" and "records/NODE/add".
 *
 * An edit is the service's own publish in the name of whoever asked: the
 * record has to be valid, the node's submit handler is for people's forms and
 * is not asked.  The edit form carries the version that it was filled in from;
 * one that is not the newest any more is refused, with what it is now.
 */
#ifndef CNC_APP_RECORDS_H
#define CNC_APP_RECORDS_H

#include "private.h"

/* Those of the app's nodes; and the common ones, with the first of them.
 * CNC_EEXIST, CNC_EINVAL: .admin names a node that has no record. */
int cnc__app_records_add(struct cnc__app *app, struct cnc_error *err);
void cnc__app_records_remove(struct cnc__app *app);

/* What e calls the field: an item of an older version of the app may have it
 * by another name. */
const char *cnc__records_name(const struct cnc_element *e,
                              const struct cnc_field *f);
/* Values out of a record's XML; computed fields are left out,
 * since nobody types them. */
void cnc__records_read(struct cnc__values *v, const struct cnc_record *record,
                       const struct cnc_buf *payload);
/* Of v those that are fields of record: a *new* list. */
struct cnc__values *cnc__records_own(const struct cnc_record *record,
                                     const struct cnc__values *v);
/* The node of that name that an app names in .admin, or NULL. */
struct cnc__node *cnc__records_node(struct cnc__apps *a, const char *name);
const struct cnc_record *cnc__records_record(const struct cnc__node *node);
/* Judge the values of one record and publish it: *new* errors stand in v.  0:
 * done comes. */
int cnc__records_publish(struct cnc__node *node, const struct cnc__caller *who,
                         const char *id, struct cnc__values *v, bool if_new,
                         cnc__done_f *done, void *priv);

/* Is it shown in the list, and changed there? */
bool cnc__records_is_column(const struct cnc_field *f);

/* recordlist.c: the commands that are common to all nodes; recordbulk.c: those
 * of them that change some. */
int cnc__records_common(struct cnc__apps *a, struct cnc_error *err);
int cnc__records_bulk(struct cnc__apps *a, struct cnc_error *err);

#endif /* CNC_APP_RECORDS_H */
