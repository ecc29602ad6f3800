/* SPDX-License-Identifier: MIT */
/*
 * binding.c -- bindings of the channel that a stream runs in (RFC 5056): which
 * there are, and saying so (XEP-0440).
 */
#include "../xml/write.h"
#include "sasl.h"
#include "stream-priv.h"

static const struct {
    enum cnc__binding type;
    const char *name; /* "Channel-binding unique prefix" */
    bool offered;
} bindings[] = {
    {CNC__BINDING_EXPORTER, "tls-exporter", true}, /* RFC 9266 */
    {CNC__BINDING_SERVER_END_POINT, "tls-server-end-point",
     true}, /* RFC 5929 */
    /* RFC 9266 has no tls-unique in TLS 1.3 and we do not offer it.  But
     * clients that know nothing else use it there when they see a -PLUS
     * (slixmpp 1.8.3, whatever Python's ssl gives); what they bind to is the
     * client's Finished, of this handshake alone.  Refused, they could not log
     * in at all. */
    {CNC__BINDING_UNIQUE, "tls-unique", false},
};

static size_t
get(const struct cnc__stream *s, enum cnc__binding type, uint8_t out[64])
{
    return s->secure && s->events->channel_binding != NULL
               ? s->events->channel_binding(out, type, s->priv)
               : 0;
}

size_t
cnc__sasl_binding(const struct cnc__stream *s, const char *name, size_t len,
                  uint8_t out[64])
{
    for (size_t i = 0; i < CNC_N(bindings); i++) {
        if (strlen(bindings[i].name) == len &&
            memcmp(bindings[i].name, name, len) == 0) {
            return get(s, bindings[i].type, out);
        }
    }
    return 0;
}

size_t
cnc__sasl_bindings(const struct cnc__stream *s,
                   const char *names[CNC__SASL_N_BINDINGS])
{
    uint8_t data[64];
    size_t n = 0;

    for (size_t i = 0; i < CNC_N(bindings); i++) {
        if (bindings[i].offered && get(s, bindings[i].type, data) > 0) {
            names[n++] = bindings[i].name;
        }
    }
    return n;
}

bool
cnc__sasl_can_bind(const struct cnc__stream *s)
{
    const char *names[CNC__SASL_N_BINDINGS];

    return cnc__sasl_bindings(s, names) > 0;
}

void
cnc__sasl_add_bindings(struct cnc__str *out, const struct cnc__stream *s)
{
    const char *names[CNC__SASL_N_BINDINGS];
    size_t n = cnc__sasl_bindings(s, names);

    if (n == 0) {
        return;
    }
    cnc__str_puts(out, "<sasl-channel-binding xmlns='" CNC__NS_SASL_CB "'>");
    for (size_t i = 0; i < n; i++) {
        cnc__xml_printf(out, "<channel-binding type='%s'/>", names[i]);
    }
    cnc__str_puts(out, "</sasl-channel-binding>");
}
