/* SPDX-License-Identifier: MIT */
/*
 * observe.c -- what an administrator watches live, as nodes that are kept in
 * memory and seen by the role "admin" alone:
 *
 *   service/metrics  a <sample/> of the main figures every five seconds, for
 *                    an hour
 *   service/log      the service's log, the last 500 lines, each a <line/>
 *
 * Where there are several domains, each has its own: the figures that are its
 * own, and the lines that are about it and name no other.  All lines, and the
 * figures of the process, are in service/log/all and service/metrics/all of
 * the first domain, for operators alone.
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

struct cnc__observe { /* two nodes of one domain */
    struct cnc_service *service;
    char *domain; /* whose lines; NULL: all */
    struct cnc__node *metrics, *log;
    uint64_t seconds;
    struct cnc__figures before; /* counters at the last sample */
    bool has_before;
    struct cnc__observe *all;  /* the first domain's, of several; or NULL */
    struct cnc__observe *next; /* in observing->first */
    /* Under its lock. */
    struct line lines[LINES_A_S];
    size_t n_lines;
    uint64_t left_out;
};

struct cnc__observing { /* of the process */
    pthread_mutex_t lock;
    struct cnc__observe *first;
    bool publishing; /* core's thread only */
    pthread_t core;
};

/* -- whose line ------------------------------------------------------------
 */

static bool
is_of_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || (c & 0x80) != 0;
}

/* Does the line name that domain, and not one that is longer? */
static bool
names(const char *text, const char *domain)
{
    size_t len = strlen(domain);

    for (const char *at = text; (at = strcasestr(at, domain)) != NULL; at++) {
        if ((at == text || !is_of_name(at[-1])) && !is_of_name(at[len])) {
            return true;
        }
    }
    return false;
}

static bool
is_about(const struct cnc__observing *all, const struct cnc__observe *o,
         const char *scope, const char *text)
{
    if (o->domain == NULL || (all->first == o && o->next == NULL)) {
        return true;
    }
    for (const struct cnc__observe *other = all->first; other != NULL;
         other = other->next) {
        if (other != o && other->domain != NULL &&
            names(text, other->domain)) {
            return false;
        }
    }
    return scope != NULL ? strcmp(scope, o->domain) == 0
                         : names(text, o->domain);
}

/* -- the log ----------------------------------------------------------------
 */

