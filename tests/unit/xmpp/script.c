/* SPDX-License-Identifier: MIT */
/*
 * script.c -- plays the protocol scripts of tests/protocol against the stream
 * and the router, with no socket and no clock.  Every script is played twice:
 * with each line in one piece, and cut at every byte.
 *
 *   # comment
 *   @ ws | tcp                     the framing (first line)
 *   @ mechanisms NAME...           default: ANONYMOUS
 *   @ secure | loopback [plain] | uid N | uid self | deferred
 *   @ tls [exporter] [end-point]   the channel can be bound so
 *   @ starttls [required]          and X: secured, TLS is up
 *   @ cert JID...                  the client has shown a certificate
 *   @ tokens | tokens deferred     FAST, kept at once or at X: kept
 *   @ guessed ACCOUNT ADDRESS      ... 30 passwords of it
 *   @ echo                         Bind 2 and the features have it
 *   @ queue N | before-auth N | idle N | auth N | resources N
 *   @ sm SETTING N                 of struct cnc__sm_config
 *   C: what the client sends       a message, or bytes (TCP)
 *   S: what the service says       exactly, and all of it
 *   C2: S2:                        a second connection, made at first use
 *   T: +MS                         time passes, for all
 *   I: NAME                        the lines of tests/protocol/parts/NAME
 *   X: closed | open | eof | work | sessions N | shutdown
 *   X: drop | drop 2               the connection is cut; C: makes a new one
 *   X: send JID XML                the service sends it to a session
 *   X: end JID                     and ends one
 *   X: waiting N | returned N      of struct cnc__sm_stats
 *   X: scram MECHANISM USER PASSWORD    a SASL client begins
 *   X: scram-end BASE64                 and believes the server
 *   X: own HASH GS2 BINDING USER PASSWORD
 *                                       a client of our own begins, which
 *                                       can also do what is wrong
 *   X: ht-end BASE64 TOKEN BINDING      the service knows the token too
 *   X: days N                           pass for tokens
 *   X: kept | lost | restart            tokens are, are not; and come back
 *   X: forget USER                      the password is another
 *
 * In C: and S:  \n \t \\ \xHH, and %NAME% for what was captured.
 * In S: %any% matches the shortest run; %=NAME% captures it.
 * In C: %repeat(N,text)%  %base64(text)%  %scram(BASE64)%  %own(BASE64)%
 *       %ht(USER,TOKEN,BINDING)%.
 * BINDING: exporter, end-point, none or wrong.
 * In WebSocket framing: !ping TEXT, !pong TEXT, !close CODE, and for the
 * client !raw BYTES, are frames other than text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>
#include <dirent.h>
#include <gsasl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../../../src/base/log.h"
#include "../../../src/base/text.h"
#include "../../../src/xmpp/fast.h"
#include "../../../src/xmpp/sm.h"
#include "../../../src/xmpp/ws.h"

#define MESSAGE_END '\x1e' /* ends each WebSocket message in `heard` */

struct connection {
    struct cnc__stream *stream;
    struct cnc__ws ws; /* the client's receiving half */
    struct cnc__str heard;
};

struct play {
    const char *path;
    unsigned line;
    bool bytewise;
    struct cnc__router *router;
    struct cnc__stream_env env;
    struct cnc__stream_peer peer;
    struct cnc__sm_config sm;
    struct connection at[2];
    struct cnc__table *captured;
    uint64_t now_ms;
    Gsasl *gsasl;
    Gsasl_session *scram;
    char user[64], password[64];
    bool starttls, exporter, end_point;
    char *names; /* of the client's certificate */
    char own_gs2[64], own_binding[16], own_user[64], own_password[64];
    bool own_sha256;
    struct cnc__table *kept; /* what FAST has had kept */
    bool keep_later;
    void (*keep_done)(void *arg, bool kept);
    void *keep_arg;
    int64_t unix_ms;
    void (*work)(void *), (*done)(void *);
    void *job;
};

#define SCRIPT_FAIL(p, ...)                                                   \
    do {                                                                      \
        print_error("%s:%u (%s): ", (p)->path, (p)->line,                     \
                    (p)->bytewise ? "cut at every byte" : "whole");           \
        print_error(__VA_ARGS__);                                             \
        print_error("\n");                                                    \
        fail();                                                               \
    } while (0)

/* -- the service's side -------------------------------------------------- */

static int
keys(struct cnc__scram_keys *out, const char *user, bool sha256, void *priv)
{
    bool both = strcmp(user, "juliet") == 0 || strcmp(user, "romeo") == 0;

    if (!both && (strcmp(user, "sha1") != 0 || sha256)) {
        return CNC_ENOENT;
    }
    cnc__scram_derive(out, "r0m30 myr0m30", sha256, 64);
    /* A real account has one salt; made anew each time here. */
    return 0;
}

static void
offload(void (*work)(void *), void (*done)(void *), void *arg, void *priv)
{
    struct play *p = priv;

    p->work = work;
    p->done = done;
    p->job = arg;
}

/* -- the channel ---------------------------------------------------------- */

