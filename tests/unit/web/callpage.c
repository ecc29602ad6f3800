/* SPDX-License-Identifier: MIT */
/* Pages of commands: made for each request, as who asks. */
#include "bench.h"

#include <stdio.h>

#include "../../../src/xml/write.h"

static const struct cnc_record search = {
    "search", CNC_FIELDS({"q", "Text", .required = true}, {"author", "Who"})};

static struct cnc__command_reply *held;

static void
run_search(struct cnc__command_reply *c, const struct cnc__caller *who,
           struct cnc__values *v, void *priv)
{
    const char *q = cnc__values_get(v, "q", 0);
    const char *author = cnc__values_get(v, "author", 0);
    struct cnc__str x = CNC__STR;
    assert_non_null(who->web);
    if (q == NULL) {
        cnc__command_refuse(c, v, "q", "What do you look for?");
        return;
    }
    if (strcmp(q, "later") == 0) {
        held = c;
        return;
    }
    cnc__str_puts(&who->web->headers, "Set-Cookie: k=v\r\n");
    cnc__xml_printf(&x,
                    "<x xmlns='jabber:x:data' type='result'>"
                    "<field var='q'><value>%s</value></field>"
                    "<field var='author'><value>%s</value></field></x>",
                    q, author ? author : "");
    cnc__command_done(c, NULL, "Found.", x.data);
    cnc__str_fini(&x);
}

static const struct cnc_record sum = {
    "sum", CNC_FIELDS({"n", "Number", .required = true},
                      {"author", "Who", .kind = CNC_FIELD_HIDDEN})};
static int total;
static char said_author[32];

static void
run_sum(struct cnc__command_reply *c, const struct cnc__caller *who,
        struct cnc__values *v, void *priv)
{
    const char *n = cnc__values_get(v, "n", 0);
    if (n == NULL || n[0] < '0' || n[0] > '9') {
        cnc__command_refuse(c, v, "n", "This is no number.");
        return;
    }
    total += n[0] - '0';
    const char *author = cnc__values_get(v, "author", 0);
    snprintf(said_author, sizeof(said_author), "%s", author ? author : "");
    assert_null(cnc__values_get(v, "author", 1));
    if (n[0] == '0') {
        cnc__command_see(c, "/two?q=all");
    }
    cnc__command_done(c, NULL, "Added.", NULL);
}

static void
run_never(struct cnc__command_reply *c, const struct cnc__caller *who,
          struct cnc__values *v, void *priv)
{
    fail_msg("a GET must not run it");
}

static void
run_keep(struct cnc__command_reply *c, const struct cnc__caller *who,
         struct cnc__values *v, void *priv)
{
    cnc__command_done(c, NULL, "It is kept.", NULL);
}

static const char sheet[] =
    "<xsl:stylesheet version='1.0'"
    " xmlns:xsl='http://www.w3.org/1999/XSL/Transform'"
    " xmlns:c='" CNC__NS_PAGE "' xmlns:x='jabber:x:data'"
    " exclude-result-prefixes='c x'>"
    "<xsl:template match='/'><html lang='en'><head><title>"
    "<xsl:value-of select='/*/@c:title'/></title></head><body>"
    "<p id='who'><xsl:value-of select='//c:viewer/@name'/></p>"
    "<p id='flash'><xsl:value-of select='//c:flash'/></p>"
    "<xsl:for-each select='//c:param'><p>"
    "<xsl:value-of select=\"concat(@name, ':', .)\"/></p></xsl:for-each>"
    "<xsl:for-each select='/c:page/c:command'><section>"
    "<h2><xsl:value-of select=\"concat(@node, '=', @code)\"/></h2>"
    "<p><xsl:value-of select='c:note'/></p>"
    "<xsl:for-each select=\"x:x[@type='result']/x:field\"><b><xsl:value-of "
    "select='x:value'/></b>"
    "</xsl:for-each><c:form node='{@node}'/></section></xsl:for-each>"
    "</body></html></xsl:template></xsl:stylesheet>";

