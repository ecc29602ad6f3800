/* SPDX-License-Identifier: MIT */
/*
 * http.c -- status lines, and forms as browsers encode them.
 */
#include "http.h"

#include "../base/text.h"

const char *
cnc__http_header(const struct cnc__http_request *r, const char *name)
{
    for (size_t i = 0; i < r->n_headers; i++) {
        if (strcmp(r->headers[i].name, name) == 0) {
            return r->headers[i].value;
        }
    }
    return NULL;
}

static const struct {
    int status;
    const char *text;
} statuses[] = {
    {100, "100 Continue"},
    {101, "101 Switching Protocols"},
    {200, "200 OK"},
    {201, "201 Created"},
    {202, "202 Accepted"},
    {204, "204 No Content"},
    {206, "206 Partial Content"},
    {301, "301 Moved Permanently"},
    {302, "302 Found"},
    {303, "303 See Other"},
    {304, "304 Not Modified"},
    {307, "307 Temporary Redirect"},
    {308, "308 Permanent Redirect"},
    {400, "400 Bad Request"},
    {401, "401 Unauthorized"},
    {403, "403 Forbidden"},
    {404, "404 Not Found"},
    {405, "405 Method Not Allowed"},
    {406, "406 Not Acceptable"},
    {408, "408 Request Timeout"},
    {409, "409 Conflict"},
    {410, "410 Gone"},
    {411, "411 Length Required"},
    {412, "412 Precondition Failed"},
    {413, "413 Content Too Large"},
    {414, "414 URI Too Long"},
    {415, "415 Unsupported Media Type"},
    {416, "416 Range Not Satisfiable"},
    {417, "417 Expectation Failed"},
    {421, "421 Misdirected Request"},
    {422, "422 Unprocessable Content"},
    {426, "426 Upgrade Required"},
    {428, "428 Precondition Required"},
    {429, "429 Too Many Requests"},
    {431, "431 Request Header Fields Too Large"},
    {500, "500 Internal Server Error"},
    {501, "501 Not Implemented"},
    {502, "502 Bad Gateway"},
    {503, "503 Service Unavailable"},
    {504, "504 Gateway Timeout"},
    {505, "505 HTTP Version Not Supported"},
};

const char *
cnc__http_status_text(int status)
{
    for (size_t i = 0; i < CNC_N(statuses); i++) {
        if (statuses[i].status == status) {
            return statuses[i].text;
        }
    }
    return "500 Internal Server Error";
}

/* Decode one name or value into out; CNC_ESYNTAX on a broken escape, a NUL,
 * or bytes that are not UTF-8. */
static int
decode(struct cnc__str *out, const char *s, size_t len)
{
    cnc__str_clear(out);
    cnc__str_reserve(out, len + 1);
    for (size_t i = 0; i < len; i++) {
        char c = s[i];

        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int byte = len - i > 2 ? cnc__unhex(s + i + 1) : -1;

            if (byte < 0) {
                return CNC_ESYNTAX;
            }
            c = (char)byte;
            i += 2;
        }
        if (c == '\0') {
            return CNC_ESYNTAX;
        }
        cnc__str_putc(out, c);
    }
    return cnc__utf8_valid(cnc__str_c(out), out->len) ? 0 : CNC_ESYNTAX;
}

int
cnc__http_form_parse(const char *s, size_t len, size_t max,
                     cnc__http_pair_f *f, void *priv)
{
    struct cnc__str name = CNC__STR, value = CNC__STR;
    const char *end = s + len;
    size_t n = 0;
    int rc = 0;

    while (rc == 0 && s < end) {
        const char *amp = memchr(s, '&', (size_t)(end - s));
        const char *stop = amp == NULL ? end : amp;
        const char *eq = memchr(s, '=', (size_t)(stop - s));
        const char *name_end = eq == NULL ? stop : eq;

        /* "a=1&&b=2": browsers never send it, hand-written links do. */
        if (stop > s) {
            if (n++ == max) {
                rc = CNC_ELIMIT;
                break;
            }
            rc = decode(&name, s, (size_t)(name_end - s));
            if (rc == 0) {
                rc = eq == NULL
                         ? decode(&value, "", 0)
                         : decode(&value, eq + 1, (size_t)(stop - eq - 1));
            }
            if (rc == 0) {
                rc = f(cnc__str_c(&name), cnc__str_c(&value), priv);
            }
        }
        s = amp == NULL ? end : amp + 1;
    }
    cnc__str_fini(&name);
    cnc__str_fini(&value);
    return rc;
}
