/* SPDX-License-Identifier: MIT */
/*
 * formimpl.h -- what the files behind form.h share.
 */
#ifndef CNC_PUBSUB_FORMIMPL_H
#define CNC_PUBSUB_FORMIMPL_H

#include "form.h"

#define CNC__NS_DATA     "jabber:x:data"
#define CNC__NS_VALIDATE "http://jabber.org/protocol/xdata-validate"

#define CNC__DEFAULT_MAX_LEN 10000 /* code points of a value */

struct cnc__value { /* both owned */
    char *name, *text;
};

/* i-th name and value in the order they came; NULL past the last. */
const struct cnc__value *cnc__values_at(const struct cnc__values *v, size_t i);

/* The field called name (len bytes), or NULL. */
const struct cnc_field *cnc__record_field(const struct cnc_record *r,
                                          const char *name);

const char *cnc__field_label(const struct cnc_field *f);

/* True when the value says nothing: empty, or blanks alone. */
bool cnc__value_blank(const char *text);

/*
 * One value of f obeys every rule of its kind: CNC_EREFUSED with a sentence
 * for people in err->text.  Blank values are for the caller to judge.
 */
int cnc__field_check(const struct cnc_field *f, const char *text,
                     struct cnc_error *err);

/* A file of this media type (in lower case), of so many bytes, is one for the
 * field: CNC_EREFUSED. */
int cnc__file_type_check(const struct cnc_field *f, const char *type,
                         struct cnc_error *err);
int cnc__file_len_check(const struct cnc_field *f, uint64_t len,
                        struct cnc_error *err);

/* Each FILE of a valid record is one that is kept (or of a place that its
 * field takes), and obeys its field: as cnc__record_refs(). */
int cnc__record_files(struct cnc__pubsub *ps, const struct cnc_record *r,
                      const struct cnc_element *e, struct cnc__values *v,
                      struct cnc_error *err);
/* May a field's option be such a place: what addresses begin with. */
bool cnc__file_place_valid(const char *place);

/* "Title is needed." */
int cnc__field_needed(const struct cnc_field *f, struct cnc_error *err);

/* The declaration's own limits (min, max, value) parse as its kind. */
bool cnc__field_lexical(const struct cnc_field *f, const char *text);

/* What a value of the kind is, for people: "a whole number such as 42". */
const char *cnc__kind_text(enum cnc_field_kind kind);

struct cnc__decimal { /* views into the text; zeros that say nothing left out
                       */
    bool minus;
    const char *whole, *fraction;
    size_t n_whole, n_fraction;
};
bool cnc__decimal_parse(struct cnc__decimal *d, const char *s);

/* The expression compiles, alone and as a whole match: CNC_EINVAL.  Compiled
 * once per process; any thread. */
int cnc__pattern_check(const char *pattern, struct cnc_error *err);
bool cnc__pattern_matches(const char *pattern, const char *text);

#endif /* CNC_PUBSUB_FORMIMPL_H */
