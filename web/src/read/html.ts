// A stranger's HTML, made harmless. What comes out are elements, never a text that a browser would read once more. DOMPurify decides by a list of what may be;
// styles are written anew (css.ts); links lead out by their own names; and no picture has an address of elsewhere: each is known by a number, and is shown when our
// page has got it. The frame in which this is shown runs nothing and loads nothing (its policy is the server's), so neither lock is the only one.
import createPurify, { type Config } from "dompurify";
import { policy } from "../base/trusted.ts";
import { cleanSheet, cleanStyle, type CssContext, knowsDark } from "./css.ts";
import { darken, readLegacyColor, writeColor } from "./color.ts";
import { readTarget, type Target } from "./links.ts";

/** What a letter shows a picture of. */
export interface Picture {
	/** `remote`: an address of elsewhere. `part`: a part of the letter, by its Content-ID. */
	kind: "remote" | "part";
	/** The address, or the Content-ID without brackets. */
	name: string;
}

export interface Letter {
	/** To be put into a frame; its children are of no document that runs anything. */
	body: HTMLElement;
	/** The style sheet, with what has been got of the pictures. */
	sheet: () => string;
	pictures: Picture[];
	/** Tiny or hidden pictures of elsewhere, which only tell that somebody reads: they are never got. */
	trackers: number;
	/** Puts a picture that was got where it belongs; call styles() when several have come. */
	show: (picture: Picture, url: string) => void;
	/** Writes the style attributes that name pictures anew. */
	styles: () => void;
	links: { element: HTMLAnchorElement; target: Target }[];
	/** Did it hold a form, which isn't shown? */
	hadForm: boolean;
	/** Has it colours of its own, or rules for dark pages? `paper`: pictures lie behind its words, so it is shown as it was made, on white. */
	colours: "none" | "light" | "both" | "paper";
}

export const HTML_MAX = 4 * 1024 * 1024;

const TAGS = ("a abbr acronym address article aside b bdi bdo big blockquote body br caption center cite code col colgroup dd del details dfn dir div dl dt em figcaption figure font footer " +
	"h1 h2 h3 h4 h5 h6 head header hr html i img ins kbd li main mark menu nav nobr ol p pre q rp rt ruby s samp section small span strike strong sub summary sup table tbody td tfoot th thead " +
	"time tr tt u ul var wbr #text").split(" ");
const ATTRIBUTES = ("abbr align alt background bgcolor border bordercolor cellpadding cellspacing class clear color cols colspan compact dir face headers height href hspace id lang noshade nowrap open " +
	"reversed role rowspan rules scope size span src srcset start style summary text title type valign value vspace width").split(" ");
/** What goes with all that is in it. */
const EMPTIED = ("script style title template noscript noembed noframes iframe object embed applet svg math textarea select option datalist audio video canvas xmp plaintext listing meta link base " +
	"frameset frame portal dialog annotation-xml foreignobject desc mi mn mo ms mtext selectmenu").split(" ");
const RASTER = /^data:image\/(?:png|jpe?g|gif|webp|avif);base64,[a-z0-9+/=\s]*$/i;
const TINY = 3;

interface Work {
	pictures: Picture[];
	index: Map<string, Picture>;
	urls: Map<Picture, string>;
	wanted: Set<Picture>; // what a tracker alone names isn't
	sheets: string[];
	hadForm: boolean;
}

function pictureOf(work: Work, address: string): Picture | null {
	const clean = address.trim().replace(/[\x00-\x1f]/g, "");
	let picture: Picture;
	if (/^cid:/i.test(clean)) picture = { kind: "part", name: safeDecode(clean.slice(4)).replace(/^<|>$/g, "") };
	else {
		const full = clean.startsWith("//") ? "https:" + clean : clean;
		if (!/^https?:/i.test(full) || !URL.canParse(full)) return null;
		picture = { kind: "remote", name: new URL(full).href };
	}
	const key = picture.kind + " " + picture.name, known = work.index.get(key);
	if (known) return known;
	if (work.pictures.length >= PICTURES_MAX) return null;
	work.index.set(key, picture);
	work.pictures.push(picture);
	return picture;
}

