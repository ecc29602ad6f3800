/* SPDX-License-Identifier: MIT */
/*
 * Serve one page of 10 kB from memory, the way snapshots are served: head and
 * body made once.
 *
 *   bench-http-server [FILE]     prints its port, runs until killed
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../../src/base/str.h"
#include "../../src/net/net.h"

struct page {
    struct cnc_buf *whole;
    size_t head_len;
};

static void
answer(struct cnc__http_request *r, void *priv)
{
    struct page *page = priv;
    struct cnc__http_response response = {.whole = page->whole,
                                          .head_len = page->head_len};

    r->responder->respond(r->responder, &response);
}

/* The page's file, or 10 kB of text. */
static void
load(struct cnc__str *body, const char *path)
{
    char chunk[4096];
    ssize_t n;
    int fd;

    if (path == NULL) {
        while (body->len < 10240) {
            cnc__str_puts(body, "<p>A line of the page, like others.</p>\n");
        }
        return;
    }
    fd = open(path, O_RDONLY);
    while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0) {
        cnc__str_add(body, chunk, (size_t)n);
    }
    if (fd < 0 || body->len == 0) {
        fprintf(stderr, "bench-http-server: cannot read %s\n", path);
        exit(1);
    }
    close(fd);
}

int
main(int argc, char **argv)
{
    struct cnc__str body = CNC__STR, whole = CNC__STR;
    struct page page;
    struct cnc__net_config config = {.http = answer, .http_priv = &page};
    struct cnc_error err = {0};
    struct cnc__net *net;
    unsigned port = 0;

    load(&body, argc > 1 ? argv[1] : NULL);
    cnc__str_printf(&whole,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
                    "ETag: \"0123456789abcdef\"\r\n"
                    "Cache-Control: no-cache\r\nVary: Accept-Encoding\r\n"
                    "X-Content-Type-Options: nosniff\r\n"
                    "Content-Length: %zu\r\n\r\n",
                    body.len);
    page.head_len = whole.len;
    cnc__str_add(&whole, body.data, body.len);
    page.whole = cnc_buf_new(whole.data, whole.len);
    net = cnc__net_new(uv_default_loop(), &config);
    if (cnc__net_listen(net, "127.0.0.1:0", NULL, NULL, &port, &err) != 0) {
        fprintf(stderr, "bench-http-server: %s\n", err.text);
        return 1;
    }
    printf("%u\n", port);
    fflush(stdout);
    return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
