#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make allow_table.h from web/allow.json: one list for both sides."""
import json
import sys


def word(name):
    return "".join(c if c.isalnum() else "_" for c in name).upper()


def check(names):
    for n in names:
        if not all(c.islower() or c.isdigit() or c == "-" for c in n):
            sys.exit(f"allow.json: bad name {n!r}")
    return sorted(set(names))


def table(out, c_name, names):
    out.append(f"static const char *const {c_name}[] = {{")
    out += [f'    "{n}",' for n in names]
    out.append("};")


def enum(out, prefix, names):
    out.append("enum {")
    out += [f"    {prefix}_{word(n)}," for n in names]
    out.append(f"    {prefix}_N")
    out.append("};")


def main(source, target):
    with open(source, encoding="utf-8") as f:
        allow = json.load(f)
    out = ["/* SPDX-License-Identifier: MIT */",
           "/* Made by allow.py from web/allow.json. */"]
    elements = check(allow["elements"])
    attributes = check(allow["attributes"])
    if set(elements) & set(allow["dropped_whole"]):
        sys.exit("allow.json: an element is both allowed and dropped")
    if not set(allow["url_attributes"]) <= set(attributes):
        sys.exit("allow.json: a URL attribute is not allowed")
    out.append("#ifdef CNC__ALLOW_ENUMS")
    enum(out, "CNC__TAG", elements)
    enum(out, "CNC__ATTR", attributes)
    out.append("#endif")
    out.append("#ifdef CNC__ALLOW_TABLES")
    table(out, "tag_names", elements)
    table(out, "attr_names", attributes)
    table(out, "dropped_names", check(allow["dropped_whole"]))
    table(out, "attr_prefixes", allow["attribute_prefixes"])
    table(out, "url_attrs", check(allow["url_attributes"]))
    table(out, "url_schemes", check(allow["url_schemes"]))
    table(out, "link_rels", check(allow["link_rels"]))
    out.append("#endif")
    with open(target, "w", encoding="utf-8") as f:
        f.write("\n".join(out) + "\n")


main(*sys.argv[1:])
