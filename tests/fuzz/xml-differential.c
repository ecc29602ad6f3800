/* SPDX-License-Identifier: MIT */
/*
 * xml-differential.c -- the parser beside expat: for any bytes both refuse,
 * or both accept and tell the same events.  Where ours is stricter by design
 * (see excused()) it may refuse alone.  Also: however the bytes are cut, the
 * outcome and the place of a mistake are the same, and what is written reads
 * back as the same tree.
 *
 * A libFuzzer target; with -DFUZZ_MAIN a program that runs a corpus and
 * seeded mutations of it: xml-differential CORPUS-DIR N-MUTATIONS [SEED].
 */
#include <dirent.h>
#include <expat.h>
#include <stdio.h>

#include "../../src/base/str.h"
#include "../../src/base/text.h"
#include "../../src/xml/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What one parser made of the input. */
struct outcome {
    int rc; /* 0: accepted */
    struct cnc_error err;
    struct cnc__str events;
    struct cnc_element *tree; /* ours, document mode */
    bool wide_names;          /* a name has a character from 0x80 */
};

static const uint8_t *input;
static size_t input_len;

static void
fail(const char *what, const struct outcome *a, const struct outcome *b)
{
    fprintf(stderr, "%s\n--- input\n%.*s\n", what, (int)input_len, input);
    fprintf(stderr, "--- a: %d %u:%u %s\n%s\n", a->rc, a->err.line,
            a->err.column, a->err.text, cnc__str_c(&a->events));
    fprintf(stderr, "--- b: %d %u:%u %s\n%s\n", b->rc, b->err.line,
            b->err.column, b->err.text, cnc__str_c(&b->events));
    FILE *f = fopen("xml-differential.failed", "wb");
    if (f != NULL) {
        fwrite(input, 1, input_len, f);
        fclose(f);
    }
    abort();
}

static void
outcome_fini(struct outcome *o)
{
    cnc__str_fini(&o->events);
    cnc_element_unref(&o->tree);
}

/* -- ours ----------------------------------------------------------------- */

static bool
is_wide(const char *s)
{
    return strlen(s) != cnc__utf8_count(s, strlen(s));
}

static void
tell_tag(struct outcome *o, const struct cnc_element *e)
{
    cnc__str_printf(&o->events, "<%s|%s|%s\n", cnc_element_ns(e),
                    cnc_element_name(e), cnc_element_prefix(e));
    o->wide_names = o->wide_names || is_wide(cnc_element_name(e));
    for (size_t i = 0; i < cnc_element_n_attrs(e); i++) {
        struct cnc_attr a = cnc_element_attr_at(e, i);
        cnc__str_printf(&o->events, "@%s|%s|%s=%s\n", a.ns, a.name, a.prefix,
                        a.value);
        o->wide_names = o->wide_names || is_wide(a.name);
    }
    for (size_t i = 0; i < cnc_element_n_decls(e); i++) {
        const char *prefix, *ns;
        cnc_element_decl_at(e, i, &prefix, &ns);
        o->wide_names = o->wide_names || is_wide(prefix);
    }
}

/* The tree's events; the input's depth is limited, so this may recurse. */
static void
tell(struct outcome *o, const struct cnc_element *e)
{
    switch (cnc_element_kind(e)) {
    case CNC_COMMENT:
        cnc__str_printf(&o->events, "!%s\n", cnc_element_text(e));
        return;
    case CNC_PI:
        cnc__str_printf(&o->events, "?%s %s\n", cnc_element_name(e),
                        cnc_element_text(e));
        o->wide_names = o->wide_names || is_wide(cnc_element_name(e));
        return;
    default:
        break;
    }
    tell_tag(o, e);
    for (size_t i = 0; i < cnc_element_n_children(e); i++) {
        struct cnc_child c = cnc_element_child_at(e, i);
        if (c.kind == CNC_TEXT) {
            if (strlen(c.text) != c.len || c.len == 0) {
                abort();
            }
            cnc__str_printf(&o->events, "\"%s\n", c.text);
        } else {
            tell(o, c.element);
        }
    }
    cnc__str_puts(&o->events, ">\n");
}

static int
on_open(struct cnc_element *root, void *priv)
{
    struct outcome *o = priv;
    tell_tag(o, root);
    return 0;
}

