#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""strip.py IN OUT -- a module or style sheet without what only readers need.

What is served is the source, name by name, less comments, indentation, blanks
around punctuation and needless line ends.  It relies on the runtime's style:
a comment stands alone on its line or ends it after a blank; no string has
" // " or "/*" in it; regular expressions follow "(", "=", "!", "|" or "?".
Lines with part of a template string are left alone but for indentation.
"""
import re
import sys

TOKEN = re.compile(r'''"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|
    `[^`]*`|
    (?<=[(=!|?])\s?/(?![/*])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\])+/[a-z]*|
    [^"'`/]+|/''', re.X)
BLANK = re.compile(r" ?([=<>!&|?:,;(){}\[\]*%]|\+(?! ?\+)|-(?! ?-)) ?")


def squeeze(line):
    """One line of JavaScript, without blanks around punctuation."""
    def one(m):
        word = m.group()
        return word if word.lstrip()[:1] in "\"'`/" else BLANK.sub(r"\1", word)

    return TOKEN.sub(one, line)


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        text = f.read()
    text = re.sub(r"(?s)/\*.*?\*/", "", text)
    out, template = [], False
    for line in text.splitlines():
        line = re.sub(r"(^|\s+)// .*$|^\s*//$", "", line).strip()
        ticks = line.count("`")
        if sys.argv[1].endswith(".js") and not template and ticks in (0, 2):
            line = squeeze(line)
        template ^= ticks % 2 == 1
        if line:
            # What ends so goes on, or is over: no line end is needed.
            joins = not template and line[-1] in ";{,("
            out.append(line if joins else line + "\n")
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        f.write("".join(out).strip() + "\n")


main()
