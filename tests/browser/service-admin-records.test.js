// SPDX-License-Identifier: MIT
// The admin panel's templates, nodes and records in a browser, with and
// without JavaScript; axe finds nothing.  SHOTS=FOLDER keeps pictures.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test, withContext } from "./harness.js";
import { bookXml, withService } from "./service.js";

const PASSWORD = "four words of hers";
const NS = "urn:x-test:shelf";
const SHELF = join(process.env.CONCORDANCE_BUILD || "", "tests/service/apps/shelf.so");
const book = (title, more = {}) => `<book xmlns="${NS}"><title>${title}</title>${
  Object.entries(more).map(([k, v]) => `<${k}>${v}</${k}>`).join("")}</book>`;

async function addAnn(service) {
  await service.ctl(["adduser", "ann"], PASSWORD + "\n");
  await service.ctl(["do", "roles/set", "jid=ann@localhost", "role=admin", "has=true"]);
}

async function fillShelf(service) {
  await addAnn(service);
  for (const [id, name] of [["ja", "Jane Austen"], ["ws", "William Shakespeare"]])
    await service.ctl(["publish", "authors", `<author xmlns="${NS}"><name>${name}</name></author>`, id]);
  await service.ctl(["publish", "books", book("Emma", { author: "ja", kind: "novel", year: 1815, bought: "2020-01-02" }), "emma"]);
  await service.ctl(["publish", "books", book("Persuasion", { author: "ja", kind: "novel", year: 1817, lent: "true" }), "persuasion"]);
  await service.ctl(["publish", "books", book("Hamlet", { author: "ws", kind: "play", year: 1603, lent: "true" }), "hamlet"]);
}

// expected: what the browser may say of it.
const withPanel = (f, options = {}, apps = ["admin", SHELF], fill = fillShelf, expected = /^$/) =>
  withService({ apps }, async (service) => {
  await fill(service);
  await withContext(options, async (context, said) => {
    const page = await context.newPage();
    await page.goto(service.url + "login");
    for (const [name, value] of Object.entries({ user: "ann", password: PASSWORD }))
      await page.fill(`#do-login [name="${name}"]`, value);
    await Promise.all([page.waitForEvent("load"), page.click("#do-login button")]);
    await f(page, service, context);
    assert.deepEqual(said.filter((s) => /^error: (?!Failed to load resource)/.test(s) && !expected.test(s)), []);
  });
});

const go = (page, f) => Promise.all([page.waitForEvent("load"), f()]);
const click = (page, words) => go(page, () => page.click(words));
const ids = (page) => page.locator('input[name="ids"]').evaluateAll((all) => all.map((x) => x.value));
const note = (page) => page.textContent("main > .cnc-note");
const list = (service, query = "") => `${service.url}admin/records?node=books${query}`;

