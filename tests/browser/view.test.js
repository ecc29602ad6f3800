// SPDX-License-Identifier: MIT
// The live page: patches, positions, reconnects, one connection for all tabs.

import assert from "node:assert/strict";
import { once, test } from "./harness.js";
import { byId, el, model } from "./fake.js";
import { add, book, caught, dice, form, live, shelf, sorted, tree, withFake } from "./tools.js";

const MODES = {
  SharedWorker: undefined,
  Worker: () => { delete window.SharedWorker; },
  page: () => { delete window.SharedWorker; delete window.Worker; },
};

// --- random trees -----------------------------------------------------------

const TEXT = ["a", "b & c", "<i>", " x ", "\u00e9\u{1f4da}", "\n", "]]>"];
let serial = 0;

function grow(roll, depth = 0) {
  const e = el(["div", "span", "b", "section", "article", "details"][roll(6)], {});
  if (roll(2)) e.a.id = "n" + ++serial;
  if (roll(3) == 0) e.a.class = "c" + roll(4);
  if (roll(6) == 0) e.a["data-x"] = TEXT[roll(TEXT.length)];
  for (let n = roll(depth > 3 ? 1 : 5); n--;)
    e.c.push(typeof e.c.at(-1) != "string" && roll(3) == 0 ? TEXT[roll(TEXT.length)] : grow(roll, depth + 1));
  return e;
}

const sound = (e) => e.c.every((c, i) => typeof c != "string" || typeof e.c[i + 1] != "string");

// A random element below root as {e, at, path}.
function pick(roll, root) {
  let e = root, at = root.a.id, path = [];
  while (roll(4)) {
    const i = roll(e.c.length + 1);
    if (typeof e.c[i] != "object") break;
    e = e.c[i];
    if (e.a.id && roll(2)) at = e.a.id, path = []; else path.push(i);
  }
  return { e, at, path: path.length ? path.join("/") : undefined };
}

function operation(roll, root) {
  for (;;) {
    const { e, at, path } = pick(roll, root), n = e.c.length, index = roll(n + 1);
    const some = roll(3) ? grow(roll, 2) : TEXT[roll(TEXT.length)];
    const o = [
      { op: "insert", index, content: roll(3) ? [some] : [some, grow(roll, 2)] },
      n && { op: "remove", index: roll(n), n: undefined },
      n && { op: "replace", index: roll(n), content: [some] },
      n > 1 && { op: "move", from: roll(n), to: roll(n) },
      typeof e.c[index] == "string" && { op: "text", index, data: TEXT[roll(TEXT.length)] },
      { op: "set", name: ["class", "title", "data-y"][roll(3)], value: TEXT[roll(TEXT.length)] },
      { op: "unset", name: ["class", "data-x", "title"][roll(3)] },
    ][roll(7)];
    if (!o) continue;
    if (o.op == "remove" && roll(2)) o.n = 1 + roll(n - o.index);
    const copy = structuredClone(e);
    model(copy, o);
    if (sound(copy)) return { ...o, at, path };
  }
}

for (const [mode, init] of Object.entries(MODES))
  test(`view: random patches give the page they should (${mode})`, () =>
    withFake([el("main", { id: "root" }, grow(dice(1)))], async (fake, open) => {
      const roll = dice(mode.length), page = await open(), root = byId(fake.root, "root");
      await live(page);
      const fetched = fake.fetched;
      for (let k = 0; k < 400; k++) {
        const ops = [];
        const trial = structuredClone(root);
        for (let n = 1 + roll(4); n--;) {
          const o = operation(roll, trial);
          model(trial, o);
          ops.push(o);
        }
        fake.change(...ops);
        if (k % 50 && !process.env.EACH) continue;
        await caught(page, fake);
        assert.deepEqual(await tree(page), sorted(fake.root), process.env.EACH && JSON.stringify(ops));
      }
      await caught(page, fake);
      assert.deepEqual(await tree(page), sorted(fake.root));
      assert.equal(fake.fetched, fetched, "no page was fetched to get there");
    }, { init }));

