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

for (const colorScheme of ["light", "dark"])
  for (const width of [1280, 390])
    test(`admin: axe finds nothing on any screen, ${colorScheme}, ${width} wide`, () =>
      withPanel(async (page, service) => {
        await service.ctl(["do", "backup"]);
        for (const [name, path] of Object.entries(SCREENS)) {
          const answer = await go(page, service, path);
          assert.equal(answer.status(), name == "app-of-none" ? 404 : 200, name);
          for (const summary of await page.locator("main summary").all()) await summary.click();
          await look(page, name);
          await shoot(page, `${name}-${colorScheme}-${width}`);
        }
      }, { colorScheme, viewport: { width, height: 800 }, bypassCSP: true }));
