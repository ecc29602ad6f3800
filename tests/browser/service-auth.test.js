// SPDX-License-Identifier: MIT
// The authentication app in a browser: every screen with and without
// JavaScript, light and dark, wide and narrow; axe finds nothing.
// SHOTS=FOLDER keeps pictures of them.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { test, withContext } from "./harness.js";
import { withService } from "./service.js";

const PASSWORD = "four words of hers";
const withAuth = (f, options = {}) => withService({ apps: ["auth"] }, async (service) => {
  await service.ctl(["adduser", "juliet"], PASSWORD + "\n");
  await service.ctl(["do", "settings/auth", "sign-up=open", "sign-up-text:=Be kind."]);
  await withContext(options, async (context, said) => {
    const page = await context.newPage();
    await f(page, service, context);
    assert.deepEqual(said.filter((s) => /^error: (?!Failed to load resource)/.test(s)), []);
  });
});

const fill = async (page, form, fields) => {
  for (const [name, value] of Object.entries(fields)) await page.fill(`#do-${form} [name="${name}"]`, value);
  await Promise.all([page.waitForEvent("load"), page.click(`#do-${form} button`)]);
};
const login = async (page, service) => {
  await page.goto(service.url + "login");
  await fill(page, "login", { user: "juliet", password: PASSWORD });
  assert.equal(new URL(page.url()).pathname, "/account");
};

for (const javaScriptEnabled of [true, false])
  test(`auth: an account from its beginning to its end, ${javaScriptEnabled ? "with" : "without"} JavaScript`, () =>
    withAuth(async (page, service) => {
      await page.goto(service.url + "account");
      assert.equal(new URL(page.url()).pathname, "/login");
      await page.click("text=Make an account");
      assert.match(await page.textContent("main"), /Be kind\./);
      await fill(page, "sign-up", { user: "romeo", password: "romeo123", again: "romeo123" });
      assert.match(await page.textContent(".cnc-error"), /Whoever knows the name/);
      assert.equal(await page.inputValue("[name=user]"), "romeo");
      assert.equal(await page.inputValue("[name=password]"), "");
      await fill(page, "sign-up", { user: "romeo", password: "his own words", again: "his own words" });
      assert.equal(new URL(page.url()).pathname, "/account");
      assert.match(await page.textContent(".auth-who"), /romeo@localhost/);
      assert.match(await page.textContent(".auth-session"), /Chrome.*this one/s);
      await fill(page, "account-password", { old: "his own words", password: "some other words", again: "some other words" });
      assert.match(await page.textContent("main [role=status]"), /password is changed/);
      await Promise.all([page.waitForEvent("load"), page.click(".cnc-viewer button")]);
      assert.match(await page.textContent("main [role=status]"), /logged out/);
      await fill(page, "login", { user: "romeo", password: "his own words" });
      assert.match(await page.textContent(".cnc-form-error"), /do not belong together/);
      await fill(page, "login", { user: "romeo", password: "some other words" });
      await page.click("text=Delete your account");
      await fill(page, "account-delete", { password: "some other words", name: "romeo" });
      assert.equal(new URL(page.url()).pathname, "/login");
      assert.doesNotMatch(await service.ctl(["users"]), /romeo/);
    }, { javaScriptEnabled }));

test("auth: one session is ended from another", () =>
  withAuth(async (page, service, context) => {
    await login(page, service);
    const other = await (await context.browser().newContext()).newPage();
    await login(other, service);
    await page.reload();
    const rows = page.locator(".auth-session");
    assert.equal(await rows.count(), 2);
    await Promise.all([page.waitForEvent("load"),
      rows.filter({ hasNotText: "this one" }).getByRole("button").click()]);
    assert.equal(await page.locator(".auth-session").count(), 1);
    await other.reload();
    assert.equal(new URL(other.url()).pathname, "/login");
    await other.context().close();
  }));

for (const javaScriptEnabled of [true, false])
  test(`auth: in German, ${javaScriptEnabled ? "with" : "without"} JavaScript`, () =>
    withAuth(async (page, service) => {
      await page.goto(service.url + "login");
      assert.equal(await page.getAttribute("html", "lang"), "de");
      assert.equal(await page.textContent("h1"), "Anmelden");
      assert.equal(await page.textContent("#do-login button"), "Anmelden");
      await fill(page, "login", { user: "juliet", password: "falsch" });
      assert.match(await page.textContent(".cnc-form-error"), /gehören nicht zusammen/);
      await login(page, service);
      assert.match(await page.textContent("main [role=status]"), /Sie sind angemeldet als juliet@localhost/);
      assert.match(await page.textContent(".auth-session"), /diese hier/);
      // The browser of a password manager sees whose password it is.
      assert.equal(await page.getAttribute("#do-account-password [name=old]", "autocomplete"), "current-password");
      for (const name of ["password", "again"])
        assert.equal(await page.getAttribute(`#do-account-password [name=${name}]`, "autocomplete"), "new-password");
      assert.equal(await page.inputValue("#do-account-password [autocomplete=username]"), "juliet@localhost");
      assert.equal(await page.getAttribute("#do-account-delete [name=name]", "autocomplete"), null);
      await Promise.all([page.waitForURL(/lang=en/), page.click(".cnc-languages >> text=English")]);
      assert.equal(await page.getAttribute("html", "lang"), "en");
      await Promise.all([page.waitForEvent("load"), page.click(".cnc-viewer button")]);
      assert.match(await page.textContent("main [role=status]"), /You are logged out/);
    }, { javaScriptEnabled, locale: "de-DE" }));

