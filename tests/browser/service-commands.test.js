// SPDX-License-Identifier: MIT
// Commands as pages, in a browser without JavaScript of ours: for axe, on a
// telephone, in the dark.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test, withContext } from "./harness.js";
import { withService } from "./service.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const python = `
from concordance import *

class Greeting(Record):
    name  = Text("Name", required=True, help="Whom to greet")
    mood  = Choice("Mood", ["warm", "cool"], value="warm")
    loud  = Boolean("Aloud")
    words = Lines("Words")
    word  = Secret("Password")

class Test(App):
    xmlns = "urn:x-test:commands"
    log   = Node()
    index = Page("/", log, "none.xsl")

    @command("desk/greet", "Greet somebody", form=Greeting, who="anybody",
             see="/_do/desk/table")
    def greet(self, user, form):
        """Says hello."""
        if form.name == "Nobody":
            raise Refuse(name="Somebody, please.")
        return f"Hello {form.name}."

    @command("desk/table", "A wide table", who="anybody", safe=True)
    def table(self, user, form):
        """Shows what is wider than a telephone."""
        return Answer("Two rows.", values={"one": 1}, table=[
            {f"column-{i}": "x" * 20 for i in range(12)}] * 2)
`;
const go = (page, service, path) => page.goto(new URL(path, service.url).href);
const check = async (page) => {
  await page.evaluate(axe);
  return page.evaluate(async () =>
    (await window.axe.run()).violations.map((v) => v.id + ": " + v.help));
};
const fits = (page) => page.evaluate(() =>
  document.documentElement.scrollWidth <= document.documentElement.clientWidth);

for (const colorScheme of ["light", "dark"])
  test(`service: pages of commands pass axe on a telephone, ${colorScheme}`, () =>
    withService({ python }, (service) => withContext(
      { bypassCSP: true, colorScheme, viewport: { width: 360, height: 740 } },
      async (context, said) => {
        const page = await context.newPage();
        for (const path of ["/_do", "/_do/desk/greet", "/_do/desk/table"]) {
          await go(page, service, path);
          assert.deepEqual(await check(page), [], path);
          assert.ok(await fits(page), path);
        }
        await go(page, service, "/_do/desk/greet?name=Nobody");
        await page.click("button[type=submit]");
        await page.waitForSelector("[aria-invalid=true]");
        assert.deepEqual(await check(page), []);
        assert.deepEqual(said.filter((s) => !/^verbose|422/.test(s)), []);
      })));

test("service: a command is done without JavaScript, by the keyboard", () =>
  withService({ python }, (service) => withContext({ javaScriptEnabled: false }, async (context) => {
    const page = await context.newPage();
    await go(page, service, "/_do");
    await page.click("text=Greet somebody");
    await page.focus("[name=name]");
    await page.keyboard.type("Nobody");
    await page.keyboard.press("Enter");
    await page.waitForSelector("text=Somebody, please.");
    assert.equal(await page.inputValue("[name=name]"), "Nobody");
    await page.fill("[name=name]", "Ann");
    await page.click("button[type=submit]");
    await page.waitForSelector("text=Two rows.");
    assert.match(page.url(), /\/_do\/desk\/table$/);
    assert.ok(await page.isVisible("text=Hello Ann."));
    await page.reload();
    assert.equal(await page.locator("text=Hello Ann.").count(), 0); // said once
  })));
