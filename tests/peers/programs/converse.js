// SPDX-License-Identifier: MIT
// node converse.js WSS-URL JID PASSWORD PEER TEXT
//
// converse.js in chromium, as a person uses it: logs in by its form, opens the
// contact PEER from the roster, types TEXT, reads the answer.  Says, a line
// each: "online", "roster NAME" for each contact shown, "sent", "heard BODY".
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { chromium } from "playwright-core";

const [url, jid, password, peer, text] = process.argv.slice(2);
const say = (...words) => console.log(words.join(" "));
const dist = path.join(import.meta.dirname ?? path.dirname(new URL(import.meta
  .url).pathname), "node_modules/converse.js/dist");
const types = { ".js": "text/javascript", ".css": "text/css",
  ".json": "application/json" };
const page_html = `<!doctype html><meta charset="utf-8"><title>chat</title>
<link rel="stylesheet" href="/converse.min.css">
<script src="/converse.min.js"></script>
<body class="converse-fullscreen"><div id="conversejs-bg"></div><script>
converse.initialize({ websocket_url: ${JSON.stringify(url)},
  view_mode: "fullscreen", authentication: "login", assets_path: "/",
  discover_connection_methods: false, i18n: "en", loglevel: "debug",
  allow_non_roster_messaging: true, play_sounds: false,
  clear_cache_on_logout: true, persistent_store: "localStorage" });
</script></body>`;

const server = createServer(async (request, response) => {
  const name = new URL(request.url, "http://localhost").pathname;
  try {
    const body = name === "/" ? page_html
      : await readFile(path.join(dist, path.normalize(name)));
    response.writeHead(200, { "Content-Type": name === "/" ? "text/html"
      : types[path.extname(name)] ?? "application/octet-stream" });
    response.end(body);
  } catch {
    response.writeHead(404).end();
  }
}).listen(8099, "127.0.0.1"); // an Origin that the service was told of
await new Promise((done) => server.once("listening", done));

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--ignore-certificate-errors"],
});
const page = await browser.newPage();
page.on("console", (m) => console.error("page:", m.text().slice(0, 400)));
try {
  await page.goto(`http://127.0.0.1:8099/`);
  await page.fill('input[name="jid"]', jid);
  await page.fill('input[name="password"]', password);
  await page.click('input[type="submit"], button[type="submit"]');
  const contact = page.locator(".roster-contacts .list-item, "
    + "converse-roster-contact").filter({ hasText: peer.split("@")[0] });
  await contact.first().waitFor({ timeout: 30000 });
  say("online");
  for (const one of await contact.all()) {
    say("roster", (await one.innerText()).trim().split("\n")[0]);
  }
  await contact.first().locator("a").first().click();
  const box = page.locator("textarea.chat-textarea");
  await box.waitFor();
  await box.fill(text);
  await box.press("Enter");
  await page.locator(".chat-msg__text", { hasText: text }).waitFor();
  say("sent");
  const answer = page.locator('.chat-msg[data-isencrypted], .chat-msg',
    { hasText: "back to you" }).locator(".chat-msg__text");
  await answer.first().waitFor({ timeout: 30000 });
  say("heard", (await answer.first().innerText()).trim());
} catch (error) {
  say("failed", error.message);
  if (process.env.SHOT) await page.screenshot({ path: process.env.SHOT });
  process.exitCode = 1;
} finally {
  await browser.close();
  server.close();
}
