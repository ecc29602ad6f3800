/* SPDX-License-Identifier: MIT */
/*
 * client.h -- the client half for tools: a blocking XMPP client over the link
 * (Unix socket, TCP framing, SASL EXTERNAL).  One thread at a time.
 *
 * Requests of the service's own (XEP-0199 pings) are answered whenever the
 * client reads: a tool that only follows calls cnc__client_next() in a loop
 * and stays connected.
 */
#ifndef CNC_CLIENT_CLIENT_H
#define CNC_CLIENT_CLIENT_H

#include <concordance/xml.h>

#include "../base/str.h"

struct cnc__client;

/* How long the service may take to answer anything; then CNC_EAGAIN. */
#define CNC__CLIENT_WAIT_MS 30000

/* Connect, log in, bind.  domain: of several that the service has, NULL: the
 * first.  CNC_ESYS (no service there: says so and what to do), CNC_EAUTH,
 * CNC_EPROTO. */
CNC_API int cnc__client_open(struct cnc__client **out, const char *link_path,
                             const char *domain, struct cnc_error *err);
struct cnc__client_how {
    uint32_t wait_ms; /* for each step; 0: CNC__CLIENT_WAIT_MS */
    int stop_fd;      /* readable: give up, CNC_ECLOSED; -1: never.  Not
                         looked at any more once it is open */
    /* Whose socket is it?  Called before a word is said; an error of it ends
     * all.  NULL: anybody's. */
    int (*check)(int fd, const char *link_path, void *priv,
                 struct cnc_error *err);
    void *priv;
};
/* As cnc__client_open(), for processes that do more than that. */
CNC_API int cnc__client_open_how(struct cnc__client **out,
                                 const char *link_path, const char *domain,
                                 const struct cnc__client_how *how,
                                 struct cnc_error *err);
CNC_API void cnc__client_close(struct cnc__client **cp);
/* After fork(), in the child: the connection is the parent's.  Closes our copy
 * of it without a word, and leaves the memory, which a thread that is no more
 * may have been changing. */
CNC_API void cnc__client_forsake(struct cnc__client *c);
/* The service's domain and our full JID; borrowed. */
CNC_API const char *cnc__client_domain(const struct cnc__client *c);
CNC_API const char *cnc__client_jid(const struct cnc__client *c);

/*
 * Send <iq type=...> with payload_xml to `to` (NULL: the domain) and wait for
 * its answer.  *reply (may be NULL): the whole <iq/>, a *new* reference.
 * Other stanzas that come meanwhile are kept for cnc__client_next().
 * An error answer: its code by condition (CNC_ENOENT for item-not-found,
 * CNC_EACCES for forbidden, ...), its condition and its text in err; the
 * reply is given also then.  CNC_ECLOSED when the stream ended.
 */
CNC_API int cnc__client_iq(struct cnc__client *c, const char *type,
                           const char *to, const char *payload_xml,
                           struct cnc_element **reply, struct cnc_error *err);
/* A command that takes long says now and then how far it is, in words: f hears
 * them, and the time to answer begins anew with each. */
CNC_API void cnc__client_progress(struct cnc__client *c,
                                  void (*f)(const char *text, void *priv),
                                  void *priv);
/* The next stanza that is no answer; a *new* reference.  timeout_ms -1: for
 * ever.  CNC_EAGAIN when none came in time; CNC_ECLOSED. */
CNC_API int cnc__client_next(struct cnc__client *c, struct cnc_element **out,
                             int timeout_ms, struct cnc_error *err);

/* -- for consoles: the stream as it is --------------------------------------
 */

/* Send serialised stanzas as they are: what is no XML ends the stream. */
CNC_API int cnc__client_send(struct cnc__client *c, const char *xml,
                             size_t len, struct cnc_error *err);
/* As cnc__client_next(), but whatever comes: answers too, and requests, which
 * are not answered: cnc__client_answer() does that. */
CNC_API int cnc__client_any(struct cnc__client *c, struct cnc_element **out,
                            int timeout_ms, struct cnc_error *err);
/* True: iq asks something, and the answer (a ping's, or an error) was sent; it
 * is also added to said. */
CNC_API bool cnc__client_answer(struct cnc__client *c,
                                const struct cnc_element *iq,
                                struct cnc__str *said, struct cnc_error *err);
/* The same, only added to said: for those who send it themselves. */
CNC_API bool cnc__client_write_answer(const struct cnc__client *c,
                                      const struct cnc_element *iq,
                                      struct cnc__str *said);
/* Readable when something may have come. */
CNC_API int cnc__client_fd(const struct cnc__client *c);

#endif /* CNC_CLIENT_CLIENT_H */
