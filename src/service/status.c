/* SPDX-License-Identifier: MIT */
/*
 * status.c -- what the service says of itself: /healthz, /metrics (Prometheus
 * text) and the operator's command "status".  One list of figures makes all
 * of them.
 */
#include <inttypes.h>
#include <stdio.h>

#include "../xml/write.h"
#include "../xmpp/sm.h"
#include "private.h"

enum figure_kind { GAUGE, COUNTER };

typedef void figure_f(const char *name, enum figure_kind kind,
                      const char *help, uint64_t value, void *priv);

static uint64_t
resident_bytes(void)
{
    size_t rss = 0;

    return uv_resident_set_memory(&rss) == 0 ? rss : 0;
}

static void
figures_xmpp(struct cnc_service *s, figure_f *f, void *priv)
{
    struct cnc__sm_stats sm;
    struct cnc__traces_stats traces;

    cnc__sm_stats(s->router, &sm);
    cnc__traces_stats(s->traces, &traces);
    f("accounts", GAUGE, "Accounts", cnc__logins_count(s->accounts), priv);
    f("sm_waiting", GAUGE, "Sessions that wait for their client to resume",
      sm.waiting, priv);
    f("sm_bytes", GAUGE, "Bytes kept until clients acknowledge them", sm.bytes,
      priv);
    f("sm_resumed_total", COUNTER, "Sessions resumed", sm.resumed, priv);
    f("sm_expired_total", COUNTER, "Sessions that nobody resumed", sm.expired,
      priv);
    f("sm_returned_total", COUNTER,
      "Stanzas of such sessions that went another way", sm.returned, priv);
    f("traces", GAUGE, "Operators who look on", traces.watches, priv);
    f("traced_total", COUNTER, "Stanzas copied for them", traces.sent, priv);
    f("traced_dropped_total", COUNTER,
      "Stanzas left out because they read too slowly", traces.dropped, priv);
}

static void
figures_s2s(struct cnc_service *s, figure_f *f, void *priv)
{
    struct cnc__s2s_stats st = {0};

    if (s->s2s != NULL) {
        cnc__s2s_stats(s->s2s, &st);
    }
    f("s2s_streams_in", GAUGE, "Streams from other servers", st.n_in, priv);
    f("s2s_streams_out", GAUGE, "Streams to other servers", st.n_out, priv);
    f("s2s_ready", GAUGE, "Domains that can be written to now", st.n_ready,
      priv);
    f("s2s_queued", GAUGE, "Stanzas that wait for another server", st.n_queued,
      priv);
    f("s2s_queued_bytes", GAUGE, "Their bytes", st.queue_bytes, priv);
    f("s2s_dialbacks", GAUGE, "Dialbacks under way", st.n_asked, priv);
    f("s2s_sent_total", COUNTER, "Stanzas sent to other servers", st.sent,
      priv);
    f("s2s_received_total", COUNTER, "Stanzas of other servers", st.received,
      priv);
    f("s2s_bounced_total", COUNTER, "Stanzas that could not be brought",
      st.bounced, priv);
    f("s2s_refused_total", COUNTER, "Streams and stanzas refused", st.refused,
      priv);
    f("s2s_failed_total", COUNTER, "Connections to servers that failed",
      st.failed, priv);
}

static void
figures_uploads(struct cnc_service *s, figure_f *f, void *priv)
{
    struct cnc__uploads_stats st;

    cnc__uploads_stats(s->uploads, &st);
    f("uploads", GAUGE, "Files that are kept for people", st.files, priv);
    f("upload_bytes", GAUGE, "Their bytes, and those promised to slots",
      st.bytes, priv);
    f("upload_slots", GAUGE, "Slots that wait for their file", st.slots, priv);
    f("uploads_total", COUNTER, "Files received", st.kept, priv);
    f("uploads_refused_total", COUNTER, "Files and slots refused", st.refused,
      priv);
}

static void
figures_gate(struct cnc_service *s, figure_f *f, void *priv)
{
    struct cnc__gate_stats st;

    cnc__gate_stats(s->gate, &st);
    f("gate_links", GAUGE, "Processes of web servers that ask over the link",
      st.links, priv);
    f("gate_under_way", GAUGE, "Their requests under way", st.under_way, priv);
    f("gate_requests_total", COUNTER, "Requests over the link", st.requests,
      priv);
    f("gate_refused_total", COUNTER, "Of those refused as such", st.refused,
      priv);
    f("gate_errands_total", COUNTER, "Handlers of pages that ran there",
      st.errands, priv);
    f("gate_received_bytes_total", COUNTER, "Bytes of bodies in blocks, read",
      st.bytes_in, priv);
    f("gate_sent_bytes_total", COUNTER, "The same, sent", st.bytes_out, priv);
}

