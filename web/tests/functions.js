// What a person can do in the pages, and what of it a test has done: every control that is seen and every one that is used is noted by what it is called and where it
// stands, in the keys of the catalogues, so that it is the same in all languages.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), "catalogues");

/** The texts of a language: t(key, values), as the pages have it; t.pattern(key): whatever its values are. */
export function texts(language) {
	const all = JSON.parse(readFileSync(join(folder, `${language}.json`), "utf8"));
	const t = (key, values = {}) => {
		const message = all[key];
		if (message === undefined) throw new Error(`there is no text ${key}`);
		const text = typeof message === "string" ? message : message[new Intl.PluralRules(language).select(Number(values.n ?? 0))] ?? message.other;
		return text.replace(/\{(\w+)\}/g, (place, name) => (values[name] === undefined ? place : typeof values[name] === "number" ? new Intl.NumberFormat(language).format(values[name]) : values[name]));
	};
	const quoted = (text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&").replace(/\{\w+\}/g, "(.*)");
	t.pattern = (key) => new RegExp(`^(?:${(typeof all[key] === "string" ? [all[key]] : Object.values(all[key])).map(quoted).join("|")})$`, "s");
	t.language = language;
	t.keys = Object.keys(all);
	return t;
}

/* In the page: tells of each control when it is first seen, and when it is first used. */
function watch() {
	const CONTROLS = "button, a[href], select, summary, input[type=checkbox], input[type=file], [role=tab], [role=option], [role=menuitem], [role=menuitemradio], [role=separator]";
	const PLACES = "[role=toolbar], [role=menu], [role=dialog], [role=alertdialog], dialog, nav, section, form, article, main";
	const told = new Set(), clean = (text) => (text ?? "").replace(/\s+/g, " ").trim();
	const labelled = (one) => one.getAttribute("aria-label") ?? (one.getAttribute("aria-labelledby") && document.getElementById(one.getAttribute("aria-labelledby"))?.textContent);
	const nameOf = (one) => clean(labelled(one) ?? (one.labels?.length ? (one.labels[0].querySelector(".label") ?? one.labels[0]).textContent : one.querySelector?.(".label")?.textContent ?? one.textContent));
	const placeOf = (one) => {
		for (let at = one.parentElement?.closest(PLACES); at; at = at.parentElement?.closest(PLACES)) {
			const name = at.matches("section.window") ? "(writing)" : clean(labelled(at));
			if (name) return name;
		}
		return "";
	};
	const tell = (what, one) => {
		const text = `${what}\n${one.getAttribute("role") ?? one.localName}\n${nameOf(one)}\n${placeOf(one)}`;
		if (told.has(text)) return;
		told.add(text);
		globalThis.noteFunction?.(text);
	};
	let waits = false;
	const look = () => {
		waits = false;
		for (const one of document.querySelectorAll(CONTROLS)) if (!one.disabled && !one.closest("[aria-hidden=true]") && one.checkVisibility({ visibilityProperty: true })) tell("seen", one);
	};
	const use = (event) => {
		const one = event.target instanceof Element ? event.target.closest(CONTROLS) ?? (event.target.closest("label")?.control ?? null) : null;
		if (one) tell("used", one);
	};
	document.addEventListener("DOMContentLoaded", () => {
		new MutationObserver(() => {
			if (waits) return;
			waits = true;
			setTimeout(look, 250); // looking costs more than most acts do
		}).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["hidden", "disabled", "aria-label", "open"] });
	});
	for (const type of ["click", "change"]) addEventListener(type, use, true);
	addEventListener("pointerdown", (event) => event.target instanceof Element && event.target.closest("[role=separator]") && use(event), true);
}

/** Notes what pages show and what is done in them. */
export class Functions {
	constructor(t) {
		this.seen = new Set();
		this.used = new Set();
		this.t = t;
		// A text without places before one with them, and of those the longer one.
		this.patterns = t.keys.map((key) => ({ key, pattern: t.pattern(key), places: /\(\.\*\)/.test(t.pattern(key).source) })).filter(({ pattern }) => pattern.source.replace(/\(\.\*\)|[^\p{L}]/gu, "").length > 2)
			.sort((one, other) => Number(one.places) - Number(other.places) || other.pattern.source.length - one.pattern.source.length);
		this.known = new Map();
	}

	/** A text as a key; "*" for what isn't of the catalogues. Of several keys with the same text the first counts: what is called alike is alike to people, too. */
	key(text) {
		if (!text || text.startsWith("(")) return text;
		if (!this.known.has(text)) this.known.set(text, this.patterns.find(({ pattern }) => pattern.test(text))?.key ?? "*");
		return this.known.get(text);
	}

	async follow(page) {
		await page.exposeFunction("noteFunction", (text) => {
			const [what, role, name, place] = text.split("\n");
			// A list, and what is read beside it, have the same controls whatever they are called.
			const where = this.key(place).replace(/^(?:role\..*|search\.results|reading\.pane|read\.by|\*)$/, "");
			(what === "seen" ? this.seen : this.used).add(`${where} > ${role} ${this.key(name)}`);
		});
		await page.addInitScript(watch);
	}

	/** What was seen, and nobody used. `lists`: places of which one is as good as any. */
	left(excused = [], lists = []) {
		const place = (one) => lists.find((name) => one.startsWith(`${name} > `)), tried = new Set([...this.used].map(place));
		return [...this.seen].filter((one) => !this.used.has(one) && !excused.some((pattern) => pattern.test(one)) && !(place(one) && tried.has(place(one)))).sort();
	}
}
