// SPDX-License-Identifier: MIT
// The bookcase in a real browser, through a real nginx with TLS that reaches the service by its
// Unix socket.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, withContext } from "./harness.js";
import { live } from "./tools.js";
import { withService } from "./service.js";

const NGINX = ["/usr/sbin/nginx", "/usr/bin/nginx"].find((f) => existsSync(f));
const root = process.getuid() === 0;

const conf = (dir, port) => `
${root ? "user www-data;" : ""}
pid ${dir}/pid;
error_log stderr warn;
worker_processes 1;
events { worker_connections 512; }
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((n) => `${n}_temp_path ${dir}/${n};`).join("\n")}
  map $http_upgrade $upgrade_or_not { default upgrade; "" ""; }
  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${dir}/cert.pem;
    ssl_certificate_key ${dir}/key.pem;
    location / {
      proxy_pass http://unix:${dir}/http;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $upgrade_or_not;
    }
  }
}`;

const freePort = () => new Promise((ok) => {
  const s = net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = s.address();
    s.close(() => ok(port));
  });
});

const answers = async (port) => {
  for (let i = 0; i < 200; i++) {
    const there = await new Promise((ok) => {
      const s = net.connect(port, "127.0.0.1", () => { s.destroy(); ok(true); });
      s.on("error", () => ok(false));
    });
    if (there) return;
    await new Promise((ok) => setTimeout(ok, 50));
  }
  throw new Error("nginx does not listen");
};

async function withNginx(f) {
  const dir = mkdtempSync(join(tmpdir(), "cnc-nginx-"));
  const port = await freePort();
  chmodSync(dir, 0o755);
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
    "-keyout", join(dir, "key.pem"), "-out", join(dir, "cert.pem")], { stdio: "ignore" });
  writeFileSync(join(dir, "nginx.conf"), conf(dir, port));
  const nginx = spawn(NGINX, ["-e", "stderr", "-p", dir, "-c", join(dir, "nginx.conf"), "-g", "daemon off;"],
    { stdio: "ignore" });
  const gone = new Promise((ok) => nginx.once("exit", ok));
  try {
    await answers(port);
    return await f(`https://localhost:${port}/`,
      ["--http", `unix:${dir}/http`, ...root ? ["--socket-group", "www-data"] : []]);
  } finally {
    nginx.kill("SIGTERM");
    await gone;
    rmSync(dir, { recursive: true, force: true });
  }
}

const shows = (page, title) => page.waitForFunction((t) =>
  [...document.querySelectorAll("#shelf h3")].some((e) => e.textContent == t), title);

if (NGINX)
  test("service: two windows are live through nginx with TLS and a Unix socket", () =>
    withNginx((url, words) => withService({ words }, (service) =>
      withContext({}, async (context, said) => {
        const [one, two] = [await context.newPage(), await context.newPage()];
        for (const page of [one, two]) {
          await page.goto(url);
          await live(page);
        }
        await one.fill("#form-library-title", "Behind nginx");
        await one.fill("#form-library-author", "Somebody");
        await one.click("button[type=submit]");
        for (const page of [one, two]) await shows(page, "Behind nginx");
        const sessions = await service.ctl(["sessions"]);
        assert.match(sessions, /127\.0\.0\.1/);
        assert.doesNotMatch(sessions, /unix/);
        assert.deepEqual(said, []);
      }))));