for (const javaScriptEnabled of [true, false]) {
  const how = javaScriptEnabled ? "with" : "without";

  test(`records: filters add up, are shown and taken away, ${how} JavaScript`, () =>
    withPanel(async (page, service) => {
      await page.goto(list(service, "&sort=year"));
      assert.deepEqual(await ids(page), ["hamlet", "emma", "persuasion"]);
      await click(page, ".admin-filters >> text=Novel");
      await click(page, '.admin-filters p:has-text("Lent") >> text=yes');
      assert.deepEqual(await ids(page), ["persuasion"]);
      assert.deepEqual(await page.locator(".admin-chip").allTextContents(), ["Kind = Novel ×", "Lent = yes ×"]);
      assert.match(await page.textContent(".admin-count"), /1 \/ 3/);
      await click(page, ".admin-chip >> text=Kind");
      assert.deepEqual(await ids(page), ["hamlet", "persuasion"]);
      // Of another record: by its name, with the rest kept.
      await page.selectOption('.admin-find select[name="filter"]', { label: "Jane Austen" });
      await click(page, ".admin-find button");
      assert.deepEqual(await ids(page), ["persuasion"]);
      assert.ok((await page.locator(".admin-chip").allTextContents()).includes("Author = Jane Austen ×"));
      // Days.
      await page.goto(list(service));
      await page.selectOption('.admin-find select[name="on"]', "bought");
      await page.fill('.admin-find input[name="since"]', "2020-01-01");
      await page.fill('.admin-find input[name="until"]', "2020-12-31");
      await click(page, ".admin-find button");
      assert.deepEqual(await ids(page), ["emma"]);
      assert.equal(await page.locator(".admin-chip").count(), 2);
      await click(page, "text=Show all");
      assert.equal((await ids(page)).length, 3);
      // A heading sorts, and what was chosen stays.
      await click(page, ".admin-filters >> text=Novel");
      await click(page, "th >> text=Title");
      assert.deepEqual(await ids(page), ["emma", "persuasion"]);
      await click(page, "th >> text=Title");
      assert.deepEqual(await ids(page), ["persuasion", "emma"]);
      assert.equal(await page.getAttribute("th:has-text('Title')", "aria-sort"), "descending");
    }, { javaScriptEnabled }));

  test(`records: an edit comes back to where one was, ${how} JavaScript`, () =>
    withPanel(async (page, service) => {
      const here = list(service, "&filter=kind%3Dnovel&sort=-year&limit=1&offset=1");
      await page.goto(here);
      assert.equal(await page.textContent("td >> text=Jane Austen"), "Jane Austen");
      await click(page, "td >> text=emma");
      await page.fill('[name="title"]', "Emma!");
      await click(page, "#record button");
      const at = new URL(page.url());
      assert.deepEqual(Object.fromEntries(at.searchParams),
        { node: "books", filter: "kind=novel", sort: "-year", limit: "1", offset: "1" });
      assert.match(await note(page), /emma is saved/);
      assert.match(await page.textContent("tbody"), /Emma!/);
      // The author's name leads to the author, and from there back.
      await click(page, "td >> text=Jane Austen");
      assert.equal(await page.inputValue('[name="name"]'), "Jane Austen");
      await page.fill('[name="name"]', "Miss Austen");
      await click(page, "#record button");
      assert.equal(new URL(page.url()).search, at.search);
      assert.match(await page.textContent("tbody"), /Miss Austen/);
      // An address of somebody else is not followed.
      await page.goto(`${service.url}admin/record?node=books&id=emma&record-id=emma&-back=https%3A%2F%2Fevil.example%2F`);
      assert.ok(!(await page.content()).match(/href="https:\/\/evil|value="https:\/\/evil/));
    }, { javaScriptEnabled }));

  test(`records: some, or all that match, are changed and deleted, ${how} JavaScript`, () =>
    withPanel(async (page, service) => {
      for (let i = 0; i < 60; i++)
        await service.ctl(["publish", "books", book(`Many ${i}`, { year: 1900 }), `many${i}`]);
      await page.goto(list(service, "&sort=year"));
      await page.check('input[value="hamlet"]');
      await page.selectOption('select[name="field"]', "lent");
      await page.fill('input[name="value"]', "false");
      await click(page, 'button[value="set"]');
      assert.match(await note(page), /Changed: 1\./);
      await page.goto(list(service, "&q=many"));
      assert.match(await page.textContent(".admin-count"), /60 \/ 63/);
      await page.click("summary >> text=All that match");
      await page.fill('input[name="total"]', "59");
      await click(page, 'button[value="delete-all"]');
      assert.match(await page.textContent(".cnc-error"), /60 match/);
      await page.goto(list(service, "&q=many"));
      await page.click("summary >> text=All that match");
      await page.fill('input[name="total"]', "60");
      await click(page, 'button[value="delete-all"]');
      assert.match(await note(page), /Deleted: 60\./);
      await page.goto(list(service));
      assert.equal((await ids(page)).length, 3);
      await page.goto(list(service));
      await click(page, 'button[value="delete"]');
      assert.match(await page.textContent(".cnc-error"), /choose some/);
    }, { javaScriptEnabled }));

  test(`records: of two who edit the same nobody loses a word, ${how} JavaScript`, () =>
    withPanel(async (page, service, context) => {
      const form = `${service.url}admin/record?node=books&id=hamlet&record-id=hamlet`;
      const other = await context.newPage();
      await page.goto(form);
      await other.goto(form);
      await other.fill('[name="title"]', "Hamlet, Prince");
      await click(other, "#record button");
      await page.fill('[name="title"]', "Hamlet, of Denmark");
      await click(page, "#record button");
      assert.match(await page.textContent("main"), /Somebody has changed it meanwhile/);
      assert.match(await page.textContent('[data-field="title"] .cnc-error'), /It is now: Hamlet, Prince/);
      assert.equal(await page.inputValue('[name="title"]'), "Hamlet, of Denmark");
      assert.match(await service.ctl(["items", "books"]), /Hamlet, Prince</);
      await click(page, "#record button");
      assert.match(await service.ctl(["items", "books"]), /Hamlet, of Denmark</);
    }, { javaScriptEnabled }));

  test(`nodes: items are published again, retracted, edited, and purged, ${how} JavaScript`, () =>
    withPanel(async (page, service) => {
      await page.goto(service.url + "admin/node?node=books");
      await page.check('input[value="emma"]');
      await page.check('input[value="hamlet"]');
      await click(page, 'button[value="again"]');
      assert.match(await note(page), /Published again: 2\./);
      await page.check('input[value="emma"]');
      await click(page, 'button[value="retract"]');
      assert.match(await note(page), /Retracted: 1\./);
      assert.doesNotMatch(await service.ctl(["items", "books"]), /Emma/);
      await click(page, "td >> text=hamlet");
      await page.click("summary >> text=Publish an item");
      const payload = await page.inputValue("#admin-payload");
      await page.fill("#admin-payload", payload.replace("Hamlet", "Macbeth"));
      await click(page, "#do-nodes-publish button");
      assert.match(await page.textContent("main"), /Published: 1\./);
      assert.match(await service.ctl(["items", "books"]), /Macbeth/);
      await page.goto(service.url + "admin/node?node=books");
      await page.click("summary >> text=Change an affiliation");
      await page.fill('#do-nodes-affiliate [name="jid"]', "bob@localhost");
      await page.selectOption('#do-nodes-affiliate [name="affiliation"]', "publisher");
      await click(page, "#do-nodes-affiliate button");
      assert.match(await page.textContent("main"), /bob@localhost/);
      await page.click("summary >> text=Purge a node");
      await page.fill('#do-nodes-purge [name="again"]', "book");
      await click(page, "#do-nodes-purge button");
      assert.match(await page.textContent("main"), /not its name/);
      assert.match(await service.ctl(["items", "books"]), /Macbeth/);
      await page.fill('#do-nodes-purge [name="again"]', "books");
      await click(page, "#do-nodes-purge button");
      assert.match(await page.textContent("main"), /Purged: 1\./);
      assert.equal((await service.ctl(["items", "books"])).trim(), "");
    }, { javaScriptEnabled }));
}

