/* SPDX-License-Identifier: MIT */
/*
 * answers.c -- the test as the operator: commands, nodes, events.
 */
#include "../xml/write.h"
#include "private.h"

#define NS_COMMANDS "http://jabber.org/protocol/commands"
#define NS_DATA     "jabber:x:data"
#define NS_FORM     "http://concordance-xmpp.org/ns/form"
#define NS_PUBSUB   "http://jabber.org/protocol/pubsub"
#define NS_EVENT    NS_PUBSUB "#event"

/* Steals e. */
static void
keep(struct cnc_test *t, struct cnc_element *e)
{
    struct stanza *s = cnc__arena_alloc(&t->arena, sizeof(*s));

    s->e = e;
    s->next = t->stanzas;
    t->stanzas = s;
}

static const struct cnc_element *
command_of(const struct cnc_test_answer *a)
{
    return cnc_element_child(a->stanza, NS_COMMANDS, "command");
}

static const struct cnc_element *
form_of(const struct cnc_test_answer *a)
{
    return cnc_element_child(command_of(a), NS_DATA, "x");
}

static void
read_command(struct cnc_test_answer *a)
{
    const struct cnc_element *command = command_of(a);
    const struct cnc_element *x = form_of(a);
    const char *status =
        command == NULL ? NULL : cnc_element_attr(command, NULL, "status");

    if (command == NULL) {
        return;
    }
    a->note = cnc_element_child_text(command, NS_COMMANDS, "note");
    if (status == NULL || strcmp(status, "completed") != 0) {
        a->code = CNC_EINVAL;
        return;
    }
    for (size_t i = 0; cnc_element_next(x, &i, NS_DATA, "item") != NULL;) {
        a->n_rows++;
    }
}

const struct cnc_test_answer *
cnc_test_iq(struct cnc_test *t, const char *type, const char *payload_xml)
{
    struct cnc_test_answer *a = cnc__arena_alloc(&t->arena, sizeof(*a));
    struct cnc_element *reply = NULL;
    struct cnc_error err = {0};

    a->note = "";
    a->code = cnc__client_iq(t->client, type, NULL, payload_xml, &reply, &err);
    if (reply == NULL) {
        cnc__test_die(t, "%s: %s", payload_xml, err.text);
    }
    keep(t, reply);
    a->stanza = reply;
    if (a->code != 0) {
        a->note = cnc__test_keep(t, err.text, strlen(err.text));
    } else {
        read_command(a);
    }
    return a;
}

static const struct cnc_test_answer *
ask(struct cnc_test *t, const char *type, struct cnc__str *xml)
{
    const struct cnc_test_answer *a = cnc_test_iq(t, type, xml->data);

    cnc__str_fini(xml);
    return a;
}

/* -- commands --------------------------------------------------------------
 */

/* Values of one name are those of one field. */
static void
write_fields(struct cnc_test *t, struct cnc__str *xml,
             const char *const *fields)
{
    for (size_t i = 0; fields[i] != NULL; i++) {
        const char *eq = strchr(fields[i], '=');
        size_t len = eq == NULL ? 0 : (size_t)(eq - fields[i]) + 1;
        bool again = false;

        if (len < 2) {
            cnc__test_die(t, "\"%s\" is no name=value", fields[i]);
        }
        for (size_t k = 0; k < i; k++) {
            again = again || strncmp(fields[k], fields[i], len) == 0;
        }
        if (again) {
            continue;
        }
        cnc__xml_printf(xml, "<field var='%.*s'>", (int)len - 1, fields[i]);
        for (size_t k = i; fields[k] != NULL; k++) {
            if (strncmp(fields[k], fields[i], len) == 0) {
                cnc__xml_printf(xml, "<value>%s</value>", fields[k] + len);
            }
        }
        cnc__str_puts(xml, "</field>");
    }
}

const struct cnc_test_answer *
cnc_test_do_words(struct cnc_test *t, const char *const *words)
{
    struct cnc__str xml = CNC__STR;

    cnc__xml_printf(&xml,
                    "<command xmlns='" NS_COMMANDS
                    "' node='%s' action='complete'><x xmlns='" NS_DATA
                    "' type='submit'>",
                    words[0]);
    write_fields(t, &xml, words + 1);
    cnc__str_puts(&xml, "</x></command>");
    return ask(t, "set", &xml);
}

static const struct cnc_element *
field(const struct cnc_element *x, const char *name)
{
    struct cnc_element *f;

    for (size_t i = 0;
         (f = cnc_element_next(x, &i, NS_DATA, "field")) != NULL;) {
        const char *var = cnc_element_attr(f, NULL, "var");

        if (var != NULL && strcmp(var, name) == 0) {
            return f;
        }
    }
    return NULL;
}

