# SPDX-License-Identifier: MIT
"""Apps in C, as many as asked for, made and built in a folder.

Each has what apps have: records with a reference and an index, two nodes with
forms and handlers, pages with parameters, commands, a task, settings, a role,
and needs the one before it.
"""
from __future__ import annotations

import concurrent.futures
import os
import subprocess

SOURCE = r"""
#include <concordance.h>

static const struct cnc_record person = {"person", CNC_FIELDS(
    {"name", "Name", .required = true, .max_len = 100, .index = true},
    {"mail", "Mail", .match = "[^@ ]+@[^@ ]+"},
    {"since", "Since", CNC_FIELD_DATE})};
static const struct cnc_record entry = {"entry", CNC_FIELDS(
    {"title", "Title", .required = true, .max_len = 200},
    {"by", "By", CNC_FIELD_REF, .node = "people%(n)d", .show = "name"},
    {"text", "Text", CNC_FIELD_LINES},
    {"stars", "Stars", CNC_FIELD_INTEGER, .min = "0", .max = "5",
     .index = true})};
static const struct cnc_record settings = {"settings", CNC_FIELDS(
    {"greeting", "Greeting", .value = "Hello"},
    {"rows", "Rows", CNC_FIELD_INTEGER, .value = "20", .min = "1"})};
static const struct cnc_record which = {"which", CNC_FIELDS(
    {"title", "Title", .required = true})};

static int
judge(struct cnc_request *r, struct cnc_element *record)
{
    return cnc_find(r, "entries%(n)d", "title", cnc_text(record, "title"))
               ? cnc_refuse(r, "title", "That is there.")
               : 0;
}

static int
count(struct cnc_request *r, struct cnc_element *form)
{
    cnc_note(r, "%%s, %%s.", cnc_setting(r, "greeting"),
             cnc_text(form, "title"));
    return 0;
}

static int
tidy(struct cnc_request *r)
{
    return 0;
}

static int
start(struct cnc_request *r)
{
    return cnc_setting(r, "rows")[0] == '\0' ? CNC_ESYS : 0;
}

CNC_APP(many%(n)d, .title = "App %(n)d", .xmlns = "urn:x-many:%(n)d",
        .version = "1.0", .needs = %(needs)s,
        .nodes = CNC_NODES(
            {"people%(n)d", &person, .form = "Add somebody"},
            {"entries%(n)d", &entry, .form = "Write", .submit = judge}),
        .pages = CNC_PAGES(
            {"/many/%(n)d", "entries%(n)d people%(n)d"},
            {"/many/%(n)d/stars/{stars}", "entries%(n)d",
             .where = "stars={stars}", .sort = "-title"}),
        .commands = CNC_COMMANDS(
            {"many%(n)d/count", "Count", &which, count,
             .who = CNC_ANYBODY_RUNS, .safe = true},
            {"many%(n)d/tidy", "Tidy up", .run = count}),
        .roles = CNC_ROLES({"many%(n)d", "Of app %(n)d"}),
        .tasks = CNC_TASKS({"tidy", 3600, tidy}), .settings = &settings,
        .start = start);
"""


def make(folder: str, top: str, library: str, n: int) -> list[str]:
    """The paths of n modules."""
    def build(i: int) -> str:
        path = os.path.join(folder, f"many{i}")
        needs = f'CNC_NAMES("many{i - 1}")' if i > 0 else "NULL"
        with open(path + ".c", "w", encoding="utf-8") as f:
            f.write(SOURCE % {"n": i, "needs": needs})
        os.mkdir(path)  # its files: none
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-I",
                        os.path.join(top, "include"), "-o", path + ".so",
                        path + ".c", library], check=True, timeout=60)
        return path + ".so"
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(build, range(n)))
