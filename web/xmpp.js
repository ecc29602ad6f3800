// SPDX-License-Identifier: MIT
// xmpp.js -- an XMPP client over WebSocket (RFC 7395) that stays connected.
//
//   wait -> open -> SASL -> open -> bind -> up -> (lost) -> wait ...
//
// The wait grows to half a minute and is random, so that a service that comes
// back is not met by everybody at once.

import { kid, parse, text, xml } from "./xml.js";

const NS = "urn:ietf:params:xml:ns:xmpp-";
// Silence is counted in beats, not by the clock: a browser may slow the beats
// of a hidden page down, and that must not look like a dead connection.
const IDLE = 6; // beats until a ping; two more are for its answer

// on(message), or on() when the connection came or went.  user(): is somebody
// logged in here?  Then the stream is his, else a guest's.  Returns
//   jid()      the bound address, "" while there is none
//   iq(body)   "set" to the service: resolves with {r: children} or {e: {condition, text}};
//              condition "lost" when the connection went before the answer
//   wake()     do not wait, find out now
//   again()    somebody logged in, or out
//   close()
export function connect(url, domain, on, user) {
  let ws, jid = "", tries = 0, n = 0, quiet, timer;
  const calls = new Map();

  const send = (s) => ws?.readyState == 1 && ws.send(s);
  const open = () => send(xml`<open xmlns="${NS}framing" to="${domain}" version="1.0"/>`);
  const ask = (body, type = "set") => new Promise((done) => {
    calls.set("" + ++n, done);
    send(xml`<iq xmlns="jabber:client" type="${type}" id="${n}" to="${domain}">${[body]}</iq>`);
  });

  function ping() {
    quiet = IDLE;
    ask('<ping xmlns="urn:xmpp:ping"/>', "get");
  }

  function start() {
    clearInterval(timer);
    quiet = IDLE; // the handshake has a limit too
    ws = new WebSocket(url, "xmpp");
    ws.onopen = open;
    ws.onclose = drop;
    ws.onmessage = ({ data }) => {
      quiet = 0;
      try { take(parse(data)); } catch (e) { console.warn(e); drop(); }
    };
    timer = setInterval(() => {
      if (jid) tries = 0; // it lasted
      if (++quiet > IDLE + 2) drop();
      else if (quiet == IDLE) ping();
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
    stop();
    timer = setTimeout(start, Math.random() * (500 << Math.min(6, tries++)));
  }

  async function auth() {
    const mine = ws;
    const proof = user() && await import("./login.js").then((m) => m.proof()).catch(() => 0);
    if (mine == ws) send(xml`<auth xmlns="${NS}sasl" mechanism="${proof ? "OAUTHBEARER" : "ANONYMOUS"}">${proof || ""}</auth>`);
  }

  function take(e) {
    const { id, type, from } = e.a;
    if (e.n == "message") on(e);
    else if (e.n == "success") open();
    else if (e.n == "features" && kid(e, "mechanisms")) auth();
    else if (e.n == "features")
      ask(xml`<bind xmlns="${NS}bind"/>`).then(({ r }) => {
        if (!r) return ws && drop();
        jid = text(kid(r[0], "jid"));
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
    else if (jid) ping();
  }
  start();
  return {
    wake, jid: () => jid,
    again() { if (ws) stop(), start(); },
    iq: (body) => jid ? ask(body) : Promise.resolve({ e: { condition: "lost" } }),
    close() {
      send(xml`<close xmlns="${NS}framing"/>`);
      if (ws) stop();
      clearTimeout(timer);
      timer = 0;
    },
  };
}
