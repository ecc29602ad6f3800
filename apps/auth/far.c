/* SPDX-License-Identifier: MIT */
/*
 * far.c -- log in with one's own XMPP client, of this server or another
 * (XEP-0070).
 *
 *   POST login/client (address) -> 303 to a page that shows a code
 *   POST login/confirm          -> held until the client has answered
 *
 * The browser goes on showing the page with the code until the second answer
 * comes: that needs no script, no polling and nothing that we would have to
 * remember.  The code is the beginning of the token that the page was given,
 * which nobody can choose: what a stranger's page shows, his victim's client
 * does not.
 */
#include <stdio.h>
#include <string.h>

#include "auth.h"

#define PAGE_S    (10u * 60)
#define CODE_SIZE 9 /* eight characters and NUL */

/* As the template shows it: letters and digits that a voice can read out. */
static void
make_code(char code[CODE_SIZE], const char *token)
{
    for (size_t i = 0; i < CODE_SIZE - 1; i++) {
        char c = token[i];

        code[i] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A')
                  : c == '-'           ? 'X'
                  : c == '_'           ? 'Y'
                                       : c;
    }
    code[CODE_SIZE - 1] = '\0';
}

int
auth_login_client(struct cnc_request *r, struct cnc_element *form)
{
    char jid[CNC_JID_SIZE], token[CNC_TOKEN_SIZE], text[AUTH_TEXT_SIZE];
    char path[AUTH_URL_SIZE], url[AUTH_URL_SIZE];
    bool ours;
    int code;

    if ((code = auth_typed_jid(r, jid, &ours)) != 0 ||
        (code = auth_slow_down(r, "client", 20, 600)) != 0) {
        return code;
    }
    snprintf(text, sizeof(text), "%s\n%s", jid,
             auth_next(r, cnc_text(form, "next")));
    if ((code = cnc_token_new(r, token, "client", text, PAGE_S)) != 0 ||
        (code = auth_token_path(path, sizeof(path), "/login/confirm", token,
                                jid)) != 0 ||
        (code = auth_add_query(path, sizeof(path), "next",
                               auth_next(r, cnc_text(form, "next")))) != 0 ||
        (code = cnc_url(r, url, sizeof(url), path)) != 0) {
        return code;
    }
    cnc_see(r, path);
    cnc_value(r, "url", "Go on here, in a browser", "%s", url);
    return 0;
}

static void
on_confirmed(struct cnc_request *r, int code)
{
    const struct cnc_element *form = cnc_form(r);
    const char *jid = cnc_text(form, "jid");

    switch (code) {
    case 0:
        code = auth_enter(r, jid, cnc_text(form, "next"));
        break;
    case CNC_EACCES:
        code = cnc_refuse(r, NULL,
                          "Your client said no, or did not answer in time.");
        break;
    case CNC_ELIMIT:
        code = cnc_refuse(r, NULL,
                          "You were asked too often. Please wait a few "
                          "minutes.");
        break;
    case CNC_ENOENT:
        code = cnc_refuse(r, NULL,
                          "Your server or your client cannot be asked. Is it "
                          "logged in? A link in a message is the other way.");
        break;
    default:
        break;
    }
    cnc_finish(r, code);
}

int
auth_login_confirm(struct cnc_request *r, struct cnc_element *form)
{
    char jid[CNC_JID_SIZE], next[1024], id[CODE_SIZE], url[AUTH_URL_SIZE];
    int code = auth_slow_down(r, "confirm", 20, 600);

    if (code == 0) {
        code = auth_take(r, "client", false, jid, next, sizeof(next));
    }
    if (code == 0) {
        code = cnc_url(r, url, sizeof(url), "/login");
    }
    if (code != 0) {
        return code;
    }
    make_code(id, cnc_text(form, "token"));
    return cnc_confirm(r, jid, id, url, on_confirmed);
}
