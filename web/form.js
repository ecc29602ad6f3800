// SPDX-License-Identifier: MIT
// form.js -- form[data-form] sent as ad-hoc command (XEP-0050).
//
// The item id is chosen here and kept until the form is accepted, so that the
// same submit sent twice, by whichever way, is one item.  What cannot be sent
// waits for the connection; where there has never been one, the browser posts
// the form as it would without scripts.

import { $, attr, find, held, put, setAttr, unset } from "./dom.js";
import { kid, text, xml } from "./xml.js";

const all = (e, css) => [...$(e, "querySelectorAll", css)];
const controls = (form, name) => all(form, `[name="${CSS.escape(name)}"]`);
const jobs = new Map(); // form -> {form, id, body, edited, sent}

// randomUUID is there in secure contexts only.
const newId = () => crypto.randomUUID?.() || crypto.getRandomValues(new Uint32Array(4)).join("-");

function setId(form, id) {
  for (const c of controls(form, "concordance#id")) {
    setAttr(c, "value", id && (attr(c, "value") || id));
    held[id ? "add" : "delete"](c);
  }
}

function show(e, message) {
  put(e, "textContent", message);
  e.hidden = !message;
  held[message ? "add" : "delete"](e);
}

const showAll = (form, message) => all(form, ".cnc-form-error").map((e) => show(e, message));

function pending(form, on) {
  (on ? setAttr : unset)(form, "aria-busy", on);
  held[on ? "add" : "delete"](form);
  for (const b of all(form, "button")) (on ? setAttr : unset)(b, "aria-disabled", on); // keeps the focus
  for (const e of all(form, ".cnc-error,.cnc-form-error")) show(e, "");
  for (const e of all(form, "[aria-invalid]")) unset(e, "aria-invalid"), held.delete(e);
}

function body(form, submitter) {
  const fields = {};
  for (const [k, v] of new FormData(form, submitter))
    (fields[k] ||= []).push(...controls(form, k)[0] instanceof HTMLTextAreaElement
      ? v.split(/\r?\n/) : [v]);
  return xml`<command xmlns="http://jabber.org/protocol/commands" node="${
    attr(form, "data-form")}" action="complete"><x xmlns="jabber:x:data" type="submit">${
    Object.entries(fields).map(([k, list]) => xml`<field var="${k}">${
      list.map((v) => xml`<value>${v}</value>`)}</field>`)}</x></command>`;
}

function refused(form, x, note) {
  const rest = [], wrong = [];
  for (const f of x?.c || []) {
    const error = f.n == "error" ? f : kid(f, "error"), at = f.a.var;
    if (!error) continue;
    const [place] = all(form, `[data-field="${CSS.escape(at)}"] .cnc-error`);
    if (!place) { rest.push(text(error)); continue; }
    show(place, text(error));
    for (const c of controls(form, at)) setAttr(c, "aria-invalid", true), held.add(c), wrong.push(c);
  }
  showAll(form, rest.join(" ") || !wrong[0] && note || "");
  const at = $(document, "activeElement");
  if (at == $(document, "body") || $(form, "contains", at)) wrong[0]?.focus();
}

// net: {up, been: was up once, iq(body), say(text)}.  Returns what to
// call when the connection is there.
export function forms(net) {
  const end = ({ form, id }) => {
    jobs.delete(form);
    form = $(form, "isConnected") ? form : find(id);
    if (form) pending(form, false);
    return form;
  };

  const send = async (job) => {
    if (job.sent) return;
    job.sent = net.up;
    const { r, e } = net.up ? await net.iq(job.body) : { e: {} };
    if (e && (!net.up || e.condition == "lost")) {
      job.sent = false;
      setTimeout(() => {
        if (jobs.has(job.form) && !net.up)
          showAll(job.form, "Not connected. This will be sent when the connection is back.");
      }, 700);
      return;
    }
    const form = end(job), command = r?.find((x) => x.n == "command");
    const note = kid(command, "note"), said = text(note);
    if (!form) return;
    if (command?.a.status == "completed" && note?.a.type != "error") {
      if (!job.edited) $(form, "reset");
      setId(form, "");
      net.say(said);
    } else refused(form, kid(command, "x"), e?.text || said || "This was not accepted.");
  };

  addEventListener("submit", (e) => {
    const form = e.target;
    if (e.defaultPrevented || !attr(form, "data-form")) return;
    e.preventDefault();
    if (jobs.has(form)) return;
    setId(form, newId());
    const job = { form, id: attr(form, "id"), body: body(form, e.submitter) };
    pending(form, true);
    jobs.set(form, job);
    send(job);
    // Here for so long and never connected: the web server has no WebSocket.
    if (!net.been) setTimeout(() => {
      if (!net.been && jobs.has(form)) end(job), $(form, "submit"), setId(form, "");
    }, 4e3 - performance.now());
  });
  addEventListener("input", (e) => {
    const job = jobs.get(e.target.form);
    if (job) job.edited = true;
  });
  addEventListener("beforeunload", (e) => { if (jobs.size) e.preventDefault(); });
  return () => { for (const job of jobs.values()) send(job); };
}
