// SPDX-License-Identifier: MIT
// Keyboard, screen reader, and the default look.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { once, test } from "./harness.js";
import { el } from "./fake.js";
import { add, book, caught, form, live, shelf, withFake } from "./tools.js";

const page1 = () => [el("main", {}, el("h1", {}, "Books"), shelf(book("b0", "Zero")), form())];

for (const scheme of ["light", "dark"])
  test(`people: axe finds nothing, with errors shown, ${scheme}`, () =>
    withFake(page1(), async (fake, open) => {
      const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
      fake.headers = {}; // axe is put in by hand
      fake.root.c[0].c.push(el("link", { rel: "stylesheet", href: "/_c/h/concordance.css" }),
        el("meta", { name: "viewport", content: "width=device-width" }));
      fake.root.c[1].c[0].c[1].a.class = "cnc-list";
      const page = await open();
      await live(page);
      fake.answer = () => ({ errors: { isbn: "Ten digits.", "": "Not yet." } });
      await page.click("button");
      await page.waitForSelector("[aria-invalid]");
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run());
      assert.deepEqual(violations.map((v) => [v.id, v.nodes.map((n) => n.html + n.failureSummary)]), []);
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${scheme}.png` });
    }, { colorScheme: scheme }));

test("people: the indicator looks like one without any style sheet", () =>
  withFake(page1(), async (fake, open) => {
    const page = await open();
    await live(page);
    const { position, size } = await page.evaluate(() => {
      const s = getComputedStyle(document.querySelector(".cnc-status"));
      return { position: s.position, size: s.fontSize };
    });
    assert.deepEqual([position, size], ["fixed", "12px"]);
  }));

test("people: what came is announced once, politely and briefly", () =>
  withFake(page1(), async (fake, open) => {
    const page = await open();
    await live(page);
    assert.equal(await page.getAttribute(".cnc-news", "role"), "status");
    fake.change(add("b1", "One", 0));
    await page.waitForFunction(() => document.querySelector(".cnc-news").textContent == "Added: One");
    for (let k = 2; k < 9; k++) fake.change(add("b" + k, "Book " + k, 0));
    await page.waitForFunction(() => document.querySelector(".cnc-news").textContent == "7 added");
    fake.change({ op: "remove", at: "shelf", index: 0 });
    await caught(page, fake);
    assert.equal(await page.textContent(".cnc-news"), "7 added");
  }));

test("people: the keyboard alone adds a book and mends an error", () =>
  withFake(page1(), async (fake, open) => {
    const page = await open();
    await live(page);
    fake.answer = (f) => f.isbn[0] ? { note: "Added." } : { errors: { isbn: "Needed." } };
    await page.keyboard.press("Tab");
    await page.keyboard.type("One");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.localName), "button");
    await page.keyboard.press("Space");
    await page.waitForFunction(() => document.activeElement.id == "form-library-isbn");
    await page.keyboard.type("9781430224150");
    await Promise.all([once(fake, "command"), page.keyboard.press("Enter")]);
    assert.deepEqual(fake.commands[1].fields.isbn, ["9781430224150"]);
    await page.waitForFunction(() => document.querySelector(".cnc-news").textContent == "Added.");
  }));