static size_t
bind_channel(uint8_t out[64], const char *which)
{
    size_t n = strcmp(which, "none") == 0 ? 0 : 32;

    memset(out, which[0] == 'e' ? which[1] : '!', n); /* eXporter, eNd-point */
    return n;
}

static size_t
channel_binding(uint8_t out[64], enum cnc__binding type, void *priv)
{
    const struct play *p = priv;
    bool exporter = type == CNC__BINDING_EXPORTER;

    if (type == CNC__BINDING_UNIQUE) {
        return 0;
    }
    return !(exporter ? p->exporter : p->end_point)
               ? 0
               : bind_channel(out, exporter ? "exporter" : "end-point");
}

static char *
cert_jids(void *priv)
{
    const struct play *p = priv;

    return cnc__strdup(p->names);
}

/* -- tokens --------------------------------------------------------------- */

static int64_t
unix_ms(void *priv)
{
    const struct play *p = priv;

    return p->unix_ms;
}

static void
keep(const char *id, const char *value, size_t len,
     void (*done)(void *arg, bool kept), void *arg, void *priv)
{
    struct play *p = priv;

    cnc__free(len == 0
                  ? cnc__table_del(p->kept, id)
                  : cnc__table_put(p->kept, id, cnc__strndup(value, len)));
    if (p->keep_later) {
        p->keep_done = done;
        p->keep_arg = arg;
    } else if (done != NULL) {
        done(arg, true);
    }
}

static void
start_tokens(struct play *p)
{
    struct cnc__fast_env env = {unix_ms, keep, p};

    cnc__fast_free(&p->env.fast);
    p->env.fast = cnc__fast_new(&env);
    if (p->kept == NULL) {
        p->kept = cnc__table_new();
    }
    for (struct cnc__table_iter i = {0}; cnc__table_next(p->kept, &i);) {
        assert_true(
            cnc__fast_load(p->env.fast, i.key, i.value, strlen(i.value)));
    }
}

static void
tokens_kept(struct play *p, bool kept)
{
    void (*done)(void *, bool) = p->keep_done;

    if (done == NULL) {
        SCRIPT_FAIL(p, "nothing waits to be kept");
    }
    p->keep_done = NULL;
    done(p->keep_arg, kept);
}

/* What Bind 2 can do besides: say it again. */
static void
on_bind2(struct cnc__session *s, const struct cnc_element *bind,
         struct cnc__str *bound, void *priv)
{
    if (cnc_element_child(bind, "urn:example:echo", "echo") != NULL) {
        cnc__str_puts(bound, "<echo xmlns='urn:example:echo'/>");
    }
}

static void
on_features(struct cnc__str *out, void *priv)
{
    cnc__str_puts(out, "<echo xmlns='urn:example:echo'/>");
}

static void
on_echo(struct cnc__request *r, void *priv)
{
    if (r->kind == CNC__IQ_GET) {
        struct cnc_buf *b = cnc_element_write(r->payload, 0);

        cnc__request_result(&r, cnc_buf_data(b), cnc_buf_len(b));
        cnc_buf_unref(&b);
    } else if (r->kind == CNC__IQ_SET) {
        struct cnc_error err;

        cnc_error_set(&err, CNC_EREFUSED, NULL, "say <less>");
        err.specific = "too-loud";
        err.specific_ns = "urn:example:echo";
        cnc__request_error(&r, &err);
    } else {
        const char *to = r->from;
        struct cnc__session *s = cnc__router_session_by_jid(r->router, to);

        cnc__session_send(s, "<message><heard/></message>", 27);
        cnc__request_free(&r);
    }
}

static int
on_disco(struct cnc__str *out, bool items, const char *node,
         const struct cnc__request *r, void *priv)
{
    if (node == NULL && items) {
        cnc__str_puts(out, "<item jid='im.example.com' node='library'/>");
        return 0;
    }
    if (node != NULL && strcmp(node, "library") == 0 && !items) {
        cnc__str_puts(out, "<identity category='pubsub' type='leaf'/>");
        return 0;
    }
    return CNC_ENOENT;
}

/* The client's receiving half: frames back to readable text. */
static int
heard_text(const char *data, size_t len, void *priv)
{
    struct connection *c = priv;

    cnc__str_add(&c->heard, data, len);
    cnc__str_putc(&c->heard, MESSAGE_END);
    return 0;
}

static int
heard_ping(const char *data, size_t len, void *priv)
{
    struct connection *c = priv;

    cnc__str_printf(&c->heard, "!ping %.*s%c", (int)len, data, MESSAGE_END);
    return 0;
}

static int
heard_pong(void *priv)
{
    struct connection *c = priv;

    cnc__str_printf(&c->heard, "!pong%c", MESSAGE_END);
    return 0;
}

static int
heard_close(unsigned code, void *priv)
{
    struct connection *c = priv;

    cnc__str_printf(&c->heard, "!close %u%c", code, MESSAGE_END);
    return 0;
}

