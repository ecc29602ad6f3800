// SPDX-License-Identifier: MIT
// The console of the real service: logging in, looking, sending.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { test, withContext } from "./harness.js";
import { bookXml, withService } from "./service.js";

const withConsole = (f, options = {}) => withService({}, (service) =>
  withContext({ ...options }, async (context, said) => {
    const page = await context.newPage();
    await page.goto(service.url + "_console");
    await f(page, service, said);
    assert.deepEqual(said.filter((s) => /^error/.test(s)), []);
  }));

const guest = async (page) => {
  await page.click("#guest");
  await page.waitForSelector("#session:not([hidden])");
};
const shown = (page, words) => page.waitForFunction(
  (w) => [...document.querySelectorAll("#log > div:not([hidden])")].some((entry) => entry.textContent.includes(w)), words);
const visible = (page) => page.$$eval("#log > div:not([hidden])", (all) => all.length);

test("console: a guest sees the own log-in, without secrets, and what is sent", () =>
  withConsole(async (page) => {
    await guest(page);
    assert.match(await page.textContent("#status"), /^You are .+@localhost\//);
    await shown(page, "urn:ietf:params:xml:ns:xmpp-bind");
    await page.fill("#xml", '<iq type="get" to="localhost"><ping xmlns="urn:xmpp:ping"/></iq>');
    await page.keyboard.press("Control+Enter");
    await shown(page, "urn:xmpp:ping");
    await page.waitForFunction(() => /received.*iq result/.test(document.querySelector("#log > div:last-child").textContent));
    assert.equal(await page.inputValue("#xml"), "");
    await page.keyboard.press("ArrowUp"); // what was sent comes back
    assert.match(await page.inputValue("#xml"), /ping/);
  }));

test("console: an account logs in by SCRAM, and a wrong password does not", () =>
  withConsole(async (page, service) => {
    await service.ctl(["adduser", "juliet"], "r\u00f6mer  9\n");
    await page.fill("#jid", "juliet@localhost");
    await page.fill("#password", "wrong");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => /password is wrong/.test(document.querySelector("#login-error").textContent));
    await page.fill("#password", "r\u00f6mer  9");
    await page.keyboard.press("Enter");
    await page.waitForSelector("#session:not([hidden])");
    assert.match(await page.textContent("#status"), /^You are juliet@localhost\//);
    const log = await page.textContent("#log");
    assert.match(log, /\(left out\)/);
    assert.doesNotMatch(log, /biws|p=/);
    assert.equal(await page.inputValue("#password"), "");
    await page.click("#leave");
    await page.waitForFunction(() => /Logged out/.test(document.querySelector("#login-error").textContent));
  }));

test("console: a mistake is told with its place and nothing is sent", () =>
  withConsole(async (page) => {
    await guest(page);
    const before = await visible(page);
    for (const [xml, words, at] of [
      ["<message>\n  <a></b></message>", "Line 2, column 6", 15],
      ["<book/>", "needs a namespace", 1],
      ["<!-- x -->", "no comments", 0],
      ["<iq a='1' a='2'/>", "twice", 10],
      ["<iq>&nbsp;</iq>", "& begins one of", 4],
      ["<x:iq/>", "prefix x is not declared", 1],
      ["<iq/><iq/>", "one stanza at a time", 5],
      ["", "nothing to send", 0],
    ]) {
      await page.fill("#xml", xml);
      await page.click("#send button[type=submit]");
      await page.waitForFunction((w) => document.querySelector("#send-error").textContent.includes(w), words);
      assert.equal(await page.getAttribute("#xml", "aria-invalid"), "true");
      assert.equal(await page.$eval("#xml", (box) => box.selectionStart), at, xml);
    }
    assert.equal(await visible(page), before);
    await page.fill("#xml", "<presence/>");
    assert.equal(await page.getAttribute("#xml", "aria-invalid"), "false");
  }));

test("console: every template passes the check", () =>
  withConsole(async (page) => {
    await guest(page);
    const n = await page.$$eval("#template option", (all) => all.length);
    assert.ok(n > 10);
    for (let k = 0; k < n; k++) {
      await page.selectOption("#template", String(k));
      await page.click("#fill");
      assert.equal(await page.evaluate(async () => {
        const { check } = await import(document.querySelector("script").src.replace("console.js", "console-xml.js"));
        return check(document.querySelector("#xml").value).text || "";
      }), "");
    }
  }));

test("console: events come, fold, are found and filtered", () =>
  withConsole(async (page, service) => {
    await guest(page);
    await page.selectOption("#template", { label: "PubSub: subscribe (XEP-0060)" });
    await page.click("#fill");
    await page.fill("#xml", (await page.inputValue("#xml")).replace('node="node"', 'node="library"').replace("node='node'", "node='library'"));
    await page.keyboard.press("Control+Enter");
    await shown(page, "subscribed");
    await service.ctl(["publish", "library", bookXml("Found & <shown>"), "b1"]);
    await shown(page, "Found");
    assert.equal(await page.$$eval("#log shown", (all) => all.length), 0);
    const all = await visible(page);
    await page.fill("#search", "found &");
    await page.waitForFunction(() => [...document.querySelectorAll("#log > div")].filter((entry) => !entry.hidden).length == 1);
    await page.fill("#search", "");
    await page.selectOption("#kind", "message");
    assert.equal(await visible(page), 1);
    await page.selectOption("#way", "out");
    assert.equal(await visible(page), 0);
    await page.selectOption("#kind", "");
    await page.selectOption("#way", "");
    assert.equal(await visible(page), all);
    await page.click("#fold");
    assert.equal(await page.$$eval("#log details[open]", (x) => x.length), 0);
    await page.click("#fold");
    assert.ok(await page.$$eval("#log details[open]", (x) => x.length) > 0);
    await page.click("#clear");
    assert.equal(await visible(page), 0);
  }));

test("console: the connection's end is told", () =>
  withConsole(async (page, service) => {
    await guest(page);
    await service.kill("SIGTERM");
    await page.waitForSelector("#login:not([hidden])");
    assert.match(await page.textContent("#login-error"), /ended the stream|is gone/);
  }));

for (const scheme of ["light", "dark"])
  test(`console: axe finds nothing, ${scheme}`, () =>
    withConsole(async (page) => {
      const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
      const look = async () => {
        const { violations } = await page.evaluate(() => window.axe.run());
        assert.deepEqual(violations.map((v) => [v.id, v.nodes.map((x) => x.html + x.failureSummary)]), []);
      };
      await page.evaluate(axe);
      await look();
      await guest(page);
      await page.fill("#xml", "<a");
      await page.keyboard.press("Control+Enter");
      await page.waitForSelector("[aria-invalid=true]");
      await look();
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/console-${scheme}.png` });
    }, { colorScheme: scheme, bypassCSP: false }));

test("console: without JavaScript it says what to do", () =>
  withConsole(async (page) => {
    assert.match(await page.textContent("noscript"), /concordctl console/);
    assert.equal(await page.isVisible("#login"), false);
  }, { javaScriptEnabled: false }));
