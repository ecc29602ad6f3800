/* SPDX-License-Identifier: MIT */
/* Handlers of pages that run in a web server's process, which is played by
 * hand here: what it is asked, and what is believed of its answer. */
#include "world.h"

#include <stdio.h>

#include "../../../src/web/agent.h"

static unsigned n_here; /* so often the handler ran in the service */

static int
on_look(struct cnc_request *r, struct cnc_element *form)
{
    n_here++;
    cnc_note(r, "Here: %s", cnc_text(form, "q"));
    return 0;
}

static const struct cnc_record look = {
    "look", CNC_FIELDS({"q", "Words", .required = true},
                       {"year", "Year", .kind = CNC_FIELD_INTEGER})};
static const struct cnc_record book = {"book", CNC_FIELDS({"title"})};
static const struct cnc_record set = {
    "set", CNC_FIELDS({"greeting", .value = "Hello & <all>"})};

static const struct cnc_app shelf = {
    .abi = CNC_APP_ABI,
    .size = sizeof(struct cnc_app),
    .name = "shelf",
    .xmlns = NS,
    .settings = &set,
    .nodes = CNC_NODES({"books", &book}),
    .roles = CNC_ROLES({"staff", "Staff"}, {"none", NULL}),
    .commands = CNC_COMMANDS({"look", "Look", &look, on_look,
                              .who = CNC_ANYBODY_RUNS, .reads = true},
                             {"safe", "Safe", &look, on_look,
                              .who = CNC_ANYBODY_RUNS, .safe = true})};

/* -- the gate, by hand ------------------------------------------------------
 */

static struct gate {
    struct cnc__http_asker asker;
    struct cnc__http_request request;
    struct cnc__web_call web;
    struct cnc__http_errand *said;
    struct cnc__request *iq;
    unsigned n_said, n_dropped;
    char xml[4096], call[33];
} gate;

static void
say(struct cnc__http_asker *self, struct cnc__http_errand *e, const char *xml,
    size_t len)
{
    const char *call = strstr(xml, "call='");

    gate.said = e;
    gate.n_said++;
    snprintf(gate.xml, sizeof(gate.xml), "%s", xml);
    assert_non_null(call);
    snprintf(gate.call, sizeof(gate.call), "%.32s", call + 6);
}

static bool
go_on(struct cnc__http_asker *self, struct cnc__http_errand *e,
      struct cnc__request **iq)
{
    if (gate.said != e) {
        return false;
    }
    gate.said = NULL;
    cnc__request_free(&gate.iq); /* of the page before */
    gate.iq = *iq;
    *iq = NULL;
    return true;
}

static void
drop(struct cnc__http_asker *self, struct cnc__http_errand *e)
{
    assert_ptr_equal(gate.said, e);
    gate.said = NULL;
    gate.n_dropped++;
}

/* -- asking ----------------------------------------------------------------
 */

struct heard {
    unsigned n;
    int code;
    char text[256], see[64], field[128];
    struct cnc__str xml;
};

static struct heard heard;
static struct cnc__session *web, *other;

static void
answered(const struct cnc__command_answer *a, struct cnc__values *v,
         void *priv)
{
    const char *field = cnc__values_error(v, "q");

    heard.n++;
    heard.code = a->code;
    snprintf(heard.text, sizeof(heard.text), "%s",
             a->text == NULL ? "" : a->text);
    snprintf(heard.see, sizeof(heard.see), "%s", a->see == NULL ? "" : a->see);
    snprintf(heard.field, sizeof(heard.field), "%s",
             field == NULL ? "" : field);
    cnc__str_clear(&heard.xml);
    cnc__str_puts(&heard.xml, a->result_xml == NULL ? "" : a->result_xml);
}

static void
ask(struct world *w, const char *node)
{
    struct cnc__values *v = cnc__values_new();
    const struct cnc__caller who = {.who = {.jid = "anna@example.com/r"},
                                    .lang = "de",
                                    .addr = "",
                                    .web = &gate.web};

    heard.n = 0;
    cnc__values_add(v, "q", "a & b", NULL);
    cnc__commands_call(world_commands(w), node, &who, v, answered, NULL);
}

