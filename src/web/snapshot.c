/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c -- a page as HTTP answers made once: the document itself at once,
 * its gzip and brotli copies and its files a little later from another thread.
 */
#include "web.h"

/* More is sent as it is: the core waits meanwhile. */
#define MAX_GZIP_NOW ((size_t)512 << 10)
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
/* Of one that has parts: as guests get it, and as somebody who is logged in
 * does. */
static const char guest_headers[] = "Cache-Control: no-cache\r\n"
                                    "Vary: Accept-Encoding, Cookie\r\n" POLICY;
static const char viewer_headers[] =
    "Cache-Control: private, no-cache\r\n"
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
write_head(struct cnc__str *w, const char *etag, enum cnc__encoding e,
           const char *headers, size_t len)
{
    cnc__str_reserve(w, len + 1024);
    cnc__str_printf(w,
                    "HTTP/1.1 200 OK\r\n"
                    "Content-Type: text/html; charset=utf-8\r\n"
                    "Content-Length: %zu\r\n"
                    "ETag: \"%s%s\"\r\n%s%s\r\n",
                    len, etag, cnc__answer_suffix(e), codings[e], headers);
}

/* Do some get another page than guests? */
static bool
is_personal(const struct cnc__snapshot *s)
{
    return s->parts != NULL && s->parts->personal;
}

static void
put_whole(struct cnc__snapshot *s, enum cnc__encoding e, const char *body,
          size_t len)
{
    struct cnc__str w = CNC__STR;
    bool plain = !s->private_ && !s->varies && is_personal(s);
    write_head(&w, s->etag, e,
               plain ? guest_headers : headers_of(s->private_, s->varies),
               len);
    s->head_len[e] = w.len;
    cnc__str_add(&w, body, len);
    s->whole[e] = cnc_buf_new(w.data, w.len);
    cnc__str_fini(&w);
}

struct cnc__snapshot *
cnc__snapshot_new(const char *html, size_t len, struct cnc__parts *parts,
                  const char *position, const struct cnc__web_page *p)
{
    static const struct cnc__viewer guest = {.bare = NULL};
    struct cnc__snapshot *s = cnc__zalloc(sizeof(*s));
    struct cnc__str whole = CNC__STR;
    unsigned char hash[32];
    s->refs = 1;
    s->private_ = p->closed_;
    s->varies = cnc__languages_vary(p);
    if (parts != NULL) {
        s->parts = parts;
        s->bare = cnc_buf_new(html, len);
        cnc__parts_sum(s->sum, parts, html, len);
        cnc__parts_put(&whole, parts, cnc__parts_of(NULL, parts, &guest),
                       &guest, html, len);
        html = cnc__str_c(&whole);
        len = whole.len;
    }
    cnc__pack_sha256(hash, html, len);
    cnc__hex(s->etag, hash, 16);
    if (position != NULL) {
        size_t n = strnlen(position, sizeof(s->position) - 1);
        memcpy(s->position, position, n);
    }
    put_whole(s, CNC__IDENTITY, html, len);
    cnc__str_fini(&whole);
    return s;
}

struct cnc__snapshot *
cnc__snapshot_again(const struct cnc__snapshot *s,
                    const struct cnc__web_page *p)
{
    const struct cnc_buf *b = s->whole[CNC__IDENTITY];
    size_t head = s->head_len[CNC__IDENTITY];
    if (s->parts != NULL) {
        b = s->bare;
        head = 0;
    }
    return cnc__snapshot_new(cnc_buf_data(b) + head, cnc_buf_len(b) - head,
                             cnc__parts_ref(s->parts), s->position, p);
}

