#include <concordance.h>

static const struct cnc_record item = { "item", CNC_FIELDS(
    { "title", "Title", .required = true, .max_len = 200 },
    { "note",  "Note",  .kind = CNC_FIELD_LINES }) };

CNC_APP(@name@,
    .title = "@Name@",
    .xmlns = "urn:x-@name@",
    .nodes = CNC_NODES({ "@name@", &item, .form = "Add" }),
    .pages = CNC_PAGES({ "/", "@name@", "@name@.xsl" }),
    .admin = CNC_NAMES("@name@"));
