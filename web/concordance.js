// SPDX-License-Identifier: MIT
// concordance.js -- keeps the page as its view is: no gap, no duplicate.
//
// The page's <meta name="concordance"> names the view and the position of the
// last patch that the page contains.  Patches are applied in the order of
// their numbers, each once: one that we have is dropped, one that is missing
// is asked for.  When that cannot be, the page is fetched and the DOM changed
// to it.  This code owns the position; the hub owns the connection.

import { $, attr, ours, page, patch, put, setAttr } from "./dom.js";
import { forms } from "./form.js";
import { xml } from "./xml.js";

const query = (d) => $(d, "querySelector", "head > meta[name=concordance]");
const meta = query(document);
const early = new Map(); // seq -> patch that came before its turn, some of them
let view, domain, socket, epoch, seq, busy, stale, live, fitted = 0, fails = 0;

function at(position) {
  [epoch, seq] = position.split(".");
  seq = +seq;
  setAttr(meta, "data-position", position);
}

function later(f) {
  setTimeout(f, Math.random() * (200 << Math.min(8, fails++)));
}

function feed(id, p) {
  const [e, s] = id.split(".");
  if (stale) return;
  if (e != epoch) return resync();
  if (s > seq && early.size < 1e3) early.set(+s, p);
  try {
    for (let next; (next = early.get(seq + 1)); fails = 0) {
      early.delete(seq + 1);
      patch(next, added);
      at(epoch + "." + (seq + 1));
    }
  } catch (e) {
    console.info(e);
    return resync();
  }
  if (early.size) catchUp();
}

// Ask the archive for what came after our position.
async function catchUp() {
  if (busy || stale) return;
  busy = true;
  let from, r, e;
  do {
    from = seq; // what the archive has is fed before the answer comes
    ({ r, e } = await net.iq(xml`<query xmlns="urn:xmpp:mam:2" node="${view
      }"><set xmlns="http://jabber.org/protocol/rsm"><max>200</max><after>${epoch}.${seq}</after></set></query>`));
  } while (seq > from && (early.size || r?.[0].a.complete != "true"));
  busy = false;
  if (e?.condition == "item-not-found" || (!e && early.size)) resync();
  else if (!e && !stale) live = true, status();
  else if (e && e.condition != "lost") later(catchUp);
}

// Fetch the page and change the DOM to it.
function resync() {
  if (stale) return;
  if (Date.now() - fitted > 1e4) fails = 0; // the last fetch did help
  stale = true;
  live = false;
  early.clear();
  status();
  later(fetchPage);
}

function fetchPage() {
  // A page that nobody looks at does not join the rush.
  if (hidden()) return addEventListener("visibilitychange", fetchPage, { once: true });
  const x = new XMLHttpRequest();
  x.open("GET", location);
  x.responseType = "document"; // lifeless, and no string of HTML
  x.timeout = 20e3;
  x.onloadend = () => {
    const m = x.response && query(x.response);
    if (!m || attr(m, "content") != view)
      return x.status && x.status < 500 ? location.reload() : later(fetchPage); // it is another now
    page(x.response);
    at(attr(m, "data-position"));
    fitted = Date.now();
    stale = false;
    on(); // when it was the subscription that failed
    catchUp();
  };
  x.send();
}

// --- the hub: SharedWorker, else Worker, else here --------------------------

const hub = new URL("hub.js", import.meta.url).href;
const calls = [];
const net = {
  say: (words) => { news.textContent = words; },
  iq: (body) => new Promise((done) => post({ t: "iq", n: calls.push(done) - 1, body })),
};
const post = (m) => port.postMessage(m);
const hidden = () => $(document, "visibilityState") == "hidden";
let port, mode = 0, asked, flush, url = hub;

function on() {
  asked = true;
  post({ t: "on", view, domain, url: socket, user: /concordance-user=1/.test(document.cookie) });
}

function start() {
  let mine;
  const next = () => { if (asked && port == mine) mode++, start(); };
  for (const lost of calls.splice(0)) lost?.({ e: { condition: "lost" } });
  try {
    if (mode < 2) {
      const w = new (mode ? Worker : SharedWorker)(url, { type: "module", name: socket + domain });
      w.onerror = next;
      mine = w.port || w;
      setTimeout(next, 4e3);
    } else {
      const c = new MessageChannel();
      mine = c.port1;
      import("./hub.js").then((m) => m.attach(c.port2));
    }
  } catch { return mode++, start(); }
  port = mine;
  port.onmessage = ({ data: m }) => {
    if (port != mine) return;
    asked = false;
    if (m.t == "hi") {
      live &&= m.up;
      net.been ||= m.up;
      if (net.up != m.up && (net.up = m.up)) flush();
      status();
    } else if (m.t == "ready") m.e ? resync() : catchUp();
    else if (m.t == "item") feed(m.id, m.patch);
    else calls[m.n](m), delete calls[m.n];
  };
  on();
}

// --- what the person sees and hears -----------------------------------------

const [news, bar] = ["news", "status"].map((name) => {
  const e = $(document, "createElement", "div");
  ours.add(e);
  e.className = "cnc-" + name;
  setAttr(e, "role", "status");
  return e;
});
let slow, fresh = [];

function status() {
  const words = live ? "Live" : net.been ? "Reconnecting\u2026" : "Not live";
  clearTimeout(slow);
  if (words != bar.textContent) slow = setTimeout(() => {
    bar.textContent = words;
    bar.dataset.state = live ? "live" : "wait";
  }, live ? 0 : 1500);
}

function added(e) {
  if (!attr(e, "id")) return;
  if (!fresh.length) setTimeout(() => {
    net.say(fresh.length > 2 ? fresh.length + " added" : "Added: " + fresh.join("; "));
    fresh = [];
  }, 1000);
  fresh.push($(e, "textContent").trim().slice(0, 80));
}

if (meta) {
  view = attr(meta, "content");
  domain = attr(meta, "data-service");
  socket = new URL(attr(meta, "data-socket"), location).href.replace("http", "ws");
  at(attr(meta, "data-position"));
  try {
    const sheet = new CSSStyleSheet(); // :where(): a page's own rules win
    sheet.replaceSync(":where(.cnc-status,.cnc-news){position:fixed;right:1em;bottom:1em;font:12px system-ui;pointer-events:none}.cnc-news{clip-path:inset(50%)}");
    put(document, "adoptedStyleSheets", [sheet]);
  } catch { /* plain text then */ }
  try {
    url = window.trustedTypes?.createPolicy("concordance", { createScriptURL: () => hub })
      .createScriptURL("") || hub;
  } catch { mode = 2; }
  $($(document, "body"), "append", news, bar);
  flush = forms(net);
  start();
  setInterval(() => { if (asked) mode = 0, start(); else on(); }, 30e3); // the hub is dead, or hears us
  const wake = () => { if (!hidden()) on(), post({ t: "wake" }); };
  for (const e of ["visibilitychange", "online", "resume", "pageshow"]) addEventListener(e, wake);
  addEventListener("pagehide", () => post({ t: "bye" }));
}
