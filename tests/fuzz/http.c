/* SPDX-License-Identifier: MIT */
/*
 * http.c -- what a connection may send: for any bytes the requests that are
 * understood, and whether the rest is refused, do not depend on how the
 * bytes were cut; and what is understood keeps what net promises of it.
 *
 * A libFuzzer target; with -DFUZZ_MAIN a program that runs a corpus and
 * seeded mutations of it: http CORPUS-DIR N-MUTATIONS [SEED].
 */
#include <dirent.h>
#include <stdio.h>

#include "../../src/base/text.h"
#include "../../src/net/http1.h"

#define MAX_BODY 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t input_len;

static void
fail(const char *what, const struct cnc__str *a, const struct cnc__str *b)
{
    FILE *f = fopen("http.failed", "wb");

    fprintf(stderr, "%s\n--- input\n%.*s\n--- a\n%s\n--- b\n%s\n", what,
            (int)input_len, input, a == NULL ? "" : cnc__str_c(a),
            b == NULL ? "" : cnc__str_c(b));
    if (f != NULL) {
        fwrite(input, 1, input_len, f);
        fclose(f);
    }
    abort();
}

/* What net.h promises of a request that reaches a handler. */
static void
check_promises(const struct cnc__http1 *h)
{
    const struct cnc__http_request *r = &h->request;
    const char *p = r->path;
    bool ok = p != NULL && p[0] == '/' && cnc__utf8_valid(p, strlen(p)) &&
              strstr(p, "//") == NULL && strstr(p, "/./") == NULL &&
              strstr(p, "/../") == NULL && strpbrk(p, "\r\n\\") == NULL &&
              r->body_len <= MAX_BODY &&
              r->n_headers <= CNC__HTTP_MAX_HEADERS &&
              (h->host[0] == '\0' || cnc__http_host_valid(h->host));

    for (size_t i = 0; ok && i < r->n_headers; i++) {
        const char *name = r->headers[i].name, *value = r->headers[i].value;
        size_t len = strlen(value);

        ok = name[0] != '\0' && strpbrk(name, " \t:\r\n") == NULL &&
             strpbrk(value, "\r\n") == NULL && cnc__utf8_valid(value, len) &&
             (len == 0 || (value[0] != ' ' && value[len - 1] != ' '));
        for (const char *c = name; ok && *c != '\0'; c++) {
            ok = *c < 'A' || *c > 'Z';
        }
    }
    if (!ok) {
        fail("a request breaks a promise", NULL, NULL);
    }
    cnc__origin_may_post(r, h->host, false, NULL);
}

static void
tell(struct cnc__str *out, const struct cnc__http1 *h)
{
    const struct cnc__http_request *r = &h->request;

    check_promises(h);
    cnc__str_printf(out, "%d %s ? %s host %s keep %d\n", r->method, r->path,
                    r->query, h->host, h->keep_alive);
    for (size_t i = 0; i < r->n_headers; i++) {
        cnc__str_printf(out, "%s=%s\n", r->headers[i].name,
                        r->headers[i].value);
    }
    cnc__str_printf(out, "%zu:", r->body_len);
    cnc__str_add(out, r->body, r->body_len);
    cnc__str_putc(out, '\n');
}

/* Read the input as a connection's, in pieces. */
static void
converse(struct cnc__str *out, size_t piece)
{
    struct cnc__http1 h = {0};
    size_t at = 0;
    bool open = true;

    cnc__http1_init(&h, MAX_BODY);
    cnc__str_puts(out, "");
    while (open && at < input_len) {
        size_t n = input_len - at < piece ? input_len - at : piece, used = 0;
        /* Of the exact size, so that ASan sees an over-read. */
        char *bytes = memcpy(cnc__realloc(NULL, n, 1), input + at, n);

        switch (cnc__http1_feed(&h, bytes, n, &used)) {
        case CNC__HTTP1_DONE:
            tell(out, &h);
            open = h.keep_alive;
            cnc__http1_init(&h, MAX_BODY);
            break;
        case CNC__HTTP1_BAD:
            /* Which of several faults is named depends on the cut. */
            if (h.status < 400 || h.status > 505 || h.why[0] == '\0') {
                fail("refused without a status", out, NULL);
            }
            cnc__str_puts(out, "refused\n");
            open = false;
            break;
        default:
            break;
        }
        cnc__free(bytes);
        if (used > n || (used == 0 && open)) {
            fail("no progress", out, NULL);
        }
        at += used;
    }
    cnc__http1_fini(&h);
}

