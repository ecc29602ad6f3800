// SPDX-License-Identifier: MIT
// Hostile records: nothing runs, nothing forbidden is in the page.

import assert from "node:assert/strict";
import { test } from "./harness.js";
import { el, opXml } from "./fake.js";
import { caught, live, shelf, tree, withFake } from "./tools.js";

const JS = "window.pwned=1";
const X = 'xmlns="http://www.w3.org/1999/xhtml"';
const ATTACKS = {
  script: `<script ${X}>${JS}</script>`,
  "script in an unknown element": `<x ${X}><script>${JS}</script></x>`,
  "handler attribute": `<img ${X} src="/none.png" onerror="${JS}"/>`,
  "handler in capitals": `<img ${X} src="/none.png" ONERROR="${JS}"/>`,
  "autofocus handler": `<input ${X} autofocus="" onfocus="${JS}"/>`,
  "javascript link": `<a ${X} id="go" href="javascript:${JS}">x</a>`,
  "javascript link with blanks": `<a ${X} id="go" href=" &#9;java&#10;script:${JS}">x</a>`,
  "javascript in capitals": `<a ${X} id="go" href="JaVaScRiPt:${JS}">x</a>`,
  "vbscript link": `<a ${X} id="go" href="vbscript:x">x</a>`,
  "data link": `<a ${X} id="go" href="data:text/html,&lt;script&gt;${JS}&lt;/script&gt;">x</a>`,
  "blob link": `<a ${X} id="go" href="blob:http://127.0.0.1/x">x</a>`,
  "data image of SVG": `<img ${X} src="data:image/svg+xml,&lt;svg/&gt;"/>`,
  iframe: `<iframe ${X} src="javascript:${JS}"/>`,
  srcdoc: `<iframe ${X} srcdoc="&lt;script&gt;parent.pwned=1&lt;/script&gt;"/>`,
  object: `<object ${X} data="javascript:${JS}"/>`,
  embed: `<embed ${X} src="javascript:${JS}"/>`,
  base: `<base ${X} href="http://evil.example/"/>`,
  "meta refresh": `<meta ${X} http-equiv="refresh" content="0;url=javascript:${JS}"/>`,
  "a second position": `<meta ${X} name="Concordance" content="view:/evil"/>`,
  "foreign style sheet": `<link ${X} rel="stylesheet" href="http://evil.example/x.css"/>`,
  "foreign style sheet without scheme": `<link ${X} rel="stylesheet" href="//evil.example/x.css"/>`,
  "style sheet under another name": `<link ${X} rel="alternate stylesheet" href="\\\\evil.example/x.css"/>`,
  preload: `<link ${X} rel="modulepreload" href="/x.js"/>`,
  style: `<style ${X}>*{display:none}</style>`,
  "style attribute": `<p ${X} style="background:url(http://evil.example/)">x</p>`,
  "form to elsewhere": `<form ${X} action="http://evil.example/"><button>x</button></form>`,
  "form without scheme": `<form ${X} action="//evil.example/"><button>x</button></form>`,
  "form with script": `<form ${X} action="javascript:${JS}"><button>x</button></form>`,
  formaction: `<form ${X}><button formaction="javascript:${JS}">x</button></form>`,
  "image button": `<input ${X} type="Image" src="/none.png"/>`,
  "SVG script": `<svg xmlns="http://www.w3.org/2000/svg"><script>${JS}</script></svg>`,
  "SVG handler": `<svg xmlns="http://www.w3.org/2000/svg" onload="${JS}"/>`,
  "XHTML in SVG": `<svg xmlns="http://www.w3.org/2000/svg"><foreignObject><img ${X} src="/n" onerror="${JS}"/></foreignObject></svg>`,
  MathML: `<math xmlns="http://www.w3.org/1998/Math/MathML" href="javascript:${JS}"/>`,
  template: `<template ${X}><script>${JS}</script></template>`,
  noscript: `<noscript ${X}>&lt;/noscript&gt;&lt;script&gt;${JS}&lt;/script&gt;</noscript>`,
  "text that looks like HTML": `<p ${X}>&lt;script&gt;${JS}&lt;/script&gt;&lt;img src=x onerror=${JS}&gt;</p>`,
  "text in a textarea": `<textarea ${X}>&lt;/textarea&gt;&lt;script&gt;${JS}&lt;/script&gt;</textarea>`,
  "text in a title": `<title ${X}>&lt;/title&gt;&lt;script&gt;${JS}&lt;/script&gt;</title>`,
  "custom element": `<x-y ${X} onclick="${JS}">x</x-y>`,
  "is attribute": `<p ${X} is="x-y">x</p>`,
  "srcset with script": `<img ${X} srcset="javascript:${JS} 1x, data:text/html,x 2x"/>`,
  "prefixed attribute": `<a ${X} id="go" xmlns:x="http://www.w3.org/1999/xlink" x:href="javascript:${JS}">x</a>`,
  portal: `<portal ${X} src="http://evil.example/"/>`,
  "no namespace": `<p xmlns="" onclick="${JS}">x</p>`,
};

