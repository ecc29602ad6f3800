/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <stdio.h>
#include <unistd.h>

static const struct cnc_record book = {
    "book",
    CNC_FIELDS({"title", "Title", .required = true}, {"author", "Author"},
               {"isbn", "ISBN", .match = "97[89][0-9]{10}"},
               {"note", "Note", .kind = CNC_FIELD_LINES})};

const struct cnc_app bench_app = {
    .abi = CNC_APP_ABI,
    .size = sizeof(bench_app),
    .name = "mybookcase",
    .title = "My <bookcase>",
    .xmlns = BOOK_NS,
    .nodes = CNC_NODES({"library", &book, .form = "Add a book"}),
};

const struct cnc_page bench_page = {
    .path = "/", .node = "library", .template_ = "t.xsl", .window = 3};

/* -- the store ----------------------------------------------------------- */

static void
env_commit(struct cnc__commit *c, void *priv)
{
    struct bench *b = priv;
    b->commits =
        cnc__realloc(b->commits, b->n_commits + 1, sizeof(*b->commits));
    b->commits[b->n_commits++] = c;
}

static bool
run_commit(struct bench *b)
{
    if (b->n_commits == 0 || b->hold_commits) {
        return false;
    }
    struct cnc__commit *c = b->commits[0];
    b->n_commits--;
    memmove(b->commits, b->commits + 1, b->n_commits * sizeof(*b->commits));
    c->done(c, NULL);
    return true;
}

static int64_t
env_now(void *priv)
{
    return 1795383600000; /* 2026-11-22T21:40:00Z */
}

static int
env_before(struct cnc__publish *p, struct cnc__node *node,
           const struct cnc__actor *actor, const char *id,
           struct cnc_element *payload, struct cnc_error *err, void *priv)
{
    struct bench *b = priv;
    return cnc__agent_before_publish(b->agent, p, node, id, payload, err);
}

static void
env_after(enum cnc__event ev, struct cnc__node *node, struct cnc__item *item,
          void *priv)
{
    struct bench *b = priv;
    if (b->agent != NULL) {
        cnc__agent_after(b->agent, ev, node, item);
    }
}

/* -- the render process -------------------------------------------------- */

struct call {
    struct call *next;
    char *bytes;
    size_t len;
    cnc__render_reply_f *reply;
    void *priv;
};

static void
env_render(unsigned worker, const struct cnc__render_message *m,
           cnc__render_reply_f *reply, void *reply_priv, void *priv)
{
    struct bench *b = priv;
    struct call *c = cnc__zalloc(sizeof(*c)), **at = &b->calls;
    struct cnc__str bytes = CNC__STR;
    cnc__render_encode(&bytes, m);
    c->len = bytes.len;
    c->bytes = cnc__str_steal(&bytes);
    c->reply = reply;
    c->priv = reply_priv;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = c;
    b->n_calls++;
}

static char *
text_of(const struct cnc__render_message *m, size_t i)
{
    return i < m->n_fields ? cnc__strndup(m->fields[i].data, m->fields[i].len)
                           : NULL;
}

static void
free_doc(void *doc)
{
    struct cnc__page_doc *d = doc;
    cnc__page_doc_free(&d);
}

