// SPDX-License-Identifier: MIT
// The admin panel in a browser: every screen with and without JavaScript,
// light and dark, wide and narrow; axe finds nothing; the keyboard is enough.
// SHOTS=FOLDER keeps pictures of them.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test, withContext } from "./harness.js";
import { withService } from "./service.js";

const PASSWORD = "four words of hers";
const SHELF = join(process.env.CONCORDANCE_BUILD || "", "tests/service/apps/shelf.so");
const NS = "urn:x-test:shelf";

const SCREENS = {
  overview: "/admin",
  apps: "/admin/apps",
  app: "/admin/app?name=shelf",
  "app-of-none": "/admin/app?name=nobody",
  settings: "/admin/settings?of=auth",
  records: "/admin/records",
  list: "/admin/records?node=books",
  record: "/admin/record?node=books&id=emma",
  "record-new": "/admin/record/add?node=books",
  nodes: "/admin/nodes",
  node: "/admin/node?node=books",
  item: "/admin/item?node=books&id=emma",
  templates: "/admin/templates",
  template: "/admin/template?id=admin.xsl",
  "template-diff": "/admin/template/diff?id=admin.xsl&from=file",
  users: "/admin/users",
  user: "/admin/user?jid=bob@localhost&accountjid=bob@localhost&accountjids=bob@localhost",
  sessions: "/admin/sessions",
  servers: "/admin/s2s",
  figures: "/admin/queues",
  audit: "/admin/audit",
  backup: "/admin/backup",
  log: "/admin/log",
};

const go = (page, service, path) => page.goto(new URL(path, service.url).href);
const submit = async (page, click) => {
  const [answer] = await Promise.all([page.waitForNavigation(), click()]);
  return answer.status();
};
const login = async (page, service, lang = "en") => {
  await go(page, service, "/login?next=/admin/apps&lang=" + lang);
  await page.fill("#do-login [name=user]", "ann");
  await page.fill("#do-login [name=password]", PASSWORD);
  await submit(page, () => page.click("#do-login button"));
  assert.equal(new URL(page.url()).pathname, "/admin/apps");
};

const withPanel = (f, options = {}) => withService({ apps: ["admin", SHELF] }, async (service) => {
  for (const user of ["ann", "bob"]) await service.ctl(["adduser", user], PASSWORD + "\n");
  await service.ctl(["do", "roles/set", "jid=ann@localhost", "role=admin", "has=true"]);
  for (const [id, title] of [["emma", "Emma"], ["hamlet", "Hamlet"]])
    await service.ctl(["publish", "books", `<book xmlns="${NS}"><title>${title}</title></book>`, id]);
  await withContext(options, async (context, said) => {
    const page = await context.newPage();
    await login(page, service, options.locale);
    await f(page, service, context);
    assert.deepEqual(said.filter((s) => /^error: (?!Failed to load resource)/.test(s)), []);
  });
});

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const look = async (page, name) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  assert.deepEqual(violations.map((v) => [name, v.id, v.nodes.map((x) => x.html + x.failureSummary)]), []);
  const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide[0] <= wide[1], `${name} is ${wide[0]} wide in ${wide[1]}`);
};
const shoot = (page, name) => process.env.SHOTS &&
  page.screenshot({ path: `${process.env.SHOTS}/admin-${name}.png`, fullPage: true });

// Each screen in both, without loading it again; in several tests, since one
// has a minute.
const LOOKS = [["light", 1280], ["dark", 390]];
const names = Object.keys(SCREENS), PARTS = 5;

for (let part = 0; part < PARTS; part++)
  test(`admin: axe finds nothing on any screen, light and dark, wide and narrow, ${part + 1} of ${PARTS}`, () =>
    withPanel(async (page, service) => {
      await service.ctl(["do", "backup"]);
      for (const name of names.filter((_, i) => i % PARTS == part)) {
        const answer = await go(page, service, SCREENS[name]);
        assert.equal(answer.status(), name == "app-of-none" ? 404 : 200, name);
        for (const summary of await page.locator("main summary").all()) await summary.click();
        for (const [colorScheme, width] of LOOKS) {
          await page.emulateMedia({ colorScheme });
          await page.setViewportSize({ width, height: 800 });
          await look(page, `${name} ${colorScheme} ${width}`);
          await shoot(page, `${name}-${colorScheme}-${width}`);
        }
      }
    }, { bypassCSP: true, reducedMotion: "reduce" }));

