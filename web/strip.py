#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""strip.py IN OUT -- a module or style sheet without comments and indentation.

What is served is the source, line by line, less what only its readers need.
It relies on the runtime's style: a comment stands alone on its line or ends
it after a blank, and no string has " // " or "/*" in it.
"""
import re
import sys


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        text = f.read()
    license_line = re.search(r"SPDX-License-Identifier: [\w.-]+", text)
    text = re.sub(r"(?s)/\*.*?\*/", "", text)
    out = []
    for line in text.splitlines():
        line = re.sub(r"(^|\s+)// .*$|^\s*//$", "", line).strip()
        if line:
            out.append(line)
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        f.write(f"/* {license_line.group()} */\n" + "\n".join(out) + "\n")


main()
