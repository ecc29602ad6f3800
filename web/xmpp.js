// SPDX-License-Identifier: MIT
// xmpp.js -- an XMPP client over WebSocket (RFC 7395) that stays connected.
//
//   wait -> open -> ANONYMOUS -> open -> bind -> up -> (lost) -> wait ...
//
// The wait grows to half a minute and is random, so that a service that comes
// back is not met by everybody at once.

import { kid, parse, text, xml } from "./xml.js";

const NS = "urn:ietf:params:xml:ns:xmpp-";
const IDLE = 30e3, ANSWER = 10e3; // ms: silence before a ping, and after it

// on(message), or on() when the connection came or went.  Returns
//   jid()      the bound address, "" while there is none
//   iq(body)   "set" to the service: resolves with {r: children} or {e: {condition, text}};
//              condition "lost" when the connection went before the answer
//   wake()     do not wait, find out now
//   close()
export function connect(url, domain, on) {
  let ws, jid = "", tries = 0, n = 0, heard, asked, since, timer;
  const calls = new Map();

  const send = (s) => ws?.readyState == 1 && ws.send(s);
  const open = () => send(xml`<open xmlns="${NS}framing" to="${domain}" version="1.0"/>`);
  const ask = (body, type = "set") => new Promise((done) => {
    calls.set("" + ++n, done);
    send(xml`<iq xmlns="jabber:client" type="${type}" id="${n}" to="${domain}">${[body]}</iq>`);
  });

  function ping() {
    asked = Date.now();
    ask('<ping xmlns="urn:xmpp:ping"/>', "get");
  }

  function start() {
    clearInterval(timer);
    asked = Date.now(); // the handshake has a limit too
    ws = new WebSocket(url, "xmpp");
    ws.onopen = open;
    ws.onclose = drop;
    ws.onmessage = ({ data }) => {
      heard = Date.now();
      if (jid) asked = 0;
      try { take(parse(data)); } catch (e) { console.warn(e); drop(); }
    };
    timer = setInterval(() => {
      if (asked) Date.now() - asked > ANSWER && drop();
      else if (Date.now() - heard > IDLE) ping();
    }, 5e3);
  }

  function stop() {
    const was = jid;
    clearInterval(timer);
    ws.onmessage = ws.onclose = jid = "";
    ws.close();
    ws = 0;
    for (const done of calls.values()) done({ e: { condition: "lost" } });
    calls.clear();
    if (was) on();
  }

  function drop() {
    if (jid && Date.now() - since > 5e3) tries = 0; // it lasted
    stop();
    timer = setTimeout(start, Math.random() * (500 << Math.min(6, tries++)));
  }

  function take(e) {
    const { id, type, from } = e.a;
    if (e.n == "message") on(e);
    else if (e.n == "success") open();
    else if (kid(e, "mechanisms")?.c.some((m) => text(m) == "ANONYMOUS"))
      send(xml`<auth xmlns="${NS}sasl" mechanism="ANONYMOUS"/>`);
    else if (e.n == "features")
      ask(xml`<bind xmlns="${NS}bind"/>`).then(({ r }) => {
        if (!r) return ws && drop();
        jid = text(kid(r[0], "jid"));
        asked = 0;
        since = Date.now();
        on();
      });
    else if (/set|get/.test(type)) // also answers a ping (XEP-0199, 4.1)
      send(xml`<iq xmlns="jabber:client" type="error" id="${id}" to="${from || domain}"><error type="cancel"><service-unavailable xmlns="${NS}stanzas"/></error></iq>`);
    else if (e.n == "iq") {
      const error = kid(e, "error");
      if (from && from != domain && from != jid) return;
      calls.get(id)?.(type == "result" ? { r: e.c } : { e: {
        condition: error?.c.find((c) => c.n != "text")?.n, text: text(kid(error, "text")),
      } });
      calls.delete(id);
    } else if (e.n != "open" && e.n != "presence") drop();
  }

  function wake() {
    if (!ws && timer) start();
    else if (jid && !asked) ping();
  }
  start();
  return {
    wake, jid: () => jid,
    iq: (body) => jid ? ask(body) : Promise.resolve({ e: { condition: "lost" } }),
    close() {
      send(xml`<close xmlns="${NS}framing"/>`);
      if (ws) stop();
      clearTimeout(timer);
      timer = 0;
    },
  };
}
