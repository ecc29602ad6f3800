// SPDX-License-Identifier: MIT
// paint.mjs -- from publish to painted, in headless chromium.
//
//   node paint.mjs URL LINK PLAYWRIGHT-CORE [EVENTS]
//
// Prints one line of JSON for the page /small (50 records) and for /large
// (1000 records).  One process publishes over the link and drives the browser.
// The clock starts just before the publish is written to the socket.  It stops
// in the page, in a task posted from an animation frame after the DOM has the
// record, so when that frame has been painted.  The page's clock is set by
// asking it for the time and taking the quickest of many answers.

import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [url, link, playwright, events = "60"] = process.argv.slice(2);
const { chromium } = createRequire(import.meta.url)(playwright);
const TEXT = "What there is to say about this one, in a line or two, is said here and is as long as most.";
const LIMIT = 20e3;

const within = (promise, what) => {
  let timer;
  return Promise.race([promise, new Promise((_, no) => {
    timer = setTimeout(() => no(new Error(`${what}: not within ${LIMIT} ms`)), LIMIT);
  })]).finally(() => clearTimeout(timer));
};

// -- the publisher -----------------------------------------------------------

class Publisher {
  async start() {
    this.socket = connect(link).setNoDelay(true).setEncoding("utf8");
    this.seen = "";
    this.socket.on("data", (data) => { this.seen += data; this.check?.(); });
    const stream = "<stream:stream xmlns='jabber:client' to='localhost' version='1.0'" +
      " xmlns:stream='http://etherx.jabber.org/streams'>";
    await this.ask(stream, /<\/stream:features>/);
    await this.ask("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='EXTERNAL'>=</auth>", /<success/);
    await this.ask(stream, /<\/stream:features>/);
    await this.ask("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>", /<\/iq>/);
    return this;
  }

  // Write; resolve when the answer matches.
  ask(data, pattern) {
    const answer = new Promise((ok, no) => {
      this.check = () => {
        if (/type=['"]error/.test(this.seen)) return no(new Error(this.seen));
        const m = pattern.exec(this.seen);
        if (m) { this.seen = this.seen.slice(m.index + m[0].length); ok(); }
      };
    });
    this.socket.write(data);
    return within(answer, "an answer over the link");
  }

  publish(node, id, title) {
    return this.ask(`<iq type='set' id='p-${id}' to='localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub'>` +
      `<publish node='${node}'><item id='${id}'><note xmlns='urn:x-bench'><title>${title}</title>` +
      `<text>${TEXT}</text></note></item></publish></pubsub></iq>`, new RegExp(`id=['"]p-${id}['"]`));
  }
}

// -- the browser ---------------------------------------------------------------

// In the page: note when what has a marker is in the DOM, and is painted.
function watch() {
  const waiting = new Map(), { port1, port2 } = new MessageChannel(), framed = [];
  const clock = () => performance.timeOrigin + performance.now();
  port1.onmessage = () => {
    for (const w of framed.splice(0)) w.done({ dom: w.dom, painted: clock() });
  };
  new MutationObserver((changes) => {
    for (const change of changes) for (const e of change.addedNodes)
      for (const [marker, w] of waiting)
        if (e.textContent.includes(marker)) {
          waiting.delete(marker);
          w.dom = clock();
          requestAnimationFrame(() => { framed.push(w); port2.postMessage(0); });
        }
  }).observe(document, { childList: true, subtree: true, characterData: true });
  window.bench = {
    expect(marker) { waiting.set(marker, {}); waiting.get(marker).promise =
      new Promise((ok) => { waiting.get(marker).done = ok; }); (this.all ??= {})[marker] = waiting.get(marker).promise; },
    painted(marker) { return this.all[marker]; },
    clock,
  };
}

const mine = () => performance.timeOrigin + performance.now();

// What to add to the page's clock to have ours, and by how much that may be wrong.
async function offset(page) {
  let best = { rtt: Infinity };
  for (let i = 0; i < 60; i++) {
    const a = mine(), theirs = await page.evaluate(() => window.bench.clock()), b = mine();
    if (b - a < best.rtt) best = { rtt: b - a, value: (a + b) / 2 - theirs };
  }
  return best;
}

const percentile = (values, p) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * p))];
const round = (x) => Math.round(x * 100) / 100;

async function measure(context, publisher, path, n) {
  const page = await context.newPage();
  for (let i = 0; i < n; i++) await publisher.publish(path, `r${i}`, `Record ${i}`);
  await page.goto(url + path);
  await page.waitForSelector(".cnc-status[data-state=live]", { state: "attached" });
  await page.waitForFunction((k) => document.querySelectorAll("#notes > li").length == k, n);
  await page.evaluate(watch);
  const clock = await offset(page), painted = [], dom = [], acked = [];
  for (let i = 0; i < Number(events) + 5; i++) {
    const marker = `Marker ${i}.`;
    await page.evaluate((m) => window.bench.expect(m), marker);
    // Not in step with the frames.
    await new Promise((ok) => setTimeout(ok, 20 + (i * 7919) % 37));
    const sent = mine();
    await publisher.publish(path, `m${i}`, marker);
    const ack = mine() - sent;
    const at = await within(page.evaluate((m) => window.bench.painted(m), marker), "painted");
    if (i < 5) continue; // warm
    acked.push(ack);
    dom.push(at.dom + clock.value - sent);
    painted.push(at.painted + clock.value - sent);
  }
  const after = await offset(page);
  await page.close();
  console.log(JSON.stringify({ bench: "paint", records: n, events: painted.length,
    p50_ms: round(percentile(painted, .5)), p95_ms: round(percentile(painted, .95)),
    dom_p50_ms: round(percentile(dom, .5)), dom_p95_ms: round(percentile(dom, .95)),
    ack_p50_ms: round(percentile(acked, .5)), clock_error_ms: round(Math.max(clock.rtt, after.rtt) / 2),
    clock_drift_ms: round(after.value - clock.value) }));
}

const folder = mkdtempSync(join(tmpdir(), "cnc-paint-"));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
  env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_CACHE_HOME: folder },
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
try {
  const context = await browser.newContext();
  const publisher = await new Publisher().start();
  await measure(context, publisher, "small", 50);
  await measure(context, publisher, "large", 1000);
  publisher.socket.destroy();
} finally {
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
}