static struct bench *
bench_commands(void)
{
    static const struct cnc_page pages[] = {
        {.path = "/find/{author}",
         .command = "find",
         .template_ = "c.xsl",
         .title = "Find {author}"},
        {.path = "/two", .command = "find drop", .template_ = "c.xsl"},
        {.path = "/admin", .command = "drop", .template_ = "c.xsl"},
        {.path = "/sum/{author}", .command = "sum find", .template_ = "c.xsl"},
        {.path = "/none", .command = "nothing", .template_ = "c.xsl"},
    };
    struct bench *b = bench_new(&bench_page, 0);
    struct cnc_error err = {0};
    char find[] = "find", drop[] = "drop", a[] = "Find", c[] = "Drop";
    char add[] = "sum";
    struct cnc__command cmds[] = {{.node = find,
                                   .name = a,
                                   .record = &search,
                                   .safe = true,
                                   .who = CNC_ANYBODY_RUNS,
                                   .run = run_search},
                                  {.node = drop,
                                   .name = c,
                                   .record = &search,
                                   .who = CNC_USERS,
                                   .run = run_never},
                                  {.node = add,
                                   .name = add,
                                   .record = &sum,
                                   .who = CNC_ANYBODY_RUNS,
                                   .run = run_sum}};
    for (size_t i = 0; i < CNC_N(cmds); i++) {
        assert_int_equal(cnc__commands_add(b->commands, &cmds[i], NULL), 0);
    }
    assert_int_equal(bench_template(b, "c.xsl", sheet, &err), 0);
    for (size_t i = 0; i < CNC_N(pages); i++) {
        if (cnc__agent_page(b->agent, &bench_app, &pages[i], &err) != 0) {
            fail_msg("%s", err.text);
        }
    }
    return b;
}

static void
a_safe_command_runs_with_path_and_query(void **state)
{
    struct bench *b = bench_commands();
    bench_get(b, "/find/Austen?q=Emma&unknown=1&author=other", NULL);
    assert_int_equal(b->answer->status, 200);
    assert_has(b->answer->body, "<title>Find Austen</title>");
    assert_has(b->answer->body, "<b>Emma</b><b>Austen</b>");
    assert_has(b->answer->body, "<p>author:Austen</p><p>q:Emma</p>"
                                "<p>unknown:1</p>");
    assert_has(b->answer->body, "find=0");
    assert_has(b->answer->body, "Found.");
    assert_string_equal(bench_header(b, "Cache-Control"), "private, no-store");
    assert_string_equal(bench_header(b, "Set-Cookie"), "k=v");
    assert_lacks(b->answer->body, "view:");
    bench_free(b);
}

static void
what_was_not_asked_yet_is_a_form(void **state)
{
    struct bench *b = bench_commands();
    b->jid = "anna@books.example";
    bench_get(b, "/two", NULL);
    assert_int_equal(b->answer->status, 200);
    assert_has(b->answer->body, "find=0");
    assert_has(b->answer->body, "drop=0");
    assert_has(b->answer->body, "action=\"/two?do=drop\"");
    assert_has(b->answer->body, "<p id=\"who\">anna</p>");
    bench_free(b);
}

static void
who_may_not_run_it_does_not_see_it(void **state)
{
    static const struct cnc_page login = {.path = "/enter",
                                          .command = "login"};
    struct bench *b = bench_commands();
    bench_get(b, "/admin", NULL);
    assert_int_equal(b->answer->status, 403);
    assert_int_equal(cnc__agent_page(b->agent, &bench_app, &login, NULL), 0);
    bench_get(b, "/admin", NULL);
    assert_int_equal(b->answer->status, 303);
    assert_string_equal(bench_header(b, "Location"), "/enter?next=%2Fadmin");
    b->jid = "anna@books.example";
    bench_get(b, "/admin", NULL);
    assert_int_equal(b->answer->status, 200);
    bench_get(b, "/none", NULL);
    assert_int_equal(b->answer->status, 404);
    assert_has(b->answer->body, "nothing=CNC_ENOENT");
    bench_post(b, "/admin", NULL, "");
    assert_int_equal(b->answer->status, 405);
    bench_post(b, "/admin?do=find", NULL, "q=x");
    assert_int_equal(b->answer->status, 405);
    bench_free(b);
}

