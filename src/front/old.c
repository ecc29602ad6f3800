/* SPDX-License-Identifier: MIT */
/*
 * old.c -- the page as it was when the service was there last: one that is
 * kept, or its file below WWW, with a notice at the top of its body.
 */
#include <brotli/decode.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "../base/text.h"
#include "../web/locale.h"
#include "../web/web.h"
#include "../xml/write.h"
#include "impl.h"

#define MAX_PAGE                                                              \
    ((size_t)32 << 20) /* of one that was packed, or of a file                \
                        */
#define MAX_PATH 1024
#define CHUNK    65536

/* -- unpacking ------------------------------------------------------------
 */

static bool
unpack_gzip(struct cnc__str *out, const char *data, size_t len)
{
    z_stream z = {.next_in = (unsigned char *)data, .avail_in = (unsigned)len};
    int rc = inflateInit2(&z, 16 + MAX_WBITS);

    while (rc == Z_OK && out->len < MAX_PAGE) {
        cnc__str_reserve(out, CHUNK);
        z.next_out = (unsigned char *)out->data + out->len;
        z.avail_out = CHUNK;
        rc = inflate(&z, Z_NO_FLUSH);
        out->len += CHUNK - z.avail_out;
    }
    inflateEnd(&z);
    return rc == Z_STREAM_END;
}

static bool
unpack_brotli(struct cnc__str *out, const char *data, size_t len)
{
    BrotliDecoderState *s = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    BrotliDecoderResult rc = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
    const uint8_t *in = (const uint8_t *)data;

    while (s != NULL && rc == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT &&
           out->len < MAX_PAGE) {
        size_t room = CHUNK;
        uint8_t *to;

        cnc__str_reserve(out, CHUNK);
        to = (uint8_t *)out->data + out->len;
        rc = BrotliDecoderDecompressStream(s, &len, &in, &room, &to, NULL);
        out->len += CHUNK - room;
    }
    BrotliDecoderDestroyInstance(s);
    return rc == BROTLI_DECODER_RESULT_SUCCESS;
}

static bool
unpack(struct cnc__str *out, const struct cnc__fpage *p)
{
    const char *how = cnc__fpage_header(p, "content-encoding");
    const char *data = cnc_buf_data(p->body);
    size_t len = cnc_buf_len(p->body);
    bool ok = true;

    if (how == NULL) {
        cnc__str_add(out, data, len);
    } else if (strcmp(how, "gzip") == 0) {
        ok = unpack_gzip(out, data, len);
    } else {
        ok = strcmp(how, "br") == 0 && unpack_brotli(out, data, len);
    }
    return ok;
}

/* -- the notice -----------------------------------------------------------
 */

/* Behind <body ...>; NULL: there is none. */
static const char *
in_body(const char *html)
{
    const char *s = html;
    char quote = '\0';

    while ((s = strcasestr(s, "<body")) != NULL &&
           strchr(" \t\r\n>", s[5]) == NULL) {
        s += 5;
    }
    for (s = s == NULL ? "" : s + 5; *s != '\0'; s++) {
        if (quote != '\0') {
            quote = *s == quote ? '\0' : quote;
        } else if (*s == '"' || *s == '\'') {
            quote = *s;
        } else if (*s == '>') {
            return s + 1;
        }
    }
    return NULL;
}

static void
add_notice(struct cnc__str *html, const struct cnc__tr *tr)
{
    const char *at = in_body(cnc__str_c(html));
    size_t before = at == NULL ? 0 : (size_t)(at - html->data);
    struct cnc__str out = CNC__STR;

    if (at == NULL) {
        return;
    }
    cnc__str_add(&out, html->data, before);
    cnc__xml_printf(
        &out,
        "<p class=\"cnc-note\" role=\"status\" data-concordance-old=\"\">"
        "%s</p>",
        cnc__tr(tr, "The service is away just now: this page is as it was "
                    "when it was there last, and nothing can be sent."));
    cnc__str_add(&out, at, html->len - before);
    cnc__str_fini(html);
    *html = out;
}

/* -- the answer -----------------------------------------------------------
 */

