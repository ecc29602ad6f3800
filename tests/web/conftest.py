# SPDX-License-Identifier: MIT
"""Web servers in front of the real service; what they share with its own
tests is there."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "service"))

import pytest  # noqa: E402

sys.path.append(os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "peers"))


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Certificates: localhost's, and another's."""
    from ca import Authority
    ca = Authority(str(tmp_path_factory.mktemp("ca")))
    ca.make("localhost", dns=["localhost"])
    ca.make("other", dns=["other.example"])
    return ca


@pytest.fixture
def public_dir():
    """A folder that Apache's user may look into."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield folder
