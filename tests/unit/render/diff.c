/* SPDX-License-Identifier: MIT */
/* A model test: apply(patch(old, new), old) is new, for random trees. */
#include <stdio.h>

#include "../../../src/render/build.h"
#include "dom.h"
#include "test.h"

static uint64_t seed = 1;

static uint32_t
roll(uint32_t n) /* xorshift64*: the same run every time */
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (uint32_t)((seed * UINT64_C(2685821657736338717)) >> 33) % n;
}

static const char *const names[] = {
    "div", "ul",  "li", "p",  "span", "b",      "a",    "table", "tr", "td",
    "h1",  "pre", "em", "br", "img",  "select", "form", "dl",    "dd", "h2"};

static void
random_attr(struct dom *d)
{
    static const char *const attrs[] = {"class", "title", "lang", "data-x"};
    static const char *const values[] = {"",  "a",    "b\n\t\"c\"",
                                         "x", "<&>'", "\xC3\xA4"};
    dom_set(d, attrs[roll(CNC_N(attrs))], values[roll(CNC_N(values))]);
}

static struct dom *
random_node(unsigned depth, uint32_t n_ids)
{
    static const char *const texts[] = {
        "one", "two", " ", "\n x", "<&>]]>", "\"\xE2\x82\xAC\"", "\t"};
    if (roll(3) == 0) {
        return dom_new(NULL, texts[roll(CNC_N(texts))]);
    }
    struct dom *d = dom_new(names[roll(CNC_N(names))], NULL);
    if (n_ids > 0 && roll(2) == 0) {
        char id[16];
        snprintf(id, sizeof(id), "i%u", roll(n_ids));
        dom_set(d, "id", id);
    }
    while (roll(3) == 0) {
        random_attr(d);
    }
    for (uint32_t n = depth == 0 ? 0 : roll(6); n > 0; n--) {
        dom_insert(d, 0, random_node(depth - 1, n_ids));
    }
    return d;
}

static struct dom *
any_element(struct dom *d)
{
    while (d->n_kids > 0 && roll(3) != 0) {
        struct dom *kid = d->kids[roll((uint32_t)d->n_kids)];
        if (kid->name == NULL) {
            break;
        }
        d = kid;
    }
    return d;
}

static void
shuffle(struct dom *d)
{
    for (size_t i = d->n_kids; i > 1; i--) {
        size_t j = roll((uint32_t)i);
        struct dom *kid = d->kids[i - 1];
        d->kids[i - 1] = d->kids[j];
        d->kids[j] = kid;
    }
}

static void
mutate(struct dom *top, uint32_t n_ids)
{
    struct dom *d = any_element(top);
    size_t n = d->n_kids;
    switch (roll(8)) {
    case 0:
        dom_insert(d, roll((uint32_t)n + 1), random_node(2, n_ids));
        break;
    case 1:
        if (n > 0) {
            dom_free(dom_take(d, roll((uint32_t)n)));
        }
        break;
    case 2:
        if (n > 0) { /* perhaps into another parent */
            struct dom *kid = dom_take(d, roll((uint32_t)n));
            struct dom *to = any_element(top);
            dom_insert(to, roll((uint32_t)to->n_kids + 1), kid);
        }
        break;
    case 3:
        shuffle(d);
        break;
    case 4:
        if (d->n_attrs > 0) {
            char *name = cnc__strdup(d->attrs[0].name);
            dom_unset(d, name);
            cnc__free(name);
        }
        break;
    case 5:
        if (n > 0) {
            size_t i = roll((uint32_t)n);
            dom_free(d->kids[i]);
            d->kids[i] = random_node(1, n_ids);
        }
        break;
    default:
        random_attr(d);
        break;
    }
}

static void
feed(struct cnc__rbuild *b, const struct dom *d)
{
    struct cnc__attr_in attrs[16];
    if (d->name == NULL) {
        cnc__rbuild_text(b, d->text, strlen(d->text));
        return;
    }
    attrs[0] = (struct cnc__attr_in){NULL, NULL};
    for (size_t i = 0; i < d->n_attrs; i++) {
        attrs[i] = (struct cnc__attr_in){d->attrs[i].name, d->attrs[i].value};
    }
    if (cnc__rbuild_open(b, d->name, attrs, d->n_attrs) != CNC__RBUILD_SKIP) {
        for (size_t i = 0; i < d->n_kids; i++) {
            feed(b, d->kids[i]);
        }
    }
    cnc__rbuild_close(b);
}

static struct cnc__rtree *
tree_of(const struct dom *d)
{
    struct cnc__rtree *t = cnc__rtree_new();
    struct cnc__rbuild b;
    cnc__rbuild_init(&b, t, SIZE_MAX);
    feed(&b, d);
    assert_false(b.bail);
    cnc__rbuild_done(&b);
    cnc__rbuild_fini(&b);
    return t;
}

static struct dom *
read_tree(const struct cnc__rtree *t)
{
    struct cnc__str html = CNC__STR;
    cnc__rtree_html(t, NULL, &html, NULL);
    struct dom *d = dom_read(html.data);
    assert_non_null(d);
    cnc__str_fini(&html);
    return d;
}

static void
assert_same_dom(const struct dom *a, const struct dom *b)
{
    struct cnc__str x = CNC__STR, y = CNC__STR;
    dom_dump(a, &x);
    dom_dump(b, &y);
    assert_string_equal(x.data, y.data);
    cnc__str_fini(&x);
    cnc__str_fini(&y);
}

