/* SPDX-License-Identifier: MIT */
/* Templates: the check before one is published, files, raw sheets, assets. */
#include "bench.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct cnc__node *
templates(struct bench *b)
{
    return cnc__pubsub_node(b->pubsub, "templates");
}

static void
a_broken_template_is_refused_with_its_line(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    struct cnc_error err;
    char before[40], after[40];
    cnc__node_position(templates(b), before);
    bench_template(b, "t.xsl",
                   "<xsl:stylesheet version='1.0'\n"
                   " xmlns:xsl='http://www.w3.org/1999/XSL/Transform'>\n"
                   "<xsl:template match='/'>\n"
                   "<p></xsl:template></xsl:stylesheet>",
                   &err);
    assert_int_equal(err.code, CNC_ERENDER);
    assert_string_equal(err.condition, "not-acceptable");
    assert_int_equal(err.line, 4);
    assert_has(err.text, "line 4");
    cnc__node_position(templates(b), after);
    assert_string_equal(before, after); /* nothing happened */
    char *wrong = bench_sheet("x", "<xsl:value-of select='1 +'/>");
    assert_int_equal(bench_template(b, "t.xsl", wrong, &err), CNC_ERENDER);
    assert_has(err.text, "1 +");
    assert_int_equal(err.line, 5);
    cnc__free(wrong);
    assert_has(bench_page_html(b), "<h1>Books</h1>");
    struct cnc__agent_stats s;
    cnc__agent_stats(b->agent, &s);
    assert_int_equal(s.refused_templates, 2);
    bench_free(b);
}

static void
a_template_is_tried_on_the_records_of_its_pages(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    struct cnc_error err;
    char *sheet = bench_sheet(
        "New", "<xsl:if test=\"/*/l:book[l:title='bad']\">"
               "<xsl:message terminate='yes'>I stop</xsl:message></xsl:if>");
    bench_publish(b, "b1", "bad");
    bench_run(b);
    assert_int_equal(bench_template(b, "t.xsl", sheet, &err), CNC_ERENDER);
    assert_string_equal(err.text, "template t.xsl, line 5: I stop (page /)");
    /* No page uses this one: it is tried on nothing. */
    assert_int_equal(bench_template(b, "other.xsl", sheet, &err), 0);
    assert_has(bench_page_html(b), "<h1>Books</h1>");
    cnc__free(sheet);
    bench_free(b);
}

static void
a_template_that_kills_the_process_is_refused(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    struct cnc_error err;
    char *sheet = bench_sheet("Deadly", "");
    b->die_on_check = true;
    assert_int_equal(bench_template(b, "t.xsl", sheet, &err), CNC_ERENDER);
    assert_has(err.text, "too much memory or time");
    assert_has(bench_page_html(b), "<h1>Books</h1>");
    bench_publish(b, "b1", "life goes on");
    bench_run(b);
    assert_has(bench_page_html(b), "life goes on");
    cnc__free(sheet);
    bench_free(b);
}

struct told {
    unsigned n;
    struct cnc_error err;
};

static void
on_told(const struct cnc_error *err, const char *id, void *priv)
{
    struct told *t = priv;
    t->n++;
    t->err = err != NULL ? *err : (struct cnc_error){0};
}

static struct told
publish_xml(struct bench *b, const char *id, const char *xml)
{
    struct cnc__actor who = {.jid = "o@books.example", .operator_ = true};
    struct told t = {0};
    struct cnc_element *e = NULL;
    assert_int_equal(cnc_xml_parse(&e, xml, strlen(xml), 0, NULL, NULL), 0);
    cnc__pubsub_publish(b->pubsub, &who, templates(b), id, e, false, on_told,
                        &t);
    bench_run(b);
    cnc_element_unref(&e);
    assert_int_equal(t.n, 1);
    return t;
}

