/* SPDX-License-Identifier: MIT */
/*
 * proto.h -- what the service and a render process say to each other over a
 * socket pair: messages of fields, no pointers, lengths checked.
 *
 *   u32 length of what follows | u8 type | u32 call | fields...
 *   field: u32 length | bytes
 * Little endian; one reply a call; calls are answered in order.
 */
#ifndef CNC_RENDER_PROTO_H
#define CNC_RENDER_PROTO_H

#include "../base/str.h"

#define CNC__RENDER_MAX_MESSAGE ((size_t)64 << 20)
#define CNC__RENDER_MAX_FIELDS  8
#define CNC__PARTS_MAX          32     /* of a page, for some */
#define CNC__PART_NAME          "\x01" /* in a part: the viewer's name */
#define CNC__PART_NOTE          "\x02" /* in one for "flash": what is said */

enum cnc__render_type {
    /* calls: fields */
    CNC__R_CHECK = 1, /* sheet, source, imports, sheet's name, texts -> OK */
    CNC__R_SHEET,  /* page key, sheet, imports, texts, prefix of addresses ->
                      OK (not rendered yet) */
    CNC__R_SOURCE, /* page, source -> OK */
    CNC__R_UPSERT, /* page, node, id, record -> OK */
    CNC__R_REMOVE, /* page, node, id -> OK */
    CNC__R_META,   /* page, node, name, value -> OK; no value: removed */
    CNC__R_FORM,   /* page, node, x data, action -> OK; "": none */
    CNC__R_RENDER, /* page -> PATCH patch ("" when nothing changed), "1"
                      when what only some see changed */
    CNC__R_HTML,   /* page, head html -> HTML html, parts: a list of place
                      in html, how many bytes it takes the place of, for
                      whom, html, by turns */
    CNC__R_CLOSE,  /* page -> OK: forget it */
    /* replies */
    CNC__R_OK = 64,
    CNC__R_PATCH,
    CNC__R_HTML_DONE,
    CNC__R_ERROR /* line, message, code ("CNC_ENOENT": the page was never
                    sent here, or is one of more than 2048) */
};

struct cnc__render_field {
    const char *data; /* NUL follows is NOT promised */
    size_t len;
};

struct cnc__render_message {
    uint8_t type;
    uint32_t call;
    size_t n_fields;
    struct cnc__render_field fields[CNC__RENDER_MAX_FIELDS];
};

CNC_API void cnc__render_encode(struct cnc__str *out,
                                const struct cnc__render_message *m);
/* Decode the first message of data; *used is its size.  CNC_EAGAIN: not all
 * there; CNC_EPROTO, CNC_ELIMIT.  Fields point into data. */
CNC_API int cnc__render_decode(struct cnc__render_message *m, size_t *used,
                               const char *data, size_t len);

/* A field that is a list: u32 length | bytes, again and again.  Imports are
 * one of names and texts by turns, texts are one of texts and what they are in
 * the page's language.  False: nothing whole is left. */
CNC_API void cnc__render_pack(struct cnc__str *out, const char *data,
                              size_t len);
CNC_API bool cnc__render_unpack(const char **data, size_t *len,
                                const char **at, const char *end);

#endif /* CNC_RENDER_PROTO_H */