static void
a_form_is_posted_to_its_page(void **state)
{
    struct bench *b = bench_commands();
    total = 0;
    bench_get(b, "/sum/Austen?q=Emma", NULL);
    assert_has(b->answer->body, "action=\"/sum/Austen?q=Emma&amp;do=sum\"");
    bench_post(b, "/sum/Austen?q=Emma&do=sum", NULL, "n=3");
    assert_int_equal(b->answer->status, 200);
    assert_int_equal(total, 3);
    assert_has(b->answer->body, "Added.");
    assert_has(b->answer->body, "<b>Emma</b><b>Austen</b>");
    bench_post(b, "/sum/Austen?do=sum", NULL, "n=0");
    assert_int_equal(b->answer->status, 303);
    assert_string_equal(bench_header(b, "Location"), "/two?q=all");
    assert_has(b->answer->head, "Set-Cookie: cnc-flash=");
    assert_int_equal(total, 3);
    bench_free(b);
}

/* The form has the path's field in it, too, and sends it. */
static void
what_the_path_says_is_said_once(void **state)
{
    struct bench *b = bench_commands();
    total = 0;
    bench_post(b, "/sum/Austen?do=sum", NULL, "author=Austen&n=3");
    assert_int_equal(b->answer->status, 200);
    assert_int_equal(total, 3);
    assert_string_equal(said_author, "Austen");
    bench_post(b, "/sum/Austen?do=sum", NULL, "n=2&author=Woolf");
    assert_int_equal(b->answer->status, 200);
    assert_int_equal(total, 5);
    assert_string_equal(said_author, "Austen");
    bench_free(b);
}

static void
what_is_wrong_with_it_is_shown_there(void **state)
{
    struct bench *b = bench_commands();
    total = 0;
    bench_post(b, "/sum/Austen?q=Emma&do=sum", NULL, "n=%22x");
    assert_int_equal(b->answer->status, 422);
    assert_has(b->answer->body, "This is no number.");
    assert_has(b->answer->body, "value=\"&quot;x\"");
    assert_has(b->answer->body, "action=\"/sum/Austen?q=Emma&amp;do=sum\"");
    assert_has(b->answer->body, "<b>Emma</b>");
    bench_post(b, "/sum/Austen?do=sum", "text/plain", "n=3");
    assert_int_equal(b->answer->status, 415);
    bench_post(b, "/sum/Austen?do=sum", NULL, "n=%zz");
    assert_int_equal(b->answer->status, 400);
    bench_post(b, "/two?do=drop", NULL, "q=x");
    assert_int_equal(b->answer->status, 403);
    assert_int_equal(total, 0);
    bench_free(b);
}

static void
an_answer_may_come_later_or_never(void **state)
{
    struct bench *b = bench_commands();
    bench_get(b, "/find/x?q=later", NULL);
    assert_int_equal(b->answer->n, 0);
    cnc__command_done(held, NULL, "Done.", NULL);
    bench_run(b);
    assert_int_equal(b->answer->status, 200);
    assert_has(b->answer->body, "Done.");
    bench_get(b, "/find/x?q=later", NULL);
    struct cnc__command_reply *reply = held;
    bench_free(b); /* in the middle of it */
    cnc__command_done(reply, NULL, NULL, NULL);
}

static void
the_note_of_the_command_before_is_shown_once(void **state)
{
    struct bench *b = bench_commands();
    struct cnc__http_request r = {.query = ""};
    struct cnc__str lines = CNC__STR, cookie = CNC__STR;
    cnc__flash_put(b->agent, &r, &lines, "Kept <b>it</b>.");
    const char *value = strstr(lines.data, ": ") + 2;
    cnc__str_printf(&cookie, "cookie: %.*s\r\n", (int)strcspn(value, ";"),
                    value);
    bench_get(b, "/find/x?q=y", cookie.data);
    assert_has(b->answer->body,
               "<p id=\"flash\">Kept &lt;b&gt;it&lt;/b&gt;.</p>");
    assert_has(b->answer->head, "Max-Age=0");
    cookie.data[cookie.len - 5] ^= 1; /* another text, the same hash */
    bench_get(b, "/find/x?q=y", cookie.data);
    assert_has(b->answer->body, "<p id=\"flash\"></p>");
    cnc__str_fini(&lines);
    cnc__str_fini(&cookie);
    bench_free(b);
}