static void
a_raw_stylesheet_is_a_template_too(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    char *sheet = bench_sheet("Raw", "");
    bench_publish(b, "b1", "one");
    bench_run(b);
    assert_int_equal(publish_xml(b, "t.xsl", sheet).err.code, 0);
    assert_has(bench_page_html(b), "<h1>Raw</h1>");
    /* The prefix l is used inside XPath alone, and is still declared. */
    assert_has(b->answer->body, "<li id=\"b1\">one</li>");
    struct told t = publish_xml(b, "t.xsl", "<html xmlns='urn:x'/>");
    assert_int_equal(t.err.code, CNC_EREFUSED);
    assert_string_equal(t.err.condition, "not-acceptable");
    cnc__free(sheet);
    bench_free(b);
}

static void
a_retracted_template_gives_way_to_the_built_in_one(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    struct cnc__actor who = {.jid = "o@books.example", .operator_ = true};
    bench_publish(b, "b1", "one");
    cnc__pubsub_retract(b->pubsub, &who, templates(b), "t.xsl", NULL, NULL);
    bench_run(b);
    assert_has(bench_page_html(b), "class=\"cnc-records cnc-list\"");
    bench_free(b);
}

#define XSL "http://www.w3.org/1999/XSL/Transform"

static void
a_change_of_what_is_imported_changes_its_pages(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    struct cnc_error err = {0};
    static const char part[] =
        "<xsl:stylesheet version='1.0' xmlns:xsl='" XSL "'>"
        "<!-- <xsl:import href='no.xsl'/> -->"
        "<xsl:template name='say'><b>%s</b></xsl:template></xsl:stylesheet>";
    static const char page[] =
        "<xsl:stylesheet version='1.0' xmlns:xsl='" XSL "'>"
        "<xsl:import href = \"p&#x61;rt&amp;1\" />\n"
        "<xsl:template match='/'><xsl:call-template name='say'/>"
        "</xsl:template></xsl:stylesheet>";
    struct cnc__str text = CNC__STR;
    assert_int_equal(bench_template(b, "t.xsl", page, &err), CNC_ERENDER);
    assert_has(err.text, "there is no template \"part&1\"");
    cnc__str_printf(&text, part, "one");
    assert_int_equal(bench_template(b, "part&1", text.data, &err), 0);
    assert_int_equal(bench_template(b, "t.xsl", page, &err), 0);
    assert_has(bench_page_html(b), "<b>one</b>");
    cnc__str_clear(&text);
    cnc__str_printf(&text, part, "two");
    assert_int_equal(bench_template(b, "part&1", text.data, &err), 0);
    assert_has(bench_page_html(b), "<b>two</b>");
    /* It is tried with the template that imports it. */
    assert_int_equal(bench_template(b, "part&1",
                                    "<xsl:stylesheet version='1.0'"
                                    " xmlns:xsl='" XSL "'/>",
                                    &err),
                     CNC_ERENDER);
    assert_has(err.text, "template part&1: with it fails t.xsl, line 2: ");
    assert_has(bench_page_html(b), "<b>two</b>");
    cnc__str_fini(&text);
    bench_free(b);
}

static void
the_theme_that_comes_with_the_service_can_be_replaced(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    struct cnc_error err = {0};
    static const char page[] =
        "<xsl:stylesheet version='1.0' xmlns:xsl='" XSL "'>"
        "<xsl:import href='theme.xsl'/>"
        "<xsl:template match='/*' mode='footer'>mine</xsl:template>"
        "</xsl:stylesheet>";
    bench_publish(b, "b1", "one");
    assert_int_equal(bench_template(b, "t.xsl", page, &err), 0);
    assert_has(bench_page_html(b),
               "<footer class=\"cnc-footer\">mine</footer>");
    assert_has(b->answer->body, "<li id=\"b1\" class=\"cnc-record\">");
    assert_int_equal(
        bench_template(b, "theme.xsl",
                       "<xsl:stylesheet version='1.0' xmlns:xsl='" XSL "'>"
                       "<xsl:template match='/'><i>other</i></xsl:template>"
                       "</xsl:stylesheet>",
                       &err),
        0);
    assert_has(bench_page_html(b), "<i>other</i>");
    bench_free(b);
}

