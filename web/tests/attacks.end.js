// Every trick of tests/attacks, and what is harmless of features.txt, shown in a real Chromium as the web mail shows letters: nothing runs, nothing is asked for, nothing
// is left that could; and what means no harm can be read.
//
//     node tests/attacks.end.js [FOLDER-OF-HTML…]     further letters, shown in the same way
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { closeHouse, letterOf, openStage, settled, web } from "./read/stage.js";

const JS = "try{parent.pwned('script')}catch(e){}try{top.pwned('top')}catch(e){}alert(1)", EVIL = "http://evil.test";

/** The letters of a file, each with its name; of what is harmless, how many words must be seen. */
function letters(path) {
	return readFileSync(join(web, "tests", path), "utf8").split(/^%% /m).slice(1).map((text) => {
		const [name, ...lines] = text.split("\n"), html = lines.join("\n");
		return { name: `${path.replace(/.*\/|\.txt/g, "")}: ${name}`, html: html.replaceAll("DEEP", "<div>".repeat(2000)).replaceAll("EVIL", EVIL).replace(/\bJS\b/g, JS), words: path.startsWith("features") ? html.match(/READ/g).length : 0 };
	});
}
const all = () => [...readdirSync(join(web, "tests", "attacks")).flatMap((file) => letters(`attacks/${file}`)), ...letters("features.txt")];

function further(folders) {
	return folders.flatMap((folder) => readdirSync(folder).filter((name) => /\.html?$/.test(name)).map((name) => ({ name, html: readFileSync(join(folder, name), "utf8") })));
}