const FORBIDDEN = /^(script|style|iframe|object|embed|base|svg|math|template|noscript|portal|x|x-y|foreignobject)$/;

function faults(t, out = []) {
  if (typeof t == "string") return out;
  if (FORBIDDEN.test(t.n)) out.push(t.n);
  for (const [k, v] of Object.entries(t.a))
    if (/^on|^style$|^srcdoc$|^http-equiv$|^is$|^formaction$|^autofocus$|:/i.test(k) ||
      /^\s*(java|vb)script|^blob:|^data:text|evil\.example|svg\+xml/i.test(v.replace(/[\s\0-\x20]/g, "")))
      out.push(`${t.n} ${k}=${v}`);
  if (t.n == "link" && t.a.rel == "modulepreload") out.push("preload");
  if (t.n == "input" && /image/i.test(t.a.type)) out.push("image button");
  if (t.n == "meta" && /concordance/i.test(t.a.name)) out.push("meta");
  t.c.map((c) => faults(c, out));
  return out;
}

for (const way of ["patch", "fetched page"])
  for (const csp of [true, false])
    test(`safety: ${Object.keys(ATTACKS).length} hostile records by ${way}, ${csp ? "with" : "without"} policy`, () =>
      withFake([shelf()], async (fake, open) => {
        if (!csp) fake.headers = {};
        const page = await open();
        await live(page);
        let fetched = 1;
        const real = fake.html.bind(fake);
        for (const [name, attack] of Object.entries(ATTACKS)) {
          const inner = `<li ${X} id="bad">${attack}</li>`;
          const V = 'xmlns="http://concordance-xmpp.org/ns/view"';
          if (way == "patch") fake.raw(`<patch ${V}><insert at="shelf" index="0">${inner}</insert></patch>`);
          else {
            fake.html = () => real().replace("</ul>",
              inner.replace(/ xmlns="http:..www.w3.org.1999.xhtml"/g, "") + "</ul>");
            fake.raw(`<patch ${V}><resync/></patch>`);
          }
          await caught(page, fake);
          const got = await tree(page);
          assert.deepEqual(faults(got), [], name);
          assert.ok(JSON.stringify(got).includes('"bad"'), name + ": the record itself is there");
          if (await page.$("#go")) await page.evaluate(() => document.getElementById("go").click());
          assert.equal(await page.evaluate(() => window.pwned), undefined, name);
          assert.equal(page.url(), fake.url, name);
          assert.equal(fake.fetched, way == "patch" ? 1 : ++fetched, name);
          fake.html = real;
          fake.raw(`<patch ${V}><remove at="shelf" index="0"/></patch>`);
          await caught(page, fake);
        }
      }, { init: () => { Math.random = () => 0; } }));

