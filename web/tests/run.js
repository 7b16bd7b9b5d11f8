// Runs the tests in a browser, *.end.js here, one file after the other: TAP with one line for each test.
//
//     node tests/run.js [PART-OF-NAME…]      POMBAL: the program, build-test/pombal if it isn't said; CHROMIUM: the browser
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url)), wanted = process.argv.slice(2);
let status = 0;
for (const name of readdirSync(here).filter((one) => one.endsWith(".end.js")).sort()) {
	if (wanted.length && !wanted.some((part) => name.includes(part))) continue;
	console.log(`# ${name}`);
	status = spawnSync(process.execPath, ["--test-reporter=tap", join(here, name)], { stdio: "inherit" }).status || status;
}
process.exit(status);
