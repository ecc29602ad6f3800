/* SPDX-License-Identifier: MIT */
/*
 * multipart.c -- a form's body from anybody: whatever the bytes are, and in
 * whatever pieces they come, parts hold no delimiter and have names that are
 * text; what is read, written anew as browsers do, is read the same.
 *
 * A libFuzzer target; with -DFUZZ_MAIN a program that runs a corpus and
 * seeded mutations of it: multipart CORPUS-DIR N-MUTATIONS.
 */
#include <dirent.h>
#include <stdio.h>

#include "../../src/base/text.h"
#include "../../src/web/web.h"

#define TYPE      "multipart/form-data; boundary=XX"
#define MAX_PARTS 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    size_t n;
    struct cnc__str part, again, told;
};

static void
escape(struct cnc__str *out, const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s == '"' || *s == '\r' || *s == '\n') {
            cnc__str_printf(out, "%%%02X", *s);
        } else {
            cnc__str_putc(out, *s);
        }
    }
}

static int
on_begin(const struct cnc__multipart_part *p, void *priv)
{
    struct seen *s = priv;

    CNC_CHECK(p->name[0] != '\0' && cnc__utf8_valid(p->name, strlen(p->name)));
    CNC_CHECK(++s->n <= MAX_PARTS);
    cnc__str_clear(&s->part);
    cnc__str_printf(&s->told, "[%s|%s|%s|", p->name,
                    p->filename == NULL ? "-" : p->filename, p->type);
    cnc__str_puts(&s->again,
                  "--XX\r\nContent-Disposition: form-data; name=\"");
    escape(&s->again, p->name);
    if (p->filename != NULL) {
        cnc__str_puts(&s->again, "\"; filename=\"");
        escape(&s->again, p->filename);
    }
    cnc__str_printf(&s->again, "\"\r\nContent-Type: %s\r\n\r\n", p->type);
    return 0;
}

static int
on_data(const char *data, size_t len, void *priv)
{
    struct seen *s = priv;

    cnc__str_add(&s->part, data, len);
    return 0;
}

static int
on_end(void *priv)
{
    struct seen *s = priv;

    CNC_CHECK(s->part.len == 0 ||
              memmem(s->part.data, s->part.len, "\r\n--XX", 6) == NULL);
    cnc__str_add(&s->told, cnc__str_c(&s->part), s->part.len);
    cnc__str_add(&s->again, cnc__str_c(&s->part), s->part.len);
    cnc__str_puts(&s->again, "\r\n");
    return 0;
}

/* In pieces of so many bytes. */
static int
run(struct seen *s, const char *type, const char *data, size_t len,
    size_t piece)
{
    static const struct cnc__multipart_events events = {on_begin, on_data,
                                                        on_end};
    struct cnc__multipart *m = cnc__multipart_new(type, MAX_PARTS, &events, s);
    int rc = m == NULL ? CNC_ESYNTAX : 0;

    for (size_t at = 0; rc == 0 && at < len;) {
        size_t n = len - at < piece ? len - at : piece;
        /* Of the exact size, so that ASan sees an over-read. */
        char *bytes = memcpy(cnc__realloc(NULL, n, 1), data + at, n);

        rc = cnc__multipart_feed(m, bytes, n);
        cnc__free(bytes);
        at += n;
    }
    if (rc == 0) {
        rc = cnc__multipart_finish(m);
    }
    cnc__multipart_free(&m);
    cnc__str_puts(&s->again, "--XX--\r\n");
    return rc;
}

static void
fini(struct seen *s)
{
    cnc__str_fini(&s->part);
    cnc__str_fini(&s->again);
    cnc__str_fini(&s->told);
}

