/* SPDX-License-Identifier: MIT */
/*
 * driver.c -- runs a fuzz target without libFuzzer: each file of a corpus,
 * then seeded mutations of them.
 *
 *   driver CORPUS-DIR N-MUTATIONS [SEED]
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "../../../src/base/text.h"
#include "fuzz.h"

#define N_FILES 256

static struct cnc__str files[N_FILES];
static size_t n_files;
static uint64_t seed;
static struct cnc__str current; /* left in a file when the target fails */

static uint64_t
next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void
read_file(const char *dir, const char *name)
{
    struct cnc__str path = CNC__STR;
    char bytes[4096];
    FILE *f;

    cnc__str_printf(&path, "%s/%s", dir, name);
    f = fopen(path.data, "rb");
    cnc__str_fini(&path);
    CNC_CHECK(f != NULL && n_files < N_FILES);
    for (size_t n; (n = fread(bytes, 1, sizeof(bytes), f)) > 0;) {
        cnc__str_add(&files[n_files], bytes, n);
    }
    n_files++;
    fclose(f);
}

static int
by_bytes(const void *a, const void *b)
{
    return strcmp(cnc__str_c(a), cnc__str_c(b));
}

/* In an order of their own: a folder's is not the same everywhere. */
static void
read_corpus(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *d;

    CNC_CHECK(dir != NULL);
    while ((d = readdir(dir)) != NULL) {
        if (d->d_name[0] != '.') {
            read_file(path, d->d_name);
        }
    }
    closedir(dir);
    CNC_CHECK(n_files > 0);
    qsort(files, n_files, sizeof(files[0]), by_bytes);
}

static void
insert_piece(struct cnc__str *s)
{
    static const char *const pieces[] = {
        "<",
        ">",
        "/>",
        "'",
        "\n",
        "\n\n",
        "&lt;",
        "&#0;",
        "<!--",
        "<?x?>",
        "\x81",
        "\x89",
        "\x88",
        "\x80",
        "\x01",
        "\x7e",
        "\x7f",
        "\xff",
        "\xed\xa0\x80",
        "!\x88\x80",
        "<a>",
        "</a>",
        " id='1'",
        " to='d.example'",
        " to='@'",
        " type='get'",
        " type='set'",
        " type='result'",
        " xmlns='jabber:client'",
        "<iq>",
        "<message/>",
        "<presence/>",
        "<ping xmlns='urn:xmpp:ping'/>",
        "<abort/>",
        "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>",
        "</stream:stream>",
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl"
        "'>biwsbj1hLHI9YQ==</response>",
    };

    cnc__str_puts(s, pieces[next_random() % CNC_N(pieces)]);
}

static void
insert_other(struct cnc__str *s)
{
    const struct cnc__str *other = &files[next_random() % n_files];
    size_t from = other->len == 0 ? 0 : next_random() % other->len;
    size_t n = other->len - from;

    cnc__str_add(s, cnc__str_c(other) + from,
                 n < 60 ? n : next_random() % (n < 400 ? n : 400));
}

static void
mutate(struct cnc__str *s)
{
    size_t at = next_random() % (s->len + 1), n = next_random() % 16;
    struct cnc__str tail = CNC__STR;

    cnc__str_add(&tail, cnc__str_c(s) + at, s->len - at);
    s->len = at;
    switch (next_random() % 5) {
    case 0:
        insert_piece(s);
        break;
    case 1:
        cnc__str_drop(&tail, n < tail.len ? n : tail.len);
        break;
    case 2:
        if (tail.len > 0) {
            tail.data[0] = (char)next_random();
        }
        break;
    case 3:
        if (tail.len > 0) {
            tail.data[0] ^= (char)(1u << next_random() % 8);
        }
        break;
    default:
        insert_other(s);
        break;
    }
    cnc__str_add(s, tail.data, tail.len);
    cnc__str_fini(&tail);
}

static void
run(void)
{
    LLVMFuzzerTestOneInput((const uint8_t *)cnc__str_c(&current), current.len);
}

/* With FUZZ_KEEP=FILE the input at hand is there when the target dies. */
static void
keep(void)
{
    const char *path = getenv("FUZZ_KEEP");
    FILE *f = path == NULL ? NULL : fopen(path, "wb");

    if (f != NULL) {
        fwrite(current.data, 1, current.len, f);
        fclose(f);
    }
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
    seed = (uint64_t)from * UINT64_C(0x9e3779b97f4a7c15);
    for (int64_t i = -(int64_t)n_files; i < n; i++) {
        const struct cnc__str *file =
            &files[i < 0 ? (uint64_t)-i - 1 : next_random() % n_files];

        cnc__str_clear(&current);
        cnc__str_add(&current, cnc__str_c(file), file->len);
        for (uint64_t k = 1 + next_random() % 4; i >= 0 && k > 0; k--) {
            mutate(&current);
        }
        keep();
        run();
    }
    printf("%zu files, %lld mutations\n", n_files, (long long)n);
    cnc__str_fini(&current);
    for (size_t i = 0; i < n_files; i++) {
        cnc__str_fini(&files[i]);
    }
    return 0;
}