static void
listen(struct play *p, struct connection *c)
{
    static const struct cnc__ws_events events = {heard_text, heard_ping,
                                                 heard_pong, heard_close};
    struct cnc__str *out = cnc__stream_out(c->stream);

    if (p->peer.framing == CNC__FRAMING_TCP) {
        cnc__str_add(&c->heard, out->data, out->len);
    } else if (cnc__ws_feed(&c->ws, out->data, out->len, &events, c, NULL) !=
               0) {
        SCRIPT_FAIL(p, "the service broke RFC 6455");
    }
    cnc__str_fini(out);
}

static void
on_dirty(void *priv)
{
}

/* The handshake is done by X: secured. */
static void
on_starttls(void *priv)
{
}

static struct connection *
connection(struct play *p, int n)
{
    static const struct cnc__stream_events starttls = {
        .on_dirty = on_dirty,
        .on_starttls = on_starttls,
        .channel_binding = channel_binding,
        .cert_jids = cert_jids};
    static const struct cnc__stream_events events = {.on_dirty = on_dirty,
                                                     .channel_binding =
                                                         channel_binding,
                                                     .cert_jids = cert_jids};
    struct connection *c = &p->at[n];

    if (c->stream == NULL) {
        c->stream =
            cnc__stream_new(&p->env, &p->peer,
                            p->starttls ? &starttls : &events, p, p->now_ms);
        cnc__ws_init(&c->ws, false, 16u << 20);
    }
    return c;
}

/* -- the client's side --------------------------------------------------- */

static int
on_client_property(Gsasl *context, Gsasl_session *session,
                   Gsasl_property property)
{
    struct play *p = gsasl_session_hook_get(session);

    if (property == GSASL_AUTHID) {
        return gsasl_property_set(session, property, p->user);
    }
    if (property == GSASL_PASSWORD) {
        return gsasl_property_set(session, property, p->password);
    }
    if (property == GSASL_CB_TLS_EXPORTER && p->exporter) {
        struct cnc__str text = CNC__STR;
        uint8_t data[64];
        int rc;

        cnc__base64_encode(&text, data, bind_channel(data, "exporter"));
        rc = gsasl_property_set(session, property, text.data);
        cnc__str_fini(&text);
        return rc;
    }
    return GSASL_NO_CALLBACK;
}

static void
begin_scram(struct play *p, char *args)
{
    const char *mechanism = strsep(&args, " ");

    snprintf(p->user, sizeof(p->user), "%s", strsep(&args, " "));
    snprintf(p->password, sizeof(p->password), "%s", args);
    if (p->scram != NULL) {
        gsasl_finish(p->scram);
    }
    if (p->gsasl == NULL) {
        assert_int_equal(gsasl_init(&p->gsasl), GSASL_OK);
        gsasl_callback_set(p->gsasl, on_client_property);
    }
    assert_int_equal(gsasl_client_start(p->gsasl, mechanism, &p->scram),
                     GSASL_OK);
    gsasl_session_hook_set(p->scram, p);
}

static void
scram(struct play *p, struct cnc__str *out, const char *in, int want)
{
    char *answer = NULL;
    int rc = gsasl_step64(p->scram, in, &answer);

    if (rc != want) {
        SCRIPT_FAIL(p, "the SASL client says: %s", gsasl_strerror(rc));
    }
    if (out != NULL) {
        cnc__str_puts(out, answer);
    }
    gsasl_free(answer);
}

/* -- a client of our own: SCRAM with any binding, and HT ------------------ */

#define OWN_NONCE "fyko+d2lbbFgONRv9qkxdawL"

static void
own_begins(struct play *p, char *args)
{
    p->own_sha256 = strcmp(strsep(&args, " "), "sha256") == 0;
    snprintf(p->own_gs2, sizeof(p->own_gs2), "%s", strsep(&args, " "));
    snprintf(p->own_binding, sizeof(p->own_binding), "%s", strsep(&args, " "));
    snprintf(p->own_user, sizeof(p->own_user), "%s", strsep(&args, " "));
    snprintf(p->own_password, sizeof(p->own_password), "%s", args);
}

/* RFC 5802 section 3, from the client's side. */
static void
own_proof(struct play *p, struct cnc__str *out, const char *first,
          const char *server, const char *final)
{
    const EVP_MD *md = p->own_sha256 ? EVP_sha256() : EVP_sha1();
    const char *s = strstr(server, ",s=") + 3;
    unsigned char salted[32], key[32], stored[32], mac[32];
    unsigned n = (unsigned)EVP_MD_size(md);
    struct cnc__str salt = CNC__STR, all = CNC__STR;
    int count = (int)strtol(strstr(server, ",i=") + 3, NULL, 10);

    assert_int_equal(cnc__base64_decode(&salt, s, strcspn(s, ",")), 0);
    PKCS5_PBKDF2_HMAC(p->own_password, -1, (unsigned char *)salt.data,
                      (int)salt.len, count, md, (int)n, salted);
    HMAC(md, salted, (int)n, (const unsigned char *)"Client Key", 10, key,
         NULL);
    EVP_Digest(key, n, stored, NULL, md, NULL);
    cnc__str_printf(&all, "%s,%s,%s", first, server, final);
    HMAC(md, stored, (int)n, (unsigned char *)all.data, all.len, mac, NULL);
    for (unsigned i = 0; i < n; i++) {
        key[i] ^= mac[i];
    }
    cnc__base64_encode(out, key, n);
    cnc__str_fini(&salt);
    cnc__str_fini(&all);
}