static void
figures_im(struct cnc_service *s, figure_f *f, void *priv)
{
    struct cnc__im_stats st = {0};

    cnc__im_stats(s->im, &st);
    f("available_resources", GAUGE, "Resources that said they are available",
      st.available, priv);
    f("contacts", GAUGE, "Contacts in rosters", st.contacts, priv);
    f("offline_messages", GAUGE, "Messages kept for who is offline",
      st.offline, priv);
    f("archived_messages", GAUGE, "Messages in archives of accounts",
      st.archived, priv);
    f("archived_bytes", GAUGE, "Their bytes", st.archived_bytes, priv);
    f("far_resources", GAUGE, "Presences of other domains that are kept",
      st.far_resources, priv);
    f("messages_total", COUNTER, "Messages to accounts", st.messages, priv);
}

/* What the process has once, however many domains. */
static void
figures_process(const struct cnc__process *p, figure_f *f, void *priv)
{
    struct cnc__net_stats net;

    cnc__net_stats(p->net, &net);
    f("uptime_seconds", GAUGE, "Time since the start",
      (uv_now(&p->loop) - p->started_ms) / 1000, priv);
    f("resident_bytes", GAUGE, "Memory of the service process",
      resident_bytes(), priv);
    f("connections", GAUGE, "Open sockets of clients", net.connections, priv);
    f("websockets", GAUGE, "Of those, WebSockets", net.websockets, priv);
    f("links", GAUGE, "Open connections of the Unix socket", net.links, priv);
    f("c2s_connections", GAUGE, "Connections of clients by TCP", net.c2s,
      priv);
    f("s2s_connections", GAUGE, "Connections of other servers", net.s2s, priv);
    f("component_connections", GAUGE, "Connections of components",
      net.components, priv);
    f("dialled_connections", GAUGE, "Connections to other servers",
      net.dialled, priv);
    f("connections_total", COUNTER, "Sockets accepted", net.accepted, priv);
    f("connections_refused_total", COUNTER, "Sockets refused by a limit",
      net.refused, priv);
    f("http_requests_total", COUNTER, "HTTP requests", net.requests, priv);
    f("received_bytes_total", COUNTER, "Bytes read", net.bytes_in, priv);
    f("sent_bytes_total", COUNTER, "Bytes written", net.bytes_out, priv);
    f("queue_overflows_total", COUNTER,
      "Clients cut off because they read too slowly", net.overflows, priv);
    f("render_deaths_total", COUNTER, "Render processes that died",
      cnc__renders_deaths(p->renders), priv);
}

static void
figures_domain(struct cnc_service *s, figure_f *f, void *priv)
{
    struct cnc__pubsub_stats ps;
    struct cnc__agent_stats ag;
    struct cnc__apps_stats apps;
    struct cnc__commits_stats st;

    cnc__pubsub_stats(s->pubsub, &ps);
    cnc__agent_stats(s->agent, &ag);
    cnc__apps_stats(s->apps, &apps);
    cnc__commits_stats(s->commits, &st);
    f("sessions", GAUGE, "Bound XMPP resources",
      cnc__router_n_sessions(s->router), priv);
    figures_xmpp(s, f, priv);
    figures_gate(s, f, priv);
    figures_s2s(s, f, priv);
    figures_im(s, f, priv);
    figures_uploads(s, f, priv);
    f("nodes", GAUGE, "PubSub nodes", ps.nodes, priv);
    f("items", GAUGE, "Items of all nodes", ps.items, priv);
    f("subscriptions", GAUGE, "Subscriptions", ps.subscriptions, priv);
    f("published_total", COUNTER, "Items published", ps.published, priv);
    f("deliveries_total", COUNTER, "Notifications queued", ps.deliveries,
      priv);
    f("publishes_refused_total", COUNTER, "Publishes refused", ps.refused,
      priv);
    f("submits_total", COUNTER, "Forms submitted", apps.submits, priv);
    f("submits_refused_total", COUNTER, "Forms refused", apps.refused, priv);
    f("handler_failures_total", COUNTER, "Handlers that failed", apps.failures,
      priv);
    f("pages", GAUGE, "Pages", ag.pages, priv);
    f("renders_total", COUNTER, "Pages rendered", ag.renders, priv);
    f("patches_total", COUNTER, "Patches published", ag.patches, priv);
    f("patch_bytes_total", COUNTER, "Bytes of patches", ag.patch_bytes, priv);
    f("snapshots_total", COUNTER, "Snapshots written", ag.snapshots, priv);
    f("resyncs_total", COUNTER, "Patches that asked for a fresh page",
      ag.resyncs, priv);
    f("templates_refused_total", COUNTER, "Templates refused",
      ag.refused_templates, priv);
    f("render_errors_total", COUNTER, "Renders that failed", ag.render_errors,
      priv);
    f("store_batches_total", COUNTER, "Transactions of the store", st.batches,
      priv);
    f("store_operations_total", COUNTER, "Operations in them", st.ops, priv);
    f("store_failures_total", COUNTER, "Transactions that failed", st.failures,
      priv);
    f("store_waiting", GAUGE, "Commits waiting for the store", st.waiting,
      priv);
}

