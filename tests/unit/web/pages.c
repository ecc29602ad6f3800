/* SPDX-License-Identifier: MIT */
/* GET and HEAD of pages: headers, encodings, 304, older records, files. */
#include "bench.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static void
publish_n(struct bench *b, int n)
{
    for (int i = 1; i <= n; i++) {
        char id[16], title[40];
        snprintf(id, sizeof(id), "b%d", i);
        snprintf(title, sizeof(title), "Title number %d", i);
        bench_publish(b, id, title);
    }
    bench_run(b);
}

static void
gunzip(struct cnc__str *out, const char *data, size_t len)
{
    char room[65536];
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data,
                  .avail_in = (uInt)len,
                  .next_out = (Bytef *)room,
                  .avail_out = sizeof(room)};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    cnc__str_add(out, room, z.total_out);
    inflateEnd(&z);
}

static void
a_page_is_one_prepared_answer_with_its_policy(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    bench_get(b, "/", NULL);
    assert_true(b->answer->is_whole);
    assert_string_equal(bench_header(b, "Content-Type"),
                        "text/html; charset=utf-8");
    assert_string_equal(bench_header(b, "Cache-Control"), "no-cache");
    assert_string_equal(bench_header(b, "Vary"), "Accept-Encoding");
    assert_string_equal(bench_header(b, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(bench_header(b, "Referrer-Policy"), "same-origin");
    assert_string_equal(bench_header(b, "Cross-Origin-Opener-Policy"),
                        "same-origin");
    const char *csp = bench_header(b, "Content-Security-Policy");
    assert_has(csp, "default-src 'none'; script-src 'self'");
    assert_has(csp, "require-trusted-types-for 'script'");
    assert_lacks(csp, "unsafe");
    char length[24];
    snprintf(length, sizeof(length), "%zu", b->answer->body_len);
    assert_string_equal(bench_header(b, "Content-Length"), length);
    bench_head(b, "/?utm_source=somewhere&x=%zz");
    assert_int_equal(b->answer->status, 200);
    assert_true(b->answer->is_whole);
    bench_free(b);
}

static void
encodings_are_chosen_by_weight(void **state)
{
    static const struct {
        const char *accept;
        enum cnc__encoding want;
    } t[] = {
        {NULL, CNC__IDENTITY},
        {"", CNC__IDENTITY},
        {"gzip", CNC__GZIP},
        {"gzip, deflate, br", CNC__BROTLI},
        {"gzip;q=1.0, br;q=0.9", CNC__GZIP},
        {"br;q=0, gzip;q=0.001", CNC__GZIP},
        {"br;q=0,gzip;q=0", CNC__IDENTITY},
        {"*", CNC__BROTLI},
        {"*;q=0, gzip", CNC__GZIP},
        {"identity, gzip;q=0.5", CNC__IDENTITY},
        {"identity;q=0.1, gzip;q=0.5", CNC__GZIP},
        {"GZIP ; Q=0.5 , br ; q=0.4", CNC__GZIP},
        {"gzip;q=nonsense", CNC__IDENTITY},
        {"x;y=z,,, ,", CNC__IDENTITY},
        {"*;q=0", CNC__IDENTITY},
    };
    for (size_t i = 0; i < CNC_N(t); i++) {
        assert_int_equal(cnc__answer_encoding(t[i].accept, 7), t[i].want);
    }
    assert_int_equal(cnc__answer_encoding("br", 1), CNC__IDENTITY);
    assert_int_equal(cnc__answer_encoding("br, gzip", 3), CNC__GZIP);
}

static void
compressed_copies_are_the_same_page(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    publish_n(b, 3);
    char *plain = cnc__strdup(bench_page_html(b));
    assert_null(bench_header(b, "Content-Encoding"));
    bench_get(b, "/", "accept-encoding: gzip\r\n");
    assert_string_equal(bench_header(b, "Content-Encoding"), "gzip");
    struct cnc__str text = CNC__STR;
    gunzip(&text, b->answer->body, b->answer->body_len);
    assert_string_equal(text.data, plain);
    bench_get(b, "/", "accept-encoding: gzip, br\r\n");
    assert_string_equal(bench_header(b, "Content-Encoding"), "br");
    assert_true(b->answer->body_len < strlen(plain));
    cnc__str_fini(&text);
    cnc__free(plain);
    bench_free(b);
}

static void
a_page_is_there_before_its_compressed_copies(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    b->hold_jobs = true;
    publish_n(b, 1);
    bench_get(b, "/", "accept-encoding: br\r\n");
    assert_has(b->answer->body, "Title number 1");
    assert_null(bench_header(b, "Content-Encoding"));
    bench_publish(b, "b2", "Title number 2"); /* while it is packed */
    bench_run(b);
    b->hold_jobs = false;
    bench_run(b);
    bench_get(b, "/", "accept-encoding: gzip\r\n");
    struct cnc__str text = CNC__STR;
    gunzip(&text, b->answer->body, b->answer->body_len);
    assert_has(text.data, "Title number 2");
    cnc__str_fini(&text);
    bench_free(b);
}

static void
a_page_that_did_not_change_is_304(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    bench_get(b, "/", "accept-encoding: gzip\r\n");
    char etag[80], line[200];
    snprintf(etag, sizeof(etag), "%s", bench_header(b, "ETag"));
    assert_has(etag, "-gz\"");
    snprintf(line, sizeof(line),
             "if-none-match: \"x\", W/%s\r\naccept-encoding: br\r\n", etag);
    bench_get(b, "/", line);
    assert_int_equal(b->answer->status, 304);
    assert_int_equal(b->answer->body_len, 0);
    assert_has(bench_header(b, "ETag"), "-br\"");
    publish_n(b, 1);
    bench_get(b, "/", line);
    assert_int_equal(b->answer->status, 200);
    assert_false(cnc__answer_not_modified("\"abcd\"", "abc"));
    assert_false(cnc__answer_not_modified("abc", "abc"));
    assert_false(cnc__answer_not_modified("\"xabc\"", "abc"));
    assert_true(cnc__answer_not_modified("*", "abc"));
    bench_free(b);
}

static void
older_records_are_rendered_when_asked_for(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    publish_n(b, 8);
    bench_get(b, "/?before=b6", NULL);
    assert_int_equal(b->answer->status, 200);
    assert_has(b->answer->body, "<ul id=\"shelf\">"
                                "<li id=\"b3\">Title number 3</li>"
                                "<li id=\"b4\">Title number 4</li>"
                                "<li id=\"b5\">Title number 5</li></ul>");
    assert_has(b->answer->body, "href=\"?before=b3\"");
    assert_lacks(b->answer->body, "data-position"); /* never live */
    assert_non_null(bench_header(b, "Content-Security-Policy"));

    /* Kept while nothing changes, and compressed by then. */
    unsigned renders = b->counts[CNC__R_RENDER];
    bench_get(b, "/?before=b6&x=1", "accept-encoding: br\r\n");
    assert_string_equal(bench_header(b, "Content-Encoding"), "br");
    assert_int_equal(b->counts[CNC__R_RENDER], renders);
    assert_int_equal(cnc__table_len(b->docs), 1); /* closed there */

    /* An older record changes: not in the live page, but here. */
    bench_publish(b, "b4", "Changed");
    bench_run(b);
    bench_get(b, "/?before=b6", NULL);
    assert_has(b->answer->body, "<li id=\"b4\">Changed</li>");

    bench_get(b, "/?before=b2", NULL);
    assert_lacks(b->answer->body, "?before=");
    bench_get(b, "/?before=nosuch", NULL);
    assert_int_equal(b->answer->status, 404);
    assert_has(b->answer->body, "href=\"/\"");
    bench_free(b);
}

static void
many_older_windows_do_not_pile_up(void **state)
{
    enum { ROOM = 192 }; /* for strangers */
    struct bench *b = bench_new(&bench_page, 0);
    publish_n(b, ROOM + 10);
    for (int i = 2; i <= 100; i++) {
        char target[40];
        snprintf(target, sizeof(target), "/?before=b%d", i);
        bench_get(b, target, NULL);
        assert_int_equal(b->answer->status, 200);
    }
    assert_int_equal(b->agent->n_older, 64);
    bench_publish(b, "new", "makes them all stale");
    bench_run(b);
    struct answer *waits[ROOM];
    b->hold_render = true;
    for (int i = 0; i < ROOM; i++) {
        char target[40];
        snprintf(target, sizeof(target), "/?before=b%d", i + 2);
        bench_get(b, target, NULL);
        waits[i] = b->answer;
        assert_int_equal(waits[i]->n, 0);
    }
    bench_get(b, "/?before=b200", NULL);
    assert_int_equal(b->answer->status, 503);
    bench_get(b, "/?before=b190", NULL); /* the same as one that is waiting */
    assert_int_equal(b->answer->n, 0);
    b->hold_render = false;
    bench_run(b);
    for (int i = 0; i < ROOM; i++) {
        assert_int_equal(waits[i]->n, 1);
        assert_int_equal(waits[i]->status, 200);
    }
    assert_int_equal(b->answer->status, 200);
    bench_free(b);
}

static void
what_is_not_there_is_said_plainly(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    bench_get(b, "/<nothing>", NULL);
    assert_int_equal(b->answer->status, 404);
    assert_has(b->answer->body, "<h1>There is no such page</h1>");
    assert_has(bench_header(b, "Content-Security-Policy"),
               "default-src 'none'; style-src 'sha256-");
    bench_post(b, "/", NULL, "title=x");
    assert_int_equal(b->answer->status, 405);
    assert_string_equal(bench_header(b, "Allow"), "GET, HEAD, POST");
    bench_post(b, "/nothing", NULL, "title=x");
    assert_int_equal(b->answer->status, 405);
    assert_string_equal(bench_header(b, "Allow"), "GET, HEAD");
    bench_free(b);
}

static void
set_access(struct bench *b, enum cnc__access_model access)
{
    struct cnc__node_config c;
    cnc__node_config_default(&c);
    c.durable = true;
    c.access = access;
    cnc__pubsub_declare(b->pubsub, "library", &c);
    bench_run(b);
    cnc__agent_after(b->agent, CNC__EV_CONFIGURE, b->library, NULL);
    bench_run(b);
}

static bool
has_file(struct bench *b, const char *name)
{
    struct stat st;
    char file[128];
    snprintf(file, sizeof(file), "%s/%s", b->www, name);
    return stat(file, &st) == 0;
}

static void
a_page_of_a_closed_node_is_not_for_guests(void **state)
{
    struct bench *b = bench_new(&bench_page, BENCH_FILES);
    struct cnc__actor guest = {.jid = "guest@books.example",
                               .anonymous = true};
    struct cnc__node *view = cnc__pubsub_node(b->pubsub, "view:/");
    publish_n(b, 1);
    assert_true(has_file(b, "index.html"));
    set_access(b, CNC__ACCESS_WHITELIST);
    assert_false(has_file(b, "index.html"));
    assert_false(has_file(b, "index.html.gz"));
    assert_false(has_file(b, "index.html.br"));
    publish_n(b, 2);
    bench_get(b, "/", NULL);
    assert_int_equal(b->answer->status, 403);
    bench_get(b, "/?before=b2", NULL);
    assert_int_equal(b->answer->status, 403);
    bench_post(b, "/?form=library", NULL, "title=A");
    assert_int_equal(b->answer->status, 403);
    assert_false(has_file(b, "index.html"));
    assert_int_equal(
        cnc__pubsub_may(b->pubsub, &guest, CNC__MAY_SEE, view, NULL),
        CNC_EACCES);
    set_access(b, CNC__ACCESS_OPEN);
    assert_int_equal(
        cnc__pubsub_may(b->pubsub, &guest, CNC__MAY_SEE, view, NULL), 0);
    assert_has(bench_page_html(b), "Title number 2");
    set_access(b, CNC__ACCESS_WHITELIST);
    rmdir(b->www);
    bench_free(b);
}

/* -- files --------------------------------------------------------------- */

static void
read_file(struct cnc__str *out, const char *dir, const char *name)
{
    char path[256], part[4096];
    size_t n;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    while ((n = fread(part, 1, sizeof(part), f)) > 0) {
        cnc__str_add(out, part, n);
    }
    fclose(f);
}

static void
a_snapshot_replaces_its_files(void **state)
{
    struct bench *b = bench_new(&bench_page, BENCH_FILES);
    struct cnc__str html = CNC__STR, gz = CNC__STR, text = CNC__STR;
    struct stat before, after;
    char path[128];
    publish_n(b, 1);
    snprintf(path, sizeof(path), "%s/index.html", b->www);
    assert_int_equal(stat(path, &before), 0);
    FILE *reader = fopen(path, "rb"); /* has the old one in its hands */
    publish_n(b, 3);
    assert_int_equal(stat(path, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
    read_file(&html, b->www, "index.html");
    assert_string_equal(html.data, bench_page_html(b));
    read_file(&gz, b->www, "index.html.gz");
    gunzip(&text, gz.data, gz.len);
    assert_string_equal(text.data, html.data);
    char old[4096] = "";
    size_t n = fread(old, 1, sizeof(old) - 1, reader);
    old[n] = '\0';
    assert_int_equal(n, before.st_size);
    assert_has(old, "Title number 1");
    assert_lacks(old, "Title number 3");
    fclose(reader);
    size_t files = 0;
    DIR *dir = opendir(b->www);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            files++;
            snprintf(path, sizeof(path), "%s/%.60s", b->www, e->d_name);
            unlink(path);
        }
    }
    closedir(dir);
    assert_int_equal(files, 3); /* html, gz, br; nothing temporary */
    rmdir(b->www);
    cnc__str_fini(&html);
    cnc__str_fini(&gz);
    cnc__str_fini(&text);
    bench_free(b);
}

static void
pages_with_bad_paths_or_nodes_are_refused(void **state)
{
    static const char *const bad[] = {"books", "/a//b",  "/a/",  "/../x",
                                      "/.git", "/a?b=1", "/a#b", ""};
    struct bench *b = bench_new(&bench_page, 0);
    struct cnc_error err;
    struct cnc_page page = bench_page;
    for (size_t i = 0; i < CNC_N(bad); i++) {
        page.path = bad[i];
        assert_int_equal(cnc__agent_page(b->agent, &bench_app, &page, &err),
                         CNC_EINVAL);
    }
    page.path = "/";
    assert_int_equal(cnc__agent_page(b->agent, &bench_app, &page, &err),
                     CNC_EEXIST);
    page.path = "/x";
    page.node = "nosuch";
    assert_int_equal(cnc__agent_page(b->agent, &bench_app, &page, &err),
                     CNC_EINVAL);
    assert_has(err.text, "nosuch");
    bench_free(b);
}

static void
a_page_without_a_template_has_the_built_in_one(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    struct cnc_page page = {.path = "/books", .node = "library"};
    struct cnc_error err;
    if (cnc__agent_page(b->agent, &bench_app, &page, &err) != 0) {
        fail_msg("%s", err.text);
    }
    publish_n(b, 2);
    bench_get(b, "/books", NULL);
    assert_int_equal(b->answer->status, 200);
    assert_has(b->answer->body, "Title number 2");
    assert_has(b->answer->body, "<h1>My &lt;bookcase&gt;</h1>");
    assert_has(b->answer->body, "action=\"/books?form=library\"");
    assert_has(b->answer->body, "href=\"/runtime/concordance.css\"");
    bench_get(b, "/books/", NULL);
    assert_int_equal(b->answer->status, 308);
    assert_string_equal(bench_header(b, "Location"), "/books");
    bench_free(b);
}

static void
a_page_may_show_several_nodes(void **state)
{
    const struct cnc_record author = {
        "author", CNC_FIELDS({"name", "Name", .required = true})};
    struct cnc_app app = bench_app;
    const struct cnc_node nodes[] = {
        bench_app.nodes[0],
        {"people/authors", &author, .form = "Add an author"},
        {.name = NULL}};
    struct cnc_page page = {
        .path = "/both", .node = "library people/authors", .window = 2};
    struct bench *b = bench_new(&bench_page, 0);
    struct cnc__node_config c;
    struct cnc_error err;
    app.nodes = nodes;
    cnc__node_config_default(&c);
    c.durable = true;
    struct cnc__node *authors =
        cnc__pubsub_declare(b->pubsub, "people/authors", &c);
    bench_run(b);
    if (cnc__agent_page(b->agent, &app, &page, &err) != 0) {
        fail_msg("%s", err.text);
    }
    publish_n(b, 3);
    struct cnc__actor who = {.jid = "o@books.example", .operator_ = true};
    struct cnc_element *e = NULL;
    static const char xml[] =
        "<author xmlns='" BOOK_NS "'><name>Mark Pilgrim</name></author>";
    assert_int_equal(cnc_xml_parse(&e, xml, sizeof(xml) - 1, 0, NULL, NULL),
                     0);
    cnc__pubsub_publish(b->pubsub, &who, authors, "a1", e, false, NULL, NULL);
    cnc_element_unref(&e);
    bench_run(b);
    bench_get(b, "/both", NULL);
    assert_int_equal(b->answer->status, 200);
    const char *html = b->answer->body;
    assert_has(html, "Mark Pilgrim");
    assert_has(html, "Title number 3");
    assert_lacks(html, "Title number 1");
    assert_has(html, "action=\"/both?form=library\"");
    assert_has(html, "action=\"/both?form=people%2Fauthors\"");
    assert_has(html, "<h1>My &lt;bookcase&gt;</h1>");
    bench_get(b, "/both?before=b2", NULL);
    assert_has(b->answer->body, "Title number 1");
    assert_has(b->answer->body, "Mark Pilgrim");
    assert_has(b->answer->body, "href=\"/both\"");
    bench_post(b, "/both?form=people%2Fauthors", NULL, "name=");
    assert_int_equal(b->answer->status, 422);
    bench_free(b);
}

static void
a_deleted_node_leaves_an_empty_page(void **state)
{
    struct bench *b = bench_new(&bench_page, 0);
    publish_n(b, 2);
    size_t before = bench_n_patches(b);
    cnc__agent_after(b->agent, CNC__EV_DELETE, b->library, NULL);
    bench_run(b);
    assert_lacks(bench_page_html(b), "Title number");
    cnc__agent_after(b->agent, CNC__EV_CREATE, b->library, NULL);
    bench_run(b);
    assert_has(bench_page_html(b), "Title number 2");
    assert_int_equal(bench_n_patches(b), before + 2);
    bench_free(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_one_prepared_answer_with_its_policy),
        cmocka_unit_test(encodings_are_chosen_by_weight),
        cmocka_unit_test(compressed_copies_are_the_same_page),
        cmocka_unit_test(a_page_is_there_before_its_compressed_copies),
        cmocka_unit_test(a_page_that_did_not_change_is_304),
        cmocka_unit_test(older_records_are_rendered_when_asked_for),
        cmocka_unit_test(many_older_windows_do_not_pile_up),
        cmocka_unit_test(what_is_not_there_is_said_plainly),
        cmocka_unit_test(a_page_of_a_closed_node_is_not_for_guests),
        cmocka_unit_test(a_snapshot_replaces_its_files),
        cmocka_unit_test(pages_with_bad_paths_or_nodes_are_refused),
        cmocka_unit_test(a_page_without_a_template_has_the_built_in_one),
        cmocka_unit_test(a_page_may_show_several_nodes),
        cmocka_unit_test(a_deleted_node_leaves_an_empty_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
