/* SPDX-License-Identifier: MIT */
/*
 * errand.c -- the handler of a page that runs in the web server's process
 * which asks for the page (docs/protocol.md, HTTP over the link).
 *
 *   command of a page, .reads -> cnc__app_errand(): <run/> to the asker
 *     <ran more="true"/>...    -> the first parts of the answer
 *     <ran/>                   -> the rest of it -> after(), as if the handler
 *                                 had returned here
 *     the asker has gone       -> give_up()
 *
 * That process is believed no more than a handler is: what it says goes
 * through the calls that handlers make, with their limits.  Whatever it does,
 * the page is this service's.
 */
#include "../xml/write.h"
#include "private.h"

#define NS_DATA  "jabber:x:data"
#define MAX_RUN  ((size_t)200 << 10) /* bytes of <run/>; more is run here */
#define MAX_LOGS 100                 /* lines of one handler */
#define MAX_NAME 256                 /* bytes of a field's name */
#define MAX_S    25                  /* that a handler has ... */
#define MAX_MS   30000               /* ... before it is given up here */

struct errand {
    struct cnc__http_errand http; /* the first member */
    struct cnc__apps *apps;
    struct cnc__http_asker *asker;
    uint64_t session;
    char call[33];
    struct cnc_request *r;
    uint64_t deadline_ms;
    unsigned n_logs;
    bool table; /* it said its columns */
    bool over;  /* the asker has gone: the tick ends it */
};

static void
errand_free(struct errand *e)
{
    cnc__table_del(e->apps->errands, e->call);
    cnc__free(e);
}

/* -- away -------------------------------------------------------------------
 */

static bool
has_word(const char *words, const char *word)
{
    size_t n = strlen(word);

    while (*words != '\0') {
        size_t len = strcspn(words, " ");

        if (len == n && memcmp(words, word, n) == 0) {
            return true;
        }
        words += len;
        words += *words == ' ';
    }
    return false;
}

static void
add_role(struct cnc__str *out, const struct cnc_request *r, const char *role)
{
    const struct cnc__apps_env *env = &r->app->apps->env;

    if (env->has_role(r->user, role, env->priv)) {
        cnc__str_printf(out, "%s%s", out->len > 0 ? " " : "", role);
    }
}

/* Of the roles that there are, those that he has. */
static void
write_roles(struct cnc__str *out, const struct cnc_request *r)
{
    struct cnc__apps *a = r->app->apps;

    if (a->env.has_role == NULL || r->guest) {
        return;
    }
    add_role(out, r, "admin");
    for (const struct cnc__app *app = a->first; app != NULL; app = app->next) {
        const struct cnc_role *role = app->decl->roles;

        for (; role != NULL && role->name != NULL; role++) {
            if (!has_word(cnc__str_c(out), role->name)) {
                add_role(out, r, role->name);
            }
        }
    }
}

static void
write_run(struct cnc__str *out, const struct errand *e)
{
    const struct cnc_request *r = e->r;
    const struct cnc__apps_env *env = &e->apps->env;
    struct cnc__str roles = CNC__STR;
    char *url = env->url == NULL ? NULL : env->url(env->priv);
    uint32_t seconds = env->limits.handler_s;

    write_roles(&roles, r);
    cnc__xml_printf(
        out,
        "<run xmlns='" CNC__NS_WEB "' call='%s' app='%s' command='%s'"
        " user='%s' guest='%s' operator='%s' roles='%s' lang='%s' url='%s'"
        " seconds='%u'>%pE</run>",
        e->call, r->app_name, r->key, r->user, r->guest ? "true" : "false",
        r->operator_ ? "true" : "false", cnc__str_c(&roles), cnc_lang(r),
        url == NULL ? "" : url,
        seconds == 0 || seconds > MAX_S ? MAX_S : seconds, r->in);
    cnc__str_fini(&roles);
    cnc__free(url);
}

/* Not from inside the gate's call: what comes of it may free the request. */
static void
gone(struct cnc__http_errand *http)
{
    struct errand *e = (struct errand *)http;

    e->over = true;
    e->asker = NULL;
}

static void
give_up(struct errand *e)
{
    struct cnc_request *r = e->r;

    cnc__log(CNC_LOG_WARN, "app.errand",
             "app=%s command=%s the web server's process has gone, or did not "
             "answer in time",
             r->app_name, r->key);
    errand_free(e);
    r->give_up(r, CNC__TEXT("It took too long. Please try again later."));
    r->drop(r);
}

static struct errand *
next_over(struct cnc__apps *a)
{
    struct cnc__table_iter i = {0};

    while (cnc__table_next(a->errands, &i)) {
        struct errand *e = i.value;

        if (e->over || a->now_ms >= e->deadline_ms) {
            return e;
        }
    }
    return NULL;
}

