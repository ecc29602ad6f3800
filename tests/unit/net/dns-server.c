/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "../../../src/base/text.h"
#include "dns-server.h"

enum {
    A = 1,
    SOA = 6,
    AAAA = 28,
    SRV = 33,
    OPT = 41,
    RRSIG = 46,
    NSEC = 47,
    DNSKEY = 48,
    TLSA = 52
};
#define TTL 60u

struct record {
    char name[256];
    unsigned type;
    uint8_t data[300];
    size_t len;
};

struct fault {
    char name[256];
    unsigned type;
    enum dns_fault fault;
};

struct dns_server {
    int fd;
    char addr[32];
    uv_poll_t poll;
    EVP_PKEY *key;
    unsigned tag, n_asked;
    struct record records[64];
    size_t n_records;
    struct fault faults[16];
    size_t n_faults;
};

/* -- writing ------------------------------------------------------------- */

static void
put16(struct cnc__str *o, unsigned v)
{
    cnc__str_putc(o, (char)(v >> 8));
    cnc__str_putc(o, (char)v);
}

static void
put32(struct cnc__str *o, uint32_t v)
{
    put16(o, v >> 16);
    put16(o, v & 0xffff);
}

static void
put_name(struct cnc__str *o, const char *name)
{
    while (*name != '\0') {
        size_t n = strcspn(name, ".");

        cnc__str_putc(o, (char)n);
        cnc__str_add(o, name, n);
        name += n + (name[n] == '.');
    }
    cnc__str_putc(o, 0);
}

static unsigned
count_labels(const char *name)
{
    unsigned n = name[0] != '\0';

    for (; *name != '\0'; name++) {
        n += *name == '.';
    }
    return n;
}

static void
put_record(struct cnc__str *o, const char *name, unsigned type,
           const void *data, size_t len)
{
    put_name(o, name);
    put16(o, type);
    put16(o, 1);
    put32(o, TTL);
    put16(o, (unsigned)len);
    cnc__str_add(o, data, len);
}

/* -- DNSSEC (RFC 4034, RFC 6605) ----------------------------------------- */

static void
key_data(const struct dns_server *s, struct cnc__str *o)
{
    uint8_t point[65];
    size_t len;

    put16(o, 257);
    cnc__str_putc(o, 3);
    cnc__str_putc(o, 13);
    EVP_PKEY_get_octet_string_param(s->key, OSSL_PKEY_PARAM_PUB_KEY, point,
                                    sizeof(point), &len);
    cnc__str_add(o, point + 1, 64);
}

static void
make_key(struct dns_server *s, const char *anchor)
{
    struct cnc__str data = CNC__STR, text = CNC__STR;
    uint32_t sum = 0;
    FILE *f = fopen(anchor, "w");

    s->key = EVP_EC_gen("P-256");
    key_data(s, &data);
    for (size_t i = 0; i < data.len; i++) {
        uint8_t byte = (uint8_t)data.data[i];

        sum += i % 2 == 0 ? (uint32_t)byte << 8 : byte;
    }
    s->tag = (sum + (sum >> 16)) & 0xffff;
    cnc__base64_encode(&text, data.data + 4, data.len - 4);
    fprintf(f, ". 3600 IN DNSKEY 257 3 13 %s\n", text.data);
    fclose(f);
    cnc__str_fini(&data);
    cnc__str_fini(&text);
}

static void
sign(const struct dns_server *s, const struct cnc__str *data, uint8_t out[64])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t der[128];
    const uint8_t *p = der;
    size_t len = sizeof(der);
    ECDSA_SIG *sig;

    EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, s->key);
    EVP_DigestSign(ctx, der, &len, (const uint8_t *)data->data, data->len);
    EVP_MD_CTX_free(ctx);
    sig = d2i_ECDSA_SIG(NULL, &p, (long)len);
    BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32);
    BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32);
    ECDSA_SIG_free(sig);
}

static int
by_data(const void *a, const void *b)
{
    const struct record *x = *(struct record *const *)a;
    const struct record *y = *(struct record *const *)b;
    size_t n = x->len < y->len ? x->len : y->len;
    int c = memcmp(x->data, y->data, n);

    return c != 0 ? c : (x->len > y->len) - (x->len < y->len);
}

/* The records, all of one name and type, and their signature. */
static unsigned
put_set(const struct dns_server *s, struct cnc__str *o,
        struct record *const *set, size_t n, bool forged)
{
    const char *name = set[0]->name;
    struct cnc__str data = CNC__STR, all = CNC__STR;
    struct record *sorted[64];
    uint32_t now = (uint32_t)time(NULL);
    uint8_t sig[64];

