// SPDX-License-Identifier: MIT
// login.js -- who is logged in with this browser shows it on the stream: the
// cookie, which no script sees, gets one token for one stream (RFC 7628).
// Loaded when the cookie concordance-user says that there is somebody.

// The initial response of OAUTHBEARER, or nothing: the log-in is over (its
// cookies go with the answer), or it is of another domain.
export async function proof() {
  const answer = await fetch(new URL("../../_token", import.meta.url), { method: "POST" });
  if (!answer.ok) return;
  const { jid, token } = await answer.json();
  const name = jid.replace(/=/g, "=3D").replace(/,/g, "=2C");
  const bytes = new TextEncoder().encode(`n,a=${name},\x01auth=Bearer ${token}\x01\x01`);
  return btoa(String.fromCharCode(...bytes));
}