/* challenge: base64, "" at first.  Appends base64. */
static void
own(struct play *p, struct cnc__str *out, const char *challenge)
{
    struct cnc__str first = CNC__STR, text = CNC__STR, server = CNC__STR,
                    c = CNC__STR;
    uint8_t data[64];
    size_t n = bind_channel(data, p->own_binding);

    cnc__str_printf(&first, "n=%s,r=" OWN_NONCE, p->own_user);
    if (challenge[0] == '\0') {
        cnc__str_printf(&text, "%s%s", p->own_gs2, first.data);
    } else {
        assert_int_equal(
            cnc__base64_decode(&server, challenge, strlen(challenge)), 0);
        cnc__str_puts(&c, p->own_gs2);
        cnc__str_add(&c, data, n);
        cnc__str_puts(&text, "c=");
        cnc__base64_encode(&text, c.data, c.len);
        cnc__str_printf(&text, ",%.*s", (int)strcspn(server.data, ","),
                        server.data);
        cnc__str_clear(&c);
        own_proof(p, &c, first.data, server.data, text.data);
        cnc__str_printf(&text, ",p=%s", c.data);
    }
    cnc__base64_encode(out, text.data, text.len);
    cnc__str_fini(&first);
    cnc__str_fini(&text);
    cnc__str_fini(&server);
    cnc__str_fini(&c);
}

static void
token_hash(uint8_t out[32], const char *token, const char *who,
           const char *binding)
{
    struct cnc__str text = CNC__STR;
    uint8_t data[64];

    cnc__str_puts(&text, who);
    cnc__str_add(&text, data, bind_channel(data, binding));
    HMAC(EVP_sha256(), token, (int)strlen(token), (uint8_t *)text.data,
         text.len, out, NULL);
    cnc__str_fini(&text);
}

static void
ht(struct cnc__str *out, char *args)
{
    const char *user = strsep(&args, ","), *token = strsep(&args, ",");
    struct cnc__str text = CNC__STR;
    uint8_t hash[32];

    token_hash(hash, token, "Initiator", args);
    cnc__str_add(&text, user, strlen(user) + 1);
    cnc__str_add(&text, hash, sizeof(hash));
    cnc__base64_encode(out, text.data, text.len);
    cnc__str_fini(&text);
}

static void
ht_ends(struct play *p, char *args)
{
    const char *said = strsep(&args, " "), *token = strsep(&args, " ");
    struct cnc__str want = CNC__STR;
    uint8_t hash[32];

    token_hash(hash, token, "Responder", args);
    cnc__base64_encode(&want, hash, sizeof(hash));
    if (strcmp(want.data, said) != 0) {
        SCRIPT_FAIL(p, "the service does not know the token");
    }
    cnc__str_fini(&want);
}

/* -- lines --------------------------------------------------------------- */

static void
unescape(struct cnc__str *out, const char *s)
{
    for (; *s != '\0'; s++) {
        if (*s != '\\') {
            cnc__str_putc(out, *s);
        } else if (*++s == 'x') {
            char hex[3] = {s[1], s[2], '\0'};

            cnc__str_putc(out, (char)strtoul(hex, NULL, 16));
            s += 2;
        } else {
            cnc__str_putc(out, *s == 'n' ? '\n' : *s == 't' ? '\t' : *s);
        }
    }
}

static void
call(struct play *p, struct cnc__str *out, const char *f, const char *arg)
{
    struct cnc__str text = CNC__STR;

    if (strcmp(f, "repeat") == 0) {
        const char *comma = strchr(arg, ',');

        unescape(&text, comma + 1);
        for (long n = strtol(arg, NULL, 10); n > 0; n--) {
            cnc__str_add(out, text.data, text.len);
        }
    } else if (strcmp(f, "base64") == 0) {
        unescape(&text, arg);
        cnc__base64_encode(out, text.data, text.len);
    } else if (strcmp(f, "scram") == 0) {
        scram(p, out, arg, GSASL_NEEDS_MORE);
    } else if (strcmp(f, "own") == 0) {
        own(p, out, arg);
    } else if (strcmp(f, "ht") == 0) {
        char *copy = cnc__strdup(arg);

        ht(out, copy);
        cnc__free(copy);
    } else {
        SCRIPT_FAIL(p, "no function %s", f);
    }
    cnc__str_fini(&text);
}

