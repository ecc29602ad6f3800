/* SPDX-License-Identifier: MIT */
/*
 * doctor-meta.c -- host-meta as XML and as JSON (XEP-0156, RFC 6415), read and
 * judged.
 */
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include <concordance/xml.h>

#include "../base/text.h"
#include "doctor.h"

#define NS_XRD "http://docs.oasis-open.org/ns/xri/xrd-1.0"
#define REL    "urn:xmpp:alt-connections:websocket"

static void
broken(struct doctor_meta *m, const char *why)
{
    if (!m->broken) {
        m->broken = true;
        snprintf(m->broken_why, sizeof(m->broken_why), "%s", why);
    }
}

static void
take_link(struct doctor_meta *m, const char *rel, const char *href)
{
    if (strcmp(rel, REL) == 0 && m->websocket[0] == '\0') {
        snprintf(m->websocket, sizeof(m->websocket), "%s", href);
    }
}

void
doctor_meta_xml(struct doctor_meta *m, const char *data, size_t len)
{
    struct cnc_element *root = NULL, *e;
    struct cnc_error err = {0};
    char why[160];

    if (cnc_xml_parse(&root, data, len, CNC_PARSE_MISC, NULL, &err) != 0) {
        snprintf(why, sizeof(why), "%.100s (line %u)", err.text, err.line);
        broken(m, why);
        return;
    }
    if (!cnc_element_is(root, NS_XRD, "XRD")) {
        broken(m, "its root is no XRD");
    }
    for (size_t i = 0;
         (e = cnc_element_next(root, &i, NS_XRD, "Link")) != NULL;) {
        const char *rel = cnc_element_attr(e, NULL, "rel");
        const char *href = cnc_element_attr(e, NULL, "href");

        take_link(m, rel == NULL ? "" : rel, href == NULL ? "" : href);
    }
    cnc_element_unref(&root);
}

/* -- JSON (RFC 8259)
 * ----------------------------------------------------------- Read with a
 * stack of one bit a level; each "rel" and "href" belongs to the innermost
 * object. */

#define JSON_DEPTH 32

struct json {
    const char *at, *end;
    char rel[128], href[512];
};

static void
blanks(struct json *j)
{
    while (j->at < j->end && strchr(" \t\r\n", *j->at) != NULL &&
           *j->at != '\0') {
        j->at++;
    }
}

static bool
escape(struct json *j, char *c)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *p;
    int hi, lo;

    if (*j->at == 'u') {
        if (j->end - j->at < 5 || (hi = cnc__unhex(j->at + 1)) < 0 ||
            (lo = cnc__unhex(j->at + 3)) < 0) {
            return false;
        }
        j->at += 5;
        *c = hi == 0 && lo < 0x80 && lo > 0 ? (char)lo : '?';
        return true;
    }
    p = *j->at == '\0' ? NULL : strchr(from, *j->at);
    j->at++;
    *c = p == NULL ? '?' : to[p - from];
    return p != NULL;
}

/* A string, cut at room. */
static bool
string(struct json *j, char *out, size_t room)
{
    size_t n = 0;

    j->at++;
    while (j->at < j->end && *j->at != '"') {
        char c = *j->at++;

        if ((unsigned char)c < 0x20) {
            return false;
        }
        if (c == '\\' && (j->at == j->end || !escape(j, &c))) {
            return false;
        }
        if (n + 1 < room) {
            out[n++] = c;
        }
    }
    out[n] = '\0';
    return j->at++ < j->end;
}

/* A number, true, false or null. */
static bool
word(struct json *j)
{
    const char *start = j->at;

    while (j->at < j->end &&
           ((*j->at >= '0' && *j->at <= '9') ||
            (*j->at >= 'a' && *j->at <= 'z') || *j->at == '-' ||
            *j->at == '+' || *j->at == '.' || *j->at == 'E')) {
        j->at++;
    }
    return j->at > start;
}