test("view: a fetched page is morphed into what it should be", () =>
  withFake([el("main", { id: "root" }, grow(dice(7)))], async (fake, open) => {
    const roll = dice(8), page = await open();
    await live(page);
    for (let k = 0; k < 12; k++) {
      for (let n = 30; n--;) model(fake.root, operation(roll, byId(fake.root, "root")));
      fake.raw('<patch xmlns="http://concordance-xmpp.org/ns/view"><resync/></patch>');
      await caught(page, fake);
      assert.deepEqual(await tree(page), sorted(fake.root));
    }
  }, { init: () => { Math.random = () => 0; } }));

// --- no gap, no duplicate -----------------------------------------------------

for (const [mode, init] of Object.entries(MODES))
  test(`view: three hundred lost connections, no gap and no duplicate (${mode})`, () =>
    withFake([shelf()], async (fake, open) => {
      const pages = mode == "SharedWorker" ? [await open(), await open(), await open()] : [await open()];
      await Promise.all(pages.map(live));
      const fetched = fake.fetched, roll = dice(3);
      fake.lose = () => roll(5) == 0;
      fake.twice = () => roll(5) == 0;
      for (let k = 0; k < 300; k++) {
        const again = once(fake, "bound");
        fake.drop();
        fake.change(add("b" + k, "Book " + k, roll(k + 1)));
        await again;
      }
      fake.lose = () => false;
      fake.change(add("last", "Last", 0));
      for (const page of pages) {
        await caught(page, fake);
        assert.deepEqual(await tree(page), sorted(fake.root));
      }
      assert.equal(fake.fetched, fetched, "the archive was enough");
    }, { init: mode == "page" ? () => { delete window.SharedWorker; delete window.Worker; Math.random = () => 0; } : init }));

test("view: what happened between page and subscription is there", () =>
  withFake([shelf()], async (fake, open, context) => {
    let held;
    await context.route("**/concordance.js", async (route) => { await (held = new Promise((ok) => { fake.go = ok; })); route.continue(); });
    const page = await context.newPage();
    await page.goto(fake.url, { waitUntil: "commit" });
    await page.waitForSelector("#shelf", { state: "attached" });
    fake.change(add("b1", "One", 0));
    fake.change(add("b2", "Two", 1));
    fake.go();
    await caught(page, fake);
    assert.deepEqual(await tree(page), sorted(fake.root));
  }));

test("view: an archive with many pages is read to its end", () =>
  withFake([shelf()], async (fake, open) => {
    const page = await open();
    await live(page);
    fake.refuse = true;
    fake.page = 7;
    fake.drop();
    for (let k = 0; k < 100; k++) fake.change(add("b" + k, "Book " + k, 0));
    fake.refuse = false;
    await caught(page, fake);
    assert.deepEqual(await tree(page), sorted(fake.root));
  }));

test("view: too old for the archive, or of another epoch: the page is fetched", () =>
  withFake([shelf()], async (fake, open) => {
    const page = await open();
    await live(page);
    fake.keep = 2;
    for (const epoch of [fake.epoch, "aaaa"]) {
      const fetched = fake.fetched;
      fake.refuse = true;
      fake.drop();
      for (let k = 0; k < 5; k++) fake.change(add(epoch + k, "Book " + k, 0));
      fake.epoch = epoch;
      fake.refuse = false;
      await caught(page, fake);
      assert.deepEqual(await tree(page), sorted(fake.root));
      assert.equal(fake.fetched, fetched + 1);
    }
  }));

test("view: a patch that does not fit makes the page fetched, once", () =>
  withFake([shelf()], async (fake, open) => {
    const page = await open();
    await live(page);
    const fetched = fake.fetched;
    model(fake.root, add("b1", "One", 0));
    fake.raw('<patch xmlns="http://concordance-xmpp.org/ns/view"><remove at="nothing" index="0"/></patch>');
    await caught(page, fake);
    fake.change(add("b2", "Two", 1));
    await caught(page, fake);
    assert.deepEqual(await tree(page), sorted(fake.root));
    assert.equal(fake.fetched, fetched + 1);
  }));