static int
set_up(void **state)
{
    struct world *w = world_new();

    *state = w;
    world_add(w, &shelf);
    assert_int_equal(cnc__apps_start(world_apps(w), NULL), 0);
    assert_int_equal(cnc__apps_web(world_apps(w), NULL), 0);
    web = world_session(w, "operator@example.com", true);
    other = world_session(w, "root@example.com", true);
    n_here = 0;
    heard = (struct heard){.xml = CNC__STR};
    gate = (struct gate){.asker = {.apps = "news shelf",
                                   .session = web->id,
                                   .say = say,
                                   .go_on = go_on,
                                   .drop = drop}};
    gate.request.asker = &gate.asker;
    gate.web.request = &gate.request;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    cnc__request_free(&gate.iq);
    cnc__router_unbind(&web);
    cnc__router_unbind(&other);
    world_free(&w);
    cnc__str_fini(&heard.xml);
    return 0;
}

/* <ran/> with these attributes and children. */
static void
ran(struct cnc__session *s, const char *call, const char *more,
    const char *children)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_printf(
        &xml,
        "<iq xmlns='jabber:client' type='set' id='1' to='example.com'>"
        "<ran xmlns='%s' call='%s'%s>%s</ran></iq>",
        CNC__NS_WEB, call, more, children);
    world_say(s, xml.data);
    cnc__str_fini(&xml);
}

#define X(inner)  "<x xmlns='jabber:x:data' type='result'>" inner "</x>"
#define COLUMNS   "<reported><field var='t' label='A &amp; B'/></reported>"
#define ROW(text) "<item><field var='t'><value>" text "</value></field></item>"

/* -- tests -----------------------------------------------------------------
 */

static void
the_process_is_told_who_asks_and_what(void **state)
{
    static const char *const said[] = {
        "<run xmlns='http://concordance-xmpp.org/ns/web' call='",
        " app='shelf' command='look' user='anna@example.com' guest='false'"
        " operator='false' roles='staff' lang='de'",
        " seconds='25'><look xmlns=\"" NS "\"><q>a &amp; b</q></look></run>"};

    ask(*state, "look");
    assert_int_equal(heard.n, 0);
    for (size_t i = 0; i < CNC_N(said); i++) {
        if (strstr(gate.xml, said[i]) == NULL) {
            fail_msg("%s is not in %s", said[i], gate.xml);
        }
    }
    ran(web, gate.call, "", "<note>2 &lt; 3</note><see>/there</see>");
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.code, 0);
    assert_string_equal(heard.text, "2 < 3");
    assert_string_equal(heard.see, "/there");
    assert_non_null(gate.iq); /* the answer's, from now on */
    assert_int_equal(n_here, 0);
}

static void
only_what_reads_and_is_there_goes_away(void **state)
{
    ask(*state, "safe");
    assert_string_equal(heard.text, "Here: a & b");
    gate.asker.apps = "news shelf2";
    ask(*state, "look");
    assert_string_equal(heard.text, "Here: a & b");
    gate.request.asker = NULL;
    ask(*state, "look");
    assert_int_equal(n_here, 3);
    assert_int_equal(gate.n_said, 0);
}

static void
what_is_not_there_runs_here(void **state)
{
    ask(*state, "look");
    ran(web, gate.call, "", "<not-here/>");
    assert_int_equal(n_here, 1);
    assert_string_equal(heard.text, "Here: a & b");
}

static void
a_table_comes_in_parts(void **state)
{
    ask(*state, "look");
    ran(web, gate.call, " more='true'", X(COLUMNS ROW("1") ROW("&lt;2")));
    assert_non_null(strstr(world_heard(), "type='result'"));
    ran(web, gate.call, " more='true'", X(ROW("3")));
    assert_int_equal(heard.n, 0);
    ran(web, gate.call, "", X(ROW("4")) "<note>4</note>");
    assert_string_equal(
        cnc__str_c(&heard.xml),
        "<x xmlns='jabber:x:data' type='result'><title>Look</title>"
        "<reported><field var='t' label='A &amp; B'/></reported>"
        "<item><field var='t'><value>1</value></field></item>"
        "<item><field var='t'><value>&lt;2</value></field></item>"
        "<item><field var='t'><value>3</value></field></item>"
        "<item><field var='t'><value>4</value></field></item></x>");
}

