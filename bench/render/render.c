/* SPDX-License-Identifier: MIT */
/*
 * render.c -- records a second through the XSLT engine: a whole page, and one
 * changed record of a page.
 *
 *   bench-render SHEET.xsl [ROUNDS]     prints one JSON line a page size
 *
 * full:  source parsed, transformed, made safe, compared with the page before
 *        and written as HTML; per record.
 * one:   one record replaced, page rendered to its patch.
 * html:  the page written as HTML again, what a snapshot costs besides.
 */
#include <stdio.h>
#include <time.h>

#include "../../src/base/check.h"
#include "../../src/base/text.h"
#include "../../src/render/engine.h"

#define PASS_S 0.5 /* how long each pass goes on */

static double
now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
must(int code, const struct cnc_error *err)
{
    if (code != 0) {
        fprintf(stderr, "bench-render: %s\n", err->text);
        exit(1);
    }
}

static void
read_file(struct cnc__str *out, const char *path)
{
    char buf[4096];
    FILE *f = fopen(path, "r");
    size_t n;

    if (f == NULL) {
        perror(path);
        exit(2);
    }
    while ((n = fread(buf, 1, sizeof(buf), f)) > 0) {
        cnc__str_add(out, buf, n);
    }
    fclose(f);
}

static void
record(struct cnc__str *out, unsigned i, unsigned version)
{
    cnc__str_printf(out,
                    "<note xmlns='urn:x-bench' "
                    "xmlns:c='" CNC__NS_PAGE "' c:id='n%u' "
                    "c:published='2026-11-22T21:40:00Z' "
                    "c:publisher='ann@localhost'><title>Note %u.%u</title>"
                    "<text>What there is to say about this one, in a line "
                    "or two, is said here and is as long as most.</text>"
                    "</note>",
                    i, i, version);
}

static void
source(struct cnc__str *out, unsigned n, unsigned version)
{
    cnc__str_clear(out);
    cnc__str_printf(out, "<notes xmlns='urn:x-bench' xmlns:c='" CNC__NS_PAGE
                         "' c:node='notes' c:title='Notes' "
                         "c:runtime='/_c/0'>");
    for (unsigned i = 0; i < n; i++) {
        record(out, i, version);
    }
    cnc__str_puts(out, "</notes>");
}

/* -- passes: each returns seconds a turn ---------------------------------- */

static double
full(struct cnc__page_doc *d, unsigned n)
{
    struct cnc__str xml = CNC__STR, patch = CNC__STR, html = CNC__STR;
    struct cnc_error err = {0};
    double start = now(), spent = 0;
    unsigned turns = 0;

    do {
        double from;

        source(&xml, n, turns); /* every record differs from the last turn */
        cnc__str_clear(&patch);
        cnc__str_clear(&html);
        from = now();
        must(cnc__page_doc_source(d, xml.data, xml.len, &err), &err);
        must(cnc__page_doc_render(d, &patch, &err), &err);
        cnc__page_doc_html(d, "", &html);
        spent += now() - from;
        turns++;
    } while (now() - start < PASS_S);
    CNC_CHECK(html.len > n * 100);
    cnc__str_fini(&xml);
    cnc__str_fini(&patch);
    cnc__str_fini(&html);
    return spent / turns;
}

static double
one(struct cnc__page_doc *d, unsigned n)
{
    struct cnc__str xml = CNC__STR, patch = CNC__STR;
    struct cnc_error err = {0};
    uint64_t alone, whole, alone0, whole0;
    double start = now();
    unsigned turns = 0;
    char id[16];

    cnc__page_doc_counts(d, &alone0, &whole0);
    do {
        unsigned i = turns * 7919u % n;

        cnc__str_clear(&xml);
        cnc__str_clear(&patch);
        record(&xml, i, 1000000 + turns);
        snprintf(id, sizeof(id), "n%u", i);
        must(cnc__page_doc_upsert(d, "notes", id, xml.data, xml.len, &err),
             &err);
        must(cnc__page_doc_render(d, &patch, &err), &err);
        CNC_CHECK(patch.len > 0);
        turns++;
    } while (now() - start < PASS_S);
    cnc__page_doc_counts(d, &alone, &whole);
    if (whole != whole0) {
        fprintf(stderr, "bench-render: %llu of %u were whole renders\n",
                (unsigned long long)(whole - whole0), turns);
    }
    cnc__str_fini(&xml);
    cnc__str_fini(&patch);
    return (now() - start) / turns;
}

static double
html(struct cnc__page_doc *d)
{
    struct cnc__str out = CNC__STR;
    double start = now();
    unsigned turns = 0;

    do {
        cnc__str_clear(&out);
        cnc__page_doc_html(d, "", &out);
        turns++;
    } while (now() - start < PASS_S);
    cnc__str_fini(&out);
    return (now() - start) / turns;
}

static int
by_value(const void *a, const void *b)
{
    double d = *(const double *)a - *(const double *)b;

    return d < 0 ? -1 : d > 0;
}

static double
median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), by_value);
    return v[n / 2];
}

static void
bench(const struct cnc__str *sheet, unsigned n, size_t rounds)
{
    double t_full[64], t_one[64], t_html[64], a, b, c;
    struct cnc_error err = {0};
    struct cnc__page_doc *d = cnc__page_doc_new(NULL);

    must(cnc__page_doc_sheet(d, sheet->data, sheet->len, &err), &err);
    for (size_t r = 0; r < rounds; r++) {
        t_full[r] = full(d, n);
        t_one[r] = one(d, n);
        t_html[r] = html(d);
    }
    a = median(t_full, rounds);
    b = median(t_one, rounds);
    c = median(t_html, rounds);
    printf("{\"bench\":\"render\",\"records\":%u,\"full_ms\":%.3f,"
           "\"full_records_s\":%.0f,\"one_us\":%.1f,\"one_s\":%.0f,"
           "\"html_us\":%.1f}\n",
           n, a * 1e3, n / a, b * 1e6, 1 / b, c * 1e6);
    fflush(stdout);
    cnc__page_doc_free(&d);
}

int
main(int argc, char **argv)
{
    struct cnc__str sheet = CNC__STR;
    int64_t rounds = 3;

    if (argc < 2 || (argc > 2 && !cnc__parse_int(&rounds, argv[2], 1, 64))) {
        fprintf(stderr, "usage: bench-render SHEET.xsl [ROUNDS]\n");
        return 2;
    }
    read_file(&sheet, argv[1]);
    bench(&sheet, 50, (size_t)rounds);
    bench(&sheet, 1000, (size_t)rounds);
    cnc__str_fini(&sheet);
    return 0;
}
