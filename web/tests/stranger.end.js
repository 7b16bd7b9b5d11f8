// A stranger's letter on its whole way: over LMTP into the mailbox, by JMAP into the page, its pictures through the real server.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch, open } from "./browser.js";
import { PNG } from "./read/stage.js";
import { PATIENCE, Server, until } from "./server.js";

const at = { server: null, browser: null }, asked = [];
let host;
before(async () => {
	host = createServer((request, answer) => {
		asked.push({ path: request.url, headers: request.headers });
		answer.writeHead(200, { "Content-Type": "image/png" }).end(request.url.endsWith("svg.png") ? "<svg xmlns='http://www.w3.org/2000/svg'/>" : PNG);
	});
	await new Promise((resolve) => host.listen(0, "127.0.0.1", resolve));
	at.server = await new Server().start();
	const conf = join(at.server.data, "pombal.conf");
	writeFileSync(conf, readFileSync(conf, "utf8") + '\nfetch_private_networks = {"127.0.0.1"}\n');
	at.server.run(["reload"]);
	at.browser = await launch();
}, { timeout: 4 * PATIENCE });
after(async () => {
	await at.browser?.close();
	await at.server?.close();
	host?.close();
}, { timeout: 4 * PATIENCE });

test("it is shown, runs nothing, asks for nothing until somebody wants it to, and then only through us", { timeout: 4 * PATIENCE }, async () => {
	const address = at.server.account(), elsewhere = `http://127.0.0.1:${host.address().port}`;
	await at.server.deliver(address, [{ from: "Shop <shop@elsewhere.example>", subject: "Offers", text: "Offers", html: `<style>p{color:#123456;background:url(${elsewhere}/ground.png)}</style><script>document.title="ran"</script>
		<p style="font-weight:700">Our offers</p><img src="${elsewhere}/one.png" onerror="document.title='ran'"><img src="${elsewhere}/svg.png"><img src="${elsewhere}/pixel.gif" width=1 height=1><a href="javascript:document.title='ran'">x</a>` }]);
	const page = await open(at, { address, noise: [/Content Security Policy/, /status of 415/] });
	await page.getByRole("option").filter({ hasText: "Offers" }).click();
	await page.frameLocator("article iframe").getByText("Our offers").waitFor();
	const look = () => page.evaluate(() => {
		const inside = document.querySelector("article iframe").contentDocument, p = inside.querySelector("p"), style = inside.defaultView.getComputedStyle(p);
		return { url: inside.URL, color: style.color, weight: style.fontWeight, ground: style.backgroundImage.slice(0, 9), pictures: Array.from(inside.querySelectorAll("img"), (one) => one.naturalWidth) };
	});
	assert.deepEqual(await look(), { url: at.server.origin + "/frame", color: "rgb(18, 52, 86)", weight: "700", ground: "none", pictures: [0, 0] });
	assert.deepEqual(asked, []);
	await page.getByRole("button", { name: "Load pictures" }).click();
	await page.getByText("1 picture couldn't be had.").waitFor();
	await until(async () => (await look()).ground === 'url("blob', "the picture of the style");
	await until(async () => (await look()).pictures.join() === "1,0", "the picture alone: SVG is none");
	assert.deepEqual(asked.map(({ path }) => path).sort(), ["/ground.png", "/one.png", "/svg.png"]);
	for (const { headers } of asked) assert.deepEqual(Object.keys(headers).filter((name) => !["host", "user-agent", "accept", "connection"].includes(name)), []);
	assert.doesNotMatch(await page.title(), /ran/);
	await page.finish();
});