/* -- files --------------------------------------------------------------- */

static void
put_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

static void
remove_file(const char *dir, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    unlink(path);
}

struct taken {
    unsigned n;
    char text[512];
};

static void
on_taken(struct cnc_error *err, void *priv)
{
    struct taken *t = priv;
    t->n++;
    snprintf(t->text, sizeof(t->text), "%s", err != NULL ? err->text : "");
}

static const char *
take(struct bench *b, const char *dir)
{
    static struct taken t;
    t = (struct taken){0};
    cnc__agent_template_files(b->agent, dir, on_taken, &t);
    bench_run(b);
    assert_int_equal(t.n, 1);
    return t.text;
}

static void
a_file_is_the_first_version_and_each_changed_one(void **state)
{
    struct bench *b = bench_new(&bench_page, BENCH_NO_START);
    char dir[] = "/tmp/cnc-xsl-XXXXXX";
    char *one = bench_sheet("One", ""), *two = bench_sheet("Two", ""),
         *mine = bench_sheet("Mine", "");
    assert_non_null(mkdtemp(dir));
    put_file(dir, "t.xsl", one);
    put_file(dir, ".hidden.xsl", "x");
    put_file(dir, "readme.txt", "x");
    assert_string_equal(take(b, dir), "");
    assert_int_equal(cnc__node_n_items(templates(b)), 1);
    cnc__agent_start(b->agent, NULL, NULL);
    bench_run(b);
    assert_has(bench_page_html(b), "<h1>One</h1>");

    /* Unchanged: not taken again, also not over an operator's version. */
    char before[40], after[40];
    cnc__node_position(templates(b), before);
    assert_string_equal(take(b, dir), "");
    cnc__node_position(templates(b), after);
    assert_string_equal(before, after);
    assert_int_equal(bench_template(b, "t.xsl", mine, NULL), 0);
    assert_string_equal(take(b, dir), "");
    assert_has(bench_page_html(b), "<h1>Mine</h1>");

    /* What he made stays when the file changes, until he takes that. */
    assert_int_equal(cnc__template_file(b->agent, "t.xsl"), CNC__FILE_CHANGED);
    put_file(dir, "t.xsl", two);
    assert_string_equal(take(b, dir), "");
    assert_has(bench_page_html(b), "<h1>Mine</h1>");
    assert_int_equal(cnc__template_file(b->agent, "t.xsl"), CNC__FILE_NEWER);
    cnc__template_take_file(b->agent, "t.xsl", NULL, NULL);
    bench_run(b);
    assert_has(bench_page_html(b), "<h1>Two</h1>");
    assert_int_equal(cnc__template_file(b->agent, "t.xsl"), CNC__FILE_USED);
    put_file(dir, "t.xsl", one);
    assert_string_equal(take(b, dir), "");
    assert_has(bench_page_html(b), "<h1>One</h1>");
    /* He publishes what the file will be: that is no change of his. */
    assert_int_equal(bench_template(b, "t.xsl", two, NULL), 0);
    put_file(dir, "t.xsl", two);
    assert_string_equal(take(b, dir), "");
    assert_int_equal(cnc__template_file(b->agent, "t.xsl"), CNC__FILE_USED);

    put_file(dir, "t.xsl", "<broken");
    const char *text = take(b, dir);
    assert_has(text, "t.xsl");
    assert_has(bench_page_html(b), "<h1>Two</h1>");
    /* The item is taken away: the file it came from is what is left. */
    struct cnc__actor who = {.jid = "o@books.example", .operator_ = true};
    assert_int_equal(bench_template(b, "t.xsl", mine, NULL), 0);
    cnc__pubsub_retract(b->pubsub, &who, templates(b), "t.xsl", NULL, NULL);
    bench_run(b);
    assert_has(bench_page_html(b), "<h1>Two</h1>");
    remove_file(dir, "t.xsl");
    remove_file(dir, ".hidden.xsl");
    remove_file(dir, "readme.txt");
    rmdir(dir);
    assert_string_equal(take(b, dir), ""); /* no folder: nothing to take */
    cnc__free(one);
    cnc__free(two);
    cnc__free(mine);
    bench_free(b);
}