/* %NAME% and %f(ARG)%; patterns (%any%, %=NAME%) stay as they are. */
static void
expand(struct play *p, struct cnc__str *out, const char *s)
{
    const char *end;

    for (; *s != '\0'; s = end + 1) {
        char word[400];
        size_t plain = strcspn(s, "%");
        char *paren;

        cnc__str_add(out, s, plain);
        s += plain;
        if (*s == '\0') {
            return;
        }
        end = strchr(s + 1, '%');
        /* The argument of a function may itself hold %NAME%. */
        if (end != NULL && memchr(s, '(', (size_t)(end - s)) != NULL) {
            end = strstr(s, ")%");
            end = end == NULL ? NULL : end + 1;
        }
        if (end == NULL || (size_t)(end - s) >= sizeof(word)) {
            SCRIPT_FAIL(p, "a %% without its end");
        }
        snprintf(word, sizeof(word), "%.*s", (int)(end - s - 1), s + 1);
        paren = strchr(word, '(');
        if (word[0] == '=' || strcmp(word, "any") == 0) {
            cnc__str_printf(out, "%%%s%%", word);
        } else if (paren != NULL) {
            struct cnc__str arg = CNC__STR;

            *paren = '\0';
            paren[1 + strcspn(paren + 1, ")")] = '\0';
            expand(p, &arg, paren + 1);
            call(p, out, word, cnc__str_c(&arg));
            cnc__str_fini(&arg);
        } else {
            const char *value = cnc__table_get(p->captured, word);

            if (value == NULL) {
                SCRIPT_FAIL(p, "%s was never captured", word);
            }
            cnc__str_puts(out, value);
        }
    }
}

static void
all_heard(struct play *p)
{
    for (size_t i = 0; i < CNC_N(p->at); i++) {
        if (p->at[i].stream != NULL) {
            listen(p, &p->at[i]);
        }
        if (p->at[i].heard.len > 0) {
            SCRIPT_FAIL(p, "before this line the service also said: %s",
                        p->at[i].heard.data);
        }
    }
}

static void
feed(struct play *p, struct connection *c, struct cnc__str *bytes)
{
    size_t step = p->bytewise ? 1 : bytes->len;

    for (size_t i = 0; i < bytes->len; i += step) {
        /* Its own memory, so that a read past the end shows. */
        char *piece = cnc__zalloc(step);

        memcpy(piece, bytes->data + i, step);
        cnc__stream_feed(c->stream, piece, step, p->now_ms);
        cnc__free(piece);
    }
}

static void
client_says(struct play *p, struct connection *c, const char *text)
{
    struct cnc__str wide = CNC__STR, bytes = CNC__STR, wire = CNC__STR;

    all_heard(p);
    expand(p, &wide, text);
    unescape(&bytes, cnc__str_c(&wide));
    if (p->peer.framing == CNC__FRAMING_TCP) {
        cnc__str_add(&wire, cnc__str_c(&bytes), bytes.len);
    } else if (bytes.len == 0 || bytes.data[0] != '!') {
        cnc__ws_add_masked(&wire, CNC__WS_TEXT, cnc__str_c(&bytes), bytes.len);
    } else if (strncmp(bytes.data, "!ping ", 6) == 0) {
        cnc__ws_add_masked(&wire, CNC__WS_PING, bytes.data + 6, bytes.len - 6);
    } else if (strncmp(bytes.data, "!pong ", 6) == 0) {
        cnc__ws_add_masked(&wire, CNC__WS_PONG, bytes.data + 6, bytes.len - 6);
    } else if (strncmp(bytes.data, "!close ", 7) == 0) {
        unsigned long code = strtoul(bytes.data + 7, NULL, 10);
        char two[2] = {(char)(code >> 8), (char)code};

        cnc__ws_add_masked(&wire, CNC__WS_CLOSE, two, 2);
    } else if (strncmp(bytes.data, "!raw ", 5) == 0) {
        cnc__str_add(&wire, bytes.data + 5, bytes.len - 5);
    } else {
        SCRIPT_FAIL(p, "what frame is that?");
    }
    feed(p, c, &wire);
    cnc__str_fini(&wide);
    cnc__str_fini(&bytes);
    cnc__str_fini(&wire);
}

/* A quote is a quote: the canonical writer's are double, ours single. */
static bool
same(const char *pattern, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char a = pattern[i] == '"' ? '\'' : pattern[i];

        if (a != (s[i] == '"' ? '\'' : s[i])) {
            return false;
        }
    }
    return true;
}

/* Match pattern at the start of s; *used: how much of s it took. */
static bool
match(struct play *p, const char *pattern, const char *s, size_t *used)
{
    const char *start = s;

    while (*pattern != '\0') {
        char word[64] = "";
        const char *end = *pattern == '%' ? strchr(pattern + 1, '%') : NULL;
        size_t literal, n = 0;

        if (end == NULL) {
            if (!same(pattern++, s++, 1)) {
                return false;
            }
            continue;
        }
        snprintf(word, sizeof(word), "%.*s", (int)(end - pattern - 1),
                 pattern + 1);
        pattern = end + 1;
        literal = strcspn(pattern, "%");
        while (!same(pattern, s + n, literal) ||
               (literal == 0 && s[n] != '\0')) {
            if (s[n] == '\0' || s[n] == MESSAGE_END) {
                return false;
            }
            n++;
        }
        if (word[0] == '=') {
            cnc__free(
                cnc__table_put(p->captured, word + 1, cnc__strndup(s, n)));
        }
        s += n;
    }
    *used = (size_t)(s - start);
    return true;
}

