// SPDX-License-Identifier: MIT
// node xmppjs.js SERVICE DOMAIN USER PASSWORD PEER TEXT [PUBSUB NODE]
//
// Log in with @xmpp/client; SERVICE is xmpp://, xmpps:// or wss://.  Says, a
// line each: "online JID", "roster JID" for each contact, "roster end",
// "subscribed", "event ID" for each item, "heard BODY".  When it hears "cut
// TEXT" it destroys its socket and says "resumed" or "online JID" once it is
// back; when it hears "leave TEXT" it leaves.
import { client, xml } from "@xmpp/client";

const [service, domain, username, password, peer, text, pubsub, node] =
  process.argv.slice(2);
const say = (...words) => console.log(words.join(" "));
const xmpp = client({ service, domain, username, password });

let was_cut = false;

function cut() {
  let { socket } = xmpp;
  while (socket.socket) socket = socket.socket;
  if (socket.terminate) socket.terminate();
  else socket.destroy();
}

xmpp.on("error", (error) => console.error("error", error));
xmpp.on("stanza", (stanza) => {
  const event = stanza.getChild("event");
  if (event) {
    for (const item of event.getChild("items")?.getChildren("item") ?? []) {
      say("event", item.attrs.id);
    }
    return;
  }
  const body = stanza.is("message") && stanza.getChildText("body");
  if (!body || !stanza.attrs.from.startsWith(peer)) return;
  say("heard", body);
  // After the stanza has been counted as handled; and once, for it comes
  // again: @xmpp/client counts from "online", one stanza late.
  if (body === `cut ${text}` && !was_cut) {
    was_cut = true;
    setImmediate(cut);
  }
  if (body === `leave ${text}`) xmpp.stop();
});
xmpp.on("nonza", (nonza) => nonza.is("resumed") && say("resumed"));
xmpp.on("offline", () => process.exit(0));
xmpp.on("online", async (jid) => {
  say("online", jid);
  const query = await xmpp.iqCaller.get(xml("query", "jabber:iq:roster"));
  for (const item of query.getChildren("item")) say("roster", item.attrs.jid);
  say("roster end");
  if (pubsub) {
    await xmpp.iqCaller.set(
      xml("pubsub", "http://jabber.org/protocol/pubsub",
        xml("subscribe", { node, jid: jid.bare().toString() })), pubsub);
    say("subscribed");
  }
  await xmpp.send(xml("presence"));
  await xmpp.send(xml("message", { type: "chat", to: peer },
    xml("body", {}, text)));
});
await xmpp.start();