static void
rows_past_the_limit_are_counted_alone(void **state)
{
    struct cnc__str part = CNC__STR;

    cnc__str_puts(&part, X(COLUMNS));
    part.len -= strlen("</x>");
    for (unsigned i = 0; i < 100; i++) {
        cnc__str_printf(&part, ROW("%04000u"), i);
    }
    cnc__str_puts(&part, "</x>");
    ask(*state, "look");
    ran(web, gate.call, " more='true'", part.data);
    for (unsigned i = 0; i < 11; i++) {
        char *rows = strstr(part.data, "<item>");
        struct cnc__str more = CNC__STR;

        cnc__str_printf(&more, "<x xmlns='jabber:x:data'>%s", rows);
        ran(web, gate.call, " more='true'", more.data);
        cnc__str_fini(&more);
    }
    ran(web, gate.call, "", "");
    assert_int_equal(heard.code, 0);
    assert_non_null(strstr(heard.text, "more do not fit in an answer."));
    assert_true(heard.xml.len < (4u << 20) + 8192);
    cnc__str_fini(&part);
}

static void
values_have_their_lines(void **state)
{
    ask(*state, "look");
    ran(web, gate.call, "",
        X("<field var='n' label='N'><value>7</value></field>"
          "<field var='l'><value>1</value><value>2</value></field>"));
    assert_non_null(strstr(heard.xml.data,
                           "<field var='n' label='N' type='text-single'>"
                           "<value>7</value></field>"
                           "<field var='l' label='l' type='text-multi'>"
                           "<value>1</value><value>2</value></field>"));
}

static void
a_refusal_reaches_its_field(void **state)
{
    ask(*state, "look");
    ran(web, gate.call, "", "<refuse field='q'>Not that.</refuse>");
    assert_int_equal(heard.code, CNC_EREFUSED);
    assert_string_equal(heard.field, "Not that.");
}

static void
last_error(const struct cnc__app_info *info, void *priv)
{
    snprintf(priv, 256, "%s", info->error == NULL ? "" : info->error);
}

static void
a_fault_is_the_apps_and_told_plainly(void **state)
{
    struct world *w = *state;
    char error[256];

    ask(w, "look");
    ran(web, gate.call, "", "<fault>KeyError: 'x' (shelf.py:12)</fault>");
    assert_int_equal(heard.code, CNC_ESYS);
    assert_non_null(strstr(heard.text, "on our side"));
    cnc__apps_each(world_apps(w), last_error, error);
    assert_string_equal(error, "KeyError: 'x' (shelf.py:12)");
    ask(w, "look");
    ran(web, gate.call, "", "<fault timeout='true'>too long</fault>");
    assert_int_equal(heard.code, CNC_EAGAIN);
    assert_string_equal(heard.text,
                        "It took too long. Please try again later.");
}

static void
what_is_no_answer_is_a_fault(void **state)
{
    static const struct {
        const char *xml, *says;
    } cases[] = {
        {"<nonsense/>", "something unknown"},
        {"<x type='result'/>", "something unknown"},
        {X("<field><value>1</value></field>"), "a field without a name"},
        {X("<field var=''/>"), "a field without a name"},
        {X(ROW("1")), "rows without columns"},
        {X(COLUMNS) X(COLUMNS), "columns twice"},
        {X("<reported><field/></reported>"), "a field without a name"},
        {X(COLUMNS "<item><field/></item>"), "a field without a name"},
    };

    for (size_t i = 0; i < CNC_N(cases); i++) {
        char error[256];

        ask(*state, "look");
        ran(web, gate.call, "", cases[i].xml);
        assert_int_equal(heard.n, 1);
        assert_int_equal(heard.code, CNC_ESYS);
        cnc__apps_each(world_apps(*state), last_error, error);
        if (strstr(error, cases[i].says) == NULL) {
            fail_msg("\"%s\" is not in: %s", cases[i].says, error);
        }
    }
}

static void
a_part_that_is_wrong_spoils_the_whole(void **state)
{
    ask(*state, "look");
    ran(web, gate.call, " more='true'", "<nonsense/>");
    ran(web, gate.call, "", "<note>Fine.</note>");
    assert_int_equal(heard.code, CNC_ESYS);
}

static void
nobody_else_answers_and_nobody_twice(void **state)
{
    char call[33];

    ask(*state, "look");
    memcpy(call, gate.call, sizeof(call));
    ran(web, "00000000000000000000000000000000", "", "<note>1</note>");
    assert_non_null(strstr(world_heard(), "item-not-found"));
    ran(other, call, "", "<note>2</note>");
    assert_non_null(strstr(world_heard(), "item-not-found"));
    ran(other, call, " more='true'", "<note>2</note>");
    assert_non_null(strstr(world_heard(), "item-not-found"));
    assert_int_equal(heard.n, 0);
    ran(web, call, "", "<note>3</note>");
    assert_string_equal(heard.text, "3");
    ran(web, call, "", "<note>4</note>");
    assert_non_null(strstr(world_heard(), "item-not-found"));
    assert_int_equal(heard.n, 1);
    assert_string_equal(heard.text, "3");
}