static void
service_says(struct play *p, struct connection *c, const char *text)
{
    struct cnc__str wide = CNC__STR, pattern = CNC__STR;
    size_t used = 0;

    expand(p, &wide, text);
    unescape(&pattern, cnc__str_c(&wide));
    if (p->peer.framing == CNC__FRAMING_WS) {
        cnc__str_putc(&pattern, MESSAGE_END);
    }
    listen(p, c);
    if (!match(p, cnc__str_c(&pattern), cnc__str_c(&c->heard), &used)) {
        SCRIPT_FAIL(p, "wanted: %s\n  heard: %s", cnc__str_c(&pattern),
                    cnc__str_c(&c->heard));
    }
    cnc__str_drop(&c->heard, used);
    cnc__str_fini(&wide);
    cnc__str_fini(&pattern);
}

static void
drop(struct connection *c)
{
    cnc__stream_free(&c->stream);
    cnc__ws_fini(&c->ws);
    cnc__str_fini(&c->heard);
}

static struct cnc__session *
session_at(struct play *p, char **text)
{
    const char *jid = strsep(text, " ");
    struct cnc__session *s = cnc__router_session_by_jid(p->router, jid);

    if (s == NULL) {
        SCRIPT_FAIL(p, "no session %s", jid);
    }
    return s;
}

/* Without a connection; true: it was such a command. */
static bool
router_command(struct play *p, char *text)
{
    char *rest = strchr(text, ' ');
    struct cnc__sm_stats stats;
    struct cnc__session *s;

    cnc__sm_stats(p->router, &stats);
    rest = rest == NULL ? text : rest + 1;
    if (strcmp(text, "drop") == 0 || strcmp(text, "drop 2") == 0) {
        drop(&p->at[rest[0] == '2']);
    } else if (strncmp(text, "send ", 5) == 0) {
        s = session_at(p, &rest);
        cnc__session_send(s, rest, strlen(rest));
    } else if (strncmp(text, "end ", 4) == 0) {
        cnc__session_end(session_at(p, &rest), NULL, NULL);
    } else if (strncmp(text, "sessions ", 9) == 0) {
        assert_int_equal(cnc__router_n_sessions(p->router),
                         strtol(rest, NULL, 10));
    } else if (strncmp(text, "waiting ", 8) == 0) {
        assert_int_equal(stats.waiting, strtol(rest, NULL, 10));
    } else if (strncmp(text, "returned ", 9) == 0) {
        assert_int_equal(stats.returned, strtol(rest, NULL, 10));
    } else {
        return false;
    }
    return true;
}

static void
command(struct play *p, char *text)
{
    struct connection *c;
    struct cnc__str wide = CNC__STR;

    expand(p, &wide, text);
    text = cnc__str_steal(&wide);
    if (router_command(p, text)) {
        cnc__free(text);
        return;
    }
    c = connection(p, 0);
    if (strcmp(text, "closed") == 0 || strcmp(text, "open") == 0) {
        all_heard(p);
        if (cnc__stream_is_closed(c->stream) != (text[0] == 'c')) {
            SCRIPT_FAIL(p, "the stream is not %s", text);
        }
    } else if (strcmp(text, "eof") == 0) {
        cnc__stream_eof(c->stream);
    } else if (strcmp(text, "shutdown") == 0) {
        cnc__stream_close(c->stream, NULL, NULL);
    } else if (strcmp(text, "secured") == 0) {
        cnc__stream_secured(c->stream, p->now_ms);
    } else if (strcmp(text, "work") == 0) {
        p->work(p->job);
        p->done(p->job);
        p->job = NULL;
    } else if (strncmp(text, "scram ", 6) == 0) {
        begin_scram(p, text + 6);
    } else if (strncmp(text, "scram-end ", 10) == 0) {
        scram(p, NULL, text + 10, GSASL_OK);
    } else if (strncmp(text, "own ", 4) == 0) {
        own_begins(p, text + 4);
    } else if (strncmp(text, "ht-end ", 7) == 0) {
        ht_ends(p, text + 7);
    } else if (strncmp(text, "days ", 5) == 0) {
        p->unix_ms += strtol(text + 5, NULL, 10) * INT64_C(86400000);
    } else if (strcmp(text, "kept") == 0 || strcmp(text, "lost") == 0) {
        tokens_kept(p, text[0] == 'k');
    } else if (strcmp(text, "restart") == 0) {
        start_tokens(p);
    } else if (strncmp(text, "forget ", 7) == 0) {
        cnc__fast_forget_user(p->env.fast, text + 7);
    } else {
        SCRIPT_FAIL(p, "what is X: %s?", text);
    }
    cnc__free(text);
}

static unsigned
mechanism_bit(struct play *p, const char *name)
{
    static const char *const names[] = {"ANONYMOUS", "SCRAM-SHA-1",
                                        "SCRAM-SHA-256", "PLAIN", "EXTERNAL"};

    for (size_t i = 0; i < CNC_N(names); i++) {
        if (strcmp(names[i], name) == 0) {
            return 1u << i;
        }
    }
    SCRIPT_FAIL(p, "no mechanism %s", name);
    return 0;
}

