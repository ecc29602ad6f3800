/* SPDX-License-Identifier: MIT */
/* The render process as the service sees it: a socket, and what comes back. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../src/render/proto.h"
#include "../../../src/render/sandbox.h"
#include "test.h"

#define XSL                                                                   \
    "<xsl:stylesheet version='1.0' "                                          \
    "xmlns:xsl='http://www.w3.org/1999/XSL/Transform' xmlns:l='urn:l' "       \
    "xmlns:str='http://exslt.org/strings' "                                   \
    "xmlns:date='http://exslt.org/dates-and-times' "                          \
    "xmlns:c='http://concordance-xmpp.org/ns/page'><xsl:template match='/'>"
#define END "</xsl:template></xsl:stylesheet>"

static const char *program;

struct child {
    pid_t pid;
    int fd;
    struct cnc__str in;
};

static void
start(struct child *c, const char *megabytes, const char *seconds)
{
    int fds[2];
    memset(c, 0, sizeof(*c));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
                     0);
    c->pid = fork();
    assert_true(c->pid >= 0);
    if (c->pid == 0) {
        if (fds[1] != 3) {
            dup2(fds[1], 3); /* not closed by exec */
        } else {
            fcntl(3, F_SETFD, 0);
        }
        execl(program, program, megabytes, seconds, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    c->fd = fds[0];
}

static int
stop(struct child *c)
{
    int status = 0;
    close(c->fd);
    assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
    cnc__str_fini(&c->in);
    return status;
}

/* False: the process is gone. */
static bool
call(struct child *c, struct cnc__render_message *reply, uint8_t type,
     const char *a, const char *b, const char *x, const char *y)
{
    static uint32_t number;
    struct cnc__str out = CNC__STR;
    struct cnc__render_message m = {.type = type, .call = ++number};
    const char *fields[] = {a, b, x, y};
    for (size_t i = 0; i < 4 && fields[i] != NULL; i++) {
        m.fields[m.n_fields++] =
            (struct cnc__render_field){fields[i], strlen(fields[i])};
    }
    cnc__render_encode(&out, &m);
    bool sent =
        send(c->fd, out.data, out.len, MSG_NOSIGNAL) == (ssize_t)out.len;
    cnc__str_fini(&out);
    cnc__str_clear(&c->in);
    while (sent) {
        size_t used;
        int rc =
            cnc__render_decode(reply, &used, cnc__str_c(&c->in), c->in.len);
        if (rc == 0) {
            assert_int_equal(reply->call, number);
            return true;
        }
        assert_int_equal(rc, CNC_EAGAIN);
        cnc__str_reserve(&c->in, 65536);
        ssize_t n = read(c->fd, c->in.data + c->in.len, 65536);
        if (n <= 0) {
            return false;
        }
        c->in.len += (size_t)n;
    }
    return false;
}

static bool
has(const struct cnc__render_message *m, size_t field, const char *what)
{
    return m->n_fields > field &&
           memmem(m->fields[field].data, m->fields[field].len, what,
                  strlen(what)) != NULL;
}

static void
a_page_is_rendered_and_patched(void **state)
{
    struct child c;
    struct cnc__render_message r;
    start(&c, "512", "10");
    assert_true(call(&c, &r, CNC__R_SHEET, "/",
                     XSL "<ul id='u'><xsl:for-each select='//l:b'><li"
                         " id='{@c:id}'><xsl:value-of select='.'/></li>"
                         "</xsl:for-each></ul><c:form node='lib'/>" END,
                     NULL, NULL));
    assert_int_equal(r.type, CNC__R_OK);
    assert_true(
        call(&c, &r, CNC__R_SOURCE, "/", "<lib xmlns='urn:l'/>", NULL, NULL));
    assert_true(call(&c, &r, CNC__R_FORM, "/", "lib",
                     "<x xmlns='jabber:x:data'><title>New</title></x>",
                     "/?form=lib"));
    assert_int_equal(r.type, CNC__R_OK);
    assert_true(call(&c, &r, CNC__R_RENDER, "/", NULL, NULL, NULL));
    assert_int_equal(r.type, CNC__R_PATCH);
    assert_int_equal(r.fields[0].len, 0);
    assert_true(call(&c, &r, CNC__R_UPSERT, "/", "lib", "1",
                     "<b xmlns='urn:l'>one</b>"));
    assert_int_equal(r.type, CNC__R_OK);
    assert_true(call(&c, &r, CNC__R_RENDER, "/", NULL, NULL, NULL));
    assert_true(has(&r, 0, "<insert at=\"u\" index=\"0\"><li"));
    assert_true(call(&c, &r, CNC__R_HTML, "/", "<!--end-->", NULL, NULL));
    assert_int_equal(r.type, CNC__R_HTML_DONE);
    assert_true(has(&r, 0, "<!--end--></head>"));
    assert_true(has(&r, 0, "<li id=\"1\">one</li></ul><form"));
    assert_true(call(&c, &r, CNC__R_REMOVE, "/", "lib", "1", NULL));
    assert_true(call(&c, &r, CNC__R_RENDER, "/", NULL, NULL, NULL));
    assert_true(has(&r, 0, "<remove at=\"u\" index=\"0\"/>"));
    assert_true(call(&c, &r, CNC__R_CLOSE, "/", NULL, NULL, NULL));
    assert_true(call(&c, &r, CNC__R_RENDER, "/", NULL, NULL, NULL));
    assert_int_equal(r.type, CNC__R_ERROR);
    assert_true(has(&r, 2, "CNC_ENOENT"));
    assert_int_equal(stop(&c), 0);
}

