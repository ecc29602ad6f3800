/* SPDX-License-Identifier: MIT */
/*
 * pubsub.c -- follow, items, publish, retract, nodes (XEP-0060).
 */
#include <stdio.h>

#include "../base/text.h"
#include "../xml/write.h"
#include "ctl.h"

/* One line an item: id, a tab, its payload. */
static void
print_item(struct ctl *ctl, const struct cnc_element *item, void *priv)
{
    struct cnc_element *payload = cnc_element_child(item, NULL, NULL);
    const char *id = cnc_element_attr(item, NULL, "id");

    ctl_print_text(id == NULL ? "" : id);
    fputc('\t', stdout);
    if (payload == NULL) {
        fputc('\n', stdout);
    } else {
        ctl_print(ctl, payload);
    }
}

static void
print_event(struct ctl *ctl, const struct cnc_element *event)
{
    struct cnc_element *what = cnc_element_child(event, NULL, NULL);
    const char *name = cnc_element_name(what);
    struct cnc_element *e;

    if (strcmp(name, "items") != 0) {
        printf("%s\n", name); /* purge, delete, configuration */
    }
    for (size_t i = 0; (e = cnc_element_next(what, &i, NULL, NULL)) != NULL;) {
        if (cnc_element_is(e, NS_EVENT, "retract")) {
            const char *id = cnc_element_attr(e, NULL, "id");

            ctl_print_text(id == NULL ? "" : id);
            fputs("\tretracted\n", stdout);
        } else if (cnc_element_is(e, NS_EVENT, "item")) {
            print_item(ctl, e, NULL);
        }
    }
    fflush(stdout);
}

static int
follow(struct ctl *ctl, int argc, char **argv)
{
    struct cnc__str iq = CNC__STR;
    struct cnc_error err = {0};
    struct cnc_element *stanza = NULL;
    int code;

    cnc__xml_printf(&iq,
                    "<pubsub xmlns='" NS_PUBSUB
                    "'><subscribe node='%s' jid='%s'/></pubsub>",
                    argv[0], cnc__client_jid(ctl->client));
    code = ctl_iq(ctl, "set", iq.data, NULL);
    cnc__str_fini(&iq);
    if (code != 0) {
        return code;
    }
    fprintf(stderr, "Following %s at %s; Ctrl-C ends.\n", argv[0],
            cnc__client_domain(ctl->client));
    while ((code = cnc__client_next(ctl->client, &stanza, -1, &err)) == 0) {
        struct cnc_element *event =
            cnc_element_child(stanza, NS_EVENT, "event");

        if (event != NULL && cnc_element_child(event, NULL, NULL) != NULL) {
            print_event(ctl, event);
        }
        cnc_element_unref(&stanza);
    }
    return ctl_fail(&err);
}

/* One answer's items; *last is the id to go on after, empty at the end. */
static int
items_page(struct ctl *ctl, const char *iq, ctl_item_f *f, void *priv,
           size_t *n, struct cnc__str *last)
{
    struct cnc_element *reply = NULL, *pubsub, *list, *item;
    int code = ctl_iq(ctl, "get", iq, &reply);

    if (code != 0) {
        return code;
    }
    *n = 0;
    pubsub = cnc_element_child(reply, NS_PUBSUB, "pubsub");
    list = cnc_element_child(pubsub, NS_PUBSUB, "items");
    for (size_t i = 0; list != NULL && (item = cnc_element_next(
                                            list, &i, NS_PUBSUB, "item"));) {
        f(ctl, item, priv);
        (*n)++;
    }
    cnc__str_clear(last);
    cnc__str_puts(
        last, cnc_element_child_text(cnc_element_child(pubsub, NS_RSM, "set"),
                                     NS_RSM, "last"));
    cnc_element_unref(&reply);
    return 0;
}

/* The service gives at most a page at a time (XEP-0059). */
int
ctl_items(struct ctl *ctl, const char *node, ctl_item_f *f, void *priv)
{
    struct cnc__str iq = CNC__STR, last = CNC__STR;
    size_t n;
    int code;

    do {
        cnc__str_clear(&iq);
        cnc__xml_printf(&iq,
                        "<pubsub xmlns='" NS_PUBSUB "'><items node='%s'/>"
                        "<set xmlns='" NS_RSM "'><max>500</max>",
                        node);
        if (last.len > 0) {
            cnc__xml_printf(&iq, "<after>%s</after>", last.data);
        }
        cnc__str_puts(&iq, "</set></pubsub>");
        code = items_page(ctl, iq.data, f, priv, &n, &last);
    } while (code == 0 && n > 0 && last.len > 0);
    cnc__str_fini(&iq);
    cnc__str_fini(&last);
    return code;
}