/** Of one letter. */
export const PICTURES_MAX = 500;

function safeDecode(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

function cssContext(work: Work, dark: boolean, color: CssContext["color"]): CssContext {
	return {
		dark,
		color,
		picture: (address) => {
			if (RASTER.test(address)) return address;
			const picture = pictureOf(work, address);
			if (picture) work.wanted.add(picture);
			return picture ? work.urls.get(picture) ?? null : null;
		},
	};
}

// ---- DOMPurify ----

function purify(html: string, work: Work): HTMLElement {
	const own = createPurify(window);
	own.addHook("uponSanitizeElement", (node, { tagName }) => {
		if (tagName === "style" && node.textContent) work.sheets.push(node.textContent);
		if (tagName === "form" || tagName === "input") work.hadForm = true;
	});
	const clean = own.sanitize(html, {
		ALLOWED_TAGS: TAGS,
		ALLOWED_ATTR: ATTRIBUTES,
		ALLOW_DATA_ATTR: false,
		ALLOW_ARIA_ATTR: false,
		ALLOW_UNKNOWN_PROTOCOLS: false,
		// Of all attributes: what begins as an address does must be one of these. Where addresses stand they are looked at below.
		ALLOWED_URI_REGEXP: /^(?:(?:https?|mailto|tel|cid):|data:image\/|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i,
		FORBID_CONTENTS: EMPTIED,
		FORBID_TAGS: EMPTIED,
		SANITIZE_DOM: true,
		SANITIZE_NAMED_PROPS: true,
		WHOLE_DOCUMENT: true,
		KEEP_CONTENT: true,
		RETURN_DOM: true,
		TRUSTED_TYPES_POLICY: policy as unknown as NonNullable<Config["TRUSTED_TYPES_POLICY"]>,
	}) as unknown as HTMLElement;
	own.removeAllHooks();
	return clean;
}

// ---- What DOMPurify leaves ----

/** The first of a srcset's addresses, where there is no other. */
function firstOf(srcset: string): string {
	return srcset.trim().split(/[\s,]+(?=\S)/)[0] ?? "";
}

/** Is it a picture that nobody is to see? */
export function isTracker(width: string | null, height: string | null, style: string | null): boolean {
	const low = (style ?? "").toLowerCase();
	const size = (attribute: string | null, property: string) => {
		const styled = new RegExp(`(?:^|[;\\s])${property}\\s*:\\s*([\\d.]+)(?:px)?\\s*(?:!important\\s*)?(?:;|$)`).exec(low)?.[1];
		const text = styled ?? attribute;
		return text !== null && /^\s*[\d.]+\s*(?:px)?\s*$/.test(text) ? parseFloat(text) : null;
	};
	const w = size(width, "width"), h = size(height, "height");
	return (w !== null && w < TINY && (h === null || h < TINY)) || (h !== null && h < TINY && w === null) || /display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$)/.test(low);
}

interface Placed { picture: Picture; place: (url: string) => void }

function cleanImage(image: Element, work: Work, placed: Placed[]): boolean {
	const source = image.getAttribute("src")?.trim() || firstOf(image.getAttribute("srcset") ?? "");
	image.removeAttribute("srcset");
	if (RASTER.test(source)) {
		image.setAttribute("src", source);
		return false;
	}
	image.removeAttribute("src");
	const picture = pictureOf(work, source);
	if (!picture) return false;
	if (picture.kind === "remote" && isTracker(image.getAttribute("width"), image.getAttribute("height"), image.getAttribute("style"))) {
		image.remove();
		return true;
	}
	work.wanted.add(picture);
	image.setAttribute("data-picture", picture.kind);
	placed.push({
		picture,
		place: (url) => {
			image.setAttribute("src", url);
			image.removeAttribute("data-picture");
		},
	});
	return false;
}

function cleanLink(link: Element, links: Letter["links"]): void {
	const href = link.getAttribute("href");
	if (href === null) return;
	if (href.startsWith("#")) return; // within the letter: our page scrolls
	const target = readTarget(href, link.textContent ?? "");
	if (!target) {
		link.removeAttribute("href");
		return;
	}
	link.setAttribute("href", target.href);
	link.setAttribute("target", "_blank");
	link.setAttribute("rel", "noopener noreferrer nofollow");
	links.push({ element: link as HTMLAnchorElement, target });
}

const COLOUR_ATTRIBUTES = ["bgcolor", "color", "text", "bordercolor"];

/* Colours of old attributes become those of the page, as those of styles do. */
function cleanColours(element: Element, color: CssContext["color"]): boolean {
	let any = false;
	for (const name of COLOUR_ATTRIBUTES) {
		const value = element.getAttribute(name);
		if (value === null) continue;
		const read = readLegacyColor(value);
		any = true;
		const whole = read && { ...read, a: 1 };
		if (whole) element.setAttribute(name, writeColor(color ? color(whole, name === "color" || name === "text" ? "ink" : "ground") : whole));
		else element.removeAttribute(name);
	}
	return any;
}

/* The body's own colours and background are those of the letter's first element. */
function bodyOf(root: HTMLElement): HTMLElement {
	const found = root.localName === "body" ? root : root.querySelector("body") ?? root;
	const body = found.ownerDocument.createElement("div");
	body.className = "letter-body " + (found.getAttribute("class") ?? "");
	for (const name of ["style", "bgcolor", "background", "dir", "lang", "id"]) {
		const value = found.getAttribute(name) ?? (name === "dir" || name === "lang" ? root.getAttribute(name) : null);
		if (value !== null) body.setAttribute(name, value);
	}
	const text = found.getAttribute("text");
	if (text) body.setAttribute("style", `color:${/^[0-9a-f]{6}$/i.test(text) ? "#" + text : text};` + (body.getAttribute("style") ?? ""));
	const ground = body.getAttribute("bgcolor");
	if (ground) body.setAttribute("style", `background-color:${/^[0-9a-f]{6}$/i.test(ground) ? "#" + ground : ground};` + (body.getAttribute("style") ?? ""));
	body.removeAttribute("bgcolor");
	body.append(...Array.from(found.childNodes));
	return body;
}

/** Which colours a letter has. */
function coloursOf(work: Work, root: HTMLElement): Letter["colours"] {
	const sheet = work.sheets.join("\n");
	if (knowsDark(sheet)) return "both";
	const laid = /background[^;}]*(?:url\(|\\)/i;
	if (laid.test(sheet) || Array.from(root.querySelectorAll("[style],[background]")).some((one) => one.hasAttribute("background") || laid.test(one.getAttribute("style") ?? ""))) return "paper";
	const styled = /(?:^|[;{\s])(?:color|background(?:-color)?|border[\w-]*)\s*:/i;
	if (styled.test(sheet) || root.querySelector("[bgcolor],font[color],body[text]")) return "light";
	return Array.from(root.querySelectorAll("[style]")).some((one) => styled.test(one.getAttribute("style") ?? "")) ? "light" : "none";
}

/** Makes a letter harmless. `dark`: for a dark page; its colours are turned, unless it has rules for that. */
export function cleanLetter(html: string, dark: boolean): Letter {
	const work: Work = { pictures: [], index: new Map(), urls: new Map(), wanted: new Set(), sheets: [], hadForm: false };
	const root = purify(html.slice(0, HTML_MAX), work);
	const colours = coloursOf(work, root), body = bodyOf(root);
	const context = cssContext(work, dark, dark && colours === "light" ? darken : null);
	const placed: Placed[] = [], links: Letter["links"] = [], restyled: [Element, string][] = [];
	let trackers = 0;
	for (const element of [body, ...Array.from(body.querySelectorAll("*"))]) {
		element.removeAttribute("name");
		if (element.getAttribute("role") !== "presentation") element.removeAttribute("role");
		if (element.localName === "img" && cleanImage(element, work, placed)) {
			trackers++;
			continue;
		}
		for (const name of ["src", "srcset"]) if (element.localName !== "img") element.removeAttribute(name);
		if (element.localName === "a") cleanLink(element, links);
		else element.removeAttribute("href");
		cleanColours(element, context.color);
		cleanBackground(element);
		cleanStyleOf(element, context, restyled);
	}
	const sheet = () => work.sheets.map((text) => cleanSheet(text, context)).join("\n");
	sheet(); // learns of its pictures
	return {
		body, sheet, trackers, links, colours,
		pictures: work.pictures.filter((one) => work.wanted.has(one)),
		hadForm: work.hadForm,
		show: (picture, url) => {
			work.urls.set(picture, url);
			for (const one of placed) if (one.picture === picture) one.place(url);
		},
		styles: () => {
			for (const [element, style] of restyled) element.setAttribute("style", cleanStyle(style, context));
		},
	};
}

/* A background attribute is a style. */
function cleanBackground(element: Element): void {
	const address = element.getAttribute("background");
	if (address === null) return;
	element.removeAttribute("background");
	element.setAttribute("style", `background-image:url("${address.replace(/[^\x21-\x7e]|["\\()]/g, (char) => encodeURIComponent(char).replace(/[()]/g, (one) => (one === "(" ? "%28" : "%29")))}");` + (element.getAttribute("style") ?? ""));
}

function cleanStyleOf(element: Element, context: CssContext, restyled: [Element, string][]): void {
	const style = element.getAttribute("style");
	if (style === null) return;
	if (/url|image/i.test(style) || style.includes("\\")) restyled.push([element, style]);
	const clean = cleanStyle(style, context);
	if (clean) element.setAttribute("style", clean);
	else element.removeAttribute("style");
}

// ---- Quotations ----

const QUOTED = "blockquote[type=cite], .gmail_quote, .gmail_quote_container, .yahoo_quoted, .moz-cite-prefix, #divRplyFwdMsg, #appendonsend, .protonmail_quote, .zmail_extra, .tutanota_quote, blockquote.cite";

/** Folds what was only quoted: from where it begins to the end, if there is something before it. `label`: of what opens it. True: there was something. */
export function foldQuotes(body: HTMLElement, label: string): boolean {
	const first = body.querySelector(QUOTED);
	if (!first || !hasWordsBefore(body, first)) return false;
	let top: Element = first;
	while (top.parentElement && top.parentElement !== body && !hasWordsBefore(top.parentElement, top)) top = top.parentElement;
	const document = body.ownerDocument, details = document.createElement("details"), summary = document.createElement("summary"), parent = top.parentElement ?? body;
	details.className = "pombal-quoted";
	summary.textContent = "•••";
	summary.setAttribute("title", label);
	summary.setAttribute("aria-label", label);
	parent.insertBefore(details, top);
	const gmail = first.matches(".gmail_quote, .gmail_quote_container, blockquote") && !hasWordsAfter(top);
	const rest = gmail || first.matches("#divRplyFwdMsg, #appendonsend, .moz-cite-prefix");
	details.append(summary);
	for (let next: ChildNode | null = top; next; ) {
		const after: ChildNode | null = next.nextSibling;
		details.append(next);
		if (!rest) break;
		next = after;
	}
	return true;
}

function words(text: string | null): boolean {
	return /[\p{L}\p{N}\p{Emoji_Presentation}]/u.test(text ?? "");
}

function hasWordsBefore(parent: Element, child: Element): boolean {
	for (let at: Node | null = child; at && at !== parent; at = at.parentNode)
		for (let before = at.previousSibling; before; before = before.previousSibling) if (words(before.textContent) || (before as Element).querySelector?.("img")) return true;
	return false;
}

function hasWordsAfter(child: Element): boolean {
	for (let after = child.nextSibling; after; after = after.nextSibling) if (words(after.textContent)) return true;
	return false;
}
