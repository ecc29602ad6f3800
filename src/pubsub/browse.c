/* SPDX-License-Identifier: MIT */
/*
 * browse.c -- an administrator's commands about nodes: what there is, what is
 * in it, who follows it, who may do what.  browse-change.c has those that
 * change something.
 */
#include "browse.h"
#include "../base/text.h"
#include "../xml/write.h"
#include "../xmpp/jid.h"
#include "browseimpl.h"
#include "impl.h"
#include "result.h"

#define PAGE      50   /* rows, unless asked for others */
#define MAX_ROWS  1000 /* in one answer */
#define MAX_SHOWN 200  /* bytes of a payload in a list */

/* -- what is typed -----------------------------------------------------------
 */

static size_t
number_of(struct cnc__values *v, const char *field, size_t usual, size_t max)
{
    int64_t n;

    return cnc__parse_int(&n, cnc__values_text(v, field), 0, (int64_t)max)
               ? (size_t)n
               : usual;
}

struct cnc__node *
cnc__browse_node(struct cnc__browse_env *b, struct cnc__command_reply *reply,
                 struct cnc__values *v)
{
    struct cnc__node *n = cnc__pubsub_node(b->ps, cnc__values_text(v, "node"));

    if (n == NULL || n->creating || n->deleting) {
        cnc__command_refuse(reply, v, "node", "There is no such node.");
        return NULL;
    }
    return n;
}

/* Its item, likewise. */
static struct cnc__item *
item_of(struct cnc__node *n, struct cnc__command_reply *reply,
        struct cnc__values *v)
{
    struct cnc__item *i = cnc__node_item(n, cnc__values_text(v, "id"));

    if (i == NULL) {
        cnc__command_refuse(reply, v, "id", "There is no such item.");
    }
    return i;
}

/* -- what is answered --------------------------------------------------------
 */

/* Where in the whole these rows are, for whoever asks for more. */
static void
window(struct cnc__str *out, size_t offset, size_t limit, size_t total)
{
    cnc__result_number(out, "offset", "From", offset);
    cnc__result_number(out, "limit", "At most", limit);
    cnc__result_number(out, "total", "In all", total);
}

/* -- lists
 * -------------------------------------------------------------------- */

static const char *const access_names[] = {"open", "whitelist", "authorize",
                                           "presence", "roster"};