static void
a_command_goes_back_to_the_page_of_its_form(void **state)
{
    struct bench *b = bench_commands();
    char node[] = "keep", name[] = "Keep";
    struct cnc__command keep = {
        .node = node, .name = name, .who = CNC_USERS, .run = run_keep};
    assert_int_equal(cnc__commands_add(b->commands, &keep, NULL), 0);
    b->jid = "anna@books.example";
    bench_post(b, "/_do/keep?next=/admin%3Fa=b", NULL, "");
    assert_int_equal(b->answer->status, 303);
    assert_string_equal(bench_header(b, "Location"), "/admin?a=b");
    assert_has(bench_header(b, "Set-Cookie"), "cnc-flash=");
    bench_post(b, "/_do/keep?next=//evil.example/", NULL, "");
    assert_int_equal(b->answer->status, 200);
    bench_free(b);
}

static const char error_sheet[] =
    "<xsl:stylesheet version='1.0'"
    " xmlns:xsl='http://www.w3.org/1999/XSL/Transform'"
    " xmlns:c='" CNC__NS_PAGE "' exclude-result-prefixes='c'>"
    "<xsl:template match='/'><html lang='en'><head><title>"
    "<xsl:value-of select='/*/@c:title'/></title></head><body>"
    "<p id='who'><xsl:value-of select='//c:viewer/@name'/></p>"
    "<p id='code'><xsl:value-of select='//c:error/@code'/></p>%s"
    "</body></html></xsl:template></xsl:stylesheet>";

static void
an_error_is_said_by_the_sheet_for_it(void **state)
{
    struct bench *b = bench_commands();
    struct cnc__str s = CNC__STR;
    b->jid = "anna@books.example";
    bench_get(b, "/no/such", NULL);
    assert_has(b->answer->body, "<style>");
    cnc__str_printf(&s, error_sheet, "");
    assert_int_equal(bench_template(b, "error.xsl", s.data, NULL), 0);
    bench_get(b, "/no/<such>", NULL);
    assert_int_equal(b->answer->status, 404);
    assert_has(b->answer->body, "<p id=\"code\">404</p>");
    assert_has(b->answer->body, "<p id=\"who\">anna</p>");
    assert_lacks(b->answer->body, "<style>");
    bench_post(b, "/admin", NULL, "");
    assert_has(b->answer->body, "<p id=\"code\">405</p>");
    assert_string_equal(bench_header(b, "Allow"), "GET, HEAD");
    cnc__str_fini(&s);
    bench_free(b);
}

static void
a_broken_sheet_for_errors_leaves_the_plain_page(void **state)
{
    struct bench *b = bench_commands();
    struct cnc__str s = CNC__STR;
    cnc__str_printf(&s, error_sheet,
                    "<xsl:if test=\"/*/@c:path='/no/such'\">"
                    "<xsl:message terminate='yes'>no</xsl:message></xsl:if>");
    assert_int_equal(bench_template(b, "error.xsl", s.data, NULL), 0);
    unsigned before = b->counts[CNC__R_RENDER];
    for (int i = 0; i < 10; i++) {
        bench_get(b, "/no/such", NULL);
        assert_int_equal(b->answer->status, 404);
        assert_has(b->answer->body, "There is no such page");
    }
    assert_int_equal(b->counts[CNC__R_RENDER], before + 3);
    cnc__str_clear(&s);
    cnc__str_printf(&s, error_sheet, "mended");
    assert_int_equal(bench_template(b, "error.xsl", s.data, NULL), 0);
    bench_get(b, "/no/such", NULL);
    assert_has(b->answer->body, "mended");
    cnc__str_fini(&s);
    bench_free(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_safe_command_runs_with_path_and_query),
        cmocka_unit_test(what_was_not_asked_yet_is_a_form),
        cmocka_unit_test(who_may_not_run_it_does_not_see_it),
        cmocka_unit_test(a_form_is_posted_to_its_page),
        cmocka_unit_test(what_the_path_says_is_said_once),
        cmocka_unit_test(what_is_wrong_with_it_is_shown_there),
        cmocka_unit_test(an_answer_may_come_later_or_never),
        cmocka_unit_test(a_command_goes_back_to_the_page_of_its_form),
        cmocka_unit_test(an_error_is_said_by_the_sheet_for_it),
        cmocka_unit_test(a_broken_sheet_for_errors_leaves_the_plain_page),
        cmocka_unit_test(the_note_of_the_command_before_is_shown_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
