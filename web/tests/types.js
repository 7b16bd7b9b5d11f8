// Checks the types of all pages and components, as one test: TAP.
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const done = spawnSync(process.execPath, ["node_modules/svelte-check/bin/svelte-check", "--tsconfig", "./tsconfig.json", "--fail-on-warnings", "--output", "human"], { cwd: web, encoding: "utf8" });
if (done.status !== 0) console.log(done.stdout.replace(/^/gm, "# "));
console.log(`${done.status === 0 ? "ok" : "not ok"} 1 - types of the pages\n1..1`);
process.exit(done.status ?? 1);
