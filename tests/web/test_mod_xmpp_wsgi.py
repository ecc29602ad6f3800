# SPDX-License-Identifier: MIT
"""All of it in one Apache: pages by mod_wsgi, their WebSockets by mod_xmpp,
the service behind two Unix sockets; a browser in front."""
import os
import tempfile

import pytest

from apache import Apache
from bookcase import Bookcase, add
from program import free_port, until
from service import needs_python
from test_mod_xmpp_clients import PROGRAMS, Script
from wire import Client

pytestmark = needs_python


@pytest.fixture(params=["daemon", "embedded"])
def site(request, tmp_path):
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, Bookcase(
            "--c2s", f"unix:{folder}/c2s.sock", "--socket-group", "www-data",
            "--link-user", "www-data",
            "--url", f"http://127.0.0.1:{port}") as b:
        os.chmod(folder, 0o755)
        os.chmod(os.path.join(b.folder, "data"), 0o755)
        os.chmod(b.service.link, 0o666)
        path = b.path()
        daemon = ""
        if request.param == "daemon":
            daemon = (f"WSGIDaemonProcess books processes=2 threads=4 "
                      f"python-path={path} home={b.folder}\n"
                      "WSGIProcessGroup books\n")
        else:
            daemon = f"WSGIPythonPath {path}\n"
        with Apache(str(tmp_path), f"unix:{folder}/c2s.sock",
                    modules=("wsgi",), port=port, main=f"""{daemon}
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias / {b.folder}/mybookcase.py
WSGISocketPrefix {folder}/wsgi
<Directory {b.folder}>
    Require all granted
</Directory>
""") as a:
            yield a, b


def test_a_live_page_through_apache_alone(site):
    a, b = site
    assert add(a, "By WSGI")[0] == 303
    with Script("live.js", f"http://127.0.0.1:{a.port}/",
                "It came alive") as script:
        until("the page is live", lambda: script.process.poll() is None and
              a.status()["XMPPSockets"] == "1")
        assert add(a, "It came alive")[0] == 303
        script.says("seen")
        assert not script.said("reloaded")
    assert os.path.isdir(PROGRAMS)
    c = Client(a.port)
    assert c.ping().get("type") == "result"
    c.close()
    assert "It came alive" in b.service.page()
