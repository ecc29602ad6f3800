/* SPDX-License-Identifier: MIT */
/*
 * errors.c -- stream and stanza errors as RFC 6120 has them.
 */
#include "errors.h"

#include "../xml/write.h"

/* RFC 6120 8.3.3: each condition, the error type its section names, and what
 * it means for a program here that meets it. */
static const struct {
    const char *condition, *type;
    int code;
} known[] = {
    {"bad-request", "modify", CNC_EPROTO},
    {"conflict", "cancel", CNC_EEXIST},
    {"feature-not-implemented", "cancel", CNC_EPROTO},
    {"forbidden", "auth", CNC_EACCES},
    {"gone", "cancel", CNC_ENOENT},
    {"internal-server-error", "cancel", CNC_ESYS},
    {"item-not-found", "cancel", CNC_ENOENT},
    {"jid-malformed", "modify", CNC_ESYNTAX},
    {"not-acceptable", "modify", CNC_EREFUSED},
    {"not-allowed", "cancel", CNC_EACCES},
    {"not-authorized", "auth", CNC_EAUTH},
    {"policy-violation", "modify", CNC_ELIMIT},
    {"recipient-unavailable", "wait", CNC_ECLOSED},
    {"redirect", "modify", CNC_ENOENT},
    {"registration-required", "auth", CNC_EACCES},
    {"remote-server-not-found", "cancel", CNC_ENOENT},
    {"remote-server-timeout", "wait", CNC_EAGAIN},
    {"resource-constraint", "wait", CNC_ESTORE},
    {"service-unavailable", "cancel", CNC_ENOENT},
    {"subscription-required", "auth", CNC_EACCES},
    {"undefined-condition", "cancel", CNC_EPROTO},
    {"unexpected-request", "wait", CNC_EPROTO},
};

const char *
cnc__stanza_condition(int code)
{
    switch (code) {
    case CNC_EINVAL:
    case CNC_ESYNTAX:
    case CNC_EPROTO:
        return "bad-request";
    case CNC_ELIMIT:
        return "policy-violation";
    case CNC_ENOENT:
        return "item-not-found";
    case CNC_EEXIST:
        return "conflict";
    case CNC_EACCES:
        return "forbidden";
    case CNC_EREFUSED:
    case CNC_ERENDER:
        return "not-acceptable";
    case CNC_ECLOSED:
        return "recipient-unavailable";
    case CNC_EAUTH:
        return "not-authorized";
    case CNC_EAGAIN:
    case CNC_ESTORE:
        return "resource-constraint";
    default:
        return "internal-server-error";
    }
}

const char *
cnc__stanza_error_type(const char *condition)
{
    for (size_t i = 0; i < CNC_N(known); i++) {
        if (strcmp(known[i].condition, condition) == 0) {
            return known[i].type;
        }
    }
    return "cancel";
}

void
cnc__stanza_error_add(struct cnc__str *out, const struct cnc_error *err)
{
    cnc__stanza_error_tr(out, err, "en", NULL);
}

static void
add_text(struct cnc__str *out, const char *text, const char *lang,
         const struct cnc__tr *tr)
{
    char *said = cnc__tr_sentence(tr, text);
    bool mine = tr != NULL && strcmp(said, text) != 0;

    cnc__xml_printf(out, "<text xmlns='%s' xml:lang='%s'>%s</text>",
                    CNC__NS_STANZA_ERROR, mine ? lang : "en", said);
    cnc__free(said);
}

void
cnc__stanza_error_tr(struct cnc__str *out, const struct cnc_error *err,
                     const char *lang, const struct cnc__tr *tr)
{
    const char *condition = err->condition != NULL
                                ? err->condition
                                : cnc__stanza_condition(err->code);

    cnc__xml_printf(out, "<error type='%s'><%s xmlns='%s'/>",
                    cnc__stanza_error_type(condition), condition,
                    CNC__NS_STANZA_ERROR);
    if (err->text[0] != '\0') {
        add_text(out, err->text, lang, tr);
    }
    if (err->specific != NULL && err->specific_ns != NULL) {
        /* It may hold attributes, "unsupported feature='rsm'", and after '>'
         * what is in the element. */
        const char *s = err->specific, *in = strchr(s, '>');
        int head = (int)(in == NULL ? strlen(s) : (size_t)(in - s));

        cnc__str_printf(out, "<%.*s", head, s);
        cnc__xml_printf(out, " xmlns='%s'", err->specific_ns);
        if (in == NULL) {
            cnc__str_puts(out, "/>");
        } else {
            cnc__str_printf(out, "%s</%.*s>", in, (int)strcspn(s, " >"), s);
        }
    }
    cnc__str_puts(out, "</error>");
}

int
cnc__stanza_error_read(struct cnc_error *err, const struct cnc_element *stanza)
{
    const struct cnc_element *e = cnc_element_child(stanza, NULL, "error");
    const char *text = cnc_element_child_text(e, CNC__NS_STANZA_ERROR, "text");

    for (size_t i = 0; e != NULL && i < CNC_N(known); i++) {
        if (cnc_element_child(e, CNC__NS_STANZA_ERROR, known[i].condition) !=
            NULL) {
            return cnc_error_set(err, known[i].code, known[i].condition, "%s",
                                 text[0] != '\0' ? text : known[i].condition);
        }
    }
    return cnc_error_set(err, CNC_EPROTO, "undefined-condition", "%s",
                         text[0] != '\0' ? text : "undefined-condition");
}

void
cnc__stream_error_add(struct cnc__str *out, const char *condition,
                      const char *text)
{
    cnc__xml_printf(out, "<%s xmlns='%s'/>", condition, CNC__NS_STREAM_ERROR);
    if (text != NULL && text[0] != '\0') {
        cnc__xml_printf(out, "<text xmlns='%s' xml:lang='en'>%s</text>",
                        CNC__NS_STREAM_ERROR, text);
    }
}