static void
a_broken_sheet_is_answered_with_line_and_message(void **state)
{
    struct child c;
    struct cnc__render_message r;
    start(&c, "512", "10");
    assert_true(
        call(&c, &r, CNC__R_CHECK, XSL "\n\n<p>" END, NULL, NULL, NULL));
    assert_int_equal(r.type, CNC__R_ERROR);
    assert_int_equal(r.n_fields, 3);
    assert_int_equal(r.fields[0].len, 1);
    assert_memory_equal(r.fields[0].data, "3", 1);
    assert_true(has(&r, 1, "not well-formed"));
    assert_true(call(&c, &r, CNC__R_CHECK, XSL "<p/>" END, NULL, NULL, NULL));
    assert_int_equal(r.type, CNC__R_OK);
    assert_int_equal(stop(&c), 0);
}

/* What makes the C library ask for files: it goes without. */
static void
languages_dates_and_encodings_need_no_file(void **state)
{
    struct child c;
    struct cnc__render_message r;
    start(&c, "512", "10");
    assert_true(call(&c, &r, CNC__R_CHECK,
                     "<?xml version='1.0' encoding='ISO-8859-2'?>" XSL
                     "<xsl:for-each select='//*'><xsl:sort lang='de'"
                     " select='.'/><p title='{date:date-time()}'>"
                     "<xsl:value-of select='date:year()'/></p>"
                     "</xsl:for-each>" END,
                     "<?xml version='1.0' encoding='KOI8-R'?><a><b/><b/></a>",
                     NULL, NULL));
    assert_int_equal(r.type, CNC__R_OK);
    assert_int_equal(stop(&c), 0);
}

static void
a_sheet_that_takes_all_time_ends_the_process(void **state)
{
    struct child c;
    struct cnc__render_message r;
    struct cnc__str s = CNC__STR;
    start(&c, "900", "1");
    /* Few operations, each a long search. */
    cnc__str_puts(&s, XSL "<xsl:variable name='s' select=\"str:padding("
                          "100000, 'a')\"/><xsl:variable name='l'"
                          " select=\"concat(str:padding(50000, 'a'), 'b')\""
                          "/>");
    for (int i = 0; i < 400; i++) {
        cnc__str_puts(&s, "<xsl:if test='contains(translate($s, $l, $l),"
                          " translate($l, $s, $l))'>x</xsl:if>");
    }
    cnc__str_puts(&s, END);
    assert_false(call(&c, &r, CNC__R_CHECK, s.data, NULL, NULL, NULL));
    int status = stop(&c);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGPROF);
    cnc__str_fini(&s);
}

static void
a_sheet_that_takes_all_memory_ends_the_process(void **state)
{
    struct child c;
    struct cnc__render_message r;
    struct cnc__str s = CNC__STR;
    if (!cnc__sandbox_complete()) {
        skip();
    }
    start(&c, "100", "10"); /* less than the engine's own limit */
    cnc__str_puts(&s, XSL "<xsl:variable name='v0' select=\"'abcdefgh'\"/>");
    for (int i = 0; i < 30; i++) {
        cnc__str_printf(&s,
                        "<xsl:variable name='v%d' select='concat($v%d, $v%d)'"
                        "/>",
                        i + 1, i, i);
    }
    cnc__str_puts(&s, "<xsl:value-of select='$v30'/>" END);
    assert_false(call(&c, &r, CNC__R_CHECK, s.data, NULL, NULL, NULL));
    assert_true(WIFSIGNALED(stop(&c)));
    cnc__str_fini(&s);
}

