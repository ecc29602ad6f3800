// SPDX-License-Identifier: MIT
// service.js -- the real service for a test: on a free port, in a folder of
// its own, spoken to as a user does.  The variables are those of tools/check.

import { execFile, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { once } from "./harness.js";

const TOP = fileURLToPath(new URL("../..", import.meta.url));
export const NS = "http://concordance-xmpp.org/apps/mybookcase";
const esc = (s) => s.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt()};`);

export const bookXml = (title, author = "Somebody", isbn) =>
  `<book xmlns="${NS}"><title>${esc(title)}</title><author>${esc(author)}</author>${
    isbn ? `<isbn>${isbn}</isbn>` : ""}</book>`;

export class Service {
  constructor(options = {}) {
    this.dir = mkdtempSync(join(tmpdir(), "cnc-service-"));
    this.options = options;
    this.port = 0;
  }

  // {python: source of a module with one App class named Test}
  // {apps: words of the command line, installed apps by their names}
  // {words: options more}
  async start() {
    const { apps, python } = this.options;
    const words = ["--http", `127.0.0.1:${this.port}`, "--data", join(this.dir, "data")];
    let program = process.env.CONCORDANCED;
    words.push(...this.options.words || []);
    if (python) {
      writeFileSync(join(this.dir, "testapp.py"), python);
      program = "/usr/bin/python3";
      words.unshift("-m", "concordance", "run", "testapp:Test");
    } else if (apps) {
      words.push(...apps);
    } else {
      words.push("--files", join(TOP, "examples/bookcase-c"),
        join(process.env.CONCORDANCE_BUILD, "examples/bookcase-c/bookcase.so"));
    }
    this.process = spawn(program, words, { cwd: this.dir, stdio: ["ignore", "pipe", "pipe"],
      env: { CONCORDANCE_APPS: join(process.env.CONCORDANCE_BUILD, "apps"), ...process.env } });
    this.log = "";
    this.process.stderr.on("data", (d) => { this.log += d; });
    this.gone = new Promise((ok) => this.process.once("exit", ok));
    const lines = createInterface(this.process.stdout);
    const ready = await Promise.race([once(lines, "line", 30e3), this.gone]);
    if (!/^Ready/.test(ready)) throw new Error("the service did not start: " + this.log);
    this.url = ready.split(" ").at(-1);
    this.port = +new URL(this.url).port;
    return this;
  }

  async kill(signal = "SIGKILL") {
    this.process.kill(signal);
    await this.gone;
  }

  async stop() {
    if (this.process?.exitCode === null && this.process.signalCode === null) await this.kill("SIGTERM");
    rmSync(this.dir, { recursive: true, force: true });
  }

  ctl(words, input) {
    return new Promise((ok, no) => {
      const child = execFile(process.env.CONCORDANCECTL,
        ["--link", join(this.dir, "data/link"), ...words], { maxBuffer: 1 << 26 },
        (e, out, err) => e ? no(new Error(err || e)) : ok(out));
      if (input) child.stdin.end(input);
    });
  }

  // As a browser without scripts: the status after the redirect.
  async post(fields, form = "library") {
    const answer = await fetch(`${this.url}?form=${form}`,
      { method: "POST", body: new URLSearchParams(fields), signal: AbortSignal.timeout(15e3) });
    await answer.text();
    return answer.status;
  }

  file = (name = "index.html") => readFileSync(join(this.dir, "data/www", name), "utf8");
}

export async function withService(options, f) {
  const service = new Service(options);
  try {
    await service.start();
    return await f(service);
  } catch (e) {
    e.said = [...e.said || [], ...(service.log || "").split("\n").slice(-15)];
    throw e;
  } finally { await service.stop(); }
}

// A wire that can be cut: what browsers connect to instead of the service.
export async function cuttable(service, f) {
  const pairs = new Set();
  const server = net.createServer((near) => {
    const far = net.connect(service.port, "127.0.0.1");
    const pair = { near, cut() { near.destroy(); far.destroy(); pairs.delete(pair); } };
    pairs.add(pair);
    near.on("data", (d) => { pair.upgraded ||= /^GET \/xmpp /.test(d.toString("latin1", 0, 16)); });
    near.pipe(far).pipe(near);
    for (const s of [near, far]) s.on("error", pair.cut).on("close", pair.cut);
  });
  await new Promise((ok) => server.listen(0, "127.0.0.1", ok));
  try {
    return await f(`http://127.0.0.1:${server.address().port}/`,
      () => { let n = 0; for (const p of [...pairs]) if (p.upgraded) p.cut(), n++; return n; });
  } finally {
    for (const p of [...pairs]) p.cut();
    server.close();
  }
}