/* What the render process does with a message; out: the reply's fields. */
static int
engine(struct bench *b, const struct cnc__render_message *m,
       struct cnc__str out[2], struct cnc_error *err)
{
    const struct cnc__render_field *f = m->fields;
    char *t[4] = {text_of(m, 0), text_of(m, 1), text_of(m, 2), text_of(m, 3)};
    struct cnc__page_doc *d = cnc__table_get(b->docs, t[0]);
    int rc = 0;
    if (d == NULL && m->type == CNC__R_SHEET) {
        d = cnc__page_doc_new(NULL);
        cnc__table_put(b->docs, t[0], d);
    }
    if (d == NULL && m->type != CNC__R_CHECK && m->type != CNC__R_CLOSE) {
        rc = cnc_error_set(err, CNC_ENOENT, NULL, "no such page");
        goto out;
    }
    switch (m->type) {
    case CNC__R_CHECK:
        rc = cnc__engine_try(
            &(struct cnc__engine_sheet){.text = f[0].data,
                                        .len = f[0].len,
                                        .name = t[3],
                                        .imports = f[2].data,
                                        .imports_len = f[2].len,
                                        .texts = f[4].data,
                                        .texts_len = f[4].len},
            f[1].data, f[1].len, NULL, err);
        break;
    case CNC__R_SHEET:
        rc = cnc__page_doc_sheets(
            d,
            &(struct cnc__engine_sheet){.text = f[1].data,
                                        .len = f[1].len,
                                        .imports = f[2].data,
                                        .imports_len = f[2].len},
            err);
        break;
    case CNC__R_SOURCE:
        rc = cnc__page_doc_source(d, f[1].data, f[1].len, err);
        break;
    case CNC__R_UPSERT:
        rc = cnc__page_doc_upsert(d, t[1], t[2], f[3].data, f[3].len, err);
        break;
    case CNC__R_REMOVE:
        rc = cnc__page_doc_upsert(d, t[1], t[2], NULL, 0, err);
        break;
    case CNC__R_META:
        cnc__page_doc_meta(d, t[1], t[2], t[3]);
        break;
    case CNC__R_FORM:
        rc = cnc__page_doc_form(d, t[1], f[2].data, f[2].len, t[3], err);
        break;
    case CNC__R_RENDER:
        rc = cnc__page_doc_render(d, out, err);
        cnc__str_puts(&out[1], cnc__page_doc_parts_moved(d) ? "1" : "");
        break;
    case CNC__R_HTML:
        cnc__page_doc_html_parts(d, t[1], out, &out[1]);
        break;
    case CNC__R_CLOSE:
        if (d != NULL) {
            free_doc(cnc__table_del(b->docs, t[0]));
        }
        break;
    default:
        fail_msg("unknown call %u", m->type);
    }
out:
    for (size_t i = 0; i < 4; i++) {
        cnc__free(t[i]);
    }
    return rc;
}

static void
reply_to(struct call *c, uint8_t type, uint32_t number,
         const struct cnc__str out[2], const struct cnc_error *err)
{
    struct cnc__str bytes = CNC__STR;
    struct cnc__render_message m = {.type = CNC__R_OK, .call = number};
    char line[16];
    size_t used;
    if (err != NULL) {
        m.type = CNC__R_ERROR;
        snprintf(line, sizeof(line), "%u", err->line);
        m.fields[m.n_fields++] = cnc__web_field(line);
        m.fields[m.n_fields++] = cnc__web_field(err->text);
    } else if (type == CNC__R_RENDER || type == CNC__R_HTML) {
        m.type = type == CNC__R_RENDER ? CNC__R_PATCH : CNC__R_HTML_DONE;
        m.fields[m.n_fields++] = cnc__web_field_str(out);
        m.fields[m.n_fields++] = cnc__web_field_str(&out[1]);
    }
    cnc__render_encode(&bytes, &m);
    assert_int_equal(cnc__render_decode(&m, &used, bytes.data, bytes.len), 0);
    c->reply(&m, c->priv);
    cnc__str_fini(&bytes);
}

static void
free_call(struct call *c)
{
    cnc__free(c->bytes);
    cnc__free(c);
}

static bool
run_call(struct bench *b)
{
    struct call *c = b->calls;
    struct cnc__render_message m;
    struct cnc__str out[2] = {CNC__STR, CNC__STR};
    struct cnc_error err = {0};
    size_t used;
    if (c == NULL || b->hold_render) {
        return false;
    }
    assert_int_equal(cnc__render_decode(&m, &used, c->bytes, c->len), 0);
    assert_int_equal(used, c->len);
    if (m.type == CNC__R_CHECK && b->die_on_check) {
        b->die_on_check = false;
        bench_kill_render(b);
        return true;
    }
    b->calls = c->next;
    b->n_calls--;
    b->counts[m.type]++;
    int rc = engine(b, &m, out, &err);
    reply_to(c, m.type, m.call, out, rc != 0 ? &err : NULL);
    cnc__str_fini(&out[0]);
    cnc__str_fini(&out[1]);
    free_call(c);
    return true;
}

