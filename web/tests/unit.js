// Runs the unit tests, *.test.ts beside the code: esbuild (which Vite brings) makes one file of them all, and Node's own test runner runs it.
// Modules with runes (*.svelte.ts) are compiled as they are for browsers.
//
//     node tests/unit.js [PART-OF-NAME…]
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { compileModule } from "svelte/compiler";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const wanted = process.argv.slice(2);

function find(folder) {
	return readdirSync(folder).flatMap((name) => {
		const path = join(folder, name);
		return statSync(path).isDirectory() ? find(path) : path.endsWith(".test.ts") ? [path] : [];
	});
}

const runes = {
	name: "runes",
	setup(build) {
		build.onLoad({ filter: /\.svelte\.ts$/ }, async ({ path }) => {
			const { code } = await transform(readFileSync(path, "utf8"), { loader: "ts", target: "es2022", tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } } });
			return { contents: compileModule(code, { filename: path, generate: "client" }).js.code, loader: "js" };
		});
	},
};

const tests = find(join(web, "src")).filter((path) => !wanted.length || wanted.some((part) => path.includes(part)));
const out = join(web, ".cache", "unit.mjs");
mkdirSync(dirname(out), { recursive: true });
await build({
	stdin: { contents: tests.map((path) => `import ${JSON.stringify(path)};`).join("\n"), resolveDir: web },
	bundle: true,
	platform: "node",
	conditions: ["browser"],
	format: "esm",
	target: "node18",
	sourcemap: "inline",
	plugins: [runes],
	outfile: out,
});
process.exit(spawnSync(process.execPath, ["--enable-source-maps", "--test-reporter=tap", out], { stdio: "inherit", cwd: web }).status ?? 1);
