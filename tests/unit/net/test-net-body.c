/* SPDX-License-Identifier: MIT */
/* Bodies that are not gathered, and answers that are files. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net-tests.h"

#define H    "Host: example.org\r\n"
#define FULL ((size_t)100000) /* bytes that a slow taker has at a time */

/* -- a taker of bodies ---------------------------------------------------- */

struct taker {
    struct cnc__http_sink sink;
    struct cnc__http_request *request;
    struct cnc__http_made made;
    uint64_t length;
    size_t n, all; /* bytes since it was emptied, and ever */
    unsigned ended, gone, freed;
    bool slow, late;
    char last;
};

static struct taker taker;
static unsigned n_asked;

static void
on_data(struct cnc__http_sink *sink, const char *data, size_t len)
{
    assert_true(len > 0);
    taker.n += len;
    taker.all += len;
    taker.last = data[len - 1];
    sink->full = taker.slow && taker.n >= FULL;
}

static void
answer(struct cnc__http_request *r, int status)
{
    struct cnc__http_response a = {.status = status};

    r->responder->respond(r->responder, &a);
}

static void
made_end(struct cnc__http_made *made)
{
    assert_ptr_equal(made, &taker.made);
    taker.freed++;
}

static void
on_end(struct cnc__http_sink *sink)
{
    taker.ended++;
    taker.made.end = made_end;
    taker.request->made = &taker.made;
    if (!taker.late) {
        answer(taker.request, 201);
    }
}

static void
on_gone(struct cnc__http_sink *sink)
{
    taker.gone++;
}

static struct cnc__http_sink *
give_sink(struct cnc__http_request *r, uint64_t length, void *priv)
{
    n_asked++;
    if (strcmp(r->path, "/gathered") == 0) {
        return NULL;
    }
    if (strcmp(r->path, "/no") == 0) {
        answer(r, 404);
        return NULL;
    }
    bool slow = strcmp(r->path, "/slow") == 0;
    bool late = strcmp(r->path, "/late") == 0;

    taker = (struct taker){.sink = {false, 0, on_data, on_end, on_gone},
                           .request = r,
                           .length = length,
                           .slow = slow,
                           .late = late};
    return &taker.sink;
}

static uint32_t
give_room(const struct cnc__http_request *r, void *priv)
{
    return strcmp(r->path, "/small") == 0 ? 0 : 50 << 20;
}

static struct world *
body_world(void)
{
    struct world *w;

    memset(&taker, 0, sizeof(taker));
    n_asked = 0;
    wanted.sink = give_sink;
    wanted.larger = give_room;
    w = make_world();
    listen_on(w, "127.0.0.1:0");
    return w;
}

static void
head(struct cnc__str *out, const char *path, size_t length)
{
    cnc__str_printf(out,
                    "POST %s HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n",
                    path, length);
}

static void
bytes(struct cnc__str *out, size_t n)
{
    cnc__str_reserve(out, n);
    for (size_t i = 0; i < n; i++) {
        cnc__str_putc(out, (char)('a' + i % 26));
    }
}

static void
a_body_goes_to_its_sink_and_the_next_request_is_heard(void **state)
{
    struct world *w = body_world();
    struct cnc__str wire = CNC__STR, got = CNC__STR;
    int fd = dial(w);

    head(&wire, "/take", 3000001);
    bytes(&wire, 3000001);
    cnc__str_puts(&wire, "POST /take HTTP/1.1\r\n" H
                         "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
                         "2\r\nxy\r\n0\r\n\r\n"
                         "GET /after HTTP/1.1\r\n" H "\r\n");
    say_bytes(w, fd, wire.data, wire.len);
    expect(w, fd, &got, "GET /after?");
    assert_int_equal(strncmp(got.data, "HTTP/1.1 201", 12), 0);
    assert_int_equal(n_asked, 2);
    assert_int_equal(taker.all, 5); /* the second's */
    assert_int_equal(taker.length, UINT64_MAX);
    assert_int_equal(taker.last, 'y');
    assert_int_equal(taker.ended, 1);
    assert_int_equal(taker.freed, 1);
    assert_int_equal(taker.gone, 0);
    assert_int_equal(w->n_calls, 1); /* the handler saw neither */
    close(fd);
    cnc__str_fini(&got);
    cnc__str_fini(&wire);
    end_world(w);
}