static const char *
text_of(const struct cnc_element *e, const char *ns, const char *name)
{
    const struct cnc_element *child =
        e == NULL ? NULL : cnc_element_child(e, ns, name);

    return child == NULL ? NULL : cnc_element_text(child);
}

const char *
cnc_test_value(const struct cnc_test_answer *a, const char *name)
{
    return text_of(field(form_of(a), name), NS_DATA, "value");
}

const char *
cnc_test_cell(const struct cnc_test_answer *a, size_t row, const char *name)
{
    struct cnc_element *item;

    for (size_t i = 0;
         (item = cnc_element_next(form_of(a), &i, NS_DATA, "item")) != NULL;) {
        if (row-- == 0) {
            return text_of(field(item, name), NS_DATA, "value");
        }
    }
    return NULL;
}

const char *
cnc_test_error(const struct cnc_test_answer *a, const char *name)
{
    const struct cnc_element *x = form_of(a);

    return text_of(name == NULL ? x : field(x, name), NS_FORM, "error");
}

/* -- nodes -----------------------------------------------------------------
 */

const struct cnc_test_answer *
cnc_test_publish(struct cnc_test *t, const char *node, const char *id,
                 const char *xml)
{
    struct cnc__str iq = CNC__STR;

    cnc__xml_printf(
        &iq, "<pubsub xmlns='" NS_PUBSUB "'><publish node='%s'><item", node);
    if (id != NULL) {
        cnc__xml_printf(&iq, " id='%s'", id);
    }
    cnc__xml_printf(&iq, ">%pR</item></publish></pubsub>", xml);
    return ask(t, "set", &iq);
}

const struct cnc_test_answer *
cnc_test_retract(struct cnc_test *t, const char *node, const char *id)
{
    struct cnc__str iq = CNC__STR;

    cnc__xml_printf(&iq,
                    "<pubsub xmlns='" NS_PUBSUB
                    "'><retract node='%s' notify='true'><item id='%s'/>"
                    "</retract></pubsub>",
                    node, id);
    return ask(t, "set", &iq);
}

const struct cnc_element *
cnc_test_item(struct cnc_test *t, const char *node, const char *id)
{
    struct cnc__str iq = CNC__STR;
    const struct cnc_test_answer *a;
    const struct cnc_element *e;

    cnc__xml_printf(&iq,
                    "<pubsub xmlns='" NS_PUBSUB
                    "'><items node='%s'><item id='%s'/></items></pubsub>",
                    node, id);
    a = ask(t, "get", &iq);
    e = a->code != 0 ? NULL
                     : cnc_element_child(a->stanza, NS_PUBSUB, "pubsub");
    e = cnc_element_child(cnc_element_child(e, NS_PUBSUB, "items"), NS_PUBSUB,
                          "item");
    return cnc_element_child(e, NULL, NULL);
}

void
cnc_test_subscribe(struct cnc_test *t, const char *node)
{
    struct cnc__str iq = CNC__STR;
    const struct cnc_test_answer *a;

    cnc__xml_printf(&iq,
                    "<pubsub xmlns='" NS_PUBSUB
                    "'><subscribe node='%s' jid='%s'/></pubsub>",
                    node, cnc__client_jid(t->client));
    a = ask(t, "set", &iq);
    if (a->code != 0) {
        cnc__test_die(t, "cannot follow %s: %s", node, a->note);
    }
}

/* The next <items/>; other stanzas are of no use here. */
static const struct cnc_element *
next_items(struct cnc_test *t, const struct cnc_element **items)
{
    struct cnc_element *message, *e;
    struct cnc_error err = {0};

    for (;;) {
        if (t->event != NULL) {
            *items = cnc_element_child(
                cnc_element_child(t->event, NS_EVENT, "event"), NS_EVENT,
                "items");
            e = *items == NULL
                    ? NULL
                    : cnc_element_next(*items, &t->event_at, NS_EVENT, NULL);
            if (e != NULL) {
                return e;
            }
        }
        if (cnc__client_next(t->client, &message, cnc__test_limit_ms(),
                             &err) != 0) {
            cnc__test_die(t, "no event came: %s", err.text);
        }
        keep(t, message);
        t->event = message;
        t->event_at = 0;
    }
}

const struct cnc_test_event *
cnc_test_event(struct cnc_test *t)
{
    struct cnc_test_event *event = cnc__arena_alloc(&t->arena, sizeof(*event));
    const struct cnc_element *items, *e = next_items(t, &items);

    event->node = cnc_element_attr(items, NULL, "node");
    event->id = cnc_element_attr(e, NULL, "id");
    event->retracted = cnc_element_is(e, NS_EVENT, "retract");
    event->payload = cnc_element_child(e, NULL, NULL);
    return event;
}

const char *
cnc_test_text(const struct cnc_test_event *e, const char *name)
{
    return e->payload == NULL ? "" : cnc_text(e->payload, name);
}
