/* SPDX-License-Identifier: MIT */
/*
 * parse.c -- MB/s of the stream parser, which makes a tree of each stanza,
 * beside expat and libxml2's SAX2 push parser, which make nothing: their
 * handlers only count.  All resolve namespaces; each gets one stream's start
 * tag and then one stanza a call.  Rounds are interleaved and the median
 * taken, so that a busy machine slows all three alike.
 *
 *   bench-xml-parse [ROUNDS] [PARSER]   PARSER: ours, expat or libxml2 alone,
 *                                       for a profiler
 */
#include <expat.h>
#include <libxml/parser.h>
#include <stdio.h>
#include <time.h>

#include <concordance/xml.h>

#include "../../src/base/str.h"
#include "../../src/base/text.h"

#define ROUND_BYTES (4u << 20)
#define MAX_ROUNDS  101

static const char head[] =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams' to='im.example.com' "
    "version='1.0'>";

static size_t seen; /* elements */

/* -- stanzas -------------------------------------------------------------- */

static void
start_message(struct cnc__str *s)
{
    cnc__str_puts(s, "<message from='pubsub.example.com' "
                     "to='juliet@example.com/balcony' type='headline' "
                     "id='5f2b9c'><event xmlns='http://jabber.org/protocol/"
                     "pubsub#event'><items node='library'>");
}

static void
add_book(struct cnc__str *s, unsigned i)
{
    cnc__str_printf(
        s,
        "<item id='%08x'><book xmlns='http://concordance-xmpp.org/apps/"
        "mybookcase'><title>Dive Into Python %u</title><author>Mark "
        "Pilgrim</author><isbn>9781430224150</isbn></book></item>",
        i * 2654435761u, i);
}

static void
end_message(struct cnc__str *s)
{
    cnc__str_puts(s, "</items></event></message>");
}

static const char prose[] =
    "To be, or not to be: that is the question: whether 'tis nobler in the "
    "mind to suffer the slings &amp; arrows of outrageous fortune, or to "
    "take arms against a sea of troubles, and by opposing end them? ";

static void
make_stanza(struct cnc__str *s, size_t about)
{
    if (about < 500) {
        cnc__str_puts(s, "<message from='hamlet@denmark.example/castle' "
                         "to='ophelia@denmark.example' type='chat' "
                         "id='a81b44'><body>");
        cnc__str_add(s, prose, 137);
        cnc__str_puts(s, "</body><active xmlns='http://jabber.org/protocol/"
                         "chatstates'/></message>");
        return;
    }
    start_message(s);
    for (unsigned i = 3; s->len + 220 < about; i++) {
        add_book(s, i);
    }
    end_message(s);
}

/* -- the three ------------------------------------------------------------ */

static int
on_stanza(struct cnc_element *e, void *priv)
{
    (void)priv;
    seen += cnc_element_n_children(e) > 0;
    return 0;
}

static void
run_ours(const struct cnc__str *stanza, size_t n)
{
    static const struct cnc_parser_events events = {.on_stanza = on_stanza};
    struct cnc_error err;
    struct cnc_parser *p =
        cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &events, NULL);
    int rc = cnc_parser_feed(p, head, strlen(head), &err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = cnc_parser_feed(p, stanza->data, stanza->len, &err);
    }
    CNC_CHECK(rc == 0);
    cnc_parser_free(&p);
}

static void
x_start(void *priv, const char *name, const char **attrs)
{
    (void)priv;
    (void)name;
    (void)attrs;
    seen++;
}

static void
x_end(void *priv, const char *name)
{
    (void)priv;
    (void)name;
}

static void
x_text(void *priv, const char *s, int len)
{
    (void)priv;
    (void)s;
    seen += (size_t)len & 1;
}

static void
run_expat(const struct cnc__str *stanza, size_t n)
{
    XML_Parser p = XML_ParserCreateNS("UTF-8", '\x01');
    XML_SetElementHandler(p, x_start, x_end);
    XML_SetCharacterDataHandler(p, x_text);
    int rc = XML_Parse(p, head, (int)strlen(head), 0);
    for (size_t i = 0; i < n && rc == XML_STATUS_OK; i++) {
        rc = XML_Parse(p, stanza->data, (int)stanza->len, 0);
    }
    CNC_CHECK(rc == XML_STATUS_OK);
    XML_ParserFree(p);
}

