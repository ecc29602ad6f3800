// SPDX-License-Identifier: MIT
// The pages that come with the service and are no app's: the template of a
// page that names none, commands, what is wrong; with those of auth, in
// English and German, light and dark, wide and narrow.  axe finds nothing, the
// keyboard is enough, what is printed is the content, and nothing moves for
// whoever wants that.  SHOTS=FOLDER keeps pictures.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test, withContext } from "./harness.js";
import { bookXml, withService } from "./service.js";

const PASSWORD = "four words of hers";
const BOOKCASE = join(process.env.CONCORDANCE_BUILD || "", "examples/bookcase-c/bookcase.so");
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const GUEST = {
  records: "/",
  login: "/login",
  "sign-up": "/sign-up",
  commands: "/_do",
  "no-command": "/_do/nothing",
  "no-page": "/nowhere",
};
const USER = {
  account: "/account",
  commands: "/_do",
  form: "/_do/account/password",
  forbidden: "/_do/roles",
};

const go = (page, service, path) => page.goto(new URL(path, service.url).href);
const withPages = (f, options = {}) => withService({ apps: ["auth", BOOKCASE] }, async (service) => {
  await service.ctl(["adduser", "juliet"], PASSWORD + "\n");
  await service.ctl(["do", "settings/auth", "sign-up=open"]);
  for (let i = 0; i < 3; i++) await service.ctl(["publish", "library", bookXml(`Book ${i}`), `b${i}`]);
  await withContext(options, async (context, said) => {
    await f(await context.newPage(), service);
    assert.deepEqual(said.filter((s) => /^error: (?!Failed to load resource)/.test(s)), []);
  });
});
const login = async (page, service) => {
  await go(page, service, "/login");
  await page.fill("#do-login [name=user]", "juliet");
  await page.fill("#do-login [name=password]", PASSWORD);
  await Promise.all([page.waitForNavigation(), page.click("#do-login button")]);
  assert.equal(new URL(page.url()).pathname, "/account");
};
const look = async (page, name) => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  assert.deepEqual(violations.map((v) => [name, v.id, v.nodes.map((x) => x.html + x.failureSummary)]), []);
  const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide[0] <= wide[1], `${name} is ${wide[0]} wide in ${wide[1]}`);
};
const shoot = (page, name) => process.env.SHOTS &&
  page.screenshot({ path: `${process.env.SHOTS}/stock-${name}.png`, fullPage: true });
const LOOKS = [["light", 1280], ["dark", 390], ["light", 390], ["dark", 1280]];
const OPTIONS = { bypassCSP: true, reducedMotion: "reduce" };

const all = async (page, service, pages, who, locale) => {
  for (const [name, path] of pages) {
    await go(page, service, path);
    // The bookcase has no catalogue: its page is there once.
    assert.equal(await page.getAttribute("html", "lang"), name == "records" ? "en" : locale, name);
    for (const [colorScheme, width] of LOOKS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await look(page, `${who} ${name} ${colorScheme} ${width}`);
    }
    await shoot(page, `${who}-${name}-${locale}`);
  }
};
const parts = (pages) => [0, 1].map((k) => Object.entries(pages).filter((_, i) => i % 2 == k));

for (const locale of ["en", "de"]) {
  for (const [k, pages] of parts(GUEST).entries())
    test(`stock: axe finds nothing on a guest's pages, ${locale}, ${k + 1} of 2`, () =>
      withPages((page, service) => all(page, service, pages, "guest", locale), { ...OPTIONS, locale }));
  for (const [k, pages] of parts(USER).entries())
    test(`stock: axe finds nothing on the pages of somebody, ${locale}, ${k + 1} of 2`, () =>
      withPages(async (page, service) => {
        await login(page, service);
        await all(page, service, pages, "user", locale);
      }, { ...OPTIONS, locale }));
}

test("stock: an item that is wrong is said where it is, and axe finds nothing then", () =>
  withPages(async (page, service) => {
    const answer = await page.request.post(service.url + "?form=library", { form: { title: "" } });
    assert.equal(answer.status(), 422);
    await page.setContent(await answer.text());
    await look(page, "422");
  }, OPTIONS));

test("stock: the bookcase, and the page of one whose template failed", () =>
  withService({}, (service) => withContext(OPTIONS, async (context) => {
    const page = await context.newPage();
    await service.ctl(["publish", "library", bookXml("Emma"), "b1"]);
    for (const [colorScheme, width] of LOOKS) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 800 });
      await page.goto(service.url);
      await look(page, `bookcase ${colorScheme} ${width}`);
      await page.goto(service.url + "nowhere");
      await look(page, `plain ${colorScheme} ${width}`);
    }
  })));

test("stock: the keyboard is enough, and one sees where one is", () => withPages(async (page, service) => {
  await go(page, service, "/login");
  await page.keyboard.press("Tab");
  const skip = await page.evaluate(() => document.activeElement.getAttribute("href"));
  assert.match(skip, /^#/);
  await page.keyboard.press("Enter");
  assert.ok(await page.locator(skip).isVisible());
  // From there to the form, each stop seen.
  const stops = [];
  for (let i = 0; i < 40 && !stops.includes("user"); i++) {
    await page.keyboard.press("Tab");
    stops.push(await page.evaluate(() => {
      const e = document.activeElement, s = getComputedStyle(e);
      const seen = s.outlineStyle != "none" && parseFloat(s.outlineWidth) > 0 || s.boxShadow != "none";
      return seen ? e.getAttribute("name") || e.textContent.trim() : "unseen: " + e.outerHTML;
    }));
  }
  assert.ok(stops.includes("user"), stops.join("\n"));
  assert.deepEqual(stops.filter((s) => s.startsWith("unseen")), []);
  await page.keyboard.type("juliet");
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
  assert.equal(new URL(page.url()).pathname, "/account");
}));

test("stock: the print is the content, without menus and buttons", () => withPages(async (page, service) => {
  await go(page, service, "/");
  await page.emulateMedia({ media: "print", colorScheme: "dark" });
  for (const one of ["main h1", "main"]) assert.ok(await page.locator(one).first().isVisible(), one);
  for (const one of ["header nav", "a.cnc-skip", "main button"])
    for (const e of await page.locator(one).all()) assert.ok(!(await e.isVisible()), one);
  assert.match(await page.textContent("main"), /Book 2/);
  const [ink, paper] = await page.evaluate(() => {
    const s = getComputedStyle(document.body);
    return [s.color, s.backgroundColor];
  });
  const bright = (s) => s.match(/[\d.]+/g).slice(0, 3).reduce((a, b) => a + +b, 0) / 765;
  assert.ok(bright(ink) < 0.4, `the ink is ${ink}`);
  assert.ok(/, 0\)$/.test(paper) || bright(paper) > 0.9, `the paper is ${paper}`);
}));

test("stock: nothing moves for who wants no motion", () => withPages(async (page, service) => {
  for (const path of ["/", "/login", "/_do"]) {
    await go(page, service, path);
    const moving = await page.evaluate(() => [...document.querySelectorAll("*")].filter((e) => {
      const s = getComputedStyle(e);
      return [s.transitionDuration, s.animationDuration].some((d) => d.split(",").some((x) => parseFloat(x) > 0)) ||
        s.scrollBehavior == "smooth";
    }).map((e) => e.outerHTML.slice(0, 80)));
    assert.deepEqual(moving, [], path);
  }
}, { reducedMotion: "reduce" }));
