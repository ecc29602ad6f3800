// SPDX-License-Identifier: MIT
// The bookcase in a real browser on the real service.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test, withContext } from "./harness.js";
import { live } from "./tools.js";
import { bookXml, cuttable, withService } from "./service.js";

const require = createRequire(import.meta.url);

const titles = (page) => page.locator("#shelf h3").allTextContents();
const shows = (page, title, timeout) => page.waitForFunction((t) =>
  [...document.querySelectorAll("#shelf h3")].some((e) => e.textContent == t), title, timeout && { timeout });
const fill = async (page, fields) => {
  for (const [k, v] of Object.entries(fields)) await page.fill("#form-library-" + k, v);
};

// One service, n pages of one browser on it.
const pages = (n, f, options = {}) => withService({}, (service) =>
  withContext(options, async (context, said) => {
    const open = async (url = service.url) => {
      const page = await context.newPage();
      await page.goto(url);
      if (options.javaScriptEnabled !== false) await live(page);
      return page;
    };
    const all = [];
    for (let i = 0; i < n; i++) all.push(await open());
    return f(service, ...all, { open, said, context });
  }));

test("service: a book added in one window is in both, and in the file", () =>
  pages(2, async (service, one, two, { said }) => {
    await fill(one, { title: "Dive Into Python 3", author: "Mark Pilgrim", isbn: "9781430224150" });
    await one.click("button[type=submit]");
    await shows(one, "Dive Into Python 3");
    await shows(two, "Dive Into Python 3");
    assert.match(await service.ctl(["items", "library"]), new RegExp(
      '<book xmlns="http://concordance-xmpp.org/apps/mybookcase"><title>Dive Into Python 3</title>' +
      "<author>Mark Pilgrim</author><isbn>9781430224150</isbn></book>"));
    assert.equal(await one.inputValue("#form-library-title"), "");
    const fresh = await one.context().newPage();
    await fresh.goto(service.url); // read after write: the snapshot has it
    assert.deepEqual(await titles(fresh), ["Dive Into Python 3"]);
    assert.deepEqual(said, []);
  }));

test("service: change and retract reach every window", () =>
  pages(2, async (service, one, two) => {
    await service.ctl(["publish", "library", bookXml("First"), "a"]);
    await service.ctl(["publish", "library", bookXml("Second"), "b"]);
    await shows(one, "Second");
    await one.evaluate(() => { document.getElementById("b").mark = 1; });
    await service.ctl(["publish", "library", bookXml("First, mended"), "a"]);
    for (const page of [one, two]) await shows(page, "First, mended");
    assert.deepEqual(await titles(two), ["First, mended", "Second"]);
    await service.ctl(["retract", "library", "a"]);
    for (const page of [one, two]) await page.waitForSelector("#a", { state: "detached" });
    assert.deepEqual(await titles(two), ["Second"]);
    assert.equal(await one.evaluate(() => document.getElementById("b").mark), 1); // the same node
  }));

test("service: errors stand at the field, what was typed stays", () =>
  pages(1, async (service, page) => {
    await fill(page, { author: "Kept", isbn: "123" });
    await page.click("button[type=submit]");
    await page.waitForSelector("#form-library-title[aria-invalid=true]");
    assert.equal(await page.textContent("#form-library-isbn-error"), "978 or 979 and ten digits, please.");
    assert.ok(await page.isVisible("#form-library-title-error"));
    assert.equal(await page.inputValue("#form-library-author"), "Kept");
    assert.equal(await page.evaluate(() => document.activeElement.id), "form-library-title");
    await fill(page, { title: "Now", isbn: "" });
    await page.keyboard.press("Enter");
    await shows(page, "Now");
    assert.ok(!await page.isVisible("#form-library-title-error"));
  }));

test("service: typing goes on while others add", () =>
  pages(1, async (service, page) => {
    await page.focus("#form-library-title");
    await page.keyboard.type("half a ti");
    await page.keyboard.press("ArrowLeft");
    for (let i = 0; i < 5; i++) await service.ctl(["publish", "library", bookXml("Other " + i), "o" + i]);
    await shows(page, "Other 4");
    await page.keyboard.type("X");
    assert.equal(await page.inputValue("#form-library-title"), "half a tXi");
  }));

test("service: without JavaScript the page reads and the form works", () =>
  pages(1, async (service, page) => {
    await fill(page, { author: "Nobody", isbn: "1" });
    await page.click("button[type=submit]");
    assert.ok(await page.isVisible("#form-library-title-error"));
    assert.ok(await page.isVisible("#form-library-isbn-error"));
    assert.equal(await page.inputValue("#form-library-author"), "Nobody");
    await fill(page, { title: "By post", isbn: "" });
    await page.click("button[type=submit]");
    assert.equal(page.url(), service.url);
    assert.deepEqual(await titles(page), ["By post"]);
  }, { javaScriptEnabled: false }));

test("service: a new template changes every open page, a broken one none", () =>
  pages(2, async (service, one, two) => {
    const file = join(service.dir, "sheet.xsl");
    await service.ctl(["publish", "library", bookXml("Stays"), "s"]);
    await shows(two, "Stays");
    await one.fill("#form-library-title", "typed");
    const sheet = await service.ctl(["template", "get", "bookcase.xsl"]);
    const put = async (text) => {
      (await import("node:fs")).writeFileSync(file, text);
      return service.ctl(["template", "put", "bookcase.xsl", file]);
    };
    await put(sheet.replace("On the shelf<", "In the attic<"));
    for (const page of [one, two])
      await page.waitForFunction(() => document.querySelector("#shelf-title").textContent == "In the attic");
    assert.equal(await one.inputValue("#form-library-title"), "typed");
    await assert.rejects(put(sheet.replace('match="b:book"', 'match="b:book["')), /line \d+/);
    await assert.rejects(put(sheet.replace("</xsl:template>", "")), /line \d+/);
    assert.equal(await one.textContent("#shelf-title"), "In the attic");
    await service.ctl(["template", "revert", "bookcase.xsl"]);
    for (const page of [one, two])
      await page.waitForFunction(() => document.querySelector("#shelf-title").textContent == "On the shelf");
    assert.deepEqual(await titles(two), ["Stays"]);
  }));

