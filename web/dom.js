// SPDX-License-Identifier: MIT
// dom.js -- patches and whole pages into the live DOM, through the allow-list.
// Nothing is parsed from a string here.

import * as allow from "./allow.js";

// o.k or o.k(...), by the prototype: <input name="childNodes"> in a page hides
// the property of its form, and of the document.
export const $ = (o, k, ...args) => {
  const v = Reflect.get(Object.getPrototypeOf(o), k, o);
  return typeof v == "function" ? v.apply(o, args) : v;
};
export const put = (o, k, v) => Reflect.set(Object.getPrototypeOf(o), k, v, o);
export const attr = (e, k) => $(e, "getAttribute", k);
export const setAttr = (e, k, v) => $(e, "setAttribute", k, v);
export const unset = (e, k) => $(e, "removeAttribute", k);
export const find = (id) => $(document, "getElementById", id);
const kids = (e) => $(e, "childNodes"), isElement = (e) => $(e, "nodeType") == 1;
const name = (e) => $(e, "localName"), next = (e) => $(e, "nextSibling");
const attrs = (e) => Object.fromEntries([...$(e, "attributes")].map((x) => [x.name, x.value]));
const insert = (e, x, before) => $(e, "insertBefore", x, before);
const move = (e, x, before) =>
  $(e, Element.prototype.moveBefore ? "moveBefore" : "insertBefore", x, before);

// Nodes that the runtime added: not counted, not taken out.
export const ours = new WeakSet();
// Elements that show a form's state: a fetched page leaves them as they are.
export const held = new WeakSet();
const skip = (e) => ours.has(e) || (isElement(e) && (name(e) == "script" ||
  (name(e) == "meta" && attr(e, "name") == "concordance")));

// --- the allow-list -------------------------------------------------------

const has = (list, word) => allow[list].includes(` ${word} `);

function url(v) {
  try { return new URL(v, document.baseURI); } catch { return {}; }
}

const near = (v) => url(v).href?.startsWith(location.origin + "/");

function safe(n, k, v) {
  if (/^(data|aria)-[\w.-]+$/.test(k)) return true;
  if (!has("attributes", k)) return false;
  if (k == "type") return n != "input" || !/image/i.test(v);
  if (k == "action") return near(v);
  if (k == "target") return v == "_blank";
  if (k == "srcset") return v.split(/[\s,]+/).every((w) => /^http/.test(url(w).protocol));
  return !has("url_attributes", k) || has("url_schemes", url(v).protocol) ||
    (n == "img" && /^data:image\/(png|jpeg|gif|webp)[;,]/i.test(v));
}

// link and meta are allowed as a whole or not at all.
function whole(n, a) {
  if (n == "meta") return "charset" in a || ("content" in a && !/^\s*(concordance\s*)?$/i.test(a.name || ""));
  const rel = (a.rel || "").toLowerCase().split(/\s+/);
  return n != "link" || (rel.every((r) => has("link_rels", r)) &&
    (near(a.href) || !/stylesheet|icon/i.test(a.rel)));
}

// Elements as xml.js has them -> those that are allowed, as {n, a, c}.
const clean = (list) => list.flatMap((e) => {
  if (!e.c) return e;
  const n = e.n.toLowerCase(), a = {};
  for (const k in e.a) if (safe(n, k, e.a[k])) a[k] = e.a[k];
  return e.ns == "http://www.w3.org/1999/xhtml" && has("elements", n) && whole(n, a)
    ? { n, a, c: clean(e.c) } : [];
});

// The nodes of a parsed, lifeless document as xml.js has them.
const read = (node) => [...kids(node)].flatMap((x) =>
  isElement(x) ? skip(x) ? [] : { n: name(x), ns: $(x, "namespaceURI"), a: attrs(x), c: read(x) }
    : x.nodeType == 3 ? x.data : []);

function build(t) {
  if (!t.c) return $(document, "createTextNode", t);
  const e = $(document, "createElement", t.n);
  for (const k in t.a) setAttr(e, k, t.a[k]);
  for (const c of t.c) insert(e, build(c), null);
  return e;
}

// --- what the person did --------------------------------------------------

const typed = new Set(); // controls
addEventListener("input", (e) => typed.add(e.target), true);
addEventListener("reset", (e) => {
  for (const x of typed) if (x.form == e.target) typed.delete(x);
});