test("auth: an invitation is made, copied, used and withdrawn", () =>
  withAuth(async (page, service, context) => {
    await service.ctl(["do", "settings/auth", "sign-up=invited"]);
    await service.ctl(["do", "roles/set", "jid=juliet@localhost", "role=admin", "has=true"]);
    await login(page, service);
    await Promise.all([page.waitForEvent("load"), page.click("main >> text=Invitations")]);
    const links = [];
    for (let i = 0; i < 2; i++) {
      await page.goto(service.url + "invitations");
      await fill(page, "invite", { days: "2" });
      links.push(await page.inputValue(".auth-link"));
    }
    const other = await (await context.browser().newContext()).newPage();
    const path = (link) => service.url + link.split("/").slice(3).join("/");
    await other.goto(path(links[0]));
    for (const [name, value] of [["user", "username"], ["password", "new-password"], ["again", "new-password"]])
      assert.equal(await other.getAttribute(`#do-sign-up [name=${name}]`, "autocomplete"), value);
    await fill(other, "sign-up", { user: "romeo", password: "his own words", again: "his own words" });
    assert.equal(new URL(other.url()).pathname, "/account");
    await page.goto(service.url + "invitations");
    assert.match(await page.textContent("main"), /used.*romeo@localhost/s);
    await Promise.all([page.waitForEvent("load"), page.getByRole("button", { name: /^Withdraw/ }).click()]);
    assert.match(await page.textContent("main [role=status]"), /withdrawn/);
    assert.equal(await page.getByRole("button", { name: /^Withdraw/ }).count(), 0);
    await other.context().clearCookies();
    await other.goto(path(links[1]));
    await fill(other, "sign-up", { user: "tybalt", password: "his own words", again: "his own words" });
    assert.match(await other.textContent(".cnc-form-error"), /withdrawn/);
    await other.context().close();
  }));

for (const colorScheme of ["light", "dark"])
  for (const width of [1280, 390])
    test(`auth: axe finds nothing, ${colorScheme}, ${width} wide`, () =>
      withAuth(async (page, service) => {
        const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
        const look = async (name) => {
          await page.evaluate(axe);
          const { violations } = await page.evaluate(() => window.axe.run());
          assert.deepEqual(violations.map((v) => [name, v.id, v.nodes.map((x) => x.html + x.failureSummary)]), []);
          assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), name);
          if (process.env.SHOTS)
            await page.screenshot({ path: `${process.env.SHOTS}/auth-${name}-${colorScheme}-${width}.png`, fullPage: true });
        };
        await page.goto(service.url + "login");
        for (const summary of await page.locator("summary").all()) await summary.click();
        await look("login");
        await fill(page, "login", { user: "juliet", password: "wrong" });
        await look("wrong");
        await page.goto(service.url + "sign-up");
        await fill(page, "sign-up", { user: "juliet", password: "long enough?", again: "long enough?" });
        await look("sign-up");
        await page.goto(service.url + "login");
        await page.click("text=Log in with your XMPP client");
        await fill(page, "login-client", { jid: "juliet@localhost" });
        assert.match(await page.textContent(".auth-code"), /^\s*[0-9A-Z]{8}\s*$/);
        await look("confirm");
        await page.goto(service.url + "login/open?jid=juliet@localhost&token=" + "A".repeat(43));
        await look("open");
        await fill(page, "login-open", {});
        assert.match(await page.textContent("main"), /too old/);
        await look("open-refused");
        await service.ctl(["do", "roles/set", "jid=juliet@localhost", "role=admin", "has=true"]);
        await login(page, service);
        await page.click("text=Delete your account");
        await look("account");
        await page.goto(service.url + "invitations");
        await fill(page, "invite", {});
        await look("invitation");
        await page.goto(service.url + "invitations");
        await look("invitations");
        await page.goto(service.url + "login");
        await look("logged-in");
      }, { colorScheme, viewport: { width, height: 800 }, bypassCSP: true }));
