/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c -- a page as HTTP answers made once: the document itself at once,
 * its gzip and brotli copies and its files a little later from another thread.
 */
#include "web.h"

#define POLICY                                                                \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; "        \
    "worker-src 'self'; style-src 'self'; img-src 'self' data:; "             \
    "media-src 'self'; connect-src 'self'; base-uri 'none'; "                 \
    "form-action 'self'; frame-ancestors 'none'; "                            \
    "require-trusted-types-for 'script'; trusted-types concordance\r\n"       \
    "X-Content-Type-Options: nosniff\r\n"                                     \
    "Referrer-Policy: same-origin\r\n"                                        \
    "Cross-Origin-Opener-Policy: same-origin\r\n"

const char cnc__page_headers[] = "Cache-Control: no-cache\r\n"
                                 "Vary: Accept-Encoding\r\n" POLICY;
/* The same of a page that is there in other languages, too. */
static const char varying_headers[] =
    "Cache-Control: no-cache\r\n"
    "Vary: Accept-Encoding, Accept-Language, Cookie\r\n" POLICY;
const char cnc__call_headers[] = "Cache-Control: private, no-store\r\n"
                                 "Vary: Cookie, Accept-Language\r\n" POLICY;

static const char *const codings[CNC__N_ENCODINGS] = {
    "", "Content-Encoding: gzip\r\n", "Content-Encoding: br\r\n"};

static const char *
headers_of(bool private_, bool varies)
{
    return private_ ? cnc__call_headers
           : varies ? varying_headers
                    : cnc__page_headers;
}

const char *
cnc__page_lines(const struct cnc__web_page *p)
{
    return headers_of(p->closed_, cnc__languages_vary(p));
}

static void
put_whole(struct cnc__snapshot *s, enum cnc__encoding e, const char *body,
          size_t len)
{
    struct cnc__str w = CNC__STR;
    cnc__str_reserve(&w, len + 1024);
    cnc__str_printf(&w,
                    "HTTP/1.1 200 OK\r\n"
                    "Content-Type: text/html; charset=utf-8\r\n"
                    "Content-Length: %zu\r\n"
                    "ETag: \"%s%s\"\r\n%s%s\r\n",
                    len, s->etag, cnc__answer_suffix(e), codings[e],
                    headers_of(s->private_, s->varies));
    s->head_len[e] = w.len;
    cnc__str_add(&w, body, len);
    s->whole[e] = cnc_buf_new(w.data, w.len);
    cnc__str_fini(&w);
}

struct cnc__snapshot *
cnc__snapshot_new(const char *html, size_t len, const char *position,
                  const struct cnc__web_page *p)
{
    struct cnc__snapshot *s = cnc__zalloc(sizeof(*s));
    unsigned char hash[32];
    s->refs = 1;
    s->private_ = p->closed_;
    s->varies = cnc__languages_vary(p);
    cnc__pack_sha256(hash, html, len);
    cnc__hex(s->etag, hash, 16);
    if (position != NULL) {
        size_t n = strnlen(position, sizeof(s->position) - 1);
        memcpy(s->position, position, n);
    }
    put_whole(s, CNC__IDENTITY, html, len);
    return s;
}

struct cnc__snapshot *
cnc__snapshot_again(const struct cnc__snapshot *s,
                    const struct cnc__web_page *p)
{
    struct cnc__render_field body = cnc__snapshot_body(s);
    return cnc__snapshot_new(body.data, body.len, s->position, p);
}

struct cnc__render_field
cnc__snapshot_body(const struct cnc__snapshot *s)
{
    const struct cnc_buf *b = s->whole[CNC__IDENTITY];
    size_t head = s->head_len[CNC__IDENTITY];
    return (struct cnc__render_field){cnc_buf_data(b) + head,
                                      cnc_buf_len(b) - head};
}

struct cnc__snapshot *
cnc__snapshot_ref(struct cnc__snapshot *s)
{
    s->refs++;
    return s;
}

void
cnc__snapshot_unref(struct cnc__snapshot **sp)
{
    struct cnc__snapshot *s = *sp;
    *sp = NULL;
    if (s == NULL || --s->refs > 0) {
        return;
    }
    for (size_t i = 0; i < CNC__N_ENCODINGS; i++) {
        cnc_buf_unref(&s->whole[i]);
    }
    cnc__free(s);
}

/* -- copies and files ---------------------------------------------------- */

struct packing {
    struct cnc__agent *agent;
    struct cnc__snapshot *snapshot;
    struct cnc_buf *whole; /* its own reference: work() is elsewhere */
    size_t head_len;
    char *www, *key; /* NULL: no files */
    struct cnc_buf *gzip, *brotli;
    struct cnc_error err;
    void (*done)(void *priv);
    void *priv;
};

static void
add_file(struct cnc__disk_file *f, const char *suffix,
         const struct cnc_buf *buf)
{
    f->suffix = suffix;
    f->data = buf == NULL ? NULL : cnc_buf_data(buf);
    f->len = buf == NULL ? 0 : cnc_buf_len(buf);
}

