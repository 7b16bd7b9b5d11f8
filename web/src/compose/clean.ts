// HTML in the editor: what strangers wrote and what is pasted, made harmless before it stands in our page, and made mail of again. Nothing in it asks another
// server for anything: pictures are those of the draft (by their Content-ID), all others are left out.
import DOMPurify, { type Config, type DOMPurify as Purifier } from "dompurify";
import { parseInert, policy } from "../base/trusted.ts";

/** Pictures of a draft: Content-ID to an address within this page, and what a picture that comes as data: becomes. */
export interface Pictures {
	url(cid: string): string | null;
	cid(url: string): string | null;
	/** Takes a picture up; null: it can't be. */
	add(data: Blob): { cid: string; url: string } | null;
}

const TAGS = ["a", "abbr", "address", "b", "big", "blockquote", "br", "center", "cite", "code", "col", "colgroup", "dd", "del", "div", "dl", "dt", "em", "font", "h1", "h2", "h3", "h4", "h5", "h6",
	"hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "u", "ul", "var"];
const ATTRIBUTES = ["align", "alt", "bgcolor", "border", "cellpadding", "cellspacing", "class", "color", "colspan", "dir", "face", "height", "href", "lang", "rowspan", "size", "src", "start", "style",
	"title", "type", "valign", "width"];
const CLASSES = new Set(["signature", "attribution", "forwarded", "color", "highlight", "size", "font"]);
const PROPERTIES = /^(?:color|background-color|font(?:-(?:family|size|style|weight|variant))?|text-(?:align|decoration(?:-line)?|indent)|line-height|letter-spacing|white-space|vertical-align|direction|list-style-type|margin(?:-(?:top|right|bottom|left))?|padding(?:-(?:top|right|bottom|left))?|border(?:-(?:top|right|bottom|left|color|width|style|collapse|spacing))*|width|max-width|height)$/u;
const VALUE = /^(?!.*(?<!\b(?:rgba?|hsla?)\s*)\()[-\w\s#%.,()'"+!\p{L}]*$/iu; // no functions but colours'
const MOST_DATA = 20 << 20; // bytes of a picture that comes as data:

/** Declarations that may stay, as they were written. */
export function cleanStyle(style: string): string {
	return style.split(";").map((one) => one.trim()).filter((one) => {
		const colon = one.indexOf(":");
		return colon > 0 && PROPERTIES.test(one.slice(0, colon).trim().toLowerCase()) && VALUE.test(one.slice(colon + 1).trim());
	}).join("; ");
}

/** The bytes of a data: address, if it is a picture that every browser shows. */
export function pictureOf(data: string): Blob | null {
	const found = /^data:(image\/(?:png|jpeg|gif|webp));base64,([a-z0-9+/=\s]+)$/iu.exec(data);
	if (!found || data.length > MOST_DATA * 4 / 3) return null;
	try {
		return new Blob([Uint8Array.from(atob(found[2]!.replace(/\s+/gu, "")), (c) => c.charCodeAt(0))], { type: found[1]!.toLowerCase() });
	} catch {
		return null;
	}
}

function cleanImage(image: Element, pictures: Pictures): void {
	const source = image.getAttribute("src") ?? "";
	let cid = /^cid:/iu.test(source) ? decode(source.slice(4)) : pictures.cid(source), url = cid === null ? null : pictures.url(cid);
	if (cid === null) {
		const data = pictureOf(source), added = data && pictures.add(data);
		if (added) ({ cid, url } = added);
	}
	if (cid === null) {
		const alternative = image.getAttribute("alt");
		image.replaceWith(...(alternative ? [image.ownerDocument.createTextNode(`[${alternative}]`)] : []));
		return;
	}
	image.setAttribute("data-cid", cid);
	if (url) image.setAttribute("src", url);
	else image.removeAttribute("src"); // comes when it is loaded
}

function decode(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}

let purifier: Purifier | null = null;

function purify(): Purifier {
	if (purifier) return purifier;
	purifier = DOMPurify(window);
	purifier.addHook("uponSanitizeAttribute", (_node, attribute) => {
		if (attribute.attrName === "style") attribute.attrValue = cleanStyle(attribute.attrValue);
		else if (attribute.attrName === "class") attribute.attrValue = attribute.attrValue.split(/\s+/u).filter((one) => CLASSES.has(one)).join(" ");
		else if (attribute.attrName === "href") attribute.keepAttr = /^(?:https?|mailto|tel):/iu.test(attribute.attrValue.trim());
		if (attribute.attrValue === "" && (attribute.attrName === "style" || attribute.attrName === "class")) attribute.keepAttr = false;
	});
	return purifier;
}

/** What may stand in the editor. */
export function cleanFragment(html: string, pictures: Pictures): DocumentFragment {
	const fragment = purify().sanitize(html, {
		ALLOWED_TAGS: TAGS, ALLOWED_ATTR: ATTRIBUTES, ALLOW_DATA_ATTR: false, ALLOW_ARIA_ATTR: false, SANITIZE_NAMED_PROPS: true, RETURN_DOM_FRAGMENT: true,
		TRUSTED_TYPES_POLICY: policy as unknown as NonNullable<Config["TRUSTED_TYPES_POLICY"]>,
		// Of all attributes: what begins as an address does must be one of these. Of links and pictures it is looked at once more.
		ALLOWED_URI_REGEXP: /^(?:(?:https?|mailto|tel|cid|blob):|data:image\/(?:png|jpeg|gif|webp);base64,|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i, ADD_DATA_URI_TAGS: ["img"],
	});
	for (const image of fragment.querySelectorAll("img")) cleanImage(image, pictures);
	return fragment;
}

const QUOTE_STYLE = "margin: 0 0 0 0.8ex; border-left: 2px solid #b5b5b5; padding-left: 1ex";

/** What the editor has, as it goes into a message: pictures by their Content-ID, quotes with a line where the reader's program has no style of its own. */
export function toMail(html: string): string {
	const inert = parseInert(html);
	for (const image of inert.querySelectorAll("img")) {
		const cid = image.getAttribute("data-cid");
		if (cid) image.setAttribute("src", `cid:${encodeURIComponent(cid)}`);
		else image.remove();
		image.removeAttribute("data-cid");
	}
	for (const quote of inert.querySelectorAll("blockquote[type=cite]")) quote.setAttribute("style", QUOTE_STYLE);
	return inert.body.innerHTML;
}