/* "key": value, or a value in an array; opened: it is { or [. */
static bool
member(struct json *j, bool object, bool *opened)
{
    char key[64] = "", value[512];

    if (object) {
        if (*j->at != '"' || !string(j, key, sizeof(key))) {
            return false;
        }
        blanks(j);
        if (j->at == j->end || *j->at++ != ':') {
            return false;
        }
        blanks(j);
    }
    *opened = j->at < j->end && (*j->at == '{' || *j->at == '[');
    if (*opened || j->at == j->end) {
        return *opened;
    }
    if (*j->at != '"') {
        return word(j);
    }
    if (!string(j, value, sizeof(value))) {
        return false;
    }
    if (strcmp(key, "rel") == 0) {
        snprintf(j->rel, sizeof(j->rel), "%.*s", (int)sizeof(j->rel) - 1,
                 value);
    } else if (strcmp(key, "href") == 0) {
        memcpy(j->href, value, sizeof(value));
    }
    return true;
}

static bool
json_read(struct json *j, struct doctor_meta *m)
{
    uint32_t objects = 0; /* bit 0: is the innermost an object? */
    int depth = 0;
    bool fresh = true; /* right after { or [ */

    blanks(j);
    if (j->at == j->end || *j->at != '{') {
        return false;
    }
    do {
        bool opened = false;

        if (fresh && (*j->at == '{' || *j->at == '[')) {
            if (depth++ == JSON_DEPTH) {
                return false;
            }
            objects = objects << 1 | (*j->at++ == '{');
            j->rel[0] = j->href[0] = '\0';
            blanks(j);
            if (j->at == j->end) {
                return false;
            }
            if (*j->at != '}' && *j->at != ']') {
                if (!member(j, (objects & 1) != 0, &opened)) {
                    return false;
                }
                fresh = opened;
            } else {
                fresh = false;
            }
        } else if (*j->at == ((objects & 1) != 0 ? '}' : ']')) {
            j->at++;
            take_link(m, j->rel, j->href);
            j->rel[0] = j->href[0] = '\0';
            objects >>= 1;
            depth--;
        } else if (*j->at == ',') {
            j->at++;
            blanks(j);
            if (j->at == j->end || !member(j, (objects & 1) != 0, &opened)) {
                return false;
            }
            fresh = opened;
        } else {
            return false;
        }
        blanks(j);
    } while (depth > 0 && j->at < j->end);
    return depth == 0 && j->at == j->end;
}

void
doctor_meta_json(struct doctor_meta *m, const char *data, size_t len)
{
    struct json j = {.at = data, .end = data + len};

    if (!json_read(&j, m)) {
        char why[64];

        snprintf(why, sizeof(why), "no JSON at byte %zu",
                 (size_t)(j.at - data));
        broken(m, why);
    }
}

/* -- HTTP
 * ------------------------------------------------------------------------- */

/* RFC 9110 5.6.7, the form that servers must send. */
static bool
http_date(int64_t *ms, const char *s)
{
    struct tm tm = {0};
    const char *end = strptime(s, "%a, %d %b %Y %H:%M:%S GMT", &tm);

    if (end == NULL) {
        return false;
    }
    *ms = (int64_t)timegm(&tm) * 1000;
    return true;
}

static void
header(struct doctor_meta *m, const char *line, int64_t now_ms)
{
    const char *value = strchr(line, ':');
    size_t len = value == NULL ? 0 : (size_t)(value - line);
    int64_t then_ms;

    if (value == NULL) {
        return;
    }
    value += 1 + strspn(value + 1, " \t");
    if (len == 4 && strncasecmp(line, "Date", len) == 0) {
        m->has_date = http_date(&then_ms, value);
        m->offset_ms = m->has_date ? then_ms - now_ms : 0;
    } else if (len == 27 &&
               strncasecmp(line, "Access-Control-Allow-Origin", len) == 0) {
        m->cors = strcmp(value, "*") == 0;
    } else if (len == 8 && strncasecmp(line, "Location", len) == 0) {
        snprintf(m->location, sizeof(m->location), "%s", value);
    }
}