static size_t
check_pair(const struct dom *from, const struct dom *to)
{
    struct cnc__rtree *a = tree_of(from), *b = tree_of(to);
    struct dom *old = read_tree(a), *new = read_tree(b);
    struct cnc__str patch = CNC__STR;
    cnc__rtree_diff(a, b, SIZE_MAX, &patch);
    size_t len = patch.len;
    if (len > 0) {
        const char *wrong = dom_apply(old, patch.data, patch.len);
        if (wrong != NULL) {
            print_error("%s\n%s\n", wrong, patch.data);
        }
        assert_null(wrong);
    }
    assert_same_dom(old, new);
    cnc__str_fini(&patch);
    dom_free(old);
    dom_free(new);
    cnc__rtree_free(&a);
    cnc__rtree_free(&b);
    return len;
}

static void
a_patch_makes_the_new_tree_of_the_old_one(void **state)
{
    size_t some = 0;
    for (unsigned i = 0; i < 6000; i++) {
        seed = i + 1;
        uint32_t n_ids = (uint32_t[]){0, 3, 40, 400}[i % 4];
        struct dom *from = dom_new("body", NULL);
        for (uint32_t n = roll(6); n > 0; n--) {
            dom_insert(from, 0, random_node(4, n_ids));
        }
        struct dom *to = dom_copy(from);
        for (uint32_t n = roll(8); n > 0; n--) {
            mutate(to, n_ids);
        }
        some += check_pair(from, to) > 0;
        dom_free(from);
        dom_free(to);
    }
    assert_true(some > 4000);
}

static void
unrelated_trees_are_patched_too(void **state)
{
    for (unsigned i = 0; i < 1000; i++) {
        seed = i + 1000000;
        struct dom *from = random_node(5, 30), *to = random_node(5, 30);
        check_pair(from, to);
        dom_free(from);
        dom_free(to);
    }
}

/* body > ul > li#a li#b ... */
static struct dom *
list(const char *ids)
{
    struct dom *ul = dom_new("ul", NULL);
    for (const char *s = ids; *s != '\0'; s++) {
        struct dom *li = dom_new("li", NULL);
        dom_set(li, "id", (char[]){*s, '\0'});
        dom_insert(ul, ul->n_kids, li);
    }
    return ul;
}

static size_t
count(const char *s, const char *what)
{
    size_t n = 0;
    for (; (s = strstr(s, what)) != NULL; s++) {
        n++;
    }
    return n;
}

static void
as_few_elements_move_as_can_be(void **state)
{
    static const struct {
        const char *from, *to;
        size_t n;
    } cases[] = {{"abcdef", "fabcde", 1}, {"abcdef", "bcdefa", 1},
                 {"abcdef", "fedcba", 5}, {"abcdef", "badcfe", 3},
                 {"abcdef", "aexbd", 1},  {"abcdef", "abcdef", 0}};
    for (size_t i = 0; i < CNC_N(cases); i++) {
        struct dom *a = list(cases[i].from), *b = list(cases[i].to);
        struct cnc__rtree *x = tree_of(a), *y = tree_of(b);
        struct cnc__str patch = CNC__STR;
        cnc__rtree_diff(x, y, SIZE_MAX, &patch);
        assert_int_equal(count(cnc__str_c(&patch), "<move"), cases[i].n);
        check_pair(a, b);
        cnc__str_fini(&patch);
        cnc__rtree_free(&x);
        cnc__rtree_free(&y);
        dom_free(a);
        dom_free(b);
    }
}

static void
a_long_list_turned_round_is_patched(void **state)
{
    struct dom *a = dom_new("ul", NULL), *b = dom_new("ul", NULL);
    for (int i = 0; i < 2000; i++) {
        char id[16];
        struct dom *li = dom_new("li", NULL);
        snprintf(id, sizeof(id), "n%d", i);
        dom_set(li, "id", id);
        dom_insert(b, 0, dom_copy(li));
        dom_insert(a, a->n_kids, li);
    }
    check_pair(a, b);
    dom_free(a);
    dom_free(b);
}

static void
a_patch_larger_than_the_limit_says_resync(void **state)
{
    struct dom *a = list("ab"), *b = list("abcdefghijklmnop");
    struct cnc__rtree *x = tree_of(a), *y = tree_of(b);
    struct cnc__str patch = CNC__STR;
    cnc__str_puts(&patch, "before");
    cnc__rtree_diff(x, y, 200, &patch);
    assert_string_equal(patch.data,
                        "before<patch xmlns=\"http://concordance-xmpp.org/"
                        "ns/view\"><resync/></patch>");
    cnc__str_fini(&patch);
    cnc__rtree_free(&x);
    cnc__rtree_free(&y);
    dom_free(a);
    dom_free(b);
}

static void
the_body_and_the_root_keep_their_place_when_their_ids_change(void **state)
{
    struct dom *a = dom_new("html", NULL), *b = dom_new("html", NULL);
    dom_insert(a, 0, dom_new("body", NULL));
    dom_insert(b, 0, dom_new("body", NULL));
    dom_insert(a->kids[0], 0, list("abc"));
    dom_insert(b->kids[0], 0, list("xaz"));
    dom_set(a, "id", "x");
    dom_set(b, "id", "b");
    dom_set(a->kids[0], "id", "z");
    dom_set(b->kids[0], "id", "c");
    check_pair(a, b);
    check_pair(b, a);
    dom_free(a);
    dom_free(b);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_patch_makes_the_new_tree_of_the_old_one),
        cmocka_unit_test(unrelated_trees_are_patched_too),
        cmocka_unit_test(as_few_elements_move_as_can_be),
        cmocka_unit_test(a_long_list_turned_round_is_patched),
        cmocka_unit_test(a_patch_larger_than_the_limit_says_resync),
        cmocka_unit_test(
            the_body_and_the_root_keep_their_place_when_their_ids_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
