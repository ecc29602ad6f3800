// SPDX-License-Identifier: MIT
// A page of somebody who is logged in: its stream is his, and ends with it.

import assert from "node:assert/strict";
import { test, withContext } from "./harness.js";
import { withService } from "./service.js";

const python = `
from concordance import *
from concordance import login

class Note(Record):
    text = Text("Text", required=True)

class Test(App):
    xmlns = "urn:x-test"
    board = Node(Note, form="Add", publish="anybody")
    index = Page("/", board, "board.xsl")

    @command("in", who="anybody")
    def enter(self, user, form):
        login.begin("anna@localhost")

    @command("out", who="anybody")
    def leave(self, user, form):
        login.logout()
`;
const go = (page, service, path) => page.goto(new URL(path, service.url).href);
const streams = async (service) => (await service.ctl(["sessions"])).match(/anna@localhost\//g)?.length || 0;
const until = async (what, f) => {
  for (const end = Date.now() + 20e3; !await f();) {
    assert.ok(Date.now() < end, what);
    await new Promise((ok) => setTimeout(ok, 50));
  }
};
const press = async (page, service, node) => {
  await go(page, service, "/_do/" + node);
  await Promise.all([page.waitForNavigation(), page.click("button[type=submit]")]);
};

test("service: the page of who is logged in has his stream, until he logs out", () =>
  withService({ python }, (service) => withContext({}, async (context) => {
    await service.ctl(["adduser", "anna"], "rosaline\n");
    const page = await context.newPage(), open = await context.newPage();
    await go(open, service, "/");
    assert.equal(await streams(service), 0);
    await press(page, service, "in");
    const cookies = await context.cookies();
    assert.equal(cookies.find((c) => c.name == "concordance").httpOnly, true);
    await go(page, service, "/");
    await until("a stream of anna's", async () => await streams(service) > 0);
    assert.equal(await page.evaluate(() => document.cookie), "concordance-user=1");
    await press(page, service, "out");
    await until("no stream of anna's", async () => await streams(service) == 0);
    // The page that stayed open follows as a guest.
    await service.ctl(["publish", "board", '<note xmlns="urn:x-test"><text>hello</text></note>']);
    await open.waitForSelector("text=hello");
  })));

test("service: a log-in that was ended elsewhere leaves a guest's page", () =>
  withService({ python }, (service) => withContext({}, async (context) => {
    await service.ctl(["adduser", "anna"], "rosaline\n");
    const page = await context.newPage();
    await press(page, service, "in");
    await go(page, service, "/");
    await until("a stream of anna's", async () => await streams(service) > 0);
    await service.ctl(["deluser", "anna"]);
    await until("no mark any more", async () =>
      await page.evaluate(() => document.cookie) == "");
    await service.ctl(["publish", "board", '<note xmlns="urn:x-test"><text>hello</text></note>']);
    await page.waitForSelector("text=hello");
  })));