const unique = (list) => assert.equal(new Set(list).size, list.length, "shown twice");

test("service: cut off again and again: no gap, no duplicate", () =>
  withService({}, (service) => cuttable(service, (url, cut) =>
    withContext({}, async (context) => {
      const page = await context.newPage();
      await page.goto(url);
      await live(page);
      let cuts = 0, n = 0;
      // How fast the page is back is its own; there is something to miss
      // each time.
      for (; n < 200 || (cuts < 5 && n < 950); n++) {
        const published = service.post({ title: "t" + n, author: "A", "concordance#id": "i" + n });
        if (n % 3 == 0 && cuts < 5) cuts += cut();
        assert.equal(await published, 200);
      }
      assert.ok(cuts >= 3, `only ${cuts} cuts`);
      // It waits longer after each loss that came soon: 16 s at most by now.
      await shows(page, "t" + (n - 1), 40e3);
      const all = await titles(page);
      unique(all);
      assert.deepEqual(all, Array.from({ length: n }, (_, i) => "t" + i));
    }))));

test("service: killed while books are added: each acknowledged one is there once, pages go on", () =>
  pages(2, async (service, one, two) => {
    const acknowledged = [];
    for (let round = 0; round < 3; round++) {
      let stop = false;
      const adders = [0, 1, 2].map(async (w) => {
        for (let n = 0; !stop; n++) {
          const title = `r${round}w${w}n${n}`;
          try {
            if (await service.post({ title, author: "A", "concordance#id": title }) == 200)
              acknowledged.push(title);
          } catch { return; }
        }
      });
      const goal = acknowledged.length + 40;
      while (acknowledged.length < goal) await new Promise((ok) => setImmediate(ok));
      await service.kill();
      stop = true;
      await Promise.all(adders);
      await service.start();
    }
    const id = "last";
    await service.post({ title: id, author: "A", "concordance#id": id });
    for (const page of [one, two]) {
      await page.waitForFunction((t) => [...document.querySelectorAll("#shelf h3")]
        .some((e) => e.textContent == t), id, { timeout: 45e3 });
      const all = await titles(page);
      unique(all);
      for (const title of acknowledged) assert.ok(all.includes(title), title + " is missing");
    }
    const kept = (await service.ctl(["items", "library"])).trim().split("\n").map((l) => l.split("\t")[0]);
    unique(kept);
  }));

const HOSTILE = {
  script: "<script>window.hit=1</script>",
  "image handler": '<img src=x onerror="window.hit=1">',
  "svg handler": '<svg onload="window.hit=1">',
  "attribute break": '" onmouseover="window.hit=1" x="',
  "single quotes": "' autofocus onfocus='window.hit=1' x='",
  "javascript address": "javascript:window.hit=1",
  "comment break": "--><script>window.hit=1</script><!--",
  "CDATA break": "]]><script>window.hit=1</script>",
  "title break": "</title></textarea></style><script>window.hit=1</script>",
  clobbering: '<form><input name="attributes"><input name="childNodes">',
  entities: "&lt;script&gt;window.hit=1&lt;/script&gt;&#60;",
  iframe: '<iframe srcdoc="<script>parent.hit=1</script>">',
  "base and meta": '<base href="//evil.example/"><meta http-equiv="refresh" content="0;url=//evil.example/">',
  prototype: "__proto__",
  unicode: "\u202Eevil\u2028\u2029\u0085",
};
test("service: hostile records are text", () =>
  pages(1, async (service, page, { open }) => {
    let n = 0;
    for (const text of Object.values(HOSTILE))
      assert.equal(await service.post({ title: text, author: text, "concordance#id": "h" + n++ }), 200);
    await page.waitForFunction((want) => document.querySelectorAll("#shelf li").length == want, n);
    for (const p of [page, await open()]) { // as patches, and in the snapshot
      assert.deepEqual(await titles(p), Object.values(HOSTILE));
      assert.equal(await p.evaluate(() => window.hit), undefined);
      assert.equal(await p.locator("#shelf").locator("script, img, svg, iframe, form, base, meta, [onmouseover]").count(), 0);
    }
  }));

test("service: the page passes axe, with errors and without", () =>
  pages(1, async (service, page) => {
    await service.ctl(["publish", "library", bookXml("T"), "t"]);
    await shows(page, "T");
    const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
    const check = async () => {
      await page.evaluate(axe);
      return page.evaluate(async () => (await window.axe.run()).violations.map((v) => v.id + ": " + v.help));
    };
    assert.deepEqual(await check(), []);
    await page.click("button[type=submit]");
    await page.waitForSelector("[aria-invalid=true]");
    assert.deepEqual(await check(), []);
  }, { bypassCSP: true }));

test("service: a book is added with the keyboard alone", () =>
  pages(1, async (service, page) => {
    for (let i = 0; i < 10 && await page.evaluate(() => document.activeElement.id) != "form-library-title"; i++)
      await page.keyboard.press("Tab");
    await page.keyboard.type("By hand");
    await page.keyboard.press("Tab");
    await page.keyboard.type("A");
    await page.keyboard.press("Enter");
    await shows(page, "By hand");
    await page.waitForFunction(() => document.querySelector(".cnc-news")?.textContent);
  }));
