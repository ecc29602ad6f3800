// SPDX-License-Identifier: MIT
// A client that is not ours: strophe.js logs in, subscribes and publishes.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test, withContext } from "./harness.js";
import { withService } from "./service.js";

const require = createRequire(import.meta.url);
const APP = `
from concordance import App, Node, Page, Record, Text

class Note(Record):
    text = Text("Text", required=True)

class Test(App):
    xmlns = "urn:x-test"
    board = Node(Note, form="Add", publish="anybody")
    index = Page("/", board, "board.xsl")
`;

test("service: strophe.js logs in with SCRAM, subscribes and publishes", () =>
  withService({ python: APP }, (service) => withContext({ bypassCSP: true }, async (context) => {
    await service.ctl(["adduser", "juliet"], "rosaline\n");
    const page = await context.newPage();
    await page.goto(service.url);
    await page.addScriptTag({ content: readFileSync(require.resolve("strophe.js").replace(/[^/]*$/, "strophe.umd.cjs"), "utf8") });
    const said = await page.evaluate(async ([jid, password]) => {
      const { Strophe, $iq, $build } = window.strophe ?? window;
      const c = new Strophe.Connection(location.origin.replace("http", "ws") + "/xmpp");
      const events = [];
      await new Promise((ok, no) => c.connect(jid, password, (s) => {
        if (s == Strophe.Status.CONNECTED) ok();
        else if (s == Strophe.Status.AUTHFAIL || s == Strophe.Status.CONNFAIL) no(new Error("status " + s));
      }));
      const ask = (iq) => new Promise((ok, no) => c.sendIQ(iq, ok, (e) => no(new Error(e?.outerHTML))));
      let event;
      const came = new Promise((ok) => { event = ok; });
      c.addHandler((m) => { events.push(m.outerHTML); event(); return true; }, null, "message");
      const PS = "http://jabber.org/protocol/pubsub";
      await ask($iq({ type: "set", to: "localhost" }).c("pubsub", { xmlns: PS })
        .c("subscribe", { node: "board", jid: c.jid }));
      await ask($iq({ type: "set", to: "localhost" }).c("pubsub", { xmlns: PS })
        .c("publish", { node: "board" }).c("item", { id: "n1" })
        .c("note", { xmlns: "urn:x-test" }).c("text").t("From Strophe & friends"));
      await came;
      let refused;
      try {
        await ask($iq({ type: "set", to: "localhost" }).c("pubsub", { xmlns: PS }).c("create", { node: "mine" }));
      } catch (e) { refused = e.message; }
      const mechanism = c.mechanisms && c._sasl_mechanism?.mechname;
      c.disconnect();
      return { events, refused, mechanism };
    }, ["juliet@localhost", "rosaline"]);
    assert.equal(said.events.length, 1);
    assert.match(said.events[0], /From Strophe &amp; friends/);
    assert.match(said.refused, /forbidden|not-allowed/);
    assert.match(said.mechanism, /^SCRAM-/);
    await page.waitForFunction(() => document.body.textContent.includes("From Strophe & friends"));
    assert.match(await service.ctl(["items", "board"]), /^n1\t<note/);
  })));