const SHEET = `<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/">
    <html lang="en"><head><title>T</title><link rel="stylesheet" href="{/*/@c:runtime}/theme.css" xmlns:c="http://concordance-xmpp.org/ns/page"/></head>
      <body><h1>Books: <xsl:value-of select="count(/*/*)"/></h1><a href="/admin">Away</a>
        <form action="/_do/logout" method="post"><button>Out</button></form></body></html>
  </xsl:template>
</xsl:stylesheet>`;
const BOOKCASE = ["--files", fileURLToPath(new URL("../../examples/bookcase-c", import.meta.url)), "admin",
  join(process.env.CONCORDANCE_BUILD || "", "examples/bookcase-c/bookcase.so")];
const fillBookcase = async (service) => {
  await addAnn(service);
  await service.ctl(["publish", "library", bookXml("Emma"), "emma"]);
};

for (const javaScriptEnabled of [true, false])
  test(`templates: one looks before publishing, ${javaScriptEnabled ? "with" : "without"} JavaScript`, () =>
    withPanel(async (page, service, context) => {
      await page.goto(service.url + "admin/templates");
      await click(page, "td >> text=bookcase.xsl");
      const before = await page.inputValue("#editor-text");
      await page.fill("#editor-text", SHEET);
      await click(page, "button >> text=Preview");
      assert.match(await page.textContent("main"), /Nothing is published/);
      assert.equal((await page.inputValue("#editor-text")).trim(), SHEET);
      const [look] = await Promise.all([context.waitForEvent("page"), page.click("text=Look at it")]);
      await look.waitForLoadState();
      assert.match(look.url(), /\/_preview\/[0-9a-f]{32}$/);
      assert.equal(await look.textContent("h1"), "Books: 1");
      if (javaScriptEnabled) {
        // Of no origin: it reaches neither cookies nor whoever opened it.
        assert.equal(await look.evaluate(() => self.origin), "null");
        assert.equal(await look.evaluate(() => opener), null);
        assert.ok(await look.evaluate(() => document.styleSheets.length === 1));
      }
      // Its forms are sent nowhere.
      await look.click("button");
      assert.match(look.url(), /\/_preview\//);
      await look.close();
      // What is wrong is said beside what was typed.
      await page.fill("#editor-text", SHEET.replace("count(", "cuont("));
      await click(page, "button >> text=Preview");
      assert.match(await page.textContent("#editor .cnc-error"), /bookcase\.xsl, line 4/);
      assert.match(await page.inputValue("#editor-text"), /cuont/);
      await page.goto(service.url + "admin/template?id=bookcase.xsl");
      assert.equal(await page.inputValue("#editor-text"), before);
      // A version that there is.
      const [old] = await Promise.all([context.waitForEvent("page"), page.click("td >> text=Preview")]);
      await old.waitForLoadState();
      assert.match(await old.textContent("body"), /Emma/);
      await old.close();
      await page.fill("#editor-text", SHEET);
      await click(page, "button >> text=Publish");
      assert.match(await page.textContent("main"), /It is published/);
      await page.goto(service.url);
      assert.equal(await page.textContent("h1"), "Books: 1");
    }, { javaScriptEnabled }, BOOKCASE, fillBookcase, /sandbox|Blocked form/));

const conflict = async (look, page, service) => {
  await look("record", "admin/record?node=books&id=emma&record-id=emma");
  await page.fill('[name="year"]', "1815");
  await service.ctl(["publish", "books", book("Emma, again", { author: "ws", kind: "play" }), "emma"]);
  await click(page, "#record button");
  const said = async (field) => await page.textContent(`[data-field="${field}"] .cnc-error`);
  assert.match(await said("kind"), /It is now: Play/);
  assert.match(await said("author"), /It is now: William Shakespeare/);
  assert.match(await said("year"), /It is empty now/);
  await look("conflict");
};
const SCREENS = {
  lists: [["records", "admin/records"],
    ["list", "admin/records?node=books&limit=2&filter=author%3Dja&filter=lent%3Dtrue&where=year%3E1"],
    ["many", "admin/records?node=books&limit=2&sort=-year"], ["none", "admin/records?node=books&q=nothing"],
    ["wrong", "admin/records?node=books&where=nonsense"]],
  forms: [["add", "admin/record/add?node=books"], conflict],
  nodes: [["nodes", "admin/nodes"], ["node", "admin/node?node=books"], ["item", "admin/item?node=books&id=hamlet"]],
  templates: [["templates", "admin/templates"], ["template", "admin/template?id=theme.xsl"],
    ["preview", "_do/templates/preview"]],
};

for (const [what, screens] of Object.entries(SCREENS))
  for (const [colorScheme, width] of [["light", 1280], ["dark", 390]])
    test(`admin ${what}: axe finds nothing, ${colorScheme}, ${width} wide`, () =>
      withPanel(async (page, service) => {
        const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
        const look = async (name, path) => {
          if (path) await page.goto(service.url + path);
          for (const summary of await page.locator("summary").all()) await summary.click();
          await page.evaluate(axe);
          const { violations } = await page.evaluate(() => window.axe.run());
          assert.deepEqual(violations.map((v) => [name, v.id, v.nodes.map((x) => x.html + x.failureSummary)]), []);
          assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), name);
          if (process.env.SHOTS)
            await page.screenshot({ path: `${process.env.SHOTS}/admin-${name}-${colorScheme}-${width}.png`, fullPage: true });
        };
        for (const one of screens)
          if (typeof one == "function") await one(look, page, service);
          else await look(...one);
      }, { colorScheme, viewport: { width, height: 800 }, bypassCSP: true }));
