// SPDX-License-Identifier: MIT
// fake.js -- a service that does as docs/protocol.md says, and misbehaves when
// a test asks for it.  Its page is a tree of {n, a, c}; its own small model of
// the patch operations is what the browser is compared with.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { EventEmitter } from "node:events";
import { WebSocketServer } from "ws";
import { parse, kid, text, esc } from "../../web/xml.js";

const XHTML = "http://www.w3.org/1999/xhtml";
const VIEW = "http://concordance-xmpp.org/ns/view";
const VOID = new Set(["br", "hr", "img", "input", "link", "meta", "wbr", "col", "source", "track"]);

export const CSP = "default-src 'none'; script-src 'self'; worker-src 'self'; " +
  "connect-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; " +
  "form-action 'self'; require-trusted-types-for 'script'; trusted-types concordance";

export const el = (n, a = {}, ...c) => ({ n, a, c });

export function html(t, tail = "") {
  if (typeof t == "string") return esc(t);
  const attrs = Object.entries(t.a).map(([k, v]) => ` ${k}="${esc(v)}"`).join("");
  if (VOID.has(t.n)) return `<${t.n}${attrs}>`;
  const raw = t.n == "script" || t.n == "style";
  const inner = t.c.map((c) => (raw && typeof c == "string" ? c : html(c, tail))).join("");
  return `<${t.n}${attrs}>${inner}${t.n == "head" ? tail : ""}</${t.n}>`;
}

export const asXml = (t) => typeof t == "string" ? esc(t)
  : `<${t.n} xmlns="${XHTML}"${Object.entries(t.a).map(([k, v]) => ` ${k}="${esc(v)}"`).join("")}>${
    t.c.map(asXml).join("")}</${t.n}>`;

export function byId(t, id) {
  const todo = [t];
  for (let e; (e = todo.pop());) {
    if (typeof e == "string") continue;
    if (e.a.id == id) return e;
    todo.push(...e.c);
  }
}

// op: {op, at, path, index, n, from, to, name, value, content}
export const opXml = (o) => {
  let s = "<" + o.op;
  for (const k of ["at", "path", "index", "n", "from", "to", "name", "value"])
    if (o[k] !== undefined) s += ` ${k}="${esc(o[k])}"`;
  const inner = o.data !== undefined ? esc(o.data) : (o.content || []).map(asXml).join("");
  return inner ? `${s}>${inner}</${o.op}>` : s + "/>";
};

export function model(root, o) {
  let e = o.at ? byId(root, o.at) : root;
  for (const i of o.path ? o.path.split("/") : []) e = e.c[i];
  if (o.op == "insert") e.c.splice(o.index, 0, ...structuredClone(o.content));
  else if (o.op == "remove") e.c.splice(o.index, o.n ?? 1);
  else if (o.op == "replace") e.c.splice(o.index, 1, ...structuredClone(o.content));
  else if (o.op == "move") e.c.splice(o.to, 0, ...e.c.splice(o.from, 1));
  else if (o.op == "text") e.c[o.index] = o.data;
  else if (o.op == "set") e.a[o.name] = o.value;
  else if (o.op == "unset") delete e.a[o.name];
}

export class Fake extends EventEmitter {
  epoch = "5f0c1a2b";
  seq = 1;
  keep = Infinity;      // events the archive keeps
  archive = [];         // {seq, xml}
  sockets = new Set();  // each with .subs, .jid
  accepted = 0;         // sockets ever
  fetched = 0;          // pages ever
  lose = () => false;   // (seq) -> do not send this event
  twice = () => false;
  commands = [];        // what was submitted
  posts = [];
  refuse = false;       // no new sockets
  deaf = false;         // sockets are accepted, nothing is answered
  pageStatus = 200;
  page = 50;            // archive page size
  headers = { "Content-Security-Policy": CSP };
  fast = true;          // no random wait before a reconnect
  missing = new Set();  // runtime files that are not there
  extra = {};           // path -> [type, body]
  answer = () => ({ note: "Added." });

