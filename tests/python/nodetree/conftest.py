# SPDX-License-Identifier: MIT
"""Tests of the module nodetree; PYTHONPATH names the folder it is in."""
import gc

import pytest


@pytest.fixture(autouse=True)
def _collected():
    """A test leaves nothing to the collector that the next would meet."""
    yield
    gc.collect()
