/* SPDX-License-Identifier: MIT */
/*
 * invite.c -- invitations: each lets somebody make one account, once.
 *
 * What lets him is a token of the service, whose text is who made it and the
 * id of an item of the node "invitations": that says what became of it.  One
 * whose item says that it is withdrawn, or is not there, is good no more.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "auth.h"

#define ID_SIZE 17
#define LISTED  500

const struct cnc_record auth_invitation = {
    "invitation",
    CNC_FIELDS({"by", "Made by", CNC_FIELD_JID, .required = true},
               {"made", "Made", CNC_FIELD_DATETIME, .index = true},
               {"until", "Good until", CNC_FIELD_DATETIME},
               {"withdrawn", "Withdrawn", CNC_FIELD_DATETIME},
               {"used", "Used", CNC_FIELD_DATETIME},
               {"user", "The account", CNC_FIELD_JID})};

/* -- records -------------------------------------------------------------- */

static int
new_id(char id[ID_SIZE])
{
    unsigned char raw[(ID_SIZE - 1) / 2];

    if (getrandom(raw, sizeof(raw), 0) != (ssize_t)sizeof(raw)) {
        return CNC_ESYS;
    }
    for (size_t i = 0; i < sizeof(raw); i++) {
        snprintf(id + 2 * i, 3, "%02x", raw[i]);
    }
    return 0;
}

/* The record as it is, but for two fields. */
static int
change(struct cnc_request *r, const char *id, const struct cnc_element *was,
       const char *field, const char *user)
{
    struct cnc_element *e = NULL;
    char now[AUTH_TIME_SIZE];
    int code = cnc_element_new(&e, AUTH_XMLNS, "invitation", NULL);

    auth_time(now, time(NULL));
    for (const struct cnc_field *f = auth_invitation.fields;
         code == 0 && f->name != NULL; f++) {
        const char *text = strcmp(f->name, field) == 0 ? now
                           : strcmp(f->name, "user") == 0
                               ? user
                               : cnc_text(was, f->name);

        if (text[0] != '\0') {
            code = auth_add_child(e, AUTH_XMLNS, f->name, text);
        }
    }
    if (code == 0) {
        code = cnc_publish(r, "invitations", id, e, NULL);
    }
    cnc_element_unref(&e);
    return code;
}

static int
publish_new(struct cnc_request *r, const char *id, uint32_t days)
{
    struct cnc_element *e = NULL;
    char made[AUTH_TIME_SIZE], until[AUTH_TIME_SIZE];
    int code = cnc_element_new(&e, AUTH_XMLNS, "invitation", NULL);

    auth_time(made, time(NULL));
    auth_time(until, time(NULL) + (int64_t)days * 86400);
    if (code == 0 &&
        (code = auth_add_child(e, AUTH_XMLNS, "by", cnc_user(r))) == 0 &&
        (code = auth_add_child(e, AUTH_XMLNS, "made", made)) == 0 &&
        (code = auth_add_child(e, AUTH_XMLNS, "until", until)) == 0) {
        code = cnc_publish(r, "invitations", id, e, NULL);
    }
    cnc_element_unref(&e);
    return code;
}

/* -- made ----------------------------------------------------------------- */

static int
make(struct cnc_request *r, char token[CNC_TOKEN_SIZE], uint32_t days)
{
    char id[ID_SIZE], text[CNC_JID_SIZE + ID_SIZE];
    int code = new_id(id);

    if (code == 0) {
        snprintf(text, sizeof(text), "%s\n%s", cnc_user(r), id);
        code = cnc_token_new(r, token, "invitation", text, days * 86400);
    }
    return code == 0 ? publish_new(r, id, days) : code;
}

int
auth_invite(struct cnc_request *r, struct cnc_element *form)
{
    char token[CNC_TOKEN_SIZE], path[256] = "/sign-up", url[AUTH_URL_SIZE];
    uint32_t days = auth_number(cnc_text(form, "days"));
    int code;

    if (strcmp(cnc_setting(r, "sign-up"), "closed") == 0) {
        return cnc_refuse(r, NULL,
                          "New accounts are switched off: see the setting "
                          "\"sign-up\".");
    }
    if ((code = make(r, token, days)) != 0 ||
        (code = auth_add_query(path, sizeof(path), "invitation", token)) !=
            0 ||
        (code = cnc_url(r, url, sizeof(url), path)) != 0) {
        return code;
    }
    cnc_value(r, "url", "The invitation", "%s", url);
    cnc_note(r,
             "Whoever opens this address can make one account, once, within "
             "%u days. It is shown only now.",
             days);
    return 0;
}

/* -- used ----------------------------------------------------------------- */