    for (size_t i = 0; i < n; i++) {
        put_record(o, name, set[i]->type, set[i]->data, set[i]->len);
        sorted[i] = set[i];
    }
    if (s->key == NULL) {
        return (unsigned)n;
    }
    qsort(sorted, n, sizeof(sorted[0]), by_data);
    put16(&data, set[0]->type);
    cnc__str_putc(&data, 13);
    cnc__str_putc(&data, (char)count_labels(name));
    put32(&data, TTL);
    put32(&data, now + 86400);
    put32(&data, now - 86400);
    put16(&data, s->tag);
    put_name(&data, "");
    cnc__str_add(&all, data.data, data.len);
    for (size_t i = 0; i < n; i++) {
        put_record(&all, name, sorted[i]->type, sorted[i]->data,
                   sorted[i]->len);
    }
    sign(s, &all, sig);
    sig[5] ^= forged;
    cnc__str_add(&data, sig, sizeof(sig));
    put_record(o, name, RRSIG, data.data, data.len);
    cnc__str_fini(&data);
    cnc__str_fini(&all);
    return (unsigned)n + 1;
}

/* RFC 4470: this name has these types, and the next name is right behind. */
static void
make_nsec(const struct dns_server *s, struct record *r, const char *name)
{
    struct cnc__str data = CNC__STR;
    uint8_t bits[8] = {0};

    cnc__str_add(&data, "\1\0", 2);
    put_name(&data, name);
    bits[RRSIG / 8] |= 0x80 >> RRSIG % 8;
    bits[NSEC / 8] |= 0x80 >> NSEC % 8;
    for (size_t i = 0; i < s->n_records; i++) {
        if (strcmp(s->records[i].name, name) == 0) {
            unsigned type = s->records[i].type;

            bits[type / 8] |= (uint8_t)(0x80 >> type % 8);
        }
    }
    cnc__str_add(&data, "\0\x08", 2);
    cnc__str_add(&data, bits, sizeof(bits));
    snprintf(r->name, sizeof(r->name), "%s", name);
    r->type = NSEC;
    memcpy(r->data, data.data, data.len);
    r->len = data.len;
    cnc__str_fini(&data);
}

/* -- answering ----------------------------------------------------------- */

static const struct fault *
find_fault(const struct dns_server *s, const char *name, unsigned type)
{
    for (size_t i = 0; i < s->n_faults; i++) {
        if (s->faults[i].type == type &&
            strcmp(s->faults[i].name, name) == 0) {
            return &s->faults[i];
        }
    }
    return NULL;
}

static unsigned
put_nothing(const struct dns_server *s, struct cnc__str *o, const char *name)
{
    struct record soa = {.type = SOA, .len = 22}, nsec = {0};
    struct record *one[1] = {&soa};
    unsigned n;

    memset(soa.data + 2, 1, 20);
    n = put_set(s, o, one, 1, false);
    if (s->key != NULL) {
        make_nsec(s, &nsec, name);
        one[0] = &nsec;
        n += put_set(s, o, one, 1, false);
    }
    return n;
}

static void
answer(struct dns_server *s, const uint8_t *q, size_t question_len,
       const char *name, unsigned type, struct cnc__str *o)
{
    const struct fault *fault = find_fault(s, name, type);
    bool forged = fault != NULL && fault->fault == DNS_FORGED;
    struct cnc__str body = CNC__STR;
    struct record *set[64], key = {.type = DNSKEY};
    unsigned n_answers = 0, n_authority = 0;
    size_t n = 0;

    for (size_t i = 0; i < s->n_records; i++) {
        if (s->records[i].type == type &&
            strcmp(s->records[i].name, name) == 0) {
            set[n++] = &s->records[i];
        }
    }
    if (type == DNSKEY && name[0] == '\0' && s->key != NULL) {
        struct cnc__str data = CNC__STR;

        key_data(s, &data);
        memcpy(key.data, data.data, data.len);
        key.len = data.len;
        cnc__str_fini(&data);
        set[n++] = &key;
    }
    if (fault != NULL && fault->fault == DNS_SERVFAIL) {
        n = 0;
    } else if (n > 0) {
        n_answers = put_set(s, &body, set, n, forged);
    } else {
        n_authority = put_nothing(s, &body, name);
    }
    cnc__str_add(o, q, 2);
    put16(o, fault != NULL && fault->fault == DNS_SERVFAIL ? 0x8582 : 0x8580);
    put16(o, 1);
    put16(o, n_answers);
    put16(o, n_authority);
    put16(o, 1);
    cnc__str_add(o, q + 12, question_len);
    cnc__str_add(o, cnc__str_c(&body), body.len);
    cnc__str_add(o, "\0\0\x29\x10\0\0\0\x80\0\0\0", 11); /* OPT, DO */
    cnc__str_fini(&body);
}