// Run f; the focus, the selection and what was typed are afterwards as before,
// in the same control or in the one that took its place.
function keep(f) {
  const at = $(document, "activeElement");
  const was = [...new Set([...typed, at])].filter((e) => e && $(e, "isConnected")).map((e) =>
    [e, attr(e, "id"), e.value, e.checked, e.selectionStart, e.selectionEnd,
      e instanceof HTMLSelectElement && [...e.selectedOptions].map((o) => o.value)]);
  try { f(); } finally {
    for (const [e, id, value, checked, from, to, picked] of was) {
      const x = $(e, "isConnected") ? e : find(id), edited = typed.delete(e);
      if (!x || name(x) != name(e)) continue;
      if (edited) {
        typed.add(x);
        if (picked) {
          for (const o of x.options)
            if (o.selected != picked.includes(o.value)) o.selected = !o.selected;
        } else if (x != e && x.type != "file") x.value = value, x.checked = checked;
      }
      if (e == at && at != $(document, "activeElement")) {
        $(x, "focus", { preventScroll: true });
        if (from >= 0) x.setSelectionRange(from, to);
      }
    }
  }
}

// --- a patch --------------------------------------------------------------

const fits = (ok) => { if (!ok) throw new Error("the patch does not fit"); };

// Do the operations of <patch/>; throws when one does not fit.  added(element)
// is called for what was inserted.
export const patch = (p, added) => keep(() => {
  for (const { n: op, a, c } of p.c) {
    if (!c) continue;
    let e = a.at ? find(a.at) : $(document, "documentElement");
    for (const i of a.path?.split("/") || []) e = e && kids(e)[i];
    fits(e && isElement(e));
    const list = kids(e), i = +a.index, x = list[i], at = a.name;
    if (op == "insert" || op == "replace") {
      const want = clean(c), old = op == "replace";
      fits(old ? x : i <= list.length);
      if (old && want.length == 1 && same(x, want[0])) morph(x, want[0]);
      else {
        for (const t of want) {
          const y = insert(e, build(t), x || null);
          if (t.c && !old) added(y);
        }
        if (old) $(x, "remove");
      }
    } else if (op == "remove") {
      const n = +(a.n || 1);
      fits(n > 0 && list[i + n - 1]);
      for (let k = n; k--;) $(list[i], "remove");
    } else if (op == "move") {
      const y = list[a.from], to = +a.to;
      fits(y && list[to]);
      move(e, y, list[to + (to >= +a.from)] || null);
    } else if (op == "text") {
      fits(x?.nodeType == 3);
      x.data = c.join("");
    } else {
      fits(/^(un)?set$/.test(op)); // <resync/> never does
      const all = { ...attrs(e), [at]: a.value };
      if (op == "unset" || !safe(name(e), at, a.value)) delete all[at];
      if (!whole(name(e), all)) $(e, "remove");
      else if (at in all) setAttr(e, at, a.value);
      else unset(e, at);
    }
  }
});

// --- a whole page ---------------------------------------------------------

const same = (x, t) => t.c ? isElement(x) && name(x) == t.n && (attr(x, "id") || "") == (t.a.id || "")
  : $(x, "nodeType") == 3;

function morph(e, t) {
  if (!t.c) { if (e.data != t) e.data = t; return; }
  if (held.has(e)) return;
  // Whether these are open is the person's business.
  const mine = (k) => k == "open" && /^(details|dialog)$/.test(t.n);
  const old = attrs(e);
  for (const k in old) if (!(k in t.a) && !mine(k)) unset(e, k);
  for (const k in t.a) if (old[k] != t.a[k] && !mine(k)) setAttr(e, k, t.a[k]);
  const ids = new Set(t.c.map((c) => c.a?.id)), had = new Map();
  for (const x of [...kids(e)]) {
    const id = isElement(x) && !skip(x) && attr(x, "id");
    if (id) ids.has(id) ? had.set(id, x) : $(x, "remove");
  }
  let at = kids(e)[0] || null;
  for (const c of t.c) {
    let x = had.get(c.a?.id) || at;
    if (!x || skip(x) || !same(x, c)) x = insert(e, build(c), at);
    else {
      if (x == at) at = next(at); else move(e, x, at);
      morph(x, c);
    }
  }
  for (let x; (x = at);) {
    at = next(x);
    if (!skip(x)) $(x, "remove");
  }
}

// Make the live page what this parsed one is.
export const page = (doc) =>
  keep(() => morph($(document, "documentElement"), clean(read(doc))[0]));
