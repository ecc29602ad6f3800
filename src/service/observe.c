/* SPDX-License-Identifier: MIT */
/*
 * observe.c -- what an administrator watches live, as nodes that are kept in
 * memory and seen by the role "admin" alone:
 *
 *   service/metrics  a <sample/> of the main figures every five seconds, for
 *                    an hour
 *   service/log      the service's log, the last 500 lines, each a <line/>
 *
 * Both are about the process: with several domains, the first one has them.
 *
 * Any thread logs; lines are gathered under a lock and published once a
 * second.  What publishing them would log is left out, or it would never end.
 */
#include <inttypes.h>
#include <pthread.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "private.h"

#define SAMPLE_S  5
#define SAMPLES   720
#define LINES     500
#define LINES_A_S 50  /* more in one second are counted, not shown */
#define LINE_MAX_ 512 /* bytes of a line's text */
#define WARM_UP_S 1   /* the first sample has nothing to compare with */

struct line {
    int64_t ms;
    enum cnc_log_level level;
    char *event, *text;
};

struct cnc__observe {
    struct cnc_service *service;
    struct cnc__node *metrics, *log;
    uint64_t seconds;
    struct cnc__figures before; /* counters at the last sample */
    bool has_before;

    pthread_mutex_t lock;
    struct line lines[LINES_A_S];
    size_t n_lines;
    uint64_t left_out;
    bool publishing; /* core's thread only */
    pthread_t core;
};

/* -- the log ----------------------------------------------------------------
 */

static void
on_line(enum cnc_log_level level, const char *event, const char *text,
        void *priv)
{
    struct cnc__observe *o = priv;
    struct line *l;
    size_t len = strlen(text);

    if (o->publishing && pthread_equal(pthread_self(), o->core)) {
        return;
    }
    pthread_mutex_lock(&o->lock);
    if (o->n_lines == LINES_A_S) {
        o->left_out++;
        pthread_mutex_unlock(&o->lock);
        return;
    }
    while (len > LINE_MAX_ || !cnc__utf8_valid(text, len)) {
        len = len > LINE_MAX_ ? LINE_MAX_ : len - 1;
    }
    l = &o->lines[o->n_lines++];
    l->ms = cnc__service_now_ms(NULL);
    l->level = level;
    l->event = cnc__strdup(event);
    l->text = cnc__strndup(text, len);
    pthread_mutex_unlock(&o->lock);
}

static void
publish(struct cnc__observe *o, struct cnc__node *node, struct cnc__str *xml)
{
    const struct cnc__actor self = {
        .jid = cnc__router_domain(o->service->router), .operator_ = true};
    struct cnc_element *e = NULL;

    if (cnc_xml_parse(&e, xml->data, xml->len, 0, NULL, NULL) == 0) {
        cnc__pubsub_publish(o->service->pubsub, &self, node, NULL, e, false,
                            NULL, NULL);
    }
    cnc_element_unref(&e);
    cnc__str_fini(xml);
}

static void
publish_line(struct cnc__observe *o, const struct line *l)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    struct cnc__str xml = CNC__STR;
    char date[32];

    cnc__datetime(date, l->ms);
    cnc__xml_printf(&xml,
                    "<line xmlns='" CNC__NS_SERVICE "'><time>%s</time>"
                    "<level>%s</level><event>%s</event><text>%s</text></line>",
                    date, levels[l->level], l->event, l->text);
    publish(o, o->log, &xml);
}

static void
publish_log(struct cnc__observe *o)
{
    struct line lines[LINES_A_S];
    size_t n;
    uint64_t left_out;

    pthread_mutex_lock(&o->lock);
    n = o->n_lines;
    left_out = o->left_out;
    memcpy(lines, o->lines, n * sizeof(lines[0]));
    o->n_lines = 0;
    o->left_out = 0;
    pthread_mutex_unlock(&o->lock);
    o->publishing = true;
    for (size_t i = 0; i < n; i++) {
        publish_line(o, &lines[i]);
        cnc__free(lines[i].event);
        cnc__free(lines[i].text);
    }
    if (left_out > 0) {
        struct cnc__str text = CNC__STR;
        struct line more = {.ms = cnc__service_now_ms(NULL),
                            .level = CNC_LOG_WARN,
                            .event = (char *)"log.busy"};

        cnc__str_printf(&text, "%" PRIu64 " more lines in this second",
                        left_out);
        more.text = text.data;
        publish_line(o, &more);
        cnc__str_fini(&text);
    }
    o->publishing = false;
}

