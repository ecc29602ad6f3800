/* SPDX-License-Identifier: MIT */
/*
 * Fields that are not simply typed: made from the rest of the record, or the
 * id of another node's item.
 */
#include <stdio.h>

#include "world.h"

#include "../../../src/pubsub/form.h"

#define BOOKS "urn:example:books"

static int
label(const struct cnc_element *record, char *out, size_t size, void *priv)
{
    const char *title = cnc_element_child_text(record, NULL, "title");
    /* What is made is not there when it is made. */
    assert_string_equal(cnc_element_child_text(record, NULL, "label"), "");
    if (strcmp(title, "impossible") == 0) {
        return CNC_EREFUSED;
    }
    snprintf(out, size, "%s%s", (const char *)priv, title);
    return 0;
}

static int
year(const struct cnc_element *record, char *out, size_t size, void *priv)
{
    const char *title = cnc_element_child_text(record, NULL, "title");
    if (strcmp(title, "dated") == 0) {
        snprintf(out, size, "1815");
    } else if (strcmp(title, "misdated") == 0) {
        snprintf(out, size, "MDCCCXV");
    }
    return 0;
}

static const struct cnc_record book = {
    "book", CNC_FIELDS({"label", "Label", .compute = label,
                        .priv = (void *)"The ", .required = true},
                       {"title", "Title", .required = true},
                       {"year", "Year", CNC_FIELD_INTEGER, .compute = year})};

static char *
text_of(const struct cnc_element *e)
{
    struct cnc_buf *b = cnc_element_write(e, 0);
    char *s = cnc__strdup(cnc_buf_data(b));
    cnc_buf_unref(&b);
    return s;
}

static void
a_computed_field_is_made_when_a_record_is_built(void **state)
{
    static const struct {
        const char *title, *want, *error;
    } all[] = {
        {"<Emma>",
         "<title>&lt;Emma&gt;</title><label>The &lt;Emma&gt;</label>", NULL},
        {"dated",
         "<title>dated</title><label>The dated</label><year>1815</year>",
         NULL},
        {"misdated", NULL, "Year must be a whole number such as 42."},
        {"impossible", NULL, "Label cannot be made of this."},
    };
    for (size_t i = 0; i < CNC_N(all); i++) {
        struct cnc__values *v = cnc__values_new();
        struct cnc_element *e = NULL;
        cnc__values_add(v, "title", all[i].title, NULL);
        int rc = cnc__record_build(&e, &book, BOOKS, v);
        if (all[i].want == NULL) {
            assert_int_equal(rc, CNC_EREFUSED);
            assert_null(e);
            assert_string_equal(cnc__values_error(v, NULL), all[i].error);
        } else {
            struct cnc__str want = CNC__STR;
            assert_int_equal(rc, 0);
            char *got = text_of(e);
            cnc__str_printf(&want, "<book xmlns=\"" BOOKS "\">%s</book>",
                            all[i].want);
            assert_string_equal(got, want.data);
            assert_int_equal(cnc__record_accepts(&book, BOOKS, e, NULL), 0);
            cnc__free(got);
            cnc__str_fini(&want);
        }
        cnc_element_unref(&e);
        cnc__values_free(&v);
    }
    struct cnc__values *v = cnc__values_new();
    struct cnc_element *e = NULL;
    cnc__values_add(v, "title", "Emma", NULL);
    cnc__values_add(v, "label", "The Emma", NULL);
    assert_int_equal(cnc__record_build(&e, &book, BOOKS, v), CNC_EREFUSED);
    assert_string_equal(cnc__values_error(v, NULL),
                        "The form has no field \"label\".");
    cnc__values_free(&v);
    struct cnc__str form = CNC__STR;
    cnc__form_write(&form, &book, "Add", NULL, NULL);
    assert_non_null(strstr(form.data, "title"));
    assert_null(strstr(form.data, "Label"));
    cnc__str_fini(&form);
}

static void
a_computed_field_from_elsewhere_must_be_right(void **state)
{
    static const struct {
        const char *inside, *error; /* error NULL: accepted */
    } all[] = {
        {"<title>a</title><label>The a</label>", NULL},
        {"<label>The a</label><title>a</title>", NULL},
        {"<title>a</title><label>The b</label>",
         "Label is made from the rest of the record: \"The a\"."},
        {"<title>a</title>", "Label is needed."},
        {"<title>a</title><label>The a</label><year>1</year>",
         "Year is made from the rest of the record: \"\"."},
        {"<title>dated</title><label>The dated</label>",
         "Year is made from the rest of the record: \"1815\"."},
        {"<title>impossible</title><label>x</label>",
         "Label cannot be made of this."},
    };
    for (size_t i = 0; i < CNC_N(all); i++) {
        struct cnc_error err = {0};
        struct cnc_element *e =
            world_xml("<book xmlns='" BOOKS "'>%pR</book>", all[i].inside);
        int rc = cnc__record_accepts(&book, BOOKS, e, &err);
        assert_int_equal(rc, all[i].error == NULL ? 0 : CNC_EREFUSED);
        if (rc != 0) {
            assert_string_equal(err.text, all[i].error);
        }
        cnc_element_unref(&e);
    }
    /* The app's own is made anew. */
    struct cnc_element *e = world_xml(
        "<book xmlns='" BOOKS "'><label>old</label><title>a</title></book>");
    struct cnc_element *whole = NULL;
    assert_int_equal(cnc__record_compute(&whole, &book, BOOKS, e, NULL), 0);
    assert_string_equal(cnc_element_child_text(whole, BOOKS, "label"),
                        "The a");
    assert_int_equal(cnc__record_accepts(&book, BOOKS, whole, NULL), 0);
    cnc_element_unref(&whole);
    cnc_element_unref(&e);
}

