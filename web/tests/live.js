// Runs tests of the data layer against a real server: web/tests/live/*.live.ts, made one file by esbuild, by Node's own test runner. tests/e2e/test_web_model.py starts
// the server, and says where it is (POMBAL_URL), and who tells it to do things (POMBAL_CONTROL).
//
//     node tests/live.js NAME [PART-OF-TEST]
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const [name, part] = process.argv.slice(2);
const out = join(web, ".cache", `live-${name}-${process.pid}.mjs`);
mkdirSync(dirname(out), { recursive: true });
await build({ entryPoints: [join(web, "tests", "live", `${name}.live.ts`)], bundle: true, platform: "node", format: "esm", target: "node18", sourcemap: "inline", outfile: out });
const more = part ? [`--test-name-pattern=${part}`] : [];
process.exit(spawnSync(process.execPath, ["--enable-source-maps", "--test-reporter=tap", ...more, out], { stdio: "inherit", cwd: web }).status ?? 1);