static void
assets_have_addresses_that_never_change(void **state)
{
    struct bench *b = bench_new(&bench_page, BENCH_NO_START);
    char dir[] = "/tmp/cnc-assets-XXXXXX", path[128], link[128];
    struct cnc_error err;
    assert_non_null(mkdtemp(dir));
    put_file(dir, "style.css",
             "body { color: green } body { color: green } "
             "body { color: green } body { color: green }");
    put_file(dir, ".secret", "x");
    snprintf(path, sizeof(path), "%s/img", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    put_file(dir, "img/a.svg", "<svg xmlns='http://www.w3.org/2000/svg'/>");
    snprintf(link, sizeof(link), "%s/link.css", dir);
    assert_int_equal(symlink("/etc/passwd", link), 0);
    assert_int_equal(cnc__agent_assets(b->agent, dir, &err), 0);
    assert_int_equal(cnc__agent_runtime(b->agent, dir, &err), 0);
    bench_run(b);
    assert_int_equal(cnc__table_len(b->agent->assets.files), 2);

    bench_get(b, "/assets/style.css", "accept-encoding: br\r\n");
    assert_int_equal(b->answer->status, 200);
    assert_string_equal(bench_header(b, "Content-Type"),
                        "text/css; charset=utf-8");
    assert_string_equal(bench_header(b, "Cache-Control"), "no-cache");
    assert_string_equal(bench_header(b, "Content-Encoding"), "br");
    char line[160];
    snprintf(line, sizeof(line), "if-none-match: %s\r\n",
             bench_header(b, "ETag"));
    bench_get(b, "/assets/style.css", line);
    assert_int_equal(b->answer->status, 304);

    struct cnc__str base = CNC__STR;
    cnc__assets_base(&base, b->agent, false);
    assert_int_equal(base.len, 8 + 16);
    cnc__str_puts(&base, "/img/a.svg");
    bench_get(b, base.data, NULL);
    assert_string_equal(bench_header(b, "Content-Type"), "image/svg+xml");
    assert_has(bench_header(b, "Cache-Control"), "immutable");
    assert_has(bench_header(b, "Content-Security-Policy"), "sandbox");
    /* Below the hash of another time: the file, but not for ever. */
    bench_get(b, "/assets/0123456789abcdef/style.css", NULL);
    assert_string_equal(bench_header(b, "Cache-Control"), "no-cache");
    cnc__str_clear(&base);
    cnc__assets_base(&base, b->agent, true);
    cnc__str_puts(&base, "/style.css");
    assert_memory_equal(base.data, "/_c/", 4);
    bench_get(b, base.data, NULL);
    assert_has(bench_header(b, "Cache-Control"), "immutable");
    bench_get(b, "/runtime/style.css", NULL);
    assert_int_equal(b->answer->status, 200);

    static const char *const gone[] = {"/assets/.secret", "/assets/link.css",
                                       "/assets/", "/assets/nosuch.css",
                                       "/_c/x"};
    for (size_t i = 0; i < CNC_N(gone); i++) {
        bench_get(b, gone[i], NULL);
        assert_int_equal(b->answer->status, 404);
    }
    bench_post(b, "/assets/style.css", NULL, "");
    assert_int_equal(b->answer->status, 405);
    assert_int_equal(cnc__agent_assets(b->agent, dir, &err), CNC_EEXIST);
    assert_has(err.text, "two apps");
    cnc__str_fini(&base);
    unlink(link);
    remove_file(dir, "style.css");
    remove_file(dir, ".secret");
    remove_file(dir, "img/a.svg");
    rmdir(path);
    rmdir(dir);
    bench_free(b);
}

static void
a_page_loads_the_runtime_by_its_hash(void **state)
{
    struct bench *b = bench_new(&bench_page, BENCH_NO_START);
    char dir[] = "/tmp/cnc-runtime-XXXXXX";
    struct cnc_error err;
    assert_non_null(mkdtemp(dir));
    put_file(dir, "concordance.js", "export {};");
    assert_int_equal(cnc__agent_runtime(b->agent, dir, &err), 0);
    char *sheet =
        bench_sheet("R", "<a href='{/*/@c:runtime}/concordance.js'>x</a>");
    assert_int_equal(bench_template(b, "t.xsl", sheet, NULL), 0);
    cnc__agent_start(b->agent, NULL, NULL);
    bench_run(b);
    struct cnc__str want = CNC__STR;
    cnc__str_printf(&want,
                    "<script type=\"module\" src=\"/_c/%s/concordance.js\">"
                    "</script></head>",
                    b->agent->runtime.hash);
    assert_has(bench_page_html(b), want.data);
    cnc__str_clear(&want);
    cnc__str_printf(&want, "href=\"/_c/%s/concordance.js\"",
                    b->agent->runtime.hash);
    assert_has(b->answer->body, want.data);
    cnc__str_fini(&want);
    cnc__free(sheet);
    remove_file(dir, "concordance.js");
    rmdir(dir);
    bench_free(b);
}

/* Who waits for them is told, as what he waits with is his to free. */
static void
files_that_are_judged_when_the_agent_ends_are_answered(void **state)
{
    struct bench *b = bench_new(&bench_page, BENCH_NO_START);
    char dir[] = "/tmp/cnc-xsl-XXXXXX";
    char *one = bench_sheet("One", "");
    struct taken t = {0};
    assert_non_null(mkdtemp(dir));
    put_file(dir, "t.xsl", one);
    b->hold_render = true;
    cnc__agent_template_files(b->agent, dir, on_taken, &t);
    bench_run(b);
    assert_int_equal(t.n, 0);
    cnc__agent_free(&b->agent);
    bench_drop_calls(b);
    cnc__pubsub_free(&b->pubsub);
    assert_int_equal(t.n, 1);
    assert_true(t.text[0] != '\0');
    bench_free(b);
    cnc__free(one);
    remove_file(dir, "t.xsl");
    rmdir(dir);
}

/* They come from the disk by then. */
static void
files_that_are_read_when_the_agent_ends_are_answered(void **state)
{
    struct bench *b = bench_new(&bench_page, BENCH_NO_START);
    struct taken t = {0};
    b->hold_jobs = true;
    cnc__agent_template_files(b->agent, "/tmp/cnc-xsl-none", on_taken, &t);
    bench_run(b);
    assert_int_equal(t.n, 0);
    cnc__agent_free(&b->agent);
    b->hold_jobs = false;
    bench_run(b);
    assert_int_equal(t.n, 1);
    assert_string_equal(t.text, "the service is stopping");
    bench_free(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_template_is_refused_with_its_line),
        cmocka_unit_test(a_template_is_tried_on_the_records_of_its_pages),
        cmocka_unit_test(a_template_that_kills_the_process_is_refused),
        cmocka_unit_test(a_raw_stylesheet_is_a_template_too),
        cmocka_unit_test(a_retracted_template_gives_way_to_the_built_in_one),
        cmocka_unit_test(a_change_of_what_is_imported_changes_its_pages),
        cmocka_unit_test(
            the_theme_that_comes_with_the_service_can_be_replaced),
        cmocka_unit_test(a_file_is_the_first_version_and_each_changed_one),
        cmocka_unit_test(
            files_that_are_judged_when_the_agent_ends_are_answered),
        cmocka_unit_test(files_that_are_read_when_the_agent_ends_are_answered),
        cmocka_unit_test(assets_have_addresses_that_never_change),
        cmocka_unit_test(a_page_loads_the_runtime_by_its_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
