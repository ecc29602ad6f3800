/* SPDX-License-Identifier: MIT */
/*
 * identity.h -- whom a certificate names (RFC 6120 13.7.1.2, RFC 9525): the
 * names in subjectAltName alone, never the subject's common name, which any
 * text may fill.  Whether the certificate is to be trusted is another
 * question.
 */
#ifndef CNC_NET_IDENTITY_H
#define CNC_NET_IDENTITY_H

#include <openssl/x509.h>

#include "../base/str.h"
#include "dns.h"

/* Does it name this XMPP domain as one that serves its clients (client) or
 * other servers?  id-on-xmppAddr with the domain itself, id-on-dnsSRV of
 * _xmpp-client or _xmpp-server, dNSName; iPAddress where the domain is one.
 * A "*" may stand for the whole left-most label of a DNS name.
 *   domain  as in a prepared JID: Unicode, lower case */
bool cnc__cert_names_domain(X509 *cert, const char *domain, bool client);

/* Does it name this host as dNSName?  For DANE-TA (RFC 7673 4). */
bool cnc__cert_names_host(X509 *cert, const char *host);

/* The JIDs in id-on-xmppAddr as they are written there, each with a '\n'
 * after it, added to out; at most 16, and what is no JID is left out. */
void cnc__cert_jids(X509 *cert, struct cnc__str *out);

/* A domain as the DNS writes it, A-labels, lower case; CNC_ESYNTAX. */
#define CNC__ASCII_DOMAIN CNC__DNS_NAME
int cnc__domain_to_ascii(char out[CNC__ASCII_DOMAIN], const char *domain);

#endif /* CNC_NET_IDENTITY_H */