static int
items(struct ctl *ctl, int argc, char **argv)
{
    struct cnc__str iq = CNC__STR, last = CNC__STR;
    int64_t max;
    size_t n;
    int code;

    if (argc == 1) {
        return ctl_items(ctl, argv[0], print_item, NULL);
    }
    cnc__xml_printf(&iq, "<pubsub xmlns='" NS_PUBSUB "'><items node='%s'",
                    argv[0]);
    if (strcmp(argv[1], "--max") == 0) {
        if (argc != 3 || !cnc__parse_int(&max, argv[2], 1, 1000)) {
            cnc__str_fini(&iq);
            return ctl_say(2, "--max needs a number from 1 to 1000.");
        }
        cnc__xml_printf(&iq, " max_items='%s'", argv[2]);
        argc = 1;
    }
    cnc__str_puts(&iq, ">");
    for (int i = 1; i < argc; i++) {
        cnc__xml_printf(&iq, "<item id='%s'/>", argv[i]);
    }
    cnc__str_puts(&iq, "</items></pubsub>");
    code = items_page(ctl, iq.data, print_item, NULL, &n, &last);
    cnc__str_fini(&iq);
    cnc__str_fini(&last);
    return code;
}

static int
publish(struct ctl *ctl, int argc, char **argv)
{
    bool here = argc > 1 && argv[1][0] == '<';
    size_t len = here ? strlen(argv[1]) : 0;
    char *text =
        here ? cnc__strdup(argv[1]) : ctl_read(argc > 1 ? argv[1] : "-", &len);
    struct cnc__str iq = CNC__STR;
    struct cnc_element *payload = NULL, *reply = NULL, *item;
    struct cnc_error err = {0};
    const char *id;
    int code;

    if (text == NULL) {
        return 1;
    }
    if (len == 0) {
        cnc__free(text);
        return ctl_say(1, "there is nothing to publish.");
    }
    code = cnc_xml_parse(&payload, text, len, 0, NULL, &err);
    cnc__free(text);
    if (code != 0) {
        return ctl_say(1, "the payload is no XML: line %u, column %u: %s.",
                       err.line, err.column, err.text);
    }
    cnc__xml_printf(&iq,
                    "<pubsub xmlns='" NS_PUBSUB "'><publish node='%s'><item",
                    argv[0]);
    if (argc > 2) {
        cnc__xml_printf(&iq, " id='%s'", argv[2]);
    }
    cnc__xml_printf(&iq, ">%pE</item></publish></pubsub>", payload);
    cnc_element_unref(&payload);
    code = ctl_iq(ctl, "set", iq.data, &reply);
    cnc__str_fini(&iq);
    if (code != 0) {
        return code;
    }
    item = cnc_element_child(
        cnc_element_child(cnc_element_child(reply, NS_PUBSUB, "pubsub"),
                          NS_PUBSUB, "publish"),
        NS_PUBSUB, "item");
    id = item == NULL ? NULL : cnc_element_attr(item, NULL, "id");
    ctl_print_text(id != NULL ? id : argc > 2 ? argv[2] : "");
    fputc('\n', stdout);
    cnc_element_unref(&reply);
    return 0;
}

static int
retract(struct ctl *ctl, int argc, char **argv)
{
    struct cnc__str iq = CNC__STR;
    int code;

    cnc__xml_printf(
        &iq, "<pubsub xmlns='" NS_PUBSUB "'><retract node='%s' notify='true'>",
        argv[0]);
    for (int i = 1; i < argc; i++) {
        cnc__xml_printf(&iq, "<item id='%s'/>", argv[i]);
    }
    cnc__str_puts(&iq, "</retract></pubsub>");
    code = ctl_iq(ctl, "set", iq.data, NULL);
    cnc__str_fini(&iq);
    return code;
}

static int
nodes(struct ctl *ctl, int argc, char **argv)
{
    struct cnc_element *reply = NULL, *query, *item;
    int code = ctl_iq(
        ctl, "get", "<query xmlns='http://jabber.org/protocol/disco#items'/>",
        &reply);

    if (code != 0) {
        return code;
    }
    query = cnc_element_child(reply, NULL, "query");
    for (size_t i = 0;
         (item = cnc_element_next(query, &i, NULL, "item")) != NULL;) {
        const char *node = cnc_element_attr(item, NULL, "node");
        const char *name = cnc_element_attr(item, NULL, "name");

        if (node != NULL) {
            printf("%s\t%s\n", node, name == NULL ? "" : name);
        }
    }
    cnc_element_unref(&reply);
    return 0;
}

const struct ctl_command ctl_pubsub[] = {
    {"nodes", "", "list the nodes", NULL, 0, 0, false, nodes},
    {"follow", "NODE", "print each record of a node as it arrives",
     "One line a record: its id, a tab, its XML. Ends with Ctrl-C, or with "
     "status 1\nwhen the service goes away.\n",
     1, 1, false, follow},
    {"items", "NODE [--max N | ID...]", "print the records of a node",
     "All of them, the newest N, or those of these ids.\n", 1, -1, false,
     items},
    {"publish", "NODE [FILE | XML] [ID]", "publish a record",
     "The XML itself, a file with it, or - for standard input. Prints the "
     "item's id.\n"
     "  concordctl publish library '<book xmlns=\"...\"><title>...'\n",
     1, 3, false, publish},
    {"retract", "NODE ID...", "take records away", NULL, 2, -1, false,
     retract},
    {NULL, NULL, NULL, NULL, 0, 0, false, NULL},
};
