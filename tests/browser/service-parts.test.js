// SPDX-License-Identifier: MIT
// A viewer's part of a shared page in a real browser on the real service.

import assert from "node:assert/strict";
import { test, withContext } from "./harness.js";
import { live } from "./tools.js";
import { withService } from "./service.js";

const NS = "urn:x-test:parts";
const python = `
from concordance import *
from concordance import login

class Book(Record):
    title = Text("Title", required=True)

class Who(Record):
    jid = Text("Address", required=True)

class Test(App):
    xmlns   = "${NS}"
    library = Node(Book)
    index   = Page("/", library)

    @command("login", "Enter", form=Who, who="anybody")
    def log_in(self, user, form):
        login.begin(form.jid)
        return Answer("Welcome.", see="/")
`;
const book = (title) => `<book xmlns="${NS}"><title>${title}</title></book>`;

test("service: what a viewer alone sees stays as it is while the page changes", () =>
  withService({ python }, (service) => withContext({}, async (context, said) => {
    const page = await context.newPage();
    const viewer = () => page.locator(".cnc-viewer").innerText();
    await page.goto(service.url);
    assert.equal((await viewer()).trim(), "Log in");
    await page.click(".cnc-viewer a");
    await page.fill("input[name=jid]", "anna@localhost");
    await page.click("button[type=submit]");
    await page.waitForSelector(".cnc-name");
    await live(page);
    assert.match(await viewer(), /^anna/);
    await page.evaluate(() => { document.querySelector(".cnc-name").mark = 1; });
    await service.ctl(["publish", "library", book("Emma"), "e"]);
    await page.waitForFunction(() => document.body.textContent.includes("Emma"));
    assert.equal(await page.evaluate(() => document.querySelector(".cnc-name").mark), 1);
    assert.match(await viewer(), /^anna/);
    assert.deepEqual(said, []);
  })));
