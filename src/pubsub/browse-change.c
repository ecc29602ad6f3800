/* SPDX-License-Identifier: MIT */
/*
 * browse-change.c -- an administrator's commands that change a node: publish,
 * publish again, retract, purge, affiliations.  The rules are those of
 * XEP-0060: an item goes the way of any publish.
 */
#include "../xml/write.h"
#include "browseimpl.h"
#include "changes.h"
#include "impl.h"

static const struct cnc_record ids_record = {
    "ids", CNC_FIELDS({"node", "Node", .required = true, .max_len = 1023},
                      {"id", "Items, one a line", CNC_FIELD_LINES,
                       .required = true, .max_len = 100000})};

static void
retract_one(struct cnc__node *n, const struct cnc__actor *who, const char *id,
            struct cnc__changes *c)
{
    cnc__pubsub_retract(n->ps, who, n, id, cnc__changes_one, c);
}

static void
again_one(struct cnc__node *n, const struct cnc__actor *who, const char *id,
          struct cnc__changes *c)
{
    struct cnc__item *i = cnc__node_item(n, id);
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};

    if (i == NULL) {
        cnc_error_set(&err, CNC_ENOENT, "item-not-found",
                      "there is no item %.100s", id);
        cnc__changes_one(&err, NULL, c);
        return;
    }
    if (i->payload != NULL &&
        cnc_xml_parse(&e, cnc_buf_data(i->payload), cnc_buf_len(i->payload), 0,
                      NULL, &err) != 0) {
        cnc__changes_one(&err, NULL, c);
        return;
    }
    cnc__pubsub_publish(n->ps, who, n, id, e, false, cnc__changes_one, c);
    cnc_element_unref(&e);
}

/* Each id, which stand one on a line and in values of their own. */
static void
for_ids(struct cnc__browse_env *b, struct cnc__command_reply *reply,
        const struct cnc__caller *who, struct cnc__values *v, const char *what,
        void (*f)(struct cnc__node *, const struct cnc__actor *, const char *,
                  struct cnc__changes *))
{
    struct cnc__node *n = cnc__browse_node(b, reply, v);
    struct cnc__actor self = cnc__caller_as_operator(who);
    struct cnc__values *ids;
    struct cnc__changes *c;
    const char *id;

    if (n == NULL) {
        return;
    }
    ids = cnc__values_copy(v); /* a refusal on the way frees v */
    c = cnc__changes_new(reply, what);
    cnc__node_ref(n);
    for (size_t i = 0; (id = cnc__values_get(ids, "id", i)) != NULL; i++) {
        if (id[0] == '\0' || n->deleting) {
            continue;
        }
        cnc__changes_add(c);
        f(n, &self, id, c);
    }
    cnc__node_unref(&n);
    cnc__values_free(&ids);
    cnc__changes_begun(c);
}

static void
run_retract(struct cnc__command_reply *reply, const struct cnc__caller *who,
            struct cnc__values *v, void *priv)
{
    for_ids(priv, reply, who, v, "Retracted", retract_one);
}

static void
run_again(struct cnc__command_reply *reply, const struct cnc__caller *who,
          struct cnc__values *v, void *priv)
{
    for_ids(priv, reply, who, v, "Published again", again_one);
}

static const struct cnc_record change_record = {
    "change", CNC_FIELDS({"node", "Node", .required = true, .max_len = 1023},
                         {"id", "Items, one a line", CNC_FIELD_LINES,
                          .required = true, .max_len = 100000},
                         {"what", "What", CNC_FIELD_LIST, .required = true,
                          .options = CNC_OPTIONS({"again", "Publish again"},
                                                 {"retract", "Retract"})})};

/* The buttons of one form. */
static void
run_change(struct cnc__command_reply *reply, const struct cnc__caller *who,
           struct cnc__values *v, void *priv)
{
    bool again = strcmp(cnc__values_text(v, "what"), "again") == 0;

    (again ? run_again : run_retract)(reply, who, v, priv);
}

static const struct cnc_record publish_record = {
    "publish",
    CNC_FIELDS({"node", "Node", .required = true, .max_len = 1023},
               {"id", "Item", .help = "Empty: a new one.", .max_len = 1023},
               {"payload", "Payload (XML)", CNC_FIELD_LINES, .required = true,
                .max_len = 1000000})};