static void
a_full_sink_is_not_read_for_until_it_has_room(void **state)
{
    struct world *w = body_world();
    struct cnc__str wire = CNC__STR, got = CNC__STR;
    size_t total = 20 << 20, sent = 0;
    int fd = dial(w);

    head(&wire, "/slow", total);
    bytes(&wire, total);
    for (uint64_t deadline = in_ms(LIMIT); sent < wire.len;) {
        ssize_t n = send(fd, wire.data + sent, wire.len - sent, MSG_NOSIGNAL);

        sent += n > 0 ? (size_t)n : 0;
        uv_run(&w->loop, UV_RUN_NOWAIT);
        assert_true(in_ms(0) < deadline);
        assert_true(taker.n < FULL + 65536);
        if (taker.sink.full && n <= 0) { /* nothing moves any more */
            size_t before = taker.all;

            for (int i = 0; i < 5; i++) {
                uv_run(&w->loop, UV_RUN_NOWAIT);
            }
            assert_int_equal(taker.all, before);
            taker.n = 0;
            taker.sink.full = false;
            taker.request->responder->resume(taker.request->responder);
        }
    }
    taker.slow = taker.sink.full = false;
    taker.request->responder->resume(taker.request->responder);
    expect(w, fd, &got, "HTTP/1.1 201");
    assert_int_equal(taker.all, total);
    close(fd);
    cnc__str_fini(&got);
    cnc__str_fini(&wire);
    end_world(w);
}

static void
a_sink_hears_once_that_its_client_has_gone(void **state)
{
    struct world *w = body_world();
    struct cnc__str wire = CNC__STR;
    int fd = dial(w);

    head(&wire, "/take", 1000);
    say(w, fd, wire.data);
    say(w, fd, "half of it");
    UNTIL(w, taker.all == 10);
    close(fd);
    UNTIL(w, taker.gone == 1);
    assert_int_equal(taker.ended, 0);
    end_world(w);
    assert_int_equal(taker.gone, 1);
    cnc__str_fini(&wire);
}

static void
what_was_made_of_a_body_goes_with_the_answer_whoever_hears_it(void **state)
{
    struct world *w = body_world();
    struct cnc__str wire = CNC__STR;
    int fd = dial(w);

    head(&wire, "/late", 3);
    cnc__str_puts(&wire, "abc");
    say(w, fd, wire.data);
    UNTIL(w, taker.ended == 1);
    close(fd);
    uv_run(&w->loop, UV_RUN_NOWAIT);
    assert_int_equal(taker.freed, 0); /* its handler may still read it */
    assert_int_equal(taker.gone, 0);
    answer(taker.request, 200);
    assert_int_equal(taker.freed, 1);
    UNTIL(w, stats(w).connections == 0);
    fd = dial(w);
    say(w, fd, wire.data);
    UNTIL(w,
          stats(w).connections == 1 && taker.freed == 0 && taker.ended == 1);
    end_world(w); /* and nobody answers */
    assert_int_equal(taker.freed, 1);
    close(fd);
    cnc__str_fini(&wire);
}

static void
who_answers_at_the_head_hears_no_body(void **state)
{
    struct world *w = body_world();

    ask(w,
        "POST /no HTTP/1.1\r\n" H "Content-Length: 2000000\r\n"
        "Expect: 100-continue\r\n\r\n",
        "HTTP/1.1 404");
    ask(w, "POST /small HTTP/1.1\r\n" H "Content-Length: 2000000\r\n\r\n",
        "HTTP/1.1 413");
    ask(w, "POST /take HTTP/1.1\r\n" H "Content-Length: 99000000\r\n\r\n",
        "HTTP/1.1 413");
    assert_int_equal(n_asked, 1);
    assert_int_equal(w->n_calls, 0);
    end_world(w);
}

static void
a_body_of_unknown_length_has_the_common_limit(void **state)
{
    struct world *w;
    struct cnc__str wire = CNC__STR, got = CNC__STR;
    int fd;

    wanted.max_body = 1000;
    w = body_world();
    fd = dial(w);
    cnc__str_puts(&wire, "POST /take HTTP/1.1\r\n" H
                         "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        cnc__str_puts(&wire, "40\r\n");
        bytes(&wire, 64);
        cnc__str_puts(&wire, "\r\n");
    }
    say(w, fd, wire.data);
    expect(w, fd, &got, "HTTP/1.1 413");
    assert_true(taker.all <= 1000);
    assert_int_equal(taker.gone, 1);
    assert_int_equal(taker.ended, 0);
    close(fd);
    cnc__str_fini(&got);
    cnc__str_fini(&wire);
    end_world(w);
}

