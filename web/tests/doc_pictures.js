// The pictures in the documents, made anew of the pages as they are: make doc-pictures.
//
//     node tests/doc_pictures.js FOLDER
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fake, nameServer } from "./admin_fake.js";
import { launch, signIn } from "./browser.js";
import { PATIENCE, Server } from "./server.js";
import { furnish, VIEWS } from "./views.js";

const [folder] = process.argv.slice(2), QUALITY = 0.8;

/** PNG as WebP, which the browser can write, too; and is a fifth of the size. */
const smaller = (page, png) => page.evaluate(async ([bytes, quality]) => {
	const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${bytes}`)).blob()), canvas = new OffscreenCanvas(picture.width, picture.height);
	canvas.getContext("2d").drawImage(picture, 0, 0);
	const made = new Uint8Array(await (await canvas.convertToBlob({ type: "image/webp", quality })).arrayBuffer());
	return btoa(Array.from(made, (byte) => String.fromCharCode(byte)).join(""));
}, [png.toString("base64"), QUALITY]);

const server = await new Server({ names: ["alice1@example.test", "friend2@example.test"] }).start(), browser = await launch(), fake = await new Fake().start(), empty = await new Fake().start();
empty.served = false;
const page = (hash) => async (one) => {
	await one.evaluate((to) => { location.hash = to; }, hash);
	await one.locator("main h1").waitFor();
	await one.locator("main [aria-busy=true]").first().waitFor({ state: "detached" });
};
try {
	mkdirSync(folder, { recursive: true });
	const address = await furnish(server), blank = await (await browser.newContext()).newPage();
	for (const [name, at, path, act, height] of [
		["mail", server, "/", async (one) => { await VIEWS.reading.ready(one); await VIEWS.reading.act(one); }, 720],
		["setup", empty, "/admin", nameServer, 960],
		["dns", fake, "/admin", page("#/domains/example.org"), 720],
		["overview", fake, "/admin", page("#/overview"), 720],
	]) {
		const context = await browser.newContext({ viewport: { width: name === "setup" ? 640 : 1200, height }, locale: "en-GB", colorScheme: "light", reducedMotion: "reduce" });
		context.setDefaultTimeout(PATIENCE);
		if (at === server) await signIn(server, context, address);
		const one = await context.newPage();
		await one.goto(at.origin + path);
		await act(one);
		await one.waitForTimeout(500); // frames and fonts
		writeFileSync(join(folder, `${name}.webp`), Buffer.from(await smaller(blank, await one.screenshot()), "base64"));
		await context.close();
	}
} finally {
	await browser.close();
	await Promise.all([fake, empty, server].map((one) => one.close()));
}