static int
no_good(struct cnc_request *r)
{
    return cnc_refuse(r, NULL,
                      "This invitation has been used already, or withdrawn, "
                      "or it is too old. Please ask for another.");
}

/* What text says, and its record.  *out: a *new* reference. */
static int
find(struct cnc_request *r, struct cnc_element **out, char *text,
     const char **id)
{
    char *line = strchr(text, '\n');
    int code;

    *out = NULL;
    if (line == NULL) {
        return CNC_ENOENT;
    }
    *line = '\0';
    *id = line + 1;
    code = cnc_get(r, out, "invitations", *id);
    if (code == 0 && cnc_text(*out, "withdrawn")[0] != '\0') {
        cnc_element_unref(out);
        code = CNC_ENOENT;
    }
    return code;
}

static void
say_by(char by[CNC_JID_SIZE], const char *text)
{
    snprintf(by, CNC_JID_SIZE, "%.*s", CNC_JID_SIZE - 1, text);
}

int
auth_invitation_check(struct cnc_request *r, const char *token,
                      char by[CNC_JID_SIZE])
{
    char text[CNC_JID_SIZE + ID_SIZE];
    struct cnc_element *record = NULL;
    const char *id;

    if (cnc_token_look(r, token, "invitation", text, sizeof(text)) != 0 ||
        find(r, &record, text, &id) != 0) {
        return no_good(r);
    }
    cnc_element_unref(&record);
    say_by(by, text);
    return 0;
}

int
auth_invitation_take(struct cnc_request *r, const char *token, const char *jid,
                     char by[CNC_JID_SIZE])
{
    char text[CNC_JID_SIZE + ID_SIZE];
    struct cnc_element *record = NULL;
    const char *id;
    int code;

    if (cnc_token_take(r, token, "invitation", text, sizeof(text)) != 0 ||
        find(r, &record, text, &id) != 0) {
        return no_good(r);
    }
    say_by(by, text);
    code = change(r, id, record, "used", jid);
    cnc_element_unref(&record);
    return code;
}

/* -- listed, withdrawn ---------------------------------------------------- */

static const char *
state_of(const struct cnc_element *record, const char *now)
{
    return cnc_text(record, "used")[0] != '\0'        ? "used"
           : cnc_text(record, "withdrawn")[0] != '\0' ? "withdrawn"
           /* Both in UTC and of one shape. */
           : strcmp(cnc_text(record, "until"), now) <= 0 ? "old"
                                                         : "open";
}

static int
on_invitation(const char *id, struct cnc_element *record, void *priv)
{
    static const char *const shown[] = {"by", "made", "until", "used", "user"};
    struct cnc_request *r = priv;
    char now[AUTH_TIME_SIZE];

    auth_time(now, time(NULL));
    for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++) {
        cnc_cell(r, shown[i], "%s", cnc_text(record, shown[i]));
    }
    cnc_cell(r, "state", "%s", state_of(record, now));
    cnc_cell(r, "id", "%s", id);
    cnc_row(r);
    return 0;
}

int
auth_invitations(struct cnc_request *r, struct cnc_element *form)
{
    const struct cnc_query newest = {.sort = "-made", .limit = LISTED};
    size_t total = 0;
    int code;

    cnc_column(r, "by", "Made by");
    cnc_column(r, "made", "Made");
    cnc_column(r, "until", "Good until");
    cnc_column(r, "used", "Used");
    cnc_column(r, "user", "The account");
    cnc_column(r, "state", "State");
    cnc_column(r, "id", "Id");
    code =
        cnc_query(r, "invitations", &newest, on_invitation, r, &total, NULL);
    if (code == 0 && total > LISTED) {
        cnc_note(r, "The newest %d of %zu are shown.", LISTED, total);
    }
    return code;
}

int
auth_invitation_withdraw(struct cnc_request *r, struct cnc_element *form)
{
    const char *id = cnc_text(form, "id");
    struct cnc_element *record = NULL;
    char now[AUTH_TIME_SIZE];
    const char *state;
    int code = cnc_get(r, &record, "invitations", id);

    if (code != 0) {
        return cnc_refuse(r, "id", "There is no such invitation.");
    }
    auth_time(now, time(NULL));
    state = state_of(record, now);
    if (strcmp(state, "used") == 0) {
        code =
            cnc_refuse(r, "id", "It has been used already: %s has an account.",
                       cnc_text(record, "user"));
    } else if (strcmp(state, "withdrawn") != 0) {
        code = change(r, id, record, "withdrawn", "");
    }
    if (code == 0) {
        cnc_note(r, "The invitation is withdrawn.");
    }
    cnc_element_unref(&record);
    return code;
}