static int
on_stanza(struct cnc_element *e, void *priv)
{
    struct outcome *o = priv;
    tell(o, e);
    o->tree = o->tree == NULL ? cnc_element_ref(e) : o->tree;
    return 0;
}

static int
on_misc(struct cnc_element *e, void *priv)
{
    tell(priv, e);
    return 0;
}

static int
on_close(void *priv)
{
    struct outcome *o = priv;
    cnc__str_puts(&o->events, "closed\n");
    return 0;
}

static const struct cnc_xml_limits wide_limits = {
    .size = sizeof(wide_limits),
    .max_depth = 1000,
    .max_attrs = 1000,
    .max_token = 16 << 20,
    .max_stanza = 16 << 20,
};

/* Small ones, so that short inputs meet them. */
static const struct cnc_xml_limits tight_limits = {
    .size = sizeof(tight_limits),
    .max_depth = 4,
    .max_attrs = 3,
    .max_token = 24,
    .max_stanza = 100,
    .max_children = 4,
};

/* piece 0: all at once; the bytes are fed from memory of their exact size,
 * so that ASan sees a read behind them. */
static void
ours(struct outcome *o, enum cnc_parser_mode mode, unsigned flags,
     const struct cnc_xml_limits *limits, size_t piece)
{
    static const struct cnc_parser_events events = {on_open, on_stanza,
                                                    on_close, on_misc};
    struct cnc_parser *p = cnc_parser_new(mode, flags, limits, &events, o);
    memset(o, 0, sizeof(*o));
    for (size_t at = 0; at < input_len && o->rc == 0;) {
        size_t n = piece == 0 ? input_len : piece;
        n = n < input_len - at ? n : input_len - at;
        char *bytes = cnc__realloc(NULL, n, 1);
        memcpy(bytes, input + at, n);
        o->rc = cnc_parser_feed(p, bytes, n, &o->err);
        cnc__free(bytes);
        at += n;
    }
    if (o->rc == 0) {
        o->rc = cnc_parser_end(p, &o->err);
    }
    cnc_parser_free(&p);
}

/* -- expat ---------------------------------------------------------------- */

#define SEPARATOR '\x01'

struct theirs {
    struct outcome *o;
    bool in_text;
};

/* "ns SEP local SEP prefix", and what is missing is "". */
static void
tell_name(struct outcome *o, const char *triplet)
{
    const char *a = strchr(triplet, SEPARATOR);
    const char *b = a == NULL ? NULL : strchr(a + 1, SEPARATOR);
    if (a == NULL) {
        cnc__str_printf(&o->events, "|%s|", triplet);
    } else {
        cnc__str_printf(&o->events, "%.*s|", (int)(a - triplet), triplet);
        cnc__str_printf(
            &o->events, "%.*s|",
            (int)(b == NULL ? (ptrdiff_t)strlen(a + 1) : b - a - 1), a + 1);
        cnc__str_puts(&o->events, b == NULL ? "" : b + 1);
    }
}

static void
text_over(struct theirs *t)
{
    if (t->in_text) {
        cnc__str_putc(&t->o->events, '\n');
        t->in_text = false;
    }
}

static void
x_start(void *priv, const char *name, const char **attrs)
{
    struct theirs *t = priv;
    text_over(t);
    cnc__str_putc(&t->o->events, '<');
    tell_name(t->o, name);
    cnc__str_putc(&t->o->events, '\n');
    for (; *attrs != NULL; attrs += 2) {
        cnc__str_putc(&t->o->events, '@');
        tell_name(t->o, attrs[0]);
        cnc__str_printf(&t->o->events, "=%s\n", attrs[1]);
    }
}

static void
x_end(void *priv, const char *name)
{
    struct theirs *t = priv;
    (void)name;
    text_over(t);
    cnc__str_puts(&t->o->events, ">\n");
}

static void
x_text(void *priv, const char *s, int len)
{
    struct theirs *t = priv;
    if (!t->in_text) {
        cnc__str_putc(&t->o->events, '"');
        t->in_text = true;
    }
    cnc__str_add(&t->o->events, s, (size_t)len);
}

static void
x_comment(void *priv, const char *text)
{
    struct theirs *t = priv;
    text_over(t);
    cnc__str_printf(&t->o->events, "!%s\n", text);
}

