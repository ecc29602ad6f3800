// SPDX-License-Identifier: MIT
// A page with a parameter in a real browser on the real service.

import assert from "node:assert/strict";
import { test, withContext } from "./harness.js";
import { live } from "./tools.js";
import { withService } from "./service.js";

const NS = "urn:x-test:params";
const python = `
from concordance import *

class Book(Record):
    title  = Text("Title", required=True)
    author = Text("Author")

class Test(App):
    xmlns   = "${NS}"
    library = Node(Book, form="Add a book")
    index   = Page("/", library)
    by      = Page("/by/{author}", library, where="author={author}", sort="title")
`;
const book = (title, author) =>
  `<book xmlns="${NS}"><title>${title}</title><author>${author}</author></book>`;
const shown = (page) => page.locator(".cnc-record dd:first-of-type").allTextContents()
  .then((all) => all.filter((t) => !/Austen|Woolf/.test(t)));
const shows = (page, ...want) => page.waitForFunction((t) =>
  [...document.querySelectorAll(".cnc-record")].map((e) => e.querySelector("dd").textContent).join() == t,
want.join());

test("service: a record comes, leaves and stays in order on a page by parameter", () =>
  withService({ python }, (service) => withContext({}, async (context, said) => {
    const put = (id, ...b) => service.ctl(["publish", "library", book(...b), id]);
    const page = await context.newPage();
    await put("p", "Persuasion", "Austen");
    await page.goto(new URL("/by/Austen", service.url).href);
    await live(page);
    assert.deepEqual(await shown(page), ["Persuasion"]);
    await page.evaluate(() => { document.getElementById("p").mark = 1; });
    await put("o", "Orlando", "Woolf"); // not of this page
    await put("e", "Emma", "Austen");
    await shows(page, "Emma", "Persuasion");
    await put("s", "Sanditon", "Austen");
    await shows(page, "Emma", "Persuasion", "Sanditon");
    await put("e", "Emma", "Woolf"); // leaves
    await shows(page, "Persuasion", "Sanditon");
    await put("s", "A Sanditon", "Austen"); // moves
    await shows(page, "A Sanditon", "Persuasion");
    assert.equal(await page.evaluate(() => document.getElementById("p").mark), 1); // the same node
    assert.deepEqual(said, []);
  })));

test("service: a page by parameter that was forgotten is fetched again", () =>
  withService({ python }, (service) => withContext({}, async (context, said) => {
    const page = await context.newPage();
    await page.goto(new URL("/by/Woolf", service.url).href);
    await live(page);
    const position = () => page.getAttribute("meta[name=concordance]", "data-position");
    const before = await position();
    // The service does not know the address after it was started again.
    await service.kill("SIGTERM");
    await service.start();
    await service.ctl(["publish", "library", book("Orlando", "Woolf"), "o"]);
    await shows(page, "Orlando");
    assert.notEqual((await position()).split(".")[0], before.split(".")[0]);
    await service.ctl(["publish", "library", book("Flush", "Woolf"), "f"]);
    await shows(page, "Flush", "Orlando");
  })));
