# SPDX-License-Identifier: MIT
"""C apps that are extended in Python, and run beside Python's."""
from __future__ import annotations

import os
import textwrap

import pytest

from service import BUILD, Service, needs_python

pytestmark = needs_python
DESK = os.path.join(BUILD, "tests/service/apps/desk.so")


def write(folder, text: str) -> str:
    """A module called site_; where it is."""
    (folder / "site_.py").write_text(textwrap.dedent(text), encoding="utf-8")
    return str(folder)


EXTENDED = f"""
    import concordance
    from concordance import Integer, Node, Record, Refuse, Text, command, hook

    Desk = concordance.load({DESK!r})

    class Greeting(Record):
        name = Text("Name", required=True)

    class MyDesk(Desk):
        title = "My desk"
        version = "2.1"
        roles = {{"clerk": "Clerk"}}

        @command("desk/greet", "Greet in another way", form=Greeting,
                 who="anybody")
        def greet(self, user, form):
            if form.name == "Stranger":
                raise Refuse(name="We do not know you.")
            return self.super()

        @command("bell", "Ring", who="anybody")
        def bell(self, user, form):
            return "It rings."
"""


def test_a_command_is_replaced_and_what_it_replaced_still_runs(tmp_path):
    with Service("site_:MyDesk",
                 env={"APPPATH": write(tmp_path, EXTENDED)}) as s:
        done = s.ctl("do", "desk/greet", "name=Anna")
        assert "Hello Anna & welcome." in done.stdout
        refused = s.ctl("do", "desk/greet", "name=Stranger", check=False)
        assert refused.returncode != 0
        assert "We do not know you." in refused.stderr + refused.stdout
        refused = s.ctl("do", "desk/greet", "name=Nobody", check=False)
        assert refused.returncode != 0
        assert "Nobody is not greeted." in refused.stderr + refused.stdout
        assert "It rings." in s.ctl("do", "bell").stdout
        assert "Austen" in s.ctl("do", "desk/books").stdout  # inherited


def test_a_c_app_runs_beside_one_in_python(tmp_path):
    folder = write(tmp_path, """
        from concordance import App, command

        class Mine(App):
            xmlns = "urn:example:mine"
            needs = ["desk"]

            @command("mine", "Mine", who="anybody")
            def mine(self, user, form):
                return "Mine."
    """)

    class Both(Service):
        def command(self):
            words = super().command()
            at = words.index("site_:Mine")
            return [*words[:at + 1], DESK, *words[at + 1:]]
    with Both("site_:Mine", env={"APPPATH": folder}) as s:
        assert "Mine." in s.ctl("do", "mine").stdout
        assert "Austen" in s.ctl("do", "desk/books").stdout


def test_a_need_is_found_by_its_name(tmp_path):
    folder = write(tmp_path, """
        from concordance import App

        class Site(App):
            needs = ["desk>=0"]
    """)
    env = {"APPPATH": folder, "CONCORDANCE_APPS": os.path.dirname(DESK)}
    with Service("site_:Site", env=env) as s:
        assert "Austen" in s.ctl("do", "desk/books").stdout


def test_what_cannot_be_loaded_is_said(tmp_path):
    folder = write(tmp_path, """
        import concordance
        Nowhere = concordance.load("nowhere")
    """)
    s = Service("site_:Nowhere", env={"APPPATH": folder}, wait=False)
    assert s.process.wait(30) != 0
    s.reader.join(30)
    s.process.stdout.close()
    s.dir.cleanup()
    assert "there is no app \"nowhere\"" in "".join(s.log)