void
cnc__app_errands_tick(struct cnc__apps *a)
{
    struct errand *e;

    while ((e = next_over(a)) != NULL) {
        if (!e->over) {
            e->asker->drop(e->asker, &e->http);
        }
        give_up(e);
    }
}

void
cnc__app_errands_free(struct cnc__apps *a)
{
    struct errand *e;

    /* Sessions have ended before, and each was told. */
    a->now_ms = UINT64_MAX;
    while ((e = next_over(a)) != NULL) {
        give_up(e);
    }
    cnc__table_free(&a->errands, NULL);
}

/* Those of one request are said one after the other. */
static uint64_t
deadline(const struct errand *e)
{
    struct cnc__table_iter i = {0};
    uint64_t n = 1;

    while (cnc__table_next(e->apps->errands, &i)) {
        n += ((const struct errand *)i.value)->asker == e->asker;
    }
    /* Before the first tick nobody knows the time; the gate has a limit of
     * its own. */
    return e->apps->now_ms == 0 ? UINT64_MAX : e->apps->now_ms + n * MAX_MS;
}

bool
cnc__app_errand(struct cnc_request *r)
{
    struct cnc__web_call *web = cnc__request_web(r);
    struct cnc__http_asker *asker = web == NULL ? NULL : web->request->asker;
    struct cnc__str xml = CNC__STR;
    struct errand *e;

    /* An entry that it has from a C app is not there. */
    if (asker == NULL || !r->reads || r->layer != r->app ||
        !has_word(asker->apps, r->app->decl->name)) {
        return false;
    }
    r->magic = CNC__CALL_MAGIC;
    r->app_name = r->app->decl->name;
    e = cnc__zalloc(sizeof(*e));
    e->http.gone = gone;
    e->apps = r->app->apps;
    e->asker = asker;
    e->session = asker->session;
    e->r = r;
    cnc__random_hex(e->call, 16);
    write_run(&xml, e);
    if (xml.len > MAX_RUN) {
        cnc__free(e);
    } else {
        e->deadline_ms = deadline(e);
        cnc__table_put(e->apps->errands, e->call, e);
        asker->say(asker, &e->http, xml.data, xml.len);
        e = NULL;
    }
    cnc__str_fini(&xml);
    return e == NULL;
}

/* -- back -------------------------------------------------------------------
 */

/* What it said is no answer; it counts as a fault of the app, for it is the
 * app's code that runs there. */
static int
malformed(struct errand *e, const char *what)
{
    return cnc_fault(e->r, "the web server's process answered with %s", what);
}

static const char *
name_of(const struct cnc_element *field)
{
    const char *name = cnc_element_attr(field, NULL, "var");

    return name == NULL || *name == '\0' || strlen(name) > MAX_NAME ? NULL
                                                                    : name;
}

/* The texts of its <value/>s, a line each. */
static char *
value_of(const struct cnc_element *field)
{
    struct cnc__str out = CNC__STR;
    struct cnc_element *v;
    bool more = false;

    for (size_t i = 0;
         (v = cnc_element_next(field, &i, NS_DATA, "value")) != NULL;) {
        cnc__str_printf(&out, "%s%s", more ? "\n" : "", cnc_element_text(v));
        more = true;
    }
    return out.len == 0 ? cnc__strdup("") : cnc__str_steal(&out);
}

enum part { VALUE, COLUMN, CELL };

static int
take_fields(struct errand *e, const struct cnc_element *of, enum part part)
{
    struct cnc_element *f;

    for (size_t i = 0;
         (f = cnc_element_next(of, &i, NS_DATA, "field")) != NULL;) {
        const char *name = name_of(f);
        const char *label = cnc_element_attr(f, NULL, "label");
        char *value;

        if (name == NULL) {
            return malformed(e, "a field without a name");
        }
        value = value_of(f);
        if (strlen(value) > CNC__ANSWER_BYTES) {
            cnc__free(value);
            return malformed(e, "a text that is too long");
        }
        if (part == COLUMN) {
            cnc_column(e->r, name, label);
        } else if (part == CELL) {
            cnc_cell(e->r, name, "%s", value);
        } else {
            cnc_value(e->r, name, label, "%s", value);
        }
        cnc__free(value);
    }
    return 0;
}

/* Rows come in as many parts as they need; their columns once, before. */
static int
take_table(struct errand *e, const struct cnc_element *x)
{
    const struct cnc_element *reported =
        cnc_element_child(x, NS_DATA, "reported");
    struct cnc_element *item;
    int code = 0;

    if (reported != NULL && e->table) {
        return malformed(e, "columns twice");
    }
    if (reported != NULL) {
        e->table = true;
        code = take_fields(e, reported, COLUMN);
    }
    for (size_t i = 0; code == 0 && (item = cnc_element_next(
                                         x, &i, NS_DATA, "item")) != NULL;) {
        code = e->table ? take_fields(e, item, CELL)
                        : malformed(e, "rows without columns");
        if (code == 0) {
            cnc_row(e->r);
        }
    }
    return code;
}

