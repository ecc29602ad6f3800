/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <concordance/types.h>

#include "../../../src/net/proxy.h"

#define SIGNATURE  "\r\n\r\n\0\r\nQUIT\n"
#define V4         "\x01\x02\x03\x04\x05\x06\x07\x08\x00\x50\x01\xbb"
#define SSL_CLIENT "\x20\x00\x05\x01\x00\x00\x00\x00"
#define SSL_NONE   "\x20\x00\x05\x00\x00\x00\x00\x00"

/* A header of these bytes, and what comes behind it. */
#define HEADER(command, family, length, rest)                                 \
    SIGNATURE command family length rest

struct header {
    const char *name, *bytes;
    size_t len;
    int used;        /* or CNC_EINVAL */
    const char *why; /* part of it */
    const char *addr;
    bool local, known, loopback, tls;
};
#define BYTES(text) (text), sizeof(text) - 1

#define V6                                                                    \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"                              \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50\x01\xbb"
#define V6_MAPPED                                                             \
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\x7f\x00\x00\x01"                            \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00\x50\x01\xbb"

static const struct header headers[] = {
    {"IPv4", BYTES(HEADER("\x21", "\x11", "\0\x0c", V4)), 28, NULL, "1.2.3.4",
     .known = true},
    {"IPv4, and more of the stream",
     BYTES(HEADER("\x21", "\x11", "\0\x0c", V4 "<stream")), 28, NULL,
     "1.2.3.4", .known = true},
    {"IPv6", BYTES(HEADER("\x21", "\x21", "\0\x24", V6)), 52, NULL,
     "2001:db8::7", .known = true},
    {"IPv4 inside IPv6, of this machine",
     BYTES(HEADER("\x21", "\x21", "\0\x24", V6_MAPPED)), 52, NULL, "127.0.0.1",
     .known = true, .loopback = true},
    {"TLS", BYTES(HEADER("\x21", "\x11", "\0\x14", V4 SSL_CLIENT)), 36, NULL,
     "1.2.3.4", .known = true, .tls = true},
    {"TLS, not of the client",
     BYTES(HEADER("\x21", "\x11", "\0\x14", V4 SSL_NONE)), 36, NULL, "1.2.3.4",
     .known = true},
    {"TLS with its version",
     BYTES(HEADER("\x21", "\x11", "\0\x1e",
                  V4 "\x20\x00\x0f\x01\x00\x00\x00\x00\x21\x00\x07TLSv1.3")),
     46, NULL, "1.2.3.4", .known = true, .tls = true},
    {"the name that was asked for, and nothing",
     BYTES(HEADER("\x21", "\x11", "\0\x12", V4 "\x02\x00\x00\x04\x00\x00")),
     34, NULL, "1.2.3.4", .known = true},
    {"a checksum",
     BYTES(
         HEADER("\x21", "\x11", "\0\x13", V4 "\x03\x00\x04\x5c\x04\x43\xc9")),
     35, NULL, "1.2.3.4", .known = true},
    {"the proxy itself", BYTES(HEADER("\x20", "\x00", "\0\0", "")), 16, NULL,
     "", .local = true},
    {"the proxy itself, and what is skipped",
     BYTES(HEADER("\x20", "\x11", "\0\x03", "abc")), 19, NULL, "",
     .local = true},
    {"of nothing known", BYTES(HEADER("\x21", "\x00", "\0\0", "")), 16, NULL,
     ""},
    {"nothing yet", "", 0, 0, NULL, ""},
    {"half a signature", BYTES("\r\n\r\n\0\r"), 0, NULL, ""},
    {"no length yet", BYTES(SIGNATURE "\x21\x11\0"), 0, NULL, ""},
    {"half the addresses", BYTES(HEADER("\x21", "\x11", "\0\x0c", "\x01\x02")),
     0, NULL, ""},
    {"version 1", BYTES("PROXY TCP4 1.2.3.4 5.6.7.8 80 443\r\n"), CNC_EINVAL,
     "version 1"},
    {"version 1 in pieces", BYTES("PRO"), CNC_EINVAL, "version 1"},
    {"a stream without a header", BYTES("<stream:stream"), CNC_EINVAL,
     "no PROXY header"},
    {"TLS without a header", BYTES("\x16\x03\x01"), CNC_EINVAL,
     "no PROXY header"},
    {"a signature that goes wrong", BYTES("\r\n\r\n\0\r\nQUIX"), CNC_EINVAL,
     "no PROXY header"},
    {"version 3", BYTES(SIGNATURE "\x31"), CNC_EINVAL, "version is not 2"},
    {"an unknown command", BYTES(SIGNATURE "\x22"), CNC_EINVAL,
     "no such command"},
    {"UDP", BYTES(HEADER("\x21", "\x12", "\0\x0c", V4)), CNC_EINVAL,
     "no TCP connection"},
    {"an unknown family", BYTES(HEADER("\x21", "\x41", "\0\x0c", V4)),
     CNC_EINVAL, "no TCP connection"},
    {"addresses that are cut", BYTES(HEADER("\x21", "\x21", "\0\x0c", V4)),
     CNC_EINVAL, "within the addresses"},
    {"a field that is cut",
     BYTES(HEADER("\x21", "\x11", "\0\x0e", V4 "\x20\0")), CNC_EINVAL,
     "longer than the header"},
    {"a field that is too long",
     BYTES(HEADER("\x21", "\x11", "\0\x10", V4 "\x04\x00\x02x")), CNC_EINVAL,
     "longer than the header"},
    {"TLS without its flags",
     BYTES(HEADER("\x21", "\x11", "\0\x10", V4 "\x20\x00\x01\x01")),
     CNC_EINVAL, "too short"},
    {"TLS twice",
     BYTES(HEADER("\x21", "\x11", "\0\x1c", V4 SSL_NONE SSL_CLIENT)),
     CNC_EINVAL, "two fields"},
    {"a field in TLS that is too long",
     BYTES(HEADER("\x21", "\x11", "\0\x17",
                  V4 "\x20\x00\x08\x01\0\0\0\0\x21\x00\x09")),
     CNC_EINVAL, "longer than the header"},
    {"a wrong checksum",
     BYTES(HEADER("\x21", "\x11", "\0\x13", V4 "\x03\x00\x04\x00\0\0\0")),
     CNC_EINVAL, "checksum is wrong"},
    {"a short checksum",
     BYTES(HEADER("\x21", "\x11", "\0\x12", V4 "\x03\x00\x03\x00\0\0")),
     CNC_EINVAL, "has not 4"},
    {"more than anybody needs", BYTES(HEADER("\x21", "\x11", "\x08\x00", V4)),
     CNC_EINVAL, "2048"},
};