void
bench_kill_render(struct bench *b)
{
    struct call *list = b->calls;
    b->calls = NULL;
    b->n_calls = 0;
    cnc__table_free(&b->docs, free_doc);
    b->docs = cnc__table_new();
    while (list != NULL) {
        struct call *c = list;
        list = c->next;
        c->reply(NULL, c->priv);
        free_call(c);
    }
    cnc__agent_render_restarted(b->agent, 0);
}

void
bench_drop_calls(struct bench *b)
{
    while (b->calls != NULL) {
        struct call *c = b->calls;
        b->calls = c->next;
        free_call(c);
    }
    b->n_calls = 0;
}

/* -- other threads ------------------------------------------------------- */

struct job {
    struct job *next;
    void (*work)(void *);
    void (*done)(void *);
    void *arg;
};

static void
env_offload(void (*work)(void *), void (*done)(void *), void *arg, void *priv)
{
    struct bench *b = priv;
    struct job *j = cnc__zalloc(sizeof(*j)), **at = &b->jobs;
    *j = (struct job){NULL, work, done, arg};
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = j;
}

static bool
run_job(struct bench *b)
{
    struct job *j = b->jobs;
    if (j == NULL || b->hold_jobs) {
        return false;
    }
    b->jobs = j->next;
    j->work(j->arg);
    j->done(j->arg);
    cnc__free(j);
    return true;
}

/* -- the app's submit ---------------------------------------------------- */

struct submit {
    struct bench *bench;
    struct cnc__values *v;
    char *id;
    cnc__submitted_f *done;
    void *done_priv;
};

static void
finish_submit(struct submit *s, int code, const char *text)
{
    struct cnc__submit_result r = {code, text, s->id};
    s->done(&r, s->v, s->done_priv);
    cnc__values_free(&s->v);
    cnc__free(s->id);
    cnc__free(s);
}

static void
on_published(const struct cnc_error *err, const char *id, void *priv)
{
    finish_submit(priv, err != NULL ? err->code : 0,
                  err != NULL ? err->text : NULL);
}

static void
env_submit(const char *node, const struct cnc__actor *who,
           struct cnc__values *v, const char *id, cnc__submitted_f *done,
           void *done_priv, void *priv)
{
    struct bench *b = priv;
    struct submit *s = cnc__zalloc(sizeof(*s));
    struct cnc_element *e = NULL;
    *s = (struct submit){b, v, cnc__strdup(id), done, done_priv};
    b->submits++;
    assert_int_equal(who->anonymous, b->jid == NULL);
    assert_string_equal(who->jid, b->jid ? b->jid : "guest@books.example");
    if (cnc__record_build(&e, &book, BOOK_NS, v) != 0) {
        finish_submit(s, CNC_EREFUSED, "look again");
        return;
    }
    const char *isbn = cnc__values_get(v, "isbn", 0);
    if (b->refuse_isbn != NULL && isbn != NULL &&
        strcmp(isbn, b->refuse_isbn) == 0) {
        cnc__values_refuse(v, "isbn", "That book is on the shelf.");
        cnc_element_unref(&e);
        finish_submit(s, CNC_EREFUSED, "refused");
        return;
    }
    cnc__free(b->submitter);
    b->submitter = cnc__strdup(who->jid);
    struct cnc__actor app = {.jid = who->jid, .operator_ = true};
    cnc__pubsub_publish(b->pubsub, &app, b->library, id, e, true, on_published,
                        s);
    cnc_element_unref(&e);
}

/* -- who asks --------------------------------------------------------------
 */

static void
env_caller(struct cnc__caller *out, struct cnc__http_request *r, void *priv)
{
    struct bench *b = priv;
    if (b->jid != NULL) {
        out->who.jid = b->jid;
        out->who.anonymous = false;
    }
}

static bool
env_has_role(const char *bare, const char *roles, void *priv)
{
    struct bench *b = priv;
    return b->role != NULL && b->jid != NULL && strcmp(bare, b->jid) == 0 &&
           strstr(roles, b->role) != NULL;
}

/* -- life ---------------------------------------------------------------- */

static void
on_started(void *priv)
{
    ((struct bench *)priv)->started = true;
}

