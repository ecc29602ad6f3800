#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""stanzas.py IN OUT -- the consoles' stanza templates as a module (OUT ends
with .js) or as a C table.

In a template {word} is a word's value, escaped; [...] is left out when a word
in it is empty.  {domain}, {me} and {id} are always there.
"""
import json
import re
import sys
import xml.etree.ElementTree as ET

KNOWN = {"domain", "me", "id"}


def check(entry):
    """A template is one stanza, with its words and without."""
    used = set(re.findall(r"{(\w+)}", entry["xml"]))
    if not used <= KNOWN | set(entry["words"]):
        sys.exit(f"{entry['name']}: a word is used that is not named")
    if len(entry["words"]) > 4:
        sys.exit(f"{entry['name']}: more than four words")
    ET.fromstring(re.sub(r"[\[\]]", "", entry["xml"]))
    ET.fromstring(re.sub(r"\[[^]]*\]", "", entry["xml"]))


def c_string(s):
    return '"' + s.replace("\\", "\\\\").replace('"', '\\"') + '"'


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        entries = json.load(f)
    for entry in entries:
        check(entry)
    with open(sys.argv[2], "w", encoding="utf-8") as out:
        if sys.argv[2].endswith(".js"):
            out.write("export default " + json.dumps(
                entries, separators=(",", ":")) + ";\n")
            return
        out.write("/* Made by stanzas.py. */\n")
        for e in entries:
            words = "".join(f"{{{c_string(k)}, {c_string(v)}}}, "
                            for k, v in e["words"].items())
            out.write(f"{{{c_string(e['name'])}, {c_string(e['label'])}, "
                      f"{c_string(e['xml'])}, {{{words}{{NULL, NULL}}}}}},\n")


main()