static void
sm_setting(struct play *p, char *text)
{
    struct cnc__sm_config *c = &p->sm;
    const struct {
        const char *name;
        uint32_t *at;
    } settings[] = {{"timeout", &c->timeout_ms},
                    {"max-stanzas", &c->max_stanzas},
                    {"max-bytes", &c->max_bytes},
                    {"max-waiting", &c->max_waiting},
                    {"max-waiting-of", &c->max_waiting_of},
                    {"ask-stanzas", &c->ask_stanzas},
                    {"ask-bytes", &c->ask_bytes},
                    {"first", &c->first}};
    const char *name = strsep(&text, " ");

    c->no_resumption |= strcmp(name, "no-resumption") == 0;
    for (size_t i = 0; i < CNC_N(settings); i++) {
        if (strcmp(settings[i].name, name) == 0) {
            *settings[i].at = (uint32_t)strtoul(text, NULL, 10);
        }
    }
    cnc__sm_configure(p->router, c);
}

static void
directive(struct play *p, char *text)
{
    const char *word = strsep(&text, " ");
    unsigned long n = text == NULL ? 0 : strtoul(text, NULL, 10);

    if (strcmp(word, "ws") == 0) {
        p->peer.framing = CNC__FRAMING_WS;
    } else if (strcmp(word, "tcp") == 0) {
        p->peer.framing = CNC__FRAMING_TCP;
    } else if (strcmp(word, "secure") == 0) {
        p->peer.secure = true;
    } else if (strcmp(word, "loopback") == 0) {
        p->peer.loopback = true;
        p->env.loopback_plain = text != NULL;
    } else if (strcmp(word, "uid") == 0) {
        p->peer.uid =
            strcmp(text, "self") == 0 ? (int64_t)geteuid() : (int64_t)n;
    } else if (strcmp(word, "deferred") == 0) {
        p->env.offload = offload;
    } else if (strcmp(word, "queue") == 0) {
        p->env.max_queue = (uint32_t)n;
    } else if (strcmp(word, "before-auth") == 0) {
        p->env.max_before_auth = (uint32_t)n;
    } else if (strcmp(word, "idle") == 0) {
        p->env.idle_ms = (uint32_t)n;
    } else if (strcmp(word, "auth") == 0) {
        p->env.auth_ms = (uint32_t)n;
    } else if (strcmp(word, "sm") == 0) {
        sm_setting(p, text);
    } else if (strcmp(word, "echo") == 0) {
        cnc__router_on_bind2(p->router, "urn:example:echo", on_bind2, NULL);
        p->env.features = on_features;
    } else if (strcmp(word, "resources") == 0) {
        cnc__router_max_resources(p->router, (uint32_t)n);
    } else if (strcmp(word, "starttls") == 0) {
        p->starttls = true;
        p->env.tls_required = text != NULL;
    } else if (strcmp(word, "tls") == 0) {
        p->peer.secure = true;
        p->exporter = text != NULL && strstr(text, "exporter") != NULL;
        p->end_point = text != NULL && strstr(text, "end-point") != NULL;
    } else if (strcmp(word, "cert") == 0) {
        struct cnc__str names = CNC__STR;

        while ((word = strsep(&text, " ")) != NULL) {
            cnc__str_printf(&names, "%s\n", word);
        }
        p->names = cnc__str_steal(&names);
    } else if (strcmp(word, "guessed") == 0) {
        const char *account = strsep(&text, " ");

        p->env.guard = p->env.guard == NULL ? cnc__guard_new() : p->env.guard;
        for (int i = 0; i < 30; i++) {
            cnc__guard_failed(p->env.guard, text, account, p->now_ms);
        }
    } else if (strcmp(word, "tokens") == 0) {
        p->keep_later = text != NULL;
        start_tokens(p);
    } else if (strcmp(word, "mechanisms") == 0) {
        p->env.mechanisms = 0;
        while ((word = strsep(&text, " ")) != NULL) {
            p->env.mechanisms |= mechanism_bit(p, word);
        }
    } else {
        SCRIPT_FAIL(p, "what is @ %s?", word);
    }
}

static void play_file(struct play *p, const char *path);

static void
include(struct play *p, const char *name)
{
    struct cnc__str path = CNC__STR;
    unsigned line = p->line;

    cnc__str_printf(&path, "%s/parts/%s", SCRIPT_DIR, name);
    play_file(p, path.data);
    cnc__str_fini(&path);
    p->line = line;
}