struct bench *
bench_new(const struct cnc_page *page, unsigned flags)
{
    struct bench *b = cnc__zalloc(sizeof(*b));
    struct cnc__pubsub_env pe = {.commit = env_commit,
                                 .now_ms = env_now,
                                 .before_publish = env_before,
                                 .after = env_after,
                                 .priv = b};
    struct cnc__agent_env ae = {.domain = "books.example",
                                .ws_path = "/xmpp",
                                .n_workers = 1,
                                .render = env_render,
                                .offload = env_offload,
                                .submit = env_submit,
                                .caller = env_caller,
                                .has_role = env_has_role,
                                .priv = b};
    struct cnc__node_config c;
    struct cnc_error err = {0};
    if (flags & BENCH_FILES) {
        snprintf(b->www, sizeof(b->www), "/tmp/cnc-web-XXXXXX");
        assert_non_null(mkdtemp(b->www));
        ae.www = b->www;
    }
    b->docs = cnc__table_new();
    b->router = pe.router = cnc__router_new("books.example");
    b->commands = ae.commands = cnc__commands_new(b->router);
    cnc__commands_roles(b->commands, env_has_role, b);
    b->pubsub = ae.pubsub = cnc__pubsub_new(&pe);
    b->agent = cnc__agent_new(&ae);
    cnc__node_config_default(&c);
    c.durable = true;
    b->library = cnc__pubsub_declare(b->pubsub, "library", &c);
    bench_run(b);
    if (cnc__agent_page(b->agent, &bench_app, page, &err) != 0) {
        fail_msg("%s", err.text);
    }
    if (!(flags & BENCH_NO_START)) {
        char *sheet = bench_sheet("Books", "");
        if (bench_template(b, "t.xsl", sheet, &err) != 0) {
            fail_msg("%s", err.text);
        }
        cnc__free(sheet);
        cnc__agent_start(b->agent, on_started, b);
        bench_run(b);
        assert_true(b->started);
    }
    return b;
}

void
bench_run(struct bench *b)
{
    while (run_commit(b) || run_call(b) || run_job(b)) {
    }
}

static void
free_answers(struct bench *b)
{
    while (b->answer != NULL) {
        struct answer *a = b->answer;
        b->answer = a->next;
        cnc__free(a->head);
        cnc__free(a->body);
        cnc__free(a->copy);
        cnc__free(a->path);
        cnc__free(a);
    }
}

void
bench_free(struct bench *b)
{
    b->hold_commits = b->hold_render = b->hold_jobs = false;
    bench_run(b);
    cnc__agent_free(&b->agent);
    bench_drop_calls(b);
    bench_run(b);
    cnc__commands_free(&b->commands);
    cnc__pubsub_free(&b->pubsub);
    cnc__router_free(&b->router);
    cnc__table_free(&b->docs, free_doc);
    free_answers(b);
    cnc__free(b->commits);
    cnc__free(b->refuse_isbn);
    cnc__free(b->submitter);
    cnc__free(b);
}

/* -- records and templates ----------------------------------------------- */

static void
on_done(const struct cnc_error *err, const char *id, void *priv)
{
    if (err != NULL) {
        fail_msg("%s: %s", id ? id : "", err->text);
    }
}

static const struct cnc__actor operator_ = {.jid = "operator@books.example",
                                            .operator_ = true};

static void
add_field(struct cnc_element *e, size_t at, const char *name, const char *text)
{
    struct cnc_element *t = NULL;
    assert_int_equal(cnc_element_new(&t, BOOK_NS, name, NULL), 0);
    cnc_element_insert_text(t, 0, text, strlen(text), NULL);
    cnc_element_insert(e, at, t, NULL);
    cnc_element_unref(&t);
}

void
bench_publish(struct bench *b, const char *id, const char *title)
{
    bench_publish_by(b, id, title, NULL);
}

void
bench_publish_by(struct bench *b, const char *id, const char *title,
                 const char *author)
{
    struct cnc_element *e = NULL;
    assert_int_equal(cnc_element_new(&e, BOOK_NS, "book", NULL), 0);
    add_field(e, 0, "title", title);
    if (author != NULL) {
        add_field(e, 1, "author", author);
    }
    cnc__pubsub_publish(b->pubsub, &operator_, b->library, id, e, false,
                        on_done, NULL);
    cnc_element_unref(&e);
}

