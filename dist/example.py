#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The example that is installed: what `concordanced --config-help` prints, with
the folders of the systemd unit.

dist/example.py CONCORDANCED
"""
import re
import subprocess
import sys

PLACES = ["data = /var/lib/concordance", "www = /var/cache/concordance/www",
          "link = /run/concordance/link"]

text = subprocess.run([sys.argv[1], "--config-help"], check=True, text=True,
                      capture_output=True).stdout
for line in PLACES:
    name = line.split(" ")[0]
    text, n = re.subn(rf"^#{name} = .*$", line, text, flags=re.M)
    if n != 1:
        sys.exit(f"--config-help has no line of {name}")
print(text, end="")
