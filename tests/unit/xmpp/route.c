/* SPDX-License-Identifier: MIT */
/* What is given back to who said it, whatever it said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/xmpp/sm-priv.h"

#define ID 200000 /* bytes; as many stanzas' limits are */

/* What juliet heard last. */
static struct cnc__str heard;

static void
on_trace(struct cnc__session *s, bool in, const char *from, const char *to,
         const char *xml, size_t len, void *priv)
{
    cnc__str_clear(&heard);
    cnc__str_add(&heard, xml, len);
}

static struct cnc__session *
bind_(struct cnc__router *r, const char *bare, const char *resource)
{
    struct cnc__session *s = cnc__router_bind(r, NULL, bare, resource, 0);

    s->traced = true;
    cnc__router_trace(r, on_trace, NULL);
    return s;
}

/* An id of quotes, which are longer when they are written again. */
static struct cnc__str
request(const char *from, const char *to)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_printf(&xml, "<iq type='get' from='%s' to='%s' id=\"", from, to);
    for (unsigned i = 0; i < ID; i++) {
        cnc__str_putc(&xml, '\'');
    }
    cnc__str_puts(&xml, "\"><ping xmlns='urn:xmpp:ping'/></iq>");
    return xml;
}

static void
heard_error(const char *condition)
{
    assert_true(heard.len > ID);
    assert_non_null(strstr(heard.data, condition));
    cnc__str_fini(&heard);
}

static void
a_request_with_a_long_id_comes_back_when_it_cannot_be_brought(void **state)
{
    struct cnc__router *r = cnc__router_new("im.example.com");
    struct cnc__session *juliet = bind_(r, "juliet@im.example.com", "a");
    struct cnc__str xml = request(juliet->jid, "example.net");
    struct cnc_error err = {.code = CNC_EAGAIN,
                            .condition = "remote-server-timeout"};

    cnc__router_bounce(r, xml.data, xml.len, &err);
    heard_error("<remote-server-timeout");
    cnc__str_fini(&xml);
    cnc__router_unbind(&juliet);
    cnc__router_free(&r);
}

static void
a_request_with_a_long_id_is_answered_when_its_session_ends(void **state)
{
    struct cnc__router *r = cnc__router_new("im.example.com");
    struct cnc__session *juliet = bind_(r, "juliet@im.example.com", "a");
    struct cnc__session *romeo = bind_(r, "romeo@im.example.com", "b");
    struct cnc__str xml = request(juliet->jid, romeo->jid);

    romeo->traced = false;
    cnc__sm_new(romeo)->on = true;
    cnc__session_send(romeo, xml.data, xml.len);
    cnc__router_unbind(&romeo);
    heard_error("<recipient-unavailable");
    cnc__str_fini(&xml);
    cnc__router_unbind(&juliet);
    cnc__router_free(&r);
}

int
main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_request_with_a_long_id_comes_back_when_it_cannot_be_brought),
        cmocka_unit_test(
            a_request_with_a_long_id_is_answered_when_its_session_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
