// SPDX-License-Identifier: MIT
// node strophe.js WSS-URL JID PASSWORD PEER TEXT
//
// Log in with strophe.js over WebSocket.  Says, a line each: "online JID",
// "roster JID" for each contact, "roster end", "heard BODY"; sends TEXT to
// PEER after the roster and leaves when it has heard.
import WebSocket from "ws";

globalThis.WebSocket = WebSocket;
const { Strophe, $iq, $msg, $pres } = await import("strophe.js");
const [url, jid, password, peer, text] = process.argv.slice(2);
const say = (...words) => console.log(words.join(" "));
const connection = new Strophe.Connection(url);

connection.addHandler((message) => {
  const body = message.getElementsByTagName("body")[0];
  if (body && message.getAttribute("from").startsWith(peer)) {
    say("heard", Strophe.getText(body));
    connection.disconnect("done");
  }
  return true;
}, null, "message");

connection.connect(jid, password, (status, why) => {
  if (status === Strophe.Status.CONNECTED) {
    say("online", connection.jid);
    connection.sendIQ($iq({ type: "get" }).c("query",
      { xmlns: "jabber:iq:roster" }), (answer) => {
      for (const item of answer.getElementsByTagName("item")) {
        say("roster", item.getAttribute("jid"));
      }
      say("roster end");
      connection.send($pres());
      connection.send($msg({ to: peer, type: "chat" }).c("body").t(text));
    });
  } else if (status === Strophe.Status.DISCONNECTED) {
    process.exit(0);
  } else if (status === Strophe.Status.CONNFAIL
      || status === Strophe.Status.AUTHFAIL) {
    say("failed", status, why);
    process.exit(1);
  }
});
