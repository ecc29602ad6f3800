// SPDX-License-Identifier: MIT
// A domain below a path of a site, behind the nginx that has the site.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, withContext } from "./harness.js";
import { live } from "./tools.js";
import { bookXml, withService } from "./service.js";

const connects = (port) => new Promise((ok) => {
  const s = net.connect(port, "127.0.0.1", () => { s.destroy(); ok(true); });
  s.on("error", () => ok(false));
});
const freePort = () => new Promise((ok) => {
  const s = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = s.address();
    s.close(() => ok(port));
  });
});

// A site of its own at /, the service at /books/.
async function withNginx(service, f) {
  const dir = mkdtempSync(join(tmpdir(), "cnc-nginx-")), port = await freePort();
  writeFileSync(join(dir, "index.html"), "<title>The site</title><a href=/books/>Books</a>");
  writeFileSync(join(dir, "nginx.conf"), `
    daemon off; master_process off; pid ${dir}/pid; error_log stderr;
    events {}
    http {
      access_log off; client_body_temp_path ${dir}/1; proxy_temp_path ${dir}/2;
      fastcgi_temp_path ${dir}/3; uwsgi_temp_path ${dir}/4; scgi_temp_path ${dir}/5;
      server {
        listen 127.0.0.1:${port};
        location / { root ${dir}; types { text/html html; } }
        location /books/ {
          proxy_pass http://127.0.0.1:${service.port};
          proxy_http_version 1.1;
          proxy_set_header Host $http_host;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection $http_connection;
        }
      }
    }`);
  const nginx = spawn("/usr/sbin/nginx", ["-c", join(dir, "nginx.conf"), "-p", dir],
    { stdio: ["ignore", "inherit", "inherit"] });
  const gone = new Promise((ok) => nginx.once("exit", ok));
  try {
    for (const end = Date.now() + 15e3; !await connects(port);) assert.ok(Date.now() < end, "nginx listens");
    return await f(`http://127.0.0.1:${port}`);
  } finally {
    nginx.kill();
    await gone;
    rmSync(dir, { recursive: true, force: true });
  }
}

const words = ["--prefix", "/books"];
const shows = (page, title) => page.waitForFunction((t) =>
  [...document.querySelectorAll("#shelf h3")].some((e) => e.textContent == t), title);

test("service: below a path of a site two windows are live, and a form is sent", () =>
  withService({ words }, (service) => withNginx(service, (site) =>
    withContext({}, async (context, said) => {
      const failed = [];
      context.on("response", (r) => { if (r.status() >= 400) failed.push(r.url()); });
      const one = await context.newPage(), two = await context.newPage();
      await one.goto(site);
      await one.click("text=Books");
      await two.goto(site + "/books"); // without its slash
      assert.equal(two.url(), site + "/books/");
      for (const page of [one, two]) await live(page);
      await one.fill("#form-library-title", "Emma");
      await one.fill("#form-library-author", "Jane Austen");
      await one.click("button[type=submit]");
      for (const page of [one, two]) await shows(page, "Emma");
      await service.ctl(["publish", "library", bookXml("Persuasion")]);
      for (const page of [one, two]) await shows(page, "Persuasion");
      // A page that was away asks for itself again, at its own address.
      await service.kill();
      await service.start();
      await service.ctl(["publish", "library", bookXml("Sanditon")]);
      for (const page of [one, two]) await shows(page, "Sanditon");
      assert.deepEqual(failed.filter((u) => !u.includes("/xmpp") && !u.endsWith("/books/")), []);
      assert.deepEqual(said.filter((s) => s.startsWith("error: Refused")), []);
    }))));

test("service: below a path of a site a form goes without scripts", () =>
  withService({ words }, (service) => withNginx(service, (site) =>
    withContext({ javaScriptEnabled: false }, async (context) => {
      const page = await context.newPage();
      await page.goto(site + "/books/");
      await page.fill("#form-library-title", "Emma");
      await page.fill("#form-library-author", "Jane Austen");
      await page.click("button[type=submit]");
      await page.waitForSelector("text=Emma");
      assert.equal(page.url(), site + "/books/");
    }))));

const python = `
from concordance import *
from concordance import login

class Note(Record):
    text = Text("Text", required=True)

class Test(App):
    xmlns = "urn:x-test"
    board = Node(Note, form="Add", publish="anybody")
    index = Page("/", board, "board.xsl")
    staff = Page("/staff", board, "board.xsl", readers="staff")

    @command("login", who="anybody")
    def enter(self, user, form):
        login.begin("anna@localhost")

    @command("out", who="anybody")
    def leave(self, user, form):
        login.logout()
`;

test("service: below a path of a site people log in, and the site sees no cookie of theirs", () =>
  withService({ python, words }, (service) => withNginx(service, (site) =>
    withContext({}, async (context) => {
      await service.ctl(["adduser", "anna"], "rosaline\n");
      const page = await context.newPage();
      await page.goto(site + "/books/staff"); // not for guests: to the log-in, and back
      assert.equal(page.url(), site + "/books/_do/login?next=%2Fstaff");
      await Promise.all([page.waitForNavigation(), page.click("button[type=submit]")]);
      assert.ok(page.url().startsWith(site + "/books/"));
      await page.goto(site + "/books/");
      await live(page);
      for (const end = Date.now() + 15e3; !/anna@localhost\//.test(await service.ctl(["sessions"]));)
        assert.ok(Date.now() < end, "a stream of anna's");
      assert.deepEqual((await context.cookies(site)).map((c) => c.name), []);
      assert.ok((await context.cookies(site + "/books/")).every((c) => c.path == "/books/"));
    }))));
