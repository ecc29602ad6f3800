/* SPDX-License-Identifier: MIT */
/*
 * concordance/testing.h -- test an app as its users use it: the real service,
 * in the test's own process.
 *
 *     #include <concordance/testing.h>
 *
 *     int
 *     main(void)
 *     {
 *         struct cnc_test *t = cnc_test_start("./shelf.so");
 *         const struct cnc_test_page *page;
 *
 *         cnc_test_subscribe(t, "shelf");
 *         page = cnc_test_post(t, "/?form=shelf", "title=Emma");
 *         CNC_TEST(page->status == 200 && strstr(page->body, "Emma"));
 *         CNC_TEST_SAME(cnc_test_text(cnc_test_event(t), "title"), "Emma");
 *         cnc_test_stop(&t);
 *     }
 *
 * Link with `pkg-config --libs concordance-xmpp-testing`.
 *
 * The service has a store in memory, free ports and a folder that goes away.
 * It runs on a thread of its own, handlers too: look at what they answer and
 * publish, not at their variables.  The functions here are for one thread.
 * Each waits for what it names, at most 30 seconds (TEST_LIMIT in the
 * environment), then says what is missing and ends the process: a test needs
 * no code for what must not happen.  What the service refuses is an answer.
 *
 * What is returned is *borrowed*, and there until cnc_test_stop().
 */
#ifndef CONCORDANCE_TESTING_H
#define CONCORDANCE_TESTING_H

#include <concordance/app.h>
#include <concordance/xml.h>

CNC_BEGIN_DECLS

struct cnc_test;

/* The options and apps of a command line of concordanced, NULL-ended:
 * cnc_test_start("--allow-plain", "./shelf.so").  Those of the kit come
 * first, so yours win; the log is that of --log-level error. */
CNC_API struct cnc_test *cnc_test_start_words(const char *const *words);
#define cnc_test_start(...)                                                   \
    cnc_test_start_words((const char *const[]){__VA_ARGS__, NULL})
/* An app that is part of the test itself; files: the folder of its templates,
 * or NULL.  words: further options, or NULL. */
CNC_API struct cnc_test *cnc_test_start_app(const struct cnc_app *app,
                                            const char *files,
                                            const char *const *words);
CNC_API void cnc_test_stop(struct cnc_test **tp);
/* What has to be: else its text, the file and the line, and the end of the
 * process.  Always there, unlike assert(). */
#define CNC_TEST(expr)                                                        \
    ((expr) ? (void)0 : cnc_test_fail(__FILE__, __LINE__, #expr))
/* Two texts that have to be the same; NULL is none. */
#define CNC_TEST_SAME(a, b) cnc_test_same(__FILE__, __LINE__, #a, a, b)
_Noreturn CNC_API void cnc_test_fail(const char *file, int line,
                                     const char *text);
CNC_API void cnc_test_same(const char *file, int line, const char *expr,
                           const char *is, const char *want);
/* "http://127.0.0.1:PORT/" */
CNC_API const char *cnc_test_url(const struct cnc_test *t);

/* -- as a browser without JavaScript: a guest, with cookies ----------------
 */

struct cnc_test_page {
    int status;
    const char *path; /* where redirects led */
    const char *head; /* status line and headers */
    const char *body; /* NUL-terminated */
    size_t len;
};

/* GET a path; redirects are followed. */
CNC_API const struct cnc_test_page *cnc_test_get(struct cnc_test *t,
                                                 const char *path);
/* POST fields, "name=value" each, as a form does:
 * cnc_test_post(t, "/?form=shelf", "title=Emma", "note=Read it"). */
CNC_API const struct cnc_test_page *
cnc_test_post_fields(struct cnc_test *t, const char *path,
                     const char *const *fields);
#define cnc_test_post(t, path, ...)                                           \
    cnc_test_post_fields(t, path, (const char *const[]){__VA_ARGS__, NULL})
/* GET the path until its body has the text: for what others published, which
 * a page shows a moment later. */
CNC_API const struct cnc_test_page *
cnc_test_get_until(struct cnc_test *t, const char *path, const char *text);

/* -- as the operator, by XMPP ----------------------------------------------
 */

struct cnc_test_answer {
    int code;         /* 0, or CNC_E...; CNC_EINVAL: see cnc_test_error() */
    const char *note; /* of the command, or of the error; or "" */
    const struct cnc_element *stanza; /* the whole <iq/> */
    size_t n_rows;                    /* of its table */
};

/* Run a command with fields, "name=value" each; a name may stand again, for
 * several values: cnc_test_do(t, "shelf/count"). */
#define cnc_test_do(t, ...)                                                   \
    cnc_test_do_words(t, (const char *const[]){__VA_ARGS__, NULL})
/* words[0] is the command, the others its fields. */
CNC_API const struct cnc_test_answer *
cnc_test_do_words(struct cnc_test *t, const char *const *words);
/* Fill in a node's form, which is the command of its name. */
#define cnc_test_submit(t, node, ...) cnc_test_do(t, node, __VA_ARGS__)

/* A value of the answer; of its table, row 0 the first; what is wrong with a
 * field (NULL: with the whole): NULL when there is none. */
CNC_API const char *cnc_test_value(const struct cnc_test_answer *a,
                                   const char *name);
CNC_API const char *cnc_test_cell(const struct cnc_test_answer *a, size_t row,
                                  const char *name);
CNC_API const char *cnc_test_error(const struct cnc_test_answer *a,
                                   const char *field);

/* Publish XML as the item id (NULL: the service names it). */
CNC_API const struct cnc_test_answer *cnc_test_publish(struct cnc_test *t,
                                                       const char *node,
                                                       const char *id,
                                                       const char *xml);
CNC_API const struct cnc_test_answer *
cnc_test_retract(struct cnc_test *t, const char *node, const char *id);
/* An item's payload, or NULL. */
CNC_API const struct cnc_element *
cnc_test_item(struct cnc_test *t, const char *node, const char *id);
/* Any other <iq/>, to the domain. */
CNC_API const struct cnc_test_answer *
cnc_test_iq(struct cnc_test *t, const char *type, const char *payload_xml);

struct cnc_test_event {
    const char *node, *id;
    const struct cnc_element *payload; /* NULL: retracted, or none is sent */
    bool retracted;
};

/* Follow a node; its events wait for cnc_test_event(). */
CNC_API void cnc_test_subscribe(struct cnc_test *t, const char *node);
/* The next of them. */
CNC_API const struct cnc_test_event *cnc_test_event(struct cnc_test *t);
/* A field of its payload; "" when there is none. */
CNC_API const char *cnc_test_text(const struct cnc_test_event *e,
                                  const char *field);

CNC_END_DECLS

#endif /* CONCORDANCE_TESTING_H */
