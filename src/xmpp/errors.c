/* SPDX-License-Identifier: MIT */
#include "errors.h"

#include "../xml/write.h"

/* RFC 6120 8.3.3, with the error type each section names. */
static const struct {
    const char *condition, *type;
} types[] = {
    {"bad-request", "modify"},
    {"conflict", "cancel"},
    {"feature-not-implemented", "cancel"},
    {"forbidden", "auth"},
    {"gone", "cancel"},
    {"internal-server-error", "cancel"},
    {"item-not-found", "cancel"},
    {"jid-malformed", "modify"},
    {"not-acceptable", "modify"},
    {"not-allowed", "cancel"},
    {"not-authorized", "auth"},
    {"policy-violation", "modify"},
    {"recipient-unavailable", "wait"},
    {"redirect", "modify"},
    {"registration-required", "auth"},
    {"remote-server-not-found", "cancel"},
    {"remote-server-timeout", "wait"},
    {"resource-constraint", "wait"},
    {"service-unavailable", "cancel"},
    {"subscription-required", "auth"},
    {"undefined-condition", "cancel"},
    {"unexpected-request", "wait"},
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
    for (size_t i = 0; i < CNC_N(types); i++) {
        if (strcmp(types[i].condition, condition) == 0) {
            return types[i].type;
        }
    }
    return "cancel";
}

void
cnc__stanza_error_add(struct cnc__str *out, const struct cnc_error *err)
{
    const char *condition = err->condition != NULL
                                ? err->condition
                                : cnc__stanza_condition(err->code);

    cnc__xml_printf(out, "<error type='%s'><%s xmlns='%s'/>",
                    cnc__stanza_error_type(condition), condition,
                    CNC__NS_STANZA_ERROR);
    if (err->text[0] != '\0') {
        cnc__xml_printf(out, "<text xmlns='%s' xml:lang='en'>%s</text>",
                        CNC__NS_STANZA_ERROR, err->text);
    }
    if (err->specific != NULL && err->specific_ns != NULL) {
        cnc__xml_printf(out, "<%s xmlns='%s'/>", err->specific,
                        err->specific_ns);
    }
    cnc__str_puts(out, "</error>");
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