static void
pack_work(void *arg)
{
    struct packing *k = arg;
    const char *html = cnc_buf_data(k->whole) + k->head_len;
    size_t len = cnc_buf_len(k->whole) - k->head_len;
    k->gzip = cnc__pack_gzip(html, len, false);
    k->brotli = cnc__pack_brotli(html, len, false);
    if (k->key != NULL) {
        struct cnc__disk_file f[3] = {{"", html, len}};
        add_file(&f[1], ".gz", k->gzip);
        add_file(&f[2], ".br", k->brotli);
        cnc__disk_write(k->www, k->key, f, 3, &k->err);
    }
}

static void
take_copy(struct cnc__snapshot *s, enum cnc__encoding e, struct cnc_buf **b)
{
    if (*b != NULL) {
        put_whole(s, e, cnc_buf_data(*b), cnc_buf_len(*b));
        cnc_buf_unref(b);
    }
}

static void
pack_done(void *arg)
{
    struct packing *k = arg;
    struct cnc__agent *a = k->agent;
    take_copy(k->snapshot, CNC__GZIP, &k->gzip);
    take_copy(k->snapshot, CNC__BROTLI, &k->brotli);
    if (k->err.code != 0) {
        cnc__log(CNC_LOG_WARN, "snapshot.write", "page=%s %s", k->key,
                 k->err.text);
    }
    if (!a->closed && k->done != NULL) {
        k->done(k->priv);
    }
    cnc__snapshot_unref(&k->snapshot);
    cnc_buf_unref(&k->whole);
    cnc__free(k->www);
    cnc__free(k->key);
    cnc__free(k);
    cnc__agent_unref(a);
}

void
cnc__snapshot_pack(struct cnc__agent *a, struct cnc__snapshot *s,
                   const char *key, void (*done)(void *priv), void *priv)
{
    struct packing *k = cnc__zalloc(sizeof(*k));
    cnc__agent_ref(a);
    k->agent = a;
    k->snapshot = cnc__snapshot_ref(s);
    k->whole = cnc_buf_ref(s->whole[CNC__IDENTITY]);
    k->head_len = s->head_len[CNC__IDENTITY];
    if (key != NULL && a->www != NULL) {
        k->key = cnc__strdup(key);
        k->www = cnc__strdup(a->www);
    }
    k->done = done;
    k->priv = priv;
    a->env.offload(pack_work, pack_done, k, a->env.priv);
}

struct removal {
    struct cnc__agent *agent;
    char *www, *key;
    struct cnc_error err;
};

static void
remove_work(void *arg)
{
    struct removal *r = arg;
    const struct cnc__disk_file none[3] = {
        {"", NULL, 0}, {".gz", NULL, 0}, {".br", NULL, 0}};
    cnc__disk_write(r->www, r->key, none, 3, &r->err);
}

static void
remove_done(void *arg)
{
    struct removal *r = arg;
    if (r->err.code != 0) {
        cnc__log(CNC_LOG_ERROR, "snapshot.remove", "page=%s %s", r->key,
                 r->err.text);
    }
    cnc__agent_unref(r->agent);
    cnc__free(r->www);
    cnc__free(r->key);
    cnc__free(r);
}

void
cnc__snapshot_remove(struct cnc__agent *a, const char *key)
{
    if (a->www == NULL) {
        return;
    }
    struct removal *r = cnc__zalloc(sizeof(*r));
    cnc__agent_ref(a);
    r->agent = a;
    r->www = cnc__strdup(a->www);
    r->key = cnc__strdup(key);
    a->env.offload(remove_work, remove_done, r, a->env.priv);
}

void
cnc__snapshot_answer(const struct cnc__snapshot *s,
                     struct cnc__http_responder *responder,
                     const char *accept_encoding, const char *if_none_match)
{
    unsigned have = 0;
    for (unsigned i = 0; i < CNC__N_ENCODINGS; i++) {
        have |= s->whole[i] != NULL ? 1u << i : 0;
    }
    enum cnc__encoding e = cnc__answer_encoding(accept_encoding, have);
    struct cnc__http_response out = {.status = 200};
    struct cnc__str headers = CNC__STR;
    if (!s->private_ && cnc__answer_not_modified(if_none_match, s->etag)) {
        out.status = 304;
        cnc__str_printf(&headers,
                        "ETag: \"%s%s\"\r\nCache-Control: no-cache\r\n"
                        "Vary: Accept-Encoding%s\r\n",
                        s->etag, cnc__answer_suffix(e),
                        s->varies ? ", Accept-Language, Cookie" : "");
        out.headers = headers.data;
    } else {
        out.whole = s->whole[e];
        out.head_len = s->head_len[e];
    }
    responder->respond(responder, &out);
    cnc__str_fini(&headers);
}
