// SPDX-License-Identifier: MIT
// The bookcase in a browser whose web server runs the app's other half: no
// WebSocket comes through these, so pages are read and forms are posted.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import net from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test, withContext } from "./harness.js";
import { withService } from "./service.js";

const BOOKCASE = fileURLToPath(new URL("../../examples/bookcase-python", import.meta.url));

const SERVERS = {
  gunicorn: (port) => ["gunicorn", "-w", "2", "-b", `127.0.0.1:${port}`, "mybookcase"],
  uWSGI: (port) => ["uwsgi_python3", "--http-socket", `127.0.0.1:${port}`, "--master", "--die-on-term",
    "--processes", "2", "--threads", "2", "--enable-threads", "--need-app", "--wsgi", "mybookcase"],
};

const freePort = () => new Promise((ok, no) => {
  const s = net.createServer().on("error", no).listen(0, "127.0.0.1", () => {
    const { port } = s.address();
    s.close(() => ok(port));
  });
});

const answers = (port) => new Promise((ok) => {
  const s = net.connect(port, "127.0.0.1", () => { s.destroy(); ok(true); });
  s.on("error", () => ok(false));
});

// f(url, service): the bookcase's service, with the web server before it.
async function behind(name, f) {
  return withService({ words: ["--domain", "localhost"] }, async (service) => {
    const port = await freePort();
    const [program, ...words] = SERVERS[name](port);
    const server = spawn("/usr/bin/" + program, words, { cwd: BOOKCASE, detached: true,
      stdio: ["ignore", "pipe", "pipe"], env: { ...process.env,
        CONCORDANCE_LINK: join(service.dir, "data/link"), PYTHONPATH: `${process.env.PYTHONPATH}:${BOOKCASE}` } });
    const gone = new Promise((ok) => server.once("exit", ok));
    let log = "";
    for (const stream of [server.stdout, server.stderr]) stream.on("data", (d) => { log += d; });
    try {
      for (let i = 0; !await answers(port); i++) {
        if (i > 300 || server.exitCode !== null) throw new Error(`${name} did not start: ${log}`);
        await new Promise((ok) => setTimeout(ok, 50));
      }
      return await f(`http://127.0.0.1:${port}/`, service);
    } catch (e) {
      e.said = [...e.said || [], ...log.split("\n").slice(-15)];
      throw e;
    } finally {
      try { process.kill(-server.pid, "SIGTERM"); } catch { /* it has ended */ }
      await gone;
    }
  });
}

const titles = (page) => page.locator("#shelf h3").allTextContents();
const add = async (page, fields) => {
  for (const [k, v] of Object.entries(fields)) await page.fill("#form-library-" + k, v);
  await page.click("#form-library button[type=submit]");
};

for (const name of Object.keys(SERVERS)) {
  for (const javaScriptEnabled of [true, false])
    test(`${name}: a book is added${javaScriptEnabled ? "" : " without JavaScript"}, a wrong one stands in the form`, () =>
      behind(name, (url, service) => withContext({ javaScriptEnabled }, async (context) => {
        const page = await context.newPage();
        await page.goto(url);
        await add(page, { title: "Emma", author: "Jane Austen" });
        await page.waitForSelector("#shelf h3");
        assert.deepEqual(await titles(page), ["Emma"]);
        assert.match(await service.ctl(["items", "library"]), /<title>Emma<\/title>/);
        await add(page, { title: "Persuasion", author: "Jane Austen", isbn: "12" });
        await page.waitForSelector("#form-library-isbn[aria-invalid=true]");
        assert.equal(await page.inputValue("#form-library-title"), "Persuasion");
        assert.deepEqual(await titles(page), ["Emma"]);
      })));

  test(`${name}: the service stops, the page stays; what is typed then is kept`, () =>
    behind(name, (url, service) => withContext({ javaScriptEnabled: false }, async (context) => {
      const page = await context.newPage();
      await page.goto(url);
      await add(page, { title: "Emma", author: "Jane Austen" });
      await page.waitForSelector("#shelf h3");
      await page.goto(url);
      await service.kill("SIGTERM");
      // The newest of a process that has not seen the page is none.
      const old = await page.goto(url);
      assert.ok([200, 503].includes(old.status()), String(old.status()));
      if (old.status() == 200) {
        assert.deepEqual(await titles(page), ["Emma"]);
        assert.equal(await page.locator("[role=status]").count() > 0, true);
      } else {
        await page.setContent(`<form id="form-library" method="post" action="${url}?form=library">
          <input name="title" id="form-library-title"><input name="author" id="form-library-author">
          <button type="submit">Add</button></form>`);
      }
      await add(page, { title: "Persuasion", author: "Jane Austen" });
      await page.waitForSelector("text=Send again");
      assert.equal(await page.inputValue("input[name=title]"), "Persuasion");
      await service.start();
      await page.click("text=Send again");
      await page.waitForSelector("#shelf h3 >> text=Persuasion");
      assert.deepEqual(await titles(page), ["Emma", "Persuasion"]);
    })));
}
