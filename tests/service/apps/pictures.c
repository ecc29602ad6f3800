/* SPDX-License-Identifier: MIT */
/* pictures.c -- an app whose forms take files: of a node, and of a command. */
#include <concordance.h>
#include <string.h>

static const struct cnc_record picture = {
    "picture", CNC_FIELDS({"title", "Title", .required = true},
                          {"image", "Image", .kind = CNC_FIELD_FILE,
                           .required = true, .match = "image/.*",
                           .max_len = 50000, .error = "Choose a picture."})};

static const struct cnc_record film = {
    "film",
    CNC_FIELDS({"title", "Title"},
               {"film", "Film", .kind = CNC_FIELD_FILE, .match = "video/.*",
                .options = CNC_OPTIONS({"https://films.example/"})},
               {"poster", "Poster", .kind = CNC_FIELD_FILE})};

static int
show(struct cnc_request *r, struct cnc_element *form)
{
    cnc_value(r, "where", "Where", "%s", cnc_text(form, "film"));
    return 0;
}

static int
look(struct cnc_request *r, struct cnc_element *form)
{
    if (strcmp(cnc_text(form, "title"), "No") == 0) {
        return cnc_refuse(r, "title", "Not that one.");
    }
    cnc_value(r, "where", "Where", "%s", cnc_text(form, "image"));
    return 0;
}

static int
add(struct cnc_request *r, struct cnc_element *record)
{
    return strcmp(cnc_text(record, "title"), "No") == 0
               ? cnc_refuse(r, "title", "Not that one.")
               : 0;
}

CNC_APP(pictures, .xmlns = "urn:x-pictures",
        .nodes = CNC_NODES({"album", &picture, .form = "Add a picture",
                            .submit = add}),
        .pages = CNC_PAGES({"/", "album", "none.xsl"}),
        .commands = CNC_COMMANDS(
            {"look", "Look", &picture, look, .who = CNC_ANYBODY_RUNS},
            {"show", "Show", &film, show, .who = CNC_ANYBODY_RUNS},
            {"staff", "For staff", &film, show}));
