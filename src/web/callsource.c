/* SPDX-License-Identifier: MIT */
/*
 * callsource.c -- the source document of a page that is made for one caller
 * (docs/apps.md "What a page is given"), and what goes with it: who called,
 * and the note that a browser carries from one page to the next.
 *
 * The note travels in a cookie that only HTTP sees, with a keyed hash before
 * it: nobody else puts words on our pages.  A new start of the service makes
 * a new key; a note that is lost with it does no harm.
 */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../pubsub/result.h"
#include "../render/engine.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "head.h"
#include "web.h"

#define FLASH_S     60   /* a redirect takes no longer */
#define FLASH_BYTES 1000 /* of text: a cookie has 4 kB, percent-encoded */
#define MAC_HEX     32

/* -- who ------------------------------------------------------------------ */

void
cnc__web_caller_init(struct cnc__web_caller *w, struct cnc__agent *a,
                     struct cnc__http_request *r)
{
    memset(w, 0, sizeof(*w));
    w->call.request = r;
    w->caller.lang = "en";
    w->caller.addr = r->addr;
    cnc__str_printf(&w->guest, "guest@%s", a->domain);
    w->caller.who.jid = w->guest.data;
    w->caller.who.anonymous = true;
    if (a->env.caller != NULL) {
        a->env.caller(&w->caller, r, a->env.priv);
    }
    w->caller.web = &w->call;
    bool asked;
    const char *lang = cnc__languages_choose(a, r, &asked);
    if (lang != NULL) {
        w->caller.lang = lang;
    }
    if (asked) {
        cnc__languages_keep(a, &w->call.headers, r, lang);
    }
}

void
cnc__web_caller_fini(struct cnc__web_caller *w)
{
    cnc__str_fini(&w->guest);
    cnc__str_fini(&w->call.headers);
}

const struct cnc__tr *
cnc__caller_tr(const struct cnc__agent *a, const struct cnc__caller *who)
{
    return cnc__locale_tr(a->locale, who->lang);
}

const char *
cnc__page_lang(const struct cnc__agent *a, const struct cnc__caller *who)
{
    const char *lang =
        cnc__locale_find(a->locale, who->lang, strlen(who->lang));
    return lang == NULL ? "en" : lang;
}

/* -- the document --------------------------------------------------------- */

static void
add_role(struct cnc__str *out, const struct cnc__agent *a, const char *bare,
         const char *role)
{
    if (a->env.has_role(bare, role, a->env.priv)) {
        cnc__str_printf(out, "%s%s", out->len > 0 ? " " : "", role);
    }
}

/* Of the roles that there are, those that he has: "admin staff". */
static void
write_roles(struct cnc__str *out, const struct cnc__agent *a,
            const struct cnc__actor *who)
{
    struct cnc__table_iter i = {0};
    char *bare;

    if (a->env.has_role == NULL || who->anonymous) {
        return;
    }
    bare = cnc__strndup(who->jid, cnc__jid_bare_len(who->jid));
    add_role(out, a, bare, "admin");
    while (cnc__table_next(a->roles, &i)) {
        add_role(out, a, bare, i.key);
    }
    cnc__free(bare);
}

void
cnc__callsource_roles(struct cnc__agent *a, const struct cnc_app *app)
{
    for (const struct cnc_role *r = app->roles; r != NULL && r->name != NULL;
         r++) {
        cnc__table_put(a->roles, r->name, a);
    }
}

static void
write_viewer(struct cnc__str *out, const struct cnc__agent *a,
             const struct cnc__actor *who)
{
    size_t bare = cnc__jid_bare_len(who->jid);
    const char *at = memchr(who->jid, '@', bare);
    size_t name = at == NULL ? bare : (size_t)(at - who->jid);
    struct cnc__str roles = CNC__STR;

    write_roles(&roles, a, who);
    cnc__xml_printf(out,
                    "<viewer jid='%.*s' name='%.*s' guest='%s' operator='%s'"
                    " roles='%s'/>",
                    who->anonymous ? 0 : (int)bare, who->jid,
                    who->anonymous ? 0 : (int)name, who->jid,
                    who->anonymous ? "true" : "false",
                    who->operator_ ? "true" : "false", cnc__str_c(&roles));
    cnc__str_fini(&roles);
}