static void
the_one_that_was_not_said_yet_is_not_answered(void **state)
{
    char call[33];
    struct cnc__http_errand *said;

    ask(*state, "look");
    memcpy(call, gate.call, sizeof(call));
    said = gate.said;
    gate.said = NULL; /* the gate says another one first */
    ran(web, call, "", "<note>1</note>");
    assert_non_null(strstr(world_heard(), "item-not-found"));
    gate.said = said;
    ran(web, call, "", "<note>2</note>");
    assert_string_equal(heard.text, "2");
}

static void
a_process_that_goes_is_waited_for_no_more(void **state)
{
    struct cnc__apps *a = world_apps(*state);
    char call[33];

    ask(*state, "look");
    memcpy(call, gate.call, sizeof(call));
    gate.said->gone(gate.said);
    assert_int_equal(heard.n, 0); /* not from inside that call */
    ran(web, call, "", "<note>1</note>");
    assert_non_null(strstr(world_heard(), "item-not-found"));
    cnc__apps_tick(a, 1000);
    assert_int_equal(heard.n, 1);
    assert_int_equal(heard.code, CNC_ESYS);
    assert_int_equal(gate.n_dropped, 0);
}

static void
a_process_that_is_late_is_waited_for_no_more(void **state)
{
    struct cnc__apps *a = world_apps(*state);
    char call[33];

    cnc__apps_tick(a, 1000);
    ask(*state, "look");
    memcpy(call, gate.call, sizeof(call));
    cnc__apps_tick(a, 30999);
    assert_int_equal(heard.n, 0);
    cnc__apps_tick(a, 31000);
    assert_int_equal(heard.n, 1);
    assert_int_equal(gate.n_dropped, 1);
    ran(web, call, "", "<note>1</note>");
    assert_non_null(strstr(world_heard(), "item-not-found"));
    assert_int_equal(heard.n, 1);
}

static void
the_first_second_has_no_other_clock(void **state)
{
    ask(*state, "look");
    cnc__apps_tick(world_apps(*state), 1000000000);
    assert_int_equal(heard.n, 0);
    ran(web, gate.call, "", "<note>1</note>");
    assert_string_equal(heard.text, "1");
}

static void
an_app_that_stops_meanwhile_answers_nobody(void **state)
{
    struct world *w = *state;

    ask(w, "look");
    cnc__commands_remove(world_commands(w), "look");
    assert_int_equal(heard.n, 1);
    ran(web, gate.call, "", "<not-here/>");
    assert_int_equal(heard.n, 1);
    assert_int_equal(n_here, 0);
}

static void
what_still_waits_at_the_end_is_let_go(void **state)
{
    ask(*state, "look");
    assert_non_null(gate.said); /* tear_down() ends it */
}

/* -- reading ---------------------------------------------------------------
 */

static const char *
get(struct cnc__session *s, const char *payload)
{
    struct cnc__str xml = CNC__STR;

    cnc__str_printf(
        &xml,
        "<iq xmlns='jabber:client' type='get' id='1' to='example.com'>%s</iq>",
        payload);
    world_say(s, xml.data);
    cnc__str_fini(&xml);
    return world_heard();
}

static void
publish(struct world *w, const char *id, const char *title)
{
    const struct cnc__actor actor = {.jid = "example.com", .operator_ = true};
    struct cnc_element *e = NULL;
    struct cnc__str xml = CNC__STR;

    cnc__str_printf(&xml, "<book xmlns='" NS "'><title>%s</title></book>",
                    title);
    assert_int_equal(cnc_xml_parse(&e, xml.data, xml.len, 0, NULL, NULL), 0);
    cnc__pubsub_publish(world_pubsub(w), &actor,
                        cnc__pubsub_node(world_pubsub(w), "books"), id, e,
                        false, NULL, NULL);
    world_flush(w, NULL);
    cnc_element_unref(&e);
    cnc__str_fini(&xml);
}

#define QUERY(rest)                                                           \
    "<query xmlns='http://concordance-xmpp.org/ns/web' app='shelf' "          \
    "node='books'" rest