static void
on_question(uv_poll_t *poll, int status, int events)
{
    struct dns_server *s = poll->data;
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    uint8_t q[512];
    ssize_t len = recvfrom(s->fd, q, sizeof(q), MSG_DONTWAIT,
                           (struct sockaddr *)&from, &from_len);
    struct cnc__str name = CNC__STR, o = CNC__STR;
    const struct fault *fault;
    size_t at = 12;
    unsigned type;

    if (len < 17) {
        return;
    }
    s->n_asked++;
    while (at < (size_t)len && q[at] != 0) {
        if (name.len > 0) {
            cnc__str_putc(&name, '.');
        }
        cnc__str_add(&name, q + at + 1, q[at]);
        at += q[at] + 1u;
    }
    type = (unsigned)(q[at + 1] << 8 | q[at + 2]);
    fault = find_fault(s, cnc__str_c(&name), type);
    if (fault == NULL || fault->fault != DNS_SILENT) {
        answer(s, q, at + 5 - 12, cnc__str_c(&name), type, &o);
        sendto(s->fd, o.data, o.len, 0, (struct sockaddr *)&from, from_len);
    }
    cnc__str_fini(&name);
    cnc__str_fini(&o);
}

/* -- begin and end ------------------------------------------------------- */

struct dns_server *
dns_server_new(const char *anchor)
{
    struct dns_server *s = cnc__zalloc(sizeof(*s));
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);

    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CNC_CHECK(bind(s->fd, (struct sockaddr *)&in, sizeof(in)) == 0);
    CNC_CHECK(getsockname(s->fd, (struct sockaddr *)&in, &len) == 0);
    snprintf(s->addr, sizeof(s->addr), "127.0.0.1@%u", ntohs(in.sin_port));
    if (anchor != NULL) {
        make_key(s, anchor);
    }
    return s;
}

void
dns_server_attach(struct dns_server *s, uv_loop_t *loop)
{
    CNC_CHECK(uv_poll_init(loop, &s->poll, s->fd) == 0);
    s->poll.data = s;
    CNC_CHECK(uv_poll_start(&s->poll, UV_READABLE, on_question) == 0);
}

void
dns_server_close(struct dns_server *s)
{
    uv_close((uv_handle_t *)&s->poll, NULL);
    close(s->fd);
}

void
dns_server_free(struct dns_server **sp)
{
    EVP_PKEY_free((*sp)->key);
    cnc__free(*sp);
    *sp = NULL;
}

const char *
dns_server_addr(const struct dns_server *s)
{
    return s->addr;
}

unsigned
dns_server_asked(const struct dns_server *s)
{
    return s->n_asked;
}

/* -- records ------------------------------------------------------------- */

static void
add(struct dns_server *s, const char *name, unsigned type,
    const struct cnc__str *data)
{
    struct record *r = &s->records[s->n_records++];

    CNC_CHECK(s->n_records < CNC_N(s->records));
    snprintf(r->name, sizeof(r->name), "%s", name);
    r->type = type;
    memcpy(r->data, data->data, data->len);
    r->len = data->len;
}

void
dns_add_addr(struct dns_server *s, const char *name, const char *addr)
{
    struct cnc__str data = CNC__STR;
    uint8_t bytes[16];
    bool v6 = strchr(addr, ':') != NULL;

    CNC_CHECK(inet_pton(v6 ? AF_INET6 : AF_INET, addr, bytes) == 1);
    cnc__str_add(&data, bytes, v6 ? 16 : 4);
    add(s, name, v6 ? AAAA : A, &data);
    cnc__str_fini(&data);
}

void
dns_add_srv(struct dns_server *s, const char *name, unsigned priority,
            unsigned weight, unsigned port, const char *target)
{
    struct cnc__str data = CNC__STR;

    put16(&data, priority);
    put16(&data, weight);
    put16(&data, port);
    put_name(&data, target);
    add(s, name, SRV, &data);
    cnc__str_fini(&data);
}

void
dns_add_tlsa(struct dns_server *s, const char *name, unsigned usage,
             unsigned selector, unsigned matching, const void *bytes,
             size_t len)
{
    struct cnc__str data = CNC__STR;

    cnc__str_putc(&data, (char)usage);
    cnc__str_putc(&data, (char)selector);
    cnc__str_putc(&data, (char)matching);
    cnc__str_add(&data, bytes, len);
    add(s, name, TLSA, &data);
    cnc__str_fini(&data);
}

void
dns_add_fault(struct dns_server *s, const char *name, unsigned type,
              enum dns_fault fault)
{
    struct fault *f = &s->faults[s->n_faults++];

    snprintf(f->name, sizeof(f->name), "%s", name);
    f->type = type;
    f->fault = fault;
}