static void
x_pi(void *priv, const char *target, const char *data)
{
    struct theirs *t = priv;
    text_over(t);
    cnc__str_printf(&t->o->events, "?%s %s\n", target, data);
}

static void
expats(struct outcome *o)
{
    struct theirs t = {.o = o};
    memset(o, 0, sizeof(*o));
    XML_Parser p = XML_ParserCreateNS("UTF-8", SEPARATOR);
    XML_SetReturnNSTriplet(p, 1);
    XML_SetUserData(p, &t);
    XML_SetElementHandler(p, x_start, x_end);
    XML_SetCharacterDataHandler(p, x_text);
    XML_SetCommentHandler(p, x_comment);
    XML_SetProcessingInstructionHandler(p, x_pi);
    if (XML_Parse(p, (const char *)input, (int)input_len, 1) !=
        XML_STATUS_OK) {
        o->rc = -(int)XML_GetErrorCode(p);
        o->err.line = (unsigned)XML_GetCurrentLineNumber(p);
        snprintf(o->err.text, sizeof(o->err.text), "%s",
                 XML_ErrorString(XML_GetErrorCode(p)));
    }
    XML_ParserFree(p);
}

/* -- judging -------------------------------------------------------------- */

static bool
has_long_reference(void)
{
    size_t run = 0;
    for (size_t i = 0; i < input_len; i++) {
        bool part = input[i] == '#' || input[i] == 'x' || input[i] == '0';
        run = part ? run + 1 : 0;
        if (run > 20) {
            return true;
        }
    }
    return false;
}

/* Ours refuses alone, by design: DTDs and entities of one's own; encodings
 * but UTF-8 and versions but 1.0; references padded with zeros; colons in
 * targets. */
static bool
excused(const struct outcome *our)
{
    const char *condition = our->err.condition;
    return (condition != NULL && strcmp(condition, "not-well-formed") != 0) ||
           strstr(our->err.text, "XML declaration") != NULL ||
           strstr(our->err.text, "after a target") != NULL ||
           (strstr(our->err.text, "reference") != NULL &&
            has_long_reference());
}

/* Expat refuses alone: it has the names of XML 1.0's fourth edition. */
static bool
excuses_expat(const struct outcome *our, const struct outcome *their)
{
    return our->wide_names && their->rc == -(int)XML_ERROR_INVALID_TOKEN;
}

static void
compare_with_expat(const struct outcome *our)
{
    struct outcome their;
    expats(&their);
    if (our->rc != 0 ? their.rc == 0 && !excused(our)
                     : their.rc != 0 && !excuses_expat(our, &their)) {
        fail("one refuses, the other accepts", our, &their);
    }
    if (our->rc == 0 && their.rc == 0 &&
        strcmp(cnc__str_c(&our->events), cnc__str_c(&their.events)) != 0) {
        fail("both accept, events differ", our, &their);
    }
    outcome_fini(&their);
}

static void
compare_pieces(enum cnc_parser_mode mode, unsigned flags,
               const struct cnc_xml_limits *limits, size_t piece)
{
    struct outcome whole, cut;
    ours(&whole, mode, flags, limits, 0);
    ours(&cut, mode, flags, limits, piece);
    if (whole.rc != cut.rc || whole.err.line != cut.err.line ||
        whole.err.column != cut.err.column ||
        whole.err.condition != cut.err.condition ||
        strcmp(whole.err.text, cut.err.text) != 0 ||
        strcmp(cnc__str_c(&whole.events), cnc__str_c(&cut.events)) != 0) {
        fail("cut, the same bytes mean something else", &whole, &cut);
    }
    outcome_fini(&whole);
    outcome_fini(&cut);
}