/* What does not hold for the page with its notice. */
static bool
is_left_out(const char *name)
{
    static const char *const all[] = {
        "etag",          "content-length", "content-encoding", "cache-control",
        "last-modified", "expires",        "accept-ranges",    "vary"};

    for (size_t i = 0; i < CNC_N(all); i++) {
        if (strcasecmp(name, all[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* html: what is in it is taken. */
static void
finish(struct cnc__front_answer *out, struct cnc__exchange *x,
       struct cnc__str *html)
{
    char text[32];

    add_notice(html, cnc__fdown_tr(x));
    cnc__fanswer_add(out, "Cache-Control", "no-store");
    cnc__fanswer_add(out, "Warning", "111 - \"Revalidation Failed\"");
    snprintf(text, sizeof(text), "%lld",
             (long long)cnc__flink_away_ms(x->f->link) / 1000);
    cnc__fanswer_add(out, "Age", text);
    cnc__fanswer_add(out, "Concordance-Old", "true");
    snprintf(text, sizeof(text), "%zu", html->len);
    cnc__fanswer_add(out, "Content-Length", text);
    cnc__fanswer_body(out, x->s.head ? cnc_buf_ref(x->f->empty)
                                     : cnc_buf_new(html->data, html->len));
    cnc__str_fini(html);
    atomic_fetch_add(&x->f->n_stale, 1);
}

static bool
answer_kept(struct cnc__front_answer *out, struct cnc__exchange *x)
{
    struct cnc__fpage *p = cnc__fkept_get_old(x->f->kept, &x->s);
    struct cnc__str html = CNC__STR;

    if (p == NULL || !unpack(&html, p)) {
        cnc__fpage_unref(&p);
        cnc__str_fini(&html);
        return false;
    }
    cnc__str_putc(&html, '\0'); /* it was written to directly */
    html.len--;
    cnc__fanswer_init(out, x->f, 200);
    for (size_t i = 0; i < p->n_headers; i++) {
        if (!is_left_out(p->headers[i].name)) {
            cnc__fanswer_add(out, p->headers[i].name, p->headers[i].value);
        }
    }
    cnc__fpage_unref(&p);
    finish(out, x, &html);
    return true;
}

/* -- its file -------------------------------------------------------------
 */

/* The path decoded, without the prefix; false: no page has such a name. */
static bool
decode_path(char out[MAX_PATH], const struct cnc__exchange *x)
{
    const char *s = x->r->target, *end = s + x->s.path_len;
    size_t skip = x->f->prefix == NULL ? 0 : strlen(x->f->prefix), n = 0;

    if (skip > 0 && (strncmp(s, x->f->prefix, skip) != 0 ||
                     (s[skip] != '/' && s + skip != end))) {
        return false;
    }
    for (s += skip; s < end; s++) {
        int c = (unsigned char)*s;

        if (c == '%') {
            c = end - s < 3 ? -1 : cnc__unhex(s + 1);
            s += 2;
        }
        if (c <= 0 || c == '\\' || n + 1 >= MAX_PATH ||
            (c == '.' && (n == 0 || out[n - 1] == '/')) ||
            (c == '/' && n > 0 && out[n - 1] == '/')) {
            return false;
        }
        out[n++] = (char)c;
    }
    n -= n > 0 && out[n - 1] == '/';
    out[n] = '\0';
    return cnc__utf8_valid(out, n) && (n == 0 || out[0] == '/');
}

/* The folder of a page: no part of it is a link. */
static int
open_folder(const char *www, const char *path)
{
    int fd = open(www, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    while (fd >= 0 && *path != '\0') {
        size_t n = strcspn(++path, "/");
        char name[MAX_PATH];
        int next;

        memcpy(name, path, n);
        name[n] = '\0';
        path += n;
        next =
            openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        close(fd);
        fd = next;
    }
    return fd;
}

static bool
read_file(struct cnc__str *html, const struct cnc__exchange *x)
{
    const char *lang = cnc__fdown_lang(x);
    char path[MAX_PATH], name[CNC__LOCALE_MAX_LANG + 16];
    bool ok;
    int fd;

    if (x->f->www == NULL || !decode_path(path, x) ||
        (fd = open_folder(x->f->www, path)) < 0) {
        return false;
    }
    snprintf(name, sizeof(name), "index.%s.html", lang);
    ok = cnc__disk_read(html, fd, name, MAX_PAGE, NULL) == 0;
    if (!ok) {
        cnc__str_clear(html);
        ok = cnc__disk_read(html, fd, "index.html", MAX_PAGE, NULL) == 0;
    }
    close(fd);
    return ok;
}

static bool
answer_file(struct cnc__front_answer *out, struct cnc__exchange *x)
{
    static const char policy[] =
        "default-src 'none'; script-src 'self'; worker-src 'self'; "
        "style-src 'self'; img-src 'self' data:; media-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'";
    struct cnc__str html = CNC__STR;

    if (!read_file(&html, x)) {
        cnc__str_fini(&html);
        return false;
    }
    cnc__fanswer_init(out, x->f, 200);
    cnc__fanswer_add(out, "Content-Type", "text/html; charset=utf-8");
    cnc__fanswer_add(out, "Content-Security-Policy", policy);
    cnc__fanswer_add(out, "X-Content-Type-Options", "nosniff");
    cnc__fanswer_add(out, "Referrer-Policy", "same-origin");
    finish(out, x, &html);
    return true;
}

bool
cnc__fold_answer(struct cnc__front_answer *out, struct cnc__exchange *x)
{
    return (x->s.get || x->s.head) && x->s.query[0] == '\0' &&
           (answer_kept(out, x) || answer_file(out, x));
}