test("safety: hostile attributes by set", () =>
  withFake([shelf(), el("a", { id: "go", href: "/" }, "x"), el("form", { id: "f", action: "/" }), el("img", { id: "i" })],
    async (fake, open) => {
      fake.root.c[0].c.push(el("link", { id: "l", rel: "canonical", href: "http://evil.test/x.css" }));
      const page = await open();
      await live(page);
      const ops = [["go", "href", `javascript:${JS}`], ["go", "onclick", JS], ["go", "style", "color:red"],
        ["f", "action", "//evil.example/"], ["i", "src", "data:image/svg+xml,x"], ["i", "onerror", JS],
        ["i", "a b", "c"], ["i", "OnError", JS], ["l", "rel", "stylesheet"]];
      fake.raw(`<patch xmlns="http://concordance-xmpp.org/ns/view">${ops.map(([at, name, value]) =>
        opXml({ op: "set", at, name, value })).join("")}</patch>`);
      await caught(page, fake);
      const got = await tree(page);
      assert.deepEqual(faults(got), []);
      assert.ok(!JSON.stringify(got).includes('"stylesheet"'));
      await page.evaluate(() => document.getElementById("go")?.click());
      assert.equal(await page.evaluate(() => window.pwned), undefined);
    }));

test("safety: allowed things get through", () =>
  withFake([shelf()], async (fake, open) => {
    const page = await open();
    await live(page);
    const good = el("li", { id: "ok", class: "x", "data-k": "v", "aria-label": "l", lang: "de" },
      el("a", { href: "https://example.org/?a=b#c" }, "a"), el("a", { href: "mailto:a@b.example" }, "b"),
      el("a", { href: "xmpp:a@b.example" }, "c"), el("a", { href: "../up?q=1#f" }, "d"), el("a", { href: "urn:isbn:1" }, "e"),
      el("img", { src: "data:image/png;base64,iVBORw0KGgo=", alt: "" }),
      el("img", { srcset: "/a.png 1x, /b.png 2x", alt: "" }),
      el("time", { datetime: "2026-11-22" }, "today"), el("details", { open: "" }, el("summary", {}, "s"), "t"),
      el("input", { type: "checkbox", checked: "" }), el("form", { action: "/x" }));
    fake.change({ op: "insert", at: "shelf", index: 0, content: [good] });
    await caught(page, fake);
    const { sorted } = await import("./tools.js");
    assert.deepEqual(await tree(page), sorted(fake.root));
  }));

test("safety: names that hide properties of document and window do no harm", () =>
  withFake([shelf(), ...["getElementById", "documentElement", "body", "head", "createElement", "querySelector", "activeElement",
    "visibilityState", "adoptedStyleSheets", "addEventListener", "SharedWorkerGlobalScope", "trustedTypes2"].map((name) =>
    el("form", { name, id: name }, el("input", { name: "childNodes" })))],
  async (fake, open) => {
    const page = await open();
    fake.change({ op: "insert", at: "shelf", index: 0, content: [el("li", { id: "b1" }, "x")] });
    await caught(page, fake);
    fake.change({ op: "insert", at: "body", index: 1, content: [el("p", {}, "x")] });
    fake.raw('<patch xmlns="http://concordance-xmpp.org/ns/view"><resync/></patch>');
    await caught(page, fake);
    const { sorted } = await import("./tools.js");
    assert.deepEqual(await tree(page), sorted(fake.root));
  }));

test("safety: under the policy nothing is refused that we need", () =>
  withFake([shelf()], async (fake, open, context, said) => {
    const page = await open();
    await live(page);
    fake.raw('<patch xmlns="http://concordance-xmpp.org/ns/view"><resync/></patch>');
    await caught(page, fake);
    assert.deepEqual(said.filter((s) => /policy|trusted/i.test(s)), []);
  }));
