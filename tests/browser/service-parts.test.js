// SPDX-License-Identifier: MIT
// A viewer's part of a shared page in a real browser on the real service.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
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
    listed  = Page("/list", library, "list.xsl")

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

const list = `<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"
    xmlns:c="http://concordance-xmpp.org/ns/page" xmlns:t="${NS}" exclude-result-prefixes="c t">
  <xsl:import href="theme.xsl"/>
  <xsl:template match="/*" mode="main">
    <ul id="shelf">
      <c:part for="guests"><li>Guests' own</li></c:part>
      <xsl:for-each select="t:book"><li><xsl:value-of select="t:title"/></li></xsl:for-each>
      <c:part for="users"><li class="mine"><c:viewer/>'s own</li></c:part>
    </ul>
  </xsl:template>
</xsl:stylesheet>`;

test("service: a viewer's item of a list keeps its place while others come and go", () =>
  withService({ python }, (service) => withContext({}, async (context, said) => {
    const page = await context.newPage(), file = join(service.dir, "list.xsl");
    const seen = () => page.evaluate(() => [...document.querySelectorAll("#shelf > li")].map((e) =>
      e.checkVisibility() ? e.textContent : "hidden"));
    const until = (title, there) => page.waitForFunction(
      ([t, is]) => document.querySelector("#shelf").textContent.includes(t) == is, [title, there]);
    writeFileSync(file, list);
    await service.ctl(["template", "put", "list.xsl", file]);
    await page.goto(service.url + "_do/login");
    await page.fill("input[name=jid]", "anna@localhost");
    await page.click("button[type=submit]");
    await page.waitForSelector(".cnc-name");
    await page.goto(service.url + "list");
    await live(page);
    assert.deepEqual(await seen(), ["hidden", "anna's own"]);
    await page.evaluate(() => { document.querySelector(".mine").mark = 1; });
    await service.ctl(["publish", "library", book("Emma"), "e"]);
    await until("Emma", true);
    await service.ctl(["publish", "library", book("Sylvia"), "s"]);
    await until("Sylvia", true);
    assert.deepEqual(await seen(), ["hidden", "Emma", "Sylvia", "anna's own"]);
    await service.ctl(["retract", "library", "e"]);
    await until("Emma", false);
    assert.deepEqual(await seen(), ["hidden", "Sylvia", "anna's own"]);
    assert.equal(await page.evaluate(() => document.querySelector(".mine").mark), 1);
    assert.deepEqual(said, []);
  })));