static void
compare_written(const struct outcome *our)
{
    struct cnc_buf *first = cnc_element_write(our->tree, 0);
    struct outcome again = {0};
    again.rc =
        cnc_xml_parse(&again.tree, cnc_buf_data(first), cnc_buf_len(first),
                      CNC_PARSE_MISC, &wide_limits, &again.err);
    if (again.rc != 0) {
        cnc__str_puts(&again.events, cnc_buf_data(first));
        fail("what was written does not read", our, &again);
    }
    tell(&again, again.tree);
    if (!cnc_element_equal(our->tree, again.tree)) {
        fail("what was written reads as another tree", our, &again);
    }
    struct cnc_element *mutable = cnc_element_thaw(our->tree);
    struct cnc_buf *second = cnc_element_write(again.tree, 0);
    struct cnc_buf *third = cnc_element_write(mutable, 0);
    if (strcmp(cnc_buf_data(first), cnc_buf_data(second)) != 0 ||
        strcmp(cnc_buf_data(first), cnc_buf_data(third)) != 0) {
        fail("written twice, the bytes differ", our, &again);
    }
    cnc_buf_unref(&first);
    cnc_buf_unref(&second);
    cnc_buf_unref(&third);
    cnc_element_unref(&mutable);
    outcome_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct outcome misc, plain;
    input = data;
    input_len = size;
    /* Expat takes an input that is not there for an unfinished one too, but
     * both must be given something. */
    if (size == 0 || size > 65536) {
        return 0;
    }
    ours(&misc, CNC_PARSE_DOCUMENT, CNC_PARSE_MISC, &wide_limits, 0);
    compare_with_expat(&misc);
    if (misc.rc == 0) {
        compare_written(&misc);
    }
    ours(&plain, CNC_PARSE_DOCUMENT, 0, &wide_limits, 0);
    bool same =
        strcmp(cnc__str_c(&plain.events), cnc__str_c(&misc.events)) == 0;
    if (plain.rc == 0 ? misc.rc != 0 || !same
                      : misc.rc == 0 && plain.rc != CNC_EPROTO) {
        fail("the profiles differ by more than restricted-xml", &plain, &misc);
    }
    size_t piece = 1 + size % 7;
    compare_pieces(CNC_PARSE_DOCUMENT, CNC_PARSE_MISC, &wide_limits, piece);
    compare_pieces(CNC_PARSE_STREAM, 0, &wide_limits, 1);
    compare_pieces(CNC_PARSE_STREAM, 0, &tight_limits, piece);
    compare_pieces(CNC_PARSE_DOCUMENT, 0, &tight_limits, 1);
    outcome_fini(&misc);
    outcome_fini(&plain);
    return 0;
}

/* -- a driver of our own -------------------------------------------------- */

#ifdef FUZZ_MAIN
#define N_FILES 512

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
read_corpus(const char *dir)
{
    struct dirent **names;
    int n = scandir(dir, &names, NULL, alphasort);
    CNC_CHECK(n >= 0);
    for (int i = 0; i < n; i++) {
        struct cnc__str path = CNC__STR;
        cnc__str_printf(&path, "%s/%s", dir, names[i]->d_name);
        FILE *f = names[i]->d_name[0] == '.' ? NULL : fopen(path.data, "rb");
        free(names[i]);
        cnc__str_fini(&path);
        if (f == NULL) {
            continue;
        }
        CNC_CHECK(n_files < N_FILES);
        char bytes[4096];
        for (size_t got; (got = fread(bytes, 1, sizeof(bytes), f)) > 0;) {
            cnc__str_add(&files[n_files], bytes, got);
        }
        n_files++;
        fclose(f);
    }
    free(names);
}

static void
mutate(struct cnc__str *s)
{
    static const char *const pieces[] = {
        "<",
        ">",
        "/>",
        "</a>",
        "<a>",
        "<a/>",
        " a=''",
        " b:a=\"",
        "&amp;",
        "&#65;",
        "&#x1F600;",
        "&lt;",
        "]]>",
        "<![CDATA[",
        "<!--",
        "-->",
        "<?p ",
        "?>",
        "\r\n",
        "\r",
        "\t",
        "\xC3\xA4",
        "\xF0\x9F\x98\x80",
        " xmlns='u'",
        " xmlns:b='v'",
        " xmlns:c=''",
        " xml:lang='x'",
        ":",
        "\xEF\xBB\xBF",
        "\xEF\xBF\xBF",
        "&",
        ";",
        "'",
        "\"",
        "=",
        "\0",
    };
    size_t at = s->len == 0 ? 0 : next_random() % (s->len + 1);
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
        size_t from = other->len == 0 ? 0 : next_random() % other->len;
        size_t n = other->len - from;
        n = n < 40 ? n : next_random() % 40;
        cnc__str_add(s, cnc__str_c(other) + from, n);
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
    printf("%zu files, %lld mutations: the same as expat\n", n_files,
           (long long)n);
    for (size_t i = 0; i < n_files; i++) {
        cnc__str_fini(&files[i]);
    }
    return 0;
}
#endif
