// Runs the tests in a browser, *.end.js here, each file with a server of its own, two at a time: TAP with one line for each test, file by file.
//
//     node tests/run.js [PART-OF-NAME…]      POMBAL: the program, build-test/pombal if it isn't said; CHROMIUM: the browser; JOBS: how many files at a time
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url)), wanted = process.argv.slice(2), JOBS = Number(process.env.JOBS ?? 2);
/** What takes longest begins first. */
const LONG = ["everything.end.js", "sound.end.js", "attacks.end.js"];
const files = readdirSync(here).filter((one) => one.endsWith(".end.js") && (!wanted.length || wanted.some((part) => one.includes(part))));
files.sort((one, other) => (LONG.indexOf(other) >= 0) - (LONG.indexOf(one) >= 0) || one.localeCompare(other));

/** Runs one; what it said is printed as a whole when it has ended, and what is printed must not be mixed. */
function run(name) {
	return new Promise((resolve) => {
		const began = Date.now(), said = [], child = spawn(process.execPath, ["--test-reporter=tap", join(here, name)], { stdio: ["ignore", "pipe", "inherit"] });
		child.stdout.on("data", (data) => said.push(data));
		child.on("close", (status) => {
			process.stdout.write(`# ${name}: ${Math.round((Date.now() - began) / 1000)} s\n${Buffer.concat(said)}`);
			resolve(status ?? 1);
		});
	});
}

let status = 0;
await Promise.all(Array.from({ length: JOBS }, async () => {
	for (let name = files.shift(); name; name = files.shift()) status = (await run(name)) || status;
}));
process.exitCode = status;
