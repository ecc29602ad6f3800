/* SPDX-License-Identifier: MIT */
/* Commands as pages: /_do, /_do/NODE. */
#include "bench.h"

#include <stdio.h>

static const struct cnc_record form = {
    "form", CNC_FIELDS({"name", "Name", .required = true},
                       {"size", "Size", .value = "10"},
                       {"word", "Word", .kind = CNC_FIELD_SECRET})};
static const struct cnc_record search = {"search", CNC_FIELDS({"q", "Q"})};

static struct cnc__command_reply *held;
static char see[64];

static void
run(struct cnc__command_reply *reply, const struct cnc__caller *who,
    struct cnc__values *v, void *priv)
{
    const char *name = cnc__values_get(v, "name", 0);

    assert_non_null(who->web);
    if (name != NULL && strcmp(name, "wait") == 0) {
        held = reply;
        return;
    }
    if (name != NULL && strcmp(name, "bad") == 0) {
        cnc__command_refuse(reply, v, "name", "Not <that>.");
        return;
    }
    if (see[0] != '\0') {
        cnc__command_see(reply, see);
    }
    cnc__str_puts(&who->web->headers, "X-Said: yes\r\n");
    cnc__command_done(reply, NULL, "All & done.",
                      "<x xmlns='jabber:x:data' type='result'>"
                      "<field var='n' label='N'><value>7</value></field>"
                      "</x>");
}

static void
add(struct bench *b, const char *node, const struct cnc_record *record,
    enum cnc_who who, bool safe)
{
    struct cnc__command cmd = {.node = (char *)node,
                               .name = (char *)"Do <it>",
                               .help = (char *)"Does it.",
                               .record = record,
                               .who = who,
                               .safe = safe,
                               .run = run};

    assert_int_equal(cnc__commands_add(b->commands, &cmd, NULL), 0);
}

static int
set_up(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);

    see[0] = '\0';
    held = NULL;
    add(b, "a/form", &form, CNC_ANYBODY_RUNS, false);
    add(b, "search", &search, CNC_ANYBODY_RUNS, true);
    add(b, "now", NULL, CNC_ANYBODY_RUNS, true);
    add(b, "http://x#y", NULL, CNC_ANYBODY_RUNS, true);
    add(b, "users", NULL, CNC_USERS, false);
    *state = b;
    return 0;
}

static int
tear_down(void **state)
{
    bench_free(*state);
    return 0;
}

static void
get(struct bench *b, const char *target)
{
    bench_get(b, target, NULL);
    bench_run(b);
}

static void
post(struct bench *b, const char *target, const char *body)
{
    bench_post(b, target, "application/x-www-form-urlencoded", body);
    bench_run(b);
}

static void
the_list_has_what_the_caller_may_run(void **state)
{
    struct bench *b = *state;

    get(b, "/_do");
    assert_int_equal(b->answer->status, 200);
    assert_has(b->answer->body, "<a href=\"/_do/a/form\">Do &lt;it&gt;</a>");
    assert_has(b->answer->body, "href=\"/_do?node=http%3A%2F%2Fx%23y\"");
    assert_has(b->answer->body, "Does it.");
    assert_lacks(b->answer->body, "/_do/users");
    assert_has(bench_header(b, "Cache-Control"), "no-store");
    get(b, "/_do?node=http%3A%2F%2Fx%23y");
    assert_has(b->answer->body, "All &amp; done.");
    post(b, "/_do", "");
    assert_int_equal(b->answer->status, 405);
    get(b, "/_dont");
    assert_int_equal(b->answer->status, 404);
}

static void
a_form_has_what_the_query_says_and_the_defaults(void **state)
{
    struct bench *b = *state;

    get(b, "/_do/a/form?name=%3CAnn%3E&word=secret&other=1");
    assert_int_equal(b->answer->status, 200);
    assert_has(b->answer->body, "value=\"&lt;Ann&gt;\"");
    assert_has(b->answer->body, "value=\"10\"");
    assert_has(b->answer->body, "action=\"/_do/a/form\"");
    assert_has(b->answer->body, "type=\"password\"");
    assert_lacks(b->answer->body, "secret");
    get(b, "/_do/a/form?name=%ff");
    assert_int_equal(b->answer->status, 400);
}

