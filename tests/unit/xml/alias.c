/* SPDX-License-Identifier: MIT */
/* What servers say in jabber:server is what clients say in jabber:client. */
#include "help.h"

struct seen {
    char root_ns[64], stanza[512];
};

static int
on_open(struct cnc_element *root, void *priv)
{
    struct seen *s = priv;
    const char *prefix, *ns;

    for (size_t i = 0; i < cnc_element_n_decls(root); i++) {
        cnc_element_decl_at(root, i, &prefix, &ns);
        if (prefix[0] == '\0') {
            snprintf(s->root_ns, sizeof(s->root_ns), "%s", ns);
        }
    }
    return 0;
}

static int
on_stanza(struct cnc_element *e, void *priv)
{
    struct seen *s = priv;
    struct cnc_buf *text = cnc_element_write(e, 0);

    snprintf(s->stanza, sizeof(s->stanza), "%s",
             (const char *)cnc_buf_data(text));
    cnc_buf_unref(&text);
    return 0;
}

static void
run(struct seen *seen, const char *stanza)
{
    static const struct cnc_parser_events events = {.on_open = on_open,
                                                    .on_stanza = on_stanza};
    struct cnc_parser *p =
        cnc_parser_new(CNC_PARSE_STREAM, 0, NULL, &events, seen);
    const char *head = "<s:stream xmlns='jabber:server'"
                       " xmlns:s='http://etherx.jabber.org/streams'>";

    memset(seen, 0, sizeof(*seen));
    cnc_parser_alias(p, "jabber:server", "jabber:client");
    assert_int_equal(0, cnc_parser_feed(p, head, strlen(head), NULL));
    assert_int_equal(0, cnc_parser_feed(p, stanza, strlen(stanza), NULL));
    cnc_parser_free(&p);
}

static void
the_root_says_what_it_says(void **state)
{
    struct seen seen;

    run(&seen, "<message/>");
    assert_string_equal("jabber:server", seen.root_ns);
}

static void
an_inherited_namespace_is_changed(void **state)
{
    struct seen seen;

    run(&seen, "<message><body>x</body></message>");
    assert_non_null(strstr(seen.stanza, "jabber:client"));
    assert_null(strstr(seen.stanza, "jabber:server"));
}

static void
a_declared_namespace_is_changed(void **state)
{
    struct seen seen;

    run(&seen, "<message xmlns='jabber:server'><a xmlns='urn:a'>"
               "<body xmlns='jabber:server'/></a></message>");
    assert_null(strstr(seen.stanza, "jabber:server"));
    run(&seen, "<message><x:body xmlns:x='jabber:server'/></message>");
    assert_null(strstr(seen.stanza, "jabber:server"));
}

static void
others_stay(void **state)
{
    struct seen seen;

    run(&seen, "<message><a xmlns='jabber:x:data'/></message>");
    assert_non_null(strstr(seen.stanza, "jabber:x:data"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_root_says_what_it_says),
        cmocka_unit_test(an_inherited_namespace_is_changed),
        cmocka_unit_test(a_declared_namespace_is_changed),
        cmocka_unit_test(others_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
