// SPDX-License-Identifier: MIT
// console.js -- the page /_console: one's own session, stanza by stanza.
//
// Nothing is parsed from a string into the page: elements are made one by one
// and hold text.

import { check } from "./console-xml.js";
import { open } from "./console-stream.js";
import { esc, parse, text } from "./xml.js";
import templates from "./stanzas.js";

const MAX = 1000; // entries that are kept
const BEFORE = 50; // stanzas that the arrow keys bring back
const el = (id) => document.getElementById(id);
const meta = document.querySelector("meta[name=console]");
const domain = meta.content;
const sent = [];
let session, jid, n = 0, ids = 0, back = 0, last;

// make("p", {id: "x"}, "text", element): class and attributes, then children.
function make(name, attrs, ...children) {
  const e = document.createElement(name);
  for (const k in attrs) e.setAttribute(k, attrs[k]);
  e.append(...children);
  return e;
}

// --- shown ------------------------------------------------------------------

// The start tag of e in spans; ns: the namespace that is in scope.
function startTag(e, ns, empty) {
  const attrs = Object.entries(e.a);
  if (e.ns != ns) attrs.unshift(["xmlns", e.ns]);
  return ["<", make("span", { class: "name" }, e.n), ...attrs.flatMap(([k, v]) =>
    [" ", make("span", { class: "attr" }, k), "=", make("span", { class: "value" }, `"${esc(v)}"`)]),
  empty ? "/>" : ">"];
}

const endTag = (e) => ["</", make("span", { class: "name" }, e.n), ">"];

// e as elements: those with children fold.  Its depth has a limit: xml.js's.
function render(e, ns) {
  const kids = e.c.filter((c) => c.c || c.trim());
  if (!kids.some((c) => c.c))
    return make("div", { class: "leaf" }, ...startTag(e, ns, !kids.length), ...kids.length ? [text(e), ...endTag(e)] : []);
  return make("div", {}, make("details", { open: "" }, make("summary", {}, ...startTag(e, ns)),
    make("div", { class: "inner" }, ...kids.map((c) => c.c ? render(c, e.ns) : make("div", {}, c)))),
  ...endTag(e));
}

const kindOf = (e) => /^(iq|message|presence)$/.test(e.n) ? e.n : "other";

function log(way, e) {
  const list = el("log"), low = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const kind = kindOf(e), time = new Date().toTimeString().slice(0, 8);
  const what = `${way == "in" ? "\u2190 received" : "\u2192 sent"} ${time} ${e.n}${e.a.type ? " " + e.a.type : ""}`;
  const item = make("div", { "data-kind": kind, "data-way": way },
    make("div", { class: "what " + way }, `${++n} ${what}`),
    make("div", { class: "xml" }, render(e, "jabber:client")));
  if (el("fold").getAttribute("aria-pressed") == "true") fold(item, true);
  item.hidden = !wanted(item);
  list.append(item);
  while (list.childElementCount > MAX) list.firstElementChild.remove();
  if (low) list.scrollTop = list.scrollHeight;
  count();
}

// --- search and filter --------------------------------------------------------

function wanted(item) {
  const word = el("search").value.toLowerCase();
  return (!el("kind").value || item.dataset.kind == el("kind").value) &&
    (!el("way").value || item.dataset.way == el("way").value) &&
    (!word || item.textContent.toLowerCase().includes(word));
}

function count() {
  const items = [...el("log").children], shown = items.filter((i) => !i.hidden).length;
  const words = shown == items.length ? `${shown} shown` : `${shown} of ${items.length} shown`;
  clearTimeout(last); // a screen reader hears the stanzas, and the count once
  last = setTimeout(() => { el("count").textContent = words; }, 300);
}

function filter() {
  for (const item of el("log").children) item.hidden = !wanted(item);
  count();
}

const fold = (where, closed) => {
  for (const d of where.querySelectorAll("details")) d.open = !closed;
};

// --- the session ----------------------------------------------------------------

const say = (words) => { el("status").textContent = words; };

function show(up) {
  el("login").hidden = up;
  el("session").hidden = !up;
  el("log").scrollTop = el("log").scrollHeight;
  el(up ? "xml" : "jid").focus();
}