static void
add_line(struct cnc__observe *o, enum cnc_log_level level, const char *event,
         const char *text)
{
    struct line *l;
    size_t len = strlen(text);

    if (o->n_lines == LINES_A_S) {
        o->left_out++;
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
}

static void
on_line(enum cnc_log_level level, const char *event, const char *text,
        void *priv)
{
    struct cnc__observing *all = priv;
    const char *scope = cnc__log_domain();

    if (all->publishing && pthread_equal(pthread_self(), all->core)) {
        return;
    }
    pthread_mutex_lock(&all->lock);
    for (struct cnc__observe *o = all->first; o != NULL; o = o->next) {
        if (is_about(all, o, scope, text)) {
            add_line(o, level, event, text);
        }
    }
    pthread_mutex_unlock(&all->lock);
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
    struct cnc__observing *all = o->service->process->observing;
    struct line lines[LINES_A_S];
    size_t n;
    uint64_t left_out;

    pthread_mutex_lock(&all->lock);
    n = o->n_lines;
    left_out = o->left_out;
    memcpy(lines, o->lines, n * sizeof(lines[0]));
    o->n_lines = 0;
    o->left_out = 0;
    pthread_mutex_unlock(&all->lock);
    all->publishing = true;
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
    all->publishing = false;
}

/* -- the figures ------------------------------------------------------------
 */

static void
rate(struct cnc__str *xml, const char *name, uint64_t now, uint64_t before)
{
    cnc__xml_printf(xml, "<%s>%llu</%s>", name,
                    (unsigned long long)((now - before) / SAMPLE_S), name);
}

/* What the process has once, however many domains. */
static void
add_process(struct cnc__str *xml, const struct cnc__figures *now,
            const struct cnc__figures *before)
{
    cnc__xml_printf(
        xml, "<memory>%llu</memory><connections>%llu</connections>",
        (unsigned long long)now->memory, (unsigned long long)now->connections);
    rate(xml, "sent", now->bytes_out, before->bytes_out);
    rate(xml, "cpu", now->cpu_us / 10000, before->cpu_us / 10000);
}

static void
add_domain(struct cnc__str *xml, const struct cnc__figures *now,
           const struct cnc__figures *before)
{
    cnc__xml_printf(xml,
                    "<sessions>%llu</sessions><items>%llu</items>"
                    "<subscriptions>%llu</subscriptions>"
                    "<waiting>%llu</waiting>",
                    (unsigned long long)now->sessions,
                    (unsigned long long)now->items,
                    (unsigned long long)now->subscriptions,
                    (unsigned long long)now->store_waiting);
    rate(xml, "requests", now->requests, before->requests);
    rate(xml, "published", now->published, before->published);
    rate(xml, "deliveries", now->deliveries, before->deliveries);
}

static void
publish_sample(struct cnc__observe *o)
{
    struct cnc__process *p = o->service->process;
    struct cnc__figures now;
    struct cnc__str xml = CNC__STR;
    char date[32];

    if (o->domain == NULL) {
        cnc__status_figures_all(p, &now);
    } else {
        cnc__status_figures(o->service, &now);
    }
    if (!o->has_before) {
        o->before = now;
        o->has_before = true;
    }
    cnc__datetime(date, cnc__service_now_ms(NULL));
    cnc__xml_printf(
        &xml, "<sample xmlns='" CNC__NS_SERVICE "'><time>%s</time>", date);
    if (o->domain == NULL || p->n_domains == 1) {
        add_process(&xml, &now, &o->before);
    }
    add_domain(&xml, &now, &o->before);
    cnc__str_puts(&xml, "</sample>");
    o->before = now;
    p->observing->publishing = true;
    publish(o, o->metrics, &xml);
    p->observing->publishing = false;
}

void
cnc__observe_tick(struct cnc__observe *o)
{
    for (; o != NULL; o = o->all) {
        publish_log(o);
        if (o->seconds++ % SAMPLE_S == WARM_UP_S) {
            publish_sample(o);
        }
    }
}

/* -- life --------------------------------------------------------------------
 */

static struct cnc__observe *
observe_new(struct cnc_service *s, bool all)
{
    struct cnc__observe *o = cnc__zalloc(sizeof(*o));
    struct cnc__observing *of = s->process->observing;
    const char *readers = all ? "" : "admin";

    o->service = s;
    o->domain = all ? NULL : cnc__strdup(cnc__router_domain(s->router));
    o->metrics = cnc__service_node(
        s, &(struct cnc__service_node){
               .name = all ? "service/metrics/all" : "service/metrics",
               .title = all ? "Figures of all domains" : "Figures",
               .readers = readers,
               .ns = CNC__NS_SERVICE,
               .max_items = SAMPLES});
    o->log = cnc__service_node(
        s, &(struct cnc__service_node){
               .name = all ? "service/log/all" : "service/log",
               .title = all ? "Log of all domains" : "Log",
               .readers = readers,
               .ns = CNC__NS_SERVICE,
               .max_items = LINES});
    pthread_mutex_lock(&of->lock);
    o->next = of->first;
    of->first = o;
    pthread_mutex_unlock(&of->lock);
    return o;
}

struct cnc__observe *
cnc__observe_new(struct cnc_service *s)
{
    struct cnc__process *p = s->process;
    struct cnc__observe *o;

    if (p->observing == NULL) {
        p->observing = cnc__zalloc(sizeof(*p->observing));
        p->observing->core = pthread_self();
        CNC_CHECK(pthread_mutex_init(&p->observing->lock, NULL) == 0);
        cnc__log_also(on_line, p->observing);
    }
    o = observe_new(s, false);
    if (p->n_domains > 1 && p->domains[0] == s) {
        o->all = observe_new(s, true);
    }
    return o;
}

static void
unlink_it(struct cnc__observing *of, struct cnc__observe *o)
{
    struct cnc__observe **at = &of->first;

    pthread_mutex_lock(&of->lock);
    while (*at != o) {
        at = &(*at)->next;
    }
    *at = o->next;
    pthread_mutex_unlock(&of->lock);
}

static void
end(struct cnc__observing **op)
{
    struct cnc__observing *of = *op;

    *op = NULL;
    cnc__log_also(NULL, NULL);
    pthread_mutex_destroy(&of->lock);
    cnc__free(of);
}

void
cnc__observe_free(struct cnc__observe **op)
{
    struct cnc__observe *o = *op;
    struct cnc__process *p = o == NULL ? NULL : o->service->process;

    if (o == NULL) {
        return;
    }
    *op = NULL;
    cnc__observe_free(&o->all);
    unlink_it(p->observing, o);
    for (size_t i = 0; i < o->n_lines; i++) {
        cnc__free(o->lines[i].event);
        cnc__free(o->lines[i].text);
    }
    cnc__free(o->domain);
    cnc__free(o);
    if (p->observing->first == NULL) {
        end(&p->observing);
    }
}