static void
records_are_read_as_the_app_reads_them(void **state)
{
    const char *said;

    publish(*state, "b1", "Emma");
    publish(*state, "b2", "A &amp; B");
    said = get(web, QUERY(" where='title={t}'><param name='t'>A &amp; B"
                          "</param></query>"));
    assert_non_null(strstr(said, "total='1'><item id='b2'><book xmlns="));
    assert_null(strstr(said, "Emma"));
    said = get(web, QUERY(" sort='-title' limit='1'/>"));
    assert_non_null(strstr(said, "total='2'><item id='b1'>"));
    assert_null(strstr(said, "b2"));
    said = get(web, QUERY(" item='b2'/>"));
    assert_non_null(strstr(said, "A &amp; B"));
    said = get(web, QUERY(" item='b3'/>"));
    assert_null(strstr(said, "<item"));
    assert_non_null(strstr(said, "type='result'"));
    said = get(web, QUERY(" where='title={t}'/>"));
    assert_non_null(strstr(said, "error='where: the parameter"));
    said = get(web, "<setting xmlns='http://concordance-xmpp.org/ns/web' "
                    "app='shelf' name='greeting'/>");
    assert_non_null(strstr(said, ">Hello &amp; &lt;all&gt;</setting>"));
}

static void
what_is_no_question_is_refused(void **state)
{
    assert_non_null(strstr(get(web, QUERY(" limit='0'/>")), "bad-request"));
    assert_non_null(strstr(get(web, QUERY(" offset='-1'/>")), "bad-request"));
    assert_non_null(
        strstr(get(web, QUERY("><param>x</param></query>")), "bad-request"));
    assert_non_null(
        strstr(get(web, "<query xmlns='http://concordance-xmpp.org/ns/web' "
                        "app='shelf'/>"),
               "bad-request"));
    assert_non_null(
        strstr(get(web, "<query xmlns='http://concordance-xmpp.org/ns/web' "
                        "app='shelf' node='nothing'/>"),
               "item-not-found"));
    assert_non_null(
        strstr(get(web, "<setting xmlns='http://concordance-xmpp.org/ns/web' "
                        "app='nobody' name='greeting'/>"),
               "item-not-found"));
}

static void
a_stranger_reads_nothing(void **state)
{
    other->operator_ = false;
    publish(*state, "b1", "Emma");
    assert_non_null(strstr(get(other, QUERY("/>")), "forbidden"));
    assert_null(strstr(world_heard(), "Emma"));
}

static void
an_answer_has_so_many_bytes_and_no_more(void **state)
{
    struct cnc__str title = CNC__STR;
    const char *said;
    unsigned n = 0;

    for (unsigned i = 0; i < 9000; i++) {
        cnc__str_putc(&title, 'x');
    }
    for (unsigned i = 0; i < 40; i++) {
        char id[16];

        snprintf(id, sizeof(id), "b%u", i);
        publish(*state, id, title.data);
    }
    said = get(web, QUERY(" limit='40'/>"));
    assert_non_null(strstr(said, "total='40'"));
    assert_true(strlen(said) < 220 * 1024);
    while ((said = strstr(said, "<item ")) != NULL) {
        said++;
        n++;
    }
    assert_true(n > 10 && n < 40);
    cnc__str_fini(&title);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_process_is_told_who_asks_and_what),
        TEST(only_what_reads_and_is_there_goes_away),
        TEST(what_is_not_there_runs_here),
        TEST(a_table_comes_in_parts),
        TEST(rows_past_the_limit_are_counted_alone),
        TEST(values_have_their_lines),
        TEST(a_refusal_reaches_its_field),
        TEST(a_fault_is_the_apps_and_told_plainly),
        TEST(what_is_no_answer_is_a_fault),
        TEST(a_part_that_is_wrong_spoils_the_whole),
        TEST(nobody_else_answers_and_nobody_twice),
        TEST(the_one_that_was_not_said_yet_is_not_answered),
        TEST(a_process_that_goes_is_waited_for_no_more),
        TEST(a_process_that_is_late_is_waited_for_no_more),
        TEST(the_first_second_has_no_other_clock),
        TEST(an_app_that_stops_meanwhile_answers_nobody),
        TEST(what_still_waits_at_the_end_is_let_go),
        TEST(records_are_read_as_the_app_reads_them),
        TEST(what_is_no_question_is_refused),
        TEST(a_stranger_reads_nothing),
        TEST(an_answer_has_so_many_bytes_and_no_more)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