/* -- the figures ------------------------------------------------------------
 */

static void
rate(struct cnc__str *xml, const char *name, uint64_t now, uint64_t before)
{
    cnc__xml_printf(xml, "<%s>%llu</%s>", name,
                    (unsigned long long)((now - before) / SAMPLE_S), name);
}

static void
publish_sample(struct cnc__observe *o)
{
    struct cnc__figures now;
    struct cnc__str xml = CNC__STR;
    char date[32];

    cnc__status_figures(o->service, &now);
    if (!o->has_before) {
        o->before = now;
        o->has_before = true;
    }
    cnc__datetime(date, cnc__service_now_ms(NULL));
    cnc__xml_printf(
        &xml,
        "<sample xmlns='" CNC__NS_SERVICE "'><time>%s</time>"
        "<memory>%llu</memory><sessions>%llu</sessions>"
        "<connections>%llu</connections><items>%llu</items>"
        "<subscriptions>%llu</subscriptions>"
        "<waiting>%llu</waiting>",
        date, (unsigned long long)now.memory, (unsigned long long)now.sessions,
        (unsigned long long)now.connections, (unsigned long long)now.items,
        (unsigned long long)now.subscriptions,
        (unsigned long long)now.store_waiting);
    rate(&xml, "requests", now.requests, o->before.requests);
    rate(&xml, "published", now.published, o->before.published);
    rate(&xml, "deliveries", now.deliveries, o->before.deliveries);
    rate(&xml, "sent", now.bytes_out, o->before.bytes_out);
    rate(&xml, "cpu", now.cpu_us / 10000, o->before.cpu_us / 10000);
    cnc__str_puts(&xml, "</sample>");
    o->before = now;
    o->publishing = true;
    publish(o, o->metrics, &xml);
    o->publishing = false;
}

void
cnc__observe_tick(struct cnc__observe *o)
{
    publish_log(o);
    if (o->seconds++ % SAMPLE_S == WARM_UP_S) {
        publish_sample(o);
    }
}

/* -- life --------------------------------------------------------------------
 */

static struct cnc__node *
declare(struct cnc_service *s, const char *name, const char *title,
        uint32_t max_items)
{
    struct cnc__node_config c;

    cnc__node_config_default(&c);
    c.title = (char *)title;
    c.access = CNC__ACCESS_WHITELIST;
    c.readers = (char *)"admin";
    c.persist_items = true;
    c.durable = false;
    c.max_items = max_items;
    c.history = max_items;
    c.payload_ns = (char *)CNC__NS_SERVICE;
    return cnc__pubsub_declare(s->pubsub, name, &c);
}

struct cnc__observe *
cnc__observe_new(struct cnc_service *s)
{
    struct cnc__observe *o = cnc__zalloc(sizeof(*o));

    o->service = s;
    o->core = pthread_self();
    CNC_CHECK(pthread_mutex_init(&o->lock, NULL) == 0);
    o->metrics = declare(s, "service/metrics", "Figures", SAMPLES);
    o->log = declare(s, "service/log", "Log", LINES);
    cnc__log_also(on_line, o);
    return o;
}

void
cnc__observe_free(struct cnc__observe **op)
{
    struct cnc__observe *o = *op;

    if (o == NULL) {
        return;
    }
    *op = NULL;
    cnc__log_also(NULL, o);
    for (size_t i = 0; i < o->n_lines; i++) {
        cnc__free(o->lines[i].event);
        cnc__free(o->lines[i].text);
    }
    pthread_mutex_destroy(&o->lock);
    cnc__free(o);
}
