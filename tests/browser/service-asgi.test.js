// SPDX-License-Identifier: MIT
// The bookcase through uvicorn: its pages and their WebSocket are in the web
// server's process, the service is behind it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { test, withContext } from "./harness.js";
import { live } from "./tools.js";
import { withService } from "./service.js";

const TOP = new URL("../..", import.meta.url).pathname;
const titles = (page) => page.locator("#shelf h3").allTextContents();
const shows = (page, title) => page.waitForFunction((t) =>
  [...document.querySelectorAll("#shelf h3")].some((e) => e.textContent == t), title);

const freePort = () => new Promise((ok) => {
  const s = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = s.address();
    s.close(() => ok(port));
  });
});

const listens = async (port, until = Date.now() + 30e3) => {
  while (Date.now() < until) {
    const up = await new Promise((ok) => {
      const s = net.connect(port, "127.0.0.1", () => { s.destroy(); ok(true); });
      s.on("error", () => setTimeout(() => ok(false), 50));
    });
    if (up) return;
  }
  throw new Error("uvicorn does not listen");
};

// A service that clients reach by uvicorn alone: f(service, url).
const withUvicorn = (f) => withService({ apps: ["--c2s", "unix:c2s", "--files",
  join(TOP, "examples/bookcase-c"),
  join(process.env.CONCORDANCE_BUILD, "examples/bookcase-c/bookcase.so")] }, async (service) => {
  writeFileSync(join(service.dir, "books.py"), `
from concordance import asgi
application = asgi(c2s="unix:${service.dir}/c2s")
`);
  const port = await freePort();
  const server = spawn("uvicorn", ["--port", String(port), "books:application"],
    { cwd: service.dir, stdio: ["ignore", "pipe", "pipe"] });
  const gone = new Promise((ok) => server.once("exit", ok));
  let log = "";
  for (const out of [server.stdout, server.stderr]) out.on("data", (d) => { log += d; });
  try {
    await listens(port);
    return await f(service, `http://127.0.0.1:${port}/`);
  } catch (e) {
    throw new Error(`${e.stack}\n${log.slice(-2000)}`);
  } finally {
    server.kill("SIGKILL");
    await gone;
  }
});

test("service: through uvicorn, a book added in one window is in the other", () =>
  withUvicorn((service, url) => withContext({}, async (context, said) => {
    const [one, two] = [await context.newPage(), await context.newPage()];
    const sockets = [];
    for (const page of [one, two]) {
      page.on("websocket", (s) => sockets.push(s.url()));
      await page.goto(url);
      await live(page);
    }
    await one.fill("#form-library-title", "Dive Into Python 3");
    await one.fill("#form-library-author", "Mark Pilgrim");
    await one.click("button[type=submit]");
    await shows(one, "Dive Into Python 3");
    await shows(two, "Dive Into Python 3");
    for (const socket of sockets) assert.equal(socket, url.replace("http", "ws") + "xmpp");
    const fresh = await context.newPage();
    await fresh.goto(url);
    assert.deepEqual(await titles(fresh), ["Dive Into Python 3"]);
    assert.deepEqual(said, []);
  })));

test("service: through uvicorn, windows stay while the service is away, and go on after", () =>
  withUvicorn((service, url) => withContext({}, async (context) => {
    const [one, two] = [await context.newPage(), await context.newPage()];
    for (const page of [one, two]) { await page.goto(url); await live(page); }
    await service.kill();
    await service.start();
    for (const page of [one, two]) await live(page);
    await one.fill("#form-library-title", "Emma");
    await one.fill("#form-library-author", "Jane Austen");
    await one.click("button[type=submit]");
    await shows(one, "Emma");
    await shows(two, "Emma");
  })));

test("service: through uvicorn, without JavaScript a form leads to the page that has it", () =>
  withUvicorn((service, url) => withContext({ javaScriptEnabled: false }, async (context) => {
    const page = await context.newPage();
    await page.goto(url);
    await page.fill("#form-library-title", "Persuasion");
    await page.fill("#form-library-author", "Jane Austen");
    await page.click("button[type=submit]");
    assert.deepEqual(await titles(page), ["Persuasion"]);
  })));