void
cnc__snapshot_html(struct cnc__str *out, const struct cnc__agent *a,
                   const struct cnc__snapshot *s,
                   const struct cnc__viewer *who)
{
    const struct cnc_buf *b = s->whole[CNC__IDENTITY];
    size_t head = s->head_len[CNC__IDENTITY];
    if (s->parts != NULL) {
        cnc__parts_put(out, s->parts, cnc__parts_of(a, s->parts, who), who,
                       cnc_buf_data(s->bare), cnc_buf_len(s->bare));
    } else {
        cnc__str_add(out, cnc_buf_data(b) + head, cnc_buf_len(b) - head);
    }
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
    cnc_buf_unref(&s->bare);
    cnc__parts_unref(&s->parts);
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
        struct cnc__str name = CNC__STR;
        if (cnc__disk_name(&name, k->key, &k->err) == 0) {
            cnc__disk_put(k->www, name.data, f, 3, NULL, &k->err);
        }
        cnc__str_fini(&name);
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
    struct cnc__str name = CNC__STR;
    /* What has no name was never written. */
    if (cnc__disk_name(&name, r->key, NULL) == 0) {
        cnc__disk_remove(r->www, name.data, &r->err);
    }
    cnc__str_fini(&name);
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

/* -- who keeps it ----------------------------------------------------------
 */

/* Do some who send a cookie get another one? */
static bool
depends(const struct cnc__snapshot *s)
{
    return s->parts != NULL && (s->parts->personal || s->parts->flash);
}

/* Is the snapshot of this page what every guest gets? */
static bool
is_kept(const struct cnc__web_page *p)
{
    return p != NULL && !p->gone && !p->closed_ && p->snapshot != NULL;
}

void
cnc__snapshot_tell(const struct cnc__web_page *p)
{
    const struct cnc__agent_env *env = &p->agent->env;
    const struct cnc__snapshot *s = p->snapshot;
    struct cnc__page_about about = {
        .key = p->key, .path = p->path, .lang = p->lang};
    bool there = is_kept(p);
    if (env->page == NULL) {
        return;
    }
    if (there) {
        about.etag = s->etag;
        about.position = s->position;
        about.personal = depends(s);
    }
    env->page(&about, there, env->priv);
}

/* -- answers -------------------------------------------------------------- */

static void
not_modified(struct cnc__http_responder *responder, const char *etag,
             enum cnc__encoding e, const char *more,
             const struct cnc__http_kept *kept)
{
    struct cnc__http_response out = {.status = 304, .kept = kept};
    struct cnc__str headers = CNC__STR;
    cnc__str_printf(&headers, "ETag: \"%s%s\"\r\n%s", etag,
                    cnc__answer_suffix(e), more);
    out.headers = headers.data;
    responder->respond(responder, &out);
    cnc__str_fini(&headers);
}

/* Which page it is for whom, without making it. */
static void
viewer_etag(char etag[40], const struct cnc__snapshot *s, uint32_t mask,
            const char *name)
{
    struct cnc__str t = CNC__STR;
    unsigned char hash[32];
    cnc__str_add(&t, s->sum, sizeof(s->sum));
    cnc__str_printf(&t, "%x %s", (unsigned)mask, name);
    cnc__pack_sha256(hash, t.data, t.len);
    cnc__hex(etag, hash, 16);
    cnc__str_fini(&t);
}

static void
send_made(const struct cnc__snapshot *s, const char *etag,
          struct cnc__http_responder *responder, enum cnc__encoding e,
          const struct cnc__str *html)
{
    struct cnc_buf *packed = e == CNC__GZIP && html->len <= MAX_GZIP_NOW
                                 ? cnc__pack_gzip(html->data, html->len, false)
                                 : NULL;
    const char *body = packed != NULL ? cnc_buf_data(packed) : html->data;
    size_t len = packed != NULL ? cnc_buf_len(packed) : html->len;
    struct cnc__str w = CNC__STR;
    write_head(&w, etag, packed != NULL ? CNC__GZIP : CNC__IDENTITY,
               s->private_ ? cnc__call_headers : viewer_headers, len);
    struct cnc__http_response out = {.status = 200, .head_len = w.len};
    cnc__str_add(&w, body, len);
    struct cnc_buf *whole = cnc_buf_new(w.data, w.len);
    out.whole = whole;
    responder->respond(responder, &out);
    cnc_buf_unref(&whole);
    cnc_buf_unref(&packed);
    cnc__str_fini(&w);
}

/* Somebody who is logged in, on a page that has parts. */
static void
answer_viewer(const struct cnc__agent *a, const struct cnc__snapshot *s,
              const struct cnc__viewer *who,
              struct cnc__http_responder *responder,
              const char *accept_encoding, const char *if_none_match)
{
    uint32_t mask = cnc__parts_of(a, s->parts, who);
    enum cnc__encoding e = cnc__answer_encoding(
        accept_encoding, 1u << CNC__IDENTITY | 1u << CNC__GZIP);
    struct cnc__str html = CNC__STR;
    char etag[40] = "";
    viewer_etag(etag, s, mask, who->name);
    if (!s->private_ && cnc__answer_not_modified(if_none_match, etag)) {
        not_modified(responder, etag, e,
                     "Cache-Control: private, no-cache\r\n"
                     "Vary: Accept-Encoding, Accept-Language, Cookie\r\n",
                     NULL);
        return;
    }
    cnc__parts_put(&html, s->parts, mask, who, cnc_buf_data(s->bare),
                   cnc_buf_len(s->bare));
    send_made(s, etag, responder, e, &html);
    cnc__str_fini(&html);
}

void
cnc__snapshot_answer(const struct cnc__agent *a, const struct cnc__web_page *p,
                     const struct cnc__snapshot *s,
                     const struct cnc__viewer *who,
                     struct cnc__http_responder *responder,
                     const char *accept_encoding, const char *if_none_match)
{
    unsigned have = 0;
    if (is_personal(s) && who != NULL && who->bare != NULL) {
        answer_viewer(a, s, who, responder, accept_encoding, if_none_match);
        return;
    }
    for (unsigned i = 0; i < CNC__N_ENCODINGS; i++) {
        have |= s->whole[i] != NULL ? 1u << i : 0;
    }
    enum cnc__encoding e = cnc__answer_encoding(accept_encoding, have);
    struct cnc__http_kept kept = {p == NULL ? NULL : p->key, s->etag,
                                  depends(s)};
    if (!s->private_ && cnc__answer_not_modified(if_none_match, s->etag)) {
        not_modified(responder, s->etag, e,
                     s->varies        ? "Cache-Control: no-cache\r\n"
                                        "Vary: Accept-Encoding, Accept-Language, "
                                        "Cookie\r\n"
                     : is_personal(s) ? "Cache-Control: no-cache\r\n"
                                        "Vary: Accept-Encoding, Cookie\r\n"
                                      : "Cache-Control: no-cache\r\n"
                                        "Vary: Accept-Encoding\r\n",
                     is_kept(p) ? &kept : NULL);
        return;
    }
    struct cnc__http_response out = {.status = 200,
                                     .whole = s->whole[e],
                                     .head_len = s->head_len[e],
                                     .kept = is_kept(p) ? &kept : NULL};
    responder->respond(responder, &out);
}