/* What stands in the frame in the end: of our elements and attributes alone. */
function look() {
	const frame = document.querySelector("iframe"), inside = frame?.contentDocument, wrong = [];
	const TAGS = /^(?:A|ABBR|ACRONYM|ADDRESS|ARTICLE|ASIDE|B|BDI|BDO|BIG|BLOCKQUOTE|BR|CAPTION|CENTER|CITE|CODE|COL|COLGROUP|DD|DEL|DETAILS|DFN|DIR|DIV|DL|DT|EM|FIGCAPTION|FIGURE|FONT|FOOTER|H[1-6]|HEADER|HR|I|IMG|INS|KBD|LI|MAIN|MARK|MENU|NAV|NOBR|OL|P|PRE|Q|RP|RT|RUBY|S|SAMP|SECTION|SMALL|SPAN|STRIKE|STRONG|SUB|SUMMARY|SUP|TABLE|TBODY|TD|TFOOT|TH|THEAD|TIME|TR|TT|U|UL|VAR|WBR)$/;
	if (!inside) return { wrong: ["there is no frame"], height: 0 };
	if (!inside.URL.endsWith("/frame")) wrong.push("the frame shows " + inside.URL);
	for (const one of inside.querySelectorAll("#letter *")) {
		if (!TAGS.test(one.tagName)) wrong.push("<" + one.tagName + ">");
		for (const { name, value } of one.attributes) {
			if (/^on|^srcset$|^action$|^formaction$|^ping$|^background$|^name$|^xlink|^is$|^target$/.test(name) && !(name === "target" && value === "_blank")) wrong.push(`${one.tagName} ${name}`);
			if (name === "src" && !/^(?:blob:|data:image\/(?:png|jpeg|gif|webp|avif))/.test(value)) wrong.push("src " + value);
			if (name === "href" && !/^(?:https?:|mailto:|tel:|#)/.test(value)) wrong.push("href " + value);
			if (name === "style" && /url\((?!"blob:|"data:image\/(?:png|jpeg|gif|webp|avif))|fixed|expression|@import/i.test(value)) wrong.push("style " + value);
		}
	}
	for (const style of inside.querySelectorAll("style")) if (/@import|@font-face|fixed|url\((?!"blob:|"data:image)/i.test(style.textContent)) wrong.push("sheet " + style.textContent.slice(0, 200));
	const box = frame.getBoundingClientRect(), place = inside.getElementById("letter").getBoundingClientRect();
	const words = (inside.getElementById("letter").innerText.match(/READ/gi) ?? []).length + [...inside.querySelectorAll("img")].filter((one) => one.alt === "READ").length;
	return { wrong, words, height: box.height, width: box.width, seen: place.height > 0, wide: document.documentElement.scrollWidth > innerWidth };
}

const stage = await openStage();
let passed = 0, failed = 0;

/* That what counts here counts: a page without any of our locks. */
async function control() {
	const open = await stage.context.newPage();
	await open.setContent(`<img src="${EVIL}/control.png"><img src=x onerror="pwned('control')">`);
	for (let left = 200; left > 0 && !(stage.ran.includes("control") && stage.asked.some((one) => one.endsWith("/control.png"))); left--) await open.waitForTimeout(50);
	const good = stage.ran.includes("control") && stage.asked.some((one) => one.endsWith("/control.png"));
	await open.close();
	if (good) passed++;
	else failed++;
	console.log(`${good ? "ok" : "not ok"} 1 - what runs and what is asked for is seen`);
}

// What the policy refuses it says, also of what stands in no page yet: a parser's document. And Chromium asks its maker of its own accord.
async function attempt({ name, html, words = 0 }) {
	const problems = [];
	for (const pictures of [false, true]) {
		for (const list of [stage.asked, stage.pictures, stage.ran, stage.complaints]) list.length = 0;
		await stage.show({ ...letterOf({ html, text: null, subject: "<img src=x onerror=pwned()>", attachments: [{ partId: "9", blobId: "B9", size: 10, name: "<img src=x onerror=pwned(1)>\u202egpj.exe", type: "image/svg+xml", charset: null, disposition: "attachment", cid: "svg" }] }),
			settings: pictures ? { imagesFrom: ["ann@example.test"] } : {} });
		await settled(stage.page);
		if (pictures) await stage.page.waitForTimeout(80);
		const { wrong, words: read, height, width, seen, wide } = await stage.page.evaluate(look);
		const mode = pictures ? " (with pictures)" : "";
		for (const one of wrong) problems.push(one + mode);
		if (read < words) problems.push(`of ${words} words only ${read} can be read${mode}`);
		for (const one of stage.ran) problems.push("ran: " + one + mode);
		for (const one of stage.asked.filter((text) => !/ (?:https?:\/\/)?(?:[\w-]+\.)*(?:google|gstatic|googleapis)\.com[:/]/.test(text))) problems.push("asked for " + one + mode);
		for (const one of stage.complaints.filter((text) => !/status of 4|Content Security Policy/.test(text))) problems.push("console: " + one.slice(0, 300) + mode);
		if (!pictures) for (const one of stage.pictures) problems.push("fetched unasked: " + one);
		else for (const one of stage.pictures.filter((address) => !/^https?:\/\//.test(address) || /track/.test(address))) problems.push("fetched " + one);
		if (height > 60_000 || wide || !seen || width < 100) problems.push(`its place is ${width} by ${height}${wide ? ", and wider than the window" : ""}${seen ? "" : ", and nothing is seen"}${mode}`);
		if (stage.page.url() !== stage.origin + "/") problems.push("the page has gone to " + stage.page.url());
	}
	if (problems.length) failed++;
	else passed++;
	console.log(`${problems.length ? "not ok" : "ok"} ${passed + failed} - ${name}`);
	for (const one of [...new Set(problems)].slice(0, 20)) console.log("  # " + one);
}

await control();
for (const one of [...all(), ...further(process.argv.slice(2))]) await attempt(one);
await stage.close();
await closeHouse();
console.log(`1..${passed + failed}\n# tests ${passed + failed}\n# pass ${passed}\n# fail ${failed}`);
process.exit(failed ? 1 : 0);