static void
a_body_that_nobody_takes_is_gathered(void **state)
{
    struct world *w = body_world();

    ask(w,
        "POST /gathered HTTP/1.1\r\n" H "Connection: close\r\n"
        "Content-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200");
    assert_int_equal(n_asked, 1);
    assert_int_equal(w->n_calls, 1);
    end_world(w);
}

static void
what_sinks_hold_counts_for_the_limit_of_all(void **state)
{
    struct world *w;
    struct cnc__str wire = CNC__STR, got = CNC__STR;
    int fd;

    wanted.max_held = 1 << 20;
    w = body_world();
    fd = dial(w);
    head(&wire, "/take", 1000);
    say(w, fd, wire.data);
    UNTIL(w, n_asked == 1);
    taker.sink.held = 2 << 20;
    say(w, fd, "x");
    expect(w, fd, &got, "HTTP/1.1 503");
    assert_int_equal(taker.gone, 1);
    close(fd);
    cnc__str_fini(&got);
    cnc__str_fini(&wire);
    end_world(w);
}

/* -- files ---------------------------------------------------------------- */

static struct {
    char path[128];
    uint64_t size;  /* that the answer says */
    int fd;         /* that was given */
    struct stat st; /* its file's */
    unsigned n;
} served;

/* The range is in the query: "OFFSET-LENGTH". */
static void
handle_file(struct cnc__http_request *r, void *priv)
{
    struct cnc__http_file file = {.fd = open(served.path, O_RDONLY)};
    struct cnc__http_response a = {
        .status = 200, .content_type = "a/b", .file = &file};
    char *end = NULL;

    file.offset = strtoull(r->query, &end, 10);
    file.len = *end == '-' ? strtoull(end + 1, NULL, 10) : served.size;
    assert_true(file.fd >= 0);
    assert_int_equal(fstat(file.fd, &served.st), 0);
    served.fd = file.fd;
    served.n++;
    r->responder->respond(r->responder, &a);
}

/* Is the descriptor that was given still the file's? */
static bool
is_open(void)
{
    struct stat st;

    return fstat(served.fd, &st) == 0 && st.st_ino == served.st.st_ino &&
           st.st_dev == served.st.st_dev;
}

static struct world *
files(size_t size)
{
    struct world *w;
    struct cnc__str text = CNC__STR;
    FILE *f;

    wanted.http = handle_file;
    w = make_world();
    listen_on(w, "127.0.0.1:0");
    snprintf(served.path, sizeof(served.path), "%s", in_dir(w, "file"));
    served.size = size;
    served.n = 0;
    bytes(&text, size);
    f = fopen(served.path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(cnc__str_c(&text), 1, size, f), size);
    fclose(f);
    cnc__str_fini(&text);
    return w;
}

static void
check_letters(const struct cnc__str *got, size_t offset, size_t len)
{
    const char *body = strstr(got->data, "\r\n\r\n");

    assert_non_null(body);
    body += 4;
    assert_int_equal(got->len - (size_t)(body - got->data), len);
    for (size_t i = 0; i < len; i++) {
        if (body[i] != (char)('a' + (offset + i) % 26)) {
            fail_msg("byte %zu is wrong", i);
        }
    }
}

static void
a_file_is_sent_whole_or_in_part_and_closed(void **state)
{
    static const struct {
        const char *query;
        size_t offset, len;
    } parts[] = {{"", 0, 3000000},
                 {"?0-1", 0, 1},
                 {"?2999999-1", 2999999, 1},
                 {"?32767-32770", 32767, 32770},
                 {"?100-0", 100, 0}};
    struct world *w = files(3000000);

    for (size_t i = 0; i < CNC_N(parts); i++) {
        struct cnc__str wire = CNC__STR, got = CNC__STR;
        char length[64];
        int fd = dial(w);

        cnc__str_printf(&wire,
                        "GET /f%s HTTP/1.1\r\n" H "Connection: close\r\n\r\n",
                        parts[i].query);
        say(w, fd, wire.data);
        expect_end(w, fd, &got);
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n",
                 parts[i].len);
        assert_non_null(strstr(got.data, length));
        check_letters(&got, parts[i].offset, parts[i].len);
        assert_false(is_open());
        close(fd);
        cnc__str_fini(&got);
        cnc__str_fini(&wire);
    }
    end_world(w);
}