size_t
doctor_meta_head(struct doctor_meta *m, const char *data, size_t len,
                 int64_t now_ms)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4), *at = data;
    int64_t status = 0;
    char line[1024];

    if (end == NULL) {
        return 0;
    }
    while (at < end + 2) {
        size_t n =
            (size_t)((char *)memmem(at, (size_t)(end + 2 - at), "\r\n", 2) -
                     at);

        snprintf(line, sizeof(line), "%.*s", (int)n, at);
        if (at == data) {
            line[12] = '\0'; /* "HTTP/1.1 200" */
            if (n >= 12 && strncmp(line, "HTTP/1.", 7) == 0) {
                cnc__parse_int(&status, line + 9, 100, 599);
            }
            m->status = (int)status;
        } else {
            header(m, line, now_ms);
        }
        at += n + 2;
    }
    return (size_t)(end + 4 - data);
}

/* -- judged
 * ------------------------------------------------------------------------ */

static void
paste(struct cnc__str *out, const char *domain, bool json)
{
    cnc__str_printf(out,
                    json ? "{\"links\": [{\"rel\": \"" REL "\",\n"
                           "  \"href\": \"wss://%s/xmpp\"}]}\n"
                         : "<XRD xmlns='" NS_XRD "'>\n  <Link rel='" REL
                           "'\n    href='wss://%s/xmpp'/>\n</XRD>\n",
                    domain);
}

static void
judge_one(struct doctor_report *r, const char *domain,
          const struct doctor_meta *m, bool json)
{
    const char *name = json ? "host-meta.json" : "host-meta";
    struct cnc__str fix = CNC__STR;
    char check[32];

    if (!m->asked) {
        return;
    }
    snprintf(check, sizeof(check), "web.%s", name);
    paste(&fix, domain, json);
    if (m->status == 0) {
        doctor_add(r, DOCTOR_WARN, DOCTOR_WEB, check, NULL,
                   "https://%s/.well-known/%s: %s", domain, name, m->why);
    } else if (m->status >= 300 && m->status < 400) {
        doctor_add(r, DOCTOR_WARN, DOCTOR_WEB, check, NULL,
                   "%s leads on to %s, where many clients do not follow", name,
                   m->location);
    } else if (m->status != 200) {
        doctor_add(r, DOCTOR_WARN, DOCTOR_WEB, check, fix.data,
                   "no %s (HTTP %d): web clients do not find the WebSocket",
                   name, m->status);
    } else if (m->broken) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_WEB, check, fix.data,
                   "%s cannot be read: %s", name, m->broken_why);
    } else if (m->websocket[0] == '\0') {
        doctor_add(r, DOCTOR_WARN, DOCTOR_WEB, check, fix.data,
                   "%s names no WebSocket", name);
    } else if (strncmp(m->websocket, "wss://", 6) != 0) {
        doctor_add(r, DOCTOR_FAIL, DOCTOR_WEB, check, fix.data,
                   "%s names %s: only wss:// is safe, and browsers refuse "
                   "others",
                   name, m->websocket);
    } else if (!m->cors) {
        doctor_add(r, DOCTOR_WARN, DOCTOR_WEB, check,
                   "Access-Control-Allow-Origin: *\n",
                   "%s is hidden from web clients of other origins", name);
    } else {
        doctor_add(r, DOCTOR_OK, DOCTOR_WEB, check, NULL, "%s names %s", name,
                   m->websocket);
    }
    cnc__str_fini(&fix);
}

void
doctor_judge_meta(struct doctor_report *r, const char *domain,
                  const struct doctor_meta *xml,
                  const struct doctor_meta *json)
{
    judge_one(r, domain, xml, false);
    judge_one(r, domain, json, true);
    if (xml->websocket[0] != '\0' && json->websocket[0] != '\0' &&
        strcmp(xml->websocket, json->websocket) != 0) {
        doctor_add(r, DOCTOR_WARN, DOCTOR_WEB, "web.host-meta.same", NULL,
                   "host-meta and host-meta.json name two WebSockets");
    }
}
