// SPDX-License-Identifier: MIT
// What a visitor downloads.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { test } from "./harness.js";

const dir = new URL((process.env.RUNTIME || "../../build/web/runtime") + "/", import.meta.url);

// The console's files are loaded by its own page alone.
const CONSOLE = /^(console|stanzas)/;
// Whoever is logged in loads this one as well.
const LOGIN = "login.js";
const gzip = (end, mine = (name) => !CONSOLE.test(name) && name != LOGIN) => readdirSync(dir)
  .filter((name) => name.endsWith(end) && mine(name))
  .reduce((sum, name) => sum + gzipSync(readFileSync(new URL(name, dir)), { level: 9 }).length, 0);

test("size: all modules together are at most 10,240 bytes of gzip", () => {
  const bytes = gzip(".js");
  assert.ok(bytes > 5000 && bytes <= 10240, bytes + " bytes");
});

test("size: the module for who is logged in is at most 400 bytes of gzip", () => {
  assert.ok(gzip(".js", (name) => name == LOGIN) <= 400);
});

test("size: the style sheet is at most 4,000 bytes of gzip", () => {
  assert.ok(gzip(".css") <= 4000);
});

test("size: the console's own modules are at most 8,000 bytes of gzip", () => {
  const bytes = gzip(".js", (name) => CONSOLE.test(name));
  assert.ok(bytes > 3000 && bytes <= 8000, bytes + " bytes");
});