static void
a_safe_command_runs_by_get(void **state)
{
    struct bench *b = *state;

    get(b, "/_do/now");
    assert_int_equal(b->answer->status, 200);
    assert_has(b->answer->body, "<p class=\"cnc-note\" role=\"status\">All "
                                "&amp; done.</p>");
    assert_has(b->answer->body, "<dt>N</dt><dd>7</dd>");
    assert_string_equal(bench_header(b, "X-Said"), "yes");
    get(b, "/_do/search?q=x");
    assert_has(b->answer->body, "<dd>7</dd>");
    assert_has(b->answer->body, "value=\"x\"");
}

static void
a_refusal_shows_what_was_typed_but_no_secret(void **state)
{
    struct bench *b = *state;

    post(b, "/_do/a/form", "name=bad&size=%22big%22&word=hush");
    assert_int_equal(b->answer->status, 422);
    assert_has(b->answer->body, "Not &lt;that&gt;.");
    assert_has(b->answer->body, "value=\"&quot;big&quot;\"");
    assert_has(b->answer->body, "aria-invalid=\"true\"");
    assert_lacks(b->answer->body, "hush");
}

/* The value of the cookie that the answer sets, static. */
static const char *
cookie(struct bench *b)
{
    static char line[2000];
    const char *set = bench_header(b, "Set-Cookie");

    assert_non_null(set);
    snprintf(line, sizeof(line), "cookie: a=b; %.*s; z=1\r\n",
             (int)strcspn(set, ";"), set);
    return line;
}

static void
a_note_goes_with_the_browser_once(void **state)
{
    struct bench *b = *state;
    char *line;

    snprintf(see, sizeof(see), "/there?x=%%20y&z=\xc3\xa4");
    post(b, "/_do/a/form", "name=Ann");
    assert_int_equal(b->answer->status, 303);
    assert_string_equal(bench_header(b, "Location"), "/there?x=%20y&z=%C3%A4");
    assert_has(bench_header(b, "Set-Cookie"), "HttpOnly; SameSite=Lax");
    line = cnc__strdup(cookie(b));
    bench_get(b, "/_do", line);
    bench_run(b);
    assert_has(b->answer->body, "All &amp; done.");
    assert_has(bench_header(b, "Set-Cookie"), "cnc-flash=; Max-Age=0");
    /* Another text under the same hash is nobody's note. */
    memcpy(strstr(line, "All"), "Ill", 3);
    bench_get(b, "/_do", line);
    bench_run(b);
    assert_lacks(b->answer->body, "ll &amp; done.");
    bench_get(b, "/_do", "cookie: cnc-flash=short\r\n");
    bench_run(b);
    assert_int_equal(b->answer->status, 200);
    cnc__free(line);
}

static void
a_browser_is_sent_to_paths_of_this_domain_alone(void **state)
{
    static const char *const away[] = {"//evil.example",
                                       "/\\evil.example",
                                       "https://evil.example",
                                       "there",
                                       "",
                                       "/a\r\nSet-Cookie: x=y",
                                       "/\tx"};
    struct bench *b = *state;

    for (size_t i = 0; i < CNC_N(away); i++) {
        assert_false(cnc__web_is_local(away[i]));
    }
    assert_false(cnc__web_is_local(NULL));
    assert_true(cnc__web_is_local("/"));
    assert_true(cnc__web_is_local("/a//b?c=//d#e"));
    snprintf(see, sizeof(see), "//evil.example");
    post(b, "/_do/a/form", "name=Ann");
    assert_int_equal(b->answer->status, 200);
    assert_null(bench_header(b, "Location"));
    assert_has(b->answer->body, "All &amp; done.");
}