static void
run_publish(struct cnc__command_reply *reply, const struct cnc__caller *who,
            struct cnc__values *v, void *priv)
{
    struct cnc__actor self = cnc__caller_as_operator(who);
    const char *id = cnc__values_text(v, "id");
    struct cnc__node *n = cnc__browse_node(priv, reply, v); /* may free v */
    struct cnc_element *e = NULL;
    struct cnc_error err = {0};
    struct cnc__str xml = CNC__STR;
    struct cnc__changes *c;

    if (n == NULL) {
        return;
    }
    cnc__values_lines(&xml, v, "payload");
    if (cnc_xml_parse(&e, cnc__str_c(&xml), xml.len, 0, NULL, &err) != 0) {
        struct cnc__str text = CNC__STR;

        cnc__str_printf(&text, CNC__TEXT("Line %u, column %u: %s."), err.line,
                        err.column, err.text);
        cnc__command_refuse(reply, v, "payload", text.data);
        cnc__str_fini(&text);
    } else {
        c = cnc__changes_new(reply, "Published");
        cnc__changes_add(c);
        cnc__pubsub_publish(n->ps, &self, n, id[0] == '\0' ? NULL : id, e,
                            false, cnc__changes_one, c);
        cnc__changes_begun(c);
    }
    cnc_element_unref(&e);
    cnc__str_fini(&xml);
}

static const struct cnc_record purge_record = {
    "purge",
    CNC_FIELDS({"node", "Node", .required = true, .max_len = 1023},
               {"again", "Its name again", .required = true, .max_len = 1023,
                .help = "All its items go. Type the node's name to say that "
                        "you mean it."})};

static void
run_purge(struct cnc__command_reply *reply, const struct cnc__caller *who,
          struct cnc__values *v, void *priv)
{
    struct cnc__actor self = cnc__caller_as_operator(who);
    struct cnc__node *n = cnc__browse_node(priv, reply, v);
    struct cnc__changes *c;

    if (n == NULL) {
        return;
    }
    if (strcmp(cnc__values_text(v, "again"), n->name) != 0) {
        cnc__command_refuse(reply, v, "again", "That is not its name.");
        return;
    }
    c = cnc__changes_new(reply, "Purged");
    cnc__changes_add(c);
    cnc__node_purge(n, &self, cnc__changes_one, c);
    cnc__changes_begun(c);
}

static const struct cnc_record affiliate_record = {
    "affiliate",
    CNC_FIELDS(
        {"node", "Node", .required = true, .max_len = 1023},
        {"jid", "Address", CNC_FIELD_JID, .required = true},
        {"affiliation", "Affiliation", CNC_FIELD_LIST, .required = true,
         .options = CNC_OPTIONS({"none", "none"}, {"member", "member"},
                                {"publisher", "publisher"},
                                {"publish-only", "publish only"},
                                {"owner", "owner"}, {"outcast", "outcast"})})};

static void
run_affiliate(struct cnc__command_reply *reply, const struct cnc__caller *who,
              struct cnc__values *v, void *priv)
{
    struct cnc__node *n = cnc__browse_node(priv, reply, v);
    struct cnc__changes *c;

    if (n == NULL) {
        return;
    }
    c = cnc__changes_new(reply, "Changed");
    cnc__changes_add(c);
    cnc__node_affiliate(n, cnc__values_text(v, "jid"),
                        cnc__values_text(v, "affiliation"), cnc__changes_one,
                        c);
    cnc__changes_begun(c);
}

const struct cnc__browse_entry cnc__browse_changes[] = {
    {"nodes/affiliate", "Change an affiliation",
     "Let somebody in, or keep him out.", &affiliate_record, false,
     run_affiliate},
    {"nodes/publish", "Publish an item", "Any XML that the node takes.",
     &publish_record, false, run_publish},
    {"nodes/again", "Publish items again",
     "As they are: whoever follows the node gets them once more.", &ids_record,
     false, run_again},
    {"nodes/retract", "Retract items", "Take items away.", &ids_record, false,
     run_retract},
    {"nodes/change", "Publish again or retract items", "Some items of a node.",
     &change_record, false, run_change},
    {"nodes/purge", "Purge a node", "Take all items away.", &purge_record,
     false, run_purge},
    {NULL, NULL, NULL, NULL, false, NULL},
};
