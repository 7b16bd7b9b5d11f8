// How the pages are built: into dist/, every file but index.html with a hash of its content in its name, so that browsers may keep it for ever
// (tools/pack_files knows them by that).
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { createHash } from "node:crypto";
import { build } from "esbuild";
import { defineConfig } from "vite";

// The service worker: one file, as not all browsers take modules there, that knows the files of its version (src/worker/shell.ts). Its name stays the same; browsers ask for it anew.
const worker = {
	name: "service-worker",
	apply: "build",
	enforce: "post",
	async generateBundle(_, bundle) {
		const files = ["/", ...Object.keys(bundle).filter((name) => name !== "index.html").map((name) => `/${name}`).sort()];
		const version = createHash("sha256").update(files.join("\n")).digest("hex").slice(0, 12);
		const { outputFiles } = await build({
			entryPoints: ["src/worker/sw.ts"], bundle: true, format: "iife", minify: true, write: false, target: ["chrome109", "firefox115", "safari16.4"],
			define: { SHELL: JSON.stringify({ version, files }) },
		});
		this.emitFile({ type: "asset", fileName: "sw.js", source: outputFiles[0].text });
	},
};

export default defineConfig({
	plugins: [svelte(), worker],
	publicDir: false,
	build: {
		outDir: process.env.POMBAL_WEB_OUT ?? "dist",
		emptyOutDir: true,
		target: ["chrome109", "firefox115", "safari16.4"],
		assetsInlineLimit: 0, // what is inline the policy of the pages forbids
		modulePreload: { polyfill: false },
		reportCompressedSize: false,
		rollupOptions: {
			output: {
				hashCharacters: "hex",
				entryFileNames: "assets/[name].[hash:12].js",
				chunkFileNames: "assets/[name].[hash:12].js",
				assetFileNames: "assets/[name].[hash:12].[ext]",
			},
		},
	},
});