static int
by_name(const void *a, const void *b)
{
    const struct cnc__node *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static bool
is_listed(const struct cnc__node *n, const char *q, bool views)
{
    if (n->creating || n->deleting || (n->cfg.derived && !views)) {
        return false;
    }
    return q[0] == '\0' || strcasestr(n->name, q) != NULL ||
           (n->cfg.title != NULL && strcasestr(n->cfg.title, q) != NULL);
}

static void
write_node(struct cnc__str *out, const struct cnc__node *n)
{
    char position[CNC__POSITION_LEN];

    cnc__node_position(n, position);
    cnc__str_puts(out, "<item>");
    cnc__result_cell(out, "node", n->name);
    cnc__result_cell(out, "title", n->cfg.title == NULL ? "" : n->cfg.title);
    cnc__result_cell(out, "access", access_names[n->cfg.access]);
    cnc__result_count(out, "items", cnc__node_n_items(n));
    cnc__result_count(out, "subscribers", cnc__node_n_subscribers(n));
    cnc__result_cell(out, "position", position);
    cnc__result_cell(out, "kept", n->cfg.durable ? "store" : "memory");
    cnc__str_puts(out, "</item>");
}

static const struct cnc_record nodes_record = {
    "nodes", CNC_FIELDS({"q", "Name or title has", .max_len = 200},
                        {"views", "Views of pages too", CNC_FIELD_BOOLEAN},
                        {"offset", "From", CNC_FIELD_INTEGER, .min = "0"},
                        {"limit", "At most", CNC_FIELD_INTEGER, .min = "1",
                         .max = "1000"})};

static void
run_nodes(struct cnc__command_reply *reply, const struct cnc__caller *who,
          struct cnc__values *v, void *priv)
{
    static const struct cnc__column columns[] = {
        {"node", "Node"},
        {"title", "Title"},
        {"access", "Access"},
        {"items", "Items"},
        {"subscribers", "Subscribers"},
        {"position", "Position"},
        {"kept", "Kept in"}};
    struct cnc__browse_env *b = priv;
    const char *q = cnc__values_text(v, "q");
    bool views = strcmp(cnc__values_text(v, "views"), "true") == 0 ||
                 strcmp(cnc__values_text(v, "views"), "1") == 0;
    size_t offset = number_of(v, "offset", 0, SIZE_MAX / 2);
    size_t limit = number_of(v, "limit", PAGE, MAX_ROWS), n = 0;
    struct cnc__node **all =
        cnc__zalloc((cnc__table_len(b->ps->nodes) + 1) * sizeof(*all));
    struct cnc__table_iter i = {0};
    struct cnc__str form = CNC__STR;

    while (cnc__table_next(b->ps->nodes, &i)) {
        if (is_listed(i.value, q, views)) {
            all[n++] = i.value;
        }
    }
    qsort(all, n, sizeof(*all), by_name);
    cnc__result_begin(&form, "Nodes");
    window(&form, offset, limit, n);
    cnc__result_reported(&form, columns, CNC_N(columns));
    for (size_t k = offset; k < n && k - offset < limit; k++) {
        write_node(&form, all[k]);
    }
    cnc__free(all);
    cnc__result_done(reply, &form, NULL);
}

static const struct cnc_record items_record = {
    "items", CNC_FIELDS({"node", "Node", .required = true, .max_len = 1023},
                        {"q", "Payload or id has", .max_len = 200},
                        {"offset", "From", CNC_FIELD_INTEGER, .min = "0"},
                        {"limit", "At most", CNC_FIELD_INTEGER, .min = "1",
                         .max = "1000"})};

static bool
item_has(const struct cnc__item *i, const char *q)
{
    return q[0] == '\0' || strcasestr(i->id, q) != NULL ||
           (i->payload != NULL &&
            memmem(cnc_buf_data(i->payload), cnc_buf_len(i->payload), q,
                   strlen(q)) != NULL);
}

static void
write_item(struct cnc__str *out, const struct cnc__item *i)
{
    char published[32];
    size_t len = i->payload == NULL ? 0 : cnc_buf_len(i->payload);
    size_t shown = len < MAX_SHOWN ? len : MAX_SHOWN;
    const char *xml = i->payload == NULL ? "" : cnc_buf_data(i->payload);

    while (shown > 0 && !cnc__utf8_valid(xml, shown)) {
        shown--;
    }
    cnc__datetime(published, i->published_ms);
    cnc__str_puts(out, "<item>");
    cnc__result_cell(out, "id", i->id);
    cnc__result_cell(out, "published", published);
    cnc__result_cell(out, "publisher", i->publisher);
    cnc__result_count(out, "bytes", len);
    cnc__xml_printf(out, "<field var='payload'><value>%.*s%s</value></field>",
                    (int)shown, xml, shown < len ? "..." : "");
    cnc__str_puts(out, "</item>");
}

static void
run_items(struct cnc__command_reply *reply, const struct cnc__caller *who,
          struct cnc__values *v, void *priv)
{
    static const struct cnc__column columns[] = {{"id", "Item"},
                                                 {"published", "Published"},
                                                 {"publisher", "By"},
                                                 {"bytes", "Bytes"},
                                                 {"payload", "Payload"}};
    const char *q = cnc__values_text(v, "q");
    size_t offset = number_of(v, "offset", 0, SIZE_MAX / 2);
    size_t limit = number_of(v, "limit", PAGE, MAX_ROWS), total = 0;
    struct cnc__node *n = cnc__browse_node(priv, reply, v);
    struct cnc__str form = CNC__STR, rows = CNC__STR;

    if (n == NULL) {
        return;
    }
    for (size_t k = cnc__node_n_items(n); k-- > 0;) { /* newest first */
        const struct cnc__item *i = cnc__node_item_at(n, k);

        if (q[0] == '\0' && total >= offset + limit) {
            total = cnc__node_n_items(n);
            break;
        }
        if (item_has(i, q)) {
            if (total >= offset && total - offset < limit) {
                write_item(&rows, i);
            }
            total++;
        }
    }
    cnc__result_begin(&form, n->cfg.title != NULL ? n->cfg.title : n->name);
    window(&form, offset, limit, total);
    cnc__result_reported(&form, columns, CNC_N(columns));
    cnc__str_puts(&form, cnc__str_c(&rows));
    cnc__str_fini(&rows);
    cnc__result_done(reply, &form, NULL);
}

/* -- one item
 * ------------------------------------------------------------------- */

static const struct cnc_record item_record = {
    "item", CNC_FIELDS({"node", "Node", .required = true, .max_len = 1023},
                       {"id", "Item", .required = true, .max_len = 1023})};

static void
run_item(struct cnc__command_reply *reply, const struct cnc__caller *who,
         struct cnc__values *v, void *priv)
{
    struct cnc__node *n = cnc__browse_node(priv, reply, v);
    struct cnc__item *i = n == NULL ? NULL : item_of(n, reply, v);
    struct cnc__str form = CNC__STR;
    char published[32], position[CNC__POSITION_LEN];

    if (i == NULL) {
        return;
    }
    cnc__datetime(published, i->published_ms);
    cnc__position(position, n, i->seq);
    cnc__result_begin(&form, i->id);
    cnc__result_value(&form, "node", "Node", n->name);
    cnc__result_value(&form, "id", "Item", i->id);
    cnc__result_value(&form, "published", "Published", published);
    cnc__result_value(&form, "publisher", "By", i->publisher);
    cnc__result_value(&form, "position", "Position", position);
    cnc__result_value(&form, "payload", "Payload",
                      i->payload == NULL ? "" : cnc_buf_data(i->payload));
    cnc__result_done(reply, &form, NULL);
}

struct versions {
    struct cnc__str *out;
    const struct cnc__node *node;
    size_t n;
};

static int
write_version(const struct cnc_store_entry *e, void *priv)
{
    struct versions *to = priv;
    char when[32], position[CNC__POSITION_LEN];

    if (to->n++ == MAX_ROWS) {
        return 1;
    }
    cnc__datetime(when, e->published_ms);
    cnc__position(position, to->node, e->seq);
    cnc__str_puts(to->out, "<item>");
    cnc__result_cell(to->out, "position", position);
    cnc__result_cell(to->out, "published", when);
    cnc__result_cell(to->out, "publisher", e->publisher);
    cnc__result_count(to->out, "bytes", e->len);
    cnc__xml_printf(to->out,
                    "<field var='payload'><value>%.*s</value></field>",
                    (int)e->len, e->value == NULL ? "" : e->value);
    cnc__str_puts(to->out, "</item>");
    return 0;
}

static void
run_history(struct cnc__command_reply *reply, const struct cnc__caller *who,
            struct cnc__values *v, void *priv)
{
    static const struct cnc__column columns[] = {{"position", "Position"},
                                                 {"published", "Published"},
                                                 {"publisher", "By"},
                                                 {"bytes", "Bytes"},
                                                 {"payload", "Payload"}};
    struct cnc__node *n = cnc__browse_node(priv, reply, v);
    struct cnc__str form = CNC__STR;
    struct versions to = {&form, n, 0};

    if (n == NULL) {
        return;
    }
    cnc__result_begin(&form, cnc__values_text(v, "id"));
    cnc__result_reported(&form, columns, CNC_N(columns));
    cnc__node_history(n, cnc__values_text(v, "id"), write_version, &to);
    cnc__result_done(reply, &form,
                     to.n == 0 ? "Nothing is kept of it." : NULL);
}

/* -- who follows, who may
 * --------------------------------------------------------- */

static const struct cnc_record node_record = {
    "node", CNC_FIELDS({"node", "Node", .required = true, .max_len = 1023})};

static void
run_subscribers(struct cnc__command_reply *reply,
                const struct cnc__caller *who, struct cnc__values *v,
                void *priv)
{
    static const struct cnc__column columns[] = {
        {"jid", "Address"}, {"state", "State"}, {"kept", "Kept"}};
    struct cnc__node *n = cnc__browse_node(priv, reply, v);
    struct cnc__str form = CNC__STR;
    struct cnc__table_iter i = {0};
    size_t rows = 0;

    if (n == NULL) {
        return;
    }
    cnc__result_begin(&form, n->name);
    cnc__result_reported(&form, columns, CNC_N(columns));
    while (rows < MAX_ROWS && cnc__table_next(n->psubs, &i)) {
        cnc__str_puts(&form, "<item>");
        cnc__result_cell(&form, "jid", i.key);
        cnc__result_cell(
            &form, "state",
            cnc__sub_state_name((enum cnc__sub_state)(uintptr_t)i.value));
        cnc__result_cell(&form, "kept", "yes");
        cnc__str_puts(&form, "</item>");
        rows++;
    }
    for (size_t k = 0; k < n->n_subs && rows < MAX_ROWS; k++) {
        if (!n->subs[k]->account) {
            cnc__str_puts(&form, "<item>");
            cnc__result_cell(&form, "jid", n->subs[k]->session->jid);
            cnc__result_cell(&form, "state", "subscribed");
            cnc__result_cell(&form, "kept", "while online");
            cnc__str_puts(&form, "</item>");
            rows++;
        }
    }
    cnc__result_done(reply, &form,
                     rows == MAX_ROWS ? "There are more." : NULL);
}

static void
run_affiliations(struct cnc__command_reply *reply,
                 const struct cnc__caller *who, struct cnc__values *v,
                 void *priv)
{
    static const struct cnc__column columns[] = {
        {"jid", "Address"}, {"affiliation", "Affiliation"}};
    struct cnc__node *n = cnc__browse_node(priv, reply, v);
    struct cnc__str form = CNC__STR;
    struct cnc__table_iter i = {0};

    if (n == NULL) {
        return;
    }
    cnc__result_begin(&form, n->name);
    cnc__result_value(&form, "readers", "Roles that read",
                      n->cfg.readers == NULL ? "" : n->cfg.readers);
    cnc__result_value(&form, "writers", "Roles that publish",
                      n->cfg.writers == NULL ? "" : n->cfg.writers);
    cnc__result_value(&form, "owners", "Roles that own",
                      n->cfg.owners == NULL ? "" : n->cfg.owners);
    cnc__result_reported(&form, columns, CNC_N(columns));
    for (size_t rows = 0; rows < MAX_ROWS && cnc__table_next(n->affs, &i);
         rows++) {
        cnc__str_puts(&form, "<item>");
        cnc__result_cell(&form, "jid", i.key);
        cnc__result_cell(
            &form, "affiliation",
            cnc__affiliation_name((enum cnc__affiliation)(uintptr_t)i.value));
        cnc__str_puts(&form, "</item>");
    }
    cnc__result_done(reply, &form, NULL);
}

/* -- all of them
 * ------------------------------------------------------------------ */

static const struct cnc__browse_entry entries[] = {
    {"nodes", "Nodes", "Which nodes there are.", &nodes_record, true,
     run_nodes},
    {"nodes/items", "Items of a node", "What is in a node, newest first.",
     &items_record, true, run_items},
    {"nodes/item", "An item", "One item, whole.", &item_record, true,
     run_item},
    {"nodes/history", "Versions of an item",
     "What an item was before, newest first.", &item_record, true,
     run_history},
    {"nodes/subscribers", "Subscribers of a node", "Who follows a node.",
     &node_record, true, run_subscribers},
    {"nodes/affiliations", "Affiliations of a node",
     "Who may do what with a node.", &node_record, true, run_affiliations},
};

struct runner {
    struct cnc__browse_env browse;
    const struct cnc__browse_entry *entry;
};

static void
run(struct cnc__command_reply *reply, const struct cnc__caller *who,
    struct cnc__values *v, void *priv)
{
    struct runner *r = priv;
    struct cnc_element *form = NULL;
    struct cnc_error err = {0};
    int code = cnc__record_build(&form, r->entry->record, "", v);

    cnc_element_unref(&form);
    if (code != 0) {
        cnc_error_set(&err, code, NULL, "Some fields need another look.");
        cnc__command_done(reply, &err, NULL, NULL);
        return;
    }
    r->entry->run(reply, who, v, &r->browse);
}

#define MAX_RUNNERS 32

struct cnc__browse {
    struct runner runners[MAX_RUNNERS];
    size_t n;
};

static int
add(struct cnc__browse *b, const struct cnc__browse_entry *entry,
    struct cnc__pubsub *ps, struct cnc__commands *commands,
    struct cnc_error *err)
{
    struct runner *r = &b->runners[b->n++];
    struct cnc__command cmd = {.node = (char *)entry->node,
                               .name = (char *)entry->name,
                               .help = (char *)entry->help,
                               .record = entry->record,
                               .safe = entry->safe,
                               .who = CNC_ADMINS,
                               .run = run,
                               .priv = r};

    CNC_CHECK(b->n <= MAX_RUNNERS);
    *r = (struct runner){{ps, commands}, entry};
    return cnc__commands_add(commands, &cmd, err);
}

int
cnc__browse_new(struct cnc__browse **out, struct cnc__pubsub *ps,
                struct cnc__commands *commands, struct cnc_error *err)
{
    struct cnc__browse *b = *out = cnc__zalloc(sizeof(*b));
    int code = 0;

    for (size_t i = 0; code == 0 && i < CNC_N(entries); i++) {
        code = add(b, &entries[i], ps, commands, err);
    }
    for (const struct cnc__browse_entry *e = cnc__browse_changes;
         code == 0 && e->node != NULL; e++) {
        code = add(b, e, ps, commands, err);
    }
    return code;
}

void
cnc__browse_free(struct cnc__browse **bp)
{
    cnc__free(*bp);
    *bp = NULL;
}