static void
play_line(struct play *p, char *line)
{
    char *text = strchr(line, ':');
    int n = line[1] == '2' ? 1 : 0;

    if (line[0] == '@') {
        directive(p, line + 2);
        return;
    }
    if (text == NULL) {
        SCRIPT_FAIL(p, "not a line of a script: %s", line);
    }
    text += text[1] == ' ' ? 2 : 1;
    switch (line[0]) {
    case 'C':
        client_says(p, connection(p, n), text);
        break;
    case 'S':
        service_says(p, connection(p, n), text);
        break;
    case 'I':
        include(p, text);
        break;
    case 'T':
        p->now_ms += strtoul(text, NULL, 10);
        cnc__router_tick(p->router, p->now_ms);
        for (size_t i = 0; i < CNC_N(p->at); i++) {
            if (p->at[i].stream != NULL) {
                cnc__stream_tick(p->at[i].stream, p->now_ms);
            }
        }
        break;
    case 'X':
        command(p, text);
        break;
    default:
        SCRIPT_FAIL(p, "not a line of a script: %s", line);
    }
}

/* -- plays --------------------------------------------------------------- */

static void
set_up(struct play *p)
{
    static const struct cnc__handler echo = {
        .kinds = CNC__IQ_GET | CNC__IQ_SET | CNC__MESSAGE,
        .ns = "urn:example:echo",
        .name = "echo",
        .feature = "urn:example:echo",
        .f = on_echo};

    p->router = cnc__router_new("im.example.com");
    assert_int_equal(cnc__router_handle(p->router, &echo, NULL), 0);
    cnc__router_disco(p->router, on_disco, NULL);
    p->env = (struct cnc__stream_env){
        .router = p->router,
        .mechanisms = CNC__SASL_ANONYMOUS,
        .max_before_auth = 10000,
        .max_stanza = 256u << 10,
        .max_queue = 1u << 20,
        .auth_ms = 30000,
        .idle_ms = 60000,
        .keys = keys,
        .priv = p,
    };
    p->peer = (struct cnc__stream_peer){.uid = -1, .addr = "script"};
    p->captured = cnc__table_new();
    p->now_ms = 1000000;
    p->unix_ms = INT64_C(1795000000000);
}

static void
tear_down(struct play *p)
{
    for (size_t i = 0; i < CNC_N(p->at); i++) {
        drop(&p->at[i]);
    }
    if (p->job != NULL) { /* work whose stream is gone */
        p->work(p->job);
        p->done(p->job);
    }
    if (p->keep_done != NULL) {
        tokens_kept(p, true);
    }
    cnc__fast_free(&p->env.fast);
    cnc__guard_free(&p->env.guard);
    cnc__table_free(&p->kept, cnc__free);
    cnc__free(p->names);
    cnc__router_free(&p->router);
    cnc__table_free(&p->captured, cnc__free);
    if (p->scram != NULL) {
        gsasl_finish(p->scram);
    }
    if (p->gsasl != NULL) {
        gsasl_done(p->gsasl);
    }
}

static void
play_file(struct play *p, const char *path)
{
    FILE *f = fopen(path, "r");
    char line[4096];

    if (f == NULL) {
        SCRIPT_FAIL(p, "cannot open %s", path);
    }
    p->line = 0;
    while (fgets(line, sizeof(line), f) != NULL) {
        p->line++;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '#' && line[0] != '\0') {
            play_line(p, line);
        }
    }
    fclose(f);
}

static void
play(const char *path, bool bytewise)
{
    struct play p = {.path = path, .bytewise = bytewise};

    set_up(&p);
    play_file(&p, path);
    all_heard(&p);
    tear_down(&p);
}

static void
the_script_is_followed(void **state)
{
    play(*state, false);
    play(*state, true);
}

static void
no_log(enum cnc_log_level level, const char *event, const char *text,
       void *priv)
{
}

static int
by_name(const void *a, const void *b)
{
    const struct CMUnitTest *left = a, *right = b;

    return strcmp(left->name, right->name);
}

static bool
is_script(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL && strcmp(dot, ".script") == 0;
}

int
main(int argc, char **argv)
{
    DIR *dir = opendir(SCRIPT_DIR);
    struct dirent *d;
    struct CMUnitTest *tests = NULL;
    size_t n = 0;
    int rc;

    cnc__log_to(no_log, NULL);
    while (dir != NULL && (d = readdir(dir)) != NULL) {
        /* One script alone: name it on the command line. */
        if (is_script(d->d_name) &&
            (argc < 2 || strcmp(argv[1], d->d_name) == 0)) {
            struct cnc__str path = CNC__STR;

            cnc__str_printf(&path, "%s/%s", SCRIPT_DIR, d->d_name);
            tests = cnc__realloc(tests, n + 1, sizeof(*tests));
            tests[n++] =
                (struct CMUnitTest){.name = cnc__strdup(d->d_name),
                                    .test_func = the_script_is_followed,
                                    .initial_state = cnc__str_steal(&path)};
        }
    }
    if (n == 0) {
        return 1;
    }
    closedir(dir);
    qsort(tests, n, sizeof(*tests), by_name);
    rc = _cmocka_run_group_tests("protocol scripts", tests, n, NULL, NULL);
    for (size_t i = 0; i < n; i++) {
        cnc__free((void *)(uintptr_t)tests[i].name);
        cnc__free(tests[i].initial_state);
    }
    cnc__free(tests);
    return rc;
}