test("admin: every screen without JavaScript, in German, and narrow", () =>
  withPanel(async (page, service) => {
    for (const [name, path] of Object.entries(SCREENS)) {
      const answer = await go(page, service, path);
      assert.equal(answer.status(), name == "app-of-none" ? 404 : 200, name);
      assert.equal(await page.getAttribute("html", "lang"), "de", name);
      assert.match(await page.textContent("nav.admin-nav"), /Übersicht.*Vorlagen.*Sicherung/s);
      assert.equal(await page.locator("h1").count(), 1, name);
      await shoot(page, `${name}-de`);
    }
    await go(page, service, "/admin/app?name=shelf");
    await submit(page, () => page.getByRole("button", { name: "Anhalten", exact: true }).click());
    assert.match(await page.textContent("main [role=status]"), /^shelf ist angehalten\.$/);
    assert.match(await page.textContent("h1"), /angehalten/);
    await submit(page, () => page.getByRole("button", { name: "Starten", exact: true }).click());
    assert.match(await page.textContent("main [role=status]"), /^shelf läuft\.$/);
    await go(page, service, "/admin/queues");
    assert.match(await page.textContent("main"), /Arbeitsspeicher des Dienstes\s*\d+,?\d*\sMB/);
    assert.equal(await page.locator("nav.cnc-languages a[lang=en]").getAttribute("href"), "/admin/queues?lang=en");
  }, { javaScriptEnabled: false, locale: "de", viewport: { width: 390, height: 800 } }));