static void
check(const struct header *h)
{
    struct cnc__proxy p = {.addr = ""};
    const char *why = NULL;
    /* Of the exact size, so that ASan sees an over-read. */
    char *bytes = memcpy(cnc__realloc(NULL, h->len + (h->len == 0), 1),
                         h->bytes, h->len);
    int used = cnc__proxy_read(&p, bytes, h->len, &why);

    if (used != h->used) {
        fail_msg("%s: %d, not %d (%s)", h->name, used, h->used,
                 why == NULL ? "" : why);
    }
    if (used == CNC_EINVAL && strstr(why, h->why) == NULL) {
        fail_msg("%s: \"%s\" says no \"%s\"", h->name, why, h->why);
    }
    if (used > 0 && (strcmp(p.addr, h->addr) != 0 || p.local != h->local ||
                     p.known != h->known || p.loopback != h->loopback ||
                     p.tls != h->tls)) {
        fail_msg("%s: %s local %d known %d loopback %d tls %d", h->name,
                 p.addr, p.local, p.known, p.loopback, p.tls);
    }
    cnc__free(bytes);
}

static void
a_header_means_what_it_says_or_nothing(void **state)
{
    for (size_t i = 0; i < CNC_N(headers); i++) {
        check(&headers[i]);
    }
}

/* Whatever is complete is not, one byte earlier. */
static void
a_header_is_complete_with_its_last_byte(void **state)
{
    for (size_t i = 0; i < CNC_N(headers); i++) {
        const struct header *h = &headers[i];
        const char *why = NULL;
        struct cnc__proxy p;

        for (int n = 0; h->used > 0 && n < h->used; n++) {
            assert_int_equal(cnc__proxy_read(&p, h->bytes, (size_t)n, &why),
                             0);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_means_what_it_says_or_nothing),
        cmocka_unit_test(a_header_is_complete_with_its_last_byte),
    };

    return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