void
bench_retract(struct bench *b, const char *id)
{
    cnc__pubsub_retract(b->pubsub, &operator_, b->library, id, on_done, NULL);
}

static void
on_template(const struct cnc_error *err, const char *id, void *priv)
{
    struct cnc_error *out = priv;
    if (err != NULL) {
        *out = *err;
    } else {
        out->code = 0;
    }
}

int
bench_template(struct bench *b, const char *id, const char *sheet,
               struct cnc_error *err)
{
    struct cnc_error result = {.code = 1};
    struct cnc_element *e = NULL;
    cnc_element_new(&e, CNC__NS_TEMPLATE, "template", NULL);
    cnc_element_set_attr(e, NULL, "type", "application/xslt+xml", NULL);
    cnc_element_insert_text(e, 0, sheet, strlen(sheet), NULL);
    cnc__pubsub_publish(b->pubsub, &operator_,
                        cnc__pubsub_node(b->pubsub, "templates"), id, e, false,
                        on_template, &result);
    bench_run(b);
    cnc_element_unref(&e);
    assert_int_not_equal(result.code, 1);
    if (err != NULL) {
        *err = result;
    }
    return result.code;
}

char *
bench_sheet(const char *heading, const char *extra)
{
    struct cnc__str s = CNC__STR;
    cnc__str_printf(
        &s,
        "<xsl:stylesheet version='1.0'\n"
        " xmlns:xsl='http://www.w3.org/1999/XSL/Transform'\n"
        " xmlns:c='" CNC__NS_PAGE "' xmlns:l='" BOOK_NS "'\n"
        " exclude-result-prefixes='c l'>\n"
        "<xsl:template match='/'><html lang='en'><head>"
        "<title><xsl:value-of select='/*/@c:title'/></title></head><body>"
        "<h1>%s</h1>%s<ul id='shelf'><xsl:for-each select='/*/l:book'>"
        "<li id='{@c:id}'><xsl:value-of select='l:title'/></li>"
        "</xsl:for-each></ul>"
        "<xsl:if test='/*/@c:older'><a id='older' href='{/*/@c:older}'>"
        "Older</a></xsl:if>"
        "<c:form node='library'/></body></html></xsl:template>\n"
        "</xsl:stylesheet>\n",
        heading, extra);
    return cnc__str_steal(&s);
}

/* -- HTTP ---------------------------------------------------------------- */

static void
take_body(struct answer *a, const char *data, size_t len)
{
    a->body = cnc__strndup(data, len);
    a->body_len = len;
}

static void
respond(struct cnc__http_responder *self, const struct cnc__http_response *r)
{
    struct answer *a = CNC_CONTAINER(self, struct answer, responder);
    struct cnc__str head = CNC__STR;
    a->n++;
    if (r->whole != NULL) {
        const char *data = cnc_buf_data(r->whole);
        const char *lines = strstr(data, "\r\n") + 2;
        a->is_whole = true;
        a->status = 200;
        assert_memory_equal(data, "HTTP/1.1 200 OK\r\n", 17);
        assert_memory_equal(data + r->head_len - 4, "\r\n\r\n", 4);
        a->head =
            cnc__strndup(lines, r->head_len - 2 - (size_t)(lines - data));
        take_body(a, data + r->head_len, cnc_buf_len(r->whole) - r->head_len);
        return;
    }
    a->status = r->status;
    if (r->content_type != NULL) {
        cnc__str_printf(&head, "Content-Type: %s\r\n", r->content_type);
    }
    cnc__str_puts(&head, r->headers != NULL ? r->headers : "");
    a->head = cnc__strdup(cnc__str_c(&head));
    cnc__str_fini(&head);
    if (r->body != NULL) {
        take_body(a, cnc_buf_data(r->body), cnc_buf_len(r->body));
    } else {
        take_body(a, "", 0);
    }
}

