/* SPDX-License-Identifier: MIT */
/*
 * submit.c -- a form posted without JavaScript: values -> the app -> 303 to
 * the page, once its snapshot shows the record; or 422 with the page, the
 * errors and what was typed.
 */
#include <strings.h>

#include "web.h"

#define MAX_PAIRS 256
/* Ticks (seconds) a 303 waits for the snapshot: at least two seconds. */
#define MAX_TICKS 3

struct cnc__posted {
    struct cnc__posted *next; /* while it waits for the snapshot */
    struct cnc__agent *agent;
    struct cnc__web_page *page;
    char *node;
    struct cnc__http_responder *responder; /* NULL: answered */
    char *id;
    struct cnc__viewer who;
    unsigned ticks;
    struct cnc__form_files *files; /* that came with it, or NULL */
};

static void
free_posted(struct cnc__posted *s)
{
    cnc__page_unref(&s->page);
    cnc__form_files_end(&s->files, false, NULL);
    cnc__free(s->node);
    cnc__free(s->id);
    cnc__viewer_fini(&s->who);
    cnc__free(s);
}

static void
unlink_posted(struct cnc__posted *s)
{
    struct cnc__posted **at = &s->agent->posted;
    while (*at != NULL && *at != s) {
        at = &(*at)->next;
    }
    if (*at == s) {
        *at = s->next;
    }
}

/* The service answers what is open itself when it ends. */
void
cnc__submit_free(struct cnc__agent *a)
{
    while (a->posted != NULL) {
        struct cnc__posted *s = a->posted;
        a->posted = s->next;
        free_posted(s);
    }
}

/* -- accepted: 303 ------------------------------------------------------- */

static void
see_page(struct cnc__posted *s)
{
    if (s->responder != NULL) {
        cnc__answer_see(s->page->agent, s->responder, 303, s->page->path);
        s->responder = NULL;
    }
}

static void
on_fresh(void *priv)
{
    struct cnc__posted *s = priv;
    see_page(s);
    unlink_posted(s);
    free_posted(s);
}

void
cnc__submit_tick(struct cnc__agent *a)
{
    for (struct cnc__posted *s = a->posted; s != NULL; s = s->next) {
        if (++s->ticks >= MAX_TICKS) {
            see_page(s); /* freed when the snapshot comes at last */
        }
    }
}

static void
accepted(struct cnc__posted *s, const char *id)
{
    struct cnc__agent *a = s->agent;
    struct cnc__shown *shown = cnc__page_shown(s->page, s->node);
    struct cnc__node *node = shown->watch->node;
    struct cnc__item *item =
        node == NULL ? NULL : cnc__node_item_or_pending(node, id ? id : s->id);
    uint64_t seq = item != NULL ? item->seq : 0;
    cnc__item_unref(&item);
    s->next = a->posted;
    a->posted = s;
    /* done() comes before the event: wait for that first. */
    cnc__page_when_item(s->page, shown->watch, seq, on_fresh, s);
}

/* -- refused: 422 -------------------------------------------------------- */

static void
plain_refusal(struct cnc__posted *s)
{
    cnc__answer_back(s->agent, s->responder, 422, "Please check the form",
                     "What was sent cannot be accepted as it is, and the "
                     "page cannot be shown just now.",
                     s->page->path);
}

static void
on_refused_page(const char *html, size_t len, const char *error, void *priv)
{
    struct cnc__posted *s = priv;
    if (s->agent->closed) {
        free_posted(s);
        return;
    }
    if (html != NULL) {
        cnc__answer_html(s->responder, 422,
                         s->who.bare != NULL ? cnc__call_headers
                                             : cnc__page_lines(s->page),
                         html, len);
    } else {
        cnc__log(CNC_LOG_WARN, "page.error", "page=%s form=%s %s",
                 s->page->path, s->node, error);
        plain_refusal(s);
    }
    free_posted(s);
}

static void
refused(struct cnc__posted *s, const struct cnc__values *v)
{
    if (s->page->gone ||
        !cnc__once(s->page, &s->who, s->node, v, s->id, on_refused_page, s)) {
        plain_refusal(s);
        free_posted(s);
    }
}

static void
failed(struct cnc__posted *s, const struct cnc__submit_result *r)
{
    int status = r->code == CNC_ENOENT   ? 404
                 : r->code == CNC_EACCES ? 403
                 : r->code == CNC_ELIMIT ? 413
                 : r->code == CNC_ESTORE ? 503
                                         : 500;
    cnc__answer_back(s->agent, s->responder, status, "It could not be kept",
                     r->text != NULL ? r->text
                                     : "The service could not keep what was "
                                       "sent. Please try again later.",
                     s->page->path);
    free_posted(s);
}

static void
on_submitted(const struct cnc__submit_result *r, struct cnc__values *v,
             void *priv)
{
    struct cnc__posted *s = priv;
    cnc__form_files_end(&s->files, r->code != 0, v);
    if (r->code == 0) {
        accepted(s, r->id);
    } else if (r->code == CNC_EREFUSED) {
        if (r->text != NULL && cnc__values_n_errors(v) == 0) {
            cnc__values_refuse(v, NULL, r->text);
        }
        refused(s, v);
    } else {
        failed(s, r);
    }
}

/* -- reading ------------------------------------------------------------- */

struct reading {
    struct cnc__values *v;
    const struct cnc_record *record;
    char *id;
    struct cnc_error err;
};

struct posting { /* until the whole form is read */
    struct reading rd;
    struct cnc__agent *agent;
    struct cnc__web_page *page;
    char *node, *jid;
    char *item; /* the asker's id for it, or NULL */
    bool anonymous, operator_;
    struct cnc__http_responder *responder;
};

