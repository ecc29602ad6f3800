#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""allow.py IN OUT -- the allow-list as a small ES module.

The lists of allow.json that the runtime asks, each a string of words between
spaces: " a abbr b "; schemes as URL.protocol has them.
"""
import json
import sys

LISTS = ("elements", "attributes", "url_attributes", "url_schemes",
         "link_rels")


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        allow = json.load(f)
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        for key in LISTS:
            end = ":" if key == "url_schemes" else ""
            words = " ".join(word + end for word in allow[key])
            f.write(f'export const {key} = " {words} ";\n')


main()