static int
take_x(struct errand *e, const struct cnc_element *x)
{
    int code = take_fields(e, x, VALUE);

    return code != 0 ? code : take_table(e, x);
}

static int
take_fault(struct errand *e, const struct cnc_element *fault)
{
    const char *late = cnc_element_attr(fault, NULL, "timeout");
    const char *text = cnc_element_text(fault);
    int code = cnc_fault(e->r, "%s", *text == '\0' ? "it failed" : text);

    return late != NULL && strcmp(late, "true") == 0 ? CNC_EAGAIN : code;
}

static void
take_log(struct errand *e, const struct cnc_element *line)
{
    if (e->n_logs++ < MAX_LOGS) {
        cnc_log(e->r, "%.1000s", cnc_element_text(line));
    }
}

static int
take_child(struct errand *e, const struct cnc_element *c)
{
    const char *text = cnc_element_text(c);

    if (cnc_element_is(c, NS_DATA, "x")) {
        return take_x(e, c);
    }
    if (cnc_element_is(c, CNC__NS_WEB, "fault")) {
        return take_fault(e, c);
    }
    if (strlen(text) > CNC__ANSWER_BYTES) {
        return malformed(e, "a text that is too long");
    }
    if (cnc_element_is(c, CNC__NS_WEB, "note")) {
        cnc_note(e->r, "%s", text);
    } else if (cnc_element_is(c, CNC__NS_WEB, "see")) {
        cnc_see(e->r, text);
    } else if (cnc_element_is(c, CNC__NS_WEB, "log")) {
        take_log(e, c);
    } else if (cnc_element_is(c, CNC__NS_WEB, "refuse")) {
        cnc_refuse(e->r, cnc_element_attr(c, NULL, "field"), "%s", text);
    } else {
        return malformed(e, "something unknown");
    }
    return 0;
}

/* 0, or what the handler would have returned. */
static int
take(struct errand *e, const struct cnc_element *ran)
{
    struct cnc_element *c;
    int code = 0;

    for (size_t i = 0;
         code == 0 && (c = cnc_element_next(ran, &i, NULL, NULL)) != NULL;) {
        code = take_child(e, c);
    }
    return code;
}

/* It has no such handler (its file is another one): it runs here after all,
 * unless the app was stopped meanwhile. */
static void
run_here(struct cnc_request *r)
{
    if (cnc__command_is_open(r->command)) {
        cnc__app_call(r);
    } else {
        r->after(r, CNC_ECLOSED);
    }
}

static void
come_back(struct errand *e, struct cnc_element *ran)
{
    struct cnc_request *r = e->r;
    bool not_here = cnc_element_child(ran, CNC__NS_WEB, "not-here") != NULL;
    int code = 0;

    if (!not_here) { /* what an earlier part did wrong stays so */
        code = r->fault[0] == '\0' ? take(e, ran) : CNC_ESYS;
    }
    errand_free(e);
    if (not_here) {
        run_here(r);
    } else {
        r->after(r, code);
    }
}

static bool
is_part(const struct cnc_element *ran)
{
    const char *more = cnc_element_attr(ran, NULL, "more");

    return more != NULL && strcmp(more, "true") == 0;
}

static void
on_ran(struct cnc__request *q, void *priv)
{
    struct cnc__apps *a = priv;
    const char *call = cnc_element_attr(q->payload, NULL, "call");
    struct errand *e = call == NULL ? NULL : cnc__table_get(a->errands, call);
    struct cnc_element *stanza, *ran = q->payload;

    if (e == NULL || e->over || e->session != q->session_id) {
        cnc__request_refuse(&q, CNC_ENOENT, "item-not-found",
                            "nothing waits for that");
    } else if (is_part(ran)) {
        if (e->r->fault[0] == '\0') {
            take(e, ran);
        }
        cnc__request_result(&q, NULL, 0);
    } else {
        stanza = cnc_element_ref(q->stanza);
        if (e->asker->go_on(e->asker, &e->http, &q)) {
            come_back(e, ran);
        } else {
            cnc__request_refuse(&q, CNC_ENOENT, "item-not-found",
                                "nothing waits for that");
        }
        cnc_element_unref(&stanza);
    }
}

int
cnc__apps_web(struct cnc__apps *a, struct cnc_error *err)
{
    const struct cnc__handler ran = {.kinds = CNC__IQ_SET,
                                     .ns = CNC__NS_WEB,
                                     .name = "ran",
                                     .f = on_ran,
                                     .priv = a};
    int code = cnc__router_handle(a->env.router, &ran, err);

    return code != 0 ? code : cnc__app_webread_handle(a, err);
}