static void
request(struct bench *b, enum cnc__http_method method, const char *target,
        const char *headers, const char *body)
{
    struct answer *a = cnc__zalloc(sizeof(*a));
    struct cnc__http_request *r = &a->request;
    struct cnc__str copy = CNC__STR;
    const char *mark = strchr(target, '?');
    cnc__str_printf(&copy, "%s%c%s%c%s", headers ? headers : "", 0,
                    body ? body : "", 0, mark ? mark + 1 : "");
    a->copy = cnc__str_steal(&copy);
    a->path = mark ? cnc__strndup(target, (size_t)(mark - target))
                   : cnc__strdup(target);
    r->method = method;
    r->headers = a->headers;
    r->path = a->path;
    r->body = a->copy + strlen(headers ? headers : "") + 1;
    r->body_len = strlen(r->body);
    r->query = r->body + r->body_len + 1;
    for (char *s = a->copy; *s != '\0';) {
        char *end = strstr(s, "\r\n"), *colon = strchr(s, ':');
        *end = *colon = '\0';
        a->headers[r->n_headers++] = (struct cnc__http_header){s, colon + 2};
        s = end + 2;
    }
    a->next = b->answer;
    a->responder.respond = respond;
    b->answer = a;
    r->responder = &a->responder;
    cnc__agent_http(b->agent, r);
    bench_run(b);
}

void
bench_get(struct bench *b, const char *target, const char *headers)
{
    request(b, CNC__HTTP_GET, target, headers, NULL);
}

void
bench_head(struct bench *b, const char *target)
{
    request(b, CNC__HTTP_HEAD, target, NULL, NULL);
}

void
bench_post(struct bench *b, const char *target, const char *type,
           const char *body)
{
    struct cnc__str h = CNC__STR;
    cnc__str_printf(&h, "content-type: %s\r\n",
                    type ? type : "application/x-www-form-urlencoded");
    request(b, CNC__HTTP_POST, target, h.data, body);
    cnc__str_fini(&h);
}

const char *
bench_header(struct bench *b, const char *name)
{
    static char value[1024];
    struct cnc__str want = CNC__STR;
    cnc__str_printf(&want, "%s: ", name);
    const char *s = strstr(b->answer->head, want.data);
    while (s != NULL && s != b->answer->head && s[-1] != '\n') {
        s = strstr(s + 1, want.data);
    }
    if (s != NULL) {
        s += want.len;
        size_t n = strcspn(s, "\r");
        n = n < sizeof(value) ? n : sizeof(value) - 1;
        memcpy(value, s, n);
        value[n] = '\0';
    }
    cnc__str_fini(&want);
    return s != NULL ? value : NULL;
}

const char *
bench_page_html(struct bench *b)
{
    bench_get(b, "/", NULL);
    assert_int_equal(b->answer->status, 200);
    return b->answer->body;
}

/* -- the view ------------------------------------------------------------ */

struct patches {
    size_t n, want;
    char *text;
    uint64_t seq;
};

static int
count_patch(const struct cnc_store_entry *e, void *priv)
{
    struct patches *p = priv;
    p->n++;
    return 0;
}

static int
take_patch(const struct cnc_store_entry *e, void *priv)
{
    struct patches *p = priv;
    if (p->n-- == p->want + 1) { /* newest first */
        p->text = cnc__strndup(e->value, e->len);
        p->seq = e->seq;
    }
    return 0;
}

size_t
bench_n_patches_of(struct bench *b, const char *view)
{
    struct patches p = {0};
    struct cnc__node *n = cnc__pubsub_node(b->pubsub, view);
    assert_non_null(n);
    cnc__node_history(n, NULL, count_patch, &p);
    return p.n;
}

size_t
bench_n_patches(struct bench *b)
{
    return bench_n_patches_of(b, "view:/");
}

static struct patches
take(struct bench *b, const char *view, size_t i)
{
    struct patches p = {.n = bench_n_patches_of(b, view), .want = i};
    assert_true(i < p.n);
    cnc__node_history(cnc__pubsub_node(b->pubsub, view), NULL, take_patch, &p);
    return p;
}

char *
bench_patch_of(struct bench *b, const char *view, size_t i)
{
    return take(b, view, i).text;
}

char *
bench_patch(struct bench *b, size_t i, uint64_t *seq)
{
    struct patches p = take(b, "view:/", i);
    if (seq != NULL) {
        *seq = p.seq;
    }
    return p.text;
}