static const struct cnc_field *
field_of(const struct cnc_record *r, const char *name)
{
    for (const struct cnc_field *f = r->fields; f != NULL && f->name != NULL;
         f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

/* A <textarea> is sent with CR LF; a text-multi has one value a line. */
int
cnc__web_add_lines(struct cnc__values *v, const char *name, const char *value,
                   struct cnc_error *err)
{
    for (;;) {
        size_t n = strcspn(value, "\r\n");
        char *line = cnc__strndup(value, n);
        int rc = cnc__values_add(v, name, line, err);
        cnc__free(line);
        value += n;
        if (rc != 0 || *value == '\0') {
            return rc;
        }
        value += value[0] == '\r' && value[1] == '\n' ? 2 : 1;
    }
}

static int
on_pair(const char *name, const char *value, void *priv)
{
    struct reading *rd = priv;
    if (strcmp(name, CNC__FORM_ID) == 0) {
        if (strlen(value) > CNC__WEB_MAX_ID) {
            return cnc_error_set(&rd->err, CNC_ELIMIT, NULL,
                                 "the item id is too long");
        }
        cnc__free(rd->id);
        rd->id = cnc__strdup(value);
        return 0;
    }
    const struct cnc_field *f = field_of(rd->record, name);
    if (f != NULL && f->kind == CNC_FIELD_LINES) {
        return cnc__web_add_lines(rd->v, name, value, &rd->err);
    }
    return cnc__values_add(rd->v, name, value, &rd->err);
}

/* RFC 9562 version 4. */
static char *
new_id(void)
{
    unsigned char b[16];
    char hex[33];
    struct cnc__str s = CNC__STR;
    cnc__random(b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    cnc__hex(hex, b, sizeof(b));
    cnc__str_printf(&s, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
                    hex + 16, hex + 20);
    return cnc__str_steal(&s);
}

bool
cnc__web_is_urlencoded(const char *type)
{
    static const char want[] = "application/x-www-form-urlencoded";
    size_t n = sizeof(want) - 1;
    return type != NULL && strncasecmp(type, want, n) == 0 &&
           (type[n] == '\0' || type[n] == ';' || type[n] == ' ');
}

static void
start(struct cnc__web_page *p, struct posting *post,
      struct cnc__form_files *files)
{
    struct cnc__agent *a = p->agent;
    struct cnc__posted *s = cnc__zalloc(sizeof(*s));
    struct reading *rd = &post->rd;
    struct cnc__actor who = {post->jid, post->anonymous, post->operator_};
    if (rd->id == NULL || rd->id[0] == '\0') {
        cnc__free(rd->id);
        rd->id = post->item != NULL ? post->item : new_id();
        post->item = NULL;
    }
    s->agent = a;
    s->page = cnc__page_ref(p);
    s->node = cnc__strdup(post->node);
    s->responder = post->responder;
    s->id = rd->id;
    s->files = files;
    cnc__viewer_init(&s->who, &who);
    cnc__form_files_tell(files, rd->v);
    a->env.submit(post->node, &who, rd->v, s->id, on_submitted, s,
                  a->env.priv);
}

static void
refuse_body(struct cnc__web_page *p, struct cnc__http_responder *responder,
            int rc)
{
    struct cnc__agent *a = p->agent;
    if (rc == CNC_EPROTO) {
        cnc__answer_back(a, responder, 415, "Not a form",
                         "Forms are sent as "
                         "application/x-www-form-urlencoded or "
                         "multipart/form-data.",
                         p->path);
    } else if (rc == CNC_ELIMIT) {
        cnc__answer_back(a, responder, 413, "Too much at once",
                         "The form may send 4096 lines and 256 kB.", p->path);
    } else {
        cnc__answer_back(a, responder, 400, "The form is damaged",
                         "What was sent cannot be read as a form.", p->path);
    }
}

static void
on_read(int rc, struct cnc__form_files *files, void *priv)
{
    struct posting *post = priv;
    struct cnc__web_page *p = post->page;
    struct cnc__agent *a = post->agent;
    if (rc == 0 && !a->closed) {
        start(p, post, files);
    } else {
        cnc__values_free(&post->rd.v);
        cnc__free(post->rd.id);
        cnc__form_files_end(&files, true, NULL);
        if (!a->closed) {
            refuse_body(p, post->responder, rc);
        }
    }
    cnc__page_unref(&post->page);
    cnc__free(post->node);
    cnc__free(post->jid);
    cnc__free(post->item);
    cnc__free(post);
    cnc__agent_unref(a);
}

void
cnc__submit_answer(struct cnc__web_page *p, const char *node,
                   const struct cnc__actor *who, struct cnc__http_request *r)
{
    struct cnc__agent *a = p->agent;
    struct cnc__shown *shown = cnc__page_shown(p, node);
    const struct cnc_node *decl = shown == NULL ? NULL : shown->decl;
    if (decl == NULL || decl->form == NULL || decl->record == NULL) {
        cnc__answer_back(a, r->responder, 404, "No such form",
                         "This page has no form of that name.", p->path);
        return;
    }
    struct posting *post = cnc__zalloc(sizeof(*post));
    *post = (struct posting){
        .rd = {.v = cnc__values_new(), .record = decl->record},
        .agent = a,
        .page = cnc__page_ref(p),
        .node = cnc__strdup(decl->name),
        .jid = cnc__strdup(who->jid),
        .item = r->asker == NULL ? NULL : cnc__strdup(r->asker->item),
        .anonymous = who->anonymous,
        .operator_ = who->operator_,
        .responder = r->responder};
    cnc__agent_ref(a);
    cnc__form_read(a, r, decl->record, MAX_PAIRS, on_pair, &post->rd, on_read,
                   post);
}