static void
l_start(void *priv, const xmlChar *name, const xmlChar *prefix,
        const xmlChar *ns, int n_ns, const xmlChar **all_ns, int n_attrs,
        int n_default, const xmlChar **attrs)
{
    (void)priv;
    (void)name;
    (void)prefix;
    (void)ns;
    (void)n_ns;
    (void)all_ns;
    (void)n_attrs;
    (void)n_default;
    (void)attrs;
    seen++;
}

static void
l_end(void *priv, const xmlChar *name, const xmlChar *prefix,
      const xmlChar *ns)
{
    (void)priv;
    (void)name;
    (void)prefix;
    (void)ns;
}

static void
l_text(void *priv, const xmlChar *s, int len)
{
    (void)priv;
    (void)s;
    seen += (size_t)len & 1;
}

static void
run_libxml2(const struct cnc__str *stanza, size_t n)
{
    xmlSAXHandler sax = {
        .initialized = XML_SAX2_MAGIC,
        .startElementNs = l_start,
        .endElementNs = l_end,
        .characters = l_text,
    };
    xmlParserCtxtPtr p = xmlCreatePushParserCtxt(&sax, NULL, NULL, 0, NULL);
    xmlCtxtUseOptions(p, XML_PARSE_HUGE);
    int rc = xmlParseChunk(p, head, (int)strlen(head), 0);
    for (size_t i = 0; i < n && rc == 0; i++) {
        rc = xmlParseChunk(p, stanza->data, (int)stanza->len, 0);
    }
    CNC_CHECK(rc == 0);
    xmlFreeParserCtxt(p);
}

/* -- rounds --------------------------------------------------------------- */

typedef void run_f(const struct cnc__str *stanza, size_t n);

static const struct {
    const char *name;
    run_f *run;
} parsers[] = {
    {"ours", run_ours}, {"expat", run_expat}, {"libxml2", run_libxml2}};

static double
seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void
bench(const char *what, size_t about, size_t rounds, const char *only)
{
    static double mb_s[CNC_N(parsers)][MAX_ROUNDS];
    struct cnc__str stanza = CNC__STR;
    make_stanza(&stanza, about);
    size_t n = ROUND_BYTES / stanza.len;
    for (size_t r = 0; r < rounds; r++) {
        for (size_t i = 0; i < CNC_N(parsers); i++) {
            if (only != NULL && strcmp(only, parsers[i].name) != 0) {
                continue;
            }
            double start = seconds();
            parsers[i].run(&stanza, n);
            mb_s[i][r] = (double)(n * stanza.len) / 1e6 / (seconds() - start);
        }
    }
    printf("{\"bench\":\"parse\",\"what\":\"%s\",\"bytes\":%zu", what,
           stanza.len);
    for (size_t i = 0; i < CNC_N(parsers); i++) {
        qsort(mb_s[i], rounds, sizeof(double), by_value);
        printf(",\"%s_mb_s\":%.1f", parsers[i].name, mb_s[i][rounds / 2]);
    }
    printf("}\n");
    fflush(stdout);
    cnc__str_fini(&stanza);
}

int
main(int argc, char **argv)
{
    int64_t rounds = 15;
    if (argc > 1 && !cnc__parse_int(&rounds, argv[1], 1, MAX_ROUNDS)) {
        fprintf(stderr, "usage: %s [ROUNDS] [ours|expat|libxml2]\n", argv[0]);
        return 2;
    }
    const char *only = argc > 2 ? argv[2] : NULL;
    xmlInitParser();
    bench("chat message", 300, (size_t)rounds, only);
    bench("1 kB pubsub event", 1000, (size_t)rounds, only);
    bench("5 kB pubsub event", 5000, (size_t)rounds, only);
    xmlCleanupParser();
    return seen == 0;
}
