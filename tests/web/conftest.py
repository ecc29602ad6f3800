# SPDX-License-Identifier: MIT
"""Web servers in front of the real service; what they share with its own
tests is there."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "service"))
