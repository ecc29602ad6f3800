// SPDX-License-Identifier: MIT
// strophe.js loses its WebSocket and resumes (XEP-0198): what was published
// meanwhile comes once, and its subscription is as it was.

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
const note = (text) => `<note xmlns="urn:x-test"><text>${text}</text></note>`;

test("service: strophe.js resumes the stream that it lost", () =>
  withService({ python: APP }, (service) => withContext({ bypassCSP: true }, async (context) => {
    await service.ctl(["adduser", "juliet"], "rosaline\n");
    const page = await context.newPage();
    await page.goto(service.url);
    await page.addScriptTag({ content: readFileSync(require.resolve("strophe.js").replace(/[^/]*$/, "strophe.umd.cjs"), "utf8") });
    await page.evaluate(async () => {
      const { Strophe, $iq } = window.strophe ?? window;
      const c = window.c = new Strophe.Connection(
        location.origin.replace("http", "ws") + "/xmpp", { enableStreamManagement: true });
      window.events = [];
      window.reach = (status, act) => new Promise((ok, no) => {
        window.onStatus = (s) => {
          if (s == status) ok();
          else if (s == Strophe.Status.AUTHFAIL || s == Strophe.Status.CONNFAIL) no(new Error("status " + s));
        };
        act();
      });
      window.logIn = () => reach(Strophe.Status.CONNECTED,
        () => c.connect(c.jid || "juliet@localhost", "rosaline", (s) => window.onStatus(s)));
      window.lose = () => reach(Strophe.Status.DISCONNECTED, () => c._proto.socket.close());
      window.listen = () => c.addHandler((m) => {
        for (const i of m.getElementsByTagName("item")) window.events.push(i.getAttribute("id"));
        return true;
      }, null, "message");
      await logIn();
      window.listen();
      await new Promise((ok, no) => c.sendIQ($iq({ type: "set", to: "localhost" })
        .c("pubsub", { xmlns: "http://jabber.org/protocol/pubsub" })
        .c("subscribe", { node: "board", jid: c.jid }), ok, (e) => no(new Error(e?.outerHTML))));
    });
    const jid = await page.evaluate(() => c.jid);
    for (let i = 0; i < 3; i++) {
      await service.ctl(["publish", "board", note("there"), `there${i}`]);
      await page.evaluate(() => lose());
      await service.ctl(["publish", "board", note("gone"), `gone${i}`]);
      await page.evaluate(async () => { listen(); await logIn(); });
      assert.equal(await page.evaluate(() => c.hasResumed()), true);
      await page.waitForFunction((n) => events.length >= n, 2 * i + 2);
    }
    assert.equal(await page.evaluate(() => c.jid), jid);
    assert.deepEqual(await page.evaluate(() => events),
      ["there0", "gone0", "there1", "gone1", "there2", "gone2"]);
    await page.evaluate(() => c.disconnect());
  })));