test("view: a page that cannot be fetched is asked for less and less often", () =>
  withFake([shelf()], async (fake, open, context) => {
    await context.addInitScript(() => { Math.random = () => 1; });
    const page = await open();
    await live(page);
    fake.pageStatus = 500;
    const times = [];
    fake.on("fetch", () => times.push(Date.now()));
    model(fake.root, add("b1", "One", 0));
    fake.raw('<patch xmlns="http://concordance-xmpp.org/ns/view"><resync/></patch>');
    for (let k = 0; k < 3; k++) await once(fake, "fetch");
    fake.pageStatus = 200;
    await caught(page, fake);
    const gaps = times.slice(1).map((t, i) => t - times[i]);
    assert.ok(gaps[1] > gaps[0] * 1.5 && gaps[2] > gaps[1] * 1.5, String(gaps));
    assert.deepEqual(await tree(page), sorted(fake.root));
  }));

test("view: a message that somebody else sends is not an event", () =>
  withFake([shelf()], async (fake, open) => {
    const page = await open();
    await live(page);
    fake.raw('<patch xmlns="http://concordance-xmpp.org/ns/view"><set at="shelf" name="title" value="spoofed"/></patch>',
      "mallory@books.example/x");
    fake.archive.pop();
    fake.seq--;
    fake.change(add("b1", "One", 0));
    await caught(page, fake);
    assert.deepEqual(await tree(page), sorted(fake.root));
  }));

test("view: a deaf service is noticed and left, the indicator says so", () =>
  withFake([shelf()], async (fake, open, context) => {
    fake.deaf = true;
    const page = await open();
    await page.waitForSelector(".cnc-status[data-state=wait]", { state: "attached" });
    assert.equal(await page.textContent(".cnc-status"), "Not live");
    await once(fake, "gone", 20e3);
    fake.deaf = false;
    await live(page);
    assert.equal(await page.textContent(".cnc-status"), "Live");
  }));

// --- tabs -----------------------------------------------------------------------

test("view: three tabs have one connection, and it closes after the last", () =>
  withFake([shelf()], async (fake, open) => {
    const pages = [await open(), await open(), await open()];
    await Promise.all(pages.map(live));
    assert.equal(fake.accepted, 1);
    assert.equal(fake.sockets.size, 1);
    fake.change(add("b1", "One", 0));
    for (const p of pages) await caught(p, fake);
    await pages[0].close();
    fake.change(add("b2", "Two", 0));
    for (const p of pages.slice(1)) await caught(p, fake);
    const gone = once(fake, "gone");
    await pages[1].close();
    await pages[2].goto("about:blank");
    await gone;
    assert.equal(fake.sockets.size, 0);
  }));

test("view: where the shared worker cannot start, the page carries on without", () =>
  withFake([shelf()], async (fake, open, context) => {
    await context.addInitScript(() => {
      window.SharedWorker = class { port = new MessageChannel().port1; };
      window.Worker = class { constructor() { throw new Error("no"); } };
    });
    const page = await open();
    await live(page);
    fake.change(add("b1", "One", 0));
    await caught(page, fake);
  }));

test("view: back from the browser's history the page catches up", () =>
  withFake([shelf()], async (fake, open) => {
    const page = await open();
    await live(page);
    await page.goto("about:blank");
    fake.change(add("b1", "One", 0));
    await page.goBack();
    await caught(page, fake);
    assert.deepEqual(await tree(page), sorted(fake.root));
  }));

// --- what the person does stays -------------------------------------------------

