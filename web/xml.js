// SPDX-License-Identifier: MIT
// xml.js -- strict XML in, escaped XML out.  No DOM, so that workers have it.
//
// An element is {n: local name, ns, a: {name: value}, c: [element or text]}.

const Q = "((?:([a-z_\\xc0-\\uffff][\\w.\\-\\xb7-\\uffff]*):)?([a-z_\\xc0-\\uffff][\\w.\\-\\xb7-\\uffff]*))";
const ATTR = `\\s+${Q}=(?:"([^"<]*)"|'([^'<]*)')`;
const EACH = new RegExp(ATTR, "gi");
const TOKEN = new RegExp(
  `<(/?)${Q}((?:${ATTR.replace(/\((?!\?)/g, "(?:")})*)\\s*(/?)>|([^<]+)`, "iy");
const BAD = /[\0-\x08\v\f\x0e-\x1f\ufffe\uffff]/g;
const ENTITY = { lt: 60, gt: 62, amp: 38, quot: 34, apos: 39 };
const fail = () => { throw new SyntaxError("not well-formed"); };

const plain = (s) => s.replace(/&(?:#(\d+|x[\da-f]+)|(\w+));|&/gi, (all, num, word) => {
  const code = num ? +("0" + num) : ENTITY[word] || fail(), c = String.fromCodePoint(code);
  return code >> 11 == 27 || c.search(BAD) >= 0 ? fail() : c; // no half of a pair
});

// One element.  No comment, processing instruction, DTD: there are none in XMPP.
export function parse(src) {
  const open = [];
  let root;
  if (src.search(BAD) >= 0) fail();
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < src.length;) {
    const [, end, q, prefix, n, attrs, empty, words] = TOKEN.exec(src) || fail();
    const up = open.at(-1);
    if (words) up ? up.e.c.push(plain(words)) : fail();
    else if (end) open.pop()?.q != q || attrs || empty ? fail() : 0;
    else {
      if (open.length > 255 || (root && !up)) fail();
      const scope = Object.create(up?.scope || { __proto__: null, xml: "xml" });
      const a = { __proto__: null }, all = [...attrs.matchAll(EACH)];
      for (const [, k, p, l, v, w = v] of all) {
        if (k in a) fail();
        a[k] = plain(w.replace(/\s/g, " "));
        if (k == "xmlns" || p == "xmlns") scope[p ? l : ""] = a[k];
      }
      for (const [, k, p] of all)
        if (p == "xmlns" || k == "xmlns") delete a[k];
        else if (p) scope[p] || fail();
      const e = { n, ns: scope[prefix || ""] || (prefix ? fail() : ""), a, c: [] };
      if (up) up.e.c.push(e); else root = e;
      if (!empty) open.push({ e, q, scope });
    }
  }
  return open.length || !root ? fail() : root;
}

export const esc = (s) => String(s).replace(BAD, "")
  .replace(/[&<>"'\r\n\t]/g, (c) => `&#${c.charCodeAt()};`);

// xml`<a b="${text}">${[xml, xml]}</a>`: text is escaped, arrays are XML.
export const xml = (s, ...v) => s.reduce((out, part, i) => out +
  (Array.isArray(v[i - 1]) ? v[i - 1].join("") : esc(v[i - 1])) + part);

// The child element of that name, further down when more names are given.
export const kid = (e, ...names) =>
  names.reduce((x, n) => x?.c.find((c) => c.n == n), e);
export const text = (e) => e?.c ? e.c.map(text).join("") : e || "";