  constructor(body = []) {
    super();
    this.root = el("html", { lang: "en" },
      el("head", {}, el("meta", { charset: "utf-8" }), el("title", {}, "Books")),
      el("body", {}, ...body));
  }

  async start(port = 0) {
    this.http = createServer((q, r) => this.#http(q, r).catch((e) => r.destroy(e)));
    this.ws = new WebSocketServer({ noServer: true, handleProtocols: () => "xmpp" });
    this.http.on("upgrade", (q, s, head) => {
      if (this.refuse) return s.destroy();
      this.ws.handleUpgrade(q, s, head, (ws) => this.#socket(ws));
    });
    await new Promise((ok) => this.http.listen(port, "127.0.0.1", ok));
    this.port = this.http.address().port;
    this.url = `http://127.0.0.1:${this.port}/`;
    return this;
  }

  async stop() {
    this.drop();
    this.http.closeAllConnections();
    await new Promise((ok) => this.http.close(ok));
  }

  drop() { for (const s of this.sockets) s.terminate(); }

  html() {
    return "<!DOCTYPE html>" + html(this.root,
      `<meta name="concordance" content="view:/" data-position="${this.epoch}.${this.seq}" ` +
      'data-service="books.example" data-socket="/xmpp">' +
      '<script type="module" src="/_c/h/concordance.js"></script>');
  }

  async #http(q, r) {
    const path = new URL(q.url, this.url).pathname;
    const name = /^\/_c\/h\/([\w.]+)$/.exec(path)?.[1];
    if (q.method == "POST") {
      let body = "";
      for await (const part of q) body += part;
      this.posts.push(new URLSearchParams(body));
      this.emit("post");
      r.writeHead(303, { Location: "/" });
      return r.end();
    }
    if (name && !this.missing.has(name)) {
      let body = await readFile(new URL(`${process.env.RUNTIME || "../../build/web/runtime"}/${name}`,
        import.meta.url), "utf8");
      if (name == "hub.js" && this.fast) body = "Math.random = () => 0;" + body;
      r.writeHead(200, { "Content-Type": name.endsWith("css") ? "text/css" : "text/javascript",
        ...this.headers, "Cache-Control": "no-store" });
      return r.end(body);
    }
    if (this.extra[path]) {
      r.writeHead(200, { "Content-Type": this.extra[path][0], ...this.headers });
      return r.end(this.extra[path][1]);
    }
    if (path == "/favicon.ico") return r.writeHead(204).end();
    if (path != "/") return r.writeHead(404).end();
    this.fetched++;
    this.emit("fetch");
    r.writeHead(this.pageStatus, { "Content-Type": "text/html; charset=utf-8",
      "Cache-Control": "no-cache", ...this.headers });
    r.end(this.pageStatus == 200 ? this.html() : "<!DOCTYPE html><title>Sorry</title>");
  }

  #socket(ws) {
    this.accepted++;
    this.sockets.add(ws);
    ws.subs = new Set();
    ws.on("close", () => { this.sockets.delete(ws); this.emit("gone"); });
    ws.on("error", () => {});
    ws.on("message", (data) => { if (!this.deaf) this.#take(ws, parse(String(data))); });
    this.emit("socket");
  }

  #take(ws, e) {
    const reply = (xml, type = "result") => ws.send(
      `<iq xmlns="jabber:client" type="${type}" id="${e.a.id}" from="books.example">${xml}</iq>`);
    const error = (condition, words = "") => reply(`<error type="cancel"><${condition
      } xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>${words &&
      `<text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">${esc(words)}</text>`}</error>`, "error");
    if (e.n == "open") {
      ws.send('<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" from="books.example" id="s1" version="1.0"/>');
      ws.send('<stream:features xmlns:stream="http://etherx.jabber.org/streams">' + (ws.authed
        ? '<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/>'
        : '<mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>ANONYMOUS</mechanism></mechanisms>') +
        "</stream:features>");
    } else if (e.n == "auth") {
      ws.authed = true;
      ws.send('<success xmlns="urn:ietf:params:xml:ns:xmpp-sasl"/>');
    } else if (e.n == "close") ws.close();
    else if (e.n == "iq") {
      const q = e.c[0];
      if (e.a.type == "error" || e.a.type == "result") return this.emit("answer", e);
      if (q.n == "bind") {
        ws.jid = "anon@books.example/" + this.accepted;
        reply(`<bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><jid>${ws.jid}</jid></bind>`);
        this.emit("bound", ws);
      } else if (q.n == "pubsub") {
        const [verb] = q.c;
        if (verb.a.jid != ws.jid) return error("bad-request");
        ws.subs[verb.n == "subscribe" ? "add" : "delete"](verb.a.node);
        reply("");
        this.emit(verb.n, ws);
      } else if (q.n == "query") this.#history(ws, q, reply, error);
      else if (q.n == "ping") reply("");
      else if (q.n == "command") this.#command(q, reply, error);
      else error("service-unavailable");
    }
  }

  #history(ws, q, reply, error) {
    const [epoch, seq] = text(kid(q, "set", "after")).split(".");
    const first = this.archive[0]?.seq ?? this.seq + 1;
    if (epoch != this.epoch || +seq + 1 < first) return error("item-not-found");
    const all = this.archive.filter((x) => x.seq > +seq), some = all.slice(0, this.page);
    for (const x of some)
      ws.send(`<message xmlns="jabber:client" from="books.example" to="${ws.jid}"><result xmlns="urn:xmpp:mam:2" id="${
        this.epoch}.${x.seq}"><forwarded xmlns="urn:xmpp:forward:0"><message xmlns="jabber:client">${
        this.#event(x)}</message></forwarded></result></message>`);
    reply(`<fin xmlns="urn:xmpp:mam:2"${some.length == all.length ? ' complete="true"' : ""}/>`);
    this.emit("history", +seq);
  }

  #command(q, reply, error) {
    const fields = {};
    for (const f of kid(q, "x").c) fields[f.a.var] = f.c.map(text);
    this.commands.push({ node: q.a.node, action: q.a.action, fields });
    const a = this.answer(fields);
    this.emit("command", fields);
    if (a == null) return;
    if (a.condition) return error(a.condition, a.text);
    const errors = Object.entries(a.errors || {}).map(([k, v]) => k
      ? `<field var="${k}"><value>x</value><error xmlns="http://concordance-xmpp.org/ns/form">${esc(v)}</error></field>`
      : `<error xmlns="http://concordance-xmpp.org/ns/form">${esc(v)}</error>`).join("");
    reply(`<command xmlns="http://jabber.org/protocol/commands" node="${q.a.node}" status="${
      errors ? "executing" : "completed"}"><note type="${errors ? "error" : "info"}">${esc(a.note || "")}</note>${
      errors && `<x xmlns="jabber:x:data" type="form">${errors}</x>`}</command>`);
  }

  #event(x) {
    return `<event xmlns="http://jabber.org/protocol/pubsub#event"><items node="view:/"><item id="${
      this.epoch}.${x.seq}">${x.xml}</item></items></event>`;
  }

  // Change the page and tell everybody.
  change(...ops) {
    for (const o of ops) model(this.root, o);
    this.raw(`<patch xmlns="${VIEW}">${ops.map(opXml).join("")}</patch>`);
  }

  // Send this patch, whatever it is; the page is what the test makes it.
  raw(xml, from = "books.example") {
    const x = { seq: ++this.seq, xml };
    this.archive.push(x);
    if (this.archive.length > this.keep) this.archive.shift();
    if (this.lose(x.seq)) return;
    for (const s of this.sockets)
      if (s.subs.has("view:/"))
        for (let k = this.twice(x.seq) ? 2 : 1; k--;)
          s.send(`<message xmlns="jabber:client" from="${from}" to="${s.jid}">${this.#event(x)}</message>`);
  }
}
