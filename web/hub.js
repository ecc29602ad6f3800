// SPDX-License-Identifier: MIT
// hub.js -- one connection for every page of the site that is open.
//
// Runs as a SharedWorker; where there is none as a Worker; where that is not
// allowed inside the page.  A page speaks to it through a port:
//
//   page -> {t: "on", url, domain, view, user}  show this view; again as
//                 heartbeat; user: somebody is logged in
//           {t: "bye"}                    gone, for good or for long
//           {t: "iq", n, body}            ask the service
//           {t: "wake"}                   the person is back
//   hub  -> {t: "hi", up}                 alive, and connected or not
//           {t: "ready", e}               subscribed: now ask the archive
//           {t: "item", id, patch}        an event of the view, live or not
//           {t: "re", n, r, e}            the answer
//
// It keeps nothing that a page could not ask for again.

import { connect } from "./xmpp.js";
import { kid, xml } from "./xml.js";

const views = new Map(); // node -> {ports: port -> last heard, ready}
let xmpp, domain, user;

const tell = (view, m) => { for (const p of view.ports.keys()) p.postMessage(m); };
const hi = () => ({ t: "hi", up: !!xmpp.jid() });
const pubsub = (verb, node) => xmpp.iq(xml`<pubsub xmlns="http://jabber.org/protocol/pubsub"><${
  verb} node="${node}" jid="${xmpp.jid()}"/></pubsub>`);

async function subscribe(node, view) {
  if (view.ready || !xmpp.jid()) return;
  view.ready = 1;
  const { e } = await pubsub("subscribe", node);
  if (e?.condition == "lost") return;
  view.ready = e ? 0 : 2;
  tell(view, { t: "ready", e });
}

function heard(e) {
  if (!e)
    for (const [node, view] of views) {
      view.ready = 0;
      tell(view, hi());
      subscribe(node, view);
    }
  else if (e.a.from == domain) { // anybody may send us a message
    const old = kid(e, "result");
    const event = kid(old ? kid(old, "forwarded", "message") : e, "event")?.c[0];
    const view = views.get(event?.a?.node);
    for (const item of view ? event.c : []) {
      const patch = kid(item, "patch");
      if (patch) tell(view, { t: "item", id: old ? old.a.id : item.a.id, patch });
    }
    // Deleted, or not for us any more: the page is fetched to see which.
    if (view && !event.c[0]) view.ready = 0, tell(view, { t: "ready", e: {} });
  }
}

function bye(port) {
  for (const [node, { ports }] of views)
    if (ports.delete(port) && !ports.size) {
      views.delete(node);
      pubsub("unsubscribe", node);
    }
}

export function attach(port) {
  port.onmessage = async ({ data: m }) => {
    if (m.t == "on") {
      if (user != (user = m.user)) xmpp?.again();
      xmpp ||= connect(m.url, domain = m.domain, heard, () => user);
      if (!views.has(m.view)) views.set(m.view, { ports: new Map() });
      const view = views.get(m.view), first = !view.ports.has(port);
      view.ports.set(port, Date.now());
      port.postMessage(hi());
      if (first && view.ready > 1) port.postMessage({ t: "ready" });
      subscribe(m.view, view);
      // A page that crashed says no goodbye.  A hidden one runs once a minute.
      for (const [p, last] of view.ports) if (Date.now() - last > 200e3) bye(p);
    } else if (m.t == "bye") {
      bye(port);
      if (!views.size) xmpp = xmpp?.close();
    } else if (m.t == "iq")
      port.postMessage({ t: "re", n: m.n, ...xmpp ? await xmpp.iq(m.body) : { e: { condition: "lost" } } });
    else xmpp?.wake();
  };
}

if (globalThis.onconnect === null) onconnect = (e) => attach(e.ports[0]);
else if (!globalThis.document) attach(self);
