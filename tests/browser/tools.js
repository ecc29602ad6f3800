// SPDX-License-Identifier: MIT
// tools.js -- what several tests of the runtime need.

import { el, Fake } from "./fake.js";
import { withContext } from "./harness.js";

export const book = (id, title) => el("li", { id }, el("b", {}, title));
export const shelf = (...books) => el("ul", { id: "shelf" }, ...books);
export const add = (id, title, index) =>
  ({ op: "insert", at: "shelf", index, content: [book(id, title)] });

// As the service writes the form of the node library.
export const form = (extra = []) => el("form", { id: "form-library", class: "cnc-form", method: "post",
  action: "/?form=library", "data-form": "library", novalidate: "" },
el("h2", { class: "cnc-form-title" }, "Add a book"),
el("p", { class: "cnc-form-error", id: "form-library-error", role: "alert", hidden: "" }),
el("input", { type: "hidden", name: "concordance#id", value: "" }),
...["title", "isbn"].map((n) => el("div", { class: "cnc-field", "data-field": n },
  el("label", { for: "form-library-" + n }, n),
  el("input", { id: "form-library-" + n, name: n, type: "text", "aria-describedby": `form-library-${n}-error` }),
  el("p", { class: "cnc-error", id: `form-library-${n}-error`, hidden: "" }))),
...extra,
el("button", { type: "submit" }, "Add a book"));

// A fake service with that body, and pages of one context on it.
export async function withFake(body, f, options = {}) {
  const { init, before, ...rest } = options;
  const fake = await new Fake(body).start();
  try {
    return await withContext(rest, async (context, said) => {
      if (init) await context.addInitScript(init);
      before?.(fake);
      const open = async () => {
        const page = await context.newPage();
        await page.goto(fake.url);
        return page;
      };
      return f(fake, open, context, said);
    });
  } finally { await fake.stop(); }
}

export const live = (page) => page.waitForSelector(".cnc-status[data-state=live]", { state: "attached" });

// Wait until the page is where the service is.
export const caught = (page, fake) => page.waitForFunction((p) =>
  Document.prototype.querySelector.call(document, "head > meta[name=concordance]").dataset.position == p,
fake.epoch + "." + fake.seq);

// The page as a tree, without what is the runtime's.
export const tree = (page) => page.evaluate(() => {
  const walk = (e) => e.nodeType == 3 ? e.data : {
    n: e.localName,
    a: Object.fromEntries([...Element.prototype.getAttributeNames.call(e)].sort()
      .map((k) => [k, Element.prototype.getAttribute.call(e, k)])),
    c: [...Object.getOwnPropertyDescriptor(Node.prototype, "childNodes").get.call(e)]
      .filter((x) => x.nodeType == 3 || !x.matches(
        "script, head > meta[name=concordance], body > .cnc-status, body > .cnc-news")).map(walk),
  };
  return walk(Reflect.get(Document.prototype, "documentElement", document));
});

export const sorted = (t) => typeof t == "string" ? t : {
  n: t.n, a: Object.fromEntries(Object.entries(t.a).sort()), c: t.c.map(sorted) };

// Numbers that look random and are the same each run.
export function dice(seed) {
  return (n) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}
