/* SPDX-License-Identifier: MIT */
/*
 * contact.c -- one item of a roster: in memory, as a client sees it, as it is
 * kept.
 */
#include "parts.h"

struct cnc__contact *
cnc__contact_new(const char *jid)
{
    struct cnc__contact *c = cnc__zalloc(sizeof(*c));

    c->jid = cnc__strdup(jid);
    return c;
}

struct cnc__contact *
cnc__contact_copy(const struct cnc__contact *c)
{
    struct cnc__contact *copy = cnc__contact_new(c->jid);

    copy->name = cnc__strdup(c->name);
    copy->request = cnc__strdup(c->request);
    copy->ver = c->ver;
    copy->bits = c->bits;
    copy->listed = c->listed;
    copy->removed = c->removed;
    copy->n_groups = c->n_groups;
    copy->groups = cnc__zalloc((c->n_groups + 1) * sizeof(*copy->groups));
    for (uint32_t i = 0; i < c->n_groups; i++) {
        copy->groups[i] = cnc__strdup(c->groups[i]);
    }
    return copy;
}

void
cnc__contact_free(struct cnc__contact *c)
{
    if (c == NULL) {
        return;
    }
    for (uint32_t i = 0; i < c->n_groups; i++) {
        cnc__free(c->groups[i]);
    }
    cnc__free(c->groups);
    cnc__free(c->name);
    cnc__free(c->request);
    cnc__free(c->jid);
    cnc__free(c);
}

size_t
cnc__contact_bytes(const struct cnc__contact *c)
{
    size_t n = strlen(c->jid) + 64;

    n += c->name == NULL ? 0 : strlen(c->name);
    n += c->request == NULL ? 0 : strlen(c->request);
    for (uint32_t i = 0; i < c->n_groups; i++) {
        n += strlen(c->groups[i]) + 8;
    }
    return n;
}

static void
add_groups(struct cnc__str *out, const struct cnc__contact *c)
{
    for (uint32_t i = 0; i < c->n_groups; i++) {
        cnc__xml_printf(out, "<group>%s</group>", c->groups[i]);
    }
}

void
cnc__contact_item(struct cnc__str *out, const struct cnc__contact *c)
{
    static const char *const states[] = {"none", "to", "from", "both"};

    cnc__xml_printf(out, "<item jid='%s'", c->jid);
    if (!c->listed) {
        cnc__str_puts(out, " subscription='remove'/>");
        return;
    }
    if (c->name != NULL) {
        cnc__xml_printf(out, " name='%s'", c->name);
    }
    cnc__str_printf(out, " subscription='%s'", states[c->bits & 3]);
    if ((c->bits & CNC__SUB_PENDING_OUT) != 0) {
        cnc__str_puts(out, " ask='subscribe'");
    }
    if ((c->bits & CNC__SUB_APPROVED) != 0) {
        cnc__str_puts(out, " approved='true'");
    }
    if (c->n_groups == 0) {
        cnc__str_puts(out, "/>");
        return;
    }
    cnc__str_putc(out, '>');
    add_groups(out, c);
    cnc__str_puts(out, "</item>");
}

void
cnc__contact_write(struct cnc__str *out, const struct cnc__contact *c)
{
    cnc__xml_printf(out, "<item jid='%s' bits='%u' ver='%llu' state='%s'",
                    c->jid, c->bits, (unsigned long long)c->ver,
                    c->listed    ? "listed"
                    : c->removed ? "removed"
                                 : "waits");
    if (c->name != NULL) {
        cnc__xml_printf(out, " name='%s'", c->name);
    }
    cnc__str_putc(out, '>');
    add_groups(out, c);
    if (c->request != NULL) {
        cnc__xml_printf(out, "<request>%s</request>", c->request);
    }
    cnc__str_puts(out, "</item>");
}

static void
read_groups(struct cnc__contact *c, const struct cnc_element *e)
{
    const struct cnc_element *g;

    c->groups =
        cnc__zalloc((cnc_element_n_children(e) + 1) * sizeof(*c->groups));
    for (size_t i = 0; (g = cnc_element_next(e, &i, "", "group")) != NULL;) {
        c->groups[c->n_groups++] = cnc__strdup(cnc_element_text(g));
    }
}

struct cnc__contact *
cnc__contact_read(const char *xml, size_t len)
{
    struct cnc_element *e = NULL;
    struct cnc__contact *c = NULL;
    const char *jid, *state, *request;
    int64_t bits, ver;

    if (cnc_xml_parse(&e, xml, len, 0, NULL, NULL) != 0) {
        return NULL;
    }
    jid = cnc_element_attr(e, NULL, "jid");
    state = cnc_element_attr(e, NULL, "state");
    if (jid != NULL && state != NULL &&
        cnc_element_attr(e, NULL, "bits") != NULL &&
        cnc_element_attr(e, NULL, "ver") != NULL &&
        cnc__parse_int(&bits, cnc_element_attr(e, NULL, "bits"), 0, 31) &&
        cnc__parse_int(&ver, cnc_element_attr(e, NULL, "ver"), 0, INT64_MAX)) {
        c = cnc__contact_new(jid);
        c->bits = (uint8_t)bits;
        c->ver = (uint64_t)ver;
        c->listed = strcmp(state, "listed") == 0;
        c->removed = strcmp(state, "removed") == 0;
        c->name = cnc__strdup(cnc_element_attr(e, NULL, "name"));
        request = cnc_element_child_text(e, "", "request");
        c->request = request[0] == '\0' ? NULL : cnc__strdup(request);
        read_groups(c, e);
    }
    cnc_element_unref(&e);
    return c;
}
