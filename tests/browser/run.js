// SPDX-License-Identifier: MIT
// run.js [WORDS] -- the browser tests as TAP.
//
//   RUNTIME       folder of the built runtime [../../build/web/runtime]
//   CONCORDANCED  the service's program; without it its tests are left out
//   CHROMIUM      [/usr/bin/chromium]

import { readdirSync } from "node:fs";
import { run } from "./harness.js";

for (const file of readdirSync(new URL(".", import.meta.url)).sort())
  if (file.endsWith(".test.js") && (process.env.CONCORDANCED || !file.startsWith("service-")))
    await import("./" + file);
process.exit(await run(process.argv[2]) ? 1 : 0);