static uint64_t
cpu_us(void)
{
    uv_rusage_t u;

    if (uv_getrusage(&u) != 0) {
        return 0;
    }
    return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

void
cnc__status_figures(struct cnc_service *s, struct cnc__figures *out)
{
    struct cnc__net_stats net;
    struct cnc__pubsub_stats ps;
    struct cnc__commits_stats st;

    cnc__net_stats(s->process->net, &net);
    cnc__pubsub_stats(s->pubsub, &ps);
    cnc__commits_stats(s->commits, &st);
    *out = (struct cnc__figures){
        .memory = resident_bytes(),
        .sessions = cnc__router_n_sessions(s->router),
        .connections = net.connections + net.c2s + net.s2s + net.links,
        .items = ps.items,
        .subscriptions = ps.subscriptions,
        .store_waiting = st.waiting,
        .requests = s->process->n_domains == 1 ? net.requests : s->n_requests,
        .published = ps.published,
        .deliveries = ps.deliveries,
        .bytes_out = net.bytes_out,
        .cpu_us = cpu_us(),
    };
}

void
cnc__status_figures_all(const struct cnc__process *p, struct cnc__figures *out)
{
    struct cnc__net_stats net;

    cnc__status_figures(p->domains[0], out);
    for (size_t i = 1; i < p->n_domains; i++) {
        struct cnc__figures f;

        cnc__status_figures(p->domains[i], &f);
        out->sessions += f.sessions;
        out->items += f.items;
        out->store_waiting += f.store_waiting;
        out->subscriptions += f.subscriptions;
        out->published += f.published;
        out->deliveries += f.deliveries;
    }
    cnc__net_stats(p->net, &net);
    out->requests = net.requests;
}

/* -- /metrics --------------------------------------------------------------
 */

static void
metric_head(struct cnc__str *out, const char *name, enum figure_kind kind,
            const char *help)
{
    cnc__str_printf(out,
                    "# HELP concordance_%s %s\n# TYPE concordance_%s %s\n",
                    name, help, name, kind == GAUGE ? "gauge" : "counter");
}

static void
metric(const char *name, enum figure_kind kind, const char *help,
       uint64_t value, void *priv)
{
    metric_head(priv, name, kind, help);
    cnc__str_printf(priv, "concordance_%s %" PRIu64 "\n", name, value);
}

/* The values of one domain, in the order in which all tell them. */
struct column {
    uint64_t *values;
    size_t n;
};

static void
collect(const char *name, enum figure_kind kind, const char *help,
        uint64_t value, void *priv)
{
    struct column *column = priv;

    column->values =
        cnc__realloc(column->values, column->n + 1, sizeof(*column->values));
    column->values[column->n++] = value;
}

struct table {
    struct cnc__str *out;
    struct cnc_service *const *domains;
    size_t n_domains;
    const struct column *columns; /* one a domain */
    size_t row;
};

/* All that is said of a figure stands together. */
static void
metric_row(const char *name, enum figure_kind kind, const char *help,
           uint64_t value, void *priv)
{
    struct table *t = priv;

    metric_head(t->out, name, kind, help);
    for (size_t i = 0; i < t->n_domains; i++) {
        cnc__str_printf(t->out, "concordance_%s{domain=\"%s\"} %" PRIu64 "\n",
                        name, cnc__router_domain(t->domains[i]->router),
                        t->columns[i].values[t->row]);
    }
    t->row++;
}

static void
write_table(struct cnc__str *out, struct cnc_service *const *domains, size_t n)
{
    struct column *columns = cnc__zalloc(n * sizeof(*columns));
    struct table t = {out, domains, n, columns, 0};

    for (size_t i = 0; i < n; i++) {
        figures_domain(domains[i], collect, &columns[i]);
    }
    figures_domain(domains[0], metric_row, &t);
    for (size_t i = 0; i < n; i++) {
        cnc__free(columns[i].values);
    }
    cnc__free(columns);
}

/* Where there are several domains, one of them is told of itself alone: what
 * the process does is the others' doing, too. */
static void
write_metrics(struct cnc__str *out, const struct cnc__process *p,
              struct cnc_service *domain)
{
    if (p->n_domains == 1) {
        figures_process(p, metric, out);
        figures_domain(p->domains[0], metric, out);
    } else if (domain != NULL) {
        write_table(out, &domain, 1);
    } else {
        figures_process(p, metric, out);
        write_table(out, p->domains, p->n_domains);
    }
}

static bool
all_ready(const struct cnc__process *p)
{
    for (size_t i = 0; i < p->n_domains; i++) {
        if (!p->domains[i]->ready) {
            return false;
        }
    }
    return true;
}

static void
respond(struct cnc__http_request *r, int status, const char *type,
        const char *text, size_t len)
{
    struct cnc__http_response response = {
        .status = status,
        .content_type = type,
        .headers = "Cache-Control: no-store\r\n"
                   "X-Content-Type-Options: nosniff\r\n",
        .body = cnc_buf_new(text, len)};
    struct cnc_buf *body = response.body;

    r->responder->respond(r->responder, &response);
    cnc_buf_unref(&body);
}

bool
cnc__status_http(struct cnc__process *p, struct cnc_service *domain,
                 struct cnc__http_request *r)
{
    if (r->method != CNC__HTTP_GET && r->method != CNC__HTTP_HEAD) {
        return false;
    }
    if (strcmp(r->path, "/healthz") == 0) {
        bool ready = all_ready(p);
        const char *text = ready ? "ok\n" : "starting\n";

        respond(r, ready ? 200 : 503, "text/plain; charset=utf-8", text,
                strlen(text));
        return true;
    }
    if (strcmp(r->path, "/metrics") == 0) {
        struct cnc__str text = CNC__STR;

        write_metrics(&text, p, domain);
        respond(r, 200, "text/plain; version=0.0.4; charset=utf-8", text.data,
                text.len);
        cnc__str_fini(&text);
        return true;
    }
    return false;
}

/* -- the command -----------------------------------------------------------
 */

static void
field(const char *name, enum figure_kind kind, const char *help,
      uint64_t value, void *priv)
{
    cnc__xml_printf(priv,
                    "<field var='%s' label='%s'><value>%llu</value></field>",
                    name, help, (unsigned long long)value);
}

static void
run_status(struct cnc__command_reply *reply, const struct cnc__caller *c,
           struct cnc__values *v, void *priv)
{
    struct cnc_service *s = priv;
    struct cnc__str form = CNC__STR;

    cnc__xml_printf(&form,
                    "<x xmlns='jabber:x:data' type='result'>"
                    "<title>Status of %s</title>"
                    "<field var='domain' label='Domain'><value>%s</value>"
                    "</field><field var='store' label='Store'>"
                    "<value>%s</value></field>",
                    cnc__router_domain(s->router),
                    cnc__router_domain(s->router), s->driver->name);
    if (s->process->n_domains == 1 || c->who.operator_) {
        figures_process(s->process, field, &form);
    }
    figures_domain(s, field, &form);
    cnc__str_puts(&form, "</x>");
    cnc__command_done(reply, NULL, "Running.", form.data);
    cnc__str_fini(&form);
}

int
cnc__status_command(struct cnc_service *s, struct cnc_error *err)
{
    struct cnc__command cmd = {.node = (char *)"status",
                               .name = (char *)"Status of the service",
                               .help = (char *)"All figures, once.",
                               .who = CNC_ADMINS,
                               .safe = true,
                               .run = run_status,
                               .priv = s};

    return cnc__commands_add(s->commands, &cmd, err);
}