const page1 = () => [shelf(book("b1", "One"), book("b2", "Two")), form([
  el("textarea", { id: "notes", name: "notes" }),
  el("select", { id: "kind", name: "kind" }, el("option", { value: "a", selected: "" }, "a"),
    el("option", { value: "b" }, "b"), el("option", { value: "c" }, "c")),
  el("input", { id: "box", name: "box", type: "checkbox", value: "true" })]),
el("details", { id: "more" }, el("summary", {}, "More"), el("p", {}, "Text"))];

async function work(page) {
  await page.fill("#form-library-title", "Half a ti");
  await page.fill("#notes", "one\ntwo");
  await page.selectOption("#kind", "b");
  await page.check("#box");
  await page.click("#more summary");
  await page.focus("#form-library-title");
  await page.evaluate(() => document.getElementById("form-library-title").setSelectionRange(2, 5));
}

const state = (page) => page.evaluate(() => {
  const t = document.getElementById("form-library-title"), id = (x) => document.getElementById(x);
  return [document.activeElement.id, t.value, t.selectionStart, t.selectionEnd, id("notes").value,
    id("kind").value, id("box").checked, id("more").open];
});
const KEPT = ["form-library-title", "Half a ti", 2, 5, "one\ntwo", "b", true, true];

test("view: patches keep focus, selection, typed text and open details", () =>
  withFake(page1(), async (fake, open) => {
    const page = await open();
    await live(page);
    await work(page);
    fake.change(add("b0", "Zero", 0));
    fake.change({ op: "remove", at: "shelf", index: 1 }, { op: "text", at: "b2", path: "0", index: 0, data: "2" });
    fake.change({ op: "set", at: "form-library-title", name: "value", value: "other" },
      { op: "set", at: "kind", name: "class", value: "x" });
    // The form moves, and options change under the choice.
    fake.change({ op: "move", path: "1", from: 1, to: 0 });
    fake.change({ op: "insert", at: "kind", index: 0, content: [el("option", { value: "z", selected: "" }, "z")] });
    await caught(page, fake);
    assert.deepEqual(await state(page), KEPT);
    assert.deepEqual((await tree(page)).c[1].c.map((x) => x.a.id), ["form-library", "shelf", "more"]);
    // The form as a whole is replaced, by itself and inside something else.
    fake.change({ op: "replace", path: "1", index: 0, content: [byId(fake.root, "form-library")] });
    await caught(page, fake);
    assert.deepEqual(await state(page), KEPT);
    const again = structuredClone(byId(fake.root, "form-library"));
    fake.change({ op: "replace", path: "1", index: 0, content: [el("section", {}, again)] });
    await caught(page, fake);
    assert.deepEqual(await state(page), KEPT);
  }));

test("view: a fetched page keeps them too", () =>
  withFake([...page1(), ...Array.from({ length: 80 }, () => el("p", {}, "Text"))], async (fake, open) => {
    const page = await open();
    await live(page);
    await work(page);
    await page.evaluate(() => scrollTo(0, 300));
    const body = fake.root.c[1];
    body.c[0].c.unshift(book("b0", "Zero"));
    body.c.unshift(el("h1", {}, "Books"));
    byId(fake.root, "form-library").c[0].c[0] = "Add one";
    fake.raw('<patch xmlns="http://concordance-xmpp.org/ns/view"><resync/></patch>');
    await caught(page, fake);
    assert.deepEqual(await state(page), KEPT);
    assert.ok(await page.evaluate(() => scrollY) > 200);
    assert.equal(await page.textContent("#form-library h2"), "Add one");
  }));

test("view: a record that moves keeps the focus inside it", () =>
  withFake([shelf(...["b1", "b2", "b3"].map((id) => el("li", { id }, el("a", { href: "#" + id, id: "a" + id }, id))))],
    async (fake, open) => {
      const page = await open();
      await live(page);
      await page.focus("#ab3");
      fake.change({ op: "move", at: "shelf", from: 2, to: 0 });
      await caught(page, fake);
      assert.equal(await page.evaluate(() => document.activeElement.id), "ab3");
      assert.deepEqual(await tree(page), sorted(fake.root));
    }));