static void
check_same(const struct seen *a, const struct seen *b)
{
    CNC_CHECK(a->n == b->n && a->told.len == b->told.len);
    CNC_CHECK(a->n == 0 ||
              memcmp(a->told.data, b->told.data, a->told.len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen none = {0}, first = {0}, pieces = {0}, second = {0};
    char *type = cnc__strndup((const char *)data, size);
    const char *bytes = (const char *)data;
    int rc = run(&first, TYPE, bytes, size, size);

    run(&none, type, "--XX--", 6, 6);
    CNC_CHECK(run(&pieces, TYPE, bytes, size, 1 + size % 7) == rc);
    if (rc == 0) {
        check_same(&first, &pieces);
        CNC_CHECK(run(&second, TYPE, first.again.data, first.again.len,
                      first.again.len) == 0);
        check_same(&first, &second);
    }
    cnc__free(type);
    fini(&none);
    fini(&first);
    fini(&pieces);
    fini(&second);
    return 0;
}

/* -- a driver of our own -------------------------------------------------- */

#ifdef FUZZ_MAIN
static uint64_t seed = UINT64_C(0x9E3779B97F4A7C15);

static uint64_t
next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void
mutate(struct cnc__str *s)
{
    static const char *const pieces[] = {
        "\r\n",
        "--XX",
        "--",
        "\r\n--XX",
        "\r\n--XX--\r\n",
        "\"",
        "%22",
        ";",
        "name=\"a\"",
        "filename=\"\"",
        "\r\n\r\n",
        "X: y\r\n",
        "Content-Type: multipart/mixed\r\n",
        "\xff",
        "Content-Disposition: form-data; name=\"b\"\r\n\r\n"};
    size_t at = next_random() % (s->len + 1), n = next_random() % 9;
    struct cnc__str tail = CNC__STR;

    cnc__str_add(&tail, cnc__str_c(s) + at, s->len - at);
    s->len = at;
    switch (next_random() % 4) {
    case 0:
    case 1:
        cnc__str_puts(s, pieces[next_random() % CNC_N(pieces)]);
        break;
    case 2:
        cnc__str_drop(&tail, n < tail.len ? n : tail.len);
        break;
    default:
        if (tail.len > 0) {
            tail.data[0] = (char)next_random();
        }
    }
    cnc__str_add(s, tail.data, tail.len);
    cnc__str_fini(&tail);
}

static void
run_file(const char *dir, const char *name, int64_t n)
{
    struct cnc__str path = CNC__STR, file = CNC__STR;
    char bytes[4096];
    FILE *f;

    cnc__str_printf(&path, "%s/%s", dir, name);
    f = fopen(path.data, "rb");
    CNC_CHECK(f != NULL);
    for (size_t got; (got = fread(bytes, 1, sizeof(bytes), f)) > 0;) {
        cnc__str_add(&file, bytes, got);
    }
    fclose(f);
    for (int64_t i = 0; i <= n; i++) {
        struct cnc__str s = CNC__STR;

        cnc__str_add(&s, file.data, file.len);
        for (uint64_t k = i == 0 ? 0 : 1 + next_random() % 4; k > 0; k--) {
            mutate(&s);
        }
        LLVMFuzzerTestOneInput((const uint8_t *)cnc__str_c(&s), s.len);
        cnc__str_fini(&s);
    }
    cnc__str_fini(&path);
    cnc__str_fini(&file);
}

int
main(int argc, char **argv)
{
    struct dirent **names;
    int64_t n = 0;
    int n_names;

    if (argc < 3 || !cnc__parse_int(&n, argv[2], 0, INT64_MAX)) {
        fprintf(stderr, "usage: %s CORPUS-DIR N-MUTATIONS\n", argv[0]);
        return 2;
    }
    n_names = scandir(argv[1], &names, NULL, alphasort);
    CNC_CHECK(n_names > 2);
    for (int i = 0; i < n_names; i++) {
        if (names[i]->d_name[0] != '.') {
            run_file(argv[1], names[i]->d_name, n);
        }
        free(names[i]);
    }
    free(names);
    return 0;
}
#endif
