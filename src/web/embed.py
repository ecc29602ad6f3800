# SPDX-License-Identifier: MIT
"""embed.py NAME IN OUT: a text file as a C string."""
import sys

name, source, target = sys.argv[1:]
data = open(source, "rb").read()
lines = []
for line in data.splitlines(keepends=True):
    text = line.decode().replace("\\", "\\\\").replace('"', '\\"')
    lines.append('    "%s"' % text.replace("\n", "\\n").replace("??", "?\\?"))
with open(target, "w") as out:
    out.write("/* Made by embed.py. */\n#include <stddef.h>\n\n"
              "static const char %s[] =\n%s;\n"
              "static const size_t %s_len = sizeof(%s) - 1;\n"
              % (name, "\n".join(lines), name, name))