void
cnc__callsource_begin(struct cnc__str *out, const struct cnc__agent *a,
                      const struct cnc__caller *who, const char *title,
                      const char *path)
{
    struct cnc__str langs = CNC__STR;

    cnc__str_puts(out,
                  "<page xmlns='" CNC__NS_PAGE "' xmlns:c='" CNC__NS_PAGE "'");
    cnc__web_about(out, a, title, path);
    cnc__languages_list(&langs, a);
    if (langs.len > 0) {
        cnc__xml_printf(out, " c:languages='%s'", langs.data);
    }
    /* What the page is in; what the reader likes best may be another one. */
    cnc__xml_printf(out, " xml:lang='%s'>", cnc__page_lang(a, who));
    cnc__str_fini(&langs);
    write_viewer(out, a, &who->who);
}

void
cnc__callsource_param(struct cnc__str *out, const char *name,
                      const char *value)
{
    cnc__xml_printf(out, "<param name='%s'>%s</param>", name, value);
}

void
cnc__callsource_flash(struct cnc__str *out, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        cnc__xml_printf(out, "<flash>%s</flash>", text);
    }
}

struct menu {
    struct cnc__str *out;
    const struct cnc__tr *tr;
};

static void
write_entry(const struct cnc__command *cmd, void *priv)
{
    const struct menu *m = priv;
    struct cnc__str href = CNC__STR;

    cnc__do_path(&href, cmd->node);
    cnc__xml_printf(m->out, "<command node='%s' title='%s' href='%s'",
                    cmd->node, cnc__tr(m->tr, cmd->name), href.data);
    if (cmd->help != NULL) {
        cnc__xml_printf(m->out, " help='%s'", cnc__tr(m->tr, cmd->help));
    }
    cnc__str_puts(m->out, cmd->safe ? " safe='true'/>" : "/>");
    cnc__str_fini(&href);
}

void
cnc__callsource_menu(struct cnc__str *out, const struct cnc__agent *a,
                     const struct cnc__caller *who)
{
    struct menu m = {out, cnc__caller_tr(a, who)};

    cnc__str_puts(out, "<menu>");
    if (a->env.commands != NULL) {
        cnc__commands_each(a->env.commands, &who->who, write_entry, &m);
    }
    cnc__str_puts(out, "</menu>");
}

void
cnc__callsource_command(struct cnc__str *out, const struct cnc__tr *tr,
                        const struct cnc__command *cmd, const char *node,
                        const char *action, int code, const char *note,
                        const char *x)
{
    cnc__xml_printf(out, "<command node='%s' title='%s'", node,
                    cmd == NULL ? node : cnc__tr(tr, cmd->name));
    if (action != NULL && action[0] != '\0') {
        cnc__xml_printf(out, " action='%s'", action);
    }
    if (cmd != NULL && cmd->help != NULL) {
        cnc__xml_printf(out, " help='%s'", cnc__tr(tr, cmd->help));
    }
    cnc__xml_printf(out, " code='%s'>", code == 0 ? "0" : cnc_err_name(code));
    if (note != NULL && note[0] != '\0') {
        char *said = cnc__tr_sentence(tr, note);

        cnc__xml_printf(out, "<note>%s</note>", said);
        cnc__free(said);
    }
    cnc__result_tr(out, tr, x);
    cnc__str_puts(out, "</command>");
}

void
cnc__callsource_end(struct cnc__str *out)
{
    cnc__str_puts(out, "</page>");
}

int
cnc__callsource_status(int code)
{
    switch (code) {
    case 0:
        return 200;
    case CNC_EREFUSED:
        return 422;
    case CNC_EACCES:
    case CNC_EAUTH:
        return 403;
    case CNC_ENOENT:
        return 404;
    case CNC_EEXIST:
        return 409;
    case CNC_ELIMIT:
        return 429;
    case CNC_EINVAL:
    case CNC_ESYNTAX:
        return 400;
    case CNC_ESTORE:
    case CNC_ECLOSED:
        return 503;
    case CNC_EAGAIN:
        return 504;
    default:
        return 500;
    }
}

/* -- where to go ---------------------------------------------------------- */