static int
on_pair(const char *name, const char *value, void *priv)
{
    if (!cnc__utf8_valid(name, strlen(name)) ||
        !cnc__utf8_valid(value, strlen(value))) {
        fail("a form's pair is not UTF-8", NULL, NULL);
    }
    ++*(size_t *)priv;
    return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t pieces[] = {1, 2, 7, 100};
    struct cnc__str whole = CNC__STR;
    size_t n_pairs = 0;

    input = data;
    input_len = size;
    converse(&whole, size + 1);
    for (size_t i = 0; i < CNC_N(pieces); i++) {
        struct cnc__str cut = CNC__STR;

        converse(&cut, pieces[i]);
        if (whole.len != cut.len ||
            memcmp(whole.data, cut.data, cut.len) != 0) {
            fail("cut, the same bytes mean something else", &whole, &cut);
        }
        cnc__str_fini(&cut);
    }
    cnc__str_fini(&whole);
    cnc__http_form_parse((const char *)data, size, 20, on_pair, &n_pairs);
    return n_pairs > 20;
}

/* -- a driver of our own -------------------------------------------------- */

#ifdef FUZZ_MAIN
#define N_FILES 256

static struct cnc__str files[N_FILES];
static size_t n_files;
static uint64_t seed;

static uint64_t
next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void
read_file(struct cnc__str *out, const char *dir, const char *name)
{
    struct cnc__str path = CNC__STR;
    char bytes[4096];
    FILE *f;

    cnc__str_printf(&path, "%s/%s", dir, name);
    f = fopen(path.data, "rb");
    CNC_CHECK(f != NULL);
    for (size_t n; (n = fread(bytes, 1, sizeof(bytes), f)) > 0;) {
        cnc__str_add(out, bytes, n);
    }
    fclose(f);
    cnc__str_fini(&path);
}

static void
read_corpus(const char *dir)
{
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort);

    CNC_CHECK(n >= 0);
    for (int i = 0; i < n; i++) {
        if (names[i]->d_name[0] != '.') {
            CNC_CHECK(n_files < N_FILES);
            read_file(&files[n_files++], dir, names[i]->d_name);
        }
        free(names[i]);
    }
    free(names);
}

static void
mutate(struct cnc__str *s)
{
    static const char *const pieces[] = {
        "\r\n",
        "\n",
        "\r",
        "\r\n\r\n",
        ":",
        " ",
        "\t",
        "0\r\n\r\n",
        "5\r\nhello\r\n",
        ";x=y",
        "%2e",
        "%2F",
        "%00",
        "%c3%bc",
        "/../",
        "//",
        "?",
        "\xff",
        "HTTP/1.1",
        "HTTP/1.0",
        "Host: a\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Connection: close\r\n",
        "Expect: 100-continue\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "Upgrade: websocket\r\nConnection: Upgrade\r\n",
        "99999999999999999999",
        "http://a",
    };
    size_t at = next_random() % (s->len + 1);
    struct cnc__str tail = CNC__STR;

    cnc__str_add(&tail, cnc__str_c(s) + at, s->len - at);
    s->len = at;
    switch (next_random() % 4) {
    case 0: /* insert */
        cnc__str_puts(s, pieces[next_random() % CNC_N(pieces)]);
        break;
    case 1: { /* delete */
        size_t n = next_random() % 9;

        cnc__str_drop(&tail, n < tail.len ? n : tail.len);
        break;
    }
    case 2: /* change a byte */
        if (tail.len > 0) {
            tail.data[0] = (char)next_random();
        }
        break;
    default: { /* cross with another */
        struct cnc__str *other = &files[next_random() % n_files];
        size_t from = next_random() % (other->len + 1);

        cnc__str_add(s, cnc__str_c(other) + from, other->len - from);
        break;
    }
    }
    cnc__str_add(s, tail.data, tail.len);
    cnc__str_fini(&tail);
}

int
main(int argc, char **argv)
{
    int64_t n = 0, from = 1;

    if (argc < 3 || !cnc__parse_int(&n, argv[2], 0, INT64_MAX) ||
        (argc > 3 && !cnc__parse_int(&from, argv[3], 1, INT64_MAX))) {
        fprintf(stderr, "usage: %s CORPUS-DIR N-MUTATIONS [SEED]\n", argv[0]);
        return 2;
    }
    read_corpus(argv[1]);
    CNC_CHECK(n_files > 0);
    for (size_t i = 0; i < n_files; i++) {
        LLVMFuzzerTestOneInput((uint8_t *)cnc__str_c(&files[i]), files[i].len);
    }
    seed = (uint64_t)from * UINT64_C(0x9E3779B97F4A7C15);
    for (int64_t i = 0; i < n; i++) {
        struct cnc__str *file = &files[next_random() % n_files];
        struct cnc__str s = CNC__STR;

        cnc__str_add(&s, file->data, file->len);
        for (uint64_t k = 1 + next_random() % 4; k > 0; k--) {
            mutate(&s);
        }
        LLVMFuzzerTestOneInput((uint8_t *)cnc__str_c(&s), s.len);
        cnc__str_fini(&s);
    }
    printf("%zu files, %lld mutations: cut as you like\n", n_files,
           (long long)n);
    for (size_t i = 0; i < n_files; i++) {
        cnc__str_fini(&files[i]);
    }
    return 0;
}
#endif