for (const javaScriptEnabled of [true, false])
  test(`admin: what there is to do, ${javaScriptEnabled ? "with" : "without"} JavaScript`, () =>
    withPanel(async (page, service) => {
      const said = () => page.textContent("main [role=status]");
      // Several apps at once; what needs what is said.
      await page.getByLabel("Choose Shelf").check();
      await submit(page, () => page.getByRole("button", { name: "Stop", exact: true }).click());
      assert.equal(await said(), "Stopped: shelf.");
      assert.equal(new URL(page.url()).pathname, "/admin/apps");
      await page.getByLabel("Choose Shelf").check();
      await submit(page, () => page.getByRole("button", { name: "Start", exact: true }).click());
      assert.equal(await said(), "Started: shelf.");
      await go(page, service, "/admin/app?name=auth");
      await page.click("text=Remove this app");
      assert.equal(await submit(page, () => page.getByRole("button", { name: "Remove", exact: true }).click()), 409);
      assert.match(await page.textContent("main [role=alert]"), /app "admin" needs "auth": remove that first/);
      assert.match(await page.textContent("h1"), /Accounts\s+running/);
      if (javaScriptEnabled) await look(page, "a refusal");
      // A setting, and one that is wrong.
      await page.click("text=Settings");
      await page.fill("[name=sign-up-text]", "Be kind.");
      await submit(page, () => page.click("#settings button"));
      assert.equal(await said(), "The settings are kept.");
      assert.equal(await page.inputValue("[name=sign-up-text]"), "Be kind.");
      await page.locator("#settings").evaluate((form) => { form.noValidate = true; });
      await page.fill("[name=days]", "");
      assert.equal(await submit(page, () => page.click("#settings button")), 422);
      assert.equal(await page.inputValue("[name=sign-up-text]"), "Be kind.");
      assert.equal(await page.getAttribute("[name=days]", "aria-invalid"), "true");
      if (javaScriptEnabled) await look(page, "a setting that is wrong");
      await page.fill("[name=days]", "30");
      await page.fill("[name=sign-up-text]", "Be bold.");
      await submit(page, () => page.click("#settings button"));
      assert.equal(await page.locator("main table tbody tr").count(), 2);
      assert.match(await page.locator("main table tbody tr").first().textContent(), /ann@localhost.*Be bold\..*now/s);
      await submit(page, () => page.getByRole("button", { name: "Go back to version 1" }).click());
      assert.equal(await page.inputValue("[name=sign-up-text]"), "Be kind.");
      await submit(page, () => page.getByRole("button", { name: /by default/ }).click());
      assert.equal(await page.inputValue("[name=sign-up-text]"), "");
      // A backup is made, judged, fetched and taken away.
      await go(page, service, "/admin/backup");
      await submit(page, () => page.getByRole("button", { name: "Back up now" }).click());
      assert.match(await said(), /^\d+ entries and 0 files are in /);
      const link = await page.locator("a[href^='/_backup/']").getAttribute("href");
      const file = await page.context().request.get(new URL(link, service.url).href);
      assert.match(file.headers()["content-disposition"], /^attachment; filename="backup-/);
      assert.match(await file.text(), /<backup [^>]*domain="localhost".*<end entries=/s);
      await submit(page, () => page.getByRole("button", { name: /^Check/ }).click());
      assert.match(await said(), /is whole: \d+ entries of localhost\.$/);
      await submit(page, () => page.getByRole("button", { name: /^Delete/ }).click());
      assert.match(await page.textContent("main"), /There is no back-up in the data folder/);
      // Somebody's role, password, log-in and account.
      const bob = await (await page.context().browser().newContext()).newPage();
      await go(bob, service, "/login");
      await bob.fill("#do-login [name=user]", "bob");
      await bob.fill("#do-login [name=password]", PASSWORD);
      await submit(bob, () => bob.click("#do-login button"));
      await go(page, service, "/admin/users");
      await submit(page, () => page.click("main >> text=bob@localhost"));
      await page.click("summary:has-text('Give or take a role')");
      await page.fill("[name=role]", "admin");
      await submit(page, () => page.click("#do-roles-set button"));
      assert.match(await page.textContent(".admin-roles"), /admin/);
      await submit(page, () => page.getByRole("button", { name: "Take the role admin" }).click());
      assert.equal(await page.locator(".admin-roles").count(), 0);
      await submit(page, () => page.getByRole("button", { name: "Log out everywhere" }).click());
      assert.equal(await said(), "It has ended.");
      await bob.reload();
      assert.match(await bob.textContent("main"), /Log in/);
      await bob.context().close();
      await page.click("summary:has-text('Delete a user')");
      await submit(page, () => page.click(".cnc-danger button"));
      assert.equal(new URL(page.url()).pathname, "/admin/users");
      assert.doesNotMatch(await page.textContent("main table"), /bob/);
      // All of it is written down.
      await go(page, service, "/admin/audit");
      const audit = await page.textContent("#audit");
      for (const what of ["apps/set", "settings/auth", "backup", "backups/download", "backups/delete",
        "roles/set", "logins/end", "delete-user", "names=shelf state=stopped"])
        assert.ok(audit.includes(what), what);
    }, { javaScriptEnabled, bypassCSP: javaScriptEnabled }));

test("admin: the audit is live", () =>
  withPanel(async (page, service) => {
    await go(page, service, "/admin/audit");
    await page.waitForSelector(".cnc-status[data-state=live]", { state: "attached" });
    await service.ctl(["do", "apps/stop", "name=shelf"]);
    await page.waitForSelector("#audit tr:first-child >> text=name=shelf");
  }));

// Press Tab until something of that name has the focus.
const tab = async (page, name) => {
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press("Tab");
    const here = await page.evaluate(() => {
      const e = document.activeElement, label = e.labels?.[0]?.textContent;
      return (e.getAttribute("aria-label") || label || e.textContent || "").trim().replace(/\s+/g, " ");
    });
    if (here == name || here.replace(/ \*$/, "") == name) {
      const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
      assert.notEqual(outline, "none", `${name} does not show that it has the focus`);
      return;
    }
  }
  assert.fail(`Tab does not come to "${name}"`);
};

test("admin: the keyboard is enough", () =>
  withPanel(async (page, service, context) => {
    await context.clearCookies();
    const enter = () => submit(page, () => page.keyboard.press("Enter"));
    await go(page, service, "/login?next=/admin/apps");
    await tab(page, "Name");
    await page.keyboard.type("ann");
    await tab(page, "Password");
    await page.keyboard.type(PASSWORD);
    await enter();
    await tab(page, "Skip to the content");
    await page.keyboard.press("Enter");
    await tab(page, "Shelf");
    await enter();
    await tab(page, "Stop");
    await enter();
    assert.equal(await page.textContent("main [role=status]"), "shelf is stopped.");
    await tab(page, "Start");
    await enter();
    assert.equal(await page.textContent("main [role=status]"), "shelf runs.");
    await tab(page, "Apps");
    await enter();
    await tab(page, "Settings: Accounts");
    await enter();
    await page.waitForSelector("#settings");
    const box = page.locator("#settings [name=sign-up-text]");
    for (let i = 0; i < 60 && !await box.evaluate((e) => e == document.activeElement); i++)
      await page.keyboard.press("Tab");
    await page.keyboard.type("Be kind.");
    await tab(page, "Keep these settings");
    await enter();
    assert.equal(await page.textContent("main [role=status]"), "The settings are kept.");
    assert.match(await box.inputValue(), /Be kind\./);
  }));
