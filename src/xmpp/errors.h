/* SPDX-License-Identifier: MIT */
/*
 * errors.h -- stanza errors (RFC 6120 8.3) and stream errors (4.9).
 */
#ifndef CNC_XMPP_ERRORS_H
#define CNC_XMPP_ERRORS_H

#include <concordance/xml.h>

#include "../base/str.h"
#include "../base/tr.h"

#define CNC__NS_CLIENT       "jabber:client"
#define CNC__NS_STREAMS      "http://etherx.jabber.org/streams"
#define CNC__NS_FRAMING      "urn:ietf:params:xml:ns:xmpp-framing"
#define CNC__NS_STREAM_ERROR "urn:ietf:params:xml:ns:xmpp-streams"
#define CNC__NS_STANZA_ERROR "urn:ietf:params:xml:ns:xmpp-stanzas"
#define CNC__NS_SASL         "urn:ietf:params:xml:ns:xmpp-sasl"
#define CNC__NS_SASL2        "urn:xmpp:sasl:2"
#define CNC__NS_SASL_CB      "urn:xmpp:sasl-cb:0"
#define CNC__NS_FAST         "urn:xmpp:fast:0"
#define CNC__NS_BIND2        "urn:xmpp:bind:0"
#define CNC__NS_LIMITS       "urn:xmpp:stream-limits:0"
#define CNC__NS_TLS          "urn:ietf:params:xml:ns:xmpp-tls"
#define CNC__NS_REGISTER     "jabber:iq:register"
#define CNC__NS_SERVER       "jabber:server"
#define CNC__NS_DIALBACK     "jabber:server:dialback"
#define CNC__NS_COMPONENT    "jabber:component:accept"
#define CNC__NS_BIND         "urn:ietf:params:xml:ns:xmpp-bind"
#define CNC__NS_SESSION      "urn:ietf:params:xml:ns:xmpp-session"
#define CNC__NS_PING         "urn:xmpp:ping"
#define CNC__NS_XML          "http://www.w3.org/XML/1998/namespace"

/* The condition a CNC_E... code stands for; static, never NULL. */
CNC_API const char *cnc__stanza_condition(int code);
/* "cancel", "modify", "auth" or "wait", as 8.3.3 has it for the condition. */
CNC_API const char *cnc__stanza_error_type(const char *condition);
/* Append <error/>: condition (derived from the code when NULL), text, and the
 * application-specific condition. */
CNC_API void cnc__stanza_error_add(struct cnc__str *out,
                                   const struct cnc_error *err);
/* The same with the text in somebody's language (RFC 6120 8.3.3), if tr knows
 * it; NULL is English. */
CNC_API void cnc__stanza_error_tr(struct cnc__str *out,
                                  const struct cnc_error *err,
                                  const char *lang, const struct cnc__tr *tr);
/* The other way, for the client half: fill err (may be NULL) from the <error/>
 * of a stanza of type "error".  Returns err's code. */
CNC_API int cnc__stanza_error_read(struct cnc_error *err,
                                   const struct cnc_element *stanza);
/* Append the children of <stream:error/>; text may be NULL. */
CNC_API void cnc__stream_error_add(struct cnc__str *out, const char *condition,
                                   const char *text);

#endif /* CNC_XMPP_ERRORS_H */
