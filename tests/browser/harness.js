// SPDX-License-Identifier: MIT
// harness.js -- tests as TAP, a browser for them, and waiting without sleeping.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const LIMIT = 60e3; // ms a test may take
const tests = [];

export const test = (name, f) => tests.push({ name, f });

// An event of an emitter, with a limit.
export const once = (emitter, name, limit = 15e3) => new Promise((ok, no) => {
  const timer = setTimeout(() => no(new Error(`no "${name}" within ${limit} ms`)), limit);
  emitter.once(name, (x) => { clearTimeout(timer); ok(x); });
});

let browser, folder;
export async function chrome() {
  if (browser) return browser;
  folder = mkdtempSync(join(tmpdir(), "cnc-chromium-"));
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_CACHE_HOME: folder },
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      // A context's own ignoreHTTPSErrors does not reach shared workers.
      "--disable-features=XSLT", "--ignore-certificate-errors"],
  });
  return browser;
}

// f gets a context; what a page says on its console is printed when f fails.
export async function withContext(options, f) {
  const context = await (await chrome()).newContext(options);
  const said = [];
  context.on("console", (m) => said.push(`${m.type()}: ${m.text()}`));
  context.on("weberror", (e) => said.push("error: " + e.error().stack));
  context.setDefaultTimeout(15e3);
  try { return await f(context, said); } catch (e) {
    e.said = said.slice(-20);
    throw e;
  } finally { await context.close(); }
}

// Run all tests, or those whose name has the words; returns how many failed.
export async function run(words = "") {
  const mine = tests.filter((t) => t.name.includes(words));
  let n = 0, failed = 0;
  console.log(`TAP version 13\n1..${mine.length}`);
  for (const { name, f } of mine) {
    const start = Date.now();
    let timer;
    try {
      await Promise.race([f(), new Promise((_, no) => {
        timer = setTimeout(() => no(new Error(`took more than ${LIMIT} ms`)), LIMIT);
      })]);
      console.log(`ok ${++n} - ${name} # ${Date.now() - start} ms`);
    } catch (e) {
      failed++;
      console.log(`not ok ${++n} - ${name}`);
      for (const line of [e.stack || e, ...e.said || []].join("\n").split("\n")) console.log("#   " + line);
    }
    clearTimeout(timer);
  }
  await browser?.close();
  if (folder) rmSync(folder, { recursive: true, force: true });
  console.log(`# ${n - failed} passed, ${failed} failed`);
  return failed;
}