static void
what_may_not_be_run_is_not_told_of(void **state)
{
    struct bench *b = *state;

    get(b, "/_do/users");
    assert_int_equal(b->answer->status, 403);
    assert_lacks(b->answer->body, "Do &lt;it&gt;");
    post(b, "/_do/users", "");
    assert_int_equal(b->answer->status, 403);
    get(b, "/_do/none");
    assert_int_equal(b->answer->status, 404);
    b->jid = "anna@books.example";
    post(b, "/_do/users", "");
    assert_int_equal(b->answer->status, 200);
    get(b, "/_do");
    assert_has(b->answer->body, "/_do/users");
    assert_has(b->answer->body, ">anna</span>");
}

static void
a_guest_is_sent_to_log_in(void **state)
{
    struct bench *b = *state;

    add(b, "login", &form, CNC_ANYBODY_RUNS, false);
    get(b, "/_do/users");
    assert_int_equal(b->answer->status, 303);
    assert_string_equal(bench_header(b, "Location"),
                        "/_do/login?next=%2F_do%2Fusers");
}

static void
a_broken_template_gives_way_to_the_built_in_one(void **state)
{
    static const char broken[] =
        "<xsl:stylesheet version='1.0' "
        "xmlns:xsl='http://www.w3.org/1999/XSL/Transform' "
        "xmlns:c='http://concordance-xmpp.org/ns/page'>"
        "<xsl:template match='/'><xsl:if test=\"//c:note"
        "[starts-with(., 'All')]\">"
        "<xsl:message terminate='yes'>broken</xsl:message></xsl:if>"
        "<html><head><title>Ours</title></head><body/></html>"
        "</xsl:template></xsl:stylesheet>";
    struct bench *b = *state;

    assert_int_equal(bench_template(b, "do.xsl", broken, NULL), 0);
    get(b, "/_do");
    assert_has(b->answer->body, "<title>Ours</title>");
    get(b, "/_do/now");
    assert_int_equal(b->answer->status, 200);
    assert_has(b->answer->body, "All &amp; done.");
}

static void
a_command_that_goes_while_it_runs_is_answered(void **state)
{
    struct bench *b = *state;

    post(b, "/_do/a/form", "name=wait");
    assert_int_equal(b->answer->n, 0);
    cnc__commands_remove(b->commands, "a/form");
    bench_run(b);
    assert_int_equal(b->answer->n, 1);
    assert_int_equal(b->answer->status, 404);
    cnc__command_done(held, NULL, "Too late.", NULL);
    held = NULL;
}

static void
one_that_runs_at_the_end_is_let_go(void **state)
{
    struct bench *b = *state;

    post(b, "/_do/a/form", "name=wait");
    cnc__agent_free(&b->agent);
    cnc__command_done(held, NULL, "Too late.", NULL);
    held = NULL;
    assert_int_equal(b->answer->n, 0);
}

static void
what_is_no_form_is_refused(void **state)
{
    struct bench *b = *state;
    struct cnc__str body = CNC__STR;

    bench_post(b, "/_do/a/form", "application/json", "{}");
    bench_run(b);
    assert_int_equal(b->answer->status, 415);
    post(b, "/_do/a/form", "name=%zz");
    assert_int_equal(b->answer->status, 400);
    for (size_t i = 0; i < 300; i++) {
        cnc__str_puts(&body, "name=x&");
    }
    post(b, "/_do/a/form", body.data);
    assert_int_equal(b->answer->status, 413);
    cnc__str_fini(&body);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        T(the_list_has_what_the_caller_may_run),
        T(a_form_has_what_the_query_says_and_the_defaults),
        T(a_safe_command_runs_by_get),
        T(a_refusal_shows_what_was_typed_but_no_secret),
        T(a_note_goes_with_the_browser_once),
        T(a_browser_is_sent_to_paths_of_this_domain_alone),
        T(what_may_not_be_run_is_not_told_of),
        T(a_guest_is_sent_to_log_in),
        T(a_broken_template_gives_way_to_the_built_in_one),
        T(a_command_that_goes_while_it_runs_is_answered),
        T(one_that_runs_at_the_end_is_let_go),
        T(what_is_no_form_is_refused)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
