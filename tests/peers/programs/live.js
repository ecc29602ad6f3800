// SPDX-License-Identifier: MIT
// node live.js URL TEXT
//
// Opens a page in chromium and watches it.  Says, a line each: "seen" when the
// text has come into it, "reloaded" if it was loaded again meanwhile.
import { chromium } from "playwright-core";

const [url, text] = process.argv.slice(2);
const say = (...words) => console.log(words.join(" "));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--ignore-certificate-errors"],
});
const page = await browser.newPage();
page.on("console", (m) => console.error("page:", m.text().slice(0, 400)));
let loads = 0;
page.on("load", () => { loads += 1; });
try {
  await page.goto(url);
  await page.getByText(text).first().waitFor({ timeout: 30000 });
  say("seen", await page.getByText(text).first().innerText());
  if (loads > 1) say("reloaded");
} catch (error) {
  say("failed", error.message);
  process.exitCode = 1;
} finally {
  await browser.close();
}