function start(name, password) {
  el("login-error").textContent = "";
  say("Logging in\u2026");
  const url = new URL(meta.dataset.socket, location).href.replace("http", "ws");
  session = open(url, domain, name, password, (m) => {
    if (m.way) log(m.way, m.e);
    else if (m.up) {
      jid = m.up;
      say("You are " + jid);
      show(true);
    } else {
      say("");
      el("login-error").textContent = m.down[0].toUpperCase() + m.down.slice(1) + ".";
      session = jid = undefined;
      show(false);
    }
  });
}

function login() {
  const [name, host = domain] = el("jid").value.trim().split("@");
  const password = el("password").value;
  el("password").value = "";
  if (session) return;
  if (!name || !password) el("login-error").textContent = "An address and a password are needed.";
  else if (host != domain) el("login-error").textContent = `Only addresses of ${domain} can log in here.`;
  else start(name.toLowerCase(), password);
}

// --- sending -----------------------------------------------------------------------

function wrong(e) {
  const box = el("xml");
  box.setAttribute("aria-invalid", !!e.text);
  el("send-error").textContent = e.text ? `Line ${e.line}, column ${e.column}: ${e.text}.` : "";
  if (e.text) {
    box.focus();
    box.setSelectionRange(e.at, e.at + 1);
  }
}

function send() {
  let src = el("xml").value.trim();
  const error = check(el("xml").value);
  wrong(error);
  if (error.text || !session) return;
  const e = parse(src);
  if (!e.ns) src = src.replace(/^<\w+/, (tag) => tag + ' xmlns="jabber:client"');
  if (e.n == "iq" && !e.a.id) src = src.replace(/^<\w+/, (tag) => `${tag} id="console-${++ids}"`);
  session.send(src);
  if (sent.at(-1) != el("xml").value) sent.push(el("xml").value);
  if (sent.length > BEFORE) sent.shift();
  back = sent.length;
  el("xml").value = "";
}

// {word} is a word's value; [...] falls away when a word in it is empty.
function fill() {
  const t = templates[el("template").value];
  const words = { domain, me: jid, id: `console-${++ids}` };
  const value = (k) => words[k] ?? (t.words[k] == "{domain}" ? domain : t.words[k]);
  const put = (s) => s.replace(/\{(\w+)\}/g, (_, k) => esc(value(k)));
  el("xml").value = put(t.xml.replace(/\[(.*?)\]/g, (_, part) =>
    [...part.matchAll(/\{(\w+)\}/g)].every(([, k]) => value(k)) ? part : ""));
  wrong({});
  el("xml").focus();
}

// Up at the very start, down at the very end: what was sent before.
function history(event) {
  const box = el("xml"), step = event.key == "ArrowUp" ? -1 : event.key == "ArrowDown" ? 1 : 0;
  const edge = step < 0 ? 0 : box.value.length;
  if (!step || box.selectionStart != edge || box.selectionEnd != edge || sent[back + step] === undefined) return;
  event.preventDefault();
  back += step;
  box.value = sent[back];
  const at = step < 0 ? 0 : box.value.length;
  box.setSelectionRange(at, at);
}

// --- the page -------------------------------------------------------------------------

const on = (id, event, f) => el(id).addEventListener(event, f);
const stop = (f) => (event) => { event.preventDefault(); f(); };

templates.forEach((t, k) => el("template").append(make("option", { value: k }, t.label)));
on("login", "submit", stop(login));
on("guest", "click", () => session || start());
on("send", "submit", stop(send));
on("fill", "click", fill);
on("leave", "click", () => session?.close());
on("clear", "click", () => { el("log").replaceChildren(); count(); });
on("fold", "click", () => {
  const closed = el("fold").getAttribute("aria-pressed") != "true";
  el("fold").setAttribute("aria-pressed", closed);
  fold(el("log"), closed);
});
on("search", "input", filter);
on("kind", "change", filter);
on("way", "change", filter);
on("xml", "keydown", (event) => {
  if (event.key == "Enter" && (event.ctrlKey || event.metaKey)) event.preventDefault(), send();
  else history(event);
});
on("xml", "input", () => wrong({}));
addEventListener("pagehide", () => session?.close());
show(false);