static void
files_and_heads_of_them_leave_in_order(void **state)
{
    struct world *w = files(100000);
    struct cnc__str got = CNC__STR;
    size_t heads = 0;
    int fd = dial(w);

    say(w, fd,
        "HEAD /f HTTP/1.1\r\n" H "\r\n"
        "GET /f HTTP/1.1\r\n" H "\r\n"
        "HEAD /f HTTP/1.1\r\n" H "\r\n"
        "GET /f?0-26 HTTP/1.1\r\n" H "Connection: close\r\n\r\n");
    expect_end(w, fd, &got);
    for (const char *p = got.data; (p = strstr(p, "HTTP/1.1 200")) != NULL;
         p++) {
        heads++;
    }
    assert_int_equal(heads, 4);
    assert_int_equal(served.n, 4);
    assert_string_equal(got.data + got.len - 26, "abcdefghijklmnopqrstuvwxyz");
    assert_true(got.len > 100026 && got.len < 101500);
    assert_false(is_open());
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
a_file_that_is_shorter_than_was_said_cuts_the_connection(void **state)
{
    struct world *w = files(1000);
    struct cnc__str got = CNC__STR;
    int fd = dial(w);

    served.size = 5000;
    say(w, fd, "GET /f HTTP/1.1\r\n" H "\r\n");
    expect_end(w, fd, &got);
    assert_non_null(strstr(got.data, "Content-Length: 5000\r\n"));
    assert_true(got.len < 2000);
    assert_false(is_open());
    close(fd);
    cnc__str_fini(&got);
    end_world(w);
}

static void
who_leaves_while_a_file_comes_leaves_it_closed(void **state)
{
    struct world *w = files(20 << 20);
    int fd = dial(w);

    say(w, fd, "GET /f HTTP/1.1\r\n" H "\r\n");
    UNTIL(w, served.n == 1);
    assert_true(is_open()); /* it does not fit into the socket */
    close(fd);
    UNTIL(w, stats(w).connections == 0);
    assert_false(is_open());
    fd = dial(w);
    say(w, fd, "GET /f HTTP/1.1\r\n" H "\r\n");
    UNTIL(w, served.n == 2);
    end_world(w);
    assert_false(is_open());
    close(fd);
}

static void
one_who_reads_a_file_slowly_does_not_keep_others_waiting(void **state)
{
    struct world *w = files(20 << 20);
    struct cnc__str got = CNC__STR;
    int slow = dial(w);

    say(w, slow, "GET /f HTTP/1.1\r\n" H "\r\n");
    UNTIL(w, served.n == 1);
    assert_true(is_open());
    ask(w, "GET /f?0-5 HTTP/1.1\r\n" H "Connection: close\r\n\r\n",
        "HTTP/1.1 200");
    expect(w, slow, &got, "\r\n\r\nabcdef");
    close(slow);
    cnc__str_fini(&got);
    end_world(w);
}

const struct CMUnitTest body_tests[] = {
    TEST(a_body_goes_to_its_sink_and_the_next_request_is_heard),
    TEST(a_full_sink_is_not_read_for_until_it_has_room),
    TEST(a_sink_hears_once_that_its_client_has_gone),
    TEST(what_was_made_of_a_body_goes_with_the_answer_whoever_hears_it),
    TEST(who_answers_at_the_head_hears_no_body),
    TEST(a_body_of_unknown_length_has_the_common_limit),
    TEST(a_body_that_nobody_takes_is_gathered),
    TEST(what_sinks_hold_counts_for_the_limit_of_all),
    TEST(a_file_is_sent_whole_or_in_part_and_closed),
    TEST(files_and_heads_of_them_leave_in_order),
    TEST(a_file_that_is_shorter_than_was_said_cuts_the_connection),
    TEST(who_leaves_while_a_file_comes_leaves_it_closed),
    TEST(one_who_reads_a_file_slowly_does_not_keep_others_waiting),
};
const size_t n_body_tests = sizeof(body_tests) / sizeof(body_tests[0]);
