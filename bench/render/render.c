/* SPDX-License-Identifier: MIT */
/*
 * How long a page of the bookcase takes: everything, and one record added,
 * with the patch.  One JSON object a line.
 *
 *   bench-render [ROUNDS]
 */
#include <stdio.h>
#include <time.h>

#include "../../src/base/text.h"
#include "../../src/render/engine.h"

#define XMLNS "http://concordance-xmpp.org/apps/mybookcase"

static const char sheet[] =
    "<xsl:stylesheet version='1.0'"
    " xmlns:xsl='http://www.w3.org/1999/XSL/Transform'"
    " xmlns:l='" XMLNS "' xmlns:c='" CNC__NS_PAGE "'>"
    "<xsl:template match='/l:library'><html lang='en'><head><title>"
    "<xsl:value-of select='@c:title'/></title></head><body><h1>Books</h1>"
    "<p id='count'><xsl:value-of select='count(l:book)'/> books</p>"
    "<ul id='shelf'><xsl:for-each select='l:book'><li id='{@c:id}'><cite>"
    "<xsl:value-of select='l:title'/></cite> <span class='author'>"
    "<xsl:value-of select='l:author'/></span> <a"
    " href='urn:isbn:{l:isbn}'><xsl:value-of select='l:isbn'/></a></li>"
    "</xsl:for-each></ul></body></html></xsl:template></xsl:stylesheet>";

static double
now_ms(void) /* of this thread's CPU time */
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
write_book(struct cnc__str *out, unsigned i)
{
    cnc__str_printf(out,
                    "<book xmlns='" XMLNS "' xmlns:c='" CNC__NS_PAGE
                    "' c:id='b%u'><title>A book of %u pages</title><author>"
                    "Author &amp; %u</author><isbn>978%010u</isbn></book>",
                    i, i, i % 97, i);
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void
print(const char *what, unsigned records, unsigned per_round, double *ms,
      size_t n)
{
    qsort(ms, n, sizeof(*ms), by_value);
    double p50 = ms[n / 2];
    printf("{\"bench\":\"render\",\"what\":\"%s\",\"records\":%u,"
           "\"p50_ms\":%.3f,\"p95_ms\":%.3f,\"records_per_s\":%.0f}\n",
           what, records, p50, ms[n * 95 / 100], per_round / p50 * 1e3);
}

static struct cnc__page_doc *
open_page(const struct cnc__str *source)
{
    struct cnc__page_doc *d = cnc__page_doc_new(NULL);
    CNC_CHECK(cnc__page_doc_sheet(d, sheet, sizeof(sheet) - 1, NULL) == 0);
    CNC_CHECK(cnc__page_doc_source(d, source->data, source->len, NULL) == 0);
    return d;
}

static void
bench(unsigned records, size_t rounds)
{
    struct cnc__str source = CNC__STR, patch = CNC__STR, html = CNC__STR,
                    book = CNC__STR;
    double *ms = cnc__zalloc(rounds * sizeof(*ms));
    char id[16];
    cnc__str_puts(&source, "<library xmlns='" XMLNS "' xmlns:c='" CNC__NS_PAGE
                           "' c:node='library' c:title='Books'>");
    for (unsigned i = 0; i < records; i++) {
        write_book(&source, i);
    }
    cnc__str_puts(&source, "</library>");
    for (size_t i = 0; i < rounds; i++) {
        struct cnc__page_doc *d = open_page(&source);
        double start = now_ms();
        CNC_CHECK(cnc__page_doc_render(d, &patch, NULL) == 0);
        ms[i] = now_ms() - start;
        cnc__page_doc_free(&d);
    }
    print("full", records, records, ms, rounds);
    struct cnc__page_doc *d = open_page(&source);
    CNC_CHECK(cnc__page_doc_render(d, &patch, NULL) == 0);
    for (size_t i = 0; i < rounds; i++) {
        unsigned number = records + (unsigned)i;
        cnc__str_clear(&book);
        cnc__str_clear(&patch);
        write_book(&book, number);
        snprintf(id, sizeof(id), "b%u", number);
        double start = now_ms();
        CNC_CHECK(cnc__page_doc_upsert(d, "library", id, book.data, book.len,
                                       NULL) == 0);
        CNC_CHECK(cnc__page_doc_render(d, &patch, NULL) == 0);
        ms[i] = now_ms() - start;
        CNC_CHECK(strstr(patch.data, "<insert") != NULL);
        /* Outside the time: the page stays as long as it was. */
        snprintf(id, sizeof(id), "b%u", (unsigned)i);
        cnc__page_doc_upsert(d, "library", id, NULL, 0, NULL);
        CNC_CHECK(cnc__page_doc_render(d, &patch, NULL) == 0);
    }
    uint64_t alone, full;
    cnc__page_doc_counts(d, &alone, &full);
    CNC_CHECK(alone == rounds && full == 1);
    print("incremental", records, 1, ms, rounds);
    for (size_t i = 0; i < rounds; i++) {
        cnc__str_clear(&html);
        double start = now_ms();
        cnc__page_doc_html(d, NULL, &html);
        ms[i] = now_ms() - start;
    }
    print("html", records, records, ms, rounds);
    cnc__page_doc_free(&d);
    cnc__free(ms);
    cnc__str_fini(&source);
    cnc__str_fini(&patch);
    cnc__str_fini(&html);
    cnc__str_fini(&book);
}

int
main(int argc, char **argv)
{
    int64_t rounds = 200;
    if (argc > 2 ||
        (argc > 1 && !cnc__parse_int(&rounds, argv[1], 1, 100000))) {
        fprintf(stderr, "usage: %s [ROUNDS]\n", argv[0]);
        return 2;
    }
    bench(50, (size_t)rounds);
    bench(1000, (size_t)rounds);
    return 0;
}
