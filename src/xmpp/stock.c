/* SPDX-License-Identifier: MIT */
/*
 * stock.c -- the small protocol extensions every domain answers.
 */
#include <time.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "errors.h"
#include "router-priv.h"

/* XEP-0199, and RFC 3921's session, which is nothing any more but is still
 * asked for (RFC 6121 1.4). */
static void
on_nothing(struct cnc__request *q, void *priv)
{
    cnc__request_result(&q, NULL, 0);
}

/* XEP-0092.  No operating system: it helps attackers alone. */
static void
on_version(struct cnc__request *q, void *priv)
{
    struct cnc__str out = CNC__STR;

    cnc__xml_printf(&out,
                    "<query xmlns='jabber:iq:version'><name>Concordance"
                    "</name><version>%s</version></query>",
                    CNC_VERSION);
    cnc__request_result(&q, out.data, out.len);
    cnc__str_fini(&out);
}

/* XEP-0202.  The one place in this room that asks the clock: the time of day
 * is the answer itself. */
static void
on_time(struct cnc__request *q, void *priv)
{
    struct cnc__str out = CNC__STR;
    struct timespec now;
    char utc[32];

    clock_gettime(CLOCK_REALTIME, &now);
    cnc__datetime(utc, (int64_t)now.tv_sec * 1000);
    cnc__xml_printf(&out,
                    "<time xmlns='urn:xmpp:time'><tzo>+00:00</tzo>"
                    "<utc>%s</utc></time>",
                    utc);
    cnc__request_result(&q, out.data, out.len);
    cnc__str_fini(&out);
}

/* RFC 6120 7.1: one stream, one resource. */
static void
on_bind(struct cnc__request *q, void *priv)
{
    cnc__request_refuse(&q, CNC_EEXIST, "not-allowed",
                        "this stream has its resource already");
}

void
cnc__stock_register(struct cnc__router *r)
{
    static const struct cnc__handler handlers[] = {
        {CNC__IQ_GET, CNC__NS_PING, "ping", CNC__NS_PING, on_nothing, NULL,
         true},
        {CNC__IQ_SET, CNC__NS_SESSION, "session", NULL, on_nothing, NULL,
         true},
        {CNC__IQ_SET, CNC__NS_BIND, "bind", NULL, on_bind, NULL, true},
        {CNC__IQ_GET, "jabber:iq:version", "query", "jabber:iq:version",
         on_version, NULL, false},
        {CNC__IQ_GET, "urn:xmpp:time", "time", "urn:xmpp:time", on_time, NULL,
         false},
    };

    for (size_t i = 0; i < CNC_N(handlers); i++) {
        CNC_CHECK(cnc__router_handle(r, &handlers[i], NULL) == 0);
    }
}