static const struct cnc_record loan = {
    "loan", CNC_FIELDS({"book", "Book", CNC_FIELD_REF, .node = "library",
                        .show = "title"},
                       {"shelf", "Shelf", CNC_FIELD_REF, .node = "nowhere"})};

static int
judge(struct world *w, const char *inside, struct cnc__values *v,
      struct cnc_error *err)
{
    struct cnc_element *e =
        world_xml("<loan xmlns='" BOOKS "'>%pR</loan>", inside);
    int rc = cnc__record_refs(w->ps, &loan, e, v, err);
    cnc_element_unref(&e);
    return rc;
}

static void
a_reference_names_what_is_there_or_on_its_way(void **state)
{
    struct world *w = world_new();
    struct cnc__node *n = world_node(w, "library");
    struct cnc_error err = {0};
    struct cnc__values *v = cnc__values_new();
    world_publish(w, n, "1", "One");
    assert_int_equal(judge(w, "<book>1</book>", v, NULL), 0);
    assert_int_equal(judge(w, "", v, NULL), 0);
    assert_int_equal(cnc__values_n_errors(v), 0);
    assert_int_equal(judge(w, "<book>2</book>", v, &err), CNC_EREFUSED);
    assert_string_equal(err.text, "Book: there is no \"2\".");
    assert_string_equal(cnc__values_error(v, "book"), err.text);
    assert_int_equal(judge(w, "<book>2</book><shelf>a</shelf>", v, &err),
                     CNC_EREFUSED);
    assert_string_equal(err.text, "Book: there is no \"2\".");
    assert_string_equal(cnc__values_error(v, "shelf"),
                        "Shelf: there is no \"a\".");
    cnc__values_free(&v);
    w->hold = true;
    world_publish(w, n, "2", "Two");
    assert_int_equal(judge(w, "<book>2</book>", NULL, NULL), 0);
    world_flush(w);
    struct cnc__actor op = world_operator();
    cnc__pubsub_retract(w->ps, &op, n, "2", NULL, NULL);
    assert_int_equal(judge(w, "<book>2</book>", NULL, NULL), CNC_EREFUSED);
    w->hold = false;
    world_flush(w);
    world_free(&w);
}

static void
a_form_offers_items_by_what_they_show(void **state)
{
    struct world *w = world_new();
    struct cnc__node_config cfg;
    cnc__node_config_default(&cfg);
    cfg.durable = false;
    cfg.max_items = 1000;
    struct cnc__node *n = cnc__pubsub_declare(w->ps, "library", &cfg);
    struct cnc__str form = CNC__STR;
    world_publish(w, n, "1", "beta & <more>");
    world_publish(w, n, "2", "Alpha");
    world_publish(w, n, "3", "");
    cnc__form_write_in(&form, w->ps, &loan, NULL, NULL, NULL, NULL);
    assert_non_null(strstr(form.data,
                           "<option label=\"3\"><value>3</value></option>"
                           "<option label=\"Alpha\"><value>2</value></option>"
                           "<option label=\"beta &amp; "
                           "&lt;more&gt;\"><value>1</value></option>"));
    assert_non_null(
        strstr(form.data, "<field var=\"book\" type=\"list-single\""));
    assert_non_null(
        strstr(form.data, "<field var=\"shelf\" type=\"text-single\""));
    /* Too many to choose from, and nobody who knows them: typed. */
    for (int i = 0; i < CNC__MAX_REFS; i++) {
        char id[16];
        snprintf(id, sizeof(id), "n%d", i);
        world_publish(w, n, id, "x");
    }
    cnc__str_clear(&form);
    cnc__form_write_in(&form, w->ps, &loan, NULL, NULL, NULL, NULL);
    cnc__form_write(&form, &loan, NULL, NULL, NULL);
    assert_null(strstr(form.data, "list-single"));
    assert_null(strstr(form.data, "<option"));
    cnc__str_fini(&form);
    world_free(&w);
}

static void
declarations_that_make_no_sense_are_refused(void **state)
{
    const struct {
        struct cnc_record r;
        const char *part;
    } all[] = {
        {{"r", CNC_FIELDS({"a", NULL, CNC_FIELD_REF})}, "names its node"},
        {{"r", CNC_FIELDS({"a", .node = "x"})}, "only a reference"},
        {{"r", CNC_FIELDS({"a", NULL, CNC_FIELD_MULTI, .compute = year,
                           .options = CNC_OPTIONS({"x"})})},
         "not computed"},
        {{"r", CNC_FIELDS({"a", NULL, CNC_FIELD_FIXED, .compute = year})},
         "not computed"},
    };
    for (size_t i = 0; i < CNC_N(all); i++) {
        struct cnc_error err = {0};
        assert_int_equal(cnc__record_check(&all[i].r, &err), CNC_EINVAL);
        assert_non_null(strstr(err.text, all[i].part));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_computed_field_is_made_when_a_record_is_built),
        cmocka_unit_test(a_computed_field_from_elsewhere_must_be_right),
        cmocka_unit_test(a_reference_names_what_is_there_or_on_its_way),
        cmocka_unit_test(a_form_offers_items_by_what_they_show),
        cmocka_unit_test(declarations_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