static void
what_is_no_call_ends_the_process(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {{"\xff\xff\xff\xff", 4},
                 {"\5\0\0\0\x63\0\0\0\0", 9}, /* no such type */
                 {"\5\0\0\0\2\0\0\0\0", 9},   /* SHEET without fields */
                 {"\x09\0\0\0\1\0\0\0\0\xff\0\0\0", 13}};
    for (size_t i = 0; i < CNC_N(cases); i++) {
        struct child c;
        char byte;
        start(&c, "512", "10");
        assert_int_equal(write(c.fd, cases[i].bytes, cases[i].len),
                         cases[i].len);
        assert_int_equal(read(c.fd, &byte, 1), 0);
        assert_int_equal(stop(&c), 0);
    }
}

static void
at_most_2048_pages_are_kept(void **state)
{
    struct child c;
    struct cnc__render_message r;
    char key[16];
    start(&c, "512", "10");
    for (int i = 0; i < 2049; i++) {
        snprintf(key, sizeof(key), "/%d", i);
        assert_true(
            call(&c, &r, CNC__R_SHEET, key, XSL "<p/>" END, NULL, NULL));
        assert_int_equal(r.type, CNC__R_OK);
    }
    assert_true(call(&c, &r, CNC__R_RENDER, "/0", NULL, NULL, NULL));
    assert_int_equal(r.type, CNC__R_ERROR);
    assert_true(call(&c, &r, CNC__R_RENDER, "/1", NULL, NULL, NULL));
    assert_int_equal(r.type, CNC__R_PATCH);
    assert_int_equal(stop(&c), 0);
}

/* -- the sandbox itself -------------------------------------------------- */

static int
in_sandbox(int (*f)(void))
{
    int status, fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct cnc__sandbox box = {fds[1], 0};
        struct cnc_error err = {0};
        if (cnc__sandbox_enter(&box, &err) != 0) {
            fprintf(stderr, "%s\n", err.text);
            _exit(99);
        }
        _exit(f());
    }
    close(fds[0]);
    close(fds[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int
do_open(void)
{
    return open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES ? 0 : 1;
}

static int
do_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static int
do_fork(void)
{
    return fork() == 0 ? 0 : 1;
}

static int
do_exec(void)
{
    return execl("/bin/true", "true", (char *)NULL);
}

static int
do_write_elsewhere(void)
{
    return (int)write(STDOUT_FILENO, "x", 1);
}

static int
do_kill(void)
{
    return kill(getppid(), SIGUSR1);
}

static int
do_ordinary(void)
{
    char *p = cnc__zalloc((size_t)8 << 20);
    char hex[9];
    cnc__random_hex(hex, 4);
    p = cnc__realloc(p, (size_t)64 << 20, 1);
    cnc__free(p);
    fprintf(stderr, "%s", "");
    return 0;
}

static void
the_sandbox_has_no_files_sockets_or_children(void **state)
{
    int (*const forbidden[])(void) = {do_socket, do_fork, do_exec,
                                      do_write_elsewhere, do_kill};
    if (!cnc__sandbox_complete()) {
        skip();
    }
    assert_int_equal(in_sandbox(do_open), 0);
    assert_int_equal(in_sandbox(do_ordinary), 0);
    for (size_t i = 0; i < CNC_N(forbidden); i++) {
        int status = in_sandbox(forbidden[i]);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGSYS);
    }
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_rendered_and_patched),
        cmocka_unit_test(a_broken_sheet_is_answered_with_line_and_message),
        cmocka_unit_test(languages_dates_and_encodings_need_no_file),
        cmocka_unit_test(a_sheet_that_takes_all_time_ends_the_process),
        cmocka_unit_test(a_sheet_that_takes_all_memory_ends_the_process),
        cmocka_unit_test(what_is_no_call_ends_the_process),
        cmocka_unit_test(at_most_2048_pages_are_kept),
        cmocka_unit_test(the_sandbox_has_no_files_sockets_or_children),
    };
    if (argc != 2) {
        fprintf(stderr, "usage: %s concordance-render\n", argv[0]);
        return 2;
    }
    program = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
