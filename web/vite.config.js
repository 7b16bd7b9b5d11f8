// How the pages are built: into dist/, every file but index.html (the mail) and admin.html (the administration) with a hash of its content in its name, so
// that browsers may keep it for ever (tools/pack_files knows them by that).
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { createHash } from "node:crypto";
import { build } from "esbuild";
import { defineConfig } from "vite";

// What the mail may come to load: nobody's device keeps the administration.
function filesOfMail(bundle) {
	const found = new Set(), add = (name) => {
		const chunk = bundle[name];
		if (found.has(name) || !chunk) return;
		found.add(name);
		for (const next of [...(chunk.imports ?? []), ...(chunk.dynamicImports ?? []), ...(chunk.viteMetadata?.importedCss ?? []), ...(chunk.viteMetadata?.importedAssets ?? [])]) add(next);
	};
	Object.values(bundle).filter((one) => one.facadeModuleId?.endsWith("/index.html")).forEach((one) => add(one.fileName));
	return [...found].map((name) => `/${name}`).sort();
}

// What is large and hardly ever wanted: kept on a device when it was wanted there once.
const LATER = /\/pdf\b/;

// The service worker: one file, as not all browsers take modules there, that knows the files of its version (src/worker/shell.ts). Its name stays the same; browsers ask for it anew.
const worker = {
	name: "service-worker",
	apply: "build",
	enforce: "post",
	async generateBundle(_, bundle) {
		const all = filesOfMail(bundle), files = ["/", "/frame", ...all.filter((name) => !LATER.test(name))], later = all.filter((name) => LATER.test(name));
		const version = createHash("sha256").update([...files, ...later].join("\n")).digest("hex").slice(0, 12);
		const { outputFiles } = await build({
			entryPoints: ["src/worker/sw.ts"], bundle: true, format: "iife", minify: true, write: false, target: ["chrome109", "firefox115", "safari16.4"],
			define: { SHELL: JSON.stringify({ version, files, later }) },
		});
		this.emitFile({ type: "asset", fileName: "sw.js", source: outputFiles[0].text });
	},
};

// What both entries begin with is one file: many small ones are longer. What is opened rarely isn't in it.
const SHARED = /\/node_modules\/svelte\/|\/src\/(base|ui)\//, RARE = /\/(qr|QrCode|Tabs|Switch)\b|\.json/;

// pdf.js asks for these where it runs in Node; in a browser it never does.
export const withoutNode = {
	name: "without-node",
	enforce: "pre",
	resolveId: (id, importer) => (importer?.includes("pdfjs-dist") && /^(?:canvas|path2d|fs|http|https|url|zlib)$/.test(id) ? "\0nothing" : null),
	load: (id) => (id === "\0nothing" ? "export {};" : null),
};

export default defineConfig({
	plugins: [svelte(), withoutNode, worker],
	publicDir: false,
	build: {
		outDir: process.env.POMBAL_WEB_OUT ?? "dist",
		emptyOutDir: true,
		target: ["chrome109", "firefox115", "safari16.4"],
		assetsInlineLimit: 0, // what is inline the policy of the pages forbids
		modulePreload: { polyfill: false },
		reportCompressedSize: false,
		rollupOptions: {
			input: { index: "index.html", admin: "admin.html" },
			output: {
				hashCharacters: "hex",
				manualChunks: (id) => (SHARED.test(id) && !RARE.test(id) ? "shared" : undefined),
				entryFileNames: "assets/[name].[hash:12].js",
				chunkFileNames: "assets/[name].[hash:12].js",
				assetFileNames: "assets/[name].[hash:12].[ext]",
			},
		},
	},
});