/* What a browser takes for another site: "//host", and "/\host" too. */
bool
cnc__web_is_local(const char *target)
{
    if (target == NULL || target[0] != '/' || target[1] == '/') {
        return false;
    }
    for (const char *s = target; *s != '\0'; s++) {
        if ((unsigned char)*s < 0x20 || *s == '\\' || *s == 0x7f) {
            return false;
        }
    }
    return true;
}

/* A query and escapes stay as they are. */
static void
write_target(struct cnc__str *out, const char *target)
{
    for (; *target != '\0'; target++) {
        unsigned char c = (unsigned char)*target;

        if (c <= 0x20 || c >= 0x7f || strchr("\"<>^`{|}", c) != NULL) {
            cnc__str_printf(out, "%%%02X", c);
        } else {
            cnc__str_putc(out, (char)c);
        }
    }
}

void
cnc__web_go(const struct cnc__agent *a, struct cnc__http_responder *responder,
            const char *target, const char *headers)
{
    struct cnc__str lines = CNC__STR;
    struct cnc__http_response out = {.status = 303};

    CNC_CHECK(cnc__web_is_local(target));
    cnc__str_printf(&lines, "Location: %s", a->prefix);
    write_target(&lines, target);
    cnc__str_printf(&lines, "\r\nCache-Control: no-store\r\n%s",
                    headers == NULL ? "" : headers);
    out.headers = lines.data;
    responder->respond(responder, &out);
    cnc__str_fini(&lines);
}

/* -- the note from one page to the next ----------------------------------- */

static void
mac(char hex[MAC_HEX + 1], const struct cnc__agent *a, const char *text)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    CNC_CHECK(HMAC(EVP_sha256(), a->flash_key, sizeof(a->flash_key),
                   (const unsigned char *)text, strlen(text), out,
                   &len) != NULL);
    cnc__hex(hex, out, MAC_HEX / 2);
}

static void
set_cookie(const struct cnc__agent *a, struct cnc__str *headers,
           const struct cnc__http_request *r, const char *value, int seconds)
{
    cnc__str_printf(headers,
                    "Set-Cookie: " CNC__COOKIE_FLASH
                    "=%s; Max-Age=%d; Path=%s/; HttpOnly; "
                    "SameSite=Lax%s\r\n",
                    value, seconds, a->prefix, r->secure ? "; Secure" : "");
}

void
cnc__flash_put(struct cnc__agent *a, const struct cnc__http_request *r,
               struct cnc__str *headers, const char *text)
{
    struct cnc__str value = CNC__STR;
    size_t len = strlen(text);
    char *cut, hex[MAC_HEX + 1];

    if (len == 0) {
        return;
    }
    len = len > FLASH_BYTES ? FLASH_BYTES : len;
    while (len > 0 && !cnc__utf8_valid(text, len)) {
        len--; /* not in the middle of a character */
    }
    cut = cnc__strndup(text, len);
    mac(hex, a, cut);
    cnc__str_puts(&value, hex);
    cnc__web_percent(&value, cut, false);
    set_cookie(a, headers, r, value.data, FLASH_S);
    cnc__str_fini(&value);
    cnc__free(cut);
}

static int
on_flash(const char *name, const char *value, void *priv)
{
    *(char **)priv = cnc__strdup(name);
    return 0;
}

char *
cnc__flash_take(struct cnc__agent *a, const struct cnc__http_request *r,
                struct cnc__str *headers)
{
    char *value = NULL, *text = NULL, hex[MAC_HEX + 1];
    size_t len = 0;
    const char *cookie = cnc__http_cookie(r, CNC__COOKIE_FLASH, &len);

    if (cookie == NULL) {
        return NULL;
    }
    set_cookie(a, headers, r, "", 0);
    /* A cookie's value is encoded as a name of a query, without '='; '+' is
     * never sent as such. */
    if (cnc__http_form_parse(cookie, len, 1, on_flash, &value) == 0 &&
        value != NULL && strlen(value) > MAC_HEX) {
        mac(hex, a, value + MAC_HEX);
        if (CRYPTO_memcmp(hex, value, MAC_HEX) == 0) {
            text = cnc__strdup(value + MAC_HEX);
        }
    }
    cnc__free(value);
    return text;
}
