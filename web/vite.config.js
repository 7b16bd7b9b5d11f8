// How the pages are built: into dist/, every file but index.html with a hash of its content in its name, so that browsers may keep it for ever
// (tools/pack_files knows them by that).
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
	plugins: [svelte()],
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
