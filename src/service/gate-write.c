/* SPDX-License-Identifier: MIT */
/*
 * gate-write.c -- an answer as <resp/>.
 */
#include <strings.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "gate.h"

static bool
is_bodiless(int status)
{
    return status == 204 || status == 304 || status < 200;
}

/* Of an answer that was made whole: "HTTP/1.1 200 OK". */
static int
whole_status(const struct cnc__http_response *r)
{
    char digits[4] = "";
    int64_t status = 500;

    CNC_CHECK(r->head_len > 12);
    memcpy(digits, cnc_buf_data(r->whole) + 9, 3);
    cnc__parse_int(&status, digits, 100, 599);
    return (int)status;
}

static int
status_of(const struct cnc__http_response *r)
{
    return r->whole != NULL ? whole_status(r) : r->status;
}

uint64_t
cnc__gate_body_len(const struct cnc__http_request *q,
                   const struct cnc__http_response *r)
{
    if (q->method == CNC__HTTP_HEAD || is_bodiless(status_of(r))) {
        return 0;
    }
    return r->whole != NULL  ? cnc_buf_len(r->whole) - r->head_len
           : r->file != NULL ? r->file->len
           : r->body != NULL ? cnc_buf_len(r->body)
                             : 0;
}

static void
add_header(struct cnc__str *out, const char *name, size_t name_len,
           const char *value, size_t value_len)
{
    cnc__xml_printf(out, "<header name='%.*s'>%.*s</header>", (int)name_len,
                    name, (int)value_len, value);
}

/* Lines that end in CR LF each; an empty one, or the end, is the last. */
static void
add_lines(struct cnc__str *out, const char *s, const char *end)
{
    while (s < end && *s != '\r') {
        const char *stop = memchr(s, '\r', (size_t)(end - s));
        const char *colon;

        stop = stop == NULL ? end : stop;
        colon = memchr(s, ':', (size_t)(stop - s));
        CNC_CHECK(colon != NULL);
        if ((size_t)(colon - s) != 10 ||
            strncasecmp(s, "connection", 10) != 0) {
            const char *value = colon + 1;

            value += value < stop && *value == ' ';
            add_header(out, s, (size_t)(colon - s), value,
                       (size_t)(stop - value));
        }
        s = stop + (end - stop >= 2 ? 2 : end - stop);
    }
}

static void
add_whole_head(struct cnc__str *out, const struct cnc__http_response *r)
{
    const char *s = cnc_buf_data(r->whole), *end = s + r->head_len;
    const char *first = memchr(s, '\n', r->head_len);

    CNC_CHECK(first != NULL);
    add_lines(out, first + 1, end);
}

static void
add_head(struct cnc__str *out, const struct cnc__http_response *r)
{
    uint64_t len = r->file != NULL   ? r->file->len
                   : r->body != NULL ? cnc_buf_len(r->body)
                                     : 0;
    char text[24];

    if (r->content_type != NULL) {
        add_header(out, "Content-Type", 12, r->content_type,
                   strlen(r->content_type));
    }
    if (r->headers != NULL) {
        add_lines(out, r->headers, r->headers + strlen(r->headers));
    }
    if (!is_bodiless(r->status)) {
        snprintf(text, sizeof(text), "%llu", (unsigned long long)len);
        add_header(out, "Content-Length", 14, text, strlen(text));
    }
}

static void
add_data(struct cnc__str *out, const struct cnc__http_response *r,
         const char *sid)
{
    const struct cnc_buf *b = r->whole != NULL ? r->whole : r->body;
    size_t skip = r->whole != NULL ? r->head_len : 0;

    if (sid != NULL) {
        cnc__xml_printf(out, "<data><ibb sid='%s'/></data>", sid);
        return;
    }
    cnc__str_puts(out, "<data><base64>");
    cnc__base64_encode(out, cnc_buf_data(b) + skip, cnc_buf_len(b) - skip);
    cnc__str_puts(out, "</base64></data>");
}

void
cnc__gate_write(struct cnc__str *out, const struct cnc__http_request *q,
                const struct cnc__http_response *r, const char *sid)
{
    int status = status_of(r);

    cnc__str_reserve(out, 2048);
    cnc__xml_printf(out,
                    "<resp xmlns='" CNC__NS_HTTP "' version='1.1' "
                    "statusCode='%d' statusMessage='%s'",
                    status, cnc__http_status_text(status) + 4);
    if (q->unknown) {
        cnc__str_puts(out, " xmlns:w='" CNC__NS_WEB "' w:unknown='true'");
    }
    cnc__str_puts(out, "><headers xmlns='" CNC__NS_SHIM "'>");
    if (r->whole != NULL) {
        add_whole_head(out, r);
    } else {
        add_head(out, r);
    }
    cnc__str_puts(out, "</headers>");
    if (cnc__gate_body_len(q, r) > 0) {
        add_data(out, r, sid);
    }
    if (r->kept != NULL) {
        cnc__xml_printf(out,
                        "<kept xmlns='" CNC__NS_WEB "' key='%s' etag='%s' "
                        "personal='%s'/>",
                        r->kept->key, r->kept->etag,
                        r->kept->personal ? "true" : "false");
    }
    cnc__str_puts(out, "</resp>");
}
