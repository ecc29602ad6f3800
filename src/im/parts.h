/* SPDX-License-Identifier: MIT */
/*
 * parts.h -- what the parts of the room ask of each other by name; the parts
 * that may be left out are asked by way of struct cnc__im_ext.
 */
#ifndef CNC_IM_PARTS_H
#define CNC_IM_PARTS_H

#include "impl.h"

/* -- presence.c ----------------------------------------------------------- */

bool cnc__im_presence_out(struct cnc__im_out *o);
bool cnc__im_presence_in(struct cnc__im_in *in);
/* The session's presence ends (it may have none). */
void cnc__im_presence_end(struct cnc__im *im, struct cnc__im_session *state);
/* Send the presence of all of u's available resources to `to`, or that they
 * are unavailable. */
void cnc__im_show(struct cnc__im_user *u, const char *to);
void cnc__im_hide(struct cnc__im_user *u, const char *to);
/* Ask for the presence of a contact, for one session; s NULL: for all that
 * are available. */
void cnc__im_probe(struct cnc__im_user *u, struct cnc__session *s,
                   const char *contact);

/* -- message.c ------------------------------------------------------------ */

bool cnc__im_message_in(struct cnc__im_in *in);
/* To the most available resources, or kept, or refused: as to a bare JID. */
void cnc__im_message_bare(struct cnc__im_in *in);

/* -- iq.c ----------------------------------------------------------------- */

bool cnc__im_iq_in(struct cnc__im_in *in);

/* -- far.c: resources of other domains whose presence accounts have --------
 */

void cnc__im_far_init(struct cnc__im *im);
void cnc__im_far_fini(struct cnc__im *im);
/* A presence from a full JID of another domain to owner. */
void cnc__im_far_seen(struct cnc__im *im, struct cnc__im_user *owner,
                      const char *full, const struct cnc_element *presence);
/* It is not there any more; full may be bare: all of its resources. */
void cnc__im_far_gone(struct cnc__im *im, struct cnc__im_user *owner,
                      const char *full);
void cnc__im_far_forget(struct cnc__im *im, const char *owner);
size_t cnc__im_far_count(const struct cnc__im *im);
const struct cnc__caps *cnc__im_far_caps(const struct cnc__im *im,
                                         const char *full);
/* Those of a contact, or (NULL) of all, that owner has the presence of. */
void cnc__im_far_each(const struct cnc__im *im, const char *owner,
                      const char *contact, cnc__im_resource_f *f, void *priv);
/* Whose capabilities have become known: tell. */
void cnc__im_far_caps_known(struct cnc__im *im, const struct cnc__caps *caps);

/* -- caps.c: XEP-0115 ------------------------------------------------------
 */

void cnc__caps_init(struct cnc__im *im);
void cnc__caps_fini(struct cnc__im *im);
/* What a presence says, counted; asks `full` in the name of `asker` when it is
 * not known.  NULL: it says nothing. */
struct cnc__caps *cnc__caps_of(struct cnc__im *im, const char *asker,
                               const char *full,
                               const struct cnc_element *presence);
void cnc__caps_unref(struct cnc__im *im, struct cnc__caps **cp);
bool cnc__caps_known(const struct cnc__caps *caps);
bool cnc__caps_have(const struct cnc__caps *caps, const char *feature);
/* watch.c: call the listeners. */
void cnc__im_tell_available(struct cnc__im *im, const char *owner,
                            const char *full, bool first);
void cnc__im_tell_unavailable(struct cnc__im *im, const char *owner,
                              const char *full);
/* A session's presence has come: tell its account, and the contacts of this
 * domain whose presence it may see. */
void cnc__im_announce(struct cnc__im_user *u, struct cnc__im_session *s);

/* -- roster.c, contact.c, subscribe.c, jobs.c ------------------------------
 */

struct cnc__contact *cnc__contact_new(const char *jid);
struct cnc__contact *cnc__contact_copy(const struct cnc__contact *c);
void cnc__contact_free(struct cnc__contact *c);
size_t cnc__contact_bytes(const struct cnc__contact *c);
/* As in a roster (RFC 6121 2.1.2). */
void cnc__contact_item(struct cnc__str *out, const struct cnc__contact *c);
/* As it is kept. */
void cnc__contact_write(struct cnc__str *out, const struct cnc__contact *c);
struct cnc__contact *cnc__contact_read(const char *xml, size_t len);

struct cnc__roster *cnc__roster_make(struct cnc__im_user *u);
/* "EPOCH-VER" */
void cnc__roster_ver(char out[40], const struct cnc__roster *r);
void cnc__roster_push(struct cnc__im_user *u, const struct cnc__contact *c);
/* Put an item in its place (NULL jid never); frees what was there. */
void cnc__roster_place(struct cnc__im_user *u, struct cnc__contact *c);
void cnc__roster_take(struct cnc__im_user *u, const char *jid);

/* A change of a roster under way: made when its turn comes. */
struct cnc__roster_job {
    struct cnc__roster_job *next;
    struct cnc__im_user *user;
    /* Looks at the roster as it is now.  True: item is set, the contact as it
     * will be.  False: nothing changes (err: refused). */
    bool (*plan)(struct cnc__roster_job *j);
    /* The change is kept and in its place, or there was none; or err. */
    void (*effect)(struct cnc__roster_job *j, const struct cnc_error *err);
    char *jid;                 /* of the contact */
    struct cnc__contact *item; /* as it will be */
    bool push;                 /* tell the resources; it is a new version */
    bool drop;                 /* set by jobs.c: nothing stays of it */
    struct cnc_error err;
    /* of a roster set */
    struct cnc__request *request;
    bool remove;
    uint8_t was;
    /* of a subscription stanza */
    struct cnc_element *stanza;
    enum cnc__sub_verb verb;
    bool pass, reply;
    uint64_t session_id;
};
/* *steals* j.  False: too many are under way, and j is untouched. */
bool cnc__roster_queue(struct cnc__im_user *u, struct cnc__roster_job *j);
void cnc__roster_job_free(struct cnc__roster_job *j);

/* subscribe.c */
bool cnc__subscribe_out(struct cnc__im_out *o, enum cnc__sub_verb v);
bool cnc__subscribe_in(struct cnc__im_in *in, enum cnc__sub_verb v);
/* Requests that wait, to a session that has become available. */
void cnc__subscribe_waiting(struct cnc__im_user *u, struct cnc__session *s);

/* -- blocking.c ----------------------------------------------------------- */

bool cnc__blocks(const struct cnc__im_user *u, const char *jid);

/* -- archive.c ------------------------------------------------------------ */

/* A *new* copy of a message of u's as from and to know it, with the archive's
 * id in it (XEP-0359) unless that is "", and no other that claims to be. */
struct cnc_element *cnc__mam_marked(struct cnc__im_user *u,
                                    const struct cnc_element *stanza,
                                    const char *from, const char *to,
                                    const char *id);

#endif /* CNC_IM_PARTS_H */
