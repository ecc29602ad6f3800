/* SPDX-License-Identifier: MIT */
/* desk.c -- an app of commands, one for each thing that a command can do;
 * test_commands.py has its twin in Python. */
#include <concordance.h>
#include <stdlib.h>
#include <string.h>

static const struct cnc_record greeting = {
    "greeting",
    CNC_FIELDS(
        {"name", "Name", .required = true, .max_len = 20,
         .help = "Whom to greet"},
        {"times", "Times", .kind = CNC_FIELD_INTEGER, .min = "1", .max = "5",
         .value = "1"},
        {"mood", "Mood", .kind = CNC_FIELD_LIST, .value = "warm",
         .options = CNC_OPTIONS({"warm", "Warm"}, {"cool", "Cool & calm"})},
        {"words", "Words", .kind = CNC_FIELD_LINES})};
static const struct cnc_record search = {"search",
                                         CNC_FIELDS({"author", "Author"})};
static const struct cnc_record door = {
    "door", CNC_FIELDS({"name", "Name", .required = true},
                       {"word", "Password", .kind = CNC_FIELD_SECRET,
                        .required = true})};
static const struct cnc_record one = {"one", CNC_FIELDS({"what", "What"})};

static int
greet(struct cnc_request *r, struct cnc_element *form)
{
    const char *name = cnc_text(form, "name");

    if (strcmp(name, "Nobody") == 0) {
        cnc_refuse(r, "name", "Somebody <else>, please.");
        return cnc_refuse(r, NULL, "Nobody is not greeted.");
    }
    cnc_note(r, "Hello %s & welcome.", name);
    cnc_value(r, "times", "Times", "%s", cnc_text(form, "times"));
    cnc_value(r, "mood", "Mood", "%s", cnc_text(form, "mood"));
    cnc_value(r, "words", "Words", "%s", cnc_text(form, "words"));
    return 0;
}

static int
books(struct cnc_request *r, struct cnc_element *form)
{
    static const char *const shelf[][3] = {
        {"Emma", "Austen", "1815"},
        {"Persuasion", "Austen", "1817"},
        {"M\xc3\xbcnchen <&>", "B\xc3\xb6ll", ""}};
    const char *author = cnc_text(form, "author");
    size_t n = 0;

    cnc_column(r, "title", "Title");
    cnc_column(r, "author", "Author");
    cnc_column(r, "year", "Year");
    for (size_t i = 0; i < sizeof(shelf) / sizeof(shelf[0]); i++) {
        if (author[0] != '\0' && strcmp(author, shelf[i][1]) != 0) {
            continue;
        }
        cnc_cell(r, "title", "%s", shelf[i][0]);
        cnc_cell(r, "author", "%s", shelf[i][1]);
        if (shelf[i][2][0] != '\0') {
            cnc_cell(r, "year", "%s", shelf[i][2]);
        }
        cnc_row(r);
        n++;
    }
    cnc_note(r, "%zu books.", n);
    return 0;
}

static int
enter(struct cnc_request *r, struct cnc_element *form)
{
    if (strcmp(cnc_text(form, "word"), " open sesame ") != 0) {
        return cnc_refuse(r, "word", "That is not the word.");
    }
    cnc_note(r, "Come in, %s.", cnc_text(form, "name"));
    return 0;
}

static int
whoami(struct cnc_request *r, struct cnc_element *form)
{
    cnc_value(r, "user", "You are", "%s",
              cnc_is_guest(r) ? "a guest" : cnc_user(r));
    cnc_value(r, "lang", "You read", "%s", cnc_lang(r));
    cnc_value(r, "staff", "Staff", "%s",
              cnc_has_role(r, "staff") ? "yes" : "no");
    return 0;
}

static int
outcome(struct cnc_request *r, struct cnc_element *form)
{
    const char *what = cnc_text(form, "what");

    return strcmp(what, "missing") == 0     ? CNC_ENOENT
           : strcmp(what, "forbidden") == 0 ? CNC_EACCES
           : strcmp(what, "fault") == 0     ? CNC_EFROZEN
                                            : 0;
}

static int
move(struct cnc_request *r, struct cnc_element *form)
{
    if (cnc_text(form, "what")[0] != '\0') {
        cnc_see(r, cnc_text(form, "what"));
    }
    cnc_note(r, "It is moved.");
    return 0;
}

static struct cnc_request *waiting;

static int
later(struct cnc_request *r, struct cnc_element *form)
{
    if (waiting != NULL) {
        return cnc_refuse(r, NULL, "One waits already.");
    }
    waiting = r;
    return CNC_EAGAIN;
}

static int
tick(struct cnc_request *r)
{
    struct cnc_request *w = waiting;

    if (w != NULL) {
        waiting = NULL;
        cnc_note(w, "It was %s.", cnc_text(cnc_form(w), "what"));
        cnc_finish(w, 0);
    }
    return 0;
}

static int
done(struct cnc_request *r, struct cnc_element *form)
{
    cnc_note(r, "Done.");
    return 0;
}

CNC_APP(desk, .title = "Desk", .xmlns = "urn:x-desk",
        .nodes = CNC_NODES({"log"}),
        .pages = CNC_PAGES({"/", "log", "none.xsl"}),
        .tasks = CNC_TASKS({"tick", 1, tick}),
        .roles = CNC_ROLES({"staff", "Staff"}),
        .commands = CNC_COMMANDS(
            {"desk/greet", "Greet somebody", &greeting, greet,
             .who = CNC_ANYBODY_RUNS, .help = "Says hello."},
            {"desk/books", "Books", &search, books, .who = CNC_ANYBODY_RUNS,
             .safe = true, .help = "Lists what is on the shelf."},
            {"desk/enter", "Enter", &door, enter, .who = CNC_ANYBODY_RUNS},
            {"desk/whoami", "Who am I", NULL, whoami, .who = CNC_ANYBODY_RUNS,
             .safe = true},
            {"desk/outcome", "Outcome", &one, outcome,
             .who = CNC_ANYBODY_RUNS},
            {"desk/move", "Move", &one, move, .who = CNC_ANYBODY_RUNS,
             .see = "/_do/desk/whoami?lang=en"},
            {"desk/later", "Later", &one, later, .who = CNC_ANYBODY_RUNS},
            {"desk/ping", "Ping", NULL, done, .who = CNC_ANYBODY_RUNS},
            {"desk/user", "For users", NULL, done, .who = CNC_USERS},
            {"desk/staff", "For staff", NULL, done, .roles = "staff"},
            {"desk/admin", "For admins", NULL, done}));
