// SPDX-License-Identifier: MIT
// console-stream.js -- one session over WebSocket (RFC 7395), every element of
// it told; logged in by SCRAM-SHA-256 (RFC 7677) or as a guest (ANONYMOUS).

import { kid, parse, text, xml } from "./xml.js";

const NS = "urn:ietf:params:xml:ns:xmpp-";
const utf8 = new TextEncoder(), bytes = (s) => utf8.encode(s);
const base64 = (b) => btoa(String.fromCharCode(...new Uint8Array(b)));
const unbase64 = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt());
const quit = (why) => { throw new Error(why); };

// The answers of a SCRAM client: first(), final(challenge), verify(success).
// nonce is for tests.
export function scram(name, password, nonce = base64(crypto.getRandomValues(new Uint8Array(18)))) {
  const bare = `n=${name.replace(/=/g, "=3D").replace(/,/g, "=2C")},r=${nonce}`;
  const { subtle } = crypto;
  const hmac = async (key, data) => new Uint8Array(await subtle.sign("HMAC",
    await subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]), bytes(data)));
  let signature;

  return {
    first: () => "n,," + bare,
    async final(challenge) {
      const { r, s, i } = Object.fromEntries(challenge.split(",").map((p) => [p[0], p.slice(2)]));
      if (!r?.startsWith(nonce) || r == nonce || !s || !(i >= 4096 && i <= 1e6)) quit("the service's challenge is wrong");
      const key = await subtle.importKey("raw",
        bytes(password.replace(/\p{Zs}/gu, " ").normalize("NFKC")), "PBKDF2", false, ["deriveBits"]);
      const salted = await subtle.deriveBits(
        { name: "PBKDF2", hash: "SHA-256", salt: unbase64(s), iterations: +i }, key, 256);
      const plain = `c=biws,r=${r}`, all = `${bare},${challenge},${plain}`;
      const client = await hmac(salted, "Client Key");
      const proof = await hmac(await subtle.digest("SHA-256", client), all);
      signature = base64(await hmac(await hmac(salted, "Server Key"), all));
      return `${plain},p=${base64(proof.map((b, k) => b ^ client[k]))}`;
    },
    // Does the service know the password too?
    verify: (success) => success == "v=" + signature || quit("this is not the service that knows your password"),
  };
}

// on({way: "in" or "out", e}) for each element, secrets left out; on({up: jid}) when bound;
// on({down: why}) once, at the end.  Returns {send(xml), close()}.
export function open(url, domain, name, password, on) {
  const ws = new WebSocket(url, "xmpp");
  let step = "open", down, jid, login;

  const secret = (e) => /sasl/.test(e.ns) && e.c.length && e.n != "mechanisms" && e.n != "failure"
    ? { ...e, c: ["(left out)"] } : e;
  const send = (s) => {
    on({ way: "out", e: secret(parse(s)) });
    ws.send(s);
  };
  const begin = () => send(xml`<open xmlns="${NS}framing" to="${domain}" version="1.0"/>`);
  const end = (why) => {
    if (down) return;
    down = why;
    ws.close();
    on({ down: why });
  };

  function authenticate(f) {
    const has = (m) => kid(f, "mechanisms")?.c.some((x) => text(x) == m);
    if (!name) {
      if (!has("ANONYMOUS")) quit("this service takes no guests");
      return send(xml`<auth xmlns="${NS}sasl" mechanism="ANONYMOUS"/>`);
    }
    if (!crypto.subtle) quit("a password needs HTTPS");
    if (!has("SCRAM-SHA-256")) quit("this service has no SCRAM-SHA-256");
    login = scram(name, password);
    send(xml`<auth xmlns="${NS}sasl" mechanism="SCRAM-SHA-256">${btoa(String.fromCharCode(...bytes(login.first())))}</auth>`);
  }

  async function take(e) {
    on({ way: "in", e: secret(e) });
    if (e.n == "error" && /streams$/.test(e.ns))
      return end("the service ended the stream: " + (e.c[0]?.n || ""));
    if (e.n == "close") return end("the service ended the stream");
    if (step == "open" && e.n == "features") step = "sasl", authenticate(e);
    else if (step == "sasl" && e.n == "challenge") {
      send(xml`<response xmlns="${NS}sasl">${btoa(await login.final(atob(text(e))))}</response>`);
    } else if (step == "sasl" && e.n == "success") {
      login?.verify(atob(text(e)));
      step = "again";
      begin();
    } else if (step == "sasl" && e.n == "failure")
      quit(kid(e, "not-authorized") ? "the address or the password is wrong" : text(kid(e, "text")) || "refused: " + e.c[0]?.n);
    else if (step == "again" && e.n == "features") {
      step = "bind";
      send(xml`<iq xmlns="jabber:client" type="set" id="bind"><bind xmlns="${NS}bind"/></iq>`);
    } else if (step == "bind" && e.n == "iq" && e.a.id == "bind") {
      jid = text(kid(e, "bind", "jid")) || quit("no resource is left");
      step = "up";
      on({ up: jid });
    } else if (step == "up" && e.n == "iq" && /^[gs]et$/.test(e.a.type)) {
      const ping = e.c.some((c) => c.ns == "urn:xmpp:ping");
      const head = xml`<iq xmlns="jabber:client" type="${ping ? "result" : "error"}" id="${e.a.id}" to="${e.a.from || domain}"`;
      send(head + (ping ? "/>" : xml`><error type="cancel"><service-unavailable xmlns="${NS}stanzas"/></error></iq>`));
    }
  }

  // In the order they came, also those that wait for a key.
  let last = Promise.resolve();
  ws.onmessage = ({ data }) => {
    last = last.then(() => down || take(parse(data))).catch((e) => end(e.message));
  };
  ws.onopen = begin;
  ws.onclose = () => last.then(() => end(jid ? "the connection is gone" : "the service cannot be reached"));
  return { send, close: () => {
    if (ws.readyState == 1) send(xml`<close xmlns="${NS}framing"/>`);
    end("logged out");
  } };
}
