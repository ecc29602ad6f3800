# SPDX-License-Identifier: MIT
"""The operator's side of apps: which there are, stopped and started while the
service runs, kept over restarts."""
import contextlib
import json
import os
import shutil

import pytest

from service import BUILD, Service, book, until
from wire import Client, condition

BOOKCASE = os.path.join(BUILD, "examples/bookcase-c/bookcase.so")
DESK = os.path.join(BUILD, "tests/service/apps/desk.so")


def do(service, *words):
    """(exit status, what it says), by the terminal."""
    done = service.ctl("do", *words, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def apps(service):
    said = json.loads(service.ctl("do", "--json", "apps").stdout)
    return {row["name"]: row for row in said["table"]}


@pytest.fixture
def service():
    with Service() as s:
        yield s


def test_apps_are_listed_with_how_they_are(service):
    app = apps(service)["mybookcase"]
    assert app["state"] == "running"
    assert app["error"] == "" and app["needs"] == ""
    assert service.post(title="Emma", author="Austen")[0] == 200
    after = apps(service)["mybookcase"]
    assert int(after["items"]) == int(app["items"]) + 1
    assert int(after["bytes"]) > int(app["bytes"])
    assert int(after["submits"]) == int(app["submits"]) + 1


def test_an_app_stops_and_starts_while_a_client_is_connected(service):
    c = Client(service.port)
    with contextlib.closing(c):
        c.subscribe("library")
        status, said = do(service, "apps/stop", "name=mybookcase")
        assert (status, said) == (0, "mybookcase is stopped.")
        assert apps(service)["mybookcase"]["state"] == "stopped"
        assert service.get("/")[0] == 404
        assert c.ping() is not None
        status, said = do(service, "apps/start", "name=mybookcase")
        assert (status, said) == (0, "mybookcase runs.")
        assert service.post(title="Emma", author="Austen")[0] == 200
        assert "Emma" in service.page()


def test_what_cannot_be_done_is_said(service):
    status, said = do(service, "apps/stop", "name=nobody")
    assert status != 0 and 'There is no app "nobody".' in said
    status, said = do(service, "apps/add", "app=nowhere")
    assert status != 0 and 'there is no app "nowhere" in ' in said
    status, said = do(service, "apps/add", f"app={BOOKCASE}")
    assert status != 0 and 'there are two apps called "mybookcase"' in said
    status, said = do(service, "apps/add", f"app={DESK}", "mount=desk")
    assert status != 0 and "mount" in said
    assert list(apps(service)) == ["mybookcase"]


def test_an_app_is_added_and_removed(service):
    status, said = do(service, "apps/add", f"app={DESK}", "mount=/d")
    assert (status, said) == (0, "desk is there and runs.")
    assert apps(service)["desk"]["mount"] == "/d"
    assert do(service, "apps/remove", "name=desk")[0] == 0
    assert list(apps(service)) == ["mybookcase"]


def test_what_the_operator_did_is_kept_over_a_restart(service):
    assert service.post(title="Emma", author="Austen")[0] == 200
    assert do(service, "apps/add", f"app={DESK}", "mount=/d")[0] == 0
    assert do(service, "apps/stop", "name=mybookcase")[0] == 0
    service.kill()
    service.start()
    now = apps(service)
    assert now["mybookcase"]["state"] == "stopped"
    assert (now["desk"]["state"], now["desk"]["mount"]) == ("running", "/d")
    assert service.get("/")[0] == 404
    assert do(service, "apps/start", "name=mybookcase")[0] == 0
    assert "Emma" in service.page()
    assert do(service, "apps/remove", "name=desk")[0] == 0
    service.kill()
    service.start()
    assert apps(service)["mybookcase"]["state"] == "running"
    assert list(apps(service)) == ["mybookcase"]


def test_nodes_of_a_removed_app_stay_hidden(service):
    assert do(service, "apps/add", f"app={DESK}", "mount=/d")[0] == 0
    c = Client(service.port)
    with contextlib.closing(c):
        assert condition(c.subscribe("d/log")) == ""
    assert do(service, "apps/remove", "name=desk")[0] == 0
    for restart in (False, True):
        if restart:
            service.kill()
            service.start()
        c = Client(service.port)
        with contextlib.closing(c):
            assert condition(c.subscribe("d/log")) != ""
    assert do(service, "apps/add", f"app={DESK}", "mount=/d")[0] == 0
    c = Client(service.port)
    with contextlib.closing(c):
        assert condition(c.subscribe("d/log")) == ""


def test_an_added_app_that_is_gone_does_not_end_the_start(service, tmp_path):
    module = tmp_path / "desk.so"
    shutil.copy(DESK, module)
    assert do(service, "apps/add", f"app={module}", "mount=/d")[0] == 0
    service.kill()
    module.rename(tmp_path / "away.so")
    service.start()
    assert list(apps(service)) == ["mybookcase"]
    service.kill()
    (tmp_path / "away.so").rename(module)
    service.start()
    assert "desk" in apps(service)


def test_an_app_with_too_many_faults_is_paused(service):
    assert do(service, "apps/add", f"app={DESK}", "mount=/d")[0] == 0
    for _ in range(4):
        assert do(service, "d/desk/outcome", "what=fault")[0] != 0
    assert do(service, "d/desk/outcome", "what=missing")[0] != 0  # no fault
    for _ in range(4):
        assert do(service, "d/desk/outcome", "what=fault")[0] != 0
    assert apps(service)["desk"]["state"] == "running"
    assert do(service, "d/desk/outcome", "what=fault")[0] != 0
    app = until("the app is paused", lambda: (
        lambda a: a if a["state"] == "paused" else None)(
            apps(service)["desk"]))
    assert app["error"].startswith("5 faults in a row")
    assert any("app.paused" in line for line in service.log)
    assert service.get("/")[0] == 200  # the others go on
    # What is acknowledged after it is kept after it: then that it is paused
    # is kept, too.
    service.ctl("publish", "library", book("After it"), "after")
    service.kill()
    service.start()
    app = apps(service)["desk"]
    assert app["state"] == "paused"
    assert app["error"].startswith("5 faults in a row")
    assert do(service, "apps/start", "name=desk")[0] == 0
    assert do(service, "d/desk/outcome", "what=fault")[0] != 0
    assert apps(service)["desk"]["state"] == "running"


def test_who_changed_what_is_written_down(service):
    assert do(service, "apps/stop", "name=mybookcase")[0] == 0
    user = "http://jabber.org/protocol/admin#add-user"
    done = service.ctl("do", user, "accountjid=anna@localhost",
                       "password=tell nobody", "password-verify=tell nobody",
                       check=False)
    assert done.returncode == 0, done.stderr
    assert apps(service)  # changes nothing: no entry

    def entries():
        return service.ctl("items", "service/audit").stdout
    text = until("both are there",
                 lambda: (lambda t: t if "anna" in t else None)(entries()))
    assert "<what>apps/stop</what>" in text and "name=mybookcase" in text
    assert user in text and "accountjid=anna@localhost" in text
    assert "tell nobody" not in text
    assert text.count("<entry") == 2
    c = Client(service.port)
    with contextlib.closing(c):  # a guest
        assert condition(c.subscribe("service/audit")) != ""
    service.kill()
    service.start()
    assert entries() == text
