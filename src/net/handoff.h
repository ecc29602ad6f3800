/* SPDX-License-Identifier: MIT */
/*
 * handoff.h -- how a web server on this machine gives the service a client's
 * own socket, which has just become a WebSocket (--handoff PATH).
 *
 * PATH is a Unix socket of type SOCK_SEQPACKET, mode 0660.  Who may: root, the
 * service's own user, and those of --link-user, by SO_PEERCRED; others are
 * closed at once.  A connection may stay open for any number of clients.  For
 * each one packet is sent, with one descriptor (SCM_RIGHTS) beside it: a
 * connected stream socket in the clear (TLS cannot be given away).  The web
 * server has judged the request: method, Host, Origin, key, version; its
 * answer, 101 with Sec-WebSocket-Protocol: xmpp, was sent whole and nothing
 * after it, or the service is to send it: then nothing has been said to the
 * client as long as the service has not taken it.
 *
 *   "CNCH" | version 1 | flags | n addr | n accept | n host (2) | n read (2)
 *   addr   the client's address as text, "192.0.2.7", "2001:db8::7"; the
 *          socket's peer may be a proxy's
 *   host   the request's Host
 *   accept Sec-WebSocket-Accept of the answer that the service is to send, 28
 *          bytes; none: it was sent
 *   read   what was read of the client after its request: its first frames
 *
 * Numbers are big-endian; there is nothing behind it.  Each packet is answered
 * by one, in order: a byte that is 0, then the descriptor is the service's,
 * and the sender closes its own without shutdown(); or 1 and a line of text
 * that says why not, then the service has closed what it was given and the
 * sender may still serve the client itself.  Whoever sends something else is
 * answered 1 and closed.
 *
 * This file needs no other of this room: a module of a web server includes it.
 */
#ifndef CNC_NET_HANDOFF_H
#define CNC_NET_HANDOFF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CNC__HANDOFF_MAGIC    "CNCH"
#define CNC__HANDOFF_VERSION  1
#define CNC__HANDOFF_SECURE   0x01 /* flags: the browser's end of it is TLS */
#define CNC__HANDOFF_HEAD     12   /* bytes before addr */
#define CNC__HANDOFF_MAX_ADDR 63
#define CNC__HANDOFF_MAX_HOST 255
#define CNC__HANDOFF_ACCEPT   28
#define CNC__HANDOFF_MAX_READ 16384
#define CNC__HANDOFF_MAX                                                      \
    (CNC__HANDOFF_HEAD + CNC__HANDOFF_MAX_ADDR + CNC__HANDOFF_MAX_HOST +      \
     CNC__HANDOFF_ACCEPT + CNC__HANDOFF_MAX_READ)
#define CNC__HANDOFF_MAX_ANSWER 256 /* bytes of an answer */

struct cnc__handoff {
    char addr[CNC__HANDOFF_MAX_ADDR + 1], host[CNC__HANDOFF_MAX_HOST + 1];
    char accept[CNC__HANDOFF_ACCEPT + 1]; /* "": 101 was sent */
    int secure;
    const void *read; /* borrowed */
    size_t n_read;
};

/* Into out, of CNC__HANDOFF_MAX bytes.  How many there are; 0: read has more
 * than may be. */
static inline size_t
cnc__handoff_pack(uint8_t *out, const struct cnc__handoff *h)
{
    size_t addr = strlen(h->addr), host = strlen(h->host);
    size_t accept = strlen(h->accept);
    uint8_t *p = out + CNC__HANDOFF_HEAD;

    if (h->n_read > CNC__HANDOFF_MAX_READ) {
        return 0;
    }
    memcpy(out, CNC__HANDOFF_MAGIC, 4);
    out[4] = CNC__HANDOFF_VERSION;
    out[5] = h->secure ? CNC__HANDOFF_SECURE : 0;
    out[6] = (uint8_t)addr;
    out[7] = (uint8_t)accept;
    out[8] = (uint8_t)(host >> 8);
    out[9] = (uint8_t)host;
    out[10] = (uint8_t)(h->n_read >> 8);
    out[11] = (uint8_t)h->n_read;
    memcpy(p, h->addr, addr);
    memcpy(p += addr, h->host, host);
    memcpy(p += host, h->accept, accept);
    p += accept;
    if (h->n_read > 0) {
        memcpy(p, h->read, h->n_read);
    }
    return (size_t)(p - out) + h->n_read;
}

/* The other way; read is inside data.  NULL, or why it is none, one line. */
const char *cnc__handoff_unpack(struct cnc__handoff *out, const uint8_t *data,
                                size_t len);

#endif /* CNC_NET_HANDOFF_H */
